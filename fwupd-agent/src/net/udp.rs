//! UDP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Inbound, Inbox, Port, Trace, Way, What};

/// Longest datagram: no UDP payload is longer.
const LONGEST: usize = 65_535;
/// How soon the thread of a socket that is closed ends.
const CLOSES_WITHIN: Duration = Duration::from_millis(200);

/// A socket whose datagrams go to an inbox, until it is dropped.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    port: Port,
    closed: Arc<AtomicBool>,
    trace: Trace,
}

impl Udp {
    /// A socket that hears nobody but this peer.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn to(peer: SocketAddr, inbox: &mut Inbox, trace: Trace) -> io::Result<Self> {
        let any = match peer {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(peer)?;
        Self::open(socket, inbox, trace)
    }

    /// A socket that hears everybody.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn at(address: SocketAddr, inbox: &mut Inbox, trace: Trace) -> io::Result<Self> {
        Self::open(UdpSocket::bind(address)?, inbox, trace)
    }

    fn open(socket: UdpSocket, inbox: &mut Inbox, trace: Trace) -> io::Result<Self> {
        let (port, sender) = inbox.open();
        let closed = Arc::new(AtomicBool::new(false));
        let (reader, is_closed, told) = (socket.try_clone()?, Arc::clone(&closed), trace.clone());
        reader.set_read_timeout(Some(CLOSES_WITHIN))?;
        thread::Builder::new().name("udp".to_owned()).spawn(move || {
            let mut buffer = vec![0; LONGEST];
            while !is_closed.load(Ordering::Relaxed) {
                // An error is a time-out, or a peer that is not there (yet): whoever waits knows how long.
                let Ok((count, from)) = reader.recv_from(&mut buffer) else { continue };
                let bytes = buffer.get(..count).unwrap_or_default().to_vec();
                told.datagram(Way::In, from, &bytes);
                // More than there is room for is as if it were lost on its way.
                if sender.offer(Inbound { port, what: What::Datagram(from, bytes) }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { socket, port, closed, trace })
    }

    /// Its name.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Its own address.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends a datagram. That it cannot be sent is as if it were lost on its way.
    pub fn send(&self, to: SocketAddr, bytes: &[u8]) {
        self.trace.datagram(Way::Out, to, bytes);
        let sent = match self.socket.peer_addr() {
            Ok(_) => self.socket.send(bytes),
            Err(_) => self.socket.send_to(bytes, to),
        };
        drop(sent);
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(inbox: &Inbox) -> (Port, SocketAddr, Vec<u8>) {
        let inbound = inbox.wait(5000).unwrap();
        let (from, bytes) = inbound.datagram(inbound.port).unwrap();
        (inbound.port, from, bytes.to_vec())
    }

    #[test]
    fn a_datagram_arrives_under_the_name_of_its_socket_and_the_reply_goes_back() {
        let mut inbox = Inbox::default();
        let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let server = Udp::at(local(0), &mut inbox, Trace::off()).unwrap();
        let device = Udp::to(server.address().unwrap(), &mut inbox, Trace::off()).unwrap();
        assert_ne!(server.port(), device.port());
        device.send(server.address().unwrap(), b"to the server");
        let (port, from, bytes) = datagram(&inbox);
        assert_eq!((port, &bytes[..]), (server.port(), &b"to the server"[..]));
        server.send(from, b"back");
        let (port, _, bytes) = datagram(&inbox);
        assert_eq!((port, &bytes[..]), (device.port(), &b"back"[..]));
        assert!(inbox.take().is_none());
    }

    #[test]
    fn a_stranger_is_not_heard_by_a_socket_with_a_peer() {
        let mut inbox = Inbox::default();
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Udp::at(local, &mut inbox, Trace::off()).unwrap();
        let device = Udp::to(server.address().unwrap(), &mut inbox, Trace::off()).unwrap();
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, device.address().unwrap().port()));
        let stranger = UdpSocket::bind(local).unwrap();
        stranger.send_to(b"hostile", to).unwrap();
        server.send(to, b"well known");
        assert_eq!(datagram(&inbox).2, b"well known");
        assert!(inbox.take().is_none());
    }
}
