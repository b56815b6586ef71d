//! Appending a frame, and turning the page.

use super::super::crc::Crc;
use super::format::{FrameHead, HEAD, HEADER, Header, Kind, Kinds, MARK, RECORD, TAIL, Walk, offsets};
use super::scan::Candidate;
use super::{CHUNK, FlashFault, Journal, JournalFault, Op, Place, Span, Task, round_down, round_up};

/// What goes into the snapshot next.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The frame's head, from this byte on.
    Head(u8),
    /// The newest record of this kind, from this byte on, its head of 3 bytes included.
    Old { kind: Kind, pos: u32, crc: Crc },
    /// The records in the buffer, from this byte on.
    New(u32),
    /// The frame's checksum, from this byte on.
    Tail(u8),
    /// Nothing more.
    End,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Marking the page as open.
    Open,
    Append,
    Erase {
        at: u32,
    },
    /// Reading more of an old record.
    Fill,
    /// Writing what is packed.
    Flush,
    Header,
    Seal,
    /// Marking that the seal is whole.
    Stands,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Writing {
    stage: Stage,
    source: Source,
    /// The page that is turned to.
    page: u8,
    /// Where what is packed goes, from the start of the page.
    at: u32,
    /// Bytes packed.
    fill: u16,
    head: FrameHead,
    crc: Crc,
    /// Failures so far.
    failures: u8,
    /// The page that it settles, if there is nothing new: then a failure is not a failure.
    settles: Option<Candidate>,
}

impl Writing {
    pub(super) fn turn() -> Self {
        Self {
            stage: Stage::Erase { at: 0 },
            source: Source::Head(0),
            page: 0,
            at: 0,
            fill: 0,
            head: FrameHead { len: 0, kinds: Kinds::NONE, seq: 0 },
            crc: Crc::NEW,
            failures: 0,
            settles: None,
        }
    }
}

impl<const BUF: usize> Journal<BUF> {
    /// Begins a frame.
    pub(crate) fn begin(&mut self) {
        self.len = 0;
        self.kinds = Kinds::NONE;
    }

