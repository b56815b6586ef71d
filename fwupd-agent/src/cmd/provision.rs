//! `fwagent provision`: the factory.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use fwupd_core::flash::FactoryHead;
use fwupd_core::package::suit::{COMPONENT, Suit};
use fwupd_core::package::{Head, Identity, PackageFormat, Payload};
use fwupd_core::trust::KeySet;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Context;
use crate::config::{Check, Config, Flash};
use crate::device::host::{self, HEAD, Keys};
use crate::device::{bootloader, history, usp, view};
use crate::error::{Error, Exit};
use crate::files;
use crate::firmware;
use crate::flash::{FILE, FlashFile, Lock, Locking, Memory};

/// Every SUIT envelope begins with its tag (draft-ietf-suit-manifest-37, section 8.2).
const ENVELOPE: [u8; 2] = [0xD8, 0x6B];

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Firmware of the factory slot: a package, or an image without one
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// Replace the device that is there, its history and what its peers have subscribed to
    #[arg(long)]
    force: bool,
}

/// What goes into the factory slot.
struct Factory {
    image: Vec<u8>,
    /// The signed head, for the bootloader's check; empty for an image without a package.
    head: Vec<u8>,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let config = context.config()?;
    let trust = host::trust(&config)?;
    let path = config.state.join(FILE);
    if path.exists() && !flags.force {
        return Err(files::exists(&path));
    }
    let file = files::read(&flags.image, u32::MAX.into())?;
    let named = |error: Error| error.within(&flags.image.display());
    let factory = if file.starts_with(&ENVELOPE) {
        package(&config, &trust, &file).map_err(named)?
    } else {
        raw(&config, file).map_err(named)?
    };
    let firmware = firmware::parse_whole(&factory.image).map_err(Error::verification).map_err(named)?;
    let flash = flash(&config, &factory).map_err(named)?;
    let part = config.layout.part(0).copied().ok_or_else(|| Error::failed("the flash has no part"))?;
    let memory = Memory::new(part, flash);
    if bootloader::would_boot(&config, &trust, &memory)?.is_none() {
        return Err(named(Error::verification("the bootloader would not boot it")));
    }

    fs::create_dir_all(&config.state).map_err(|e| Error::file("make", &config.state, &e))?;
    let lock = Lock::take(&config.state, Locking::Try)?;
    FlashFile::create(&config.state, &config.layout, memory.bytes())?;
    usp::forget(&config.state)?;
    let history = config.state.join(history::FILE);
    if history.exists() {
        fs::remove_file(&history).map_err(|e| Error::file("remove", &history, &e))?;
    }
    drop(lock);

    let first = view::look(&config)?;
    let object = json!({ "state": config.state.display().to_string(), "status": first.json() });
    let slot = config.layout.factory_slot.0;
    let text = format_args!("{} in factory slot {slot} of {}", firmware.version, config.state.display());
    context.ui.result(&object, text.to_string())?;
    Ok(Exit::Done)
}

/// A package is judged as at an installation; its head is kept.
fn package(config: &Config, trust: &Keys, file: &[u8]) -> Result<Factory, Error> {
    let mut format = Suit::<HEAD>::new(COMPONENT);
    let me = Identity {
        vendor: config.identity.vendor.into_bytes(),
        class: config.identity.class.into_bytes(),
        sequence: 0,
        slot: config.layout.factory_slot.0,
        revoked: KeySet::NONE,
    };
    let head = format.head(file, trust, &me);
    let head = head.map_err(|rejected| Error::new(rejected.stage.into(), rejected.reason))?;
    let (taken, image) = match head {
        Head::Done { taken, image, payload: Payload::Here } => (taken, image),
        Head::Done { payload: Payload::Elsewhere, .. } => {
            return Err(Error::verification("the package carries no image"));
        }
        Head::More { .. } => return Err(Error::verification("the package is cut short")),
    };
    let bytes = file.get(taken..).unwrap_or_default();
    if bytes.len() != image.size as usize || <[u8; 32]>::from(Sha256::digest(bytes)) != image.digest {
        return Err(Error::verification("the image is not the one that the package describes"));
    }
    Ok(Factory { image: bytes.to_vec(), head: PackageFormat::<Keys>::kept(&format).to_vec() })
}

fn raw(config: &Config, file: Vec<u8>) -> Result<Factory, Error> {
    firmware::parse(&file).map_err(Error::verification)?;
    match config.boot.check {
        Check::None => Ok(Factory { image: file, head: Vec::new() }),
        Check::Digest | Check::Signature => Err(Error::failed(
            "an image without a package has no signed head for the bootloader to check: provision a \
             package, or set boot.check=none",
        )),
    }
}

/// The device as the factory ships it: nothing but the factory slot.
fn flash(config: &Config, factory: &Factory) -> Result<Vec<u8>, Error> {
    let size = config.flash.size().unwrap_or_default() as usize;
    let mut flash = vec![Flash::ERASED; size];
    let slot = config.layout.factory_slot;
    let from = config.layout.slot(slot).map_or(0, |slot| slot.from);
    let mut end = config.layout.slot(slot).map_or(0, |slot| slot.to);
    let mut put = |at: u32, bytes: &[u8]| {
        let at = at as usize;
        if let Some(place) = flash.get_mut(at..at.saturating_add(bytes.len())) {
            place.copy_from_slice(bytes);
        }
    };
    let too_large = || Error::new(Exit::Incompatible, "larger than the slot");
    if !factory.head.is_empty() {
        let kept = FactoryHead::new(&config.layout, slot, &factory.head).ok_or_else(too_large)?;
        put(kept.head_at, &factory.head);
        put(kept.trailer_at, &kept.trailer);
        end = kept.head_at;
    }
    if factory.image.len() > end.saturating_sub(from) as usize {
        return Err(too_large());
    }
    put(from, &factory.image);
    Ok(flash)
}
