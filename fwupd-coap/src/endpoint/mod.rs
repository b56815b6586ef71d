//! The message layer: what is confirmed, repeated, matched and thrown away. RFC 7252 sections 4 and 5.2 to 5.4.
//!
//! An [`Endpoint`] is client and server at once, to any number of peers. It owns no socket: what came in goes
//! into [`Endpoint::receive`], what is to go out comes from there, from [`Endpoint::respond`] and from
//! [`Endpoint::poll`].
//!
//! - A request that came twice is answered twice and handed up once, for as long as its identifier stands for
//!   it and it is among the last messages that came in (`SEEN` of them). Two messages are the same if all their
//!   bytes are: a peer that has restarted may use an identifier again. Replies of up to 64 bytes are kept. A
//!   longer reply to a safe method is made anew, as the request is handed up again (RFC 7252 section 4.5 allows
//!   it); of one to another method only header and token are kept.
//! - To each peer one confirmable request or notification is under way at a time (`NSTART` of RFC 7252 section
//!   4.7); others wait. A separate response does not wait, for the peer does for it.
//! - Messages go by unicast. There is no congestion control beyond RFC 7252's, and no proxying.

mod receive;
mod seen;
mod send;

use crate::Millis;
use crate::message::{Full, Kind, Message, Token, Writer};
use crate::spec::{self, Code, Definition};
use seen::Seen;
pub(crate) use seen::sum;

/// What the deployment decides.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    /// First wait for an acknowledgement, milliseconds. It doubles with each retransmission.
    pub ack_timeout: u32,
    /// What chance adds to it at most, milliseconds.
    pub ack_random: u32,
    /// How often a confirmable message is sent again.
    pub max_retransmit: u8,
    /// How long a response may take once its request was acknowledged, milliseconds.
    pub answer_timeout: u32,
    /// The critical options that are known; a message with another one is refused.
    pub critical: &'static [Definition],
}

impl Default for Params {
    fn default() -> Self {
        Self {
            ack_timeout: spec::ACK_TIMEOUT,
            ack_random: spec::ACK_RANDOM,
            max_retransmit: spec::MAX_RETRANSMIT,
            answer_timeout: spec::MAX_TRANSMIT_WAIT,
            critical: spec::CRITICAL,
        }
    }
}

/// Names a message that is under way, until it is acknowledged, answered, reset or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight(u16);

/// A message that came in and waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange<A> {
    /// Who sent it.
    pub peer: A,
    /// Its token.
    pub token: Token,
    id: u16,
    reply: Due,
}

/// What an exchange still owes on the message layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// An acknowledgement, with or without the response.
    Acknowledgement,
    /// It is acknowledged: the response is a message of its own.
    Separate,
    /// It was not confirmable, and neither is its response.
    Plain,
}

/// What a datagram came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'m, A> {
    /// Nothing is to be done.
    Nothing,
    /// So many bytes of `out` are to be sent: a repeated reply, an acknowledgement, a reset.
    Send(usize),
    /// A request, to be answered by [`Endpoint::respond`]. Who cannot take its payload at once keeps the exchange
    /// and reads the datagram again by [`Message::parse`]: given here again, it is a duplicate.
    Request(Exchange<A>, Message<'m>),
    /// The response to a request.
    Response {
        /// The request. It is no longer under way.
        flight: Flight,
        /// The response.
        message: Message<'m>,
        /// If not 0, so many bytes of `out` are to be sent.
        ack: usize,
    },
    /// The peer has acknowledged a notification or a response.
    Acknowledged(Flight),
    /// The peer has rejected what was sent. It may be a notification that was not confirmable, of which nothing
    /// is remembered here: [`Observers::reset`](crate::observe::Observers::reset) knows whether there was one.
    Reset(Flight),
    /// A response that no request waits for: a notification to an observing client. It is to be accepted by
    /// [`Endpoint::acknowledge`] or rejected by [`Endpoint::reject`].
    Stray {
        /// To accept or to reject it by.
        exchange: Exchange<A>,
        /// The response.
        message: Message<'m>,
    },
}

