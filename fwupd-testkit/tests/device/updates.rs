//! Updates without a cut: what ends how, and what is refused before anything is erased.

use fwupd_core::flash::{Layout, OpKind, Part, Region, Sectors};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Outcome, Phase, Reach, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Job, Need, Verify};
use fwupd_testkit::device::{Checks, Device, Rest, SelfTest};
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};

use crate::rig::{Bench, GEOMETRIES, IDS, K1, NEW, OLD, factory, install, job, package};

fn last(device: &Device<2>) -> Outcome {
    device.seen.as_ref().unwrap().last.unwrap()
}

fn runs(device: &Device<2>) -> (SlotId, u64) {
    let seen = device.seen.as_ref().unwrap();
    assert_eq!(Some(seen.jumped), device.jumped);
    assert_eq!(seen.jumped, seen.running);
    (seen.running, seen.sequence)
}

/// Erases of the slots so far: the journal's pages lie behind them.
fn slot_erases(device: &Device<2>) -> u32 {
    device.flash.wear(0)[..16].iter().sum()
}

#[test]
fn an_update_goes_through_trial_and_confirmation() {
    for geometry in GEOMETRIES {
        for checks in [Checks::None, Checks::Digest, Checks::Signature] {
            for verify in [Verify::WhileWriting, Verify::Both] {
                let mut device = factory(geometry);
                device.checks = checks;
                device.policy.verify = verify;
                assert_eq!(runs(&device), (OLD, 4));
                assert_eq!(install(&mut device, "one-integrated.suit"), Rest::Still);
                assert_eq!(runs(&device), (NEW, 5));
                assert_eq!(device.seen.as_ref().unwrap().state, State::Idle);
                assert_eq!((last(&device).what, last(&device).at), (What::Done, Phase::Activation));
                device.flash.assert_lawful();
            }
        }
    }
}

#[test]
fn an_image_that_does_not_pass_its_trial_is_rolled_back() {
    for (self_test, why, log) in [
        (SelfTest::Fail, Failure::Rejected, "self-test failed"),
        (SelfTest::Hang, Failure::NotConfirmed, "given up by the application"),
        (SelfTest::Crash, Failure::BootFailed, "trial boots spent"),
    ] {
        let mut device = factory(GEOMETRIES[0]);
        device.self_test = self_test;
        assert_eq!(install(&mut device, "one-integrated.suit"), Rest::Still);
        assert_eq!(runs(&device), (OLD, 4), "{self_test:?}");
        assert_eq!(last(&device).what, What::Failed(why));
        match device.seen.as_ref().unwrap().slots[1] {
            Slot::Failed { at, why: told, log: said, image } => {
                assert_eq!((at, told), (Phase::Activation, why));
                assert_eq!(said.as_bytes(), log.as_bytes());
                assert_eq!(image.unwrap().sequence, 5);
            }
            other => panic!("{other:?}"),
        }
        // The same image is not tried again for a protocol, but for the application it is.
        assert_eq!(install(&mut device, "one-integrated.suit"), Rest::Still);
        assert_eq!(last(&device).what, What::Failed(Failure::Rejected));
        assert_eq!(last(&device).at, Phase::Download);
        device.self_test = SelfTest::Pass;
        let local = Command::Fetch(job("one-integrated.suit"));
        assert_eq!(device.command(Initiator::APPLICATION, local), Rest::Still);
        assert_eq!(runs(&device), (NEW, 5));
        device.flash.assert_lawful();
    }
}

#[test]
fn what_is_not_good_is_refused_before_a_slot_is_erased() {
    let html = b"<!DOCTYPE html><html><body>404</body></html>".to_vec();
    for (file, why) in [
        (package("wrongkey.suit"), Failure::Authenticity),
        (package("one-seq0.suit"), Failure::OlderThanAllowed),
        (html, Failure::UnsupportedPackage),
        (Vec::new(), Failure::Integrity),
        (package("one-integrated-big.suit"), Failure::NoSpaceInFlash),
    ] {
        for block in [1, 7, 64, 512, usize::MAX / 2] {
            let mut device = factory(GEOMETRIES[0]);
            let before = slot_erases(&device);
            device.block = block;
            device.files.insert("file".into(), file.clone());
            assert_eq!(device.command(Initiator(1), Command::Fetch(job("file"))), Rest::Still);
            assert_eq!(last(&device).what, What::Failed(why), "in chunks of {block}");
            assert_eq!(runs(&device), (OLD, 4));
            assert_eq!(slot_erases(&device), before);
            assert_eq!(device.seen.as_ref().unwrap().slots[1], Slot::Empty);
        }
    }
}

