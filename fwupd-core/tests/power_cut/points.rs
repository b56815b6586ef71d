//! The points: every operation of a phase, each place of it, each model of what is left there.

use fwupd_core::flash::{Layout, OpKind};
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, OpIndex, SimFlash, TornModel};

/// What a cut leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Model {
    Nothing,
    Prefix,
    Suffix,
    RandomBits,
    Random,
    /// In one unit alone.
    RandomUnit,
    AllZero,
    AllOne,
    PageMagic,
    FrameMagic,
    HeadMagic,
    /// What lay in another page at the same place, or in the slot before.
    OlderPage,
    OlderFrame,
    Unreadable,
    Unstable,
    AllNew,
    /// The power is lost in a read.
    Read,
}

impl Model {
    pub(crate) const ALL: [Self; 17] = [
        Self::Nothing,
        Self::Prefix,
        Self::Suffix,
        Self::RandomBits,
        Self::Random,
        Self::RandomUnit,
        Self::AllZero,
        Self::AllOne,
        Self::PageMagic,
        Self::FrameMagic,
        Self::HeadMagic,
        Self::OlderPage,
        Self::OlderFrame,
        Self::Unreadable,
        Self::Unstable,
        Self::AllNew,
        Self::Read,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing done",
            Self::Prefix => "prefix done",
            Self::Suffix => "suffix done",
            Self::RandomBits => "random bits",
            Self::Random => "undefined",
            Self::RandomUnit => "one unit undefined",
            Self::AllZero => "all zero",
            Self::AllOne => "all one",
            Self::PageMagic => "magic of a page",
            Self::FrameMagic => "magic of a frame",
            Self::HeadMagic => "magic of a head",
            Self::OlderPage => "older page",
            Self::OlderFrame => "older frame",
            Self::Unreadable => "unreadable",
            Self::Unstable => "unstable",
            Self::AllNew => "done, not told",
            Self::Read => "cut in a read",
        }
    }

    /// Whether it does not matter where it is cut.
    const fn is_whole(self) -> bool {
        matches!(self, Self::Nothing | Self::AllNew)
    }
}

/// A cut.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) index: OpIndex,
    pub(crate) place: CutPlace,
    pub(crate) torn: TornModel,
    pub(crate) model: Model,
    /// Writes and erases before it.
    pub(crate) mutating: u64,
}

/// At how many places of a write it is cut, and of an erase.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Density {
    pub(crate) words: u32,
    pub(crate) erase: u32,
}

impl Density {
    pub(crate) const FULL: Self = Self { words: 16, erase: 3 };

    /// All of them where there are few, else so many evenly spread, the first and the last among them.
    fn places(self, entry: &LogEntry) -> Vec<u32> {
        let most = match entry.op {
            OpKind::Write => self.words,
            OpKind::Erase => self.erase,
            OpKind::Read => 0,
        };
        if entry.places <= most {
            return (0..entry.places).collect();
        }
        let last = entry.places - 1;
        (0..most)
            .map(
                |n| if most == 1 { 0 } else { (u64::from(last) * u64::from(n) / u64::from(most - 1)) as u32 },
            )
            .collect()
    }
}

/// What lay in the flash before, for the models that bring it back.
#[derive(Debug)]
pub(crate) struct Past<'a> {
    layout: &'a Layout,
    parts: Vec<Vec<u8>>,
    frame: Vec<u8>,
}

impl<'a> Past<'a> {
    pub(crate) fn new(layout: &'a Layout, flash: &SimFlash) -> Self {
        let parts: Vec<Vec<u8>> = (0..layout.parts.len() as u8).map(|part| flash.contents(part)).collect();
        let frames = layout.journal.iter().filter_map(|page| {
            let bytes = &parts[usize::from(page.part)][page.from as usize..page.to as usize];
            let at = bytes.windows(2).rposition(|two| two == b"wf")?;
            Some(bytes[at..].to_vec())
        });
        let frame = frames.max_by_key(Vec::len).unwrap_or_else(|| b"wf".to_vec());
        Self { layout, frame, parts }
    }

    /// What lay at the same place of the page before, or in the slot.
    fn page(&self, entry: &LogEntry, at: u32) -> Vec<u8> {
        let at = entry.at + at;
        let journal = self.layout.journal;
        let of =
            journal.iter().position(|page| page.part == entry.part && (page.from..page.to).contains(&at));
        let (part, from) = match of {
            Some(n) => {
                let before = journal[(n + journal.len() - 1) % journal.len()];
                (before.part, before.from + (at - journal[n].from))
            }
            None => (entry.part, at),
        };
        let bytes = &self.parts[usize::from(part)][from as usize..];
        bytes[..bytes.len().min(entry.len as usize)].to_vec()
    }
}

