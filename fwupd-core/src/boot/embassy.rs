//! The state partition of [embassy-boot] 0.7 as a boot control: a swap, and one trial.
//!
//! [embassy-boot]: https://docs.rs/embassy-boot/0.7.0/embassy_boot/
//!
//! Its bootloader exchanges the active partition with the DFU partition, page by page, and boots what came in.
//! Unless that is marked as booted, the next boot exchanges them again. The layout has
//!
//! - slot 0, the active partition, which is the factory slot;
//! - slot 1, the DFU partition without its last page: as long as the active one, so that the head that a slot
//!   keeps at its end is exchanged with the image. The last page is in no slot; the bootloader alone uses it.
//!
//! The state partition is made of words of the flash's write size:
//!
//! ```text
//! word  0             magic: 0xF0 swap, 0xC0 reverted, 0xD0 booted, 0xE0 DFU detach, in every byte
//!       1             erased: the progress counts; anything else: it does not
//!       2 to 2 + 2n   programmed one after the other as n pages are swapped
//!       to 2 + 4n     the same as they are swapped back
//! ```
//!
//! The magic for a swap is the same before it and while its image is on trial: the progress tells which. Beside
//! the magic of a confirmation the progress does not count, so that the bootloader does nothing should a cut make
//! that one read as a swap's. The bootloader's own means leave it erased there, and take both alike.
//!
//! What embassy-boot cannot do:
//!
//! - It gives one trial boot, however many are asked for, and counts it by having swapped.
//! - It boots one slot. To preset the other is refused ([`Refused::Unsupported`](crate::outcome::Refused)).
//! - It checks neither signature nor digest nor security counter before it boots; what the updater found stands.
//! - Once an image is confirmed there is no way back: the old one lies in the DFU partition one page off, and
//!   goes with the next download.
//! - A cut in its own swap or its own writes is safe only where words are written whole or not at all.
//! - Of a cut in an erase of the state partition it cannot bear that the magic of a swap stays and the word behind
//!   it is erased, of any cut a progress word that reads differently each time. A word of the state partition that
//!   cannot be read stops it for good.

use super::{BootControl, BootEvent, BootReason, BootRecord, Model, Plan, Seen, Want};
use crate::flash::journal::{Aligned, CHUNK, round_down};
use crate::flash::{FlashFault, Layout, Op, Part, Region};
use crate::image::SlotId;

/// embassy-boot 0.7.0, `src/lib.rs`, `SWAP_MAGIC`.
const SWAP: u8 = 0xF0;
/// `REVERT_MAGIC`.
const REVERT: u8 = 0xC0;
/// `BOOT_MAGIC`.
const BOOT: u8 = 0xD0;

/// The active partition.
const ACTIVE: SlotId = SlotId(0);
/// The DFU partition.
const DFU: SlotId = SlotId(1);

/// Why embassy-boot could not work with a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BadSwap {
    /// There must be two slots, of the same number of whole pages, and the factory slot must be the first.
    #[error("the slots are not an active and a DFU partition")]
    Slots,
    /// The larger of read and write size is not the same for both slots: the head of a package would not be found
    /// where it lies after a swap.
    #[error("the slots are in flash devices of different units")]
    Units,
    /// The state partition, or the page behind the second slot, is not of whole sectors of its flash device.
    #[error("the state partition or the last DFU page does not consist of whole sectors")]
    Sectors,
    /// The state partition has not the words for the progress of a swap and of its way back.
    #[error("the state partition is too small")]
    TooSmall,
    /// The state partition, or the page behind the second slot, shares flash with something else.
    #[error("the state partition or the last DFU page overlaps something else")]
    Overlap,
}

/// What the magic word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Magic {
    /// Nothing of it has been read.
    Unread,
    /// All bytes so far are this one.
    All(u8),
    /// It is none: the bootloader boots what is there.
    Mixed,
}

/// What the progress says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// It counts, and every page so far has been swapped.
    Swapped,
    /// It counts, and a page has not been swapped.
    Open,
    /// It does not count: a confirmation has begun.
    Void,
}

/// What the state partition tells, as the bootloader would take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// What is there boots. Also where the magic is none.
    Boots,
    /// The bootloader went back to what is there.
    WentBack,
    /// The next boot swaps.
    Armed,
    /// The slots were swapped, and the next boot goes back.
    OnTrial,
}

