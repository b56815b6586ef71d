//! One step of the lifecycle, what it changes beside the state, and the frame that makes both stand.

use super::{Dirty, Load, Platform, Updater, log_of};
use crate::boot::{BootControl, BootEvent, Model};
use crate::flash::journal::{JournalFault, Kind};
use crate::image::SlotId;
use crate::lifecycle::{Effect, Ends, Event, State, Step, World, step};
use crate::outcome::{Failure, Initiator, Outcome, Phase, Refused};
use crate::record::{self, Barred, Bytes, Installed, Point, Progress};
use crate::slot::{Enabled, Log, Slot};

impl<P: Platform> Updater<P> {
    /// Tells the world's event to the lifecycle and begins to write what it changed.
    pub(super) fn raise(&mut self, world: World) -> Result<(), Refused> {
        self.apply(&Event::World(world), Dirty::default())
    }

    /// Takes an event, and begins to write what it changed together with `dirty`.
    pub(super) fn apply(&mut self, event: &Event, mut dirty: Dirty) -> Result<(), Refused> {
        self.change(event, &mut dirty)?;
        self.begin_boot_work(&mut dirty);
        self.commit(dirty);
        Ok(())
    }

    /// Takes an event in RAM alone, and notes what has to be written.
    pub(super) fn change(&mut self, event: &Event, dirty: &mut Dirty) -> Result<(), Refused> {
        let Step { next, effect, ends } = step(&self.record.state, event)?;
        let before = self.record.state;
        self.effect(effect, &before, dirty);
        if let Some(ends) = ends {
            self.end(&ends);
        }
        // Bytes that come in move the offset alone: their record is the checkpoint.
        let moved = matches!(event, Event::World(World::Chunk(_)));
        dirty.state |= ends.is_some() || (next != before && !moved);
        self.record.state = next;
        Ok(())
    }

    fn end(&mut self, ends: &Ends) {
        let Ends { run, by, reach, slot, at, what } = *ends;
        self.record.last = Some(Outcome { run, by, reach, slot, at, what, wall: self.now.wall, until: None });
        self.transfer.wait = None;
        self.transfer.check = None;
        // What else has befallen this run is nothing to the next.
        self.pending = None;
    }

    fn effect(&mut self, effect: Effect, before: &State, dirty: &mut Dirty) {
        match effect {
            Effect::Nothing => {}
            Effect::Restart => self.restart_transfer(),
            Effect::Know(newer) => {
                self.record.newer = newer.map(|image| image.version);
                dirty.state = true;
            }
            Effect::Prepare(slot, _) => {
                self.put_slot(slot, Slot::Partial, dirty);
                dirty.source = true;
                dirty.progress = true;
                dirty.tried = true;
            }
            Effect::Keep(verified) => {
                self.stage = None;
                self.progress = Progress::NONE;
                dirty.progress = true;
                dirty.tried = true;
                self.put_slot(verified.slot(), Slot::Verified(verified, Enabled::Yes), dirty);
            }
            Effect::GiveUp(slot, why) => self.give_up(slot, why, before, dirty),
            Effect::Empty(slot) => self.put_slot(slot, Slot::Empty, dirty),
            Effect::Enable(slot, on) => {
                if let Some(Slot::Verified(verified, _)) = self.slot(slot).copied() {
                    let enabled = if on { Enabled::Yes } else { Enabled::No };
                    self.put_slot(slot, Slot::Verified(verified, enabled), dirty);
                }
            }
            Effect::Preset(owner, _) => {
                self.record.preset = Some(owner);
                dirty.state = true;
            }
            Effect::Reset => self.reset = true,
            Effect::Condemn(slot, why) => self.condemn(slot, why, dirty),
            Effect::Adopt(slot) => self.adopt(slot, dirty),
            Effect::Forget => self.forget(dirty),
        }
    }

    /// A slot holds something else now. The boot record follows in the same frame.
    pub(super) fn put_slot(&mut self, slot: SlotId, holds: Slot, dirty: &mut Dirty) {
        if let Some(place) = self.slot_mut(slot) {
            *place = holds;
        }
        // Whatever comes to lie there has not been confirmed.
        if holds.verified().is_none() && self.boot_record.previous == Some(slot) {
            self.boot_record.previous = None;
            dirty.boot = true;
        }
        dirty.slots = true;
        self.follow_slots(dirty);
    }

