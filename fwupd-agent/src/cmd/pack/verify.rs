//! `fwagent pack verify`.

use std::fs::File;
use std::path::PathBuf;

use clap::Args;
use fwupd_core::package::Identity;
use fwupd_core::package::suit::Suit;
use fwupd_core::trust::KeySet;
use serde_json::json;

use super::{Context, IdentityFlags, KeyFlags, component};
use crate::device::host::HEAD;
use crate::error::{Error, Exit, printable};
use crate::hex;
use crate::keys;
use crate::pack::verify;

#[derive(Debug, Args)]
pub(in crate::cmd) struct Flags {
    /// Package
    file: PathBuf,
    #[command(flatten)]
    keys: KeyFlags,
    #[command(flatten)]
    identity: IdentityFlags,
    /// Sequence number that the device has: a lower one is refused
    #[arg(long, value_name = "N", default_value_t = 0)]
    sequence: u64,
    /// Component identifier, hex digits
    #[arg(long, value_name = "HEX", default_value = "00")]
    component: String,
    /// Slot that the device would write
    #[arg(long, value_name = "N", default_value_t = 1)]
    slot: u8,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let config = context.config()?;
    let identity = flags.identity.over(&config.identity)?;
    let trust = keys::trust(&flags.keys.over(&config)?)?;
    let me = Identity {
        vendor: identity.vendor.into_bytes(),
        class: identity.class.into_bytes(),
        sequence: flags.sequence,
        slot: flags.slot,
        revoked: KeySet::NONE,
    };
    let component = component(&flags.component)?;
    let unread = |e| Error::file("read", &flags.file, &e);
    let mut file = File::open(&flags.file).map_err(unread)?;
    let size = file.metadata().map_err(unread)?.len();
    let mut bar = context.ui.progress("reading", size);
    let mut format = Suit::<HEAD>::new(component.leak());
    let verdict = verify::verify(&mut file, &mut format, &trust, &me, |done| bar.set(done));
    bar.finish();
    match verdict.map_err(unread)? {
        Ok(accepted) => {
            let image = accepted.image;
            let object = json!({
                "verdict": "accept",
                "sequence": image.sequence,
                "version": image.version.as_str(),
                "digest": hex::text(&image.digest),
                "size": image.size,
                "uri": accepted.uri,
            });
            context.ui.result(&object, "accept")?;
            Ok(Exit::Done)
        }
        Err(rejected) => {
            let (stage, reason) = (verify::name(rejected.stage), printable(rejected.reason));
            let exit = Exit::from(rejected.stage);
            let object =
                json!({ "verdict": "reject", "stage": stage, "reason": reason, "code": exit.code() });
            context.ui.result(&object, format_args!("reject {stage}: {reason}"))?;
            Ok(exit)
        }
    }
}
