//! Random geometries and random lives of a journal: commits, resets, cuts in series, and flash faults.

use std::cell::RefCell;

use fwupd_core::flash::{Layout, OpKind, Sectors};
use fwupd_core::fuzzing::{Fault, Found, KINDS};
use fwupd_testkit::flash::{CutPlace, End, Fill, LogEntry, OpIndex, SimFlash, TornModel};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::rig::{Frame, Journal, Known, Map, PowerLost, boot, commit, contents, drive, layout};

#[derive(Clone, Debug)]
struct Geometry {
    /// Read unit, write unit, erased value.
    parts: Vec<(u16, u16, u8)>,
    /// Part and sectors of each page.
    pages: Vec<(u8, Vec<Sectors>)>,
}

/// What is left in a torn unit.
#[derive(Clone, Debug)]
enum Torn {
    Model(TornModel),
    /// Bytes of one of the pages as they were earlier: which time, which page, from where on.
    Old(usize, usize, Start),
}

/// Where in a page the old bytes are taken from.
#[derive(Clone, Copy, Debug)]
enum Start {
    Header,
    Seal,
    Stands,
    Open,
    Snapshot,
    LastFrame,
    At(u32),
}

#[derive(Clone, Debug)]
struct Interruption {
    op: u64,
    place: CutPlace,
    torn: Torn,
}

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(u8, usize)>),
    Reset,
    /// Cuts: the first at an operation from here on, each of the others in the recovery from the one before.
    Cut(Vec<Interruption>),
    /// A fault of this many writes and erases in a row, or of one operation of any kind.
    Fail(Interruption, Option<u64>),
    /// Reading a record.
    Read(u8),
}

fn part() -> impl Strategy<Value = (u16, u16, u8)> {
    let units = prop_oneof![
        4 => prop::sample::select(vec![1u16, 2, 4, 8, 16, 32, 256])
            .prop_flat_map(|write| (prop::sample::select((0..=write.ilog2()).map(|n| 1 << n).collect::<Vec<u16>>()), Just(write))),
        1 => prop::sample::select(vec![(4u16, 1u16), (16, 8), (256, 4)]),
    ];
    (units, prop::sample::select(vec![0xFFu8, 0x00]))
        .prop_map(|((read, write), erased)| (read, write, erased))
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let run = |count, size| Sectors { count, size };
    let page = prop::sample::select(vec![
        vec![run(1, 4096)],
        vec![run(2, 2048)],
        vec![run(4, 1024)],
        vec![run(1, 4096), run(1, 512)],
        vec![run(1, 1024), run(1, 4096)],
    ]);
    (prop::collection::vec(part(), 1..=2), 2usize..=4).prop_flat_map(move |(parts, count)| {
        let pages = prop::collection::vec((1..=parts.len() as u8, page.clone()), count);
        (Just(parts), pages).prop_map(|(parts, pages)| Geometry { parts, pages })
    })
}

fn interruption(ops: u64) -> impl Strategy<Value = Interruption> {
    let place = prop_oneof![
        1 => Just(CutPlace::Before),
        4 => prop_oneof![0u32..6, 0u32..300].prop_map(CutPlace::Unit),
        6 => prop_oneof![0u32..6, 0u32..300].prop_map(CutPlace::From),
    ];
    let start = prop_oneof![
        Just(Start::Header),
        Just(Start::Seal),
        Just(Start::Stands),
        Just(Start::Open),
        Just(Start::Snapshot),
        Just(Start::LastFrame),
        (0u32..4096).prop_map(Start::At),
    ];
    let torn = prop_oneof![
        Just(Torn::Model(TornModel::Nothing)),
        Just(Torn::Model(TornModel::Prefix)),
        Just(Torn::Model(TornModel::Suffix)),
        any::<u64>().prop_map(|seed| Torn::Model(TornModel::RandomBits(seed))),
        prop_oneof![any::<u64>().prop_map(Fill::Random), Just(Fill::AllZero), Just(Fill::AllOne)]
            .prop_map(|fill| Torn::Model(TornModel::Undefined(fill))),
        Just(Torn::Model(TornModel::AllNew)),
        Just(Torn::Model(TornModel::Unreadable)),
        any::<u64>().prop_map(|seed| Torn::Model(TornModel::Unstable(seed))),
        (0usize..64, 0usize..4, start).prop_map(|(when, page, start)| Torn::Old(when, page, start)),
    ];
    (0..ops, place, torn).prop_map(|(op, place, torn)| Interruption { op, place, torn })
}

fn step() -> impl Strategy<Value = Step> {
    let record = (0..KINDS, prop_oneof![0usize..40, 0usize..=300]);
    prop_oneof![
        12 => prop::collection::vec(record, 1..=4).prop_map(Step::Commit),
        2 => Just(Step::Reset),
        4 => prop::collection::vec(interruption(12), 1..=3).prop_map(Step::Cut),
        2 => (interruption(40), prop::option::of(1u64..5)).prop_map(|(at, times)| Step::Fail(at, times)),
        1 => (0..KINDS).prop_map(Step::Read),
    ]
}

