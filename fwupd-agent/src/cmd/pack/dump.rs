//! `fwagent pack dump`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Context;
use crate::error::{Error, Exit};
use crate::files;
use crate::pack::{diag, dump};

/// No package that is shown is longer than this, bytes.
const LONGEST: u64 = 1 << 30;

#[derive(Debug, Args)]
pub(in crate::cmd) struct Flags {
    /// Package
    file: PathBuf,
    /// Show it in CBOR diagnostic notation; byte strings of more than 64 bytes are cut
    #[arg(long)]
    diag: bool,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let file = files::read(&flags.file, LONGEST)?;
    let bad = |why| Error::verification(format_args!("{}: {why}", flags.file.display()));
    let item = dump::item(&file).map_err(bad)?;
    let summary = dump::summary(&item).map_err(bad)?;
    if flags.diag {
        let text = diag::text(&item);
        context.ui.result(&json!({ "diag": text }), &text)?;
    } else {
        context.ui.result(&summary, &summary)?;
    }
    Ok(Exit::Done)
}
