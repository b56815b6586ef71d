//! The bytes of a package: from the source's answer to its last byte.

use super::{Dirty, Platform, Reading, Ticket, Updater};
use crate::checksum::FileCheck;
use crate::digest::Digest;
use crate::flash::crc::Crc;
use crate::flash::slot::SlotRead;
use crate::flash::stage::Stage;
use crate::image::{Image, SlotId};
use crate::lifecycle::{Answer, Event, Request, State, Via, World};
use crate::outcome::{Failure, Initiator, Reach, Refused};
use crate::package::{Head, PackageFormat, Payload, Stage as Verdict};
use crate::record::{Bytes, Point, Progress, TAG_MAX};
use crate::slot::Slot;
use crate::time::Now;

/// What is taken at once while the head is read, bytes.
const HEAD_ROOM: usize = 512;

impl<P: Platform> Updater<P> {
    /// The source has answered, before any byte: from which offset, how long the file is if it said so, and
    /// its entity tag (empty if it has none).
    ///
    /// A source that answers from its first byte, or has another file by now, restarts the package. From any
    /// other offset nothing is taken, and [`need`](Self::need) asks anew.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a stale ticket or an answer whose bytes are of no use: the transfer is over.
    /// [`Refused::WrongState`] when nothing is asked for, [`Refused::NotAvailable`] while a frame is written.
    pub fn answered(
        &mut self,
        t: Ticket,
        offset: u32,
        total: Option<u32>,
        tag: &[u8],
    ) -> Result<(), Refused> {
        self.transfers(t)?;
        self.available()?;
        // A tag that is too long to be kept cannot be compared later, and so counts as none.
        let tag = Bytes::new(tag).unwrap_or(Bytes::EMPTY);
        let expected = self.transfer.file_at;
        let same = expected == 0 || tag == self.source.tag;
        if offset == expected && same {
            let tagged = expected == 0 && tag != self.source.tag;
            self.transfer.answered = true;
            if let (Some(size), Some(total)) = (self.file_size(), total)
                && size != total
            {
                self.raise(World::Failed(Failure::Integrity))?;
                return Err(Refused::Invalid);
            }
            if tagged {
                self.source.tag = tag;
                // The frame of a package's description takes its tag along; a payload elsewhere has none.
                if self.elsewhere() {
                    self.commit(Dirty { source: true, ..Dirty::default() });
                }
            }
            return Ok(());
        }
        let ticket = self.transfer.ticket;
        self.start_over(if offset == 0 { tag } else { Bytes::EMPTY })?;
        if offset != 0 {
            return Err(Refused::Invalid);
        }
        // These bytes are the first of the new start: the ticket stays good.
        self.transfer.ticket = ticket;
        self.transfer.answered = true;
        Ok(())
    }

    /// The transfer begins anew: the whole package, or the payload where it is a file of its own.
    fn start_over(&mut self, tag: Bytes<TAG_MAX>) -> Result<(), Refused> {
        let answer = if self.elsewhere() { Answer::PayloadAgain } else { Answer::FromStart };
        let mut dirty = Dirty::default();
        self.change(&Event::World(World::Answered(answer)), &mut dirty)?;
        self.source.tag = tag;
        let (State::Receiving { request, image: Some(image), .. }, Answer::PayloadAgain) =
            (self.record.state, answer)
        else {
            self.progress.point = None;
            self.commit(Dirty { progress: true, ..dirty });
            return Ok(());
        };
        let (head, sum) = self.progress.point.map_or((0, 0), |point| (point.head, point.sum));
        self.progress.point = Some(Point { slot: request.target, offset: 0, head, sum });
        self.stage = self.stage_from(request.target, image.size, head, 0);
        if self.stage.is_none() {
            // The head went with a sector that the payload shares, and this source cannot bring it again.
            self.pending = Some(World::Failed(Failure::ConnectionLost));
        }
        self.reading = Reading::Nothing;
        self.digest = P::Digest::new();
        self.transfer.hashed = true;
        self.transfer.file_at = 0;
        self.new_ticket();
        self.commit(dirty);
        Ok(())
    }

