//! Write and Execute, and all that is not allowed.

use fwupd_coap::message::Message;
use fwupd_coap::spec::{Code, option};
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Settled, Updater};

use super::Client;
use super::busy::Turn;
use super::model::View;
use super::path::Path;
use crate::note::Note;
use crate::object::{Deed, Order, Refusal};
use crate::spec::{
    Answer, BINDING_UDP, DEVICE, DeviceResource, FIRMWARE_UPDATE, INSTANCE, Operations, Resource, SERVER,
    ServerResource, format,
};
use crate::value::Input;
use crate::wire::tlv::{Entries, Kind};

/// The content format of what is written; none is as good as not said.
pub(super) fn content(message: &Message<'_>) -> Result<Option<u16>, Refusal> {
    match message.option(option::CONTENT_FORMAT) {
        None => Ok(None),
        Some(_) => message.content_format().ok_or(Answer::UnsupportedFormat).map(Some),
    }
}

impl<A: Copy + Eq> Client<'_, A> {
    /// A request that changes something, seen for the first time.
    pub(super) fn start<P: Platform>(
        &mut self,
        message: &Message<'_>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn {
        let path = match self.route(message) {
            Ok(path) => path,
            Err(answer) => return answer.into(),
        };
        let [object, rest @ ..] = path.ids() else { return Answer::NotFound.into() };
        if is_attributes(message) {
            return self.attributes.write(&path, message.queries()).into();
        }
        let executes = message.code == Code::POST && rest.len() == 2;
        match (*object, executes) {
            (FIRMWARE_UPDATE, _) => {}
            (_, true) => return self.execute_other(*object, rest).unwrap_or_else(|answer| answer).into(),
            (_, false) => return self.write_other(&path, message).unwrap_or_else(|answer| answer).into(),
        }
        if up.status().is_none() {
            return Answer::Unavailable.into();
        }
        if up.settled(self.config.by) == Settled::Pending {
            return Turn::Again;
        }
        if !executes && self.is_package(&path, message) {
            return self.package(path, message, now, up);
        }
        let view = View::of(&self.model.firmware, up);
        let mut note = view.note;
        let deed = if executes {
            self.execute(rest, &view, &mut note, now)
        } else {
            self.write(&path, message, &view, &mut note, now)
        };
        match deed {
            Ok(deed) => self.carry_out(deed.order, &note, deed.answer.into(), now, up),
            Err(answer) => answer.into(),
        }
    }

    /// Where a request goes, if it may go there at all.
    fn route(&self, message: &Message<'_>) -> Result<Path, Refusal> {
        let path = Path::parse(message.path()).ok_or(Answer::NotFound)?;
        self.model.find(&path)?;
        // All that is written is there already, and nothing has an entity tag to be written by (RFC 7252 section
        // 5.10.8).
        let tagged = message.option(option::IF_MATCH).is_some_and(|tag| !tag.is_empty());
        if tagged || message.option(option::IF_NONE_MATCH).is_some() {
            return Err(Answer::PreconditionFailed);
        }
        let operations = match *path.ids() {
            [object, _, resource, ..] => Some(self.model.operations(object, resource)?),
            [..] => None,
        };
        let allowed = match (message.code, path.ids().len(), operations) {
            (Code::PUT, 1..=3, _) if is_attributes(message) => true,
            (Code::PUT | Code::POST, 2, _) => true,
            (Code::PUT, 3, Some(operations)) => operations.writes(),
            (Code::POST, 3, Some(operations)) => operations == Operations::Execute,
            _ => false,
        };
        if allowed { Ok(path) } else { Err(Answer::MethodNotAllowed) }
    }

    fn execute(
        &self,
        path: &[u16],
        view: &View<'_>,
        note: &mut Note,
        now: Now,
    ) -> Result<Deed<'static>, Refusal> {
        let status = view.status.as_ref().ok_or(Answer::Unavailable)?;
        let resource = path.last().ok_or(Answer::NotFound)?;
        self.model.firmware.execute(self.model.firmware.resource(*resource)?, status, note, now)
    }

    /// A Write of anything but a package, to /5.
    fn write<'m>(
        &self,
        path: &Path,
        message: &Message<'m>,
        view: &View<'_>,
        note: &mut Note,
        now: Now,
    ) -> Result<Deed<'m>, Refusal> {
        let status = view.status.as_ref().ok_or(Answer::Unavailable)?;
        let firmware = &self.model.firmware;
        let mut done: Option<Deed<'m>> = None;
        for entry in Written::new(path, message)? {
            let (resource, value) = entry?;
            let resource = firmware.resource(resource)?;
            if !resource.operations().writes() {
                return Err(Answer::MethodNotAllowed);
            }
            let deed = firmware.write(resource, value, status, note, now)?;
            let plain = Deed::from(Order::Remember);
            done = Some(match done {
                None => deed,
                Some(before) if before == plain => deed,
                Some(before) if deed == plain => before,
                // One message asks for one update.
                Some(_) => return Err(Answer::BadRequest),
            });
        }
        done.ok_or(Answer::BadRequest)
    }

    /// A Write to /1 or /3.
    fn write_other(&mut self, path: &Path, message: &Message<'_>) -> Result<Answer, Refusal> {
        let object = path.ids().first().copied().unwrap_or_default();
        // First all is looked at, then all is done.
        for act in [false, true] {
            for entry in Written::new(path, message)? {
                let (resource, value) = entry?;
                if !self.model.operations(object, resource)?.writes() {
                    return Err(Answer::MethodNotAllowed);
                }
                match ServerResource::from_number(resource).filter(|_| object == SERVER) {
                    Some(ServerResource::Lifetime) => {
                        let seconds = value.unsigned(true).filter(|seconds| *seconds > 0);
                        let seconds = seconds.ok_or(Answer::BadRequest)?;
                        if act {
                            self.model.lifetime = seconds;
                            self.registration.update(true);
                        }
                    }
                    Some(ServerResource::NotificationStoring) => {
                        let on = value.unsigned(true).filter(|on| *on <= 1).ok_or(Answer::BadRequest)?;
                        if act {
                            self.model.stores = on == 1;
                        }
                    }
                    Some(ServerResource::Binding) => {
                        if value.bytes() != BINDING_UDP.as_bytes() {
                            return Err(Answer::BadRequest);
                        }
                    }
                    Some(ServerResource::ShortServerId | ServerResource::UpdateTrigger) | None => {
                        return Err(Answer::MethodNotAllowed);
                    }
                }
            }
        }
        Ok(Answer::Changed)
    }

    /// An Execute on /1 or /3.
    fn execute_other(&mut self, object: u16, path: &[u16]) -> Result<Answer, Refusal> {
        let resource = path.last().copied().ok_or(Answer::NotFound)?;
        match object {
            SERVER if resource == ServerResource::UpdateTrigger as u16 => self.registration.update(false),
            DEVICE if resource == DeviceResource::Reboot as u16 => self.reboot = true,
            _ => return Err(Answer::MethodNotAllowed),
        }
        Ok(Answer::Changed)
    }
}

