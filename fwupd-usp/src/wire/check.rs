//! A message against its schema: every field that the schema knows has its type, strings are UTF-8, enums have a
//! value that there is, and of the fields of a oneof exactly one is there, once. What the schema does not know is
//! skipped. How deep it looks is how deep the schema is.

use super::{Fields, Malformed, Value};
use crate::spec::schema::Schema;

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Bytes.
    Bytes,
    /// A varint.
    Bool,
    /// A varint, up to this value.
    Enum(u8),
    /// A varint.
    Uint64,
    /// Four bytes.
    Fixed32,
    /// A message.
    Message(Schema),
}

/// How often a field may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Once. A scalar that comes again counts as its last.
    One,
    /// Any number of times.
    Many,
    /// It is one of the message's oneof.
    Oneof,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field(pub u8, pub Kind, pub Times);

/// Holds bytes against a schema.
///
/// # Errors
/// [`Malformed::Syntax`] before [`Malformed::Oneof`], in the order of the bytes. A message that comes twice
/// where it should come once is refused too: nobody merges messages.
pub fn check(bytes: &[u8], schema: Schema) -> Result<(), Malformed> {
    let known = schema.fields();
    let mut fields = Fields::new(bytes);
    let mut chosen = 0usize;
    let mut seen = 0u32;
    while let Some((number, value)) = fields.read()? {
        let Some(Field(_, kind, times)) = known.iter().find(|field| u32::from(field.0) == number) else {
            continue;
        };
        match (kind, value) {
            (Kind::Text, Value::Bytes(bytes)) if core::str::from_utf8(bytes).is_ok() => {}
            (Kind::Bytes, Value::Bytes(_)) => {}
            (Kind::Bool | Kind::Uint64, Value::Varint(_)) | (Kind::Fixed32, Value::Fixed32(_)) => {}
            (Kind::Enum(most), Value::Varint(n)) if n <= u64::from(*most) => {}
            (Kind::Message(inner), Value::Bytes(bytes)) => check(bytes, *inner)?,
            (Kind::Text | Kind::Bytes | Kind::Bool | Kind::Uint64 | Kind::Fixed32, _) => {
                return Err(Malformed::Syntax);
            }
            (Kind::Enum(_) | Kind::Message(_), _) => return Err(Malformed::Syntax),
        }
        match times {
            Times::Many => {}
            Times::Oneof => chosen = chosen.saturating_add(1),
            Times::One => {
                // Fields of the schemas here have numbers below 32.
                let bit = 1u32.checked_shl(number).unwrap_or(0);
                if matches!(kind, Kind::Message(_)) && seen & bit != 0 {
                    return Err(Malformed::Oneof);
                }
                seen |= bit;
            }
        }
    }
    let has_oneof = known.iter().any(|field| field.2 == Times::Oneof);
    if chosen == usize::from(has_oneof) { Ok(()) } else { Err(Malformed::Oneof) }
}
