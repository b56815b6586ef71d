//! Updates by a server, told from the server's side: what it read of the device's state and result.

use super::Story;
use super::bench::{Bench, Device, IMAGE, standing};
use super::server::{Running, Served, Server};
use crate::error::Error;

/// A server delivers a package block by block.
pub(super) fn push(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("push")?;
    let server = Server::start(bench, &["--push", &bench.good.package])?;
    let running = Running::start(&device, &server)?;
    let served = server.end()?;
    drop(running);
    let view = device.view()?;
    Ok(Story {
        views: Vec::new(),
        told: format!("state 0, result 1, {0}; runs {0} from slot 1, idle, done", bench.good.version),
        happened: format!("{}; {}", served.told(), standing(&view)),
        detail: served.seen,
    })
}

/// The device is killed in the middle of its download, and goes on where it stood.
pub(super) fn pull_cut(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("pull-killed")?;
    let server = Server::start(bench, &["--offer", &bench.good.package])?;
    let arguments = server.device();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let killed = device.run_until(&arguments, "receiving: 50 %")?;
    let begun = device.view()?;
    let running = Running::start(&device, &server)?;
    let served = server.end()?;
    drop(running);
    let view = device.view()?;
    let size = bench.size(&bench.good)?;
    let interval = u64::from(IMAGE / 32).next_multiple_of(device.config()?.flash.sector.into());
    let again = served.bytes.and_then(|bytes| bytes.checked_sub(size));
    let resumed = match again {
        Some(again) if again <= interval => "resumed",
        Some(_) => "begun anew",
        None => "not all was served",
    };
    let how = if killed.code.is_none() { "killed" } else { "not killed" };
    Ok(Story {
        views: Vec::new(),
        told: format!(
            "killed, receiving, resumed: state 0, result 1, {0}; runs {0} from slot 1, idle, done",
            bench.good.version
        ),
        happened: format!("{how}, {}, {resumed}: {}; {}", begun.state, served.told(), standing(&view)),
        detail: format!(
            "{} bytes served of {size}, a checkpoint every {interval}",
            served.bytes.map_or("?".to_owned(), |bytes| bytes.to_string())
        ),
    })
}

/// A package that is signed by somebody else.
pub(super) fn refused(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("push-forged")?;
    let served = served(bench, &device, &bench.forged.package)?;
    let view = device.view()?;
    Ok(Story {
        views: Vec::new(),
        told: format!(
            "state 0, result 5, {0}; runs {0} from slot 0, idle, authenticity check failed",
            bench.factory.version
        ),
        happened: format!("{}; {}", served.told(), standing(&view)),
        detail: served.seen,
    })
}

/// A package whose firmware does not stand its trial.
pub(super) fn rolled_back(bench: &Bench) -> Result<Story, Error> {
    let device = bench.device("push-failing")?;
    let served = served(bench, &device, &bench.failing.package)?;
    let view = device.view()?;
    Ok(Story {
        views: Vec::new(),
        told: format!(
            "state 0, result 8, {0}; runs {0} from slot 0, idle, rejected by the application",
            bench.factory.version
        ),
        happened: format!("{}; {}", served.told(), standing(&view)),
        detail: served.seen,
    })
}

fn served(bench: &Bench, device: &Device<'_>, package: &str) -> Result<Served, Error> {
    let server = Server::start(bench, &["--push", package])?;
    let running = Running::start(device, &server)?;
    let served = server.end()?;
    drop(running);
    Ok(served)
}
