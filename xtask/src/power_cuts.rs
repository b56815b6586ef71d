//! `cargo xtask power-cuts`: the power cuts that take too long for every change.

use crate::run::{cargo, run};

/// What happens to the counts in `docs/power-safety.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// They must be the ones counted.
    Keep,
    /// They are set to the ones counted.
    Set,
}

/// Runs the longer grid of the core's power-cut test; true if it holds.
pub(crate) fn longer_grid(counts: Counts) -> bool {
    let mut command = cargo();
    command.args(["test", "--release", "--locked", "--package", "fwupd-core", "--test", "power_cut"]);
    command.args(["--", "--ignored", "--nocapture"]);
    if counts == Counts::Set {
        command.env("UPDATE_POWER_SAFETY", "1");
    }
    match run(&mut command) {
        Ok(()) => true,
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}
