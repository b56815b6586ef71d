//! Idle: nothing under way. Also what a boot means where no activation was under way.

use super::{Booted, Effect, Event, Order, Owner, State, Step, Watch, World, to};
use crate::image::SlotId;
use crate::outcome::{Failure, Phase, Refused, What};

pub(super) fn idle(event: &Event) -> Result<Step, Refused> {
    match event {
        Event::Command { order, .. } => match *order {
            Order::Check(request) => to(State::Checking { request }),
            Order::Fetch(request) | Order::Receive(request) => {
                Ok(Step::with(State::Receiving { request, offset: 0, image: None }, Effect::Restart))
            }
            Order::Activate { owner, image } => to(State::Staged { image, wanted: Some(owner) }),
            Order::Enable { slot, on } => Ok(Step::with(State::Idle, Effect::Enable(slot, on))),
            Order::Preset { owner, slot } => Ok(Step::with(State::Idle, Effect::Preset(owner, slot))),
            Order::FactoryReset => Ok(Step::with(State::Idle, Effect::Forget)),
            Order::Withdraw | Order::Cancel | Order::Discard { .. } => Err(Refused::WrongState),
            Order::Confirm | Order::Reject { .. } => Err(Refused::WrongState),
        },
        Event::World(world) => match *world {
            World::Booted(Booted::Usual) => to(State::Idle),
            World::Booted(booted) => Ok(outside_a_trial(booted)),
            World::Tick(_) => to(State::Idle),
            World::Answered(_) | World::Described(_) | World::NothingNewer => Err(Refused::WrongState),
            World::Chunk(_) | World::Complete | World::Passed(_) => Err(Refused::WrongState),
            World::Failed(_) | World::Permit | World::Defer => Err(Refused::WrongState),
            World::Armed | World::Confirmed | World::GoOn | World::Moved(_) => Err(Refused::WrongState),
        },
    }
}

/// A boot that no activation under way explains: a preset, or a fallback. Whatever was being received has
/// lost its ground, and the state that follows is the same as from Idle.
pub(super) fn outside_a_trial(booted: Booted) -> Step {
    match booted {
        Booted::Usual => Step::with(State::Idle, Effect::Nothing),
        Booted::Trial { owner, image, left, deadline } => {
            Step::with(State::Trial { owner, image, left, deadline, watch: Watch::Testing }, Effect::Nothing)
        }
        Booted::Settled { owner, slot } => Step::with(State::Idle, Effect::Adopt(slot)).ending(owner.ends(
            slot,
            Phase::Activation,
            What::Done,
        )),
        Booted::Reverted { owner, slot, why } => given_up(owner, slot, why),
        Booted::FellBack { owner, slot } => given_up(owner, slot, Failure::BootFailed),
    }
}

fn given_up(owner: Owner, slot: SlotId, why: Failure) -> Step {
    let ends = owner.ends(slot, Phase::Activation, What::Failed(why));
    Step::with(State::Idle, Effect::Condemn(slot, why)).ending(ends)
}
