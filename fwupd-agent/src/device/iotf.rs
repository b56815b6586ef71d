//! The IoTF device, on a connection to its broker.

use std::time::Duration;

use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_iotf::adapter::{Config, Device, DeviceInfo, Handled, OUT_MAX, Outgoing, Publish, Wanted as Asked};
use fwupd_iotf::spec::PAYLOAD_MAX;
use tungstenite::http::Uri;

use super::adapter::{Adapter, Taken, Wanted, initiator};
use super::host::Host;
use super::session::On;
use crate::config::{self, Protocol};
use crate::error::Error;
use crate::net::mqtt::{Event, Mqtt, Plan};
use crate::net::{self, Backoff, Inbound, Inbox, Trace, Way, What};

/// The port of MQTT: IANA.
const PORT: u16 = 1883;
/// How often the broker is pinged.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// So many messages may be on their way before another one is made.
const AHEAD: usize = 32;
/// A wait for the broker doubles so often.
const DOUBLED: u32 = 5;
/// What it downloads from.
const SCHEMES: &[&str] = &["https", "http", "coap"];
const INFO: DeviceInfo<'static> = DeviceInfo {
    serial_number: "",
    manufacturer: "fwagent",
    model: "reference device",
    device_class: "",
    description: "",
    hw_version: "",
    descriptive_location: "",
};

/// The device.
pub(super) struct Iotf<'a> {
    device: Device<'static>,
    mqtt: Mqtt,
    broker: &'a str,
    link: Link,
    wanted: Option<Wanted>,
    trace: Trace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    Down,
}

impl<'a> Iotf<'a> {
    /// A device that connects as configured.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(super) fn open(on: On<'a>, inbox: &mut Inbox, trace: Trace) -> Result<Self, Error> {
        let config::Iotf { broker, client_id, lifetime, retry } = &on.config.iotf;
        let (host, port) = address(broker)?;
        if client_id.is_empty() || client_id.len() > usize::from(u16::MAX) || client_id.contains('\0') {
            return Err(Error::usage("client-id: 1 to 65535 bytes"));
        }
        let failed = |why: &dyn std::fmt::Display| Error::failed(format_args!("broker {broker}: {why}"));
        let seed = getrandom::u64().map_err(|why| failed(&why))?;
        let device = Device::new(Config {
            by: initiator(Protocol::Iotf),
            lifetime: *lifetime,
            info: INFO,
            device_actions: true,
            schemes: SCHEMES,
            ..Config::new(seed)
        });
        // What it says of itself fits.
        let device = device.map_err(|_| Error::failed("[iotf]: lifetime: 0, or 3600 s at least"))?;
        let plan = Plan {
            host,
            port,
            client_id: client_id.clone(),
            keep_alive: KEEP_ALIVE,
            largest: PAYLOAD_MAX,
            backoff: Backoff::new(Duration::from_millis((*retry).into()), |tries| {
                1 << tries.min(DOUBLED)..2 << tries.min(DOUBLED)
            }),
        };
        let mqtt = Mqtt::open(plan, inbox, trace.clone()).map_err(|why| failed(&why))?;
        Ok(Self { device, mqtt, broker, link: Link::Down, wanted: None, trace })
    }

    fn publish(&self, message: Publish, out: &[u8]) {
        let payload = out.get(..message.length).unwrap_or_default();
        self.trace.say(Way::Out, self.broker, Message(message.topic, payload));
        self.mqtt.publish(message.topic, payload);
    }

    /// A message came in.
    fn message<const N: usize>(
        &mut self,
        message: &rumqttc::Publish,
        now: Now,
        updater: &mut Updater<Host<N>>,
    ) -> Taken {
        if self.mqtt.flights() >= AHEAD {
            return Taken::NotYet;
        }
        let told = Message(&message.topic, &message.payload);
        let mut out = [0; OUT_MAX];
        match self.device.handle(&message.topic, &message.payload, now, updater, &mut out) {
            Ok(Handled::Again) => return Taken::NotYet,
            Ok(Handled::Done(answer)) => {
                self.trace.say(Way::In, self.broker, told);
                if let Some(answer) = answer {
                    self.publish(answer, &out);
                }
            }
            // There is as much room as is asked for.
            Err(_) => {}
        }
        self.mqtt.acknowledge(message);
        Taken::Yes
    }
}