    /// The boot record's bits follow from the slots and the security counter.
    pub(super) fn follow_slots(&mut self, dirty: &mut Dirty) {
        let mut boot = self.boot_record;
        for (n, slot) in (0u8..).zip(self.slots.as_ref()) {
            let on = match slot {
                Slot::Verified(verified, Enabled::Yes) => verified.image().counter() >= boot.counter,
                Slot::Verified(_, Enabled::No) | Slot::Empty | Slot::Partial | Slot::Failed { .. } => false,
            };
            boot.set_bootable(SlotId(n), on);
        }
        // Nor is a slot preset that may no longer boot. What is confirmed boots in any case.
        if boot.preset.is_some_and(|slot| slot != boot.confirmed && !boot.is_bootable(slot)) {
            boot.preset = None;
            self.record.preset = None;
            dirty.state = true;
        }
        dirty.boot |= boot != self.boot_record;
        self.boot_record = boot;
    }

    /// A reception ended. What is in the slot may serve a later request for the same image, unless it was
    /// found wrong.
    fn give_up(&mut self, slot: SlotId, why: Failure, before: &State, dirty: &mut Dirty) {
        self.restart_transfer();
        let image = match before {
            State::Receiving { image, .. } => *image,
            State::Validating { image, .. } => Some(*image),
            State::Idle | State::Checking { .. } | State::Staged { .. } => None,
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => None,
        };
        let Some(image) = image else { return };
        let wrong = match why {
            Failure::Integrity | Failure::Authenticity | Failure::InstallFailed => true,
            Failure::UnsupportedPackage | Failure::WrongDevice | Failure::OlderThanAllowed => true,
            Failure::NoSpaceInFlash | Failure::OutOfRam | Failure::ConnectionLost => false,
            Failure::HostUnknown | Failure::PeerNotTrusted | Failure::InvalidUri => false,
            Failure::UnsupportedProtocol | Failure::TransportStatus(_) | Failure::Rejected => false,
            Failure::Cancelled | Failure::Deferred | Failure::PowerLost | Failure::RecordLost => false,
            Failure::BootFailed | Failure::NotConfirmed | Failure::Internal => false,
        };
        if wrong {
            self.progress.point = None;
            dirty.progress = true;
            let failed = Slot::Failed { at: Phase::Download, why, log: Log::EMPTY, image: Some(image) };
            self.put_slot(slot, failed, dirty);
        }
    }

    fn condemn(&mut self, slot: SlotId, why: Failure, dirty: &mut Dirty) {
        let image = self.slot(slot).and_then(|s| s.verified()).map(|v| *v.image());
        let detail = self.record.detail;
        let log = match self.boot_record.event {
            // What the application said is about the image on trial, and not about this one.
            Some(BootEvent::FellBack(_, reason)) => log_of(reason.as_str()),
            Some(BootEvent::Reverted(_, reason)) if detail == Log::EMPTY => log_of(reason.as_str()),
            Some(BootEvent::Reverted(..)) | None => detail,
        };
        self.record.detail = Log::EMPTY;
        // An image that was fallen back from had passed its trial: what is wrong is what its slot holds.
        let decayed = matches!(self.boot_record.event, Some(BootEvent::FellBack(..)));
        if let Some(image) = image.filter(|_| !decayed) {
            self.record.barred = Some(Barred { digest: image.digest, sequence: image.sequence });
        }
        self.boot_record.event = None;
        dirty.boot = true;
        dirty.state = true;
        // Whatever the boot control went back to, or settled for, is what is installed.
        self.installed_from(self.boot_record.running);
        self.put_slot(slot, Slot::Failed { at: Phase::Activation, why, log, image }, dirty);
    }

    fn adopt(&mut self, slot: SlotId, dirty: &mut Dirty) {
        self.installed_from(slot);
        // A boot control with flags of its own confirms there first: a cut may have kept it from the journal.
        if P::Boot::MODEL != Model::Select
            && let Some(verified) = self.slot(slot).and_then(Slot::verified)
        {
            self.boot_record.counter = self.boot_record.counter.max(verified.image().counter());
        }
        self.record.newer = None;
        self.record.barred = None;
        self.record.detail = Log::EMPTY;
        self.boot_record.event = None;
        dirty.boot = true;
        dirty.state = true;
        self.follow_slots(dirty);
    }

