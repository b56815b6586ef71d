//! What every outcome shows as updateStatus, in every phase, and what every refusal is answered: tables by hand.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Failure, Initiator, Outcome, Phase, Reach, Refused, Run, What};
use fwupd_iotf::spec::{Rc, State, UpdateStatus, refused_initiate, refused_update, result};

fn shown(at: Phase, reach: Reach, what: What) -> u8 {
    let by = Initiator(1);
    let slot = Some(SlotId(1));
    result(&Outcome { run: Run(1), by, reach, slot, at, what, wall: None, until: None }) as u8
}

#[test]
fn what_is_done_is_a_success() {
    assert_eq!(shown(Phase::Download, Reach::Check, What::Done), 0);
    assert_eq!(shown(Phase::Download, Reach::Stage, What::Done), 0);
    assert_eq!(shown(Phase::Activation, Reach::Activate(Ask::User), What::Done), 0);
}

#[test]
fn every_failure_has_its_code_while_downloading_and_while_updating() {
    for (why, download, later) in [
        (Failure::NoSpaceInFlash, 2, 2),
        (Failure::OutOfRam, 2, 2),
        (Failure::ConnectionLost, 3, 3),
        (Failure::HostUnknown, 6, 6),
        (Failure::PeerNotTrusted, 6, 6),
        (Failure::Integrity, 4, 5),
        (Failure::Authenticity, 4, 5),
        (Failure::WrongDevice, 5, 5),
        (Failure::UnsupportedPackage, 5, 5),
        (Failure::InvalidUri, 6, 6),
        (Failure::UnsupportedProtocol, 6, 6),
        (Failure::TransportStatus(404), 6, 6),
        (Failure::TransportStatus(503), 6, 6),
        (Failure::OlderThanAllowed, 5, 5),
        (Failure::InstallFailed, 5, 5),
        (Failure::BootFailed, 5, 5),
        (Failure::NotConfirmed, 5, 5),
        (Failure::Rejected, 5, 5),
        (Failure::Cancelled, 3, 0),
        (Failure::Deferred, 1, 1),
        (Failure::PowerLost, 3, 5),
        (Failure::RecordLost, 5, 5),
        (Failure::Internal, 5, 5),
    ] {
        assert_eq!(shown(Phase::Download, Reach::Stage, What::Failed(why)), download, "{why:?}");
        for at in [Phase::Staged, Phase::Activation] {
            assert_eq!(shown(at, Reach::Activate(Ask::No), What::Failed(why)), later, "{why:?}");
        }
    }
}

#[test]
fn every_refusal_has_its_answer() {
    for (why, initiate, update) in [
        (Refused::WrongState, 400, 409),
        (Refused::Busy(Initiator(2)), 400, 409),
        (Refused::Unsupported, 501, 501),
        (Refused::Invalid, 400, 400),
        (Refused::NoSuchSlot, 500, 500),
        (Refused::NotAvailable, 500, 500),
    ] {
        let rc = |rc: Rc| rc as u16;
        assert_eq!((rc(refused_initiate(why)), rc(refused_update(why))), (initiate, update), "{why:?}");
    }
}

#[test]
fn no_number_beyond_those_of_the_specification_is_one() {
    assert_eq!((0..=u32::from(u8::MAX)).filter_map(State::from_number).count(), 3);
    assert_eq!((0..=u32::from(u8::MAX)).filter_map(UpdateStatus::from_number).count(), 7);
    assert_eq!((0..=u16::MAX).filter_map(Rc::from_number).count(), 8);
    for n in 0..7 {
        assert_eq!(UpdateStatus::from_number(n).unwrap() as u32, n);
        assert!(n > 2 || State::from_number(n).unwrap() as u32 == n);
    }
}
