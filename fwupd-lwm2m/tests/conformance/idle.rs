//! Idle: rows 8 to 14, 26 to 35, 37 to 39, 73, 74, 76, 85, 86, 97.

use coap_lite::CoapOption;
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Failure, Reach};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Job};
use fwupd_lwm2m::object::Schemes;
use fwupd_lwm2m::spec::Delivery;
use fwupd_testkit::reference::package;

use crate::reads::{downloaded, everywhere};
use crate::rig::{Fetch, OPAQUE, Rig, TEXT, TLV, uint};

/// Idle with result 10.
fn cancelled() -> Rig {
    let mut rig = downloaded();
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    assert_eq!(rig.shown(), "0/10");
    rig
}

/// The reference package with its last byte changed.
fn damaged() -> Vec<u8> {
    let mut file = package("one-integrated.suit");
    *file.last_mut().unwrap() ^= 1;
    file
}

/// A package in base64, by hand.
fn base64(bytes: &[u8]) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let mut bits = 0u32;
        (0..3).for_each(|n| bits = bits << 8 | u32::from(*group.get(n).unwrap_or(&0)));
        let digit = |n: usize| digits[(bits >> (18 - 6 * n) & 63) as usize];
        (0..4).for_each(|n| text.push(if n <= group.len() { digit(n) } else { b'=' }));
    }
    text
}

/// A package as the TLV of its resource.
fn tlv(package: &[u8]) -> Vec<u8> {
    let length = package.len() as u16;
    [&[0xD0, 0x00][..], &length.to_be_bytes(), package].concat()
}

#[test]
fn r08_update_is_not_executed_without_a_package() {
    for (mut rig, shown) in [(Rig::new(), "0/0"), (cancelled(), "0/10")] {
        assert_eq!(rig.post("/5/0/2", b""), "4.05");
        assert_eq!(rig.shown(), shown);
    }
}

#[test]
fn r09_cancel_is_not_executed_without_an_update() {
    for (mut rig, shown) in [(Rig::new(), "0/0"), (cancelled(), "0/10")] {
        assert_eq!(rig.post("/5/0/10", b""), "4.05");
        assert_eq!(rig.shown(), shown);
    }
}

#[test]
fn r10_an_empty_uri_resets() {
    let mut rig = Rig::new();
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    assert_eq!(rig.shown(), "0/0");
}

#[test]
fn r11_a_nul_byte_as_package_resets() {
    let mut rig = Rig::new();
    assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "2.04");
    assert_eq!(rig.shown(), "0/0");
}

#[test]
fn r12_a_reset_clears_the_result() {
    let mut rig = cancelled();
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    assert_eq!(rig.shown(), "0/0");
    rig.reboot();
    assert_eq!(rig.shown(), "0/0", "and it stays so");
}

#[test]
fn r13_a_uri_of_one_nul_character_is_empty() {
    for (shown, mut rig) in everywhere().into_iter().filter(|(shown, _)| *shown != "3/0") {
        assert_eq!(rig.put("/5/0/1", TEXT, b"\0"), "2.04", "{shown}");
        assert_eq!(rig.shown(), "0/0");
        assert_eq!(rig.read("/5/0/1"), "");
    }
}

#[test]
fn r14_a_package_of_no_bytes_resets() {
    for (shown, mut rig) in everywhere().into_iter().filter(|(shown, _)| *shown != "3/0") {
        assert_eq!(rig.put("/5/0/0", OPAQUE, b""), "2.04", "{shown}");
        assert_eq!(rig.shown(), "0/0");
        assert_eq!(rig.block(0, false, 5, b"").code, "2.04");
        assert_eq!(rig.shown(), "0/0");
    }
}

#[test]
fn r26_a_package_in_text_that_is_not_base64_changes_nothing() {
    for mut rig in [Rig::new(), cancelled()] {
        let before = rig.shown();
        for text in [&b"not base64!"[..], b"AAA", b"AA=A"] {
            assert_eq!(rig.put("/5/0/0", TEXT, text), "4.00");
            assert_eq!(rig.shown(), before);
        }
    }
}

#[test]
fn r27_a_package_in_base64_is_taken_whole_or_in_blocks() {
    let text = base64(&package("one-integrated.suit"));
    let mut rig = Rig::new();
    assert_eq!(rig.put("/5/0/0", TEXT, &text), "2.04");
    assert_eq!(rig.shown(), "2/0");
    for exponent in [0, 2, 5, 6] {
        let mut rig = Rig::new();
        let size = 16 << exponent;
        let count = text.len().div_ceil(size);
        for (n, block) in text.chunks(size).enumerate() {
            let mut packet = rig.packet(3, "/5/0/0", Some(TEXT), block);
            let more = n + 1 < count;
            let option = (n as u32) << 4 | u32::from(more) << 3 | exponent;
            packet.add_option(CoapOption::Block1, uint(option));
            assert_eq!(rig.ask(&packet).code, if more { "2.31" } else { "2.04" });
        }
        assert_eq!(rig.shown(), "2/0");
    }
}

