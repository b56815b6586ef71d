//! The agent: what a controller asks becomes answers and commands; what changes becomes notifications.
//!
//! [`Agent::handle`] takes a Record and writes the Record that goes back. Where the updater has first to write
//! something, it says [`Handled::Again`]: the application carries out the updater's flash operations and its
//! `need`, and hands in the same Record again, before any other that changes something. [`Agent::poll`] writes what is due by itself. It is
//! to be called only while there is a connection to the controller: what it has written counts as told. Without one,
//! [`Agent::follow`] is called in its place, as windows come and go, and runs end, whoever is there.

mod notify;
mod operate;
mod path;
mod read;
mod request;
mod set;
mod subscription;
mod table;
mod view;
mod watch;

use fwupd_core::image::SlotId;
use fwupd_core::outcome::{Initiator, Refused, Run};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command as Order, NOTE_MAX, Platform, Settled, Updater};

use crate::note::Note;
use crate::spec::schema::supported_protocol;
use crate::spec::{Code, RecordError, VERSION};
use crate::wire::msg::{Body, Msg, Verb, error, id as id_of, response};
use crate::wire::record::{Carries, Record, emit, emit_disconnect, emit_websocket_connect};
use crate::wire::{Full, Node, Out};
use notify::{Boot, Item, WATCHED};
use operate::Answer;
use request::Request;
use set::Plan;
pub use subscription::SAVED_MAX;
use subscription::Subscriptions;
use view::View;

/// Where a fingerprint begins: FNV-1a, 32 bits.
const PRINT: u32 = 0x811C_9DC5;
/// So often the note is written again that the flash does not take.
const LOSSES: u8 = 3;
/// How much can be waiting to be told: a boot, both ends of a command, a change.
const OUTBOX: usize = 4;

fn print(before: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(before, |print, byte| (print ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// A boolean of TR-106.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// What an agent is made of. [`Config::new`] has values for most of it.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Its Endpoint ID.
    pub endpoint: &'a str,
    /// The Endpoint ID of the controller. What comes from anybody else is ignored.
    pub controller: &'a str,
    /// The number by which the application knows this adapter.
    pub by: Initiator,
    /// FirmwareImage.{i}.Name of every image, up to 64 bytes.
    pub package_name: &'a str,
    /// The schemes of URLs that the application can fetch.
    pub schemes: &'a [&'a str],
    /// Whether a Download() without AutoActivate, and an Activate() without a window, are refused (7027), as the
    /// data model has it, or taken as most controllers send them.
    pub strict: bool,
    /// A random number, another one after each reset: identifiers of messages begin there.
    pub seed: u32,
}

impl<'a> Config<'a> {
    /// An agent that fetches by HTTPS.
    pub const fn new(endpoint: &'a str, controller: &'a str, seed: u32) -> Self {
        Self {
            endpoint,
            controller,
            by: Initiator(1),
            package_name: "firmware",
            schemes: &["https"],
            strict: false,
            seed,
        }
    }
}

/// What a Record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// So many bytes of `out` go back; 0: none.
    Done(usize),
    /// The updater has something to do first: run its flash operations and its `need`, then hand in the same
    /// Record again.
    Again,
}

/// How far a request has come that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing has been done.
    Start,
    /// The commands of a Set are being given: from this on, with so many frames left.
    Set(Plan, u8),
    /// All is done, and answered so once it is written.
    Settle(Answer),
}

/// What a step comes to.
enum Turn {
    /// The updater has something to do first.
    Again,
    /// There is another step, now.
    Next(Step),
    /// The answer is written.
    Done,
}

