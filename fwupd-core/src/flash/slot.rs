//! Reading a slot, and the signed head that is kept in its last blocks.
//!
//! ```text
//! slot | image ... | head, padded | "fwhd" | len u32 | crc32 of the head | crc32 of the 12 bytes before | padding |
//! ```
//!
//! All numbers are little-endian. Head and trailer each begin at a multiple of the part's unit, the trailer
//! ends with the slot. It is written last.

use super::crc::Crc;
use super::journal::{Aligned, CHUNK, round_down, round_up};
use super::{Layout, Op, Part, Region};
use crate::image::SlotId;

const MAGIC: [u8; 4] = *b"fwhd";
pub(crate) const TRAILER: usize = 16;

/// Where a slot keeps the head of its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Offset of the head in the slot.
    pub(crate) head: u32,
    /// Offset of the trailer in the slot.
    pub(crate) trailer: u32,
}

impl Kept {
    /// Where a head of `len` bytes goes, if the slot is large enough for it.
    pub(crate) fn place(layout: &Layout, slot: SlotId, len: u32) -> Option<Self> {
        let region = layout.slot(slot)?;
        let unit = layout.part(region.part)?.unit();
        let trailer = round_down(region.len().checked_sub(round_up(TRAILER as u32, unit))?, unit);
        let head = trailer.checked_sub(round_up(len, unit))?;
        Some(Self { head, trailer })
    }
}

/// A signed head as it lies in a slot: for tools that make factory images. The updater writes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactoryHead {
    /// Address of the head in the slot's part, bytes.
    pub head_at: u32,
    /// Address of its trailer in the slot's part, bytes.
    pub trailer_at: u32,
    /// The trailer.
    pub trailer: [u8; TRAILER],
}

impl FactoryHead {
    /// Where `head` goes in a slot, and what goes behind it; `None` if the slot has no room for it.
    pub fn new(layout: &Layout, slot: SlotId, head: &[u8]) -> Option<Self> {
        let kept = Kept::place(layout, slot, u32::try_from(head.len()).ok()?)?;
        let region = layout.slot(slot)?;
        Some(Self {
            head_at: region.from.checked_add(kept.head)?,
            trailer_at: region.from.checked_add(kept.trailer)?,
            trailer: trailer(head),
        })
    }
}

/// The trailer of a head.
pub(crate) fn trailer(head: &[u8]) -> [u8; TRAILER] {
    let mut bytes = [0; TRAILER];
    let (body, crc) = bytes.split_at_mut(12);
    let len = (head.len() as u32).to_le_bytes();
    let sum = Crc::of(head).to_le_bytes();
    body.iter_mut().zip(MAGIC.iter().chain(&len).chain(&sum)).for_each(|(to, from)| *to = *from);
    crc.iter_mut().zip(Crc::of(body).to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// Length and checksum of the head that a trailer tells of.
fn parse_trailer(bytes: &[u8]) -> Option<(u32, u32)> {
    let (body, rest) = bytes.split_first_chunk::<12>()?;
    let crc = u32::from_le_bytes(*rest.first_chunk::<4>()?);
    let (magic, rest) = body.split_first_chunk::<4>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let sum = rest.first_chunk::<4>()?;
    let good = *magic == MAGIC && Crc::of(body) == crc;
    good.then_some((u32::from_le_bytes(*len), u32::from_le_bytes(*sum)))
}

/// Reads a stretch of a slot, a chunk at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotRead {
    region: Region,
    read: u32,
    at: u32,
    to: u32,
}

impl SlotRead {
    /// From offset `at` to offset `to` of the slot; `at` is a multiple of the part's read size.
    pub(crate) fn new(layout: &Layout, slot: SlotId, at: u32, to: u32) -> Option<Self> {
        let region = *layout.slot(slot)?;
        let part: &Part = layout.part(region.part)?;
        (at <= to && to <= region.len()).then_some(Self { region, read: u32::from(part.read), at, to })
    }

    /// How many bytes the next chunk has; 0 at the end.
    fn len(&self) -> u32 {
        self.to.saturating_sub(self.at).min(round_down(CHUNK as u32, self.read))
    }

    /// Whether all of it has been read.
    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.to
    }

    pub(crate) fn op<'a>(&self, chunk: &'a mut Aligned<CHUNK>) -> Option<Op<'a>> {
        let into = chunk.0.get_mut(..round_up(self.len(), self.read) as usize)?;
        Some(Op::Read { part: self.region.part, at: self.region.from.checked_add(self.at)?, into })
    }

    /// The bytes that were read last; the next chunk follows.
    pub(crate) fn take<'a>(&mut self, chunk: &'a Aligned<CHUNK>) -> &'a [u8] {
        let len = self.len();
        self.at = self.at.saturating_add(len);
        chunk.0.get(..len as usize).unwrap_or_default()
    }
}

/// Reads the head that a slot keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadRead {
    slot: SlotId,
    read: SlotRead,
    /// Checksum expected and so far, once the trailer is known.
    sums: Option<(u32, Crc)>,
}

/// What the last read of a head gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadBytes<'a> {
    /// The trailer: no bytes yet.
    Trailer,
    /// The next bytes of the head.
    Bytes(&'a [u8]),
    /// Its last bytes, and the checksum is right.
    Last(&'a [u8]),
    /// There is no head, or it is broken.
    Absent,
}

impl HeadRead {
    pub(crate) fn new(layout: &Layout, slot: SlotId) -> Option<Self> {
        let at = Kept::place(layout, slot, 0)?.trailer;
        let read = SlotRead::new(layout, slot, at, at.checked_add(TRAILER as u32)?)?;
        Some(Self { slot, read, sums: None })
    }

    pub(crate) fn op<'a>(&self, chunk: &'a mut Aligned<CHUNK>) -> Option<Op<'a>> {
        self.read.op(chunk)
    }

    pub(crate) fn take<'a>(&mut self, layout: &Layout, chunk: &'a Aligned<CHUNK>) -> HeadBytes<'a> {
        let bytes = self.read.take(chunk);
        match &mut self.sums {
            None => {
                let begun = parse_trailer(bytes).filter(|(len, _)| *len > 0).and_then(|(len, sum)| {
                    let at = Kept::place(layout, self.slot, len)?.head;
                    Some((SlotRead::new(layout, self.slot, at, at.checked_add(len)?)?, sum))
                });
                let Some((read, sum)) = begun else { return HeadBytes::Absent };
                self.read = read;
                self.sums = Some((sum, Crc::NEW));
                HeadBytes::Trailer
            }
            Some((sum, crc)) => {
                crc.update(bytes);
                match self.read.at_end() {
                    false => HeadBytes::Bytes(bytes),
                    true if crc.value() == *sum => HeadBytes::Last(bytes),
                    true => HeadBytes::Absent,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trailer_tells_length_and_checksum_of_its_head() {
        let bytes = trailer(b"head");
        assert_eq!(bytes[..8], *b"fwhd\x04\0\0\0");
        assert_eq!(parse_trailer(&bytes), Some((4, crc32fast::hash(b"head"))));
        for bit in 0..bytes.len() * 8 {
            let mut broken = bytes;
            broken[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse_trailer(&broken), None, "bit {bit}");
        }
        assert_eq!(parse_trailer(&bytes[..15]), None);
    }
}
