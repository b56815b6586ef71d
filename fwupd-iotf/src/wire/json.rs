//! JSON (RFC 8259), read where it lies and written into a buffer.
//!
//! Nothing recurses: what is skipped keeps its nesting in the bits of one word, and what nests deeper than
//! [`DEPTH`] is refused. Containers are read lazily, their members and elements by iterators.

use super::Out;
use super::text::{Decimal, digit, hex, unsigned};

/// How deep containers may nest.
pub const DEPTH: u32 = 32;

/// What is no JSON, or nests too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad;

/// A value, where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'t> {
    /// null, true or false.
    Literal(&'static str),
    /// A number, as it is written.
    Number(&'t str),
    /// A string.
    String(Text<'t>),
    /// An array.
    Array(Array<'t>),
    /// An object.
    Object(Object<'t>),
}

impl<'t> Value<'t> {
    /// Reads a text that is one value and nothing else.
    ///
    /// # Errors
    /// [`Bad`].
    pub fn parse(text: &'t str) -> Result<Self, Bad> {
        let mut cursor = Cursor(text);
        let value = cursor.value()?;
        cursor.space();
        if cursor.0.is_empty() { Ok(value) } else { Err(Bad) }
    }

    /// The string that it is.
    pub fn string(self) -> Option<Text<'t>> {
        match self {
            Self::String(text) => Some(text),
            Self::Literal(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The object that it is.
    pub fn object(self) -> Option<Object<'t>> {
        match self {
            Self::Object(object) => Some(object),
            Self::Literal(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// The array that it is.
    pub fn array(self) -> Option<Array<'t>> {
        match self {
            Self::Array(array) => Some(array),
            Self::Literal(_) | Self::Number(_) | Self::String(_) | Self::Object(_) => None,
        }
    }

    /// The number that it is, if it is written in decimal digits alone and has up to 32 bits.
    pub fn unsigned(self) -> Option<u32> {
        match self {
            Self::Number(number) => unsigned(number),
            Self::Literal(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

/// A string, as it is written between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'t>(&'t str);

impl<'t> Text<'t> {
    /// As it is written, with its escapes.
    pub fn raw(self) -> &'t str {
        self.0
    }

    /// Its characters.
    pub fn chars(self) -> impl Iterator<Item = char> + use<'t> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (c, after) = character(rest)?;
            rest = after;
            Some(c)
        })
    }

    /// Whether its characters are these.
    pub fn is(self, text: &str) -> bool {
        self.chars().eq(text.chars())
    }
}

/// The first character of a string's inside, and what follows it; `None` at its end, and where it is none.
fn character(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    let first = chars.next()?;
    if first < ' ' || first == '"' {
        return None;
    }
    if first != '\\' {
        return Some((first, chars.as_str()));
    }
    let c = match chars.next()? {
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{C}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (unit, rest) = unit(chars.as_str())?;
            let (code, rest) = match unit {
                0xD800..=0xDBFF => {
                    let (low, rest) = unit_of_pair(rest)?;
                    (0x1_0000u32.saturating_add(((unit & 0x3FF) << 10) | low), rest)
                }
                _ => (unit, rest),
            };
            return Some((char::from_u32(code)?, rest));
        }
        _ => return None,
    };
    Some((c, chars.as_str()))
}

/// Four hexadecimal digits.
fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let unit = digits.bytes().try_fold(0u32, |unit, digit| Some((unit << 4) | u32::from(hex(digit)?)))?;
    Some((unit, rest))
}

/// The second half of a surrogate pair: its ten bits.
fn unit_of_pair(text: &str) -> Option<(u32, &str)> {
    let (low, rest) = unit(text.strip_prefix("\\u")?)?;
    matches!(low, 0xDC00..=0xDFFF).then_some((low & 0x3FF, rest))
}

/// An object; its text begins behind the brace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object<'t>(&'t str);

impl<'t> Object<'t> {
    /// The object that a text begins with. Whether it is one to its end, its members tell.
    pub fn begin(text: &'t str) -> Option<Self> {
        let mut cursor = Cursor(text);
        cursor.space();
        cursor.0.strip_prefix('{').map(Self)
    }

    /// Its members, in their order.
    pub fn members(self) -> Members<'t> {
        Members { cursor: Cursor(self.0), place: Place::First }
    }

    /// The value of the last member of this name.
    ///
    /// # Errors
    /// The object is not well formed.
    pub fn member(self, name: &str) -> Result<Option<Value<'t>>, Bad> {
        let mut found = None;
        for member in self.members() {
            let (key, value) = member?;
            if key.is(name) {
                found = Some(value);
            }
        }
        Ok(found)
    }
}

/// An array; its text begins behind the bracket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array<'t>(&'t str);

impl<'t> Array<'t> {
    /// Its elements, in their order.
    pub fn elements(self) -> Elements<'t> {
        Elements { cursor: Cursor(self.0), place: Place::First }
    }
}

/// Where an iterator stands in its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    First,
    Later,
    End,
}

/// The members of an object: its last item is an error where the object is not well formed.
#[derive(Clone, Copy, Debug)]
pub struct Members<'t> {
    cursor: Cursor<'t>,
    place: Place,
}

