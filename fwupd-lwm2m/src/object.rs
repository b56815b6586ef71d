//! Object 5 alone, without CoAP: for whoever has an LwM2M stack already.
//!
//! Reads give values; writes and executions change the note and come to a [`Deed`]: what the updater is told, by
//! [`Firmware::carry_out`], with the note in the same frame. The answer is for when [`Updater::settled`] says
//! that it is written. Where one is refused, the note has not changed.

use fwupd_coap::uri::{self, Uri as CoapUri};
use fwupd_core::lifecycle::{AfterReset, State as Life};
use fwupd_core::outcome::{Ask, Failure, Initiator, Reach, Run, What};
use fwupd_core::status::Status;
use fwupd_core::time::{Deadline, Now};
use fwupd_core::updater::{Command, Job, Platform, Settled, Updater};

use crate::note::{Note, Uri};
use crate::spec::{
    self, Answer, Delivery, Lwm2m, Protocol, Resource, STRING_MAX, Severity, Shown, State, UpdateResult,
};
use crate::value::{Input, Value};

/// What a resource's access comes to where it is not carried out.
pub type Refusal = Answer;

/// The protocols that the device can download by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schemes(u8);

impl Schemes {
    /// None: packages are delivered only.
    pub const NONE: Self = Self(0);
    /// CoAP over UDP.
    pub const COAP: Self = Self::NONE.with(Protocol::Coap);

    /// These and one more.
    #[must_use]
    pub const fn with(self, protocol: Protocol) -> Self {
        Self(self.0 | 1 << protocol as u8)
    }

    /// Whether it is one of them.
    pub const fn has(self, protocol: Protocol) -> bool {
        self.0 & (1 << protocol as u8) != 0
    }
}

/// What the object needs to know of its device.
#[derive(Clone, Copy, Debug)]
pub struct Firmware<'a> {
    /// The number by which the application knows this adapter.
    pub by: Initiator,
    /// Which version of the object it is.
    pub version: Lwm2m,
    /// /5/0/6, 0 to 255 bytes; empty if the packages have no name.
    pub package_name: &'a str,
    /// /5/0/8.
    pub schemes: Schemes,
    /// /5/0/9.
    pub delivery: Delivery,
}

/// What a write or an execution comes to, beside the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed<'v> {
    /// What the updater is told.
    pub order: Order<'v>,
    /// The answer, once it is written.
    pub answer: Answer,
}

/// What the updater is told. The note goes into the same frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order<'v> {
    /// The note alone.
    Remember,
    /// [`Command::Receive`]: a package is delivered.
    Receive,
    /// [`Command::Fetch`].
    Fetch {
        /// /5/0/1.
        uri: &'v str,
        /// How the download fails at once.
        fails: Option<Failure>,
    },
    /// [`Command::Cancel`].
    Cancel,
    /// [`Command::Discard`], the slot included.
    Discard,
    /// [`Command::Activate`] of what is staged.
    Activate(Ask),
}

impl<'v> From<Order<'v>> for Deed<'v> {
    fn from(order: Order<'v>) -> Self {
        Self { order, answer: Answer::Changed }
    }
}

