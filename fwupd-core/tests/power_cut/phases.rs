//! The phases: what a device was through before, what it is told then, and which part of that is cut.

use fwupd_core::slot::Slot;
use fwupd_core::updater::Verify;
use fwupd_testkit::device::Checks;
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};

use crate::board::{FACTORY, Geometry, NEWER, SAME, provisioned};
use crate::life::{Beat, Ended, Life, Moment};
use crate::model::{Doing, End, Holds, Load, Order, Stage, Trial, View, Why, World};
use crate::points::{Model, Point};

/// A moment of an uncut life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Begins,
    Ordered,
    /// The boot of this number, from 0.
    Boots(usize),
    Judged,
    /// The description of what is received is known.
    Receiving,
    Validating,
    Staged,
    Trial,
    Ends,
}

/// Where power is lost in what was before.
#[derive(Clone, Copy, Debug)]
enum Stop {
    At(Edge),
    /// After so many quarters of the writes and erases from the description to the last byte.
    Quarters(u64),
}

/// A part of what was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    order: Option<Order>,
    trial: Trial,
    /// Whether power is lost in it.
    stop: Option<Stop>,
    /// This slot's bytes decay afterwards.
    decays: Option<u8>,
}

/// One phase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) slots: usize,
    /// What the bootloader checks, where that matters.
    checks: Option<Checks>,
    verify: Verify,
    before: &'static [Leg],
    pub(crate) order: Option<Order>,
    pub(crate) trial: Trial,
    /// What is cut.
    pub(crate) from: Edge,
    pub(crate) to: Edge,
}

const LOAD: Load = Load { image: NEWER, slot: 1, activates: true, asks: false, resumes: true, pushed: false };
const KEEPS: Load = Load { activates: false, ..LOAD };
const ONCE: Load = Load { resumes: false, ..LOAD };

const fn leg(order: Order) -> Leg {
    Leg { order: Some(order), trial: Trial::Passes, stop: None, decays: None }
}

const fn stopped(order: Order, stop: Stop) -> Leg {
    Leg { stop: Some(stop), ..leg(order) }
}

/// What has come half-way, behind its first checkpoint.
const HALF: &[Leg] = &[stopped(Order::Fetch(LOAD), Stop::Quarters(3))];
/// The head is being written.
const HEAD: &[Leg] = &[stopped(Order::Fetch(LOAD), Stop::Quarters(1))];
const STAGED: &[Leg] = &[leg(Order::Fetch(KEEPS))];
const ARMED: &[Leg] = &[stopped(Order::Fetch(LOAD), Stop::At(Edge::Boots(1)))];
/// Given back after a staging, so that nothing is under way.
const KEPT: &[Leg] = &[leg(Order::Fetch(Load { slot: 2, ..KEEPS })), leg(Order::Discard { keep: true })];
const UPDATED: Leg = leg(Order::Fetch(Load { image: SAME, ..LOAD }));

const fn phase(name: &'static str, before: &'static [Leg], order: Order, from: Edge, to: Edge) -> Phase {
    Phase {
        name,
        slots: 2,
        checks: None,
        verify: Verify::WhileWriting,
        before,
        order: Some(order),
        trial: Trial::Passes,
        from,
        to,
    }
}

const fn ordered(name: &'static str, before: &'static [Leg], order: Order) -> Phase {
    phase(name, before, order, Edge::Ordered, Edge::Ends)
}

const fn alone(name: &'static str, before: &'static [Leg], trial: Trial, from: Edge, to: Edge) -> Phase {
    Phase { order: None, trial, ..phase(name, before, Order::Note, from, to) }
}

const fn three(phase: Phase) -> Phase {
    Phase { slots: 3, ..phase }
}

