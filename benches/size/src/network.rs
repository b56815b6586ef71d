//! A device on a network, and what it does there.
//!
//! [`Coap`] is a node that uses all of the CoAP crate: it serves, it asks, it is observed, and it takes and sends
//! bodies in blocks. What the client of an adapter adds is then measured over that.

use core::net::{IpAddr, SocketAddr};

use fwupd_coap::Millis;
use fwupd_coap::block::{Block, Szx};
use fwupd_coap::body::{Cut, etag};
use fwupd_coap::endpoint::{Endpoint, Flight, Params, Polled, Received};
use fwupd_coap::message::{Kind, Message};
use fwupd_coap::observe::Observers;
use fwupd_coap::pull::{Handled, Pull};
use fwupd_coap::spec::{Code, OBSERVE_DEREGISTER, OBSERVE_REGISTER, format, option};
use fwupd_coap::upload::{Send, Sent, Upload, Verdict};
use fwupd_coap::uri::{Host, Uri};
use fwupd_core::flash::{self, Parts};
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Ticket, Updater};

use crate::driver::Network;

/// An address of the network.
pub type Peer = SocketAddr;

/// A socket of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Where it serves and asks.
    Own,
    /// That of downloads.
    Download,
}

/// What comes from outside by a network.
pub trait Net {
    /// The next datagram that has come to this socket: from whom, and how long it is.
    fn receive(&mut self, at: Socket, into: &mut [u8]) -> Option<(Peer, usize)>;
    /// Sends a datagram.
    fn send(&mut self, from: Socket, to: Peer, datagram: &[u8]);
    /// The address of a name.
    fn resolve(&mut self, name: &str) -> Option<IpAddr>;
    /// Sleeps until a datagram comes, or for no longer than until then.
    fn wait(&mut self, until: Option<Millis>);
    /// Who is to be sent a report now.
    fn report(&mut self) -> Option<Peer>;
    /// What the device serves and reports.
    fn body(&self) -> &'static [u8];
    /// Whether the last datagram was sent to a group.
    fn is_multicast(&self) -> bool;
}

/// What answers at a device's own socket.
pub trait Node<P: Platform> {
    /// A datagram has come. So many bytes of `out` go back, 0 for none; `None`: the updater is to go on first,
    /// and then it is to be given again.
    fn handle(
        &mut self,
        from: Peer,
        datagram: &[u8],
        now: Now,
        updater: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<usize>;
    /// What is to be sent now.
    fn poll(
        &mut self,
        now: Now,
        updater: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<(Peer, usize)>;
    /// When there is something to send again.
    fn timeout(&self, now: Now) -> Option<Millis>;
    /// Whether the device may be reset.
    fn drained(&self) -> bool;
}

/// A device on a network, with a download and a node.
pub struct Online<'n, P: Platform> {
    /// The network.
    pub net: &'n mut dyn Net,
    /// The download.
    pub pull: Pull<Peer>,
    /// What answers at its own socket.
    pub node: &'n mut dyn Node<P>,
}

impl<P: Platform, S: Parts> Network<P, S> for Online<'_, P> {
    fn wants(&mut self, ticket: Ticket, uri: &str, offset: u32, now: Now) -> bool {
        let server = server(uri, self.net);
        if let Some(server) = server {
            self.pull.wants(ticket, server, uri, offset, now.mono);
        }
        server.is_some()
    }

