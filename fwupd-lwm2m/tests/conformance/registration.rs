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
