//! A request that changes something, from its first sight to its answer: the updater may have to write in
//! between, more than once.

use fwupd_coap::Millis;
use fwupd_coap::block::Block;
use fwupd_coap::endpoint::Exchange;
use fwupd_coap::message::Message;
use fwupd_coap::spec::option;
use fwupd_core::outcome::{Failure, Refused};
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Settled, Updater};

use super::{Client, Handled, code};
use crate::note::Note;
use crate::object::Order;
use crate::spec::{Answer, Shown, State, UpdateResult};

/// The request at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Busy<A> {
    pub(super) exchange: Exchange<A>,
    /// Fingerprint of its datagram.
    pub(super) print: [u8; 4],
    /// When it came.
    pub(super) since: Millis,
    pub(super) step: Step,
    /// Its empty acknowledgement was sent.
    pub(super) acknowledged: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing has been done.
    Start,
    /// All is done, and answered so once it is written.
    Settle(Reply),
    /// A download has begun, and fails at once.
    Fail(Failure, Answer),
    /// The delivery before this one is being cancelled; then it starts anew.
    Restart,
    /// A block's bytes are being taken.
    Feed,
    /// The last block's are, and the package is being compared.
    Finish,
}

/// An answer without a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    /// Size1: the most that is taken, bytes.
    pub(super) size: Option<u32>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, size: None }
    }
}

/// What a step comes to.
pub(super) enum Turn {
    /// The updater has something to do first.
    Again,
    /// There is another step, now.
    Next(Step),
    /// It is answered.
    Done(Reply),
}

impl From<Answer> for Turn {
    fn from(answer: Answer) -> Self {
        Self::Done(answer.into())
    }
}

impl<A> Busy<A> {
    /// What is shown instead of a state that is over with the next step.
    pub(super) fn instead(&self) -> Option<Shown> {
        match self.step {
            Step::Fail(..) => Some(Shown { state: State::Idle, result: UpdateResult::InvalidUri }),
            Step::Restart => Some(Shown { state: State::Downloading, result: UpdateResult::Initial }),
            Step::Start | Step::Settle(_) | Step::Feed | Step::Finish => None,
        }
    }

    /// Whether the state is one that nobody is to see: it lasts until the next step.
    pub(super) fn hides(&self) -> bool {
        match self.step {
            Step::Start | Step::Settle(_) | Step::Fail(..) | Step::Restart => true,
            Step::Feed | Step::Finish => false,
        }
    }
}

impl<A: Copy + Eq> Client<'_, A> {
    /// Goes on with a request as far as it can now.
    pub(super) fn work<P: Platform>(
        &mut self,
        mut busy: Busy<A>,
        message: &Message<'_>,
        now: Now,
        up: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        loop {
            let turn = match busy.step {
                Step::Start => self.start(message, now, up),
                Step::Settle(reply) => match up.settled(self.config.by) {
                    Settled::Pending => Turn::Again,
                    Settled::Written => Turn::Done(reply),
                    Settled::Lost => Answer::Internal.into(),
                },
                Step::Fail(why, answer) => match up.settled(self.config.by) {
                    Settled::Pending => Turn::Again,
                    Settled::Lost => Answer::Internal.into(),
                    Settled::Written => match up.failed(up.ticket(), why, now) {
                        Err(Refused::NotAvailable) => Turn::Again,
                        // The application may have found out before.
                        Ok(()) | Err(_) => Turn::Next(Step::Settle(answer.into())),
                    },
                },
                Step::Restart => match up.settled(self.config.by) {
                    Settled::Pending => Turn::Again,
                    Settled::Written => Turn::Next(Step::Start),
                    Settled::Lost => Answer::Internal.into(),
                },
                Step::Feed => self.feed(message, now, up),
                Step::Finish => self.finish(busy.since, now, up),
            };
            match turn {
                Turn::Again => {
                    self.busy = Some(busy);
                    return Handled::Again;
                }
                Turn::Next(step) => busy.step = step,
                Turn::Done(reply) => {
                    self.busy = None;
                    return self.reply(busy.exchange, reply, message, now, out);
                }
            }
        }
    }

    /// Gives a deed's command, and answers once it is written.
    pub(super) fn carry_out<P: Platform>(
        &self,
        order: Order<'_>,
        note: &Note,
        reply: Reply,
        now: Now,
        up: &mut Updater<P>,
    ) -> Turn {
        match self.model.firmware.carry_out(order, note, now, up) {
            Err(answer) => answer.into(),
            Ok(()) => Turn::Next(match order {
                Order::Fetch { fails: Some(why), .. } => Step::Fail(why, reply.answer),
                Order::Fetch { fails: None, .. } | Order::Remember | Order::Receive => Step::Settle(reply),
                Order::Cancel | Order::Discard | Order::Activate(_) => Step::Settle(reply),
            }),
        }
    }

    fn reply(
        &mut self,
        exchange: Exchange<A>,
        reply: Reply,
        message: &Message<'_>,
        now: Now,
        out: &mut [u8],
    ) -> Handled {
        // Every answer to a block says which one it was for: RFC 7959 section 2.3.
        let block = message.block1().ok().flatten();
        let length = self.endpoint.respond(exchange, code(reply.answer), now.mono, out, |to| {
            if let Some(block) = block {
                let more = block.more && reply.answer == Answer::Continue;
                to.block(option::BLOCK1, Block { more, ..block });
            }
            if let Some(size) = reply.size {
                to.uint(option::SIZE1, size);
            }
        });
        Handled::Done(length.unwrap_or(0))
    }
}
