//! A profile of the IETF's SUIT manifest (draft-ietf-suit-manifest-37): one image, one component, SHA-256,
//! Ed25519.
//!
//! The file is one envelope in deterministic CBOR: the authentication wrapper, the manifest, and then the
//! payload, if it is integrated. Every byte is seen once, and the signature is checked before the manifest
//! has come in.
//!
//! ```text
//! d8 6b a3 | 02 58 73 <wrapper> | 03 58 7f <manifest> | 63 "#fw" 59 06 00 | <payload>
//!          '---- kept, with the first three bytes ----'                   ^ Head::Done
//! ```
//!
//! What the profile leaves out of the draft is refused: unknown means refused. Stricter than the draft, it
//! wants the vendor and class conditions, the digest and the size in the shared sequence, and an image-match
//! in validate.

mod auth;
mod cbor;
mod head;
mod plan;
mod spec;

use crate::image::Image;
use crate::trust::TrustStore;
use head::{PayloadHead, Signed};

use super::{Head, Identity, PackageFormat, Payload, Rejected, Stage};

/// A verdict as one word: the reasons are constants.
type Checked<T> = Result<T, &'static Rejected>;

/// The verdict with this stage and this reason.
macro_rules! refuse {
    ($stage:ident, $reason:literal) => {
        Err(&Rejected { stage: Stage::$stage, reason: $reason })
    };
}
use refuse;

/// Length of the longest signed part, bytes: the envelope's head, and the key, head and body of the wrapper and
/// of the manifest.
pub const LONGEST_HEAD: usize =
    3 + (1 + 3 + spec::limit::WRAPPER as usize) + (1 + 3 + spec::limit::MANIFEST as usize);

/// The default component identifier, `[h'00']` (its one byte string).
pub const COMPONENT: &[u8] = b"\0";

/// Reads SUIT envelopes. `HEAD` is the room for their signed part, bytes: all up to the end of the manifest.
/// 512 hold one signature, a URI of 240 bytes and a version; [`LONGEST_HEAD`] bytes hold all that the profile
/// allows.
#[derive(Clone, Debug)]
pub struct Suit<const HEAD: usize> {
    reader: Reader,
    buffer: [u8; HEAD],
}

impl<const HEAD: usize> Suit<HEAD> {
    /// A reader that takes packages for this component: the one byte string of its identifier,
    /// [`COMPONENT`] by default.
    pub const fn new(component: &'static [u8]) -> Self {
        Self { reader: Reader::new(component), buffer: [0; HEAD] }
    }
}

impl<const HEAD: usize> Default for Suit<HEAD> {
    fn default() -> Self {
        Self::new(COMPONENT)
    }
}

impl<const HEAD: usize, T: TrustStore> PackageFormat<T> for Suit<HEAD> {
    fn restart(&mut self) {
        self.reader = Reader::new(self.reader.component);
    }

    fn head(&mut self, bytes: &[u8], trust: &T, me: &Identity) -> Result<Head, Rejected> {
        self.reader.head(&mut self.buffer, bytes, trust, me).map_err(|rejected| {
            self.reader.state = State::Over;
            *rejected
        })
    }

    fn described(&self) -> Option<Image> {
        match &self.reader.state {
            State::Payload(_, image, _) => Some(*image),
            State::Signed(_) | State::Here | State::Elsewhere(_) | State::Over => None,
        }
    }

    fn kept(&self) -> &[u8] {
        match &self.reader.state {
            State::Here | State::Elsewhere(_) => self.buffer.get(..self.reader.have).unwrap_or_default(),
            State::Signed(_) | State::Payload(..) | State::Over => &[],
        }
    }

    fn uri(&self) -> Option<&str> {
        match &self.reader.state {
            State::Elsewhere(uri) => core::str::from_utf8(uri.of(&self.buffer)).ok(),
            State::Signed(_) | State::Payload(..) | State::Here | State::Over => None,
        }
    }
}

/// What does not depend on the size of the buffer.
#[derive(Clone, Debug)]
struct Reader {
    component: &'static [u8],
    /// Bytes that are in the buffer.
    have: usize,
    state: State,
}

