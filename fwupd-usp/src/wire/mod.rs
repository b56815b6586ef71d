//! Bytes and messages, both ways: what an agent says and reads, and what a controller does.
//!
//! What comes in is first held against the schema as a whole ([`check`]); then it is read by field number, each
//! part where it lies. What goes out is written front to back, a message's length once its end is known.

pub mod check;
pub mod controller;
pub mod msg;
pub mod record;
pub mod text;

use crate::spec::schema::entry;

/// The bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They break off, or are not protobuf, or not what the schema has under that number.
    Syntax,
    /// Of several fields of which one has to be there, none is, or more than one.
    Oneof,
}

/// The value of a field, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire types 3 and 4: a group, which is skipped.
    Group,
    /// Wire type 5.
    Fixed32(u32),
}

/// Bytes that the lengths of a Record's payload, and of what that is in, take at most.
const ENDS: usize = 10;
/// Groups within groups that are skipped; no schema here has any.
const GROUPS: usize = 8;

/// Reads the fields of a message one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields in these bytes.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field's number and value; `None` at the end.
    ///
    /// # Errors
    /// [`Malformed::Syntax`].
    pub fn read(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, kind) = self.tag()?;
        let value = match kind {
            3 => self.skip_group(number)?,
            _ => self.value(kind)?,
        };
        Ok(Some((number, value)))
    }

    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed::Syntax)?;
        if tag >> 3 == 0 {
            return Err(Malformed::Syntax);
        }
        Ok((tag >> 3, (tag & 7) as u8))
    }

    fn value(&mut self, kind: u8) -> Result<Value<'a>, Malformed> {
        Ok(match kind {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed::Syntax)?;
                let (value, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Syntax)?;
                self.rest = rest;
                Value::Bytes(value)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(Malformed::Syntax),
        })
    }

    /// A group ends with the number that it began with.
    fn skip_group(&mut self, number: u32) -> Result<Value<'a>, Malformed> {
        let mut open = [0; GROUPS];
        let mut depth = 0usize;
        *open.get_mut(depth).ok_or(Malformed::Syntax)? = number;
        loop {
            match self.tag()? {
                (number, 3) => {
                    depth = depth.saturating_add(1);
                    *open.get_mut(depth).ok_or(Malformed::Syntax)? = number;
                }
                (number, 4) => {
                    if open.get(depth) != Some(&number) {
                        return Err(Malformed::Syntax);
                    }
                    match depth.checked_sub(1) {
                        Some(outer) => depth = outer,
                        None => return Ok(Value::Group),
                    }
                }
                (_, kind) => _ = self.value(kind)?,
            }
        }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for at in 0..10u32 {
            let (byte, rest) = self.rest.split_first().ok_or(Malformed::Syntax)?;
            self.rest = rest;
            // The tenth byte holds the last bit.
            if at == 9 && *byte > 1 {
                return Err(Malformed::Syntax);
            }
            number |= u64::from(byte & 0x7F) << (at * 7);
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Syntax)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (value, rest) = self.rest.split_first_chunk().ok_or(Malformed::Syntax)?;
        self.rest = rest;
        Ok(*value)
    }
}

/// Reads on while the bytes are good. Those of a message that was checked all are.
impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.read().ok().flatten()
    }
}

/// A message that was checked, read by field number. What is absent has its default: "", 0, false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node<'a>(&'a [u8]);

impl<'a> Node<'a> {
    /// The message in these bytes, which [`check::check`] has found good.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// All that has this number.
    pub fn each(&self, number: u32) -> impl Iterator<Item = Value<'a>> + use<'a> {
        Fields::new(self.0).filter_map(move |(n, value)| (n == number).then_some(value))
    }

