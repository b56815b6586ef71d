//! OMA LwM2M Object 5, Firmware Update (urn:oma:lwm2m:oma:5:1.1), on the update engine.
//!
//! Two levels: [`object::Firmware`] is the object alone, for whoever has an LwM2M stack; [`adapter::Client`] is
//! a client that speaks CoAP (by `fwupd-coap`) with one server: Register, Update, De-register; Read, Write,
//! Execute, Discover, Observe, Cancel Observation; objects 1, 3 and 5. Packages are delivered block by block
//! (RFC 7959) into the updater, or downloaded: the client begins a download, and the application carries it out
//! for `Need::Fetch`, by `fwupd_coap::pull::Pull` or as it likes.
//!
//! Nothing here opens a socket, reads a clock or allocates. One round of an application with a client:
//!
//! ```
//! use fwupd_core::updater::Need;
//! use fwupd_lwm2m::adapter::{Client, Config, Handled};
//! # use fwupd_testkit::reference::{factory, layout};
//! # let mut device = factory(layout((1, 4, 0xFF)));
//! # device.bootloader().unwrap();
//! # let mut updater = device.updater();
//! # let now = device.clock.now();
//! # device.drain(&mut updater, "the updater reads its journal").unwrap();
//! # // A server that registers the client, and then reads the state: GET /5/0/3.
//! # let mut inbox = vec![vec![0x40, 1, 0, 1, 0xB1, b'5', 1, b'0', 1, b'3']];
//! # let mut answers = Vec::new();
//! # let mut send = |_: &str, datagram: &[u8]| answers.push(datagram.to_vec());
//! let server = "192.0.2.1:5683";
//! let mut client = Client::new(Config::new(server, "urn:dev:os:0023C7-000001", 0x5EED));
//! let mut out = [0; 1280];
//! # for _ in 0..10 {
//! // loop {
//! while let Some(datagram) = inbox.pop() {
//!     loop {
//!         match client.handle(server, &datagram, now, &mut updater, &mut out) {
//!             Handled::Done(0) => break,
//!             Handled::Done(length) => {
//!                 send(server, &out[..length]);
//!                 break;
//!             }
//!             // The updater writes what the server wants, or makes room for the next bytes.
//!             Handled::Again => {
//!                 device.drain(&mut updater, "flash::run, here").unwrap();
//!                 // Other adapters of this updater, if there are any, are all polled here.
//!                 updater.need(now);
//!             }
//!         }
//!     }
//! }
//! device.drain(&mut updater, "flash::run, here").unwrap();
//! match updater.need(now) {
//!     Need::Reset if client.drained() => { /* reset the device; at the latest after a time of grace */ }
//!     Need::Fetch { .. } => { /* fwupd_coap::pull::Pull */ }
//!     Need::Permit { .. } => { /* ask the user */ }
//!     _ => {}
//! }
//! while let Some((to, length)) = client.poll(now, &mut updater, &mut out) {
//!     send(to, &out[..length]);
//! }
//! // }
//! # }
//! # // The answer to the GET, and the registration.
//! # assert_eq!(answers[0], [0x60, 0x45, 0, 1, 0xC0, 0xFF, b'0']);
//! # assert_eq!(answers[1][..2], [0x44, 2]);
//! ```
//!
//! What is not implemented: the Bootstrap interface and its objects, DTLS (the application's socket does it),
//! attributes other than pmin and pmax, SenML and CBOR, Composite operations, Send, queue mode, more
//! than one server, resource 14 of Object 5 v1.2, registrations in blocks. A body that is no package has to come
//! in one message.
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

pub mod adapter;
pub mod note;
pub mod object;
pub mod spec;
pub mod value;
pub mod wire;
