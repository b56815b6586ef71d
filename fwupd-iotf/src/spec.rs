//! Every number and every string of the specification, each with its citation, and what a status shows.
//!
//! The specification is the documentation of IBM's Internet of Things Foundation, later Watson IoT Platform:
//! "Operations" is its page Device Management Operations, "Requests" its successor Device Management Requests,
//! "Firmware" the page Firmware Actions, "Model" the page Device Model, "MQTT" the page MQTT Connectivity for
//! Devices. Where they clash, the later form is spoken and both are understood.

use fwupd_core::checksum::Algorithm;
use fwupd_core::lifecycle::State as Life;
use fwupd_core::outcome::{Ask, Failure, Outcome, Phase, Reach, Refused, What};
use fwupd_core::status::{Coarse, Status};

use crate::note::Note;

/// Topics. Operations and Requests, of each request its line "Topic".
pub mod topic {
    /// The one filter to subscribe to, at QoS 1. MQTT, Device management.
    pub const FILTER: &str = "iotdm-1/#";
    /// What all topics to a device begin with.
    pub const TO_DEVICE: &str = "iotdm-1/";
    /// The device wants to be managed.
    pub const MANAGE: &str = "iotdevice-1/mgmt/manage";
    /// It wants to be managed no longer.
    pub const UNMANAGE: &str = "iotdevice-1/mgmt/unmanage";
    /// An observed attribute has changed.
    pub const NOTIFY: &str = "iotdevice-1/notify";
    /// The device answers.
    pub const RESPONSE: &str = "iotdevice-1/response";
}

/// What comes from the platform, by its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inbound {
    /// An answer to a request of the device. Operations, Response codes.
    Response,
    /// Attributes are written. Operations, Update attributes.
    Update,
    /// Operations, Observe attribute changes.
    Observe,
    /// Operations, Cancel attribute observation.
    Cancel,
    /// Operations, Device actions: reboot.
    Reboot,
    /// Operations, Device actions: factory reset.
    FactoryReset,
    /// Firmware, Firmware download.
    Download,
    /// Firmware, Firmware update.
    Install,
    /// What this device does not know.
    Other,
}

impl Inbound {
    const TOPICS: [(&'static str, Self); 8] = [
        ("response", Self::Response),
        ("device/update", Self::Update),
        ("observe", Self::Observe),
        ("cancel", Self::Cancel),
        ("mgmt/initiate/device/reboot", Self::Reboot),
        ("mgmt/initiate/device/factory_reset", Self::FactoryReset),
        ("mgmt/initiate/firmware/download", Self::Download),
        ("mgmt/initiate/firmware/update", Self::Install),
    ];

    /// What a message on this topic is; `None` if it is none of device management.
    pub fn from_topic(topic: &str) -> Option<Self> {
        let rest = topic.strip_prefix(topic::TO_DEVICE)?;
        let known = Self::TOPICS.iter().find(|(name, _)| *name == rest);
        Some(known.map_or(Self::Other, |(_, inbound)| *inbound))
    }

    /// The rest of its topic behind [`topic::TO_DEVICE`]; `None` where it has not one.
    pub fn name(self) -> Option<&'static str> {
        Self::TOPICS.iter().find(|(_, inbound)| *inbound == self).map(|(name, _)| *name)
    }
}

