//! The server's end of the wire: one socket, one device, requests to it and what it says by itself.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use fwupd_coap::endpoint::{Endpoint, Exchange, Flight, NotSent, Params, Polled, Received};
use fwupd_coap::message::{Message, Token, Writer};
use fwupd_coap::observe::Seen;
use fwupd_coap::spec::{Code, option};
use fwupd_lwm2m::spec::{FIRMWARE_UPDATE, INSTANCE, Resource, format, registration};

use super::offer::Offer;
use crate::error::{Error, Exit};
use crate::net::{Inbox, Trace, Udp};

/// Largest datagram that is sent, bytes: a block of 1024 and its options.
const MESSAGE: usize = 1280;
/// The longest that one look at the inbox takes, milliseconds.
const LOOK: u64 = 50;

/// A device that has registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Device {
    pub(super) endpoint: String,
    pub(super) address: SocketAddr,
    /// As it asked for it, seconds.
    pub(super) lifetime: String,
    /// What it says that it has, in link format (RFC 6690).
    pub(super) objects: String,
}

/// What happens without being asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The device has registered, perhaps anew.
    Registered,
    /// It has de-registered.
    Gone,
    /// An observed resource has this value now.
    Notified(Observed, String),
}

/// What is observed of Object 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observed {
    State,
    UpdateResult,
}

impl Observed {
    fn resource(self) -> Resource {
        match self {
            Self::State => Resource::State,
            Self::UpdateResult => Resource::UpdateResult,
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: Code,
    pub(super) payload: Vec<u8>,
    /// The value of its Block1 option.
    pub(super) block1: Option<Vec<u8>>,
}

impl Answer {
    /// What was read.
    fn shown(self) -> Result<Self, NoAnswer> {
        if self.code == Code::CONTENT { Ok(self) } else { Err(NoAnswer::Refused(self.code)) }
    }

    /// The payload as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The device is silent.
    Silent,
    /// It has registered anew in the middle of it: it was reset.
    Restarted,
    /// There is no device.
    NoDevice,
    /// The time is over.
    Late,
    /// It does not show what every device of its kind has.
    Refused(Code),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "the device does not answer",
            Self::Restarted => "the device has restarted",
            Self::NoDevice => "no device is registered",
            Self::Late => "the time is over",
            Self::Refused(code) => return write!(f, "the device refuses a read: {code}"),
        })
    }
}

impl From<NoAnswer> for Error {
    fn from(why: NoAnswer) -> Self {
        Self::new(Exit::Network, why)
    }
}

/// The server.
pub(super) struct Session {
    inbox: Inbox,
    udp: Udp,
    endpoint: Endpoint<SocketAddr, 4, MESSAGE>,
    start: Instant,
    deadline: Instant,
    /// The device that it waits for.
    wanted: Option<String>,
    pub(super) device: Option<Device>,
    registrations: u32,
    pub(super) offer: Option<Offer>,
    observed: Vec<(Token, Observed, Option<Seen>)>,
    events: VecDeque<Event>,
}

