//! A package that is pushed by Block1.

use fwupd_coap::block::{Block, Szx};
use fwupd_coap::spec::{Code, option};
use fwupd_coap::upload::{Send, Sent};
use fwupd_lwm2m::spec::{Resource, format};

use super::session::{NoAnswer, Session};

/// How a push ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pushed {
    /// The answer to the body.
    pub(super) code: Code,
    /// Bytes that were sent, those of blocks that were sent anew too.
    pub(super) bytes: u64,
}

/// Pushes a package in blocks of at most `block` bytes.
pub(super) fn push(session: &mut Session, package: &[u8], block: usize) -> Result<Pushed, NoAnswer> {
    let length = u32::try_from(package.len()).unwrap_or(u32::MAX);
    let mut send = Send::new(length, Szx::fitting(block));
    let mut bytes = 0u64;
    loop {
        let part = send.next().map_or(0, |(_, range)| range.len());
        bytes = bytes.saturating_add(part as u64);
        let answer = session.ask(Code::PUT, Resource::Package, |to| {
            to.uint(option::CONTENT_FORMAT, format::OPAQUE.into());
            send.write(package, to);
        })?;
        let block = answer.block1.as_deref().and_then(|value| Block::parse(value).ok());
        if let Sent::Done(code) = send.answered(answer.code, block) {
            return Ok(Pushed { code, bytes });
        }
    }
}
