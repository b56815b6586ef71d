//! The measured devices of OCF, IoTF and USP update as they are asked to, by the driver that is measured.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;

use fwupd_coap::Millis;
use fwupd_coap::block::Szx;
use fwupd_coap::endpoint::Params;
use fwupd_coap::message::{Kind, Message, Token, Writer};
use fwupd_coap::pull::Pull;
use fwupd_coap::spec::{Code as CoapCode, option};
use fwupd_core::boot::{Choice, Selector, Verdict};
use fwupd_core::flash::{self, One};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::What;
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_iotf::adapter as iotf;
use fwupd_iotf::wire::json::Writer as Json;
use fwupd_iotf::wire::message::{Envelope, ReqId, platform};
use fwupd_ocf::adapter as ocf;
use fwupd_ocf::spec::{Action, FORMAT, State as SwState, UpdateResult};
use fwupd_ocf::wire::device::Identity;
use fwupd_ocf::wire::software::{Software, Update};
use fwupd_ocf::wire::time::Instant;
use fwupd_size::client::Ocf;
use fwupd_size::driver::{Code, End, Network, Turn, World, run};
use fwupd_size::messages::{Iotf, Link, Usp};
use fwupd_size::network::{Net, Online, Peer, Socket};
use fwupd_size::platform::{self as measured, Core, Device, LAYOUT, Plain, Sum};
use fwupd_testkit::flash::{SimFlash, SimPart};
use fwupd_usp::adapter as usp;
use fwupd_usp::wire::{Out, controller, record};

const DEVICE: Device = Device { vendor: [1; 16], class: [2; 16], sequence: 4 };
const PAYLOAD: &[u8] = &[0x5A; 3000];
const URL: &str = "https://example.com/fw";
/// Seconds since 1970 when a test begins.
const T: u64 = 1_795_216_159;
const AGENT: &str = "os::00256D-1";
const CONTROLLER: &str = "os::00256D-controller";

/// A message to the device, which is sent once the device has said something with this in it.
type Ask = (&'static str, &'static str, Vec<u8>);

/// The other end of the device's socket or connection.
#[derive(Default)]
struct Other {
    mono: Millis,
    /// What it has to ask.
    asks: VecDeque<Ask>,
    /// Answers, by the topic that they go to.
    answers: VecDeque<(&'static str, Vec<u8>)>,
    /// What the device has said since it was started.
    said: Vec<Vec<u8>>,
    connected: Option<bool>,
    kept: Vec<u8>,
}

impl Other {
    fn was_told(&self, part: &str) -> bool {
        part.is_empty() || self.said.iter().any(|said| said.windows(part.len()).any(|w| w == part.as_bytes()))
    }
}

type Shared = Rc<RefCell<Other>>;

/// A world that serves the package, and confirms what it has installed.
struct Scripted {
    other: Shared,
    package: Vec<u8>,
    rests: usize,
}

impl World for Scripted {
    fn now(&mut self) -> Now {
        let mut other = self.other.borrow_mut();
        other.mono += 1;
        assert!(other.mono < 100_000, "the update does not come to its end");
        Now { mono: other.mono, wall: Some(T + other.mono / 1000) }
    }

    fn turn(&mut self, status: &Status<'_>) -> Turn {
        let other = self.other.borrow();
        match status.state {
            State::Trial { .. } => Turn::Command(Code::Confirm, 0),
            // Whoever is silent for so long has nothing left to say.
            State::Idle if self.rests > 100 => Turn::Stop,
            State::Idle if other.asks.is_empty() && other.answers.is_empty() => {
                self.rests += 1;
                Turn::GoOn
            }
            _ => Turn::GoOn,
        }
    }

    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Option<usize> {
        assert_eq!(uri, URL);
        let rest = &self.package[offset as usize..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Some(len)
    }

    fn permits(&mut self, ask: fwupd_core::outcome::Ask) -> bool {
        panic!("nobody is to be asked: {ask:?}")
    }
}

type Flash = SimPart<1, 4, 4096>;

/// A device that stays the same over its resets.
struct Board {
    other: Shared,
    flash: Rc<RefCell<SimFlash>>,
}

impl Board {
    fn new() -> Self {
        Self { other: Shared::default(), flash: Rc::new(RefCell::new(SimFlash::new(LAYOUT.parts))) }
    }

    /// Runs it from one reset to the next, or until it is at rest.
    fn runs<'p>(&self, network: &mut dyn Network<Core, One<'p, Flash>>, part: &'p mut Flash) -> End {
        let mut updater = Updater::new(measured::core(DEVICE)).unwrap();
        let package = [&Plain::emit(PAYLOAD, 5), PAYLOAD].concat();
        let mut world = Scripted { other: Rc::clone(&self.other), package, rests: 0 };
        let end = run(&mut updater, &mut One(part), &mut world, network);
        self.flash.borrow().assert_lawful();
        if end == End::Stopped {
            let status = updater.status().unwrap();
            assert_eq!((status.running, status.installed.sequence), (SlotId(1), 5));
            assert_eq!(status.last.unwrap().what, What::Done);
        }
        end
    }

