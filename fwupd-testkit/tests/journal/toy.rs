//! Two small pages and seven commits: a cut at every operation, at every word, with every model, and a second
//! one in the recovery from each.

use fwupd_core::flash::{Layout, OpKind, Sectors};
use fwupd_core::fuzzing::Found;
use fwupd_testkit::flash::{CutPlace, Fill, OpIndex, SimFlash, TornModel};

use crate::rig::{Frame, Journal, Map, PowerLost, boot, commit, contents, layout, with};

pub(crate) const PAGE: u32 = 256;

/// Two pages, which is too small for a layout but not for the journal.
pub(crate) fn toy(write: u16, erased: u8) -> Layout {
    let page = vec![Sectors { count: 1, size: PAGE }];
    layout(&[(1, write, erased)], &[(1, page.clone()), (1, page)])
}

/// The frames, of one and of two records; the page is turned more than once.
pub(crate) fn frames() -> Vec<Frame> {
    [
        &[(0, 12), (1, 7)][..],
        &[(1, 3)],
        &[(2, 20), (0, 12)],
        &[(3, 0)],
        &[(1, 30), (2, 5)],
        &[(0, 12), (3, 9)],
        &[(2, 25)],
    ]
    .iter()
    .zip(1u8..)
    .map(|(frame, n)| frame.iter().map(|(kind, len)| (*kind, vec![n * 16 + kind; *len])).collect())
    .collect()
}

/// What a run of the frames leads to, one power cycle long.
pub(crate) fn work(layout: Layout, flash: &mut SimFlash, done: &mut usize) -> Result<(), PowerLost> {
    let mut journal: Journal = boot(layout, flash)?;
    for frame in frames() {
        commit(&mut journal, flash, &frame)?.expect("there is room");
        *done += 1;
    }
    Ok(())
}

/// The map before and after each commit.
pub(crate) fn maps(first: Map) -> Vec<Map> {
    let mut maps = vec![first];
    for frame in frames() {
        maps.push(with(maps.last().expect("one"), &frame));
    }
    maps
}

/// A blank board, and one on which the journal has had an earlier life: with what it holds.
pub(crate) fn starts(layout: Layout) -> [(SimFlash, Map); 2] {
    let blank = SimFlash::new(layout.parts);
    let mut lived = blank.clone();
    let mut journal: Journal = boot(layout, &mut lived).expect("power");
    let mut map = Map::new();
    for frame in frames().iter().cycle().skip(3).take(9) {
        let frame = frame.iter().map(|(kind, bytes)| (*kind, bytes.iter().map(|b| !b).collect())).collect();
        commit(&mut journal, &mut lived, &frame).expect("power").expect("there is room");
        map = with(&map, &frame);
    }
    [(blank, Map::new()), (lived, map)]
}

/// A model for every way to leave a torn unit. `old` are bytes that were in the journal before.
pub(crate) fn models(old: &[Vec<u8>]) -> Vec<TornModel> {
    let mut models = vec![
        TornModel::Nothing,
        TornModel::Prefix,
        TornModel::Suffix,
        TornModel::RandomBits(1),
        TornModel::RandomBits(2),
        TornModel::Undefined(Fill::Random(3)),
        TornModel::Undefined(Fill::AllZero),
        TornModel::Undefined(Fill::AllOne),
        TornModel::AllNew,
        TornModel::Unreadable,
        TornModel::Unstable(4),
        TornModel::Unstable(5),
    ];
    models.extend(old.iter().cloned().map(|bytes| TornModel::Undefined(Fill::Bytes(bytes))));
    models
}

/// Pieces of what an earlier life of the journal has left, if it had one: header, seal, snapshot, and the last
/// frame, of both pages.
pub(crate) fn old_bytes(flash: &SimFlash) -> Vec<Vec<u8>> {
    let contents = flash.contents(1);
    let mut pieces = Vec::new();
    for page in contents.chunks_exact(PAGE as usize).take(2) {
        let frame = page.windows(2).rposition(|pair| pair == b"wf");
        pieces.extend(
            frame.into_iter().flat_map(|last| [0, 16, 24, 32, 40, last].map(|at| page[at..].to_vec())),
        );
    }
    pieces
}

