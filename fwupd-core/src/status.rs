//! A snapshot of the device, from which every adapter projects what its specification shows.

use crate::image::{SlotId, Version};
use crate::lifecycle::State;
use crate::outcome::{Outcome, Run};
use crate::record::Installed;
use crate::slot::Slot;

/// The device as it is.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Status<'a> {
    /// Where the lifecycle stands.
    pub state: &'a State,
    /// The slot that runs.
    pub running: SlotId,
    /// The slot that was confirmed before the confirmed one, if one was.
    pub previous: Option<SlotId>,
    /// The slot that the next boot takes, whoever causes it.
    pub next_boot: SlotId,
    /// The sequence number and version that are installed and confirmed.
    pub installed: &'a Installed,
    /// The security counter.
    pub counter: u32,
    /// Payload bytes received and their total, while an image is received or validated.
    pub progress: Option<Progress>,
    /// The newer version known, if one is.
    pub newer: Option<&'a Version>,
    /// What each slot holds.
    pub slots: &'a [Slot],
    /// Number of the latest run.
    pub run: Run,
    /// How the last run ended; `None` once another has begun, or if there was none.
    pub last: Option<&'a Outcome>,
}

/// How much of the payload is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Progress {
    /// Bytes received.
    pub received: u32,
    /// Bytes in all.
    pub size: u32,
}

/// A set of the four coarse parts of the lifecycle. Each protocol says of a value that it shows which of them
/// the value may stand for: one, where its specification has a word for each, else more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Coarse(u8);

impl Coarse {
    /// Nothing under way, or no more than a description being read.
    pub const NOTHING: Self = Self(1);
    /// A package is on its way, or being validated.
    pub const RECEIVING: Self = Self(1 << 1);
    /// A verified image may be activated.
    pub const STAGED: Self = Self(1 << 2);
    /// One image is being given over to another.
    pub const INSTALLING: Self = Self(1 << 3);
    const NAMES: [(Self, &'static str); 4] = [
        (Self::NOTHING, "nothing"),
        (Self::RECEIVING, "receiving"),
        (Self::STAGED, "staged"),
        (Self::INSTALLING, "installing"),
    ];

    /// The one part that a state belongs to.
    pub const fn of(state: &State) -> Self {
        match state {
            State::Idle | State::Checking { .. } => Self::NOTHING,
            State::Receiving { .. } | State::Validating { .. } => Self::RECEIVING,
            State::Staged { .. } => Self::STAGED,
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => Self::INSTALLING,
        }
    }

    /// What is in either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of the other is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// How many parts are in it, 1 to 4.
    pub const fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// The names of its members, with "or" between them.
impl core::fmt::Display for Coarse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let members = Self::NAMES.iter().filter(|(one, _)| self.contains(*one));
        for (n, (_, name)) in members.enumerate() {
            f.write_str(if n == 0 { "" } else { " or " })?;
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for Coarse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coarse_set_tells_its_members_and_contains_what_it_was_made_of() {
        let set = Coarse::NOTHING.or(Coarse::STAGED);
        assert_eq!((set.to_string().as_str(), set.count()), ("nothing or staged", 2));
        assert!(set.contains(Coarse::of(&State::Idle)) && set.contains(set));
        assert!(!set.contains(Coarse::RECEIVING) && !Coarse::STAGED.contains(set));
    }
}
