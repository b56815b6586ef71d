//! Power is lost at any flash operation of a request: it was taken or it was not, and comes again with an answer.

use fwupd_iotf::adapter::Handled;
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};
use serde_json::json;

use crate::rig::{GOOD, Rig};

const OTHER: &str = "https://example.com/one-seqmax.suit";

/// Cuts this request at every operation until its answer. What is seen after the request was delivered again:
/// the return code, and what is shown, of each cut.
fn cut_everywhere(make: fn() -> Rig, request: &str) -> Vec<(u64, (u64, u64))> {
    let topic = format!("mgmt/initiate/firmware/{request}");
    let body = json!({"reqId": "the same"});
    let mut seen = Vec::new();
    for n in 0.. {
        for model in [TornModel::Nothing, TornModel::AllNew] {
            let mut rig = make();
            rig.board.flash.cut_at(OpIndex::Mutating(n), CutPlace::From(0), model);
            let mut done = false;
            while rig.board.flash.is_on() && !done {
                let handled = rig.hand(&format!("iotdm-1/{topic}"), body.to_string().as_bytes());
                done = matches!(handled, Handled::Done(Some(_)));
                let _ = rig.board.drain(&mut rig.up, "the updater");
            }
            if rig.board.flash.is_on() {
                return seen;
            }
            assert!(!done, "what is answered stands in flash");
            rig.board.flash.power_on();
            rig.reboot();
            let answer = rig.send(&topic, &body).unwrap();
            rig.settle();
            seen.push((answer["rc"].as_u64().unwrap(), rig.shown()));
        }
    }
    unreachable!("a request comes to its end")
}

#[test]
fn a_download_that_was_cut_is_begun_once() {
    let make = || {
        let mut rig = Rig::new();
        rig.prepare(GOOD);
        rig.observe();
        rig
    };
    let seen = cut_everywhere(make, "download");
    assert!(!seen.is_empty());
    // Begun before the cut, it has lost its connection; else it has been begun behind it.
    assert!(seen.iter().all(|one| [(202, (0, 3)), (202, (2, 0))].contains(one)), "{seen:?}");
    assert!(seen.contains(&(202, (2, 0))) && seen.contains(&(202, (0, 3))), "{seen:?}");
}

#[test]
fn a_download_behind_a_reset_that_was_cut_is_begun_once() {
    let make = || {
        let mut rig = Rig::downloaded();
        rig.prepare(OTHER);
        rig
    };
    let seen = cut_everywhere(make, "download");
    assert!(seen.iter().all(|one| [(202, (0, 3)), (202, (2, 0))].contains(one)), "{seen:?}");
    assert!(seen.len() >= 4, "two frames: {seen:?}");
}

#[test]
fn an_update_that_was_cut_is_carried_out_once() {
    let seen = cut_everywhere(Rig::downloaded, "update");
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|one| *one == (202, (0, 0))), "{seen:?}");
}
