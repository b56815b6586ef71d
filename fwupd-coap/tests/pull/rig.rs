//! A device, a server whose answers a test may change, and the application between them.

use fwupd_coap::block::{Block, Szx};
use fwupd_coap::body::Cut;
use fwupd_coap::endpoint::Params;
use fwupd_coap::message::{Kind, Message, Writer};
use fwupd_coap::pull::{Handled, Pull};
use fwupd_coap::spec::{Code, option};
use fwupd_core::flash::{Layout, Part, Region, Sectors, run};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Initiator, Reach, What};
use fwupd_core::updater::{Command, Job, Need, Ticket, Updater};
use fwupd_testkit::device::{Device, Rest, Sim};

/// Length of the package's head, bytes: its payload of 1536 bytes follows.
pub(crate) const HEAD: usize = 258;
pub(crate) const URI: &str = "coap://[::1]/fw/one%2Etwo?v=%31";
/// The server's address.
pub(crate) const SERVER: u8 = 9;

/// The reference device of the vectors: its vendor is UUID 5 of the DNS name example.com, its class UUID 5
/// of the vendor and "demo-board-1".
const IDS: ([u8; 16], [u8; 16]) = (
    [0xcf, 0xbf, 0xf0, 0xd1, 0x93, 0x75, 0x56, 0x85, 0x96, 0x8c, 0x48, 0xce, 0x8b, 0x15, 0xae, 0x17],
    [0x7d, 0x07, 0x89, 0xe9, 0x05, 0x09, 0x59, 0x40, 0x92, 0x65, 0x5b, 0x7d, 0x4b, 0xb9, 0x99, 0x55],
);

/// The public key of RFC 8032, section 7.1, test 1.
const K1: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// A package of the vectors.
pub(crate) fn package(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fwupd-core/tests/vectors/suit/ed25519/");
    std::fs::read(format!("{path}{name}")).unwrap()
}

fn factory() -> Device<2> {
    let sectors = &[Sectors { count: 16, size: 512 }, Sectors { count: 2, size: 4096 }];
    let region = |from, to| Region { part: 0, from, to };
    let mut device = Device::new(
        Layout {
            parts: vec![Part { read: 1, write: 4, erased: 0xFF, sectors }].leak(),
            slots: vec![region(0, 4096), region(4096, 8192)].leak(),
            journal: vec![region(8192, 12288), region(12288, 16384)].leak(),
            factory_slot: SlotId(0),
        },
        vec![K1],
        IDS,
    );
    device.provision(&package("one-seq4.suit"));
    assert_eq!(device.power_on(), Rest::Still);
    device
}

/// What the server has.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) file: Vec<u8>,
    pub(crate) tag: Vec<u8>,
    pub(crate) most: Szx,
}

/// What the server does to a request.
pub(crate) enum Answer {
    /// What a server does.
    Good,
    /// Nothing.
    Silence,
    /// This code.
    Code(Code),
    /// The whole file, without Block2.
    Whole,
    /// Another block than the one that was asked for.
    Block(Block),
    /// An acknowledgement first, then the response in a message of its own, twice.
    Separate,
    /// A reset.
    Reset,
}

pub(crate) struct Rig {
    pub(crate) device: Device<2>,
    pub(crate) updater: Updater<Sim<2>>,
    pub(crate) pull: Pull<u8>,
    pub(crate) server: Server,
    pub(crate) szx: Szx,
    /// Block2 of each request.
    pub(crate) asked: Vec<Block>,
    /// When each datagram went out, and what it was.
    pub(crate) sent: Vec<(u64, Vec<u8>)>,
    /// How many times a datagram had to be given again.
    pub(crate) again: usize,
    /// The ticket and offset that were wanted last.
    pub(crate) wanted: Option<(Ticket, u32)>,
}

impl Rig {
    /// A device that has booted, and a server that has the package.
    pub(crate) fn new() -> Self {
        let file = package("one-integrated.suit");
        Self::of(factory(), Server { file, tag: b"v1".to_vec(), most: Szx::MAX })
    }

    fn of(mut device: Device<2>, server: Server) -> Self {
        device.bootloader().unwrap();
        let updater = device.updater();
        let pull = Pull::new(Params { ack_random: 0, ..Params::default() }, Szx::MAX, 5);
        let mut rig = Self {
            device,
            updater,
            pull,
            server,
            szx: Szx::MAX,
            asked: vec![],
            sent: vec![],
            again: 0,
            wanted: None,
        };
        rig.drain();
        rig
    }

    /// Blocks of this size at most are asked for.
    pub(crate) fn blocks(mut self, size: usize) -> Self {
        self.szx = Szx::fitting(size);
        self.pull = Pull::new(Params { ack_random: 0, ..Params::default() }, self.szx, 5);
        self
    }

    /// After a reset.
    pub(crate) fn reset(self) -> Self {
        let size = self.szx.size();
        Self::of(self.device, self.server).blocks(size)
    }

    pub(crate) fn drain(&mut self) {
        self.device.drain(&mut self.updater, "the updater").unwrap();
    }

    pub(crate) fn command(&mut self, command: Command<'_>) {
        let now = self.device.clock.now();
        self.updater.command(Initiator(1), command, None, now).unwrap();
        self.drain();
    }

    /// Asks for the package at this URI.
    pub(crate) fn fetch(&mut self, uri: &str) {
        self.command(Command::Fetch(Job {
            uri: Some(uri),
            reach: Reach::Stage,
            target: None,
            after: AfterReset::Resume,
            file_check: None,
        }));
    }