impl Session {
    pub(super) fn open(
        listen: SocketAddr,
        wanted: Option<String>,
        deadline: Instant,
        trace: Trace,
    ) -> Result<Self, Error> {
        let mut inbox = Inbox::default();
        let failed = |e| Error::new(Exit::Network, format_args!("cannot listen at {listen}: {e}"));
        let udp = Udp::at(listen, &mut inbox, trace).map_err(failed)?;
        let seed = getrandom::u32().map_err(|e| Error::failed(format_args!("no randomness: {e}")))?;
        Ok(Self {
            inbox,
            udp,
            endpoint: Endpoint::new(Params::default(), seed),
            start: Instant::now(),
            deadline,
            wanted,
            device: None,
            registrations: 0,
            offer: None,
            observed: Vec::new(),
            events: VecDeque::new(),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Result<SocketAddr, Error> {
        self.udp.address().map_err(|e| Error::new(Exit::Network, e))
    }

    /// The next event, waited for until `until`.
    pub(super) fn event(&mut self, until: Instant) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if Instant::now() >= until.min(self.deadline) {
                return None;
            }
            self.turn(None);
        }
    }

    /// Whether its time is over.
    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// A request about a resource of Object 5, and its answer.
    pub(super) fn ask(
        &mut self,
        method: Code,
        resource: Resource,
        options: impl Fn(&mut Writer<'_>),
    ) -> Result<Answer, NoAnswer> {
        self.exchange(method, &[FIRMWARE_UPDATE, INSTANCE, resource as u16], options)
    }

    /// Reads a resource as text.
    pub(super) fn read(&mut self, path: &[u16]) -> Result<Answer, NoAnswer> {
        self.exchange(Code::GET, path, |to| _ = to.uint(option::ACCEPT, format::TEXT.into()))?.shown()
    }

    /// Observes a resource; its value comes as an event, the first one too.
    pub(super) fn observe(&mut self, what: Observed) -> Result<(), NoAnswer> {
        let path = [FIRMWARE_UPDATE, INSTANCE, what.resource() as u16];
        let flight = self.request(Code::GET, &path, Some(0), |to| {
            to.uint(option::ACCEPT, format::TEXT.into());
        })?;
        let token = self.endpoint.token(flight).unwrap_or(Token::EMPTY);
        self.observed.retain(|(_, known, _)| *known != what);
        // A notification may overtake the answer.
        self.observed.push((token, what, None));
        let answer = self.answer(flight)?.shown()?;
        self.events.push_back(Event::Notified(what, answer.text()));
        Ok(())
    }

    fn exchange(
        &mut self,
        method: Code,
        path: &[u16],
        options: impl Fn(&mut Writer<'_>),
    ) -> Result<Answer, NoAnswer> {
        let flight = self.request(method, path, None, options)?;
        self.answer(flight)
    }

    fn request(
        &mut self,
        method: Code,
        path: &[u16],
        observe: Option<u32>,
        options: impl Fn(&mut Writer<'_>),
    ) -> Result<Flight, NoAnswer> {
        let to = self.device.as_ref().ok_or(NoAnswer::NoDevice)?.address;
        let now = self.now();
        let sent = self.endpoint.request(to, method, now, |message| {
            if let Some(observe) = observe {
                message.uint(option::OBSERVE, observe);
            }
            for part in path {
                message.option(option::URI_PATH, part.to_string().as_bytes());
            }
            options(message);
        });
        match sent {
            Ok(flight) => Ok(flight),
            Err(NotSent::Busy | NotSent::Full) => Err(NoAnswer::Silent),
        }
    }

    fn answer(&mut self, flight: Flight) -> Result<Answer, NoAnswer> {
        let registration = self.registrations;
        let answer = loop {
            match self.turn(Some(flight)) {
                Turn::Answer(answer) => return Ok(answer),
                Turn::GaveUp => break NoAnswer::Silent,
                Turn::Nothing if self.registrations != registration => break NoAnswer::Restarted,
                Turn::Nothing if self.is_late() => break NoAnswer::Late,
                Turn::Nothing => {}
            }
        };
        self.endpoint.cancel(flight);
        Err(answer)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Sends what is due, and deals with the next datagram.
    fn turn(&mut self, waits_for: Option<Flight>) -> Turn {
        let mut out = [0; MESSAGE];
        loop {
            match self.endpoint.poll(self.now(), &mut out) {
                Polled::Send(to, length) => self.udp.send(to, out.get(..length).unwrap_or_default()),
                Polled::GaveUp(flight) if waits_for == Some(flight) => return Turn::GaveUp,
                Polled::GaveUp(_) => {}
                Polled::Nothing => break,
            }
        }
        let until = self.endpoint.poll_timeout().unwrap_or(u64::MAX);
        let wait = until.saturating_sub(self.now()).min(LOOK);
        let Some(inbound) = self.inbox.wait(wait) else { return Turn::Nothing };
        let Some((from, bytes)) = inbound.datagram(self.udp.port()) else { return Turn::Nothing };
        let now = self.now();
        let mut turn = Turn::Nothing;
        let length = match self.endpoint.receive(from, bytes, now, &mut out) {
            Received::Nothing | Received::Acknowledged(_) => 0,
            Received::Send(length) => length,
            Received::Request(exchange, message) => self.serve(exchange, &message, &mut out),
            Received::Response { flight, message, ack } => {
                if waits_for == Some(flight) {
                    let block1 = message.option(option::BLOCK1).map(<[u8]>::to_vec);
                    let payload = message.payload.to_vec();
                    turn = Turn::Answer(Answer { code: message.code, payload, block1 });
                }
                ack
            }
            Received::Reset(flight) => {
                if waits_for == Some(flight) {
                    turn = Turn::GaveUp;
                }
                0
            }
            Received::Stray { mut exchange, message } => match self.notified(&message) {
                true => self.endpoint.acknowledge(&mut exchange, &mut out),
                false => self.endpoint.reject(exchange, &mut out),
            },
        };
        if length > 0 {
            self.udp.send(from, out.get(..length).unwrap_or_default());
        }
        turn
    }

    /// Whether it is a notification that was asked for.
    fn notified(&mut self, message: &Message<'_>) -> bool {
        let at = self.now();
        let known = self.observed.iter_mut().find(|(token, ..)| *token == message.token);
        let (Some((_, what, last)), Some(sequence)) = (known, message.observe()) else { return false };
        let seen = Seen { sequence, at };
        if last.is_some_and(|last| !last.is_older_than(&seen)) {
            // A newer one has overtaken it.
            return true;
        }
        *last = Some(seen);
        let value = String::from_utf8_lossy(message.payload).into_owned();
        self.events.push_back(Event::Notified(*what, value));
        true
    }

    /// Answers a request; so many bytes go back.
    fn serve(&mut self, exchange: Exchange<SocketAddr>, message: &Message<'_>, out: &mut [u8]) -> usize {
        let path: Vec<&str> = message.path().collect();
        let now = self.now();
        if path.first() == Some(&registration::PATH) {
            let (code, location) = self.registration(exchange.peer, message, path.get(1).copied());
            let respond = self.endpoint.respond(exchange, code, now, out, |to| {
                for part in location.iter().flatten() {
                    to.option(option::LOCATION_PATH, part.as_bytes());
                }
            });
            return respond.unwrap_or(0);
        }
        let offered = self.offer.as_mut().filter(|offer| offer.is_at(&path) && message.code == Code::GET);
        match offered {
            Some(offer) => offer.serve(&mut self.endpoint, exchange, message, now, out),
            None => self.endpoint.respond(exchange, Code::NOT_FOUND, now, out, |_| {}).unwrap_or(0),
        }
    }

    /// A message of the registration interface: Core 6.2.
    fn registration(
        &mut self,
        from: SocketAddr,
        message: &Message<'_>,
        location: Option<&str>,
    ) -> (Code, Option<[String; 2]>) {
        let known = location.is_some_and(|location| location == self.registrations.to_string())
            && self.device.is_some();
        match (message.code, location) {
            (Code::POST, None) => {
                let parameter = |name: &str| message.queries().find_map(|query| query.strip_prefix(name));
                let Some(endpoint) = parameter(registration::ENDPOINT).filter(|name| !name.is_empty()) else {
                    return (Code::BAD_REQUEST, None);
                };
                if self.wanted.as_deref().is_some_and(|wanted| wanted != endpoint) {
                    return (Code::FORBIDDEN, None);
                }
                // From now on it is this device, whoever else comes.
                self.wanted = Some(endpoint.to_owned());
                self.registrations = self.registrations.wrapping_add(1);
                self.device = Some(Device {
                    endpoint: endpoint.to_owned(),
                    address: from,
                    lifetime: parameter(registration::LIFETIME).unwrap_or("86400").to_owned(),
                    objects: String::from_utf8_lossy(message.payload).into_owned(),
                });
                self.observed.clear();
                self.events.push_back(Event::Registered);
                let location = [registration::PATH.to_owned(), self.registrations.to_string()];
                (Code::CREATED, Some(location))
            }
            (Code::POST, Some(_)) if known => {
                if let Some(device) = &mut self.device {
                    device.address = from;
                }
                (Code::CHANGED, None)
            }
            (Code::DELETE, Some(_)) if known => {
                self.device = None;
                self.observed.clear();
                self.events.push_back(Event::Gone);
                (Code::DELETED, None)
            }
            (Code::POST | Code::DELETE, Some(_)) => (Code::NOT_FOUND, None),
            _ => (Code::METHOD_NOT_ALLOWED, None),
        }
    }
}

/// What a look at the inbox came to.
enum Turn {
    Nothing,
    /// The answer that was waited for.
    Answer(Answer),
    /// There will be none.
    GaveUp,
}
