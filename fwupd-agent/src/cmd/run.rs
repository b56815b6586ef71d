//! `fwagent run`: the device at its servers, for ever.

use std::net::SocketAddr;

use clap::Args;

use super::Context;
use crate::config::Protocol;
use crate::device::session::{self, On, Run, Task};
use crate::error::{Error, Exit};
use crate::net::Trace;

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Protocol to speak, repeatable [default: as configured]
    #[arg(long, value_enum)]
    protocol: Vec<Protocol>,
    /// lwm2m: server, as coap://HOST:PORT [default: as configured]
    #[arg(long, value_name = "URI")]
    server: Option<String>,
    /// lwm2m: name by which the device registers [default: as configured]
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// lwm2m: lifetime of the registration, seconds [default: as configured]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u32).range(1..))]
    lifetime: Option<u32>,
    /// iotf: URL of the broker, as mqtt://HOST:PORT [default: as configured]
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// iotf: name by which the device connects, as d:ORG:TYPE:ID [default: as configured]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// ocf: address that clients reach it by, and UDP port; port 0 takes a free one, which is told [default: as
    /// configured]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// usp: URL of the controller, as ws://HOST:PORT/PATH [default: as configured]
    #[arg(long, value_name = "URL")]
    websocket: Option<String>,
    /// usp: Endpoint ID of the device [default: as configured]
    #[arg(long, value_name = "ID")]
    endpoint_id: Option<String>,
    /// usp: Endpoint ID of the controller [default: as configured]
    #[arg(long, value_name = "ID")]
    controller_id: Option<String>,
    /// Show every message on stderr, one line each
    #[arg(long)]
    trace: bool,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Error> {
    let mut config = context.config()?;
    let protocols = match flags.protocol.as_slice() {
        [] => config.protocols.clone(),
        named => named.to_vec(),
    };
    if protocols.is_empty() {
        return Err(Error::usage("no protocol: give --protocol, or `protocols` in the configuration"));
    }
    if protocols.iter().any(|one| protocols.iter().filter(|other| *other == one).count() > 1) {
        return Err(Error::usage("--protocol: the same protocol twice"));
    }
    let over = |configured: &mut String, flag: &Option<String>| {
        if let Some(flag) = flag {
            configured.clone_from(flag);
        }
    };
    over(&mut config.lwm2m.server, &flags.server);
    over(&mut config.lwm2m.endpoint, &flags.endpoint);
    config.lwm2m.lifetime = flags.lifetime.unwrap_or(config.lwm2m.lifetime);
    over(&mut config.iotf.broker, &flags.broker);
    over(&mut config.iotf.client_id, &flags.client_id);
    config.ocf.listen = flags.listen.unwrap_or(config.ocf.listen);
    over(&mut config.usp.websocket, &flags.websocket);
    over(&mut config.usp.endpoint, &flags.endpoint_id);
    over(&mut config.usp.controller, &flags.controller_id);
    let task = Task::Run(Run { protocols, trace: if flags.trace { Trace::on() } else { Trace::off() } });
    session::power_on(On { config: &config, flags: &context.flags, ui: context.ui }, &task)
}
