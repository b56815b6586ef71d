//! The behaviour of the resources, row by row, over encoded CoAP and CBOR of other implementations.

mod actions;
mod discovery;
mod failures;
mod hostile;
mod laws;
mod observe;
mod power;
mod requests;
mod rig;
mod schedule;
mod updates;
