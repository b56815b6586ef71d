//! What a status shows, over walks of the updater: Active is what runs, and a failure is shown only once its run has
//! ended. The maps of failures and refusals, as tables by hand.

use fwupd_core::flash::run;
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Failure, Initiator, Phase, Reach, Refused};
use fwupd_core::status::Coarse;
use fwupd_core::updater::{Command, Job, Need, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, Sim};
use fwupd_testkit::random::Random;
use fwupd_testkit::reference::{factory, layout, package};
use fwupd_usp::spec::model::ImageStatus as S;
use fwupd_usp::spec::{
    Code, coarse, failure, fault_code, project, refused_activate, refused_available, refused_boot,
    refused_cancel, refused_download, words,
};

/// Looks at the device between two steps.
fn look(device: &Device<2>, up: &Updater<Sim<2>>) {
    let Some(status) = up.status() else { return };
    let mut active = 0;
    for slot in (0..2).map(SlotId) {
        let shown = project(&status, slot);
        let runs = device.jumped == Some(slot);
        assert_eq!(shown.status == S::Active, runs, "laws 2 and 4: {status:?}");
        active += u32::from(runs);
        assert!(!runs || shown.available, "what runs is available");
        let failed = match shown.status {
            S::DownloadFailed | S::ValidationFailed | S::InstallationFailed | S::ActivationFailed => true,
            S::NoImage | S::Active | S::Downloading | S::Validating | S::Available => false,
        };
        let target = status.state.run().is_some() && status.last.is_none();
        let begun = matches!(shown.status, S::Downloading | S::Validating);
        assert!(!(failed && begun), "law 3");
        assert!(!begun || target, "law 3: {status:?}");
        let versions = shown.version.is_some();
        let none = matches!(
            shown.status,
            S::NoImage | S::Downloading | S::Validating | S::DownloadFailed | S::ValidationFailed
        );
        assert!(!(none && versions), "{status:?}");
    }
    assert_eq!(active, 1);
    let shown = coarse((0..2).map(|slot| project(&status, SlotId(slot))));
    assert!(shown.contains(Coarse::of(status.state)), "{shown} in {status:?}");
}

#[test]
fn active_never_leaves_the_slot_that_runs_in_any_walk() {
    let mut shown = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let mut random = Random(seed + 1);
        let mut device = factory(layout((1, 4, 0xFF)));
        for name in ["one-integrated.suit", "one-seqmax.suit", "wrongkey.suit", "one-seq0.suit"] {
            device.files.insert(name.into(), package(name));
        }
        device.bootloader().unwrap();
        let mut up = device.updater();
        for _ in 0..400 {
            let now = device.clock.now();
            match random.below(14) {
                0 => {
                    let names =
                        ["one-integrated.suit", "one-seqmax.suit", "wrongkey.suit", "one-seq0.suit", "none"];
                    let uri = Some(names[random.below(5) as usize]);
                    let reach = if random.below(2) == 0 { Reach::Stage } else { Reach::Activate(Ask::No) };
                    let job = Job { uri, reach, target: None, after: AfterReset::Fail, file_check: None };
                    let _ = up.command(Initiator(1), Command::Fetch(job), None, now);
                }
                1 => {
                    _ = up.command(Initiator(1), Command::Activate { slot: None, ask: Ask::User }, None, now)
                }
                2 => {
                    let slot = SlotId(random.below(2) as u8);
                    let _ = up.command(Initiator(1), Command::Preset(slot), None, now);
                }
                3 => {
                    let command = Command::Enable(SlotId(random.below(2) as u8), random.below(2) == 0);
                    let _ = up.command(Initiator(1), command, None, now);
                }
                4 => _ = up.command(Initiator(1), Command::Cancel, None, now),
                5 => {
                    let keep_slot = random.below(2) == 0;
                    let _ = up.command(Initiator(1), Command::Discard { keep_slot }, None, now);
                }
                6 => {
                    let reject = Command::Reject { why: Failure::Rejected, detail: b"no" };
                    let _ = up.command(Initiator::APPLICATION, reject, None, now);
                }
                7 => _ = up.command(Initiator::APPLICATION, Command::Confirm, None, now),
                8 => _ = up.permit(now),
                9 => _ = up.defer(None, now),
                _ => {}
            }
            look(&device, &up);
            for _ in 0..200 {
                let now = device.clock.now();
                if !run(&mut up, &mut device.flash, now).unwrap() {
                    break;
                }
            }
            look(&device, &up);
            let now = device.clock.now();
            let resets = match up.need(now) {
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    let _ = device.fetch(&mut up, ticket, &uri, offset);
                    false
                }
                Need::Reset => true,
                Need::Wait(_) | Need::Permit { .. } | Need::Boot(_) | Need::Again | Need::Nothing => {
                    random.below(40) == 0
                }
            };
            look(&device, &up);
            if let Some(status) = up.status() {
                shown.extend((0..2).map(|slot| project(&status, SlotId(slot)).status.text()));
            }
            if resets {
                device.clock.reset(WallAfterReset::Lost);
                device.bootloader().unwrap();
                up = device.updater();
            }
            device.clock.advance(random.below(3_000));
        }
    }
    let all: Vec<_> =
        S::ALL.iter().map(|status| status.text()).filter(|text| !shown.contains(text)).collect();
    assert!(all.is_empty() || all == ["InstallationFailed"], "the walks have missed {all:?}");
}

