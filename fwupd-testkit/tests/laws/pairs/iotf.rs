//! IoTF: Device Management Requests, and Firmware Actions.

use fwupd_core::outcome::Initiator;
use fwupd_core::slot::Enabled;
use fwupd_iotf::adapter::Wanted;
use fwupd_iotf::firmware::Attributes;
use fwupd_iotf::note::{Note, Uri};
use fwupd_iotf::wire::text::Short;
use serde_json::{Value, json};

use super::{Expected, Facts, Life, Subject, Then, Who, kept, noted, refused, taken};
use crate::peers::iotf::{Iotf, URI};
use crate::peers::{Board, Message, Peer};
use crate::search::{At, name};
use crate::sheet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Write,
    WriteReset,
    WriteBad,
    WriteUnknown,
    WriteNothing,
    Observe,
    ObserveState,
    ObserveUnknown,
    CancelObservation,
    CancelUnknown,
    Download,
    Install,
    Reboot,
    FactoryReset,
    RebootThatIsDone,
    FactoryResetThatIsDone,
    Custom,
    Response,
    ResponseToNothing,
    NoJson,
}

use Input::*;

/// What is said to a response.
const SILENCE: &str = "nothing";

fn fields(value: Value) -> Value {
    json!({"d": {"fields": [{"field": "mgmt.firmware", "value": value}]}})
}

fn named(name: &str) -> Value {
    json!({"d": {"fields": [{"field": name}]}})
}

