//! The firmware of the reference device: a text head that says how the image will behave, and filling.
//!
//! ```text
//! fwagent firmware 1
//! version = "1.2.0"
//! selftest = "pass"
//!
//! <filling to the end of the image>
//! ```
//!
//! The filling follows from the version alone, so that an image of which one byte is wrong, or that is
//! half another image, is told from a whole one without its package.

use std::fmt;
use std::str::FromStr;

use fwupd_core::image::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const FIRST_LINE: &str = "fwagent firmware 1";

/// Longest head, bytes: its three lines and the empty one.
const LONGEST_HEAD: usize = 128;

/// How the firmware behaves on a trial boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SelfTest {
    /// It finds itself well.
    #[default]
    Pass,
    /// It finds a fault and says so.
    Fail,
    /// It never comes to an answer.
    Hang,
}

impl SelfTest {
    /// As it stands in the head.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Hang => "hang",
        }
    }
}

impl fmt::Display for SelfTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SelfTest {
    type Err = BadFirmware;

    fn from_str(text: &str) -> Result<Self, BadFirmware> {
        let all = [Self::Pass, Self::Fail, Self::Hang];
        all.into_iter().find(|s| s.as_str() == text).ok_or(BadFirmware::SelfTest)
    }
}

/// What the head of a firmware image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Firmware {
    /// Its version.
    #[serde(serialize_with = "as_text")]
    pub version: Version,
    /// How it behaves on a trial boot.
    pub selftest: SelfTest,
}

fn as_text<S: serde::Serializer>(version: &Version, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(version.as_str())
}

/// Why bytes are not a firmware image, or why none can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadFirmware {
    /// The first line is another one.
    #[error("not a firmware image of the reference device")]
    FirstLine,
    /// The head does not end within its longest length.
    #[error("the head of the firmware image has no end")]
    NoEnd,
    /// The second line is no version.
    #[error("no version of 1 to 32 printable characters without quotes in the firmware image")]
    Version,
    /// The third line is no self-test.
    #[error("no selftest of pass, fail or hang in the firmware image")]
    SelfTest,
    /// There are more lines than three.
    #[error("unknown line in the head of the firmware image")]
    UnknownLine,
    /// The bytes behind the head are not the version's filling.
    #[error("the filling of the firmware image is damaged")]
    Filling,
    /// The image that is asked for would be shorter than its head.
    #[error("a firmware image cannot be smaller than its head of {0} bytes")]
    TooSmall(usize),
}

/// An image of exactly `size` bytes.
///
/// # Errors
/// [`BadFirmware::Version`] and [`BadFirmware::TooSmall`].
pub fn build(version: &str, selftest: SelfTest, size: usize) -> Result<Vec<u8>, BadFirmware> {
    let version = checked(version)?;
    let mut image = head(version.as_str(), selftest).into_bytes();
    if size < image.len() {
        return Err(BadFirmware::TooSmall(image.len()));
    }
    let missing = size.saturating_sub(image.len());
    image.extend(filling(version.as_str()).take(missing));
    Ok(image)
}

