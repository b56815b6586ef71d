//! A server that looks at a device whenever it is asked to, and goes on when that has restarted.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use fwupd_coap::spec::{Code, option};
use fwupd_lwm2m::spec::{FIRMWARE_UPDATE, INSTANCE, Resource, format};

use super::session::{NoAnswer, Session};
use crate::error::Error;
use crate::net::Trace;

/// A server of one device.
pub struct Watcher(Session);

impl Watcher {
    /// A server that listens on a free port, for so long.
    ///
    /// # Errors
    /// It cannot listen.
    pub fn open(patience: Duration) -> Result<Self, Error> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Session::open(listen, None, Instant::now() + patience, Trace::off()).map(Self)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.0.address()
    }

    /// Does this with the device once there is one, and again with one that has restarted meanwhile.
    fn with<T>(&mut self, ask: impl Fn(&mut Session) -> Result<T, NoAnswer>) -> Result<T, Error> {
        loop {
            match ask(&mut self.0) {
                Ok(answer) => return Ok(answer),
                Err(NoAnswer::Restarted | NoAnswer::NoDevice) if !self.0.is_late() => {
                    // Whatever it is, it is read afterwards.
                    let _ = self.0.event(Instant::now() + Duration::from_millis(20));
                }
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// State and Update Result of Object 5.
    ///
    /// # Errors
    /// There is no device, or no answer.
    pub fn shown(&mut self) -> Result<(String, String), Error> {
        let path = |resource: Resource| [FIRMWARE_UPDATE, INSTANCE, resource as u16];
        self.with(|session| {
            let state = session.read(&path(Resource::State))?.text();
            Ok((state, session.read(&path(Resource::UpdateResult))?.text()))
        })
    }

    /// Writes the Package URI.
    ///
    /// # Errors
    /// It is refused; there is no device, or no answer.
    pub fn offer(&mut self, uri: &str) -> Result<(), Error> {
        let answer = self.with(|session| {
            session.ask(Code::PUT, Resource::PackageUri, |to| {
                to.uint(option::CONTENT_FORMAT, format::TEXT.into()).payload(uri.as_bytes());
            })
        })?;
        done(answer.code)
    }

    /// Executes the update.
    ///
    /// # Errors
    /// It is refused; there is no device, or no answer.
    pub fn execute(&mut self) -> Result<(), Error> {
        let answer = self.with(|session| session.ask(Code::POST, Resource::Update, |_| {}))?;
        done(answer.code)
    }
}

fn done(code: Code) -> Result<(), Error> {
    if code == Code::CHANGED { Ok(()) } else { Err(NoAnswer::Refused(code).into()) }
}
