//! Connecting, and being managed: rows T01 to T10, T61 to T64 and T70.

use fwupd_iotf::adapter::{BadConfig, Config, Device, Standing};
use serde_json::{Value, json};

use crate::rig::{Fetch, GOOD, Rig, Sent};

const MANAGE: &str = "iotdevice-1/mgmt/manage";

#[test]
fn t01_a_connected_device_subscribes_once_and_asks_once_to_be_managed() {
    let mut rig = Rig::new();
    rig.pass(600_000);
    let [Sent::Subscribe(filter), Sent::Message(topic, _)] = rig.sent.as_slice() else {
        panic!("{:?}", rig.sent)
    };
    assert_eq!((filter.as_str(), topic.as_str()), ("iotdm-1/#", MANAGE));
}

#[test]
fn t02_manage_tells_what_the_device_supports_and_what_runs() {
    let mut rig = Rig::with(|config| config.lifetime = 7200);
    let message = rig.sent_on(MANAGE).remove(0);
    let expected = json!({
        "lifetime": 7200,
        "supports": {"deviceActions": false, "firmwareActions": true},
        "deviceInfo": {"serialNumber": "42", "model": "demo \"board\"", "fwVersion": "4"},
    });
    assert_eq!(message["d"], expected);
    rig.connect();
    rig.reboot();
    let ids: Vec<Value> = rig.sent_on(MANAGE).iter().map(|message| message["reqId"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(Value::is_string) && ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[test]
fn t03_a_lifetime_below_an_hour_is_refused() {
    for lifetime in [1, 3599] {
        let made = Device::new(Config { lifetime, ..Config::new(1) });
        assert_eq!(made.err(), Some(BadConfig::Lifetime));
    }
    for lifetime in [0, 3600, u32::MAX] {
        assert!(Device::new(Config { lifetime, ..Config::new(1) }).is_ok());
    }
}

#[test]
fn t04_a_device_without_a_lifetime_asks_no_more() {
    let mut rig = Rig::new();
    rig.pass(400_000_000);
    assert_eq!(rig.sent_on(MANAGE).len(), 1);
    assert_eq!(rig.device.poll_timeout(rig.now()), None);
}

#[test]
fn t05_a_device_asks_again_before_its_lifetime_ends() {
    let mut rig = Rig::with(|config| config.lifetime = 3600);
    rig.pass(3_470_000);
    assert_eq!(rig.sent_on(MANAGE).len(), 1);
    rig.pass(20_000);
    assert_eq!(rig.sent_on(MANAGE).len(), 2);
    rig.pass(3_480_000);
    assert_eq!(rig.sent_on(MANAGE).len(), 3);
}

#[test]
fn t06_a_device_is_managed_once_the_platform_says_so() {
    let mut rig = Rig::off(|_| {});
    assert_eq!(rig.device.standing(), Standing::Unknown);
    rig.connect();
    assert_eq!(rig.device.standing(), Standing::Managed);
}

#[test]
fn t07_a_platform_that_refuses_is_asked_again_after_a_conflict_alone() {
    for rc in [400, 403, 404] {
        let mut rig = Rig::off(|_| {});
        rig.manage_rc = Some(json!(rc));
        rig.connect();
        rig.pass(600_000);
        assert_eq!(rig.device.standing(), Standing::Refused(rc));
        assert_eq!(rig.sent_on(MANAGE).len(), 1);
    }
    let mut rig = Rig::off(|_| {});
    rig.manage_rc = Some(json!(409));
    rig.connect();
    assert_eq!(rig.device.standing(), Standing::Unknown);
    rig.manage_rc = Some(json!(200));
    rig.pass(61_000);
    assert_eq!((rig.device.standing(), rig.sent_on(MANAGE).len()), (Standing::Managed, 2));
}

#[test]
fn a_platform_that_does_not_answer_is_asked_again_after_a_minute() {
    let mut rig = Rig::off(|_| {});
    rig.manage_rc = None;
    rig.connect();
    rig.pass(59_000);
    assert_eq!(rig.sent_on(MANAGE).len(), 1);
    rig.pass(2_000);
    assert_eq!(rig.sent_on(MANAGE).len(), 2);
}

#[test]
fn t08_an_answer_to_nothing_is_ignored() {
    let mut rig = Rig::off(|_| {});
    rig.manage_rc = None;
    rig.connect();
    let before = rig.sent.clone();
    for body in [
        json!({"rc": 200}),
        json!({"rc": 200, "reqId": "nobody's"}),
        json!({"rc": 200, "reqId": 7}),
        json!({"reqId": rig.sent_on(MANAGE)[0]["reqId"]}),
        json!([]),
    ] {
        assert_eq!(rig.send("response", &body), None);
        rig.settle();
        assert_eq!((rig.device.standing(), &rig.sent), (Standing::Unknown, &before), "{body}");
    }
}

#[test]
fn t09_a_device_that_has_left_observes_and_tells_nothing() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    rig.device.unmanage();
    rig.settle();
    assert_eq!(rig.sent_on("iotdevice-1/mgmt/unmanage").len(), 1);
    assert_eq!(rig.device.standing(), Standing::Left);
    rig.connect();
    assert_eq!(rig.sent_on(MANAGE).len(), 1, "it does not ask again");
    rig.reboot();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told(), Vec::<Value>::new(), "nor is it observed after a reset");
}

#[test]
fn t10_a_connection_or_a_reset_asks_anew_and_keeps_what_is_observed() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    rig.device.disconnected();
    rig.settle();
    rig.connect();
    rig.reboot();
    assert_eq!(rig.sent_on(MANAGE).len(), 3);
    assert_eq!(rig.sent.iter().filter(|sent| matches!(sent, Sent::Subscribe(_))).count(), 3);
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told(), [json!({"state": 1})]);
}