/// All cuts of one operation under one model. `n` is its number among all operations, `mutating` among the
/// writes and erases.
pub(crate) fn of_op(
    past: &Past<'_>,
    (n, mutating): (u64, u64),
    entry: &LogEntry,
    model: Model,
    density: Density,
) -> Vec<Point> {
    let index = OpIndex::Mutating(mutating);
    if entry.op == OpKind::Read || model == Model::Read {
        let read = Point {
            index: OpIndex::Any(n),
            place: CutPlace::Before,
            torn: TornModel::Nothing,
            model,
            mutating,
        };
        return if entry.op == OpKind::Read && model == Model::Read { vec![read] } else { Vec::new() };
    }
    let word = match entry.op {
        OpKind::Write => entry.len / entry.places,
        OpKind::Erase | OpKind::Read => 1,
    };
    let places = if model.is_whole() { vec![0] } else { density.places(entry) };
    let point = |place: u32| {
        let seed = mutating << 32 | u64::from(place);
        let fill = |fill| TornModel::Undefined(fill);
        let bytes = |bytes: &[u8]| fill(Fill::Bytes(bytes.to_vec()));
        let torn = match model {
            Model::Nothing | Model::Read => TornModel::Nothing,
            Model::Prefix => TornModel::Prefix,
            Model::Suffix => TornModel::Suffix,
            Model::RandomBits => TornModel::RandomBits(seed),
            Model::Random | Model::RandomUnit => fill(Fill::Random(seed)),
            Model::AllZero => fill(Fill::AllZero),
            Model::AllOne => fill(Fill::AllOne),
            Model::PageMagic => bytes(b"fwj1"),
            Model::FrameMagic => bytes(b"wf"),
            Model::HeadMagic => bytes(b"fwhd"),
            Model::OlderPage => bytes(&past.page(entry, place * word)),
            Model::OlderFrame => bytes(&past.frame),
            Model::Unreadable => TornModel::Unreadable,
            Model::Unstable => TornModel::Unstable(seed),
            Model::AllNew => TornModel::AllNew,
        };
        let place = match model {
            Model::RandomUnit | Model::Unreadable => CutPlace::Unit(place),
            Model::Nothing | Model::Prefix | Model::Suffix | Model::RandomBits | Model::Random => {
                CutPlace::From(place)
            }
            Model::AllZero | Model::AllOne | Model::PageMagic | Model::FrameMagic => CutPlace::From(place),
            Model::HeadMagic | Model::OlderPage | Model::OlderFrame => CutPlace::From(place),
            Model::Unstable | Model::AllNew | Model::Read => CutPlace::From(place),
        };
        Point { index, place, torn, model, mutating }
    };
    places.into_iter().map(point).collect()
}

/// All cuts of the operations from `from` to `to` of a log, under these models.
pub(crate) fn of_log(
    past: &Past<'_>,
    log: &[LogEntry],
    (from, to): (u64, u64),
    models: &[Model],
    density: Density,
) -> Vec<Point> {
    let mut mutating = 0;
    let mut points = Vec::new();
    for (n, entry) in (0..).zip(log) {
        if (from..to).contains(&n) {
            points.extend(models.iter().flat_map(|model| of_op(past, (n, mutating), entry, *model, density)));
        }
        mutating += u64::from(entry.op != OpKind::Read);
    }
    points
}

/// How many points there must be, by the operations alone.
pub(crate) fn expected(
    log: &[LogEntry],
    (from, to): (u64, u64),
    models: &[Model],
    density: Density,
) -> usize {
    let placed = models.iter().filter(|model| !model.is_whole() && **model != Model::Read).count();
    let whole = models.iter().filter(|model| model.is_whole()).count();
    let reads = usize::from(models.contains(&Model::Read));
    let of = |entry: &LogEntry| match entry.op {
        OpKind::Read => reads,
        OpKind::Write => whole + placed * entry.places.min(density.words) as usize,
        OpKind::Erase => whole + placed * entry.places.min(density.erase) as usize,
    };
    log[from as usize..to as usize].iter().map(of).sum()
}
