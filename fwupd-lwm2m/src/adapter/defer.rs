//! An installation that its user has put off: asked for again when the application said, and no longer asked
//! about once /5/0/13 has run out. Object 5, Resource 13.

use fwupd_coap::Millis;
use fwupd_core::lifecycle::State as Life;
use fwupd_core::outcome::{Ask, Failure, Initiator, Run, What};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Platform, Settled, Updater};

use super::Client;
use super::model::View;
use crate::note::Note;

/// When what was put off is due, as far as this boot knows: monotonic milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deferral {
    /// The run that was put off, once that has been seen.
    run: Option<Run>,
    /// When its user is asked again.
    again: Option<Millis>,
    /// When nobody is asked any more.
    deadline: Option<Millis>,
}

impl Deferral {
    pub(super) const NONE: Self = Self { run: None, again: None, deadline: None };

    pub(super) fn timeout(&self) -> Option<Millis> {
        self.again.into_iter().chain(self.deadline).min()
    }

    /// What is to be commanded now, and the note with it.
    fn due(
        &mut self,
        by: Initiator,
        status: &Status<'_>,
        note: Note,
        now: Now,
    ) -> Option<(Command<'static>, Note)> {
        let asked = match status.state {
            Life::Staged { wanted: Some(owner), .. } if owner.by == by && owner.ask != Ask::No => true,
            Life::Staged { wanted: None, .. } if is_put_off(by, status) => false,
            Life::Idle | Life::Checking { .. } | Life::Receiving { .. } | Life::Validating { .. } => {
                *self = Self::NONE;
                return None;
            }
            Life::Staged { .. } | Life::Activating { .. } | Life::Trial { .. } | Life::Reverting { .. } => {
                *self = Self::NONE;
                return None;
            }
        };
        // Counted from when they are first seen in this boot: late, but never early.
        if let (Some(deadline), None) = (note.deadline, self.deadline) {
            self.deadline = Some(deadline.rebased(now).at);
        }
        if !asked && self.run != Some(status.run) {
            self.run = Some(status.run);
            let until = status.last.and_then(|last| last.until);
            self.again = until.map(|until| now.mono.saturating_add(until));
        }
        let passed = |at: Option<Millis>| at.is_some_and(|at| now.mono >= at);
        let activate = |ask| Command::Activate { slot: None, ask };
        match (passed(self.deadline), asked) {
            // Its user has not answered: the question is taken back first.
            (true, true) => Some((Command::Withdraw, note)),
            (true, false) => Some((activate(Ask::No), Note { deadline: None, ..note })),
            (false, false) if passed(self.again) => Some((activate(Ask::User), note)),
            (false, _) => None,
        }
    }
}

/// Whether this initiator's installation was put off, or has just been taken back to go on without a question.
fn is_put_off(by: Initiator, status: &Status<'_>) -> bool {
    status.last.is_some_and(|last| {
        let why = matches!(last.what, What::Failed(Failure::Deferred | Failure::Cancelled));
        last.by == by && why
    })
}

impl<A: Copy + Eq> Client<'_, A> {
    /// Sends the commands whose time has come.
    pub(super) fn watch_deferral<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        if self.busy.is_some() || up.settled(self.config.by) == Settled::Pending {
            return;
        }
        let view = View::of(&self.model.firmware, up);
        let by = self.config.by;
        let due = view.status.as_ref().and_then(|status| self.deferral.due(by, status, view.note, now));
        if let Some((command, note)) = due {
            self.deferral.again = None;
            // What is refused now is due again at the next poll.
            let _ = up.command(by, command, Some(&note.emit()), now);
        }
    }
}
