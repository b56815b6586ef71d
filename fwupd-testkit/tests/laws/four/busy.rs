//! Two of them at a time: who is at work is left alone, and what both are told is kept.

use fwupd_core::lifecycle::{State, Watch};
use fwupd_core::outcome::{Ask, Initiator};
use fwupd_testkit::tell;
use serde_json::json;

use super::{ALL, By, Fetch, Four, GOOD, IMAGES, Permit, World, accepted};
use crate::peers::lwm2m::{POST, PUT, TEXT};
use crate::peers::ocf::{SWU, update};
use crate::peers::usp::URL;
use crate::peers::{LATER, Message};

/// The code for work of another in each message that would begin or end some: while receiving, while its permit is
/// owed, while the reset is, and on trial.
fn busy(by: By, at: &State) -> Vec<(&'static str, &'static str)> {
    let installing = match at {
        State::Idle | State::Checking { .. } | State::Receiving { .. } => false,
        State::Validating { .. } | State::Staged { .. } => false,
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => true,
    };
    match by {
        By::Lwm2m => {
            let write = if installing { "4.05" } else { "4.00" };
            vec![("begin", write), ("install", "4.05"), ("cancel", "4.05"), ("reset", "4.05")]
        }
        By::Iotf => vec![("begin", "400"), ("install", "400"), ("reset", "409")],
        By::Ocf => vec![("begin", "5.03"), ("cancel", "5.03")],
        // A Cancel() needs a Request of its own.
        By::Usp => vec![("begin", "7005"), ("install", "7005"), ("cancel", "error 7016")],
    }
}

/// While one is at work, the others are refused as busy, and what is shown stays true.
pub(crate) fn another_is_busy() {
    let mut count = 0;
    let hold = World { fetch: Fetch::Hold, ..GOOD };
    let silent = World { permit: Permit::Silent, ..GOOD };
    let armed = World { resets: false, ..GOOD };
    let trial = World { trial: None, ..GOOD };
    for (asks, world) in [(Ask::No, hold), (Ask::User, silent), (Ask::No, armed), (Ask::No, trial)] {
        for by in ALL {
            let mut four = Four::new(asks);
            four.world = world;
            four.updates(by);
            let state = *four.board.up.status().unwrap().state;
            let owner = state.owner();
            assert_eq!(owner, Some(Initiator(1 + by as u8)), "{by:?}, {world:?}");
            let reached = match state {
                State::Receiving { .. } => Some(hold),
                State::Staged { wanted, .. } => wanted.map(|_| silent),
                State::Activating { .. } => Some(armed),
                State::Trial { watch: Watch::Testing, .. } => Some(trial),
                State::Trial { watch: Watch::Confirming, .. } | State::Idle => None,
                State::Checking { .. } | State::Validating { .. } | State::Reverting { .. } => None,
            };
            assert_eq!(reached, Some(world), "{by:?}: {state:?}");
            // USP writes down what the boot has told it.
            four.settle();
            let (before, heard) = (four.board.up.situation(), four.heard());
            let spare = if world == trial { 1 } else { 2 };
            for other in ALL.into_iter().filter(|other| *other != by) {
                for (what, expected) in busy(other, &state) {
                    let message = match (what, other) {
                        ("begin", By::Usp) => {
                            let args = [("URL", URL), ("AutoActivate", "false")];
                            four.usp.operate(&format!("{IMAGES}{spare}.Download()"), &args)
                        }
                        ("begin", _) => four.begins(other),
                        ("install", By::Usp) => four.usp.operate(&format!("{IMAGES}{spare}.Activate()"), &[]),
                        ("install", _) => four.installs(other).unwrap(),
                        ("cancel", _) => four.cancels(other).unwrap(),
                        (_, By::Iotf) => {
                            let value = json!({"state": 0, "updateStatus": 0});
                            let fields = json!([{"field": "mgmt.firmware", "value": value}]);
                            four.iotf.request("device/update", json!({"d": {"fields": fields}}))
                        }
                        (_, _) => four.lwm2m.request(PUT, "/5/0/1", TEXT, b""),
                    };
                    let answer = four.ask(other, &message);
                    assert_eq!(answer, expected, "{what} of {other:?} while {by:?} is at work: {state:?}");
                    assert_eq!(four.board.up.situation(), before, "{what} of {other:?} changes nothing");
                    assert_eq!(four.heard(), heard, "{what} of {other:?}");
                    count += 1;
                }
            }
        }
    }
    tell(format_args!("laws: {count} messages of one were refused as busy with another's work"));
}