    fn exchange(&mut self, updater: &mut Updater<P>, flash: &mut S, now: Now) {
        let Self { net, pull, node } = self;
        let (mut datagram, mut out) = ([0; 1280], [0; 1280]);
        if let Some((from, length)) = net.receive(Socket::Download, &mut datagram) {
            let bytes = datagram.get(..length).unwrap_or_default();
            let length = loop {
                match pull.handle(from, bytes, now, updater, &mut out) {
                    Handled::Done(length) => break length,
                    Handled::Again => while let Ok(true) = flash::run(updater, flash, now) {},
                }
            };
            send(*net, Socket::Download, from, &out, length);
        }
        if let Some((from, length)) = net.receive(Socket::Own, &mut datagram) {
            let bytes = datagram.get(..length).unwrap_or_default();
            let length = loop {
                match node.handle(from, bytes, now, updater, *net, &mut out) {
                    Some(length) => break length,
                    None => while let Ok(true) = flash::run(updater, flash, now) {},
                }
                let _ = updater.need(now);
            };
            send(*net, Socket::Own, from, &out, length);
        }
        while let Some((to, length)) = pull.poll(now, updater, &mut out) {
            send(*net, Socket::Download, to, &out, length);
        }
        while let Some((to, length)) = node.poll(now, updater, *net, &mut out) {
            send(*net, Socket::Own, to, &out, length);
        }
        net.wait(node.timeout(now).into_iter().chain(pull.poll_timeout()).min());
    }

    fn drained(&self) -> bool {
        self.node.drained()
    }
}

/// Sends the first bytes of a buffer, if there are any.
fn send(net: &mut dyn Net, from: Socket, to: Peer, out: &[u8], length: usize) {
    if let Some(datagram) = out.get(..length).filter(|datagram| !datagram.is_empty()) {
        net.send(from, to, datagram);
    }
}

/// Where a URI leads to.
fn server(uri: &str, net: &mut dyn Net) -> Option<Peer> {
    let uri = Uri::parse(uri).ok()?;
    let address = match uri.host {
        Host::Name(name) => net.resolve(name)?,
        Host::V4(address) => address.into(),
        Host::V6(address) => address.into(),
    };
    Some(Peer::new(address, uri.port()))
}

/// What is asked for, or written: the first bytes of a path.
type Key = [u8; 8];

/// What an observer was told last.
#[derive(Clone, Copy, Debug)]
struct Told([u8; 4]);

/// A node that uses all there is of CoAP. Its sizes are those of an adapter's client.
#[derive(Debug)]
pub struct Coap {
    endpoint: Endpoint<Peer, 3, 512>,
    observers: Observers<Peer, Key, Told, 8>,
    upload: Upload<Key>,
    report: Option<(Peer, Send, Flight)>,
    /// How the last report was answered.
    pub reported: Option<Code>,
    /// Bytes of bodies that were taken.
    pub taken: usize,
}

impl Coap {
    /// A node with nothing under way.
    pub fn new(seed: u32) -> Self {
        Self {
            endpoint: Endpoint::new(Params::default(), seed),
            observers: Observers::new(),
            upload: Upload::new(),
            report: None,
            reported: None,
            taken: 0,
        }
    }

    /// Asks for the next block of the report to be taken.
    fn next(&mut self, to: Peer, send: Send, now: Millis, body: &[u8]) {
        let asked = self.endpoint.request(to, Code::POST, now, |to| {
            to.option(option::URI_PATH, b"report");
            send.write(body, to);
        });
        self.report = asked.ok().map(|flight| (to, send, flight));
    }
}

