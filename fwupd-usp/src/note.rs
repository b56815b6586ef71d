//! What the adapter keeps beside the lifecycle: at most 96 bytes of the journal.

use fwupd_core::image::SlotId;
use fwupd_core::updater::NOTE_MAX;

use crate::spec::model::{Cause, Command};
use crate::wire::Out;

/// Up to `N` bytes of text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    len: u16,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// The text; `None` if it is longer.
    pub fn new(text: &str) -> Option<Self> {
        let mut new = Self::EMPTY;
        new.set(text)?;
        Some(new)
    }

    /// Becomes this text; `None` if it is longer: then it stays what it is.
    pub fn set(&mut self, text: &str) -> Option<()> {
        self.len = fill(&mut self.bytes, text)?;
        Some(())
    }

    /// It.
    pub fn as_str(&self) -> &str {
        text_of(&self.bytes, self.len)
    }
}

/// Takes a text, if there is room, and zeros behind it; its length. One function for all lengths, for the sake of
/// code size.
fn fill(room: &mut [u8], text: &str) -> Option<u16> {
    let length = u16::try_from(text.len()).ok()?;
    let (filled, rest) = room.split_at_mut_checked(text.len())?;
    filled.copy_from_slice(text.as_bytes());
    rest.fill(0);
    Some(length)
}

fn text_of(bytes: &[u8], len: u16) -> &str {
    core::str::from_utf8(bytes.get(..usize::from(len)).unwrap_or_default()).unwrap_or_default()
}

impl<const N: usize> core::fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Longest command key that a command is taken with, bytes.
pub const KEY_MAX: usize = 32;
/// Longest reason of a Reboot(), bytes.
pub const REASON_MAX: usize = 40;

/// How far the command of a note has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its end has not been told.
    Open,
    /// It has, and the boot that it causes has not.
    Told,
}

/// The last command, as long as something of it is still to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Which.
    pub command: Command,
    /// The slot that it is for.
    pub slot: SlotId,
    /// How far it has come.
    pub progress: Progress,
    /// Its key.
    pub key: Text<KEY_MAX>,
    /// The cause of the boot to come.
    pub cause: Cause,
    /// Its reason.
    pub reason: Text<REASON_MAX>,
}

/// What only this protocol knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The slot that BootFirmwareImage was given last.
    pub boot: Option<SlotId>,
    /// The slot that ran when Boot! was sent last.
    pub told: Option<SlotId>,
    /// A fingerprint of the SoftwareVersion that was told last.
    pub version: Option<u32>,
    /// The last command.
    pub order: Option<Order>,
}

impl Note {
    const FORMAT: u8 = 1;
    const BOOT: u8 = 1;
    const TOLD: u8 = 2;
    const VERSION: u8 = 4;
    const ORDER: u8 = 8;

    /// Writes it, numbers big-endian, and how long it is:
    ///
    /// ```text
    /// 0 format 1        2 boot   4 version (4)    8 command, bit 7: told   10 cause           12 reason's length
    /// 1 what is there   3 told                    9 slot                   11 key's length    13 key, reason
    /// ```
    pub fn emit(&self, into: &mut [u8; NOTE_MAX]) -> usize {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = flag(self.boot.is_some(), Self::BOOT)
            | flag(self.told.is_some(), Self::TOLD)
            | flag(self.version.is_some(), Self::VERSION)
            | flag(self.order.is_some(), Self::ORDER);
        let slot = |slot: Option<SlotId>| slot.map_or(0, |slot| slot.0);
        let mut out = Out::new(into);
        out.raw(&[Self::FORMAT, flags, slot(self.boot), slot(self.told)]);
        out.raw(&self.version.unwrap_or(0).to_be_bytes());
        if let Some(order) = &self.order {
            let told = flag(order.progress == Progress::Told, 0x80);
            let (key, reason) = (order.key.as_str(), order.reason.as_str());
            out.raw(&[number(order.command) | told, order.slot.0, order.cause as u8]);
            out.raw(&[key.len() as u8, reason.len() as u8]);
            out.part(key);
            out.part(reason);
        }
        out.finish().unwrap_or(0)
    }

