//! Every situation that the lifecycle can reach, found by a search over its table from a device as it leaves the
//! factory. What changes beside the state is changed by the updater itself.
//!
//! The domain: two slots, and an image for each; the application and one adapter, since two adapters differ in
//! nothing but their number; every reach, ask, way and answer to a reset; every failure, with three transport
//! statuses; boots that find a usual one, a trial, a preset, a way back, a fallback or an image that the
//! boot control has settled for. Not the exchange of slots: an image that moves takes its record with it.
//!
//! Situations are one where nothing can tell them apart but what was long ago. Runs are counted anew in each, in
//! their order, and trial boots to one. An activation that has begun no longer keeps whether it asked. Of an outcome it does not count
//! whom its activation asked; and once another run is at work, no more of it is kept than slot and phase. A slot
//! tells apart the failures of the run that was told last; of an earlier one it keeps the phase.

mod key;

use std::collections::HashMap;

use fwupd_core::fuzzing::{Situation, taken_as_verified};
use fwupd_core::image::{Image, SlotId, Verified, Version};
use fwupd_core::lifecycle::{
    AfterReset, Answer, Booted, Event, Order, Owner, Request, State, Step, Via, World, step,
};
use fwupd_core::outcome::{Ask, Failure, Initiator, Phase, Reach, Run, What};
use fwupd_core::slot::{Enabled, Log, Slot};
use fwupd_core::status::{Progress, Status};
use fwupd_core::time::{Deadline, Now};
use fwupd_core::updater::{Installed, Updater};
use fwupd_testkit::device::{Device, Sim};
use fwupd_testkit::reference::{factory, layout};

use key::{Key, key};

pub(crate) type At = Situation<[Slot; 2]>;

/// Whose work is under way, if it is not the application's.
pub(crate) const OWNER: Initiator = Initiator(1);

pub(crate) const SLOTS: [SlotId; 2] = [SlotId(0), SlotId(1)];
const SIZE: u32 = 100;
const PART: u32 = 40;
const DEADLINE: u64 = 60_000;

pub(crate) const FAILURES: [Failure; 24] = [
    Failure::NoSpaceInFlash,
    Failure::OutOfRam,
    Failure::ConnectionLost,
    Failure::HostUnknown,
    Failure::PeerNotTrusted,
    Failure::Integrity,
    Failure::Authenticity,
    Failure::WrongDevice,
    Failure::UnsupportedPackage,
    Failure::InvalidUri,
    Failure::UnsupportedProtocol,
    Failure::TransportStatus(302),
    Failure::TransportStatus(404),
    Failure::TransportStatus(503),
    Failure::OlderThanAllowed,
    Failure::InstallFailed,
    Failure::BootFailed,
    Failure::NotConfirmed,
    Failure::Rejected,
    Failure::Cancelled,
    Failure::Deferred,
    Failure::PowerLost,
    Failure::RecordLost,
    Failure::Internal,
];

pub(crate) const ASKS: [Ask; 3] = [Ask::No, Ask::Idle, Ask::User];
const AFTER: [AfterReset; 2] = [AfterReset::Resume, AfterReset::Fail];

/// The image that a slot may hold.
pub(crate) fn image(slot: SlotId) -> Image {
    let version = ["1.0", "2.0"][usize::from(slot.0)];
    Image { digest: [slot.0; 32], size: SIZE, sequence: 5, version: Version::new(version).unwrap() }
}

/// Whether anything but a reset leads from one situation to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// A step of the running device.
    Step,
    /// A boot.
    Boot,
}

/// From one situation to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrow {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) over: Over,
    /// Whether the latest run is another one then.
    pub(crate) begins: bool,
    /// Whether one ends with it.
    pub(crate) ends: bool,
}

/// All that was found.
pub(crate) struct Reached {
    pub(crate) all: Vec<At>,
    /// From one of them to another, each once.
    pub(crate) arrows: Vec<Arrow>,
    /// How many events were put, and how many were taken.
    pub(crate) put: usize,
    pub(crate) taken: usize,
    known: HashMap<Key, u32>,
}

impl Reached {
    /// Whether the search has come by a situation of a device. One adapter is there as good as another.
    pub(crate) fn has(&self, at: &At) -> bool {
        let mut at = *at;
        let one = |by: &mut Initiator| by.0 = by.0.min(1);
        at.last.iter_mut().for_each(|last| one(&mut last.by));
        at.preset.iter_mut().for_each(|preset| one(&mut preset.by));
        match &mut at.state {
            State::Idle | State::Staged { wanted: None, .. } => {}
            State::Checking { request } | State::Receiving { request, .. } => one(&mut request.by),
            State::Validating { request, .. } => one(&mut request.by),
            State::Staged { wanted: Some(owner), .. } | State::Activating { owner, .. } => one(&mut owner.by),
            State::Trial { owner, .. } | State::Reverting { owner, .. } => one(&mut owner.by),
        }
        self.known.contains_key(&key(&canonical(at)))
    }
}

