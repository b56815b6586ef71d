//! A server and a device as two processes.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::bench::{Bench, Device};
use crate::error::Error;

/// No story takes longer.
const LONGEST: Duration = Duration::from_secs(120);

/// A process that ends with this value, whatever becomes of the story.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a server came to.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) code: Option<i32>,
    /// What it says last of its device.
    pub(super) end: String,
    /// The pairs of state and result that it saw, in order.
    pub(super) seen: String,
    /// Bytes of the package that it sent.
    pub(super) bytes: Option<u64>,
    err: String,
}

/// A running `fwagent serve`.
pub(super) struct Server {
    process: Process,
    port: u16,
    rest: JoinHandle<String>,
}

impl Server {
    /// Starts it on a port of its own choice.
    pub(super) fn start(bench: &Bench, arguments: &[&str]) -> Result<Self, Error> {
        let mut command = bench.command("server", &["serve", "lwm2m", "--listen", "127.0.0.1:0"])?;
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process(command.spawn().map_err(failed)?);
        let mut stderr = BufReader::new(process.0.stderr.take().ok_or_else(|| failed("no stderr"))?);
        let mut line = String::new();
        stderr.read_line(&mut line).map_err(failed)?;
        let port = line.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        let port = port.ok_or_else(|| failed(format_args!("the server says {line:?}")))?;
        let rest = thread::spawn(move || {
            let mut rest = String::new();
            // What cannot be read is missing in a message for people.
            let _ = stderr.read_to_string(&mut rest);
            rest
        });
        Ok(Self { process, port, rest })
    }

    /// The arguments of a device that speaks to it.
    pub(super) fn device(&self) -> [String; 7] {
        let server = format!("coap://127.0.0.1:{}", self.port);
        ["run", "--protocol", "lwm2m", "--endpoint", "demo", "--server", &server].map(str::to_owned)
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Result<Served, Error> {
        let deadline = Instant::now() + LONGEST;
        let code = loop {
            match self.process.0.try_wait().map_err(failed)? {
                Some(status) => break status.code(),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(5)),
            }
        };
        if code.is_none() {
            let _ = self.process.0.kill();
        }
        let mut out = String::new();
        if let Some(mut stdout) = self.process.0.stdout.take() {
            stdout.read_to_string(&mut out).map_err(failed)?;
        }
        let err = self.rest.join().unwrap_or_default();
        let said = |what: &str| out.lines().find_map(|line| line.strip_prefix(what)).map(str::to_owned);
        let end = said("state ").map_or("nothing".to_owned(), |end| format!("state {end}"));
        let bytes = said("served ").and_then(|said| said.strip_suffix(" bytes")?.parse().ok());
        let seen = said("seen ").unwrap_or_default();
        Ok(Served { code, end, seen, bytes, err })
    }
}

impl Served {
    /// What it came to, or why it did not.
    pub(super) fn told(&self) -> String {
        match self.code {
            Some(_) => self.end.clone(),
            None => {
                format!("the server does not end: {}", self.err.lines().last().unwrap_or("it said nothing"))
            }
        }
    }
}

/// A device that speaks to servers until this value is dropped.
pub(super) struct Running(#[expect(dead_code, reason = "it is there to be dropped")] Process);

impl Running {
    /// Powers it on.
    pub(super) fn start(device: &Device<'_>, server: &Server) -> Result<Self, Error> {
        let arguments = server.device();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Self::with(device, &arguments)
    }

    /// Powers it on with these arguments.
    pub(super) fn with(device: &Device<'_>, arguments: &[&str]) -> Result<Self, Error> {
        let mut command = device.command(&[&["--quiet"], arguments].concat())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(Process(command.spawn().map_err(failed)?)))
    }
}

pub(super) fn failed(why: impl std::fmt::Display) -> Error {
    Error::failed(format_args!("cannot run a server: {why}"))
}
