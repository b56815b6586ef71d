//! The part of the data model that the agent has: TR-181 2.19.1 for USP.

use fwupd_core::checksum;

/// An object, or a table of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// `Device.`
    Device,
    /// `Device.DeviceInfo.`
    DeviceInfo,
    /// `Device.DeviceInfo.FirmwareImage.{i}.`
    FirmwareImage,
    /// `Device.LocalAgent.`
    LocalAgent,
    /// `Device.LocalAgent.Controller.{i}.`
    Controller,
    /// `Device.LocalAgent.Request.{i}.`
    Request,
    /// `Device.LocalAgent.Subscription.{i}.`
    Subscription,
}

impl Object {
    /// All of them, each behind the one that it is in.
    pub const ALL: [Self; 7] = [
        Self::Device,
        Self::DeviceInfo,
        Self::FirmwareImage,
        Self::LocalAgent,
        Self::Controller,
        Self::Request,
        Self::Subscription,
    ];

    /// Its path, that of a table without an instance number.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Device => "Device.",
            Self::DeviceInfo => "Device.DeviceInfo.",
            Self::FirmwareImage => "Device.DeviceInfo.FirmwareImage.",
            Self::LocalAgent => "Device.LocalAgent.",
            Self::Controller => "Device.LocalAgent.Controller.",
            Self::Request => "Device.LocalAgent.Request.",
            Self::Subscription => "Device.LocalAgent.Subscription.",
        }
    }

    /// Whether there is any number of it.
    pub const fn is_table(self) -> bool {
        match self {
            Self::Device | Self::DeviceInfo | Self::LocalAgent => false,
            Self::FirmwareImage | Self::Controller | Self::Request | Self::Subscription => true,
        }
    }

    /// The object that it is in.
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Device => None,
            Self::DeviceInfo | Self::LocalAgent => Some(Self::Device),
            Self::FirmwareImage => Some(Self::DeviceInfo),
            Self::Controller | Self::Request | Self::Subscription => Some(Self::LocalAgent),
        }
    }

    /// Its name in the object that it is in.
    pub fn name(self) -> &'static str {
        let above = self.parent().map_or("", Self::path);
        self.path().strip_prefix(above).and_then(|name| name.strip_suffix('.')).unwrap_or_default()
    }

    /// Its parameters.
    pub const fn params(self) -> &'static [Param] {
        match self {
            Self::Device => &[],
            Self::DeviceInfo => &[
                Param::SoftwareVersion,
                Param::ActiveFirmwareImage,
                Param::BootFirmwareImage,
                Param::MaxNumberOfActivateTimeWindows,
                Param::FirmwareImageNumberOfEntries,
            ],
            Self::FirmwareImage => &[
                Param::Alias,
                Param::Name,
                Param::Version,
                Param::Available,
                Param::Status,
                Param::BootFailureLog,
            ],
            Self::LocalAgent => &[
                Param::EndpointId,
                Param::ControllerNumberOfEntries,
                Param::RequestNumberOfEntries,
                Param::SubscriptionNumberOfEntries,
            ],
            Self::Controller => &[Param::Alias, Param::EndpointId],
            Self::Request => {
                &[Param::Alias, Param::Originator, Param::Command, Param::CommandKey, Param::Status]
            }
            Self::Subscription => &[
                Param::Alias,
                Param::Enable,
                Param::Recipient,
                Param::Id,
                Param::NotifType,
                Param::ReferenceList,
                Param::Persistent,
            ],
        }
    }

    /// The parameter with this name.
    pub fn param(self, name: &str) -> Option<Param> {
        self.params().iter().copied().find(|param| param.name() == name)
    }

    /// The parameters of a unique key. Subscriptions: the functional one, ID and Recipient.
    pub const fn key(self) -> &'static [Param] {
        match self {
            Self::Device | Self::DeviceInfo | Self::LocalAgent => &[],
            Self::FirmwareImage | Self::Controller | Self::Request => &[Param::Alias],
            Self::Subscription => &[Param::Id, Param::Recipient],
        }
    }
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as in the data model")]
pub enum Param {
    SoftwareVersion,
    ActiveFirmwareImage,
    BootFirmwareImage,
    MaxNumberOfActivateTimeWindows,
    FirmwareImageNumberOfEntries,
    Alias,
    Name,
    Version,
    Available,
    Status,
    BootFailureLog,
    EndpointId,
    ControllerNumberOfEntries,
    RequestNumberOfEntries,
    SubscriptionNumberOfEntries,
    Originator,
    Command,
    CommandKey,
    Enable,
    Recipient,
    Id,
    NotifType,
    ReferenceList,
    Persistent,
}

