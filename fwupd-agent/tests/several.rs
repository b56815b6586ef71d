//! One device, and what several protocols show of it at the same time.

mod common;

use std::io::BufRead as _;
use std::net::{SocketAddr, UdpSocket};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Bench, Process, running, until};
use fwupd_agent::firmware::SelfTest;
use fwupd_agent::peers::files::Files;
use fwupd_agent::peers::iotf::Platform;
use fwupd_agent::peers::ocf::Client;
use fwupd_agent::peers::usp::Controller;
use fwupd_coap::message::{Kind, Token, Writer};
use fwupd_coap::spec::{Code, option};
use fwupd_iotf::spec::Inbound;
use fwupd_ocf::spec::{Action, FORMAT, Resource};
use fwupd_ocf::wire::software::Update;
use fwupd_ocf::wire::time::Instant as When;
use fwupd_ocf::wire::{Out, pstat};
use fwupd_usp::wire::controller;
use serde_json::{Value, json};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

/// What `fwagent status --json` says that they show: LwM2M, IoTF, OCF, USP.
fn shown(bench: &Bench) -> [Value; 4] {
    let status = bench.status();
    ["lwm2m", "iotf", "ocf", "usp"].map(|protocol| status["protocols"][protocol].clone())
}

fn views(lwm2m: [u8; 2], iotf: [u8; 2], ocf: (&str, u16, u16), usp: [&str; 2]) -> [Value; 4] {
    [
        json!({ "state": lwm2m[0], "result": lwm2m[1] }),
        json!({ "state": iotf[0], "update_status": iotf[1] }),
        json!({ "state": ocf.0, "cm": ocf.1, "result": ocf.2 }),
        json!({ "status": usp }),
    ]
}

#[test]
fn the_status_says_what_each_protocol_shows_without_powering_on() {
    let bench = Bench::new();
    assert_eq!(shown(&bench), views([0, 0], [0, 0], ("idle", 0, 0), ["Active", "NoImage"]));
    let image = fwupd_agent::firmware::build("6.6.6", SelfTest::Pass, common::IMAGE).unwrap();
    std::fs::write(bench.path("forged.suit"), common::package(&image, "6.6.6", 99, 2)).unwrap();
    bench.fails(&["install", "forged.suit"], 3, "authenticity");
    assert_eq!(shown(&bench), views([0, 5], [0, 4], ("idle", 0, 5), ["Active", "ValidationFailed"]));
    let package = bench.package("2.0.0", 11, SelfTest::Pass);
    bench.done(&["install", "--stage-only", &package]);
    assert_eq!(shown(&bench), views([2, 0], [2, 0], ("sva", 320, 1), ["Active", "Available"]));
    let before = bench.flash();
    let text = bench.done(&["status"]);
    assert_eq!(before, bench.flash());
    for line in [
        "lwm2m      2/0 (state/result)",
        "iotf       2/0 (state/status)",
        "ocf        sva/320/1 (state/cm/result)",
        "usp        Active, Available (status of each image)",
    ] {
        assert!(text.lines().any(|told| told == line), "{line:?} in {text}");
    }
    bench.done(&["activate"]);
    assert_eq!(shown(&bench), views([0, 1], [0, 0], ("idle", 0, 1), ["Available", "Active"]));
}

