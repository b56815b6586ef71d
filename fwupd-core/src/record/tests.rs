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
        assert_eq!(parse::<StateRecord>(&bytes[..=len]), None, "a byte too many");
    }
}

#[test]
fn the_longest_records_fit_together_in_a_frame() {
    let slot = Slot::Failed {
        at: Phase::Activation,
        why: Failure::TransportStatus(u16::MAX),
        log: Log::new(&[b'x'; 64]),
        image: Some(Image {
            size: u32::MAX,
            sequence: u64::MAX,
            version: Version::new(&"v".repeat(32)).unwrap(),
            ..image()
        }),
    };
    let mut bytes = [0; 2048];
    let slots = emit_slots(&[slot; 4], &mut bytes).unwrap();
    let uri = Bytes::new(&[b'u'; URI_MAX]).unwrap();
    let tag = Bytes::new(&[b't'; TAG_MAX]).unwrap();
    let source = Source { uri, tag, payload_at: Some(u32::MAX), checked: true };
    let source = emit(&source, &mut bytes).unwrap();
    assert!(slots <= 4 * 160 && source <= 400, "{slots} {source}");
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
    for (at, wrong) in [(0, 2), (7, 3), (9, 0), (9, 6), (16, 1), (31, 1)] {
        let mut bytes = hand;
        bytes[at] = wrong;
        assert_eq!(BootRecord::parse(&bytes), None, "byte {at}");
    }
    assert_eq!(BootRecord::parse(&hand[..31]), None);
    assert_eq!(record.emit(&mut [0; 31]), None);
}
