//! What the adapter keeps beside the lifecycle: up to 91 bytes of the journal, in the frame of its command.

use fwupd_core::outcome::{Reach, Run, What};
use fwupd_core::status::Status;

use crate::spec::{Action, PURL_MAX, UpdateResult};
use crate::wire::Out;
use crate::wire::time::Instant;

/// A package URL as it was written, up to 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Purl {
    len: u8,
    bytes: [u8; PURL_MAX],
}

impl Purl {
    /// None was written.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; PURL_MAX] };

    /// The URL; `None` if it is longer than there is room.
    pub fn new(text: &str) -> Option<Self> {
        let mut purl = Self::EMPTY;
        purl.set(text)?;
        Some(purl)
    }

    /// Becomes this URL; `None` if it is longer than there is room: then it stays what it is.
    pub(crate) fn set(&mut self, text: &str) -> Option<()> {
        let len = u8::try_from(text.len()).ok()?;
        let (filled, rest) = self.bytes.split_at_mut_checked(text.len())?;
        filled.copy_from_slice(text.as_bytes());
        rest.fill(0);
        self.len = len;
        Some(())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl core::fmt::Debug for Purl {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What only this protocol knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// purl.
    pub purl: Purl,
    /// swupdateaction: what is scheduled.
    pub action: Action,
    /// updatetime: when it is due, or was.
    pub time: Instant,
    /// lastupdate, seconds since 1970-01-01 UTC, once there was an update.
    pub updated: Option<u64>,
    /// What holds until a run behind this one.
    pub until: Option<(Run, Own)>,
}

/// What holds until another run begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// A result of its own: a refusal, or an action that had nothing to do.
    pub result: Option<UpdateResult>,
    /// The staged package was dropped for that of another URL: what it told of a newer version is void.
    pub dropped: bool,
}

impl Note {
    /// That of a device that has none.
    pub const FRESH: Self =
        Self { purl: Purl::EMPTY, action: Action::Idle, time: Instant::EPOCH, updated: None, until: None };
    /// Its greatest length, bytes.
    pub const LEN: usize = 27 + PURL_MAX;
    const FORMAT: u8 = 1;
    const UPDATED: u8 = 1;
    const UNTIL: u8 = 2;
    const RESULT: u8 = 4;
    const DROPPED: u8 = 8;

    /// What holds since the latest run.
    fn own(&self, status: &Status<'_>) -> Own {
        self.until.filter(|(run, _)| *run == status.run).map(|(_, own)| own).unwrap_or_default()
    }

    /// A result of its own, as long as no run has begun since.
    pub fn own_result(&self, status: &Status<'_>) -> Option<UpdateResult> {
        self.own(status).result
    }

    /// Whether the newer version known is void.
    pub fn dropped(&self, status: &Status<'_>) -> bool {
        self.own(status).dropped
    }

    /// What holds from now on, until another run begins.
    pub fn own_mut(&mut self, status: &Status<'_>) -> &mut Own {
        let own = self.own(status);
        &mut self.until.insert((status.run, own)).1
    }

    /// This result until another run begins.
    #[must_use]
    pub fn with_result(mut self, status: &Status<'_>, result: UpdateResult) -> Self {
        self.own_mut(status).result = Some(result);
        self
    }

    /// The staged package has been dropped.
    #[must_use]
    pub fn with_drop(mut self, status: &Status<'_>) -> Self {
        self.own_mut(status).dropped = true;
        self
    }

    /// The time of an update that has come to its end by now, whoever asked for it.
    #[must_use]
    pub fn learning(mut self, status: &Status<'_>) -> Self {
        let done = status.last.filter(|last| match (last.what, last.reach) {
            (What::Done, Reach::Activate(_)) => true,
            (What::Done, Reach::Check | Reach::Stage) | (What::Failed(_), _) => false,
        });
        self.updated = done.and_then(|last| last.wall).or(self.updated);
        self
    }

