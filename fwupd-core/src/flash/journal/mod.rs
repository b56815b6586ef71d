//! The journal: one per device, append-only frames of records over two or more pages.
//!
//! ```text
//! page    | header | seal | snapshot frame | frame | frame | ... erased ...
//! header  | "fwj1" | number u32 | end of the snapshot u32 | crc32 of the 12 bytes before |
//! seal    | 8 bytes of the inverse of the erase value |
//! frame   | "wf" | len u16 | kinds u32 | seq u32 | records, len bytes | crc32 of all before |
//! record  | kind u8 | len u16 | bytes |
//! ```
//!
//! All numbers are little-endian; header, seal and frames are padded with the erase value to the part's
//! unit. `kinds` has a bit for each kind of record in the frame. The newest record of a kind wins.
//!
//! What makes a cut harmless:
//! - A frame is whole or absent: its checksum covers all of it, its sequence number too.
//! - A page turn erases the next page, writes a snapshot of the newest records with the new ones among
//!   them, then the header, then the seal. The page counts from its seal on; until then the page before it
//!   holds, and is not touched.
//! - Where a write was cut, words may count as written though they read as erased. Nobody can tell
//!   afterwards, so the first frame after a reset never follows what is there: it goes to a fresh page.
//! - A frame that was appended may have been cut at its last word and read well all the same, this once.
//!   Nobody acts on it before it stands in the snapshot of a sealed page ([`Journal::start`] sees to that).
//!   Nor does anyone act on its absence, if something was written where it would be: it could read well the
//!   next time. A boot that finds a sealed page with erased flash behind its snapshot writes nothing.
//!
//! This holds also for torn words that read differently each time, in one cut between two boots that were
//! left in peace. It cannot hold for a seal, or a first frame behind a snapshot, of which one boot reads
//! every word as written and another none: each of the two answers as it was before or after the commit.

mod format;
mod scan;
mod write;

pub(crate) use format::Kind;
use format::{KINDS, Kinds};

use super::{FlashFault, Layout, Op, OpKind, Part, Region};
use scan::Scan;
use write::Writing;

/// Bytes of the largest unit of any part, and of one bounded read.
pub(crate) const CHUNK: usize = 256;

/// A buffer at an address that is a multiple of 4, as some flash drivers want it.
#[derive(Clone, Debug)]
#[repr(align(4))]
pub(crate) struct Aligned<const N: usize>(pub(crate) [u8; N]);

/// Where the newest record of a kind lies in the current page, its length and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: u32,
    len: u16,
    crc: u32,
}

/// What the journal was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Never written.
    Blank,
    /// Whole.
    Whole,
    /// There was one, and all or the newest part of it is lost.
    Lost,
}

/// Why the journal could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JournalFault {
    /// The flash failed twice over.
    Flash,
    /// The records do not fit in a frame, or all of them not in a page.
    Full,
    /// The record asked for is not there, or can no longer be read.
    Absent,
}

#[derive(Clone, Copy, Debug)]
enum Task {
    /// Nothing to do; the result of what was asked last is there.
    Rest,
    /// Finding the current page and its records.
    Scan(Scan),
    /// Appending a frame, or turning the page.
    Write(Writing),
    /// Reading a record into the buffer: its kind, and how many bytes are there.
    Read(Kind, u16),
}

/// The journal, as a planner of its own. `BUF` is the size of its frame buffer.
#[derive(Debug)]
pub(crate) struct Journal<const BUF: usize> {
    layout: Layout,
    task: Task,
    result: Result<(), JournalFault>,
    found: Found,
    /// The current page, if there is one.
    page: Option<u8>,
    /// The highest number that a page has, or was to have: pages are numbered as they are turned.
    number: u32,
    /// Sequence number of the last frame.
    seq: u32,
    /// Where the next frame goes in the current page, bytes from its start.
    end: u32,
    /// Whether the current page was turned since power came on, so that its rest is known to be erased.
    fresh: bool,
    /// Whether the read at hand has failed once already.
    reread: bool,
    places: [Option<Place>; KINDS],
    /// What is read.
    chunk: Aligned<CHUNK>,
    /// What is packed for a snapshot.
    pack: Aligned<CHUNK>,
    /// A frame under construction (its records from `format::HEAD` on), or a record that was read.
    buf: Aligned<BUF>,
    /// Bytes of records in `buf`.
    len: usize,
    /// Kinds of the records in `buf`.
    kinds: Kinds,
}

