//! Writing attributes: rows T22 to T32, T71 and T72.

use fwupd_core::flash::Planner as _;
use fwupd_core::updater::Settled;
use fwupd_iotf::adapter::Handled;
use serde_json::{Value, json};

use crate::rig::{Fetch, GOOD, ME, Rig};

const OTHER: &str = "https://example.com/one-seqmax.suit";

#[test]
fn t22_the_seven_members_are_stored_and_not_notified() {
    let mut rig = Rig::new();
    rig.observe();
    rig.prepare(GOOD);
    rig.settle();
    assert_eq!(rig.told(), Vec::<Value>::new());
    let expected = json!({"version": "5", "name": "firmware", "uri": GOOD, "state": 0, "updateStatus": 0});
    assert_eq!(rig.observe(), expected);
    // They stand in flash where they fit.
    rig.reboot();
    assert_eq!(rig.observe(), expected);
}

#[test]
fn t23_the_oldest_name_of_the_uri_is_understood_and_the_later_one_wins() {
    for value in [
        json!({"url": GOOD}),
        json!({"uri": GOOD, "url": "https://b/"}),
        json!({"url": "https://b/", "uri": GOOD}),
    ] {
        let mut rig = Rig::new();
        assert_eq!(rig.update(value), 204);
        assert_eq!(rig.observe()["uri"], GOOD);
    }
}

#[test]
fn t24_t25_what_is_not_named_stays_and_what_is_not_known_means_nothing() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    let value = json!({"name": "new", "colour": {"a": [1, {"b": null}]}, "updatedDateTime": 7});
    assert_eq!(rig.update(value), 204);
    let expected = json!({"version": "5", "name": "new", "uri": GOOD, "state": 0, "updateStatus": 0});
    assert_eq!(rig.observe(), expected);
    assert_eq!(rig.update(json!({"name": ""})), 204);
    assert_eq!(rig.observe().get("name"), None);
}

#[test]
fn t26_a_name_that_is_none_is_told_and_nothing_is_stored() {
    let mut rig = Rig::new();
    let fields = json!([
        {"field": "mgmt.firmware", "value": {"uri": GOOD}},
        {"field": "mgmt.software", "value": {}},
        {"field": "location", "value": {}},
    ]);
    let answer = rig.ask("device/update", json!({"d": {"fields": fields}}));
    assert_eq!(answer, json!({"rc": 404, "d": {"fields": ["mgmt.software", "location"]}}));
    assert_eq!(rig.observe(), json!({"state": 0, "updateStatus": 0}));
}

#[test]
fn t27_the_oldest_form_of_an_update_is_understood() {
    let mut rig = Rig::new();
    let body = json!({"d": {"field": "mgmt.firmware", "value": {"uri": GOOD}}});
    assert_eq!(rig.ask("device/update", body), json!({"rc": 204}));
    assert_eq!(rig.observe()["uri"], GOOD);
}

#[test]
fn t28_an_update_that_wants_no_answer_is_carried_out_without_one() {
    let mut rig = Rig::new();
    let body = json!({"d": {"fields": [{"field": "mgmt.firmware", "value": {"uri": GOOD}}]}});
    assert_eq!(rig.send("device/update", &body), None);
    assert_eq!(rig.observe()["uri"], GOOD);
}

#[test]
fn t29_what_the_device_does_not_keep_is_not_found() {
    let mut rig = Rig::new();
    for name in ["location", "metadata", "deviceInfo"] {
        let body = json!({"d": {"fields": [{"field": name, "value": {}}]}});
        assert_eq!(rig.ask("device/update", body.clone()), json!({"rc": 404, "d": {"fields": [name]}}));
        assert_eq!(rig.send("device/update", &body), None);
    }
}

#[test]
fn t30_a_value_that_is_none_stores_nothing() {
    let mut rig = Rig::new();
    for value in [
        json!({"uri": GOOD, "state": "0"}),
        json!({"uri": GOOD, "state": 1.5}),
        json!({"uri": GOOD, "state": 7}),
        json!({"uri": GOOD, "state": -1}),
        json!({"uri": GOOD, "state": null}),
        json!({"uri": GOOD, "updateStatus": 7}),
        json!({"uri": GOOD, "updateStatus": true}),
        json!({"uri": 7}),
        json!({"uri": null}),
        json!({"uri": GOOD, "name": ["x"]}),
        json!({"uri": GOOD, "name": "a\u{1}"}),
        json!({"uri": GOOD, "name": "n".repeat(65)}),
        json!({"uri": GOOD, "version": "v".repeat(33)}),
        json!({"uri": GOOD, "verifier": "v".repeat(129)}),
        json!({"uri": "u".repeat(256)}),
        json!("x"),
        json!([]),
    ] {
        assert_eq!(rig.update(value.clone()), 400, "{value}");
        assert_eq!(rig.observe(), json!({"state": 0, "updateStatus": 0}), "{value}");
    }
    let body = json!({"d": {"fields": [{"field": "mgmt.firmware"}]}});
    assert_eq!(rig.rc("device/update", body), 400);
    let longest = json!({"uri": "u".repeat(255), "name": "n".repeat(64), "verifier": "\"".repeat(128)});
    assert_eq!(rig.update(longest.clone()), 204);
    let value = rig.observe();
    assert_eq!((&value["uri"], &value["verifier"]), (&longest["uri"], &longest["verifier"]));
}

