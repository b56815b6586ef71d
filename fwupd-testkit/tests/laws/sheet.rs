//! What the specifications show, copied from the tables of each, and not from the code. Where the adapters deviate from
//! them, that is a list of its own, with the reasons.

use fwupd_core::outcome::{Failure, Initiator, Refused};
use fwupd_usp::spec::model::ImageStatus;
use fwupd_usp::spec::model::ImageStatus::{
    ActivationFailed as AF, DownloadFailed as DF, InstallationFailed as IF, ValidationFailed as VF,
};

/// What a failure shows, while downloading (D), with the image staged (S) and in its activation (A).
pub(crate) struct Row {
    pub(crate) why: Failure,
    /// LwM2M, /5/0/5: D, A.
    pub(crate) lwm2m: [u8; 2],
    /// LwM2M, /5/0/5 beside State 2, with the image still there.
    pub(crate) kept: u8,
    /// OCF, swupdateresult: D, A.
    pub(crate) ocf: [u16; 2],
    /// IoTF, updateStatus: D, A.
    pub(crate) iotf: [u8; 2],
    /// USP, Status of the slot: D, S, A; none: by what the slot holds.
    pub(crate) usp: [Option<ImageStatus>; 3],
    /// USP, FaultCode of TransferComplete!.
    pub(crate) fault: u16,
}

type Codes = ([u8; 2], u8, [u16; 2], [u8; 2]);

const fn row(
    why: Failure,
    (lwm2m, kept, ocf, iotf): Codes,
    usp: [Option<ImageStatus>; 3],
    fault: u16,
) -> Row {
    Row { why, lwm2m, kept, ocf, iotf, usp, fault }
}

const fn all(d: ImageStatus, a: ImageStatus) -> [Option<ImageStatus>; 3] {
    [Some(d), Some(a), Some(a)]
}

/// Object 5, Resource 5; CR 2848, table 5; Model, Firmware attributes; TR-181, FirmwareImage.{i}.Status.
#[rustfmt::skip]
pub(crate) const FAILED: [Row; 24] = [
    row(Failure::NoSpaceInFlash,       ([2, 8], 8, [3, 3], [2, 2]), all(IF, IF), 7005),
    row(Failure::OutOfRam,             ([3, 8], 8, [2, 2], [2, 2]), all(DF, IF), 7005),
    row(Failure::ConnectionLost,       ([4, 8], 8, [4, 4], [3, 3]), all(DF, IF), 7033),
    row(Failure::HostUnknown,          ([7, 8], 8, [6, 6], [6, 6]), all(DF, IF), 7033),
    row(Failure::PeerNotTrusted,       ([4, 8], 8, [4, 4], [6, 6]), all(DF, IF), 7034),
    row(Failure::Integrity,            ([5, 5], 8, [5, 5], [4, 5]), all(VF, IF), 7035),
    row(Failure::Authenticity,         ([5, 5], 8, [5, 5], [4, 5]), all(VF, IF), 7036),
    row(Failure::WrongDevice,          ([6, 8], 8, [5, 5], [5, 5]), all(VF, AF), 7035),
    row(Failure::UnsupportedPackage,   ([6, 8], 8, [5, 5], [5, 5]), all(VF, AF), 7035),
    row(Failure::InvalidUri,           ([7, 8], 8, [6, 6], [6, 6]), all(DF, IF), 7004),
    row(Failure::UnsupportedProtocol,  ([9, 8], 8, [7, 7], [6, 6]), all(DF, IF), 7004),
    row(Failure::TransportStatus(302), ([4, 8], 8, [4, 4], [6, 6]), all(DF, IF), 7033),
    row(Failure::TransportStatus(404), ([7, 8], 8, [404, 404], [6, 6]), all(DF, IF), 7033),
    row(Failure::TransportStatus(503), ([4, 8], 8, [503, 503], [6, 6]), all(DF, IF), 7033),
    row(Failure::OlderThanAllowed,     ([6, 8], 8, [5, 5], [5, 5]), all(VF, AF), 7035),
    row(Failure::InstallFailed,        ([8, 8], 8, [8, 8], [5, 5]), all(IF, IF), 7022),
    row(Failure::BootFailed,           ([8, 8], 8, [8, 8], [5, 5]), all(AF, AF), 7022),
    row(Failure::NotConfirmed,         ([8, 8], 8, [8, 8], [5, 5]), all(AF, AF), 7022),
    row(Failure::Rejected,             ([8, 8], 8, [8, 8], [5, 5]), [Some(VF), None, Some(AF)], 7022),
    row(Failure::Cancelled,            ([10, 10], 0, [0, 0], [3, 0]), [Some(DF), None, Some(AF)], 7022),
    row(Failure::Deferred,             ([11, 11], 11, [0, 0], [1, 1]), [None, None, None], 7022),
    row(Failure::PowerLost,            ([4, 8], 8, [4, 8], [3, 5]), all(DF, IF), 7022),
    row(Failure::RecordLost,           ([8, 8], 8, [8, 8], [5, 5]), [None, None, None], 7022),
    row(Failure::Internal,             ([8, 8], 8, [8, 8], [5, 5]), all(DF, IF), 7003),
];

/// USP, FaultCode of what Request.{i}.Cancel() has ended.
pub(crate) const FAULT_BY_CANCEL: u16 = 7023;

/// The row of a failure.
pub(crate) fn failed(why: Failure) -> &'static Row {
    FAILED.iter().find(|row| row.why == why).expect("every failure has its row")
}

