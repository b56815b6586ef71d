//! A device of two slots, and clients that speak to it in bytes alone: their requests are made, and the answers
//! read, by other implementations of CoAP and CBOR.

use std::collections::HashMap;

use ciborium::Value;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Settled, Ticket, Updater};
use fwupd_ocf::adapter::{Cast, Config, Device, Handled};
use fwupd_ocf::spec::SCHEMES;
use fwupd_ocf::wire::device::Identity;
use fwupd_ocf::wire::time::Instant;
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device as Sim2, SelfTest, Sim};
use fwupd_testkit::reference::{factory, layout, package};

/// Addresses of clients.
pub(crate) const ONE: u8 = 1;
pub(crate) const TWO: u8 = 2;
/// application/vnd.ocf+cbor, from the IANA registry.
pub(crate) const OCF: u32 = 10000;
/// When a test begins: 2026-11-20T23:09:19Z, by `date -u -d @1795216159`.
pub(crate) const T: u64 = 1_795_216_159;
/// Where packages come from in most tests.
pub(crate) const PURL: &str = "https://v/f";
pub(crate) const DI: &str = "5a1b2c3d-0000-4000-8000-0123456789ab";
pub(crate) const SWU: &str = "/oc/swu";
pub(crate) const PSTAT: &str = "/oic/sec/pstat";

/// How the application serves `Need::Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// From the device's files.
    Serve,
    /// So many bytes of the file, then nothing.
    Stop(usize),
    /// Not at all.
    Hold,
    /// It fails.
    Fail(Failure),
}

/// A notification that came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) peer: u8,
    pub(crate) value: Map,
    pub(crate) sequence: u32,
}

/// A map of CBOR with texts as keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Map(pub(crate) Vec<(Value, Value)>);

impl Map {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).and_then(Value::as_text).unwrap_or_else(|| panic!("{key} in {self:?}"))
    }

    pub(crate) fn number(&self, key: &str) -> i128 {
        self.get(key).and_then(Value::as_integer).unwrap_or_else(|| panic!("{key} in {self:?}")).into()
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.0.iter().filter_map(|(key, _)| key.as_text()).collect()
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<&str> {
        let values = self.get(key).and_then(Value::as_array).unwrap_or_else(|| panic!("{key}"));
        values.iter().filter_map(Value::as_text).collect()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: String,
    pub(crate) packet: Packet,
}

impl Answer {
    pub(crate) fn value(&self) -> Value {
        decode(&self.packet.payload)
    }

    pub(crate) fn map(&self) -> Map {
        Map(self.value().into_map().unwrap())
    }

    pub(crate) fn uint(&self, option: CoapOption) -> Option<u32> {
        let bytes = self.packet.get_first_option(option)?;
        Some(bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }
}

pub(crate) fn decode(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).unwrap();
    assert!(rest.is_empty(), "something follows the item");
    value
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

pub(crate) fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| (Value::from(*key), value.clone())).collect())
}

/// A valid UPDATE.
pub(crate) fn update(purl: &str, action: &str, time: &str) -> Value {
    map(&[("purl", purl.into()), ("swupdateaction", action.into()), ("updatetime", time.into())])
}

/// A date-time of these seconds after `T`. A fixed table by `date -u`, so that no code under test makes it.
pub(crate) fn at(seconds: i64) -> &'static str {
    match seconds {
        -1 => "2026-11-20T23:09:18Z",
        0 => "2026-11-20T23:09:19Z",
        10 => "2026-11-20T23:09:29Z",
        20 => "2026-11-20T23:09:39Z",
        60 => "2026-11-20T23:10:19Z",
        3600 => "2026-11-21T00:09:19Z",
        _ => panic!("{seconds} is not in the table"),
    }
}

/// Sees the device.
pub(crate) type Watch = Box<dyn FnMut(&Rig)>;

pub(crate) struct Rig {
    pub(crate) device: Sim2<2>,
    pub(crate) up: Updater<Sim<2>>,
    pub(crate) ocf: Device<'static, u8>,
    pub(crate) config: Config<'static>,
    pub(crate) fetch: Fetch,
    /// Whether a reset that is owed is carried out.
    pub(crate) resets: bool,
    /// What a reset does to the wall time.
    pub(crate) wall: WallAfterReset,
    /// Observes the software update anew after each reset.
    pub(crate) follows: Option<&'static str>,
    pub(crate) notices: Vec<Notice>,
    /// Whether clients reject notifications.
    pub(crate) rejects: bool,
    /// Whether clients do not acknowledge them.
    pub(crate) silent: bool,
    /// Sees the device after each step of the updater.
    pub(crate) watch: Option<Watch>,
    pub(crate) token: u32,
    observed: HashMap<(u8, Vec<u8>), ()>,
    answers: Vec<(u8, Packet)>,
    id: u16,
    out: Vec<u8>,
}

