//! The command line: one file a command.
//!
//! Exit codes: 0 done, 1 error, 2 nothing to do, 3 verification failed, 4 incompatible or downgrade,
//! 5 network, 6 rolled back, 64 wrong usage. Every error is one line on stderr; with `--json` it is also an
//! object `{"error": "...", "code": n}` on stdout.

mod control;
mod demo;
mod firmware;
mod history;
mod install;
mod key;
mod pack;
mod provision;
mod run;
mod serve;
mod slots;
mod status;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Flags};
use crate::device::session::{self, On, Task};
use crate::error::{Error, Exit};
use crate::identity::Identity;
use crate::keys::PublicKey;
use crate::ui::Ui;

/// Reference device and package tool for firmware updates.
#[derive(Debug, Parser)]
#[command(name = "fwagent", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 error, 2 nothing to do, 3 verification failed, \
    4 incompatible or downgrade, 5 network, 6 rolled back, 64 wrong usage";

/// Flags of every command.
#[derive(Debug, Args)]
struct Global {
    /// Configuration file [default: fwagent.toml in the state directory]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// State directory [default: as configured, else fwagent-state]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Override one key of the configuration, as in boot.trials=1
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print nothing but errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print the result as one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make and show keys
    #[command(subcommand)]
    Key(key::Command),
    /// Make, show and judge packages
    #[command(subcommand)]
    Pack(pack::Command),
    /// Make firmware images for the reference device
    #[command(subcommand)]
    Firmware(firmware::Command),
    /// Make the factory device in the state directory
    Provision(provision::Flags),
    /// Install a package, over resets, trial and confirmation
    Install(install::Flags),
    #[command(flatten)]
    Control(control::Command),
    /// Run the device at its servers until it is stopped
    Run(run::Flags),
    /// Be a small server for such a device, and update it
    #[command(subcommand)]
    Serve(serve::Command),
    /// Show the device; it is not powered on for it
    Status,
    /// Show what each slot holds, and its wear; the device is not powered on for it
    Slots,
    /// Show the runs that have ended, the oldest first
    History,
    /// Run a device through good and bad updates in a temporary directory, and tell how each went
    Demo(demo::Flags),
}

/// What every command is given.
struct Context {
    ui: Ui,
    flags: Flags,
}

impl Context {
    /// The configuration in force.
    fn config(&self) -> Result<Config, Error> {
        Config::load(&self.flags)
    }

    /// Powers the device on and has it do the task.
    fn power_on(&self, task: &Task) -> Result<Exit, Error> {
        let config = self.config()?;
        session::power_on(On { config: &config, flags: &self.flags, ui: self.ui }, task)
    }
}

/// Runs a command line, the name of the program first.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let exit = match Cli::try_parse_from(&arguments) {
        Ok(cli) => {
            let ui = Ui::new(cli.global.quiet, cli.global.json);
            let flags = Flags { file: cli.global.config, state: cli.global.state, set: cli.global.set };
            let context = Context { ui, flags };
            run(&context, &cli.command).unwrap_or_else(|e| context.ui.error(&e))
        }
        // Help and version are what was asked for.
        Err(asked) if !asked.use_stderr() => asked.print().map_or(Exit::Failed, |()| Exit::Done),
        Err(wrong) => {
            // The line could not be parsed, so its flags are looked for as words.
            let json = arguments.iter().take_while(|a| *a != "--").any(|a| a == "--json");
            Ui::new(false, json).error(&usage(&wrong))
        }
    };
    exit.code().into()
}

fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    match command {
        Command::Key(command) => key::run(context, command),
        Command::Pack(command) => pack::run(context, command),
        Command::Firmware(command) => firmware::run(context, command),
        Command::Provision(flags) => provision::run(context, flags),
        Command::Install(flags) => install::run(context, flags),
        Command::Control(command) => control::run(context, command),
        Command::Run(flags) => run::run(context, flags),
        Command::Serve(command) => serve::run(context, command),
        Command::Status => status::run(context),
        Command::Slots => slots::run(context),
        Command::History => history::run(context),
        Command::Demo(flags) => demo::run(context, flags),
    }
}

/// What is wrong with the command line, without the usage that clap adds behind an empty line.
fn usage(wrong: &clap::Error) -> Error {
    if wrong.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Error::usage("no command (see fwagent --help)");
    }
    let text = wrong.render().to_string();
    let what: Vec<_> = text.lines().take_while(|l| !l.trim().is_empty()).map(str::trim).collect();
    let what = what.join(" ");
    Error::usage(format_args!("{} (see fwagent --help)", what.strip_prefix("error: ").unwrap_or(&what)))
}

/// Flags that say for or on which device.
#[derive(Debug, Args)]
struct IdentityFlags {
    /// Vendor: a UUID, or a domain name that is hashed [default: as configured]
    #[arg(long, value_name = "UUID|NAME")]
    vendor: Option<String>,
    /// Class: a UUID, or a name that is hashed with the vendor [default: as configured]
    #[arg(long, value_name = "UUID|NAME")]
    class: Option<String>,
}

impl IdentityFlags {
    /// The identity that the flags name, what they leave out taken from the configuration. A class that
    /// the configuration names is not hashed again with another vendor.
    fn over(&self, configured: &Identity) -> Result<Identity, Error> {
        let (vendor, class) = (configured.vendor.to_string(), configured.class.to_string());
        Identity::named(self.vendor.as_ref().unwrap_or(&vendor), self.class.as_ref().unwrap_or(&class))
            .map_err(Error::usage)
    }
}

/// Flags that name trusted keys.
#[derive(Debug, Args)]
struct KeyFlags {
    /// Trusted key, repeatable: a key file or 64 hex digits [default: as configured]
    #[arg(long = "key", value_name = "FILE|HEX")]
    keys: Vec<String>,
}

impl KeyFlags {
    /// The keys that the flags name, else those of the configuration; at least one.
    fn over(&self, configured: &Config) -> Result<Vec<PublicKey>, Error> {
        let keys = match self.keys.as_slice() {
            [] => configured.keys()?,
            named => named.iter().map(|k| PublicKey::named(k, "".as_ref())).collect::<Result<_, _>>()?,
        };
        if keys.is_empty() {
            return Err(Error::usage("no trusted key: give --key, or `keys` in the configuration"));
        }
        Ok(keys)
    }
}
