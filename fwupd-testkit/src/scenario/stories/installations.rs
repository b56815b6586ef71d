//! From a good image to one that runs, or back.

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, What};
use fwupd_core::status::Coarse;

use super::super::bench::{NEW, OLD, Permit};
use super::super::{Ability, Bench, Case, End, Order, PowerLost, Rig};
use super::{Story, Told, next_update, staged, story};
use crate::device::SelfTest;
use crate::flash::{CutPlace, OpIndex, TornModel};

pub(super) fn all<R: Rig>() -> Vec<Story> {
    vec![
        story("an image that fails its self-test is given up", fails::<R>),
        story("an image that hangs is given up at its deadline", hangs::<R>),
        story("an image that crashes is given up when its boots are spent", crashes::<R>),
        story(
            "a cut of the power anywhere in an installation leaves one of both images, and the truth",
            cut::<R>,
        ),
        story("an installation that is asked for twice happens once", twice::<R>),
        story("nothing is installed where nothing is there", nothing::<R>),
        story("an image is installed at its time", scheduled::<R>).needing(Ability::Schedule),
        story("an installation that the application puts off comes later", deferred::<R>),
        story("an installation that is taken back does not happen", withdrawn::<R>)
            .needing(Ability::Withdraw),
        story("the image from before is gone back to", back::<R>).needing(Ability::GoBack),
        story("an update follows an update", again::<R>),
    ]
}

/// An image does not pass its trial, and the next one does.
fn given_up<R: Rig>(self_test: SelfTest, why: Failure) -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.device.self_test = self_test;
    bench.does(Order::Activate)?;
    bench.ends(End::Given(why), OLD)?;
    assert!(bench.boots >= 2 && bench.sequence() == 4, "it has run, and runs no more");
    bench.device.self_test = SelfTest::Pass;
    next_update(&mut bench)
}

fn fails<R: Rig>() -> Told {
    given_up::<R>(SelfTest::Fail, Failure::Rejected)
}

fn hangs<R: Rig>() -> Told {
    given_up::<R>(SelfTest::Hang, Failure::NotConfirmed)
}

fn crashes<R: Rig>() -> Told {
    given_up::<R>(SelfTest::Crash, Failure::BootFailed)
}

/// Where a cut has left a device, by what its core says.
fn after_cut<R: Rig>(bench: &Bench<R>) -> End {
    let status = bench.up.status().expect("it has booted");
    if !matches!(status.state, State::Staged { .. }) {
        return End::Installed;
    }
    match status.last.map(|last| last.what) {
        Some(What::Failed(why)) => End::Kept(why),
        Some(What::Done) | None => End::Staged,
    }
}

fn cut<R: Rig>() -> Told {
    let before = staged::<R>(Ask::No)?.device;
    let mut bench = Bench::<R>::on(before.clone(), Ask::No);
    bench.device.flash.reset_counts();
    bench.does(Order::Activate)?;
    let operations = bench.device.flash.total().mutating();
    let mut ends = Vec::new();
    for n in 0..operations {
        let mut bench = Bench::<R>::on(before.clone(), Ask::No);
        bench.device.flash.cut_at(OpIndex::Mutating(n), CutPlace::From(0), TornModel::Prefix);
        let uncut = bench.say(Order::Activate).and_then(|_| bench.settle());
        assert_eq!(uncut, Err(PowerLost), "operation {n} of {operations}");
        bench.power_on()?;
        let end = after_cut(&bench);
        bench.ends(end, if end == End::Installed { NEW } else { OLD })?;
        ends.push(end);
        if n % 5 == 0 {
            if end != End::Installed {
                bench.does(Order::Activate)?;
                bench.ends(End::Installed, NEW)?;
            }
            next_update(&mut bench)?;
        }
    }
    assert!(ends.contains(&End::Staged) && ends.contains(&End::Installed), "{ends:?}");
    Ok(())
}

fn twice<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.resets = false;
    bench.does(Order::Activate)?;
    assert_eq!(bench.seen.last(), Some(&Coarse::INSTALLING));
    bench.asks(Order::Activate, Case::Installing)?;
    bench.resets = true;
    bench.settle()?;
    bench.ends(End::Installed, NEW)?;
    bench.pass(600)?;
    bench.ends(End::Installed, NEW)?;
    assert_eq!(bench.boots, 1);
    Ok(())
}

fn nothing<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.asks(Order::Activate, Case::Nothing)?;
    bench.settle()?;
    bench.ends(End::Nothing, OLD)?;
    assert_eq!((bench.boots, &bench.seen[..]), (0, &[Coarse::NOTHING][..]));
    next_update(&mut bench)
}

fn scheduled<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.does(Order::Schedule(60))?;
    bench.pass(30)?;
    bench.ends(End::Staged, OLD)?;
    bench.pass(40)?;
    bench.ends(End::Installed, NEW)
}

fn deferred<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::User)?;
    bench.permit = Permit::Later(10_000);
    bench.does(Order::Activate)?;
    bench.ends(End::Deferred, OLD)?;
    bench.pass(30)?;
    // Not every protocol comes back to it by itself.
    if bench.device.jumped == Some(OLD) {
        bench.does(Order::Activate)?;
    }
    bench.ends(End::Installed, NEW)
}

fn withdrawn<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::User)?;
    bench.permit = Permit::Silent;
    // What has not begun waits for its time, or for the application.
    let waits = if Bench::<R>::can(Ability::Schedule) { Order::Schedule(60) } else { Order::Activate };
    bench.does(waits)?;
    bench.does(Order::Withdraw)?;
    bench.permit = Permit::Yes;
    bench.pass(600)?;
    bench.ends(End::Withdrawn, OLD)?;
    assert_eq!(bench.boots, 0);
    next_update(&mut bench)
}

fn back<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)?;
    bench.does(Order::GoBack)?;
    bench.ends(End::Installed, OLD)?;
    assert_eq!(bench.sequence(), 4);
    next_update(&mut bench)
}

fn again<R: Rig>() -> Told {
    let mut bench = staged::<R>(Ask::No)?;
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, NEW)?;
    next_update(&mut bench)
}
