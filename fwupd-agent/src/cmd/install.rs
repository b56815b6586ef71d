//! `fwagent install`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use fwupd_core::flash::FactoryHead;
use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Reach};
use fwupd_core::package::suit::{COMPONENT, Suit};
use fwupd_core::package::{Identity, PackageFormat};
use serde_json::json;

use super::Context;
use crate::config::Config;
use crate::device::host::{self, HEAD, Keys};
use crate::device::session::{Install, Reading, Task};
use crate::device::view;
use crate::error::{Error, Exit};
use crate::hex;
use crate::pack::verify;

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Package, or `-` for standard input; a file that was interrupted goes on from its checkpoint
    file: PathBuf,
    /// Only judge the package; the device is not powered on
    #[arg(long)]
    dry_run: bool,
    /// End with the verified image in its slot
    #[arg(long)]
    stage_only: bool,
    /// Bytes that are read at once
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    block: u32,
    /// Say so and wait to be killed, once this many blocks have been handed over
    #[arg(long, value_name = "N", hide = true)]
    stop_after: Option<u64>,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let file = Some(flags.file.clone()).filter(|file| file != Path::new("-"));
    if flags.dry_run {
        return dry_run(context, file.as_deref());
    }
    context.power_on(&Task::Install(Install {
        file,
        reach: if flags.stage_only { Reach::Stage } else { Reach::Activate(Ask::No) },
        reading: Reading { block: flags.block as usize, stop_after: flags.stop_after },
    }))
}

/// The verdict of the device's own reader, with what the device has installed.
fn dry_run(context: &Context, file: Option<&Path>) -> Result<Exit, Error> {
    let config = context.config()?;
    let view = view::look(&config)?;
    let trust = host::trust(&config)?;
    let slots = (0u8..).map(SlotId).take(config.layout.slots.len());
    let target = slots.into_iter().find(|slot| *slot != view.running).unwrap_or(SlotId(0));
    let me = Identity {
        vendor: config.identity.vendor.into_bytes(),
        class: config.identity.class.into_bytes(),
        sequence: view.sequence,
        slot: target.0,
        revoked: view.revoked,
    };
    let name = file.unwrap_or(Path::new("-"));
    let unread = |e| Error::file("read", name, &e);
    let mut source: Box<dyn Read> = match file {
        Some(file) => Box::new(File::open(file).map_err(unread)?),
        None => Box::new(io::stdin().lock()),
    };
    let mut format = Suit::<HEAD>::new(COMPONENT);
    let verdict = verify::verify(&mut source, &mut format, &trust, &me, |_| {}).map_err(unread)?;
    let named = |error: Error| error.within(&name.display());
    let accepted = verdict.map_err(|rejected| {
        let stage = verify::name(rejected.stage);
        named(Error::new(rejected.stage.into(), format_args!("{stage}: {}", rejected.reason)))
    })?;
    let image = accepted.image;
    if image.size > room(&config, target, PackageFormat::<Keys>::kept(&format)) {
        return Err(named(Error::new(Exit::Incompatible, "no space in flash")));
    }
    let object = json!({
        "verdict": "accept",
        "sequence": image.sequence,
        "version": image.version.as_str(),
        "digest": hex::text(&image.digest),
        "size": image.size,
        "uri": accepted.uri,
    });
    let text = format_args!("{} (sequence {}) would be installed", image.version, image.sequence);
    context.ui.result(&object, text.to_string())?;
    Ok(Exit::Done)
}

/// Bytes of a slot that are left beside this head.
fn room(config: &Config, slot: SlotId, head: &[u8]) -> u32 {
    let from = config.layout.slot(slot).map_or(0, |slot| slot.from);
    FactoryHead::new(&config.layout, slot, head).map_or(0, |kept| kept.head_at.saturating_sub(from))
}
