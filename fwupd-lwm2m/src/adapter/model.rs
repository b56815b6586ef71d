//! What the client shows: the objects, their resources, and bodies in every content format.

use fwupd_core::status::Status;
use fwupd_core::updater::{Platform, Updater};

use super::Device;
use super::path::Path;
use crate::note::Note;
use crate::object::{Firmware, Refusal};
use crate::spec::{
    Answer, BINDING_UDP, DEVICE, DeviceResource, FIRMWARE_UPDATE, INSTANCE, Lwm2m, NO_ERROR, OBJECT_VERSION,
    Operations, Resource, SECURITY, SERVER, ServerResource, Shown, format, registration,
};
use crate::value::Value;
use crate::wire::Out;
use crate::wire::link::Links;
use crate::wire::tlv::{Head, Kind};

/// Every resource here has a number below this.
const RESOURCES: u16 = 17;

/// What the updater says at one time.
#[derive(Clone, Copy)]
pub(super) struct View<'s> {
    pub(super) status: Option<Status<'s>>,
    pub(super) note: Note,
    pub(super) uri: Option<&'s str>,
    /// What is shown instead of what the status says.
    pub(super) instead: Option<Shown>,
}

impl<'s> View<'s> {
    pub(super) fn of<P: Platform>(firmware: &Firmware<'_>, up: &'s Updater<P>) -> Self {
        Self { status: up.status(), note: firmware.note(up), uri: up.uri(firmware.by), instead: None }
    }

    /// The version of what runs, and not only of what is confirmed.
    fn running(&self) -> Option<&'s str> {
        let status = self.status.as_ref()?;
        let slot = status.slots.get(usize::from(status.running.0)).and_then(|slot| slot.verified());
        Some(slot.map_or(&status.installed.version, |verified| &verified.image().version).as_str())
    }
}

/// All that does not come from the updater.
#[derive(Debug)]
pub(super) struct Model<'a> {
    pub(super) firmware: Firmware<'a>,
    pub(super) device: Device<'a>,
    pub(super) short_server_id: u16,
    /// /1/0/1, seconds.
    pub(super) lifetime: u32,
    /// /1/0/6.
    pub(super) stores: bool,
}

