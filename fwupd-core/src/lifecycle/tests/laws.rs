//! What holds whatever happens, over every arrow that the samples reach.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::samples::{EVERYBODY, every_arrow, every_event};
use super::walk::{config, picks, walk};
use crate::image::{SlotId, Verified};
use crate::lifecycle::{
    AfterReset, Answer, Booted, Effect, Event, Order, Owed, Owner, State, Step, Watch, World, step,
};
use crate::outcome::{Ask, Failure, Initiator, Phase, Reach, Refused, Run, What};
use crate::time::Now;

/// Every state that the samples reach.
fn every_state() -> Vec<State> {
    let mut states = vec![State::Idle];
    for (_, _, taken) in every_arrow() {
        if !states.contains(&taken.next) {
            states.push(taken.next);
        }
    }
    states
}

/// The owner that a boot names.
fn named(event: &Event) -> Option<Owner> {
    match event {
        Event::World(World::Booted(boot)) => match boot {
            Booted::Usual => None,
            Booted::Trial { owner, .. } | Booted::Settled { owner, .. } => Some(*owner),
            Booted::Reverted { owner, .. } | Booted::FellBack { owner, .. } => Some(*owner),
        },
        Event::Command { .. } | Event::World(_) => None,
    }
}

/// The slot that a boot names.
fn named_slot(event: &Event) -> Option<SlotId> {
    match event {
        Event::World(World::Booted(boot)) => match boot {
            Booted::Usual => None,
            Booted::Trial { image, .. } => Some(image.slot()),
            Booted::Settled { slot, .. } | Booted::Reverted { slot, .. } => Some(*slot),
            Booted::FellBack { slot, .. } => Some(*slot),
        },
        Event::Command { .. } | Event::World(_) => None,
    }
}

#[test]
fn what_ends_is_the_run_at_work_or_the_one_that_the_boot_names() {
    for (before, event, Step { next, ends, .. }) in every_arrow() {
        let Some(ends) = ends else { continue };
        let at_work = before.run().zip(before.owner());
        let named = named(&event).map(|owner| (owner.run, owner.by));
        assert!(
            [at_work, named].contains(&Some((ends.run, ends.by))),
            "{event:?} in {before:?} ends {ends:?}"
        );
        assert_ne!(
            next.run(),
            Some(ends.run),
            "a run that has ended is not at work: {event:?} in {before:?}"
        );
    }
}

#[test]
fn a_run_at_work_stays_at_work_until_it_ends() {
    for (before, event, Step { next, ends, .. }) in every_arrow() {
        let Some(run) = before.run() else { continue };
        let goes_on = next.run() == Some(run);
        let has_ended = ends.is_some_and(|ends| ends.run == run);
        // One step tells one outcome. Where a boot has one of its own, that of a download or a wish is not told.
        let boot_outweighs = before_activation(&before) && ends.is_some() && named(&event).is_some();
        assert!(goes_on != has_ended || boot_outweighs, "{event:?} in {before:?}");
        assert!(!(goes_on && has_ended), "{event:?} in {before:?}");
    }
}

fn before_activation(state: &State) -> bool {
    phase(state) != Some(Phase::Activation)
}

/// The phase in which the work of a state ends.
fn phase(state: &State) -> Option<Phase> {
    match state {
        State::Idle => None,
        State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => Some(Phase::Download),
        State::Staged { .. } => Some(Phase::Staged),
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => Some(Phase::Activation),
    }
}

#[test]
fn an_outcome_tells_the_part_of_the_life_in_which_it_fell() {
    for (before, event, Step { ends, .. }) in every_arrow() {
        let Some(ends) = ends else { continue };
        let expected = if before.run() == Some(ends.run) { phase(&before) } else { Some(Phase::Activation) };
        assert_eq!(Some(ends.at), expected, "{event:?} in {before:?}");
    }
}

