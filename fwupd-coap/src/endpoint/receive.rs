//! What comes in. RFC 7252 sections 4.2, 4.3, 4.5, 5.3 and 5.4.

use super::seen::Known;
use super::send::empty;
use super::{Due, Exchange, Flight, Pending, Phase, Received, Role, View};
use crate::Millis;
use crate::message::{BadMessage, Kind, Message, Writer};
use crate::spec::{Code, Definition, Format, option};

impl<A: Copy + Eq> View<'_, A> {
    pub(super) fn receive<'m>(
        mut self,
        from: A,
        datagram: &'m [u8],
        now: Millis,
        out: &mut [u8],
    ) -> Received<'m, A> {
        let message = match Message::parse(datagram) {
            Ok(message) => message,
            Err(BadMessage::Malformed { kind: Kind::Confirmable, id }) => return reset(out, id),
            Err(BadMessage::Malformed { .. } | BadMessage::NotCoap) => return Received::Nothing,
        };
        let (code, confirmable) = (message.code, message.kind == Kind::Confirmable);
        match message.kind {
            Kind::Acknowledgement if code == Code::EMPTY => self.acknowledged(from, message.id, now),
            Kind::Acknowledgement if code.is_response() => self.piggybacked(from, message),
            Kind::Reset if code == Code::EMPTY => self.rejected(from, message.id),
            Kind::Acknowledgement | Kind::Reset => Received::Nothing,
            Kind::Confirmable | Kind::NonConfirmable if code.is_request() || code.is_response() => {
                match self.know(from, &message, datagram, now, out) {
                    Known::Before(0) => Received::Nothing,
                    Known::Before(length) => Received::Send(length),
                    Known::New if code.is_request() => self.requested(from, message, out),
                    Known::New => self.responded(from, message, out),
                }
            }
            // A ping (section 4.3), or a code of a reserved class (section 4.2).
            Kind::Confirmable | Kind::NonConfirmable if confirmable => reset(out, message.id),
            Kind::Confirmable | Kind::NonConfirmable => Received::Nothing,
        }
    }

    /// What was sent to this peer by this identifier.
    fn sent(&mut self, to: A, id: u16) -> Option<&mut Option<Pending<A>>> {
        let sent = |pending: &Pending<A>| pending.id == id && pending.to == to && pending.is_sent();
        self.flights.iter_mut().find(|slot| slot.as_ref().is_some_and(sent))
    }

    /// An acknowledgement without a response.
    fn acknowledged<'m>(&mut self, from: A, id: u16, now: Millis) -> Received<'m, A> {
        let until = now.saturating_add(Millis::from(self.shared.params.answer_timeout));
        let Some(slot) = self.sent(from, id) else { return Received::Nothing };
        match slot {
            Some(Pending { role: Role::Request, phase, .. }) => {
                if !matches!(phase, Phase::Acknowledged(_)) {
                    *phase = Phase::Acknowledged(until);
                }
                Received::Nothing
            }
            Some(_) | None => {
                *slot = None;
                Received::Acknowledged(Flight(id))
            }
        }
    }

    fn rejected<'m>(&mut self, from: A, id: u16) -> Received<'m, A> {
        let under_way = self.flights.iter().flatten().any(|pending| pending.id == id);
        match self.sent(from, id) {
            Some(slot) => *slot = None,
            // It was not sent yet, or to another peer.
            None if under_way => return Received::Nothing,
            None => {}
        }
        Received::Reset(Flight(id))
    }

    /// An acknowledgement with the response. One with an option that must be understood and is not is rejected
    /// by silence (section 5.4.1).
    fn piggybacked<'m>(&mut self, from: A, message: Message<'m>) -> Received<'m, A> {
        let known = unknown(&message, self.shared.params.critical).is_none();
        match self.sent(from, message.id) {
            Some(slot) if known && slot.as_ref().is_some_and(|pending| pending.answers(from, &message)) => {
                *slot = None;
                Received::Response { flight: Flight(message.id), message, ack: 0 }
            }
            Some(_) | None => Received::Nothing,
        }
    }

    fn requested<'m>(&mut self, from: A, message: Message<'m>, out: &mut [u8]) -> Received<'m, A> {
        let confirmable = message.kind == Kind::Confirmable;
        if let Some(number) = unknown(&message, self.shared.params.critical) {
            if !confirmable {
                return Received::Nothing;
            }
            let proxy = matches!(number, option::PROXY_URI | option::PROXY_SCHEME);
            let code = if proxy { Code::PROXYING_NOT_SUPPORTED } else { Code::BAD_OPTION };
            let writer = Writer::new(out, Kind::Acknowledgement, code, message.id, message.token);
            let length = writer.finish().unwrap_or(0);
            self.keep(from, message.id, out.get(..length).unwrap_or_default());
            return Received::Send(length);
        }
        Received::Request(Exchange::of(from, &message), message)
    }

    /// A response in a message of its own.
    fn responded<'m>(&mut self, from: A, message: Message<'m>, out: &mut [u8]) -> Received<'m, A> {
        let mut exchange = Exchange::of(from, &message);
        if unknown(&message, self.shared.params.critical).is_some() {
            return match message.kind {
                Kind::Confirmable => Received::Send(self.reject(exchange, out)),
                Kind::NonConfirmable | Kind::Acknowledgement | Kind::Reset => Received::Nothing,
            };
        }
        let answered = |slot: &&mut Option<Pending<A>>| {
            slot.as_ref().is_some_and(|pending| pending.answers(from, &message))
        };
        match self.flights.iter_mut().find(answered).and_then(Option::take) {
            Some(pending) => {
                let ack = self.acknowledge(&mut exchange, out);
                Received::Response { flight: Flight(pending.id), message, ack }
            }
            None => Received::Stray { exchange, message },
        }
    }

    pub(super) fn acknowledge(&mut self, exchange: &mut Exchange<A>, out: &mut [u8]) -> usize {
        match exchange.reply {
            Due::Acknowledgement => {
                let length = empty(out, Kind::Acknowledgement, exchange.id);
                self.keep(exchange.peer, exchange.id, out.get(..length).unwrap_or_default());
                exchange.reply = Due::Separate;
                length
            }
            Due::Separate | Due::Plain => 0,
        }
    }

    pub(super) fn reject(&mut self, exchange: Exchange<A>, out: &mut [u8]) -> usize {
        let length = empty(out, Kind::Reset, exchange.id);
        self.keep(exchange.peer, exchange.id, out.get(..length).unwrap_or_default());
        length
    }
}