#[test]
fn r28_a_package_in_another_format_is_not_supported() {
    let mut rig = Rig::new();
    for format in [11_543, 50, 60, 112, 65_535] {
        assert_eq!(rig.put("/5/0/0", format, &package("one-integrated.suit")), "4.15", "{format}");
        assert_eq!(rig.put("/5/0/1", format, b"coap://h/x"), "4.15", "{format}");
        assert_eq!(rig.shown(), "0/0");
    }
}

#[test]
fn r29_a_package_in_tlv_is_taken_at_its_resource_and_at_the_instance() {
    let entry = tlv(&package("one-integrated.suit"));
    let instance = [&[0x10, 0x00][..], &(entry.len() as u16).to_be_bytes(), &entry].concat();
    for (method, path, body) in
        [(3, "/5/0/0", &entry), (2, "/5/0", &entry), (3, "/5/0", &entry), (2, "/5/0", &instance)]
    {
        for exponent in [2, 6] {
            let mut rig = Rig::new();
            let size = 16 << exponent;
            let count = body.len().div_ceil(size);
            for (n, block) in body.chunks(size).enumerate() {
                let mut packet = rig.packet(method, path, Some(TLV), block);
                let more = n + 1 < count;
                let option = (n as u32) << 4 | u32::from(more) << 3 | exponent;
                packet.add_option(CoapOption::Block1, uint(option));
                assert_eq!(rig.ask(&packet).code, if more { "2.31" } else { "2.04" }, "{path} {n}");
            }
            assert_eq!(rig.shown(), "2/0");
        }
        let mut rig = Rig::new();
        let whole = rig.packet(method, path, Some(TLV), body);
        assert_eq!(rig.ask(&whole).code, "2.04");
        assert_eq!(rig.shown(), "2/0");
        let mut rig = Rig::new();
        let short = rig.packet(method, path, Some(TLV), &body[..body.len() - 1]);
        assert_eq!(rig.ask(&short).code, "4.00", "its end is missing");
        assert_eq!(rig.shown(), "0/0");
    }
}

#[test]
fn r30_r31_r32_r33_a_package_that_is_not_good_says_why() {
    for (file, result) in [
        (b"<!DOCTYPE html><html><body>404</body></html>".to_vec(), "0/6"),
        (damaged(), "0/5"),
        (package("wrongkey.suit"), "0/5"),
        (package("one-seq0.suit"), "0/6"),
    ] {
        let mut rig = Rig::new();
        assert_eq!(rig.put("/5/0/0", OPAQUE, &file), "2.04");
        assert_eq!(rig.shown(), result);
        assert!(rig.up.status().unwrap().slots[1].verified().is_none(), "no image is left to be activated");
        rig.reboot();
        assert_eq!(rig.shown(), result);
        assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "2.04", "and goes on");
        assert_eq!(rig.shown(), "2/0");
    }
}

#[test]
fn r34_a_package_that_does_not_fit_says_so() {
    let big = package("one-integrated-big.suit");
    let mut rig = Rig::new();
    let mut first = rig.block_packet(0, true, 5, &big[..512]);
    first.add_option(CoapOption::Size1, uint(big.len() as u32));
    let answer = rig.ask(&first);
    assert_eq!((answer.code.as_str(), answer.uint(CoapOption::Size1)), ("4.13", Some(4096)));
    assert_eq!(rig.shown(), "0/2");
    assert_eq!(rig.block(1, true, 5, &big[512..1024]).code, "4.08");

    let mut rig = Rig::new();
    let answer = rig.push(&big, 5);
    assert_eq!((answer.code.as_str(), answer.uint(CoapOption::Size1)), ("4.13", Some(4096)));
    assert_eq!(rig.shown(), "0/2");
    let answer = rig.push(&big, 2);
    assert_eq!(answer.code, "4.13", "by whatever block its description ends in");
    assert_eq!(rig.shown(), "0/2");

    let mut rig = Rig::new();
    rig.device.files.insert("coap://example.com/big".into(), big);
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/big"), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "0/2");
}

