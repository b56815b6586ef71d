//! Where slots and journal lie, and what the flash traits do not tell: erase value, sector map, part numbers.

use crate::image::SlotId;

/// A run of sectors of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sectors {
    /// How many.
    pub count: u32,
    /// Size of each, bytes: up to 256 KiB.
    pub size: u32,
}

/// One flash device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Smallest unit of a read, bytes: 1 to 256.
    pub read: u16,
    /// Smallest unit of a write, bytes: 1 to 256.
    pub write: u16,
    /// What an erased byte reads as.
    pub erased: u8,
    /// Its sectors from address 0 on.
    pub sectors: &'static [Sectors],
}

impl Part {
    /// Unit in which the library lays out what it both writes and reads: the larger of the two units.
    pub fn unit(&self) -> u32 {
        u32::from(self.read.max(self.write))
    }

    /// First address of the sector that holds `at`, and the first address behind it.
    pub fn sector(&self, at: u32) -> Option<(u32, u32)> {
        let mut base = 0u32;
        for run in self.sectors {
            let end = base.checked_add(run.count.checked_mul(run.size)?)?;
            if at < end {
                let nth = at.checked_sub(base)?.checked_div(run.size)?;
                let from = base.checked_add(nth.checked_mul(run.size)?)?;
                return Some((from, from.checked_add(run.size)?));
            }
            base = end;
        }
        None
    }
}

/// A stretch of one flash device, whole sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Flash device.
    pub part: u8,
    /// First address, bytes.
    pub from: u32,
    /// First address behind it.
    pub to: u32,
}

impl Region {
    /// Length, bytes.
    pub const fn len(&self) -> u32 {
        self.to.saturating_sub(self.from)
    }

    /// Whether it is empty. No region of a valid layout is.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a device's flash is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The flash devices, by part number.
    pub parts: &'static [Part],
    /// The slots: 1 to [`Layout::SLOTS`] of them.
    pub slots: &'static [Region],
    /// The pages of the journal: two or more of them, at least [`Layout::JOURNAL_PAGE`] bytes each.
    pub journal: &'static [Region],
    /// The slot that runs when there is no journal.
    pub factory_slot: SlotId,
}

/// Why a layout cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BadLayout {
    /// A read or write size is 0, over 256, or the smaller does not divide the larger; or a sector is empty,
    /// over 256 KiB or not a multiple of them.
    #[error("part {0}: unusable read, write or sector size")]
    Geometry(u8),
    /// No slot, or more than [`Layout::SLOTS`].
    #[error("there must be 1 to {} slots", Layout::SLOTS)]
    Slots,
    /// The factory slot is not a slot.
    #[error("the factory slot does not exist")]
    FactorySlot,
    /// Fewer than two journal pages, or more than 255.
    #[error("the journal needs 2 to 255 pages")]
    JournalPages,
    /// A journal page is too small.
    #[error("a journal page is smaller than {} bytes", Layout::JOURNAL_PAGE)]
    JournalPageSize,
    /// A region does not begin and end at sector boundaries of its part, or is empty.
    #[error("a region does not consist of whole sectors of part {0}")]
    Region(u8),
    /// Two regions share flash.
    #[error("two regions overlap in part {0}")]
    Overlap(u8),
}

impl Layout {
    /// Most slots. What they hold goes into one frame of the journal, and so bounds its buffer.
    pub const SLOTS: usize = 4;
    /// Least size of a journal page, bytes.
    pub const JOURNAL_PAGE: u32 = 4096;

