//! Observations: what each observer was told last, and the next notification.
//!
//! To each observer one notification is under way at a time. A value that changes meanwhile is told once the last
//! one has arrived.

use fwupd_coap::Millis;
use fwupd_coap::endpoint::Flight;
use fwupd_coap::message::{Kind, Token};
use fwupd_coap::observe::Observers;

use super::get::{Asked, Part};
use super::{Device, MESSAGE, View, code};
use crate::spec::{Answer, Resource};

/// How many observations there can be.
const OBSERVATIONS: usize = 8;

/// What an observer was told last.
#[derive(Clone, Copy, Debug)]
struct Told {
    asked: Asked,
    /// A fingerprint of the body.
    print: [u8; 4],
    /// The notification has not arrived yet.
    under_way: bool,
}

#[derive(Debug)]
pub(super) struct Observations<A>(Observers<A, Resource, Told, OBSERVATIONS>);

impl<A: Copy + Eq> Observations<A> {
    pub(super) const fn new() -> Self {
        Self(Observers::new())
    }

    /// Begins an observation, or begins it again, and gives its first number; `None` if there are too many: the
    /// answer is then one to a plain GET.
    pub(super) fn add(&mut self, peer: A, token: Token, asked: Asked, print: [u8; 4]) -> Option<u32> {
        self.0.register(peer, token, asked.resource, Told { asked, print, under_way: false })?;
        Some(self.0.sequence())
    }

    pub(super) fn remove(&mut self, peer: A, token: Token) {
        self.0.cancel(peer, token);
    }

    pub(super) fn acknowledged(&mut self, flight: Flight) {
        for observer in self.0.iter_mut().filter(|observer| observer.flight == Some(flight)) {
            observer.data.under_way = false;
        }
    }

    /// The observer is no longer interested.
    pub(super) fn reset(&mut self, peer: A, flight: Flight) {
        self.0.reset(peer, flight);
    }

    /// A notification did not arrive.
    pub(super) fn gave_up(&mut self, flight: Flight) {
        self.0.gave_up(flight);
    }
}

impl<A: Copy + Eq> Device<'_, A> {
    /// Queues the next notification; false if there is none that can be sent now.
    pub(super) fn tell(&mut self, view: &View<'_>, now: Millis, scratch: &mut [u8]) -> bool {
        // What is not written yet may never have been.
        if self.pending || view.status.is_none() {
            return false;
        }
        let Self { endpoint, observations, config, told, .. } = self;
        let mut next = None;
        for observer in observations.0.iter_mut() {
            let Told { asked, print, under_way } = observer.data;
            let Ok(part) = Part::new(config, asked, None, view, Ok(None), (MESSAGE, scratch)) else {
                continue;
            };
            if part.print() != print && !under_way {
                next = Some((observer.peer, observer.token, part));
                break;
            }
        }
        *told = next.is_none();
        let Some((peer, token, part)) = next else { return false };
        let sequence = observations.0.sequence();
        let sent = endpoint.notify(peer, token, Kind::Confirmable, code(Answer::Content), now, |to| {
            part.write(config, view, Some(sequence), to);
        });
        let Ok(flight) = sent else { return false };
        let mut all = observations.0.iter_mut();
        if let Some(observer) = all.find(|observer| observer.peer == peer && observer.token == token) {
            observer.data.print = part.print();
            observer.data.under_way = true;
            observer.flight = Some(flight);
        }
        true
    }
}
