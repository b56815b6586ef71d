//! What a manager asks for beside an update, and what it is told while somebody is at work.

use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach};
use fwupd_core::status::Coarse;
use fwupd_core::updater::{Command, Job};

use super::super::bench::{NEW, OLD, Permit, Source};
use super::super::{Ability, Bench, Case, End, Order, Rig};
use super::{Story, Told, fetch, next_update, staged, story};

pub(super) fn all<R: Rig>() -> Vec<Story> {
    vec![
        story("a newer version is found, and not downloaded", newer::<R>).needing(Ability::Check),
        story("what is no newer version is not taken for one", not_newer::<R>).needing(Ability::Check),
        story("a download is ended by its manager", cancelled::<R>).needing(Ability::Cancel),
        story("a download is ended before its first byte", cancelled_early::<R>).needing(Ability::Cancel),
        story("a download is ended when its last byte is in", cancelled_late::<R>).needing(Ability::Cancel),
        story("what is given up is not installed", discarded::<R>),
        story("a second download is refused while one is under way", second::<R>),
        story("whoever comes while another is at work is refused", busy::<R>),
        story("what another has brought can be installed", of_another::<R>),
    ]
}

fn newer<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.does(Order::Check(&Bench::<R>::at("new")))?;
    bench.ends(End::Newer, OLD)?;
    assert_eq!(bench.seen, [Coarse::NOTHING]);
    bench.power_on()?;
    bench.ends(End::Newer, OLD)
}

fn not_newer<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.does(Order::Check(&Bench::<R>::at("same")))?;
    bench.ends(End::NothingNewer, OLD)
}

fn cancelled<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Stops(900);
    fetch(&mut bench, "new")?;
    assert_eq!(bench.seen.last(), Some(&Coarse::RECEIVING));
    bench.source = Source::Serves;
    bench.does(Order::Cancel)?;
    bench.ends(End::Received(Failure::Cancelled), OLD)?;
    next_update(&mut bench)
}

fn cancelled_early<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Stops(0);
    fetch(&mut bench, "new")?;
    assert_eq!((bench.seen.last(), bench.received()), (Some(&Coarse::RECEIVING), 0));
    bench.source = Source::Serves;
    bench.does(Order::Cancel)?;
    // Nothing is known of what it would have been.
    bench.ends(End::CancelledEarly, OLD)?;
    next_update(&mut bench)
}

fn cancelled_late<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.asks(Order::Fetch(&Bench::<R>::at("new")), Case::Taken)?;
    bench.received_all()?;
    bench.does(Order::Cancel)?;
    bench.ends(End::Received(Failure::Cancelled), OLD)?;
    next_update(&mut bench)
}

fn discarded<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.does(Order::Discard)?;
    bench.ends(End::Discarded, OLD)?;
    // Some protocols refuse this, others take it for the next package. None of them means the one given up.
    bench.say(Order::Activate)?;
    bench.settle()?;
    assert_ne!(bench.sequence(), 5);
    Ok(())
}

fn second<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Stops(900);
    fetch(&mut bench, "new")?;
    bench.asks(Order::Fetch(&Bench::<R>::at("newer")), Case::Downloading)?;
    bench.source = Source::Serves;
    bench.settle()?;
    bench.ends(End::Staged, OLD)?;
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)?;
    assert_eq!(bench.sequence(), 5);
    Ok(())
}

/// Somebody else.
const ANOTHER: Initiator = Initiator(5);

/// Somebody else begins a download.
fn another<R: Rig>(bench: &mut Bench<R>) -> Told {
    let uri = Bench::<R>::at("new");
    let (reach, after) = (Reach::Stage, AfterReset::Fail);
    let job = Job { uri: Some(&uri), reach, target: None, after, file_check: None };
    let now = bench.now();
    bench.up.command(ANOTHER, Command::Fetch(job), None, now).expect("nobody is at work");
    bench.settle()
}

fn busy<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Stops(900);
    another(&mut bench)?;
    assert_eq!(bench.seen.last(), Some(&Coarse::RECEIVING), "the work of another is shown as it is");
    bench.asks(Order::Fetch(&Bench::<R>::at("newer")), Case::Busy)?;
    bench.asks(Order::Activate, Case::Busy)?;
    bench.source = Source::Serves;
    bench.settle()?;
    bench.ends(End::Staged, OLD)?;
    bench.permit = Permit::Silent;
    let (now, activate) = (bench.now(), Command::Activate { slot: None, ask: Ask::User });
    bench.up.command(ANOTHER, activate, None, now).expect("nobody is at work");
    bench.settle()?;
    bench.asks(Order::Discard, Case::Busy)?;
    bench.asks(Order::Activate, Case::Busy)?;
    bench.permit = Permit::Yes;
    bench.settle()?;
    bench.ends(End::Installed, NEW)
}

fn of_another<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    another(&mut bench)?;
    bench.ends(End::Staged, OLD)?;
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)
}
