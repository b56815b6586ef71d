//! The bytes of version 1 of the records, written by hand from the diagrams in `record/mod.rs` and
//! `record/boot.rs` and from RFC 8949, section 3.
//!
//! **Do not change this test.** These bytes lie in devices in the field, where bootloaders are never updated and
//! older firmware is gone back to. How they may be added to stands in `record/mod.rs`.

use core::fmt::Debug;

use super::super::*;
use crate::outcome::Initiator;
use crate::record::boot::{BootEvent, BootReason, BootRecord};
use crate::trust::{KeyId, KeySet};

const DIGEST: [u8; 32] = *b"0123456789abcdef0123456789ABCDEF";

/// Image: digest, size 1000, sequence 2^32 + 5, version "1.2".
const IMAGE: &[u8] = b"\x58\x200123456789abcdef0123456789ABCDEF\x19\x03\xe8\x1b\0\0\0\x01\0\0\0\x05\x631.2";
/// Request: run 9, initiator 2, reach activate and ask the user, slot 1, resumes, pulled.
const REQUEST: &[u8] = b"\x09\x02\x02\x02\x01\x00\x00";
/// Owner: run 300, initiator 255, ask when idle, fails over a reset.
const OWNER: &[u8] = b"\x19\x01\x2c\x18\xff\x01\x01";

fn image() -> Image {
    Image { digest: DIGEST, size: 1000, sequence: (1 << 32) + 5, version: Version::new("1.2").unwrap() }
}

fn verified() -> Verified {
    Verified::vouch(image(), SlotId(1))
}

fn request() -> Request {
    Request {
        run: Run(9),
        by: Initiator(2),
        reach: Reach::Activate(Ask::User),
        target: SlotId(1),
        after: AfterReset::Resume,
        via: Via::Pull,
    }
}

fn owner() -> Owner {
    Owner { run: Run(300), by: Initiator(255), ask: Ask::Idle, after: AfterReset::Fail }
}

fn fresh(state: State) -> StateRecord {
    StateRecord {
        state,
        run: Run(9),
        newer: None,
        last: None,
        preset: None,
        installed: Installed { sequence: 4, version: Version::default() },
        barred: None,
        detail: Log::EMPTY,
    }
}

#[track_caller]
fn holds<T: Stored + PartialEq + Debug>(record: &T, pieces: &[&[u8]]) {
    let by_hand = pieces.concat();
    let mut bytes = [0; 1024];
    let len = emit(record, &mut bytes).unwrap();
    assert_eq!(bytes[..len], by_hand[..], "{record:?}");
    assert_eq!(parse::<T>(&by_hand).as_ref(), Some(record));
}

#[test]
fn a_state_record_has_the_bytes_of_the_diagram_in_every_state() {
    // Run 9, no newer version, no outcome, no preset, sequence 4 without a version installed, none barred, no log.
    let rest: &[u8] = b"\x09\xf4\xf4\xf4\x04\x60\xf4\x40";
    let deadline = Deadline { period: 60_000, wall: Some(0x6A00_0000), at: u64::MAX };
    let (request, owner, image) = (request(), owner(), image());
    let states: [(State, &[&[u8]]); 9] = [
        (State::Idle, &[b"\x00"]),
        (State::Checking { request }, &[b"\x01", REQUEST]),
        (State::Receiving { request, offset: 0, image: None }, &[b"\x02", REQUEST, b"\x00\xf4"]),
        (
            State::Receiving { request, offset: 256, image: Some(image) },
            &[b"\x02", REQUEST, b"\x19\x01\x00\xf5", IMAGE],
        ),
        (State::Validating { request, image }, &[b"\x03", REQUEST, IMAGE]),
        (State::Staged { image: verified(), wanted: Some(owner) }, &[b"\x04", IMAGE, b"\x01\xf5", OWNER]),
        (State::Activating { owner, image: verified() }, &[b"\x05", OWNER, IMAGE, b"\x01"]),
        (
            State::Trial { owner, image: verified(), left: 2, deadline, watch: Watch::Confirming },
            &[b"\x06", OWNER, IMAGE, b"\x01", b"\x02\x19\xea\x60\xf5\x1a\x6a\0\0\0\x01"],
        ),
        (
            State::Reverting { owner, image: verified(), why: Failure::TransportStatus(404) },
            &[b"\x07", OWNER, IMAGE, b"\x01", b"\x0b\x19\x01\x94"],
        ),
    ];
    for (state, pieces) in states {
        holds(&fresh(state), &[&pieces.concat(), rest]);
    }
}

