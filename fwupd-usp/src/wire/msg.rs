//! USP Messages: a header, and a request, a response or an error.

use super::check::check;
use super::{Malformed, Mark, Node, Out};
use crate::spec::schema::{Schema, body, error, header, msg, notify_resp, request, response};
use crate::spec::{Code, MsgType};

/// Which request, or which response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as in TR-369")]
pub enum Verb {
    Get,
    GetSupportedDm,
    GetInstances,
    Set,
    Add,
    Delete,
    Operate,
    Notify,
    GetSupportedProtocol,
    Register,
    Deregister,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Get,
        Self::GetSupportedDm,
        Self::GetInstances,
        Self::Set,
        Self::Add,
        Self::Delete,
        Self::Operate,
        Self::Notify,
        Self::GetSupportedProtocol,
        Self::Register,
        Self::Deregister,
    ];

    /// The number of its field, in a request and in a response.
    pub const fn field(self) -> u32 {
        match self {
            Self::Get => request::GET,
            Self::GetSupportedDm => request::GET_SUPPORTED_DM,
            Self::GetInstances => request::GET_INSTANCES,
            Self::Set => request::SET,
            Self::Add => request::ADD,
            Self::Delete => request::DELETE,
            Self::Operate => request::OPERATE,
            Self::Notify => request::NOTIFY,
            Self::GetSupportedProtocol => request::GET_SUPPORTED_PROTOCOL,
            Self::Register => request::REGISTER,
            Self::Deregister => request::DEREGISTER,
        }
    }

    /// The message types of its request and its response.
    pub const fn types(self) -> (MsgType, MsgType) {
        match self {
            Self::Get => (MsgType::Get, MsgType::GetResp),
            Self::GetSupportedDm => (MsgType::GetSupportedDm, MsgType::GetSupportedDmResp),
            Self::GetInstances => (MsgType::GetInstances, MsgType::GetInstancesResp),
            Self::Set => (MsgType::Set, MsgType::SetResp),
            Self::Add => (MsgType::Add, MsgType::AddResp),
            Self::Delete => (MsgType::Delete, MsgType::DeleteResp),
            Self::Operate => (MsgType::Operate, MsgType::OperateResp),
            Self::Notify => (MsgType::Notify, MsgType::NotifyResp),
            Self::GetSupportedProtocol => (MsgType::GetSupportedProto, MsgType::GetSupportedProtoResp),
            Self::Register => (MsgType::Register, MsgType::RegisterResp),
            Self::Deregister => (MsgType::Deregister, MsgType::DeregisterResp),
        }
    }
}

/// What a Message is. The oneof decides; the type in the header is for people (R-MSG.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A request.
    Request(Verb, Node<'a>),
    /// A response.
    Response(Verb, Node<'a>),
    /// An error, for a request as a whole.
    Error(Node<'a>),
}

/// A Message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msg<'a> {
    /// It ties an answer to its request.
    pub id: &'a str,
    /// What it is.
    pub body: Body<'a>,
}

impl<'a> Msg<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it. [`id`] may still be able to read who asked.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        check(bytes, Schema::Msg)?;
        let node = Node::new(bytes);
        let id = node.node(msg::HEADER).unwrap_or_default().text(header::MSG_ID);
        let inner = node.node(msg::BODY).ok_or(Malformed::Oneof)?;
        let one = |node: Node<'a>| Verb::ALL.into_iter().find_map(|v| Some((v, node.node(v.field())?)));
        let request = inner.node(body::REQUEST).and_then(one).map(|(v, node)| Body::Request(v, node));
        let response = || inner.node(body::RESPONSE).and_then(one).map(|(v, node)| Body::Response(v, node));
        let failed = || inner.node(body::ERROR).map(Body::Error);
        let body = request.or_else(response).or_else(failed).ok_or(Malformed::Oneof)?;
        if id.is_empty() {
            return Err(Malformed::Syntax);
        }
        Ok(Self { id, body })
    }
}

/// The identifier of a Message that could not be read as a whole, if it seems to be a request: only that is
/// answered (R-MTP.5).
pub fn id(bytes: &[u8]) -> Option<&str> {
    let node = Node::new(bytes);
    let inner = node.node(msg::BODY).unwrap_or_default();
    if inner.has(body::RESPONSE) || inner.has(body::ERROR) {
        return None;
    }
    let header = node.node(msg::HEADER)?;
    check(header.as_bytes(), Schema::Header).is_ok().then_some(())?;
    Some(header.text(header::MSG_ID)).filter(|id| !id.is_empty())
}

/// The begin of a Message with something in it: `group` of its body, and of that `verb`, where there is one.
fn open(out: &mut Out<'_>, id: &str, kind: MsgType, group: u32, verb: Option<u32>) -> [Option<Mark>; 3] {
    let head = out.open(msg::HEADER);
    out.text(header::MSG_ID, id);
    out.number(header::MSG_TYPE, kind as u32);
    out.close(head);
    let (outer, middle) = (out.open(msg::BODY), out.open(group));
    [verb.map(|verb| out.open(verb)), Some(middle), Some(outer)]
}

fn close(out: &mut Out<'_>, open: [Option<Mark>; 3]) {
    open.into_iter().flatten().for_each(|mark| out.close(mark));
}

/// Writes a request, what is in it by `content`.
pub fn request(out: &mut Out<'_>, id: &str, verb: Verb, content: impl FnOnce(&mut Out<'_>)) {
    let marks = open(out, id, verb.types().0, body::REQUEST, Some(verb.field()));
    content(out);
    close(out, marks);
}

/// Writes a response, what is in it by `content`.
pub fn response(out: &mut Out<'_>, id: &str, verb: Verb, content: impl FnOnce(&mut Out<'_>)) {
    let marks = open(out, id, verb.types().1, body::RESPONSE, Some(verb.field()));
    content(out);
    close(out, marks);
}

/// Writes an error, what else is in it by `content`.
pub fn error(out: &mut Out<'_>, id: &str, code: Code, content: impl FnOnce(&mut Out<'_>)) {
    let marks = open(out, id, MsgType::Error, body::ERROR, None);
    fault(out, code, code.text());
    content(out);
    close(out, marks);
}

/// Writes a code and its text, as they stand in an error and in every kind of failure.
pub fn fault(out: &mut Out<'_>, code: Code, text: &str) {
    out.fixed32(error::ERR_CODE, code as u32);
    out.text(error::ERR_MSG, text);
}

/// Writes a failure, which is a code and a text, as a message of its own. With no text it has that of the code.
pub fn failure(out: &mut Out<'_>, number: u32, code: Code, text: &str) {
    let failure = out.open(number);
    fault(out, code, if text.is_empty() { code.text() } else { text });
    out.close(failure);
}

/// Writes the response to a notification.
pub fn notify_response(out: &mut Out<'_>, id: &str, subscription: &str) {
    response(out, id, Verb::Notify, |out| out.text(notify_resp::SUBSCRIPTION_ID, subscription));
}

const _: () = assert!(request::NOTIFY == response::NOTIFY && request::GET == response::GET);
