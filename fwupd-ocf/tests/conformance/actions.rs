//! What actions do: rows 7 to 11, 37, 47 to 51, 53 to 59, 76 to 78, 81.

use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::Reach;
use fwupd_core::updater::{Command, Job};
use fwupd_testkit::reference::package;

use crate::rig::{Fetch, PSTAT, PURL, Rig, SWU, at, update};

/// A device that has downloaded a package.
pub(crate) fn staged() -> Rig {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isvv", 0), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "sva 320 1");
    rig
}

/// A device that downloads one, and is asked to go as far as that.
pub(crate) fn downloading(action: &str) -> Rig {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.update(action, 0), "2.04");
    rig.settle();
    rig
}

/// A device that is about to reset into a package.
pub(crate) fn upgrading() -> Rig {
    let mut rig = Rig::new();
    rig.resets = false;
    assert_eq!(rig.update("upgrade", 0), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "upgrading 448 0");
    rig
}

#[test]
fn r07_a_check_finds_what_is_newer_and_downloads_nothing() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 10), "2.04");
    rig.pass(11_000);
    assert_eq!(rig.shown(), "nsa 256 1");
    let swu = rig.swu();
    assert_eq!((swu.text("nv"), swu.text("swupdateaction")), ("5", "idle"));
    assert!(rig.device.fetched < package("one-integrated.suit").len());
    assert!(rig.up.status().unwrap().slots.iter().filter(|slot| slot.verified().is_some()).count() == 1);
}

#[test]
fn r08_a_check_that_finds_nothing_newer_is_a_success() {
    let mut rig = Rig::new();
    rig.device.files.insert(PURL.into(), package("one-seq4.suit"));
    assert_eq!(rig.update("isac", 10), "2.04");
    rig.pass(11_000);
    assert_eq!((rig.shown(), rig.swu().get("nv")), ("idle 0 1".into(), None));
}

#[test]
fn r09_a_validation_downloads_and_does_not_install() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.update("isvv", 10), "2.04");
    rig.pass(11_000);
    assert_eq!(rig.shown(), "svv 256 0");
    rig.fetch = Fetch::Serve;
    rig.pass(10_000);
    assert_eq!((rig.shown(), rig.runs().0), ("sva 320 1".into(), 0));
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
}

#[test]
fn r10_r45_an_upgrade_installs_what_is_there_once() {
    let mut rig = staged();
    let fetched = rig.device.fetched;
    assert_eq!(rig.update("upgrade", 20), "2.04");
    rig.pass(25_000);
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
    let swu = rig.swu();
    assert!(("2026-11-20T23:09:39Z"..="2026-11-20T23:09:44Z").contains(&swu.text("lastupdate")), "{swu:?}");
    assert_eq!((swu.get("nv"), rig.device.fetched), (None, fetched));
    let (boots, last) = (rig.device.boots, swu.text("lastupdate").to_owned());
    rig.reboot();
    rig.pass(60_000);
    assert_eq!((rig.shown(), rig.device.boots), ("idle 0 1".into(), boots + 1));
    assert_eq!(rig.swu().text("lastupdate"), last);
    // Also when another run, of whomever, has taken the place of that outcome.
    let job =
        Job { uri: Some(PURL), reach: Reach::Check, target: None, after: AfterReset::Fail, file_check: None };
    rig.command(2, Command::Check(job));
    rig.settle();
    assert_eq!(rig.swu().text("lastupdate"), last);
    assert_eq!(rig.tm(256), "2.04");
    rig.settle();
    assert_eq!(rig.swu().text("lastupdate"), last);
}

#[test]
fn r37_a_package_from_another_place_is_dropped() {
    let mut rig = staged();
    assert_eq!(rig.update("idle", 0), "2.04");
    assert_eq!(rig.shown(), "sva 320 1");
    assert_eq!(rig.post(SWU, &update("https://v/g", "idle", at(10))).code, "2.04");
    let swu = rig.swu();
    assert_eq!((swu.text("swupdatestate"), swu.get("nv")), ("idle", None));
    assert!(rig.shown().starts_with("idle 0"));
}

