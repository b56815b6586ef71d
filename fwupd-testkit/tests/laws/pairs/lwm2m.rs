//! LwM2M: OMA Object 5, and the state machine of its enabler (figure E.6.1-1).

use fwupd_core::outcome::Initiator;
use fwupd_core::slot::Enabled;
use fwupd_lwm2m::note::Note;
use fwupd_lwm2m::spec::UpdateResult;

use super::{Expected, Facts, Life, Subject, Who, kept, noted, refused, taken};
use crate::peers::lwm2m::{DELETE, GET, Lwm2m, OPAQUE, POST, PUT, TEXT};
use crate::peers::{Board, Message};
use crate::search::At;
use crate::sheet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Uri,
    UriOfAnotherScheme,
    UriThatNamesNothing,
    UriTooLong,
    UriEmpty,
    UriNul,
    PackageNul,
    PackageEmpty,
    PackageBlock,
    Update,
    Cancel,
    Severity,
    SeverityBad,
    MaximumDefer,
    WriteState,
    ExecuteUri,
    ReadPackage,
    Delete,
    Unknown,
    ReadState,
    ReadResult,
    ReadRunning,
    Observe,
    Reboot,
    UpdateTrigger,
}

use Input::*;

impl Subject for Lwm2m {
    const NAME: &'static str = "LwM2M";
    type Input = Input;
    const INPUTS: &'static [Input] = &[
        Uri,
        UriOfAnotherScheme,
        UriThatNamesNothing,
        UriTooLong,
        UriEmpty,
        UriNul,
        PackageNul,
        PackageEmpty,
        PackageBlock,
        Update,
        Cancel,
        Severity,
        SeverityBad,
        MaximumDefer,
        WriteState,
        ExecuteUri,
        ReadPackage,
        Delete,
        Unknown,
        ReadState,
        ReadResult,
        ReadRunning,
        Observe,
        Reboot,
        UpdateTrigger,
    ];

    fn fresh(by: Initiator, _: &mut Board) -> Self {
        Self::new(by, 0x1234_5678)
    }

    fn notes(at: &At) -> Vec<Vec<u8>> {
        let own = Note { own: Some((at.run, UpdateResult::UnsupportedProtocol)), ..Note::FRESH };
        vec![Vec::new(), own.emit().to_vec()]
    }

    fn message(&mut self, input: Input, _: &At) -> Message {
        let uri = format!("coap://a/{}", "f".repeat(247));
        assert_eq!(uri.len(), 256);
        let package = fwupd_testkit::reference::package("one-integrated.suit");
        match input {
            Uri => self.request(PUT, "/5/0/1", TEXT, b"coap://a/f"),
            UriOfAnotherScheme => self.request(PUT, "/5/0/1", TEXT, b"ftp://a/f"),
            UriThatNamesNothing => self.request(PUT, "/5/0/1", TEXT, b"coap://"),
            UriTooLong => self.request(PUT, "/5/0/1", TEXT, uri.as_bytes()),
            UriEmpty => self.request(PUT, "/5/0/1", TEXT, b""),
            UriNul => self.request(PUT, "/5/0/1", TEXT, b"\0"),
            PackageNul => self.request(PUT, "/5/0/0", OPAQUE, b"\0"),
            PackageEmpty => self.request(PUT, "/5/0/0", OPAQUE, b""),
            PackageBlock => self.block(&package[..64]),
            Update => self.request(POST, "/5/0/2", None, b""),
            Cancel => self.request(POST, "/5/0/10", None, b""),
            Severity => self.request(PUT, "/5/0/11", TEXT, b"2"),
            SeverityBad => self.request(PUT, "/5/0/11", TEXT, b"3"),
            MaximumDefer => self.request(PUT, "/5/0/13", TEXT, b"60"),
            WriteState => self.request(PUT, "/5/0/3", TEXT, b"0"),
            ExecuteUri => self.request(POST, "/5/0/1", None, b""),
            ReadPackage => self.request(GET, "/5/0/0", None, b""),
            Delete => self.request(DELETE, "/5/0", None, b""),
            Unknown => self.request(GET, "/5/0/4", None, b""),
            ReadState => self.request(GET, "/5/0/3", None, b""),
            ReadResult => self.request(GET, "/5/0/5", None, b""),
            ReadRunning => self.request(GET, "/3/0/3", None, b""),
            Observe => self.observation("/5/0/3"),
            Reboot => self.request(POST, "/3/0/4", None, b""),
            UpdateTrigger => self.request(POST, "/1/0/8", None, b""),
        }
    }

    fn expected(input: Input, facts: &Facts<'_>) -> Expected {
        let (life, who) = (facts.life, facts.who);
        let installing = life == Life::Installing;
        // What is no trigger in a state is rejected; while Updating, nothing is allowed.
        let no_write = || refused(if installing { "4.05" } else { "4.00" });
        // An empty URI, or a package of nothing: E.6.1, and what ends a download ends it so too.
        let reset = || match (life, who) {
            (Life::Idle, _) => noted("2.04", "0/0"),
            (Life::Download(_) | Life::Wanted(_), Who::Me) | (Life::Staged(_), _) => taken("2.04", "0/0"),
            (_, _) => refused("4.05"),
        };
        let (state, result) = facts.shown.split_once('/').unwrap();
        let version = ["1.0", "2.0"][usize::from(facts.at.boot.running.0)];
        match input {
            Uri | PackageBlock if life != Life::Idle => no_write(),
            Uri => taken("2.04", "1/0"),
            PackageBlock => taken("2.31", "1/0"),
            UriOfAnotherScheme | UriThatNamesNothing | UriTooLong if life != Life::Idle => no_write(),
            UriOfAnotherScheme => noted("4.00", "0/9"),
            UriThatNamesNothing => taken("2.04", "0/7"),
            UriTooLong => refused("4.00"),
            UriEmpty | UriNul | PackageNul | PackageEmpty => reset(),
            Update => match life {
                Life::Staged(Enabled::Yes) => taken("2.04", "2/0"),
                Life::Staged(Enabled::No) | Life::Idle | Life::Checking => refused("4.05"),
                Life::Download(_) | Life::Wanted(_) | Life::Installing => refused("4.05"),
            },
            Cancel => match (life, who) {
                (Life::Download(_) | Life::Wanted(_), Who::Me) | (Life::Staged(_), _) => {
                    taken("2.04", "0/10")
                }
                (_, _) => refused("4.05"),
            },
            Severity | MaximumDefer => kept("2.04"),
            SeverityBad => refused("4.00"),
            WriteState | ExecuteUri | ReadPackage | Delete => refused("4.05"),
            Unknown => refused("4.04"),
            ReadState | Observe => refused(&format!("2.05 {state}")),
            ReadResult => refused(&format!("2.05 {result}")),
            Reboot | UpdateTrigger => refused("2.04"),
            ReadRunning => refused(&format!("2.05 {version}")),
        }
    }

    fn allows(before: &str, after: &str) -> bool {
        let state = |shown: &str| shown.split('/').next().and_then(|state| state.parse().ok()).unwrap();
        let step: (u8, u8) = (state(before), state(after));
        step.0 == step.1 || sheet::LWM2M.contains(&step)
    }
}
