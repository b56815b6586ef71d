//! What the journal's records hold, beside the boot record: CBOR sequences (RFC 8742), one item after the
//! other in the order of the fields, an enum as its number followed by its fields.
//!
//! ```text
//! state     STATE run ?VERSION(newer) ?OUTCOME(last) ?OWNER(preset) sequence VERSION(installed) ?BARRED LOG
//! slots     SLOT for each slot
//! source    initiator bytes(URI) bytes(tag) ?number(where the payload begins) bool(checked)
//! progress  attempts resets furthest ?POINT
//! trust     a bit for each revoked key
//! tried     ?DIGEST(of the image that the progress is of)
//! note      bytes
//!
//! STATE     0 | 1 REQUEST | 2 REQUEST offset ?IMAGE | 3 REQUEST IMAGE | 4 VERIFIED ?OWNER | 5 OWNER VERIFIED
//!           | 6 OWNER VERIFIED left period ?number(wall) watch | 7 OWNER VERIFIED FAILURE
//! SLOT      0 | 1 | 2 VERIFIED enabled | 3 phase FAILURE LOG ?IMAGE
//! REQUEST   run initiator REACH slot after via
//! OWNER     run initiator ask after
//! OUTCOME   run initiator REACH ?slot phase WHAT ?number(wall) ?number(until)
//! WHAT      0 | 1 FAILURE
//! REACH     0 | 1 | 2 ask
//! FAILURE   number, 11 with a number(status) behind it
//! IMAGE     DIGEST size sequence VERSION
//! VERIFIED  IMAGE slot
//! BARRED    DIGEST sequence
//! POINT     slot offset head crc32(head)
//! DIGEST    32 bytes      LOG  bytes      VERSION  text
//! ?X        false | true X
//! ```
//!
//! A word in small letters is an unsigned number; the numbers of the enums stand below. Everything is in its
//! shortest form. A record that does not decode is as good as absent.
//!
//! Firmware that is gone back to reads what newer firmware has written. So these records never change, but in this:
//! items behind those that are drawn, which are passed over here and not kept; a failure of a number that is not
//! known, which has no more than its number and counts as internal; records of the kinds that are left over. The
//! lengths of texts and bytes ([`URI_MAX`], [`TAG_MAX`], [`NOTE_MAX`], `Version::MAX`, `Log::MAX`) and of a frame's
//! records belong to the format as well.

pub(crate) mod boot;
mod codec;

use codec::{Dec, Enc, Stored, stored_enum, stored_struct};

use crate::image::{Image, SlotId, Verified, Version};
use crate::lifecycle::{AfterReset, Owner, Request, State, Via, Watch};
use crate::outcome::{Ask, Failure, Initiator, Outcome, Phase, Reach, Run, What};
use crate::slot::{Enabled, Log, Slot};
use crate::time::Deadline;

/// What is installed, for those who ask and for those who offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Installed {
    /// Sequence number of the confirmed image. A lower one is refused.
    pub sequence: u64,
    /// Version of the confirmed image.
    pub version: Version,
}

/// An image that failed its trial: it is not installed again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barred {
    pub(crate) digest: [u8; 32],
    pub(crate) sequence: u64,
}

/// The lifecycle's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateRecord {
    pub(crate) state: State,
    pub(crate) run: Run,
    pub(crate) newer: Option<Version>,
    pub(crate) last: Option<Outcome>,
    pub(crate) preset: Option<Owner>,
    pub(crate) installed: Installed,
    pub(crate) barred: Option<Barred>,
    /// What the application said when it rejected what is on trial.
    pub(crate) detail: Log,
}

/// Longest URI, bytes.
pub const URI_MAX: usize = 255;
/// Longest entity tag, bytes.
pub const TAG_MAX: usize = 64;
/// Longest note, bytes.
pub const NOTE_MAX: usize = 96;
/// How many initiators can have a note: numbers 0 to 5, which are the application and five protocols at once.
pub const NOTES: usize = 6;

/// Up to `N` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Bytes<N> {
    pub(crate) const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    pub(crate) fn new(from: &[u8]) -> Option<Self> {
        let mut new = Self { len: u8::try_from(from.len()).ok()?, ..Self::EMPTY };
        crate::flash::journal::copy(new.bytes.get_mut(..from.len())?, from)?;
        Some(new)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Who asked for it.
    pub(crate) by: Initiator,
    /// Where they come from now: the URI asked for, or the signed one once the head is in the slot.
    pub(crate) uri: Bytes<URI_MAX>,
    /// What the server called the version of the file.
    pub(crate) tag: Bytes<TAG_MAX>,
    /// Offset of the payload in the file that the URI names; `None` before the description is read.
    pub(crate) payload_at: Option<u32>,
    /// Whether a checksum of the file was asked for: such a request never reuses a prefix.
    pub(crate) checked: bool,
}

impl Source {
    pub(crate) const NONE: Self = Self {
        by: Initiator::APPLICATION,
        uri: Bytes::EMPTY,
        tag: Bytes::EMPTY,
        payload_at: None,
        checked: false,
    };
}

/// Up to where an image is known to be in its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) slot: SlotId,
    /// Bytes of the image.
    pub(crate) offset: u32,
    /// Length of the head that the slot keeps, bytes; 0 if it keeps none.
    pub(crate) head: u32,
    /// CRC-32 of that head: another package of the same image has another.
    pub(crate) sum: u32,
}

