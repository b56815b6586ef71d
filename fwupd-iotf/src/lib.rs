//! IoTF device management profile over MQTT, on the update engine: the firmware actions of a managed device.
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
pub mod firmware;
pub mod note;
pub mod spec;
pub mod wire;
