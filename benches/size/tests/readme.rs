//! The loop that the README shows installs a package.

use std::cell::RefCell;
use std::rc::Rc;

use fwupd_core::boot::{Choice, Selector, Verdict};
use fwupd_core::flash::One;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Reach, What};
use fwupd_core::updater::Job;
use fwupd_size::platform::{self, Core, Device, LAYOUT, Plain, Sum};
use fwupd_testkit::flash::{SimFlash, SimPart};

// As it stands, since the README has no `pub`.
include!("readme/turn.rs");

const README: &str = include_str!("../../../README.md");
const SHOWN: &str = include_str!("readme/turn.rs");
const IMAGE: &[u8] = &[0x5A; 5000];
const DEVICE: Device = Device { vendor: [1; 16], class: [2; 16], sequence: 4 };

struct Simulated {
    package: Vec<u8>,
    mono: u64,
    passes: bool,
}

impl Board for Simulated {
    fn now(&mut self) -> Now {
        self.mono += 1;
        Now::mono(self.mono)
    }

    fn feed_watchdog(&mut self) {
        assert!(self.mono < 1_000_000, "the update does not come to its end");
    }

    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Result<usize, Failure> {
        assert_eq!(uri, "file");
        let rest = self.package.get(offset as usize..).ok_or(Failure::InvalidUri)?;
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn may_restart(&mut self) -> bool {
        true
    }

    fn self_test(&mut self) -> Option<bool> {
        Some(self.passes)
    }
}

type Part = SimPart<1, 4, 4096>;

/// Runs until the device is at rest (true) or to be reset (false).
fn rests(updater: &mut Updater<Core>, part: &mut Part, board: &mut Simulated) -> bool {
    loop {
        match turn(updater, &mut One(part), board) {
            Next::Again => {}
            Next::Sleep(u64::MAX) => return true,
            Next::Sleep(until) => {
                assert!(until > board.mono, "it does not sleep");
                board.mono = until;
            }
            Next::Reset => return false,
        }
    }
}

fn boots(part: &mut Part) -> SlotId {
    let mut selector: Selector<_, Sum, 64> = Selector::new(LAYOUT, |_: SlotId, _: &[u8]| Verdict::Skip);
    while flash::run(&mut selector, &mut One(part), Now::default()).unwrap() {}
    match selector.choice().unwrap() {
        Choice::Boot { slot, .. } => slot,
        Choice::Nothing => panic!("nothing boots"),
    }
}

/// Installs a package whose self-test passes or not, and gives the slot that runs at the end, and the outcome.
fn installs(passes: bool) -> (SlotId, What) {
    let flash = Rc::new(RefCell::new(SimFlash::new(LAYOUT.parts)));
    let mut part = Part::new(&flash, 0).unwrap();
    let package = [&Plain::emit(IMAGE, 5), IMAGE].concat();
    let mut board = Simulated { package, mono: 0, passes };

    let mut updater = Updater::new(platform::core(DEVICE)).unwrap();
    assert!(rests(&mut updater, &mut part, &mut board));
    let job = Job {
        uri: Some("file"),
        reach: Reach::Activate(Ask::User),
        target: None,
        after: AfterReset::Resume,
        file_check: None,
    };
    updater.command(Initiator::APPLICATION, Command::Fetch(job), None, board.now()).unwrap();
    let at_rest = rests(&mut updater, &mut part, &mut board);
    assert!(!at_rest, "a reset is owed: {:?}", updater.status());
    loop {
        let slot = boots(&mut part);
        let mut updater = Updater::new(platform::core(DEVICE)).unwrap();
        if rests(&mut updater, &mut part, &mut board) {
            let status = updater.status().unwrap();
            assert_eq!(status.running, slot);
            flash.borrow().assert_lawful();
            return (slot, status.last.unwrap().what);
        }
    }
}

#[test]
fn the_readme_shows_this_very_loop() {
    assert!(README.contains(&format!("```rust\n{SHOWN}```\n")), "the README differs from readme/turn.rs");
}

#[test]
fn the_loop_of_the_readme_installs_a_package_that_passes_its_self_test() {
    assert_eq!(installs(true), (SlotId(1), What::Done));
}

#[test]
fn the_loop_of_the_readme_rolls_back_a_package_that_does_not() {
    assert_eq!(installs(false), (SlotId(0), What::Failed(Failure::Rejected)));
}
