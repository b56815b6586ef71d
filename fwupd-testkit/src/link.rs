//! A link that loses, repeats and reorders datagrams, by a seed.

use crate::random::Random;

/// How bad a link is. Each chance in percent, for every datagram by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// It never arrives.
    pub loss: u8,
    /// It arrives twice.
    pub duplication: u8,
    /// It arrives so late that others overtake it.
    pub reordering: u8,
}

impl Faults {
    /// A link without faults.
    pub const NONE: Self = Self { loss: 0, duplication: 0, reordering: 0 };
}

/// How long a datagram takes, milliseconds.
const DELAY: u64 = 20;
/// How much longer one may take that others overtake, milliseconds: less than a first retransmission, so that
/// it meets the messages after it.
const LATE: u64 = 1000;

/// What the link did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams that were sent.
    pub sent: u64,
    /// Those that never arrive.
    pub lost: u64,
    /// Those that arrive twice.
    pub doubled: u64,
    /// Those that arrive late.
    pub late: u64,
}

/// A datagram under way.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Flying<A> {
    due: u64,
    from: A,
    to: A,
    bytes: Vec<u8>,
}

/// A link between hosts whose addresses are `A`s. Time is in milliseconds, the same for all hosts.
#[derive(Clone, Debug)]
pub struct Link<A> {
    faults: Faults,
    random: Random,
    /// In the order in which they were sent.
    flying: Vec<Flying<A>>,
    counts: Counts,
}

impl<A: Copy + Eq> Link<A> {
    /// A link on which nothing is under way.
    pub fn new(faults: Faults, seed: u64) -> Self {
        Self { faults, random: Random(seed), flying: Vec::new(), counts: Counts::default() }
    }

    /// Sends a datagram.
    pub fn send(&mut self, now: u64, from: A, to: A, bytes: &[u8]) {
        self.counts.sent += 1;
        if self.random.percent(self.faults.loss) {
            self.counts.lost += 1;
            return;
        }
        let copies = if self.random.percent(self.faults.duplication) { 2 } else { 1 };
        self.counts.doubled += copies - 1;
        for _ in 0..copies {
            let late = self.random.percent(self.faults.reordering);
            self.counts.late += u64::from(late);
            let extra = if late { self.random.below(LATE) } else { 0 };
            self.flying.push(Flying { due: now + DELAY + extra, from, to, bytes: bytes.to_vec() });
        }
    }

    /// The next datagram that has arrived for this host by now: from whom, and what.
    pub fn receive(&mut self, now: u64, host: A) -> Option<(A, Vec<u8>)> {
        let arrived = self.flying.iter().enumerate().filter(|(_, it)| it.to == host && it.due <= now);
        let (at, _) = arrived.min_by_key(|(_, it)| it.due)?;
        let Flying { from, bytes, .. } = self.flying.remove(at);
        Some((from, bytes))
    }

    /// When the next datagram arrives, wherever.
    pub fn next_arrival(&self) -> Option<u64> {
        self.flying.iter().map(|it| it.due).min()
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// All that is under way is lost, and the memory that it took given back.
    pub fn clear(&mut self) {
        self.flying = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(link: &mut Link<u8>) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(at) = link.next_arrival() {
            while let Some((from, bytes)) = link.receive(at, 2) {
                assert_eq!(from, 1);
                all.push(bytes[0]);
            }
        }
        all
    }

    #[test]
    fn a_good_link_delivers_everything_once_and_in_order() {
        let mut link = Link::new(Faults::NONE, 1);
        (0..100).for_each(|n| link.send(u64::from(n), 1, 2, &[n]));
        assert_eq!(link.receive(DELAY - 1, 2), None, "nothing is there before its time");
        assert_eq!(link.receive(u64::MAX, 3), None, "nothing is there for anybody else");
        assert_eq!(arrivals(&mut link), (0..100).collect::<Vec<u8>>());
    }

    #[test]
    fn a_bad_link_loses_repeats_and_reorders_about_as_often_as_it_is_told_and_the_same_way_again() {
        let faults = Faults { loss: 10, duplication: 10, reordering: 10 };
        let run = |seed| {
            let mut link = Link::new(faults, seed);
            (0..10_000u64).for_each(|n| link.send(n, 1, 2, &[(n % 251) as u8]));
            let counts = link.counts();
            (arrivals(&mut link), counts)
        };
        let (all, counts) = run(7);
        assert_eq!(run(7), (all.clone(), counts));
        assert_ne!(run(8).0, all);
        assert_eq!(all.len() as u64, counts.sent - counts.lost + counts.doubled);
        for (count, of) in [(counts.lost, 10_000), (counts.doubled, 9_000), (counts.late, 10_000)] {
            assert!((of / 20..of * 3 / 20).contains(&count), "{count} of {of}");
        }
    }
}
