//! The USP agent of the device, on a WebSocket connection to its controller.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fwupd_core::time::Now;
use fwupd_core::updater::Updater;
use fwupd_usp::adapter::{Agent, Config, Handled, SAVED_MAX};
use fwupd_usp::spec::websocket::{self as spec, ENDPOINT, PERCENT, SUBPROTOCOL, UNSUPPORTED};
use fwupd_usp::wire::Full;
use fwupd_usp::wire::record::Record;
use tungstenite::http::Uri;
use tungstenite::protocol::frame::coding::CloseCode;

use super::adapter::{Adapter, Taken, Wanted, initiator};
use super::host::Host;
use super::session::On;
use crate::config::{self, Protocol};
use crate::error::Error;
use crate::files::{self, Access, Existing};
use crate::net::websocket::{self, Event, Link, Plan};
use crate::net::{self, Backoff, Inbound, Inbox, Port, Trace, Way, What};
use crate::ui::Ui;

/// Name of the file in the state directory that holds the subscriptions.
const FILE: &str = "usp-subscriptions";
/// Longest Record that is sent, bytes.
const LONGEST: usize = 8192;
/// Longest Endpoint IDs, both together, and longest Record that has nothing else in it, bytes.
const IDS: usize = 499;
const HELLO: usize = IDS + 13;
/// Longest one that is taken, bytes.
const LARGEST: usize = 64 * 1024;
/// So many Records may be on their way before another one is made.
const AHEAD: usize = 16;
/// What it fetches from.
const SCHEMES: &[&str] = &["https", "http", "coap"];

/// The agent.
pub(super) struct Usp<'a> {
    agent: Agent<'a>,
    url: &'a str,
    port: Port,
    link: Option<Link>,
    /// The Record that is the first on each connection.
    hello: Vec<u8>,
    /// Where the subscriptions are kept.
    file: PathBuf,
    /// What could not be kept yet.
    unsaved: Option<Vec<u8>>,
    ui: Ui,
    trace: Trace,
}

impl<'a> Usp<'a> {
    /// An agent that connects as configured.
    ///
    /// # Errors
    /// What is wrong with the configuration, or with the file of subscriptions.
    pub(super) fn open(on: On<'a>, inbox: &mut Inbox, trace: Trace) -> Result<Self, Error> {
        let config::Usp { websocket: url, endpoint, controller, keep_alive, retry } = &on.config.usp;
        for (what, id) in [("endpoint", endpoint), ("controller", controller)] {
            if !is_endpoint(id) {
                return Err(Error::usage(format_args!(
                    "{what} {id:?}: an Endpoint ID is SCHEME:AUTHORITY:NAME, as in os::012345-fwagent"
                )));
            }
        }
        if endpoint == controller {
            return Err(Error::usage("endpoint and controller have the same Endpoint ID"));
        }
        if endpoint.len().saturating_add(controller.len()) > IDS {
            return Err(Error::usage(format_args!(
                "endpoint and controller have Endpoint IDs of more than {IDS} bytes"
            )));
        }
        let plan = Plan {
            uri: uri(url, endpoint)?,
            subprotocol: SUBPROTOCOL,
            largest: LARGEST,
            no_text: UNSUPPORTED,
            keep_alive: Duration::from_secs((*keep_alive).into()),
            backoff: Backoff::new(Duration::from_millis((*retry).into()), spec::retry),
        };
        let file = on.config.state.join(FILE);
        let saved = if file.exists() { files::read(&file, SAVED_MAX as u64)? } else { Vec::new() };
        let failed = |why: &dyn std::fmt::Display| Error::failed(format_args!("websocket {url}: {why}"));
        let seed = getrandom::u32().map_err(|why| failed(&why))?;
        let agent = Agent::new(
            Config {
                by: initiator(Protocol::Usp),
                package_name: "fwagent",
                schemes: SCHEMES,
                ..Config::new(endpoint, controller, seed)
            },
            &saved,
        );
        let mut room = [0; HELLO];
        let length = agent.connect(&mut room).map_err(|Full| failed(&"the first Record is too long"))?;
        let hello = room.get(..length).unwrap_or_default().to_vec();
        let port = websocket::open(plan, inbox, trace.clone()).map_err(|why| failed(&why))?;
        Ok(Self { agent, url, port, link: None, hello, file, unsaved: None, ui: on.ui, trace })
    }

    fn send(&self, record: Option<&[u8]>) {
        if let (Some(link), Some(record)) = (&self.link, record) {
            self.trace.record(Way::Out, self.url, record);
            link.send(record);
        }
    }

    /// Keeps the subscriptions, if they have changed; false if they cannot be.
    fn keep(&mut self) -> bool {
        let mut saved = [0; SAVED_MAX];
        match self.agent.save(&mut saved) {
            Some(Ok(length)) => self.unsaved = saved.get(..length).map(<[u8]>::to_vec),
            Some(Err(Full)) => return false,
            None => {}
        }
        let Some(bytes) = &self.unsaved else { return true };
        match files::write(&self.file, bytes, Access::Everyone, Existing::Replace) {
            Ok(()) => {
                self.unsaved = None;
                true
            }
            Err(why) => {
                self.ui.note(why);
                false
            }
        }
    }

