//! Maps of CBOR (RFC 8949) by a cursor: of definite and of indefinite length, as deep as [`DEPTH`] and no deeper.

use minicbor::Decoder;
use minicbor::data::Type;

use super::Out;

/// How deep what is passed over may be nested.
pub const DEPTH: u8 = 8;

/// The bytes are not the representation that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl From<minicbor::decode::Error> for Malformed {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// Reads one item and nothing behind it.
#[derive(Clone, Debug)]
pub struct Reader<'b>(Decoder<'b>);

/// How many entries are still to come; `None` until a break.
#[derive(Clone, Copy, Debug)]
pub struct Left(Option<u64>);

impl<'b> Reader<'b> {
    /// Reads these bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(Decoder::new(bytes))
    }

    /// The head of a map.
    ///
    /// # Errors
    /// [`Malformed`] where there is none; so for all that follow.
    pub fn map(&mut self) -> Result<Left, Malformed> {
        Ok(Left(self.0.map()?))
    }

    /// The head of an array.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn array(&mut self) -> Result<Left, Malformed> {
        Ok(Left(self.0.array()?))
    }

    /// Whether another entry follows. Takes the break at the end.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn more(&mut self, left: &mut Left) -> Result<bool, Malformed> {
        match &mut left.0 {
            Some(0) => Ok(false),
            Some(count) => {
                *count = count.saturating_sub(1);
                Ok(true)
            }
            None if self.0.datatype()? == Type::Break => {
                self.0.set_position(self.0.position().saturating_add(1));
                Ok(false)
            }
            None => Ok(true),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn text(&mut self) -> Result<&'b str, Malformed> {
        Ok(self.0.str()?)
    }

    /// An unsigned number of 16 bits.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn uint(&mut self) -> Result<u16, Malformed> {
        Ok(self.0.u16()?)
    }

    /// Passes over an item, whatever it is.
    ///
    /// # Errors
    /// [`Malformed`], also where it is nested deeper than [`DEPTH`].
    pub fn skip(&mut self) -> Result<(), Malformed> {
        self.skip_in(DEPTH)
    }

    fn skip_in(&mut self, depth: u8) -> Result<(), Malformed> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        let kind = self.0.datatype()?;
        let (mut left, pairs) = if matches!(kind, Type::Map | Type::MapIndef) {
            (self.map()?, true)
        } else if matches!(kind, Type::Array | Type::ArrayIndef) {
            (self.array()?, false)
        } else if kind == Type::Tag {
            self.0.tag()?;
            return self.skip_in(depth);
        } else if kind == Type::Break {
            return Err(Malformed);
        } else {
            return Ok(self.0.skip()?);
        };
        while self.more(&mut left)? {
            self.skip_in(depth)?;
            if pairs {
                self.skip_in(depth)?;
            }
        }
        Ok(())
    }

    /// The item was the last.
    ///
    /// # Errors
    /// [`Malformed`] where bytes follow.
    pub fn end(&self) -> Result<(), Malformed> {
        if self.0.position() == self.0.input().len() { Ok(()) } else { Err(Malformed) }
    }
}

/// Sets what is to be there once.
///
/// # Errors
/// [`Malformed`] where it was there before.
pub(super) fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    if place.replace(value).is_some() { Err(Malformed) } else { Ok(()) }
}

/// Major types. RFC 8949 section 3.1.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const SIMPLE: u8 = 7;
}

/// Simple values. RFC 8949 section 3.3; true is the one behind it.
const FALSE: usize = 20;

/// Writes items of definite length. What does not fit is told by [`Out::finish`].
#[derive(Debug)]
pub struct Writer<'o, 'b>(&'o mut Out<'b>);

impl<'o, 'b> Writer<'o, 'b> {
    /// Writes to this.
    pub fn new(out: &'o mut Out<'b>) -> Self {
        Self(out)
    }

    /// A head in its shortest form. Nothing here counts more than 16 bits.
    fn head(&mut self, major: u8, number: usize) -> &mut Self {
        let [.., high, low] = number.to_be_bytes();
        let major = major << 5;
        match number {
            0..24 => self.0.put(&[major | low]),
            24..0x100 => self.0.put(&[major | 24, low]),
            _ => self.0.put(&[major | 25, high, low]),
        }
        self
    }

    /// The head of a map of so many entries.
    pub fn map(&mut self, entries: usize) -> &mut Self {
        self.head(major::MAP, entries)
    }

    /// The head of an array of so many items.
    pub fn array(&mut self, items: usize) -> &mut Self {
        self.head(major::ARRAY, items)
    }

    /// A text, or a key.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.head(major::TEXT, text.len());
        self.0.put(text.as_bytes());
        self
    }

    /// An unsigned number.
    pub fn uint(&mut self, number: u16) -> &mut Self {
        self.head(major::UNSIGNED, usize::from(number))
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.head(major::SIMPLE, FALSE.saturating_add(usize::from(value)))
    }

    /// An array of texts.
    pub fn texts(&mut self, texts: &[&str]) -> &mut Self {
        self.array(texts.len());
        for text in texts {
            self.text(text);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        reader.skip().and_then(|()| reader.end()).is_ok()
    }

    #[test]
    fn what_is_well_formed_is_passed_over_and_nothing_else() {
        // From appendix A of RFC 8949.
        let good: [&[u8]; 8] = [
            &[0x18, 0x64],
            &[0xf9, 0x3c, 0x00],
            &[0xf6],
            &[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0],
            &[0x9f, 0x01, 0x82, 0x02, 0x03, 0x9f, 0x04, 0x05, 0xff, 0xff],
            &[0xbf, 0x61, 0x61, 0x01, 0x61, 0x62, 0x9f, 0x02, 0x03, 0xff, 0xff],
            &[0x7f, 0x65, 0x73, 0x74, 0x72, 0x65, 0x61, 0x64, 0x6d, 0x69, 0x6e, 0x67, 0xff],
            &[0x82, 0x9f, 0x01, 0xff, 0xbf, 0xff],
        ];
        for bytes in good {
            assert!(skips(bytes), "{bytes:02x?}");
            assert!(!skips(&bytes[..bytes.len() - 1]), "{bytes:02x?}");
            assert!(!skips(&[bytes, &[0]].concat()), "{bytes:02x?}");
        }
        // From appendix F: breaks out of place, reserved values, and an odd number of items in a map.
        let bad: [&[u8]; 6] =
            [&[0xff], &[0x81, 0xff], &[0x1c], &[0xa2, 0x61, 0x61, 0x01, 0xff], &[0xbf, 0x00, 0xff], &[0x1f]];
        for bytes in bad {
            assert!(!skips(bytes), "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_and_lengths_are_bounded() {
        assert!(skips(&[[0x81; DEPTH as usize - 1].as_slice(), &[0]].concat()));
        assert!(!skips(&[[0x81; DEPTH as usize].as_slice(), &[0]].concat()));
        assert!(!skips(&[0x81; 100_000]));
        assert!(!skips(&[0xC1; 100_000]));
        // 2^64 - 1 of each kind, and nothing behind it.
        for kind in [0x5b, 0x7b, 0x9b, 0xbb] {
            assert!(!skips(&[kind, 255, 255, 255, 255, 255, 255, 255, 255]), "{kind:02x}");
        }
    }
}
