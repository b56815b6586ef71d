//! Simulated flash, clock and bootloader for tests.
