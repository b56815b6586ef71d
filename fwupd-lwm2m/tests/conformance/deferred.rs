//! Installations that are put off: rows 57 to 63.

use fwupd_core::outcome::{Ask, Initiator};
use fwupd_core::updater::Command;
use fwupd_testkit::clock::WallAfterReset;

use crate::reads::downloaded;
use crate::rig::{Permit, Rig, TEXT};

/// Downloaded, with a user who puts off an installation, and this period if any.
fn put_off(period: &str) -> Rig {
    let mut rig = downloaded();
    if !period.is_empty() {
        assert_eq!(rig.put("/5/0/13", TEXT, period.as_bytes()), "2.04");
    }
    (rig.permit, rig.resets) = (Permit::Defer(None), false);
    rig.observe("/5/0/3");
    rig.observe("/5/0/5");
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "2/11");
    rig
}

#[test]
fn r57_an_installation_may_be_put_off() {
    let mut rig = put_off("30");
    assert_eq!(rig.told(), ["/5/0/5 11"]);
    rig.pass(28_000);
    assert_eq!(rig.shown(), "2/11");
}

#[test]
fn r58_where_nothing_may_be_put_off_nobody_is_asked() {
    let mut rig = downloaded();
    assert_eq!(rig.put("/5/0/13", TEXT, b"0"), "2.04");
    (rig.permit, rig.resets) = (Permit::Defer(None), false);
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "3/0");
}

#[test]
fn r59_after_the_period_it_is_installed_without_a_question() {
    let mut rig = put_off("30");
    rig.told();
    rig.pass(31_000);
    assert_eq!(rig.shown(), "3/0");
    assert_eq!(rig.told(), ["/5/0/5 0", "/5/0/3 3"]);
    // A user who does not answer at all.
    let mut rig = downloaded();
    assert_eq!(rig.put("/5/0/13", TEXT, b"30"), "2.04");
    (rig.permit, rig.resets) = (Permit::Silent, false);
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.pass(29_000);
    assert_eq!(rig.shown(), "2/0");
    rig.pass(2_000);
    assert_eq!(rig.shown(), "3/0");
    // Without a period it waits for ever.
    let mut rig = put_off("");
    rig.pass(100_000_000);
    assert_eq!(rig.shown(), "2/11");
}

#[test]
fn r60_a_user_who_accepts_later_begins_the_installation() {
    let mut rig = put_off("30");
    rig.told();
    rig.command(0, Command::Activate { slot: None, ask: Ask::No });
    rig.settle();
    assert_eq!(rig.shown(), "3/0");
    assert_eq!(rig.told(), ["/5/0/3 3", "/5/0/5 0"], "both at once: State first");
    // The application has said when to ask again.
    let mut rig = downloaded();
    (rig.permit, rig.resets) = (Permit::Defer(Some(10_000)), false);
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.pass(9_000);
    assert_eq!(rig.shown(), "2/11");
    rig.permit = Permit::Yes;
    rig.pass(2_000);
    assert_eq!(rig.shown(), "3/0");
    assert_eq!(rig.up.status().unwrap().state.owner(), Some(Initiator(1)));
}

#[test]
fn r61_the_period_runs_from_the_first_execution() {
    let mut rig = put_off("30");
    rig.told();
    rig.pass(20_000);
    rig.permit = Permit::Silent;
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
    rig.permit = Permit::Defer(None);
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/5 0", "/5/0/5 11"]);
    rig.pass(8_000);
    assert_eq!(rig.shown(), "2/11");
    rig.pass(3_000);
    assert_eq!(rig.shown(), "3/0");
}

#[test]
fn r62_what_was_put_off_can_be_cancelled() {
    let mut rig = put_off("30");
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    assert_eq!(rig.shown(), "0/10");
    rig.pass(60_000);
    assert_eq!(rig.shown(), "0/10", "and is not installed any more");
}

#[test]
fn r63_the_period_goes_on_over_a_reset_with_a_clock_and_is_never_shorter_without() {
    for (wall, left) in [(WallAfterReset::GoesOn, 10_000), (WallAfterReset::Lost, 30_000)] {
        let mut rig = downloaded();
        rig.device.clock.set_wall(Some(1_700_000_000));
        assert_eq!(rig.put("/5/0/13", TEXT, b"30"), "2.04");
        (rig.permit, rig.resets, rig.wall) = (Permit::Defer(None), false, wall);
        assert_eq!(rig.post("/5/0/2", b""), "2.04");
        rig.pass(20_000);
        rig.reboot();
        assert_eq!(rig.shown(), "2/11");
        rig.pass(left - 1_000);
        assert_eq!(rig.shown(), "2/11", "{wall:?}");
        rig.pass(3_000);
        assert_eq!(rig.shown(), "3/0", "{wall:?}");
    }
}
