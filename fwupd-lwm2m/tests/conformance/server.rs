//! The other side of the rig: a server's requests, its answers, and a server of files, all in bytes of another
//! implementation.

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use fwupd_coap::pull;

use crate::rig::{FILES, OPAQUE, Rig, SERVER};

/// A notification that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) path: String,
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) sequence: u32,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) packet: Packet,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.payload.clone()).unwrap()
    }

    pub(crate) fn uint(&self, option: CoapOption) -> Option<u32> {
        let bytes = self.packet.get_first_option(option)?;
        Some(bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
    }

    /// Block1 as number, more, exponent.
    pub(crate) fn block1(&self) -> Option<(u32, bool, u32)> {
        self.uint(CoapOption::Block1).map(|block| (block >> 4, block & 8 != 0, block & 7))
    }

    pub(crate) fn format(&self) -> Option<u32> {
        self.uint(CoapOption::ContentFormat)
    }
}

/// A server of files, and what is wrong with it.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    /// Its largest block, as an exponent; none: it answers with the whole body, without blocks.
    pub(crate) exponent: Option<u32>,
    /// Entity tags; the one that counts, by how many requests were answered.
    pub(crate) tag: fn(usize) -> &'static [u8],
    pub(crate) size2: bool,
    /// What it answers instead.
    pub(crate) refuses: Option<u8>,
    /// It does not answer from this request on.
    pub(crate) dies_at: usize,
    /// Which block it gives, for which it is asked, once it has answered so often.
    pub(crate) block: fn(usize, u32) -> u32,
    /// The blocks that were asked for: number and exponent.
    pub(crate) asked: Vec<(u32, u32)>,
}

impl Default for Files {
    fn default() -> Self {
        Self {
            exponent: Some(6),
            tag: |_| b"v1",
            size2: true,
            refuses: None,
            dies_at: usize::MAX,
            block: |_, asked| asked,
            asked: Vec::new(),
        }
    }
}

/// The same for both sides: what a code is called.
pub(crate) fn name(code: MessageClass) -> String {
    let byte = u8::from(code);
    format!("{}.{:02}", byte >> 5, byte & 31)
}

impl Rig {
    /// What the device shows, read over the wire: "State/Result".
    pub(crate) fn shown(&mut self) -> String {
        format!("{}/{}", self.read("/5/0/3"), self.read("/5/0/5"))
    }

    /// Reads a resource as text.
    pub(crate) fn read(&mut self, path: &str) -> String {
        let answer = self.get(path, &[]);
        assert_eq!(answer.code, "2.05", "{path}");
        answer.text()
    }

    pub(crate) fn get(&mut self, path: &str, options: &[(CoapOption, u32)]) -> Answer {
        let mut packet = self.packet(1, path, None, &[]);
        for (option, value) in options {
            packet.add_option(*option, uint(*value));
        }
        self.ask(&packet)
    }

    /// GET with an Accept.
    pub(crate) fn accept(&mut self, path: &str, format: u16) -> Answer {
        self.get(path, &[(CoapOption::Accept, u32::from(format))])
    }

    pub(crate) fn put(&mut self, path: &str, format: u16, payload: &[u8]) -> String {
        let packet = self.packet(3, path, Some(format), payload);
        self.ask(&packet).code
    }

    pub(crate) fn post(&mut self, path: &str, payload: &[u8]) -> String {
        let packet = self.packet(2, path, None, payload);
        self.ask(&packet).code
    }

    pub(crate) fn delete(&mut self, path: &str) -> String {
        let packet = self.packet(4, path, None, &[]);
        self.ask(&packet).code
    }

    /// One block of a package, as opaque bytes.
    pub(crate) fn block(&mut self, number: u32, more: bool, exponent: u32, payload: &[u8]) -> Answer {
        let packet = self.block_packet(number, more, exponent, payload);
        self.ask(&packet)
    }

    pub(crate) fn block_packet(&mut self, number: u32, more: bool, exponent: u32, payload: &[u8]) -> Packet {
        let mut packet = self.packet(3, "/5/0/0", Some(OPAQUE), payload);
        packet.add_option(CoapOption::Block1, uint(number << 4 | u32::from(more) << 3 | exponent));
        packet
    }

