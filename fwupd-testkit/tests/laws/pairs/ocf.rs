//! OCF: CR 2848, and pstat of the security specification.

use fwupd_core::outcome::{Initiator, Reach};
use fwupd_core::slot::Enabled;
use fwupd_ocf::spec::UpdateResult;

use super::{Expected, Facts, Life, Subject, Who, kept, noted, refused, taken};
use crate::peers::lwm2m::{DELETE, GET, POST, PUT};
use crate::peers::ocf::{Ocf, PSTAT, PURL, SWU, tm, update};
use crate::peers::{Board, LATER, Message, PAST};
use crate::search::{At, status};
use crate::sheet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Idle,
    IdlePast,
    Isac,
    Isvv,
    Upgrade,
    Past,
    PurlThatIsNone,
    PurlOfAnotherScheme,
    NoCbor,
    Incomplete,
    Tm0,
    Tm256,
    Tm64,
    Tm128,
    Tm448,
    TmBad,
    Put,
    Delete,
    Unknown,
    Read,
    ReadPstat,
    Discover,
    ReadDevice,
    ReadPlatform,
    WriteDevice,
}

use Input::*;

/// What an action would do, in the order of how far it goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Check,
    Download,
    Install,
}

impl Subject for Ocf {
    const NAME: &'static str = "OCF";
    type Input = Input;
    const INPUTS: &'static [Input] = &[
        Idle,
        IdlePast,
        Isac,
        Isvv,
        Upgrade,
        Past,
        PurlThatIsNone,
        PurlOfAnotherScheme,
        NoCbor,
        Incomplete,
        Tm0,
        Tm256,
        Tm64,
        Tm128,
        Tm448,
        TmBad,
        Put,
        Delete,
        Unknown,
        Read,
        ReadPstat,
        Discover,
        ReadDevice,
        ReadPlatform,
        WriteDevice,
    ];

    fn fresh(by: Initiator, _: &mut Board) -> Self {
        Self::new(by, 0x1234_5678)
    }

    fn notes(at: &At) -> Vec<Vec<u8>> {
        let note = Self::note();
        let own = note.with_result(&status(at), UpdateResult::UNSUPPORTED_PROTOCOL);
        [note, own]
            .map(|note| {
                let (bytes, length) = note.emit();
                bytes[..length].to_vec()
            })
            .to_vec()
    }

    fn message(&mut self, input: Input, _: &At) -> Message {
        let swu = |ocf: &mut Self, purl: &str, action: &str, time: &str| {
            ocf.request(POST, SWU, Some(&update(purl, action, time)))
        };
        match input {
            Idle => swu(self, PURL, "idle", LATER),
            IdlePast => swu(self, PURL, "idle", PAST),
            Isac => swu(self, PURL, "isac", LATER),
            Isvv => swu(self, PURL, "isvv", LATER),
            Upgrade => swu(self, PURL, "upgrade", LATER),
            Past => swu(self, PURL, "isvv", PAST),
            PurlThatIsNone => swu(self, "not a url", "idle", LATER),
            PurlOfAnotherScheme => swu(self, "ftp://v/f", "idle", LATER),
            NoCbor => self.raw(POST, SWU, vec![0xFF]),
            Incomplete => self.request(POST, SWU, Some(&tm(0))),
            Tm0 => self.request(POST, PSTAT, Some(&tm(0))),
            Tm256 => self.request(POST, PSTAT, Some(&tm(256))),
            Tm64 => self.request(POST, PSTAT, Some(&tm(64))),
            Tm128 => self.request(POST, PSTAT, Some(&tm(128))),
            Tm448 => self.request(POST, PSTAT, Some(&tm(448))),
            TmBad => self.request(POST, PSTAT, Some(&update("x", "idle", LATER))),
            Put => self.request(PUT, SWU, Some(&update(PURL, "idle", LATER))),
            Delete => self.request(DELETE, SWU, None),
            Unknown => self.request(GET, "/oc/none", None),
            Read => self.request(GET, SWU, None),
            ReadPstat => self.request(GET, PSTAT, None),
            Discover => self.request(GET, "/oic/res", None),
            ReadDevice => self.request(GET, "/oic/d", None),
            ReadPlatform => self.request(GET, "/oic/p", None),
            WriteDevice => self.request(POST, "/oic/d", Some(&tm(0))),
        }
    }

    fn expected(input: Input, facts: &Facts<'_>) -> Expected {
        let (life, who) = (facts.life, facts.who);
        let newer = facts.at.newer.is_some();
        // nsa where a newer version is known, else idle.
        let rest = |idle, nsa| if newer { nsa } else { idle };
        // The action idle ends what of its own is being looked for, downloaded or checked.
        let ends = who == Who::Me && matches!(life, Life::Checking | Life::Download(_));
        let at_work = match life {
            Life::Checking | Life::Download(Reach::Check) => Action::Check,
            Life::Download(Reach::Stage) => Action::Download,
            Life::Idle | Life::Staged(_) | Life::Download(Reach::Activate(_)) => Action::Install,
            Life::Wanted(_) | Life::Installing => Action::Install,
        };
        let trigger = |action: Action| match (life, who) {
            (_, Who::Another) => refused("5.03"),
            (_, Who::Me) if action <= at_work => refused("2.04"),
            (_, Who::Me) => refused("5.03"),
            (Life::Staged(enabled), Who::Nobody) => match (action, enabled) {
                (Action::Check, _) => refused("5.03"),
                (Action::Download, _) => noted("2.04", "sva/1"),
                (Action::Install, Enabled::Yes) => taken("2.04", "sva/0"),
                (Action::Install, Enabled::No) => noted("2.04", "sva/8"),
            },
            (_, Who::Nobody) => match action {
                Action::Check => taken("2.04", rest("idle/0", "nsa/0")),
                Action::Download | Action::Install => taken("2.04", "svv/0"),
            },
        };
        let wrong = |result: [&'static str; 3]| match (life, who) {
            _ if ends => taken("2.04", rest(result[0], result[1])),
            (Life::Staged(_), Who::Nobody) => noted("2.04", result[2]),
            (_, Who::Nobody) => noted("2.04", rest(result[0], result[1])),
            (_, Who::Me | Who::Another) => refused("5.03"),
        };
        match input {
            Idle | IdlePast if ends => {
                let own = facts.note == 1;
                match own {
                    // What was shown before the run.
                    true => taken("2.04", rest("idle/7", "nsa/7")),
                    false => taken("2.04", rest("idle/0", "nsa/0")),
                }
            }
            Idle | IdlePast | Isac | Isvv | Upgrade if who == Who::Nobody => kept("2.04"),
            Idle | IdlePast | Isac | Isvv | Upgrade => refused("5.03"),
            Past | NoCbor | Incomplete | TmBad => refused("4.00"),
            PurlThatIsNone => wrong(["idle/6", "nsa/6", "sva/6"]),
            PurlOfAnotherScheme => wrong(["idle/7", "nsa/7", "sva/7"]),
            Tm0 => refused("2.04"),
            Tm256 => trigger(Action::Check),
            Tm64 => trigger(Action::Download),
            Tm128 | Tm448 => trigger(Action::Install),
            Put | Delete | WriteDevice => refused("4.05"),
            Unknown => refused("4.04"),
            Read => refused(&format!("2.05 {}", facts.shown)),
            ReadPstat | Discover | ReadDevice | ReadPlatform => refused("2.05"),
        }
    }

    fn allows(before: &str, after: &str) -> bool {
        let state = |shown: &str| shown.split('/').next().unwrap().to_owned();
        let (from, to) = (state(before), state(after));
        from == to || sheet::OCF.iter().any(|(one, next)| *one == from && next.contains(&to.as_str()))
    }
}
