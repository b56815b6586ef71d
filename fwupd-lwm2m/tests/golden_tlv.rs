//! The TLV examples of OMA-TS-LightweightM2M, version 1.0 section 6.4.3, typed from the specification.

use fwupd_lwm2m::value::Value;
use fwupd_lwm2m::wire::Out;
use fwupd_lwm2m::wire::tlv::{self, Entries, Head, Integer, Kind};

/// "GET /3/0": the Device object, 121 bytes.
const DEVICE: &str = "
    C8 00 14 4F 70 65 6E 20 4D 6F 62 69 6C 65 20 41 6C 6C 69 61 6E 63 65
    C8 01 16 4C 69 67 68 74 77 65 69 67 68 74 20 4D 32 4D 20 43 6C 69 65 6E 74
    C8 02 09 33 34 35 30 30 30 31 32 33
    C3 03 31 2E 30
    86 06 41 00 01 41 01 05
    88 07 08 42 00 0E D8 42 01 13 88
    87 08 41 00 7D 42 01 03 84
    C1 09 64
    C1 0A 0F
    83 0B 41 00 00
    C4 0D 51 82 42 8F
    C6 0E 2B 30 32 3A 30 30
    C1 10 55";

/// "GET /2": two instances of the Access Control object; the second has an owner with an identifier of 16 bits.
const ACCESS_CONTROL: &str = "
    08 00 0E C1 00 01 C1 01 00 83 02 41 7F 07 C1 03 7F
    08 02 12 C1 00 03 C1 01 00 87 02 41 7F 07 61 01 36 01 C1 03 7F";

fn bytes(hex: &str) -> Vec<u8> {
    hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn emit(write: impl FnOnce(&mut Out<'_>)) -> Vec<u8> {
    let mut room = [0; 256];
    let mut out = Out::new(&mut room);
    write(&mut out);
    let length = out.finish().unwrap();
    room[..length].to_vec()
}

/// A multiple resource of numbers.
fn multiple(out: &mut Out<'_>, id: u16, instances: &[(u16, u64)]) {
    let inner = emit(|out| {
        for (id, number) in instances {
            tlv::put(out, Kind::ResourceInstance, *id, Integer::new(*number).as_bytes());
        }
    });
    tlv::put(out, Kind::MultipleResource, id, &inner);
}

#[test]
fn the_device_object_is_written_as_in_the_specification() {
    let written = emit(|out| {
        Value::Text("Open Mobile Alliance").tlv(Kind::Resource, 0, out);
        Value::Text("Lightweight M2M Client").tlv(Kind::Resource, 1, out);
        Value::Text("345000123").tlv(Kind::Resource, 2, out);
        Value::Text("1.0").tlv(Kind::Resource, 3, out);
        multiple(out, 6, &[(0, 1), (1, 5)]);
        multiple(out, 7, &[(0, 3800), (1, 5000)]);
        multiple(out, 8, &[(0, 125), (1, 900)]);
        Value::Integer(100).tlv(Kind::Resource, 9, out);
        Value::Integer(15).tlv(Kind::Resource, 10, out);
        Value::One(0).tlv(Kind::Resource, 11, out);
        Value::Time(1_367_491_215).tlv(Kind::Resource, 13, out);
        Value::Text("+02:00").tlv(Kind::Resource, 14, out);
        Value::Text("U").tlv(Kind::Resource, 16, out);
    });
    assert_eq!(written.len(), 121);
    assert_eq!(written, bytes(DEVICE));
}

#[test]
fn the_device_object_is_read_as_in_the_specification() {
    let bytes = bytes(DEVICE);
    let entries: Vec<_> = Entries::new(&bytes).map(Result::unwrap).collect();
    assert_eq!(entries.len(), 13);
    assert_eq!(entries[0], (Head { kind: Kind::Resource, id: 0, len: 20 }, &b"Open Mobile Alliance"[..]));
    let (head, voltages) = entries[5];
    assert_eq!(head, Head { kind: Kind::MultipleResource, id: 7, len: 8 });
    let voltages: Vec<_> = Entries::new(voltages)
        .map(Result::unwrap)
        .map(|(head, value)| (head.kind, head.id, tlv::unsigned(value, true).unwrap()))
        .collect();
    assert_eq!(voltages, [(Kind::ResourceInstance, 0, 3800), (Kind::ResourceInstance, 1, 5000)]);
    assert_eq!(tlv::unsigned(entries[10].1, true), Some(1_367_491_215));
}

#[test]
fn object_instances_and_long_identifiers_are_read_and_written_as_in_the_specification() {
    let bytes = bytes(ACCESS_CONTROL);
    let instances: Vec<_> = Entries::new(&bytes).map(Result::unwrap).collect();
    let heads: Vec<_> = instances.iter().map(|(head, _)| (head.kind, head.id, head.len)).collect();
    assert_eq!(heads, [(Kind::ObjectInstance, 0, 14), (Kind::ObjectInstance, 2, 18)]);
    let owners: Vec<_> = Entries::new(instances[1].1).map(Result::unwrap).collect();
    assert_eq!(owners[2].0, Head { kind: Kind::MultipleResource, id: 2, len: 7 });

    let second = emit(|out| {
        Value::Integer(3).tlv(Kind::Resource, 0, out);
        Value::Integer(0).tlv(Kind::Resource, 1, out);
        multiple(out, 2, &[(127, 7), (310, 1)]);
        Value::Integer(127).tlv(Kind::Resource, 3, out);
    });
    let written = emit(|out| tlv::put(out, Kind::ObjectInstance, 2, &second));
    assert_eq!(written, bytes[17..]);
}
