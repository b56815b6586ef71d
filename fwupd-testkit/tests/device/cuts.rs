//! Power cuts: every flash operation of an update, cut everywhere, under each model of what a cut leaves.

use std::sync::atomic::{AtomicUsize, Ordering};

use fwupd_core::flash::OpKind;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Failure, Initiator, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Job};
use fwupd_testkit::device::{Checks, Device, Rest, SelfTest, sha256};
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};

use crate::rig::{GEOMETRIES, NEW, factory, install, job, package};

const PACKAGE: &str = "one-integrated.suit";

/// One way to cut one operation.
type Point = (u64, CutPlace, TornModel);

/// What the update is told, and what its firmware does on trial.
#[derive(Clone, Copy, Debug)]
struct Told {
    self_test: SelfTest,
    after: AfterReset,
}

impl Told {
    fn resumes(self_test: SelfTest) -> Self {
        Self { self_test, after: AfterReset::Resume }
    }

    fn command(&self) -> Command<'static> {
        Command::Fetch(Job { after: self.after, ..job(PACKAGE) })
    }

    /// Ends that a cut may bring about beside those of an uncut update: a trial loses its last boot, or what
    /// does not go on over a reset says so.
    fn allows(&self, got: &(SlotId, Option<What>), old: SlotId) -> bool {
        let failed = |why| *got == (old, Some(What::Failed(why)));
        (self.self_test != SelfTest::Pass && failed(Failure::BootFailed))
            || (self.after == AfterReset::Fail && failed(Failure::PowerLost))
    }
}

/// Every way to cut this operation. A write is cut at each of its words; an erase, which tears all that it
/// covers, at a few places of its sector.
fn points(n: u64, entry: &LogEntry) -> Vec<Point> {
    let units = entry.places;
    let mut points = vec![(n, CutPlace::From(0), TornModel::Nothing)];
    let places: Vec<u32> = match entry.op {
        OpKind::Write => (0..units).collect(),
        OpKind::Erase => vec![0, entry.len / 2, entry.len - 1],
        OpKind::Read => Vec::new(),
    };
    for place in places {
        let seed = n << 32 | u64::from(place);
        points.push((n, CutPlace::From(place), TornModel::Prefix));
        points.push((n, CutPlace::From(place), TornModel::RandomBits(seed)));
        points.push((n, CutPlace::Unit(place), TornModel::Unreadable));
    }
    points.push((n, CutPlace::From(0), TornModel::AllNew));
    points
}

/// What the number of points must be, by the operations alone.
fn expected_points(log: &[LogEntry]) -> usize {
    let of = |e: &LogEntry| match e.op {
        OpKind::Write => 2 + 3 * e.places as usize,
        OpKind::Erase => 2 + 3 * 3,
        OpKind::Read => 0,
    };
    log.iter().map(of).sum()
}

/// A device at rest is what its bootloader jumped to, whole, and known to be so.
fn check(device: &Device<2>, what: &str) {
    let seen = device.seen.as_ref().unwrap();
    assert_eq!(Some(seen.jumped), device.jumped, "{what}");
    assert_eq!(seen.jumped, seen.running, "{what}: the status is not what runs");
    let at_rest = matches!(seen.state, State::Idle | State::Staged { wanted: None, .. });
    assert!(at_rest, "{what}: {seen:?}");
    let running = seen.slots[usize::from(seen.running.0)];
    assert!(running.verified().is_some(), "{what}: what runs is not verified: {seen:?}");
    let sequence = running.verified().map(|verified| verified.image().sequence);
    assert_eq!(sequence, Some(seen.sequence), "{what}: the status is not what runs");
    for verified in seen.slots.iter().filter_map(Slot::verified) {
        let from = usize::from(verified.slot().0) * 4096;
        let bytes = &device.flash.contents(0)[from..from + verified.image().size as usize];
        assert_eq!(sha256(bytes), verified.image().digest, "{what}: {:?} is not whole", verified.slot());
    }
}

