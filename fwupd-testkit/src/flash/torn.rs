//! What an interrupted operation leaves behind: a pure function of what was there, what should be there,
//! the place of the interruption and a model.

use crate::random::Random;

/// Where an operation is interrupted. Its units are the write words of a write, and the bytes of the sector
/// of an erase; [`LogEntry::places`](super::LogEntry::places) says how many there are. A place behind the
/// last unit means that every unit was done, but nobody was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutPlace {
    /// Before the operation reached the flash.
    Before,
    /// In this unit alone: the units before it are done, this one is torn, those behind it are untouched.
    Unit(u32),
    /// From this unit on: the units before it are done, this one and all behind it are torn, as by a driver
    /// that hands the whole buffer to the flash, which programs it in any order.
    From(u32),
}

/// What is found in the torn units. The units before the place are done and those behind the torn ones are
/// untouched, except where a model says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TornModel {
    /// Nothing was done, in no unit.
    Nothing,
    /// The torn units are untouched.
    Prefix,
    /// The other way round: the units before the place are untouched, the place and all behind it are done.
    Suffix,
    /// Each bit is the old or the new one, at random.
    RandomBits(u64),
    /// Anything at all, also bits that no programming could have made.
    Undefined(Fill),
    /// The whole operation was done, but nobody was told.
    AllNew,
    /// The words of the torn units (for an erase: the whole sector) give a read error until they are erased,
    /// as on flash with error correction.
    Unreadable,
    /// Each bit that differs between old and new reads as either, anew in each read, until it is erased.
    Unstable(u64),
}

/// Contents for [`TornModel::Undefined`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Random bytes from a seed.
    Random(u64),
    /// All bits 0.
    AllZero,
    /// All bits 1.
    AllOne,
    /// These bytes from the first torn unit on, repeated: an older frame, for example. None leaves the units
    /// untouched.
    Bytes(Vec<u8>),
}

/// How a byte reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Weak {
    /// As it was stored.
    #[default]
    Stable,
    /// Not at all.
    Unreadable,
    /// With these bits at random.
    Unstable(u8),
}

/// A stretch of flash contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) bytes: Vec<u8>,
    /// As long as `bytes`.
    pub(super) weak: Vec<Weak>,
}

impl Cells {
    pub(super) fn stable(bytes: Vec<u8>) -> Self {
        Self { weak: vec![Weak::Stable; bytes.len()], bytes }
    }

    /// What programming `data` makes of it: bits move away from the erased value only, and weak bytes do not
    /// heal.
    pub(super) fn programmed(&self, data: &[u8], erased: u8) -> Self {
        let mut new = self.clone();
        for ((byte, weak), &data) in new.bytes.iter_mut().zip(&mut new.weak).zip(data) {
            // The bits that this programming drives away from the erased value, whatever they were.
            let driven = data ^ erased;
            *byte = (*byte & !driven) | (data & driven);
            if let Weak::Unstable(bits) = weak {
                *bits &= !driven;
            }
        }
        new
    }

    fn copy_from(&mut self, from: &Self, range: core::ops::Range<usize>) {
        self.bytes[range.clone()].copy_from_slice(&from.bytes[range.clone()]);
        self.weak[range.clone()].copy_from_slice(&from.weak[range]);
    }
}

/// Which operation is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    /// A write of words of this many bytes.
    Write(usize),
    /// An erase.
    Erase,
}

/// What the flash holds after an operation that should have turned `old` into `new` was interrupted.
pub(super) fn tear(op: Torn, place: CutPlace, model: &TornModel, old: &Cells, new: &Cells) -> Cells {
    let len = old.bytes.len();
    let unit = match op {
        Torn::Write(word) => word,
        Torn::Erase => 1,
    };
    let offset = |units: u32| usize::try_from(units).unwrap_or(len).saturating_mul(unit).min(len);
    let (from, to) = match place {
        CutPlace::Before => return old.clone(),
        CutPlace::Unit(n) => (offset(n), offset(n.saturating_add(1))),
        CutPlace::From(n) => (offset(n), len),
    };
    let mut after = old.clone();
    match model {
        TornModel::Nothing => return after,
        TornModel::AllNew => return new.clone(),
        TornModel::Suffix => {
            after.copy_from(new, from..len);
            return after;
        }
        TornModel::Prefix
        | TornModel::RandomBits(_)
        | TornModel::Undefined(_)
        | TornModel::Unreadable
        | TornModel::Unstable(_) => after.copy_from(new, 0..from),
    }
    match model {
        TornModel::Nothing | TornModel::AllNew | TornModel::Suffix | TornModel::Prefix => {}
        TornModel::RandomBits(seed) => {
            let mut random = Random(*seed);
            for at in from..to {
                let mask = random.byte();
                after.bytes[at] = (old.bytes[at] & !mask) | (new.bytes[at] & mask);
                after.weak[at] = Weak::Stable;
            }
        }
        TornModel::Undefined(fill) => fill.lay(&mut after, from..to),
        TornModel::Unreadable => {
            let hit = match op {
                Torn::Write(_) => from..to,
                Torn::Erase => 0..len,
            };
            after.weak[hit].fill(Weak::Unreadable);
        }
        TornModel::Unstable(_) => {
            for at in from..to {
                after.weak[at] = match old.weak[at] {
                    Weak::Stable => Weak::Unstable(old.bytes[at] ^ new.bytes[at]),
                    Weak::Unreadable => Weak::Unreadable,
                    Weak::Unstable(bits) => Weak::Unstable(bits | (old.bytes[at] ^ new.bytes[at])),
                };
            }
        }
    }
    after
}

impl Fill {
    fn lay(&self, cells: &mut Cells, range: core::ops::Range<usize>) {
        match self {
            Self::Random(seed) => {
                let mut random = Random(*seed);
                cells.bytes[range.clone()].fill_with(|| random.byte());
            }
            Self::AllZero => cells.bytes[range.clone()].fill(0x00),
            Self::AllOne => cells.bytes[range.clone()].fill(0xFF),
            Self::Bytes(bytes) => {
                for (cell, byte) in cells.bytes[range.clone()].iter_mut().zip(bytes.iter().cycle()) {
                    *cell = *byte;
                }
            }
        }
        cells.weak[range].fill(Weak::Stable);
    }
}
