//! Connections to a broker of MQTT 3.1.1, each opened again whenever it is gone, in a session that outlives it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rumqttc::{Client, Connection, MqttOptions, Outgoing, Packet, Publish, QoS};

use super::{Backoff, Inbound, Inbox, Parcel, Port, Trace, Way, What};

/// Requests that may wait for the connection.
const REQUESTS: usize = 1024;
/// So much longer than its payload a message is, at most, bytes: a topic, and the head of a packet.
const HEAD: usize = 65_535 + 16;

/// What is connected to, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The broker's host.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// By what name, which the session belongs to.
    pub client_id: String,
    /// How often a ping is sent.
    pub keep_alive: Duration,
    /// Longest payload that is sent or taken, bytes. A longer one ends the connection.
    pub largest: usize,
    /// When it is tried again.
    pub backoff: Backoff,
}

/// What happens on a connection.
#[derive(Debug)]
pub enum Event {
    /// It stands.
    Up,
    /// A message came in. It is to be acknowledged once it is dealt with.
    Message(Publish),
    /// The connection is gone.
    Down,
}

/// A client. What it publishes goes at QoS 1, and again in the next connection if it is not acknowledged in this one.
#[expect(missing_debug_implementations, reason = "the client of the crate has none")]
pub struct Mqtt {
    client: Client,
    port: Port,
    flights: Arc<AtomicUsize>,
    leaving: bool,
    left: Arc<AtomicBool>,
}

impl Mqtt {
    /// Connects, and goes on doing so as long as the inbox is there.
    ///
    /// # Errors
    /// No thread can be had.
    pub fn open(plan: Plan, inbox: &mut Inbox, trace: Trace) -> io::Result<Self> {
        let peer = format!("mqtt://{}:{}", plan.host, plan.port);
        let mut options = MqttOptions::new(plan.client_id, plan.host, plan.port);
        let largest = plan.largest.saturating_add(HEAD);
        options.set_keep_alive(plan.keep_alive);
        options.set_clean_session(false).set_manual_acks(true).set_max_packet_size(largest, largest);
        let (client, connection) = Client::new(options, REQUESTS);
        let (port, sender) = inbox.open();
        let (flights, left) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let reader = Reader {
            flights: Arc::clone(&flights),
            left: Arc::clone(&left),
            backoff: plan.backoff,
            tell: move |event| {
                let parcel = match event {
                    Some(event) => Parcel::Inbound(Inbound { port, what: What::Mqtt(event) }),
                    None => Parcel::Wake,
                };
                sender.send(parcel).map_err(|_| Unheard)
            },
            peer,
            trace,
        };
        // Ends with whoever listens.
        let read = move || drop(reader.read(connection));
        thread::Builder::new().name("mqtt".to_owned()).spawn(read)?;
        Ok(Self { client, port, flights, leaving: false, left })
    }

    /// Its name.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Subscribes to a filter, at QoS 1.
    pub fn subscribe(&self, filter: &str) {
        // More requests than there is room for do not come together in one connection.
        drop(self.client.try_subscribe(filter, QoS::AtLeastOnce));
    }

    /// Publishes a message, at QoS 1 and not retained.
    pub fn publish(&self, topic: &str, payload: &[u8]) {
        self.flights.fetch_add(1, Ordering::SeqCst);
        if self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).is_err() {
            landed(&self.flights);
        }
    }

    /// Acknowledges a message. One that is not acknowledged comes again.
    pub fn acknowledge(&self, message: &Publish) {
        drop(self.client.try_ack(message));
    }

    /// How many messages are published and not acknowledged.
    pub fn flights(&self) -> usize {
        self.flights.load(Ordering::SeqCst)
    }

    /// Says farewell to the broker.
    pub fn leave(&mut self) {
        self.leaving = self.client.try_disconnect().is_ok();
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.flights() == 0 && (!self.leaving || self.left.load(Ordering::SeqCst))
    }
}

/// Nobody listens any more.
struct Unheard;

/// One message less is on its way, and whether that was the last.
fn landed(flights: &AtomicUsize) -> bool {
    let less = |flights: usize| Some(flights.saturating_sub(1));
    flights.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok_and(|before| before <= 1)
}

struct Reader<T> {
    flights: Arc<AtomicUsize>,
    left: Arc<AtomicBool>,
    backoff: Backoff,
    tell: T,
    peer: String,
    trace: Trace,
}

impl<T: Fn(Option<Event>) -> Result<(), Unheard>> Reader<T> {
    fn read(mut self, mut connection: Connection) -> Result<(), Unheard> {
        let mut up = false;
        // An error here says that there is no client any more.
        while let Ok(event) = connection.recv() {
            match event {
                Ok(rumqttc::Event::Incoming(packet)) => up |= self.packet(packet)?,
                Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => {
                    self.left.store(true, Ordering::SeqCst);
                    return (self.tell)(None);
                }
                Ok(rumqttc::Event::Outgoing(_)) => {}
                Err(why) => {
                    let what = if up { "connection gone" } else { "no connection" };
                    self.trace.say(Way::In, &self.peer, format_args!("{what}: {why}"));
                    if std::mem::take(&mut up) {
                        (self.tell)(Some(Event::Down))?;
                    }
                    thread::sleep(self.backoff.wait());
                }
            }
        }
        Ok(())
    }

    /// A packet came in; true if it says that there is a connection.
    fn packet(&mut self, packet: Packet) -> Result<bool, Unheard> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum: the rest belongs to the crate")]
        match packet {
            Packet::ConnAck(ack) => {
                self.trace.say(Way::In, &self.peer, "connected");
                self.backoff.reset();
                // What the broker does not know of is not sent again.
                if !ack.session_present {
                    self.flights.store(0, Ordering::SeqCst);
                }
                (self.tell)(Some(Event::Up))?;
                return Ok(true);
            }
            Packet::Publish(message) => (self.tell)(Some(Event::Message(message)))?,
            // Somebody may wait for that.
            Packet::PubAck(_) if landed(&self.flights) => (self.tell)(None)?,
            _ => {}
        }
        Ok(false)
    }
}
