//! Random walks over the lifecycle, for the model and for the laws.

use proptest::prelude::*;

use super::model::{NEW, both};
use super::samples::{every_event, image, verified};
use crate::image::{Image, SlotId, Verified};
use crate::lifecycle::{AfterReset, Answer, Booted, Event, Order, Owner, Request, State, Step, Via, World};
use crate::outcome::{Ask, Failure, Initiator, Reach, Run};
use crate::time::{Deadline, Now};

/// A failure prints the shortest walk that shows it, so that no file of seeds is kept beside the sources.
pub(super) fn config() -> ProptestConfig {
    ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() }
}

/// One step of a random walk.
#[derive(Clone, Debug)]
pub(super) enum Pick {
    /// This event, whatever it meets.
    Any(Event),
    /// One of the samples that is taken here: half of a walk, so that it gets far.
    Taken(prop::sample::Index),
}

pub(super) fn picks() -> impl Strategy<Value = Vec<Pick>> {
    let pick =
        prop_oneof![any_event().prop_map(Pick::Any), any::<prop::sample::Index>().prop_map(Pick::Taken),];
    prop::collection::vec(pick, 0..=64)
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![any_order(), any_world().prop_map(Event::World)]
}

fn any_ask() -> impl Strategy<Value = Ask> {
    prop::sample::select(vec![Ask::No, Ask::Idle, Ask::User])
}

fn any_failure() -> impl Strategy<Value = Failure> {
    let some = [Failure::Rejected, Failure::Integrity, Failure::InstallFailed, Failure::ConnectionLost];
    prop_oneof![prop::sample::select(some.to_vec()), any::<u16>().prop_map(Failure::TransportStatus)]
}

fn any_order() -> impl Strategy<Value = Event> {
    let reach = prop_oneof![Just(Reach::Stage), any_ask().prop_map(Reach::Activate)];
    let after = prop::sample::select(vec![AfterReset::Resume, AfterReset::Fail]);
    let slot = (0u8..3).prop_map(SlotId);
    let parts = (0u8..4, reach, after, slot, any_ask(), any::<bool>(), any_failure(), 0u8..12);
    parts.prop_map(|(by, reach, after, slot, ask, on, why, kind)| {
        let by = Initiator(by);
        let run = Run(0);
        let request = Request { run, by, reach, target: slot, after, via: Via::Push };
        let owner = Owner { run, by, ask, after };
        let order = match kind {
            0 => Order::Check(Request { reach: Reach::Check, ..request }),
            1 => Order::Fetch(request),
            2 => Order::Receive(request),
            3 => Order::Activate { owner, image: Verified::vouch(image(), slot) },
            4 => Order::Withdraw,
            5 => Order::Cancel,
            6 => Order::Discard { keep_slot: on },
            7 => Order::Enable { slot, on },
            8 => Order::Preset { owner, slot },
            9 => Order::Confirm,
            10 => Order::Reject { why },
            _ => Order::FactoryReset,
        };
        Event::Command { by, order }
    })
}

fn any_world() -> impl Strategy<Value = World> {
    let now = || (0..200_000u64).prop_map(Now::mono);
    let sized = (0..300u32).prop_map(|size| World::Described(Image { size, ..image() }));
    let boot = (0u8..4, any_ask(), (0u8..3).prop_map(SlotId), now(), 0u8..6).prop_map(
        |(by, ask, slot, now, kind)| {
            let owner = Owner { run: Run(0), by: Initiator(by), ask, after: AfterReset::Resume };
            let image = Verified::vouch(image(), slot);
            World::Booted(match kind {
                0 => Booted::Usual,
                1 => Booted::Trial { owner, image, left: 1, deadline: Deadline::after(1_000, now) },
                2 => Booted::Settled { owner, slot },
                3 => Booted::Reverted { owner, slot, why: Failure::BootFailed },
                4 => Booted::Reverted { owner, slot, why: Failure::Integrity },
                _ => Booted::FellBack { owner, slot },
            })
        },
    );
    prop_oneof![
        2 => prop::sample::select(vec![
            World::Answered(Answer::Continues),
            World::Answered(Answer::FromStart),
            World::Answered(Answer::PayloadAgain),
            World::NothingNewer,
            World::Complete,
            World::Passed(verified()),
            World::Permit,
            World::Defer,
            World::GoOn,
            World::Moved(SlotId(2)),
            World::Armed,
            World::Confirmed,
        ]),
        1 => sized,
        1 => prop_oneof![0..120u32, Just(u32::MAX)].prop_map(World::Chunk),
        1 => any_failure().prop_map(World::Failed),
        1 => now().prop_map(World::Tick),
        1 => boot,
    ]
}

/// Gives whatever begins with this event a number of its own, as every command and boot gets one.
fn numbered(event: Event, run: Run) -> Event {
    let requested = |request| Request { run, ..request };
    let owned = |owner| Owner { run, ..owner };
    match event {
        Event::Command { by, order } => {
            let order = match order {
                Order::Check(request) => Order::Check(requested(request)),
                Order::Fetch(request) => Order::Fetch(requested(request)),
                Order::Receive(request) => Order::Receive(requested(request)),
                Order::Activate { owner, image } => Order::Activate { owner: owned(owner), image },
                Order::Preset { owner, slot } => Order::Preset { owner: owned(owner), slot },
                Order::Withdraw | Order::Cancel | Order::Discard { .. } | Order::Enable { .. } => order,
                Order::Confirm | Order::Reject { .. } | Order::FactoryReset => order,
            };
            Event::Command { by, order }
        }
        Event::World(World::Booted(boot)) => Event::World(World::Booted(match boot {
            Booted::Usual => Booted::Usual,
            Booted::Trial { owner, image, left, deadline } => {
                Booted::Trial { owner: owned(owner), image, left, deadline }
            }
            Booted::Settled { owner, slot } => Booted::Settled { owner: owned(owner), slot },
            Booted::Reverted { owner, slot, why } => Booted::Reverted { owner: owned(owner), slot, why },
            Booted::FellBack { owner, slot } => Booted::FellBack { owner: owned(owner), slot },
        })),
        Event::World(world) => Event::World(world),
    }
}

/// Walks both machines from Idle, and gives back the steps that were taken.
pub(super) fn walk(picks: &[Pick]) -> Vec<Step> {
    let samples = every_event();
    let (mut state, mut model) = (State::Idle, NEW);
    let mut steps = Vec::new();
    for (at, pick) in picks.iter().enumerate() {
        let event = match pick {
            Pick::Any(event) => *event,
            Pick::Taken(index) => {
                let taken = samples.iter().filter(|event| model.answer(event).is_ok());
                let taken: Vec<&Event> = taken.collect();
                *taken[index.index(taken.len())]
            }
        };
        let event = numbered(event, Run(1_000 + u32::try_from(at).unwrap()));
        if let Some((taken, after)) = both(&state, model, &event) {
            (state, model) = (taken.next, after);
            steps.push(taken);
        }
    }
    steps
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_table_and_the_model_agree_over_any_sequence_of_events(picks in picks()) {
        walk(&picks);
    }
}
