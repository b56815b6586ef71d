//! The phases of an update, each from where it begins; what a device ends with, and what a cut may make of that.

use fwupd_core::flash::OpKind;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Job};
use fwupd_testkit::device::{Rest, Seen, SelfTest};
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};

use crate::board::{Board, Geometry, NEW, NEXT, OTHER, fetch};

/// What is done, and cut.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// The device is switched on.
    Boot,
    /// It is switched on, and told this.
    Command(Initiator, Command<'static>),
}

/// How far a phase goes. Every run goes on to rest; what is behind the phase is not cut in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upto {
    Rest,
    Reset,
}

/// A phase, on a device that is about to enter it.
pub(crate) struct Phase {
    pub(crate) name: &'static str,
    pub(crate) base: Board,
    pub(crate) act: Act,
    upto: Upto,
    /// What is seen if nobody acts. An act that is a boot has no before.
    pub(crate) before: Option<Seen>,
    /// What is seen after an uncut run.
    pub(crate) after: Seen,
    /// The writes and erases of the uncut run to rest.
    pub(crate) log: Vec<LogEntry>,
    /// Which of them are ours, and of this phase.
    pub(crate) ours: Vec<u64>,
    /// Which of all operations, reads too, are.
    pub(crate) ours_of_all: Vec<(u64, LogEntry)>,
}

impl Phase {
    fn new(name: &'static str, mut base: Board, act: Act, self_test: SelfTest, upto: Upto) -> Self {
        base.device.self_test = self_test;
        base.device.flash.power_on();
        base.device.flash.reset_counts();
        base.foreign_ops.clear();
        let before = matches!(act, Act::Command(..)).then(|| {
            let mut idle = base.clone();
            assert_eq!(idle.power_on(), Rest::Still, "{name}");
            idle.seen().clone()
        });
        let mut board = base.clone();
        board.device.flash.keep_log(true);
        let mut command = told(act);
        let rests = board.once(&mut command).unwrap();
        let mut end = board.device.flash.total();
        if !rests {
            assert_eq!(board.live(command), Rest::Still, "{name}");
        }
        if upto == Upto::Rest {
            end = board.device.flash.total();
        }
        board.check(name);
        board.device.flash.assert_lawful();
        let all = board.device.flash.log();
        let log: Vec<LogEntry> = all.iter().filter(|e| e.op != OpKind::Read).copied().collect();
        let foreign = &board.foreign_ops;
        let ours = (0..end.mutating()).filter(|n| !foreign.iter().any(|(ops, _)| ops.contains(n)));
        let ours: Vec<u64> = ours.collect();
        let of_all = (0..end.ops()).zip(all.iter().copied());
        let ours_of_all = of_all.filter(|(n, _)| !foreign.iter().any(|(_, ops)| ops.contains(n))).collect();
        assert!(!ours.is_empty(), "{name}: nothing to cut");
        let after = board.seen().clone();
        Self { name, base, act, upto, before, after, log, ours, ours_of_all }
    }

    /// The device after this phase alone.
    fn end(&self) -> Board {
        let mut board = self.base.clone();
        let rests = board.once(&mut told(self.act)).unwrap();
        if self.upto == Upto::Rest && !rests {
            assert_eq!(board.power_on(), Rest::Still);
        }
        board
    }

    pub(crate) fn run(&self, board: &mut Board) -> Rest {
        board.live(told(self.act))
    }

    /// Which end this is.
    pub(crate) fn end_of(&self, seen: &Seen) -> Option<&'static str> {
        if self.before.as_ref() == Some(seen) {
            return Some("before");
        }
        if self.after == *seen {
            return Some("after");
        }
        let old = self.base.device.seen.as_ref().map(|old| old.sequence);
        let what = seen.last.map(|last| last.what);
        let failed = |why| what == Some(What::Failed(why)) && Some(seen.sequence) == old;
        let idle = seen.state == State::Idle;
        let staged = matches!(seen.state, State::Staged { wanted: None, .. });
        let dfu = &seen.slots[1];
        // What is staged is whole, and can be activated again.
        let keeps = staged && dfu.verified().is_some();
        let given_up = idle && matches!(dfu, Slot::Failed { .. });
        match () {
            () if keeps && failed(Failure::PowerLost) => Some("staged, the swap never armed"),
            () if given_up && failed(Failure::BootFailed) => Some("the one trial lost"),
            () => None,
        }
    }
}