/// Whether it is a Write-Attributes: arguments, and nothing to write. Core 6.3.4.
fn is_attributes(message: &Message<'_>) -> bool {
    message.code == Code::PUT
        && message.queries().next().is_some()
        && message.payload.is_empty()
        && message.option(option::CONTENT_FORMAT).is_none()
}

/// What a message writes: resources, each with its value.
enum Written<'m> {
    One(Option<(u16, Input<'m>)>),
    Entries(Entries<'m>, Option<u16>),
}

impl<'m> Written<'m> {
    fn new(path: &Path, message: &Message<'m>) -> Result<Self, Refusal> {
        // What is no package has to come whole.
        match message.block1() {
            Ok(Some(block)) if block.number > 0 => return Err(Answer::Incomplete),
            Ok(Some(block)) if block.more => return Err(Answer::TooLarge),
            Ok(_) => {}
            Err(_) => return Err(Answer::BadRequest),
        }
        let resource = match *path.ids() {
            [_, _, resource] => Some(resource),
            [..] => None,
        };
        match (content(message)?, resource) {
            (None | Some(format::TEXT), Some(resource)) => {
                Ok(Self::One(Some((resource, Input::Text(message.payload)))))
            }
            // Nothing but a package is opaque.
            (Some(format::OPAQUE), Some(_)) => Err(Answer::BadRequest),
            (Some(format::TLV), _) => {
                let mut entries = Entries::new(message.payload);
                let inner = match (entries.next(), entries.next()) {
                    (Some(Ok((head, inner))), None) if head.kind == Kind::ObjectInstance => {
                        if resource.is_some() || head.id != INSTANCE {
                            return Err(Answer::BadRequest);
                        }
                        inner
                    }
                    _ => message.payload,
                };
                Ok(Self::Entries(Entries::new(inner), resource))
            }
            (_, _) => Err(Answer::UnsupportedFormat),
        }
    }
}

impl<'m> Iterator for Written<'m> {
    type Item = Result<(u16, Input<'m>), Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::One(one) => one.take().map(Ok),
            Self::Entries(entries, only) => {
                let entry = entries.next()?;
                Some(match entry {
                    Ok((head, value))
                        if head.kind == Kind::Resource && only.is_none_or(|only| only == head.id) =>
                    {
                        Ok((head.id, Input::Binary(value)))
                    }
                    Ok(_) | Err(_) => Err(Answer::BadRequest),
                })
            }
        }
    }
}

/// Whether a resource is the package.
pub(super) const fn is_package(resource: u16) -> bool {
    resource == Resource::Package as u16
}
