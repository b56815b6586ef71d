//! A made-up protocol of lines, to show what an adapter for one more protocol takes. A manager sends a line, and
//! gets one back:
//!
//! | line | what it asks for |
//! |---|---|
//! | `CHECK uri` | whether the package there is newer |
//! | `FETCH uri` | to download it, in the place of what is ready |
//! | `INSTALL uri` | to download it, and to install it |
//! | `ACTIVATE` | to install what is ready |
//! | `AFTER seconds` | the same, later; a reset forgets it |
//! | `BACK` | to go back to the image from before |
//! | `CANCEL` | to end the check or the download |
//! | `WITHDRAW` | not to install what was to be, and has not begun |
//! | `DISCARD` | to empty the slot of what is ready |
//! | `STATUS` | a state (`idle`, `fetching`, `ready`, `installing`) and how the last run ended, `-` while one is at work |
//!
//! The answer is `OK`, what was asked for, or `NO` and why. Nothing is told without being asked for.
#![cfg_attr(not(test), no_std)]

use core::fmt::Write as _;

use fwupd_core::lifecycle::{AfterReset, State as Life};
use fwupd_core::outcome::{Ask, Initiator, Outcome, Reach, Refused, What};
use fwupd_core::status::{Coarse, Status};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Job, Platform, Settled, Updater};

/// What every address begins with.
pub const SCHEME: &str = "line://";

/// The state that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as in the protocol")]
pub enum State {
    Idle,
    Fetching,
    Ready,
    Installing,
}

impl State {
    /// All of them, with their words.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::Idle, "idle"),
        (Self::Fetching, "fetching"),
        (Self::Ready, "ready"),
        (Self::Installing, "installing"),
    ];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }
}

/// What a status shows.
pub fn project(status: &Status<'_>) -> State {
    match status.state {
        Life::Idle | Life::Checking { .. } => State::Idle,
        Life::Receiving { .. } | Life::Validating { .. } => State::Fetching,
        Life::Staged { .. } => State::Ready,
        Life::Activating { .. } | Life::Trial { .. } | Life::Reverting { .. } => State::Installing,
    }
}

/// What a shown state may stand for.
pub const fn coarse(shown: State) -> Coarse {
    match shown {
        State::Idle => Coarse::NOTHING,
        State::Fetching => Coarse::RECEIVING,
        State::Ready => Coarse::STAGED,
        State::Installing => Coarse::INSTALLING,
    }
}

/// What a line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// So many bytes of `out` go back.
    Done(usize),
    /// The updater has something to do first; then the same line is handed in again.
    Again,
}

/// Why a line is answered `NO`.
type No = &'static str;

/// A device with one manager.
#[derive(Debug)]
pub struct Device {
    by: Initiator,
    ask: Ask,
    /// The line at work, by its print, once it has been commanded; it is answered once that is written.
    commanded: Option<u32>,
    /// When what is ready is installed, monotonic milliseconds.
    at: Option<u64>,
}

impl Device {
    /// A device that asks its application before an installation, or not.
    pub const fn new(by: Initiator, ask: Ask) -> Self {
        Self { by, ask, commanded: None, at: None }
    }

    /// A line came in. `out` takes the answer, up to 64 bytes.
    pub fn handle<P: Platform>(
        &mut self,
        line: &[u8],
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        let mut out = Line { into: out, len: 0 };
        let (line, print) = (parse(line), print(line));
        // Whoever asks how it stands never waits for what is being written.
        if line == Some(("STATUS", "")) {
            let shown = up.status().map(|status| (project(&status).word(), status.last.copied()));
            let (state, last) = shown.unwrap_or(("unknown", None));
            let _ = write!(out, "STATUS {state} ").and_then(|()| result(last.as_ref(), &mut out));
            return out.end();
        }
        // Another one than that at work: nobody waits for the answer to that any more.
        self.commanded.take_if(|at_work| *at_work != print);
        let said = match (up.settled(self.by), line) {
            (Settled::Pending, _) => return Handled::Again,
            (Settled::Written, _) if self.commanded.take().is_some() => Ok(true),
            (Settled::Lost, _) if self.commanded.take().is_some() => Err("lost"),
            (Settled::Written | Settled::Lost, Some((verb, argument))) => {
                self.order((verb, argument), print, now, up)
            }
            (Settled::Written | Settled::Lost, None) => Err("syntax"),
        };
        match said {
            Ok(true) => _ = out.write_str("OK"),
            Ok(false) => return Handled::Again,
            Err(why) => _ = write!(out, "NO {why}"),
        }
        out.end()
    }

