//! A toy: two slots of three small sectors and two pages of journal, on which every sequence of events and cuts is
//! played, to a depth.
//!
//! An event is one power cycle: a boot, at most one command, and all that follows until the device rests. It is
//! played uncut, and with a cut at each of its writes and erases under each of the [`models`]; then the device
//! recovers. States are told apart by [`canon`], which holds all that decides what follows, and each is played on
//! from once. So the depth counts whole events: a device has lived through each sequence of that many, each of
//! them cut anywhere or not at all.

mod canon;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fwupd_core::flash::{Layout, OpKind, Part, Region, Sectors};
use fwupd_core::image::{Image, SlotId};
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, Refused, What};
use fwupd_core::slot::Slot;
use fwupd_core::trust::KeyId;
use fwupd_core::updater::{Command, Job, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Checks, Device, Rest, Seen, SelfTest, Sim, sha256};
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, OpIndex, TornModel};
use fwupd_testkit::reference::{IDS, K1};
use fwupd_testkit::tables;

use canon::{PAYLOAD, attempts, canon, damaged, pack, preset, revoked};

/// Events in a row, and those of the longer grid.
const DEPTH: usize = 3;
const DEEPER: usize = 5;

/// Bytes of a slot: two sectors for the image, one for the head.
const SLOT: u32 = 576;
const SECTORS: &[Sectors] = &[
    Sectors { count: 2, size: 32 },
    Sectors { count: 1, size: 512 },
    Sectors { count: 2, size: 32 },
    Sectors { count: 1, size: 512 },
    Sectors { count: 2, size: 4096 },
];
const fn region(from: u32, to: u32) -> Region {
    Region { part: 0, from, to }
}
const LAYOUT: Layout = Layout {
    parts: &[Part { read: 1, write: 4, erased: 0xFF, sectors: SECTORS }],
    slots: &[region(0, SLOT), region(SLOT, 2 * SLOT)],
    journal: &[region(2 * SLOT, 2 * SLOT + 4096), region(2 * SLOT + 4096, 2 * SLOT + 8192)],
    factory_slot: SlotId(0),
};

/// The public key of RFC 8032, section 7.1, test 2. It is there to be revoked.
const SPARE: [u8; 32] = [
    0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc, 0x9c,
    0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c,
];
const KEYS: [[u8; 32]; 2] = [K1, SPARE];
/// The sequence number of the image that the toy leaves the factory with, under security counter 1.
const FACTORY: u64 = 1 << 32 | 4;
/// How much a package's sequence number is above what is installed: by one, or by one security counter.
const NEXT: u64 = 1;
const RAISED: u64 = 1 << 32;

/// Attempts at an image after which one cut more is too many: of five, the request takes one and the cut one.
const SPENT: u64 = 4;

/// What is asked for in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Nothing,
    /// A package that is newer by so much, to be installed or to be staged.
    Install(u64),
    Stage(u64),
    /// The next package, and that only as long as there is no reset in between.
    InstallAtOnce,
    /// The next package, with a bit of its image flipped.
    InstallDamaged,
    Activate,
    Discard {
        keep_slot: bool,
    },
    /// The slot that does not run boots next, or the one that does.
    Preset {
        other: bool,
    },
    Enable(bool),
    Revoke,
    FactoryReset,
}

/// An event: what is asked for, and what an image on trial does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    act: Act,
    test: SelfTest,
}

const fn event(act: Act, test: SelfTest) -> Event {
    Event { act, test }
}

const EVENTS: [Event; 20] = [
    event(Act::Nothing, SelfTest::Pass),
    event(Act::Nothing, SelfTest::Fail),
    event(Act::Nothing, SelfTest::Crash),
    event(Act::Install(NEXT), SelfTest::Pass),
    event(Act::Install(RAISED), SelfTest::Pass),
    event(Act::Install(RAISED), SelfTest::Fail),
    event(Act::Install(NEXT), SelfTest::Crash),
    event(Act::Stage(NEXT), SelfTest::Pass),
    event(Act::InstallAtOnce, SelfTest::Pass),
    event(Act::InstallDamaged, SelfTest::Pass),
    event(Act::Activate, SelfTest::Pass),
    event(Act::Activate, SelfTest::Crash),
    event(Act::Discard { keep_slot: true }, SelfTest::Pass),
    event(Act::Discard { keep_slot: false }, SelfTest::Pass),
    event(Act::Preset { other: true }, SelfTest::Pass),
    event(Act::Preset { other: false }, SelfTest::Pass),
    event(Act::Enable(false), SelfTest::Pass),
    event(Act::Enable(true), SelfTest::Pass),
    event(Act::Revoke, SelfTest::Pass),
    event(Act::FactoryReset, SelfTest::Pass),
];

