//! USP: TR-181, Device.DeviceInfo.FirmwareImage.{i}., and TR-369.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{Owner, State};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, What};
use fwupd_core::slot::Enabled;
use fwupd_usp::note::Note;
use fwupd_usp::spec::model::Command;

use super::{Expected, Facts, Life, Subject, Then, Who, enabled, kept, refused, taken};
use crate::peers::usp::{URL, Usp};
use crate::peers::{Board, Message, Peer};
use crate::search::{At, name, status};

/// A row: that of what runs, and the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Runs,
    Spare,
}

/// What a Cancel() is to end, and how far that has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    Nothing,
    Download,
    /// An Activate() whose window has not come.
    Waits,
    /// One whose window has, and that the application is asked about.
    Asks,
    /// One after which the reset is owed.
    TooLate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Download(Row),
    DownloadAndActivate,
    DownloadWithoutUrl,
    DownloadOfAnotherScheme,
    DownloadWithABadValue,
    DownloadNowhere,
    Activate(Row),
    ActivateNowhere,
    ActivateInAWindow,
    ActivateInABadWindow,
    Boot(Row),
    BootNowhere,
    Available(Row, bool),
    AvailableBad,
    WriteStatus,
    Cancel(Begun),
    Reboot,
    UnknownCommand,
    ReadStatus(Row),
    ReadActive,
    ReadUnknown,
    Instances,
    SupportedDm,
    AddImage,
    DeleteImage,
    Subscribe,
}

use Input::*;

const IMAGES: &str = "Device.DeviceInfo.FirmwareImage.";

fn slot(row: Row, at: &At) -> SlotId {
    match row {
        Row::Runs => at.boot.running,
        Row::Spare => SlotId(1 - at.boot.running.0),
    }
}

fn path(row: Row, at: &At) -> String {
    format!("{IMAGES}{}", slot(row, at).0 + 1)
}

/// What boots next, or was named for that: by the second of the notes the slot that runs.
fn boot(at: &At, note: usize) -> SlotId {
    match at.state {
        State::Activating { image, .. } | State::Trial { image, .. } => image.slot(),
        State::Reverting { image, .. } => image.slot(),
        State::Idle | State::Checking { .. } | State::Receiving { .. } if note == 1 => at.boot.running,
        State::Validating { .. } | State::Staged { .. } if note == 1 => at.boot.running,
        State::Idle | State::Checking { .. } | State::Receiving { .. } => status(at).next_boot,
        State::Validating { .. } | State::Staged { .. } => status(at).next_boot,
    }
}

/// Whether a slot may be activated.
fn may_run(at: &At, slot: SlotId) -> bool {
    enabled(&at.slots[usize::from(slot.0)]) == Enabled::Yes
}

/// Nobody is at work.
fn is_free(life: Life) -> bool {
    matches!(life, Life::Idle | Life::Staged(_))
}

/// Whether a command is taken for a Cancel() to end.
fn begins(begun: Begun, at: &At) -> bool {
    let free = at.state.owner().is_none();
    match begun {
        Begun::Nothing => false,
        Begun::Download => free,
        Begun::Waits | Begun::Asks | Begun::TooLate => free && may_run(at, slot(Row::Spare, at)),
    }
}

/// A window that begins so many seconds from now.
fn window(start: &'static str, mode: &'static str) -> [(&'static str, &'static str); 3] {
    [("TimeWindow.1.Start", start), ("TimeWindow.1.End", "7200"), ("TimeWindow.1.Mode", mode)]
}

