//! Finding the current page, and the newest record of each kind in it.

use super::super::crc::Crc;
use super::format::{FrameHead, HEAD, Header, KINDS, Kinds, SEAL, TAIL, Walk, offsets};
use super::write::Writing;
use super::{CHUNK, FlashFault, Found, Journal, Op, Place, Task, round_up};

/// The number of the first page.
const FIRST: u32 = 1;

/// A page that may be the current one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    page: u8,
    header: Header,
    seal: Seal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seal {
    Whole,
    /// Begun, so that what comes before it is whole.
    Begun,
    Missing,
}

/// A frame whose bytes are passing by.
#[derive(Clone, Copy, Debug)]
struct Frame {
    at: u32,
    head: FrameHead,
    /// Bytes behind its head that have passed.
    pos: u32,
    crc: Crc,
    walk: Walk,
    kinds: Kinds,
    tail: u32,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Header {
        page: u8,
    },
    Seal {
        page: u8,
        header: Option<Header>,
    },
    /// Erasing a page that was written and not sealed: it must not come to count by itself later.
    Wipe {
        page: u8,
        at: u32,
    },
    FrameHead {
        at: u32,
    },
    Frame(Frame),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Scan {
    stage: Stage,
    sealed: Option<Candidate>,
    loose: Option<Candidate>,
    /// Only pages of a lower number count: those from it on were found broken.
    below: u32,
    /// Only pages without a seal of a lower number need to be erased: those from it on have been.
    unwiped: u32,
    /// The frame that reaches beyond this, and all behind it, were found broken.
    limit: u32,
    /// The highest number of a page. Later pages get higher ones, whatever became of this one.
    highest: u32,
    /// A page holds something that is no header of ours behind a seal.
    debris: bool,
    /// A page's snapshot is broken.
    lost: bool,
    /// What follows the last frame reads as erased.
    clean: bool,
}

impl Scan {
    pub(super) fn begin() -> Self {
        Self {
            stage: Stage::Header { page: 0 },
            sealed: None,
            loose: None,
            below: u32::MAX,
            unwiped: u32::MAX,
            limit: u32::MAX,
            highest: 0,
            debris: false,
            lost: false,
            clean: false,
        }
    }

    fn chosen(&self) -> Option<Candidate> {
        self.sealed.or(self.loose)
    }
}

impl<const BUF: usize> Journal<BUF> {
    pub(super) fn scan_op(&mut self, scan: Scan) -> Option<Op<'_>> {
        let (page, at, len) = match scan.stage {
            Stage::Header { page } => (page, 0, super::format::HEADER),
            Stage::Seal { page, .. } => (page, offsets(self.part_of(page)?).0, SEAL),
            Stage::Wipe { page, at } => {
                let region = self.region(page)?;
                let (from, to) = self.part_of(page)?.sector(region.from.checked_add(at)?)?;
                return Some(Op::Erase { part: region.part, from, to });
            }
            Stage::FrameHead { at } => (scan.chosen()?.page, at, HEAD as u32),
            Stage::Frame(frame) => {
                let left = u32::from(frame.head.len).checked_add(TAIL as u32)?.checked_sub(frame.pos)?;
                let at = frame.at.checked_add(HEAD as u32)?.checked_add(frame.pos)?;
                (scan.chosen()?.page, at, left.min(CHUNK as u32))
            }
        };
        // A read names its page by the current one.
        self.page = Some(page);
        self.read_op(at, len as u16)
    }

    pub(super) fn scan_done(&mut self, scan: Scan, result: Result<(), FlashFault>) {
        match scan.stage {
            Stage::Header { page } => {
                let header = result.ok().and_then(|()| Header::parse(self.was_read(0, 16)));
                self.scanning(Scan { stage: Stage::Seal { page, header }, ..scan });
            }
            Stage::Seal { page, header } => self.seal_done(scan, page, header, result),
            Stage::Wipe { page, at } => {
                match self.sector_behind(page, at) {
                    // What cannot be erased stays as it is.
                    _ if result.is_err() => self.frames(scan),
                    Some(at) => self.scanning(Scan { stage: Stage::Wipe { page, at }, ..scan }),
                    // There may be another one.
                    None => self.scanning(Scan {
                        below: scan.below,
                        unwiped: scan.unwiped,
                        lost: scan.lost,
                        ..Scan::begin()
                    }),
                }
            }
            Stage::FrameHead { at } => {
                let bytes = result.ok().and_then(|()| self.was_read(at, HEAD as u16).first_chunk::<HEAD>());
                let erased = self.page.and_then(|page| self.part_of(page)).map(|part| part.erased);
                let clean = bytes.is_some_and(|bytes| bytes.iter().all(|byte| Some(*byte) == erased));
                let head = bytes.and_then(FrameHead::parse);
                self.frame_head(Scan { clean, ..scan }, at, head);
            }
            Stage::Frame(frame) => match result {
                Ok(()) => self.frame_bytes(scan, frame),
                Err(_) => self.frame_broken(scan, frame.at),
            },
        }
    }

