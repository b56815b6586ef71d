//! The LwM2M client of the device, at its server's socket.

use std::net::SocketAddr;

use fwupd_coap::endpoint::Params;
use fwupd_coap::uri::Uri;
use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_lwm2m::adapter::{Client, Config, Device, Handled};
use fwupd_lwm2m::object::Schemes;
use fwupd_lwm2m::spec::{ENDPOINT_MAX, Protocol};

use super::adapter::{Adapter, Taken, Wanted, initiator};
use super::host::Host;
use crate::config;
use crate::error::Error;
use crate::net::{self, Inbound, Inbox, Lookup, Trace, Udp};

/// Longest datagram that is sent, bytes.
const LONGEST: usize = 1500;
/// How long it waits before it looks for its server's address again, milliseconds.
const AGAIN: u64 = 5000;
/// The strings of /3/0.
const DEVICE: Device<'static> = Device { manufacturer: "fwagent", model: "reference device", serial: "" };

/// The client, once the server's address is known.
pub(super) struct Lwm2m<'a> {
    config: &'a config::Config,
    host: String,
    port: u16,
    link: Option<Link<'a>>,
    /// The server's address is being looked for.
    lookup: Option<Lookup>,
    /// When that begins, monotonic milliseconds.
    next: u64,
    trace: Trace,
}

struct Link<'a> {
    udp: Udp,
    client: Client<'a, SocketAddr>,
}

impl<'a> Lwm2m<'a> {
    /// A client of the configured server.
    ///
    /// # Errors
    /// The server's URI is none that this client can use.
    pub(super) fn new(config: &'a config::Config, trace: Trace) -> Result<Self, Error> {
        let server = &config.lwm2m.server;
        let bad = |why: &dyn std::fmt::Display| Error::usage(format_args!("server {server}: {why}"));
        let uri = Uri::parse(server).map_err(|why| bad(&why))?;
        if !uri.is("coap") {
            return Err(bad(&"only coap is spoken"));
        }
        if config.lwm2m.endpoint.is_empty() || config.lwm2m.endpoint.len() > ENDPOINT_MAX {
            return Err(Error::usage(format_args!("endpoint: 1 to {} bytes", ENDPOINT_MAX)));
        }
        Ok(Self { config, host: net::host(&uri), port: uri.port(), link: None, lookup: None, next: 0, trace })
    }

    /// Opens the socket once the server has an address; else it is tried again later.
    fn open(&mut self, now: u64, inbox: &mut Inbox) {
        let Some(lookup) = &self.lookup else {
            if now >= self.next {
                self.next = now.saturating_add(AGAIN);
                self.lookup = Lookup::begin(self.host.clone(), self.port, inbox).ok();
            }
            return;
        };
        let Some(found) = lookup.found() else { return };
        self.lookup = None;
        let Some(server) = found else { return };
        // Without a socket or a seed the next try may have better luck.
        let (Ok(udp), Ok(seed)) = (Udp::to(server, inbox, self.trace.clone()), getrandom::u32()) else {
            return;
        };
        let config::Lwm2m { endpoint, lifetime, push_idle, .. } = &self.config.lwm2m;
        let client = Client::new(Config {
            lifetime: *lifetime,
            by: initiator(config::Protocol::Lwm2m),
            device: DEVICE,
            package_name: "fwagent",
            schemes: Schemes::COAP.with(Protocol::Http).with(Protocol::Https),
            push_idle: u64::from(*push_idle).saturating_mul(1000),
            coap: params(self.config),
            ..Config::new(server, endpoint, seed)
        });
        self.link = Some(Link { udp, client });
    }
}

/// How CoAP is spoken by this device.
pub(super) fn params(config: &config::Config) -> Params {
    let ack_timeout = config.coap.ack_timeout;
    // ACK_RANDOM_FACTOR of RFC 7252 is 1.5.
    Params { ack_timeout, ack_random: ack_timeout / 2, ..Params::default() }
}

impl<const N: usize> Adapter<N> for Lwm2m<'_> {
    fn handle(&mut self, inbound: &Inbound, now: Now, updater: &mut Updater<Host<N>>) -> Taken {
        let Some(Link { udp, client }) = &mut self.link else { return Taken::NotMine };
        let Some((from, bytes)) = inbound.datagram(udp.port()) else { return Taken::NotMine };
        let mut out = [0; LONGEST];
        match client.handle(from, bytes, now, updater, &mut out) {
            Handled::Done(0) => {}
            Handled::Done(length) => udp.send(from, out.get(..length).unwrap_or_default()),
            Handled::Again => return Taken::NotYet,
        }
        Taken::Yes
    }

    fn poll(&mut self, now: Now, updater: &mut Updater<Host<N>>, inbox: &mut Inbox) -> bool {
        if self.link.is_none() {
            self.open(now.mono, inbox);
        }
        let Some(Link { udp, client }) = &mut self.link else { return false };
        let (mut out, mut sent) = ([0; LONGEST], false);
        while let Some((to, length)) = client.poll(now, updater, &mut out) {
            udp.send(to, out.get(..length).unwrap_or_default());
            sent = true;
        }
        sent
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        match &self.link {
            Some(link) => link.client.poll_timeout(now),
            None => Some(self.next).filter(|_| self.lookup.is_none()),
        }
    }

    fn drained(&self) -> bool {
        self.link.as_ref().is_none_or(|link| link.client.drained())
    }

    fn wanted(&mut self) -> Option<Wanted> {
        let link = self.link.as_ref()?;
        link.client.reboot_wanted().then_some(Wanted::Reset)
    }

    fn leave(&mut self, _: Now) {
        if let Some(link) = &mut self.link {
            link.client.deregister();
        }
    }
}
