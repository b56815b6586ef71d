//! What an UPDATE may say, and what it comes to: rows 1 to 6, 12 to 16, 19 to 36.

use ciborium::Value;
use fwupd_ocf::spec::Answer;
use fwupd_testkit::clock::WallAfterReset;

use crate::rig::{Fetch, OCF, PSTAT, PURL, Rig, SWU, at, decode, encode, map, update};

#[test]
fn r01_a_device_from_the_factory_is_idle() {
    let mut rig = Rig::new();
    let swu = rig.swu();
    assert_eq!(swu.text("swupdatestate"), "idle");
    assert_eq!(swu.text("swupdateaction"), "idle");
    assert_eq!(swu.number("swupdateresult"), 0);
    assert_eq!(swu.text("purl"), "");
    assert_eq!(swu.text("updatetime"), "1970-01-01T00:00:00Z");
    assert_eq!(swu.text("signed"), "vendor");
    assert_eq!(swu.text("lastupdate"), "2025-01-02T03:04:05Z");
    assert_eq!(swu.get("nv"), None);
    assert_eq!(rig.get(PSTAT, &[]).map().number("cm"), 0);
}

#[test]
fn r02_r03_r05_the_common_properties_are_those_of_the_baseline_interface() {
    let mut rig = Rig::new();
    let own =
        ["purl", "swupdateaction", "swupdatestate", "swupdateresult", "lastupdate", "signed", "updatetime"];
    for path in [SWU.to_owned(), format!("{SWU}?if=oic.if.rw")] {
        assert_eq!(rig.get(&path, &[]).map().keys(), own, "{path}");
    }
    let baseline = rig.get(&format!("{SWU}?if=oic.if.baseline"), &[]).map();
    assert_eq!(baseline.keys(), [&["rt", "if"][..], &own].concat());
    assert_eq!(baseline.texts("rt"), ["oic.r.softwareupdate"]);
    assert_eq!(baseline.texts("if"), ["oic.if.rw", "oic.if.baseline"]);
    let pstat = rig.get(&format!("{PSTAT}?if=oic.if.baseline"), &[]).map();
    assert_eq!(pstat.texts("rt"), ["oic.r.pstat"]);
}

#[test]
fn r05_the_spelling_of_the_change_request_is_accepted_but_not_both() {
    let mut rig = Rig::new();
    let both = |time: &[&str]| {
        let mut all = vec![("purl", PURL.into()), ("swupdateaction", "idle".into())];
        all.extend(time.iter().map(|key| (*key, at(10).into())));
        map(&all)
    };
    assert_eq!(rig.post(SWU, &both(&["update time"])).code, "2.04");
    assert_eq!(rig.swu().text("updatetime"), at(10));
    assert_eq!(rig.post(SWU, &both(&["update time", "updatetime"])).code, "4.00");
}

#[test]
fn r06_what_is_scheduled_is_shown_and_does_not_run_before_its_time() {
    let mut rig = Rig::new();
    let answer = rig.post(SWU, &update(PURL, "isac", at(10)));
    assert_eq!(answer.code, "2.04");
    assert_eq!(answer.uint(coap_lite::CoapOption::ContentFormat), Some(OCF));
    assert_eq!(answer.map(), rig.swu());
    assert_eq!((answer.map().text("swupdateaction"), answer.map().text("updatetime")), ("isac", at(10)));
    assert_eq!(rig.shown(), "idle 0 0");
    rig.pass(9_000);
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
    assert_eq!(rig.swu().text("swupdateaction"), "isac");
}

#[test]
fn r12_nothing_is_to_run_at_a_past_time_and_what_is_read_can_be_written_back() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("idle", -1), "2.04");
    let read = rig.swu();
    let back = ["purl", "swupdateaction", "updatetime"].map(|key| (key, read.get(key).unwrap().clone()));
    assert_eq!(rig.post(SWU, &map(&back)).code, "2.04");
    assert_eq!(rig.swu(), read);
}

