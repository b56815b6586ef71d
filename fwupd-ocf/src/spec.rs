//! Every number and every string of the specifications, each with its citation, and what a status shows.
//!
//! "CR 2848" is the change request to the OCF Core Optional specification that adds oic.r.softwareupdate with the
//! state svv. "Swagger" is oic.r.softwareupdate.swagger.json of core-extensions, "Pstat" oic.sec.pstat.swagger.json of
//! the security models, both of OCF 2.2. "Core" is the OCF Core specification 2.2, "Security" the OCF Security
//! specification 2.2.

use fwupd_coap::spec::{CRITICAL, Definition, Format};
use fwupd_core::lifecycle::State as Life;
use fwupd_core::outcome::{Failure, Outcome, Phase, Refused, What};
use fwupd_core::status::{Coarse, Status};

use crate::note::Note;

/// application/vnd.ocf+cbor: IANA, CoAP Content-Formats.
pub const FORMAT: u16 = 10000;

/// Options of Core 12.2.5, and their values: major (5 bits), minor (5), sub-version (6).
pub mod version {
    /// OCF-Accept-Content-Format-Version.
    pub const ACCEPT: u16 = 2049;
    /// OCF-Content-Format-Version.
    pub const CONTENT: u16 = 2053;
    /// 1.0.0.
    pub const V1_0_0: u32 = 2048;
    /// Bits below the major version.
    pub const MAJOR_SHIFT: u32 = 11;
}

const fn version(number: u16) -> Definition {
    Definition { number, format: Format::Uint, length: (0, 2), repeatable: false }
}

/// The critical options that a device knows: those of CoAP, and the two of Core 12.2.5.
#[cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "done by the compiler, which says so if it fails")
)]
pub const OPTIONS: &[Definition] = &{
    let mut all = [version(version::ACCEPT); CRITICAL.len() + 2];
    let mut n = 0;
    while n < CRITICAL.len() {
        all[n] = CRITICAL[n];
        n += 1;
    }
    all[n] = version(version::CONTENT);
    all
};

/// A named value, both ways.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $value,)* }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// swupdatestate. CR 2848, table 3.
    State {
        /// Nothing under way, nothing newer known.
        Idle = "idle",
        /// A newer version is known, and was not downloaded.
        Nsa = "nsa",
        /// It is being downloaded and checked.
        Svv = "svv",
        /// It is there, and good.
        Sva = "sva",
        /// It is being installed.
        Upgrading = "upgrading",
    }
}

impl State {
    /// The bits 64, 128 and 256 of cm. CR 2848, table 3.
    pub const fn mode(self) -> u16 {
        match self {
            Self::Idle => 0,
            Self::Nsa | Self::Svv => mode::AVAILABILITY,
            Self::Sva => mode::AVAILABILITY | mode::VALIDATION,
            Self::Upgrading => mode::ALL,
        }
    }

    /// Whether one state may follow another: all but itself. CR 2848, table 3, column "transition allowed from".
    pub fn may_follow(self, before: Self) -> bool {
        self != before
    }
}

named! {
    /// swupdateaction. CR 2848, table 4.
    Action {
        /// Nothing is scheduled.
        Idle = "idle",
        /// Look for a newer version.
        Isac = "isac",
        /// Download and check it.
        Isvv = "isvv",
        /// Install it.
        Upgrade = "upgrade",
    }
}

impl Action {
    /// The action that tm asks for: where it has several bits, the one that goes furthest. CR 2848, table 4.
    pub const fn from_mode(tm: u16) -> Self {
        if tm & mode::UPDATE != 0 {
            Self::Upgrade
        } else if tm & mode::VALIDATION != 0 {
            Self::Isvv
        } else if tm & mode::AVAILABILITY != 0 {
            Self::Isac
        } else {
            Self::Idle
        }
    }
}

/// Bits of tm and cm. Security 13.8; CR 2848, tables 3 and 4.
pub mod mode {
    /// Initiate Software Version Validation.
    pub const VALIDATION: u16 = 64;
    /// Initiate Secure Software Update.
    pub const UPDATE: u16 = 128;
    /// Initiate Software Availability Check.
    pub const AVAILABILITY: u16 = 256;
    /// All three.
    pub const ALL: u16 = VALIDATION | UPDATE | AVAILABILITY;
}

