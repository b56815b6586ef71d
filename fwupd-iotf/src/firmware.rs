//! mgmt.firmware: its attributes, how they are shown, and what a write makes of them.

use fwupd_core::checksum::Algorithm;
use fwupd_core::status::Status;

use crate::spec::{
    Field, NAME_MAX, Rc, Shown, State, URI_MAX, UpdateStatus, VERIFIER_MAX, VERSION_MAX, member,
};
use crate::wire::json::{Text, Value, Writer};
use crate::wire::message::Fields;
use crate::wire::text::{self, PRINT, Short, Unfit};
use crate::wire::uri;

/// What the platform writes, beside the state and the status. A text that was not written is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// mgmt.firmware.version.
    pub version: Short<VERSION_MAX>,
    /// mgmt.firmware.name.
    pub name: Short<NAME_MAX>,
    /// mgmt.firmware.uri.
    pub uri: Short<URI_MAX>,
    /// mgmt.firmware.verifier.
    pub verifier: Short<VERIFIER_MAX>,
}

/// The attributes of a message that are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unknown<'t> {
    names: [Option<Text<'t>>; Unknown::NAMED],
}

impl Unknown<'_> {
    /// How many of them are named in the answer.
    const NAMED: usize = 4;
    /// Longest name that is repeated, bytes as it is written.
    const NAME_MAX: usize = 64;

    /// Whether there is none that could be named.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }
}

impl<'t> Unknown<'t> {
    fn add(&mut self, name: Text<'t>) {
        if name.raw().len() <= Self::NAME_MAX
            && let Some(place) = self.names.iter_mut().find(|place| place.is_none())
        {
            *place = Some(name);
        }
    }

    /// Their names, the first of them.
    pub fn names(&self) -> impl Iterator<Item = Text<'t>> {
        self.names.into_iter().flatten()
    }
}

/// Why attributes are not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken<'t> {
    /// The message is not well formed, or a value is none for its attribute.
    Bad,
    /// There are no such attributes.
    Unknown(Unknown<'t>),
}

impl NotTaken<'_> {
    /// The answer.
    pub fn rc(&self) -> Rc {
        match self {
            Self::Bad => Rc::BadRequest,
            Self::Unknown(_) => Rc::NotFound,
        }
    }
}

/// The attribute of this name, "mgmt.firmware" or a member of it.
pub fn field(name: Text<'_>) -> Option<Field> {
    let known = Field::ALL.into_iter().find(|field| name.is(field.path()));
    known.or_else(|| name.is(Field::URL_PATH).then_some(Field::Uri))
}

/// The set of attributes that a message names.
///
/// # Errors
/// [`NotTaken`]: then none of them counts.
pub fn named(fields: Fields<'_>) -> Result<u8, NotTaken<'_>> {
    let mut unknown = None::<Unknown<'_>>;
    let mut set = 0;
    for attribute in fields {
        let name = attribute.map_err(|_| NotTaken::Bad)?.name;
        match field(name) {
            Some(field) => set |= field.bit(),
            None => unknown.get_or_insert_default().add(name),
        }
    }
    unknown.map_or(Ok(set), |unknown| Err(NotTaken::Unknown(unknown)))
}

/// What a write asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Write {
    /// The attributes as they will be.
    pub attributes: Attributes,
    /// mgmt.firmware.state, if it is written.
    pub state: Option<State>,
    /// mgmt.firmware.updateStatus, if it is written.
    pub status: Option<UpdateStatus>,
}

impl Attributes {
    /// None were written.
    pub const EMPTY: Self =
        Self { version: Short::EMPTY, name: Short::EMPTY, uri: Short::EMPTY, verifier: Short::EMPTY };

    /// The fingerprints of none.
    pub const NO_PRINTS: [u32; 3] = [PRINT; 3];

