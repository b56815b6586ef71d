//! What the agent shows: rows and values of the data model.

use fwupd_core::image::SlotId;
use fwupd_core::status::Status;

use super::Agent;
use super::path::{Path, References, Rows, terms};
use super::request::Request;
use crate::spec::model::{ALIAS, Object, Param, WINDOWS};
use crate::spec::{Code, boot_image, project, words};
use crate::wire::Out;

/// A value, as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'s> {
    Text(&'s str),
    /// What may be no text.
    Log(&'s [u8]),
    Bool(bool),
    Number(u32),
    /// The Alias that the agent gave a row.
    Alias(u32),
    /// A reference to a row: its path, without the last dot.
    Row(Object, u32),
    /// The path of a command of a row.
    Command(Object, u32, &'static str),
}

impl Value<'_> {
    /// Its text, in parts.
    pub(super) fn parts(&self, part: &mut dyn FnMut(&[u8])) {
        let decimal = |number: u32, part: &mut dyn FnMut(&[u8])| {
            let mut room = [0; 10];
            let mut out = Out::new(&mut room);
            out.decimal(number);
            part(out.finish_text().unwrap_or_default().as_bytes());
        };
        match *self {
            Self::Text(text) => part(text.as_bytes()),
            Self::Log(bytes) => readable(bytes, part),
            Self::Bool(on) => part(if on { b"true" } else { b"false" }),
            Self::Number(number) => decimal(number, part),
            Self::Alias(number) => {
                part(ALIAS.as_bytes());
                decimal(number, part);
            }
            Self::Row(object, number) => {
                part(object.path().as_bytes());
                decimal(number, part);
            }
            Self::Command(object, number, name) => {
                part(object.path().as_bytes());
                if object.is_table() {
                    decimal(number, part);
                    part(b".");
                }
                part(name.as_bytes());
            }
        }
    }

    /// A fingerprint of its text: FNV-1a.
    pub(super) fn print(&self) -> u32 {
        let mut print = super::PRINT;
        self.parts(&mut |part| print = super::print(print, part));
        print
    }

    fn is(&self, text: &str) -> bool {
        let mut left = Some(text.as_bytes());
        self.parts(&mut |part| left = left.and_then(|left| left.strip_prefix(part)));
        left == Some(&[])
    }
}

/// Bytes as text, a question mark for each run of them that is none.
fn readable(bytes: &[u8], part: &mut dyn FnMut(&[u8])) {
    let mut rest = bytes;
    while let Err(bad) = core::str::from_utf8(rest) {
        let (good, behind) = rest.split_at_checked(bad.valid_up_to()).unwrap_or_default();
        part(good);
        part(b"?");
        rest = bad.error_len().and_then(|length| behind.get(length..)).unwrap_or_default();
    }
    part(rest);
}

/// What the updater and the agent say at one time.
#[derive(Clone, Copy)]
pub(super) struct View<'s> {
    pub(super) status: &'s Status<'s>,
    pub(super) agent: &'s Agent<'s>,
}

/// The instance number of a slot's row.
pub(super) fn row(slot: SlotId) -> u32 {
    u32::from(slot.0).saturating_add(1)
}

/// The slot of a row.
pub(super) fn slot(number: u32) -> Option<SlotId> {
    number.checked_sub(1).and_then(|n| u8::try_from(n).ok()).map(SlotId)
}

impl References for View<'_> {
    fn follow(&self, param: Param) -> Option<u32> {
        if param == Param::ActiveFirmwareImage {
            return Some(row(self.status.running));
        }
        (param == Param::BootFirmwareImage).then(|| row(boot_image(self.status, &self.agent.note)))
    }
}