#[test]
fn a_lower_sequence_number_is_refused_and_an_equal_one_is_installed() {
    let mut device = factory(GEOMETRIES[0]);
    install(&mut device, "one-integrated.suit");
    assert_eq!(runs(&device), (NEW, 5));
    install(&mut device, "one-seq4.suit");
    assert_eq!(last(&device).what, What::Failed(Failure::OlderThanAllowed));
    install(&mut device, "one-integrated.suit");
    assert_eq!((runs(&device), last(&device).what), ((OLD, 5), What::Done));
}

#[test]
fn a_package_with_more_bytes_than_were_signed_is_refused() {
    let mut device = factory(GEOMETRIES[0]);
    let mut file = package("one-integrated.suit");
    file.push(0);
    device.files.insert("long".into(), file);
    device.command(Initiator(1), Command::Fetch(job("long")));
    assert_eq!((runs(&device), last(&device).what), ((OLD, 4), What::Failed(Failure::Integrity)));
}

#[test]
fn a_payload_elsewhere_is_fetched_from_its_signed_uri() {
    let mut device = factory(GEOMETRIES[0]);
    let whole = package("one-integrated.suit");
    let payload = whole[whole.len() - 1536..].to_vec();
    device.files.insert("coap://example.com/fw.bin".into(), payload);
    install(&mut device, "one-uri.suit");
    assert_eq!((runs(&device), last(&device).what), ((NEW, 5), What::Done));
    device.flash.assert_lawful();
}

#[test]
fn a_check_tells_what_is_newer_and_writes_no_slot() {
    let mut device = factory(GEOMETRIES[0]);
    let before = slot_erases(&device);
    for (name, what) in [
        ("one-integrated.suit", What::Done),
        ("one-seq4.suit", What::Done),
        ("wrongkey.suit", What::Failed(Failure::Authenticity)),
    ] {
        device.files.insert(name.into(), package(name));
        let check = Job { reach: Reach::Check, after: AfterReset::Fail, ..job(name) };
        assert_eq!(device.command(Initiator(2), Command::Check(check)), Rest::Still);
        assert_eq!(last(&device).what, what, "{name}");
    }
    assert_eq!(slot_erases(&device), before);
}

#[test]
fn a_confirmed_image_that_no_longer_passes_its_check_is_fallen_back_from() {
    for checks in [Checks::Digest, Checks::Signature] {
        let mut device = factory(GEOMETRIES[0]);
        device.checks = checks;
        install(&mut device, "one-integrated.suit");
        assert_eq!(runs(&device), (NEW, 5));
        let byte = device.flash.contents(0)[4096 + 700];
        device.flash.fill(0, 4096 + 700, &[byte & byte.wrapping_sub(1)]).unwrap();
        assert_eq!(device.power_on(), Rest::Still);
        assert_eq!(runs(&device), (OLD, 4));
        assert_eq!(last(&device).what, What::Failed(Failure::BootFailed));
        assert!(matches!(device.seen.as_ref().unwrap().slots[1], Slot::Failed { .. }));
        install(&mut device, "one-seqmax.suit");
        assert_eq!(runs(&device), (NEW, u64::MAX), "and the next update is possible");
    }
}

/// It has not failed its trial: its bytes have decayed.
#[test]
fn an_image_that_was_fallen_back_from_can_be_installed_again() {
    let mut device = factory(GEOMETRIES[0]);
    install(&mut device, "one-integrated.suit");
    let byte = device.flash.contents(0)[4096 + 700];
    device.flash.fill(0, 4096 + 700, &[byte & byte.wrapping_sub(1)]).unwrap();
    assert_eq!(device.power_on(), Rest::Still);
    assert_eq!(runs(&device), (OLD, 4));
    install(&mut device, "one-integrated.suit");
    assert_eq!((runs(&device), last(&device).what), ((NEW, 5), What::Done));
}

/// The image on trial is given up, and the one to go back to no longer passes its check.
#[test]
fn an_image_that_was_given_up_and_is_all_that_boots_runs_and_is_not_marked_failed() {
    let mut trials = 0;
    for n in 0.. {
        let mut device = factory(GEOMETRIES[0]);
        device.self_test = SelfTest::Fail;
        device.flash.cut_at(OpIndex::Mutating(n), CutPlace::From(0), TornModel::Nothing);
        if install(&mut device, "one-integrated.suit") == Rest::Still {
            break;
        }
        if !matches!(device.states.last(), Some(State::Trial { .. })) {
            continue;
        }
        trials += 1;
        let byte = device.flash.contents(0)[700];
        device.flash.fill(0, 700, &[byte & byte.wrapping_sub(1)]).unwrap();
        assert_eq!(device.power_on(), Rest::Still);
        assert_eq!(runs(&device), (NEW, 5));
        let slots = &device.seen.as_ref().unwrap().slots;
        assert!(slots[1].verified().is_some(), "{slots:?}");
        let Slot::Failed { why, log, .. } = slots[0] else { panic!("{slots:?}") };
        assert_eq!(why, Failure::BootFailed);
        assert_ne!(log.as_bytes(), b"self-test failed", "that was said of the other image");
        assert_eq!((last(&device).slot, last(&device).what), (Some(NEW), What::Failed(Failure::Rejected)));
    }
    assert_ne!(trials, 0, "an update was cut in its trial");
}

