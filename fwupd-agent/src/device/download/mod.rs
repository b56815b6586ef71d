//! Downloads over the network, for what the updater asks: one at a time.

mod coap;
mod http;

use fwupd_core::outcome::Failure;
use fwupd_core::time::Now;
use fwupd_core::updater::{Ticket, Updater};

use super::adapter::Taken;
use super::host::Host;
use crate::config::Config;
use crate::net::{Inbound, Inbox, Lookup, Trace};
use coap::Coap;
use http::Http;

/// A download by the scheme of its URI.
pub(super) enum Download {
    Coap(Box<Coap>),
    Http(Http),
}

/// The schemes that are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Coap,
    Http,
}

fn scheme(uri: &str) -> Option<Scheme> {
    let scheme = fwupd_coap::uri::scheme(uri)?;
    let known = [("coap", Scheme::Coap), ("http", Scheme::Http), ("https", Scheme::Http)];
    known.into_iter().find(|(name, _)| scheme.eq_ignore_ascii_case(name)).map(|(_, known)| known)
}

/// Whether a URI's file is fetched over the network.
pub(super) fn is_remote(uri: &str) -> bool {
    scheme(uri).is_some()
}

impl Download {
    /// Prepares to download this; `None` as long as its host is looked for.
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
        match scheme(uri) {
            Some(Scheme::Coap) => {
                let coap = Coap::open(uri, config, lookup, inbox, trace)?;
                Ok(coap.map(|coap| Self::Coap(Box::new(coap))))
            }
            Some(Scheme::Http) => Http::open(config, inbox).map(Self::Http).map(Some),
            None => Err(Failure::UnsupportedProtocol),
        }
    }

    /// Whether it can download this, too.
    pub(super) fn serves(&self, uri: &str) -> bool {
        match self {
            Self::Coap(coap) => coap.serves(uri),
            Self::Http(_) => scheme(uri) == Some(Scheme::Http),
        }
    }

    /// Takes what came in on a socket.
    pub(super) fn handle<const N: usize>(
        &mut self,
        inbound: &Inbound,
        now: Now,
        updater: &mut Updater<Host<N>>,
    ) -> Taken {
        match self {
            Self::Coap(coap) => coap.handle(inbound, now, updater),
            Self::Http(_) => Taken::NotMine,
        }
    }

    /// The updater wants this.
    pub(super) fn wants(&mut self, ticket: Ticket, uri: &str, offset: u32, now: Now) {
        match self {
            Self::Coap(coap) => coap.wants(ticket, uri, offset, now),
            Self::Http(http) => http.wants(ticket, uri),
        }
    }

    /// Does what is due; true if there was anything.
    pub(super) fn poll<const N: usize>(&mut self, now: Now, updater: &mut Updater<Host<N>>) -> bool {
        match self {
            Self::Coap(coap) => coap.poll(now, updater),
            Self::Http(http) => http.poll(now, updater),
        }
    }

    /// When to poll again, monotonic milliseconds.
    pub(super) fn timeout(&self) -> Option<u64> {
        match self {
            Self::Coap(coap) => coap.timeout(),
            // A thread waits, and wakes the loop.
            Self::Http(_) => None,
        }
    }
}
