//! Laws that hold on every way through the lifecycle, over random walks of a device.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach};
use fwupd_core::status::Coarse;
use fwupd_core::updater::{Command, Job, Need};
use fwupd_iotf::spec::coarse;
use fwupd_testkit::device::SelfTest;
use fwupd_testkit::random::Random;
use serde_json::json;

use crate::rig::{GOOD, Rig, Sent};

/// Law 2: which state may follow which.
const ALLOWED: [(u64, u64); 5] = [(0, 1), (0, 2), (1, 2), (1, 0), (2, 0)];

pub(crate) fn one_of<'a, T>(random: &mut Random, all: &'a [T]) -> &'a T {
    &all[random.below(all.len() as u64) as usize]
}

/// What was shown, and what it must have been.
#[derive(Default)]
struct Watch {
    before: Option<u64>,
    steps: BTreeSet<(u64, u64)>,
    statuses: BTreeSet<u64>,
}

impl Watch {
    fn see(&mut self, rig: &Rig) {
        let Some(status) = rig.up.status() else { return };
        let (state, code) = rig.shown();
        let activates = match status.state {
            State::Staged { wanted, .. } => wanted.is_some(),
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => true,
            State::Idle | State::Checking { .. } => false,
            State::Receiving { .. } | State::Validating { .. } => false,
        };
        if status.state.run().is_some() {
            assert!(code == 0 || code == 1 && activates, "law 3: {code} in {:?}", status.state);
        }
        let shown = rig.projected();
        assert!(coarse(shown).contains(Coarse::of(status.state)), "{shown:?} in {:?}", status.state);
        assert_eq!(Some(status.running), rig.board.jumped, "law 4");
        if let Some(before) = self.before.filter(|before| *before != state) {
            assert!(ALLOWED.contains(&(before, state)), "law 2: {before} to {state}");
            self.steps.insert((before, state));
        }
        self.statuses.insert(code);
        self.before = Some(state);
    }

    /// One thing that the outside does.
    fn act(rig: &mut Rig, random: &mut Random) {
        let names = [
            GOOD,
            "https://example.com/one-seqmax.suit",
            "https://example.com/wrongkey.suit",
            "https://example.com/one-seq0.suit",
            "https://example.com/none",
            "",
        ];
        if rig.up.status().is_none() {
            // Nothing is known yet; nobody is connected by then.
            return;
        }
        match random.below(14) {
            0 | 1 => {
                let value = match random.below(4) {
                    0 => json!({"uri": one_of(random, &names)}),
                    1 => json!({"state": 0, "verifier": ""}),
                    2 => json!({"uri": one_of(random, &names), "state": random.below(3), "updateStatus": 0}),
                    _ => json!({"verifier": "0".repeat(64)}),
                };
                rig.update(value);
            }
            2 => _ = rig.observe(),
            3..=5 => _ = rig.download(),
            6..=8 => _ = rig.install(),
            9 | 10 => {
                let reach =
                    *one_of(random, &[Reach::Stage, Reach::Activate(Ask::User), Reach::Activate(Ask::No)]);
                let after = *one_of(random, &[AfterReset::Resume, AfterReset::Fail]);
                let uri = Some(*one_of(random, &names[..5]));
                let job = Job { uri, reach, target: None, after, file_check: None };
                let command = *one_of(
                    random,
                    &[
                        Command::Fetch(job),
                        Command::Fetch(job),
                        Command::Check(job),
                        Command::Cancel,
                        Command::Withdraw,
                        Command::Discard { keep_slot: true },
                        Command::Activate { slot: None, ask: Ask::User },
                        Command::Activate { slot: None, ask: Ask::No },
                    ],
                );
                let now = rig.now();
                let by = Initiator(random.below(3) as u8);
                let _ = rig.up.command(by, command, None, now);
                rig.board.drain(&mut rig.up, "the updater").unwrap();
            }
            11 => rig.board.clock.advance(random.below(200_000)),
            12 => Self::reset(rig),
            _ => {
                let tests = [SelfTest::Pass, SelfTest::Pass, SelfTest::Fail, SelfTest::Hang, SelfTest::Crash];
                rig.board.self_test = *one_of(random, &tests);
            }
        }
    }

    fn reset(rig: &mut Rig) {
        rig.reset();
        let now = rig.now();
        rig.device.connected(now);
    }

    /// One round of the application.
    fn turn(rig: &mut Rig, random: &mut Random) {
        rig.board.drain(&mut rig.up, "the updater").unwrap();
        let now = rig.now();
        match rig.up.need(now) {
            Need::Fetch { ticket, uri, offset, .. } => match random.below(4) {
                0 => {}
                1 => {
                    let all = [Failure::OutOfRam, Failure::TransportStatus(503), Failure::ConnectionLost];
                    let why = *one_of(random, &all);
                    let _ = rig.up.failed(ticket, why, now);
                }
                _ => {
                    let uri = uri.to_owned();
                    rig.board.fetch(&mut rig.up, ticket, &uri, offset).unwrap();
                }
            },
            Need::Permit { .. } => match random.below(4) {
                0 => _ = rig.up.defer(Some(1_000), now),
                1 | 2 => _ = rig.up.permit(now),
                _ => {}
            },
            Need::Reset => Self::reset(rig),
            Need::Wait(until) => {
                let trial = matches!(rig.up.status().unwrap().state, State::Trial { .. });
                match rig.board.self_test {
                    SelfTest::Pass if trial => {
                        _ = rig.up.command(Initiator::APPLICATION, Command::Confirm, None, now);
                    }
                    SelfTest::Crash if trial => Self::reset(rig),
                    SelfTest::Pass | SelfTest::Crash | SelfTest::Fail | SelfTest::Hang => {
                        rig.board.clock.advance(until - now.mono);
                    }
                }
            }
            Need::Boot(_) | Need::Again | Need::Nothing => {}
        }
    }
}

#[test]
fn law_2_3_4_states_follow_each_other_as_allowed_and_no_result_is_shown_at_work() {
    let watch = Rc::new(RefCell::new(Watch::default()));
    let mut told = BTreeSet::new();
    for walk in 1..=80 {
        let mut random = Random(walk);
        let ask = *one_of(&mut random, &[Ask::No, Ask::User]);
        let mut rig = Rig::with(|config| config.ask = ask);
        watch.borrow_mut().before = None;
        let seen = Rc::clone(&watch);
        rig.watch = Some(Box::new(move |rig| seen.borrow_mut().see(rig)));
        for _ in 0..60 {
            Watch::act(&mut rig, &mut random);
            watch.borrow_mut().see(&rig);
            for _ in 0..random.below(25) {
                Watch::turn(&mut rig, &mut random);
                watch.borrow_mut().see(&rig);
                rig.poll();
                rig.board.clock.advance(1);
            }
        }
        for sent in &rig.sent {
            if let Sent::Message(topic, message) = sent
                && topic == "iotdevice-1/notify"
            {
                told.insert(message["d"]["fields"][0]["value"].to_string());
            }
        }
    }
    let watch = watch.borrow();
    // The walks have come by all of them.
    assert_eq!(watch.steps, BTreeSet::from(ALLOWED));
    assert_eq!(watch.statuses, BTreeSet::from([0, 1, 2, 3, 4, 5, 6]));
    for value in [r#"{"state":1}"#, r#"{"updateStatus":1}"#, r#"{"state":0,"updateStatus":0}"#] {
        assert!(told.contains(value), "{value} not among {told:?}");
    }
}
