//! A device of two slots, and a platform that speaks to it in JSON alone, made and read by another implementation.

use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator};
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Need, Settled, Ticket, Updater};
use fwupd_iotf::adapter::{Config, Device, DeviceInfo, Handled, OUT_MAX, Outgoing, Publish, Standing};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device as Board, SelfTest, Sim};
use fwupd_testkit::reference::{factory, layout, package};
use serde_json::{Value, json};

/// The number by which the application knows the adapter.
pub(crate) const ME: Initiator = Initiator(1);
/// Where a good package is.
pub(crate) const GOOD: &str = "https://example.com/one-integrated.suit";

/// What the application says to `Need::Permit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Yes.
    Yes,
    /// Not now; until then if it is known, milliseconds.
    Defer(Option<u64>),
    /// Never: the image is not wanted.
    Reject(Failure),
}

/// How the application serves `Need::Fetch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    /// From the board's files.
    Serve,
    /// So many bytes of the file, then nothing.
    Stop(usize),
    /// Not at all.
    Hold,
    /// It fails.
    Fail(Failure),
}

/// Looks at a device.
pub(crate) type Watcher = Box<dyn FnMut(&Rig)>;

/// What the device sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sent {
    Subscribe(String),
    Message(String, Value),
}

pub(crate) struct Rig {
    pub(crate) board: Board<2>,
    pub(crate) up: Updater<Sim<2>>,
    pub(crate) device: Device<'static>,
    config: Config<'static>,
    pub(crate) permit: Permit,
    pub(crate) fetch: Fetch,
    /// Whether a reset that is owed is carried out.
    pub(crate) resets: bool,
    /// Resets so far.
    pub(crate) boots: usize,
    /// Return code of the platform to manage and unmanage requests; none: no answer.
    pub(crate) manage_rc: Option<Value>,
    /// The same to notifications.
    pub(crate) notify_rc: Option<Value>,
    /// All that the device sent, in its order, without answers to requests.
    pub(crate) sent: Vec<Sent>,
    /// Called whenever the state may have changed.
    pub(crate) watch: Option<Watcher>,
    id: u32,
    out: Vec<u8>,
}

