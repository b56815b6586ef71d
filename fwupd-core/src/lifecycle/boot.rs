//! Activating, Trial, Reverting: one image is given over to another.

use super::{Booted, Effect, Event, Order, Owner, State, Step, Watch, World, to};
use crate::image::{SlotId, Verified};
use crate::outcome::{Failure, Phase, Refused, What};
use crate::time::Deadline;

pub(super) fn activating(owner: Owner, image: Verified, event: &Event) -> Result<Step, Refused> {
    let stay = State::Activating { owner, image };
    match event {
        Event::Command { order, .. } => no_command(order),
        Event::World(world) => match *world {
            World::Armed => Ok(Step::with(stay, Effect::Reset)),
            World::Failed(why) => Ok(back_to_staged(owner, image, why)),
            World::Tick(_) => to(stay),
            World::Moved(slot) => to(State::Activating { owner, image: image.moved(slot) }),
            World::Booted(booted) => match booted {
                // The boot control was not armed yet, or its bootloader did not heed it. To arm again by
                // itself could reset for ever, so that this is reported instead.
                Booted::Usual => Ok(back_to_staged(owner, image, Failure::PowerLost)),
                Booted::Trial { left, deadline, .. } => {
                    to(State::Trial { owner, image, left, deadline, watch: Watch::Testing })
                }
                Booted::Settled { slot, .. } => Ok(settled(owner, image, slot)),
                Booted::Reverted { why, .. } => Ok(failed(owner, image, why)),
                Booted::FellBack { slot, .. } => Ok(fell_back(owner, image, slot, Failure::BootFailed)),
            },
            World::Answered(_) | World::Described(_) | World::NothingNewer => Err(Refused::WrongState),
            World::Chunk(_) | World::Complete | World::Passed(_) => Err(Refused::WrongState),
            World::Permit | World::Defer | World::GoOn => Err(Refused::WrongState),
            World::Confirmed => Err(Refused::WrongState),
        },
    }
}

/// What [`State::Trial`] owns.
pub(super) struct OnTrial {
    pub(super) owner: Owner,
    pub(super) image: Verified,
    pub(super) left: u8,
    pub(super) deadline: Deadline,
    pub(super) watch: Watch,
}

pub(super) fn trial(on: OnTrial, event: &Event) -> Result<Step, Refused> {
    let OnTrial { owner, image, left, deadline, watch } = on;
    let with = |watch| State::Trial { owner, image, left, deadline, watch };
    match event {
        Event::Command { order, .. } => match (*order, watch) {
            (Order::Confirm, Watch::Testing) => to(with(Watch::Confirming)),
            (Order::Reject { why }, Watch::Testing) => to(State::Reverting { owner, image, why }),
            (order, Watch::Testing | Watch::Confirming) => no_command(&order),
        },
        Event::World(world) => match *world {
            World::Tick(now) => match watch {
                Watch::Testing if deadline.passed(now) => {
                    to(State::Reverting { owner, image, why: Failure::NotConfirmed })
                }
                Watch::Testing | Watch::Confirming => to(with(watch)),
            },
            World::Moved(slot) => to(State::Trial { owner, image: image.moved(slot), left, deadline, watch }),
            World::Confirmed => match watch {
                Watch::Confirming => Ok(done(owner, image)),
                Watch::Testing => Err(Refused::WrongState),
            },
            // The boot control could not be told. The image can be confirmed again until its deadline.
            World::Failed(_) => match watch {
                Watch::Confirming => to(with(Watch::Testing)),
                Watch::Testing => Err(Refused::WrongState),
            },
            World::Booted(booted) => match booted {
                Booted::Trial { left, deadline, .. } => {
                    to(State::Trial { owner, image, left, deadline, watch })
                }
                Booted::Settled { slot, .. } => Ok(settled(owner, image, slot)),
                Booted::Usual => Ok(failed(owner, image, Failure::BootFailed)),
                Booted::Reverted { why, .. } => Ok(failed(owner, image, why)),
                Booted::FellBack { slot, .. } => Ok(fell_back(owner, image, slot, Failure::BootFailed)),
            },
            World::Answered(_) | World::Described(_) | World::NothingNewer => Err(Refused::WrongState),
            World::Chunk(_) | World::Complete | World::Passed(_) => Err(Refused::WrongState),
            World::Permit | World::Defer | World::GoOn | World::Armed => Err(Refused::WrongState),
        },
    }
}

