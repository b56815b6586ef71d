//! Power lost, and flash that fails, at any operation.

use fwupd_ocf::adapter::Cast;
use fwupd_testkit::device::Device;
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};

use crate::rig::{Map, OCF, ONE, Rig, SWU, T, at, encode, update};

/// A device that has scheduled something.
fn scheduled() -> (Device<2>, Map) {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 3600), "2.04");
    rig.settle();
    let swu = rig.swu();
    (rig.device, swu)
}

/// Posts another schedule and lets the device go on as far as it comes; the code of the answer, if one came.
fn post(rig: &mut Rig) -> Option<String> {
    let packet = rig.packet(2, SWU, Some(OCF), &encode(&update("https://v/g", "upgrade", at(60))));
    rig.hand(ONE, Cast::Unicast, &packet.to_bytes_unlimited().unwrap());
    for _ in 0..40 {
        if rig.device.drain(&mut rig.up, "the updater").is_err() {
            return None;
        }
        let now = rig.now();
        let _ = rig.up.need(now);
        rig.poll();
    }
    rig.answer(ONE, &packet).map(|answer| answer.code)
}

#[test]
fn a_cut_at_any_operation_of_an_update_leaves_the_old_or_the_new_one() {
    let (device, old) = scheduled();
    let (mut olds, mut news, mut ops) = (0, 0, 0);
    for n in 0.. {
        let mut reached = false;
        for model in [TornModel::Nothing, TornModel::AllNew, TornModel::RandomBits(n)] {
            let mut rig = Rig::of(device.clone(), |_| {});
            rig.device.flash.cut_at(OpIndex::Any(n), CutPlace::From(0), model);
            let code = post(&mut rig);
            reached |= !rig.device.flash.is_on();
            assert!(code.is_none() || code.as_deref() == Some("2.04"), "{code:?} at {n}");
            rig.device.flash.power_on();
            rig.device.flash.disarm();
            rig.reboot();
            let now = rig.swu();
            let is_new = now.text("swupdateaction") == "upgrade";
            assert_eq!(now.text("purl"), if is_new { "https://v/g" } else { "https://v/f" });
            assert_eq!(now.text("updatetime"), at(if is_new { 60 } else { 3600 }));
            assert!(is_new || (now == old && code.is_none()), "at {n}: {now:?}");
            olds += usize::from(!is_new);
            news += usize::from(is_new);
        }
        if !reached {
            ops = n;
            break;
        }
    }
    assert!(ops > 3 && olds > 3 && news > 3, "{ops} operations, {olds} old, {news} new");
}

#[test]
fn an_update_that_the_flash_does_not_take_is_answered_so_and_has_not_been() {
    let (device, old) = scheduled();
    let mut refused = 0;
    for times in 1..12 {
        let mut rig = Rig::of(device.clone(), |_| {});
        rig.device.flash.fail_at(OpIndex::Mutating(0), times, CutPlace::Before, TornModel::Nothing);
        let code = post(&mut rig);
        rig.device.flash.disarm();
        match code.as_deref() {
            Some("2.04") => assert_eq!(rig.swu().text("purl"), "https://v/g"),
            Some("5.00") => {
                refused += 1;
                rig.reboot();
                assert_eq!(rig.swu(), old);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 3, "{refused}");
}

/// Rows 44 and 45.
#[test]
fn r44_r45_an_upgrade_that_is_cut_anywhere_is_over_or_has_succeeded_and_is_not_begun_again() {
    let (device, _) = scheduled();
    let (mut over, mut done, mut ops) = (0, 0, 0);
    for n in (0..).step_by(3) {
        let mut rig = Rig::of(device.clone(), |_| {});
        assert_eq!(rig.update("upgrade", 10), "2.04");
        rig.pass(9_000);
        rig.device.clock.set_wall(Some(T + 10));
        rig.device.flash.cut_at(OpIndex::Mutating(n), CutPlace::From(0), TornModel::RandomBits(n));
        rig.pass(5_000);
        if rig.device.flash.is_on() {
            assert!(rig.device.flash.is_armed());
            ops = n;
            break;
        }
        rig.device.flash.power_on();
        rig.device.clock.set_wall(Some(T + 60));
        rig.reboot();
        rig.pass(120_000);
        let (shown, swu) = (rig.shown(), rig.swu());
        assert_eq!(swu.text("swupdateaction"), "idle", "at {n}");
        let runs = rig.runs().0;
        let good = match runs {
            1 => ["idle 0 1"].contains(&shown.as_str()),
            _ => ["idle 0 0", "idle 0 4", "nsa 256 4", "sva 320 8"].contains(&shown.as_str()),
        };
        assert!(good, "{shown} in slot {runs} at {n}");
        assert_eq!(swu.text("lastupdate") != "2025-01-02T03:04:05Z", runs == 1, "{shown} at {n}: {swu:?}");
        (over, done) = (over + usize::from(runs == 0), done + usize::from(runs == 1));
    }
    assert!(ops > 20 && over > 3 && done > 0, "{ops} operations, {over} over, {done} done");
}