#[test]
fn t31_an_update_at_work_is_not_written_over() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.update(json!({"uri": OTHER, "state": 0})), 409);
    assert_eq!((rig.observe()["uri"].clone(), rig.shown()), (json!(GOOD), (1, 0)));
}

#[test]
fn t32_what_the_platform_resets_is_shown_so_and_may_still_be_updated_to() {
    let mut rig = Rig::downloaded();
    rig.prepare(GOOD);
    rig.settle();
    assert_eq!((rig.shown(), rig.told()), ((0, 0), vec![]));
    // It outlives a reset.
    rig.reboot();
    assert_eq!((rig.shown(), rig.told()), ((0, 0), vec![]));
    assert_eq!(rig.install(), 202);
    rig.settle();
    assert_eq!((rig.shown(), rig.boots), ((0, 0), 2));
    let told = rig.told();
    assert_eq!(told.last(), Some(&json!({"state": 0, "updateStatus": 0})), "{told:?}");
}

#[test]
fn t32_other_attributes_are_of_another_image() {
    for (value, rc) in [
        (json!({"state": 0, "uri": OTHER}), 400),
        (json!({"state": 0, "verifier": "0".repeat(64)}), 400),
        (json!({"state": 0, "version": "6"}), 400),
        (json!({"state": 0, "name": "another name"}), 202),
        (json!({"state": 0, "uri": "", "version": "", "verifier": ""}), 202),
        (json!({"uri": OTHER}), 400),
    ] {
        let mut rig = Rig::downloaded();
        assert_eq!(rig.update(value.clone()), 204);
        assert_eq!(rig.install(), rc, "{value}");
    }
}

#[test]
fn t32_a_download_behind_a_reset_drops_the_image_before() {
    let mut rig = Rig::downloaded();
    rig.prepare(OTHER);
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    assert_eq!(rig.shown(), (1, 0));
    rig.fetch = Fetch::Serve;
    rig.settle();
    assert_eq!((rig.shown(), rig.up.uri(crate::rig::ME)), ((2, 0), Some(OTHER)));
    assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 2, "updateStatus": 0})]);
}

#[test]
fn t71_a_member_alone_is_written_by_either_name() {
    for name in ["mgmt.firmware.uri", "mgmt.firmware.url"] {
        let mut rig = Rig::new();
        let body = json!({"d": {"fields": [{"field": name, "value": GOOD}]}});
        assert_eq!(rig.rc("device/update", body), 204);
        let answer = rig.ask("observe", json!({"d": {"fields": [{"field": name}]}}));
        assert_eq!(answer["d"]["fields"], json!([{"field": "mgmt.firmware.uri", "value": GOOD}]));
    }
}

#[test]
fn t72_a_state_that_is_written_is_not_taken() {
    for state in [1, 2] {
        let mut rig = Rig::new();
        assert_eq!(rig.update(json!({"state": state, "uri": GOOD})), 204);
        assert_eq!((rig.observe()["uri"].clone(), rig.shown()), (json!(GOOD), (0, 0)));
        let mut rig = Rig::downloaded();
        assert_eq!(rig.update(json!({"state": state})), 204);
        assert_eq!(rig.shown(), (2, 0));
    }
}

#[test]
fn a_write_that_changes_nothing_is_taken_though_something_was_lost_before() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.settle();
    // A request whose frame is lent and never written, and the connection with it.
    let observe = br#"{"d":{"fields":["mgmt.firmware"]},"reqId":"x"}"#;
    assert_eq!(rig.hand("iotdm-1/observe", observe), Handled::Again);
    assert!(rig.up.next_op().is_some());
    rig.device.disconnected();
    rig.settle();
    assert_eq!(rig.up.settled(ME), Settled::Lost);
    let written = rig.board.flash.total().mutating();
    rig.connect();
    rig.prepare(GOOD);
    assert_eq!(rig.board.flash.total().mutating(), written);
}
