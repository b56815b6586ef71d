//! Being managed: the request for it, its renewal, and the end. Operations, Manage device and Unmanage device.

use fwupd_core::time::Now;

use super::{Config, Device, Millis, Publish, View};
use crate::firmware::running;
use crate::spec::{RENEW_BEFORE, Rc, member, topic};
use crate::wire::{Full, message};

/// After so long without an answer, or after a conflict, the device asks again, milliseconds.
const PATIENCE: Millis = 60_000;

/// How the platform stands to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not said yet.
    Unknown,
    /// It manages it.
    Managed,
    /// It refused to, by this return code: 400, 403 (an action that it does not know), 404 (not registered).
    Refused(u16),
    /// It no longer does, as the device wanted.
    Left,
}

/// What is to be sent next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// A manage request, at this time.
    Manage(Millis),
    /// An unmanage request.
    Unmanage,
}

/// A request that is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Manage(u32),
    Unmanage(u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Management {
    standing: Standing,
    due: Due,
    asked: Option<Asked>,
}

impl Management {
    pub(super) const fn new() -> Self {
        Self { standing: Standing::Unknown, due: Due::Nothing, asked: None }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing
    }

    /// To be asked for at once, as after every connection; not by who has left.
    pub(super) fn ask(&mut self, now: Millis) {
        if self.standing != Standing::Left && self.due != Due::Unmanage {
            self.due = Due::Manage(now);
        }
    }

    pub(super) fn leave(&mut self) {
        self.due = Due::Unmanage;
    }

    pub(super) fn timeout(&self) -> Option<Millis> {
        match self.due {
            Due::Nothing => None,
            Due::Manage(at) => Some(at),
            Due::Unmanage => Some(0),
        }
    }

    /// The number of the request whose answer is awaited.
    pub(super) fn awaits(&self) -> Option<u32> {
        self.asked.map(|(Asked::Manage(number) | Asked::Unmanage(number))| number)
    }

    /// The answer to that; true if the platform has forgotten the device's observations with it.
    pub(super) fn answered(&mut self, rc: u16, lifetime: u32, now: Millis) -> bool {
        let good = rc == Rc::Ok as u16;
        match self.asked.take() {
            Some(Asked::Manage(_)) if good => {
                self.standing = Standing::Managed;
                if self.due != Due::Unmanage {
                    let seconds = u64::from(lifetime.saturating_sub(RENEW_BEFORE));
                    let renewal = now.saturating_add(seconds.saturating_mul(1000));
                    self.due = if lifetime == 0 { Due::Nothing } else { Due::Manage(renewal) };
                }
                false
            }
            Some(Asked::Manage(_)) => {
                if rc != Rc::Conflict as u16 && self.due != Due::Unmanage {
                    self.standing = Standing::Refused(rc);
                    self.due = Due::Nothing;
                }
                false
            }
            Some(Asked::Unmanage(_)) if good => {
                self.standing = Standing::Left;
                self.due = Due::Nothing;
                true
            }
            // What the platform does not know it does not manage.
            Some(Asked::Unmanage(_)) | None => {
                self.due = Due::Nothing;
                false
            }
        }
    }
}

impl Device<'_> {
    /// The manage or unmanage request, if one is due.
    pub(super) fn ask_to_be_managed(&mut self, view: &View<'_>, now: Now, out: &mut [u8]) -> Option<Publish> {
        match self.management.due {
            Due::Manage(at) if now.mono >= at => {
                let (number, id) = self.fresh_id();
                self.management.asked = Some(Asked::Manage(number));
                self.management.due = Due::Manage(now.mono.saturating_add(PATIENCE));
                let length = manage(&self.config, running(&view.status), id.as_str(), out).ok()?;
                Some(Publish { topic: topic::MANAGE, length })
            }
            Due::Unmanage => {
                let (number, id) = self.fresh_id();
                self.management.asked = Some(Asked::Unmanage(number));
                self.management.due = Due::Nothing;
                let write = message::write(out, |json| _ = json.key(member::REQ_ID).string(id.as_str()));
                Some(Publish { topic: topic::UNMANAGE, length: write.ok()? })
            }
            Due::Manage(_) | Due::Nothing => None,
        }
    }
}

/// Writes a manage request.
pub(super) fn manage(
    config: &Config<'_>,
    version: &str,
    req_id: &str,
    out: &mut [u8],
) -> Result<usize, Full> {
    let info = &config.info;
    let strings = [
        (member::SERIAL_NUMBER, info.serial_number),
        (member::MANUFACTURER, info.manufacturer),
        (member::MODEL, info.model),
        (member::DEVICE_CLASS, info.device_class),
        (member::DESCRIPTION, info.description),
        (member::FW_VERSION, version),
        (member::HW_VERSION, info.hw_version),
        (member::DESCRIPTIVE_LOCATION, info.descriptive_location),
    ];
    message::write(out, |json| {
        json.key(member::D).object().key(member::LIFETIME).number(config.lifetime);
        json.key(member::SUPPORTS).object();
        json.key(member::DEVICE_ACTIONS).boolean(config.device_actions);
        json.key(member::FIRMWARE_ACTIONS).boolean(config.firmware_actions).end_object();
        json.key(member::DEVICE_INFO).object();
        for (name, value) in strings.into_iter().filter(|(_, value)| !value.is_empty()) {
            json.key(name).string(value);
        }
        json.end_object().end_object().key(member::REQ_ID).string(req_id);
    })
}
