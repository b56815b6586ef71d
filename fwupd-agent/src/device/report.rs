//! Outcomes and states in words, in JSON, and as exit codes.

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Outcome, Phase, Reach, What};
use serde_json::{Value, json};

use crate::error::Exit;

/// A run that has ended, as an object.
pub fn outcome(outcome: &Outcome) -> Value {
    let failure = match outcome.what {
        What::Done => None,
        What::Failed(why) => Some(why.to_string()),
    };
    json!({
        "run": outcome.run.0,
        "by": outcome.by.0,
        "reach": reach(outcome.reach),
        "slot": outcome.slot.map(|slot| slot.0),
        "at": phase(outcome.at),
        "outcome": if failure.is_none() { "done" } else { "failed" },
        "failure": failure,
        "wall": outcome.wall,
    })
}

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Check => "check",
        Reach::Stage => "stage",
        Reach::Activate(Ask::No | Ask::Idle | Ask::User) => "activate",
    }
}

/// The name of a phase.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Download => "download",
        Phase::Staged => "staged",
        Phase::Activation => "activation",
    }
}

/// The name of a state.
pub fn state(state: &State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Checking { .. } => "checking",
        State::Receiving { .. } => "receiving",
        State::Validating { .. } => "validating",
        State::Staged { .. } => "staged",
        State::Activating { .. } => "activating",
        State::Trial { .. } => "trial",
        State::Reverting { .. } => "reverting",
    }
}

/// The exit code for a run that failed.
pub fn exit(why: Failure, at: Phase) -> Exit {
    match why {
        Failure::Integrity | Failure::Authenticity | Failure::UnsupportedPackage => Exit::Verification,
        Failure::WrongDevice | Failure::OlderThanAllowed | Failure::NoSpaceInFlash => Exit::Incompatible,
        Failure::ConnectionLost | Failure::HostUnknown | Failure::PeerNotTrusted => Exit::Network,
        Failure::TransportStatus(_) => Exit::Network,
        Failure::BootFailed | Failure::NotConfirmed => Exit::RolledBack,
        Failure::Rejected => match at {
            Phase::Activation => Exit::RolledBack,
            Phase::Download | Phase::Staged => Exit::Failed,
        },
        Failure::OutOfRam | Failure::InvalidUri | Failure::UnsupportedProtocol => Exit::Failed,
        Failure::InstallFailed | Failure::Cancelled | Failure::Deferred => Exit::Failed,
        Failure::PowerLost | Failure::RecordLost | Failure::Internal => Exit::Failed,
    }
}
