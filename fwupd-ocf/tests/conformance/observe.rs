//! Notifications: rows 60 to 63.

use coap_lite::CoapOption;
use fwupd_ocf::adapter::{Cast, Handled};

use crate::rig::{Notice, ONE, PSTAT, Rig, SWU, TWO, at, update};

/// Values without those that are equal to the one before.
fn collapsed<T: PartialEq + Clone>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for one in all {
        if kept.last() != Some(&one) {
            kept.push(one);
        }
    }
    kept
}

fn run(path: &'static str, checked: bool) -> Vec<Notice> {
    let mut rig = Rig::configured();
    if checked {
        assert_eq!(rig.tm(256), "2.04");
        rig.settle();
    }
    rig.follows = Some(path);
    rig.observe(ONE, path);
    assert_eq!(rig.update("upgrade", 10), "2.04");
    rig.pass(15_000);
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
    rig.notices
}

#[test]
fn r11_r60_every_state_of_an_upgrade_is_told_in_its_order() {
    let notices = run(SWU, false);
    let states = notices.iter().map(|notice| notice.value.text("swupdatestate").to_owned());
    assert_eq!(collapsed(states), ["idle", "svv", "sva", "upgrading", "idle"]);
    let modes = notices.iter().map(|notice| notice.value.text("swupdateaction").to_owned());
    assert_eq!(collapsed(modes), ["idle", "upgrade", "idle"]);
    assert!(notices.len() >= 6, "{notices:?}");
}

#[test]
fn r60_no_payload_is_told_twice_and_observe_rises() {
    let mut rig = Rig::new();
    rig.resets = false;
    rig.observe(ONE, SWU);
    assert_eq!(rig.update("upgrade", 10), "2.04");
    rig.pass(15_000);
    assert_eq!(rig.shown(), "upgrading 448 0");
    for pair in rig.notices.windows(2) {
        assert!(pair[0].value != pair[1].value && pair[0].sequence < pair[1].sequence, "{pair:?}");
    }
    assert!(rig.notices.len() >= 5, "{:?}", rig.notices);
}

#[test]
fn r61_the_current_mode_is_told_as_it_changes() {
    for (checked, expected) in [(false, &[0, 256, 320, 448, 0][..]), (true, &[256, 320, 448, 0])] {
        let notices = run(PSTAT, checked);
        let modes = notices.iter().map(|notice| notice.value.number("cm") & 0x1C0);
        assert_eq!(collapsed(modes), expected);
    }
}

#[test]
fn r62_what_is_refused_is_not_told() {
    let mut rig = Rig::new();
    rig.observe(ONE, SWU);
    assert_eq!(rig.update("upgrade", -1), "4.00");
    rig.settle();
    assert_eq!(rig.notices.len(), 1);
    assert_eq!(rig.update("upgrade", 3600), "2.04");
    rig.settle();
    assert_eq!(rig.notices.len(), 2);
}

#[test]
fn r63_who_deregisters_or_resets_is_told_no_more() {
    let mut rig = Rig::new();
    let mut packet = rig.observe(ONE, SWU);
    assert_eq!(rig.update("isac", 3600), "2.04");
    rig.settle();
    assert_eq!(rig.notices.len(), 2);
    packet.header.message_id = 1;
    packet.set_option(CoapOption::Observe, [vec![1]].into());
    let answer = rig.ask(ONE, &packet);
    assert_eq!((answer.code.as_str(), answer.uint(CoapOption::Observe)), ("2.05", None));
    assert_eq!(rig.update("idle", 3600), "2.04");
    rig.settle();
    assert_eq!(rig.notices.len(), 2);

    let mut rig = Rig::new();
    rig.observe(ONE, SWU);
    rig.rejects = true;
    for (action, notices) in [("isac", 2), ("idle", 2)] {
        assert_eq!(rig.update(action, 3600), "2.04");
        rig.settle();
        assert_eq!(rig.notices.len(), notices, "{action}");
    }
}

