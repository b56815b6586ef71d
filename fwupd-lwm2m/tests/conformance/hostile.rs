//! Random and mutated datagrams: the right code or silence, and never anything else.

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use fwupd_lwm2m::adapter::Handled;
use fwupd_testkit::reference::package;

use crate::laws::Chance;
use crate::rig::{Fetch, OPAQUE, Permit, Rig, SERVER, TEXT, TLV, name, uint};

/// What a server may well send, to begin with.
fn seeds(rig: &mut Rig) -> Vec<Vec<u8>> {
    let file = package("one-integrated.suit");
    let mut all = Vec::new();
    for path in ["/5", "/5/0", "/5/0/1", "/5/0/3", "/5/0/5", "/5/0/8", "/3/0", "/3/0/3", "/1/0", "/0/0", "/"]
    {
        for accept in [None, Some(TEXT), Some(40), Some(TLV)] {
            let mut packet = rig.packet(1, path, None, &[]);
            if let Some(accept) = accept {
                packet.add_option(CoapOption::Accept, uint(u32::from(accept)));
            }
            packet.add_option(CoapOption::Block2, uint(2));
            packet.add_option(CoapOption::Observe, vec![]);
            all.push(packet);
        }
    }
    for n in 0..4 {
        all.push(rig.block_packet(n, n < 3, 5, &file[n as usize * 512..(n as usize * 512 + 512).min(1794)]));
    }
    for (path, format, payload) in [
        ("/5/0/0", OPAQUE, &[0][..]),
        ("/5/0/0", OPAQUE, &file),
        ("/5/0/0", TEXT, b"AA=="),
        ("/5/0/0", TLV, &[0xC1, 0, 0]),
        ("/5/0/1", TEXT, b"coap://example.com/fw"),
        ("/5/0/1", TEXT, b"ftp://example.com/fw"),
        ("/5/0/1", TEXT, b""),
        ("/5/0", TLV, &[0xC1, 11, 2, 0xC1, 13, 30, 0xC1, 0, 0]),
        ("/5/0/11", TEXT, b"2"),
        ("/1/0/1", TEXT, b"300"),
        ("/3/0/3", TEXT, b"x"),
    ] {
        all.push(rig.packet(3, path, Some(format), payload));
    }
    for path in ["/5/0/2", "/5/0/10", "/3/0/4", "/1/0/8", "/5", "/5/0"] {
        all.push(rig.packet(2, path, None, b""));
        all.push(rig.packet(4, path, None, b""));
    }
    let mut ack = Packet::new();
    ack.header.set_type(MessageType::Acknowledgement);
    all.push(ack.clone());
    ack.header.set_type(MessageType::Reset);
    all.push(ack.clone());
    ack.header.code = MessageClass::from(0x45);
    all.push(ack);
    all.into_iter().map(|packet| packet.to_bytes_unlimited().unwrap()).collect()
}

fn mutated(chance: &mut Chance, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = chance.one_of(seeds).clone();
    // Another identifier, so that most are no duplicates.
    if chance.below(20) > 0 {
        bytes[2] = chance.below(256) as u8;
        bytes[3] = chance.below(256) as u8;
    }
    for _ in 0..chance.below(4) {
        let at = chance.below(bytes.len().clamp(1, 48));
        match chance.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), chance.below(256) as u8),
            2 if !bytes.is_empty() => _ = bytes.remove(at.min(bytes.len() - 1)),
            // An unknown critical option, or a huge block, before the payload.
            3 => {
                if let Ok(mut packet) = Packet::from_bytes(&bytes) {
                    match chance.below(4) {
                        0 => packet.add_option(CoapOption::Unknown(65_001), vec![1]),
                        1 => packet.add_option(CoapOption::Block1, vec![0xFF, 0xFF, 0xFE]),
                        2 => packet.add_option(CoapOption::Block2, vec![0xFF; 4]),
                        _ => packet.add_option(CoapOption::Size1, vec![0xFF; 4]),
                    }
                    bytes = packet.to_bytes_unlimited().unwrap();
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
        }
    }
    if chance.below(50) == 0 {
        bytes = (0..chance.below(64)).map(|_| chance.below(256) as u8).collect();
    }
    bytes
}

/// A request that may begin, go on with or end an update, as another implementation reads it.
fn may_change(datagram: &[u8]) -> bool {
    let Ok(packet) = Packet::from_bytes(datagram) else { return false };
    let writes = matches!(name(packet.header.code).as_str(), "0.02" | "0.03");
    let path: Vec<&[u8]> =
        packet.get_option(CoapOption::UriPath).into_iter().flatten().map(Vec::as_slice).collect();
    writes && path.first() == Some(&&b"5"[..])
}

#[test]
fn a_hundred_thousand_hostile_datagrams_get_the_right_code_or_silence() {
    let mut chance = Chance(0x5EED);
    let mut codes = std::collections::BTreeMap::new();
    let mut states = std::collections::BTreeMap::new();
    let mut out = vec![0; 1280];
    let (mut rig, mut all) = (Rig::new(), Vec::new());
    for n in 0..100_000 {
        if n % 500 == 0 {
            rig = Rig::new();
            (rig.fetch, rig.permit, rig.resets) = (Fetch::Hold, Permit::Silent, false);
            all = seeds(&mut rig);
            // No mutation of a few bits comes to one of these.
            rig.token = 0xA5A5_0000;
        }
        let datagram = mutated(&mut chance, &all);
        let before = rig.shown();
        *states.entry(before.clone()).or_insert(0) += 1;
        let mut answer = None;
        for round in 0.. {
            assert!(round < 2_000, "{datagram:02x?}");
            let now = rig.now();
            match rig.client.handle(SERVER, &datagram, now, &mut rig.up, &mut out) {
                Handled::Done(length) => {
                    answer = Some(out[..length].to_vec()).filter(|answer| !answer.is_empty());
                    break;
                }
                // Some are never brought back.
                Handled::Again if chance.below(100) == 0 => break,
                Handled::Again => rig.turn(),
            }
        }
        let code = match &answer {
            None => "-".to_owned(),
            Some(answer) => {
                let packet = Packet::from_bytes(answer).expect("the answer is good CoAP");
                assert!(
                    answer.len() >= 4 && answer[2..4] == datagram[2..4]
                        || packet.header.get_type() == MessageType::NonConfirmable
                );
                name(packet.header.code)
            }
        };
        *codes.entry(code.clone()).or_insert(0) += 1;
        let after = rig.shown();
        if !may_change(&datagram) {
            assert_eq!(after, before, "{code} to {datagram:02x?}");
        }
        // What is refused goes no further; it may end an update, or leave a result that tells why.
        if matches!(&code[..1], "4" | "5") {
            assert!(after == before || after.starts_with("0/"), "{before} to {after} by {code}");
        }
        let known =
            ["-", "0.00", "2.04", "2.05", "2.31", "4.00", "4.01", "4.02", "4.04", "4.05", "4.06", "4.08"];
        let known = known.contains(&code.as_str())
            || ["4.12", "4.13", "4.15", "5.01", "5.05"].contains(&code.as_str());
        assert!(known, "{code} to {datagram:02x?}");
        rig.turn();
    }
    // The walk has been everywhere that it should.
    assert!(codes.len() >= 14, "{codes:?}");
    for state in ["0/", "1/", "2/"] {
        assert!(states.keys().any(|shown| shown.starts_with(state)), "{states:?}");
    }
}
