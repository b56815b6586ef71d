//! Reading everything back: at a boot, and where an operation was cut short or a frame was not taken.

use super::exchange::activated;
use super::{BootWork, Dirty, Lender, Load, NOTES, Platform, Reading, Updater};
use crate::boot::{BootControl, BootRecord, Model, Seen, Want};
use crate::digest::Digest;
use crate::flash::journal::{Found, Kind};
use crate::flash::slot::{HeadBytes, HeadRead, SlotRead};
use crate::image::{Image, SlotId, Verified};
use crate::lifecycle::{Answer, State, Via, World};
use crate::outcome::{Failure, Initiator, Outcome, Phase, Reach, Run, What};
use crate::package::{Head, Identity, PackageFormat};
use crate::record::boot::LEN;
use crate::record::{self, Bytes, Installed, Progress, Source, StateRecord};
use crate::slot::{Enabled, Log, Slot};
use crate::trust::KeySet;

/// The record of a device that has none.
pub(super) fn fresh_record(factory: Installed) -> StateRecord {
    StateRecord {
        state: State::Idle,
        run: Run(0),
        newer: None,
        last: None,
        preset: None,
        installed: factory,
        barred: None,
        detail: Log::EMPTY,
    }
}

const RECORDS: [Kind; 7] =
    [Kind::BOOT, Kind::STATE, Kind::SLOTS, Kind::SOURCE, Kind::PROGRESS, Kind::TRUST, Kind::TRIED];

impl<P: Platform> Updater<P> {
    /// Forgets all that is in RAM and reads the journal back, as after a reset, but without a boot, unless the
    /// boot has not been told yet, or what it has changed could not be written.
    pub(super) fn reload(&mut self) {
        self.journal.start();
        self.is_boot &= self.load != Load::Ready || self.unwritten.any();
        self.unwritten = Dirty::default();
        self.load = Load::Journal;
        self.boot_work = BootWork::Rest;
        self.stage = None;
        self.reading = Reading::Nothing;
        self.head = None;
        self.pending = None;
        self.committing = false;
        if let Some(by) = self.ordered.take() {
            self.lost_orders.insert(by);
        }
        self.reset = false;
        self.lender = Lender::Nobody;
        self.new_ticket();
        self.record = fresh_record(self.factory);
        self.slots = P::Slots::default();
        self.boot_record = BootRecord::factory(self.layout.factory_slot);
        self.source = Source::NONE;
        self.progress = Progress::NONE;
        self.revoked = KeySet::NONE;
        self.notes = [Bytes::EMPTY; NOTES];
    }

    /// Leads everything on that needs no operation.
    pub(super) fn advance(&mut self) {
        while !self.journal.busy() {
            if self.committing {
                self.committed();
                continue;
            }
            let went_on = match self.load {
                Load::Journal => {
                    self.lost = self.journal.found() == Found::Lost;
                    self.next_record(None);
                    true
                }
                Load::Record(kind) => {
                    self.record_read(kind);
                    self.next_record(Some(kind));
                    true
                }
                Load::Observe => match self.boot_work {
                    BootWork::Done(seen) => {
                        self.observed(seen);
                        true
                    }
                    BootWork::Rest | BootWork::Running | BootWork::Recording => self.advance_boot(),
                },
                Load::Head(_) => false,
                Load::Hash(seen) => match self.reading {
                    Reading::Nothing => {
                        self.boots(seen);
                        true
                    }
                    Reading::Prefix(_) | Reading::Whole(_) => false,
                },
                Load::Booted => {
                    self.ready();
                    true
                }
                Load::Ready => self.advance_boot(),
                Load::Broken => false,
            };
            if !went_on {
                break;
            }
        }
    }

