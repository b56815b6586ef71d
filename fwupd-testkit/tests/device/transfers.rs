//! Transfers: resume, retries, other files under the same name, deliveries, checksums.

use fwupd_core::checksum::Algorithm;
use fwupd_core::flash::{Layout, Op, Part, Planner, Sectors};
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, Refused, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Job, Need, Ticket};
use fwupd_testkit::device::{Device, Rest};

use crate::rig::{Bench, GEOMETRIES, IDS, K1, NEW, factory, job, layout, package};

const NAME: &str = "one-integrated.suit";
/// The signed URI of one-uri.suit.
const URI: &str = "coap://example.com/fw.bin";
/// Bytes of the package before its payload.
const HEAD: usize = 258;

/// A bench that has asked for the package, which is there as `NAME`.
fn asked(reach: Reach) -> Bench {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.device.files.insert(NAME.into(), package(NAME));
    bench.command(1, Command::Fetch(Job { reach, ..job(NAME) })).unwrap();
    bench
}

fn wanted(bench: &mut Bench) -> (Ticket, u32) {
    match bench.need() {
        Need::Fetch { ticket, offset, .. } => (ticket, offset),
        other => panic!("{other:?}"),
    }
}

/// Gives the bytes up to `end`, from wherever they are asked for, under this tag.
fn give(bench: &mut Bench, end: usize, tag: &[u8]) {
    give_of(bench, &package(NAME), end, tag);
}

/// The same of another file.
fn give_of(bench: &mut Bench, file: &[u8], end: usize, tag: &[u8]) {
    let (ticket, offset) = wanted(bench);
    let now = bench.now();
    bench.updater.answered(ticket, offset, Some(file.len() as u32), tag).unwrap();
    let mut at = offset as usize;
    while at < end {
        bench.drain();
        at += bench.updater.chunk(ticket, at as u32, &file[at..end], now).unwrap();
    }
    bench.drain();
}

#[test]
fn a_reset_goes_on_from_the_last_checkpoint() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 1200, b"v1");
    let mut bench = bench.reset();
    assert!(matches!(bench.state(), State::Receiving { .. }));
    let (_, offset) = wanted(&mut bench);
    assert_eq!(offset as usize, HEAD + 1024, "two sectors of 512 bytes were whole");
    bench.device.fetched = 0;
    bench.device.tag = b"v1".to_vec();
    bench.serve();
    assert_eq!((bench.what(), bench.device.fetched), (What::Done, 512));
    bench.device.flash.assert_lawful();
}

#[test]
fn a_file_without_a_tag_begins_anew_after_a_reset_and_only_then() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 1200, b"");
    let (ticket, _) = wanted(&mut bench);
    let now = bench.now();
    bench.updater.failed(ticket, Failure::ConnectionLost, now).unwrap();
    bench.device.clock.advance(1_000);
    assert_eq!(wanted(&mut bench).1 as usize, HEAD + 1200, "the connection alone was lost");
    let mut bench = bench.reset();
    assert_eq!(wanted(&mut bench).1, 0);
    bench.device.tag = Vec::new();
    bench.serve();
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
}

#[test]
fn another_file_under_the_same_name_restarts_cleanly() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 1200, b"v1");
    let mut bench = bench.reset();
    let (ticket, offset) = wanted(&mut bench);
    // The server has another version by now, and answers from where it was asked to.
    let refused = bench.updater.answered(ticket, offset, None, b"v2");
    assert_eq!(refused, Err(Refused::Invalid));
    let (again, offset) = wanted(&mut bench);
    assert_eq!(offset, 0);
    let now = bench.now();
    assert_eq!(bench.updater.chunk(ticket, 0, b"x", now), Err(Refused::Invalid), "the old transfer is over");
    assert_ne!(ticket, again);
    give(&mut bench, package(NAME).len(), b"v2");
    let ticket = bench.updater.ticket();
    bench.updater.complete(ticket, now).unwrap();
    assert_eq!(bench.need(), Need::Nothing);
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
}

