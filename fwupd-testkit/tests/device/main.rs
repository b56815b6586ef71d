//! Updates of a simulated device, with the foreign-made packages of `fwupd-core/tests/vectors/suit`.

mod cuts;
mod rig;
mod shared;
mod updates;
