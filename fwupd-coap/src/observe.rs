//! Observing: who is to be told of changes, and which of two notifications is the newer. RFC 7641.

use crate::Millis;
use crate::endpoint::Flight;
use crate::message::Token;
use crate::spec::{OBSERVE_BITS, OBSERVE_FRESH};

const MASK: u32 = (1 << OBSERVE_BITS) - 1;

/// One observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observer<A, K, D> {
    /// Who observes.
    pub peer: A,
    /// The token of every notification.
    pub token: Token,
    /// What is observed.
    pub key: K,
    /// The last notification, by which a reset of it is known.
    pub flight: Option<Flight>,
    /// Whatever the caller remembers of it.
    pub data: D,
}

/// The list of observers, at most `N`. `K` is what is observed; `D` what the caller remembers of each.
#[derive(Clone, Debug)]
pub struct Observers<A, K, D, const N: usize> {
    list: [Option<Observer<A, K, D>>; N],
    sequence: u32,
}

impl<A: Copy + Eq, K: Eq, D, const N: usize> Default for Observers<A, K, D, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Copy + Eq, K: Eq, D, const N: usize> Observers<A, K, D, N> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { list: [const { None }; N], sequence: 0 }
    }

    /// Registers an observer. One of the same peer with the same token is replaced (RFC 7641 section 4.1), and
    /// so is one of the same peer and key: who asks again with another token has forgotten the first one. None
    /// if the list is full; the request is then answered as one that does not observe.
    pub fn register(&mut self, peer: A, token: Token, key: K, data: D) -> Option<&mut Observer<A, K, D>> {
        self.retain(|observer| observer.peer != peer || (observer.token != token && observer.key != key));
        let free = self.list.iter_mut().find(|slot| slot.is_none())?;
        Some(free.insert(Observer { peer, token, key, flight: None, data }))
    }

    /// The peer no longer observes by this token. Whether it did.
    pub fn cancel(&mut self, peer: A, token: Token) -> bool {
        self.retain(|observer| observer.peer != peer || observer.token != token)
    }

    /// The peer has rejected a message: if it was the last notification of an observation, that one ends (RFC
    /// 7641 section 3.6). Whether it was.
    pub fn reset(&mut self, peer: A, flight: Flight) -> bool {
        self.retain(|observer| observer.peer != peer || observer.flight != Some(flight))
    }

    /// A notification was given up: its observation ends (RFC 7641 section 4.5). Whether there was one.
    pub fn gave_up(&mut self, flight: Flight) -> bool {
        self.retain(|observer| observer.flight != Some(flight))
    }

    /// Keeps only those. Whether others were there.
    pub fn retain(&mut self, keep: impl Fn(&Observer<A, K, D>) -> bool) -> bool {
        let mut removed = false;
        for slot in &mut self.list {
            if slot.as_ref().is_some_and(|observer| !keep(observer)) {
                *slot = None;
                removed = true;
            }
        }
        removed
    }

    /// All observers.
    pub fn iter(&self) -> impl Iterator<Item = &Observer<A, K, D>> {
        self.list.iter().flatten()
    }

    /// All observers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Observer<A, K, D>> {
        self.list.iter_mut().flatten()
    }

    /// The value of Observe in the next response that is told to an observer: ascending, 24 bits. RFC 7641
    /// section 4.4. One sequence serves all observers.
    pub fn sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1) & MASK;
        self.sequence
    }
}

/// What an observing client has seen last: the value of Observe, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The value of Observe, 24 bits.
    pub sequence: u32,
    /// When it came, milliseconds.
    pub at: Millis,
}

impl Seen {
    /// Whether another notification is newer than this one. RFC 7641 section 3.4.
    pub fn is_older_than(&self, other: &Self) -> bool {
        let ahead = other.sequence.wrapping_sub(self.sequence) & MASK;
        let ascends = ahead != 0 && ahead < 1 << (OBSERVE_BITS - 1);
        ascends || other.at > self.at.saturating_add(Millis::from(OBSERVE_FRESH))
    }
}