#[test]
fn a_source_that_begins_anew_is_taken_from_its_first_byte() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 1200, b"v1");
    let mut bench = bench.reset();
    let (ticket, offset) = wanted(&mut bench);
    assert_ne!(offset, 0);
    assert_eq!(bench.updater.answered(ticket, 0, None, b"v1"), Ok(()));
    bench.drain();
    let now = bench.now();
    assert_eq!(bench.updater.chunk(ticket, offset, b"x", now), Err(Refused::Invalid));
    let file = package(NAME);
    let mut at = 0;
    while at < file.len() {
        bench.drain();
        at += bench.updater.chunk(ticket, at as u32, &file[at..], now).unwrap();
    }
    bench.drain();
    bench.updater.complete(ticket, now).unwrap();
    bench.need();
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
}

#[test]
fn an_answer_from_an_offset_that_was_not_asked_for_is_refused() {
    let mut bench = asked(Reach::Stage);
    let (ticket, _) = wanted(&mut bench);
    assert_eq!(bench.updater.answered(ticket, 7, None, b"v1"), Err(Refused::Invalid));
    bench.drain();
    let (again, offset) = wanted(&mut bench);
    assert_eq!(offset, 0);
    assert_ne!(ticket, again);
    let now = bench.now();
    for stale in [
        bench.updater.answered(ticket, 0, None, b""),
        bench.updater.chunk(ticket, 0, b"x", now).map(|_| ()),
        bench.updater.complete(ticket, now),
        bench.updater.failed(ticket, Failure::ConnectionLost, now),
    ] {
        assert_eq!(stale, Err(Refused::Invalid));
    }
}

#[test]
fn a_lost_connection_is_tried_again_after_longer_and_longer_waits() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 300, b"v1");
    let mut waits = Vec::new();
    let ends = loop {
        let (ticket, offset) = match bench.need() {
            Need::Fetch { ticket, offset, .. } => (ticket, offset),
            Need::Wait(until) => {
                let now = bench.now().mono;
                waits.push(until - now);
                bench.device.clock.advance(until - now);
                continue;
            }
            Need::Nothing => break bench.what(),
            other => panic!("{other:?}"),
        };
        assert_eq!(offset as usize, HEAD + 300, "nothing is lost while power is on");
        let now = bench.now();
        bench.updater.failed(ticket, Failure::ConnectionLost, now).unwrap();
        bench.drain();
    };
    assert_eq!(ends, What::Failed(Failure::ConnectionLost));
    assert_eq!(waits, [1000, 2000, 4000, 8000], "five attempts");
    assert_eq!(bench.slot(NEW), Slot::Partial);
}

#[test]
fn what_cannot_be_mended_by_trying_again_ends_the_run() {
    for why in
        [Failure::HostUnknown, Failure::TransportStatus(404), Failure::PeerNotTrusted, Failure::OutOfRam]
    {
        let mut bench = asked(Reach::Stage);
        let (ticket, _) = wanted(&mut bench);
        let now = bench.now();
        bench.updater.failed(ticket, why, now).unwrap();
        bench.drain();
        assert_eq!(bench.what(), What::Failed(why));
    }
}

#[test]
fn a_later_request_for_the_same_image_reuses_what_is_there() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 1200, b"v1");
    bench.command(1, Command::Cancel).unwrap();
    let mut bench = bench.reset();
    bench.device.fetched = 0;
    bench.command(2, Command::Fetch(Job { reach: Reach::Stage, ..job(NAME) })).unwrap();
    bench.serve();
    assert_eq!((bench.what(), bench.device.fetched), (What::Done, HEAD + 512));
    bench.device.flash.assert_lawful();
}

#[test]
fn a_slot_keeps_the_head_of_the_package_that_was_installed() {
    // The same image, and as long a head, with another sequence number.
    let (first, second) = ("one-seq4.suit", NAME);
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.command(1, Command::Fetch(Job { reach: Reach::Stage, ..job(first) })).unwrap();
    give_of(&mut bench, &package(first), HEAD + 1200, b"v1");
    bench.command(1, Command::Cancel).unwrap();
    bench.fetched(1, second, Reach::Stage);
    assert_eq!(bench.what(), What::Done);
    let (slot, head) = (4096, &package(second)[..HEAD]);
    let contents = &bench.device.flash.contents(0)[slot..2 * slot];
    let signed = &head[50..200];
    assert!(contents.windows(signed.len()).any(|bytes| bytes == signed));
}