#[test]
fn every_failure_has_its_status_its_fault_code_and_words() {
    let (dl, vl, il, al) =
        (S::DownloadFailed, S::ValidationFailed, S::InstallationFailed, S::ActivationFailed);
    for (why, download, activation, code) in [
        (Failure::NoSpaceInFlash, Some(il), Some(il), 7005),
        (Failure::OutOfRam, Some(dl), Some(il), 7005),
        (Failure::ConnectionLost, Some(dl), Some(il), 7033),
        (Failure::HostUnknown, Some(dl), Some(il), 7033),
        (Failure::PeerNotTrusted, Some(dl), Some(il), 7034),
        (Failure::Integrity, Some(vl), Some(il), 7035),
        (Failure::Authenticity, Some(vl), Some(il), 7036),
        (Failure::WrongDevice, Some(vl), Some(al), 7035),
        (Failure::UnsupportedPackage, Some(vl), Some(al), 7035),
        (Failure::InvalidUri, Some(dl), Some(il), 7004),
        (Failure::UnsupportedProtocol, Some(dl), Some(il), 7004),
        (Failure::TransportStatus(404), Some(dl), Some(il), 7033),
        (Failure::OlderThanAllowed, Some(vl), Some(al), 7035),
        (Failure::InstallFailed, Some(il), Some(il), 7022),
        (Failure::BootFailed, Some(al), Some(al), 7022),
        (Failure::NotConfirmed, Some(al), Some(al), 7022),
        (Failure::Rejected, Some(vl), Some(al), 7022),
        (Failure::Cancelled, Some(dl), Some(al), 7022),
        (Failure::Deferred, None, None, 7022),
        (Failure::PowerLost, Some(dl), Some(il), 7022),
        (Failure::RecordLost, None, None, 7022),
        (Failure::Internal, Some(dl), Some(il), 7003),
    ] {
        assert_eq!(failure(why, Phase::Download), download, "{why:?}");
        assert_eq!(failure(why, Phase::Activation), activation, "{why:?}");
        assert_eq!(fault_code(why) as u32, code, "{why:?}");
        assert!(!words(why).is_empty());
    }
    for why in [Failure::Rejected, Failure::Cancelled, Failure::Deferred] {
        assert_eq!(failure(why, Phase::Staged), None, "the slot tells: {why:?}");
    }
}

#[test]
fn every_refusal_has_its_code() {
    for (why, download, activate, boot, available, cancel) in [
        (Refused::WrongState, 7002, 7022, 7012, 7014, 7002),
        (Refused::Busy(Initiator(2)), 7005, 7005, 7012, 7014, 7002),
        (Refused::Unsupported, 7004, 7026, 7026, 7013, 7026),
        (Refused::Invalid, 7004, 7004, 7012, 7011, 7003),
        (Refused::NoSuchSlot, 7016, 7016, 7012, 7016, 7016),
        (Refused::NotAvailable, 7002, 7022, 7012, 7014, 7003),
    ] {
        let code = |code: Code| code as u32;
        assert_eq!(code(refused_download(why)), download, "{why:?}");
        assert_eq!(code(refused_activate(why)), activate, "{why:?}");
        assert_eq!(code(refused_boot(why)), boot, "{why:?}");
        assert_eq!(code(refused_available(why)), available, "{why:?}");
        assert_eq!(code(refused_cancel(why)), cancel, "{why:?}");
    }
}
