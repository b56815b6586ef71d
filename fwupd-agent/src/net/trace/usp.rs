//! What a Record of USP says.

use fwupd_usp::spec::schema::{error, get, notify, operate};
use fwupd_usp::wire::Node;
use fwupd_usp::wire::msg::{Body, Msg, Verb};
use fwupd_usp::wire::record::{Carries, Record};

/// What a Record says.
pub(super) fn text_of(record: &[u8]) -> String {
    let Ok(record) = Record::parse(record) else {
        return format!("{} bytes: this is no Record", record.len());
    };
    let payload = match record.carries {
        Carries::Message(payload) => payload,
        Carries::Connect => return format!("connect {}", record.from),
        Carries::Disconnect(..) => return format!("disconnect {}", record.from),
        Carries::Session => return "a session".to_owned(),
    };
    let Ok(Msg { id, body }) = Msg::parse(payload) else {
        return format!("{} bytes: this is no Message", payload.len());
    };
    match body {
        Body::Request(verb, node) => format!("{verb:?} {id}{}", about(verb, &node)),
        Body::Response(verb, _) => format!("{verb:?}Resp {id}"),
        Body::Error(node) => format!("Error {id} {}", node.number(error::ERR_CODE)),
    }
}

/// What a request is about; nothing where its name says it.
fn about(verb: Verb, node: &Node<'_>) -> String {
    match verb {
        Verb::Get => node.texts(get::PARAM_PATHS).flat_map(|path| [" ", path]).collect(),
        Verb::Operate => format!(" {}", node.text(operate::COMMAND)),
        Verb::Notify => format!(" {}", node.text(notify::SUBSCRIPTION_ID)),
        Verb::GetSupportedDm | Verb::GetInstances | Verb::Set | Verb::Add | Verb::Delete => String::new(),
        Verb::GetSupportedProtocol | Verb::Register | Verb::Deregister => String::new(),
    }
}