impl Firmware<'_> {
    /// The note that the updater keeps; a fresh one if it keeps none.
    pub fn note<P: Platform>(&self, up: &Updater<P>) -> Note {
        up.recall(self.by).and_then(Note::parse).unwrap_or(Note::FRESH)
    }

    /// /5/0/3 and /5/0/5, once the updater has loaded.
    pub fn shown<P: Platform>(&self, up: &Updater<P>) -> Option<Shown> {
        up.status().map(|status| self.project(&status, &self.note(up)))
    }

    /// [`spec::project`] for this version of the object: 1.0 knows neither cancelled nor deferred.
    pub fn project(&self, status: &Status<'_>, note: &Note) -> Shown {
        let shown = spec::project(status, note);
        match (self.version, shown.result) {
            (Lwm2m::V1_0, UpdateResult::Cancelled | UpdateResult::Deferred) => {
                Shown { result: UpdateResult::Initial, ..shown }
            }
            _ => shown,
        }
    }

    /// The resource with this number, in this version of the object.
    ///
    /// # Errors
    /// 4.04 where there is none.
    pub fn resource(&self, id: u16) -> Result<Resource, Refusal> {
        let resource = Resource::from_number(id).ok_or(Answer::NotFound)?;
        match self.version {
            Lwm2m::V1_0 if resource >= Resource::Cancel => Err(Answer::NotFound),
            Lwm2m::V1_0 | Lwm2m::V1_1 => Ok(resource),
        }
    }

    /// Reads a resource. `uri` is what [`Updater::uri`] says.
    ///
    /// # Errors
    /// 4.05 for one that cannot be read, 4.04 for one that is not there now.
    pub fn read<'s>(
        &'s self,
        resource: Resource,
        status: &Status<'s>,
        note: &Note,
        uri: Option<&'s str>,
    ) -> Result<Value<'s>, Refusal> {
        if !resource.operations().reads() {
            return Err(Answer::MethodNotAllowed);
        }
        let shown = self.project(status, note);
        let value = match resource {
            Resource::Package | Resource::Update | Resource::Cancel => None,
            Resource::PackageUri => Some(Value::Text(match note.uri {
                Uri::Empty => "",
                Uri::Kept => uri.unwrap_or_default(),
            })),
            Resource::State => Some(Value::Integer(shown.state as u32)),
            Resource::UpdateResult => Some(Value::Integer(shown.result as u32)),
            Resource::PkgName => {
                package(status.state).map(|_| Value::Text(self.package_name)).filter(Value::is_some)
            }
            Resource::PkgVersion => package(status.state).map(Value::Text),
            Resource::ProtocolSupport => Some(Value::Flags(self.schemes.0)),
            Resource::DeliveryMethod => Some(Value::Integer(self.delivery as u32)),
            Resource::Severity => Some(Value::Integer(note.severity as u32)),
            Resource::LastStateChangeTime => changed(status, note).map(Value::Time),
            Resource::MaximumDeferPeriod => note.max_defer.map(Value::Integer),
        };
        value.ok_or(Answer::NotFound)
    }

    /// What a Write of a resource comes to. A package that is no reset comes to [`Order::Receive`]: its bytes
    /// are then told by [`Updater::chunk`].
    ///
    /// # Errors
    /// 4.05 for one that cannot be written (now), 4.00 for a value that it does not take.
    pub fn write<'v>(
        &self,
        resource: Resource,
        value: Input<'v>,
        status: &Status<'_>,
        note: &mut Note,
        now: Now,
    ) -> Result<Deed<'v>, Refusal> {
        match resource {
            Resource::Package => match value.bytes() {
                [] | [0] => self.reset(status, note, now),
                [..] => self.receive(status, note, now),
            },
            Resource::PackageUri => {
                let uri = value.text().ok_or(Answer::BadRequest)?;
                match uri {
                    "" | "\0" => {
                        let deed = self.reset(status, note, now)?;
                        note.uri = Uri::Empty;
                        Ok(deed)
                    }
                    _ => self.fetch(uri, status, note, now),
                }
            }
            Resource::Severity => {
                let number = value.unsigned(true).and_then(|number| u8::try_from(number).ok());
                note.severity = number.and_then(Severity::from_number).ok_or(Answer::BadRequest)?;
                Ok(Order::Remember.into())
            }
            Resource::MaximumDeferPeriod => {
                note.max_defer = Some(value.unsigned(false).ok_or(Answer::BadRequest)?);
                Ok(Order::Remember.into())
            }
            Resource::Update | Resource::State | Resource::UpdateResult => Err(Answer::MethodNotAllowed),
            Resource::PkgName | Resource::PkgVersion => Err(Answer::MethodNotAllowed),
            Resource::ProtocolSupport | Resource::DeliveryMethod => Err(Answer::MethodNotAllowed),
            Resource::Cancel | Resource::LastStateChangeTime => Err(Answer::MethodNotAllowed),
        }
    }

    /// What an Execute comes to. Its arguments mean nothing here.
    ///
    /// # Errors
    /// 4.05 for what cannot be executed (now).
    pub fn execute(
        &self,
        resource: Resource,
        status: &Status<'_>,
        note: &mut Note,
        now: Now,
    ) -> Result<Deed<'static>, Refusal> {
        let state = self.project(status, note).state;
        match resource {
            Resource::Update => {
                if state != State::Downloaded {
                    return Err(Answer::MethodNotAllowed);
                }
                let ask = if note.max_defer == Some(0) { Ask::No } else { Ask::User };
                // The period runs from the first Execute, however often it is put off.
                let deferred = matches!(
                    status.last.map(|last| (last.by == self.by, last.what)),
                    Some((true, What::Failed(Failure::Deferred)))
                );
                let begun = note.deadline.filter(|_| deferred);
                let period = note.max_defer.filter(|seconds| *seconds > 0);
                let after = |seconds| Deadline::after(u64::from(seconds).saturating_mul(1000), now);
                note.deadline = begun.or(period.map(after));
                note.own = None;
                note.changed = now.wall.or(note.changed);
                Ok(Order::Activate(ask).into())
            }
            Resource::Cancel => {
                let order = give_up(status.state).ok_or(Answer::MethodNotAllowed)?;
                end(note, Some((status.run, UpdateResult::Cancelled)), now);
                Ok(order.into())
            }
            Resource::Package | Resource::PackageUri | Resource::State => Err(Answer::MethodNotAllowed),
            Resource::UpdateResult | Resource::PkgName => Err(Answer::MethodNotAllowed),
            Resource::PkgVersion | Resource::ProtocolSupport => Err(Answer::MethodNotAllowed),
            Resource::DeliveryMethod | Resource::Severity => Err(Answer::MethodNotAllowed),
            Resource::LastStateChangeTime | Resource::MaximumDeferPeriod => Err(Answer::MethodNotAllowed),
        }
    }

    /// Gives a deed's command to the updater, or has the note alone remembered.
    ///
    /// # Errors
    /// The answer to what the updater has refused; 5.03 while the updater can take nothing, which is while
    /// [`Updater::settled`] is pending, or it has not loaded.
    pub fn carry_out<P: Platform>(
        &self,
        order: Order<'_>,
        note: &Note,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<(), Refusal> {
        let bytes = note.emit();
        let Some(state) = up.status().map(|status| spec::project(&status, note).state) else {
            return Err(Answer::Unavailable);
        };
        if up.settled(self.by) == Settled::Pending {
            return Err(Answer::Unavailable);
        }
        let job = |uri, after| Job { uri, reach: Reach::Stage, target: None, after, file_check: None };
        let (command, writes) = match order {
            Order::Remember => return up.remember(self.by, &bytes).map_err(spec::refused_command),
            Order::Receive => (Command::Receive(job(None, AfterReset::Fail)), true),
            Order::Fetch { uri, .. } => (Command::Fetch(job(Some(uri), AfterReset::Resume)), true),
            Order::Cancel => (Command::Cancel, false),
            Order::Discard => (Command::Discard { keep_slot: false }, false),
            Order::Activate(ask) => (Command::Activate { slot: None, ask }, false),
        };
        match up.command(self.by, command, Some(&bytes), now) {
            Ok(_) => Ok(()),
            Err(why) if writes => Err(spec::refused_write(why, state)),
            Err(why) => Err(spec::refused_command(why)),
        }
    }

    /// Package written: its bytes follow.
    ///
    /// # Errors
    /// As the state has it, or 4.05 where no package can be delivered.
    pub fn receive(&self, status: &Status<'_>, note: &mut Note, now: Now) -> Result<Deed<'static>, Refusal> {
        self.begins(status, note)?;
        if self.delivery == Delivery::Pull {
            return Err(Answer::MethodNotAllowed);
        }
        end(note, None, now);
        Ok(Order::Receive.into())
    }

    /// What a refused package leaves behind: its result, of its own, and nothing else.
    pub fn refuse(
        &self,
        status: &Status<'_>,
        note: &mut Note,
        result: UpdateResult,
        now: Now,
    ) -> Order<'static> {
        end(note, Some((status.run, result)), now);
        give_up(status.state).unwrap_or(Order::Remember)
    }

    fn fetch<'v>(
        &self,
        uri: &'v str,
        status: &Status<'_>,
        note: &mut Note,
        now: Now,
    ) -> Result<Deed<'v>, Refusal> {
        self.begins(status, note)?;
        if self.delivery == Delivery::Push {
            return Err(Answer::MethodNotAllowed);
        }
        if uri.len() > STRING_MAX {
            return Err(Answer::BadRequest);
        }
        let supported = |scheme: &str| {
            let mut all = Protocol::ALL.into_iter().filter(|protocol| self.schemes.has(*protocol));
            all.any(|protocol| protocol.scheme().eq_ignore_ascii_case(scheme))
        };
        if uri::scheme(uri).is_some_and(|scheme| !supported(scheme)) {
            note.own = Some((status.run, UpdateResult::UnsupportedProtocol));
            return Ok(Deed { order: Order::Remember, answer: Answer::BadRequest });
        }
        // What names nothing is begun all the same, so that it is kept, and fails before a byte is asked for.
        let fails = CoapUri::parse(uri).is_err().then_some(Failure::InvalidUri);
        end(note, None, now);
        note.uri = Uri::Kept;
        Ok(Order::Fetch { uri, fails }.into())
    }

    /// Whether a Write can ask for an update now.
    fn begins(&self, status: &Status<'_>, note: &Note) -> Result<(), Refusal> {
        let state = self.project(status, note).state;
        match (status.state, state) {
            (Life::Idle, _) => Ok(()),
            (_, State::Updating) => Err(Answer::MethodNotAllowed),
            (_, State::Idle | State::Downloading | State::Downloaded) => Err(Answer::BadRequest),
        }
    }

    /// An empty URI, or a package that is one NUL byte, or none.
    fn reset(&self, status: &Status<'_>, note: &mut Note, now: Now) -> Result<Deed<'static>, Refusal> {
        let order = match (status.state, give_up(status.state)) {
            (Life::Idle, _) => Order::Remember,
            (_, Some(order)) => order,
            (_, None) => return Err(Answer::MethodNotAllowed),
        };
        end(note, Some((status.run, UpdateResult::Initial)), now);
        Ok(order.into())
    }
}

