//! What is there, and in which format: rows 1 to 7, 56, 81, 82, 87, 89, 93.

use coap_lite::CoapOption;
use fwupd_lwm2m::object::Schemes;
use fwupd_lwm2m::spec::{Lwm2m, Protocol};
use fwupd_testkit::reference::package;

use crate::rig::{Fetch, LINK, OPAQUE, Rig, TEXT, TLV};

/// A rig in each of the states that a server can hold: Idle, Downloading by pull and by push, Downloaded,
/// Updating.
pub(crate) fn everywhere() -> Vec<(&'static str, Rig)> {
    let idle = Rig::new();
    let mut pull = Rig::new();
    pull.fetch = Fetch::Hold;
    assert_eq!(pull.put("/5/0/1", TEXT, b"coap://example.com/fw"), "2.04");
    pull.settle();
    let mut push = Rig::new();
    let blocks = package("one-integrated.suit");
    assert_eq!(push.block(0, true, 5, &blocks[..512]).code, "2.31");
    let downloaded = downloaded();
    vec![("0/0", idle), ("1/0", pull), ("1/0", push), ("2/0", downloaded), ("3/0", updating())]
}

/// A rig in Downloaded.
pub(crate) fn downloaded() -> Rig {
    let mut rig = Rig::new();
    assert_eq!(rig.push(&package("one-integrated.suit"), 6).code, "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "2/0");
    rig
}

/// A rig in Updating, its reset owed.
pub(crate) fn updating() -> Rig {
    let mut rig = downloaded();
    rig.resets = false;
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.settle();
    assert_eq!(rig.shown(), "3/0");
    rig
}

/// Does it everywhere, and sees that nothing has changed.
fn unchanged(mut act: impl FnMut(&mut Rig)) {
    for (shown, mut rig) in everywhere() {
        act(&mut rig);
        rig.turn();
        assert_eq!(rig.shown(), shown);
    }
}

#[test]
fn r01_a_fresh_device_is_idle_with_no_result() {
    let mut rig = Rig::new();
    assert_eq!((rig.read("/5/0/3").as_str(), rig.read("/5/0/5").as_str()), ("0", "0"));
}

#[test]
fn r02_package_update_and_cancel_cannot_be_read() {
    unchanged(|rig| {
        for path in ["/5/0/0", "/5/0/2", "/5/0/10"] {
            assert_eq!(rig.get(path, &[]).code, "4.05", "{path}");
        }
    });
}

#[test]
fn r03_a_resource_that_does_not_exist_is_not_found_by_any_method() {
    unchanged(|rig| {
        for path in ["/5/0/4", "/5/0/14", "/5/0/99"] {
            assert_eq!(rig.get(path, &[]).code, "4.04", "{path}");
            assert_eq!(rig.put(path, TEXT, b"1"), "4.04", "{path}");
            assert_eq!(rig.post(path, b""), "4.04", "{path}");
        }
    });
}

#[test]
fn r04_what_is_not_writable_is_not_written_even_while_it_is_absent() {
    unchanged(|rig| {
        for resource in [2, 3, 5, 6, 7, 8, 9, 10, 12] {
            let path = format!("/5/0/{resource}");
            assert_eq!(rig.put(&path, TEXT, b"1"), "4.05", "{path}");
            assert_eq!(rig.put(&path, TLV, &[0xC1, resource, 1]), "4.05", "{path}");
        }
    });
}

#[test]
fn r05_what_is_no_action_is_not_executed() {
    unchanged(|rig| {
        for path in ["/5/0/0", "/5/0/1", "/5/0/3", "/5/0/11"] {
            assert_eq!(rig.post(path, b""), "4.05", "{path}");
        }
    });
}

#[test]
fn r06_nothing_is_created_or_deleted() {
    unchanged(|rig| {
        for path in ["/5", "/5/0"] {
            assert_eq!(rig.delete(path), "4.05", "{path}");
        }
        for payload in [&b""[..], &[0x08, 0x01, 0x03, 0xC1, 0x0B, 0x02]] {
            let create = rig.packet(2, "/5", Some(TLV), payload);
            assert_eq!(rig.ask(&create).code, "4.05");
        }
    });
}

#[test]
fn r07_another_instance_is_not_found() {
    unchanged(|rig| {
        for path in
            ["/5/1", "/5/1/3", "/5/1/0", "/5/65534/3", "/6/0/3", "/5/x/3", "/5/00/3", "/", "/5/0/3/0/1"]
        {
            assert_eq!(rig.get(path, &[]).code, "4.04", "{path}");
        }
    });
}

#[test]
fn r56_name_and_version_are_there_while_a_package_is() {
    for (shown, mut rig) in everywhere() {
        let there = matches!(shown, "2/0" | "3/0");
        for (path, value) in [("/5/0/6", "firmware"), ("/5/0/7", "5")] {
            let answer = rig.get(path, &[]);
            if there {
                assert_eq!((answer.code.as_str(), answer.text().as_str()), ("2.05", value), "{shown}");
            } else {
                assert_eq!(answer.code, "4.04", "{path} in {shown}");
            }
        }
    }
}

/// The identifiers of the resources in a TLV body, by a walk of its own.
fn resources(mut tlv: &[u8]) -> Vec<u16> {
    let mut found = Vec::new();
    while let [first, rest @ ..] = tlv {
        let (id, rest) = match first & 0x20 {
            0 => (u16::from(rest[0]), &rest[1..]),
            _ => (u16::from_be_bytes([rest[0], rest[1]]), &rest[2..]),
        };
        let (length, rest) = match first >> 3 & 3 {
            0 => (usize::from(first & 7), rest),
            width => {
                let (bytes, rest) = rest.split_at(usize::from(width));
                (bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)), rest)
            }
        };
        found.push(id);
        tlv = &rest[length..];
    }
    found
}