/// swupdateresult. CR 2848, table 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UpdateResult(u16);

impl UpdateResult {
    /// Idle.
    pub const IDLE: Self = Self(0);
    /// Software updated successfully, or what else the action was.
    pub const SUCCESS: Self = Self(1);
    /// Not enough RAM.
    pub const RAM: Self = Self(2);
    /// Not enough flash memory.
    pub const FLASH: Self = Self(3);
    /// Connection lost.
    pub const CONNECTION_LOST: Self = Self(4);
    /// Software validation failure.
    pub const VALIDATION: Self = Self(5);
    /// Invalid URL.
    pub const INVALID_URL: Self = Self(6);
    /// Unsupported protocol.
    pub const UNSUPPORTED_PROTOCOL: Self = Self(7);
    /// Software update failed.
    pub const FAILED: Self = Self(8);
    /// HTTP result codes when accessing the URL.
    pub const TRANSPORT: core::ops::RangeInclusive<u16> = 400..=600;

    /// The result with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        (number <= Self::FAILED.0 || Self::TRANSPORT.contains(&number)).then_some(Self(number))
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

/// Names of properties. Core 7.3.2 for the common ones.
pub mod property {
    /// Resource types.
    pub const RT: &str = "rt";
    /// Interfaces.
    pub const IF: &str = "if";
    /// New version. Swagger, maxLength 64.
    pub const NV: &str = "nv";
    /// Package URL. Swagger.
    pub const PURL: &str = "purl";
    /// Scheduled action. Swagger.
    pub const ACTION: &str = "swupdateaction";
    /// State. Swagger; table 2 of CR 2848 has it misspelt once.
    pub const STATE: &str = "swupdatestate";
    /// Result. Swagger.
    pub const RESULT: &str = "swupdateresult";
    /// When software was last updated. Swagger.
    pub const LASTUPDATE: &str = "lastupdate";
    /// How packages are signed. Swagger.
    pub const SIGNED: &str = "signed";
    /// The value of [`SIGNED`]. Swagger, enum.
    pub const VENDOR: &str = "vendor";
    /// When the action is due. Swagger.
    pub const UPDATETIME: &str = "updatetime";
    /// The same as table 2 of CR 2848 spells it: accepted, and never sent.
    pub const UPDATE_TIME: &str = "update time";
    /// Vendor-defined properties begin so: Core 7.3.1.
    pub const FOREIGN: &str = "x.";

    /// Device onboarding state. Pstat; so all that follow.
    pub const DOS: &str = "dos";
    /// Its state.
    pub const S: &str = "s";
    /// Whether it is changing.
    pub const P: &str = "p";
    /// Whether the device is operational.
    pub const ISOP: &str = "isop";
    /// Current mode.
    pub const CM: &str = "cm";
    /// Target mode.
    pub const TM: &str = "tm";
    /// Operational mode.
    pub const OM: &str = "om";
    /// Supported operational modes.
    pub const SM: &str = "sm";
    /// The owner of this resource.
    pub const ROWNERUUID: &str = "rowneruuid";

    /// The context of a link. Core 7.8.2; so all that follow.
    pub const ANCHOR: &str = "anchor";
    /// The target of a link.
    pub const HREF: &str = "href";
    /// The policy of a link, and in it its bits.
    pub const BM: &str = "bm";
    /// Endpoints, and in each its URL.
    pub const EPS: &str = "eps";
    /// The URL of an endpoint.
    pub const EP: &str = "ep";
    /// The links of a collection.
    pub const LINKS: &str = "links";

