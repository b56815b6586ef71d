//! The authentication wrapper: SUIT_Authentication (draft-ietf-suit-manifest-37, section 8.3), a SUIT_Digest
//! and one to four COSE_Sign1 (RFC 9052, section 4.2) over it, detached.
//!
//! A block of another algorithm, or of a key that is not trusted, does not count, and one that counts is
//! enough: several signers may sign one manifest. A block of another form is refused at once.

use super::cbor::Cursor;
use super::{Checked, refuse, spec};
use crate::package::{Rejected, Stage};
use crate::trust::{Algorithm, KeySet, TrustStore};

const MALFORMED: &Rejected = &Rejected { stage: Stage::Authentication, reason: "malformed wrapper" };

/// Length of what is signed, bytes.
const SIGNED: usize =
    spec::cose::TO_BE_SIGNED.len() + 1 + spec::cose::BEHIND_ALGORITHM.len() + spec::cose::DIGEST;

/// The digest of the manifest that the wrapper vouches for. Without `trust` its form alone is checked.
pub(super) fn check<'a, T: TrustStore>(
    wrapper: &'a [u8],
    trust: Option<&T>,
    revoked: KeySet,
) -> Checked<&'a [u8; 32]> {
    let mut items = Cursor::new(wrapper, MALFORMED);
    let signatures = items.array()?.saturating_sub(1);
    if !(1..=spec::limit::SIGNATURES).contains(&signatures) {
        return refuse!(Authentication, "number of signatures");
    }
    let described = items.exactly::<{ spec::cose::DIGEST }>()?;
    let digest = digest(Cursor::new(described, MALFORMED))?;
    let mut trusted = trust.is_none();
    for _ in 0..signatures {
        let block = Block::parse(items.bytes()?)?;
        trusted = trusted || trust.is_some_and(|keys| block.counts(described, keys, revoked));
    }
    items.end()?;
    if trusted { Ok(digest) } else { refuse!(Authentication, "no trusted signature") }
}

/// A SUIT_Digest (section 10), which must be of SHA-256, and nothing behind it.
pub(super) fn digest<'a>(mut items: Cursor<'a>) -> Checked<&'a [u8; 32]> {
    let (count, algorithm, digest) = (items.array()?, items.int()?, items.exactly()?);
    items.end()?;
    if count == 2 && algorithm == spec::SHA_256 { Ok(digest) } else { Err(items.bad()) }
}

/// One signature.
struct Block<'a> {
    /// The protected header, encoded.
    protected: &'a [u8],
    /// The key identifier, which nothing protects.
    kid: Option<&'a [u8]>,
    signature: &'a [u8],
}

impl<'a> Block<'a> {
    /// A tagged COSE_Sign1 with no payload.
    fn parse(block: &'a [u8]) -> Checked<Self> {
        let mut items = Cursor::new(block, MALFORMED);
        if items.tag()? != spec::cose::SIGN1 || items.array()? != 4 {
            return refuse!(Authentication, "not a COSE_Sign1");
        }
        let protected = items.bytes()?;
        let mut kid = None;
        let mut least = 0;
        for _ in 0..items.map()? {
            if items.key(&mut least)? == spec::cose::KID {
                kid = Some(items.bytes()?);
            } else {
                items.skip_scalar()?;
            }
        }
        items.nil()?;
        let signature = items.bytes()?;
        items.end()?;
        Ok(Self { protected, kid, signature })
    }

    /// Whether it is a trusted key's signature over the digest. The algorithm comes from the protected header
    /// alone, which must hold nothing else.
    fn counts<T: TrustStore>(
        &self,
        described: &[u8; spec::cose::DIGEST],
        trust: &T,
        revoked: KeySet,
    ) -> bool {
        let (Ok(signature), Some((algorithm, label))) =
            (self.signature.try_into(), self.protected.split_last())
        else {
            return false;
        };
        if label != spec::cose::PROTECTED || !matches!(*algorithm, spec::cose::EDDSA | spec::cose::ED25519) {
            return false;
        }
        let mut message = [0; SIGNED];
        let parts = spec::cose::TO_BE_SIGNED.iter().chain([algorithm]);
        let parts = parts.chain(&spec::cose::BEHIND_ALGORITHM).chain(described);
        for (to, from) in message.iter_mut().zip(parts) {
            *to = *from;
        }
        trust.verify(Algorithm::Ed25519, self.kid, &message, signature, revoked).is_some()
    }
}
