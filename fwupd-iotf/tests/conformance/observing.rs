//! Observing and cancelling: rows T11 to T21 and T69.

use serde_json::{Value, json};

use crate::rig::{Fetch, GOOD, Rig, Sent};

fn fields(list: Value) -> Value {
    json!({"d": {"fields": list}})
}

#[test]
fn t11_an_observed_object_is_answered_with_its_value() {
    let mut rig = Rig::new();
    assert_eq!(rig.observe(), json!({"state": 0, "updateStatus": 0}));
    rig.prepare(GOOD);
    let expected = json!({
        "state": 0, "updateStatus": 0, "version": "5", "name": "firmware", "uri": GOOD,
    });
    assert_eq!(rig.observe(), expected);
    assert_eq!(rig.update(json!({"verifier": "abc"})), 204);
    assert_eq!(rig.observe()["verifier"], "abc");
}

#[test]
fn t12_a_name_alone_observes_too() {
    let mut rig = Rig::new();
    let answer = rig.ask("observe", fields(json!(["mgmt.firmware"])));
    let value = json!({"state": 0, "updateStatus": 0});
    assert_eq!(answer, json!({"rc": 200, "d": {"fields": [{"field": "mgmt.firmware", "value": value}]}}));
}

#[test]
fn t13_a_member_alone_is_observed_and_notified_by_its_name() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    let answer = rig.ask("observe", fields(json!([{"field": "mgmt.firmware.state"}])));
    assert_eq!(answer["d"]["fields"], json!([{"field": "mgmt.firmware.state", "value": 0}]));
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    let notice = rig.sent_on("iotdevice-1/notify").remove(0);
    assert_eq!(notice["d"]["fields"], json!([{"field": "mgmt.firmware.state", "value": 1}]));
}

#[test]
fn t14_an_attribute_that_is_none_is_not_found() {
    let mut rig = Rig::new();
    for name in ["mgmt.firmware.stat", "mgmt", "", "metadata", "m\u{e9}\n", "mgmt.firmware.updatedDateTime"] {
        let answer = rig.ask("observe", fields(json!([{"field": name}])));
        assert_eq!(answer, json!({"rc": 404, "d": {"fields": [{"field": name}]}}));
    }
}

#[test]
fn t15_where_one_is_not_found_none_is_observed() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    let answer = rig.ask("observe", fields(json!([{"field": "mgmt.firmware"}, {"field": "location"}])));
    assert_eq!(answer, json!({"rc": 404, "d": {"fields": [{"field": "location"}]}}));
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told(), Vec::<Value>::new());
}

#[test]
fn t16_what_is_observed_twice_is_notified_once() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    rig.observe();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1})]);
}

#[test]
fn t17_to_observe_nothing_is_a_bad_request() {
    let mut rig = Rig::new();
    for topic in ["observe", "cancel"] {
        for body in [
            json!({}),
            json!({"d": {}}),
            json!({"d": []}),
            json!({"d": {"fields": []}}),
            json!({"d": {"fields": {}}}),
            json!({"d": {"fields": [7]}}),
            json!({"d": {"fields": [{"value": 1}]}}),
            json!({"d": {"fields": [{"field": 7}]}}),
        ] {
            assert_eq!(rig.ask(topic, body.clone()), json!({"rc": 400}), "{topic} {body}");
        }
    }
}

#[test]
fn t18_t19_every_form_cancels() {
    for body in [
        json!({"d": {"fields": [{"field": "mgmt.firmware"}]}}),
        json!({"d": {"fields": ["mgmt.firmware"]}}),
        json!({"d": {"data": [{"field": "mgmt.firmware"}]}}),
        json!({"d": {"data": ["mgmt.firmware"]}}),
    ] {
        let mut rig = Rig::new();
        rig.prepare(GOOD);
        rig.observe();
        assert_eq!(rig.ask("cancel", body), json!({"rc": 200}));
        assert_eq!(rig.download(), 202);
        rig.settle();
        rig.reboot();
        assert_eq!(rig.told(), Vec::<Value>::new());
    }
}

#[test]
fn t20_what_is_not_observed_may_be_cancelled() {
    let mut rig = Rig::new();
    assert_eq!(rig.cancel(), 200);
    let answer = rig.ask("cancel", fields(json!(["location"])));
    assert_eq!(answer["rc"], 404);
}

#[test]
fn t21_what_is_not_observed_is_not_notified() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!((rig.shown(), rig.told()), ((2, 0), vec![]));
    // What is observed from now on has been told by the answer.
    assert_eq!(rig.observe()["state"], 2);
    rig.settle();
    assert_eq!(rig.told(), Vec::<Value>::new());
}

#[test]
fn t69_one_change_of_two_observed_attributes_is_one_notification() {
    let mut rig = Rig::new();
    rig.prepare("https://example.com/wrongkey.suit");
    let both = json!([{"field": "mgmt.firmware.state"}, {"field": "mgmt.firmware.updateStatus"}]);
    let answer = rig.ask("observe", fields(both));
    let value = |state: u64, status: u64| {
        json!([
            {"field": "mgmt.firmware.state", "value": state},
            {"field": "mgmt.firmware.updateStatus", "value": status},
        ])
    };
    assert_eq!(answer["d"]["fields"], value(0, 0));
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.fetch = Fetch::Serve;
    rig.device.disconnected();
    rig.settle();
    // A state that has come and gone meanwhile is not told.
    rig.sent.clear();
    rig.connect();
    let all: Vec<Value> = rig.sent_on("iotdevice-1/notify");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0]["d"]["fields"], json!([{"field": "mgmt.firmware.updateStatus", "value": 4}]));
    rig.sent.retain(|sent| !matches!(sent, Sent::Message(..)));
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.sent_on("iotdevice-1/notify")[0]["d"]["fields"], value(1, 0));
}

/// A change that has not been told yet is not lost by the answer to another observation.
#[test]
fn an_observation_tells_only_what_it_asks_for() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    let answer = rig.ask("observe", fields(json!(["mgmt.firmware.updateStatus"])));
    assert_eq!(answer["d"]["fields"][0]["value"], 0);
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1})]);
}
