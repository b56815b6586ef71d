//! Operate: what a command comes to, and its answer.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Reach, Refused};
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command as Order, Job, Platform, Settled, TAG_MAX, URI_MAX, Updater};

use super::path::Tail;
use super::read::path_of;
use super::request::{Request, Windows};
use super::view::slot;
use super::{Agent, Step, Turn};
use crate::note::{self, Note, Progress, Text};
use crate::spec::model::{AUTHORITY, Algorithm, Cause, Command, Object, RequestStatus, arg};
use crate::spec::schema::{operate, operate_resp, operation_result};
use crate::spec::{Code, boot_image, refused_activate, refused_cancel, refused_download, words};
use crate::wire::msg::{Verb, error, failure, response};
use crate::wire::text::{is_digits, split_once, unsigned};
use crate::wire::{Node, Out};

/// Why a command was not taken: the code, and what is said beside it.
pub(super) type Fault = (Code, &'static str);

/// There is no more to say than what the code says.
const fn because(code: Code) -> Fault {
    (code, "")
}

/// Most bytes of the result of one row: its path, a code and why.
const RESULT: usize = 160;

/// How a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// It is done.
    Done,
    /// It is at work, under this number of LocalAgent.Request.
    Begun(u32),
    /// It was not taken.
    Failed(Fault),
}

/// An answer, and for which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    command: Command,
    /// Instance number of the row.
    number: u32,
    /// Other rows that the path meant, a bit each: one at a time is served.
    others: u32,
    pub(super) reply: Reply,
}

