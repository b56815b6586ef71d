//! The device: what clients send becomes representations and commands; what changes becomes notifications.
//!
//! [`Device::handle`] takes a datagram and writes its answer, where that can be given at once. What changes
//! something is answered by [`Device::poll`] once it stands in flash. While that is being written, `handle` says
//! [`Handled::Again`] to further requests: the application carries out the updater's flash operations and its
//! `need`, and hands in the same datagram again. [`Device::poll`] also begins what is due, and sends notifications
//! and what has to be sent again.

mod get;
mod observe;
mod post;
mod timer;

use fwupd_coap::Millis;
use fwupd_coap::endpoint::{Endpoint, Exchange, Params, Polled, Received};
use fwupd_coap::message::{Kind, Message};
use fwupd_coap::spec::Code;
use fwupd_core::outcome::{Ask, Initiator};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Settled, Updater};

use crate::note::Note;
use crate::software::Rules;
use crate::spec::{Action, Answer, OPTIONS, Resource, SCHEMES, SLASH};
use crate::wire::device::Identity;
use crate::wire::pstat::Owned;
use crate::wire::time::Instant;
use observe::Observations;
use post::Waiting;

/// Messages under way at once: notifications and late answers.
const FLIGHTS: usize = 4;
/// Longest message that is kept until it is acknowledged, bytes.
const MESSAGE: usize = 512;
/// Requests that wait for their answer.
const WAITING: usize = 4;
/// After so long without an answer a request is acknowledged, milliseconds: before a client sends it again
/// (ACK_TIMEOUT of RFC 7252 section 4.8 is 2 s).
const PATIENCE: Millis = 1_000;

/// What a device is made of. [`Config::new`] has values for most of it.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Who it is.
    pub identity: Identity<'a>,
    /// Where it can be reached, as `coap://192.0.2.7:5683`: what links tell. Clients in the field drop a link that
    /// tells none, or one of another address family than they have asked by.
    pub endpoints: &'a [&'a str],
    /// What its security decides of pstat.
    pub owned: Owned<'a>,
    /// How software is updated.
    pub rules: Rules<'a>,
    /// How CoAP is spoken. The options that are known are always [`OPTIONS`].
    pub coap: Params,
    /// A random number, another one after each reset.
    pub seed: u32,
}

impl<'a> Config<'a> {
    /// A device that fetches by `https` and `coaps`, has no URL built in, and installs without asking.
    pub fn new(identity: Identity<'a>, endpoints: &'a [&'a str], owner: &'a str, seed: u32) -> Self {
        Self {
            identity,
            endpoints,
            owned: Owned { owner, cm: 0, om: 3, sm: 4 },
            rules: Rules {
                by: Initiator(1),
                ask: Ask::No,
                schemes: SCHEMES,
                built_in: "",
                manufactured: Instant::EPOCH,
            },
            coap: Params::default(),
            seed,
        }
    }
}

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// To the device alone.
    Unicast,
    /// To all devices. It is answered only if there is something to say, and to its sender alone; the application
    /// may put the answer off for a random time (RFC 7252 section 8.2).
    Multicast,
}

/// What a datagram came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// So many bytes of `out` go back to where it came from; 0: none, or not yet.
    Done(usize),
    /// The updater has something to do first: run its flash operations and its `need`, then hand in the same
    /// datagram again.
    Again,
}

/// A device of any number of clients. `A` is an address.
#[derive(Debug)]
pub struct Device<'a, A> {
    config: Config<'a>,
    endpoint: Endpoint<A, FLIGHTS, MESSAGE>,
    observations: Observations<A>,
    waiting: [Option<Waiting<A>>; WAITING],
    /// A frame of this adapter is being written.
    pending: bool,
    /// The schedule that this boot has seen in time.
    armed: Option<(Action, Instant)>,
    /// Whether the last poll left nothing to tell.
    told: bool,
}

/// What there is to show.
struct View<'u> {
    status: Option<Status<'u>>,
    note: Note,
}

impl<'u> View<'u> {
    fn of<P: Platform>(rules: &Rules<'_>, up: &'u Updater<P>) -> Self {
        let (status, note) = (up.status(), rules.note(up));
        let note = status.as_ref().map_or(note, |status| note.learning(status));
        Self { status, note }
    }
}

impl<'a, A: Copy + Eq> Device<'a, A> {
    /// A device with no clients yet.
    pub fn new(config: Config<'a>) -> Self {
        Self {
            endpoint: Endpoint::new(Params { critical: OPTIONS, ..config.coap }, config.seed),
            config,
            observations: Observations::new(),
            waiting: core::array::from_fn(|_| None),
            pending: false,
            armed: None,
            told: false,
        }
    }

