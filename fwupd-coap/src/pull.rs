//! A package fetched by CoAP for `Need::Fetch` of an updater.
//!
//! ```text
//! match updater.need(now) {
//!     Need::Fetch { ticket, uri, offset, .. } => pull.wants(ticket, server, uri, offset, now.mono),
//!     ...
//! }
//! while let Some((to, length)) = pull.poll(now, &mut updater, &mut out) { send(to, &out[..length]) }
//! // A datagram of the server, until it is done with:
//! while let Handled::Again = pull.handle(from, datagram, now, &mut updater, &mut out) {
//!     flash::run(&mut updater, &mut flash)
//! }
//! ```
//!
//! The URI is not kept. Its host is resolved by the application, which tells the updater `HostUnknown` if there
//! is none; `server` is the address it found, with [`Uri::port`]. A download has a socket of its own, or
//! shares it with nothing that is another endpoint to the same peer.

use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Refused};
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Ticket, Updater};

use crate::Millis;
use crate::block::Szx;
use crate::endpoint::{Endpoint, Flight, NotSent, Params, Polled, Received};
use crate::fetch::{Answer, Fetch, Piece};
use crate::message::{Message, Token};
use crate::spec::{COAP, COAPS, Code, option};
use crate::uri::Uri;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// It is done with. If not 0, so many bytes of `out` go back to who sent it.
    Done(usize),
    /// The updater owes operations on the flash first: they are to be carried out, and the same datagram is to
    /// be given again.
    Again,
}

/// One download at a time. `MESSAGE` is the room for a request, bytes: a URI that the updater keeps needs
/// about 280.
#[derive(Debug)]
pub struct Pull<A, const MESSAGE: usize = 320> {
    endpoint: Endpoint<A, 1, MESSAGE, 4>,
    most: Szx,
    transfer: Option<Transfer>,
}

#[derive(Debug)]
struct Transfer {
    ticket: Ticket,
    fetch: Fetch,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The next block is to be asked for.
    Ready,
    /// It was asked for.
    Asked(Flight),
    /// An answer came that the updater is to be told of before its bytes.
    Telling(Held),
    /// Its bytes are being given.
    Giving(Held),
    /// The updater is to be told why it failed.
    Failing(Failure),
    /// Nothing more is done under this ticket.
    Over,
}

/// The datagram that is being taken.
#[derive(Clone, Copy, Debug)]
struct Held {
    token: Token,
    piece: Piece,
    /// What is to be sent when it was taken.
    ack: Option<[u8; 4]>,
}

impl<A: Copy + Eq, const MESSAGE: usize> Pull<A, MESSAGE> {
    /// With nothing to fetch. Blocks of `most` at most are asked for; `seed` as in [`Endpoint::new`].
    pub fn new(params: Params, most: Szx, seed: u32) -> Self {
        Self { endpoint: Endpoint::new(params, seed), most, transfer: None }
    }

    /// This is wanted from this server. To be told for as long as the updater needs it, after each `need`:
    /// each block is asked for anew.
    pub fn wants(&mut self, ticket: Ticket, server: A, uri: &str, offset: u32, now: Millis) {
        if self.transfer.as_ref().is_none_or(|transfer| transfer.ticket != ticket) {
            self.end();
            let fetch = Fetch::new(offset, self.most);
            self.transfer = Some(Transfer { ticket, fetch, stage: Stage::Ready });
        }
        let Some(transfer) = &mut self.transfer else { return };
        if matches!(transfer.stage, Stage::Ready) {
            transfer.stage = match ask(&mut self.endpoint, &transfer.fetch, server, uri, now) {
                Ok(flight) => Stage::Asked(flight),
                Err(why) => Stage::Failing(why),
            };
        }
    }