#[test]
fn what_only_one_protocol_knows_is_in_its_note() {
    let bench = Bench::new();
    let arguments =
        ["serve", "lwm2m", "--listen", "127.0.0.1:0", "--timeout", "60", "--uri", "ftp://127.0.0.1/x"];
    let mut server = bench.command(&arguments);
    server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = Process(server.spawn().unwrap());
    let mut err = std::io::BufReader::new(server.0.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let device =
        running(&bench, &["run", "--protocol", "lwm2m", "--server", &line.trim()["listening at ".len()..]]);
    server.0.wait().unwrap();
    drop(device);
    // Its URI was refused, and nothing was begun.
    assert_eq!(shown(&bench), views([0, 9], [0, 0], ("idle", 0, 0), ["Active", "NoImage"]));
}

/// What OCF, IoTF and USP peers read.
fn read(ocf: &mut Client, iotf: &mut Platform, usp: &mut Controller) -> Option<(String, (u64, u64), String)> {
    let (state, result) = ocf.shown().ok()?;
    let status = "Device.DeviceInfo.FirmwareImage.2.Status";
    let usp = usp.get(&[status]).ok()?.remove(status)?;
    Some((format!("{state}/{result}"), iotf.observe().ok()?, usp))
}

#[test]
fn protocols_of_the_configuration_are_spoken_at_once_and_one_update_is_at_work() {
    let bench = Bench::new();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut ocf = Client::new(port).unwrap();
    let mut iotf = Platform::open().unwrap();
    let mut usp = Controller::open("self::tester", "os::012345-tested").unwrap();
    let package = std::fs::read(bench.path(&bench.package("2.0.0", 11, SelfTest::Pass))).unwrap();
    let files = Files::open(package).unwrap();
    let (broker, websocket) = (iotf.address().unwrap(), usp.address().unwrap());
    let config = format!(
        "protocols = [\"ocf\", \"iotf\", \"usp\"]\n{}\n[ocf]\nlisten = \"{port}\"\n\
         [iotf]\nbroker = \"mqtt://{broker}\"\nretry = 50\n[usp]\nwebsocket = \"ws://{websocket}/\"\n\
         endpoint = \"os::012345-tested\"\ncontroller = \"self::tester\"\nretry = 50\n",
        common::CONFIG
    );
    std::fs::write(bench.path("dev/fwagent.toml"), config).unwrap();
    let device = running(&bench, &["run"]);
    let sees =
        |ocf: &mut Client, iotf: &mut Platform, usp: &mut Controller, told: (&str, (u64, u64), &str)| {
            until(told.0, || {
                let (seen_ocf, seen_iotf, seen_usp) = read(ocf, iotf, usp)?;
                ((seen_ocf.as_str(), seen_iotf, seen_usp.as_str()) == told).then_some(())
            });
        };
    sees(&mut ocf, &mut iotf, &mut usp, ("idle/0", (0, 0), "NoImage"));
    let args = [("URL", files.uri()), ("AutoActivate", "false")];
    let command = "Device.DeviceInfo.FirmwareImage.2.Download()";
    usp.ask(|out, id| controller::operate(out, id, command, "key", true, &args)).unwrap();
    sees(&mut ocf, &mut iotf, &mut usp, ("svv/0", (1, 0), "Downloading"));
    // It is USP's as long as it is at work: RFC 7252's 5.03, and 400.
    let refused = ocf.target(64).unwrap_err().to_string();
    assert!(refused.contains("5.03"), "{refused}");
    let answer = iotf.ask(Inbound::Download, None).unwrap();
    assert_eq!(answer["rc"], 400, "{answer}");
    files.go_on();
    sees(&mut ocf, &mut iotf, &mut usp, ("sva/1", (2, 0), "Available"));
    // It is anybody's now.
    assert_eq!(iotf.ask(Inbound::Install, None).unwrap()["rc"], 202);
    sees(&mut ocf, &mut iotf, &mut usp, ("idle/1", (0, 0), "Active"));
    assert_eq!((iotf.managed.len(), usp.connects), (2, 2), "once for each boot");
    drop(device);
    bench.stands("idle", 1, "2.0.0", None);
    assert_eq!(shown(&bench), views([0, 1], [0, 0], ("idle", 0, 1), ["Available", "Active"]));
}

/// A client's request that wants no acknowledgement.
fn posted(number: u16, resource: Resource, content: impl Fn(&mut Out<'_>)) -> Vec<u8> {
    let mut room = [0; 256];
    let token = Token::new(b"w").unwrap();
    let mut request = Writer::new(&mut room, Kind::NonConfirmable, Code::POST, number, token);
    for part in resource.href().split('/').skip(1) {
        request.option(option::URI_PATH, part.as_bytes());
    }
    request.uint(option::CONTENT_FORMAT, u32::from(FORMAT)).payload_with(|room| {
        let mut out = Out::new(room);
        content(&mut out);
        out.finish().unwrap()
    });
    let length = request.finish().unwrap();
    room[..length].to_vec()
}

/// Sends such requests, one after the other, until it is over.
fn floods(port: SocketAddr, over: &AtomicBool, request: impl Fn(u16) -> Vec<u8>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in (0..=u16::MAX).cycle() {
        socket.send_to(&request(number), port).unwrap();
        if over.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn a_download_is_told_as_it_ended_though_another_protocol_takes_over_at_once() {
    let bench = Bench::new();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut usp = Controller::open("self::tester", "os::012345-tested").unwrap();
    let package = std::fs::read(bench.path(&bench.package("2.0.0", 11, SelfTest::Pass))).unwrap();
    let files = Files::open(package).unwrap();
    let (listen, websocket) = (port.to_string(), format!("ws://{}/", usp.address().unwrap()));
    let ids = ["--endpoint-id", "os::012345-tested", "--controller-id", "self::tester"];
    let run =
        ["run", "--protocol", "ocf", "--protocol", "usp", "--listen", &listen, "--websocket", &websocket];
    let device = running(&bench, &[&run[..], &ids].concat());
    let images = "Device.DeviceInfo.FirmwareImage.";
    let settings = [
        ("Enable", "true", false),
        ("ID", "ended", true),
        ("NotifType", "OperationComplete", true),
        ("ReferenceList", images, true),
    ];
    let object = [("Device.LocalAgent.Subscription.", &settings[..])];
    usp.ask(|out, id| controller::add(out, id, false, &object)).unwrap();
    Client::new(port).unwrap().write(files.uri()).unwrap();
    let args = [("URL", files.uri()), ("AutoActivate", "false")];
    let command = format!("{images}2.Download()");
    usp.ask(|out, id| controller::operate(out, id, &command, "key", true, &args)).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            floods(port, &over, |number| posted(number, Resource::Pstat, |out| pstat::emit_update(128, out)));
        });
        files.go_on();
        until("the end", || {
            usp.listen(Instant::now() + Duration::from_millis(20));
            (!usp.notified.is_empty()).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(usp.notified[0], "ended: Download()");
    drop(device);
}

#[test]
fn a_factory_reset_is_done_though_another_protocol_keeps_the_journal_busy() {
    let bench = Bench::new();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut iotf = Platform::open().unwrap();
    bench.done(&["install", "--stage-only", &bench.package("2.0.0", 11, SelfTest::Pass)]);
    let broker = format!("mqtt://{}", iotf.address().unwrap());
    let listen = port.to_string();
    let run = ["run", "--protocol", "ocf", "--protocol", "iotf", "--listen", &listen, "--broker", &broker];
    let device = running(&bench, &run);
    until("what is staged", || (iotf.observe().ok()? == (2, 0)).then_some(()));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            floods(port, &over, |number| {
                let purl = format!("https://example.com/{number}");
                let update = Update { purl: &purl, action: Action::Idle, updatetime: When::EPOCH };
                posted(number, Resource::Software, |out| update.emit(out))
            });
        });
        // What nobody acknowledges is waited for, and then no longer: whatever else there is to write by then.
        iotf.holds = true;
        let answer = iotf.ask(Inbound::FactoryReset, None).unwrap();
        assert_eq!(answer["rc"], 202, "{answer}");
        until("the reset", || {
            iotf.listen(Duration::from_millis(20));
            (iotf.managed.len() == 2).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(iotf.observe().unwrap(), (0, 0));
    drop(device);
    assert_eq!(bench.status()["slots"][1]["holds"], "nothing");
}

#[test]
fn a_protocol_that_cannot_be_spoken_is_told_before_any_other_is() {
    let bench = Bench::new();
    bench.fails(&["--set", "protocols=[\"usp\", \"usp\"]", "run"], 64, "the same protocol twice");
    bench.fails(&["run"], 64, "no protocol: give --protocol");
    let both =
        ["run", "--protocol", "ocf", "--protocol", "iotf", "--listen", "127.0.0.1:0", "--broker", "x:"];
    bench.fails(&both, 64, "broker x:");
}

#[test]
fn a_device_that_is_stopped_says_farewell() {
    let bench = Bench::new();
    let mut iotf = Platform::open().unwrap();
    let mut usp = Controller::open("self::tester", "os::012345-tested").unwrap();
    let broker = format!("mqtt://{}", iotf.address().unwrap());
    let websocket = format!("ws://{}/", usp.address().unwrap());
    let ids = ["--endpoint-id", "os::012345-tested", "--controller-id", "self::tester"];
    let run =
        ["run", "--protocol", "iotf", "--protocol", "usp", "--broker", &broker, "--websocket", &websocket];
    let mut device = running(&bench, &[&run[..], &ids].concat());
    usp.get(&["Device.DeviceInfo."]).unwrap();
    iotf.observe().unwrap();
    let id = device.0.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let start = Instant::now();
    let code = until("the end", || {
        iotf.listen(Duration::ZERO);
        device.0.try_wait().unwrap()
    });
    assert_eq!(code.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(4), "nothing was waited for");
    assert_eq!(iotf.farewells, 1);
    let close = until("the close", || match usp.socket().unwrap().read() {
        Ok(Message::Close(frame)) => Some(frame.map(|frame| frame.code)),
        Ok(_) => None,
        Err(tungstenite::Error::Io(why)) if why.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(why) => panic!("{why}"),
    });
    assert_eq!(close, Some(CloseCode::Normal));
}

#[test]
fn the_pages_about_them_can_be_followed_to_the_letter() {
    let pages = [
        (include_str!("../../docs/iotf.md"), "1883", "no connection"),
        (include_str!("../../docs/ocf.md"), "56830", "listening at coap://127.0.0.1"),
        (include_str!("../../docs/usp.md"), "8080", "no connection"),
    ];
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_fwagent")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path =
        std::env::join_paths(std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path))).unwrap();
    for (page, port, told) in pages {
        let mut blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
        let dir = tempfile::tempdir().unwrap();
        let shell = |lines: &str| {
            let mut command = std::process::Command::new("sh");
            command.args(["-e", "-c", lines]).current_dir(dir.path()).env("PATH", &path);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
            command
        };
        // But for the server of files, which goes on.
        let (make, serve) = blocks.next().unwrap().trim_end().rsplit_once('\n').unwrap();
        assert!(serve.starts_with("python3 -m http.server"), "{serve}");
        let made = shell(make).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // But for the port, which somebody may have.
        let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let run = blocks.next().unwrap().trim_end().replace(port, &free);
        // It takes the place of the shell, so that it ends with it.
        let mut device = Process(shell(&format!("exec {run}")).spawn().unwrap());
        let mut lines = std::io::BufReader::new(device.0.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(told)), "{run}");
    }
}
