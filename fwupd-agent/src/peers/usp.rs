//! A USP controller that agents connect to by WebSocket.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fwupd_usp::spec::model::arg::{CAUSE, FAULT_CODE};
use fwupd_usp::spec::schema::{event, get_resp, notify, oper_complete, path_result, resolved, value_change};
use fwupd_usp::spec::websocket::SUBPROTOCOL;
use fwupd_usp::wire::msg::{Body, Msg, Verb};
use fwupd_usp::wire::record::{Carries, Record, emit};
use fwupd_usp::wire::{Node, Out, controller};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tungstenite::http::{HeaderValue, StatusCode};
use tungstenite::{Message, WebSocket};

use super::{PATIENCE, failed};
use crate::error::Error;

/// Longest Record, bytes.
const LONGEST: usize = 8192;
/// How often it looks whether something has come.
const LOOK: Duration = Duration::from_millis(20);

/// A controller of one agent.
#[derive(Debug)]
pub struct Controller {
    listener: TcpListener,
    id: String,
    agent: String,
    socket: Option<WebSocket<TcpStream>>,
    /// Number of the last request.
    number: u32,
    /// The query of the last request for a connection.
    pub query: String,
    /// Records that said that an agent has connected.
    pub connects: u32,
    /// The notifications that came, each as its subscription and what it tells.
    pub notified: Vec<String>,
}

