//! USP: TR-181, Device.DeviceInfo.FirmwareImage.{i}., and TR-369.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::Initiator;
use fwupd_core::slot::Enabled;
use fwupd_usp::note::Note;

use super::{Expected, Facts, Life, Subject, Then, Who, enabled, kept, refused};
use crate::peers::usp::{URL, Usp};
use crate::peers::{Board, Message};
use crate::search::{At, status};

/// A row: that of what runs, and the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row {
    Runs,
    Spare,
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
    ActivateInABadWindow,
    Boot(Row),
    BootNowhere,
    Available(Row, bool),
    AvailableBad,
    WriteStatus,
    Cancel,
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

/// The slot that was named for the next boot, in the second of the notes, or that it takes.
fn named(at: &At, note: usize) -> SlotId {
    if note == 1 { at.boot.running } else { status(at).next_boot }
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
        Cancel,
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
            Cancel => self.operate("Device.LocalAgent.Request.1.Cancel()", &[]),
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
        let taken = |answer: &str| Expected { answer: answer.to_owned(), then: Then::Somehow };
        let spare = slot(Row::Spare, at);
        let may_run = enabled(&at.slots[usize::from(spare.0)]) == Enabled::Yes;
        let holds = at.slots[usize::from(spare.0)].verified().is_some();
        let free = matches!(life, Life::Idle | Life::Staged(_));
        let busy = who != Who::Nobody;
        // What boots next, or was named for that.
        let boot = match at.state {
            State::Activating { image, .. } | State::Trial { image, .. } => image.slot(),
            State::Reverting { image, .. } => image.slot(),
            State::Idle | State::Checking { .. } | State::Receiving { .. } => named(at, facts.note),
            State::Validating { .. } | State::Staged { .. } => named(at, facts.note),
        };
        let shown = |row| {
            let statuses: Vec<&str> = facts.shown.split(',').collect();
            statuses[usize::from(slot(row, at).0)].to_owned()
        };
        match input {
            Download(Row::Runs) => refused("7002"),
            Download(Row::Spare) | DownloadAndActivate if busy => refused("7005"),
            Download(Row::Spare) | DownloadAndActivate => taken("begun"),
            DownloadWithoutUrl => refused("7027"),
            DownloadOfAnotherScheme | DownloadWithABadValue => refused("7004"),
            DownloadNowhere | ActivateNowhere => refused("error 7016"),
            Activate(_) if busy => refused("7005"),
            Activate(Row::Runs) => refused("7002"),
            Activate(Row::Spare) if may_run => kept("begun"),
            Activate(Row::Spare) => refused("7022"),
            ActivateInABadWindow => refused("7027"),
            Boot(_) if !free => refused("error 7004 7012"),
            Boot(Row::Runs) => taken("set"),
            Boot(Row::Spare) if may_run => taken("set"),
            Boot(Row::Spare) | BootNowhere => refused("error 7004 7012"),
            Available(Row::Runs, true) => refused("set"),
            Available(Row::Runs, false) => refused("error 7004 7014"),
            Available(Row::Spare, on) if on == may_run => refused("set"),
            Available(Row::Spare, true) if free && holds => taken("set"),
            Available(Row::Spare, false) if free && boot != spare => taken("set"),
            Available(Row::Spare, _) => refused("error 7004 7014"),
            AvailableBad => refused("error 7004 7011"),
            WriteStatus => refused("error 7004 7013"),
            Cancel => refused("error 7016"),
            // It is a reset in any case, with or without a switch.
            Reboot => taken("done"),
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

    fn allows(before: &str, after: &str) -> bool {
        // Active never leaves what runs: nothing boots here.
        let active = |shown: &str| shown.split(',').position(|status| status == "Active");
        active(before) == active(after)
    }
}