    /// Name of the device. Core 11.3.4; so all that follow.
    pub const N: &str = "n";
    /// Device identifier.
    pub const DI: &str = "di";
    /// Version of Core.
    pub const ICV: &str = "icv";
    /// Version of the data models.
    pub const DMV: &str = "dmv";
    /// Immutable identifier.
    pub const PIID: &str = "piid";
    /// Platform identifier.
    pub const PI: &str = "pi";
    /// Manufacturer's name.
    pub const MNMN: &str = "mnmn";
}

/// Core version that /oic/d tells. Core 11.3.4.
pub const ICV: &str = "ocf.2.2.5";
/// Version of the data models that /oic/d tells. Core 11.3.4.
pub const DMV: &str = "ocf.res.1.3.0";
/// Scheme of a device's URI: Core 6.2.1.
pub const ANCHOR: &str = "ocf://";
/// Longest purl, bytes. Swagger, maxLength.
pub const PURL_MAX: usize = 64;
/// Longest updatetime, bytes. Swagger, maxLength.
pub const TIME_MAX: usize = 64;
/// Schemes of package URLs that CR 2848 names.
pub const SCHEMES: &[&str] = &["https", "coaps"];
/// State of dos in normal operation, RFNOP: Security 8.
pub const RFNOP: u16 = 3;
/// Between a link's segments.
pub const SLASH: char = '/';

/// Interfaces. Core 7.6.3.
pub mod interface {
    /// All properties, the common ones as well.
    pub const BASELINE: &str = "oic.if.baseline";
    /// Links.
    pub const LL: &str = "oic.if.ll";
    /// What can be read.
    pub const R: &str = "oic.if.r";
    /// What can be read and written.
    pub const RW: &str = "oic.if.rw";
}

/// The resources of this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Core 11.2.
    Discovery,
    /// Core 11.3.4.
    Device,
    /// Core 11.3.4.
    Platform,
    /// CR 2848.
    Software,
    /// Security 13.8.
    Pstat,
}

impl Resource {
    /// All of them; the first is the one that lists the others.
    pub const ALL: [Self; 5] = [Self::Discovery, Self::Device, Self::Platform, Self::Software, Self::Pstat];

    /// Where it is: Core tables 30 and 32, Security 13.8. That of the software update is free; clients in the
    /// field ask for this one.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Discovery => "/oic/res",
            Self::Device => "/oic/d",
            Self::Platform => "/oic/p",
            Self::Software => "/oc/swu",
            Self::Pstat => "/oic/sec/pstat",
        }
    }

    /// Its type.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Discovery => "oic.wk.res",
            Self::Device => "oic.wk.d",
            Self::Platform => "oic.wk.p",
            Self::Software => "oic.r.softwareupdate",
            Self::Pstat => "oic.r.pstat",
        }
    }

    /// Its interfaces, the default one first.
    pub const fn interfaces(self) -> [&'static str; 2] {
        match self {
            Self::Discovery => [interface::LL, interface::BASELINE],
            Self::Device | Self::Platform => [interface::R, interface::BASELINE],
            Self::Software | Self::Pstat => [interface::RW, interface::BASELINE],
        }
    }

    /// bm of its link: 1 discoverable, 2 observable. Core 7.8.2.1.2.
    pub const fn policy(self) -> u16 {
        match self {
            Self::Discovery | Self::Device | Self::Platform => 1,
            Self::Software | Self::Pstat => 3,
        }
    }

    /// Whether it can be written.
    pub const fn is_written(self) -> bool {
        match self {
            Self::Discovery | Self::Device | Self::Platform => false,
            Self::Software | Self::Pstat => true,
        }
    }
}

/// Arguments of a query: Core 7.8.2 and 11.2.
pub mod query {
    /// Interface.
    pub const IF: &str = "if=";
    /// Resource type.
    pub const RT: &str = "rt=";
    /// Device identifier.
    pub const DI: &str = "di=";
}

/// How a request is answered: the CoAP codes of Core table 34 and RFC 7252 section 5.9, class and detail in one
/// byte (RFC 7252 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2.04 Changed.
    Changed = 0x44,
    /// 2.05 Content.
    Content = 0x45,
    /// 4.00 Bad Request.
    BadRequest = 0x80,
    /// 4.03 Forbidden.
    Forbidden = 0x83,
    /// 4.04 Not Found.
    NotFound = 0x84,
    /// 4.05 Method Not Allowed.
    MethodNotAllowed = 0x85,
    /// 4.06 Not Acceptable.
    NotAcceptable = 0x86,
    /// 4.13 Request Entity Too Large.
    TooLarge = 0x8D,
    /// 4.15 Unsupported Content-Format.
    UnsupportedFormat = 0x8F,
    /// 5.00 Internal Server Error.
    Internal = 0xA0,
    /// 5.01 Not Implemented.
    NotImplemented = 0xA1,
    /// 5.03 Service Unavailable.
    Unavailable = 0xA3,
}

/// What a client sees of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// swupdatestate.
    pub state: State,
    /// swupdateresult.
    pub result: UpdateResult,
}

