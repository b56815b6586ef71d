//! The native boot control: a record in the journal, which [`Selector`](super::Selector) acts on.

use super::{BootControl, BootReason, BootRecord, Model, Plan, Seen, Want};
use crate::flash::{FlashFault, Op};
use crate::image::SlotId;
use crate::record::boot::BootEvent;

/// The native boot control: any number of slots, `TRIALS` boots for a new image.
#[derive(Clone, Debug, Default)]
pub struct Native<const TRIALS: u8> {
    /// What the bootloader jumped to, if that is known.
    jumped: Option<SlotId>,
    record: Option<BootRecord>,
    writes: bool,
}

impl<const TRIALS: u8> Native<TRIALS> {
    /// A boot control that knows by the record alone what runs.
    ///
    /// Where the bootloader could not write the record, that is not what it jumped to: it then makes no trial
    /// boot, since that would be an uncounted one, and the record goes on to say that the trial runs. So
    /// [`booted`](Self::booted) is better wherever the application can know.
    pub const fn new() -> Self {
        Self { jumped: None, record: None, writes: false }
    }

    /// A boot control that is told what the bootloader jumped to: the slot of
    /// [`Choice::Boot`](super::Choice::Boot), handed over in memory that outlives the jump, or the one that the
    /// application's own code lies in. It must be a slot of the layout.
    ///
    /// Where the record does not say so, the bootloader could not write it. That it runs is written now, and that a
    /// trial has ended. A fallback is left to the bootloader, which comes to it again: it may as well have been the
    /// record that could not be read.
    pub const fn booted(slot: SlotId) -> Self {
        Self { jumped: Some(slot), record: None, writes: false }
    }
}

/// The record with what the bootloader could not write: it has jumped to this slot.
fn made_up_for(jumped: SlotId, old: BootRecord) -> BootRecord {
    let mut record = BootRecord { running: jumped, ..old };
    if let Some(target) = old.target.filter(|target| *target == old.running) {
        record.give_up_target(target, BootReason::TrialsSpent);
    }
    record
}

fn seen(record: &BootRecord) -> Seen {
    let trial = record.target.filter(|target| *target == record.running).map(|_| record.left);
    Seen { running: record.running, trial, event: record.event }
}

fn after(want: Want, jumped: Option<SlotId>, old: BootRecord) -> BootRecord {
    match want {
        Want::Observe => {
            jumped.filter(|jumped| *jumped != old.running).map_or(old, |to| made_up_for(to, old))
        }
        Want::Arm { slot, trials } => {
            BootRecord { target: Some(slot), left: trials, trials, preset: None, event: None, ..old }
        }
        Want::Preset { slot, trials } => {
            BootRecord { preset: Some(slot).filter(|slot| *slot != old.running), trials, ..old }
        }
        Want::Confirm { counter } => {
            let previous = if old.running == old.confirmed { old.previous } else { Some(old.confirmed) };
            let confirmed = old.running;
            let counter = counter.max(old.counter);
            BootRecord { confirmed, previous, target: None, left: 0, event: None, counter, ..old }
        }
        Want::Revert => {
            let event = old.target.map(|slot| BootEvent::Reverted(slot, BootReason::GivenUp));
            BootRecord { target: None, left: 0, event, ..old }
        }
    }
}

impl<const TRIALS: u8> BootControl for Native<TRIALS> {
    const MODEL: Model = Model::Select;
    const TRIALS: u8 = TRIALS;
    const KEEPS_OLD: bool = true;

    fn begin(&mut self, want: Want, record: BootRecord) {
        let next = after(want, self.jumped, record);
        self.writes = next != record;
        self.record = Some(next);
    }

    fn plan(&mut self) -> Plan {
        match self.record {
            Some(record) if self.writes => Plan::Record(record),
            Some(record) => Plan::Done(seen(&record)),
            None => Plan::Failed,
        }
    }

    fn op(&mut self) -> Option<Op<'_>> {
        None
    }

    fn done(&mut self, result: Result<(), FlashFault>) {
        self.writes = false;
        if result.is_err() {
            self.record = None;
        }
    }

    fn answered(&mut self, _: Option<Seen>) {}
}
