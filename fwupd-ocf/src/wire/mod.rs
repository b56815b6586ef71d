//! Bytes and representations, both ways: what a device says and reads, and what a client does.

pub mod cbor;
pub mod device;
pub mod links;
pub mod pstat;
pub mod software;
pub mod time;
pub mod url;

pub use fwupd_coap::out::{Full, Out};