    fn installed_from(&mut self, slot: SlotId) {
        if let Some(verified) = self.slot(slot).and_then(|slot| slot.verified()) {
            let image = verified.image();
            self.record.installed = Installed { sequence: image.sequence, version: image.version };
        }
    }

    fn forget(&mut self, dirty: &mut Dirty) {
        self.notes = [Bytes::EMPTY; super::NOTES];
        dirty.notes = [true; super::NOTES];
        let (running, confirmed) = (self.boot_record.running, self.boot_record.confirmed);
        for (n, slot) in (0u8..).map(SlotId).zip(self.slots.as_mut()) {
            if n != running && n != confirmed {
                *slot = Slot::Empty;
                // Nothing is left to fall back to there, and nothing that comes to lie there was confirmed.
                self.boot_record.previous = self.boot_record.previous.filter(|previous| *previous != n);
            }
        }
        self.record.newer = None;
        self.record.last = None;
        self.record.preset = None;
        self.boot_record.preset = None;
        self.progress = Progress::NONE;
        self.source = record::Source::NONE;
        dirty.source = true;
        dirty.progress = true;
        dirty.tried = true;
        dirty.slots = true;
        dirty.state = true;
        dirty.boot = true;
        self.follow_slots(dirty);
    }

    /// What is known to be in the slot, up to `offset`, is worth a record.
    pub(super) fn checkpoint(&mut self, slot: SlotId, offset: u32) -> Dirty {
        let (head, sum) = self.progress.point.map_or((0, 0), |point| (point.head, point.sum));
        self.progress.point = Some(Point { slot, offset, head, sum });
        if offset > self.progress.furthest {
            self.progress.furthest = offset;
            self.progress.attempts = 1;
            self.transfer.tries = 1;
        }
        Dirty { progress: true, ..Dirty::default() }
    }

    /// The same for the frame of this initiator's command, which [`settled`](Updater::settled) tells of.
    pub(super) fn commit_order(&mut self, by: Initiator, dirty: Dirty) {
        self.lost_orders.remove(by);
        self.ordered = dirty.any().then_some(by);
        self.commit(dirty);
    }

    /// Begins to write a frame of what has changed.
    pub(super) fn commit(&mut self, dirty: Dirty) {
        let dirty = dirty.and(self.unwritten);
        if !dirty.any() {
            return;
        }
        self.committing = true;
        self.journal.begin();
        if self.build(dirty).is_ok() {
            self.journal.commit();
        } else {
            self.commit_failed();
        }
    }

    fn build(&mut self, dirty: Dirty) -> Result<(), JournalFault> {
        let Self { journal, record, slots, boot_record, source, progress, revoked, notes, .. } = self;
        // The boot record is told with every change of the slots: a bootloader must never see one without
        // the other.
        if dirty.boot || dirty.slots {
            journal.put(Kind::BOOT, |into| boot_record.emit(into))?;
        }
        if dirty.state {
            journal.put(Kind::STATE, |into| record::emit(record, into))?;
        }
        if dirty.slots {
            journal.put(Kind::SLOTS, |into| record::emit_slots(slots.as_ref(), into))?;
        }
        if dirty.source {
            journal.put(Kind::SOURCE, |into| record::emit(source, into))?;
        }
        if dirty.progress {
            journal.put(Kind::PROGRESS, |into| record::emit(progress, into))?;
        }
        if dirty.tried {
            journal.put(Kind::TRIED, |into| record::emit(&progress.digest, into))?;
        }
        if dirty.trust {
            journal.put(Kind::TRUST, |into| record::emit(&revoked.0, into))?;
        }
        for ((n, note), dirty) in (0u8..).zip(notes.iter()).zip(dirty.notes) {
            if let (true, Some(kind)) = (dirty, Kind::note(n)) {
                journal.put(kind, |into| record::emit(note, into))?;
            }
        }
        Ok(())
    }

    /// The frame did not get written: what holds is what the journal says.
    pub(super) fn commit_failed(&mut self) {
        // A boot that cannot be recorded is found again by the next one.
        self.committing = false;
        if self.load == Load::Ready {
            self.reload();
        }
    }
}