impl Model<'_> {
    /// What may be done with a resource of an object.
    pub(super) fn operations(&self, object: u16, resource: u16) -> Result<Operations, Refusal> {
        let operations = match object {
            FIRMWARE_UPDATE => return self.firmware.resource(resource).map(Resource::operations),
            SERVER => ServerResource::from_number(resource).map(ServerResource::operations),
            DEVICE => DeviceResource::from_number(resource).map(DeviceResource::operations),
            _ => None,
        };
        operations.ok_or(Answer::NotFound)
    }

    /// Whether the object, and the instance if one is named, are there. The Security object is no server's
    /// business.
    pub(super) fn find(&self, path: &Path) -> Result<(), Refusal> {
        match path.ids() {
            [SECURITY, ..] => Err(Answer::Unauthorized),
            [SERVER | DEVICE | FIRMWARE_UPDATE] | [SERVER | DEVICE | FIRMWARE_UPDATE, INSTANCE, ..] => Ok(()),
            [..] => Err(Answer::NotFound),
        }
    }

    fn value<'s>(&'s self, object: u16, resource: u16, view: &View<'s>) -> Result<Value<'s>, Refusal> {
        if !self.operations(object, resource)?.reads() {
            return Err(Answer::MethodNotAllowed);
        }
        let value = match object {
            SERVER => ServerResource::from_number(resource).and_then(|resource| self.server(resource)),
            DEVICE => DeviceResource::from_number(resource).and_then(|resource| self.device(resource, view)),
            _ => {
                let status = view.status.as_ref().ok_or(Answer::Unavailable)?;
                let resource = self.firmware.resource(resource)?;
                return match (resource, view.instead) {
                    (Resource::State, Some(shown)) => Ok(Value::Integer(shown.state as u32)),
                    (Resource::UpdateResult, Some(shown)) => Ok(Value::Integer(shown.result as u32)),
                    _ => self.firmware.read(resource, status, &view.note, view.uri),
                };
            }
        };
        value.ok_or(Answer::NotFound)
    }

    fn server(&self, resource: ServerResource) -> Option<Value<'_>> {
        match resource {
            ServerResource::ShortServerId => Some(Value::Integer(u32::from(self.short_server_id))),
            ServerResource::Lifetime => Some(Value::Integer(self.lifetime)),
            ServerResource::NotificationStoring => Some(Value::Integer(u32::from(self.stores))),
            ServerResource::Binding => Some(Value::Text(BINDING_UDP)),
            ServerResource::UpdateTrigger => None,
        }
    }

    fn device<'s>(&'s self, resource: DeviceResource, view: &View<'s>) -> Option<Value<'s>> {
        match resource {
            DeviceResource::Manufacturer => Some(Value::Text(self.device.manufacturer)),
            DeviceResource::ModelNumber => Some(Value::Text(self.device.model)),
            DeviceResource::SerialNumber => Some(Value::Text(self.device.serial)),
            DeviceResource::FirmwareVersion => view.running().map(Value::Text),
            DeviceResource::ErrorCode => Some(Value::One(NO_ERROR)),
            DeviceResource::Bindings => Some(Value::Text(BINDING_UDP)),
            DeviceResource::Reboot => None,
        }
    }

    /// Whether a resource is there now.
    fn has(&self, object: u16, resource: u16, view: &View<'_>) -> bool {
        match self.operations(object, resource) {
            Ok(operations) if operations.reads() => self.value(object, resource, view).is_ok(),
            Ok(_) => true,
            Err(_) => false,
        }
    }

    /// Writes what a path has, in the format that is asked for, and says which format that is.
    pub(super) fn body(
        &self,
        path: &Path,
        accept: Option<u16>,
        view: &View<'_>,
        out: &mut Out<'_>,
    ) -> Result<u16, Refusal> {
        self.find(path)?;
        if accept == Some(format::LINK) {
            return self.discover(path, view, out);
        }
        match *path.ids() {
            [object, _, resource] => {
                let value = self.value(object, resource, view)?;
                let format = accept.unwrap_or(match value.instances() {
                    Some(_) => format::TLV,
                    None => format::TEXT,
                });
                match format {
                    format::TLV => value.tlv(Kind::Resource, resource, out),
                    format::TEXT if value.text(out) => {}
                    _ => return Err(Answer::NotAcceptable),
                }
                Ok(format)
            }
            [object, _, resource, instance] => {
                let value = self.value(object, resource, view)?;
                let value = value.instance(instance).ok_or(Answer::NotFound)?;
                let format = accept.unwrap_or(format::TEXT);
                match format {
                    format::TLV => value.tlv(Kind::ResourceInstance, instance, out),
                    format::TEXT if value.text(out) => {}
                    _ => return Err(Answer::NotAcceptable),
                }
                Ok(format)
            }
            [object, ref rest @ ..] => {
                if accept.is_some_and(|format| format != format::TLV) {
                    return Err(Answer::NotAcceptable);
                }
                if object == FIRMWARE_UPDATE && view.status.is_none() {
                    return Err(Answer::Unavailable);
                }
                if rest.is_empty() {
                    // The length stands before what it counts.
                    let mut nothing = Out::counting();
                    self.resources(object, view, &mut nothing);
                    Head { kind: Kind::ObjectInstance, id: INSTANCE, len: nothing.len() as u32 }.emit(out);
                }
                self.resources(object, view, out);
                Ok(format::TLV)
            }
            [] => Err(Answer::NotFound),
        }
    }

    fn resources(&self, object: u16, view: &View<'_>, out: &mut Out<'_>) {
        for resource in 0..RESOURCES {
            if let Ok(value) = self.value(object, resource, view) {
                value.tlv(Kind::Resource, resource, out);
            }
        }
    }

    fn discover(&self, path: &Path, view: &View<'_>, out: &mut Out<'_>) -> Result<u16, Refusal> {
        let mut links = Links::new(out);
        match *path.ids() {
            [object] => {
                self.object_links(object, &mut links);
                self.resource_links(object, view, &mut links);
            }
            [object, instance] => {
                links.path(&[object, instance]);
                self.resource_links(object, view, &mut links);
            }
            [object, _, resource] => {
                self.operations(object, resource)?;
                if !self.has(object, resource, view) {
                    return Err(Answer::NotFound);
                }
                self.resource_link(object, resource, view, &mut links);
            }
            // A resource's instance cannot be discovered.
            [..] => return Err(Answer::MethodNotAllowed),
        }
        Ok(format::LINK)
    }

    fn object_links(&self, object: u16, links: &mut Links<'_, '_>) {
        if object == FIRMWARE_UPDATE {
            links.path(&[object]);
            match self.firmware.version {
                Lwm2m::V1_0 => {}
                Lwm2m::V1_1 => _ = links.attribute(registration::VER, OBJECT_VERSION),
            }
        }
        links.path(&[object, INSTANCE]);
    }

    fn resource_links(&self, object: u16, view: &View<'_>, links: &mut Links<'_, '_>) {
        for resource in (0..RESOURCES).filter(|resource| self.has(object, *resource, view)) {
            self.resource_link(object, resource, view, links);
        }
    }

    fn resource_link(&self, object: u16, resource: u16, view: &View<'_>, links: &mut Links<'_, '_>) {
        links.path(&[object, INSTANCE, resource]);
        if let Some(instances) = self.value(object, resource, view).ok().and_then(|value| value.instances()) {
            links.number(registration::DIM, u32::from(instances));
        }
    }

    /// The payload of a registration. Core 6.2.1.
    pub(super) fn register(&self, out: &mut Out<'_>) {
        let mut links = Links::new(out);
        links.path(&[]).attribute(registration::RT, registration::RESOURCE_TYPE);
        links.number(registration::CT, u32::from(format::TLV));
        for object in [SERVER, DEVICE, FIRMWARE_UPDATE] {
            self.object_links(object, &mut links);
        }
    }
}
