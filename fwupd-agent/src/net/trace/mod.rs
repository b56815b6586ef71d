//! Messages as lines on stderr.

mod coap;
mod usp;

use std::fmt::Display;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::printable;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It came in.
    In,
    /// It goes out.
    Out,
}

/// Shows messages, or does not.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Arc<Mutex<coap::Asked>>>);

impl Trace {
    /// Shows nothing.
    pub fn off() -> Self {
        Self(None)
    }

    /// Shows each message.
    pub fn on() -> Self {
        Self(Some(Arc::default()))
    }

    /// Shows this datagram of CoAP.
    pub(super) fn datagram(&self, way: Way, peer: SocketAddr, datagram: &[u8]) {
        let Some(asked) = &self.0 else { return };
        let text = coap::text_of(&mut asked.lock().unwrap_or_else(PoisonError::into_inner), peer, datagram);
        self.say(way, peer, text);
    }

    /// Shows this Record of USP.
    pub fn record(&self, way: Way, peer: impl Display, record: &[u8]) {
        if self.0.is_some() {
            self.say(way, peer, usp::text_of(record));
        }
    }

    /// Shows what came or goes, in words.
    pub fn say(&self, way: Way, peer: impl Display, text: impl Display) {
        if self.0.is_some() {
            // Nobody can be told where stderr is closed.
            drop(writeln!(std::io::stderr(), "{}", line(way, peer, text)));
        }
    }
}

fn line(way: Way, peer: impl Display, text: impl Display) -> String {
    let arrow = match way {
        Way::In => "<-",
        Way::Out => "->",
    };
    printable(&format!("{arrow} {peer} {text}"))
}
