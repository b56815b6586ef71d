//! The client: what a server sends becomes reads, writes and commands; what changes becomes notifications.
//!
//! [`Client::handle`] takes a datagram and writes its answer. Where the updater has first to write something, or
//! has no room for a block yet, it says [`Handled::Again`]: the application carries out the updater's flash
//! operations and its `need`, and hands in the same datagram again. Nothing is done twice by that. Other
//! datagrams may come in between; a second one that wants to change something takes the place of the first.
//! [`Client::poll`] sends what is due: the registration, notifications, what has to be sent again.

mod attributes;
mod busy;
mod defer;
mod model;
mod observe;
mod path;
mod push;
mod read;
mod register;
mod write;

use fwupd_coap::Millis;
use fwupd_coap::body::etag;
use fwupd_coap::endpoint::{Endpoint, Exchange, Params, Polled, Received};
use fwupd_coap::message::Message;
use fwupd_coap::spec::Code;
use fwupd_coap::upload::Upload;
use fwupd_core::outcome::{Failure, Initiator};
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Updater};

use crate::object::{Firmware, Schemes};
use crate::spec::{Answer, Delivery, Lwm2m};
use attributes::Attributes;
use busy::{Busy, Step};
use defer::Deferral;
use model::{Model, View};
use observe::Observations;
use path::Path;
use push::Push;
use register::Registration;

/// Messages under way at once: a request of the registration, a notification, a late answer.
const FLIGHTS: usize = 3;
/// Longest message that is kept until it is acknowledged, bytes.
const MESSAGE: usize = 512;
/// After so long without an answer a request is acknowledged, milliseconds: before a server sends it again
/// (ACK_TIMEOUT of RFC 7252 section 4.8 is 2 s).
const PATIENCE: Millis = 1_000;

/// The strings of /3/0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Device<'a> {
    /// /3/0/0 Manufacturer.
    pub manufacturer: &'a str,
    /// /3/0/1 Model Number.
    pub model: &'a str,
    /// /3/0/2 Serial Number.
    pub serial: &'a str,
}

/// What a client is made of. [`Config::new`] has values for most of it.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a, A> {
    /// The server. What comes from anywhere else is ignored.
    pub server: A,
    /// Endpoint Client Name, up to [`ENDPOINT_MAX`](crate::spec::ENDPOINT_MAX) bytes.
    pub endpoint: &'a str,
    /// Lifetime of the registration, seconds.
    pub lifetime: u32,
    /// The number by which the application knows this adapter.
    pub by: Initiator,
    /// The release of the enabler.
    pub version: Lwm2m,
    /// /1/0/0, 1 to 65534.
    pub short_server_id: u16,
    /// The strings of /3/0.
    pub device: Device<'a>,
    /// /5/0/6, up to 255 bytes; empty if the packages have no name.
    pub package_name: &'a str,
    /// For how long a delivery waits for its next block, milliseconds.
    pub push_idle: Millis,
    /// /5/0/8.
    pub schemes: Schemes,
    /// /5/0/9.
    pub delivery: Delivery,
    /// How CoAP is spoken.
    pub coap: Params,
    /// A random number, another one after each reset.
    pub seed: u32,
}

impl<'a, A> Config<'a, A> {
    /// A client by LwM2M 1.1, that takes deliveries and downloads by CoAP.
    pub fn new(server: A, endpoint: &'a str, seed: u32) -> Self {
        Self {
            server,
            endpoint,
            lifetime: 86_400,
            by: Initiator(1),
            version: Lwm2m::V1_1,
            short_server_id: 1,
            device: Device::default(),
            package_name: "",
            push_idle: 120_000,
            schemes: Schemes::COAP,
            delivery: Delivery::Both,
            coap: Params::default(),
            seed,
        }
    }
}

/// What a datagram came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// So many bytes of `out` go back to where it came from; 0: none.
    Done(usize),
    /// The updater has something to do first: run its flash operations and its `need`, then hand in the same
    /// datagram again.
    Again,
}

/// An LwM2M client with one server.
#[derive(Debug)]
pub struct Client<'a, A> {
    config: Config<'a, A>,
    model: Model<'a>,
    endpoint: Endpoint<A, FLIGHTS, MESSAGE>,
    registration: Registration,
    observations: Observations<A>,
    attributes: Attributes,
    busy: Option<Busy<A>>,
    push: Option<Push>,
    upload: Upload<Path>,
    deferral: Deferral,
    /// /3/0/4 was executed.
    reboot: bool,
    /// Whether the last poll left nothing to tell.
    told: bool,
}

