//! Small peers of a device, for trying it and for the demonstration: each speaks to one device, at the loopback
//! address, and has no security.

pub mod files;
pub mod iotf;
pub mod ocf;
pub mod usp;

use std::fmt::Display;
use std::time::Duration;

use crate::error::{Error, Exit};

/// How long a peer waits for its device.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What goes wrong between a peer and its device.
fn failed(who: &str, why: impl Display) -> Error {
    Error::new(Exit::Network, format_args!("{who}: {why}"))
}