#[test]
fn what_changes_without_a_connection_is_told_in_the_next() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    assert_eq!(rig.download(), 202);
    rig.device.disconnected();
    rig.settle();
    assert!(!rig.device.drained());
    assert_eq!(rig.told(), Vec::<Value>::new());
    rig.connect();
    assert_eq!(rig.told(), [json!({"state": 2, "updateStatus": 0})]);
    assert!(rig.device.drained());
}

#[test]
fn t61_a_notification_that_nobody_observes_ends_the_observation() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    rig.observe();
    rig.notify_rc = Some(json!(404));
    assert_eq!(rig.download(), 202);
    rig.settle();
    assert_eq!(rig.told().len(), 1);
    rig.reboot();
    assert_eq!(rig.told(), Vec::<Value>::new());
}

#[test]
fn t61_a_notification_that_failed_is_sent_once_more() {
    for rc in [409, 500] {
        let mut rig = Rig::new();
        rig.prepare(GOOD);
        rig.observe();
        rig.notify_rc = Some(json!(rc));
        rig.fetch = Fetch::Hold;
        assert_eq!(rig.download(), 202);
        rig.settle();
        let ids: Vec<Value> =
            rig.sent_on("iotdevice-1/notify").iter().map(|message| message["reqId"].clone()).collect();
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1]);
        assert_eq!(rig.told(), [json!({"state": 1}), json!({"state": 1})]);
    }
}

#[test]
fn t62_a_device_that_is_not_managed_starts_and_tells_nothing() {
    let mut rig = Rig::off(|_| {});
    rig.manage_rc = Some(json!(404));
    rig.connect();
    rig.prepare(GOOD);
    rig.observe();
    assert_eq!((rig.download(), rig.install()), (400, 400));
    rig.settle();
    assert_eq!((rig.shown(), rig.told()), ((0, 0), vec![]));
}

#[test]
fn t70_a_return_code_may_be_a_string() {
    for (rc, standing) in [
        (json!("200"), Standing::Managed),
        (json!("x"), Standing::Unknown),
        (json!(null), Standing::Unknown),
        (json!(200.5), Standing::Unknown),
    ] {
        let mut rig = Rig::off(|_| {});
        rig.manage_rc = Some(rc);
        rig.connect();
        assert_eq!(rig.device.standing(), standing);
    }
}
