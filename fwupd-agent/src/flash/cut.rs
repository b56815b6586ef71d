//! Power cuts: after so many operations that change the flash, the next one is torn and the process ends at
//! once, with nothing of its memory written.

use std::env;

use fwupd_core::flash::Part;

use crate::error::Error;

/// The variable that asks for a power cut: `N` or `N:SEED`. It outlives the resets of a command, `N` less
/// what has been done.
const VARIABLE: &str = "FWAGENT_POWER_CUT";

/// How a process ends whose power is cut: as if by SIGKILL.
const KILLED: i32 = 137;

/// A power cut that is to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowerCut {
    /// Operations until then.
    left: u64,
    random: u64,
}

impl PowerCut {
    /// After `operations` that change the flash, torn as `seed` says.
    pub fn new(operations: u64, seed: u64) -> Self {
        Self { left: operations, random: seed }
    }

    /// The one that the environment asks for.
    ///
    /// # Errors
    /// A value that is neither `N` nor `N:SEED`.
    pub fn asked() -> Result<Option<Self>, Error> {
        let Ok(text) = env::var(VARIABLE) else { return Ok(None) };
        let (operations, seed) = text.split_once(':').unwrap_or((&text, "1"));
        match (operations.parse(), seed.parse()) {
            (Ok(operations), Ok(seed)) => Ok(Some(Self::new(operations, seed))),
            (Ok(_) | Err(_), Ok(_) | Err(_)) => {
                Err(Error::usage(format_args!("{VARIABLE}={text}: not N or N:SEED")))
            }
        }
    }

    /// The variable and its value that ask for what is left of it.
    pub fn variable(&self) -> (&'static str, String) {
        (VARIABLE, format!("{}:{}", self.left, self.random))
    }

    /// Counts an operation; true if it is the one to be torn.
    pub(super) fn comes(&mut self) -> bool {
        let now = self.left == 0;
        self.left = self.left.saturating_sub(1);
        now
    }

    /// What stands in flash when `new` is torn over `old`, both of whole units: first units of the new,
    /// then one of random bits, then either more of those or units of the old.
    pub(super) fn torn(&mut self, part: &Part, old: &[u8], new: &[u8]) -> Vec<u8> {
        let unit = usize::from(part.write.max(1));
        let units = (new.len() / unit).max(1) as u64;
        let at = usize::try_from(self.next() % units).unwrap_or(0) * unit;
        let scattered = self.next() & 1 == 0;
        let pairs = old.iter().zip(new).enumerate();
        pairs
            .map(|(n, (old, new))| match n {
                n if n < at => *new,
                n if n < at + unit || scattered => (self.next() >> 32) as u8,
                _ => *old,
            })
            .collect()
    }

    /// Ends the process: no destructor runs.
    pub(super) fn strike(&self) -> ! {
        std::process::exit(KILLED)
    }

    /// splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fwupd_core::flash::Sectors;

    const PART: Part = Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 1, size: 4096 }] };

    #[test]
    fn a_cut_comes_after_as_many_operations_as_it_says() {
        let mut cut = PowerCut::new(2, 7);
        assert_eq!([cut.comes(), cut.comes()], [false, false]);
        assert_eq!(cut.variable().1, "0:7");
        assert!(cut.comes());
    }

    #[test]
    fn a_torn_write_has_a_prefix_of_whole_units_and_then_a_unit_that_is_neither() {
        let (old, new) = ([0xFF; 64], [0u8; 64]);
        let mut starts = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let torn = PowerCut::new(0, seed).torn(&PART, &old, &new);
            assert_eq!(torn.len(), 64);
            let done = torn.chunks(4).take_while(|unit| *unit == [0; 4]).count();
            starts.insert(done);
            assert_ne!(torn, new);
        }
        assert_eq!(starts.len(), 16, "every unit is the torn one sooner or later");
    }
}
