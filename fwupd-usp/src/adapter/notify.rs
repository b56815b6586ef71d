//! What the agent tells by itself: Boot!, TransferComplete!, OperationComplete and ValueChange.

use fwupd_core::image::SlotId;
use fwupd_core::status::Status;
use fwupd_core::updater::{Platform, Updater};

use super::Agent;
use super::read::{path, path_of};
use super::request::{End, Request};
use super::view::{Value, row};
use crate::note::{KEY_MAX, REASON_MAX, Text};
use crate::spec::Code;
use crate::spec::model::{
    Cause, Command, DOWNLOAD, Event, NO_PARAMETERS, NotifType, Object, Param, UNKNOWN_REASON, UNKNOWN_TIME,
    arg,
};
use crate::spec::schema::{event, notify, oper_complete, value_change};
use crate::wire::msg::{Verb, fault, request};
use crate::wire::record::emit;
use crate::wire::{Full, Out};

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Boot,
    Transfer,
    Complete,
    Change(Object, u32, Param),
}

/// It, and the places of the subscriptions that have not been told it yet, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) what: What,
    pub(super) mask: u8,
}

/// The boot that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) key: Text<KEY_MAX>,
    pub(super) cause: Cause,
    pub(super) reason: Text<REASON_MAX>,
    pub(super) updated: bool,
}

/// Values whose change is told, by their places in the agent's fingerprints.
pub(super) const WATCHED: usize = 5 + 6 * IMAGES;
/// Rows of FirmwareImage whose values are watched.
const IMAGES: usize = 4;

