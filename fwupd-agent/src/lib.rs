//! The reference device and the package tool of the project, as a library behind the binary `fwagent`.
//!
//! Each command is one file in [`cmd`]; what several of them share lies beside it. The device needs Unix:
//! positioned reads and writes, and a process image that takes the place of another.

pub mod cmd;
pub mod config;
pub mod demo;
pub mod device;
pub mod error;
pub mod files;
pub mod firmware;
pub mod flash;
pub mod hex;
pub mod identity;
pub mod keys;
pub mod net;
pub mod pack;
pub mod peers;
pub mod serve;
pub mod ui;
