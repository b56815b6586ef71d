//! Datagrams of no sense and of half sense, by the hundred thousand.

use fwupd_coap::endpoint::{Endpoint, Exchange, Params, Polled, Received};
use fwupd_coap::message::{Kind, Message, Token, Writer};
use fwupd_coap::spec::{Code, option};

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A good message, of any kind and code.
fn good(random: &mut Random) -> Vec<u8> {
    let kinds = [Kind::Confirmable, Kind::NonConfirmable, Kind::Acknowledgement, Kind::Reset];
    let codes = [Code::EMPTY, Code::GET, Code::PUT, Code::POST, Code::CONTENT, Code::CONTINUE, Code(0xFF)];
    let mut out = [0; 128];
    let kind = kinds[random.below(4)];
    let code = codes[random.below(7)];
    let bytes = random.next().to_be_bytes();
    let token = Token::new(&bytes[..random.below(9)]).unwrap();
    let mut writer = Writer::new(&mut out, kind, code, random.below(64) as u16, token);
    let mut number = 0;
    for _ in 0..random.below(6) {
        number += random.below(20) as u16;
        let bytes = random.next().to_be_bytes();
        writer.option(number, &bytes[..random.below(9)]);
    }
    writer.payload(&bytes[..random.below(9)]);
    let length = writer.finish().unwrap();
    out[..length].to_vec()
}

fn datagram(random: &mut Random) -> Vec<u8> {
    let mut bytes = good(random);
    match random.below(3) {
        0 => {}
        1 => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
            bytes.truncate(random.below(bytes.len() + 8));
        }
        _ => bytes = (0..random.below(80)).map(|_| random.next() as u8).collect(),
    }
    bytes
}

type Node = Endpoint<u8, 3, 64>;

/// Does with an exchange one of the things that can be done.
fn answer(node: &mut Node, mut exchange: Exchange<u8>, random: &mut Random, now: u64) {
    let mut out = [0; 64];
    match random.below(5) {
        0 => _ = node.acknowledge(&mut exchange, &mut out),
        1 => {
            node.acknowledge(&mut exchange, &mut out);
            let _ = node.respond(exchange, Code::CONTENT, now, &mut out, |to| _ = to.payload(b"late"));
        }
        2 => _ = node.reject(exchange, &mut out),
        3 => _ = node.respond(exchange, Code::CONTENT, now, &mut out, |to| _ = to.payload(&[1; 70])),
        _ => _ = node.respond(exchange, Code::CONTENT, now, &mut out, |to| _ = to.payload(b"soon")),
    }
}

#[test]
fn an_endpoint_outlives_a_hundred_thousand_datagrams_of_garbage() {
    let mut random = Random(0x5EED);
    let mut node = Node::new(Params::default(), 3);
    let mut out = [0; 64];
    let (mut now, mut requests, mut responses) = (0, 0, 0);
    for n in 0..100_000 {
        now += random.next() % 500;
        if n % 100 == 0 {
            let _ = node.request(1, Code::GET, now, |to| _ = to.option(option::URI_PATH, b"x"));
        }
        let mut datagram = datagram(&mut random);
        if let Polled::Send(_, length) = node.poll(now, &mut out)
            && random.below(2) == 0
        {
            // What goes out comes back, as an answer or as an echo.
            datagram = out[..length].to_vec();
            datagram[0] = datagram[0] & 0xCF | (random.below(4) as u8) << 4;
            datagram[1] = [0, 0x45, 0x84, 1][random.below(4)];
        }
        match node.receive(random.below(3) as u8, &datagram, now, &mut out) {
            Received::Send(length) => assert!((4..=64).contains(&length)),
            Received::Request(exchange, message) | Received::Stray { exchange, message } => {
                requests += 1;
                assert!(message.options().count() < 64 && message.path().count() < 64);
                let _ = (message.observe(), message.block1(), message.block2(), message.etag());
                assert!(!message.to_string().contains('\n'));
                answer(&mut node, exchange, &mut random, now);
            }
            Received::Response { .. } => responses += 1,
            Received::Nothing | Received::Acknowledged(_) | Received::Reset(_) => {}
        }
    }
    assert!(requests > 5_000 && responses > 50, "{requests} requests, {responses} responses");
    // All that was under way comes to its end.
    for _ in 0..100 {
        let Some(next) = node.poll_timeout() else { break };
        now = now.max(next);
        let _ = node.poll(now, &mut out);
    }
    assert!(node.is_idle());
    assert_eq!(node.receive(7, b"\x40\x00\x12\x34", now, &mut out), Received::Send(4));
    assert_eq!(out[..4], *b"\x70\x00\x12\x34");
    let get = b"\x41\x01\x12\x35\x77\xb1x";
    let Received::Request(exchange, message) = node.receive(7, get, now, &mut out) else { panic!() };
    assert!(message.path().eq(["x"]));
    let length = node.respond(exchange, Code::CONTENT, now, &mut out, |to| _ = to.payload(b"1")).unwrap();
    assert_eq!(out[..length], *b"\x61\x45\x12\x35\x77\xff1");
    let request = node.request(7, Code::GET, now, |_| ()).unwrap();
    let Polled::Send(7, length) = node.poll(now, &mut out) else { panic!() };
    let (id, token) = {
        let message = Message::parse(&out[..length]).unwrap();
        (message.id, message.token)
    };
    let mut back = [0; 64];
    let writer = Writer::new(&mut back, Kind::Acknowledgement, Code::CONTENT, id, token);
    let length = writer.finish().unwrap();
    let received = node.receive(7, &back[..length], now, &mut out);
    assert!(matches!(received, Received::Response { flight, .. } if flight == request));
}