#[test]
fn an_image_is_tried_only_so_often_without_progress() {
    let mut device = Bench::new(factory(GEOMETRIES[0])).device;
    device.files.insert(NAME.into(), package(NAME));
    for attempt in 1..=6 {
        let mut bench = Bench::new(device);
        bench.command(1, Command::Fetch(Job { reach: Reach::Stage, ..job(NAME) })).unwrap();
        give(&mut bench, HEAD, b"v1");
        let why = match bench.state() {
            State::Idle => bench.what(),
            _ => {
                bench.command(1, Command::Cancel).unwrap();
                What::Failed(Failure::Cancelled)
            }
        };
        let expected = if attempt <= 5 { Failure::Cancelled } else { Failure::Rejected };
        assert_eq!(why, What::Failed(expected), "attempt {attempt}");
        device = bench.device;
    }
    let mut bench = Bench::new(device);
    bench.fetched(0, NAME, Reach::Stage);
    assert_eq!(bench.what(), What::Done, "the application may always");
}

#[test]
fn a_device_that_is_reset_again_and_again_without_progress_gives_up() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 100, b"v1");
    let mut resets = 0;
    while bench.state() != State::Idle {
        bench = bench.reset();
        bench.need();
        resets += 1;
        assert!(resets < 20);
    }
    assert_eq!((bench.what(), resets), (What::Failed(Failure::PowerLost), 5));
}

#[test]
fn a_delivery_is_taken_as_it_comes_and_does_not_outlive_a_reset() {
    let deliver = |bench: &mut Bench, end: usize| {
        let file = package(NAME);
        let job = Job { uri: None, reach: Reach::Stage, ..job(NAME) };
        bench.command(1, Command::Receive(job)).unwrap();
        assert_eq!(bench.need(), Need::Nothing, "a delivery is not fetched");
        let (ticket, now) = (bench.updater.ticket(), bench.now());
        let mut at = 0;
        while at < end {
            let room = bench.updater.room();
            let next = end.min(at + 64);
            let taken = bench.updater.chunk(ticket, at as u32, &file[at..next], now).unwrap();
            assert!(taken <= room);
            at += taken;
            bench.drain();
            assert!(bench.updater.room() > 0 || at == file.len(), "draining makes room");
        }
        ticket
    };
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    deliver(&mut bench, HEAD + 1200);
    let mut bench = bench.reset();
    assert_eq!((bench.state(), bench.what()), (State::Idle, What::Failed(Failure::PowerLost)));
    let ticket = deliver(&mut bench, package(NAME).len());
    let now = bench.now();
    bench.updater.complete(ticket, now).unwrap();
    bench.need();
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
}

#[test]
fn a_checksum_over_the_file_is_compared_beside_the_signature() {
    let sum: u32 = package(NAME).iter().map(|b| u32::from(*b)).sum();
    for (expected, what) in [(sum, What::Done), (sum + 1, What::Failed(Failure::Integrity))] {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.device.files.insert(NAME.into(), package(NAME));
        let expected = expected.to_le_bytes();
        let file_check = Some((Algorithm::Text, &expected[..]));
        bench.command(1, Command::Fetch(Job { reach: Reach::Stage, file_check, ..job(NAME) })).unwrap();
        bench.serve();
        assert_eq!(bench.what(), what);
    }
}

#[test]
fn a_file_of_another_length_than_was_signed_is_refused_when_the_source_says_so() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 1200, b"v1");
    let mut bench = bench.reset();
    let (ticket, offset) = wanted(&mut bench);
    assert_eq!(bench.updater.answered(ticket, offset, Some(5000), b"v1"), Err(Refused::Invalid));
    bench.drain();
    assert_eq!(bench.what(), What::Failed(Failure::Integrity));
}

