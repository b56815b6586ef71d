//! Random and mutated datagrams: the right code or silence, and never anything else.

use ciborium::Value;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use fwupd_core::outcome::Failure;
use fwupd_ocf::adapter::{Cast, Handled};

use crate::laws::Chance;
use crate::rig::{Fetch, OCF, ONE, PSTAT, PURL, Rig, SWU, at, encode, map, name, uint, update};

/// What a client may well send, to begin with.
fn seeds(rig: &mut Rig) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for path in [
        SWU,
        PSTAT,
        "/oic/res",
        "/oic/res?rt=oic.r.softwareupdate",
        "/oic/res?if=oic.if.baseline",
        "/oic/d",
        "/oic/p",
        "/oc/swu?if=oic.if.baseline",
        "/",
    ] {
        for options in [&[][..], &[(CoapOption::Accept, OCF)], &[(CoapOption::Block2, 2)]] {
            let mut packet = rig.packet(1, path, None, &[]);
            packet.add_option(CoapOption::Observe, vec![]);
            options.iter().for_each(|(option, value)| packet.add_option(*option, uint(*value)));
            packet.add_option(CoapOption::Unknown(2049), vec![8, 0]);
            all.push(packet);
        }
    }
    let deep = (0..30).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
    for (path, value) in [
        (SWU, update(PURL, "isac", at(0))),
        (SWU, update(PURL, "isvv", at(10))),
        (SWU, update(PURL, "upgrade", at(3600))),
        (SWU, update(PURL, "idle", at(0))),
        (SWU, update("ftp://v/f", "idle", at(0))),
        (SWU, update(&"x".repeat(300), "idle", at(0))),
        (SWU, map(&[("x.y", deep), ("purl", PURL.into())])),
        (SWU, Value::Array(vec![update(PURL, "isac", at(0))])),
        (PSTAT, map(&[("tm", 64.into())])),
        (PSTAT, map(&[("tm", 256.into())])),
        (PSTAT, map(&[("tm", 1.into())])),
        (PSTAT, map(&[("dos", map(&[("s", 0.into())]))])),
    ] {
        for format in [None, Some(OCF), Some(60)] {
            all.push(rig.packet(2, path, format, &encode(&value)));
        }
        all.push(rig.packet(3, path, Some(OCF), &encode(&value)));
    }
    // Lengths and counts that are never there.
    for head in [0x5B, 0x7B, 0x9B, 0xBB] {
        let mut payload = vec![0xA1, head];
        payload.extend([0xFF; 8]);
        all.push(rig.packet(2, SWU, Some(OCF), &payload));
        all.push(rig.packet(2, PSTAT, Some(OCF), &payload[1..]));
    }
    for nested in [0x81, 0x9F, 0xA1, 0xBF, 0xC1] {
        all.push(rig.packet(2, SWU, Some(OCF), &[&b"\xa1\x63x.a"[..], &[nested; 600]].concat()));
    }
    let mut ack = Packet::new();
    for (kind, code) in [
        (MessageType::Acknowledgement, 0),
        (MessageType::Reset, 0),
        (MessageType::Reset, 0x45),
        (MessageType::NonConfirmable, 0x45),
    ] {
        ack.header.set_type(kind);
        ack.header.code = MessageClass::from(code);
        all.push(ack.clone());
    }
    all.into_iter().map(|packet| packet.to_bytes_unlimited().unwrap()).collect()
}

