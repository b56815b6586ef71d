//! A look at a device that is not powered on: nothing is counted, and nothing is written.

use fwupd_core::flash::Parts;
use fwupd_core::image::{Image, SlotId};
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::Outcome;
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::trust::KeySet;
use fwupd_core::updater::Updater;
use serde::Serialize;
use serde_json::{Value, json};

use super::host::{self, Why};
use super::shown::Shown;
use super::{report, settle, with_slots};
use crate::config::Config;
use crate::error::Error;
use crate::firmware::{self, Firmware};
use crate::flash::{FlashFile, Memory, Wear};
use crate::hex;

/// How the journal was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Journal {
    /// It tells what it should.
    Good,
    /// It was never written: the factory slot boots.
    Blank,
    /// It is damaged, or another device's: the next boot reports that the record is lost.
    Lost,
}

/// The device as its flash tells.
#[derive(Debug)]
pub struct View {
    /// How the journal was found.
    pub journal: Journal,
    /// The state's name.
    pub state: &'static str,
    /// Trial boots left, while an image is on trial.
    pub trial: Option<u8>,
    /// The slot that was jumped to last.
    pub running: SlotId,
    /// The firmware in it, if it is one.
    pub firmware: Option<Firmware>,
    /// The slot that the next boot takes.
    pub next_boot: SlotId,
    /// Sequence number of what is installed.
    pub sequence: u64,
    /// Version of what is installed.
    pub version: String,
    /// The security counter.
    pub counter: u32,
    /// Bytes received, and in all.
    pub progress: Option<(u32, u32)>,
    /// How the last run ended.
    pub last: Option<Outcome>,
    /// What each slot holds.
    pub slots: Vec<Slot>,
    /// Revoked keys.
    pub revoked: KeySet,
    /// What each protocol shows.
    pub shown: Shown,
    /// The flash itself.
    pub flash: Memory,
    /// Its counters.
    pub wear: Wear,
    sector: u32,
    slot: u32,
}

/// Looks at the device of this configuration.
///
/// # Errors
/// There is none, or its flash is not what the configuration describes.
pub fn look(config: &Config) -> Result<View, Error> {
    with_slots!(config.layout.slots.len(), look_at(config))
}

fn look_at<const N: usize>(config: &Config) -> Result<View, Error> {
    let (bytes, wear) = FlashFile::peek(&config.state, &config.layout)?;
    let blank = config.layout.journal.iter().all(|page| {
        let page = bytes.get(page.from as usize..page.to as usize).unwrap_or_default();
        page.iter().all(|byte| *byte == crate::config::Flash::ERASED)
    });
    let part = config.layout.part(0).copied().ok_or_else(|| Error::failed("the flash has no part"))?;
    let flash = Memory::new(part, bytes);

    // What a boot would make of it, and what the journal says without one.
    let boot = load::<N>(config, &flash, Reading::Boot)?;
    let kept = load::<N>(config, &flash, Reading::Back)?;
    let (journal, loaded) = match (blank, kept.lost) {
        (true, _) => (Journal::Blank, boot),
        (false, true) => (Journal::Lost, boot),
        (false, false) => (Journal::Good, kept),
    };
    let Loaded {
        state,
        trial,
        running,
        next_boot,
        sequence,
        version,
        counter,
        progress,
        last,
        slots,
        revoked,
        shown,
        lost: _,
    } = loaded;
    let firmware = firmware_of(config, &flash, running);
    let (sector, slot) = (config.flash.sector, config.flash.slot);
    Ok(View {
        journal,
        state,
        trial,
        running,
        firmware,
        next_boot,
        sequence,
        version,
        counter,
        progress,
        last,
        slots,
        revoked,
        shown,
        flash,
        wear,
        sector,
        slot,
    })
}

/// The firmware in a slot, if it is one.
pub fn firmware_of(config: &Config, flash: &Memory, slot: SlotId) -> Option<Firmware> {
    let region = config.layout.slot(slot)?;
    firmware::parse(flash.bytes().get(region.from as usize..region.to as usize)?).ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Boot,
    Back,
}

/// What an updater has loaded.
struct Loaded {
    state: &'static str,
    trial: Option<u8>,
    running: SlotId,
    next_boot: SlotId,
    sequence: u64,
    version: String,
    counter: u32,
    progress: Option<(u32, u32)>,
    last: Option<Outcome>,
    slots: Vec<Slot>,
    revoked: KeySet,
    shown: Shown,
    lost: bool,
}