/// What there is to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled<A> {
    /// So many bytes of `out` to this peer.
    Send(A, usize),
    /// The peer has not answered in time.
    GaveUp(Flight),
    /// Nothing, until [`Endpoint::poll_timeout`].
    Nothing,
}

/// Why a message is not under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// As many messages are under way as can be.
    #[error("too many messages are under way")]
    Busy,
    /// It is too long.
    #[error("the message does not fit")]
    Full,
}

impl From<Full> for NotSent {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// What is the same for endpoints of all sizes.
#[derive(Debug)]
struct Shared {
    params: Params,
    /// State of the generator of tokens and random waits. Never 0; passes through all other values before one
    /// comes again, so that no token does.
    random: u32,
    /// The next message identifier.
    id: u16,
}

impl Shared {
    /// Xorshift, Marsaglia 2003.
    fn random(&mut self) -> u32 {
        let mut x = self.random;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.random = x;
        x
    }
}

/// A message under way.
#[derive(Debug)]
struct Pending<A> {
    to: A,
    id: u16,
    token: Token,
    role: Role,
    phase: Phase,
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Request,
    /// A confirmable notification.
    Notice,
    /// A notification that is not confirmable: forgotten once it is sent.
    Plain,
    /// A separate response.
    Response,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// To be sent, since then.
    Queued(Millis),
    /// Sent: `left` more times, the next time at `until`, after which it waits for `wait` milliseconds.
    Sent { left: u8, wait: u32, until: Millis },
    /// The request was acknowledged, and its response may take until then.
    Acknowledged(Millis),
}

/// An endpoint: at most `FLIGHTS` messages of at most `MESSAGE` bytes under way, and the last `SEEN` that came
/// in remembered. `A` is a peer's address.
#[derive(Debug)]
pub struct Endpoint<A, const FLIGHTS: usize, const MESSAGE: usize, const SEEN: usize = 16> {
    shared: Shared,
    flights: [Option<Pending<A>>; FLIGHTS],
    bytes: [[u8; MESSAGE]; FLIGHTS],
    seen: [Option<Seen<A>>; SEEN],
}

/// An endpoint whatever its sizes, so that the code is there once.
struct View<'e, A> {
    shared: &'e mut Shared,
    flights: &'e mut [Option<Pending<A>>],
    bytes: &'e mut [u8],
    message: usize,
    seen: &'e mut [Option<Seen<A>>],
}

