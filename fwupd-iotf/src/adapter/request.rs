//! Requests of the platform, each from its first sight to its answer: the updater may have to write in between.

use fwupd_core::checksum::FileCheck;
use fwupd_core::lifecycle::{AfterReset, State as Life};
use fwupd_core::outcome::Reach;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Job, Platform, Settled, TAG_MAX, Updater};

use super::notify::Owed;
use super::{Device, Publish, Standing, Wanted};
use crate::firmware::{self, Attributes, NotTaken, Unknown, Write, list};
use crate::note::{self, Digest, Note};
use crate::spec::{
    self, Field, Inbound, NOT_AVAILABLE, Rc, Shown, State, UpdateStatus, member, refused_initiate, topic,
};
use crate::wire::json::Text;
use crate::wire::message::{self, Envelope, ReqId};
use crate::wire::text::{self, PRINT};

/// The request at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy {
    /// Fingerprint of its message.
    pub(super) print: u32,
    pub(super) step: Step,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing has been done.
    Start,
    /// What had been downloaded before is being discarded; then the download begins.
    Discard,
    /// All is done, and answered once it is written.
    Settle(Then),
}

/// What comes with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Nothing,
    /// The platform knows that this is shown.
    Told(Shown),
    /// It is owed a notification, from this on.
    Owes(Shown),
}

/// What a step comes to.
pub(super) enum Turn<'t> {
    /// The updater has something to do first.
    Again(Step),
    /// Nothing is answered.
    Silent,
    /// It is answered, if it wants an answer.
    Done(Answer<'t>),
}

/// An answer.
pub(super) struct Answer<'t> {
    rc: Rc,
    body: Body<'t>,
}

enum Body<'t> {
    Nothing,
    /// The values of this set of attributes.
    Values(u8),
    /// Names that are none, as names or as objects.
    Names(Unknown<'t>),
    Objects(Unknown<'t>),
}

impl From<Rc> for Answer<'_> {
    fn from(rc: Rc) -> Self {
        Self { rc, body: Body::Nothing }
    }
}

impl<'t> Turn<'t> {
    /// Attributes were not taken; their names are told in the way that `body` says.
    fn refused(why: NotTaken<'t>, body: fn(Unknown<'t>) -> Body<'t>) -> Self {
        let body = match why {
            NotTaken::Unknown(unknown) if !unknown.is_empty() => body(unknown),
            NotTaken::Unknown(_) | NotTaken::Bad => Body::Nothing,
        };
        Self::Done(Answer { rc: why.rc(), body })
    }
}

/// Whether a request that comes again is not to be carried out again.
const fn acts(inbound: Inbound) -> bool {
    match inbound {
        Inbound::Update | Inbound::Reboot | Inbound::FactoryReset => true,
        Inbound::Download | Inbound::Install => true,
        Inbound::Response | Inbound::Observe | Inbound::Cancel | Inbound::Other => false,
    }
}

/// Fingerprint of a request by its identifier.
fn print(inbound: Inbound, req_id: Text<'_>) -> u32 {
    text::print(text::print(PRINT, &[inbound as u8]), req_id.raw().as_bytes())
}

