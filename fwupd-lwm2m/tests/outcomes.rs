//! What every outcome shows as Update Result, in every phase: a table by hand.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Failure, Initiator, Outcome, Phase, Reach, Refused, Run, What};
use fwupd_lwm2m::spec::{Answer, State, UpdateResult, refused_command, refused_write, result};

fn shown(at: Phase, reach: Reach, what: What) -> u8 {
    let by = Initiator(1);
    let slot = Some(SlotId(1));
    result(&Outcome { run: Run(1), by, reach, slot, at, what, wall: None, until: None }) as u8
}

#[test]
fn what_is_done_is_success_only_when_it_was_installed() {
    let (download, activation) = (Phase::Download, Phase::Activation);
    assert_eq!(shown(download, Reach::Check, What::Done), 0);
    assert_eq!(shown(download, Reach::Stage, What::Done), 0);
    assert_eq!(shown(activation, Reach::Activate(Ask::User), What::Done), 1);
}

#[test]
fn every_failure_has_its_code_while_downloading_and_while_installing() {
    for (why, download, later) in [
        (Failure::NoSpaceInFlash, 2, 8),
        (Failure::OutOfRam, 3, 8),
        (Failure::ConnectionLost, 4, 8),
        (Failure::HostUnknown, 7, 8),
        (Failure::PeerNotTrusted, 4, 8),
        (Failure::Integrity, 5, 5),
        (Failure::Authenticity, 5, 5),
        (Failure::WrongDevice, 6, 8),
        (Failure::UnsupportedPackage, 6, 8),
        (Failure::InvalidUri, 7, 8),
        (Failure::UnsupportedProtocol, 9, 8),
        (Failure::TransportStatus(400), 7, 8),
        (Failure::TransportStatus(404), 7, 8),
        (Failure::TransportStatus(499), 7, 8),
        (Failure::TransportStatus(399), 4, 8),
        (Failure::TransportStatus(500), 4, 8),
        (Failure::TransportStatus(503), 4, 8),
        (Failure::OlderThanAllowed, 6, 8),
        (Failure::InstallFailed, 8, 8),
        (Failure::BootFailed, 8, 8),
        (Failure::NotConfirmed, 8, 8),
        (Failure::Rejected, 8, 8),
        (Failure::Cancelled, 10, 10),
        (Failure::Deferred, 11, 11),
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
fn no_code_beyond_those_of_object_5_exists() {
    assert_eq!((0..=u8::MAX).filter_map(UpdateResult::from_number).count(), 12);
    assert_eq!(UpdateResult::from_number(12), None);
}

#[test]
fn every_refusal_has_its_answer() {
    let (bad, not_allowed, internal) = (0x80, 0x85, 0xA0);
    for (why, write, updating, command) in [
        (Refused::WrongState, bad, not_allowed, not_allowed),
        (Refused::Busy(Initiator(2)), bad, not_allowed, not_allowed),
        (Refused::Unsupported, not_allowed, not_allowed, not_allowed),
        (Refused::Invalid, bad, bad, internal),
        (Refused::NoSuchSlot, internal, internal, internal),
        (Refused::NotAvailable, internal, internal, not_allowed),
    ] {
        let code = |answer: Answer| answer as u8;
        assert_eq!(code(refused_command(why)), command, "{why:?}");
        assert_eq!(code(refused_write(why, State::Updating)), updating, "{why:?}");
        for state in [State::Idle, State::Downloading, State::Downloaded] {
            assert_eq!(code(refused_write(why, state)), write, "{why:?}");
        }
    }
}
