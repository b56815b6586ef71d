//! A device and a server, each its own process, on the loopback interface.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Bench, Process, running};
use fwupd_agent::firmware::SelfTest;

/// A running `fwagent serve lwm2m`.
struct Server {
    process: Process,
    uri: String,
    err: BufReader<ChildStderr>,
}

impl Server {
    fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut command = bench.command(
            &[&["serve", "lwm2m", "--listen", "127.0.0.1:0", "--timeout", "60"], arguments].concat(),
        );
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let mut err = BufReader::new(process.0.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let uri = line.trim().strip_prefix("listening at ").unwrap_or_else(|| panic!("{line:?}")).to_owned();
        Self { process, uri, err }
    }

    /// Its exit code, what it prints, and what it tells on stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.process.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.err.read_to_string(&mut err).unwrap();
        (self.process.0.wait().unwrap().code(), out, err)
    }

    fn device<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["run", "--protocol", "lwm2m", "--endpoint", "tested", "--server", &self.uri], more].concat()
    }
}

#[test]
fn a_push_is_installed_and_both_traces_tell_the_same_messages() {
    let bench = Bench::new();
    let package = bench.package("2.0.0", 11, SelfTest::Pass);
    let server = Server::start(&bench, &["--push", &package, "--block", "512", "--trace"]);
    let mut device = running(&bench, &server.device(&["--trace"]));
    let (code, out, err) = server.end();
    assert_eq!((code, out.lines().next()), (Some(0), Some("state 0, result 1, 2.0.0")), "{err}");
    assert_eq!(out.lines().nth(1), Some("seen 0/0 1/0 2/0 3/0 0/1"));
    device.0.kill().unwrap();
    device.0.wait().unwrap();
    let told = std::fs::read_to_string(bench.path("device.err")).unwrap();
    let both = [
        "| Register",
        "| Read FirmwareVersion",
        "| Observe State",
        "block1=1/1/512",
        "| Write Package",
        "2.31 block1=0/1/512",
        "| Execute Update",
        "| State = 3 Updating",
        "| UpdateResult = 1 Success",
    ];
    for message in both {
        assert!(told.contains(message) && err.contains(message), "{message:?} in\n{told}\nand in\n{err}");
    }
    // What leaves the one comes in at the other.
    let lines = |text: &str, arrow: &str, what: &str| {
        text.lines().filter(|line| line.starts_with(arrow) && line.ends_with(what)).count()
    };
    assert_eq!(lines(&err, "->", "| Write Package"), lines(&told, "<-", "| Write Package"));
}

#[test]
fn an_offer_is_downloaded_and_left_alone_where_it_is_not_to_be_executed() {
    let bench = Bench::new();
    let package = bench.package("2.0.0", 11, SelfTest::Pass);
    let server = Server::start(&bench, &["--offer", &package, "--no-execute"]);
    let device = running(&bench, &server.device(&[]));
    let (code, out, err) = server.end();
    drop(device);
    let size = std::fs::metadata(bench.path(&package)).unwrap().len();
    let told = format!("state 2, result 0, 1.0.0\nseen 0/0 1/0 2/0\nserved {size} bytes\n");
    assert_eq!((code, out), (Some(0), told), "each byte once: {err}");
    assert_eq!(bench.status()["state"], "staged");
}

#[test]
fn a_download_that_was_cut_goes_on_without_a_server_of_the_protocol() {
    let bench = Bench::new();
    let package = bench.package("2.0.0", 11, SelfTest::Pass);
    let server = Server::start(&bench, &["--offer", &package]);
    bench.killed_at(&server.device(&[]), "receiving: 50 %");
    assert_eq!(bench.status()["state"], "receiving");
    // It is only downloaded: whoever asked for it has to ask for its activation.
    let told = bench.done(&["resume"]);
    assert!(told.contains("2.0.0 is staged in slot 1"), "{told}");
}

