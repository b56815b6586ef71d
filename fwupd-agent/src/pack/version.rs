//! A version as text and as the integers of suit-set-version.

use std::fmt::Write as _;

use super::spec::PRERELEASE;

/// Most integers of a version in the device's profile.
const MOST: usize = 8;
/// Longest text that the device keeps, bytes.
const LONGEST: usize = fwupd_core::image::Version::MAX;

/// Text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a version: numbers separated by dots, then -rc, -beta or -alpha with a number, as in 1.2.0-rc.1; at most {MOST} parts and {LONGEST} characters"
)]
pub struct BadVersion(pub String);

/// `1.2.0-rc.1` as `[1, 2, 0, -1, 1]`.
///
/// # Errors
/// Anything that the integers could not give back.
pub fn parse(text: &str) -> Result<Vec<i64>, BadVersion> {
    let bad = || BadVersion(text.to_owned());
    let (release, mark) = match text.split_once('-') {
        Some((release, mark)) => (release, Some(mark)),
        None => (text, None),
    };
    let mut parts = Vec::new();
    for number in release.split('.') {
        parts.push(self::number(number).ok_or_else(bad)?);
    }
    if let Some(mark) = mark {
        let mut words = mark.split('.');
        let name = words.next().unwrap_or_default();
        let (value, _) = PRERELEASE.iter().find(|(_, n)| *n == name).ok_or_else(bad)?;
        parts.push(*value);
        for word in words {
            parts.push(self::number(word).ok_or_else(bad)?);
        }
    }
    if parts.len() > MOST || text.len() > LONGEST {
        return Err(bad());
    }
    Ok(parts)
}

/// Only digits, and no leading zero: what is shown again must be what was written.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

/// `[1, 2, 0, -1, 1]` as `1.2.0-rc.1`. A negative number that marks nothing is shown as such.
pub fn text(parts: &[i64]) -> String {
    let mut out = String::new();
    for part in parts {
        let mark = PRERELEASE.iter().find(|(value, _)| value == part);
        // Writing to a string does not fail.
        let _ = match mark {
            Some((_, name)) => write!(out, "-{name}"),
            None if out.is_empty() => write!(out, "{part}"),
            None => write!(out, ".{part}"),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_back_as_they_were_written() {
        for (written, parts) in [
            ("1.2.3", vec![1, 2, 3]),
            ("0", vec![0]),
            ("2.0-rc.1", vec![2, 0, -1, 1]),
            ("2.0-beta", vec![2, 0, -2]),
            ("1.10.100-alpha.3.4", vec![1, 10, 100, -3, 3, 4]),
            ("1.2.3.4.5.6.7.8", vec![1, 2, 3, 4, 5, 6, 7, 8]),
        ] {
            assert_eq!(parse(written), Ok(parts.clone()));
            assert_eq!(text(&parts), written);
        }
    }

    #[test]
    fn what_the_integers_could_not_give_back_is_refused() {
        for bad in [
            "",
            "v1",
            "1.",
            ".1",
            "1..2",
            "01",
            "1.2-",
            "1-gamma",
            "1-rc.",
            "1-rc1",
            "-1",
            "+1",
            "1-rc.1-beta",
            "1.2.3.4.5.6.7.8.9",
            "99999999999999999999",
            "123456789012.123456789012.123456789012",
        ] {
            assert_eq!(parse(bad), Err(BadVersion(bad.to_owned())));
        }
    }
}
