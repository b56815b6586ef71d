//! Flash that fails without a cut, at each operation that is ours: once, and, where it is a write or an erase, twice
//! in a row. Of two failed reads in a row at a boot nothing can be told: an updater that cannot read the state
//! partition has no status until the next boot.

use std::iter::repeat;

use fwupd_core::flash::OpKind;
use fwupd_core::outcome::{Outcome, What};
use fwupd_testkit::device::{Rest, Seen};
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, OpIndex, TornModel};

use crate::board::{GEOMETRIES, Geometry};
use crate::cuts::{Ends, on_two};
use crate::phases::{Act, Phase, all, recovered};

/// What a failed operation leaves behind. A read leaves nothing.
fn leaves(n: u64, entry: &LogEntry) -> Vec<TornModel> {
    let random = TornModel::Undefined(Fill::Random(n));
    match entry.op {
        OpKind::Read => vec![TornModel::Nothing],
        OpKind::Write | OpKind::Erase => {
            vec![TornModel::Nothing, TornModel::Prefix, TornModel::RandomBits(n), random, TornModel::AllNew]
        }
    }
}

fn end_of(phase: &Phase, seen: &Seen) -> Option<&'static str> {
    // A journal that cannot be read at a boot is told as lost, which is a run of its own.
    let mut later = phase.after.clone();
    if let (Some(after), Some(last)) = (&mut later.last, &seen.last) {
        after.run = last.run;
    }
    let failed = |last: Outcome| matches!(last.what, What::Failed(_));
    match phase.end_of(seen) {
        Some(end) => Some(end),
        None if later == *seen => Some("after, and a run between"),
        None if phase.base.seen().sequence != seen.sequence => None,
        None => seen.last.is_some_and(failed).then_some("the old image, and why"),
    }
}

/// One fault is mended, but for that of an operation that is not done again; two in a row end in a failure that is
/// told. What runs is told in any case.
fn all_faults(geometry: Geometry, times: u64) {
    let (mut total, mut all_points) = (Ends::new(), 0);
    for phase in all(geometry) {
        let each = |(n, entry): &(u64, LogEntry)| leaves(*n, entry).into_iter().zip(repeat(*n));
        let operations: Vec<_> =
            phase.ours_of_all.iter().filter(|(_, entry)| times == 1 || entry.op != OpKind::Read).collect();
        let points: Vec<(TornModel, u64)> = operations.iter().copied().flat_map(each).collect();
        let ends = on_two(&points, |(model, n), ends| {
            let what = format!("{}, {}, operation {n}, {times} times, {model:?}", geometry.name, phase.name);
            let mut board = phase.base.clone();
            board.device.flash.fail_at(OpIndex::Any(*n), times, CutPlace::From(1), model.clone());
            let rest = phase.run(&mut board);
            // The second of two may have hit the bootloader, which then boots nothing, this once.
            assert!(rest == Rest::Still || times == 2, "{what}: {rest:?}");
            board.device.flash.disarm();
            assert_eq!(board.power_on(), Rest::Still, "{what}");
            let seen = recovered(&mut board, n % 3 == 0, &what);
            let end = end_of(&phase, &seen).unwrap_or_else(|| panic!("{what}: {seen:?}"));
            // A boot does all once more that has failed once.
            assert!(times == 2 || matches!(phase.act, Act::Command(..)) || end == "after", "{what}: {end}");
            *ends.entry(end).or_default() += 1;
        });
        assert_eq!(ends.values().sum::<usize>(), points.len());
        ends.into_iter().for_each(|(end, count)| *total.entry(end).or_default() += count);
        all_points += points.len();
    }
    fwupd_testkit::tell(format_args!(
        "flash faults under embassy-boot: {}, {times} in a row: {all_points} points: {total:?}",
        geometry.name,
    ));
}

#[test]
fn one_fault_in_any_of_our_operations_leaves_the_old_or_the_new_image_and_says_which() {
    GEOMETRIES.into_iter().for_each(|geometry| all_faults(geometry, 1));
}

#[test]
fn two_faults_in_a_row_leave_the_old_or_the_new_image_and_say_which() {
    GEOMETRIES.into_iter().for_each(|geometry| all_faults(geometry, 2));
}
