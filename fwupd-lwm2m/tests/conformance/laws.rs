//! Laws that hold on every way through the lifecycle, over random walks of a device.

use std::cell::RefCell;
use std::rc::Rc;

use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Initiator, Reach};
use fwupd_core::status::Coarse;
use fwupd_core::updater::{Command, Job, Need};
use fwupd_lwm2m::object::{Firmware, Schemes};
use fwupd_lwm2m::spec::{Delivery, Lwm2m, Shown, UpdateResult, coarse};
use fwupd_testkit::device::SelfTest;
use fwupd_testkit::reference::package;

use crate::rig::{ME, OPAQUE, Rig, TEXT};

/// Xorshift: the same walk each time.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// What was shown, and what it must have been.
struct Watch {
    before: Option<Shown>,
    /// Whether a boot came between.
    booted: bool,
    steps: std::collections::BTreeSet<(u8, u8)>,
    over_boots: std::collections::BTreeSet<(u8, u8)>,
    results: std::collections::BTreeSet<u8>,
}

const FIRMWARE: Firmware<'static> = Firmware {
    by: ME,
    version: Lwm2m::V1_1,
    package_name: "",
    schemes: Schemes::COAP,
    delivery: Delivery::Both,
};

/// Law 2: what State may follow what.
const ALLOWED: [(u8, u8); 8] = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 3), (2, 0), (3, 0), (3, 2)];
/// And what only over a boot.
const OVER_A_BOOT: [(u8, u8); 2] = [(0, 3), (1, 3)];

impl Watch {
    fn see(&mut self, rig: &Rig) {
        let Some(shown) = FIRMWARE.shown(&rig.up) else { return };
        let status = rig.up.status().unwrap();
        if status.state.run().is_some() {
            assert_eq!(shown.result, UpdateResult::Initial, "law 3: {:?}", status.state);
        }
        assert!(coarse(shown).contains(Coarse::of(status.state)), "{shown:?} in {:?}", status.state);
        assert_eq!(Some(status.running), rig.device.jumped, "law 4");
        let state = shown.state as u8;
        if let Some(before) = self.before.map(|shown| shown.state as u8).filter(|before| *before != state) {
            let step = (before, state);
            let boot = self.booted && OVER_A_BOOT.contains(&step);
            assert!(ALLOWED.contains(&step) || boot, "law 2: {step:?}, over a boot: {}", self.booted);
            if self.booted {
                self.over_boots.insert(step)
            } else {
                self.steps.insert(step)
            };
        }
        self.results.insert(shown.result as u8);
        (self.before, self.booted) = (Some(shown), false);
    }

    /// One thing that the outside does.
    fn act(watch: &RefCell<Self>, rig: &mut Rig, chance: &mut Chance) {
        let files = ["one-integrated.suit", "one-seqmax.suit", "wrongkey.suit", "one-seq4.suit"];
        let names = ["coap://a/one-integrated.suit", "coap://a/one-seqmax.suit", "coap://a/none", "coap://"];
        let file = package(files[chance.below(4)]);
        match chance.below(16) {
            0 | 1 => _ = rig.put("/5/0/1", TEXT, chance.one_of(&names).as_bytes()),
            2 => _ = rig.put("/5/0/0", OPAQUE, &file),
            3 | 4 => {
                for (n, block) in file.chunks(512).enumerate() {
                    if chance.below(12) == 0 {
                        break;
                    }
                    rig.block(n as u32, n < 3, 5, block);
                }
            }
            5 => _ = rig.post("/5/0/10", b""),
            6 => _ = rig.put("/5/0/1", TEXT, b""),
            7 => _ = rig.put("/5/0/1", TEXT, b"ftp://a/b"),
            8..=10 => _ = rig.post("/5/0/2", b""),
            11 => _ = rig.put("/5/0/13", TEXT, chance.one_of(&["0", "10"]).as_bytes()),
            12 => {
                let (reach, after) = (Reach::Activate(Ask::User), AfterReset::Resume);
                let uri = Some(*chance.one_of(&names[..3]));
                let job = Job { uri, reach, target: None, after, file_check: None };
                let command = *chance.one_of(&[
                    Command::Fetch(job),
                    Command::Check(job),
                    Command::Cancel,
                    Command::Discard { keep_slot: true },
                    Command::Activate { slot: None, ask: Ask::No },
                    Command::Preset(fwupd_core::image::SlotId(0)),
                    Command::Preset(fwupd_core::image::SlotId(1)),
                ]);
                let now = rig.now();
                let by = Initiator(chance.below(3) as u8);
                let _ = rig.up.command(by, command, None, now);
                rig.device.drain(&mut rig.up, "the updater").unwrap();
            }
            13 => rig.device.clock.advance(chance.below(200_000) as u64),
            14 => {
                rig.reset();
                watch.borrow_mut().booted = true;
            }
            _ => {
                let tests = [SelfTest::Pass, SelfTest::Fail, SelfTest::Hang, SelfTest::Crash];
                rig.device.self_test = *chance.one_of(&tests);
            }
        }
    }

