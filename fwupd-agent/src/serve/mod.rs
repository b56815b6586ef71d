//! A small server: it waits for one device, updates it, and tells what it saw. For trying a device without a
//! server of one's own, and for the demonstration; it has no security and keeps nothing.

mod offer;
mod push;
mod session;
mod watch;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fwupd_coap::spec::{Code, option};
use fwupd_lwm2m::spec::{DEVICE, DeviceResource, INSTANCE, Resource, State, UpdateResult, format};
use serde_json::json;

use crate::error::{Error, Exit};
use crate::files;
use crate::net::Trace;
use crate::ui::Ui;
use offer::Offer;
use session::{Answer, Device, Event, NoAnswer, Observed, Session};
pub use watch::Watcher;

/// Largest package, bytes.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Firmware Version of the device.
const VERSION: [u16; 3] = [DEVICE, INSTANCE, DeviceResource::FirmwareVersion as u16];

/// What the server is to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The device that it waits for; the first one if none.
    pub endpoint: Option<String>,
    /// How the package gets to the device.
    pub delivery: Delivery,
    /// Whether the update is executed once it is downloaded.
    pub execute: bool,
    /// How long it waits for the end.
    pub patience: Duration,
    /// Whether messages are shown.
    pub trace: Trace,
}

/// How a package gets to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Not at all: the device is shown and observed.
    Watch,
    /// It is pushed, in blocks of at most this size.
    Push(PathBuf, usize),
    /// The device is given a URI of this server, where the package is.
    Offer(PathBuf),
    /// The device is given this URI.
    Uri(String),
}

/// What the server saw.
#[derive(Debug, Default)]
struct Seen {
    state: Option<u8>,
    result: Option<u8>,
    /// Every pair of state and result, in order.
    pairs: Vec<String>,
    executed: bool,
}

/// How long the server listens without being told anything before it asks.
const SILENCE: Duration = Duration::from_secs(30);

/// Runs the server until the update has come to its end.
///
/// # Errors
/// The update failed, the device cannot be reached, or the time is over.
pub fn run(ui: Ui, plan: Plan) -> Result<Exit, Error> {
    let deadline = Instant::now() + plan.patience;
    let mut session = Session::open(plan.listen, plan.endpoint.clone(), deadline, plan.trace.clone())?;
    ui.note(format_args!("listening at coap://{}", session.address()?));
    let package = match &plan.delivery {
        Delivery::Push(file, _) | Delivery::Offer(file) => files::read(file, LARGEST)?,
        Delivery::Watch | Delivery::Uri(_) => Vec::new(),
    };
    if let Delivery::Offer(_) = plan.delivery {
        session.offer = Some(Offer::new(package.clone()));
    }
    let mut server = Server { ui, plan, session, seen: Seen::default(), pushed: 0 };
    server.wait_for_device()?;
    server.greet()?;
    if server.plan.delivery != Delivery::Watch {
        server.begin(&package)?;
    }
    server.watch()
}

struct Server {
    ui: Ui,
    plan: Plan,
    session: Session,
    seen: Seen,
    /// Bytes of the package that were pushed.
    pushed: u64,
}

impl Server {
    fn wait_for_device(&mut self) -> Result<(), Error> {
        while self.session.device.is_none() {
            if self.session.event(Instant::now() + SILENCE).is_none() && self.session.is_late() {
                return Err(Error::new(Exit::Network, "no device has registered"));
            }
        }
        Ok(())
    }

    /// Shows a device that has registered, and observes it. One that has restarted meanwhile registers anew.
    fn greet(&mut self) -> Result<(), Error> {
        loop {
            match self.look() {
                Ok(()) => return Ok(()),
                Err(NoAnswer::Restarted | NoAnswer::NoDevice) => self.wait_for_device()?,
                Err(why) => return Err(why.into()),
            }
        }
    }

