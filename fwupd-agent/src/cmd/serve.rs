//! `fwagent serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Context;
use crate::error::{Error, Exit};
use crate::net::Trace;
use crate::serve::{self, Delivery, Plan};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// An LwM2M server for one device: observes it, brings it a package, executes the update, tells the result
    Lwm2m(Flags),
}

#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Address and UDP port; port 0 takes a free one, which is told
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:5683")]
    listen: SocketAddr,
    /// The device to wait for [default: the first that registers]
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    #[command(flatten)]
    delivery: DeliveryFlags,
    /// Largest block of a push, bytes
    #[arg(long, value_name = "N", default_value_t = 1024, requires = "push", value_parser = block)]
    block: usize,
    /// Leave the package downloaded, and do not execute the update
    #[arg(long)]
    no_execute: bool,
    /// Seconds to wait for the result
    #[arg(long, value_name = "S", default_value_t = 3600)]
    timeout: u64,
    /// Show every message on stderr, one line each
    #[arg(long)]
    trace: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct DeliveryFlags {
    /// Push this package block by block
    #[arg(long, value_name = "FILE")]
    push: Option<PathBuf>,
    /// Give the device a URI of this server, where this package is
    #[arg(long, value_name = "FILE")]
    offer: Option<PathBuf>,
    /// Give the device this URI
    #[arg(long, value_name = "URI")]
    uri: Option<String>,
    /// Bring it nothing: show it until the time is over
    #[arg(long)]
    watch: bool,
}

/// A block size: a power of two from 16 to 1024.
fn block(text: &str) -> Result<usize, String> {
    let size: usize = text.parse().map_err(|e: std::num::ParseIntError| e.to_string())?;
    let known = size.is_power_of_two() && (16..=1024).contains(&size);
    known.then_some(size).ok_or_else(|| "16, 32, 64, 128, 256, 512 or 1024".to_owned())
}

pub(super) fn run(context: &Context, command: &Command) -> Result<Exit, Error> {
    let Command::Lwm2m(flags) = command;
    let DeliveryFlags { push, offer, uri, .. } = &flags.delivery;
    let delivery = match (push, offer, uri) {
        (Some(file), _, _) => Delivery::Push(file.clone(), flags.block),
        (_, Some(file), _) => Delivery::Offer(file.clone()),
        (_, _, Some(uri)) => Delivery::Uri(uri.clone()),
        (None, None, None) => Delivery::Watch,
    };
    let plan = Plan {
        listen: flags.listen,
        endpoint: flags.endpoint.clone(),
        delivery,
        execute: !flags.no_execute,
        patience: Duration::from_secs(flags.timeout),
        trace: if flags.trace { Trace::on() } else { Trace::off() },
    };
    serve::run(context.ui, plan)
}
