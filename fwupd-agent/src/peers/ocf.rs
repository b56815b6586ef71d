//! An OCF client.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use fwupd_coap::message::{Kind, Message, Token, Writer};
use fwupd_coap::spec::{Code, option};
use fwupd_ocf::spec::{Action, FORMAT, Resource};
use fwupd_ocf::wire::software::{Software, Update};
use fwupd_ocf::wire::time::Instant as When;
use fwupd_ocf::wire::{Out, pstat};

use super::{PATIENCE, failed};
use crate::error::Error;

/// Who it is in errors.
const NAME: &str = "client";
/// Longest datagram, bytes.
const LONGEST: usize = 1500;
/// How long an answer may take before the request is sent again.
const AGAIN: Duration = Duration::from_millis(500);

/// A client of one device.
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
    device: SocketAddr,
    /// Number of the last request.
    number: u16,
}

impl Client {
    /// A client of the device that listens there.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(device: SocketAddr) -> Result<Self, Error> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|why| failed(NAME, why))?;
        socket.set_read_timeout(Some(AGAIN)).map_err(|why| failed(NAME, why))?;
        Ok(Self { socket, device, number: 0 })
    }

    /// One exchange: the code and the content of the answer.
    fn ask(
        &mut self,
        method: Code,
        resource: Resource,
        write: impl Fn(&mut Writer<'_>),
    ) -> Result<(Code, Vec<u8>), Error> {
        self.number = self.number.wrapping_add(1);
        let token = Token::new(&self.number.to_be_bytes()).unwrap_or(Token::EMPTY);
        let mut room = [0; LONGEST];
        let mut request = Writer::new(&mut room, Kind::Confirmable, method, self.number, token);
        for part in resource.href().split('/').skip(1) {
            request.option(option::URI_PATH, part.as_bytes());
        }
        write(&mut request);
        let length = request.finish().map_err(|_| failed(NAME, "a request is too long"))?;
        let request = room.get(..length).unwrap_or_default();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            // A device that is away is as one whose datagrams are lost.
            let _ = self.socket.send_to(request, self.device);
            let mut bytes = [0; LONGEST];
            while let Ok((length, _)) = self.socket.recv_from(&mut bytes) {
                let Ok(answer) = Message::parse(bytes.get(..length).unwrap_or_default()) else { continue };
                if answer.kind == Kind::Confirmable {
                    self.acknowledge(answer.id);
                }
                if answer.token == token && answer.code != Code::EMPTY {
                    return Ok((answer.code, answer.payload.to_vec()));
                }
            }
        }
        Err(failed(NAME, "no answer"))
    }

    fn acknowledge(&self, id: u16) {
        let mut room = [0; 4];
        let ack = Writer::new(&mut room, Kind::Acknowledgement, Code::EMPTY, id, Token::EMPTY).finish();
        if let Ok(length) = ack {
            let _ = self.socket.send_to(room.get(..length).unwrap_or_default(), self.device);
        }
    }

    fn change(&mut self, resource: Resource, content: impl Fn(&mut Out<'_>)) -> Result<(), Error> {
        let (code, _) = self.ask(Code::POST, resource, |to| {
            to.uint(option::CONTENT_FORMAT, u32::from(FORMAT)).payload_with(|room| {
                let mut out = Out::new(room);
                content(&mut out);
                out.finish().unwrap_or(usize::MAX)
            });
        })?;
        if code == Code::CHANGED { Ok(()) } else { Err(failed(NAME, format_args!("refused: {code}"))) }
    }

    /// Writes where packages come from.
    ///
    /// # Errors
    /// It is refused, or not answered.
    pub fn write(&mut self, purl: &str) -> Result<(), Error> {
        let update = Update { purl, action: Action::Idle, updatetime: When::EPOCH };
        self.change(Resource::Software, |out| update.emit(out))
    }

    /// Writes tm.
    ///
    /// # Errors
    /// It is refused, or not answered.
    pub fn target(&mut self, tm: u16) -> Result<(), Error> {
        self.change(Resource::Pstat, |out| pstat::emit_update(tm, out))
    }

    /// swupdatestate and swupdateresult.
    ///
    /// # Errors
    /// There is no answer, or no such one.
    pub fn shown(&mut self) -> Result<(String, u16), Error> {
        let (_, content) = self.ask(Code::GET, Resource::Software, |_| {})?;
        let software = Software::parse(&content).map_err(|why| failed(NAME, format_args!("{why:?}")))?;
        Ok((software.state.name().to_owned(), software.result.number()))
    }
}