/// The members of messages. Operations, Message formats; Requests, the same.
pub mod member {
    /// The body of a message.
    pub const D: &str = "d";
    /// The identifier that the answer repeats.
    pub const REQ_ID: &str = "reqId";
    /// The return code of an answer.
    pub const RC: &str = "rc";
    /// What there is to say to it.
    pub const MESSAGE: &str = "message";
    /// A list of attributes: of objects (Requests), or of names (Operations).
    pub const FIELDS: &str = "fields";
    /// The same in a request to cancel (Operations).
    pub const DATA: &str = "data";
    /// The name of an attribute.
    pub const FIELD: &str = "field";
    /// Its value.
    pub const VALUE: &str = "value";
    /// Of a manage request: seconds until the device counts as dormant; 0: it never does.
    pub const LIFETIME: &str = "lifetime";
    /// Of a manage request: what the device supports.
    pub const SUPPORTS: &str = "supports";
    /// Reboot and factory reset.
    pub const DEVICE_ACTIONS: &str = "deviceActions";
    /// Firmware download and firmware update.
    pub const FIRMWARE_ACTIONS: &str = "firmwareActions";
    /// Of a manage request: what the device is. Model, Device information attributes.
    pub const DEVICE_INFO: &str = "deviceInfo";
    /// Of the device information: its serial number.
    pub const SERIAL_NUMBER: &str = "serialNumber";
    /// Who made it.
    pub const MANUFACTURER: &str = "manufacturer";
    /// Its model.
    pub const MODEL: &str = "model";
    /// Its class.
    pub const DEVICE_CLASS: &str = "deviceClass";
    /// Its description.
    pub const DESCRIPTION: &str = "description";
    /// The version of the firmware that runs.
    pub const FW_VERSION: &str = "fwVersion";
    /// The version of its hardware.
    pub const HW_VERSION: &str = "hwVersion";
    /// Where it is, in words.
    pub const DESCRIPTIVE_LOCATION: &str = "descriptiveLocation";
}

/// An attribute that can be observed and written, and of the object its members too. Model, Firmware attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The object with all of the following.
    Firmware,
    /// A number: [`State`].
    State,
    /// A number: [`UpdateStatus`].
    UpdateStatus,
    /// A string.
    Version,
    /// A string.
    Name,
    /// A string; "url" in the oldest form.
    Uri,
    /// A string.
    Verifier,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Firmware,
        Self::State,
        Self::UpdateStatus,
        Self::Version,
        Self::Name,
        Self::Uri,
        Self::Verifier,
    ];
    /// The name of the object.
    pub const OBJECT: &str = "mgmt.firmware";
    /// The oldest name of [`Field::Uri`]. Firmware (first form), mgmt.firmware.url.
    pub const URL: &str = "url";
    /// The same in full.
    pub const URL_PATH: &str = "mgmt.firmware.url";

    /// The name of the member of the object; of the object, its own.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firmware => Self::OBJECT,
            Self::State => "state",
            Self::UpdateStatus => "updateStatus",
            Self::Version => "version",
            Self::Name => "name",
            Self::Uri => "uri",
            Self::Verifier => "verifier",
        }
    }

    /// Its full name.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Firmware => Self::OBJECT,
            Self::State => "mgmt.firmware.state",
            Self::UpdateStatus => "mgmt.firmware.updateStatus",
            Self::Version => "mgmt.firmware.version",
            Self::Name => "mgmt.firmware.name",
            Self::Uri => "mgmt.firmware.uri",
            Self::Verifier => "mgmt.firmware.verifier",
        }
    }

    /// Its bit in a set of attributes.
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Longest mgmt.firmware.uri that is taken, bytes: as much as the updater keeps. The specification names no limit.
pub const URI_MAX: usize = fwupd_core::updater::URI_MAX;
/// Longest mgmt.firmware.version, bytes: as long as the version of an image.
pub const VERSION_MAX: usize = 32;
/// Longest mgmt.firmware.name, bytes.
pub const NAME_MAX: usize = 64;
/// Longest mgmt.firmware.verifier, bytes: the digits of SHA-512.
pub const VERIFIER_MAX: usize = 128;
/// Longest reqId that is understood, bytes as it is written. All examples have 36.
pub const REQ_ID_MAX: usize = 128;

/// Longest payload that the platform takes or gives, bytes. MQTT, Payload size, in its last form (4096 in the first).
pub const PAYLOAD_MAX: usize = 131_072;

/// mgmt.firmware.state. Model, Firmware attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Idle.
    Idle = 0,
    /// Downloading.
    Downloading = 1,
    /// Downloaded.
    Downloaded = 2,
}

impl State {
    /// The one with this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Idle),
            1 => Some(Self::Downloading),
            2 => Some(Self::Downloaded),
            _ => None,
        }
    }
}