#[test]
fn a_state_record_with_everything_in_it_has_the_bytes_of_the_diagram() {
    let record = StateRecord {
        newer: Version::new("2"),
        last: Some(Outcome {
            run: Run(8),
            by: Initiator(0),
            reach: Reach::Stage,
            slot: Some(SlotId(1)),
            at: Phase::Staged,
            what: What::Failed(Failure::Deferred),
            wall: Some(5),
            until: Some(6000),
        }),
        preset: Some(owner()),
        barred: Some(Barred { digest: DIGEST, sequence: 3 }),
        detail: Log::new(b"why"),
        ..fresh(State::Idle)
    };
    holds(
        &record,
        &[
            b"\x00\x09\xf5\x612",
            b"\xf5\x08\x00\x01\xf5\x01\x01\x01\x12\xf5\x05\xf5\x19\x17\x70",
            b"\xf5",
            OWNER,
            b"\x04\x60",
            b"\xf5\x58\x200123456789abcdef0123456789ABCDEF\x03",
            b"\x43why",
        ],
    );
    let done = Outcome { what: What::Done, slot: None, until: None, wall: None, ..record.last.unwrap() };
    holds(&done, &[b"\x08\x00\x01\xf4\x01\x00\xf4\xf4"]);
}

#[test]
fn a_slots_record_has_the_bytes_of_the_diagram() {
    let failed =
        |image| Slot::Failed { at: Phase::Activation, why: Failure::BootFailed, log: Log::new(b"no"), image };
    let slots = [Slot::Empty, Slot::Partial, Slot::Verified(verified(), Enabled::No), failed(Some(image()))];
    let by_hand = [b"\x00\x01\x02", IMAGE, b"\x01\x01", b"\x03\x02\x0e\x42no\xf5", IMAGE].concat();
    let mut bytes = [0; 512];
    let len = emit_slots(&slots, &mut bytes).unwrap();
    assert_eq!(bytes[..len], by_hand[..]);
    let mut read = [Slot::Empty; 4];
    assert_eq!(parse_slots(&by_hand, &mut read), Some(()));
    assert_eq!(read, slots);
    holds(&failed(None), &[b"\x03\x02\x0e\x42no\xf4"]);
}

#[test]
fn records_of_a_download_and_of_keys_and_notes_have_the_bytes_of_the_diagram() {
    let source = Source {
        by: Initiator(24),
        uri: Bytes::new(b"coap://h/f").unwrap(),
        tag: Bytes::new(b"\x01\x02").unwrap(),
        payload_at: Some(300),
        checked: true,
    };
    holds(&source, &[b"\x18\x18\x4acoap://h/f\x42\x01\x02\xf5\x19\x01\x2c\xf5"]);
    holds(&Source::NONE, &[b"\x00\x40\x40\xf4\xf4"]);
    let point = Some(Point { slot: SlotId(1), offset: 4096, head: 251, sum: 0xDEAD_BEEF });
    let progress = Progress { digest: None, attempts: 2, resets: 3, furthest: 8192, point };
    holds(&progress, &[b"\x02\x03\x19\x20\x00\xf5\x01\x19\x10\x00\x18\xfb\x1a\xde\xad\xbe\xef"]);
    holds(&Progress::NONE, &[b"\x00\x00\x00\xf4"]);
    holds(&Some(DIGEST), &[b"\xf5\x58\x200123456789abcdef0123456789ABCDEF"]);
    holds(&None::<[u8; 32]>, &[b"\xf4"]);
    holds(&KeySet::NONE.with(KeyId(0)).with(KeyId(9)).0, &[b"\x19\x02\x01"]);
    holds(&Bytes::<NOTE_MAX>::new(b"note").unwrap(), &[b"\x44note"]);
}

#[test]
fn every_enum_has_the_numbers_that_are_stored() {
    let failures = [
        Failure::NoSpaceInFlash,
        Failure::OutOfRam,
        Failure::ConnectionLost,
        Failure::HostUnknown,
        Failure::PeerNotTrusted,
        Failure::Integrity,
        Failure::Authenticity,
        Failure::WrongDevice,
        Failure::UnsupportedPackage,
        Failure::InvalidUri,
        Failure::UnsupportedProtocol,
        Failure::TransportStatus(0),
        Failure::OlderThanAllowed,
        Failure::InstallFailed,
        Failure::BootFailed,
        Failure::NotConfirmed,
        Failure::Rejected,
        Failure::Cancelled,
        Failure::Deferred,
        Failure::PowerLost,
        Failure::RecordLost,
        Failure::Internal,
    ];
    for (n, failure) in (0u8..).zip(failures) {
        let status: &[u8] = if n == 11 { b"\x00" } else { b"" };
        holds(&failure, &[&[n], status]);
    }
    for (reach, bytes) in
        [(Reach::Check, &[0][..]), (Reach::Stage, &[1]), (Reach::Activate(Ask::No), &[2, 0])]
    {
        holds(&reach, &[bytes]);
    }
    for (n, ask) in (0u8..).zip([Ask::No, Ask::Idle, Ask::User]) {
        holds(&ask, &[&[n]]);
    }
    for (n, phase) in (0u8..).zip([Phase::Download, Phase::Staged, Phase::Activation]) {
        holds(&phase, &[&[n]]);
    }
    holds(&[AfterReset::Resume, AfterReset::Fail].map(Pair), &[&[0, 1]]);
    holds(&[Via::Pull, Via::Push].map(Pair), &[&[0, 1]]);
    holds(&[Watch::Testing, Watch::Confirming].map(Pair), &[&[0, 1]]);
    holds(&[Enabled::Yes, Enabled::No].map(Pair), &[&[0, 1]]);
}

