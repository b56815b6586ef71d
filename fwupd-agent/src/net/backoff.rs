//! How long to wait before a connection is tried again.

use std::ops::Range;
use std::time::Duration;

/// A wait that grows with each try, and is another one on each device.
#[derive(Clone, Debug)]
pub struct Backoff {
    unit: Duration,
    range: fn(u32) -> Range<u32>,
    tries: u32,
}

impl Backoff {
    /// `range` gives the least and the greatest wait of each try, the first one being 0, in this unit.
    pub fn new(unit: Duration, range: fn(u32) -> Range<u32>) -> Self {
        Self { unit, range, tries: 0 }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let Range { start, end } = (self.range)(self.tries);
        self.tries = self.tries.saturating_add(1);
        // Without randomness it is the least one.
        let part = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
        self.unit.mul_f64(f64::from(start) + f64::from(end.saturating_sub(start)) * part)
    }

    /// There is a connection: the next wait is a first one.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_lie_in_their_range_and_begin_anew_after_a_connection() {
        let mut backoff = Backoff::new(Duration::from_millis(10), |tries| 1 << tries..2 << tries);
        for least in [10, 20, 40] {
            let wait = backoff.wait().as_millis();
            assert!((least..=2 * least).contains(&wait), "{wait} after {least}");
        }
        backoff.reset();
        assert!(backoff.wait().as_millis() <= 20);
    }
}
