//! Simulated NOR flash: it counts, watches the contract, loses power at any place of any operation, and
//! leaves there whatever the contract of `embedded_storage::nor_flash` allows.
//!
//! A power-cut test clones a prepared flash (cheap: clones share their sectors until they are changed), arms
//! one cut, runs until [`SimError::PowerLost`], switches the power on and runs again:
//!
//! ```
//! use fwupd_core::flash::{Op, Part, Parts, Sectors};
//! use fwupd_testkit::flash::{CutPlace, OpIndex, SimFlash, TornModel};
//!
//! const PARTS: &[Part] =
//!     &[Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 2, size: 64 }] }];
//! let prepared = SimFlash::new(PARTS);
//! let work = |flash: &mut SimFlash| flash.apply(&mut Op::Write { part: 0, at: 0, bytes: &[0; 8] });
//!
//! let mut whole = prepared.clone();
//! whole.keep_log(true);
//! work(&mut whole).unwrap();
//! for (n, entry) in whole.log().iter().enumerate() {
//!     for place in (0..entry.places).map(CutPlace::From) {
//!         let mut flash = prepared.clone();
//!         flash.cut_at(OpIndex::Any(n as u64), place, TornModel::RandomBits(1));
//!         assert!(work(&mut flash).is_err() && !flash.is_on());
//!         flash.power_on();
//!         // Recover, and check what has become of the work.
//!         flash.assert_lawful();
//!     }
//! }
//! ```

mod counts;
mod error;
mod fault;
mod lawyer;
mod ops;
mod store;
mod torn;
mod view;

pub use counts::{Counts, End, LogEntry};
pub use error::SimError;
pub use fault::OpIndex;
pub use lawyer::{Rule, Violation};
pub use torn::{CutPlace, Fill, TornModel};
pub use view::{BadView, SimPart};

use fwupd_core::flash::Part;

use fault::Faults;
use store::{Store, Word};
use torn::Cells;

use crate::random::Random;

/// The flash devices of a simulated board, by part number, with one power supply.
#[derive(Clone, Debug)]
pub struct SimFlash {
    stores: Vec<Store>,
    /// By part, as `counts` and `wear`.
    counts: Vec<Counts>,
    wear: Vec<Vec<u32>>,
    log: Option<Vec<LogEntry>>,
    violations: Vec<Violation>,
    on: bool,
    faults: Faults,
    noise: Random,
    buffer_align: usize,
}

/// What the flash devices hold, weak words and what is known of each word included, without counters, log,
/// violations, faults and power.
#[derive(Clone, Debug)]
pub struct Image(Vec<Store>);

impl SimFlash {
    /// Erased flash devices with the power on.
    ///
    /// # Panics
    /// If a device cannot exist: a unit outside 1 to 256 bytes, a sector that is not a whole number of
    /// units, an erased value that is neither 0x00 nor 0xFF, or more than 4 GiB.
    pub fn new(parts: &[Part]) -> Self {
        let stores: Vec<Store> = parts
            .iter()
            .enumerate()
            .map(|(n, part)| Store::new(*part).unwrap_or_else(|why| panic!("flash part {n}: {why}")))
            .collect();
        Self {
            counts: vec![Counts::default(); stores.len()],
            wear: stores.iter().map(|store| vec![0; store.sector_count()]).collect(),
            stores,
            log: None,
            violations: Vec::new(),
            on: true,
            faults: Faults::default(),
            noise: Random(0),
            buffer_align: 1,
        }
    }

    /// The geometry of a flash device.
    ///
    /// # Panics
    /// If there is no such part; so do all methods below that take a part number and answer without `Result`.
    pub fn part(&self, part: u8) -> &Part {
        self.store(part).part()
    }

    /// Size of a flash device, bytes.
    pub fn capacity(&self, part: u8) -> u32 {
        self.store(part).len()
    }

    // Power and faults.

    /// Whether the power is on.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Switches the power off, between two operations.
    pub fn power_off(&mut self) {
        self.on = false;
    }

    /// Switches the power on. What is armed stays armed.
    pub fn power_on(&mut self) {
        self.on = true;
    }

    /// Arms a cut, in place of the one that is armed, if any: operation `index`, counted from this call, is
    /// interrupted at `place` and leaves what `model` says, and it and all later ones answer
    /// [`SimError::PowerLost`] until [`power_on`](Self::power_on).
    ///
    /// All words that an interrupted write covers count as written and all words of an interrupted erase
    /// must be erased again, whatever the model left in them; with [`CutPlace::Before`] neither, because
    /// nothing reached the flash. In a read the power is lost, and place and model mean nothing.
    pub fn cut_at(&mut self, index: OpIndex, place: CutPlace, model: TornModel) {
        self.faults.cut_at(index, place, model);
    }

