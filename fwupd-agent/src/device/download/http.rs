//! Downloads by HTTP and HTTPS: a plain GET, read by a thread a few blocks ahead of the flash.

use std::io::Read as _;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use fwupd_core::outcome::{Failure, Refused};
use fwupd_core::time::Now;
use fwupd_core::updater::{Ticket, Updater};
use ureq::Agent;
use ureq::http::header::ETAG;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use super::super::host::Host;
use crate::config::Config;
use crate::files;
use crate::net::{Inbox, Waker};

/// Bytes that are read at once.
const BLOCK: usize = 4096;
/// Blocks that are read ahead.
const AHEAD: usize = 4;
/// How long a connection, a response or a read may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Redirects that are followed.
const REDIRECTS: u32 = 5;
/// Largest file of trusted certificates, bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The client.
pub(in crate::device) struct Http {
    agent: Agent,
    waker: Waker,
    get: Option<Get>,
}

/// A GET under way.
struct Get {
    ticket: Ticket,
    pieces: Receiver<Piece>,
    /// A piece that the updater has not taken yet.
    held: Option<Piece>,
    /// Offset of its first byte.
    at: u32,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Going,
    /// Nothing more is told under this ticket.
    Over,
}

/// What the thread tells.
enum Piece {
    /// The response has begun.
    Begun {
        total: Option<u32>,
        tag: Vec<u8>,
    },
    Bytes(Vec<u8>),
    End,
    Failed(Failure),
}

impl Http {
    pub(super) fn open(config: &Config, inbox: &Inbox) -> Result<Self, Failure> {
        let mut tls = TlsConfig::builder();
        if let Some(path) = &config.http.ca {
            let pem = files::read(path, LARGEST).map_err(|_| Failure::PeerNotTrusted)?;
            let certificates = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                Ok(_) | Err(_) => None,
            });
            tls = tls.root_certs(RootCerts::Specific(std::sync::Arc::new(certificates.collect())));
        }
        let agent = Agent::config_builder()
            .tls_config(tls.build())
            .max_redirects(REDIRECTS)
            .timeout_resolve(Some(PATIENCE))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_per_read(Some(PATIENCE))
            .user_agent("fwagent")
            .build()
            .new_agent();
        Ok(Self { agent, waker: inbox.waker(), get: None })
    }

    /// The updater wants this. From wherever: the response begins at the first byte, and the updater begins
    /// anew.
    pub(super) fn wants(&mut self, ticket: Ticket, uri: &str) {
        if self.get.as_ref().is_some_and(|get| get.ticket == ticket) {
            return;
        }
        let (sender, pieces) = sync_channel(AHEAD);
        let (agent, waker, uri) = (self.agent.clone(), self.waker.clone(), uri.to_owned());
        // A thread whose receiver is gone ends at its next piece.
        let read = move || {
            let told = match get(&agent, &uri, &sender, &waker) {
                Ok(()) => Piece::End,
                Err(Gone::Failed(why)) => Piece::Failed(why),
                Err(Gone::Unheard) => return,
            };
            drop(sender.send(told));
            waker.wake();
        };
        let held = match thread::Builder::new().name("http".to_owned()).spawn(read) {
            Ok(_) => None,
            Err(_) => Some(Piece::Failed(Failure::OutOfRam)),
        };
        self.get = Some(Get { ticket, pieces, held, at: 0, progress: Progress::Going });
    }

    /// Hands over what was read, as far as the updater takes it; true if there was anything.
    pub(super) fn poll<const N: usize>(&mut self, now: Now, updater: &mut Updater<Host<N>>) -> bool {
        let Some(get) = &mut self.get else { return false };
        let mut worked = false;
        while get.progress == Progress::Going {
            let piece = match get.held.take() {
                Some(piece) => piece,
                None => match get.pieces.try_recv() {
                    Ok(piece) => piece,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => Piece::Failed(Failure::Internal),
                },
            };
            worked = true;
            get.held = get.give(piece, now, updater);
            if get.held.is_some() {
                break;
            }
        }
        worked
    }
}

impl Get {
    /// What the updater has not taken yet.
    fn give<const N: usize>(
        &mut self,
        piece: Piece,
        now: Now,
        updater: &mut Updater<Host<N>>,
    ) -> Option<Piece> {
        let ticket = self.ticket;
        let told = match &piece {
            Piece::Begun { total, tag } => updater.answered(ticket, 0, *total, tag),
            Piece::Bytes(bytes) => match updater.chunk(ticket, self.at, bytes, now) {
                Ok(0) => return Some(piece),
                Ok(taken) => {
                    self.at = self.at.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
                    let rest = bytes.get(taken..).unwrap_or_default();
                    return (!rest.is_empty()).then(|| Piece::Bytes(rest.to_vec()));
                }
                Err(refused) => Err(refused),
            },
            Piece::End => {
                self.progress = Progress::Over;
                updater.complete(ticket, now)
            }
            Piece::Failed(why) => match updater.failed(ticket, *why, now) {
                Err(Refused::NotAvailable) => return Some(piece),
                told => {
                    self.progress = Progress::Over;
                    told
                }
            },
        };
        match told {
            Ok(()) => None,
            Err(Refused::NotAvailable) => Some(piece),
            // The transfer is over; what is needed now is asked for.
            Err(_) => {
                self.progress = Progress::Over;
                None
            }
        }
    }
}

/// Why a thread has stopped reading.
enum Gone {
    Failed(Failure),
    /// Nobody listens any more.
    Unheard,
}

/// Reads a whole response.
fn get(agent: &Agent, uri: &str, sender: &SyncSender<Piece>, waker: &Waker) -> Result<(), Gone> {
    // No redirect leads out of TLS.
    let secure = fwupd_coap::uri::scheme(uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let request = agent.get(uri).config().https_only(secure).build();
    let mut response = request.call().map_err(|why| Gone::Failed(failure(&why)))?;
    let tell = |piece| {
        sender.send(piece).map_err(|_| Gone::Unheard)?;
        waker.wake();
        Ok(())
    };
    let tag = response.headers().get(ETAG).map(|tag| tag.as_bytes().to_vec());
    // A weak tag does not say that the bytes are the same: RFC 9110, section 8.8.1.
    let tag = tag.filter(|tag| !tag.starts_with(b"W/")).unwrap_or_default();
    let total = response.body().content_length().and_then(|total| u32::try_from(total).ok());
    tell(Piece::Begun { total, tag })?;
    let mut body = response.body_mut().as_reader();
    loop {
        let mut block = vec![0; BLOCK];
        match body.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                block.truncate(count);
                tell(Piece::Bytes(block))?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return Err(Gone::Failed(Failure::ConnectionLost)),
        }
    }
}

/// What an error of the client is to an update.
fn failure(why: &ureq::Error) -> Failure {
    use ureq::Error as E;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "not our enum, and open: all else is between the hosts"
    )]
    match why {
        E::StatusCode(status) => Failure::TransportStatus(*status),
        E::BadUri(_) | E::Http(_) | E::RequireHttpsOnly(_) => Failure::InvalidUri,
        E::RedirectFailed | E::TooManyRedirects => Failure::InvalidUri,
        E::HostNotFound => Failure::HostUnknown,
        E::Tls(_) | E::Pem(_) | E::Rustls(_) => Failure::PeerNotTrusted,
        // As rustls tells what is wrong with the peer.
        E::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => Failure::PeerNotTrusted,
        _ => Failure::ConnectionLost,
    }
}
