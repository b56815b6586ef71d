//! One line a message, for traces: `CON [0x1234] PUT /5/0/0 block1=3/1/64 ct=42 token=ab, 64 bytes`.

use core::fmt::{Display, Formatter, Result, Write};

use crate::block::Block;
use crate::message::{Kind, Message, Token, uint};
use crate::spec::{Code, option};

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self {
            Self::Confirmable => "CON",
            Self::NonConfirmable => "NON",
            Self::Acknowledgement => "ACK",
            Self::Reset => "RST",
        })
    }
}

/// A method by its name, all else as class and detail: `2.04`.
impl Display for Code {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match *self {
            Self::GET => "GET",
            Self::POST => "POST",
            Self::PUT => "PUT",
            Self::DELETE => "DELETE",
            Self::FETCH => "FETCH",
            Self::PATCH => "PATCH",
            Self::IPATCH => "iPATCH",
            _ => return write!(f, "{}.{:02}", self.class(), self.detail()),
        })
    }
}

/// In hexadecimal digits.
impl Display for Token {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        hex(f, self.as_slice())
    }
}

/// As RFC 7959 writes it: number, more, size.
impl Display for Block {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}/{}/{}", self.number, u8::from(self.more), self.szx.size())
    }
}

impl Display for Message<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} [0x{:04x}]", self.kind, self.id)?;
        if self.code != Code::EMPTY {
            write!(f, " {}", self.code)?;
        }
        if self.code.is_request() {
            f.write_str(" ")?;
            if self.option(option::URI_PATH).is_none() {
                f.write_str("/")?;
            }
        }
        let mut arguments = ["?", "&"].into_iter();
        for (number, value) in self.options() {
            match number {
                option::URI_PATH => text(f, "/", value)?,
                option::URI_QUERY => text(f, arguments.next().unwrap_or("&"), value)?,
                _ => {}
            }
        }
        for (number, value) in self.options() {
            shown(f, number, value)?;
        }
        if self.token != Token::EMPTY {
            write!(f, " token={}", self.token)?;
        }
        match self.payload.len() {
            0 => Ok(()),
            1 => f.write_str(", 1 byte"),
            length => write!(f, ", {length} bytes"),
        }
    }
}

/// An option after the path and the query.
fn shown(f: &mut Formatter<'_>, number: u16, value: &[u8]) -> Result {
    let name = match number {
        option::URI_PATH | option::URI_QUERY => return Ok(()),
        option::URI_HOST => return text(f, " host=", value),
        option::LOCATION_PATH => return text(f, " location=/", value),
        option::LOCATION_QUERY => return text(f, " location=?", value),
        option::BLOCK1 | option::BLOCK2 => {
            let name = if number == option::BLOCK1 { "block1" } else { "block2" };
            return match Block::parse(value) {
                Ok(block) => write!(f, " {name}={block}"),
                Err(why) => write!(f, " {name}=({why})"),
            };
        }
        option::URI_PORT => "port",
        option::CONTENT_FORMAT => "ct",
        option::ACCEPT => "accept",
        option::OBSERVE => "observe",
        option::MAX_AGE => "max-age",
        option::SIZE1 => "size1",
        option::SIZE2 => "size2",
        option::ETAG => {
            f.write_str(" etag=")?;
            return hex(f, value);
        }
        _ => {
            write!(f, " {number}=")?;
            return hex(f, value);
        }
    };
    match uint(value) {
        Some(value) => write!(f, " {name}={value}"),
        None => write!(f, " {name}=(too long)"),
    }
}

/// A text of a peer, of which nothing can break the line.
fn text(f: &mut Formatter<'_>, before: &str, value: &[u8]) -> Result {
    f.write_str(before)?;
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' ' | '\\' => write!(f, "\\x{:02x}", c as u32)?,
                c if c.is_ascii_graphic() || c.is_alphanumeric() => f.write_char(c)?,
                c => write!(f, "{}", c.escape_default())?,
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

fn hex(f: &mut Formatter<'_>, bytes: &[u8]) -> Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_that_no_peer_can_break() {
        for (bytes, line) in [
            (
                &b"\x41\x03\x12\x34\xab\xb15\x010\x010\x11\x2a\xd1\x02\x3a\xff0123"[..],
                "CON [0x1234] PUT /5/0/0 ct=42 block1=3/1/64 token=ab, 4 bytes",
            ),
            (b"\x40\x01\x00\x01", "CON [0x0001] GET /"),
            (b"\x50\x02\x00\x02\xb2rd\x47lt=3600\x05ep=\na", "NON [0x0002] POST /rd?lt=3600&ep=\\na"),
            (b"\x60\x44\x00\x03", "ACK [0x0003] 2.04"),
            (
                b"\x60\x45\x00\x03\x41\xff\x21\x05\x60\x22\x2d\x16\xd1\x01\x03\xffx",
                "ACK [0x0003] 2.05 etag=ff observe=5 ct=0 max-age=11542 size2=3, 1 byte",
            ),
            (b"\x70\x00\x00\x04", "RST [0x0004]"),
            (b"\x40\x00\x00\x05", "CON [0x0005]"),
            (
                b"\x40\x01\x00\x06\xb4a b\xff\xc1\x0f\xe2\xfc\xc4\xbe\xef",
                "CON [0x0006] GET /a\\x20b\\xff block2=(block size 7 is reserved) 65000=beef",
            ),
            (b"\x60\x41\x00\x07\x82rd\x01a", "ACK [0x0007] 2.01 location=/rd location=/a"),
        ] {
            assert_eq!(Message::parse(bytes).unwrap().to_string(), line);
        }
    }
}
