//! Operations that were lent and never done: the records are read back, and nothing is forgotten over it.

use fwupd_core::flash::{Planner, run};
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, What};
use fwupd_core::updater::{Command, Need, Settled};
use fwupd_testkit::device::Device;
use fwupd_testkit::flash::{CutPlace, OpIndex, TornModel};

use crate::rig::{Bench, GEOMETRIES, OLD, factory, job};

const NAME: &str = "one-integrated.suit";

/// A device whose new image runs on trial from its next boot on.
fn armed() -> Device<2> {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.fetched(1, NAME, Reach::Activate(Ask::No));
    assert_eq!(bench.need(), Need::Reset);
    bench.device
}

/// Lends an operation and never does it, as an executor whose future was cancelled.
fn dropped(bench: &mut Bench) {
    assert!(bench.updater.next_op().is_some(), "an operation is owed");
}

#[test]
fn a_trial_ends_at_its_deadline_though_its_records_were_read_back() {
    let mut bench = Bench::new(armed());
    let Need::Wait(until) = bench.need() else { panic!("{:?}", bench.state()) };
    let half = until / 2;
    bench.device.clock.advance(half);
    bench.updater.remember(Initiator(1), b"note").unwrap();
    dropped(&mut bench);
    assert_eq!(bench.need(), Need::Wait(until));
    bench.device.clock.advance(until - half);
    assert_eq!(bench.need(), Need::Reset);
    let bench = bench.reset();
    assert_eq!((bench.state(), bench.what()), (State::Idle, What::Failed(Failure::NotConfirmed)));
    assert_eq!(bench.device.jumped, Some(OLD));
}

#[test]
fn a_boot_is_told_though_an_operation_of_its_loading_was_dropped() {
    let told = |drop: usize| {
        let mut device = armed();
        device.bootloader().unwrap();
        let updater = device.updater();
        let mut bench = Bench { device, updater };
        let mut ops = 0;
        loop {
            if ops == drop {
                let _ = bench.updater.next_op();
            }
            let now = bench.now();
            if !run(&mut bench.updater, &mut bench.device.flash, now).unwrap() {
                break;
            }
            ops += 1;
        }
        assert!(matches!(bench.state(), State::Trial { left: 2, .. }), "{drop}: {:?}", bench.state());
        let now = bench.now();
        bench.updater.command(Initiator::APPLICATION, Command::Confirm, None, now).unwrap();
        assert_eq!(bench.need(), Need::Nothing);
        assert_eq!((bench.state(), bench.what()), (State::Idle, What::Done), "{drop}");
        bench.device.flash.assert_lawful();
        ops
    };
    let ops = told(usize::MAX);
    assert!(ops > 10);
    for drop in 0..ops {
        assert!(told(drop) > drop);
    }
}

#[test]
fn a_command_whose_frame_was_dropped_is_not_told_as_written() {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    let now = bench.now();
    bench.updater.command(Initiator(1), Command::Fetch(job("x")), None, now).unwrap();
    dropped(&mut bench);
    bench.drain();
    assert_eq!((bench.state(), bench.updater.settled(Initiator(1))), (State::Idle, Settled::Lost));
    bench.command(1, Command::Fetch(job("x"))).unwrap();
    // What is resumed after that writes a frame of its own, which is not the command's.
    let run = bench.updater.status().unwrap().run;
    bench.updater.command(Initiator(1), Command::Cancel, None, now).unwrap();
    dropped(&mut bench);
    bench.drain();
    assert_eq!(bench.state().run(), Some(run));
    assert_eq!(bench.updater.settled(Initiator(1)), Settled::Lost);
    bench.command(1, Command::Cancel).unwrap();
}

#[test]
fn each_initiator_is_told_of_its_own_command_whoever_came_after_it() {
    let (first, second) = (Initiator(1), Initiator(254));
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    let now = bench.now();
    bench.updater.command(first, Command::Fetch(job("x")), None, now).unwrap();
    dropped(&mut bench);
    bench.drain();
    // Before the first one asks how it went, another is given a command, which is written.
    bench.updater.command(second, Command::Fetch(job("y")), None, now).unwrap();
    assert_eq!(
        (bench.updater.settled(first), bench.updater.settled(second)),
        (Settled::Pending, Settled::Pending)
    );
    bench.drain();
    assert_eq!(
        (bench.updater.settled(first), bench.updater.settled(second)),
        (Settled::Lost, Settled::Written)
    );
    // And the other way round: what was written stays so when another's is lost.
    bench.updater.remember(first, b"note").unwrap();
    bench.drain();
    bench.updater.command(second, Command::Cancel, None, now).unwrap();
    dropped(&mut bench);
    bench.drain();
    assert_eq!(
        (bench.updater.settled(first), bench.updater.settled(second)),
        (Settled::Written, Settled::Lost)
    );
    assert!(matches!(bench.state(), State::Receiving { .. }));
}

#[test]
fn a_command_that_was_written_stays_so_when_a_later_frame_is_not() {
    let mut bench = Bench::new(factory(GEOMETRIES[0]));
    bench.fetched(1, NAME, Reach::Stage);
    bench.command(1, Command::Activate { slot: None, ask: Ask::No }).unwrap();
    let now = bench.now();
    bench.updater.need(now);
    assert_eq!(bench.updater.settled(Initiator(1)), Settled::Pending, "it goes on by itself");
    dropped(&mut bench);
    bench.drain();
    assert!(matches!(bench.state(), State::Staged { wanted: Some(_), .. }));
    assert_eq!(bench.updater.settled(Initiator(1)), Settled::Written);
}

#[test]
fn records_that_can_no_longer_be_read_back_are_told_as_lost_and_what_runs_is_known() {
    let mut lost = 0;
    for n in 0..60 {
        let mut bench = Bench::new(factory(GEOMETRIES[0]));
        bench.updater.remember(Initiator(1), b"note").unwrap();
        dropped(&mut bench);
        // A read fails with what lies beside what is needed, then twice alone.
        bench.device.flash.fail_at(OpIndex::Any(n), 3, CutPlace::From(0), TornModel::Nothing);
        bench.drain();
        bench.device.flash.disarm();
        let status = bench.updater.status().unwrap();
        assert!(status.slots[0].verified().is_some(), "operation {n}: {status:?}");
        assert_eq!((status.running, status.installed.sequence), (OLD, 4), "operation {n}");
        let told = bench.last().is_some_and(|last| last.what == What::Failed(Failure::RecordLost));
        lost += usize::from(told);
    }
    assert_ne!(lost, 0);
}
