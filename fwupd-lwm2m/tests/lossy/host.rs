//! The device: a simulated one with the client and a download, on a socket each.

use std::collections::VecDeque;

use fwupd_coap::block::Szx;
use fwupd_coap::endpoint::Params;
use fwupd_coap::pull::{self, Pull};
use fwupd_core::flash::run;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator};
use fwupd_core::updater::{Command, Need, Updater};
use fwupd_lwm2m::adapter::{Client, Config, Handled};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, Sim};
use fwupd_testkit::link::Link;
use fwupd_testkit::random::Random;
use fwupd_testkit::reference::{factory, layout};

use crate::manager::{FILES, SERVER};

/// Addresses: where it is served, and where it downloads.
pub(crate) const CLIENT: u8 = 1;
pub(crate) const DOWNLOAD: u8 = 2;

/// From a reset to the first instruction of the application, milliseconds: longer than a datagram may be late.
const BOOT: u64 = 1_500;
/// For how long a reset waits until all is told, milliseconds.
const GRACE: u64 = 120_000;

pub(crate) struct Host {
    pub(crate) device: Device<2>,
    pub(crate) up: Updater<Sim<2>>,
    pub(crate) client: Client<'static, u8>,
    pull: Pull<u8>,
    random: Random,
    /// When it was switched on, in the time of the link.
    on: u64,
    /// Until when it is off.
    off: Option<u64>,
    /// Since when a reset is owed.
    reset: Option<u64>,
    /// How long an operation on the flash takes, and until when one is at work.
    pub(crate) flash: u64,
    flash_until: u64,
    /// Whether what is on trial rejects itself.
    pub(crate) faulty: bool,
    /// When the updater wants to be asked again.
    wait: Option<u64>,
    inbox: [VecDeque<(u8, Vec<u8>)>; 2],
    out: Vec<u8>,
    /// Resets so far.
    pub(crate) resets: u32,
}

fn client(random: &mut Random) -> Client<'static, u8> {
    Client::new(Config::new(SERVER, "urn:dev:os:0023C7-000001", random.next_u64() as u32))
}

fn download(random: &mut Random) -> Pull<u8> {
    Pull::new(Params::default(), Szx::MAX, random.next_u64() as u32)
}

