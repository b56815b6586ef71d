//! Read, Discover and Observe: the answer to GET.

use fwupd_coap::block::{BadBlock, Block, Szx};
use fwupd_coap::body::Anew;
use fwupd_coap::endpoint::Exchange;
use fwupd_coap::message::{Message, Writer};
use fwupd_coap::spec::{Code, OBSERVE_DEREGISTER, OBSERVE_REGISTER, option};
use fwupd_core::time::Now;

use super::model::{Model, View};
use super::path::Path;
use super::{Client, code};
use crate::object::Refusal;
use crate::spec::{Answer, format};
use crate::wire::Out;

/// Room that an answer takes beside its payload, bytes: header, token, ETag, Observe, Content-Format, Block2,
/// Size2 and the marker.
const OVERHEAD: usize = 48;

/// What is to be sent of a body.
#[derive(Clone, Copy)]
pub(super) struct Part {
    path: Path,
    pub(super) format: u16,
    anew: Anew,
}

impl Part {
    /// The block that is asked for, or the whole body if it fits `room` and no block is asked for.
    ///
    /// # Errors
    /// Why there is no body. `scratch` is overwritten.
    pub(super) fn new(
        model: &Model<'_>,
        (path, accept): (Path, Option<u16>),
        view: &View<'_>,
        asked: Result<Option<Block>, BadBlock>,
        room: usize,
        scratch: &mut [u8],
    ) -> Result<Self, Refusal> {
        let mut out = Out::new(scratch);
        let format = model.body(&path, accept, view, &mut out)?;
        let length = out.finish().map_err(|_| Answer::Internal)?;
        let body = scratch.get(..length).unwrap_or_default();
        let most = Szx::fitting(room.saturating_sub(OVERHEAD));
        let anew = Anew::of(body, asked, most).map_err(|_| Answer::BadRequest)?;
        Ok(Self { path, format, anew })
    }

    /// A fingerprint of the whole body.
    pub(super) fn print(&self) -> [u8; 4] {
        self.anew.print
    }

    /// Writes options and payload.
    pub(super) fn write(
        &self,
        model: &Model<'_>,
        view: &View<'_>,
        observe: Option<u32>,
        to: &mut Writer<'_>,
    ) {
        self.anew.options(observe, self.format, to);
        // It has been made once already.
        self.anew.payload(&mut |out| _ = model.body(&self.path, Some(self.format), view, out), to);
    }
}

impl<A: Copy + Eq> Client<'_, A> {
    /// GET, and FETCH, which nothing is here.
    pub(super) fn get(
        &mut self,
        exchange: Exchange<A>,
        message: &Message<'_>,
        now: Now,
        view: &View<'_>,
        out: &mut [u8],
    ) -> Result<usize, Refusal> {
        if message.code != Code::GET {
            return Err(Answer::MethodNotAllowed);
        }
        let path = Path::parse(message.path()).ok_or(Answer::NotFound)?;
        let accept = match message.option(option::ACCEPT) {
            Some(_) => Some(message.accept().ok_or(Answer::NotAcceptable)?),
            None => None,
        };
        let asked = message.block2();
        let part = Part::new(&self.model, (path, accept), view, asked, out.len(), out)?;
        let observe = match message.observe().filter(|_| part.format != format::LINK) {
            Some(OBSERVE_REGISTER) if part.anew.cut.offset == 0 => {
                self.observations.add((exchange.peer, exchange.token), path, &part, now.mono)
            }
            Some(OBSERVE_DEREGISTER) => {
                self.observations.remove(&path, exchange.token);
                None
            }
            Some(_) | None => None,
        };
        let Self { endpoint, model, .. } = self;
        let written = endpoint.respond(exchange, code(Answer::Content), now.mono, out, |to| {
            part.write(model, view, observe, to);
        });
        written.map_err(|_| Answer::Internal)
    }
}