/// The state partition while it is being read.
#[derive(Clone, Copy, Debug)]
struct Scan {
    /// Offset in the partition, bytes.
    at: u32,
    magic: Magic,
    progress: Progress,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Record(BootRecord),
    Scan(Scan),
    /// Declaring the progress void, so that a cut in the erase that follows swaps nothing.
    Void,
    /// Erasing the sector that begins at this address, and those behind it; then this magic, if there is one,
    /// or the end as a failure.
    Erase(u32, Option<u8>),
    /// Declaring the progress void before the magic of a confirmation: torn, it may read as that of a swap.
    Guard,
    Magic(u8),
    Done(Seen),
    Failed,
}

/// Whether something may happen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Once {
    Free,
    Spent,
}

/// The boot control of a device whose bootloader is embassy-boot 0.7.
#[derive(Clone, Debug)]
pub struct Embassy {
    part: Part,
    state: Region,
    /// First offset behind the words that tell whether the slots were swapped.
    end: u32,
    want: Want,
    record: BootRecord,
    step: Step,
    /// The word that declares the progress void: written, perhaps in vain, since the last erase.
    void: Once,
    /// An operation failed, and was done again.
    fault: Once,
    buf: Aligned<CHUNK>,
}

impl Embassy {
    /// A boot control for this layout. `state` is the state partition, `page` the larger of the erase sizes that
    /// the bootloader has for the active and the DFU partition, bytes. Its write size and its erased value for
    /// the state partition must be those of the part.
    ///
    /// # Errors
    /// Why the bootloader could not work with it.
    pub fn new(layout: &Layout, state: Region, page: u32) -> Result<Self, BadSwap> {
        let [active, dfu] = layout.slots else { return Err(BadSwap::Slots) };
        let pages = active.len().checked_div(page).filter(|n| n.checked_mul(page) == Some(active.len()));
        let pages = pages.filter(|_| active.len() == dfu.len() && layout.factory_slot == ACTIVE);
        let pages = pages.filter(|n| *n > 0).ok_or(BadSwap::Slots)?;
        let unit = |slot: &Region| layout.part(slot.part).map(Part::unit);
        if unit(active).is_none() || unit(active) != unit(dfu) {
            return Err(BadSwap::Units);
        }
        let last = dfu.to.checked_add(page).ok_or(BadSwap::Sectors)?;
        let last = Region { from: dfu.to, to: last, ..*dfu };
        let part = *layout.part(state.part).ok_or(BadSwap::Sectors)?;
        for region in [&state, &last] {
            layout.part(region.part).and_then(|part| whole(part, region)).ok_or(BadSwap::Sectors)?;
            let shared = |other: &&Region| overlap(region, other);
            if layout.slots.iter().chain(layout.journal).any(|other| shared(&other)) {
                return Err(BadSwap::Overlap);
            }
        }
        if overlap(&state, &last) {
            return Err(BadSwap::Overlap);
        }
        let word = u32::from(part.write);
        let words = |n: u32| n.checked_mul(pages)?.checked_add(2)?.checked_mul(word);
        words(4).filter(|len| *len <= state.len()).ok_or(BadSwap::TooSmall)?;
        Ok(Self {
            part,
            state,
            end: words(2).ok_or(BadSwap::TooSmall)?,
            want: Want::Observe,
            record: BootRecord::factory(ACTIVE),
            step: Step::Failed,
            void: Once::Free,
            fault: Once::Free,
            buf: Aligned([0; CHUNK]),
        })
    }

    fn write_size(&self) -> u32 {
        u32::from(self.part.write)
    }

    /// Length of the read at this offset.
    fn chunk(&self, at: u32) -> u32 {
        let most = round_down(CHUNK as u32, u32::from(self.part.read));
        self.state.len().saturating_sub(at).min(most)
    }

    /// Takes in what was read.
    fn scanned(&mut self, mut scan: Scan) {
        let (word, erased) = (self.write_size(), self.part.erased);
        let len = self.chunk(scan.at);
        for (at, byte) in (scan.at..self.end).zip(self.buf.0.iter().take(len as usize)) {
            if at < word {
                scan.magic = match scan.magic {
                    Magic::Unread => Magic::All(*byte),
                    Magic::All(magic) if magic == *byte => Magic::All(magic),
                    Magic::All(_) | Magic::Mixed => Magic::Mixed,
                };
            } else if at < word.saturating_mul(2) {
                if *byte != erased {
                    scan.progress = Progress::Void;
                }
            } else if *byte == erased && scan.progress == Progress::Swapped {
                // A word counts once none of its bytes reads as erased.
                scan.progress = Progress::Open;
            }
        }
        scan.at = scan.at.saturating_add(len);
        self.step = Step::Scan(scan);
        if scan.at < self.end {
            return;
        }
        let told = match scan.magic {
            Magic::All(SWAP) => match scan.progress {
                Progress::Open => Told::Armed,
                // The bootloader takes a progress that does not count for a whole one.
                Progress::Swapped | Progress::Void => Told::OnTrial,
            },
            Magic::All(REVERT) => Told::WentBack,
            Magic::All(_) | Magic::Mixed | Magic::Unread => Told::Boots,
        };
        self.step = self.told(told, scan);
    }

