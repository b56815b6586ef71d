//! Bytes and messages, both ways: what a device says and reads, and what the platform does.

pub mod json;
pub mod message;
pub mod text;
pub mod uri;

/// Writes into a caller's buffer. What does not fit is left out, and [`finish`](Self::finish) says so.
#[derive(Debug)]
pub struct Out<'b> {
    into: &'b mut [u8],
    /// Bytes written, kept or not.
    len: usize,
}

/// The buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// Bytes that are needed.
    pub needed: usize,
}

impl<'b> Out<'b> {
    /// Writes from the buffer's first byte on.
    pub fn new(into: &'b mut [u8]) -> Self {
        Self { into, len: 0 }
    }

    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.into.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
        }
        self.len = end;
    }

    /// Bytes that are left.
    pub fn room(&self) -> usize {
        self.into.len().saturating_sub(self.len)
    }

    /// How many bytes were written.
    ///
    /// # Errors
    /// They are more than the buffer has.
    pub fn finish(self) -> Result<usize, Full> {
        if self.len <= self.into.len() { Ok(self.len) } else { Err(Full { needed: self.len }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_told_at_the_end() {
        let mut room = [0; 3];
        let mut out = Out::new(&mut room);
        out.put(b"abc");
        assert_eq!((out.room(), out.finish()), (0, Ok(3)));
        let mut out = Out::new(&mut room);
        out.put(b"abcd");
        out.put(b"e");
        assert_eq!((out.room(), out.finish()), (0, Err(Full { needed: 5 })));
    }
}
