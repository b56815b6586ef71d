//! A USP agent that connects to a controller by WebSocket, on the loopback interface.

mod common;

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use common::{Bench, Process, http, running, until};
use fwupd_agent::firmware::SelfTest;
use fwupd_agent::peers::usp::Controller;
use fwupd_usp::wire::controller;
use rusp_lib::usp::mod_Body::OneOfmsg_body;
use rusp_lib::usp::mod_OperateResp::mod_OperationResult::OneOfoperation_resp;
use rusp_lib::usp::mod_Response::OneOfresp_type;
use sha2::{Digest as _, Sha256};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

const CONTROLLER: &str = "self::tester";
const AGENT: &str = "os::012345-tested";
const IMAGE: &str = "Device.DeviceInfo.FirmwareImage.";

fn start(bench: &Bench, controller: &Controller) -> Process {
    let url = format!("ws://{}/usp", controller.address().unwrap());
    let ids = ["--endpoint-id", AGENT, "--controller-id", CONTROLLER, "--trace"];
    let run = ["--set", "usp.retry=50", "run", "--protocol", "usp", "--websocket", &url];
    running(bench, &[&run[..], &ids].concat())
}

fn controller() -> Controller {
    Controller::open(CONTROLLER, AGENT).unwrap()
}

/// Status of the two images, and the version that runs.
fn shown(controller: &mut Controller) -> Option<[String; 3]> {
    let values = controller.get(&[IMAGE, "Device.DeviceInfo.SoftwareVersion"]).ok()?;
    let value = |name: String| values.get(&name).cloned();
    let status = |n: u8| value(format!("{IMAGE}{n}.Status"));
    Some([status(1)?, status(2)?, value("Device.DeviceInfo.SoftwareVersion".to_owned())?])
}

#[track_caller]
fn sees(controller: &mut Controller, status: [&str; 3]) {
    until(&status.join(" "), || shown(controller).filter(|shown| *shown == status));
}

fn subscribe(controller: &mut Controller, name: &str, kind: &str, of: &str, persistent: bool) {
    let persistent = if persistent { "true" } else { "false" };
    let settings = [
        ("Enable", "true", false),
        ("ID", name, true),
        ("NotifType", kind, true),
        ("ReferenceList", of, true),
        ("Persistent", persistent, false),
    ];
    let object = [("Device.LocalAgent.Subscription.", &settings[..])];
    let answer = controller.ask(|out, id| controller::add(out, id, false, &object)).unwrap();
    assert!(!is_error(&answer));
}

fn is_error(message: &[u8]) -> bool {
    let message = rusp_lib::usp_decoder::try_decode_msg(message).unwrap();
    matches!(message.body.unwrap().msg_body, OneOfmsg_body::error(_))
}

/// Gives a command; its result as another implementation reads it: the request that it has become, or its error.
fn operate(controller: &mut Controller, command: &str, args: &[(&str, &str)]) -> Result<String, u32> {
    let answer = controller.ask(|out, id| controller::operate(out, id, command, "key", true, args)).unwrap();
    let message = rusp_lib::usp_decoder::try_decode_msg(&answer).unwrap();
    let OneOfmsg_body::response(response) = message.body.unwrap().msg_body else { panic!("no response") };
    let OneOfresp_type::operate_resp(response) = response.resp_type else { panic!("another response") };
    match &response.operation_results[0].operation_resp {
        OneOfoperation_resp::req_obj_path(path) => Ok(path.to_string()),
        OneOfoperation_resp::cmd_failure(failure) => Err(failure.err_code),
        OneOfoperation_resp::req_output_args(_) | OneOfoperation_resp::None => Ok(String::new()),
    }
}

fn package(bench: &Bench, selftest: SelfTest) -> String {
    http::serves(std::fs::read(bench.path(&bench.package("2.0.0", 11, selftest))).unwrap())
}

