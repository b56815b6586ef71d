//! Every number of the SUIT manifest and of COSE that the profile uses, and no others.
//!
//! "M" is draft-ietf-suit-manifest-37, whose numbers stand in the IANA registry group "Software Update for
//! the Internet of Things (SUIT)"; "U" is draft-ietf-suit-update-management-14.

/// First bytes of an envelope: tag 107 (M, sections 8.2 and 11), then a map whose head
/// is this plus the number of its members.
pub(super) const ENVELOPE: [u8; 2] = [0xd8, 107];
/// Head of a map of no members (RFC 8949, section 3.1, major type 5).
pub(super) const MAP: u8 = 0xa0;

/// Members of an envelope (M, section 8.2).
pub(super) mod envelope {
    /// SUIT_Authentication in a byte string (M, section 8.3).
    pub(in super::super) const AUTHENTICATION_WRAPPER: u8 = 2;
    /// SUIT_Manifest in a byte string (M, section 8.4).
    pub(in super::super) const MANIFEST: u8 = 3;
    /// What every envelope has: the two above.
    pub(in super::super) const LEAST: u8 = 2;
    /// The two above and one integrated payload.
    pub(in super::super) const MOST: u8 = 3;
}

/// Elements of a manifest (M, section 8.4).
pub(super) mod manifest {
    /// suit-manifest-version, which is [`VERSION`] (M, section 8.4.1).
    pub(in super::super) const MANIFEST_VERSION: u64 = 1;
    /// The only version of the format.
    pub(in super::super) const VERSION: u64 = 1;
    /// suit-manifest-sequence-number (M, section 8.4.2).
    pub(in super::super) const SEQUENCE_NUMBER: u64 = 2;
    /// suit-common (M, section 8.4.5).
    pub(in super::super) const COMMON: u64 = 3;
    /// suit-set-version (U, the section of that name).
    pub(in super::super) const SET_VERSION: u64 = 6;
    /// suit-validate (M, section 8.4.6).
    pub(in super::super) const VALIDATE: u64 = 7;
    /// suit-invoke (M, section 8.4.6).
    pub(in super::super) const INVOKE: u64 = 9;
    /// suit-install (M, section 8.4.6).
    pub(in super::super) const INSTALL: u64 = 20;
}

/// Elements of suit-common (M, section 8.4.5).
pub(super) mod common {
    /// suit-components.
    pub(in super::super) const COMPONENTS: u64 = 2;
    /// suit-shared-sequence.
    pub(in super::super) const SHARED_SEQUENCE: u64 = 4;
}

/// Commands: conditions (M, section 8.4.9) and directives (M, section 8.4.10).
pub(super) mod command {
    /// suit-condition-vendor-identifier.
    pub(in super::super) const VENDOR: u64 = 1;
    /// suit-condition-class-identifier.
    pub(in super::super) const CLASS: u64 = 2;
    /// suit-condition-image-match.
    pub(in super::super) const IMAGE_MATCH: u64 = 3;
    /// suit-directive-set-component-index.
    pub(in super::super) const SET_COMPONENT_INDEX: u64 = 12;
    /// suit-directive-override-parameters.
    pub(in super::super) const OVERRIDE_PARAMETERS: u64 = 20;
    /// suit-directive-fetch.
    pub(in super::super) const FETCH: u64 = 21;
    /// suit-directive-invoke.
    pub(in super::super) const INVOKE: u64 = 23;
}

/// Parameters (M, section 8.4.8).
pub(super) mod parameter {
    /// suit-parameter-vendor-identifier, 16 bytes.
    pub(in super::super) const VENDOR: u64 = 1;
    /// suit-parameter-class-identifier, 16 bytes.
    pub(in super::super) const CLASS: u64 = 2;
    /// suit-parameter-image-digest, a SUIT_Digest in a byte string.
    pub(in super::super) const IMAGE_DIGEST: u64 = 3;
    /// suit-parameter-image-size, bytes.
    pub(in super::super) const IMAGE_SIZE: u64 = 14;
    /// suit-parameter-uri.
    pub(in super::super) const URI: u64 = 21;
}

/// Largest reporting policy: all four of its bits (M, section 8.4.7).
pub(super) const POLICY_MAX: u64 = 15;
/// SHA-256 in a SUIT_Digest (M, section 10; RFC 9054, section 2.1).
pub(super) const SHA_256: i64 = -16;

/// Pre-release marks of a version (U, the section on suit-parameter-version).
pub(super) mod prerelease {
    /// A release candidate.
    pub(in super::super) const CANDIDATE: i64 = -1;
    /// A beta.
    pub(in super::super) const BETA: i64 = -2;
    /// An alpha.
    pub(in super::super) const ALPHA: i64 = -3;
}

/// COSE (RFC 9052).
pub(super) mod cose {
    /// Tag of COSE_Sign1 (RFC 9052, section 4.2).
    pub(in super::super) const SIGN1: u64 = 18;
    /// Label of the key identifier (RFC 9052, section 3.1).
    pub(in super::super) const KID: u64 = 4;
    /// The protected header `{1: ..}` without its value (RFC 9052, section 3.1).
    pub(in super::super) const PROTECTED: [u8; 2] = [0xa1, 0x01];
    /// -8, EdDSA (RFC 9053, section 2.2), encoded. Deprecated by RFC 9864, and what most tools emit.
    pub(in super::super) const EDDSA: u8 = 0x27;
    /// -19, Ed25519 (RFC 9864, section 2.2), encoded.
    pub(in super::super) const ED25519: u8 = 0x32;
    /// What is signed (RFC 9052, section 4.4) up to the algorithm: an array of four, the context
    /// "Signature1", and the protected header as a byte string.
    pub(in super::super) const TO_BE_SIGNED: [u8; 15] = *b"\x84\x6aSignature1\x43\xa1\x01";
    /// What is signed behind the algorithm: no external data, and the head of the payload, which is a
    /// SUIT_Digest of [`DIGEST`] bytes.
    pub(in super::super) const BEHIND_ALGORITHM: [u8; 3] = [0x40, 0x58, DIGEST as u8];
    /// Length of a SUIT_Digest with SHA-256, encoded, bytes.
    pub(in super::super) const DIGEST: usize = 36;
}

/// Limits of the profile; none of them is in a specification.
pub(super) mod limit {
    /// Longest authentication wrapper, bytes.
    pub(in super::super) const WRAPPER: u64 = 512;
    /// Longest manifest, bytes.
    pub(in super::super) const MANIFEST: u64 = 2048;
    /// Most signatures.
    pub(in super::super) const SIGNATURES: u64 = 4;
    /// Most commands of a sequence.
    pub(in super::super) const COMMANDS: u64 = 64;
    /// Longest URI, bytes.
    pub(in super::super) const URI: usize = 255;
    /// Most parts of a version.
    pub(in super::super) const VERSION: u64 = 8;
}
