//! Updates of a simulated device, with the foreign-made packages of `fwupd-core/tests/vectors/suit`.
#![expect(clippy::wildcard_enum_match_arm, reason = "all cases that a test does not expect fail alike")]

mod commands;
mod faults;
mod readback;
mod reference;
mod rig;
mod shared;
mod transfers;
mod updates;