    fn part(&self) -> Flash {
        Flash::new(&self.flash, 0).unwrap()
    }

    fn boots(&self) {
        let mut part = self.part();
        let mut selector: Selector<_, Sum, 64> = Selector::new(LAYOUT, |_: SlotId, _: &[u8]| Verdict::Skip);
        while flash::run(&mut selector, &mut One(&mut part), Now::default()).unwrap() {}
        assert_eq!(selector.choice().unwrap(), Choice::Boot { slot: SlotId(1), trial: true });
        let slot = LAYOUT.slots[1];
        let (from, end) = (slot.from as usize, slot.from as usize + PAYLOAD.len());
        assert_eq!(&self.flash.borrow().contents(0)[from..end], PAYLOAD);
    }

    /// The other end asks this, of a device that has just been started.
    fn asks<const N: usize>(&self, asks: [Ask; N]) {
        let mut other = self.other.borrow_mut();
        assert!(other.asks.is_empty(), "not all of the earlier ones were asked");
        other.asks.extend(asks);
        other.answers.clear();
        other.said.clear();
        other.connected = Some(true);
    }

    fn was_told(&self, part: &str) -> bool {
        self.other.borrow().was_told(part)
    }
}

fn peer() -> Peer {
    Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5683)
}

/// The socket, or the connection. A broker that manages every device that asks for it.
struct Ether(Shared);

impl Net for Ether {
    fn receive(&mut self, at: Socket, into: &mut [u8]) -> Option<(Peer, usize)> {
        if at == Socket::Download {
            return None;
        }
        Link::receive(self, into).map(|(_, length)| (peer(), length))
    }

    fn send(&mut self, from: Socket, to: Peer, datagram: &[u8]) {
        assert_eq!((from, to), (Socket::Own, peer()));
        Link::send(self, "", datagram);
    }

    fn resolve(&mut self, name: &str) -> Option<IpAddr> {
        // Then the world fetches.
        assert_eq!(name, "example.com");
        None
    }

    fn wait(&mut self, until: Option<Millis>) {
        Link::wait(self, until);
    }

    fn report(&mut self) -> Option<Peer> {
        None
    }

    fn body(&self) -> &'static [u8] {
        &[]
    }

    fn is_multicast(&self) -> bool {
        false
    }
}

impl Link for Ether {
    fn changed(&mut self) -> Option<bool> {
        self.0.borrow_mut().connected.take()
    }

    fn receive(&mut self, into: &mut [u8]) -> Option<(&'static str, usize)> {
        let mut other = self.0.borrow_mut();
        let next = other.answers.pop_front().or_else(|| {
            let (after, ..) = other.asks.front()?;
            let (_, topic, message) =
                if other.was_told(after) { other.asks.pop_front()? } else { return None };
            Some((topic, message))
        });
        let (topic, message) = next?;
        into[..message.len()].copy_from_slice(&message);
        Some((topic, message.len()))
    }

    fn send(&mut self, topic: &str, message: &[u8]) {
        let mut other = self.0.borrow_mut();
        other.said.push(message.to_vec());
        if topic == "iotdevice-1/mgmt/manage" || topic == "iotdevice-1/notify" {
            let envelope = Envelope::parse(message);
            let ReqId::Text(id) = envelope.req_id else { panic!("{envelope:?}") };
            let mut out = [0; 256];
            let length = platform::response(&mut out, 200, id.raw()).unwrap();
            other.answers.push_back(("iotdm-1/response", out[..length].to_vec()));
        }
    }

    fn subscribe(&mut self, filter: &str) {
        assert_eq!(filter, "iotdm-1/#");
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.0.borrow_mut().kept = bytes.to_vec();
    }

    fn reset(&mut self) {
        panic!("nobody has asked for a mere reset")
    }

    fn wait(&mut self, until: Option<Millis>) {
        let mut other = self.0.borrow_mut();
        if other.answers.is_empty() && other.asks.is_empty() {
            other.mono = until.unwrap_or(0).clamp(other.mono, other.mono + 10);
        }
    }
}

fn coap(code: CoapCode, payload: &[u8]) -> Vec<u8> {
    let mut out = [0; 512];
    let mut to = Writer::new(&mut out, Kind::Confirmable, code, 7, Token::new(b"a").unwrap());
    to.option(option::URI_PATH, b"oc").option(option::URI_PATH, b"swu");
    if !payload.is_empty() {
        to.uint(option::CONTENT_FORMAT, u32::from(FORMAT)).payload(payload);
    }
    let length = to.finish().unwrap();
    out[..length].to_vec()
}