impl<'s> View<'s> {
    /// Reads a path.
    pub(super) fn path<'p>(&self, path: &'p str) -> Result<Path<'p>, Code> {
        Path::parse(path, self)
    }

    /// How many rows a table may have, by their place; an object that is no table has one.
    fn places(&self, object: Object) -> usize {
        match object {
            Object::Device | Object::DeviceInfo | Object::LocalAgent | Object::Controller => 1,
            Object::FirmwareImage => self.status.slots.len(),
            Object::Request => 1,
            Object::Subscription => self.agent.subscriptions.places(),
        }
    }

    /// The instance number of the row at a place, if there is one; 0 for an object that is no table.
    fn at(&self, object: Object, place: usize) -> Option<u32> {
        match object {
            Object::Device | Object::DeviceInfo | Object::LocalAgent => Some(0),
            Object::Controller => Some(1),
            Object::FirmwareImage => u32::try_from(place).ok()?.checked_add(1),
            // One from before the boot has none: it is no longer there.
            Object::Request => {
                self.agent.request.as_ref().map(|request| request.number).filter(|number| *number > 0)
            }
            Object::Subscription => {
                self.agent.subscriptions.at(place).map(|subscription| subscription.number)
            }
        }
    }

    /// The instance numbers of an object's rows.
    pub(super) fn instances(&self, object: Object) -> impl Iterator<Item = u32> + use<'_, 's> {
        (0..self.places(object)).filter_map(move |place| self.at(object, place))
    }

    /// Those that a path means.
    ///
    /// # Errors
    /// 7008 for an expression that is none.
    pub(super) fn matching(&self, path: &Path<'_>, number: u32) -> Result<bool, Code> {
        Ok(match path.rows {
            Rows::Table | Rows::Any => true,
            Rows::Number(wanted) => wanted == number,
            Rows::Where(expression) => {
                let mut all = true;
                for term in terms(expression) {
                    all &= self.holds(path.object, number, term?)?;
                }
                all
            }
        })
    }

    fn holds(
        &self,
        object: Object,
        number: u32,
        (name, equal, constant): (&str, bool, &str),
    ) -> Result<bool, Code> {
        let param = object.param(name).ok_or(Code::PathSyntax)?;
        let quoted = constant.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let value = self.value(object, number, param);
        let is = match (value, quoted) {
            (Value::Bool(on), None) => super::boolean(constant).ok_or(Code::PathSyntax)? == on,
            (Value::Number(_), None) => value.is(constant),
            (Value::Bool(_) | Value::Number(_), Some(_)) => return Err(Code::PathSyntax),
            (_, Some(text)) => value.is(text),
            (_, None) => return Err(Code::PathSyntax),
        };
        Ok(is == equal)
    }

    /// The value of a parameter of a row that there is.
    pub(super) fn value(&self, object: Object, number: u32, param: Param) -> Value<'s> {
        let count = |object| Value::Number(self.instances(object).count() as u32);
        match param {
            Param::SoftwareVersion => self.version(self.status.running),
            Param::ActiveFirmwareImage => Value::Row(Object::FirmwareImage, row(self.status.running)),
            Param::BootFirmwareImage => {
                Value::Row(Object::FirmwareImage, row(boot_image(self.status, &self.agent.note)))
            }
            Param::MaxNumberOfActivateTimeWindows => Value::Number(WINDOWS as u32),
            Param::FirmwareImageNumberOfEntries => count(Object::FirmwareImage),
            Param::ControllerNumberOfEntries => count(Object::Controller),
            Param::RequestNumberOfEntries => count(Object::Request),
            Param::SubscriptionNumberOfEntries => count(Object::Subscription),
            Param::Alias => Value::Alias(number),
            Param::Name | Param::Version | Param::Available | Param::BootFailureLog => {
                self.image(number, param)
            }
            Param::Status if object == Object::FirmwareImage => self.image(number, param),
            Param::EndpointId if object == Object::Controller => Value::Text(self.agent.config.controller),
            Param::EndpointId => Value::Text(self.agent.config.endpoint),
            Param::Status | Param::Originator | Param::Command | Param::CommandKey => {
                self.agent.request.as_ref().map_or(Value::Text(""), |request| self.request(request, param))
            }
            Param::Enable | Param::Recipient | Param::Id | Param::NotifType => {
                self.subscription(number, param)
            }
            Param::ReferenceList | Param::Persistent => self.subscription(number, param),
        }
    }

    fn version(&self, slot: SlotId) -> Value<'s> {
        Value::Text(project(self.status, slot).version.map_or("", |version| version.as_str()))
    }

    fn image(&self, number: u32, param: Param) -> Value<'s> {
        let Some(slot) = slot(number) else { return Value::Text("") };
        let shown = project(self.status, slot);
        if param == Param::Status {
            return Value::Text(shown.status.text());
        }
        if param == Param::Available {
            return Value::Bool(shown.available);
        }
        if param == Param::Name {
            return Value::Text(if shown.version.is_some() { self.agent.config.package_name } else { "" });
        }
        if param == Param::Version {
            return self.version(slot);
        }
        match (shown.log, shown.why, self.agent.refusal) {
            ([], Some(why), _) => Value::Text(words(why)),
            ([], None, Some((refused, why))) if refused == slot => Value::Text(why),
            (log, _, _) => Value::Log(log),
        }
    }

    fn request(&self, request: &'s Request, param: Param) -> Value<'s> {
        if param == Param::Originator {
            return Value::Text(self.agent.config.controller);
        }
        if param == Param::Command {
            return Value::Command(Object::FirmwareImage, row(request.slot), request.command.name());
        }
        Value::Text(if param == Param::CommandKey { request.key.as_str() } else { request.status.text() })
    }

    fn subscription(&self, number: u32, param: Param) -> Value<'s> {
        let Some(subscription) = self.agent.subscriptions.get(number) else { return Value::Text("") };
        if param == Param::Recipient {
            return Value::Row(Object::Controller, 1);
        }
        if param == Param::Enable || param == Param::Persistent {
            let on = if param == Param::Enable { subscription.enable } else { subscription.persistent };
            return Value::Bool(on);
        }
        Value::Text(match param == Param::Id {
            true => subscription.id.as_str(),
            false if param == Param::NotifType => subscription.kind.text(),
            false => subscription.references.as_str(),
        })
    }
}
