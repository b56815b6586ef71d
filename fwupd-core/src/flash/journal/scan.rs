//! Finding the current page, and the newest record of each kind in it.

use super::super::crc::Crc;
use super::format::{FrameHead, HEAD, HEADER, Header, KINDS, Kind, Kinds, MARK, TAIL, Walk, offsets};
use super::write::Writing;
use super::{FlashFault, Found, Journal, Op, Place, Span, Task, round_up};

/// The number of the first page.
const FIRST: u32 = 1;

/// A page that may be the current one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    page: u8,
    header: Header,
    marks: Marks,
}

/// What is found of the three marks of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    seal: Mark,
    stands: Mark,
    open: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Whole,
    /// Begun, so that what comes before it is whole.
    Begun,
    Missing,
}

impl Candidate {
    /// What the newest page has most of. Two pages have one number only where one of them is none of ours.
    fn rank(&self) -> (u32, u8) {
        (self.header.number, self.page)
    }
}

impl Marks {
    const MISSING: Self = Self { seal: Mark::Missing, stands: Mark::Missing, open: Mark::Missing };

    /// Whether the snapshot is whole: a mark is begun after what comes before it was done.
    fn sealed(self) -> bool {
        self != Self::MISSING
    }

    /// Whether somebody may have acted on the page.
    fn acted_on(self) -> bool {
        (self.stands, self.open) != (Mark::Missing, Mark::Missing)
    }

    fn set(&mut self, n: u8, mark: Mark) {
        match n {
            0 => self.seal = mark,
            1 => self.stands = mark,
            _ => self.open = mark,
        }
    }
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
    /// The n-th mark.
    Mark {
        page: u8,
        header: Option<Header>,
        marks: Marks,
        n: u8,
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
    /// Only pages of a lower rank count: those from it on were found broken.
    below: Option<(u32, u8)>,
    /// Only pages without a seal of a lower number need to be erased: those from it on have been.
    unwiped: u32,
    /// The frame that reaches beyond this, and all behind it, were found broken.
    limit: u32,
    /// The highest number of a page. Later pages get higher ones, whatever became of this one.
    highest: u32,
    /// A page holds something that is no header of ours before a mark.
    debris: bool,
    /// A page's snapshot is broken.
    lost: bool,
}

impl Scan {
    pub(super) fn begin() -> Self {
        Self {
            stage: Stage::Header { page: 0 },
            sealed: None,
            loose: None,
            below: None,
            unwiped: u32::MAX,
            limit: u32::MAX,
            highest: 0,
            debris: false,
            lost: false,
        }
    }

    fn chosen(&self) -> Option<Candidate> {
        self.sealed.or(self.loose)
    }

    fn at(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }
}

/// What comes of a stage.
enum Next {
    /// Another one.
    Stage(Scan),
    /// An operation is needed first.
    Op(Scan),
    /// Nothing: the scan has ended, or led to something else.
    Ended,
}

impl<const BUF: usize> Journal<BUF> {
    pub(super) fn scan_op(&mut self, scan: Scan) -> Option<Op<'_>> {
        // A read names its page by the current one.
        let (page, at, len) = match scan.stage {
            Stage::Header { page } => (page, 0, HEADER),
            Stage::Mark { page, n, .. } => (page, self.mark_at(page, n)?, MARK),
            Stage::Wipe { page, at } => {
                let region = self.region(page)?;
                let (from, to) = self.part_of(page)?.sector(region.from.checked_add(at)?)?;
                return Some(Op::Erase { part: region.part, from, to });
            }
            Stage::FrameHead { at } => (scan.chosen()?.page, at, HEAD as u32),
            Stage::Frame(frame) => {
                let left = u32::from(frame.head.len).checked_add(TAIL as u32)?.checked_sub(frame.pos)?;
                let at = frame.at.checked_add(HEAD as u32)?.checked_add(frame.pos)?;
                (scan.chosen()?.page, at, left)
            }
        };
        self.page = Some(page);
        self.read_op(at, len)
    }