    /// Its bytes, and how many there are. Numbers are big-endian:
    ///
    /// ```text
    /// 0 format 1        2 run (4)      8 action           17 milliseconds (2)   27 purl (0 to 64)
    /// 1 what is there   6 result (2)   9 seconds (8)      19 updated (8)
    /// ```
    pub fn emit(&self) -> ([u8; Self::LEN], usize) {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let (run, own) = self.until.unwrap_or_default();
        let flags = flag(self.updated.is_some(), Self::UPDATED)
            | flag(self.until.is_some(), Self::UNTIL)
            | flag(own.result.is_some(), Self::RESULT)
            | flag(own.dropped, Self::DROPPED);
        let mut bytes = [0; Self::LEN];
        let mut out = Out::new(&mut bytes);
        out.put(&[Self::FORMAT, flags]);
        out.put(&run.0.to_be_bytes());
        out.put(&own.result.map_or(0, UpdateResult::number).to_be_bytes());
        out.put(&[self.action as u8]);
        out.put(&self.time.seconds().to_be_bytes());
        out.put(&self.time.millis().to_be_bytes());
        out.put(&self.updated.unwrap_or(0).to_be_bytes());
        out.put(self.purl.as_str().as_bytes());
        let length = out.finish().unwrap_or(0);
        (bytes, length)
    }

    /// Reads one back; `None` for bytes that are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[format, flags], rest) = bytes.split_first_chunk()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (result, rest) = rest.split_first_chunk()?;
        let (&[action], rest) = rest.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (millis, rest) = rest.split_first_chunk()?;
        let (updated, purl) = rest.split_first_chunk()?;
        if format != Self::FORMAT {
            return None;
        }
        let is = |bit: u8| flags & bit != 0;
        let result = UpdateResult::from_number(u16::from_be_bytes(*result))?;
        let own = Own { result: is(Self::RESULT).then_some(result), dropped: is(Self::DROPPED) };
        Some(Self {
            purl: Purl::new(core::str::from_utf8(purl).ok()?)?,
            action: Action::ALL.iter().copied().find(|one| *one as u8 == action)?,
            time: Instant::new(i64::from_be_bytes(*seconds), u16::from_be_bytes(*millis))?,
            updated: is(Self::UPDATED).then(|| u64::from_be_bytes(*updated)),
            until: is(Self::UNTIL).then_some((Run(u32::from_be_bytes(*run)), own)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_and_fits_the_journal() {
        let full = Note {
            purl: Purl::new(&"x".repeat(PURL_MAX)).unwrap(),
            action: Action::Upgrade,
            time: Instant::new(-1, 999).unwrap(),
            updated: Some(1_700_000_000),
            until: Some((Run(0x0102_0304), Own { result: UpdateResult::from_number(503), dropped: true })),
        };
        for note in [Note::FRESH, full] {
            let (bytes, length) = note.emit();
            assert_eq!(Note::parse(&bytes[..length]), Some(note));
        }
        assert_eq!(full.emit().1, Note::LEN);
        const { assert!(Note::LEN <= fwupd_core::updater::NOTE_MAX) };
        assert_eq!(Purl::new(&"x".repeat(PURL_MAX + 1)), None);
    }

    /// Do not change this test: devices hold these bytes.
    #[test]
    fn the_bytes_of_a_note_stay_as_they_are() {
        let note = Note {
            purl: Purl::new("https://v/f").unwrap(),
            action: Action::Isvv,
            time: Instant::new(0x6543_2100, 7).unwrap(),
            updated: Some(0x6543_2101),
            until: Some((Run(7), Own { result: UpdateResult::from_number(404), dropped: false })),
        };
        let mut bytes = vec![1, 0b111, 0, 0, 0, 7, 1, 148, 2, 0, 0, 0, 0, 0x65, 0x43, 0x21, 0x00, 0, 7];
        bytes.extend([0, 0, 0, 0, 0x65, 0x43, 0x21, 0x01]);
        bytes.extend(b"https://v/f");
        let (emitted, length) = note.emit();
        assert_eq!(emitted[..length], bytes);
    }

    #[test]
    fn other_bytes_are_no_note() {
        let (good, length) = Note::FRESH.emit();
        let good = &good[..length];
        assert_eq!(Note::parse(&good[1..]), None);
        assert_eq!(Note::parse(&[good, &[0xFF]].concat()), None);
        assert_eq!(Note::parse(&[good, &[b'x'; PURL_MAX + 1]].concat()), None);
        for (at, byte) in [(0, 2), (7, 9), (8, 4), (9, 0x7F), (17, 4)] {
            let mut bytes = good.to_vec();
            bytes[at] = byte;
            assert_eq!(Note::parse(&bytes), None, "{at}");
        }
    }
}
