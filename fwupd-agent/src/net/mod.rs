//! Sockets and connections. Each is read by a thread of its own, and all that comes in goes through one [`Inbox`],
//! so that the device has one place to wait at.

mod backoff;
pub mod mqtt;
mod places;
mod queue;
mod trace;
mod udp;
pub mod websocket;

pub use backoff::Backoff;
pub use places::Arrived;
pub use queue::Queue;
pub use trace::{Trace, Way};
pub use udp::Udp;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::num::ParseIntError;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use fwupd_coap::uri::{Host, Uri};
use places::Entry;
use tungstenite::http::Uri as Url;

/// Names a socket or a connection of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(u32);

/// Something that came in.
#[derive(Debug)]
pub struct Inbound {
    /// Where.
    pub port: Port,
    /// What.
    pub what: What,
}

impl Inbound {
    /// The datagram that came in there, and from whom; `None` if it is no such one.
    pub fn datagram(&self, port: Port) -> Option<(SocketAddr, &[u8])> {
        match &self.what {
            What::Datagram(from, bytes) if self.port == port => Some((*from, bytes)),
            What::Datagram(..) | What::Mqtt(_) | What::WebSocket(_) => None,
        }
    }
}

/// What came in.
#[derive(Debug)]
pub enum What {
    /// A datagram, from there.
    Datagram(SocketAddr, Vec<u8>),
    /// What happens on a connection of MQTT.
    Mqtt(mqtt::Event),
    /// What happens on a WebSocket connection.
    WebSocket(websocket::Event),
}

/// What comes out of a thread.
#[derive(Debug)]
enum Parcel {
    Inbound(Inbound),
    /// Something is elsewhere.
    Wake,
}

/// Where all that comes in arrives.
#[derive(Debug)]
pub struct Inbox {
    sender: Sender<Option<Arrived>>,
    receiver: Receiver<Option<Arrived>>,
    next: u32,
}

/// Ends a wait at an inbox.
#[derive(Clone, Debug)]
pub struct Waker(Sender<Option<Arrived>>);

impl Waker {
    /// Whoever waits goes on. One that has gone away needs it no more.
    pub fn wake(&self) {
        drop(self.0.send(None));
    }
}

impl Default for Inbox {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { sender, receiver, next: 0 }
    }
}

impl Inbox {
    /// What has come in, if anything has.
    pub fn take(&self) -> Option<Arrived> {
        self.receiver.try_iter().flatten().next()
    }

    /// What comes in within so many milliseconds, if nobody wakes it before.
    pub fn wait(&self, millis: u64) -> Option<Arrived> {
        // This end holds a sender: nobody can hang up.
        self.receiver.recv_timeout(Duration::from_millis(millis)).ok()?
    }

    /// What ends a wait from another thread.
    pub fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    fn open(&mut self) -> (Port, Entry) {
        self.next = self.next.wrapping_add(1);
        (Port(self.next), Entry::new(self.sender.clone()))
    }
}

/// The host of a URI, as a resolver takes it.
pub fn host(uri: &Uri<'_>) -> String {
    match uri.host {
        Host::Name(name) => name.to_owned(),
        Host::V4(address) => address.to_string(),
        Host::V6(address) => address.to_string(),
    }
}

/// The port that a URL names, if it names one.
///
/// # Errors
/// What it names is none.
pub fn port(url: &Url) -> Result<Option<u16>, ParseIntError> {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let port = authority.strip_prefix(url.host().unwrap_or_default()).and_then(|rest| rest.strip_prefix(':'));
    port.map(str::parse).transpose()
}

/// Looks for the first address of a host, and ends a wait at the inbox once it is known, or known to be none.
#[derive(Debug)]
pub struct Lookup {
    host: String,
    port: u16,
    found: Receiver<Option<SocketAddr>>,
}

impl Lookup {
    /// Begins to look. It may take long where a name server is away.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn begin(host: String, port: u16, inbox: &Inbox) -> std::io::Result<Self> {
        let (sender, found) = mpsc::channel();
        let (waker, name) = (inbox.waker(), host.clone());
        let look = move || {
            // Whoever has gone away needs it no more.
            let _ = sender.send(resolve(&name, port).first().copied());
            waker.wake();
        };
        thread::Builder::new().name("lookup".to_owned()).spawn(look)?;
        Ok(Self { host, port, found })
    }

    /// Whether it looks for this host.
    pub fn is_of(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port == port
    }

    /// What was found; `None` as long as it is looked for.
    pub fn found(&self) -> Option<Option<SocketAddr>> {
        match self.found.try_recv() {
            Ok(found) => Some(found),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(None),
        }
    }
}

/// The addresses of a host, the first to be tried first; none if it is unknown.
pub fn resolve(host: &str, port: u16) -> Vec<SocketAddr> {
    (host, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
}