    /// What these attributes are after a write. What it does not name stays.
    ///
    /// # Errors
    /// [`NotTaken`]: then nothing is written.
    pub fn written<'t>(&self, fields: Fields<'t>) -> Result<Write, NotTaken<'t>> {
        let mut write = Write::to(self);
        write.read(fields)?;
        Ok(write)
    }

    /// The URI, if it is one that can be downloaded from: with a host, and one of these schemes.
    pub fn source(&self, schemes: &[&str]) -> Option<&str> {
        let uri = self.uri.as_str();
        let scheme = uri::scheme(uri)?;
        schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)).then_some(uri)
    }

    /// Fingerprints of URI, verifier and version.
    pub fn prints(&self) -> [u32; 3] {
        [self.uri.as_str(), self.verifier.as_str(), self.version.as_str()]
            .map(|text| text::print(PRINT, text.as_bytes()))
    }

    /// Whether an image that was downloaded with attributes of these fingerprints, and says that it has this
    /// version, is the one that these attributes are about: what is empty may be any.
    pub fn are_of(&self, prints: [u32; 3], version: &str) -> bool {
        let [uri, verifier, own] = self.prints();
        let [its_uri, its_verifier, its_version] = prints;
        (self.uri.is_empty() || uri == its_uri)
            && (self.verifier.is_empty() || verifier == its_verifier)
            && (self.version.is_empty() || own == its_version || self.version.as_str() == version)
    }

    /// Sets a text; what is none stays as it is.
    ///
    /// # Errors
    /// It does not fit: then it is nothing that can be relied on.
    pub(crate) fn set(&mut self, field: Field, to: &mut dyn Iterator<Item = char>) -> Result<(), Unfit> {
        match field {
            Field::Firmware | Field::State | Field::UpdateStatus => Ok(()),
            Field::Version => self.version.set(to),
            Field::Name => self.name.set(to),
            Field::Uri => self.uri.set(to),
            Field::Verifier => self.verifier.set(to),
        }
    }

    /// Writes the value of an attribute.
    pub fn show(&self, field: Field, shown: Shown, json: &mut Writer<'_, '_>) {
        match field {
            Field::Firmware => {
                json.object();
                let members = Field::ALL.into_iter().filter(|field| *field != Field::Firmware);
                for field in members.filter(|field| self.has(*field)) {
                    json.key(field.name());
                    self.show_scalar(field, shown, json);
                }
                json.end_object();
            }
            Field::State | Field::UpdateStatus | Field::Version => self.show_scalar(field, shown, json),
            Field::Name | Field::Uri | Field::Verifier => self.show_scalar(field, shown, json),
        }
    }

    fn has(&self, field: Field) -> bool {
        self.text(field).is_none_or(|text| !text.is_empty())
    }

    fn text(&self, field: Field) -> Option<&str> {
        match field {
            Field::Firmware | Field::State | Field::UpdateStatus => None,
            Field::Version => Some(self.version.as_str()),
            Field::Name => Some(self.name.as_str()),
            Field::Uri => Some(self.uri.as_str()),
            Field::Verifier => Some(self.verifier.as_str()),
        }
    }

    fn show_scalar(&self, field: Field, shown: Shown, json: &mut Writer<'_, '_>) {
        match (field, self.text(field)) {
            (_, Some(text)) => json.string(text),
            (Field::State, None) => json.number(shown.state as u32),
            (_, None) => json.number(shown.status as u32),
        };
    }
}

impl Write {
    /// Nothing is asked for: the attributes stay as they are.
    pub(crate) fn to(attributes: &Attributes) -> Self {
        Self { attributes: *attributes, state: None, status: None }
    }

    /// Takes what a message asks for.
    ///
    /// # Errors
    /// [`NotTaken`]: then nothing is to be written.
    pub(crate) fn read<'t>(&mut self, fields: Fields<'t>) -> Result<(), NotTaken<'t>> {
        let mut unknown = None::<Unknown<'_>>;
        for attribute in fields {
            let attribute = attribute.map_err(|_| NotTaken::Bad)?;
            let Some(field) = field(attribute.name) else {
                unknown.get_or_insert_default().add(attribute.name);
                continue;
            };
            let value = attribute.value.ok_or(NotTaken::Bad)?;
            match field {
                Field::Firmware => self.object(value),
                Field::State | Field::UpdateStatus | Field::Version => self.scalar(field, value),
                Field::Name | Field::Uri | Field::Verifier => self.scalar(field, value),
            }
            .ok_or(NotTaken::Bad)?;
        }
        unknown.map_or(Ok(()), |unknown| Err(NotTaken::Unknown(unknown)))
    }

    /// The value of the object. Members that it has not are unknown, and mean nothing.
    fn object(&mut self, value: Value<'_>) -> Option<()> {
        let mut url = None;
        let mut uri = false;
        for member in value.object()?.members() {
            let (key, value) = member.ok()?;
            if key.is(Field::URL) {
                url = Some(value);
                continue;
            }
            let known = |field: &Field| *field != Field::Firmware && key.is(field.name());
            if let Some(field) = Field::ALL.into_iter().find(known) {
                uri |= field == Field::Uri;
                self.scalar(field, value)?;
            }
        }
        match url {
            // Where both are there, the later name counts.
            Some(url) if !uri => self.scalar(Field::Uri, url),
            Some(_) | None => Some(()),
        }
    }

    fn scalar(&mut self, field: Field, value: Value<'_>) -> Option<()> {
        match field {
            Field::Firmware => return None,
            Field::State => self.state = Some(State::from_number(value.unsigned()?)?),
            Field::UpdateStatus => self.status = Some(UpdateStatus::from_number(value.unsigned()?)?),
            Field::Version | Field::Name | Field::Uri | Field::Verifier => {
                return self.attributes.set(field, &mut value.string()?.chars()).ok();
            }
        }
        Some(())
    }

    /// Whether what is shown begins anew with it.
    pub fn resets(&self, shown: Shown) -> bool {
        match shown.state {
            State::Idle => self.status == Some(UpdateStatus::Success),
            State::Downloading => false,
            State::Downloaded => self.state == Some(State::Idle),
        }
    }
}

