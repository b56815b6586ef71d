//! A device in simulation: flash, clock, the model bootloader, and an application that drives the updater.
//!
//! The model bootloader drives `boot::Selector` and says which slot it jumped to. What runs is read from that
//! jump, never from the updater's status.

use std::cell::RefCell;
use std::collections::HashMap;

use fwupd_core::boot::{Choice, Native, Selector, Verdict};
use fwupd_core::checksum::{Algorithm, Checksums, FileCheck};
use fwupd_core::digest::{Digest, Sha256};
use fwupd_core::flash::{FactoryHead, Layout, Planner, run};
use fwupd_core::image::{SlotId, Version};
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator, Outcome};
use fwupd_core::package::suit::{COMPONENT, Suit, read_kept};
use fwupd_core::package::{Head, Identity, PackageFormat};
use fwupd_core::slot::Slot;
use fwupd_core::trust::{Ed25519Key, Ed25519Keys, KeySet};
use fwupd_core::updater::{Command, Config, Installed, Need, Platform, Policy, Settled, Updater};

use crate::clock::{VirtualClock, WallAfterReset};
use crate::flash::SimFlash;

/// Room for a signed head, bytes.
pub const HEAD: usize = 512;
/// Trial boots of a new image.
pub const TRIALS: u8 = 3;
/// More operations than any boot to rest may take.
const BOUND: usize = 20_000;

/// The platform of a simulated device with `N` slots.
#[derive(Debug)]
pub struct Sim<const N: usize>;

impl<const N: usize> Platform for Sim<N>
where
    [Slot; N]: Default,
{
    type Trust = Ed25519Keys<Vec<Ed25519Key<'static>>>;
    type Package = Suit<HEAD>;
    type Boot = Native<TRIALS>;
    type FileCheck = Sum;
    type Digest = Sha256;
    type Slots = [Slot; N];
}

/// Checksums for tests: all but MD5.
#[derive(Debug)]
pub enum Sum {
    /// A text is the sum of all bytes, four bytes little-endian.
    Bytes(u32),
    /// Any other.
    Standard(Box<Checksums>),
}

impl FileCheck for Sum {
    fn start(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Text => Some(Self::Bytes(0)),
            Algorithm::Md5 => None,
            Algorithm::Sha1
            | Algorithm::Sha224
            | Algorithm::Sha256
            | Algorithm::Sha384
            | Algorithm::Sha512 => Checksums::start(algorithm).map(Box::new).map(Self::Standard),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Bytes(sum) => *sum = bytes.iter().fold(*sum, |sum, byte| sum.wrapping_add((*byte).into())),
            Self::Standard(check) => check.update(bytes),
        }
    }

    fn finish(self, expected: &[u8]) -> bool {
        match self {
            Self::Bytes(sum) => sum.to_le_bytes() == *expected,
            Self::Standard(check) => check.finish(expected),
        }
    }
}

/// What the bootloader checks before it jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Nothing.
    None,
    /// The digest of the image, as its head tells it.
    Digest,
    /// The signature of the head, then the digest.
    Signature,
}

/// What the new firmware does on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTest {
    /// Confirms itself.
    Pass,
    /// Rejects itself.
    Fail,
    /// Does nothing until its deadline.
    Hang,
    /// Resets at once, again and again.
    Crash,
}

/// Where a device has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Nothing is owed any more.
    Still,
    /// Power was lost.
    PowerLost,
    /// The bootloader found nothing to boot.
    Bricked,
}

/// What is known of a device at rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The slot that the bootloader jumped to.
    pub jumped: SlotId,
    /// The slot that the status calls running.
    pub running: SlotId,
    /// The sequence number that the status calls installed.
    pub sequence: u64,
    /// The security counter.
    pub counter: u32,
    /// Where the lifecycle stands.
    pub state: State,
    /// What the slots hold.
    pub slots: Vec<Slot>,
    /// How the last run ended.
    pub last: Option<Outcome>,
}

