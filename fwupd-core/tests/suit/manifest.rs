//! Bad manifests, all well signed: the elements, the common part, identity, digest and size.

use ciborium::Value;
use fwupd_core::package::Stage;
use fwupd_core::package::suit::{COMPONENT, LONGEST_HEAD, Suit};

use super::device::{CLASS, ME, VENDOR, accepted, refused, take_cut};
use super::maker::{
    FW, Manifest, arr, bytes, common, enc, install, map, parameters, seq, sha, signed, suit_digest, v, wrap,
};

/// The good manifest but for one parameter of its shared sequence.
fn parameter(key: i64, value: Value) -> Vec<u8> {
    let mut changed = parameters();
    changed.iter_mut().filter(|(k, _)| *k == v(key)).for_each(|pair| pair.1 = value.clone());
    Manifest::of(changed).file()
}

/// The good manifest without one parameter of its shared sequence.
fn without_parameter(key: i64) -> Vec<u8> {
    let mut changed = parameters();
    changed.retain(|(k, _)| *k != v(key));
    Manifest::of(changed).file()
}

/// The good shared sequence.
fn shared() -> Value {
    seq([(20, Value::Map(parameters())), (1, v(15)), (2, v(15))])
}

/// A float, as an argument of what has an integer.
fn float() -> Value {
    Value::Float(5.0)
}

/// A bignum of the value 5 (RFC 8949, section 3.4.3).
fn bignum() -> Value {
    Value::Tag(2, Box::new(bytes([5])))
}

#[test]
fn s36_another_manifest_version_than_1_is_refused() {
    for version in [v(0), v(2), v(u64::MAX), v(-1), v("1"), bytes([1]), float(), arr([v(1)]), Value::Null] {
        refused(&Manifest::good().with(1, version).file(), Stage::Manifest);
    }
    refused(&Manifest::good().without(1).file(), Stage::Manifest);
}

#[test]
fn s37_a_sequence_number_that_is_no_unsigned_integer_is_refused() {
    for number in [v(-1), v("5"), bytes([5]), bignum(), float(), Value::Null, arr([v(5)])] {
        refused(&Manifest::good().with(2, number).file(), Stage::Manifest);
    }
    refused(&Manifest::good().without(2).file(), Stage::Manifest);
}

#[test]
fn s38_a_sequence_number_may_be_equal_or_higher_but_not_lower() {
    for number in [0, 4] {
        refused(&Manifest::good().with(2, v(number)).file(), Stage::Rollback);
    }
    for number in [5, 6, 1 << 32, u64::MAX] {
        assert_eq!(accepted(&Manifest::good().with(2, v(number)).file()).image.sequence, number);
    }
    let me = fwupd_core::package::Identity { sequence: u64::MAX, ..ME };
    let verdict =
        take_cut(&Manifest::good().file(), [usize::MAX], &me, &mut Suit::<LONGEST_HEAD>::new(COMPONENT));
    assert_eq!(verdict.unwrap_err().stage, Stage::Rollback);
}

#[test]
fn s39_a_common_part_of_another_form_is_refused() {
    let components = arr([arr([bytes([0])])]);
    refused(&Manifest::good().without(3).file(), Stage::Manifest);
    for bad in [
        bytes([]),
        wrap(&map([])),
        map([(2, components.clone()), (4, shared())]),
        wrap(&map([(4, shared())])),
        wrap(&map([(4, shared()), (2, components.clone())])),
        wrap(&map([(1, bytes([])), (2, components.clone())])),
        wrap(&map([(1, bytes([])), (2, components.clone()), (4, shared())])),
        wrap(&map([(2, components.clone()), (4, shared()), (5, v(0))])),
        wrap(&map([(2, components.clone()), (2, components.clone()), (4, shared())])),
        wrap(&arr([components.clone(), shared()])),
        bytes([&enc(&map([(2, components.clone()), (4, shared())]))[..], &[0]].concat()),
    ] {
        refused(&Manifest::good().with(3, bad).file(), Stage::Manifest);
    }
}