impl<'t> Iterator for Members<'t> {
    type Item = Result<(Text<'t>, Value<'t>), Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = self.cursor.element(&mut self.place, '}', |cursor| {
            let key = cursor.key()?;
            Ok((key, cursor.value()?))
        });
        member.transpose()
    }
}

/// The elements of an array: its last item is an error where the array is not well formed.
#[derive(Clone, Copy, Debug)]
pub struct Elements<'t> {
    cursor: Cursor<'t>,
    place: Place,
}

impl<'t> Iterator for Elements<'t> {
    type Item = Result<Value<'t>, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        self.cursor.element(&mut self.place, ']', Cursor::value).transpose()
    }
}

/// What is left of a text.
#[derive(Clone, Copy, Debug)]
struct Cursor<'t>(&'t str);

impl<'t> Cursor<'t> {
    fn space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes this character, if it is the next one behind the space.
    fn takes(&mut self, c: char) -> bool {
        self.space();
        let rest = self.0.strip_prefix(c);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), Bad> {
        if self.takes(c) { Ok(()) } else { Err(Bad) }
    }

    /// The next element of a container that ends with `end`.
    fn element<T>(
        &mut self,
        place: &mut Place,
        end: char,
        read: impl FnOnce(&mut Self) -> Result<T, Bad>,
    ) -> Result<Option<T>, Bad> {
        let before = core::mem::replace(place, Place::End);
        match before {
            Place::End => return Ok(None),
            Place::First | Place::Later if self.takes(end) => return Ok(None),
            Place::First => {}
            Place::Later => self.expect(',')?,
        }
        let item = read(self)?;
        *place = Place::Later;
        Ok(Some(item))
    }

    fn key(&mut self) -> Result<Text<'t>, Bad> {
        self.space();
        let key = self.string()?;
        self.expect(':')?;
        Ok(key)
    }

    fn value(&mut self) -> Result<Value<'t>, Bad> {
        self.space();
        let start = self.0;
        let inside = start.get(1..).unwrap_or_default();
        match start.bytes().next() {
            Some(b'{') => self.skip().map(|()| Value::Object(Object(inside))),
            Some(b'[') => self.skip().map(|()| Value::Array(Array(inside))),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number().map(Value::Number),
            Some(_) | None => self.literal().map(Value::Literal),
        }
    }

    /// Goes over a value.
    fn skip(&mut self) -> Result<(), Bad> {
        // A bit for each container that is open, the innermost one lowest: 1 is an object.
        let (mut open, mut depth) = (0u32, 0u32);
        loop {
            self.space();
            let object = self.0.starts_with('{');
            if object || self.0.starts_with('[') {
                if depth >= DEPTH {
                    return Err(Bad);
                }
                self.0 = self.0.get(1..).unwrap_or_default();
                depth = depth.saturating_add(1);
                open = (open << 1) | u32::from(object);
                if !self.takes(if object { '}' } else { ']' }) {
                    if object {
                        self.key()?;
                    }
                    continue;
                }
                (open, depth) = (open >> 1, depth.saturating_sub(1));
            } else {
                self.scalar()?;
            }
            // A value has ended: so may what holds it.
            loop {
                let object = open & 1 == 1;
                match () {
                    () if depth == 0 => return Ok(()),
                    () if self.takes(if object { '}' } else { ']' }) => {
                        (open, depth) = (open >> 1, depth.saturating_sub(1));
                    }
                    () => {
                        self.expect(',')?;
                        if object {
                            self.key()?;
                        }
                        break;
                    }
                }
            }
        }
    }

    fn scalar(&mut self) -> Result<(), Bad> {
        match self.0.bytes().next() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number().map(|_| ()),
            Some(_) | None => self.literal().map(|_| ()),
        }
    }

    fn string(&mut self) -> Result<Text<'t>, Bad> {
        let inside = self.0.strip_prefix('"').ok_or(Bad)?;
        let mut rest = inside;
        while let Some((_, after)) = character(rest) {
            rest = after;
        }
        let length = inside.len().saturating_sub(rest.len());
        self.0 = rest.strip_prefix('"').ok_or(Bad)?;
        inside.get(..length).map(Text).ok_or(Bad)
    }

    fn number(&mut self) -> Result<&'t str, Bad> {
        let start = self.0;
        let rest = start.strip_prefix('-').unwrap_or(start);
        let mut rest = match rest.strip_prefix('0') {
            Some(rest) => rest,
            None => digits(rest)?,
        };
        if let Some(fraction) = rest.strip_prefix('.') {
            rest = digits(fraction)?;
        }
        if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
            rest = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))?;
        }
        self.0 = rest;
        start.get(..start.len().saturating_sub(rest.len())).ok_or(Bad)
    }

    fn literal(&mut self) -> Result<&'static str, Bad> {
        for literal in ["null", "true", "false"] {
            if let Some(rest) = self.0.strip_prefix(literal) {
                self.0 = rest;
                return Ok(literal);
            }
        }
        Err(Bad)
    }
}

