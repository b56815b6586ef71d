//! What goes wrong: rows 38 to 46.

use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::updater::Command;
use fwupd_testkit::device::{Checks, SelfTest};
use fwupd_testkit::reference::package;

use crate::actions::{downloading, staged, upgrading};
use crate::rig::{Fetch, PURL, Rig};

/// What a download shows that fails like this, at once and after its description was read.
fn fails(why: Failure) -> [String; 2] {
    [0, 600].map(|bytes| {
        let mut rig = Rig::new();
        rig.device.policy.attempts = 1;
        rig.reboot();
        rig.fetch = if bytes == 0 { Fetch::Fail(why) } else { Fetch::Stop(bytes) };
        assert_eq!(rig.update("isvv", 3600), "2.04");
        rig.pass(3_601_000);
        if bytes > 0 {
            assert_eq!(rig.shown(), "svv 256 0");
            rig.fetch = Fetch::Fail(why);
            rig.settle();
        }
        assert_eq!((rig.swu().text("swupdateaction"), rig.runs().0), ("idle", 0));
        rig.shown()
    })
}

#[test]
fn r38_r39_r41_r46_a_download_that_fails_is_told_by_its_result() {
    for (why, code) in [
        (Failure::ConnectionLost, 4),
        (Failure::TransportStatus(404), 404),
        (Failure::TransportStatus(503), 503),
        (Failure::TransportStatus(400), 400),
        (Failure::TransportStatus(600), 600),
        (Failure::TransportStatus(302), 4),
        (Failure::TransportStatus(601), 4),
        (Failure::OutOfRam, 2),
        (Failure::HostUnknown, 6),
        (Failure::PeerNotTrusted, 4),
    ] {
        assert_eq!(fails(why), [format!("idle 0 {code}"), format!("nsa 256 {code}")], "{why:?}");
    }
}

#[test]
fn r41_a_package_that_is_too_large_is_told_by_its_result() {
    let mut rig = Rig::new();
    rig.device.files.insert(PURL.into(), package("one-integrated-big.suit"));
    assert_eq!(rig.update("isvv", 0), "2.04");
    rig.settle();
    assert!(rig.shown().ends_with(" 3"), "{}", rig.shown());
}

#[test]
fn r40_a_package_that_is_not_good_is_never_available() {
    let good = package("one-integrated.suit");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for (file, state) in [
        (flipped, "nsa 256"),
        (package("wrongkey.suit"), "idle 0"),
        (package("one-seq0.suit"), "idle 0"),
        (b"no package".to_vec(), "idle 0"),
    ] {
        let mut rig = Rig::new();
        let states = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        let seen = std::rc::Rc::clone(&states);
        rig.watch = Some(Box::new(move |rig| {
            let status = rig.up.status().unwrap();
            seen.borrow_mut().push(rig.config.rules.show(&status, &rig.config.rules.note(&rig.up)).state);
        }));
        rig.device.files.insert(PURL.into(), file);
        assert_eq!(rig.update("upgrade", 0), "2.04");
        rig.settle();
        assert_eq!((rig.shown(), rig.runs().0), (format!("{state} 5"), 0));
        assert!(!states.borrow().contains(&fwupd_ocf::spec::State::Sva));
    }
}

#[test]
fn r42_r43_an_installation_that_fails_leaves_the_old_image_and_a_result() {
    // The image is lost: it is refused on trial.
    for self_test in [SelfTest::Fail, SelfTest::Hang, SelfTest::Crash] {
        let mut rig = staged();
        rig.device.self_test = self_test;
        let before = rig.swu().text("lastupdate").to_owned();
        assert_eq!(rig.tm(128), "2.04");
        rig.settle();
        assert_eq!((rig.shown(), rig.runs().0), ("nsa 256 8".into(), 0), "{self_test:?}");
        assert_eq!(rig.swu().text("lastupdate"), before);
    }
    // It is still good: the application does not want it now, or puts it off.
    for (defers, result) in [(false, 8), (true, 0)] {
        let mut rig = Rig::with(|config| config.rules.ask = Ask::User);
        assert_eq!(rig.update("isvv", 0), "2.04");
        rig.settle();
        assert_eq!(rig.tm(128), "2.04");
        assert_eq!(rig.shown(), "sva 320 0");
        let now = rig.now();
        if defers {
            rig.up.defer(None, now).unwrap();
        } else {
            rig.command(0, Command::Reject { why: Failure::Rejected, detail: b"" });
        }
        rig.settle();
        assert_eq!((rig.shown(), rig.runs().0), (format!("sva 320 {result}"), 0));
    }
}

#[test]
fn an_image_that_is_damaged_before_its_boot_is_a_validation_failure() {
    let mut rig = upgrading();
    rig.device.checks = Checks::Digest;
    let at = 4096 + 700;
    let byte = rig.device.flash.contents(0)[at];
    rig.device.flash.fill(0, at as u32, &[byte & byte.wrapping_sub(1)]).unwrap();
    rig.resets = true;
    rig.settle();
    assert_eq!((rig.shown(), rig.runs().0), ("nsa 256 5".into(), 0));
    assert_eq!(rig.swu().text("lastupdate"), "2025-01-02T03:04:05Z");
}

#[test]
fn r44_a_download_does_not_outlive_a_reset() {
    let mut rig = downloading("upgrade");
    rig.reboot();
    rig.fetch = Fetch::Serve;
    rig.pass(60_000);
    assert_eq!((rig.shown(), rig.runs().0), ("idle 0 4".into(), 0));
}
