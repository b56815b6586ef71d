//! Random and mutated messages: the right code or silence, and never anything else.

use std::collections::{BTreeMap, BTreeSet};

use fwupd_iotf::adapter::Handled;
use fwupd_testkit::random::Random;
use serde_json::{Value, json};

use crate::laws::one_of;
use crate::rig::{Fetch, GOOD, Rig};

const TOPICS: [&str; 12] = [
    "response",
    "device/update",
    "observe",
    "cancel",
    "mgmt/initiate/device/reboot",
    "mgmt/initiate/device/factory_reset",
    "mgmt/initiate/firmware/download",
    "mgmt/initiate/firmware/update",
    "mgmt/initiate/firmware/x",
    "mgmt/custom/a/b",
    "foo",
    "",
];

/// What a platform may well send, to begin with.
fn seed(random: &mut Random) -> (&'static str, Value) {
    let field = |name: &str, value: Value| json!({"d": {"fields": [{"field": name, "value": value}]}});
    let seeds = [
        ("device/update", field("mgmt.firmware", json!({"uri": GOOD, "state": 0, "updateStatus": 0}))),
        ("device/update", field("mgmt.firmware", json!({"url": GOOD, "verifier": "ab".repeat(16)}))),
        ("device/update", field("mgmt.firmware.version", json!("1.2.3"))),
        ("device/update", field("metadata", json!({"a": [1.5, null, {"b": "\u{e9}\""}]}))),
        ("observe", json!({"d": {"fields": [{"field": "mgmt.firmware"}]}})),
        ("observe", json!({"d": {"fields": ["mgmt.firmware.state", "mgmt.firmware.updateStatus"]}})),
        ("cancel", json!({"d": {"data": ["mgmt.firmware"]}})),
        ("mgmt/initiate/firmware/download", json!({})),
        ("mgmt/initiate/firmware/update", json!({})),
        ("mgmt/initiate/device/reboot", json!({})),
        ("response", json!({"rc": 200})),
        ("mgmt/custom/a/b", json!({"d": {}})),
    ];
    one_of(random, &seeds).clone()
}

fn mutated(random: &mut Random, n: usize) -> (String, Vec<u8>) {
    let (topic, mut body) = seed(random);
    let topic = if random.percent(10) { one_of(random, &TOPICS) } else { topic };
    match random.below(10) {
        0 => {}
        1 => body["reqId"] = json!("the same"),
        2 => body["reqId"] = json!(7),
        3 => body["reqId"] = json!("r".repeat(random.below(200) as usize)),
        _ => body["reqId"] = json!(format!("id \"{n}\"")),
    }
    let mut bytes = body.to_string().into_bytes();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len().max(1) as u64) as usize;
        match random.below(9) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), random.byte()),
            2 if at < bytes.len() => _ = bytes.remove(at),
            3 => {
                let piece =
                    *one_of(random, &["[", "{", "\"", "\\u00", "}", "null", ",", "1e999", "\u{0}", "-"]);
                bytes.splice(at..at, piece.bytes());
            }
            4 if random.percent(3) => {
                let deep = "[{\"a\":".repeat(30_000);
                bytes.splice(at..at, deep.bytes());
            }
            4 if random.percent(10) => {
                let long = "9".repeat(130_000);
                bytes.splice(at..at, long.bytes());
            }
            // A piece of the message twice.
            5 => {
                let piece = bytes[at..(at + 12).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    if random.percent(2) {
        bytes = (0..random.below(64)).map(|_| random.byte()).collect();
    }
    (topic.to_owned(), bytes)
}

/// The codes that a request on a topic may be answered with.
fn lawful(topic: &str) -> &'static [u64] {
    match topic {
        "device/update" => &[204, 400, 404, 409],
        "observe" | "cancel" => &[200, 400, 404],
        "mgmt/initiate/device/reboot" | "mgmt/initiate/device/factory_reset" => &[202, 400],
        "mgmt/initiate/firmware/download" | "mgmt/initiate/firmware/update" => &[202, 400],
        _ => &[400, 501],
    }
}

#[test]
fn thirty_thousand_hostile_messages_get_the_right_code_or_silence() {
    let mut random = Random(0x5EED);
    let mut codes = BTreeMap::new();
    let mut states = BTreeSet::new();
    let mut rig = Rig::new();
    for n in 0..30_000 {
        if n % 250 == 0 {
            rig = Rig::with(|config| config.device_actions = true);
            (rig.fetch, rig.resets) = (Fetch::Hold, false);
        }
        let (topic, payload) = mutated(&mut random, n);
        let theirs = serde_json::from_slice::<Value>(&payload);
        let before = rig.shown();
        states.insert(before);
        let mut answer = None;
        for round in 0.. {
            assert!(round < 200, "{topic} {}", String::from_utf8_lossy(&payload));
            match rig.hand(&format!("iotdm-1/{topic}"), &payload) {
                Handled::Done(None) => break,
                Handled::Done(Some(publish)) => {
                    assert_eq!(publish.topic, "iotdevice-1/response");
                    answer = Some(rig.payload(publish.length));
                    break;
                }
                // Some are never brought back.
                Handled::Again if random.percent(1) => break,
                Handled::Again => rig.turn(),
            }
        }
        let text = String::from_utf8_lossy(&payload[..payload.len().min(300)]).into_owned();
        let rc = answer.as_ref().map(|answer| answer["rc"].as_u64().expect("rc is a number"));
        *codes.entry((topic.clone(), rc)).or_insert(0) += 1;
        if let Some(rc) = rc {
            assert!(lawful(&topic).contains(&rc), "{rc} to {topic} {text}");
            assert!(topic != "response", "{text}");
        }
        // What another implementation reads, and finds no fault with, is answered under its own identifier.
        match theirs {
            Ok(theirs) => {
                if let Some(answer) = &answer {
                    assert_eq!(answer["reqId"], theirs["reqId"], "{text}");
                }
            }
            // Numbers that floating point does not hold are none of our business.
            Err(why) if why.to_string().starts_with("number out of range") => {}
            Err(_) => assert!(matches!(rc, None | Some(400)), "{rc:?} to {text}"),
        }
        let after = rig.shown();
        // What is refused changes nothing.
        if rc.is_some_and(|rc| rc >= 400) {
            assert_eq!(after, before, "{rc:?} to {topic} {text}");
        }
        if !matches!(
            topic.as_str(),
            "device/update" | "mgmt/initiate/firmware/download" | "mgmt/initiate/firmware/update"
        ) {
            // The updater goes on meanwhile, by itself.
            assert!(after == before || before.0 > 0, "{before:?} to {after:?} by {topic} {text}");
        }
        if n % 50 == 0 {
            assert!(rig.observe()["state"].is_u64());
        }
        if random.percent(3) {
            rig.fetch = *one_of(&mut random, &[Fetch::Serve, Fetch::Hold]);
            rig.settle();
        }
    }
    // The walk has been everywhere that it should.
    let seen: BTreeSet<Option<u64>> = codes.keys().map(|(_, rc)| *rc).collect();
    let all = [None, Some(200), Some(202), Some(204), Some(400), Some(404), Some(409), Some(501)];
    assert_eq!(seen, BTreeSet::from(all));
    for state in [0, 1, 2] {
        assert!(states.iter().any(|shown| shown.0 == state), "{states:?}");
    }
    assert!(states.contains(&(2, 1)), "{states:?}");
}
