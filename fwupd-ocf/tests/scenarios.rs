//! The stories of every protocol, over this one: its messages by another implementation of CoAP, and what it shows
//! read by another implementation of CBOR.

use ciborium::Value;
use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::time::Now;
use fwupd_ocf::adapter::{Cast, Config, Device, Handled};
use fwupd_ocf::spec::{self, Action, State, UpdateResult};
use fwupd_ocf::wire::device::Identity;
use fwupd_ocf::wire::software::Update;
use fwupd_ocf::wire::time::Instant;
use fwupd_ocf::wire::{Out, pstat};
use fwupd_testkit::scenario::coap::{self, Answer, Manager};
use fwupd_testkit::scenario::{
    Ability, Arrived, Bench, Case, End, Entry, Handled as Came, Message, Order, Played, PowerLost, Rig,
    Shown, Up, play, table,
};

const CLIENT: u8 = 1;
/// application/vnd.ocf+cbor, from the IANA registry.
const FORMAT: u16 = 10000;
const DI: &str = "5a1b2c3d-0000-4000-8000-0123456789ab";

struct Ocf {
    ask: Ask,
    device: Device<'static, u8>,
    manager: Manager,
    /// The URL that was written last.
    purl: String,
    out: Vec<u8>,
}

type Said<T> = Result<T, PowerLost>;

fn device(ask: Ask, seed: u32) -> Device<'static, u8> {
    let (name, kind, manufacturer) = ("a device", "oic.d.light", "Example");
    let identity = Identity { di: DI, piid: DI, pi: DI, name, kind, manufacturer };
    let mut config = Config::new(identity, &["coap://192.0.2.7:5683"], DI, 0x1234_5678 + seed * 99);
    config.rules.ask = ask;
    Device::new(config)
}

