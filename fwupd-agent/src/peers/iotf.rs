//! An IoTF platform and its broker in one: it accepts one device, which connects by MQTT 3.1.1. Not a broker: what
//! is published comes to it alone, and of a session it remembers what the device has not acknowledged.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use fwupd_iotf::spec::{Field, Inbound, Rc, topic};
use rumqttc::mqttbytes::v4::{ConnAck, ConnectReturnCode, PubAck, SubAck, SubscribeReasonCode};
use rumqttc::{Packet, Publish, QoS};
use serde_json::{Value, json};

use super::{PATIENCE, failed};
use crate::error::Error;

/// Who it is in errors.
const NAME: &str = "platform";
/// What the identifiers of its requests begin with, before the number of the packet.
const REQUEST: &str = "request-";
/// Longest packet, bytes.
const LONGEST: usize = 256 * 1024;
/// How often it looks whether something has come.
const LOOK: Duration = Duration::from_millis(10);

/// A platform of one device.
#[derive(Debug)]
pub struct Platform {
    listener: TcpListener,
    stream: Option<TcpStream>,
    read: BytesMut,
    /// Number of the last packet.
    number: u16,
    /// What the device has not acknowledged, in order.
    owed: Vec<Publish>,
    session: bool,
    /// Whether acknowledgements are held back, and those that are.
    pub holds: bool,
    held: Vec<u16>,
    /// The names by which it has connected, and the filters that it has subscribed to, in order.
    pub seen: Vec<String>,
    /// How often it has said that it goes.
    pub farewells: u32,
    /// Answers to requests that were acknowledged before.
    pub early: u32,
    /// The manage requests that came.
    pub managed: Vec<Value>,
    /// The notifications that came, each as its attributes.
    pub notified: Vec<Value>,
    /// The answers that came.
    pub answered: Vec<Value>,
}