/// Two of an enum, one after the other.
#[derive(Debug, PartialEq)]
struct Pair<T>(T);

impl<T: Stored> Stored for [Pair<T>; 2] {
    fn put(&self, e: &mut Enc<'_>) -> Option<()> {
        self.iter().try_for_each(|Pair(item)| item.put(e))
    }

    fn take(d: &mut Dec<'_>) -> Option<Self> {
        Some([Pair(T::take(d)?), Pair(T::take(d)?)])
    }
}

#[test]
fn a_boot_record_has_the_bytes_of_the_diagram() {
    let none = BootRecord::factory(SlotId(3));
    let full = BootRecord {
        running: SlotId(2),
        confirmed: SlotId(0),
        previous: Some(SlotId(1)),
        target: Some(SlotId(2)),
        left: 3,
        preset: Some(SlotId(0)),
        event: None,
        bootable: 0b101,
        trials: 4,
        counter: 0x0102_0304,
        spare: [0; 16],
    };
    let event = |event| BootRecord { event: Some(event), ..full };
    let reasons = [
        BootReason::TrialsSpent,
        BootReason::Refused,
        BootReason::Mismatch,
        BootReason::Unreadable,
        BootReason::GivenUp,
    ];
    let mut records = vec![
        (none, [1, 3, 3, 0xFF, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0]),
        (full, [1, 2, 0, 1, 2, 3, 0, 0, 0xFF, 0, 5, 4, 4, 3, 2, 1]),
    ];
    for (n, reason) in (1u8..).zip(reasons) {
        let with = |kind| [1, 2, 0, 1, 2, 3, 0, kind, 1, n, 5, 4, 4, 3, 2, 1];
        records.push((event(BootEvent::Reverted(SlotId(1), reason)), with(1)));
        records.push((event(BootEvent::FellBack(SlotId(1), reason)), with(2)));
    }
    for (record, by_hand) in records {
        let by_hand = [by_hand, [0; 16]].concat();
        let mut bytes = [0xAA; 32];
        assert_eq!(record.emit(&mut bytes), Some(32));
        assert_eq!(bytes[..], by_hand[..], "{record:?}");
        assert_eq!(BootRecord::parse(&by_hand), Some(record));
    }
}

#[test]
fn what_later_firmware_has_added_does_not_hide_what_is_known() {
    let mut bytes = [[1, 2, 0, 1, 2, 3, 0, 9, 1, 1, 5, 4, 4, 3, 2, 1], [0; 16]].concat();
    let known = BootRecord::parse(&bytes).unwrap();
    assert_eq!((known.event, known.counter), (None, 0x0102_0304), "an event that is not known");
    bytes[7..10].copy_from_slice(&[2, 1, 9]);
    assert_eq!(BootRecord::parse(&bytes), Some(known), "a reason that is not known");
    bytes[16..].copy_from_slice(b"later firmware's");
    let carried = BootRecord::parse(&bytes).unwrap();
    assert_eq!(BootRecord { spare: [0; 16], ..carried }, known);
    let mut again = [0; 32];
    carried.emit(&mut again).unwrap();
    assert_eq!(again[16..], *b"later firmware's");

    let record = fresh(State::Idle);
    assert_eq!(parse(b"\x00\x09\xf4\xf4\xf4\x04\x60\xf4\x40\x18\x2a\x63new"), Some(record), "more items");
    assert_eq!(parse(b"\x00\x00\x00\xf4\x07"), Some(Progress::NONE));
    let mut slots = [Slot::Partial; 2];
    assert_eq!(parse_slots(b"\x00\x01\x00\x00", &mut slots), Some(()), "more slots");
    assert_eq!(slots, [Slot::Empty, Slot::Partial]);
    assert_eq!(parse(b"\x18\x63"), Some(Failure::Internal), "a failure that is not known");
    assert_eq!(parse::<State>(b"\x08"), None, "a state that is not known");
}
