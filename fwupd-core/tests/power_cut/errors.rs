//! Flash that fails without a cut: at every operation of every phase, reads too, once and twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fwupd_core::flash::OpKind;
use fwupd_core::slot::Slot;
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};
use fwupd_testkit::tables;

use crate::board::{GEOMETRIES, Geometry};
use crate::life::Ended;
use crate::model::{Spoilt, View, World};
use crate::phases::{PHASES, Phase};
use crate::tally::{Tally, on_two_threads, told};

/// One fault.
#[derive(Clone, Debug)]
struct Fault {
    kind: OpKind,
    op: u64,
    times: u64,
    place: CutPlace,
    torn: TornModel,
}

/// How a phase ended in which the flash failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    /// To what it would have come to without a fault, or to what was before.
    Right,
    /// As the model says of a flash that goes on failing.
    Spoilt(Spoilt),
    /// To what an exception allows.
    Excepted,
    /// Nothing could be booted, as the only image could not be read; the next boot could.
    Late,
}

const ENDS: [(Came, &str); 6] = [
    (Came::Right, "as without a fault, or as before"),
    (Came::Spoilt(Spoilt::Taking), "install failed"),
    (Came::Spoilt(Spoilt::Counting), "trial given up"),
    (Came::Spoilt(Spoilt::Reading), "nothing to go back to"),
    (Came::Excepted, "excepted"),
    (Came::Late, "booted by the next boot"),
];

/// Every fault of these operations.
fn faults(log: &[LogEntry], (from, to): (u64, u64)) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (op, entry) in (0..).zip(log).filter(|(op, _)| (from..to).contains(op)) {
        for times in [1, 2] {
            let mut fault = |place, torn| faults.push(Fault { kind: entry.op, op, times, place, torn });
            fault(CutPlace::Before, TornModel::Nothing);
            if entry.op != OpKind::Read {
                fault(CutPlace::From(entry.places / 2), TornModel::Prefix);
                fault(CutPlace::From(0), TornModel::Unreadable);
                fault(CutPlace::From(0), TornModel::AllNew);
            }
        }
    }
    faults
}

fn all_faults<const N: usize>(geometry: &Geometry, phase: &Phase) -> Tally
where
    [Slot; N]: Default,
{
    let start = phase.start::<N>(geometry);
    let (uncut, _) = start.uncut(phase.order.as_ref());
    let range = (uncut.at(phase.from).1, uncut.at(phase.to).1);
    let points = faults(&uncut.log, range);
    let of = |entry: &LogEntry| if entry.op == OpKind::Read { 2 } else { 8 };
    let expected: usize = uncut.log[range.0 as usize..range.1 as usize].iter().map(of).sum();
    assert_eq!(points.len(), expected);
    // What was not written is not lost yet: it goes on with what comes after, or from what was before.
    let right = World::reached(&uncut.path, 1, phase.trial);
    let spoilt: Vec<(Spoilt, View)> =
        uncut.path.iter().filter_map(|world| world.spoilt(phase.trial)).collect();
    let tally = on_two_threads(&points, |n, fault, tally| {
        let what = || format!("{}, {}: {fault:?}", phase.name, geometry.name);
        told(tally, what, |tally| {
            let mut life = start.life.clone();
            life.unreadable = fault.kind == OpKind::Read && fault.times > 1;
            let (index, times) = (OpIndex::Any(fault.op), fault.times);
            life.device.flash.fail_at(index, times, fault.place, fault.torn.clone());
            let ended = life.live(phase.order.as_ref());
            life.device.flash.disarm();
            let (view, _) = life.recovers();
            let came = match spoilt.iter().find(|(_, one)| *one == view) {
                _ if ended == Ended::Bricked && right.contains(&view) => Came::Late,
                _ if right.contains(&view) => Came::Right,
                Some((how, _)) => Came::Spoilt(*how),
                None if phase.excepts(&view, &right) => Came::Excepted,
                None => panic!("{view:#?}\nis none of {right:#?}\nnor of {spoilt:#?}"),
            };
            let once = fault.times == 1;
            assert!(!once || fault.kind != OpKind::Read || came == Came::Right, "one bad read: {came:?}");
            assert!(came != Came::Late || life.unreadable, "nothing was booted, and could have been");
            *tally.ends.entry(came).or_default() += 1;
            life.rests_well();
            if n.is_multiple_of(3) {
                life.can_be_updated();
                tally.updates += 1;
            }
        });
    });
    let tally = tally.hold();
    assert_eq!(tally.ends.values().sum::<usize>(), expected);
    tally
}

/// How the faults of each phase ended.
fn table(tallies: &[(&str, BTreeMap<Came, usize>)]) -> String {
    let mut table = String::from("| phase | faults |");
    ENDS.iter().for_each(|(_, name)| write!(table, " {name} |").unwrap());
    write!(table, "\n|---|{}", "---:|".repeat(ENDS.len() + 1)).unwrap();
    for (name, ends) in tallies {
        write!(table, "\n| {name} | {} |", ends.values().sum::<usize>()).unwrap();
        ENDS.iter().for_each(|(end, _)| write!(table, " {} |", ends.get(end).unwrap_or(&0)).unwrap());
    }
    table.push('\n');
    table
}

#[test]
fn flash_that_fails_at_any_operation_leaves_what_was_before_or_what_comes_after_or_says_so() {
    let mut tallies: Vec<(&str, BTreeMap<Came, usize>)> = Vec::new();
    let mut all = Tally::default();
    for phase in PHASES {
        let mut of_phase = Tally::default();
        for geometry in &GEOMETRIES {
            of_phase.add(&match phase.slots {
                2 => all_faults::<2>(geometry, phase),
                3 => all_faults::<3>(geometry, phase),
                slots => panic!("no device of {slots} slots"),
            });
        }
        tallies.push((phase.name, of_phase.ends.clone()));
        all.add(&of_phase);
    }
    tallies.push(("all", all.ends));
    tables::keep("faults", &table(&tallies));
}
