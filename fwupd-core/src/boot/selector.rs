//! What a native bootloader drives before it jumps: counts trial boots, checks what it is about to boot,
//! and falls back. A plan like all others: [`flash::run`](crate::flash::run) carries it out.

use crate::digest::Digest;
use crate::flash::journal::{Aligned, CHUNK, Found, Journal, Kind, copy};
use crate::flash::slot::{HeadBytes, HeadRead, SlotRead};
use crate::flash::{FlashFault, Layout, Op, Planner};
use crate::image::{Image, SlotId};
use crate::record::boot::{BootEvent, BootReason, BootRecord};
use crate::time::Now;

/// What a slot must hold to be booted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// SHA-256 of the image.
    pub digest: [u8; 32],
    /// Its length, bytes.
    pub size: u32,
    /// Its security counter. One lower than the record's is refused.
    pub counter: u32,
}

impl From<Image> for Expected {
    fn from(image: Image) -> Self {
        Self { digest: image.digest, size: image.size, counter: image.counter() }
    }
}

/// What the integrator's check says of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may boot as it is.
    Skip,
    /// It may boot if it holds this.
    Digest(Expected),
    /// It must not boot.
    Refuse,
}

/// The integrator's check: decides on the signed head that the slot keeps (empty if it keeps none), after
/// checking its signature or not.
pub trait Check {
    /// The verdict on a slot.
    fn check(&mut self, slot: SlotId, head: &[u8]) -> Verdict;
}

impl<F: FnMut(SlotId, &[u8]) -> Verdict> Check for F {
    fn check(&mut self, slot: SlotId, head: &[u8]) -> Verdict {
        self(slot, head)
    }
}

/// What the bootloader does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Choice {
    /// Jump to this slot. On trial it starts the watchdog first.
    Boot {
        /// The slot.
        slot: SlotId,
        /// Whether it is on trial.
        trial: bool,
    },
    /// No slot passes its check.
    Nothing,
}

enum Step<D> {
    Journal,
    Record,
    Head(HeadRead),
    Hash(SlotRead, D, [u8; 32]),
    Commit,
    Done(Choice),
}

/// The choice of what to boot. `HEAD` is the longest signed head, bytes.
pub struct Selector<C, D, const HEAD: usize> {
    layout: Layout,
    check: C,
    journal: Journal<64>,
    step: Step<D>,
    /// The record as the journal has it, and as it will be.
    old: Option<BootRecord>,
    record: BootRecord,
    /// The slot that is being looked at, and those that have failed: a bit each.
    slot: SlotId,
    failed: u8,
    why: BootReason,
    chunk: Aligned<CHUNK>,
    head: [u8; HEAD],
    head_len: usize,
    lent: bool,
    /// Whether the read at hand has failed once already.
    reread: bool,
}

impl<C: Check, D: Digest, const HEAD: usize> Selector<C, D, HEAD> {
    /// A selector for this layout, which the caller has [checked](Layout::check).
    pub fn new(layout: Layout, check: C) -> Self {
        let mut journal = Journal::new(layout);
        journal.start();
        Self {
            layout,
            check,
            journal,
            step: Step::Journal,
            old: None,
            record: BootRecord::factory(layout.factory_slot),
            slot: layout.factory_slot,
            failed: 0,
            why: BootReason::Refused,
            chunk: Aligned([0; CHUNK]),
            head: [0; HEAD],
            head_len: 0,
            lent: false,
            reread: false,
        }
    }

    /// What to do, once there is no operation left.
    pub fn choice(&self) -> Option<Choice> {
        match self.step {
            Step::Done(choice) => Some(choice),
            Step::Journal | Step::Record | Step::Head(_) | Step::Hash(..) | Step::Commit => None,
        }
    }

    /// The record is known: what it wants is looked at first.
    fn decide(&mut self) {
        if let (None, Some(preset)) = (self.record.target, self.record.preset) {
            let trials = self.record.trials.max(1);
            if preset == self.record.confirmed || !self.record.is_bootable(preset) {
                self.record.preset = None;
            } else {
                self.record = BootRecord { target: Some(preset), left: trials, preset: None, ..self.record };
            }
        }
        match self.record.target {
            Some(target) if self.record.left == 0 => {
                self.record.give_up_target(target, BootReason::TrialsSpent);
                self.look_at(self.record.confirmed);
            }
            Some(target) if self.layout.slot(target).is_some() => {
                self.record.left = self.record.left.saturating_sub(1);
                self.look_at(target);
            }
            Some(_) | None => {
                self.record.target = None;
                self.look_at(self.record.confirmed);
            }
        }
    }

