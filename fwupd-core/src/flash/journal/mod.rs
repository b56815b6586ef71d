//! The journal: one per device, append-only frames of records over two or more pages.
//!
//! ```text
//! page    | header | seal | stands | open | snapshot frame | frame | frame | ... erased ...
//! header  | "fwj1" | number u32 | end of the snapshot u32 | crc32 of the 12 bytes before and the page's index u8 |
//! mark    | 8 bytes of the inverse of the erase value |      seal, stands and open are marks
//! frame   | "wf" | len u16 | kinds u32 | seq u32 | records, len bytes | crc32 of all before |
//! record  | kind u8 | len u16 | bytes |
//! ```
//!
//! All numbers are little-endian; header, marks and frames are padded with the erase value to the part's
//! unit. `kinds` has a bit for each kind of record in the frame. The newest record of a kind wins. Of a page at
//! most [`USED`] bytes are used.
//!
//! What makes a cut harmless:
//! - A frame is whole or absent: its checksum covers all of it, its sequence number too.
//! - A page turn erases the next page, writes a snapshot of the newest records with the new ones among
//!   them, then the header, then the seal. The page counts from its seal on; until then the page before it
//!   holds, and is not touched.
//! - Behind the seal goes the mark `stands`: whoever reads anything of it knows that the seal is whole, and how
//!   it was written. Before the first frame behind the snapshot goes the mark `open`: where nothing of it can be
//!   read, nothing lies behind the snapshot.
//! - Where a write was cut, words may count as written though they read as erased. Nobody can tell
//!   afterwards, so the first frame after a reset never follows what is there: it goes to a fresh page.
//! - A frame that was appended may have been cut at its last word and read well all the same, this once.
//!   Nobody acts on it before it stands in the snapshot of a sealed page ([`Journal::start`] sees to that).
//!   Nor does anyone act on its absence, if something was written where it would be: it could read well the
//!   next time. The same goes for a seal without `stands`. A boot that finds a sealed page that stands and is not
//!   open writes nothing.
//!
//! This holds also for torn words that read differently each time, however they do it, in one cut between two
//! boots that were left in peace.

mod format;
mod scan;
mod write;

pub(crate) use format::Kind;
use format::{KINDS, Kinds};

use core::num::NonZeroU16;

use super::{FlashFault, Layout, Op, Part, Region};
use scan::Scan;
use write::Writing;

/// Bytes of the largest unit of any part, and of one bounded read.
pub(crate) const CHUNK: usize = 256;

/// A buffer at an address that is a multiple of 4, as some flash drivers want it.
#[derive(Clone, Debug)]
#[repr(align(4))]
pub(crate) struct Aligned<const N: usize>(pub(crate) [u8; N]);

/// Bytes of a page that are used at most, so that it is read with few reads however large it is.
pub(crate) const USED: u32 = 24 * CHUNK as u32;

/// Where the newest record of a kind lies in the current page, its length and its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    at: NonZeroU16,
    len: u16,
    crc: u32,
}

impl Place {
    /// No page is used so far that an offset would not fit; the first byte of a page is never one of a record.
    fn new(at: u32, len: u16, crc: u32) -> Option<Self> {
        Some(Self { at: NonZeroU16::new(u16::try_from(at).ok()?)?, len, crc })
    }

    fn at(self) -> u32 {
        self.at.get().into()
    }
}

type Places = [Option<Place>; KINDS];