/// LwM2M, /5/0/3: enabler, figure E.6.1-1.
pub(crate) const LWM2M: [(u8, u8); 8] = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 3), (2, 0), (3, 0), (3, 2)];
/// And what a boot into a slot that was named for it, by whoever, may show besides.
pub(crate) const LWM2M_BOOT: [(u8, u8); 1] = [(0, 3)];
/// A deviation: the same boot while a download is under way. The boot ends it, 1 to 0, and State 0 is shown by nobody
/// before the slot that was named is on trial.
pub(crate) const LWM2M_BOOT_DEVIATION: (u8, u8) = (1, 3);

/// IoTF, mgmt.firmware.state: Firmware, the figures of the download and of the update.
pub(crate) const IOTF: [(u8, u8); 5] = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0)];

/// OCF, swupdatestate: CR 2848, table 3, column "transition allowed from".
pub(crate) const OCF: [(&str, [&str; 4]); 5] = [
    ("idle", ["nsa", "svv", "sva", "upgrading"]),
    ("nsa", ["idle", "svv", "sva", "upgrading"]),
    ("svv", ["idle", "nsa", "sva", "upgrading"]),
    ("sva", ["idle", "nsa", "svv", "upgrading"]),
    ("upgrading", ["idle", "nsa", "svv", "sva"]),
];
/// OCF, bits 64, 128 and 256 of cm: the same table.
pub(crate) const OCF_MODE: [(&str, u16); 5] =
    [("idle", 0), ("nsa", 256), ("svv", 256), ("sva", 320), ("upgrading", 448)];

/// The columns of [`REFUSED`].
pub(crate) const ANSWERS: [&str; 13] = [
    "LwM2M Write (State 3)",
    "LwM2M reset, Execute",
    "OCF UPDATE",
    "OCF tm",
    "OCF timer",
    "IoTF firmware/download",
    "IoTF firmware/update",
    "IoTF device/update",
    "USP Download()",
    "USP Activate()",
    "USP BootFirmwareImage",
    "USP Available",
    "USP Cancel()",
];

/// What a refusal is answered. Of LwM2M a Write of Package and Package URI, while Updating in brackets. "-": it cannot
/// arise there, and would be an internal error, [`INTERNAL`]. Several where the message says which.
#[rustfmt::skip]
pub(crate) const REFUSED: [(Refused, [&str; 13]); 6] = [
    (Refused::WrongState, [
        "4.00 (4.05)", "4.05",
        "5.03", "5.03", "dropped",
        "400", "400", "409",
        "7002", "7022", "7012", "7014", "7002",
    ]),
    (Refused::Busy(ANYBODY), [
        "4.00 (4.05)", "4.05",
        "5.03", "5.03", "dropped",
        "400", "400", "409",
        "7005", "7005", "7012", "7014", "7002",
    ]),
    (Refused::Unsupported, [
        "4.05", "4.05",
        "5.01", "2.04, r 8", "r 8",
        "501", "501", "501",
        "7026", "7026", "7026", "7013", "7026",
    ]),
    (Refused::Invalid, [
        "4.00", "-",
        "4.00; 2.04, r 6; 2.04, r 7", "2.04, r 6; 2.04, r 7", "r 6; r 7",
        "400", "-", "400",
        "7004", "7004", "7012", "7011", "-",
    ]),
    (Refused::NoSuchSlot, [
        "-", "-",
        "-", "-", "-",
        "-", "-", "-",
        "7016", "7016", "7012", "7016", "7016",
    ]),
    (Refused::NotAvailable, [
        "5.00", "4.05",
        "2.04, r 8", "2.04, r 8", "r 8",
        "500", "500", "500",
        "7002", "7022", "7012", "7014", "-",
    ]),
];

/// What a "-" is answered, by the first word of the column.
pub(crate) const INTERNAL: [(&str, &str); 4] =
    [("LwM2M", "5.00"), ("OCF", "5.00"), ("IoTF", "500"), ("USP", "7003")];

/// An answer that is not the one of [`REFUSED`].
pub(crate) struct Deviation {
    pub(crate) why: Refused,
    pub(crate) of: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) reason: &'static str,
}

const fn but(why: Refused, of: &'static str, ours: &'static str, reason: &'static str) -> Deviation {
    Deviation { why, of, ours, reason }
}

/// All of them.
pub(crate) const DEVIATIONS: [Deviation; 6] = [
    but(
        Refused::Invalid,
        "OCF UPDATE",
        "5.00",
        "a bad shape or purl is answered before anything is commanded; an invalid command is an internal error",
    ),
    but(
        Refused::NotAvailable,
        "OCF UPDATE",
        "5.00",
        "it commands only a Cancel or a Discard, which no slot can refuse; it would be an internal error",
    ),
    but(Refused::NoSuchSlot, "OCF tm", "2.04, r 8", "it cannot arise; a run that cannot begin has failed"),
    but(Refused::NoSuchSlot, "OCF timer", "r 8", "it cannot arise; a timer has nobody to answer 5.00 to"),
    but(
        Refused::Invalid,
        "IoTF firmware/update",
        "400",
        "it cannot arise, as what is staged is meant; the answer is that of the other initiation",
    ),
    but(
        Refused::Unsupported,
        "USP Download()",
        "7004",
        "the command is in the data model; what is not supported is the value of CheckSumAlgorithm",
    ),
];

const ANYBODY: Initiator = Initiator(2);