    /// Arms a fault, beside those that are armed: operation `index`, counted from this call, and the next
    /// `times - 1` of the same count answer [`SimError::Fault`]; the power stays on. A write or an erase
    /// leaves what `place` and `model` say ([`CutPlace::Before`]: nothing was done), a read leaves junk in
    /// the buffer. The caller cannot know how far it came: the words of the write count as written and
    /// those of the sector must be erased again, also with [`CutPlace::Before`].
    pub fn fail_at(&mut self, index: OpIndex, times: u64, place: CutPlace, model: TornModel) {
        self.faults.fail_at(index, times, place, model);
    }

    /// Takes back every armed cut and fault.
    pub fn disarm(&mut self) {
        self.faults.disarm();
    }

    /// Whether a cut or a fault is armed that has not come, or not all of it.
    pub fn is_armed(&self) -> bool {
        self.faults.is_armed()
    }

    // The lawyer.

    /// Makes reads and writes with a buffer whose address is not a multiple of `align` violations, as for
    /// drivers that hand the buffer to DMA. 1, the start value, allows any.
    pub fn require_aligned_buffers(&mut self, align: usize) {
        self.buffer_align = align.max(1);
    }

    /// What broke the contract so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Checks that nothing broke the contract.
    ///
    /// # Panics
    /// If something did, with all of it.
    #[track_caller]
    pub fn assert_lawful(&self) {
        let all: Vec<String> = self.violations.iter().map(ToString::to_string).collect();
        assert!(all.is_empty(), "the flash contract was broken:\n{}", all.join("\n"));
    }

    // Counters.

    /// Operations and bytes of one flash device.
    pub fn counts(&self, part: u8) -> Counts {
        self.counts[usize::from(part)]
    }

    /// Operations and bytes of all flash devices.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in &self.counts {
            total.reads += counts.reads;
            total.writes += counts.writes;
            total.erases += counts.erases;
            total.bytes_read += counts.bytes_read;
            total.bytes_written += counts.bytes_written;
            total.bytes_erased += counts.bytes_erased;
        }
        total
    }

    /// How often each sector was erased. An erase that was cut or failed wears as well, unless that was
    /// [`CutPlace::Before`] it reached the flash.
    pub fn wear(&self, part: u8) -> &[u32] {
        &self.wear[usize::from(part)]
    }

    /// Sets operations, bytes and wear to 0 and empties the log.
    pub fn reset_counts(&mut self) {
        self.counts.fill(Counts::default());
        self.wear.iter_mut().for_each(|wear| wear.fill(0));
        if let Some(log) = &mut self.log {
            log.clear();
        }
    }

    /// Begins an empty log of operations, or drops it. There is none at first.
    pub fn keep_log(&mut self, on: bool) {
        self.log = on.then(Vec::new);
    }

    /// The operations since [`keep_log`](Self::keep_log), one for each that counts, in order.
    pub fn log(&self) -> &[LogEntry] {
        self.log.as_deref().unwrap_or_default()
    }

    // Contents.

    /// What a flash device holds. Unreadable and unstable bytes show the value before they were torn.
    pub fn contents(&self, part: u8) -> Vec<u8> {
        let store = self.store(part);
        store.cells(0, store.len() as usize).bytes
    }

    /// Provisions contents: they replace what is there without regard to the rules of a write, the words
    /// that they touch count as written, and nothing is counted. It works without power.
    ///
    /// # Errors
    /// `OutOfBounds` for a range outside the flash device or no such device.
    pub fn fill(&mut self, part: u8, at: u32, bytes: &[u8]) -> Result<(), SimError> {
        let store = self.stores.get_mut(usize::from(part)).ok_or(SimError::OutOfBounds)?;
        let len = u32::try_from(bytes.len()).map_err(|_| SimError::OutOfBounds)?;
        at.checked_add(len).filter(|end| *end <= store.len()).ok_or(SimError::OutOfBounds)?;
        store.put(at, &Cells::stable(bytes.to_vec()));
        store.mark(at, bytes.len(), Word::Written);
        Ok(())
    }

    /// Makes all flash devices blank, without counting it as erases.
    pub fn erase_all(&mut self) {
        self.stores.iter_mut().for_each(Store::erase_all);
    }

    /// What the flash devices hold, to be put back later.
    pub fn image(&self) -> Image {
        Image(self.stores.clone())
    }

    /// Puts back what the flash devices held; all else stays as it is.
    ///
    /// # Panics
    /// If the image is of flash devices of another geometry.
    pub fn restore(&mut self, image: &Image) {
        let same = self.stores.iter().map(Store::part).eq(image.0.iter().map(Store::part));
        assert!(same, "the image is of another board");
        self.stores.clone_from(&image.0);
    }

    fn store(&self, part: u8) -> &Store {
        &self.stores[usize::from(part)]
    }
}
