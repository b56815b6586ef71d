//! The matrix of all pairs, checked in as `matrix.txt`: the diff of a change shows what it does.

use std::fmt::Write as _;

use super::samples::{EVERYBODY, OWNER, SIZE, answers, image, orders, owner, request, trial, verified};
use crate::lifecycle::{AfterReset, Effect, Ends, Event, Owner, State, Step, Watch, step};
use crate::outcome::{Ask, Failure, Reach, Refused, Run, What};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lifecycle/matrix.txt");

const HEAD: &str = "\
# All pairs of the lifecycle table. Written by: UPDATE_MATRIX=1 cargo test -p fwupd-core the_matrix
#
# Rows are events, columns are states. A row that begins with a number is an order and says who gives it:
# 1 whose work is under way (in idle and staged there is none), 2 somebody else, 0 the application.
#
# A cell is NEXT/EFFECT!END; what there is none of is left out.
#   NEXT    = the same state, or its name; where the name is the column's own, something that it owns has changed.
#           receiving: not described yet, receiving+: some bytes missing, received: none missing;
#           staged: nothing wanted, going: wanted without a permit, asking: wanted, permit owed;
#           trial: being tested, confirming: the boot control is being told.
#   EFFECT  with the slot that it is about: 1 the one under way, 2 another, that the boot names.
#   END     how the run at work ended; with *, the run that the boot names.
#   trial*  the trial belongs to the run that the boot names.
# Refused: - wrong state, busy, unsupported, invalid.
# Below a state's name: how far its request goes (stage, or activate with its ask), and what a reset does to it,
# and to the activation that is wanted.
";

/// A column: the state, and what it is a case of.
type Column = (State, &'static str);

fn blocks() -> [Vec<Column>; 3] {
    use AfterReset::{Fail, Resume};
    let of = |reach, after| request(OWNER, reach, after);
    let receiving =
        |reach, after, offset, image| State::Receiving { request: of(reach, after), offset, image };
    let validating = |reach, after| State::Validating { request: of(reach, after), image: image() };
    let staged = |wanted| State::Staged { image: verified(), wanted };
    let stage = Reach::Stage;
    let owned = owner(OWNER, Ask::No);
    let failing = Owner { after: Fail, ..owned };
    [
        vec![
            (State::Idle, ""),
            (State::Checking { request: of(Reach::Check, Fail) }, "fail"),
            (State::Checking { request: of(Reach::Check, Resume) }, "resume"),
            (receiving(stage, Fail, 0, None), "stage, fail"),
            (receiving(stage, Resume, 40, Some(image())), "stage, resume"),
            (receiving(Reach::Activate(Ask::No), Fail, SIZE, Some(image())), "activate, fail"),
        ],
        vec![
            (validating(stage, Fail), "stage, fail"),
            (validating(Reach::Activate(Ask::No), Resume), "activate, resume"),
            (validating(Reach::Activate(Ask::User), Fail), "ask user, fail"),
            (staged(None), ""),
            (staged(Some(owned)), "resume"),
            (staged(Some(failing)), "fail"),
            (staged(Some(owner(OWNER, Ask::User))), "resume"),
            (staged(Some(Owner { ask: Ask::User, ..failing })), "fail"),
        ],
        vec![
            (State::Activating { owner: owned, image: verified() }, ""),
            (trial(Watch::Testing), ""),
            (trial(Watch::Confirming), ""),
            (State::Reverting { owner: owned, image: verified(), why: Failure::NotConfirmed }, ""),
        ],
    ]
}

fn rows() -> Vec<(String, Event)> {
    let mut rows = Vec::new();
    for by in EVERYBODY {
        let mine = orders(by).into_iter();
        rows.extend(mine.map(|(name, order)| (format!("{} {name}", by.0), Event::Command { by, order })));
    }
    rows.extend(answers().into_iter().map(|(name, answer)| (name, Event::World(answer))));
    rows
}

fn state_word(state: &State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Checking { .. } => "checking",
        State::Receiving { image: None, .. } => "receiving",
        State::Receiving { offset, image: Some(image), .. } if *offset < image.size => "receiving+",
        State::Receiving { image: Some(_), .. } => "received",
        State::Validating { .. } => "validating",
        State::Staged { wanted: None, .. } => "staged",
        State::Staged { wanted: Some(owner), .. } => match owner.ask {
            Ask::No => "going",
            Ask::Idle | Ask::User => "asking",
        },
        State::Activating { .. } => "activating",
        State::Trial { watch: Watch::Testing, .. } => "trial",
        State::Trial { watch: Watch::Confirming, .. } => "confirming",
        State::Reverting { .. } => "reverting",
    }
}

