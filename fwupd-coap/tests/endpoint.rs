//! The message layer, by bytes. A name of digits in a comment is a figure of RFC 7252 appendix A.

use fwupd_coap::endpoint::{Endpoint, Flight, NotSent, Params, Polled, Received};
use fwupd_coap::message::{Full, Kind, Message, Token};
use fwupd_coap::spec::{self, Code, Definition, Format, option};

type Peer = u8;
type Node = Endpoint<Peer, 4, 128>;

/// An endpoint without chance in its waits.
fn node() -> Node {
    Endpoint::new(Params { ack_random: 0, ..Params::default() }, 7)
}

/// What goes out now.
fn sent(node: &mut Node, now: u64) -> Option<(Peer, Vec<u8>)> {
    let mut out = [0; 128];
    match node.poll(now, &mut out) {
        Polled::Send(to, length) => Some((to, out[..length].to_vec())),
        Polled::Nothing => None,
        Polled::GaveUp(flight) => panic!("{flight:?} was given up"),
    }
}

/// What goes back to a peer at once, if the datagram comes to nothing more.
fn back(node: &mut Node, from: Peer, datagram: &[u8], now: u64) -> Vec<u8> {
    let mut out = [0; 128];
    let received = node.receive(from, datagram, now, &mut out);
    if let Received::Send(length) = received {
        return out[..length].to_vec();
    }
    assert_eq!(received, Received::Nothing);
    vec![]
}

/// A request comes in, and is answered with this code and payload.
fn served(node: &mut Node, from: Peer, datagram: &[u8], now: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = [0; 128];
    let Received::Request(exchange, _) = node.receive(from, datagram, now, &mut out) else {
        panic!("no request")
    };
    let write = |to: &mut fwupd_coap::message::Writer<'_>| {
        to.payload(payload);
    };
    let length = node.respond(exchange, Code::CONTENT, now, &mut out, write).unwrap();
    out[..length].to_vec()
}

fn get(node: &mut Node, to: Peer, now: u64) -> Flight {
    let write = |to: &mut fwupd_coap::message::Writer<'_>| {
        to.option(option::URI_PATH, b"temperature");
    };
    node.request(to, Code::GET, now, write).unwrap()
}

/// Bytes of a message without options: kind, code, identifier, token, payload.
fn bytes(kind: Kind, code: Code, id: u16, token: &[u8], payload: &[u8]) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut all = vec![0x40 | (kind as u8) << 4 | token.len() as u8, code.0, high, low];
    all.extend(token);
    if !payload.is_empty() {
        all.push(0xFF);
        all.extend(payload);
    }
    all
}

const CON_GET: &[u8] = b"\x41\x01\x7d\x35\x20\xbbtemperature";

#[test]
fn figure_17_a_confirmable_request_is_answered_with_its_acknowledgement() {
    assert_eq!(served(&mut node(), 1, CON_GET, 0, b"22.3 C"), b"\x61\x45\x7d\x35\x20\xff22.3 C");
}

#[test]
fn figure_18_a_request_that_was_lost_is_sent_again_with_the_same_bytes() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let (to, first) = sent(&mut node, 0).unwrap();
    let message = Message::parse(&first).unwrap();
    assert_eq!((to, message.kind, message.code), (1, Kind::Confirmable, Code::GET));
    assert!(message.path().eq(["temperature"]));
    assert_eq!(sent(&mut node, 1_999), None);
    assert_eq!(sent(&mut node, 2_000), Some((1, first.clone())));
    let mut ack =
        bytes(Kind::Acknowledgement, Code::CONTENT, message.id, message.token.as_slice(), b"22.3 C");
    let mut out = [0; 128];
    let received = node.receive(1, &ack, 2_100, &mut out);
    let message = Message::parse(&ack).unwrap();
    assert_eq!(received, Received::Response { flight, message, ack: 0 });
    assert!(node.is_idle());
    assert_eq!(node.poll_timeout(), None);
    ack.push(b'!');
    assert_eq!(back(&mut node, 1, &ack, 2_200), b"", "an acknowledgement of nothing");
}

