//! What clients and devices of adapters do at a socket, as nodes.

use fwupd_coap::Millis;
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Updater};
use fwupd_lwm2m::adapter::{self as lwm2m, Client};
use fwupd_ocf::adapter::{self as ocf, Cast, Device};

use crate::network::{Net, Node, Peer};

/// The client of LwM2M.
#[derive(Debug)]
pub struct Lwm2m<'a> {
    /// The client.
    pub client: Client<'a, Peer>,
}

impl<P: Platform> Node<P> for Lwm2m<'_> {
    fn handle(
        &mut self,
        from: Peer,
        datagram: &[u8],
        now: Now,
        updater: &mut Updater<P>,
        _: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<usize> {
        match self.client.handle(from, datagram, now, updater, out) {
            lwm2m::Handled::Done(length) => Some(length),
            lwm2m::Handled::Again => None,
        }
    }

    fn poll(
        &mut self,
        now: Now,
        updater: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<(Peer, usize)> {
        if self.client.reboot_wanted() && net.report().is_some() && self.client.registered() {
            self.client.deregister();
        }
        self.client.poll(now, updater, out)
    }

    fn timeout(&self, now: Now) -> Option<Millis> {
        self.client.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.client.drained()
    }
}

/// The device of OCF.
#[derive(Debug)]
pub struct Ocf<'a> {
    /// The device.
    pub device: Device<'a, Peer>,
}

impl<P: Platform> Node<P> for Ocf<'_> {
    fn handle(
        &mut self,
        from: Peer,
        datagram: &[u8],
        now: Now,
        updater: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<usize> {
        let cast = if net.is_multicast() { Cast::Multicast } else { Cast::Unicast };
        match self.device.handle(from, cast, datagram, now, updater, out) {
            ocf::Handled::Done(length) => Some(length),
            ocf::Handled::Again => None,
        }
    }

    fn poll(
        &mut self,
        now: Now,
        updater: &mut Updater<P>,
        net: &mut dyn Net,
        out: &mut [u8],
    ) -> Option<(Peer, usize)> {
        if net.report().is_some() {
            // What its security asks for is tried again where it is refused.
            let _ = self.device.restore(now, updater);
        }
        self.device.poll(now, updater, out)
    }

    fn timeout(&self, now: Now) -> Option<Millis> {
        self.device.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.device.drained()
    }
}
