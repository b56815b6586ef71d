//! The device: requests of the platform become commands, changes become notifications.
//!
//! MQTT is the application's. [`Device::handle`] takes the topic and the payload of a message that came in, and
//! writes the payload of its answer. Where the updater has first to write something, it says
//! [`Handled::Again`]: the application carries out the updater's flash operations and its `need`, and hands in
//! the same message again. Nothing is done twice by that. [`Device::poll`] gives what else is to be sent. All is
//! published at QoS 1 and not retained, and what was begun in one connection is delivered in the next.

mod manage;
mod notify;
mod request;

use fwupd_core::lifecycle::State as Life;
use fwupd_core::outcome::{Ask, Failure, Initiator, Run, What};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Platform, Settled, Updater};

use crate::firmware::Attributes;
use crate::note::{self, Note};
use crate::spec::{self, Inbound, LIFETIME_MIN, Rc, Shown, topic};
use crate::wire::Out;
use crate::wire::message::{Envelope, ReqId};
use crate::wire::text::{self, PRINT, Short, digit};
pub use manage::Standing;
use manage::{Management, manage};
use notify::{Notified, Owed};
use request::{Answer, Busy, Turn};

/// Milliseconds on a clock that never goes back, as [`Now::mono`].
pub type Millis = u64;

/// Room that every message needs to be written in, bytes.
pub const OUT_MAX: usize = 2560;
/// Requests that are known again when they are delivered twice.
const SEEN: usize = 4;
/// After so long an activation that was put off without a time is tried again, milliseconds.
const DEFERRED: Millis = 3_600_000;

/// A version that takes as much room as any: [`Version::MAX`](fwupd_core::image::Version::MAX) characters that
/// need the longest escape.
const LONGEST_VERSION: &str = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// What the device is, as it is told with a manage request; what is empty is not told. The version of the
/// firmware comes from the updater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeviceInfo<'a> {
    /// deviceInfo.serialNumber.
    pub serial_number: &'a str,
    /// deviceInfo.manufacturer.
    pub manufacturer: &'a str,
    /// deviceInfo.model.
    pub model: &'a str,
    /// deviceInfo.deviceClass.
    pub device_class: &'a str,
    /// deviceInfo.description.
    pub description: &'a str,
    /// deviceInfo.hwVersion.
    pub hw_version: &'a str,
    /// deviceInfo.descriptiveLocation.
    pub descriptive_location: &'a str,
}

/// What a device is made of. [`Config::new`] has values for most of it.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// The number by which the application knows this adapter.
    pub by: Initiator,
    /// Seconds until the platform calls the device dormant, 3600 at least; 0: it never does.
    pub lifetime: u32,
    /// What the device is.
    pub info: DeviceInfo<'a>,
    /// Whether the application carries out reboots and factory resets: see [`Device::wanted`].
    pub device_actions: bool,
    /// Whether firmware is downloaded and updated.
    pub firmware_actions: bool,
    /// The schemes that the application downloads from.
    pub schemes: &'a [&'a str],
    /// Whether the application is asked before an update.
    pub ask: Ask,
    /// A random number, another one after each reset: the device's request identifiers begin with it.
    pub seed: u64,
}

impl<'a> Config<'a> {
    /// A device that is never dormant, downloads by HTTPS and HTTP, and does not ask.
    pub fn new(seed: u64) -> Self {
        Self {
            by: Initiator(1),
            lifetime: 0,
            info: DeviceInfo::default(),
            device_actions: false,
            firmware_actions: true,
            schemes: &["https", "http"],
            ask: Ask::No,
            seed,
        }
    }
}

/// Why a device cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadConfig {
    /// A lifetime of 1 to 3599 seconds.
    Lifetime,
    /// The strings of the device information are longer than [`OUT_MAX`] has room for.
    Info,
}

/// The buffer has less than [`OUT_MAX`] bytes. Nothing has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// What a message came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is dealt with; this is the answer, if one is wanted.
    Done(Option<Publish>),
    /// The updater has something to do first: run its flash operations and its `need`, then hand in the same
    /// message again.
    Again,
}

/// A message to be published, at QoS 1 and not retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Its topic.
    pub topic: &'static str,
    /// The length of its payload, which the buffer begins with, bytes.
    pub length: usize,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A subscription to this filter, at QoS 1.
    Subscribe(&'static str),
    /// A message.
    Publish(Publish),
}

/// What the platform wants the application to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A reset of the device.
    Reboot,
    /// The device as it left the factory, and a reset.
    FactoryReset,
}

/// Whether there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// Nothing has been subscribed to yet.
    Fresh,
    Up,
}

/// Whether the attributes that outlived the reset have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Unread,
    Read,
}

/// Whether what is observed stays so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Observations {
    Stay,
    /// The platform has forgotten them: so is the device to do.
    Forget,
}

