//! Updating: rows T42 to T50.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Failure, Reach};
use fwupd_core::updater::{Command, Job};
use fwupd_testkit::device::{Checks, SelfTest};
use serde_json::{Value, json};

use crate::download::topic;
use crate::rig::{Fetch, GOOD, Permit, Rig};

#[test]
fn t42_an_update_is_accepted_first_and_told_then() {
    let mut rig = Rig::downloaded();
    rig.resets = false;
    assert_eq!(rig.install(), 202);
    assert_eq!(rig.told(), Vec::<Value>::new());
    rig.settle();
    assert_eq!((rig.shown(), rig.told()), ((2, 1), vec![json!({"updateStatus": 1})]));
    assert!(rig.device.drained());
}

#[test]
fn t43_an_update_of_nothing_is_a_bad_request() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    assert_eq!((rig.install(), rig.shown()), (400, (0, 0)));
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!((rig.install(), rig.shown()), (400, (1, 0)));
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1})]);
}

#[test]
fn t44_a_new_image_is_managed_and_its_success_told_once() {
    let mut rig = Rig::downloaded();
    assert_eq!(rig.install(), 202);
    rig.settle();
    assert_eq!((rig.boots, rig.runs(), rig.shown()), (1, SlotId(1), (0, 0)));
    let topics: Vec<String> = rig.sent.iter().filter_map(topic).collect();
    assert_eq!(topics, ["iotdevice-1/notify", "iotdevice-1/mgmt/manage", "iotdevice-1/notify"]);
    let manage = rig.sent_on("iotdevice-1/mgmt/manage").remove(0);
    assert_eq!(manage["d"]["deviceInfo"]["fwVersion"], "5");
    assert_eq!(rig.told(), [json!({"updateStatus": 1}), json!({"state": 0, "updateStatus": 0})]);
    assert_eq!(rig.cancel(), 200);
    rig.reboot();
    assert_eq!((rig.shown(), rig.told()), ((0, 0), vec![]));
}

#[test]
fn t45_t50_an_image_that_was_not_confirmed_has_failed() {
    for self_test in [SelfTest::Hang, SelfTest::Crash, SelfTest::Fail] {
        let mut rig = Rig::downloaded();
        rig.board.self_test = self_test;
        assert_eq!(rig.install(), 202);
        rig.settle();
        assert_eq!((rig.runs(), rig.shown()), (SlotId(0), (0, 5)), "{self_test:?}");
        let versions: Vec<Value> = rig
            .sent_on("iotdevice-1/mgmt/manage")
            .iter()
            .map(|message| message["d"]["deviceInfo"]["fwVersion"].clone())
            .collect();
        assert_eq!(versions.last(), Some(&json!("4")));
        let told = rig.told();
        assert_eq!(told.last(), Some(&json!({"state": 0, "updateStatus": 5})));
        let ends = told.iter().filter(|told| told["updateStatus"] != 1).count();
        assert_eq!(ends, 1, "{told:?}");
    }
}

#[test]
fn t50_an_image_that_is_damaged_at_boot_is_no_image() {
    let mut rig = Rig::downloaded();
    rig.board.checks = Checks::Digest;
    rig.resets = false;
    assert_eq!(rig.install(), 202);
    rig.settle();
    let byte = rig.board.flash.contents(0)[4096 + 700];
    rig.board.flash.fill(0, 4096 + 700, &[byte & byte.wrapping_sub(1)]).unwrap();
    rig.resets = true;
    rig.settle();
    assert_eq!((rig.runs(), rig.shown()), (SlotId(0), (0, 5)));
}

#[test]
fn t45_an_image_that_is_still_good_stays_downloaded() {
    for (why, status) in [(Failure::OutOfRam, 2), (Failure::NoSpaceInFlash, 2), (Failure::Rejected, 5)] {
        let mut rig = Rig::with(|config| config.ask = Ask::User);
        rig.prepare(GOOD);
        rig.observe();
        assert_eq!(rig.download(), 202);
        rig.settle();
        rig.told();
        for _ in 0..2 {
            rig.permit = Permit::Reject(why);
            assert_eq!(rig.install(), 202);
            rig.settle();
            assert_eq!((rig.shown(), rig.boots), ((2, status), 0), "{why:?}");
            assert_eq!(rig.told().last(), Some(&json!({"state": 2, "updateStatus": status})));
        }
        rig.permit = Permit::Yes;
        assert_eq!(rig.install(), 202);
        rig.settle();
        assert_eq!((rig.shown(), rig.boots), ((0, 0), 1));
    }
}

