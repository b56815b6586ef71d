//! Updating, and what comes of it: rows 64 to 72.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::Failure;
use fwupd_testkit::device::{Checks, SelfTest};
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};
use fwupd_testkit::reference::package;

use crate::reads::{downloaded, updating};
use crate::rig::{OPAQUE, Rig, TEXT};

/// Executes Update, and lets the device go through its resets.
fn install(rig: &mut Rig) {
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
}

#[test]
fn r64_r65_nothing_is_allowed_while_updating() {
    let mut rig = updating();
    let file = package("one-seqmax.suit");
    assert_eq!(rig.post("/5/0/2", b""), "4.05");
    assert_eq!(rig.post("/5/0/10", b""), "4.05");
    for uri in ["", "\0", "coap://example.com/fw", "ftp://example.com/fw"] {
        assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "4.05", "{uri:?}");
    }
    assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "4.05");
    assert_eq!(rig.put("/5/0/0", OPAQUE, &file), "4.05");
    assert_eq!(rig.block(0, true, 5, &file[..512]).code, "4.05");
    assert_eq!(rig.shown(), "3/0");
}

#[test]
fn r67_an_image_that_was_confirmed_is_a_success_after_the_registration() {
    let mut rig = downloaded();
    install(&mut rig);
    assert_eq!(rig.shown(), "0/1");
    assert_eq!((rig.boots, rig.registered.len()), (1, 2));
    assert_eq!((rig.runs(), rig.read("/3/0/3")), (SlotId(1), "5".into()));
    rig.reboot();
    assert_eq!(rig.shown(), "0/1");
}

/// It runs, and is not confirmed yet.
#[test]
fn r67_a_trial_is_updating_and_shows_what_runs() {
    let mut rig = downloaded();
    rig.resets = false;
    install(&mut rig);
    rig.reset();
    rig.online = false;
    (0..20).for_each(|_| rig.turn());
    rig.online = true;
    assert_eq!((rig.shown(), rig.read("/3/0/3")), ("3/0".into(), "5".into()));
    assert_eq!(rig.runs(), SlotId(1));
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "4.05");
    rig.pass(20_000);
    assert_eq!(rig.shown(), "0/1");
}

#[test]
fn r68_an_image_that_was_not_confirmed_has_failed() {
    for self_test in [SelfTest::Hang, SelfTest::Crash, SelfTest::Fail] {
        let mut rig = downloaded();
        rig.device.self_test = self_test;
        install(&mut rig);
        assert_eq!(rig.shown(), "0/8", "{self_test:?}");
        assert_eq!((rig.runs(), rig.read("/3/0/3")), (SlotId(0), "4".into()));
        assert_eq!(rig.registered.len(), rig.boots + 1, "every boot registers");
    }
}

#[test]
fn r68_a_digest_that_is_wrong_at_boot_is_an_integrity_failure() {
    let mut rig = downloaded();
    rig.device.checks = Checks::Digest;
    rig.resets = false;
    install(&mut rig);
    let byte = rig.device.flash.contents(0)[4096 + 700];
    rig.device.flash.fill(0, 4096 + 700, &[byte & byte.wrapping_sub(1)]).unwrap();
    rig.resets = true;
    rig.settle();
    assert_eq!(rig.runs(), SlotId(0));
    assert_eq!(rig.shown(), "0/5");
}

#[test]
fn r71_an_image_that_is_lost_has_failed() {
    let mut rig = downloaded();
    rig.device.self_test = SelfTest::Fail;
    install(&mut rig);
    assert_eq!(rig.shown(), "0/8");
    assert_eq!(rig.post("/5/0/2", b""), "4.05");
    // The same image is not tried again by itself.
    assert_eq!(rig.push(&package("one-integrated.suit"), 5).code, "4.00");
    assert_eq!(rig.shown(), "0/8");
    let last = rig.last().unwrap();
    assert_eq!(last.what, fwupd_core::outcome::What::Failed(Failure::Rejected));
}

#[test]
fn r72_the_result_is_cleared_when_another_update_begins() {
    let success = || {
        let mut rig = downloaded();
        install(&mut rig);
        assert_eq!(rig.shown(), "0/1");
        rig
    };
    let failure = || {
        let mut rig = downloaded();
        rig.device.self_test = SelfTest::Fail;
        install(&mut rig);
        assert_eq!(rig.shown(), "0/8");
        rig
    };
    for make in [&success as &dyn Fn() -> Rig, &failure] {
        let mut rig = make();
        rig.fetch = crate::rig::Fetch::Hold;
        assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "2.04");
        assert_eq!(rig.shown(), "1/0");
        let mut rig = make();
        assert_eq!(rig.block(0, true, 5, &package("one-seqmax.suit")[..512]).code, "2.31");
        assert_eq!(rig.shown(), "1/0");
    }
}

/// An answer of success means that it stands in flash.
#[test]
fn what_the_flash_does_not_take_is_not_answered_as_done() {
    let mut failed = 0;
    for times in [1, 2, 3, 50] {
        let mut rig = Rig::new();
        rig.fetch = crate::rig::Fetch::Hold;
        rig.device.flash.reset_counts();
        rig.device.flash.fail_at(OpIndex::Mutating(0), times, CutPlace::From(0), TornModel::Nothing);
        let code = rig.put("/5/0/1", TEXT, b"coap://example.com/fw");
        rig.device.flash.disarm();
        failed += u32::from(code == "5.00");
        let shown = if code == "2.04" { "1/0" } else { "0/0" };
        rig.reboot();
        assert_eq!(rig.shown(), shown, "{code} after {times} faults");
    }
    assert!(failed > 0);
}
