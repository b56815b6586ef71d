//! A response's body, asked for block by block. RFC 7959 sections 2.3, 2.4 and 3.

use crate::block::{Block, Szx};
use crate::message::{Message, Token};
use crate::spec::Code;

/// How often a block may come that was there before, in a row.
const REPEATS: u8 = 4;

/// The client's side of one body: what to ask for, and what an answer is.
#[derive(Clone, Debug)]
pub struct Fetch {
    at: u32,
    szx: Szx,
    /// The entity tag, once there was an answer; empty while no block had one. It has a token's length.
    tag: Option<Token>,
    /// Whether it may begin anew, should the body have changed.
    anew: Anew,
    repeats: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anew {
    Can,
    Did,
}

/// What an answer is to the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The payload has what was asked for.
    Piece(Piece),
    /// It was there before, or another body: [`Fetch::ask`] says what to ask for now.
    AskAgain,
    /// It is of no use: blocks were skipped, or the body changes faster than it can be fetched.
    Lost,
    /// The server refuses.
    Refused(Code),
}

/// Where a payload belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Offset of its first byte in the body. What comes before [`Fetch::at`] is known already.
    pub offset: u32,
    /// Whether it is the first since the body was begun, or begun anew.
    pub first: bool,
    /// Whether nothing follows.
    pub last: bool,
}

impl Fetch {
    /// The body from this offset on, in blocks of this size at most. The offset may be that of any byte.
    pub const fn new(offset: u32, most: Szx) -> Self {
        Self { at: offset, szx: most, tag: None, anew: Anew::Can, repeats: 0 }
    }

    /// Offset of the next byte that is wanted.
    pub const fn at(&self) -> u32 {
        self.at
    }

    /// So many more bytes are there.
    pub fn taken(&mut self, bytes: u32) {
        self.at = self.at.saturating_add(bytes);
    }

    /// The block to ask for. None past the last number that a block can have.
    pub fn ask(&self) -> Option<Block> {
        Block::at(self.at, self.szx).map(|(block, _)| block)
    }

    /// The answer to [`ask`](Self::ask) has come.
    pub fn answer(&mut self, message: &Message<'_>) -> Answer {
        match message.code {
            Code::CONTENT => {}
            // A body that has become shorter has no such block any more.
            Code::BAD_REQUEST if self.at > 0 && self.anew == Anew::Can => return self.begin_anew(),
            code => return Answer::Refused(code),
        }
        let length = message.payload.len();
        let (offset, more, szx) = match message.block2() {
            // A server that does not cut bodies sends the whole.
            Ok(None) => {
                if self.at > 0 {
                    (self.at, self.tag) = (0, None);
                }
                (0, false, self.szx)
            }
            Ok(Some(block)) => {
                if if block.more { length != block.szx.size() } else { length > block.szx.size() } {
                    return Answer::Lost;
                }
                (block.offset(), block.more, block.szx)
            }
            Err(_) => return Answer::Lost,
        };
        let tag = message.etag().and_then(Token::new).unwrap_or(Token::EMPTY);
        let known = self.tag.unwrap_or(Token::EMPTY);
        // A server may leave the tag out of some blocks.
        if known != Token::EMPTY && tag != Token::EMPTY && known != tag {
            return self.begin_anew();
        }
        let end = offset.saturating_add(length as u32);
        if offset > self.at {
            return Answer::Lost;
        }
        // One that cuts smaller answers with a block before the offset, where that was within a larger one.
        self.szx = self.szx.min(szx);
        if end <= self.at && more {
            self.repeats = self.repeats.saturating_add(1);
            return if self.repeats > REPEATS { Answer::Lost } else { Answer::AskAgain };
        }
        if end < self.at {
            return self.begin_anew();
        }
        let first = self.tag.is_none();
        self.tag = Some(if tag == Token::EMPTY { known } else { tag });
        self.repeats = 0;
        Answer::Piece(Piece { offset, first, last: !more })
    }

    fn begin_anew(&mut self) -> Answer {
        if self.anew == Anew::Did {
            return Answer::Lost;
        }
        (self.at, self.tag, self.anew) = (0, None, Anew::Did);
        Answer::AskAgain
    }
}
