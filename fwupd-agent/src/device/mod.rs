//! The reference device: what its bootloader does, its application, and looking at it without powering it on.
//!
//! A command that talks to the device is one power-on: the bootloader chooses a slot and counts a trial boot
//! if that slot is on trial, the firmware in it is "run", and the updater goes on with what was under way. A
//! reset is a new process image in the place of this one, which knows nothing but what is in flash.

mod adapter;
pub mod bootloader;
mod download;
mod drive;
pub mod history;
pub mod host;
mod iotf;
mod lwm2m;
mod ocf;
pub mod report;
pub mod session;
pub mod shown;
pub mod source;
mod task;
pub mod usp;
pub mod view;

use fwupd_core::flash::{Parts, Planner};
use fwupd_core::time::Now;

use crate::error::Error;

/// Calls `$run::<N>` for a layout of this many slots: the updater's slot table has a fixed size.
macro_rules! with_slots {
    ($count:expr, $run:ident($($argument:expr),*)) => {
        match $count {
            2 => $run::<2>($($argument),*),
            3 => $run::<3>($($argument),*),
            4 => $run::<4>($($argument),*),
            n => Err($crate::error::Error::failed(format_args!("[flash]: slots: {n} are not 2 to 4"))),
        }
    };
}
use with_slots;

/// Carries out what a planner wants until it wants nothing more; true if there was anything. A fault goes to
/// the planner, unless `fatal` makes an error of it.
fn settle<S: Parts>(
    planner: &mut impl Planner,
    flash: &mut S,
    now: impl Fn() -> Now,
    fatal: impl Fn(&S, S::Error) -> Option<Error>,
) -> Result<bool, Error> {
    let mut worked = false;
    loop {
        match fwupd_core::flash::run(planner, flash, now()) {
            Ok(true) => worked = true,
            Ok(false) => return Ok(worked),
            Err((_, why)) => {
                worked = true;
                if let Some(error) = fatal(flash, why) {
                    return Err(error);
                }
            }
        }
    }
}