impl Host {
    /// A device as it leaves the factory.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut device = factory(layout((1, 4, 0xFF)));
        // A registration that has to be made again must not end a trial.
        device.policy.trial_period = 600_000;
        device.bootloader().unwrap();
        device.clock.reset(WallAfterReset::Lost);
        Self {
            up: device.updater(),
            client: client(&mut random),
            pull: download(&mut random),
            device,
            random,
            on: 0,
            off: None,
            reset: None,
            flash: 0,
            flash_until: 0,
            faulty: false,
            wait: None,
            inbox: Default::default(),
            out: vec![0; 1280],
            resets: 0,
        }
    }

    /// Does all that can be done at this time.
    pub(crate) fn step(&mut self, now: u64, link: &mut Link<u8>) {
        for (host, inbox) in [CLIENT, DOWNLOAD].into_iter().zip(&mut self.inbox) {
            while let Some(datagram) = link.receive(now, host) {
                inbox.push_back(datagram);
            }
        }
        if let Some(until) = self.off {
            self.inbox.iter_mut().for_each(VecDeque::clear);
            if now < until {
                return;
            }
            self.boot(now);
        }
        let passed = now - self.on - self.device.clock.now().mono;
        self.device.clock.advance(passed);
        for _ in 0..10_000 {
            if !self.turn(now, link) {
                return;
            }
        }
        panic!("the device does not come to rest");
    }

    fn boot(&mut self, now: u64) {
        (self.on, self.off, self.reset) = (now, None, None);
        self.resets += 1;
        self.device.clock.reset(WallAfterReset::Lost);
        self.device.bootloader().unwrap();
        self.up = self.device.updater();
        self.client = client(&mut self.random);
        self.pull = download(&mut self.random);
    }

    /// One round of the application; whether anything was done.
    fn turn(&mut self, now: u64, link: &mut Link<u8>) -> bool {
        let time = self.device.clock.now();
        let mut moved = false;
        if now >= self.flash_until {
            if run(&mut self.up, &mut self.device.flash, time).unwrap() {
                self.flash_until = now + self.flash;
                moved = true;
            } else {
                moved = self.need(now);
            }
        }
        if self.off.is_some() {
            return false;
        }
        let [own, download] = &mut self.inbox;
        if let Some((from, datagram)) = own.front() {
            match self.client.handle(*from, datagram, time, &mut self.up, &mut self.out) {
                Handled::Done(length) => {
                    send(link, now, CLIENT, *from, &self.out[..length]);
                    own.pop_front();
                    moved = true;
                }
                Handled::Again => {}
            }
        }
        if let Some((from, datagram)) = download.front() {
            match self.pull.handle(*from, datagram, time, &mut self.up, &mut self.out) {
                pull::Handled::Done(length) => {
                    send(link, now, DOWNLOAD, *from, &self.out[..length]);
                    download.pop_front();
                    moved = true;
                }
                pull::Handled::Again => {}
            }
        }
        while let Some((to, length)) = self.client.poll(time, &mut self.up, &mut self.out) {
            send(link, now, CLIENT, to, &self.out[..length]);
        }
        while let Some((to, length)) = self.pull.poll(time, &mut self.up, &mut self.out) {
            send(link, now, DOWNLOAD, to, &self.out[..length]);
        }
        moved
    }

    /// Does what the updater needs; whether it goes on at once.
    fn need(&mut self, now: u64) -> bool {
        let time = self.device.clock.now();
        self.wait = None;
        match self.up.need(time) {
            Need::Fetch { ticket, uri, offset, .. } => {
                if uri.starts_with("coap://files/") {
                    self.pull.wants(ticket, FILES, uri, offset, time.mono);
                } else {
                    let _ = self.up.failed(ticket, Failure::HostUnknown, time);
                }
                false
            }
            Need::Permit { .. } => self.up.permit(time).is_ok(),
            Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
            Need::Reset => {
                let since = *self.reset.get_or_insert(now);
                if self.client.drained() || now >= since + GRACE {
                    self.off = Some(now + BOOT);
                }
                false
            }
            Need::Wait(until) => {
                self.wait = Some(self.on + until);
                let on_trial = matches!(self.up.status().unwrap().state, State::Trial { .. });
                let verdict = match (on_trial && self.client.registered(), self.faulty) {
                    (false, _) => return false,
                    (true, false) => Command::Confirm,
                    (true, true) => Command::Reject { why: Failure::Rejected, detail: b"self-test failed" },
                };
                self.up.command(Initiator::APPLICATION, verdict, None, time).is_ok()
            }
            Need::Again => true,
            Need::Nothing => false,
        }
    }

    /// When there is something to do again, whatever comes in.
    pub(crate) fn timeout(&self, now: u64) -> Option<u64> {
        if self.off.is_some() {
            return self.off;
        }
        let time = self.device.clock.now();
        let flash = Some(self.flash_until).filter(|until| *until > now);
        // A datagram that waits for more than the flash is tried again.
        let held = flash.is_none() && self.inbox.iter().any(|inbox| !inbox.is_empty());
        let held = held.then_some(now + 5);
        let mine = [self.client.poll_timeout(time), self.pull.poll_timeout()];
        let mine = mine.into_iter().flatten().map(|at| self.on + at);
        let reset = self.reset.map(|since| since + GRACE);
        mine.chain(flash).chain(held).chain(self.wait).chain(reset).min()
    }

    /// Whether nothing is under way.
    pub(crate) fn rests(&mut self) -> bool {
        let time = self.device.clock.now();
        self.off.is_none()
            && self.inbox.iter().all(VecDeque::is_empty)
            && self.client.drained()
            && self.client.registered()
            && self.up.need(time) == Need::Nothing
    }

    /// Gives back the memory that the simulation of its network has taken.
    pub(crate) fn shrink(&mut self) {
        self.inbox = Default::default();
    }
}

/// Sends a datagram, if there is one.
pub(crate) fn send(link: &mut Link<u8>, now: u64, from: u8, to: u8, datagram: &[u8]) {
    if !datagram.is_empty() {
        link.send(now, from, to, datagram);
    }
}
