//! The waist: one firmware update lifecycle that names no protocol.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod boot;
pub mod checksum;
pub mod digest;
pub mod flash;
#[cfg(feature = "_fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod image;
pub mod lifecycle;
pub mod outcome;
pub mod package;
mod record;
pub mod slot;
pub mod status;
pub mod time;
pub mod trust;
pub mod updater;

/// The code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