#[test]
fn r37_r81_a_package_of_another_protocol_stays_and_is_installed() {
    for tm in [false, true] {
        let mut rig = Rig::configured();
        let job = Job {
            uri: Some(PURL),
            reach: Reach::Stage,
            target: None,
            after: AfterReset::Fail,
            file_check: None,
        };
        rig.command(2, Command::Fetch(job));
        rig.settle();
        assert_eq!(rig.shown(), "sva 320 1");
        if tm {
            assert_eq!(rig.tm(128), "2.04");
        } else {
            assert_eq!(rig.post(SWU, &update("https://v/g", "upgrade", at(10))).code, "2.04");
            assert_eq!(rig.shown(), "sva 320 1");
        }
        rig.pass(12_000);
        assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
    }
}

#[test]
fn r47_no_result_is_shown_while_an_action_runs() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Fail(fwupd_core::outcome::Failure::TransportStatus(404));
    assert_eq!(rig.update("isvv", 0), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "idle 0 404");
    rig.fetch = Fetch::Hold;
    for tm in [256, 64, 128] {
        assert_eq!(rig.tm(tm), "2.04");
        assert!(rig.shown().ends_with(" 0"), "{tm}");
        assert_eq!(rig.update("idle", 0), "2.04");
    }
}

#[test]
fn r48_r50_r58_r78_nothing_is_taken_while_there_is_work() {
    for (mut rig, state) in [
        (downloading("isvv"), "svv 256 0"),
        (downloading("upgrade"), "svv 256 0"),
        (downloading("isac"), "idle 0 0"),
        (upgrading(), "upgrading 448 0"),
    ] {
        let before = rig.swu();
        for action in ["isac", "isvv", "upgrade"] {
            assert_eq!(rig.update(action, 3600), "5.03", "{action} in {state}");
        }
        if state.starts_with("upgrading") {
            assert_eq!(rig.update("idle", 3600), "5.03");
        }
        assert_eq!((rig.swu(), rig.shown()), (before, state.into()));
    }
    let mut rig = downloading("isvv");
    assert_eq!((rig.tm(64), rig.tm(256), rig.tm(128)), ("2.04".into(), "2.04".into(), "5.03".into()));
    assert_eq!(rig.get(PSTAT, &[]).map().number("tm"), 0);
    let mut rig = upgrading();
    assert_eq!(rig.tm(128), "2.04");
    assert_eq!(rig.shown(), "upgrading 448 0");
}

#[test]
fn r48_work_of_another_protocol_is_respected_as_well() {
    let mut rig = Rig::configured();
    rig.fetch = Fetch::Hold;
    let job =
        Job { uri: Some(PURL), reach: Reach::Stage, target: None, after: AfterReset::Fail, file_check: None };
    rig.command(2, Command::Fetch(job));
    for action in ["idle", "isac", "isvv", "upgrade"] {
        assert_eq!(rig.update(action, 3600), "5.03", "{action}");
    }
    for tm in [64, 128, 256] {
        assert_eq!(rig.tm(tm), "5.03", "{tm}");
    }
    assert_eq!(rig.shown(), "svv 256 0");
}

#[test]
fn r49_r76_the_action_idle_ends_a_download_and_a_check() {
    let mut rig = downloading("isvv");
    assert_eq!(rig.update("idle", 0), "2.04");
    assert_eq!(rig.shown(), "idle 0 0");
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 0), "2.04");
    rig.settle();
    rig.fetch = Fetch::Stop(600);
    assert_eq!(rig.tm(64), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "svv 256 0");
    assert_eq!(rig.update("idle", 10), "2.04");
    assert_eq!((rig.shown(), rig.swu().text("nv").to_owned()), ("nsa 256 0".into(), "5".into()));
    let mut rig = downloading("isac");
    assert_eq!(rig.shown(), "idle 0 0");
    assert_eq!(rig.update("idle", 0), "2.04");
    assert_eq!(rig.shown(), "idle 0 0");
    assert_eq!(rig.up.status().unwrap().state.owner(), None);
}