    /// Reads one back; `None` for bytes that are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (&[format, flags, boot, told], rest) = bytes.split_first_chunk()?;
        let (version, rest) = rest.split_first_chunk()?;
        let is = |bit: u8| flags & bit != 0;
        let (order, rest) = if is(Self::ORDER) {
            let (&[command, slot, cause, key, reason], rest) = rest.split_first_chunk()?;
            let (key, rest) = rest.split_at_checked(usize::from(key))?;
            let (reason, rest) = rest.split_at_checked(usize::from(reason))?;
            let mut order = Order {
                command: from_number(command & 0x7F)?,
                slot: SlotId(slot),
                progress: if command & 0x80 == 0 { Progress::Open } else { Progress::Told },
                key: Text::EMPTY,
                cause: Cause::ALL.get(usize::from(cause)).copied()?,
                reason: Text::EMPTY,
            };
            order.key.set(core::str::from_utf8(key).ok()?)?;
            order.reason.set(core::str::from_utf8(reason).ok()?)?;
            (Some(order), rest)
        } else {
            (None, rest)
        };
        if format != Self::FORMAT || !rest.is_empty() {
            return None;
        }
        Some(Self {
            boot: is(Self::BOOT).then_some(SlotId(boot)),
            told: is(Self::TOLD).then_some(SlotId(told)),
            version: is(Self::VERSION).then(|| u32::from_be_bytes(*version)),
            order,
        })
    }
}

const fn number(command: Command) -> u8 {
    match command {
        Command::Reboot => 1,
        Command::Download => 2,
        Command::Activate => 3,
        Command::Cancel => 4,
    }
}

fn from_number(number: u8) -> Option<Command> {
    Some(match number {
        1 => Command::Reboot,
        2 => Command::Download,
        3 => Command::Activate,
        _ => return None,
    })
}

const _: () = assert!(13 + KEY_MAX + REASON_MAX <= NOTE_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(note: &Note) -> Vec<u8> {
        let mut room = [0; NOTE_MAX];
        let length = note.emit(&mut room);
        room[..length].to_vec()
    }

    fn full() -> Note {
        let order = Order {
            command: Command::Download,
            slot: SlotId(1),
            progress: Progress::Told,
            key: Text::new(&"k".repeat(KEY_MAX)).unwrap(),
            cause: Cause::Remote,
            reason: Text::new(&"r".repeat(REASON_MAX)).unwrap(),
        };
        let (boot, told) = (Some(SlotId(1)), Some(SlotId(0)));
        Note { boot, told, version: Some(0x0102_0304), order: Some(order) }
    }

    #[test]
    fn a_text_that_is_too_long_is_not_taken_and_a_shorter_one_leaves_nothing_of_it() {
        let mut text = Text::<4>::new("abcd").unwrap();
        assert_eq!((text.set("abcde"), text.as_str()), (None, "abcd"));
        assert_eq!(text.set("xy"), Some(()));
        assert_eq!(text, Text::new("xy").unwrap());
    }

    #[test]
    fn a_note_comes_back_and_fits_the_journal() {
        for note in [Note::default(), full()] {
            assert_eq!(Note::parse(&emit(&note)), Some(note));
        }
    }

    /// Do not change this test: devices hold these bytes.
    #[test]
    fn the_bytes_of_a_note_stay_as_they_are() {
        assert_eq!(emit(&Note::default()), [1, 0, 0, 0, 0, 0, 0, 0]);
        let mut bytes = vec![1, 15, 1, 0, 1, 2, 3, 4, 0x82, 1, 1, 32, 40];
        bytes.extend([b'k'; 32]);
        bytes.extend([b'r'; 40]);
        assert_eq!(emit(&full()), bytes);
    }

    #[test]
    fn other_bytes_are_no_note() {
        let good = emit(&full());
        for length in 0..good.len() {
            assert_eq!(Note::parse(&good[..length]), None, "{length}");
        }
        assert_eq!(Note::parse(&[&good[..], &[0]].concat()), None);
        for (at, byte) in [(0, 2), (8, 4), (10, 2), (11, 33), (13, 0xFF)] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            assert_eq!(Note::parse(&bytes), None, "{at}");
        }
    }
}
