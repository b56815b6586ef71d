//! Downloads by HTTP, from a server that is good, bad, or ill.

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;
use std::sync::atomic::Ordering;

use common::http::{response, server};
use common::{Bench, Process, https};
use fwupd_agent::firmware::SelfTest;

/// Has a server give the device this URI; returns what it saw in the end.
fn update(bench: &Bench, uri: &str) -> String {
    update_with(bench, uri, &[])
}

/// The same with more flags of the device.
fn update_with(bench: &Bench, uri: &str, flags: &[&str]) -> String {
    let arguments = ["serve", "lwm2m", "--listen", "127.0.0.1:0", "--timeout", "60", "--uri", uri];
    let mut command = bench.command(&arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut manager = Process(command.spawn().unwrap());
    let mut err = BufReader::new(manager.0.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let at = line.trim().strip_prefix("listening at ").unwrap().to_owned();
    let run = ["run", "--protocol", "lwm2m", "--endpoint", "http", "--server", &at];
    let mut device = bench.command(&[flags, &run].concat());
    let device = device.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let device = Process(device.spawn().unwrap());
    let mut out = String::new();
    manager.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    drop(device);
    out.lines().next().unwrap_or_default().to_owned()
}

fn bench() -> (Bench, Vec<u8>) {
    let bench = Bench::new();
    let name = bench.package("2.0.0", 11, SelfTest::Pass);
    let package = std::fs::read(bench.path(&name)).unwrap();
    (bench, package)
}

#[test]
fn a_plain_get_brings_the_package() {
    let (bench, package) = bench();
    let length = package.len();
    let (uri, asked) = server(Box::new(move |_| response("200 OK", "ETag: \"one\"\r\n", &package, length)));
    assert_eq!(update(&bench, &uri), "state 0, result 1, 2.0.0");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_redirect_is_followed_and_a_loop_of_them_is_not() {
    let (bench, package) = bench();
    let length = package.len();
    let (good, _) = server(Box::new(move |_| response("200 OK", "", &package, length)));
    let (uri, _) = server(Box::new(move |_| response("302 Found", &format!("Location: {good}\r\n"), b"", 0)));
    assert_eq!(update(&bench, &uri), "state 0, result 1, 2.0.0");
    let (uri, asked) = server(Box::new(|_| response("302 Found", "Location: /2.0.0.suit\r\n", b"", 0)));
    assert_eq!(update(&bench, &uri), "state 0, result 7, 2.0.0");
    assert!(asked.load(Ordering::SeqCst) < 10);
}

#[test]
fn a_response_that_breaks_off_is_asked_for_again() {
    let (bench, package) = bench();
    let length = package.len();
    let (uri, asked) = server(Box::new(move |n| match n {
        0 => response("200 OK", "", &package[..length / 2], length),
        1 => response("503 Service Unavailable", "", b"", 0),
        _ => response("200 OK", "", &package, length),
    }));
    assert_eq!(update(&bench, &uri), "state 0, result 1, 2.0.0");
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn what_is_not_there_or_not_http_fails_with_its_result() {
    let (bench, package) = bench();
    let (uri, _) = server(Box::new(|_| response("404 Not Found", "", b"", 0)));
    assert_eq!(update(&bench, &uri), "state 0, result 7, 1.0.0");
    // Longer than the signed size says.
    let longer = [&package[..], &[0; 100]].concat();
    let (uri, _) = server(Box::new(move |_| response("200 OK", "", &longer, longer.len())));
    assert_eq!(update(&bench, &uri), "state 0, result 5, 1.0.0");
    // A page where the package should be.
    let (uri, _) = server(Box::new(|_| response("200 OK", "", b"<html>log in</html>", 19)));
    assert_eq!(update(&bench, &uri), "state 0, result 6, 1.0.0");
}

#[test]
fn a_host_is_trusted_by_its_authority_alone() {
    let (bench, package) = bench();
    let (uri, ca) = https::serves(package.clone(), "127.0.0.1");
    std::fs::write(bench.path("ca.pem"), ca).unwrap();
    let trusting = ["--set", "http.ca=../ca.pem"];
    // Mozilla's authorities do not know it.
    assert_eq!(update(&bench, &uri), "state 0, result 4, 1.0.0");
    bench.stands("idle", 0, "1.0.0", Some("peer not trusted"));
    // Another host of another authority, one of the right authority under another name, and a file without any.
    let (stranger, _) = https::serves(package.clone(), "127.0.0.1");
    assert_eq!(update_with(&bench, &stranger, &trusting), "state 0, result 4, 1.0.0");
    let (misnamed, ca) = https::serves(package, "files.example");
    std::fs::write(bench.path("other.pem"), ca).unwrap();
    assert_eq!(
        update_with(&bench, &misnamed, &["--set", "http.ca=../other.pem"]),
        "state 0, result 4, 1.0.0"
    );
    bench.stands("idle", 0, "1.0.0", Some("peer not trusted"));
    assert_eq!(update_with(&bench, &uri, &["--set", "http.ca=../k1.pub.pem"]), "state 0, result 4, 1.0.0");
    bench.stands("idle", 0, "1.0.0", Some("peer not trusted"));
    assert_eq!(update_with(&bench, &uri, &trusting), "state 0, result 1, 2.0.0");
}
