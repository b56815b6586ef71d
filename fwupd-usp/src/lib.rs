//! Broadband Forum USP (TR-369) on the update engine: the firmware images of TR-181.
//!
//! Editions: TR-369 1.4.1 with the schemas of 1.5, and TR-181 2.19.1 for USP, `Device.DeviceInfo.FirmwareImage.{i}.`
//! with `Download()`, `Activate()` and what TR-369's appendix on firmware management says of them. No clause of that
//! appendix is a numbered requirement; what holds stands in the descriptions of the data model.
//!
//! [`adapter::Agent`] takes the bytes of a Record and gives those of its answer and of notifications. The transport
//! is the application's: WebSocket, MQTT, STOMP or a Unix domain socket, its certificates, and its reconnections.
//! [`wire`] reads and writes Messages as an agent and as a controller do.
//!
//! | section | where |
//! |---|---|
//! | Record, Message, Error (TR-369, Messages; R-MTP.5, R-ENC, R-E2E.1) | [`wire`], [`adapter`] |
//! | Get, GetInstances, GetSupportedProtocol | `adapter/read.rs` |
//! | Set, with `allow_partial` and `required` | `adapter/set.rs` |
//! | Add and Delete, of subscriptions | `adapter/table.rs` |
//! | Operate: Download(), Activate() with windows, Reboot(), Request.{i}.Cancel() | `adapter/operate.rs` |
//! | Notify: Boot!, TransferComplete!, OperationComplete, ValueChange | `adapter/notify.rs` |
//! | Status, FaultCode, and the codes of refusals | [`spec`] |
//!
//! Not implemented: GetSupportedDM, Register and Deregister (answered 7001); sessions (refused with 7106); more than
//! one controller; NotifRetry, ObjectCreation and ObjectDeletion; BootParameter and TransferCompletePolicy; Username
//! and Password of a Download(); devices with a single image; the Cause `FirmwareActivation` of USP 1.0.
//!
//! What the specifications leave open: AutoActivate that is missing is false, and an Activate() without a window
//! happens at once ([`Config::strict`](adapter::Config::strict) refuses both with 7027); a bad value of an argument is
//! 7004; TransferComplete! comes before OperationComplete, both before the reset, and success means installed and
//! armed; `FirmwareUpdated` means that another slot runs than at the last Boot! that was sent.
//!
//! The loop of an application, here for a device in simulation:
//!
//! ```
//! use fwupd_testkit::reference::{factory, layout, package};
//! use fwupd_core::outcome::Initiator;
//! use fwupd_core::updater::{Command, Need};
//! use fwupd_usp::adapter::{Agent, Config, Handled};
//! use fwupd_usp::wire::{Out, controller, record};
//!
//! let mut device = factory(layout((1, 4, 0xFF)));
//! device.files.insert("https://files.example/new".into(), package("one-integrated.suit"));
//! device.bootloader().unwrap();
//! let mut updater = device.updater();
//! let mut agent = Agent::new(Config::new("os::00256D-1", "os::00256D-controller", 1), &[]);
//!
//! // What a controller would send.
//! let mut room = [0; 512];
//! let mut out = Out::new(&mut room);
//! record::emit(&mut out, "os::00256D-1", "os::00256D-controller", |out| {
//!     let args = [("URL", "https://files.example/new"), ("AutoActivate", "true")];
//!     controller::operate(out, "1", "Device.DeviceInfo.FirmwareImage.2.Download()", "key", true, &args);
//! });
//! let length = out.finish().unwrap();
//! let mut inbox = Some(room[..length].to_vec());
//!
//! let (mut answer, mut sent) = ([0; 4096], 0);
//! for _ in 0..200 {
//!     let now = device.clock.now();
//!     // Other adapters of this updater, if there are any, are all polled before anything is handled.
//!     if let Some(message) = &inbox {
//!         match agent.handle(message, now, &mut updater, &mut answer) {
//!             Handled::Done(length) => (inbox, sent) = (None, sent + usize::from(length > 0)),
//!             Handled::Again => {}
//!         }
//!     }
//!     device.drain(&mut updater, "the updater").unwrap();
//!     match updater.need(now) {
//!         Need::Fetch { ticket, uri, offset, .. } => {
//!             let uri = uri.to_owned();
//!             device.fetch(&mut updater, ticket, &uri, offset).unwrap();
//!         }
//!         Need::Reset if agent.drained() => {
//!             device.bootloader().unwrap();
//!             updater = device.updater();
//!             agent = Agent::new(Config::new("os::00256D-1", "os::00256D-controller", 2), &[]);
//!         }
//!         // The new image is good: it runs.
//!         Need::Wait(_) => _ = updater.command(Initiator::APPLICATION, Command::Confirm, None, now),
//!         Need::Permit { .. } => updater.permit(now).unwrap(),
//!         Need::Reset | Need::Boot(_) | Need::Again | Need::Nothing => {}
//!     }
//!     while let Some(_length) = agent.poll(now, &mut updater, &mut answer) {
//!         sent += 1;
//!     }
//! }
//! assert_eq!(updater.status().unwrap().installed.sequence, 5);
//! assert_eq!(sent, 1, "the answer; nobody has subscribed to more");
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
pub mod spec;
pub mod wire;
