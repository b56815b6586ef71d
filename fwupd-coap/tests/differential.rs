//! Messages, compared with coap-lite: what either writes the other reads, and both refuse the same bytes.
//!
//! Where coap-lite takes what we refuse, RFC 7252 says so:
//! - section 3: "Messages with unknown version numbers MUST be silently ignored";
//! - section 3: "The presence of a marker followed by a zero-length payload MUST be processed as a message format
//!   error";
//! - section 4.1: an empty message has a token of no bytes, and "bytes of data MUST NOT be present after the
//!   Message ID field".

use coap_lite::{CoapOption, MessageType, Packet};
use fwupd_coap::message::{BadMessage, Kind, Message, Token, Writer};
use fwupd_coap::spec::Code;
use proptest::prelude::*;

/// A message, of neither implementation.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    kind: u8,
    code: u8,
    id: u16,
    token: Vec<u8>,
    /// In ascending order.
    options: Vec<(u16, Vec<u8>)>,
    payload: Vec<u8>,
}

const KINDS: [Kind; 4] = [Kind::Confirmable, Kind::NonConfirmable, Kind::Acknowledgement, Kind::Reset];
const TYPES: [MessageType; 4] =
    [MessageType::Confirmable, MessageType::NonConfirmable, MessageType::Acknowledgement, MessageType::Reset];

fn ours(bytes: &[u8]) -> Result<Plain, BadMessage> {
    let message = Message::parse(bytes)?;
    Ok(Plain {
        kind: message.kind as u8,
        code: message.code.0,
        id: message.id,
        token: message.token.as_slice().to_vec(),
        options: message.options().map(|(number, value)| (number, value.to_vec())).collect(),
        payload: message.payload.to_vec(),
    })
}

fn theirs(bytes: &[u8]) -> Option<Plain> {
    let packet = Packet::from_bytes(bytes).ok()?;
    let kind = packet.header.get_type();
    let values = |(number, values): (&u16, &std::collections::LinkedList<Vec<u8>>)| {
        let number = *number;
        values.iter().map(move |value| (number, value.clone())).collect::<Vec<_>>()
    };
    Some(Plain {
        kind: TYPES.iter().position(|one| *one == kind).unwrap() as u8,
        code: u8::from(packet.header.code),
        id: packet.header.message_id,
        token: packet.get_token().to_vec(),
        options: packet.options().flat_map(values).collect(),
        payload: packet.payload,
    })
}

fn written_by_us(plain: &Plain) -> Vec<u8> {
    let mut out = [0; 4_000];
    let token = Token::new(&plain.token).unwrap();
    let kind = KINDS[usize::from(plain.kind)];
    let mut writer = Writer::new(&mut out, kind, Code(plain.code), plain.id, token);
    for (number, value) in &plain.options {
        writer.option(*number, value);
    }
    writer.payload(&plain.payload);
    let length = writer.finish().unwrap();
    out[..length].to_vec()
}

fn written_by_them(plain: &Plain) -> Vec<u8> {
    let mut packet = Packet::new();
    packet.header.set_type(TYPES[usize::from(plain.kind)]);
    packet.header.code = plain.code.into();
    packet.header.message_id = plain.id;
    packet.set_token(plain.token.clone());
    for (number, value) in &plain.options {
        packet.add_option(CoapOption::from(*number), value.clone());
    }
    packet.payload = plain.payload.clone();
    packet.to_bytes_unlimited().unwrap()
}

/// Whether one of the deliberate differences applies to what coap-lite has read.
fn refused_by_the_rfc(bytes: &[u8], read: &Plain) -> bool {
    let version = bytes[0] >> 6 != 1;
    let empty = read.code == 0 && bytes.len() > 4;
    let marker = match bytes {
        [before @ .., 0xFF] => ours(before).as_ref() == Ok(read),
        _ => false,
    };
    version || empty || marker
}

fn agree(bytes: &[u8]) -> Result<(), TestCaseError> {
    match (ours(bytes), theirs(bytes)) {
        (Ok(ours), Some(theirs)) => prop_assert_eq!(ours, theirs),
        (Ok(ours), None) => prop_assert!(false, "only we take {:?}", ours),
        (Err(_), None) => {}
        (Err(why), Some(theirs)) => {
            prop_assert!(refused_by_the_rfc(bytes, &theirs), "only they take {:?}: {:?}", theirs, why);
        }
    }
    Ok(())
}

/// Values of the lengths about which an option's head changes, and others.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..20usize, Just(12), Just(13), 260..280usize, Just(268), Just(269)];
    length.prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length))
}

fn number() -> impl Strategy<Value = u16> {
    prop_oneof![0..70u16, 250..300u16, any::<u16>()]
}

prop_compose! {
    fn plain()(
        kind in 0..4u8,
        code in 1..=255u8,
        id in any::<u16>(),
        token in proptest::collection::vec(any::<u8>(), 0..=8),
        mut options in proptest::collection::vec((number(), value()), 0..8),
        payload in proptest::collection::vec(any::<u8>(), 0..40),
    ) -> Plain {
        options.sort_by_key(|(number, _)| *number);
        Plain { kind, code, id, token, options, payload }
    }
}

/// Bytes that look like a message: a good header more often than not, and what nibbles of 12 to 15 make of it.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![4 => (0x40..=0x7Fu8).prop_map(|b| b & 0xF8), 1 => any::<u8>()];
    let rest = proptest::collection::vec(
        prop_oneof![4 => any::<u8>(), 1 => Just(0xFF), 1 => 0xD0..=0xEFu8, 2 => 0..4u8],
        0..60,
    );
    (first, rest).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_write_the_same_bytes_and_read_the_same_from_them(plain in plain()) {
        let (us, them) = (written_by_us(&plain), written_by_them(&plain));
        prop_assert_eq!(&us, &them);
        prop_assert_eq!(ours(&them).unwrap(), plain.clone());
        prop_assert_eq!(theirs(&us).unwrap(), plain);
    }

    #[test]
    fn noise_is_taken_and_refused_alike(bytes in noise()) {
        agree(&bytes)?;
    }

    #[test]
    fn a_message_with_a_few_bytes_changed_or_cut_is_taken_and_refused_alike(
        plain in plain(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = written_by_us(&plain);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        agree(&bytes)?;
    }
}

#[test]
fn each_deliberate_difference_is_one() {
    for bytes in
        [&b"\x80\x01\x00\x01"[..], b"\x40\x01\x00\x01\xff", b"\x40\x00\x00\x01\xffx", b"\x41\x00\x00\x01x"]
    {
        assert!(ours(bytes).is_err() && theirs(bytes).is_some(), "{bytes:x?}");
    }
}
