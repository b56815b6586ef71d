//! Power cuts: every write and erase of every phase that is ours, the state partition's among them, under each
//! model of what a cut leaves. Those of `prepare_boot`, in its swap and on its way back, are embassy-boot's own
//! and are left out.

use std::collections::BTreeMap;
use std::sync::Mutex;

use fwupd_core::flash::OpKind;
use fwupd_testkit::device::{Rest, Seen};
use fwupd_testkit::flash::{LogEntry, OpIndex};

use crate::board::{Board, GEOMETRIES, Geometry};
use crate::phases::{Phase, all, recovered};
use crate::points::{MODELS, Model, Point, in_state, middle, models, places, points, three};
use crate::tables::{Ends, Table};

/// What a cut may end with.
const ENDS: [&str; 4] = ["before", "after", "staged, the swap never armed", "the one trial lost"];

/// Does this with each of them, on two threads.
pub(crate) fn on_two<T: Sync>(all: &[T], each: impl Fn(&T, &mut Ends) + Sync) -> Ends {
    let ends = Mutex::new(Ends::new());
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (each, ends) = (&each, &ends);
            scope.spawn(move || {
                let mut mine = Ends::new();
                all.iter().skip(half).step_by(2).for_each(|one| each(one, &mut mine));
                let mut ends = ends.lock().unwrap();
                mine.into_iter().for_each(|(end, count)| *ends.entry(end).or_default() += count);
            });
        }
    });
    ends.into_inner().unwrap()
}

/// What a phase may end with is noted; anything else is an error.
pub(crate) fn note(phase: &Phase, seen: &Seen, what: &str, ends: &mut Ends) {
    let end = phase.end_of(seen).unwrap_or_else(|| panic!("{what}: {seen:?}\nnot {:?}", phase.after));
    *ends.entry(end).or_default() += 1;
}

/// Cuts a phase at one point.
fn cut(phase: &Phase, point: &Point, what: &str) -> Board {
    let mut board = phase.base.clone();
    board.device.flash.cut_at(OpIndex::Mutating(point.n), point.place, point.torn.clone());
    assert_eq!(phase.run(&mut board), Rest::PowerLost, "{what}");
    board
}

/// What the number of points of an operation must be, by its log alone.
fn expected(geometry: &Geometry, entry: &LogEntry) -> usize {
    // Nothing done and all done have one place.
    2 + (models(geometry, entry) - 2) * places(entry).len()
}

fn all_cuts(geometry: Geometry, of_model: &mut BTreeMap<Model, usize>, table: &mut Table) {
    for phase in all(geometry) {
        let of = |n: &u64| (*n, &phase.log[*n as usize]);
        let every = |n| points(&phase.base, of(n), &MODELS, &places(of(n).1));
        let points: Vec<(usize, Point)> = phase.ours.iter().flat_map(every).enumerate().collect();
        assert_eq!(points.len(), phase.ours.iter().map(|n| expected(&geometry, of(n).1)).sum::<usize>());
        let ends = on_two(&points, |(at, point), ends| {
            let what = format!("{}, {}, {point:?}", geometry.name, phase.name);
            let mut board = cut(&phase, point, &what);
            assert_eq!(board.power_on(), Rest::Still, "{what}");
            let seen = recovered(&mut board, at % 4 == 0, &what);
            note(&phase, &seen, &what, ends);
        });
        let of_state = phase.ours.iter().filter(|n| in_state(&geometry, of(n).1)).count();
        table.add(phase.name, &[phase.ours.len(), of_state, points.len()], &ends);
        points.iter().for_each(|(_, point)| *of_model.entry(point.model).or_default() += 1);
    }
}

#[test]
fn a_cut_in_any_of_our_operations_leaves_the_old_or_the_new_image_and_says_which() {
    let mut of_model = BTreeMap::new();
    let heads = ["phase", "operations", "on the state partition", "points"];
    let mut table = Table::new(&heads, &ENDS);
    GEOMETRIES.into_iter().for_each(|geometry| all_cuts(geometry, &mut of_model, &mut table));
    table.keep("cuts under embassy-boot");
    assert!(MODELS.iter().all(|model| of_model.contains_key(model)));
    fwupd_testkit::tell(format_args!("cuts under embassy-boot, by model: {of_model:?}"));
}

/// Under a prefix, undefined and unreadable; the last not on the state partition.
#[test]
fn a_second_cut_in_any_of_our_operations_of_a_recovery_changes_nothing_of_that() {
    const PAIR: [Model; 3] = [Model::Prefix, Model::Random, Model::Unreadable];
    let mut table = Table::new(&["phase", "first cuts", "pairs"], &ENDS);
    for phase in all(GEOMETRIES[0]) {
        let every = |n: &u64| {
            let entry = &phase.log[*n as usize];
            points(&phase.base, (*n, entry), &PAIR, &middle(entry))
        };
        let firsts: Vec<Point> = phase.ours.iter().flat_map(every).collect();
        let of_state = phase.ours.iter().filter(|n| in_state(&phase.base.geometry, &phase.log[**n as usize]));
        assert_eq!(firsts.len(), PAIR.len() * phase.ours.len() - of_state.count());
        let ends = on_two(&firsts, |first, ends| {
            let what = format!("{}, {first:?}", phase.name);
            let cut = cut(&phase, first, &what);
            let mut uncut = cut.clone();
            uncut.device.flash.reset_counts();
            uncut.device.flash.keep_log(true);
            uncut.foreign_ops.clear();
            assert_eq!(uncut.power_on(), Rest::Still, "{what}");
            let log = uncut.device.flash.log().iter().filter(|entry| entry.op != OpKind::Read);
            let ours =
                (0..).zip(log).filter(|(n, _)| !uncut.foreign_ops.iter().any(|(ops, _)| ops.contains(n)));
            let ours: Vec<(u64, &LogEntry)> = ours.collect();
            let each = |entry: &(u64, &LogEntry)| points(&phase.base, *entry, &PAIR, &three(entry.1));
            let seconds: Vec<Point> = ours.iter().flat_map(each).collect();
            let unreadable = |entry: &LogEntry| usize::from(!in_state(&phase.base.geometry, entry));
            let expected = ours.iter().map(|(_, entry)| (2 + unreadable(entry)) * three(entry).len());
            assert_eq!(seconds.len(), expected.sum::<usize>(), "{what}");
            for second in seconds {
                let what = format!("{what}, then {second:?}");
                let mut board = cut.clone();
                board.device.flash.power_on();
                let (n, torn) = (OpIndex::Mutating(second.n), second.torn.clone());
                board.device.flash.cut_at(n, second.place, torn);
                assert_eq!(board.power_on(), Rest::PowerLost, "{what}");
                assert_eq!(board.power_on(), Rest::Still, "{what}");
                let seen = recovered(&mut board, second.n % 8 == 0, &what);
                note(&phase, &seen, &what, ends);
            }
        });
        let pairs: usize = ends.values().sum();
        table.add(phase.name, &[firsts.len(), pairs], &ends);
    }
    table.keep("pairs under embassy-boot");
}
