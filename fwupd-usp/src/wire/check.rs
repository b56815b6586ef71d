//! A message against its schema: every field that the schema knows has its type, strings are UTF-8, enums have a
//! value that there is, and of the fields of a oneof exactly one is there, once. What the schema does not know is
//! skipped. How deep it looks is how deep the schema is.

use super::{Fields, Malformed, Value};

/// Number of the key in an entry of a map. Protocol Buffers Encoding, Maps.
pub const KEY: u32 = 1;
/// Number of the value in an entry of a map.
pub const VALUE: u32 = 2;

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
    Enum(u64),
    /// A varint.
    Uint64,
    /// Four bytes.
    Fixed32,
    /// A message.
    Message(&'static Schema),
    /// An entry of a map from string to string.
    Pair,
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
pub struct Field(pub u32, pub Kind, pub Times);

/// A message: its fields. Each message here has one oneof at most.
#[derive(Debug)]
pub struct Schema(pub &'static [Field]);

static ENTRY: Schema = Schema(&[Field(KEY, Kind::Text, Times::One), Field(VALUE, Kind::Text, Times::One)]);

/// Holds bytes against a schema.
///
/// # Errors
/// [`Malformed::Syntax`] before [`Malformed::Oneof`], in the order of the bytes. A message that comes twice
/// where it should come once is refused too: nobody merges messages.
pub fn check(bytes: &[u8], schema: &Schema) -> Result<(), Malformed> {
    let mut fields = Fields::new(bytes);
    let mut chosen = 0usize;
    let mut seen = 0u32;
    while let Some((number, value)) = fields.read()? {
        let Some(Field(_, kind, times)) = schema.0.iter().find(|field| field.0 == number) else { continue };
        match (kind, value) {
            (Kind::Text, Value::Bytes(bytes)) if core::str::from_utf8(bytes).is_ok() => {}
            (Kind::Bytes, Value::Bytes(_)) => {}
            (Kind::Bool | Kind::Uint64, Value::Varint(_)) | (Kind::Fixed32, Value::Fixed32(_)) => {}
            (Kind::Enum(most), Value::Varint(n)) if n <= *most => {}
            (Kind::Message(inner), Value::Bytes(bytes)) => check(bytes, inner)?,
            (Kind::Pair, Value::Bytes(bytes)) => check(bytes, &ENTRY)?,
            (Kind::Text | Kind::Bytes | Kind::Bool | Kind::Uint64 | Kind::Fixed32, _) => {
                return Err(Malformed::Syntax);
            }
            (Kind::Enum(_) | Kind::Message(_) | Kind::Pair, _) => return Err(Malformed::Syntax),
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
    let has_oneof = schema.0.iter().any(|field| field.2 == Times::Oneof);
    if chosen == usize::from(has_oneof) { Ok(()) } else { Err(Malformed::Oneof) }
}
