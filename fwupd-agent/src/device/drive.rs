//! The application's loop: flash, the updater's needs, the source of bytes, the self-test of what runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fwupd_core::lifecycle::{Request, State, Via, Watch};
use fwupd_core::outcome::{Failure, Outcome, Refused, Run, What};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Settled, Ticket, Updater};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::adapter::{Adapter, Taken, Wanted};
use super::download::{self, Download};
use super::host::Host;
use super::iotf::Iotf;
use super::lwm2m::Lwm2m;
use super::ocf::Ocf;
use super::session::{BY, On, Reading, SoFar, remember};
use super::settle;
use super::source::{FileSource, next_of_stdin};
use super::usp::{self, Usp};
use crate::config::{Confirm, Protocol};
use crate::error::Error;
use crate::firmware::{Firmware, SelfTest};
use crate::flash::{FlashError, FlashFile};
use crate::net::{Inbound, Inbox, Lookup, Queue, Trace};
use crate::ui::Progress;

/// Longest sleep, milliseconds.
const NAP: u64 = 50;
/// How long a reset waits for what is still to be sent, milliseconds.
const GRACE: u64 = 5000;

/// How a drive ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// There is nothing left to do.
    Idle,
    /// What runs waits for somebody to confirm or reject it.
    OnTrial,
    /// The device is to be reset.
    Reset,
    /// It was asked to stop.
    Stopped,
}

/// A transfer that is under way.
struct Transfer {
    ticket: Ticket,
    source: Source,
    /// Offset of the next byte, in the file.
    at: u32,
    /// Bytes that were read and are not taken yet.
    rest: Vec<u8>,
}

enum Source {
    File(FileSource),
    Stdin,
}

/// The device while it is powered.
pub(super) struct Device<'a, const N: usize> {
    on: On<'a>,
    updater: Updater<Host<N>>,
    pub(super) flash: FlashFile,
    /// What runs.
    pub(super) firmware: Firmware,
    pub(super) reading: Reading,
    pub(super) so_far: SoFar,
    start: Instant,
    transfer: Option<Transfer>,
    blocks: u64,
    tested: bool,
    told: Option<Outcome>,
    progress: Option<Progress>,
    adapters: Vec<Box<dyn Adapter<N> + 'a>>,
    inbox: Inbox,
    /// What came in and is not dealt with yet.
    inbound: Queue,
    download: Option<Download>,
    /// The host of a download that is looked for.
    lookup: Option<Lookup>,
    trace: Trace,
    /// Since when a reset or an end waits for the adapters, monotonic milliseconds.
    parting: Option<u64>,
    /// Whether the process is asked to end.
    stop: Arc<AtomicBool>,
}

impl<'a, const N: usize> Device<'a, N> {
    pub(super) fn new(on: On<'a>, updater: Updater<Host<N>>, flash: FlashFile, firmware: Firmware) -> Self {
        Self {
            on,
            updater,
            flash,
            firmware,
            reading: Reading::default(),
            so_far: SoFar::default(),
            start: Instant::now(),
            transfer: None,
            blocks: 0,
            tested: false,
            told: None,
            progress: None,
            adapters: Vec::new(),
            inbox: Inbox::default(),
            inbound: Queue::default(),
            download: None,
            lookup: None,
            trace: Trace::off(),
            parting: None,
            stop: Arc::default(),
        }
    }

    /// From now on the device speaks this protocol.
    pub(super) fn speak(&mut self, protocol: Protocol, trace: Trace) -> Result<(), Error> {
        self.trace = trace.clone();
        if self.adapters.is_empty() {
            for signal in [SIGTERM, SIGINT] {
                flag::register(signal, Arc::clone(&self.stop))
                    .map_err(|e| Error::failed(format_args!("no signal handler: {e}")))?;
            }
        }
        self.adapters.push(match protocol {
            Protocol::Lwm2m => Box::new(Lwm2m::new(self.on.config, trace)?),
            Protocol::Iotf => Box::new(Iotf::open(self.on, &mut self.inbox, trace)?),
            Protocol::Ocf => Box::new(Ocf::open(self.on, &mut self.inbox, trace)?),
            Protocol::Usp => Box::new(Usp::open(self.on, &mut self.inbox, trace)?),
        });
        Ok(())
    }

    /// Reads the journal back, and writes what the boot means.
    pub(super) fn load(&mut self) -> Result<(), Error> {
        self.settle()?;
        self.remember()
    }

