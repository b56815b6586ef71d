//! `fwagent run`: the device at its server, for ever.

use clap::{Args, ValueEnum};

use super::Context;
use crate::device::session::{self, On, Protocol, Run, Task};
use crate::error::{Error, Exit};
use crate::net::Trace;

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Protocol to speak
    #[arg(long, value_enum, required = true)]
    protocol: Vec<Spoken>,
    /// Server, as coap://HOST:PORT [default: as configured]
    #[arg(long, value_name = "URI")]
    server: Option<String>,
    /// Name by which the device registers [default: as configured]
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Lifetime of the registration, seconds [default: as configured]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    lifetime: Option<u32>,
    /// Show every message on stderr, one line each
    #[arg(long)]
    trace: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spoken {
    /// OMA LwM2M, Object 5
    Lwm2m,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let mut config = context.config()?;
    let mut protocols = Vec::new();
    for spoken in &flags.protocol {
        let protocol = match spoken {
            Spoken::Lwm2m => Protocol::Lwm2m,
        };
        if protocols.contains(&protocol) {
            return Err(Error::usage("--protocol: the same protocol twice"));
        }
        protocols.push(protocol);
    }
    config.lwm2m.server = flags.server.clone().unwrap_or(config.lwm2m.server);
    config.lwm2m.endpoint = flags.endpoint.clone().unwrap_or(config.lwm2m.endpoint);
    config.lwm2m.lifetime = flags.lifetime.unwrap_or(config.lwm2m.lifetime);
    let task = Task::Run(Run { protocols, trace: if flags.trace { Trace::on() } else { Trace::off() } });
    session::power_on(On { config: &config, flags: &context.flags, ui: context.ui }, &task)
}