#[test]
fn r81_an_instance_is_read_as_tlv_and_not_as_text_or_opaque() {
    for (shown, mut rig) in everywhere() {
        for format in [TEXT, OPAQUE, 110, 112, 60, 65_535] {
            // SenML is not served: the registration says `ct=11542`.
            assert_eq!(rig.accept("/5/0", format).code, "4.06", "{format}");
        }
        let answer = rig.accept("/5/0", TLV);
        assert_eq!((answer.code.as_str(), answer.format()), ("2.05", Some(u32::from(TLV))));
        let mut expected = vec![1, 3, 5, 8, 9, 11];
        if matches!(shown, "2/0" | "3/0") {
            expected = vec![1, 3, 5, 6, 7, 8, 9, 11];
        }
        assert_eq!(resources(&answer.payload), expected, "{shown}");
        let without = rig.get("/5/0", &[]);
        assert_eq!((without.format(), &without.payload), (Some(u32::from(TLV)), &answer.payload));
        // The object is its one instance, which is the same within an entry of its own.
        let object = rig.get("/5", &[]);
        assert_eq!(object.payload, [&[0x08, 0, answer.payload.len() as u8], &answer.payload[..]].concat());
        assert_eq!(rig.put("/5/0/13", TEXT, b"60"), "2.04");
        assert!(resources(&rig.get("/5/0", &[]).payload).contains(&13));
    }
}

#[test]
fn r81_a_resource_is_read_as_text_or_tlv_and_not_as_opaque() {
    let mut rig = Rig::new();
    let answer = rig.get("/5/0/3", &[]);
    assert_eq!((answer.format(), answer.text().as_str()), (Some(0), "0"));
    let answer = rig.accept("/5/0/3", TLV);
    assert_eq!((answer.format(), &answer.payload[..]), (Some(u32::from(TLV)), &[0xC1, 0x03, 0x00][..]));
    for format in [OPAQUE, 112, 110] {
        assert_eq!(rig.accept("/5/0/3", format).code, "4.06");
    }
    let whole = rig.get("/5/0", &[]).payload;
    let expected = [
        &[0xC0, 0x01][..],               // Package URI: empty
        &[0xC1, 0x03, 0x00],             // State
        &[0xC1, 0x05, 0x00],             // Update Result
        &[0x83, 0x08, 0x41, 0x00, 0x00], // Protocol Support: instance 0 is CoAP
        &[0xC1, 0x09, 0x02],             // Delivery Method: both
        &[0xC1, 0x0B, 0x01],             // Severity: mandatory
    ]
    .concat();
    assert_eq!(whole, expected);
}

