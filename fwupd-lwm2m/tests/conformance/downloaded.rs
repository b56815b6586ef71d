//! Downloaded: rows 51 to 55, 88.

use crate::reads::downloaded;
use crate::rig::{OPAQUE, Rig, TEXT, TLV};
use fwupd_core::slot::Slot;
use fwupd_testkit::reference::package;

/// The slot that does not run is empty.
fn is_deleted(rig: &Rig) -> bool {
    rig.up.status().unwrap().slots[1] == Slot::Empty
}

#[test]
fn r51_a_package_outlives_a_reset_and_can_be_installed() {
    let mut rig = downloaded();
    rig.reboot();
    assert_eq!(rig.shown(), "2/0");
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "0/1");
}

#[test]
fn r52_another_package_is_refused_while_one_is_there() {
    let mut rig = downloaded();
    let file = package("one-seqmax.suit");
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "4.00");
    assert_eq!(rig.put("/5/0/1", TEXT, b"ftp://example.com/fw"), "4.00");
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://"), "4.00");
    assert_eq!(rig.put("/5/0/0", OPAQUE, &file), "4.00");
    assert_eq!(rig.block(0, true, 5, &file[..512]).code, "4.00");
    assert_eq!(rig.block(1, true, 5, &file[512..1024]).code, "4.08");
    assert_eq!((rig.shown(), rig.read("/5/0/7")), ("2/0".into(), "5".into()));
    assert_eq!(rig.read("/5/0/1"), "");
}

#[test]
fn r53_a_reset_deletes_the_package() {
    for write in [(1, TEXT, &b""[..]), (0, OPAQUE, &[0])] {
        let (resource, format, payload) = write;
        let mut rig = downloaded();
        assert!(!is_deleted(&rig));
        assert_eq!(rig.put(&format!("/5/0/{resource}"), format, payload), "2.04");
        assert_eq!(rig.shown(), "0/0");
        assert!(is_deleted(&rig));
        rig.reboot();
        assert_eq!(rig.shown(), "0/0");
        assert_eq!(rig.post("/5/0/2", b""), "4.05");
    }
}

#[test]
fn r54_cancel_deletes_the_package() {
    let mut rig = downloaded();
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    assert_eq!(rig.shown(), "0/10");
    assert!(is_deleted(&rig));
    rig.reboot();
    assert_eq!(rig.shown(), "0/10");
}

#[test]
fn r55_update_is_answered_and_then_notified() {
    for arguments in [&b""[..], b"0='x'", b"any"] {
        let mut rig = downloaded();
        rig.resets = false;
        rig.observe("/5/0/3");
        rig.observe("/5/0/5");
        assert_eq!(rig.post("/5/0/2", arguments), "2.04");
        assert_eq!(rig.told(), [""; 0], "the answer comes first");
        rig.settle();
        assert_eq!(rig.told(), ["/5/0/3 3"]);
        assert_eq!(rig.shown(), "3/0");
    }
}

#[test]
fn r88_a_nul_byte_resets_in_every_format() {
    // The last one is at the instance.
    for (method, path, format, payload) in [
        (3, "/5/0/0", OPAQUE, &[0][..]),
        (3, "/5/0/0", TEXT, b"AA=="),
        (3, "/5/0/0", TLV, &[0xC1, 0x00, 0x00]),
        (2, "/5/0", TLV, &[0xC1, 0x00, 0x00]),
    ] {
        let mut rig = downloaded();
        let packet = rig.packet(method, path, Some(format), payload);
        assert_eq!(rig.ask(&packet).code, "2.04", "{path} {format}");
        assert_eq!(rig.shown(), "0/0");
        assert!(is_deleted(&rig));
    }
}