impl<A> Exchange<A> {
    fn of(peer: A, message: &Message<'_>) -> Self {
        let confirmable = message.kind == Kind::Confirmable;
        let reply = if confirmable { Due::Acknowledgement } else { Due::Plain };
        Self { peer, token: message.token, id: message.id, reply }
    }
}

fn reset<'m, A>(out: &mut [u8], id: u16) -> Received<'m, A> {
    match empty(out, Kind::Reset, id) {
        0 => Received::Nothing,
        length => Received::Send(length),
    }
}

/// The first critical option that is not known, or that is not as its definition says: sections 5.4.1, 5.4.3
/// and 5.4.5.
fn unknown(message: &Message<'_>, known: &[Definition]) -> Option<u16> {
    let mut last = None;
    message
        .options()
        .find(|(number, value)| {
            let repeated = last == Some(*number);
            last = Some(*number);
            let good = || {
                let definition = known.iter().find(|definition| definition.number == *number)?;
                let (least, most) = definition.length;
                let fits = (usize::from(least)..=usize::from(most)).contains(&value.len());
                let text = definition.format != Format::Text || core::str::from_utf8(value).is_ok();
                (fits && text && (definition.repeatable || !repeated)).then_some(())
            };
            number & 1 == 1 && good().is_none()
        })
        .map(|(number, _)| number)
}