/// A situation in a line.
pub(crate) fn name(at: &At) -> String {
    let last = at.last.map(|last| (last.by.0, last.reach, last.slot, last.at, last.what));
    let text = format!("{:?}, last {last:?}, slots {:?}, runs {:?}", at.state, at.slots, at.boot.running);
    let digest = |slot: SlotId| format!("digest: {:?}, ", image(slot).digest);
    SLOTS.into_iter().fold(text, |text, slot| text.replace(&digest(slot), ""))
}

/// The status of a situation.
pub(crate) fn status(at: &At) -> Status<'_> {
    let received = |received, size| Some(Progress { received, size });
    Status {
        state: &at.state,
        running: at.boot.running,
        previous: at.boot.previous,
        next_boot: at
            .boot
            .target
            .filter(|_| at.boot.left > 0)
            .or(at.boot.preset)
            .unwrap_or(at.boot.confirmed),
        installed: &at.installed,
        counter: at.boot.counter,
        progress: match &at.state {
            State::Receiving { offset, image: Some(image), .. } => received(*offset, image.size),
            State::Validating { image, .. } => received(image.size, image.size),
            State::Receiving { image: None, .. } | State::Idle | State::Checking { .. } => None,
            State::Staged { .. } | State::Activating { .. } => None,
            State::Trial { .. } | State::Reverting { .. } => None,
        },
        newer: at.newer.as_ref(),
        slots: &at.slots,
        run: at.run,
        last: at.last.as_ref(),
    }
}

/// A device that has booted from its factory, loaded.
pub(crate) fn loaded() -> (Device<2>, Updater<Sim<2>>) {
    let mut device = factory(layout((1, 4, 0xFF)));
    device.bootloader().unwrap();
    let mut up = device.updater();
    device.drain(&mut up, "the updater").unwrap();
    (device, up)
}

/// The search.
pub(crate) fn search() -> Reached {
    let (_, mut up) = loaded();
    let mut start = up.situation().unwrap();
    let first = image(SLOTS[0]);
    start.slots[0] = Slot::Verified(taken_as_verified(first, SLOTS[0]), Enabled::Yes);
    start.installed = Installed { sequence: first.sequence, version: first.version };
    let start = canonical(start);
    let known = HashMap::from([(key(&start), 0u32)]);
    let mut reached = Reached { all: vec![start], arrows: Vec::new(), put: 0, taken: 0, known };
    let mut from = 0;
    while let Some(at) = reached.all.get(from).copied() {
        let mut next: Vec<Arrow> = Vec::new();
        let mut take = |before: &At, event: &Event, over: Over, reached: &mut Reached| {
            reached.put += 1;
            // Most events have no arrow, and what is refused changes nothing.
            let Ok(Step { ends, .. }) = step(&before.state, event) else { return };
            reached.taken += 1;
            let after = up.led(before, event).unwrap().unwrap();
            let begins = after.run != at.run;
            let after = canonical(told(&before.state, after, event));
            let Reached { known, all, .. } = &mut *reached;
            let to = *known.entry(key(&after)).or_insert_with(|| {
                all.push(after);
                all.len() as u32 - 1
            });
            let arrow = Arrow { from: from as u32, to, over, begins, ends: ends.is_some() };
            if to != arrow.from && !next.contains(&arrow) {
                next.push(arrow);
            }
        };
        for event in commands(&at).into_iter().chain(answers(&at)) {
            take(&at, &event, Over::Step, &mut reached);
        }
        for (before, booted) in boots(&at) {
            take(&before, &Event::World(World::Booted(booted)), Over::Boot, &mut reached);
        }
        reached.arrows.append(&mut next);
        from += 1;
    }
    reached
}

/// What an updater changes beside the lifecycle when it takes a preset: the boot record. A boot control that could
/// not be told of an activation, or of a confirmation, knows nothing of it.
fn told(before: &State, mut at: At, event: &Event) -> At {
    if let Event::World(World::Failed(_)) = event {
        match *before {
            State::Activating { .. } => (at.boot.target, at.boot.left) = (None, 0),
            State::Trial { image, left, .. } => {
                at.boot.confirmed = other(image.slot());
                (at.boot.target, at.boot.left) = (Some(image.slot()), left);
            }
            State::Idle | State::Checking { .. } | State::Receiving { .. } => {}
            State::Validating { .. } | State::Staged { .. } | State::Reverting { .. } => {}
        }
    }
    if let Event::Command { order: Order::Preset { slot, .. }, .. } = event {
        at.boot.preset = Some(*slot).filter(|slot| *slot != at.boot.running);
        at.preset = at.preset.filter(|_| at.boot.preset.is_some());
    }
    at
}

