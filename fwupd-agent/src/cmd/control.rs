//! Commands that power the device on and tell it one thing. Each is a boot: on trial, it is counted.

use clap::Subcommand;

use super::Context;
use crate::device::session::{SoFar, Task};
use crate::error::{Error, Exit};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Power the device on and let it go on with what was under way
    Resume,
    /// Activate the image in a slot: on trial, then for good
    Activate {
        /// Slot [default: the only one that can be meant]
        #[arg(long, value_name = "N")]
        slot: Option<u8>,
    },
    /// Confirm the image that runs on trial
    Confirm,
    /// Reject the image that runs on trial, and go back
    Reject {
        /// Why, for the log: its first 64 bytes are kept
        #[arg(long, value_name = "TEXT", default_value = "rejected by its user")]
        reason: String,
    },
    /// Activate the image that was confirmed before
    Rollback,
    /// Give up what is being received, or is staged
    Cancel,
    /// Clear notes and staged images; boot records, counters and revoked keys stay
    FactoryReset,
    /// What a reset comes back with
    #[command(hide = true)]
    Boot {
        /// Run to tell of.
        #[arg(long)]
        report: u32,
        /// Bytes that were read for it.
        #[arg(long)]
        read: u64,
        /// Its image was rejected by the user.
        #[arg(long)]
        rejected: bool,
    },
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    context.power_on(&match command {
        Command::Resume => Task::GoOn,
        Command::Activate { slot } => Task::Activate(*slot),
        Command::Confirm => Task::Confirm,
        Command::Reject { reason } => Task::Reject(reason.clone()),
        Command::Rollback => Task::Rollback,
        Command::Cancel => Task::Cancel,
        Command::FactoryReset => Task::FactoryReset,
        Command::Boot { report, read, rejected } => {
            Task::Report { run: *report, so_far: SoFar { read: *read, rejected: *rejected } }
        }
    })
}
