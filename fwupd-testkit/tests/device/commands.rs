//! Commands: what each of them does, what refuses it, and what outlives a reset.

use fwupd_core::checksum::Algorithm;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Phase, Reach, Refused, Run, What};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::trust::KeyId;
use fwupd_core::updater::{Command, Job, Need, Settled};
use fwupd_testkit::device::{Checks, Rest};

use crate::rig::{Bench, GEOMETRIES, NEW, OLD, factory, job, k2, package};

fn bench() -> Bench {
    Bench::new(factory(GEOMETRIES[0]))
}

#[test]
fn nothing_is_taken_before_the_journal_is_read_or_while_a_frame_is_written() {
    let device = factory(GEOMETRIES[0]);
    let mut updater = device.updater();
    let now = device.clock.now();
    assert!(updater.status().is_none());
    assert_eq!(updater.need(now), Need::Again);
    let fetch = Command::Fetch(job("x"));
    assert_eq!(updater.command(Initiator(1), fetch, None, now), Err(Refused::NotAvailable));
    assert_eq!(updater.remember(Initiator(1), b"note"), Err(Refused::NotAvailable));
    assert_eq!(updater.revoke(KeyId(0)), Err(Refused::NotAvailable));

    let mut bench = bench();
    let now = bench.now();
    bench.updater.command(Initiator(1), fetch, None, now).unwrap();
    assert_eq!(bench.updater.settled(Initiator(1)), Settled::Pending);
    assert_eq!(bench.updater.command(Initiator(1), Command::Cancel, None, now), Err(Refused::NotAvailable));
    assert_eq!(bench.updater.need(now), Need::Again);
    assert_eq!(bench.updater.room(), 0);
    bench.drain();
    assert_eq!(bench.updater.settled(Initiator(1)), Settled::Written);
    assert!(matches!(bench.updater.need(now), Need::Fetch { uri: "x", offset: 0, .. }));
}

#[test]
fn what_names_a_wrong_slot_or_a_wrong_argument_is_refused_and_changes_nothing() {
    let mut bench = bench();
    let long = "u".repeat(256);
    let fetch = |job| Command::Fetch(job);
    let activate = |slot: u8| Command::Activate { slot: Some(SlotId(slot)), ask: Ask::No };
    let to = |slot: u8| Job { target: Some(SlotId(slot)), ..job("x") };
    let rows = [
        (1, fetch(to(2)), Refused::NoSuchSlot),
        (1, fetch(to(0)), Refused::NotAvailable),
        (1, fetch(job("")), Refused::Invalid),
        (1, fetch(job(&long)), Refused::Invalid),
        (1, fetch(Job { uri: None, ..job("x") }), Refused::Invalid),
        (1, Command::Check(Job { uri: None, ..job("x") }), Refused::Invalid),
        (1, fetch(Job { file_check: Some((Algorithm::Md5, &[0; 16])), ..job("x") }), Refused::Unsupported),
        (1, fetch(Job { file_check: Some((Algorithm::Text, &[0; 65])), ..job("x") }), Refused::Invalid),
        (1, activate(2), Refused::NoSuchSlot),
        (1, activate(1), Refused::NotAvailable),
        (1, activate(0), Refused::NotAvailable),
        (1, Command::Activate { slot: None, ask: Ask::No }, Refused::WrongState),
        (1, Command::Enable(SlotId(2), false), Refused::NoSuchSlot),
        (1, Command::Enable(SlotId(1), false), Refused::NotAvailable),
        (1, Command::Enable(SlotId(0), false), Refused::NotAvailable),
        (1, Command::Preset(SlotId(2)), Refused::NoSuchSlot),
        (1, Command::Preset(SlotId(1)), Refused::NotAvailable),
        (1, Command::Withdraw, Refused::WrongState),
        (1, Command::Cancel, Refused::WrongState),
        (1, Command::Discard { keep_slot: true }, Refused::WrongState),
        (0, Command::Confirm, Refused::WrongState),
        (1, Command::Confirm, Refused::Unsupported),
        (1, Command::Reject { why: Failure::Rejected, detail: b"" }, Refused::Unsupported),
    ];
    let before = format!("{:?}", bench.updater.status());
    bench.device.flash.reset_counts();
    for (by, command, refused) in rows {
        assert_eq!(bench.command(by, command), Err(refused), "{command:?}");
    }
    let now = bench.now();
    for (by, note, refused) in [(6, &[0; 4][..], Refused::Invalid), (1, &[0; 97], Refused::Invalid)] {
        let command = fetch(job("x"));
        assert_eq!(bench.updater.command(Initiator(by), command, Some(note), now), Err(refused));
        assert_eq!(bench.updater.remember(Initiator(by), note), Err(refused));
    }
    assert_eq!(bench.updater.permit(now), Err(Refused::WrongState));
    assert_eq!(bench.updater.defer(None, now), Err(Refused::WrongState));
    let ticket = bench.updater.ticket();
    assert_eq!(bench.updater.answered(ticket, 0, None, b""), Err(Refused::WrongState));
    assert_eq!(bench.updater.chunk(ticket, 0, b"x", now), Err(Refused::WrongState));
    assert_eq!(bench.updater.complete(ticket, now), Err(Refused::WrongState));
    assert_eq!(bench.updater.failed(ticket, Failure::Internal, now), Err(Refused::WrongState));
    bench.drain();
    assert_eq!(format!("{:?}", bench.updater.status()), before);
    assert_eq!(bench.device.flash.total().mutating(), 0);
}