#[test]
fn figure_19_a_response_that_was_lost_is_sent_again_and_the_request_is_seen_once() {
    let mut node = node();
    let reply = served(&mut node, 1, CON_GET, 0, b"22.3 C");
    assert_eq!(back(&mut node, 1, CON_GET, 2_000), reply);
    assert_eq!(back(&mut node, 1, CON_GET, 246_999), reply);
}

#[test]
fn figure_20_a_separate_response_is_confirmable_and_has_an_identifier_of_its_own() {
    const GET_20: &[u8] = b"\x41\x01\x7d\x38\x53\xbbtemperature";
    let mut node = node();
    let mut out = [0; 128];
    let Received::Request(mut exchange, _) = node.receive(1, GET_20, 0, &mut out) else { panic!() };
    let length = node.acknowledge(&mut exchange, &mut out);
    assert_eq!(&out[..length], b"\x60\x00\x7d\x38");
    assert_eq!(node.acknowledge(&mut exchange, &mut out), 0, "once");
    assert_eq!(back(&mut node, 1, GET_20, 10), b"\x60\x00\x7d\x38", "the acknowledgement again");
    assert_eq!(node.respond(exchange, Code::CONTENT, 20, &mut out, |to| _ = to.payload(b"22.3 C")), Ok(0));
    assert_eq!(node.poll_timeout(), Some(20));
    let (to, response) = sent(&mut node, 20).unwrap();
    let message = Message::parse(&response).unwrap();
    assert_eq!((to, message.kind, message.code), (1, Kind::Confirmable, Code::CONTENT));
    assert_eq!((message.token.as_slice(), message.payload), (&b"\x53"[..], &b"22.3 C"[..]));
    assert_eq!(sent(&mut node, 2_020), Some((1, response.clone())), "its acknowledgement was lost");
    assert_eq!(back(&mut node, 1, GET_20, 2_030), b"\x60\x00\x7d\x38");
    let ack = bytes(Kind::Acknowledgement, Code::EMPTY, message.id, b"", b"");
    assert!(matches!(node.receive(1, &ack, 2_100, &mut out), Received::Acknowledged(_)));
    assert!(node.is_idle());
}

#[test]
fn figure_20_from_the_client_whose_acknowledgement_was_lost() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let (_, request) = sent(&mut node, 0).unwrap();
    let request = Message::parse(&request).unwrap();
    let ack = bytes(Kind::Acknowledgement, Code::EMPTY, request.id, b"", b"");
    assert_eq!(back(&mut node, 1, &ack, 100), b"");
    assert_eq!(node.poll_timeout(), Some(93_100), "no retransmission any more");
    let response = bytes(Kind::Confirmable, Code::CONTENT, 0xAD7B, request.token.as_slice(), b"22.3 C");
    let mut out = [0; 128];
    let received = node.receive(1, &response, 200, &mut out);
    let message = Message::parse(&response).unwrap();
    assert_eq!(received, Received::Response { flight, message, ack: 4 });
    assert_eq!(&out[..4], b"\x60\x00\xad\x7b");
    assert_eq!(back(&mut node, 1, &response, 2_200), b"\x60\x00\xad\x7b", "it came again");
}

#[test]
fn figure_21_a_response_that_is_not_expected_any_more_is_reset() {
    // The client has crashed since it asked.
    let mut node = node();
    let mut out = [0; 128];
    assert_eq!(back(&mut node, 1, b"\x60\x00\x7d\x39", 0), b"");
    let response = b"\x41\x45\xad\x7c\x64\xff22.3 C";
    let Received::Stray { exchange, .. } = node.receive(1, response, 0, &mut out) else { panic!() };
    let length = node.reject(exchange, &mut out);
    assert_eq!(&out[..length], b"\x70\x00\xad\x7c");
    assert_eq!(back(&mut node, 1, response, 10), b"\x70\x00\xad\x7c", "and again when it comes again");
}