#[test]
fn s40_other_components_than_the_one_known_are_refused() {
    let id = |part: &[u8]| arr([bytes(part)]);
    let deep = (0..200).fold(bytes([0]), |inner, _| arr([inner]));
    let refused_at = |components: Value, stage| {
        let common = wrap(&map([(2, components), (4, shared())]));
        refused(&Manifest::good().with(3, common).file(), stage);
    };
    for components in [
        arr([]),
        arr([id(&[1])]),
        arr([id(&[])]),
        arr([id(&[0, 0])]),
        arr([arr([])]),
        arr([arr([bytes([0]), bytes([0])])]),
        arr([id(&[0]), id(&[0])]),
        arr([id(&[0]), id(&[1])]),
        Value::Array(vec![id(&[0]); 9]),
    ] {
        refused_at(components, Stage::Plan);
    }
    for components in [v(0), bytes([0]), arr([bytes([0])]), arr([v(0)]), arr([arr([v(0)])]), deep, map([])] {
        refused_at(components, Stage::Manifest);
    }
}

#[test]
fn s41_without_a_shared_sequence_that_checks_both_identifiers_it_is_refused() {
    let set = || (20, Value::Map(parameters()));
    let no_shared = wrap(&map([(2, arr([arr([bytes([0])])]))]));
    refused(&Manifest::good().with(3, no_shared).file(), Stage::Manifest);
    for bad in [seq([set()]), seq([set(), (1, v(15))]), seq([set(), (2, v(15))])] {
        refused(&Manifest::good().shared(bad).file(), Stage::Plan);
    }
    // Checked in install only.
    let install = seq([(1, v(15)), (2, v(15)), (20, map([(21, v("#fw"))])), (21, v(2))]);
    refused(&Manifest::good().shared(seq([set()])).with(20, install).file(), Stage::Plan);
}

#[test]
fn s42_another_vendor_or_class_is_refused() {
    for (key, own) in [(1, VENDOR), (2, CLASS)] {
        let mut other = own;
        other[15] ^= 1;
        refused(&parameter(key, bytes(other)), Stage::Identity);
        refused(&parameter(key, bytes([0; 16])), Stage::Identity);
        for bad in [&own[..15], &[&own[..], &[0]].concat(), &[]] {
            refused(&parameter(key, bytes(bad)), Stage::Manifest);
        }
        refused(&parameter(key, Value::Tag(112, Box::new(v(1)))), Stage::Manifest);
        refused(&parameter(key, Value::Tag(37, Box::new(bytes(own)))), Stage::Manifest);
        refused(&parameter(key, v("cfbff0d1-9375-5685-968c-48ce8b15ae17")), Stage::Manifest);
    }
    refused(&parameter(1, bytes(CLASS)), Stage::Identity);
    let swapped = [(v(1), bytes(CLASS)), (v(2), bytes(VENDOR))];
    let swapped = [&swapped[..], &parameters()[2..]].concat();
    refused(&Manifest::of(swapped).file(), Stage::Identity);
}

#[test]
fn s43_a_condition_whose_parameter_is_not_set_yet_is_refused() {
    for (first, second) in [(1, 2), (2, 1)] {
        let early = seq([(first, v(15)), (20, Value::Map(parameters())), (second, v(15))]);
        refused(&Manifest::good().shared(early).file(), Stage::Plan);
        refused(&without_parameter(first), Stage::Plan);
    }
    // Parameters of one sequence are gone in the next.
    let (identity, image) = (parameters()[..2].to_vec(), parameters()[2..].to_vec());
    let split = seq([(20, Value::Map(identity)), (1, v(15)), (20, Value::Map(image)), (2, v(15))]);
    accepted(&Manifest::good().shared(split).file());
}

#[test]
fn s44_without_a_digest_or_a_size_that_can_be_it_is_refused() {
    refused(&without_parameter(3), Stage::Plan);
    refused(&without_parameter(14), Stage::Plan);
    for size in [0, 1 << 32, u64::MAX] {
        refused(&parameter(14, v(size)), Stage::Plan);
    }
    for size in [v(-1), v("1536"), bytes([6, 0]), bignum(), float()] {
        refused(&parameter(14, size), Stage::Manifest);
    }
    // Another size than the payload has.
    refused(&parameter(14, v(1535)), Stage::Payload);
    refused(&parameter(14, v(u32::MAX)), Stage::Payload);
}

