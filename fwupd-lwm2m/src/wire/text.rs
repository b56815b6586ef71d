//! Plain text: a value for itself, numbers in decimal, bytes in base64 (OMA LwM2M TS Core 1.1, section
//! 7.4.1 and appendix C).

pub use fwupd_coap::out::Decimal;

/// A number of 32 bits, without sign, in decimal digits alone.
pub fn unsigned(text: &[u8]) -> Option<u32> {
    let digit = |number: u32, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        number.checked_mul(10)?.checked_add(u32::from(digit)).filter(|_| digit <= 9)
    };
    if text.is_empty() { None } else { text.iter().try_fold(0, digit) }
}

/// Base64 (RFC 4648, section 4) that comes in pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base64 {
    bits: u32,
    /// Characters of the group so far, with the padding.
    chars: u8,
    padding: u8,
    ended: bool,
}

/// What is not base64: another character, padding within, or bits behind the end that are not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotBase64;

impl Base64 {
    /// Takes a character, and gives up to three bytes when a group of four is full.
    ///
    /// # Errors
    /// The text is not base64; the character is not taken.
    pub fn push(&mut self, character: u8) -> Result<([u8; 3], usize), NotBase64> {
        let value = match character {
            _ if self.ended => return Err(NotBase64),
            b'A'..=b'Z' => character.wrapping_sub(b'A'),
            b'a'..=b'z' => character.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => character.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            b'=' if self.chars >= 2 => 0,
            _ => return Err(NotBase64),
        };
        let padding = self.padding.saturating_add(u8::from(character == b'='));
        if padding > 0 && character != b'=' {
            return Err(NotBase64);
        }
        let bits = (self.bits << 6) | u32::from(value);
        let chars = self.chars.saturating_add(1);
        if chars < 4 {
            *self = Self { bits, chars, padding, ended: false };
            return Ok(([0; 3], 0));
        }
        let [_, a, b, c] = bits.to_be_bytes();
        let (len, rest) = match padding {
            0 => (3, 0),
            1 => (2, c),
            _ => (1, b),
        };
        if rest != 0 {
            return Err(NotBase64);
        }
        *self = Self { ended: padding > 0, ..Self::default() };
        Ok(([a, b, c], len))
    }

    /// Whether the text may end here.
    pub fn is_whole(&self) -> bool {
        self.chars == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Option<Vec<u8>> {
        let mut base64 = Base64::default();
        let mut bytes = Vec::new();
        for c in text.bytes() {
            let (group, len) = base64.push(c).ok()?;
            bytes.extend(&group[..len]);
        }
        base64.is_whole().then_some(bytes)
    }

    /// RFC 4648, section 10.
    #[test]
    fn the_vectors_of_rfc_4648_are_decoded() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(decode("AA==").as_deref(), Some(&[0][..]));
        assert_eq!(decode("+/8=").as_deref(), Some(&[0xFB, 0xFF][..]));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for text in
            ["Zg", "Zg=", "Z===", "=Zg=", "Zg=a", "Zg==Zg==", "Zm8!", "Zh==", "Zm9=", "Zm 8=", "Zg==="]
        {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_32_bits_in_decimal_digits() {
        for n in [0, 9, 10, 86_400, u32::MAX] {
            assert_eq!(Decimal::new(n).as_bytes(), n.to_string().as_bytes());
            assert_eq!(unsigned(n.to_string().as_bytes()), Some(n));
        }
        for text in ["", "-1", "+1", "4294967296", "1 ", "x", "1.0", "99999999999999999999"] {
            assert_eq!(unsigned(text.as_bytes()), None, "{text}");
        }
    }
}
