//! `fwagent`: the reference device and the package tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    fwupd_agent::cmd::main(std::env::args_os())
}
