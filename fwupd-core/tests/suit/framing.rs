//! Bad envelopes, and bad payloads in good ones. All are well signed.

use fwupd_core::package::suit::{LONGEST_HEAD, Suit};
use fwupd_core::package::{Head, PackageFormat, Stage};

use super::device::{ME, accepted, judge, refused, take_cut, trust};
use super::maker::{
    EDDSA, FW, Manifest, Member, arr, block, bytes, described, enc, enc_bytes, envelope, install, map,
    members, seq, sha, sign1, signed, suit_digest, usual_wrapper, v, wrap, wrapper,
};

/// The good package, taken apart: its manifest and its members.
fn good() -> (Vec<u8>, Vec<Member>) {
    let manifest = Manifest::good().encoded();
    let parts = members(&usual_wrapper(&manifest), &manifest);
    (manifest, parts)
}

/// The good package with its payload member replaced.
fn with_payload(key: Vec<u8>, value: Vec<u8>) -> Vec<u8> {
    let (_, mut parts) = good();
    parts[2] = (key, value);
    envelope(&parts)
}

/// A file with `old` bytes from `at` on replaced by new ones.
fn spliced(file: &[u8], at: usize, old: usize, new: &[u8]) -> Vec<u8> {
    [&file[..at], new, &file[at + old..]].concat()
}

#[test]
fn s03_a_trailing_byte_is_refused() {
    let (manifest, mut parts) = good();
    refused(&[&envelope(&parts)[..], &[0]].concat(), Stage::Framing);
    // In the signed manifest, in the wrapper, and behind a manifest whose payload is elsewhere.
    refused(&signed(&[&manifest[..], &[0]].concat()), Stage::Manifest);
    parts[0].1 = enc_bytes([&usual_wrapper(&manifest)[..], &[0]].concat());
    refused(&envelope(&parts), Stage::Authentication);
    refused(&[&crate::vector!("one-uri")[..], &[0]].concat(), Stage::Framing);
}

#[test]
fn s04_another_tag_than_107_once_is_refused() {
    let file = Manifest::good().file();
    let manifest = Manifest::good().encoded();
    for bad in [
        file[2..].to_vec(),
        [&[0xd9, 0x04, 0x2e][..], &manifest].concat(),
        [&[0xd9, 0x04, 0x2e][..], &file[2..]].concat(),
        [&[0xd8, 0x6b][..], &file].concat(),
        spliced(&file, 1, 1, &[0x6a]),
    ] {
        refused(&bad, Stage::Framing);
    }
}

#[test]
fn s05_an_indefinite_length_is_refused() {
    let (manifest, parts) = good();
    let file = envelope(&parts);
    refused(&[&spliced(&file, 2, 1, &[0xbf])[..], &[0xff]].concat(), Stage::Framing);
    let indefinite = |content: &[u8]| [&[0x5f][..], &enc_bytes(content), &[0xff]].concat();
    for (member, content) in [(0, &usual_wrapper(&manifest)[..]), (1, &manifest), (2, FW)] {
        let mut parts = parts.clone();
        parts[member].1 = indefinite(content);
        refused(&envelope(&parts), Stage::Framing);
    }
    refused(&with_payload([&[0x7f][..], &enc(&v("#fw")), &[0xff]].concat(), enc_bytes(FW)), Stage::Framing);
}

#[test]
fn s06_a_head_that_is_longer_than_it_needs_to_be_is_refused() {
    let (manifest, parts) = good();
    let file = envelope(&parts);
    let wrapper = usual_wrapper(&manifest);
    refused(&spliced(&file, 0, 2, &[0xd9, 0, 0x6b]), Stage::Framing);
    refused(&spliced(&file, 2, 1, &[0xb8, 3]), Stage::Framing);
    refused(&spliced(&file, 3, 1, &[0x18, 2]), Stage::Framing);
    let long = |content: &[u8]| [&[0x59][..], &(content.len() as u16).to_be_bytes(), content].concat();
    for (member, content) in [(0, &wrapper), (1, &manifest)] {
        let mut parts = parts.clone();
        parts[member].1 = long(content);
        refused(&envelope(&parts), Stage::Framing);
    }
    refused(&with_payload([&[0x78, 3][..], b"#fw"].concat(), enc_bytes(FW)), Stage::Framing);
    let long = [&[0x5a][..], &(FW.len() as u32).to_be_bytes(), FW].concat();
    refused(&with_payload(enc(&v("#fw")), long), Stage::Framing);
    // Signed over the manifest with the longer head.
    let wide = [&[0x59][..], &(manifest.len() as u16).to_be_bytes(), &manifest].concat();
    let described = enc(&suit_digest(sha(&wide)));
    let mut parts = parts.clone();
    parts[0].1 = enc_bytes(super::maker::wrapper(&described, &[block(EDDSA, &described)]));
    parts[1].1 = wide;
    refused(&envelope(&parts), Stage::Framing);
}

