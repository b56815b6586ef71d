//! A device that lives: it boots, is given an order, goes on until it rests, and is watched meanwhile.

use fwupd_core::flash::run;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State, Watch};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, Run, What};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::trust::KeyId;
use fwupd_core::updater::{Command, Job, Need, Settled, Ticket, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, Rest, Sim};

use crate::board::{self, counter_of};
use crate::model::{End, Holds, Order, Stage, TRIALS, Trial, View, Why};
use crate::points::{Model, Point};

/// Who gives orders.
const MANAGER: Initiator = Initiator(1);
const NOTE: &[u8] = b"a note";

/// What happens in a life, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Power comes on, or the device is reset.
    Boots,
    /// The bootloader has jumped to this slot.
    Jumps(u8),
    /// The order is given.
    Ordered,
    /// The application confirms or rejects what is on trial.
    Judged,
    /// The status shows something else than before.
    Sees(View),
}

/// A beat, and the operations before it.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) beat: Beat,
    /// Writes and erases.
    pub(crate) mutating: u64,
    /// All operations.
    pub(crate) ops: u64,
}

/// How a life went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// At rest.
    Still,
    PowerLost,
    /// Nothing boots.
    Bricked,
    /// Its records cannot be read or written now: it waits for a reset.
    Stuck,
}

/// A device, and what was seen of it.
#[derive(Clone)]
pub(crate) struct Life<const N: usize> {
    pub(crate) device: Device<N>,
    pub(crate) trial: Trial,
    pub(crate) moments: Vec<Moment>,
    /// What it looked like last.
    pub(crate) view: Option<View>,
    /// A slot whose bytes are known to have decayed.
    pub(crate) decayed: Option<u8>,
    /// What an order was refused with.
    pub(crate) refused: Option<fwupd_core::outcome::Refused>,
    /// How many writes or erases were cut so that what they left reads differently each time.
    pub(crate) unstable: usize,
    /// How often such a word was settled later than by the first boot.
    pub(crate) settled_late: usize,
    /// Whether a read was made to fail for good: what cannot be read is taken for something else.
    pub(crate) unreadable: bool,
    /// The slot that was seen confirmed last.
    confirmed: Option<u8>,
    /// The slot that was confirmed and was not seen to be.
    confirming: Option<u8>,
    /// Boots in a row of an image that is not confirmed.
    unconfirmed: u8,
    /// A run that was seen at work, and has not been seen to end.
    open: Option<Run>,
}

