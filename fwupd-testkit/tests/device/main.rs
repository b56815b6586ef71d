//! Updates of a simulated device, with the foreign-made packages of `fwupd-core/tests/vectors/suit`.

mod commands;
mod cuts;
mod faults;
mod rig;
mod transfers;
mod updates;
