//! Power cuts and flash faults: every write and erase of an update that is ours, the state partition's among
//! them. Those of `prepare_boot`, in its swap and on its way back, are embassy-boot's own and are left out.

use std::sync::atomic::{AtomicUsize, Ordering};

use fwupd_core::flash::OpKind;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, What};
use fwupd_core::updater::Command;
use fwupd_testkit::device::{Rest, SelfTest};
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};

use crate::board::{Board, GEOMETRIES, Geometry, NEW, NEXT};

/// One way to interrupt one operation.
type Point = (u64, CutPlace, TornModel);

/// What a device ended with: whether the new image runs, and how the run ended.
type End = (bool, Option<What>);

fn end(board: &Board) -> End {
    (board.runs_new(), board.device.seen.as_ref().unwrap().last.map(|last| last.what))
}

fn in_state(geometry: &Geometry, entry: &LogEntry) -> bool {
    let state = geometry.state;
    entry.part == state.part && (state.from..state.to).contains(&entry.at)
}

/// Every way to cut this operation: a write at each of its words, an erase at a few places of its sector.
///
/// A word of the state partition that cannot be read stops embassy-boot for good, and one in the first sector
/// that is erased behind a magic that is not makes it swap again: neither is among them.
fn points(geometry: &Geometry, n: u64, entry: &LogEntry) -> Vec<Point> {
    let places: Vec<u32> = match entry.op {
        OpKind::Write => (0..entry.places).collect(),
        OpKind::Erase => vec![0, entry.len / 2, entry.len - 1],
        OpKind::Read => Vec::new(),
    };
    let mut points = vec![(n, CutPlace::From(0), TornModel::Nothing)];
    for place in places {
        let seed = n << 32 | u64::from(place);
        points.push((n, CutPlace::From(place), TornModel::Prefix));
        points.push((n, CutPlace::From(place), TornModel::RandomBits(seed)));
        points.push(match in_state(geometry, entry) {
            true => (n, CutPlace::From(place), TornModel::Suffix),
            false => (n, CutPlace::Unit(place), TornModel::Unreadable),
        });
    }
    points.push((n, CutPlace::From(0), TornModel::AllNew));
    points
}

/// An update without a cut: its end, its operations, and which of them are ours.
fn uncut(base: &Board, by: u8) -> (End, Vec<LogEntry>, Vec<u64>) {
    let mut board = base.clone();
    board.device.flash.reset_counts();
    board.device.flash.keep_log(true);
    board.swaps.clear();
    assert_eq!(board.install(by, NEW), Rest::Still);
    board.check("uncut");
    let log: Vec<LogEntry> =
        board.device.flash.log().iter().filter(|e| e.op != OpKind::Read).copied().collect();
    let ours = (0..log.len() as u64).filter(|n| !board.swaps.iter().any(|swap| swap.contains(n))).collect();
    (end(&board), log, ours)
}

/// Lets a device that has lost its power come to rest, and looks at it.
fn recover(board: &mut Board, what: &str) -> End {
    assert_eq!(board.power_on(), Rest::Still, "{what}");
    board.check(what);
    let seen = board.device.seen.clone().unwrap();
    assert!(matches!(seen.state, State::Idle | State::Staged { wanted: None, .. }), "{what}: {seen:?}");
    let got = end(board);
    // Whoever cycles its power sees the same, and after one settling boot nothing is written.
    assert_eq!(board.power_on(), Rest::Still, "{what}");
    assert_eq!(board.device.seen.as_ref(), Some(&seen), "{what}");
    board.device.flash.reset_counts();
    assert_eq!(board.power_on(), Rest::Still, "{what}");
    assert_eq!(board.device.seen.as_ref(), Some(&seen), "{what}");
    assert_eq!(board.device.flash.total().mutating(), 0, "{what}: a healthy device writes");
    // And the next update is possible.
    board.device.self_test = SelfTest::Pass;
    if let State::Staged { .. } = seen.state {
        board.command(0, Command::Discard { keep_slot: true });
    }
    assert_eq!(board.install(0, NEXT), Rest::Still, "{what}");
    board.check(what);
    let next = board.device.seen.as_ref().unwrap();
    assert_eq!((next.sequence, next.last.map(|l| l.what)), (u64::MAX, Some(What::Done)), "{what}");
    let violations = board.device.flash.violations();
    assert_eq!(violations.len(), board.foreign, "{what}: {violations:?}");
    got
}