/// How far an image has come, and how often it was tried. Outlives its request, so that a later one for the
/// same image can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The image: a record of its own.
    pub(crate) digest: Option<[u8; 32]>,
    /// Attempts since there was last progress.
    pub(crate) attempts: u8,
    /// Resets in the present request, before it was known which image it is of.
    pub(crate) resets: u8,
    /// The furthest checkpoint that was ever reached: what lies before it is no progress.
    pub(crate) furthest: u32,
    /// The last checkpoint.
    pub(crate) point: Option<Point>,
}

impl Progress {
    pub(crate) const NONE: Self = Self { digest: None, attempts: 0, resets: 0, furthest: 0, point: None };
}

/// Writes a record into `into`; how long it is, or `None` if it does not fit.
pub(crate) fn emit<T: Stored>(record: &T, into: &mut [u8]) -> Option<usize> {
    let mut encoder = Enc::new(minicbor::encode::write::Cursor::new(into));
    record.put(&mut encoder)?;
    Some(encoder.writer().position())
}

/// Reads a record. Later firmware may have put more behind it.
pub(crate) fn parse<T: Stored>(bytes: &[u8]) -> Option<T> {
    T::take(&mut Dec::new(bytes))
}

/// Writes the slots one after the other.
pub(crate) fn emit_slots(slots: &[Slot], into: &mut [u8]) -> Option<usize> {
    let mut encoder = Enc::new(minicbor::encode::write::Cursor::new(into));
    slots.iter().try_for_each(|slot| slot.put(&mut encoder))?;
    Some(encoder.writer().position())
}

/// Reads the slots: as many of them as the record has, and the device has room for.
pub(crate) fn parse_slots(bytes: &[u8], slots: &mut [Slot]) -> Option<()> {
    let mut decoder = Dec::new(bytes);
    for slot in slots {
        if decoder.position() == bytes.len() {
            break;
        }
        *slot = Slot::take(&mut decoder)?;
    }
    Some(())
}

stored_struct!(StateRecord { state, run, newer, last, preset, installed, barred, detail });
stored_struct!(Installed { sequence, version });
stored_struct!(Barred { digest, sequence });
stored_struct!(Source { by, uri, tag, payload_at, checked });
stored_struct!(Point { slot, offset, head, sum });
stored_struct!(Outcome { run, by, reach, slot, at, what, wall, until });
stored_struct!(Request { run, by, reach, target, after, via });
stored_struct!(Owner { run, by, ask, after });
stored_struct!(Image { digest, size, sequence, version });

stored_enum!(State {
    0: Idle,
    1: Checking { request },
    2: Receiving { request, offset, image },
    3: Validating { request, image },
    4: Staged { image, wanted },
    5: Activating { owner, image },
    6: Trial { owner, image, left, deadline, watch },
    7: Reverting { owner, image, why },
});
stored_enum!(Slot { 0: Empty, 1: Partial, 2: Verified(image, enabled), 3: Failed { at, why, log, image } });
stored_enum!(Enabled { 0: Yes, 1: No });
stored_enum!(Reach { 0: Check, 1: Stage, 2: Activate(ask) });
stored_enum!(Ask { 0: No, 1: Idle, 2: User });
stored_enum!(AfterReset { 0: Resume, 1: Fail });
stored_enum!(Via { 0: Pull, 1: Push });
stored_enum!(Watch { 0: Testing, 1: Confirming });
stored_enum!(Phase { 0: Download, 1: Staged, 2: Activation });
stored_enum!(What { 0: Done, 1: Failed(why) });
stored_enum!(Failure {
    0: NoSpaceInFlash,
    1: OutOfRam,
    2: ConnectionLost,
    3: HostUnknown,
    4: PeerNotTrusted,
    5: Integrity,
    6: Authenticity,
    7: WrongDevice,
    8: UnsupportedPackage,
    9: InvalidUri,
    10: UnsupportedProtocol,
    11: TransportStatus(status),
    12: OlderThanAllowed,
    13: InstallFailed,
    14: BootFailed,
    15: NotConfirmed,
    16: Rejected,
    17: Cancelled,
    18: Deferred,
    19: PowerLost,
    20: RecordLost,
    21: Internal,
    _: Internal,
});

impl Stored for Verified {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        self.image().put(e)?;
        self.slot().put(e)
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        let image = Image::take(d)?;
        // It was verified when the record was written; the record's checksum vouches for that.
        Some(Self::vouch(image, SlotId::take(d)?))
    }
}

/// Without the digest.
impl Stored for Progress {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        self.attempts.put(e)?;
        self.resets.put(e)?;
        self.furthest.put(e)?;
        self.point.put(e)
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        let (attempts, resets, furthest) = (Stored::take(d)?, Stored::take(d)?, Stored::take(d)?);
        Some(Self { digest: None, attempts, resets, furthest, point: Stored::take(d)? })
    }
}

impl Stored for Deadline {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        self.period.put(e)?;
        self.wall.put(e)
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        let period = u64::take(d)?;
        // The boot that reads it says when it ends: see `Deadline::rebased`.
        Some(Self { period, wall: Stored::take(d)?, at: u64::MAX })
    }
}

#[cfg(test)]
mod tests;
