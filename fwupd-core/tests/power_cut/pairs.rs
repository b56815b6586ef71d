//! Two cuts: after a cut anywhere in a phase, another one anywhere in the recovery from it. Then three, at random.

use std::fmt::Write as _;

use fwupd_core::flash::OpKind;
use fwupd_core::slot::Slot;
use fwupd_testkit::flash::LogEntry;
use fwupd_testkit::random::Random;
use fwupd_testkit::tables;

use crate::board::{GEOMETRIES, Geometry};
use crate::life::{Ended, Life};
use crate::model::World;
use crate::phases::{PHASES, Phase};
use crate::points::{Density, Model, Past, Point, expected, of_log, of_op};
use crate::tally::{Tally, on_two_threads, told};

/// What the cuts of a pair leave.
pub(crate) const MODELS: [Model; 3] = [Model::Prefix, Model::Random, Model::Unreadable];
const FIRST: Density = Density { words: 4, erase: 3 };
const SECOND: Density = Density { words: 2, erase: 1 };

/// The recovery of a device that has lost its power, cut at every write and erase of it.
fn recoveries<const N: usize>(cut: &Life<N>, models: &[Model], density: Density) -> Vec<Point>
where
    [Slot; N]: Default,
{
    let mut life = cut.clone();
    life.device.flash.reset_counts();
    life.device.flash.keep_log(true);
    life.recovers();
    let log = life.device.flash.log();
    let past = Past::new(cut.device.layout(), &cut.device.flash);
    let points = of_log(&past, log, (0, log.len() as u64), models, density);
    assert_eq!(points.len(), expected(log, (0, log.len() as u64), models, density));
    points
}

fn pairs<const N: usize>(
    geometry: &Geometry,
    phase: &Phase,
    models: &[Model],
    (first, second): (Density, Density),
) -> Tally
where
    [Slot; N]: Default,
{
    let start = phase.start::<N>(geometry);
    let (uncut, _) = start.uncut(phase.order.as_ref());
    let after = uncut.path.last().unwrap().recovered(phase.trial);
    let before = start.world.recovered(phase.trial);
    let range = (uncut.at(phase.from).1, uncut.at(phase.to).1);
    let past = Past::new(start.life.device.layout(), &start.life.device.flash);
    let points = of_log(&past, &uncut.log, range, models, first);
    assert_eq!(points.len(), expected(&uncut.log, range, models, first));
    let tally = on_two_threads(&points, |n, point, tally| {
        let mut cut = start.life.clone();
        cut.arm(point);
        assert_eq!(cut.live(phase.order.as_ref()), Ended::PowerLost);
        let allowed = World::reached(uncut.left(point), 2, phase.trial);
        tally.operations += 1;
        let points = recoveries(&cut, models, second);
        tally.expected += points.len();
        for (m, again) in points.iter().enumerate() {
            let what = || format!("{}, {}: {point:?}, then {again:?}", phase.name, geometry.name);
            told(tally, what, |tally| {
                let mut life = cut.clone();
                life.arm(again);
                assert_eq!(life.live(None), Ended::PowerLost);
                let (view, took) = life.recovers();
                let excepted = phase.excepts(&view, &allowed);
                assert!(excepted || allowed.contains(&view), "{view:#?}\nis none of {allowed:#?}");
                tally.excepted += usize::from(excepted);
                life.rests_well();
                tally.late += life.settled_late;
                if (n + m).is_multiple_of(11) {
                    life.can_be_updated();
                    tally.updates += 1;
                }
                *tally.points.entry(again.model).or_default() += 1;
                tally.note(&view, &before, &after);
                tally.longest = tally.longest.max(took);
            });
        }
    });
    let tally = tally.hold();
    assert_eq!(tally.total(), tally.expected);
    tally
}

/// Pairs of cuts of a phase.
pub(crate) fn all_pairs(
    geometry: &Geometry,
    phase: &Phase,
    models: &[Model],
    densities: (Density, Density),
) -> Tally {
    match phase.slots {
        2 => pairs::<2>(geometry, phase, models, densities),
        3 => pairs::<3>(geometry, phase, models, densities),
        slots => panic!("no device of {slots} slots"),
    }
}

/// One cut of a life without one, at random.
fn any_cut<const N: usize>(life: &Life<N>, log: &[LogEntry], range: (u64, u64), random: &mut Random) -> Point
where
    [Slot; N]: Default,
{
    let past = Past::new(life.device.layout(), &life.device.flash);
    loop {
        let n = range.0 + random.below(range.1 - range.0);
        let model = Model::ALL[random.below(Model::ALL.len() as u64) as usize];
        let before = &log[..n as usize];
        let mutating = before.iter().filter(|entry| entry.op != OpKind::Read).count() as u64;
        let points = of_op(&past, (n, mutating), &log[n as usize], model, Density::FULL);
        if !points.is_empty() {
            return points[random.below(points.len() as u64) as usize].clone();
        }
    }
}