impl Agent<'_> {
    /// Goes on with an Operate.
    pub(super) fn operate<P: Platform>(
        &mut self,
        step: Step,
        id: &str,
        node: &Node<'_>,
        now: Now,
        up: &mut Updater<P>,
        out: &mut Out<'_>,
    ) -> Turn {
        let responds = node.flag(operate::SEND_RESP);
        let answer = match step {
            Step::Settle(answer) => match (up.settled(self.config.by), answer.reply) {
                (Settled::Pending, _) => return Turn::Again,
                (Settled::Written, _) | (Settled::Lost, Reply::Failed(_)) => answer,
                (Settled::Lost, Reply::Done | Reply::Begun(_)) => {
                    self.forget();
                    Answer { reply: Reply::Failed(because(Code::Internal)), ..answer }
                }
            },
            Step::Start | Step::Set(..) => {
                if up.settled(self.config.by) == Settled::Pending {
                    return Turn::Again;
                }
                let Some(status) = up.status() else { return Turn::Again };
                let view = self.view(&status);
                let found = view.path(node.text(operate::COMMAND)).and_then(|path| {
                    let Tail::Command(command) = path.tail else { return Err(Code::InvalidPath) };
                    view.exists(&path, Code::NoObject)?;
                    let (mut first, mut others) = (None, 0u32);
                    for number in view.instances(path.object) {
                        match (view.matching(&path, number)?, first) {
                            (true, None) => first = Some(number),
                            (true, Some(_)) => others |= 1u32.checked_shl(number).unwrap_or(0),
                            (false, _) => {}
                        }
                    }
                    if first.is_none() && !path.is_search() {
                        return Err(Code::NoObject);
                    }
                    Ok((command, first, others))
                });
                let (command, number, others) = match found {
                    Ok((command, Some(number), others)) => (command, number, others),
                    Ok((_, None, _)) => {
                        if responds {
                            response(out, id, Verb::Operate, |_| {});
                        }
                        return Turn::Done;
                    }
                    Err(code) => {
                        if responds {
                            error(out, id, code, |_| {});
                        }
                        return Turn::Done;
                    }
                };
                // What cannot be answered is not begun.
                let longest = |out: &mut Out<'_>| {
                    (0..=others.count_ones()).for_each(|_| out.raw(&[0; RESULT]));
                };
                if responds && !out.fits(|out| response(out, id, Verb::Operate, longest)) {
                    error(out, id, Code::Resources, |_| {});
                    return Turn::Done;
                }
                let done = match command {
                    Command::Reboot => self.reboot(node, now, up),
                    Command::Download => self.download(number, node, now, up),
                    Command::Activate => self.activate(number, node, now, up),
                    Command::Cancel => self.cancel(now, up),
                };
                let reply = match done {
                    Ok(Some(reply)) => reply,
                    Ok(None) => return Turn::Again,
                    Err(fault) => Reply::Failed(fault),
                };
                return Turn::Next(Step::Settle(Answer { command, number, others, reply }));
            }
        };
        self.reboot_armed |= answer.command == Command::Reboot && answer.reply == Reply::Done;
        if responds {
            response(out, id, Verb::Operate, |out| respond(&answer, out));
        }
        Turn::Done
    }

    /// What every command that is kept needs.
    fn order(&self, command: Command, slot: SlotId, node: &Node<'_>) -> Result<note::Order, Fault> {
        let (progress, cause) = (Progress::Open, Cause::Remote);
        let mut order = note::Order { command, slot, progress, key: Text::EMPTY, cause, reason: Text::EMPTY };
        order.key.set(node.text(operate::COMMAND_KEY)).ok_or(because(Code::Resources))?;
        Ok(order)
    }

    /// The number of the next request.
    fn next_request(&mut self) -> u32 {
        let number = self.next_request;
        self.next_request = number.saturating_add(1);
        number
    }

    /// A command is at work.
    pub(super) fn begin(&mut self, order: &note::Order, number: u32, started: Option<u64>) -> &mut Request {
        self.request.insert(Request {
            number,
            command: order.command,
            slot: order.slot,
            key: order.key,
            status: RequestStatus::Active,
            run: None,
            started,
            windows: Windows::now(),
            end: None,
        })
    }

    // Apart from the other commands, as their frame would have to hold what this one reads; and so the next.
    #[inline(never)]
    fn download<P: Platform>(
        &mut self,
        number: u32,
        node: &Node<'_>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<Option<Reply>, Fault> {
        let args = |name| node.pair(operate::INPUT_ARGS, name);
        let invalid = because(Code::InvalidArguments);
        let url = args(arg::URL).filter(|url| !url.is_empty()).ok_or(because(Code::CommandArguments))?;
        let activate = match args(arg::AUTO_ACTIVATE) {
            None if self.config.strict => return Err(because(Code::CommandArguments)),
            None => false,
            Some(text) => super::boolean(text).ok_or(invalid)?,
        };
        self.url(url)?;
        let algorithm = match args(arg::CHECK_SUM_ALGORITHM).filter(|text| !text.is_empty()) {
            Some(text) => Some(Algorithm::parse(text).ok_or(invalid)?),
            None => None,
        };
        let mut expected = [0; TAG_MAX];
        let check = match args(arg::CHECK_SUM).filter(|text| !text.is_empty()) {
            Some(text) => {
                let sum = hex(text, &mut expected).ok_or(invalid)?;
                Some((algorithm.ok_or(invalid)?.checksum(), sum))
            }
            None => None,
        };
        let size = match args(arg::FILE_SIZE) {
            // What has more than 32 bits is larger than any place.
            Some(text) if is_digits(text) => unsigned(text).unwrap_or(u32::MAX),
            Some(text) => unsigned(text).ok_or(invalid)?,
            None => 0,
        };
        let slot = slot(number).ok_or(because(Code::NoObject))?;
        let region = up.layout().slots.get(usize::from(slot.0)).ok_or(because(Code::NoObject))?;
        if size > region.to.saturating_sub(region.from) {
            return Err((Code::Resources, "the file is larger than the image's place"));
        }
        let order = self.order(Command::Download, slot, node)?;
        if self.request.is_some() {
            return Err(because(Code::Resources));
        }
        let Some(status) = up.status() else { return Ok(None) };
        if slot == status.running {
            return Err((Code::Denied, "the image is active"));
        }
        // Also where the slot could not be written just now, as the one that is gone back to from a trial.
        if let Some(owner) = status.state.owner() {
            return Err(because(refused_download(Refused::Busy(owner))));
        }
        if let State::Staged { wanted: None, .. } = status.state {
            // The image stays where it is; it only is no longer the one that is about to be activated.
            let give_up = Order::Discard { keep_slot: true };
            up.command(self.config.by, give_up, None, now).map_err(|why| because(refused_download(why)))?;
            return Ok(None);
        }
        let reach = if activate { Reach::Activate(Ask::No) } else { Reach::Stage };
        let job =
            Job { uri: Some(url), reach, target: Some(slot), after: AfterReset::Fail, file_check: check };
        let note = Note { order: Some(order), ..self.note };
        let run = self
            .command(Order::Fetch(job), Some(&note), now, up)
            .map_err(|why| because(refused_download(why)))?;
        let number = self.next_request();
        self.begin(&order, number, now.wall).run = Some(run);
        self.refusal.take_if(|(refused, _)| *refused == slot);
        Ok(Some(Reply::Begun(number)))
    }

    /// Whether a URL is one that can be fetched. TR-181, Download(), URL.
    fn url(&self, url: &str) -> Result<(), Fault> {
        let invalid = |why| (Code::InvalidArguments, why);
        let (scheme, rest) = split_once(url, AUTHORITY).ok_or(invalid("the URL has no scheme"))?;
        if !self.config.schemes.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return Err(invalid("the URL's scheme is not supported"));
        }
        let mut authority = rest.bytes().take_while(|byte| !matches!(byte, b'/' | b'?' | b'#')).peekable();
        if authority.peek().is_none() || authority.any(|byte| byte == b'@') {
            return Err(invalid("the URL must name a host and no user"));
        }
        if url.len() > URI_MAX {
            return Err(because(Code::Resources));
        }
        Ok(())
    }

    #[inline(never)]
    fn activate<P: Platform>(
        &mut self,
        number: u32,
        node: &Node<'_>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<Option<Reply>, Fault> {
        let mut windows = Windows::now();
        let any = windows.read(node, operate::INPUT_ARGS, now.mono).map_err(because)?;
        if !any && self.config.strict {
            return Err(because(Code::CommandArguments));
        }
        let slot = slot(number).ok_or(because(Code::NoObject))?;
        let order = self.order(Command::Activate, slot, node)?;
        let Some(status) = up.status() else { return Ok(None) };
        if self.request.is_some() {
            return Err(because(Code::Resources));
        }
        if let Some(owner) = status.state.owner() {
            return Err(because(refused_activate(Refused::Busy(owner))));
        }
        if slot == status.running {
            return Err((Code::Denied, "the image is active"));
        }
        let why = match status.slots.get(usize::from(slot.0)) {
            Some(Slot::Verified(image, Enabled::Yes)) if image.image().counter() < status.counter => {
                Some("the image is older than allowed")
            }
            Some(Slot::Verified(_, Enabled::Yes)) => None,
            Some(Slot::Verified(_, Enabled::No)) => Some("the image is not available"),
            Some(Slot::Empty | Slot::Partial | Slot::Failed { .. }) | None => Some("there is no good image"),
        };
        if let Some(why) = why {
            self.refusal = Some((slot, why));
            return Err((Code::CommandFailure, why));
        }
        self.remember(Some(&Note { order: Some(order), ..self.note }), up)
            .map_err(|why| because(refused_activate(why)))?;
        let number = self.next_request();
        self.begin(&order, number, now.wall).windows = windows;
        Ok(Some(Reply::Begun(number)))
    }

    fn reboot<P: Platform>(
        &mut self,
        node: &Node<'_>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<Option<Reply>, Fault> {
        let args = |name| node.pair(operate::INPUT_ARGS, name).filter(|text| !text.is_empty());
        let cause = match args(arg::CAUSE) {
            Some(text) => Cause::parse(text).ok_or(because(Code::InvalidArguments))?,
            None => Cause::Remote,
        };
        let reason = args(arg::REASON).unwrap_or_default();
        let Some(status) = up.status() else { return Ok(None) };
        let slot = boot_image(&status, &self.note);
        let mut order = self.order(Command::Reboot, slot, node)?;
        order.reason.set(reason).ok_or(because(Code::Resources))?;
        (order.progress, order.cause) = (Progress::Told, cause);
        let note = Note { order: Some(order), ..self.note };
        if slot != status.running {
            let activate = Order::Activate { slot: Some(slot), ask: Ask::No };
            match self.command(activate, Some(&note), now, up) {
                Ok(_) => return Ok(Some(Reply::Done)),
                // Nothing to switch to, or somebody is at work: it is a reset all the same.
                Err(Refused::WrongState | Refused::Busy(_) | Refused::Unsupported) => {}
                Err(Refused::Invalid | Refused::NoSuchSlot | Refused::NotAvailable) => {}
            }
        }
        self.remember(Some(&note), up).map_err(|_| because(Code::Internal))?;
        self.reboot = true;
        Ok(Some(Reply::Done))
    }

    fn cancel<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) -> Result<Option<Reply>, Fault> {
        let denied = because(refused_cancel(Refused::WrongState));
        let request = self.at_work().ok_or(denied)?;
        let run = request.run;
        let Some(status) = up.status() else { return Ok(None) };
        let command = match (run, status.state) {
            (None, _) => None,
            (Some(_), State::Receiving { .. } | State::Validating { .. } | State::Checking { .. }) => {
                Some(Order::Cancel)
            }
            (Some(_), State::Staged { wanted: Some(_), .. }) => Some(Order::Withdraw),
            (Some(_), State::Staged { wanted: None, .. } | State::Idle) => return Err(denied),
            (Some(_), State::Activating { .. } | State::Trial { .. } | State::Reverting { .. }) => {
                return Err(denied);
            }
        };
        if let Some(command) = command {
            let refused = |why| because(refused_cancel(why));
            self.command(command, None, now, up).map_err(refused)?;
        }
        if let Some(request) = &mut self.request {
            request.status = RequestStatus::Canceling;
            if command.is_none() {
                let why = words(fwupd_core::outcome::Failure::Cancelled);
                self.ends(Code::Cancelled, why, None, now);
            }
        }
        Ok(Some(Reply::Done))
    }
}

/// The bytes of a hexBinary.
fn hex<'b>(text: &str, into: &'b mut [u8]) -> Option<&'b [u8]> {
    let digits = text.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let into = into.get_mut(..pairs.len())?;
    for (byte, pair) in into.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(into)
}

/// OperateResp.
fn respond(answer: &Answer, out: &mut Out<'_>) {
    one(answer, answer.number, answer.reply, out);
    for number in (0..u32::BITS).filter(|number| answer.others & (1 << number) != 0) {
        one(answer, number, Reply::Failed(because(Code::Resources)), out);
    }
}

fn one(answer: &Answer, number: u32, reply: Reply, out: &mut Out<'_>) {
    let result = out.open(operate_resp::OPERATION_RESULTS);
    let command = answer.command;
    path_of(out, operation_result::EXECUTED_COMMAND, command.object(), number, command.name());
    match reply {
        Reply::Done => {
            let empty = out.open(operation_result::REQ_OUTPUT_ARGS);
            out.close(empty);
        }
        Reply::Begun(request) => {
            path_of(out, operation_result::REQ_OBJ_PATH, Object::Request, request, "");
        }
        Reply::Failed((code, why)) => failure(out, operation_result::CMD_FAILURE, code, why),
    }
    out.close(result);
}