    /// A writer that goes on where the head and the image's bytes before `offset` stand. Where the image
    /// shares a sector with its head, both are written anew, if the head is still at hand.
    pub(super) fn stage_from(&self, slot: SlotId, size: u32, head: u32, offset: u32) -> Option<Stage> {
        let stage = Stage::new(&self.layout, slot, size, head)?;
        if !stage.shares_a_sector() {
            return stage.resumed(offset);
        }
        (offset == 0 && self.package.kept().len() == head as usize).then_some(stage)
    }

    /// How many bytes would be taken now. 0 only while an operation is owed, or nothing is to come.
    pub fn room(&self) -> usize {
        if self.available().is_err() || self.pending.is_some() || !matches!(self.reading, Reading::Nothing) {
            return 0;
        }
        match (&self.record.state, &self.stage) {
            (State::Checking { .. } | State::Receiving { image: None, .. }, _) => HEAD_ROOM,
            (State::Receiving { image: Some(_), .. }, Some(stage)) => stage.room() as usize,
            _ => 0,
        }
    }

    /// Takes bytes of the file from `offset` on, which must be where the last ones ended. May take fewer than
    /// there are: the caller keeps the rest and offers it again.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for another offset, or for a stale ticket: the transfer is over, and
    /// [`need`](Self::need) says what follows. [`Refused::WrongState`] when nothing is being received. What
    /// is wrong with the *bytes* is not an error here: it ends the run.
    pub fn chunk(&mut self, t: Ticket, offset: u32, bytes: &[u8], now: Now) -> Result<usize, Refused> {
        self.now = now;
        self.transfers(t)?;
        if offset != self.transfer.file_at {
            return Err(Refused::Invalid);
        }
        if self.pending.is_some() {
            // The flash has failed, or the package begins anew: this transfer is over.
            return Err(Refused::Invalid);
        }
        if bytes.is_empty() || self.available().is_err() || self.stage_owes() {
            return Ok(0);
        }
        let taken = match self.record.state {
            State::Receiving { image: Some(image), .. } => self.payload(image, bytes)?,
            State::Checking { request } | State::Receiving { request, image: None, .. } => {
                self.description(request, bytes)?
            }
            State::Idle | State::Validating { .. } | State::Staged { .. } => return Err(Refused::WrongState),
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => {
                return Err(Refused::WrongState);
            }
        };
        Ok(taken)
    }

    /// The source has no more bytes, and all that there were have been taken.
    ///
    /// # Errors
    /// [`Refused::Invalid`] for a stale ticket, [`Refused::WrongState`] when nothing is being received.
    pub fn complete(&mut self, t: Ticket, now: Now) -> Result<(), Refused> {
        self.now = now;
        self.transfers(t)?;
        self.transfer.complete = true;
        Ok(())
    }

    /// The transfer failed. A lost connection is tried again, after a wait, as often as the policy says; all
    /// else ends the run.
    ///
    /// # Errors
    /// As for [`complete`](Self::complete), and [`Refused::NotAvailable`] while a frame is being written:
    /// then it is to be told again.
    pub fn failed(&mut self, t: Ticket, why: Failure, now: Now) -> Result<(), Refused> {
        self.now = now;
        let request = self.transfers(t)?;
        self.available()?;
        let again = why == Failure::ConnectionLost
            || matches!(why, Failure::TransportStatus(status) if (500..600).contains(&status));
        let fetches = request.via == Via::Pull || self.elsewhere();
        // No attempt at the image: it goes on where it was, and nothing is erased for it.
        let tries = &mut self.transfer.tries;
        if !again || !fetches || *tries >= self.policy.attempts {
            return self.raise(World::Failed(why));
        }
        let doubled = u32::from(tries.saturating_sub(1)).min(32);
        *tries = tries.saturating_add(1);
        let wait = self.policy.backoff.saturating_mul(1u64 << doubled).min(self.policy.backoff_max);
        self.transfer.wait = Some(now.mono.saturating_add(wait));
        self.new_ticket();
        Ok(())
    }