    /// One round of the application.
    fn turn(watch: &RefCell<Self>, rig: &mut Rig, chance: &mut Chance) {
        rig.device.drain(&mut rig.up, "the updater").unwrap();
        let now = rig.now();
        match rig.up.need(now) {
            Need::Fetch { ticket, uri, offset, .. } if chance.below(3) > 0 => {
                let uri = uri.to_owned();
                rig.device.fetch(&mut rig.up, ticket, &uri, offset).unwrap();
            }
            Need::Permit { .. } => match chance.below(4) {
                0 => _ = rig.up.defer(Some(1_000), now),
                1 | 2 => _ = rig.up.permit(now),
                _ => {}
            },
            Need::Reset => {
                rig.reset();
                watch.borrow_mut().booted = true;
            }
            Need::Wait(until) => {
                if matches!(rig.up.status().unwrap().state, State::Trial { .. }) {
                    match rig.device.self_test {
                        SelfTest::Pass => {
                            _ = rig.up.command(Initiator::APPLICATION, Command::Confirm, None, now);
                        }
                        SelfTest::Crash => {
                            rig.reset();
                            watch.borrow_mut().booted = true;
                        }
                        SelfTest::Fail | SelfTest::Hang => rig.device.clock.advance(until - now.mono),
                    }
                } else {
                    rig.device.clock.advance(until - now.mono);
                }
            }
            Need::Fetch { .. } | Need::Boot(_) | Need::Again | Need::Nothing => {}
        }
        watch.borrow_mut().see(rig);
        rig.poll();
        rig.device.clock.advance(1);
    }
}

#[test]
fn law_2_3_4_states_follow_each_other_as_allowed_and_no_result_is_shown_at_work() {
    let watch = Rc::new(RefCell::new(Watch {
        before: None,
        booted: false,
        steps: Default::default(),
        over_boots: Default::default(),
        results: Default::default(),
    }));
    for walk in 1..=60 {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15u64.wrapping_mul(walk));
        let mut rig = Rig::new();
        for name in ["one-integrated.suit", "one-seqmax.suit"] {
            rig.device.files.insert(format!("coap://a/{name}"), package(name));
        }
        watch.borrow_mut().before = None;
        let seen = Rc::clone(&watch);
        rig.watch = Some(Box::new(move |rig| seen.borrow_mut().see(rig)));
        for _ in 0..60 {
            Watch::act(&watch, &mut rig, &mut chance);
            watch.borrow_mut().see(&rig);
            for _ in 0..chance.below(25) {
                Watch::turn(&watch, &mut rig, &mut chance);
            }
        }
    }
    let watch = watch.borrow();
    // The walks have come by all of them, but for 3>2, which takes a boot control that cannot be armed.
    let (steps, over) = (&watch.steps, &watch.over_boots);
    for step in ALLOWED {
        assert!(step == (3, 2) || steps.contains(&step) || over.contains(&step), "{step:?} was not seen");
    }
    assert!(watch.results.is_superset(&[0, 1, 4, 5, 7, 8, 9, 10, 11].into()), "{:?}", watch.results);
}
