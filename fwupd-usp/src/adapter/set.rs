//! Set: first what a message comes to as a whole, by a plan; then the commands that lead there, one frame each; then
//! the answer, by the same plan from the same beginning.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::Refused;
use fwupd_core::slot::{Enabled, Slot};
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command as Order, Platform, Settled, Updater};

use super::path::{Rows, Tail};
use super::read::path_of;
use super::view::{View, row, slot};
use super::{Agent, Step, Turn};
use crate::note::Note;
use crate::spec::model::{Object, Param};
use crate::spec::schema::{
    error, failure as set_failure, instance_failure, instance_result, object, oper_status, param_error,
    result, set, set_resp, set_success, setting,
};
use crate::spec::{Code, boot_image, refused_available, refused_boot};
use crate::wire::msg::{Verb, error as emit_error, failure, fault, response};
use crate::wire::{Node, Out};

/// More frames than a Set of all images needs.
const FRAMES: u8 = 16;

/// The writable part of the images, before or after a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) boot: SlotId,
    /// Whether a setting names the slot to boot.
    pub(super) named: bool,
    running: SlotId,
    /// A bit a slot: its image may be activated; it holds one.
    pub(super) enabled: u32,
    verified: u32,
    /// A bit a slot: its image is not too old to run.
    allowed: u32,
    /// The slot of an activation that is waited for.
    pending: Option<SlotId>,
    /// Whether the updater takes commands of this kind now.
    free: bool,
}

pub(super) fn bit(slot: SlotId) -> u32 {
    1u32.checked_shl(u32::from(slot.0)).unwrap_or(0)
}

/// The slots whose image may be activated, a bit each.
pub(super) fn enabled(status: &Status<'_>) -> u32 {
    let held = (0u8..).map(SlotId).zip(status.slots);
    held.filter(|(_, held)| matches!(held, Slot::Verified(_, Enabled::Yes)))
        .fold(0, |all, (slot, _)| all | bit(slot))
}

impl Plan {
    pub(super) fn of(view: &View<'_>) -> Self {
        let status = view.status;
        let held = || (0u8..).map(SlotId).zip(status.slots);
        let all = |is: &dyn Fn(&Slot) -> bool| {
            held().filter(|(_, held)| is(held)).fold(0, |all, (slot, _)| all | bit(slot))
        };
        let counter = |held: &Slot| held.verified().is_some_and(|v| v.image().counter() >= status.counter);
        Self {
            boot: boot_image(status, &view.agent.note),
            named: false,
            running: status.running,
            enabled: enabled(status),
            verified: all(&|held| held.verified().is_some()),
            allowed: all(&counter),
            pending: view.agent.at_work().map(|request| request.slot),
            free: match status.state {
                State::Idle | State::Staged { wanted: None, .. } => true,
                State::Checking { .. } | State::Receiving { .. } | State::Validating { .. } => false,
                State::Staged { wanted: Some(_), .. } | State::Activating { .. } => false,
                State::Trial { .. } | State::Reverting { .. } => false,
            },
        }
    }

    /// One setting.
    fn set(&mut self, view: &View<'_>, of: Object, number: u32, name: &str, value: &str) -> Result<(), Code> {
        let param = of.param(name).ok_or(Code::UnsupportedParam)?;
        match (of, param) {
            (Object::DeviceInfo, Param::BootFirmwareImage) => {
                let slot = self.reference(view, value).ok_or(Code::InvalidValue)?;
                let bootable = self.enabled & self.verified & self.allowed & bit(slot) != 0;
                if !(slot == self.running || bootable) || !self.free {
                    return Err(Code::InvalidValue);
                }
                (self.boot, self.named) = (slot, true);
                Ok(())
            }
            (Object::FirmwareImage, Param::Available) => {
                let on = super::boolean(value).ok_or(Code::InvalidType)?;
                let slot = slot(number).ok_or(Code::NoObject)?;
                if slot == self.running {
                    return if on { Ok(()) } else { Err(Code::Conflict) };
                }
                if on == (self.enabled & bit(slot) != 0) {
                    return Ok(());
                }
                let held = slot == self.boot || self.pending == Some(slot);
                if !self.free || self.verified & bit(slot) == 0 || (!on && held) {
                    return Err(Code::Conflict);
                }
                self.enabled ^= bit(slot);
                Ok(())
            }
            (Object::Subscription, Param::Enable) => {
                super::boolean(value).map(|_| ()).ok_or(Code::InvalidType)
            }
            // What subscriptions refer to is written once: TR-181, ReferenceList.
            (Object::Subscription, Param::ReferenceList) => Err(Code::InvalidArguments),
            (_, _) => Err(Code::NotWritable),
        }
    }

    /// The slot that a reference names: by its number or by a key, with or without a last dot.
    fn reference(&self, view: &View<'_>, value: &str) -> Option<SlotId> {
        let mut room = [0; 128];
        let mut out = Out::new(&mut room);
        out.part(value.strip_suffix('.').unwrap_or(value));
        out.part(".");
        let path = view.path(out.finish_text().ok()?).ok()?;
        let one = matches!(path.rows, Rows::Number(_) | Rows::Where(_));
        if path.object != Object::FirmwareImage || path.tail != Tail::Object || !one {
            return None;
        }
        let mut found = view.instances(path.object).filter(|n| view.matching(&path, *n) == Ok(true));
        match (found.next(), found.next()) {
            (Some(number), None) => slot(number),
            (_, _) => None,
        }
    }
}

