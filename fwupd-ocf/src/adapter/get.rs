//! What there is to read: the answer to GET, and the body of every other answer that has one.

use fwupd_coap::block::{BadBlock, Block, Szx};
use fwupd_coap::body::Anew;
use fwupd_coap::endpoint::Exchange;
use fwupd_coap::message::{Message, Writer};
use fwupd_coap::spec::{OBSERVE_DEREGISTER, OBSERVE_REGISTER, option};
use fwupd_core::time::Now;

use super::{Config, Device, View, code, resource};
use crate::spec::{Answer, FORMAT, Resource, query, version};
use crate::wire::{Out, links, pstat};

/// Room that an answer takes beside its payload, bytes: header, token, and all options.
const OVERHEAD: usize = 56;

/// A representation, as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) resource: Resource,
    /// By the interface that has the common properties as well.
    pub(super) baseline: bool,
    /// The version of the content format is to be told: an option that must be understood, and so is sent only to
    /// who knows it.
    pub(super) versioned: bool,
}

/// The arguments of a query by this name.
fn arguments<'m>(message: &Message<'m>, name: &'static str) -> impl Iterator<Item = &'m str> + use<'m> {
    message.queries().filter_map(move |argument| argument.strip_prefix(name))
}

/// Whether an option holds version 1 of the content format.
fn is_known(value: u32) -> bool {
    value >> version::MAJOR_SHIFT == version::V1_0_0 >> version::MAJOR_SHIFT
}

impl Asked {
    /// What a request asks for.
    ///
    /// # Errors
    /// 4.04 where there is nothing, 4.05 for what cannot be done with it, 4.03 for an interface that it does not
    /// have, 4.06 for another format, 4.15 for a payload of another one.
    pub(super) fn parse(message: &Message<'_>, writes: bool) -> Result<Self, Answer> {
        let resource = resource(message).ok_or(Answer::NotFound)?;
        if writes && !resource.is_written() {
            return Err(Answer::MethodNotAllowed);
        }
        let [default, baseline] = resource.interfaces();
        let interface = arguments(message, query::IF).next().unwrap_or(default);
        if interface != default && interface != baseline {
            return Err(Answer::Forbidden);
        }
        let accepts = message.option(option::ACCEPT).is_none() || message.accept() == Some(FORMAT);
        let wanted = message.uint(version::ACCEPT);
        if !accepts || wanted.is_some_and(|wanted| !is_known(wanted)) {
            return Err(Answer::NotAcceptable);
        }
        if writes {
            let format = message.option(option::CONTENT_FORMAT);
            let reads = format.is_none() || message.content_format() == Some(FORMAT);
            if !reads || message.uint(version::CONTENT).is_some_and(|given| !is_known(given)) {
                return Err(Answer::UnsupportedFormat);
            }
        }
        Ok(Self { resource, baseline: interface == baseline, versioned: wanted.is_some() })
    }
}

/// Whether a resource is among the links that a request asks for.
fn is_wanted(config: &Config<'_>, message: Option<&Message<'_>>, resource: Resource) -> bool {
    let Some(message) = message else { return true };
    let is = |kind: &str| {
        kind == resource.kind() || (resource == Resource::Device && kind == config.identity.kind)
    };
    let mut kinds = arguments(message, query::RT).peekable();
    let listed = kinds.peek().is_none() || kinds.any(is);
    listed && arguments(message, query::DI).all(|di| di == config.identity.di)
}

/// Writes a representation.
///
/// # Errors
/// 5.03 while nothing is known, 4.00 where no link is as the request wants it.
fn body(
    config: &Config<'_>,
    asked: Asked,
    message: Option<&Message<'_>>,
    view: &View<'_>,
    out: &mut Out<'_>,
) -> Result<(), Answer> {
    let baseline = asked.baseline;
    let status = view.status.as_ref().ok_or(Answer::Unavailable);
    match asked.resource {
        Resource::Discovery => {
            let all = Resource::ALL.into_iter().filter(|resource| *resource != Resource::Discovery);
            let wanted = all.filter(|resource| is_wanted(config, message, *resource));
            if wanted.clone().next().is_none() {
                return Err(Answer::BadRequest);
            }
            links::emit(wanted, &config.identity, config.endpoints, baseline, out);
        }
        Resource::Device => config.identity.emit_device(baseline, out),
        Resource::Platform => config.identity.emit_platform(baseline, out),
        Resource::Software => config.rules.show(status?, &view.note).emit(baseline, out),
        Resource::Pstat => {
            let mode = config.rules.mode(status?, &view.note);
            pstat::emit(&config.owned, mode | u16::from(config.owned.cm), baseline, out);
        }
    }
    Ok(())
}

/// What is to be sent of a representation.
#[derive(Clone, Copy)]
pub(super) struct Part<'m> {
    asked: Asked,
    message: Option<&'m Message<'m>>,
    anew: Anew,
}

impl<'m> Part<'m> {
    /// The block that is asked for, or the whole if it fits `room` and no block is asked for.
    ///
    /// # Errors
    /// Why there is none. `scratch` is overwritten.
    pub(super) fn new(
        config: &Config<'_>,
        asked: Asked,
        message: Option<&'m Message<'m>>,
        view: &View<'_>,
        block: Result<Option<Block>, BadBlock>,
        (room, scratch): (usize, &mut [u8]),
    ) -> Result<Self, Answer> {
        let mut out = Out::new(scratch);
        body(config, asked, message, view, &mut out)?;
        let length = out.finish().map_err(|_| Answer::Internal)?;
        let whole = scratch.get(..length).unwrap_or_default();
        let most = Szx::fitting(room.saturating_sub(OVERHEAD));
        let anew = Anew::of(whole, block, most).map_err(|_| Answer::BadRequest)?;
        Ok(Self { asked, message, anew })
    }

    /// A fingerprint of the whole.
    pub(super) fn print(&self) -> [u8; 4] {
        self.anew.print
    }

    /// Writes options and payload.
    pub(super) fn write(
        &self,
        config: &Config<'_>,
        view: &View<'_>,
        observe: Option<u32>,
        to: &mut Writer<'_>,
    ) {
        self.anew.options(observe, FORMAT, to);
        if self.asked.versioned {
            to.uint(version::CONTENT, version::V1_0_0);
        }
        // It has been made once already.
        self.anew.payload(&mut |out| _ = body(config, self.asked, self.message, view, out), to);
    }
}

impl<A: Copy + Eq> Device<'_, A> {
    /// RETRIEVE and NOTIFY: GET.
    pub(super) fn get(
        &mut self,
        exchange: Exchange<A>,
        message: &Message<'_>,
        now: Now,
        view: &View<'_>,
        out: &mut [u8],
    ) -> Result<usize, Answer> {
        let asked = Asked::parse(message, false)?;
        let room = (out.len(), &mut *out);
        let part = Part::new(&self.config, asked, Some(message), view, message.block2(), room)?;
        let observe = match message.observe().filter(|_| asked.resource.is_written()) {
            Some(OBSERVE_REGISTER) if part.anew.cut.offset == 0 => {
                self.observations.add(exchange.peer, exchange.token, asked, part.print())
            }
            Some(OBSERVE_DEREGISTER) => {
                self.observations.remove(exchange.peer, exchange.token);
                None
            }
            Some(_) | None => None,
        };
        let Self { endpoint, config, .. } = self;
        let written = endpoint.respond(exchange, code(Answer::Content), now.mono, out, |to| {
            part.write(config, view, observe, to);
        });
        written.map_err(|_| Answer::Internal)
    }
}
