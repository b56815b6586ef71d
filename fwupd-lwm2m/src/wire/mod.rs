//! Bytes and values, both ways: what a device says and reads, and what a server does.

pub mod link;
pub mod text;
pub mod tlv;

pub use fwupd_coap::out::{Full, Out};
