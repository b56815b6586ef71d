//! TLV (OMA LwM2M TS Core 1.1, section 7.4.3; 1.0, section 6.4.3).
//!
//! ```text
//! type: kind (2 bits) | identifier of 16 bits (1) | width of the length (2) | length (3)
//! identifier: 1 or 2 bytes     length: 0 to 3 bytes, big-endian     value
//! ```

use super::Out;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An object's instance: its value is a sequence of resources.
    ObjectInstance = 0b00,
    /// An instance of a multiple resource.
    ResourceInstance = 0b01,
    /// A multiple resource: its value is a sequence of its instances.
    MultipleResource = 0b10,
    /// A resource with its value.
    Resource = 0b11,
}

/// The head of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: Kind,
    /// Which one.
    pub id: u16,
    /// Length of its value, bytes: 24 bits.
    pub len: u32,
}

/// Longest head, bytes.
pub const HEAD_MAX: usize = 6;

/// An entry that ends behind its bytes, or a head that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl Head {
    /// The head of the first entry, and the bytes behind it.
    ///
    /// # Errors
    /// There are too few bytes for a head. Its value may still be truncated.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), Truncated> {
        let (first, rest) = bytes.split_first().ok_or(Truncated)?;
        let kind = match first >> 6 {
            0b00 => Kind::ObjectInstance,
            0b01 => Kind::ResourceInstance,
            0b10 => Kind::MultipleResource,
            _ => Kind::Resource,
        };
        let (id, rest) = number(rest, if first & 0x20 == 0 { 1 } else { 2 })?;
        let width = usize::from((first >> 3) & 0b11);
        let (len, rest) = number(rest, width)?;
        let len = if width == 0 { u32::from(first & 0b111) } else { len };
        Ok((Self { kind, id: id as u16, len }, rest))
    }

    /// Writes it, in the shortest form.
    pub fn emit(&self, out: &mut Out<'_>) {
        let [_, high, middle, low] = self.len.to_be_bytes();
        let (width, short) = match self.len {
            0..=7 => (0, low),
            8..=0xFF => (1, 0),
            0x100..=0xFFFF => (2, 0),
            _ => (3, 0),
        };
        let [upper, lower] = self.id.to_be_bytes();
        let long = u8::from(upper > 0);
        out.put(&[((self.kind as u8) << 6) | (long << 5) | (width << 3) | short]);
        if long > 0 {
            out.put(&[upper]);
        }
        out.put(&[lower]);
        match width {
            0 => {}
            1 => out.put(&[low]),
            2 => out.put(&[middle, low]),
            _ => out.put(&[high, middle, low]),
        }
    }
}

fn number(bytes: &[u8], width: usize) -> Result<(u32, &[u8]), Truncated> {
    let (number, rest) = bytes.split_at_checked(width).ok_or(Truncated)?;
    Ok((number.iter().fold(0, |n: u32, byte| (n << 8) | u32::from(*byte)), rest))
}

/// The entries of a sequence, each with its value.
#[derive(Clone, Copy, Debug)]
pub struct Entries<'b>(&'b [u8]);

impl<'b> Entries<'b> {
    /// Those of these bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self) -> Result<(Head, &'b [u8]), Truncated> {
        let (head, rest) = Head::parse(self.0)?;
        let len = usize::try_from(head.len).map_err(|_| Truncated)?;
        let (value, rest) = rest.split_at_checked(len).ok_or(Truncated)?;
        self.0 = rest;
        Ok((head, value))
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = Result<(Head, &'b [u8]), Truncated>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.take();
        if entry.is_err() {
            self.0 = &[];
        }
        Some(entry)
    }
}

/// Writes an entry with its value.
pub fn put(out: &mut Out<'_>, kind: Kind, id: u16, value: &[u8]) {
    Head { kind, id, len: value.len() as u32 }.emit(out);
    out.put(value);
}

/// A number's bytes: 1, 2, 4 or 8, big-endian, the fewest in which the highest bit is clear, so that it is the
/// same with and without a sign.
#[derive(Clone, Copy, Debug)]
pub struct Integer {
    bytes: [u8; 8],
    from: usize,
}

impl Integer {
    /// Those of a number.
    pub fn new(number: u64) -> Self {
        let from = match number {
            0..=0x7F => 7,
            0x80..=0x7FFF => 6,
            0x8000..=0x7FFF_FFFF => 4,
            _ => 0,
        };
        Self { bytes: number.to_be_bytes(), from }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.from..).unwrap_or_default()
    }
}

/// A number of 32 bits without sign from 1, 2, 4 or 8 bytes. `signed` says whether the highest bit is a sign:
/// what is negative is none.
pub fn unsigned(value: &[u8], signed: bool) -> Option<u32> {
    let (high, low) = match value.len() {
        1 | 2 | 4 => (&[][..], value),
        8 => value.split_at_checked(4)?,
        _ => return None,
    };
    let negative = signed && value.first().is_some_and(|first| first & 0x80 != 0);
    if negative || high.iter().any(|byte| *byte != 0) {
        return None;
    }
    number(low, low.len()).ok().map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_takes_the_fewest_bytes_that_are_no_negative_one() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[0x7F]),
            (128, &[0, 0x80]),
            (32_768, &[0, 0, 0x80, 0]),
            (0x7FFF_FFFF, &[0x7F, 0xFF, 0xFF, 0xFF]),
            (u32::MAX, &[0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]),
        ] {
            assert_eq!(Integer::new(u64::from(number)).as_bytes(), bytes);
            assert_eq!((unsigned(bytes, true), unsigned(bytes, false)), (Some(number), Some(number)));
        }
    }

    #[test]
    fn a_number_of_another_width_or_sign_is_none() {
        for bytes in [&[][..], &[0; 3], &[0; 5], &[0; 9], &[0, 0, 0, 1, 0, 0, 0, 0]] {
            assert_eq!((unsigned(bytes, true), unsigned(bytes, false)), (None, None), "{bytes:?}");
        }
        assert_eq!(unsigned(&[0xFF], true), None);
        assert_eq!(unsigned(&[0xFF; 4], false), Some(u32::MAX));
        assert_eq!(unsigned(&[0xFF; 8], false), None);
    }

    #[test]
    fn every_width_of_a_head_comes_back() {
        for id in [0, 1, 255, 256, 65_535] {
            for len in [0, 7, 8, 255, 256, 65_535, 65_536, 0xFF_FFFF] {
                for kind in
                    [Kind::ObjectInstance, Kind::ResourceInstance, Kind::MultipleResource, Kind::Resource]
                {
                    let mut bytes = [0; HEAD_MAX];
                    let mut out = Out::new(&mut bytes);
                    let head = Head { kind, id, len };
                    head.emit(&mut out);
                    let n = out.finish().unwrap();
                    assert_eq!(Head::parse(&bytes[..n]), Ok((head, &[][..])));
                    for short in 0..n {
                        assert_eq!(Head::parse(&bytes[..short]), Err(Truncated));
                    }
                }
            }
        }
    }

    #[test]
    fn a_value_that_ends_early_ends_the_sequence() {
        let mut entries = Entries::new(&[0xC1, 0x03, 0x31, 0xC4, 0x05, 0x00]);
        assert_eq!(entries.next(), Some(Ok((Head { kind: Kind::Resource, id: 3, len: 1 }, &[0x31][..]))));
        assert_eq!(entries.next(), Some(Err(Truncated)));
        assert_eq!(entries.next(), None);
    }
}
