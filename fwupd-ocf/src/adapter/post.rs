//! UPDATE, and all that is not allowed. An UPDATE is answered once it stands in flash.

use fwupd_coap::Millis;
use fwupd_coap::endpoint::Exchange;
use fwupd_coap::message::Message;
use fwupd_coap::spec::Code;
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Settled, Updater};

use super::get::{Asked, Part};
use super::{Device, PATIENCE, View, code, resource};
use crate::software::{Act, Deed};
use crate::spec::{self, Action, Answer, Resource};
use crate::wire::pstat;
use crate::wire::software::Update;

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting<A> {
    exchange: Exchange<A>,
    /// When it came.
    since: Millis,
    asked: Asked,
    stage: Stage,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It is being written.
    Writing,
    /// The same, and its empty acknowledgement was sent.
    Acknowledged,
    /// This is its answer.
    Answered(Answer),
}

impl<A> Waiting<A> {
    /// When it is to be acknowledged.
    pub(super) fn timeout(&self) -> Option<Millis> {
        match self.stage {
            Stage::Writing => Some(self.since.saturating_add(PATIENCE)),
            Stage::Acknowledged => None,
            Stage::Answered(_) => Some(self.since),
        }
    }
}

impl<A: Copy + Eq> Device<'_, A> {
    /// A request that may change something. No answer yet, if it does.
    pub(super) fn change<P: Platform>(
        &mut self,
        exchange: Exchange<A>,
        message: &Message<'_>,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<usize, Answer> {
        resource(message).ok_or(Answer::NotFound)?;
        if message.code != Code::POST {
            return Err(Answer::MethodNotAllowed);
        }
        let asked = Asked::parse(message, true)?;
        match message.block1() {
            Ok(None) => {}
            // What can be written fits any message.
            Ok(Some(block)) if block.number > 0 || block.more => return Err(Answer::TooLarge),
            Ok(Some(_)) => {}
            Err(_) => return Err(Answer::BadRequest),
        }
        if self.waiting.iter().all(Option::is_some) {
            return Err(Answer::Unavailable);
        }
        let stage = if asked.resource == Resource::Pstat {
            self.trigger(message.payload, now, up)?
        } else {
            self.update(message.payload, now, up)?
        };
        if let Some(free) = self.waiting.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(Waiting { exchange, since: now.mono, asked, stage });
        }
        Ok(0)
    }

    /// An UPDATE of the software update resource.
    fn update<P: Platform>(
        &mut self,
        payload: &[u8],
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<Stage, Answer> {
        let update = Update::parse(payload).map_err(|_| Answer::BadRequest)?;
        let rules = &self.config.rules;
        let view = View::of(rules, up);
        let status = view.status.ok_or(Answer::Unavailable)?;
        let mine = up.uri(rules.by).is_some();
        let deed = rules.update(&update, &status, view.note, mine, now)?;
        rules.carry_out(&deed, now, up).map_err(spec::refused)?;
        // It was not too late when it came, however long the writing takes.
        self.armed = (deed.note.action != Action::Idle).then_some((deed.note.action, deed.note.time));
        self.pending = true;
        Ok(Stage::Writing)
    }

    /// An UPDATE of tm.
    fn trigger<P: Platform>(
        &mut self,
        payload: &[u8],
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<Stage, Answer> {
        let tm = pstat::parse_update(payload).map_err(|_| Answer::BadRequest)?;
        let rules = &self.config.rules;
        let view = View::of(rules, up);
        let status = view.status.ok_or(Answer::Unavailable)?;
        let Some(deed) = rules.trigger(tm, &status, view.note)? else {
            return Ok(Stage::Answered(Answer::Changed));
        };
        self.carry_out_or_fail(&deed, now, up)?;
        Ok(Stage::Writing)
    }

    /// The owner has the device reset, by `dos` of pstat, which its security carries out: nothing of the software
    /// update is left but the time of the last one. It counts once [`Updater::settled`] says so.
    ///
    /// # Errors
    /// 5.03 while there is work of others, an image is being installed, or something is being written: to be tried
    /// again. 5.00 where the updater refuses it.
    pub fn restore<P: Platform>(&mut self, now: Now, up: &mut Updater<P>) -> Result<(), Answer> {
        if up.settled(self.config.rules.by) == Settled::Pending {
            return Err(Answer::Unavailable);
        }
        let rules = &self.config.rules;
        let view = View::of(rules, up);
        let status = view.status.ok_or(Answer::Unavailable)?;
        let deed = rules.restore(&status, view.note, up.uri(rules.by).is_some())?;
        rules.carry_out(&deed, now, up).map_err(spec::refused)?;
        self.pending = true;
        Ok(())
    }

    /// Gives a deed's command; where the updater refuses it for good, the result says so.
    pub(super) fn carry_out_or_fail<P: Platform>(
        &mut self,
        deed: &Deed,
        now: Now,
        up: &mut Updater<P>,
    ) -> Result<(), Answer> {
        let rules = &self.config.rules;
        if let Err(why) = rules.carry_out(deed, now, up) {
            let result = spec::refused_run(why).ok_or(Answer::Unavailable)?;
            let status = up.status().ok_or(Answer::Unavailable)?;
            let failed = Deed { act: Act::Nothing, note: deed.note.with_result(&status, result) };
            rules.carry_out(&failed, now, up).map_err(|_| Answer::Internal)?;
        }
        self.pending = true;
        Ok(())
    }

    /// Notes whether what was being written stands.
    pub(super) fn resolve<P: Platform>(&mut self, up: &Updater<P>) {
        let answer = match up.settled(self.config.rules.by) {
            Settled::Pending => return,
            Settled::Written => Answer::Changed,
            Settled::Lost => Answer::Internal,
        };
        self.pending = false;
        for waiting in self.waiting.iter_mut().flatten() {
            match waiting.stage {
                Stage::Writing | Stage::Acknowledged => waiting.stage = Stage::Answered(answer),
                Stage::Answered(_) => {}
            }
        }
    }

    /// Answers a request that has waited for that, or acknowledges it where it waits for long.
    pub(super) fn answer(&mut self, now: Now, view: &View<'_>, out: &mut [u8]) -> Option<(A, usize)> {
        let Self { endpoint, waiting, config, .. } = self;
        for slot in waiting {
            let Some(waits) = slot else { continue };
            let peer = waits.exchange.peer;
            let length = match waits.stage {
                Stage::Acknowledged => continue,
                Stage::Writing if now.mono < waits.since.saturating_add(PATIENCE) => continue,
                Stage::Writing => {
                    waits.stage = Stage::Acknowledged;
                    endpoint.acknowledge(&mut waits.exchange, out)
                }
                Stage::Answered(answer) => {
                    let has_body = answer == Answer::Changed && waits.asked.resource == Resource::Software;
                    let room = (out.len(), &mut *out);
                    let part = Part::new(config, waits.asked, None, view, Ok(None), room);
                    let part = part.ok().filter(|_| has_body);
                    let sent = endpoint.respond(waits.exchange, code(answer), now.mono, out, |to| {
                        if let Some(part) = &part {
                            part.write(config, view, None, to);
                        }
                    });
                    // As many messages as can be are under way: later.
                    let Ok(length) = sent else { continue };
                    *slot = None;
                    length
                }
            };
            if length > 0 {
                return Some((peer, length));
            }
        }
        None
    }
}
