//! What ends a run is told by all.

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Ask, Initiator};
use fwupd_core::updater::Command;
use fwupd_testkit::device::SelfTest;
use fwupd_testkit::tell;
use serde_json::json;

use super::{ALL, By, Fetch, Four, GOOD, IMAGES, Permit, World};
use crate::peers::LATER;
use crate::peers::lwm2m::{POST, PUT, TEXT};
use crate::peers::ocf::{SWU, update};
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

/// A boot into a slot that was named for it ends as an update does, and no code that one of them had of its own
/// before hides that: a refusal of LwM2M and of OCF, a reset by the platform of IoTF.
pub(crate) fn a_boot_into_a_named_slot_is_told_by_all() {
    for (trial, heard, rows) in [
        (SelfTest::Pass, ["0/1", "idle/1", "0/0"], ["Active", "Available"]),
        (SelfTest::Fail, ["0/8", "idle/8", "0/5"], ["ActivationFailed", "Active"]),
    ] {
        let mut four = Four::new(Ask::No);
        four.updates(By::Iotf);
        assert_eq!(four.rows(), ["Available", "Active"]);
        let message = four.usp.set("Device.DeviceInfo.", "BootFirmwareImage", &format!("{IMAGES}1"));
        assert_eq!(four.ask(By::Usp, &message), "set");
        let message = four.lwm2m.request(PUT, "/5/0/1", TEXT, b"ftp://a/f");
        assert_eq!(four.ask(By::Lwm2m, &message), "4.00");
        let message = four.ocf.request(POST, SWU, Some(&update("not a url", "idle", LATER)));
        assert_eq!(four.ask(By::Ocf, &message), "2.04");
        let fields = json!([{"field": "mgmt.firmware", "value": {"state": 0, "updateStatus": 0}}]);
        let message = four.iotf.request("device/update", json!({"d": {"fields": fields}}));
        assert_eq!(four.ask(By::Iotf, &message), "204");
        four.settle();
        assert_eq!(four.heard(), ["0/9", "idle/6", "0/0"]);
        // Somebody resets the device.
        four.world.trial = Some(trial);
        four.reset();
        four.settle();
        assert_eq!(four.heard(), heard, "{trial:?}");
        assert_eq!(four.rows(), rows, "{trial:?}");
    }
}
