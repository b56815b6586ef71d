//! The software update alone, without CoAP: for whoever has an OCF stack already.
//!
//! What a client writes, and what a timer brings, comes to a [`Deed`]: a command to the updater with the note that
//! goes into its frame. [`Rules::carry_out`] gives it. The answer is for when [`Updater::settled`] says that it is
//! written.

use fwupd_core::lifecycle::{AfterReset, State as Life};
use fwupd_core::outcome::{Ask, Initiator, Reach, Refused};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Job, Platform, Updater};

use crate::note::{Note, Own, Purl};
use crate::spec::{self, Action, Answer, UpdateResult, mode};
use crate::wire::software::{Software, Update};
use crate::wire::time::Instant;
use crate::wire::url;

/// What the deployment decides.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The number by which the application knows this adapter.
    pub by: Initiator,
    /// Whether the application is asked before an activation.
    pub ask: Ask,
    /// Schemes of URLs that the application can fetch from.
    pub schemes: &'a [&'a str],
    /// The vendor's URL, which a purl of "" means; "" if none is built in.
    pub built_in: &'a str,
    /// lastupdate of a device that was never updated.
    pub manufactured: Instant,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing but to remember the note.
    Nothing,
    /// What is under way is ended.
    Cancel,
    /// What is staged is given up.
    Discard,
    /// What is staged is installed.
    Activate,
    /// Looks for a newer version.
    Check,
    /// Downloads, as far as that.
    Fetch(Reach),
}

/// What is done, and what is remembered with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The command.
    pub act: Act,
    /// The note in its frame.
    pub note: Note,
}

