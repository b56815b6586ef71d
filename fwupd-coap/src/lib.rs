//! Sans-IO CoAP (RFC 7252) for a few peers, without a heap: messages, block-wise transfers, observing.
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

pub mod block;
pub mod body;
pub mod endpoint;
pub mod fetch;
pub mod message;
pub mod observe;
pub mod pull;
pub mod show;
pub mod spec;
pub mod upload;
pub mod uri;

/// Milliseconds on a clock that never goes back, as `fwupd_core::time::Now::mono`.
pub type Millis = u64;