/// Reads the head. The rest of the image is not looked at and need not be there.
///
/// # Errors
/// All but [`BadFirmware::Filling`] and [`BadFirmware::TooSmall`].
pub fn parse(image: &[u8]) -> Result<Firmware, BadFirmware> {
    let start = image.get(..LONGEST_HEAD).unwrap_or(image);
    if !start.starts_with(FIRST_LINE.as_bytes()) {
        return Err(BadFirmware::FirstLine);
    }
    let end = start.windows(2).position(|pair| pair == b"\n\n").ok_or(BadFirmware::NoEnd)?;
    let text = start.get(..end).and_then(|b| str::from_utf8(b).ok()).ok_or(BadFirmware::Version)?;
    let mut lines = text.split('\n');
    if lines.next() != Some(FIRST_LINE) {
        return Err(BadFirmware::FirstLine);
    }
    let value = |line: Option<&str>, key: &str| {
        let quoted = line?.strip_prefix(key)?.strip_prefix(" = ")?;
        Some(quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    };
    let version = checked(&value(lines.next(), "version").ok_or(BadFirmware::Version)?)?;
    let selftest = value(lines.next(), "selftest").ok_or(BadFirmware::SelfTest)?.parse()?;
    match lines.next() {
        None => Ok(Firmware { version, selftest }),
        Some(_) => Err(BadFirmware::UnknownLine),
    }
}

/// Reads the head and compares every byte behind it with the filling that belongs to the version.
///
/// # Errors
/// Those of [`parse`], and [`BadFirmware::Filling`].
pub fn parse_whole(image: &[u8]) -> Result<Firmware, BadFirmware> {
    let firmware = parse(image)?;
    let head = head(firmware.version.as_str(), firmware.selftest);
    let rest = image.strip_prefix(head.as_bytes()).ok_or(BadFirmware::Filling)?;
    let intact = rest.iter().copied().zip(filling(firmware.version.as_str())).all(|(is, be)| is == be);
    if intact { Ok(firmware) } else { Err(BadFirmware::Filling) }
}

fn checked(version: &str) -> Result<Version, BadFirmware> {
    let plain = !version.is_empty() && version.chars().all(|c| !c.is_control() && c != '"');
    Version::new(version).filter(|_| plain).ok_or(BadFirmware::Version)
}

fn head(version: &str, selftest: SelfTest) -> String {
    format!("{FIRST_LINE}\nversion = \"{version}\"\nselftest = \"{selftest}\"\n\n")
}

/// SHA-256 over the version and a counter, without end.
fn filling(version: &str) -> impl Iterator<Item = u8> {
    let seed = Sha256::new_with_prefix(version.as_bytes());
    (0u64..).flat_map(move |block| -> [u8; 32] {
        seed.clone().chain_update(block.to_be_bytes()).finalize().into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reads_back_at_every_size_from_its_head_on() {
        let head = head("1.2.0", SelfTest::Hang).len();
        for size in [head, head + 1, head + 31, head + 33, 4096, 262_144] {
            let image = build("1.2.0", SelfTest::Hang, size).unwrap();
            assert_eq!(image.len(), size);
            let is = parse_whole(&image).unwrap();
            assert_eq!((is.version.as_str(), is.selftest), ("1.2.0", SelfTest::Hang));
        }
        assert_eq!(build("1.2.0", SelfTest::Hang, head - 1), Err(BadFirmware::TooSmall(head)));
    }

    #[test]
    fn the_longest_version_fits_into_the_head() {
        let version = "v".repeat(Version::MAX);
        let image = build(&version, SelfTest::Pass, 200).unwrap();
        assert_eq!(parse(&image).unwrap().version.as_str(), version);
        assert!(head(&version, SelfTest::Pass).len() <= LONGEST_HEAD);
    }

    #[test]
    fn images_of_two_versions_share_no_filling_and_a_flipped_byte_is_found() {
        let (a, b) = (build("1.0.0", SelfTest::Pass, 8192), build("1.0.1", SelfTest::Pass, 8192));
        let (a, b) = (a.unwrap(), b.unwrap());
        let half = [&a[..4096], &b[4096..]].concat();
        assert_eq!(parse_whole(&half), Err(BadFirmware::Filling));
        for at in [60, 100, 5000, 8191] {
            let mut image = a.clone();
            image[at] ^= 1;
            assert_eq!(parse_whole(&image), Err(BadFirmware::Filling), "{at}");
            assert!(parse(&image).is_ok());
        }
    }

    #[test]
    fn each_way_to_be_no_firmware_has_its_error() {
        let with = |rest: &str| format!("{FIRST_LINE}\n{rest}");
        for (image, why) in [
            (String::new(), BadFirmware::FirstLine),
            ("<html></html>".into(), BadFirmware::FirstLine),
            ("fwagent firmware 10\n\n".into(), BadFirmware::FirstLine),
            (with("version = \"1\"\nselftest = \"pass\"\n"), BadFirmware::NoEnd),
            (with(&format!("version = \"{}\"\n\n", "x".repeat(200))), BadFirmware::NoEnd),
            (with("\n"), BadFirmware::Version),
            (with("version = 1\nselftest = \"pass\"\n\n"), BadFirmware::Version),
            (with("version = \"\"\nselftest = \"pass\"\n\n"), BadFirmware::Version),
            (
                with(&format!("version = \"{}\"\nselftest = \"pass\"\n\n", "x".repeat(33))),
                BadFirmware::Version,
            ),
            (with("version = \"1\"\n\n"), BadFirmware::SelfTest),
            (with("version = \"1\"\nselftest = \"maybe\"\n\n"), BadFirmware::SelfTest),
            (with("version = \"1\"\nselftest = \"pass\"\nmore = 1\n\n"), BadFirmware::UnknownLine),
        ] {
            assert_eq!(parse(image.as_bytes()), Err(why), "{image}");
        }
        assert_eq!(build("a\"b", SelfTest::Pass, 999), Err(BadFirmware::Version));
        assert_eq!(build("a\nb", SelfTest::Pass, 999), Err(BadFirmware::Version));
    }
}
