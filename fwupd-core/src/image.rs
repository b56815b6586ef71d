//! What a package describes, and the proof that a slot holds it.

use core::fmt;

/// Number of a slot, counted from 0 in the order of [`Layout::slots`](crate::flash::Layout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SlotId(pub u8);

/// A version for people: up to [`Version::MAX`] bytes of UTF-8. Nothing is ever decided by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Version {
    len: u8,
    text: [u8; Version::MAX],
}

impl Version {
    /// Longest text, bytes.
    pub const MAX: usize = 32;

    /// The text as a version, or `None` if it is longer than [`Version::MAX`] bytes.
    pub fn new(text: &str) -> Option<Self> {
        let mut version = Self { len: u8::try_from(text.len()).ok()?, text: [0; Self::MAX] };
        crate::flash::journal::copy(version.text.get_mut(..text.len())?, text.as_bytes())?;
        Some(version)
    }

    /// A number as decimal digits: the version of a package that names none (its sequence number).
    pub fn decimal(number: u64) -> Self {
        // Doubles a decimal number bit by bit: a division of 64 bits is 900 bytes of code on a Cortex-M.
        let mut digits = [0u8; 20];
        let mut bits = number;
        for _ in 0..u64::BITS {
            let mut carry = (bits >> 63) as u8;
            bits <<= 1;
            for digit in digits.iter_mut().rev() {
                let doubled = digit.wrapping_mul(2).wrapping_add(carry);
                carry = u8::from(doubled > 9);
                *digit = if doubled > 9 { doubled.wrapping_sub(10) } else { doubled };
            }
        }
        let mut version = Self::default();
        for (place, digit) in digits.into_iter().enumerate() {
            if version.len > 0 || digit > 0 || place == 19 {
                version.push(b'0'.wrapping_add(digit));
            }
        }
        version
    }

    /// Appends one ASCII byte; false, and nothing changed, when the text is full.
    fn push(&mut self, byte: u8) -> bool {
        match self.text.get_mut(usize::from(self.len)) {
            Some(place) if byte.is_ascii() => {
                *place = byte;
                self.len = self.len.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.text.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Write for Version {
    /// Appends ASCII text; an error when it does not fit.
    fn write_str(&mut self, s: &str) -> fmt::Result {
        s.bytes().try_for_each(|b| if self.push(b) { Ok(()) } else { Err(fmt::Error) })
    }
}

impl Default for Version {
    fn default() -> Self {
        Self { len: 0, text: [0; Self::MAX] }
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Version {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.as_str());
    }
}

/// What a signed description says of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Image {
    /// SHA-256 over the image's bytes.
    pub digest: [u8; 32],
    /// Length of the image, bytes.
    pub size: u32,
    /// Sequence number of the manifest. Lower than what is installed is refused.
    pub sequence: u64,
    /// Version for people.
    pub version: Version,
}

impl Image {
    /// The security counter: the upper half of the sequence number. It governs what may run, and the
    /// device's own rises only when an image is confirmed.
    pub fn counter(&self) -> u32 {
        (self.sequence >> 32) as u32
    }
}

/// An image that was found whole and authentic in a slot. Only a `Verified` can be activated.
///
/// It arises in two places: at the end of a package (`updater`), and where a record is decoded
/// (`record`). Both call `Verified::vouch`. Where a bootloader exchanges two slots, it follows its image
/// (`Verified::moved`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verified {
    image: Image,
    slot: SlotId,
}

impl Verified {
    /// States that `slot` holds `image`, every byte of it checked.
    pub(crate) fn vouch(image: Image, slot: SlotId) -> Self {
        Self { image, slot }
    }

    /// The same image, in the slot to which the bootloader has moved it.
    pub(crate) fn moved(self, slot: SlotId) -> Self {
        Self { slot, ..self }
    }

    /// The image.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The slot that holds it.
    pub fn slot(&self) -> SlotId {
        self.slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_version_is_what_the_standard_library_prints() {
        for n in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            assert_eq!(Version::decimal(n).as_str(), n.to_string());
        }
    }

    #[test]
    fn a_version_longer_than_its_room_is_none() {
        assert_eq!(Version::new(&"x".repeat(32)).unwrap().as_str().len(), 32);
        assert_eq!(Version::new(&"x".repeat(33)), None);
    }
}
