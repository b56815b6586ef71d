//! What is scheduled.
//!
//! An action runs if its time comes while the device is on and knows the time. What a boot finds to be past is
//! dropped, and so is what comes due while other work is under way.

use fwupd_coap::Millis;
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Settled, Updater};

use super::{Device, View};
use crate::note::Note;
use crate::software::{Act, Deed};
use crate::spec::{Action, Answer};
use crate::wire::time::Instant;

impl<A: Copy + Eq> Device<'_, A> {
    /// Begins what is due, and keeps what there is to remember.
    pub(super) fn tick<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        if self.pending || up.settled(self.config.rules.by) == Settled::Pending {
            return;
        }
        let Some(deed) = self.next(now, up) else { return };
        if let Err(Answer::Unavailable) = self.carry_out_or_fail(&deed, now, up) {
            // It has no meaning now, as a check beside a package that is staged: it does not run.
            let note = Note { action: Action::Idle, ..deed.note };
            let over = Deed { act: Act::Nothing, note };
            self.pending = self.config.rules.carry_out(&over, now, up).is_ok();
        }
    }

    fn next<P: Platform>(&mut self, now: Now, up: &Updater<P>) -> Option<Deed> {
        let view = View::of(&self.config.rules, up);
        let (status, note) = (view.status?, view.note);
        let schedule = Some((note.action, note.time)).filter(|_| note.action != Action::Idle);
        if let (Some((action, time)), Some(wall)) = (schedule, now.wall) {
            let wall = Instant::wall(wall);
            if self.armed != schedule {
                if time < wall {
                    return Some(Deed { act: Act::Nothing, note: Note { action: Action::Idle, ..note } });
                }
                self.armed = Some((action, time));
            }
            if time <= wall {
                return Some(self.config.rules.due(&status, note));
            }
        }
        // The end of an update is kept before another run takes its place.
        let kept = self.config.rules.note(up);
        (kept.updated != note.updated).then_some(Deed { act: Act::Nothing, note })
    }

    /// When the schedule may be due, monotonic milliseconds.
    pub(super) fn due_in(&self, now: Now) -> Option<Millis> {
        let ((_, time), wall) = self.armed.zip(now.wall)?;
        let left = time.seconds().saturating_sub(Instant::wall(wall).seconds()).max(0).unsigned_abs();
        let left = left.saturating_mul(1000).saturating_add(Millis::from(time.millis()));
        Some(now.mono.saturating_add(left))
    }
}