fn triples<const N: usize>(geometry: &Geometry, phase: &Phase, count: u64) -> Tally
where
    [Slot; N]: Default,
{
    let start = phase.start::<N>(geometry);
    let (uncut, _) = start.uncut(phase.order.as_ref());
    let after = uncut.path.last().unwrap().recovered(phase.trial);
    let before = start.world.recovered(phase.trial);
    let range = (uncut.at(phase.from).1, uncut.at(phase.to).1);
    let seeds: Vec<u64> = (0..count).collect();
    on_two_threads(&seeds, |_, seed, tally| {
        let mut cuts = Vec::new();
        let points = core::cell::RefCell::new(&mut cuts);
        let what = || format!("{}, {}: seed {seed}, {:?}", phase.name, geometry.name, points.borrow());
        told(tally, what, |tally| {
            let mut random = Random(seed << 16 | u64::from(geometry.write));
            let first = any_cut(&start.life, &uncut.log, range, &mut random);
            points.borrow_mut().push(first.clone());
            let mut life = start.life.clone();
            life.arm(&first);
            assert_eq!(life.live(phase.order.as_ref()), Ended::PowerLost);
            for _ in 1..3 {
                let mut whole = life.clone();
                whole.device.flash.reset_counts();
                whole.device.flash.keep_log(true);
                whole.recovers();
                let log = whole.device.flash.log();
                let again = any_cut(&life, log, (0, log.len() as u64), &mut random);
                points.borrow_mut().push(again.clone());
                life.arm(&again);
                assert_eq!(life.live(None), Ended::PowerLost);
                *tally.points.entry(again.model).or_default() += 1;
            }
            let (view, took) = life.recovers();
            let allowed = World::reached(uncut.left(&first), 3, phase.trial);
            let excepted = phase.excepts(&view, &allowed);
            assert!(excepted || allowed.contains(&view), "{view:#?}\nis none of {allowed:#?}");
            tally.excepted += usize::from(excepted);
            life.rests_well();
            tally.late += life.settled_late;
            life.can_be_updated();
            tally.updates += 1;
            tally.note(&view, &before, &after);
            tally.longest = tally.longest.max(took);
        });
    })
    .hold()
}

#[test]
fn a_second_cut_anywhere_in_a_recovery_leaves_what_was_before_or_what_comes_after() {
    let geometry = GEOMETRIES.iter().find(|geometry| geometry.write == 4).unwrap();
    let pair = |phase| all_pairs(geometry, phase, &MODELS, (FIRST, SECOND));
    let tallies: Vec<(&Phase, Tally)> = PHASES.iter().map(|phase| (phase, pair(phase))).collect();
    tables::keep("pairs of cuts", &table(&tallies, &MODELS));
}

#[test]
fn three_cuts_anywhere_leave_what_was_before_or_what_comes_after() {
    const EACH: u64 = 60;
    let mut all = Tally::default();
    for geometry in &GEOMETRIES {
        for phase in PHASES {
            all.add(&match phase.slots {
                2 => triples::<2>(geometry, phase, EACH),
                3 => triples::<3>(geometry, phase, EACH),
                slots => panic!("no device of {slots} slots"),
            });
        }
    }
    let Tally { before, after, between, excepted, longest, .. } = all;
    assert_eq!(before + after + between, GEOMETRIES.len() * PHASES.len() * EACH as usize);
    let text = format!(
        "{} triples of cuts, {EACH} in each phase on each geometry: {before} as before, {after} as after, \
         {between} between, {excepted} of them excepted; {longest} operations in a recovery at most.\n",
        before + after + between
    );
    tables::keep("triples of cuts", &text);
}

/// What came of the pairs of each phase.
pub(crate) fn table(tallies: &[(&Phase, Tally)], models: &[Model]) -> String {
    let mut table = String::from("| phase | first cuts |");
    models.iter().for_each(|model| write!(table, " {} |", model.name()).unwrap());
    table.push_str(
        " pairs | as before | as after | between | excepted | updated next | operations of a recovery |",
    );
    write!(table, "\n|---|{}", "---:|".repeat(models.len() + 8)).unwrap();
    let mut row = |name: &str, tally: &Tally| {
        write!(table, "\n| {name} | {} |", tally.operations).unwrap();
        models
            .iter()
            .for_each(|model| write!(table, " {} |", tally.points.get(model).unwrap_or(&0)).unwrap());
        let Tally { before, after, between, excepted, updates, longest, .. } = tally;
        let pairs = tally.total();
        write!(table, " {pairs} | {before} | {after} | {between} | {excepted} | {updates} | {longest} |")
            .unwrap();
    };
    let mut all = Tally::default();
    for (phase, tally) in tallies {
        row(phase.name, tally);
        all.add(tally);
    }
    row("all", &all);
    table.push('\n');
    table
}