/// A managed device.
#[derive(Debug)]
pub struct Device<'a> {
    config: Config<'a>,
    link: Link,
    management: Management,
    /// Number of the next request.
    next: u32,
    kept: Kept,
    attributes: Attributes,
    busy: Option<Busy>,
    /// The latest requests and their answers, the newest first.
    seen: [Option<(u32, Rc)>; SEEN],
    /// What the platform was told last; none since the reset: what the note says.
    told: Option<Shown>,
    notified: Option<Notified>,
    /// A notification that is owed though nothing may have changed.
    owed: Option<Owed>,
    observations: Observations,
    /// When an activation that was put off in this run is tried again.
    again: Option<(Run, Millis)>,
    wanted: Option<Wanted>,
    /// Whether the last poll left nothing to tell.
    quiet: bool,
}

/// What the updater says at one time.
#[derive(Clone, Copy)]
struct View<'s> {
    status: Status<'s>,
    note: Note,
    shown: Shown,
}

impl<'a> Device<'a> {
    /// A device without a connection.
    ///
    /// # Errors
    /// [`BadConfig`].
    pub fn new(config: Config<'a>) -> Result<Self, BadConfig> {
        if (1..LIFETIME_MIN).contains(&config.lifetime) {
            return Err(BadConfig::Lifetime);
        }
        let needed = match manage(&config, LONGEST_VERSION, id(0, u32::MAX).as_str(), &mut []) {
            Ok(length) => length,
            Err(full) => full.needed,
        };
        if needed > OUT_MAX {
            return Err(BadConfig::Info);
        }
        Ok(Self {
            config,
            link: Link::Down,
            management: Management::new(),
            next: 1,
            kept: Kept::Unread,
            attributes: Attributes::EMPTY,
            busy: None,
            seen: [None; SEEN],
            told: None,
            notified: None,
            owed: None,
            observations: Observations::Stay,
            again: None,
            wanted: None,
            quiet: false,
        })
    }

    /// There is a connection: the next polls subscribe, and ask to be managed.
    pub fn connected(&mut self, now: Now) {
        self.link = Link::Fresh;
        self.management.ask(now.mono);
        self.quiet = false;
    }

    /// There is none any more. What is observed, and whether the device is managed, outlives that. A message
    /// that was to be handed in again need not be: the broker delivers it once more.
    pub fn disconnected(&mut self) {
        self.link = Link::Down;
        self.busy = None;
    }

    /// A message came in. `out` takes the payload of the answer.
    ///
    /// Where several adapters share an updater, all of them are polled between its flash operations and this: a
    /// run that has ended is seen by its own adapter only until another one begins.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn handle<P: Platform>(
        &mut self,
        topic: &str,
        payload: &[u8],
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Result<Handled, NoRoom> {
        let Some(inbound) = Inbound::from_topic(topic) else { return Ok(Handled::Done(None)) };
        if out.len() < OUT_MAX {
            return Err(NoRoom);
        }
        self.quiet = false;
        self.load(up);
        let envelope = Envelope::parse(payload);
        if inbound == Inbound::Response {
            self.response(&envelope, now);
            return Ok(Handled::Done(None));
        }
        let print = text::print(text::print(PRINT, topic.as_bytes()), payload);
        let busy = self.busy.filter(|busy| busy.print == print);
        let turn = match busy {
            Some(busy) => self.go_on(busy, inbound, &envelope, now, up),
            None => self.start(inbound, &envelope, now, up),
        };
        Ok(match turn {
            Turn::Again(step) => {
                self.busy = Some(Busy { print, step });
                Handled::Again
            }
            Turn::Silent => {
                self.busy = None;
                Handled::Done(None)
            }
            Turn::Done(answer) => {
                self.busy = None;
                Handled::Done(self.respond(inbound, &envelope, &answer, up, out))
            }
        })
    }

    /// What is to be sent now; to be called until there is nothing. `out` takes the payload.
    ///
    /// To be called after the updater's flash operations, and of all adapters before more is handled.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn poll<P: Platform>(
        &mut self,
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Result<Option<Outgoing>, NoRoom> {
        if out.len() < OUT_MAX {
            return Err(NoRoom);
        }
        self.load(up);
        self.tidy(now, up);
        let Some(view) = self.view(up) else { return Ok(None) };
        match self.link {
            Link::Down => {
                self.quiet = !self.has_news(&view);
                return Ok(None);
            }
            Link::Fresh => {
                self.link = Link::Up;
                return Ok(Some(Outgoing::Subscribe(topic::FILTER)));
            }
            Link::Up => {}
        }
        let publish = match self.ask_to_be_managed(&view, now, out) {
            Some(publish) => Some(publish),
            None => self.tell(&view, out),
        };
        self.quiet = publish.is_none();
        Ok(publish.map(Outgoing::Publish))
    }

    /// When [`poll`](Self::poll) may have something to send, whatever else happens: monotonic milliseconds. A
    /// change of the updater's state is told at the next poll in any case.
    pub fn poll_timeout(&self, now: Now) -> Option<Millis> {
        let due = self.management.timeout().filter(|_| self.link != Link::Down);
        let again = self.again.map(|(_, at)| at);
        due.into_iter().chain(again).min().map(|at| at.max(now.mono))
    }

