//! What is not installed, and why.

use fwupd_core::flash::OpKind;
use fwupd_core::outcome::{Ask, Failure};

use super::super::bench::{NEW, OLD, Source};
use super::super::{Bench, Case, End, Order, Rig};
use super::{Story, Told, fetch, next_update, story};
use crate::flash::{CutPlace, LogEntry, OpIndex, TornModel};

pub(super) fn all<R: Rig>() -> Vec<Story> {
    vec![
        story("a package whose payload is corrupt is refused", corrupt::<R>),
        story("a package that somebody else has signed is refused", forged::<R>),
        story("a package for another class of device is refused", foreign::<R>),
        story("a package that is older than what runs is refused", older::<R>),
        story("a package that is larger than its slot is refused", large::<R>),
        story("what is no package is refused", garbage::<R>),
        story("a host that has no address ends the download", no_host::<R>),
        story("a file that is not there ends the download", no_file::<R>),
        story("a server that is not trusted ends the download", no_trust::<R>),
        story("a device without memory ends the download", no_memory::<R>),
        story("flash that does not take the image ends the download", worn::<R>),
        story("an address that is no URI is told", no_uri::<R>),
        story("a scheme that is not supported is told", no_scheme::<R>),
    ]
}

/// A package is not taken, and the next one is.
fn refused<R: Rig>(name: &str, why: Failure) -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    fetch(&mut bench, name)?;
    bench.ends(End::Received(why), OLD)?;
    bench.power_on()?;
    bench.ends(End::Received(why), OLD)?;
    next_update(&mut bench)
}

fn corrupt<R: Rig>() -> Told {
    refused::<R>("corrupt", Failure::Integrity)
}

fn forged<R: Rig>() -> Told {
    refused::<R>("forged", Failure::Authenticity)
}

fn foreign<R: Rig>() -> Told {
    refused::<R>("foreign", Failure::WrongDevice)
}

fn older<R: Rig>() -> Told {
    refused::<R>("older", Failure::OlderThanAllowed)
}

fn large<R: Rig>() -> Told {
    refused::<R>("large", Failure::NoSpaceInFlash)
}

fn garbage<R: Rig>() -> Told {
    refused::<R>("garbage", Failure::UnsupportedPackage)
}

fn no_host<R: Rig>() -> Told {
    refused::<R>("nowhere", Failure::HostUnknown)
}

/// The source of a package fails, and the next time it does not.
fn failed<R: Rig>(why: Failure) -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.source = Source::Fails(why);
    fetch(&mut bench, "new")?;
    bench.ends(End::Received(why), OLD)?;
    bench.source = Source::Serves;
    next_update(&mut bench)
}

fn no_file<R: Rig>() -> Told {
    failed::<R>(Failure::TransportStatus(404))
}

fn no_trust<R: Rig>() -> Told {
    failed::<R>(Failure::PeerNotTrusted)
}

fn no_memory<R: Rig>() -> Told {
    failed::<R>(Failure::OutOfRam)
}

fn worn<R: Rig>() -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.device.flash.keep_log(true);
    fetch(&mut bench, "new")?;
    let log = bench.device.flash.log().iter().filter(|entry| entry.op != OpKind::Read);
    let slot = bench.device.layout().slot(NEW).expect("a second slot");
    let writes = |entry: &LogEntry| entry.op == OpKind::Write && (slot.from..slot.to).contains(&entry.at);
    let first = (0..).zip(log).find(|(_, entry)| writes(entry)).expect("it is written").0;
    let mut bench = Bench::<R>::new(Ask::No);
    // Once more it is tried.
    bench.device.flash.fail_at(OpIndex::Mutating(first), 2, CutPlace::Before, TornModel::Nothing);
    fetch(&mut bench, "new")?;
    bench.ends(End::Received(Failure::InstallFailed), OLD)?;
    bench.device.flash.disarm();
    next_update(&mut bench)
}

/// An address that nothing can be fetched from.
fn addressed<R: Rig>(uri: &str, case: Case, end: End) -> Told {
    let mut bench = Bench::<R>::new(Ask::No);
    bench.asks(Order::Fetch(uri), case)?;
    bench.settle()?;
    bench.ends(end, OLD)?;
    next_update(&mut bench)
}

fn no_uri<R: Rig>() -> Told {
    addressed::<R>(R::BASE.trim_end_matches("host/"), Case::NoUri, End::NoUri)
}

fn no_scheme<R: Rig>() -> Told {
    addressed::<R>("ftp://host/new", Case::NoScheme, End::NoScheme)
}
