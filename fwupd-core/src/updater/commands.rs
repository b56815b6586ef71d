//! Commands: resolved to slots and runs, admitted by the lifecycle, written in one frame.

use super::{Dirty, Platform, Updater};
use crate::boot::{BootControl, BootRecord, Plan, Want};
use crate::checksum::{Algorithm, FileCheck};
use crate::flash::Layout;
use crate::image::{SlotId, Verified};
use crate::lifecycle::{AfterReset, Event, Order, Owner, Request, State, Via, World, step};
use crate::outcome::{Ask, Failure, Initiator, Reach, Refused, Run};
use crate::package::PackageFormat;
use crate::record::{Bytes, Source};
use crate::slot::{Enabled, Log, Slot};
use crate::time::Now;

/// What a request for an image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Job<'a> {
    /// Where the package is, 1 to [`URI_MAX`](super::URI_MAX) bytes; none for a delivery.
    pub uri: Option<&'a str>,
    /// How far to go. [`Command::Check`] goes no further than that, whatever this says.
    pub reach: Reach,
    /// The slot, or `None` to leave the choice to the updater.
    pub target: Option<SlotId>,
    /// What happens over a reset, to the activation that it goes on to as well while that is only wanted. A
    /// delivery never goes on.
    pub after: AfterReset,
    /// A checksum over the file that is transferred: algorithm and expected value.
    pub file_check: Option<(Algorithm, &'a [u8])>,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Command<'a> {
    /// Read the signed description of a package.
    Check(Job<'a>),
    /// Download a package.
    Fetch(Job<'a>),
    /// Take the delivery of a package.
    Receive(Job<'a>),
    /// Activate a verified and enabled image: that of a slot, or what is staged. It stays wanted over a reset.
    Activate {
        /// The slot.
        slot: Option<SlotId>,
        /// Whether the application is asked first.
        ask: Ask,
    },
    /// The activation is no longer wanted.
    Withdraw,
    /// End what is being checked, received or validated.
    Cancel,
    /// Give up what is staged.
    Discard {
        /// Whether the slot keeps its image.
        keep_slot: bool,
    },
    /// Let the slot's verified image be activated, or not.
    Enable(SlotId, bool),
    /// The slot boots next, whoever causes it.
    Preset(SlotId),
    /// The running image is good. Only from [`Initiator::APPLICATION`].
    Confirm,
    /// The image is not wanted. Only from [`Initiator::APPLICATION`].
    Reject {
        /// Why.
        why: Failure,
        /// What is told of it, the first 64 bytes.
        detail: &'a [u8],
    },
    /// Clear notes and staged images.
    FactoryReset,
}

impl<P: Platform> Updater<P> {
    /// Takes a command, together with a note of the initiator that is kept in the same frame. It counts once
    /// [`settled`](Updater::settled) says so. The run is the command's own where it starts one, else the
    /// latest.
    ///
    /// # Errors
    /// Why it was not taken; nothing has changed then.
    pub fn command(
        &mut self,
        by: Initiator,
        command: Command<'_>,
        note: Option<&[u8]>,
        now: Now,
    ) -> Result<Run, Refused> {
        self.now = now;
        self.available()?;
        let note = match note {
            Some(note) if usize::from(by.0) < super::NOTES => Some(Bytes::new(note).ok_or(Refused::Invalid)?),
            Some(_) => return Err(Refused::Invalid),
            None => None,
        };
        let mut dirty = Dirty::default();
        match command {
            Command::Check(job) => {
                self.begin(by, Order::Check, Job { reach: Reach::Check, ..job }, &mut dirty)?
            }
            Command::Fetch(job) => self.begin(by, Order::Fetch, job, &mut dirty)?,
            Command::Receive(job) => {
                self.begin(
                    by,
                    Order::Receive,
                    Job { uri: None, after: AfterReset::Fail, ..job },
                    &mut dirty,
                )?;
            }
            Command::Activate { slot, ask } => {
                self.free_for(by)?;
                let owner = Owner { run: self.next_run(), by, ask, after: AfterReset::Resume };
                let image = self.activatable(slot)?;
                self.order(by, Order::Activate { owner, image }, &mut dirty)?;
            }
            Command::Withdraw => self.order(by, Order::Withdraw, &mut dirty)?,
            Command::Cancel => self.order(by, Order::Cancel, &mut dirty)?,
            Command::Discard { keep_slot } => self.order(by, Order::Discard { keep_slot }, &mut dirty)?,
            Command::Enable(slot, on) => {
                self.free_for(by)?;
                self.verified(slot)?;
                if slot == self.boot_record.running || slot == self.boot_record.confirmed {
                    return Err(Refused::NotAvailable);
                }
                self.order(by, Order::Enable { slot, on }, &mut dirty)?;
            }
            Command::Preset(slot) => self.preset(by, slot, &mut dirty)?,
            Command::Confirm => self.order(by, Order::Confirm, &mut dirty)?,
            Command::Reject { why, detail } => {
                self.order(by, Order::Reject { why }, &mut dirty)?;
                // It is told of the slot, and only what has booted leaves that in its slot.
                if let State::Reverting { .. } = self.record.state {
                    self.record.detail = Log::new(detail);
                }
            }
            Command::FactoryReset => self.order(by, Order::FactoryReset, &mut dirty)?,
        }
        if let Some(note) = note
            && let Some(place) = self.notes.get_mut(usize::from(by.0))
        {
            *place = note;
            dirty.note(by);
        }
        self.begin_boot_work(&mut dirty);
        self.commit_order(by, dirty);
        Ok(self.record.run)
    }

    /// The table refuses whoever meets the work of another. Where a slot is looked at first, that comes before what
    /// is found there.
    fn free_for(&self, by: Initiator) -> Result<(), Refused> {
        match self.record.state.owner() {
            Some(owner) if owner != by => Err(Refused::Busy(owner)),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives an order to the lifecycle. Where it begins a run, that is the latest one, and what came of the last
    /// is told no longer. That of a preset begins with its boot.
    pub(super) fn order(&mut self, by: Initiator, order: Order, dirty: &mut Dirty) -> Result<(), Refused> {
        self.change(&Event::Command { by, order }, dirty)?;
        match order {
            Order::Check(Request { run, .. })
            | Order::Fetch(Request { run, .. })
            | Order::Receive(Request { run, .. })
            | Order::Activate { owner: Owner { run, .. }, .. } => {
                self.record.run = run;
                self.record.last = None;
            }
            Order::Withdraw | Order::Cancel | Order::Discard { .. } | Order::Enable { .. } => {}
            Order::Preset { .. } | Order::Confirm | Order::Reject { .. } | Order::FactoryReset => {}
        }
        Ok(())
    }

    /// A request for an image begins.
    fn begin(
        &mut self,
        by: Initiator,
        order: fn(Request) -> Order,
        job: Job<'_>,
        dirty: &mut Dirty,
    ) -> Result<(), Refused> {
        let target = self.target(job.target)?;
        let via = if job.uri.is_some() { Via::Pull } else { Via::Push };
        let after = job.after;
        let request = Request { run: self.next_run(), by, reach: job.reach, target, after, via };
        let order = order(request);
        if via == Via::Push && !matches!(order, Order::Receive(_)) {
            return Err(Refused::Invalid);
        }
        let uri = job.uri.unwrap_or_default();
        if via == Via::Pull && uri.is_empty() {
            return Err(Refused::Invalid);
        }
        let uri = match via {
            Via::Pull => Bytes::new(uri.as_bytes()).ok_or(Refused::Invalid)?,
            // A delivery has none: that of the initiator's last download stays.
            Via::Push if self.source.by == by => self.source.uri,
            Via::Push => Bytes::EMPTY,
        };
        let check = match job.file_check {
            Some((algorithm, expected)) => {
                let expected = Bytes::new(expected).ok_or(Refused::Invalid)?;
                Some((algorithm, P::FileCheck::start(algorithm).ok_or(Refused::Unsupported)?, expected))
            }
            None => None,
        };
        self.order(by, order, dirty)?;
        self.restart_transfer();
        self.source = Source { by, uri, checked: check.is_some(), ..Source::NONE };
        self.transfer.check = check;
        self.transfer.wait = None;
        self.transfer.tries = 1;
        self.transfer.faulted = false;
        self.transfer.counted = false;
        dirty.source = true;
        dirty.progress |= core::mem::take(&mut self.progress.resets) != 0;
        Ok(())
    }

    /// The slot that a request writes to. Neither what runs nor what boots is ever overwritten.
    fn target(&self, asked: Option<SlotId>) -> Result<SlotId, Refused> {
        let BootRecord { running, confirmed, previous, preset, .. } = self.boot_record;
        let free = |slot: &SlotId| *slot != running && *slot != confirmed;
        if let Some(slot) = asked {
            self.slot(slot).ok_or(Refused::NoSuchSlot)?;
            return Some(slot).filter(free).ok_or(Refused::NotAvailable);
        }
        let slots = || (0u8..).map(SlotId).zip(self.slots.as_ref()).filter(|(slot, _)| free(slot));
        let begun = self.progress.point.map(|point| point.slot);
        let worth = |slot: SlotId, holds: &Slot| match holds {
            Slot::Partial if Some(slot) == begun => 0,
            Slot::Empty => 1,
            Slot::Partial | Slot::Failed { .. } => 2,
            Slot::Verified(_, Enabled::No) => 3,
            // What boots next, or is fallen back to first, goes last.
            Slot::Verified(_, Enabled::Yes) if Some(slot) == preset => 6,
            Slot::Verified(_, Enabled::Yes) if Some(slot) == previous => 5,
            Slot::Verified(_, Enabled::Yes) => 4,
        };
        let best = slots().min_by_key(|(slot, holds)| worth(*slot, holds));
        best.map(|(slot, _)| slot).ok_or(Refused::NotAvailable)
    }

    /// The verified image of a slot.
    fn verified(&self, slot: SlotId) -> Result<(Verified, Enabled), Refused> {
        match self.slot(slot).ok_or(Refused::NoSuchSlot)? {
            Slot::Verified(verified, enabled) => Ok((*verified, *enabled)),
            Slot::Empty | Slot::Partial | Slot::Failed { .. } => Err(Refused::NotAvailable),
        }
    }

    /// An image that may be activated: verified, enabled, not too old to run, and not running already.
    fn activatable(&self, slot: Option<SlotId>) -> Result<Verified, Refused> {
        let slot = match (slot, &self.record.state) {
            (Some(slot), _) => slot,
            (None, State::Staged { image, .. }) => image.slot(),
            (None, _) => self.only_candidate()?,
        };
        let (verified, enabled) = self.verified(slot)?;
        if slot == self.boot_record.running || enabled == Enabled::No {
            return Err(Refused::NotAvailable);
        }
        if verified.image().counter() < self.boot_record.counter {
            return Err(Refused::NotAvailable);
        }
        Ok(verified)
    }

    /// Outside Staged, an activation without a slot means the one slot that it can mean.
    fn only_candidate(&self) -> Result<SlotId, Refused> {
        let running = self.boot_record.running;
        let mut slots = (0u8..)
            .take(Layout::SLOTS)
            .map(SlotId)
            .filter(|slot| *slot != running && self.boot_record.is_bootable(*slot));
        match (slots.next(), slots.next()) {
            (Some(slot), None) => Ok(slot),
            (None, _) => Err(Refused::WrongState),
            (Some(_), Some(_)) => Err(Refused::Invalid),
        }
    }

    fn preset(&mut self, by: Initiator, slot: SlotId, dirty: &mut Dirty) -> Result<(), Refused> {
        self.free_for(by)?;
        if self.slot(slot).is_none() {
            return Err(Refused::NoSuchSlot);
        }
        if slot != self.boot_record.running {
            self.activatable(Some(slot))?;
        }
        let owner = Owner { run: self.record.run, by, ask: Ask::No, after: AfterReset::Resume };
        let order = Order::Preset { owner, slot };
        // What the table refuses must not disturb a boot control at work.
        step(&self.record.state, &Event::Command { by, order })?;
        // Only a boot control that records what it is told can be told without a state of its own.
        self.boot.begin(Want::Preset { slot, trials: P::Boot::TRIALS }, self.boot_record);
        let plan = self.boot.plan();
        match plan {
            Plan::Record(_) | Plan::Done(_) => {}
            Plan::Op | Plan::Ask(_) | Plan::Failed => return Err(Refused::Unsupported),
        }
        self.order(by, order, dirty)?;
        if let Plan::Record(record) = plan {
            self.boot_record = record;
            dirty.boot = true;
        }
        if slot == self.boot_record.running {
            self.record.preset = None;
        }
        Ok(())
    }

    /// The application permits the activation that [`Need::Permit`](super::Need::Permit) asked for.
    ///
    /// # Errors
    /// [`Refused::WrongState`] when no permit is owed, [`Refused::NotAvailable`] while a frame is written.
    pub fn permit(&mut self, now: Now) -> Result<(), Refused> {
        self.now = now;
        self.available()?;
        let mut dirty = Dirty::default();
        self.change(&Event::World(World::Permit), &mut dirty)?;
        self.begin_boot_work(&mut dirty);
        self.commit_order(Initiator::APPLICATION, dirty);
        Ok(())
    }

    /// The application puts off the activation: its run ends as deferred, `until` milliseconds from now if it
    /// knows how long.
    ///
    /// # Errors
    /// As for [`permit`](Self::permit).
    pub fn defer(&mut self, until: Option<u64>, now: Now) -> Result<(), Refused> {
        self.now = now;
        self.available()?;
        let mut dirty = Dirty::default();
        self.change(&Event::World(World::Defer), &mut dirty)?;
        if let Some(last) = &mut self.record.last {
            last.until = until;
        }
        self.commit_order(Initiator::APPLICATION, dirty);
        Ok(())
    }

    /// Forgets what was read of the package, in RAM. Nothing is asked of the source under the old ticket.
    pub(super) fn restart_transfer(&mut self) {
        self.package.restart();
        self.stage = None;
        self.reading = super::Reading::Nothing;
        self.new_ticket();
        self.transfer.file_at = 0;
        self.transfer.hashed = false;
        self.source.payload_at = None;
        if let Some((algorithm, check, _)) = &mut self.transfer.check
            && let Some(fresh) = P::FileCheck::start(*algorithm)
        {
            *check = fresh;
        }
    }

    pub(super) fn new_ticket(&mut self) {
        self.transfer.ticket = super::Ticket(self.transfer.ticket.0.wrapping_add(1));
        self.transfer.answered = false;
        self.transfer.complete = false;
    }
}