/// An agent with one controller.
#[derive(Debug)]
pub struct Agent<'a> {
    config: Config<'a>,
    note: Note,
    /// Whether the note has been read, and the boot looked at.
    loaded: bool,
    /// Whether the note is to be written.
    dirty: bool,
    /// Whether it is being written, and how often it was lost since it was written last.
    writing: bool,
    losses: u8,
    subscriptions: Subscriptions,
    request: Option<Request>,
    next_request: u32,
    /// Why an activation was refused last, and of which slot.
    refusal: Option<(SlotId, &'static str)>,
    /// The request at work: a fingerprint of its Record, and how far it has come.
    busy: Option<(u32, Step)>,
    /// A reset is wanted that the updater knows nothing of; it may be done once it is answered.
    reboot: bool,
    reboot_armed: bool,
    /// An activation from before the boot is to be withdrawn.
    withdraw: bool,
    boot: Option<Boot>,
    outbox: [Option<Item>; OUTBOX],
    messages: u32,
    prints: [u32; WATCHED],
    /// Whether the last poll left nothing to tell.
    told: bool,
}

impl<'a> Agent<'a> {
    /// An agent. `saved` is what [`save`](Self::save) gave last; nothing on a device that is new.
    pub fn new(config: Config<'a>, saved: &[u8]) -> Self {
        Self {
            note: Note::default(),
            loaded: false,
            dirty: false,
            writing: false,
            losses: 0,
            subscriptions: Subscriptions::restore(saved),
            request: None,
            next_request: 1,
            refusal: None,
            busy: None,
            reboot: false,
            reboot_armed: false,
            withdraw: false,
            boot: None,
            outbox: [None; OUTBOX],
            messages: config.seed,
            prints: [0; WATCHED],
            told: false,
            config,
        }
    }

    /// The Record that is sent first on a WebSocket connection.
    ///
    /// # Errors
    /// It does not fit into `out`.
    pub fn connect(&self, out: &mut [u8]) -> Result<usize, Full> {
        let mut out = Out::new(out);
        emit_websocket_connect(&mut out, self.config.controller, self.config.endpoint);
        out.finish()
    }

    /// A Record came in. `out` takes what goes back: 4096 bytes are enough for all that there is to read of two
    /// images and four subscriptions; what does not fit is answered by 7005.
    ///
    /// Where several adapters share an updater, all of them are polled between its flash operations and this: a
    /// run that has ended is seen by its own adapter only until another one begins.
    // In one frame with the caller's buffers, all that is on the stack would be far away: 3 KB of text.
    #[inline(never)]
    pub fn handle<P: Platform>(
        &mut self,
        record: &[u8],
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        let Config { endpoint, controller, .. } = self.config;
        let Ok(parsed) = Record::parse(record) else { return Handled::Done(0) };
        if parsed.to != endpoint || parsed.from != controller || controller == endpoint {
            return Handled::Done(0);
        }
        let payload = match parsed.carries {
            Carries::Message(payload) => payload,
            Carries::Connect | Carries::Disconnect(..) => return Handled::Done(0),
            Carries::Session => {
                let mut out = Out::new(out);
                emit_disconnect(&mut out, controller, endpoint, RecordError::SessionNotAllowed);
                return Handled::Done(out.finish().unwrap_or(0));
            }
        };
        let fails = |id: &str, code: Code, out: &mut [u8]| {
            let mut out = Out::new(out);
            emit(&mut out, controller, endpoint, |out| error(out, id, code, |_| {}));
            Handled::Done(out.finish().unwrap_or(0))
        };
        let msg = match Msg::parse(payload) {
            Ok(msg) => msg,
            Err(_) => {
                return id_of(payload).map_or(Handled::Done(0), |id| fails(id, Code::InvalidArguments, out));
            }
        };
        // Answers to notifications: none is asked for.
        let Body::Request(verb, node) = msg.body else { return Handled::Done(0) };
        self.told = false;
        if !self.load(up) {
            return Handled::Again;
        }
        let print = print(PRINT, record);
        let step = match self.busy {
            Some((of, step)) if of == print => step,
            Some(_) | None => Step::Start,
        };
        // What is only read leaves a request alone that waits; another one that changes something takes its place.
        if matches!(verb, Verb::Set | Verb::Operate) {
            self.busy = None;
        }
        let mut to = Out::new(&mut *out);
        let mut again = None;
        emit(&mut to, controller, endpoint, |to| {
            again = self.request_in(verb, step, msg.id, &node, now, up, to);
        });
        match (again, to.finish()) {
            (Some(Some(step)), _) => {
                self.busy = Some((print, step));
                Handled::Again
            }
            (Some(None), _) => Handled::Done(0),
            (None, Ok(length)) => Handled::Done(length),
            (None, Err(Full)) => fails(msg.id, Code::Resources, out),
        }
    }