    /// Does what a line says; false if it is to be handed in again.
    fn order<P: Platform>(
        &mut self,
        (verb, argument): (&str, &str),
        print: u32,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<bool, No> {
        let status = up.status().ok_or("not now")?;
        let job = |reach| {
            let rest = argument.strip_prefix(SCHEME).ok_or("scheme")?;
            let uri = Some(argument).filter(|_| !rest.is_empty()).ok_or("uri")?;
            Ok(Job { uri: Some(uri), reach, target: None, after: AfterReset::Resume, file_check: None })
        };
        let ready = matches!(status.state, Life::Staged { wanted: None, .. });
        let command = match verb {
            "CHECK" => Command::Check(job(Reach::Check)?),
            "FETCH" | "INSTALL" if ready => {
                job(Reach::Stage)?;
                let discard = Command::Discard { keep_slot: false };
                return up
                    .command(self.by, discard, None, now)
                    .map_or_else(|why| Err(no(why)), |_| Ok(false));
            }
            "FETCH" => Command::Fetch(job(Reach::Stage)?),
            "INSTALL" => Command::Fetch(job(Reach::Activate(self.ask))?),
            "ACTIVATE" => Command::Activate { slot: None, ask: self.ask },
            "AFTER" if ready => {
                let seconds: u32 = argument.parse().map_err(|_| "syntax")?;
                self.at = Some(now.mono.saturating_add(u64::from(seconds).saturating_mul(1000)));
                return Ok(true);
            }
            "AFTER" => return Err("state"),
            "BACK" => Command::Activate { slot: Some(status.previous.ok_or("state")?), ask: self.ask },
            "CANCEL" => Command::Cancel,
            "WITHDRAW" if self.at.take().is_some() => return Ok(true),
            "WITHDRAW" => Command::Withdraw,
            "DISCARD" => Command::Discard { keep_slot: false },
            _ => return Err("syntax"),
        };
        up.command(self.by, command, None, now).map_err(no)?;
        // Its answer waits until it is written.
        self.commanded = Some(print);
        Ok(false)
    }

    /// Does what is due.
    pub fn poll<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        if self.at.is_some_and(|at| now.mono >= at) && up.settled(self.by) != Settled::Pending {
            self.at = None;
            // What is refused has become meaningless since.
            let _ = up.command(self.by, Command::Activate { slot: None, ask: self.ask }, None, now);
        }
    }

    /// When something is due, monotonic milliseconds.
    pub const fn poll_timeout(&self) -> Option<u64> {
        self.at
    }

    /// Whether every line is answered.
    pub const fn drained(&self) -> bool {
        self.commanded.is_none()
    }

    /// The manager is gone, and waits for no answer. What it has asked for goes on.
    pub const fn disconnected(&mut self) {
        self.commanded = None;
    }
}

/// A line that is handed in again is known by this: FNV-1a.
fn print(line: &[u8]) -> u32 {
    line.iter().fold(0x811C_9DC5, |print, byte| (print ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A line: its verb, and its argument or nothing.
fn parse(line: &[u8]) -> Option<(&str, &str)> {
    let line = core::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    Some(line.split_once(' ').unwrap_or((line, "")))
}

/// How the last run ended.
fn result(last: Option<&Outcome>, out: &mut Line<'_>) -> core::fmt::Result {
    match last.map(|last| (last.what, last.reach)) {
        None => out.write_str("-"),
        Some((What::Done, Reach::Check)) => out.write_str("checked"),
        Some((What::Done, Reach::Stage)) => out.write_str("fetched"),
        Some((What::Done, Reach::Activate(_))) => out.write_str("installed"),
        Some((What::Failed(why), _)) => write!(out, "{why}"),
    }
}

/// A command that the updater has refused.
const fn no(why: Refused) -> No {
    match why {
        Refused::WrongState => "state",
        Refused::Busy(_) => "busy",
        Refused::Unsupported => "unsupported",
        Refused::Invalid => "invalid",
        Refused::NoSuchSlot | Refused::NotAvailable => "not now",
    }
}

/// A line that is being written; what does not fit is cut off.
struct Line<'b> {
    into: &'b mut [u8],
    len: usize,
}

impl core::fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.into.get_mut(self.len..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(text.as_bytes()) {
            *to = *from;
            self.len = self.len.saturating_add(1);
        }
        Ok(())
    }
}

impl Line<'_> {
    fn end(mut self) -> Handled {
        let _ = self.write_str("\n");
        Handled::Done(self.len)
    }
}
