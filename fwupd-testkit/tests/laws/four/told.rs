//! What ends a run is told by all.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Initiator};
use fwupd_core::updater::Command;
use fwupd_testkit::device::SelfTest;
use fwupd_testkit::tell;

use super::{ALL, By, Fetch, Four, GOOD, Permit, World};
use crate::search::FAILURES;
use crate::sheet;

/// An update by each, to its end; what all tell then. `usp` is one of the lines that it is told by.
fn all_tell(asks: Ask, world: World, heard: [&str; 3], rows: [&str; 2], usp: &str) -> usize {
    for by in ALL {
        let mut four = Four::new(asks);
        four.world = world;
        four.updates(by);
        let what = format!("started by {by:?}, {world:?}");
        assert_eq!(four.heard(), heard, "{what}");
        assert_eq!(four.rows(), rows, "{what}");
        // Its own transfer USP tells by its end as well.
        let told = |line: &String| line == usp || (by == By::Usp && line.starts_with("TransferComplete!"));
        assert!(four.usp.told.iter().any(told), "USP, {what}: {:?}", four.usp.told);
        let runs = if rows[1] == "Active" { SlotId(1) } else { SlotId(0) };
        assert_eq!(four.board.device.jumped, Some(runs), "{what}");
        let version = if rows[1] == "Active" { "5" } else { "4" };
        assert_eq!(four.version(), version, "{what}");
    }
    ALL.len()
}

/// What ends a run is told by all, whoever has started it.
pub(crate) fn an_outcome_is_told_by_all() {
    let mut count = 0;
    count += all_tell(Ask::No, GOOD, ["0/1", "idle/1", "0/0"], ["Available", "Active"], "Boot!");
    for why in FAILURES {
        let row = sheet::failed(why);
        let heard =
            [format!("0/{}", row.lwm2m[0]), format!("idle/{}", row.ocf[0]), format!("0/{}", row.iotf[0])];
        let heard = heard.each_ref().map(String::as_str);
        let world = World { fetch: Fetch::Fail(why), ..GOOD };
        // The updater tries again by itself, and then says so.
        let status = row.usp[0].map_or("NoImage", |status| status.text());
        let line = format!("2.Status={status}");
        count += all_tell(Ask::No, world, heard, ["Active", status], &line);
    }
    for (trial, boot) in [(SelfTest::Fail, "Boot!"), (SelfTest::Hang, "Boot!"), (SelfTest::Crash, "Boot!")] {
        let world = World { trial: Some(trial), ..GOOD };
        // What was described is newer than what runs again.
        let heard = ["0/8", "nsa/8", "0/5"];
        count += all_tell(Ask::No, world, heard, ["Active", "ActivationFailed"], boot);
    }
    let later = World { permit: Permit::Later, ..GOOD };
    count +=
        all_tell(Ask::User, later, ["2/11", "sva/0", "2/1"], ["Active", "Available"], "2.Status=Available");
    tell(format_args!("laws: {count} outcomes of one device were told by all four adapters"));
}

/// A download that its starter cancels: its own code for that, and what a cancellation is to the others.
pub(crate) fn a_cancellation_is_told_by_all() {
    for by in ALL {
        let mut four = Four::new(Ask::No);
        four.world.fetch = Fetch::Hold;
        four.updates(by);
        assert_eq!(four.heard(), ["1/0", "svv/0", "1/0"], "{by:?}");
        assert_eq!(four.rows(), ["Active", "Downloading"], "{by:?}");
        match four.cancels(by) {
            Some(message) => {
                let expected = if by == By::Usp { "done" } else { "2.04" };
                assert_eq!(four.ask(by, &message), expected);
            }
            // It has nothing for that; the application may.
            None => {
                let now = four.board.now();
                four.board.up.command(Initiator::APPLICATION, Command::Cancel, None, now).unwrap();
            }
        }
        four.settle();
        assert_eq!(four.heard(), ["0/10", "idle/0", "0/3"], "{by:?}");
        assert_eq!(four.rows(), ["Active", "DownloadFailed"], "{by:?}");
        let status = "2.Status=DownloadFailed";
        assert!(four.usp.told.iter().any(|line| line == status), "{by:?}: {:?}", four.usp.told);
        let fault = four.usp.told.iter().any(|line| line == "TransferComplete! 7023");
        assert_eq!(fault, by == By::Usp, "{by:?}: {:?}", four.usp.told);
    }
}