/// What a status shows. CR 2848, tables 3 and 5. The result of the note is shown until another run begins, and none
/// while one is at work.
pub fn project(status: &Status<'_>, note: &Note) -> Shown {
    let by_last = || match note.own_result(status) {
        Some(own) => own,
        None => status.last.map_or(UpdateResult::IDLE, result),
    };
    let rest = match newer(status, note) {
        Some(_) => State::Nsa,
        None => State::Idle,
    };
    let (state, result) = match status.state {
        Life::Idle => (rest, by_last()),
        // A check changes what is known only once it has ended.
        Life::Checking { .. } => (rest, UpdateResult::IDLE),
        Life::Receiving { .. } | Life::Validating { .. } => (State::Svv, UpdateResult::IDLE),
        Life::Staged { wanted: None, .. } => (State::Sva, by_last()),
        Life::Staged { wanted: Some(_), .. } => (State::Sva, UpdateResult::IDLE),
        Life::Activating { .. } | Life::Trial { .. } => (State::Upgrading, UpdateResult::IDLE),
        Life::Reverting { .. } => (State::Upgrading, UpdateResult::IDLE),
    };
    Shown { state, result }
}

/// What a shown value may stand for. CR 2848, table 3: each state is one part of the lifecycle.
pub const fn coarse(shown: Shown) -> Coarse {
    match shown.state {
        State::Idle | State::Nsa => Coarse::NOTHING,
        State::Svv => Coarse::RECEIVING,
        State::Sva => Coarse::STAGED,
        State::Upgrading => Coarse::INSTALLING,
    }
}

/// nv: the newer version known, unless it is that of a package that was dropped for another.
pub fn newer<'s>(status: &Status<'s>, note: &Note) -> Option<&'s str> {
    status.newer.filter(|_| !note.dropped(status)).map(|version| version.as_str())
}

/// What an outcome shows. CR 2848, table 5.
pub fn result(last: &Outcome) -> UpdateResult {
    let why = match last.what {
        What::Done => return UpdateResult::SUCCESS,
        What::Failed(why) => why,
    };
    match why {
        Failure::NoSpaceInFlash => UpdateResult::FLASH,
        Failure::OutOfRam => UpdateResult::RAM,
        Failure::ConnectionLost | Failure::PeerNotTrusted => UpdateResult::CONNECTION_LOST,
        Failure::HostUnknown | Failure::InvalidUri => UpdateResult::INVALID_URL,
        Failure::Integrity | Failure::Authenticity => UpdateResult::VALIDATION,
        Failure::WrongDevice | Failure::UnsupportedPackage => UpdateResult::VALIDATION,
        Failure::OlderThanAllowed => UpdateResult::VALIDATION,
        Failure::UnsupportedProtocol => UpdateResult::UNSUPPORTED_PROTOCOL,
        Failure::TransportStatus(status) if UpdateResult::TRANSPORT.contains(&status) => UpdateResult(status),
        Failure::TransportStatus(_) => UpdateResult::CONNECTION_LOST,
        Failure::InstallFailed | Failure::BootFailed => UpdateResult::FAILED,
        Failure::NotConfirmed | Failure::Rejected => UpdateResult::FAILED,
        Failure::Cancelled | Failure::Deferred => UpdateResult::IDLE,
        Failure::PowerLost => match last.at {
            Phase::Download => UpdateResult::CONNECTION_LOST,
            Phase::Staged | Phase::Activation => UpdateResult::FAILED,
        },
        Failure::RecordLost | Failure::Internal => UpdateResult::FAILED,
    }
}

/// The answer to an UPDATE of the software update resource that the updater has refused.
pub fn refused(why: Refused) -> Answer {
    match why {
        Refused::WrongState | Refused::Busy(_) => Answer::Unavailable,
        Refused::Unsupported => Answer::NotImplemented,
        Refused::Invalid | Refused::NoSuchSlot | Refused::NotAvailable => Answer::Internal,
    }
}

/// What a run that the updater has refused leaves as its result; none where another one is at work, or there is
/// nothing to do it on.
pub fn refused_run(why: Refused) -> Option<UpdateResult> {
    match why {
        Refused::WrongState | Refused::Busy(_) => None,
        Refused::Invalid => Some(UpdateResult::INVALID_URL),
        Refused::Unsupported | Refused::NoSuchSlot | Refused::NotAvailable => Some(UpdateResult::FAILED),
    }
}
