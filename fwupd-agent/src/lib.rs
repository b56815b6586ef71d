//! The reference device and the package tool of the project, as a library behind the binary `fwagent`.

pub mod config;
pub mod error;
pub mod files;
pub mod firmware;
pub mod hex;
pub mod identity;
pub mod keys;
pub mod ui;