/// All of them.
pub(crate) const PHASES: &[Phase] = &[
    alone("first boot", &[], Trial::Passes, Edge::Begins, Edge::Ends),
    phase("receive", &[], Order::Fetch(LOAD), Edge::Ordered, Edge::Validating),
    phase(
        "receive, not over a reset",
        &[UPDATED],
        Order::Fetch(Load { slot: 0, ..ONCE }),
        Edge::Ordered,
        Edge::Ends,
    ),
    phase(
        "receive what is pushed",
        &[UPDATED],
        Order::Fetch(Load { slot: 0, pushed: true, ..ONCE }),
        Edge::Ordered,
        Edge::Validating,
    ),
    alone("resume", HALF, Trial::Passes, Edge::Begins, Edge::Validating),
    alone("resume in the head", HEAD, Trial::Passes, Edge::Begins, Edge::Validating),
    Phase {
        verify: Verify::Both,
        ..phase("validate", &[], Order::Fetch(LOAD), Edge::Validating, Edge::Staged)
    },
    phase("stage", &[], Order::Fetch(KEEPS), Edge::Validating, Edge::Ends),
    phase("arm", STAGED, Order::Activate { asks: false }, Edge::Ordered, Edge::Boots(1)),
    phase("arm, with a permit", STAGED, Order::Activate { asks: true }, Edge::Ordered, Edge::Boots(1)),
    alone("boot on trial", ARMED, Trial::Passes, Edge::Begins, Edge::Judged),
    alone("trial boot 1", ARMED, Trial::Crashes, Edge::Begins, Edge::Boots(1)),
    alone("trial boot 2", ARMED, Trial::Crashes, Edge::Boots(1), Edge::Boots(2)),
    alone("trial boot 3", ARMED, Trial::Crashes, Edge::Boots(2), Edge::Boots(3)),
    alone("trial boots spent", ARMED, Trial::Crashes, Edge::Boots(3), Edge::Ends),
    alone("deadline", ARMED, Trial::Hangs, Edge::Trial, Edge::Boots(1)),
    alone("confirm", ARMED, Trial::Passes, Edge::Judged, Edge::Ends),
    alone("reject", ARMED, Trial::Fails, Edge::Judged, Edge::Boots(1)),
    alone("revert", ARMED, Trial::Fails, Edge::Boots(1), Edge::Ends),
    Phase {
        trial: Trial::Fails,
        ..phase(
            "reject over a verified image",
            &[UPDATED],
            Order::Fetch(Load { slot: 0, ..LOAD }),
            Edge::Judged,
            Edge::Ends,
        )
    },
    ordered("cancel", HALF, Order::Cancel),
    ordered("discard, keep", STAGED, Order::Discard { keep: true }),
    ordered("discard, empty", STAGED, Order::Discard { keep: false }),
    three(ordered("preset", KEPT, Order::Preset { slot: 2 })),
    three(alone("boot of a preset", PRESET, Trial::Passes, Edge::Begins, Edge::Ends)),
    three(ordered("enable: off", KEPT, Order::Enable { slot: 2, on: false })),
    three(ordered("enable: on", OFF, Order::Enable { slot: 2, on: true })),
    three(ordered("factory reset", FULL, Order::FactoryReset)),
    ordered("revocation", STAGED, Order::Revoke),
    ordered("note", STAGED, Order::Note),
    Phase {
        checks: Some(Checks::Digest),
        ..alone("fallback", DECAYED, Trial::Passes, Edge::Begins, Edge::Ends)
    },
    phase("next update", &[UPDATED], Order::Fetch(Load { slot: 0, ..LOAD }), Edge::Ordered, Edge::Ends),
];

const PRESET: &[Leg] = &[KEPT[0], KEPT[1], leg(Order::Preset { slot: 2 })];
const OFF: &[Leg] = &[KEPT[0], KEPT[1], leg(Order::Enable { slot: 2, on: false })];
const FULL: &[Leg] = &[UPDATED, leg(Order::Note), leg(Order::Fetch(Load { slot: 2, ..KEEPS }))];
const DECAYED: &[Leg] = &[Leg { decays: Some(1), ..UPDATED }];

