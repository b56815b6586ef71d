//! One device with all four adapters: what one of them has begun, all of them tell, and none of them disturbs.

mod busy;
mod overtaken;
mod told;

pub(crate) use busy::{another_is_busy, two_in_one_turn};
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Ask, Failure, Initiator};
use fwupd_core::updater::{Command, Need};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::SelfTest;
use fwupd_testkit::reference::package;
pub(crate) use overtaken::an_end_is_told_though_another_begins_in_that_turn;
use serde_json::json;
pub(crate) use told::{
    a_boot_into_a_named_slot_is_told_by_all, a_cancellation_is_told_by_all, an_outcome_is_told_by_all,
};

use crate::peers::iotf::{Iotf, URI};
use crate::peers::lwm2m::{GET, Lwm2m, POST, PUT, TEXT};
use crate::peers::ocf::{Ocf, PSTAT, PURL, SWU, tm, update};
use crate::peers::usp::{URL, Usp};
use crate::peers::{Board, LATER, Message, Peer};
use crate::sheet;

/// Who starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Lwm2m,
    Iotf,
    Ocf,
    Usp,
}

const ALL: [By; 4] = [By::Lwm2m, By::Iotf, By::Ocf, By::Usp];

/// Where LwM2M downloads from; the others have one URL.
const COAP: &str = "coap://a/f";
const IMAGES: &str = "Device.DeviceInfo.FirmwareImage.";

/// What the application does with a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fetch {
    Serve,
    Hold,
    Fail(Failure),
}

/// What it says to an activation that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permit {
    Yes,
    Later,
    Silent,
}

/// How far it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct World {
    fetch: Fetch,
    permit: Permit,
    /// Whether a reset that is owed is carried out.
    resets: bool,
    /// What becomes of a trial; none: nothing yet.
    trial: Option<SelfTest>,
}

const GOOD: World =
    World { fetch: Fetch::Serve, permit: Permit::Yes, resets: true, trial: Some(SelfTest::Pass) };

/// The device, and who speaks to it.
struct Four {
    board: Board,
    lwm2m: Lwm2m,
    iotf: Iotf,
    ocf: Ocf,
    usp: Usp,
    world: World,
    /// Whether an activation of IoTF and OCF asks first.
    asks: Ask,
    /// What was told, one after the other: LwM2M, OCF, IoTF.
    told: Told,
    boots: usize,
}

/// The states that were told since the last boot.
#[derive(Debug, Default)]
struct Told {
    lwm2m: Vec<u8>,
    ocf: Vec<String>,
    iotf: Vec<u8>,
}

impl Four {
    fn new(asks: Ask) -> Self {
        let mut board = Board::new();
        let good = package("one-integrated.suit");
        for uri in [COAP, URI, PURL, URL] {
            board.device.files.insert(uri.to_owned(), good.clone());
        }
        let mut four = Self {
            board,
            lwm2m: Lwm2m::new(Initiator(1), 0x1234_5678),
            iotf: Iotf::new(Initiator(2), 0x0123_4567_89AB_CDEF),
            ocf: Ocf::new(Initiator(3), 0x8765_4321),
            usp: Usp::new(Initiator(4), 1_000),
            world: GOOD,
            asks,
            told: Told::default(),
            boots: 0,
        };
        four.iotf.asks(asks);
        four.ocf.asks(asks);
        four.attach();
        // What an update is made of, and who wants to know of it.
        let write = json!({"d": {"fields": [{"field": "mgmt.firmware", "value": {"uri": URI}}]}});
        let observe = json!({"d": {"fields": [{"field": "mgmt.firmware"}]}});
        let update = update(PURL, "idle", LATER);
        let message = four.iotf.request("device/update", write);
        assert_eq!(four.ask(By::Iotf, &message), "204");
        let message = four.iotf.request("observe", observe);
        assert_eq!(four.ask(By::Iotf, &message), "200");
        let message = four.ocf.request(POST, SWU, Some(&update));
        assert_eq!(four.ask(By::Ocf, &message), "2.04");
        for (id, kind, reference) in [
            ("boot", "Event", "Device.Boot!"),
            ("transfer", "Event", "Device.LocalAgent.TransferComplete!"),
            ("complete", "OperationComplete", IMAGES),
            ("status", "ValueChange", "Device.DeviceInfo.FirmwareImage.*.Status"),
        ] {
            let message = four.usp.subscribe(id, kind, reference);
            assert_eq!(four.ask(By::Usp, &message), "added");
        }
        four.settle();
        four.usp.told.clear();
        four
    }

    /// After a boot: all connect, and LwM2M and OCF observe anew.
    fn attach(&mut self) {
        while self.board.up.status().is_none() {
            self.board.drain();
            let now = self.board.now();
            let _ = self.board.up.need(now);
        }
        self.iotf.connect(&mut self.board);
        self.lwm2m.poll(&mut self.board);
        for path in ["/5/0/3", "/5/0/5"] {
            self.lwm2m.observe(path, &mut self.board);
        }
        self.ocf.observe(&mut self.board);
        self.told = Told::default();
        self.hears();
    }

