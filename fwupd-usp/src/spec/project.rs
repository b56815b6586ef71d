//! What a status shows, and what failures and refusals are called.

use fwupd_core::image::{SlotId, Version};
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Phase, Refused, What};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::status::{Coarse, Status};

use super::Code;
use super::model::ImageStatus;
use crate::note::Note;

/// What a row of FirmwareImage shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'s> {
    /// Its Status.
    pub status: ImageStatus,
    /// Its Available: it is enabled, and holds a verified image.
    pub available: bool,
    /// Its Version; there is one where Status has an image.
    pub version: Option<&'s Version>,
    /// Its BootFailureLog, as it was told; where nothing was told, [`Shown::why`] says it.
    pub log: &'s [u8],
    /// Why it failed to boot.
    pub why: Option<Failure>,
}

/// What a slot shows. TR-181, FirmwareImage.{i}. `Active` is what runs, and nothing else.
pub fn project<'s>(status: &Status<'s>, slot: SlotId) -> Shown<'s> {
    let held = status.slots.get(usize::from(slot.0)).unwrap_or(&Slot::Empty);
    let running = slot == status.running;
    let verified = held.verified().map(|verified| &verified.image().version);
    let (log, why, failed): (&[u8], _, _) = match held {
        Slot::Failed { at: Phase::Activation, why, log, image } => {
            (log.as_bytes(), Some(*why), image.as_ref())
        }
        Slot::Failed { at: Phase::Download | Phase::Staged, image, .. } => (&[], None, image.as_ref()),
        Slot::Empty | Slot::Partial | Slot::Verified(..) => (&[], None, None),
    };
    let shown = if running { ImageStatus::Active } else { idle(status, slot, held) };
    let version = match shown {
        ImageStatus::Active => verified.or(Some(&status.installed.version)),
        ImageStatus::Available => verified,
        ImageStatus::InstallationFailed | ImageStatus::ActivationFailed => {
            verified.or(failed.map(|image| &image.version))
        }
        ImageStatus::NoImage | ImageStatus::Downloading | ImageStatus::Validating => None,
        ImageStatus::DownloadFailed | ImageStatus::ValidationFailed => None,
    };
    let available = running || matches!(held, Slot::Verified(_, Enabled::Yes));
    Shown { status: shown, available, version, log, why }
}

/// What a slot shows that does not run.
fn idle(status: &Status<'_>, slot: SlotId, held: &Slot) -> ImageStatus {
    match status.state {
        State::Receiving { request, .. } if request.target == slot => return ImageStatus::Downloading,
        State::Validating { request, .. } if request.target == slot => return ImageStatus::Validating,
        State::Idle | State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => {}
        State::Staged { .. } | State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => {}
    }
    let by_slot = match held {
        Slot::Verified(..) => ImageStatus::Available,
        Slot::Empty | Slot::Partial => ImageStatus::NoImage,
        Slot::Failed { at, why, .. } => failure(*why, *at).unwrap_or(ImageStatus::NoImage),
    };
    match status.last {
        Some(last) if last.slot == Some(slot) => match last.what {
            What::Failed(why) => failure(why, last.at).unwrap_or(by_slot),
            What::Done => by_slot,
        },
        Some(_) | None => by_slot,
    }
}

/// What the rows of FirmwareImage may stand for together. TR-181 has a Status for what is on its way to a row, and none
/// for an installation: the image shows as Available before the switch and as Active after it, as it does at rest.
pub fn coarse<'s>(rows: impl IntoIterator<Item = Shown<'s>>) -> Coarse {
    let mut rest = Coarse::NOTHING.or(Coarse::INSTALLING);
    for row in rows {
        match row.status {
            ImageStatus::Downloading | ImageStatus::Validating => return Coarse::RECEIVING,
            ImageStatus::Available | ImageStatus::InstallationFailed | ImageStatus::ActivationFailed => {
                rest = rest.or(Coarse::STAGED);
            }
            ImageStatus::Active | ImageStatus::NoImage => {}
            ImageStatus::DownloadFailed | ImageStatus::ValidationFailed => {}
        }
    }
    rest
}

/// The Status of a slot that this befell; `None` where that is told by what it holds.
pub fn failure(why: Failure, at: Phase) -> Option<ImageStatus> {
    use ImageStatus::{ActivationFailed, DownloadFailed, InstallationFailed, ValidationFailed};
    let (download, later) = match why {
        Failure::NoSpaceInFlash | Failure::InstallFailed => (InstallationFailed, InstallationFailed),
        Failure::OutOfRam | Failure::ConnectionLost | Failure::HostUnknown => {
            (DownloadFailed, InstallationFailed)
        }
        Failure::PeerNotTrusted | Failure::InvalidUri => (DownloadFailed, InstallationFailed),
        Failure::UnsupportedProtocol | Failure::TransportStatus(_) => (DownloadFailed, InstallationFailed),
        Failure::PowerLost | Failure::Internal => (DownloadFailed, InstallationFailed),
        Failure::Integrity | Failure::Authenticity => (ValidationFailed, InstallationFailed),
        Failure::WrongDevice | Failure::UnsupportedPackage => (ValidationFailed, ActivationFailed),
        Failure::OlderThanAllowed => (ValidationFailed, ActivationFailed),
        Failure::BootFailed | Failure::NotConfirmed => (ActivationFailed, ActivationFailed),
        Failure::Rejected | Failure::Cancelled => match at {
            Phase::Staged => return None,
            Phase::Download if why == Failure::Rejected => (ValidationFailed, ActivationFailed),
            Phase::Download | Phase::Activation => (DownloadFailed, ActivationFailed),
        },
        Failure::Deferred | Failure::RecordLost => return None,
    };
    Some(match at {
        Phase::Download => download,
        Phase::Staged | Phase::Activation => later,
    })
}

