//! The stories of every protocol, over this one: requests and answers by another implementation of JSON.

use fwupd_core::outcome::{Ask, Failure};
use fwupd_core::time::Now;
use fwupd_iotf::adapter::{Config, Device, Handled, OUT_MAX, Outgoing, Publish, Standing};
use fwupd_iotf::spec::{self, State, UpdateStatus};
use fwupd_testkit::scenario::{
    Ability, Arrived, Bench, Case, End, Entry, Handled as Came, Message, Order, Played, PowerLost, Rig,
    Shown, Up, play, table,
};
use serde_json::{Value, json};

struct Iotf {
    ask: Ask,
    device: Device<'static>,
    requests: u32,
    out: Vec<u8>,
}

type Said<T> = Result<T, PowerLost>;

fn device(ask: Ask, seed: u32) -> Device<'static> {
    Device::new(Config { ask, ..Config::new(0x0123_4567_89AB_CDEF + u64::from(seed)) }).unwrap()
}

/// A request with a reqId of its own, and its answer.
fn request(bench: &mut Bench<Iotf>, topic: &str, mut body: Value) -> Said<Value> {
    bench.rig.requests += 1;
    body["reqId"] = json!(format!("id-{}", bench.rig.requests));
    let answer = bench.ask(&message(topic, &body))?;
    assert_eq!(answer["reqId"], body["reqId"]);
    Ok(answer)
}

/// The return code of the answer.
fn rc(bench: &mut Bench<Iotf>, topic: &str, body: Value) -> Said<String> {
    Ok(request(bench, topic, body)?["rc"].to_string())
}

/// Writes attributes of the firmware.
fn update(bench: &mut Bench<Iotf>, uri: &str) -> Said<String> {
    let value = json!({"uri": uri, "state": 0, "updateStatus": 0});
    rc(bench, "device/update", json!({"d": {"fields": [{"field": "mgmt.firmware", "value": value}]}}))
}

fn message(topic: &str, body: &Value) -> Message {
    Message { topic: format!("iotdm-1/{topic}"), bytes: body.to_string().into_bytes() }
}

impl Iotf {
    fn sent(&self, Publish { topic, length }: Publish) -> Message {
        Message { topic: topic.into(), bytes: self.out[..length].to_vec() }
    }
}

