//! `fwagent pack build|dump`.

mod build;
mod dump;

use clap::Subcommand;

use super::{Context, IdentityFlags};
use crate::error::{Error, Exit};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a signed package of an image
    Build(build::Flags),
    /// Show what a package says of itself, unchecked
    Dump(dump::Flags),
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Build(flags) => build::run(context, flags),
        Command::Dump(flags) => dump::run(context, flags),
    }
}
