//! The client of LwM2M as a node.

use fwupd_coap::Millis;
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Updater};
use fwupd_lwm2m::adapter::{Client, Handled};

use crate::network::{Net, Node, Peer};

/// What the client is not asked by its messages.
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
            Handled::Done(length) => Some(length),
            Handled::Again => None,
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