    /// A Record came in.
    fn record<const N: usize>(&mut self, record: &[u8], now: Now, updater: &mut Updater<Host<N>>) -> Taken {
        let Some(link) = self.link.clone() else { return Taken::Yes };
        if Record::parse(record).is_err() {
            self.trace.record(Way::In, self.url, record);
            link.close(UNSUPPORTED);
            return Taken::Yes;
        }
        let mut out = [0; LONGEST];
        let handled = self.agent.handle(record, now, updater, &mut out);
        let kept = self.keep();
        match handled {
            Handled::Again => return Taken::NotYet,
            Handled::Done(_) => self.trace.record(Way::In, self.url, record),
        }
        match handled {
            // An answer would say that it is done.
            Handled::Done(_) if !kept => link.close(CloseCode::Error.into()),
            Handled::Done(0) | Handled::Again => {}
            Handled::Done(length) => self.send(out.get(..length)),
        }
        Taken::Yes
    }
}

/// Forgets the subscriptions of the device in this state directory: it is as it left the factory.
///
/// # Errors
/// There are some, and they stay.
pub fn forget(state: &Path) -> Result<(), Error> {
    let file = state.join(FILE);
    match std::fs::remove_file(&file) {
        Err(why) if why.kind() != ErrorKind::NotFound => Err(Error::file("remove", &file, &why)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether it has the form of an Endpoint ID: TR-369, "Use of authority-scheme and authority-id".
fn is_endpoint(id: &str) -> bool {
    let mut parts = id.splitn(3, ':');
    let (scheme, authority, name) = (parts.next(), parts.next(), parts.next());
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._%".contains(&b));
    let scheme = scheme.is_some_and(|scheme| !scheme.is_empty() && plain(scheme));
    scheme && authority.is_some_and(plain) && name.is_some_and(|name| !name.is_empty() && plain(name))
}

/// The URI that the agent connects to: the controller is told who it is by the query.
fn uri(url: &str, endpoint: &str) -> Result<Uri, Error> {
    let bad = |why: &dyn std::fmt::Display| Error::usage(format_args!("websocket {url}: {why}"));
    let uri: Uri = url.parse().map_err(|why| bad(&why))?;
    if uri.scheme_str() != Some("ws") {
        return Err(bad(&"only ws is spoken, as in ws://HOST:PORT/PATH"));
    }
    net::port(&uri).map_err(|why| bad(&why))?;
    let before = if uri.query().is_some() { '&' } else { '?' };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let endpoint = endpoint.replace('%', PERCENT);
    format!("ws://{authority}{path}{before}{ENDPOINT}={endpoint}").parse().map_err(|why| bad(&why))
}

impl<const N: usize> Adapter<N> for Usp<'_> {
    fn handle(&mut self, inbound: &Inbound, now: Now, updater: &mut Updater<Host<N>>) -> Taken {
        let Inbound { port, what: What::WebSocket(event) } = inbound else { return Taken::NotMine };
        if *port != self.port {
            return Taken::NotMine;
        }
        match event {
            Event::Up(link) => {
                self.link = Some(link.clone());
                self.send(Some(&self.hello));
                Taken::Yes
            }
            Event::Down => {
                self.link = None;
                self.agent.disconnected();
                Taken::Yes
            }
            Event::Message(record) => self.record(record, now, updater),
        }
    }

    fn poll(&mut self, now: Now, updater: &mut Updater<Host<N>>, _: &mut Inbox) -> bool {
        let (mut out, mut sent) = ([0; LONGEST], false);
        self.agent.follow(now, updater);
        while self.link.as_ref().is_some_and(|link| link.pending() < AHEAD) {
            let Some(length) = self.agent.poll(now, updater, &mut out) else { break };
            self.send(out.get(..length));
            sent = true;
        }
        sent
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.agent.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.agent.drained() && self.link.as_ref().is_some_and(|link| link.pending() == 0)
    }

    fn wanted(&mut self) -> Option<Wanted> {
        self.agent.reboot_wanted().then_some(Wanted::Reset)
    }

    fn leave(&mut self, _: Now) {
        if let Some(link) = &self.link {
            link.close(CloseCode::Normal.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_is_told_who_connects() {
        let told = |url| uri(url, "os::0%2D1").map(|uri| uri.to_string());
        assert_eq!(told("ws://c:81/usp").unwrap(), "ws://c:81/usp?eid=os::0%252D1");
        assert_eq!(told("ws://[::1]").unwrap(), "ws://[::1]/?eid=os::0%252D1");
        assert_eq!(told("ws://c/usp?a=b").unwrap(), "ws://c/usp?a=b&eid=os::0%252D1");
        for bad in
            ["http://c/", "wss://c/", "c:81", "/usp", "ws://", "ws://c d/", "ws://c:99999/", "ws://c:/", ""]
        {
            assert!(told(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_has_a_scheme_and_a_name() {
        for good in ["os::1", "self::controller", "oui:00256D:a-b.c_%2F", "proto::x"] {
            assert!(is_endpoint(good), "{good}");
        }
        for bad in ["", "os", "os:", "os::", "::x", "os::a b", "os:a:b:c", "os::a&b"] {
            assert!(!is_endpoint(bad), "{bad}");
        }
    }
}
