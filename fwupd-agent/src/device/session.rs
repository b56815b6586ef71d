//! One power-on of the device, and what it is told to do in it.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process;

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{self, Failure, Initiator, Outcome, Reach, What};
use fwupd_core::slot::Slot;
use serde_json::json;

use super::drive::{Device, Rest};
use super::host::Why;
use super::task::Told;
use super::{bootloader, history, host, report, with_slots};
use crate::config::{Config, Flags, Protocol};
use crate::error::{Error, Exit};
use crate::firmware;
use crate::flash::{FlashError, FlashFile, Lock, Locking, PowerCut};
use crate::net::Trace;
use crate::ui::Ui;

/// What the device is told once it runs.
#[derive(Clone, Debug)]
pub enum Task {
    /// Nothing: it goes on with what was under way.
    GoOn,
    /// The same after a reset, to tell how a run ended for which so many bytes were read.
    Report {
        /// The run.
        run: u32,
        /// What is known of it.
        so_far: SoFar,
    },
    /// Install a package.
    Install(Install),
    /// Activate the image of a slot, or the one that it can only be.
    Activate(Option<u8>),
    /// What runs on trial is good.
    Confirm,
    /// What runs on trial is not wanted, and why.
    Reject(String),
    /// Activate what was confirmed before.
    Rollback,
    /// Give up what is being received, or is staged.
    Cancel,
    /// Clear notes and staged images.
    FactoryReset,
    /// Speak protocols, until the process is stopped.
    Run(Run),
}

/// What `fwagent run` speaks.
#[derive(Clone, Debug)]
pub struct Run {
    /// Each once.
    pub protocols: Vec<Protocol>,
    /// Whether messages are shown.
    pub trace: Trace,
}

/// What outlives a reset of a run, for its report.
#[derive(Clone, Copy, Debug, Default)]
pub struct SoFar {
    /// Bytes read from the source.
    pub read: u64,
    /// Its user has rejected what was on trial, so that going back is no failure.
    pub rejected: bool,
}

/// An installation.
#[derive(Clone, Debug)]
pub struct Install {
    /// The file; standard input if none.
    pub file: Option<PathBuf>,
    /// How far to go.
    pub reach: Reach,
    /// How it is read.
    pub reading: Reading,
}

/// How a source is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Bytes that are handed over at once.
    pub block: usize,
    /// After so many blocks the process says so and waits to be killed.
    pub stop_after: Option<u64>,
}

impl Default for Reading {
    fn default() -> Self {
        Self { block: 4096, stop_after: None }
    }
}

/// What a command line brings to a power-on.
#[derive(Clone, Copy, Debug)]
pub struct On<'a> {
    /// The configuration in force.
    pub config: &'a Config,
    /// The flags that led to it, for the process after a reset.
    pub flags: &'a Flags,
    /// Where results go.
    pub ui: Ui,
}

/// Powers the device on and does the task, over as many resets as it takes.
///
/// # Errors
/// Why the task was not done.
pub fn power_on(on: On<'_>, task: &Task) -> Result<Exit, Error> {
    with_slots!(on.config.layout.slots.len(), boot(on, task))
}

fn boot<const N: usize>(on: On<'_>, task: &Task) -> Result<Exit, Error> {
    let config = on.config;
    let trust = host::trust(config)?;
    let after_reset = matches!(task, Task::Report { .. });
    // A device that is not there is told as such, and not by its lock.
    FlashFile::open(&config.state, &config.layout, config.flash.sync, None)?;
    let lock = Lock::take(&config.state, if after_reset { Locking::Wait } else { Locking::Try })?;
    let mut flash = FlashFile::open(&config.state, &config.layout, config.flash.sync, PowerCut::asked()?)?;
    let fatal = |flash: &FlashFile, why| match why {
        FlashError::Host(why) => Some(flash.host(&why)),
        FlashError::Misuse(_) => None,
    };

    let jump = bootloader::boot(config, &trust, &mut flash, fatal)?;
    let jump = jump.ok_or_else(|| Error::failed("no slot holds an image that may boot"))?;
    let start = |slot| -> Result<_, Error> {
        let mut head = [0; 256];
        let region = config.layout.slot(slot).copied();
        flash.read(region.map_or(0, |region| region.from), &mut head)?;
        Ok(head)
    };
    let running = match (firmware::parse(&start(jump.slot)?), jump.trial) {
        (Ok(firmware), _) => firmware,
        (Err(why), false) => {
            return Err(Error::failed(format_args!("slot {} does not run: {why}", jump.slot.0)));
        }
        (Err(why), true) => {
            on.ui
                .note(format_args!("slot {} on trial does not run: {why}; the watchdog resets", jump.slot.0));
            drop(lock);
            return Err(reset(on, &flash, None));
        }
    };
    let why = Why::default();
    let factory = start(config.layout.factory_slot)?;
    let make = fwupd_core::updater::Updater::new;
    let updater = host::updater::<N>(config, trust, Some(jump.slot), &factory, &why, make)?;
    let mut session = Session { on, why, device: Device::new(on, updater, flash, running) };
    session.device.load()?;
    session.run(task)
}

