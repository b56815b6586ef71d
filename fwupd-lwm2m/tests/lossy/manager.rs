//! The server, and the place that packages are fetched from.

use fwupd_coap::block::Szx;
use fwupd_coap::body::Cut;
use fwupd_coap::endpoint::{Endpoint, Exchange, Flight, Params, Polled, Received};
use fwupd_coap::message::{Message, Token, Writer};
use fwupd_coap::observe::Seen;
use fwupd_coap::spec::{Code, OBSERVE_REGISTER, option};
use fwupd_coap::upload::{Send, Sent};
use fwupd_testkit::link::Link;

use crate::host::{CLIENT, send};
use crate::packages::{Plan, Way};

/// Addresses: the server's, and that of the packages.
pub(crate) const SERVER: u8 = 3;
pub(crate) const FILES: u8 = 4;

/// How long the server waits before it asks for what a notification should have told, milliseconds.
const POLL: u64 = 30_000;
/// How long it waits before it tries again what failed, milliseconds.
const AGAIN: u64 = 3_000;

/// What it observes: State and Result.
const WATCHED: [&[u8]; 2] = [b"3", b"5"];
const IDLE: u8 = 0;
const DOWNLOADED: u8 = 2;

/// What it asks of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Observe(usize),
    Read(usize),
    Version,
    Reset,
    Uri,
    Block,
    Execute,
}

/// Where an update stands.
#[derive(Clone, Debug)]
enum Phase {
    /// What the last one has left behind is to be cleared.
    Reset,
    /// The package is to be written, or its URI.
    Deliver(Send),
    /// Waits for State and Result.
    Watch,
    /// It is to be installed.
    Execute,
    /// The result is known, and is read once more.
    Check,
    /// It is over.
    Over,
}

/// What the server has learned of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// State and Result as read, and as told by notifications.
    pub(crate) read: [Option<u8>; 2],
    pub(crate) told: [Option<u8>; 2],
    /// /3/0/3, up to 16 bytes.
    pub(crate) version: [u8; 16],
}

pub(crate) struct Manager {
    endpoint: Endpoint<u8, 4, 1152>,
    registered: bool,
    registrations: u8,
    asked: Option<(Flight, Ask)>,
    /// Observations: their tokens, and the last notification of each.
    watches: [Option<(Token, Seen)>; 2],
    pub(crate) learned: Learned,
    /// The newest that is known of State and Result, read or told.
    newest: [Option<u8>; 2],
    phase: Phase,
    /// Whether the last delivery was taken, as far as the server knows.
    delivered: bool,
    /// How often it has begun to deliver, or to install, once more.
    pub(crate) again: u32,
    /// How many answers came in messages of their own.
    pub(crate) separate: u32,
    /// When it asks again.
    next: u64,
    plan: Option<Plan>,
    package: Vec<u8>,
    out: Vec<u8>,
}

impl Manager {
    pub(crate) fn new(seed: u32) -> Self {
        Self {
            endpoint: Endpoint::new(Params::default(), seed),
            registered: false,
            registrations: 0,
            asked: None,
            watches: [None; 2],
            learned: Learned::default(),
            newest: [None; 2],
            phase: Phase::Over,
            delivered: false,
            again: 0,
            separate: 0,
            next: 0,
            plan: None,
            package: Vec::new(),
            out: vec![0; 1280],
        }
    }

    /// Begins an update.
    pub(crate) fn begin(&mut self, plan: Plan, package: Vec<u8>, now: u64) {
        self.plan = Some(plan);
        self.package = package;
        self.phase = Phase::Reset;
        self.delivered = false;
        self.again = 0;
        self.next = now;
    }

    /// Whether the update is over, and nothing is under way.
    pub(crate) fn rests(&self) -> bool {
        matches!(self.phase, Phase::Over)
            && self.registered
            && self.asked.is_none()
            && self.watches.iter().all(Option::is_some)
            && self.endpoint.is_idle()
    }

    pub(crate) fn shrink(&mut self) {
        self.package = Vec::new();
    }