    fn peer(&mut self, by: By) -> (&mut dyn Talks, &mut Board) {
        let peer: &mut dyn Talks = match by {
            By::Lwm2m => &mut self.lwm2m,
            By::Iotf => &mut self.iotf,
            By::Ocf => &mut self.ocf,
            By::Usp => &mut self.usp,
        };
        (peer, &mut self.board)
    }

    fn hand(&mut self, by: By, message: &Message) -> bool {
        let (peer, board) = self.peer(by);
        peer.hands(message, board)
    }

    fn answer(&mut self, by: By) -> Option<String> {
        self.peer(by).0.answers()
    }

    /// A request and its answer, without more of the application's loop than that takes.
    fn ask(&mut self, by: By, message: &Message) -> String {
        let mut dealt = false;
        for _ in 0..200 {
            if !dealt {
                dealt = self.hand(by, message);
            }
            if let Some(answer) = self.answer(by).filter(|_| dealt) {
                return answer;
            }
            self.board.drain();
            if !dealt {
                let now = self.board.now();
                let _ = self.board.up.need(now);
            }
            self.poll();
            self.hears();
            self.board.device.clock.advance(1);
        }
        panic!("{by:?} does not answer");
    }

    fn poll(&mut self) {
        let board = &mut self.board;
        self.lwm2m.poll(board);
        self.iotf.poll(board);
        self.ocf.poll(board);
        self.usp.poll(board);
    }

    /// What has been told by now: each step that was is allowed.
    fn hears(&mut self) {
        let lwm2m = self.lwm2m.told["/5/0/3"].parse().unwrap();
        let iotf = u8::try_from(self.iotf.told.0).unwrap();
        let ocf = self.ocf.told.as_ref().and_then(|told| told.split('/').next()).unwrap().to_owned();
        if let Some(before) = self.told.lwm2m.last().filter(|before| **before != lwm2m) {
            assert!(sheet::LWM2M.contains(&(*before, lwm2m)), "LwM2M told {before}, then {lwm2m}");
        }
        if let Some(before) = self.told.iotf.last().filter(|before| **before != iotf) {
            assert!(sheet::IOTF.contains(&(*before, iotf)), "IoTF told {before}, then {iotf}");
        }
        if let Some(before) = self.told.ocf.last().filter(|before| **before != ocf) {
            let (_, next) = sheet::OCF.iter().find(|(state, _)| state == before).unwrap();
            assert!(next.contains(&ocf.as_str()), "OCF told {before}, then {ocf}");
        }
        self.told.lwm2m.push(lwm2m);
        self.told.iotf.push(iotf);
        self.told.ocf.push(ocf);
    }

    /// Lets the device go on until only the outside can help.
    fn settle(&mut self) {
        let mut still = 0;
        for _ in 0..20_000 {
            self.board.drain();
            let moved = self.serve();
            self.poll();
            self.hears();
            self.board.device.clock.advance(1);
            still = if moved { 0 } else { still + 1 };
            if still > 4 {
                return;
            }
        }
        panic!("the device does not come to rest");
    }

    /// What the application does; whether that was anything.
    fn serve(&mut self) -> bool {
        let now = self.board.now();
        let world = self.world;
        let Board { device, up, .. } = &mut self.board;
        match up.need(now) {
            Need::Again => true,
            Need::Fetch { ticket, uri, offset, .. } => match world.fetch {
                Fetch::Hold => false,
                Fetch::Fail(why) => up.failed(ticket, why, now).is_ok(),
                Fetch::Serve => {
                    let uri = uri.to_owned();
                    device.fetch(up, ticket, &uri, offset).unwrap();
                    true
                }
            },
            Need::Permit { .. } => match world.permit {
                Permit::Yes => up.permit(now).is_ok(),
                Permit::Later => up.defer(Some(3_600_000), now).is_ok(),
                Permit::Silent => false,
            },
            Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
            Need::Reset => {
                let drained = self.lwm2m.drained() && self.iotf.drained() && self.ocf.drained();
                if world.resets && drained && self.usp.drained() {
                    self.reset();
                }
                world.resets
            }
            Need::Wait(until) => self.wait(until),
            Need::Nothing => {
                let wanted = world.resets && self.usp.reboot_wanted() && self.usp.drained();
                if wanted {
                    self.reset();
                }
                wanted
            }
        }
    }