#[test]
fn r13_an_action_in_the_past_is_refused_and_never_runs() {
    let mut rig = Rig::new();
    let before = rig.swu();
    for action in ["isac", "isvv", "upgrade"] {
        assert_eq!(rig.update(action, -1), "4.00");
    }
    rig.pass(60_000);
    assert_eq!((rig.swu(), rig.device.fetched), (before, 0));
}

#[test]
fn r14_an_action_of_this_very_second_runs_at_once() {
    let mut rig = Rig::new();
    let answer = rig.post(SWU, &update(PURL, "upgrade", at(0)));
    let swu = answer.map();
    assert_eq!(
        (answer.code.as_str(), swu.text("swupdateaction"), swu.text("swupdatestate")),
        ("2.04", "upgrade", "idle")
    );
    rig.settle();
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
}

#[test]
fn r15_the_action_idle_takes_the_schedule_back() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("upgrade", 10), "2.04");
    assert_eq!(rig.update("idle", 20), "2.04");
    rig.pass(60_000);
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
}

#[test]
fn r16_the_last_writer_schedules() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 10), "2.04");
    assert_eq!(rig.update("upgrade", 20), "2.04");
    rig.pass(15_000);
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
    rig.pass(10_000);
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
}

#[test]
fn r19_r20_other_ways_to_write_a_time_are_the_same_instant() {
    let mut rig = Rig::new();
    for (written, read) in [
        ("2026-11-21T01:09:29+02:00", at(10)),
        ("2026-11-20t23:09:29z", at(10)),
        ("2026-11-20T23:09:29.123Z", "2026-11-20T23:09:29.123Z"),
    ] {
        assert_eq!(rig.post(SWU, &update(PURL, "isac", written)).code, "2.04", "{written}");
        assert_eq!(rig.swu().text("updatetime"), read);
    }
    rig.pass(9_900);
    assert_eq!(rig.swu().text("swupdateaction"), "isac");
    rig.pass(2_000);
    assert_eq!(rig.shown(), "nsa 256 1");
}

#[test]
fn r21_r22_what_is_no_time_is_refused() {
    let mut rig = Rig::new();
    let long = format!("2026-11-20T23:09:29.{}Z", "0".repeat(49));
    assert_eq!(long.len(), 70);
    for time in ["2026-13-01T00:00:00Z", "tomorrow", "", "now", "none", &long] {
        assert_eq!(rig.post(SWU, &update(PURL, "idle", time)).code, "4.00", "{time}");
    }
    let number = map(&[("purl", PURL.into()), ("swupdateaction", "idle".into()), ("updatetime", 5.into())]);
    assert_eq!(rig.post(SWU, &number).code, "4.00");
}

#[test]
fn r23_r80_without_a_clock_nothing_is_scheduled_but_all_else_works() {
    let mut rig = Rig::new();
    rig.device.clock.set_wall(None);
    rig.wall = WallAfterReset::Lost;
    let before = rig.swu();
    assert_eq!(rig.update("upgrade", 10), "5.03");
    assert_eq!(rig.swu(), before);
    assert_eq!(rig.update("idle", 10), "2.04");
    assert_eq!(rig.tm(128), "2.04");
    rig.settle();
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
    assert_eq!(rig.swu().text("lastupdate"), "2025-01-02T03:04:05Z");
}

#[test]
fn r24_all_that_can_be_written_has_to_be() {
    let mut rig = Rig::new();
    let all: [(&str, Value); 3] =
        [("purl", PURL.into()), ("swupdateaction", "isac".into()), ("updatetime", at(10).into())];
    for without in 0..3 {
        let mut some = all.to_vec();
        some.remove(without);
        assert_eq!(rig.post(SWU, &map(&some)).code, "4.00", "without {}", all[without].0);
    }
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
    assert_eq!(rig.post(SWU, &map(&all)).code, "2.04");
}

#[test]
fn r25_an_action_is_one_of_four_words() {
    let mut rig = Rig::new();
    for action in ["Upgrade", "", "bogus"] {
        assert_eq!(rig.post(SWU, &update(PURL, action, at(10))).code, "4.00", "{action}");
    }
    let number = map(&[("purl", PURL.into()), ("swupdateaction", 3.into()), ("updatetime", at(10).into())]);
    assert_eq!(rig.post(SWU, &number).code, "4.00");
}