    /// Takes what came, and sends what is due.
    pub(crate) fn step(&mut self, now: u64, link: &mut Link<u8>) {
        while let Some((from, datagram)) = link.receive(now, SERVER) {
            let mut out = core::mem::take(&mut self.out);
            let length = self.take(from, &datagram, now, &mut out);
            send(link, now, SERVER, from, &out[..length]);
            self.out = out;
        }
        loop {
            self.ask(now);
            match self.endpoint.poll(now, &mut self.out) {
                Polled::Send(to, length) => send(link, now, SERVER, to, &self.out[..length]),
                Polled::GaveUp(flight) => self.failed(flight, now),
                Polled::Nothing => return,
            }
        }
    }

    pub(crate) fn timeout(&self, now: u64) -> Option<u64> {
        let over = matches!(self.phase, Phase::Over) && self.watches.iter().all(Option::is_some);
        let waits = self.asked.is_none() && self.registered && !over;
        let next = waits.then_some(self.next.max(now));
        self.endpoint.poll_timeout().into_iter().chain(next).min()
    }

    fn take(&mut self, from: u8, datagram: &[u8], now: u64, out: &mut [u8]) -> usize {
        match self.endpoint.receive(from, datagram, now, out) {
            Received::Nothing | Received::Acknowledged(_) => 0,
            Received::Send(length) => length,
            Received::Request(exchange, message) => self.serve(exchange, &message, now, out),
            Received::Response { flight, message, ack } => {
                self.separate += u32::from(ack > 0);
                if let Some((_, ask)) = self.asked.take_if(|(asked, _)| *asked == flight) {
                    self.answered(ask, &message, now);
                }
                ack
            }
            Received::Reset(flight) => {
                self.failed(flight, now);
                0
            }
            Received::Stray { mut exchange, message } => {
                let watch = self.watches.iter().position(|watch| {
                    watch.is_some_and(|(token, _)| token == message.token && message.observe().is_some())
                });
                let Some(watched) = watch else { return self.endpoint.reject(exchange, out) };
                self.told(watched, &message, now);
                self.endpoint.acknowledge(&mut exchange, out)
            }
        }
    }