/// What follows the digits that a text begins with.
fn digits(text: &str) -> Result<&str, Bad> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    if rest.len() < text.len() { Ok(rest) } else { Err(Bad) }
}

/// Writes JSON, its commas by itself.
#[derive(Debug)]
pub struct Writer<'o, 'b> {
    out: &'o mut Out<'b>,
    /// Whether a comma comes before the next value or name.
    comma: bool,
}

impl<'o, 'b> Writer<'o, 'b> {
    /// Writes to `out`.
    pub fn new(out: &'o mut Out<'b>) -> Self {
        Self { out, comma: false }
    }

    /// Bytes that are left in the buffer.
    pub fn room(&self) -> usize {
        self.out.room()
    }

    fn put(&mut self, bytes: &[u8], comma: bool) -> &mut Self {
        if self.comma {
            self.out.put(b",");
        }
        self.out.put(bytes);
        self.comma = comma;
        self
    }

    /// Begins an object.
    pub fn object(&mut self) -> &mut Self {
        self.put(b"{", false)
    }

    /// Ends an object.
    pub fn end_object(&mut self) -> &mut Self {
        self.comma = false;
        self.put(b"}", true)
    }

    /// Begins an array.
    pub fn array(&mut self) -> &mut Self {
        self.put(b"[", false)
    }

    /// Ends an array.
    pub fn end_array(&mut self) -> &mut Self {
        self.comma = false;
        self.put(b"]", true)
    }

    /// A member's name, of which nothing needs an escape.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.put(b"\"", false);
        self.out.put(name.as_bytes());
        self.out.put(b"\":");
        self
    }

    /// A string.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.put(b"\"", true);
        let mut utf8 = [0; 4];
        for c in text.chars() {
            match c {
                '"' | '\\' => self.out.put(&[b'\\', c as u8]),
                c if c < ' ' => {
                    let code = c as u8;
                    self.out.put(&[b'\\', b'u', b'0', b'0', digit(code >> 4), digit(code)]);
                }
                c => self.out.put(c.encode_utf8(&mut utf8).as_bytes()),
            }
        }
        self.out.put(b"\"");
        self
    }

    /// A string as it was written elsewhere.
    pub fn text(&mut self, text: Text<'_>) -> &mut Self {
        self.put(b"\"", true);
        self.out.put(text.raw().as_bytes());
        self.out.put(b"\"");
        self
    }

    /// A number.
    pub fn number(&mut self, number: u32) -> &mut Self {
        self.put(Decimal::new(number).as_bytes(), true)
    }

    /// true or false.
    pub fn boolean(&mut self, on: bool) -> &mut Self {
        self.put(if on { b"true" } else { b"false" }, true)
    }
}