#[test]
fn a_response_before_the_acknowledgement_is_a_response() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let (_, request) = sent(&mut node, 0).unwrap();
    let request = Message::parse(&request).unwrap();
    let response = bytes(Kind::Confirmable, Code::CONTENT, 0xAD7B, request.token.as_slice(), b"22.3 C");
    let mut out = [0; 128];
    let received = node.receive(1, &response, 200, &mut out);
    assert!(matches!(received, Received::Response { flight: f, ack: 4, .. } if f == flight));
    let late = bytes(Kind::Acknowledgement, Code::EMPTY, request.id, b"", b"");
    assert_eq!(back(&mut node, 1, &late, 300), b"");
    assert!(node.is_idle());
}

#[test]
fn figure_22_a_request_that_is_not_confirmable_is_answered_by_one_that_is_not() {
    let mut node = node();
    let request = b"\x51\x01\x7d\x40\x75\xbbtemperature";
    let reply = served(&mut node, 1, request, 0, b"22.3 C");
    let message = Message::parse(&reply).unwrap();
    assert_eq!((message.kind, message.code), (Kind::NonConfirmable, Code::CONTENT));
    assert_eq!((message.token.as_slice(), message.payload), (&b"\x75"[..], &b"22.3 C"[..]));
    assert_eq!(back(&mut node, 1, request, 10), b"", "a duplicate is ignored");
}

#[test]
fn a_confirmable_message_goes_out_five_times_and_is_given_up_when_the_fifth_has_waited() {
    let mut node = node();
    let flight = get(&mut node, 1, 1_000);
    let mut times = vec![];
    let mut out = [0; 128];
    let end = loop {
        let now = node.poll_timeout().unwrap();
        match node.poll(now, &mut out) {
            Polled::Send(..) => times.push(now),
            Polled::GaveUp(given_up) => {
                assert_eq!(given_up, flight);
                break now;
            }
            Polled::Nothing => panic!("its time had come"),
        }
    };
    // 2, 4, 8, 16 and 32 s: RFC 7252 section 4.2.
    assert_eq!(times, [1_000, 3_000, 7_000, 15_000, 31_000]);
    assert_eq!(end, 63_000);
    assert!(node.is_idle());
    assert_eq!(node.poll(end, &mut out), Polled::Nothing);
}

#[test]
fn the_first_wait_is_between_the_time_out_and_one_and_a_half_of_it() {
    let mut waits = vec![];
    for seed in 0..500 {
        let mut node = Node::new(Params::default(), seed);
        get(&mut node, 1, 0);
        sent(&mut node, 0).unwrap();
        waits.push(node.poll_timeout().unwrap());
    }
    assert!(waits.iter().all(|wait| (2_000..=3_000).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < 2_100) && waits.iter().any(|wait| *wait > 2_900));
}

#[test]
fn a_response_is_matched_by_token_and_peer_not_by_identifier() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let (_, request) = sent(&mut node, 0).unwrap();
    let request = Message::parse(&request).unwrap();
    let (id, token) = (request.id, request.token.as_slice());
    let ack = |token: &[u8]| bytes(Kind::Acknowledgement, Code::CONTENT, id, token, b"x");
    assert_eq!(back(&mut node, 1, &ack(b"oops"), 10), b"", "another token");
    assert_eq!(back(&mut node, 2, &ack(token), 10), b"", "another peer");
    let other = bytes(Kind::Acknowledgement, Code::CONTENT, id ^ 1, token, b"x");
    assert_eq!(back(&mut node, 1, &other, 10), b"", "an acknowledgement of something else");
    assert!(!node.is_idle());
    let mut out = [0; 128];
    let right = ack(token);
    assert!(
        matches!(node.receive(1, &right, 10, &mut out), Received::Response { flight: f, .. } if f == flight)
    );
}

#[test]
fn a_request_that_was_not_sent_yet_cannot_be_answered_or_reset() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let token = node.token(flight).unwrap();
    let mut out = [0; 128];
    for id in 0..=u16::MAX {
        let reset = bytes(Kind::Reset, Code::EMPTY, id, b"", b"");
        if let Received::Reset(reset) = node.receive(1, &reset, 0, &mut out) {
            assert_ne!(reset, flight);
        }
        let ack = bytes(Kind::Acknowledgement, Code::CONTENT, id, token.as_slice(), b"x");
        assert_eq!(back(&mut node, 1, &ack, 0), b"");
    }
    assert!(sent(&mut node, 0).is_some());
}