/// Every way to cut an operation: nothing done, a prefix, anything, unreadable, all done but nobody told.
fn models(n: u64, entry: &LogEntry) -> [(CutPlace, TornModel); 5] {
    let (start, middle) = (CutPlace::From(0), CutPlace::From(entry.places / 2));
    [
        (start, TornModel::Nothing),
        (middle, TornModel::Prefix),
        (start, TornModel::Undefined(Fill::Random(n + 1))),
        (start, TornModel::Unreadable),
        (start, TornModel::AllNew),
    ]
}

fn job(reach: Reach, after: AfterReset) -> Job<'static> {
    Job { uri: Some("file"), reach, target: None, after, file_check: None }
}

fn give(updater: &mut Updater<Sim<2>>, act: Act, device: &Device<2>) -> Result<(), Refused> {
    let running = updater.status().expect("it has loaded").running;
    let other = SlotId(1 - running.0);
    let after = if act == Act::InstallAtOnce { AfterReset::Fail } else { AfterReset::Resume };
    let job = |reach| job(reach, after);
    let command = match act {
        Act::Nothing => return Ok(()),
        Act::Revoke => return updater.revoke(KeyId(1)),
        Act::Install(_) | Act::InstallAtOnce | Act::InstallDamaged => {
            Command::Fetch(job(Reach::Activate(Ask::No)))
        }
        Act::Stage(_) => Command::Fetch(job(Reach::Stage)),
        Act::Activate => Command::Activate { slot: None, ask: Ask::No },
        Act::Discard { keep_slot } => Command::Discard { keep_slot },
        Act::Preset { other: true } => Command::Preset(other),
        Act::Preset { other: false } => Command::Preset(running),
        Act::Enable(on) => Command::Enable(other, on),
        Act::FactoryReset => Command::FactoryReset,
    };
    updater.command(Initiator(1), command, None, device.clock.now()).map(|_| ())
}

/// One event, to the device's rest: whether its command was taken.
fn play(device: &mut Device<2>, event: Event) -> Result<Result<(), Refused>, Rest> {
    device.self_test = event.test;
    let installed = device.seen.as_ref().expect("it rests").sequence;
    let file = match event.act {
        Act::Install(step) | Act::Stage(step) => Some(pack(installed + step).file.clone()),
        Act::InstallAtOnce => Some(pack(installed + NEXT).file.clone()),
        Act::InstallDamaged => Some(damaged(&pack(installed + NEXT).file)),
        Act::Nothing | Act::Activate | Act::Discard { .. } | Act::Preset { .. } => None,
        Act::Enable(_) | Act::Revoke | Act::FactoryReset => None,
    };
    device.files.extend(file.map(|file| ("file".to_owned(), file)));
    let mut taken = None;
    for _ in 0..20 {
        device.clock.reset(WallAfterReset::Lost);
        device.bootloader()?;
        let mut updater = device.updater();
        if taken.is_none() {
            device.drain(&mut updater, "the updater")?;
            taken = Some(give(&mut updater, event.act, device));
        }
        if device.session(&mut updater, &mut None)? {
            return Ok(taken.expect("the first boot gives it"));
        }
    }
    panic!("{event:?}: the device resets for ever");
}

fn seen(device: &Device<2>) -> Seen {
    device.seen.clone().expect("it rests")
}