    fn wait(&mut self, until: u64) -> bool {
        let now = self.board.now();
        let Board { device, up, .. } = &mut self.board;
        let left = until.saturating_sub(now.mono);
        if !matches!(up.status().unwrap().state, State::Trial { .. }) {
            device.clock.advance(left);
            return true;
        }
        let by = Initiator::APPLICATION;
        match self.world.trial {
            None => false,
            Some(SelfTest::Pass) => up.command(by, Command::Confirm, None, now).is_ok(),
            Some(SelfTest::Fail) => {
                let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test" };
                up.command(by, reject, None, now).is_ok()
            }
            Some(SelfTest::Hang) => {
                device.clock.advance(left);
                true
            }
            Some(SelfTest::Crash) => {
                self.reset();
                true
            }
        }
    }

    fn reset(&mut self) {
        self.boots += 1;
        self.board.device.clock.reset(WallAfterReset::GoesOn);
        self.board.device.bootloader().unwrap();
        self.board.up = self.board.device.updater();
        self.lwm2m.reset();
        self.iotf.reset();
        self.ocf.reset();
        self.usp.reset();
        self.attach();
    }

    /// The first request of an update: a download, and for OCF and USP what follows from it by itself.
    fn begins(&mut self, by: By) -> Message {
        match by {
            By::Lwm2m => self.lwm2m.request(PUT, "/5/0/1", TEXT, COAP.as_bytes()),
            By::Iotf => self.iotf.request("mgmt/initiate/firmware/download", json!({})),
            By::Ocf => self.ocf.request(POST, PSTAT, Some(&tm(128))),
            By::Usp => {
                let args = [("URL", URL), ("AutoActivate", "false")];
                self.usp.operate(&format!("{IMAGES}2.Download()"), &args)
            }
        }
    }

    /// The request that installs what is there. None is left for OCF.
    fn installs(&mut self, by: By) -> Option<Message> {
        match by {
            By::Lwm2m => Some(self.lwm2m.request(POST, "/5/0/2", None, b"")),
            By::Iotf => Some(self.iotf.request("mgmt/initiate/firmware/update", json!({}))),
            By::Ocf => None,
            By::Usp => {
                let windows = [
                    ("TimeWindow.1.Start", "0"),
                    ("TimeWindow.1.End", "100000"),
                    (
                        "TimeWindow.1.Mode",
                        if self.asks == Ask::No { "Immediately" } else { "ConfirmationNeeded" },
                    ),
                ];
                Some(self.usp.operate(&format!("{IMAGES}2.Activate()"), &windows))
            }
        }
    }

    /// What ends it early; none where the protocol has nothing for it.
    fn cancels(&mut self, by: By) -> Option<Message> {
        match by {
            By::Lwm2m => Some(self.lwm2m.request(POST, "/5/0/10", None, b"")),
            By::Iotf => None,
            By::Ocf => Some(self.ocf.request(POST, SWU, Some(&update(PURL, "idle", LATER)))),
            By::Usp => Some(self.usp.operate("Device.LocalAgent.Request.1.Cancel()", &[])),
        }
    }

    /// An update by one, as far as the world lets it go.
    fn updates(&mut self, by: By) {
        let message = self.begins(by);
        assert_eq!(self.ask(by, &message), accepted(by));
        self.settle();
        let staged = matches!(self.board.up.status().unwrap().state, State::Staged { wanted: None, .. });
        if staged && let Some(message) = self.installs(by) {
            assert_eq!(self.ask(by, &message), accepted(by));
            self.settle();
        }
    }

    /// What all of them have told last: LwM2M, OCF, IoTF.
    fn heard(&self) -> [String; 3] {
        let lwm2m = format!("{}/{}", self.lwm2m.told["/5/0/3"], self.lwm2m.told["/5/0/5"]);
        let iotf = format!("{}/{}", self.iotf.told.0, self.iotf.told.1);
        [lwm2m, self.ocf.told.clone().unwrap(), iotf]
    }

    /// Status of both rows, as it is read.
    fn rows(&mut self) -> [String; 2] {
        [1, 2].map(|row| {
            let message = self.usp.get(&format!("{IMAGES}{row}.Status"));
            self.ask(By::Usp, &message).strip_prefix("0 ").unwrap().to_owned()
        })
    }

    /// The version that LwM2M says runs.
    fn version(&mut self) -> String {
        let message = self.lwm2m.request(GET, "/3/0/3", None, b"");
        self.ask(By::Lwm2m, &message).strip_prefix("2.05 ").unwrap().to_owned()
    }
}

/// [`Peer`] without what needs no device.
trait Talks {
    fn hands(&mut self, message: &Message, board: &mut Board) -> bool;
    fn answers(&mut self) -> Option<String>;
}

impl<P: Peer> Talks for P {
    fn hands(&mut self, message: &Message, board: &mut Board) -> bool {
        self.hand(message, board)
    }

    fn answers(&mut self) -> Option<String> {
        self.answer()
    }
}

/// The answer to a request that is taken.
fn accepted(by: By) -> &'static str {
    match by {
        By::Lwm2m | By::Ocf => "2.04",
        By::Iotf => "202",
        By::Usp => "begun",
    }
}
