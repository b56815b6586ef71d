mod exchange;

use super::*;
use crate::boot::{BootControl, Native, Want};
use crate::checksum::NoCheck;
use crate::digest::Sha256;
use crate::flash::{Part, Region, Sectors};
use crate::image::{Verified, Version};
use crate::lifecycle::{AfterReset, Booted, Event, Owner, Watch};
use crate::outcome::{Ask, Failure, What};
use crate::package::suit::{COMPONENT, Suit};
use crate::slot::Enabled;
use crate::time::Deadline;
use crate::trust::{Ed25519Key, Ed25519Keys};

struct Device<B = Native<1>>(B);

impl<B: BootControl> Platform for Device<B> {
    type Trust = Ed25519Keys<[Ed25519Key<'static>; 1]>;
    type Package = Suit<256>;
    type Boot = B;
    type FileCheck = NoCheck;
    type Digest = Sha256;
    type Slots = [Slot; 2];
}

const OLD: SlotId = SlotId(0);
const NEW: SlotId = SlotId(1);

/// The public key of RFC 8032, section 7.1, test 1.
const KEY: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

const fn region(from: u32, to: u32) -> Region {
    Region { part: 0, from, to }
}

const LAYOUT: Layout = Layout {
    parts: &[Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 16, size: 1024 }] }],
    slots: &[region(0, 4096), region(4096, 8192)],
    journal: &[region(8192, 12288), region(12288, 16384)],
    factory_slot: OLD,
};

const OWNER: Owner = Owner { run: Run(1), by: Initiator(1), ask: Ask::No, after: AfterReset::Fail };

fn image(sequence: u64, slot: SlotId) -> Verified {
    let digest = [slot.0; 32];
    Verified::vouch(Image { digest, size: 100, sequence, version: Version::decimal(sequence) }, slot)
}

/// An updater that has read all of its records: 4 in the old slot, 5 in the new one.
fn updater(state: State) -> Updater<Device> {
    updater_with(Native::new(), state)
}

fn updater_with<B: BootControl>(boot: B, state: State) -> Updater<Device<B>> {
    let mut updater = Updater::<Device<B>>::new(Config {
        layout: LAYOUT,
        vendor: [1; 16],
        class: [2; 16],
        trust: Ed25519Keys::new([Ed25519Key::new(&KEY, None).unwrap()]).unwrap(),
        package: Suit::new(COMPONENT),
        boot,
        policy: Policy::default(),
        factory: Installed { sequence: 4, version: Version::decimal(4) },
    })
    .unwrap();
    updater.slots = [(4, OLD), (5, NEW)].map(|(n, slot)| Slot::Verified(image(n, slot), Enabled::Yes));
    updater.record.state = state;
    updater
}

/// The activation of the new slot, in each state that it has.
fn activations() -> [State; 3] {
    let (owner, image) = (OWNER, image(5, NEW));
    let deadline = Deadline::after(1000, Now::mono(0));
    [
        State::Activating { owner, image },
        State::Trial { owner, image, left: 1, deadline, watch: Watch::Testing },
        State::Reverting { owner, image, why: Failure::NotConfirmed },
    ]
}

#[test]
fn a_boot_that_settled_for_the_image_is_told_so_in_every_state_of_its_activation() {
    for state in activations() {
        let mut updater = updater(state);
        let seen = |running| Seen { running, trial: None, event: None };
        let booted = updater.booted(seen(NEW));
        assert!(matches!(booted, Booted::Settled { slot: NEW, .. }), "{booted:?} in {state:?}");
        assert_eq!(updater.booted(seen(OLD)), Booted::Usual, "{state:?}");
    }
}

#[test]
fn an_image_that_was_given_up_and_runs_all_the_same_is_installed_and_its_run_has_failed() {
    let [.., reverting] = activations();
    let mut updater = updater(reverting);
    updater.boot_record.running = NEW;
    let booted = updater.booted(Seen { running: NEW, trial: None, event: None });
    updater.change(&Event::World(World::Booted(booted)), &mut Dirty::default()).unwrap();
    assert!(updater.slots[1].verified().is_some());
    assert_eq!(updater.record.installed.sequence, 5);
    let what = updater.record.last.map(|last| last.what);
    assert_eq!(what, Some(What::Failed(Failure::NotConfirmed)));
}

/// As with a boot control that keeps no record in the journal: what is confirmed there is out of date.
#[test]
fn what_runs_is_installed_when_another_image_is_condemned() {
    let mut updater = updater(State::Activating { owner: OWNER, image: image(4, OLD) });
    updater.boot_record.running = NEW;
    let settled = World::Booted(Booted::Settled { owner: OWNER, slot: NEW });
    updater.change(&Event::World(settled), &mut Dirty::default()).unwrap();
    assert!(matches!(updater.slots[0], Slot::Failed { why: Failure::BootFailed, .. }));
    assert_eq!(updater.record.installed.sequence, 5);
}

#[test]
fn a_preset_that_is_refused_leaves_the_boot_control_to_its_work() {
    let [activating, ..] = activations();
    let mut updater = updater(activating);
    updater.load = Load::Ready;
    updater.boot_record.set_bootable(NEW, true);
    updater.boot.begin(Want::Arm { slot: NEW, trials: 1 }, updater.boot_record);
    updater.boot_work = BootWork::Running;
    let plan = updater.boot.plan();
    for (by, refused) in [(1, Refused::WrongState), (2, Refused::Busy(Initiator(1)))] {
        let preset = updater.command(Initiator(by), Command::Preset(NEW), None, Now::mono(0));
        assert_eq!((preset, updater.boot.plan()), (Err(refused), plan));
    }
}

#[test]
fn a_slot_that_holds_no_image_any_more_is_not_the_previous_one() {
    let mut updater = updater(State::Idle);
    updater.boot_record.previous = Some(NEW);
    updater.put_slot(NEW, Slot::Partial, &mut Dirty::default());
    assert_eq!(updater.boot_record.previous, None);
}
