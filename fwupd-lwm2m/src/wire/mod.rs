//! Bytes and values, both ways: what a device says and reads, and what a server does.

pub mod link;
pub mod text;
pub mod tlv;

/// Writes into a caller's buffer. What does not fit is left out, and [`finish`](Self::finish) says so.
#[derive(Debug)]
pub struct Out<'b> {
    into: &'b mut [u8],
    len: usize,
    full: bool,
}

/// The buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<'b> Out<'b> {
    /// Writes from the buffer's first byte on.
    pub fn new(into: &'b mut [u8]) -> Self {
        Self { into, len: 0, full: false }
    }

    /// Appends bytes, all or none of them.
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        match self.into.get_mut(self.len..end) {
            Some(place) if !self.full => {
                place.copy_from_slice(bytes);
                self.len = end;
            }
            Some(_) | None => self.full = true,
        }
    }

    /// Appends a number as decimal digits.
    pub fn decimal(&mut self, number: u32) {
        self.put(text::Decimal::new(number).as_bytes());
    }

    /// How many bytes have been written.
    ///
    /// # Errors
    /// They are not all that there were.
    pub fn finish(self) -> Result<usize, Full> {
        if self.full { Err(Full) } else { Ok(self.len) }
    }
}
