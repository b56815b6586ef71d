//! A package that is delivered: Block1 (RFC 7959), straight into the updater.

use fwupd_coap::Millis;
use fwupd_coap::message::Message;
use fwupd_coap::upload::Verdict;
use fwupd_core::lifecycle::State as Life;
use fwupd_core::outcome::{Failure, Refused, Run, What};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Settled, Ticket, Updater};

use super::busy::{Reply, Step, Turn};
use super::model::View;
use super::path::Path;
use super::write::{content, is_package};
use super::{Client, PATIENCE};
use crate::note::Note;
use crate::object::{Order, Refusal};
use crate::spec::{Answer, INSTANCE, Resource, UpdateResult, format};
use crate::value::Input;
use crate::wire::text::Base64;
use crate::wire::tlv::{Head, Kind};

/// A delivery at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Push {
    run: Run,
    pub(super) ticket: Ticket,
    /// When its last block came.
    pub(super) last: Millis,
    /// Bytes that have been taken of the block that is at work.
    fed: usize,
    /// Bytes of the package that the updater has taken.
    sent: u32,
    form: Form,
}

/// What a first block comes to.
enum Opened {
    /// A reset, or a refusal: nothing is delivered.
    Ends(Order<'static>, Reply),
    /// The delivery before it is given up first.
    Restarts(Order<'static>),
    /// A delivery, whose bytes begin there in the block.
    Begins(Form, usize),
}

/// How the package comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it is.
    Opaque,
    /// In base64, with what is decoded and not taken yet.
    Text { base64: Base64, held: [u8; 3], length: usize },
    /// As the value of a TLV entry, of which so many bytes are to come.
    Tlv { left: u32 },
}

/// The bytes are not what their format says.
struct Malformed;

impl Push {
    /// Whether the updater is still at it.
    fn is_open(&self, status: &Status<'_>) -> bool {
        match status.state {
            Life::Receiving { request, .. } | Life::Validating { request, .. } => request.run == self.run,
            Life::Idle | Life::Checking { .. } | Life::Staged { .. } => false,
            Life::Activating { .. } | Life::Trial { .. } | Life::Reverting { .. } => false,
        }
    }

    /// The next bytes of the package in this block; none when all of it are taken.
    fn piece<'p>(&'p mut self, payload: &'p [u8]) -> Result<&'p [u8], Malformed> {
        let rest = payload.get(self.fed..).unwrap_or_default();
        match &mut self.form {
            Form::Opaque => Ok(rest),
            Form::Tlv { left } => {
                if rest.len() > *left as usize {
                    return Err(Malformed);
                }
                Ok(rest)
            }
            Form::Text { base64, held, length } => {
                for byte in rest {
                    if *length > 0 {
                        break;
                    }
                    (*held, *length) = base64.push(*byte).map_err(|_| Malformed)?;
                    self.fed = self.fed.saturating_add(1);
                }
                Ok(held.get(..*length).unwrap_or_default())
            }
        }
    }

    /// The updater has taken so many bytes of the piece.
    fn took(&mut self, taken: usize) {
        self.sent = self.sent.saturating_add(taken as u32);
        match &mut self.form {
            Form::Opaque => self.fed = self.fed.saturating_add(taken),
            Form::Tlv { left } => {
                *left = left.saturating_sub(taken as u32);
                self.fed = self.fed.saturating_add(taken);
            }
            Form::Text { held, length, .. } => {
                // Not `rotate_left`, which brings a memmove of 2 KB with it.
                let [first, second, third] = *held;
                *held = match taken {
                    0 => [first, second, third],
                    1 => [second, third, first],
                    2 => [third, first, second],
                    _ => [first, second, third],
                };
                *length = length.saturating_sub(taken);
            }
        }
    }

    /// Whether the package may end here.
    fn is_whole(&self) -> bool {
        match self.form {
            Form::Opaque => true,
            Form::Text { base64, .. } => base64.is_whole(),
            Form::Tlv { left } => left == 0,
        }
    }
}

/// How a first block begins: its form, and where the package's bytes begin in it.
fn opening(path: &Path, message: &Message<'_>, more: bool) -> Result<(Form, usize), Refusal> {
    let payload = message.payload;
    match content(message)? {
        None | Some(format::OPAQUE) => Ok((Form::Opaque, 0)),
        Some(format::TEXT) => {
            let mut base64 = Base64::default();
            for byte in payload {
                base64.push(*byte).map_err(|_| Answer::BadRequest)?;
            }
            if !more && !base64.is_whole() {
                return Err(Answer::BadRequest);
            }
            Ok((Form::Text { base64: Base64::default(), held: [0; 3], length: 0 }, 0))
        }
        Some(format::TLV) => {
            let (length, rest) = entry(path, payload).ok_or(Answer::BadRequest)?;
            let behind = rest.len() as u32;
            if behind > length || (!more && behind < length) {
                return Err(Answer::BadRequest);
            }
            Ok((Form::Tlv { left: length }, payload.len().saturating_sub(rest.len())))
        }
        Some(_) => Err(Answer::UnsupportedFormat),
    }
}

/// The length of the package in TLV, and the bytes from its first one on: it has to be the only entry.
fn entry<'b>(path: &Path, payload: &'b [u8]) -> Option<(u32, &'b [u8])> {
    let (mut head, mut rest) = Head::parse(payload).ok()?;
    if head.kind == Kind::ObjectInstance && head.id == INSTANCE && path.ids().len() == 2 {
        let outer = head.len;
        let before = rest.len();
        (head, rest) = Head::parse(rest).ok()?;
        let inner = head.len.checked_add(before.saturating_sub(rest.len()) as u32);
        if inner != Some(outer) {
            return None;
        }
    }
    (head.kind == Kind::Resource && is_package(head.id)).then_some((head.len, rest))
}