impl Agent<'_> {
    /// Queues something for whoever wants to know it; false if nobody does.
    pub(super) fn queue(&mut self, what: What) -> bool {
        let (kind, request) = match what {
            What::Boot | What::Transfer => (NotifType::Event, None),
            What::Complete => (NotifType::OperationComplete, self.request.as_ref()),
            What::Change(..) => (NotifType::ValueChange, None),
        };
        let mut room = [0; 96];
        let mut out = Out::new(&mut room);
        match (what, request) {
            (What::Boot, _) => of(&mut out, Object::Device, 0, Event::Boot.name()),
            (What::Transfer, _) => of(&mut out, Object::LocalAgent, 0, Event::TransferComplete.name()),
            (What::Complete, Some(request)) => {
                of(&mut out, Object::FirmwareImage, row(request.slot), request.command.name());
            }
            (What::Complete, None) => return false,
            (What::Change(object, number, param), _) => of(&mut out, object, number, param.name()),
        }
        let text = out.finish_text().unwrap_or_default();
        let mask = self.subscriptions.mask(kind, text);
        if mask != 0
            && let Some(place) = self.outbox.iter_mut().find(|place| place.is_none())
        {
            *place = Some(Item { what, mask });
        }
        mask != 0
    }

    /// The next thing to tell, and to which place.
    pub(super) fn next_item(&self) -> Option<(What, usize)> {
        let item = self.outbox.first().copied().flatten()?;
        Some((item.what, item.mask.trailing_zeros() as usize))
    }

    /// It has been told to that place; whether all know it now.
    pub(super) fn told_item(&mut self, place: usize) -> bool {
        let Some(Some(item)) = self.outbox.first_mut() else { return false };
        item.mask &= !1u8.checked_shl(place as u32).unwrap_or(0);
        let all = item.mask == 0;
        if all {
            // The others move up.
            let mut behind = None;
            for place in self.outbox.iter_mut().rev() {
                core::mem::swap(place, &mut behind);
            }
        }
        all
    }

    /// Whether something of this kind is still to be told.
    pub(super) fn is_queued(&self, is: impl Fn(What) -> bool) -> bool {
        self.outbox.iter().flatten().any(|item| is(item.what))
    }

    /// Writes a Notify.
    ///
    /// # Errors
    /// There is no room.
    pub(super) fn notification<P: Platform>(
        &self,
        (what, place): (What, usize),
        status: &Status<'_>,
        up: &Updater<P>,
        out: &mut [u8],
    ) -> Result<usize, Full> {
        let mut to = Out::new(out);
        let Some(subscription) = self.subscriptions.at(place) else { return Ok(0) };
        let mut room = [0; 16];
        let mut id = Out::new(&mut room);
        id.part("n");
        id.decimal(self.messages);
        let id = id.finish_text().unwrap_or_default();
        emit(&mut to, self.config.controller, self.config.endpoint, |out| {
            request(out, id, Verb::Notify, |out| {
                out.text(notify::SUBSCRIPTION_ID, subscription.id.as_str());
                match what {
                    What::Boot => self.boot_event(out),
                    What::Transfer => self.transfer(up.uri(self.config.by), out),
                    What::Complete => self.complete(out),
                    What::Change(object, number, param) => {
                        let change = out.open(notify::VALUE_CHANGE);
                        path_of(out, value_change::PARAM_PATH, object, number, param.name());
                        let mark = out.open(value_change::PARAM_VALUE);
                        self.view(status).value(object, number, param).parts(&mut |part| out.raw(part));
                        out.close(mark);
                        out.close(change);
                    }
                }
            });
        });
        to.finish()
    }

    fn boot_event(&self, out: &mut Out<'_>) {
        let Some(boot) = &self.boot else { return };
        let mark = out.open(notify::EVENT);
        out.text(event::OBJ_PATH, Object::Device.path());
        out.text(event::EVENT_NAME, Event::Boot.name());
        out.pair(event::PARAMS, arg::COMMAND_KEY, boot.key.as_str());
        out.pair(event::PARAMS, arg::CAUSE, boot.cause.text());
        let reason = boot.reason.as_str();
        out.pair(event::PARAMS, arg::REASON, if reason.is_empty() { UNKNOWN_REASON } else { reason });
        out.pair(event::PARAMS, arg::FIRMWARE_UPDATED, if boot.updated { "true" } else { "false" });
        out.pair(event::PARAMS, arg::PARAMETER_MAP, NO_PARAMETERS);
        out.close(mark);
    }

    fn ended(&self) -> Option<(&Request, &End)> {
        let request = self.request.as_ref()?;
        Some((request, request.end.as_ref()?))
    }

    fn transfer(&self, url: Option<&str>, out: &mut Out<'_>) {
        let Some((request, end)) = self.ended() else { return };
        let mark = out.open(notify::EVENT);
        out.text(event::OBJ_PATH, Object::LocalAgent.path());
        out.text(event::EVENT_NAME, Event::TransferComplete.name());
        let value = |name: &str, value: Value<'_>, out: &mut Out<'_>| {
            let pair = out.open_pair(event::PARAMS, name);
            value.parts(&mut |part| out.raw(part));
            out.close_pair(pair);
        };
        let number = row(request.slot);
        value(arg::COMMAND, Value::Command(Object::FirmwareImage, number, request.command.name()), out);
        out.pair(event::PARAMS, arg::COMMAND_KEY, request.key.as_str());
        out.pair(event::PARAMS, arg::REQUESTOR, self.config.controller);
        out.pair(event::PARAMS, arg::TRANSFER_TYPE, DOWNLOAD);
        value(arg::AFFECTED, Value::Row(Object::FirmwareImage, number), out);
        out.pair(event::PARAMS, arg::TRANSFER_URL, url.unwrap_or_default());
        for (name, time) in [(arg::START_TIME, request.started), (arg::COMPLETE_TIME, end.completed)] {
            let pair = out.open_pair(event::PARAMS, name);
            date(time, out);
            out.close_pair(pair);
        }
        value(arg::FAULT_CODE, Value::Number(end.fault as u32), out);
        let pair = out.open_pair(event::PARAMS, arg::FAULT_STRING);
        why(end, out);
        out.close_pair(pair);
        out.close(mark);
    }

    fn complete(&self, out: &mut Out<'_>) {
        let Some((request, end)) = self.ended() else { return };
        let mark = out.open(notify::OPER_COMPLETE);
        path_of(out, oper_complete::OBJ_PATH, Object::FirmwareImage, row(request.slot), "");
        out.text(oper_complete::COMMAND_NAME, request.command.name());
        out.text(oper_complete::COMMAND_KEY, request.key.as_str());
        if end.fault == Code::Success {
            let empty = out.open(oper_complete::REQ_OUTPUT_ARGS);
            out.close(empty);
        } else {
            let failure = out.open(oper_complete::CMD_FAILURE);
            // Codes of transfers do not stand here: TR-369, "Error Codes", Operate.
            let code = if end.fault == Code::Cancelled { Code::Cancelled } else { Code::CommandFailure };
            fault(out, code, "");
            let text = out.open(crate::spec::schema::error::ERR_MSG);
            why(end, out);
            out.close(text);
            out.close(failure);
        }
        out.close(mark);
    }

    /// Compares what is watched with what was told last, and queues one change; true if there was one.
    pub(super) fn find_change(&mut self, status: &Status<'_>) -> bool {
        for place in 0..WATCHED {
            let Some((object, number, param)) = watched(place, status) else { continue };
            let print = self.view(status).value(object, number, param).print();
            let Some(told) = self.prints.get_mut(place) else { continue };
            if core::mem::replace(told, print) == print {
                continue;
            }
            if param == Param::SoftwareVersion {
                self.note.version = Some(print);
                self.dirty = true;
            }
            if self.queue(What::Change(object, number, param)) {
                return true;
            }
        }
        false
    }

    /// What is watched counts as told.
    pub(super) fn seed_prints(&mut self, status: &Status<'_>) {
        for place in 0..WATCHED {
            let Some((object, number, param)) = watched(place, status) else { continue };
            let print = self.view(status).value(object, number, param).print();
            let before = if param == Param::SoftwareVersion { self.note.version } else { None };
            if let Some(told) = self.prints.get_mut(place) {
                *told = before.unwrap_or(print);
            }
            if param == Param::SoftwareVersion && before.is_none() {
                self.note.version = Some(print);
                self.dirty = true;
            }
        }
    }
}

