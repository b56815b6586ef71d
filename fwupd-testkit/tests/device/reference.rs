//! The reference device of the vectors: sequence number 5, slots of 128 KiB. What installs on it and what
//! does not, in every size of chunk.

use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::outcome::{Failure, Initiator, What};
use fwupd_core::updater::Command;
use fwupd_testkit::device::{Device, Rest};

use crate::rig::{IDS, K1, NEW, OLD, job, package};

/// Sizes of chunk, bytes; the last takes the file whole.
const BLOCKS: [usize; 5] = [1, 7, 64, 512, usize::MAX / 2];

const LAYOUT: Layout = Layout {
    parts: &[Part { read: 1, write: 8, erased: 0xFF, sectors: &[Sectors { count: 66, size: 4096 }] }],
    slots: &[Region { part: 0, from: 0, to: 131_072 }, Region { part: 0, from: 131_072, to: 262_144 }],
    journal: &[
        Region { part: 0, from: 262_144, to: 266_240 },
        Region { part: 0, from: 266_240, to: 270_336 },
    ],
    factory_slot: OLD,
};

fn reference() -> Device<2> {
    let mut device = Device::new(LAYOUT, vec![K1], IDS);
    device.provision(&package("one-integrated.suit"));
    assert_eq!(device.power_on(), Rest::Still);
    assert_eq!(device.seen.as_ref().unwrap().sequence, 5);
    device
}

/// Fetches the file and installs it, and says how that ended.
fn ends(device: &mut Device<2>, file: Vec<u8>, block: usize) -> What {
    device.block = block;
    device.files.insert("file".into(), file);
    assert_eq!(device.command(Initiator(1), Command::Fetch(job("file"))), Rest::Still);
    let seen = device.seen.as_ref().unwrap();
    assert_eq!(Some(seen.running), device.jumped);
    seen.last.unwrap().what
}

#[test]
fn the_good_packages_install() {
    for name in [
        "one-integrated.suit",
        "one-integrated.alg19.suit",
        "one-integrated-big.suit",
        "one-seqmax.suit",
        "one-version.suit",
        "one-prefetched.suit",
    ] {
        for block in BLOCKS {
            let mut device = reference();
            assert_eq!(ends(&mut device, package(name), block), What::Done, "{name} in chunks of {block}");
            assert_eq!(device.jumped, Some(NEW), "{name} in chunks of {block}");
            device.flash.assert_lawful();
        }
    }
}

#[test]
fn the_bad_packages_do_not_install() {
    let device = reference();
    for (name, why) in [
        ("wrongkey.suit", Failure::Authenticity),
        ("one-seq4.suit", Failure::OlderThanAllowed),
        ("one-seq0.suit", Failure::OlderThanAllowed),
    ] {
        for block in BLOCKS {
            let mut device = device.clone();
            let before = device.flash.contents(0)[..262_144].to_vec();
            assert_eq!(
                ends(&mut device, package(name), block),
                What::Failed(why),
                "{name} in chunks of {block}"
            );
            assert_eq!(device.jumped, Some(OLD));
            assert!(device.flash.contents(0)[..262_144] == before, "{name}: no slot is touched");
        }
    }
}

#[test]
fn no_truncation_of_a_good_package_installs() {
    let good = package("one-integrated.suit");
    let device = reference();
    for block in BLOCKS {
        for end in 0..good.len() {
            let mut device = device.clone();
            let what = ends(&mut device, good[..end].to_vec(), block);
            assert!(matches!(what, What::Failed(_)), "cut at {end} in chunks of {block}: {what:?}");
            assert_eq!(device.jumped, Some(OLD), "cut at {end} in chunks of {block}");
        }
    }
}
