//! The adapters, each with its manager, who speaks to it in bytes that other implementations make and read.

pub(crate) mod iotf;
pub(crate) mod lwm2m;
pub(crate) mod ocf;
pub(crate) mod usp;

use fwupd_core::outcome::Initiator;
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_testkit::clock::VirtualClock;
use fwupd_testkit::device::{Device, Sim};

use crate::search::At;

/// When it begins: 2026-11-20T23:09:19Z, by `date -u -d @1795216159`.
pub(crate) const T: u64 = 1_795_216_159;
/// Ten seconds later, and a second before.
pub(crate) const LATER: &str = "2026-11-20T23:09:29Z";
pub(crate) const PAST: &str = "2026-11-20T23:09:18Z";

/// The device that the adapters are attached to.
pub(crate) struct Board {
    pub(crate) device: Device<2>,
    pub(crate) up: Updater<Sim<2>>,
    pub(crate) out: Vec<u8>,
}

impl Board {
    /// As it leaves the factory, loaded.
    pub(crate) fn new() -> Self {
        let (mut device, up) = crate::search::loaded();
        device.clock.set_wall(Some(T));
        Self { device, up, out: vec![0; 8192] }
    }

    pub(crate) fn now(&self) -> Now {
        self.device.clock.now()
    }

    /// Carries out all that the updater has planned.
    pub(crate) fn drain(&mut self) {
        self.device.drain(&mut self.up, "the updater").unwrap();
    }

    /// Writes and erases so far.
    pub(crate) fn written(&self) -> u64 {
        self.device.flash.total().mutating()
    }

    /// The note of an adapter; empty: none.
    pub(crate) fn note(&self, by: Initiator) -> Vec<u8> {
        self.up.recall(by).map(<[u8]>::to_vec).unwrap_or_default()
    }

    /// Puts the device into a situation, with no notes.
    pub(crate) fn place(&mut self, at: &At) {
        self.drain();
        self.up.place(at);
        self.drain();
        self.device.clock = VirtualClock::new(Some(T));
    }
}

/// A message to the device: on a topic, where there are any.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) bytes: Vec<u8>,
}

/// An adapter and its manager.
pub(crate) trait Peer {
    /// The number by which the application knows the adapter.
    fn by(&self) -> Initiator;

    /// Hands in a message, once; whether it is dealt with. Its answer may have come then, or comes by a poll.
    fn hand(&mut self, message: &Message, board: &mut Board) -> bool;

    /// The answer to the message that was handed in last, in short, once it has come.
    fn answer(&mut self) -> Option<String>;

    /// Takes all that the adapter has to send.
    fn poll(&mut self, board: &mut Board);

    /// What the adapter shows of a status, with the note that it keeps; empty: none.
    fn shows(status: &Status<'_>, note: &[u8]) -> String;

    /// What it shows now.
    fn shown(&self, board: &Board) -> String {
        Self::shows(&board.up.status().unwrap(), &board.note(self.by()))
    }
}