impl Subject for Iotf {
    const NAME: &'static str = "IoTF";
    type Input = Input;
    const INPUTS: &'static [Input] = &[
        Write,
        WriteReset,
        WriteBad,
        WriteUnknown,
        WriteNothing,
        Observe,
        ObserveState,
        ObserveUnknown,
        CancelObservation,
        CancelUnknown,
        Download,
        Install,
        Reboot,
        FactoryReset,
        RebootThatIsDone,
        FactoryResetThatIsDone,
        Custom,
        Response,
        ResponseToNothing,
        NoJson,
    ];

    fn fresh(by: Initiator, board: &mut Board) -> Self {
        let mut iotf = Self::new(by, 0x0123_4567_89AB_CDEF);
        iotf.connect(board);
        iotf
    }

    fn notes(at: &At) -> Vec<Vec<u8>> {
        let known = Attributes { uri: Short::new(URI).unwrap(), ..Attributes::EMPTY };
        let reset = Note { reset: Some(at.run), ..Note::FRESH };
        vec![
            Vec::new(),
            Note::FRESH.emit(&known, Uri::Noted).as_slice().to_vec(),
            reset.emit(&known, Uri::Noted).as_slice().to_vec(),
        ]
    }

    fn before(&mut self, input: Input, _: &At, board: &mut Board) {
        if matches!(input, RebootThatIsDone | FactoryResetThatIsDone) {
            self.acts(board);
        }
    }

    fn answered(&mut self, input: Input) -> Option<String> {
        let silent = matches!(input, Response | ResponseToNothing).then(|| SILENCE.to_owned());
        self.answer().or(silent)
    }

    fn did(&mut self, input: Input, facts: &Facts<'_>, board: &mut Board) {
        if !matches!(input, RebootThatIsDone | FactoryResetThatIsDone) {
            return;
        }
        let wanted = if input == RebootThatIsDone { Wanted::Reboot } else { Wanted::FactoryReset };
        assert_eq!(self.wanted(), Some(wanted), "{input:?} in {}", name(facts.at));
        // The reset is the application's: the lifecycle stays.
        assert_eq!(board.up.situation().unwrap(), *facts.at, "{input:?} in {}", name(facts.at));
        assert_eq!(self.shown(board), facts.shown, "{input:?} in {}", name(facts.at));
    }

    fn message(&mut self, input: Input, _: &At) -> Message {
        let action = |action: &str| format!("mgmt/initiate/{action}");
        match input {
            Write => self.request("device/update", fields(json!({"uri": "https://v/g"}))),
            WriteReset => self.request("device/update", fields(json!({"state": 0, "updateStatus": 0}))),
            WriteBad => self.request("device/update", fields(json!({"state": "x"}))),
            WriteUnknown => {
                self.request("device/update", json!({"d": {"fields": [{"field": "mgmt.x", "value": 1}]}}))
            }
            WriteNothing => self.request("device/update", json!({})),
            Observe => self.request("observe", named("mgmt.firmware")),
            ObserveState => self.request("observe", named("mgmt.firmware.state")),
            CancelUnknown => self.request("cancel", named("mgmt.x")),
            ObserveUnknown => self.request("observe", named("mgmt.x")),
            CancelObservation => self.request("cancel", named("mgmt.firmware")),
            Download => self.request(&action("firmware/download"), json!({})),
            Install => self.request(&action("firmware/update"), json!({})),
            Reboot | RebootThatIsDone => self.request(&action("device/reboot"), json!({})),
            FactoryReset | FactoryResetThatIsDone => self.request(&action("device/factory_reset"), json!({})),
            Custom => self.request("mgmt/custom/bundle/action", json!({})),
            Response => self.raw("response", json!("x"), br#"{"rc":200,"reqId":"x"}"#.to_vec()),
            ResponseToNothing => self.raw("response", json!("x"), br#"{"rc":"200"}"#.to_vec()),
            NoJson => self.raw("observe", json!("x"), br#"{"reqId":"x","d":[1"#.to_vec()),
        }
    }

    fn expected(input: Input, facts: &Facts<'_>) -> Expected {
        let (life, who) = (facts.life, facts.who);
        let (state, status) = facts.shown.split_once('/').unwrap();
        let has_uri = facts.note > 0;
        let is_reset = facts.note == 2;
        // Two updates at the same time: what is wanted or at work, and what was put off and will be.
        let conflict = who != Who::Nobody || status == "1";
        match input {
            Write if conflict => refused("409"),
            Write => kept("204"),
            WriteReset if conflict => refused("409"),
            WriteReset => noted("204", "0/0"),
            WriteBad | WriteNothing => refused("400"),
            WriteUnknown | ObserveUnknown | CancelUnknown => refused("404"),
            Observe | ObserveState | CancelObservation => kept("200"),
            // Firmware download: 400 unless mgmt.firmware.state is 0 and there is a URI; busy: 400.
            Download => match life {
                _ if state != "0" || !has_uri => refused("400"),
                Life::Idle | Life::Staged(_) => taken("202", "1/0"),
                Life::Checking | Life::Download(_) | Life::Wanted(_) | Life::Installing => refused("400"),
            },
            // Firmware update: 400 unless mgmt.firmware.state is 2; what is reset shows 0.
            Install => match life {
                Life::Staged(_) if is_reset || status == "1" => refused("400"),
                Life::Staged(Enabled::Yes) => taken("202", "2/0"),
                Life::Staged(Enabled::No) => refused("500"),
                Life::Idle | Life::Checking | Life::Download(_) => refused("400"),
                Life::Wanted(_) | Life::Installing => refused("400"),
            },
            // Not awaited: nothing is answered.
            Response | ResponseToNothing => refused(SILENCE),
            RebootThatIsDone | FactoryResetThatIsDone => {
                Expected { answer: "202".to_owned(), then: Then::Does }
            }
            // The application carries out no device action here.
            Reboot | FactoryReset | Custom => refused("501"),
            NoJson => refused("400"),
        }
    }

    fn allows(before: &str, after: &str) -> bool {
        let state = |shown: &str| shown.split('/').next().and_then(|state| state.parse().ok()).unwrap();
        let step: (u8, u8) = (state(before), state(after));
        step.0 == step.1 || sheet::IOTF.contains(&step)
    }
}
