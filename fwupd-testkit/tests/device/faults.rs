//! Flash that fails without a cut, and journals that are lost.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, Refused, What};
use fwupd_core::slot::Slot;
use fwupd_core::trust::KeyId;
use fwupd_core::updater::{Command, Job, Need, Settled};
use fwupd_testkit::device::{Checks, Device, Rest, SelfTest};
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};

use crate::rig::{Bench, GEOMETRIES, NEW, OLD, factory, install, job, k2, package};

const NAME: &str = "one-integrated.suit";

#[test]
fn flash_that_fails_at_any_operation_ends_in_done_or_install_failed_and_never_lies() {
    for geometry in GEOMETRIES {
        let mut base = factory(geometry);
        base.files.insert(NAME.into(), package(NAME));
        base.files.insert("one-seqmax.suit".into(), package("one-seqmax.suit"));
        base.checks = Checks::Digest;
        let mut uncut = base.clone();
        uncut.flash.reset_counts();
        install(&mut uncut, NAME);
        let ops = uncut.flash.total().ops();
        let (mut done, mut failed) = (0, 0);
        for n in 0..ops {
            for times in [1, 2, 3] {
                for model in [TornModel::Nothing, TornModel::Prefix] {
                    let mut device = base.clone();
                    device.flash.fail_at(OpIndex::Any(n), times, CutPlace::From(1), model);
                    let rest = device.command(Initiator(1), Command::Fetch(job(NAME)));
                    // Two failed reads in a row of the one good slot leave nothing to boot, this once.
                    assert!(rest == Rest::Still || times > 1, "operation {n}, {times} times: {rest:?}");
                    device.flash.disarm();
                    assert_eq!(device.power_on(), Rest::Still);
                    let seen = device.seen.clone().unwrap();
                    assert_eq!((Some(seen.running), seen.jumped), (device.jumped, seen.running), "{n}");
                    match (seen.running, seen.last.map(|last| last.what)) {
                        (NEW, Some(What::Done)) => done += 1,
                        (OLD, Some(What::Failed(_)) | None) => failed += 1,
                        // The records could not be read, however often that was tried.
                        (NEW, Some(What::Failed(Failure::RecordLost))) if times > 2 => failed += 1,
                        other => panic!("operation {n}, {times} times: {other:?}"),
                    }
                    if let State::Staged { wanted, .. } = seen.state {
                        // The image is whole, its activation has failed.
                        assert_eq!(wanted, None, "operation {n}");
                        device.command(Initiator::APPLICATION, Command::Discard { keep_slot: false });
                    }
                    device.command(Initiator::APPLICATION, Command::Fetch(job("one-seqmax.suit")));
                    assert_eq!(
                        device.seen.as_ref().unwrap().sequence,
                        u64::MAX,
                        "operation {n}: the next update"
                    );
                    device.flash.assert_lawful();
                }
            }
        }
        fwupd_testkit::tell(format_args!("flash faults: {ops} operations, {done} done, {failed} failed"));
        assert!(done > failed, "one fault is mostly mended");
    }
}

#[test]
fn a_lost_journal_boots_what_is_whole_and_says_so() {
    for (fill, checks) in [(0x00, Checks::Digest), (0xA5, Checks::Signature), (0x5A, Checks::None)] {
        let mut device = factory(GEOMETRIES[0]);
        device.checks = checks;
        install(&mut device, NAME);
        assert_eq!(device.jumped, Some(NEW));
        for sector in [8192, 12288] {
            device.flash.erase(0, sector, sector + 4096).unwrap();
            device.flash.fill(0, sector, &[fill; 4096]).unwrap();
        }
        assert_eq!(device.power_on(), Rest::Still);
        let seen = device.seen.clone().unwrap();
        assert_eq!((seen.jumped, seen.running), (OLD, OLD), "the factory slot");
        assert_eq!(seen.sequence, 4, "as its head says");
        assert_eq!(seen.last.unwrap().what, What::Failed(Failure::RecordLost));
        install(&mut device, "one-seqmax.suit");
        assert_eq!(device.seen.as_ref().unwrap().sequence, u64::MAX);
    }
}

#[test]
fn a_lost_journal_with_a_broken_factory_slot_boots_another_that_is_whole() {
    let mut device = factory(GEOMETRIES[0]);
    device.checks = Checks::Signature;
    install(&mut device, NAME);
    device.flash.erase(0, 0, 512).unwrap();
    for sector in [8192, 12288] {
        device.flash.erase(0, sector, sector + 4096).unwrap();
    }
    assert_eq!(device.power_on(), Rest::Still);
    let seen = device.seen.clone().unwrap();
    assert_eq!((seen.jumped, seen.running, seen.sequence), (NEW, NEW, 5));
}

