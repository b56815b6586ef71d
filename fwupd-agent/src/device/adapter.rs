//! What the device's loop asks of a protocol, whichever it is.

use fwupd_core::outcome::Initiator;
use fwupd_core::time::Now;
use fwupd_core::updater::Updater;

use super::host::Host;
use crate::config::Protocol;
use crate::net::{Inbound, Inbox};

/// As whom a protocol gives its commands. The application's own number is 0.
pub(super) const fn initiator(protocol: Protocol) -> Initiator {
    match protocol {
        Protocol::Lwm2m => Initiator(1),
        Protocol::Iotf => Initiator(2),
        Protocol::Ocf => Initiator(3),
        Protocol::Usp => Initiator(4),
    }
}

/// A protocol, and its sockets and connections.
pub(super) trait Adapter<const N: usize> {
    /// Takes what came in. Since the flash had its last turn, all adapters have been polled.
    fn handle(&mut self, inbound: &Inbound, now: Now, updater: &mut Updater<Host<N>>) -> Taken;

    /// Sends all that is due, and looks at what became of its run; true if anything was.
    fn poll(&mut self, now: Now, updater: &mut Updater<Host<N>>, inbox: &mut Inbox) -> bool;

    /// When to poll again at the latest, monotonic milliseconds.
    fn timeout(&self, now: Now) -> Option<u64>;

    /// Whether nothing is left to be sent before a reset.
    fn drained(&self) -> bool;

    /// What its peer wants of the device that the updater does not ask for. It is told until it is done, and may
    /// be done once nothing is left to be sent.
    fn wanted(&mut self) -> Option<Wanted>;

    /// The device is to be switched off: says farewell to its peer, as the protocol has it.
    fn leave(&mut self, now: Now);
}

/// What a peer wants of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A plain reset.
    Reset,
    /// The device as it left the factory, and a reset.
    FactoryReset,
}

/// What became of what came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is dealt with.
    Yes,
    /// The updater, or a connection, has work to do first; then it is to be given again.
    NotYet,
    /// It came in elsewhere.
    NotMine,
}
