//! Flash that fails without a cut, at each operation that is ours: once, and, where it is a write or an erase, twice
//! in a row. Of two failed reads in a row at a boot nothing can be told: an updater that cannot read the state
//! partition has no status until the next boot.

use std::iter::repeat;

use fwupd_core::flash::OpKind;
use fwupd_core::outcome::{Outcome, What};
use fwupd_testkit::device::{Rest, Seen};
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, OpIndex, TornModel};

use crate::board::{GEOMETRIES, Geometry};
use crate::cuts::on_two;
use crate::phases::{Act, Phase, all, recovered};
use crate::tables::Table;

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
    let failed = |last: Outcome| matches!(last.what, What::Failed(_));
    match phase.end_of(seen) {
        Some(end) => Some(end),
        None if phase.base.seen().sequence != seen.sequence => None,
        None => seen.last.is_some_and(failed).then_some("the old image, and why"),
    }
}

/// What a fault may end with.
const ENDS: [&str; 4] = ["before", "after", "the old image, and why", "the one trial lost"];

/// One fault is mended, but for that of an operation that is not done again; two in a row end in a failure that is
/// told. What runs is told in any case.
fn all_faults(geometry: Geometry, times: u64, table: &mut Table) {
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
        table.add(phase.name, &[operations.len(), points.len()], &ends);
    }
}

fn table(times: u64, name: &str) {
    let mut table = Table::new(&["phase", "operations", "points"], &ENDS);
    GEOMETRIES.into_iter().for_each(|geometry| all_faults(geometry, times, &mut table));
    table.keep(name);
}

#[test]
fn one_fault_in_any_of_our_operations_leaves_the_old_or_the_new_image_and_says_which() {
    table(1, "faults under embassy-boot");
}

#[test]
fn two_faults_in_a_row_leave_the_old_or_the_new_image_and_say_which() {
    table(2, "two faults in a row under embassy-boot");
}
