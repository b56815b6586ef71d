//! The device that a story is about, its application, and the way to its manager.

use std::collections::VecDeque;

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator};
use fwupd_core::status::Coarse;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Ticket};

use super::{Ability, Arrived, Case, End, Handled, Message, Order, Rig, Shown, Up};
use crate::clock::WallAfterReset;
use crate::device::{Device, Rest, SelfTest};
use crate::maker::{Flaw, Package};
use crate::reference::{factory, layout, package};

/// The slot of the factory image, and the other one.
pub(super) const OLD: SlotId = SlotId(0);
pub(super) const NEW: SlotId = SlotId(1);
/// Wall time at which a story begins: 2026-11-20T23:09:19Z.
const BEGINS: u64 = 1_795_216_159;
/// More rounds than any rest takes.
const ROUNDS: usize = 5_000;

/// Power was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerLost;

/// How the application serves `Need::Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From the device's files.
    Serves,
    /// Up to this byte, and then nothing.
    Stops(usize),
    /// Up to this byte, and then the connection is lost; from then on it serves.
    Breaks(usize),
    /// It fails.
    Fails(Failure),
}

/// What the application says to `Need::Permit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    Yes,
    /// Not for so long, milliseconds; then yes.
    Later(u64),
    Silent,
}

/// A device with one protocol, and its manager.
pub struct Bench<R: Rig> {
    /// The device.
    pub device: Device<2>,
    /// Its updater.
    pub up: Up,
    /// The protocol.
    pub rig: R,
    pub(super) source: Source,
    pub(super) permit: Permit,
    /// Whether a reset that is owed is carried out.
    pub(super) resets: bool,
    /// Boots since the story began.
    pub(super) boots: u32,
    /// The parts of the lifecycle that were seen at rests, each time that it was another one.
    pub(super) seen: Vec<Coarse>,
    answers: VecDeque<R::Answer>,
}

/// The files that can be fetched, by their names.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let mut corrupt = package("one-integrated.suit");
    *corrupt.last_mut().expect("a payload") ^= 1;
    let foreign = Package { sequence: 5, minor: 0, payload: vec![7; 500], flaw: Flaw::Foreign };
    vec![
        ("new", package("one-integrated.suit")),
        ("newer", package("one-seqmax.suit")),
        ("same", package("one-seq4.suit")),
        ("older", package("one-seq0.suit")),
        ("forged", package("wrongkey.suit")),
        ("large", package("one-integrated-big.suit")),
        ("foreign", foreign.file()),
        ("corrupt", corrupt),
        ("garbage", vec![0x55; 600]),
    ]
}

impl<R: Rig> Bench<R> {
    /// A device as it leaves the factory, at rest.
    ///
    /// # Panics
    /// When it does not come to rest.
    pub fn new(ask: Ask) -> Self {
        let mut device = factory(layout((1, 4, 0xFF)));
        device.files.extend(files().into_iter().map(|(name, file)| (Self::at(name), file)));
        device.clock.set_wall(Some(BEGINS));
        Self::on(device, ask)
    }

    /// The same of a device that is off, whatever it has been through.
    pub(super) fn on(mut device: Device<2>, ask: Ask) -> Self {
        device.bootloader().expect("it boots");
        let (up, rig) = (device.updater(), R::new(ask));
        let mut bench = Self {
            device,
            up,
            rig,
            source: Source::Serves,
            permit: Permit::Yes,
            resets: true,
            boots: 0,
            seen: Vec::new(),
            answers: VecDeque::new(),
        };
        bench.rig.boot(0, bench.now());
        bench.settle().and_then(|()| R::meets(&mut bench)).expect("power is on");
        bench
    }

    /// Where a file is.
    pub(super) fn at(name: &str) -> String {
        format!("{}{name}", R::BASE)
    }

    /// Whether the protocol has words for it.
    pub(super) fn can(ability: Ability) -> bool {
        R::CANNOT.iter().all(|(cannot, _)| *cannot != ability)
    }

    /// The time.
    pub fn now(&self) -> Now {
        self.device.clock.now()
    }

    /// Hands a message to the device, again and again while it asks for that.
    ///
    /// # Errors
    /// [`PowerLost`].
    fn deliver(&mut self, message: &Message) -> Result<(), PowerLost> {
        for _ in 0..ROUNDS {
            let now = self.now();
            match self.rig.handle(message, now, &mut self.up) {
                Handled::Done(None) => return Ok(()),
                Handled::Done(Some(back)) => return self.arrives(&back),
                Handled::Again => self.turn()?,
            }
        }
        panic!("the device asks for the same message for ever: {message:?}");
    }

    /// A message has come to the manager.
    fn arrives(&mut self, message: &Message) -> Result<(), PowerLost> {
        let Arrived { answer, back } = self.rig.arrives(message);
        self.answers.extend(answer);
        back.map_or(Ok(()), |back| self.deliver(&back))
    }