/// Boots three times: after the first nothing changes any more, and unless something reads now so, now so
/// (`writes`), nothing is written.
pub(crate) fn settled(
    layout: Layout,
    flash: &mut SimFlash,
    writes: bool,
    context: &dyn Fn() -> String,
) -> Map {
    let mut journal: Journal = boot(layout, flash).expect("power");
    let found = contents(&mut journal, flash).expect("power");
    if !found.is_empty() {
        assert_eq!(journal.found(), Found::Whole, "{}", context());
    }
    for _ in 0..2 {
        let before = flash.total().mutating();
        let mut journal: Journal = boot(layout, flash).expect("power");
        assert_eq!(contents(&mut journal, flash), Ok(found.clone()), "{}", context());
        let silent = flash.total().mutating() == before;
        assert!(silent || writes, "{}: a boot in a sealed state writes", context());
    }
    found
}

#[derive(Default, Debug)]
struct Points {
    first: u64,
    second: u64,
    read_after: u64,
}

fn every_cut(write: u16, erased: u8, points: &mut Points) {
    let layout = toy(write, erased);
    for (start, map) in starts(layout) {
        every_cut_from(layout, &start, &maps(map), points);
    }
}

fn every_cut_from(layout: Layout, start: &SimFlash, maps: &[Map], points: &mut Points) {
    let old = old_bytes(start);
    let mut whole = start.clone();
    whole.keep_log(true);
    work(layout, &mut whole, &mut 0).expect("power");
    let mutating: Vec<_> = whole.log().iter().filter(|entry| entry.op != OpKind::Read).copied().collect();
    assert!(mutating.iter().filter(|entry| entry.op == OpKind::Erase).count() >= 2, "the page is turned");

    for (n, entry) in (0..).zip(&mutating) {
        let step = if entry.op == OpKind::Erase { 8 } else { 1 };
        let places = (0..=entry.places).step_by(step).flat_map(|at| [CutPlace::Unit(at), CutPlace::From(at)]);
        for place in places {
            for model in models(&old) {
                let mut flash = start.clone();
                flash.cut_at(OpIndex::Mutating(n), place, model.clone());
                let mut done = 0;
                assert_eq!(work(layout, &mut flash, &mut done), Err(PowerLost));
                flash.power_on();
                let torn = flash.clone();
                let unstable = matches!(model, TornModel::Unstable(_));
                let context = || format!("{:?}, operation {n}, {place:?}, {model:?}", layout.parts[1]);
                let between = [&maps[done], &maps[done + 1]];
                let found = settled(layout, &mut flash, unstable, &context);
                assert!(between.contains(&&found), "{}: {found:?}", context());
                flash.assert_lawful();
                points.first += 1;
                points.read_after += u64::from(&found == between[1]);
                if layout.parts[1].write > 1 {
                    second_cuts(layout, &torn, between, unstable, points, &context);
                }
            }
        }
    }
}

/// The recovery is cut as well, at each of its operations.
fn second_cuts(
    layout: Layout,
    torn: &SimFlash,
    between: [&Map; 2],
    unstable: bool,
    points: &mut Points,
    context: &dyn Fn() -> String,
) {
    let seconds = [
        (CutPlace::Before, TornModel::Nothing),
        (CutPlace::Unit(0), TornModel::Undefined(Fill::Random(6))),
        (CutPlace::From(1), TornModel::RandomBits(7)),
        (CutPlace::From(0), TornModel::Unreadable),
        (CutPlace::From(0), TornModel::AllNew),
    ];
    for (place, model) in seconds {
        for n in 0.. {
            let mut flash = torn.clone();
            flash.cut_at(OpIndex::Mutating(n), place, model.clone());
            if boot::<1536>(layout, &mut flash).is_ok() {
                break;
            }
            flash.power_on();
            let context = || format!("{}, then {n}, {place:?}, {model:?}", context());
            let found = settled(layout, &mut flash, unstable, &context);
            assert!(between.contains(&&found), "{}: {found:?}", context());
            flash.assert_lawful();
            points.second += 1;
        }
    }
}

#[test]
fn a_cut_anywhere_and_one_in_the_recovery_leave_the_map_before_or_after_the_commit() {
    let mut points = Points::default();
    for (write, erased) in [(8, 0xFF), (4, 0x00), (1, 0xFF)] {
        every_cut(write, erased, &mut points);
    }
    fwupd_testkit::tell(format_args!("toy journal: {points:?}"));
    assert!(points.first > 10_000 && points.second > 20_000, "{points:?}");
}
