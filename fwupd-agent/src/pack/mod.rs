//! Packages: making one, showing one.
//!
//! [`build`](mod@build) and [`dump`] go by ciborium and the numbers of `spec`, and share no line of code with the
//! device's own reader in `fwupd-core`.

pub mod build;
pub mod diag;
pub mod dump;
mod spec;
pub mod version;
