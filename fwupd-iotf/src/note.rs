//! What the adapter keeps beside the lifecycle: up to 96 bytes of the journal, in the frame of its command.

use fwupd_core::outcome::Run;
use fwupd_core::updater::NOTE_MAX;

use crate::firmware::Attributes;
use crate::spec::{Field, Rc, Shown, State, UpdateStatus};
use crate::wire::text::{digit, hex};

/// What only this protocol knows, without the attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The platform has reset what is shown, to be shown so until a run behind this one.
    pub reset: Option<Run>,
    /// The attributes that are observed, by [`Field::bit`](crate::spec::Field::bit).
    pub observed: u8,
    /// What the platform knows, or will have been told before a reset.
    pub told: Shown,
    /// The last initiation, as a fingerprint, and its answer.
    pub request: Option<(u32, Rc)>,
    /// Fingerprints of URI, verifier and version that the last download was asked for with.
    pub fetched: Option<[u32; 3]>,
}

/// The bytes of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes {
    bytes: [u8; NOTE_MAX],
    len: usize,
}

impl Bytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Appends them all, or none.
    fn put(&mut self, bytes: &[u8]) -> bool {
        let end = self.len.saturating_add(bytes.len());
        let Some(place) = self.bytes.get_mut(self.len..end) else { return false };
        place.copy_from_slice(bytes);
        self.len = end;
        true
    }

    /// Appends a text behind its length; false if it does not fit.
    fn text(&mut self, text: &str) -> bool {
        let before = *self;
        let whole = u8::try_from(text.len()).is_ok_and(|len| self.put(&[len]) && self.put(text.as_bytes()));
        if !whole {
            *self = before;
        }
        whole
    }
}

/// Where the URI of the attributes is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uri {
    /// In the note.
    Noted,
    /// By the updater, as that of the last download.
    Updater,
}

/// Length of a digest, in place of a text's: its bytes follow, two digits each.
const DIGEST: u8 = 0x80;

impl Note {
    /// That of a device that has none.
    pub const FRESH: Self = Self {
        reset: None,
        observed: 0,
        told: Shown { state: State::Idle, status: UpdateStatus::Success },
        request: None,
        fetched: None,
    };
    const FORMAT: u8 = 1;
    const RESET: u8 = 1;
    const REQUEST: u8 = 2;
    const FETCHED: u8 = 4;
    const URI_KEPT: u8 = 8;

    /// Its bytes with those of the attributes, numbers big-endian:
    ///
    /// ```text
    /// 0 format 1       2 observed                       4 run of the reset (4)   12 its answer (2)
    /// 1 what is there  3 told: state << 4 | status      8 request (4)            14 fetched (3 times 4)
    /// 26 verifier, version, name, URI: each a length and its bytes; 0x80 + n: n bytes as digits
    /// ```
    ///
    /// What does not fit any more is left out, and the URI is left out if anything was: a download is never
    /// begun, after a reset, with less than was written.
    pub fn emit(&self, attributes: &Attributes, uri: Uri) -> Bytes {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = flag(self.reset.is_some(), Self::RESET)
            | flag(self.request.is_some(), Self::REQUEST)
            | flag(self.fetched.is_some(), Self::FETCHED)
            | flag(uri == Uri::Updater, Self::URI_KEPT);
        let (request, rc) = self.request.unwrap_or((0, Rc::Ok));
        let told = (self.told.state as u8) << 4 | self.told.status as u8;
        let mut out = Bytes { bytes: [0; NOTE_MAX], len: 0 };
        out.put(&[Self::FORMAT, flags, self.observed, told]);
        out.put(&self.reset.unwrap_or(Run(0)).0.to_be_bytes());
        out.put(&request.to_be_bytes());
        out.put(&(rc as u16).to_be_bytes());
        for print in self.fetched.unwrap_or_default() {
            out.put(&print.to_be_bytes());
        }
        let Attributes { version, name, uri: at, verifier } = attributes;
        let whole = match Digest::of(verifier.as_str()) {
            Some(digest) => out.put(&[DIGEST | digest.len]) && out.put(digest.as_slice()),
            None => out.text(verifier.as_str()),
        };
        let whole = whole && out.text(version.as_str());
        let whole = whole && out.text(name.as_str());
        if whole && uri == Uri::Noted {
            out.text(at.as_str());
        }
        out
    }