/// Cuts one update at one point, and lets the device come to rest by itself.
fn cut(base: &Device<2>, point: &Point, told: &Told) -> (SlotId, Option<What>) {
    let what = format!("{told:?}, {point:?}");
    let mut device = base.clone();
    let (n, place, model) = point.clone();
    device.flash.cut_at(OpIndex::Mutating(n), place, model);
    assert_eq!(device.command(Initiator(1), told.command()), Rest::PowerLost, "{what}");
    assert_eq!(device.power_on(), Rest::Still, "{what}");
    check(&device, &what);
    let seen = device.seen.clone().unwrap();
    // Whoever cycles its power sees the same, and after one settling boot nothing is written.
    device.power_on();
    assert_eq!(device.seen.as_ref(), Some(&seen), "{what}");
    device.flash.reset_counts();
    device.power_on();
    assert_eq!(device.seen.as_ref(), Some(&seen), "{what}");
    assert_eq!(device.flash.total().mutating(), 0, "{what}: a healthy device writes");
    // And the next update is possible.
    if n % 5 == 0 {
        device.self_test = SelfTest::Pass;
        if let State::Staged { .. } = seen.state {
            device.command(Initiator::APPLICATION, Command::Discard { keep_slot: true });
        }
        device.command(Initiator::APPLICATION, Command::Fetch(job("one-seqmax.suit")));
        let next = device.seen.as_ref().unwrap();
        assert_eq!((next.sequence, next.last.map(|l| l.what)), (u64::MAX, Some(What::Done)), "{what}");
    }
    device.flash.assert_lawful();
    (seen.running, seen.last.map(|last| last.what))
}

/// Runs an update once without a cut, and once for each point of it.
fn all_cuts(mut base: Device<2>, told: Told, checks: Checks) {
    let part = base.layout().parts[0];
    let old = base.seen.clone().unwrap();
    base.files.insert(PACKAGE.into(), package(PACKAGE));
    base.files.insert("one-seqmax.suit".into(), package("one-seqmax.suit"));
    base.self_test = told.self_test;
    base.checks = checks;
    base.block = 512;
    let mut uncut = base.clone();
    uncut.flash.keep_log(true);
    assert_eq!(uncut.command(Initiator(1), told.command()), Rest::Still);
    let end = uncut.seen.unwrap();
    let after = (end.running, end.last.map(|last| last.what));
    let log: Vec<LogEntry> = uncut.flash.log().iter().filter(|e| e.op != OpKind::Read).cloned().collect();
    let points: Vec<Point> = (0u64..).zip(&log).flat_map(|(n, entry)| points(n, entry)).collect();
    assert_eq!(points.len(), expected_points(&log));
    // Before: the command was never taken. After: it was, and went on over the cut.
    let before = (old.running, old.last.map(|last| last.what));
    let (olds, news) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (base, points, olds, news) = (&base, &points, &olds, &news);
            scope.spawn(move || {
                for point in points.iter().skip(half).step_by(2) {
                    let got = cut(base, point, &told);
                    assert!(
                        got == before || got == after || told.allows(&got, before.0),
                        "{told:?} {point:?}: {got:?}"
                    );
                    let which = if got == before { olds } else { news };
                    which.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (olds, news) = (olds.into_inner(), news.into_inner());
    assert_eq!(olds + news, points.len());
    assert!(olds > 0 && news > olds, "both ends are reached: {olds} {news}");
    fwupd_testkit::tell(format_args!(
        "power cuts: write {:2}, read {}, erased {:#04x}, {:?}, {:?}, check {checks:?}: {} operations, \
         {} points, {olds} before, {news} after",
        part.write,
        part.read,
        part.erased,
        told.self_test,
        told.after,
        log.len(),
        points.len()
    ));
}

#[test]
fn a_cut_anywhere_in_an_update_that_passes_leaves_the_old_or_the_new_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), Told::resumes(SelfTest::Pass), Checks::Digest));
}

#[test]
fn a_cut_anywhere_in_an_update_that_fails_its_self_test_leaves_the_old_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), Told::resumes(SelfTest::Fail), Checks::Digest));
}

#[test]
fn a_cut_anywhere_in_an_update_that_hangs_leaves_the_old_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), Told::resumes(SelfTest::Hang), Checks::None));
}

#[test]
fn a_cut_anywhere_in_an_update_that_crashes_leaves_the_old_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), Told::resumes(SelfTest::Crash), Checks::Digest));
}

/// A device that has been updated once: the slot that is overwritten holds a verified image.
fn updated(geometry: crate::rig::Geometry) -> Device<2> {
    let mut device = factory(geometry);
    install(&mut device, "one-version.suit");
    device.power_on();
    assert_eq!(device.seen.as_ref().unwrap().running, NEW);
    device
}

#[test]
fn a_cut_anywhere_in_an_update_over_a_verified_image_leaves_the_old_or_the_new_image() {
    for (geometry, self_test) in
        GEOMETRIES.into_iter().flat_map(|g| [(g, SelfTest::Pass), (g, SelfTest::Fail)])
    {
        all_cuts(updated(geometry), Told::resumes(self_test), Checks::Signature);
    }
}

#[test]
fn a_cut_anywhere_in_an_update_that_does_not_go_on_leaves_no_slot_vouched_for_that_is_not_whole() {
    for geometry in GEOMETRIES {
        let told = Told { self_test: SelfTest::Pass, after: AfterReset::Fail };
        all_cuts(updated(geometry), told, Checks::None);
    }
}
