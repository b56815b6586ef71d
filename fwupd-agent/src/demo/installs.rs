//! Installations that come to their end.

use super::Story;
use super::bench::{Bench, exit, standing};
use crate::error::Error;

/// An update goes through trial and confirmation.
pub(super) fn succeeds(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("install")?;
    let ran = device.run(&["install", &bench.good.package])?;
    let view = device.view()?;
    let tested = ran.err.contains("is on trial") && ran.err.contains("its self-test passes");
    let trial = if tested { "tried" } else { "not tried" };
    Ok(Story {
        views: Vec::new(),
        told: format!("exit 0, tried, runs {} from slot 1, idle, done", bench.good.version),
        happened: format!("{}, {trial}, {}", exit(&ran), standing(&view)),
        detail: format!("{} bytes", bench.good.image.len()),
    })
}

/// Killed after a block, it goes on from its checkpoint.
pub(super) fn killed_in_the_middle(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("killed")?;
    let install = ["install", &bench.good.package];
    let killed =
        device.run_until(&[&install[..], &["--stop-after", "40"]].concat(), "stopped after block 40")?;
    let begun = device.view()?;
    let again = device.run(&[&install[..], &["--json"]].concat())?;
    let view = device.view()?;
    let whole = bench.good.image.len() as u64;
    let read = again.number("read");
    let part =
        if read.is_some_and(|read| read < whole) { "less than all read again" } else { "all read again" };
    Ok(Story {
        views: Vec::new(),
        told: format!(
            "killed, receiving, exit 0, less than all read again, runs {} from slot 1, idle, done",
            bench.good.version
        ),
        happened: format!(
            "{}, {}, {}, {part}, {}",
            exit(&killed),
            begun.state,
            exit(&again),
            standing(&view)
        ),
        detail: format!("{} of {whole} bytes", read.map_or("?".to_owned(), |read| read.to_string())),
    })
}
