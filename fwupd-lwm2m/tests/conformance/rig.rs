//! A device of two slots with the client, and a server that speaks to it in bytes alone: its requests are made,
//! and the answers read, by another implementation of CoAP.

use std::collections::HashMap;

use coap_lite::{MessageClass, Packet};
use fwupd_coap::block::Szx;
use fwupd_coap::endpoint::Params;
use fwupd_coap::pull::Pull;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator, Outcome};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Settled, Updater};
use fwupd_lwm2m::adapter::{Client, Config, Device as Strings, Handled};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, SelfTest, Sim};
use fwupd_testkit::reference::{factory, layout};

use crate::server::Notice;
pub(crate) use crate::server::{Files, name, uint};

/// Addresses: the server's, somebody else's, and that of the server of files.
pub(crate) const SERVER: u8 = 1;
pub(crate) const STRANGER: u8 = 2;
pub(crate) const FILES: u8 = 3;
/// The number by which the application knows the client.
pub(crate) const ME: Initiator = Initiator(1);

/// Content formats, from the IANA registry.
pub(crate) const TEXT: u16 = 0;
pub(crate) const LINK: u16 = 40;
pub(crate) const OPAQUE: u16 = 42;
pub(crate) const TLV: u16 = 11542;

/// What the application says to `Need::Permit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Yes.
    Yes,
    /// Not now; until then if it is known, milliseconds.
    Defer(Option<u64>),
    /// Nothing yet.
    Silent,
}

/// How the application serves `Need::Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// From the device's files.
    Serve,
    /// Not at all.
    Hold,
    /// It fails.
    Fail(Failure),
    /// By CoAP, from a server of files.
    Coap,
}

/// Sees the device.
pub(crate) type Watcher = Box<dyn FnMut(&Rig)>;

pub(crate) struct Rig {
    pub(crate) device: Device<2>,
    pub(crate) up: Updater<Sim<2>>,
    pub(crate) client: Client<'static, u8>,
    pub(crate) pull: Pull<u8>,
    pub(crate) files: Files,
    config: Config<'static, u8>,
    pub(crate) permit: Permit,
    /// What a reset does to the wall time.
    pub(crate) wall: WallAfterReset,
    pub(crate) fetch: Fetch,
    /// Whether the server is there.
    pub(crate) online: bool,
    /// Whether a reset that is owed is carried out.
    pub(crate) resets: bool,
    /// Resets so far.
    pub(crate) boots: usize,
    /// Registrations that came: query and payload.
    pub(crate) registered: Vec<(Vec<String>, String)>,
    /// Updates of the registration, and its ends.
    pub(crate) requests: Vec<(String, Vec<String>)>,
    /// What the server answers to an update.
    pub(crate) update_answer: MessageClass,
    pub(crate) notices: Vec<Notice>,
    /// Whether the server rejects notifications.
    pub(crate) rejects: bool,
    /// Every datagram that the device sent.
    pub(crate) sent: Vec<Vec<u8>>,
    pub(crate) observed: HashMap<Vec<u8>, String>,
    pub(crate) answers: Vec<Packet>,
    pub(crate) id: u16,
    /// Sees the device after each step of the updater.
    pub(crate) watch: Option<Watcher>,
    /// The last token.
    pub(crate) token: u32,
    out: Vec<u8>,
}

