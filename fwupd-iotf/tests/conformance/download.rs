//! Downloading: rows T33 to T41, T49, T74 and T75.

use fwupd_core::outcome::Failure;
use fwupd_iotf::adapter::{Handled, Wanted};
use fwupd_testkit::device::sha256;
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};
use fwupd_testkit::reference::package;
use serde_json::{Value, json};

use crate::rig::{Fetch, GOOD, Rig};

/// A device with these attributes, observed, that has begun to download.
fn downloading(uri: &str) -> Rig {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    rig.prepare(uri);
    rig.observe();
    assert_eq!(rig.download(), 202);
    rig
}

/// The same, and it was told.
fn told(uri: &str) -> Rig {
    let mut rig = downloading(uri);
    rig.poll();
    rig
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn t33_a_download_is_accepted_first_and_told_then() {
    let mut rig = downloading(GOOD);
    // The answer is there; nothing was told before it, though the device was polled again and again.
    assert_eq!((rig.shown(), rig.told()), ((1, 0), vec![]));
    assert!(!rig.device.drained());
    rig.poll();
    assert_eq!(rig.told(), [json!({"state": 1})]);
}

#[test]
fn t34_a_download_from_nowhere_is_a_bad_request() {
    for uri in [
        "",
        "example.com/fw",
        "https://",
        "https://a b/",
        "https:///fw",
        "ftp://example.com/fw",
        "urn:fw",
        "https://example.com/\u{e9}",
    ] {
        let mut rig = Rig::new();
        rig.prepare(uri);
        rig.observe();
        let writes = rig.board.flash.total().mutating();
        assert_eq!(rig.download(), 400, "{uri:?}");
        rig.settle();
        assert_eq!((rig.shown(), rig.told()), ((0, 0), vec![]), "{uri:?}");
        assert_eq!(rig.board.flash.total().mutating(), writes, "{uri:?}");
    }
    // Without an update at all.
    assert_eq!(Rig::new().download(), 400);
}

#[test]
fn t35_a_second_download_is_a_bad_request_and_the_first_goes_on() {
    let mut rig = downloading(GOOD);
    rig.settle();
    let run = rig.up.status().unwrap().run;
    assert_eq!(rig.download(), 400);
    assert_eq!((rig.shown(), rig.up.status().unwrap().run), ((1, 0), run));
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.download(), 400);
    rig.settle();
    assert_eq!(rig.shown(), (2, 0));
    assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 2, "updateStatus": 0})]);
}

#[test]
fn t36_t47_without_firmware_actions_there_are_none() {
    let mut rig = Rig::with(|config| config.firmware_actions = false);
    rig.prepare(GOOD);
    assert_eq!((rig.download(), rig.install()), (501, 501));
    assert_eq!(rig.shown(), (0, 0));
}

#[test]
fn t37_a_flash_that_takes_nothing_is_an_internal_error() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    rig.settle();
    rig.board.flash.fail_at(OpIndex::Mutating(0), 1_000, CutPlace::From(0), TornModel::Nothing);
    let answer = rig.ask("mgmt/initiate/firmware/download", json!({}));
    assert_eq!((&answer["rc"], answer["message"].is_string()), (&json!(500), true));
    rig.settle();
    assert_eq!((rig.shown(), rig.told()), ((0, 0), vec![]));
}

#[test]
fn t38_a_download_needs_an_update_and_no_observation() {
    let mut rig = Rig::new();
    assert_eq!(rig.download(), 400);
    rig.prepare(GOOD);
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.shown(), (2, 0));
}

#[test]
fn t39_a_good_download_is_told_once() {
    for verifier in ["".to_owned(), hex(&sha256(&package("one-integrated.suit")))] {
        for verifier in [verifier.clone(), verifier.to_uppercase()] {
            let mut rig = Rig::new();
            rig.prepare(GOOD);
            assert_eq!(rig.update(json!({"verifier": verifier})), 204);
            rig.observe();
            assert_eq!(rig.download(), 202);
            rig.settle();
            assert_eq!(rig.shown(), (2, 0));
            assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 2, "updateStatus": 0})]);
        }
    }
}