    pub(super) fn scan_done(&mut self, scan: Scan, result: Result<(), FlashFault>) {
        let mut failed = result.is_err();
        let mut next = match scan.stage {
            Stage::Wipe { page, at } => {
                self.window = Span::default();
                self.wiped(scan, page, at, failed)
            }
            Stage::Header { .. } | Stage::Mark { .. } | Stage::FrameHead { .. } | Stage::Frame(_) => {
                self.look(scan, failed)
            }
        };
        while let Next::Stage(scan) = next {
            failed = false;
            next = self.look(scan, failed);
        }
        if let Next::Op(scan) = next {
            self.task = Task::Scan(scan);
        }
    }

    /// Looks at what a stage is about, if that has been read, or has failed to be.
    fn look(&mut self, scan: Scan, failed: bool) -> Next {
        match scan.stage {
            Stage::Header { page } => {
                self.page = Some(page);
                let bytes = self.window(0).get(..HEADER as usize);
                if bytes.is_none() && !failed {
                    return Next::Op(scan);
                }
                let header = bytes.filter(|_| !failed).and_then(|bytes| Header::parse(page, bytes));
                Next::Stage(scan.at(Stage::Mark { page, header, marks: Marks::MISSING, n: 0 }))
            }
            Stage::Mark { page, header, mut marks, n } => {
                let (Some(part), Some(at)) = (self.part_of(page), self.mark_at(page, n)) else {
                    return self.chosen(scan);
                };
                let bytes = self.window(at).get(..MARK as usize);
                let mark = match bytes {
                    _ if failed => Mark::Begun,
                    None => return Next::Op(scan),
                    Some(bytes) if bytes.iter().all(|b| *b == !part.erased) => Mark::Whole,
                    Some(bytes) if bytes.iter().all(|b| *b == part.erased) => Mark::Missing,
                    Some(_) => Mark::Begun,
                };
                marks.set(n, mark);
                match n {
                    0 | 1 => {
                        Next::Stage(scan.at(Stage::Mark { page, header, marks, n: n.saturating_add(1) }))
                    }
                    _ => self.marked(scan, page, header, marks),
                }
            }
            Stage::Wipe { .. } => Next::Op(scan),
            Stage::FrameHead { at } => {
                let bytes = self.window(at).first_chunk::<HEAD>();
                let head = match bytes {
                    _ if failed || self.behind_the_last(scan, at, 0) => None,
                    None => return Next::Op(scan),
                    Some(bytes) => FrameHead::parse(bytes),
                };
                self.frame_head(scan, at, head)
            }
            Stage::Frame(frame) if failed => self.frame_broken(scan, frame.at),
            Stage::Frame(frame) => self.frame_bytes(scan, frame),
        }
    }

    /// Where the n-th mark of a page begins.
    pub(super) fn mark_at(&self, page: u8, n: u8) -> Option<u32> {
        offsets(self.part_of(page)?).marks.get(usize::from(n)).copied()
    }

    /// Offset of the sector behind the one at `at`, if the page has one that is used.
    pub(super) fn sector_behind(&self, page: u8, at: u32) -> Option<u32> {
        let region = self.region(page)?;
        let (_, to) = self.part_of(page)?.sector(region.from.checked_add(at)?)?;
        Some(to.saturating_sub(region.from)).filter(|behind| *behind < self.used(page))
    }

    fn wiped(&mut self, scan: Scan, page: u8, at: u32, failed: bool) -> Next {
        match self.sector_behind(page, at) {
            // What cannot be erased stays as it is.
            _ if failed => self.frames(scan),
            Some(at) => Next::Op(scan.at(Stage::Wipe { page, at })),
            // There may be another one.
            None => {
                let Scan { below, unwiped, lost, .. } = scan;
                Next::Stage(Scan { below, unwiped, lost, ..Scan::begin() })
            }
        }
    }

