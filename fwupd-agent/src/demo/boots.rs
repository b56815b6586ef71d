//! Images that do not boot, or do not stand their trial.

use fwupd_core::image::SlotId;
use fwupd_core::slot::Slot;

use super::Story;
use super::bench::{Bench, Ran, exit, standing};
use crate::device::view::View;
use crate::error::Error;

/// A confirmed firmware is damaged in flash.
pub(super) fn damaged(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("damaged")?;
    let ran = device.run(&["install", &bench.good.package])?;
    let confirmed = device.view()?;
    device.damage(SlotId(1), 100_000)?;
    // Nothing is under way, so that this is a plain boot.
    let boot = device.run(&["resume"])?;
    let view = device.view()?;
    let good = &bench.good.version;
    Ok(Story {
        views: Vec::new(),
        told: format!(
            "exit 0, runs {good} from slot 1, idle, done; damaged: exit 2, runs {} from slot 0, idle, boot failed",
            bench.factory.version
        ),
        happened: format!(
            "{}, {}; damaged: {}, {}",
            exit(&ran),
            standing(&confirmed),
            exit(&boot),
            standing(&view)
        ),
        detail: log(&view),
    })
}

/// The self-test of the new firmware fails.
pub(super) fn self_test_fails(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("self-test-fails")?;
    let ran = device.run(&["install", &bench.failing.package])?;
    rolled_back(bench, &ran, &device.view()?, "rejected by the application")
}

/// The new firmware hangs until its deadline.
pub(super) fn hangs(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("hangs")?;
    let ran = device.run(&["install", &bench.hanging.package, "--set", "boot.period=1"])?;
    rolled_back(bench, &ran, &device.view()?, "not confirmed")
}

/// The new firmware hangs, and is killed in each of its trial boots.
pub(super) fn hangs_and_is_killed(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("hangs-killed")?;
    let mut ran = device.run_until(&["install", &bench.hanging.package], "hangs")?;
    let mut boots = 0;
    while ran.code.is_none() && boots < 10 {
        boots += 1;
        ran = device.run_until(&["resume"], "hangs")?;
    }
    let view = device.view()?;
    Ok(Story {
        views: Vec::new(),
        told: format!("3 trial boots, runs {} from slot 0, idle, boot failed", bench.factory.version),
        happened: format!("{boots} trial boots, {}", standing(&view)),
        detail: log(&view),
    })
}

fn rolled_back(bench: &Bench, ran: &Ran, view: &View, why: &str) -> Result<Story, Error> {
    Ok(Story {
        views: Vec::new(),
        told: format!("exit 6, runs {} from slot 0, idle, {why}", bench.factory.version),
        happened: format!("{}, {}", exit(ran), standing(view)),
        detail: log(view),
    })
}

/// What slot 1 says of its failure.
fn log(view: &View) -> String {
    match view.slots.get(1) {
        Some(Slot::Failed { log, .. }) => String::from_utf8_lossy(log.as_bytes()).into_owned(),
        Some(Slot::Empty | Slot::Partial | Slot::Verified(..)) | None => "no log".into(),
    }
}
