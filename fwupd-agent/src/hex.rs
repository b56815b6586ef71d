//! Bytes as hex digits.

use std::fmt::Write as _;

/// The bytes as lower-case hex digits.
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The bytes of an even number of hex digits of either case, or `None` for anything else.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let [high, low]: [u8; 2] = pair.try_into().ok()?;
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            Some(digit(high)? << 4 | digit(low)?)
        })
        .collect()
}

/// Exactly `N` bytes as hex digits, or `None`.
pub fn array<const N: usize>(text: &str) -> Option<[u8; N]> {
    bytes(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_read_back_and_anything_else_is_none() {
        assert_eq!(text(&[0x00, 0xaf, 0x10]), "00af10");
        assert_eq!(bytes("00AF10"), Some(vec![0x00, 0xaf, 0x10]));
        assert_eq!(bytes(""), Some(vec![]));
        for bad in ["0", "0g", "+1", " 1", "é"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
        assert_eq!(array::<2>("0102"), Some([1, 2]));
        assert_eq!(array::<2>("010203"), None);
    }
}