/// A valid UPDATE with one more entry.
fn with(key: &str, value: impl Into<Value>) -> Value {
    let Value::Map(mut entries) = update(PURL, "isac", at(10)) else { panic!() };
    entries.push((key.into(), value.into()));
    Value::Map(entries)
}

#[test]
fn r26_r27_what_is_read_only_or_unknown_voids_the_whole() {
    let mut rig = Rig::new();
    let before = rig.swu();
    for (key, value) in [
        ("nv", Value::from("5")),
        ("swupdatestate", "idle".into()),
        ("swupdateresult", 0.into()),
        ("lastupdate", at(0).into()),
        ("signed", "vendor".into()),
        ("bogus", 1.into()),
        ("Purl", PURL.into()),
        ("swupdatesate", "idle".into()),
    ] {
        assert_eq!(rig.post(SWU, &with(key, value)).code, "4.00", "{key}");
    }
    assert_eq!(rig.swu(), before);
    assert_eq!(rig.post(SWU, &with("x.org.foo", Value::Array(vec![map(&[("a", 1.into())])]))).code, "2.04");
}

/// Posts these bytes, whatever they are.
fn bytes(rig: &mut Rig, payload: &[u8]) -> String {
    let packet = rig.packet(2, SWU, Some(OCF), payload);
    rig.ask(crate::rig::ONE, &packet).code
}

#[test]
fn r28_r30_what_is_no_map_of_good_entries_is_refused() {
    let mut rig = Rig::new();
    let before = rig.swu();
    let good = encode(&update(PURL, "isac", at(10)));
    let trailing = [&good[..], &[0]].concat();
    let mut claims = good.clone();
    // The head of the first key claims 64 KiB.
    claims.splice(1..2, [0x79, 0xFF, 0xFF]);
    let deep = encode(&with("x.a", (0..20).fold(Value::Null, |inner, _| Value::Array(vec![inner]))));
    let twice = encode(&with("purl", PURL));
    let array = encode(&Value::Array(vec![update(PURL, "isac", at(10))]));
    let text = encode(&"isac".into());
    for payload in [
        &[][..],
        &[0xFF],
        &[0x1C; 30],
        &[0xA3],
        &array,
        &text,
        &trailing,
        &claims,
        &deep,
        &twice,
        &good[..good.len() - 1],
    ] {
        assert_eq!(bytes(&mut rig, payload), "4.00", "{payload:02x?}");
    }
    assert_eq!(rig.swu(), before);
    assert_eq!(bytes(&mut rig, &good), "2.04");
}

#[test]
fn r29_a_map_may_be_of_indefinite_length() {
    let mut rig = Rig::new();
    let mut payload = encode(&update(PURL, "isac", at(10)));
    (payload[0], _) = (0xBF, assert_eq!(payload[0], 0xA3));
    payload.push(0xFF);
    assert_eq!(decode(&payload), update(PURL, "isac", at(10)));
    assert_eq!(bytes(&mut rig, &payload), "2.04");
    assert_eq!(rig.swu().text("swupdateaction"), "isac");
}

/// The schema says 64; more than that the journal does not hold.
#[test]
fn r31_a_url_that_is_too_long_is_refused_and_the_old_one_stays() {
    let mut rig = Rig::new();
    let longest = format!("https://v/{}", "f".repeat(54));
    assert_eq!(longest.len(), 64);
    assert_eq!(rig.post(SWU, &update(&longest, "idle", at(0))).code, "2.04");
    assert_eq!(rig.post(SWU, &update(&format!("{longest}f"), "idle", at(0))).code, "4.00");
    assert_eq!(rig.swu().text("purl"), longest);
    rig.reboot();
    assert_eq!(rig.swu().text("purl"), longest);
}

#[test]
fn r32_an_empty_url_means_the_one_that_is_built_in() {
    let mut rig = Rig::with(|config| config.rules.built_in = PURL);
    assert_eq!(rig.post(SWU, &update("", "isac", at(10))).code, "2.04");
    rig.pass(11_000);
    assert_eq!((rig.shown(), rig.swu().text("purl").to_owned()), ("nsa 256 1".into(), String::new()));
}