#[test]
fn a_download_is_activated_and_persistent_subscriptions_outlive_the_reset() {
    let bench = Bench::new();
    let uri = package(&bench, SelfTest::Pass);
    let mut controller = controller();
    let device = start(&bench, &controller);
    sees(&mut controller, ["Active", "NoImage", "1.0.0"]);
    assert_eq!((controller.query.as_str(), controller.connects), ("eid=os::012345-tested", 1));
    subscribe(&mut controller, "boot", "Event", "Device.Boot!", true);
    subscribe(&mut controller, "version", "ValueChange", "Device.DeviceInfo.SoftwareVersion", true);
    subscribe(
        &mut controller,
        "done",
        "OperationComplete",
        "Device.DeviceInfo.FirmwareImage.*.Download()",
        false,
    );
    let asked = operate(
        &mut controller,
        "Device.DeviceInfo.FirmwareImage.2.Download()",
        &[("URL", &uri), ("AutoActivate", "true")],
    );
    assert_eq!(asked.as_deref(), Ok("Device.LocalAgent.Request.1."));
    sees(&mut controller, ["Available", "Active", "2.0.0"]);
    until("the boot", || {
        controller.listen(Instant::now() + Duration::from_millis(50));
        let told = |what: &str| controller.notified.iter().any(|told| told == what);
        let boot = told("boot: Boot! Cause=RemoteReboot");
        (told("done: Download()") && boot && told("version: Device.DeviceInfo.SoftwareVersion=2.0.0"))
            .then_some(())
    });
    assert_eq!(controller.connects, 2, "once for each boot");
    drop(device);
    bench.stands("idle", 1, "2.0.0", None);
    // What is not persistent is gone.
    let device = start(&bench, &controller);
    controller.hang_up();
    let values = controller.get(&["Device.LocalAgent.Subscription."]).unwrap();
    let mut names: Vec<_> =
        values.iter().filter(|(name, _)| name.ends_with(".ID")).map(|(_, id)| id.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["boot", "version"]);
    drop(device);
    let kept = bench.path("dev/usp-subscriptions");
    let bytes = std::fs::read(&kept).unwrap();
    bench.done(&["factory-reset"]);
    assert!(!kept.exists());
    std::fs::write(&kept, bytes).unwrap();
    bench.done(&["provision", "--force", "--image", "2.0.0.suit"]);
    assert!(!kept.exists());
}

#[test]
fn a_reboot_is_a_reset_and_what_fails_to_boot_is_shown() {
    let bench = Bench::new();
    let uri = package(&bench, SelfTest::Fail);
    let mut controller = controller();
    let device = start(&bench, &controller);
    sees(&mut controller, ["Active", "NoImage", "1.0.0"]);
    assert_eq!(operate(&mut controller, "Device.Reboot()", &[]).as_deref(), Ok(""));
    until("the second boot", || {
        controller.listen(Instant::now() + Duration::from_millis(50));
        controller.get(&[IMAGE]).ok();
        (controller.connects == 2).then_some(())
    });
    let download = "Device.DeviceInfo.FirmwareImage.2.Download()";
    assert_eq!(operate(&mut controller, download, &[("URL", "ftp://127.0.0.1/x")]), Err(7004));
    assert!(operate(&mut controller, download, &[("URL", &uri), ("AutoActivate", "false")]).is_ok());
    sees(&mut controller, ["Active", "Available", "1.0.0"]);
    assert!(operate(&mut controller, "Device.DeviceInfo.FirmwareImage.2.Activate()", &[]).is_ok());
    sees(&mut controller, ["Active", "ActivationFailed", "1.0.0"]);
    drop(device);
    bench.stands("idle", 0, "1.0.0", Some("rejected by the application"));
}

#[test]
fn a_window_is_used_while_the_controller_is_away() {
    let bench = Bench::new();
    let uri = package(&bench, SelfTest::Pass);
    let mut controller = controller();
    let device = start(&bench, &controller);
    sees(&mut controller, ["Active", "NoImage", "1.0.0"]);
    let row = |command| format!("Device.DeviceInfo.FirmwareImage.2.{command}");
    assert!(
        operate(&mut controller, &row("Download()"), &[("URL", &uri), ("AutoActivate", "false")]).is_ok()
    );
    sees(&mut controller, ["Active", "Available", "1.0.0"]);
    let window = [("Start", "1"), ("End", "60"), ("Mode", "Immediately")];
    let window = window.map(|(member, value)| (format!("TimeWindow.1.{member}"), value));
    let window = window.each_ref().map(|(member, value)| (member.as_str(), *value));
    assert!(operate(&mut controller, &row("Activate()"), &window).is_ok());
    // Nobody accepts a connection from here on.
    controller.hang_up();
    until("the new version", || {
        let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
        told.contains("2.0.0 is on trial").then_some(())
    });
    sees(&mut controller, ["Available", "Active", "2.0.0"]);
    drop(device);
    bench.stands("idle", 1, "2.0.0", None);
}

