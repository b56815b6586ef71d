//! Checking, Receiving, Validating: a package is on its way.

use super::idle::outside_a_trial;
use super::{AfterReset, Answer, Booted, Effect, Event, Order, Owner, Request, State, Step, World, to};
use crate::image::Image;
use crate::outcome::{Failure, Reach, Refused, What};

pub(super) fn checking(request: Request, event: &Event) -> Result<Step, Refused> {
    let stay = State::Checking { request };
    match event {
        Event::Command { order, .. } => command(request, order),
        Event::World(world) => match *world {
            World::Answered(Answer::Continues) | World::Chunk(_) | World::Tick(_) => to(stay),
            World::Answered(Answer::FromStart | Answer::PayloadAgain) => {
                Ok(Step::with(stay, Effect::Restart))
            }
            World::Described(image) => Ok(known(request, Some(image))),
            World::NothingNewer => Ok(known(request, None)),
            World::Complete => Ok(fails(request, Failure::Integrity)),
            World::Failed(why) => Ok(fails(request, why)),
            World::Booted(booted) => Ok(booted_with(request, stay, booted)),
            World::Passed(_) | World::Permit | World::Defer => Err(Refused::WrongState),
            World::Armed | World::Confirmed | World::GoOn | World::Moved(_) => Err(Refused::WrongState),
        },
    }
}

pub(super) fn receiving(
    request: Request,
    offset: u32,
    image: Option<Image>,
    event: &Event,
) -> Result<Step, Refused> {
    let stay = State::Receiving { request, offset, image };
    match event {
        Event::Command { order, .. } => command(request, order),
        Event::World(world) => match *world {
            World::Answered(Answer::Continues) | World::Tick(_) => to(stay),
            World::Answered(Answer::FromStart) => {
                Ok(Step::with(State::Receiving { request, offset: 0, image: None }, Effect::Restart))
            }
            World::Answered(Answer::PayloadAgain) => {
                let described = image.ok_or(Refused::WrongState)?;
                let next = State::Receiving { request, offset: 0, image };
                Ok(Step::with(next, Effect::Prepare(request.target, described)))
            }
            World::Described(described) => match image {
                None => Ok(Step::with(
                    State::Receiving { request, offset: 0, image: Some(described) },
                    Effect::Prepare(request.target, described),
                )),
                Some(_) => Err(Refused::WrongState),
            },
            World::Chunk(length) => {
                let size = image.ok_or(Refused::WrongState)?.size;
                let after = offset.checked_add(length).filter(|after| *after <= size);
                let offset = after.ok_or(Refused::Invalid)?;
                to(State::Receiving { request, offset, image })
            }
            World::Complete => match image.filter(|image| image.size == offset) {
                Some(image) => to(State::Validating { request, image }),
                None => Ok(fails(request, Failure::Integrity)),
            },
            World::Failed(why) => Ok(fails(request, why)),
            World::Booted(booted) => Ok(booted_with(request, stay, booted)),
            World::NothingNewer | World::Passed(_) => Err(Refused::WrongState),
            World::Permit | World::Defer | World::GoOn => Err(Refused::WrongState),
            World::Armed | World::Confirmed | World::Moved(_) => Err(Refused::WrongState),
        },
    }
}

pub(super) fn validating(request: Request, image: Image, event: &Event) -> Result<Step, Refused> {
    let stay = State::Validating { request, image };
    match event {
        Event::Command { order, .. } => command(request, order),
        Event::World(world) => match *world {
            World::Tick(_) => to(stay),
            World::Passed(verified) => Ok(staged(request, verified)),
            World::Failed(why) => Ok(fails(request, why)),
            World::Booted(booted) => Ok(booted_with(request, stay, booted)),
            World::Answered(_) | World::Described(_) | World::NothingNewer => Err(Refused::WrongState),
            World::Chunk(_) | World::Complete => Err(Refused::WrongState),
            World::Permit | World::Defer | World::GoOn => Err(Refused::WrongState),
            World::Armed | World::Confirmed | World::Moved(_) => Err(Refused::WrongState),
        },
    }
}

/// What may be commanded while a package is on its way: only to end that.
fn command(request: Request, order: &Order) -> Result<Step, Refused> {
    match *order {
        Order::Cancel => Ok(fails(request, Failure::Cancelled)),
        Order::Reject { why } => Ok(fails(request, why)),
        Order::Check(_) | Order::Fetch(_) | Order::Receive(_) => Err(Refused::WrongState),
        Order::Activate { .. } | Order::Withdraw | Order::Discard { .. } => Err(Refused::WrongState),
        Order::Enable { .. } | Order::Preset { .. } => Err(Refused::WrongState),
        Order::Confirm | Order::FactoryReset => Err(Refused::WrongState),
    }
}

fn known(request: Request, newer: Option<Image>) -> Step {
    Step::with(State::Idle, Effect::Know(newer)).ending(request.ends(What::Done))
}

fn staged(request: Request, image: crate::image::Verified) -> Step {
    let next = |wanted| Step::with(State::Staged { image, wanted }, Effect::Keep(image));
    match request.reach {
        Reach::Check | Reach::Stage => next(None).ending(request.ends(What::Done)),
        Reach::Activate(ask) => {
            let Request { run, by, after, .. } = request;
            next(Some(Owner { run, by, ask, after }))
        }
    }
}

fn fails(request: Request, why: Failure) -> Step {
    let effect = match request.reach {
        Reach::Check => Effect::Nothing,
        Reach::Stage | Reach::Activate(_) => Effect::GiveUp(request.target, why),
    };
    Step::with(State::Idle, effect).ending(request.ends(What::Failed(why)))
}

/// A reset in the middle of it. The request goes on only if it said so, and only over a usual boot; where a
/// boot has an outcome of its own (a fallback), that is the one that is told.
fn booted_with(request: Request, stay: State, booted: Booted) -> Step {
    match booted {
        Booted::Usual => match request.after {
            AfterReset::Resume => Step::with(stay, Effect::Nothing),
            AfterReset::Fail => fails(request, Failure::PowerLost),
        },
        Booted::Trial { .. } => {
            let step = outside_a_trial(booted);
            step.ending(request.ends(What::Failed(Failure::PowerLost)))
        }
        Booted::Settled { .. } | Booted::Reverted { .. } | Booted::FellBack { .. } => outside_a_trial(booted),
    }
}
