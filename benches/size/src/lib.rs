//! What the update engine costs on a microcontroller: `cargo xtask size`.
//!
//! The binaries (`src/bin/`) and the test on the host (`tests/update.rs`) run the same [`driver`] over the
//! same [`platform`]s. The test installs real packages with it, so nothing that a real update needs is
//! missing from what is measured; in the binaries everything that comes from outside passes a black box, so
//! nothing of it is optimised away.
#![no_std]
#![forbid(unsafe_code)]

pub mod boot;
pub mod client;
pub mod device;
pub mod driver;
pub mod messages;
pub mod network;
pub mod platform;