#[derive(Debug, Default)]
struct Seen {
    commits: u64,
    turns: u64,
    resets: u64,
    cuts: u64,
    cuts_in_series: u64,
    cut_erases: u64,
    cut_headers: u64,
    cut_seals: u64,
    cut_stands: u64,
    cut_opens: u64,
    cut_snapshots: u64,
    cut_appends: u64,
    faults: u64,
    failed_commits: u64,
    left_the_new: u64,
    most_ops_of_a_start: usize,
}

struct Life<'a> {
    layout: Layout,
    flash: SimFlash,
    journal: Journal,
    known: Known,
    /// Cuts that come after the next one.
    cuts: Vec<Interruption>,
    /// The pages as they were.
    past: Vec<Vec<Vec<u8>>>,
    /// Whether a cut since the last clean start has left something that reads now so, now so.
    unstable: bool,
    seen: &'a RefCell<Seen>,
    logged: usize,
    commits: u8,
}

impl Life<'_> {
    fn unit(&self, page: usize) -> u32 {
        self.layout.part(self.layout.journal[page].part).unwrap().unit()
    }

    /// The model of an interruption. One that leaves words unstable comes once between two clean starts:
    /// more is not promised (see `flicker`).
    fn model(&mut self, torn: &Torn) -> TornModel {
        match torn {
            Torn::Model(TornModel::Unstable(seed)) if self.unstable => TornModel::RandomBits(*seed),
            Torn::Model(model) => {
                self.unstable |= matches!(model, TornModel::Unstable(_));
                model.clone()
            }
            Torn::Old(when, page, start) => {
                let Some(pages) = self.past.get(when % self.past.len().max(1)) else {
                    return TornModel::Prefix;
                };
                let page = page % pages.len();
                let (unit, bytes) = (self.unit(page), &pages[page]);
                let seal = 16u32.next_multiple_of(unit);
                let from = match start {
                    Start::Header => 0,
                    Start::Seal => seal,
                    Start::Stands => seal + 8u32.next_multiple_of(unit),
                    Start::Open => seal + 2 * 8u32.next_multiple_of(unit),
                    Start::Snapshot => seal + 3 * 8u32.next_multiple_of(unit),
                    Start::LastFrame => bytes.windows(2).rposition(|pair| pair == b"wf").unwrap_or(0) as u32,
                    Start::At(at) => *at,
                };
                TornModel::Undefined(Fill::Bytes(bytes[from as usize..].to_vec()))
            }
        }
    }

    fn arm_cut(&mut self) {
        if let Some(cut) = self.cuts.pop() {
            let model = self.model(&cut.torn);
            self.flash.cut_at(OpIndex::Mutating(cut.op), cut.place, model);
        }
    }

    fn commit(&mut self, records: &[(u8, usize)]) {
        self.remember();
        self.commits = self.commits.wrapping_add(1);
        let frame: Frame = records
            .iter()
            .zip(0u8..)
            .map(|((kind, len), n)| (*kind, (0..*len).map(|i| self.commits ^ (i as u8) ^ (n << 6)).collect()))
            .collect();
        self.known.begun(&frame);
        self.seen.borrow_mut().commits += 1;
        match commit(&mut self.journal, &mut self.flash, &frame) {
            Ok(result) => {
                assert_ne!(result, Err(Fault::Full), "there is room for all records in each page");
                self.seen.borrow_mut().failed_commits += u64::from(result.is_err());
                self.known.ended(&frame, result);
            }
            Err(PowerLost) => {
                self.recover();
                let new = self.known.now == crate::rig::with(&self.known.now, &frame);
                self.seen.borrow_mut().left_the_new += u64::from(new);
            }
        }
    }

    fn remember(&mut self) {
        let pages = self.layout.journal.iter();
        let now =
            pages.map(|page| self.flash.contents(page.part)[page.from as usize..page.to as usize].to_vec());
        let now = now.collect();
        self.past.push(now);
    }

    /// The power comes back, goes again while cuts are left, and comes back for good.
    fn recover(&mut self) {
        loop {
            self.count();
            self.flash.power_on();
            let faulty = self.flash.is_armed();
            self.arm_cut();
            self.journal = Journal::new(self.layout);
            self.seen.borrow_mut().resets += 1;
            match drive(&mut self.journal, &mut self.flash) {
                Ok(ops) => {
                    assert_eq!(self.journal.result(), Ok(()));
                    let most = &mut self.seen.borrow_mut().most_ops_of_a_start;
                    *most = ops.max(*most);
                }
                Err(PowerLost) => {
                    self.seen.borrow_mut().cuts_in_series += 1;
                    continue;
                }
            }
            self.count();
            self.flash.disarm();
            self.cuts.clear();
            let found = contents(&mut self.journal, &mut self.flash).expect("power");
            assert!(self.known.later.contains(&found), "{found:?} is none of {:?}", self.known.later);
            if faulty {
                // What could not be settled may still be either. A clean start settles it.
                continue;
            }
            let said = self.journal.found();
            assert!(found.is_empty() || said == Found::Whole, "{said:?}, but nothing is lost");
            self.known = Known::new(found);
            self.stays();
            self.unstable = false;
            return;
        }
    }

    /// Further resets change nothing, and write nothing if no word is unstable.
    fn stays(&mut self) {
        for _ in 0..2 {
            let before = self.flash.total().mutating();
            let mut journal: Journal = boot(self.layout, &mut self.flash).expect("power");
            assert_eq!(contents(&mut journal, &mut self.flash), Ok(self.known.now.clone()));
            assert!(
                self.unstable || self.flash.total().mutating() == before,
                "a boot of a sealed state writes"
            );
            self.journal = journal;
        }
        self.flash.assert_lawful();
    }

    /// Looks at what the flash was asked since the last time.
    fn count(&mut self) {
        let mut seen = self.seen.borrow_mut();
        for entry in &self.flash.log()[self.logged..] {
            let LogEntry { op, part, at, end, .. } = *entry;
            let (n, page) = self
                .layout
                .journal
                .iter()
                .enumerate()
                .find(|(_, page)| page.part == part && (page.from..page.to).contains(&at))
                .expect("nothing but the journal is touched");
            let unit = self.unit(n);
            let seal = 16u32.next_multiple_of(unit);
            let [stands, open, body] = [1, 2, 3].map(|n| seal + n * 8u32.next_multiple_of(unit));
            let offset = at - page.from;
            let cut = u64::from(end == End::Cut);
            seen.faults += u64::from(end == End::Failed);
            seen.cuts += cut;
            match op {
                OpKind::Read => {}
                OpKind::Erase => {
                    seen.turns += u64::from(offset == 0);
                    seen.cut_erases += cut;
                }
                OpKind::Write if offset == 0 => seen.cut_headers += cut,
                OpKind::Write if offset == seal => seen.cut_seals += cut,
                OpKind::Write if offset == stands => seen.cut_stands += cut,
                OpKind::Write if offset == open => seen.cut_opens += cut,
                OpKind::Write if offset == body => seen.cut_snapshots += cut,
                OpKind::Write => seen.cut_appends += cut,
            }
        }
        self.logged = self.flash.log().len();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Commit(records) => self.commit(records),
            Step::Reset => self.recover(),
            Step::Cut(cuts) => {
                self.cuts.clone_from(cuts);
                self.arm_cut();
            }
            Step::Fail(Interruption { op, place, torn }, times) => {
                self.flash.disarm();
                let model = self.model(torn);
                match times {
                    Some(times) => self.flash.fail_at(OpIndex::Mutating(*op), *times, *place, model),
                    None => self.flash.fail_at(OpIndex::Any(*op), 1, *place, model),
                }
            }
            Step::Read(kind) => {
                self.journal.read(*kind).unwrap();
                drive(&mut self.journal, &mut self.flash).expect("reads are not cut");
                let expected = self.known.now.get(kind).map(Vec::as_slice).ok_or(Fault::Absent);
                assert_eq!(self.journal.result().map(|()| self.journal.record()), expected);
            }
        }
    }
}