    /// A datagram came in. `out` takes what goes back: 1280 bytes are enough for all that there is to read, and
    /// what is longer than `out` is sent in blocks.
    ///
    /// Where several adapters share an updater, all of them are polled between its flash operations and this: a
    /// run that has ended is seen by its own adapter only until another one begins.
    pub fn handle<P: Platform>(
        &mut self,
        from: A,
        cast: Cast,
        datagram: &[u8],
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        self.told = false;
        self.resolve(up);
        let message = Message::parse(datagram);
        if let Ok(message) = &message
            && message.code.is_request()
        {
            let writing = up.settled(self.config.rules.by) == Settled::Pending;
            if self.pending || (writing && !message.code.is_safe()) {
                return Handled::Again;
            }
        }
        // Nothing but discovery is asked of all: RFC 7252 section 8.1, Core 11.2.
        let discovers = |message: &Message<'_>| {
            let good = message.kind == Kind::NonConfirmable && message.code == Code::GET;
            good && resource(message) == Some(Resource::Discovery)
        };
        if cast == Cast::Multicast && !message.as_ref().is_ok_and(discovers) {
            return Handled::Done(0);
        }
        match self.endpoint.receive(from, datagram, now.mono, out) {
            Received::Nothing => Handled::Done(0),
            Received::Send(length) => Handled::Done(length),
            Received::Request(exchange, message) => {
                let answered = match message.code {
                    Code::GET => self.get(exchange, &message, now, &View::of(&self.config.rules, up), out),
                    _ => self.change(exchange, &message, now, up),
                };
                Handled::Done(match answered {
                    Ok(length) => length,
                    Err(_) if cast == Cast::Multicast => 0,
                    Err(answer) => self.refuse(exchange, answer, now, out),
                })
            }
            // Nothing is asked of anyone.
            Received::Response { ack, .. } => Handled::Done(ack),
            Received::Acknowledged(flight) => {
                self.observations.acknowledged(flight);
                Handled::Done(0)
            }
            Received::Reset(flight) => {
                self.observations.reset(from, flight);
                Handled::Done(0)
            }
            Received::Stray { exchange, .. } => Handled::Done(self.endpoint.reject(exchange, out)),
        }
    }

    /// What is to be sent now, and to whom; to be called until there is nothing. `out` has room for 1280 bytes.
    ///
    /// To be called after the updater's flash operations, and of all adapters before more is handled.
    #[must_use]
    pub fn poll<P: Platform>(&mut self, now: Now, up: &mut Updater<P>, out: &mut [u8]) -> Option<(A, usize)> {
        self.resolve(up);
        // Who has scheduled what is due is told so before it begins.
        if let Some(sent) = self.answer(now, &View::of(&self.config.rules, up), out) {
            return Some(sent);
        }
        self.tick(now, up);
        let view = View::of(&self.config.rules, up);
        loop {
            match self.endpoint.poll(now.mono, out) {
                Polled::Send(to, length) => return Some((to, length)),
                Polled::GaveUp(flight) => self.observations.gave_up(flight),
                Polled::Nothing if self.tell(&view, now.mono, out) => {}
                Polled::Nothing => return None,
            }
        }
    }

    /// When [`poll`](Self::poll) may have something to do again, whatever else happens: monotonic milliseconds. A
    /// change of the updater's state is told at the next poll in any case, and so is what is due once the wall time
    /// becomes known.
    pub fn poll_timeout(&self, now: Now) -> Option<Millis> {
        let waiting = self.waiting.iter().flatten().filter_map(Waiting::timeout).min();
        let times = [self.endpoint.poll_timeout(), waiting, self.due_in(now)];
        times.into_iter().flatten().min().map(|at| at.max(now.mono))
    }

    /// Whether nothing is left to send before a reset: every request is answered, and every change told and
    /// acknowledged. A client that does not answer delays it; the application sets the limit to that.
    pub fn drained(&self) -> bool {
        let waits = self.pending || self.waiting.iter().any(Option::is_some);
        !waits && self.told && self.endpoint.is_idle()
    }

    fn refuse(&mut self, exchange: Exchange<A>, answer: Answer, now: Now, out: &mut [u8]) -> usize {
        self.endpoint.respond(exchange, code(answer), now.mono, out, |_| {}).unwrap_or(0)
    }
}

/// The resource that is asked for.
fn resource(message: &Message<'_>) -> Option<Resource> {
    // What is left of a link behind a segment of the path, which may have a slash of its own.
    let behind = |rest: &'static str, segment: &str| {
        let whole = segment.bytes().all(|byte| char::from(byte) != SLASH);
        rest.strip_prefix(SLASH).filter(|_| whole)?.strip_prefix(segment)
    };
    let named = |resource: &Resource| message.path().try_fold(resource.href(), behind) == Some("");
    Resource::ALL.into_iter().find(named)
}

fn code(answer: Answer) -> Code {
    Code(answer as u8)
}
