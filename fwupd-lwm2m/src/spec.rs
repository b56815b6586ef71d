//! Every number and every string of the specifications, each with its citation, and what a status shows.
//!
//! "Object 5" is OMA-SUP-XML_5-V1_1-20201110-A, urn:oma:lwm2m:oma:5:1.1. "Core" is OMA-TS-LightweightM2M_Core
//! 1.1, "Transport" its companion 1.1.

use fwupd_core::lifecycle::State as Life;
use fwupd_core::outcome::{Failure, Outcome, Phase, Reach, Refused, What};
use fwupd_core::status::{Coarse, Status};

use crate::note::Note;

/// Object 5, its identifier.
pub const FIRMWARE_UPDATE: u16 = 5;
/// LwM2M Security, Core appendix E.1: held, and neither listed nor shown (Core 6.2.2, 7.2.1).
pub const SECURITY: u16 = 0;
/// LwM2M Server, Core appendix E.2.
pub const SERVER: u16 = 1;
/// Device, Core appendix E.4.
pub const DEVICE: u16 = 3;
/// The version of Object 5 that is told in the registration.
pub const OBJECT_VERSION: &str = "1.1";
/// The only instance of each object here.
pub const INSTANCE: u16 = 0;

/// A value with its number, both ways.
macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident: $number:ty { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant = $value,)* }

        impl $name {
            /// The one with this number.
            pub const fn from_number(number: $number) -> Option<Self> {
                match number {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

numbered! {
    /// The resources of /5/0. Object 5, Resources; number 4 never existed.
    Resource: u16 {
        /// Package: W, Opaque.
        Package = 0,
        /// Package URI: RW, String of 0 to 255 bytes.
        PackageUri = 1,
        /// Update: E.
        Update = 2,
        /// State: R, Integer.
        State = 3,
        /// Update Result: R, Integer.
        UpdateResult = 5,
        /// PkgName: R, String of 0 to 255 bytes, optional.
        PkgName = 6,
        /// PkgVersion: R, String of 0 to 255 bytes, optional.
        PkgVersion = 7,
        /// Firmware Update Protocol Support: R, Integer, multiple, optional.
        ProtocolSupport = 8,
        /// Firmware Update Delivery Method: R, Integer.
        DeliveryMethod = 9,
        /// Cancel: E, optional; new in 1.1.
        Cancel = 10,
        /// Severity: RW, Integer, optional; new in 1.1.
        Severity = 11,
        /// Last State Change Time: R, Time, optional; new in 1.1.
        LastStateChangeTime = 12,
        /// Maximum Defer Period: RW, Unsigned Integer, optional; new in 1.1.
        MaximumDeferPeriod = 13,
    }
}

/// Longest string of Object 5, bytes: Package URI, PkgName, PkgVersion.
pub const STRING_MAX: usize = 255;

numbered! {
    /// Resources of /1/0. Core appendix E.2.
    ServerResource: u16 {
        /// Short Server ID: R.
        ShortServerId = 0,
        /// Lifetime: RW, seconds.
        Lifetime = 1,
        /// Notification Storing When Disabled or Offline: RW.
        NotificationStoring = 6,
        /// Binding: RW.
        Binding = 7,
        /// Registration Update Trigger: E.
        UpdateTrigger = 8,
    }
}

numbered! {
    /// Resources of /3/0. Core appendix E.4.
    DeviceResource: u16 {
        /// Manufacturer: R.
        Manufacturer = 0,
        /// Model Number: R.
        ModelNumber = 1,
        /// Serial Number: R.
        SerialNumber = 2,
        /// Firmware Version: R.
        FirmwareVersion = 3,
        /// Reboot: E.
        Reboot = 4,
        /// Error Code: R, Integer, multiple.
        ErrorCode = 11,
        /// Supported Binding and Modes: R.
        Bindings = 16,
    }
}

/// What may be done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operations {
    /// R.
    Read,
    /// W.
    Write,
    /// RW.
    ReadWrite,
    /// E.
    Execute,
}

impl Operations {
    /// Whether it may be read.
    pub const fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether it may be written.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

impl Resource {
    /// Object 5, Resources, column Operations.
    pub const fn operations(self) -> Operations {
        match self {
            Self::Package => Operations::Write,
            Self::PackageUri | Self::Severity | Self::MaximumDeferPeriod => Operations::ReadWrite,
            Self::Update | Self::Cancel => Operations::Execute,
            Self::State | Self::UpdateResult | Self::PkgName | Self::PkgVersion => Operations::Read,
            Self::ProtocolSupport | Self::DeliveryMethod | Self::LastStateChangeTime => Operations::Read,
        }
    }
}

impl ServerResource {
    /// Core appendix E.2, column Operations.
    pub const fn operations(self) -> Operations {
        match self {
            Self::ShortServerId => Operations::Read,
            Self::Lifetime | Self::NotificationStoring | Self::Binding => Operations::ReadWrite,
            Self::UpdateTrigger => Operations::Execute,
        }
    }
}

impl DeviceResource {
    /// Core appendix E.4, column Operations.
    pub const fn operations(self) -> Operations {
        match self {
            Self::Manufacturer | Self::ModelNumber | Self::SerialNumber => Operations::Read,
            Self::FirmwareVersion | Self::ErrorCode | Self::Bindings => Operations::Read,
            Self::Reboot => Operations::Execute,
        }
    }
}

numbered! {
    /// /5/0/3 State. Object 5, Resource 3.
    State: u8 {
        /// Nothing under way.
        Idle = 0,
        /// The package is on its way.
        Downloading = 1,
        /// It is there, and may be installed.
        Downloaded = 2,
        /// It is being installed.
        Updating = 3,
    }
}

numbered! {
    /// /5/0/5 Update Result. Object 5, Resource 5. Numbers 12 and 13 are Object 33629's.
    UpdateResult: u8 {
        /// Initial value.
        Initial = 0,
        /// Firmware updated successfully.
        Success = 1,
        /// Not enough flash memory for the new firmware package.
        NotEnoughFlash = 2,
        /// Out of RAM during downloading process.
        OutOfRam = 3,
        /// Connection lost during downloading process.
        ConnectionLost = 4,
        /// Integrity check failure for new downloaded package.
        IntegrityFailure = 5,
        /// Unsupported package type.
        UnsupportedType = 6,
        /// Invalid URI.
        InvalidUri = 7,
        /// Firmware update failed.
        Failed = 8,
        /// Unsupported protocol.
        UnsupportedProtocol = 9,
        /// Firmware update cancelled; new in 1.1.
        Cancelled = 10,
        /// Firmware update deferred; new in 1.1.
        Deferred = 11,
    }
}

numbered! {
    /// /5/0/8 Firmware Update Protocol Support. Object 5, Resource 8.
    Protocol: u8 {
        /// CoAP (RFC 7252), with Block-Wise transfer.
        Coap = 0,
        /// CoAPS.
        Coaps = 1,
        /// HTTP 1.1.
        Http = 2,
        /// HTTPS 1.1.
        Https = 3,
        /// CoAP over TCP (RFC 8323).
        CoapTcp = 4,
        /// CoAP over TLS (RFC 8323).
        CoapTls = 5,
    }
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Coap, Self::Coaps, Self::Http, Self::Https, Self::CoapTcp, Self::CoapTls];

    /// The scheme of its URIs: RFC 7252 section 6, RFC 8323 section 8, RFC 9110 section 4.2.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Coap => "coap",
            Self::Coaps => "coaps",
            Self::Http => "http",
            Self::Https => "https",
            Self::CoapTcp => "coap+tcp",
            Self::CoapTls => "coaps+tcp",
        }
    }
}

