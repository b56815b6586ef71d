//! Broadband Forum USP (TR-369) on the update engine: the firmware images of TR-181.
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

pub mod adapter;
pub mod note;
pub mod spec;
pub mod wire;