fn other(slot: SlotId) -> SlotId {
    SlotId(1 - slot.0)
}

/// The slot that can be written.
fn free(at: &At) -> Option<SlotId> {
    SLOTS.into_iter().find(|slot| *slot != at.boot.running && *slot != at.boot.confirmed)
}

fn verified(at: &At, slot: SlotId) -> Option<Verified> {
    at.slots[usize::from(slot.0)].verified().copied()
}

fn enabled(at: &At, slot: SlotId) -> bool {
    matches!(at.slots[usize::from(slot.0)], Slot::Verified(_, Enabled::Yes))
}

fn next_run(at: &At) -> Run {
    Run(at.run.0 + 1)
}

fn commands(at: &At) -> Vec<Event> {
    let mut all = Vec::new();
    let run = next_run(at);
    for by in [Initiator::APPLICATION, OWNER] {
        let mut orders = vec![
            Order::Withdraw,
            Order::Cancel,
            Order::Discard { keep_slot: false },
            Order::Discard { keep_slot: true },
            Order::Confirm,
            Order::FactoryReset,
        ];
        if let Some(target) = free(at) {
            for after in AFTER {
                let of = |reach, via| Request { run, by, reach, target, after, via };
                orders.push(Order::Check(of(Reach::Check, Via::Pull)));
                for reach in [Reach::Stage].into_iter().chain(ASKS.map(Reach::Activate)) {
                    orders.push(Order::Fetch(of(reach, Via::Pull)));
                    if after == AfterReset::Fail {
                        orders.push(Order::Receive(of(reach, Via::Push)));
                    }
                }
            }
        }
        for slot in SLOTS {
            if slot != at.boot.running && slot != at.boot.confirmed && verified(at, slot).is_some() {
                orders.push(Order::Enable { slot, on: true });
                orders.push(Order::Enable { slot, on: false });
            }
            let preset = Owner { run, by, ask: Ask::No, after: AfterReset::Resume };
            if by == OWNER && (slot == at.boot.running || enabled(at, slot)) {
                orders.push(Order::Preset { owner: preset, slot });
            }
            if let Some(image) = verified(at, slot).filter(|_| slot != at.boot.running && enabled(at, slot)) {
                orders.extend(ASKS.map(|ask| Order::Activate { owner: Owner { ask, ..preset }, image }));
            }
        }
        if by == Initiator::APPLICATION {
            orders.extend(FAILURES.map(|why| Order::Reject { why }));
        }
        all.extend(orders.into_iter().map(|order| Event::Command { by, order }));
    }
    all
}

fn answers(at: &At) -> Vec<Event> {
    let target = match at.state {
        State::Checking { request } | State::Receiving { request, .. } => request.target,
        State::Validating { request, .. } => request.target,
        State::Idle | State::Staged { .. } | State::Activating { .. } => SlotId(1),
        State::Trial { .. } | State::Reverting { .. } => SlotId(1),
    };
    let described = image(target);
    let mut all = vec![
        World::Answered(Answer::Continues),
        World::Answered(Answer::FromStart),
        World::Answered(Answer::PayloadAgain),
        World::Described(described),
        World::NothingNewer,
        World::Chunk(PART),
        World::Chunk(SIZE - PART),
        World::Complete,
        World::Passed(taken_as_verified(described, target)),
        World::Permit,
        World::Defer,
        World::GoOn,
        World::Armed,
        World::Confirmed,
        World::Tick(Now::mono(0)),
        World::Tick(Now::mono(DEADLINE)),
    ];
    all.extend(FAILURES.map(World::Failed));
    all.into_iter().map(Event::World).collect()
}

