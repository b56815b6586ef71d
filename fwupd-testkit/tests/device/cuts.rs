//! Power cuts: every flash operation of an update, cut everywhere, under each model of what a cut leaves.

use std::sync::atomic::{AtomicUsize, Ordering};

use fwupd_core::flash::OpKind;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::Command;
use fwupd_testkit::device::{Checks, Device, Rest, SelfTest, sha256};
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};

use crate::rig::{GEOMETRIES, NEW, factory, install, job, package};

const PACKAGE: &str = "one-integrated.suit";

/// One way to cut one operation.
type Point = (u64, CutPlace, TornModel);

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
    assert_eq!(seen.state, State::Idle, "{what}: {seen:?}");
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
fn cut(base: &Device<2>, point: &Point, self_test: SelfTest) -> (SlotId, Option<What>) {
    let what = format!("{self_test:?}, {point:?}");
    let mut device = base.clone();
    let (n, place, model) = point.clone();
    device.flash.cut_at(OpIndex::Mutating(n), place, model);
    assert_eq!(device.command(Initiator(1), Command::Fetch(job(PACKAGE))), Rest::PowerLost, "{what}");
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
        device.command(Initiator::APPLICATION, Command::Fetch(job("one-seqmax.suit")));
        let next = device.seen.as_ref().unwrap();
        assert_eq!((next.sequence, next.last.map(|l| l.what)), (u64::MAX, Some(What::Done)), "{what}");
    }
    device.flash.assert_lawful();
    (seen.running, seen.last.map(|last| last.what))
}

/// Runs an update once without a cut, and once for each point of it.
fn all_cuts(mut base: Device<2>, self_test: SelfTest, checks: Checks) {
    let part = base.layout().parts[0];
    let old = base.seen.clone().unwrap();
    base.files.insert(PACKAGE.into(), package(PACKAGE));
    base.files.insert("one-seqmax.suit".into(), package("one-seqmax.suit"));
    base.self_test = self_test;
    base.checks = checks;
    base.block = 512;
    let mut uncut = base.clone();
    uncut.flash.keep_log(true);
    assert_eq!(install(&mut uncut, PACKAGE), Rest::Still);
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
                    let got = cut(base, point, self_test);
                    assert!(
                        got == before || got == after || spent(&got, before.0, self_test),
                        "{self_test:?} {point:?}: {got:?}"
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
    println!(
        "power cuts: write {:2}, read {}, erased {:#04x}, {self_test:?}, check {checks:?}: {} operations, \
         {} points, {olds} before, {news} after",
        part.write,
        part.read,
        part.erased,
        log.len(),
        points.len()
    );
}

/// A trial that hangs or fails may also end because the cut cost it its last trial boot.
fn spent(got: &(SlotId, Option<What>), old: SlotId, self_test: SelfTest) -> bool {
    self_test != SelfTest::Pass && *got == (old, Some(What::Failed(Failure::BootFailed)))
}

#[test]
fn a_cut_anywhere_in_an_update_that_passes_leaves_the_old_or_the_new_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), SelfTest::Pass, Checks::Digest));
}

#[test]
fn a_cut_anywhere_in_an_update_that_fails_its_self_test_leaves_the_old_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), SelfTest::Fail, Checks::Digest));
}

#[test]
fn a_cut_anywhere_in_an_update_that_hangs_leaves_the_old_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), SelfTest::Hang, Checks::None));
}

#[test]
fn a_cut_anywhere_in_an_update_that_crashes_leaves_the_old_image() {
    GEOMETRIES.into_iter().for_each(|g| all_cuts(factory(g), SelfTest::Crash, Checks::Digest));
}

#[test]
fn a_cut_anywhere_in_an_update_over_a_verified_image_leaves_the_old_or_the_new_image() {
    for (geometry, self_test) in
        GEOMETRIES.into_iter().flat_map(|g| [(g, SelfTest::Pass), (g, SelfTest::Fail)])
    {
        let mut base = factory(geometry);
        install(&mut base, "one-version.suit");
        base.power_on();
        assert_eq!(base.seen.as_ref().unwrap().running, NEW);
        all_cuts(base, self_test, Checks::Signature);
    }
}
