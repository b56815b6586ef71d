//! Connections to a broker of MQTT 3.1.1, each opened again whenever it is gone, in a session that outlives it.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rumqttc::mqttbytes::Error::PayloadSizeLimitExceeded;
use rumqttc::{Client, Connection, ConnectionError, MqttOptions, Outgoing, Packet, Publish, QoS, StateError};

use super::places::Entry;
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
    /// Longest payload that is sent or taken, bytes. A longer one ends the connection, and the session: in that
    /// the broker would send it for ever.
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
    acks: Arc<AtomicUsize>,
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
        let (flights, acks) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let left = Arc::<AtomicBool>::default();
        let reader = Reader {
            flights: Arc::clone(&flights),
            acks: Arc::clone(&acks),
            left: Arc::clone(&left),
            backoff: plan.backoff,
            up: false,
            port,
            sender,
            peer,
            trace,
        };
        // Ends with whoever listens.
        let read = move || drop(reader.read(connection));
        thread::Builder::new().name("mqtt".to_owned()).spawn(read)?;
        Ok(Self { client, port, flights, acks, leaving: false, left })
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
        if message.qos == QoS::AtLeastOnce {
            self.acks.fetch_add(1, Ordering::SeqCst);
            if self.client.try_ack(message).is_err() {
                landed(&self.acks);
            }
        }
    }

    /// How many messages are published and not acknowledged.
    pub fn flights(&self) -> usize {
        self.flights.load(Ordering::SeqCst)
    }

    /// Says farewell to the broker.
    pub fn leave(&mut self) {
        self.leaving = self.client.try_disconnect().is_ok();
    }

    /// Whether nothing is on its way, and nothing waits to be sent.
    pub fn is_idle(&self) -> bool {
        let acknowledged = self.acks.load(Ordering::SeqCst) == 0;
        self.flights() == 0 && acknowledged && (!self.leaving || self.left.load(Ordering::SeqCst))
    }
}

/// Nobody listens any more.
struct Unheard;

/// One less of them is on its way, and whether that was the last.
fn landed(count: &AtomicUsize) -> bool {
    let less = |count: usize| Some(count.saturating_sub(1));
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok_and(|before| before <= 1)
}

struct Reader {
    flights: Arc<AtomicUsize>,
    acks: Arc<AtomicUsize>,
    left: Arc<AtomicBool>,
    backoff: Backoff,
    /// Whether there is a connection.
    up: bool,
    port: Port,
    sender: Entry,
    peer: String,
    trace: Trace,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    On,
    /// It is closed, and opened again later.
    Down,
    /// It was only there to end the session, and the next one is opened.
    Anew,
}

impl Reader {
    fn read(mut self, mut connection: Connection) -> Result<(), Unheard> {
        // An error here says that there is no client any more.
        while let Ok(event) = connection.recv() {
            let goes = match event {
                Ok(rumqttc::Event::Incoming(packet)) => {
                    let kept = !connection.eventloop.mqtt_options.clean_session();
                    self.packet(packet, kept)?
                }
                Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect)) => {
                    self.left.store(true, Ordering::SeqCst);
                    return self.wake();
                }
                Ok(rumqttc::Event::Outgoing(Outgoing::PubAck(_))) => {
                    if landed(&self.acks) {
                        self.wake()?;
                    }
                    Goes::On
                }
                Ok(rumqttc::Event::Outgoing(_)) => Goes::On,
                Err(why) => {
                    if let ConnectionError::MqttState(StateError::Deserialization(error)) = &why
                        && matches!(error, PayloadSizeLimitExceeded(_))
                    {
                        connection.eventloop.mqtt_options.set_clean_session(true);
                    }
                    self.gone(&why)?;
                    Goes::On
                }
            };
            match goes {
                Goes::On => {}
                Goes::Anew => {
                    connection.eventloop.mqtt_options.set_clean_session(false);
                    connection.eventloop.clean();
                }
                Goes::Down => {
                    connection.eventloop.clean();
                    self.gone(&"more comes than is dealt with")?;
                }
            }
        }
        Ok(())
    }

    /// There is no connection, which is tried again after a wait.
    fn gone(&mut self, why: &dyn Display) -> Result<(), Unheard> {
        let what = if self.up { "connection gone" } else { "no connection" };
        self.trace.say(Way::In, &self.peer, format_args!("{what}: {why}"));
        // They are not sent in the next one.
        self.acks.store(0, Ordering::SeqCst);
        if std::mem::take(&mut self.up) {
            self.tell(Event::Down)?;
        }
        thread::sleep(self.backoff.wait());
        Ok(())
    }

    /// A packet came in, on a connection whose session is kept or is not.
    fn packet(&mut self, packet: Packet, kept: bool) -> Result<Goes, Unheard> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "not our enum: the rest belongs to the crate")]
        match packet {
            Packet::ConnAck(ack) => {
                // What the broker does not know of is not sent again.
                if !ack.session_present {
                    self.flights.store(0, Ordering::SeqCst);
                }
                if !kept {
                    self.trace.say(Way::In, &self.peer, "the session is ended, and with it what it had kept");
                    return Ok(Goes::Anew);
                }
                self.trace.say(Way::In, &self.peer, "connected");
                self.up = true;
                self.tell(Event::Up)?;
            }
            Packet::Publish(message) => {
                let again = message.qos == QoS::AtLeastOnce;
                let event = What::Mqtt(Event::Message(message));
                // To wait here for a place would keep acknowledgements from being read, which that may wait for.
                let taken = self.sender.offer(Inbound { port: self.port, what: event });
                if !taken.map_err(|_| Unheard)? && again {
                    return Ok(Goes::Down);
                }
                self.backoff.reset();
            }
            Packet::PubAck(_) => {
                self.backoff.reset();
                // Somebody may wait for that.
                if landed(&self.flights) {
                    self.wake()?;
                }
            }
            _ => {}
        }
        Ok(Goes::On)
    }

    fn tell(&self, event: Event) -> Result<(), Unheard> {
        self.sender.squeeze(Inbound { port: self.port, what: What::Mqtt(event) }).map_err(|_| Unheard)
    }

    fn wake(&self) -> Result<(), Unheard> {
        self.sender.send(Parcel::Wake).map_err(|_| Unheard)
    }
}
