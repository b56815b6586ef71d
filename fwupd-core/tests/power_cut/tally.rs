//! What came of cuts, counted on two threads.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::errors::Came;
use crate::model::View;
use crate::points::Model;

/// So many failures are told of a phase.
const FEW: usize = 4;

/// What came of the cuts of a phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Operations that were cut; of pairs, first cuts.
    pub(crate) operations: usize,
    /// How many points there must be, by the operations.
    pub(crate) expected: usize,
    pub(crate) points: BTreeMap<Model, usize>,
    /// As if the order had never been given, as without a cut, and neither.
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) between: usize,
    /// Ends that only an exception allows.
    pub(crate) excepted: usize,
    /// Unstable words that were settled later than by the first boot.
    pub(crate) late: usize,
    /// How faults ended.
    pub(crate) ends: BTreeMap<Came, usize>,
    pub(crate) failed: Vec<String>,
    pub(crate) updates: usize,
    /// Most operations of a recovery.
    pub(crate) longest: u64,
}

impl Tally {
    pub(crate) fn total(&self) -> usize {
        self.points.values().sum()
    }

    /// Fails if any point failed.
    pub(crate) fn hold(self) -> Self {
        assert!(self.failed.is_empty(), "{:#?}", self.failed);
        self
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.operations += other.operations;
        self.expected += other.expected;
        for (model, points) in &other.points {
            *self.points.entry(*model).or_default() += points;
        }
        for (came, count) in &other.ends {
            *self.ends.entry(*came).or_default() += count;
        }
        self.before += other.before;
        self.after += other.after;
        self.between += other.between;
        self.excepted += other.excepted;
        self.late += other.late;
        self.failed.extend(other.failed.iter().cloned());
        self.updates += other.updates;
        self.longest = self.longest.max(other.longest);
    }

    pub(crate) fn note(&mut self, view: &View, before: &View, after: &View) {
        match view {
            view if view == before => self.before += 1,
            view if view == after => self.after += 1,
            _ => self.between += 1,
        }
    }
}

/// Calls this for every item, on two threads, and adds up what comes of it.
pub(crate) fn on_two_threads<T: Sync>(items: &[T], work: impl Fn(usize, &T, &mut Tally) + Sync) -> Tally {
    let all = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (all, work) = (&all, &work);
            scope.spawn(move || {
                let mut mine = Tally::default();
                for (n, item) in items.iter().enumerate().skip(half).step_by(2) {
                    work(n, item, &mut mine);
                }
                all.lock().unwrap().add(&mine);
            });
        }
    });
    all.into_inner().unwrap()
}

/// Notes which points fail, and why, up to a few.
pub(crate) fn told(tally: &mut Tally, what: impl Fn() -> String, work: impl FnOnce(&mut Tally)) {
    if tally.failed.len() >= FEW {
        return;
    }
    if let Err(why) = catch_unwind(AssertUnwindSafe(|| work(tally))) {
        let said = why.downcast_ref::<String>().map(String::as_str);
        let said = said.or(why.downcast_ref::<&str>().copied()).unwrap_or_default();
        tally.failed.push(format!("{}: {said}", what()));
    }
}