#[test]
fn r33_r34_r35_a_url_from_which_nothing_can_come_is_told_by_the_result() {
    for (purl, result) in [
        ("", 6),
        ("not a url", 6),
        ("/rel", 6),
        ("https://", 6),
        ("ftp://v/f", 7),
        ("http://v/f", 7),
        ("coap://v/f", 7),
    ] {
        for action in ["idle", "isac", "isvv", "upgrade"] {
            let mut rig = Rig::new();
            assert_eq!(rig.update("upgrade", 10), "2.04");
            let answer = rig.post(SWU, &update(purl, action, at(20)));
            assert_eq!(answer.code, "2.04", "{purl}");
            let swu = answer.map();
            assert_eq!((swu.text("purl"), swu.text("swupdateaction")), (purl, "idle"));
            rig.pass(30_000);
            assert_eq!((rig.shown(), rig.device.fetched), (format!("idle 0 {result}"), 0), "{purl}");
            // Until the next action begins.
            rig.reboot();
            assert_eq!(rig.shown(), format!("idle 0 {result}"));
            rig.fetch = Fetch::Hold;
            assert_eq!(rig.update("isvv", 60), "2.04");
            rig.pass(60_000);
            assert_eq!(rig.shown(), "svv 256 0");
        }
    }
}

#[test]
fn r33_the_state_stays_whatever_is_written() {
    let mut rig = crate::actions::staged();
    assert_eq!(rig.post(SWU, &update("", "upgrade", at(3600))).code, "2.04");
    rig.pass(10_000);
    assert_eq!(rig.shown(), "sva 320 6");
}

#[test]
fn r75_a_reset_by_the_owner_leaves_nothing_but_the_time_of_the_last_update() {
    let restore = |rig: &mut Rig| {
        let now = rig.now();
        rig.ocf.restore(now, &mut rig.up)
    };
    let check = |rig: &mut Rig, shown: &str| {
        assert_eq!(restore(rig), Ok(()));
        assert_eq!(restore(rig), Err(Answer::Unavailable), "while it is written");
        rig.settle();
        assert_eq!(rig.shown(), shown);
        let swu = rig.swu();
        let read = ["purl", "swupdateaction", "updatetime"].map(|key| swu.text(key));
        assert_eq!((read, swu.get("nv")), (["", "idle", "1970-01-01T00:00:00Z"], None));
    };
    // What was scheduled, and what was known.
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 0), "2.04");
    rig.settle();
    assert_eq!(rig.update("upgrade", 10), "2.04");
    assert_eq!(rig.shown(), "nsa 256 1");
    check(&mut rig, "idle 0 0");
    rig.pass(60_000);
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 0".into(), 0));
    // What is staged, and under way.
    check(&mut crate::actions::staged(), "idle 0 0");
    check(&mut crate::actions::downloading("upgrade"), "idle 0 0");
    let mut rig = crate::actions::upgrading();
    assert_eq!(restore(&mut rig), Err(Answer::Unavailable));
    // And when the last update was.
    rig.resets = true;
    rig.settle();
    let last = rig.swu().text("lastupdate").to_owned();
    assert!(last.starts_with("2026-11-20"));
    check(&mut rig, "idle 0 0");
    assert_eq!(rig.swu().text("lastupdate"), last);
}

#[test]
fn r36_the_platform_says_which_schemes_it_has() {
    for (scheme, code) in [("https", 0), ("COAPS", 0), ("coap", 7), ("coaps+tcp", 7)] {
        let mut rig = Rig::new();
        assert_eq!(rig.post(SWU, &update(&format!("{scheme}://v/f"), "idle", at(0))).code, "2.04");
        assert_eq!(rig.shown(), format!("idle 0 {code}"), "{scheme}");
    }
    let mut rig = Rig::with(|config| config.rules.schemes = &["coap"]);
    assert_eq!(rig.post(SWU, &update("coap://v/f", "idle", at(0))).code, "2.04");
    assert_eq!(rig.shown(), "idle 0 0");
}
