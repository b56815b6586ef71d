//! A bootloader that exchanges two slots: slots, state and installed image follow what was found to run.

use super::*;
use crate::boot::{BootEvent, BootReason, Model, Plan};
use crate::flash::{FlashFault, Op};
use crate::lifecycle::step;

/// A boot control that is asked nothing here.
struct Swaps;

impl BootControl for Swaps {
    const MODEL: Model = Model::Swap;
    const TRIALS: u8 = 1;
    const KEEPS_OLD: bool = false;

    fn begin(&mut self, _: Want, _: BootRecord) {}

    fn plan(&mut self) -> Plan {
        Plan::Failed
    }

    fn op(&mut self) -> Option<Op<'_>> {
        None
    }

    fn done(&mut self, _: Result<(), FlashFault>) {}

    fn answered(&mut self, _: Option<Seen>) {}
}

const ON_TRIAL: Seen = Seen { running: OLD, trial: Some(0), event: None };
const QUIET: Seen = Seen { running: OLD, trial: None, event: None };
const WENT_BACK: Seen = Seen { event: Some(BootEvent::Reverted(NEW, BootReason::TrialsSpent)), ..QUIET };

/// A boot from this state, in which the running slot was found to hold this image.
fn boot(state: State, seen: Seen, found: Option<Image>) -> Updater<Device<Swaps>> {
    let mut updater = updater_with(Swaps, state);
    if let State::Trial { .. } | State::Reverting { .. } = state {
        updater.slots = [Slot::Verified(image(5, NEW).moved(OLD), Enabled::Yes), Slot::Empty];
    }
    next_boot(&mut updater, seen, found);
    updater
}

fn next_boot(updater: &mut Updater<Device<Swaps>>, seen: Seen, found: Option<Image>) {
    updater.boot_record.running = seen.running;
    assert!(updater.exchanges(seen));
    updater.running_image = found;
    updater.boots(seen);
    assert!(updater.committing);
}

fn old() -> Image {
    *image(4, OLD).image()
}

/// What came in, as `image(5, NEW)` describes it.
fn new() -> Image {
    *image(5, NEW).image()
}

fn holds(slot: &Slot) -> Option<(u64, SlotId)> {
    slot.verified().map(|v| (v.image().sequence, v.slot()))
}

fn what(updater: &Updater<Device<Swaps>>) -> Option<What> {
    updater.record.last.map(|last| last.what)
}

/// The activation of the new slot's image, in each state that it has once that image runs.
fn exchanged() -> [State; 3] {
    let [activating, trial, reverting] = activations();
    let moved = |state| step(&state, &Event::World(World::Moved(OLD))).unwrap().next;
    [activating, moved(trial), moved(reverting)]
}

#[test]
fn an_image_that_was_swapped_in_lies_in_the_running_slot_and_the_old_one_nowhere() {
    let [activating, ..] = exchanged();
    let updater = boot(activating, ON_TRIAL, Some(new()));
    let State::Trial { image, left: 0, .. } = updater.record.state else {
        panic!("{:?}", updater.record.state)
    };
    assert_eq!(image.slot(), OLD);
    assert_eq!(holds(&updater.slots[0]), Some((5, OLD)));
    assert_eq!(updater.slots[1], Slot::Empty);
    assert_eq!(updater.record.installed.sequence, 4, "it is not confirmed yet");
}

#[test]
fn an_image_that_was_not_swapped_in_stays_staged() {
    let [activating, ..] = exchanged();
    let updater = boot(activating, QUIET, Some(old()));
    let State::Staged { image, wanted: None } = updater.record.state else {
        panic!("{:?}", updater.record.state)
    };
    assert_eq!(image.slot(), NEW);
    assert_eq!(updater.slots.each_ref().map(holds), [Some((4, OLD)), Some((5, NEW))]);
    assert_eq!(what(&updater), Some(What::Failed(Failure::PowerLost)));
}