    fn committed(&mut self) {
        self.committing = false;
        let good = self.journal.result().is_ok();
        match self.load {
            Load::Ready if good => {
                self.failures = 0;
                self.ordered = None;
                self.unwritten = Dirty::default();
            }
            Load::Ready => {
                self.failures = self.failures.saturating_add(1);
                let on_trial = matches!(self.record.state, State::Trial { .. } | State::Reverting { .. });
                self.commit_failed();
                if self.failures >= 3 {
                    self.load = Load::Broken;
                    // Nothing watches a trial any more: its bootloader is to give it up.
                    self.reset = on_trial;
                }
                return;
            }
            Load::Booted if good => self.unwritten = Dirty::default(),
            // A boot that cannot be recorded is found again by the next one.
            Load::Booted | Load::Journal | Load::Record(_) | Load::Observe => {}
            Load::Head(_) | Load::Hash(_) | Load::Broken => {}
        }
        if self.boot_work == BootWork::Recording {
            self.boot_work = BootWork::Running;
            self.boot.done(Ok(()));
        }
    }

    /// Begins to read the next record that is there.
    fn next_record(&mut self, after: Option<Kind>) {
        let all = || RECORDS.into_iter().chain((0..NOTES as u8).filter_map(Kind::note));
        let mut rest = all().skip_while(|kind| after.is_some_and(|after| *kind != after));
        if after.is_some() {
            rest.next();
        }
        if let Some(kind) = rest.find(|kind| self.journal.has(*kind)) {
            self.load = Load::Record(kind);
            return self.journal.read(kind);
        }
        // A bootloader alone has written since the rest was lost, or has settled an older truth.
        let rest = self.journal.has(Kind::STATE) && self.journal.has(Kind::SLOTS);
        self.lost |= self.journal.has(Kind::BOOT) && !rest;
        if self.lost {
            // What is known may be an older truth: no slot is vouched for, and no work goes on.
            self.record.state = State::Idle;
            self.slots = P::Slots::default();
            self.progress = Progress::NONE;
        }
        self.load = Load::Observe;
        self.boot_work = BootWork::Running;
        self.boot.begin(Want::Observe, self.boot_record);
    }

    fn record_read(&mut self, kind: Kind) {
        let bytes = self.journal.record();
        let bytes = if self.journal.result().is_ok() { bytes } else { &[] };
        let read = match kind {
            Kind::BOOT => {
                let known = |boot: &BootRecord| {
                    self.layout.slot(boot.confirmed).is_some() && self.layout.slot(boot.running).is_some()
                };
                let parsed = (bytes.len() == LEN).then(|| BootRecord::parse(bytes)).flatten();
                parsed.filter(known).map(|boot| self.boot_record = boot)
            }
            Kind::STATE => record::parse(bytes).map(|state| self.record = state),
            // A record that could not be read is not one of no slots.
            Kind::SLOTS => {
                record::parse_slots(bytes, self.slots.as_mut()).filter(|()| self.journal.result().is_ok())
            }
            Kind::SOURCE => record::parse(bytes).map(|source| self.source = source),
            Kind::PROGRESS => record::parse(bytes).map(|progress: Progress| {
                self.progress = Progress { digest: self.progress.digest, ..progress };
            }),
            Kind::TRIED => record::parse(bytes).map(|digest| self.progress.digest = digest),
            Kind::TRUST => record::parse(bytes).map(|revoked| self.revoked = KeySet(revoked)),
            note => {
                let place = (0..NOTES as u8).position(|n| Kind::note(n) == Some(note));
                let place = place.and_then(|n| self.notes.get_mut(n));
                record::parse(bytes).zip(place).map(|(note, place)| *place = note)
            }
        };
        let matters = [Kind::BOOT, Kind::STATE, Kind::SLOTS, Kind::TRUST].contains(&kind);
        self.lost |= matters && read.is_none();
        // Bytes behind the last checkpoint do not count, whatever was written with them.
        if let State::Receiving { offset, .. } = &mut self.record.state {
            *offset = 0;
        }
    }

    fn observed(&mut self, seen: Option<Seen>) {
        self.boot_work = BootWork::Rest;
        let Some(seen) = seen else {
            self.load = Load::Broken;
            return;
        };
        self.boot_record.running = seen.running;
        // Where records are lost, what runs is found out as after a boot.
        if !self.is_boot && !self.lost {
            return self.ready();
        }
        let known = self.slot(seen.running).is_some_and(|slot| slot.verified().is_some());
        let known = known && !self.exchanges(seen);
        self.running_image = None;
        self.head = HeadRead::new(&self.layout, seen.running).filter(|_| !known);
        match self.head {
            Some(_) => {
                self.package.restart();
                self.load = Load::Head(seen);
            }
            None => self.boots(seen),
        }
    }