#[test]
fn an_image_whose_activation_has_failed_is_no_longer_armed() {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.fetched(1, NAME, Reach::Activate(Ask::No));
    assert_eq!(bench.need(), Need::Reset);
    let mut device = bench.device;
    // The bootloader cannot count the trial boot, and so makes none.
    device.flash.fail_at(OpIndex::Mutating(0), 1000, CutPlace::From(0), TornModel::Nothing);
    assert_eq!(device.bootloader(), Ok(OLD));
    device.flash.disarm();
    let updater = device.updater();
    let mut bench = Bench { device, updater };
    bench.drain();
    assert!(matches!(bench.state(), State::Staged { wanted: None, .. }), "{:?}", bench.state());
    assert_eq!(bench.what(), What::Failed(Failure::PowerLost));
    assert_eq!(bench.updater.status().unwrap().next_boot, OLD);
    let mut bench = bench.reset();
    assert_eq!(bench.device.jumped, Some(OLD), "nobody has asked for it again");
    bench.command(1, Command::Activate { slot: None, ask: Ask::No }).unwrap();
    assert_eq!(bench.need(), Need::Reset);
    assert_eq!(bench.reset().device.jumped, Some(NEW));
}

#[test]
fn what_befell_a_run_that_was_cancelled_does_not_end_the_next_one() {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    let push = Job { uri: None, reach: Reach::Stage, ..job("") };
    bench.command(1, Command::Receive(push)).unwrap();
    let (ticket, now) = (bench.updater.ticket(), bench.now());
    bench.updater.chunk(ticket, 0, &package(NAME)[..300], now).unwrap();
    bench.device.flash.reset_counts();
    // The frame of the description is written, the erase behind it fails for good.
    bench.device.flash.fail_at(OpIndex::Mutating(1), 2, CutPlace::From(0), TornModel::Nothing);
    bench.drain();
    bench.device.flash.disarm();
    bench.command(1, Command::Cancel).unwrap();
    let next = bench.command(1, Command::Receive(push)).unwrap();
    assert_eq!(bench.need(), Need::Nothing);
    assert_eq!(bench.state().run(), Some(next), "{:?}", bench.last());
}

#[test]
fn what_was_said_of_a_download_is_not_told_of_a_later_image() {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.command(1, Command::Fetch(job("x"))).unwrap();
    bench.command(0, Command::Reject { why: Failure::Rejected, detail: b"not now" }).unwrap();
    let mut device = bench.device;
    device.self_test = SelfTest::Crash;
    install(&mut device, NAME);
    let Slot::Failed { log, .. } = device.seen.as_ref().unwrap().slots[1] else {
        panic!("{:?}", device.seen)
    };
    assert_eq!(log.as_bytes(), b"trial boots spent");
}

#[test]
fn a_trial_whose_end_cannot_be_written_ends_with_a_reset() {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.fetched(1, NAME, Reach::Activate(Ask::No));
    assert_eq!(bench.need(), Need::Reset);
    let mut bench = bench.reset();
    let Need::Wait(until) = bench.need() else { panic!("{:?}", bench.state()) };
    bench.device.clock.advance(until);
    bench.device.flash.fail_at(OpIndex::Mutating(0), u64::MAX, CutPlace::From(0), TornModel::Nothing);
    let mut resets = false;
    for _ in 0..20 {
        bench.drain();
        let now = bench.now();
        resets |= bench.updater.need(now) == Need::Reset;
    }
    assert!(resets, "{:?}", bench.updater.status());
    assert_eq!(bench.device.bootloader(), Ok(OLD), "it cannot count the boot either");
}

/// A device whose new image is on trial, and whose bootloader can write nothing from now on.
fn on_trial() -> Device<2> {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.fetched(1, NAME, Reach::Activate(Ask::No));
    assert_eq!(bench.need(), Need::Reset);
    let bench = bench.reset();
    assert!(matches!(bench.state(), State::Trial { .. }));
    let mut device = bench.device;
    device.flash.fail_at(OpIndex::Mutating(0), u64::MAX, CutPlace::From(0), TornModel::Nothing);
    device
}

/// The flash is good again once the bootloader has jumped.
fn loaded(mut device: Device<2>) -> Bench {
    device.flash.disarm();
    let updater = device.updater();
    let mut bench = Bench { device, updater };
    bench.drain();
    bench
}

#[test]
fn a_trial_boot_that_cannot_be_counted_is_none_and_the_old_image_is_not_confirmed_as_the_new_one() {
    let mut device = on_trial();
    assert_eq!(device.bootloader(), Ok(OLD));
    let mut bench = loaded(device);
    let status = bench.updater.status().unwrap();
    assert_eq!((status.running, status.next_boot, status.installed.sequence), (OLD, OLD, 4));
    assert_eq!((bench.state(), bench.what()), (State::Idle, What::Failed(Failure::BootFailed)));
    assert_eq!(bench.command(0, Command::Confirm), Err(Refused::WrongState));
    let Slot::Failed { log, .. } = bench.slot(NEW) else { panic!("{:?}", bench.slot(NEW)) };
    assert_eq!(log.as_bytes(), b"trial boots spent");
    let bench = bench.reset();
    assert_eq!((bench.device.jumped, bench.what()), (Some(OLD), What::Failed(Failure::BootFailed)));
}

