//! The command at work, from a boot on: whether its window has come, whether it has ended, and what a boot tells.

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Outcome, Refused, What as Ended};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command as Order, Platform, Settled, Updater};

use super::Agent;
use super::notify::{Boot, What, is_transfer};
use super::request::End;
use crate::note::{self, Note, Progress, Text};
use crate::spec::model::{Cause, Command, RequestStatus};
use crate::spec::{Code, fault_code, refused_activate, words};

impl Agent<'_> {
    /// Reads the note, and looks at the boot; false while the updater does not know it yet.
    pub(super) fn load<P: Platform>(&mut self, up: &mut Updater<P>) -> bool {
        let Some(status) = up.status() else { return false };
        if self.loaded {
            return true;
        }
        self.loaded = true;
        self.note = up.recall(self.config.by).and_then(Note::parse).unwrap_or_default();
        self.seed_prints(&status);
        let Note { told, order, .. } = self.note;
        let updated = told.is_some_and(|told| told != status.running);
        let caused = order.as_ref().filter(|order| match order.progress {
            Progress::Told => true,
            Progress::Open => updated && order.slot == status.running,
        });
        let mut boot = Boot { key: Text::EMPTY, cause: Cause::Local, reason: Text::EMPTY, updated };
        if let Some(order) = caused {
            (boot.key, boot.cause, boot.reason) = (order.key, order.cause, order.reason);
        }
        self.boot = Some(boot);
        if told.is_none() {
            self.note.told = Some(status.running);
            self.dirty = true;
        }
        if let State::Staged { wanted: Some(owner), .. } = status.state {
            let reboots = order.as_ref().is_some_and(|order| order.command == Command::Reboot);
            self.withdraw = owner.by == self.config.by && !reboots;
        }
        // A command that was at work is over, and that has not been told.
        let open = order.as_ref().filter(|order| order.progress == Progress::Open);
        if let Some(order) = open {
            let end = self.end_before_boot(order, &status);
            let request = self.begin(order, 0, None);
            (request.status, request.end) = (RequestStatus::Error, Some(end));
        }
        let mut tells = self.queue(What::Boot);
        if let Some(open) = open {
            tells |= self.queue_end(open.command);
        }
        if !tells {
            self.note.order = None;
            self.dirty |= order.is_some();
        }
        true
    }

    /// How a command ended that a boot has interrupted, as far as the records tell.
    fn end_before_boot(&self, order: &note::Order, status: &Status<'_>) -> End {
        let last = status.last.filter(|last| {
            last.by == self.config.by && last.slot == Some(order.slot) && is_transfer(order.command)
        });
        let end = |fault, why| End { fault, why, status: None, completed: None };
        match last.map(|last| last.what) {
            _ if status.running == order.slot => end(Code::Success, ""),
            Some(Ended::Done) => end(Code::Success, ""),
            Some(Ended::Failed(why)) => end(fault_code(why), words(why)),
            None => end(fault_code(Failure::PowerLost), words(Failure::PowerLost)),
        }
    }

    /// Queues the end of the command at work; false if nobody wants to know it.
    fn queue_end(&mut self, command: Command) -> bool {
        let transfer = is_transfer(command) && self.queue(What::Transfer);
        self.queue(What::Complete) || transfer
    }

    /// Whether how a command ended is still to be told.
    pub(super) fn tells_end(&self) -> bool {
        self.is_queued(|what| matches!(what, What::Transfer | What::Complete))
    }

    /// All who wanted to know it do.
    pub(super) fn was_told(&mut self, what: What, status: &Status<'_>) {
        match what {
            What::Boot => {
                self.note.told = Some(status.running);
                self.boot = None;
                // A command that has begun since is another one.
                if self.request.is_none_or(|request| request.end.is_some()) && !self.tells_end() {
                    self.note.order = None;
                }
                self.dirty = true;
            }
            What::Transfer | What::Complete => {
                if !self.tells_end() {
                    self.request = None;
                    self.dirty |= self.note.order.take_if(|order| order.progress == Progress::Open).is_some();
                }
            }
            What::Change(..) => {}
        }
    }

    /// The command at work has ended.
    pub(super) fn ends(&mut self, fault: Code, why: &'static str, status: Option<u16>, now: Now) {
        let Some(request) = &mut self.request else { return };
        request.status = match (fault, request.status) {
            (Code::Success, _) => RequestStatus::Success,
            (_, RequestStatus::Canceling) => RequestStatus::Canceled,
            (_, _) => RequestStatus::Error,
        };
        request.end = Some(End { fault, why, status, completed: now.wall });
        let command = request.command;
        // Until that is told it stays in the note, as a reset may come before.
        if !self.queue_end(command) {
            self.note.order = None;
            self.dirty = true;
        }
    }

    /// Follows the command at work: whether its window has come, and whether it has ended.
    pub(super) fn watch<P: Platform>(&mut self, linked: bool, now: Now, up: &mut Updater<P>) {
        let Some(status) = up.status() else { return };
        if let State::Activating { image, .. } = status.state {
            let slot = image.slot();
            if self.note.boot != Some(slot) {
                self.note.boot = Some(slot);
                self.dirty = true;
            }
        }
        if up.settled(self.config.by) == Settled::Pending {
            return;
        }
        if self.withdraw {
            self.withdraw = false;
            // It may have ended by itself.
            let _ = self.command(Order::Withdraw, None, now, up);
            return;
        }
        let Some(request) = self.at_work() else { return };
        let over = request.windows.first().is_none_or(|window| now.mono >= window.end);
        let Some(run) = request.run else { return self.wait(now, up) };
        if let Some(last) = status.last.filter(|last| last.run == run) {
            return self.outcome(last, now);
        }
        match status.state {
            // All that is left is the reset. Where it cannot be told before, the boot tells it.
            State::Activating { owner, .. } if owner.run == run => {
                if linked {
                    let mut order = self.note.order;
                    order.iter_mut().for_each(|order| order.progress = Progress::Told);
                    self.ends(Code::Success, "", None, now);
                    (self.note.order, self.dirty) = (order, true);
                }
            }
            State::Staged { wanted: Some(owner), .. } if owner.run == run => {
                if over {
                    let _ = self.command(Order::Withdraw, None, now, up);
                }
            }
            State::Idle
            | State::Checking { .. }
            | State::Receiving { .. }
            | State::Validating { .. }
            | State::Staged { .. }
            | State::Activating { .. }
            | State::Trial { .. }
            | State::Reverting { .. } => {
                // Its run is gone without an outcome: the records were lost, or cleared.
                if status.state.run() != Some(run) {
                    self.ends(Code::Internal, words(Failure::RecordLost), None, now);
                }
            }
        }
    }

    /// Waits for a window, and asks for the activation in it.
    fn wait<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        while let Some(request) = &mut self.request {
            let Some(window) = request.windows.first().copied() else {
                return self.ends(Code::CommandFailure, "no window was used", None, now);
            };
            if now.mono < window.start.max(request.windows.not_before) {
                return;
            }
            if window.is_over(now.mono) {
                request.windows.next();
                continue;
            }
            let activate = Order::Activate { slot: Some(request.slot), ask: window.ask() };
            let begun = self.command(activate, None, now, up);
            return match (begun, &mut self.request) {
                (Ok(run), Some(request)) => request.run = Some(run),
                (Ok(_), None) => {}
                (Err(Refused::Busy(_)), _) if now.mono < window.end => {}
                (Err(why), _) => {
                    let code = refused_activate(why);
                    self.ends(code, code.text(), None, now);
                }
            };
        }
    }

    /// The run of the command at work has ended.
    fn outcome(&mut self, last: &Outcome, now: Now) {
        let Some(request) = &mut self.request else { return };
        let cancelled = request.status == RequestStatus::Canceling;
        let why = match last.what {
            Ended::Done => return self.ends(Code::Success, "", None, now),
            Ended::Failed(why) => why,
        };
        let window = request.windows.first().copied().filter(|_| request.command == Command::Activate);
        let window = window.filter(|_| !cancelled);
        match (why, window) {
            (Failure::Deferred, Some(window)) => {
                let retry = now.mono.saturating_add(last.until.unwrap_or(0).max(1));
                let asked = request.windows.asked;
                let more = window.retries < 0 || i16::from(window.retries) > i16::from(asked);
                let idle = window.ask() == Ask::Idle;
                request.run = None;
                if retry < window.end && (more || idle) {
                    request.windows.asked = asked.saturating_add(1);
                    request.windows.not_before = retry;
                } else {
                    request.windows.next();
                }
            }
            // It was withdrawn when its window was over.
            (Failure::Cancelled, Some(window)) if now.mono >= window.end => {
                request.run = None;
                request.windows.next();
            }
            (_, _) => {
                let status = if let Failure::TransportStatus(status) = why { Some(status) } else { None };
                let code = if cancelled { Code::Cancelled } else { fault_code(why) };
                self.ends(code, words(why), status, now);
            }
        }
    }
}