/// What a reset may lead to: the situation with the boot record as the bootloader leaves it, and what it means.
fn boots(at: &At) -> Vec<(At, Booted)> {
    let deadline = Deadline::after(DEADLINE, Now::mono(0));
    let running = |slot: SlotId| {
        let mut next = *at;
        next.boot.running = slot;
        next.boot.target = None;
        next.boot.left = 0;
        next
    };
    let settled = |slot: SlotId| {
        let mut next = running(slot);
        next.boot.confirmed = slot;
        next
    };
    let on_trial = |slot: SlotId, left: u8| {
        let mut next = running(slot);
        next.boot.confirmed = other(slot);
        next.boot.target = Some(slot);
        next.boot.left = left;
        next
    };
    let activated = match at.state {
        State::Activating { image, .. } | State::Trial { image, .. } => Some(image),
        State::Reverting { image, .. } => Some(image),
        State::Idle | State::Checking { .. } | State::Receiving { .. } => None,
        State::Validating { .. } | State::Staged { .. } => None,
    };
    let application =
        Owner { run: next_run(at), by: Initiator::APPLICATION, ask: Ask::No, after: AfterReset::Resume };
    let begins = |mut at: At, run: Run| {
        at.run = at.run.max(run);
        at
    };
    if let Some(image) = activated {
        let (slot, old) = (image.slot(), other(image.slot()));
        let mut all = vec![
            (settled(old), Booted::Usual),
            (settled(slot), Booted::Settled { owner: application, slot }),
            (settled(old), Booted::Settled { owner: application, slot: old }),
            (begins(settled(slot), application.run), Booted::FellBack { owner: application, slot: old }),
            (begins(settled(old), application.run), Booted::FellBack { owner: application, slot }),
        ];
        for why in [Failure::BootFailed, Failure::Integrity] {
            all.push((settled(old), Booted::Reverted { owner: application, slot, why }));
        }
        for left in [1, 0] {
            let booted = Booted::Trial { owner: application, image, left, deadline };
            all.push((on_trial(slot, left), booted));
        }
        return all;
    }
    let (runs, spare) = (at.boot.running, other(at.boot.running));
    let mut all = vec![(running(runs), Booted::Usual)];
    // A bootloader takes no image that is switched off.
    let Some(image) = verified(at, spare).filter(|_| enabled(at, spare)) else { return all };
    all.push((begins(settled(spare), application.run), Booted::FellBack { owner: application, slot: runs }));
    let owner = at.preset.map_or(application, |owner| Owner { run: application.run, ..owner });
    let used = |next: At| {
        let mut next = begins(next, owner.run);
        (next.preset, next.boot.preset, next.last) = (None, None, None);
        next
    };
    all.push((used(settled(spare)), Booted::Settled { owner, slot: spare }));
    for why in [Failure::BootFailed, Failure::Integrity] {
        all.push((used(settled(runs)), Booted::Reverted { owner, slot: spare, why }));
    }
    for left in [1, 0] {
        all.push((used(on_trial(spare, left)), Booted::Trial { owner, image, left, deadline }));
    }
    all
}

/// A failure of an earlier run.
fn stands_for(at: Phase) -> Failure {
    match at {
        Phase::Download | Phase::Staged => Failure::Integrity,
        Phase::Activation => Failure::BootFailed,
    }
}

/// An activation that has begun asks nobody any more, and goes on over any reset.
fn begun(owner: &mut Owner) {
    (owner.ask, owner.after) = (Ask::No, AfterReset::Resume);
}

/// The same situation, with all that never tells it from another made equal.
fn canonical(mut at: At) -> At {
    at.boot.event = None;
    at.boot.trials = 0;
    at.boot.previous = None;
    at.boot.left = at.boot.left.min(1);
    let earlier = at.state.run().is_some();
    if let Some(last) = &mut at.last {
        (last.wall, last.until) = (None, None);
        if let Reach::Activate(_) = last.reach {
            last.reach = Reach::Activate(Ask::No);
        }
        if let (true, What::Failed(_)) = (earlier, last.what) {
            last.what = What::Failed(stands_for(last.at));
            last.reach = Reach::Activate(Ask::No);
        }
    }
    match &mut at.state {
        State::Activating { owner, .. } | State::Reverting { owner, .. } => begun(owner),
        State::Trial { owner, deadline, left, .. } => {
            begun(owner);
            *left = (*left).min(1);
            *deadline = Deadline::after(DEADLINE, Now::mono(0));
        }
        State::Idle | State::Checking { .. } | State::Receiving { .. } => {}
        State::Validating { .. } | State::Staged { .. } => {}
    }
    let last = at.last;
    for (slot, held) in SLOTS.into_iter().zip(&mut at.slots) {
        if let Slot::Failed { at, why, log, .. } = held {
            *log = Log::EMPTY;
            let told = last.is_some_and(|last| last.slot == Some(slot) && last.what == What::Failed(*why));
            if !told {
                *why = stands_for(*at);
            }
        }
    }
    // Runs keep their order, and are counted from 1.
    let mut runs = vec![at.run];
    runs.extend(at.state.run());
    runs.extend(at.last.map(|last| last.run));
    runs.sort_unstable();
    runs.dedup();
    let place = |run: &mut Run| *run = Run(1 + runs.iter().position(|one| one == run).unwrap() as u32);
    place(&mut at.run);
    at.last.iter_mut().for_each(|last| place(&mut last.run));
    // That of a preset begins with its boot.
    at.preset.iter_mut().for_each(|preset| preset.run = at.run);
    match &mut at.state {
        State::Idle | State::Staged { wanted: None, .. } => {}
        State::Checking { request } | State::Receiving { request, .. } => place(&mut request.run),
        State::Validating { request, .. } => place(&mut request.run),
        State::Staged { wanted: Some(owner), .. } | State::Activating { owner, .. } => place(&mut owner.run),
        State::Trial { owner, .. } | State::Reverting { owner, .. } => place(&mut owner.run),
    }
    at
}