impl Rig {
    /// A device as it leaves the factory, managed.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with another configuration.
    pub(crate) fn with(change: impl FnOnce(&mut Config<'static>)) -> Self {
        let mut rig = Self::off(change);
        rig.connect();
        rig
    }

    /// The same, not connected yet.
    pub(crate) fn off(change: impl FnOnce(&mut Config<'static>)) -> Self {
        let mut board = factory(layout((1, 4, 0xFF)));
        for name in ["one-integrated.suit", "one-seqmax.suit", "wrongkey.suit", "one-seq0.suit"] {
            board.files.insert(format!("https://example.com/{name}"), package(name));
        }
        let mut config = Config::new(0x0123_4567_89AB_CDEF);
        config.info = DeviceInfo { serial_number: "42", model: "demo \"board\"", ..DeviceInfo::default() };
        change(&mut config);
        board.bootloader().unwrap();
        let up = board.updater();
        let mut rig = Self {
            board,
            up,
            device: Device::new(config).unwrap(),
            config,
            permit: Permit::Yes,
            fetch: Fetch::Serve,
            resets: true,
            boots: 0,
            manage_rc: Some(json!(200)),
            notify_rc: Some(json!(200)),
            sent: Vec::new(),
            watch: None,
            id: 0,
            out: vec![0; OUT_MAX],
        };
        rig.settle();
        rig
    }

    pub(crate) fn connect(&mut self) {
        let now = self.now();
        self.device.connected(now);
        self.settle();
    }

    pub(crate) fn now(&self) -> Now {
        self.board.clock.now()
    }

    /// A request with a reqId of its own, and its answer without that.
    pub(crate) fn ask(&mut self, topic: &str, mut body: Value) -> Value {
        self.id += 1;
        body["reqId"] = json!(format!("id-{}", self.id));
        let mut answer = self.send(topic, &body).expect("an answer");
        let req_id = answer.as_object_mut().unwrap().remove("reqId");
        assert_eq!(req_id, Some(body["reqId"].clone()));
        answer
    }

    /// The return code of the answer.
    pub(crate) fn rc(&mut self, topic: &str, body: Value) -> u64 {
        self.ask(topic, body)["rc"].as_u64().expect("rc is a number")
    }

    /// A request as it is.
    pub(crate) fn send(&mut self, topic: &str, body: &Value) -> Option<Value> {
        self.deliver(topic, body.to_string().as_bytes())
    }

    /// Hands in a message, again and again while the device asks for that; the answer.
    pub(crate) fn deliver(&mut self, topic: &str, payload: &[u8]) -> Option<Value> {
        self.deliver_raw(topic, payload).map(|answer| serde_json::from_slice(&answer).expect("good JSON"))
    }

    pub(crate) fn deliver_raw(&mut self, topic: &str, payload: &[u8]) -> Option<Vec<u8>> {
        for _ in 0..2_000 {
            match self.hand(&format!("iotdm-1/{topic}"), payload) {
                Handled::Done(None) => return None,
                Handled::Done(Some(Publish { topic, length })) => {
                    assert_eq!(topic, "iotdevice-1/response");
                    return Some(self.out[..length].to_vec());
                }
                Handled::Again => self.turn(),
            }
        }
        panic!("the device asks for the same message for ever");
    }

    pub(crate) fn hand(&mut self, topic: &str, payload: &[u8]) -> Handled {
        let now = self.now();
        let handled = self.device.handle(topic, payload, now, &mut self.up, &mut self.out).unwrap();
        self.looked();
        handled
    }

    /// What the device wrote last.
    pub(crate) fn payload(&self, length: usize) -> Value {
        serde_json::from_slice(&self.out[..length]).expect("good JSON")
    }

    fn looked(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            watch(self);
            self.watch = Some(watch);
        }
    }

    /// Writes attributes of mgmt.firmware.
    pub(crate) fn update(&mut self, value: Value) -> u64 {
        self.rc("device/update", json!({"d": {"fields": [{"field": "mgmt.firmware", "value": value}]}}))
    }

    /// The platform's first step of a download.
    pub(crate) fn prepare(&mut self, uri: &str) {
        let rc = self.update(json!({
            "version": "5", "name": "firmware", "uri": uri, "verifier": "", "state": 0, "updateStatus": 0,
            "updatedDateTime": "",
        }));
        assert_eq!(rc, 204);
    }

    /// Observes mgmt.firmware; its value.
    pub(crate) fn observe(&mut self) -> Value {
        let answer = self.ask("observe", json!({"d": {"fields": [{"field": "mgmt.firmware"}]}}));
        assert_eq!(
            (&answer["rc"], &answer["d"]["fields"][0]["field"]),
            (&json!(200), &json!("mgmt.firmware"))
        );
        answer["d"]["fields"][0]["value"].clone()
    }

    pub(crate) fn cancel(&mut self) -> u64 {
        self.rc("cancel", json!({"d": {"fields": [{"field": "mgmt.firmware"}]}}))
    }

    /// What the device shows, read over the wire: state and status. Observes nothing that was not observed.
    pub(crate) fn shown(&self) -> (u64, u64) {
        let shown = self.projected();
        (shown.state as u64, shown.status as u64)
    }

    pub(crate) fn projected(&self) -> fwupd_iotf::spec::Shown {
        let status = self.up.status().unwrap();
        let (note, _) = self.up.recall(ME).and_then(|note| fwupd_iotf::note::Note::parse(note, None)).unzip();
        fwupd_iotf::spec::project(&status, &note.unwrap_or(fwupd_iotf::note::Note::FRESH))
    }

    pub(crate) fn download(&mut self) -> u64 {
        self.rc("mgmt/initiate/firmware/download", json!({}))
    }

    pub(crate) fn install(&mut self) -> u64 {
        self.rc("mgmt/initiate/firmware/update", json!({}))
    }

    /// One round of the application: flash, one step of the updater, all that the device has to say.
    pub(crate) fn turn(&mut self) {
        self.board.drain(&mut self.up, "the updater").unwrap();
        let now = self.now();
        let _ = self.up.need(now);
        self.looked();
        self.poll();
        self.board.clock.advance(1);
    }

    /// Takes all that the device has to send.
    pub(crate) fn poll(&mut self) {
        for _ in 0..100 {
            let now = self.now();
            match self.device.poll(now, &mut self.up, &mut self.out).unwrap() {
                None => return,
                Some(Outgoing::Subscribe(filter)) => self.sent.push(Sent::Subscribe(filter.into())),
                Some(Outgoing::Publish(Publish { topic, length })) => {
                    let message: Value = serde_json::from_slice(&self.out[..length]).expect("good JSON");
                    let rc = if topic == "iotdevice-1/notify" { &self.notify_rc } else { &self.manage_rc };
                    let rc = rc.clone();
                    self.sent.push(Sent::Message(topic.into(), message.clone()));
                    if let Some(rc) = rc {
                        let answer = json!({"rc": rc, "reqId": message["reqId"]});
                        assert_eq!(self.send("response", &answer), None);
                    }
                }
            }
        }
        panic!("the device has always something to send");
    }

    /// Lets the device go on until only the outside can help.
    pub(crate) fn settle(&mut self) {
        let mut still = 0;
        for _ in 0..2_000 {
            self.board.drain(&mut self.up, "the updater").unwrap();
            let now = self.now();
            let moved = match self.up.need(now) {
                Need::Again => true,
                Need::Fetch { ticket, uri, offset, .. } => {
                    let uri = uri.to_owned();
                    self.serve(ticket, &uri, offset)
                }
                Need::Permit { .. } => match self.permit {
                    Permit::Yes => self.up.permit(now).is_ok(),
                    Permit::Defer(until) => self.up.defer(until, now).is_ok(),
                    Permit::Reject(why) => {
                        let reject = Command::Reject { why, detail: b"" };
                        self.up.command(Initiator::APPLICATION, reject, None, now).is_ok()
                    }
                },
                Need::Boot(want) => panic!("the native boot control asks nothing: {want:?}"),
                Need::Reset => {
                    if self.resets && self.device.drained() {
                        self.reset();
                        self.device.connected(self.board.clock.now());
                        true
                    } else {
                        self.resets
                    }
                }
                Need::Wait(until) => self.wait(until),
                Need::Nothing => false,
            };
            self.looked();
            self.poll();
            self.board.clock.advance(1);
            still = if moved { 0 } else { still + 1 };
            if still > 2 {
                return;
            }
        }
        panic!("the device does not come to rest");
    }

    fn serve(&mut self, ticket: Ticket, uri: &str, offset: u32) -> bool {
        match self.fetch {
            Fetch::Serve => self.board.fetch(&mut self.up, ticket, uri, offset).unwrap(),
            Fetch::Hold => return false,
            Fetch::Fail(why) => {
                let now = self.now();
                let _ = self.up.failed(ticket, why, now);
            }
            Fetch::Stop(bytes) => {
                let whole = self.board.files[uri].clone();
                let now = self.now();
                self.up.answered(ticket, offset, u32::try_from(whole.len()).ok(), b"v1").unwrap();
                let mut at = offset as usize;
                while at < bytes {
                    self.board.drain(&mut self.up, "the updater").unwrap();
                    at += self.up.chunk(ticket, at as u32, &whole[at..bytes], now).unwrap();
                }
                self.board.drain(&mut self.up, "the updater").unwrap();
                self.fetch = Fetch::Hold;
            }
        }
        true
    }

    fn wait(&mut self, until: u64) -> bool {
        let now = self.now();
        if !matches!(self.up.status().unwrap().state, State::Trial { .. }) {
            self.board.clock.advance(until.saturating_sub(now.mono));
            return true;
        }
        match self.board.self_test {
            // New firmware counts as good once its platform manages it.
            SelfTest::Pass if self.device.standing() != Standing::Managed => false,
            SelfTest::Pass => self.up.command(Initiator::APPLICATION, Command::Confirm, None, now).is_ok(),
            SelfTest::Fail => {
                let reject = Command::Reject { why: Failure::Rejected, detail: b"self-test failed" };
                self.up.command(Initiator::APPLICATION, reject, None, now).is_ok()
            }
            SelfTest::Hang => {
                self.board.clock.advance(until.saturating_sub(now.mono));
                true
            }
            SelfTest::Crash => {
                self.reset();
                self.device.connected(self.board.clock.now());
                true
            }
        }
    }

    /// The device resets: what was in RAM is gone, the connection too.
    pub(crate) fn reset(&mut self) {
        self.boots += 1;
        self.board.clock.reset(WallAfterReset::Lost);
        self.board.bootloader().unwrap();
        self.up = self.board.updater();
        self.config.seed = self.config.seed.wrapping_mul(0x9E37_79B9).wrapping_add(1);
        self.device = Device::new(self.config).unwrap();
    }

    /// Resets, connects, and settles.
    pub(crate) fn reboot(&mut self) {
        self.reset();
        self.connect();
    }

    /// Lets time pass, and the device send what is due.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now().mono + millis;
        loop {
            self.settle();
            let now = self.now();
            if now.mono >= end {
                return;
            }
            let next = self.device.poll_timeout(now).unwrap_or(end).clamp(now.mono + 1, end);
            self.board.clock.advance(next - now.mono);
        }
    }