impl Device<'_> {
    /// A request that is seen for the first time.
    pub(super) fn start<'t, P: Platform>(
        &mut self,
        inbound: Inbound,
        envelope: &Envelope<'t>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn<'t> {
        let req_id = match envelope.req_id {
            ReqId::Absent => None,
            ReqId::Text(text) => Some(text),
            // It wants an answer and cannot have one.
            ReqId::Unreadable => return Turn::Silent,
        };
        if envelope.body.is_err() {
            return Rc::BadRequest.into();
        }
        if inbound == Inbound::Other {
            return Rc::NotImplemented.into();
        }
        if up.settled(self.config.by) == Settled::Pending {
            return Turn::Again(Step::Start);
        }
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        if let Some(req_id) = req_id.filter(|_| acts(inbound)) {
            let print = print(inbound, req_id);
            let mut seen = self.seen.iter().flatten().chain(view.note.request.as_ref());
            if let Some((_, rc)) = seen.find(|(seen, _)| *seen == print) {
                return (*rc).into();
            }
        }
        match inbound {
            Inbound::Response | Inbound::Other => Turn::Silent,
            Inbound::Update => self.update(envelope, up),
            Inbound::Observe => self.observe(envelope, up),
            Inbound::Cancel => self.cancel(envelope, up),
            Inbound::Reboot | Inbound::FactoryReset | Inbound::Download | Inbound::Install => {
                // Without an identifier it could not be told from its repetition.
                let Some(req_id) = req_id else { return Turn::Silent };
                self.initiate(inbound, print(inbound, req_id), now, up)
            }
        }
    }

    /// The same request again: the updater has had its time.
    pub(super) fn go_on<'t, P: Platform>(
        &mut self,
        busy: Busy,
        inbound: Inbound,
        envelope: &Envelope<'t>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn<'t> {
        match (busy.step, up.settled(self.config.by)) {
            (step, Settled::Pending) => Turn::Again(step),
            (Step::Start, _) => self.start(inbound, envelope, now, up),
            (Step::Discard | Step::Settle(_), Settled::Lost) => Rc::Internal.into(),
            (Step::Discard, Settled::Written) => match envelope.req_id {
                ReqId::Text(req_id) => self.fetch(print(inbound, req_id), now, up),
                ReqId::Absent | ReqId::Unreadable => Turn::Silent,
            },
            (Step::Settle(then), Settled::Written) => self.settled(inbound, envelope, then),
        }
    }

    /// What was asked for is written.
    fn settled<'t>(&mut self, inbound: Inbound, envelope: &Envelope<'t>, then: Then) -> Turn<'t> {
        match then {
            Then::Nothing => {}
            Then::Told(shown) => (self.told, self.owed) = (Some(shown), None),
            Then::Owes(before) => self.owed = Some(Owed { before, again: false }),
        }
        match inbound {
            Inbound::Update => {
                let mut write = Write::to(&self.attributes);
                if envelope.fields().is_ok_and(|fields| write.read(fields).is_ok()) {
                    self.attributes = write.attributes;
                }
                Rc::Changed.into()
            }
            Inbound::Observe => {
                let set = envelope.fields().ok().and_then(|fields| firmware::named(fields).ok());
                Turn::Done(Answer { rc: Rc::Ok, body: Body::Values(set.unwrap_or(0)) })
            }
            Inbound::Cancel => Rc::Ok.into(),
            Inbound::Reboot => {
                self.wanted = Some(Wanted::Reboot);
                Rc::Accepted.into()
            }
            Inbound::Download | Inbound::Install | Inbound::FactoryReset => Rc::Accepted.into(),
            Inbound::Response | Inbound::Other => Turn::Silent,
        }
    }

    /// Operations, Update attributes.
    fn update<'t, P: Platform>(&mut self, envelope: &Envelope<'t>, up: &mut Updater<P>) -> Turn<'t> {
        let Ok(fields) = envelope.fields() else { return Rc::BadRequest.into() };
        let mut write = Write::to(&self.attributes);
        if let Err(why) = write.read(fields) {
            return Turn::refused(why, Body::Names);
        }
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        if view.status.state.owner().is_some() || view.shown.status == UpdateStatus::InProgress {
            return Rc::Conflict.into();
        }
        let mut note = Note { told: self.known(&view), ..view.note };
        let mut then = Then::Nothing;
        if write.resets(view.shown) {
            note.reset = Some(view.status.run);
            // The platform knows what it has written.
            note.told = spec::project(&view.status, &note);
            then = Then::Told(note.told);
        }
        match self.remember(&note, &write.attributes, then, up) {
            Some(turn) => turn,
            None => self.settled(Inbound::Update, envelope, then),
        }
    }

    /// Operations, Observe attribute changes.
    fn observe<'t, P: Platform>(&mut self, envelope: &Envelope<'t>, up: &mut Updater<P>) -> Turn<'t> {
        let Ok(fields) = envelope.fields() else { return Rc::BadRequest.into() };
        let set = match firmware::named(fields) {
            Ok(set) => set,
            Err(why) => return Turn::refused(why, Body::Objects),
        };
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        // The answer tells what is asked for; what else is observed and has changed is still to be told.
        let (told, then) = match self.news(&view).0 & !set {
            0 => (view.shown, Then::Told(view.shown)),
            _ => (self.known(&view), Then::Nothing),
        };
        let note = Note { observed: view.note.observed | set, told, ..view.note };
        if note.observed == view.note.observed {
            return self.settled(Inbound::Observe, envelope, then);
        }
        match self.remember(&note, &self.attributes, then, up) {
            Some(turn) => turn,
            None => self.settled(Inbound::Observe, envelope, then),
        }
    }

    /// Operations, Cancel attribute observation.
    fn cancel<'t, P: Platform>(&mut self, envelope: &Envelope<'t>, up: &mut Updater<P>) -> Turn<'t> {
        let Ok(fields) = envelope.fields() else { return Rc::BadRequest.into() };
        let set = match firmware::named(fields) {
            Ok(set) => set,
            Err(why) => return Turn::refused(why, Body::Objects),
        };
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        let told = self.known(&view);
        let note = Note { observed: view.note.observed & !set, told, ..view.note };
        if note.observed == view.note.observed {
            return Rc::Ok.into();
        }
        self.remember(&note, &self.attributes, Then::Nothing, up).unwrap_or(Rc::Ok.into())
    }

    /// Notes what is to be answered once it is written; `None` if it stands in flash already.
    fn remember<'t, P: Platform>(
        &self,
        note: &Note,
        attributes: &Attributes,
        then: Then,
        up: &mut Updater<P>,
    ) -> Option<Turn<'t>> {
        let bytes = self.noted(note, attributes, up);
        if up.recall(self.config.by).is_some_and(|kept| kept == bytes.as_slice()) {
            return None;
        }
        Some(match up.remember(self.config.by, bytes.as_slice()) {
            Ok(()) => Turn::Again(Step::Settle(then)),
            Err(why) => spec::refused_update(why).into(),
        })
    }

    /// Operations, Device actions; Firmware, both actions.
    fn initiate<'t, P: Platform>(
        &mut self,
        inbound: Inbound,
        print: u32,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn<'t> {
        let wanted = match inbound {
            Inbound::Reboot => Some(Wanted::Reboot),
            Inbound::FactoryReset => Some(Wanted::FactoryReset),
            Inbound::Download | Inbound::Install | Inbound::Update | Inbound::Observe => None,
            Inbound::Cancel | Inbound::Response | Inbound::Other => None,
        };
        let supported =
            if wanted.is_some() { self.config.device_actions } else { self.config.firmware_actions };
        if !supported {
            return Rc::NotImplemented.into();
        }
        if self.management.standing() != Standing::Managed {
            return Rc::BadRequest.into();
        }
        match wanted {
            Some(Wanted::Reboot) => self.reboot(print, up),
            // It forgets all that is kept: nothing would know the request again.
            Some(Wanted::FactoryReset) => {
                self.wanted = wanted;
                Rc::Accepted.into()
            }
            None if inbound == Inbound::Download => self.download(print, now, up),
            None => self.install(print, now, up),
        }
    }

    /// Notes the request, which may come once more after the reset.
    fn reboot<'t, P: Platform>(&self, print: u32, up: &mut Updater<P>) -> Turn<'t> {
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        let note = Note { request: Some((print, Rc::Accepted)), told: self.known(&view), ..view.note };
        let note = self.noted(&note, &self.attributes, up);
        match up.remember(self.config.by, note.as_slice()) {
            Ok(()) => Turn::Again(Step::Settle(Then::Nothing)),
            Err(why) => refused_initiate(why).into(),
        }
    }

    fn download<'t, P: Platform>(&mut self, print: u32, now: Now, up: &mut Updater<P>) -> Turn<'t> {
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        let attributes = &self.attributes;
        let digest = Digest::parse(attributes.verifier.as_str());
        let check = firmware::check(attributes.verifier.as_str(), &digest);
        let checks = check.is_none_or(|(algorithm, expected)| {
            expected.len() <= TAG_MAX && P::FileCheck::start(algorithm).is_some()
        });
        if view.shown.state != State::Idle || attributes.source(self.config.schemes).is_none() || !checks {
            return Rc::BadRequest.into();
        }
        match view.status.state {
            // What the platform has reset is there no more.
            Life::Staged { wanted: None, .. } => {
                let note = self.noted(&view.note, attributes, up);
                let discard = Command::Discard { keep_slot: false };
                self.command(discard, note, Step::Discard, now, up)
            }
            Life::Idle | Life::Checking { .. } | Life::Receiving { .. } => self.fetch(print, now, up),
            Life::Validating { .. } | Life::Staged { .. } => self.fetch(print, now, up),
            Life::Activating { .. } | Life::Trial { .. } => self.fetch(print, now, up),
            Life::Reverting { .. } => self.fetch(print, now, up),
        }
    }

    fn fetch<'t, P: Platform>(&mut self, print: u32, now: Now, up: &mut Updater<P>) -> Turn<'t> {
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        let attributes = &self.attributes;
        let digest = Digest::parse(attributes.verifier.as_str());
        let before = self.known(&view);
        let note = Note {
            reset: None,
            request: Some((print, Rc::Accepted)),
            fetched: Some(attributes.prints()),
            told: Shown { state: State::Downloading, status: UpdateStatus::Success },
            ..view.note
        };
        let job = Job {
            uri: Some(attributes.uri.as_str()),
            reach: Reach::Stage,
            target: None,
            after: AfterReset::Fail,
            file_check: firmware::check(attributes.verifier.as_str(), &digest),
        };
        let note = note.emit(attributes, note::Uri::Updater);
        self.command(Command::Fetch(job), note, Step::Settle(Then::Owes(before)), now, up)
    }

    fn install<'t, P: Platform>(&mut self, print: u32, now: Now, up: &mut Updater<P>) -> Turn<'t> {
        let Some(view) = self.view(up) else { return Rc::Internal.into() };
        let Life::Staged { image, wanted: None } = view.status.state else { return Rc::BadRequest.into() };
        if view.shown.status == UpdateStatus::InProgress {
            return Rc::BadRequest.into();
        }
        let attributes = &self.attributes;
        // The image of somebody else's request is not what the attributes tell of, unless they say so.
        let mine = view.note.fetched.filter(|_| up.uri(self.config.by).is_some());
        let version = image.image().version;
        let fits = match (mine, view.shown.state) {
            (Some(prints), _) => attributes.are_of(prints, version.as_str()),
            (None, State::Idle) => attributes.are_of(Attributes::NO_PRINTS, version.as_str()),
            (None, State::Downloading | State::Downloaded) => true,
        };
        if !fits {
            return Rc::BadRequest.into();
        }
        let before = self.known(&view);
        let note = Note {
            reset: None,
            request: Some((print, Rc::Accepted)),
            told: Shown { state: State::Downloaded, status: UpdateStatus::InProgress },
            ..view.note
        };
        let note = self.noted(&note, attributes, up);
        let command = Command::Activate { slot: None, ask: self.config.ask };
        self.command(command, note, Step::Settle(Then::Owes(before)), now, up)
    }

    fn command<'t, P: Platform>(
        &self,
        command: Command<'_>,
        note: note::Bytes,
        then: Step,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn<'t> {
        match up.command(self.config.by, command, Some(note.as_slice()), now) {
            Ok(_) => Turn::Again(then),
            Err(why) => refused_initiate(why).into(),
        }
    }

    /// Writes an answer, where one is wanted. Requests that act are known again.
    pub(super) fn respond<P: Platform>(
        &mut self,
        inbound: Inbound,
        envelope: &Envelope<'_>,
        answer: &Answer<'_>,
        up: &Updater<P>,
        out: &mut [u8],
    ) -> Option<Publish> {
        let ReqId::Text(req_id) = envelope.req_id else { return None };
        if acts(inbound) && answer.rc != Rc::Internal {
            let print = print(inbound, req_id);
            if !self.seen.iter().flatten().any(|(seen, _)| *seen == print) {
                // The others move on, and the oldest is forgotten.
                let mut newest = Some((print, answer.rc));
                self.seen.iter_mut().for_each(|place| core::mem::swap(place, &mut newest));
            }
        }
        let shown = self.view(up).map_or(Note::FRESH.told, |view| view.shown);
        let attributes = &self.attributes;
        let write = message::write(out, |json| {
            json.key(member::RC).number(answer.rc as u32);
            if answer.rc == Rc::Internal {
                json.key(member::MESSAGE).string(NOT_AVAILABLE);
            }
            match &answer.body {
                Body::Nothing => {}
                Body::Values(set) => {
                    let fields = Field::ALL.into_iter().filter(|field| set & field.bit() != 0);
                    list(json, fields, &mut |field, json| {
                        json.object().key(member::FIELD);
                        json.string(field.path());
                        json.key(member::VALUE);
                        attributes.show(field, shown, json);
                        json.end_object();
                    });
                }
                Body::Names(unknown) => list(json, unknown.names(), &mut |name, json| _ = json.text(name)),
                Body::Objects(unknown) => list(json, unknown.names(), &mut |name, json| {
                    json.object().key(member::FIELD).text(name).end_object();
                }),
            }
            json.key(member::REQ_ID).text(req_id);
        });
        write.ok().map(|length| Publish { topic: topic::RESPONSE, length })
    }
}
