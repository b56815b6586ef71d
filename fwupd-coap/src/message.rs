//! One CoAP message: read where it lies, written into the caller's buffer. RFC 7252 section 3.

mod write;

pub use write::{Full, Writer};

use crate::block::{BadBlock, Block};
use crate::spec::{self, Code, ETAG_MAX, PAYLOAD_MARKER, TOKEN_MAX, VERSION, option};

/// The type of a message. RFC 7252 section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wants an acknowledgement.
    Confirmable = 0,
    /// Wants none.
    NonConfirmable = 1,
    /// Acknowledges a confirmable message; may carry the response.
    Acknowledgement = 2,
    /// Says that a message could not be made sense of.
    Reset = 3,
}

/// By which a response is matched with its request: 0 to 8 bytes. RFC 7252 section 5.3.1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    len: u8,
    bytes: [u8; TOKEN_MAX],
}

impl Token {
    /// The token of no bytes.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; TOKEN_MAX] };

    /// A token of these bytes, at most eight.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut token = Self { len: bytes.len() as u8, bytes: [0; TOKEN_MAX] };
        token.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(token)
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Token({:02x?})", self.as_slice())
    }
}

/// A datagram that is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Too short for a header, or of another version: to be ignored. RFC 7252 section 3.
    #[error("this is no CoAP")]
    NotCoap,
    /// The header is good, what follows is not: a confirmable one is reset, all others are ignored. RFC 7252
    /// sections 4.2 and 4.3.
    #[error("the message is malformed")]
    Malformed {
        /// Its type.
        kind: Kind,
        /// Its message identifier.
        id: u16,
    },
}

/// A message that was read. Its options are well-formed; what is in them has not been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'m> {
    /// Its type.
    pub kind: Kind,
    /// Its method or response code.
    pub code: Code,
    /// Its message identifier.
    pub id: u16,
    /// Its token.
    pub token: Token,
    options: Options<'m>,
    /// What it carries.
    pub payload: &'m [u8],
}

impl<'m> Message<'m> {
    /// Reads a datagram.
    ///
    /// # Errors
    /// [`BadMessage`], by its variants.
    pub fn parse(datagram: &'m [u8]) -> Result<Self, BadMessage> {
        let (&[first, code, high, low], rest) = datagram.split_first_chunk().ok_or(BadMessage::NotCoap)?;
        if first >> 6 != VERSION {
            return Err(BadMessage::NotCoap);
        }
        let kind = match first >> 4 & 3 {
            0 => Kind::Confirmable,
            1 => Kind::NonConfirmable,
            2 => Kind::Acknowledgement,
            _ => Kind::Reset,
        };
        let (code, id) = (Code(code), u16::from_be_bytes([high, low]));
        Self::after_header(kind, code, id, usize::from(first & 15), rest)
            .ok_or(BadMessage::Malformed { kind, id })
    }

    fn after_header(kind: Kind, code: Code, id: u16, token: usize, rest: &'m [u8]) -> Option<Self> {
        // Nothing may follow the identifier of an empty message: RFC 7252 section 4.1.
        if code == Code::EMPTY && (token != 0 || !rest.is_empty()) {
            return None;
        }
        let (token, rest) = rest.split_at_checked(token)?;
        let token = Token::new(token)?;
        let mut walk = Options { rest, number: 0 };
        loop {
            if walk.rest.is_empty() || walk.rest.first() == Some(&PAYLOAD_MARKER) {
                break;
            }
            walk.next()?;
        }
        let length = rest.len().saturating_sub(walk.rest.len());
        let options = Options { rest: rest.get(..length)?, number: 0 };
        let payload = match walk.rest.split_first() {
            None => &[],
            // A marker that nothing follows is an error: RFC 7252 section 3.
            Some((_, [])) => return None,
            Some((_, payload)) => payload,
        };
        Some(Self { kind, code, id, token, options, payload })
    }