    fn look_at(&mut self, slot: SlotId) {
        self.slot = slot;
        self.head_len = 0;
        match HeadRead::new(&self.layout, slot) {
            Some(read) => self.step = Step::Head(read),
            None => self.ask(),
        }
    }

    /// The head is read, or there is none: the integrator's check decides.
    fn ask(&mut self) {
        let head = self.head.get(..self.head_len).unwrap_or_default();
        match self.check.check(self.slot, head) {
            // Without a record nothing vouches for a slot but its head, the factory slot's apart.
            Verdict::Skip if self.old.is_none() && self.slot != self.layout.factory_slot => {
                self.refuse(BootReason::Refused);
            }
            Verdict::Skip => self.accept(),
            Verdict::Digest(expected) if expected.counter >= self.record.counter => {
                match SlotRead::new(&self.layout, self.slot, 0, expected.size) {
                    Some(read) => self.step = Step::Hash(read, D::new(), expected.digest),
                    None => self.refuse(BootReason::Mismatch),
                }
            }
            Verdict::Digest(_) | Verdict::Refuse => self.refuse(BootReason::Refused),
        }
    }

    fn refuse(&mut self, why: BootReason) {
        let slot = self.slot;
        self.failed |= 1u8.checked_shl(u32::from(slot.0)).unwrap_or(0);
        if self.record.target == Some(slot) {
            self.record.give_up_target(slot, why);
        } else if slot == self.record.confirmed {
            self.why = why;
        }
        match self.next() {
            Some(next) => self.look_at(next),
            None => self.step = Step::Done(Choice::Nothing),
        }
    }

    /// What is tried next: the confirmed slot, the one confirmed before it, then any bootable one (without a
    /// record, any); at the very last one that was given up, since its bytes may still be right.
    fn next(&self) -> Option<SlotId> {
        let slots =
            || (0u8..).take(Layout::SLOTS).map(SlotId).filter(|slot| self.layout.slot(*slot).is_some());
        let untried = |slot: &SlotId| self.failed & 1u8.checked_shl(u32::from(slot.0)).unwrap_or(0) == 0;
        let event = match self.record.event {
            Some(BootEvent::Reverted(slot, _) | BootEvent::FellBack(slot, _)) => Some(slot),
            None => None,
        };
        let previous = self.record.previous.filter(|slot| self.record.is_bootable(*slot));
        [Some(self.record.confirmed), previous]
            .into_iter()
            .flatten()
            .chain(slots().filter(|slot| self.old.is_none() || self.record.is_bootable(*slot)))
            .chain(event)
            .find(untried)
    }

    /// The slot passes: it boots, once the record says so.
    fn accept(&mut self) {
        let slot = self.slot;
        let record = &mut self.record;
        if record.target != Some(slot) && record.confirmed != slot {
            record.falls_back(slot, self.why);
        }
        record.running = slot;
        let blank = self.old.is_none() && *record == BootRecord::factory(self.layout.factory_slot);
        if self.old == Some(*record) || blank {
            return self.finish();
        }
        self.step = Step::Commit;
        self.journal.begin();
        let record = *record;
        match self.journal.put(Kind::BOOT, |into| record.emit(into)) {
            Ok(()) => self.journal.commit(),
            Err(_) => self.written(false),
        }
    }

    /// The record is written, or cannot be. A boot that would count a trial is not made uncounted: it could
    /// go on for ever.
    fn written(&mut self, good: bool) {
        let trial = self.record.target == Some(self.slot);
        if good || !trial {
            return self.finish();
        }
        self.record.give_up_target(self.slot, BootReason::TrialsSpent);
        self.failed |= 1u8.checked_shl(u32::from(self.slot.0)).unwrap_or(0);
        self.look_at(self.record.confirmed);
    }