    /// Handles a request. `None`: it is answered; `Some(None)`: there is no answer; else it goes on from there.
    #[expect(clippy::too_many_arguments, reason = "what a request is made of, and where its answer goes")]
    fn request_in<P: Platform>(
        &mut self,
        verb: Verb,
        mut step: Step,
        id: &str,
        node: &Node<'_>,
        now: Now,
        up: &mut Updater<P>,
        out: &mut Out<'_>,
    ) -> Option<Option<Step>> {
        let before = out.len();
        loop {
            let Some(status) = up.status() else { return Some(Some(step)) };
            let turn = match verb {
                Verb::Get => {
                    response(out, id, verb, |out| self.view(&status).get(node, out));
                    Turn::Done
                }
                Verb::GetInstances => {
                    response(out, id, verb, |out| self.view(&status).get_instances(node, out));
                    Turn::Done
                }
                Verb::GetSupportedProtocol => {
                    response(out, id, verb, |out| out.text(supported_protocol::VERSIONS, VERSION));
                    Turn::Done
                }
                Verb::Add => {
                    self.add(&status, id, node, out);
                    Turn::Done
                }
                Verb::Delete => {
                    self.delete(&status, id, node, out);
                    Turn::Done
                }
                Verb::Set => self.set(step, id, node, now, up, out),
                Verb::Operate => self.operate(step, id, node, now, up, out),
                Verb::GetSupportedDm | Verb::Notify | Verb::Register | Verb::Deregister => {
                    error(out, id, Code::NotSupported, |_| {});
                    Turn::Done
                }
            };
            match turn {
                Turn::Again => return Some(Some(step)),
                Turn::Next(next) => step = next,
                Turn::Done => return if out.len() == before { Some(None) } else { None },
            }
        }
    }

