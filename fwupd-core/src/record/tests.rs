mod v1;

use super::*;
use crate::outcome::Initiator;

fn image() -> Image {
    Image { digest: [7; 32], size: 1000, sequence: 5 << 32, version: Version::new("1.2.3").unwrap() }
}

#[test]
fn a_state_record_is_read_back_as_it_was_written() {
    let request = Request {
        run: Run(9),
        by: Initiator(2),
        reach: Reach::Activate(Ask::User),
        target: SlotId(1),
        after: AfterReset::Resume,
        via: Via::Pull,
    };
    let owner = Owner { run: Run(9), by: Initiator(2), ask: Ask::User, after: AfterReset::Fail };
    let verified = Verified::vouch(image(), SlotId(1));
    let deadline = Deadline { period: 60_000, wall: Some(1 << 31), at: u64::MAX };
    let states = [
        State::Idle,
        State::Checking { request },
        State::Receiving { request, offset: 0, image: None },
        State::Receiving { request, offset: 77, image: Some(image()) },
        State::Validating { request, image: image() },
        State::Staged { image: verified, wanted: Some(owner) },
        State::Activating { owner, image: verified },
        State::Trial { owner, image: verified, left: 2, deadline, watch: Watch::Confirming },
        State::Reverting { owner, image: verified, why: Failure::TransportStatus(404) },
    ];
    for state in states {
        let record = StateRecord {
            state,
            run: Run(9),
            newer: Version::new("2"),
            last: Some(Outcome {
                run: Run(8),
                by: Initiator(0),
                reach: Reach::Stage,
                slot: None,
                at: Phase::Staged,
                what: What::Failed(Failure::Deferred),
                wall: Some(5),
                until: Some(6),
            }),
            preset: Some(owner),
            installed: Installed { sequence: 4, version: Version::default() },
            barred: Some(Barred { digest: [1; 32], sequence: 3 }),
            detail: Log::new(b"why"),
        };
        let mut bytes = [0; 512];
        let len = emit(&record, &mut bytes).unwrap();
        assert_eq!(parse::<StateRecord>(&bytes[..len]), Some(record));
        for cut in 0..len {
            assert_eq!(parse::<StateRecord>(&bytes[..cut]), None, "cut at {cut}");
            assert_eq!(emit(&record, &mut [0; 512][..cut]), None, "no room for more than {cut}");
        }
    }
}

#[test]
fn the_longest_records_fit_together_in_a_frame() {
    let version = Version::new(&"v".repeat(Version::MAX)).unwrap();
    let image = Image { digest: [7; 32], size: u32::MAX, sequence: u64::MAX, version };
    let log = Log::new(&[b'x'; Log::MAX]);
    let why = Failure::TransportStatus(u16::MAX);
    let slot = Slot::Failed { at: Phase::Activation, why, log, image: Some(image) };
    let owner = Owner { run: Run(u32::MAX), by: Initiator(255), ask: Ask::User, after: AfterReset::Fail };
    let deadline = Deadline { period: u64::MAX, wall: Some(u64::MAX), at: u64::MAX };
    let verified = Verified::vouch(image, SlotId(255));
    let record = StateRecord {
        state: State::Trial { owner, image: verified, left: 255, deadline, watch: Watch::Confirming },
        run: Run(u32::MAX),
        newer: Some(version),
        last: Some(Outcome {
            run: Run(u32::MAX),
            by: Initiator(255),
            reach: Reach::Activate(Ask::User),
            slot: Some(SlotId(255)),
            at: Phase::Activation,
            what: What::Failed(why),
            wall: Some(u64::MAX),
            until: Some(u64::MAX),
        }),
        preset: Some(owner),
        installed: Installed { sequence: u64::MAX, version },
        barred: Some(Barred { digest: [7; 32], sequence: u64::MAX }),
        detail: log,
    };
    let source = Source {
        by: Initiator(255),
        uri: Bytes::new(&[b'u'; URI_MAX]).unwrap(),
        tag: Bytes::new(&[b't'; TAG_MAX]).unwrap(),
        payload_at: Some(u32::MAX),
        checked: true,
    };
    let point = Some(Point { slot: SlotId(255), offset: u32::MAX, head: u32::MAX, sum: u32::MAX });
    let progress = Progress { digest: None, attempts: 255, resets: 255, furthest: u32::MAX, point };
    let note = Bytes::<NOTE_MAX>::new(&[b'n'; NOTE_MAX]).unwrap();
    let mut room = [0; 2048];
    let lengths = [
        Some(boot::LEN),
        emit(&record, &mut room),
        emit_slots(&[slot; crate::flash::Layout::SLOTS], &mut room),
        emit(&source, &mut room),
        emit(&progress, &mut room),
        emit(&Some([7; 32]), &mut room),
        emit(&note, &mut room),
    ];
    let frame: usize = lengths.iter().map(|length| length.unwrap() + 3).sum::<usize>() + 16;
    assert!(frame <= crate::updater::FRAME, "{frame}: {lengths:?}");

    // A page turn packs the newest of every kind into one frame, behind a header and three marks that take a word
    // of 256 bytes each.
    let [.., note] = lengths;
    let others = (NOTES - 1) * (note.unwrap() + 3) + emit(&u32::MAX, &mut room).unwrap() + 3;
    let snapshot = (frame + others).next_multiple_of(256);
    assert!(snapshot + 1024 <= crate::flash::Layout::JOURNAL_PAGE as usize, "{snapshot}");
}

#[test]
fn a_boot_record_is_read_back_as_it_was_written_and_any_other_is_refused() {
    use boot::{BootEvent, BootReason, BootRecord};
    let record = BootRecord {
        previous: Some(SlotId(1)),
        target: Some(SlotId(2)),
        left: 3,
        preset: Some(SlotId(0)),
        event: Some(BootEvent::FellBack(SlotId(1), BootReason::Mismatch)),
        bootable: 0b101,
        trials: 3,
        counter: 0x0102_0304,
        ..BootRecord::factory(SlotId(0))
    };
    let mut bytes = [0xAA; 40];
    assert_eq!(record.emit(&mut bytes), Some(boot::LEN));
    // By hand, from the diagram.
    let hand =
        [1, 0, 0, 1, 2, 3, 0, 2, 1, 3, 5, 3, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(bytes[..32], hand);
    assert_eq!(BootRecord::parse(&hand), Some(record));
    for wrong in [0, 2, 0xFF] {
        let mut bytes = hand;
        bytes[0] = wrong;
        assert_eq!(BootRecord::parse(&bytes), None, "format {wrong}");
    }
    assert_eq!(BootRecord::parse(&hand[..31]), None);
    assert_eq!(record.emit(&mut [0; 31]), None);
}