/// A message in words.
struct Message<'a>(&'a str, &'a [u8]);

impl std::fmt::Display for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, String::from_utf8_lossy(self.1))
    }
}

/// Host and port of a broker.
fn address(broker: &str) -> Result<(String, u16), Error> {
    let bad = |why: &dyn std::fmt::Display| Error::usage(format_args!("broker {broker}: {why}"));
    let uri: Uri = broker.parse().map_err(|why| bad(&why))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if uri.scheme_str() != Some("mqtt") {
        return Err(bad(&"only mqtt is spoken, as in mqtt://HOST:PORT"));
    }
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    // An address of IPv6 keeps its brackets.
    let host = uri.host().unwrap_or_default();
    if host.is_empty() || authority.contains('@') || !matches!(path, "" | "/") {
        return Err(bad(&"it is a host and a port, as in mqtt://HOST:PORT"));
    }
    let port = net::port(&uri).map_err(|why| bad(&why))?;
    Ok((host.to_owned(), port.unwrap_or(PORT)))
}

impl<const N: usize> Adapter<N> for Iotf<'_> {
    fn handle(&mut self, inbound: &Inbound, now: Now, updater: &mut Updater<Host<N>>) -> Taken {
        let Inbound { port, what: What::Mqtt(event) } = inbound else { return Taken::NotMine };
        if *port != self.mqtt.port() {
            return Taken::NotMine;
        }
        match event {
            Event::Up => {
                self.link = Link::Up;
                self.device.connected(now);
                Taken::Yes
            }
            Event::Down => {
                self.link = Link::Down;
                self.device.disconnected();
                Taken::Yes
            }
            Event::Message(message) => self.message(message, now, updater),
        }
    }

    fn poll(&mut self, now: Now, updater: &mut Updater<Host<N>>, _: &mut Inbox) -> bool {
        let (mut out, mut sent) = ([0; OUT_MAX], false);
        while self.mqtt.flights() < AHEAD {
            match self.device.poll(now, updater, &mut out) {
                Ok(Some(Outgoing::Subscribe(filter))) => {
                    self.trace.say(Way::Out, self.broker, format_args!("subscribe {filter}"));
                    self.mqtt.subscribe(filter);
                }
                Ok(Some(Outgoing::Publish(message))) => self.publish(message, &out),
                // There is as much room as is asked for.
                Ok(None) | Err(_) => break,
            }
            sent = true;
        }
        sent
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.device.poll_timeout(now).filter(|_| self.mqtt.flights() < AHEAD)
    }

    fn drained(&self) -> bool {
        self.device.drained() && self.mqtt.is_idle()
    }

    fn wanted(&mut self) -> Option<Wanted> {
        let asked = self.device.wanted().map(|asked| match asked {
            Asked::Reboot => Wanted::Reset,
            Asked::FactoryReset => Wanted::FactoryReset,
        });
        self.wanted = self.wanted.or(asked);
        self.wanted
    }

    fn leave(&mut self, _: Now) {
        // It stays managed: the platform is told only that it goes.
        if self.link == Link::Up {
            self.mqtt.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        let good = |broker, host: &str, port| assert_eq!(address(broker).unwrap(), (host.to_owned(), port));
        good("mqtt://127.0.0.1:1884", "127.0.0.1", 1884);
        good("mqtt://broker.example", "broker.example", 1883);
        good("mqtt://[::1]:1", "[::1]", 1);
        let bad = [
            "",
            "broker",
            "127.0.0.1:1883",
            "mqtts://b",
            "http://b",
            "mqtt://",
            "mqtt://b:99999",
            "mqtt://b:",
        ];
        for bad in bad.into_iter().chain(["mqtt://b/topic", "mqtt://user:word@b", "mqtt://b c"]) {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
