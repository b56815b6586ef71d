//! WebSocket connections to a server, each opened again whenever it is gone.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::http::Uri;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::protocol::frame::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Bytes, ClientRequestBuilder, Message};

use super::{Backoff, Inbound, Inbox, Parcel, Port, Trace, Way, What, resolve};

/// How long a look at the stream takes, at most: so long a message waits that is to be sent meanwhile.
const LOOK: Duration = Duration::from_millis(10);
/// How long an address, an answer, or a write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a close waits for its answer.
const FAREWELL: Duration = Duration::from_secs(2);

/// What is connected to, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server, of the scheme `ws`.
    pub uri: Uri,
    /// The subprotocol that it has to speak.
    pub subprotocol: &'static str,
    /// Largest message that is taken, bytes.
    pub largest: usize,
    /// The status that a message of text is answered by.
    pub no_text: u16,
    /// How often a ping is sent; after twice that time without anything the connection is gone.
    pub keep_alive: Duration,
    /// When it is tried again.
    pub backoff: Backoff,
}

/// What happens on a connection.
#[derive(Debug)]
pub enum Event {
    /// It stands. What is sent over it goes through this.
    Up(Link),
    /// A message of bytes.
    Message(Vec<u8>),
    /// It is gone.
    Down,
}

/// What sends over a connection as long as that stands. Afterwards nothing is sent.
#[derive(Clone, Debug)]
pub struct Link {
    orders: Sender<Order>,
    pending: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Order {
    Send(Vec<u8>),
    Close(u16),
}

impl Link {
    /// Sends a message.
    pub fn send(&self, bytes: &[u8]) {
        self.order(Order::Send(bytes.to_vec()));
    }

    /// Closes the connection with this status. Another one is opened later.
    pub fn close(&self, status: u16) {
        self.order(Order::Close(status));
    }

    /// How much is not sent yet.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    fn order(&self, order: Order) {
        self.pending.fetch_add(1, Ordering::SeqCst);
        // On a connection that is gone it counts as pending for ever, and nobody asks.
        drop(self.orders.send(order));
    }
}

/// Connects, and goes on doing so as long as the inbox is there; returns where its events come in.
///
/// # Errors
/// No thread can be had.
pub fn open(plan: Plan, inbox: &mut Inbox, trace: Trace) -> std::io::Result<Port> {
    let (port, sender) = inbox.open();
    let tell = move |event| {
        let parcel = match event {
            Some(event) => Parcel::Inbound(Inbound { port, what: What::WebSocket(event) }),
            None => Parcel::Wake,
        };
        sender.send(parcel).map_err(|_| Unheard)
    };
    let again = move || {
        let mut backoff = plan.backoff.clone();
        // Ends with whoever listens.
        while let Ok(()) = once(&plan, &mut backoff, &tell, &trace) {
            thread::sleep(backoff.wait());
        }
    };
    thread::Builder::new().name("websocket".to_owned()).spawn(again)?;
    Ok(port)
}

/// Nobody listens any more.
struct Unheard;

type WebSocket = tungstenite::WebSocket<TcpStream>;

/// One connection, from its beginning to its end.
fn once(
    plan: &Plan,
    backoff: &mut Backoff,
    tell: &impl Fn(Option<Event>) -> Result<(), Unheard>,
    trace: &Trace,
) -> Result<(), Unheard> {
    let mut socket = match connect(plan) {
        Ok(socket) => socket,
        Err(why) => {
            trace.say(Way::In, &plan.uri, format_args!("no connection: {why}"));
            return Ok(());
        }
    };
    backoff.reset();
    trace.say(Way::In, &plan.uri, "connected");
    let (orders, to_do) = mpsc::channel();
    let link = Link { orders, pending: Arc::default() };
    let pending = Arc::clone(&link.pending);
    tell(Some(Event::Up(link)))?;
    let why = serve(&mut socket, plan, &to_do, &pending, tell)?;
    trace.say(Way::In, &plan.uri, format_args!("connection gone: {why}"));
    tell(Some(Event::Down))
}

