//! The measured driver does install a package, from the first fetch to the confirmation.

use std::cell::RefCell;
use std::rc::Rc;

use fwupd_core::boot::{Choice, Selector, Verdict};
use fwupd_core::digest::Sha256;
use fwupd_core::flash::{self, One};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, What};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Config, Platform, Updater};
use fwupd_size::boot;
use fwupd_size::driver::{Code, End, Offline, Turn, URI, World, run};
use fwupd_size::platform::{self, Device, LAYOUT, Plain, Sum};
use fwupd_testkit::flash::{SimFlash, SimPart};

const PACKAGE: &[u8] = include_bytes!("../../../fwupd-core/tests/vectors/suit/ed25519/one-integrated.suit");
const PAYLOAD: &[u8] = include_bytes!("../../../fwupd-core/tests/vectors/suit/payload/fw.bin");
const KEY: &str = include_str!("../../../fwupd-core/tests/vectors/suit/keys/k1.pub.hex");
/// Of the device that the package is for: UUID 5 of example.com, and of that and "demo-board-1".
const DEVICE: Device = Device {
    vendor: [0xcf, 0xbf, 0xf0, 0xd1, 0x93, 0x75, 0x56, 0x85, 0x96, 0x8c, 0x48, 0xce, 0x8b, 0x15, 0xae, 0x17],
    class: [0x7d, 0x07, 0x89, 0xe9, 0x05, 0x09, 0x59, 0x40, 0x92, 0x65, 0x5b, 0x7d, 0x4b, 0xb9, 0x99, 0x55],
    sequence: 4,
};
/// Sequence number of the package.
const SEQUENCE: u64 = 5;

/// A world that wants one update.
struct Scripted {
    package: Vec<u8>,
    mono: u64,
    asked: bool,
}

impl World for Scripted {
    fn now(&mut self) -> Now {
        self.mono += 1;
        assert!(self.mono < 100_000, "the update does not come to its end");
        Now::mono(self.mono)
    }

    fn turn(&mut self, status: &Status<'_>) -> Turn {
        match status.state {
            State::Idle if status.installed.sequence == SEQUENCE => Turn::Stop,
            State::Idle if !self.asked => {
                self.asked = true;
                Turn::Command(Code::Fetch, 0)
            }
            State::Idle if status.last.is_some() => panic!("{:?}", status.last),
            State::Trial { .. } => Turn::Command(Code::Confirm, 0),
            State::Idle | State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => {
                Turn::GoOn
            }
            State::Staged { .. } | State::Activating { .. } | State::Reverting { .. } => Turn::GoOn,
        }
    }

    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Option<usize> {
        assert_eq!(uri, URI);
        let rest = &self.package[offset as usize..];
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        Some(len)
    }

    fn permits(&mut self, ask: Ask) -> bool {
        assert_eq!(ask, Ask::Idle);
        true
    }
}

fn boots(part: &mut SimPart<1, 4, 4096>) -> Choice {
    let mut selector: Selector<_, Sha256, 64> = Selector::new(LAYOUT, |_: SlotId, _: &[u8]| Verdict::Skip);
    while flash::run(&mut selector, &mut One(part), Now::default()).unwrap() {}
    selector.choice().unwrap()
}

/// The bootloader that is measured makes the same choice of a plain package.
#[test]
fn the_bootloader_boots_what_its_head_describes_and_nothing_else() {
    let flash = Rc::new(RefCell::new(SimFlash::new(LAYOUT.parts)));
    let mut part = SimPart::<1, 4, 4096>::new(&flash, 0).unwrap();
    let mut world =
        Scripted { package: [&Plain::emit(PAYLOAD, SEQUENCE), PAYLOAD].concat(), mono: 0, asked: false };
    let mut updater = Updater::new(platform::core(DEVICE)).unwrap();
    assert_eq!(run(&mut updater, &mut One(&mut part), &mut world, &mut Offline), End::Reset);
    let at = LAYOUT.slots[1].from;
    let byte = flash.borrow().contents(0)[at as usize];
    let mut choice = |byte| {
        flash.borrow_mut().fill(0, at, &[byte]).unwrap();
        boot::choose::<Sum>(&mut One(&mut part)).unwrap()
    };
    assert_eq!(choice(byte), Choice::Boot { slot: SlotId(1), trial: true });
    assert_eq!(choice(!byte), Choice::Boot { slot: SlotId(0), trial: false });
}

fn installs<P: Platform>(config: impl Fn() -> Config<P>, package: Vec<u8>) {
    let flash = Rc::new(RefCell::new(SimFlash::new(LAYOUT.parts)));
    let mut part = SimPart::<1, 4, 4096>::new(&flash, 0).unwrap();
    let mut world = Scripted { package, mono: 0, asked: false };

    let mut updater = Updater::new(config()).unwrap();
    assert_eq!(run(&mut updater, &mut One(&mut part), &mut world, &mut Offline), End::Reset);
    assert_eq!(boots(&mut part), Choice::Boot { slot: SlotId(1), trial: true });

    let mut updater = Updater::new(config()).unwrap();
    assert_eq!(run(&mut updater, &mut One(&mut part), &mut world, &mut Offline), End::Stopped);
    let status = updater.status().unwrap();
    assert_eq!((status.running, status.next_boot), (SlotId(1), SlotId(1)));
    assert_eq!(status.last.unwrap().what, What::Done);
    assert_eq!(boots(&mut part), Choice::Boot { slot: SlotId(1), trial: false });

    let slot = LAYOUT.slots[1];
    let (from, end) = (slot.from as usize, slot.from as usize + PAYLOAD.len());
    assert_eq!(&flash.borrow().contents(0)[from..end], PAYLOAD);
    flash.borrow().assert_lawful();
}

#[test]
fn the_driver_installs_a_plain_package() {
    let package = [&Plain::emit(PAYLOAD, SEQUENCE), PAYLOAD].concat();
    installs(|| platform::core(DEVICE), package);
}

#[test]
fn the_driver_installs_a_signed_package() {
    let mut key = [0; 32];
    let text = KEY.trim().as_bytes().chunks(2);
    for (byte, digits) in key.iter_mut().zip(text) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    }
    installs(|| platform::signed(DEVICE, &key).unwrap(), PACKAGE.to_vec());
}