    /// What follows from what the partition tells.
    fn told(&self, told: Told, scan: Scan) -> Step {
        let erase = |magic| Step::Erase(self.state.from, Some(magic));
        match (self.want, told) {
            // A swap that the bootloader has not carried out is an activation that has failed: it must not come
            // about later, when the slot may hold anything.
            (Want::Observe | Want::Revert, Told::Armed) => erase(BOOT),
            // Nobody has told yet what became of an activation: where a cut may have left words that read well
            // once, they are written anew.
            (Want::Observe, Told::Boots)
                if self.record.target.is_some() && scan.magic != Magic::All(BOOT) =>
            {
                erase(BOOT)
            }
            (Want::Observe, Told::Boots | Told::WentBack | Told::OnTrial) => Step::Done(self.seen(told)),
            (Want::Arm { slot: DFU, .. }, Told::Boots | Told::WentBack | Told::Armed) => erase(SWAP),
            // The slots hold each other's images: to swap them now would end the trial without a word.
            (Want::Arm { .. }, _) => Step::Failed,
            (Want::Confirm { .. }, Told::OnTrial) => match (scan.progress, self.void) {
                (Progress::Swapped, Once::Free) => Step::Void,
                (Progress::Swapped | Progress::Void | Progress::Open, _) => erase(BOOT),
            },
            (Want::Confirm { counter }, Told::Boots) if scan.magic == Magic::All(BOOT) => {
                self.confirmed(counter)
            }
            (Want::Confirm { .. }, Told::Boots | Told::WentBack | Told::Armed) => erase(BOOT),
            // The next boot goes back by itself.
            (Want::Revert, Told::OnTrial) => Step::Done(self.seen(told)),
            (Want::Revert, Told::Boots | Told::WentBack) | (Want::Preset { .. }, _) => Step::Failed,
        }
    }

    fn seen(&self, told: Told) -> Seen {
        // The magic stays for ever, the target until the updater has told of it.
        let went_back = told == Told::WentBack && self.record.target.is_some();
        Seen {
            running: ACTIVE,
            trial: (told == Told::OnTrial).then_some(0),
            event: went_back.then_some(BootEvent::Reverted(DFU, BootReason::TrialsSpent)),
        }
    }

    /// The state partition says that what runs is good: so does the journal.
    fn confirmed(&self, counter: u32) -> Step {
        let old = self.record;
        let counter = counter.max(old.counter);
        let record =
            BootRecord { confirmed: ACTIVE, previous: None, target: None, event: None, counter, ..old };
        if record == old { Step::Done(self.seen(Told::Boots)) } else { Step::Record(record) }
    }

    /// The magic is written.
    fn marked(&self) -> Step {
        match self.want {
            Want::Confirm { counter } => self.confirmed(counter),
            Want::Observe | Want::Arm { .. } | Want::Preset { .. } | Want::Revert => {
                Step::Done(self.seen(Told::Boots))
            }
        }
    }

    fn scan() -> Step {
        Step::Scan(Scan { at: 0, magic: Magic::Unread, progress: Progress::Swapped })
    }

    fn went_well(&mut self) {
        match self.step {
            Step::Record(record) => {
                self.record = record;
                self.step = match self.want {
                    Want::Arm { .. } => Self::scan(),
                    Want::Observe | Want::Preset { .. } | Want::Confirm { .. } | Want::Revert => {
                        Step::Done(self.seen(Told::Boots))
                    }
                };
            }
            Step::Scan(scan) => self.scanned(scan),
            Step::Void => self.step = Step::Erase(self.state.from, Some(BOOT)),
            Step::Guard => self.step = Step::Magic(BOOT),
            Step::Erase(at, magic) => {
                let next = self.part.sector(at).map(|(_, to)| to).filter(|to| *to < self.state.to);
                self.step = match (next, magic) {
                    (Some(next), magic) => Step::Erase(next, magic),
                    (None, Some(BOOT)) => Step::Guard,
                    (None, Some(magic)) => Step::Magic(magic),
                    (None, None) => Step::Failed,
                };
                if next.is_none() {
                    self.void = Once::Free;
                }
            }
            Step::Magic(_) => self.step = self.marked(),
            Step::Done(_) | Step::Failed => {}
        }
    }

