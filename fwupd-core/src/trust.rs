//! Whose signatures count.

use ed25519_dalek::{Signature, VerifyingKey};

/// Number of a key in its store, 0 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeyId(pub u8);

/// A set of keys, kept in the journal for those that are revoked. Revocation survives a factory reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeySet(pub u32);

impl KeySet {
    /// No key.
    pub const NONE: Self = Self(0);

    /// Whether the key is in the set.
    pub fn holds(self, key: KeyId) -> bool {
        1u32.checked_shl(u32::from(key.0)).is_some_and(|bit| self.0 & bit != 0)
    }

    /// The set with this key.
    #[must_use]
    pub fn with(self, key: KeyId) -> Self {
        Self(self.0 | 1u32.checked_shl(u32::from(key.0)).unwrap_or(0))
    }
}

/// A signature algorithm, pinned by the key and compared with what the message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Algorithm {
    /// Ed25519 (RFC 8032), also where the message says EdDSA.
    Ed25519,
}

/// The keys that a device trusts.
pub trait TrustStore {
    /// How many keys there are, numbered from 0.
    fn keys(&self) -> u8;

    /// The key under which `signature` over `message` is good, or `None`. A key in `revoked` never counts.
    /// `key_identifier` is what the message names its key by, if it does; it is a hint that narrows the
    /// search and proves nothing.
    fn verify(
        &self,
        algorithm: Algorithm,
        key_identifier: Option<&[u8]>,
        message: &[u8],
        signature: &[u8; 64],
        revoked: KeySet,
    ) -> Option<KeyId>;
}

/// Why a key was not taken into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum BadKey {
    /// The bytes are not a point of the curve.
    #[error("not an Ed25519 public key")]
    Malformed,
    /// A key of small order: anyone could sign for it.
    #[error("weak key")]
    Weak,
    /// The store has room for fewer keys than that.
    #[error("too many keys")]
    TooMany,
}

/// One trusted Ed25519 key, parsed once (parsing is 12 % of a verification).
#[derive(Clone, Copy, Debug)]
pub struct Ed25519Key<'k> {
    key: VerifyingKey,
    identifier: Option<&'k [u8]>,
}

impl<'k> Ed25519Key<'k> {
    /// Parses a public key of 32 bytes (RFC 8032, section 5.1.5), with the identifier that packages may name
    /// it by (COSE `kid`).
    ///
    /// # Errors
    /// [`BadKey::Malformed`], or [`BadKey::Weak`].
    pub fn new(public: &[u8; 32], identifier: Option<&'k [u8]>) -> Result<Self, BadKey> {
        let key = VerifyingKey::from_bytes(public).map_err(|_| BadKey::Malformed)?;
        if key.is_weak() {
            return Err(BadKey::Weak);
        }
        Ok(Self { key, identifier })
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }
}

/// Up to 32 trusted Ed25519 keys; a key's number is its place.
#[derive(Clone, Debug)]
pub struct Ed25519Keys<K>(K);

impl<'k, K: AsRef<[Ed25519Key<'k>]>> Ed25519Keys<K> {
    /// A store of these keys.
    ///
    /// # Errors
    /// [`BadKey::TooMany`] for more than 32 of them.
    pub fn new(keys: K) -> Result<Self, BadKey> {
        if keys.as_ref().len() > 32 {
            return Err(BadKey::TooMany);
        }
        Ok(Self(keys))
    }
}

impl<'k, K: AsRef<[Ed25519Key<'k>]>> TrustStore for Ed25519Keys<K> {
    fn keys(&self) -> u8 {
        u8::try_from(self.0.as_ref().len()).unwrap_or(32)
    }

    fn verify(
        &self,
        algorithm: Algorithm,
        key_identifier: Option<&[u8]>,
        message: &[u8],
        signature: &[u8; 64],
        revoked: KeySet,
    ) -> Option<KeyId> {
        match algorithm {
            Algorithm::Ed25519 => {}
        }
        let signature = Signature::from_bytes(signature);
        let named = |k: &Ed25519Key<'_>| match (key_identifier, k.identifier) {
            (Some(asked), Some(own)) => asked == own,
            (None, _) | (_, None) => true,
        };
        (0u8..).map(KeyId).zip(self.0.as_ref()).find_map(|(id, key)| {
            let counts = !revoked.holds(id) && named(key);
            // Strict: refuses a signature with S + L and points of small order (specs of RFC 8032, 5.1.7).
            (counts && key.key.verify_strict(message, &signature).is_ok()).then_some(id)
        })
    }
}