#[test]
fn r82_discover_lists_what_is_there_now() {
    let idle = "</5>;ver=1.1,</5/0>,</5/0/0>,</5/0/1>,</5/0/2>,</5/0/3>,</5/0/5>,</5/0/8>;dim=1,</5/0/9>,\
        </5/0/10>,</5/0/11>";
    let mut rig = Rig::new();
    let answer = rig.accept("/5", LINK);
    assert_eq!((answer.code.as_str(), answer.format()), ("2.05", Some(u32::from(LINK))));
    assert_eq!(answer.text(), idle);
    assert_eq!(rig.accept("/5/0", LINK).text(), idle.strip_prefix("</5>;ver=1.1,").unwrap());
    assert_eq!(rig.accept("/5/0/8", LINK).text(), "</5/0/8>;dim=1");
    assert_eq!(rig.accept("/5/0/6", LINK).code, "4.04");
    let mut rig = downloaded();
    assert_eq!(rig.put("/5/0/13", TEXT, b"60"), "2.04");
    let full = idle.replace("</5/0/8>", "</5/0/6>,</5/0/7>,</5/0/8>") + ",</5/0/13>";
    assert_eq!(rig.accept("/5", LINK).text(), full);
}

#[test]
fn r87_the_protocols_that_are_supported_are_told_exactly() {
    let all = Schemes::COAP.with(Protocol::Http).with(Protocol::CoapTls);
    let mut rig = Rig::with(|config| config.schemes = all);
    assert_eq!(
        rig.get("/5/0/8", &[]).payload,
        [0x88, 0x08, 0x09, 0x41, 0, 0, 0x41, 1, 2, 0x41, 2, 5],
        "CoAP, HTTP 1.1 and CoAP over TLS as instances 0 to 2"
    );
    assert_eq!(rig.accept("/5/0/8", TEXT).code, "4.06", "text cannot express several");
    for (instance, value) in [(0, "0"), (1, "2"), (2, "5")] {
        assert_eq!(rig.read(&format!("/5/0/8/{instance}")), value);
    }
    assert_eq!(rig.get("/5/0/8/3", &[]).code, "4.04");
    let mut rig = Rig::new();
    assert_eq!(rig.get("/5/0/8", &[]).payload, [0x83, 0x08, 0x41, 0, 0]);
    assert_eq!(rig.read("/5/0/8/0"), "0");
    assert_eq!(rig.read("/5/0/9"), "2", "row 96");
}

#[test]
fn r89_the_uri_is_kept_until_it_is_reset_or_written_anew() {
    let mut rig = Rig::new();
    rig.fetch = Fetch::Hold;
    let uri = "coap://example.com/fw";
    assert_eq!(rig.read("/5/0/1"), "");
    assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "2.04");
    assert_eq!(rig.read("/5/0/1"), uri);
    assert_eq!(rig.put("/5/0/1", TEXT, b""), "2.04");
    assert_eq!(rig.read("/5/0/1"), "");
    for end in ["package", "cancel"] {
        assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "2.04");
        match end {
            "package" => assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "2.04"),
            _ => assert_eq!(rig.post("/5/0/10", b""), "2.04"),
        }
        assert_eq!(rig.read("/5/0/1"), uri, "after {end}");
        rig.reboot();
        assert_eq!(rig.read("/5/0/1"), uri, "after {end} and a reset");
    }
    // A delivery has no URI, and leaves the last one.
    assert_eq!(rig.push(&package("one-integrated.suit"), 5).code, "2.04");
    assert_eq!(rig.read("/5/0/1"), uri);
    assert_eq!(rig.put("/5/0/0", OPAQUE, &[0]), "2.04");
    assert_eq!(rig.put("/5/0/1", TEXT, b"coap://"), "2.04", "a malformed one was written all the same");
    assert_eq!(rig.read("/5/0/1"), "coap://");
}