    /// Once more, and then no more. What a failed write has left counts as written, and is erased first.
    fn went_wrong(&mut self) {
        let again = core::mem::replace(&mut self.fault, Once::Spent) == Once::Free;
        self.step = match (self.step, again) {
            (Step::Scan(_) | Step::Erase(..), true) => self.step,
            (Step::Void | Step::Guard, true) => Step::Erase(self.state.from, Some(BOOT)),
            (Step::Magic(magic), true) => Step::Erase(self.state.from, Some(magic)),
            // It may stand there all the same, and nothing must be swapped of which nobody knows.
            (Step::Magic(SWAP), false) => Step::Erase(self.state.from, None),
            (Step::Record(_) | Step::Magic(_) | Step::Done(_) | Step::Failed, _) => Step::Failed,
            (Step::Scan(_) | Step::Erase(..) | Step::Void | Step::Guard, false) => Step::Failed,
        };
    }
}

impl BootControl for Embassy {
    const MODEL: Model = Model::Swap;
    const TRIALS: u8 = 1;
    const KEEPS_OLD: bool = false;

    fn begin(&mut self, want: Want, record: BootRecord) {
        self.want = want;
        self.record = record;
        self.fault = Once::Free;
        self.step = match want {
            // With the state, before the state partition is touched: a swap of which no record tells would be
            // nobody's.
            Want::Arm { .. } => {
                let armed =
                    BootRecord { target: Some(DFU), left: 0, trials: 1, preset: None, event: None, ..record };
                if armed == record { Self::scan() } else { Step::Record(armed) }
            }
            Want::Observe | Want::Confirm { .. } | Want::Revert => Self::scan(),
            Want::Preset { slot: ACTIVE, .. } => Step::Done(self.seen(Told::Boots)),
            Want::Preset { .. } => Step::Failed,
        };
    }

    fn plan(&mut self) -> Plan {
        match self.step {
            Step::Record(record) => Plan::Record(record),
            Step::Scan(_) | Step::Void | Step::Erase(..) | Step::Guard | Step::Magic(_) => Plan::Op,
            Step::Done(seen) => Plan::Done(seen),
            Step::Failed => Plan::Failed,
        }
    }

    fn op(&mut self) -> Option<Op<'_>> {
        let Region { part, from, .. } = self.state;
        let (len, erased) = (self.write_size() as usize, self.part.erased);
        match self.step {
            Step::Scan(scan) => {
                let len = self.chunk(scan.at) as usize;
                Some(Op::Read { part, at: from.checked_add(scan.at)?, into: self.buf.0.get_mut(..len)? })
            }
            Step::Void | Step::Guard => {
                self.void = Once::Spent;
                let at = from.checked_add(self.write_size())?;
                let word = self.buf.0.get_mut(..len)?;
                word.fill(!erased);
                Some(Op::Write { part, at, bytes: word })
            }
            Step::Erase(at, _) => {
                let (from, to) = self.part.sector(at)?;
                Some(Op::Erase { part, from, to })
            }
            Step::Magic(magic) => {
                let word = self.buf.0.get_mut(..len)?;
                word.fill(magic);
                Some(Op::Write { part, at: from, bytes: word })
            }
            Step::Record(_) | Step::Done(_) | Step::Failed => None,
        }
    }

    fn done(&mut self, result: Result<(), FlashFault>) {
        match result {
            Ok(()) => self.went_well(),
            Err(_) => self.went_wrong(),
        }
    }

    fn answered(&mut self, _: Option<Seen>) {}
}

fn whole(part: &Part, region: &Region) -> Option<()> {
    let begins = part.sector(region.from)?.0 == region.from;
    let ends = part.sector(region.to.checked_sub(1)?)?.1 == region.to;
    (begins && ends && !region.is_empty()).then_some(())
}

fn overlap(a: &Region, b: &Region) -> bool {
    a.part == b.part && a.from < b.to && b.from < a.to
}

#[cfg(test)]
mod tests;