    /// The interface of registration.
    fn serve(&mut self, exchange: Exchange<u8>, message: &Message<'_>, now: u64, out: &mut [u8]) -> usize {
        let rest = message.path().count();
        let known = message.path().nth(1) == Some(self.registrations.to_string().as_str());
        let code = match (message.code, rest) {
            (Code::POST, 1) => {
                self.registrations = self.registrations.wrapping_add(1);
                self.registered = true;
                // A client that registers has forgotten who observes it.
                self.watches = [None; 2];
                self.learned.told = [None; 2];
                self.next = self.next.min(now + AGAIN);
                Code::CREATED
            }
            (Code::POST, 2) if known => Code::CHANGED,
            _ => Code::NOT_FOUND,
        };
        let location = self.registrations.to_string();
        let answer = |to: &mut Writer<'_>| {
            if code == Code::CREATED {
                to.option(option::LOCATION_PATH, b"rd").option(option::LOCATION_PATH, location.as_bytes());
            }
        };
        self.endpoint.respond(exchange, code, now, out, answer).unwrap()
    }

    /// Asks for what is to be known or done next.
    fn ask(&mut self, now: u64) {
        if self.asked.is_some() || !self.registered || now < self.next {
            return;
        }
        let ask = match (self.watches.iter().position(Option::is_none), &self.phase) {
            (Some(watched), _) => Ask::Observe(watched),
            (None, Phase::Reset) => Ask::Reset,
            (None, Phase::Deliver(_)) => match self.plan.unwrap().way {
                Way::Push(_) => Ask::Block,
                Way::Pull(_) => Ask::Uri,
            },
            (None, Phase::Watch | Phase::Check) => {
                self.learned.read = [None; 2];
                Ask::Read(0)
            }
            (None, Phase::Execute) => Ask::Execute,
            (None, Phase::Over) => return,
        };
        self.request(ask, now);
    }

    fn request(&mut self, ask: Ask, now: u64) {
        let code = match ask {
            Ask::Observe(_) | Ask::Read(_) | Ask::Version => Code::GET,
            Ask::Reset | Ask::Uri | Ask::Block => Code::PUT,
            Ask::Execute => Code::POST,
        };
        let (plan, phase, package) = (self.plan, &self.phase, &self.package);
        let asked = self.endpoint.request(CLIENT, code, now, |to| {
            if let Ask::Observe(_) = ask {
                to.uint(option::OBSERVE, OBSERVE_REGISTER);
            }
            let (object, resource): (&[u8], &[u8]) = match ask {
                Ask::Observe(watched) | Ask::Read(watched) => (b"5", WATCHED[watched]),
                Ask::Version => (b"3", b"3"),
                Ask::Reset | Ask::Uri => (b"5", b"1"),
                Ask::Block => (b"5", b"0"),
                Ask::Execute => (b"5", b"2"),
            };
            to.option(option::URI_PATH, object).option(option::URI_PATH, b"0");
            to.option(option::URI_PATH, resource);
            match (ask, phase) {
                (Ask::Reset | Ask::Uri, _) => _ = to.uint(option::CONTENT_FORMAT, 0),
                (Ask::Block, _) => _ = to.uint(option::CONTENT_FORMAT, 42),
                _ => {}
            }
            match (ask, phase) {
                (Ask::Uri, _) => _ = to.payload(format!("coap://files/{}", plan.unwrap().n).as_bytes()),
                (Ask::Block, Phase::Deliver(send)) => send.write(package, to),
                _ => {}
            }
        });
        self.asked = Some((asked.unwrap(), ask));
    }

    /// A request got no answer.
    fn failed(&mut self, flight: Flight, now: u64) {
        let Some((_, ask)) = self.asked.take_if(|(asked, _)| *asked == flight) else { return };
        self.next = now + AGAIN;
        // Whether the client has seen it is to be found out.
        match ask {
            Ask::Block | Ask::Uri => (self.phase, self.delivered) = (Phase::Watch, false),
            Ask::Execute => (self.phase, self.again) = (Phase::Watch, self.again + 1),
            Ask::Observe(_) | Ask::Read(_) | Ask::Version | Ask::Reset => {}
        }
    }

    fn answered(&mut self, ask: Ask, message: &Message<'_>, now: u64) {
        if !message.code.is_success() && !matches!(ask, Ask::Block | Ask::Uri | Ask::Execute) {
            self.next = now + AGAIN;
            return;
        }
        match ask {
            Ask::Observe(watched) => {
                let seen = Seen { sequence: message.observe().unwrap_or(0), at: now };
                self.watches[watched] = message.observe().map(|_| (message.token, seen));
                let value = value(message);
                (self.learned.told[watched], self.newest[watched]) = (value, value);
                self.decide(now);
            }
            Ask::Read(watched) => {
                self.learned.read[watched] = value(message);
                self.newest[watched] = value(message);
                if watched == 0 {
                    self.request(Ask::Read(1), now);
                } else if let Phase::Check = self.phase {
                    self.request(Ask::Version, now);
                } else {
                    self.next = now + POLL;
                    self.found(now);
                }
            }
            Ask::Version => {
                self.learned.version = [0; 16];
                self.learned.version[..message.payload.len()].copy_from_slice(message.payload);
                self.check(now);
            }
            Ask::Reset => {
                // Nothing that is told later is of the update before.
                self.newest = [None; 2];
                self.deliver(now);
            }
            Ask::Uri => self.delivery_ends(message.code, now),
            Ask::Block => {
                let Phase::Deliver(send) = &mut self.phase else { return };
                match send.answered(message.code, message.block1().ok().flatten()) {
                    Sent::More => self.again += u32::from(send.next().unwrap().1.start == 0),
                    Sent::Done(code) => self.delivery_ends(code, now),
                }
            }
            Ask::Execute => {
                self.phase = Phase::Watch;
                // A refusal may be that of a repeated request: the state tells.
                self.next = now + if message.code.is_success() { POLL } else { 0 };
            }
        }
    }

    fn deliver(&mut self, now: u64) {
        let (Way::Push(exponent) | Way::Pull(exponent)) = self.plan.unwrap().way;
        self.phase = Phase::Deliver(Send::new(self.package.len() as u32, Szx::new(exponent).unwrap()));
        self.next = now;
    }

    fn delivery_ends(&mut self, code: Code, now: u64) {
        self.phase = Phase::Watch;
        self.delivered = code.is_success();
        self.next = now + if self.delivered { POLL } else { 0 };
        self.decide(now);
    }

    fn told(&mut self, watched: usize, message: &Message<'_>, now: u64) {
        let seen = Seen { sequence: message.observe().unwrap_or(0), at: now };
        if let Some((_, last)) = &mut self.watches[watched]
            && last.is_older_than(&seen)
        {
            *last = seen;
            let value = value(message);
            (self.learned.told[watched], self.newest[watched]) = (value, value);
            self.decide(now);
        }
    }

    /// What State and Result lead to.
    fn decide(&mut self, now: u64) {
        match (&self.phase, self.newest) {
            (Phase::Watch, [_, Some(result)]) if result != 0 => (self.phase, self.next) = (Phase::Check, now),
            (Phase::Watch, [Some(DOWNLOADED), _]) => (self.phase, self.next) = (Phase::Execute, now),
            _ => {}
        }
    }

    /// State and Result were just read, and nothing else is under way.
    fn found(&mut self, now: u64) {
        self.decide(now);
        if let (Phase::Watch, [Some(state), Some(0)]) = (&self.phase, self.learned.read)
            && (state == IDLE || (!self.delivered && state < DOWNLOADED))
        {
            self.again += 1;
            self.deliver(now);
        }
    }

    /// All was read: it is over if that is a result, and is what the notifications have told.
    fn check(&mut self, now: u64) {
        let over = match self.learned.read {
            [Some(IDLE), Some(result)] => result != 0,
            _ => false,
        };
        self.next = now + AGAIN;
        if !over {
            self.phase = Phase::Watch;
        } else if self.learned.told == self.learned.read {
            self.phase = Phase::Over;
        }
    }
}

