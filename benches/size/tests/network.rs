//! The measured nodes do what they are measured for: over a socket each, with a peer at the other end.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use fwupd_coap::Millis;
use fwupd_coap::block::{Block, Szx};
use fwupd_coap::body::Cut;
use fwupd_coap::endpoint::{Endpoint, Params, Polled, Received};
use fwupd_coap::pull::Pull;
use fwupd_coap::spec::{Code, OBSERVE_REGISTER, option};
use fwupd_coap::upload::{Upload, Verdict};
use fwupd_core::flash::One;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::Ask;
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_lwm2m::adapter::{Client, Config};
use fwupd_size::client::Lwm2m;
use fwupd_size::driver::{Code as Do, End, Turn, URI, World, run};
use fwupd_size::network::{Coap, Net, Node, Online, Peer, Socket};
use fwupd_size::platform::{self, Core, Device, LAYOUT, Plain};
use fwupd_testkit::flash::{SimFlash, SimPart};

const DEVICE: Device = Device { vendor: [1; 16], class: [2; 16], sequence: 4 };
const PAYLOAD: &[u8] = &[0x5A; 3000];
/// What the device serves and reports: at first, and later.
const BODIES: [&[u8]; 2] = [&[1; 600], &[2; 100]];

fn peer() -> Peer {
    Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5683)
}

/// The peer: it serves the package, takes whatever is sent to it, and asks once for each of what it has to ask.
struct Other {
    endpoint: Endpoint<Peer, 2, 1280>,
    package: Vec<u8>,
    asks: VecDeque<(Code, u32, Vec<u8>)>,
    upload: Upload<()>,
    taken: usize,
    answers: Vec<(Code, usize)>,
    notified: usize,
    mono: Millis,
    to_device: VecDeque<(Socket, Vec<u8>)>,
    reports: usize,
    body: &'static [u8],
}

impl Other {
    fn new(package: Vec<u8>) -> Self {
        Self {
            endpoint: Endpoint::new(Params::default(), 7),
            package,
            asks: VecDeque::new(),
            upload: Upload::new(),
            taken: 0,
            answers: Vec::new(),
            notified: 0,
            mono: 0,
            to_device: VecDeque::new(),
            reports: 0,
            body: BODIES[0],
        }
    }

    fn take(&mut self, socket: Socket, datagram: &[u8]) {
        let mut out = [0; 1280];
        let length = match self.endpoint.receive(peer(), datagram, self.mono, &mut out) {
            Received::Request(exchange, message) => {
                let path: Vec<&str> = message.path().collect();
                let answer = match (message.code, path.as_slice()) {
                    (Code::GET, ["fw"]) => {
                        let size = self.package.len() as u32;
                        let cut = Cut::of(size, message.block2(), Szx::new(4).unwrap()).unwrap();
                        let package = &self.package;
                        self.endpoint.respond(exchange, Code::CONTENT, self.mono, &mut out, |to| {
                            cut.write(package, None, to);
                        })
                    }
                    (Code::POST, ["report"]) => {
                        let block = message.block1().unwrap();
                        let length = message.payload.len();
                        let verdict = self.upload.judge(&(), Ok(block), length);
                        assert!(matches!(verdict, Verdict::Start { .. } | Verdict::Next { .. }));
                        self.upload.taken((), block, length, self.mono);
                        self.taken += length;
                        let more = block.is_some_and(|block| block.more);
                        let code = if more { Code::CONTINUE } else { Code::CHANGED };
                        self.endpoint.respond(exchange, code, self.mono, &mut out, |to| {
                            to.block(option::BLOCK1, block.unwrap());
                        })
                    }
                    (Code::POST, ["rd"]) => {
                        self.endpoint.respond(exchange, Code::CREATED, self.mono, &mut out, |to| {
                            to.option(option::LOCATION_PATH, b"rd").option(option::LOCATION_PATH, b"1");
                        })
                    }
                    other => panic!("{other:?}"),
                };
                answer.unwrap()
            }
            Received::Response { message, ack, .. } => {
                self.answers.push((message.code, message.payload.len()));
                ack
            }
            Received::Stray { mut exchange, message } => {
                assert_eq!(message.code, Code::CONTENT);
                self.notified += 1;
                self.endpoint.acknowledge(&mut exchange, &mut out)
            }
            Received::Send(length) => length,
            Received::Nothing | Received::Acknowledged(_) | Received::Reset(_) => 0,
        };
        if length > 0 {
            self.to_device.push_back((socket, out[..length].to_vec()));
        }
        if self.endpoint.is_idle()
            && let Some((code, observe, payload)) = self.asks.pop_front()
        {
            let asked = self.endpoint.request(peer(), code, self.mono, |to| {
                if code == Code::GET {
                    to.uint(option::OBSERVE, observe);
                }
                to.option(option::URI_PATH, b"5").option(option::URI_PATH, b"0");
                to.option(option::URI_PATH, b"3");
                if code == Code::PUT {
                    let szx = Szx::new(2).unwrap();
                    let more = payload.len() == szx.size();
                    to.block(option::BLOCK1, Block { number: observe, more, szx });
                }
                to.payload(&payload);
            });
            asked.unwrap();
        }
        while let Polled::Send(_, length) = self.endpoint.poll(self.mono, &mut out) {
            self.to_device.push_back((Socket::Own, out[..length].to_vec()));
        }
    }
}

struct Ether(Rc<RefCell<Other>>);

