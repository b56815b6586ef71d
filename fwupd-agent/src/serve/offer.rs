//! A package that the device downloads by Block2, and how much of it was sent.

use std::net::SocketAddr;

use fwupd_coap::block::Szx;
use fwupd_coap::body::Cut;
use fwupd_coap::endpoint::{Endpoint, Exchange};
use fwupd_coap::message::Message;
use fwupd_coap::spec::Code;
use fwupd_lwm2m::spec::format;

/// The package.
pub(super) struct Offer {
    bytes: Vec<u8>,
    served: u64,
}

impl Offer {
    /// Where it is.
    pub(super) const PATH: &str = "firmware";

    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, served: 0 }
    }

    pub(super) fn is_at(&self, path: &[&str]) -> bool {
        path == [Self::PATH]
    }

    /// Bytes of it that were sent.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// Answers a GET; so many bytes of `out` go back.
    pub(super) fn serve<const FLIGHTS: usize, const MESSAGE: usize>(
        &mut self,
        endpoint: &mut Endpoint<SocketAddr, FLIGHTS, MESSAGE>,
        exchange: Exchange<SocketAddr>,
        message: &Message<'_>,
        now: u64,
        out: &mut [u8],
    ) -> usize {
        let size = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let respond = match Cut::of(size, message.block2(), Szx::MAX) {
            Ok(cut) => {
                self.served = self.served.saturating_add(cut.length as u64);
                endpoint.respond(exchange, Code::CONTENT, now, out, |to| {
                    cut.write(&self.bytes, Some(format::OPAQUE), to);
                })
            }
            Err(_) => endpoint.respond(exchange, Code::BAD_REQUEST, now, out, |_| {}),
        };
        respond.unwrap_or(0)
    }
}