    /// Adds a record to the frame: `emit` writes it and says how long it is, or `None` if it does not fit.
    ///
    /// # Errors
    /// [`JournalFault::Full`].
    pub(crate) fn put(
        &mut self,
        kind: Kind,
        emit: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<(), JournalFault> {
        let at = HEAD.saturating_add(self.len);
        let rest = self.buf.0.get_mut(at..).and_then(|rest| rest.split_first_chunk_mut::<RECORD>());
        let (head, rest) = rest.ok_or(JournalFault::Full)?;
        let room = rest.len().saturating_sub(TAIL);
        let room = rest.get_mut(..room).ok_or(JournalFault::Full)?;
        let len = emit(room).filter(|len| *len <= room.len()).ok_or(JournalFault::Full)?;
        let [low, high] = u16::try_from(len).map_err(|_| JournalFault::Full)?.to_le_bytes();
        *head = [kind.byte(), low, high];
        self.len = self.len.saturating_add(RECORD).saturating_add(len);
        self.kinds = self.kinds.with(kind);
        Ok(())
    }

    /// Begins to write the frame. It counts when this is done without a fault.
    pub(crate) fn commit(&mut self) {
        // A record that one page has room for and the next has not could never be copied to it.
        let pages = u8::try_from(self.layout.journal.len()).unwrap_or(u8::MAX);
        if !(0..pages).all(|page| self.snapshot_fits(page).is_some()) {
            return self.finish(Err(JournalFault::Full));
        }
        let mut writing = Writing::turn();
        if self.frame_fits() {
            writing.stage = if self.open { Stage::Append } else { Stage::Open };
            self.task = Task::Write(writing);
        } else {
            self.task = Task::Write(writing);
            self.turn_begins(None);
        }
    }

    /// Whether the frame can be appended; builds it in the buffer if so.
    fn frame_fits(&mut self) -> bool {
        let Some(page) = self.page.filter(|_| self.fresh) else { return false };
        let Some(part) = self.part_of(page) else { return false };
        let bare = HEAD.saturating_add(self.len).saturating_add(TAIL);
        let padded = round_up(bare as u32, part.unit());
        if self.end.saturating_add(padded) > self.used(page) || padded as usize > BUF {
            return false;
        }
        let head = FrameHead { len: self.len as u16, kinds: self.kinds, seq: self.seq.saturating_add(1) };
        let Some(to) = self.buf.0.first_chunk_mut::<HEAD>() else { return false };
        *to = head.emit();
        let behind = HEAD.saturating_add(self.len);
        let crc = Crc::of(self.buf.0.get(..behind).unwrap_or_default());
        let Some(tail) = self.buf.0.get_mut(behind..padded as usize) else { return false };
        tail.fill(part.erased);
        let Some(to) = tail.first_chunk_mut::<TAIL>() else { return false };
        *to = crc.to_le_bytes();
        true
    }

    /// Begins to turn the page. `settles`: there are no new records, and what is there may be acted on even
    /// if the flash fails.
    pub(super) fn turn_begins(&mut self, settles: Option<Candidate>) {
        let Task::Write(old) = self.task else { return };
        let pages = u8::try_from(self.layout.journal.len()).unwrap_or(u8::MAX);
        // A page that failed is passed over where there is a third one.
        let skip = old.failures.min(pages.saturating_sub(2)).saturating_add(1);
        let page = match self.page {
            Some(page) => page.saturating_add(skip).checked_rem(pages).unwrap_or(0),
            None => old.failures.checked_rem(pages).unwrap_or(0),
        };
        let Some((len, body)) = self.snapshot_fits(page) else {
            return self.finish(Err(JournalFault::Full));
        };
        let kinds = self.kept().fold(self.kinds, |kinds, (kind, _)| kinds.with(kind));
        // A page that failed may count all the same: no two have the same number.
        self.number = self.number.saturating_add(1);
        let head = FrameHead { len, kinds, seq: self.seq.saturating_add(1) };
        let writing = Writing { page, at: body, head, failures: old.failures, settles, ..Writing::turn() };
        self.task = Task::Write(writing);
    }

    /// Bytes of all records, the new ones among them, and where their snapshot begins, if a page has room.
    fn snapshot_fits(&self, page: u8) -> Option<(u16, u32)> {
        let kept = self.kept().map(|(_, place)| (RECORD as u32).saturating_add(u32::from(place.len)));
        let len = kept.fold(self.len as u32, u32::saturating_add);
        let part = self.part_of(page)?;
        let body = offsets(part).body;
        let end = body.checked_add((HEAD + TAIL) as u32)?.checked_add(len)?;
        (round_up(end, part.unit()) <= self.used(page)).then_some((u16::try_from(len).ok()?, body))
    }

    /// The old records that stay the newest of their kind.
    fn kept(&self) -> impl Iterator<Item = (Kind, Place)> + '_ {
        Kind::all().filter(|kind| !self.kinds.has(*kind)).filter_map(|kind| Some((kind, self.place(kind)?)))
    }

