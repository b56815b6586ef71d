//! Delivery by Block1: rows 15 to 25, 90, 91, 98.

use coap_lite::CoapOption;
use fwupd_testkit::device::Checks;
use fwupd_testkit::reference::{factory, layout, package};

use crate::rig::{OPAQUE, Rig, SERVER};

/// A rig in Downloading, whose next block is number 2 of 256 bytes.
fn begun() -> (Rig, Vec<u8>) {
    let mut rig = Rig::new();
    let file = package("one-integrated.suit");
    for n in 0..2 {
        assert_eq!(rig.block(n, true, 4, &file[n as usize * 256..][..256]).code, "2.31");
    }
    assert_eq!(rig.shown(), "1/0");
    (rig, file)
}

/// Delivers the rest from this block on.
fn rest(rig: &mut Rig, file: &[u8], from: usize) {
    let count = file.len().div_ceil(256);
    for (n, block) in file.chunks(256).enumerate().skip(from) {
        let more = n + 1 < count;
        let answer = rig.block(n as u32, more, 4, block);
        assert_eq!(answer.code, if more { "2.31" } else { "2.04" }, "{n}");
    }
}

#[test]
fn r15_a_package_in_one_datagram_is_taken() {
    let mut rig = Rig::new();
    assert_eq!(rig.put("/5/0/0", OPAQUE, &package("one-integrated.suit")), "2.04");
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r16_the_first_block_is_answered_with_continue_and_shows_a_download() {
    let mut rig = Rig::new();
    let answer = rig.block(0, true, 5, &package("one-integrated.suit")[..512]);
    assert_eq!((answer.code.as_str(), answer.block1()), ("2.31", Some((0, true, 5))));
    assert_eq!(rig.shown(), "1/0");
}

#[test]
fn r17_the_last_block_ends_the_download_and_is_notified() {
    for exponent in 0..=6 {
        let mut rig = Rig::new();
        rig.observe("/5/0/3");
        rig.observe("/5/0/5");
        let file = package("one-integrated.suit");
        let answer = rig.push(&file, exponent);
        let last = (file.len() - 1) as u32 >> (exponent + 4);
        assert_eq!((answer.code.as_str(), answer.block1()), ("2.04", Some((last, false, exponent))));
        assert_eq!(rig.shown(), "2/0");
        rig.settle();
        assert_eq!(rig.told(), ["/5/0/3 1", "/5/0/3 2"]);
    }
}

#[test]
fn r18_reads_are_answered_while_a_package_is_delivered() {
    let (mut rig, file) = begun();
    for n in 2..6 {
        assert_eq!(rig.read("/5/0/3"), "1");
        assert_eq!(rig.block(n, true, 4, &file[n as usize * 256..][..256]).code, "2.31");
    }
    assert_eq!(rig.read("/3/0/3"), "4");
}

/// Even while a block waits for the flash.
#[test]
fn r18_reads_are_answered_between_two_tries_of_a_block() {
    let (mut rig, file) = begun();
    let mut waited = 0;
    for n in 2..8 {
        let more = n < 7;
        let end = file.len().min(n * 256 + 256);
        let packet = rig.block_packet(n as u32, more, 4, &file[n * 256..end]);
        let bytes = packet.to_bytes_unlimited().unwrap();
        while rig.hand(SERVER, &bytes) == fwupd_lwm2m::adapter::Handled::Again {
            waited += 1;
            let state = rig.read("/5/0/3");
            assert!(state == "1" || (!more && state == "2"), "{state}");
            rig.turn();
        }
        assert_eq!(rig.answer(&packet).unwrap().code, if more { "2.31" } else { "2.04" });
    }
    assert!(waited > 0, "a block had to wait");
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r19_a_new_first_block_restarts_the_delivery() {
    let (mut rig, file) = begun();
    rig.observe("/5/0/3");
    rig.observe("/5/0/5");
    let other = package("one-seqmax.suit");
    assert_eq!(rig.block(0, true, 4, &other[..256]).code, "2.31");
    assert_eq!(rig.shown(), "1/0");
    assert_eq!(rig.told(), [""; 0], "nobody sees a step back");
    assert_eq!(rig.block(2, true, 4, &file[512..768]).code, "4.08", "the old one is void");
    rest(&mut rig, &other, 1);
    assert_eq!(rig.shown(), "2/0");
    assert_eq!(rig.read("/5/0/7"), u64::MAX.to_string());
}

#[test]
fn r20_a_block_that_comes_twice_is_taken_once_and_answered_alike() {
    let (mut rig, file) = begun();
    for n in 2..8 {
        let more = n < 7;
        let end = file.len().min(n * 256 + 256);
        let packet = rig.block_packet(n as u32, more, 4, &file[n * 256..end]);
        let first = rig.ask(&packet).packet;
        for _ in 0..2 {
            assert_eq!(rig.ask(&packet).packet, first);
        }
    }
    assert_eq!(rig.shown(), "2/0");
}

/// The answer was lost, and the server asks again in a message of its own.
#[test]
fn a_block_that_comes_again_in_another_message_is_taken_once() {
    let (mut rig, file) = begun();
    let answer = rig.block(1, true, 4, &file[256..512]);
    assert_eq!((answer.code.as_str(), answer.block1()), ("2.31", Some((1, true, 4))));
    rest(&mut rig, &file, 2);
    assert_eq!(rig.shown(), "2/0");
}

/// The application has forgotten a block that asked to be handed in again, and the server sends it anew.
#[test]
fn a_block_that_was_taken_in_part_goes_on_where_it_was() {
    for exponent in [2, 3, 4, 5] {
        let mut rig = Rig::new();
        let file = package("one-integrated.suit");
        let mut dropped = 0;
        for (n, block) in file.chunks(512).enumerate() {
            let more = n < 3;
            let packet = rig.block_packet(n as u32, more, 5, block);
            let bytes = packet.to_bytes_unlimited().unwrap();
            if n == 0 {
                // It would begin anew.
                rig.deliver(SERVER, &bytes);
                continue;
            }
            // So often that more of it is taken than its first smaller block, and not all of the last one.
            for _ in 0..if more { 2 } else { 1 } {
                if rig.hand(SERVER, &bytes) == fwupd_lwm2m::adapter::Handled::Again {
                    dropped += 1;
                }
                rig.turn();
            }
            let size = 16 << exponent;
            let smaller: Vec<_> = block.chunks(size).enumerate().collect();
            for (m, piece) in &smaller {
                let number = (n * 512 / size + m) as u32;
                let more = more || m + 1 < smaller.len();
                let answer = rig.block(number, more, exponent, piece);
                assert_eq!(answer.code, if more { "2.31" } else { "2.04" }, "{n} {m}");
            }
        }
        assert!(dropped > 0);
        assert_eq!(rig.shown(), "2/0", "blocks of {}", 16 << exponent);
    }
}

#[test]
fn r21_a_later_block_without_a_first_one_is_incomplete() {
    let mut rig = Rig::new();
    let answer = rig.block(3, true, 5, &[7; 512]);
    assert_eq!((answer.code.as_str(), answer.block1().map(|block| block.0)), ("4.08", Some(3)));
    assert_eq!(rig.shown(), "0/0");
}

#[test]
fn r22_a_gap_is_incomplete_and_leaves_the_delivery_as_it_was() {
    let (mut rig, file) = begun();
    assert_eq!(rig.block(4, true, 4, &file[1024..1280]).code, "4.08");
    assert_eq!(rig.shown(), "1/0");
    rest(&mut rig, &file, 2);
    assert_eq!(rig.shown(), "2/0");

    let (mut rig, file) = begun();
    assert_eq!(rig.block(4, true, 4, &file[1024..1280]).code, "4.08");
    rest(&mut rig, &file, 0);
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r23_the_reserved_size_is_refused_and_the_delivery_kept() {
    let (mut rig, file) = begun();
    assert_eq!(rig.block(2, true, 7, &file[512..768]).code, "4.00");
    assert_eq!(rig.block(0, true, 7, &file[..256]).code, "4.00");
    assert_eq!(rig.block(2, true, 4, &file[512..760]).code, "4.00", "a block that is not full");
    rest(&mut rig, &file, 2);
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r24_blocks_may_change_their_size_where_they_meet() {
    let (mut rig, file) = begun();
    assert_eq!(rig.block(1, true, 5, &file[512..1024]).code, "2.31");
    assert_eq!(rig.block(16, true, 2, &file[1024..1088]).code, "2.31");
    assert_eq!(rig.block(17, true, 2, &file[1088..1152]).code, "2.31");
    assert_eq!(rig.block(9, true, 3, &file[1152..1280]).code, "2.31");
    rest(&mut rig, &file, 5);
    assert_eq!(rig.shown(), "2/0");
}

#[test]
fn r25_a_delivery_that_goes_silent_is_a_lost_connection() {
    let (mut rig, file) = begun();
    rig.pass(119_000);
    assert_eq!(rig.shown(), "1/0");
    assert_eq!(rig.block(2, true, 4, &file[512..768]).code, "2.31", "a block counts from its end");
    rig.pass(119_000);
    assert_eq!(rig.shown(), "1/0");
    rig.pass(2_000);
    assert_eq!(rig.shown(), "0/4");
    assert_eq!(rig.block(3, true, 4, &file[768..1024]).code, "4.08");
    rest(&mut rig, &file, 0);
    assert_eq!(rig.shown(), "2/0", "the storage is free");
}

#[test]
fn r90_a_description_that_is_refused_ends_the_delivery_at_its_block() {
    let html = [b"<!DOCTYPE html>".to_vec(), vec![b' '; 3000]].concat();
    for (file, code, result) in [
        (package("wrongkey.suit"), "4.00", "0/5"),
        (package("one-seq0.suit"), "4.00", "0/6"),
        (html, "4.00", "0/6"),
        (package("one-integrated-big.suit"), "4.13", "0/2"),
    ] {
        for exponent in [0, 4, 6] {
            let mut rig = Rig::new();
            rig.observe("/5/0/5");
            let size = 16 << exponent;
            let (n, answer) = (0..)
                .map(|n: usize| (n, rig.block(n as u32, true, exponent, &file[n * size..][..size])))
                .find(|(_, answer)| answer.code != "2.31")
                .unwrap();
            assert_eq!((answer.code.as_str(), answer.block1().unwrap().0), (code, n as u32));
            assert_eq!(rig.shown(), result, "at once");
            assert_eq!(rig.block(n as u32 + 1, true, exponent, &vec![0; size]).code, "4.08");
            rig.settle();
            assert_eq!(rig.told(), [format!("/5/0/5 {}", &result[2..])]);
        }
    }
    // A package for another class of device.
    let mut device = factory(layout((1, 4, 0xFF)));
    device.checks = Checks::None;
    device.ids.1[0] ^= 1;
    let mut rig = Rig::of(device, |_| {});
    assert_eq!(rig.push(&package("one-integrated.suit"), 5).code, "4.00");
    assert_eq!(rig.shown(), "0/6");
}

#[test]
fn r91_a_delivery_does_not_outlive_a_reset() {
    let (mut rig, file) = begun();
    rig.reboot();
    assert_eq!(rig.shown(), "0/4");
    assert_eq!(rig.block(2, true, 4, &file[512..768]).code, "4.08");
}

#[test]
fn r98_a_delivery_is_cancelled() {
    let (mut rig, file) = begun();
    assert_eq!(rig.post("/5/0/10", b""), "2.04");
    assert_eq!(rig.shown(), "0/10");
    assert_eq!(rig.block(2, true, 4, &file[512..768]).code, "4.08");
    assert_eq!(rig.shown(), "0/10");
}

/// RFC 7252, section 5.2.2: what takes longer is acknowledged first, and answered by a message of its own.
#[test]
fn an_answer_that_takes_a_second_is_acknowledged_first() {
    let mut rig = Rig::new();
    let packet = rig.block_packet(0, true, 5, &package("one-integrated.suit")[..512]);
    let bytes = packet.to_bytes_unlimited().unwrap();
    assert_eq!(rig.hand(SERVER, &bytes), fwupd_lwm2m::adapter::Handled::Again);
    rig.device.clock.advance(999);
    rig.poll();
    let before = rig.sent.len();
    rig.device.clock.advance(1);
    rig.poll();
    let [header, ..] = &rig.sent[before..] else { panic!("an acknowledgement") };
    assert_eq!(header[..], [0x60, 0, bytes[2], bytes[3]], "an empty one");
    rig.deliver(SERVER, &bytes);
    rig.poll();
    let answer = rig.answer(&packet).unwrap();
    assert_eq!((answer.code.as_str(), answer.block1()), ("2.31", Some((0, true, 5))));
    assert_eq!(answer.packet.header.get_type(), coap_lite::MessageType::Confirmable);
    assert!(answer.uint(CoapOption::Observe).is_none());
    // The acknowledgement counts: the same block again is not handed up.
    rig.deliver(SERVER, &bytes);
    assert_eq!(rig.shown(), "1/0");
}

/// A block of the package and nothing else may be long.
#[test]
fn what_is_no_package_has_to_come_in_one_block() {
    let mut rig = Rig::new();
    for (number, more, code) in [(0, true, "4.13"), (1, false, "4.08")] {
        let mut packet = rig.packet(3, "/5/0/1", Some(0), b"coap://example.c");
        packet.add_option(CoapOption::Block1, crate::rig::uint(number << 4 | u32::from(more) << 3));
        assert_eq!(rig.ask(&packet).code, code);
    }
    assert_eq!(rig.shown(), "0/0");
}

#[test]
fn a_block_that_is_never_handed_in_again_does_not_hold_up_the_client() {
    let (mut rig, file) = begun();
    let packet = rig.block_packet(2, true, 4, &file[512..768]);
    let bytes = packet.to_bytes_unlimited().unwrap();
    assert_eq!(rig.hand(SERVER, &bytes), fwupd_lwm2m::adapter::Handled::Again);
    rig.pass(100_000);
    assert_eq!(rig.shown(), "1/0");
    rig.pass(30_000);
    assert_eq!(rig.shown(), "0/4");
    rig.settle();
    assert!(rig.client.drained());
}

/// RFC 7252, section 5.10.8.
#[test]
fn a_write_under_a_condition_that_does_not_hold_fails() {
    let mut rig = Rig::new();
    for (option, value, code) in [
        (CoapOption::IfNoneMatch, &b""[..], "4.12"),
        (CoapOption::IfMatch, b"tag", "4.12"),
        (CoapOption::IfMatch, b"", "2.04"),
    ] {
        let mut packet = rig.packet(3, "/5/0/11", Some(0), b"2");
        packet.add_option(option, value.to_vec());
        assert_eq!(rig.ask(&packet).code, code);
    }
}