/// How far the work of a state goes, and the slot that it is about.
fn scope(state: &State) -> Option<(Reach, Option<SlotId>)> {
    let activation = |owner: &Owner, image: &Verified| (Reach::Activate(owner.ask), Some(image.slot()));
    match state {
        State::Idle => None,
        State::Checking { .. } => Some((Reach::Check, None)),
        State::Receiving { request, .. } | State::Validating { request, .. } => {
            Some((request.reach, Some(request.target)))
        }
        State::Staged { image, wanted } => wanted.map(|owner| activation(&owner, image)),
        State::Activating { owner, image } | State::Trial { owner, image, .. } => {
            Some(activation(owner, image))
        }
        State::Reverting { owner, image, .. } => Some(activation(owner, image)),
    }
}

#[test]
fn an_outcome_tells_how_far_its_run_was_to_go_and_the_slot_that_it_was_about() {
    for (before, event, Step { ends, .. }) in every_arrow() {
        let Some(ends) = ends else { continue };
        let by_boot = named(&event).map(|owner| (Reach::Activate(owner.ask), named_slot(&event)));
        let expected = if before.run() == Some(ends.run) { scope(&before) } else { by_boot };
        assert_eq!(Some((ends.reach, ends.slot)), expected, "{event:?} in {before:?}");
    }
}

#[test]
fn a_trial_has_the_boots_and_the_deadline_that_its_last_boot_named() {
    let trials = |state: &State| matches!(state, State::Trial { .. });
    let mut boots = 0;
    for (before, event, Step { next, .. }) in
        every_arrow().into_iter().filter(|(.., taken)| trials(&taken.next))
    {
        let State::Trial { left, deadline, .. } = next else { continue };
        let expected = match (event, before) {
            (Event::World(World::Booted(Booted::Trial { left, deadline, .. })), _) => {
                boots += 1;
                (left, deadline)
            }
            (_, State::Trial { left, deadline, .. }) => (left, deadline),
            (event, before) => panic!("{event:?} in {before:?} is no way into a trial"),
        };
        assert_eq!((left, deadline), expected, "{event:?} in {before:?}");
    }
    assert_ne!(boots, 0);
}

#[test]
fn a_download_that_is_not_described_yet_has_no_payload() {
    for (before, event, Step { next, .. }) in every_arrow() {
        if let State::Receiving { offset, image: None, .. } = next {
            assert_eq!(offset, 0, "{event:?} in {before:?}");
        }
    }
}

#[test]
fn a_payload_that_begins_anew_keeps_its_description_and_prepares_its_slot_again() {
    let again = Event::World(World::Answered(Answer::PayloadAgain));
    let mut begun = 0;
    for (before, event, Step { next, effect, ends }) in every_arrow() {
        let State::Receiving { request, image: Some(image), .. } = before else { continue };
        if event == again {
            begun += 1;
            assert_eq!(next, State::Receiving { request, offset: 0, image: Some(image) });
            assert_eq!((effect, ends), (Effect::Prepare(request.target, image), None));
        }
    }
    assert_ne!(begun, 0);
}

#[test]
fn each_state_owes_what_it_stands_for() {
    for state in every_state() {
        let owed = state.owed();
        let expected = match state {
            State::Idle | State::Staged { wanted: None, .. } => Owed::Nothing,
            State::Checking { request } | State::Receiving { request, .. } => Owed::Bytes(request),
            State::Validating { image, .. } => Owed::Validation(image),
            State::Staged { wanted: Some(owner), .. } if owner.ask == Ask::No => Owed::GoOn,
            State::Staged { wanted: Some(owner), .. } => Owed::Permit(owner),
            State::Activating { image, .. } => Owed::Arming(image),
            State::Trial { deadline, watch: Watch::Testing, .. } => Owed::Watching(deadline),
            State::Trial { image, watch: Watch::Confirming, .. } => Owed::Confirming(image),
            State::Reverting { image, .. } => Owed::Reverting(image),
        };
        assert_eq!(owed, expected);
    }
}

