//! The flash of the reference device: a file with the semantics of NOR flash, and copies of it in memory.

mod cut;
mod file;
mod memory;
mod wear;

pub use cut::PowerCut;
pub use file::{FlashError, FlashFile, Lock, Locking};
pub use memory::Memory;
pub use wear::Wear;

use embedded_storage::nor_flash::NorFlashErrorKind;
use fwupd_core::flash::Part;

/// Name of the flash image in the state directory.
pub const FILE: &str = "flash.bin";
/// Name of the file of its counters.
pub const WEAR: &str = "wear.bin";

/// Why flash does not take an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// The operation does not lie in the device.
    #[error("outside of the flash")]
    OutOfBounds,
    /// Its address or length is no multiple of the unit.
    #[error("not aligned")]
    NotAligned,
    /// It writes words that are not erased.
    #[error("a word is written that is not erased")]
    NotErased,
}

impl Misuse {
    /// As drivers tell it.
    pub fn kind(self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::NotErased => NorFlashErrorKind::Other,
        }
    }
}

/// Refuses what is not whole units within `size` bytes.
fn place(at: u32, len: usize, unit: u16, size: u64) -> Result<(), Misuse> {
    let end = u64::from(at).checked_add(len as u64).ok_or(Misuse::OutOfBounds)?;
    if end > size {
        return Err(Misuse::OutOfBounds);
    }
    let unit = u64::from(unit.max(1));
    if u64::from(at) % unit != 0 || end % unit != 0 {
        return Err(Misuse::NotAligned);
    }
    Ok(())
}

/// Refuses to erase anything but one whole sector.
fn sector(part: &Part, from: u32, to: u32) -> Result<(), Misuse> {
    match part.sector(from) {
        Some(sector) if sector == (from, to) => Ok(()),
        Some(_) => Err(Misuse::NotAligned),
        None => Err(Misuse::OutOfBounds),
    }
}

/// What a write of `new` leaves over `old`: bits only fall, and a word is written once.
fn programmed(part: &Part, old: &[u8], new: &[u8]) -> Result<Vec<u8>, Misuse> {
    if old.iter().any(|byte| *byte != part.erased) {
        return Err(Misuse::NotErased);
    }
    Ok(old.iter().zip(new).map(|(old, new)| old & new).collect())
}
