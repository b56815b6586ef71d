//! The updater as a planner of flash operations: the journal first, then the boot control, then slots.

use super::{BootWork, Dirty, Lender, Load, Platform, Reading, Updater};
use crate::boot::{BootControl, Plan};
use crate::digest::Digest;
use crate::flash::stage::{Stage, Staged};
use crate::flash::{FlashFault, Op, OpKind, Planner};
use crate::lifecycle::{State, Via, World};
use crate::outcome::Failure;
use crate::package::PackageFormat;
use crate::time::Now;

impl<P: Platform> Updater<P> {
    fn lender(&mut self) -> Lender {
        if self.journal.busy() {
            return Lender::Journal;
        }
        if self.boot_work == BootWork::Running && self.boot.plan() == Plan::Op {
            return Lender::Boot;
        }
        match self.load {
            Load::Head(_) => Lender::Head,
            Load::Hash(_) => Lender::Reading,
            Load::Journal | Load::Record(_) | Load::Observe => Lender::Nobody,
            Load::Booted | Load::Broken => Lender::Nobody,
            Load::Ready => match (&self.reading, &self.stage) {
                (Reading::Prefix(_) | Reading::Whole(_), _) => Lender::Reading,
                (Reading::Nothing, Some(stage)) if stage.busy() => Lender::Stage,
                (Reading::Nothing, _) => Lender::Nobody,
            },
        }
    }

    fn read_done(&mut self, good: bool) {
        let (whole, mut read) = match self.reading {
            Reading::Nothing => return,
            Reading::Prefix(read) => (false, read),
            Reading::Whole(read) => (true, read),
        };
        if !good {
            // Once more, from where it failed; then the work has failed.
            if core::mem::replace(&mut self.transfer.faulted, true) {
                self.reading_failed();
            }
            return;
        }
        self.digest.update(read.take(&self.chunk));
        let ended = read.at_end();
        self.reading = match (ended, whole) {
            (true, _) => Reading::Nothing,
            (false, true) => Reading::Whole(read),
            (false, false) => Reading::Prefix(read),
        };
        if ended {
            self.transfer.faulted = false;
        }
        match (ended && whole, self.load, self.record.state) {
            (true, Load::Hash(_), _) => self.running_hashed(true),
            (true, _, State::Validating { image, .. }) => {
                let same = self.take_digest() == image.digest;
                self.pending = self.verdict(image, same);
            }
            _ => {}
        }
    }

    fn reading_failed(&mut self) {
        self.transfer.faulted = false;
        self.reading = Reading::Nothing;
        if let Load::Hash(_) = self.load {
            self.running_hashed(false);
        } else {
            self.pending = Some(World::Failed(Failure::InstallFailed));
        }
    }

    fn staged(&mut self) {
        let Some(stage) = &mut self.stage else { return };
        match stage.done() {
            Staged::Going => {}
            Staged::HeadKept => {
                let mut dirty = Dirty::default();
                self.head_kept(&mut dirty);
                self.commit(dirty);
            }
            Staged::Checkpoint(offset) => {
                let State::Receiving { request, .. } = self.record.state else { return };
                if self.source.checked {
                    return;
                }
                let dirty = self.checkpoint(request.target, offset);
                self.commit(dirty);
            }
        }
    }

    /// The flash did not take a write or an erase. An erase is simply done again, once. What a failed write
    /// has left counts as written, so that a download goes on from its last checkpoint, once; a delivery
    /// cannot.
    fn stage_failed(&mut self, fault: FlashFault) {
        let again = !core::mem::replace(&mut self.transfer.faulted, true);
        match (fault.op, self.record.state) {
            (OpKind::Erase | OpKind::Read, _) if again => {}
            (OpKind::Write, State::Receiving { request, image, .. })
                if again && request.via == Via::Pull && self.progress.point.is_some() =>
            {
                self.rewind(request.target, image);
            }
            _ => {
                self.stage = None;
                self.pending = Some(World::Failed(Failure::InstallFailed));
            }
        }
    }

    fn rewind(&mut self, target: crate::image::SlotId, image: Option<crate::image::Image>) {
        self.stage = None;
        if let State::Receiving { offset, .. } = &mut self.record.state {
            *offset = 0;
        }
        self.resume(target, image);
    }
}

impl<P: Platform> Planner for Updater<P> {
    fn next_op(&mut self) -> Option<Op<'_>> {
        if self.lender != Lender::Nobody {
            self.reload();
        }
        self.advance();
        self.lender = self.lender();
        let op = match self.lender {
            Lender::Nobody => None,
            Lender::Journal => self.journal.next_op(),
            Lender::Boot => self.boot.op(),
            Lender::Head => self.head.as_ref().and_then(|head| head.op(&mut self.chunk)),
            Lender::Reading => match &self.reading {
                Reading::Prefix(read) | Reading::Whole(read) => read.op(&mut self.chunk),
                Reading::Nothing => None,
            },
            Lender::Stage => {
                let kept = self.package.kept();
                self.stage.as_mut().and_then(|stage: &mut Stage| stage.op(kept))
            }
        };
        if op.is_none() {
            self.lender = Lender::Nobody;
        }
        op
    }

    fn done(&mut self, result: Result<(), FlashFault>, now: Now) {
        self.now = now;
        match core::mem::replace(&mut self.lender, Lender::Nobody) {
            Lender::Nobody => {}
            Lender::Journal => self.journal.done(result),
            Lender::Boot => self.boot.done(result),
            Lender::Head => {
                // Once more: without its head the image on trial would be given up.
                let again = result.is_err() && !self.transfer.faulted;
                self.transfer.faulted = again;
                if !again {
                    self.head_read(result.is_ok());
                }
            }
            Lender::Reading => self.read_done(result.is_ok()),
            Lender::Stage => match result {
                Ok(()) => self.staged(),
                Err(fault) => self.stage_failed(fault),
            },
        }
        self.advance();
    }
}