/// mgmt.firmware.updateStatus. Model, Firmware attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateStatus {
    /// Success.
    Success = 0,
    /// In Progress.
    InProgress = 1,
    /// Out of Memory.
    OutOfMemory = 2,
    /// Connection Lost.
    ConnectionLost = 3,
    /// Verification Failed.
    VerificationFailed = 4,
    /// Unsupported Image.
    UnsupportedImage = 5,
    /// Invalid URI.
    InvalidUri = 6,
}

impl UpdateStatus {
    /// The one with this number.
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Success),
            1 => Some(Self::InProgress),
            2 => Some(Self::OutOfMemory),
            3 => Some(Self::ConnectionLost),
            4 => Some(Self::VerificationFailed),
            5 => Some(Self::UnsupportedImage),
            6 => Some(Self::InvalidUri),
            _ => None,
        }
    }
}

/// A return code. Operations, Return codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rc {
    /// Operation succeeded.
    Ok = 200,
    /// Accepted: initiated.
    Accepted = 202,
    /// Changed: attributes were written.
    Changed = 204,
    /// Bad request: not well formed, or not now.
    BadRequest = 400,
    /// Attribute was not found.
    NotFound = 404,
    /// Conflict with another update; to be tried again later.
    Conflict = 409,
    /// Internal server error.
    Internal = 500,
    /// Operation is not implemented by the device.
    NotImplemented = 501,
}

impl Rc {
    /// The one with this number.
    pub const fn from_number(number: u16) -> Option<Self> {
        match number {
            200 => Some(Self::Ok),
            202 => Some(Self::Accepted),
            204 => Some(Self::Changed),
            400 => Some(Self::BadRequest),
            404 => Some(Self::NotFound),
            409 => Some(Self::Conflict),
            500 => Some(Self::Internal),
            501 => Some(Self::NotImplemented),
            _ => None,
        }
    }
}

/// Least lifetime other than 0, seconds. Operations, Manage device.
pub const LIFETIME_MIN: u32 = 3600;
/// So long before the end of its lifetime the device asks to be managed again, seconds. Not specified; IBM's own
/// client for Python does so.
pub const RENEW_BEFORE: u32 = 120;