#[test]
fn an_operation_that_was_never_answered_is_taken_for_a_cut_and_no_boot_is_invented() {
    let mut clean = asked(Reach::Activate(Ask::No));
    clean.device.flash.reset_counts();
    clean.serve();
    assert_eq!(clean.need(), Need::Reset);
    let ops = clean.device.flash.total().ops();
    let mut dropped = 0;
    for n in 0..ops {
        let mut bench = asked(Reach::Activate(Ask::No));
        bench.device.flash.reset_counts();
        let file = package(NAME);
        for _ in 0..10_000 {
            if bench.device.flash.total().ops() == n {
                // Lent, and dropped: as an executor whose future was cancelled before it did anything.
                let lent = bench.updater.next_op().map(|op| matches!(op, Op::Read { .. }));
                dropped += usize::from(lent.is_some());
            }
            let now = bench.now();
            if fwupd_core::flash::run(&mut bench.updater, &mut bench.device.flash, now).unwrap() {
                continue;
            }
            match bench.updater.need(now) {
                Need::Fetch { ticket, offset, .. } => {
                    if offset as usize == file.len() {
                        bench.updater.complete(ticket, now).unwrap();
                        continue;
                    }
                    let _ = bench.updater.answered(ticket, offset, None, b"v1");
                    let end = file.len().min(offset as usize + 300);
                    let _ = bench.updater.chunk(ticket, offset, &file[offset as usize..end], now);
                }
                Need::Reset => break,
                Need::Again | Need::Nothing => {}
                other => panic!("{n}: {other:?}"),
            }
        }
        assert!(
            matches!(bench.state(), State::Activating { .. }),
            "{n}: {:?} {:?}",
            bench.state(),
            bench.last()
        );
        assert_eq!(bench.updater.need(bench.device.clock.now()), Need::Reset, "{n}");
        bench.device.flash.assert_lawful();
        assert_eq!(bench.device.power_on(), Rest::Still);
        assert_eq!(bench.device.jumped, Some(NEW));
        let last = bench.device.seen.unwrap().last.unwrap();
        assert_eq!((last.by, last.what), (Initiator(1), What::Done));
    }
    assert_eq!(dropped as u64, ops, "each one was dropped once");
}

/// A device whose slots are one sector each, so that image and head share it.
fn of_one_sector() -> Bench {
    let sectors = vec![Sectors { count: 4, size: 4096 }].leak();
    let parts = vec![Part { read: 1, write: 4, erased: 0xFF, sectors }].leak();
    let layout = Layout { parts, ..layout(GEOMETRIES[0]) };
    let mut device = Device::new(layout, vec![K1], IDS);
    device.provision(&package("one-seq4.suit"));
    device.power_on();
    Bench::new(device)
}

#[test]
fn an_image_that_shares_a_sector_with_its_head_is_never_written_over() {
    let mut bench = of_one_sector();
    bench.device.files.insert(NAME.into(), package(NAME));
    bench.command(1, Command::Fetch(Job { reach: Reach::Stage, ..job(NAME) })).unwrap();
    give(&mut bench, HEAD + 1200, b"v1");
    let mut bench = bench.reset();
    bench.serve();
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
}

#[test]
fn a_payload_elsewhere_that_shares_a_sector_with_its_head_is_never_written_over() {
    let whole = package(NAME);
    let payload = whole[whole.len() - 1536..].to_vec();
    let begun = || {
        let mut bench = of_one_sector();
        bench.device.files.insert(URI.into(), payload.clone());
        bench.device.files.insert("one-uri.suit".into(), package("one-uri.suit"));
        bench.command(1, Command::Fetch(Job { reach: Reach::Stage, ..job("one-uri.suit") })).unwrap();
        let (ticket, _) = wanted(&mut bench);
        bench.device.fetch(&mut bench.updater, ticket, "one-uri.suit", 0).unwrap();
        let (ticket, _) = wanted(&mut bench);
        let now = bench.now();
        bench.updater.answered(ticket, 0, None, b"v1").unwrap();
        let mut at = 0;
        while at < 700 {
            at += bench.updater.chunk(ticket, at as u32, &payload[at..700], now).unwrap();
            bench.drain();
        }
        (bench, ticket)
    };
    // The server has another file by now, and then again the one that was signed.
    let (mut bench, ticket) = begun();
    assert_eq!(bench.updater.answered(ticket, 3, None, b"v2"), Err(Refused::Invalid));
    bench.drain();
    bench.serve();
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
    // After a reset the head is no longer at hand.
    let mut bench = begun().0.reset();
    bench.serve();
    assert_eq!(bench.what(), What::Failed(Failure::PowerLost));
    bench.fetched(1, "one-uri.suit", Reach::Stage);
    assert_eq!(bench.what(), What::Done);
    bench.device.flash.assert_lawful();
}

fn sum(file: &[u8]) -> [u8; 4] {
    file.iter().map(|byte| u32::from(*byte)).sum::<u32>().to_le_bytes()
}