#[test]
fn a_reset_ends_a_request_and_a_notification_of_either_kind() {
    let mut node = node();
    let mut out = [0; 128];
    let token = Token::new(b"obs").unwrap();
    let con = node.notify(1, token, Kind::Confirmable, Code::CONTENT, 0, |_| ()).unwrap();
    let (_, message) = sent(&mut node, 0).unwrap();
    let reset = [0x70, 0, message[2], message[3]];
    assert_eq!(back(&mut node, 2, &reset, 1), b"", "from a peer that it was not sent to");
    assert_eq!(node.receive(1, &reset, 1, &mut out), Received::Reset(con));
    assert!(node.is_idle());
    let non = node.notify(1, token, Kind::NonConfirmable, Code::CONTENT, 0, |_| ()).unwrap();
    let (_, message) = sent(&mut node, 2).unwrap();
    assert_eq!(message[0], 0x53);
    assert!(node.is_idle(), "nothing is awaited");
    assert_eq!(node.receive(1, &[0x70, 0, message[2], message[3]], 3, &mut out), Received::Reset(non));
    let request = get(&mut node, 1, 4);
    let (_, message) = sent(&mut node, 4).unwrap();
    assert_eq!(node.receive(1, &[0x70, 0, message[2], message[3]], 5, &mut out), Received::Reset(request));
    assert!(node.is_idle());
}

#[test]
fn a_ping_and_all_that_is_malformed_and_confirmable_is_reset_and_the_rest_is_ignored() {
    let mut node = node();
    assert_eq!(back(&mut node, 1, b"\x40\x00\x12\x34", 0), b"\x70\x00\x12\x34", "a ping");
    assert_eq!(back(&mut node, 1, b"\x40\x01\x12\x35\xff", 0), b"\x70\x00\x12\x35", "an empty payload");
    assert_eq!(back(&mut node, 1, b"\x4f\x01\x12\x36", 0), b"\x70\x00\x12\x36", "a token of 15 bytes");
    for code in [0x20, 0x3F, 0xC0, 0xDF, 0xE0, 0xFF] {
        assert_eq!(
            back(&mut node, 1, &[0x40, code, 1, 1], 0),
            b"\x70\x00\x01\x01",
            "reserved class {code:x}"
        );
    }
    for ignored in [
        &b""[..],
        b"\x40\x01\x12",
        b"\x80\x01\x12\x34",
        b"\x00\x01\x12\x34",
        b"\x50\x00\x12\x34",
        b"\x50\x01\x12\x34\xff",
        b"\x50\x20\x12\x34",
        b"\x60\x00\x12\x34",
        b"\x60\x01\x12\x34",
        b"\x60\x45\x12\x34",
        b"\x70\x45\x12\x34",
        b"\x60\x00\x12\x34x",
    ] {
        assert_eq!(back(&mut node, 1, ignored, 0), b"", "{ignored:x?}");
    }
    assert!(node.is_idle());
}

#[test]
fn a_duplicate_of_a_request_that_is_not_answered_yet_is_silent() {
    let mut node = node();
    let mut out = [0; 128];
    let Received::Request(exchange, _) = node.receive(1, CON_GET, 0, &mut out) else { panic!() };
    assert_eq!(back(&mut node, 1, CON_GET, 10), b"");
    assert!(node.respond(exchange, Code::CONTENT, 20, &mut out, |_| ()).unwrap() > 0);
    assert_eq!(back(&mut node, 1, CON_GET, 30), b"\x61\x45\x7d\x35\x20");
}

#[test]
fn the_same_identifier_is_another_message_from_another_peer_after_a_restart_or_after_its_lifetime() {
    let mut node = node();
    served(&mut node, 1, CON_GET, 0, b"one");
    assert!(served(&mut node, 2, CON_GET, 0, b"two").ends_with(b"two"));
    let restarted = b"\x41\x01\x7d\x35\x21\xbbtemperature";
    assert!(served(&mut node, 1, restarted, 10, b"three").ends_with(b"three"));
    assert!(served(&mut node, 1, restarted, 247_010, b"four").ends_with(b"four"));
}

