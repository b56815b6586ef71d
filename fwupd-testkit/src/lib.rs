//! Simulated flash, clock and bootloader for tests. Everything in it is deterministic: the same calls give
//! the same bytes, the same errors and the same counts.

pub mod clock;
pub mod device;
pub mod flash;
