//! Packages that are refused before anything is erased.

use fwupd_core::image::SlotId;

use super::Story;
use super::bench::{Bench, Device, Release, exit, standing};
use crate::device::view::View;
use crate::error::Error;

/// A package that a stranger has signed.
pub(super) fn wrong_signature(bench: &Bench) -> Result<Story, Error> {
    refused(bench, &bench.device("wrong-signature")?, &bench.forged, "exit 3", "authenticity check failed")
}

/// A package with a lower sequence number.
pub(super) fn lower_sequence(bench: &Bench) -> Result<Story, Error> {
    refused(bench, &bench.device("lower-sequence")?, &bench.older, "exit 4", "older than allowed")
}

fn refused(
    bench: &Bench,
    device: &Device<'_>,
    release: &Release,
    code: &str,
    why: &str,
) -> Result<Story, Error> {
    // A device that has some wear to begin with.
    device.run(&["install", &bench.good.package])?;
    let before = device.view()?;
    let ran = device.run(&["install", &release.package])?;
    let view = device.view()?;
    let erases = [&before, &view].map(erases);
    let untouched = erases.first() == erases.last() && slots(device, &before)? == slots(device, &view)?;
    let slots = if untouched { "slots untouched" } else { "slots touched" };
    Ok(Story {
        views: Vec::new(),
        told: format!("{code}, slots untouched, runs {} from slot 1, idle, {why}", bench.good.version),
        happened: format!("{}, {slots}, {}", exit(&ran), standing(&view)),
        detail: format!("{} erases before, {} after", erases[0], erases[1]),
    })
}

fn erases(view: &View) -> u64 {
    (0u8..).map(SlotId).take(view.slots.len()).map(|slot| view.erases(slot)).sum()
}

/// The bytes of all slots.
fn slots(device: &Device<'_>, view: &View) -> Result<Vec<u8>, Error> {
    let layout = device.config()?.layout;
    let bytes = |slot: &fwupd_core::flash::Region| {
        view.flash.bytes().get(slot.from as usize..slot.to as usize).unwrap_or_default()
    };
    Ok(layout.slots.iter().flat_map(bytes).copied().collect())
}