#[test]
fn s45_an_image_digest_of_another_form_is_refused() {
    let digest = sha(FW);
    for bad in [
        suit_digest(digest),
        bytes(digest),
        wrap(&arr([v(-44), bytes([0; 64])])),
        wrap(&arr([v(-44), bytes(digest)])),
        wrap(&suit_digest(&digest[..16])),
        wrap(&arr([v(-16), bytes(digest), v(0)])),
        wrap(&arr([v(16), bytes(digest)])),
        bytes([&enc(&suit_digest(digest))[..], &[0]].concat()),
        bytes([]),
    ] {
        refused(&parameter(3, bad), Stage::Manifest);
    }
    refused(&parameter(3, wrap(&suit_digest(sha("another image")))), Stage::Match);
}

#[test]
fn s48_a_parameter_that_is_not_known_is_refused() {
    for key in [0, 4, 5, 6, 12, 13, 15, 18, 19, 22, 23, 24, 25, 26, 31, 32, 63, 64, 255, 1000] {
        let mut more = parameters();
        more.push((v(key), v(0)));
        more.sort_by_key(|(key, _)| enc(key));
        refused(&Manifest::of(more.clone()).file(), Stage::Plan);
        // Where nothing is looked for but the URI.
        let install = seq([(20, map([(key, v(0))])), (20, map([(21, v("#fw"))])), (21, v(2))]);
        refused(&Manifest::good().with(20, install).file(), Stage::Plan);
    }
    let mut custom = parameters();
    custom.push((v(-300), v(0)));
    refused(&Manifest::of(custom).file(), Stage::Manifest);
}

#[test]
fn s61_a_manifest_that_is_not_in_deterministic_order_is_refused() {
    let good = Manifest::good();
    for index in 0..good.0.len() {
        let mut twice = good.clone();
        twice.0.insert(index, twice.0[index].clone());
        refused(&twice.file(), Stage::Manifest);
        let mut moved = good.clone();
        let element = moved.0.remove(index);
        moved.0.insert((index + 1) % good.0.len(), element);
        refused(&moved.file(), Stage::Manifest);
    }
    let mut twice = parameters();
    twice.insert(1, twice[0].clone());
    refused(&Manifest::of(twice).file(), Stage::Manifest);
    let mut unsorted = parameters();
    unsorted.swap(0, 1);
    refused(&Manifest::of(unsorted).file(), Stage::Manifest);
}

#[test]
fn s61_a_manifest_of_another_form_is_refused() {
    let good = Manifest::good().encoded();
    assert_eq!(good[..5], [0xa6, 0x01, 0x01, 0x02, 0x05]);
    let indefinite = [&[0xbf][..], &good[1..], &[0xff]].concat();
    let long_count = [&[0xb8, 6][..], &good[1..]].concat();
    let long_value = [&good[..4], &[0x18, 5], &good[5..]].concat();
    let long_key = [&good[..3], &[0x18, 2], &good[4..]].concat();
    let fewer = [&[0xa5][..], &good[1..]].concat();
    let more = [&[0xa7][..], &good[1..]].concat();
    let huge = [&[0xbb, 255, 255, 255, 255, 255, 255, 255, 255][..], &good[1..]].concat();
    for bad in
        [indefinite, long_count, long_value, long_key, fewer, more, huge, vec![], vec![0x80], vec![0xf6]]
    {
        refused(&signed(&bad), Stage::Manifest);
    }
    refused(&signed(&enc(&bytes(&good))), Stage::Manifest);
    for len in 0..good.len() {
        refused(&signed(&good[..len]), Stage::Manifest);
    }
}

#[test]
fn s61_an_element_that_is_not_known_is_refused() {
    for key in [0, 4, 5, 8, 10, 14, 15, 16, 18, 21, 23, 24, 255, 1000, -1, -300] {
        for value in [bytes([]), v("https://example.com/m.suit"), suit_digest([0; 32])] {
            refused(&Manifest::good().with(key, value).file(), Stage::Manifest);
        }
    }
}

