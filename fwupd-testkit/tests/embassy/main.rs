//! Updates of a simulated device whose bootloader is embassy-boot itself: `BootLoader::prepare_boot` of the
//! crate, on the same flash.

mod board;
mod bytes;
mod cuts;
mod faults;
mod limits;
mod phases;
mod points;
mod tables;
mod updates;
