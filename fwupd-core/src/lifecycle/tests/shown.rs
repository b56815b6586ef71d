//! Whoever shows the state as one of a few codes may allow only some steps between them. For three such
//! shapes: which pairs of codes do follow each other, over every arrow that the samples reach.

use std::collections::BTreeSet;

use super::samples::every_arrow;
use crate::lifecycle::{Booted, Effect, Event, State, World};

/// 0 nothing, 1 on its way, 2 there, 3 being installed.
fn four_value_code(state: &State) -> u8 {
    match state {
        State::Idle | State::Checking { .. } => 0,
        State::Receiving { .. } | State::Validating { .. } => 1,
        State::Staged { .. } => 2,
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => 3,
    }
}

/// 0 nothing, 1 on its way, 2 there, whatever becomes of it.
fn three_value_code(state: &State) -> u8 {
    match state {
        State::Idle | State::Checking { .. } => 0,
        State::Receiving { .. } | State::Validating { .. } => 1,
        State::Staged { .. } | State::Activating { .. } => 2,
        State::Trial { .. } | State::Reverting { .. } => 2,
    }
}

/// `idle`, or `newer` where a newer version is known; `coming`, `there`, `installing`.
fn five_name_code(state: &State, newer: bool) -> &'static str {
    match state {
        State::Idle | State::Checking { .. } if newer => "newer",
        State::Idle | State::Checking { .. } => "idle",
        State::Receiving { .. } | State::Validating { .. } => "coming",
        State::Staged { .. } => "there",
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => "installing",
    }
}

/// A boot into a slot that was named before, by nobody's activation, puts an image on trial at once.
fn boots_into_a_trial(event: &Event) -> bool {
    matches!(event, Event::World(World::Booted(Booted::Trial { .. })))
}

#[test]
fn the_four_value_code_takes_no_step_but_the_allowed_ones() {
    let (mut steps, mut over_a_boot) = (BTreeSet::new(), BTreeSet::new());
    for (before, event, taken) in every_arrow() {
        let pair = (four_value_code(&before), four_value_code(&taken.next));
        if pair.0 == pair.1 {
            continue;
        }
        if boots_into_a_trial(&event) {
            over_a_boot.insert(pair)
        } else {
            steps.insert(pair)
        };
    }
    assert_eq!(steps, BTreeSet::from([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 3), (3, 0), (3, 2)]));
    assert_eq!(over_a_boot, BTreeSet::from([(0, 3), (1, 3), (2, 3)]), "a preset slot boots");
}

#[test]
fn the_three_value_code_takes_no_step_but_the_allowed_ones() {
    let pairs = every_arrow().into_iter();
    let pairs = pairs.map(|(before, _, taken)| (three_value_code(&before), three_value_code(&taken.next)));
    let steps: BTreeSet<(u8, u8)> = pairs.filter(|(from, to)| from != to).collect();
    assert_eq!(steps, BTreeSet::from([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]));
}

/// This shape allows every step; what is fixed here is which ones an observer can meet.
#[test]
fn the_five_name_code_takes_the_steps_that_are_written_here() {
    let mut steps = BTreeSet::new();
    for (before, _, taken) in every_arrow() {
        for newer in [false, true] {
            let after = match taken.effect {
                Effect::Know(known) => known.is_some(),
                Effect::Nothing | Effect::Restart | Effect::Prepare(..) | Effect::Keep(_) => newer,
                Effect::GiveUp(..) | Effect::Empty(_) | Effect::Enable(..) | Effect::Preset(..) => newer,
                // An image that runs, or a record that is cleared, leaves nothing newer known.
                Effect::Adopt(_) | Effect::Forget => false,
                Effect::Reset | Effect::Condemn(..) => newer,
            };
            let pair = (five_name_code(&before, newer), five_name_code(&taken.next, after));
            if pair.0 != pair.1 {
                steps.insert(pair);
            }
        }
    }
    let expected = [
        ("coming", ["idle", "installing", "newer", "there"].as_slice()),
        ("idle", &["coming", "installing", "newer", "there"]),
        ("installing", &["idle", "newer", "there"]),
        ("newer", &["coming", "idle", "installing", "there"]),
        ("there", &["idle", "installing", "newer"]),
    ];
    let expected = expected.into_iter().flat_map(|(from, all)| all.iter().map(move |to| (from, *to)));
    assert_eq!(steps, expected.collect());
}
