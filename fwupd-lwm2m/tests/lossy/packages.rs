//! The updates, and their packages.

use fwupd_testkit::maker::{Flaw, Package};
use fwupd_testkit::random::Random;

/// What is wrong with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Good,
    /// It is signed by somebody else.
    Forged,
    /// It is for another device.
    Foreign,
    /// One byte of its payload is another one.
    Damaged,
    /// It rejects itself on trial.
    Faulty,
}

/// How a package comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Written to /5/0/0, in blocks of this exponent.
    Push(u8),
    /// Fetched from the URI in /5/0/1, in blocks of this exponent.
    Pull(u8),
}

/// One update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) n: u32,
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    size: usize,
    /// How long an operation on the flash takes, milliseconds.
    pub(crate) flash: u64,
}

/// After so many updates their kinds, ways and sizes come again.
pub(crate) const PERIOD: u32 = 20;

impl Plan {
    /// The plan of the `n`th update, from 1 on.
    pub(crate) fn of(n: u32) -> Self {
        let place = n % PERIOD;
        let kind = match place {
            3 | 8 => Kind::Forged,
            5 | 14 => Kind::Foreign,
            11 | 16 => Kind::Damaged,
            9 | 18 => Kind::Faulty,
            _ => Kind::Good,
        };
        // Blocks of 64, 128, 256 and 512 bytes.
        let exponent = 2 + (place / 2 % 4) as u8;
        let way = if n.is_multiple_of(2) { Way::Pull(exponent) } else { Way::Push(exponent) };
        let size = 1_000 + 97 * place as usize;
        // So slow that the answer to a block comes after its acknowledgement.
        let flash = if matches!(place, 6 | 13) { 300 } else { 0 };
        Self { n, kind, way, size, flash }
    }

    /// Its sequence number. The factory image has 4.
    pub(crate) fn sequence(&self) -> u64 {
        u64::from(self.n) + 4
    }

    /// Its version.
    pub(crate) fn version(&self) -> String {
        format!("1.{}", self.n)
    }

    /// Its package.
    pub(crate) fn package(&self) -> Vec<u8> {
        let mut random = Random(u64::from(self.n));
        let payload: Vec<u8> = (0..self.size).map(|_| random.byte()).collect();
        let flaw = match self.kind {
            Kind::Good | Kind::Faulty => Flaw::None,
            Kind::Forged => Flaw::Forged,
            Kind::Foreign => Flaw::Foreign,
            Kind::Damaged => Flaw::Damaged,
        };
        Package { sequence: self.sequence(), minor: self.n, payload, flaw }.file()
    }
}