#[test]
fn nothing_is_told_or_read_before_it_is_written() {
    let mut rig = Rig::new();
    rig.observe(ONE, SWU);
    rig.settle();
    assert!(rig.ocf.drained());
    let value = crate::rig::encode(&update(crate::rig::PURL, "isac", at(3600)));
    let packet = rig.packet(2, SWU, None, &value).to_bytes_unlimited().unwrap();
    assert_eq!(rig.hand(TWO, Cast::Unicast, &packet), Handled::Done(0));
    rig.poll();
    assert_eq!(rig.notices.len(), 1);
    let get = rig.packet(1, SWU, None, &[]).to_bytes_unlimited().unwrap();
    assert_eq!(rig.hand(TWO, Cast::Unicast, &get), Handled::Again);
    assert!(!rig.ocf.drained());
    rig.device.drain(&mut rig.up, "the updater").unwrap();
    let now = rig.now();
    let _ = rig.up.need(now);
    assert!(!rig.ocf.drained(), "it is neither answered nor told");
    rig.poll();
    assert!(rig.ocf.drained());
    assert_eq!(rig.notices.len(), 2);
}

/// RFC 7641 section 4.5.1: a client that is slow is told the latest value, and not all of them.
#[test]
fn one_notification_is_under_way_to_each_client() {
    let mut rig = Rig::new();
    rig.observe(ONE, SWU);
    rig.silent = true;
    for seconds in [10, 20, 60] {
        assert_eq!(rig.update("isac", seconds), "2.04");
        rig.settle();
    }
    assert_eq!(rig.notices.len(), 2);
    assert!(!rig.ocf.drained());
    // It is sent again, and acknowledged.
    rig.silent = false;
    let now = rig.now();
    let next = rig.ocf.poll_timeout(now).unwrap();
    rig.device.clock.advance(next - now.mono);
    rig.settle();
    let times: Vec<&str> = rig.notices.iter().map(|notice| notice.value.text("updatetime")).collect();
    assert_eq!(times, ["1970-01-01T00:00:00Z", at(10), at(10), at(60)]);
    assert!(rig.ocf.drained());
}

/// RFC 7641 section 2 and RFC 7959 section 2.6: later blocks are fetched without observing.
#[test]
fn a_later_block_is_not_observed() {
    let mut rig = Rig::new();
    let answer = rig.get(SWU, &[(CoapOption::Observe, 0), (CoapOption::Block2, 1 << 4 | 2)]);
    assert_eq!((answer.code.as_str(), answer.uint(CoapOption::Observe)), ("2.05", None));
    let answer = rig.get(SWU, &[(CoapOption::Observe, 0), (CoapOption::Block2, 2)]);
    assert!(answer.uint(CoapOption::Observe).is_some());
}

#[test]
fn several_clients_observe_and_write_side_by_side() {
    let mut rig = Rig::new();
    rig.observe(ONE, SWU);
    rig.observe(TWO, SWU);
    rig.observe(TWO, PSTAT);
    // Two of them write at once, and are both answered.
    let one = rig.packet(2, SWU, None, &crate::rig::encode(&update(crate::rig::PURL, "isac", at(10))));
    let two = rig.packet(2, SWU, None, &crate::rig::encode(&update(crate::rig::PURL, "isvv", at(20))));
    rig.hand(ONE, Cast::Unicast, &one.to_bytes_unlimited().unwrap());
    rig.deliver(TWO, Cast::Unicast, &two.to_bytes_unlimited().unwrap());
    rig.settle();
    assert_eq!(rig.answer(ONE, &one).unwrap().code, "2.04");
    assert_eq!(rig.answer(TWO, &two).unwrap().code, "2.04");
    rig.pass(25_000);
    assert_eq!(rig.shown(), "sva 320 1");
    for peer in [ONE, TWO] {
        let states = rig.notices.iter().filter(|n| n.peer == peer && n.value.get("purl").is_some());
        let states = states.map(|notice| notice.value.text("swupdatestate").to_owned());
        assert_eq!(collapsed(states), ["idle", "svv", "sva"], "{peer}");
    }
    let modes = rig.notices.iter().filter(|notice| notice.value.get("cm").is_some());
    assert_eq!(collapsed(modes.map(|notice| notice.value.number("cm"))), [0, 256, 320]);
}