    /// What is to be done without a connection: windows are used, runs are followed, the note is written. What is
    /// to be told of it waits for [`poll`](Self::poll), which does all of this too.
    pub fn follow<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) {
        let _ = self.go_on(false, now, up);
    }

    /// Follows what is at work; false while there is nothing to tell yet. `linked`: whether it can be told.
    fn go_on<P: Platform>(&mut self, linked: bool, now: Now, up: &mut Updater<P>) -> bool {
        // An answer goes before what follows from its request.
        if !self.load(up) || self.busy.is_some() {
            return false;
        }
        self.written(up.settled(self.config.by));
        self.watch(linked, now, up);
        if !self.tells_end() {
            self.request.take_if(|request| request.end.is_some());
        }
        if self.dirty && up.settled(self.config.by) != Settled::Pending {
            let _ = self.remember(None, up);
        }
        true
    }

    /// What is to be sent now, in `out`; to be called until there is nothing.
    ///
    /// To be called after the updater's flash operations, and of all adapters before more is handled.
    #[must_use]
    #[inline(never)]
    pub fn poll<P: Platform>(&mut self, now: Now, up: &mut Updater<P>, out: &mut [u8]) -> Option<usize> {
        if !self.go_on(true, now, up) {
            return None;
        }
        loop {
            let status = up.status()?;
            if let Some(next) = self.next_item() {
                let written = self.notification(next, &status, up, out);
                self.messages = self.messages.wrapping_add(1);
                let all = self.told_item(next.1);
                if all {
                    self.was_told(next.0, &status);
                }
                match written {
                    Ok(length) if length > 0 => {
                        self.told = false;
                        return Some(length);
                    }
                    // The subscription is gone, or the buffer is too small: it cannot be told.
                    Ok(_) | Err(Full) => continue,
                }
            }
            if !self.find_change(&status) {
                self.told = !self.dirty && up.settled(self.config.by) != Settled::Pending;
                return None;
            }
        }
    }

    /// The connection is gone: no request of it is handed in again. What it has begun goes on.
    pub fn disconnected(&mut self) {
        self.busy = None;
    }

    /// When [`poll`](Self::poll), or [`follow`](Self::follow), may have something to do again, whatever else happens: monotonic milliseconds.
    pub fn poll_timeout(&self, now: Now) -> Option<u64> {
        let request = self.at_work()?;
        let window = request.windows.first()?;
        let next = match request.run {
            None => window.start.max(request.windows.not_before),
            Some(_) => window.end,
        };
        (next != u64::MAX).then_some(next.max(now.mono))
    }

    /// Whether nothing is left to send or to write before a reset.
    pub fn drained(&self) -> bool {
        self.busy.is_none() && self.told
    }

    /// Whether the controller wants a reset that the updater does not ask for by itself. It is to be done once
    /// [`drained`](Self::drained).
    pub fn reboot_wanted(&self) -> bool {
        self.reboot && self.reboot_armed
    }

    /// What the application keeps for [`new`](Self::new), if it has changed: to be called, and kept, after each
    /// [`handle`](Self::handle) and before its answer is sent. `Some(0)` is nothing to keep.
    ///
    /// # Errors
    /// It does not fit into `out`: [`SAVED_MAX`] bytes hold it in any case. It is still to be kept then.
    pub fn save(&mut self, out: &mut [u8]) -> Option<Result<usize, Full>> {
        if !core::mem::take(&mut self.subscriptions.unsaved) {
            return None;
        }
        let mut out = Out::new(out);
        self.subscriptions.save(&mut out);
        let saved = out.finish();
        self.subscriptions.unsaved = saved.is_err();
        Some(saved)
    }

    fn view<'s>(&'s self, status: &'s Status<'s>) -> View<'s> {
        View { status, agent: self }
    }

    /// The command at work, until it has ended.
    fn at_work(&self) -> Option<&Request> {
        self.request.as_ref().filter(|request| request.end.is_none())
    }

    /// Gives a command, with this note in its frame, or the one that there is.
    fn command<P: Platform>(
        &mut self,
        command: Order<'_>,
        note: Option<&Note>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<Run, Refused> {
        let mut bytes = [0; NOTE_MAX];
        let length = note.unwrap_or(&self.note).emit(&mut bytes);
        let run = up.command(self.config.by, command, bytes.get(..length), now)?;
        self.noted(note);
        Ok(run)
    }

    /// Writes this note, or the one that there is, in a frame of its own.
    fn remember<P: Platform>(&mut self, note: Option<&Note>, up: &mut Updater<P>) -> Result<(), Refused> {
        let mut bytes = [0; NOTE_MAX];
        let length = note.unwrap_or(&self.note).emit(&mut bytes);
        up.remember(self.config.by, bytes.get(..length).unwrap_or_default())?;
        self.noted(note);
        Ok(())
    }

    fn noted(&mut self, note: Option<&Note>) {
        if let Some(note) = note {
            self.note = *note;
        }
        self.dirty = false;
        self.writing = true;
    }

    /// Looks at what became of the note: where the flash did not take it, it is written again.
    fn written(&mut self, settled: Settled) {
        if settled == Settled::Pending || !core::mem::take(&mut self.writing) {
            return;
        }
        self.losses = if settled == Settled::Lost { self.losses.saturating_add(1) } else { 0 };
        self.dirty |= (1..=LOSSES).contains(&self.losses);
    }

    /// What was begun was not written: it has not happened.
    fn forget(&mut self) {
        self.request = None;
        self.reboot = false;
        self.note.order = None;
        self.dirty = true;
    }
}