pub(super) fn reverting(owner: Owner, image: Verified, why: Failure, event: &Event) -> Result<Step, Refused> {
    let stay = State::Reverting { owner, image, why };
    match event {
        Event::Command { order, .. } => no_command(order),
        Event::World(world) => match *world {
            // A boot control that cannot be told is told again after the reset; the trial boots run out.
            World::Armed | World::Failed(_) => Ok(Step::with(stay, Effect::Reset)),
            World::Tick(_) => to(stay),
            World::Moved(slot) => to(State::Reverting { owner, image: image.moved(slot), why }),
            World::Booted(booted) => match booted {
                Booted::Trial { .. } => to(stay),
                Booted::Usual | Booted::Reverted { .. } => Ok(failed(owner, image, why)),
                // There was nothing to go back to, and the boot control has settled for this image.
                Booted::Settled { slot, .. } if slot == image.slot() => Ok(kept(owner, image, why)),
                Booted::Settled { .. } => Ok(failed(owner, image, why)),
                Booted::FellBack { slot, .. } => Ok(fell_back(owner, image, slot, why)),
            },
            World::Answered(_) | World::Described(_) | World::NothingNewer => Err(Refused::WrongState),
            World::Chunk(_) | World::Complete | World::Passed(_) => Err(Refused::WrongState),
            World::Permit | World::Defer | World::GoOn => Err(Refused::WrongState),
            World::Confirmed => Err(Refused::WrongState),
        },
    }
}

/// Nothing is commanded while one image is given over to another.
fn no_command(order: &Order) -> Result<Step, Refused> {
    match order {
        Order::Check(_) | Order::Fetch(_) | Order::Receive(_) => Err(Refused::WrongState),
        Order::Activate { .. } | Order::Withdraw | Order::Cancel => Err(Refused::WrongState),
        Order::Discard { .. } | Order::Enable { .. } | Order::Preset { .. } => Err(Refused::WrongState),
        Order::Confirm | Order::Reject { .. } | Order::FactoryReset => Err(Refused::WrongState),
    }
}

/// The image is still good, its activation has failed.
fn back_to_staged(owner: Owner, image: Verified, why: Failure) -> Step {
    Step::with(State::Staged { image, wanted: None }, Effect::Nothing).ending(owner.ends(
        image.slot(),
        Phase::Activation,
        What::Failed(why),
    ))
}

/// The boot control has settled: for the image, or for another slot, and then the activation has failed.
fn settled(owner: Owner, image: Verified, slot: SlotId) -> Step {
    if slot == image.slot() {
        return done(owner, image);
    }
    // A step has one effect, and two slots are concerned. To adopt what runs would leave an image that did not
    // come to run where it can be activated again at once; so it is the image that is condemned, and that
    // effect too leaves installed what runs. All that is missed of an adoption is that it forgets the newer
    // version known, and that may still be newer than what runs.
    failed(owner, image, Failure::BootFailed)
}

fn done(owner: Owner, image: Verified) -> Step {
    Step::with(State::Idle, Effect::Adopt(image.slot())).ending(owner.ends(
        image.slot(),
        Phase::Activation,
        What::Done,
    ))
}

fn failed(owner: Owner, image: Verified, why: Failure) -> Step {
    Step::with(State::Idle, Effect::Condemn(image.slot(), why)).ending(owner.ends(
        image.slot(),
        Phase::Activation,
        What::Failed(why),
    ))
}

/// The image was given up, and runs all the same: an image that runs is never condemned.
fn kept(owner: Owner, image: Verified, why: Failure) -> Step {
    Step::with(State::Idle, Effect::Adopt(image.slot())).ending(owner.ends(
        image.slot(),
        Phase::Activation,
        What::Failed(why),
    ))
}

/// The confirmed image failed its check while another one was given over to or given up: the slot that failed
/// is condemned, for a reason of its own, and the activation has failed with it. What runs may well be the
/// image that was given up, as the last one that boots.
fn fell_back(owner: Owner, image: Verified, slot: SlotId, why: Failure) -> Step {
    if slot == image.slot() {
        return failed(owner, image, why);
    }
    Step::with(State::Idle, Effect::Condemn(slot, Failure::BootFailed)).ending(owner.ends(
        image.slot(),
        Phase::Activation,
        What::Failed(why),
    ))
}