/// Whatever is owed has an answer that is taken, so that no state is a dead end.
#[test]
fn the_answer_to_what_is_owed_is_taken() {
    for state in every_state() {
        let answers: &[World] = match state.owed() {
            Owed::Nothing => &[World::Booted(Booted::Usual)],
            Owed::Bytes(_) => &[World::Complete, World::Failed(Failure::ConnectionLost)],
            Owed::Validation(_) => &[World::Failed(Failure::Integrity)],
            Owed::Permit(_) => &[World::Permit, World::Defer],
            Owed::GoOn => &[World::GoOn],
            Owed::Arming(_) => &[World::Armed, World::Failed(Failure::InstallFailed)],
            Owed::Watching(_) => &[World::Tick(Now::mono(u64::MAX))],
            Owed::Confirming(_) => &[World::Confirmed, World::Failed(Failure::InstallFailed)],
            Owed::Reverting(_) => &[World::Armed, World::Failed(Failure::InstallFailed)],
        };
        for answer in answers {
            assert!(step(&state, &Event::World(*answer)).is_ok(), "{answer:?} in {state:?}");
        }
    }
}

#[test]
fn nobody_but_its_owner_and_the_application_ends_work_by_an_order() {
    let mut ended_by_application = 0;
    for (before, event, Step { next, ends, .. }) in every_arrow() {
        let Event::Command { by, .. } = event else { continue };
        let Some(owner) = before.owner() else { continue };
        if ends.is_some() || next.run() != before.run() {
            assert!(by == owner || by == Initiator::APPLICATION, "{event:?} in {before:?}");
            ended_by_application += usize::from(by != owner);
        }
    }
    assert_ne!(ended_by_application, 0, "it may always cancel");
}

#[test]
fn an_order_over_the_work_of_another_is_refused_as_busy_with_that_one() {
    for state in every_state() {
        for event in every_event() {
            let Event::Command { by, order } = event else { continue };
            let refused = step(&state, &event).err();
            let only_zero = matches!(order, Order::Confirm | Order::Reject { .. });
            match state.owner() {
                Some(owner) if owner != by && by != Initiator::APPLICATION && !only_zero => {
                    assert_eq!(refused, Some(Refused::Busy(owner)), "{event:?} in {state:?}");
                }
                Some(owner) if owner != by => {
                    let expected = match refused {
                        None | Some(Refused::WrongState | Refused::Unsupported) => true,
                        Some(Refused::Busy(who)) => who == owner,
                        Some(Refused::Invalid | Refused::NoSuchSlot | Refused::NotAvailable) => false,
                    };
                    assert!(expected, "{refused:?} for {event:?} in {state:?}");
                }
                Some(_) | None => {
                    assert!(!matches!(refused, Some(Refused::Busy(_))), "{event:?} in {state:?}");
                }
            }
        }
    }
}

#[test]
fn the_application_alone_confirms_and_rejects() {
    for state in every_state() {
        for by in EVERYBODY.into_iter().filter(|by| *by != Initiator::APPLICATION) {
            for order in [Order::Confirm, Order::Reject { why: Failure::Rejected }] {
                let refused = step(&state, &Event::Command { by, order });
                assert_eq!(refused, Err(Refused::Unsupported), "{order:?} in {state:?}");
            }
        }
    }
    for (before, event, Step { next, .. }) in every_arrow() {
        let confirming = |state| matches!(state, State::Trial { watch: Watch::Confirming, .. });
        if confirming(next) && !confirming(before) {
            assert_eq!(event, Event::Command { by: Initiator::APPLICATION, order: Order::Confirm });
        }
    }
}

