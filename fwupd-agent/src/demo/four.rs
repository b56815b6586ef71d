//! Updates of one device that speaks all four protocols, each started by one of them and seen by all: what their
//! peers read at each step, over sockets, side by side. The peers of LwM2M, OCF and USP are small ones of this
//! program; that of IoTF is a platform and its broker in one, which speaks MQTT 3.1.1 to this one device.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use fwupd_iotf::spec::{Field, Inbound};
use fwupd_ocf::spec::mode;
use fwupd_usp::wire::controller;
use serde_json::json;

use super::bench::{Bench, Device, Release};
use super::server::{Running, failed};
use super::{Story, Views};
use crate::error::Error;
use crate::peers::files::Files;
use crate::peers::iotf::Platform;
use crate::peers::ocf::Client;
use crate::peers::usp::Controller;
use crate::serve::Watcher;

const AGENT: &str = "os::012345-demo";
const CONTROLLER: &str = "self::demo";
/// The image that is updated.
const IMAGE: &str = "Device.DeviceInfo.FirmwareImage.2.";
/// Nobody confirms what is on trial but its user.
const CONFIRM: &str = "boot.confirm=command";
/// How long all four may take to show a step.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a story may take.
const LONGEST: Duration = Duration::from_secs(300);

/// What LwM2M, OCF, IoTF and USP show.
type Shown = [String; 4];

fn shown(lwm2m: &str, ocf: &str, iotf: &str, usp: &str) -> Shown {
    [lwm2m, ocf, iotf, usp].map(str::to_owned)
}

/// A device, and all who look at it.
struct Stage<'a> {
    device: Device<'a>,
    lwm2m: Watcher,
    ocf: Client,
    iotf: Platform,
    usp: Controller,
    files: Files,
    arguments: Vec<String>,
    running: Option<Running>,
    told: Vec<Shown>,
    views: Views,
}

impl<'a> Stage<'a> {
    fn new(bench: &'a Bench, name: &'static str, release: &Release) -> Result<Self, Error> {
        let lwm2m = Watcher::open(LONGEST)?;
        let iotf = Platform::open()?;
        let usp = Controller::open(CONTROLLER, AGENT)?;
        // A port that is free now.
        let ocf = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).map_err(failed)?;
        let set = [CONFIRM, "iotf.retry=50", "usp.retry=50"];
        let mut arguments: Vec<_> =
            set.iter().flat_map(|set| ["--set".to_owned(), (*set).to_owned()]).collect();
        arguments.push("run".to_owned());
        let mut flag = |flag: &str, value: String| arguments.extend([format!("--{flag}"), value]);
        for protocol in ["lwm2m", "ocf", "iotf", "usp"] {
            flag("protocol", protocol.to_owned());
        }
        flag("server", format!("coap://{}", lwm2m.address()?));
        flag("listen", ocf.to_string());
        flag("broker", format!("mqtt://{}", iotf.address()?));
        flag("websocket", format!("ws://{}/usp", usp.address()?));
        flag("endpoint-id", AGENT.to_owned());
        flag("controller-id", CONTROLLER.to_owned());
        let mut stage = Self {
            device: bench.device(name)?,
            lwm2m,
            ocf: Client::new(SocketAddr::from(([127, 0, 0, 1], ocf.port())))?,
            iotf,
            usp,
            files: Files::open(bench.bytes(release)?)?,
            arguments,
            running: None,
            told: Vec::new(),
            views: Vec::new(),
        };
        stage.power_on()?;
        stage.sees("idle", shown("0/0", "idle/0", "0/0", "NoImage"))?;
        Ok(stage)
    }

    fn power_on(&mut self) -> Result<(), Error> {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        self.running = Some(Running::with(&self.device, &arguments)?);
        Ok(())
    }

    /// The device is switched off, told this on its own command line, and on again.
    fn told(&mut self, command: &str) -> Result<(), Error> {
        self.running = None;
        let ran = self.device.run(&["--set", CONFIRM, command])?;
        if ran.code != Some(0) {
            return Err(Error::failed(format_args!("{command}: {}", ran.err)));
        }
        self.power_on()
    }

    /// What all four read.
    fn look(&mut self) -> Result<Shown, Error> {
        let (state, result) = self.lwm2m.shown()?;
        let lwm2m = format!("{state}/{result}");
        let (state, result) = self.ocf.shown()?;
        let ocf = format!("{state}/{result}");
        let (state, status) = self.iotf.observe()?;
        let iotf = format!("{state}/{status}");
        let usp = self.usp.get(&[IMAGE])?.remove(&format!("{IMAGE}Status")).unwrap_or_default();
        Ok([lwm2m, ocf, iotf, usp])
    }

    /// Looks until all show the step, or have had their time.
    fn sees(&mut self, step: &'static str, told: Shown) -> Result<(), Error> {
        let end = Instant::now() + PATIENCE;
        let seen = loop {
            let seen = self.look()?;
            if seen == told || Instant::now() > end {
                break seen;
            }
            thread::sleep(Duration::from_millis(20));
        };
        self.told.push(told);
        self.views.push((step, seen));
        Ok(())
    }

    /// By USP: Download().
    fn download(&mut self) -> Result<(), Error> {
        let (command, uri) = (format!("{IMAGE}Download()"), self.files.uri().to_owned());
        let args = [("URL", uri.as_str()), ("AutoActivate", "false")];
        self.usp.ask(|out, id| controller::operate(out, id, &command, "demo", true, &args)).map(drop)
    }

    /// By IoTF: the attributes, and a download.
    fn initiate(&mut self) -> Result<(), Error> {
        let value = json!({ (Field::Uri.name()): self.files.uri() });
        let fields = json!({ "fields": [{ "field": Field::OBJECT, "value": value }] });
        self.iotf.ask(Inbound::Update, Some(fields))?;
        self.iotf.ask(Inbound::Download, None).map(drop)
    }

    fn end(self) -> Story {
        let words = |all: &mut dyn Iterator<Item = &Shown>| {
            all.map(|shown| shown.join(" ")).collect::<Vec<_>>().join(" > ")
        };
        Story {
            told: words(&mut self.told.iter()),
            happened: words(&mut self.views.iter().map(|(_, seen)| seen)),
            detail: String::new(),
            views: self.views,
        }
    }
}

