//! Discovery: rows 70 to 72 and 74.

use ciborium::Value;
use coap_lite::{MessageType, Packet};
use fwupd_ocf::adapter::Cast;

use crate::rig::{DI, Map, OCF, ONE, PURL, Rig, SWU, at, encode, update};

fn links(value: Value) -> Vec<Map> {
    value.into_array().unwrap().into_iter().map(|link| Map(link.into_map().unwrap())).collect()
}

fn hrefs(links: &[Map]) -> Vec<&str> {
    links.iter().map(|link| link.text("href")).collect()
}

/// Asks all devices.
fn multicast(rig: &mut Rig, mut packet: Packet) -> Option<crate::rig::Answer> {
    packet.header.set_type(MessageType::NonConfirmable);
    rig.deliver(ONE, Cast::Multicast, &packet.to_bytes_unlimited().unwrap());
    rig.settle();
    rig.answer(ONE, &packet)
}

#[test]
fn r70_the_software_update_is_found_by_its_type() {
    let mut rig = Rig::new();
    let packet = rig.packet(1, "/oic/res?rt=oic.r.softwareupdate", None, &[]);
    let answer = multicast(&mut rig, packet).unwrap();
    assert_eq!(
        (answer.code.as_str(), answer.uint(coap_lite::CoapOption::ContentFormat)),
        ("2.05", Some(OCF))
    );
    assert_eq!(answer.packet.header.get_type(), MessageType::NonConfirmable);
    let links = links(answer.value());
    let [link] = &links[..] else { panic!("{links:?}") };
    // The order that clients in the field need.
    assert_eq!(link.keys(), ["anchor", "href", "rt", "if", "p", "eps"]);
    assert_eq!((link.text("anchor"), link.text("href")), (format!("ocf://{DI}").as_str(), SWU));
    assert_eq!(link.texts("rt"), ["oic.r.softwareupdate"]);
    assert_eq!(link.texts("if"), ["oic.if.rw", "oic.if.baseline"]);
    assert_eq!(link.get("p"), Some(&crate::rig::map(&[("bm", 3.into())])));
    let ep = crate::rig::map(&[("ep", "coap://192.0.2.7:5683".into())]);
    assert_eq!(link.get("eps"), Some(&Value::Array(vec![ep])));
}

#[test]
fn r71_who_asks_for_another_is_told_so_alone_and_not_among_all() {
    let mut rig = Rig::new();
    for query in ["rt=oic.r.nosuch", "di=5a1b2c3d-0000-4000-8000-000000000000", "if=oic.if.rw"] {
        let packet = rig.packet(1, &format!("/oic/res?{query}"), None, &[]);
        assert!(multicast(&mut rig, packet.clone()).is_none(), "{query}");
        let code = if query.starts_with("if") { "4.03" } else { "4.00" };
        assert_eq!(rig.get(&format!("/oic/res?{query}"), &[]).code, code, "{query}");
    }
}

#[test]
fn nothing_but_discovery_is_answered_to_all() {
    let mut rig = Rig::new();
    let post = encode(&update(PURL, "isac", at(10)));
    for packet in [
        rig.packet(1, SWU, None, &[]),
        rig.packet(2, SWU, Some(OCF), &post),
        rig.packet(2, "/oic/res", Some(OCF), &post),
        rig.packet(1, "/nothing", None, &[]),
    ] {
        assert!(multicast(&mut rig, packet).is_none());
    }
    let packet = rig.packet(1, "/oic/res", None, &[]);
    rig.deliver(ONE, Cast::Multicast, &packet.to_bytes_unlimited().unwrap());
    rig.deliver(ONE, Cast::Multicast, &[0x40, 1, 2, 3, 0xFF]);
    assert!(rig.answer(ONE, &packet).is_none(), "what is confirmable is not for all");
    assert_eq!(rig.swu().text("swupdateaction"), "idle");
}

#[test]
fn r72_links_are_listed_by_type_by_device_and_with_their_collection() {
    let mut rig = Rig::new();
    let all = ["/oic/d", "/oic/p", "/oc/swu", "/oic/sec/pstat"];
    for query in ["".to_owned(), format!("?di={DI}"), "?if=oic.if.ll".into()] {
        let found = links(rig.get(&format!("/oic/res{query}"), &[]).value());
        assert_eq!(hrefs(&found), all, "{query}");
    }
    for query in ["rt=oic.wk.d".to_owned(), "rt=oic.d.light".into(), format!("rt=oic.wk.d&di={DI}")] {
        let found = links(rig.get(&format!("/oic/res?{query}"), &[]).value());
        assert_eq!(hrefs(&found), ["/oic/d"], "{query}");
        assert_eq!(found[0].texts("rt"), ["oic.wk.d", "oic.d.light"]);
    }
    let baseline = links(rig.get("/oic/res?if=oic.if.baseline", &[]).value());
    let [collection] = &baseline[..] else { panic!("{baseline:?}") };
    assert_eq!(collection.keys(), ["rt", "if", "links"]);
    assert_eq!(collection.texts("rt"), ["oic.wk.res"]);
    assert_eq!(collection.texts("if"), ["oic.if.ll", "oic.if.baseline"]);
    assert_eq!(hrefs(&links(collection.get("links").unwrap().clone())), all);
}

#[test]
fn r74_the_device_and_its_platform_say_who_they_are() {
    let mut rig = Rig::new();
    let device = rig.get("/oic/d", &[]).map();
    assert_eq!(device.keys(), ["n", "di", "icv", "dmv", "piid"]);
    assert_eq!((device.text("di"), device.text("n")), (DI, "a device"));
    assert_eq!((device.text("icv"), device.text("dmv")), ("ocf.2.2.5", "ocf.res.1.3.0"));
    let baseline = rig.get("/oic/d?if=oic.if.baseline", &[]).map();
    assert_eq!(baseline.texts("rt"), ["oic.wk.d", "oic.d.light"]);
    let platform = rig.get("/oic/p", &[]).map();
    assert_eq!((platform.keys(), platform.text("mnmn")), (vec!["pi", "mnmn"], "Example"));
    let pstat = rig.get("/oic/sec/pstat", &[]).map();
    assert_eq!(pstat.keys(), ["dos", "isop", "cm", "tm", "om", "sm", "rowneruuid"]);
}