impl Param {
    /// Its name.
    // Each place that it were inlined at would have a table of its own.
    #[inline(never)]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SoftwareVersion => "SoftwareVersion",
            Self::ActiveFirmwareImage => "ActiveFirmwareImage",
            Self::BootFirmwareImage => "BootFirmwareImage",
            Self::MaxNumberOfActivateTimeWindows => "MaxNumberOfActivateTimeWindows",
            Self::FirmwareImageNumberOfEntries => "FirmwareImageNumberOfEntries",
            Self::Alias => "Alias",
            Self::Name => "Name",
            Self::Version => "Version",
            Self::Available => "Available",
            Self::Status => "Status",
            Self::BootFailureLog => "BootFailureLog",
            Self::EndpointId => "EndpointID",
            Self::ControllerNumberOfEntries => "ControllerNumberOfEntries",
            Self::RequestNumberOfEntries => "RequestNumberOfEntries",
            Self::SubscriptionNumberOfEntries => "SubscriptionNumberOfEntries",
            Self::Originator => "Originator",
            Self::Command => "Command",
            Self::CommandKey => "CommandKey",
            Self::Enable => "Enable",
            Self::Recipient => "Recipient",
            Self::Id => "ID",
            Self::NotifType => "NotifType",
            Self::ReferenceList => "ReferenceList",
            Self::Persistent => "Persistent",
        }
    }
}

/// The commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `Device.Reboot()`, synchronous.
    Reboot,
    /// `Device.DeviceInfo.FirmwareImage.{i}.Download()`, asynchronous.
    Download,
    /// `Device.DeviceInfo.FirmwareImage.{i}.Activate()`, asynchronous.
    Activate,
    /// `Device.LocalAgent.Request.{i}.Cancel()`, synchronous.
    Cancel,
}

impl Command {
    const ALL: [Self; 4] = [Self::Reboot, Self::Download, Self::Activate, Self::Cancel];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reboot => "Reboot()",
            Self::Download => "Download()",
            Self::Activate => "Activate()",
            Self::Cancel => "Cancel()",
        }
    }

    /// The object that has it.
    pub const fn object(self) -> Object {
        match self {
            Self::Reboot => Object::Device,
            Self::Download | Self::Activate => Object::FirmwareImage,
            Self::Cancel => Object::Request,
        }
    }

    /// The command of an object with this name.
    pub fn of(object: Object, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.object() == object && command.name() == name)
    }
}

/// The events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `Device.Boot!`
    Boot,
    /// `Device.LocalAgent.TransferComplete!`
    TransferComplete,
}

impl Event {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boot => "Boot!",
            Self::TransferComplete => "TransferComplete!",
        }
    }

    /// The object that has it.
    pub const fn object(self) -> Object {
        match self {
            Self::Boot => Object::Device,
            Self::TransferComplete => Object::LocalAgent,
        }
    }

    /// The event of an object with this name.
    pub fn of(object: Object, name: &str) -> Option<Self> {
        let all = [Self::Boot, Self::TransferComplete];
        all.into_iter().find(|event| event.object() == object && event.name() == name)
    }
}

/// Most windows of an Activate(): TimeWindow.{i}, maxEntries.
pub const WINDOWS: usize = 5;