fn post(bench: &mut Bench<Ocf>, path: &str, write: impl FnOnce(&mut Out<'_>)) -> Said<String> {
    let mut room = [0; 256];
    let mut out = Out::new(&mut room);
    write(&mut out);
    let length = out.finish().unwrap();
    let packet = bench.rig.manager.request(2, path, Some(FORMAT), &room[..length]);
    Ok(bench.ask(&coap::message(&packet))?.code)
}

/// An UPDATE of the resource, for so many seconds from now.
fn update(bench: &mut Bench<Ocf>, purl: &str, action: Action, seconds: u32) -> Said<String> {
    bench.rig.purl = purl.to_owned();
    let updatetime = Instant::wall(bench.now().wall.unwrap() + u64::from(seconds));
    post(bench, "/oc/swu", |out| Update { purl, action, updatetime }.emit(out))
}

/// An UPDATE of tm: at once.
fn trigger(bench: &mut Bench<Ocf>, tm: u16) -> Said<String> {
    post(bench, "/oic/sec/pstat", |out| pstat::emit_update(tm, out))
}

impl Rig for Ocf {
    const NAME: &'static str = "OCF";
    const BASE: &'static str = "https://host/";
    const CANNOT: &'static [Entry] = &[
        (Ability::Deliver, "CR 2848, table 2: packages come from purl"),
        (Ability::Resume, "CR 2848, tables 3 and 5: connection lost is an end (rows 38, 44)"),
        (Ability::GoBack, "CR 2848, table 4: an upgrade installs what purl names (row 11)"),
    ];
    type Answer = Answer;

    fn new(ask: Ask) -> Self {
        let (manager, purl) = (Manager::default(), String::new());
        Self { ask, device: device(ask, 0), manager, purl, out: vec![0; 1280] }
    }

    fn boot(&mut self, boots: u32, _: Now) {
        self.device = device(self.ask, boots);
    }

    fn handle(&mut self, message: &Message, now: Now, up: &mut Up) -> Came {
        match self.device.handle(CLIENT, Cast::Unicast, &message.bytes, now, up, &mut self.out) {
            Handled::Again => Came::Again,
            Handled::Done(length) => Came::back(&self.out[..length]),
        }
    }

    fn poll(&mut self, now: Now, up: &mut Up) -> Option<Message> {
        let (_, length) = self.device.poll(now, up, &mut self.out)?;
        Some(self.out[..length].to_vec().into())
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.device.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.device.drained()
    }

    fn arrives(&mut self, message: &Message) -> Arrived<Answer> {
        coap::arrives(message, |_| panic!("a device asks for nothing"))
    }

    fn say(bench: &mut Bench<Self>, order: Order<'_>) -> Said<Option<String>> {
        let purl = bench.rig.purl.clone();
        Ok(Some(match order {
            Order::Check(uri) => update(bench, uri, Action::Isac, 0)?,
            Order::Fetch(uri) => update(bench, uri, Action::Isvv, 0)?,
            Order::Install(uri) => update(bench, uri, Action::Upgrade, 0)?,
            Order::Activate => trigger(bench, 128)?,
            Order::Schedule(seconds) => update(bench, &purl, Action::Upgrade, seconds)?,
            Order::Cancel | Order::Withdraw => update(bench, &purl, Action::Idle, 0)?,
            // What comes from another place is another package.
            Order::Discard => update(bench, "https://host/newer", Action::Idle, 0)?,
            Order::Deliver(_) | Order::GoBack => return Ok(None),
        }))
    }

    fn read(bench: &mut Bench<Self>) -> Said<Shown> {
        let packet = bench.rig.manager.request(1, "/oc/swu", None, &[]);
        let answer = bench.ask(&coap::message(&packet))?;
        assert_eq!(answer.code, "2.05");
        let value: Value = ciborium::from_reader(&answer.payload[..]).unwrap();
        let map = value.into_map().unwrap();
        let of = |key| &map.iter().find(|(name, _)| name.as_text() == Some(key)).unwrap().1;
        let state = of("swupdatestate").as_text().unwrap();
        let result = u16::try_from(of("swupdateresult").as_integer().unwrap()).unwrap();
        let shown = spec::Shown {
            state: State::from_name(state).unwrap(),
            result: UpdateResult::from_number(result).unwrap(),
        };
        let coarse = spec::coarse(shown);
        let newer = map.iter().any(|(name, _)| name.as_text() == Some("nv"));
        let rests = if newer { "nsa" } else { "idle" };
        // Row 38: after a failed run the state says whether a newer version is known.
        let text = match state {
            "idle" | "nsa" if result > 1 => {
                assert_eq!(state, rests);
                format!("R38 {result}")
            }
            _ => format!("{state} {result}"),
        };
        Ok(Shown { text, coarse })
    }

    fn answers(order: Order<'_>, case: Case) -> &'static str {
        match (case, order) {
            (Case::Taken | Case::NoUri | Case::NoScheme | Case::Nothing, _) => "2.04",
            // It asks for no more than what is at work.
            (Case::Installing, Order::Activate) => "2.04",
            (Case::Busy | Case::Downloading | Case::Installing, _) => "5.03",
        }
    }

    fn shows(end: End) -> &'static str {
        match end {
            End::Fresh => "idle 0",
            End::Newer => "nsa 1",
            End::NothingNewer | End::Installed => "idle 1",
            End::Staged | End::Withdrawn => "sva 1",
            End::Deferred => "sva 0",
            // The result of what was downloaded is kept until another action starts.
            End::Discarded => "idle 1",
            End::CancelledEarly => "idle 0",
            End::Received(Failure::Cancelled) => "nsa 0",
            End::Received(Failure::OutOfRam) => "R38 2",
            End::Received(Failure::NoSpaceInFlash) => "R38 3",
            End::Received(Failure::ConnectionLost | Failure::PeerNotTrusted | Failure::PowerLost) => "R38 4",
            End::Received(Failure::Integrity | Failure::Authenticity) => "R38 5",
            End::Received(Failure::WrongDevice | Failure::UnsupportedPackage) => "R38 5",
            End::Received(Failure::OlderThanAllowed) => "R38 5",
            End::Nothing | End::NoUri | End::Received(Failure::HostUnknown) => "R38 6",
            End::NoScheme => "R38 7",
            End::Received(Failure::TransportStatus(404)) => "R38 404",
            End::Received(Failure::InstallFailed) => "R38 8",
            End::Given(Failure::Rejected | Failure::NotConfirmed | Failure::BootFailed) => "R38 8",
            End::Kept(Failure::PowerLost) => "sva 8",
            End::Received(why) | End::Given(why) | End::Kept(why) => panic!("no story ends so: {why:?}"),
        }
    }
}

#[test]
fn every_story_goes_as_it_is_told() {
    let played = play::<Ocf>();
    fwupd_testkit::tell(format_args!("scenarios ocf: {played}"));
    assert_eq!(played, Played { runs: 39, entries: 3 });
    table::check::<Ocf>(played);
}