#[test]
fn the_device_of_ocf_upgrades_and_tells_so() {
    let board = Board::new();
    let run = |seed| {
        let identity = Identity { di: "di", piid: "piid", pi: "pi", name: "n", kind: "k", manufacturer: "m" };
        let config = ocf::Config::new(identity, &["coap://192.0.2.7"], "owner", seed);
        let (mut part, mut net) = (board.part(), Ether(Rc::clone(&board.other)));
        let mut node = Ocf { device: ocf::Device::new(config) };
        let pull = Pull::new(Params::default(), Szx::MAX, 3);
        board.runs(&mut Online { net: &mut net, pull, node: &mut node }, &mut part)
    };
    let mut room = [0; 256];
    let mut out = fwupd_ocf::wire::Out::new(&mut room);
    Update { purl: URL, action: Action::Upgrade, updatetime: Instant::wall(T + 1) }.emit(&mut out);
    let length = out.finish().unwrap();
    let shown = || {
        let said = &board.other.borrow().said;
        let answer = Message::parse(&said[0]).unwrap();
        let shown = Software::parse(answer.payload).unwrap();
        (said.len(), answer.code, shown.action, shown.state, shown.result)
    };
    board.asks([("", "", coap(CoapCode::POST, &room[..length]))]);
    assert_eq!(run(1), End::Reset);
    let taken = (1, CoapCode::CHANGED, Action::Upgrade, SwState::Idle, UpdateResult::IDLE);
    assert_eq!(shown(), taken);
    board.boots();
    board.asks([]);
    assert_eq!(run(2), End::Stopped);
    board.asks([("", "", coap(CoapCode::GET, &[]))]);
    assert_eq!(run(3), End::Stopped);
    let installed = (1, CoapCode::CONTENT, Action::Idle, SwState::Idle, UpdateResult::SUCCESS);
    assert_eq!(shown(), installed);
}

#[test]
fn the_device_of_iotf_downloads_updates_and_notifies() {
    let board = Board::new();
    let run = |seed| {
        let (mut part, mut link) = (board.part(), Ether(Rc::clone(&board.other)));
        let device = iotf::Device::new(iotf::Config::new(seed)).unwrap();
        board.runs(&mut Iotf { link: &mut link, device }, &mut part)
    };
    let ask = |after, topic, write: &dyn Fn(&mut [u8]) -> Result<usize, fwupd_iotf::wire::Full>| {
        let mut out = [0; 512];
        let length = write(&mut out).unwrap();
        (after, topic, out[..length].to_vec())
    };
    let uri = |json: &mut Json<'_, '_>| _ = json.string(URL);
    board.asks([
        ask("deviceInfo", "iotdm-1/device/update", &|out| {
            platform::update(out, "mgmt.firmware.uri", uri, Some("1"))
        }),
        ask(r#""rc":204"#, "iotdm-1/observe", &|out| platform::names(out, &["mgmt.firmware"], Some("2"))),
        ask(r#""rc":200"#, "iotdm-1/mgmt/initiate/firmware/download", &|out| {
            platform::initiate(out, Some("3"))
        }),
        ask(r#""state":2"#, "iotdm-1/mgmt/initiate/firmware/update", &|out| {
            platform::initiate(out, Some("4"))
        }),
    ]);
    assert_eq!(run(1), End::Reset);
    for said in [r#"{"rc":202,"reqId":"3"}"#, r#"{"rc":202,"reqId":"4"}"#, r#""updateStatus":1"#] {
        assert!(board.was_told(said), "{said}");
    }
    board.boots();
    board.asks([]);
    assert_eq!(run(2), End::Stopped);
    assert!(board.was_told(r#""value":{"state":0,"updateStatus":0}"#));
}

#[test]
fn the_agent_of_usp_downloads_and_tells_of_its_transfer_and_its_boot() {
    let board = Board::new();
    let run = |seed| {
        let (mut part, mut link) = (board.part(), Ether(Rc::clone(&board.other)));
        let kept = board.other.borrow().kept.clone();
        let agent = usp::Agent::new(usp::Config::new(AGENT, CONTROLLER, seed), &kept);
        board.runs(&mut Usp { link: &mut link, agent, connected: false }, &mut part)
    };
    let ask = |after, write: &dyn Fn(&mut Out<'_>)| {
        let mut room = [0; 512];
        let mut out = Out::new(&mut room);
        record::emit(&mut out, AGENT, CONTROLLER, |out| write(out));
        let length = out.finish().unwrap();
        (after, "", room[..length].to_vec())
    };
    let events = [
        ("ID", "1", true),
        ("Enable", "true", true),
        ("Persistent", "true", true),
        ("NotifType", "Event", true),
        ("ReferenceList", "Device.", true),
    ];
    let download = [("URL", URL), ("AutoActivate", "true")];
    board.asks([
        ask("", &|out| {
            controller::add(out, "m1", false, &[("Device.LocalAgent.Subscription.", &events)]);
        }),
        ask("m1", &|out| {
            let command = "Device.DeviceInfo.FirmwareImage.2.Download()";
            controller::operate(out, "m2", command, "key", true, &download);
        }),
    ]);
    assert_eq!(run(1), End::Reset);
    assert!(board.was_told("Device.LocalAgent.Request.1") && board.was_told("TransferComplete!"));
    board.boots();
    board.asks([("Boot!", "", ask("", &|out| controller::get(out, "m3", &["Device."], 0)).2)]);
    assert_eq!(run(100), End::Stopped);
    assert!(board.was_told("RemoteReboot") && board.was_told("m3"));
}