impl<const BUF: usize> Journal<BUF> {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            layout,
            task: Task::Rest,
            result: Ok(()),
            found: Found::Blank,
            page: None,
            number: 0,
            seq: 0,
            end: 0,
            fresh: false,
            reread: false,
            places: [None; KINDS],
            chunk: Aligned([0; CHUNK]),
            pack: Aligned([0; CHUNK]),
            buf: Aligned([0; BUF]),
            len: 0,
            kinds: Kinds::NONE,
        }
    }

    /// Begins to find what the journal holds, as after a reset: everything known is forgotten first. What is
    /// found may be acted on once this is done.
    pub(crate) fn start(&mut self) {
        self.page = None;
        self.fresh = false;
        self.reread = false;
        self.places = [None; KINDS];
        self.task = Task::Scan(Scan::begin());
    }

    /// What was found by [`start`](Self::start).
    pub(crate) fn found(&self) -> Found {
        self.found
    }

    /// Whether an operation is owed.
    pub(crate) fn busy(&self) -> bool {
        !matches!(self.task, Task::Rest)
    }

    /// The result of what was asked last, once it is no longer busy.
    pub(crate) fn result(&self) -> Result<(), JournalFault> {
        self.result
    }

    /// Whether there is a record of this kind.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        self.place(kind).is_some()
    }

    /// Begins to read the newest record of a kind; it is in [`record`](Self::record) when done.
    pub(crate) fn read(&mut self, kind: Kind) {
        self.len = 0;
        match self.place(kind) {
            Some(place) if usize::from(place.len) <= BUF => {
                self.task = Task::Read(kind, 0);
                if place.len == 0 {
                    self.finish(Ok(()));
                }
            }
            Some(_) | None => self.finish(Err(JournalFault::Absent)),
        }
    }

    /// The record that was read last.
    pub(crate) fn record(&self) -> &[u8] {
        self.buf.0.get(..self.len).unwrap_or_default()
    }

    /// The next operation.
    pub(crate) fn next_op(&mut self) -> Option<Op<'_>> {
        match self.task {
            Task::Rest => None,
            Task::Scan(scan) => self.scan_op(scan),
            Task::Write(writing) => self.write_op(writing),
            Task::Read(kind, have) => {
                let place = self.place(kind)?;
                self.read_op(place.at.checked_add(u32::from(have))?, place.len.checked_sub(have)?)
            }
        }
    }

    /// Takes the result of the operation lent last.
    pub(crate) fn done(&mut self, result: Result<(), FlashFault>) {
        // A read that fails is done once more before what it was for counts as absent.
        let again = result.is_err_and(|fault| fault.op == OpKind::Read) && !self.reread;
        self.reread = again;
        if again {
            return;
        }
        match self.task {
            Task::Rest => {}
            Task::Scan(scan) => self.scan_done(scan, result),
            Task::Write(writing) => self.write_done(writing, result),
            Task::Read(kind, have) => self.read_done(kind, have, result),
        }
    }

    fn finish(&mut self, result: Result<(), JournalFault>) {
        self.task = Task::Rest;
        self.result = result;
    }

    fn place(&self, kind: Kind) -> Option<Place> {
        self.places.get(kind.index()).copied().flatten()
    }

    fn region(&self, page: u8) -> Option<Region> {
        self.layout.journal.get(usize::from(page)).copied()
    }

    fn part_of(&self, page: u8) -> Option<&'static Part> {
        self.layout.part(self.region(page)?.part)
    }

    /// Lends a read of up to `len` bytes from `at` of the current page, widened to the read size; which of
    /// the bytes in the chunk were asked for, [`was_read`](Self::was_read) tells.
    fn read_op(&mut self, at: u32, len: u16) -> Option<Op<'_>> {
        let page = self.page?;
        let region = self.region(page)?;
        let read = u32::from(self.part_of(page)?.read);
        let from = round_down(at, read);
        let wanted = at.checked_sub(from)?.checked_add(u32::from(len))?;
        let most = round_down(CHUNK as u32, read);
        let len = round_up(wanted, read).min(most).min(region.len().checked_sub(from)?);
        let into = self.chunk.0.get_mut(..usize::try_from(len).ok()?)?;
        Some(Op::Read { part: region.part, at: region.from.checked_add(from)?, into })
    }

    /// The bytes of the chunk that [`read_op`](Self::read_op) was asked for.
    fn was_read(&self, at: u32, len: u16) -> &[u8] {
        let read = self.page.and_then(|page| self.part_of(page)).map_or(1, |part| u32::from(part.read));
        let skip = at.saturating_sub(round_down(at, read)) as usize;
        let most = round_down(CHUNK as u32, read) as usize;
        let end = skip.saturating_add(usize::from(len)).min(most);
        self.chunk.0.get(skip..end).unwrap_or_default()
    }

    fn read_done(&mut self, kind: Kind, have: u16, result: Result<(), FlashFault>) {
        let Some(place) = self.place(kind) else { return self.finish(Err(JournalFault::Absent)) };
        let left = place.len.saturating_sub(have);
        let from = usize::from(have);
        let at = place.at.saturating_add(u32::from(have));
        let got = if result.is_ok() { self.was_read(at, left).len() } else { 0 };
        let skip = {
            let read = self.page.and_then(|p| self.part_of(p)).map_or(1, |part| u32::from(part.read));
            at.saturating_sub(round_down(at, read)) as usize
        };
        let source = self.chunk.0.get(skip..skip.saturating_add(got));
        let target = self.buf.0.get_mut(from..from.saturating_add(got));
        let whole = match (source, target) {
            (Some(source), Some(target)) if got > 0 => copy(target, source),
            _ => None,
        };
        if whole.is_none() {
            return self.finish(Err(JournalFault::Absent));
        }
        let have = from.saturating_add(got);
        if have < usize::from(place.len) {
            self.task = Task::Read(kind, have as u16);
            return;
        }
        self.len = have;
        let whole = super::crc::Crc::of(self.record()) == place.crc;
        self.finish(if whole { Ok(()) } else { Err(JournalFault::Absent) });
    }
}

/// Copies what has the same length; `None` for other lengths, and no way to panic.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> Option<()> {
    if to.len() != from.len() {
        return None;
    }
    to.copy_from_slice(from);
    Some(())
}

pub(crate) fn round_up(value: u32, unit: u32) -> u32 {
    value.checked_next_multiple_of(unit).unwrap_or(u32::MAX)
}

pub(crate) fn round_down(value: u32, unit: u32) -> u32 {
    value.saturating_sub(value.checked_rem(unit).unwrap_or(0))
}
