//! A request's body in blocks: taken by [`Upload`], sent by [`Send`]. RFC 7959 sections 2.3, 2.5 and 2.9.

use core::ops::Range;

use crate::Millis;
use crate::block::{BadBlock, Block, Szx};
use crate::message::Writer;
use crate::spec::{Code, option};

/// Takes one body at a time. `K` says which: the peer and the resource that it is for.
///
/// The offset of a block is its number times its own size, so that a peer may change the size on the way. A
/// block is judged before it is taken, so that it may be taken piece by piece, or not at all. For how long a
/// body may be silent is the caller's, by [`last`](Self::last).
#[derive(Clone, Debug, Default)]
pub struct Upload<K> {
    under_way: Option<UnderWay<K>>,
}

#[derive(Clone, Debug)]
struct UnderWay<K> {
    key: K,
    /// Offset of the next byte.
    at: u32,
    last: Millis,
}

/// What a block is to the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first of a body, which begins anew whatever was before.
    Start {
        /// Whether it is the last one, too.
        last: bool,
    },
    /// The one that was to come.
    Next {
        /// Offset of its first byte in the body.
        offset: u32,
        /// Whether it is the last one.
        last: bool,
    },
    /// It was taken before: the answer is that of the first time, and nothing is to be done.
    Repeated,
    /// One before it is missing, or nothing was begun. What was begun goes on.
    Incomplete,
    /// Its size is reserved, or is not that of what it carries.
    Bad,
}

impl Verdict {
    /// The answer to it, where nothing else decides about that. RFC 7959 sections 2.2, 2.3 and 2.9.
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::Start { .. } | Self::Next { .. } => None,
            Self::Repeated => Some(Code::CONTINUE),
            Self::Incomplete => Some(Code::REQUEST_ENTITY_INCOMPLETE),
            Self::Bad => Some(Code::BAD_REQUEST),
        }
    }
}

impl<K: Eq> Upload<K> {
    /// With nothing under way.
    pub const fn new() -> Self {
        Self { under_way: None }
    }

    /// What a request's payload of `length` bytes is. `block` is what
    /// [`Message::block1`](crate::message::Message::block1) says; without one the payload is the whole body.
    pub fn judge(&self, key: &K, block: Result<Option<Block>, BadBlock>, length: usize) -> Verdict {
        let block = match block {
            Ok(Some(block)) => block,
            Ok(None) => return Verdict::Start { last: true },
            Err(BadBlock::Reserved | BadBlock::TooLong) => return Verdict::Bad,
        };
        if if block.more { length != block.szx.size() } else { length > block.szx.size() } {
            return Verdict::Bad;
        }
        let (offset, last) = (block.offset(), !block.more);
        match &self.under_way {
            Some(_) | None if offset == 0 => Verdict::Start { last },
            Some(body) if body.key == *key && offset == body.at => Verdict::Next { offset, last },
            Some(body) if body.key == *key && block.more && end(block, length) <= body.at => {
                Verdict::Repeated
            }
            Some(_) | None => Verdict::Incomplete,
        }
    }

    /// The block was taken, after [`Verdict::Start`] or [`Verdict::Next`]. The last one ends the body.
    pub fn taken(&mut self, key: K, block: Option<Block>, length: usize, now: Millis) {
        self.under_way =
            block.filter(|block| block.more).map(|block| UnderWay { key, at: end(block, length), last: now });
    }

    /// When the last block was taken; none while nothing is under way.
    pub fn last(&self) -> Option<Millis> {
        self.under_way.as_ref().map(|body| body.last)
    }

    /// What is under way: whose it is, and how many bytes were taken.
    pub fn under_way(&self) -> Option<(&K, u32)> {
        self.under_way.as_ref().map(|body| (&body.key, body.at))
    }

    /// Nothing is under way any more: it was given up, or failed.
    pub fn end(&mut self) {
        self.under_way = None;
    }
}

fn end(block: Block, length: usize) -> u32 {
    block.offset().saturating_add(length as u32)
}

/// How often a body is begun anew because its receiver has lost it.
const RESTARTS: u8 = 3;

/// Sends one body.
#[derive(Clone, Debug)]
pub struct Send {
    length: u32,
    at: u32,
    szx: Szx,
    restarts: u8,
}

/// What is to be sent after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The block of [`Send::next`].
    More,
    /// Nothing: this is the answer to the body.
    Done(Code),
}

impl Send {
    /// A body of `length` bytes, in blocks of this size.
    pub const fn new(length: u32, szx: Szx) -> Self {
        Self { length, at: 0, szx, restarts: 0 }
    }

    /// The block to send, and where its bytes stand in the body. None if the body is longer than blocks can be
    /// numbered.
    pub fn next(&self) -> Option<(Block, Range<usize>)> {
        let (block, _) = Block::at(self.at, self.szx)?;
        let end = self.at.saturating_add(self.szx.size() as u32);
        let block = Block { more: end < self.length, ..block };
        Some((block, self.at as usize..end.min(self.length) as usize))
    }

    /// Writes Block1, in the first block Size1, and the payload: what follows the other options of the request.
    pub fn write(&self, body: &[u8], to: &mut Writer<'_>) {
        let Some((block, range)) = self.next() else { return to.fail() };
        to.block(option::BLOCK1, block);
        if self.at == 0 {
            to.uint(option::SIZE1, self.length);
        }
        match body.get(range) {
            Some(bytes) => _ = to.payload(bytes),
            None => to.fail(),
        }
    }

    /// The answer to the last block: its code and its Block1.
    pub fn answered(&mut self, code: Code, block: Option<Block>) -> Sent {
        let asked = block.map(|block| block.szx).filter(|szx| *szx < self.szx);
        match code {
            Code::REQUEST_ENTITY_TOO_LARGE if asked.is_some() => {}
            Code::REQUEST_ENTITY_INCOMPLETE if self.at > 0 && self.restarts < RESTARTS => {
                self.restarts = self.restarts.saturating_add(1);
                self.at = 0;
            }
            // A receiver that acts on each block by itself answers each by a final code (section 2.3).
            _ if code.is_success() && block.is_some() => {
                let end = self.at.saturating_add(self.szx.size() as u32);
                if end >= self.length {
                    return Sent::Done(code);
                }
                self.at = end;
            }
            _ => return Sent::Done(code),
        }
        self.szx = asked.unwrap_or(self.szx);
        Sent::More
    }
}