/// What holds of every device at rest.
fn check(device: &Device<2>, what: &dyn Fn() -> String) {
    device.flash.assert_lawful();
    let seen = seen(device);
    assert_eq!((Some(seen.jumped), seen.jumped), (device.jumped, seen.running), "{}: {seen:?}", what());
    assert!(matches!(seen.state, State::Idle | State::Staged { wanted: None, .. }), "{}: {seen:?}", what());
    let running = seen.slots[usize::from(seen.running.0)].verified().map(|verified| *verified.image());
    let running = running.unwrap_or_else(|| panic!("{}: nothing vouches for what runs: {seen:?}", what()));
    assert_eq!(running.sequence, seen.sequence, "{}: the status is not what runs", what());
    assert!(seen.counter <= running.counter(), "{}: {seen:?}", what());
    let contents = device.flash.contents(0);
    for verified in seen.slots.iter().filter_map(Slot::verified) {
        let from = usize::from(verified.slot().0) * SLOT as usize;
        let Image { digest, sequence, .. } = *verified.image();
        let held = &contents[from..from + SLOT as usize];
        assert_eq!(sha256(&held[..PAYLOAD]), digest, "{}: {:?} is not whole", what(), verified.slot());
        assert!(held == pack(sequence).slot, "{}: {:?} keeps another head", what(), verified.slot());
    }
}

/// A power cycle of a healthy device changes nothing, and the second one writes nothing. Where a slot is preset,
/// the next boot is an event of its own.
fn check_health(device: &Device<2>, what: &dyn Fn() -> String) {
    if preset(&device.flash).is_some() {
        return;
    }
    let (mut device, seen) = (device.clone(), seen(device));
    for settled in [false, true] {
        device.flash.reset_counts();
        assert_eq!(device.power_on(), Rest::Still, "{}", what());
        assert_eq!(device.seen.as_ref(), Some(&seen), "{}: a power cycle", what());
        assert!(!settled || device.flash.total().mutating() == 0, "{}: a healthy device writes", what());
    }
    device.flash.assert_lawful();
}

/// The application can always install the next image.
fn check_next(device: &Device<2>) {
    let what = || format!("the next update from\n{}", canon(&device.flash));
    let mut device = device.clone();
    device.self_test = SelfTest::Pass;
    if preset(&device.flash).is_some() {
        assert_eq!(device.power_on(), Rest::Still);
    }
    if let State::Staged { .. } = seen(&device).state {
        device.command(Initiator::APPLICATION, Command::Discard { keep_slot: true });
    }
    let next = seen(&device).sequence + NEXT;
    device.files.insert("file".into(), pack(next).file.clone());
    let fetch = Command::Fetch(job(Reach::Activate(Ask::No), AfterReset::Resume));
    device.command(Initiator::APPLICATION, fetch);
    let Seen { sequence, last, .. } = seen(&device);
    assert_eq!((sequence, last.map(|last| last.what)), (next, Some(What::Done)), "{}", what());
    check(&device, &what);
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// Events that were played without a cut.
    uncut: usize,
    /// Those whose command was refused.
    refused: usize,
    /// Writes and erases of all that were taken.
    operations: usize,
    /// Cuts.
    cuts: usize,
    /// How the cut ones ended: as if the event had not been, or as it would have without the cut.
    before: usize,
    after: usize,
    /// As a request that does not go on over a reset.
    lost: usize,
    /// As one that was tried too often before, the cut included.
    spent: usize,
    /// As without the cut and one boot more: the recovery was the boot that a preset had waited for.
    booted: usize,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.uncut += other.uncut;
        self.refused += other.refused;
        self.operations += other.operations;
        self.cuts += other.cuts;
        self.before += other.before;
        self.after += other.after;
        self.lost += other.lost;
        self.spent += other.spent;
        self.booted += other.booted;
    }
}

/// Whether a request was given up for this, and nothing else has changed but what it wrote to.
fn given_up(got: &Seen, before: &Seen, for_this: &[Failure]) -> bool {
    let told = got.last.is_some_and(|last| for_this.iter().any(|why| last.what == What::Failed(*why)));
    let Seen { state, slots, last, .. } = got.clone();
    told && *got == Seen { state, slots, last, ..before.clone() }
}

/// What an event leads to from one state: the text of each successor, and the first device that it was seen of.
type Successors = BTreeMap<String, Device<2>>;

/// Plays an event without a cut. Its successor, whether it was refused, and its writes and erases.
fn uncut(from: &Device<2>, event: Event) -> (Device<2>, Result<(), Refused>, Vec<LogEntry>) {
    let mut device = from.clone();
    device.flash.keep_log(true);
    let taken = play(&mut device, event).unwrap_or_else(|rest| panic!("{event:?}: {rest:?}"));
    let log = device.flash.log().iter().filter(|entry| entry.op != OpKind::Read).copied().collect();
    device.flash.keep_log(false);
    (device, taken, log)
}

