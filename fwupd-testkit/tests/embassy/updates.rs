//! Updates without a cut.

use fwupd_core::flash::Planner;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator, Outcome, Refused, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Need};
use fwupd_testkit::device::{Rest, SelfTest};
use fwupd_testkit::random::Random;

use crate::board::{ACTIVE, Board, DFU, ERASED, GEOMETRIES, NEW, NEXT, fetch};

fn last(board: &Board) -> Outcome {
    board.device.seen.as_ref().unwrap().last.unwrap()
}

fn slots(board: &Board) -> [Slot; 2] {
    board.device.seen.as_ref().unwrap().slots.clone().try_into().unwrap()
}

#[test]
fn an_image_that_passes_its_trial_is_swapped_in_and_stays() {
    for geometry in GEOMETRIES {
        let mut board = Board::factory(geometry);
        board.said.clear();
        assert_eq!(board.install(1, NEW), Rest::Still);
        board.check(geometry.name);
        assert_eq!((board.runs_new(), last(&board).what), (true, What::Done), "{}", geometry.name);
        assert_eq!(slots(&board)[1], Slot::Empty, "the old image lies in no slot any more");
        let seen = board.device.seen.clone();
        assert_eq!(board.power_on(), Rest::Still);
        for _ in 0..2 {
            board.device.flash.reset_counts();
            assert_eq!(board.power_on(), Rest::Still);
            assert_eq!(board.device.seen, seen);
            assert_eq!(board.device.flash.total().mutating(), 0, "a healthy device writes");
        }
        assert_eq!(board.said, ["boot", "swap", "boot", "boot", "boot"]);
        // The next download takes the DFU partition, old image and all.
        assert_eq!(board.install(1, NEXT), Rest::Still);
        board.check(geometry.name);
        assert_eq!(board.device.seen.as_ref().unwrap().sequence, u64::MAX);
        board.device.flash.assert_lawful();
    }
}

#[test]
fn an_image_that_is_not_confirmed_is_swapped_back_and_its_end_is_told() {
    for geometry in GEOMETRIES {
        for (self_test, why) in [
            (SelfTest::Fail, Failure::Rejected),
            (SelfTest::Hang, Failure::NotConfirmed),
            (SelfTest::Crash, Failure::BootFailed),
        ] {
            let mut board = Board::factory(geometry);
            board.device.self_test = self_test;
            board.said.clear();
            assert_eq!(board.install(1, NEW), Rest::Still);
            let what = format!("{}, {self_test:?}", geometry.name);
            board.check(&what);
            assert_eq!(board.said, ["boot", "swap", "swap"], "{what}: the last one went back");
            assert_eq!((board.runs_new(), last(&board).what), (false, What::Failed(why)), "{what}");
            assert_eq!(last(&board).slot, Some(DFU), "{what}");
            let [Slot::Verified(..), Slot::Failed { image: Some(failed), log, .. }] = slots(&board) else {
                panic!("{what}: {:?}", slots(&board))
            };
            assert_eq!(failed.sequence, 5, "{what}");
            let log = String::from_utf8_lossy(log.as_bytes()).into_owned();
            let told = if self_test == SelfTest::Fail { "self-test failed" } else { "trial boots spent" };
            assert_eq!(log, told, "{what}");
            // The bootloader says for ever that it went back; it is told once.
            let seen = board.device.seen.clone();
            assert_eq!(board.power_on(), Rest::Still);
            board.device.flash.reset_counts();
            assert_eq!(board.power_on(), Rest::Still);
            assert_eq!((board.said.last(), &board.device.seen), (Some(&"revert"), &seen), "{what}");
            assert_eq!(board.device.flash.total().mutating(), 0, "{what}");
            // It is not tried again by a server; whoever sits at the device may.
            assert_eq!(board.install(1, NEW), Rest::Still);
            assert_eq!(last(&board).what, What::Failed(Failure::Rejected), "{what}");
            board.device.self_test = SelfTest::Pass;
            assert_eq!(board.install(0, NEW), Rest::Still);
            board.check(&what);
            assert_eq!((board.runs_new(), last(&board).what), (true, What::Done), "{what}");
            board.device.flash.assert_lawful();
        }
    }
}

