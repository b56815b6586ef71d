//! What every outcome shows as swupdateresult, and every refusal as an answer: tables by hand.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Failure, Initiator, Outcome, Phase, Reach, Refused, Run, What};
use fwupd_ocf::spec::{Action, State, UpdateResult, refused, refused_run, result};

fn shown(at: Phase, reach: Reach, what: What) -> u16 {
    let by = Initiator(1);
    let slot = Some(SlotId(1));
    result(&Outcome { run: Run(1), by, reach, slot, at, what, wall: None, until: None }).number()
}

#[test]
fn what_is_done_is_a_success_however_far_it_was_to_go() {
    assert_eq!(shown(Phase::Download, Reach::Check, What::Done), 1);
    assert_eq!(shown(Phase::Download, Reach::Stage, What::Done), 1);
    assert_eq!(shown(Phase::Activation, Reach::Activate(Ask::No), What::Done), 1);
}

#[test]
fn every_failure_has_its_code_while_downloading_and_while_installing() {
    for (why, download, later) in [
        (Failure::NoSpaceInFlash, 3, 3),
        (Failure::OutOfRam, 2, 2),
        (Failure::ConnectionLost, 4, 4),
        (Failure::HostUnknown, 6, 6),
        (Failure::PeerNotTrusted, 4, 4),
        (Failure::Integrity, 5, 5),
        (Failure::Authenticity, 5, 5),
        (Failure::WrongDevice, 5, 5),
        (Failure::UnsupportedPackage, 5, 5),
        (Failure::InvalidUri, 6, 6),
        (Failure::UnsupportedProtocol, 7, 7),
        (Failure::TransportStatus(0), 4, 4),
        (Failure::TransportStatus(302), 4, 4),
        (Failure::TransportStatus(399), 4, 4),
        (Failure::TransportStatus(400), 400, 400),
        (Failure::TransportStatus(404), 404, 404),
        (Failure::TransportStatus(600), 600, 600),
        (Failure::TransportStatus(601), 4, 4),
        (Failure::TransportStatus(u16::MAX), 4, 4),
        (Failure::OlderThanAllowed, 5, 5),
        (Failure::InstallFailed, 8, 8),
        (Failure::BootFailed, 8, 8),
        (Failure::NotConfirmed, 8, 8),
        (Failure::Rejected, 8, 8),
        (Failure::Cancelled, 0, 0),
        (Failure::Deferred, 0, 0),
        (Failure::PowerLost, 4, 8),
        (Failure::RecordLost, 8, 8),
        (Failure::Internal, 8, 8),
    ] {
        assert_eq!(shown(Phase::Download, Reach::Stage, What::Failed(why)), download, "{why:?}");
        for at in [Phase::Staged, Phase::Activation] {
            assert_eq!(shown(at, Reach::Activate(Ask::No), What::Failed(why)), later, "{why:?}");
        }
    }
}

#[test]
fn a_result_is_one_of_the_nine_or_of_the_transport() {
    let all: Vec<u16> =
        (0..=u16::MAX).filter(|number| UpdateResult::from_number(*number).is_some()).collect();
    assert_eq!(all, (0..=8).chain(400..=600).collect::<Vec<u16>>());
}

#[test]
fn every_refusal_has_its_answer() {
    for (why, update, run) in [
        (Refused::WrongState, 0xA3, None),
        (Refused::Busy(Initiator(2)), 0xA3, None),
        (Refused::Unsupported, 0xA1, Some(8)),
        (Refused::Invalid, 0xA0, Some(6)),
        (Refused::NoSuchSlot, 0xA0, Some(8)),
        (Refused::NotAvailable, 0xA0, Some(8)),
    ] {
        assert_eq!(refused(why) as u8, update, "{why:?}");
        assert_eq!(refused_run(why).map(UpdateResult::number), run, "{why:?}");
    }
}

#[test]
fn r52_every_state_may_follow_every_other_and_none_itself() {
    let mut allowed = 0;
    for before in State::ALL {
        for after in State::ALL {
            assert_eq!(after.may_follow(*before), before != after);
            allowed += usize::from(after.may_follow(*before));
        }
    }
    assert_eq!(allowed, 20);
}

#[test]
fn r53_the_modes_are_those_of_table_3() {
    let modes: Vec<(&str, u16)> = State::ALL.iter().map(|state| (state.name(), state.mode())).collect();
    assert_eq!(modes, [("idle", 0), ("nsa", 256), ("svv", 256), ("sva", 320), ("upgrading", 448)]);
}

#[test]
fn r55_the_actions_are_those_of_table_4() {
    for (tm, action) in [
        (256, "isac"),
        (64, "isvv"),
        (128, "upgrade"),
        (448, "upgrade"),
        (384, "upgrade"),
        (192, "upgrade"),
        (320, "isvv"),
        (0, "idle"),
        (0xFE3F, "idle"),
    ] {
        assert_eq!(Action::from_mode(tm).name(), action, "{tm}");
    }
}