/// The FaultCode of a TransferComplete!. A cancellation is 7023 only by Request.{i}.Cancel(), which the caller
/// knows.
pub fn fault_code(why: Failure) -> Code {
    match why {
        Failure::NoSpaceInFlash | Failure::OutOfRam => Code::Resources,
        Failure::ConnectionLost | Failure::HostUnknown => Code::ServerUnreachable,
        Failure::TransportStatus(_) => Code::ServerUnreachable,
        Failure::PeerNotTrusted => Code::ServerInsecure,
        Failure::Integrity | Failure::WrongDevice | Failure::UnsupportedPackage => Code::CorruptData,
        Failure::OlderThanAllowed => Code::CorruptData,
        Failure::Authenticity => Code::BadSignature,
        Failure::InvalidUri | Failure::UnsupportedProtocol => Code::InvalidArguments,
        Failure::InstallFailed | Failure::BootFailed | Failure::NotConfirmed => Code::CommandFailure,
        Failure::Rejected | Failure::Cancelled | Failure::Deferred => Code::CommandFailure,
        Failure::PowerLost | Failure::RecordLost => Code::CommandFailure,
        Failure::Internal => Code::Internal,
    }
}

/// Why, in words: FaultString, err_msg, BootFailureLog.
pub const fn words(why: Failure) -> &'static str {
    match why {
        Failure::NoSpaceInFlash => "no space in flash",
        Failure::OutOfRam => "out of RAM",
        Failure::ConnectionLost => "connection lost",
        Failure::HostUnknown => "host unknown",
        Failure::PeerNotTrusted => "server not trusted",
        Failure::Integrity => "integrity check failed",
        Failure::Authenticity => "signature check failed",
        Failure::WrongDevice => "image for another device",
        Failure::UnsupportedPackage => "unsupported package",
        Failure::InvalidUri => "invalid URL",
        Failure::UnsupportedProtocol => "unsupported protocol",
        Failure::TransportStatus(_) => "server answered with status ",
        Failure::OlderThanAllowed => "image older than allowed",
        Failure::InstallFailed => "installation failed",
        Failure::BootFailed => "boot failed",
        Failure::NotConfirmed => "not confirmed in time",
        Failure::Rejected => "rejected",
        Failure::Cancelled => "canceled",
        Failure::Deferred => "deferred",
        Failure::PowerLost => "device was reset",
        Failure::RecordLost => "record lost",
        Failure::Internal => "internal error",
    }
}

/// BootFirmwareImage. What boots next, but where a slot was named and has failed since, that slot: a fallback
/// does not change it.
pub fn boot_image(status: &Status<'_>, note: &Note) -> SlotId {
    match status.state {
        State::Activating { image, .. } | State::Trial { image, .. } | State::Reverting { image, .. } => {
            image.slot()
        }
        State::Idle
        | State::Checking { .. }
        | State::Receiving { .. }
        | State::Validating { .. }
        | State::Staged { .. } => note.boot.unwrap_or(status.next_boot),
    }
}

/// What a refused Download() is answered.
pub fn refused_download(why: Refused) -> Code {
    match why {
        Refused::WrongState | Refused::NotAvailable => Code::Denied,
        Refused::Busy(_) => Code::Resources,
        Refused::Unsupported | Refused::Invalid => Code::InvalidArguments,
        Refused::NoSuchSlot => Code::NoObject,
    }
}

/// What a refused Activate() is answered.
pub fn refused_activate(why: Refused) -> Code {
    match why {
        Refused::WrongState | Refused::NotAvailable => Code::CommandFailure,
        Refused::Busy(_) => Code::Resources,
        Refused::Unsupported => Code::InvalidPath,
        Refused::Invalid => Code::InvalidArguments,
        Refused::NoSuchSlot => Code::NoObject,
    }
}

/// What a refused Set of BootFirmwareImage is answered.
pub fn refused_boot(why: Refused) -> Code {
    match why {
        Refused::WrongState | Refused::Busy(_) | Refused::Invalid => Code::InvalidValue,
        Refused::NoSuchSlot | Refused::NotAvailable => Code::InvalidValue,
        Refused::Unsupported => Code::InvalidPath,
    }
}

/// What a refused Set of Available is answered.
pub fn refused_available(why: Refused) -> Code {
    match why {
        Refused::WrongState | Refused::Busy(_) | Refused::NotAvailable => Code::Conflict,
        Refused::Unsupported => Code::NotWritable,
        Refused::Invalid => Code::InvalidType,
        Refused::NoSuchSlot => Code::NoObject,
    }
}

/// What a refused Cancel() is answered.
pub fn refused_cancel(why: Refused) -> Code {
    match why {
        Refused::WrongState | Refused::Busy(_) => Code::Denied,
        Refused::Unsupported => Code::InvalidPath,
        Refused::NoSuchSlot => Code::NoObject,
        Refused::Invalid | Refused::NotAvailable => Code::Internal,
    }
}
