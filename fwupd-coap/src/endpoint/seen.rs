//! What came in lately, so that the same message is not acted on twice. RFC 7252 section 4.5.

use super::View;
use crate::Millis;
use crate::message::{Kind, Message};
use crate::spec::{EXCHANGE_LIFETIME, NON_LIFETIME};

/// The longest reply that is kept, bytes.
pub(super) const KEPT: usize = 64;

/// A message that came in.
#[derive(Debug)]
pub(super) struct Seen<A> {
    from: A,
    id: u16,
    /// Over all its bytes.
    sum: u32,
    /// When it is forgotten.
    until: Millis,
    /// Whether it may be acted on twice.
    safe: bool,
    reply: Reply,
}

/// What goes back when it comes again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reply {
    /// Nothing yet, or ever.
    None,
    /// These bytes.
    Kept { length: u8, bytes: [u8; KEPT] },
    /// A reply that was too long to be kept: it is made anew.
    Anew,
}

/// What is known of a message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is the first of its kind.
    New,
    /// It was here before, and so many bytes of `out` go back.
    Before(usize),
}

impl<A: Copy + Eq> View<'_, A> {
    /// Whether this message was here before; if not, it is remembered in place of the oldest.
    pub(super) fn know(
        &mut self,
        from: A,
        message: &Message<'_>,
        datagram: &[u8],
        now: Millis,
        out: &mut [u8],
    ) -> Known {
        let sum = sum(datagram);
        let (mut oldest, mut least) = (None, Millis::MAX);
        for entry in self.seen.iter_mut() {
            if let Some(seen) = entry
                && seen.from == from
                && seen.id == message.id
            {
                if seen.sum == sum && now < seen.until {
                    return seen.again(out);
                }
                // The peer uses the identifier again: after its lifetime, or after a restart.
                *entry = None;
            }
            let until = entry.as_ref().map_or(0, |seen| seen.until);
            if oldest.is_none() || until < least {
                (oldest, least) = (Some(entry), until);
            }
        }
        let lifetime = if message.kind == Kind::Confirmable { EXCHANGE_LIFETIME } else { NON_LIFETIME };
        if let Some(entry) = oldest {
            let until = now.saturating_add(Millis::from(lifetime));
            let safe = message.code.is_safe();
            *entry = Some(Seen { from, id: message.id, sum, until, safe, reply: Reply::None });
        }
        Known::New
    }

    /// This goes back whenever that message comes again.
    pub(super) fn keep(&mut self, from: A, id: u16, reply: &[u8]) {
        let Some(seen) = self.seen.iter_mut().flatten().find(|seen| seen.from == from && seen.id == id)
        else {
            return;
        };
        if reply.len() > KEPT && seen.safe {
            seen.reply = Reply::Anew;
            return;
        }
        // What was done must not be done again: its code is more than nothing.
        let head = usize::from(reply.first().copied().unwrap_or_default() & 15).saturating_add(4);
        let length = if reply.len() > KEPT { head } else { reply.len() };
        let mut bytes = [0; KEPT];
        if let (Some(to), Some(from)) = (bytes.get_mut(..length), reply.get(..length)) {
            to.copy_from_slice(from);
            seen.reply = Reply::Kept { length: length as u8, bytes };
        }
    }
}

impl<A> Seen<A> {
    fn again(&mut self, out: &mut [u8]) -> Known {
        match &self.reply {
            Reply::None => Known::Before(0),
            Reply::Anew => {
                self.reply = Reply::None;
                Known::New
            }
            Reply::Kept { length, bytes } => {
                let length = usize::from(*length);
                match (out.get_mut(..length), bytes.get(..length)) {
                    (Some(to), Some(from)) => {
                        to.copy_from_slice(from);
                        Known::Before(length)
                    }
                    _ => Known::Before(0),
                }
            }
        }
    }
}

/// FNV-1a of 32 bits, <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}