#[test]
fn a_reply_too_long_to_be_kept_is_made_anew_if_that_changes_nothing() {
    let mut node = node();
    let long = [b'x'; 80];
    assert_eq!(served(&mut node, 1, CON_GET, 0, &long).len(), 86);
    assert_eq!(served(&mut node, 1, CON_GET, 10, &long).len(), 86, "GET is handed up again");
    assert_eq!(served(&mut node, 1, CON_GET, 20, &long).len(), 86);
    let post = b"\x42\x02\x00\x09ab\xb1x";
    let first = served(&mut node, 1, post, 0, &long);
    assert_eq!(first.len(), 87);
    assert_eq!(back(&mut node, 1, post, 10), first[..6], "POST is not, and is answered with its code");
}

#[test]
fn sixteen_messages_are_remembered_and_the_oldest_is_forgotten_first() {
    let mut node = node();
    let request = |id: u8| [0x40, 1, 0, id];
    for id in 0..16 {
        served(&mut node, 1, &request(id), u64::from(id), b"");
    }
    assert_eq!(back(&mut node, 1, &request(0), 20), b"\x60\x45\x00\x00");
    served(&mut node, 1, &request(16), 30, b"");
    assert_eq!(back(&mut node, 1, &request(1), 40), b"\x60\x45\x00\x01");
    served(&mut node, 1, &request(0), 50, b"");
}

#[test]
fn an_unknown_critical_option_is_refused_and_an_unknown_elective_one_is_not() {
    let mut node = node();
    let con = |id: u8, options: &[u8]| [&[0x41, 1, 0, id, 0x77], options].concat();
    let refused = |id: u8, code: u8| vec![0x61, code, 0, id, 0x77];
    assert_eq!(back(&mut node, 1, &con(1, b"\x90"), 0), refused(1, 0x82), "number 9");
    assert_eq!(back(&mut node, 1, &con(1, b"\x90"), 1), refused(1, 0x82), "and again");
    assert_eq!(back(&mut node, 1, &con(2, b"\xd3\x16x:y"), 0), refused(2, 0xA5), "Proxy-Uri");
    assert_eq!(back(&mut node, 1, &con(3, b"\xd4\x1ahttp"), 0), refused(3, 0xA5), "Proxy-Scheme");
    assert_eq!(back(&mut node, 1, &con(4, b"\xb1\xff"), 0), refused(4, 0x82), "a path that is not UTF-8");
    assert_eq!(back(&mut node, 1, &con(5, b"\xd4\x0e\0\0\0\0"), 0), refused(5, 0x82), "Block1 of four bytes");
    assert_eq!(back(&mut node, 1, &con(6, b"\xd1\x0e\x00\x00"), 0), refused(6, 0x82), "two of Block1");
    assert_eq!(back(&mut node, 1, &con(7, b"\x30"), 0), refused(7, 0x82), "Uri-Host of no bytes");
    let non = [&[0x51, 1, 0, 8, 0x77][..], b"\x90"].concat();
    assert_eq!(back(&mut node, 1, &non, 0), b"", "not confirmable: ignored");
    served(&mut node, 1, &con(9, b"\xa0"), 0, b"");
    served(&mut node, 1, &con(10, b"\xb1a\x01b\x44temp"), 0, b"");
}

#[test]
fn a_response_with_an_unknown_critical_option_is_rejected() {
    let mut node = node();
    get(&mut node, 1, 0);
    let (_, request) = sent(&mut node, 0).unwrap();
    let request = Message::parse(&request).unwrap();
    let mut ack = bytes(Kind::Acknowledgement, Code::CONTENT, request.id, request.token.as_slice(), b"");
    ack.push(0x90);
    assert_eq!(back(&mut node, 1, &ack, 10), b"", "an acknowledgement by silence");
    let mut response = bytes(Kind::Confirmable, Code::CONTENT, 0x0102, request.token.as_slice(), b"");
    response.push(0x90);
    assert_eq!(back(&mut node, 1, &response, 10), b"\x70\x00\x01\x02", "a message of its own by a reset");
    assert!(!node.is_idle());
}