    /// Header and marks of a page are known.
    fn marked(&mut self, mut scan: Scan, page: u8, header: Option<Header>, marks: Marks) -> Next {
        match header {
            None => scan.debris |= marks.sealed(),
            Some(header) => {
                // The last number is never given: nothing could come after it.
                if header.number < u32::MAX {
                    scan.highest = scan.highest.max(header.number);
                }
                let candidate = Candidate { page, header, marks };
                let whole = scan.below.is_none_or(|below| candidate.rank() < below);
                let (best, counts) = match marks.sealed() {
                    false => (&mut scan.loose, whole && header.number < scan.unwiped),
                    true => (&mut scan.sealed, whole),
                };
                if counts && best.is_none_or(|best| best.rank() < candidate.rank()) {
                    *best = Some(candidate);
                }
            }
        }
        match page.checked_add(1).filter(|next| self.region(*next).is_some()) {
            Some(page) => Next::Stage(scan.at(Stage::Header { page })),
            None => self.chosen(scan),
        }
    }

    /// All headers are known.
    fn chosen(&mut self, scan: Scan) -> Next {
        let wipe = |loose: Candidate| {
            let unwiped = loose.header.number;
            Next::Op(Scan { stage: Stage::Wipe { page: loose.page, at: 0 }, loose: None, unwiped, ..scan })
        };
        match (scan.sealed, scan.loose) {
            (Some(sealed), Some(loose)) if loose.header.number > sealed.header.number => wipe(loose),
            // The first page of all has none before it that could have been erased: without a seal it never
            // counted, and may not come to count.
            (None, Some(loose)) if loose.header.number == FIRST => wipe(loose),
            (Some(_), _) | (None, Some(_)) => self.frames(scan),
            (None, None) => {
                self.page = None;
                self.number = scan.highest;
                self.seq = 0;
                self.places = [None; KINDS];
                self.found = if scan.lost || scan.debris { Found::Lost } else { Found::Blank };
                self.finish(Ok(()));
                Next::Ended
            }
        }
    }

    /// Begins to read the frames of the chosen page.
    fn frames(&mut self, scan: Scan) -> Next {
        let Some(candidate) = scan.chosen() else { return self.chosen(scan) };
        self.page = Some(candidate.page);
        self.number = scan.highest;
        self.places = [None; KINDS];
        self.seq = 0;
        self.end = 0;
        let at = self.part_of(candidate.page).map_or(0, |part| offsets(part).body);
        Next::Stage(scan.at(Stage::FrameHead { at }))
    }

    /// Whether there can be no frame with `len` bytes of records at `at` of the chosen page.
    fn behind_the_last(&self, scan: Scan, at: u32, len: u16) -> bool {
        let Some(chosen) = scan.chosen() else { return true };
        // Of a page that is not open only the snapshot was written.
        let snapshot = chosen.marks.sealed() && chosen.marks.open == Mark::Missing;
        let most = if snapshot { chosen.header.end } else { u32::MAX };
        let bare = (HEAD + TAIL) as u32 + u32::from(len);
        let most = most.min(self.used(chosen.page)).min(scan.limit);
        at.checked_add(bare).is_none_or(|end| end > most)
    }

    fn frame_head(&mut self, scan: Scan, at: u32, head: Option<FrameHead>) -> Next {
        let head = head.filter(|head| {
            !self.behind_the_last(scan, at, head.len) && (self.end == 0 || head.seq > self.seq)
        });
        match head {
            Some(head) => {
                let mut crc = Crc::NEW;
                crc.update(&head.emit());
                self.before = self.places;
                let frame = Frame { at, head, pos: 0, crc, walk: Walk::NEW, kinds: Kinds::NONE, tail: 0 };
                Next::Stage(scan.at(Stage::Frame(frame)))
            }
            None => self.scanned(scan),
        }
    }

