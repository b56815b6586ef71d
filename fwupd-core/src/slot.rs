//! What each slot holds.

use crate::image::{Image, Verified};
use crate::outcome::{Failure, Phase};

/// Up to [`Log::MAX`] bytes of why an image failed to boot, as the application or the bootloader told it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Log {
    len: u8,
    bytes: [u8; Log::MAX],
}

impl Log {
    /// Longest log, bytes.
    pub const MAX: usize = 64;
    /// No log.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; Self::MAX] };

    /// The first [`Log::MAX`] bytes of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut log = Self::EMPTY;
        for (to, from) in log.bytes.iter_mut().zip(bytes) {
            *to = *from;
            log.len = log.len.saturating_add(1);
        }
        log
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Log {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.as_bytes().escape_ascii())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Log {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.as_bytes());
    }
}

/// Whether a verified image may be activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Enabled {
    /// It may.
    Yes,
    /// A manager has switched it off.
    No,
}

/// What one slot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// Nothing of value.
    #[default]
    Empty,
    /// Part of an image: it is being written, or its writing was interrupted.
    Partial,
    /// A verified image.
    Verified(Verified, Enabled),
    /// An image that failed.
    Failed {
        /// Where it failed.
        at: Phase,
        /// Why.
        why: Failure,
        /// What was told of it.
        log: Log,
        /// The image, where its description was known.
        image: Option<Image>,
    },
}

impl Slot {
    /// The verified image, enabled or not.
    pub fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Verified(v, Enabled::Yes | Enabled::No) => Some(v),
            Self::Empty | Self::Partial | Self::Failed { .. } => None,
        }
    }
}
