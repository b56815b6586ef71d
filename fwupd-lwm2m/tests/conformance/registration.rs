//! Register, Update, De-register, and what comes after a reset: rows 83 and 84.

use coap_lite::MessageClass;

use crate::reads::downloaded;
use crate::rig::{LINK, Rig, STRANGER, TEXT};

#[test]
fn r83_the_registration_names_the_version_of_the_object_and_its_instance() {
    let mut rig = Rig::new();
    let [(query, payload)] = &rig.registered[..] else { panic!("{:?}", rig.registered) };
    assert_eq!(query[..], ["lwm2m=1.1", "ep=urn:dev:os:0023C7-000001", "lt=86400", "b=U"]);
    assert_eq!(payload, "</>;rt=\"oma.lwm2m\";ct=11542,</1/0>,</3/0>,</5>;ver=1.1,</5/0>");
    let register = coap_lite::Packet::from_bytes(&rig.sent[0]).unwrap();
    assert_eq!(register.header.get_type(), coap_lite::MessageType::Confirmable);
    let format = register.get_first_option(coap_lite::CoapOption::ContentFormat).unwrap();
    assert_eq!(format[..], [LINK as u8]);
    assert!(rig.client.registered());
    rig.pass(1_000);
    assert_eq!(rig.registered.len(), 1);
}

#[test]
fn r84_an_update_is_answered_and_told_before_the_reset_and_registers_after_it() {
    let mut rig = downloaded();
    rig.observe("/5/0/3");
    rig.settle();
    assert!(rig.client.drained());
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    assert_eq!(rig.boots, 0);
    assert!(!rig.client.drained(), "what changes now has not been told yet");
    rig.settle();
    assert_eq!(rig.told(), ["/5/0/3 3"]);
    assert_eq!((rig.boots, rig.registered.len()), (1, 2));
    assert_eq!(rig.registered[0], rig.registered[1]);
}

/// The reset waits for the notification, as long as the application lets it.
#[test]
fn r84_a_reset_waits_for_what_is_under_way() {
    let mut rig = downloaded();
    rig.observe("/5/0/3");
    assert_eq!(rig.post("/5/0/2", b""), "2.04");
    rig.online = false;
    for _ in 0..100 {
        rig.turn();
        let now = rig.now();
        if rig.up.need(now) == fwupd_core::updater::Need::Reset {
            break;
        }
        let _ = rig.up.permit(now);
    }
    assert!(!rig.client.drained());
    rig.online = true;
    rig.device.clock.advance(4_000);
    rig.turn();
    assert!(rig.client.drained());
    assert_eq!(rig.told(), ["/5/0/3 3"]);
}

#[test]
fn the_registration_is_updated_well_before_its_lifetime_ends() {
    let mut rig = Rig::with(|config| config.lifetime = 300);
    rig.pass(140_000);
    assert_eq!(rig.requests, []);
    rig.pass(20_000);
    assert_eq!(rig.requests, [("update".into(), vec![])]);
    rig.pass(300_000);
    assert_eq!(rig.requests.len(), 3);
    assert_eq!(rig.registered.len(), 1);
}

#[test]
fn a_new_lifetime_is_told_at_once_and_the_trigger_updates() {
    let mut rig = Rig::new();
    assert_eq!(rig.put("/1/0/1", TEXT, b"60"), "2.04");
    rig.settle();
    assert_eq!(rig.requests, [("update".into(), vec!["lt=60".into()])]);
    assert_eq!(rig.read("/1/0/1"), "60");
    rig.pass(31_000);
    assert_eq!(rig.requests.len(), 2);
    assert_eq!(rig.post("/1/0/8", b""), "2.04");
    rig.settle();
    assert_eq!(rig.requests[2], ("update".into(), vec![]));
    for (path, value) in [("/1/0/1", "0"), ("/1/0/1", "x"), ("/1/0/6", "2"), ("/1/0/7", "UQ")] {
        assert_eq!(rig.put(path, TEXT, value.as_bytes()), "4.00", "{path} {value}");
    }
    assert_eq!(rig.put("/1/0/6", TEXT, b"0"), "2.04");
    assert_eq!(rig.read("/1/0/6"), "0");
    assert_eq!(rig.put("/1/0/0", TEXT, b"2"), "4.05");
    assert_eq!(rig.post("/1/0/1", b""), "4.05");
}

#[test]
fn a_server_that_has_forgotten_the_client_is_told_anew_at_once() {
    let mut rig = Rig::with(|config| config.lifetime = 300);
    rig.observe("/5/0/3");
    rig.update_answer = MessageClass::from(0x84);
    rig.pass(155_000);
    assert_eq!(rig.registered.len(), 2);
    assert!(rig.client.registered());
    assert_eq!(rig.put("/5/0/11", TEXT, b"2"), "2.04");
}

#[test]
fn a_server_that_is_away_is_asked_again_with_growing_waits() {
    let mut rig = Rig::with(|config| config.lifetime = 300);
    rig.online = false;
    rig.sent.clear();
    rig.pass(3_600_000);
    assert!(!rig.client.registered());
    let sent = rig.sent.len();
    assert!((20..=60).contains(&sent), "{sent} datagrams in an hour");
    rig.online = true;
    rig.pass(800_000);
    assert!(rig.client.registered());
    assert_eq!(rig.registered.len(), 2);
}

#[test]
fn a_client_that_takes_leave_stays_away() {
    let mut rig = Rig::new();
    rig.client.deregister();
    rig.pass(200_000_000);
    assert_eq!(rig.requests, [("delete".into(), vec![])]);
    assert!(!rig.client.registered());
    assert_eq!(rig.registered.len(), 1);
}

#[test]
fn a_server_may_reboot_the_device() {
    let mut rig = Rig::new();
    assert!(!rig.client.reboot_wanted());
    assert_eq!(rig.post("/3/0/4", b""), "2.04");
    assert!(rig.client.reboot_wanted());
    assert_eq!(rig.post("/3/0/5", b""), "4.04");
}

#[test]
fn who_is_not_the_server_is_not_heard() {
    let mut rig = Rig::new();
    let read = rig.packet(1, "/5/0/3", None, &[]);
    let write = rig.packet(3, "/5/0/1", Some(TEXT), b"coap://example.com/fw");
    let sent = rig.sent.len();
    for datagram in [read.to_bytes().unwrap(), write.to_bytes().unwrap(), vec![0x40, 0, 1, 2], vec![]] {
        rig.deliver(STRANGER, &datagram);
        rig.settle();
    }
    assert_eq!(rig.sent.len(), sent);
    assert_eq!(rig.shown(), "0/0");
}
