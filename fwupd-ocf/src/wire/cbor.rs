//! Maps of CBOR (RFC 8949) by a cursor: of definite and of indefinite length, as deep as [`DEPTH`] and no deeper.

use super::Out;

/// How deep what is passed over may be nested.
pub const DEPTH: u8 = 8;

/// The bytes are not the representation that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Major types. RFC 8949 section 3.1.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const ARRAY: u8 = 4;
    pub(super) const MAP: u8 = 5;
    pub(super) const TAG: u8 = 6;
    pub(super) const SIMPLE: u8 = 7;
}

/// Simple values. RFC 8949 section 3.3; true is the one behind it.
const FALSE: usize = 20;
/// The end of what has no length. RFC 8949 section 3.2.1.
const BREAK: u8 = 0xFF;

/// Reads one item and nothing behind it.
#[derive(Clone, Debug)]
pub struct Reader<'b>(&'b [u8]);

/// A simple value in a byte of its own.
const SIMPLE: u8 = major::SIMPLE << 5 | 24;

/// How many entries are still to come; `None` until a break.
#[derive(Clone, Copy, Debug)]
pub struct Left(Option<u32>);

impl<'b> Reader<'b> {
    /// Reads these bytes.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, length: u32) -> Result<&'b [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length as usize).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A head: its major type and its argument, which a break and what has no length do not have. One of more
    /// than 32 bits counts as the greatest of 32: nothing is that long.
    fn head(&mut self) -> Result<(u8, Option<u32>), Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        let argument = match first & 31 {
            number @ 0..24 => Some(u32::from(number)),
            width @ 24..28 => {
                let bytes = self.take(1 << (width - 24))?;
                let number = |number: u32, byte: &u8| Some(number.checked_mul(256)? | u32::from(*byte));
                Some(bytes.iter().try_fold(0, number).unwrap_or(u32::MAX))
            }
            31 => None,
            _ => return Err(Malformed),
        };
        Ok((first >> 5, argument))
    }

    /// The argument of a head of this major type.
    fn argument(&mut self, major: u8) -> Result<Option<u32>, Malformed> {
        match self.head()? {
            (found, argument) if found == major => Ok(argument),
            _ => Err(Malformed),
        }
    }

    /// The head of a map.
    ///
    /// # Errors
    /// [`Malformed`] where there is none; so for all that follow.
    pub fn map(&mut self) -> Result<Left, Malformed> {
        self.argument(major::MAP).map(Left)
    }

    /// The head of an array.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn array(&mut self) -> Result<Left, Malformed> {
        self.argument(major::ARRAY).map(Left)
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
            None => match self.0.split_first().ok_or(Malformed)? {
                (&BREAK, rest) => {
                    self.0 = rest;
                    Ok(false)
                }
                _ => Ok(true),
            },
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn text(&mut self) -> Result<&'b str, Malformed> {
        let length = self.argument(major::TEXT)?.ok_or(Malformed)?;
        core::str::from_utf8(self.take(length)?).map_err(|_| Malformed)
    }

    /// An unsigned number of 16 bits.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn uint(&mut self) -> Result<u16, Malformed> {
        let number = self.argument(major::UNSIGNED)?.ok_or(Malformed)?;
        u16::try_from(number).map_err(|_| Malformed)
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
        let mut inside = self.clone();
        // A simple value below 32 has no second byte.
        if let [SIMPLE, 0..32, ..] = self.0 {
            return Err(Malformed);
        }
        let (kind, argument) = self.head()?;
        let items = match (kind, argument) {
            (major::UNSIGNED | major::NEGATIVE | major::SIMPLE, Some(_)) => return Ok(()),
            (major::BYTES, Some(length)) => return self.take(length).map(|_| ()),
            (major::TEXT, Some(_)) => {
                inside.text()?;
                self.0 = inside.0;
                return Ok(());
            }
            // In parts of the same kind, each of which has a length.
            (major::BYTES | major::TEXT, None) => {
                while self.more(&mut Left(None))? {
                    match self.clone().head()? {
                        (found, Some(_)) if found == kind => self.skip_in(1)?,
                        _ => return Err(Malformed),
                    }
                }
                return Ok(());
            }
            (major::TAG, Some(_)) => return self.skip_in(depth),
            (major::ARRAY, _) => 1,
            (major::MAP, _) => 2,
            _ => return Err(Malformed),
        };
        let mut left = Left(argument);
        while self.more(&mut left)? {
            for _ in 0..items {
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
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Sets what is to be there once.
///
/// # Errors
/// [`Malformed`] where it was there before.
pub(super) fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    if place.replace(value).is_some() { Err(Malformed) } else { Ok(()) }
}

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
        let good: [&[u8]; 10] = [
            &[0xf8, 0xff],
            &[0xf8, 0x20],
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
        // From appendix F: breaks out of place, reserved values, an odd number of items in a map, and parts of a
        // string that are of another kind or have no length, simple values below 32 in two bytes.
        let bad: [&[u8]; 13] = [
            &[0xf8, 0x00],
            &[0xf8, 0x18],
            &[0xf8, 0x1f],
            &[0x81, 0xf8, 0x14],
            &[0xff],
            &[0x81, 0xff],
            &[0x1c],
            &[0xa2, 0x61, 0x61, 0x01, 0xff],
            &[0xbf, 0x00, 0xff],
            &[0x1f],
            &[0x5f, 0x61, 0x00, 0xff],
            &[0x5f, 0x00, 0xff],
            &[0x5f, 0x5f, 0x41, 0x00, 0xff, 0xff],
        ];
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
        // At the greatest depth a string may still be in parts.
        assert!(skips(&[[0x81; DEPTH as usize - 1].as_slice(), &[0x7f, 0x61, b'a', 0xff]].concat()));
        // 2^64 - 1 of each kind, and nothing behind it.
        for kind in [0x5b, 0x7b, 0x9b, 0xbb] {
            assert!(!skips(&[kind, 255, 255, 255, 255, 255, 255, 255, 255]), "{kind:02x}");
        }
    }
}