fn effect_word(effect: &Effect) -> String {
    match effect {
        Effect::Nothing => String::new(),
        Effect::Restart => "/restart".into(),
        Effect::Know(Some(_)) => "/newer".into(),
        Effect::Know(None) => "/none-newer".into(),
        Effect::Prepare(slot, _) => format!("/prepare({})", slot.0),
        Effect::Keep(image) => format!("/keep({})", image.slot().0),
        Effect::GiveUp(slot, _) => format!("/give-up({})", slot.0),
        Effect::Empty(slot) => format!("/empty({})", slot.0),
        Effect::Enable(slot, true) => format!("/enable({})", slot.0),
        Effect::Enable(slot, false) => format!("/disable({})", slot.0),
        Effect::Preset(_, slot) => format!("/preset({})", slot.0),
        Effect::Reset => "/reset".into(),
        Effect::Condemn(slot, _) => format!("/condemn({})", slot.0),
        Effect::Adopt(slot) => format!("/adopt({})", slot.0),
        Effect::Forget => "/forget".into(),
    }
}

fn ends_word(ends: &Ends, at_work: Option<Run>) -> String {
    let how = match ends.what {
        What::Done => "done".to_owned(),
        What::Failed(why) => format!("{why:?}").to_lowercase(),
    };
    format!("!{how}{}", if Some(ends.run) == at_work { "" } else { "*" })
}

fn refused_word(refused: Refused) -> &'static str {
    match refused {
        Refused::WrongState => "-",
        Refused::Busy(who) if who == OWNER => "busy",
        Refused::Busy(_) => "busy with another",
        Refused::Unsupported => "unsupported",
        Refused::Invalid => "invalid",
        Refused::NoSuchSlot => "no such slot",
        Refused::NotAvailable => "not available",
    }
}

fn cell(state: &State, event: &Event) -> String {
    let Step { next, effect, ends } = match step(state, event) {
        Ok(taken) => taken,
        Err(refused) => return refused_word(refused).to_owned(),
    };
    let named_by_boot = next.run() == Some(super::samples::BOOT_RUN);
    let word = if next == *state { "=" } else { state_word(&next) };
    let ends = ends.map(|ends| ends_word(&ends, state.run())).unwrap_or_default();
    format!("{word}{}{}{ends}", if named_by_boot { "*" } else { "" }, effect_word(&effect))
}

fn block(columns: &[Column], rows: &[(String, Event)]) -> String {
    let mut lines: Vec<Vec<String>> = vec![
        [String::new()].into_iter().chain(columns.iter().map(|(s, _)| state_word(s).to_owned())).collect(),
        [String::new()].into_iter().chain(columns.iter().map(|(_, case)| (*case).to_owned())).collect(),
    ];
    for (name, event) in rows {
        lines.push(
            [name.clone()].into_iter().chain(columns.iter().map(|(state, _)| cell(state, event))).collect(),
        );
    }
    let width = |at: usize| lines.iter().map(|line| line[at].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..=columns.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut one = String::new();
        for (cell, width) in line.iter().zip(&widths) {
            write!(one, "{cell:width$}  ").unwrap();
        }
        text.push_str(one.trim_end());
        text.push('\n');
    }
    text
}

#[test]
fn the_matrix_of_all_pairs_is_the_checked_in_one() {
    let rows = rows();
    let mut now = HEAD.to_owned();
    for columns in blocks() {
        write!(now, "\n{}", block(&columns, &rows)).unwrap();
    }
    if std::env::var_os("UPDATE_MATRIX").is_some() {
        std::fs::write(FILE, &now).unwrap();
    }
    let checked_in = std::fs::read_to_string(FILE).unwrap();
    for (at, (was, is)) in checked_in.lines().zip(now.lines()).enumerate() {
        assert_eq!(was, is, "line {} of {FILE}; if it is meant, run with UPDATE_MATRIX=1", at + 1);
    }
    assert_eq!(checked_in, now, "{FILE} has more or fewer lines; if it is meant, run with UPDATE_MATRIX=1");
}

#[test]
fn every_kind_of_state_that_can_be_reached_has_a_column() {
    let columns: Vec<&str> = blocks().iter().flatten().map(|(state, _)| state_word(state)).collect();
    for (_, _, taken) in super::samples::every_arrow() {
        assert!(columns.contains(&state_word(&taken.next)), "{:?}", taken.next);
    }
}