    /// Whether nothing is left to say before a reset: every request is answered, and every change told. What was
    /// published last may still be on its way; and without a connection nothing can be told, so that the
    /// application sets the limit to that.
    pub fn drained(&self) -> bool {
        self.busy.is_none() && self.quiet
    }

    /// How the platform stands to this device.
    pub fn standing(&self) -> Standing {
        self.management.standing()
    }

    /// Asks to be managed no longer.
    pub fn unmanage(&mut self) {
        self.management.leave();
        self.quiet = false;
    }

    /// What the platform wants the application to do, once it is told that it will be; told once.
    pub fn wanted(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }

    /// Reads the attributes that were kept, once they can be.
    fn load<P: Platform>(&mut self, up: &Updater<P>) {
        if self.kept == Kept::Unread && up.status().is_some() {
            let (by, uri) = (self.config.by, up.uri(self.config.by));
            let kept = up.recall(by).and_then(|note| Note::read(note, uri, Some(&mut self.attributes)));
            if kept.is_none() {
                self.attributes = Attributes::EMPTY;
            }
            self.kept = Kept::Read;
        }
    }

    fn view<'s, P: Platform>(&self, up: &'s Updater<P>) -> Option<View<'s>> {
        let status = up.status()?;
        let kept = up.recall(self.config.by).and_then(|note| Note::read(note, None, None));
        let mut note = kept.unwrap_or(Note::FRESH);
        if self.observations == Observations::Forget {
            note.observed = 0;
        }
        Some(View { shown: spec::project(&status, &note), status, note })
    }

    /// The bytes of a note with these attributes.
    fn noted<P: Platform>(&self, note: &Note, attributes: &Attributes, up: &Updater<P>) -> note::Bytes {
        let kept = up.uri(self.config.by).is_some_and(|uri| uri == attributes.uri.as_str());
        note.emit(attributes, if kept { note::Uri::Updater } else { note::Uri::Noted })
    }

    /// What is to be done without being asked: what was forgotten is noted, what was put off is tried again.
    fn tidy<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        if self.busy.is_some() || up.settled(self.config.by) == Settled::Pending {
            return;
        }
        let Some(view) = self.view(up) else { return };
        if self.observations == Observations::Forget {
            let note = self.noted(&view.note, &self.attributes, up);
            if up.remember(self.config.by, note.as_slice()).is_ok() {
                self.observations = Observations::Stay;
            }
            return;
        }
        let deferred = view.status.last.filter(|last| {
            let staged = matches!(view.status.state, Life::Staged { wanted: None, .. });
            staged && last.by == self.config.by && last.what == What::Failed(Failure::Deferred)
        });
        let Some(last) = deferred else {
            self.again = None;
            return;
        };
        match self.again {
            Some((run, at)) if run == last.run => {
                if now.mono >= at {
                    self.again = None;
                    let command = Command::Activate { slot: None, ask: self.config.ask };
                    // What is refused now is tried again after another wait.
                    let _ = up.command(self.config.by, command, None, now);
                }
            }
            Some(_) | None => {
                self.again = Some((last.run, now.mono.saturating_add(last.until.unwrap_or(DEFERRED))));
            }
        }
    }

    /// An answer of the platform.
    fn response(&mut self, envelope: &Envelope<'_>, now: Now) {
        let (ReqId::Text(req_id), Some(rc)) = (envelope.req_id, envelope.rc()) else { return };
        let is = |number: u32| req_id.is(id(self.config.seed, number).as_str());
        if let Some(notified) = self.notified.filter(|notified| is(notified.number)) {
            self.notified = None;
            match rc {
                // There is no observation: Operations, Notify attribute changes.
                404 => self.observations = Observations::Forget,
                409 | 500 if !notified.again => {
                    self.owed = Some(Owed { again: true, before: notified.before })
                }
                _ => {}
            }
        } else if self.management.awaits().is_some_and(is)
            && self.management.answered(rc, self.config.lifetime, now.mono)
        {
            self.observations = Observations::Forget;
        }
    }

    /// A request's identifier, that has not been used.
    fn fresh_id(&mut self) -> (u32, Short<27>) {
        let number = self.next;
        self.next = number.wrapping_add(1);
        (number, id(self.config.seed, number))
    }
}

/// The identifier of a request of the device: 16 digits of the seed, and the request's number.
fn id(seed: u64, number: u32) -> Short<27> {
    let mut bytes = [0; 27];
    let mut out = Out::new(&mut bytes);
    for byte in seed.to_be_bytes() {
        out.put(&[digit(byte >> 4), digit(byte)]);
    }
    out.put(b"-");
    out.put(text::Decimal::new(number).as_bytes());
    let length = out.finish().unwrap_or(0);
    let text = core::str::from_utf8(bytes.get(..length).unwrap_or_default());
    Short::new(text.unwrap_or_default()).unwrap_or(Short::EMPTY)
}

/// Answers that the adapter itself gives.
impl From<Rc> for Turn<'_> {
    fn from(rc: Rc) -> Self {
        Self::Done(Answer::from(rc))
    }
}
