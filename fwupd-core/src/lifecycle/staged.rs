//! Staged: a verified image may be activated, or its activation waits for a permit.

use super::idle::outside_a_trial;
use super::{AfterReset, Booted, Effect, Event, Order, Owner, State, Step, World, to};
use crate::image::Verified;
use crate::outcome::{Ask, Failure, Phase, Refused, What};

pub(super) fn staged(image: Verified, wanted: Option<Owner>, event: &Event) -> Result<Step, Refused> {
    let stay = State::Staged { image, wanted };
    match event {
        Event::Command { order, .. } => match wanted {
            None => command(image, order),
            Some(owner) => command_while_wanted(image, owner, order),
        },
        Event::World(world) => match *world {
            World::Permit | World::GoOn => activates(image, wanted, world),
            World::Defer => {
                let owner = asked(wanted).ok_or(Refused::WrongState)?;
                Ok(gives_up(image, owner, Failure::Deferred))
            }
            World::Failed(why) => Ok(gives_up(image, wanted.ok_or(Refused::WrongState)?, why)),
            World::Booted(booted) => Ok(booted_with(image, wanted, booted)),
            World::Tick(_) => to(stay),
            World::Answered(_) | World::Described(_) | World::NothingNewer => Err(Refused::WrongState),
            World::Chunk(_) | World::Complete | World::Passed(_) => Err(Refused::WrongState),
            World::Armed | World::Confirmed | World::Moved(_) => Err(Refused::WrongState),
        },
    }
}

/// Nobody wants its activation: the state is nobody's.
fn command(image: Verified, order: &Order) -> Result<Step, Refused> {
    let stay = State::Staged { image, wanted: None };
    match *order {
        Order::Activate { owner, image } => to(State::Staged { image, wanted: Some(owner) }),
        Order::Discard { keep_slot } => Ok(discards(image, keep_slot)),
        Order::Enable { slot, on } => Ok(Step::with(stay, Effect::Enable(slot, on))),
        Order::Preset { owner, slot } => Ok(Step::with(stay, Effect::Preset(owner, slot))),
        Order::FactoryReset => Ok(Step::with(State::Idle, Effect::Forget)),
        Order::Check(_) | Order::Fetch(_) | Order::Receive(_) => Err(Refused::WrongState),
        Order::Withdraw | Order::Cancel => Err(Refused::WrongState),
        Order::Confirm | Order::Reject { .. } => Err(Refused::WrongState),
    }
}

/// Somebody wants its activation: only to end that.
fn command_while_wanted(image: Verified, owner: Owner, order: &Order) -> Result<Step, Refused> {
    match *order {
        Order::Withdraw => Ok(gives_up(image, owner, Failure::Cancelled)),
        Order::Reject { why } => Ok(gives_up(image, owner, why)),
        Order::Discard { keep_slot } => {
            let ends = owner.ends(image.slot(), Phase::Staged, What::Failed(Failure::Cancelled));
            Ok(discards(image, keep_slot).ending(ends))
        }
        Order::Check(_) | Order::Fetch(_) | Order::Receive(_) => Err(Refused::WrongState),
        Order::Activate { .. } | Order::Cancel | Order::Confirm => Err(Refused::WrongState),
        Order::Enable { .. } | Order::Preset { .. } | Order::FactoryReset => Err(Refused::WrongState),
    }
}

/// The owner whose permit is owed.
fn asked(wanted: Option<Owner>) -> Option<Owner> {
    wanted.filter(|owner| match owner.ask {
        Ask::No => false,
        Ask::Idle | Ask::User => true,
    })
}

/// A permit where one is owed, or going on where none is.
fn activates(image: Verified, wanted: Option<Owner>, world: &World) -> Result<Step, Refused> {
    let owner = wanted.ok_or(Refused::WrongState)?;
    let permitted = *world == World::Permit;
    if permitted == asked(wanted).is_some() {
        to(State::Activating { owner, image })
    } else {
        Err(Refused::WrongState)
    }
}

/// The activation ends, the image stays.
fn gives_up(image: Verified, owner: Owner, why: Failure) -> Step {
    Step::with(State::Staged { image, wanted: None }, Effect::Nothing).ending(owner.ends(
        image.slot(),
        Phase::Staged,
        What::Failed(why),
    ))
}

fn discards(image: Verified, keep_slot: bool) -> Step {
    let effect = if keep_slot { Effect::Nothing } else { Effect::Empty(image.slot()) };
    Step::with(State::Idle, effect)
}

/// A wish outlives a usual boot if it said so; the image does in any case. Another boot has taken the ground
/// from under it.
fn booted_with(image: Verified, wanted: Option<Owner>, booted: Booted) -> Step {
    match booted {
        Booted::Usual => match wanted.map(|owner| (owner, owner.after)) {
            Some((owner, AfterReset::Fail)) => gives_up(image, owner, Failure::PowerLost),
            Some((_, AfterReset::Resume)) | None => {
                Step::with(State::Staged { image, wanted }, Effect::Nothing)
            }
        },
        Booted::Trial { .. } => {
            let step = outside_a_trial(booted);
            let ends =
                wanted.map(|owner| owner.ends(image.slot(), Phase::Staged, What::Failed(Failure::PowerLost)));
            Step { ends, ..step }
        }
        Booted::Settled { .. } | Booted::Reverted { .. } | Booted::FellBack { .. } => outside_a_trial(booted),
    }
}
