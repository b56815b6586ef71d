//! The loop of an application.

use fwupd_core::flash::{self, Parts};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::trust::KeyId;
use fwupd_core::updater::{Command, Job, Need, Platform, Ticket, Updater};

/// All that comes from outside.
pub trait World {
    /// The time.
    fn now(&mut self) -> Now;
    /// Sees the status, and says what to do.
    fn turn(&mut self, status: &Status<'_>) -> Turn;
    /// Reads the package from `offset` on; 0 bytes at its end, `None` when the connection is lost.
    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Option<usize>;
    /// Whether the activation may go on.
    fn permits(&mut self, ask: Ask) -> bool;
}

/// How packages come, beside [`World::fetch`], and whatever else a device does on a network.
pub trait Network<P: Platform, S: Parts> {
    /// The updater wants this; whether the network brings it.
    fn wants(&mut self, ticket: Ticket, uri: &str, offset: u32, now: Now) -> bool;
    /// Takes and sends what there is.
    fn exchange(&mut self, updater: &mut Updater<P>, flash: &mut S, now: Now);
    /// Whether nothing is left to send before a reset.
    fn drained(&self) -> bool;
}

/// A device without one.
#[derive(Clone, Copy, Debug)]
pub struct Offline;

impl<P: Platform, S: Parts> Network<P, S> for Offline {
    fn wants(&mut self, _: Ticket, _: &str, _: u32, _: Now) -> bool {
        false
    }

    fn exchange(&mut self, _: &mut Updater<P>, _: &mut S, _: Now) {}

    fn drained(&self) -> bool {
        true
    }
}

/// What to do in one turn of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing new.
    GoOn,
    /// This command, with this argument.
    Command(Code, u8),
    /// The end of the measurement.
    Stop,
}

/// All that can be asked of an updater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Check,
    Fetch,
    Receive,
    Activate,
    Withdraw,
    Cancel,
    Discard,
    Enable,
    Preset,
    Confirm,
    Reject,
    FactoryReset,
    Revoke,
    Remember,
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The device is to be reset.
    Reset,
    /// The world said so.
    Stopped,
}

/// Where the package is.
pub const URI: &str = "coap://example.com/fw";

/// Runs the device until it is to be reset, or the world stops it.
pub fn run<P: Platform, S: Parts>(
    updater: &mut Updater<P>,
    flash: &mut S,
    world: &mut dyn World,
    network: &mut dyn Network<P, S>,
) -> End {
    loop {
        // A fault is for a log; the updater knows of it.
        while !matches!(flash::run(updater, flash, world.now()), Ok(false)) {}
        let now = world.now();
        match updater.need(now) {
            Need::Fetch { ticket, uri, offset, .. } if network.wants(ticket, uri, offset, now) => {}
            Need::Fetch { ticket, uri, offset, .. } => {
                let mut buffer = [0; 256];
                // What is not taken is fetched again: the offset of the next turn says from where.
                let got = world.fetch(uri, offset, &mut buffer);
                if updater.answered(ticket, offset, None, &[]).is_err() {
                    continue;
                }
                let told = match got {
                    Some(0) => updater.complete(ticket, now),
                    Some(len) => {
                        updater.chunk(ticket, offset, buffer.get(..len).unwrap_or_default(), now).map(|_| ())
                    }
                    None => updater.failed(ticket, Failure::ConnectionLost, now),
                };
                // A refusal means that the next turn asks for something else.
                let _ = told;
            }
            Need::Permit { ask, .. } => {
                let _ = match world.permits(ask) {
                    true => updater.permit(now),
                    false => updater.defer(Some(60_000), now),
                };
            }
            Need::Boot(_) => updater.boot_done(None, now),
            Need::Reset if network.drained() => return End::Reset,
            Need::Reset | Need::Wait(_) | Need::Again | Need::Nothing => {}
        }
        network.exchange(updater, flash, now);
        let Some(status) = updater.status() else { continue };
        match world.turn(&status) {
            Turn::GoOn => {}
            Turn::Command(code, argument) => command(updater, code, argument, now),
            Turn::Stop => return End::Stopped,
        }
    }
}

fn command<P: Platform>(updater: &mut Updater<P>, code: Code, argument: u8, now: Now) {
    let job = Job {
        uri: Some(URI),
        reach: Reach::Activate(Ask::Idle),
        target: None,
        after: AfterReset::Resume,
        file_check: None,
    };
    let slot = SlotId(argument);
    let command = match code {
        Code::Check => Command::Check(job),
        Code::Fetch => Command::Fetch(job),
        Code::Receive => Command::Receive(Job { uri: None, target: Some(slot), ..job }),
        Code::Activate => Command::Activate { slot: Some(slot), ask: Ask::No },
        Code::Withdraw => Command::Withdraw,
        Code::Cancel => Command::Cancel,
        Code::Discard => Command::Discard { keep_slot: argument == 0 },
        Code::Enable => Command::Enable(slot, true),
        Code::Preset => Command::Preset(slot),
        Code::Confirm => Command::Confirm,
        Code::Reject => Command::Reject { why: Failure::Rejected, detail: &[argument] },
        Code::FactoryReset => Command::FactoryReset,
        Code::Revoke => {
            let _ = updater.revoke(KeyId(argument));
            return;
        }
        Code::Remember => {
            let seen = updater.recall(Initiator(1)).map_or(0, <[u8]>::len) as u8;
            let _ = updater.remember(Initiator(1), &[argument, seen]);
            return;
        }
    };
    // A refusal shows in the status, which has not changed.
    let _ = updater.command(Initiator::APPLICATION, command, Some(&[argument]), now);
    let _ = updater.settled(Initiator::APPLICATION);
}