/// Takes the place of this process as after a reset. `next` is what the new one tells of; if none, it does
/// what this one was asked to. Returns only if that cannot be.
fn reset(on: On<'_>, flash: &FlashFile, next: Option<(outcome::Run, SoFar)>) -> Error {
    let program = match env::current_exe() {
        Ok(program) => program,
        Err(why) => return Error::failed(format_args!("cannot reset: {why}")),
    };
    let mut command = process::Command::new(program);
    match next {
        None => command.args(env::args_os().skip(1)),
        Some((run, so_far)) => {
            let mut arguments: Vec<OsString> = on.ui.flags().iter().map(OsString::from).collect();
            arguments.extend(on.flags.arguments());
            let (run, read) = (run.0.to_string(), so_far.read.to_string());
            arguments.extend(["boot", "--report", &run, "--read", &read].map(Into::into));
            arguments.extend(so_far.rejected.then(|| "--rejected".into()));
            command.args(arguments)
        }
    };
    if let Some(cut) = flash.cut() {
        let (variable, value) = cut.variable();
        command.env(variable, value);
    }
    Error::failed(format_args!("cannot reset: {}", command.exec()))
}

/// A power-on, once the device is loaded.
pub(super) struct Session<'a, const N: usize> {
    pub(super) on: On<'a>,
    why: Why,
    pub(super) device: Device<'a, N>,
}

impl<const N: usize> Session<'_, N> {
    fn run(&mut self, task: &Task) -> Result<Exit, Error> {
        let told = match task {
            Task::GoOn => self.go_on()?,
            Task::Report { run, so_far } => {
                self.device.so_far = *so_far;
                Told::Run(outcome::Run(*run))
            }
            Task::Install(install) => self.install(install)?,
            Task::Run(run) => {
                for protocol in &run.protocols {
                    self.device.speak(*protocol, run.trace.clone())?;
                }
                return match self.device.drive()? {
                    Rest::Reset => Err(reset(self.on, &self.device.flash, None)),
                    Rest::Idle | Rest::OnTrial | Rest::Stopped => Ok(Exit::Done),
                };
            }
            Task::Activate(_)
            | Task::Confirm
            | Task::Reject(_)
            | Task::Rollback
            | Task::Cancel
            | Task::FactoryReset => {
                // A trial comes to its end first, as far as it does so by itself.
                if self.at_boot()? == Rest::Reset {
                    return Err(reset(self.on, &self.device.flash, None));
                }
                self.told(task)?
            }
        };
        let told = match told {
            Told::Run(run) => run,
            Told::Done(text) => {
                // What the command has left to do in flash is done before it is told.
                self.device.drive()?;
                self.on.ui.result(&json!({ "done": text }), text)?;
                return Ok(Exit::Done);
            }
        };
        match self.device.drive()? {
            Rest::Reset => Err(reset(self.on, &self.device.flash, Some((told, self.device.so_far)))),
            Rest::Idle | Rest::OnTrial | Rest::Stopped => self.report(told),
        }
    }

    /// How a run stands, now that the device rests.
    fn report(&mut self, run: outcome::Run) -> Result<Exit, Error> {
        let version = self.device.firmware.version;
        let SoFar { read, rejected } = self.device.so_far;
        let status = self.device.status()?;
        let running = status.running;
        let state = report::state(status.state);
        let tell = |text: String| {
            let object = json!({
                "run": run.0,
                "state": state,
                "running": running.0,
                "version": version.as_str(),
                "read": read,
                "told": text,
            });
            self.on.ui.result(&object, text)
        };
        let ended = status.last.filter(|last| last.run == run);
        match (ended.map(|last| (last, last.what)), status.state) {
            (Some((_, What::Failed(Failure::Rejected))), _) if rejected => {
                tell(format!("rejected; {version} runs from slot {}", running.0))?;
                Ok(Exit::Done)
            }
            (Some((last, What::Failed(why))), _) => Err(self.failed(last, why, status.slots)),
            (Some((_, What::Done)), State::Staged { image, .. }) => {
                tell(format!("{} is staged in slot {}", image.image().version, image.slot().0))?;
                Ok(Exit::Done)
            }
            (Some((_, What::Done)), _) => {
                tell(format!("{version} runs from slot {}", running.0))?;
                Ok(Exit::Done)
            }
            (None, State::Trial { .. }) => {
                tell(format!("{version} runs on trial from slot {}: confirm or reject it", running.0))?;
                Ok(Exit::Done)
            }
            (None, _) => Err(Error::failed(format_args!("the device rests and is {state}"))),
        }
    }

    fn failed(&self, last: &Outcome, why: Failure, slots: &[Slot]) -> Error {
        let detail = match self.why.get() {
            Some(rejected) => format!(" ({})", rejected.reason),
            None => match last.slot.and_then(|slot| slots.get(usize::from(slot.0))) {
                Some(Slot::Failed { log, .. }) if !log.as_bytes().is_empty() => {
                    format!(" ({})", String::from_utf8_lossy(log.as_bytes()))
                }
                Some(_) | None => String::new(),
            },
        };
        let at = report::phase(last.at);
        let version = self.device.firmware.version;
        Error::new(report::exit(why, last.at), format_args!("{at}: {why}{detail}; {version} runs"))
    }
}

/// Notes how a run ended, for `fwagent history`. A history that cannot be written stops nothing.
pub(super) fn remember(on: On<'_>, outcome: &Outcome) {
    if let Err(why) = history::append(&on.config.state, outcome) {
        on.ui.note(why);
    }
}

/// Who gives the commands: the device's own command line.
pub(super) const BY: Initiator = Initiator::APPLICATION;
