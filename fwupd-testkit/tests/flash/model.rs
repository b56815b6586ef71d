//! Against a model that is a byte array and a set of used words.

use fwupd_core::flash::{Part, Sectors};
use fwupd_testkit::flash::{CutPlace, Fill, OpIndex, SimError, SimFlash, TornModel};
use proptest::collection::vec;
use proptest::prelude::*;

/// A geometry: read unit, write unit, erased value, and the sizes of two runs of sectors.
#[derive(Clone, Debug)]
struct Geometry {
    read: u16,
    write: u16,
    erased: u8,
    runs: [(u32, u32); 2],
}

impl Geometry {
    fn part(&self) -> Part {
        let runs = self.runs.map(|(count, size)| Sectors { count, size });
        // A part borrows its sectors for ever; a few bytes for each case.
        let sectors = Box::leak(Box::new(runs));
        Part { read: self.read, write: self.write, erased: self.erased, sectors }
    }

    fn sectors(&self) -> Vec<(usize, usize)> {
        let sizes = self.runs.iter().flat_map(|(count, size)| (0..*count).map(|_| *size as usize));
        sizes
            .scan(0, |at, size| {
                let from = *at;
                *at += size;
                Some((from, *at))
            })
            .collect()
    }
}

fn geometry() -> impl Strategy<Value = Geometry> {
    let unit = prop::sample::select(vec![1u16, 2, 4, 8, 16, 32, 256]);
    let run = (1u32..4, 1u32..4);
    (unit.clone(), unit, any::<bool>(), run.clone(), run).prop_map(|(read, write, zero, a, b)| {
        let unit = u32::from(read.max(write));
        let runs = [a, b].map(|(count, units)| (count, units * unit));
        Geometry { read, write, erased: if zero { 0 } else { 0xFF }, runs }
    })
}

/// Numbers from which a lawful operation is made for any geometry and state.
#[derive(Clone, Debug)]
enum Wish {
    Read { at: usize, units: usize },
    Write { at: usize, words: usize, seed: u8 },
    Erase { sector: usize },
    Fill { at: usize, bytes: Vec<u8> },
}

fn wish() -> impl Strategy<Value = Wish> {
    let n = 0usize..10_000;
    prop_oneof![
        (n.clone(), 0usize..9).prop_map(|(at, units)| Wish::Read { at, units }),
        (n.clone(), 1usize..9, any::<u8>()).prop_map(|(at, words, seed)| Wish::Write { at, words, seed }),
        (n.clone(), 1usize..9, any::<u8>()).prop_map(|(at, words, seed)| Wish::Write { at, words, seed }),
        n.clone().prop_map(|sector| Wish::Erase { sector }),
        (n, vec(any::<u8>(), 0..20)).prop_map(|(at, bytes)| Wish::Fill { at, bytes }),
    ]
}

struct Model {
    bytes: Vec<u8>,
    used: Vec<bool>,
    sectors: Vec<(usize, usize)>,
    wear: Vec<u32>,
    erased: u8,
    read: usize,
    word: usize,
}

impl Model {
    fn new(geometry: &Geometry) -> Self {
        let sectors = geometry.sectors();
        let len = sectors.last().unwrap().1;
        let word = usize::from(geometry.write);
        Self {
            bytes: vec![geometry.erased; len],
            used: vec![false; len / word],
            wear: vec![0; sectors.len()],
            sectors,
            erased: geometry.erased,
            read: usize::from(geometry.read),
            word,
        }
    }

    /// A stretch of unused words near the one that was wished for.
    fn unused(&self, at: usize, words: usize) -> (usize, usize) {
        let first = at % self.used.len();
        let free = self.used[first..].iter().take(words).take_while(|used| !**used).count();
        (first * self.word, free * self.word)
    }

    fn write(&mut self, at: usize, data: &[u8]) {
        self.bytes[at..at + data.len()].copy_from_slice(data);
        self.use_up(at, data.len());
    }

    fn use_up(&mut self, at: usize, len: usize) {
        for byte in at..at + len {
            self.used[byte / self.word] = true;
        }
    }

    fn erase(&mut self, sector: usize) {
        let (from, to) = self.sectors[sector];
        self.bytes[from..to].fill(self.erased);
        self.used[from / self.word..to / self.word].fill(false);
        self.wear[sector] += 1;
    }
}

fn data(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(37).wrapping_add(seed)).collect()
}