#[test]
fn others_are_busy_and_the_application_may_always_cancel() {
    let mut bench = bench();
    let run = bench.command(1, Command::Fetch(job("x"))).unwrap();
    assert_eq!(bench.command(2, Command::Fetch(job("y"))), Err(Refused::Busy(Initiator(1))));
    assert_eq!(bench.command(2, Command::Cancel), Err(Refused::Busy(Initiator(1))));
    // Whatever slot it may be about.
    for command in [
        Command::Activate { slot: None, ask: Ask::No },
        Command::Activate { slot: Some(NEW), ask: Ask::No },
        Command::Enable(NEW, false),
        Command::Preset(NEW),
        Command::Preset(OLD),
    ] {
        assert_eq!(bench.command(2, command), Err(Refused::Busy(Initiator(1))), "{command:?}");
    }
    assert_eq!(bench.command(0, Command::Fetch(job("y"))), Err(Refused::Busy(Initiator(1))));
    assert_eq!(bench.command(1, Command::Fetch(job("y"))), Err(Refused::WrongState));
    bench.command(0, Command::Cancel).unwrap();
    let last = bench.last().unwrap();
    assert_eq!((last.run, last.by), (run, Initiator(1)));
    assert_eq!((last.at, last.what), (Phase::Download, What::Failed(Failure::Cancelled)));
    assert_eq!(bench.state(), State::Idle);
}

#[test]
fn a_permit_is_asked_for_until_it_is_given_or_put_off() {
    let mut bench = bench();
    let run = bench.fetched(1, "one-integrated.suit", Reach::Activate(Ask::User));
    assert_eq!(bench.need(), Need::Permit { run, ask: Ask::User });
    let mut bench = bench.reset();
    assert_eq!(bench.need(), Need::Permit { run, ask: Ask::User }, "a wish outlives a reset");
    let now = bench.now();
    bench.updater.defer(Some(5000), now).unwrap();
    bench.drain();
    let last = bench.last().unwrap();
    assert_eq!((last.what, last.until), (What::Failed(Failure::Deferred), Some(5000)));
    assert!(matches!(bench.state(), State::Staged { wanted: None, .. }));
    assert_eq!(bench.need(), Need::Nothing);

    let again = bench.command(1, Command::Activate { slot: None, ask: Ask::Idle }).unwrap();
    assert_eq!(bench.need(), Need::Permit { run: again, ask: Ask::Idle });
    assert_eq!(bench.command(2, Command::Withdraw), Err(Refused::Busy(Initiator(1))));
    bench.command(1, Command::Withdraw).unwrap();
    assert_eq!(bench.what(), What::Failed(Failure::Cancelled));

    bench.command(2, Command::Activate { slot: Some(NEW), ask: Ask::User }).unwrap();
    assert!(matches!(bench.need(), Need::Permit { .. }));
    bench.updater.permit(now).unwrap();
    assert_eq!(bench.need(), Need::Reset);
    assert_eq!(bench.updater.status().unwrap().next_boot, NEW);
    assert_eq!(bench.device.power_on(), Rest::Still);
    assert_eq!(bench.device.jumped, Some(NEW));
}

