//! Which requests break the contract of `embedded_storage::nor_flash`, or the narrower one of
//! [`fwupd_core::flash::Op`].

use fwupd_core::flash::OpKind;

/// A rule of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// There is no flash device of this number. Refused.
    NoSuchPart,
    /// The range ends outside the flash device, or before it begins. Refused.
    OutOfRange,
    /// Address or length is not a multiple of the device's unit for this operation. Refused.
    Misaligned,
    /// An erase of nothing. Refused: some drivers do nothing, others take it for the whole device.
    EmptyErase,
    /// An erase of anything but exactly one sector. Refused.
    NotOneSector,
    /// A word that was written, or covered by a write that was cut or failed, is written again without an
    /// erase in between. Carried out, as by the flash itself.
    WrittenTwice,
    /// A word is written in a sector whose last erase was cut or failed. Carried out.
    NotErased,
    /// The buffer's address is not a multiple of what
    /// [`require_aligned_buffers`](super::SimFlash::require_aligned_buffers) asked for. Carried out.
    UnalignedBuffer,
}

/// A request that broke a rule. One request gives one violation of each rule at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// How many operations had been issued before it, reads included.
    pub before: u64,
    /// The kind of the operation.
    pub op: OpKind,
    /// Flash device.
    pub part: u8,
    /// The address at which the rule was broken: for [`Rule::WrittenTwice`] and [`Rule::NotErased`] the
    /// first such word, else where the request begins.
    pub at: u32,
    /// Length of the request, bytes; 0 for an erase that ends before it begins.
    pub len: u32,
    /// The rule.
    pub rule: Rule,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { before, op, part, at, len, rule } = self;
        write!(f, "{rule:?}: {op:?} of {len} bytes, at {at:#x} of part {part}, after {before} operations")
    }
}
