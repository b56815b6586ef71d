//! OMA LwM2M Object 5, Firmware Update, on the update engine.
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
pub mod object;
pub mod spec;
pub mod value;
pub mod wire;