impl<'a, A: Copy + Eq> Client<'a, A> {
    /// A client that registers at its first [`poll`](Self::poll).
    pub fn new(config: Config<'a, A>) -> Self {
        let firmware = Firmware {
            by: config.by,
            version: config.version,
            package_name: config.package_name,
            schemes: config.schemes,
            delivery: config.delivery,
        };
        Self {
            endpoint: Endpoint::new(config.coap, config.seed),
            registration: Registration::new(),
            model: Model {
                firmware,
                device: config.device,
                short_server_id: config.short_server_id,
                lifetime: config.lifetime,
                stores: true,
            },
            config,
            observations: Observations::new(),
            attributes: Attributes::new(),
            busy: None,
            push: None,
            upload: Upload::new(),
            deferral: Deferral::NONE,
            reboot: false,
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
        datagram: &[u8],
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        if from != self.config.server {
            return Handled::Done(0);
        }
        self.told = false;
        let print = etag(datagram);
        if let Some(busy) = self.busy
            && busy.print == print
            && let Ok(message) = Message::parse(datagram)
        {
            return self.work(busy, &message, now, up, out);
        }
        match self.endpoint.receive(from, datagram, now.mono, out) {
            Received::Nothing => Handled::Done(0),
            Received::Send(length) => Handled::Done(length),
            Received::Request(exchange, message) => {
                if message.code.is_safe() {
                    let instead = self.busy.and_then(|busy| busy.instead());
                    let view = View { instead, ..View::of(&self.model.firmware, up) };
                    return match self.get(exchange, &message, now, &view, out) {
                        Ok(length) => Handled::Done(length),
                        Err(answer) => self.respond(exchange, answer, now, out),
                    };
                }
                let since = now.mono;
                let step = Step::Start;
                self.work(Busy { exchange, print, since, step, acknowledged: false }, &message, now, up, out)
            }
            Received::Response { flight, message, ack } => {
                let lifetime = self.model.lifetime;
                if self.registration.answered(flight, &message, lifetime, now.mono) {
                    self.observations.clear();
                }
                Handled::Done(ack)
            }
            Received::Acknowledged(flight) => {
                self.observations.acknowledged(flight);
                Handled::Done(0)
            }
            Received::Reset(flight) => {
                self.observations.reset(from, flight);
                Handled::Done(0)
            }
            // Nothing is observed from here.
            Received::Stray { exchange, .. } => Handled::Done(self.endpoint.reject(exchange, out)),
        }
    }

    /// What is to be sent now, and to whom; to be called until there is nothing. `out` has room for 1280 bytes.
    ///
    /// To be called after the updater's flash operations, and of all adapters before more is handled.
    #[must_use]
    pub fn poll<P: Platform>(&mut self, now: Now, up: &mut Updater<P>, out: &mut [u8]) -> Option<(A, usize)> {
        if let Some(busy) = &mut self.busy
            && !busy.acknowledged
            && now.mono >= busy.since.saturating_add(PATIENCE)
        {
            busy.acknowledged = true;
            let length = self.endpoint.acknowledge(&mut busy.exchange, out);
            if length > 0 {
                return Some((self.config.server, length));
            }
        }
        // A datagram that the application has not brought back will not come any more.
        self.busy.take_if(|busy| now.mono >= busy.since.saturating_add(self.config.push_idle));
        self.watch_push(now, up);
        self.watch_deferral(now, up);
        loop {
            match self.endpoint.poll(now.mono, out) {
                Polled::Send(to, length) => return Some((to, length)),
                Polled::GaveUp(flight) => {
                    // A server that does not answer has forgotten who observes what, or will have.
                    if self.registration.gave_up(flight) || self.observations.gave_up(flight) {
                        self.observations.clear();
                        self.registration.lost(now.mono);
                    }
                }
                Polled::Nothing => {
                    let view = View::of(&self.model.firmware, up);
                    if !self.register(now.mono) && !self.tell(&view, now.mono, out) {
                        return None;
                    }
                }
            }
        }
    }

    /// When [`poll`](Self::poll) may have something to send again, whatever else happens: monotonic
    /// milliseconds. A change of the updater's state is told at the next poll in any case.
    pub fn poll_timeout(&self, now: Now) -> Option<Millis> {
        let waiting = self.busy.filter(|busy| !busy.acknowledged);
        let times = [
            self.endpoint.poll_timeout(),
            self.registration.timeout(),
            self.deferral.timeout(),
            self.observations.timeout(),
            waiting.map(|busy| busy.since.saturating_add(PATIENCE)),
            self.busy.map(|busy| busy.since.saturating_add(self.config.push_idle)),
            self.push.map(|push| push.last.saturating_add(self.config.push_idle)),
        ];
        times.into_iter().flatten().min().map(|at| at.max(now.mono))
    }

    /// Whether nothing is left to send before a reset: every request is answered, and every change told and
    /// acknowledged. A server that does not answer delays it; the application sets the limit to that.
    pub fn drained(&self) -> bool {
        self.busy.is_none() && self.told && self.endpoint.is_idle()
    }

    /// Whether the server knows this client.
    pub fn registered(&self) -> bool {
        self.registration.is_good()
    }

    /// Takes leave of the server. The client does not register again.
    pub fn deregister(&mut self) {
        self.registration.leave();
    }

    /// Whether the server wants the device to reboot (/3/0/4).
    pub fn reboot_wanted(&self) -> bool {
        self.reboot
    }

    /// Ends a delivery whose next block does not come.
    fn watch_push<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        let Some(push) = self.push else { return };
        if self.busy.is_some() || now.mono < push.last.saturating_add(self.config.push_idle) {
            return;
        }
        // While a frame is being written it is to be told again.
        let told = up.failed(push.ticket, Failure::ConnectionLost, now);
        if told != Err(fwupd_core::outcome::Refused::NotAvailable) {
            self.push = None;
        }
    }

    fn respond(&mut self, exchange: Exchange<A>, answer: Answer, now: Now, out: &mut [u8]) -> Handled {
        let length = self.endpoint.respond(exchange, code(answer), now.mono, out, |_| {});
        Handled::Done(length.unwrap_or(0))
    }
}

fn code(answer: Answer) -> Code {
    Code(answer as u8)
}