/// Started by USP, activated by OCF, and confirmed by the device.
pub(super) fn success(bench: &Bench) -> Result<Story, Error> {
    let mut stage = Stage::new(bench, "seen-by-four", &bench.good)?;
    stage.download()?;
    stage.sees("downloading", shown("1/0", "svv/0", "1/0", "Downloading"))?;
    stage.files.go_on();
    stage.sees("downloaded", shown("2/0", "sva/1", "2/0", "Available"))?;
    stage.ocf.target(mode::UPDATE)?;
    stage.sees("on trial", shown("3/0", "upgrading/0", "2/1", "Active"))?;
    stage.told("confirm")?;
    stage.sees("confirmed", shown("0/1", "idle/1", "0/0", "Active"))?;
    Ok(stage.end())
}

/// Started by LwM2M, and rejected by the device after all.
pub(super) fn rejected(bench: &Bench) -> Result<Story, Error> {
    let mut stage = Stage::new(bench, "rejected-by-four", &bench.good)?;
    let uri = stage.files.uri().to_owned();
    stage.lwm2m.offer(&uri)?;
    stage.sees("downloading", shown("1/0", "svv/0", "1/0", "Downloading"))?;
    stage.files.go_on();
    stage.sees("downloaded", shown("2/0", "sva/1", "2/0", "Available"))?;
    stage.lwm2m.execute()?;
    stage.sees("on trial", shown("3/0", "upgrading/0", "2/1", "Active"))?;
    stage.told("reject")?;
    stage.sees("rejected", shown("0/8", "nsa/8", "0/5", "ActivationFailed"))?;
    Ok(stage.end())
}

/// Started by IoTF, with a package that a stranger has signed.
pub(super) fn forged(bench: &Bench) -> Result<Story, Error> {
    let mut stage = Stage::new(bench, "forged-for-four", &bench.forged)?;
    stage.initiate()?;
    stage.sees("refused", shown("0/5", "idle/5", "0/4", "ValidationFailed"))?;
    Ok(stage.end())
}