    /// Lets the updater say what it needs, as an application does. False once there is nothing.
    pub(crate) fn need(&mut self) -> bool {
        self.drain();
        let now = self.device.clock.now();
        match self.updater.need(now) {
            Need::Fetch { ticket, uri, offset, .. } => {
                self.wanted = Some((ticket, offset));
                self.pull.wants(ticket, SERVER, uri, offset, now.mono);
                true
            }
            Need::Wait(until) => {
                self.device.clock.advance(until.saturating_sub(now.mono));
                true
            }
            Need::Again => true,
            Need::Nothing => false,
            other @ (Need::Permit { .. } | Need::Boot(_) | Need::Reset) => panic!("{other:?}"),
        }
    }

    /// What goes out now, if anything does.
    pub(crate) fn poll(&mut self) -> Option<Vec<u8>> {
        let mut out = [0; 320];
        let now = self.device.clock.now();
        let (to, length) = self.pull.poll(now, &mut self.updater, &mut out)?;
        assert_eq!(to, SERVER);
        let datagram = out[..length].to_vec();
        self.sent.push((now.mono, datagram.clone()));
        Some(datagram)
    }

    /// Gives a datagram until it is done with, one operation on the flash at a time; says what goes back.
    pub(crate) fn give(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut out = [0; 64];
        for _ in 0..10_000 {
            let now = self.device.clock.now();
            match self.pull.handle(SERVER, datagram, now, &mut self.updater, &mut out) {
                Handled::Done(length) => return out[..length].to_vec(),
                Handled::Again => {
                    self.again += 1;
                    run(&mut self.updater, &mut self.device.flash, now).unwrap();
                    let _ = self.updater.need(now);
                }
            }
        }
        panic!("the datagram is given for ever");
    }

    /// Runs until nothing is needed. `answer` says what the server does to the n-th request.
    pub(crate) fn run(&mut self, mut answer: impl FnMut(usize, &mut Server) -> Answer) {
        self.run_while(|rig, n| Some(answer(n, &mut rig.server)));
    }

    /// The same, until `answer` is none.
    pub(crate) fn run_while(&mut self, mut answer: impl FnMut(&mut Self, usize) -> Option<Answer>) {
        for _ in 0..10_000 {
            if !self.need() {
                return;
            }
            let mut quiet = true;
            while let Some(request) = self.poll() {
                quiet = false;
                let (n, message) = (self.asked.len(), Message::parse(&request).unwrap());
                self.asked.push(message.block2().unwrap().unwrap());
                let Some(answer) = answer(self, n) else { return };
                for datagram in self.server.answer(&message, answer) {
                    self.give(&datagram);
                }
            }
            if let (true, Some(until)) = (quiet, self.pull.poll_timeout()) {
                let now = self.device.clock.now().mono;
                self.device.clock.advance(until.saturating_sub(now));
            }
        }
        panic!("it comes to no rest");
    }

    pub(crate) fn what(&self) -> What {
        self.updater.status().unwrap().last.unwrap().what
    }

    pub(crate) fn state(&self) -> State {
        *self.updater.status().unwrap().state
    }

    /// Numbers of the blocks that were asked for.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.asked.iter().map(|block| block.number).collect()
    }
}

impl Server {
    /// The datagrams that answer a request.
    pub(crate) fn answer(&self, request: &Message<'_>, answer: Answer) -> Vec<Vec<u8>> {
        assert!(request.path().eq(["fw", "one.two"]) && request.queries().eq(["v=1"]));
        assert_eq!((request.kind, request.code), (Kind::Confirmable, Code::GET));
        let mut asked = request.block2();
        let (mut kind, mut id, mut all) = (Kind::Acknowledgement, request.id, vec![]);
        let empty = |kind: Kind| vec![0x40 | (kind as u8) << 4, 0, (id >> 8) as u8, id as u8];
        match answer {
            Answer::Good => {}
            Answer::Silence => return vec![],
            Answer::Reset => return vec![empty(Kind::Reset)],
            Answer::Code(code) => return vec![written(kind, code, id, request, |_| ())],
            Answer::Whole => {
                let whole = |to: &mut Writer<'_>| {
                    to.option(option::ETAG, &self.tag).payload(&self.file);
                };
                return vec![written(kind, Code::CONTENT, id, request, whole)];
            }
            Answer::Block(block) => asked = Ok(Some(block)),
            Answer::Separate => {
                all.push(empty(Kind::Acknowledgement));
                (kind, id) = (Kind::Confirmable, id ^ 0x5555);
            }
        }
        let Ok(cut) = Cut::of(self.file.len() as u32, asked, self.most) else {
            return vec![written(kind, Code::BAD_REQUEST, id, request, |_| ())];
        };
        let block = written(kind, Code::CONTENT, id, request, |to| {
            if !self.tag.is_empty() {
                to.option(option::ETAG, &self.tag);
            }
            to.block(option::BLOCK2, cut.block.unwrap());
            to.payload(&self.file[cut.offset as usize..cut.offset as usize + cut.length]);
        });
        all.extend(std::iter::repeat_n(block, if kind == Kind::Confirmable { 2 } else { 1 }));
        all
    }
}

fn written(
    kind: Kind,
    code: Code,
    id: u16,
    request: &Message<'_>,
    write: impl FnOnce(&mut Writer<'_>),
) -> Vec<u8> {
    let mut out = [0; 2_000];
    let mut writer = Writer::new(&mut out, kind, code, id, request.token);
    write(&mut writer);
    let length = writer.finish().unwrap();
    out[..length].to_vec()
}