/// The arguments of commands and events.
pub mod arg {
    /// Download(): mandatory.
    pub const URL: &str = "URL";
    /// Download(): mandatory.
    pub const AUTO_ACTIVATE: &str = "AutoActivate";
    /// Download(): bytes; 0 is unknown.
    pub const FILE_SIZE: &str = "FileSize";
    /// Download(), and TransferComplete!.
    pub const CHECK_SUM_ALGORITHM: &str = "CheckSumAlgorithm";
    /// Download(): hexBinary.
    pub const CHECK_SUM: &str = "CheckSum";
    /// Activate(): what its windows' arguments begin with.
    pub const TIME_WINDOW: &str = "TimeWindow.";
    /// Of a window: seconds from the invocation.
    pub const START: &str = "Start";
    /// Of a window: seconds from the invocation.
    pub const END: &str = "End";
    /// Of a window.
    pub const MODE: &str = "Mode";
    /// Of a window: -1 to 10, for ConfirmationNeeded alone.
    pub const MAX_RETRIES: &str = "MaxRetries";
    /// Reboot() and Boot!.
    pub const CAUSE: &str = "Cause";
    /// Reboot() and Boot!.
    pub const REASON: &str = "Reason";
    /// Boot! and TransferComplete!.
    pub const COMMAND_KEY: &str = "CommandKey";
    /// Boot!.
    pub const FIRMWARE_UPDATED: &str = "FirmwareUpdated";
    /// Boot!.
    pub const PARAMETER_MAP: &str = "ParameterMap";
    /// TransferComplete!.
    pub const COMMAND: &str = "Command";
    /// TransferComplete!.
    pub const REQUESTOR: &str = "Requestor";
    /// TransferComplete!.
    pub const TRANSFER_TYPE: &str = "TransferType";
    /// TransferComplete!.
    pub const AFFECTED: &str = "Affected";
    /// TransferComplete!.
    pub const TRANSFER_URL: &str = "TransferURL";
    /// TransferComplete!.
    pub const START_TIME: &str = "StartTime";
    /// TransferComplete!.
    pub const COMPLETE_TIME: &str = "CompleteTime";
    /// TransferComplete!.
    pub const FAULT_CODE: &str = "FaultCode";
    /// TransferComplete!.
    pub const FAULT_STRING: &str = "FaultString";
}

/// TransferComplete!, TransferType.
pub const DOWNLOAD: &str = "Download";
/// Boot!, Reason, where none was given.
pub const UNKNOWN_REASON: &str = "Unknown";
/// Boot!, ParameterMap, without parameters.
pub const NO_PARAMETERS: &str = "{}";
/// What begins a schema of addresses, and ends it: RFC 3986 section 3.
pub const AUTHORITY: &str = "://";
/// An unknown time. TR-106, data type dateTime.
pub const UNKNOWN_TIME: &str = "0001-01-01T00:00:00Z";
/// What the Alias of a row begins with that the agent named: TR-106, data type Alias.
pub const ALIAS: &str = "cpe-";

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "they are called as in the data model")]
        pub enum $name { $($variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As it is written.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads one.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.text() == text)
            }
        }
    )* };
}

named! {
    /// FirmwareImage.{i}.Status.
    ImageStatus {
        NoImage = "NoImage",
        Active = "Active",
        Downloading = "Downloading",
        Validating = "Validating",
        Available = "Available",
        DownloadFailed = "DownloadFailed",
        ValidationFailed = "ValidationFailed",
        InstallationFailed = "InstallationFailed",
        ActivationFailed = "ActivationFailed",
    }
    /// LocalAgent.Request.{i}.Status.
    RequestStatus {
        Requested = "Requested",
        Active = "Active",
        Canceling = "Canceling",
        Canceled = "Canceled",
        Success = "Success",
        Error = "Error",
    }
    /// Cause of Reboot(), and of the Boot! after it.
    Cause {
        Local = "LocalReboot",
        Remote = "RemoteReboot",
    }
    /// Activate(), TimeWindow.{i}.Mode.
    Mode {
        AnyTime = "AnyTime",
        Immediately = "Immediately",
        WhenIdle = "WhenIdle",
        ConfirmationNeeded = "ConfirmationNeeded",
    }
    /// LocalAgent.Subscription.{i}.NotifType.
    NotifType {
        ValueChange = "ValueChange",
        ObjectCreation = "ObjectCreation",
        ObjectDeletion = "ObjectDeletion",
        OperationComplete = "OperationComplete",
        Event = "Event",
    }
    /// Download(), CheckSumAlgorithm.
    Algorithm {
        Sha1 = "SHA-1",
        Sha224 = "SHA-224",
        Sha256 = "SHA-256",
        Sha384 = "SHA-384",
        Sha512 = "SHA-512",
    }
}

impl Algorithm {
    /// What the platform is asked to check by.
    pub const fn checksum(self) -> checksum::Algorithm {
        match self {
            Self::Sha1 => checksum::Algorithm::Sha1,
            Self::Sha224 => checksum::Algorithm::Sha224,
            Self::Sha256 => checksum::Algorithm::Sha256,
            Self::Sha384 => checksum::Algorithm::Sha384,
            Self::Sha512 => checksum::Algorithm::Sha512,
        }
    }
}
