//! One device, and what several protocols show of it at the same time.

mod common;

use std::process::Stdio;

use common::{Bench, Process, running};
use fwupd_agent::firmware::SelfTest;
use serde_json::{Value, json};

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
    std::io::BufRead::read_line(&mut err, &mut line).unwrap();
    let device =
        running(&bench, &["run", "--protocol", "lwm2m", "--server", &line.trim()["listening at ".len()..]]);
    server.0.wait().unwrap();
    drop(device);
    // Its URI was refused, and nothing was begun.
    assert_eq!(shown(&bench), views([0, 9], [0, 0], ("idle", 0, 0), ["Active", "NoImage"]));
}