    /// Delivers a package in blocks, to its end; the last answer.
    pub(crate) fn push(&mut self, package: &[u8], exponent: u32) -> Answer {
        let size = 16 << exponent;
        let count = package.len().div_ceil(size);
        for (n, block) in package.chunks(size).enumerate() {
            let more = n + 1 < count;
            let answer = self.block(n as u32, more, exponent, block);
            if !more || answer.code != "2.31" {
                return answer;
            }
        }
        panic!("a package has a last block");
    }

    /// Observes a resource, and gives what it is now.
    pub(crate) fn observe(&mut self, path: &str) -> String {
        let mut packet = self.packet(1, path, None, &[]);
        packet.add_option(CoapOption::Observe, Vec::new());
        let answer = self.ask(&packet);
        assert_eq!(answer.code, "2.05", "{path}");
        assert!(answer.uint(CoapOption::Observe).is_some(), "{path}");
        self.observed.insert(packet.get_token().to_vec(), path.to_owned());
        answer.text()
    }

    /// A confirmable request with a new identifier and token.
    pub(crate) fn packet(&mut self, method: u8, path: &str, format: Option<u16>, payload: &[u8]) -> Packet {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::from(method);
        packet.header.set_type(MessageType::Confirmable);
        self.id = self.id.wrapping_add(1);
        self.token += 1;
        packet.header.message_id = self.id;
        packet.set_token(self.token.to_be_bytes().to_vec());
        for segment in path.split('/').skip(1).filter(|segment| !segment.is_empty()) {
            packet.add_option(CoapOption::UriPath, segment.as_bytes().to_vec());
        }
        if let Some(format) = format {
            packet.add_option(CoapOption::ContentFormat, uint(u32::from(format)));
        }
        packet.payload = payload.to_vec();
        packet
    }

    /// Sends a request, and waits for its answer.
    pub(crate) fn ask(&mut self, packet: &Packet) -> Answer {
        self.send(packet);
        self.answer(packet).expect("an answer")
    }

    /// Sends a message until the client has handled it.
    pub(crate) fn send(&mut self, packet: &Packet) {
        self.deliver(SERVER, &packet.to_bytes_unlimited().unwrap());
    }

    /// The answer to a request that has come by now.
    pub(crate) fn answer(&mut self, to: &Packet) -> Option<Answer> {
        let at = self.answers.iter().position(|answer| answer.get_token() == to.get_token())?;
        let packet = self.answers.remove(at);
        Some(Answer { code: name(packet.header.code), payload: packet.payload.clone(), packet })
    }

    /// Takes what the download has to send to the server of files, and hands in its answers.
    pub(crate) fn download(&mut self, uri: &str) -> bool {
        let mut moved = false;
        let mut out = [0; 400];
        loop {
            let now = self.now();
            let Some((to, length)) = self.pull.poll(now, &mut self.up, &mut out) else { return moved };
            assert_eq!(to, FILES);
            moved = true;
            let Some(answer) = self.serve(uri, &out[..length]) else { continue };
            loop {
                let now = self.now();
                match self.pull.handle(FILES, &answer, now, &mut self.up, &mut out) {
                    pull::Handled::Done(0) => break,
                    pull::Handled::Done(_) => panic!("a piggybacked answer is not acknowledged"),
                    pull::Handled::Again => {
                        self.device.drain(&mut self.up, "the updater").unwrap();
                        let _ = self.up.need(now);
                    }
                }
            }
        }
    }

