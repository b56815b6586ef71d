//! The registration: Register, Update, De-register. Core 6.2, Transport 6.4.3.

use fwupd_coap::Millis;
use fwupd_coap::endpoint::Flight;
use fwupd_coap::message::{Message, Writer};
use fwupd_coap::spec::{Code, option};

use super::Client;
use crate::spec::{BINDING_UDP, format, registration};
use crate::wire::Out;
use crate::wire::text::Decimal;

/// Room for a Location-Path: its segments, each behind its length, bytes.
const LOCATION: usize = 64;
/// First wait after a registration failed, milliseconds; doubled with each further one.
const BACKOFF: Millis = 10_000;
/// How often the wait is doubled: to 640 s.
const DOUBLINGS: u32 = 6;

/// Where the registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To be made at this time.
    Due(Millis),
    /// Being made.
    Registering(Flight),
    /// Good; to be updated at this time.
    Good(Millis),
    /// Good, and being updated.
    Updating(Flight),
    /// To be ended.
    Leaving,
    /// Being ended.
    Deregistering(Flight),
    /// Ended by the application.
    Off,
}

#[derive(Debug)]
pub(super) struct Registration {
    phase: Phase,
    location: [u8; LOCATION],
    length: usize,
    failures: u32,
    /// The lifetime has been changed since the server was told.
    changed: bool,
}