#[test]
fn what_is_discarded_leaves_its_outcome_and_keeps_its_slot_if_it_is_told_to() {
    for keep_slot in [true, false] {
        let mut bench = bench();
        bench.fetched(1, "one-integrated.suit", Reach::Stage);
        let staged = bench.last();
        bench.command(2, Command::Discard { keep_slot }).unwrap();
        assert_eq!((bench.state(), bench.last()), (State::Idle, staged));
        assert_eq!(matches!(bench.slot(NEW), Slot::Verified(..)), keep_slot);
        assert_eq!(matches!(bench.slot(NEW), Slot::Empty), !keep_slot);
        let activated = bench.command(1, Command::Activate { slot: Some(NEW), ask: Ask::No });
        assert_eq!(activated.is_ok(), keep_slot);
    }
    let mut bench = bench();
    bench.fetched(1, "one-integrated.suit", Reach::Activate(Ask::User));
    bench.command(1, Command::Discard { keep_slot: true }).unwrap();
    assert_eq!(bench.what(), What::Failed(Failure::Cancelled));
}

#[test]
fn a_slot_that_is_switched_off_is_neither_activated_nor_fallen_back_to() {
    let mut bench = bench();
    bench.fetched(1, "one-integrated.suit", Reach::Stage);
    bench.command(1, Command::Enable(NEW, false)).unwrap();
    let activate = Command::Activate { slot: Some(NEW), ask: Ask::No };
    assert_eq!(bench.command(1, activate), Err(Refused::NotAvailable));
    let mut bench = bench.reset();
    assert!(matches!(bench.slot(NEW), Slot::Verified(_, Enabled::No)));
    assert_eq!(bench.command(1, Command::Preset(NEW)), Err(Refused::NotAvailable));
    // Nor by the bootloader: with the factory image broken there is nothing left.
    let mut broken = bench.device.clone();
    broken.checks = Checks::Digest;
    broken.flash.fill(0, 100, &[0]).unwrap();
    assert_eq!(broken.bootloader(), Err(Rest::Bricked));
    bench.command(1, Command::Enable(NEW, true)).unwrap();
    bench.command(1, activate).unwrap();
    assert_eq!(bench.need(), Need::Reset);
}

#[test]
fn a_preset_slot_boots_next_on_trial_whoever_resets() {
    let mut bench = bench();
    bench.fetched(1, "one-integrated.suit", Reach::Stage);
    bench.command(1, Command::Discard { keep_slot: true }).unwrap();
    let before = bench.last().unwrap().run;
    assert_eq!(bench.command(3, Command::Preset(NEW)), Ok(before), "its run begins with the boot");
    assert_eq!(bench.updater.status().unwrap().next_boot, NEW);
    assert_eq!(bench.need(), Need::Nothing, "no reset is owed");
    let mut bench = bench.reset();
    let run = Run(before.0 + 1);
    match bench.state() {
        State::Trial { owner, left, .. } => assert_eq!((owner.run, owner.by, left), (run, Initiator(3), 2)),
        other => panic!("{other:?}"),
    }
    assert_eq!((bench.updater.status().unwrap().run, bench.last()), (run, None));
    bench.command(0, Command::Confirm).unwrap();
    assert_eq!(bench.need(), Need::Nothing);
    let last = bench.last().unwrap();
    assert_eq!((last.run, last.by, last.what), (run, Initiator(3), What::Done));
    assert_eq!(bench.updater.status().unwrap().running, NEW);
    // A preset is taken back by presetting what runs.
    bench.command(3, Command::Preset(OLD)).unwrap();
    bench.command(3, Command::Preset(NEW)).unwrap();
    assert_eq!(bench.reset().updater.status().unwrap().running, NEW);
}