/// What a code is called.
pub(crate) fn name(code: MessageClass) -> String {
    let byte = u8::from(code);
    format!("{}.{:02}", byte >> 5, byte & 31)
}

/// A number in as few bytes as it needs.
pub(crate) fn uint(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes[value.leading_zeros() as usize / 8..].to_vec()
}

impl Rig {
    /// A device as it leaves the factory, which has a package of version 5 to fetch.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with another configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Config<'static>)) -> Self {
        Self::of(factory(layout((1, 4, 0xFF))), change)
    }

    /// The same of another device.
    pub(crate) fn of(mut device: Sim2<2>, change: impl FnOnce(&mut Config<'static>)) -> Self {
        let identity = Identity {
            di: DI,
            piid: "11111111-0000-4000-8000-0123456789ab",
            pi: "22222222-0000-4000-8000-0123456789ab",
            name: "a device",
            kind: "oic.d.light",
            manufacturer: "Example",
        };
        let endpoints = &["coap://192.0.2.7:5683"];
        let mut config =
            Config::new(identity, endpoints, "33333333-0000-4000-8000-0123456789ab", 0x1234_5678);
        config.rules.manufactured = Instant::parse("2025-01-02T03:04:05Z").unwrap();
        assert_eq!(config.rules.schemes, SCHEMES);
        change(&mut config);
        device.files.insert(PURL.into(), package("one-integrated.suit"));
        device.clock.set_wall(Some(T));
        device.bootloader().unwrap();
        let up = device.updater();
        let mut rig = Self {
            device,
            up,
            ocf: Device::new(config),
            config,
            fetch: Fetch::Serve,
            resets: true,
            wall: WallAfterReset::GoesOn,
            follows: None,
            notices: Vec::new(),
            rejects: false,
            silent: false,
            watch: None,
            token: 1,
            observed: HashMap::new(),
            answers: Vec::new(),
            id: 0x7000,
            out: vec![0; 1280],
        };
        rig.settle();
        rig.device.clock.set_wall(Some(T));
        rig
    }

    pub(crate) fn now(&self) -> Now {
        self.device.clock.now()
    }

    /// What the device shows, read over the wire: "state cm result".
    pub(crate) fn shown(&mut self) -> String {
        let swu = self.swu();
        let cm = self.get(PSTAT, &[]).map().number("cm") & 0x1C0;
        format!("{} {cm} {}", swu.text("swupdatestate"), swu.number("swupdateresult"))
    }

    /// The software update resource.
    pub(crate) fn swu(&mut self) -> Map {
        let answer = self.get(SWU, &[]);
        assert_eq!(answer.code, "2.05");
        answer.map()
    }

    pub(crate) fn get(&mut self, path: &str, options: &[(CoapOption, u32)]) -> Answer {
        let mut packet = self.packet(1, path, None, &[]);
        for (option, value) in options {
            packet.add_option(*option, uint(*value));
        }
        self.ask(ONE, &packet)
    }

    pub(crate) fn post(&mut self, path: &str, value: &Value) -> Answer {
        let packet = self.packet(2, path, Some(OCF), &encode(value));
        self.ask(ONE, &packet)
    }

    /// An UPDATE with the usual URL, at so many seconds after `T`; its code.
    pub(crate) fn update(&mut self, action: &str, seconds: i64) -> String {
        self.post(SWU, &update(PURL, action, at(seconds))).code
    }

    /// An UPDATE of tm; its code.
    pub(crate) fn tm(&mut self, tm: u32) -> String {
        self.post(PSTAT, &map(&[("tm", tm.into())])).code
    }

    /// Stores the usual URL, and no more.
    pub(crate) fn configured() -> Self {
        let mut rig = Self::new();
        assert_eq!(rig.update("idle", 0), "2.04");
        rig
    }

    /// A request with a new identifier and token. The path may have a query.
    pub(crate) fn packet(&mut self, method: u8, path: &str, format: Option<u32>, payload: &[u8]) -> Packet {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::from(method);
        packet.header.set_type(MessageType::Confirmable);
        self.id = self.id.wrapping_add(1);
        self.token += 1;
        packet.header.message_id = self.id;
        packet.set_token(self.token.to_be_bytes().to_vec());
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        for argument in query.split('&').filter(|argument| !argument.is_empty()) {
            packet.add_option(CoapOption::UriQuery, argument.as_bytes().to_vec());
        }
        if let Some(format) = format {
            packet.add_option(CoapOption::ContentFormat, uint(format));
        }
        packet.payload = payload.to_vec();
        packet
    }

    /// Sends a request, and waits for its answer.
    pub(crate) fn ask(&mut self, from: u8, packet: &Packet) -> Answer {
        self.deliver(from, Cast::Unicast, &packet.to_bytes_unlimited().unwrap());
        for _ in 0..2_000 {
            if let Some(answer) = self.answer(from, packet) {
                return answer;
            }
            self.turn();
        }
        panic!("no answer to {packet:?}");
    }

    /// The answer to a request that has come by now.
    pub(crate) fn answer(&mut self, from: u8, to: &Packet) -> Option<Answer> {
        let is = |(peer, answer): &(u8, Packet)| *peer == from && answer.get_token() == to.get_token();
        let at = self.answers.iter().position(is)?;
        let (_, packet) = self.answers.remove(at);
        Some(Answer { code: name(packet.header.code), packet })
    }

    /// Hands in a datagram, again and again while the device asks for that.
    pub(crate) fn deliver(&mut self, from: u8, cast: Cast, datagram: &[u8]) {
        for _ in 0..2_000 {
            match self.hand(from, cast, datagram) {
                Handled::Done(_) => return,
                Handled::Again => self.turn(),
            }
        }
        panic!("the device asks for the same datagram for ever");
    }

    /// Hands in a datagram once, and takes what goes back.
    pub(crate) fn hand(&mut self, from: u8, cast: Cast, datagram: &[u8]) -> Handled {
        let now = self.now();
        let handled = self.ocf.handle(from, cast, datagram, now, &mut self.up, &mut self.out);
        if let Handled::Done(length) = handled
            && length > 0
        {
            let datagram = self.out[..length].to_vec();
            self.arrives(from, &datagram);
        }
        handled
    }

    /// One round of the application: flash, one step of the updater, all that the device has to say.
    pub(crate) fn turn(&mut self) {
        if self.device.drain(&mut self.up, "the updater").is_err() {
            return;
        }
        let now = self.now();
        let _ = self.up.need(now);
        self.seen();
        self.poll();
        self.device.clock.advance(1);
    }

    fn seen(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            watch(self);
            self.watch = Some(watch);
        }
    }

    /// Takes all that the device has to send.
    pub(crate) fn poll(&mut self) {
        for _ in 0..100 {
            let now = self.now();
            let Some((to, length)) = self.ocf.poll(now, &mut self.up, &mut self.out) else { return };
            let datagram = self.out[..length].to_vec();
            self.arrives(to, &datagram);
        }
        panic!("the device has always something to send");
    }

    /// Lets the device go on until only the outside or time can help, or its power is lost.
    pub(crate) fn settle(&mut self) {
        let mut still = 0;
        for _ in 0..2_000 {
            if self.device.drain(&mut self.up, "the updater").is_err() || !self.device.flash.is_on() {
                return;
            }
            let now = self.now();
            let moved = match self.up.need(now) {
                Need::Again => true,
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.fetch(ticket, &uri, offset)
                }
                Need::Permit { .. } => self.up.permit(now).is_ok(),
                Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
                Need::Reset => {
                    let goes = self.resets && self.ocf.drained();
                    if goes {
                        self.reset();
                    }
                    self.resets
                }
                Need::Wait(until) => self.wait(until),
                Need::Nothing => false,
            };
            self.seen();
            self.poll();
            self.device.clock.advance(1);
            still = if moved { 0 } else { still + 1 };
            if still > 2 {
                return;
            }
        }
        panic!("the device does not come to rest");
    }

    fn fetch(&mut self, ticket: Ticket, uri: &str, offset: u32) -> bool {
        match self.fetch {
            // What is lost there is found by the next operation.
            Fetch::Serve => _ = self.device.fetch(&mut self.up, ticket, uri, offset),
            Fetch::Hold => return false,
            Fetch::Fail(why) => {
                let now = self.now();
                let _ = self.up.failed(ticket, why, now);
            }
            Fetch::Stop(bytes) => {
                let whole = self.device.files[uri].clone();
                let total = u32::try_from(whole.len()).ok();
                let now = self.now();
                let tag = self.device.tag.clone();
                self.up.answered(ticket, offset, total, &tag).unwrap();
                let mut at = offset as usize;
                while at < bytes {
                    self.device.drain(&mut self.up, "the updater").unwrap();
                    at += self.up.chunk(ticket, at as u32, &whole[at..bytes], now).unwrap();
                }
                self.device.drain(&mut self.up, "the updater").unwrap();
                self.fetch = Fetch::Hold;
            }
        }
        true
    }

    fn wait(&mut self, until: u64) -> bool {
        let trial = matches!(self.up.status().unwrap().state, State::Trial { .. });
        let now = self.now();
        let left = until.saturating_sub(now.mono);
        let by = Initiator::APPLICATION;
        if !trial {
            self.device.clock.advance(left);
            return true;
        }
        match self.device.self_test {
            SelfTest::Pass => self.up.command(by, Command::Confirm, None, now).is_ok(),
            SelfTest::Fail => {
                let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test failed" };
                self.up.command(by, reject, None, now).is_ok()
            }
            SelfTest::Hang => {
                self.device.clock.advance(left);
                true
            }
            SelfTest::Crash => {
                self.reset();
                true
            }
        }
    }

    /// The device resets: what was in RAM is gone.
    pub(crate) fn reset(&mut self) {
        self.device.clock.reset(self.wall);
        if self.device.bootloader().is_err() {
            assert!(!self.device.flash.is_on(), "there is nothing to boot");
            return;
        }
        self.up = self.device.updater();
        self.config.seed = self.config.seed.wrapping_mul(0x9E37_79B9).wrapping_add(1);
        self.ocf = Device::new(self.config);
        self.observed.clear();
        if let Some(path) = self.follows {
            // Until the records are read there is nothing to observe.
            while self.up.status().is_none() {
                self.turn();
            }
            self.observe(ONE, path);
        }
    }

    /// Resets, and settles.
    pub(crate) fn reboot(&mut self) {
        self.reset();
        self.settle();
    }

    /// Lets time pass, and the device do what is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now().mono + millis;
        loop {
            self.settle();
            let now = self.now();
            if now.mono >= end || !self.device.flash.is_on() {
                return;
            }
            let next = self.ocf.poll_timeout(now).unwrap_or(end).clamp(now.mono + 1, end);
            self.device.clock.advance(next - now.mono);
        }
    }

    /// Observes a resource; the notification that its answer is comes first.
    pub(crate) fn observe(&mut self, peer: u8, path: &str) -> Packet {
        let mut packet = self.packet(1, path, None, &[]);
        packet.add_option(CoapOption::Observe, Vec::new());
        let answer = self.ask(peer, &packet);
        assert_eq!(answer.code, "2.05", "{path}");
        let sequence = answer.uint(CoapOption::Observe).expect("it is observed");
        self.notices.push(Notice { peer, value: answer.map(), sequence });
        self.observed.insert((peer, packet.get_token().to_vec()), ());
        packet
    }

    /// A datagram has come to a client.
    fn arrives(&mut self, peer: u8, datagram: &[u8]) {
        let packet = Packet::from_bytes(datagram).unwrap();
        if u8::from(packet.header.code) >> 5 == 0 {
            return;
        }
        let confirmable = packet.header.get_type() == MessageType::Confirmable;
        let noticed = self.observed.contains_key(&(peer, packet.get_token().to_vec()));
        if confirmable && !self.silent {
            let mut ack = Packet::new();
            ack.header.code = MessageClass::Empty;
            ack.header.message_id = packet.header.message_id;
            let reset = self.rejects && noticed;
            ack.header.set_type(if reset { MessageType::Reset } else { MessageType::Acknowledgement });
            self.hand(peer, Cast::Unicast, &ack.to_bytes().unwrap());
        }
        match noticed && confirmable {
            true => {
                assert_eq!(name(packet.header.code), "2.05");
                let answer = Answer { code: String::new(), packet };
                let sequence = answer.uint(CoapOption::Observe).expect("a notification");
                self.notices.push(Notice { peer, value: answer.map(), sequence });
            }
            false => self.answers.push((peer, packet)),
        }
    }

    /// The slot that the bootloader jumped to, which is what the status calls running.
    pub(crate) fn runs(&self) -> SlotId {
        let running = self.up.status().unwrap().running;
        assert_eq!(Some(running), self.device.jumped);
        running
    }

    /// Gives a command of somebody else, and has it written.
    pub(crate) fn command(&mut self, by: u8, command: Command<'_>) {
        let now = self.now();
        self.up.command(Initiator(by), command, None, now).unwrap();
        self.device.drain(&mut self.up, "the updater").unwrap();
        assert_eq!(self.up.settled(Initiator(by)), Settled::Written);
    }
}