#[test]
fn s07_two_manifests_are_refused() {
    let (_, parts) = good();
    let evil = Manifest::good().with(2, v(6)).encoded();
    let evil = (vec![3], enc_bytes(evil));
    let [wrapper, manifest, payload] = &parts[..] else { unreachable!() };
    for two in [[manifest, &evil], [&evil, manifest]] {
        let parts = [wrapper, two[0], two[1], payload].map(Clone::clone);
        refused(&envelope(&parts), Stage::Framing);
        // With the count of three, so that the second one stands where the payload should.
        let mut file = envelope(&parts);
        file[2] = 0xa3;
        assert!(judge(&file).is_err());
    }
}

#[test]
fn s08_two_wrappers_or_two_payloads_of_a_name_are_refused() {
    let (_, parts) = good();
    let [wrapper, manifest, payload] = &parts[..] else { unreachable!() };
    refused(&envelope(&[wrapper, wrapper, manifest].map(Clone::clone)), Stage::Framing);
    let other = (payload.0.clone(), enc_bytes(vec![0; FW.len()]));
    for two in [[payload, &other], [&other, payload]] {
        refused(&envelope(&[wrapper, manifest, two[0], two[1]].map(Clone::clone)), Stage::Framing);
        let mut file = envelope(&[wrapper, manifest, two[0], two[1]].map(Clone::clone));
        file[2] = 0xa3;
        assert!(judge(&file).is_err());
    }
}

#[test]
fn s09_s10_another_order_of_the_members_is_refused() {
    let (_, parts) = good();
    for order in [[1, 0, 2], [0, 2, 1], [2, 0, 1], [2, 1, 0], [1, 2, 0]] {
        refused(&envelope(&order.map(|i: usize| parts[i].clone())), Stage::Framing);
    }
}

#[test]
fn s11_another_number_of_members_than_there_are_is_refused() {
    let file = Manifest::good().file();
    for head in [
        &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255][..],
        &[0xb9, 0x03, 0xe8],
        &[0xa0],
        &[0xa1],
        &[0xa4],
        &[0xb7],
        &[0x83],
    ] {
        refused(&spliced(&file, 2, 1, head), Stage::Framing);
    }
    // The payload that is not counted is not looked for: it is missing.
    refused(&spliced(&file, 2, 1, &[0xa2]), Stage::Payload);
}

#[test]
fn s12_a_length_beyond_every_limit_is_refused_at_its_head() {
    let (_, parts) = good();
    for (member, stage) in [(0, Stage::Framing), (1, Stage::Framing), (2, Stage::Payload)] {
        for length in [1u64 << 32, 1 << 63, u64::MAX] {
            let mut parts = parts.clone();
            parts[member].1 = [&[0x5b][..], &length.to_be_bytes()].concat();
            parts.truncate(member + 1);
            let mut file = envelope(&parts);
            file[2] = 0xa3;
            refused(&file, stage);
        }
    }
    for (member, length) in [(0, 513u16), (1, 2049)] {
        let mut parts = parts.clone();
        parts[member].1 = [&[0x59][..], &length.to_be_bytes()].concat();
        parts.truncate(member + 1);
        let mut file = envelope(&parts);
        file[2] = 0xa3;
        refused(&file, Stage::Framing);
    }
}

#[test]
fn s13_a_payload_of_another_length_than_the_signed_one_is_refused_at_its_head() {
    for content in [&FW[1..], &[FW, &[0]].concat()[..], &[]] {
        refused(&with_payload(enc(&v("#fw")), enc_bytes(content)), Stage::Payload);
        // Not one byte of it is needed for the verdict.
        let head = enc_bytes(content);
        let head = &head[..head.len() - content.len()];
        refused(&with_payload(enc(&v("#fw")), head.to_vec()), Stage::Payload);
    }
}

#[test]
fn s14_a_payload_with_a_bit_flipped_does_not_match() {
    for at in [0, FW.len() / 2, FW.len() - 1] {
        let mut payload = FW.to_vec();
        payload[at] ^= 1;
        refused(&with_payload(enc(&v("#fw")), enc_bytes(payload)), Stage::Match);
    }
}