    pub(super) fn write_op(&mut self, writing: Writing) -> Option<Op<'_>> {
        let page = if let Stage::Open | Stage::Append = writing.stage { self.page? } else { writing.page };
        let (region, part) = (self.region(page)?, self.part_of(page)?);
        let address = |offset: u32| region.from.checked_add(offset);
        match writing.stage {
            Stage::Append => {
                let bare = HEAD.checked_add(self.len)?.checked_add(TAIL)?;
                let bytes = self.buf.0.get(..round_up(bare as u32, part.unit()) as usize)?;
                Some(Op::Write { part: region.part, at: address(self.end)?, bytes })
            }
            Stage::Erase { at } => {
                let (from, to) = part.sector(address(at)?)?;
                Some(Op::Erase { part: region.part, from, to })
            }
            Stage::Fill => {
                let Source::Old { kind, pos, .. } = writing.source else { return None };
                let place = self.place(kind)?;
                let pos = pos.checked_sub(RECORD as u32)?;
                self.read_op(place.at().checked_add(pos)?, u32::from(place.len).checked_sub(pos)?)
            }
            Stage::Flush => {
                let bytes = self.pack.0.get(..usize::from(writing.fill))?;
                Some(Op::Write { part: region.part, at: address(writing.at)?, bytes })
            }
            Stage::Header => {
                let end = self.snapshot_end(&writing)?;
                let header = Header { number: self.number, end };
                let bytes = self.pack.0.get_mut(..round_up(HEADER, part.unit()) as usize)?;
                bytes.fill(part.erased);
                header.emit(page, bytes)?;
                Some(Op::Write { part: region.part, at: region.from, bytes })
            }
            Stage::Seal => self.mark_op(page, 0),
            Stage::Stands => self.mark_op(page, 1),
            Stage::Open => self.mark_op(page, 2),
        }
    }

    /// Writing the n-th mark of a page.
    fn mark_op(&mut self, page: u8, n: u8) -> Option<Op<'_>> {
        let (region, part) = (self.region(page)?, self.part_of(page)?);
        let at = region.from.checked_add(self.mark_at(page, n)?)?;
        let bytes = self.pack.0.get_mut(..round_up(MARK, part.unit()) as usize)?;
        bytes.fill(part.erased);
        bytes.iter_mut().take(MARK as usize).for_each(|b| *b = !part.erased);
        Some(Op::Write { part: region.part, at, bytes })
    }

    fn snapshot_end(&self, writing: &Writing) -> Option<u32> {
        let part = self.part_of(writing.page)?;
        let bare = (HEAD + TAIL) as u32 + u32::from(writing.head.len);
        Some(round_up(offsets(part).body.checked_add(bare)?, part.unit()))
    }

    pub(super) fn write_done(&mut self, mut writing: Writing, result: Result<(), FlashFault>) {
        if result.is_err() {
            return self.write_failed(writing);
        }
        match writing.stage {
            Stage::Open => {
                self.open = true;
                self.task = Task::Write(Writing { stage: Stage::Append, ..writing });
            }
            Stage::Append => {
                self.window = Span::default();
                let at = self.end.saturating_add(HEAD as u32);
                let bare = HEAD.saturating_add(self.len).saturating_add(TAIL);
                let unit = self.page.and_then(|page| self.part_of(page)).map_or(1, |part| part.unit());
                self.end = self.end.saturating_add(round_up(bare as u32, unit));
                self.seq = self.seq.saturating_add(1);
                self.place_new(at);
                self.finish(Ok(()));
            }
            Stage::Erase { at } => match self.sector_behind(writing.page, at) {
                Some(at) => self.task = Task::Write(Writing { stage: Stage::Erase { at }, ..writing }),
                None => self.pump(writing),
            },
            Stage::Fill => self.pump(writing),
            Stage::Flush => {
                writing.at = writing.at.saturating_add(u32::from(writing.fill));
                writing.fill = 0;
                self.pump(writing);
            }
            Stage::Header => self.task = Task::Write(Writing { stage: Stage::Seal, ..writing }),
            Stage::Seal => self.task = Task::Write(Writing { stage: Stage::Stands, ..writing }),
            Stage::Stands => self.turned(writing),
        }
    }

    /// Packs until something has to be read, or written.
    fn pump(&mut self, mut writing: Writing) {
        let Some(part) = self.part_of(writing.page) else { return self.finish(Err(JournalFault::Full)) };
        let most = round_down(CHUNK as u32, part.unit()) as u16;
        loop {
            if writing.fill >= most {
                return self.task = Task::Write(Writing { stage: Stage::Flush, ..writing });
            }
            let byte = match writing.source {
                Source::Head(n) => match writing.head.emit().get(usize::from(n)).copied() {
                    Some(byte) => {
                        writing.source = Source::Head(n.saturating_add(1));
                        byte
                    }
                    None => {
                        writing.source = self.old_from(0);
                        continue;
                    }
                },
                Source::Old { kind, pos, crc } => {
                    let Some(place) = self.place(kind) else {
                        writing.source = self.old_from(kind.index().saturating_add(1));
                        continue;
                    };
                    let [low, high] = place.len.to_le_bytes();
                    let byte = match pos {
                        0 => kind.byte(),
                        1 => low,
                        2 => high,
                        _ if pos.saturating_sub(RECORD as u32) < u32::from(place.len) => {
                            let at = place.at().saturating_add(pos.saturating_sub(RECORD as u32));
                            let Some(byte) = self.window(at).first().copied() else {
                                return self.task = Task::Write(Writing { stage: Stage::Fill, ..writing });
                            };
                            let mut crc = crc;
                            crc.byte(byte);
                            writing.source = Source::Old { kind, pos: pos.saturating_add(1), crc };
                            writing.crc.byte(byte);
                            self.pack_byte(&mut writing, byte);
                            continue;
                        }
                        _ if crc.value() != place.crc => return self.record_broken(writing, kind),
                        _ => {
                            writing.source = self.old_from(kind.index().saturating_add(1));
                            continue;
                        }
                    };
                    writing.source = Source::Old { kind, pos: pos.saturating_add(1), crc };
                    byte
                }
                Source::New(pos) => {
                    let records = self.buf.0.get(HEAD..HEAD.saturating_add(self.len)).unwrap_or_default();
                    match records.get(pos as usize).copied() {
                        Some(byte) => {
                            writing.source = Source::New(pos.saturating_add(1));
                            byte
                        }
                        None => {
                            writing.source = Source::Tail(0);
                            continue;
                        }
                    }
                }
                Source::Tail(n) => match writing.crc.value().to_le_bytes().get(usize::from(n)).copied() {
                    Some(byte) => {
                        writing.source = Source::Tail(n.saturating_add(1));
                        self.pack_byte(&mut writing, byte);
                        continue;
                    }
                    None => {
                        writing.source = Source::End;
                        continue;
                    }
                },
                Source::End if writing.fill == 0 => {
                    return self.task = Task::Write(Writing { stage: Stage::Header, ..writing });
                }
                Source::End => {
                    let padded = round_up(u32::from(writing.fill), part.unit()) as u16;
                    while writing.fill < padded {
                        self.pack_byte(&mut writing, part.erased);
                    }
                    return self.task = Task::Write(Writing { stage: Stage::Flush, ..writing });
                }
            };
            writing.crc.byte(byte);
            self.pack_byte(&mut writing, byte);
        }
    }

    fn pack_byte(&mut self, writing: &mut Writing, byte: u8) {
        if let Some(place) = self.pack.0.get_mut(usize::from(writing.fill)) {
            *place = byte;
        }
        writing.fill = writing.fill.saturating_add(1);
    }

    /// The first old record to keep, of the kinds from `index` on, or the new ones.
    fn old_from(&self, index: usize) -> Source {
        match self.kept().find(|(kind, _)| kind.index() >= index) {
            Some((kind, _)) => Source::Old { kind, pos: 0, crc: Crc::NEW },
            None => Source::New(0),
        }
    }

    /// An old record can no longer be read. The turn begins anew with an empty one in its place, so that whoever
    /// reads it next knows that there was one.
    fn record_broken(&mut self, writing: Writing, kind: Kind) {
        self.window = Span::default();
        if let (Some(candidate), Some(place)) = (writing.settles, self.place(kind)) {
            return self.scan_again(candidate, place);
        }
        if let Some(Some(place)) = self.places.get_mut(kind.index()) {
            *place = Place { len: 0, crc: Crc::NEW.value(), ..*place };
        }
        self.found = super::Found::Lost;
        self.turn_begins(writing.settles);
    }

    fn write_failed(&mut self, mut writing: Writing) {
        if let (Stage::Fill, Source::Old { kind, .. }) = (writing.stage, writing.source) {
            return self.record_broken(writing, kind);
        }
        if let Stage::Stands = writing.stage {
            // The seal before it was written whole, so that the page counts; the next boot turns it.
            return self.turned(writing);
        }
        // Whatever the page holds now, its rest is no longer known to be erased; and a page that failed may
        // count all the same after a reset: what is appended to the one before it would be lost then.
        self.fresh = false;
        if !matches!(writing.stage, Stage::Open | Stage::Append) {
            writing.failures = writing.failures.saturating_add(1);
        }
        if writing.failures < 2 {
            self.task = Task::Write(writing);
            return self.turn_begins(writing.settles);
        }
        self.finish(if writing.settles.is_some() { Ok(()) } else { Err(JournalFault::Flash) });
    }

    /// The new page is sealed: it is the current one.
    fn turned(&mut self, writing: Writing) {
        let Some(part) = self.part_of(writing.page) else { return self.finish(Err(JournalFault::Full)) };
        let mut at = offsets(part).body.saturating_add(HEAD as u32);
        for kind in Kind::all().filter(|kind| !self.kinds.has(*kind)) {
            if let Some(slot) = self.places.get_mut(kind.index())
                && let Some(Place { len, crc, .. }) = *slot
            {
                at = at.saturating_add(RECORD as u32);
                *slot = Place::new(at, len, crc);
                at = at.saturating_add(u32::from(len));
            }
        }
        self.end = self.snapshot_end(&writing).unwrap_or(u32::MAX);
        self.seq = writing.head.seq;
        self.page = Some(writing.page);
        self.fresh = true;
        self.open = false;
        self.window = Span::default();
        self.place_new(at);
        self.finish(Ok(()));
    }

    /// The records in the buffer are the newest of their kinds, and begin at `at` in the current page.
    fn place_new(&mut self, at: u32) {
        let mut walk = Walk::NEW;
        for n in 0..self.len {
            let Some(byte) = self.buf.0.get(HEAD.saturating_add(n)).copied() else { return };
            let Ok(Some(record)) = walk.byte(byte) else { continue };
            let behind = at.saturating_add(n as u32).saturating_add(1);
            let at = behind.saturating_sub(u32::from(record.len));
            if let Some(place) = self.places.get_mut(record.kind.index()) {
                *place = Place::new(at, record.len, record.crc);
            }
        }
    }
}
