//! Write-Attributes: how often a change is told. Core 5.1.2 and 6.3.4.

use fwupd_coap::Millis;

use super::path::Path;
use crate::spec::{Answer, attribute};
use crate::wire::text;

/// How many paths can have attributes.
const PATHS: usize = 6;

/// Seconds at least and at most between two notifications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Periods {
    least: Option<u32>,
    most: Option<u32>,
}

/// Attributes by path. What is not set at a path is that of the path above.
#[derive(Debug)]
pub(super) struct Attributes {
    entries: [Option<(Path, Periods)>; PATHS],
}

impl Attributes {
    pub(super) const fn new() -> Self {
        Self { entries: [None; PATHS] }
    }

    /// Sets what a query says; an attribute without a value is taken away. All or nothing.
    pub(super) fn write<'q>(&mut self, path: &Path, queries: impl Iterator<Item = &'q str>) -> Answer {
        let at = |entry: &Option<(Path, Periods)>| entry.is_some_and(|(of, _)| of == *path);
        let place = self.entries.iter().position(at);
        let place = place.or_else(|| self.entries.iter().position(Option::is_none));
        let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) else {
            return Answer::Internal;
        };
        let mut periods = entry.map_or(Periods::default(), |(_, periods)| periods);
        for query in queries {
            let (name, value) = match query.split_once('=') {
                Some((name, value)) => match text::unsigned(value.as_bytes()) {
                    Some(seconds) => (name, Some(seconds)),
                    None => return Answer::BadRequest,
                },
                None => (query, None),
            };
            match name {
                attribute::PMIN => periods.least = value,
                attribute::PMAX => periods.most = value,
                _ => return Answer::BadRequest,
            }
        }
        *entry = Some((*path, periods)).filter(|_| periods != Periods::default());
        Answer::Changed
    }

    /// After how long a change of this path may be told, and after how long it is told without one:
    /// milliseconds. A longest period that is shorter than the shortest one, or 0, is none.
    pub(super) fn periods(&self, path: &Path) -> (Millis, Option<Millis>) {
        let mut found = Periods::default();
        let mut depth = (0, 0);
        for (of, periods) in self.entries.iter().flatten().filter(|(of, _)| path.is_within(of)) {
            let length = of.ids().len();
            if periods.least.is_some() && length > depth.0 {
                (found.least, depth.0) = (periods.least, length);
            }
            if periods.most.is_some() && length > depth.1 {
                (found.most, depth.1) = (periods.most, length);
            }
        }
        let millis = |seconds: u32| Millis::from(seconds).saturating_mul(1000);
        let least = found.least.map_or(0, millis);
        (least, found.most.map(millis).filter(|most| *most > 0 && *most >= least))
    }
}