/// It may have been the record that could not be read: nothing is condemned for what was not written.
#[test]
fn a_fallback_that_the_bootloader_could_not_write_is_told_by_the_next_boot() {
    let mut device = factory(GEOMETRIES[0]);
    install(&mut device, NAME);
    assert_eq!(device.jumped, Some(NEW));
    device.checks = Checks::Digest;
    let whole = device.clone();
    device.flash.fill(0, 4096, &[0; 16]).unwrap();
    device.flash.fail_at(OpIndex::Mutating(0), u64::MAX, CutPlace::From(0), TornModel::Nothing);
    assert_eq!(device.bootloader(), Ok(OLD));
    let mut bench = loaded(device);
    let status = bench.updater.status().unwrap();
    assert_eq!((status.running, status.next_boot), (OLD, NEW));
    assert_eq!(bench.need(), Need::Nothing);
    let mut bench = bench.reset();
    let status = bench.updater.status().unwrap();
    assert_eq!((status.running, status.next_boot, status.installed.sequence), (OLD, OLD, 4));
    assert_eq!(bench.what(), What::Failed(Failure::BootFailed));
    assert!(matches!(bench.slot(NEW), Slot::Failed { .. }), "{:?}", bench.slot(NEW));
    assert_eq!(bench.need(), Need::Nothing);
    bench.device.flash.assert_lawful();

    // The bootloader cannot read the journal, in this one boot.
    for reads in 1..40 {
        let mut device = whole.clone();
        device.flash.fail_at(OpIndex::Any(0), reads, CutPlace::From(0), TornModel::Nothing);
        let jumped = device.bootloader();
        let mut bench = loaded(device);
        if let Ok(jumped) = jumped {
            assert_eq!(bench.updater.status().unwrap().running, jumped, "{reads}");
        }
        let bench = Bench::new({
            assert_eq!(bench.need(), Need::Nothing);
            bench.device
        });
        let status = bench.updater.status().unwrap();
        assert_eq!((status.running, status.installed.sequence), (NEW, 5), "{reads}");
        assert!(bench.slot(NEW).verified().is_some() && bench.slot(OLD).verified().is_some(), "{reads}");
    }
}

#[test]
fn a_slot_that_was_told_wrongly_breaks_nothing() {
    let base = factory(GEOMETRIES[0]);
    for wrong in [NEW, SlotId(2), SlotId(255)] {
        let mut device = base.clone();
        device.bootloader().unwrap();
        device.jumped = Some(wrong);
        let bench = loaded(device);
        assert_eq!(bench.updater.status().is_some(), wrong == NEW, "{wrong:?}");
        let bench = Bench::new(bench.device);
        let status = bench.updater.status().unwrap();
        assert_eq!((status.running, status.installed.sequence), (OLD, 4));
        assert_eq!(bench.last(), None);
    }
}

#[test]
fn an_image_that_was_given_up_and_fallen_back_to_unwritten_is_kept_and_boots_again() {
    let mut device = on_trial();
    device.flash.disarm();
    let mut bench = loaded(device);
    bench.command(0, Command::Reject { why: Failure::Rejected, detail: b"" }).unwrap();
    assert_eq!(bench.need(), Need::Reset);
    let mut device = bench.device;
    device.checks = Checks::Digest;
    // What is to be gone back to has decayed, and the bootloader cannot write that.
    device.flash.fill(0, 0, &[0; 16]).unwrap();
    device.flash.fail_at(OpIndex::Mutating(0), u64::MAX, CutPlace::From(0), TornModel::Nothing);
    assert_eq!(device.bootloader(), Ok(NEW));
    let bench = loaded(device);
    assert_eq!(bench.updater.status().unwrap().running, NEW);
    assert!(bench.slot(NEW).verified().is_some(), "{:?}", bench.slot(NEW));
    let bench = bench.reset();
    assert_eq!(bench.device.jumped, Some(NEW));
    assert_eq!(bench.updater.status().unwrap().running, NEW);
}