/// What is kept of each: a severity, a URI, a URL, the slot that is named for the next boot.
fn keeps(four: &mut Four, by: By) -> (Message, &'static str) {
    match by {
        By::Lwm2m => (four.lwm2m.request(PUT, "/5/0/11", TEXT, b"2"), "2.04"),
        By::Iotf => {
            let value = json!({"uri": "https://v/g"});
            let fields = json!([{"field": "mgmt.firmware", "value": value}]);
            (four.iotf.request("device/update", json!({"d": {"fields": fields}})), "204")
        }
        By::Ocf => {
            let value = update("https://v/g", "idle", LATER);
            (four.ocf.request(POST, SWU, Some(&value)), "2.04")
        }
        By::Usp => (four.usp.set("Device.DeviceInfo.", "BootFirmwareImage", &format!("{IMAGES}1")), "set"),
    }
}

/// Two requests in one turn of the loop: each is answered by what became of its own, and each note is kept.
pub(crate) fn two_in_one_turn() {
    for first in ALL {
        for second in ALL.into_iter().filter(|second| *second != first) {
            for begins in [false, true] {
                let mut four = Four::new(Ask::No);
                four.world.fetch = Fetch::Hold;
                let what = format!("{first:?}, then {second:?}, which begins: {begins}");
                let (one, good) = keeps(&mut four, first);
                let (two, taken) =
                    if begins { (four.begins(second), accepted(second)) } else { keeps(&mut four, second) };
                let notes = |four: &Four| [first, second].map(|by| four.board.note(Initiator(1 + by as u8)));
                let before = notes(&four);
                let mut answers = [None, None];
                let mut dealt = [false, false];
                for _ in 0..200 {
                    // Both come in before the flash has its turn.
                    for (n, (by, message)) in [(first, &one), (second, &two)].into_iter().enumerate() {
                        if !dealt[n] {
                            dealt[n] = four.hand(by, message);
                        }
                        answers[n] = answers[n].take().or(four.answer(by));
                    }
                    if answers.iter().all(Option::is_some) {
                        break;
                    }
                    four.board.drain();
                    let now = four.board.now();
                    let _ = four.board.up.need(now);
                    four.poll();
                    for (n, by) in [first, second].into_iter().enumerate() {
                        answers[n] = answers[n].take().or(four.answer(by));
                    }
                    four.hears();
                    four.board.device.clock.advance(1);
                }
                assert_eq!(answers, [Some(good.to_owned()), Some(taken.to_owned())], "{what}");
                four.settle();
                let kept = notes(&four);
                for (n, (before, kept)) in before.iter().zip(&kept).enumerate() {
                    // What pstat triggers leaves no note of its own.
                    if !(begins && n == 1 && second == By::Ocf) {
                        assert_ne!(before, kept, "note {n} was not kept: {what}");
                    }
                }
                assert_eq!(four.board.up.status().unwrap().state.run().is_some(), begins, "{what}");
                // They stand in flash.
                let mut updater = four.board.device.updater();
                four.board.device.drain(&mut updater, "the updater").unwrap();
                for (by, kept) in [first, second].into_iter().zip(&kept) {
                    let by = Initiator(1 + by as u8);
                    assert_eq!(updater.recall(by), Some(kept.as_slice()), "{what}");
                }
            }
        }
    }
}