/// Cuts an event at one place, and lets the device recover.
fn cut(from: &Device<2>, event: Event, n: u64, point: &(CutPlace, TornModel)) -> Device<2> {
    let mut device = from.clone();
    device.flash.cut_at(OpIndex::Mutating(n), point.0, point.1.clone());
    assert_eq!(play(&mut device, event), Err(Rest::PowerLost), "{event:?} {n} {point:?}");
    assert_eq!(device.power_on(), Rest::Still, "{event:?} {n} {point:?}");
    device
}

/// An event from a state, uncut and cut everywhere.
fn successors(from: &Device<2>, event: Event, counts: &mut Counts) -> Successors {
    let mut found = Successors::new();
    let (end, taken, log) = uncut(from, event);
    counts.uncut += 1;
    let what = || format!("{event:?}");
    check(&end, &what);
    check_health(&end, &what);
    let (idle, _, idle_log) = uncut(from, Event { act: Act::Nothing, ..event });
    let after = seen(&end);
    let booted = preset(&end.flash).map(|_| seen(&uncut(&end, Event { act: Act::Nothing, ..event }).0));
    if let Err(refused) = taken {
        // What is refused has changed nothing: it is a boot as any other.
        assert_eq!((canon(&end.flash), log), (canon(&idle.flash), idle_log), "{event:?}: {refused:?}");
        counts.refused += 1;
        return found;
    }
    let befores = [seen(from), seen(&idle)];
    let (keys, tried) = (revoked(&from.flash), attempts(&from.flash));
    counts.operations += log.len();
    found.insert(canon(&end.flash), end);
    for (n, entry) in (0..).zip(&log) {
        for point in models(n, entry) {
            let what =
                || format!("{event:?}, operation {n} {entry:?}, {point:?}, from\n{}", canon(&from.flash));
            let device = cut(from, event, n, &point);
            check(&device, &what);
            let got = seen(&device);
            assert!(got.counter >= befores[0].counter, "{}: the counter falls", what());
            assert_eq!(revoked(&device.flash) & keys, keys, "{}: a key counts again", what());
            let end = if got == after {
                &mut counts.after
            } else if befores.contains(&got) {
                &mut counts.before
            } else if booted.as_ref() == Some(&got) {
                &mut counts.booted
            } else if event.act == Act::InstallAtOnce && given_up(&got, &befores[1], &[Failure::PowerLost]) {
                &mut counts.lost
            } else if tried >= SPENT && given_up(&got, &befores[1], &[Failure::Rejected, Failure::PowerLost])
            {
                &mut counts.spent
            } else {
                panic!("{}: a third end:\n{got:?}\nbefore {:?}\nafter {after:?}", what(), befores)
            };
            *end += 1;
            counts.cuts += 1;
            let text = canon(&device.flash);
            found.entry(text).or_insert_with(|| {
                check_health(&device, &what);
                device
            });
        }
    }
    found
}