    /// Reads one back, with the attributes; `None` for bytes that are none. `uri` is what the updater keeps.
    pub fn parse(bytes: &[u8], uri: Option<&str>) -> Option<(Self, Attributes)> {
        let mut attributes = Attributes::EMPTY;
        let note = Self::read(bytes, uri, Some(&mut attributes))?;
        Some((note, attributes))
    }

    /// The same into attributes that are empty before; or without them, which then are not looked at.
    pub(crate) fn read(bytes: &[u8], uri: Option<&str>, attributes: Option<&mut Attributes>) -> Option<Self> {
        let mut rest = Rest(bytes);
        let [format, flags, observed, told] = rest.word()?.to_be_bytes();
        let (run, request) = (rest.word()?, rest.word()?);
        let rc = u16::from_be_bytes([rest.byte()?, rest.byte()?]);
        let fetched = [rest.word()?, rest.word()?, rest.word()?];
        if format != Self::FORMAT {
            return None;
        }
        let is = |bit: u8| flags & bit != 0;
        let state = State::from_number(u32::from(told >> 4))?;
        let status = UpdateStatus::from_number(u32::from(told & 15))?;
        let request = (request, Rc::from_number(rc)?);
        let note = Self {
            reset: is(Self::RESET).then_some(Run(run)),
            observed,
            told: Shown { state, status },
            request: is(Self::REQUEST).then_some(request),
            fetched: is(Self::FETCHED).then_some(fetched),
        };
        let Some(attributes) = attributes else { return Some(note) };
        for field in [Field::Verifier, Field::Version, Field::Name, Field::Uri] {
            let noted = rest.text()?;
            let kept = Text { bytes: uri.unwrap_or_default().as_bytes(), form: Form::Plain };
            let text = if field == Field::Uri && is(Self::URI_KEPT) { kept } else { noted };
            text.read(field, attributes)?;
        }
        rest.0.is_empty().then_some(note)
    }
}

/// What is left of a note.
struct Rest<'b>(&'b [u8]);

impl<'b> Rest<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn word(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*word))
    }

    /// The next text; what was left out is empty.
    fn text(&mut self) -> Option<Text<'b>> {
        let Some(len) = self.byte() else { return Some(Text { bytes: &[], form: Form::Plain }) };
        // No text of 128 bytes or more fits a note.
        let form = if len & DIGEST == 0 { Form::Plain } else { Form::Digits };
        let (bytes, rest) = self.0.split_at_checked(usize::from(len & !DIGEST))?;
        self.0 = rest;
        Some(Text { bytes, form })
    }
}

/// A text of a note.
#[derive(Clone, Copy)]
struct Text<'b> {
    bytes: &'b [u8],
    form: Form,
}

/// How it is kept.
#[derive(Clone, Copy)]
enum Form {
    /// As it is.
    Plain,
    /// As the bytes that its digits stand for.
    Digits,
}

impl Text<'_> {
    fn read(self, field: Field, attributes: &mut Attributes) -> Option<()> {
        let set = match self.form {
            Form::Plain => attributes.set(field, &mut core::str::from_utf8(self.bytes).ok()?.chars()),
            Form::Digits => {
                let digits = self.bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
                attributes.set(field, &mut digits.map(char::from))
            }
        };
        set.ok()
    }
}

fn is_digest(len: u8) -> bool {
    crate::spec::verifier(len).is_some()
}

/// The bytes of a verifier that is written in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; 64],
    len: u8,
}

impl Digest {
    /// Those of a text that has as many digits as a known digest, of small letters or of capitals.
    pub fn parse(text: &str) -> Option<Self> {
        let len = u8::try_from(text.len() / 2).ok().filter(|len| is_digest(*len))?;
        let mut bytes = [0; 64];
        if !text.len().is_multiple_of(2) {
            return None;
        }
        let mut digits = text.bytes();
        for place in bytes.iter_mut().take(usize::from(len)) {
            *place = hex(digits.next()?)? << 4 | hex(digits.next()?)?;
        }
        Some(Self { bytes, len })
    }

