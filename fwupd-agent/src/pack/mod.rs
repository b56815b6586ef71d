//! Packages: making one, showing one, judging one.
//!
//! [`build`](mod@build) and [`dump`] go by ciborium and the numbers of `spec`; [`verify`](mod@verify) goes by the
//! device's own reader in `fwupd-core`. What one writes the other reads without a line of code in common.

pub mod build;
pub mod diag;
pub mod dump;
mod spec;
pub mod verify;
pub mod version;
