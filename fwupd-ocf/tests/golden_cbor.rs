//! Representations both ways, compared with another implementation of CBOR.

use ciborium::Value;
use fwupd_ocf::spec::{Action, State};
use fwupd_ocf::wire::Out;
use fwupd_ocf::wire::cbor::Malformed;
use fwupd_ocf::wire::device::Identity;
use fwupd_ocf::wire::pstat::{self, Owned};
use fwupd_ocf::wire::software::{Software, Update};
use fwupd_ocf::wire::time::Instant;
use fwupd_ocf::wire::{links, software};

fn emitted(write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
    let mut room = vec![0; 2048];
    let mut out = Out::new(&mut room);
    write(&mut out);
    let length = out.finish().unwrap();
    room.truncate(length);
    room
}

fn decoded(bytes: &[u8]) -> Value {
    let mut rest = bytes;
    let value = ciborium::from_reader(&mut rest).unwrap();
    assert!(rest.is_empty());
    value
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn map(entries: &[(&str, Value)]) -> Value {
    Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect())
}

fn time(text: &str) -> Instant {
    Instant::parse(text).unwrap()
}

/// The idle example of oic.r.softwareupdate.swagger.json, with another state and result.
fn example() -> Value {
    map(&[
        ("rt", Value::Array(vec!["oic.r.softwareupdate".into()])),
        ("swupdatestate", "sva".into()),
        ("swupdateresult", 404.into()),
        ("nv", "1.2".into()),
        ("purl", "https://v/f".into()),
        ("signed", "vendor".into()),
        ("swupdateaction", "isvv".into()),
        ("lastupdate", "2015-09-09T12:00:00Z".into()),
        ("updatetime", "2015-09-10T12:00:00+01:00".into()),
    ])
}

#[test]
fn a_client_reads_a_representation_in_any_order() {
    let bytes = encoded(&example());
    let read = Software::parse(&bytes).unwrap();
    assert_eq!((read.nv, read.purl, read.result.number()), (Some("1.2"), "https://v/f", 404));
    assert_eq!((read.action, read.state), (Action::Isvv, State::Sva));
    assert_eq!(
        (read.lastupdate, read.updatetime),
        (time("2015-09-09T12:00:00Z"), time("2015-09-10T11:00:00Z"))
    );
    // What is written of it is read as the same.
    let again = emitted(|out| read.emit(true, out));
    assert_eq!(Software::parse(&again), Ok(read));
    // Cut or changed anywhere, it is another one or none, and nothing worse.
    for length in 0..bytes.len() {
        assert_eq!(Software::parse(&bytes[..length]), Err(Malformed), "{length}");
    }
}

#[test]
fn a_client_misses_what_the_schema_requires() {
    let Value::Map(all) = example() else { panic!() };
    for (n, (key, _)) in all.iter().enumerate() {
        let mut some = all.clone();
        some.remove(n);
        let optional = ["rt", "nv", "signed", "lastupdate"].contains(&key.as_text().unwrap());
        assert_eq!(Software::parse(&encoded(&Value::Map(some))).is_ok(), optional, "{key:?}");
    }
}

#[test]
fn an_update_is_three_properties() {
    let update =
        Update { purl: "https://v/f", action: Action::Upgrade, updatetime: time("2026-11-20T23:09:19Z") };
    let bytes = emitted(|out| update.emit(out));
    let expected = map(&[
        ("purl", "https://v/f".into()),
        ("swupdateaction", "upgrade".into()),
        ("updatetime", "2026-11-20T23:09:19Z".into()),
    ]);
    assert_eq!(decoded(&bytes), expected);
    assert_eq!(software::Update::parse(&bytes), Ok(update));
    for length in 0..bytes.len() {
        assert_eq!(Update::parse(&bytes[..length]), Err(Malformed), "{length}");
    }
}

#[test]
fn the_modes_of_pstat_are_read_and_written() {
    // As a device of IoTivity-Lite answers, which is not owned yet.
    let bytes = encoded(&map(&[
        ("dos", map(&[("p", false.into()), ("s", 1.into())])),
        ("cm", 2.into()),
        ("tm", 0.into()),
        ("om", 3.into()),
        ("sm", 4.into()),
        ("isop", false.into()),
        ("rowneruuid", "00000000-0000-0000-0000-000000000000".into()),
    ]));
    assert_eq!(pstat::parse(&bytes), Ok((2, 0)));
    let owned = Owned { owner: "me", cm: 8, om: 3, sm: 4 };
    let ours = emitted(|out| pstat::emit(&owned, 456, false, out));
    assert_eq!(pstat::parse(&ours), Ok((456, 0)));
    assert_eq!(decoded(&emitted(|out| pstat::emit_update(256, out))), map(&[("tm", 256.into())]));
    assert_eq!(pstat::parse_update(&encoded(&map(&[("tm", 448.into())]))), Ok(448));
    assert_eq!(
        pstat::parse_update(&[0xBF, 0x62, b't', b'm', 0x18, 64, 0xFF]),
        Ok(64),
        "of indefinite length"
    );
    assert_eq!(pstat::parse_update(&encoded(&map(&[]))), Err(Malformed));
}

#[test]
fn a_client_reads_the_links_of_another_device() {
    // As a device of IoTivity-Lite lists them, with maps and arrays of indefinite length.
    let mut bytes = vec![0x9F, 0xBF];
    for part in [
        encoded(&"anchor".into()),
        encoded(&"ocf://di".into()),
        encoded(&"href".into()),
        encoded(&"/oc/swu".into()),
        encoded(&"rt".into()),
        vec![0x9F],
        encoded(&"oic.r.softwareupdate".into()),
        vec![0xFF],
        encoded(&"p".into()),
        encoded(&map(&[("bm", 3.into())])),
        encoded(&"eps".into()),
        vec![0x9F, 0xBF],
        encoded(&"ep".into()),
        encoded(&"coap://[fe80::1]:40000".into()),
        encoded(&"lat".into()),
        encoded(&240.into()),
        vec![0xFF, 0xFF, 0xFF, 0xFF],
    ] {
        bytes.extend(part);
    }
    decoded(&bytes);
    let mut seen = Vec::new();
    links::parse(&bytes, |link| seen.push(link)).unwrap();
    let [link] = seen[..] else { panic!("{seen:?}") };
    assert_eq!((link.di, link.href, link.kind), (Some("di"), "/oc/swu", "oic.r.softwareupdate"));
    assert_eq!(link.endpoint, Some("coap://[fe80::1]:40000"));
    for length in 0..bytes.len() {
        assert_eq!(links::parse(&bytes[..length], |_| {}), Err(Malformed), "{length}");
    }
}

#[test]
fn what_a_device_lists_is_read_by_a_client() {
    let identity =
        Identity { di: "d", piid: "p", pi: "i", name: "n", kind: "oic.d.light", manufacturer: "m" };
    let resources = fwupd_ocf::spec::Resource::ALL;
    let bytes = emitted(|out| links::emit(resources.into_iter(), &identity, &["coap://h"], false, out));
    let mut hrefs = Vec::new();
    links::parse(&bytes, |link| hrefs.push((link.href, link.di, link.endpoint))).unwrap();
    assert_eq!(hrefs.len(), 5);
    assert!(hrefs.contains(&("/oc/swu", Some("d"), Some("coap://h"))));
}
