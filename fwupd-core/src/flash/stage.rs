//! The staging writer: puts an image into its slot, in order, a write unit at a time, and erases ahead of
//! itself one sector at a time. The head of the package goes first, into the slot's last blocks.

use super::journal::{Aligned, CHUNK, copy, round_down, round_up};
use super::slot::{Kept, TRAILER, trailer};
use super::{Layout, Op, Part, Region};
use crate::image::SlotId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owed {
    /// Nothing: bytes may be pushed.
    Nothing,
    /// Erasing the sectors that the head lies in, from this offset on.
    EraseForHead(u32),
    /// Writing the head from this byte of it on.
    Head(u32),
    /// Writing the head's trailer.
    Trailer,
    /// Writing what is buffered, after erasing what it goes to.
    Flush,
}

/// What an operation has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Staged {
    /// More of the same.
    Going,
    /// The head stands, and the first bytes of the image may come.
    HeadKept,
    /// All bytes before this offset are in flash, and a reset can go on from there.
    Checkpoint(u32),
}

/// The staging writer.
#[derive(Debug)]
pub(crate) struct Stage {
    region: Region,
    part: &'static Part,
    /// Length of the image, bytes.
    size: u32,
    kept: Option<Kept>,
    /// Length of the head, bytes.
    head: u32,
    /// Offset of the first sector that the head lies in: from there on everything is erased beforehand.
    head_sector: u32,
    /// Bytes of the image in flash.
    at: u32,
    /// Everything before this offset is erased, or written.
    erased: u32,
    /// Offset of the last checkpoint.
    marked: u32,
    owed: Owed,
    fill: u32,
    buf: Aligned<CHUNK>,
}

impl Stage {
    /// A writer for an image of `size` bytes with a head of `head` bytes (0: none is kept). `None` if the
    /// slot is too small, or there is none.
    pub(crate) fn new(layout: &Layout, slot: SlotId, size: u32, head: u32) -> Option<Self> {
        let region = *layout.slot(slot)?;
        let part = layout.part(region.part)?;
        let kept = if head > 0 { Some(Kept::place(layout, slot, head)?) } else { None };
        let end = kept.map_or(region.len(), |kept| kept.head);
        if round_up(size, u32::from(part.write)) > end {
            return None;
        }
        let head_sector = match kept {
            Some(kept) => part.sector(region.from.checked_add(kept.head)?)?.0.checked_sub(region.from)?,
            None => region.len(),
        };
        Some(Self {
            region,
            part,
            size,
            kept,
            head,
            head_sector,
            at: 0,
            erased: 0,
            marked: 0,
            owed: if kept.is_some() { Owed::EraseForHead(head_sector) } else { Owed::Nothing },
            fill: 0,
            buf: Aligned([0; CHUNK]),
        })
    }

    /// The same writer after a reset: head and all bytes before `checkpoint` are in flash. `None` where the
    /// image shares a sector with its head: what was written there cannot be erased without the head.
    pub(crate) fn resumed(self, checkpoint: u32) -> Option<Self> {
        let owed = Owed::Nothing;
        let apart = self.size <= self.head_sector;
        apart.then_some(Self {
            at: checkpoint,
            erased: checkpoint,
            marked: checkpoint,
            owed,
            fill: 0,
            ..self
        })
    }

    /// Whether the image ends in a sector that its head lies in. That sector is erased for the head, so that
    /// what has been written of the image can only be written again after the head is.
    pub(crate) fn shares_a_sector(&self) -> bool {
        self.size > self.head_sector
    }

    /// Bytes of the image taken so far, buffered ones included.
    pub(crate) fn offset(&self) -> u32 {
        self.at.saturating_add(self.fill)
    }

    /// Whether an operation is owed.
    pub(crate) fn busy(&self) -> bool {
        self.owed != Owed::Nothing
    }

    /// How many bytes can be pushed now.
    pub(crate) fn room(&self) -> u32 {
        if self.busy() {
            return 0;
        }
        self.most().saturating_sub(self.fill).min(self.size.saturating_sub(self.offset()))
    }

    /// Most bytes that are written at once here: whole write units, within one sector.
    fn most(&self) -> u32 {
        let sector = self.region.from.checked_add(self.at).and_then(|at| self.part.sector(at));
        let left = sector.map_or(0, |(_, to)| to.saturating_sub(self.region.from).saturating_sub(self.at));
        round_down(CHUNK as u32, u32::from(self.part.write)).min(left)
    }

