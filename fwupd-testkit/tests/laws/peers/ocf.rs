//! An OCF client.

use std::collections::HashMap;

use ciborium::Value;
use coap_lite::{CoapOption, MessageType, Packet};
use fwupd_core::outcome::{Ask, Initiator};
use fwupd_core::status::Status;
use fwupd_ocf::adapter::{Cast, Config, Device, Handled};
use fwupd_ocf::note::{Note, Purl};
use fwupd_ocf::wire::device::Identity;

use super::lwm2m::{ack, code, message, request};
use super::{Board, Message, Peer};

const CLIENT: u8 = 1;
/// application/vnd.ocf+cbor, from the IANA registry.
const OCF: Option<u32> = Some(10000);
pub(crate) const SWU: &str = "/oc/swu";
pub(crate) const PSTAT: &str = "/oic/sec/pstat";
/// Where packages come from.
pub(crate) const PURL: &str = "https://v/f";

pub(crate) struct Ocf {
    device: Device<'static, u8>,
    config: Config<'static>,
    id: u16,
    awaits: Vec<u8>,
    answer: Option<String>,
    observed: HashMap<Vec<u8>, ()>,
    /// What was notified last: state and result.
    pub(crate) told: Option<String>,
}

pub(crate) fn update(purl: &str, action: &str, time: &str) -> Value {
    let entries = [("purl", purl), ("swupdateaction", action), ("updatetime", time)];
    Value::Map(entries.map(|(key, value)| (Value::from(key), Value::from(value))).to_vec())
}

pub(crate) fn tm(bits: u32) -> Value {
    Value::Map(vec![(Value::from("tm"), Value::from(bits))])
}

fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// State and result of a representation.
fn shown(bytes: &[u8]) -> Option<String> {
    let value: Value = ciborium::from_reader(bytes).ok()?;
    let get = |key: &str| {
        let map = value.as_map()?;
        map.iter().find(|(name, _)| name.as_text() == Some(key)).map(|(_, value)| value.clone())
    };
    let state = get("swupdatestate")?.into_text().ok()?;
    let result: i128 = get("swupdateresult")?.into_integer().ok()?.into();
    Some(format!("{state}/{result}"))
}

impl Ocf {
    pub(crate) fn new(by: Initiator, seed: u32) -> Self {
        let identity = Identity {
            di: "5a1b2c3d-0000-4000-8000-0123456789ab",
            piid: "11111111-0000-4000-8000-0123456789ab",
            pi: "22222222-0000-4000-8000-0123456789ab",
            name: "a device",
            kind: "oic.d.light",
            manufacturer: "Example",
        };
        let owner = "33333333-0000-4000-8000-0123456789ab";
        let mut config = Config::new(identity, &["coap://192.0.2.7:5683"], owner, seed);
        config.rules.by = by;
        Self {
            device: Device::new(config),
            config,
            id: 0x200,
            awaits: Vec::new(),
            answer: None,
            observed: HashMap::new(),
            told: None,
        }
    }

    /// Whether the application is asked before an installation.
    pub(crate) fn asks(&mut self, ask: Ask) {
        self.config.rules.ask = ask;
        self.device = Device::new(self.config);
    }

    pub(crate) fn reset(&mut self) {
        self.config.seed = self.config.seed.wrapping_mul(0x9E37_79B9).wrapping_add(1);
        self.device = Device::new(self.config);
        self.observed.clear();
    }

    pub(crate) fn drained(&self) -> bool {
        self.device.drained()
    }

    /// A note with the usual URL.
    pub(crate) fn note() -> Note {
        Note { purl: Purl::new(PURL).unwrap(), ..Note::FRESH }
    }

    pub(crate) fn request(&mut self, method: u8, path: &str, value: Option<&Value>) -> Message {
        self.raw(method, path, value.map(encode).unwrap_or_default())
    }

    pub(crate) fn raw(&mut self, method: u8, path: &str, payload: Vec<u8>) -> Message {
        self.id += 1;
        self.awaits = self.id.to_be_bytes().to_vec();
        self.answer = None;
        let format = OCF.filter(|_| !payload.is_empty());
        message(&request(method, path, self.id, format, &payload))
    }

    /// Observes the software update; the answer counts as told.
    pub(crate) fn observe(&mut self, board: &mut Board) {
        self.id += 1;
        self.awaits = self.id.to_be_bytes().to_vec();
        let mut packet = request(1, SWU, self.id, None, &[]);
        packet.add_option(CoapOption::Observe, Vec::new());
        self.observed.insert(self.awaits.clone(), ());
        assert!(self.hand(&message(&packet), board));
        assert!(self.answer.take().expect("what is read is answered at once").starts_with("2.05"));
        self.awaits.clear();
    }

    fn arrives(&mut self, datagram: &[u8], board: &mut Board) {
        let packet = Packet::from_bytes(datagram).unwrap();
        let class = u8::from(packet.header.code);
        if class >> 5 == 0 {
            return;
        }
        if packet.header.get_type() == MessageType::Confirmable {
            let now = board.now();
            let ack = ack(&packet);
            let _ = self.device.handle(CLIENT, Cast::Unicast, &ack, now, &mut board.up, &mut board.out);
        }
        if self.observed.contains_key(packet.get_token()) {
            self.told = shown(&packet.payload).or(self.told.take());
        }
        if packet.get_token() == self.awaits {
            let shown = shown(&packet.payload).filter(|_| class == 0x45);
            self.answer =
                Some(code(packet.header.code) + &shown.map_or(String::new(), |text| format!(" {text}")));
        }
    }
}

impl Peer for Ocf {
    fn by(&self) -> Initiator {
        self.config.rules.by
    }

    fn hand(&mut self, message: &Message, board: &mut Board) -> bool {
        let now = board.now();
        match self.device.handle(CLIENT, Cast::Unicast, &message.bytes, now, &mut board.up, &mut board.out) {
            Handled::Again => false,
            Handled::Done(length) => {
                if length > 0 {
                    let datagram = board.out[..length].to_vec();
                    self.arrives(&datagram, board);
                }
                true
            }
        }
    }

    fn answer(&mut self) -> Option<String> {
        self.answer.take()
    }

    fn poll(&mut self, board: &mut Board) {
        for _ in 0..100 {
            let now = board.now();
            let Some((_, length)) = self.device.poll(now, &mut board.up, &mut board.out) else { return };
            let datagram = board.out[..length].to_vec();
            self.arrives(&datagram, board);
        }
        panic!("the device has always something to send");
    }

    fn shows(status: &Status<'_>, note: &[u8]) -> String {
        let shown = fwupd_ocf::spec::project(status, &Note::parse(note).unwrap_or(Note::FRESH));
        format!("{}/{}", shown.state.name(), shown.result.number())
    }
}