impl Registration {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Due(0), location: [0; LOCATION], length: 0, failures: 0, changed: false }
    }

    pub(super) fn is_good(&self) -> bool {
        match self.phase {
            Phase::Good(_) | Phase::Updating(_) | Phase::Leaving => true,
            Phase::Due(_) | Phase::Registering(_) | Phase::Deregistering(_) | Phase::Off => false,
        }
    }

    /// When there is something to send.
    pub(super) fn timeout(&self) -> Option<Millis> {
        match self.phase {
            Phase::Due(at) | Phase::Good(at) => Some(at),
            Phase::Leaving => Some(0),
            Phase::Registering(_) | Phase::Updating(_) | Phase::Deregistering(_) | Phase::Off => None,
        }
    }

    fn flight(&self) -> Option<Flight> {
        match self.phase {
            Phase::Registering(flight) | Phase::Updating(flight) | Phase::Deregistering(flight) => {
                Some(flight)
            }
            Phase::Due(_) | Phase::Good(_) | Phase::Leaving | Phase::Off => None,
        }
    }

    pub(super) fn leave(&mut self) {
        self.phase = if self.is_good() { Phase::Leaving } else { Phase::Off };
    }

    /// Tells the server at once that the client is there, and the lifetime if that has changed.
    pub(super) fn update(&mut self, changed: bool) {
        self.changed |= changed;
        if let Phase::Good(at) = &mut self.phase {
            *at = 0;
        }
    }

    /// The server does not answer, or does not know the client: it is to be made anew.
    pub(super) fn lost(&mut self, now: Millis) {
        if matches!(self.phase, Phase::Off | Phase::Leaving) {
            self.phase = Phase::Off;
            return;
        }
        let wait = BACKOFF.saturating_mul(1 << self.failures.min(DOUBLINGS));
        self.failures = self.failures.saturating_add(1);
        self.phase = Phase::Due(now.saturating_add(wait));
    }

    /// Whether it was a request of the registration that was not answered.
    pub(super) fn gave_up(&mut self, flight: Flight) -> bool {
        let mine = self.flight() == Some(flight);
        if mine && matches!(self.phase, Phase::Deregistering(_)) {
            self.phase = Phase::Off;
        }
        mine
    }

    /// A response; whether the registration was lost by it, and all observations with it.
    pub(super) fn answered(
        &mut self,
        flight: Flight,
        message: &Message<'_>,
        lifetime: u32,
        now: Millis,
    ) -> bool {
        if self.flight() != Some(flight) {
            return false;
        }
        let mut good = message.code.is_success();
        if let Phase::Registering(_) = self.phase {
            // One without a location could not be updated.
            good = good && self.keep(message);
        }
        match self.phase {
            Phase::Registering(_) if good => {
                self.failures = 0;
                self.changed = false;
                self.phase = Phase::Good(now.saturating_add(interval(lifetime)));
            }
            Phase::Updating(_) if good => self.phase = Phase::Good(now.saturating_add(interval(lifetime))),
            // The server has forgotten the client, and can be told so at once.
            Phase::Updating(_) if message.code == Code::NOT_FOUND => {
                self.phase = Phase::Due(now);
                return true;
            }
            Phase::Registering(_) | Phase::Updating(_) => {
                self.lost(now);
                return true;
            }
            Phase::Deregistering(_) => self.phase = Phase::Off,
            Phase::Due(_) | Phase::Good(_) | Phase::Leaving | Phase::Off => {}
        }
        false
    }

    /// Keeps the location as it came; false if it is too long, or there is none.
    fn keep(&mut self, message: &Message<'_>) -> bool {
        let mut out = Out::new(&mut self.location);
        for segment in message.values(option::LOCATION_PATH) {
            out.put(&[segment.len() as u8]);
            out.put(segment);
        }
        match out.finish() {
            Ok(length) if length > 0 => {
                self.length = length;
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn write_location(&self, to: &mut Writer<'_>) {
        let mut rest = self.location.get(..self.length).unwrap_or_default();
        while let Some((length, after)) = rest.split_first() {
            let Some((segment, after)) = after.split_at_checked(usize::from(*length)) else { return };
            to.option(option::URI_PATH, segment);
            rest = after;
        }
    }
}

/// After how long a registration is updated, milliseconds: half its lifetime, so that one update may get lost.
fn interval(lifetime: u32) -> Millis {
    u64::from(lifetime).saturating_mul(500)
}

/// One argument of a query, of two parts.
fn query(to: &mut Writer<'_>, name: &str, value: &[u8]) {
    let length = name.len().saturating_add(value.len());
    to.option_of(option::URI_QUERY, length, &mut name.bytes().chain(value.iter().copied()));
}

impl<A: Copy + Eq> Client<'_, A> {
    /// Queues the next request of the registration, if one is due.
    pub(super) fn register(&mut self, now: Millis) -> bool {
        let Self { endpoint, registration: this, model, config, .. } = self;
        let lifetime = Decimal::new(model.lifetime);
        let server = config.server;
        let (flight, phase): (_, fn(Flight) -> Phase) = match this.phase {
            Phase::Due(at) if at <= now => {
                let flight = endpoint.request(server, Code::POST, now, |to| {
                    to.option(option::URI_PATH, registration::PATH.as_bytes());
                    to.uint(option::CONTENT_FORMAT, u32::from(format::LINK));
                    query(to, registration::VERSION, config.version.number().as_bytes());
                    query(to, registration::ENDPOINT, config.endpoint.as_bytes());
                    query(to, registration::LIFETIME, lifetime.as_bytes());
                    query(to, registration::BINDING, BINDING_UDP.as_bytes());
                    to.payload_with(|room| {
                        let mut out = Out::new(room);
                        model.register(&mut out);
                        out.finish().unwrap_or(usize::MAX)
                    });
                });
                (flight, Phase::Registering)
            }
            Phase::Good(at) if at <= now => {
                let changed = core::mem::take(&mut this.changed);
                let flight = endpoint.request(server, Code::POST, now, |to| {
                    this.write_location(to);
                    if changed {
                        query(to, registration::LIFETIME, lifetime.as_bytes());
                    }
                });
                (flight, Phase::Updating)
            }
            Phase::Leaving => (
                endpoint.request(server, Code::DELETE, now, |to| this.write_location(to)),
                Phase::Deregistering,
            ),
            Phase::Due(_) | Phase::Good(_) => return false,
            Phase::Registering(_) | Phase::Updating(_) | Phase::Deregistering(_) | Phase::Off => {
                return false;
            }
        };
        match flight {
            Ok(flight) => this.phase = phase(flight),
            // All places are taken: it is tried again when one is free.
            Err(_) => return false,
        }
        true
    }
}
