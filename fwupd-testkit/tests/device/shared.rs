//! Slots of one sector, which an image shares with its head: there is no place in it to go on from.

use fwupd_core::flash::OpKind;
use fwupd_core::outcome::{Failure, Initiator, What};
use fwupd_core::updater::Command;
use fwupd_testkit::device::{Device, Rest};
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, TornModel};

use crate::rig::{factory_of, install, job, one_sector_slots, package};

/// Cuts an update at every write and erase. How many of the updates were done, and how many failed.
fn every_cut(name: &str, base: &Device<2>) -> (u32, u32) {
    let mut whole = base.clone();
    whole.flash.keep_log(true);
    install(&mut whole, name);
    let log: Vec<LogEntry> =
        whole.flash.log().iter().filter(|entry| entry.op != OpKind::Read).copied().collect();
    let (mut done, mut failed) = (0, 0);
    for n in 0..log.len() as u64 {
        for (place, model) in [
            (CutPlace::Before, TornModel::Nothing),
            (CutPlace::From(1), TornModel::RandomBits(n)),
            (CutPlace::From(0), TornModel::AllNew),
        ] {
            let mut device = base.clone();
            device.flash.cut_at(OpIndex::Mutating(n), place, model.clone());
            let what = format!("{name}, operation {n}, {place:?}, {model:?}");
            assert_eq!(device.command(Initiator(1), Command::Fetch(job(name))), Rest::PowerLost, "{what}");
            assert_eq!(device.power_on(), Rest::Still, "{what}");
            let last = device.seen.as_ref().and_then(|seen| seen.last).map(|last| last.what);
            match last {
                Some(What::Done) => done += 1,
                Some(What::Failed(Failure::PowerLost)) => failed += 1,
                // The request had not been recorded.
                None => {}
                Some(What::Failed(failure)) => panic!("{what}: {failure:?}"),
            }
            assert!(device.flash.violations().is_empty(), "{what}: {}", device.flash.violations()[0]);
            // A later update is always possible.
            install(&mut device, "one-seqmax.suit");
            let seen = device.seen.as_ref().unwrap();
            assert_eq!(seen.last.map(|last| last.what), Some(What::Done), "{what}");
            device.flash.assert_lawful();
        }
    }
    (done, failed)
}

#[test]
fn an_image_in_one_sector_with_its_head_is_begun_anew_after_a_cut() {
    let mut base = factory_of(one_sector_slots());
    let (done, failed) = {
        base.files.insert("one-integrated.suit".into(), package("one-integrated.suit"));
        every_cut("one-integrated.suit", &base)
    };
    assert!(done > 50 && failed == 0, "{done} {failed}");
}

#[test]
fn one_whose_payload_is_elsewhere_fails_for_the_power_once_its_head_stands() {
    let mut base = factory_of(one_sector_slots());
    let whole = package("one-integrated.suit");
    base.files.insert("coap://example.com/fw.bin".into(), whole[whole.len() - 1536..].to_vec());
    base.files.insert("one-uri.suit".into(), package("one-uri.suit"));
    let (done, failed) = every_cut("one-uri.suit", &base);
    assert!(done > 20 && failed > 10, "{done} {failed}");
}