#[test]
fn s62_a_uri_that_is_too_long_or_no_text_is_refused() {
    let uri = |len: usize| format!("coap://h/{}", "x".repeat(len - 9));
    let uri_only = |uri: &str| {
        let manifest = Manifest::good().with(20, install(uri)).encoded();
        let mut parts = super::maker::members(&super::maker::usual_wrapper(&manifest), &manifest);
        parts.pop();
        super::maker::envelope(&parts)
    };
    assert_eq!(accepted(&uri_only(&uri(255))).uri, Some(uri(255)));
    refused(&uri_only(&uri(256)), Stage::Plan);
    refused(&uri_only(&uri(300)), Stage::Plan);
    refused(&Manifest::good().with(20, install("")).file(), Stage::Plan);
    let install = |uri| seq([(20, map([(21, uri)])), (21, v(2)), (3, v(15))]);
    for bad in [bytes("#fw"), v(0), arr([v("#fw")]), Value::Null, Value::Tag(32, Box::new(v("#fw")))] {
        refused(&Manifest::good().with(20, install(bad)).file(), Stage::Manifest);
    }
    // Bad UTF-8 in a text string.
    let good = Manifest::good().encoded();
    let at = good.windows(3).position(|window| window == b"#fw").unwrap();
    for bad in [[b'#', 0xff, b'w'], [b'#', 0xc0, 0x80], [0xed, 0xa0, 0x80]] {
        let manifest = [&good[..at], &bad, &good[at + 3..]].concat();
        refused(&signed(&manifest), Stage::Manifest);
    }
}

#[test]
fn s62_a_manifest_of_64_kb_is_refused() {
    let long = Manifest::good().with(20, install(&"x".repeat(65_536)));
    refused(&long.file(), Stage::Framing);
}

#[test]
fn s65_a_version_is_one_to_eight_numbers_and_a_mark() {
    let version = |parts: &[i64]| {
        let parts = Value::Array(parts.iter().map(|part| v(*part)).collect());
        Manifest::good().with(6, wrap(&parts)).file()
    };
    for (parts, text) in [
        (&[1, 2, 3][..], "1.2.3"),
        (&[0], "0"),
        (&[2, 0, -1, 1], "2.0-rc.1"),
        (&[2, 0, -2, 10], "2.0-beta.10"),
        (&[1, -3], "1-alpha"),
        (&[1, 2, 3, 4, 5, 6, 7, 8], "1.2.3.4.5.6.7.8"),
        (&[i64::MAX], "9223372036854775807"),
        (&[99_999_999_999, 99_999_999_999, 99_999_999], "99999999999.99999999999.99999999"),
    ] {
        assert_eq!(accepted(&version(parts)).image.version.as_str(), text);
    }
    for parts in [
        &[][..],
        &[1; 9],
        &[-1],
        &[-1, 1],
        &[1, -4],
        &[1, i64::MIN],
        &[1, -1, -2],
        &[1, -1, 1, -1],
        &[99_999_999_999, 99_999_999_999, 999_999_999],
        &[i64::MAX, i64::MAX],
        &[99_999_999_999, 99_999_999_999, 99_999_999, 0],
        &[99_999_999_999, 99_999_999_999, 999_999, -3],
    ] {
        refused(&version(parts), Stage::Manifest);
    }
    for bad in [
        arr([v(1), v(2), v(3)]),
        v("1.2.3"),
        wrap(&v("1.2.3")),
        wrap(&arr([v("1"), v("2")])),
        wrap(&arr([v(u64::MAX)])),
        wrap(&map([(1, v(2))])),
        bytes([]),
        bytes([0x82, 1, 2, 0]),
        bytes([0x81, 0x18, 1]),
        bytes([0x9f, 1, 0xff]),
    ] {
        refused(&Manifest::good().with(6, bad).file(), Stage::Manifest);
    }
}

#[test]
fn rollback_is_told_before_what_the_package_asks_for() {
    let old = Manifest::good().with(2, v(4));
    refused(&old.clone().with(3, common(seq([(1, v(15))]))).file(), Stage::Rollback);
    refused(&old.with(1, v(2)).file(), Stage::Manifest);
}