impl Net for Ether {
    fn receive(&mut self, at: Socket, into: &mut [u8]) -> Option<(Peer, usize)> {
        let mut other = self.0.borrow_mut();
        let place = other.to_device.iter().position(|(socket, _)| *socket == at)?;
        let (_, datagram) = other.to_device.remove(place)?;
        into[..datagram.len()].copy_from_slice(&datagram);
        Some((peer(), datagram.len()))
    }

    fn send(&mut self, from: Socket, to: Peer, datagram: &[u8]) {
        assert_eq!(to, peer());
        self.0.borrow_mut().take(from, datagram);
    }

    fn resolve(&mut self, name: &str) -> Option<IpAddr> {
        assert_eq!(name, "example.com");
        Some(peer().ip())
    }

    fn wait(&mut self, until: Option<Millis>) {
        let mut other = self.0.borrow_mut();
        if other.to_device.is_empty() {
            other.mono = until.unwrap_or(0).clamp(other.mono + 1, other.mono + 100);
        }
    }

    fn report(&mut self) -> Option<Peer> {
        let mut other = self.0.borrow_mut();
        other.reports += 1;
        (other.reports == 1).then(peer)
    }

    fn body(&self) -> &'static [u8] {
        self.0.borrow().body
    }

    fn is_multicast(&self) -> bool {
        false
    }
}

/// A world that wants one update, and gives the network time.
struct Idle {
    other: Rc<RefCell<Other>>,
    turns: usize,
    fetches: bool,
}

impl World for Idle {
    fn now(&mut self) -> Now {
        Now::mono(self.other.borrow().mono)
    }

    fn turn(&mut self, status: &Status<'_>) -> Turn {
        self.turns += 1;
        let other = self.other.borrow();
        let quiet = other.to_device.is_empty() && other.endpoint.is_idle() && other.asks.is_empty();
        match status.state {
            State::Idle if core::mem::take(&mut self.fetches) => Turn::Command(Do::Fetch, 0),
            State::Idle if quiet && self.turns > 200 => Turn::Stop,
            _ if self.turns > 10_000 => panic!("no end: {status:?}"),
            _ => Turn::GoOn,
        }
    }

    fn fetch(&mut self, uri: &str, _: u32, _: &mut [u8]) -> Option<usize> {
        panic!("{uri} is fetched by the network")
    }

    fn permits(&mut self, ask: Ask) -> bool {
        assert_eq!(ask, Ask::Idle);
        true
    }
}

/// Runs a node on a fresh device.
fn runs(other: &Rc<RefCell<Other>>, node: &mut dyn Node<Core>, fetches: bool) -> End {
    let flash = Rc::new(RefCell::new(SimFlash::new(LAYOUT.parts)));
    let mut part = SimPart::<1, 4, 4096>::new(&flash, 0).unwrap();
    let mut updater = Updater::new(platform::core(DEVICE)).unwrap();
    let mut net = Ether(Rc::clone(other));
    let pull = Pull::new(Params::default(), Szx::MAX, 3);
    let mut online = Online { net: &mut net, pull, node };
    let mut world = Idle { other: Rc::clone(other), turns: 0, fetches };
    let end = run(&mut updater, &mut One(&mut part), &mut world, &mut online);
    flash.borrow().assert_lawful();
    if end == End::Reset {
        let slot = LAYOUT.slots[1];
        let from = slot.from as usize;
        assert_eq!(&flash.borrow().contents(0)[from..from + PAYLOAD.len()], PAYLOAD);
    }
    end
}

fn other() -> Rc<RefCell<Other>> {
    let package = [&Plain::emit(PAYLOAD, 5), PAYLOAD].concat();
    assert!(URI.ends_with("/fw"));
    Rc::new(RefCell::new(Other::new(package)))
}

#[test]
fn a_package_comes_by_coap() {
    assert_eq!(runs(&other(), &mut Coap::new(1), true), End::Reset);
}

#[test]
fn the_node_serves_asks_is_observed_and_takes_and_sends_bodies() {
    let other = other();
    let mut node = Coap::new(1);
    other.borrow_mut().asks.extend([
        (Code::GET, OBSERVE_REGISTER, vec![]),
        (Code::PUT, 0, vec![1; 64]),
        (Code::PUT, 1, vec![1; 10]),
        (Code::POST, 0, vec![]),
    ]);
    assert_eq!(runs(&other, &mut node, false), End::Stopped);
    assert_eq!((node.taken, node.reported), (74, Some(Code::CHANGED)));
    {
        let mut other = other.borrow_mut();
        let codes: Vec<Code> = other.answers.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, [Code::CONTENT, Code::CONTINUE, Code::CHANGED, Code::CHANGED]);
        assert_eq!((other.answers[0].1, other.taken, other.notified), (600, 600, 0));
        other.body = BODIES[1];
    }
    assert_eq!(runs(&other, &mut node, false), End::Stopped);
    assert_eq!(other.borrow().notified, 1);
}

#[test]
fn the_client_registers_and_is_read() {
    let other = other();
    let mut node = Lwm2m { client: Client::new(Config::new(peer(), "size", 1)) };
    other.borrow_mut().asks.push_back((Code::GET, OBSERVE_REGISTER, vec![]));
    assert_eq!(runs(&other, &mut node, false), End::Stopped);
    assert!(node.client.registered());
    assert_eq!(other.borrow().answers, [(Code::CONTENT, 1)]);
}