fn mutated(chance: &mut Chance, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = chance.one_of(seeds).clone();
    // Another identifier, so that most are no duplicates.
    if chance.below(20) > 0 {
        bytes[2] = chance.below(256) as u8;
        bytes[3] = chance.below(256) as u8;
    }
    if chance.below(10) == 0 {
        bytes[0] ^= 0x10;
    }
    for _ in 0..chance.below(4) {
        let at = chance.below(bytes.len().max(1));
        match chance.below(8) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), chance.below(256) as u8),
            2 if !bytes.is_empty() => _ = bytes.remove(at.min(bytes.len() - 1)),
            // An unknown critical option, or a huge block, before the payload.
            3 => {
                if let Ok(mut packet) = Packet::from_bytes(&bytes) {
                    match chance.below(5) {
                        0 => packet.add_option(CoapOption::Unknown(65_001), vec![1]),
                        1 => packet.add_option(CoapOption::Block1, vec![0xFF, 0xFF, 0xFE]),
                        2 => packet.add_option(CoapOption::Block2, vec![0xFF; 4]),
                        3 => packet.add_option(CoapOption::Unknown(2053), vec![0]),
                        _ => packet.add_option(CoapOption::UriQuery, b"if=oic.if.ll".to_vec()),
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

/// What is said of a request at once, or by the next polls.
fn answers(rig: &mut Rig, cast: Cast, datagram: &[u8], chance: &mut Chance) -> Vec<Vec<u8>> {
    let mut out = vec![0; 1280];
    let mut all = Vec::new();
    for round in 0.. {
        assert!(round < 100, "{datagram:02x?}");
        let now = rig.now();
        match rig.ocf.handle(ONE, cast, datagram, now, &mut rig.up, &mut out) {
            Handled::Done(0) => break,
            Handled::Done(length) => {
                all.push(out[..length].to_vec());
                break;
            }
            // Some are never brought back.
            Handled::Again if chance.below(10) == 0 => break,
            Handled::Again => {}
        }
        rig.device.drain(&mut rig.up, "the updater").unwrap();
        let _ = rig.up.need(now);
    }
    for _ in 0..3 {
        rig.device.drain(&mut rig.up, "the updater").unwrap();
        let now = rig.now();
        let _ = rig.up.need(now);
        while let Some((to, length)) = rig.ocf.poll(now, &mut rig.up, &mut out) {
            assert_eq!(to, ONE);
            all.push(out[..length].to_vec());
        }
        rig.device.clock.advance(1);
    }
    all
}

/// Whatever has come before, the device takes an update to its end.
fn still_works(rig: &mut Rig) {
    rig.fetch = Fetch::Fail(Failure::TransportStatus(404));
    rig.resets = true;
    rig.settle();
    rig.fetch = Fetch::Serve;
    assert_eq!(rig.update("upgrade", 3600), "2.04");
    rig.pass(3_601_000);
    assert_eq!(rig.shown(), "idle 0 1");
}

#[test]
fn fifty_thousand_hostile_datagrams_get_the_right_code_or_silence() {
    let mut chance = Chance(0x5EED);
    let mut codes = std::collections::BTreeMap::new();
    let mut states = std::collections::BTreeMap::new();
    let (mut rig, mut all) = (Rig::new(), Vec::new());
    for n in 0..50_000 {
        if n % 500 == 0 {
            rig = Rig::new();
            rig.resets = false;
            rig.fetch = Fetch::Hold;
            all = seeds(&mut rig);
        }
        if chance.below(40) == 0 {
            rig.fetch = Fetch::Serve;
            rig.settle();
            rig.fetch = Fetch::Hold;
        }
        let datagram = mutated(&mut chance, &all);
        let cast = if chance.below(10) == 0 { Cast::Multicast } else { Cast::Unicast };
        let before = (rig.swu(), rig.shown());
        *states.entry(before.1.clone()).or_insert(0) += 1;
        let answers = answers(&mut rig, cast, &datagram, &mut chance);
        let read = Packet::from_bytes(&datagram);
        let mut told = Vec::new();
        for answer in &answers {
            let packet = Packet::from_bytes(answer).expect("the answer is good CoAP");
            let code = name(packet.header.code);
            let known = ["0.00", "2.04", "2.05", "4.00", "4.02", "4.03", "4.04", "4.05", "4.06", "4.13"];
            let known = known.contains(&code.as_str()) || ["4.15", "5.03", "5.05"].contains(&code.as_str());
            assert!(known, "{code} to {datagram:02x?}");
            // A notification goes by a token of its own.
            if packet.header.get_type() != MessageType::Confirmable {
                told.push(code.clone());
            }
            if !packet.payload.is_empty() && packet.get_first_option(CoapOption::Block2).is_none() {
                crate::rig::decode(&packet.payload);
            }
            if cast == Cast::Multicast && packet.header.get_type() != MessageType::Confirmable {
                assert_eq!(code, "2.05", "{datagram:02x?}");
            }
            *codes.entry(code).or_insert(0) += 1;
        }
        assert!(told.len() <= 1, "{told:?} to {datagram:02x?}");
        if told.is_empty() {
            *codes.entry("-".to_owned()).or_insert(0) += 1;
        }
        let after = (rig.swu(), rig.shown());
        let posts = read.as_ref().is_ok_and(|packet| name(packet.header.code) == "0.02");
        let done = told.first().is_none_or(|code| code == "2.04");
        let timed = before.0.text("swupdateaction") != "idle";
        let may_change = timed || (posts && done);
        if !may_change {
            assert_eq!(after, before, "{told:?} to {datagram:02x?}");
        }
        if n % 500 == 499 {
            still_works(&mut rig);
        }
    }
    assert!(codes.len() >= 12, "{codes:?}");
    for state in ["idle 0", "nsa 256", "svv 256", "sva 320", "upgrading 448"] {
        assert!(states.keys().any(|shown| shown.starts_with(state)), "{states:?}");
    }
}