#[test]
fn t40_a_verifier_that_does_not_match_is_told_once_and_the_image_is_gone() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    assert_eq!(rig.update(json!({"verifier": hex(&sha256(b"another file"))})), 204);
    rig.observe();
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 0, "updateStatus": 4})]);
    assert_eq!(rig.install(), 400);
}

#[test]
fn t40_a_package_that_nobody_signed_is_told_once() {
    let mut rig = told("https://example.com/wrongkey.suit");
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 0, "updateStatus": 4})]);
}

#[test]
fn t41_every_way_to_fail_is_told_once() {
    for (why, status) in [
        (Failure::NoSpaceInFlash, 2),
        (Failure::OutOfRam, 2),
        (Failure::HostUnknown, 6),
        (Failure::PeerNotTrusted, 6),
        (Failure::TransportStatus(404), 6),
        (Failure::UnsupportedPackage, 5),
    ] {
        let mut rig = told(GOOD);
        rig.fetch = Fetch::Fail(why);
        rig.settle();
        assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 0, "updateStatus": status})], "{why:?}");
    }
    let mut rig = told(GOOD);
    rig.fetch = Fetch::Fail(Failure::ConnectionLost);
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 0, "updateStatus": 3})]);
}

#[test]
fn t49_a_download_that_a_reset_ended_has_lost_its_connection() {
    let mut rig = downloading(GOOD);
    rig.fetch = Fetch::Stop(900);
    rig.settle();
    assert_eq!(rig.shown(), (1, 0));
    rig.told();
    rig.fetch = Fetch::Serve;
    rig.reboot();
    assert_eq!(rig.shown(), (0, 3));
    let topics: Vec<String> = rig.sent.iter().filter_map(topic).collect();
    assert_eq!(topics, ["iotdevice-1/mgmt/manage", "iotdevice-1/notify"]);
    assert_eq!(rig.told(), [json!({"state": 0, "updateStatus": 3})]);
    // What was written is still there.
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.shown(), (2, 0));
}

pub(crate) fn topic(sent: &crate::rig::Sent) -> Option<String> {
    match sent {
        crate::rig::Sent::Message(topic, _) => Some(topic.clone()),
        crate::rig::Sent::Subscribe(_) => None,
    }
}

#[test]
fn t51_a_request_that_is_delivered_twice_is_carried_out_once() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    let request = json!({"reqId": "the same"});
    let topic = "mgmt/initiate/firmware/download";
    let first = rig.send(topic, &request);
    assert_eq!(first, Some(json!({"rc": 202, "reqId": "the same"})));
    rig.settle();
    let run = rig.up.status().unwrap().run;
    assert_eq!((rig.shown(), rig.send(topic, &request)), ((2, 0), first.clone()));
    assert_eq!(rig.up.status().unwrap().run, run);
    // In another connection, after a reset, too.
    rig.reboot();
    assert_eq!((rig.send(topic, &request), rig.shown()), (first, (2, 0)));
    assert_eq!(rig.download(), 400, "another request is another one");
    // What was refused stays refused, though it might be taken by now.
    let mut rig = Rig::new();
    let refused = rig.send(topic, &request);
    assert_eq!(refused, Some(json!({"rc": 400, "reqId": "the same"})));
    rig.prepare(GOOD);
    assert_eq!((rig.send(topic, &request), rig.shown()), (refused, (0, 0)));
}

#[test]
fn t51_a_reboot_that_is_delivered_again_after_it_is_carried_out_once() {
    let mut rig = Rig::with(|config| config.device_actions = true);
    let (topic, request) = ("mgmt/initiate/device/reboot", json!({"reqId": "the same"}));
    let first = rig.send(topic, &request);
    assert_eq!(first, Some(json!({"rc": 202, "reqId": "the same"})));
    assert_eq!((rig.send(topic, &request), rig.device.wanted()), (first.clone(), Some(Wanted::Reboot)));
    rig.reboot();
    assert_eq!((rig.send(topic, &request), rig.device.wanted()), (first, None));
    assert_eq!(rig.rc(topic, json!({})), 202, "another request is another one");
    assert_eq!(rig.device.wanted(), Some(Wanted::Reboot));
}