    /// Sends a message of the manager, and waits for its answer.
    ///
    /// # Errors
    /// [`PowerLost`].
    ///
    /// # Panics
    /// When there is none.
    pub fn ask(&mut self, message: &Message) -> Result<R::Answer, PowerLost> {
        self.answers.clear();
        self.deliver(message)?;
        for _ in 0..ROUNDS {
            if let Some(answer) = self.answers.pop_front() {
                return Ok(answer);
            }
            self.turn()?;
        }
        panic!("no answer to {message:?}");
    }

    /// One round of the application: flash, one step of the updater, all that the device has to say.
    fn turn(&mut self) -> Result<(), PowerLost> {
        self.drain()?;
        let now = self.now();
        let _ = self.up.need(now);
        self.poll()?;
        self.device.clock.advance(1);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), PowerLost> {
        match self.device.drain(&mut self.up, "the updater") {
            Ok(_) if self.device.flash.is_on() => Ok(()),
            Ok(_) | Err(_) => Err(PowerLost),
        }
    }

    /// Takes all that the device has to send.
    fn poll(&mut self) -> Result<(), PowerLost> {
        for _ in 0..100 {
            let now = self.now();
            let Some(message) = self.rig.poll(now, &mut self.up) else { return Ok(()) };
            self.arrives(&message)?;
        }
        panic!("the device has always something to send");
    }

    /// Reads what is shown, and compares it with where the core stands and with what runs.
    ///
    /// # Errors
    /// [`PowerLost`].
    ///
    /// # Panics
    /// When they differ.
    pub fn look(&mut self) -> Result<(), PowerLost> {
        if self.up.status().is_none() {
            return Ok(());
        }
        let shown = R::read(self)?;
        let status = self.up.status().expect("it was read");
        let is = Coarse::of(status.state);
        assert!(shown.coarse.contains(is), "{shown:?} is shown in {:?}", status.state);
        assert_eq!(Some(status.running), self.device.jumped, "the status is not what runs");
        if self.seen.last() != Some(&is) {
            self.seen.push(is);
        }
        Ok(())
    }

