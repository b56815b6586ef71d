//! An IoTF platform.

use fwupd_core::outcome::{Ask, Initiator};
use fwupd_core::status::Status;
use fwupd_iotf::adapter::{Config, Device, Handled, Outgoing, Publish, Wanted};
use fwupd_iotf::note::Note;
use serde_json::{Value, json};

use super::{Board, Message, Peer};

/// Where packages come from.
pub(crate) const URI: &str = "https://v/f";

pub(crate) struct Iotf {
    device: Device<'static>,
    config: Config<'static>,
    id: u32,
    awaits: Value,
    answer: Option<String>,
    /// mgmt.firmware.state and updateStatus as they were told last.
    pub(crate) told: (u64, u64),
}

impl Iotf {
    /// A device that the platform manages, once it was polled.
    pub(crate) fn new(by: Initiator, seed: u64) -> Self {
        let mut config = Config::new(seed);
        config.by = by;
        Self {
            device: Device::new(config).unwrap(),
            config,
            id: 0,
            awaits: Value::Null,
            answer: None,
            told: (0, 0),
        }
    }

    pub(crate) fn connect(&mut self, board: &mut Board) {
        let now = board.now();
        self.device.connected(now);
        self.poll(board);
    }

    /// Whether the application is asked before an update.
    pub(crate) fn asks(&mut self, ask: Ask) {
        self.config.ask = ask;
        self.device = Device::new(self.config).unwrap();
    }

    /// The application carries out device actions; connected anew.
    pub(crate) fn acts(&mut self, board: &mut Board) {
        self.config.device_actions = true;
        self.device = Device::new(self.config).unwrap();
        self.connect(board);
    }

    /// The device action that is to be carried out.
    pub(crate) fn wanted(&mut self) -> Option<Wanted> {
        self.device.wanted()
    }

    pub(crate) fn reset(&mut self) {
        self.config.seed = self.config.seed.wrapping_mul(0x9E37_79B9).wrapping_add(1);
        self.device = Device::new(self.config).unwrap();
    }

    pub(crate) fn drained(&self) -> bool {
        self.device.drained()
    }

    pub(crate) fn request(&mut self, topic: &str, mut body: Value) -> Message {
        self.id += 1;
        let id = json!(format!("id-{}", self.id));
        body["reqId"] = id.clone();
        self.raw(topic, id, body.to_string().into_bytes())
    }

    pub(crate) fn raw(&mut self, topic: &str, id: Value, bytes: Vec<u8>) -> Message {
        self.awaits = id;
        self.answer = None;
        Message { topic: format!("iotdm-1/{topic}"), bytes }
    }

    fn arrives(&mut self, publish: Publish, board: &mut Board) {
        let value: Value = serde_json::from_slice(&board.out[..publish.length]).expect("good JSON");
        if publish.topic == "iotdevice-1/response" {
            if value["reqId"] == self.awaits {
                self.answer = Some(value["rc"].to_string());
                self.hears(&value["d"]["fields"][0]["value"]);
            }
            return;
        }
        if publish.topic == "iotdevice-1/notify" {
            self.hears(&value["d"]["fields"][0]["value"]);
        }
        let answer = json!({"rc": 200, "reqId": value["reqId"]}).to_string();
        let now = board.now();
        let handled =
            self.device.handle("iotdm-1/response", answer.as_bytes(), now, &mut board.up, &mut board.out);
        assert_eq!(handled, Ok(Handled::Done(None)));
    }

    fn hears(&mut self, firmware: &Value) {
        let (state, status) = &mut self.told;
        *state = firmware["state"].as_u64().unwrap_or(*state);
        *status = firmware["updateStatus"].as_u64().unwrap_or(*status);
    }
}

impl Peer for Iotf {
    fn by(&self) -> Initiator {
        self.config.by
    }

    fn hand(&mut self, message: &Message, board: &mut Board) -> bool {
        let now = board.now();
        let (up, out) = (&mut board.up, &mut board.out);
        match self.device.handle(&message.topic, &message.bytes, now, up, out).unwrap() {
            Handled::Again => return false,
            Handled::Done(None) => {}
            Handled::Done(Some(publish)) => self.arrives(publish, board),
        }
        true
    }

    fn answer(&mut self) -> Option<String> {
        self.answer.take()
    }

    fn poll(&mut self, board: &mut Board) {
        for _ in 0..100 {
            let now = board.now();
            match self.device.poll(now, &mut board.up, &mut board.out).unwrap() {
                None => return,
                Some(Outgoing::Subscribe(_)) => {}
                Some(Outgoing::Publish(publish)) => self.arrives(publish, board),
            }
        }
        panic!("the device has always something to send");
    }

    fn shows(status: &Status<'_>, note: &[u8]) -> String {
        let note = Note::parse(note, None).map_or(Note::FRESH, |(note, _)| note);
        let shown = fwupd_iotf::spec::project(status, &note);
        format!("{}/{}", shown.state as u8, shown.status as u8)
    }
}
