//! How a package comes, and what a reset makes of that.

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::status::Coarse;

use super::super::bench::{NEW, OLD, Source};
use super::super::{Ability, Bench, Case, End, Order, PowerLost, Rig};
use super::{Story, Told, fetch, next_update, staged, story};
use crate::flash::{CutPlace, OpIndex, TornModel};
use crate::reference::package;

pub(super) fn all<R: Rig>() -> Vec<Story> {
    vec![
        story("a package is downloaded, and then installed", whole::<R>),
        story("a package is downloaded and installed by one request", at_once::<R>).needing(Ability::Install),
        story("a package is delivered in pieces, and then installed", delivered::<R>)
            .needing(Ability::Deliver),
        story("a package comes in very small pieces", small_pieces::<R>),
        story("a connection that is lost in the middle is taken up again", broken::<R>),
        story("a connection that stays lost ends the download", lost::<R>),
        story("a download goes on after a reset", resumed::<R>).needing(Ability::Resume),
        story("a cut of the power anywhere in a download leaves the old image, and the truth", cut::<R>),
        story("a cut of the power in a delivery ends it", cut_delivery::<R>).needing(Ability::Deliver),
        story("what was downloaded outlives a reset", kept::<R>),
    ]
}

fn whole<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    assert_eq!(bench.seen, [Coarse::NOTHING, Coarse::RECEIVING, Coarse::STAGED]);
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)?;
    assert_eq!(bench.seen.get(3..), Some(&[Coarse::INSTALLING, Coarse::NOTHING][..]));
    assert_eq!((bench.boots, bench.sequence()), (1, 5));
    Ok(())
}

fn at_once<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.does(Order::Install(&Bench::<R>::at("new")))?;
    bench.ends(End::Installed, NEW)?;
    let parts = [Coarse::NOTHING, Coarse::RECEIVING, Coarse::STAGED, Coarse::INSTALLING, Coarse::NOTHING];
    assert_eq!(bench.seen, parts);
    Ok(())
}

fn delivered<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.does(Order::Deliver(&package("one-integrated.suit")))?;
    bench.ends(End::Staged, OLD)?;
    assert_eq!(bench.seen, [Coarse::NOTHING, Coarse::RECEIVING, Coarse::STAGED]);
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)
}

fn small_pieces<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.device.block = 7;
    fetch(&mut bench, "new")?;
    bench.ends(End::Staged, OLD)
}

fn broken<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Breaks(900);
    fetch(&mut bench, "new")?;
    assert_eq!(bench.source, Source::Serves, "the connection was lost");
    bench.ends(End::Staged, OLD)?;
    assert_eq!(bench.seen, [Coarse::NOTHING, Coarse::RECEIVING, Coarse::STAGED]);
    Ok(())
}

fn lost<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Fails(Failure::ConnectionLost);
    fetch(&mut bench, "new")?;
    bench.ends(End::Received(Failure::ConnectionLost), OLD)?;
    bench.source = Source::Serves;
    next_update(&mut bench)
}

fn resumed<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Stops(1_500);
    fetch(&mut bench, "new")?;
    let begun = bench.received();
    bench.source = Source::Stops(0);
    bench.power_on()?;
    assert!(begun > 0 && bench.received() > 0, "it begins at a checkpoint");
    bench.source = Source::Serves;
    bench.settle()?;
    bench.ends(End::Staged, OLD)
}

/// Where a cut has left a device, by what its core says.
fn after_cut<R: Rig>(bench: &Bench<R>) -> End {
    let status = bench.up.status().expect("it has booted");
    if matches!(status.state, State::Staged { .. }) {
        return End::Staged;
    }
    status.last.map_or(End::Fresh, |_| End::Received(Failure::PowerLost))
}

fn cut<R: Rig>() -> Told {
    let uri = Bench::<R>::at("new");
    let mut bench = Bench::<R>::new(Ask::No);
    bench.device.flash.reset_counts();
    bench.does(Order::Fetch(&uri))?;
    let operations = bench.device.flash.total().mutating();
    let mut ends = Vec::new();
    for n in 0..operations {
        let mut bench = Bench::<R>::new(Ask::No);
        bench.device.flash.cut_at(OpIndex::Mutating(n), CutPlace::From(0), TornModel::Prefix);
        let uncut = bench.say(Order::Fetch(&uri)).and_then(|_| bench.settle());
        assert_eq!(uncut, Err(PowerLost), "operation {n} of {operations}");
        bench.power_on()?;
        let end = after_cut(&bench);
        bench.ends(end, OLD)?;
        ends.push(end);
        if n % 5 == 0 && end != End::Staged {
            next_update(&mut bench)?;
        }
    }
    let resumes = Bench::<R>::can(Ability::Resume);
    assert!(ends.contains(&End::Fresh), "{ends:?}");
    // What was only scheduled goes on in any case.
    assert!(ends.contains(&End::Staged) || !resumes, "{ends:?}");
    let failed = ends.contains(&End::Received(Failure::PowerLost));
    assert_eq!(failed, !resumes, "whether a reset ends what has begun: {ends:?}");
    Ok(())
}

fn cut_delivery<R: Rig>() -> Told {
    let file = package("one-integrated.suit");
    let mut bench = Bench::<R>::new(Ask::No);
    bench.device.flash.reset_counts();
    bench.does(Order::Deliver(&file))?;
    let middle = bench.device.flash.total().mutating() / 2;
    let mut bench = Bench::<R>::new(Ask::No);
    bench.device.flash.cut_at(OpIndex::Mutating(middle), CutPlace::From(0), TornModel::Prefix);
    assert_eq!(bench.say(Order::Deliver(&file)), Err(PowerLost));
    bench.power_on()?;
    bench.ends(End::Received(Failure::PowerLost), OLD)?;
    bench.asks(Order::Deliver(&file), Case::Taken)?;
    bench.settle()?;
    bench.ends(End::Staged, OLD)
}

fn kept<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.power_on()?;
    bench.ends(End::Staged, OLD)?;
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)
}
