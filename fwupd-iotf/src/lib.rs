//! IoTF device management profile over MQTT, on the update engine: the firmware actions of a managed device.
//!
//! The specification is the documentation of IBM's Internet of Things Foundation, later Watson IoT Platform:
//! Device Management Operations and Firmware Actions in their first form, Device Management Requests in their
//! last (2018). The platform was withdrawn at the end of 2023; the protocol lives on with brokers that speak it.
//! Both forms are understood (attributes named by strings or by objects, `fields` or `data`, `url` or `uri`), and
//! the last one is spoken.
//!
//! | what | where | documentation |
//! |---|---|---|
//! | every number and string, and what a status shows | [`spec`] | Return codes; Device Model |
//! | JSON and messages, of the device and of the platform | [`wire`] | Message formats; RFC 8259 |
//! | the attributes of `mgmt.firmware`, and what a write makes of them | [`firmware`] | Device Model, Firmware attributes |
//! | managing, observing, notifying, download and update | [`adapter`] | Device Management Requests; Firmware Actions |
//! | what is kept over a reset | [`note`] | |
//!
//! Not implemented: the topics of a gateway, diagnostics (error codes and logs), the location, metadata, custom
//! actions; a platform that asks for these is answered 404 or 501. MQTT and TLS are the application's: the device
//! is given topics and payloads, and gives them, so that either version of MQTT will do.
//!
//! What comes from the platform is never trusted: JSON is read by a cursor in bounded stack, nothing is indexed,
//! and no state grows with what comes in. A request that the broker delivers twice is carried out once, also
//! when a reset came between. What was downloaded, what is observed and what the platform knows outlive a reset.
//!
//! # A device and its platform
//!
//! The broker is a queue here; everything else is as in an application.
//!
//! ```
//! use std::collections::VecDeque;
//!
//! use fwupd_core::flash;
//! use fwupd_core::updater::Need;
//! use fwupd_iotf::adapter::{Config, Device, Handled, OUT_MAX, Outgoing};
//! # use fwupd_testkit::reference::{factory, layout, package};
//! # let mut board = factory(layout((1, 4, 0xFF)));
//! # let uri = "https://example.com/one-integrated.suit";
//! # board.files.insert(uri.to_owned(), package("one-integrated.suit"));
//! # let mut updater = board.updater();
//!
//! let mut device = Device::new(Config::new(0x5EED)).expect("a lifetime of 0");
//! device.connected(board.clock.now());
//! // What the platform sends, once it manages the device.
//! let mut requests = VecDeque::from([
//!     ("iotdm-1/device/update", r#"{"d":{"field":"mgmt.firmware","value":{"uri":"https://example.com/one-integrated.suit"}},"reqId":"1"}"#),
//!     ("iotdm-1/observe", r#"{"d":{"fields":[{"field":"mgmt.firmware"}]},"reqId":"2"}"#),
//!     ("iotdm-1/mgmt/initiate/firmware/download", r#"{"reqId":"3"}"#),
//! ]);
//! let mut inbox: VecDeque<(String, String)> = VecDeque::new();
//! let mut published = Vec::new();
//! let mut out = [0; OUT_MAX];
//!
//! while published.last().is_none_or(|last: &String| !last.contains(r#""state":2"#)) {
//!     let now = board.clock.now();
//!     // Other adapters of this updater, if there are any, are all polled before anything is handled.
//!     // A message that came in, until it is dealt with.
//!     if let Some((topic, payload)) = inbox.front() {
//!         match device.handle(topic, payload.as_bytes(), now, &mut updater, &mut out).expect("room") {
//!             Handled::Done(answer) => {
//!                 inbox.pop_front();
//!                 if let Some(answer) = answer {
//!                     published.push(String::from_utf8_lossy(&out[..answer.length]).into_owned());
//!                 }
//!             }
//!             Handled::Again => {}
//!         }
//!     }
//!     // Flash, one bounded operation after the other; then what the updater needs.
//!     while flash::run(&mut updater, &mut board.flash, now).expect("the flash is good") {}
//!     match updater.need(now) {
//!         Need::Fetch { ticket, uri, offset, .. } => {
//!             let uri = uri.to_owned();
//!             board.fetch(&mut updater, ticket, &uri, offset).expect("power stays on");
//!         }
//!         Need::Reset => break, // once `device.drained()` says so, or after a while
//!         _ => {}
//!     }
//!     // What the device has to say.
//!     while let Some(outgoing) = device.poll(now, &mut updater, &mut out).expect("room") {
//!         match outgoing {
//!             Outgoing::Subscribe(filter) => assert_eq!(filter, "iotdm-1/#"),
//!             Outgoing::Publish(message) => {
//!                 let payload = String::from_utf8_lossy(&out[..message.length]).into_owned();
//! #               // The platform answers that it manages the device.
//! #               if message.topic == "iotdevice-1/mgmt/manage" {
//! #                   let (_, id) = payload.split_once("\"reqId\":").unwrap();
//! #                   inbox.push_back(("iotdm-1/response".into(), format!("{{\"rc\":200,\"reqId\":{id}")));
//! #                   inbox.extend(requests.drain(..).map(|(topic, payload)| (topic.into(), payload.into())));
//! #               }
//!                 published.push(payload);
//!             }
//!         }
//!     }
//!     // Sleep until something comes in, or until `device.poll_timeout` and what `need` says.
//!     board.clock.advance(1);
//! }
//! assert!(published.contains(&r#"{"rc":202,"reqId":"3"}"#.to_owned()));
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
pub mod firmware;
pub mod note;
pub mod spec;
pub mod wire;
