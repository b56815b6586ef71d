//! An OCF device, and a client on coap-lite and ciborium, on the loopback interface.

mod common;

use std::net::UdpSocket;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ciborium::Value;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType, ResponseType};
use common::{Bench, Process, http, running, until};
use fwupd_agent::firmware::SelfTest;
use fwupd_ocf::wire::Out;
use fwupd_ocf::wire::time::Instant;

/// application/vnd.ocf+cbor: IANA, CoAP Content-Formats.
const FORMAT: [u8; 2] = 10000_u16.to_be_bytes();

/// A client of the device at this port.
struct Client {
    socket: UdpSocket,
    number: u16,
}

impl Client {
    fn new(port: u16) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
        Self { socket, number: 0 }
    }

    /// One exchange; nothing if the device is not there.
    fn ask(&mut self, method: RequestType, path: &str, body: Option<Value>) -> Option<Packet> {
        self.number += 1;
        let mut request = Packet::new();
        request.header.code = MessageClass::Request(method);
        request.header.set_type(MessageType::Confirmable);
        request.header.message_id = self.number;
        request.set_token(self.number.to_be_bytes().to_vec());
        for part in path.split('/') {
            request.add_option(CoapOption::UriPath, part.as_bytes().to_vec());
        }
        if let Some(body) = body {
            request.add_option(CoapOption::ContentFormat, FORMAT.to_vec());
            ciborium::into_writer(&body, &mut request.payload).unwrap();
        }
        self.socket.send(&request.to_bytes().unwrap()).ok()?;
        loop {
            let mut bytes = [0; 1500];
            let length = self.socket.recv(&mut bytes).ok()?;
            let answer = Packet::from_bytes(&bytes[..length]).unwrap();
            if answer.header.get_type() == MessageType::Confirmable {
                let mut ack = Packet::new();
                ack.header.set_type(MessageType::Acknowledgement);
                ack.header.message_id = answer.header.message_id;
                self.socket.send(&ack.to_bytes().unwrap()).ok()?;
            }
            let ours = answer.get_token() == request.get_token();
            if ours && answer.header.code != MessageClass::Empty {
                return Some(answer);
            }
        }
    }

    /// State and result of the update, and cm.
    fn shown(&mut self) -> Option<(String, u64, u64)> {
        let software = self.ask(RequestType::Get, "oc/swu", None)?;
        let pstat = self.ask(RequestType::Get, "oic/sec/pstat", None)?;
        let (software, pstat) = (read(&software), read(&pstat));
        Some((text(&software, "swupdatestate"), uint(&software, "swupdateresult"), uint(&pstat, "cm")))
    }

    /// Waits for this state, and returns its result and cm.
    #[track_caller]
    fn sees(&mut self, state: &str) -> (u64, u64) {
        until(state, || {
            let (shown, result, cm) = self.shown()?;
            (shown == state).then_some((result, cm))
        })
    }

    fn write(&mut self, purl: &str, action: &str, updatetime: &str) -> MessageClass {
        let entry = |name: &str, value: &str| (Value::from(name), Value::from(value));
        let body =
            vec![entry("purl", purl), entry("swupdateaction", action), entry("updatetime", updatetime)];
        self.ask(RequestType::Post, "oc/swu", Some(Value::Map(body))).unwrap().header.code
    }

    fn target(&mut self, tm: u16) -> MessageClass {
        let body = Value::Map(vec![("tm".into(), tm.into())]);
        self.ask(RequestType::Post, "oic/sec/pstat", Some(body)).unwrap().header.code
    }
}

fn read(packet: &Packet) -> Value {
    assert_eq!(packet.header.code, MessageClass::Response(ResponseType::Content));
    ciborium::from_reader(&packet.payload[..]).unwrap()
}

fn field<'v>(of: &'v Value, name: &str) -> &'v Value {
    let entries = of.as_map().unwrap();
    &entries.iter().find(|(key, _)| key.as_text() == Some(name)).unwrap().1
}

fn text(of: &Value, name: &str) -> String {
    field(of, name).as_text().unwrap().to_owned()
}

fn uint(of: &Value, name: &str) -> u64 {
    field(of, name).as_integer().unwrap().try_into().unwrap()
}

/// A device, and a client of it. The port was free a moment ago; a device keeps its port over resets.
fn device(bench: &Bench, more: &[&str]) -> (Process, Client) {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    let run = [&["run", "--protocol", "ocf", "--listen", &listen, "--trace"], more].concat();
    (running(bench, &run), Client::new(port))
}

const CHANGED: MessageClass = MessageClass::Response(ResponseType::Changed);
const BEGINNING: &str = "1970-01-01T00:00:00Z";

#[test]
fn an_upgrade_goes_from_idle_through_a_reset_to_success() {
    let bench = Bench::new();
    let package = std::fs::read(bench.path(&bench.package("2.0.0", 11, SelfTest::Pass))).unwrap();
    let uri = http::serves(package);
    let (device, mut client) = device(&bench, &[]);
    assert_eq!(client.sees("idle"), (0, 0));
    let here = client.ask(RequestType::Get, "oic/d", None).unwrap();
    assert_eq!(text(&read(&here), "n"), "fwagent");
    assert_eq!(client.write(&uri, "idle", BEGINNING), CHANGED);
    assert_eq!(client.target(64), CHANGED);
    assert_eq!(client.sees("sva"), (1, 64 | 256), "validated");
    assert_eq!(client.target(128), CHANGED);
    assert_eq!(client.sees("idle"), (1, 0), "upgraded");
    drop(device);
    bench.stands("idle", 1, "2.0.0", None);
    let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
    assert_eq!(told.matches("listening at coap://127.0.0.1:").count(), 2, "once for each boot: {told}");
    for line in ["| tm 128", "| state sva, result 1"] {
        assert!(told.contains(line), "{line:?} in {told}");
    }
}

#[test]
fn an_upgrade_at_a_time_waits_for_it_and_fails_with_its_result() {
    let bench = Bench::new();
    let package = std::fs::read(bench.path(&bench.package("2.0.0", 11, SelfTest::Fail))).unwrap();
    let uri = http::serves(package);
    let (device, mut client) = device(&bench, &[]);
    client.sees("idle");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut room = [0; Instant::TEXT];
    let mut out = Out::new(&mut room);
    Instant::wall(now + 3).emit(&mut out);
    let length = out.finish().unwrap();
    let soon = std::str::from_utf8(&room[..length]).unwrap().to_owned();
    assert_eq!(client.write(&uri, "upgrade", &soon), CHANGED);
    assert_eq!(client.shown().unwrap(), ("idle".into(), 0, 0), "not yet");
    // A newer version is known by now, and was tried.
    assert_eq!(client.sees("nsa"), (8, 256));
    let ended = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(ended >= now + 3, "it did not wait");
    drop(device);
    bench.stands("idle", 0, "1.0.0", Some("rejected by the application"));
}

#[test]
fn what_cannot_be_heard_is_told_at_once() {
    let bench = Bench::new();
    let run = ["run", "--protocol", "ocf", "--listen"];
    bench.fails(&[&run[..], &["0.0.0.0:0"]].concat(), 64, "listen 0.0.0.0:0");
    bench.fails(&[&run[..], &["nowhere"]].concat(), 64, "--listen");
    let held = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    bench.fails(&[&run[..], &[&taken]].concat(), 5, &format!("cannot listen at {taken}"));
}