#[test]
fn an_image_is_adopted_by_the_boot_control_alone_never_by_an_order_or_by_time() {
    for (before, event, Step { effect, ends, .. }) in every_arrow() {
        let Effect::Adopt(_) = effect else { continue };
        let told = matches!(event, Event::World(World::Confirmed | World::Booted(Booted::Settled { .. })));
        assert!(told, "{event:?} in {before:?}");
        // What was given up runs all the same where there is nothing else, and its run has failed.
        let expected = match before {
            State::Reverting { why, .. } => What::Failed(why),
            State::Idle | State::Checking { .. } | State::Receiving { .. } => What::Done,
            State::Validating { .. } | State::Staged { .. } => What::Done,
            State::Activating { .. } | State::Trial { .. } => What::Done,
        };
        assert_eq!(ends.map(|ends| ends.what), Some(expected), "{event:?} in {before:?}");
    }
}

/// The way back ends where it leads, and its run for the reason that it was given up for.
#[test]
fn an_image_that_was_given_up_is_condemned_unless_it_runs_or_another_failed() {
    let mut seen = BTreeSet::new();
    for (before, event, Step { next, effect, ends }) in every_arrow() {
        let State::Reverting { owner, image, why } = before else { continue };
        let Event::World(World::Booted(boot)) = event else { continue };
        let (case, expected) = match boot {
            Booted::Trial { .. } => continue,
            Booted::Settled { slot, .. } if slot == image.slot() => ("it runs", Effect::Adopt(slot)),
            Booted::FellBack { slot, .. } if slot != image.slot() => {
                ("another failed", Effect::Condemn(slot, Failure::BootFailed))
            }
            Booted::Settled { .. } => ("another runs", Effect::Condemn(image.slot(), why)),
            Booted::Usual | Booted::Reverted { .. } | Booted::FellBack { .. } => {
                ("went back", Effect::Condemn(image.slot(), why))
            }
        };
        seen.insert(case);
        assert_eq!((next, effect), (State::Idle, expected), "{event:?} in {before:?}");
        let told = ends.map(|ends| (ends.run, ends.slot, ends.what));
        assert_eq!(told, Some((owner.run, Some(image.slot()), What::Failed(why))), "{event:?}");
    }
    assert_eq!(seen, BTreeSet::from(["another failed", "another runs", "it runs", "went back"]));
}

#[test]
fn a_slot_that_the_boot_control_settled_for_is_adopted_or_left_and_one_that_it_fell_back_from_is_condemned() {
    for (before, event, Step { effect, .. }) in every_arrow() {
        let right = match event {
            Event::World(World::Booted(Booted::Settled { slot, .. })) => {
                effect == Effect::Adopt(slot)
                    || matches!(effect, Effect::Condemn(condemned, _) if condemned != slot)
            }
            Event::World(World::Booted(Booted::FellBack { slot, .. })) => {
                matches!(effect, Effect::Condemn(condemned, _) if condemned == slot)
            }
            Event::Command { .. } | Event::World(_) => continue,
        };
        assert!(right, "{effect:?} at {event:?} in {before:?}");
    }
}

#[test]
fn an_activation_is_done_only_if_the_boot_control_settled_for_its_image() {
    let (mut on_it, mut on_another) = (0, 0);
    for (before, event, Step { next, effect, ends }) in every_arrow() {
        let (State::Activating { image, .. } | State::Trial { image, .. }) = before else { continue };
        let Event::World(World::Booted(Booted::Settled { slot, .. })) = event else { continue };
        let failed = Failure::BootFailed;
        let expected = if slot == image.slot() {
            on_it += 1;
            (Effect::Adopt(slot), What::Done)
        } else {
            on_another += 1;
            (Effect::Condemn(image.slot(), failed), What::Failed(failed))
        };
        let told = ends.map(|ends| (ends.run, ends.slot, ends.what));
        assert_eq!((next, effect), (State::Idle, expected.0), "{event:?} in {before:?}");
        assert_eq!(told, before.run().map(|run| (run, Some(image.slot()), expected.1)));
    }
    assert!(on_it > 0 && on_another > 0, "both were reached");
}