#[test]
fn r51_what_is_validated_is_not_validated_again() {
    let mut rig = staged();
    let fetched = rig.device.fetched;
    rig.fetch = Fetch::Hold;
    assert_eq!(rig.update("isvv", 10), "2.04");
    rig.pass(12_000);
    assert_eq!((rig.shown(), rig.device.fetched), ("sva 320 1".into(), fetched));
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
}

/// There is no place to read another package beside the one that is staged.
#[test]
fn a_check_beside_a_staged_package_does_not_run() {
    let mut rig = staged();
    assert_eq!(rig.tm(256), "5.03");
    assert_eq!(rig.update("isac", 10), "2.04");
    rig.pass(12_000);
    assert_eq!(
        (rig.shown(), rig.swu().text("swupdateaction").to_owned()),
        ("sva 320 1".into(), "idle".into())
    );
}

#[test]
fn r53_the_current_mode_follows_from_the_state_and_leaves_other_bits_alone() {
    for (mut rig, cm) in [
        (Rig::with(|config| config.owned.cm = 2), 2),
        (Rig::new(), 0),
        (downloading("isvv"), 256),
        (staged(), 320),
        (upgrading(), 448),
    ] {
        assert_eq!(rig.get(PSTAT, &[]).map().number("cm"), cm);
    }
}

#[test]
fn r54_the_target_mode_acts_at_once_and_reads_as_done() {
    for (tm, shown) in [(256, "nsa 256 1"), (64, "sva 320 1"), (128, "idle 0 1")] {
        let mut rig = Rig::configured();
        assert_eq!(rig.tm(tm), "2.04");
        assert_eq!(rig.get(PSTAT, &[]).map().number("tm"), 0);
        rig.settle();
        assert_eq!(rig.shown(), shown, "{tm}");
        assert_eq!(rig.runs().0, u8::from(tm == 128));
    }
}

#[test]
fn r55_the_bit_that_goes_furthest_counts() {
    for (tm, shown) in [(448, "idle 0 1"), (384, "idle 0 1"), (320, "sva 320 1")] {
        let mut rig = Rig::configured();
        assert_eq!(rig.tm(tm), "2.04");
        rig.settle();
        assert_eq!(rig.shown(), shown, "{tm}");
    }
}

#[test]
fn r56_other_bits_of_the_target_mode_are_nothing_to_an_update() {
    let mut rig = downloading("isvv");
    for tm in [0, 1, 63, 512] {
        assert_eq!(rig.tm(tm), "2.04");
    }
    assert_eq!(rig.shown(), "svv 256 0");
    let mut rig = Rig::configured();
    assert_eq!(rig.tm(63), "2.04");
    rig.settle();
    assert_eq!((rig.shown(), rig.device.fetched), ("idle 0 0".into(), 0));
}

#[test]
fn r57_the_target_mode_leaves_the_schedule_alone() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("isac", 3600), "2.04");
    assert_eq!(rig.tm(128), "2.04");
    rig.settle();
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 1".into(), 1));
    assert_eq!(rig.swu().text("swupdateaction"), "isac");
}

#[test]
fn r59_the_target_mode_without_a_url_is_told_by_the_result() {
    for tm in [64, 128, 256] {
        let mut rig = Rig::new();
        assert_eq!(rig.tm(tm), "2.04");
        rig.settle();
        assert_eq!(rig.shown(), "idle 0 6");
    }
}

#[test]
fn r77_what_comes_due_while_there_is_work_does_not_run() {
    let mut rig = Rig::new();
    assert_eq!(rig.update("upgrade", 10), "2.04");
    rig.fetch = Fetch::Hold;
    let job =
        Job { uri: Some(PURL), reach: Reach::Stage, target: None, after: AfterReset::Fail, file_check: None };
    rig.command(2, Command::Fetch(job));
    rig.pass(12_000);
    assert_eq!(
        (rig.shown(), rig.swu().text("swupdateaction").to_owned()),
        ("svv 256 0".into(), "idle".into())
    );
    rig.fetch = Fetch::Serve;
    rig.pass(12_000);
    assert_eq!((rig.shown(), rig.runs().0), ("sva 320 1".into(), 0));
}