#[test]
fn r34_a_size_that_fits_is_no_obstacle_and_one_that_does_not_ends_the_delivery_before() {
    let good = package("one-integrated.suit");
    let mut rig = Rig::new();
    let mut first = rig.block_packet(0, true, 5, &good[..512]);
    first.add_option(CoapOption::Size1, uint(good.len() as u32));
    assert_eq!(rig.ask(&first).code, "2.31");
    assert_eq!(rig.shown(), "1/0");
    let mut first = rig.block_packet(0, true, 5, &good[..512]);
    first.add_option(CoapOption::Size1, uint(4097));
    assert_eq!(rig.ask(&first).code, "4.13");
    assert_eq!(rig.shown(), "0/2");
}

#[test]
fn r35_no_memory_is_told() {
    let mut rig = Rig::new();
    assert_eq!(rig.block(0, true, 5, &package("one-integrated.suit")[..512]).code, "2.31");
    let (now, ticket) = (rig.now(), rig.up.ticket());
    rig.up.failed(ticket, Failure::OutOfRam, now).unwrap();
    rig.settle();
    assert_eq!(rig.shown(), "0/3");
    rig.fetch = Fetch::Fail(Failure::OutOfRam);
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "0/3");
}

#[test]
fn r37_a_scheme_that_is_not_supported_is_refused_and_told() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Fail(Failure::HostUnknown);
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "2.04");
    rig.settle();
    rig.observe("/5/0/3");
    rig.observe("/5/0/5");
    for uri in ["ftp://example.com/fw", "http://example.com/fw", "urn:fw", "COAPS://example.com"] {
        assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "4.00", "{uri}");
        rig.settle();
        assert_eq!(rig.shown(), "0/9");
        assert_eq!(rig.read("/5/0/1"), "coap://example.com/fw", "as before");
    }
    assert_eq!(rig.told(), ["/5/0/5 9"], "State never leaves 0");
    rig.reboot();
    assert_eq!(rig.shown(), "0/9");
}

#[test]
fn r38_a_uri_that_names_nothing_is_invalid_and_never_shows_a_download() {
    for uri in ["coap://", "coap:///fw", "coap://h/a b", "no-scheme", "coap://h:99999/", "coap://h/%zz"] {
        let mut rig = Rig::new();
        rig.observe("/5/0/3");
        rig.observe("/5/0/5");
        assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "2.04", "{uri}");
        assert_eq!(rig.shown(), "0/7", "{uri}");
        rig.settle();
        assert_eq!(rig.told(), ["/5/0/5 7"], "{uri}");
        rig.reboot();
        assert_eq!(rig.shown(), "0/7");
    }
    let mut rig = Rig::new();
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://unknown.example/fw"), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "0/7", "the host cannot be resolved");
}

/// Not even to who reads in the middle of it.
#[test]
fn r38_no_download_is_seen_while_a_malformed_uri_is_written() {
    let mut rig = Rig::new();
    let packet = rig.packet(3, "/5/0/1", Some(TEXT), b"coap://");
    let bytes = packet.to_bytes().unwrap();
    let mut waited = 0;
    while rig.hand(crate::rig::SERVER, &bytes) == fwupd_lwm2m::adapter::Handled::Again {
        waited += 1;
        assert_eq!(rig.read("/5/0/3"), "0");
        rig.turn();
        assert_eq!(rig.read("/5/0/3"), "0");
    }
    assert!(waited >= 2, "it is written twice");
    assert_eq!(rig.answer(&packet).unwrap().code, "2.04");
    assert_eq!(rig.shown(), "0/7");
}

#[test]
fn r39_a_uri_has_255_bytes_at_most() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    let uri = |length: usize| format!("coap://example.com/{}", "u".repeat(length - 19));
    assert_eq!(rig.put("/5/0/1", TEXT, uri(256).as_bytes()), "4.00");
    assert_eq!((rig.shown(), rig.read("/5/0/1")), ("0/0".into(), "".into()));
    assert_eq!(rig.put("/5/0/1", TEXT, uri(255).as_bytes()), "2.04");
    assert_eq!((rig.shown(), rig.read("/5/0/1")), ("1/0".into(), uri(255)));
    assert_eq!(rig.put("/5/0/1", TEXT, &[0xFF, 0xFE]), "4.00", "no UTF-8");
}

