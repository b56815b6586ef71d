//! Download by URI: rows 36, 40 to 50, 92 (rows 49, 50 and 92 over `fwupd_coap::pull`).

use fwupd_core::outcome::Failure;
use fwupd_testkit::reference::package;

use crate::rig::{Fetch, Files, OPAQUE, Rig, TEXT};

const URI: &str = "coap://example.com/fw";

/// A rig that downloads by CoAP, from a server like this.
fn from(files: Files) -> Rig {
    let mut rig = Rig::new();
    rig.device.files.insert(URI.into(), package("one-integrated.suit"));
    rig.files = files;
    rig.fetch = Fetch::Coap;
    rig
}

fn begin(rig: &mut Rig) {
    assert_eq!(rig.put("/5/0/1", TEXT, URI.as_bytes()), "2.04");
    assert_eq!(rig.shown(), "1/0");
}

/// A rig in Downloading, nothing of it there yet.
fn downloading() -> Rig {
    let mut rig = from(Files::default());
    rig.fetch = Fetch::Hold;
    begin(&mut rig);
    rig.settle();
    rig
}

#[test]
fn r36_a_uri_is_downloaded_and_notified() {
    let mut rig = from(Files::default());
    rig.observe("/5/0/3");
    rig.observe("/5/0/5");
    begin(&mut rig);
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/3 1", "/5/0/3 2"]);
    assert_eq!(rig.shown(), "2/0");
    assert_eq!(rig.read("/5/0/1"), URI);
    assert_eq!(rig.files.asked, [(0, 6), (1, 6)]);
}

#[test]
fn r40_what_the_server_does_not_have_is_an_invalid_uri() {
    for code in [0x84, 0x80, 0x83, 0x9D] {
        let mut rig = from(Files { refuses: Some(code), ..Files::default() });
        begin(&mut rig);
        rig.settle();
        assert_eq!(rig.shown(), "0/7", "{code:x}");
        assert_eq!(rig.files.asked.len(), 1, "it is not asked again");
    }
    let mut rig = downloading();
    rig.fetch = Fetch::Fail(Failure::TransportStatus(404));
    rig.settle();
    assert_eq!(rig.shown(), "0/7", "by HTTP");
}

#[test]
fn r41_a_server_that_cannot_serve_is_a_lost_connection() {
    let mut rig = from(Files { refuses: Some(0xA3), ..Files::default() });
    begin(&mut rig);
    rig.settle();
    assert_eq!(rig.shown(), "0/4");
    assert_eq!(rig.files.asked.len(), 5, "it is asked again, as often as the policy says");
    let mut rig = downloading();
    rig.fetch = Fetch::Fail(Failure::TransportStatus(503));
    rig.settle();
    assert_eq!(rig.shown(), "0/4", "by HTTP");
}

#[test]
fn r42_a_server_that_does_not_answer_is_a_lost_connection() {
    for dies_at in [0, 1] {
        let mut rig = from(Files { dies_at, ..Files::default() });
        begin(&mut rig);
        rig.pass(90_000);
        assert_eq!(rig.shown(), "1/0");
        rig.pass(600_000);
        assert_eq!(rig.shown(), "0/4");
    }
    // For a delivery it is row 25.
}

#[test]
fn r44_another_uri_is_refused_while_downloading() {
    for write in [URI, "coap://example.com/other", "ftp://example.com/fw", "coap://"] {
        let mut rig = downloading();
        assert_eq!(rig.put("/5/0/1", TEXT, write.as_bytes()), "4.00", "{write}");
        assert_eq!((rig.shown(), rig.read("/5/0/1")), ("1/0".into(), URI.into()));
    }
}