    fn scanning(&mut self, scan: Scan) {
        self.task = Task::Scan(scan);
    }

    /// Offset of the sector behind the one at `at`, if the page has one.
    pub(super) fn sector_behind(&self, page: u8, at: u32) -> Option<u32> {
        let region = self.region(page)?;
        let (_, to) = self.part_of(page)?.sector(region.from.checked_add(at)?)?;
        (to < region.to).then(|| to.saturating_sub(region.from))
    }

    fn seal_done(
        &mut self,
        mut scan: Scan,
        page: u8,
        header: Option<Header>,
        result: Result<(), FlashFault>,
    ) {
        let Some(part) = self.part_of(page) else { return self.chosen(scan) };
        let bytes = self.was_read(offsets(part).0, SEAL as u16);
        let seal = if result.is_err() {
            Seal::Begun
        } else if bytes.iter().all(|b| *b == !part.erased) {
            Seal::Whole
        } else if bytes.iter().all(|b| *b == part.erased) {
            Seal::Missing
        } else {
            Seal::Begun
        };
        match header {
            None => scan.debris |= seal != Seal::Missing,
            Some(header) => {
                // The last number is never given: nothing could come after it.
                if header.number < u32::MAX {
                    scan.highest = scan.highest.max(header.number);
                }
                let candidate = Candidate { page, header, seal };
                let (best, below) = match seal {
                    Seal::Missing => (&mut scan.loose, scan.below.min(scan.unwiped)),
                    Seal::Whole | Seal::Begun => (&mut scan.sealed, scan.below),
                };
                let newer = best.is_none_or(|b| b.header.number < header.number);
                if newer && header.number < below {
                    *best = Some(candidate);
                }
            }
        }
        match page.checked_add(1).filter(|next| self.region(*next).is_some()) {
            Some(page) => self.scanning(Scan { stage: Stage::Header { page }, ..scan }),
            None => self.chosen(scan),
        }
    }

    /// All headers are known.
    fn chosen(&mut self, scan: Scan) {
        match (scan.sealed, scan.loose) {
            (Some(sealed), Some(loose)) if loose.header.number > sealed.header.number => {
                self.scanning(Scan {
                    stage: Stage::Wipe { page: loose.page, at: 0 },
                    loose: None,
                    unwiped: loose.header.number,
                    ..scan
                });
            }
            // The first page of all has none before it that could have been erased: without a seal it never
            // counted, and may not come to count.
            (None, Some(loose)) if loose.header.number == FIRST => {
                self.scanning(Scan {
                    stage: Stage::Wipe { page: loose.page, at: 0 },
                    loose: None,
                    unwiped: loose.header.number,
                    ..scan
                });
            }
            (Some(_), _) | (None, Some(_)) => self.frames(scan),
            (None, None) => {
                self.page = None;
                self.number = scan.highest;
                self.seq = 0;
                self.places = [None; KINDS];
                self.found = if scan.lost || scan.debris { Found::Lost } else { Found::Blank };
                self.finish(Ok(()));
            }
        }
    }

    /// Begins to read the frames of the chosen page.
    fn frames(&mut self, scan: Scan) {
        let Some(candidate) = scan.chosen() else { return self.chosen(scan) };
        self.page = Some(candidate.page);
        self.number = scan.highest;
        self.places = [None; KINDS];
        self.seq = 0;
        self.end = 0;
        let at = self.part_of(candidate.page).map_or(0, |part| offsets(part).1);
        self.scanning(Scan { stage: Stage::FrameHead { at }, ..scan });
    }

