//! A thousand updates over a link that loses, repeats and reorders datagrams end as they do over a good one, and
//! leave nothing behind in memory.

mod host;
mod manager;
mod packages;

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::slot::Slot;
use fwupd_core::updater::Installed;
use fwupd_testkit::link::{Faults, Link};
use fwupd_testkit::tell;
use peak_alloc::PeakAlloc;

use host::Host;
use manager::{Files, Learned, Manager};
use packages::{Kind, PERIOD, Plan};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const UPDATES: u32 = 1_000;
/// After so many updates the memory is weighed for the first time. Both are whole periods, so that the simulated
/// flash holds as much.
const EARLY: u32 = 100;
const _: () = assert!(EARLY.is_multiple_of(PERIOD) && UPDATES.is_multiple_of(PERIOD));

/// More time than any update may take, milliseconds.
const LONGEST: u64 = 4 * 3_600_000;

const BAD: Faults = Faults { loss: 10, duplication: 10, reordering: 10 };

/// How an update ended: what the device is, and what the server has learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    jumped: Option<SlotId>,
    running: SlotId,
    next_boot: SlotId,
    installed: Installed,
    counter: u32,
    slots: [Slot; 2],
    idle: bool,
    learned: Learned,
}

/// What an update took, which a bad link may change: runs of the updater, and how often the server began anew.
#[derive(Clone, Copy)]
struct Took {
    runs: u32,
    again: u32,
}

struct World {
    link: Link<u8>,
    host: Host,
    manager: Manager,
    files: Files,
    now: u64,
}

impl World {
    fn new(faults: Faults) -> Self {
        Self {
            // By this seed the server has to begin anew more often than by others, and downloads are cut off.
            link: Link::new(faults, 83),
            host: Host::new(1),
            manager: Manager::new(2),
            files: Files::new(3),
            now: 0,
        }
    }

    /// Runs an update to its end, and until nothing is under way.
    fn update(&mut self, plan: Plan) -> (End, Took) {
        let before = self.host.up.status().map_or(0, |status| status.run.0);
        let package = plan.package();
        self.host.flash = plan.flash;
        self.host.faulty = plan.kind == Kind::Faulty;
        self.files.offer(plan, package.clone());
        self.manager.begin(plan, package, self.now);
        let latest = self.now + LONGEST;
        loop {
            let Self { link, host, manager, files, now } = self;
            host.step(*now, link);
            manager.step(*now, link);
            files.step(*now, link);
            let arrival = link.next_arrival();
            if arrival.is_none() && manager.rests() && host.rests() {
                let runs = host.up.status().unwrap().run.0 - before;
                return (self.end(), Took { runs, again: self.manager.again });
            }
            let times = [arrival, host.timeout(*now), manager.timeout(*now)];
            let next = times.into_iter().flatten().min().expect("something is to come");
            *now = next.max(*now + 1);
            assert!(*now < latest, "{plan:?} does not come to an end: {:?}", self.manager.learned);
        }
    }

    fn end(&self) -> End {
        let status = self.host.up.status().unwrap();
        End {
            jumped: self.host.device.jumped,
            running: status.running,
            next_boot: status.next_boot,
            installed: *status.installed,
            counter: status.counter,
            slots: status.slots.try_into().unwrap(),
            idle: matches!(status.state, State::Idle),
            learned: self.manager.learned,
        }
    }

    /// Bytes on the heap, once the network and the server hold none.
    fn weigh(&mut self) -> usize {
        self.link.clear();
        self.host.shrink();
        self.manager.shrink();
        self.files.shrink();
        HEAP.current_usage()
    }
}

/// What the server is to see of an update: Result, and the version that runs.
fn wanted(plan: &Plan, before: &str) -> (u8, String) {
    match plan.kind {
        Kind::Good => (1, plan.version()),
        // Integrity check failure; it is the description that is not authentic, or the payload that is not whole.
        Kind::Forged | Kind::Damaged => (5, before.to_owned()),
        // Unsupported package type.
        Kind::Foreign => (6, before.to_owned()),
        // Firmware update failed.
        Kind::Faulty => (8, before.to_owned()),
    }
}

#[test]
fn a_thousand_updates_over_a_bad_link_end_as_they_do_over_a_good_one_and_leave_no_memory() {
    let mut good = World::new(Faults::NONE);
    let ends: Vec<(End, Took)> = (1..=UPDATES).map(|n| good.update(Plan::of(n))).collect();
    let mut version = "4".to_owned();
    let mut done = 0;
    for (n, (end, _)) in (1..).zip(&ends) {
        let plan = Plan::of(n);
        let (result, runs) = wanted(&plan, &version);
        version = runs;
        done += u32::from(result == 1);
        let Learned { read, told, version: text } = end.learned;
        assert_eq!((read, told), ([Some(0), Some(result)], [Some(0), Some(result)]), "{plan:?}");
        assert_eq!(String::from_utf8_lossy(&text).trim_end_matches('\0'), version, "{plan:?}");
        assert_eq!((end.jumped, end.idle), (Some(end.running), true), "{plan:?}");
        assert_eq!(end.installed.version.as_str(), version, "{plan:?}");
    }
    drop(good);

    let empty = HEAP.current_usage();
    let mut bad = World::new(BAD);
    let (mut early, mut again) = (0, 0);
    for (n, (end, good)) in (1..).zip(&ends) {
        let plan = Plan::of(n);
        let (ends, took) = bad.update(plan);
        assert_eq!(ends, *end, "{plan:?}");
        // What comes twice is done once: another run is one that the server has asked for, or the one that it is to
        // make good for. (A first block that comes again behind sixteen others begins its delivery anew.)
        let most = good.runs + 2 * took.again;
        assert!(took.runs <= most, "{plan:?}: {} runs of {most}", took.runs);
        again += took.again;
        if n == EARLY {
            early = bad.weigh() - empty;
        }
    }
    let late = bad.weigh() - empty;
    assert_eq!(late, early, "bytes on the heap after {EARLY} and after {UPDATES} updates");
    bad.host.device.flash.assert_lawful();

    let counts = bad.link.counts();
    let separate = bad.manager.separate;
    assert!(separate > 0, "no answer was late");
    // A link that loses nothing proves nothing.
    for count in [counts.lost, counts.doubled, counts.late] {
        assert!((counts.sent / 20..counts.sent * 3 / 20).contains(&count), "{counts:?}");
    }
    tell(format_args!(
        "lossy: {UPDATES} updates, {done} done and {} failed, {again} begun anew, {separate} late answers, {} resets, {} hours; {} datagrams sent, {} lost, {} \
         doubled, {} late; {early} and {late} bytes on the heap after {EARLY} and {UPDATES}",
        UPDATES - done,
        bad.host.resets,
        bad.now / 3_600_000,
        counts.sent,
        counts.lost,
        counts.doubled,
        counts.late,
    ));
}