numbered! {
    /// /5/0/9 Firmware Update Delivery Method. Object 5, Resource 9.
    Delivery: u8 {
        /// Pull only.
        Pull = 0,
        /// Push only.
        Push = 1,
        /// Both.
        Both = 2,
    }
}

numbered! {
    /// /5/0/11 Severity. Object 5, Resource 11.
    Severity: u8 {
        /// Critical.
        Critical = 0,
        /// Mandatory: what it is as long as nothing else is written.
        Mandatory = 1,
        /// Optional.
        Optional = 2,
    }
}

/// The release of the enabler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lwm2m {
    /// 1.0: Object 5 in its version 1.0, without what is new in 1.1.
    V1_0,
    /// 1.1.
    V1_1,
}

impl Lwm2m {
    /// As it is registered.
    pub const fn number(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
        }
    }
}

/// Longest Endpoint Client Name that this client takes, bytes: the specification sets no limit.
pub const ENDPOINT_MAX: usize = 128;

/// The paths and parameters of the registration interface. Core 6.2, Transport 6.4.3.
pub mod registration {
    /// The path of a registration.
    pub const PATH: &str = "rd";
    /// Endpoint Client Name.
    pub const ENDPOINT: &str = "ep=";
    /// Lifetime, seconds.
    pub const LIFETIME: &str = "lt=";
    /// LwM2M Version.
    pub const VERSION: &str = "lwm2m=";
    /// Binding Mode.
    pub const BINDING: &str = "b=";
    /// The root's resource type, Core 6.2.1.
    pub const RESOURCE_TYPE: &str = "\"oma.lwm2m\"";
    /// The attribute of the resource type, RFC 6690 section 3.1.
    pub const RT: &str = "rt";
    /// The attribute of the content formats, RFC 7252 section 7.2.1.
    pub const CT: &str = "ct";
    /// The attribute of an object's version, Core 5.1.2.
    pub const VER: &str = "ver";
    /// The attribute of how many instances a resource has, Core 5.1.2.
    pub const DIM: &str = "dim";
}