    fn look(&mut self) -> Result<(), NoAnswer> {
        let Some(device) = self.session.device.clone() else { return Err(NoAnswer::NoDevice) };
        let version = self.session.read(&VERSION)?.text();
        let Device { endpoint, address, lifetime, objects } = device;
        self.ui.note(format_args!(
            "{endpoint} at {address}: firmware {version}, lifetime {lifetime} s, objects {objects}"
        ));
        (self.seen.state, self.seen.result) = (None, None);
        // The result first: a state of Downloaded is acted on, and then both are known.
        self.session.observe(Observed::UpdateResult)?;
        self.session.observe(Observed::State)
    }

    /// Brings the device its package.
    fn begin(&mut self, package: &[u8]) -> Result<(), Error> {
        // What other servers left behind: a device that is not idle takes no package.
        let reset = self.session.ask(Code::PUT, Resource::PackageUri, |to| {
            to.uint(option::CONTENT_FORMAT, format::TEXT.into());
        })?;
        if reset.code != Code::CHANGED {
            return Err(refused("a reset of its state", reset.code));
        }
        // What was observed before is not how this update ends.
        while let Some(event) = self.session.event(Instant::now()) {
            if let Event::Notified(what, value) = event {
                self.notified(what, &value);
            }
        }
        self.seen.result = Some(UpdateResult::Initial as u8);
        self.seen.state = Some(State::Idle as u8);
        let uri = match &self.plan.delivery {
            Delivery::Watch => return Ok(()),
            Delivery::Push(_, block) => {
                let pushed = push::push(&mut self.session, package, *block)?;
                self.pushed = pushed.bytes;
                if !pushed.code.is_success() {
                    // Its result says why, and is observed.
                    self.ui.note(refused("the package", pushed.code));
                }
                return Ok(());
            }
            Delivery::Offer(_) => {
                let device = self.session.device.as_ref().map(|device| device.address);
                let local = device.map(local_towards).transpose()?;
                let here = self.session.address()?;
                let host = local.filter(|_| here.ip().is_unspecified()).unwrap_or(here.ip());
                format!("coap://{}/{}", SocketAddr::new(host, here.port()), Offer::PATH)
            }
            Delivery::Uri(uri) => uri.clone(),
        };
        self.ui.note(format_args!("Package URI {uri}"));
        let answer = self.session.ask(Code::PUT, Resource::PackageUri, |to| {
            to.uint(option::CONTENT_FORMAT, format::TEXT.into()).payload(uri.as_bytes());
        })?;
        match answer.code {
            Code::CHANGED => Ok(()),
            // Its result says why, and is observed.
            code => {
                self.ui.note(refused("the URI", code));
                Ok(())
            }
        }
    }

    /// Follows the device to its result.
    fn watch(&mut self) -> Result<Exit, Error> {
        let mut anew = false;
        loop {
            match self.session.event(Instant::now() + SILENCE) {
                Some(Event::Registered) => anew = true,
                Some(Event::Gone) => self.ui.note("the device has de-registered"),
                Some(Event::Notified(what, value)) => self.notified(what, &value),
                None if self.session.is_late() => return self.end(),
                // Observations get lost: now and then a server asks.
                None => anew = self.session.device.is_some(),
            }
            if std::mem::take(&mut anew) {
                self.greet()?;
            }
            let (state, result) = (self.seen.state, self.seen.result);
            let downloaded = state == Some(State::Downloaded as u8) && result.is_some();
            let over = result.is_some_and(|result| result != UpdateResult::Initial as u8)
                && (state == Some(State::Idle as u8) || downloaded);
            if self.plan.delivery != Delivery::Watch
                && (over || downloaded && !self.plan.execute && !self.seen.executed)
            {
                return self.end();
            }
            if downloaded && !self.seen.executed && self.plan.execute {
                self.execute()?;
            }
        }
    }

