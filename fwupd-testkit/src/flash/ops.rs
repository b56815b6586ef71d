//! The three operations.

use embedded_storage::nor_flash::{NorFlashError, NorFlashErrorKind};
use fwupd_core::flash::{Op, OpKind, Parts};

use super::fault::Tear;
use super::store::Word;
use super::torn::{Cells, CutPlace, Torn, TornModel, tear};
use super::{End, LogEntry, Rule, SimError, SimFlash, Violation};

/// What a read leaves in the buffer when it fails.
const JUNK: u8 = 0xA5;

impl Parts for SimFlash {
    type Error = SimError;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, SimError)> {
        match op {
            Op::Read { part, at, into } => self.read(*part, *at, into),
            Op::Write { part, at, bytes } => self.write(*part, *at, bytes),
            Op::Erase { part, from, to } => self.erase(*part, *from, *to),
        }
        .map_err(|e| (e.kind(), e))
    }
}

/// A request, before anything is known about it.
#[derive(Clone, Copy)]
struct Request {
    op: OpKind,
    part: u8,
    at: u32,
    len: u32,
}

impl SimFlash {
    /// Reads `into.len()` bytes. A read that fails leaves junk in the buffer.
    ///
    /// # Errors
    /// Any [`SimError`].
    pub fn read(&mut self, part: u8, at: u32, into: &mut [u8]) -> Result<(), SimError> {
        let request = Request { op: OpKind::Read, part, at, len: length(into.len()) };
        self.admit_slice(request, into.as_ptr().addr())?;
        let result = match self.faults.next(OpKind::Read) {
            Some(tear) => Err(self.interrupted(&tear)),
            None => self.stores[usize::from(part)]
                .read(at, into, &mut self.noise)
                .map_err(|at| SimError::Unreadable { part, at }),
        };
        if result.is_err() {
            into.fill(JUNK);
        }
        self.count(request, 0, result)
    }

    /// Writes: bits move away from the erased value and never back.
    ///
    /// # Errors
    /// Any [`SimError`] but `Unreadable`.
    pub fn write(&mut self, part: u8, at: u32, bytes: &[u8]) -> Result<(), SimError> {
        let request = Request { op: OpKind::Write, part, at, len: length(bytes.len()) };
        self.admit_slice(request, bytes.as_ptr().addr())?;
        self.check_words(request);
        let ends = self.faults.next(OpKind::Write);
        let store = &mut self.stores[usize::from(part)];
        let (word, erased) = (store.part().write, store.part().erased);
        let old = store.cells(at, bytes.len());
        let mut after = old.programmed(bytes, erased);
        if let Some(Tear { place, model, .. }) = &ends {
            after = tear(Torn::Write(usize::from(word)), *place, model, &old, &after);
        }
        store.put(at, &after);
        if reached(&ends) {
            store.mark(at, bytes.len(), Word::Written);
        }
        let result = ends.map_or(Ok(()), |tear| Err(self.interrupted(&tear)));
        self.count(request, request.len / u32::from(word), result)
    }

    /// Erases `from..to`, which must be exactly one sector.
    ///
    /// # Errors
    /// Any [`SimError`] but `Unreadable`.
    pub fn erase(&mut self, part: u8, from: u32, to: u32) -> Result<(), SimError> {
        let request = Request { op: OpKind::Erase, part, at: from, len: to.saturating_sub(from) };
        let sector = self.admit_erase(request, to)?;
        let ends = self.faults.next(OpKind::Erase);
        let store = &mut self.stores[usize::from(part)];
        let len = (to - from) as usize;
        match &ends {
            None => store.erase(sector),
            Some(Tear { place, model, .. }) => {
                let old = store.cells(from, len);
                let new = Cells::stable(vec![store.part().erased; len]);
                store.put(from, &tear(Torn::Erase, *place, model, &old, &new));
                if reached(&ends) {
                    store.mark(from, len, Word::Undefined);
                }
            }
        }
        if !matches!(ends, Some(Tear { place: CutPlace::Before, .. })) {
            self.wear[usize::from(part)][sector] += 1;
        }
        let result = ends.map_or(Ok(()), |tear| Err(self.interrupted(&tear)));
        self.count(request, request.len, result)
    }