#[test]
fn a_healthy_device_writes_nothing_when_it_is_power_cycled() {
    let mut device = factory(GEOMETRIES[0]);
    install(&mut device, "one-integrated.suit");
    device.power_on();
    let seen = device.seen.clone();
    device.flash.reset_counts();
    for _ in 0..5 {
        assert_eq!(device.power_on(), Rest::Still);
        assert_eq!(device.seen, seen);
    }
    assert_eq!(device.flash.total().mutating(), 0);
}

#[test]
fn an_update_sees_every_state_in_its_order() {
    let mut device = factory(GEOMETRIES[0]);
    device.files.insert("one-integrated.suit".into(), package("one-integrated.suit"));
    let ask = Job { reach: Reach::Activate(Ask::User), ..job("one-integrated.suit") };
    device.command(Initiator(1), Command::Fetch(ask));
    let mut names: Vec<String> = device.states.iter().map(|s| format!("{s:?}")).collect();
    names.iter_mut().for_each(|n| n.truncate(n.find([' ', '{']).unwrap_or(n.len())));
    names.dedup();
    assert_eq!(names, ["Receiving", "Validating", "Staged", "Activating", "Trial", "Idle"]);
}

#[test]
fn an_update_costs_so_many_operations() {
    let mut device = factory(GEOMETRIES[0]);
    device.flash.reset_counts();
    device.flash.keep_log(true);
    install(&mut device, "one-integrated.suit");
    let journal = device.flash.log().iter().filter(|e| e.op == OpKind::Erase && e.at >= 8192).count();
    let slots = device.flash.log().iter().filter(|e| e.op == OpKind::Erase && e.at < 8192).count();
    let writes = device.flash.total().writes;
    // Three sectors of image and one of head; a page turn for each boot that writes.
    assert_eq!((slots, journal, writes), (4, 3, 34));
}

#[test]
fn an_update_leaves_the_slot_that_is_fallen_back_to_first_as_long_as_there_is_another() {
    let region = |from| Region { part: 0, from, to: from + 4096 };
    let sectors = vec![Sectors { count: 5, size: 4096 }].leak();
    let layout = Layout {
        parts: vec![Part { read: 1, write: 4, erased: 0xFF, sectors }].leak(),
        slots: vec![region(0), region(4096), region(8192)].leak(),
        journal: vec![region(12288), region(16384)].leak(),
        factory_slot: OLD,
    };
    let mut device = Device::<3>::new(layout, vec![K1], IDS);
    device.provision(&package("one-seq4.suit"));
    device.power_on();
    device.files.insert("file".into(), package("one-integrated.suit"));
    let mut slots = Vec::new();
    for _ in 0..6 {
        assert_eq!(device.command(Initiator(1), Command::Fetch(job("file"))), Rest::Still);
        slots.push(device.seen.as_ref().unwrap().running.0);
    }
    assert_eq!(slots, [1, 2, 0, 1, 2, 0]);
}

/// What is wrong with an image that does not pass its check before its first boot is told from the rest.
#[test]
fn an_armed_image_whose_bytes_have_decayed_has_failed_for_its_integrity() {
    for checks in [Checks::Digest, Checks::Signature] {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.device.checks = checks;
        bench.fetched(1, "one-integrated.suit", Reach::Activate(Ask::No));
        assert_eq!(bench.need(), Need::Reset);
        let byte = bench.device.flash.contents(0)[4096 + 700];
        bench.device.flash.fill(0, 4096 + 700, &[byte & byte.wrapping_sub(1)]).unwrap();
        let bench = bench.reset();
        assert_eq!((bench.state(), bench.device.jumped), (State::Idle, Some(OLD)));
        assert_eq!(bench.what(), What::Failed(Failure::Integrity));
        let Slot::Failed { at, why, log, .. } = bench.slot(NEW) else { panic!("{:?}", bench.slot(NEW)) };
        assert_eq!((at, why), (Phase::Activation, Failure::Integrity));
        assert_eq!(log.as_bytes(), b"digest mismatch at boot");
    }
}
