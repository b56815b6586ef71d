//! Which image runs: what the updater asks of a boot control, and what a native bootloader does.

mod embassy;
mod native;
mod selector;

pub use crate::record::boot::{BootEvent, BootReason, BootRecord};
pub use embassy::{BadSwap, Embassy};
pub use native::Native;
pub use selector::{Check, Choice, Expected, Selector, Verdict};

use crate::flash::{FlashFault, Op};
use crate::image::SlotId;

/// How an image comes to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Model {
    /// The bootloader jumps to one slot or another.
    Select,
    /// The bootloader exchanges two slots, of equal length. The first of them always runs.
    Swap,
    /// The bootloader overwrites the running image.
    InPlace,
}

/// What the updater wants of the boot control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Want {
    /// To know what runs.
    Observe,
    /// The slot boots next, on trial. A boot control that exchanges slots boots its image in the slot that always
    /// runs.
    Arm {
        /// The slot.
        slot: SlotId,
        /// How many boots it is given: [`BootControl::TRIALS`].
        trials: u8,
    },
    /// The slot boots at the next reset, whoever causes it, on trial where it is not the confirmed one.
    Preset {
        /// The slot.
        slot: SlotId,
        /// How many boots it is given.
        trials: u8,
    },
    /// What runs is good: it boots from now on.
    Confirm {
        /// Security counter of its image.
        counter: u32,
    },
    /// What runs on trial, or is armed, is given up.
    Revert,
}

/// What a boot control has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Seen {
    /// The slot that runs.
    pub running: SlotId,
    /// Boots left, where what runs is on trial.
    pub trial: Option<u8>,
    /// What the bootloader did of its own accord, told until the next [`Want::Arm`], `Preset`, `Confirm` or
    /// `Revert`, or until the record's event is cleared.
    pub event: Option<BootEvent>,
}

/// What a boot control needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Plan {
    /// A flash operation, which [`BootControl::op`] lends.
    Op,
    /// This record in the journal. Where a state is about to be written too, both are one frame.
    Record(BootRecord),
    /// An answer of the application to [`Need::Boot`](crate::updater::Need::Boot).
    Ask(Want),
    /// Nothing: it is done.
    Done(Seen),
    /// Nothing: it failed.
    Failed,
}

/// What decides which image runs: the native record, or another bootloader's own flags.
///
/// The updater calls `begin`, then `plan` until it is `Done` or `Failed`, and does what it says in between.
pub trait BootControl {
    /// How an image comes to run.
    const MODEL: Model;
    /// How many boots a trial has.
    const TRIALS: u8;
    /// Whether the previous image stays bootable after a confirmation.
    const KEEPS_OLD: bool;

    /// Begins something. `record` is the journal's boot record.
    fn begin(&mut self, want: Want, record: BootRecord);
    /// What is needed next.
    fn plan(&mut self) -> Plan;
    /// The operation that [`Plan::Op`] named.
    fn op(&mut self) -> Option<Op<'_>>;
    /// The result of that operation, or of writing the record.
    fn done(&mut self, result: Result<(), FlashFault>);
    /// The answer to [`Plan::Ask`]; `None` if it could not be had.
    fn answered(&mut self, seen: Option<Seen>);
}