impl<const N: usize> Life<N>
where
    [Slot; N]: Default,
{
    pub(crate) fn new(device: Device<N>) -> Self {
        Self {
            device,
            trial: Trial::Passes,
            moments: Vec::new(),
            view: None,
            decayed: None,
            refused: None,
            unstable: 0,
            settled_late: 0,
            unreadable: false,
            confirmed: None,
            confirming: None,
            unconfirmed: 0,
            open: None,
        }
    }

    /// Arms a cut.
    pub(crate) fn arm(&mut self, point: &Point) {
        self.device.flash.cut_at(point.index, point.place, point.torn.clone());
        self.unstable += usize::from(point.model == Model::Unstable);
    }

    /// Boots and goes on until it rests or cannot.
    pub(crate) fn live(&mut self, mut order: Option<&Order>) -> Ended {
        if !self.device.flash.is_on() {
            self.device.flash.power_on();
        }
        for _ in 0..20 {
            self.device.clock.reset(WallAfterReset::Lost);
            self.beat(Beat::Boots);
            let jumped = match self.device.bootloader() {
                Ok(slot) => slot.0,
                Err(Rest::PowerLost) => return Ended::PowerLost,
                Err(Rest::Bricked | Rest::Still) => return Ended::Bricked,
            };
            self.jumps(jumped);
            let mut updater = self.device.updater();
            match self.session(&mut updater, &mut order) {
                Ok(Some(ended)) => return ended,
                Ok(None) => {}
                Err(_) => return Ended::PowerLost,
            }
        }
        panic!("the device resets for ever");
    }

    /// One boot: to its end, or to a reset.
    fn session(
        &mut self,
        updater: &mut Updater<Sim<N>>,
        order: &mut Option<&Order>,
    ) -> Result<Option<Ended>, Rest> {
        let mut pushed = None;
        for _ in 0..5_000 {
            self.drain(updater)?;
            let now = self.device.clock.now();
            if let Some(order) = order.take_if(|_| updater.status().is_some()) {
                self.beat(Beat::Ordered);
                self.refused = give(updater, order, now).err();
                pushed = self.refused.is_none().then(|| order.pushed()).flatten();
                continue;
            }
            if let Some(image) = pushed.take() {
                self.deliver(updater, updater.ticket(), image, 0)?;
                continue;
            }
            match updater.need(now) {
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.fetch(updater, ticket, &uri, offset)?;
                }
                Need::Permit { .. } => updater.permit(now).unwrap(),
                Need::Boot(want) => panic!("a boot control in flash asks nothing: {want:?}"),
                Need::Reset => return Ok(None),
                Need::Wait(until) => {
                    let testing = updater.status().is_some_and(|status| is_testing(status.state));
                    match self.trial {
                        Trial::Passes | Trial::Fails if testing => {
                            self.beat(Beat::Judged);
                            let verdict = if self.trial == Trial::Passes {
                                self.confirming = self.device.jumped.map(|slot| slot.0);
                                Command::Confirm
                            } else {
                                Command::Reject { why: Failure::Rejected, detail: b"self-test failed" }
                            };
                            updater.command(Initiator::APPLICATION, verdict, None, now).unwrap();
                        }
                        Trial::Crashes if testing => return Ok(None),
                        Trial::Passes | Trial::Fails | Trial::Hangs | Trial::Crashes => {
                            self.device.clock.advance(until.saturating_sub(now.mono));
                        }
                    }
                }
                Need::Again => {}
                Need::Nothing => {
                    let known = updater.status().is_some();
                    return Ok(Some(if known { Ended::Still } else { Ended::Stuck }));
                }
            }
        }
        panic!("the application does not come to rest");
    }

    /// Carries out all operations that there are, and looks after each that may have changed something.
    fn drain(&mut self, updater: &mut Updater<Sim<N>>) -> Result<(), Rest> {
        for _ in 0..5_000 {
            let mutating = self.device.flash.total().mutating();
            let more = run(updater, &mut self.device.flash, self.device.clock.now());
            if !self.device.flash.is_on() {
                return Err(Rest::PowerLost);
            }
            let more = more.unwrap_or(true);
            if !more || mutating != self.device.flash.total().mutating() {
                self.look(updater);
            }
            if !more {
                return Ok(());
            }
        }
        panic!("the updater does not come to an end");
    }

    fn fetch(
        &mut self,
        updater: &mut Updater<Sim<N>>,
        ticket: Ticket,
        uri: &str,
        offset: u32,
    ) -> Result<(), Rest> {
        let made = board::images().iter().skip(1).find(|made| board::uri(made.image) == uri).unwrap();
        let total = u32::try_from(made.file.len()).ok();
        match updater.answered(ticket, offset, total, b"v1") {
            Ok(()) => self.deliver(updater, ticket, made.image, offset),
            Err(_) => Ok(()),
        }
    }

    /// Brings the bytes of a file from `offset` on.
    fn deliver(
        &mut self,
        updater: &mut Updater<Sim<N>>,
        ticket: Ticket,
        image: u64,
        offset: u32,
    ) -> Result<(), Rest> {
        let file = &board::images().iter().find(|made| made.image == image).unwrap().file;
        let mut at = offset as usize;
        for _ in 0..5_000 {
            self.drain(updater)?;
            if at == file.len() {
                let _ = updater.complete(ticket, self.device.clock.now());
                return Ok(());
            }
            let end = file.len().min(at + 256);
            match updater.chunk(ticket, at as u32, &file[at..end], self.device.clock.now()) {
                Ok(taken) => at += taken,
                Err(_) => return Ok(()),
            }
        }
        panic!("the updater takes nothing any more");
    }

    fn beat(&mut self, beat: Beat) {
        let total = self.device.flash.total();
        self.moments.push(Moment { beat, mutating: total.mutating(), ops: total.ops() });
    }

    /// The bootloader has jumped.
    fn jumps(&mut self, slot: u8) {
        self.beat(Beat::Jumps(slot));
        self.unverified_bytes_are_never_selected(slot);
        if let Some(confirmed) = self.confirmed {
            self.what_is_confirmed_runs_unless_it_fails_its_check(confirmed, slot);
        }
    }

    /// Unverified bytes are never selected: what was jumped to are the bytes of an image that was signed.
    fn unverified_bytes_are_never_selected(&self, slot: u8) {
        assert!(board::held(&self.device, slot).is_some(), "slot {slot} holds no signed image");
    }

    /// A confirmed image that passes its check never reverts by itself, one that fails it is fallen back from, and
    /// one that is not confirmed is booted no more often than it has trial boots.
    fn what_is_confirmed_runs_unless_it_fails_its_check(&mut self, confirmed: u8, slot: u8) {
        if slot == confirmed {
            self.unconfirmed = 0;
            assert_ne!(Some(slot), self.decayed, "a slot is booted that fails its check");
        } else if Some(confirmed) == self.decayed || self.unreadable {
            self.confirmed = Some(slot);
        } else if Some(slot) == self.confirming {
            self.unconfirmed = 0;
        } else {
            self.unconfirmed += 1;
            assert!(self.unconfirmed <= TRIALS, "slot {slot} is booted again, and was never confirmed");
        }
    }

    /// Notes what the status shows, once it stands in flash.
    fn look(&mut self, updater: &Updater<Sim<N>>) {
        let Some(status) = updater.status() else { return };
        if updater.settled(Initiator::APPLICATION) == Settled::Pending {
            return;
        }
        let view = view(updater);
        // The status is what the bootloader jumped to.
        assert_eq!(Some(status.running), self.device.jumped, "the status is not what runs");
        self.the_counter_is_not_above_what_is_confirmed(&view);
        self.an_outcome_is_told(status.run, &view);
        match *status.state {
            State::Trial { watch: Watch::Testing, .. } => {}
            State::Activating { .. } => {}
            State::Trial { watch: Watch::Confirming, .. } => self.confirming = Some(view.runs),
            State::Reverting { .. } => self.confirming = None,
            State::Idle | State::Checking { .. } | State::Receiving { .. } => {
                self.confirmed = Some(view.runs)
            }
            State::Validating { .. } | State::Staged { .. } => self.confirmed = Some(view.runs),
        }
        if self.view.as_ref() != Some(&view) {
            self.view = Some(view.clone());
            self.beat(Beat::Sees(view));
        }
    }

    /// The security counter never exceeds that of the confirmed image.
    fn the_counter_is_not_above_what_is_confirmed(&self, view: &View) {
        let confirmed = match view.stage {
            Stage::Trial { .. } => view.counter <= counter_of(view.installed).max(self.confirming_counter()),
            Stage::Rest | Stage::Receiving | Stage::Validating | Stage::Staged { .. } => {
                view.counter <= counter_of(view.installed)
            }
            Stage::Armed | Stage::Reverting => view.counter <= counter_of(view.installed),
        };
        assert!(confirmed, "the counter is above what is confirmed: {view:?}");
    }

    fn confirming_counter(&self) -> u32 {
        self.confirming.and_then(|slot| board::held(&self.device, slot)).map_or(0, counter_of)
    }

    /// An outcome is told at least once: what was seen at work says how it ended before it is idle.
    fn an_outcome_is_told(&mut self, run: Run, view: &View) {
        let at_work = match view.stage {
            Stage::Rest | Stage::Staged { wanted: false, .. } => false,
            Stage::Receiving | Stage::Validating | Stage::Staged { wanted: true, .. } => true,
            Stage::Armed | Stage::Trial { .. } | Stage::Reverting => true,
        };
        if at_work {
            self.open = Some(run);
        } else if let Some(open) = self.open.take() {
            assert!(run >= open && view.last.is_some(), "{open:?} ended, and how is not told: {view:?}");
        }
    }
}