fn told(act: Act) -> Option<(Initiator, Command<'static>)> {
    match act {
        Act::Boot => None,
        Act::Command(by, command) => Some((by, command)),
    }
}

fn stage(name: &'static str) -> Command<'static> {
    let reach = Reach::Stage;
    Command::Fetch(Job { uri: Some(name), reach, target: None, after: AfterReset::Resume, file_check: None })
}

/// All phases on a device of this geometry.
pub(crate) fn all(geometry: Geometry) -> Vec<Phase> {
    use SelfTest::{Crash, Fail, Hang, Pass};
    let by = |command| Act::Command(Initiator(1), command);
    let own = |command| Act::Command(Initiator::APPLICATION, command);
    let activate = Command::Activate { slot: None, ask: Ask::No };
    let factory = Board::factory(geometry);
    let receive = Phase::new("receive", factory.clone(), by(stage(NEW)), Pass, Upto::Rest);
    let staged = receive.end();
    let mut half = factory.clone();
    let middle = receive.ours[receive.ours.len() / 2];
    half.device.flash.cut_at(OpIndex::Mutating(middle), CutPlace::From(0), TornModel::Nothing);
    assert_eq!(receive.run(&mut half), Rest::PowerLost);
    let arm = Phase::new("arm", staged.clone(), by(activate), Pass, Upto::Reset);
    let armed = arm.end();
    let trial = Phase::new("trial boot", armed.clone(), Act::Boot, Crash, Upto::Reset);
    let crashed = trial.end();
    let confirm = Phase::new("confirm", armed.clone(), Act::Boot, Pass, Upto::Rest);
    let confirmed = confirm.end();
    let reject = Phase::new("reject", armed.clone(), Act::Boot, Fail, Upto::Rest);
    let deadline = Phase::new("deadline", armed, Act::Boot, Hang, Upto::Rest);
    let revert = Phase::new("revert", crashed, Act::Boot, Crash, Upto::Rest);
    let reverted = revert.end();
    vec![
        receive,
        Phase::new("resume", half.clone(), Act::Boot, Pass, Upto::Rest),
        Phase::new("cancel", half, by(Command::Cancel), Pass, Upto::Rest),
        Phase::new("discard", staged.clone(), own(Command::Discard { keep_slot: false }), Pass, Upto::Rest),
        Phase::new("discard, kept", staged, own(Command::Discard { keep_slot: true }), Pass, Upto::Rest),
        arm,
        trial,
        confirm,
        reject,
        deadline,
        revert,
        // The state partition holds what the last update left, and the DFU partition another image.
        Phase::new("next update", confirmed, by(fetch(OTHER)), Pass, Upto::Rest),
        Phase::new("next update after a revert", reverted, by(fetch(OTHER)), Pass, Upto::Rest),
    ]
}

/// Looks at a device that has come to rest: that it stays as it is, and that `next`, if it is so, the next update
/// is possible. Answers with what was seen first.
pub(crate) fn recovered(board: &mut Board, next: bool, what: &str) -> Seen {
    board.check(what);
    let seen = board.seen().clone();
    assert!(matches!(seen.state, State::Idle | State::Staged { wanted: None, .. }), "{what}: {seen:?}");
    // Whoever cycles its power sees the same, and after one settling boot nothing is written.
    assert_eq!(board.power_on(), Rest::Still, "{what}");
    assert_eq!(board.seen(), &seen, "{what}");
    board.device.flash.reset_counts();
    assert_eq!(board.power_on(), Rest::Still, "{what}");
    assert_eq!(board.seen(), &seen, "{what}");
    assert_eq!(board.device.flash.total().mutating(), 0, "{what}: a healthy device writes");
    if next {
        board.device.self_test = SelfTest::Pass;
        if let State::Staged { .. } = seen.state {
            board.command(0, Command::Discard { keep_slot: true });
        }
        assert_eq!(board.install(0, NEXT), Rest::Still, "{what}");
        board.check(what);
        let end = (board.seen().sequence, board.seen().last.map(|last| last.what));
        assert_eq!(end, (u64::MAX, Some(What::Done)), "{what}: the next update");
    }
    let violations = board.device.flash.violations();
    assert_eq!(violations.len(), board.foreign, "{what}: {violations:?}");
    seen
}
