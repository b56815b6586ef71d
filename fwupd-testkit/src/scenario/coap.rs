//! The manager's side of CoAP, by another implementation of its messages.

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};

use super::{Arrived, Message};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its code, as `2.05`.
    pub code: String,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Makes requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manager {
    id: u16,
}

impl Manager {
    /// A confirmable request with an identifier and a token of its own. The path begins with a slash.
    pub fn request(&mut self, method: u8, path: &str, format: Option<u16>, payload: &[u8]) -> Packet {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::from(method);
        packet.header.set_type(MessageType::Confirmable);
        self.id = self.id.wrapping_add(1);
        packet.header.message_id = self.id;
        packet.set_token(self.id.to_be_bytes().to_vec());
        for segment in path.split('/').skip(1) {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        if let Some(format) = format {
            packet.add_option(CoapOption::ContentFormat, uint(u32::from(format)));
        }
        packet.payload = payload.to_vec();
        packet
    }

    /// A block of a body: its number, whether more come, and its size as 16 << `exponent`.
    pub fn block(mut request: Packet, number: u32, more: bool, exponent: u32) -> Packet {
        request.add_option(CoapOption::Block1, uint(number << 4 | u32::from(more) << 3 | exponent));
        request
    }
}

/// A message to be sent.
///
/// # Panics
/// For one that cannot be encoded.
pub fn message(packet: &Packet) -> Message {
    packet.to_bytes_unlimited().expect("it can be encoded").into()
}

/// A message that came: an answer, or a request of the device, which `serve` answers with a code and a path in
/// Location-Path.
///
/// # Panics
/// For one that is no CoAP.
pub fn arrives(message: &Message, serve: impl FnOnce(&Packet) -> (u8, &'static str)) -> Arrived<Answer> {
    let packet = Packet::from_bytes(&message.bytes).expect("the device speaks CoAP");
    let code = u8::from(packet.header.code);
    let mut back = Packet::new();
    back.header.set_type(MessageType::Acknowledgement);
    back.header.message_id = packet.header.message_id;
    match code >> 5 {
        0 if code == 0 => Arrived { answer: None, back: None },
        0 => {
            let (code, location) = serve(&packet);
            back.header.code = MessageClass::from(code);
            back.set_token(packet.get_token().to_vec());
            for segment in location.split('/').filter(|segment| !segment.is_empty()) {
                back.add_option(CoapOption::LocationPath, segment.as_bytes().to_vec());
            }
            Arrived { answer: None, back: Some(self::message(&back)) }
        }
        class => {
            back.header.code = MessageClass::Empty;
            let acknowledges = packet.header.get_type() == MessageType::Confirmable;
            let answer = Answer { code: format!("{class}.{:02}", code & 31), payload: packet.payload };
            Arrived { answer: Some(answer), back: acknowledges.then(|| self::message(&back)) }
        }
    }
}

/// A number in as few bytes as it needs.
fn uint(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes[value.leading_zeros() as usize / 8..].to_vec()
}
