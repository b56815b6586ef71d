//! What the adapter keeps beside the lifecycle: 36 bytes of the journal, in the frame of its command.

use fwupd_core::outcome::Run;
use fwupd_core::time::Deadline;

use crate::spec::{Severity, UpdateResult};

/// What only this protocol knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// An Update Result of its own (a refusal, a reset, a cancellation), shown until a run behind this one.
    pub own: Option<(Run, UpdateResult)>,
    /// /5/0/11.
    pub severity: Severity,
    /// /5/0/13, seconds; absent until it is written.
    pub max_defer: Option<u32>,
    /// Whether /5/0/1 shows the URI that the updater keeps.
    pub uri: Uri,
    /// Until when the installation may be put off.
    pub deadline: Option<Deadline>,
    /// When a command last changed the state, seconds since 1970-01-01 UTC.
    pub changed: Option<u64>,
}

/// What /5/0/1 shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uri {
    /// Nothing: it was never written, or was written empty.
    Empty,
    /// What was written last.
    Kept,
}

impl Note {
    /// That of a device that has none.
    pub const FRESH: Self = Self {
        own: None,
        severity: Severity::Mandatory,
        max_defer: None,
        uri: Uri::Empty,
        deadline: None,
        changed: None,
    };
    /// Its length, bytes.
    pub const LEN: usize = 36;
    const FORMAT: u8 = 1;
    const OWN: u8 = 1;
    const MAX_DEFER: u8 = 2;
    const KEPT: u8 = 4;
    const DEADLINE: u8 = 8;
    const DEADLINE_WALL: u8 = 16;
    const CHANGED: u8 = 32;

    /// Its bytes, numbers big-endian:
    ///
    /// ```text
    /// 0 format 1      2 run (4)       7 severity       12 deadline's period, ms (8)      28 changed (8)
    /// 1 what is there 6 own result    8 max_defer (4)  20 deadline's wall time, ms (8)
    /// ```
    pub fn emit(&self) -> [u8; Self::LEN] {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let (run, result) = self.own.unwrap_or((Run(0), UpdateResult::Initial));
        let wall = self.deadline.and_then(|deadline| deadline.wall);
        let flags = flag(self.own.is_some(), Self::OWN)
            | flag(self.max_defer.is_some(), Self::MAX_DEFER)
            | flag(self.uri == Uri::Kept, Self::KEPT)
            | flag(self.deadline.is_some(), Self::DEADLINE)
            | flag(wall.is_some(), Self::DEADLINE_WALL)
            | flag(self.changed.is_some(), Self::CHANGED);
        let mut bytes = [0; Self::LEN];
        let mut out = crate::wire::Out::new(&mut bytes);
        out.put(&[Self::FORMAT, flags]);
        out.put(&run.0.to_be_bytes());
        out.put(&[result as u8, self.severity as u8]);
        out.put(&self.max_defer.unwrap_or(0).to_be_bytes());
        out.put(&self.deadline.map_or(0, |deadline| deadline.period).to_be_bytes());
        out.put(&wall.unwrap_or(0).to_be_bytes());
        out.put(&self.changed.unwrap_or(0).to_be_bytes());
        bytes
    }

    /// Reads one back; `None` for bytes that are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[format, flags], rest) = bytes.split_first_chunk()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (&[result, severity], rest) = rest.split_first_chunk()?;
        let (max_defer, rest) = rest.split_first_chunk()?;
        let (period, rest) = rest.split_first_chunk()?;
        let (wall, rest) = rest.split_first_chunk()?;
        let (changed, rest) = rest.split_first_chunk()?;
        if format != Self::FORMAT || !rest.is_empty() {
            return None;
        }
        let is = |bit: u8| flags & bit != 0;
        let own = (Run(u32::from_be_bytes(*run)), UpdateResult::from_number(result)?);
        let wall = is(Self::DEADLINE_WALL).then(|| u64::from_be_bytes(*wall));
        // The boot that reads it says when the deadline ends: `Deadline::rebased`.
        let deadline = Deadline { period: u64::from_be_bytes(*period), wall, at: u64::MAX };
        Some(Self {
            own: is(Self::OWN).then_some(own),
            severity: Severity::from_number(severity)?,
            max_defer: is(Self::MAX_DEFER).then(|| u32::from_be_bytes(*max_defer)),
            uri: if is(Self::KEPT) { Uri::Kept } else { Uri::Empty },
            deadline: is(Self::DEADLINE).then_some(deadline),
            changed: is(Self::CHANGED).then(|| u64::from_be_bytes(*changed)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_and_fits_the_journal() {
        let full = Note {
            own: Some((Run(0x0102_0304), UpdateResult::Cancelled)),
            severity: Severity::Optional,
            max_defer: Some(u32::MAX),
            uri: Uri::Kept,
            deadline: Some(Deadline { period: 30_000, wall: Some(1_700_000_000_000), at: u64::MAX }),
            changed: Some(1_700_000_000),
        };
        for note in [Note::FRESH, full] {
            assert_eq!(Note::parse(&note.emit()), Some(note));
        }
        const { assert!(Note::LEN <= fwupd_core::updater::NOTE_MAX) };
    }

    /// Do not change this test: devices hold these bytes.
    #[test]
    fn the_bytes_of_a_note_stay_as_they_are() {
        let note = Note {
            own: Some((Run(7), UpdateResult::Cancelled)),
            max_defer: Some(30),
            uri: Uri::Kept,
            changed: Some(0x6543_2100),
            ..Note::FRESH
        };
        let mut bytes = vec![1, 0b10_0111, 0, 0, 0, 7, 10, 1, 0, 0, 0, 30];
        bytes.extend([0; 16]);
        bytes.extend([0, 0, 0, 0, 0x65, 0x43, 0x21, 0x00]);
        assert_eq!(note.emit()[..], bytes);
    }

    #[test]
    fn other_bytes_are_no_note() {
        let good = Note::FRESH.emit();
        assert_eq!(Note::parse(&good[1..]), None);
        assert_eq!(Note::parse(&[&good[..], &[0]].concat()), None);
        for (at, byte) in [(0, 2), (6, 12), (7, 3)] {
            let mut bytes = good;
            bytes[at] = byte;
            assert_eq!(Note::parse(&bytes), None, "{at}");
        }
    }
}
