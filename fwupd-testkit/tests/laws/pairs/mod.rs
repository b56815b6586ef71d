//! Every kind of message to each adapter, in a representative of each situation that it tells apart: the answer is
//! the one of the tables, what is refused changes nothing, and what is taken shows no step that is not allowed.

mod iotf;
mod lwm2m;
mod ocf;
mod usp;

use std::collections::BTreeMap;
use std::fmt::Debug;

use fwupd_core::lifecycle::{Owner, Request, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, What};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_testkit::tell;

use crate::peers::{Board, Message, Peer};
use crate::search::{At, OWNER, Reached, name, status};

/// Another adapter than the one whose work is under way.
const BYSTANDER: Initiator = Initiator(2);

/// Whose work is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Me,
    Another,
}

/// Where the lifecycle stands, as far as a message can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Idle,
    Checking,
    /// Receiving or Validating, and whether an activation follows.
    Download(Reach),
    /// Nothing is wanted; whether the image may be activated.
    Staged(Enabled),
    Wanted(Ask),
    /// Activating, Trial or Reverting.
    Installing,
}

/// What there is to know before a message.
struct Facts<'a> {
    at: &'a At,
    life: Life,
    who: Who,
    /// What is shown.
    shown: &'a str,
    /// Which of the notes is kept.
    note: usize,
}