/// Whether the package is that of a reset: one NUL byte, or none.
fn is_reset(form: &Form, at: usize, payload: &[u8]) -> bool {
    let rest = payload.get(at..).unwrap_or_default();
    match form {
        Form::Opaque | Form::Tlv { .. } => matches!(rest, [] | [0]),
        // One NUL byte in base64.
        Form::Text { .. } => matches!(rest, [] | b"AA=="),
    }
}

/// The most that a package may have, bytes: the largest slot that does not run.
fn most<P: Platform>(up: &Updater<P>) -> u32 {
    let running = up.status().map(|status| usize::from(status.running.0));
    let slots = up.layout().slots.iter().enumerate().filter(|(n, _)| Some(*n) != running);
    slots.map(|(_, region)| region.to.saturating_sub(region.from)).max().unwrap_or(0)
}

impl<A: Copy + Eq> Client<'_, A> {
    /// Whether a Write brings a package: to its resource, or to the instance as the first thing there, or as the
    /// next block of that.
    pub(super) fn is_package(&self, path: &Path, message: &Message<'_>) -> bool {
        match *path.ids() {
            [_, _, resource] => is_package(resource),
            [..] => {
                let later = matches!(message.block1(), Ok(Some(block)) if block.number > 0);
                let same = self.upload.under_way().is_some_and(|(of, _)| of == path);
                let tlv = matches!(content(message), Ok(Some(format::TLV)));
                (later && same) || (!later && tlv && entry(path, message.payload).is_some())
            }
        }
    }

    /// A package, or a block of one.
    pub(super) fn package<P: Platform>(
        &mut self,
        path: Path,
        message: &Message<'_>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn {
        let view = View::of(&self.model.firmware, up);
        let Some(status) = &view.status else { return Answer::Unavailable.into() };
        let ticket = up.ticket();
        self.push.take_if(|push| !push.is_open(status) || push.ticket != ticket);
        if self.push.is_none() {
            self.upload.end();
        }
        let length = message.payload.len();
        let more = match self.upload.judge(&path, message.block1(), length) {
            Verdict::Start { last } => !last,
            Verdict::Next { .. } => return Turn::Next(Step::Feed),
            // The answer to that block was lost, and the server asks in a new message.
            Verdict::Repeated => return Answer::Continue.into(),
            Verdict::Incomplete => return Answer::Incomplete.into(),
            Verdict::Bad => return Answer::BadRequest.into(),
        };
        let most = most(up);
        let mut note = view.note;
        match self.open(&path, message, more, status, &mut note, most, now) {
            Err(answer) => answer.into(),
            Ok(Opened::Ends(order, reply)) => self.carry_out(order, &note, reply, now, up),
            Ok(Opened::Restarts(order)) => {
                self.push = None;
                match self.model.firmware.carry_out(order, &note, now, up) {
                    Ok(()) => Turn::Next(Step::Restart),
                    Err(answer) => answer.into(),
                }
            }
            Ok(Opened::Begins(form, at)) => {
                if let Err(answer) = self.model.firmware.carry_out(Order::Receive, &note, now, up) {
                    return answer.into();
                }
                let Some(run) = up.status().map(|status| status.run) else { return Answer::Internal.into() };
                let ticket = up.ticket();
                self.push = Some(Push { run, ticket, last: now.mono, fed: at, sent: 0, form });
                self.upload.end();
                Turn::Next(Step::Feed)
            }
        }
    }

    /// What a first block comes to.
    #[expect(clippy::too_many_arguments, reason = "what is read of the updater, so that this is there once")]
    fn open(
        &self,
        path: &Path,
        message: &Message<'_>,
        more: bool,
        status: &Status<'_>,
        note: &mut Note,
        most: u32,
        now: Now,
    ) -> Result<Opened, Refusal> {
        let firmware = &self.model.firmware;
        let (form, at) = opening(path, message, more)?;
        if !more && is_reset(&form, at, message.payload) {
            let deed = firmware.write(Resource::Package, Input::Binary(&[]), status, note, now)?;
            return Ok(Opened::Ends(deed.order, Answer::Changed.into()));
        }
        let restarts = self.push.is_some();
        if !restarts {
            firmware.receive(status, note, now)?;
        }
        let size = message.size1().map(|size| match form {
            Form::Opaque | Form::Tlv { .. } => size,
            // Four characters for three bytes.
            Form::Text { .. } => (size / 4).saturating_mul(3),
        });
        if size.is_some_and(|size| size > most) {
            let order = firmware.refuse(status, note, UpdateResult::NotEnoughFlash, now);
            return Ok(Opened::Ends(order, Reply { answer: Answer::TooLarge, size: Some(most) }));
        }
        if restarts {
            return Ok(Opened::Restarts(firmware.refuse(status, note, UpdateResult::Initial, now)));
        }
        Ok(Opened::Begins(form, at))
    }

    /// Hands a block's bytes to the updater, as many as it takes.
    pub(super) fn feed<P: Platform>(&mut self, message: &Message<'_>, now: Now, up: &mut Updater<P>) -> Turn {
        let payload = message.payload;
        let more = matches!(message.block1(), Ok(Some(block)) if block.more);
        loop {
            let Some(push) = &mut self.push else { return Answer::Incomplete.into() };
            if !up.status().is_some_and(|status| push.is_open(&status)) {
                if up.settled(self.config.by) == Settled::Pending {
                    return Turn::Again;
                }
                self.push = None;
                return ended(more, up);
            }
            // What stands behind the description is elsewhere: nothing more is taken of this.
            if up.ticket() != push.ticket {
                break;
            }
            let (ticket, sent) = (push.ticket, push.sent);
            let taken = match push.piece(payload) {
                Err(Malformed) => return self.malformed(ticket, now, up),
                Ok([]) => break,
                Ok(bytes) => up.chunk(ticket, sent, bytes, now),
            };
            match taken {
                Ok(taken) if taken > 0 => push.took(taken),
                // The flash is owed something, or has failed, and `need` tells it.
                Ok(_) | Err(_) => return Turn::Again,
            }
        }
        let Some(push) = &mut self.push else { return Answer::Incomplete.into() };
        if !more && !push.is_whole() {
            let ticket = push.ticket;
            return self.malformed(ticket, now, up);
        }
        // A block that comes again in smaller ones may be taken further than this one.
        push.fed = push.fed.saturating_sub(payload.len());
        push.last = now.mono;
        let ticket = push.ticket;
        if let (Ok(block), Some(path)) = (message.block1(), Path::parse(message.path())) {
            self.upload.taken(path, block, payload.len(), now.mono);
        }
        if more {
            return Turn::Next(Step::Settle(Answer::Continue.into()));
        }
        // A stale ticket: the package is whole, and its payload is fetched from elsewhere.
        let _ = up.complete(ticket, now);
        Turn::Next(Step::Finish)
    }

    /// The bytes are not what their format says: the delivery ends.
    fn malformed<P: Platform>(&mut self, ticket: Ticket, now: Now, up: &mut Updater<P>) -> Turn {
        // While a frame is written this is found once more.
        if up.failed(ticket, Failure::UnsupportedPackage, now) == Err(Refused::NotAvailable) {
            return Turn::Again;
        }
        self.push = None;
        Turn::Next(Step::Settle(Answer::BadRequest.into()))
    }

    /// All bytes are there: waits until they are compared, but for no longer than a server waits. The result is
    /// told by State and Update Result in any case.
    pub(super) fn finish<P: Platform>(&mut self, since: Millis, now: Now, up: &mut Updater<P>) -> Turn {
        if up.settled(self.config.by) == Settled::Pending {
            return Turn::Again;
        }
        let Some(push) = self.push else { return ended(false, up) };
        let open = up.status().is_some_and(|status| push.is_open(&status));
        let elsewhere = up.ticket() != push.ticket;
        if open && !elsewhere && now.mono < since.saturating_add(PATIENCE) {
            return Turn::Again;
        }
        self.push = None;
        if open { Answer::Changed.into() } else { ended(false, up) }
    }
}

/// The answer to a block that ended its delivery. What is wrong with a package is told by its result; but a
/// server that has more of it should know that this one is in vain.
fn ended<P: Platform>(more: bool, up: &Updater<P>) -> Turn {
    let last = up.status().and_then(|status| status.last.map(|last| last.what));
    match last {
        Some(What::Failed(Failure::NoSpaceInFlash)) => {
            Turn::Done(Reply { answer: Answer::TooLarge, size: Some(most(up)) })
        }
        Some(What::Failed(_)) | None if more => Answer::BadRequest.into(),
        Some(What::Done | What::Failed(_)) | None => Answer::Changed.into(),
    }
}