/// Does all of it on two threads, and answers in order.
fn on_two_threads<T: Sync, R: Send>(work: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((n, item)) = {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    work.get(n).map(|item| (n, item))
                } {
                    let result = one(item);
                    results.lock().unwrap().insert(n, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    assert_eq!(results.len(), work.len());
    results.into_values().collect()
}

/// All that was found.
struct Life {
    /// The first device of each state.
    states: Vec<Device<2>>,
    /// States that are first reached with so many events.
    by_depth: Vec<usize>,
    /// Steps from one state to another, by any way.
    transitions: usize,
    /// Devices that were taken to be in a state that another has reached already.
    merged: Vec<(usize, Device<2>)>,
    counts: Counts,
}

fn start() -> Device<2> {
    let mut device = Device::new(LAYOUT, KEYS.to_vec(), IDS);
    device.checks = Checks::Digest;
    device.provision(&pack(FACTORY).file);
    assert_eq!(device.power_on(), Rest::Still);
    check(&device, &|| "the factory".into());
    check_health(&device, &|| "the factory".into());
    device
}

fn live(depth: usize) -> Life {
    let first = start();
    let mut ids = HashMap::from([(canon(&first.flash), 0)]);
    let mut life = Life {
        states: vec![first],
        by_depth: vec![1],
        transitions: 0,
        merged: Vec::new(),
        counts: Counts::default(),
    };
    let mut from = 0;
    for _ in 0..depth {
        let to = life.states.len();
        let work: Vec<(usize, Event)> =
            (from..to).flat_map(|state| EVENTS.into_iter().map(move |event| (state, event))).collect();
        let results = on_two_threads(&work, |(state, event)| {
            let mut counts = Counts::default();
            let found = successors(&life.states[*state], *event, &mut counts);
            (found, counts)
        });
        for (found, counts) in results {
            life.counts.add(counts);
            life.transitions += found.len();
            for (text, device) in found {
                let id = ids.len();
                let known = *ids.entry(text).or_insert(id);
                if known == id {
                    life.states.push(device);
                } else {
                    life.merged.push((known, device));
                }
            }
        }
        life.by_depth.push(life.states.len() - to);
        from = to;
    }
    life
}

/// Plays all sequences of so many events.
fn every_sequence(depth: usize) {
    let life = live(depth);
    on_two_threads(&life.states, check_next);
    let Life { states, by_depth, transitions, counts, .. } = &life;
    let Counts { uncut, refused, operations, cuts, before, after, lost, spent, booted } = *counts;
    let text = format!(
        "{} states, by depth {by_depth:?}; {transitions} transitions; {uncut} events, {refused} of them refused; \
         {operations} operations; {cuts} cuts: {before} as before, {after} as after, {lost} given up, {spent} once too \
         often, {booted} told a boot later. The next update is possible from each state.\n",
        states.len()
    );
    tables::keep(&format!("toy device, depth {depth}"), &text);
    assert!(by_depth.iter().all(|states| *states > 0) && by_depth.len() == depth + 1, "{by_depth:?}");
    assert_eq!(uncut, (states.len() - by_depth[depth]) * EVENTS.len());
    assert_eq!(cuts, 5 * operations, "each operation is cut under each model");
    assert_eq!(before + after + lost + spent + booted, cuts);
}

#[test]
fn every_sequence_of_events_and_cuts_leaves_a_whole_device() {
    every_sequence(DEPTH);
}

#[test]
#[ignore = "of the longer grid"]
fn the_longer_grid_of_the_toy() {
    every_sequence(DEEPER);
}

/// What was done to the flash, whichever page of the journal it was done to.
fn deeds(log: &[LogEntry]) -> Vec<LogEntry> {
    let second = LAYOUT.journal[1].from;
    let moved = |at: u32| if at < second { at } else { at - 4096 };
    log.iter().map(|entry| LogEntry { at: moved(entry.at), ..*entry }).collect()
}

#[test]
fn devices_that_count_as_one_state_go_the_same_way() {
    let life = live(2);
    let differs = |(state, device): &&(usize, Device<2>)| {
        device.flash.contents(0) != life.states[*state].flash.contents(0)
    };
    let pairs: Vec<_> = life.merged.iter().filter(differs).step_by(2).enumerate().collect();
    let played = on_two_threads(&pairs, |(nth, (state, other))| {
        let both = [&life.states[*state], other];
        let mut played = 0;
        for event in EVENTS {
            let [(one, taken, log), (two, taken_two, log_two)] = both.map(|from| uncut(from, event));
            assert_eq!((taken, deeds(&log)), (taken_two, deeds(&log_two)), "{event:?}");
            assert_eq!(canon(&one.flash), canon(&two.flash), "{event:?}");
            played += 1;
            if log.is_empty() {
                continue;
            }
            let n = nth % log.len();
            let point = &models(n as u64, &log[n])[nth % 5];
            let [one, two] = both.map(|from| cut(from, event, n as u64, point));
            assert_eq!(canon(&one.flash), canon(&two.flash), "{event:?}, {:?}, {point:?}", log[n]);
            played += 1;
        }
        played
    });
    let (pairs, played) = (pairs.len(), played.iter().sum::<usize>());
    fwupd_testkit::tell(format_args!("toy device: {pairs} merged pairs, {played} events of both compared"));
    assert!(pairs > 50 && played > 20 * pairs);
}
