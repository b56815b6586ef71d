//! A journal on a simulated board, driven from one power cycle to the next.

use std::collections::BTreeMap;

use fwupd_core::flash::{Layout, Part, Parts, Region, Sectors, run};
use fwupd_core::fuzzing::{Fault, JournalRig, KINDS};
use fwupd_core::image::SlotId;
use fwupd_core::time::Now;
use fwupd_testkit::flash::SimError;

/// What a journal is to a reader: the newest record of each kind.
pub(crate) type Map = BTreeMap<u8, Vec<u8>>;

/// The records of one frame.
pub(crate) type Frame = Vec<(u8, Vec<u8>)>;

/// As large as the updater's.
pub(crate) type Journal = JournalRig<1536>;

/// No work on a journal of at most four pages of 16 KiB takes more operations than this.
const MOST_OPS: usize = 2000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PowerLost;

/// Runs until the journal rests; how many operations that took.
pub(crate) fn drive<const BUF: usize>(
    journal: &mut JournalRig<BUF>,
    flash: &mut impl Parts<Error = SimError>,
) -> Result<usize, PowerLost> {
    for ops in 0..MOST_OPS {
        match run(journal, flash, Now::mono(0)) {
            Ok(true) => {}
            Ok(false) => {
                assert!(!journal.busy(), "it is busy with nothing");
                return Ok(ops);
            }
            Err((_, SimError::PowerLost)) => return Err(PowerLost),
            Err((_, SimError::Fault | SimError::Unreadable { .. })) => {}
            Err((fault, SimError::NotAligned | SimError::OutOfBounds)) => panic!("refused: {fault}"),
        }
    }
    panic!("the journal does not come to rest");
}

/// Switches on: a journal that has been started.
pub(crate) fn boot<const BUF: usize>(
    layout: Layout,
    flash: &mut impl Parts<Error = SimError>,
) -> Result<JournalRig<BUF>, PowerLost> {
    let mut journal = JournalRig::new(layout);
    drive(&mut journal, flash)?;
    assert_eq!(journal.result(), Ok(()), "a start succeeds");
    Ok(journal)
}

/// Reads everything.
pub(crate) fn contents<const BUF: usize>(
    journal: &mut JournalRig<BUF>,
    flash: &mut impl Parts<Error = SimError>,
) -> Result<Map, PowerLost> {
    let mut map = Map::new();
    for kind in 0..KINDS {
        journal.read(kind).expect("a kind");
        drive(journal, flash)?;
        match journal.result() {
            Ok(()) => assert!(map.insert(kind, journal.record().to_vec()).is_none()),
            Err(Fault::Absent) => assert!(!journal.has(kind), "record {kind} is there and cannot be read"),
            Err(fault @ (Fault::Flash | Fault::Full)) => panic!("record {kind}: {fault:?}"),
        }
    }
    Ok(map)
}

/// Writes one frame.
pub(crate) fn commit<const BUF: usize>(
    journal: &mut JournalRig<BUF>,
    flash: &mut impl Parts<Error = SimError>,
    frame: &Frame,
) -> Result<Result<(), Fault>, PowerLost> {
    if let Err(fault) = journal.commit(frame.iter().map(|(kind, bytes)| (*kind, bytes.as_slice()))) {
        return Ok(Err(fault));
    }
    drive(journal, flash)?;
    Ok(journal.result())
}

/// The map with a frame applied to it.
pub(crate) fn with(map: &Map, frame: &Frame) -> Map {
    let mut map = map.clone();
    map.extend(frame.iter().cloned());
    map
}

/// A board with a part for the slots and parts for the journal; `pages` are part number (from 1 on) and
/// sector runs.
pub(crate) fn layout(parts: &[(u16, u16, u8)], pages: &[(u8, Vec<Sectors>)]) -> Layout {
    let slots = Part { read: 1, write: 1, erased: 0xFF, sectors: &[Sectors { count: 1, size: 256 }] };
    let mut regions = Vec::new();
    let mut sectors: Vec<Vec<Sectors>> = vec![Vec::new(); parts.len()];
    let size = |runs: &[Sectors]| runs.iter().map(|run| run.count * run.size).sum::<u32>();
    for (part, runs) in pages {
        let list = &mut sectors[usize::from(*part) - 1];
        let from = size(list);
        list.extend(runs);
        regions.push(Region { part: *part, from, to: size(list) });
    }
    let mut all = vec![slots];
    for ((read, write, erased), mut sectors) in parts.iter().zip(sectors) {
        sectors.push(Sectors { count: 1, size: 256 });
        all.push(Part { read: *read, write: *write, erased: *erased, sectors: sectors.leak() });
    }
    Layout {
        parts: all.leak(),
        slots: const { &[Region { part: 0, from: 0, to: 256 }] },
        journal: regions.leak(),
        factory_slot: SlotId(0),
    }
}

/// What is known of a journal from outside.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// What it answers now.
    pub(crate) now: Map,
    /// What it may answer after a reset: `now`, and what commits that failed may have left.
    pub(crate) later: Vec<Map>,
}

impl Known {
    pub(crate) fn new(map: Map) -> Self {
        Self { later: vec![map.clone()], now: map }
    }

    /// A frame is about to be written.
    pub(crate) fn begun(&mut self, frame: &Frame) {
        self.later.push(with(&self.now, frame));
    }

    /// The commit has ended, with the power on.
    pub(crate) fn ended(&mut self, frame: &Frame, result: Result<(), Fault>) {
        match result {
            Ok(()) => *self = Self::new(with(&self.now, frame)),
            Err(Fault::Flash) => {}
            Err(Fault::Full) => drop(self.later.pop()),
            Err(Fault::Absent) => panic!("there is no such kind"),
        }
    }
}