/// What comes of a message beside its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then<'a> {
    /// Nothing has changed, and nothing was written.
    Unchanged,
    /// The lifecycle stays; this is shown then.
    Noted(&'a str),
    /// Nothing or a note: what is shown stays.
    Kept,
    /// The lifecycle goes on, or another run has begun; this is shown then.
    Taken(&'a str),
    /// What it does is looked at by [`Subject::did`].
    Does,
}

/// What is expected of a message.
struct Expected {
    answer: String,
    then: Then<'static>,
}

fn refused(answer: &str) -> Expected {
    Expected { answer: answer.to_owned(), then: Then::Unchanged }
}

fn noted(answer: &str, shown: &'static str) -> Expected {
    Expected { answer: answer.to_owned(), then: Then::Noted(shown) }
}

fn kept(answer: &str) -> Expected {
    Expected { answer: answer.to_owned(), then: Then::Kept }
}

fn taken(answer: &str, shown: &'static str) -> Expected {
    Expected { answer: answer.to_owned(), then: Then::Taken(shown) }
}

/// An adapter that is put to the test.
trait Subject: Peer + Sized {
    const NAME: &'static str;
    /// A kind of message.
    type Input: Copy + Debug + 'static;
    const INPUTS: &'static [Self::Input];
    /// Whether it shows what boots next, beside the rest.
    const NEXT_BOOT: bool = false;

    /// As it is on a device in some situation, with its manager.
    fn fresh(by: Initiator, board: &mut Board) -> Self;
    /// Notes that it may keep there; empty: none.
    fn notes(at: &At) -> Vec<Vec<u8>>;
    /// What goes before an input, if anything.
    fn before(&mut self, _input: Self::Input, _at: &At, _board: &mut Board) {}
    fn message(&mut self, input: Self::Input, at: &At) -> Message;
    /// The answer to a message, once it has come.
    fn answered(&mut self, _input: Self::Input) -> Option<String> {
        self.answer()
    }
    /// By the tables.
    fn expected(input: Self::Input, facts: &Facts<'_>) -> Expected;
    /// Looks at what an input has done: what [`Then::Taken`] and [`Then::Does`] do not say.
    fn did(&mut self, _input: Self::Input, _facts: &Facts<'_>, _board: &mut Board) {}
    /// Whether the specification has this step. Not over a boot: there is none here.
    fn allows(before: &str, after: &str) -> bool;
}

fn life(at: &At) -> Life {
    match at.state {
        State::Idle => Life::Idle,
        State::Checking { .. } => Life::Checking,
        State::Receiving { request: Request { reach, .. }, .. } => Life::Download(reach),
        State::Validating { request: Request { reach, .. }, .. } => Life::Download(reach),
        State::Staged { image, wanted: None } => {
            Life::Staged(enabled(&at.slots[usize::from(image.slot().0)]))
        }
        State::Staged { wanted: Some(Owner { ask, .. }), .. } => Life::Wanted(ask),
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => Life::Installing,
    }
}

fn enabled(held: &Slot) -> Enabled {
    match held {
        Slot::Verified(_, enabled) => *enabled,
        Slot::Empty | Slot::Partial | Slot::Failed { .. } => Enabled::No,
    }
}

/// What a message may tell apart beside what is shown by the adapter.
fn kind(at: &At) -> String {
    let state = match at.state {
        State::Receiving { image, .. } => format!("{:?} {}", life(at), image.is_some()),
        State::Validating { .. } => format!("{:?} whole", life(at)),
        State::Trial { watch, .. } => format!("{watch:?}"),
        State::Activating { .. } => "Activating".to_owned(),
        State::Reverting { .. } => "Reverting".to_owned(),
        State::Idle | State::Checking { .. } | State::Staged { .. } => format!("{:?}", life(at)),
    };
    let slots = at.slots.map(|held| match held {
        Slot::Empty => 'e',
        Slot::Partial => 'p',
        Slot::Verified(_, Enabled::Yes) => 'v',
        Slot::Verified(_, Enabled::No) => 'd',
        Slot::Failed { .. } => 'f',
    });
    let deferred = at.last.filter(|last| last.what == What::Failed(Failure::Deferred)).map(|last| last.by);
    let owner = at.state.owner();
    format!("{state} {owner:?} {slots:?} {:?} {deferred:?}", at.boot.running)
}

/// One situation for each that the adapter tells apart, by what it shows there or by what matters to a message.
fn representatives<S: Subject>(reached: &Reached) -> Vec<At> {
    let mut found: BTreeMap<(String, String), At> = BTreeMap::new();
    for at in &reached.all {
        let status = status(at);
        let shown = format!("{} {:?}", S::shows(&status, &[]), S::NEXT_BOOT.then_some(status.next_boot));
        found.entry((kind(at), shown)).or_insert(*at);
    }
    found.into_values().collect()
}

/// Puts every input to every representative.
fn pairs<S: Subject>(reached: &Reached) {
    let mut board = Board::new();
    let all = representatives::<S>(reached);
    let (mut count, mut taken) = (0, 0);
    for at in &all {
        for by in [OWNER, BYSTANDER] {
            for (n, note) in S::notes(at).into_iter().enumerate() {
                for input in S::INPUTS {
                    taken += usize::from(pair::<S>(reached, &mut board, at, by, (n, &note), *input));
                    count += 1;
                }
            }
        }
    }
    tell(format_args!(
        "laws: {}: {count} pairs of a situation and an input, of {} representatives of {} situations and {} inputs; \
         {taken} were taken",
        S::NAME,
        all.len(),
        reached.all.len(),
        S::INPUTS.len(),
    ));
}

/// One pair; whether the lifecycle took it.
fn pair<S: Subject>(
    reached: &Reached,
    board: &mut Board,
    at: &At,
    by: Initiator,
    (n, note): (usize, &[u8]),
    input: S::Input,
) -> bool {
    board.place(at);
    if !note.is_empty() {
        board.up.remember(by, note).unwrap();
        board.drain();
    }
    let mut subject = S::fresh(by, board);
    subject.before(input, at, board);
    let shown = subject.shown(board);
    let who = match at.state.owner() {
        None => Who::Nobody,
        Some(owner) if owner == by => Who::Me,
        Some(_) => Who::Another,
    };
    let facts = Facts { at, life: life(at), who, shown: &shown, note: n };
    let expected = S::expected(input, &facts);
    let what = || format!("{}: {input:?} of {by:?}, note {n}, shown {shown}, in {}", S::NAME, name(at));

    let message = subject.message(input, at);
    let (before, kept, written) = (board.up.situation(), board.note(by), board.written());
    let mut dealt = subject.hand(&message, board);
    let mut answer = subject.answered(input);
    if expected.then == Then::Unchanged {
        assert!(dealt, "it is refused at once: {}", what());
        assert_eq!(board.up.situation(), before, "what is refused changes nothing: {}", what());
        assert_eq!(board.note(by), kept, "what is refused changes nothing: {}", what());
        assert_eq!(board.written(), written, "what is refused writes nothing: {}", what());
    }
    let mut seen = vec![shown.clone(), subject.shown(board)];
    for _ in 0..200 {
        if dealt && answer.is_some() {
            break;
        }
        board.drain();
        if !dealt {
            dealt = subject.hand(&message, board);
        } else {
            subject.poll(board);
        }
        answer = answer.or_else(|| subject.answered(input));
        seen.push(subject.shown(board));
    }
    assert_eq!(answer.as_deref(), Some(expected.answer.as_str()), "{}", what());
    let now = subject.shown(board);
    let stays = |board: &Board| board.up.situation() == before;
    let took = !stays(board);
    match expected.then {
        Then::Unchanged => assert_eq!(now, shown, "{}", what()),
        Then::Kept => {
            assert!(stays(board), "the lifecycle stays: {}", what());
            assert_eq!(now, shown, "{}", what());
        }
        Then::Noted(then) => {
            assert!(stays(board), "the lifecycle stays: {}", what());
            assert_eq!(now, then, "{}", what());
        }
        Then::Does => subject.did(input, &facts, board),
        Then::Taken(then) => {
            assert!(!stays(board), "the lifecycle goes on: {}", what());
            assert_eq!(now, then, "{}", what());
            subject.did(input, &facts, board);
        }
    }
    for _ in 0..4 {
        board.drain();
        let time = board.now();
        let _ = board.up.need(time);
        seen.push(subject.shown(board));
        let now = board.up.situation().unwrap();
        assert!(reached.has(&now), "the search has not found {}\nafter {}", name(&now), what());
        subject.poll(board);
        seen.push(subject.shown(board));
        board.device.clock.advance(1);
    }
    for step in seen.windows(2) {
        let [from, to] = step else { continue };
        assert!(from == to || S::allows(from, to), "{from} to {to} is not allowed: {}", what());
    }
    took
}

/// Every input of LwM2M.
pub(crate) fn lwm2m(reached: &Reached) {
    pairs::<crate::peers::lwm2m::Lwm2m>(reached);
}

/// Every input of IoTF.
pub(crate) fn iotf(reached: &Reached) {
    pairs::<crate::peers::iotf::Iotf>(reached);
}

/// Every input of OCF.
pub(crate) fn ocf(reached: &Reached) {
    pairs::<crate::peers::ocf::Ocf>(reached);
}

/// Every input of USP.
pub(crate) fn usp(reached: &Reached) {
    pairs::<crate::peers::usp::Usp>(reached);
}