#[test]
fn an_image_with_the_bytes_of_the_running_one_is_on_trial_by_the_word_of_the_bootloader_alone() {
    let [activating, ..] = exchanged();
    let same = |seen| {
        let mut updater = updater_with(Swaps, activating);
        updater.slots[0] = Slot::Verified(image(5, NEW).moved(OLD), Enabled::Yes);
        next_boot(&mut updater, seen, Some(new()));
        updater
    };
    assert!(matches!(same(QUIET).record.state, State::Staged { .. }));
    assert!(matches!(same(ON_TRIAL).record.state, State::Trial { .. }));
    assert_eq!(what(&same(WENT_BACK)), Some(What::Failed(Failure::BootFailed)));
}

#[test]
fn what_the_bootloader_went_back_to_is_installed_and_the_image_condemned_where_it_lies_again() {
    for (state, why) in
        exchanged().into_iter().zip([Failure::BootFailed, Failure::BootFailed, Failure::NotConfirmed])
    {
        for seen in [WENT_BACK, QUIET] {
            if let (State::Activating { .. }, None) = (state, seen.event) {
                continue;
            }
            let updater = boot(state, seen, Some(old()));
            assert_eq!(updater.record.state, State::Idle, "{state:?} {seen:?}");
            assert_eq!(holds(&updater.slots[0]), Some((4, OLD)));
            let Slot::Failed { image: Some(failed), why: told, .. } = updater.slots[1] else {
                panic!("{:?}", updater.slots[1])
            };
            assert_eq!((failed.sequence, told), (5, why), "{state:?} {seen:?}");
            assert_eq!(what(&updater), Some(What::Failed(why)));
            assert_eq!(updater.record.last.and_then(|last| last.slot), Some(NEW));
            assert_eq!(updater.record.installed.sequence, 4);
            assert_eq!(updater.record.barred.map(|barred| barred.sequence), Some(5));
            assert_eq!(updater.boot_record.event, None);
        }
    }
}

#[test]
fn what_runs_on_trial_and_is_not_the_image_that_was_armed_fails_for_its_integrity() {
    let [activating, ..] = exchanged();
    for found in [None, Some(old())] {
        let updater = boot(activating, ON_TRIAL, found);
        assert_eq!(what(&updater), Some(What::Failed(Failure::Integrity)));
        assert_eq!(updater.slots[0], Slot::Empty, "it goes with the next boot");
    }
}

/// The bootloader says that it went back, and did not.
#[test]
fn a_confirmation_that_was_cut_and_left_the_image_running_is_done_and_raises_the_counter() {
    let [_, trial, _] = exchanged();
    let State::Trial { owner, image, left, deadline, .. } = trial else { panic!("{trial:?}") };
    let counted = Image { sequence: 7 << 32, ..*image.image() };
    let image = Verified::vouch(counted, OLD);
    let confirming = State::Trial { owner, image, left, deadline, watch: Watch::Confirming };
    for seen in [WENT_BACK, QUIET] {
        let updater = boot(confirming, seen, Some(counted));
        assert_eq!((updater.record.state, what(&updater)), (State::Idle, Some(What::Done)), "{seen:?}");
        assert_eq!(updater.record.installed.sequence, 7 << 32);
        assert_eq!(updater.boot_record.counter, 7);
    }
    // Also where the old image has the very same bytes, and only its description is another.
    for old in [old(), Image { sequence: 4, ..counted }] {
        let updater = boot(confirming, WENT_BACK, Some(old));
        assert_eq!(what(&updater), Some(What::Failed(Failure::BootFailed)));
        assert_eq!((updater.record.installed.sequence, updater.boot_record.counter), (4, 0));
    }
}

#[test]
fn an_image_on_trial_that_no_record_tells_of_is_the_applications_own_trial() {
    let updater = boot(State::Idle, ON_TRIAL, Some(new()));
    let State::Trial { owner, image, .. } = updater.record.state else {
        panic!("{:?}", updater.record.state)
    };
    assert_eq!((owner.by, image.slot()), (Initiator::APPLICATION, OLD));
}
