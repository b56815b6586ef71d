//! USP Records: from whom to whom, and the Message in them. TR-369 section "Record Definition".

use super::check::check;
use super::{Malformed, Node, Out};
use crate::spec::schema::{Schema, disconnect, no_session, record};
use crate::spec::{RecordError, VERSION};

/// What a Record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries<'a> {
    /// A Message, without a session.
    Message(&'a [u8]),
    /// A part of a session.
    Session,
    /// The first Record on a connection, of whichever transport.
    Connect,
    /// The last one: why, and its code.
    Disconnect(&'a str, u32),
}

/// A Record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Endpoint ID of whom it is for.
    pub to: &'a str,
    /// Endpoint ID of whom it is from.
    pub from: &'a str,
    /// What it is for.
    pub carries: Carries<'a>,
}

impl<'a> Record<'a> {
    /// Reads one. Its signature and its security are its transport's business.
    ///
    /// # Errors
    /// It is none, or it violates its oneof: it is to be discarded (R-ENC.4).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        check(bytes, Schema::Record)?;
        let node = Node::new(bytes);
        let carries = if let Some(inner) = node.node(record::NO_SESSION_CONTEXT) {
            Carries::Message(inner.bytes(no_session::PAYLOAD))
        } else if node.has(record::SESSION_CONTEXT) {
            Carries::Session
        } else if let Some(inner) = node.node(record::DISCONNECT) {
            Carries::Disconnect(inner.text(disconnect::REASON), inner.number(disconnect::REASON_CODE))
        } else {
            Carries::Connect
        };
        Ok(Self { to: node.text(record::TO_ID), from: node.text(record::FROM_ID), carries })
    }
}

fn addresses(out: &mut Out<'_>, to: &str, from: &str) {
    out.text(record::VERSION, VERSION);
    out.text(record::TO_ID, to);
    out.text(record::FROM_ID, from);
}

/// Writes a Record with the Message that `message` writes.
pub fn emit(out: &mut Out<'_>, to: &str, from: &str, message: impl FnOnce(&mut Out<'_>)) {
    addresses(out, to, from);
    let inner = out.open(record::NO_SESSION_CONTEXT);
    let payload = out.open(no_session::PAYLOAD);
    message(out);
    out.close(payload);
    out.close(inner);
}

/// Writes the Record that says that there is something wrong with a Record.
pub fn emit_disconnect(out: &mut Out<'_>, to: &str, from: &str, why: RecordError) {
    addresses(out, to, from);
    let inner = out.open(record::DISCONNECT);
    out.text(disconnect::REASON, why.text());
    out.fixed32(disconnect::REASON_CODE, why as u32);
    out.close(inner);
}

/// Writes the Record that is the first on a WebSocket connection.
pub fn emit_websocket_connect(out: &mut Out<'_>, to: &str, from: &str) {
    addresses(out, to, from);
    let inner = out.open(record::WEBSOCKET_CONNECT);
    out.close(inner);
}
