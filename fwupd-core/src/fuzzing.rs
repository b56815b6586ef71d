//! Journal and staging writer as planners of their own, and situations of an updater, for tests outside this
//! crate. Not a part of the interface: it may change in any release.

use crate::flash::journal::{self, Journal, JournalFault, Kind};
use crate::flash::stage::{Stage, Staged};
use crate::flash::{FlashFault, Layout, Op, Planner};
use crate::image::{Image, SlotId, Verified};
use crate::time::Now;
pub use crate::updater::Situation;

/// An image that is taken to be in its slot, every byte of it checked.
pub fn taken_as_verified(image: Image, slot: SlotId) -> Verified {
    Verified::vouch(image, slot)
}

/// Kinds of record that [`JournalRig`] takes: 0 to 9.
pub const KINDS: u8 = 10;

/// What a journal was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Never written.
    Blank,
    /// Whole.
    Whole,
    /// All or the newest part of it is lost.
    Lost,
}

/// Why the journal could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The flash failed twice over.
    Flash,
    /// The records do not fit.
    Full,
    /// There is no such record, or no such kind.
    Absent,
}

/// A journal with a frame buffer of `BUF` bytes.
#[derive(Debug)]
pub struct JournalRig<const BUF: usize>(Journal<BUF>);

impl<const BUF: usize> JournalRig<BUF> {
    /// A journal that has been told to start.
    pub fn new(layout: Layout) -> Self {
        let mut journal = Journal::new(layout);
        journal.start();
        Self(journal)
    }

    /// Begins to read the journal back, as after a reset.
    pub fn start(&mut self) {
        self.0.start();
    }

    /// What the last start found.
    pub fn found(&self) -> Found {
        match self.0.found() {
            journal::Found::Blank => Found::Blank,
            journal::Found::Whole => Found::Whole,
            journal::Found::Lost => Found::Lost,
        }
    }

    /// Whether an operation is owed.
    pub fn busy(&self) -> bool {
        self.0.busy()
    }

    /// The result of what was asked last.
    ///
    /// # Errors
    /// Any [`Fault`].
    pub fn result(&self) -> Result<(), Fault> {
        self.0.result().map_err(Fault::from)
    }

    /// Begins to write records as one frame.
    ///
    /// # Errors
    /// `Full` if they do not fit in the buffer, `Absent` for an unknown kind; nothing is begun then.
    pub fn commit<'r>(&mut self, records: impl IntoIterator<Item = (u8, &'r [u8])>) -> Result<(), Fault> {
        self.0.begin();
        for (number, bytes) in records {
            self.0.put(kind(number)?, |room| {
                room.get_mut(..bytes.len())?.copy_from_slice(bytes);
                Some(bytes.len())
            })?;
        }
        self.0.commit();
        Ok(())
    }

    /// Whether there is a record of a kind.
    pub fn has(&self, number: u8) -> bool {
        kind(number).is_ok_and(|kind| self.0.has(kind))
    }

    /// Begins to read the newest record of a kind.
    ///
    /// # Errors
    /// `Absent` for an unknown kind.
    pub fn read(&mut self, number: u8) -> Result<(), Fault> {
        self.0.read(kind(number)?);
        Ok(())
    }

    /// The record that was read last.
    pub fn record(&self) -> &[u8] {
        self.0.record()
    }
}

impl<const BUF: usize> Planner for JournalRig<BUF> {
    fn next_op(&mut self) -> Option<Op<'_>> {
        self.0.next_op()
    }

    fn done(&mut self, result: Result<(), FlashFault>, _: Now) {
        self.0.done(result);
    }
}

impl From<JournalFault> for Fault {
    fn from(fault: JournalFault) -> Self {
        match fault {
            JournalFault::Flash => Self::Flash,
            JournalFault::Full => Self::Full,
            JournalFault::Absent => Self::Absent,
        }
    }
}

fn kind(number: u8) -> Result<Kind, Fault> {
    let fixed = [Kind::BOOT, Kind::STATE, Kind::SLOTS, Kind::SOURCE, Kind::PROGRESS, Kind::TRUST];
    let note = || Kind::note(number.checked_sub(fixed.len() as u8)?);
    fixed.get(usize::from(number)).copied().or_else(note).ok_or(Fault::Absent)
}

/// The staging writer, with the head that it keeps.
#[derive(Debug)]
pub struct StageRig<'h> {
    stage: Stage,
    head: &'h [u8],
    head_kept: bool,
    checkpoint: Option<u32>,
}

impl<'h> StageRig<'h> {
    /// A writer for an image of `size` bytes; an empty head is none. `None` if the slot is too small.
    pub fn new(layout: &Layout, slot: SlotId, size: u32, head: &'h [u8]) -> Option<Self> {
        let stage = Stage::new(layout, slot, size, u32::try_from(head.len()).ok()?)?;
        Some(Self { stage, head, head_kept: false, checkpoint: None })
    }

    /// The same writer after a reset, going on from a checkpoint or from 0; `None` if it cannot.
    #[must_use]
    pub fn resumed(self, checkpoint: u32) -> Option<Self> {
        Some(Self { stage: self.stage.resumed(checkpoint)?, ..self })
    }

    /// Bytes of the image taken so far.
    pub fn offset(&self) -> u32 {
        self.stage.offset()
    }

    /// Whether an operation is owed.
    pub fn busy(&self) -> bool {
        self.stage.busy()
    }

    /// How many bytes can be pushed now.
    pub fn room(&self) -> u32 {
        self.stage.room()
    }

    /// Takes as many bytes as there is room for, and says how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        self.stage.push(bytes)
    }

    /// Whether the head has been written.
    pub fn head_kept(&self) -> bool {
        self.head_kept
    }

    /// The checkpoint that the last operation has led to, if it has; told once.
    pub fn take_checkpoint(&mut self) -> Option<u32> {
        self.checkpoint.take()
    }
}

impl Planner for StageRig<'_> {
    fn next_op(&mut self) -> Option<Op<'_>> {
        self.stage.op(self.head)
    }

    /// An operation that failed stays owed.
    fn done(&mut self, result: Result<(), FlashFault>, _: Now) {
        if result.is_err() {
            return;
        }
        match self.stage.done() {
            Staged::Going => {}
            Staged::HeadKept => self.head_kept = true,
            Staged::Checkpoint(at) => self.checkpoint = Some(at),
        }
    }
}