impl Agent<'_> {
    /// Goes on with a Set.
    pub(super) fn set<P: Platform>(
        &mut self,
        step: Step,
        id: &str,
        node: &Node<'_>,
        now: Now,
        up: &mut Updater<P>,
        out: &mut Out<'_>,
    ) -> Turn {
        if up.settled(self.config.by) == Settled::Pending {
            return Turn::Again;
        }
        let Some(status) = up.status() else { return Turn::Again };
        let view = self.view(&status);
        let (before, left) = match step {
            Step::Set(before, left) => (before, left),
            Step::Start | Step::Settle(_) => (Plan::of(&view), FRAMES),
        };
        let fails = |code: Code, out: &mut Out<'_>| {
            emit_error(out, id, code, |_| {});
            Turn::Done
        };
        if step != Step::Start && up.settled(self.config.by) == Settled::Lost {
            self.forget();
            self.loaded = false;
            return fails(Code::Internal, out);
        }
        let after = match plan(&view, before, node) {
            Ok(after) => after,
            Err(code) => {
                emit_error(out, id, code, |out| errors(&view, before, node, out));
                return Turn::Done;
            }
        };
        // What cannot be answered is not begun.
        if step == Step::Start
            && !out.fits(|out| response(out, id, Verb::Set, |out| respond(&view, before, node, out)))
        {
            return fails(Code::Resources, out);
        }
        // What is not as it should be yet. What boots comes last, as a slot has to be enabled first.
        let differs = enabled(&status) ^ after.enabled;
        let slot = (0u8..).map(SlotId).take(status.slots.len()).find(|slot| differs & bit(*slot) != 0);
        let command = match slot {
            Some(slot) => {
                let on = after.enabled & bit(slot) != 0;
                Some((Order::Enable(slot, on), None, refused_available as fn(Refused) -> Code))
            }
            None if after.named && (status.next_boot != after.boot || self.note.boot != Some(after.boot)) => {
                let note = Note { boot: Some(after.boot), ..self.note };
                Some((Order::Preset(after.boot), Some(note), refused_boot as fn(Refused) -> Code))
            }
            None => None,
        };
        if let Some((command, note, refused)) = command {
            if left == 0 {
                return fails(Code::Internal, out);
            }
            return match self.command(command, note.as_ref(), now, up) {
                Ok(_) => Turn::Next(Step::Set(before, left.saturating_sub(1))),
                Err(why) => fails(refused(why), out),
            };
        }
        response(out, id, Verb::Set, |out| respond(&view, before, node, out));
        self.set_subscriptions(&status, before, node);
        Turn::Done
    }

    /// The settings of a Set that concern subscriptions alone. `before` as it was when they were found good.
    fn set_subscriptions(&mut self, status: &Status<'_>, before: Plan, node: &Node<'_>) {
        for update in node.nodes(set::UPDATE_OBJS) {
            let view = self.view(status);
            let Ok(path) = find(&view, &update) else { continue };
            let at = (path.object, 0);
            if path.object != Object::Subscription || row_of(&view, before, at, &update, &mut |_, _| {}).1 {
                continue;
            }
            // The last one counts.
            let enable = update.nodes(object::PARAM_SETTINGS).filter_map(|one| {
                let is = Object::Subscription.param(one.text(setting::PARAM)) == Some(Param::Enable);
                super::boolean(one.text(setting::VALUE)).filter(|_| is)
            });
            let Some(on) = enable.last() else { continue };
            let named = (0..self.subscriptions.places()).map(|place| {
                let one = self.subscriptions.at(place);
                one.is_some_and(|one| view.matching(&path, one.number) == Ok(true))
            });
            let named = named.enumerate().fold(0, |all, (place, is)| all | u32::from(is) << place);
            self.subscriptions.enable(named, on);
        }
    }
}

/// What an object of a Set comes to.
type Found<'m> = Result<super::path::Path<'m>, Code>;

fn find<'m>(view: &View<'_>, node: &Node<'m>) -> Found<'m> {
    let path = view.path(node.text(object::OBJ_PATH))?;
    if path.tail != Tail::Object || (path.object.is_table() && path.rows == Rows::Table) {
        return Err(Code::InvalidPath);
    }
    view.exists(&path, Code::NoObject)?;
    // An expression that is none is found now, and not half way through.
    view.instances(path.object).try_for_each(|number| view.matching(&path, number).map(|_| ()))?;
    Ok(path)
}

/// One row: what its settings come to, from `plan` on. `bad` is told what is wrong.
fn row_of<'m>(
    view: &View<'_>,
    plan: Plan,
    (of, number): (Object, u32),
    node: &Node<'m>,
    bad: &mut dyn FnMut(&'m str, Code),
) -> (Plan, bool) {
    let mut after = plan;
    let mut failed = false;
    for one in node.nodes(object::PARAM_SETTINGS) {
        if let Err(code) = after.set(view, of, number, one.text(setting::PARAM), one.text(setting::VALUE)) {
            failed |= one.flag(setting::REQUIRED);
            bad(one.text(setting::PARAM), code);
        }
    }
    (if failed { plan } else { after }, failed)
}

