//! How an operation is interrupted: where, and what is found there.
//!
//! On the state partition embassy-boot 0.7 cannot bear everything. Left out there, each with a test in `limits`
//! that shows why:
//!
//! - a word that cannot be read;
//! - a progress word that reads differently each time;
//! - an erase that takes the second word before the first, or leaves what looks like a swap half done.

use fwupd_core::flash::OpKind;
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, TornModel};

use crate::board::{Board, Geometry};

/// What is found in the torn units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Model {
    Nothing,
    Prefix,
    Suffix,
    RandomBits,
    Random,
    Zeros,
    Ones,
    /// A magic of embassy-boot.
    Magic(u8),
    /// Bytes of our own that lay in the journal before.
    Older,
    /// The magic of our pages.
    Page,
    Unreadable,
    Unstable,
    Done,
}

pub(crate) const MODELS: [Model; 16] = [
    Model::Nothing,
    Model::Prefix,
    Model::Suffix,
    Model::RandomBits,
    Model::Random,
    Model::Zeros,
    Model::Ones,
    Model::Magic(0xC0),
    Model::Magic(0xD0),
    Model::Magic(0xE0),
    Model::Magic(0xF0),
    Model::Older,
    Model::Page,
    Model::Unreadable,
    Model::Unstable,
    Model::Done,
];

/// One way to interrupt one operation.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) n: u64,
    pub(crate) model: Model,
    pub(crate) place: CutPlace,
    pub(crate) torn: TornModel,
}

pub(crate) fn in_state(geometry: &Geometry, entry: &LogEntry) -> bool {
    let state = geometry.state;
    entry.part == state.part && (state.from..state.to).contains(&entry.at)
}

/// Whether embassy-boot bears this in the state partition.
fn bears(geometry: &Geometry, entry: &LogEntry, model: Model) -> bool {
    let word = u32::from(geometry.layout.parts[0].write);
    match model {
        Model::Unreadable => false,
        Model::Unstable => entry.op == OpKind::Erase || entry.at == geometry.state.from,
        // From the places that are cut, none takes the second word alone.
        Model::Suffix => places(entry).iter().all(|place| !(word..2 * word).contains(place)),
        Model::Nothing | Model::Prefix | Model::RandomBits | Model::Random | Model::Zeros | Model::Ones => {
            true
        }
        Model::Magic(_) | Model::Older | Model::Page | Model::Done => true,
    }
}

/// How many models there are for this operation.
pub(crate) fn models(geometry: &Geometry, entry: &LogEntry) -> usize {
    MODELS.into_iter().filter(|model| !in_state(geometry, entry) || bears(geometry, entry, *model)).count()
}

/// Where an operation is torn: a write of many words at some of them, an erase at its beginning, middle and end.
pub(crate) fn places(entry: &LogEntry) -> Vec<u32> {
    const MOST: u32 = 6;
    match entry.op {
        OpKind::Write if entry.places <= MOST => (0..entry.places).collect(),
        OpKind::Write => (0..MOST).map(|n| n * (entry.places - 1) / (MOST - 1)).collect(),
        OpKind::Erase => vec![0, entry.len / 2, entry.len - 1],
        OpKind::Read => Vec::new(),
    }
}

/// The place in the middle alone.
pub(crate) fn middle(entry: &LogEntry) -> Vec<u32> {
    match entry.op {
        OpKind::Write | OpKind::Erase => vec![entry.places / 2],
        OpKind::Read => Vec::new(),
    }
}

/// The first, the middle and the last place.
pub(crate) fn three(entry: &LogEntry) -> Vec<u32> {
    let mut places = vec![0, entry.places / 2, entry.places - 1];
    places.dedup();
    places
}

/// These models at these places. What does not depend on a place is there once.
pub(crate) fn points(
    board: &Board,
    (n, entry): (u64, &LogEntry),
    models: &[Model],
    places: &[u32],
) -> Vec<Point> {
    let geometry = &board.geometry;
    let mut points = Vec::new();
    for model in models {
        if in_state(geometry, entry) && !bears(geometry, entry, *model) {
            continue;
        }
        let once = matches!(model, Model::Nothing | Model::Done);
        for place in places.iter().take(if once { 1 } else { places.len() }) {
            let place = if once { 0 } else { *place };
            let torn = torn(board, entry, *model, n << 32 | u64::from(place));
            let place =
                if *model == Model::Unreadable { CutPlace::Unit(place) } else { CutPlace::From(place) };
            points.push(Point { n, model: *model, place, torn });
        }
    }
    points
}

fn torn(board: &Board, entry: &LogEntry, model: Model, seed: u64) -> TornModel {
    match model {
        Model::Nothing => TornModel::Nothing,
        Model::Prefix => TornModel::Prefix,
        Model::Suffix => TornModel::Suffix,
        Model::RandomBits => TornModel::RandomBits(seed),
        Model::Random => TornModel::Undefined(Fill::Random(seed)),
        Model::Zeros => TornModel::Undefined(Fill::AllZero),
        Model::Ones => TornModel::Undefined(Fill::AllOne),
        Model::Magic(byte) => TornModel::Undefined(Fill::Bytes(vec![byte])),
        Model::Older => TornModel::Undefined(Fill::Bytes(older(board, entry))),
        Model::Page => TornModel::Undefined(Fill::Bytes(b"fwj1".to_vec())),
        Model::Unreadable => TornModel::Unreadable,
        Model::Unstable => TornModel::Unstable(seed),
        Model::Done => TornModel::AllNew,
    }
}

/// What a page held before, for where a page begins; a frame for all else.
fn older(board: &Board, entry: &LogEntry) -> Vec<u8> {
    let pages = board.geometry.layout.journal;
    if let Some(page) = pages.iter().find(|page| page.part == entry.part && page.from == entry.at) {
        return board.region(*page)[..64].to_vec();
    }
    let bytes: Vec<u8> = pages.iter().flat_map(|page| board.region(*page)).collect();
    let at = bytes.windows(2).rposition(|window| window == b"wf");
    at.and_then(|at| bytes.get(at..at + 64)).expect("a journal that was written").to_vec()
}