    fn execute(&mut self) -> Result<(), Error> {
        self.seen.executed = true;
        match self.session.ask(Code::POST, Resource::Update, |_| {}) {
            Ok(Answer { code: Code::CHANGED, .. }) => {
                self.ui.note("Update executed");
                Ok(())
            }
            Ok(answer) => Err(refused("the update", answer.code)),
            // It took the request and was reset before its answer was heard.
            Err(NoAnswer::Restarted) => Ok(()),
            Err(why) => Err(why.into()),
        }
    }

    fn notified(&mut self, what: Observed, value: &str) {
        let value = value.parse::<u8>().ok();
        match what {
            Observed::State => self.seen.state = value,
            Observed::UpdateResult => self.seen.result = value,
        }
        let (Some(state), Some(result)) = (self.seen.state, self.seen.result) else { return };
        let pair = format!("{state}/{result}");
        if self.seen.pairs.last() != Some(&pair) {
            let name = |name: Option<String>| name.unwrap_or_else(|| "unknown".to_owned());
            self.ui.note(format_args!(
                "state {state} {}, result {result} {}",
                name(State::from_number(state).map(|state| format!("{state:?}"))),
                name(UpdateResult::from_number(result).map(|result| format!("{result:?}")))
            ));
            self.seen.pairs.push(pair);
        }
    }

    /// Tells what the device came to.
    fn end(&mut self) -> Result<Exit, Error> {
        let version = match self.session.read(&VERSION) {
            Ok(answer) => answer.text(),
            Err(_) => "unknown".to_owned(),
        };
        let served = self.session.offer.as_ref().map_or(self.pushed, Offer::served);
        let endpoint = self.session.device.as_ref().map(|device| device.endpoint.clone());
        let Seen { state, result, pairs, .. } = &self.seen;
        let object = json!({
            "endpoint": endpoint,
            "state": state,
            "result": result,
            "version": version,
            "seen": pairs,
            "served": served,
        });
        let number = |n: &Option<u8>| n.map_or("?".to_owned(), |n| n.to_string());
        let text = format!(
            "state {}, result {}, {version}\nseen {}\nserved {served} bytes",
            number(state),
            number(result),
            pairs.join(" ")
        );
        self.ui.result(&object, text)?;
        Ok(exit(*state, *result, &self.plan))
    }
}

/// The exit code for what the device came to.
fn exit(state: Option<u8>, result: Option<u8>, plan: &Plan) -> Exit {
    if plan.delivery == Delivery::Watch {
        return Exit::Done;
    }
    match result.and_then(UpdateResult::from_number) {
        Some(UpdateResult::Success) => Exit::Done,
        Some(UpdateResult::Initial) if state == Some(State::Downloaded as u8) && !plan.execute => Exit::Done,
        Some(UpdateResult::IntegrityFailure | UpdateResult::UnsupportedType) => Exit::Verification,
        Some(UpdateResult::NotEnoughFlash) => Exit::Incompatible,
        Some(UpdateResult::ConnectionLost) => Exit::Network,
        Some(UpdateResult::Failed) => Exit::RolledBack,
        Some(UpdateResult::Initial | UpdateResult::OutOfRam | UpdateResult::InvalidUri) => Exit::Failed,
        Some(UpdateResult::UnsupportedProtocol | UpdateResult::Cancelled | UpdateResult::Deferred) => {
            Exit::Failed
        }
        None => Exit::Failed,
    }
}

fn refused(what: &str, code: Code) -> Error {
    Error::failed(format_args!("the device refuses {what}: {code}"))
}

/// The address that a device sees this host by.
fn local_towards(device: SocketAddr) -> Result<IpAddr, Error> {
    let failed = |e: std::io::Error| Error::new(Exit::Network, e);
    let any: IpAddr =
        if device.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(failed)?;
    // Nothing is sent: the system chooses the route.
    socket.connect(device).map_err(failed)?;
    Ok(socket.local_addr().map_err(failed)?.ip())
}
