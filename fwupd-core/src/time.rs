//! Time is an argument. The core decides by monotonic time alone; wall time lets a deadline outlive a reset.

/// The time of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Now {
    /// Milliseconds since this boot. Never goes back.
    pub mono: u64,
    /// Seconds since 1970-01-01 UTC, if known. May jump.
    pub wall: Option<u64>,
}

impl Now {
    /// A time of which only the monotonic part is known.
    pub const fn mono(millis: u64) -> Self {
        Self { mono: millis, wall: None }
    }
}

/// When something must have happened. Over a reset it may come late, never early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadline {
    /// The whole time given, milliseconds. Stored.
    pub period: u64,
    /// Wall time of its end, if the wall time of its start was known: milliseconds since 1970-01-01 UTC.
    /// Stored.
    pub wall: Option<u64>,
    /// Monotonic time of its end in this boot. Not stored: [`Deadline::rebased`] after a reset.
    pub at: u64,
}

impl Deadline {
    /// A deadline `period` milliseconds from now.
    pub fn after(period: u64, now: Now) -> Self {
        // One more second because `now.wall` was cut to whole seconds: never early. In milliseconds, for a
        // division of 64 bits is 864 bytes on a Cortex-M.
        let end = |wall: u64| wall.saturating_add(1).saturating_mul(1000).saturating_add(period);
        Self { period, wall: now.wall.map(end), at: now.mono.saturating_add(period) }
    }

    /// The same deadline in a later boot: by wall time where both ends are known, else counted anew. Wall
    /// time that has jumped back gives at most the whole period again.
    pub fn rebased(self, now: Now) -> Self {
        let left = match (self.wall, now.wall) {
            (Some(end), Some(wall)) => end.saturating_sub(wall.saturating_mul(1000)).min(self.period),
            (None, _) | (_, None) => self.period,
        };
        Self { at: now.mono.saturating_add(left), ..self }
    }

    /// Whether it has passed.
    pub fn passed(&self, now: Now) -> bool {
        now.mono >= self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_over_a_reset_is_late_or_in_time_but_never_early() {
        let start = Now { mono: 500, wall: Some(1_000) };
        let d = Deadline::after(60_000, start);
        assert_eq!(d.at, 60_500);
        let at = |mono, wall| d.rebased(Now { mono, wall }).at;
        assert_eq!(at(7, None), 60_007, "no wall time: counted anew");
        assert_eq!(
            at(7, Some(1_031)),
            7 + 30_000,
            "half of it has passed, and a second is added for rounding"
        );
        assert_eq!(at(7, Some(2_000)), 7, "long over");
        assert_eq!(at(7, Some(1)), 60_007, "a clock that jumped back gives no more than the whole period");
    }
}
