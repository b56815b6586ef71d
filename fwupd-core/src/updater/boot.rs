//! What the boot control is told, and what a boot means.

use super::exchange::activated;
use super::{BootWork, Dirty, Platform, Updater};
use crate::boot::{BootControl, BootEvent, BootReason, Plan, Seen, Want};
use crate::image::SlotId;
use crate::lifecycle::{AfterReset, Booted, Owed, Owner, State, World};
use crate::outcome::{Ask, Failure, Initiator};
use crate::time::{Deadline, Now};

impl<P: Platform> Updater<P> {
    /// Where the state owes something to the boot control, begins it. A record that the boot control wants
    /// at once goes into the frame of the state.
    pub(super) fn begin_boot_work(&mut self, dirty: &mut Dirty) {
        if self.boot_work != BootWork::Rest || self.reset {
            return;
        }
        let want = match self.record.state.owed() {
            Owed::Arming(image) => Want::Arm { slot: image.slot(), trials: P::Boot::TRIALS },
            Owed::Confirming(image) => Want::Confirm { counter: image.image().counter() },
            Owed::Reverting(_) => Want::Revert,
            Owed::Nothing | Owed::Bytes(_) | Owed::Validation(_) => return,
            Owed::Permit(_) | Owed::GoOn | Owed::Watching(_) => return,
        };
        self.boot.begin(want, self.boot_record);
        self.boot_work = BootWork::Running;
        if let Plan::Record(record) = self.boot.plan() {
            self.boot_record = record;
            self.boot_work = BootWork::Recording;
            dirty.boot = true;
            // A security counter that rises takes older images out of what may be booted.
            self.follow_slots(dirty);
        }
    }

    /// Leads the boot control on until it needs an operation, an answer, or a frame. True if it went on.
    pub(super) fn advance_boot(&mut self) -> bool {
        if self.boot_work != BootWork::Running {
            return false;
        }
        match self.boot.plan() {
            Plan::Op | Plan::Ask(_) => false,
            Plan::Record(record) if self.layout.slot(record.running).is_none() => {
                self.boot_work = BootWork::Done(None);
                true
            }
            Plan::Record(record) => {
                self.boot_record = record;
                self.boot_work = BootWork::Recording;
                self.commit(Dirty { boot: true, ..Dirty::default() });
                true
            }
            Plan::Done(seen) => {
                self.boot_work = BootWork::Done(Some(seen));
                true
            }
            Plan::Failed => {
                self.boot_work = BootWork::Done(None);
                true
            }
        }
    }

    /// What the application must ask of a boot control that is not in flash.
    pub(super) fn boot_asks(&mut self) -> Option<Want> {
        if self.boot_work != BootWork::Running {
            return None;
        }
        match self.boot.plan() {
            Plan::Ask(want) => Some(want),
            Plan::Op | Plan::Record(_) | Plan::Done(_) | Plan::Failed => None,
        }
    }

    /// The answer to [`Need::Boot`](super::Need::Boot); `None` if it could not be had.
    pub fn boot_done(&mut self, seen: Option<Seen>, now: Now) {
        self.now = now;
        if self.boot_asks().is_some() {
            self.boot.answered(seen);
            self.advance();
        }
    }

    /// What the boot control's end means to the lifecycle.
    pub(super) fn boot_ended(&self, seen: Option<Seen>) -> Option<World> {
        match self.record.state.owed() {
            Owed::Arming(_) | Owed::Reverting(_) => {
                Some(seen.map_or(World::Failed(Failure::InstallFailed), |_| World::Armed))
            }
            Owed::Confirming(_) => {
                Some(seen.map_or(World::Failed(Failure::InstallFailed), |_| World::Confirmed))
            }
            Owed::Nothing | Owed::Bytes(_) | Owed::Validation(_) => None,
            Owed::Permit(_) | Owed::GoOn | Owed::Watching(_) => None,
        }
    }

    /// What this boot is to the lifecycle.
    pub(super) fn booted(&mut self, seen: Seen) -> Booted {
        let application = Owner {
            run: self.next_run(),
            by: Initiator::APPLICATION,
            ask: Ask::No,
            after: AfterReset::Resume,
        };
        match seen.event {
            Some(BootEvent::FellBack(slot, _)) => {
                self.record.run = application.run;
                return Booted::FellBack { owner: application, slot };
            }
            // What was given up and runs all the same is kept.
            Some(BootEvent::Reverted(slot, _)) if slot == seen.running => {}
            Some(BootEvent::Reverted(slot, reason)) => {
                let owner = self.owner_of_boot(application);
                let why = match reason {
                    BootReason::Mismatch => Failure::Integrity,
                    BootReason::TrialsSpent | BootReason::Refused => Failure::BootFailed,
                    BootReason::Unreadable | BootReason::GivenUp => Failure::BootFailed,
                };
                return Booted::Reverted { owner, slot, why };
            }
            None => {}
        }
        let image = self.slot(seen.running).and_then(|slot| slot.verified()).copied();
        match (seen.trial, image) {
            (Some(left), Some(image)) => {
                let owner = self.owner_of_boot(application);
                let deadline = match self.record.state {
                    State::Trial { deadline, .. } => deadline.rebased(self.now),
                    State::Idle | State::Checking { .. } | State::Receiving { .. } => self.new_deadline(),
                    State::Validating { .. } | State::Staged { .. } => self.new_deadline(),
                    State::Activating { .. } | State::Reverting { .. } => self.new_deadline(),
                };
                Booted::Trial { owner, image, left, deadline }
            }
            _ if self.is_target(seen.running) => Booted::Settled { owner: application, slot: seen.running },
            // Nothing vouches for what runs on trial: it is not watched, and its trial boots run out.
            _ => Booted::Usual,
        }
    }

    fn new_deadline(&self) -> Deadline {
        Deadline::after(self.policy.trial_period, self.now)
    }

    /// Whose boot it is that no state tells of: the preset's, which is used up with it.
    fn owner_of_boot(&mut self, application: Owner) -> Owner {
        let outside = match self.record.state {
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => false,
            State::Idle | State::Checking { .. } | State::Receiving { .. } => true,
            State::Validating { .. } | State::Staged { .. } => true,
        };
        let preset = self.record.preset.take().filter(|_| outside);
        if outside {
            // Another run begins: what a protocol shows of its own is over, and so is the outcome of the last.
            self.record.run = application.run;
            self.record.last = None;
        }
        preset.map_or(application, |owner| Owner { run: application.run, ..owner })
    }

    /// Whether this slot is the one that the state's activation is about.
    fn is_target(&self, running: SlotId) -> bool {
        activated(&self.record.state).is_some_and(|image| image.slot() == running)
    }
}
