//! Requests and their answers: rows 4, 64 to 69 and 73.

use coap_lite::CoapOption;
use fwupd_core::outcome::Initiator;
use fwupd_ocf::adapter::{Cast, Handled};
use fwupd_ocf::spec::Answer;

use crate::rig::{OCF, ONE, PSTAT, PURL, Rig, SWU, at, encode, map, uint, update};

#[test]
fn r04_an_interface_that_is_not_there_is_forbidden() {
    let mut rig = Rig::new();
    for path in [format!("{SWU}?if=oic.if.ll"), format!("{PSTAT}?if=oic.if.a"), "/oic/d?if=oic.if.rw".into()]
    {
        assert_eq!(rig.get(&path, &[]).code, "4.03", "{path}");
    }
}

#[test]
fn r64_only_get_and_post_are_allowed() {
    let mut rig = Rig::new();
    let payload = encode(&update(PURL, "isac", at(10)));
    for path in [SWU, PSTAT] {
        for method in [3, 4, 5, 6, 7] {
            let packet = rig.packet(method, path, Some(OCF), &payload);
            assert_eq!(rig.ask(ONE, &packet).code, "4.05", "{method} {path}");
        }
    }
    for path in ["/oic/d", "/oic/p", "/oic/res"] {
        assert_eq!(rig.post(path, &map(&[])).code, "4.05", "{path}");
    }
    for path in ["/", "/oc", "/oc/swu/1", "/nothing"] {
        assert_eq!(rig.get(path, &[]).code, "4.04", "{path}");
        assert_eq!(rig.post(path, &map(&[])).code, "4.04", "{path}");
    }
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
}

#[test]
fn r65_there_is_one_format_to_read() {
    let mut rig = Rig::new();
    for format in [0, 50, 60] {
        assert_eq!(rig.get(SWU, &[(CoapOption::Accept, format)]).code, "4.06", "{format}");
    }
    for options in [&[(CoapOption::Accept, OCF)][..], &[]] {
        let answer = rig.get(SWU, options);
        assert_eq!((answer.code.as_str(), answer.uint(CoapOption::ContentFormat)), ("2.05", Some(OCF)));
    }
}

#[test]
fn r66_there_is_one_format_to_write() {
    let mut rig = Rig::new();
    let payload = encode(&update(PURL, "isac", at(10)));
    for (format, code) in [(Some(60), "4.15"), (Some(50), "4.15"), (Some(0), "4.15"), (None, "2.04")] {
        let packet = rig.packet(2, SWU, format, &payload);
        assert_eq!(rig.ask(ONE, &packet).code, code, "{format:?}");
    }
}

#[test]
fn r67_the_version_is_told_to_who_knows_it() {
    let (asks, tells) = (CoapOption::Unknown(2049), CoapOption::Unknown(2053));
    let mut rig = Rig::new();
    for path in [SWU, PSTAT, "/oic/res", "/oic/d"] {
        let answer = rig.get(path, &[(CoapOption::Accept, OCF), (asks, 0x0800)]);
        assert_eq!(answer.packet.get_first_option(tells), Some(&vec![0x08, 0x00]), "{path}");
        assert_eq!(rig.get(path, &[]).packet.get_first_option(tells), None);
    }
    // Version 1.1 as well, and what a client says of its own payload.
    assert_eq!(rig.get(SWU, &[(asks, 0x0840)]).code, "2.05");
    for (version, code) in [(0x0800, "2.04"), (0x0000, "4.15"), (0x1000, "4.15")] {
        let mut packet = rig.packet(2, SWU, Some(OCF), &encode(&update(PURL, "idle", at(10))));
        packet.add_option(tells, uint(version));
        packet.add_option(asks, uint(0x0800));
        let answer = rig.ask(ONE, &packet);
        assert_eq!(answer.code, code);
        assert_eq!(answer.packet.get_first_option(tells).is_some(), code == "2.04");
    }
}

#[test]
fn r68_a_version_that_is_not_there_is_not_acceptable() {
    let mut rig = Rig::new();
    for version in [0x0000, 0x1000] {
        assert_eq!(rig.get(SWU, &[(CoapOption::Unknown(2049), version)]).code, "4.06");
    }
}

#[test]
fn r69_an_option_that_must_be_understood_and_is_not_is_refused() {
    let mut rig = Rig::new();
    assert_eq!(rig.get(SWU, &[(CoapOption::Unknown(65_001), 1)]).code, "4.02");
}

#[test]
fn r73_an_update_that_comes_twice_is_executed_once() {
    let mut rig = Rig::new();
    let packet = rig.packet(2, SWU, Some(OCF), &encode(&update(PURL, "isac", at(10))));
    assert_eq!(rig.ask(ONE, &packet).code, "2.04");
    assert_eq!(rig.update("idle", 20), "2.04");
    assert_eq!(rig.ask(ONE, &packet).code, "2.04");
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
}

