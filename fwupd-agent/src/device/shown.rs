//! What each protocol shows of the device.

use fwupd_core::image::SlotId;
use fwupd_core::updater::{Platform, Updater};
use serde_json::{Value, json};
use {fwupd_iotf as iotf, fwupd_lwm2m as lwm2m, fwupd_ocf as ocf, fwupd_usp as usp};

use super::adapter::initiator;
use crate::config::Protocol;

/// The four views of one status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// /5/0/3 State and /5/0/5 Update Result.
    pub lwm2m: (u8, u8),
    /// mgmt.firmware.state and mgmt.firmware.updateStatus.
    pub iotf: (u8, u8),
    /// swupdatestate, the bits of cm that go with it, and swupdateresult.
    pub ocf: (&'static str, u16, u16),
    /// Status of each FirmwareImage, in the order of the slots.
    pub usp: Vec<&'static str>,
}

impl Shown {
    /// Of what the updater has loaded, with the note that each protocol has left; `None` before that.
    pub(super) fn of<P: Platform>(updater: &Updater<P>) -> Option<Self> {
        let status = updater.status()?;
        let note = |protocol| updater.recall(initiator(protocol));
        let lwm2m = {
            let note = note(Protocol::Lwm2m).and_then(lwm2m::note::Note::parse);
            lwm2m::spec::project(&status, &note.unwrap_or(lwm2m::note::Note::FRESH))
        };
        let iotf = {
            let note = note(Protocol::Iotf).and_then(|note| iotf::note::Note::parse(note, None));
            iotf::spec::project(&status, &note.map_or(iotf::note::Note::FRESH, |(note, _)| note))
        };
        let ocf = {
            let note = note(Protocol::Ocf).and_then(ocf::note::Note::parse);
            ocf::spec::project(&status, &note.unwrap_or(ocf::note::Note::FRESH))
        };
        let slots = (0u8..).zip(status.slots).map(|(n, _)| SlotId(n));
        Some(Self {
            lwm2m: (lwm2m.state as u8, lwm2m.result as u8),
            iotf: (iotf.state as u8, iotf.status as u8),
            ocf: (ocf.state.name(), ocf.state.mode(), ocf.result.number()),
            usp: slots.map(|slot| usp::spec::project(&status, slot).status.text()).collect(),
        })
    }

    /// As an object.
    pub fn json(&self) -> Value {
        let Self { lwm2m, iotf, ocf, usp } = self;
        json!({
            "lwm2m": { "state": lwm2m.0, "result": lwm2m.1 },
            "iotf": { "state": iotf.0, "update_status": iotf.1 },
            "ocf": { "state": ocf.0, "cm": ocf.1, "result": ocf.2 },
            "usp": { "status": usp },
        })
    }

    /// A line for each.
    pub fn lines(&self) -> [String; 4] {
        let Self { lwm2m, iotf, ocf, usp } = self;
        [
            format!("lwm2m      {}/{} (state/result)", lwm2m.0, lwm2m.1),
            format!("iotf       {}/{} (state/status)", iotf.0, iotf.1),
            format!("ocf        {}/{}/{} (state/cm/result)", ocf.0, ocf.1, ocf.2),
            format!("usp        {} (status of each image)", usp.join(", ")),
        ]
    }
}
