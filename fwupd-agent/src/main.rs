//! `fwagent`.
fn main() {}