#[test]
fn a_slot_is_given_up_or_condemned_for_the_reason_that_the_outcome_tells() {
    for (before, event, Step { effect, ends, .. }) in every_arrow() {
        if let Effect::GiveUp(slot, why) | Effect::Condemn(slot, why) = effect {
            // A slot that is not the run's own has a reason of its own.
            if ends.is_some_and(|ends| ends.slot != Some(slot)) {
                assert_eq!((named_slot(&event), why), (Some(slot), Failure::BootFailed));
                continue;
            }
            assert_eq!(ends.map(|ends| ends.what), Some(What::Failed(why)), "{event:?} in {before:?}");
        }
    }
}

#[test]
fn time_changes_nothing_but_an_unconfirmed_trial_that_is_over() {
    for (before, event, Step { next, effect, ends }) in every_arrow() {
        let Event::World(World::Tick(now)) = event else { continue };
        let over =
            matches!(before, State::Trial { deadline, watch: Watch::Testing, .. } if deadline.passed(now));
        assert_eq!(next != before, over, "{event:?} in {before:?}");
        assert_eq!((effect, ends), (Effect::Nothing, None), "{event:?} in {before:?}");
    }
}

#[test]
fn only_a_staged_image_is_activated_and_only_a_boot_begins_a_trial() {
    for (before, event, Step { next, .. }) in every_arrow() {
        if let State::Activating { image, .. } = next {
            let from = match before {
                State::Staged { image, wanted: Some(_) } | State::Activating { image, .. } => Some(image),
                State::Staged { wanted: None, .. } | State::Idle | State::Checking { .. } => None,
                State::Receiving { .. } | State::Validating { .. } => None,
                State::Trial { .. } | State::Reverting { .. } => None,
            };
            let moved = match event {
                Event::World(World::Moved(slot)) => from.map(|from| from.moved(slot)),
                Event::World(_) | Event::Command { .. } => from,
            };
            assert_eq!(moved, Some(image), "{event:?} in {before:?}");
        }
        if matches!(next, State::Trial { .. }) && !matches!(before, State::Trial { .. }) {
            let boot = matches!(event, Event::World(World::Booted(Booted::Trial { .. })));
            assert!(boot, "{event:?} in {before:?}");
        }
    }
}

#[test]
fn an_exchange_of_slots_changes_where_the_image_of_an_activation_lies_and_nothing_else() {
    let mut moved = 0;
    for (before, event, taken) in every_arrow() {
        let Event::World(World::Moved(to)) = event else { continue };
        assert_eq!(phase(&before), Some(Phase::Activation), "{before:?}");
        moved += 1;
        let (Some((reach, _)), Some((after, slot))) = (scope(&before), scope(&taken.next)) else {
            panic!("{before:?}")
        };
        assert_eq!((after, slot), (reach, Some(to)));
        assert_eq!((taken.effect, taken.ends), (Effect::Nothing, None));
        let back = scope(&before).and_then(|(_, slot)| slot).map(|slot| Event::World(World::Moved(slot)));
        assert_eq!(back.and_then(|back| step(&taken.next, &back).ok()).map(|step| step.next), Some(before));
    }
    assert_ne!(moved, 0);
}

#[test]
fn over_a_usual_boot_the_same_is_owed_or_the_run_has_ended() {
    let usual = Event::World(World::Booted(Booted::Usual));
    for before in every_state() {
        let Step { next, effect, ends } = step(&before, &usual).unwrap();
        let goes_on = match before {
            State::Idle | State::Staged { wanted: None, .. } => true,
            State::Staged { wanted: Some(owner), .. } => owner.after == AfterReset::Resume,
            State::Checking { request } | State::Receiving { request, .. } => {
                request.after == AfterReset::Resume
            }
            State::Validating { request, .. } => request.after == AfterReset::Resume,
            State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => false,
        };
        if goes_on {
            assert_eq!((next, effect, ends), (before, Effect::Nothing, None));
        } else {
            assert_eq!(ends.map(|ends| ends.run), before.run(), "{before:?}");
            assert_eq!(next.owed(), Owed::Nothing, "{before:?}");
        }
    }
}

