//! Downloads by CoAP: a socket for each host, and the updater's requests over it.

use std::net::SocketAddr;

use fwupd_coap::block::Szx;
use fwupd_coap::pull::{Handled, Pull};
use fwupd_coap::uri::Uri;
use fwupd_core::outcome::Failure;
use fwupd_core::time::Now;
use fwupd_core::updater::{Ticket, Updater};

use super::super::adapter::Taken;
use super::super::host::Host;
use super::super::lwm2m::params;
use crate::config::Config;
use crate::net::{self, Inbound, Inbox, Lookup, Trace, Udp};

/// Longest datagram that is sent, bytes.
const LONGEST: usize = 1500;

/// The host that the last download was from.
pub(in crate::device) struct Coap {
    host: String,
    port: u16,
    server: SocketAddr,
    udp: Udp,
    pull: Pull<SocketAddr>,
}

impl Coap {
    /// A socket to the host of this URI; `None` as long as its address is looked for.
    ///
    /// # Errors
    /// As a transfer fails.
    pub(super) fn open(
        uri: &str,
        config: &Config,
        lookup: &mut Option<Lookup>,
        inbox: &mut Inbox,
        trace: Trace,
    ) -> Result<Option<Self>, Failure> {
        let parsed = Uri::parse(uri).map_err(|_| Failure::InvalidUri)?;
        let (host, port) = (net::host(&parsed), parsed.port());
        let Some(looking) = lookup.as_ref().filter(|lookup| lookup.is_of(&host, port)) else {
            *lookup = Some(Lookup::begin(host, port, inbox).map_err(|_| Failure::OutOfRam)?);
            return Ok(None);
        };
        let Some(found) = looking.found() else { return Ok(None) };
        *lookup = None;
        let server = found.ok_or(Failure::HostUnknown)?;
        let udp = Udp::to(server, inbox, trace).map_err(|_| Failure::ConnectionLost)?;
        let seed = getrandom::u32().map_err(|_| Failure::Internal)?;
        Ok(Some(Self { host, port, server, udp, pull: Pull::new(params(config), Szx::MAX, seed) }))
    }

    /// Whether the URI is of this host.
    pub(super) fn serves(&self, uri: &str) -> bool {
        Uri::parse(uri).is_ok_and(|uri| net::host(&uri) == self.host && uri.port() == self.port)
    }

    /// Takes what came in.
    pub(super) fn handle<const N: usize>(
        &mut self,
        inbound: &Inbound,
        now: Now,
        updater: &mut Updater<Host<N>>,
    ) -> Taken {
        let Some((from, bytes)) = inbound.datagram(self.udp.port()) else { return Taken::NotMine };
        let mut out = [0; LONGEST];
        match self.pull.handle(from, bytes, now, updater, &mut out) {
            Handled::Done(0) => {}
            Handled::Done(length) => self.udp.send(from, out.get(..length).unwrap_or_default()),
            Handled::Again => return Taken::NotYet,
        }
        Taken::Yes
    }

    /// The updater wants this.
    pub(super) fn wants(&mut self, ticket: Ticket, uri: &str, offset: u32, now: Now) {
        self.pull.wants(ticket, self.server, uri, offset, now.mono);
    }

    /// Sends what is due; true if anything was.
    pub(super) fn poll<const N: usize>(&mut self, now: Now, updater: &mut Updater<Host<N>>) -> bool {
        let (mut out, mut sent) = ([0; LONGEST], false);
        while let Some((to, length)) = self.pull.poll(now, updater, &mut out) {
            self.udp.send(to, out.get(..length).unwrap_or_default());
            sent = true;
        }
        sent
    }

    /// When to poll again, monotonic milliseconds.
    pub(super) fn timeout(&self) -> Option<u64> {
        self.pull.poll_timeout()
    }
}