    pub(super) fn status(&self) -> Result<Status<'_>, Error> {
        self.updater.status().ok_or_else(|| Error::failed("the journal can be neither read nor written"))
    }

    /// The note that was kept with the last command that had one.
    pub(super) fn note(&self) -> Option<&[u8]> {
        self.updater.recall(BY)
    }

    /// Whether a run ended so in this power-on.
    pub(super) fn ended_as(&self, what: What) -> bool {
        self.tested && self.told.is_some_and(|told| told.what == what)
    }

    fn now(&self) -> Now {
        now(self.start)
    }

    fn settle(&mut self) -> Result<bool, Error> {
        let start = self.start;
        settle(
            &mut self.updater,
            &mut self.flash,
            || now(start),
            |flash, why| match why {
                FlashError::Host(why) => Some(flash.host(&why)),
                FlashError::Misuse(_) => None,
            },
        )
    }

    /// Gives a command and waits until it stands in flash.
    pub(super) fn command(
        &mut self,
        command: Command<'_>,
        note: Option<&[u8]>,
    ) -> Result<Result<Run, Refused>, Error> {
        let run = match self.updater.command(BY, command, note, self.now()) {
            Ok(run) => run,
            Err(refused) => return Ok(Err(refused)),
        };
        self.settle()?;
        match self.updater.settled(BY) {
            Settled::Written => Ok(Ok(run)),
            Settled::Pending | Settled::Lost => Err(Error::failed("the flash did not take the command")),
        }
    }

    /// Leads the device on until it rests; with a protocol it does not, but for a reset.
    pub(super) fn drive(&mut self) -> Result<Rest, Error> {
        loop {
            let mut worked = self.settle()?;
            self.watch()?;
            if self.self_test()? {
                continue;
            }
            worked |= self.talk();
            if self.stop.load(Ordering::Relaxed) && self.may_stop() {
                return Ok(Rest::Stopped);
            }
            // A reset that a server asks for, whatever else is under way: that goes on after it.
            let now = self.now();
            let wanted = self.adapters.iter_mut().find_map(|adapter| adapter.wanted());
            match wanted {
                Some(Wanted::Reset) if self.may_part(now.mono) => return Ok(Rest::Reset),
                Some(Wanted::FactoryReset) if self.may_part(now.mono) => {
                    self.factory_reset()?;
                    return Ok(Rest::Reset);
                }
                Some(Wanted::Reset | Wanted::FactoryReset) | None => {}
            }
            let alone = self.adapters.is_empty();
            let (now, waits) = (self.now(), self.waits_for_its_user());
            let need = self.updater.need(now);
            let parts = wanted.is_some() || self.stop.load(Ordering::Relaxed);
            if !parts && !matches!(need, Need::Reset | Need::Again) {
                // What was to come has been withdrawn: the next one waits anew.
                self.parting = None;
            }
            match need {
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    if !download::is_remote(&uri) {
                        self.fetch(ticket, &uri, offset)?;
                    } else {
                        self.download(ticket, &uri, offset)?;
                        if !worked {
                            self.rest(u64::MAX);
                        }
                    }
                }
                Need::Permit { .. } => self.updater.permit(now).map_err(surprised)?,
                Need::Boot(_) => self.updater.boot_done(None, now),
                Need::Reset => {
                    if self.may_part(now.mono) {
                        return Ok(Rest::Reset);
                    }
                    self.rest(u64::MAX);
                }
                Need::Wait(_) if waits && alone => return Ok(Rest::OnTrial),
                Need::Wait(until) if !worked => self.rest(until),
                Need::Again | Need::Wait(_) => {}
                Need::Nothing if alone => {
                    if !self.deliver()? {
                        return Ok(Rest::Idle);
                    }
                }
                Need::Nothing if !worked => self.rest(u64::MAX),
                Need::Nothing => {}
            }
        }
    }

    /// Deals with what came in, and sends what is due; true if there was anything.
    fn talk(&mut self) -> bool {
        let now = self.now();
        // A run that has ended is told by whom it belongs to before another one can begin.
        let mut worked = self.poll(now);
        let mut inbound = std::mem::take(&mut self.inbound);
        inbound.push(self.inbox.take());
        worked |= inbound.round(|inbound| match self.deal_with(inbound, now) {
            // What nobody claims came in on a socket that is closed by now.
            Taken::Yes | Taken::NotMine => true,
            Taken::NotYet => false,
        });
        self.inbound = inbound;
        worked |= self.poll(now);
        if let Some(download) = &mut self.download {
            worked |= download.poll(now, &mut self.updater);
        }
        worked
    }

    /// Sends what is due.
    fn poll(&mut self, now: Now) -> bool {
        let mut worked = false;
        for adapter in &mut self.adapters {
            worked |= adapter.poll(now, &mut self.updater, &mut self.inbox);
        }
        worked
    }

    fn deal_with(&mut self, inbound: &Inbound, now: Now) -> Taken {
        for adapter in &mut self.adapters {
            match adapter.handle(inbound, now, &mut self.updater) {
                Taken::NotMine => {}
                taken @ (Taken::Yes | Taken::NotYet) => return taken,
            }
        }
        match &mut self.download {
            Some(download) => download.handle(inbound, now, &mut self.updater),
            None => Taken::NotMine,
        }
    }

    /// Waits until something comes in, something is to be sent, or this time.
    fn rest(&mut self, until: u64) {
        let now = self.now();
        let timeouts = self.adapters.iter().filter_map(|adapter| adapter.timeout(now));
        let download = self.download.as_ref().and_then(Download::timeout);
        let until = timeouts.chain(download).fold(until, u64::min);
        let millis = until.saturating_sub(now.mono).min(NAP);
        // What is not dealt with waits for time to pass, not for more to come in.
        let millis = if self.inbound.is_empty() { millis } else { millis.min(1) };
        self.inbound.push(self.inbox.wait(millis));
    }

    /// Whether the process may end, now that it is asked to.
    fn may_stop(&mut self) -> bool {
        let now = self.now();
        if self.parting.is_none() {
            self.adapters.iter_mut().for_each(|adapter| adapter.leave(now));
            self.parting = Some(now.mono);
            // The farewell is sent in the next round.
            return false;
        }
        self.may_part(now.mono)
    }

    /// Whether a reset or an end that is owed may come: when all answers are out, or have had their time.
    fn may_part(&mut self, now: u64) -> bool {
        let since = *self.parting.get_or_insert(now);
        self.adapters.iter().all(|adapter| adapter.drained()) || now.saturating_sub(since) >= GRACE
    }

    /// Clears what was left behind since the factory, whatever else is under way; an image that is on trial or
    /// about to be stays so.
    fn factory_reset(&mut self) -> Result<(), Error> {
        // A command that somebody has just given is written first.
        self.settle()?;
        let ends = match self.status()?.state {
            State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => {
                Some(Command::Cancel)
            }
            State::Staged { wanted: Some(_), .. } => Some(Command::Withdraw),
            State::Idle | State::Staged { wanted: None, .. } => None,
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => None,
        };
        if let Some(ends) = ends {
            // What cannot be ended is told by the next one.
            let _ = self.command(ends, None)?;
        }
        match self.command(Command::FactoryReset, None)? {
            Ok(_) => usp::forget(&self.on.config.state)?,
            Err(refused) => self.on.ui.note(format_args!("no factory reset: {refused}")),
        }
        Ok(())
    }

    /// Goes on with a download over the network.
    fn download(&mut self, ticket: Ticket, uri: &str, offset: u32) -> Result<(), Error> {
        let now = self.now();
        if self.download.as_ref().is_none_or(|download| !download.serves(uri)) {
            self.download = None;
            let (config, trace) = (self.on.config, self.trace.clone());
            match Download::open(uri, config, &mut self.lookup, &mut self.inbox, trace) {
                Ok(download) => self.download = download,
                Err(why) => match self.updater.failed(ticket, why, now) {
                    Ok(()) | Err(Refused::NotAvailable) => return Ok(()),
                    Err(refused) => return Err(surprised(refused)),
                },
            }
        }
        if let Some(download) = &mut self.download {
            download.wants(ticket, uri, offset, now);
            download.poll(now, &mut self.updater);
        }
        Ok(())
    }

    /// On trial, the firmware tests itself once; true if a command came of it.
    fn self_test(&mut self) -> Result<bool, Error> {
        let State::Trial { watch: Watch::Testing, left, .. } = *self.status()?.state else {
            return Ok(false);
        };
        if std::mem::replace(&mut self.tested, true) {
            return Ok(false);
        }
        let version = self.firmware.version;
        let say = |what: &str| {
            self.on.ui.note(format_args!("{version} is on trial, {left} more boots: its self-test {what}"));
        };
        let command = match (self.firmware.selftest, self.on.config.boot.confirm) {
            (SelfTest::Pass, Confirm::SelfTest) => Command::Confirm,
            (SelfTest::Pass, Confirm::Command) => {
                say("passes");
                return Ok(false);
            }
            (SelfTest::Fail, Confirm::SelfTest | Confirm::Command) => {
                Command::Reject { why: Failure::Rejected, detail: b"self-test failed" }
            }
            (SelfTest::Hang, Confirm::SelfTest | Confirm::Command) => {
                say("hangs");
                return Ok(false);
            }
        };
        say(if matches!(command, Command::Confirm) { "passes" } else { "fails" });
        // Past its deadline the image is not confirmed any more; the updater says so next.
        Ok(self.command(command, None)?.is_ok())
    }

    fn waits_for_its_user(&self) -> bool {
        let on_trial = self.status().is_ok_and(|status| matches!(status.state, State::Trial { .. }));
        on_trial && self.firmware.selftest == SelfTest::Pass
    }

    /// Tells what has changed: progress, and runs that have ended.
    fn watch(&mut self) -> Result<(), Error> {
        if let Some(progress) = self.status()?.progress {
            let size = u64::from(progress.size);
            let ui = self.on.ui;
            let bar = self.progress.get_or_insert_with(|| ui.progress("receiving", size));
            bar.set(progress.received.into());
        } else if let Some(bar) = self.progress.take() {
            bar.finish();
        }
        self.remember()
    }

    /// Notes a run that has ended.
    fn remember(&mut self) -> Result<(), Error> {
        let last = self.status()?.last.copied();
        if last != self.told {
            self.told = last;
            if let Some(last) = &last {
                remember(self.on, last);
            }
        }
        Ok(())
    }

    /// Hands over the next block of the file that is asked for.
    fn fetch(&mut self, ticket: Ticket, uri: &str, offset: u32) -> Result<(), Error> {
        if self.transfer.as_ref().is_none_or(|transfer| transfer.ticket != ticket) {
            let now = self.now();
            let source = match FileSource::open(uri) {
                Ok(source) => source,
                Err(why) => return self.updater.failed(ticket, why, now).map_err(surprised),
            };
            if self.updater.answered(ticket, offset, Some(source.size), &source.tag).is_err() {
                // It asks anew.
                return Ok(());
            }
            self.transfer =
                Some(Transfer { ticket, source: Source::File(source), at: offset, rest: Vec::new() });
        }
        self.block()
    }

    /// Hands over the next block of standard input, where that is what is being received.
    fn deliver(&mut self) -> Result<bool, Error> {
        let State::Receiving { request: Request { via: Via::Push, .. }, .. } = *self.status()?.state else {
            return Ok(false);
        };
        if self.transfer.is_none() {
            let ticket = self.updater.ticket();
            if self.updater.answered(ticket, 0, None, &[]).is_err() {
                return Ok(false);
            }
            self.transfer = Some(Transfer { ticket, source: Source::Stdin, at: 0, rest: Vec::new() });
        }
        let live = self.transfer.as_ref().is_some_and(|transfer| transfer.ticket == self.updater.ticket());
        if live {
            self.block()?;
        }
        Ok(live)
    }

    /// Reads a block, if the last one is used up, and hands over what is taken of it.
    fn block(&mut self) -> Result<(), Error> {
        let now = self.now();
        let Some(transfer) = &mut self.transfer else { return Ok(()) };
        let ticket = transfer.ticket;
        if transfer.rest.is_empty() {
            if self.reading.stop_after == Some(self.blocks) {
                self.on.ui.note(format_args!("stopped after block {}", self.blocks));
                loop {
                    thread::sleep(Duration::from_secs(1));
                }
            }
            let mut block = vec![0; self.reading.block.max(1)];
            let count = match &transfer.source {
                Source::File(file) => file.read(transfer.at, &mut block),
                Source::Stdin => next_of_stdin(&mut block),
            };
            let Ok(count) = count else {
                return self.updater.failed(ticket, Failure::ConnectionLost, now).map_err(surprised);
            };
            block.truncate(count);
            self.so_far.read = self.so_far.read.saturating_add(count as u64);
            self.blocks = self.blocks.saturating_add(1);
            if block.is_empty() {
                return self.updater.complete(ticket, now).map_err(surprised);
            }
            transfer.rest = block;
        }
        match self.updater.chunk(ticket, transfer.at, &transfer.rest, now) {
            Ok(taken) => {
                transfer.rest.drain(..taken.min(transfer.rest.len()));
                transfer.at = transfer.at.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
            }
            // The transfer is over; what is needed now is asked for.
            Err(_) => self.transfer = None,
        }
        Ok(())
    }
}

/// Monotonic time since the process began, and the wall clock.
fn now(start: Instant) -> Now {
    let mono = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Now { mono, wall: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()) }
}

/// A refusal that has no place in this loop.
fn surprised(refused: Refused) -> Error {
    Error::failed(format_args!("the updater refuses what it asked for: {refused}"))
}
