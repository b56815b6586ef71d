//! Deterministic CBOR (RFC 8949, section 4.2.1) and nothing else: heads of the least length, definite lengths,
//! keys that rise.

use super::Checked;
use crate::package::Rejected;

/// Major types (RFC 8949, section 3.1).
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}
/// Major type of byte strings.
pub(super) const BYTES: u8 = 2;
/// Major type of text strings.
pub(super) const TEXT: u8 = 3;
/// The simple value nil (RFC 8949, section 3.3).
const NIL: u64 = 22;

/// Bytes that are no head of deterministic CBOR.
pub(super) struct Malformed;

/// The head of an item: its major type, its argument, and what stands behind it.
pub(super) type Item<'a> = (u8, u64, &'a [u8]);

/// The head that `bytes` begin with, or `None` while bytes of it are missing.
pub(super) fn head(bytes: &[u8]) -> Result<Option<Item<'_>>, Malformed> {
    let Some((&first, behind)) = bytes.split_first() else { return Ok(None) };
    let (major, low) = (first >> 5, first & 0x1f);
    let (start, width) = match low {
        0..=23 => (u64::from(low), 0),
        24..=27 => (0, 1usize << (low - 24)),
        _ => return Err(Malformed),
    };
    let Some((wide, behind)) = behind.split_at_checked(width) else { return Ok(None) };
    let argument = wide.iter().fold(start, |sum, byte| sum << 8 | u64::from(*byte));
    if head_len(argument) == width.saturating_add(1) {
        Ok(Some((major, argument, behind)))
    } else {
        Err(Malformed)
    }
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
    rest: &'a [u8],
    bad: &'static Rejected,
}

impl<'a> Cursor<'a> {
    /// Reads `bytes`; whatever is not deterministic CBOR of the kind asked for is `bad`.
    pub(super) fn new(bytes: &'a [u8], bad: &'static Rejected) -> Self {
        Self { rest: bytes, bad }
    }

