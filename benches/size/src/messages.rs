//! A device on a connection that carries whole messages: to a broker, or to a controller.

use fwupd_coap::Millis;
use fwupd_core::flash::{self, Parts};
use fwupd_core::time::Now;
use fwupd_core::updater::{Platform, Ticket, Updater};
use fwupd_iotf::adapter::{self as iotf, Device, NoRoom, OUT_MAX, Outgoing, Publish};
use fwupd_usp::adapter::{self as usp, Agent};

use crate::driver::Network;

/// What comes from outside by a connection.
pub trait Link {
    /// Whether there is a connection now, where that has changed.
    fn changed(&mut self) -> Option<bool>;
    /// The next message that has come: its topic, if there are topics, and how long it is.
    fn receive(&mut self, into: &mut [u8]) -> Option<(&'static str, usize)>;
    /// Sends a message, to a topic if there are topics.
    fn send(&mut self, topic: &str, message: &[u8]);
    /// Subscribes to topics.
    fn subscribe(&mut self, filter: &str);
    /// Keeps what is to outlive a reset.
    fn keep(&mut self, bytes: &[u8]);
    /// Resets the device, as the other side wants it.
    fn reset(&mut self);
    /// Sleeps until a message comes, or for no longer than until then.
    fn wait(&mut self, until: Option<Millis>);
}

/// A managed device of IoTF.
pub struct Iotf<'a> {
    /// The connection to its broker.
    pub link: &'a mut dyn Link,
    /// The device.
    pub device: Device<'a>,
}

impl Iotf<'_> {
    fn publish(&mut self, publish: Publish, out: &[u8]) {
        self.link.send(publish.topic, out.get(..publish.length).unwrap_or_default());
    }
}

impl<P: Platform, S: Parts> Network<P, S> for Iotf<'_> {
    fn wants(&mut self, _: Ticket, _: &str, _: u32, _: Now) -> bool {
        false
    }

    fn exchange(&mut self, updater: &mut Updater<P>, flash: &mut S, now: Now) {
        let (mut message, mut out) = ([0; 1280], [0; OUT_MAX]);
        match self.link.changed() {
            Some(true) => self.device.connected(now),
            Some(false) => self.device.disconnected(),
            None => {}
        }
        if let Some((topic, length)) = self.link.receive(&mut message) {
            let payload = message.get(..length).unwrap_or_default();
            let answer = loop {
                match self.device.handle(topic, payload, now, updater, &mut out) {
                    Ok(iotf::Handled::Done(answer)) => break answer,
                    Ok(iotf::Handled::Again) => while let Ok(true) = flash::run(updater, flash, now) {},
                    Err(NoRoom) => break None,
                }
                let _ = updater.need(now);
            };
            if let Some(answer) = answer {
                self.publish(answer, &out);
            }
        }
        if self.device.wanted().is_some() {
            self.device.unmanage();
            self.link.reset();
        }
        while let Ok(Some(outgoing)) = self.device.poll(now, updater, &mut out) {
            match outgoing {
                Outgoing::Subscribe(filter) => self.link.subscribe(filter),
                Outgoing::Publish(publish) => self.publish(publish, &out),
            }
        }
        self.link.wait(self.device.poll_timeout(now));
    }

    fn drained(&self) -> bool {
        self.device.drained()
    }
}

/// An agent of USP.
pub struct Usp<'a> {
    /// The connection to its controller.
    pub link: &'a mut dyn Link,
    /// The agent.
    pub agent: Agent<'a>,
    /// Whether there is a connection.
    pub connected: bool,
}

impl Usp<'_> {
    fn send(&mut self, out: &[u8], length: usize) {
        if let Some(record) = out.get(..length).filter(|record| !record.is_empty()) {
            self.link.send("", record);
        }
    }
}

impl<P: Platform, S: Parts> Network<P, S> for Usp<'_> {
    fn wants(&mut self, _: Ticket, _: &str, _: u32, _: Now) -> bool {
        false
    }

    fn exchange(&mut self, updater: &mut Updater<P>, flash: &mut S, now: Now) {
        let (mut record, mut out) = ([0; 1280], [0; 4096]);
        match self.link.changed() {
            Some(true) => {
                self.connected = true;
                let length = self.agent.connect(&mut out).unwrap_or(0);
                self.send(&out, length);
            }
            Some(false) => {
                self.connected = false;
                self.agent.disconnected();
            }
            None => {}
        }
        if let Some((_, length)) = self.link.receive(&mut record) {
            let bytes = record.get(..length).unwrap_or_default();
            let length = loop {
                match self.agent.handle(bytes, now, updater, &mut out) {
                    usp::Handled::Done(length) => break length,
                    usp::Handled::Again => while let Ok(true) = flash::run(updater, flash, now) {},
                }
                let _ = updater.need(now);
            };
            let mut kept = [0; usp::SAVED_MAX];
            if let Some(Ok(length)) = self.agent.save(&mut kept) {
                self.link.keep(kept.get(..length).unwrap_or_default());
            }
            self.send(&out, length);
        }
        self.agent.follow(now, updater);
        while self.connected
            && let Some(length) = self.agent.poll(now, updater, &mut out)
        {
            self.send(&out, length);
        }
        if self.agent.reboot_wanted() && self.agent.drained() {
            self.link.reset();
        }
        self.link.wait(self.agent.poll_timeout(now));
    }

    fn drained(&self) -> bool {
        self.agent.drained()
    }
}