fn connect(plan: &Plan) -> Result<WebSocket, String> {
    let host = plan.uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = reach(&resolve(host, plan.uri.port_u16().unwrap_or(80)))?;
    let text = |why: &dyn std::fmt::Display| why.to_string();
    let request = ClientRequestBuilder::new(plan.uri.clone()).with_sub_protocol(plan.subprotocol);
    let config =
        WebSocketConfig::default().max_message_size(Some(plan.largest)).max_frame_size(Some(plan.largest));
    let set = |patience| -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(patience))
    };
    set(PATIENCE).map_err(|why| text(&why))?;
    let reader = stream.try_clone().map_err(|why| text(&why))?;
    let (socket, _) =
        tungstenite::client::client_with_config(request, reader, Some(config)).map_err(|why| text(&why))?;
    set(LOOK).map_err(|why| text(&why))?;
    Ok(socket)
}

/// Connects to the first of these addresses that answers.
fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut why = "the host has no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(failed) => why = failed.to_string(),
        }
    }
    Err(why)
}

/// Sends and reads until the connection is gone, and returns why it is.
fn serve(
    socket: &mut WebSocket,
    plan: &Plan,
    orders: &Receiver<Order>,
    pending: &AtomicUsize,
    tell: &impl Fn(Option<Event>) -> Result<(), Unheard>,
) -> Result<String, Unheard> {
    let (mut heard, mut pinged, mut closed) = (Instant::now(), Instant::now(), None);
    loop {
        while let Ok(order) = orders.try_recv() {
            let done = match order {
                Order::Send(bytes) => socket.send(Message::Binary(bytes.into())),
                Order::Close(status) => {
                    closed = closed.or_else(|| Some(Instant::now()));
                    close(socket, status)
                }
            };
            if pending.fetch_sub(1, Ordering::SeqCst) == 1 {
                // Somebody may wait for that.
                tell(None)?;
            }
            if let Err(why) = done
                && closed.is_none()
            {
                return Ok(why.to_string());
            }
        }
        match socket.read() {
            Ok(message) => {
                heard = Instant::now();
                match message {
                    Message::Binary(bytes) if closed.is_none() => tell(Some(Event::Message(bytes.into())))?,
                    Message::Text(_) if closed.is_none() => {
                        closed = Some(heard);
                        drop(close(socket, plan.no_text));
                    }
                    Message::Close(_) => closed = closed.or(Some(heard)),
                    Message::Binary(_) | Message::Text(_) => {}
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
                }
            }
            Err(tungstenite::Error::Io(why))
                if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(tungstenite::Error::Capacity(why)) => {
                drop(close(socket, CloseCode::Size.into()));
                return Ok(why.to_string());
            }
            Err(why) => return Ok(why.to_string()),
        }
        if closed.is_some_and(|since| since.elapsed() > FAREWELL) {
            return Ok("closed".to_owned());
        }
        if heard.elapsed() > plan.keep_alive.saturating_mul(2) {
            return Ok("silence".to_owned());
        }
        if pinged.elapsed() > plan.keep_alive && closed.is_none() {
            pinged = Instant::now();
            if let Err(why) = socket.send(Message::Ping(Bytes::new())) {
                return Ok(why.to_string());
            }
        }
    }
}

fn close(socket: &mut WebSocket, status: u16) -> tungstenite::Result<()> {
    socket.close(Some(CloseFrame { code: status.into(), reason: "".into() }))?;
    socket.flush()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn an_address_that_nobody_answers_at_does_not_hide_the_next() {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (gone, there) = (listen().local_addr().unwrap(), listen());
        let address = there.local_addr().unwrap();
        assert_eq!(reach(&[gone, address]).unwrap().peer_addr().unwrap(), address);
        assert!(reach(&[gone, gone]).is_err());
        assert_eq!(reach(&[]).unwrap_err(), "the host has no address");
    }
}