impl Rules<'_> {
    /// The note that the updater keeps; a fresh one if it keeps none.
    pub fn note<P: Platform>(&self, up: &Updater<P>) -> Note {
        up.recall(self.by).and_then(Note::parse).unwrap_or(Note::FRESH)
    }

    /// The representation of the resource.
    pub fn show<'s>(&self, status: &Status<'s>, note: &'s Note) -> Software<'s> {
        let shown = spec::project(status, note);
        Software {
            nv: spec::newer(status, note),
            purl: note.purl.as_str(),
            action: note.action,
            state: shown.state,
            result: shown.result,
            lastupdate: note.updated.map_or(self.manufactured, Instant::wall),
            updatetime: note.time,
        }
    }

    /// cm, as far as it is about software.
    pub fn mode(&self, status: &Status<'_>, note: &Note) -> u16 {
        spec::project(status, note).state.mode()
    }

    /// Where packages come from.
    ///
    /// # Errors
    /// The result that says why they come from nowhere.
    pub fn source<'n>(&'n self, purl: &'n Purl) -> Result<&'n str, UpdateResult> {
        let url = match purl.as_str() {
            "" => self.built_in,
            url => url,
        };
        let (scheme, host) = url::parts(url).ok_or(UpdateResult::INVALID_URL)?;
        if !self.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Err(UpdateResult::UNSUPPORTED_PROTOCOL);
        }
        if host { Ok(url) } else { Err(UpdateResult::INVALID_URL) }
    }

    /// What an UPDATE of the resource comes to. `mine`: the package that is staged, if one is, was fetched by this
    /// adapter, which is so while [`Updater::uri`] knows where from.
    ///
    /// # Errors
    /// 4.00 for a time that has passed, 5.03 for a time where none is known, and while there is work.
    pub fn update(
        &self,
        update: &Update<'_>,
        status: &Status<'_>,
        note: Note,
        mine: bool,
        now: Now,
    ) -> Result<Deed, Answer> {
        let Update { purl, action, updatetime } = *update;
        if action != Action::Idle {
            let wall = now.wall.ok_or(Answer::Unavailable)?;
            if updatetime < Instant::wall(wall) {
                return Err(Answer::BadRequest);
            }
        }
        let ends = action == Action::Idle && self.ends(status);
        if status.state.owner().is_some() && !ends {
            return Err(Answer::Unavailable);
        }
        let replaces = mine && purl != note.purl.as_str() && matches!(status.state, Life::Staged { .. });
        let mut deed = Deed { act: if ends { Act::Cancel } else { Act::Nothing }, note };
        let note = &mut deed.note;
        note.purl.set(purl).ok_or(Answer::BadRequest)?;
        (note.action, note.time) = (action, updatetime);
        if let Err(result) = self.source(&note.purl) {
            note.action = Action::Idle;
            note.own_mut(status).result = Some(result);
        } else if replaces && !ends {
            // What comes from another place is another package.
            note.own_mut(status).dropped = true;
            deed.act = Act::Discard;
        }
        Ok(deed)
    }

    /// What a reset of the device by its owner comes to: nothing is left but the time of the last update.
    ///
    /// # Errors
    /// 5.03 while there is work of others, or while an image is being installed.
    pub fn restore(&self, status: &Status<'_>, note: Note, mine: bool) -> Result<Deed, Answer> {
        let ends = self.ends(status);
        if status.state.owner().is_some() && !ends {
            return Err(Answer::Unavailable);
        }
        let drops = mine && matches!(status.state, Life::Staged { .. });
        let act = match (ends, drops) {
            (true, _) => Act::Cancel,
            (false, true) => Act::Discard,
            (false, false) => Act::Nothing,
        };
        let mut deed = Deed { act, note: Note::FRESH };
        deed.note.updated = note.updated;
        *deed.note.own_mut(status) = Own { result: Some(UpdateResult::IDLE), dropped: true };
        Ok(deed)
    }

    /// Whether the action idle ends what is under way.
    fn ends(&self, status: &Status<'_>) -> bool {
        match status.state {
            Life::Checking { request } => request.by == self.by,
            Life::Receiving { request, .. } | Life::Validating { request, .. } => request.by == self.by,
            Life::Idle | Life::Staged { .. } => false,
            Life::Activating { .. } | Life::Trial { .. } | Life::Reverting { .. } => false,
        }
    }

    /// What an UPDATE of tm comes to; none where there is nothing to do, or it is being done.
    ///
    /// # Errors
    /// 5.03 while there is other work.
    pub fn trigger(&self, tm: u16, status: &Status<'_>, note: Note) -> Result<Option<Deed>, Answer> {
        let action = Action::from_mode(tm);
        if tm & mode::ALL == 0 {
            return Ok(None);
        }
        match status.state.owner() {
            Some(by) if by == self.by && action <= at_work(status) => Ok(None),
            Some(_) => Err(Answer::Unavailable),
            None => Ok(Some(self.begin(action, status, note))),
        }
    }

    /// What an action comes to whose time has come. It does not wait for the work of others.
    pub fn due(&self, status: &Status<'_>, note: Note) -> Deed {
        let over = Note { action: Action::Idle, ..note };
        if status.state.owner().is_some() {
            return Deed { act: Act::Nothing, note: over };
        }
        self.begin(note.action, status, over)
    }

    /// An action begins, and nothing is at work.
    fn begin(&self, action: Action, status: &Status<'_>, note: Note) -> Deed {
        let staged = matches!(status.state, Life::Staged { .. });
        let act = match action {
            // It is there, and good.
            Action::Isvv if staged => Err(UpdateResult::SUCCESS),
            Action::Upgrade if staged => Ok(Act::Activate),
            Action::Idle => self.source(&note.purl).map(|_| Act::Nothing),
            Action::Isac => self.source(&note.purl).map(|_| Act::Check),
            Action::Isvv => self.source(&note.purl).map(|_| Act::Fetch(Reach::Stage)),
            Action::Upgrade => self.source(&note.purl).map(|_| Act::Fetch(Reach::Activate(self.ask))),
        };
        let mut deed = Deed { act: act.unwrap_or(Act::Nothing), note };
        if let Err(result) = act {
            deed.note.own_mut(status).result = Some(result);
        }
        deed
    }

    /// Gives a deed's command to the updater, or has its note remembered.
    ///
    /// # Errors
    /// Why the updater has refused it; nothing has changed then.
    pub fn carry_out<P: Platform>(&self, deed: &Deed, now: Now, up: &mut Updater<P>) -> Result<(), Refused> {
        let (bytes, length) = deed.note.emit();
        let note = bytes.get(..length).unwrap_or_default();
        let job = |reach| {
            let uri = self.source(&deed.note.purl).map_err(|_| Refused::Invalid)?;
            Ok(Job { uri: Some(uri), reach, target: None, after: AfterReset::Fail, file_check: None })
        };
        let command = match deed.act {
            Act::Nothing => return up.remember(self.by, note),
            Act::Cancel => Command::Cancel,
            Act::Discard => Command::Discard { keep_slot: false },
            Act::Activate => Command::Activate { slot: None, ask: self.ask },
            Act::Check => Command::Check(job(Reach::Check)?),
            Act::Fetch(reach) => Command::Fetch(job(reach)?),
        };
        up.command(self.by, command, Some(note), now).map(|_| ())
    }
}

/// The action that is at work.
fn at_work(status: &Status<'_>) -> Action {
    match status.state {
        Life::Idle => Action::Idle,
        Life::Checking { .. } => Action::Isac,
        Life::Receiving { request, .. } | Life::Validating { request, .. } => match request.reach {
            Reach::Check => Action::Isac,
            Reach::Stage => Action::Isvv,
            Reach::Activate(_) => Action::Upgrade,
        },
        Life::Staged { .. } | Life::Activating { .. } => Action::Upgrade,
        Life::Trial { .. } | Life::Reverting { .. } => Action::Upgrade,
    }
}
