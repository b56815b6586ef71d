//! What the specifications show, copied from the tables of each, and not from the code.

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

/// The row of a failure.
pub(crate) fn failed(why: Failure) -> &'static Row {
    FAILED.iter().find(|row| row.why == why).expect("every failure has its row")
}

/// LwM2M, /5/0/3: enabler, figure E.6.1-1.
pub(crate) const LWM2M: [(u8, u8); 8] = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 3), (2, 0), (3, 0), (3, 2)];
/// And what a boot into a slot that was named for it, by whoever, may show besides: a download ends with it.
pub(crate) const LWM2M_BOOT: [(u8, u8); 2] = [(0, 3), (1, 3)];

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

/// What a refusal is answered, by whom it was refused: LwM2M Write of Package and Package URI (while Updating), LwM2M
/// reset and Execute, OCF UPDATE, OCF tm, OCF timer, IoTF initiation, IoTF device/update.
///
/// An UPDATE of OCF begins nothing by itself: what a slot or a file could refuse there cannot arise.
#[rustfmt::skip]
pub(crate) const REFUSED: [(Refused, [&str; 7]); 6] = [
    (Refused::WrongState,       ["4.00 (4.05)", "4.05", "5.03", "5.03",      "dropped",   "400", "409"]),
    (Refused::Busy(ANYBODY),    ["4.00 (4.05)", "4.05", "5.03", "5.03",      "dropped",   "400", "409"]),
    (Refused::Unsupported,      ["4.05",        "4.05", "5.01", "2.04, r 8", "r 8",       "501", "501"]),
    (Refused::Invalid,          ["4.00",        "5.00", "5.00", "2.04, r 6", "r 6",       "400", "400"]),
    (Refused::NoSuchSlot,       ["5.00",        "5.00", "5.00", "2.04, r 8", "r 8",       "500", "500"]),
    (Refused::NotAvailable,     ["5.00",        "4.05", "5.00", "2.04, r 8", "r 8",       "500", "500"]),
];

/// The same of USP: Download(), Activate(), Set of BootFirmwareImage, Set of Available, Request.{i}.Cancel(). What is
/// unsupported of a Download() is the algorithm of its checksum, which is a bad value.
#[rustfmt::skip]
pub(crate) const REFUSED_USP: [(Refused, [u16; 5]); 6] = [
    (Refused::WrongState,       [7002, 7022, 7012, 7014, 7002]),
    (Refused::Busy(ANYBODY),    [7005, 7005, 7012, 7014, 7002]),
    (Refused::Unsupported,      [7004, 7004, 7026, 7013, 7026]),
    (Refused::Invalid,          [7004, 7004, 7012, 7011, 7026]),
    (Refused::NoSuchSlot,       [7016, 7016, 7012, 7016, 7016]),
    (Refused::NotAvailable,     [7002, 7022, 7012, 7014, 7002]),
];

const ANYBODY: Initiator = Initiator(2);