    fn finish(&mut self) {
        let trial = self.record.target == Some(self.slot);
        self.step = Step::Done(Choice::Boot { slot: self.slot, trial });
    }

    fn journal_done(&mut self) {
        match self.step {
            Step::Journal => {
                if self.journal.found() != Found::Blank && self.journal.has(Kind::BOOT) {
                    self.step = Step::Record;
                    self.journal.read(Kind::BOOT);
                } else {
                    self.decide();
                }
            }
            Step::Record => {
                let parsed = BootRecord::parse(self.journal.record());
                let known = |r: &BootRecord| self.layout.slot(r.confirmed).is_some();
                self.old = parsed.filter(known).filter(|_| self.journal.result().is_ok());
                self.record = self.old.unwrap_or(self.record);
                self.decide();
            }
            Step::Commit => self.written(self.journal.result().is_ok()),
            Step::Head(_) | Step::Hash(..) | Step::Done(_) => {}
        }
    }

    fn head_bytes(&mut self, result: Result<(), FlashFault>) {
        let Step::Head(read) = &mut self.step else { return };
        let bytes = match result {
            Ok(()) => read.take(&self.layout, &self.chunk),
            Err(_) => HeadBytes::Absent,
        };
        let (bytes, last) = match bytes {
            HeadBytes::Trailer => return,
            HeadBytes::Bytes(bytes) => (bytes, false),
            HeadBytes::Last(bytes) => (bytes, true),
            HeadBytes::Absent => {
                self.head_len = 0;
                return self.ask();
            }
        };
        let end = self.head_len.saturating_add(bytes.len());
        match self.head.get_mut(self.head_len..end).and_then(|to| copy(to, bytes)) {
            Some(()) => self.head_len = end,
            None => {
                self.head_len = 0;
                return self.ask();
            }
        }
        if last {
            self.ask();
        }
    }
}

impl<C: Check, D: Digest, const HEAD: usize> Planner for Selector<C, D, HEAD> {
    fn next_op(&mut self) -> Option<Op<'_>> {
        if self.lent {
            // The last operation was cut short: all that is known is void, as after a reset.
            self.journal.start();
            self.step = Step::Journal;
            self.record = BootRecord::factory(self.layout.factory_slot);
            self.old = None;
            self.failed = 0;
        }
        // Steps that need no operation lead on at once; there are at most a few for each slot.
        for _ in 0..64 {
            match &self.step {
                Step::Journal | Step::Record | Step::Commit if !self.journal.busy() => self.journal_done(),
                Step::Hash(read, ..) if read.at_end() => self.hashed(),
                Step::Journal | Step::Record | Step::Commit | Step::Hash(..) => break,
                Step::Head(_) | Step::Done(_) => break,
            }
        }
        let op = match &self.step {
            Step::Journal | Step::Record | Step::Commit => self.journal.next_op(),
            Step::Head(read) => read.op(&mut self.chunk),
            Step::Hash(read, ..) => read.op(&mut self.chunk),
            Step::Done(_) => None,
        };
        self.lent = op.is_some();
        op
    }

    fn done(&mut self, result: Result<(), FlashFault>, _: Now) {
        self.lent = false;
        // A read of a slot that fails is done once more before the slot is given up; the journal sees to its
        // own.
        let again = result.is_err() && !self.reread && matches!(self.step, Step::Head(_) | Step::Hash(..));
        self.reread = again;
        if again {
            return;
        }
        match &mut self.step {
            Step::Journal | Step::Record | Step::Commit => self.journal.done(result),
            Step::Head(_) => self.head_bytes(result),
            Step::Hash(read, digest, _) => match result {
                Ok(()) => digest.update(read.take(&self.chunk)),
                Err(_) => self.refuse(BootReason::Unreadable),
            },
            Step::Done(_) => {}
        }
    }
}

impl<C: Check, D: Digest, const HEAD: usize> Selector<C, D, HEAD> {
    /// All bytes of the slot have been read.
    fn hashed(&mut self) {
        let step = core::mem::replace(&mut self.step, Step::Commit);
        let Step::Hash(_, digest, expected) = step else { return };
        if digest.finish() == expected {
            self.accept();
        } else {
            self.refuse(BootReason::Mismatch);
        }
    }
}
