//! An LwM2M server.

use std::collections::HashMap;

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use fwupd_core::outcome::Initiator;
use fwupd_core::status::Status;
use fwupd_lwm2m::adapter::{Client, Config, Handled};
use fwupd_lwm2m::note::Note;

use super::{Board, Message, Peer};

const SERVER: u8 = 1;

pub(crate) struct Lwm2m {
    client: Client<'static, u8>,
    config: Config<'static, u8>,
    id: u16,
    /// The token of the request that is to be answered.
    awaits: Vec<u8>,
    answer: Option<String>,
    observed: HashMap<Vec<u8>, &'static str>,
    /// What was notified last, by path.
    pub(crate) told: HashMap<&'static str, String>,
}

/// A number in as few bytes as it needs.
pub(super) fn uint(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes[value.leading_zeros() as usize / 8..].to_vec()
}

pub(super) fn code(class: MessageClass) -> String {
    let byte = u8::from(class);
    format!("{}.{:02}", byte >> 5, byte & 31)
}

/// A confirmable request.
pub(super) fn request(method: u8, path: &str, id: u16, format: Option<u32>, payload: &[u8]) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::from(method);
    packet.header.set_type(MessageType::Confirmable);
    packet.header.message_id = id;
    packet.set_token(id.to_be_bytes().to_vec());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
    }
    if let Some(format) = format {
        packet.add_option(CoapOption::ContentFormat, uint(format));
    }
    packet.payload = payload.to_vec();
    packet
}

pub(super) fn message(packet: &Packet) -> Message {
    Message { topic: String::new(), bytes: packet.to_bytes_unlimited().unwrap() }
}

/// The acknowledgement of a message.
pub(super) fn ack(of: &Packet) -> Vec<u8> {
    let mut ack = Packet::new();
    ack.header.code = MessageClass::Empty;
    ack.header.set_type(MessageType::Acknowledgement);
    ack.header.message_id = of.header.message_id;
    ack.to_bytes().unwrap()
}

pub(crate) const GET: u8 = 1;
pub(crate) const POST: u8 = 2;
pub(crate) const PUT: u8 = 3;
pub(crate) const DELETE: u8 = 4;
/// Content formats, from the IANA registry.
pub(crate) const TEXT: Option<u32> = Some(0);
pub(crate) const OPAQUE: Option<u32> = Some(42);

impl Lwm2m {
    pub(crate) fn new(by: Initiator, seed: u32) -> Self {
        let mut config = Config::new(SERVER, "urn:dev:os:0023C7-000001", seed);
        config.by = by;
        Self {
            client: Client::new(config),
            config,
            id: 0x100,
            awaits: Vec::new(),
            answer: None,
            observed: HashMap::new(),
            told: HashMap::new(),
        }
    }

    /// The device has been reset.
    pub(crate) fn reset(&mut self) {
        self.config.seed = self.config.seed.wrapping_mul(0x9E37_79B9).wrapping_add(1);
        self.client = Client::new(self.config);
        self.observed.clear();
    }

    pub(crate) fn drained(&self) -> bool {
        self.client.drained()
    }

    pub(crate) fn request(&mut self, method: u8, path: &str, format: Option<u32>, payload: &[u8]) -> Message {
        self.id += 1;
        self.awaits = self.id.to_be_bytes().to_vec();
        self.answer = None;
        message(&request(method, path, self.id, format, payload))
    }

    /// The first block of a package.
    pub(crate) fn block(&mut self, payload: &[u8]) -> Message {
        self.id += 1;
        self.awaits = self.id.to_be_bytes().to_vec();
        self.answer = None;
        let mut packet = request(PUT, "/5/0/0", self.id, OPAQUE, payload);
        // Number 0, more to come, 64 bytes: RFC 7959, section 2.2.
        packet.add_option(CoapOption::Block1, uint(8 | 2));
        message(&packet)
    }

    pub(crate) fn observation(&mut self, path: &'static str) -> Message {
        self.id += 1;
        self.awaits = self.id.to_be_bytes().to_vec();
        let mut packet = request(GET, path, self.id, None, &[]);
        packet.add_option(CoapOption::Observe, Vec::new());
        self.observed.insert(self.awaits.clone(), path);
        message(&packet)
    }

    /// Observes a path; the answer counts as told.
    pub(crate) fn observe(&mut self, path: &'static str, board: &mut Board) {
        let message = self.observation(path);
        assert!(self.hand(&message, board));
        let answer = self.answer.take().expect("what is read is answered at once");
        self.awaits.clear();
        self.told.insert(path, answer.strip_prefix("2.05 ").unwrap().to_owned());
    }

    fn arrives(&mut self, datagram: &[u8], board: &mut Board) {
        let packet = Packet::from_bytes(datagram).unwrap();
        let class = u8::from(packet.header.code);
        if class == 0 {
            return;
        }
        if packet.header.get_type() == MessageType::Confirmable {
            let reply = if class >> 5 == 0 { self.registers(&packet) } else { ack(&packet) };
            let now = board.now();
            let _ = self.client.handle(SERVER, &reply, now, &mut board.up, &mut board.out);
        }
        if class >> 5 == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&packet.payload).into_owned();
        if packet.get_token() == self.awaits {
            let text = if class == 0x45 { format!(" {text}") } else { String::new() };
            self.answer = Some(code(packet.header.code) + &text);
        } else if let Some(path) = self.observed.get(packet.get_token()) {
            self.told.insert(*path, text);
        }
    }

    /// The answer to a registration, or to its update.
    fn registers(&self, packet: &Packet) -> Vec<u8> {
        let mut answer = Packet::new();
        answer.header.set_type(MessageType::Acknowledgement);
        answer.header.message_id = packet.header.message_id;
        answer.set_token(packet.get_token().to_vec());
        let created = packet.get_option(CoapOption::UriPath).is_some_and(|path| path.len() == 1);
        answer.header.code = MessageClass::from(if created { 0x41 } else { 0x44 });
        if created {
            answer.add_option(CoapOption::LocationPath, b"rd".to_vec());
            answer.add_option(CoapOption::LocationPath, b"1".to_vec());
        }
        answer.to_bytes().unwrap()
    }
}

impl Peer for Lwm2m {
    fn by(&self) -> Initiator {
        self.config.by
    }

    fn hand(&mut self, message: &Message, board: &mut Board) -> bool {
        let now = board.now();
        match self.client.handle(SERVER, &message.bytes, now, &mut board.up, &mut board.out) {
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
            let Some((_, length)) = self.client.poll(now, &mut board.up, &mut board.out) else { return };
            let datagram = board.out[..length].to_vec();
            self.arrives(&datagram, board);
        }
        panic!("the client has always something to send");
    }

    fn shows(status: &Status<'_>, note: &[u8]) -> String {
        let shown = fwupd_lwm2m::spec::project(status, &Note::parse(note).unwrap_or(Note::FRESH));
        format!("{}/{}", shown.state as u8, shown.result as u8)
    }
}