#[test]
fn a_preset_slot_whose_image_is_gone_or_switched_off_is_no_longer_preset() {
    let ways: [fn(&mut Bench); 3] = [
        |bench| {
            bench.command(1, Command::Enable(NEW, false)).unwrap();
        },
        |bench| {
            bench.command(1, Command::Discard { keep_slot: false }).unwrap();
        },
        |bench| {
            bench.command(1, Command::Discard { keep_slot: true }).unwrap();
            bench.command(1, Command::Fetch(job("one-seqmax.suit"))).unwrap();
            let Need::Fetch { ticket, .. } = bench.need() else { panic!("{:?}", bench.state()) };
            let now = bench.now();
            bench.updater.answered(ticket, 0, None, b"v1").unwrap();
            bench.updater.chunk(ticket, 0, &package("one-seqmax.suit")[..300], now).unwrap();
        },
    ];
    for (n, way) in ways.into_iter().enumerate() {
        let mut bench = bench();
        bench.device.checks = Checks::None;
        bench.fetched(1, "one-integrated.suit", Reach::Stage);
        bench.command(3, Command::Preset(NEW)).unwrap();
        way(&mut bench);
        bench.drain();
        assert_eq!(bench.updater.status().unwrap().next_boot, OLD, "{n}");
        let bench = bench.reset();
        assert_eq!(bench.device.jumped, Some(OLD), "{n}");
        assert!(!matches!(bench.state(), State::Trial { .. }), "{n}: {:?}", bench.state());
    }
}

#[test]
fn notes_are_kept_with_their_command_and_cleared_by_a_factory_reset() {
    let mut bench = bench();
    let now = bench.now();
    assert_eq!(bench.updater.recall(Initiator(2)), None);
    bench.updater.remember(Initiator(2), b"severity 1").unwrap();
    bench.drain();
    bench.updater.command(Initiator(1), Command::Fetch(job("x")), Some(b"key 7"), now).unwrap();
    bench.drain();
    bench.command(1, Command::Cancel).unwrap();
    let mut bench = bench.reset();
    assert_eq!(bench.updater.recall(Initiator(1)), Some(&b"key 7"[..]));
    assert_eq!(bench.updater.recall(Initiator(2)), Some(&b"severity 1"[..]));
    bench.fetched(1, "one-integrated.suit", Reach::Stage);
    bench.command(2, Command::FactoryReset).unwrap();
    for again in [false, true] {
        assert_eq!(bench.updater.recall(Initiator(1)), None);
        assert_eq!((bench.state(), bench.slot(NEW), bench.last()), (State::Idle, Slot::Empty, None));
        assert!(matches!(bench.slot(OLD), Slot::Verified(..)), "what runs stays");
        assert_eq!(bench.updater.status().unwrap().installed.sequence, 4);
        if !again {
            bench = bench.reset();
        }
    }
}

#[test]
fn a_revoked_key_never_counts_again() {
    let mut device = factory(GEOMETRIES[0]);
    device.keys.push(k2());
    let mut bench = Bench::new(device);
    assert_eq!(bench.updater.revoke(KeyId(2)), Err(Refused::Invalid));
    bench.updater.revoke(KeyId(0)).unwrap();
    bench.drain();
    assert_eq!(bench.updater.revoke(KeyId(0)), Err(Refused::Invalid), "revoked already");
    assert_eq!(bench.updater.revoke(KeyId(1)), Err(Refused::NotAvailable), "the last one that counts");
    bench.command(1, Command::FactoryReset).unwrap();
    let mut bench = bench.reset();
    assert!(bench.updater.revoked().holds(KeyId(0)));
    bench.fetched(1, "one-integrated.suit", Reach::Stage);
    assert_eq!(bench.what(), What::Failed(Failure::Authenticity));
    // wrongkey.suit is signed with the second key.
    bench.fetched(1, "wrongkey.suit", Reach::Stage);
    assert_eq!(bench.what(), What::Done);
}