    /// A datagram came from the server, or from another one.
    pub fn handle<P: Platform>(
        &mut self,
        from: A,
        datagram: &[u8],
        now: Now,
        updater: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        if let Some(Transfer { stage: Stage::Telling(held) | Stage::Giving(held), .. }) = self.transfer
            && let Ok(message) = Message::parse(datagram)
            && message.code == Code::CONTENT
            && message.token == held.token
        {
            return self.give(&message, now, updater, out);
        }
        match self.endpoint.receive(from, datagram, now.mono, out) {
            Received::Nothing | Received::Acknowledged(_) => Handled::Done(0),
            Received::Send(length) => Handled::Done(length),
            // It serves nothing, and observes nothing.
            Received::Request(exchange, _) | Received::Stray { exchange, .. } => {
                Handled::Done(self.endpoint.reject(exchange, out))
            }
            Received::Reset(flight) => {
                self.gave_up(flight);
                Handled::Done(0)
            }
            Received::Response { flight, message, ack } => {
                let ack = out.first_chunk().filter(|_| ack > 0).copied();
                let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.asked(flight)) else {
                    return acknowledge(ack, out);
                };
                transfer.stage = match transfer.fetch.answer(&message) {
                    Answer::Piece(piece) => {
                        let held = Held { token: message.token, piece, ack };
                        if piece.first { Stage::Telling(held) } else { Stage::Giving(held) }
                    }
                    Answer::AskAgain => Stage::Ready,
                    Answer::Lost => Stage::Failing(Failure::ConnectionLost),
                    Answer::Refused(code) => {
                        let (class, detail) = (u16::from(code.class()), u16::from(code.detail()));
                        Stage::Failing(Failure::TransportStatus(
                            class.saturating_mul(100).saturating_add(detail),
                        ))
                    }
                };
                match transfer.stage {
                    Stage::Telling(_) | Stage::Giving(_) => self.give(&message, now, updater, out),
                    Stage::Ready | Stage::Asked(_) | Stage::Failing(_) | Stage::Over => acknowledge(ack, out),
                }
            }
        }
    }

    /// Gives the updater what it takes of the answer that is held.
    fn give<P: Platform>(
        &mut self,
        message: &Message<'_>,
        now: Now,
        updater: &mut Updater<P>,
        out: &mut [u8],
    ) -> Handled {
        let Some(transfer) = &mut self.transfer else { return Handled::Done(0) };
        let (Stage::Telling(held) | Stage::Giving(held)) = transfer.stage else { return Handled::Done(0) };
        let step = transfer.give(held, message, now, updater);
        match step {
            Ok(()) => {
                transfer.stage = if held.piece.last { Stage::Over } else { Stage::Ready };
                acknowledge(held.ack, out)
            }
            Err(Refused::NotAvailable) => Handled::Again,
            // The updater has decided: it asks under another ticket, or wants nothing any more.
            Err(_) => {
                transfer.stage = Stage::Over;
                acknowledge(held.ack, out)
            }
        }
    }

    /// What is to be sent now, and to whom. To be called until there is nothing, and until then with room for
    /// `MESSAGE` bytes.
    #[must_use]
    pub fn poll<P: Platform>(
        &mut self,
        now: Now,
        updater: &mut Updater<P>,
        out: &mut [u8],
    ) -> Option<(A, usize)> {
        if self.transfer.as_ref().is_some_and(|transfer| !is_wanted(updater, transfer.ticket)) {
            self.end();
        }
        loop {
            if let Some(transfer) = &mut self.transfer
                && let Stage::Failing(why) = transfer.stage
                && updater.failed(transfer.ticket, why, now) != Err(Refused::NotAvailable)
            {
                transfer.stage = Stage::Over;
            }
            match self.endpoint.poll(now.mono, out) {
                Polled::Send(to, length) => return Some((to, length)),
                Polled::Nothing => return None,
                Polled::GaveUp(flight) => self.gave_up(flight),
            }
        }
    }

    /// When [`poll`](Self::poll) has something again, milliseconds; 0 for at once.
    pub fn poll_timeout(&self) -> Option<Millis> {
        match &self.transfer {
            Some(Transfer { stage: Stage::Failing(_), .. }) => Some(0),
            Some(_) | None => self.endpoint.poll_timeout(),
        }
    }

    fn gave_up(&mut self, flight: Flight) {
        if let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.asked(flight)) {
            transfer.stage = Stage::Failing(Failure::ConnectionLost);
        }
    }

    /// Nothing is fetched any more.
    fn end(&mut self) {
        if let Some(Transfer { stage: Stage::Asked(flight), .. }) = self.transfer {
            self.endpoint.cancel(flight);
        }
        self.transfer = None;
    }
}

