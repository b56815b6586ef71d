//! The stories of every protocol, over this one.

use fwupd_core::outcome::{Ask, Failure, Initiator};
use fwupd_core::time::Now;
use fwupd_testkit::scenario::{
    Ability, Arrived, Bench, Case, End, Entry, Handled as Came, Message, Order, Played, PowerLost, Rig,
    Shown, Up, play,
};
use line_protocol::{Device, Handled, State, coarse};

struct Line {
    ask: Ask,
    device: Device,
}

fn ask(bench: &mut Bench<Line>, line: &str) -> Result<String, PowerLost> {
    bench.ask(&format!("{line}\n").into_bytes().into())
}

impl Rig for Line {
    const NAME: &'static str = "line";
    const BASE: &'static str = "line://host/";
    const CANNOT: &'static [Entry] = &[(Ability::Deliver, "the table of lines: none carries a package")];
    type Answer = String;

    fn new(ask: Ask) -> Self {
        Self { ask, device: Device::new(Initiator(1), ask) }
    }

    fn boot(&mut self, _: u32, _: Now) {
        self.device = Device::new(Initiator(1), self.ask);
    }

    fn handle(&mut self, message: &Message, now: Now, up: &mut Up) -> Came {
        let mut out = [0; 64];
        match self.device.handle(&message.bytes, now, up, &mut out) {
            Handled::Again => Came::Again,
            Handled::Done(length) => Came::back(&out[..length]),
        }
    }

    fn poll(&mut self, now: Now, up: &mut Up) -> Option<Message> {
        self.device.poll(now, up);
        None
    }

    fn timeout(&self, _: Now) -> Option<u64> {
        self.device.poll_timeout()
    }

    fn drained(&self) -> bool {
        self.device.drained()
    }

    fn arrives(&mut self, message: &Message) -> Arrived<String> {
        let line = String::from_utf8(message.bytes.clone()).unwrap();
        Arrived { answer: Some(line.strip_suffix('\n').unwrap().to_owned()), back: None }
    }

    fn say(bench: &mut Bench<Self>, order: Order<'_>) -> Result<Option<String>, PowerLost> {
        let line = match order {
            Order::Deliver(_) => return Ok(None),
            Order::Check(uri) => format!("CHECK {uri}"),
            Order::Fetch(uri) => format!("FETCH {uri}"),
            Order::Install(uri) => format!("INSTALL {uri}"),
            Order::Activate => "ACTIVATE".into(),
            Order::Schedule(seconds) => format!("AFTER {seconds}"),
            Order::GoBack => "BACK".into(),
            Order::Cancel => "CANCEL".into(),
            Order::Withdraw => "WITHDRAW".into(),
            Order::Discard => "DISCARD".into(),
        };
        ask(bench, &line).map(Some)
    }

    fn read(bench: &mut Bench<Self>) -> Result<Shown, PowerLost> {
        let answer = ask(bench, "STATUS")?;
        let text = answer.strip_prefix("STATUS ").unwrap().to_owned();
        let (state, _) = text.split_once(' ').unwrap();
        let (state, _) = State::ALL.into_iter().find(|(_, word)| *word == state).unwrap();
        Ok(Shown { text, coarse: coarse(state) })
    }

    fn answers(_: Order<'_>, case: Case) -> &'static str {
        match case {
            Case::Taken => "OK",
            Case::Busy => "NO busy",
            Case::Downloading | Case::Installing | Case::Nothing => "NO state",
            Case::NoUri => "NO uri",
            Case::NoScheme => "NO scheme",
        }
    }

    fn shows(end: End) -> &'static str {
        match end {
            End::Fresh | End::Nothing | End::NoUri | End::NoScheme => "idle -",
            End::Newer | End::NothingNewer => "idle checked",
            End::Staged | End::Withdrawn => "ready fetched",
            End::Discarded => "idle fetched",
            End::Deferred => "ready deferred",
            End::Installed => "idle installed",
            End::Kept(Failure::PowerLost) => "ready power lost",
            End::Received(Failure::NoSpaceInFlash) => "idle no space in flash",
            End::Received(Failure::InstallFailed) => "idle install failed",
            End::Received(Failure::OutOfRam) => "idle out of RAM",
            End::Received(Failure::ConnectionLost) => "idle connection lost",
            End::Received(Failure::HostUnknown) => "idle host unknown",
            End::Received(Failure::PeerNotTrusted) => "idle peer not trusted",
            End::Received(Failure::Integrity) => "idle integrity check failed",
            End::Received(Failure::Authenticity) => "idle authenticity check failed",
            End::Received(Failure::WrongDevice) => "idle wrong device",
            End::Received(Failure::UnsupportedPackage) => "idle unsupported package",
            End::Received(Failure::TransportStatus(404)) => "idle the server answered 404",
            End::Received(Failure::OlderThanAllowed) => "idle older than allowed",
            End::CancelledEarly | End::Received(Failure::Cancelled) => "idle cancelled",
            End::Given(Failure::BootFailed) => "idle boot failed",
            End::Given(Failure::NotConfirmed) => "idle not confirmed",
            End::Given(Failure::Rejected) => "idle rejected by the application",
            End::Received(why) | End::Given(why) | End::Kept(why) => panic!("no story ends so: {why:?}"),
        }
    }
}

#[test]
fn every_story_goes_as_it_is_told() {
    let played = play::<Line>();
    fwupd_testkit::tell(format_args!("scenarios line: {played}"));
    assert_eq!(played, Played { runs: 41, entries: 1 });
}

#[test]
fn a_line_that_says_nothing_is_told_so_and_changes_nothing() {
    let mut bench = Bench::<Line>::new(Ask::No);
    for line in ["", " ", "PLEASE", "STATUS now", "status", "FETCH", "FETCH ftp://a", "AFTER", "\u{0}", "NO"]
    {
        let answer = ask(&mut bench, line).unwrap();
        assert!(["NO syntax", "NO scheme", "NO state"].contains(&answer.as_str()), "{line:?}: {answer}");
    }
    let raw = |bytes: &[u8], bench: &mut Bench<Line>| bench.ask(&bytes.to_vec().into()).unwrap();
    assert_eq!(raw(b"STATUS", &mut bench), "NO syntax", "it has no end");
    assert_eq!(raw(&[0xFF, b'\n'], &mut bench), "NO syntax");
    assert_eq!(raw(&[b'A'; 100_000], &mut bench), "NO syntax");
    assert_eq!(raw(b"STATUS\n", &mut bench), "STATUS idle -");
}

#[test]
fn a_line_whose_manager_is_gone_does_not_answer_the_next_one() {
    for tells in [false, true] {
        let mut bench = Bench::<Line>::new(Ask::No);
        let (now, mut out) = (bench.now(), [0; 64]);
        let line = format!("FETCH {}new\n", Line::BASE);
        let handled = bench.rig.device.handle(line.as_bytes(), now, &mut bench.up, &mut out);
        assert_eq!(handled, Handled::Again, "it is being written");
        assert!(!bench.rig.device.drained());
        if tells {
            bench.rig.device.disconnected();
            assert!(bench.rig.device.drained());
        }
        assert_eq!(ask(&mut bench, "CANCEL").unwrap(), "OK");
        assert_eq!(ask(&mut bench, "STATUS").unwrap(), "STATUS idle cancelled");
        // It is another CANCEL, and there is nothing to cancel.
        assert_eq!(ask(&mut bench, "CANCEL").unwrap(), "NO state");
    }
}
