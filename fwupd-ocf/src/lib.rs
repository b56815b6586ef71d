//! The OCF software update, on the update engine: `oic.r.softwareupdate` as change request 2848 to the OCF Core
//! Optional specification has it (with the state `svv`), and the bits of `oic.r.pstat` that go with it.
//!
//! | what | where |
//! |---|---|
//! | every number and string, and what a status shows | [`spec`] |
//! | representations to bytes and back, the device's and the client's | [`wire`] |
//! | the resource alone, for whoever has an OCF stack | [`software`] |
//! | a device that clients can talk to, over CoAP | [`adapter`] |
//! | what is kept over a reset | [`note`] |
//!
//! Not implemented: onboarding and everything else of the OCF security model. Who may write is decided before a
//! datagram comes here, and of `oic.r.pstat` only `tm` can be written. Nor are there batches, collections, or
//! request bodies in blocks. Packages are fetched by the application.
//!
//! # A device and a client
//!
//! The socket is a function call here; everything else is as in an application.
//!
//! ```
//! use fwupd_coap::message::{Kind, Message, Token, Writer};
//! use fwupd_coap::spec::{Code, option};
//! use fwupd_core::outcome::Initiator;
//! use fwupd_core::updater::{Command, Need};
//! use fwupd_ocf::adapter::{Cast, Config, Device, Handled};
//! use fwupd_ocf::spec::{Action, FORMAT, State};
//! use fwupd_ocf::wire::Out;
//! use fwupd_ocf::wire::device::Identity;
//! use fwupd_ocf::wire::software::{Software, Update};
//! use fwupd_ocf::wire::time::Instant;
//! use fwupd_testkit::clock::WallAfterReset;
//! use fwupd_testkit::reference::{factory, layout, package};
//!
//! let identity = Identity {
//!     di: "5a1b2c3d-0000-4000-8000-0123456789ab",
//!     piid: "5a1b2c3d-0000-4000-8000-0123456789ac",
//!     pi: "5a1b2c3d-0000-4000-8000-0123456789ad",
//!     name: "lamp",
//!     kind: "oic.d.light",
//!     manufacturer: "Example",
//! };
//! let owner = "5a1b2c3d-0000-4000-8000-0123456789ae";
//! let config = Config::new(identity, &["coap://192.0.2.7:5683"], owner, 1);
//!
//! // A board, as a simulation: its flash, its clock, its bootloader.
//! let mut board = factory(layout((1, 4, 0xFF)));
//! board.files.insert("https://example.com/fw".into(), package("one-integrated.suit"));
//! board.clock.set_wall(Some(1_795_216_159));
//! let (mut updater, mut device) = (board.updater(), Device::new(config));
//!
//! // A client asks for an upgrade, at once.
//! let mut request = [0; 256];
//! let mut write =
//!     Writer::new(&mut request, Kind::NonConfirmable, Code::POST, 7, Token::new(b"a").unwrap());
//! write.option(option::URI_PATH, b"oc").option(option::URI_PATH, b"swu");
//! write.uint(option::CONTENT_FORMAT, u32::from(FORMAT)).payload_with(|room| {
//!     let updatetime = Instant::wall(1_795_216_159);
//!     let mut out = Out::new(room);
//!     Update { purl: "https://example.com/fw", action: Action::Upgrade, updatetime }.emit(&mut out);
//!     out.finish().unwrap_or(usize::MAX)
//! });
//! let length = write.finish()?;
//! let mut inbox = Some(request[..length].to_vec());
//!
//! let mut out = [0; 1280];
//! while board.jumped.map(|slot| slot.0) != Some(1) || inbox.is_some() || !device.drained() {
//!     board.drain(&mut updater, "the updater").unwrap(); // flash::run
//!     let now = board.clock.now();
//!     // Other adapters of this updater, if there are any, are all polled before anything is handled.
//!     if let Some(datagram) = &inbox
//!         && updater.status().is_some()
//!         && let Handled::Done(length) =
//!             device.handle("client", Cast::Unicast, datagram, now, &mut updater, &mut out)
//!     {
//!         assert_eq!(length, 0, "it is answered once it is written");
//!         inbox = None;
//!     }
//!     match updater.need(now) {
//!         Need::Fetch { ticket, uri, offset, .. } => {
//!             let uri = uri.to_owned();
//!             board.fetch(&mut updater, ticket, &uri, offset).unwrap();
//!         }
//!         Need::Permit { .. } => updater.permit(now)?,
//!         Need::Reset if device.drained() => {
//!             board.clock.reset(WallAfterReset::GoesOn);
//!             board.bootloader().unwrap();
//!             (updater, device) = (board.updater(), Device::new(Config { seed: 2, ..config }));
//!         }
//!         Need::Wait(_) => {
//!             let _ = updater.command(Initiator::APPLICATION, Command::Confirm, None, now)?;
//!         }
//!         Need::Reset | Need::Boot(_) | Need::Again | Need::Nothing => {}
//!     }
//!     while let Some((to, length)) = device.poll(now, &mut updater, &mut out) {
//!         let message = Message::parse(&out[..length])?;
//!         assert_eq!((to, message.code), ("client", Code::CHANGED));
//!         let answer = Software::parse(message.payload).unwrap();
//!         assert_eq!((answer.state, answer.action), (State::Idle, Action::Upgrade));
//!     }
//!     board.clock.advance(1);
//! }
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

pub mod adapter;
pub mod note;
pub mod software;
pub mod spec;
pub mod wire;