#[test]
fn the_security_counter_rises_only_with_the_confirmation_and_bars_the_older_image() {
    let mut bench = bench();
    bench.fetched(1, "one-seqmax.suit", Reach::Activate(Ask::No));
    assert_eq!(bench.need(), Need::Reset);
    let mut bench = bench.reset();
    assert!(matches!(bench.state(), State::Trial { .. }));
    assert_eq!(bench.updater.status().unwrap().counter, 0);
    bench.command(0, Command::Confirm).unwrap();
    assert_eq!(bench.need(), Need::Nothing);
    let status = bench.updater.status().unwrap();
    assert_eq!((status.counter, status.installed.sequence), (u32::MAX, u64::MAX));
    let back = Command::Activate { slot: Some(OLD), ask: Ask::No };
    assert_eq!(bench.command(0, back), Err(Refused::NotAvailable));
    assert_eq!(bench.command(0, Command::Preset(OLD)), Err(Refused::NotAvailable));
}

#[test]
fn a_counter_that_jumps_further_than_allowed_is_refused() {
    let mut device = factory(GEOMETRIES[0]);
    device.policy.counter_step = Some(1);
    let mut bench = Bench::new(device);
    bench.fetched(1, "one-seqmax.suit", Reach::Stage);
    assert_eq!(bench.what(), What::Failed(Failure::Rejected));
    bench.fetched(1, "one-integrated.suit", Reach::Stage);
    assert_eq!(bench.what(), What::Done);
}

#[test]
fn an_older_confirmed_image_can_be_activated_again() {
    let mut bench = bench();
    bench.fetched(1, "one-integrated.suit", Reach::Activate(Ask::No));
    bench.device.power_on();
    let mut bench = Bench::new(bench.device);
    bench.command(0, Command::Activate { slot: None, ask: Ask::No }).unwrap();
    assert_eq!(bench.need(), Need::Reset);
    bench.device.power_on();
    let seen = bench.device.seen.unwrap();
    assert_eq!((seen.running, seen.sequence), (OLD, 4));
    assert_eq!(seen.last.unwrap().what, What::Done);
}

#[test]
fn what_fails_over_a_reset_says_so_and_what_goes_on_goes_on() {
    for (after, ends) in [(AfterReset::Fail, true), (AfterReset::Resume, false)] {
        let mut bench = bench();
        bench.device.files.insert("x".into(), package("one-integrated.suit"));
        bench.command(1, Command::Fetch(Job { after, ..job("x") })).unwrap();
        let mut bench = bench.reset();
        assert_eq!(bench.state() == State::Idle, ends);
        if ends {
            assert_eq!(bench.what(), What::Failed(Failure::PowerLost));
        } else {
            assert!(matches!(bench.need(), Need::Fetch { uri: "x", .. }));
        }
    }
}

#[test]
fn the_uri_of_an_initiators_last_download_is_kept_until_another_takes_its_place() {
    let mut bench = bench();
    let first = Initiator(1);
    assert_eq!(bench.updater.uri(first), None);
    bench.command(1, Command::Fetch(job("coap://a/fw"))).unwrap();
    assert_eq!(bench.updater.uri(first), Some("coap://a/fw"));
    assert_eq!(bench.updater.uri(Initiator(2)), None, "it is not another's");
    bench.command(1, Command::Cancel).unwrap();
    let delivery = Job { uri: None, reach: Reach::Stage, ..job("") };
    bench.command(1, Command::Receive(delivery)).unwrap();
    bench.command(1, Command::Cancel).unwrap();
    let mut bench = bench.reset();
    assert_eq!(bench.updater.uri(first), Some("coap://a/fw"), "a delivery names none, a reset keeps it");
    bench.command(2, Command::Fetch(job("coap://b/fw"))).unwrap();
    assert_eq!((bench.updater.uri(first), bench.updater.uri(Initiator(2))), (None, Some("coap://b/fw")));
    assert_eq!(bench.updater.layout(), bench.device.layout());
}
