//! Packages fetched by CoAP into a simulated device.

mod downloads;
mod rig;
mod troubles;