    /// The part that a region lies in.
    pub fn part(&self, part: u8) -> Option<&'static Part> {
        self.parts.get(usize::from(part))
    }

    /// A slot's region.
    pub fn slot(&self, slot: SlotId) -> Option<&'static Region> {
        self.slots.get(usize::from(slot.0))
    }

    /// Checks the layout as a whole.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), BadLayout> {
        for (n, part) in (0u8..).zip(self.parts) {
            check_part(part).ok_or(BadLayout::Geometry(n))?;
        }
        if self.slots.is_empty() || self.slots.len() > Self::SLOTS {
            return Err(BadLayout::Slots);
        }
        self.slot(self.factory_slot).ok_or(BadLayout::FactorySlot)?;
        if !(2..=255).contains(&self.journal.len()) {
            return Err(BadLayout::JournalPages);
        }
        if self.journal.iter().any(|page| page.len() < Self::JOURNAL_PAGE) {
            return Err(BadLayout::JournalPageSize);
        }
        let regions = || self.slots.iter().chain(self.journal);
        for (n, region) in regions().enumerate() {
            let part = self.part(region.part).ok_or(BadLayout::Region(region.part))?;
            let begins = part.sector(region.from).is_some_and(|(from, _)| from == region.from);
            let last = region.to.checked_sub(1).and_then(|at| part.sector(at));
            let ends = last.is_some_and(|(_, to)| to == region.to);
            if region.is_empty() || !begins || !ends {
                return Err(BadLayout::Region(region.part));
            }
            let shared = |other: &Region| {
                other.part == region.part && other.from < region.to && region.from < other.to
            };
            if regions().skip(n.saturating_add(1)).any(shared) {
                return Err(BadLayout::Overlap(region.part));
            }
        }
        Ok(())
    }
}

fn check_part(part: &Part) -> Option<()> {
    let sizes = [part.read, part.write];
    let (small, large) = (part.read.min(part.write), part.read.max(part.write));
    let sectors = part.sectors.iter().all(|run| {
        run.count > 0 && (1..=256 * 1024).contains(&run.size) && run.size.checked_rem(part.unit()) == Some(0)
    });
    let usable = sizes.iter().all(|s| (1..=256).contains(s)) && large.checked_rem(small) == Some(0);
    (usable && sectors && !part.sectors.is_empty()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part {
        read: 1,
        write: 4,
        erased: 0xFF,
        sectors: &[Sectors { count: 2, size: 1024 }, Sectors { count: 4, size: 4096 }],
    };
    const fn region(from: u32, to: u32) -> Region {
        Region { part: 0, from, to }
    }
    const GOOD: Layout = Layout {
        parts: &[PART],
        slots: &[region(0, 2048), region(2048, 6144)],
        journal: &[region(6144, 10240), region(10240, 14336)],
        factory_slot: SlotId(0),
    };

    #[test]
    fn a_sector_of_an_uneven_map_is_found_from_any_address_in_it() {
        for (at, sector) in [
            (0, (0, 1024)),
            (1023, (0, 1024)),
            (1024, (1024, 2048)),
            (2048, (2048, 6144)),
            (18431, (14336, 18432)),
        ] {
            assert_eq!(PART.sector(at), Some(sector), "{at}");
        }
        assert_eq!(PART.sector(18432), None);
    }

    #[test]
    fn each_way_to_be_wrong_has_its_error() {
        assert_eq!(GOOD.check(), Ok(()));
        let odd = Part { write: 6, read: 4, ..PART };
        let leak = |p: Part| -> &'static [Part] { Box::leak(Box::new([p])) };
        assert_eq!(Layout { parts: leak(odd), ..GOOD }.check(), Err(BadLayout::Geometry(0)));
        assert_eq!(
            Layout { parts: leak(Part { write: 0, ..PART }), ..GOOD }.check(),
            Err(BadLayout::Geometry(0))
        );
        assert_eq!(Layout { slots: &[], ..GOOD }.check(), Err(BadLayout::Slots));
        assert_eq!(Layout { factory_slot: SlotId(2), ..GOOD }.check(), Err(BadLayout::FactorySlot));
        assert_eq!(
            Layout { journal: const { &[region(6144, 10240)] }, ..GOOD }.check(),
            Err(BadLayout::JournalPages)
        );
        assert_eq!(
            Layout { journal: const { &[region(0, 1024), region(6144, 10240)] }, ..GOOD }.check(),
            Err(BadLayout::JournalPageSize)
        );
        assert_eq!(Layout { slots: const { &[region(0, 1500)] }, ..GOOD }.check(), Err(BadLayout::Region(0)));
        assert_eq!(
            Layout { slots: const { &[Region { part: 1, from: 0, to: 1024 }] }, ..GOOD }.check(),
            Err(BadLayout::Region(1))
        );
        assert_eq!(
            Layout { slots: const { &[region(0, 2048), region(1024, 6144)] }, ..GOOD }.check(),
            Err(BadLayout::Overlap(0))
        );
    }
}