/// Ends that an interruption may bring about beside before and after: the one trial is spent by a reset, or the
/// swap was never armed.
fn allowed(got: End) -> bool {
    [Failure::BootFailed, Failure::PowerLost].map(|why| (false, Some(What::Failed(why)))).contains(&got)
}

fn all_cuts(base: &Board, by: u8, self_test: SelfTest) {
    let mut base = base.clone();
    base.device.self_test = self_test;
    let geometry = base.geometry;
    let before = end(&base);
    let (after, log, ours) = uncut(&base, by);
    let points: Vec<Point> = ours.iter().flat_map(|n| points(&geometry, *n, &log[*n as usize])).collect();
    let of_state = ours.iter().filter(|n| in_state(&geometry, &log[**n as usize])).count();
    assert!(of_state >= 2 && log.len() > ours.len(), "it is armed, and swapped");
    let counts = [0; 4].map(AtomicUsize::new);
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (base, points, counts) = (&base, &points, &counts);
            scope.spawn(move || {
                for (n, place, model) in points.iter().skip(half).step_by(2) {
                    let what = format!("{}, {self_test:?}, {n}, {place:?}, {model:?}", geometry.name);
                    let mut board = base.clone();
                    board.device.flash.cut_at(OpIndex::Mutating(*n), *place, model.clone());
                    assert_eq!(board.install(by, NEW), Rest::PowerLost, "{what}");
                    let got = recover(&mut board, &what);
                    let which = match got {
                        got if got == before => 0,
                        got if got == after => 1,
                        got if allowed(got) => 2,
                        got => panic!("{what}: {got:?}"),
                    };
                    counts[which].fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let [before, after, between, _] = counts.map(AtomicUsize::into_inner);
    assert_eq!(before + after + between, points.len());
    assert!(before > 0 && after > 0, "{before} {after}");
    fwupd_testkit::tell(format_args!(
        "power cuts under embassy-boot: {}, {self_test:?}: {} operations, {} of them embassy-boot's, {of_state} on \
         the state partition, {} points, {before} before, {after} after, {between} between",
        geometry.name,
        log.len(),
        log.len() - ours.len(),
        points.len(),
    ));
}

#[test]
fn a_cut_in_any_of_our_operations_of_an_update_leaves_the_old_or_the_new_image() {
    for geometry in GEOMETRIES {
        let base = Board::factory(geometry);
        for self_test in [SelfTest::Pass, SelfTest::Fail, SelfTest::Hang, SelfTest::Crash] {
            all_cuts(&base, 1, self_test);
        }
    }
}

/// The state partition holds what the last update left, and the DFU partition the image before.
#[test]
fn a_cut_in_any_of_our_operations_of_a_second_update_leaves_the_old_or_the_new_image() {
    for geometry in GEOMETRIES {
        // Back to what the factory installed, by a swap that was given up.
        let mut base = Board::factory(geometry);
        base.device.self_test = SelfTest::Crash;
        assert_eq!(base.install(0, "one-version.suit"), Rest::Still);
        assert!(!base.runs_new());
        all_cuts(&base, 0, SelfTest::Pass);
    }
}

#[test]
fn one_fault_in_an_operation_on_the_state_partition_changes_nothing() {
    for (geometry, self_test) in
        GEOMETRIES.into_iter().flat_map(|g| [(g, SelfTest::Pass), (g, SelfTest::Fail)])
    {
        let mut base = Board::factory(geometry);
        base.device.self_test = self_test;
        let (after, log, ours) = uncut(&base, 1);
        let of_state: Vec<u64> =
            ours.into_iter().filter(|n| in_state(&geometry, &log[*n as usize])).collect();
        assert!(of_state.len() >= 2);
        for n in of_state {
            for model in [TornModel::Nothing, TornModel::Prefix, TornModel::RandomBits(n), TornModel::AllNew]
            {
                let what = format!("{}, {self_test:?}, {n}, {model:?}", geometry.name);
                let mut board = base.clone();
                board.device.flash.fail_at(OpIndex::Mutating(n), 1, CutPlace::From(0), model);
                assert_eq!(board.install(1, NEW), Rest::Still, "{what}");
                assert!(!board.device.flash.is_armed(), "{what}");
                board.check(&what);
                assert_eq!(end(&board), after, "{what}");
                recover(&mut board, &what);
            }
        }
    }
}