#[test]
fn s15_s17_a_payload_that_no_signed_uri_names_is_refused() {
    let (_, mut parts) = good();
    for name in ["#", "#f", "#fx", "#fww", "fw", "#FW", "", "coap://example.com/fw.bin"] {
        refused(&with_payload(enc(&v(name)), enc_bytes(FW)), Stage::Payload);
    }
    refused(&with_payload(enc(&v("#fw")), [&[0x79, 0x06, 0x00][..], FW].concat()), Stage::Payload);
    refused(&with_payload(enc(&v("#fw")), vec![0x00]), Stage::Payload);
    // A longer name that goes on like the head of the payload.
    refused(&with_payload(enc(&v("#fwY\u{6}\0")), enc_bytes(FW)), Stage::Payload);
    // One more of another name, before the right one or behind it.
    for name in ["#a", "#cfg"] {
        let mut four = parts.clone();
        four.push((enc(&v(name)), enc_bytes("x")));
        four.sort();
        refused(&envelope(&four), Stage::Framing);
    }
    parts.pop();
    refused(&envelope(&parts), Stage::Payload);
}

#[test]
fn a_payload_that_is_elsewhere_must_have_a_uri_with_a_scheme() {
    for (uri, taken) in [
        ("coap://example.com/fw.bin", true),
        ("a:b", true),
        ("x+y-1.z://h", true),
        ("#fw", false),
        ("#a:b", false),
        ("1a:b", false),
        (":b", false),
        ("fw.bin", false),
        ("//example.com/fw.bin", false),
        ("co ap://example.com", false),
    ] {
        let manifest = Manifest::good().with(20, install(uri)).encoded();
        let mut parts = members(&usual_wrapper(&manifest), &manifest);
        parts.pop();
        if taken {
            assert_eq!(accepted(&envelope(&parts)).uri.as_deref(), Some(uri));
        } else {
            refused(&envelope(&parts), Stage::Payload);
        }
        // As a key any text will do.
        parts.push((enc(&v(uri)), enc_bytes(FW)));
        accepted(&envelope(&parts));
    }
}

#[test]
fn s16_a_member_that_is_not_known_is_refused() {
    let (_, parts) = good();
    let [wrapper, manifest, payload] = &parts[..] else { unreachable!() };
    for key in [v(0), v(1), v(4), v(16), v(20), v(23), v(1000), v(-1), v(-300), bytes("#fw")] {
        let other = (enc(&key), enc_bytes("x"));
        let mut four = [wrapper, manifest, payload, &other].map(Clone::clone);
        four.sort();
        refused(&envelope(&four), Stage::Framing);
        refused(&envelope(&[wrapper, manifest, &other].map(Clone::clone)), Stage::Framing);
    }
    let delegation = (vec![1], enc_bytes(enc(&arr([]))));
    refused(&envelope(&[&delegation, wrapper, manifest].map(Clone::clone)), Stage::Framing);
}

#[test]
fn s18_what_is_no_envelope_at_all_is_refused() {
    refused(b"<!DOCTYPE html><html><body>404 Not Found</body></html>", Stage::Framing);
    refused(&[0xf6; 4], Stage::Framing);
    refused(&[0xff; 64], Stage::Framing);
    refused(&[0x00; 64], Stage::Framing);
    assert_eq!(judge(&[0xf6]), Ok(None), "too short to be anything");
    assert_eq!(judge(&[]), Ok(None));
}

#[test]
fn s19_deep_nesting_is_refused_with_a_bounded_stack() {
    for byte in [0x81, 0xc1, 0xd8] {
        refused(&vec![byte; 5000], Stage::Framing);
    }
    let (manifest, mut parts) = good();
    parts[0].1 = enc_bytes([vec![0x81; 400], vec![0]].concat());
    refused(&envelope(&parts), Stage::Authentication);
    let described = described(&manifest);
    let nested = (0..300).fold(v(0), |inner, _| arr([inner]));
    let unprotected = map([(99, nested)]);
    let ciborium::Value::Tag(_, good) = block(EDDSA, &described) else { unreachable!() };
    let mut items = good.into_array().unwrap();
    items[1] = unprotected;
    let deep = ciborium::Value::Tag(18, Box::new(ciborium::Value::Array(items)));
    parts[0].1 = enc_bytes(wrapper(&described, &[deep]));
    refused(&envelope(&parts), Stage::Authentication);
}

#[test]
fn s69_a_start_from_the_first_byte_after_any_stop_gives_the_same_verdict() {
    let file = Manifest::good().file();
    let whole = accepted(&file);
    let store = trust(None);
    let mut suit = Suit::<LONGEST_HEAD>::default();
    for stop in 0..whole.kept.len() + 8 {
        let format: &mut dyn PackageFormat<_> = &mut suit;
        format.restart();
        let _ = format.head(&file[..stop], &store, &ME);
        format.restart();
        assert_eq!((format.kept(), format.uri()), (&[][..], None));
        assert_eq!(take_cut(&file, [stop, usize::MAX], &ME, &mut suit), Ok(Some(whole.clone())));
        PackageFormat::<super::device::Store>::restart(&mut suit);
    }
}

