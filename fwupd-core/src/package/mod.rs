//! Formats of packages. A format reads only up to the payload; the core streams, hashes and writes that.

pub mod suit;

use crate::image::Image;
use crate::outcome::Failure;
use crate::trust::{KeySet, TrustStore};

/// What a package is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Identity {
    /// Vendor identifier of this device (RFC 9124, section 3.3).
    pub vendor: [u8; 16],
    /// Class identifier of this device (RFC 9124, section 3.4).
    pub class: [u8; 16],
    /// The lowest sequence number that may be installed: that of what is confirmed.
    pub sequence: u64,
    /// The slot that is to be written.
    pub slot: u8,
    /// Keys that no longer count.
    pub revoked: KeySet,
}

/// Which check refused a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stage {
    /// The outer form of the file.
    Framing,
    /// Signature, or the digest of the signed description.
    Authentication,
    /// The form of the signed description.
    Manifest,
    /// It is for another device.
    Identity,
    /// It is older than what is installed.
    Rollback,
    /// What it asks for cannot be done.
    Plan,
    /// The payload's name or length.
    Payload,
    /// The payload's digest.
    Match,
}

/// Why a package was refused: the stage, and what was wrong, in words for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rejected {
    /// The check that refused it.
    pub stage: Stage,
    /// What was wrong.
    pub reason: &'static str,
}

impl From<Rejected> for Failure {
    /// The failure of a run that a package's rejection ends.
    fn from(rejected: Rejected) -> Self {
        match rejected.stage {
            Stage::Authentication => Self::Authenticity,
            Stage::Framing | Stage::Manifest | Stage::Plan => Self::UnsupportedPackage,
            Stage::Identity => Self::WrongDevice,
            Stage::Rollback => Self::OlderThanAllowed,
            Stage::Payload | Stage::Match => Self::Integrity,
        }
    }
}

/// Where the payload's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Payload {
    /// They follow at once, exactly `image.size` of them, and then the file ends.
    Here,
    /// At the signed URI, which [`PackageFormat::uri`] tells; this file ends here.
    Elsewhere,
}

/// How far reading the head of a package has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Head {
    /// All `taken` bytes were read in, and more are needed.
    More {
        /// Bytes taken, all that were offered.
        taken: usize,
    },
    /// The description is read and verified.
    Done {
        /// Bytes taken; what is left belongs to the payload.
        taken: usize,
        /// What it describes.
        image: Image,
        /// Where the payload is.
        payload: Payload,
    },
}

/// A format of packages: a signed description that comes before the payload.
pub trait PackageFormat<T: TrustStore> {
    /// Forgets everything, for a new package or one that restarts at its first byte.
    fn restart(&mut self);

    /// Takes in the next bytes of the head, which may be cut anywhere. After [`Head::Done`] and after an
    /// error it is not called again before [`restart`](Self::restart).
    ///
    /// # Errors
    /// The verdict, which is the same for every way of cutting the input.
    fn head(&mut self, bytes: &[u8], trust: &T, me: &Identity) -> Result<Head, Rejected>;

    /// What the signed description says, where it is read and verified but the head is not done, because the
    /// payload's own head is still to come. A kept head, read again, ends there.
    fn described(&self) -> Option<Image>;

    /// After [`Head::Done`]: the signed head as received, which is kept in the slot's last blocks for the
    /// bootloader's check. Empty where the format has none.
    fn kept(&self) -> &[u8];

    /// After [`Head::Done`] with [`Payload::Elsewhere`]: the signed URI of the payload.
    fn uri(&self) -> Option<&str>;
}