    /// The last that has this number, which is the one that counts.
    pub fn find(&self, number: u32) -> Option<Value<'a>> {
        self.each(number).last()
    }

    /// Whether there is a field of this number.
    pub fn has(&self, number: u32) -> bool {
        self.find(number).is_some()
    }

    /// A string.
    pub fn text(&self, number: u32) -> &'a str {
        self.find(number).map_or("", text)
    }

    /// Bytes.
    pub fn bytes(&self, number: u32) -> &'a [u8] {
        self.find(number).map_or(&[], bytes)
    }

    /// A bool.
    pub fn flag(&self, number: u32) -> bool {
        matches!(self.find(number), Some(Value::Varint(n)) if n != 0)
    }

    /// A fixed32, or an enum.
    pub fn number(&self, number: u32) -> u32 {
        match self.find(number) {
            Some(Value::Fixed32(n)) => n,
            Some(Value::Varint(n)) => n as u32,
            Some(Value::Fixed64(_) | Value::Bytes(_) | Value::Group) | None => 0,
        }
    }

    /// A message, if it is there.
    pub fn node(&self, number: u32) -> Option<Node<'a>> {
        self.find(number).map(|value| Node(bytes(value)))
    }

    /// Messages.
    pub fn nodes(&self, number: u32) -> impl Iterator<Item = Node<'a>> + use<'a> {
        self.each(number).map(|value| Node(bytes(value)))
    }

    /// Strings.
    pub fn texts(&self, number: u32) -> impl Iterator<Item = &'a str> + use<'a> {
        self.each(number).map(text)
    }

    /// The pairs of a map, in the order in which they came.
    pub fn pairs(&self, number: u32) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.nodes(number).map(|pair| (pair.text(entry::KEY), pair.text(entry::VALUE)))
    }

    /// The value of a key in a map.
    pub fn pair(&self, number: u32, key: &str) -> Option<&'a str> {
        self.pairs(number).filter(|(k, _)| *k == key).last().map(|(_, value)| value)
    }
}

fn bytes(value: Value<'_>) -> &[u8] {
    match value {
        Value::Bytes(bytes) => bytes,
        Value::Varint(_) | Value::Fixed64(_) | Value::Group | Value::Fixed32(_) => &[],
    }
}

fn text(value: Value<'_>) -> &str {
    core::str::from_utf8(bytes(value)).unwrap_or_default()
}

/// The buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Where a message that is being written began.
#[derive(Debug)]
#[must_use]
pub struct Mark(usize);

/// Writes into a caller's buffer. What does not fit is left out, and [`finish`](Self::finish) says so.
#[derive(Debug)]
pub struct Out<'b> {
    into: &'b mut [u8],
    len: usize,
    full: bool,
}

impl<'b> Out<'b> {
    /// Writes from the buffer's first byte on.
    pub fn new(into: &'b mut [u8]) -> Self {
        Self { into, len: 0, full: false }
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.into.get_mut(self.len..end) {
            Some(place) if !self.full => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            Some(_) | None => self.full = true,
        }
    }

    /// Appends text as it is: a part of a string.
    pub fn part(&mut self, text: &str) {
        self.raw(text.as_bytes());
    }

    /// Appends a number in decimal digits: a part of a string.
    pub fn decimal(&mut self, number: u32) {
        let mut left = number;
        let mut digits = [0u8; 10];
        let mut count = 0usize;
        for digit in digits.iter_mut().rev() {
            *digit = (left % 10) as u8 + b'0';
            left /= 10;
            count = count.saturating_add(1);
            if left == 0 {
                break;
            }
        }
        self.raw(digits.get(10usize.saturating_sub(count)..).unwrap_or_default());
    }

    /// A string; none where it is empty, as its default is not written.
    pub fn text(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.always(number, text);
        }
    }

    /// A string, also an empty one: where its presence says something.
    pub fn always(&mut self, number: u32, text: &str) {
        self.bytes(number, text.as_bytes());
    }

    /// Bytes.
    pub fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, 2);
        self.varint(bytes.len());
        self.raw(bytes);
    }

    /// A bool.
    pub fn flag(&mut self, number: u32, on: bool) {
        self.number(number, u32::from(on));
    }

    /// An enum.
    pub fn number(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.tag(number, 0);
            self.varint(value as usize);
        }
    }

    /// A fixed32.
    pub fn fixed32(&mut self, number: u32, value: u32) {
        if value != 0 {
            self.tag(number, 5);
            self.raw(&value.to_le_bytes());
        }
    }

    /// A pair of a map of strings.
    pub fn pair(&mut self, number: u32, key: &str, value: &str) {
        let pair = self.open_pair(number, key);
        self.part(value);
        self.close_pair(pair);
    }

    /// A pair whose value is what is appended before [`close_pair`](Self::close_pair).
    pub fn open_pair(&mut self, number: u32, key: &str) -> (Mark, Mark) {
        let pair = self.open(number);
        self.always(entry::KEY, key);
        let value = self.open(entry::VALUE);
        (pair, value)
    }

    /// The end of a pair.
    pub fn close_pair(&mut self, (pair, value): (Mark, Mark)) {
        self.close(value);
        self.close(pair);
    }

    /// Begins a message, or a string of parts. It is there even if nothing is in it.
    pub fn open(&mut self, number: u32) -> Mark {
        self.tag(number, 2);
        Mark(self.len)
    }

    /// Its end: its length goes before it.
    pub fn close(&mut self, Mark(from): Mark) {
        let to = self.len;
        let length = to.saturating_sub(from);
        self.varint(length);
        if self.full {
            return;
        }
        let added = self.len.saturating_sub(to);
        let Some(written) = self.into.get_mut(from..self.len) else { return };
        // A rotation by three reversals: that of `core` takes 2 KB of text.
        reverse(written);
        if let Some((length, content)) = written.split_at_mut_checked(added) {
            reverse(length);
            reverse(content);
        }
    }

    /// Whether this fits, with the ends of the messages that are open. Nothing of it is written.
    pub fn fits(&mut self, content: impl FnOnce(&mut Self)) -> bool {
        let (len, full) = (self.len, self.full);
        content(self);
        self.raw(&[0; ENDS]);
        let fits = !self.full;
        (self.len, self.full) = (len, full);
        fits
    }

    /// How much has been written.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes were written.
    ///
    /// # Errors
    /// They are not all that there were to write.
    pub fn finish(self) -> Result<usize, Full> {
        if self.full { Err(Full) } else { Ok(self.len) }
    }

    /// What was written, as text.
    ///
    /// # Errors
    /// It is not all that there was to write.
    pub fn finish_text(self) -> Result<&'b str, Full> {
        let Self { into, len, full } = self;
        let written: &'b [u8] = into;
        let text = written.get(..len).filter(|_| !full).map(core::str::from_utf8);
        text.and_then(Result::ok).ok_or(Full)
    }

    fn tag(&mut self, number: u32, kind: u32) {
        self.varint((number << 3 | kind) as usize);
    }

    fn varint(&mut self, number: usize) {
        let mut left = number;
        loop {
            let low = (left & 0x7F) as u8;
            left >>= 7;
            if left == 0 {
                return self.raw(&[low]);
            }
            self.raw(&[low | 0x80]);
        }
    }
}

