//! Strings of a bounded length, and numbers as digits, for whoever has neither an allocator nor a formatter.

use super::json;

/// A string of at most `N` bytes, `N` up to 255, without control characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Short<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

/// The string is too long, or has a control character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

impl<const N: usize> Short<N> {
    /// No text.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// These characters.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn from_chars(mut chars: impl Iterator<Item = char>) -> Result<Self, Unfit> {
        let mut short = Self::EMPTY;
        short.set(&mut chars)?;
        Ok(short)
    }

    /// Becomes these characters. It is nothing that can be relied on where they do not fit.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn set(&mut self, chars: &mut dyn Iterator<Item = char>) -> Result<(), Unfit> {
        self.len = fill(&mut self.bytes, chars)?;
        Ok(())
    }

    /// This text.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn new(text: &str) -> Result<Self, Unfit> {
        Self::from_chars(text.chars())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        text_of(&self.bytes, self.len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Writes characters as UTF-8; their length. One function for all lengths, for the sake of code size.
fn fill(bytes: &mut [u8], chars: &mut dyn Iterator<Item = char>) -> Result<u8, Unfit> {
    let mut len = 0u8;
    for c in chars {
        let from = usize::from(len);
        let end = from.saturating_add(c.len_utf8());
        let place = bytes.get_mut(from..end).filter(|_| !c.is_control());
        c.encode_utf8(place.ok_or(Unfit)?);
        len = u8::try_from(end).map_err(|_| Unfit)?;
    }
    Ok(len)
}

fn text_of(bytes: &[u8], len: u8) -> &str {
    core::str::from_utf8(bytes.get(..usize::from(len)).unwrap_or_default()).unwrap_or_default()
}

impl<const N: usize> TryFrom<json::Text<'_>> for Short<N> {
    type Error = Unfit;

    fn try_from(text: json::Text<'_>) -> Result<Self, Unfit> {
        Self::from_chars(text.chars())
    }
}

impl<const N: usize> core::fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A number as decimal digits.
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

/// A number of 32 bits, without sign, in decimal digits alone.
pub fn unsigned(text: &str) -> Option<u32> {
    let digit = |number: u32, byte: u8| {
        let digit = byte.wrapping_sub(b'0');
        number.checked_mul(10)?.checked_add(u32::from(digit)).filter(|_| digit <= 9)
    };
    if text.is_empty() { None } else { text.bytes().try_fold(0, digit) }
}

/// The value of a hexadecimal digit.
pub fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// The hexadecimal digit of the lowest four bits, in small letters.
pub fn digit(value: u8) -> u8 {
    match value & 15 {
        value @ 0..=9 => b'0'.wrapping_add(value),
        value => b'a'.wrapping_sub(10).wrapping_add(value),
    }
}

/// FNV-1a of 32 bits, over these bytes and what came before them.
pub fn print(before: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(before, |print, byte| (print ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// [`print`] of nothing.
pub const PRINT: u32 = 0x811C_9DC5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_not_cut_but_refused() {
        assert_eq!(Short::<4>::new("abcd").unwrap().as_str(), "abcd");
        assert_eq!(Short::<4>::new("abcde"), Err(Unfit));
        assert_eq!(Short::<4>::new("ab\u{20AC}"), Err(Unfit));
        assert_eq!(Short::<4>::new("a\nb"), Err(Unfit));
        assert_eq!(Short::<255>::new(&"x".repeat(255)).unwrap().as_str().len(), 255);
        assert!(Short::<4>::EMPTY.is_empty());
    }

    #[test]
    fn a_number_is_32_bits_in_decimal_digits() {
        for n in [0, 9, 10, 3600, u32::MAX] {
            assert_eq!(Decimal::new(n).as_bytes(), n.to_string().as_bytes());
            assert_eq!(unsigned(&n.to_string()), Some(n));
        }
        for text in ["", "-1", "+1", "4294967296", "1 ", "x", "1.0", "99999999999999999999"] {
            assert_eq!(unsigned(text), None, "{text}");
        }
    }

    #[test]
    fn digits_of_sixteen_values_come_back() {
        for value in 0..16 {
            assert_eq!(hex(digit(value)), Some(value));
            assert_eq!(hex(digit(value).to_ascii_uppercase()), Some(value));
        }
        assert_eq!((hex(b'g'), hex(b'@'), hex(b'/')), (None, None, None));
    }

    /// The vectors of draft-eastlake-fnv, appendix C.
    #[test]
    fn the_print_is_fnv_1a() {
        assert_eq!(print(PRINT, b""), 0x811c_9dc5);
        assert_eq!(print(PRINT, b"a"), 0xe40c_292c);
        assert_eq!(print(print(PRINT, b"foo"), b"bar"), 0xbf9c_f968);
    }
}