/// Where the reading is.
#[derive(Clone, Debug)]
enum State {
    /// In the signed part.
    Signed(Signed),
    /// Between the signed part and the payload.
    Payload(PayloadHead, Image, Place),
    /// Done: the payload follows.
    Here,
    /// Done: the payload is at this URI.
    Elsewhere(Place),
    /// Refused.
    Over,
}

/// Where in the buffer something is.
#[derive(Clone, Copy, Debug)]
struct Place {
    from: usize,
    len: usize,
}

impl Place {
    /// The place of a part of `buffer`.
    fn new(part: &str, buffer: &[u8]) -> Self {
        Self { from: part.as_ptr().addr().wrapping_sub(buffer.as_ptr().addr()), len: part.len() }
    }

    /// What is there.
    fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.from..).and_then(|rest| rest.get(..self.len)).unwrap_or_default()
    }
}

impl Reader {
    const fn new(component: &'static [u8]) -> Self {
        Self { component, have: 0, state: State::Signed(Signed::new()) }
    }

    fn head<T: TrustStore>(
        &mut self,
        buffer: &mut [u8],
        bytes: &[u8],
        trust: &T,
        me: &Identity,
    ) -> Checked<Head> {
        let mut rest = bytes;
        loop {
            match &mut self.state {
                State::Signed(signed) => {
                    let Some(place) = buffer.get_mut(self.have..signed.want()) else {
                        return refuse!(Framing, "longer than the buffer");
                    };
                    for (to, from) in place.iter_mut().zip(rest) {
                        *to = *from;
                    }
                    let taken = place.len().min(rest.len());
                    let missing = place.len() > taken;
                    self.have = self.have.saturating_add(taken);
                    rest = rest.get(taken..).unwrap_or_default();
                    if missing {
                        return Ok(Head::More { taken: bytes.len() });
                    }
                    let seen = buffer.get(..self.have).unwrap_or_default();
                    let Some(plan) = signed.step(seen, self.component, Some(trust), me)? else { continue };
                    let uri = Place::new(plan.uri, seen);
                    if signed.payload_follows() {
                        self.state = State::Payload(PayloadHead::new(), plan.image, uri);
                        continue;
                    }
                    if !has_scheme(plan.uri) {
                        return refuse!(Payload, "it is missing");
                    }
                    self.state = State::Elsewhere(uri);
                    let taken = bytes.len().saturating_sub(rest.len());
                    return Ok(Head::Done { taken, image: plan.image, payload: Payload::Elsewhere });
                }
                State::Payload(head, image, uri) => {
                    let Some((byte, behind)) = rest.split_first() else {
                        return Ok(Head::More { taken: bytes.len() });
                    };
                    rest = behind;
                    if head.push(*byte, uri.of(buffer), image.size)? {
                        let image = *image;
                        self.state = State::Here;
                        let taken = bytes.len().saturating_sub(rest.len());
                        return Ok(Head::Done { taken, image, payload: Payload::Here });
                    }
                }
                State::Here | State::Elsewhere(_) | State::Over => {
                    return refuse!(Framing, "not restarted");
                }
            }
        }
    }
}

/// Whether a URI begins with a scheme (RFC 3986, section 3.1): then it can be fetched from elsewhere.
fn has_scheme(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// Reads a kept head again ([`PackageFormat::kept`]), with every check that was made when it came in: this is
/// how a bootloader learns the digest that a slot must have. `head` must be exactly what was kept.
///
/// Without `trust` the signature is not checked; whoever can write the slot can then also write the head.
/// A bootloader that does not know the installed sequence number gives `sequence: counter << 32` in `me`,
/// which refuses exactly those whose [`Image::counter`] is below its own.
///
/// # Errors
/// The verdict of the first check that fails.
pub fn read_kept<T: TrustStore>(
    head: &[u8],
    component: &[u8],
    trust: Option<&T>,
    me: &Identity,
) -> Result<Image, Rejected> {
    let mut signed = Signed::new();
    let plan = loop {
        let Some(seen) = head.get(..signed.want()) else {
            return Err(Rejected { stage: Stage::Framing, reason: "cut short" });
        };
        if let Some(plan) = signed.step(seen, component, trust, me).map_err(|rejected| *rejected)? {
            break plan;
        }
    };
    if signed.want() != head.len() {
        return Err(Rejected { stage: Stage::Framing, reason: "trailing bytes" });
    }
    Ok(plan.image)
}
