//! What the device's loop asks of a protocol, whichever it is.

use fwupd_core::time::Now;
use fwupd_core::updater::Updater;

use super::host::Host;
use crate::net::{Datagram, Inbox};

/// A protocol's client and its sockets.
pub(super) trait Adapter<const N: usize> {
    /// Takes what came in.
    fn handle(&mut self, datagram: &Datagram, now: Now, updater: &mut Updater<Host<N>>) -> Taken;

    /// Sends all that is due; true if anything was.
    fn poll(&mut self, now: Now, updater: &mut Updater<Host<N>>, inbox: &mut Inbox) -> bool;

    /// When to poll again at the latest, monotonic milliseconds.
    fn timeout(&self, now: Now) -> Option<u64>;

    /// Whether nothing is left to be sent before a reset.
    fn drained(&self) -> bool;

    /// Whether the server asked for a plain reset.
    fn wants_reset(&self) -> bool;

    /// The device is to be switched off: says farewell to the server, as the protocol has it.
    fn leave(&mut self, now: Now);
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is dealt with.
    Yes,
    /// The updater has work to do first; then it is to be given again.
    NotYet,
    /// It came in on somebody else's socket.
    NotMine,
}