    /// The values of mgmt.firmware that were notified since the last call.
    pub(crate) fn told(&mut self) -> Vec<Value> {
        let all = std::mem::take(&mut self.sent);
        let mut told = Vec::new();
        for sent in all {
            if let Sent::Message(topic, message) = sent
                && topic == "iotdevice-1/notify"
            {
                assert!(message["reqId"].is_string());
                let fields = message["d"]["fields"].as_array().unwrap();
                assert_eq!((fields.len(), &fields[0]["field"]), (1, &json!("mgmt.firmware")), "{message}");
                told.push(fields[0]["value"].clone());
            }
        }
        told
    }

    /// The messages on a topic since the device was made.
    pub(crate) fn sent_on(&self, wanted: &str) -> Vec<Value> {
        let on = |sent: &Sent| match sent {
            Sent::Message(topic, message) if topic == wanted => Some(message.clone()),
            Sent::Message(..) | Sent::Subscribe(_) => None,
        };
        self.sent.iter().filter_map(on).collect()
    }

    /// The slot that the bootloader jumped to, which is what the status calls running.
    pub(crate) fn runs(&self) -> SlotId {
        let running = self.up.status().unwrap().running;
        assert_eq!(Some(running), self.board.jumped);
        running
    }

    /// Gives a command of somebody else, and has it written.
    pub(crate) fn command(&mut self, by: u8, command: Command<'_>) {
        let now = self.now();
        self.up.command(Initiator(by), command, None, now).unwrap();
        self.board.drain(&mut self.up, "the updater").unwrap();
        assert_eq!(self.up.settled(Initiator(by)), Settled::Written);
    }

    /// A device that has downloaded a good package, observed; nothing left to be told.
    pub(crate) fn downloaded() -> Self {
        let mut rig = Self::new();
        rig.prepare(GOOD);
        rig.observe();
        assert_eq!(rig.download(), 202);
        rig.settle();
        assert_eq!(rig.shown(), (2, 0));
        rig.told();
        rig
    }
}