#[test]
fn a_request_hands_what_happens_over_a_reset_on_to_its_activation() {
    let mut handed = BTreeSet::new();
    for (before, event, Step { next, .. }) in every_arrow() {
        let (State::Validating { request, .. }, State::Staged { wanted: Some(owner), .. }) = (before, next)
        else {
            continue;
        };
        handed.insert(owner.after == AfterReset::Resume);
        assert_eq!((owner.run, owner.by, owner.after), (request.run, request.by, request.after), "{event:?}");
    }
    assert_eq!(handed.len(), 2, "one that resumes, and one that fails");
}

#[test]
fn a_wish_that_fails_over_a_reset_ends_staged_as_power_lost_and_leaves_the_image_to_others() {
    let usual = Event::World(World::Booted(Booted::Usual));
    let (mut ended, mut stayed) = (0, 0);
    for before in every_state() {
        let State::Staged { image, wanted: Some(owner) } = before else { continue };
        let Step { next, effect, ends } = step(&before, &usual).unwrap();
        match owner.after {
            AfterReset::Resume => {
                stayed += 1;
                assert_eq!((next, ends), (before, None));
            }
            AfterReset::Fail => {
                ended += 1;
                assert_eq!((next, effect), (State::Staged { image, wanted: None }, Effect::Nothing));
                let told = ends.map(|ends| (ends.run, ends.at, ends.what));
                let lost = What::Failed(Failure::PowerLost);
                assert_eq!(told, Some((owner.run, Phase::Staged, lost)));
            }
        }
    }
    assert!(ended > 0 && stayed > 0, "both were reached");
}

#[test]
fn over_a_boot_into_the_trial_the_confirmation_and_the_way_back_are_owed_again() {
    let boots: Vec<Event> = every_event()
        .into_iter()
        .filter(|event| matches!(event, Event::World(World::Booted(Booted::Trial { .. }))))
        .collect();
    let (mut confirming, mut reverting) = (0, 0);
    for before in every_state() {
        for boot in &boots {
            let next = || step(&before, boot).unwrap().next;
            match before.owed() {
                Owed::Confirming(_) => {
                    confirming += 1;
                    assert_eq!(next().owed(), before.owed());
                }
                Owed::Reverting(_) => {
                    reverting += 1;
                    assert_eq!(next().owed(), before.owed());
                }
                Owed::Watching(_) => assert!(matches!(next().owed(), Owed::Watching(_))),
                Owed::Nothing | Owed::Bytes(_) | Owed::Validation(_) => {}
                Owed::Permit(_) | Owed::GoOn | Owed::Arming(_) => {}
            }
        }
    }
    assert!(confirming > 0 && reverting > 0, "both were reached");
}

#[test]
fn every_boot_has_an_arrow_from_every_state() {
    let boots = every_event().into_iter().filter(|e| matches!(e, Event::World(World::Booted(_))));
    let boots: Vec<Event> = boots.collect();
    assert_eq!(boots.len(), 7, "each way to boot, another slot settled on, and a trial's second boot");
    for state in every_state() {
        for boot in &boots {
            assert!(step(&state, boot).is_ok(), "{boot:?} in {state:?}");
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_run_ends_at_most_once(picks in picks()) {
        let mut ended: BTreeSet<Run> = BTreeSet::new();
        for Step { next, ends, .. } in walk(&picks) {
            if let Some(ends) = ends {
                prop_assert!(ended.insert(ends.run), "{ends:?} once more");
            }
            prop_assert!(next.run().is_none_or(|run| !ended.contains(&run)), "{next:?} is at work again");
        }
    }
}