fn rows<'a>(view: &'a View<'_>, path: &'a super::path::Path<'_>) -> impl Iterator<Item = u32> + 'a {
    view.instances(path.object).filter(|number| view.matching(path, *number) == Ok(true))
}

/// What the images are to be after the message; the code of the whole if it fails as one.
pub(super) fn plan(view: &View<'_>, before: Plan, node: &Node<'_>) -> Result<Plan, Code> {
    let partial = node.flag(set::ALLOW_PARTIAL);
    let mut now = before;
    for update in node.nodes(set::UPDATE_OBJS) {
        match find(view, &update) {
            Err(code) if !partial => return Err(code),
            Err(_) => {}
            Ok(path) => {
                for number in rows(view, &path) {
                    let (after, failed) = row_of(view, now, (path.object, number), &update, &mut |_, _| {});
                    if failed && !partial {
                        return Err(Code::InvalidArguments);
                    }
                    now = after;
                }
            }
        }
    }
    Ok(now)
}

/// What stands in an Error beside its code: each parameter, by its whole path.
pub(super) fn errors(view: &View<'_>, before: Plan, node: &Node<'_>, out: &mut Out<'_>) {
    let mut now = before;
    for update in node.nodes(set::UPDATE_OBJS) {
        let Ok(path) = find(view, &update) else { continue };
        for number in rows(view, &path) {
            let (after, _) = row_of(view, now, (path.object, number), &update, &mut |name, code| {
                let mark = out.open(error::PARAM_ERRS);
                path_of(out, param_error::PARAM, path.object, number, name);
                out.fixed32(param_error::ERR_CODE, code as u32);
                out.text(param_error::ERR_MSG, code.text());
                out.close(mark);
            });
            now = after;
        }
    }
}

/// One parameter that was not set, or not created with.
pub(super) fn param_error(field: u32, name: &str, code: Code, out: &mut Out<'_>) {
    let mark = out.open(field);
    out.text(param_error::PARAM, name);
    out.fixed32(param_error::ERR_CODE, code as u32);
    out.text(param_error::ERR_MSG, code.text());
    out.close(mark);
}

/// SetResp.
pub(super) fn respond(view: &View<'_>, before: Plan, node: &Node<'_>, out: &mut Out<'_>) {
    let mut now = before;
    for update in node.nodes(set::UPDATE_OBJS) {
        let one = out.open(set_resp::UPDATED_OBJ_RESULTS);
        out.text(result::REQUESTED_PATH, update.text(object::OBJ_PATH));
        let status = out.open(result::OPER_STATUS);
        match find(view, &update) {
            Err(code) => failure(out, oper_status::OPER_FAILURE, code, ""),
            Ok(path) => {
                let fails = |now: Plan| {
                    let mut now = now;
                    rows(view, &path).any(|number| {
                        let (after, failed) =
                            row_of(view, now, (path.object, number), &update, &mut |_, _| {});
                        now = after;
                        failed
                    })
                };
                let failed = fails(now);
                let mark =
                    out.open(if failed { oper_status::OPER_FAILURE } else { oper_status::OPER_SUCCESS });
                if failed {
                    fault(out, Code::RequiredFailed, Code::RequiredFailed.text());
                }
                for number in rows(view, &path) {
                    now = row_result(view, now, (path.object, number), &update, failed, out);
                }
                out.close(mark);
            }
        }
        out.close(status);
        out.close(one);
    }
}

/// One row in the result of an object.
fn row_result(
    view: &View<'_>,
    now: Plan,
    (of, number): (Object, u32),
    update: &Node<'_>,
    failed: bool,
    out: &mut Out<'_>,
) -> Plan {
    let (field, errors) = if failed {
        (set_failure::UPDATED_INST_FAILURES, instance_failure::PARAM_ERRS)
    } else {
        (set_success::UPDATED_INST_RESULTS, instance_result::PARAM_ERRS)
    };
    let inner = out.open(field);
    path_of(out, instance_result::AFFECTED_PATH, of, number, "");
    let at = (of, number);
    let (after, _) = row_of(view, now, at, update, &mut |name, code| param_error(errors, name, code, out));
    if !failed {
        let mut plan = now;
        for one in update.nodes(object::PARAM_SETTINGS) {
            let (name, value) = (one.text(setting::PARAM), one.text(setting::VALUE));
            if plan.set(view, of, number, name, value).is_err() {
                continue;
            }
            let pair = out.open_pair(instance_result::UPDATED_PARAMS, name);
            if of.param(name) == Some(Param::BootFirmwareImage) {
                // As it is read back: by its number.
                out.part(Object::FirmwareImage.path());
                out.decimal(row(plan.boot));
            } else {
                out.part(value);
            }
            out.close_pair(pair);
        }
    }
    out.close(inner);
    after
}