impl Rig {
    /// A device as it leaves the factory, registered.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with another configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Config<'static, u8>)) -> Self {
        Self::of(factory(layout((1, 4, 0xFF))), change)
    }

    /// The same of another device.
    pub(crate) fn of(mut device: Device<2>, change: impl FnOnce(&mut Config<'static, u8>)) -> Self {
        let mut config = Config::new(SERVER, "urn:dev:os:0023C7-000001", 0x1234_5678);
        config.package_name = "firmware";
        config.device = Strings { manufacturer: "Example", model: "demo-board-1", serial: "42" };
        change(&mut config);
        device.bootloader().unwrap();
        let up = device.updater();
        let mut rig = Self {
            device,
            up,
            client: Client::new(config),
            pull: Pull::new(Params::default(), Szx::MAX, 99),
            files: Files::default(),
            config,
            permit: Permit::Yes,
            wall: WallAfterReset::Lost,
            fetch: Fetch::Serve,
            online: true,
            resets: true,
            boots: 0,
            registered: Vec::new(),
            requests: Vec::new(),
            update_answer: MessageClass::from(0x44),
            notices: Vec::new(),
            rejects: false,
            sent: Vec::new(),
            observed: HashMap::new(),
            answers: Vec::new(),
            id: 0x7000,
            watch: None,
            token: 1,
            out: vec![0; 1280],
        };
        rig.settle();
        rig
    }

    pub(crate) fn now(&self) -> Now {
        self.device.clock.now()
    }

    /// Hands in a datagram, again and again while the client asks for that.
    pub(crate) fn deliver(&mut self, from: u8, datagram: &[u8]) {
        for _ in 0..20_000 {
            match self.hand(from, datagram) {
                Handled::Done(_) => return,
                Handled::Again => self.turn(),
            }
        }
        panic!("the client asks for the same datagram for ever");
    }

    /// Hands in a datagram once, and takes what goes back.
    pub(crate) fn hand(&mut self, from: u8, datagram: &[u8]) -> Handled {
        let now = self.now();
        let handled = self.client.handle(from, datagram, now, &mut self.up, &mut self.out);
        if let Handled::Done(length) = handled
            && length > 0
        {
            assert_ne!(from, STRANGER, "a stranger is not answered");
            let datagram = self.out[..length].to_vec();
            self.arrives(&datagram);
        }
        handled
    }

    /// One round of the application: flash, one step of the updater, all that the client has to say.
    pub(crate) fn turn(&mut self) {
        self.device.drain(&mut self.up, "the updater").unwrap();
        let now = self.now();
        let _ = self.up.need(now);
        self.seen();
        self.poll();
        self.device.clock.advance(1);
    }

    fn seen(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            watch(self);
            self.watch = Some(watch);
        }
    }

    /// Takes all that the client has to send.
    pub(crate) fn poll(&mut self) {
        for _ in 0..100 {
            let now = self.now();
            let Some((to, length)) = self.client.poll(now, &mut self.up, &mut self.out) else { return };
            assert_eq!(to, SERVER);
            let datagram = self.out[..length].to_vec();
            self.arrives(&datagram);
        }
        panic!("the client has always something to send");
    }

    /// Lets the device go on until only the outside can help.
    pub(crate) fn settle(&mut self) {
        let mut still = 0;
        for _ in 0..2_000 {
            self.device.drain(&mut self.up, "the updater").unwrap();
            let now = self.now();
            let need = self.up.need(now);
            let moved = match need {
                Need::Again => true,
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.fetch(ticket, &uri, offset)
                }
                Need::Permit { .. } => match self.permit {
                    Permit::Yes => self.up.permit(now).is_ok(),
                    Permit::Defer(until) => self.up.defer(until, now).is_ok(),
                    Permit::Silent => false,
                },
                Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
                Need::Reset => {
                    if self.resets && self.client.drained() {
                        self.reset();
                        true
                    } else {
                        self.resets
                    }
                }
                Need::Wait(until) => self.wait(until),
                Need::Nothing => false,
            };
            self.poll();
            self.device.clock.advance(1);
            still = if moved { 0 } else { still + 1 };
            if still > 2 {
                return;
            }
        }
        panic!("the device does not come to rest");
    }

    fn fetch(&mut self, ticket: fwupd_core::updater::Ticket, uri: &str, offset: u32) -> bool {
        match self.fetch {
            Fetch::Serve => self.device.fetch(&mut self.up, ticket, uri, offset).unwrap(),
            Fetch::Hold => return false,
            Fetch::Coap => {
                let now = self.now();
                self.pull.wants(ticket, FILES, uri, offset, now.mono);
                return self.download(uri);
            }
            Fetch::Fail(why) => {
                let now = self.now();
                let _ = self.up.failed(ticket, why, now);
            }
        }
        true
    }

    fn wait(&mut self, until: u64) -> bool {
        let trial = matches!(self.up.status().unwrap().state, State::Trial { .. });
        if !trial {
            let left = until.saturating_sub(self.now().mono);
            self.device.clock.advance(left);
            return true;
        }
        let now = self.now();
        let by = Initiator::APPLICATION;
        match self.device.self_test {
            // New firmware counts as good once it has reached its server.
            SelfTest::Pass if !self.client.registered() => false,
            SelfTest::Pass => self.up.command(by, Command::Confirm, None, now).is_ok(),
            SelfTest::Fail => {
                let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test failed" };
                self.up.command(by, reject, None, now).is_ok()
            }
            SelfTest::Hang => {
                self.device.clock.advance(until.saturating_sub(now.mono));
                true
            }
            SelfTest::Crash => {
                self.reset();
                true
            }
        }
    }

    /// The device resets: what was in RAM is gone.
    pub(crate) fn reset(&mut self) {
        self.boots += 1;
        self.device.clock.reset(self.wall);
        self.device.bootloader().unwrap();
        self.up = self.device.updater();
        self.config.seed = self.config.seed.wrapping_mul(0x9E37_79B9).wrapping_add(1);
        self.client = Client::new(self.config);
        self.pull = Pull::new(Params::default(), Szx::MAX, self.config.seed);
        self.observed.clear();
    }

    /// Resets, and settles.
    pub(crate) fn reboot(&mut self) {
        self.reset();
        self.settle();
    }

    /// Lets time pass, and the client send what is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now().mono + millis;
        loop {
            self.settle();
            let now = self.now();
            if now.mono >= end {
                return;
            }
            let times = [self.client.poll_timeout(now), self.pull.poll_timeout()];
            let next = times.into_iter().flatten().min().unwrap_or(end).clamp(now.mono + 1, end);
            self.device.clock.advance(next - now.mono);
        }
    }

    pub(crate) fn last(&self) -> Option<Outcome> {
        self.up.status().unwrap().last.copied()
    }

    /// The slot that the bootloader jumped to, which is what the status calls running.
    pub(crate) fn runs(&self) -> SlotId {
        let running = self.up.status().unwrap().running;
        assert_eq!(Some(running), self.device.jumped);
        running
    }

    /// Gives a command of somebody else, and has it written.
    pub(crate) fn command(&mut self, by: u8, command: Command<'_>) {
        let now = self.now();
        self.up.command(Initiator(by), command, None, now).unwrap();
        self.device.drain(&mut self.up, "the updater").unwrap();
        assert_eq!(self.up.settled(Initiator(by)), Settled::Written);
    }
}
