//! What an operation on the simulated flash can answer but success.

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};

/// Why an operation was not done, or not known to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimError {
    /// The power is off: it was cut in this operation or before it. A device would not see this error, it
    /// would be off; a test stops its device here and goes on with [`power_on`](super::SimFlash::power_on).
    PowerLost,
    /// A fault that [`fail_at`](super::SimFlash::fail_at) asked for. The power stays on.
    Fault,
    /// A torn word that cannot be read until its sector is erased.
    Unreadable {
        /// Flash device.
        part: u8,
        /// Address of the word, bytes.
        at: u32,
    },
    /// Refused: an address or length is not a multiple of the unit, or an erase is not of one whole sector.
    /// Also recorded as a [`Violation`](super::Violation).
    NotAligned,
    /// Refused: outside the flash device, or no such device. Also recorded as a
    /// [`Violation`](super::Violation).
    OutOfBounds,
}

impl NorFlashError for SimError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::PowerLost | Self::Fault | Self::Unreadable { .. } => NorFlashErrorKind::Other,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
        }
    }
}

impl core::fmt::Display for SimError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::PowerLost => f.write_str("the power is off"),
            Self::Fault => f.write_str("the flash reports an error"),
            Self::Unreadable { part, at } => write!(f, "the word at {at:#x} of part {part} is unreadable"),
            Self::NotAligned => f.write_str("not aligned"),
            Self::OutOfBounds => f.write_str("out of bounds"),
        }
    }
}

impl std::error::Error for SimError {}
