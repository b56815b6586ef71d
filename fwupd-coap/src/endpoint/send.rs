//! What goes out: the queue, and its retransmissions. RFC 7252 sections 4.2, 4.7 and 4.8.

use super::{Due, Exchange, Flight, NotSent, Pending, Phase, Polled, Role, View};
use crate::Millis;
use crate::message::{Full, Kind, Message, Token, Writer};
use crate::spec::Code;

/// What fills a message in.
type Write<'w> = &'w mut dyn FnMut(&mut Writer<'_>);

impl<A: Copy + Eq> Pending<A> {
    pub(super) fn is_sent(&self) -> bool {
        match self.phase {
            Phase::Queued(_) => false,
            Phase::Sent { .. } | Phase::Acknowledged(_) => true,
        }
    }

    /// Whether a response is the one to this request.
    pub(super) fn answers(&self, from: A, response: &Message<'_>) -> bool {
        self.role == Role::Request && self.is_sent() && self.to == from && self.token == response.token
    }

    /// Whether it keeps others from being sent to the same peer, or waits for them.
    fn counts(&self) -> bool {
        match self.role {
            Role::Request | Role::Notice => true,
            Role::Plain | Role::Response => false,
        }
    }
}

/// Whether an outstanding message to the same peer keeps this one waiting: section 4.7.
fn waits<A: Copy + Eq>(flights: &[Option<Pending<A>>], pending: &Pending<A>) -> bool {
    let outstanding =
        |p: &Pending<A>| p.to == pending.to && p.counts() && matches!(p.phase, Phase::Sent { .. });
    pending.counts() && flights.iter().flatten().any(outstanding)
}

/// When there is something to send again.
pub(super) fn timeout<A: Copy + Eq>(flights: &[Option<Pending<A>>]) -> Option<Millis> {
    let times = flights.iter().flatten().filter_map(|pending| match pending.phase {
        Phase::Queued(since) => (!waits(flights, pending)).then_some(since),
        Phase::Sent { until, .. } | Phase::Acknowledged(until) => Some(until),
    });
    times.min()
}

impl<A: Copy + Eq> View<'_, A> {
    /// A message identifier that no message under way has.
    fn id(&mut self) -> u16 {
        loop {
            let id = self.shared.id;
            self.shared.id = id.wrapping_add(1);
            if self.flights.iter().flatten().all(|pending| pending.id != id) {
                return id;
            }
        }
    }

    pub(super) fn respond(
        mut self,
        exchange: Exchange<A>,
        code: Code,
        now: Millis,
        out: &mut [u8],
        write: Write<'_>,
    ) -> Result<usize, Full> {
        let Exchange { peer, token, id, reply } = exchange;
        let (kind, id) = match reply {
            Due::Acknowledgement => (Kind::Acknowledgement, id),
            Due::Plain => (Kind::NonConfirmable, self.id()),
            Due::Separate => {
                let queued = self.queue(peer, token, Role::Response, code, now, write);
                return queued.map(|_| 0).map_err(|_| Full);
            }
        };
        let mut writer = Writer::new(out, kind, code, id, token);
        write(&mut writer);
        let length = writer.finish()?;
        if kind == Kind::Acknowledgement {
            self.keep(peer, id, out.get(..length).unwrap_or_default());
        }
        Ok(length)
    }

    pub(super) fn request(
        mut self,
        to: A,
        code: Code,
        now: Millis,
        write: Write<'_>,
    ) -> Result<Flight, NotSent> {
        let token = Token::new(&self.shared.random().to_be_bytes()).unwrap_or(Token::EMPTY);
        self.queue(to, token, Role::Request, code, now, write)
    }

    pub(super) fn queue(
        &mut self,
        to: A,
        token: Token,
        role: Role,
        code: Code,
        now: Millis,
        write: Write<'_>,
    ) -> Result<Flight, NotSent> {
        let free = self.flights.iter().position(Option::is_none).ok_or(NotSent::Busy)?;
        let id = self.id();
        let kind = if role == Role::Plain { Kind::NonConfirmable } else { Kind::Confirmable };
        let mut writer = Writer::new(self.bytes_of(free), kind, code, id, token);
        write(&mut writer);
        let length = writer.finish()?;
        if let Some(slot) = self.flights.get_mut(free) {
            *slot = Some(Pending { to, id, token, role, phase: Phase::Queued(now), length });
        }
        Ok(Flight(id))
    }

    fn bytes_of(&mut self, slot: usize) -> &mut [u8] {
        let from = slot.saturating_mul(self.message);
        self.bytes.get_mut(from..from.saturating_add(self.message)).unwrap_or_default()
    }

    pub(super) fn poll(self, now: Millis, out: &mut [u8]) -> Polled<A> {
        let Some(slot) = self.due(now) else { return Polled::Nothing };
        let bytes = self.bytes.get(slot.saturating_mul(self.message)..).unwrap_or_default();
        let Some(entry) = self.flights.get_mut(slot) else { return Polled::Nothing };
        let Some(pending) = entry else { return Polled::Nothing };
        let (to, id, length) = (pending.to, pending.id, pending.length);
        let params = &self.shared.params;
        let (left, wait) = match pending.phase {
            Phase::Queued(_) => {
                let spread = params.ack_random.saturating_add(1);
                let (left, least) = (params.max_retransmit, params.ack_timeout);
                let random = self.shared.random().checked_rem(spread).unwrap_or_default();
                (Some(left), least.saturating_add(random))
            }
            Phase::Sent { left, wait, .. } => (left.checked_sub(1), wait.saturating_mul(2)),
            Phase::Acknowledged(_) => (None, 0),
        };
        let sent = match (out.get_mut(..length), bytes.get(..length), left) {
            (Some(to), Some(from), Some(left)) => {
                to.copy_from_slice(from);
                left
            }
            _ => {
                *entry = None;
                return Polled::GaveUp(Flight(id));
            }
        };
        if pending.role == Role::Plain {
            *entry = None;
        } else {
            let until = now.saturating_add(Millis::from(wait));
            pending.phase = Phase::Sent { left: sent, wait, until };
        }
        Polled::Send(to, length)
    }

    /// The message whose time has come: what waits for its peer first, then the longest queued.
    fn due(&self, now: Millis) -> Option<usize> {
        let flights = || self.flights.iter().enumerate().filter_map(|(slot, p)| Some((slot, p.as_ref()?)));
        let late = flights().find(|(_, pending)| match pending.phase {
            Phase::Queued(_) => false,
            Phase::Sent { until, .. } | Phase::Acknowledged(until) => until <= now,
        });
        // Identifiers are given out in order, so the longest queued is the farthest from the next one.
        let queued = flights().filter(|(_, p)| !p.is_sent() && !waits(self.flights, p));
        let next = self.shared.id;
        late.or_else(|| queued.max_by_key(|(_, p)| next.wrapping_sub(p.id))).map(|(slot, _)| slot)
    }
}

/// Writes a message of no more than its header: an acknowledgement or a reset. 0 if there is no room for it.
pub(super) fn empty(out: &mut [u8], kind: Kind, id: u16) -> usize {
    Writer::new(out, kind, Code::EMPTY, id, Token::EMPTY).finish().unwrap_or(0)
}