impl Rig for Iotf {
    const NAME: &'static str = "IoTF";
    const BASE: &'static str = "https://host/";
    const CANNOT: &'static [Entry] = &[
        (Ability::Check, "Firmware Actions: only download and update (row T33)"),
        (Ability::Deliver, "Firmware Actions, download: from mgmt.firmware.uri (row T34)"),
        (Ability::Resume, "Firmware Actions, download: connection lost is an end (row T49)"),
        (Ability::Install, "Firmware Actions: two actions (rows T33, T42)"),
        (Ability::Schedule, "Firmware Actions, update: at once (row T42)"),
        (Ability::Cancel, "Firmware Actions: no message; state is not to be written meanwhile (row T31)"),
        (Ability::Withdraw, "Firmware Actions: no message; state is not to be written meanwhile (row T31)"),
        (Ability::GoBack, "Firmware Actions, update: only what was downloaded (row T43)"),
    ];
    type Answer = Value;

    fn new(ask: Ask) -> Self {
        Self { ask, device: device(ask, 0), requests: 0, out: vec![0; OUT_MAX] }
    }

    fn boot(&mut self, boots: u32, now: Now) {
        self.device = device(self.ask, boots);
        self.device.connected(now);
    }

    fn handle(&mut self, message: &Message, now: Now, up: &mut Up) -> Came {
        match self.device.handle(&message.topic, &message.bytes, now, up, &mut self.out).unwrap() {
            Handled::Again => Came::Again,
            Handled::Done(back) => Came::Done(back.map(|publish| self.sent(publish))),
        }
    }

    fn poll(&mut self, now: Now, up: &mut Up) -> Option<Message> {
        match self.device.poll(now, up, &mut self.out).unwrap()? {
            Outgoing::Subscribe(filter) => Some(Message { topic: filter.into(), bytes: Vec::new() }),
            Outgoing::Publish(publish) => Some(self.sent(publish)),
        }
    }

    fn timeout(&self, now: Now) -> Option<u64> {
        self.device.poll_timeout(now)
    }

    fn drained(&self) -> bool {
        self.device.drained()
    }

    fn reached(&self) -> bool {
        self.device.standing() == Standing::Managed
    }

    fn arrives(&mut self, came: &Message) -> Arrived<Value> {
        if came.topic == "iotdm-1/#" {
            return Arrived { answer: None, back: None };
        }
        let body: Value = serde_json::from_slice(&came.bytes).expect("good JSON");
        if came.topic == "iotdevice-1/response" {
            return Arrived { answer: Some(body), back: None };
        }
        let back = json!({"rc": 200, "reqId": body["reqId"]});
        Arrived { answer: None, back: Some(message("response", &back)) }
    }

    fn say(bench: &mut Bench<Self>, order: Order<'_>) -> Said<Option<String>> {
        Ok(Some(match order {
            Order::Fetch(uri) => {
                let prepared = update(bench, uri)?;
                format!("{prepared} {}", rc(bench, "mgmt/initiate/firmware/download", json!({}))?)
            }
            Order::Activate => rc(bench, "mgmt/initiate/firmware/update", json!({}))?,
            // The attributes of another package: what was downloaded is not that.
            Order::Discard => update(bench, "https://host/newer")?,
            Order::Check(_) | Order::Deliver(_) | Order::Install(_) | Order::Schedule(_) => return Ok(None),
            Order::Cancel | Order::Withdraw | Order::GoBack => return Ok(None),
        }))
    }

    fn read(bench: &mut Bench<Self>) -> Said<Shown> {
        let observe = json!({"d": {"fields": [{"field": "mgmt.firmware"}]}});
        let answer = request(bench, "observe", observe)?;
        assert_eq!(answer["rc"], 200);
        let number = |member| answer["d"]["fields"][0]["value"][member].as_u64().unwrap() as u32;
        let (state, status) = (number("state"), number("updateStatus"));
        let shown = spec::Shown {
            state: State::from_number(state).unwrap(),
            status: UpdateStatus::from_number(status).unwrap(),
        };
        Ok(Shown { text: format!("{state}/{status}"), coarse: spec::coarse(shown) })
    }

    fn answers(order: Order<'_>, case: Case) -> &'static str {
        match (case, order) {
            (Case::Taken, Order::Fetch(_)) => "204 202",
            (Case::Taken, Order::Discard) => "204",
            (Case::Taken, _) => "202",
            (Case::NoUri | Case::NoScheme, _) => "204 400",
            (Case::Busy | Case::Downloading, Order::Fetch(_)) => "409 400",
            (Case::Busy, Order::Discard) => "409",
            (Case::Busy | Case::Downloading | Case::Installing | Case::Nothing, _) => "400",
        }
    }

    fn shows(end: End) -> &'static str {
        match end {
            End::Fresh | End::Nothing | End::NoUri | End::NoScheme => "0/0",
            End::Discarded | End::Installed => "0/0",
            End::Newer | End::NothingNewer | End::Withdrawn | End::CancelledEarly => {
                panic!("{end:?} has no words")
            }
            End::Staged => "2/0",
            End::Deferred => "2/1",
            End::Received(Failure::NoSpaceInFlash | Failure::OutOfRam) => "0/2",
            End::Received(Failure::ConnectionLost | Failure::PowerLost) => "0/3",
            End::Received(Failure::Integrity | Failure::Authenticity) => "0/4",
            End::Received(Failure::WrongDevice | Failure::UnsupportedPackage) => "0/5",
            End::Received(Failure::OlderThanAllowed | Failure::InstallFailed) => "0/5",
            End::Received(Failure::HostUnknown | Failure::PeerNotTrusted) => "0/6",
            End::Received(Failure::TransportStatus(404)) => "0/6",
            End::Given(Failure::Rejected | Failure::NotConfirmed | Failure::BootFailed) => "0/5",
            End::Kept(Failure::PowerLost) => "2/5",
            End::Received(why) | End::Given(why) | End::Kept(why) => panic!("no story ends so: {why:?}"),
        }
    }
}

#[test]
fn every_story_goes_as_it_is_told() {
    let played = play::<Iotf>();
    fwupd_testkit::tell(format_args!("scenarios iotf: {played}"));
    assert_eq!(played, Played { runs: 31, entries: 8 });
    table::check::<Iotf>(played);
}