#[test]
fn a_boot_that_could_not_be_written_is_not_forgotten_when_the_records_are_read_back() {
    let boots = || {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.fetched(1, NAME, Reach::Activate(Ask::No));
        assert_eq!(bench.need(), Need::Reset);
        let mut device = bench.device;
        device.flash.fail_at(OpIndex::Mutating(0), u64::MAX, CutPlace::From(0), TornModel::Nothing);
        assert_eq!(device.bootloader(), Ok(OLD), "it cannot count the trial boot");
        let updater = device.updater();
        let mut bench = Bench { device, updater };
        bench.drain();
        bench
    };
    let check = |bench: &Bench| {
        assert!(matches!(bench.state(), State::Staged { wanted: None, .. }), "{:?}", bench.state());
        assert_eq!(bench.what(), What::Failed(Failure::PowerLost));
    };
    // The next frame cannot be written either: the activation that failed does not begin anew.
    let mut bench = boots();
    check(&bench);
    bench.updater.remember(Initiator(1), b"note").unwrap();
    bench.drain();
    check(&bench);
    assert_eq!(bench.updater.settled(Initiator(1)), Settled::Lost);
    assert_eq!(bench.need(), Need::Nothing);
    // It can: then the boot stands with it.
    let mut bench = boots();
    bench.device.flash.disarm();
    bench.updater.remember(Initiator(1), b"note").unwrap();
    bench.drain();
    let bench = Bench::new(bench.device);
    assert_eq!(bench.updater.recall(Initiator(1)), Some(&b"note"[..]));
    check(&bench);
    assert_eq!(bench.updater.status().unwrap().next_boot, OLD);
}

/// Power was not cut: a page has decayed. An older truth of the slots would vouch for what was overwritten since.
#[test]
fn a_newest_page_that_decays_is_told_as_lost_and_vouches_for_no_slot_whoever_finds_it() {
    for bootloader_first in [true, false] {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.fetched(1, NAME, Reach::Stage);
        bench.command(1, Command::Discard { keep_slot: true }).unwrap();
        let mut bench = bench.reset();
        assert!(bench.slot(NEW).verified().is_some());
        bench.device.files.insert("other".into(), package("one-seqmax.suit"));
        bench.command(1, Command::Fetch(job("other"))).unwrap();
        let Need::Fetch { ticket, .. } = bench.need() else { panic!("{:?}", bench.state()) };
        let (file, now) = (package("one-seqmax.suit"), bench.now());
        bench.updater.answered(ticket, 0, None, b"v1").unwrap();
        let mut at = 0;
        while at < 400 {
            bench.drain();
            at += bench.updater.chunk(ticket, at as u32, &file[at..400], now).unwrap();
        }
        bench.drain();
        bench.command(1, Command::Cancel).unwrap();
        assert_eq!(bench.slot(NEW), Slot::Partial);
        let mut device = bench.device;
        let bytes = device.flash.contents(0);
        let number = |page: usize| u32::from_le_bytes(bytes[page + 4..page + 8].try_into().unwrap());
        let newest = if number(8192) > number(12288) { 8192 } else { 12288 };
        device.flash.fill(0, newest + 60, &[0; 8]).unwrap();
        let mut bench = if bootloader_first { Bench::new(device) } else { loaded(device) };
        assert!(bench.updater.records_lost(), "{bootloader_first}");
        assert_eq!(bench.what(), What::Failed(Failure::RecordLost));
        assert_eq!(bench.slot(NEW), Slot::Empty);
        let activate = Command::Activate { slot: Some(NEW), ask: Ask::No };
        assert_eq!(bench.command(1, activate), Err(Refused::NotAvailable));
        let bench = bench.reset();
        assert_eq!((bench.device.jumped, bench.what()), (Some(OLD), What::Failed(Failure::RecordLost)));
        assert!(!bench.updater.records_lost(), "it is told, and known to be");
    }
}

#[test]
fn a_revocation_that_can_no_longer_be_read_does_not_go_unnoticed() {
    let mut base = factory(GEOMETRIES[0]);
    base.keys.push(k2());
    let mut bench = Bench::new(base);
    bench.updater.revoke(KeyId(1)).unwrap();
    bench.drain();
    // So much that it is not all at hand when the page is turned.
    for by in 2..6 {
        bench.updater.remember(Initiator(by), &[by; 96]).unwrap();
        bench.drain();
    }
    let base = bench.device;
    let mut lost = 0;
    for n in 0..30 {
        let mut bench = Bench::new(base.clone());
        assert!(bench.updater.revoked().holds(KeyId(1)));
        bench.device.flash.fail_at(OpIndex::Any(n), 3, CutPlace::From(0), TornModel::Nothing);
        bench.updater.remember(Initiator(1), b"note").unwrap();
        bench.drain();
        bench.device.flash.disarm();
        let bench = bench.reset();
        let told = bench.last().is_some_and(|last| last.what == What::Failed(Failure::RecordLost));
        assert!(told || bench.updater.revoked().holds(KeyId(1)), "operation {n}");
        lost += usize::from(told);
    }
    assert_ne!(lost, 0);
}