    /// Takes as many bytes as there is room for, and says how many.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.room() as usize);
        let from = self.fill as usize;
        let target = self.buf.0.get_mut(from..from.saturating_add(len));
        let (Some(target), Some(source)) = (target, bytes.get(..len)) else { return 0 };
        if copy(target, source).is_none() {
            return 0;
        }
        self.fill = self.fill.saturating_add(len as u32);
        if self.fill == self.most() || (self.offset() == self.size && self.fill > 0) {
            self.owed = Owed::Flush;
        }
        len
    }

    /// The next operation. `head` is the head to be kept.
    pub(crate) fn op(&mut self, head: &[u8]) -> Option<Op<'_>> {
        let part = self.region.part;
        let address = |offset: u32| self.region.from.checked_add(offset);
        let write = u32::from(self.part.write);
        match self.owed {
            Owed::Nothing => None,
            Owed::EraseForHead(at) => self.erase(at),
            Owed::Head(from) => {
                let at = address(self.kept?.head.checked_add(from)?)?;
                let len = self.head_chunk(from);
                let source = head.get(from as usize..from.checked_add(len)? as usize)?;
                let bytes = self.buf.0.get_mut(..round_up(len, write) as usize)?;
                bytes.fill(self.part.erased);
                copy(bytes.get_mut(..len as usize)?, source)?;
                Some(Op::Write { part, at, bytes })
            }
            Owed::Trailer => {
                let at = address(self.kept?.trailer)?;
                let bytes = self.buf.0.get_mut(..round_up(TRAILER as u32, write) as usize)?;
                bytes.fill(self.part.erased);
                *bytes.first_chunk_mut::<TRAILER>()? = trailer(head.get(..self.head as usize)?);
                Some(Op::Write { part, at, bytes })
            }
            Owed::Flush if self.must_erase() => self.erase(self.erased),
            Owed::Flush => {
                let at = address(self.at)?;
                let padded = round_up(self.fill, write) as usize;
                let bytes = self.buf.0.get_mut(..padded)?;
                bytes.get_mut(self.fill as usize..)?.fill(self.part.erased);
                Some(Op::Write { part, at, bytes })
            }
        }
    }

    /// Takes the success of the operation lent last.
    pub(crate) fn done(&mut self) -> Staged {
        match self.owed {
            Owed::Nothing => Staged::Going,
            Owed::EraseForHead(at) => {
                let next = self.sector_end(at).filter(|next| *next < self.region.len());
                self.owed = next.map_or(Owed::Head(0), Owed::EraseForHead);
                Staged::Going
            }
            Owed::Head(from) => {
                let next = from.saturating_add(self.head_chunk(from));
                self.owed = if next < self.head { Owed::Head(next) } else { Owed::Trailer };
                Staged::Going
            }
            Owed::Trailer => {
                self.owed = Owed::Nothing;
                Staged::HeadKept
            }
            Owed::Flush if self.must_erase() => {
                self.erased = self.sector_end(self.erased).unwrap_or(self.region.len());
                Staged::Going
            }
            Owed::Flush => {
                self.at = self.offset();
                self.fill = 0;
                self.owed = Owed::Nothing;
                self.checkpoint()
            }
        }
    }

    /// A checkpoint, if one is due: at most 32 an image, only where the next byte begins a sector (which is
    /// erased again by a reset), and none where the image shares a sector with its head.
    fn checkpoint(&mut self) -> Staged {
        let begins = self.region.from.checked_add(self.at).and_then(|at| Some(self.part.sector(at)?.0 == at));
        let apart = self.at.saturating_sub(self.marked) >= self.size.div_ceil(32).max(1);
        if begins == Some(true) && apart && self.at < self.size && !self.shares_a_sector() {
            self.marked = self.at;
            return Staged::Checkpoint(self.at);
        }
        Staged::Going
    }

    fn must_erase(&self) -> bool {
        self.at.saturating_add(self.fill) > self.erased && self.erased < self.head_sector
    }

    fn head_chunk(&self, from: u32) -> u32 {
        self.head.saturating_sub(from).min(round_down(CHUNK as u32, u32::from(self.part.write)))
    }

    fn erase(&self, offset: u32) -> Option<Op<'_>> {
        let (from, to) = self.part.sector(self.region.from.checked_add(offset)?)?;
        Some(Op::Erase { part: self.region.part, from, to })
    }

    fn sector_end(&self, offset: u32) -> Option<u32> {
        let (_, to) = self.part.sector(self.region.from.checked_add(offset)?)?;
        to.checked_sub(self.region.from)
    }
}