    /// Those of a text that comes back from them as it is.
    fn of(text: &str) -> Option<Self> {
        Self::parse(text).filter(|_| !text.bytes().any(|c| c.is_ascii_uppercase()))
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many there are.
    pub fn len(&self) -> u8 {
        self.len
    }

    /// Never: a digest has bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::text::Short;

    fn attributes(verifier: &str, version: &str, name: &str, uri: &str) -> Attributes {
        Attributes {
            version: Short::new(version).unwrap(),
            name: Short::new(name).unwrap(),
            uri: Short::new(uri).unwrap(),
            verifier: Short::new(verifier).unwrap(),
        }
    }

    const FULL: Note = Note {
        reset: Some(Run(0x0102_0304)),
        observed: 0x7F,
        told: Shown { state: State::Downloaded, status: UpdateStatus::InvalidUri },
        request: Some((0xAABB_CCDD, Rc::Accepted)),
        fetched: Some([1, 2, 3]),
    };

    #[test]
    fn a_note_comes_back_with_what_fits_of_the_attributes() {
        let digest = "0123456789abcdef".repeat(4);
        let uri = "https://example.com/fw";
        for (verifier, expected) in [("", uri), ("checksum", uri), (&digest, "")] {
            let all = attributes(verifier, "1.2.3", "firmware", uri);
            for note in [Note::FRESH, FULL] {
                let bytes = note.emit(&all, Uri::Noted);
                let kept = attributes(verifier, "1.2.3", "firmware", expected);
                assert_eq!(Note::parse(bytes.as_slice(), None), Some((note, kept)), "{verifier}");
                let bytes = note.emit(&all, Uri::Updater);
                assert_eq!(Note::parse(bytes.as_slice(), Some(uri)), Some((note, all)), "{verifier}");
            }
        }
    }

    #[test]
    fn a_uri_is_left_out_if_anything_else_is() {
        let all = attributes("", "", &"n".repeat(64), &"u".repeat(60));
        let bytes = Note::FRESH.emit(&all, Uri::Noted);
        let kept = attributes("", "", &"n".repeat(64), "");
        assert_eq!(Note::parse(bytes.as_slice(), None), Some((Note::FRESH, kept)));
        let all = attributes(&"V".repeat(128), "1", "n", "https://a/");
        let bytes = Note::FRESH.emit(&all, Uri::Noted);
        assert_eq!(Note::parse(bytes.as_slice(), None), Some((Note::FRESH, attributes("", "", "", ""))));
    }

    /// Do not change this test: devices hold these bytes.
    #[test]
    fn the_bytes_of_a_note_stay_as_they_are() {
        let note = Note { request: Some((0x1122_3344, Rc::Accepted)), observed: 1, ..Note::FRESH };
        let md5 = "00112233445566778899aabbccddeeff";
        let bytes = note.emit(&attributes(md5, "5", "fw", "http://a/"), Uri::Noted);
        let mut expected = vec![1, 2, 1, 0, 0, 0, 0, 0, 0x11, 0x22, 0x33, 0x44, 0, 202];
        expected.extend([0; 12]);
        expected.extend([0x90, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc]);
        expected.extend([0xdd, 0xee, 0xff, 1, b'5', 2, b'f', b'w', 9]);
        expected.extend(b"http://a/");
        assert_eq!(bytes.as_slice(), expected);
    }

    #[test]
    fn other_bytes_are_no_note() {
        let good = FULL.emit(&attributes("x", "1", "n", "http://a/"), Uri::Noted);
        let good = good.as_slice();
        assert_eq!(Note::parse(&good[1..], None), None);
        assert_eq!(Note::parse(&[good, &[0]].concat(), None), None);
        assert_eq!(Note::parse(&good[..25], None), None);
        for (at, byte) in [(0, 2), (3, 0x30), (3, 0x27), (13, 1), (26, 90)] {
            let mut bytes = good.to_vec();
            bytes[at] = byte;
            assert_eq!(Note::parse(&bytes, None), None, "{at}");
        }
    }

    #[test]
    fn a_digest_has_as_many_digits_as_a_known_one() {
        for digits in [32, 40, 56, 64, 96, 128] {
            assert_eq!(Digest::parse(&"A0".repeat(digits / 2)).unwrap().as_slice(), vec![0xA0; digits / 2]);
            assert_eq!(Digest::parse(&"a".repeat(digits + 1)), None);
            assert_eq!(Digest::parse(&format!("{}g", "a".repeat(digits - 1))), None);
        }
        assert_eq!(Digest::parse(""), None);
    }
}
