//! What is armed: one cut and any number of faults.

use fwupd_core::flash::OpKind;

use super::torn::{CutPlace, TornModel};

/// Which operation, counted from the call that takes it: 0 is the next one. Refused requests and requests
/// without power do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpIndex {
    /// Among the writes and erases.
    Mutating(u64),
    /// Among all operations, reads too.
    Any(u64),
}

/// How an operation ends that does not end well.
#[derive(Clone, Debug)]
pub(super) struct Tear {
    pub(super) place: CutPlace,
    pub(super) model: TornModel,
    pub(super) cut: bool,
}

#[derive(Clone, Debug)]
struct Armed {
    index: OpIndex,
    /// How many operations from that index on it still hits.
    times: u64,
    tear: Tear,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    cut: Option<Armed>,
    failures: Vec<Armed>,
}

impl Faults {
    pub(super) fn cut_at(&mut self, index: OpIndex, place: CutPlace, model: TornModel) {
        self.cut = Some(Armed { index, times: 1, tear: Tear { place, model, cut: true } });
    }

    pub(super) fn fail_at(&mut self, index: OpIndex, times: u64, place: CutPlace, model: TornModel) {
        self.failures.push(Armed { index, times, tear: Tear { place, model, cut: false } });
        self.failures.retain(|armed| armed.times > 0);
    }

    pub(super) fn disarm(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_armed(&self) -> bool {
        self.cut.is_some() || !self.failures.is_empty()
    }

    /// Counts an operation down, and says how it ends if not well. A cut goes before a fault.
    pub(super) fn next(&mut self, op: OpKind) -> Option<Tear> {
        let failure = self.failures.iter_mut().filter_map(|armed| armed.hits(op)).next_back();
        self.failures.retain(|armed| armed.times > 0);
        let cut = self.cut.as_mut().and_then(|armed| armed.hits(op));
        if cut.is_some() {
            self.cut = None;
        }
        cut.or(failure)
    }
}

impl Armed {
    fn hits(&mut self, op: OpKind) -> Option<Tear> {
        let left = match (&mut self.index, op) {
            (OpIndex::Mutating(_), OpKind::Read) => return None,
            (OpIndex::Mutating(left), OpKind::Write | OpKind::Erase) => left,
            (OpIndex::Any(left), OpKind::Read | OpKind::Write | OpKind::Erase) => left,
        };
        if let Some(less) = left.checked_sub(1) {
            *left = less;
            return None;
        }
        self.times = self.times.saturating_sub(1);
        Some(self.tear.clone())
    }
}
