//! The OCF device, at its own socket.

use std::net::SocketAddr;

use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_ocf::adapter::{Cast, Config, Device, Handled};
use fwupd_ocf::wire::device::Identity;
use uuid::Uuid;

use super::adapter::{Adapter, Taken, Wanted, initiator};
use super::host::Host;
use super::lwm2m::params;
use super::session::On;
use crate::config;
use crate::error::{Error, Exit};
use crate::net::{Inbound, Inbox, Trace, Udp};

/// Longest datagram that is sent, bytes.
const LONGEST: usize = 1500;
/// What it fetches from.
const SCHEMES: &[&str] = &["https", "http", "coap"];
/// Its type.
const KIND: &str = "x.com.example.fwagent";

/// The device.
pub(super) struct Ocf {
    udp: Udp,
    device: Device<'static, SocketAddr>,
}

impl Ocf {
    /// A device that listens where the configuration says.
    ///
    /// # Errors
    /// It cannot listen there.
    pub(super) fn open(on: On<'_>, inbox: &mut Inbox, trace: Trace) -> Result<Self, Error> {
        let config::Ocf { listen, name } = &on.config.ocf;
        if listen.ip().is_unspecified() {
            return Err(Error::usage(format_args!(
                "listen {listen}: clients are told this address, and it is none"
            )));
        }
        let failed = |why: &dyn std::fmt::Display| {
            Error::new(Exit::Network, format_args!("cannot listen at {listen}: {why}"))
        };
        let udp = Udp::at(*listen, inbox, trace).map_err(|why| failed(&why))?;
        let here = format!("coap://{}", udp.address().map_err(|why| failed(&why))?);
        on.ui.note(format_args!("listening at {here}"));
        let seed = getrandom::u32().map_err(|why| failed(&why))?;
        let config::Config { identity, .. } = on.config;
        let uuid = |what: &str| leak(Uuid::new_v5(&identity.class, format!("{what} {name}").as_bytes()));
        let identity = Identity {
            di: uuid("di"),
            piid: uuid("piid"),
            pi: uuid("pi"),
            name: leak(name),
            kind: KIND,
            manufacturer: "fwagent",
        };
        let owner = leak(on.config.identity.vendor);
        let endpoints: &[&str] = vec![leak(here)].leak();
        let mut config = Config::new(identity, endpoints, owner, seed);
        config.rules.by = initiator(config::Protocol::Ocf);
        config.rules.schemes = SCHEMES;
        config.coap = params(on.config);
        Ok(Self { udp, device: Device::new(config) })
    }
}

/// Text that lives as long as the process, as the device does.
fn leak(text: impl ToString) -> &'static str {
    text.to_string().leak()
}

impl<const N: usize> Adapter<N> for Ocf {
    fn handle(&mut self, inbound: &Inbound, now: Now, updater: &mut Updater<Host<N>>) -> Taken {
        let Some((from, bytes)) = inbound.datagram(self.udp.port()) else { return Taken::NotMine };
        let mut out = [0; LONGEST];
        match self.device.handle(from, Cast::Unicast, bytes, now, updater, &mut out) {
            Handled::Done(0) => {}
            Handled::Done(length) => self.udp.send(from, out.get(..length).unwrap_or_default()),
            Handled::Again => return Taken::NotYet,
        }
        Taken::Yes
    }

    fn poll(&mut self, now: Now, updater: &mut Updater<Host<N>>, _: &mut Inbox) -> bool {
        let (mut out, mut sent) = ([0; LONGEST], false);
        while let Some((to, length)) = self.device.poll(now, updater, &mut out) {
            self.udp.send(to, out.get(..length).unwrap_or_default());
            sent = true;
        }
        sent
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.device.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.device.drained()
    }

    fn wanted(&mut self) -> Option<Wanted> {
        None
    }

    fn leave(&mut self, _: Now) {}
}