#[test]
fn r93_an_instance_is_read_in_blocks_that_join_to_the_whole() {
    for (_, mut rig) in everywhere() {
        let whole = rig.get("/5/0", &[]).payload;
        let mut joined: Vec<u8> = Vec::new();
        let mut tags = Vec::new();
        for number in 0.. {
            let answer = rig.get("/5/0", &[(CoapOption::Block2, number << 4)]);
            assert_eq!(answer.code, "2.05");
            let block = answer.uint(CoapOption::Block2).unwrap();
            assert_eq!((block >> 4, block & 7), (number, 0));
            joined.extend(&answer.payload);
            tags.push(answer.packet.get_first_option(CoapOption::ETag).unwrap().clone());
            if block & 8 == 0 {
                break;
            }
            assert_eq!(answer.payload.len(), 16);
        }
        assert_eq!(joined, whole);
        tags.dedup();
        assert_eq!(tags.len(), 1);
        let past = whole.len().div_ceil(16) as u32;
        assert_eq!(rig.get("/5/0", &[(CoapOption::Block2, past << 4)]).code, "4.00");
    }
}

#[test]
fn a_server_sees_the_device_and_itself_but_not_the_security_object() {
    let mut rig = Rig::new();
    for (path, value) in [
        ("/1/0/0", "1"),
        ("/1/0/1", "86400"),
        ("/1/0/6", "1"),
        ("/1/0/7", "U"),
        ("/3/0/0", "Example"),
        ("/3/0/1", "demo-board-1"),
        ("/3/0/2", "42"),
        ("/3/0/3", "4"),
        ("/3/0/11/0", "0"),
        ("/3/0/16", "U"),
    ] {
        assert_eq!(rig.read(path), value, "{path}");
    }
    assert_eq!(rig.accept("/3/0/11", TLV).payload, [0x83, 0x0B, 0x41, 0, 0]);
    for path in ["/0", "/0/0", "/0/0/0"] {
        assert_eq!(rig.get(path, &[]).code, "4.01", "{path}");
        assert_eq!(rig.put(path, TLV, &[0xC0, 0]), "4.01", "{path}");
    }
    let links = rig.accept("/3/0", LINK).text();
    assert_eq!(links, "</3/0>,</3/0/0>,</3/0/1>,</3/0/2>,</3/0/3>,</3/0/4>,</3/0/11>;dim=1,</3/0/16>");
}

#[test]
fn by_version_1_0_of_the_object_what_is_new_in_1_1_is_not_there() {
    let mut rig = Rig::with(|config| config.version = Lwm2m::V1_0);
    for resource in 10..=13 {
        assert_eq!(rig.get(&format!("/5/0/{resource}"), &[]).code, "4.04", "{resource}");
    }
    assert_eq!(rig.post("/5/0/10", b""), "4.04");
    assert!(rig.registered[0].0.contains(&"lwm2m=1.0".to_owned()));
    assert!(rig.registered[0].1.ends_with(",</5/0>") && !rig.registered[0].1.contains("ver="));
}

/// What an instance's observer and reader see at most does not fit one datagram of 1280 bytes with a long URI:
/// it does, but not the queue of what is sent again, and then it comes in blocks.
#[test]
fn the_longest_instance_is_read_whole() {
    let mut rig = Rig::with(|config| config.package_name = "x".repeat(255).leak());
    assert_eq!(rig.push(&package("one-integrated.suit"), 6).code, "2.04");
    rig.put("/5/0/0", OPAQUE, &[0]);
    rig.fetch = Fetch::Hold;
    let uri = format!("coap://example.com/{}", "u".repeat(255 - 19));
    assert_eq!(rig.put("/5/0/1", TEXT, uri.as_bytes()), "2.04");
    assert_eq!(rig.get("/5/0", &[]).payload[..4], [0xC8, 0x01, 255, b'c']);
}
