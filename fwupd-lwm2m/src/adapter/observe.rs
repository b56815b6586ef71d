//! Observations: what each observer was told last, and the next notification.
//!
//! One notification is under way at a time, so that State arrives before Result whatever is lost. A value that
//! changes meanwhile is told once the last one has arrived.

use fwupd_coap::Millis;
use fwupd_coap::endpoint::Flight;
use fwupd_coap::message::{Kind, Token};
use fwupd_coap::observe::Observers;

use super::model::View;
use super::path::Path;
use super::read::Part;
use super::{Client, MESSAGE, code};
use crate::spec::{Answer, FIRMWARE_UPDATE, Resource};

/// How many observations there can be.
const OBSERVATIONS: usize = 8;

/// What an observer was told last.
#[derive(Clone, Copy, Debug)]
struct Told {
    format: u16,
    /// A fingerprint of the body.
    print: [u8; 4],
    /// When.
    at: Millis,
}

#[derive(Debug)]
pub(super) struct Observations<A> {
    list: Observers<A, Path, Told, OBSERVATIONS>,
    /// The notification under way.
    telling: Option<Flight>,
    /// When a period of an observation is over.
    wake: Option<Millis>,
}

impl<A: Copy + Eq> Observations<A> {
    pub(super) const fn new() -> Self {
        Self { list: Observers::new(), telling: None, wake: None }
    }

    /// Forgets all observers. The sequence goes on.
    pub(super) fn clear(&mut self) {
        self.list.retain(|_| false);
        self.telling = None;
        self.wake = None;
    }

    pub(super) fn timeout(&self) -> Option<Millis> {
        self.wake.filter(|_| self.telling.is_none())
    }

    /// Begins an observation, or begins it again, and gives its first number; `None` if there are too many: the
    /// answer is then one to a plain GET.
    pub(super) fn add(
        &mut self,
        (peer, token): (A, Token),
        path: Path,
        part: &Part,
        now: Millis,
    ) -> Option<u32> {
        let told = Told { format: part.format, print: part.print(), at: now };
        self.list.register(peer, token, path, told)?;
        Some(self.list.sequence())
    }

    pub(super) fn remove(&mut self, path: &Path, token: Token) {
        self.list.retain(|observer| observer.key != *path && observer.token != token);
    }

    pub(super) fn acknowledged(&mut self, flight: Flight) {
        self.telling.take_if(|telling| *telling == flight);
    }

    /// The observer is no longer interested.
    pub(super) fn reset(&mut self, peer: A, flight: Flight) {
        self.list.reset(peer, flight);
        self.acknowledged(flight);
    }

    /// Whether it was a notification that did not arrive.
    pub(super) fn gave_up(&mut self, flight: Flight) -> bool {
        self.telling.take_if(|telling| *telling == flight).is_some()
    }
}

/// In which order changes are told: the time of a change, State, Result, the rest.
fn rank(path: &Path) -> u8 {
    let is = |resource: Resource| *path == Path::resource(FIRMWARE_UPDATE, resource as u16);
    match () {
        () if is(Resource::LastStateChangeTime) => 0,
        () if is(Resource::State) => 1,
        () if is(Resource::UpdateResult) => 2,
        () => 3,
    }
}

impl<A: Copy + Eq> Client<'_, A> {
    /// Queues the next notification; false if there is none, or the last one is still under way.
    pub(super) fn tell(&mut self, view: &View<'_>, now: Millis, scratch: &mut [u8]) -> bool {
        if self.observations.telling.is_some() || view.status.is_none() {
            return false;
        }
        if self.busy.is_some_and(|busy| busy.hides()) {
            return false;
        }
        let mut best: Option<(u8, Token, Path, Result<Part, Answer>)> = None;
        let (mut wake, mut waits) = (None, false);
        for observer in self.observations.list.iter() {
            let what = (observer.key, Some(observer.data.format));
            let part = Part::new(&self.model, what, view, Ok(None), MESSAGE, scratch);
            let changed = part.map_or(true, |part| part.print() != observer.data.print);
            let (least, most) = self.attributes.periods(&observer.key);
            let after = |period| observer.data.at.saturating_add(period);
            // A change waits for its least period, and what has not changed is told after the longest one.
            let due = if changed { Some(after(least)) } else { most.map(after) };
            match due {
                Some(due) if due <= now => {
                    let rank = rank(&observer.key);
                    if best.is_none_or(|(first, ..)| rank < first) {
                        best = Some((rank, observer.token, observer.key, part));
                    }
                }
                Some(due) => {
                    wake = Some(wake.map_or(due, |wake: Millis| wake.min(due)));
                    waits |= changed;
                }
                None => {}
            }
        }
        self.observations.wake = wake;
        let Some((_, token, path, part)) = best else {
            self.told = !waits;
            return false;
        };
        let Self { endpoint, model, observations, config, .. } = self;
        let kind = Kind::Confirmable;
        let flight = match part {
            Ok(part) => {
                let sequence = observations.list.sequence();
                endpoint.notify(config.server, token, kind, code(Answer::Content), now, |to| {
                    part.write(model, view, Some(sequence), to);
                })
            }
            Err(answer) => endpoint.notify(config.server, token, kind, code(answer), now, |_| {}),
        };
        let Ok(flight) = flight else { return false };
        match part {
            Ok(part) => {
                for observer in observations.list.iter_mut().filter(|observer| observer.key == path) {
                    (observer.data.print, observer.data.at) = (part.print(), now);
                    observer.flight = Some(flight);
                }
            }
            // What is no longer there is no longer observed: RFC 7641 section 4.2.
            Err(_) => observations.remove(&path, token),
        }
        observations.telling = Some(flight);
        true
    }
}