/// A stretch of a page, from its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    page: u8,
    from: u32,
    to: u32,
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
    /// Whether the current page is marked as open.
    open: bool,
    /// Whether the read at hand has failed once already.
    reread: bool,
    places: Places,
    /// The places as they were before the frame that is being read.
    before: Places,
    /// What is read.
    chunk: Aligned<CHUNK>,
    /// What the chunk holds.
    window: Span,
    /// What is being read into the chunk, and whether that is more than is needed.
    asked: Option<(Span, bool)>,
    /// Where more than was needed could not be read: only what is needed is read there.
    narrow: Span,
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
            open: false,
            reread: false,
            places: [None; KINDS],
            before: [None; KINDS],
            chunk: Aligned([0; CHUNK]),
            window: Span::default(),
            asked: None,
            narrow: Span::default(),
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
        self.asked = None;
        self.window = Span::default();
        self.narrow = Span::default();
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
            Some(place) if usize::from(place.len) <= BUF => self.reading(kind, 0),
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
                self.read_op(place.at().checked_add(u32::from(have))?, place.len.checked_sub(have)?.into())
            }
        }
    }

    /// Takes the result of the operation lent last.
    pub(crate) fn done(&mut self, result: Result<(), FlashFault>) {
        if let Some((asked, wide)) = self.asked.take() {
            // A read that fails is done once more before what it was for counts as absent: first of that alone,
            // since it may be something else nearby that cannot be read.
            if result.is_err() && (wide || !self.reread) {
                self.reread = !wide;
                self.narrow = if wide { asked } else { self.narrow };
                return;
            }
            self.reread = false;
            self.window = if result.is_ok() { asked } else { Span::default() };
        }
        match self.task {
            Task::Rest => {}
            Task::Scan(scan) => self.scan_done(scan, result),
            Task::Write(writing) => self.write_done(writing, result),
            Task::Read(kind, have) if result.is_ok() => self.reading(kind, have),
            Task::Read(..) => self.finish(Err(JournalFault::Absent)),
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

    /// How much of a page is used, bytes.
    fn used(&self, page: u8) -> u32 {
        let unit = self.part_of(page).map_or(1, |part| part.unit());
        self.region(page).map_or(0, |region| round_down(region.len().min(USED), unit))
    }

    /// Lends a read from `at` of the current page, of which `len` bytes are needed, or as many of them as the
    /// chunk holds. Unless that has failed here, it is a whole chunk.
    fn read_op(&mut self, at: u32, len: u32) -> Option<Op<'_>> {
        let page = self.page?;
        let region = self.region(page)?;
        let read = u32::from(self.part_of(page)?.read);
        let from = round_down(at, read);
        let most = round_down(CHUNK as u32, read).min(self.used(page).checked_sub(from)?);
        let needed = round_up(at.checked_sub(from)?.checked_add(len)?, read).min(most);
        let narrow = self.narrow.page == page && (self.narrow.from..self.narrow.to).contains(&from);
        let len = if narrow { needed } else { most };
        self.asked = Some((Span { page, from, to: from.checked_add(len)? }, len > needed));
        let into = self.chunk.0.get_mut(..usize::try_from(len).ok()?)?;
        Some(Op::Read { part: region.part, at: region.from.checked_add(from)?, into })
    }

    /// The bytes of the current page from `at` on that have been read already.
    fn window(&self, at: u32) -> &[u8] {
        let Span { page, from, to } = self.window;
        if self.page != Some(page) || !(from..to).contains(&at) {
            return &[];
        }
        let range = at.saturating_sub(from) as usize..to.saturating_sub(from) as usize;
        self.chunk.0.get(range).unwrap_or_default()
    }

    /// Goes on reading a record of which `have` bytes are in the buffer.
    fn reading(&mut self, kind: Kind, mut have: u16) {
        let Some(place) = self.place(kind) else { return self.finish(Err(JournalFault::Absent)) };
        while have < place.len {
            let at = place.at().saturating_add(have.into());
            let got = self.window(at).len().min(usize::from(place.len.saturating_sub(have)));
            if got == 0 {
                return self.task = Task::Read(kind, have);
            }
            let skip = at.saturating_sub(self.window.from) as usize;
            let source = self.chunk.0.get(skip..skip.saturating_add(got));
            let target = self.buf.0.get_mut(usize::from(have)..usize::from(have).saturating_add(got));
            if source.zip(target).and_then(|(source, target)| copy(target, source)).is_none() {
                return self.finish(Err(JournalFault::Absent));
            }
            have = have.saturating_add(got as u16);
        }
        self.len = usize::from(have);
        let whole = super::crc::Crc::of(self.record()) == place.crc;
        if !whole {
            // Whatever is wrong with it may be wrong with this reading alone.
            self.window = Span::default();
        }
        self.finish(if whole { Ok(()) } else { Err(JournalFault::Absent) });
    }
}

/// Copies what has the same length; `None` for other lengths, and no way to panic.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> Option<()> {
    if to.len() != from.len() {
        return None;
    }
    // `copy_from_slice` compares the lengths again, and what it does where they differ is linked.
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    Some(())
}

pub(crate) fn round_up(value: u32, unit: u32) -> u32 {
    value.checked_next_multiple_of(unit).unwrap_or(u32::MAX)
}

pub(crate) fn round_down(value: u32, unit: u32) -> u32 {
    value.saturating_sub(value.checked_rem(unit).unwrap_or(0))
}