/// A device at the start of a phase, and the world that it is in.
#[derive(Clone)]
pub(crate) struct Start<const N: usize> {
    pub(crate) life: Life<N>,
    pub(crate) world: World,
}

/// A life without a cut.
#[derive(Clone)]
pub(crate) struct Uncut {
    pub(crate) moments: Vec<Moment>,
    pub(crate) log: Vec<LogEntry>,
    /// The worlds that it went through.
    pub(crate) path: Vec<World>,
    /// By how many writes and erases each of them stood.
    marks: Vec<u64>,
}

impl Phase {
    /// An end that is neither before nor after, and is right all the same.
    ///
    /// A device that has never written its journal cannot tell the torn beginning of it from the remains of one that
    /// is lost: it says that records are lost, though there were none.
    pub(crate) fn excepts(&self, view: &View, allowed: &[View]) -> bool {
        let lost = Some(End::Failed(Why::RecordLost));
        self.name == "first boot" && allowed.iter().any(|one| View { last: lost, ..one.clone() } == *view)
    }

    /// Lives through all that was before.
    pub(crate) fn start<const N: usize>(&self, geometry: &Geometry) -> Start<N>
    where
        [Slot; N]: Default,
    {
        let mut device = provisioned::<N>(geometry);
        device.policy.verify = self.verify;
        if let Some(checks) = self.checks {
            device.checks = checks;
        }
        let mut start = Start { life: Life::new(device), world: World::factory(N, FACTORY) };
        if self.from != Edge::Begins || !self.before.is_empty() {
            assert_eq!(start.life.live(None), Ended::Still);
        }
        for leg in self.before {
            start.goes_through(leg);
        }
        start.life.trial = self.trial;
        start.life.moments.clear();
        start.life.view = None;
        start
    }
}

impl<const N: usize> Start<N>
where
    [Slot; N]: Default,
{
    fn goes_through(&mut self, leg: &Leg) {
        self.life.trial = leg.trial;
        let (uncut, life) = self.uncut(leg.order.as_ref());
        let stop = leg.stop.map(|stop| match stop {
            Stop::At(edge) => uncut.at(edge).0,
            Stop::Quarters(quarters) => {
                let (from, to) = (uncut.at(Edge::Receiving).0, uncut.at(Edge::Validating).0);
                from + (to - from) * quarters / 4
            }
        });
        self.world = uncut.path.last().unwrap().clone();
        match stop {
            None => self.life = life,
            Some(at) => {
                self.life.device.flash.cut_at(OpIndex::Mutating(at), CutPlace::Before, TornModel::Nothing);
                assert_eq!(self.life.live(leg.order.as_ref()), Ended::PowerLost);
                self.world = uncut.path[uncut.certain(at)].clone();
            }
        }
        if let Some(slot) = leg.decays {
            let region = self.life.device.layout().slots[usize::from(slot)];
            let at = region.from + 200;
            let byte = self.life.device.flash.contents(region.part)[at as usize];
            self.life.device.flash.fill(region.part, at, &[!byte]).unwrap();
            self.life.decayed = Some(slot);
            self.world.decayed = Some(slot);
        }
    }

    /// Lives on without a cut, in lock-step with the model.
    pub(crate) fn uncut(&self, order: Option<&Order>) -> (Uncut, Life<N>) {
        let mut life = self.life.clone();
        life.moments.clear();
        life.view = None;
        life.device.flash.reset_counts();
        life.device.flash.keep_log(true);
        assert_eq!(life.live(order), Ended::Still);
        assert_eq!(life.refused, None);
        let log = life.device.flash.log().to_vec();
        life.device.flash.keep_log(false);
        life.device.flash.assert_lawful();
        let path = self.world.path(order, life.trial);
        let marks = lock_step(&path, &life.moments);
        (Uncut { moments: life.moments.clone(), log, path, marks }, life)
    }
}

