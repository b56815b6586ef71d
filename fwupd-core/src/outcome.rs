//! Who asked, how a run ended, and why a command was not taken.

use crate::image::SlotId;

/// Who gives a command: a number that the application gives to each of its adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Initiator(pub u8);

impl Initiator {
    /// The application itself. It alone confirms and rejects, and it may always cancel.
    pub const APPLICATION: Self = Self(0);
}

/// Number of a run: one request from its command to its outcome. It only rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Run(pub u32);

/// Why a run failed: the union of what the specifications can say. Every adapter maps it with a total
/// match, which is why it is not `#[non_exhaustive]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// The image, with its head, is larger than the slot, or no slot is free.
    #[error("no space in flash")]
    NoSpaceInFlash,
    /// The application had no memory for it.
    #[error("out of RAM")]
    OutOfRam,
    /// The connection broke, and the attempts are spent.
    #[error("connection lost")]
    ConnectionLost,
    /// The name of the host has no address.
    #[error("host unknown")]
    HostUnknown,
    /// The peer's certificate or key is not the one expected.
    #[error("peer not trusted")]
    PeerNotTrusted,
    /// A digest, a length or a checksum is not what was promised.
    #[error("integrity check failed")]
    Integrity,
    /// No trusted signature.
    #[error("authenticity check failed")]
    Authenticity,
    /// The package is for another vendor or class of device.
    #[error("wrong device")]
    WrongDevice,
    /// The package is of a kind or a form that this device does not take.
    #[error("unsupported package")]
    UnsupportedPackage,
    /// The URI is malformed, or names nothing.
    #[error("invalid URI")]
    InvalidUri,
    /// The scheme of the URI is not supported.
    #[error("unsupported protocol")]
    UnsupportedProtocol,
    /// The server answered with this status: an HTTP status, or CoAP's c.dd as c * 100 + dd.
    #[error("the server answered {0}")]
    TransportStatus(u16),
    /// The sequence number or the security counter is lower than this device's.
    #[error("older than allowed")]
    OlderThanAllowed,
    /// The flash did not take the image.
    #[error("install failed")]
    InstallFailed,
    /// The image did not boot: its check failed in the bootloader, or its trial boots are spent.
    #[error("boot failed")]
    BootFailed,
    /// The image ran, but was not confirmed before its deadline.
    #[error("not confirmed")]
    NotConfirmed,
    /// The application, or the policy that it set, does not want the image.
    #[error("rejected by the application")]
    Rejected,
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The activation was put off.
    #[error("deferred")]
    Deferred,
    /// The device was reset in the middle of it.
    #[error("power lost")]
    PowerLost,
    /// The record of what was under way is lost.
    #[error("record lost")]
    RecordLost,
    /// A fault of this library or of the application's use of it.
    #[error("internal error")]
    Internal,
}

/// In which part of the lifecycle an outcome fell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Phase {
    /// Checking, Receiving or Validating.
    Download,
    /// Staged.
    Staged,
    /// Activating, Trial or Reverting, or a boot outside of them.
    Activation,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum What {
    /// As far as the request said.
    Done,
    /// At its first failure.
    Failed(Failure),
}

/// The outcome of the last run that ended. Kept until the next run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Outcome {
    /// The run, so that an outcome is told once.
    pub run: Run,
    /// Whose run it was.
    pub by: Initiator,
    /// How far the run was to go.
    pub reach: Reach,
    /// The slot that it was about, where it had one.
    pub slot: Option<SlotId>,
    /// Where it ended.
    pub at: Phase,
    /// How it ended.
    pub what: What,
    /// Wall time of the end, if the device knew it: seconds since 1970-01-01 UTC. For
    /// [`Failure::Deferred`] the time until which it was deferred is in [`Outcome::until`].
    pub wall: Option<u64>,
    /// For [`Failure::Deferred`]: milliseconds, counted from the deferral, until it should be tried again.
    pub until: Option<u64>,
}

/// How far a request goes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reach {
    /// Reads just the signed description.
    Check,
    /// Ends with a verified image in a slot.
    Stage,
    /// Goes on to activate it.
    Activate(Ask),
}

/// Whether the application is asked before an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ask {
    /// No: at once.
    No,
    /// Yes: when the device is idle.
    Idle,
    /// Yes: when its user agrees.
    User,
}

/// Why a command was not taken. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refused {
    /// The command has no meaning in this state.
    #[error("not in this state")]
    WrongState,
    /// Work of this initiator is under way.
    #[error("busy with the work of initiator {}", .0.0)]
    Busy(Initiator),
    /// This device does not do that.
    #[error("unsupported")]
    Unsupported,
    /// An argument is malformed, too long, or stale.
    #[error("invalid argument")]
    Invalid,
    /// The device has no such slot.
    #[error("no such slot")]
    NoSuchSlot,
    /// The slot holds nothing that could be used, or the updater cannot take a command now: the journal
    /// has not been read yet, or the last command's frame is not written yet.
    #[error("not available")]
    NotAvailable,
}