#[test]
fn r73_severity_is_0_to_2_and_1_at_first() {
    let mut rig = Rig::new();
    assert_eq!(rig.read("/5/0/11"), "1");
    for value in ["0", "2", "1"] {
        assert_eq!(rig.put("/5/0/11", TEXT, value.as_bytes()), "2.04");
        assert_eq!(rig.read("/5/0/11"), value);
    }
    for value in ["3", "-1", "x", "", "1.0"] {
        assert_eq!(rig.put("/5/0/11", TEXT, value.as_bytes()), "4.00", "{value}");
    }
    for value in [&[0xC1, 11, 3][..], &[0xC1, 11, 0xFF], &[0xC0, 11], &[0xC3, 11, 0, 0, 1], &[0xC1, 13, 1]] {
        assert_eq!(rig.put("/5/0/11", TLV, value), "4.00", "{value:?}");
    }
    assert_eq!(rig.read("/5/0/11"), "1");
    assert_eq!(rig.put("/5/0/11", TLV, &[0xC4, 11, 0, 0, 0, 2]), "2.04");
    assert_eq!(rig.read("/5/0/11"), "2");
}

#[test]
fn r74_the_defer_period_is_32_bits_and_absent_at_first() {
    let mut rig = Rig::new();
    assert_eq!(rig.get("/5/0/13", &[]).code, "4.04");
    for value in ["4294967295", "0", "30"] {
        assert_eq!(rig.put("/5/0/13", TEXT, value.as_bytes()), "2.04");
        assert_eq!(rig.read("/5/0/13"), value);
    }
    for value in ["-1", "4294967296", ""] {
        assert_eq!(rig.put("/5/0/13", TEXT, value.as_bytes()), "4.00", "{value}");
    }
    assert_eq!(rig.read("/5/0/13"), "30");
    assert_eq!(rig.put("/5/0/13", TLV, &[0xC4, 13, 0xFF, 0xFF, 0xFF, 0xFF]), "2.04");
    assert_eq!(rig.read("/5/0/13"), "4294967295");
    assert_eq!(rig.accept("/5/0/13", TLV).payload, [0xC8, 13, 8, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
}

#[test]
fn r76_severity_and_defer_period_outlive_a_reset() {
    let mut rig = Rig::new();
    // Both in one message.
    let both = rig.packet(2, "/5/0", Some(TLV), &[0xC1, 11, 2, 0xC1, 13, 30]);
    assert_eq!(rig.ask(&both).code, "2.04");
    rig.reboot();
    assert_eq!((rig.read("/5/0/11"), rig.read("/5/0/13")), ("2".into(), "30".into()));
    let wrong = rig.packet(2, "/5/0", Some(TLV), &[0xC1, 11, 0, 0xC1, 3, 30]);
    assert_eq!(rig.ask(&wrong).code, "4.05", "all or nothing");
    assert_eq!(rig.read("/5/0/11"), "2");
}

#[test]
fn r85_a_device_that_takes_deliveries_alone_refuses_a_uri() {
    let mut rig = Rig::with(|config| {
        config.schemes = Schemes::NONE;
        config.delivery = Delivery::Push;
    });
    assert_eq!(rig.read("/5/0/9"), "1");
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), "4.05");
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    assert_eq!(rig.shown(), "0/0");
}

#[test]
fn r86_a_device_that_downloads_alone_refuses_a_package() {
    let mut rig = Rig::with(|config| config.delivery = Delivery::Pull);
    assert_eq!(rig.read("/5/0/9"), "0");
    assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "4.05");
    assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "2.04");
    assert_eq!(rig.shown(), "0/0");
}

#[test]
fn r97_while_another_initiator_is_at_work_everything_is_refused_and_the_truth_is_shown() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    let reach = Reach::Activate(Ask::User);
    let uri = Some("coap://other/fw");
    let job = Job { uri, reach, target: None, after: AfterReset::Fail, file_check: None };
    rig.command(2, Command::Fetch(job));
    let refused = |rig: &mut Rig, shown: &str, write: &str| {
        assert_eq!(rig.put("/5/0/1", TEXT, b"coap://example.com/fw"), write);
        assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), write);
        assert_eq!(rig.put("/5/0/1", TEXT, b""), "4.05");
        assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "4.05");
        assert_eq!(rig.post("/5/0/2", b""), "4.05");
        assert_eq!(rig.post("/5/0/10", b""), "4.05");
        assert_eq!((rig.shown().as_str(), rig.read("/5/0/1").as_str()), (shown, ""));
    };
    refused(&mut rig, "1/0", "4.00");
    rig.device.files.insert("coap://other/fw".into(), package("one-integrated.suit"));
    (rig.fetch, rig.permit, rig.resets) = (Fetch::Serve, crate::rig::Permit::Silent, false);
    rig.settle();
    refused(&mut rig, "2/0", "4.00");
    rig.permit = crate::rig::Permit::Yes;
    rig.settle();
    refused(&mut rig, "3/0", "4.05");
    assert!(matches!(rig.up.status().unwrap().slots[1], Slot::Verified(..)));
}