/// A device: what outlives a reset, and what its surroundings are.
#[derive(Clone)]
pub struct Device<const N: usize> {
    /// Its flash.
    pub flash: SimFlash,
    /// Its clock.
    pub clock: VirtualClock,
    layout: Layout,
    /// What its bootloader checks.
    pub checks: Checks,
    /// What new firmware does on trial.
    pub self_test: SelfTest,
    /// What the integrator decides.
    pub policy: Policy,
    /// The keys it trusts, 32 bytes each.
    pub keys: Vec<[u8; 32]>,
    /// Vendor and class identifiers.
    pub ids: ([u8; 16], [u8; 16]),
    /// Files that it can fetch.
    pub files: HashMap<String, Vec<u8>>,
    /// How many bytes a source gives at once.
    pub block: usize,
    /// Entity tag of all files.
    pub tag: Vec<u8>,
    /// The slot that the bootloader jumped to last.
    pub jumped: Option<SlotId>,
    /// What was seen at the last rest.
    pub seen: Option<Seen>,
    /// Bytes that were fetched.
    pub fetched: usize,
    /// Boots so far.
    pub boots: usize,
    /// Every state that was seen between two steps, in the last run to rest.
    pub states: Vec<State>,
}

impl<const N: usize> Device<N>
where
    [Slot; N]: Default,
{
    /// A device with blank flash.
    ///
    /// # Panics
    /// For a layout that cannot be used.
    pub fn new(layout: Layout, keys: Vec<[u8; 32]>, ids: ([u8; 16], [u8; 16])) -> Self {
        layout.check().expect("the layout is good");
        Self {
            flash: SimFlash::new(layout.parts),
            clock: VirtualClock::new(None),
            layout,
            checks: Checks::Signature,
            self_test: SelfTest::Pass,
            policy: Policy { trial_period: 60_000, ..Policy::default() },
            keys,
            ids,
            files: HashMap::new(),
            block: 100,
            tag: b"v1".to_vec(),
            jumped: None,
            seen: None,
            fetched: 0,
            boots: 0,
            states: Vec::new(),
        }
    }

    /// Its layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Puts an integrated package into the factory slot, as a programmer would: the payload, and its head.
    ///
    /// # Panics
    /// If it does not fit, or is no package that the device would take.
    pub fn provision(&mut self, package: &[u8]) {
        let slot = self.layout.factory_slot;
        let (head, payload) = self.split(package);
        let region = self.layout.slot(slot).expect("a factory slot");
        let placed = FactoryHead::new(&self.layout, slot, &head).expect("room for the head");
        self.flash.fill(region.part, region.from, payload).expect("room for the payload");
        self.flash.fill(region.part, placed.head_at, &head).expect("room for the head");
        self.flash.fill(region.part, placed.trailer_at, &placed.trailer).expect("room for the trailer");
    }

    /// The head and the payload of an integrated package.
    fn split<'a>(&self, package: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let mut format = Suit::<HEAD>::new(COMPONENT);
        let me =
            Identity { vendor: self.ids.0, class: self.ids.1, sequence: 0, slot: 0, revoked: KeySet::NONE };
        let trust = trust(&self.keys);
        let format: &mut dyn PackageFormat<_> = &mut format;
        match format.head(package, &trust, &me) {
            Ok(Head::Done { taken, .. }) => (format.kept().to_vec(), &package[taken..]),
            other => panic!("no integrated package: {other:?}"),
        }
    }

    /// Power comes on: the bootloader chooses, and jumps.
    ///
    /// # Errors
    /// [`Rest::PowerLost`], or [`Rest::Bricked`] when nothing passes its check.
    ///
    /// # Panics
    /// When the bootloader does not come to an end.
    pub fn bootloader(&mut self) -> Result<SlotId, Rest> {
        self.boots += 1;
        let (checks, keys, ids) = (self.checks, self.keys.clone(), self.ids);
        let check = move |slot: SlotId, head: &[u8]| {
            let me =
                Identity { vendor: ids.0, class: ids.1, sequence: 0, slot: slot.0, revoked: KeySet::NONE };
            let trust = trust(&keys);
            let read = match checks {
                Checks::None => return Verdict::Skip,
                Checks::Digest => read_kept(head, COMPONENT, None::<&Ed25519Keys<Vec<Ed25519Key<'_>>>>, &me),
                Checks::Signature => read_kept(head, COMPONENT, Some(&trust), &me),
            };
            read.map_or(Verdict::Refuse, |image| Verdict::Digest(image.into()))
        };
        let mut selector = Selector::<_, Sha256, HEAD>::new(self.layout, check);
        self.drain(&mut selector, "the bootloader")?;
        match selector.choice() {
            Some(Choice::Boot { slot, .. }) => {
                self.jumped = Some(slot);
                Ok(slot)
            }
            Some(Choice::Nothing) => Err(Rest::Bricked),
            None => panic!("the bootloader has neither an operation nor a choice"),
        }
    }

    /// Carries out all operations that a planner has now, and says how many.
    ///
    /// # Errors
    /// [`Rest::PowerLost`].
    ///
    /// # Panics
    /// When there is no end of them.
    pub fn drain(&mut self, planner: &mut impl Planner, who: &str) -> Result<usize, Rest> {
        for n in 0..BOUND {
            match run(planner, &mut self.flash, self.clock.now()) {
                Ok(true) | Err(_) if !self.flash.is_on() => return Err(Rest::PowerLost),
                Ok(true) | Err(_) => {}
                Ok(false) => return Ok(n),
            }
        }
        panic!("{who} does not come to an end");
    }

    /// A fresh updater, as the application makes it, which is told what the bootloader jumped to.
    ///
    /// # Panics
    /// For a configuration that cannot be used.
    pub fn updater(&self) -> Updater<Sim<N>> {
        let config = Config::<Sim<N>> {
            layout: self.layout,
            vendor: self.ids.0,
            class: self.ids.1,
            trust: trust(&self.keys),
            package: Suit::new(COMPONENT),
            boot: self.jumped.map_or(Native::new(), Native::booted),
            policy: self.policy,
            factory: Installed { sequence: 0, version: Version::new("factory").expect("short") },
        };
        Updater::new(config).expect("a good configuration")
    }

    /// Power comes on, or the device is reset: boots until it rests, through as many resets as it asks for.
    pub fn power_on(&mut self) -> Rest {
        self.live(None)
    }

    /// The same, and once it has loaded it is given this command, by this initiator.
    pub fn command(&mut self, by: Initiator, command: Command<'_>) -> Rest {
        self.live(Some((by, command)))
    }

    fn live(&mut self, mut command: Option<(Initiator, Command<'_>)>) -> Rest {
        self.states.clear();
        if !self.flash.is_on() {
            self.flash.power_on();
        }
        for _ in 0..20 {
            self.clock.reset(WallAfterReset::Lost);
            let session = match self.bootloader() {
                Ok(_) => {
                    let mut updater = self.updater();
                    self.session(&mut updater, &mut command)
                }
                Err(rest) => Err(rest),
            };
            match session {
                Ok(true) => return Rest::Still,
                Ok(false) => {}
                Err(rest) => return rest,
            }
        }
        panic!("the device resets for ever");
    }

    /// One boot of the application: to rest (true), or to a reset (false).
    ///
    /// # Errors
    /// [`Rest::PowerLost`].
    ///
    /// # Panics
    /// When it comes to no rest, or refuses the command.
    pub fn session<P: Platform>(
        &mut self,
        updater: &mut Updater<P>,
        command: &mut Option<(Initiator, Command<'_>)>,
    ) -> Result<bool, Rest> {
        for _ in 0..BOUND {
            self.drain(updater, "the updater")?;
            let now = self.clock.now();
            if let Some((by, what)) = command.take_if(|_| updater.status().is_some()) {
                updater.command(by, what, None, now).expect("the command is taken");
                continue;
            }
            if let Some(status) = updater.status()
                && self.states.last() != Some(status.state)
                && updater.settled(Initiator::APPLICATION) != Settled::Pending
            {
                self.states.push(*status.state);
            }
            match updater.need(now) {
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.fetch(updater, ticket, &uri, offset)?;
                }
                Need::Permit { .. } => updater.permit(now).expect("a permit is owed"),
                Need::Boot(want) => panic!("a boot control in flash asks nothing: {want:?}"),
                Need::Reset => return Ok(false),
                Need::Wait(until) => match self.on_trial(updater) {
                    Some(SelfTest::Pass) => {
                        updater.command(Initiator::APPLICATION, Command::Confirm, None, now).expect("taken");
                    }
                    Some(SelfTest::Fail) => {
                        let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test failed" };
                        updater.command(Initiator::APPLICATION, reject, None, now).expect("taken");
                    }
                    Some(SelfTest::Crash) => return Ok(false),
                    Some(SelfTest::Hang) | None => {
                        self.clock.advance(until.saturating_sub(now.mono));
                    }
                },
                Need::Again => {}
                // Nothing is planned, for all that was has been carried out: it rests.
                Need::Nothing => {
                    self.rests(updater);
                    return Ok(true);
                }
            }
        }
        panic!("the application does not come to rest");
    }

    /// Notes what is seen of a device at rest.
    fn rests<P: Platform>(&mut self, updater: &Updater<P>) {
        let status = updater.status().expect("a device at rest has a status");
        self.seen = Some(Seen {
            jumped: self.jumped.expect("it has booted"),
            running: status.running,
            sequence: status.installed.sequence,
            counter: status.counter,
            state: *status.state,
            slots: status.slots.to_vec(),
            last: status.last.copied(),
        });
    }

    fn on_trial<P: Platform>(&self, updater: &Updater<P>) -> Option<SelfTest> {
        match updater.status()?.state {
            State::Trial { .. } => Some(self.self_test),
            State::Idle | State::Checking { .. } | State::Receiving { .. } => None,
            State::Validating { .. } | State::Staged { .. } => None,
            State::Activating { .. } | State::Reverting { .. } => None,
        }
    }

    /// Serves one transfer to its end, or until it is no longer wanted.
    ///
    /// # Errors
    /// [`Rest::PowerLost`].
    pub fn fetch<P: Platform>(
        &mut self,
        updater: &mut Updater<P>,
        ticket: fwupd_core::updater::Ticket,
        uri: &str,
        offset: u32,
    ) -> Result<(), Rest> {
        let Some(file) = self.files.get(uri).cloned() else {
            let _ = updater.failed(ticket, Failure::HostUnknown, self.clock.now());
            return Ok(());
        };
        let total = u32::try_from(file.len()).ok();
        if updater.answered(ticket, offset, total, &self.tag).is_err() {
            return Ok(());
        }
        let mut at = offset as usize;
        let mut calls = 0;
        while at < file.len() {
            calls += 1;
            assert!(calls < 4 * (file.len() + BOUND), "the updater takes nothing any more");
            self.drain(updater, "the updater")?;
            let end = file.len().min(at + self.block);
            match updater.chunk(ticket, at as u32, &file[at..end], self.clock.now()) {
                Ok(taken) => {
                    self.fetched += taken;
                    at += taken;
                }
                Err(_) => return Ok(()),
            }
        }
        self.drain(updater, "the updater")?;
        let _ = updater.complete(ticket, self.clock.now());
        Ok(())
    }
}

/// A trust store of these keys. Each of them is parsed once: a power-cut test makes a store in every boot.
///
/// # Panics
/// For keys that are none, or weak.
pub fn trust(keys: &[[u8; 32]]) -> Ed25519Keys<Vec<Ed25519Key<'static>>> {
    thread_local! {
        static PARSED: RefCell<HashMap<[u8; 32], Ed25519Key<'static>>> = RefCell::default();
    }
    let parse = |key: &[u8; 32]| Ed25519Key::new(key, None).expect("a good key");
    let known =
        |key: &[u8; 32]| PARSED.with_borrow_mut(|known| *known.entry(*key).or_insert_with(|| parse(key)));
    Ed25519Keys::new(keys.iter().map(known).collect()).expect("not too many keys")
}

/// SHA-256 of these bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(bytes);
    digest.finish()
}