#[test]
fn what_is_known_is_the_callers_to_say() {
    static MORE: [Definition; 1] =
        [Definition { number: 9, format: Format::Opaque, length: (0, 0), repeatable: false }];
    let mut node = Node::new(Params { critical: &MORE, ..Params::default() }, 1);
    served(&mut node, 1, b"\x40\x01\x00\x01\x90", 0, b"");
    assert_eq!(back(&mut node, 1, b"\x40\x01\x00\x02\xb1a", 0), b"\x60\x82\x00\x02", "Uri-Path is not");
}

#[test]
fn a_stray_response_is_accepted_or_rejected_by_the_caller() {
    let mut node = node();
    let mut out = [0; 128];
    let notification = bytes(Kind::Confirmable, Code::CONTENT, 0x0102, b"obs", b"1");
    let Received::Stray { mut exchange, message } = node.receive(1, &notification, 0, &mut out) else {
        panic!()
    };
    assert_eq!((message.token.as_slice(), exchange.peer), (&b"obs"[..], 1));
    assert_eq!(back(&mut node, 1, &notification, 0), b"");
    assert_eq!(node.acknowledge(&mut exchange, &mut out), 4);
    assert_eq!(&out[..4], b"\x60\x00\x01\x02");
    assert_eq!(back(&mut node, 1, &notification, 10), b"\x60\x00\x01\x02");
    let unwanted = bytes(Kind::NonConfirmable, Code::CONTENT, 0x0103, b"obs", b"1");
    let Received::Stray { exchange, .. } = node.receive(1, &unwanted, 0, &mut out) else { panic!() };
    assert_eq!(node.reject(exchange, &mut out), 4);
    assert_eq!(&out[..4], b"\x70\x00\x01\x03");
}

#[test]
fn one_confirmable_request_or_notification_at_a_time_goes_to_a_peer_in_order() {
    let mut node = node();
    let mut out = [0; 128];
    let first = get(&mut node, 1, 0);
    let token = Token::new(b"o").unwrap();
    node.notify(1, token, Kind::Confirmable, Code::CONTENT, 1, |_| ()).unwrap();
    let other = get(&mut node, 2, 2);
    let tokens = [node.token(first).unwrap(), node.token(other).unwrap()];
    let (to, request) = sent(&mut node, 3).unwrap();
    assert_eq!((to, &request[4..8]), (1, tokens[0].as_slice()));
    let (to, message) = sent(&mut node, 3).unwrap();
    assert_eq!((to, &message[4..8]), (2, tokens[1].as_slice()), "another peer is not kept waiting");
    assert_eq!(sent(&mut node, 3), None, "the notification is");
    assert_eq!(node.poll_timeout(), Some(2_003));
    // A separate response is not.
    let Received::Request(mut exchange, _) = node.receive(1, CON_GET, 4, &mut out) else { panic!() };
    node.acknowledge(&mut exchange, &mut out);
    assert_eq!(node.respond(exchange, Code::CHANGED, 4, &mut out, |_| ()), Ok(0));
    assert_eq!(sent(&mut node, 4).unwrap().1[1], Code::CHANGED.0);
    assert_eq!(node.request(3, Code::GET, 5, |_| ()), Err(NotSent::Busy), "four are under way");
    let ack = [0x60, 0, request[2], request[3]];
    assert_eq!(back(&mut node, 1, &ack, 6), b"", "the request was received");
    assert_eq!(node.poll_timeout(), Some(1));
    assert_eq!(sent(&mut node, 6).unwrap().1[4..], *b"o", "and the notification goes out");
}

#[test]
fn a_cancelled_request_is_not_sent_again_and_its_response_is_a_stray() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let token = node.token(flight).unwrap();
    sent(&mut node, 0).unwrap();
    node.cancel(flight);
    assert!(node.is_idle());
    assert_eq!(sent(&mut node, 100_000), None);
    let response = bytes(Kind::NonConfirmable, Code::CONTENT, 1, token.as_slice(), b"");
    assert!(matches!(node.receive(1, &response, 0, &mut [0; 4]), Received::Stray { .. }));
}