#[test]
fn a_checksum_covers_the_file_that_was_asked_for_and_not_the_payload_elsewhere() {
    let (file, whole) = (package("one-uri.suit"), package(NAME));
    for (expected, what) in [(sum(&file), What::Done), (sum(b"x"), What::Failed(Failure::Integrity))] {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.device.files.insert("file".into(), file.clone());
        bench.device.files.insert(URI.into(), whole[whole.len() - 1536..].to_vec());
        let file_check = Some((Algorithm::Text, &expected[..]));
        bench.command(1, Command::Fetch(Job { reach: Reach::Stage, file_check, ..job("file") })).unwrap();
        bench.serve();
        assert_eq!(bench.what(), what);
    }
}

#[test]
fn a_checksum_begins_anew_with_its_transfer() {
    let expected = sum(&package(NAME));
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.device.files.insert(NAME.into(), package(NAME));
    let file_check = Some((Algorithm::Text, &expected[..]));
    bench.command(1, Command::Fetch(Job { reach: Reach::Stage, file_check, ..job(NAME) })).unwrap();
    give(&mut bench, HEAD + 700, b"v0");
    let now = bench.now();
    bench.updater.failed(bench.updater.ticket(), Failure::ConnectionLost, now).unwrap();
    bench.device.clock.advance(1000);
    bench.serve();
    assert_eq!(bench.what(), What::Done, "the server has another version by now");
}

#[test]
fn a_checksum_that_a_reset_has_lost_is_not_left_out() {
    for given in [0, HEAD + 700] {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.device.files.insert(NAME.into(), package(NAME));
        let file_check = Some((Algorithm::Text, &[0; 4][..]));
        bench.command(1, Command::Fetch(Job { reach: Reach::Stage, file_check, ..job(NAME) })).unwrap();
        give(&mut bench, given, b"v1");
        let mut bench = bench.reset();
        bench.serve();
        assert_eq!((bench.state(), bench.what()), (State::Idle, What::Failed(Failure::PowerLost)));
    }
}

#[test]
fn a_payload_elsewhere_goes_on_after_a_reset_under_the_tag_that_it_had() {
    let whole = package(NAME);
    let payload = whole[whole.len() - 1536..].to_vec();
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.device.files.insert(URI.into(), payload.clone());
    bench.device.files.insert("one-uri.suit".into(), package("one-uri.suit"));
    bench.command(1, Command::Fetch(Job { reach: Reach::Stage, ..job("one-uri.suit") })).unwrap();
    let (ticket, _) = wanted(&mut bench);
    bench.device.fetch(&mut bench.updater, ticket, "one-uri.suit", 0).unwrap();
    for (tag, from) in [(b"v8", 0), (b"v9", 1024)] {
        // The second time the server has another file, but begins with it anew.
        let (ticket, offset) = wanted(&mut bench);
        assert_eq!(offset, from);
        bench.updater.answered(ticket, 0, None, tag).unwrap();
        let mut at = 0;
        while at < 1200 {
            bench.drain();
            let now = bench.now();
            at += bench.updater.chunk(ticket, at as u32, &payload[at..1200], now).unwrap();
        }
        bench.drain();
        bench = bench.reset();
        let Need::Fetch { tag: told, offset: 1024, .. } = bench.need() else { panic!("{tag:?}") };
        assert_eq!(told, tag);
    }
    bench.device.tag = b"v9".to_vec();
    bench.device.fetched = 0;
    bench.serve();
    assert_eq!((bench.what(), bench.device.fetched), (What::Done, 512));
    bench.device.flash.assert_lawful();
}

#[test]
fn connections_that_are_lost_before_an_image_is_known_are_no_attempts_at_another() {
    let mut bench = asked(Reach::Stage);
    give(&mut bench, HEAD + 100, b"v1");
    bench.command(1, Command::Cancel).unwrap();
    for _ in 0..3 {
        bench.command(1, Command::Check(Job { reach: Reach::Check, ..job("elsewhere") })).unwrap();
        let mut tries = 0;
        while bench.state() != State::Idle {
            if let Need::Wait(until) = bench.need() {
                let now = bench.now().mono;
                bench.device.clock.advance(until - now);
            }
            let (ticket, _) = wanted(&mut bench);
            let now = bench.now();
            bench.updater.failed(ticket, Failure::ConnectionLost, now).unwrap();
            bench.drain();
            tries += 1;
        }
        assert_eq!((bench.what(), tries), (What::Failed(Failure::ConnectionLost), 5));
    }
    bench.fetched(1, NAME, Reach::Stage);
    assert_eq!(bench.what(), What::Done);
}