    /// Lets the device go on until only the outside or time can help.
    ///
    /// # Errors
    /// [`PowerLost`].
    ///
    /// # Panics
    /// When it does not come to rest.
    pub fn settle(&mut self) -> Result<(), PowerLost> {
        let mut still = 0;
        for _ in 0..ROUNDS {
            self.drain()?;
            let now = self.now();
            let moved = match self.up.need(now) {
                Need::Again => true,
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.fetch(ticket, &uri, offset)?
                }
                Need::Permit { .. } => match self.permit {
                    Permit::Yes => self.up.permit(now).is_ok(),
                    Permit::Later(millis) => {
                        self.permit = Permit::Yes;
                        self.up.defer(Some(millis), now).is_ok()
                    }
                    Permit::Silent => false,
                },
                Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
                Need::Reset if self.resets => {
                    self.poll()?;
                    if self.rig.drained() {
                        self.reset()?;
                    }
                    true
                }
                Need::Wait(until) => self.wait(until)?,
                Need::Reset | Need::Nothing => false,
            };
            self.poll()?;
            self.look()?;
            self.device.clock.advance(1);
            still = if moved { 0 } else { still + 1 };
            if still > 2 {
                return Ok(());
            }
        }
        panic!("the device does not come to rest: {:?}", self.up.need(self.device.clock.now()));
    }

    /// Lets the device go on until the last byte of a download is in, and it is being checked.
    ///
    /// # Panics
    /// When it does not come so far.
    pub(super) fn received_all(&mut self) -> Result<(), PowerLost> {
        for _ in 0..ROUNDS {
            self.drain()?;
            let now = self.now();
            if let Need::Fetch { ticket, uri, offset, .. } = self.up.need(now) {
                let uri = uri.to_owned();
                self.fetch(ticket, &uri, offset)?;
            }
            // A request finds nothing being written, and is taken before the check has ended.
            self.drain()?;
            if matches!(self.up.status().map(|status| status.state), Some(State::Validating { .. })) {
                return Ok(());
            }
            self.poll()?;
            self.device.clock.advance(1);
        }
        panic!("nothing is checked: {:?}", self.up.need(self.device.clock.now()));
    }

    fn fetch(&mut self, ticket: Ticket, uri: &str, offset: u32) -> Result<bool, PowerLost> {
        let now = self.now();
        let Some(file) = self.device.files.get(uri).cloned() else {
            return Ok(self.up.failed(ticket, Failure::HostUnknown, now).is_ok());
        };
        let to = match self.source {
            Source::Serves => file.len(),
            Source::Stops(at) | Source::Breaks(at) => at,
            Source::Fails(why) => return Ok(self.up.failed(ticket, why, now).is_ok()),
        };
        let mut at = offset as usize;
        if at >= to && to < file.len() {
            return Ok(false);
        }
        let total = u32::try_from(file.len()).ok();
        if self.up.answered(ticket, offset, total, &self.device.tag).is_err() {
            return Ok(true);
        }
        while at < to {
            self.drain()?;
            let end = to.min(at + self.device.block);
            match self.up.chunk(ticket, at as u32, &file[at..end], now) {
                Ok(taken) => at += taken,
                Err(_) => return Ok(true),
            }
        }
        self.drain()?;
        match self.source {
            Source::Serves => _ = self.up.complete(ticket, now),
            Source::Breaks(_) => {
                self.source = Source::Serves;
                let _ = self.up.failed(ticket, Failure::ConnectionLost, now);
            }
            Source::Stops(_) | Source::Fails(_) => {}
        }
        Ok(true)
    }

    fn wait(&mut self, until: u64) -> Result<bool, PowerLost> {
        let now = self.now();
        let trial = matches!(self.up.status().map(|status| status.state), Some(State::Trial { .. }));
        let by = Initiator::APPLICATION;
        match self.device.self_test {
            SelfTest::Pass if trial => {
                Ok(self.rig.reached() && self.up.command(by, Command::Confirm, None, now).is_ok())
            }
            SelfTest::Fail if trial => {
                let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test failed" };
                Ok(self.up.command(by, reject, None, now).is_ok())
            }
            SelfTest::Crash if trial => self.reset().map(|()| true),
            SelfTest::Pass | SelfTest::Fail | SelfTest::Hang | SelfTest::Crash => {
                self.device.clock.advance(until.saturating_sub(now.mono));
                Ok(true)
            }
        }
    }

    /// The device resets: what was in RAM is gone.
    pub(super) fn reset(&mut self) -> Result<(), PowerLost> {
        self.boots += 1;
        self.device.clock.reset(WallAfterReset::GoesOn);
        self.answers.clear();
        match self.device.bootloader() {
            Ok(_) => {}
            Err(Rest::PowerLost) => return Err(PowerLost),
            Err(rest @ (Rest::Still | Rest::Bricked)) => panic!("there is nothing to boot: {rest:?}"),
        }
        self.up = self.device.updater();
        self.rig.boot(self.boots, self.device.clock.now());
        Ok(())
    }

    /// Power comes back, or is taken away for a moment.
    pub(super) fn power_on(&mut self) -> Result<(), PowerLost> {
        if !self.device.flash.is_on() {
            self.device.flash.power_on();
        }
        self.reset()?;
        self.settle()
    }

    /// Lets time pass, and the device do what is due.
    pub(super) fn pass(&mut self, seconds: u64) -> Result<(), PowerLost> {
        let mut left = seconds * 1000;
        loop {
            self.settle()?;
            let now = self.now();
            if left == 0 {
                return Ok(());
            }
            let due = self.rig.timeout(now).map_or(left, |at| at.saturating_sub(now.mono)).clamp(1, left);
            self.device.clock.advance(due);
            left -= due;
        }
    }

    /// The manager asks for something; its answers.
    ///
    /// # Panics
    /// When the protocol has no words for it.
    pub(super) fn say(&mut self, order: Order<'_>) -> Result<String, PowerLost> {
        let said = R::say(self, order)?;
        Ok(said.unwrap_or_else(|| panic!("{} has no words for {order:?}, and no entry says so", R::NAME)))
    }

    /// The manager asks for something, and is answered as the specification says.
    ///
    /// # Panics
    /// When it is not.
    pub(super) fn asks(&mut self, order: Order<'_>, case: Case) -> Result<(), PowerLost> {
        let said = self.say(order)?;
        assert_eq!(said, R::answers(order, case), "the answer to {order:?}, {case:?}");
        Ok(())
    }

    /// The manager asks for something, is told that it is taken, and the device does it.
    pub(super) fn does(&mut self, order: Order<'_>) -> Result<(), PowerLost> {
        self.asks(order, Case::Taken)?;
        self.settle()
    }

    /// The sequence number that is installed.
    pub(super) fn sequence(&self) -> u64 {
        self.up.status().expect("it has booted").installed.sequence
    }

    /// Payload bytes that have been received.
    pub(super) fn received(&self) -> u32 {
        self.up.status().and_then(|status| status.progress).map_or(0, |progress| progress.received)
    }

    /// What is shown.
    pub(super) fn shown(&mut self) -> Result<Shown, PowerLost> {
        R::read(self)
    }

    /// That it has come to this end, by what is shown and by what the core says, and that this slot runs.
    ///
    /// # Panics
    /// When it has not.
    pub(super) fn ends(&mut self, end: End, runs: SlotId) -> Result<(), PowerLost> {
        let shown = self.shown()?;
        assert_eq!(shown.text, R::shows(end), "what is shown: {end:?}");
        let status = self.up.status().expect("it has booted");
        if let Some((coarse, at, what)) = end.core() {
            let last = status.last.map(|last| (last.at, last.what));
            assert_eq!((Coarse::of(status.state), last), (coarse, Some((at, what))), "the core: {end:?}");
        }
        assert_eq!(self.device.jumped, Some(runs), "what the bootloader jumped to: {end:?}");
        Ok(())
    }
}
