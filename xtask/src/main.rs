//! The project's own commands: `cargo xtask test`, `cargo xtask size` and `cargo xtask power-cuts`.

mod dependencies;
mod interop;
mod licence;
mod metadata;
mod peers;
mod power_cuts;
mod report;
mod run;
mod size;
mod sources;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--install]   run every check; with --install, install what is missing first, and fail without it
  size [--set]       measure the engine on two microcontrollers; with --set, take the result as the budget
  power-cuts [--set] cut the power in the longer grid, which takes a while; with --set, keep its counts in
                     docs/power-safety.md
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let good = match arguments.as_slice() {
        ["test"] => test::all(peers::Missing::Skip),
        ["test", "--install"] => test::all(peers::Missing::Install),
        ["size"] => size::command(size::Budget::Keep),
        ["size", "--set"] => size::command(size::Budget::Set),
        ["power-cuts"] => power_cuts::longer_grid(power_cuts::Counts::Keep),
        ["power-cuts", "--set"] => power_cuts::longer_grid(power_cuts::Counts::Set),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            true
        }
        [] | [_, ..] => {
            eprint!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