fn live(geometry: &Geometry, steps: &[Step], seen: &RefCell<Seen>) {
    let layout = layout(&geometry.parts, &geometry.pages);
    assert_eq!(layout.check(), Ok(()));
    let mut flash = SimFlash::new(layout.parts);
    flash.keep_log(true);
    flash.require_aligned_buffers(4);
    let journal: Journal = boot(layout, &mut flash).expect("power");
    let known = Known::new(Map::new());
    let (cuts, past) = (Vec::new(), Vec::new());
    let mut life =
        Life { layout, flash, journal, known, cuts, past, unstable: false, seen, logged: 0, commits: 0 };
    for step in steps {
        life.step(step);
    }
    life.flash.disarm();
    life.cuts.clear();
    life.recover();
}

#[test]
fn a_journal_is_its_map_before_or_after_a_commit_through_cuts_resets_and_faults() {
    let seen = RefCell::new(Seen::default());
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    let strategy = (geometry(), prop::collection::vec(step(), 10..120));
    TestRunner::new(config)
        .run(&strategy, |(geometry, steps)| {
            live(&geometry, &steps, &seen);
            Ok(())
        })
        .unwrap_or_else(|why| panic!("{why}"));
    let seen = seen.into_inner();
    fwupd_testkit::tell(format_args!("random journals: {seen:?}"));
    let Seen {
        turns,
        cut_erases,
        cut_headers,
        cut_seals,
        cut_stands,
        cut_opens,
        cut_snapshots,
        cut_appends,
        faults,
        ..
    } = seen;
    assert!(turns > 5000 && faults > 500 && seen.cuts_in_series > 100, "{seen:?}");
    for cuts in [cut_erases, cut_headers, cut_seals, cut_stands, cut_opens, cut_snapshots, cut_appends] {
        assert!(cuts > 50, "{seen:?}");
    }
    assert!(seen.failed_commits > 20 && seen.left_the_new > 50, "{seen:?}");
    assert!(seen.most_ops_of_a_start < 150, "{seen:?}");
}
