//! A clock that moves only when it is told to.

use fwupd_core::time::Now;

/// What a reset does to the wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WallAfterReset {
    /// A battery-backed clock: it goes on.
    GoesOn,
    /// There is no such clock: the wall time is unknown until it is set.
    Lost,
}

/// A device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualClock {
    now: Now,
    /// Milliseconds into the current wall second.
    millis: u64,
}

impl VirtualClock {
    /// A clock of a device that boots now. `wall`: seconds since 1970-01-01 UTC, if known.
    pub const fn new(wall: Option<u64>) -> Self {
        Self { now: Now { mono: 0, wall }, millis: 0 }
    }

    /// The time.
    pub const fn now(&self) -> Now {
        self.now
    }

    /// Lets time pass, milliseconds. Monotonic and wall time go at the same pace; both stop at their last
    /// value instead of wrapping.
    pub fn advance(&mut self, millis: u64) {
        self.now.mono = self.now.mono.saturating_add(millis);
        let within = self.millis.saturating_add(millis);
        self.millis = within % 1000;
        self.now.wall = self.now.wall.map(|wall| wall.saturating_add(within / 1000));
    }

    /// Sets the wall time, forward or back, or makes it unknown.
    pub fn set_wall(&mut self, wall: Option<u64>) {
        self.now.wall = wall;
        self.millis = 0;
    }

    /// The device resets: the monotonic time starts again at 0.
    pub fn reset(&mut self, wall: WallAfterReset) {
        self.now.mono = 0;
        match wall {
            WallAfterReset::GoesOn => {}
            WallAfterReset::Lost => self.set_wall(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_keeps_the_milliseconds_of_short_steps() {
        let mut clock = VirtualClock::new(Some(100));
        for _ in 0..4 {
            clock.advance(600);
        }
        assert_eq!(clock.now(), Now { mono: 2_400, wall: Some(102) });
        clock.advance(600);
        assert_eq!(clock.now(), Now { mono: 3_000, wall: Some(103) });
    }

    #[test]
    fn a_reset_starts_the_monotonic_time_again_and_the_wall_time_goes_on_or_is_lost() {
        let mut clock = VirtualClock::new(Some(100));
        clock.advance(1_700);
        clock.reset(WallAfterReset::GoesOn);
        assert_eq!(clock.now(), Now { mono: 0, wall: Some(101) });
        clock.advance(300);
        assert_eq!(clock.now(), Now { mono: 300, wall: Some(102) }, "the 700 ms before the reset count");
        clock.reset(WallAfterReset::Lost);
        clock.advance(5_000);
        assert_eq!(clock.now(), Now { mono: 5_000, wall: None });
    }

    #[test]
    fn wall_time_can_be_set_back_and_monotonic_time_does_not_follow() {
        let mut clock = VirtualClock::new(None);
        clock.advance(900);
        clock.set_wall(Some(7));
        clock.advance(999);
        assert_eq!(clock.now(), Now { mono: 1_899, wall: Some(7) });
        clock.set_wall(Some(3));
        assert_eq!(clock.now(), Now { mono: 1_899, wall: Some(3) });
    }

    #[test]
    fn time_stops_at_its_last_value_instead_of_wrapping() {
        let mut clock = VirtualClock::new(Some(u64::MAX));
        clock.advance(u64::MAX);
        clock.advance(u64::MAX);
        assert_eq!(clock.now(), Now { mono: u64::MAX, wall: Some(u64::MAX) });
    }
}