    /// The request that a ticket is for.
    fn transfers(&self, t: Ticket) -> Result<Request, Refused> {
        let request = match self.record.state {
            State::Checking { request } | State::Receiving { request, .. } => request,
            State::Idle | State::Validating { .. } | State::Staged { .. } => return Err(Refused::WrongState),
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => {
                return Err(Refused::WrongState);
            }
        };
        if t == self.transfer.ticket { Ok(request) } else { Err(Refused::Invalid) }
    }

    /// Whether the payload is a file of its own.
    pub(super) fn elsewhere(&self) -> bool {
        self.source.payload_at == Some(0)
    }

    /// Length of the file that is being transferred, once it is known.
    fn file_size(&self) -> Option<u32> {
        match (self.record.state, self.source.payload_at) {
            (State::Receiving { image: Some(image), .. }, Some(at)) => at.checked_add(image.size),
            _ => None,
        }
    }

    fn stage_owes(&self) -> bool {
        !matches!(self.reading, Reading::Nothing) || self.stage.as_ref().is_some_and(Stage::busy)
    }

    fn passed(&mut self, bytes: &[u8]) {
        self.transfer.file_at = self.transfer.file_at.saturating_add(bytes.len() as u32);
        // The checksum is that of the file that was asked for.
        if !self.elsewhere()
            && let Some((_, check, _)) = &mut self.transfer.check
        {
            check.update(bytes);
        }
    }

    fn payload(&mut self, image: Image, bytes: &[u8]) -> Result<usize, Refused> {
        let Some(stage) = &mut self.stage else { return Ok(0) };
        if stage.offset() >= image.size {
            // More bytes than the signed length: the file is not what was signed.
            self.raise(World::Failed(Failure::Integrity))?;
            return Ok(bytes.len());
        }
        let taken = stage.push(bytes);
        let bytes = bytes.get(..taken).unwrap_or_default();
        self.digest.update(bytes);
        self.passed(bytes);
        self.change(&Event::World(World::Chunk(taken as u32)), &mut Dirty::default())?;
        Ok(taken)
    }

    fn description(&mut self, request: Request, bytes: &[u8]) -> Result<usize, Refused> {
        let me = self.identity(request.target);
        match self.package.head(bytes, &self.trust, &me) {
            Ok(Head::More { taken }) => {
                self.passed(bytes.get(..taken).unwrap_or_default());
                Ok(taken)
            }
            Ok(Head::Done { taken, image, payload }) => {
                self.passed(bytes.get(..taken).unwrap_or_default());
                let trailing = payload == Payload::Elsewhere && taken < bytes.len();
                let verdict = if trailing {
                    Err(Failure::UnsupportedPackage)
                } else {
                    self.described(request, image, payload)
                };
                if let Err(why) = verdict {
                    self.raise(World::Failed(why))?;
                    return Ok(bytes.len());
                }
                Ok(taken)
            }
            Err(rejected) => {
                let world = match (request.reach, rejected.stage) {
                    (Reach::Check, Verdict::Rollback) => World::NothingNewer,
                    _ => World::Failed(rejected.into()),
                };
                self.raise(world)?;
                Ok(bytes.len())
            }
        }
    }

    /// The signed description is known, and nothing has been erased yet.
    fn described(&mut self, request: Request, image: Image, payload: Payload) -> Result<(), Failure> {
        self.admissible(request, &image)?;
        if request.reach == Reach::Check {
            let newer = image.sequence > self.record.installed.sequence;
            let world = if newer { World::Described(image) } else { World::NothingNewer };
            return self.raise(world).map_err(|_| Failure::Internal);
        }
        let head = u32::try_from(self.package.kept().len()).map_err(|_| Failure::Internal)?;
        let stage = Stage::new(&self.layout, request.target, image.size, head);
        let stage = stage.ok_or(Failure::NoSpaceInFlash)?;
        self.count_attempt(request, &image)?;
        let payload_at = match payload {
            Payload::Here => self.transfer.file_at,
            // The signed URI takes over once the head is in the slot: until then only the first one can
            // bring it again.
            Payload::Elsewhere => match self.package.uri() {
                Some(uri) if uri.len() <= super::URI_MAX => 0,
                _ => return Err(Failure::InvalidUri),
            },
        };
        let mut dirty = Dirty::default();
        let again = self.reusable(request, payload);
        let event = Event::World(World::Described(image));
        self.change(&event, &mut dirty).map_err(|_| Failure::Internal)?;
        if image.sequence > self.record.installed.sequence {
            self.record.newer = Some(image.version);
        }
        self.digest = P::Digest::new();
        self.transfer.hashed = true;
        if payload == Payload::Here {
            self.source.payload_at = Some(payload_at);
        }
        match again {
            Some((point, read)) => {
                self.stage = stage.resumed(point.offset);
                self.reading = Reading::Prefix(read);
                let event = Event::World(World::Chunk(point.offset));
                self.change(&event, &mut dirty).map_err(|_| Failure::Internal)?;
                self.transfer.file_at = payload_at.saturating_add(point.offset);
                self.new_ticket();
            }
            None => {
                self.progress.point = None;
                self.stage = Some(stage);
                if head == 0 {
                    self.head_kept(&mut dirty);
                }
            }
        }
        self.commit(dirty);
        Ok(())
    }