    /// More of the running slot's head has been read, or it cannot be.
    pub(super) fn head_read(&mut self, good: bool) {
        let (Load::Head(seen), Some(head)) = (self.load, &mut self.head) else { return };
        let me = Identity {
            sequence: 0,
            ..Self::identity_of(self.vendor, self.class, seen.running, self.revoked)
        };
        let bytes = if good { head.take(&self.layout, &self.chunk) } else { HeadBytes::Absent };
        let (bytes, last) = match bytes {
            HeadBytes::Trailer => return,
            HeadBytes::Bytes(bytes) => (bytes, false),
            HeadBytes::Last(bytes) => (bytes, true),
            HeadBytes::Absent => return self.head_ends(seen, None),
        };
        match self.package.head(bytes, &self.trust, &me) {
            Ok(Head::Done { image, .. }) => self.head_ends(seen, Some(image)),
            Ok(Head::More { .. }) if last => {
                let image = self.package.described();
                self.head_ends(seen, image);
            }
            Ok(Head::More { .. }) => {}
            Err(_) => self.head_ends(seen, None),
        }
    }

    fn identity_of(vendor: [u8; 16], class: [u8; 16], slot: SlotId, revoked: KeySet) -> Identity {
        Identity { vendor, class, sequence: 0, slot: slot.0, revoked }
    }

    /// The running slot's head is known, or there is none. What it describes is hashed before it counts.
    fn head_ends(&mut self, seen: Seen, image: Option<Image>) {
        self.head = None;
        let read = image.and_then(|image| SlotRead::new(&self.layout, seen.running, 0, image.size));
        match (image, read) {
            (Some(image), Some(read)) => {
                self.load = Load::Hash(seen);
                self.digest = P::Digest::new();
                self.reading = Reading::Whole(read);
                // Kept here until its digest is compared.
                self.running_image = Some(image);
            }
            _ => self.boots(seen),
        }
        self.package.restart();
    }

    /// The running slot has been hashed.
    pub(super) fn running_hashed(&mut self, good: bool) {
        let Load::Hash(seen) = self.load else { return };
        self.reading = Reading::Nothing;
        let digest = core::mem::replace(&mut self.digest, P::Digest::new()).finish();
        let image = self.running_image.take().filter(|image| good && image.digest == digest);
        if self.exchanges(seen) {
            self.running_image = image;
        } else if let Some(image) = image {
            self.learned = true;
            self.record.installed = Installed { sequence: image.sequence, version: image.version };
            let verified = Verified::vouch(image, seen.running);
            self.put_slot(seen.running, Slot::Verified(verified, Enabled::Yes), &mut Dirty::default());
        }
    }

    /// All is known: the lifecycle is told of the boot.
    pub(super) fn boots(&mut self, seen: Seen) {
        self.load = Load::Booted;
        let mut dirty = Dirty::default();
        if self.journal.found() == Found::Blank || self.lost || core::mem::take(&mut self.learned) {
            dirty = Dirty { boot: true, state: true, slots: true, ..dirty };
        }
        let booted = if self.exchanges(seen) { self.exchanged(seen, &mut dirty) } else { self.booted(seen) };
        let event = crate::lifecycle::Event::World(World::Booted(booted));
        // Every state has an arrow for a boot; were there none, the state would stay.
        let _ = self.change(&event, &mut dirty);
        if self.boot_record.event.is_some() && seen.event.is_some() {
            self.boot_record.event = None;
            dirty.boot = true;
        }
        // A bootloader that did not heed what is armed could do so at any later boot, when the activation has
        // long failed and the slot may hold anything. Where slots are exchanged, the target is never what runs.
        let exchanging = P::Boot::MODEL == Model::Swap && activated(&self.record.state).is_some();
        if self.boot_record.target.is_some_and(|target| target != self.boot_record.running) && !exchanging {
            self.boot_record.target = None;
            self.boot_record.left = 0;
            dirty.boot = true;
        }
        if self.lost && self.boot_record.preset.take().is_some() {
            dirty.boot = true;
        }
        if self.record.preset.is_some() && self.boot_record.preset.is_none() {
            self.record.preset = None;
            dirty.state = true;
        }
        if self.lost {
            self.record.run = self.next_run();
            self.record.last = Some(Outcome {
                run: self.record.run,
                by: Initiator::APPLICATION,
                reach: Reach::Check,
                slot: None,
                at: Phase::Activation,
                what: What::Failed(Failure::RecordLost),
                wall: self.now.wall,
                until: None,
            });
        }
        if self.lost {
            self.follow_slots(&mut dirty);
        }
        self.unwritten = dirty;
        self.commit(dirty);
    }

