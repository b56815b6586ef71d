//! The boot record: all that a bootloader ever parses.
//!
//! ```text
//! byte  0  format, 1
//!       1  running: the slot that was jumped to last
//!       2  confirmed: the slot that boots
//!       3  previous: the slot that was confirmed before it
//!       4  target: the slot that is armed or on trial
//!       5  left: trial boots left
//!       6  preset: the slot that a manager wants to boot next
//!       7  event: 0 none, 1 reverted, 2 fell back
//!       8  failed: the slot that the event is about
//!       9  reason: 0 none, 1 trial boots spent, 2 refused, 3 not what its head says, 4 unreadable, 5 given up
//!      10  bootable: a bit for each slot that holds a verified and enabled image
//!      11  trials: trial boots that a preset slot is given
//!   12-15  counter: the security counter, u32 little-endian
//!   16-31  zero, or what later firmware has put there: carried along
//! ```
//!
//! 0xFF stands for no slot.
//!
//! A bootloader is never updated, and firmware that is gone back to is older than the record that it finds. So the
//! format byte never changes, nor what stands in bytes 0 to 15, and an event or a reason that is not known counts
//! as none.

use crate::image::SlotId;

/// Length of a boot record, bytes.
pub(crate) const LEN: usize = 32;

const FORMAT: u8 = 1;
const NONE: u8 = 0xFF;

/// What a bootloader did of its own accord, until the application has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BootEvent {
    /// It gave up the image that was armed or on trial.
    Reverted(SlotId, BootReason),
    /// The confirmed image failed its check, and it took another.
    FellBack(SlotId, BootReason),
}

/// Why a slot was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BootReason {
    /// Its trial boots are spent.
    TrialsSpent,
    /// The integrator's check refused its head, or its security counter is too low.
    Refused,
    /// Its bytes are not what its head says.
    Mismatch,
    /// Its bytes could not be read.
    Unreadable,
    /// The application gave it up.
    GivenUp,
}

impl BootReason {
    /// For a log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrialsSpent => "trial boots spent",
            Self::Refused => "refused by the bootloader's check",
            Self::Mismatch => "digest mismatch at boot",
            Self::Unreadable => "unreadable at boot",
            Self::GivenUp => "given up by the application",
        }
    }
}

/// What bootloader and application tell each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BootRecord {
    /// The slot that was jumped to last: what runs.
    pub running: SlotId,
    /// The slot that boots when nothing else is wanted.
    pub confirmed: SlotId,
    /// The slot that was confirmed before: the first to fall back to.
    pub previous: Option<SlotId>,
    /// The slot that is armed or on trial.
    pub target: Option<SlotId>,
    /// Trial boots left for the target.
    pub left: u8,
    /// The slot that a manager wants to boot next.
    pub preset: Option<SlotId>,
    /// What the bootloader did of its own accord.
    pub event: Option<BootEvent>,
    /// A bit for each slot that holds a verified and enabled image, whose security counter is not too low.
    pub bootable: u8,
    /// Trial boots that a preset slot is given.
    pub trials: u8,
    /// The security counter: that of the confirmed image.
    pub counter: u32,
    /// What later firmware keeps here, carried along.
    pub spare: [u8; 16],
}

impl BootRecord {
    /// The record of a device that has none: it runs its factory slot.
    pub fn factory(slot: SlotId) -> Self {
        Self {
            running: slot,
            confirmed: slot,
            previous: None,
            target: None,
            left: 0,
            preset: None,
            event: None,
            bootable: 0,
            trials: 0,
            counter: 0,
            spare: [0; 16],
        }
    }

    /// Whether the slot holds something that may be booted.
    pub fn is_bootable(&self, slot: SlotId) -> bool {
        1u8.checked_shl(u32::from(slot.0)).is_some_and(|bit| self.bootable & bit != 0)
    }

    /// Sets or clears the slot's bit.
    pub(crate) fn set_bootable(&mut self, slot: SlotId, on: bool) {
        let bit = 1u8.checked_shl(u32::from(slot.0)).unwrap_or(0);
        self.bootable = if on { self.bootable | bit } else { self.bootable & !bit };
    }

    /// The target is not booted any more.
    pub(crate) fn give_up_target(&mut self, target: SlotId, why: BootReason) {
        self.target = None;
        self.left = 0;
        self.event = Some(BootEvent::Reverted(target, why));
        self.set_bootable(target, false);
    }

    /// The confirmed slot failed its check, and this one boots from now on.
    pub(crate) fn falls_back(&mut self, to: SlotId, why: BootReason) {
        let broken = self.confirmed;
        self.set_bootable(broken, false);
        self.event = Some(BootEvent::FellBack(broken, why));
        if self.previous == Some(to) {
            self.previous = None;
        }
        self.confirmed = to;
    }

    pub(crate) fn emit(&self, into: &mut [u8]) -> Option<usize> {
        let slot = |slot: Option<SlotId>| slot.map_or(NONE, |s| s.0);
        let (event, failed, reason) = match self.event {
            None => (0, NONE, 0),
            Some(BootEvent::Reverted(slot, reason)) => (1, slot.0, reason_code(reason)),
            Some(BootEvent::FellBack(slot, reason)) => (2, slot.0, reason_code(reason)),
        };
        let [c0, c1, c2, c3] = self.counter.to_le_bytes();
        let bytes = [
            FORMAT,
            self.running.0,
            self.confirmed.0,
            slot(self.previous),
            slot(self.target),
            self.left,
            slot(self.preset),
            event,
            failed,
            reason,
            self.bootable,
            self.trials,
            c0,
            c1,
            c2,
            c3,
        ];
        let (head, spare) = into.first_chunk_mut::<LEN>()?.split_at_mut(16);
        *head.first_chunk_mut()? = bytes;
        *spare.first_chunk_mut()? = self.spare;
        Some(LEN)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        let [
            format,
            running,
            confirmed,
            previous,
            target,
            left,
            preset,
            event,
            failed,
            reason,
            bootable,
            trials,
            rest @ ..,
        ] = bytes;
        let (counter, spare) = rest.split_first_chunk::<4>()?;
        let slot = |n: u8| (n != NONE).then_some(SlotId(n));
        let event = reason_of(*reason).and_then(|reason| match event {
            1 => Some(BootEvent::Reverted(SlotId(*failed), reason)),
            2 => Some(BootEvent::FellBack(SlotId(*failed), reason)),
            _ => None,
        });
        (*format == FORMAT).then_some(Self {
            running: SlotId(*running),
            confirmed: SlotId(*confirmed),
            previous: slot(*previous),
            target: slot(*target),
            left: *left,
            preset: slot(*preset),
            event,
            bootable: *bootable,
            trials: *trials,
            counter: u32::from_le_bytes(*counter),
            spare: *spare.first_chunk()?,
        })
    }
}

fn reason_code(reason: BootReason) -> u8 {
    match reason {
        BootReason::TrialsSpent => 1,
        BootReason::Refused => 2,
        BootReason::Mismatch => 3,
        BootReason::Unreadable => 4,
        BootReason::GivenUp => 5,
    }
}

fn reason_of(code: u8) -> Option<BootReason> {
    match code {
        1 => Some(BootReason::TrialsSpent),
        2 => Some(BootReason::Refused),
        3 => Some(BootReason::Mismatch),
        4 => Some(BootReason::Unreadable),
        5 => Some(BootReason::GivenUp),
        _ => None,
    }
}
