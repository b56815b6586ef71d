//! Observations: rows 75, 77 to 80.

use coap_lite::CoapOption;
use fwupd_testkit::reference::package;

use crate::reads::downloaded;
use crate::rig::{Fetch, OPAQUE, Rig, TEXT};

fn observing() -> Rig {
    let mut rig = Rig::new();
    assert_eq!((rig.observe("/5/0/3").as_str(), rig.observe("/5/0/5").as_str()), ("0", "0"));
    rig
}

#[test]
fn r77_every_transition_is_told_once_state_before_result_in_ascending_sequence() {
    let mut rig = observing();
    let uri = "coap://example.com/fw";
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "2.04");
    rig.settle();
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.shown(), "0/7", "the host is unknown");
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    rig.settle();
    rig.device.files.insert(uri.into(), package("one-integrated.suit"));
    assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "2.04");
    rig.settle();
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    rig.settle();
    assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "2.04");
    rig.settle();
    rig.resets = false;
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
    let sequence: Vec<u32> = rig.notices.iter().map(|notice| notice.sequence).collect();
    assert!(sequence.is_sorted_by(|a, b| a < b), "{sequence:?}");
    let told = rig.told();
    let told: Vec<&str> = told.iter().map(|told| told.strip_prefix("/5/0/").unwrap()).collect();
    assert_eq!(
        told,
        [
            "3 1", "3 0", "5 7", // a download that fails
            "5 0", // a reset
            "3 1", "3 2", // a download
            "3 0", "5 10", // a cancellation
            "3 1", "5 0", "3 2", // a delivery
            "3 3", // an installation
        ]
    );
}

#[test]
fn r77_a_notification_that_is_lost_comes_again_and_then_the_newest_value() {
    let mut rig = observing();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "2.04");
    rig.online = false;
    rig.settle();
    assert!(!rig.client.drained(), "a notification waits for its acknowledgement");
    rig.online = true;
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.told(), [""; 0]);
    assert_eq!(rig.up.status().unwrap().last.unwrap().at, fwupd_core::outcome::Phase::Download);
    rig.pass(4_000);
    assert_eq!(rig.told(), ["/5/0/3 1", "/5/0/3 0", "/5/0/5 7"]);
    assert!(rig.client.drained());
}

#[test]
fn r77_the_instance_and_other_objects_are_observed_as_well() {
    let mut rig = Rig::new();
    rig.observe("/3/0/3");
    let mut instance = rig.packet(1, "/5/0", None, &[]);
    instance.add_option(CoapOption::Observe, Vec::new());
    let before = rig.ask(&instance);
    assert_eq!(before.payload, rig.get("/5/0", &[]).payload);
    assert_eq!(rig.put("/5/0/11", TEXT, b"2"), "2.04");
    rig.settle();
    let told = coap_lite::Packet::from_bytes(rig.sent.last().unwrap()).unwrap();
    assert_eq!(told.get_token(), instance.get_token());
    assert_eq!(told.payload, rig.get("/5/0", &[]).payload);
    assert_eq!(rig.told(), [""; 0], "what runs has not changed");
}

#[test]
fn r75_the_time_of_a_change_is_told_before_the_state() {
    let mut rig = Rig::new();
    assert_eq!(rig.get("/5/0/12", &[]).code, "4.04", "no wall time");
    rig.device.clock.set_wall(Some(1_700_000_000));
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    assert_eq!(rig.observe("/5/0/12"), "1700000000");
    rig.observe("/5/0/3");
    rig.fetch = Fetch::Hold;
    rig.device.clock.advance(60_000);
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "2.04");
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/12 1700000060", "/5/0/3 1"]);
    rig.device.clock.advance(60_000);
    rig.device.files.insert("coap://example.com/fw".into(), package("one-integrated.suit"));
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/12 1700000120", "/5/0/3 2"]);
    rig.reboot();
    assert_eq!(rig.read("/5/0/12"), "1700000120", "and outlives a reset");
    assert_eq!(rig.accept("/5/0/12", crate::rig::TLV).payload, [0xC4, 12, 0x65, 0x53, 0xF1, 0x78]);
}

