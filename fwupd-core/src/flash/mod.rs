//! Flash operations are data: a [`Planner`] says what is to be done next, an executor does it and tells the
//! result. Neither knows the other.
//!
//! The contract is that of `embedded_storage::nor_flash`: a cut in a write leaves the written words
//! undefined, a cut in an erase leaves the sector undefined, a word is written once between two erases and
//! counts as written from the first write that covered it, even if it still reads as erased.

pub(crate) mod crc;
pub(crate) mod journal;
mod layout;
mod run;
pub(crate) mod slot;
pub(crate) mod stage;

pub use layout::{BadLayout, Layout, Part, Region, Sectors};
pub use run::{Either, One, Parts, Two, run};
pub use slot::FactoryHead;

pub use embedded_storage::nor_flash::NorFlashErrorKind;

use crate::time::Now;

/// One bounded flash operation. Its buffers live in the planner that lends it.
#[derive(Debug, PartialEq, Eq)]
pub enum Op<'a> {
    /// Reads `into.len()` bytes from `at`, both multiples of the part's read size. The data is there when the
    /// planner's `done` is called.
    Read {
        /// Flash device.
        part: u8,
        /// Address in the part, bytes.
        at: u32,
        /// Where the bytes go.
        into: &'a mut [u8],
    },
    /// Writes `bytes` at `at`, both multiples of the part's write size.
    Write {
        /// Flash device.
        part: u8,
        /// Address in the part, bytes.
        at: u32,
        /// What to write.
        bytes: &'a [u8],
    },
    /// Erases one sector.
    Erase {
        /// Flash device.
        part: u8,
        /// First address of the sector.
        from: u32,
        /// First address behind it.
        to: u32,
    },
}

/// Which kind of operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum OpKind {
    /// A read.
    Read,
    /// A write.
    Write,
    /// An erase.
    Erase,
}

/// A flash operation failed, without a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op:?} at {at:#x} of flash part {part} failed: {kind:?}")]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FlashFault {
    /// What was attempted.
    pub op: OpKind,
    /// Flash device.
    pub part: u8,
    /// Where.
    pub at: u32,
    /// What the driver said.
    pub kind: NorFlashErrorKind,
}

/// Something that plans flash operations.
pub trait Planner {
    /// Lends the next operation, or `None` when there is nothing to do now. Called again without
    /// [`done`](Planner::done) in between it assumes that the operation was cut short.
    fn next_op(&mut self) -> Option<Op<'_>>;

    /// Takes the result of the operation that was lent last.
    fn done(&mut self, result: Result<(), FlashFault>, now: Now);
}
