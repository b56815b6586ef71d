//! Representative requests, images and events. Slot 1 is the one under way, slot 2 another that a boot names.

use crate::image::{Image, SlotId, Verified, Version};
use crate::lifecycle::{
    AfterReset, Answer, Booted, Event, Order, Owner, Request, State, Via, Watch, World, step,
};
use crate::outcome::{Ask, Failure, Initiator, Reach, Run};
use crate::time::{Deadline, Now};

/// Whose work is under way.
pub(super) const OWNER: Initiator = Initiator(1);
/// Somebody else.
pub(super) const OTHER: Initiator = Initiator(2);
pub(super) const EVERYBODY: [Initiator; 3] = [OWNER, OTHER, Initiator::APPLICATION];

/// The run that a boot names.
pub(super) const BOOT_RUN: Run = Run(90);
/// Payload of [`image`], bytes.
pub(super) const SIZE: u32 = 100;
/// When the trial of [`trial_booted`] is over, milliseconds.
pub(super) const DEADLINE: u64 = 60_000;

pub(super) fn image() -> Image {
    Image { digest: [7; 32], size: SIZE, sequence: 5 << 32, version: Version::decimal(5) }
}

pub(super) fn verified() -> Verified {
    Verified::vouch(image(), SlotId(1))
}

pub(super) fn request(by: Initiator, reach: Reach, after: AfterReset) -> Request {
    Request { run: Run(10 + u32::from(by.0)), by, reach, target: SlotId(1), after, via: Via::Pull }
}

pub(super) fn owner(by: Initiator, ask: Ask) -> Owner {
    Owner { run: Run(20 + u32::from(by.0)), by, ask, after: AfterReset::Resume }
}

pub(super) fn deadline() -> Deadline {
    Deadline::after(DEADLINE, Now::mono(0))
}

pub(super) fn trial(watch: Watch) -> State {
    State::Trial { owner: owner(OWNER, Ask::No), image: verified(), left: 2, deadline: deadline(), watch }
}

/// The outcomes of a boot, each with the owner that it names.
pub(super) fn boots(named: Owner) -> Vec<(&'static str, Booted)> {
    let slot = SlotId(2);
    let image = Verified::vouch(image(), slot);
    vec![
        ("usual", Booted::Usual),
        ("trial", Booted::Trial { owner: named, image, left: 1, deadline: deadline() }),
        ("settled on 1", Booted::Settled { owner: named, slot: SlotId(1) }),
        ("settled on 2", Booted::Settled { owner: named, slot }),
        ("reverted", Booted::Reverted { owner: named, slot, why: Failure::BootFailed }),
        ("fell back", Booted::FellBack { owner: named, slot }),
    ]
}

/// Every order, as one initiator gives it.
pub(super) fn orders(by: Initiator) -> Vec<(&'static str, Order)> {
    let of = |reach| request(by, reach, AfterReset::Fail);
    let slot = SlotId(1);
    vec![
        ("check", Order::Check(of(Reach::Check))),
        ("fetch", Order::Fetch(of(Reach::Stage))),
        ("receive", Order::Receive(of(Reach::Stage))),
        ("activate, ask nobody", Order::Activate { owner: owner(by, Ask::No), image: verified() }),
        ("activate, ask the user", Order::Activate { owner: owner(by, Ask::User), image: verified() }),
        ("withdraw", Order::Withdraw),
        ("cancel", Order::Cancel),
        ("discard", Order::Discard { keep_slot: false }),
        ("discard, keep slot", Order::Discard { keep_slot: true }),
        ("enable", Order::Enable { slot, on: true }),
        ("disable", Order::Enable { slot, on: false }),
        ("preset", Order::Preset { owner: owner(by, Ask::No), slot }),
        ("confirm", Order::Confirm),
        ("reject", Order::Reject { why: Failure::Rejected }),
        ("factory reset", Order::FactoryReset),
    ]
}

/// Everything that the world answers. The chunks are for a payload of which 40 bytes are there.
pub(super) fn answers() -> Vec<(String, World)> {
    let mut answers: Vec<(String, World)> = [
        ("answered, continues", World::Answered(Answer::Continues)),
        ("answered, from start", World::Answered(Answer::FromStart)),
        ("answered, payload again", World::Answered(Answer::PayloadAgain)),
        ("described", World::Described(image())),
        ("nothing newer", World::NothingNewer),
        ("chunk, more to come", World::Chunk(10)),
        ("chunk, the last", World::Chunk(SIZE - 40)),
        ("chunk, too long", World::Chunk(SIZE - 39)),
        ("complete", World::Complete),
        ("passed", World::Passed(verified())),
        ("failed", World::Failed(Failure::InstallFailed)),
        ("permit", World::Permit),
        ("defer", World::Defer),
        ("go on", World::GoOn),
        ("armed", World::Armed),
        ("confirmed", World::Confirmed),
        ("moved", World::Moved(SlotId(2))),
        ("tick, in time", World::Tick(Now::mono(DEADLINE - 1))),
        ("tick, deadline passed", World::Tick(Now::mono(DEADLINE))),
    ]
    .map(|(name, answer)| (name.to_owned(), answer))
    .into();
    let named = Owner { run: BOOT_RUN, by: OTHER, ask: Ask::No, after: AfterReset::Resume };
    answers.extend(
        boots(named).into_iter().map(|(name, boot)| (format!("booted, {name}"), World::Booted(boot))),
    );
    answers
}

/// Every event, with more requests than the matrix shows: each reach and each [`AfterReset`].
pub(super) fn every_event() -> Vec<Event> {
    let mut events = Vec::new();
    for by in EVERYBODY {
        let mut all: Vec<Order> = orders(by).into_iter().map(|(_, order)| order).collect();
        for after in [AfterReset::Resume, AfterReset::Fail] {
            all.push(Order::Check(request(by, Reach::Check, after)));
            for ask in [Ask::No, Ask::Idle, Ask::User] {
                all.push(Order::Fetch(request(by, Reach::Activate(ask), after)));
            }
            all.push(Order::Receive(request(by, Reach::Stage, after)));
        }
        events.extend(all.into_iter().map(|order| Event::Command { by, order }));
    }
    events.extend(answers().into_iter().map(|(_, answer)| Event::World(answer)));
    events.push(Event::World(World::Chunk(40)));
    // The next boot of a trial: one boot less, and the deadline counted anew.
    let again = Deadline::after(DEADLINE, Now::mono(DEADLINE));
    let named = Owner { run: BOOT_RUN, by: OTHER, ask: Ask::No, after: AfterReset::Resume };
    let image = Verified::vouch(image(), SlotId(2));
    let boot = Booted::Trial { owner: named, image, left: 0, deadline: again };
    events.push(Event::World(World::Booted(boot)));
    events
}

/// Every arrow between two states that can be reached from Idle by [`every_event`], in the order found.
pub(super) fn every_arrow() -> Vec<(State, Event, crate::lifecycle::Step)> {
    let events = every_event();
    let mut reached = vec![State::Idle];
    let mut arrows = Vec::new();
    let mut at = 0;
    while let Some(state) = reached.get(at).copied() {
        for event in &events {
            let Ok(taken) = step(&state, event) else { continue };
            if !reached.contains(&taken.next) {
                reached.push(taken.next);
            }
            arrows.push((state, *event, taken));
        }
        at += 1;
    }
    arrows
}
