//! `fwagent firmware make`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::Context;
use crate::error::{Error, Exit};
use crate::files::{self, Access, Existing};
use crate::firmware::{self, SelfTest};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make an image: a text head that says how it will behave, and filling
    Make {
        /// Version that it shows, 1 to 32 characters
        #[arg(long, value_name = "TEXT")]
        version: String,
        /// How it behaves on a trial boot
        #[arg(long, value_enum, default_value_t)]
        selftest: SelfTest,
        /// Size of the image, bytes
        #[arg(long, default_value_t = 256 * 1024, value_name = "BYTES")]
        size: u32,
        /// File of the image
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    let Command::Make { version, selftest, size, out } = command;
    let image = usize::try_from(*size).map_err(Error::failed)?;
    let image = firmware::build(version, *selftest, image).map_err(Error::failed)?;
    files::write(out, &image, Access::Everyone, Existing::Replace)?;
    let file = out.display().to_string();
    let object = json!({ "file": file, "version": version, "selftest": selftest, "size": size });
    context.ui.result(&object, format_args!("{file}: {version}, self-test {selftest}, {size} bytes"))?;
    Ok(Exit::Done)
}
