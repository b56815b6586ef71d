//! Situations: what a status tells of, as a value that is taken out of an updater and put into one. For tests
//! outside this crate.

use super::{BootWork, Dirty, Load, NOTES, Platform, Reading, Updater};
use crate::boot::{BootEvent, BootReason, BootRecord};
use crate::image::Version;
use crate::lifecycle::{Booted, Event, Owner, State, World};
use crate::outcome::{Outcome, Refused, Run};
use crate::record::{Bytes, Installed, Progress, Source};
use crate::slot::Log;

/// What a [`Status`](crate::status::Status) tells of, and what follows from it at a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation<S> {
    /// Where the lifecycle stands.
    pub state: State,
    /// Number of the latest run.
    pub run: Run,
    /// The newer version known, if one is.
    pub newer: Option<Version>,
    /// How the last run ended.
    pub last: Option<Outcome>,
    /// Whose preset the next boot is.
    pub preset: Option<Owner>,
    /// What is installed and confirmed.
    pub installed: Installed,
    /// What each slot holds.
    pub slots: S,
    /// The boot record.
    pub boot: BootRecord,
}

impl<P: Platform> Updater<P>
where
    P::Slots: Copy,
{
    /// Where this updater stands; `None` until it has loaded.
    pub fn situation(&self) -> Option<Situation<P::Slots>> {
        let record = &self.record;
        (self.load == Load::Ready).then_some(Situation {
            state: record.state,
            run: record.run,
            newer: record.newer,
            last: record.last,
            preset: record.preset,
            installed: record.installed,
            slots: self.slots,
            boot: self.boot_record,
        })
    }

    /// Puts an updater that has loaded into a situation, with no notes, and begins to write it as one frame.
    pub fn place(&mut self, at: &Situation<P::Slots>) {
        self.set(at);
        self.notes = [Bytes::EMPTY; NOTES];
        self.source = Source::NONE;
        self.progress = Progress::NONE;
        self.commit(Dirty {
            boot: true,
            state: true,
            slots: true,
            source: true,
            progress: true,
            tried: true,
            trust: false,
            notes: [true; NOTES],
        });
    }

    /// Leads a situation on by an event of the lifecycle, through all that the event changes beside the state.
    /// Nothing is written: this updater is but what does it. A boot is one of a native bootloader, and
    /// `at.boot.running` is to say already what it has jumped to.
    ///
    /// # Errors
    /// As for [`step`](crate::lifecycle::step).
    pub fn led(
        &mut self,
        at: &Situation<P::Slots>,
        event: &Event,
    ) -> Result<Option<Situation<P::Slots>>, Refused> {
        self.set(at);
        let mut dirty = Dirty::default();
        match *event {
            Event::Command { by, order } => self.order(by, order, &mut dirty)?,
            Event::World(world) => {
                if let World::Booted(booted) = world {
                    self.boot_record.event = match booted {
                        Booted::FellBack { slot, .. } => {
                            Some(BootEvent::FellBack(slot, BootReason::Mismatch))
                        }
                        Booted::Reverted { slot, .. } => {
                            Some(BootEvent::Reverted(slot, BootReason::TrialsSpent))
                        }
                        Booted::Usual | Booted::Trial { .. } | Booted::Settled { .. } => None,
                    };
                }
                self.change(event, &mut dirty)?;
                self.boot_record.event = None;
            }
        }
        self.begin_boot_work(&mut dirty);
        Ok(self.situation())
    }

    fn set(&mut self, at: &Situation<P::Slots>) {
        self.restart_transfer();
        self.reading = Reading::Nothing;
        self.pending = None;
        self.reset = false;
        self.boot_work = BootWork::Rest;
        self.record.state = at.state;
        self.record.run = at.run;
        self.record.newer = at.newer;
        self.record.last = at.last;
        self.record.preset = at.preset;
        self.record.installed = at.installed;
        self.record.barred = None;
        self.record.detail = Log::EMPTY;
        self.slots = at.slots;
        self.boot_record = at.boot;
    }
}
