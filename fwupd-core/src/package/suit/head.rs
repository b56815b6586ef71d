//! The streaming reader: the envelope (draft-ietf-suit-manifest-37, section 8.2) up to the first byte of the
//! payload.
//!
//! Deterministic order puts the members with integer keys first and those with text keys, the payloads,
//! last. So the signed part, which is kept, is a prefix of the file, and nothing behind it is buffered.

use super::cbor::{self, Malformed};
use super::plan::{self, Plan};
use super::{Checked, auth, refuse, spec};
use crate::digest::{Digest, Sha256};
use crate::package::{Identity, Rejected, Stage};
use crate::trust::TrustStore;

const MALFORMED: &Rejected = &Rejected { stage: Stage::Framing, reason: "malformed envelope" };

impl From<Malformed> for &'static Rejected {
    fn from(Malformed: Malformed) -> Self {
        MALFORMED
    }
}

/// Reads the signed part, from the first byte of the file to the last of the manifest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed {
    /// Length of the prefix of the file that the next step is to see, bytes.
    want: usize,
    next: Next,
    /// Members of the envelope.
    members: u8,
}

/// What ends where the wanted prefix ends.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The envelope's head and its first key.
    Envelope,
    /// A byte of the head of the wrapper, which begins here.
    WrapperHead { from: usize },
    /// The wrapper, which begins here.
    Wrapper { from: usize },
    /// The key of the manifest or a byte of its head, which begins here; the digest it must have.
    ManifestHead { from: usize, digest: [u8; 32] },
    /// The manifest; where its head and where it begins.
    Manifest { head: usize, from: usize, digest: [u8; 32] },
}

impl Signed {
    pub(super) const fn new() -> Self {
        Self { want: spec::ENVELOPE.len() + 2, next: Next::Envelope, members: 0 }
    }

    /// Length of the prefix that [`step`](Self::step) wants to see, bytes.
    pub(super) fn want(&self) -> usize {
        self.want
    }

    /// Whether a payload follows.
    pub(super) fn payload_follows(&self) -> bool {
        self.members > spec::envelope::LEAST
    }

    /// Takes the next step, with exactly the wanted prefix of the file; the plan after the last of them.
    pub(super) fn step<'a, T: TrustStore>(
        &mut self,
        seen: &'a [u8],
        component: &[u8],
        trust: Option<&T>,
        me: &Identity,
    ) -> Checked<Option<Plan<'a>>> {
        let behind = |from| seen.get(from..).unwrap_or_default();
        self.next = match self.next {
            Next::Envelope => {
                let [tag @ .., map, spec::envelope::AUTHENTICATION_WRAPPER] = seen else {
                    return refuse!(Framing, "not a signed envelope");
                };
                self.members = map.wrapping_sub(spec::MAP);
                if tag != spec::ENVELOPE {
                    return refuse!(Framing, "not a signed envelope");
                }
                if !(spec::envelope::LEAST..=spec::envelope::MOST).contains(&self.members) {
                    return refuse!(Framing, "number of members");
                }
                self.want = self.want.saturating_add(1);
                Next::WrapperHead { from: seen.len() }
            }
            Next::WrapperHead { from } => {
                if self.body(behind(from), spec::limit::WRAPPER)? {
                    Next::Wrapper { from: seen.len() }
                } else {
                    self.next
                }
            }
            Next::Wrapper { from } => {
                let digest = *auth::check(behind(from), trust, me.revoked)?;
                self.want = self.want.saturating_add(2);
                Next::ManifestHead { from: seen.len().saturating_add(1), digest }
            }
            Next::ManifestHead { from, digest } => {
                if seen.get(from.wrapping_sub(1)) != Some(&spec::envelope::MANIFEST) {
                    return refuse!(Framing, "no manifest behind the wrapper");
                }
                if self.body(behind(from), spec::limit::MANIFEST)? {
                    Next::Manifest { head: from, from: seen.len(), digest }
                } else {
                    self.next
                }
            }
            Next::Manifest { head, from, digest } => {
                let mut hash = Sha256::new();
                hash.update(behind(head));
                if hash.finish() != digest {
                    return refuse!(Authentication, "manifest digest");
                }
                return plan::compile(behind(from), component, me).map(Some);
            }
        };
        Ok(None)
    }

    /// Wants the body of a byte string, or one more byte of its head; whether it was the body.
    fn body(&mut self, head: &[u8], most: u64) -> Checked<bool> {
        let (more, whole) = match cbor::head(head)? {
            None => (1, false),
            Some((cbor::BYTES, len, _)) if len <= most => (len, true),
            Some((cbor::BYTES, ..)) => return refuse!(Framing, "member too long"),
            Some(_) => return Err(MALFORMED),
        };
        self.want = self.want.saturating_add(more as usize);
        Ok(whole)
    }
}

/// Reads the key of the integrated payload and the head of its byte string (section 8.2). Both are known in
/// advance, so nothing is kept of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct PayloadHead {
    head: [u8; 9],
    len: usize,
    at: At,
}

/// Which part of it comes next.
#[derive(Clone, Copy, Debug)]
enum At {
    KeyHead,
    /// The key, of which so many bytes have come.
    Key(usize),
    Head,
}

impl PayloadHead {
    pub(super) fn new() -> Self {
        Self { head: [0; 9], len: 0, at: At::KeyHead }
    }

    /// Takes one byte; whether it was the last one before the payload.
    pub(super) fn push(&mut self, byte: u8, uri: &[u8], size: u32) -> Checked<bool> {
        if let At::Key(came) = self.at {
            if uri.get(came) != Some(&byte) {
                return refuse!(Payload, "no signed URI names it");
            }
            let came = came.saturating_add(1);
            self.at = if came < uri.len() { At::Key(came) } else { At::Head };
            return Ok(false);
        }
        if let Some(place) = self.head.get_mut(self.len) {
            *place = byte;
            self.len = self.len.saturating_add(1);
        }
        let Some((major, argument, _)) = cbor::head(self.head.get(..self.len).unwrap_or_default())? else {
            return Ok(false);
        };
        self.len = 0;
        match (self.at, major) {
            (At::KeyHead, cbor::TEXT) if argument != uri.len() as u64 => {
                refuse!(Payload, "no signed URI names it")
            }
            (At::KeyHead, cbor::TEXT) => {
                self.at = At::Key(0);
                Ok(false)
            }
            (At::KeyHead, _) => refuse!(Framing, "unknown member"),
            (At::Head | At::Key(_), cbor::BYTES) if argument == u64::from(size) => Ok(true),
            (At::Head | At::Key(_), cbor::BYTES) => refuse!(Payload, "length is not image-size"),
            (At::Head | At::Key(_), _) => refuse!(Payload, "not a byte string"),
        }
    }
}