fn value(message: &Message<'_>) -> Option<u8> {
    core::str::from_utf8(message.payload).ok()?.parse().ok()
}

/// Serves the package of the update that is under way.
pub(crate) struct Files {
    endpoint: Endpoint<u8, 1, 1152>,
    n: u32,
    szx: Szx,
    package: Vec<u8>,
    out: Vec<u8>,
}

impl Files {
    pub(crate) fn new(seed: u32) -> Self {
        let endpoint = Endpoint::new(Params::default(), seed);
        Self { endpoint, n: 0, szx: Szx::MIN, package: Vec::new(), out: vec![0; 1280] }
    }

    pub(crate) fn offer(&mut self, plan: Plan, package: Vec<u8>) {
        let (Way::Push(exponent) | Way::Pull(exponent)) = plan.way;
        (self.n, self.szx, self.package) = (plan.n, Szx::new(exponent).unwrap(), package);
    }

    pub(crate) fn shrink(&mut self) {
        self.package = Vec::new();
    }

    pub(crate) fn step(&mut self, now: u64, link: &mut Link<u8>) {
        while let Some((from, datagram)) = link.receive(now, FILES) {
            let length = match self.endpoint.receive(from, &datagram, now, &mut self.out) {
                Received::Send(length) => length,
                Received::Request(exchange, message) => {
                    let known = message.path().eq([self.n.to_string().as_str()]);
                    let cut = Cut::of(self.package.len() as u32, message.block2(), self.szx);
                    let package = &self.package;
                    let answer = match cut {
                        Ok(cut) if known => {
                            self.endpoint.respond(exchange, Code::CONTENT, now, &mut self.out, |to| {
                                cut.write(package, None, to);
                            })
                        }
                        Ok(_) | Err(_) => {
                            self.endpoint.respond(exchange, Code::NOT_FOUND, now, &mut self.out, |_| {})
                        }
                    };
                    answer.unwrap()
                }
                Received::Nothing | Received::Response { .. } | Received::Acknowledged(_) => 0,
                Received::Reset(_) | Received::Stray { .. } => 0,
            };
            send(link, now, FILES, from, &self.out[..length]);
        }
    }
}
