//! What each task means to the device, and what it says where it means nothing.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Failure, Refused, Run, What};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::updater::{Command, Job};

use super::drive::Rest;
use super::report;
use super::session::{Install, Session, Task};
use super::source::Origin;
use super::usp;
use crate::error::{Error, Exit};

/// What the task means in this state.
pub(super) enum Told {
    /// The run that does it.
    Run(Run),
    /// It is done.
    Done(&'static str),
}

impl<const N: usize> Session<'_, N> {
    /// What is under way is driven on, if it needs nobody.
    pub(super) fn at_boot(&mut self) -> Result<Rest, Error> {
        match self.device.status()?.state {
            State::Trial { .. } | State::Reverting { .. } | State::Activating { .. } => self.device.drive(),
            State::Staged { wanted: Some(_), .. } => self.device.drive(),
            State::Idle | State::Staged { wanted: None, .. } | State::Checking { .. } => Ok(Rest::Idle),
            State::Receiving { .. } | State::Validating { .. } => Ok(Rest::Idle),
        }
    }

    pub(super) fn go_on(&mut self) -> Result<Told, Error> {
        let under_way = self.device.status()?.state.run();
        under_way.map(Told::Run).ok_or_else(|| nothing("nothing is under way"))
    }

    pub(super) fn install(&mut self, install: &Install) -> Result<Told, Error> {
        self.device.reading = install.reading;
        let origin = install.file.as_deref().map(Origin::of).transpose()?;
        let under_way = self.device.status()?.state.run();
        if let Some(run) = under_way {
            let same = origin.as_ref().is_some_and(|origin| self.device.note() == Some(&origin.note[..]));
            if !same {
                return Err(Error::failed(
                    "another update is under way: `fwagent resume` goes on with it, `fwagent cancel` ends it",
                ));
            }
            self.on.ui.note("going on with this installation");
            return Ok(Told::Run(run));
        }
        if let State::Staged { .. } = self.device.status()?.state {
            self.command(Command::Discard { keep_slot: true }, None)?;
        }
        let job = Job {
            uri: origin.as_ref().map(|origin| &*origin.uri),
            reach: install.reach,
            target: None,
            after: AfterReset::Resume,
            file_check: None,
        };
        let command = if origin.is_some() { Command::Fetch(job) } else { Command::Receive(job) };
        // A note of nothing takes the place of another installation's.
        let note = origin.as_ref().map_or(&[][..], |origin| &origin.note);
        Ok(Told::Run(self.command(command, Some(note))?))
    }

    pub(super) fn told(&mut self, task: &Task) -> Result<Told, Error> {
        let status = self.device.status()?;
        let on_trial = matches!(status.state, State::Trial { .. });
        match task {
            Task::GoOn | Task::Report { .. } | Task::Install(_) | Task::Run(_) => {
                Err(Error::failed("told twice"))
            }
            Task::Activate(slot) => self.activate(slot.map(SlotId)),
            Task::Rollback => {
                let back = self.previous()?;
                self.activate(Some(back))
            }
            Task::Confirm if !on_trial && self.device.ended_as(What::Done) => Ok(Told::Done("confirmed")),
            Task::Confirm | Task::Reject(_) if !on_trial => Err(nothing("nothing is on trial")),
            Task::Confirm => Ok(Told::Run(self.command(Command::Confirm, None)?)),
            Task::Reject(reason) => {
                let run = status.run;
                let detail = reason.as_bytes();
                self.command(Command::Reject { why: Failure::Rejected, detail }, None)?;
                self.device.so_far.rejected = true;
                Ok(Told::Run(run))
            }
            Task::Cancel => self.cancel(),
            Task::FactoryReset => {
                self.command(Command::FactoryReset, None)?;
                usp::forget(&self.on.config.state)?;
                Ok(Told::Done("notes and staged images are cleared"))
            }
        }
    }

    fn activate(&mut self, slot: Option<SlotId>) -> Result<Told, Error> {
        let status = self.device.status()?;
        if slot == Some(status.running) && !matches!(status.state, State::Trial { .. }) {
            return Err(nothing(format_args!("slot {} runs already", status.running.0)));
        }
        let idle = matches!(status.state, State::Idle);
        match self.device.command(Command::Activate { slot, ask: Ask::No }, None)? {
            Ok(run) => Ok(Told::Run(run)),
            Err(Refused::WrongState) if idle => Err(nothing("no slot holds an image to activate")),
            Err(Refused::Invalid) => Err(Error::usage("several slots can be activated: give --slot")),
            Err(Refused::NotAvailable) => {
                let slot = slot.map_or(String::new(), |slot| format!("slot {} holds ", slot.0));
                Err(Error::failed(format_args!("{slot}no image that may be activated")))
            }
            Err(refused) => Err(self.refused(refused)),
        }
    }

    /// The slot that was confirmed before the running one.
    fn previous(&mut self) -> Result<SlotId, Error> {
        let status = self.device.status()?;
        if let State::Trial { .. } = status.state {
            return Err(Error::failed("an image is on trial: `fwagent reject` goes back"));
        }
        let good = |slot: &Slot| matches!(slot, Slot::Verified(_, Enabled::Yes));
        let others = (0u8..)
            .map(SlotId)
            .zip(status.slots)
            .filter(|(slot, holds)| *slot != status.running && good(holds));
        let mut others = others.map(|(slot, _)| slot);
        match (status.previous, others.next(), others.next()) {
            (Some(previous), _, _) if status.slots.get(usize::from(previous.0)).is_some_and(good) => {
                Ok(previous)
            }
            (_, Some(only), None) => Ok(only),
            (_, None, _) => Err(nothing("no slot holds an earlier image")),
            (_, Some(_), Some(_)) => {
                Err(Error::usage("several slots hold images: `fwagent activate --slot` names one"))
            }
        }
    }

    fn cancel(&mut self) -> Result<Told, Error> {
        match self.device.status()?.state {
            State::Receiving { .. } | State::Checking { .. } | State::Validating { .. } => {
                self.command(Command::Cancel, None)?;
                Ok(Told::Done("cancelled"))
            }
            State::Staged { .. } => {
                self.command(Command::Discard { keep_slot: false }, None)?;
                Ok(Told::Done("the staged image is given up"))
            }
            State::Idle => Err(nothing("nothing is under way")),
            State::Trial { .. } => Err(Error::failed("an image is on trial: `fwagent reject` goes back")),
            State::Activating { .. } | State::Reverting { .. } => Err(self.refused(Refused::WrongState)),
        }
    }

    fn command(&mut self, command: Command<'_>, note: Option<&[u8]>) -> Result<Run, Error> {
        self.device.command(command, note)?.map_err(|refused| self.refused(refused))
    }

    fn refused(&self, refused: Refused) -> Error {
        let state = self.device.status().map_or("unknown", |status| report::state(status.state));
        Error::failed(format_args!("the device refuses: {refused} (it is {state})"))
    }
}

fn nothing(text: impl std::fmt::Display) -> Error {
    Error::new(Exit::NothingToDo, text)
}