/// By how many writes and erases each world of the path stood. The device must go through all that can be seen of
/// them, in their order, and through nothing else.
fn lock_step(path: &[World], moments: &[Moment]) -> Vec<u64> {
    let mut marks = vec![None; path.len()];
    marks[0] = Some(0);
    let mut at = 0;
    for Moment { beat, mutating, .. } in moments {
        match beat {
            Beat::Sees(view) => {
                let found = (at..path.len()).find(|n| path[*n].view() == *view);
                let Some(n) = found else {
                    panic!("{view:#?}\nis not among what follows:\n{:#?}", &path[at..])
                };
                let skipped = (at + 1..n)
                    .filter(|n| !matches!(path[*n].doing, Doing::Counted { .. } | Doing::Given { .. }));
                assert_eq!(skipped.count(), 0, "{view:#?}\ncame too early:\n{:#?}", &path[at..=n]);
                at = n;
                marks[at].get_or_insert(*mutating);
            }
            Beat::Jumps(_)
                if path.get(at + 1).is_some_and(|next| matches!(next.doing, Doing::Counted { .. })) =>
            {
                at += 1;
                marks[at].get_or_insert(*mutating);
            }
            Beat::Jumps(_) | Beat::Boots | Beat::Ordered | Beat::Judged => {}
        }
    }
    assert_eq!(at, path.len() - 1, "it did not come to {:#?}", path.last());
    let mut next = None;
    for mark in marks.iter_mut().rev() {
        next = mark.or(next);
        *mark = next;
    }
    marks.into_iter().flatten().collect()
}

impl Uncut {
    /// The worlds that may have been left by a cut: before what it was in, or after.
    pub(crate) fn left(&self, point: &Point) -> &[World] {
        if point.model == Model::Read {
            let certain = self.certain(point.mutating);
            return &self.path[certain..=certain];
        }
        self.worlds(point.mutating)
    }

    /// How many writes and erases, and operations, were before a moment.
    pub(crate) fn at(&self, edge: Edge) -> (u64, u64) {
        let sees = |which: fn(&View) -> bool| {
            self.moments.iter().find(|m| matches!(&m.beat, Beat::Sees(view) if which(view)))
        };
        let beats = |beat: Beat, nth: usize| self.moments.iter().filter(move |m| m.beat == beat).nth(nth);
        let found = match edge {
            Edge::Begins => return (0, 0),
            Edge::Ends => {
                let mutating = self.log.iter().filter(|e| e.op != fwupd_core::flash::OpKind::Read).count();
                return (mutating as u64, self.log.len() as u64);
            }
            Edge::Ordered => beats(Beat::Ordered, 0),
            Edge::Boots(n) => beats(Beat::Boots, n),
            Edge::Judged => beats(Beat::Judged, 0),
            Edge::Receiving => {
                sees(|view| view.stage == Stage::Receiving && view.slots.contains(&Holds::Partial))
            }
            Edge::Validating => sees(|view| view.stage == Stage::Validating),
            Edge::Staged => sees(|view| matches!(view.stage, Stage::Staged { .. })),
            Edge::Trial => sees(|view| matches!(view.stage, Stage::Trial { .. })),
        };
        let found = found.unwrap_or_else(|| panic!("{edge:?} does not come:\n{:#?}", self.moments));
        (found.mutating, found.ops)
    }

    /// The last world that stands for certain before this write or erase.
    pub(crate) fn certain(&self, mutating: u64) -> usize {
        self.marks.iter().rposition(|mark| *mark <= mutating).unwrap()
    }

    /// The worlds that a cut in this write or erase may leave: before it, or after.
    fn worlds(&self, mutating: u64) -> &[World] {
        let certain = self.certain(mutating);
        let after = self.marks.get(certain + 1).copied();
        let last = self.marks.iter().rposition(|mark| Some(*mark) == after).unwrap_or(certain);
        &self.path[certain..=last]
    }
}