fn apply(flash: &mut SimFlash, model: &mut Model, wish: &Wish) -> Result<(), TestCaseError> {
    match wish {
        Wish::Read { at, units } => {
            let all = model.bytes.len() / model.read;
            let first = at % all;
            let (from, len) = (first * model.read, (*units).min(all - first) * model.read);
            let mut bytes = vec![0; len];
            prop_assert_eq!(flash.read(0, from as u32, &mut bytes), Ok(()));
            prop_assert_eq!(&bytes, &model.bytes[from..from + len]);
        }
        Wish::Write { at, words, seed } => {
            let (at, len) = model.unused(*at, *words);
            let data = data(*seed, len);
            prop_assert_eq!(flash.write(0, at as u32, &data), Ok(()));
            model.write(at, &data);
        }
        Wish::Erase { sector } => {
            let sector = sector % model.sectors.len();
            let (from, to) = model.sectors[sector];
            prop_assert_eq!(flash.erase(0, from as u32, to as u32), Ok(()));
            model.erase(sector);
        }
        Wish::Fill { at, bytes } => {
            let at = at % model.bytes.len();
            let bytes = &bytes[..bytes.len().min(model.bytes.len() - at)];
            prop_assert_eq!(flash.fill(0, at as u32, bytes), Ok(()));
            model.write(at, bytes);
        }
    }
    Ok(())
}

fn torn_model() -> impl Strategy<Value = TornModel> {
    prop_oneof![
        Just(TornModel::Nothing),
        Just(TornModel::Prefix),
        Just(TornModel::Suffix),
        any::<u64>().prop_map(TornModel::RandomBits),
        any::<u64>().prop_map(|seed| TornModel::Undefined(Fill::Random(seed))),
        vec(any::<u8>(), 0..9).prop_map(|bytes| TornModel::Undefined(Fill::Bytes(bytes))),
        Just(TornModel::AllNew),
        Just(TornModel::Unreadable),
        any::<u64>().prop_map(TornModel::Unstable),
    ]
}

fn place() -> impl Strategy<Value = CutPlace> {
    prop_oneof![
        Just(CutPlace::Before),
        (0u32..9).prop_map(CutPlace::Unit),
        (0u32..9).prop_map(CutPlace::From)
    ]
}

proptest! {
    #[test]
    fn lawful_operations_do_what_they_do_to_a_byte_array(
        geometry in geometry(),
        wishes in vec(wish(), 1..60),
    ) {
        let mut flash = SimFlash::new(&[geometry.part()]);
        let mut model = Model::new(&geometry);
        for wish in &wishes {
            apply(&mut flash, &mut model, wish)?;
            prop_assert_eq!(&flash.contents(0), &model.bytes);
        }
        prop_assert_eq!(flash.violations(), &[]);
        prop_assert_eq!(flash.wear(0), &model.wear);
        let issued = wishes.iter().filter(|wish| !matches!(wish, Wish::Fill { .. })).count();
        prop_assert_eq!(flash.total().ops(), issued as u64);
    }

    /// An interrupted operation changes nothing outside the range that it covered, the covered words are
    /// used up, and after an erase of the covered sectors the flash is as good as new.
    #[test]
    fn an_interrupted_operation_harms_only_what_it_covered_and_an_erase_heals_it(
        geometry in geometry(),
        before in vec(wish(), 0..20),
        last in wish(),
        after in vec(wish(), 0..20),
        place in place(),
        torn in torn_model(),
    ) {
        let mut flash = SimFlash::new(&[geometry.part()]);
        let mut model = Model::new(&geometry);
        for wish in &before {
            apply(&mut flash, &mut model, wish)?;
        }
        flash.cut_at(OpIndex::Mutating(0), place, torn);
        let old = flash.contents(0);
        let (from, to) = match &last {
            Wish::Erase { sector } => {
                let (from, to) = model.sectors[sector % model.sectors.len()];
                prop_assert_eq!(flash.erase(0, from as u32, to as u32), Err(SimError::PowerLost));
                (from, to)
            }
            Wish::Read { at, units: words } | Wish::Write { at, words, .. } => {
                let (at, len) = model.unused(*at, *words);
                prop_assert_eq!(flash.write(0, at as u32, &data(1, len)), Err(SimError::PowerLost));
                (at, at + len)
            }
            Wish::Fill { .. } => return Ok(()),
        };
        flash.power_on();
        let new = flash.contents(0);
        prop_assert_eq!((&new[..from], &new[to..]), (&old[..from], &old[to..]));
        if place == CutPlace::Before {
            prop_assert_eq!(&new, &old);
        } else if to > from {
            let mut writer = flash.clone();
            let word = vec![geometry.erased; model.word];
            prop_assert_eq!(writer.write(0, from as u32, &word), Ok(()));
            prop_assert_eq!(writer.violations().len(), 1);
        }
        for sector in 0..model.sectors.len() {
            let (begin, end) = model.sectors[sector];
            if begin < to && from < end {
                prop_assert_eq!(flash.erase(0, begin as u32, end as u32), Ok(()));
                model.erase(sector);
            }
        }
        for wish in &after {
            apply(&mut flash, &mut model, wish)?;
        }
        prop_assert_eq!(&flash.contents(0), &model.bytes);
        prop_assert_eq!(flash.violations(), &[]);
    }
}
