//! The memory of one flash device: bytes, and what is known of each word. Sectors are shared between clones
//! until one of them is changed, so a clone of a large flash costs as much as its list of sectors.

use std::sync::Arc;

use fwupd_core::flash::Part;

use super::torn::{Cells, Weak};
use crate::random::Random;

/// What has happened to a word since it was last erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nothing.
    Erased,
    /// A write covered it.
    Written,
    /// An erase of it did not finish.
    Undefined,
}

#[derive(Clone)]
struct Sector {
    bytes: Vec<u8>,
    words: Vec<Word>,
    /// Empty if all bytes are stable.
    weak: Vec<Weak>,
}

/// One flash device.
#[derive(Clone)]
pub(super) struct Store {
    part: Part,
    /// Where each sector begins, and where the last one ends.
    bounds: Arc<[u32]>,
    blank: Arc<[Arc<Sector>]>,
    sectors: Vec<Arc<Sector>>,
}

impl core::fmt::Debug for Store {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Store").field("part", &self.part).finish_non_exhaustive()
    }
}

impl Store {
    /// An erased flash device, or what is wrong with its geometry.
    pub(super) fn new(part: Part) -> Result<Self, &'static str> {
        let usable = |unit: u16| (1..=256).contains(&unit);
        if !usable(part.read) || !usable(part.write) {
            return Err("a read or write unit is not of 1 to 256 bytes");
        }
        if !matches!(part.erased, 0x00 | 0xFF) {
            return Err("the erased value is neither 0x00 nor 0xFF");
        }
        let (mut bounds, mut blank) = (vec![0u32], Vec::new());
        let mut end = 0u32;
        for run in part.sectors {
            if run.size == 0 || run.size % part.unit() != 0 || run.size % u32::from(part.write) != 0 {
                return Err("a sector is not a whole number of units");
            }
            run.count
                .checked_mul(run.size)
                .and_then(|len| len.checked_add(end))
                .ok_or("it is larger than 32 bits address")?;
            let size = run.size as usize;
            let sector = Arc::new(Sector {
                bytes: vec![part.erased; size],
                words: vec![Word::Erased; size / usize::from(part.write)],
                weak: Vec::new(),
            });
            for _ in 0..run.count {
                end += run.size;
                bounds.push(end);
                blank.push(Arc::clone(&sector));
            }
        }
        Ok(Self { part, bounds: bounds.into(), sectors: blank.clone(), blank: blank.into() })
    }

    pub(super) fn part(&self) -> &Part {
        &self.part
    }

    pub(super) fn len(&self) -> u32 {
        self.bounds.last().copied().unwrap_or(0)
    }

    pub(super) fn sector_count(&self) -> usize {
        self.sectors.len()
    }

    /// Number of the sector that is exactly `from..to`.
    pub(super) fn sector(&self, from: u32, to: u32) -> Option<usize> {
        let n = self.bounds.binary_search(&from).ok()?;
        (self.bounds.get(n + 1) == Some(&to)).then_some(n)
    }

    /// Whether a sector begins or ends there.
    pub(super) fn is_boundary(&self, at: u32) -> bool {
        self.bounds.binary_search(&at).is_ok()
    }

    /// Splits a stretch of the device at sector boundaries: sector, offset in it, offset in the stretch,
    /// length. The stretch must lie in the device.
    fn pieces(&self, at: u32, len: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> + use<> {
        let bounds = Arc::clone(&self.bounds);
        let mut done = 0usize;
        let mut n = bounds.partition_point(|&b| b <= at).saturating_sub(1);
        core::iter::from_fn(move || {
            if done == len {
                return None;
            }
            let begin = at as usize + done;
            let (from, to) = (bounds[n] as usize, bounds[n + 1] as usize);
            let piece = (n, begin - from, done, (len - done).min(to - begin));
            done += piece.3;
            n += 1;
            Some(piece)
        })
    }

    /// What is stored, weak or not.
    pub(super) fn cells(&self, at: u32, len: usize) -> Cells {
        let mut cells = Cells::stable(vec![0; len]);
        for (n, offset, done, len) in self.pieces(at, len) {
            let sector = &self.sectors[n];
            cells.bytes[done..done + len].copy_from_slice(&sector.bytes[offset..offset + len]);
            if !sector.weak.is_empty() {
                cells.weak[done..done + len].copy_from_slice(&sector.weak[offset..offset + len]);
            }
        }
        cells
    }

    /// Reads as the flash would, or gives the address of the first unreadable word.
    pub(super) fn read(&self, at: u32, into: &mut [u8], noise: &mut Random) -> Result<(), u32> {
        let word = usize::from(self.part.write);
        for (n, offset, done, len) in self.pieces(at, into.len()) {
            let sector = &self.sectors[n];
            let target = &mut into[done..done + len];
            target.copy_from_slice(&sector.bytes[offset..offset + len]);
            if sector.weak.is_empty() {
                continue;
            }
            // Error correction works on whole words: one bad byte spoils its word.
            let (from, to) = (offset / word * word, (offset + len).next_multiple_of(word));
            if let Some(bad) = sector.weak[from..to].iter().position(|w| *w == Weak::Unreadable) {
                let word_at = (from + bad) / word * word;
                return Err(self.bounds[n] + word_at as u32);
            }
            for (byte, weak) in target.iter_mut().zip(&sector.weak[offset..]) {
                if let Weak::Unstable(bits) = weak {
                    *byte ^= noise.byte() & bits;
                }
            }
        }
        Ok(())
    }

    /// Puts contents in place as they are.
    pub(super) fn put(&mut self, at: u32, cells: &Cells) {
        for (n, offset, done, len) in self.pieces(at, cells.bytes.len()) {
            let sector = Arc::make_mut(&mut self.sectors[n]);
            sector.bytes[offset..offset + len].copy_from_slice(&cells.bytes[done..done + len]);
            let weak = &cells.weak[done..done + len];
            if sector.weak.is_empty() && weak.iter().any(|w| *w != Weak::Stable) {
                sector.weak = vec![Weak::Stable; sector.bytes.len()];
            }
            if !sector.weak.is_empty() {
                sector.weak[offset..offset + len].copy_from_slice(weak);
            }
        }
    }

    /// The words that a stretch touches, with their addresses.
    pub(super) fn words(&self, at: u32, len: usize) -> impl Iterator<Item = (u32, Word)> {
        let word = usize::from(self.part.write);
        self.pieces(at, len).flat_map(move |(n, offset, _, len)| {
            (offset / word..(offset + len).div_ceil(word))
                .map(move |w| (self.bounds[n] + (w * word) as u32, self.sectors[n].words[w]))
        })
    }

    /// Notes what has happened to the words that a stretch touches.
    pub(super) fn mark(&mut self, at: u32, len: usize, state: Word) {
        let word = usize::from(self.part.write);
        for (n, offset, _, len) in self.pieces(at, len) {
            let sector = Arc::make_mut(&mut self.sectors[n]);
            sector.words[offset / word..(offset + len).div_ceil(word)].fill(state);
        }
    }

    pub(super) fn erase(&mut self, sector: usize) {
        self.sectors[sector] = Arc::clone(&self.blank[sector]);
    }

    pub(super) fn erase_all(&mut self) {
        self.sectors = self.blank.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use fwupd_core::flash::Sectors;

    use super::*;

    const PART: Part = Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 4, size: 64 }] };

    fn shared(a: &Store, b: &Store) -> Vec<bool> {
        a.sectors.iter().zip(&b.sectors).map(|(a, b)| Arc::ptr_eq(a, b)).collect()
    }

    #[test]
    fn a_clone_shares_the_sectors_that_neither_side_has_changed() {
        let mut store = Store::new(PART).unwrap();
        store.put(0, &Cells::stable(vec![1; 256]));
        let mut clone = store.clone();
        assert_eq!(shared(&store, &clone), [true; 4]);
        store.put(60, &Cells::stable(vec![2; 8]));
        clone.erase(3);
        assert_eq!(shared(&store, &clone), [false, false, true, false]);
        assert_eq!(clone.cells(60, 8), Cells::stable(vec![1; 8]));
    }

    #[test]
    fn erased_sectors_of_one_size_are_one_sector() {
        let mut store = Store::new(PART).unwrap();
        store.put(0, &Cells::stable(vec![1; 256]));
        store.erase_all();
        assert!(store.sectors.iter().all(|sector| Arc::ptr_eq(sector, &store.sectors[0])));
    }
}
