//! A cursor that bodies are written with, whole or a window of them.

/// Writes into a caller's buffer. What does not fit is left out, and [`finish`](Self::finish) says so.
#[derive(Debug)]
pub struct Out<'b> {
    into: &'b mut [u8],
    /// The part of all that is written that is kept, from and to.
    window: (usize, usize),
    /// Bytes written, kept or not.
    len: usize,
    full: bool,
}

/// The buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<'b> Out<'b> {
    /// Writes from the buffer's first byte on.
    pub fn new(into: &'b mut [u8]) -> Self {
        Self::window(into, 0, usize::MAX)
    }

    /// Keeps only the bytes from `from` on and before `to` of all that is written.
    pub fn window(into: &'b mut [u8], from: usize, to: usize) -> Self {
        Self { into, window: (from, to), len: 0, full: false }
    }

    /// Keeps nothing, and counts.
    pub fn counting() -> Out<'static> {
        Out::window(&mut [], 0, 0)
    }

    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        let (from, to) = self.window;
        let start = self.len;
        self.len = start.saturating_add(bytes.len());
        // What lies in the window of these bytes, and where that goes.
        let first = from.saturating_sub(start).min(bytes.len());
        let last = to.saturating_sub(start).min(bytes.len());
        let Some(kept) = bytes.get(first..last).filter(|kept| !kept.is_empty()) else { return };
        let at = start.saturating_add(first).saturating_sub(from);
        match self.into.get_mut(at..at.saturating_add(kept.len())) {
            Some(place) if !self.full => place.copy_from_slice(kept),
            Some(_) | None => self.full = true,
        }
    }

    /// Appends a number as decimal digits.
    pub fn decimal(&mut self, number: u32) {
        self.put(Decimal::new(number).as_bytes());
    }

    /// Bytes written so far, kept or not.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes have been kept.
    ///
    /// # Errors
    /// They are not all that there were to keep.
    pub fn finish(self) -> Result<usize, Full> {
        let (from, to) = self.window;
        if self.full { Err(Full) } else { Ok(self.len.min(to).saturating_sub(from)) }
    }
}

/// A number as decimal digits, for whoever has no formatter.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    digits: [u8; 10],
    from: usize,
}

impl Decimal {
    /// The digits of a number, without leading zeros.
    pub fn new(number: u32) -> Self {
        let mut digits = [b'0'; 10];
        let mut rest = number;
        let mut from = digits.len();
        for (n, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0'.wrapping_add((rest % 10) as u8);
            rest /= 10;
            from = n;
            if rest == 0 {
                break;
            }
        }
        Self { digits, from }
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.from..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_keeps_what_a_cut_of_the_whole_would() {
        let whole = b"abcdefghij";
        for from in 0..=10 {
            for to in from..=12 {
                let mut room = [0; 16];
                let mut out = Out::window(&mut room, from, to);
                for piece in whole.chunks(3) {
                    out.put(piece);
                }
                let kept = out.finish().unwrap();
                assert_eq!(room[..kept], whole[from..to.min(10)], "{from}..{to}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_told_at_the_end() {
        let mut out = Out::new(&mut []);
        out.put(b"");
        assert_eq!((out.is_empty(), out.finish()), (true, Ok(0)));
        let mut room = [0; 3];
        let mut out = Out::new(&mut room);
        out.put(b"abcd");
        out.put(b"e");
        assert_eq!((out.len(), out.finish()), (5, Err(Full)));
    }
}
