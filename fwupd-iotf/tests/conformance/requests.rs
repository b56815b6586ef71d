//! Any request: rows T54 to T60, T64 and T66.

use fwupd_iotf::adapter::{Handled, NoRoom, OUT_MAX, Wanted};
use fwupd_iotf::spec::REQ_ID_MAX;
use serde_json::json;

use crate::rig::{GOOD, Rig};

#[test]
fn t54_a_reset_that_is_supported_is_accepted_and_then_the_applications() {
    let mut rig = Rig::with(|config| config.device_actions = true);
    for (name, wanted) in [("reboot", Wanted::Reboot), ("factory_reset", Wanted::FactoryReset)] {
        assert_eq!(rig.rc(&format!("mgmt/initiate/device/{name}"), json!({})), 202);
        assert_eq!((rig.device.wanted(), rig.device.wanted()), (Some(wanted), None));
    }
}

#[test]
fn t55_a_reset_that_is_not_supported_is_not_implemented() {
    let mut rig = Rig::new();
    for name in ["reboot", "factory_reset"] {
        assert_eq!(rig.rc(&format!("mgmt/initiate/device/{name}"), json!({})), 501);
        assert_eq!(rig.device.wanted(), None);
    }
}

#[test]
fn t56_t57_what_is_not_known_is_not_implemented_where_an_answer_is_wanted() {
    let mut rig = Rig::new();
    for topic in ["mgmt/initiate/x/y", "mgmt/custom/example/action", "foo", "", "observe/", "device/update/x"]
    {
        assert_eq!(rig.ask(topic, json!({})), json!({"rc": 501}), "{topic}");
        assert_eq!(rig.send(topic, &json!({})), None, "{topic}");
    }
    for topic in ["iotdevice-1/response", "iot-2/cmd/x/fmt/json", "", "iotdm-1"] {
        assert_eq!(rig.hand(topic, br#"{"reqId":"x"}"#), Handled::Done(None), "{topic}");
    }
}

#[test]
fn t58_what_is_no_json_is_a_bad_request_where_it_can_be_answered() {
    let mut rig = Rig::new();
    for (payload, readable) in [
        (&br#"{"reqId":"x","d":{"fields":[}"#[..], true),
        (br#"{"reqId":"x"} trailing"#, true),
        (br#"{"reqId":"x",}"#, true),
        (b"{\"reqId\":\"x\",\"d\":\"\xFF\"}", true),
        (br#"{"d":{"fields":[},"reqId":"x"}"#, false),
        (br#"{"reqId":"x"#, false),
        (br#"{"reqId":7"#, false),
        (br#"{"d":{"reqId":"x"}"#, false),
        (br#"["reqId","x"]"#, false),
        (br#""reqId""#, false),
        (b"not json", false),
        (b"\xEF\xBB\xBF{\"reqId\":\"x\"}", false),
    ] {
        for topic in ["observe", "device/update", "mgmt/initiate/firmware/download", "foo"] {
            let answer = rig.deliver(topic, payload);
            let expected = readable.then(|| json!({"rc": 400, "reqId": "x"}));
            assert_eq!(answer, expected, "{topic} {}", String::from_utf8_lossy(payload));
        }
        assert_eq!(rig.deliver("response", payload), None);
        assert_eq!(rig.observe()["state"], 0);
        rig.cancel();
    }
}

#[test]
fn t59_what_is_empty_huge_or_deep_is_survived() {
    let mut rig = Rig::new();
    let deep = |n: usize| format!(r#"{{"reqId":"x","d":{}{}}}"#, "[".repeat(n), "]".repeat(n));
    let huge = format!(r#"{{"d":{{"fields":["{}"]}},"reqId":"x"}}"#, "y".repeat(128 * 1024));
    let many = format!(r#"{{"d":{{"fields":[{}"mgmt"]}},"reqId":"x"}}"#, r#""mgmt","#.repeat(16_000));
    for (payload, rc) in [
        (String::new(), None),
        ("[".repeat(1000), None),
        (r#"{"d":"#.repeat(25_000), None),
        (deep(1000), Some(400)),
        (deep(60_000), Some(400)),
        // It is well formed, and no list of attributes.
        (deep(20), Some(400)),
        (huge, Some(404)),
        (many, Some(404)),
        (format!(r#"{{"reqId":"{}"}}"#, "r".repeat(REQ_ID_MAX + 1)), None),
        (format!(r#"{{"reqId":{}}}"#, "9".repeat(100_000)), None),
    ] {
        let answer = rig.deliver("observe", payload.as_bytes());
        assert_eq!(
            answer.map(|answer| answer["rc"].as_u64().unwrap()),
            rc,
            "{}",
            &payload[..payload.len().min(60)]
        );
        assert_eq!(rig.observe()["state"], 0);
        rig.cancel();
    }
}

#[test]
fn t60_a_req_id_comes_back_byte_for_byte() {
    let mut rig = Rig::new();
    for id in [
        r#"a\"b"#,
        r"a\\b",
        r"\u00e9\u20AC\ud83d\ude00",
        r"\/\b\f\n\r\t",
        "\u{e9}\u{1F600}",
        "",
        r#"\",\"rc\":200,\""#,
        &"r".repeat(REQ_ID_MAX),
    ] {
        for payload in [
            format!(r#"{{"reqId":"{id}","d":{{"fields":["mgmt.firmware"]}}}}"#),
            format!(" {{ \"d\" :{{\"fields\":\t[\"mgmt.firmware\"]}} ,\r\n\"reqId\" : \"{id}\" }} "),
            format!(r#"{{"x":[{{"reqId":"no"}}],"\u0072eqId":"{id}","d":{{"fields":["mgmt.firmware"]}}}}"#),
        ] {
            let answer = rig.deliver_raw("observe", payload.as_bytes()).unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.ends_with(&format!(r#","reqId":"{id}"}}"#)), "{answer}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&answer).unwrap()["rc"], 200);
        }
    }
}

/// The topic is looked at with every answer, in the rig.
#[test]
fn t64_a_return_code_is_a_number() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    let answer = rig.deliver_raw("mgmt/initiate/firmware/download", br#"{"reqId":"x"}"#).unwrap();
    assert_eq!(answer, br#"{"rc":202,"reqId":"x"}"#);
}

#[test]
fn t66_a_buffer_that_is_too_small_is_told_and_nothing_is_done() {
    let mut rig = Rig::new();
    rig.prepare(GOOD);
    let mut small = vec![0; OUT_MAX - 1];
    let now = rig.now();
    let topic = "iotdm-1/mgmt/initiate/firmware/download";
    let handled = rig.device.handle(topic, br#"{"reqId":"x"}"#, now, &mut rig.up, &mut small);
    assert_eq!(handled, Err(NoRoom));
    assert_eq!(rig.device.poll(now, &mut rig.up, &mut small), Err(NoRoom));
    rig.settle();
    assert_eq!(rig.shown(), (0, 0));
}