fn load<const N: usize>(config: &Config, flash: &Memory, how: Reading) -> Result<Loaded, Error> {
    let factory = config.layout.slot(config.layout.factory_slot).map_or(0, |slot| slot.from as usize);
    let factory = flash.bytes().get(factory..).unwrap_or_default();
    let make = match how {
        Reading::Boot => Updater::new,
        Reading::Back => Updater::inspect,
    };
    let mut updater = host::updater::<N>(config, host::trust(config)?, None, factory, &Why::default(), make)?;
    let mut copy = flash.clone();
    settle(&mut updater, &mut copy, || Now::mono(0), |_, _: <Memory as Parts>::Error| None)?;
    let (revoked, lost) = (updater.revoked(), updater.records_lost());
    let unread = || Error::failed("the journal cannot be read");
    let (status, shown) = (updater.status().ok_or_else(unread)?, Shown::of(&updater).ok_or_else(unread)?);
    let Status { state, running, next_boot, installed, counter, progress, last, slots, .. } = status;
    let trial = match state {
        State::Trial { left, .. } => Some(*left),
        State::Idle | State::Checking { .. } | State::Receiving { .. } => None,
        State::Validating { .. } | State::Staged { .. } => None,
        State::Activating { .. } | State::Reverting { .. } => None,
    };
    Ok(Loaded {
        state: report::state(state),
        trial,
        running,
        next_boot,
        sequence: installed.sequence,
        version: installed.version.to_string(),
        counter,
        progress: progress.map(|p| (p.received, p.size)),
        last: last.copied(),
        slots: slots.to_vec(),
        revoked,
        shown,
        lost,
    })
}

impl View {
    /// As an object.
    pub fn json(&self) -> Value {
        json!({
            "journal": self.journal,
            "state": self.state,
            "trial_boots": self.trial,
            "running": self.running.0,
            "firmware": self.firmware,
            "next_boot": self.next_boot.0,
            "sequence": self.sequence,
            "version": self.version,
            "counter": self.counter,
            "progress": self.progress.map(|(received, size)| json!({ "received": received, "size": size })),
            "last": self.last.as_ref().map(report::outcome),
            "slots": self.slots_json(),
            "protocols": self.shown.json(),
        })
    }

    /// The slots, as an array of objects.
    pub fn slots_json(&self) -> Value {
        let one = |(n, slot): (u8, &Slot)| {
            let mut object = slot_json(slot);
            if let Value::Object(object) = &mut object {
                object.insert("slot".into(), n.into());
                object.insert("running".into(), (n == self.running.0).into());
                object.insert("erases".into(), self.erases(SlotId(n)).into());
            }
            object
        };
        (0u8..).zip(&self.slots).map(one).collect()
    }

    /// How often sectors of a slot were erased.
    pub fn erases(&self, slot: SlotId) -> u64 {
        let sectors = self.slot.checked_div(self.sector).unwrap_or(0) as usize;
        let mine = self.wear.sectors.iter().skip(usize::from(slot.0) * sectors).take(sectors);
        mine.map(|count| u64::from(*count)).sum()
    }

    /// A line for a slot.
    pub fn slot_line(&self, slot: SlotId) -> String {
        let mark = if slot == self.running { '*' } else { ' ' };
        let holds = self.slots.get(usize::from(slot.0)).map(slot_text).unwrap_or_default();
        format!("{mark}{}  {holds}", slot.0)
    }
}

fn slot_json(slot: &Slot) -> Value {
    let image = |image: &Image| {
        json!({
            "version": image.version.as_str(),
            "sequence": image.sequence,
            "size": image.size,
            "digest": hex::text(&image.digest),
        })
    };
    match slot {
        Slot::Empty => json!({ "holds": "nothing" }),
        Slot::Partial => json!({ "holds": "part" }),
        Slot::Verified(verified, enabled) => {
            json!({ "holds": "image", "enabled": *enabled == Enabled::Yes, "image": image(verified.image()) })
        }
        Slot::Failed { at, why, log, image: of } => json!({
            "holds": "failed",
            "at": report::phase(*at),
            "why": why.to_string(),
            "log": String::from_utf8_lossy(log.as_bytes()),
            "image": of.as_ref().map(image),
        }),
    }
}

fn slot_text(slot: &Slot) -> String {
    let image =
        |image: &Image| format!("{} (sequence {}, {} bytes)", image.version, image.sequence, image.size);
    match slot {
        Slot::Empty => "empty".into(),
        Slot::Partial => "part of an image".into(),
        Slot::Verified(verified, Enabled::Yes) => image(verified.image()),
        Slot::Verified(verified, Enabled::No) => format!("{}, disabled", image(verified.image())),
        Slot::Failed { why, log, image: of, .. } => {
            let of = of.as_ref().map_or("an image".into(), image);
            let log = log.as_bytes();
            let log = if log.is_empty() { String::new() } else { format!(": {}", log.escape_ascii()) };
            format!("{of} failed: {why}{log}")
        }
    }
}
