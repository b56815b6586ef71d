//! Power cuts at random points of one update.

use super::Story;
use super::bench::{Bench, Device, Release};
use crate::device::{bootloader, host};
use crate::error::Error;

/// The update is cut at a random operation, half of the time its resumption too; then it is let go on. At
/// each cut the bootloader must find the old or the new image, whole, and at the end the status must tell
/// which one it boots.
pub(super) fn at_random(bench: &Bench) -> Result<Story, Error> {
    let operations = operations(bench)?;
    let mut random = Random(bench.seed);
    let (mut still_old, mut old, mut new, mut cut, mut wrong) = (0u32, 0u32, 0u32, 0u32, Vec::new());
    for n in 0..bench.cuts {
        let device = bench.device("power-cuts")?;
        let seed = random.next();
        let first = device.run_cut(&["install", &bench.good.package], random.below(operations), seed)?;
        let mut bad = (first.code != Some(CUT)).then(|| format!("no cut: {}", first.err));
        cut += u32::from(bad.is_none());
        let found = boots(bench, &device)?;
        still_old += u32::from(found == Ok(bench.factory.version));
        bad = bad.or(found.err());
        if random.below(2) == 0 {
            device.run_cut(&["resume"], random.below(operations), random.next())?;
            bad = bad.or(boots(bench, &device)?.err());
        }
        device.run(&["resume"])?;
        let ended = ends(bench, &device)?;
        match &ended {
            Ok(version) if *version == bench.good.version => new += 1,
            Ok(_) => old += 1,
            Err(_) => {}
        }
        if let Some(why) = bad.or(ended.err()) {
            wrong.push(format!("cut {n}: {why}"));
        }
    }
    let cuts = bench.cuts;
    let mut detail =
        format!("{still_old} old at the cut; {new} new, {old} old at the end; {operations} operations uncut");
    if let Some(first) = wrong.first() {
        detail = format!("{first}; {detail}");
    }
    Ok(Story {
        views: Vec::new(),
        told: format!("{cuts} of {cuts} cut, all end in old or new, and the status tells which"),
        happened: format!(
            "{cut} of {cuts} cut, {} end in old or new, and the status tells which",
            if wrong.is_empty() { "all".to_owned() } else { format!("all but {}", wrong.len()) }
        ),
        detail,
    })
}

/// How a process ends whose power was cut.
const CUT: i32 = 137;

/// How many operations change the flash in the whole update.
fn operations(bench: &Bench) -> Result<u64, Error> {
    let device = bench.device("power-cuts")?;
    let ran = device.run(&["install", &bench.good.package])?;
    let wear = device.view()?.wear;
    match (ran.code, wear.writes.saturating_add(wear.erases)) {
        (Some(0), operations) if operations > 0 => Ok(operations),
        (code, operations) => {
            Err(Error::failed(format_args!("uncut: {code:?}, {operations} operations: {}", ran.err)))
        }
    }
}

/// The version that the bootloader boots, whole, in what way ever the device was left.
fn boots(bench: &Bench, device: &Device<'_>) -> Result<Result<&'static str, String>, Error> {
    let (config, view) = (device.config()?, device.view()?);
    let jump = bootloader::would_boot(&config, &host::trust(&config)?, &view.flash)?;
    let Some(jump) = jump else { return Ok(Err("nothing boots".into())) };
    let slot = config.layout.slot(jump.slot).copied();
    let bytes = slot.and_then(|slot| view.flash.bytes().get(slot.from as usize..slot.to as usize));
    let holds = |release: &&Release| bytes.unwrap_or_default().starts_with(&release.image);
    let found = [&bench.factory, &bench.good].into_iter().find(holds);
    Ok(found.map(|release| release.version).ok_or(format!("slot {} is neither old nor new", jump.slot.0)))
}

/// The version that a device at rest boots, which must be the one that its status tells.
fn ends(bench: &Bench, device: &Device<'_>) -> Result<Result<&'static str, String>, Error> {
    let version = match boots(bench, device)? {
        Ok(version) => version,
        Err(why) => return Ok(Err(why)),
    };
    let (config, view) = (device.config()?, device.view()?);
    let jump = bootloader::would_boot(&config, &host::trust(&config)?, &view.flash)?;
    let told = view.firmware.is_some_and(|firmware| firmware.version.as_str() == version);
    let same = jump.is_some_and(|jump| jump.slot == view.running && !jump.trial);
    let rests = matches!(view.state, "idle" | "staged");
    Ok(match (told && same && view.version == version, rests) {
        (true, true) => Ok(version),
        (false, _) => Err(format!("{version} boots, the status tells otherwise")),
        (true, false) => Err(format!("it does not rest: {}", view.state)),
    })
}

/// splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }
}
