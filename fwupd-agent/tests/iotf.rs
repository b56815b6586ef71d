//! An IoTF device on MQTT, and a scripted peer in place of a broker, on the loopback interface.

mod common;

use std::net::TcpListener;
use std::time::Duration;

use common::{Bench, Process, http, running, until};
use fwupd_agent::firmware::SelfTest;
use fwupd_agent::peers::iotf::Platform;
use fwupd_iotf::spec::Inbound;
use serde_json::{Value, json};

fn start(bench: &Bench, platform: &Platform) -> Process {
    let broker = format!("mqtt://{}", platform.address().unwrap());
    let run = ["--set", "iotf.retry=50", "run", "--protocol", "iotf", "--client-id", "d:org:type:tested"];
    running(bench, &[&run[..], &["--trace", "--broker", &broker]].concat())
}

/// Waits until the device has asked so often to be managed.
fn managed(platform: &mut Platform, times: usize) {
    until("to be managed", || {
        platform.listen(Duration::from_millis(20));
        (platform.managed.len() >= times).then_some(())
    });
}

/// State and status as notifications have told them, and forgets those.
#[track_caller]
fn told(platform: &mut Platform, last: [u64; 2]) -> Vec<[u64; 2]> {
    let mut shown = vec![[u64::MAX; 2]];
    let mut told = Vec::new();
    until("the notification", || {
        platform.listen(Duration::from_millis(20));
        for notified in platform.notified.drain(..) {
            let value = &notified["fields"][0]["value"];
            let before = told.last().copied().unwrap_or([0, 0]);
            let or = |name: &str, old: u64| value[name].as_u64().unwrap_or(old);
            told.push([or("state", before[0]), or("updateStatus", before[1])]);
        }
        shown.clone_from(&told);
        (shown.last() == Some(&last)).then_some(())
    });
    shown
}

fn firmware(uri: &str) -> Option<Value> {
    let value = json!({ "version": "2.0.0", "name": "demo", "uri": uri, "verifier": "", "state": 0, "updateStatus": 0 });
    Some(json!({ "fields": [{ "field": "mgmt.firmware", "value": value }] }))
}

fn package(bench: &Bench, selftest: SelfTest) -> String {
    http::serves(std::fs::read(bench.path(&bench.package("2.0.0", 11, selftest))).unwrap())
}

/// The return code of an answer.
fn rc(platform: &mut Platform, what: Inbound, d: Option<Value>) -> u64 {
    platform.ask(what, d).unwrap()["rc"].as_u64().unwrap()
}

#[test]
fn an_update_goes_from_idle_through_a_reset_to_success() {
    let bench = Bench::new();
    let uri = package(&bench, SelfTest::Pass);
    let mut platform = Platform::open().unwrap();
    let device = start(&bench, &platform);
    managed(&mut platform, 1);
    let manage = &platform.managed[0]["d"];
    assert_eq!(manage["deviceInfo"]["fwVersion"], "1.0.0", "{manage}");
    assert_eq!(manage["supports"], json!({ "deviceActions": true, "firmwareActions": true }));
    assert_eq!(platform.seen, ["d:org:type:tested", "iotdm-1/#"]);
    assert_eq!(rc(&mut platform, Inbound::Update, firmware(&uri)), 204);
    assert_eq!(platform.observe().unwrap(), (0, 0));
    assert_eq!(rc(&mut platform, Inbound::Download, None), 202);
    assert_eq!(told(&mut platform, [2, 0]), [[1, 0], [2, 0]]);
    assert_eq!(rc(&mut platform, Inbound::Install, None), 202);
    assert_eq!(told(&mut platform, [0, 0]).last(), Some(&[0, 0]));
    assert_eq!(platform.managed.len(), 2, "once for each boot");
    assert_eq!(platform.managed[1]["d"]["deviceInfo"]["fwVersion"], "2.0.0");
    drop(device);
    bench.stands("idle", 1, "2.0.0", None);
}

#[test]
fn what_fails_is_told_by_its_status() {
    let bench = Bench::new();
    let uri = package(&bench, SelfTest::Fail);
    let (nothing, _) = http::server(Box::new(|_| http::response("404 Not Found", "", b"", 0)));
    let mut platform = Platform::open().unwrap();
    let device = start(&bench, &platform);
    managed(&mut platform, 1);
    platform.observe().unwrap();
    assert_eq!(rc(&mut platform, Inbound::Update, firmware(&nothing)), 204);
    assert_eq!(rc(&mut platform, Inbound::Download, None), 202);
    assert_eq!(told(&mut platform, [0, 6]).last(), Some(&[0, 6]));
    assert_eq!(rc(&mut platform, Inbound::Install, None), 400);
    assert_eq!(rc(&mut platform, Inbound::Update, firmware(&uri)), 204);
    assert_eq!(rc(&mut platform, Inbound::Download, None), 202);
    told(&mut platform, [2, 0]);
    assert_eq!(rc(&mut platform, Inbound::Install, None), 202);
    assert_eq!(told(&mut platform, [0, 5]).last(), Some(&[0, 5]), "its self-test failed");
    drop(device);
    bench.stands("idle", 0, "1.0.0", Some("rejected by the application"));
}