/// What a verifier of so many bytes is compared by: it names no algorithm, so its length decides. `None`: it is no
/// digest, and its text is handed to the platform's check.
pub const fn verifier(len: u8) -> Option<Algorithm> {
    match len {
        16 => Some(Algorithm::Md5),
        20 => Some(Algorithm::Sha1),
        28 => Some(Algorithm::Sha224),
        32 => Some(Algorithm::Sha256),
        48 => Some(Algorithm::Sha384),
        64 => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// What the platform sees of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// mgmt.firmware.state.
    pub state: State,
    /// mgmt.firmware.updateStatus.
    pub status: UpdateStatus,
}

/// What a status shows. Firmware, the figures of the download and of the update. What the platform has reset is
/// shown so until another run begins.
pub fn project(status: &Status<'_>, note: &Note) -> Shown {
    let reset = note.reset == Some(status.run);
    let by_last = || status.last.map_or(UpdateStatus::Success, result);
    let (state, status) = match status.state {
        Life::Idle | Life::Staged { wanted: None, .. } if reset => (State::Idle, UpdateStatus::Success),
        Life::Idle => (State::Idle, by_last()),
        // The signed description alone is being read: no download that the platform could see has begun.
        Life::Checking { .. } => (State::Idle, UpdateStatus::Success),
        Life::Receiving { .. } | Life::Validating { .. } => (State::Downloading, UpdateStatus::Success),
        Life::Staged { wanted: None, .. } => (State::Downloaded, by_last()),
        Life::Staged { wanted: Some(owner), .. } => match owner.ask {
            Ask::No => (State::Downloaded, UpdateStatus::Success),
            Ask::Idle | Ask::User => (State::Downloaded, UpdateStatus::InProgress),
        },
        Life::Activating { .. } | Life::Trial { .. } => (State::Downloaded, UpdateStatus::InProgress),
        Life::Reverting { .. } => (State::Downloaded, UpdateStatus::InProgress),
    };
    Shown { state, status }
}

/// What a shown value may stand for. Model, Firmware attributes, state: there is none for an installation, which
/// shows as a download that is in progress; so does an activation that waits for a permit, or was put off. And
/// what the platform has reset may still be there.
pub const fn coarse(shown: Shown) -> Coarse {
    match shown.state {
        State::Idle if matches!(shown.status, UpdateStatus::Success) => Coarse::NOTHING.or(Coarse::STAGED),
        State::Idle => Coarse::NOTHING,
        State::Downloading => Coarse::RECEIVING,
        State::Downloaded if matches!(shown.status, UpdateStatus::InProgress) => {
            Coarse::STAGED.or(Coarse::INSTALLING)
        }
        State::Downloaded => Coarse::STAGED,
    }
}

/// What an outcome shows. Model, Firmware attributes, updateStatus.
pub fn result(last: &Outcome) -> UpdateStatus {
    match last.what {
        What::Done => match last.reach {
            Reach::Check | Reach::Stage | Reach::Activate(_) => UpdateStatus::Success,
        },
        What::Failed(why) => {
            let (download, later) = failure(why);
            match last.at {
                Phase::Download => download,
                Phase::Staged | Phase::Activation => later,
            }
        }
    }
}

/// The code of a failure while downloading, and of the same one later.
fn failure(why: Failure) -> (UpdateStatus, UpdateStatus) {
    let always = |code| (code, code);
    match why {
        Failure::NoSpaceInFlash | Failure::OutOfRam => always(UpdateStatus::OutOfMemory),
        Failure::ConnectionLost => always(UpdateStatus::ConnectionLost),
        // "Could not be downloaded from the URI": Firmware, Firmware download.
        Failure::HostUnknown | Failure::PeerNotTrusted => always(UpdateStatus::InvalidUri),
        Failure::InvalidUri | Failure::UnsupportedProtocol => always(UpdateStatus::InvalidUri),
        Failure::TransportStatus(_) => always(UpdateStatus::InvalidUri),
        Failure::Integrity | Failure::Authenticity => {
            (UpdateStatus::VerificationFailed, UpdateStatus::UnsupportedImage)
        }
        Failure::WrongDevice | Failure::UnsupportedPackage => always(UpdateStatus::UnsupportedImage),
        Failure::OlderThanAllowed | Failure::InstallFailed => always(UpdateStatus::UnsupportedImage),
        Failure::BootFailed | Failure::NotConfirmed => always(UpdateStatus::UnsupportedImage),
        Failure::Rejected | Failure::RecordLost => always(UpdateStatus::UnsupportedImage),
        Failure::Internal => always(UpdateStatus::UnsupportedImage),
        Failure::PowerLost => (UpdateStatus::ConnectionLost, UpdateStatus::UnsupportedImage),
        // A download that was ended, or an activation that was withdrawn before it began.
        Failure::Cancelled => (UpdateStatus::ConnectionLost, UpdateStatus::Success),
        Failure::Deferred => always(UpdateStatus::InProgress),
    }
}

/// The answer to an initiation of a download or an update that the updater has refused.
pub fn refused_initiate(why: Refused) -> Rc {
    match why {
        Refused::WrongState | Refused::Busy(_) | Refused::Invalid => Rc::BadRequest,
        Refused::Unsupported => Rc::NotImplemented,
        Refused::NoSuchSlot | Refused::NotAvailable => Rc::Internal,
    }
}

/// The answer to a write of attributes that the updater has refused.
pub fn refused_update(why: Refused) -> Rc {
    match why {
        Refused::WrongState | Refused::Busy(_) => Rc::Conflict,
        Refused::Unsupported => Rc::NotImplemented,
        Refused::Invalid => Rc::BadRequest,
        Refused::NoSuchSlot | Refused::NotAvailable => Rc::Internal,
    }
}

/// What there is to say to a refusal that the platform could not foresee.
pub const NOT_AVAILABLE: &str = "not available now";