fn is_testing(state: &State) -> bool {
    matches!(state, State::Trial { watch: Watch::Testing, .. })
}

fn fetches<'a>(pushed: bool) -> fn(Job<'a>) -> Command<'a> {
    if pushed { Command::Receive } else { Command::Fetch }
}

fn give<const N: usize>(
    updater: &mut Updater<Sim<N>>,
    order: &Order,
    now: fwupd_core::time::Now,
) -> Result<(), fwupd_core::outcome::Refused>
where
    [Slot; N]: Default,
{
    let asked = |asks| if asks { Ask::User } else { Ask::No };
    let command = match *order {
        Order::Fetch(load) => fetches(load.pushed)(Job {
            uri: Some(board::uri(load.image)).filter(|_| !load.pushed),
            reach: if load.activates { Reach::Activate(asked(load.asks)) } else { Reach::Stage },
            target: Some(SlotId(load.slot)),
            after: if load.resumes { AfterReset::Resume } else { AfterReset::Fail },
            file_check: None,
        }),
        Order::Activate { asks } => Command::Activate { slot: None, ask: asked(asks) },
        Order::Cancel => Command::Cancel,
        Order::Discard { keep } => Command::Discard { keep_slot: keep },
        Order::Enable { slot, on } => Command::Enable(SlotId(slot), on),
        Order::Preset { slot } => Command::Preset(SlotId(slot)),
        Order::FactoryReset => Command::FactoryReset,
        Order::Revoke => return updater.revoke(KeyId(1)),
        Order::Note => return updater.remember(MANAGER, NOTE),
    };
    updater.command(MANAGER, command, None, now).map(|_| ())
}