#[test]
fn r45_a_package_is_refused_while_downloading() {
    let mut rig = downloading();
    let file = package("one-integrated.suit");
    assert_eq!(rig.put("/5/0/0", OPAQUE, &file), "4.00");
    assert_eq!(rig.block(0, true, 5, &file[..512]).code, "4.00");
    assert_eq!(rig.block(1, true, 5, &file[512..1024]).code, "4.08");
    assert_eq!(rig.shown(), "1/0");
    rig.fetch = Fetch::Coap;
    rig.settle();
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r46_update_is_not_executed_while_downloading() {
    let mut rig = downloading();
    assert_eq!(rig.post("/5/0/2", b""), "4.05");
    assert_eq!(rig.shown(), "1/0");
    let mut rig = Rig::new();
    assert_eq!(rig.block(0, true, 5, &package("one-integrated.suit")[..512]).code, "2.31");
    assert_eq!(rig.post("/5/0/2", b""), "4.05");
    assert_eq!(rig.shown(), "1/0");
}

#[test]
fn r47_a_reset_aborts_the_download() {
    let file = package("one-integrated.suit");
    for (path, format, payload) in
        [("/5/0/1", TEXT, &b""[..]), ("/5/0/1", TEXT, b"\0"), ("/5/0/0", OPAQUE, &[0])]
    {
        let mut rig = downloading();
        assert_eq!(rig.put(path, format, payload), "2.04");
        assert_eq!(rig.shown(), "0/0");
        rig.fetch = Fetch::Coap;
        rig.pass(60_000);
        assert_eq!((rig.files.asked.len(), rig.shown().as_str()), (0, "0/0"), "nothing is fetched any more");

        let mut rig = Rig::new();
        assert_eq!(rig.block(0, true, 5, &file[..512]).code, "2.31");
        assert_eq!(rig.put(path, format, payload), "2.04");
        assert_eq!(rig.shown(), "0/0");
        assert_eq!(rig.block(1, true, 5, &file[512..1024]).code, "4.08");
        rig.reboot();
        assert_eq!(rig.shown(), "0/0");
    }
}

#[test]
fn r48_cancel_aborts_the_download_and_keeps_the_uri() {
    let mut rig = downloading();
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    assert_eq!((rig.shown(), rig.read("/5/0/1")), ("0/10".into(), URI.into()));
    rig.fetch = Fetch::Coap;
    rig.pass(60_000);
    assert_eq!(rig.files.asked.len(), 0);
}

#[test]
fn r49_a_file_that_changes_restarts_the_download_once() {
    let once = |count| if count < 2 { &b"v1"[..] } else { b"v2" };
    let mut rig = from(Files { exponent: Some(4), tag: once, ..Files::default() });
    begin(&mut rig);
    rig.settle();
    assert_eq!(rig.shown(), "2/0");
    assert_eq!(rig.files.asked.iter().filter(|(number, _)| *number == 0).count(), 2);

    let always = |count| if count % 2 == 0 { &b"v1"[..] } else { b"v2" };
    let mut rig = from(Files { exponent: Some(4), tag: always, ..Files::default() });
    begin(&mut rig);
    rig.settle();
    assert_eq!(rig.shown(), "0/4");
}

#[test]
fn r50_a_download_goes_on_after_a_reset() {
    let cut = || {
        let mut rig = from(Files { exponent: Some(4), dies_at: 6, ..Files::default() });
        rig.device.tag = Vec::new();
        begin(&mut rig);
        rig
    };
    let mut rig = cut();
    rig.settle();
    assert_eq!(rig.shown(), "1/0");
    rig.files = Files { exponent: Some(4), ..Files::default() };
    rig.fetch = Fetch::Hold;
    rig.reboot();
    assert_eq!(
        (rig.shown(), rig.read("/5/0/1")),
        ("1/0".into(), URI.into()),
        "not Idle, as a server would take it"
    );
    rig.fetch = Fetch::Coap;
    rig.settle();
    let (first, exponent) = rig.files.asked[0];
    assert!(first << (exponent + 4) >= 512, "from a checkpoint on: {:?}", rig.files.asked);
    assert_eq!(rig.shown(), "2/0");

    let mut rig = cut();
    rig.files.tag = |_| b"";
    rig.settle();
    rig.files = Files { exponent: Some(4), tag: |_| b"", ..Files::default() };
    rig.reboot();
    assert_eq!(rig.files.asked[0].0, 0, "nothing tells that it is the same file");
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r92_servers_differ() {
    let good = Files::default();
    for (files, blocks) in [
        (Files { exponent: Some(2), ..good.clone() }, 29),
        (Files { exponent: Some(0), ..good.clone() }, 113),
        (Files { exponent: None, ..good.clone() }, 1),
        (Files { size2: false, ..good.clone() }, 2),
        // The second request is answered with the first block once more.
        (
            Files {
                exponent: Some(4),
                block: |count, asked| if count == 1 { 0 } else { asked },
                ..good.clone()
            },
            9,
        ),
    ] {
        let told = format!("{files:?}");
        let mut rig = from(files);
        begin(&mut rig);
        rig.settle();
        assert_eq!(rig.shown(), "2/0", "{told}");
        assert_eq!(rig.files.asked.len(), blocks, "{told}");
    }
    let skips = Files { exponent: Some(4), block: |count, asked| asked + u32::from(count == 2), ..good };
    let mut rig = from(skips.clone());
    rig.device.policy.attempts = 1;
    rig.reset();
    rig.settle();
    begin(&mut rig);
    rig.settle();
    assert_eq!(rig.shown(), "0/4", "a block was skipped, and no other attempt is allowed");
    let mut rig = from(skips);
    begin(&mut rig);
    rig.settle();
    assert_eq!(rig.shown(), "2/0", "another attempt goes on where it was");
}

/// What the application's transport finds out. Without credentials for a scheme that is supported it says that
/// it cannot speak it.
#[test]
fn r43_a_peer_that_is_not_trusted_and_missing_credentials_are_told() {
    let with = |why| {
        let mut rig = Rig::with(|config| {
            config.schemes = config.schemes.with(fwupd_lwm2m::spec::Protocol::Coaps);
        });
        rig.fetch = Fetch::Fail(why);
        assert_eq!(rig.put("/5/0/1", TEXT, b"coaps://example.com/fw"), "2.04");
        rig.settle();
        rig.shown()
    };
    assert_eq!(with(Failure::PeerNotTrusted), "0/4");
    assert_eq!(with(Failure::UnsupportedProtocol), "0/9");
}
