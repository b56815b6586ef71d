//! What was asked of the flash, in numbers and in order.

use fwupd_core::flash::OpKind;

/// Operations and bytes. An operation counts when it is issued, whatever becomes of it: done, failed or cut.
/// Requests that were refused and requests without power do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Erases.
    pub erases: u64,
    /// Bytes asked for by the reads.
    pub bytes_read: u64,
    /// Bytes given to the writes.
    pub bytes_written: u64,
    /// Bytes of the erased sectors.
    pub bytes_erased: u64,
}

impl Counts {
    /// Operations of all kinds.
    pub fn ops(&self) -> u64 {
        self.reads + self.mutating()
    }

    /// Writes and erases.
    pub fn mutating(&self) -> u64 {
        self.writes + self.erases
    }

    pub(super) fn add(&mut self, op: OpKind, len: u32) {
        let (ops, bytes) = match op {
            OpKind::Read => (&mut self.reads, &mut self.bytes_read),
            OpKind::Write => (&mut self.writes, &mut self.bytes_written),
            OpKind::Erase => (&mut self.erases, &mut self.bytes_erased),
        };
        *ops += 1;
        *bytes += u64::from(len);
    }
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was done.
    Done,
    /// It failed: by [`fail_at`](super::SimFlash::fail_at), or a read of an unreadable word.
    Failed,
    /// The power was cut in it.
    Cut,
}

/// One operation of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The kind of the operation.
    pub op: OpKind,
    /// Flash device.
    pub part: u8,
    /// Address, bytes.
    pub at: u32,
    /// Length, bytes.
    pub len: u32,
    /// How many units it has in which it can be interrupted (see [`CutPlace`](super::CutPlace)): the words
    /// of a write, the bytes of an erased sector, 0 for a read.
    pub places: u32,
    /// What became of it.
    pub end: End,
}