#[test]
fn a_request_is_acknowledged_once_it_is_dealt_with_and_survives_a_lost_connection() {
    let bench = Bench::new();
    let mut platform = Platform::open().unwrap();
    let device = start(&bench, &platform);
    managed(&mut platform, 1);
    // What is none is dealt with, too: no JSON, another topic, and more than there may be.
    platform.publish("iotdm-1/observe", b"{");
    platform.publish("iotdm-1/no/such/thing", br#"{"reqId":"1"}"#);
    platform.publish("something/else", &[0xFF; 100]);
    assert_eq!(platform.observe().unwrap(), (0, 0));
    platform.hang_up();
    // Sent while nobody is there.
    let id = platform.request(Inbound::Cancel, Some(json!({ "fields": [{ "field": "mgmt.firmware" }] })));
    managed(&mut platform, 2);
    until("the answer", || {
        platform.listen(Duration::from_millis(20));
        platform
            .answered
            .iter()
            .any(|answer| answer["reqId"] == id.as_str() && answer["rc"] == 200)
            .then_some(())
    });
    assert_eq!(platform.early, 0, "an answer first, then the acknowledgement");
    drop(device);
}

#[test]
fn a_message_longer_than_any_ends_the_session_and_the_device_is_managed_in_the_next_one() {
    let bench = Bench::new();
    let mut platform = Platform::open().unwrap();
    let device = start(&bench, &platform);
    managed(&mut platform, 1);
    platform.publish("iotdm-1/observe", &vec![b' '; 250_000]);
    managed(&mut platform, 2);
    assert_eq!(platform.observe().unwrap(), (0, 0));
    // Once to end the session, and once for good.
    let name = "d:org:type:tested";
    assert_eq!(platform.seen, [name, "iotdm-1/#", name, name, "iotdm-1/#"]);
    drop(device);
    let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
    assert!(told.contains("connection gone: ") && told.contains("the session is ended"), "{told}");
}

#[test]
fn requests_wait_for_a_broker_that_does_not_acknowledge_and_none_is_lost() {
    let bench = Bench::new();
    let mut platform = Platform::open().unwrap();
    let device = start(&bench, &platform);
    managed(&mut platform, 1);
    platform.observe().unwrap();
    platform.holds = true;
    let ask = |platform: &mut Platform| {
        platform.request(Inbound::Observe, Some(json!({ "fields": [{ "field": "mgmt.firmware" }] })))
    };
    let ids: Vec<String> = (0..50).map(|_| ask(&mut platform)).collect();
    let answered = |platform: &Platform| {
        ids.iter().filter(|id| platform.answered.iter().any(|a| a["reqId"] == **id)).count()
    };
    until("as many answers as may be on their way", || {
        platform.listen(Duration::from_millis(20));
        (answered(&platform) >= 32).then_some(())
    });
    platform.listen(Duration::from_millis(100));
    assert_eq!(answered(&platform), 32);
    platform.release();
    until("the other answers", || {
        platform.listen(Duration::from_millis(20));
        (answered(&platform) == 50).then_some(())
    });
    assert_eq!(platform.seen.len(), 2, "on one connection");
    assert_eq!(platform.early, 0);
    drop(device);
}

#[test]
fn a_broker_that_is_away_does_not_end_the_device() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("mqtt://{}", listener.local_addr().unwrap());
    let run = ["--set", "iotf.retry=20", "run", "--protocol", "iotf", "--trace", "--broker", &broker];
    // It hangs up on whoever comes, and is gone after that.
    let mut device = running(&bench, &run);
    drop(listener.accept().unwrap());
    drop(listener);
    until("the third try", || {
        let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
        (told.matches("no connection: ").count() >= 3).then_some(())
    });
    assert!(device.0.try_wait().unwrap().is_none(), "it runs on");
}

#[test]
fn a_reboot_and_a_factory_reset_are_done_once_they_are_answered() {
    let bench = Bench::new();
    let uri = package(&bench, SelfTest::Pass);
    let mut platform = Platform::open().unwrap();
    let device = start(&bench, &platform);
    managed(&mut platform, 1);
    assert_eq!(rc(&mut platform, Inbound::Update, firmware(&uri)), 204);
    platform.observe().unwrap();
    assert_eq!(rc(&mut platform, Inbound::Download, None), 202);
    told(&mut platform, [2, 0]);
    let answer = platform.ask(Inbound::Reboot, None).unwrap();
    assert_eq!(answer["rc"], 202);
    managed(&mut platform, 2);
    // Its acknowledgement was lost: the broker delivers it once more.
    let again = json!({ "reqId": answer["reqId"] }).to_string();
    platform.publish("iotdm-1/mgmt/initiate/device/reboot", again.as_bytes());
    assert_eq!(platform.observe().unwrap(), (2, 0), "it outlives a reset");
    assert_eq!(platform.answered.iter().filter(|told| **told == answer).count(), 2);
    platform.listen(Duration::from_millis(200));
    assert_eq!(platform.managed.len(), 2, "it is done once");
    assert_eq!(rc(&mut platform, Inbound::FactoryReset, None), 202);
    managed(&mut platform, 3);
    assert_eq!(platform.observe().unwrap(), (0, 0));
    drop(device);
    bench.stands("idle", 0, "1.0.0", None);
    assert_eq!(bench.status()["slots"][1]["holds"], "nothing");
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    let bench = Bench::new();
    let run = ["run", "--protocol", "iotf"];
    for (arguments, line) in [
        (&["--broker", "mqtts://127.0.0.1"][..], "broker mqtts://127.0.0.1: only mqtt"),
        (&["--broker", "127.0.0.1"], "broker 127.0.0.1"),
        (&["--broker", "mqtt://127.0.0.1:99999"], "broker mqtt://127.0.0.1:99999"),
        (&["--client-id", ""], "client-id"),
    ] {
        bench.fails(&[&run[..], arguments].concat(), 64, line);
    }
    bench.fails(&[&["--set", "iotf.lifetime=60"], &run[..]].concat(), 1, "[iotf]: lifetime");
}