    /// What the server of files answers.
    pub(crate) fn serve(&mut self, uri: &str, request: &[u8]) -> Option<Vec<u8>> {
        let request = Packet::from_bytes(request).unwrap();
        let asked = request.get_first_option(CoapOption::Block2).unwrap();
        let asked = asked.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
        let count = self.files.asked.len();
        self.files.asked.push((asked >> 4, asked & 7));
        if count >= self.files.dies_at {
            return None;
        }
        let mut answer = Packet::new();
        answer.header.set_type(MessageType::Acknowledgement);
        answer.header.message_id = request.header.message_id;
        answer.set_token(request.get_token().to_vec());
        answer.header.code = MessageClass::from(self.files.refuses.unwrap_or(0x45));
        if self.files.refuses.is_some() {
            return Some(answer.to_bytes_unlimited().unwrap());
        }
        let file = &self.device.files[uri];
        if !(self.files.tag)(count).is_empty() {
            answer.add_option(CoapOption::ETag, (self.files.tag)(count).to_vec());
        }
        let Some(exponent) = self.files.exponent else {
            answer.payload = file.clone();
            return Some(answer.to_bytes_unlimited().unwrap());
        };
        // A smaller size than was asked for keeps the offset.
        let (number, wanted) = ((self.files.block)(count, asked >> 4), asked & 7);
        let exponent = exponent.min(wanted);
        let from = (number as usize) << (wanted + 4);
        let to = file.len().min(from + (16 << exponent));
        let number = (from >> (exponent + 4)) as u32;
        let more = u32::from(to < file.len());
        answer.add_option(CoapOption::Block2, uint(number << 4 | more << 3 | exponent));
        if self.files.size2 {
            answer.add_option(CoapOption::Size2, uint(file.len() as u32));
        }
        answer.payload = file.get(from..to).unwrap_or_default().to_vec();
        Some(answer.to_bytes_unlimited().unwrap())
    }

    /// A datagram has come to the server.
    pub(crate) fn arrives(&mut self, datagram: &[u8]) {
        self.sent.push(datagram.to_vec());
        if !self.online {
            return;
        }
        let packet = Packet::from_bytes(datagram).unwrap();
        let code = u8::from(packet.header.code);
        let confirmable = packet.header.get_type() == MessageType::Confirmable;
        match code >> 5 {
            0 if code != 0 => self.request(&packet),
            0 => {}
            _ if confirmable || self.observed.contains_key(packet.get_token()) => {
                let mut ack = Packet::new();
                ack.header.code = MessageClass::Empty;
                ack.header.message_id = packet.header.message_id;
                let path = self.observed.get(packet.get_token()).cloned();
                let reset = self.rejects && path.is_some();
                ack.header.set_type(if reset { MessageType::Reset } else { MessageType::Acknowledgement });
                let answer =
                    Answer { code: name(packet.header.code), payload: packet.payload.clone(), packet };
                match path.filter(|_| confirmable) {
                    Some(path) => self.notices.push(Notice {
                        path,
                        code: answer.code.clone(),
                        text: String::from_utf8_lossy(&answer.payload).into_owned(),
                        sequence: answer.uint(CoapOption::Observe).unwrap_or(0),
                    }),
                    None => self.answers.push(answer.packet),
                }
                if confirmable {
                    self.hand(SERVER, &ack.to_bytes().unwrap());
                }
            }
            _ => self.answers.push(packet),
        }
    }

    /// The client's requests: the registration.
    fn request(&mut self, packet: &Packet) {
        let all = |option| -> Vec<String> {
            let values = packet.get_option(option);
            values.into_iter().flatten().map(|value| String::from_utf8(value.clone()).unwrap()).collect()
        };
        let path = format!("/{}", all(CoapOption::UriPath).join("/"));
        let mut answer = Packet::new();
        answer.header.set_type(MessageType::Acknowledgement);
        answer.header.message_id = packet.header.message_id;
        answer.set_token(packet.get_token().to_vec());
        answer.header.code = match (name(packet.header.code).as_str(), path.as_str()) {
            ("0.02", "/rd") => {
                let payload = String::from_utf8(packet.payload.clone()).unwrap();
                self.registered.push((all(CoapOption::UriQuery), payload));
                // Observations are over with a new registration.
                self.observed.clear();
                for segment in ["rd", "5a3f", "x y"] {
                    answer.add_option(CoapOption::LocationPath, segment.as_bytes().to_vec());
                }
                MessageClass::from(0x41)
            }
            ("0.02", "/rd/5a3f/x y") => {
                self.requests.push(("update".into(), all(CoapOption::UriQuery)));
                self.update_answer
            }
            ("0.04", "/rd/5a3f/x y") => {
                self.requests.push(("delete".into(), Vec::new()));
                MessageClass::from(0x42)
            }
            _ => MessageClass::from(0x84),
        };
        self.hand(SERVER, &answer.to_bytes().unwrap());
    }

    /// The notifications since the last call, as "path value".
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.notices.drain(..).map(|notice| format!("{} {}", notice.path, notice.text)).collect()
    }
}

/// A number in as few bytes as it needs.
pub(crate) fn uint(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes[value.leading_zeros() as usize / 8..].to_vec()
}
