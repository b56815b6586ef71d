//! Single cuts: every phase, every operation, every place, every model.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fwupd_core::flash::OpKind;
use fwupd_core::slot::Slot;

use fwupd_testkit::tables;

use crate::board::{GEOMETRIES, Geometry};
use crate::life::Ended;
use crate::model::World;
use crate::phases::{PHASES, Phase};
use crate::points::{Density, Model, Past, Point, expected, of_log};
use crate::tally::{Tally, on_two_threads, told};

fn cuts<const N: usize>(geometry: &Geometry, phase: &Phase) -> Tally
where
    [Slot; N]: Default,
{
    let start = phase.start::<N>(geometry);
    let (uncut, _) = start.uncut(phase.order.as_ref());
    let after = uncut.path.last().unwrap().recovered(phase.trial);
    let before = start.world.recovered(phase.trial);
    let range = (uncut.at(phase.from).1, uncut.at(phase.to).1);
    let past = Past::new(start.life.device.layout(), &start.life.device.flash);
    let points = of_log(&past, &uncut.log, range, &Model::ALL, Density::FULL);
    assert_eq!(points.len(), expected(&uncut.log, range, &Model::ALL, Density::FULL));
    // The next update is run after every third, and after the first under each model.
    let first = |n: usize| points[..n].iter().all(|other| other.model != points[n].model);
    let due: BTreeSet<usize> = (0..points.len()).filter(|n| n.is_multiple_of(3) || first(*n)).collect();
    let cut = |n: usize, point: &Point, tally: &mut Tally| {
        told(
            tally,
            || format!("{}, {}: {point:?}", phase.name, geometry.name),
            |tally| {
                let mut life = start.life.clone();
                life.arm(point);
                assert_eq!(life.live(phase.order.as_ref()), Ended::PowerLost);
                let (view, took) = life.recovers();
                let allowed = World::reached(uncut.left(point), 1, phase.trial);
                let excepted = phase.excepts(&view, &allowed);
                assert!(excepted || allowed.contains(&view), "{view:#?}\nis none of {allowed:#?}");
                tally.excepted += usize::from(excepted);
                life.rests_well();
                tally.late += life.settled_late;
                if due.contains(&n) {
                    life.can_be_updated();
                    tally.updates += 1;
                }
                *tally.points.entry(point.model).or_default() += 1;
                tally.note(&view, &before, &after);
                tally.longest = tally.longest.max(took);
            },
        );
    };
    let mut tally = on_two_threads(&points, cut);
    let log = &uncut.log[range.0 as usize..range.1 as usize];
    tally.operations = log.iter().filter(|entry| entry.op != OpKind::Read).count();
    assert!(tally.operations > 0, "{}: there is nothing to cut", phase.name);
    let tally = tally.hold();
    assert_eq!(tally.total(), points.len());
    tally
}

/// All cuts of a phase.
pub(crate) fn all_cuts(geometry: &Geometry, phase: &Phase) -> Tally {
    match phase.slots {
        2 => cuts::<2>(geometry, phase),
        3 => cuts::<3>(geometry, phase),
        slots => panic!("no device of {slots} slots"),
    }
}

/// The points of each phase under each model, over all geometries.
pub(crate) fn by_model(tallies: &[(&Phase, Vec<Tally>)]) -> String {
    let mut table = String::from("| phase |");
    Model::ALL.iter().for_each(|model| write!(table, " {} |", model.name()).unwrap());
    table.push_str(" points |\n|---|");
    table.push_str(&"---:|".repeat(Model::ALL.len() + 1));
    let mut sum = Tally::default();
    let mut row = |name: &str, tally: &Tally| {
        write!(table, "\n| {name} |").unwrap();
        for model in Model::ALL {
            write!(table, " {} |", tally.points.get(&model).unwrap_or(&0)).unwrap();
        }
        write!(table, " {} |", tally.total()).unwrap();
    };
    for (phase, tallies) in tallies {
        let mut of = Tally::default();
        tallies.iter().for_each(|tally| of.add(tally));
        row(phase.name, &of);
        sum.add(&of);
    }
    row("all", &sum);
    table.push('\n');
    table
}

/// The operations of each phase on each geometry, and what the cuts came to.
pub(crate) fn by_end(geometries: &[Geometry], tallies: &[(&Phase, Vec<Tally>)]) -> String {
    let mut table = String::from("| phase |");
    geometries.iter().for_each(|geometry| write!(table, " {} |", geometry.name).unwrap());
    table.push_str(
        " as before | as after | between | excepted | settled late | updated next | operations of a recovery |\n|---|",
    );
    table.push_str(&"---:|".repeat(geometries.len() + 7));
    let mut row = |name: &str, operations: &[usize], sum: &Tally| {
        write!(table, "\n| {name} |").unwrap();
        operations.iter().for_each(|count| write!(table, " {count} |").unwrap());
        let Tally { before, after, between, excepted, late, updates, longest, .. } = sum;
        write!(table, " {before} | {after} | {between} | {excepted} | {late} | {updates} | {longest} |")
            .unwrap();
    };
    let mut all = Tally::default();
    let mut operations = vec![0; geometries.len()];
    for (phase, tallies) in tallies {
        let mut sum = Tally::default();
        tallies.iter().for_each(|tally| sum.add(tally));
        let of: Vec<usize> = tallies.iter().map(|tally| tally.operations).collect();
        operations.iter_mut().zip(&of).for_each(|(sum, of)| *sum += of);
        row(phase.name, &of, &sum);
        all.add(&sum);
    }
    row("all", &operations, &all);
    table.push('\n');
    table
}

#[test]
fn a_cut_anywhere_in_any_phase_leaves_what_was_before_or_what_comes_after() {
    let cut = |phase| GEOMETRIES.iter().map(|geometry| all_cuts(geometry, phase)).collect();
    let tallies: Vec<(&Phase, Vec<Tally>)> = PHASES.iter().map(|phase| (phase, cut(phase))).collect();
    for (_, of_phase) in &tallies {
        // Some phases read nothing.
        for model in Model::ALL.into_iter().filter(|model| *model != Model::Read) {
            assert!(of_phase.iter().any(|tally| tally.points.contains_key(&model)), "{model:?} is never met");
        }
    }
    tables::keep("single cuts", &by_model(&tallies));
    tables::keep("ends of single cuts", &by_end(&GEOMETRIES, &tallies));
}