fn why(failure: Failure) -> Why {
    match failure {
        Failure::PowerLost => Why::PowerLost,
        Failure::BootFailed => Why::BootFailed,
        Failure::Rejected => Why::Rejected,
        Failure::NotConfirmed => Why::NotConfirmed,
        Failure::Cancelled => Why::Cancelled,
        Failure::Integrity => Why::Integrity,
        Failure::InstallFailed => Why::InstallFailed,
        Failure::RecordLost => Why::RecordLost,
        other => panic!("nothing here fails for {other:?}"),
    }
}

fn view<const N: usize>(updater: &Updater<Sim<N>>) -> View
where
    [Slot; N]: Default,
{
    let status = updater.status().unwrap();
    let stage = match *status.state {
        State::Idle | State::Checking { .. } => Stage::Rest,
        State::Receiving { .. } => Stage::Receiving,
        State::Validating { .. } => Stage::Validating,
        State::Staged { image, wanted } => Stage::Staged { slot: image.slot().0, wanted: wanted.is_some() },
        State::Activating { .. } => Stage::Armed,
        State::Trial { left, .. } => Stage::Trial { left },
        State::Reverting { .. } => Stage::Reverting,
    };
    let holds = |slot: &Slot| match slot {
        Slot::Empty => Holds::Empty,
        Slot::Partial => Holds::Partial,
        Slot::Verified(verified, enabled) => {
            Holds::Good { image: verified.image().sequence, on: *enabled == Enabled::Yes }
        }
        Slot::Failed { why: failure, .. } => Holds::Failed(why(*failure)),
    };
    View {
        runs: status.running.0,
        next: status.next_boot.0,
        previous: status.previous.map(|slot| slot.0),
        counter: status.counter,
        installed: status.installed.sequence,
        slots: status.slots.iter().map(holds).collect(),
        stage,
        last: status.last.map(|last| match last.what {
            What::Done => End::Done,
            What::Failed(failure) => End::Failed(why(failure)),
        }),
        revoked: updater.revoked().holds(KeyId(1)),
        note: updater.recall(MANAGER) == Some(NOTE),
    }
}
