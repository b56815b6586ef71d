use fwupd_core::flash::{self, Parts};
use fwupd_core::lifecycle::{State, Watch};
use fwupd_core::outcome::{Failure, Initiator};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Platform, Updater};

trait Board {
    fn now(&mut self) -> Now;
    fn feed_watchdog(&mut self);
    /// Reads a file from `offset` on; 0 bytes at its end.
    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Result<usize, Failure>;
    /// Whether this is a good moment to restart: battery, motors, people.
    fn may_restart(&mut self) -> bool;
    /// Whether the new image does what it should; `None` while that is not known.
    fn self_test(&mut self) -> Option<bool>;
}

enum Next {
    Again,
    /// Until something comes in, or until this monotonic time at the latest, milliseconds.
    Sleep(u64),
    Reset,
}

/// One turn of the application's loop.
fn turn<P: Platform>(updater: &mut Updater<P>, flash: &mut impl Parts, board: &mut impl Board) -> Next {
    let now = board.now();
    let mut next = Next::Again;
    // A refusal says that something else is asked for by now: the next turn tells what.
    let _ = match updater.need(now) {
        Need::Fetch { ticket, uri, offset, .. } => {
            let mut bytes = [0; 256];
            let got = board.fetch(uri, offset, &mut bytes);
            updater.answered(ticket, offset, None, &[]).and_then(|()| match got {
                Ok(0) => updater.complete(ticket, now),
                Ok(len) => updater.chunk(ticket, offset, &bytes[..len], now).map(drop),
                Err(why) => updater.failed(ticket, why, now),
            })
        }
        Need::Permit { .. } if board.may_restart() => updater.permit(now),
        Need::Permit { .. } => updater.defer(Some(60_000), now),
        Need::Boot(_) => unreachable!("only a boot control that is not the native one asks"),
        Need::Reset => return Next::Reset,
        Need::Wait(until) => {
            next = Next::Sleep(until);
            Ok(())
        }
        // A step of its own: a protocol's adapter would look at the status now.
        Need::Again => Ok(()),
        Need::Nothing => {
            next = Next::Sleep(u64::MAX);
            Ok(())
        }
    };
    // An image on trial stays only if the application says so.
    let on_trial = |state: &State| matches!(state, State::Trial { watch: Watch::Testing, .. });
    if updater.status().is_some_and(|status| on_trial(status.state)) {
        let verdict = board.self_test().map(|good| match good {
            true => Command::Confirm,
            false => Command::Reject { why: Failure::Rejected, detail: b"self-test" },
        });
        let _ = verdict.map(|verdict| updater.command(Initiator::APPLICATION, verdict, None, now));
    }
    // Bounded flash operations. A fault is for a log: the updater knows of it.
    while !matches!(flash::run(updater, flash, board.now()), Ok(false)) {
        board.feed_watchdog();
        next = Next::Again;
    }
    next
}