/// What is in the partition when no update is under way does not matter, but for the magic of a swap.
#[test]
fn whatever_the_state_partition_holds_what_runs_is_told_and_the_next_update_succeeds() {
    for geometry in GEOMETRIES {
        let base = Board::factory(geometry);
        let len = geometry.state.len() as usize;
        let word = usize::from(geometry.layout.parts[0].write);
        let mut random = Random(7);
        let mut contents: Vec<Vec<u8>> = vec![vec![0; len], vec![0xFF; len]];
        for magic in [0xC0, 0xD0, 0xE0] {
            let garbage: Vec<u8> = (0..len).map(|_| random.byte()).collect();
            contents.push(garbage.clone());
            contents.push([vec![magic; word], garbage[word..].to_vec()].concat());
            // All but a byte of the magic of a swap.
            contents.push([vec![0xF0; word - 1], garbage[word - 1..].to_vec()].concat());
        }
        for (n, bytes) in contents.iter().enumerate() {
            let mut board = base.clone();
            board.device.flash.fill(geometry.state.part, geometry.state.from, bytes).unwrap();
            let what = format!("{}, {n}", geometry.name);
            assert_eq!(board.power_on(), Rest::Still, "{what}");
            board.check(&what);
            assert_eq!(board.device.seen, base.device.seen, "{what}");
            assert_eq!(board.install(1, NEW), Rest::Still, "{what}");
            board.check(&what);
            assert_eq!((board.runs_new(), last(&board).what), (true, What::Done), "{what}");
            board.device.flash.assert_lawful();
        }
    }
}

/// Boots to the reset that carries out what is armed.
fn armed(geometry: crate::board::Geometry) -> Board {
    let mut board = Board::factory(geometry);
    assert_eq!(board.once(&mut Some((Initiator(1), fetch(NEW)))), Ok(false));
    board
}

/// The state partition is garbage by the time of the swap: the bootloader boots what is there.
#[test]
fn an_arming_that_was_lost_leaves_the_image_staged() {
    for geometry in GEOMETRIES {
        let mut board = armed(geometry);
        board.device.flash.fill(geometry.state.part, geometry.state.from, &[0x55; 32]).unwrap();
        assert_eq!(board.power_on(), Rest::Still);
        board.check(geometry.name);
        assert_eq!(last(&board).what, What::Failed(Failure::PowerLost));
        assert!(matches!(board.device.seen.as_ref().unwrap().state, State::Staged { wanted: None, .. }));
        // Its second activation needs no second download.
        board.device.files.clear();
        let activate = Command::Activate { slot: None, ask: fwupd_core::outcome::Ask::No };
        assert_eq!(board.command(1, activate), Rest::Still);
        board.check(geometry.name);
        assert_eq!((board.runs_new(), last(&board).what), (true, What::Done));
        board.device.flash.assert_lawful();
    }
}

/// The new image runs, and its bootloader knows no way back. It has its trial all the same.
#[test]
fn a_trial_whose_state_partition_is_lost_ends_with_what_runs() {
    for geometry in GEOMETRIES {
        for (self_test, what) in [
            (SelfTest::Pass, What::Done),
            (SelfTest::Fail, What::Failed(Failure::Rejected)),
            (SelfTest::Crash, What::Done),
        ] {
            let mut board = armed(geometry);
            board.device.self_test = self_test;
            board.bootloader().unwrap();
            board.device.flash.fill(geometry.state.part, geometry.state.from, &[0x55; 32]).unwrap();
            assert_eq!(board.power_on(), Rest::Still);
            board.check(geometry.name);
            assert_eq!((board.runs_new(), last(&board).what), (true, what), "{self_test:?}");
            board.device.flash.assert_lawful();
        }
    }
}