impl<A: Copy + Eq, const FLIGHTS: usize, const MESSAGE: usize, const SEEN: usize>
    Endpoint<A, FLIGHTS, MESSAGE, SEEN>
{
    /// An endpoint with nothing under way. `seed` is any number that a peer cannot guess and that is another one
    /// after each reset: message identifiers, tokens and random waits come from it.
    pub fn new(params: Params, seed: u32) -> Self {
        let random = if seed == 0 { 0x9E37_79B9 } else { seed };
        let mut shared = Shared { params, random, id: 0 };
        shared.id = shared.random() as u16;
        Self {
            shared,
            flights: core::array::from_fn(|_| None),
            bytes: [[0; MESSAGE]; FLIGHTS],
            seen: core::array::from_fn(|_| None),
        }
    }

    fn view(&mut self) -> View<'_, A> {
        View {
            shared: &mut self.shared,
            flights: &mut self.flights,
            bytes: self.bytes.as_flattened_mut(),
            message: MESSAGE,
            seen: &mut self.seen,
        }
    }

    /// A datagram came in. `out` takes what is to go back at once, which is at most 64 bytes.
    pub fn receive<'m>(
        &mut self,
        from: A,
        datagram: &'m [u8],
        now: Millis,
        out: &mut [u8],
    ) -> Received<'m, A> {
        self.view().receive(from, datagram, now, out)
    }

    /// Answers a request: with its acknowledgement where that has not been sent, else by a message of its own,
    /// which [`poll`](Self::poll) sends (0 bytes in `out`).
    ///
    /// # Errors
    /// [`Full`] if it does not fit `out`, or if it is to be a message of its own and too many are under way:
    /// then it can be tried again later.
    pub fn respond(
        &mut self,
        exchange: Exchange<A>,
        code: Code,
        now: Millis,
        out: &mut [u8],
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Result<usize, Full> {
        self.view().respond(exchange, code, now, out, &mut once(write))
    }

    /// Acknowledges a message whose answer takes longer, or a notification that is welcome. So many bytes of
    /// `out` are to be sent, 0 if none is owed.
    pub fn acknowledge(&mut self, exchange: &mut Exchange<A>, out: &mut [u8]) -> usize {
        self.view().acknowledge(exchange, out)
    }

    /// Rejects a message that means nothing here. So many bytes of `out` are to be sent.
    pub fn reject(&mut self, exchange: Exchange<A>, out: &mut [u8]) -> usize {
        self.view().reject(exchange, out)
    }

    /// Queues a confirmable request with a new token; [`poll`](Self::poll) sends it.
    ///
    /// # Errors
    /// [`NotSent`], by its variants.
    pub fn request(
        &mut self,
        to: A,
        code: Code,
        now: Millis,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Flight, NotSent> {
        self.view().request(to, code, now, &mut once(write))
    }

    /// The same with a token of the caller: to end an observation (RFC 7641 section 3.6), or to have one go on.
    ///
    /// # Errors
    /// [`NotSent`], by its variants.
    pub fn request_as(
        &mut self,
        to: A,
        token: Token,
        code: Code,
        now: Millis,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Flight, NotSent> {
        self.view().queue(to, token, Role::Request, code, now, &mut once(write))
    }

    /// Queues a notification with the token of its observation. One that is not confirmable is not under way
    /// any more once it was sent; a reset of it still names its [`Flight`].
    ///
    /// # Errors
    /// [`NotSent`], by its variants.
    pub fn notify(
        &mut self,
        to: A,
        token: Token,
        kind: Kind,
        code: Code,
        now: Millis,
        write: impl FnOnce(&mut Writer<'_>),
    ) -> Result<Flight, NotSent> {
        let role = if kind == Kind::Confirmable { Role::Notice } else { Role::Plain };
        self.view().queue(to, token, role, code, now, &mut once(write))
    }

    /// Nothing more is to be sent of it, and its response is a stray.
    pub fn cancel(&mut self, flight: Flight) {
        let meant = |pending: &Pending<A>| pending.id == flight.0;
        if let Some(slot) = self.flights.iter_mut().find(|slot| slot.as_ref().is_some_and(meant)) {
            *slot = None;
        }
    }

    /// The token of a message under way.
    pub fn token(&self, flight: Flight) -> Option<Token> {
        self.flights.iter().flatten().find(|pending| pending.id == flight.0).map(|pending| pending.token)
    }

    /// What is to be sent now, into `out`, which has room for `MESSAGE` bytes. To be called until it says
    /// [`Polled::Nothing`].
    #[must_use]
    pub fn poll(&mut self, now: Millis, out: &mut [u8]) -> Polled<A> {
        self.view().poll(now, out)
    }

    /// When [`poll`](Self::poll) has something again, milliseconds.
    pub fn poll_timeout(&self) -> Option<Millis> {
        send::timeout(&self.flights)
    }

    /// Whether nothing is under way.
    pub fn is_idle(&self) -> bool {
        self.flights.iter().all(Option::is_none)
    }
}

/// A closure that can be lent, of one that is called once: the code behind it is not made for each caller.
fn once(write: impl FnOnce(&mut Writer<'_>)) -> impl FnMut(&mut Writer<'_>) {
    let mut write = Some(write);
    move |to| {
        if let Some(write) = write.take() {
            write(to);
        }
    }
}