/// Attributes of notifications: Core 5.1.2.
pub mod attribute {
    /// Minimum Period, seconds.
    pub const PMIN: &str = "pmin";
    /// Maximum Period, seconds.
    pub const PMAX: &str = "pmax";
}

/// Core 6.2.1.2: UDP.
pub const BINDING_UDP: &str = "U";
/// Core appendix E.4, Resource 11: no error.
pub const NO_ERROR: u8 = 0;

/// Content formats: Core 7.4, and the IANA registry of RFC 7252 section 12.3.
pub mod format {
    /// text/plain.
    pub const TEXT: u16 = 0;
    /// application/link-format.
    pub const LINK: u16 = 40;
    /// application/octet-stream.
    pub const OPAQUE: u16 = 42;
    /// application/vnd.oma.lwm2m+tlv.
    pub const TLV: u16 = 11542;
}

/// How a request is answered: the CoAP codes of Transport table 6.4-1 and RFC 7252 section 5.9, class and
/// detail in one byte (RFC 7252 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2.04 Changed.
    Changed = 0x44,
    /// 2.05 Content.
    Content = 0x45,
    /// 2.31 Continue (RFC 7959, section 2.9.1).
    Continue = 0x5F,
    /// 4.00 Bad Request.
    BadRequest = 0x80,
    /// 4.01 Unauthorized.
    Unauthorized = 0x81,
    /// 4.04 Not Found.
    NotFound = 0x84,
    /// 4.05 Method Not Allowed.
    MethodNotAllowed = 0x85,
    /// 4.06 Not Acceptable.
    NotAcceptable = 0x86,
    /// 4.08 Request Entity Incomplete (RFC 7959, section 2.9.2).
    Incomplete = 0x88,
    /// 4.12 Precondition Failed.
    PreconditionFailed = 0x8C,
    /// 4.13 Request Entity Too Large.
    TooLarge = 0x8D,
    /// 4.15 Unsupported Content-Format.
    UnsupportedFormat = 0x8F,
    /// 5.00 Internal Server Error.
    Internal = 0xA0,
    /// 5.03 Service Unavailable.
    Unavailable = 0xA3,
}

/// What a server sees of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// /5/0/3.
    pub state: State,
    /// /5/0/5.
    pub result: UpdateResult,
}

/// What a status shows: Object 5, Resources 3 and 5, and figure E.6.1-1 of the enabler's firmware update
/// state machine. The code of the note is shown until another run begins, and no code while one is at work.
pub fn project(status: &Status<'_>, note: &Note) -> Shown {
    let own = note.own.filter(|(run, _)| *run == status.run).map(|(_, result)| result);
    let by_last = || own.unwrap_or_else(|| status.last.map_or(UpdateResult::Initial, result));
    let (state, result) = match status.state {
        Life::Idle => (State::Idle, by_last()),
        // The signed description alone is being read: no download that a server could see has begun.
        Life::Checking { .. } => (State::Idle, UpdateResult::Initial),
        Life::Receiving { .. } | Life::Validating { .. } => (State::Downloading, UpdateResult::Initial),
        Life::Staged { wanted: None, .. } => {
            (State::Downloaded, own.unwrap_or_else(|| status.last.map_or(UpdateResult::Initial, staged)))
        }
        Life::Staged { wanted: Some(_), .. } => (State::Downloaded, UpdateResult::Initial),
        Life::Activating { .. } | Life::Trial { .. } => (State::Updating, UpdateResult::Initial),
        Life::Reverting { .. } => (State::Updating, UpdateResult::Initial),
    };
    Shown { state, result }
}