    fn frame_bytes(&mut self, scan: Scan, mut frame: Frame) -> Next {
        let base = frame.at.saturating_add(HEAD as u32);
        let len = u32::from(frame.head.len);
        let all = len.saturating_add(TAIL as u32);
        while frame.pos < all {
            let Some(byte) = self.window(base.saturating_add(frame.pos)).first().copied() else {
                return Next::Op(scan.at(Stage::Frame(frame)));
            };
            let pos = frame.pos;
            frame.pos = pos.saturating_add(1);
            if pos >= len {
                frame.tail = frame.tail >> 8 | u32::from(byte) << 24;
                continue;
            }
            frame.crc.byte(byte);
            let record = match frame.walk.byte(byte) {
                Ok(None) => continue,
                Ok(Some(record)) => record,
                Err(()) => return self.frame_broken(scan, frame.at),
            };
            let at = base.saturating_add(frame.pos).saturating_sub(u32::from(record.len));
            if let Some(slot) = self.places.get_mut(record.kind.index()) {
                *slot = Place::new(at, record.len, record.crc);
            }
            frame.kinds = frame.kinds.with(record.kind);
        }
        let whole =
            frame.tail == frame.crc.value() && frame.walk.between() && frame.kinds == frame.head.kinds;
        if !whole {
            return self.frame_broken(scan, frame.at);
        }
        let unit = scan.chosen().and_then(|c| self.part_of(c.page)).map_or(1, |part| part.unit());
        self.seq = frame.head.seq;
        self.end = round_up(base.saturating_add(all), unit);
        Next::Stage(scan.at(Stage::FrameHead { at: self.end }))
    }

    /// A frame is not whole: it and all behind it count as absent. What was taken from it is taken back.
    fn frame_broken(&mut self, scan: Scan, at: u32) -> Next {
        self.places = self.before;
        self.scanned(Scan { limit: at, ..scan })
    }

    /// All frames of the chosen page are known.
    fn scanned(&mut self, scan: Scan) -> Next {
        let Some(chosen) = scan.chosen() else { return self.chosen(scan) };
        if self.end < chosen.header.end {
            // The snapshot is broken: what was told by this page is lost, if it told anything. Nobody has acted on
            // a page without the mark behind its seal: such a one may be the rest of a turn that failed, of which
            // the erase that began it anew was cut. An older page is better than none.
            let lost = scan.lost || chosen.marks.acted_on();
            return Next::Stage(Scan { below: Some(chosen.rank()), lost, ..Scan::begin() });
        }
        // Where another page of the same number is whole, nothing is lost: the broken one is what a cut has left.
        let older = scan.below.is_none_or(|(number, _)| chosen.header.number < number);
        let scan = Scan { lost: scan.lost && older, ..scan };
        self.found = if scan.lost { Found::Lost } else { Found::Whole };
        // What lies behind a snapshot may be the rest of a frame that was cut: it is no frame now, and could read
        // as one the next time. And so could a seal that nobody knows to be whole read as none.
        let Marks { seal, stands, open } = chosen.marks;
        let settled = (seal, stands, open) == (Mark::Whole, Mark::Whole, Mark::Missing);
        // A page of a higher number that could not be erased may come to count by itself.
        let last = scan.highest <= chosen.header.number;
        if settled && last && scan.below.is_none() && !scan.lost {
            self.finish(Ok(()));
        } else {
            if scan.lost
                && let Some(place) = self.places.get_mut(Kind::SLOTS.index())
            {
                // An older truth of the slots is none: whoever reads the journal next is to know that it is missing.
                *place = None;
            }
            self.kinds = Kinds::NONE;
            self.len = 0;
            self.task = Task::Write(Writing::turn());
            self.turn_begins(Some(chosen));
        }
        Next::Ended
    }

    /// A record read well when its frame was found and does not now, before anyone acted on it: the frame
    /// that holds it counts as absent.
    pub(super) fn scan_again(&mut self, sealed: Candidate, record: Place) {
        let lost = self.found == Found::Lost;
        let highest = self.number;
        self.window = Span::default();
        let next =
            self.frames(Scan { sealed: Some(sealed), limit: record.at(), highest, lost, ..Scan::begin() });
        if let Next::Stage(scan) | Next::Op(scan) = next {
            self.task = Task::Scan(scan);
        }
    }
}