#[test]
fn a_trial_of_which_no_record_tells_is_the_applications_own() {
    for geometry in GEOMETRIES {
        let mut board = armed(geometry);
        for page in geometry.layout.journal {
            board.device.flash.fill(page.part, page.from, &[ERASED; 4096]).unwrap();
        }
        assert_eq!(board.power_on(), Rest::Still);
        board.check(geometry.name);
        assert!(board.device.states.iter().any(|state| matches!(state, State::Trial { .. })));
        assert_eq!((board.runs_new(), last(&board).what), (true, What::Done));
        assert_eq!(last(&board).by, Initiator::APPLICATION);
        board.power_on();
        assert!(board.runs_new(), "it is confirmed");
    }
}

/// The magic is the same when a swap is armed and while its image is on trial.
#[test]
fn a_read_back_without_a_reset_invents_no_trial_and_forgets_none() {
    for geometry in GEOMETRIES {
        let mut board = Board::factory(geometry);
        let mut updater = board.updater();
        board.bootloader().unwrap();
        let mut command = Some((Initiator(1), fetch(NEW)));
        assert_eq!(board.device.session(&mut updater, &mut command), Ok(false));
        let now = board.device.clock.now();
        assert_eq!(updater.need(now), Need::Reset);
        updater.remember(Initiator(1), b"note").unwrap();
        assert!(updater.next_op().is_some(), "lent, and never done");
        board.device.drain(&mut updater, "the updater").unwrap();
        let state = *updater.status().unwrap().state;
        assert!(matches!(state, State::Activating { .. }), "{state:?}");
        assert_eq!(updater.status().unwrap().running, ACTIVE);
        assert!(!board.runs_new());
        // It is armed anew, and carried out.
        assert_eq!(board.device.session(&mut updater, &mut None), Ok(false));
        let mut updater = board.updater();
        board.bootloader().unwrap();
        board.device.drain(&mut updater, "the updater").unwrap();
        for _ in 0..2 {
            let state = *updater.status().unwrap().state;
            assert!(matches!(state, State::Trial { left: 0, .. }), "{state:?}");
            updater.remember(Initiator(1), b"note").unwrap();
            assert!(updater.next_op().is_some(), "lent, and never done");
            board.device.drain(&mut updater, "the updater").unwrap();
        }
        assert_eq!(board.device.session(&mut updater, &mut None), Ok(true));
        board.check(geometry.name);
        assert_eq!((board.runs_new(), last(&board).what), (true, What::Done));
        board.device.flash.assert_lawful();
    }
}

#[test]
fn what_embassy_boot_cannot_do_is_refused() {
    let mut board = Board::factory(GEOMETRIES[0]);
    let mut updater = board.updater();
    board.bootloader().unwrap();
    let stage = Command::Fetch(fwupd_core::updater::Job {
        uri: Some(NEW),
        reach: fwupd_core::outcome::Reach::Stage,
        target: None,
        after: fwupd_core::lifecycle::AfterReset::Resume,
        file_check: None,
    });
    assert_eq!(board.device.session(&mut updater, &mut Some((Initiator(1), stage))), Ok(true));
    let now = board.device.clock.now();
    let preset = |updater: &mut fwupd_core::updater::Updater<_>, slot| {
        updater.command(Initiator(1), Command::Preset(slot), None, now).map(|_| ())
    };
    assert_eq!(preset(&mut updater, DFU), Err(Refused::Unsupported));
    assert_eq!(preset(&mut updater, ACTIVE), Ok(()), "it boots in any case");
    assert_eq!(updater.status().unwrap().next_boot, ACTIVE);
}

/// The application is started without its bootloader. Were the swap left armed, it would come about at a later
/// boot, when its activation has long failed and a download may be in the DFU partition.
#[test]
fn a_swap_that_the_bootloader_did_not_carry_out_is_taken_back() {
    for geometry in GEOMETRIES {
        let mut board = armed(geometry);
        let mut updater = board.updater();
        assert_eq!(board.device.session(&mut updater, &mut None), Ok(true));
        board.check(geometry.name);
        assert_eq!(last(&board).what, What::Failed(Failure::PowerLost));
        board.said.clear();
        assert_eq!(board.power_on(), Rest::Still);
        assert_eq!((board.said.as_slice(), board.runs_new()), (["boot"].as_slice(), false));
        board.check(geometry.name);
        board.device.flash.assert_lawful();
    }
}