impl<P: Platform> Node<P> for Coap {
    fn handle(
        &mut self,
        from: Peer,
        datagram: &[u8],
        now: Now,
        _: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<usize> {
        let body = net.body();
        Some(match self.endpoint.receive(from, datagram, now.mono, out) {
            Received::Nothing | Received::Acknowledged(_) => 0,
            Received::Send(length) => length,
            Received::Request(mut exchange, message) => {
                let key = key(&message);
                let answer = match message.code {
                    Code::GET => {
                        let cut = Cut::of(body.len() as u32, message.block2(), Szx::fitting(out.len()));
                        let sequence = match message.observe() {
                            Some(OBSERVE_REGISTER) => {
                                let told = Told(etag(body));
                                let known = self.observers.register(from, exchange.token, key, told);
                                known.is_some().then(|| self.observers.sequence())
                            }
                            Some(OBSERVE_DEREGISTER) => {
                                self.observers.cancel(from, exchange.token);
                                None
                            }
                            Some(_) | None => None,
                        };
                        let code = if cut.is_ok() { Code::CONTENT } else { Code::BAD_REQUEST };
                        self.endpoint.respond(exchange, code, now.mono, out, |to| match (cut, sequence) {
                            // There is no entity tag between the two where the body is whole.
                            (Ok(cut), Some(sequence)) if cut.block.is_none() => {
                                to.uint(option::OBSERVE, sequence);
                                cut.write(body, Some(format::OCTETS), to);
                            }
                            (Ok(cut), _) => cut.write(body, Some(format::OCTETS), to),
                            (Err(_), _) => {}
                        })
                    }
                    Code::PUT => {
                        let (block, length) = (message.block1(), message.payload.len());
                        let verdict = self.upload.judge(&key, block, length);
                        let block = block.ok().flatten();
                        let more = block.is_some_and(|block| block.more);
                        let code = match verdict {
                            Verdict::Start { .. } | Verdict::Next { .. } => {
                                self.upload.taken(key, block, length, now.mono);
                                self.taken = self.taken.saturating_add(length);
                                if more { Code::CONTINUE } else { Code::CHANGED }
                            }
                            other => other.code().unwrap_or(Code::BAD_REQUEST),
                        };
                        self.endpoint.respond(exchange, code, now.mono, out, |to| {
                            if let Some(block) = block {
                                to.block(option::BLOCK1, Block { more: code == Code::CONTINUE, ..block });
                            }
                        })
                    }
                    // What takes its time: acknowledged now, answered by a message of its own.
                    Code::POST => {
                        let length = self.endpoint.acknowledge(&mut exchange, out);
                        let queued =
                            self.endpoint.respond(exchange, Code::CHANGED, now.mono, &mut [], |_| {});
                        queued.map(|_| length)
                    }
                    _ => Ok(self.endpoint.reject(exchange, out)),
                };
                answer.unwrap_or(0)
            }
            Received::Response { flight, message, ack } => {
                if let Some((to, mut send, _)) = self.report.take_if(|(.., asked)| *asked == flight) {
                    match send.answered(message.code, message.block1().ok().flatten()) {
                        Sent::More => self.next(to, send, now.mono, body),
                        Sent::Done(code) => self.reported = Some(code),
                    }
                }
                ack
            }
            Received::Reset(flight) => {
                self.observers.reset(from, flight);
                0
            }
            Received::Stray { exchange, .. } => self.endpoint.reject(exchange, out),
        })
    }

    fn poll(
        &mut self,
        now: Now,
        _: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<(Peer, usize)> {
        let body = net.body();
        if self.report.is_none()
            && let Some(to) = net.report()
        {
            let send = Send::new(body.len() as u32, Szx::fitting(256));
            self.next(to, send, now.mono, body);
        }
        loop {
            match self.endpoint.poll(now.mono, out) {
                Polled::Send(to, length) => return Some((to, length)),
                Polled::GaveUp(flight) => {
                    self.report.take_if(|(.., asked)| *asked == flight);
                    self.observers.gave_up(flight);
                }
                Polled::Nothing => {
                    let told = etag(body);
                    let sequence = self.observers.sequence();
                    let cut = Cut::of(body.len() as u32, Ok(None), Szx::fitting(256)).ok()?;
                    let observer = self.observers.iter_mut().find(|observer| observer.data.0 != told)?;
                    let (to, token) = (observer.peer, observer.token);
                    let kind = Kind::Confirmable;
                    let flight = self.endpoint.notify(to, token, kind, Code::CONTENT, now.mono, |to| {
                        to.uint(option::OBSERVE, sequence);
                        cut.rest(Some(format::OCTETS), to);
                        to.payload(body.get(..cut.length).unwrap_or_default());
                    });
                    observer.flight = Some(flight.ok()?);
                    observer.data = Told(told);
                }
            }
        }
    }

    fn timeout(&self, _: Now) -> Option<Millis> {
        self.endpoint.poll_timeout()
    }

    fn drained(&self) -> bool {
        self.endpoint.is_idle()
    }
}

/// The first bytes of a request's path and query.
fn key(message: &Message<'_>) -> Key {
    let mut key = Key::default();
    let parts = message.path().chain(message.queries());
    key.iter_mut().zip(parts.flat_map(str::bytes)).for_each(|(to, from)| *to = from);
    key
}