impl Platform {
    /// A platform that listens on a free port.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open() -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).map_err(|why| failed(NAME, why))?;
        listener.set_nonblocking(true).map_err(|why| failed(NAME, why))?;
        Ok(Self {
            listener,
            stream: None,
            read: BytesMut::new(),
            number: 0,
            owed: Vec::new(),
            session: false,
            holds: false,
            held: Vec::new(),
            seen: Vec::new(),
            farewells: 0,
            early: 0,
            managed: Vec::new(),
            notified: Vec::new(),
            answered: Vec::new(),
        })
    }

    /// Where the device connects.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(|why| failed(NAME, why))
    }

    /// The connection is gone.
    pub fn hang_up(&mut self) {
        self.stream = None;
        self.read.clear();
    }

    /// Sends the acknowledgements that were held back.
    pub fn release(&mut self) {
        self.holds = false;
        for number in std::mem::take(&mut self.held) {
            self.send(&Packet::PubAck(PubAck::new(number)));
        }
    }

    /// Takes what comes within that time.
    pub fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            while self.turn() {}
            if Instant::now() >= end {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Sends a request, and waits for its answer.
    ///
    /// # Errors
    /// There is none.
    pub fn ask(&mut self, what: Inbound, d: Option<Value>) -> Result<Value, Error> {
        let id = self.request(what, d);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            self.listen(Duration::ZERO);
            if let Some(answer) = self.answered.iter().find(|answer| answer["reqId"] == id.as_str()) {
                return Ok(answer.clone());
            }
            thread::sleep(LOOK);
        }
        Err(failed(NAME, format_args!("{what:?}: no answer")))
    }

    /// Sends a request, now or once the device is there, and returns its identifier.
    pub fn request(&mut self, what: Inbound, d: Option<Value>) -> String {
        let id = format!("{REQUEST}{}", self.next());
        let mut message = json!({ "reqId": id });
        if let (Some(d), Value::Object(members)) = (d, &mut message) {
            members.insert("d".to_owned(), d);
        }
        self.publish(&name(what), message.to_string().as_bytes());
        id
    }

    /// Number of the next packet.
    fn next(&self) -> u16 {
        self.number.wrapping_add(1).max(1)
    }

    /// Sends these bytes on this topic, now or once the device is there.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.number = self.next();
        let mut message = Publish::new(topic, QoS::AtLeastOnce, payload);
        message.pkid = self.number;
        self.owed.push(message.clone());
        if self.stream.is_some() {
            self.send(&Packet::Publish(message));
        }
    }

    fn send(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        let written = packet.write(&mut bytes, LONGEST);
        let sent = self.stream.as_mut().is_some_and(|stream| stream.write_all(&bytes).is_ok());
        if written.is_err() || !sent {
            self.hang_up();
        }
    }

    /// Takes one packet, or a connection; false if there is nothing.
    fn turn(&mut self) -> bool {
        if let Ok((stream, _)) = self.listener.accept() {
            self.hang_up();
            let set = stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(LOOK)));
            self.stream = set.is_ok().then_some(stream);
            return true;
        }
        match Packet::read(&mut self.read, LONGEST) {
            Ok(packet) => {
                self.packet(packet);
                return true;
            }
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => {}
            Err(_) => self.hang_up(),
        }
        let Some(stream) = &mut self.stream else { return false };
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) => self.hang_up(),
            Ok(count) => {
                self.read.extend_from_slice(bytes.get(..count).unwrap_or_default());
                return true;
            }
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => self.hang_up(),
        }
        false
    }

    fn packet(&mut self, packet: Packet) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum: no device sends the rest")]
        match packet {
            Packet::Connect(connect) => {
                self.seen.push(connect.client_id);
                self.held.clear();
                if connect.clean_session {
                    self.owed.clear();
                }
                let session_present = self.session && !connect.clean_session;
                self.session = !connect.clean_session;
                let code = ConnectReturnCode::Success;
                self.send(&Packet::ConnAck(ConnAck { session_present, code }));
                for mut message in self.owed.clone() {
                    message.dup = true;
                    self.send(&Packet::Publish(message));
                }
            }
            Packet::Subscribe(subscribe) => {
                let filters = subscribe.filters.iter();
                let codes = filters.clone().map(|filter| SubscribeReasonCode::Success(filter.qos)).collect();
                self.seen.extend(filters.map(|filter| filter.path.clone()));
                self.send(&Packet::SubAck(SubAck::new(subscribe.pkid, codes)));
            }
            Packet::Publish(message) => {
                self.message(&message);
                if self.holds {
                    self.held.push(message.pkid);
                } else {
                    self.send(&Packet::PubAck(PubAck::new(message.pkid)));
                }
            }
            Packet::PubAck(ack) => self.owed.retain(|message| message.pkid != ack.pkid),
            Packet::PingReq => self.send(&Packet::PingResp),
            Packet::Disconnect => {
                self.farewells = self.farewells.saturating_add(1);
                self.hang_up();
            }
            _ => {}
        }
    }

    fn message(&mut self, message: &Publish) {
        let Ok(mut payload) = serde_json::from_slice::<Value>(&message.payload) else { return };
        match message.topic.as_str() {
            topic::MANAGE | topic::UNMANAGE => {
                let answer = json!({ "rc": Rc::Ok as u16, "reqId": payload["reqId"] });
                self.managed.push(payload);
                self.publish(&name(Inbound::Response), answer.to_string().as_bytes());
            }
            topic::NOTIFY => self.notified.push(payload["d"].take()),
            topic::RESPONSE => {
                let id = payload["reqId"].as_str().and_then(|id| id.strip_prefix(REQUEST)?.parse().ok());
                let owed = self.owed.iter().any(|message| id == Some(message.pkid));
                self.early = self.early.saturating_add(u32::from(id.is_some() && !owed));
                self.answered.push(payload);
            }
            _ => {}
        }
    }

    /// State and status of the firmware, as an observation tells them.
    ///
    /// # Errors
    /// The device does not answer, or not with them.
    pub fn observe(&mut self) -> Result<(u64, u64), Error> {
        let answer = self.ask(Inbound::Observe, Some(json!({ "fields": [{ "field": Field::OBJECT }] })))?;
        let value = &answer["d"]["fields"][0]["value"];
        match (value["state"].as_u64(), value["updateStatus"].as_u64()) {
            (Some(state), Some(status)) => Ok((state, status)),
            _ => Err(failed(NAME, format_args!("no state in {answer}"))),
        }
    }
}

/// The topic of a request.
fn name(what: Inbound) -> String {
    format!("{}{}", topic::TO_DEVICE, what.name().unwrap_or_default())
}