    /// Its options, in ascending order of their numbers.
    pub fn options(&self) -> Options<'m> {
        self.options
    }

    /// The first option of this number.
    pub fn option(&self, number: u16) -> Option<&'m [u8]> {
        self.values(number).next()
    }

    /// All options of this number.
    pub fn values(&self, number: u16) -> Values<'m> {
        Values { options: self.options, number }
    }

    /// The first option of this number as an unsigned number; none if it has more than four bytes.
    pub fn uint(&self, number: u16) -> Option<u32> {
        uint(self.option(number)?)
    }

    /// The segments of the path that is asked for, decoded. What an
    /// [`Endpoint`](crate::endpoint::Endpoint) hands up is UTF-8; where a message that was read by hand is not,
    /// it shows as U+FFFD.
    pub fn path(&self) -> impl Iterator<Item = &'m str> + Clone + use<'m> {
        self.values(option::URI_PATH).map(text)
    }

    /// The arguments of the query, decoded, as [`path`](Self::path).
    pub fn queries(&self) -> impl Iterator<Item = &'m str> + Clone + use<'m> {
        self.values(option::URI_QUERY).map(text)
    }

    /// The segments of the path that was created, as [`path`](Self::path).
    pub fn location(&self) -> impl Iterator<Item = &'m str> + Clone + use<'m> {
        self.values(option::LOCATION_PATH).map(text)
    }

    /// Observe: 0 or 1 in a request, the sequence number in a notification. RFC 7641 section 2. One of more
    /// than three bytes is as good as absent.
    pub fn observe(&self) -> Option<u32> {
        self.uint(option::OBSERVE).filter(|value| *value < 1 << spec::OBSERVE_BITS)
    }

    /// Block1, of the payload of a request.
    ///
    /// # Errors
    /// [`BadBlock`], by its variants.
    pub fn block1(&self) -> Result<Option<Block>, BadBlock> {
        self.option(option::BLOCK1).map(Block::parse).transpose()
    }

    /// Block2, of the payload of a response.
    ///
    /// # Errors
    /// [`BadBlock`], by its variants.
    pub fn block2(&self) -> Result<Option<Block>, BadBlock> {
        self.option(option::BLOCK2).map(Block::parse).transpose()
    }

    /// The first entity tag, 1 to 8 bytes.
    pub fn etag(&self) -> Option<&'m [u8]> {
        self.option(option::ETAG).filter(|tag| (1..=ETAG_MAX).contains(&tag.len()))
    }

    /// Length of the request's whole body, bytes.
    pub fn size1(&self) -> Option<u32> {
        self.uint(option::SIZE1)
    }

    /// Length of the response's whole body, bytes.
    pub fn size2(&self) -> Option<u32> {
        self.uint(option::SIZE2)
    }

    /// What the payload is.
    pub fn content_format(&self) -> Option<u16> {
        self.uint(option::CONTENT_FORMAT)?.try_into().ok()
    }

    /// What the response is to be.
    pub fn accept(&self) -> Option<u16> {
        self.uint(option::ACCEPT)?.try_into().ok()
    }
}

fn text(value: &[u8]) -> &str {
    core::str::from_utf8(value).unwrap_or("\u{FFFD}")
}

/// An unsigned number of an option, RFC 7252 section 3.2: none if it has more than four bytes.
pub fn uint(value: &[u8]) -> Option<u32> {
    let fold = || value.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
    (value.len() <= 4).then(fold)
}

/// Walks over options: their numbers and values. RFC 7252 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'m> {
    rest: &'m [u8],
    number: u16,
}

impl Options<'_> {
    /// Bytes that a nibble announces: of a delta or a length.
    fn extended(&mut self, nibble: u8) -> Option<u16> {
        match nibble {
            13 => {
                let (byte, rest) = self.rest.split_first()?;
                self.rest = rest;
                Some(u16::from(*byte) + 13)
            }
            14 => {
                let (bytes, rest) = self.rest.split_first_chunk()?;
                self.rest = rest;
                // What is more than 16 bits is neither a number nor a length that fits a datagram.
                u16::from_be_bytes(*bytes).checked_add(269)
            }
            15 => None,
            _ => Some(u16::from(nibble)),
        }
    }
}

impl<'m> Iterator for Options<'m> {
    type Item = (u16, &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        let delta = self.extended(first >> 4)?;
        let length = self.extended(first & 15)?;
        let (value, rest) = self.rest.split_at_checked(usize::from(length))?;
        self.rest = rest;
        self.number = self.number.checked_add(delta)?;
        Some((self.number, value))
    }
}

/// The values of the options of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values<'m> {
    options: Options<'m>,
    number: u16,
}

impl<'m> Iterator for Values<'m> {
    type Item = &'m [u8];

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (number, value) = self.options.next()?;
            if number == self.number {
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