    fn ready(&mut self) {
        self.load = Load::Ready;
        if let State::Trial { deadline, .. } = &mut self.record.state {
            // What was read back has the deadline of this boot; its boot has just worked it out.
            deadline.at = *self.trial_ends.get_or_insert(deadline.at);
        }
        match self.record.state {
            State::Checking { .. } | State::Receiving { .. }
                if self.source.checked && self.transfer.check.is_none() =>
            {
                // The checksum that was asked for is not kept: the file can no longer be compared with it.
                let why = if self.is_boot { Failure::PowerLost } else { Failure::InstallFailed };
                self.pending = Some(World::Failed(why));
            }
            State::Checking { .. } => self.restart_transfer(),
            State::Receiving { request, image, .. } => {
                if !self.is_boot && request.via == Via::Push {
                    self.pending = Some(World::Failed(Failure::InstallFailed));
                } else {
                    self.resume(request.target, image);
                }
            }
            State::Validating { .. } => self.transfer.hashed = false,
            State::Idle | State::Staged { .. } | State::Activating { .. } => {}
            State::Trial { .. } | State::Reverting { .. } => {}
        }
    }

    /// Goes on with a reception from its last checkpoint, or from the start of the package.
    pub(super) fn resume(&mut self, target: SlotId, image: Option<Image>) {
        self.new_ticket();
        let known = image.is_some();
        let attempts = if known { &mut self.progress.attempts } else { &mut self.progress.resets };
        *attempts = attempts.saturating_add(1);
        self.transfer.counted = known;
        if *attempts > self.policy.attempts {
            self.pending = Some(World::Failed(Failure::PowerLost));
            return;
        }
        // A checksum needs every byte of its file again; a payload elsewhere is not part of that.
        let reusable = !self.source.checked || self.elsewhere();
        // Over a reset only its tag tells that a file is the same. A payload elsewhere has no head to begin with,
        // and is compared with its digest in any case.
        let untagged = self.is_boot && self.source.tag.as_slice().is_empty() && !self.elsewhere();
        let reusable = reusable && !untagged;
        let begun = image.and_then(|image| {
            let point = self.progress.point.filter(|point| point.slot == target && reusable)?;
            let file_at = self.source.payload_at?.checked_add(point.offset)?;
            let stage = self.stage_from(target, image.size, point.head, point.offset)?;
            let read = SlotRead::new(&self.layout, target, 0, point.offset)?;
            Some((stage, read, file_at, point.offset))
        });
        match begun {
            Some((stage, read, file_at, offset)) => {
                self.stage = Some(stage);
                self.reading = if offset > 0 { Reading::Prefix(read) } else { Reading::Nothing };
                self.digest = P::Digest::new();
                self.transfer.hashed = true;
                self.transfer.file_at = file_at;
                let event = crate::lifecycle::Event::World(World::Chunk(offset));
                let _ = self.change(&event, &mut Dirty::default());
            }
            // The source names the payload alone by now: its head cannot be had again.
            None if self.elsewhere() => {
                let why = if self.is_boot { Failure::PowerLost } else { Failure::InstallFailed };
                self.pending = Some(World::Failed(why));
            }
            None if image.is_some() => self.pending = Some(World::Answered(Answer::FromStart)),
            None => self.restart_transfer(),
        }
        self.commit(Dirty { progress: true, ..Dirty::default() });
    }
}
