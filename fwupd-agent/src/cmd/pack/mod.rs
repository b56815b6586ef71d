//! `fwagent pack build|dump|verify`.

mod build;
mod dump;
mod verify;

use clap::Subcommand;

use super::{Context, IdentityFlags, KeyFlags};
use crate::error::{Error, Exit};
use crate::hex;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a signed package of an image
    Build(build::Flags),
    /// Show what a package says of itself, unchecked
    Dump(dump::Flags),
    /// Tell whether the device would accept a package: `accept`, or `reject STAGE: reason`
    Verify(verify::Flags),
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Build(flags) => build::run(context, flags),
        Command::Dump(flags) => dump::run(context, flags),
        Command::Verify(flags) => verify::run(context, flags),
    }
}

/// The one byte string of a component identifier.
fn component(digits: &str) -> Result<Vec<u8>, Error> {
    hex::bytes(digits)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| Error::usage(format_args!("--component {digits:?}: not hex digits")))
}