    fn frame_head(&mut self, scan: Scan, at: u32, head: Option<FrameHead>) {
        let room = scan.chosen().and_then(|c| self.region(c.page)).map_or(0, |r| r.len());
        let head = head.filter(|head| {
            let len = HEAD as u32 + TAIL as u32 + u32::from(head.len);
            at.checked_add(len).is_some_and(|end| end <= room.min(scan.limit))
                && (self.end == 0 || head.seq > self.seq)
        });
        match head {
            Some(head) => {
                let mut crc = Crc::NEW;
                crc.update(&head.emit());
                let frame = Frame { at, head, pos: 0, crc, walk: Walk::NEW, kinds: Kinds::NONE, tail: 0 };
                self.scanning(Scan { stage: Stage::Frame(frame), ..scan });
            }
            None => self.scanned(scan),
        }
    }

    fn frame_bytes(&mut self, scan: Scan, mut frame: Frame) {
        let base = frame.at.saturating_add(HEAD as u32);
        let len = u32::from(frame.head.len);
        let left = len.saturating_add(TAIL as u32).saturating_sub(frame.pos).min(CHUNK as u32);
        let from = base.saturating_add(frame.pos);
        let got = self.was_read(from, left as u16).len();
        for n in 0..got {
            let Some(byte) = self.was_read(from, left as u16).get(n).copied() else { break };
            if frame.pos < len {
                frame.crc.byte(byte);
                match frame.walk.byte(byte) {
                    Ok(None) => {}
                    Ok(Some(record)) => {
                        let behind = base.saturating_add(frame.pos).saturating_add(1);
                        let at = behind.saturating_sub(u32::from(record.len));
                        let place = Place { at, len: record.len, crc: record.crc };
                        if let Some(slot) = self.places.get_mut(record.kind.index()) {
                            *slot = Some(place);
                        }
                        frame.kinds = frame.kinds.with(record.kind);
                    }
                    Err(()) => return self.frame_broken(scan, frame.at),
                }
            } else {
                frame.tail = frame.tail >> 8 | u32::from(byte) << 24;
            }
            frame.pos = frame.pos.saturating_add(1);
        }
        if got == 0 {
            return self.frame_broken(scan, frame.at);
        }
        if frame.pos < len.saturating_add(TAIL as u32) {
            return self.scanning(Scan { stage: Stage::Frame(frame), ..scan });
        }
        let whole =
            frame.tail == frame.crc.value() && frame.walk.between() && frame.kinds == frame.head.kinds;
        if !whole {
            return self.frame_broken(scan, frame.at);
        }
        let unit = scan.chosen().and_then(|c| self.part_of(c.page)).map_or(1, |part| part.unit());
        self.seq = frame.head.seq;
        self.end = round_up(base.saturating_add(len).saturating_add(TAIL as u32), unit);
        let room = scan.chosen().and_then(|c| self.region(c.page)).map_or(0, |region| region.len());
        if self.end.saturating_add((HEAD + TAIL) as u32) > room {
            return self.scanned(Scan { clean: true, ..scan });
        }
        self.scanning(Scan { stage: Stage::FrameHead { at: self.end }, ..scan });
    }

    /// A frame is not whole: it and all behind it count as absent. What was taken from it is taken back.
    fn frame_broken(&mut self, scan: Scan, at: u32) {
        self.frames(Scan { limit: at, ..scan });
    }

    /// All frames of the chosen page are known.
    fn scanned(&mut self, scan: Scan) {
        let Some(chosen) = scan.chosen() else { return self.chosen(scan) };
        if self.end < chosen.header.end {
            // The snapshot is broken: what was told by this page is lost. An older page is better than none.
            let number = chosen.header.number;
            return self.scanning(Scan { below: number, lost: true, ..Scan::begin() });
        }
        self.found = if scan.lost { Found::Lost } else { Found::Whole };
        // Behind a snapshot may lie the rest of a frame that was cut: it is no frame now, and could read as one
        // the next time.
        let settled = chosen.seal == Seal::Whole && self.end == chosen.header.end && scan.clean;
        if settled && !scan.lost {
            self.finish(Ok(()));
        } else {
            self.kinds = Kinds::NONE;
            self.len = 0;
            self.task = Task::Write(Writing::turn());
            self.turn_begins(Some(chosen));
        }
    }

    /// A record read well when its frame was found and does not now, before anyone acted on it: the frame
    /// that holds it counts as absent.
    pub(super) fn scan_again(&mut self, sealed: Candidate, record: Place) {
        let lost = self.found == Found::Lost;
        let highest = self.number;
        self.frames(Scan { sealed: Some(sealed), limit: record.at, highest, lost, ..Scan::begin() });
    }
}