    /// An operation was cut, or fails.
    fn interrupted(&mut self, tear: &Tear) -> SimError {
        match tear.model {
            TornModel::Unstable(seed) => self.noise.0 ^= seed,
            TornModel::Nothing
            | TornModel::RandomBits(_)
            | TornModel::Prefix
            | TornModel::Suffix
            | TornModel::Undefined(_)
            | TornModel::AllNew
            | TornModel::Unreadable => {}
        }
        if tear.cut {
            self.on = false;
            return SimError::PowerLost;
        }
        SimError::Fault
    }

    fn count(&mut self, request: Request, places: u32, result: Result<(), SimError>) -> Result<(), SimError> {
        let Request { op, part, at, len } = request;
        self.counts[usize::from(part)].add(op, len);
        if let Some(log) = &mut self.log {
            let end = match result {
                Ok(()) => End::Done,
                Err(SimError::PowerLost) => End::Cut,
                Err(
                    SimError::Fault
                    | SimError::Unreadable { .. }
                    | SimError::NotAligned
                    | SimError::OutOfBounds,
                ) => End::Failed,
            };
            log.push(LogEntry { op, part, at, len, places, end });
        }
        result
    }

    // What is let through to the flash.

    fn admit_slice(&mut self, request: Request, address: usize) -> Result<(), SimError> {
        let Request { op, at, len, .. } = request;
        let end = at.checked_add(len);
        let store = self.admit(request, end)?;
        let unit = u32::from(match op {
            OpKind::Read => store.part().read,
            OpKind::Write | OpKind::Erase => store.part().write,
        });
        if !at.is_multiple_of(unit) || !len.is_multiple_of(unit) {
            return Err(self.refuse(request, Rule::Misaligned));
        }
        if !address.is_multiple_of(self.buffer_align) {
            self.accuse(request, at, Rule::UnalignedBuffer);
        }
        Ok(())
    }

    fn admit_erase(&mut self, request: Request, to: u32) -> Result<usize, SimError> {
        let from = request.at;
        let store = self.admit(request, (from <= to).then_some(to))?;
        match store.sector(from, to) {
            Some(sector) => Ok(sector),
            None if from == to => Err(self.refuse(request, Rule::EmptyErase)),
            None => {
                let boundary = |at| store.is_boundary(at);
                let rule = if boundary(from) && boundary(to) { Rule::NotOneSector } else { Rule::Misaligned };
                Err(self.refuse(request, rule))
            }
        }
    }

    /// What goes for every request. `end` is `None` if it is not in 32 bits, or before the beginning.
    fn admit(&mut self, request: Request, end: Option<u32>) -> Result<&super::Store, SimError> {
        if !self.on {
            return Err(SimError::PowerLost);
        }
        let part = usize::from(request.part);
        match (self.stores.get(part).map(super::Store::len), end) {
            (None, _) => Err(self.refuse(request, Rule::NoSuchPart)),
            (Some(len), Some(end)) if end <= len => Ok(&self.stores[part]),
            (Some(_), _) => Err(self.refuse(request, Rule::OutOfRange)),
        }
    }

    fn check_words(&mut self, request: Request) {
        let store = &self.stores[usize::from(request.part)];
        let first = |state| {
            store.words(request.at, request.len as usize).find(|(_, word)| *word == state).map(|(at, _)| at)
        };
        let (written, undefined) = (first(Word::Written), first(Word::Undefined));
        if let Some(at) = written {
            self.accuse(request, at, Rule::WrittenTwice);
        }
        if let Some(at) = undefined {
            self.accuse(request, at, Rule::NotErased);
        }
    }

    fn refuse(&mut self, request: Request, rule: Rule) -> SimError {
        self.accuse(request, request.at, rule);
        match rule {
            Rule::NoSuchPart | Rule::OutOfRange => SimError::OutOfBounds,
            Rule::Misaligned
            | Rule::EmptyErase
            | Rule::NotOneSector
            | Rule::WrittenTwice
            | Rule::NotErased
            | Rule::UnalignedBuffer => SimError::NotAligned,
        }
    }

    fn accuse(&mut self, request: Request, at: u32, rule: Rule) {
        let Request { op, part, len, .. } = request;
        let before = self.total().ops();
        self.violations.push(Violation { before, op, part, at, len, rule });
    }
}

/// Whether the operation changes what is known of its words: also if it failed before it did anything,
/// because then the caller cannot know.
fn reached(ends: &Option<Tear>) -> bool {
    !matches!(ends, Some(Tear { cut: true, place: CutPlace::Before, .. }))
}

/// A buffer of 4 GiB or more is outside every flash device.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