fn reverse(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let [first, inner @ .., last] = rest {
        core::mem::swap(first, last);
        rest = inner;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        let mut fields = Fields::new(bytes);
        let mut found = Vec::new();
        while let Some(field) = fields.read()? {
            found.push(field);
        }
        Ok(found)
    }

    #[test]
    fn every_wire_type_is_read_and_a_group_is_skipped() {
        // protobuf.dev, Encoding: 150 as a varint, and "testing".
        assert_eq!(all(&[8, 0x96, 1]), Ok(vec![(1, Value::Varint(150))]));
        assert_eq!(all(b"\x12\x07testing"), Ok(vec![(2, Value::Bytes(b"testing"))]));
        assert_eq!(all(&[13, 1, 0, 0, 0]), Ok(vec![(1, Value::Fixed32(1))]));
        assert_eq!(all(&[9, 1, 0, 0, 0, 0, 0, 0, 0]), Ok(vec![(1, Value::Fixed64(1))]));
        assert_eq!(
            all(&[11, 8, 5, 19, 18, 1, 0, 20, 12, 16, 7]),
            Ok(vec![(1, Value::Group), (2, Value::Varint(7))])
        );
    }

    #[test]
    fn what_breaks_off_or_is_no_field_is_malformed() {
        for bytes in [
            &[8][..],
            &[8, 0x80],
            &[0, 0],
            &[10, 5, 1],
            &[10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
            &[13, 1, 0, 0],
            &[8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2],
            &[8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            &[11, 20],
            &[11, 8, 5],
            &[12],
            &[14],
            &[11; 9],
        ] {
            assert_eq!(all(bytes), Err(Malformed::Syntax), "{bytes:?}");
        }
    }

    #[test]
    fn a_long_message_gets_a_longer_length_before_it() {
        let mut room = [0; 300];
        let mut out = Out::new(&mut room);
        let outer = out.open(1);
        let inner = out.open(2);
        (0..150).for_each(|_| out.part("a"));
        out.close(inner);
        out.close(outer);
        let len = out.finish().unwrap();
        assert_eq!(room[..6], [10, 0x99, 1, 18, 0x96, 1]);
        assert_eq!((len, &room[6..8], room[len - 1]), (156, &b"aa"[..], b'a'));
    }

    #[test]
    fn what_does_not_fit_is_told_at_the_end() {
        for room in 0..7 {
            let mut buffer = [0; 16];
            let mut out = Out::new(&mut buffer[..room]);
            let mark = out.open(1);
            out.text(2, "abc");
            out.close(mark);
            assert_eq!(out.finish(), Err(Full), "{room}");
        }
    }

    #[test]
    fn a_number_is_written_in_decimal() {
        for number in [0, 7, 10, 4_294_967_295] {
            let mut room = [0; 10];
            let mut out = Out::new(&mut room);
            out.decimal(number);
            let len = out.finish().unwrap();
            assert_eq!(room[..len], *number.to_string().as_bytes());
        }
    }
}