impl Transfer {
    fn asked(&self, by: Flight) -> bool {
        matches!(self.stage, Stage::Asked(flight) if flight == by)
    }

    /// Tells the answer and gives its bytes, as far as they are taken: not available says that it is to be
    /// called again.
    fn give<P: Platform>(
        &mut self,
        held: Held,
        message: &Message<'_>,
        now: Now,
        updater: &mut Updater<P>,
    ) -> Result<(), Refused> {
        let Held { piece, .. } = held;
        let end = piece.offset.saturating_add(message.payload.len() as u32);
        if matches!(self.stage, Stage::Telling(_)) {
            // Size2 is an estimate (RFC 7959 section 4): only the last block tells the size for sure.
            let total = piece.last.then_some(end);
            updater.answered(self.ticket, self.fetch.at(), total, message.etag().unwrap_or_default())?;
            self.stage = Stage::Giving(held);
        }
        while self.fetch.at() < end {
            let from = self.fetch.at().saturating_sub(piece.offset) as usize;
            let rest = message.payload.get(from..).unwrap_or_default();
            match updater.chunk(self.ticket, self.fetch.at(), rest, now)? {
                0 => return Err(Refused::NotAvailable),
                taken => self.fetch.taken(taken as u32),
            }
        }
        if piece.last {
            updater.complete(self.ticket, now)?;
        }
        Ok(())
    }
}

/// Queues the request for the next block.
fn ask<A: Copy + Eq, const MESSAGE: usize>(
    endpoint: &mut Endpoint<A, 1, MESSAGE, 4>,
    fetch: &Fetch,
    server: A,
    uri: &str,
    now: Millis,
) -> Result<Flight, Failure> {
    let uri = Uri::parse(uri).map_err(|_| Failure::InvalidUri)?;
    if !(uri.is(COAP) || uri.is(COAPS)) {
        return Err(Failure::UnsupportedProtocol);
    }
    // More than a gigabyte cannot be numbered.
    let block = fetch.ask().ok_or(Failure::NoSpaceInFlash)?;
    let asked = endpoint.request(server, Code::GET, now, |to| {
        uri.write_host(to);
        uri.write_path(to);
        uri.write_query(to);
        to.block(option::BLOCK2, block);
    });
    asked.map_err(|why| match why {
        NotSent::Full => Failure::InvalidUri,
        NotSent::Busy => Failure::Internal,
    })
}

fn acknowledge(ack: Option<[u8; 4]>, out: &mut [u8]) -> Handled {
    match (ack, out.first_chunk_mut()) {
        (Some(ack), Some(to)) => {
            *to = ack;
            Handled::Done(ack.len())
        }
        _ => Handled::Done(0),
    }
}

/// Whether the updater still waits for bytes under this ticket.
fn is_wanted<P: Platform>(updater: &Updater<P>, ticket: Ticket) -> bool {
    let Some(status) = updater.status() else { return false };
    let receives = match status.state {
        State::Checking { .. } | State::Receiving { .. } => true,
        State::Idle | State::Validating { .. } | State::Staged { .. } => false,
        State::Activating { .. } | State::Trial { .. } | State::Reverting { .. } => false,
    };
    receives && updater.ticket() == ticket
}
