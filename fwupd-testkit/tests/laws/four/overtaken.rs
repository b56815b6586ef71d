//! Another one begins in the turn of the loop in which a run has ended: its own adapter tells that end all the same.

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator};
use fwupd_ocf::note::Note;
use fwupd_testkit::tell;

use super::{ALL, By, Fetch, Four, GOOD, IMAGES, World, accepted};
use crate::peers::usp::URL;
use crate::sheet;

impl Four {
    /// Goes on until the run at work has ended, which nobody has been polled for.
    fn ends(&mut self, by: By) {
        let by = Initiator(1 + by as u8);
        for _ in 0..20_000 {
            self.board.drain();
            if self.board.up.status().unwrap().last.is_some_and(|last| last.by == by) {
                return;
            }
            self.serve();
            self.poll();
            self.hears();
            self.board.device.clock.advance(1);
        }
        panic!("{by:?} comes to no end");
    }
}

/// A run that has ended is told by its own adapter though another begins one in the same turn, as all are polled
/// before anything is handled.
pub(crate) fn an_end_is_told_though_another_begins_in_that_turn() {
    let why = Failure::TransportStatus(404);
    let fails = World { fetch: Fetch::Fail(why), ..GOOD };
    let mut count = 0;
    for by in ALL {
        for other in ALL.into_iter().filter(|other| *other != by) {
            for world in [GOOD, fails] {
                let what = format!("{by:?}, then {other:?}, {world:?}");
                let mut four = Four::new(Ask::No);
                four.world = world;
                let message = four.begins(by);
                assert_eq!(four.ask(by, &message), accepted(by), "{what}");
                four.ends(by);
                let staged = matches!(four.board.up.status().unwrap().state, State::Staged { .. });
                four.poll();
                four.hears();
                let heard = four.heard();
                // What is staged is installed, and what runs is not loaded over.
                let next = match other {
                    By::Usp if !staged && world == GOOD => {
                        let args = [("URL", URL), ("AutoActivate", "false")];
                        four.usp.operate(&format!("{IMAGES}1.Download()"), &args)
                    }
                    By::Lwm2m | By::Iotf | By::Usp if staged => four.installs(other).unwrap(),
                    By::Lwm2m | By::Iotf | By::Ocf | By::Usp => four.begins(other),
                };
                four.world = World { fetch: Fetch::Hold, resets: false, ..GOOD };
                assert_eq!(four.ask(other, &next), accepted(other), "{what}");
                four.settle();
                let at_work = four.board.up.status().unwrap().state.owner();
                assert_eq!(at_work, Some(Initiator(1 + other as u8)), "{what}");
                let row = sheet::failed(why);
                match (by, world == GOOD) {
                    (By::Lwm2m, true) => assert_eq!(heard[0], "2/0", "{what}"),
                    (By::Lwm2m, false) => assert_eq!(heard[0], format!("0/{}", row.lwm2m[0]), "{what}"),
                    (By::Iotf, true) => assert_eq!(heard[2], "2/0", "{what}"),
                    (By::Iotf, false) => assert_eq!(heard[2], format!("0/{}", row.iotf[0]), "{what}"),
                    (By::Ocf, true) => {
                        assert_eq!(heard[1], "idle/1", "{what}");
                        let note = Note::parse(&four.board.note(Initiator(3))).unwrap();
                        assert!(note.updated.is_some(), "the time of the update is kept: {what}");
                    }
                    (By::Ocf, false) => assert_eq!(heard[1], format!("idle/{}", row.ocf[0]), "{what}"),
                    (By::Usp, good) => {
                        let fault = if good { 0 } else { row.fault };
                        let line = format!("TransferComplete! {fault}");
                        assert!(four.usp.told.contains(&line), "{what}: {:?}", four.usp.told);
                    }
                }
                count += 1;
            }
        }
    }
    tell(format_args!("laws: {count} ends were told though another began in the same turn"));
}