#[test]
fn what_fails_is_told_by_the_exit_code_of_the_server() {
    let bench = Bench::new();
    let good = bench.package("2.0.0", 11, SelfTest::Pass);
    let failing = bench.package("2.1.0", 12, SelfTest::Fail);
    let older = bench.package("0.9.0", 9, SelfTest::Pass);
    let nowhere = "coap://no-such-host.invalid/2.0.0.suit";
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--push", &older], 3, "state 0, result 6, 1.0.0"),
        (&["--push", &failing], 6, "state 0, result 8, 1.0.0"),
        (&["--uri", nowhere], 1, "state 0, result 7, 1.0.0"),
        (&["--uri", "ftp://127.0.0.1/x"], 1, "state 0, result 9, 1.0.0"),
        (&["--push", &good], 0, "state 0, result 1, 2.0.0"),
    ];
    for (arguments, exit, told) in cases {
        let server = Server::start(&bench, arguments);
        let device = running(&bench, &server.device(&[]));
        let (code, out, err) = server.end();
        drop(device);
        assert_eq!((code, out.lines().next()), (Some(exit), Some(told)), "{arguments:?}: {err}");
    }
}

#[test]
fn a_server_that_no_device_comes_to_ends_in_time() {
    let bench = Bench::new();
    let package = bench.package("2.0.0", 11, SelfTest::Pass);
    let start = Instant::now();
    bench.fails(
        &["serve", "lwm2m", "--listen", "127.0.0.1:0", "--push", &package, "--timeout", "1"],
        5,
        "no device",
    );
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_page_about_it_can_be_followed_to_the_letter() {
    let page = include_str!("../../docs/lwm2m.md");
    let mut blocks = page.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // But for the port, which somebody may have.
    let server = format!("{} --listen 127.0.0.1:{port} --timeout 60", blocks.next().unwrap().trim_end());
    let device = blocks.next().unwrap().trim_end().replace("5683", &port.to_string());
    let dir = tempfile::tempdir().unwrap();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_fwagent")).parent().unwrap();
    let shell = |lines: &str| {
        let mut command = Command::new("sh");
        let path = std::env::join_paths(
            std::iter::once(bin.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
        );
        command.args(["-e", "-c", lines]).current_dir(dir.path()).env("PATH", path.unwrap());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process(command.spawn().unwrap())
    };
    let mut server = shell(&server);
    let mut err = BufReader::new(server.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(err.any(|line| line.contains("listening at")));
    // It takes the place of the shell, so that it ends with it.
    let device = shell(&format!("exec {device} 2> device.err"));
    let mut out = String::new();
    server.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    drop(device);
    assert!(out.contains("state 0, result 1, 2.0.0\n"), "{out}");
}

#[test]
fn what_cannot_be_is_wrong_usage() {
    let bench = Bench::new();
    let run = ["run", "--protocol", "lwm2m"];
    for (arguments, line) in [
        (&["run"][..], "no protocol: give --protocol"),
        (&["run", "--protocol", "smoke-signals"], "smoke-signals"),
        (&["run", "--protocol", "lwm2m", "--protocol", "lwm2m"], "twice"),
        (&[&run[..], &["--server", "http://127.0.0.1"]].concat(), "only coap"),
        (&[&run[..], &["--server", "127.0.0.1:5683"]].concat(), "server 127.0.0.1:5683"),
        (&[&run[..], &["--endpoint", ""]].concat(), "endpoint"),
        (&[&run[..], &["--endpoint", &"x".repeat(129)]].concat(), "endpoint"),
        (&[&run[..], &["--lifetime", "0"]].concat(), "lifetime"),
        (&["serve", "lwm2m"], "--push"),
        (&["serve", "lwm2m", "--watch", "--uri", "coap://a/b"], "--uri"),
        (&["serve", "lwm2m", "--push", "x", "--block", "100"], "--block"),
        (&["serve", "lwm2m", "--watch", "--listen", "nowhere"], "--listen"),
    ] {
        bench.fails(arguments, 64, line);
    }
    bench.fails(&["serve", "lwm2m", "--listen", "127.0.0.1:0", "--push", "absent.suit"], 1, "absent.suit");
    bench.fails(&["--set", "coap.ack_timeout=0", "status"], 1, "ack_timeout");
}