/// Of a notification, the members that it tells: those that changed, and both where that is an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state, if it is told.
    pub state: Option<State>,
    /// The status, if it is told.
    pub status: Option<UpdateStatus>,
}

impl Change {
    /// From what was told to what is shown. Firmware: "All fields [..] must be set at the same time, so that
    /// [..] only a single notify message is sent."
    pub fn between(told: Shown, shown: Shown) -> Self {
        let (state, status) = (Some(shown.state), Some(shown.status));
        if shown.state == State::Downloading && shown.status == told.status {
            Self { state, status: None }
        } else if shown.status == UpdateStatus::InProgress && shown.state == told.state {
            Self { state: None, status }
        } else {
            Self { state, status }
        }
    }

    /// Writes it as the value of [`Field::Firmware`].
    pub fn show(&self, json: &mut Writer<'_, '_>) {
        json.object();
        if let Some(state) = self.state {
            json.key(Field::State.name()).number(state as u32);
        }
        if let Some(status) = self.status {
            json.key(Field::UpdateStatus.name()).number(status as u32);
        }
        json.end_object();
    }
}

/// The version of what runs, and not only of what is confirmed.
pub fn running<'s>(status: &Status<'s>) -> &'s str {
    let slot = status.slots.get(usize::from(status.running.0)).and_then(|slot| slot.verified());
    slot.map_or(&status.installed.version, |verified| &verified.image().version).as_str()
}

/// The check that a verifier asks for: its algorithm and what is expected; `None` if it is empty.
pub fn check<'v>(
    verifier: &'v str,
    digest: &'v Option<crate::note::Digest>,
) -> Option<(Algorithm, &'v [u8])> {
    match digest {
        Some(digest) => crate::spec::verifier(digest.len()).map(|algorithm| (algorithm, digest.as_slice())),
        None if verifier.is_empty() => None,
        None => Some((Algorithm::Text, verifier.as_bytes())),
    }
}

/// Writes attributes with their values, as the value of [`member::FIELDS`].
pub fn list<T>(
    json: &mut Writer<'_, '_>,
    of: impl Iterator<Item = T>,
    show: &mut dyn FnMut(T, &mut Writer<'_, '_>),
) {
    json.key(member::D).object().key(member::FIELDS).array();
    for one in of {
        show(one, json);
    }
    json.end_array().end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_are_empty_have_the_fingerprints_of_none() {
        assert_eq!(Attributes::EMPTY.prints(), Attributes::NO_PRINTS);
    }

    #[test]
    fn a_notification_tells_what_changed_and_both_at_an_end() {
        let shown = |state, status| Shown {
            state: State::from_number(state).unwrap(),
            status: UpdateStatus::from_number(status).unwrap(),
        };
        for (told, now, expected) in [
            ((0, 0), (1, 0), (Some(1), None)),
            ((0, 3), (1, 0), (Some(1), Some(0))),
            ((1, 0), (2, 0), (Some(2), Some(0))),
            ((1, 0), (0, 4), (Some(0), Some(4))),
            ((2, 0), (2, 1), (None, Some(1))),
            ((2, 1), (0, 0), (Some(0), Some(0))),
            ((2, 1), (2, 5), (Some(2), Some(5))),
            ((0, 0), (2, 1), (Some(2), Some(1))),
        ] {
            let change = Change::between(shown(told.0, told.1), shown(now.0, now.1));
            let numbers = (change.state.map(|s| s as u32), change.status.map(|s| s as u32));
            assert_eq!(numbers, expected, "{told:?} to {now:?}");
        }
    }
}