impl Controller {
    /// A controller that listens on a free port. Both have Endpoint IDs.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(id: &str, agent: &str) -> Result<Self, Error> {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), id, agent)
    }

    /// One that listens there.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn at(address: SocketAddr, id: &str, agent: &str) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).map_err(|why| failed(id, why))?;
        listener.set_nonblocking(true).map_err(|why| failed(id, why))?;
        let (id, agent) = (id.to_owned(), agent.to_owned());
        let (query, notified) = (String::new(), Vec::new());
        Ok(Self { listener, id, agent, socket: None, number: 0, query, connects: 0, notified })
    }

    /// Where agents connect.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(|why| self.failed(why))
    }

    fn failed(&self, why: impl std::fmt::Display) -> Error {
        failed(&self.id, why)
    }

    /// Waits for the agent; another connection takes the place of the one that there was.
    ///
    /// # Errors
    /// It does not come, or speaks something else.
    pub fn accept(&mut self) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(why) if why.kind() == ErrorKind::WouldBlock && Instant::now() < end => {
                    thread::sleep(LOOK);
                }
                Err(why) => return Err(self.failed(format_args!("no agent: {why}"))),
            }
        };
        let set = || -> std::io::Result<()> {
            stream.set_nonblocking(false)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))
        };
        set().map_err(|why| self.failed(why))?;
        let reader = stream.try_clone().map_err(|why| self.failed(why))?;
        let mut query = String::new();
        #[expect(clippy::result_large_err, reason = "it is the signature of a callback of the crate")]
        let answer = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            query = request.uri().query().unwrap_or_default().to_owned();
            let asked = request.headers().get(SEC_WEBSOCKET_PROTOCOL);
            if asked.is_none_or(|asked| asked != SUBPROTOCOL) {
                let mut refused = ErrorResponse::new(None);
                *refused.status_mut() = StatusCode::BAD_REQUEST;
                return Err(refused);
            }
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
            Ok(response)
        };
        let socket = tungstenite::accept_hdr(reader, answer).map_err(|why| self.failed(why))?;
        stream.set_read_timeout(Some(LOOK)).map_err(|why| self.failed(why))?;
        self.query = query;
        self.socket = Some(socket);
        Ok(())
    }

    /// The connection itself, if there is one.
    pub fn socket(&mut self) -> Option<&mut WebSocket<TcpStream>> {
        self.socket.as_mut()
    }

    /// The connection is gone.
    pub fn hang_up(&mut self) {
        self.socket = None;
    }

    /// The next message of bytes until then; `None` if none comes, and if the connection is gone.
    pub fn next(&mut self, end: Instant) -> Option<Vec<u8>> {
        loop {
            match self.socket.as_mut()?.read() {
                Ok(Message::Binary(bytes)) => return Some(bytes.into()),
                Ok(_) => {}
                Err(tungstenite::Error::Io(why))
                    if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if Instant::now() >= end {
                        return None;
                    }
                }
                Err(_) => self.socket = None,
            }
        }
    }

    /// Takes the notifications that come until then.
    pub fn listen(&mut self, end: Instant) {
        while let Some(record) = self.next(end) {
            self.take(&record, "");
        }
    }

    /// Sends a request of this content and waits for its answer, a Message.
    ///
    /// # Errors
    /// There is none: the connection is gone, or stays silent.
    pub fn ask(&mut self, content: impl Fn(&mut Out<'_>, &str)) -> Result<Vec<u8>, Error> {
        if self.socket.is_none() {
            self.accept()?;
        }
        self.number = self.number.wrapping_add(1);
        let id = self.number.to_string();
        let mut room = [0; LONGEST];
        let mut out = Out::new(&mut room);
        emit(&mut out, &self.agent, &self.id, |out| content(out, &id));
        let length = out.finish().map_err(|_| self.failed("a request is too long"))?;
        let bytes = room.get(..length).unwrap_or_default().to_vec();
        if let Some(socket) = &mut self.socket
            && socket.send(Message::Binary(bytes.into())).is_err()
        {
            self.socket = None;
        }
        let end = Instant::now() + PATIENCE;
        while let Some(record) = self.next(end) {
            if let Some(answer) = self.take(&record, &id) {
                return Ok(answer);
            }
        }
        Err(self.failed(format_args!("request {id}: no answer")))
    }

    /// Notes what a Record notifies; its Message if that is the answer to this request.
    fn take(&mut self, record: &[u8], id: &str) -> Option<Vec<u8>> {
        let record = Record::parse(record).ok().filter(|record| record.from == self.agent)?;
        let payload = match record.carries {
            Carries::Message(payload) => payload,
            Carries::Connect => {
                self.connects = self.connects.saturating_add(1);
                return None;
            }
            Carries::Disconnect(..) | Carries::Session => return None,
        };
        let msg = Msg::parse(payload).ok()?;
        match msg.body {
            Body::Request(Verb::Notify, node) => self.notified.push(notification(&node)),
            Body::Request(..) => {}
            Body::Response(..) | Body::Error(_) if msg.id == id => return Some(payload.to_vec()),
            Body::Response(..) | Body::Error(_) => {}
        }
        None
    }

    /// The values of these parameters and objects, by their full names. An agent that has restarted is asked again.
    ///
    /// # Errors
    /// It does not answer, or not with values.
    pub fn get(&mut self, paths: &[&str]) -> Result<BTreeMap<String, String>, Error> {
        let ask = |controller: &mut Self| controller.ask(|out, id| controller::get(out, id, paths, 0));
        let answer = match ask(self) {
            Ok(answer) => answer,
            Err(_) => ask(self)?,
        };
        let Ok(Msg { body: Body::Response(Verb::Get, node), .. }) = Msg::parse(&answer) else {
            return Err(self.failed("no values"));
        };
        let results = node.nodes(get_resp::REQ_PATH_RESULTS).flat_map(|one| one.nodes(path_result::RESULTS));
        let named = |one: Node<'_>| {
            let at = one.text(resolved::PATH).to_owned();
            let pairs: Vec<_> = one.pairs(resolved::PARAMS).collect();
            pairs
                .into_iter()
                .map(|(name, value)| (format!("{at}{name}"), value.to_owned()))
                .collect::<Vec<_>>()
        };
        Ok(results.flat_map(named).collect())
    }
}

/// What a notification tells, in a word or two behind its subscription.
fn notification(node: &Node<'_>) -> String {
    let told = if let Some(told) = node.node(notify::EVENT) {
        let pairs = told.pairs(event::PARAMS).filter(|(name, _)| [FAULT_CODE, CAUSE].contains(name));
        let pairs: String = pairs.map(|(name, value)| format!(" {name}={value}")).collect();
        format!("{}{pairs}", told.text(event::EVENT_NAME))
    } else if let Some(told) = node.node(notify::VALUE_CHANGE) {
        format!("{}={}", told.text(value_change::PARAM_PATH), told.text(value_change::PARAM_VALUE))
    } else if let Some(told) = node.node(notify::OPER_COMPLETE) {
        let failed = if told.has(oper_complete::CMD_FAILURE) { " failed" } else { "" };
        format!("{}{failed}", told.text(oper_complete::COMMAND_NAME))
    } else {
        "something else".to_owned()
    };
    format!("{}: {told}", node.text(notify::SUBSCRIPTION_ID))
}
