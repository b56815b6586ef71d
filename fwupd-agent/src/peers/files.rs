//! A server of HTTP with one file. It holds back the second half until it is told to go on, so that a download can
//! be looked at while it is under way.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::failed;
use crate::error::Error;

/// Who it is in errors.
const NAME: &str = "file server";

/// The server; it ends with the process.
#[derive(Debug)]
pub struct Files {
    uri: String,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Files {
    /// Serves these bytes at a free port.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(file: Vec<u8>) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| failed(NAME, why))?;
        let uri = format!("http://{}/fw", listener.local_addr().map_err(|why| failed(NAME, why))?);
        let gate = Arc::<Gate>::default();
        let served = (Arc::clone(&gate), Arc::new(file));
        let serve = move || {
            for stream in listener.incoming().flatten() {
                let (gate, file) = served.clone();
                // Whoever hangs up has what it wanted.
                drop(thread::spawn(move || answer(stream, &file, &gate)));
            }
        };
        thread::Builder::new().name("files".to_owned()).spawn(serve).map_err(|why| failed(NAME, why))?;
        Ok(Self { uri, gate })
    }

    /// Where the file is.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The second half is served from now on.
    pub fn go_on(&self) {
        *self.gate.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.gate.opened.notify_all();
    }
}

fn answer(stream: TcpStream, file: &[u8], gate: &Gate) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    let mut stream = stream;
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len())?;
    let (now, later) = file.split_at(file.len() / 2);
    stream.write_all(now)?;
    let mut open = gate.open.lock().unwrap_or_else(PoisonError::into_inner);
    while !*open {
        open = gate.opened.wait(open).unwrap_or_else(PoisonError::into_inner);
    }
    drop(open);
    stream.write_all(later)
}