#[test]
fn a_checksum_of_the_file_is_checked_beside_the_signature() {
    let bench = Bench::new();
    let bytes = std::fs::read(bench.path(&bench.package("2.0.0", 11, SelfTest::Pass))).unwrap();
    let uri = http::serves(bytes.clone());
    let right: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02X}")).collect();
    let wrong = right.replace(|c: char| c.is_ascii_digit(), "0");
    let mut controller = controller();
    let device = start(&bench, &controller);
    sees(&mut controller, ["Active", "NoImage", "1.0.0"]);
    for (sum, status) in [(wrong, "ValidationFailed"), (right, "Available")] {
        let args = [("URL", uri.as_str()), ("CheckSumAlgorithm", "SHA-256"), ("CheckSum", sum.as_str())];
        assert!(operate(&mut controller, "Device.DeviceInfo.FirmwareImage.2.Download()", &args).is_ok());
        sees(&mut controller, ["Active", status, "1.0.0"]);
    }
    drop(device);
}

/// The status that the agent closes the connection with, once it has been sent this.
fn closes_on(controller: &mut Controller, message: Message) -> Option<CloseCode> {
    if controller.socket().is_none() {
        controller.accept().unwrap();
    }
    let socket = controller.socket().unwrap();
    socket.send(message).unwrap();
    let end = Instant::now() + common::PATIENCE;
    let code = loop {
        match socket.read() {
            Ok(Message::Close(frame)) => break frame.map(|frame| frame.code),
            Ok(_) => {}
            Err(tungstenite::Error::Io(why)) if why.kind() == std::io::ErrorKind::WouldBlock => {
                assert!(Instant::now() < end, "it is not closed");
            }
            Err(why) => panic!("{why}"),
        }
    };
    controller.hang_up();
    code
}

#[test]
fn what_is_no_record_closes_the_connection_and_another_one_is_opened() {
    let bench = Bench::new();
    let mut controller = controller();
    let device = start(&bench, &controller);
    for (message, code) in [
        (Message::Text("hello".into()), CloseCode::Unsupported),
        (Message::Binary(vec![0xFF; 20].into()), CloseCode::Unsupported),
        (Message::Binary(vec![0; 70_000].into()), CloseCode::Size),
    ] {
        assert_eq!(closes_on(&mut controller, message), Some(code));
    }
    sees(&mut controller, ["Active", "NoImage", "1.0.0"]);
    // A server that is gone, one that speaks something else, one that is no server, and the right one again.
    let address = controller.address().unwrap();
    drop(controller);
    std::thread::sleep(Duration::from_millis(200));
    let other = TcpListener::bind(address).unwrap();
    for _ in 0..2 {
        let (mut stream, _) = other.accept().unwrap();
        let _ =
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    drop(other);
    let mut controller = reopened(address);
    sees(&mut controller, ["Active", "NoImage", "1.0.0"]);
    drop(device);
    let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
    assert!(told.contains("no connection: HTTP error: 404"), "{told}");
}

fn reopened(address: SocketAddr) -> Controller {
    until("the port", || Controller::at(address, CONTROLLER, AGENT).ok())
}

#[test]
fn a_server_without_the_subprotocol_is_none() {
    let bench = Bench::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/usp", listener.local_addr().unwrap());
    let run = ["--set", "usp.retry=50", "run", "--protocol", "usp", "--trace", "--websocket", &url];
    let device = running(&bench, &run);
    for _ in 0..2 {
        let (stream, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(stream).unwrap();
        assert!(socket.read().is_err(), "nothing is sent");
    }
    drop(device);
    let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
    assert!(told.contains("no connection: WebSocket protocol error: SubProtocol error"), "{told}");
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    let bench = Bench::new();
    let run = ["run", "--protocol", "usp"];
    for (arguments, line) in [
        (&["--websocket", "http://127.0.0.1/"][..], "websocket http://127.0.0.1/: only ws"),
        (&["--websocket", "127.0.0.1:80"], "websocket 127.0.0.1:80"),
        (&["--endpoint-id", ""], "endpoint \"\": an Endpoint ID"),
        (&["--controller-id", "me"], "controller \"me\""),
        (&["--endpoint-id", "os::1", "--controller-id", "os::1"], "the same Endpoint ID"),
    ] {
        bench.fails(&[&run[..], arguments].concat(), 64, line);
    }
    let long = format!("os::{}", "x".repeat(482));
    let ids = ["--endpoint-id", &long, "--controller-id", "os::controller"];
    bench.fails(&[&run[..], &ids].concat(), 64, "Endpoint IDs of more than 499 bytes");
    bench.fails(&["--set", "usp.retry=0", "status"], 1, "[usp]: ");
    std::fs::create_dir(bench.path("dev/usp-subscriptions")).unwrap();
    bench.fails(&run, 1, "usp-subscriptions");
}
