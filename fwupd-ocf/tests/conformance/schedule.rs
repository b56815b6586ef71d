//! Schedules over resets: rows 17, 18 and 79.

use fwupd_ocf::adapter::Cast;
use fwupd_testkit::clock::WallAfterReset;

use crate::rig::{OCF, ONE, PURL, Rig, SWU, T, at, encode, update};

/// What the device had scheduled, and what it shows after it was off until so many seconds after `T`.
fn off_until(seconds: u64, scheduled: i64) -> Rig {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", scheduled), "2.04");
    rig.reset();
    rig.device.clock.set_wall(Some(T + seconds));
    rig.settle();
    rig
}

#[test]
fn r17_what_came_due_while_the_device_was_off_does_not_run() {
    let mut rig = off_until(60, 10);
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
    rig.pass(60_000);
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
    rig.reboot();
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
}

#[test]
fn r18_what_is_still_to_come_outlives_a_reset() {
    let mut rig = off_until(10, 60);
    assert_eq!(rig.swu().text("swupdateaction"), "isac");
    rig.pass(45_000);
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
    rig.pass(10_000);
    assert_eq!(rig.shown(), "nsa 256 1");
}

#[test]
fn r79_without_the_time_a_boot_runs_nothing_until_it_is_known() {
    for (known, runs) in [(30, true), (90, false)] {
        let mut rig = Rig::new();
        assert_eq!(rig.update("isac", 60), "2.04");
        rig.wall = WallAfterReset::Lost;
        rig.reboot();
        rig.pass(120_000);
        assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
        assert_eq!(rig.swu().text("swupdateaction"), "isac");
        rig.device.clock.set_wall(Some(T + known));
        rig.pass(40_000);
        assert_eq!(rig.shown(), if runs { "nsa 256 1" } else { "idle 0 0" });
        assert_eq!(rig.swu().text("swupdateaction"), "idle");
    }
}

#[test]
fn the_application_is_told_when_to_come_again() {
    let mut rig = Rig::new();
    let now = rig.now();
    assert_eq!(rig.ocf.poll_timeout(now), None);
    assert_eq!(rig.update("isac", 10), "2.04");
    rig.settle();
    rig.device.clock.set_wall(Some(T + 3));
    let now = rig.now();
    assert_eq!(rig.ocf.poll_timeout(now), Some(now.mono + 7_000));
}

/// What was in time when it came is not too late because the flash was slow.
#[test]
fn what_comes_due_while_it_is_written_runs() {
    let mut rig = Rig::new();
    let packet = rig.packet(2, SWU, Some(OCF), &encode(&update(PURL, "isac", at(10))));
    rig.hand(ONE, Cast::Unicast, &packet.to_bytes_unlimited().unwrap());
    rig.device.clock.advance(15_000);
    rig.settle();
    assert_eq!(rig.answer(ONE, &packet).unwrap().code, "2.04");
    assert_eq!(rig.shown(), "nsa 256 1");
}

#[test]
fn an_action_runs_once_even_if_the_clock_jumps_back() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 10), "2.04");
    rig.pass(12_000);
    assert_eq!(rig.shown(), "nsa 256 1");
    let fetched = rig.device.fetched;
    rig.device.clock.set_wall(Some(T));
    rig.pass(60_000);
    assert_eq!(rig.device.fetched, fetched);
}
