//! Every number of the SUIT manifest and of COSE that the packager writes or names.
//!
//! "M" is draft-ietf-suit-manifest-37, "U" is draft-ietf-suit-update-management-14.

/// Tag of an envelope (M, section 8.2).
pub(super) const ENVELOPE: u64 = 107;
/// Tag of COSE_Sign1 (RFC 9052, section 4.2).
pub(super) const SIGN1: u64 = 18;
/// suit-manifest-version (M, section 8.4.1): the only one there is.
pub(super) const VERSION: i64 = 1;
/// SHA-256 in a SUIT_Digest (M, section 8.4.11; RFC 9054, section 2.1).
pub(super) const SHA_256: i64 = -16;
/// The context of a COSE_Sign1 signature (RFC 9052, section 4.4).
pub(super) const CONTEXT: &str = "Signature1";

/// Labels of COSE headers (RFC 9052, section 3.1).
pub(super) mod header {
    pub(in super::super) const ALGORITHM: i64 = 1;
    pub(in super::super) const KEY_IDENTIFIER: i64 = 4;
}

/// Signature algorithms.
pub(super) mod algorithm {
    /// RFC 9864, section 2.2.
    pub(in super::super) const ED25519: i64 = -19;
    /// RFC 9053, section 2.2; deprecated by RFC 9864.
    pub(in super::super) const EDDSA: i64 = -8;
}

/// Members of an envelope (M, section 8.2).
pub(super) mod envelope {
    pub(in super::super) const AUTHENTICATION: i64 = 2;
    pub(in super::super) const MANIFEST: i64 = 3;
    pub(in super::super) const INSTALL: i64 = 20;
}

/// Elements of a manifest (M, section 8.4; 6 is of U).
pub(super) mod manifest {
    pub(in super::super) const VERSION: i64 = 1;
    pub(in super::super) const SEQUENCE: i64 = 2;
    pub(in super::super) const COMMON: i64 = 3;
    pub(in super::super) const SET_VERSION: i64 = 6;
    pub(in super::super) const VALIDATE: i64 = 7;
    pub(in super::super) const INVOKE: i64 = 9;
    pub(in super::super) const INSTALL: i64 = 20;
}

/// Elements of suit-common (M, section 8.4.5).
pub(super) mod common {
    pub(in super::super) const COMPONENTS: i64 = 2;
    pub(in super::super) const SHARED: i64 = 4;
}

/// Conditions (M, section 8.4.9) and directives (M, section 8.4.10).
pub(super) mod command {
    pub(in super::super) const VENDOR: i64 = 1;
    pub(in super::super) const CLASS: i64 = 2;
    pub(in super::super) const IMAGE_MATCH: i64 = 3;
    pub(in super::super) const SET_COMPONENT_INDEX: i64 = 12;
    pub(in super::super) const TRY_EACH: i64 = 15;
    pub(in super::super) const OVERRIDE: i64 = 20;
    pub(in super::super) const FETCH: i64 = 21;
    pub(in super::super) const INVOKE: i64 = 23;
}

/// Parameters (M, section 8.4.8).
pub(super) mod parameter {
    pub(in super::super) const VENDOR: i64 = 1;
    pub(in super::super) const CLASS: i64 = 2;
    pub(in super::super) const DIGEST: i64 = 3;
    pub(in super::super) const SIZE: i64 = 14;
    pub(in super::super) const URI: i64 = 21;
}

/// Reporting policies (M, section 8.4.7). The device may ignore them; these are those of the draft's
/// examples: everything of a condition, failures of a directive.
pub(super) mod policy {
    pub(in super::super) const CONDITION: i64 = 15;
    pub(in super::super) const DIRECTIVE: i64 = 2;
}

/// Pre-release marks of a version (U, the section on suit-parameter-version).
pub(super) const PRERELEASE: [(i64, &str); 3] = [(-1, "rc"), (-2, "beta"), (-3, "alpha")];