/// What ends the work of a state that can be ended.
fn give_up(state: &Life) -> Option<Order<'static>> {
    match state {
        Life::Receiving { .. } | Life::Validating { .. } => Some(Order::Cancel),
        Life::Staged { .. } => Some(Order::Discard),
        Life::Idle | Life::Checking { .. } => None,
        Life::Activating { .. } | Life::Trial { .. } | Life::Reverting { .. } => None,
    }
}

/// An update ends, or another begins: the state changes now.
fn end(note: &mut Note, own: Option<(Run, UpdateResult)>, now: Now) {
    note.own = own;
    note.deadline = None;
    note.changed = now.wall.or(note.changed);
}

/// The version of the package that is there.
fn package(state: &Life) -> Option<&str> {
    match state {
        Life::Staged { image, .. } | Life::Activating { image, .. } => Some(image.image().version.as_str()),
        Life::Trial { image, .. } | Life::Reverting { image, .. } => Some(image.image().version.as_str()),
        Life::Idle | Life::Checking { .. } | Life::Receiving { .. } | Life::Validating { .. } => None,
    }
}

/// When the state changed last, as far as it is known: by a command, or as a run ended.
fn changed(status: &Status<'_>, note: &Note) -> Option<u64> {
    note.changed.max(status.last.and_then(|last| last.wall))
}
