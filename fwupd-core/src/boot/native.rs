//! The native boot control: a record in the journal, which [`Selector`](super::Selector) acts on.

use super::{BootControl, BootReason, BootRecord, Model, Plan, Seen, Want};
use crate::flash::{FlashFault, Op};
use crate::record::boot::BootEvent;

/// The native boot control: any number of slots, `TRIALS` boots for a new image.
#[derive(Clone, Debug, Default)]
pub struct Native<const TRIALS: u8> {
    record: Option<BootRecord>,
    writes: bool,
}

impl<const TRIALS: u8> Native<TRIALS> {
    /// A boot control that has not been asked anything yet.
    pub const fn new() -> Self {
        Self { record: None, writes: false }
    }
}

fn seen(record: &BootRecord) -> Seen {
    let trial = record.target.filter(|target| *target == record.running).map(|_| record.left);
    Seen { running: record.running, trial, event: record.event }
}

fn after(want: Want, old: BootRecord) -> BootRecord {
    match want {
        Want::Observe => old,
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
        let next = after(want, record);
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