    /// Whether this image may be installed at all.
    fn admissible(&self, request: Request, image: &Image) -> Result<(), Failure> {
        let counter = self.boot_record.counter;
        if image.sequence < self.record.installed.sequence || image.counter() < counter {
            return Err(Failure::OlderThanAllowed);
        }
        if self.policy.counter_step.is_some_and(|step| image.counter() > counter.saturating_add(step)) {
            return Err(Failure::Rejected);
        }
        // What failed its trial is not tried again by itself, for that could go on for ever.
        let barred = self
            .record
            .barred
            .is_some_and(|barred| barred.digest == image.digest && image.sequence <= barred.sequence);
        if barred && request.by != Initiator::APPLICATION {
            return Err(Failure::Rejected);
        }
        Ok(())
    }

    /// Counts this attempt at the image. Only so many are made without progress.
    fn count_attempt(&mut self, request: Request, image: &Image) -> Result<(), Failure> {
        if self.progress.digest != Some(image.digest) {
            self.progress = Progress { digest: Some(image.digest), attempts: 0, ..Progress::NONE };
        }
        self.progress.resets = 0;
        if request.by == Initiator::APPLICATION {
            self.progress.attempts = 0;
        }
        // One that goes on over a reset was counted there, also where its package begins anew.
        let counted = core::mem::take(&mut self.transfer.counted) && self.progress.attempts > 0;
        if counted {
            return Ok(());
        }
        if self.progress.attempts >= self.policy.attempts {
            return Err(Failure::Rejected);
        }
        self.progress.attempts = self.progress.attempts.saturating_add(1);
        Ok(())
    }

    /// A prefix of this very image, left by an earlier request for it.
    fn reusable(&self, request: Request, payload: Payload) -> Option<(Point, SlotRead)> {
        let point = self.progress.point?;
        let reusable = request.via == Via::Pull
            && payload == Payload::Here
            && point.slot == request.target
            && point.offset > 0
            && point.head as usize == self.package.kept().len()
            && point.sum == Crc::of(self.package.kept())
            && self.slot(request.target) == Some(&Slot::Partial)
            && !self.source.checked;
        let read = SlotRead::new(&self.layout, request.target, 0, point.offset)?;
        reusable.then_some((point, read))
    }

    /// The head stands in the slot: a reset can go on from here.
    pub(super) fn head_kept(&mut self, dirty: &mut Dirty) {
        let State::Receiving { request, .. } = self.record.state else { return };
        let head = self.package.kept();
        let (head, sum) = (head.len() as u32, Crc::of(head));
        self.progress.point = Some(Point { slot: request.target, offset: 0, head, sum });
        dirty.progress = true;
        if self.source.payload_at.is_none() {
            let uri = self.package.uri().and_then(|uri| Bytes::new(uri.as_bytes()));
            self.source.uri = uri.unwrap_or(Bytes::EMPTY);
            self.source.tag = Bytes::EMPTY;
            self.source.payload_at = Some(0);
            dirty.source = true;
            self.transfer.file_at = 0;
            self.new_ticket();
        }
    }
}
