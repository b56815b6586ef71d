//! Laws that hold on every way through the lifecycle, over random walks of a device.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Initiator, Reach};
use fwupd_core::status::Coarse;
use fwupd_core::updater::{Command, Job, Need};
use fwupd_ocf::spec;
use fwupd_testkit::device::SelfTest;
use fwupd_testkit::reference::package;

use crate::rig::{Rig, SWU, at, update};

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

/// The steps that a device takes, of the twenty that table 3 allows: with a download a state at a time, what was
/// staged may come from another protocol, and a boot may come into a preset slot.
const STEPS: [(&str, &str); 14] = [
    ("idle", "nsa"),
    ("idle", "svv"),
    ("idle", "sva"),
    ("nsa", "idle"),
    ("nsa", "svv"),
    ("nsa", "sva"),
    ("svv", "sva"),
    ("svv", "idle"),
    ("svv", "nsa"),
    ("sva", "idle"),
    ("sva", "nsa"),
    ("sva", "upgrading"),
    ("upgrading", "idle"),
    ("upgrading", "nsa"),
];
/// And what only over a boot: into a preset slot. One that failed its check in the bootloader has never been
/// installed.
const OVER_A_BOOT: [(&str, &str); 4] =
    [("idle", "upgrading"), ("nsa", "upgrading"), ("svv", "upgrading"), ("upgrading", "sva")];

/// What was shown, and what it must have been.
#[derive(Default)]
struct Watch {
    before: Option<spec::State>,
    /// Whether a boot came between.
    booted: bool,
    steps: BTreeSet<(&'static str, &'static str)>,
    results: BTreeSet<u16>,
}

impl Watch {
    fn see(&mut self, rig: &Rig) {
        let Some(status) = rig.up.status() else { return };
        let rules = &rig.config.rules;
        let note = rules.note(&rig.up);
        let shown = spec::project(&status, &note);
        if status.state.run().is_some() {
            assert_eq!(shown.result.number(), 0, "law 3: {:?}", status.state);
        }
        assert!(spec::coarse(shown).contains(Coarse::of(status.state)), "{shown:?} in {:?}", status.state);
        assert_eq!(Some(status.running), rig.device.jumped, "law 4");
        assert_eq!(rules.mode(&status, &note), shown.state.mode());
        if let Some(before) = self.before.filter(|before| *before != shown.state) {
            assert!(shown.state.may_follow(before), "law 2");
            let step = (before.name(), shown.state.name());
            let boot = self.booted && OVER_A_BOOT.contains(&step);
            assert!(STEPS.contains(&step) || boot, "law 2: {step:?}, over a boot: {}", self.booted);
            self.steps.insert(step);
        }
        self.results.insert(shown.result.number());
        (self.before, self.booted) = (Some(shown.state), false);
    }

    /// One thing that the outside does.
    fn act(watch: &RefCell<Self>, rig: &mut Rig, chance: &mut Chance) {
        let urls = ["https://v/f", "https://v/max", "https://v/none", "https://", "ftp://v/f", ""];
        match chance.below(14) {
            0..=2 => {
                let action = *chance.one_of(&["idle", "isac", "isvv", "upgrade"]);
                let time = at(*chance.one_of(&[0, 10, 20, 3600]));
                let wall = rig.device.clock.now().wall.is_some() && chance.below(3) > 0;
                if wall {
                    rig.device.clock.set_wall(Some(crate::rig::T));
                }
                let url = *chance.one_of(&urls);
                _ = rig.post(SWU, &update(url, action, time));
            }
            3 => _ = rig.post(SWU, &update(urls[chance.below(2)], "idle", at(0))),
            4..=7 => _ = rig.tm(*chance.one_of(&[64, 128, 256, 448, 0])),
            8 | 9 => {
                let job = Job {
                    uri: Some(*chance.one_of(&urls[..3])),
                    reach: *chance.one_of(&[Reach::Stage, Reach::Activate(Ask::User)]),
                    target: None,
                    after: AfterReset::Resume,
                    file_check: None,
                };
                let command = *chance.one_of(&[
                    Command::Fetch(job),
                    Command::Check(job),
                    Command::Cancel,
                    Command::Discard { keep_slot: true },
                    Command::Activate { slot: None, ask: Ask::No },
                    Command::Preset(SlotId(0)),
                    Command::Preset(SlotId(1)),
                ]);
                let now = rig.now();
                let _ = rig.up.command(Initiator(2 * chance.below(2) as u8), command, None, now);
                rig.device.drain(&mut rig.up, "the updater").unwrap();
            }
            10 => rig.device.clock.advance(chance.below(200_000) as u64),
            11 => {
                rig.reset();
                watch.borrow_mut().booted = true;
            }
            12 => {
                let wall = [Some(crate::rig::T), Some(crate::rig::T + 30), None];
                rig.device.clock.set_wall(*chance.one_of(&wall));
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
        let resets = |rig: &mut Rig| {
            rig.reset();
            watch.borrow_mut().booted = true;
        };
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
            Need::Reset => resets(rig),
            Need::Wait(until) => {
                let trial = matches!(rig.up.status().unwrap().state, State::Trial { .. });
                match rig.device.self_test {
                    SelfTest::Pass if trial => {
                        _ = rig.up.command(Initiator::APPLICATION, Command::Confirm, None, now);
                    }
                    SelfTest::Crash if trial => resets(rig),
                    SelfTest::Pass | SelfTest::Crash | SelfTest::Fail | SelfTest::Hang => {
                        rig.device.clock.advance(until - now.mono);
                    }
                }
            }
            Need::Fetch { .. } | Need::Boot(_) | Need::Again | Need::Nothing => {}
        }
        watch.borrow_mut().see(rig);
        rig.poll();
        watch.borrow_mut().see(rig);
        rig.device.clock.advance(1);
    }
}

#[test]
fn law_2_3_4_states_follow_each_other_as_allowed_and_no_result_is_shown_at_work() {
    let watch = Rc::new(RefCell::new(Watch::default()));
    for walk in 1..=80 {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15u64.wrapping_mul(walk));
        let mut rig = Rig::with(|config| config.rules.ask = if walk % 2 == 0 { Ask::User } else { Ask::No });
        rig.device.files.insert("https://v/max".into(), package("one-seqmax.suit"));
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
    for step in STEPS {
        assert!(watch.steps.contains(&step), "{step:?} was not seen: {:?}", watch.steps);
    }
    assert!(watch.results.is_superset(&[0, 1, 4, 6, 7, 8].into()), "{:?}", watch.results);
}