/// What a shown value may stand for. Object 5, Resource 3: each state is one part of the lifecycle.
pub const fn coarse(shown: Shown) -> Coarse {
    match shown.state {
        State::Idle => Coarse::NOTHING,
        State::Downloading => Coarse::RECEIVING,
        State::Downloaded => Coarse::STAGED,
        State::Updating => Coarse::INSTALLING,
    }
}

/// What an outcome shows while its image may still be installed: a failed installation, or a deferral.
fn staged(last: &Outcome) -> UpdateResult {
    match last.what {
        What::Done => UpdateResult::Initial,
        What::Failed(Failure::Deferred) => UpdateResult::Deferred,
        // It was withdrawn before it began.
        What::Failed(Failure::Cancelled) => UpdateResult::Initial,
        What::Failed(_) => UpdateResult::Failed,
    }
}

/// What an outcome shows. Object 5, Resource 5: codes 2, 3, 4, 6, 7 and 9 speak of a download alone.
pub fn result(last: &Outcome) -> UpdateResult {
    match last.what {
        What::Done => match last.reach {
            Reach::Check | Reach::Stage => UpdateResult::Initial,
            Reach::Activate(_) => UpdateResult::Success,
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
fn failure(why: Failure) -> (UpdateResult, UpdateResult) {
    let download = |code| (code, UpdateResult::Failed);
    let always = |code| (code, code);
    match why {
        Failure::NoSpaceInFlash => download(UpdateResult::NotEnoughFlash),
        Failure::OutOfRam => download(UpdateResult::OutOfRam),
        Failure::ConnectionLost | Failure::PeerNotTrusted => download(UpdateResult::ConnectionLost),
        Failure::HostUnknown | Failure::InvalidUri => download(UpdateResult::InvalidUri),
        Failure::Integrity | Failure::Authenticity => always(UpdateResult::IntegrityFailure),
        Failure::WrongDevice | Failure::UnsupportedPackage => download(UpdateResult::UnsupportedType),
        Failure::OlderThanAllowed => download(UpdateResult::UnsupportedType),
        Failure::UnsupportedProtocol => download(UpdateResult::UnsupportedProtocol),
        // A client's error means that the URI names nothing; a server's, that it is to be tried again.
        Failure::TransportStatus(400..=499) => download(UpdateResult::InvalidUri),
        Failure::TransportStatus(_) => download(UpdateResult::ConnectionLost),
        Failure::InstallFailed | Failure::BootFailed => always(UpdateResult::Failed),
        Failure::NotConfirmed | Failure::Rejected => always(UpdateResult::Failed),
        Failure::Cancelled => always(UpdateResult::Cancelled),
        Failure::Deferred => always(UpdateResult::Deferred),
        Failure::PowerLost => download(UpdateResult::ConnectionLost),
        Failure::RecordLost | Failure::Internal => always(UpdateResult::Failed),
    }
}

/// The answer to a Write of Package or Package URI that the updater has refused. What is no trigger in a
/// state should be rejected; while Updating, nothing is allowed.
pub fn refused_write(why: Refused, state: State) -> Answer {
    match why {
        Refused::WrongState | Refused::Busy(_) if state == State::Updating => Answer::MethodNotAllowed,
        Refused::WrongState | Refused::Busy(_) | Refused::Invalid => Answer::BadRequest,
        Refused::Unsupported => Answer::MethodNotAllowed,
        Refused::NoSuchSlot | Refused::NotAvailable => Answer::Internal,
    }
}

/// The answer to a reset, or to an Execute of Update or Cancel, that the updater has refused.
pub fn refused_command(why: Refused) -> Answer {
    match why {
        Refused::WrongState | Refused::Busy(_) | Refused::Unsupported => Answer::MethodNotAllowed,
        Refused::NotAvailable => Answer::MethodNotAllowed,
        Refused::Invalid | Refused::NoSuchSlot => Answer::Internal,
    }
}
