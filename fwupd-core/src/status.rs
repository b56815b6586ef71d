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