/// What is watched at a place.
fn watched(place: usize, status: &Status<'_>) -> Option<(Object, u32, Param)> {
    let infos = Object::DeviceInfo.params();
    if let Some(param) = infos.get(place) {
        return Some((Object::DeviceInfo, 0, *param));
    }
    let mut place = place.checked_sub(infos.len())?;
    let params = Object::FirmwareImage.params();
    for slot in (0u8..).map(SlotId).take(status.slots.len()) {
        match params.get(place) {
            Some(param) => return Some((Object::FirmwareImage, row(slot), *param)),
            None => place = place.checked_sub(params.len())?,
        }
    }
    None
}

fn of(out: &mut Out<'_>, object: Object, number: u32, name: &str) {
    path(out, object, number);
    out.part(name);
}

fn why(end: &End, out: &mut Out<'_>) {
    out.part(end.why);
    if let Some(status) = end.status {
        out.decimal(u32::from(status));
    }
}

/// Appends a time as TR-106's dateTime: seconds since 1970-01-01, in UTC.
fn date(time: Option<u64>, out: &mut Out<'_>) {
    let Some(seconds) = time.and_then(|time| u32::try_from(time).ok()) else {
        return out.part(UNKNOWN_TIME);
    };
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970u32;
    while let Some(left) = days.checked_sub(if leap(year) { 366 } else { 365 }) {
        days = left;
        year = year.saturating_add(1);
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1u32;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        let Some(left) = days.checked_sub(length) else { break };
        days = left;
        month = month.saturating_add(1);
    }
    let two = |out: &mut Out<'_>, before: &str, number: u32| {
        out.part(before);
        out.decimal(number / 10);
        out.decimal(number % 10);
    };
    out.decimal(year);
    two(out, "-", month);
    two(out, "-", days.saturating_add(1));
    two(out, "T", rest / 3_600);
    two(out, ":", rest / 60 % 60);
    two(out, ":", rest % 60);
    out.part("Z");
}

/// The commands whose end is told as a transfer too.
pub(super) fn is_transfer(command: Command) -> bool {
    match command {
        Command::Download => true,
        Command::Activate | Command::Reboot | Command::Cancel => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_in_utc() {
        let text = |time| {
            let mut room = [0; 32];
            let mut out = Out::new(&mut room);
            date(time, &mut out);
            let length = out.finish().unwrap();
            String::from_utf8(room[..length].to_vec()).unwrap()
        };
        // Values of `date -u -d @N`.
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(text(Some(seconds)), date);
        }
        assert_eq!(text(None), "0001-01-01T00:00:00Z");
    }
}