#[test]
fn an_update_that_takes_long_is_acknowledged_and_answered_on_its_own() {
    let mut rig = Rig::new();
    let packet = rig.packet(2, SWU, Some(OCF), &encode(&update(PURL, "isac", at(3600))));
    rig.hand(ONE, Cast::Unicast, &packet.to_bytes_unlimited().unwrap());
    // The flash takes a second and a half.
    rig.device.clock.advance(1_500);
    rig.poll();
    assert!(rig.answer(ONE, &packet).is_none());
    let now = rig.now();
    assert!(rig.ocf.poll_timeout(now).is_none_or(|at| at > now.mono), "it is acknowledged once");
    for _ in 0..20 {
        rig.turn();
    }
    let answer = rig.answer(ONE, &packet).unwrap();
    assert_eq!((answer.code.as_str(), answer.map().text("swupdateaction")), ("2.04", "isac"));
    assert_eq!(answer.packet.header.get_type(), coap_lite::MessageType::Confirmable);
}

#[test]
fn what_another_protocol_writes_is_waited_for() {
    let mut rig = Rig::new();
    let now = rig.now();
    rig.up.remember(Initiator(2), b"note").unwrap();
    let post = rig.packet(2, SWU, Some(OCF), &encode(&update(PURL, "isac", at(10))));
    let post = post.to_bytes_unlimited().unwrap();
    assert_eq!(rig.hand(ONE, Cast::Unicast, &post), Handled::Again);
    assert_eq!(rig.ocf.restore(now, &mut rig.up), Err(Answer::Unavailable));
    let get = rig.packet(1, SWU, None, &[]);
    rig.hand(ONE, Cast::Unicast, &get.to_bytes_unlimited().unwrap());
    assert_eq!(rig.answer(ONE, &get).unwrap().code, "2.05");
    rig.turn();
    assert_eq!(rig.hand(ONE, Cast::Unicast, &post), Handled::Done(0));
}

#[test]
fn an_application_that_does_not_poll_is_not_asked_for_more_than_there_is_room_for() {
    let mut rig = Rig::new();
    let mut codes = Vec::new();
    for _ in 0..6 {
        let packet = rig.packet(2, SWU, Some(OCF), &encode(&update(PURL, "isac", at(10))));
        rig.hand(ONE, Cast::Unicast, &packet.to_bytes_unlimited().unwrap());
        rig.device.drain(&mut rig.up, "the updater").unwrap();
        let now = rig.now();
        let _ = rig.up.need(now);
        codes.push((rig.answer(ONE, &packet).map(|answer| answer.code), packet));
    }
    rig.poll();
    for (n, (code, packet)) in codes.into_iter().enumerate() {
        let code = code.or_else(|| rig.answer(ONE, &packet).map(|answer| answer.code));
        assert_eq!(code.as_deref(), Some(if n < 4 { "2.04" } else { "5.03" }), "{n}");
    }
}

#[test]
fn what_is_in_blocks_is_served_and_not_taken() {
    let mut rig = Rig::new();
    let whole = encode(&rig.get("/oic/res", &[]).value());
    let (mut got, mut number) = (Vec::<u8>::new(), 0);
    loop {
        let answer = rig.get("/oic/res", &[(CoapOption::Block2, number << 4 | 2)]);
        assert_eq!(answer.code, "2.05");
        got.extend(&answer.packet.payload);
        if answer.uint(CoapOption::Block2).unwrap() & 8 == 0 {
            break;
        }
        number += 1;
    }
    assert_eq!(got, whole);
    let payload = encode(&update(PURL, "isac", at(10)));
    for (block, code) in [(0x0A, "4.13"), (0x12, "4.13"), (0x02, "2.04")] {
        let mut packet = rig.packet(2, SWU, Some(OCF), &payload);
        packet.add_option(CoapOption::Block1, uint(block));
        assert_eq!(rig.ask(ONE, &packet).code, code, "{block:x}");
    }
}

#[test]
fn only_the_target_mode_of_pstat_can_be_written() {
    let mut rig = Rig::configured();
    for (key, value) in [("cm", 64), ("om", 4), ("sm", 4), ("bogus", 1)] {
        assert_eq!(rig.post(PSTAT, &map(&[("tm", 64.into()), (key, value.into())])).code, "4.00", "{key}");
        assert_eq!(rig.post(PSTAT, &map(&[(key, value.into())])).code, "4.00", "{key}");
    }
    for value in [ciborium::Value::from(65_536), (-1).into(), "64".into()] {
        assert_eq!(rig.post(PSTAT, &map(&[("tm", value)])).code, "4.00");
    }
    rig.settle();
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
}
