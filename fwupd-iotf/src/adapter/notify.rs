//! Notifications: what the platform was told last, and the next one. Operations, Notify attribute changes.

use super::{Device, Publish, Standing, View};
use crate::firmware::{Change, list};
use crate::spec::{Field, Shown, member, topic};
use crate::wire::message;

/// A notification that is owed: the platform may be waiting for it, whatever was told before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owed {
    /// What had been told before.
    pub(super) before: Shown,
    /// Whether it failed before, rather than that a run has begun, which may end as the one before it.
    pub(super) again: bool,
}

/// The latest notification, until it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notified {
    pub(super) number: u32,
    /// What had been told before.
    pub(super) before: Shown,
    /// Whether it was sent for the second time.
    pub(super) again: bool,
}

/// What may change without the platform's writing it.
const CHANGING: u8 = Field::Firmware.bit() | Field::State.bit() | Field::UpdateStatus.bit();

/// The observed attributes that a change is told of.
fn concerned(observed: u8, told: Shown, shown: Shown) -> u8 {
    let bit = |changed: bool, field: Field| if changed { field.bit() } else { 0 };
    let (state, status) = (told.state != shown.state, told.status != shown.status);
    let changed =
        bit(state || status, Field::Firmware) | bit(state, Field::State) | bit(status, Field::UpdateStatus);
    observed & changed
}

impl Device<'_> {
    pub(super) fn known(&self, view: &View<'_>) -> Shown {
        self.told.unwrap_or(view.note.told)
    }

    /// The observed attributes that are to be told of, from what was told before.
    pub(super) fn news(&self, view: &View<'_>) -> (u8, Shown) {
        let observed = view.note.observed;
        match self.owed {
            None => (concerned(observed, self.known(view), view.shown), self.known(view)),
            Some(owed) => match concerned(observed, owed.before, view.shown) {
                0 => (observed & CHANGING, owed.before),
                concerned => (concerned, owed.before),
            },
        }
    }

    /// Whether there is a change that is to be told.
    pub(super) fn has_news(&self, view: &View<'_>) -> bool {
        let managed = self.management.standing() == Standing::Managed;
        managed && self.news(view).0 != 0
    }

    /// Writes the next notification, if there is one.
    pub(super) fn tell(&mut self, view: &View<'_>, out: &mut [u8]) -> Option<Publish> {
        // The answer that is owed comes before what came of the request.
        if self.busy.is_some() || self.management.standing() != Standing::Managed {
            return None;
        }
        let (concerned, before) = self.news(view);
        let again = self.owed.take().is_some_and(|owed| owed.again);
        let shown = view.shown;
        self.told = Some(shown);
        if concerned == 0 {
            return None;
        }
        let (number, id) = self.fresh_id();
        let fields = Field::ALL.into_iter().filter(|field| concerned & field.bit() != 0);
        let length = message::write(out, |json| {
            list(json, fields, &mut |field, json| {
                json.object().key(member::FIELD);
                json.string(field.path());
                json.key(member::VALUE);
                match field {
                    Field::Firmware => Change::between(before, shown).show(json),
                    Field::State => _ = json.number(shown.state as u32),
                    Field::UpdateStatus => _ = json.number(shown.status as u32),
                    // Nothing but the platform changes these.
                    Field::Version | Field::Name | Field::Uri | Field::Verifier => {}
                }
                json.end_object();
            });
            json.key(member::REQ_ID).string(id.as_str());
        });
        self.notified = Some(Notified { number, before, again });
        Some(Publish { topic: topic::NOTIFY, length: length.ok()? })
    }
}
