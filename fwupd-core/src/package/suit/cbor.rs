//! Deterministic CBOR (RFC 8949, section 4.2.1) and nothing else: heads of the least length, definite lengths,
//! keys that rise.

use minicbor::Decoder;
use minicbor::decode::Error;

use super::Checked;
use crate::package::Rejected;

/// Major type of byte strings (RFC 8949, section 3.1).
pub(super) const BYTES: u8 = 2;
/// Major type of text strings.
pub(super) const TEXT: u8 = 3;

/// Bytes that are no head of deterministic CBOR.
pub(super) struct Malformed;

/// The major type and the argument of the head that `bytes` are, or `None` while bytes of it are missing.
/// To be called again with every further byte, so that it never sees one too many.
pub(super) fn head(bytes: &[u8]) -> Result<Option<(u8, u64)>, Malformed> {
    let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
    let (major, low) = (first >> 5, first & 0x1f);
    let width = match low {
        0..=23 => return Ok(Some((major, u64::from(low)))),
        24..=27 => 1usize << (low - 24),
        _ => return Err(Malformed),
    };
    if rest.len() < width {
        return Ok(None);
    }
    let argument = rest.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    if head_len(argument) == bytes.len() { Ok(Some((major, argument))) } else { Err(Malformed) }
}

/// Length of the shortest head for an argument, bytes.
fn head_len(argument: u64) -> usize {
    match argument {
        0..=0x17 => 1,
        0x18..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Reads one buffer from its front to its end.
pub(super) struct Cursor<'a> {
    decoder: Decoder<'a>,
    bad: &'static Rejected,
}

impl<'a> Cursor<'a> {
    /// Reads `bytes`; whatever is not deterministic CBOR of the kind asked for is `bad`.
    pub(super) fn new(bytes: &'a [u8], bad: &'static Rejected) -> Self {
        Self { decoder: Decoder::new(bytes), bad }
    }

    /// The verdict on what is malformed here.
    pub(super) fn bad(&self) -> &'static Rejected {
        self.bad
    }

    /// An unsigned integer.
    pub(super) fn uint(&mut self) -> Checked<u64> {
        self.minimal(|d| d.u64().map(|n| (n, n, 0)))
    }

    /// An integer of at most 64 bits with its sign.
    pub(super) fn int(&mut self) -> Checked<i64> {
        // The argument of a negative integer n is -1 - n, which is its complement.
        self.minimal(|d| d.i64().map(|n| (n, (if n < 0 { !n } else { n }).unsigned_abs(), 0)))
    }

    /// A byte string.
    pub(super) fn bytes(&mut self) -> Checked<&'a [u8]> {
        self.minimal(|d| d.bytes().map(|b| (b, b.len() as u64, b.len())))
    }

    /// A byte string of `N` bytes.
    pub(super) fn exactly<const N: usize>(&mut self) -> Checked<&'a [u8; N]> {
        self.bytes()?.try_into().map_err(|_| self.bad)
    }

    /// A text string.
    pub(super) fn text(&mut self) -> Checked<&'a str> {
        self.minimal(|d| d.str().map(|s| (s, s.len() as u64, s.len())))
    }

    /// Nil.
    pub(super) fn nil(&mut self) -> Checked<()> {
        self.minimal(|d| d.null().map(|()| ((), 0, 0)))
    }

    /// A tag.
    pub(super) fn tag(&mut self) -> Checked<u64> {
        self.minimal(|d| d.tag().map(|t| (t.as_u64(), t.as_u64(), 0)))
    }

    /// The head of an array: how many items follow.
    pub(super) fn array(&mut self) -> Checked<u64> {
        self.count(1, Decoder::array)
    }

    /// The head of a map: how many pairs follow.
    pub(super) fn map(&mut self) -> Checked<u64> {
        self.count(2, Decoder::map)
    }

    /// The key of a map's next pair, an unsigned integer not below `least`, which is set to the least that
    /// the key behind it may be: keys are sorted, and none comes twice.
    pub(super) fn key(&mut self, least: &mut u64) -> Checked<u64> {
        let key = self.uint()?;
        if key < *least {
            return Err(self.bad);
        }
        *least = key.saturating_add(1);
        Ok(key)
    }

    /// Passes over an integer or a string. Nothing that nests is passed over.
    pub(super) fn skip_scalar(&mut self) -> Checked<()> {
        let next = self.decoder.input().get(self.decoder.position()).copied().unwrap_or_default();
        match next >> 5 {
            BYTES => self.bytes().map(drop),
            TEXT => self.text().map(drop),
            _ => self.int().map(drop),
        }
    }

    /// Nothing follows.
    pub(super) fn end(&self) -> Checked<()> {
        if self.rest() == 0 { Ok(()) } else { Err(self.bad) }
    }

    /// Bytes that are left.
    fn rest(&self) -> usize {
        self.decoder.input().len().saturating_sub(self.decoder.position())
    }

    /// A count of groups of `items` items each, for which there must be a byte each at least.
    fn count(
        &mut self,
        items: u64,
        read: impl Fn(&mut Decoder<'a>) -> Result<Option<u64>, Error>,
    ) -> Checked<u64> {
        let bad = self.bad;
        // Indefinite is None; the longest head stands in for it, which it has not.
        let count = self.minimal(|d| read(d).map(|n| n.map_or((0, u64::MAX, 0), |n| (n, n, 0))))?;
        if count.saturating_mul(items) > self.rest() as u64 { Err(bad) } else { Ok(count) }
    }

    /// What `read` reads, which also tells the argument of its head and the length of its body, if the head
    /// has its least length.
    fn minimal<V>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'a>) -> Result<(V, u64, usize), Error>,
    ) -> Checked<V> {
        let from = self.decoder.position();
        let (value, argument, body) = read(&mut self.decoder).map_err(|_| self.bad)?;
        let took = self.decoder.position().wrapping_sub(from);
        if took == head_len(argument).wrapping_add(body) { Ok(value) } else { Err(self.bad) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Stage;

    const BAD: &Rejected = &Rejected { stage: Stage::Manifest, reason: "bad" };

    #[test]
    fn a_head_is_read_at_its_last_byte_and_only_in_its_shortest_form() {
        for argument in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
            let mut bytes = [0; 9];
            let len = head_len(argument);
            let mut encoder = minicbor::Encoder::new(&mut bytes[..]);
            encoder.u64(argument).unwrap();
            for cut in 0..len {
                assert!(matches!(head(&bytes[..cut]), Ok(None)));
            }
            assert!(matches!(head(&bytes[..len]), Ok(Some((0, n))) if n == argument));
        }
        for long in ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "1c", "1f", "5f", "ff"] {
            let bytes: Vec<u8> = (0..long.len())
                .step_by(2)
                .map(|i| u8::from_str_radix(&long[i..i + 2], 16).unwrap())
                .collect();
            assert!(head(&bytes).is_err(), "{long}");
        }
    }

    #[test]
    fn an_item_with_a_longer_head_than_it_needs_is_bad() {
        assert_eq!(Cursor::new(&[0x05], BAD).uint(), Ok(5));
        assert_eq!(Cursor::new(&[0x18, 0x05], BAD).uint(), Err(BAD));
        assert_eq!(Cursor::new(&[0x38, 0x17], BAD).int(), Err(BAD));
        assert_eq!(Cursor::new(&[0x38, 0x18], BAD).int(), Ok(-25));
        assert_eq!(Cursor::new(&[0x58, 0x01, 0x07], BAD).bytes(), Err(BAD));
        assert_eq!(Cursor::new(&[0x78, 0x01, b'a'], BAD).text(), Err(BAD));
        assert_eq!(Cursor::new(&[0x98, 0x01, 0x07], BAD).array(), Err(BAD));
        assert_eq!(Cursor::new(&[0xb8, 0x01, 0x07, 0x07], BAD).map(), Err(BAD));
        assert_eq!(Cursor::new(&[0xd8, 0x12], BAD).tag(), Err(BAD));
    }

    #[test]
    fn an_indefinite_length_is_bad() {
        assert_eq!(Cursor::new(&[0x9f, 0xff], BAD).array(), Err(BAD));
        assert_eq!(Cursor::new(&[0xbf, 0xff], BAD).map(), Err(BAD));
        assert_eq!(Cursor::new(&[0x5f, 0x41, 0x00, 0xff], BAD).bytes(), Err(BAD));
        assert_eq!(Cursor::new(&[0x7f, 0x61, 0x61, 0xff], BAD).text(), Err(BAD));
    }

    #[test]
    fn a_count_of_more_items_than_there_are_bytes_is_bad() {
        assert_eq!(Cursor::new(&[0x81], BAD).array(), Err(BAD));
        assert_eq!(Cursor::new(&[0x82, 0, 0], BAD).array(), Ok(2));
        assert_eq!(Cursor::new(&[0xa1, 0], BAD).map(), Err(BAD));
        assert_eq!(Cursor::new(&[0xbb, 255, 255, 255, 255, 255, 255, 255, 255, 0], BAD).map(), Err(BAD));
    }

    #[test]
    fn keys_rise() {
        let mut least = 0;
        let mut cursor = Cursor::new(&[1, 3, 3], BAD);
        assert_eq!(cursor.key(&mut least), Ok(1));
        assert_eq!(cursor.key(&mut least), Ok(3));
        assert_eq!(cursor.key(&mut least), Err(BAD));
    }

    #[test]
    fn only_what_does_not_nest_is_passed_over() {
        for (bytes, verdict) in [
            (&[0x05][..], Ok(())),
            (&[0x25], Ok(())),
            (&[0x41, 0], Ok(())),
            (&[0x61, 0x61], Ok(())),
            (&[0x80], Err(BAD)),
            (&[0xa0], Err(BAD)),
            (&[0xc1, 0], Err(BAD)),
            (&[0xf6], Err(BAD)),
            (&[], Err(BAD)),
        ] {
            assert_eq!(Cursor::new(bytes, BAD).skip_scalar(), verdict, "{bytes:?}");
        }
    }
}
