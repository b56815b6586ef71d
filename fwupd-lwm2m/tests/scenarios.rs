//! The stories of every protocol, over this one: requests and answers by another implementation of CoAP.

use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::time::Now;
use fwupd_lwm2m::adapter::{Client, Config, Handled};
use fwupd_lwm2m::spec::{self, State, UpdateResult};
use fwupd_testkit::scenario::coap::{self, Answer, Manager};
use fwupd_testkit::scenario::{
    Ability, Arrived, Bench, Case, End, Entry, Handled as Came, Message, Order, Played, PowerLost, Rig,
    Shown, Up, play, table,
};

const SERVER: u8 = 1;
/// Content formats, from the IANA registry.
const TEXT: u16 = 0;
const OPAQUE: u16 = 42;
/// Blocks of 128 bytes.
const EXPONENT: u32 = 3;

struct Lwm2m {
    client: Client<'static, u8>,
    manager: Manager,
    out: Vec<u8>,
}

type Said<T> = Result<T, PowerLost>;

fn write(bench: &mut Bench<Lwm2m>, path: &str, payload: &[u8]) -> Said<String> {
    let packet = bench.rig.manager.request(3, path, Some(TEXT), payload);
    Ok(bench.ask(&coap::message(&packet))?.code)
}

fn execute(bench: &mut Bench<Lwm2m>, path: &str) -> Said<String> {
    let packet = bench.rig.manager.request(2, path, None, &[]);
    Ok(bench.ask(&coap::message(&packet))?.code)
}

fn number(bench: &mut Bench<Lwm2m>, path: &str) -> Said<u8> {
    let packet = bench.rig.manager.request(1, path, None, &[]);
    let answer = bench.ask(&coap::message(&packet))?;
    assert_eq!(answer.code, "2.05", "{path}");
    Ok(String::from_utf8(answer.payload).unwrap().parse().unwrap())
}

fn push(bench: &mut Bench<Lwm2m>, package: &[u8]) -> Said<String> {
    let blocks: Vec<_> = package.chunks(16 << EXPONENT).collect();
    for (n, block) in blocks.iter().enumerate() {
        let packet = bench.rig.manager.request(3, "/5/0/0", Some(OPAQUE), block);
        let packet = Manager::block(packet, n as u32, n + 1 < blocks.len(), EXPONENT);
        let code = bench.ask(&coap::message(&packet))?.code;
        if code != "2.31" {
            return Ok(code);
        }
        bench.look()?;
    }
    panic!("a package has a last block");
}

impl Rig for Lwm2m {
    const NAME: &'static str = "LwM2M";
    const BASE: &'static str = "coap://host/";
    const CANNOT: &'static [Entry] = &[
        (Ability::Check, "Object 5, Resources: none asks for it"),
        (Ability::Install, "Object 5, Resource 2: an Execute of its own (row 55)"),
        (Ability::Schedule, "Object 5, Resources 2 and 13: at once, or put off (rows 55, 57)"),
        (Ability::GoBack, "Object 5, Resource 2: only in Downloaded (row 8)"),
    ];
    type Answer = Answer;

    fn new(_: Ask) -> Self {
        let client = Client::new(Config::new(SERVER, "urn:dev:os:0023C7-000001", 0));
        Self { client, manager: Manager::default(), out: vec![0; 1280] }
    }

    fn boot(&mut self, boots: u32, _: Now) {
        self.client = Client::new(Config::new(SERVER, "urn:dev:os:0023C7-000001", 0x1234_5678 + boots * 99));
    }

    fn handle(&mut self, message: &Message, now: Now, up: &mut Up) -> Came {
        match self.client.handle(SERVER, &message.bytes, now, up, &mut self.out) {
            Handled::Again => Came::Again,
            Handled::Done(length) => Came::back(&self.out[..length]),
        }
    }

    fn poll(&mut self, now: Now, up: &mut Up) -> Option<Message> {
        let (_, length) = self.client.poll(now, up, &mut self.out)?;
        Some(self.out[..length].to_vec().into())
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.client.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.client.drained()
    }

    fn reached(&self) -> bool {
        self.client.registered()
    }

    fn arrives(&mut self, message: &Message) -> Arrived<Answer> {
        // It registers.
        coap::arrives(message, |_| (0x41, "rd/1"))
    }

    fn say(bench: &mut Bench<Self>, order: Order<'_>) -> Said<Option<String>> {
        Ok(Some(match order {
            Order::Check(_) | Order::Install(_) | Order::Schedule(_) | Order::GoBack => return Ok(None),
            Order::Fetch(uri) => write(bench, "/5/0/1", uri.as_bytes())?,
            Order::Deliver(package) => push(bench, package)?,
            Order::Activate => execute(bench, "/5/0/2")?,
            Order::Cancel | Order::Withdraw => execute(bench, "/5/0/10")?,
            Order::Discard => write(bench, "/5/0/1", b"")?,
        }))
    }

    fn read(bench: &mut Bench<Self>) -> Said<Shown> {
        let (state, result) = (number(bench, "/5/0/3")?, number(bench, "/5/0/5")?);
        let shown = spec::Shown {
            state: State::from_number(state).unwrap(),
            result: UpdateResult::from_number(result).unwrap(),
        };
        Ok(Shown { text: format!("{state}/{result}"), coarse: spec::coarse(shown) })
    }

    fn answers(order: Order<'_>, case: Case) -> &'static str {
        match (case, order) {
            (Case::Taken | Case::NoUri, _) => "2.04",
            (Case::NoScheme, _) | (Case::Busy | Case::Downloading, Order::Fetch(_)) => "4.00",
            (Case::Busy | Case::Downloading | Case::Installing | Case::Nothing, _) => "4.05",
        }
    }

    fn shows(end: End) -> &'static str {
        match end {
            End::Fresh | End::Nothing | End::Discarded => "0/0",
            End::Newer | End::NothingNewer => panic!("{end:?} has no words"),
            End::Staged => "2/0",
            End::Deferred => "2/11",
            End::Installed => "0/1",
            End::NoScheme => "0/9",
            End::Withdrawn | End::CancelledEarly | End::Received(Failure::Cancelled) => "0/10",
            End::Received(Failure::NoSpaceInFlash) => "0/2",
            End::Received(Failure::OutOfRam) => "0/3",
            End::Received(Failure::ConnectionLost | Failure::PeerNotTrusted | Failure::PowerLost) => "0/4",
            End::Received(Failure::Integrity | Failure::Authenticity) => "0/5",
            End::Received(Failure::WrongDevice | Failure::UnsupportedPackage) => "0/6",
            End::Received(Failure::OlderThanAllowed) => "0/6",
            End::NoUri | End::Received(Failure::HostUnknown | Failure::TransportStatus(404)) => "0/7",
            End::Received(Failure::InstallFailed) => "0/8",
            End::Given(Failure::Rejected | Failure::NotConfirmed | Failure::BootFailed) => "0/8",
            End::Kept(Failure::PowerLost) => "2/8",
            End::Received(why) | End::Given(why) | End::Kept(why) => panic!("no story ends so: {why:?}"),
        }
    }
}

#[test]
fn every_story_goes_as_it_is_told() {
    let played = play::<Lwm2m>();
    fwupd_testkit::tell(format_args!("scenarios lwm2m: {played}"));
    assert_eq!(played, Played { runs: 38, entries: 4 });
    table::check::<Lwm2m>(played);
}