#[test]
fn t47_an_update_that_cannot_start_is_an_internal_error() {
    let mut rig = Rig::downloaded();
    rig.command(0, Command::Enable(SlotId(1), false));
    let answer = rig.ask("mgmt/initiate/firmware/update", json!({}));
    assert_eq!((&answer["rc"], answer["message"].is_string()), (&json!(500), true));
    rig.settle();
    assert_eq!((rig.shown(), rig.told()), ((2, 0), vec![]));
    // It may be asked for again.
    rig.command(0, Command::Enable(SlotId(1), true));
    assert_eq!(rig.install(), 202);
}

#[test]
fn t46_an_update_at_work_is_not_begun_again() {
    let mut rig = Rig::downloaded();
    rig.resets = false;
    assert_eq!(rig.install(), 202);
    rig.settle();
    let run = rig.up.status().unwrap().run;
    assert_eq!((rig.install(), rig.download(), rig.shown()), (400, 400, (2, 1)));
    assert_eq!(rig.up.status().unwrap().run, run);
}

#[test]
fn t48_what_was_downloaded_outlives_a_reset() {
    let mut rig = Rig::downloaded();
    rig.reboot();
    let expected = json!({"state": 2, "updateStatus": 0, "version": "5", "name": "firmware", "uri": GOOD});
    assert_eq!(rig.observe(), expected);
    assert_eq!(rig.install(), 202);
    rig.settle();
    assert_eq!((rig.runs(), rig.shown()), (SlotId(1), (0, 0)));
}

#[test]
fn t51_an_update_that_is_delivered_again_after_it_is_done_is_not_done_again() {
    let mut rig = Rig::downloaded();
    let request = json!({"reqId": "the same"});
    let first = rig.send("mgmt/initiate/firmware/update", &request);
    assert_eq!(first, Some(json!({"rc": 202, "reqId": "the same"})));
    rig.settle();
    assert_eq!(rig.boots, 1);
    assert_eq!(rig.send("mgmt/initiate/firmware/update", &request), first);
    rig.settle();
    assert_eq!((rig.boots, rig.shown()), (1, (0, 0)));
}

#[test]
fn t73_the_work_of_another_is_shown_and_not_disturbed() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    let (reach, after) = (Reach::Activate(Ask::No), AfterReset::Fail);
    let uri = Some("https://example.com/one-integrated.suit");
    rig.fetch = Fetch::Hold;
    rig.command(2, Command::Fetch(Job { uri, reach, target: None, after, file_check: None }));
    rig.settle();
    assert_eq!(rig.shown(), (1, 0));
    assert_eq!((rig.download(), rig.install(), rig.update(json!({"name": "x"}))), (400, 400, 409));
    rig.fetch = Fetch::Serve;
    rig.resets = false;
    rig.settle();
    assert_eq!(rig.shown(), (2, 1));
    assert_eq!((rig.download(), rig.install(), rig.update(json!({"state": 0}))), (400, 400, 409));
    rig.resets = true;
    rig.settle();
    assert_eq!((rig.runs(), rig.shown()), (SlotId(1), (0, 0)));
}

#[test]
fn an_image_of_another_may_be_updated_to_where_it_is_shown() {
    let mut rig = Rig::new();
    let (reach, after) = (Reach::Stage, AfterReset::Fail);
    rig.command(2, Command::Fetch(Job { uri: Some(GOOD), reach, target: None, after, file_check: None }));
    rig.settle();
    assert_eq!((rig.shown(), rig.install()), ((2, 0), 202));
}

#[test]
fn an_update_that_is_put_off_is_in_progress_until_its_time_has_come() {
    let mut rig = Rig::with(|config| config.ask = Ask::User);
    rig.prepare(GOOD);
    rig.observe();
    assert_eq!(rig.download(), 202);
    rig.settle();
    rig.told();
    rig.permit = Permit::Defer(Some(60_000));
    assert_eq!(rig.install(), 202);
    rig.settle();
    assert_eq!((rig.shown(), rig.boots), ((2, 1), 0));
    assert_eq!((rig.install(), rig.download(), rig.update(json!({"state": 0}))), (400, 400, 409));
    rig.permit = Permit::Yes;
    rig.pass(59_000);
    assert_eq!(rig.boots, 0);
    rig.pass(2_000);
    assert_eq!((rig.shown(), rig.boots, rig.runs()), ((0, 0), 1, SlotId(1)));
    assert_eq!(rig.told(), [json!({"updateStatus": 1}), json!({"state": 0, "updateStatus": 0})]);
}