impl Subject for Usp {
    const NAME: &'static str = "USP";
    type Input = Input;
    const INPUTS: &'static [Input] = &[
        Download(Row::Runs),
        Download(Row::Spare),
        DownloadAndActivate,
        DownloadWithoutUrl,
        DownloadOfAnotherScheme,
        DownloadWithABadValue,
        DownloadNowhere,
        Activate(Row::Runs),
        Activate(Row::Spare),
        ActivateNowhere,
        ActivateInAWindow,
        ActivateInABadWindow,
        Boot(Row::Runs),
        Boot(Row::Spare),
        BootNowhere,
        Available(Row::Runs, true),
        Available(Row::Runs, false),
        Available(Row::Spare, true),
        Available(Row::Spare, false),
        AvailableBad,
        WriteStatus,
        Cancel(Begun::Nothing),
        Cancel(Begun::Download),
        Cancel(Begun::Waits),
        Cancel(Begun::Asks),
        Cancel(Begun::TooLate),
        Reboot,
        UnknownCommand,
        ReadStatus(Row::Runs),
        ReadStatus(Row::Spare),
        ReadActive,
        ReadUnknown,
        Instances,
        SupportedDm,
        AddImage,
        DeleteImage,
        Subscribe,
    ];

    const NEXT_BOOT: bool = true;

    fn fresh(by: Initiator, _: &mut Board) -> Self {
        Self::new(by, 1_000)
    }

    fn notes(at: &At) -> Vec<Vec<u8>> {
        // A reset was told, and the slot of the next boot was named, or not.
        let notes = [None, Some(at.boot.running)].map(|boot| {
            let mut bytes = [0; fwupd_core::updater::NOTE_MAX];
            let note = Note { boot, told: Some(at.boot.running), ..Note::default() };
            let length = note.emit(&mut bytes);
            bytes[..length].to_vec()
        });
        notes.to_vec()
    }

    fn before(&mut self, input: Input, at: &At, board: &mut Board) {
        let Cancel(begun) = input else { return };
        let command = |name: &str| format!("{}.{name}", path(Row::Spare, at));
        let first = match begun {
            Begun::Nothing => return,
            Begun::Download => {
                self.operate(&command("Download()"), &[("URL", URL), ("AutoActivate", "false")])
            }
            Begun::Waits => self.operate(&command("Activate()"), &window("3600", "Immediately")),
            Begun::Asks => self.operate(&command("Activate()"), &window("0", "ConfirmationNeeded")),
            Begun::TooLate => self.operate(&command("Activate()"), &window("0", "Immediately")),
        };
        while !self.hand(&first, board) {
            board.drain();
        }
        assert_eq!(self.answer().as_deref() == Some("begun"), begins(begun, at), "{begun:?} in {}", name(at));
        if !begins(begun, at) {
            return;
        }
        // The run begins by a poll. It is not polled any more once the reset is owed, or it would tell its end.
        if matches!(begun, Begun::Asks | Begun::TooLate) {
            self.poll(board);
            board.drain();
        }
        if begun == Begun::TooLate {
            for _ in 0..4 {
                let now = board.now();
                let _ = board.up.need(now);
                board.drain();
            }
            assert!(matches!(board.up.situation().unwrap().state, State::Activating { .. }), "{}", name(at));
        }
    }

    fn message(&mut self, input: Input, at: &At) -> Message {
        let command = |row, name: &str| format!("{}.{name}", path(row, at));
        let good = [("URL", URL), ("AutoActivate", "false")];
        let download = command(Row::Spare, "Download()");
        match input {
            Download(row) => self.operate(&command(row, "Download()"), &good),
            DownloadAndActivate => self.operate(&download, &[("URL", URL), ("AutoActivate", "true")]),
            DownloadWithoutUrl => self.operate(&download, &[("AutoActivate", "true")]),
            DownloadOfAnotherScheme => self.operate(&download, &[("URL", "ftp://v/f")]),
            DownloadWithABadValue => self.operate(&download, &[("URL", URL), ("AutoActivate", "maybe")]),
            DownloadNowhere => self.operate(&format!("{IMAGES}9.Download()"), &good),
            Activate(row) => self.operate(&command(row, "Activate()"), &[]),
            ActivateNowhere => self.operate(&format!("{IMAGES}9.Activate()"), &[]),
            ActivateInAWindow => {
                self.operate(&command(Row::Spare, "Activate()"), &window("3600", "WhenIdle"))
            }
            ActivateInABadWindow => {
                self.operate(&command(Row::Spare, "Activate()"), &[("TimeWindow.1.Start", "0")])
            }
            Boot(row) => self.set("Device.DeviceInfo.", "BootFirmwareImage", &path(row, at)),
            BootNowhere => self.set("Device.DeviceInfo.", "BootFirmwareImage", &format!("{IMAGES}9")),
            Available(row, on) => {
                self.set(&format!("{}.", path(row, at)), "Available", if on { "true" } else { "false" })
            }
            AvailableBad => self.set(&format!("{}.", path(Row::Spare, at)), "Available", "maybe"),
            WriteStatus => self.set(&format!("{}.", path(Row::Spare, at)), "Status", "Available"),
            Cancel(_) => self.operate("Device.LocalAgent.Request.1.Cancel()", &[]),
            Reboot => self.operate("Device.Reboot()", &[]),
            UnknownCommand => self.operate(&command(Row::Spare, "Erase()"), &[]),
            ReadStatus(row) => self.get(&command(row, "Status")),
            ReadActive => self.get("Device.DeviceInfo.ActiveFirmwareImage"),
            ReadUnknown => self.get(&format!("{IMAGES}9.Status")),
            Instances => self.instances(IMAGES),
            SupportedDm => self.supported_dm(IMAGES),
            AddImage => self.add(IMAGES),
            DeleteImage => self.delete(&format!("{}.", path(Row::Spare, at))),
            Subscribe => self.subscribe("boot", "Event", "Device.Boot!"),
        }
    }

    fn expected(input: Input, facts: &Facts<'_>) -> Expected {
        let (at, life, who) = (facts.at, facts.life, facts.who);
        let does = |answer: &str| Expected { answer: answer.to_owned(), then: Then::Does };
        let spare = slot(Row::Spare, at);
        let may_run = may_run(at, spare);
        let holds = at.slots[usize::from(spare.0)].verified().is_some();
        let free = is_free(life);
        let busy = who != Who::Nobody;
        let boot = boot(at, facts.note);
        let ended = ["Active,DownloadFailed", "DownloadFailed,Active"][usize::from(at.boot.running.0)];
        let asked = ["Active,Available", "Available,Active"][usize::from(at.boot.running.0)];
        let downloading = ["Active,Downloading", "Downloading,Active"][usize::from(at.boot.running.0)];
        let shown = |row| {
            let statuses: Vec<&str> = facts.shown.split(',').collect();
            statuses[usize::from(slot(row, at).0)].to_owned()
        };
        match input {
            Download(Row::Runs) => refused("7002"),
            Download(Row::Spare) | DownloadAndActivate if busy => refused("7005"),
            Download(Row::Spare) | DownloadAndActivate => taken("begun", downloading),
            DownloadWithoutUrl => refused("7027"),
            DownloadOfAnotherScheme | DownloadWithABadValue => refused("7004"),
            DownloadNowhere | ActivateNowhere => refused("error 7016"),
            Activate(_) | ActivateInAWindow if busy => refused("7005"),
            Activate(Row::Runs) => refused("7002"),
            Activate(Row::Spare) | ActivateInAWindow if may_run => kept("begun"),
            Activate(Row::Spare) | ActivateInAWindow => refused("7022"),
            ActivateInABadWindow => refused("7027"),
            Boot(_) if !free => refused("error 7004 7012"),
            Boot(Row::Runs) => does("set"),
            Boot(Row::Spare) if may_run => does("set"),
            Boot(Row::Spare) | BootNowhere => refused("error 7004 7012"),
            Available(Row::Runs, true) => refused("set"),
            Available(Row::Runs, false) => refused("error 7004 7014"),
            Available(Row::Spare, on) if on == may_run => refused("set"),
            Available(Row::Spare, true) if free && holds => does("set"),
            Available(Row::Spare, false) if free && boot != spare => does("set"),
            Available(Row::Spare, _) => refused("error 7004 7014"),
            AvailableBad => refused("error 7004 7011"),
            WriteStatus => refused("error 7004 7013"),
            Cancel(begun) if !begins(begun, at) => refused("error 7016"),
            Cancel(Begun::Nothing) => refused("error 7016"),
            Cancel(Begun::Download) => taken("done", ended),
            Cancel(Begun::Waits) => kept("done"),
            Cancel(Begun::Asks) => taken("done", asked),
            Cancel(Begun::TooLate) => refused("7002"),
            Reboot => does("done"),
            UnknownCommand => refused("error 7026"),
            ReadStatus(row) => refused(&format!("0 {}", shown(row))),
            ReadActive => refused(&format!("0 {}", path(Row::Runs, at))),
            ReadUnknown => refused("7026 "),
            Instances => refused("2 rows"),
            SupportedDm => refused("error 7001"),
            AddImage => refused("error 7019"),
            DeleteImage => refused("error 7024 7024"),
            Subscribe => refused("added"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what does nothing is not looked at")]
    fn did(&mut self, input: Input, facts: &Facts<'_>, board: &mut Board) {
        let at = facts.at;
        let before = board.up.situation().unwrap();
        let spare = slot(Row::Spare, at);
        let what = format!("{input:?}, note {}, in {}", facts.note, name(at));
        let note = Note::parse(&board.note(self.by())).unwrap_or_default();
        let shown = self.shown(board);
        let reads = |usp: &mut Self, board: &mut Board, path: &str| {
            let message = usp.get(path);
            assert!(usp.hand(&message, board), "{what}");
            usp.answer().unwrap()
        };
        match input {
            Download(Row::Spare) | DownloadAndActivate => {
                let State::Receiving { request, .. } = before.state else { panic!("no download: {what}") };
                let reach =
                    if input == DownloadAndActivate { Reach::Activate(Ask::No) } else { Reach::Stage };
                assert_eq!((request.by, request.target, request.reach), (self.by(), spare, reach), "{what}");
            }
            Boot(row) => {
                assert_eq!(board.up.status().unwrap().next_boot, slot(row, at), "what boots next: {what}");
                assert_eq!(note.boot, Some(slot(row, at)), "{what}");
                let read = reads(self, board, "Device.DeviceInfo.BootFirmwareImage");
                assert_eq!(read, format!("0 {}", path(row, at)), "{what}");
                assert_eq!((before.state, shown.as_str()), (at.state, facts.shown), "{what}");
            }
            Available(Row::Spare, on) => {
                assert_eq!(may_run(&before, spare), on, "{what}");
                let read = reads(self, board, &format!("{}.Available", path(Row::Spare, at)));
                assert_eq!(read, format!("0 {on}"), "{what}");
                assert_eq!(shown, facts.shown, "{what}");
            }
            Reboot => {
                let order = note.order.map(|order| order.command);
                assert_eq!(order, Some(Command::Reboot), "the boot will be told by its cause: {what}");
                let boots = boot(at, facts.note);
                let switches = is_free(facts.life) && boots == spare && may_run(at, spare);
                // A switch, or a reset that the updater knows nothing of.
                assert_eq!(self.reboot_wanted(), !switches, "{what}");
                if switches {
                    let (State::Staged { image, wanted: Some(Owner { by, .. }) }
                    | State::Activating { image, owner: Owner { by, .. }, .. }) = before.state
                    else {
                        panic!("no switch: {what}")
                    };
                    assert_eq!((image.slot(), by), (spare, self.by()), "{what}");
                } else {
                    assert_eq!(before.state, at.state, "{what}");
                }
            }
            Cancel(Begun::Download | Begun::Asks) => {
                let last = before.last.map(|last| (last.by, last.what));
                let cancelled = What::Failed(Failure::Cancelled);
                assert_eq!((before.state.owner(), last), (None, Some((self.by(), cancelled))), "{what}");
            }
            other => panic!("{other:?} does nothing"),
        }
    }

    fn allows(before: &str, after: &str) -> bool {
        // Active never leaves what runs: nothing boots here.
        let active = |shown: &str| shown.split(',').position(|status| status == "Active");
        active(before) == active(after)
    }
}