#[test]
fn a_request_may_have_the_token_of_an_observation() {
    let mut node = node();
    let token = Token::new(b"obs").unwrap();
    let write = |to: &mut fwupd_coap::message::Writer<'_>| _ = to.uint(option::OBSERVE, 1);
    let flight = node.request_as(1, token, Code::GET, 0, write).unwrap();
    assert_eq!(node.token(flight), Some(token));
    let (_, request) = sent(&mut node, 0).unwrap();
    assert_eq!(request[4..], *b"obs\x61\x01");
}

#[test]
fn a_request_that_was_acknowledged_is_given_up_when_no_response_comes() {
    let mut node = node();
    let flight = get(&mut node, 1, 0);
    let (_, request) = sent(&mut node, 0).unwrap();
    back(&mut node, 1, &[0x60, 0, request[2], request[3]], 100);
    back(&mut node, 1, &[0x60, 0, request[2], request[3]], 50_000);
    let mut out = [0; 128];
    assert_eq!(node.poll(93_099, &mut out), Polled::Nothing, "a second acknowledgement gives no more time");
    assert_eq!(node.poll(93_100, &mut out), Polled::GaveUp(flight));
}

#[test]
fn what_does_not_fit_is_said_and_leaves_nothing_behind() {
    let mut node = node();
    let write = |to: &mut fwupd_coap::message::Writer<'_>| _ = to.payload(&[0; 128]);
    assert_eq!(node.request(1, Code::PUT, 0, write), Err(NotSent::Full));
    assert!(node.is_idle());
    let mut out = [0; 128];
    let Received::Request(exchange, _) = node.receive(1, CON_GET, 0, &mut out) else { panic!() };
    assert_eq!(node.respond(exchange, Code::CONTENT, 0, &mut out, write), Err(Full));
    let length = node.respond(exchange, Code::INTERNAL_SERVER_ERROR, 0, &mut out, |_| ()).unwrap();
    assert_eq!(&out[..length], b"\x61\xa0\x7d\x35\x20", "it can be answered otherwise");
    let flight = get(&mut node, 1, 0);
    assert_eq!(node.poll(0, &mut out[..10]), Polled::GaveUp(flight), "no room to send it");
    assert_eq!(back(&mut node, 1, b"\x40\x00\x00\x01", 0), b"\x70\x00\x00\x01");
    assert_eq!(node.receive(1, b"\x40\x00\x00\x01", 0, &mut []), Received::Nothing);
}

#[test]
fn identifiers_and_tokens_wrap_around_without_meeting_one_under_way() {
    let mut node = node();
    let kept = get(&mut node, 9, 0);
    let (_, first) = sent(&mut node, 0).unwrap();
    let acknowledged = [0x60, 0, first[2], first[3]];
    back(&mut node, 9, &acknowledged, 0);
    let mut ids = std::collections::HashSet::new();
    let mut tokens = std::collections::HashSet::from([node.token(kept).unwrap().as_slice().to_vec()]);
    for _ in 0..70_000 {
        let flight = get(&mut node, 1, 0);
        let (_, request) = sent(&mut node, 0).unwrap();
        assert_ne!(request[2..4], first[2..4]);
        ids.insert([request[2], request[3]]);
        assert!(tokens.insert(request[4..8].to_vec()), "a token came again");
        node.cancel(flight);
    }
    assert_eq!(ids.len(), 65_535, "all but the one under way");
}

#[test]
fn the_constants_of_the_message_layer_belong_together() {
    // RFC 7252 section 4.8.2.
    let (timeout, random) = (u64::from(spec::ACK_TIMEOUT), u64::from(spec::ACK_RANDOM));
    let most = timeout + random;
    assert_eq!(most * 2, timeout * 3, "ACK_RANDOM_FACTOR is 1.5");
    let span = most * ((1 << spec::MAX_RETRANSMIT) - 1);
    assert_eq!(span, 45_000);
    assert_eq!(u64::from(spec::MAX_TRANSMIT_WAIT), most * ((2 << spec::MAX_RETRANSMIT) - 1));
    assert_eq!(u64::from(spec::EXCHANGE_LIFETIME), span + 2 * 100_000 + timeout);
    assert_eq!(u64::from(spec::NON_LIFETIME), span + 100_000);
}
