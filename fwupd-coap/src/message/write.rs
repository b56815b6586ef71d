//! Writes one message into the caller's buffer. RFC 7252 sections 3 and 3.1.

use super::{Kind, Token};
use crate::block::Block;
use crate::spec::{Code, PAYLOAD_MARKER, VERSION};

/// The message does not fit its buffer. So ends, too, what cannot be written by the caller's own mistake: an
/// option that is out of order, or after the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message does not fit")]
pub struct Full;

/// Writes one message. What goes wrong on the way comes out at [`finish`](Self::finish). Options are written in
/// ascending order of their numbers, the payload last.
#[derive(Debug)]
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    number: u16,
    state: Writing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Options,
    Payload,
    Failed,
}

impl<'b> Writer<'b> {
    /// Begins a message at the start of `buffer`.
    pub fn new(buffer: &'b mut [u8], kind: Kind, code: Code, id: u16, token: Token) -> Self {
        let [high, low] = id.to_be_bytes();
        let mut writer = Self { buffer, at: 0, number: 0, state: Writing::Options };
        writer.bytes(&[VERSION << 6 | (kind as u8) << 4 | token.len, code.0, high, low]);
        writer.bytes(token.as_slice());
        writer
    }

    /// Changes the code of the message.
    pub fn code(&mut self, code: Code) -> &mut Self {
        if let Some(byte) = self.buffer.get_mut(1) {
            *byte = code.0;
        }
        self
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        match self.buffer.get_mut(self.at..end) {
            Some(to) if self.state != Writing::Failed => {
                to.copy_from_slice(bytes);
                self.at = end;
            }
            Some(_) | None => self.state = Writing::Failed,
        }
    }

    /// The head of an option whose value of `length` bytes follows.
    fn head(&mut self, number: u16, length: usize) {
        let (Some(delta), Ok(length), Writing::Options) =
            (number.checked_sub(self.number), u16::try_from(length), self.state)
        else {
            self.state = Writing::Failed;
            return;
        };
        self.number = number;
        let ((delta, d), (length, l)) = (nibble(delta), nibble(length));
        self.bytes(&[delta << 4 | length]);
        self.extension(delta, d);
        self.extension(length, l);
    }

    fn extension(&mut self, nibble: u8, extension: u16) {
        let [high, low] = extension.to_be_bytes();
        match nibble {
            13 => self.bytes(&[low]),
            14 => self.bytes(&[high, low]),
            _ => {}
        }
    }

    /// An option with these bytes.
    pub fn option(&mut self, number: u16, value: &[u8]) -> &mut Self {
        self.head(number, value.len());
        self.bytes(value);
        self
    }

    /// An option whose value of `length` bytes is made as it is written.
    pub fn option_of(
        &mut self,
        number: u16,
        length: usize,
        value: &mut dyn Iterator<Item = u8>,
    ) -> &mut Self {
        self.head(number, length);
        for byte in value.take(length) {
            self.bytes(&[byte]);
        }
        self
    }

    /// An option with a number, in as few bytes as it needs. RFC 7252 section 3.2.
    pub fn uint(&mut self, number: u16, value: u32) -> &mut Self {
        let zeros = value.leading_zeros() as usize / 8;
        self.option(number, value.to_be_bytes().get(zeros..).unwrap_or_default())
    }

    /// Block1 or Block2.
    pub fn block(&mut self, number: u16, block: Block) -> &mut Self {
        self.uint(number, block.value())
    }

    /// The payload. Can be called again to add to it; one of no bytes leaves the marker out.
    pub fn payload(&mut self, bytes: &[u8]) -> &mut Self {
        if !bytes.is_empty() {
            self.mark();
            self.bytes(bytes);
        }
        self
    }

    fn mark(&mut self) {
        if self.state == Writing::Options {
            self.bytes(&[PAYLOAD_MARKER]);
            if self.state == Writing::Options {
                self.state = Writing::Payload;
            }
        }
    }

    /// The payload, written into all the room that is left; `write` says how many bytes it has used.
    pub fn payload_with(&mut self, write: impl FnOnce(&mut [u8]) -> usize) -> &mut Self {
        let (at, state) = (self.at, self.state);
        self.mark();
        if self.state == Writing::Failed {
            // Room for no payload is enough for a payload of no bytes.
            if state != Writing::Failed && write(&mut []) == 0 {
                self.state = state;
            }
            return self;
        }
        let room = self.buffer.get_mut(self.at..).unwrap_or_default();
        let length = room.len();
        match write(room) {
            0 if state == Writing::Options => (self.at, self.state) = (at, state),
            used if used <= length => self.at = self.at.saturating_add(used),
            _ => self.state = Writing::Failed,
        }
        self
    }

    /// Bytes of payload that still fit.
    pub fn room(&self) -> usize {
        let marker = usize::from(self.state == Writing::Options);
        match self.state {
            Writing::Options | Writing::Payload => {
                self.buffer.len().saturating_sub(self.at).saturating_sub(marker)
            }
            Writing::Failed => 0,
        }
    }

    /// Marks the message as one that could not be written.
    pub fn fail(&mut self) {
        self.state = Writing::Failed;
    }

    /// Length of the message, bytes.
    ///
    /// # Errors
    /// [`Full`].
    pub fn finish(self) -> Result<usize, Full> {
        match self.state {
            Writing::Options | Writing::Payload => Ok(self.at),
            Writing::Failed => Err(Full),
        }
    }
}

/// A delta or length as nibble, and what its extension says.
fn nibble(value: u16) -> (u8, u16) {
    match value {
        0..=12 => (value as u8, 0),
        13..=268 => (13, value - 13),
        _ => (14, value - 269),
    }
}
