//! What the updater needs of the application, and the steps that it takes by itself: one a call.

use super::{BootWork, Load, Platform, Reading, Ticket, Updater, Verify};
use crate::boot::Want;
use crate::checksum::FileCheck;
use crate::digest::Digest;
use crate::flash::slot::SlotRead;
use crate::flash::stage::Stage;
use crate::image::{Image, Verified};
use crate::lifecycle::{Owed, Request, State, Via, World};
use crate::outcome::{Ask, Failure, Run};
use crate::time::Now;

/// What the application is asked to do. It is level-triggered: it is asked until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Need<'a> {
    /// Fetch this file from `offset` on, and tell [`answered`](Updater::answered), [`chunk`](Updater::chunk),
    /// and [`complete`](Updater::complete) or [`failed`](Updater::failed), all under this ticket. A ticket
    /// that is no longer asked for is to be dropped.
    Fetch {
        /// Names the transfer.
        ticket: Ticket,
        /// What to fetch.
        uri: &'a str,
        /// From which byte of the file on.
        offset: u32,
        /// The file's entity tag, when it was last seen; empty if it had none.
        tag: &'a [u8],
    },
    /// Say [`permit`](Updater::permit) or [`defer`](Updater::defer).
    Permit {
        /// The run that wants to go on.
        run: Run,
        /// What it depends on.
        ask: Ask,
    },
    /// Do this to the boot control, and tell [`boot_done`](Updater::boot_done).
    Boot(Want),
    /// Reset the device, once every adapter has said what it has to say.
    Reset,
    /// Come again at this monotonic time, milliseconds.
    Wait(u64),
    /// Poll the adapters, carry out what is planned, and come again: it has taken a step of its own, or an
    /// operation is owed.
    Again,
    /// Nothing, until something comes in.
    Nothing,
}

impl<P: Platform> Updater<P> {
    /// What is needed now. Takes at most one step of the lifecycle; called at most once between two rounds of
    /// polling the adapters, it lets them see every state.
    pub fn need(&mut self, now: Now) -> Need<'_> {
        self.now = now;
        self.advance();
        if let Some(want) = self.boot_asks() {
            return Need::Boot(want);
        }
        if self.load == Load::Broken && self.reset {
            return Need::Reset;
        }
        if self.load != Load::Ready || self.committing || self.journal.busy() {
            return if self.load == Load::Broken { Need::Nothing } else { Need::Again };
        }
        if let Some(world) = self.own_step() {
            // A step that has no arrow any more, as its state has gone, is no step.
            let _ = self.raise(world);
            return Need::Again;
        }
        if self.reset {
            return Need::Reset;
        }
        if self.plans() {
            return Need::Again;
        }
        match self.record.state.owed() {
            Owed::Nothing | Owed::GoOn | Owed::Validation(_) => Need::Nothing,
            Owed::Bytes(request) => self.need_bytes(request),
            Owed::Permit(owner) => Need::Permit { run: owner.run, ask: owner.ask },
            Owed::Watching(deadline) => Need::Wait(deadline.at),
            Owed::Arming(_) | Owed::Confirming(_) | Owed::Reverting(_) => {
                let mut dirty = super::Dirty::default();
                self.begin_boot_work(&mut dirty);
                self.commit(dirty);
                Need::Again
            }
        }
    }

    /// Whether an operation on a slot or of the boot control is owed.
    fn plans(&mut self) -> bool {
        self.boot_work == BootWork::Running
            || !matches!(self.reading, Reading::Nothing)
            || self.stage.as_ref().is_some_and(Stage::busy)
    }

    /// The next step that nobody has to be asked for.
    fn own_step(&mut self) -> Option<World> {
        if let Some(world) = self.pending.take() {
            return Some(world);
        }
        if let BootWork::Done(seen) = self.boot_work {
            self.boot_work = BootWork::Rest;
            return self.boot_ended(seen);
        }
        if self.reset || self.boot_work != BootWork::Rest {
            return None;
        }
        match self.record.state.owed() {
            Owed::GoOn => Some(World::GoOn),
            Owed::Watching(deadline) => deadline.passed(self.now).then_some(World::Tick(self.now)),
            Owed::Bytes(_) if self.transfer.complete => self.received(),
            Owed::Validation(image) => self.validated(image),
            Owed::Nothing | Owed::Bytes(_) | Owed::Permit(_) => None,
            Owed::Arming(_) | Owed::Confirming(_) | Owed::Reverting(_) => None,
        }
    }

    fn need_bytes(&mut self, request: Request) -> Need<'_> {
        let delivered = request.via == Via::Push && !self.elsewhere();
        if delivered || self.transfer.complete {
            return Need::Nothing;
        }
        match self.transfer.wait {
            Some(until) if self.now.mono < until => return Need::Wait(until),
            Some(_) | None => self.transfer.wait = None,
        }
        Need::Fetch {
            ticket: self.transfer.ticket,
            uri: core::str::from_utf8(self.source.uri.as_slice()).unwrap_or_default(),
            offset: self.transfer.file_at,
            tag: if self.transfer.file_at == 0 { &[] } else { self.source.tag.as_slice() },
        }
    }

    /// The source has no more bytes: what has been taken is whole, or the run fails.
    fn received(&mut self) -> Option<World> {
        if self.stage.as_ref().is_some_and(Stage::busy) || !matches!(self.reading, Reading::Nothing) {
            return None;
        }
        if let Some((_, check, expected)) = self.transfer.check.take()
            && !check.finish(expected.as_slice())
        {
            return Some(World::Failed(Failure::Integrity));
        }
        Some(World::Complete)
    }

    /// All bytes are in the slot: compares them with the signed digest, now or after reading them back.
    fn validated(&mut self, image: Image) -> Option<World> {
        if !matches!(self.reading, Reading::Nothing) {
            return None;
        }
        if self.transfer.hashed {
            self.transfer.hashed = false;
            let same = self.take_digest() == image.digest;
            match (same, self.policy.verify) {
                (false, _) => return Some(World::Failed(Failure::Integrity)),
                (true, Verify::WhileWriting) => return self.verdict(image, true),
                (true, Verify::Both) => {}
            }
        }
        let State::Validating { request, .. } = self.record.state else { return None };
        match SlotRead::new(&self.layout, request.target, 0, image.size) {
            Some(read) => {
                self.reading = Reading::Whole(read);
                None
            }
            None => Some(World::Failed(Failure::Internal)),
        }
    }

    /// The digest of what was read; a fresh one begins.
    pub(super) fn take_digest(&mut self) -> [u8; 32] {
        core::mem::replace(&mut self.digest, P::Digest::new()).finish()
    }

    /// The end of a package: the one place where an image that came in is vouched for.
    pub(super) fn verdict(&self, image: Image, same: bool) -> Option<World> {
        let State::Validating { request, .. } = self.record.state else { return None };
        Some(match same {
            true => World::Passed(Verified::vouch(image, request.target)),
            false => World::Failed(Failure::Integrity),
        })
    }
}
