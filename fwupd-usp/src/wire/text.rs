//! What is done to strings. `core` has all of it, for any pattern and any width, and many times as long.

/// What is before the first of these, and what is behind it. Where there is nothing to be found, it is not.
pub fn split_once<'t>(text: &'t str, at: &str) -> Option<(&'t str, &'t str)> {
    let found = |place: &usize| {
        !at.is_empty() && text.as_bytes().get(*place..).is_some_and(|rest| rest.starts_with(at.as_bytes()))
    };
    let (before, behind) = text.split_at_checked((0..text.len()).find(found)?)?;
    Some((before, behind.strip_prefix(at)?))
}

/// What stands between these. There is something before the first and behind the last, and be it empty.
pub fn split<'t>(text: &'t str, at: &'static str) -> impl Iterator<Item = &'t str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let all = rest?;
        let (first, behind) = split_once(all, at).map_or((all, None), |(one, behind)| (one, Some(behind)));
        rest = behind;
        Some(first)
    })
}

/// A number of 32 bits in decimal digits, with or without a plus.
pub fn unsigned(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text).as_bytes();
    let digit = |number: u32, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        number.checked_mul(10)?.checked_add(u32::from(digit)).filter(|_| digit <= 9)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, digit) }
}

/// Whether it is nothing but decimal digits.
pub fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_as_core_does_it() {
        for text in ["", "a", ".", "a.", ".a", "a.b.c", "..", "a\u{20AC}.\u{20AC}"] {
            assert_eq!(split_once(text, "."), text.split_once('.'), "{text}");
            assert!(split(text, ".").eq(text.split('.')), "{text}");
        }
        assert_eq!((split_once("a", ""), split("a", "").count()), (None, 1));
        for text in ["a://b", "://", "a:/b", "a", "a://b://c"] {
            assert_eq!(split_once(text, "://"), text.split_once("://"), "{text}");
        }
    }

    #[test]
    fn a_number_is_read_as_core_does_it() {
        for text in
            ["", "+", "-", "0", "+7", "007", "4294967295", "4294967296", "99999999999", "1 ", "x", "-1"]
        {
            assert_eq!(unsigned(text), text.parse().ok(), "{text}");
        }
        assert!(is_digits("0123456789") && !is_digits("") && !is_digits("+1"));
    }
}