#[test]
fn t52_a_request_that_waited_for_the_connection_is_judged_by_what_is() {
    let mut rig = Rig::downloaded();
    rig.device.disconnected();
    rig.settle();
    let now = rig.now();
    rig.device.connected(now);
    assert_eq!(rig.download(), 400);
    rig.device.disconnected();
    rig.prepare(GOOD);
    rig.device.connected(now);
    assert_eq!(rig.download(), 202);
}

#[test]
fn a_message_that_a_lost_connection_took_away_stops_nothing() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    let topic = "iotdm-1/mgmt/initiate/firmware/download";
    assert_eq!(rig.hand(topic, br#"{"reqId":"x"}"#), Handled::Again);
    rig.device.disconnected();
    rig.settle();
    rig.connect();
    assert_eq!(rig.told(), [json!({"state": 2, "updateStatus": 0})]);
    assert!(rig.device.drained());
    let answer = rig.deliver("mgmt/initiate/firmware/download", br#"{"reqId":"x"}"#);
    assert_eq!((answer, rig.shown()), (Some(json!({"rc": 202, "reqId": "x"})), (2, 0)));
}

#[test]
fn t53_a_request_that_could_not_be_told_from_its_repetition_is_not_carried_out() {
    let mut rig = Rig::with(|config| config.device_actions = true);
    rig.prepare(GOOD);
    for action in ["firmware/download", "firmware/update", "device/reboot", "device/factory_reset"] {
        assert_eq!(rig.send(&format!("mgmt/initiate/{action}"), &json!({})), None);
        rig.settle();
        assert_eq!((rig.shown(), rig.device.wanted()), ((0, 0), None), "{action}");
    }
}

#[test]
fn t74_a_verifier_that_cannot_be_checked_is_a_bad_request() {
    let longest = "x".repeat(65);
    // The platform of the tests does not know MD5.
    for verifier in [&"a".repeat(32), &longest] {
        let mut rig = Rig::new();
        rig.prepare(GOOD);
        assert_eq!(rig.update(json!({"verifier": verifier})), 204);
        assert_eq!((rig.download(), rig.shown()), (400, (0, 0)), "{verifier}");
    }
    // A text that is no digest goes to the device's own check, which does not find it in this file.
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    assert_eq!(rig.update(json!({"verifier": "what it shall be"})), 204);
    rig.observe();
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.shown(), (0, 4));
}

#[test]
fn t75_a_download_after_a_failure_tells_that_the_failure_is_over() {
    let mut rig = downloading(GOOD);
    rig.fetch = Fetch::Fail(Failure::OutOfRam);
    rig.settle();
    rig.told();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1, "updateStatus": 0})]);
}

/// Whatever was told before, the platform waits for the end of this one.
#[test]
fn a_download_that_fails_as_the_last_one_before_it_is_looked_at_is_told() {
    let mut rig = told(GOOD);
    for _ in 0..3 {
        rig.fetch = Fetch::Fail(Failure::OutOfRam);
        rig.settle();
        assert_eq!(rig.told().last(), Some(&json!({"state": 0, "updateStatus": 2})));
        assert_eq!(rig.download(), 202);
    }
}

#[test]
fn a_message_is_handed_in_again_until_it_is_written() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    let message = json!({"reqId": "x"}).to_string();
    let topic = "iotdm-1/mgmt/initiate/firmware/download";
    assert_eq!(rig.hand(topic, message.as_bytes()), Handled::Again);
    assert_eq!(rig.hand(topic, message.as_bytes()), Handled::Again);
    assert!(!rig.device.drained());
    let answer: Option<Value> = rig.deliver("mgmt/initiate/firmware/download", message.as_bytes());
    assert_eq!(answer, Some(json!({"rc": 202, "reqId": "x"})));
}
