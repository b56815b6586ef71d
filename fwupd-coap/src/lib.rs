//! Sans-IO CoAP for a few peers, without a heap: messages, block-wise transfers, observing.
//!
//! | what | where | specification |
//! |---|---|---|
//! | a message, read where it lies and written into the caller's buffer | [`message`], [`spec`], [`block`] | RFC 7252 section 3, RFC 7959 section 2.2 |
//! | what is confirmed, repeated, matched and thrown away | [`endpoint`] | RFC 7252 sections 4 and 5 |
//! | a request's body in blocks, received and sent | [`upload`] | RFC 7959, Block1 |
//! | a response's body in blocks, served and fetched | [`body`], [`out`], [`fetch`] | RFC 7959, Block2 |
//! | observers, and which notification is newer | [`observe`] | RFC 7641 |
//! | URIs, and how they become options | [`uri`] | RFC 7252 section 6, RFC 3986 |
//! | a package fetched for an updater of `fwupd-core` | [`pull`] | |
//! | one line a message, for traces | [`show`] | |
//!
//! Not implemented: transports other than datagrams (RFC 8323), DTLS and OSCORE (which are the application's:
//! they stand between the socket and the endpoint), multicast, proxying, caching (Max-Age, and validation by
//! ETag), blocks that go on without waiting (RFC 9177), Echo and Request-Tag (RFC 9175), congestion control
//! beyond RFC 7252's.
//!
//! What comes from a peer is never trusted: options are read by a cursor, nothing is indexed, no state grows with
//! what comes in.
//!
//! # A client and a server
//!
//! The sockets are two queues here; everything else is as in an application.
//!
//! ```
//! use std::collections::VecDeque;
//!
//! use fwupd_coap::block::Szx;
//! use fwupd_coap::body::Cut;
//! use fwupd_coap::endpoint::{Endpoint, Params, Polled, Received};
//! use fwupd_coap::fetch::{Answer, Fetch};
//! use fwupd_coap::spec::{Code, option};
//!
//! type Node = Endpoint<&'static str, 2, 128>;
//! let (mut client, mut server) = (Node::new(Params::default(), 1), Node::new(Params::default(), 2));
//! let (mut to_client, mut to_server) = (VecDeque::new(), VecDeque::new());
//! let body = [42; 300];
//! let (mut fetch, mut got, mut asked) = (Fetch::new(0, Szx::fitting(128)), Vec::new(), None);
//! let mut out = [0; 512];
//! let mut now = 0;
//!
//! while got.len() < body.len() {
//!     // The client asks for the next block.
//!     if asked.is_none() {
//!         let block = fetch.ask().expect("a body of this size has no more blocks than can be numbered");
//!         let write = |to: &mut fwupd_coap::message::Writer<'_>| {
//!             to.option(option::URI_PATH, b"fw").block(option::BLOCK2, block);
//!         };
//!         asked = Some(client.request("server", Code::GET, now, write)?);
//!     }
//!     while let Polled::Send(_, length) = client.poll(now, &mut out) {
//!         to_server.push_back(out[..length].to_vec());
//!     }
//!     // The server answers.
//!     while let Some(datagram) = to_server.pop_front() {
//!         match server.receive("client", &datagram, now, &mut out) {
//!             Received::Request(exchange, message) if message.path().eq(["fw"]) => {
//!                 let cut = Cut::of(body.len() as u32, message.block2(), Szx::MAX);
//!                 let length = match cut {
//!                     Ok(cut) => server
//!                         .respond(exchange, Code::CONTENT, now, &mut out, |to| cut.write(&body, None, to))?,
//!                     Err(_) => server.respond(exchange, Code::BAD_REQUEST, now, &mut out, |_| ())?,
//!                 };
//!                 to_client.push_back(out[..length].to_vec());
//!             }
//!             Received::Send(length) => to_client.push_back(out[..length].to_vec()),
//!             _ => {}
//!         }
//!     }
//!     // The client takes the answer.
//!     while let Some(datagram) = to_client.pop_front() {
//!         if let Received::Response { flight, message, .. } =
//!             client.receive("server", &datagram, now, &mut out)
//!             && Some(flight) == asked
//!         {
//!             asked = None;
//!             match fetch.answer(&message) {
//!                 Answer::Piece(piece) => {
//!                     let new = &message.payload[(fetch.at() - piece.offset) as usize..];
//!                     got.extend_from_slice(new);
//!                     fetch.taken(new.len() as u32);
//!                 }
//!                 // From the start, if the server has another body by now.
//!                 Answer::AskAgain => got.truncate(fetch.at() as usize),
//!                 other => panic!("{other:?}"),
//!             }
//!         }
//!     }
//!     // Sleep until something comes in, or until then.
//!     now = client.poll_timeout().unwrap_or(now);
//! }
//! assert_eq!(got, body);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod block;
pub mod body;
pub mod endpoint;
pub mod fetch;
pub mod message;
pub mod observe;
pub mod out;
pub mod pull;
pub mod show;
pub mod spec;
pub mod upload;
pub mod uri;

/// Milliseconds on a clock that never goes back, as `fwupd_core::time::Now::mono`.
pub type Millis = u64;