    /// The verdict on what is malformed here.
    pub(super) fn bad(&self) -> &'static Rejected {
        self.bad
    }

    /// An unsigned integer.
    pub(super) fn uint(&mut self) -> Checked<u64> {
        self.item(major::UNSIGNED)
    }

    /// An integer of at most 64 bits with its sign.
    pub(super) fn int(&mut self) -> Checked<i64> {
        let negative = self.next_major() == major::NEGATIVE;
        let argument = self.item(u8::from(negative))?;
        // The argument of a negative integer n is -1 - n, which is its complement.
        i64::try_from(argument).map(|n| if negative { !n } else { n }).map_err(|_| self.bad)
    }

    /// A byte string.
    pub(super) fn bytes(&mut self) -> Checked<&'a [u8]> {
        self.string(BYTES)
    }

    /// A byte string of `N` bytes.
    pub(super) fn exactly<const N: usize>(&mut self) -> Checked<&'a [u8; N]> {
        self.bytes()?.try_into().map_err(|_| self.bad)
    }

    /// A text string.
    pub(super) fn text(&mut self) -> Checked<&'a str> {
        core::str::from_utf8(self.string(TEXT)?).map_err(|_| self.bad)
    }

    /// Nil.
    pub(super) fn nil(&mut self) -> Checked<()> {
        if self.item(major::SIMPLE)? == NIL { Ok(()) } else { Err(self.bad) }
    }

    /// A tag.
    pub(super) fn tag(&mut self) -> Checked<u64> {
        self.item(major::TAG)
    }

    /// The head of an array: how many items follow.
    pub(super) fn array(&mut self) -> Checked<u64> {
        self.item(major::ARRAY).and_then(|count| self.enough(count, count))
    }

    /// The head of a map: how many pairs follow.
    pub(super) fn map(&mut self) -> Checked<u64> {
        self.item(major::MAP).and_then(|count| self.enough(count, count.saturating_mul(2)))
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
        match self.next_major() {
            kind @ (BYTES | TEXT) => self.string(kind).map(drop),
            _ => self.int().map(drop),
        }
    }

    /// Nothing follows.
    pub(super) fn end(&self) -> Checked<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.bad) }
    }

    /// The argument of the next item's head, which must be of this major type.
    fn item(&mut self, major: u8) -> Checked<u64> {
        match head(self.rest) {
            Ok(Some((found, argument, behind))) if found == major => {
                self.rest = behind;
                Ok(argument)
            }
            Ok(_) | Err(Malformed) => Err(self.bad),
        }
    }

    /// The body of a string of this major type.
    fn string(&mut self, major: u8) -> Checked<&'a [u8]> {
        let len = usize::try_from(self.item(major)?).map_err(|_| self.bad)?;
        let (body, behind) = self.rest.split_at_checked(len).ok_or(self.bad)?;
        self.rest = behind;
        Ok(body)
    }

    /// The major type of what comes next; that of unsigned integers at the end.
    fn next_major(&self) -> u8 {
        self.rest.first().map_or(major::UNSIGNED, |first| first >> 5)
    }

    /// A count, for whose items there must be a byte each at least.
    fn enough(&self, count: u64, items: u64) -> Checked<u64> {
        if items > self.rest.len() as u64 { Err(self.bad) } else { Ok(count) }
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
            assert!(matches!(head(&bytes[..len]), Ok(Some((0, n, []))) if n == argument));
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

    /// What the encoder of minicbor makes of the item that its decoder finds at the front of `bytes`, if that is
    /// the same bytes: the deterministic form, from someone else.
    fn deterministic<'a, V>(
        bytes: &'a [u8],
        decode: impl Fn(&mut minicbor::Decoder<'a>) -> Option<V>,
        encode: impl Fn(&mut minicbor::Encoder<&mut [u8]>, &V),
    ) -> Option<V> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let value = decode(&mut decoder)?;
        let mut again = [0; 32];
        let mut encoder = minicbor::Encoder::new(&mut again[..]);
        encode(&mut encoder, &value);
        let left = encoder.into_writer().len();
        (bytes[..decoder.position()] == again[..32 - left]).then_some(value)
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config {
            cases: 20_000,
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn an_item_is_read_exactly_where_another_decoder_finds_its_deterministic_form(
            first in proptest::prelude::any::<u8>(),
            rest in proptest::collection::vec(
                proptest::prop_oneof![0u8..4, proptest::prelude::any::<u8>()], 0..20),
        ) {
            let bytes = [&[first][..], &rest].concat();
            let ours = || Cursor::new(&bytes, BAD);
            let uint = deterministic(&bytes, |d| d.u64().ok(), |e, v| { e.u64(*v).unwrap(); });
            proptest::prop_assert_eq!(ours().uint().ok(), uint);
            let int = deterministic(&bytes, |d| d.i64().ok(), |e, v| { e.i64(*v).unwrap(); });
            proptest::prop_assert_eq!(ours().int().ok(), int);
            let body = deterministic(&bytes, |d| d.bytes().ok(), |e, v| { e.bytes(v).unwrap(); });
            proptest::prop_assert_eq!(ours().bytes().ok(), body);
            let text = deterministic(&bytes, |d| d.str().ok(), |e, v| { e.str(v).unwrap(); });
            proptest::prop_assert_eq!(ours().text().ok(), text);
            let tag = deterministic(&bytes, |d| d.tag().ok(), |e, v| { e.tag(*v).unwrap(); });
            proptest::prop_assert_eq!(ours().tag().ok(), tag.map(|tag| tag.as_u64()));
            let nil = deterministic(&bytes, |d| d.null().ok(), |e, ()| { e.null().unwrap(); });
            proptest::prop_assert_eq!(ours().nil().ok(), nil);
            let array = deterministic(&bytes, |d| d.array().ok()?, |e, v| { e.array(*v).unwrap(); });
            let array = array.filter(|n| usize::try_from(*n).is_ok_and(|n| n < bytes.len()));
            proptest::prop_assert_eq!(ours().array().ok(), array);
            let map = deterministic(&bytes, |d| d.map().ok()?, |e, v| { e.map(*v).unwrap(); });
            let map = map.filter(|n| usize::try_from(*n).is_ok_and(|n| n <= (bytes.len() - 1) / 2));
            proptest::prop_assert_eq!(ours().map().ok(), map);
        }
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