/// A PUT with these arguments and nothing else.
fn attributes(rig: &mut Rig, path: &str, queries: &[&str]) -> String {
    let mut packet = rig.packet(3, path, None, b"");
    for query in queries {
        packet.add_option(CoapOption::UriQuery, query.as_bytes().to_vec());
    }
    rig.ask(&packet).code
}

#[test]
fn r78_changes_within_the_least_period_are_told_once_with_the_last_value() {
    for path in ["/5/0/3", "/5/0", "/5"] {
        let mut rig = Rig::new();
        assert_eq!(attributes(&mut rig, path, &["pmin=1"]), "2.04");
        rig.observe("/5/0/3");
        let file = package("one-integrated.suit");
        for _ in 0..2 {
            assert_eq!(rig.put("/5/0/0", OPAQUE, &file), "2.04");
            assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "2.04");
        }
        assert_eq!(rig.put("/5/0/0", OPAQUE, &file), "2.04");
        rig.settle();
        assert!(rig.now().mono < 900, "within the period");
        assert_eq!(rig.told(), [""; 0]);
        assert!(!rig.client.drained());
        rig.pass(1_000);
        assert_eq!(rig.told(), ["/5/0/3 2"]);
        assert!(rig.client.drained());
    }
}

#[test]
fn r79_what_does_not_change_is_told_after_the_longest_period() {
    let mut rig = Rig::new();
    assert_eq!(attributes(&mut rig, "/5/0/3", &["pmin=1", "pmax=3"]), "2.04");
    rig.observe("/5/0/3");
    rig.observe("/5/0/5");
    rig.pass(10_000);
    assert_eq!(rig.told(), ["/5/0/3 0"; 3]);
    assert_eq!(attributes(&mut rig, "/5/0/3", &["pmax"]), "2.04");
    rig.pass(10_000);
    assert_eq!(rig.told(), [""; 0]);
    for (path, queries, code) in [
        ("/5/0/3", &["pmin=x"][..], "4.00"),
        ("/5/0/3", &["pmin=1", "gt=2"], "4.00"),
        ("/5/0/4", &["pmin=1"], "4.04"),
        ("/5/1", &["pmin=1"], "4.04"),
        ("/5/0/3", &["pmin=5", "pmax=2"], "2.04"),
    ] {
        assert_eq!(attributes(&mut rig, path, queries), code, "{path} {queries:?}");
    }
}

#[test]
fn r80_a_reset_or_a_request_ends_an_observation() {
    let mut rig = observing();
    rig.rejects = true;
    assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "2.04");
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/3 1"]);
    rig.rejects = false;
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/5 10"], "the other one goes on");
    let mut cancel = rig.packet(1, "/5/0/5", None, &[]);
    cancel.add_option(CoapOption::Observe, vec![1]);
    let answer = rig.ask(&cancel);
    assert_eq!((answer.code.as_str(), answer.text().as_str()), ("2.05", "10"));
    assert_eq!(answer.uint(CoapOption::Observe), None);
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    rig.settle();
    assert_eq!((rig.told(), rig.shown().as_str()), (vec![], "0/0"));
}

/// RFC 7641, section 4.2.
#[test]
fn what_is_no_longer_there_is_told_so_and_no_longer_observed() {
    let mut rig = downloaded();
    assert_eq!(rig.observe("/5/0/7"), "5");
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    rig.settle();
    assert_eq!(rig.notices.last().unwrap().code, "4.04");
    rig.notices.clear();
    assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "2.04");
    rig.settle();
    assert_eq!(rig.told(), [""; 0]);
    let absent = rig.get("/5/0/13", &[(CoapOption::Observe, 0)]);
    assert_eq!((absent.code.as_str(), absent.uint(CoapOption::Observe)), ("4.04", None));
}

#[test]
fn there_is_an_end_to_the_number_of_observations() {
    let mut rig = Rig::new();
    for path in ["/1/0/0", "/1/0/1", "/1/0/6", "/1/0/7", "/3/0/0", "/3/0/1", "/5/0/3", "/5/0/5"] {
        rig.observe(path);
    }
    let answer = rig.get("/5/0/9", &[(CoapOption::Observe, 0)]);
    assert_eq!((answer.code.as_str(), answer.uint(CoapOption::Observe)), ("2.05", None));
    rig.observe("/5/0/3");
    assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "2.04");
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/3 1", "/5/0/3 2"], "who asks again is not told twice");
}