#[test]
fn a_head_that_does_not_fit_the_buffer_is_refused() {
    let file = Manifest::good().file();
    let len = accepted(&file).kept.len();
    assert_eq!(len, 251);
    assert!(take_cut(&file, [usize::MAX], &ME, &mut Suit::<251>::default()).is_ok());
    for chunk in [usize::MAX, 1, 7] {
        let chunks = || std::iter::repeat(chunk);
        for verdict in [
            take_cut(&file, chunks(), &ME, &mut Suit::<250>::default()),
            take_cut(&file, chunks(), &ME, &mut Suit::<100>::default()),
            take_cut(&file, chunks(), &ME, &mut Suit::<3>::default()),
            take_cut(&file, chunks(), &ME, &mut Suit::<0>::default()),
        ] {
            assert_eq!(verdict.unwrap_err().stage, Stage::Framing);
        }
    }
}

/// A good manifest of this length: URIs that are replaced by the next one, and by the last.
fn manifest_of(len: usize) -> Vec<u8> {
    (0..255)
        .map(|last| {
            let long = || (20, map([(21, v("x".repeat(255)))]));
            let last = (20, map([(21, v("x".repeat(last)))]));
            let uri = (20, map([(21, v("#fw"))]));
            let install =
                seq([long(), long(), long(), long(), long(), long(), long(), last, uri, (21, v(2))]);
            Manifest::good().with(20, install).encoded()
        })
        .find(|manifest| manifest.len() == len)
        .unwrap()
}

/// A good wrapper of this length: four blocks, of which the first has a long key identifier.
fn wrapper_of(len: usize, manifest: &[u8]) -> Vec<u8> {
    let described = described(manifest);
    let good = block(EDDSA, &described);
    (0..300)
        .map(|kid| {
            let unprotected = map([(4, bytes(vec![0; kid]))]);
            let other = sign1(bytes(EDDSA), unprotected, ciborium::Value::Null, bytes([7; 64]));
            wrapper(&described, &[other, good.clone(), good.clone(), good.clone()])
        })
        .find(|wrapper| wrapper.len() == len)
        .unwrap()
}

#[test]
fn the_longest_head_is_accepted_and_one_byte_more_is_not() {
    let manifest = manifest_of(2048);
    let file = envelope(&members(&wrapper_of(512, &manifest), &manifest));
    assert_eq!(accepted(&file).kept.len(), LONGEST_HEAD);
    refused(&envelope(&members(&wrapper_of(513, &manifest), &manifest)), Stage::Framing);
    let manifest = manifest_of(2049);
    refused(&envelope(&members(&wrapper_of(512, &manifest), &manifest)), Stage::Framing);
}

#[test]
fn a_buffer_of_512_bytes_holds_one_signature_a_uri_of_240_bytes_and_a_version() {
    let version = wrap(&arr([v(255), v(255), v(65_535)]));
    let uri = format!("coap://h/{}", "x".repeat(240 - 9));
    let file = Manifest::good().with(6, version).with(20, install(&uri)).encoded();
    let mut parts = members(&usual_wrapper(&file), &file);
    parts.pop();
    let verdict = take_cut(&envelope(&parts), [usize::MAX], &ME, &mut Suit::<512>::default());
    assert_eq!(verdict.unwrap().unwrap().uri, Some(uri));
}

#[test]
fn nothing_is_taken_after_a_verdict_until_it_is_restarted() {
    let store = trust(None);
    let mut suit = Suit::<LONGEST_HEAD>::default();
    let format: &mut dyn PackageFormat<_> = &mut suit;
    let good = Manifest::good().file();
    let other_key = with_payload(enc(&v("#other")), vec![]);
    let behind_signed = accepted(&good).kept.len();
    // Each with what would be the right way to go on.
    for (file, more) in [
        (&b"<html>"[..], &good[..]),
        (crate::vector!("one-uri"), &good),
        (&good, &good),
        (&other_key, &good[behind_signed..]),
    ] {
        format.restart();
        let first = format.head(file, &store, &ME);
        assert!(!matches!(first, Ok(Head::More { .. })));
        assert_eq!(format.head(more, &store, &ME).unwrap_err().stage, Stage::Framing);
        if first.is_err() {
            assert_eq!((format.kept(), format.uri()), (&[][..], None));
        }
    }
}

#[test]
fn a_package_for_another_component_is_refused() {
    let file = Manifest::good().file();
    for other in [&b"\x01"[..], b"", b"\0\0"] {
        let verdict =
            take_cut(&file, [usize::MAX], &ME, &mut Suit::<LONGEST_HEAD>::new(Box::leak(other.into())));
        assert_eq!(verdict.unwrap_err().stage, Stage::Plan);
    }
}
