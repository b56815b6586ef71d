//! Bad authentication wrappers, each around the good manifest.

use ciborium::Value;
use ed25519_dalek::Signer;
use fwupd_core::package::suit::{COMPONENT, read_kept};
use fwupd_core::package::{Identity, Stage};
use fwupd_core::trust::{KeyId, KeySet};

use super::device::{K1, K2, ME, accepted, judge, refused, signing_key, trust};
use super::maker::{
    EDDSA, Manifest, arr, block, bytes, described, enc, enc_bytes, envelope, map, members, sha, sign1,
    suit_digest, to_be_signed, usual_wrapper, v, wrap, wrapped_by, wrapper,
};

/// The order of the base point, little-endian (RFC 8032, section 5.1).
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The SUIT_Digest of the good manifest, encoded.
fn good() -> Vec<u8> {
    described(&Manifest::good().encoded())
}

/// The first key's signature over these bytes.
fn signature(message: &[u8]) -> Vec<u8> {
    signing_key(K1).sign(message).to_bytes().to_vec()
}

/// The signature of the good block.
fn good_signature() -> Vec<u8> {
    signature(&to_be_signed("Signature1", EDDSA, &[], &good()))
}

/// The good manifest with these blocks over its digest.
fn blocks(blocks: &[Value]) -> Vec<u8> {
    wrapped_by(&wrapper(&good(), blocks))
}

/// A block with this protected header, signed over it.
fn protected(header: &[u8]) -> Value {
    block(header, &good())
}

/// The good block with this signature.
fn with_signature(signature: impl AsRef<[u8]>) -> Value {
    sign1(bytes(EDDSA), map([]), Value::Null, bytes(signature))
}

/// The good manifest behind a wrapper whose digest is this item, well signed over it.
fn described_by(digest: &[u8]) -> Vec<u8> {
    wrapped_by(&wrapper(digest, &[block(EDDSA, digest)]))
}

#[test]
fn s20_one_bit_of_the_signature_is_enough_to_refuse_it() {
    accepted(&blocks(&[with_signature(good_signature())]));
    for at in 0..64 {
        for bit in [0, 7] {
            let mut bad = good_signature();
            bad[at] ^= 1 << bit;
            refused(&blocks(&[with_signature(bad)]), Stage::Authentication);
        }
    }
}

#[test]
fn s20_a_signature_of_another_length_is_refused() {
    let good = good_signature();
    for bad in [&good[..63], &[&good[..], &[0]].concat(), &[], &[0; 64]] {
        refused(&blocks(&[with_signature(bad)]), Stage::Authentication);
    }
}

#[test]
fn s21_a_signature_whose_scalar_is_not_reduced_is_refused() {
    let mut bad = good_signature();
    let mut carry = 0;
    for (byte, order) in bad[32..].iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry as u8;
        carry >>= 8;
    }
    refused(&blocks(&[with_signature(bad)]), Stage::Authentication);
}

#[test]
fn s22_a_key_that_is_not_trusted_or_is_revoked_does_not_count() {
    let message = to_be_signed("Signature1", EDDSA, &[], &good());
    let other = signing_key(K2).sign(&message).to_bytes();
    refused(&blocks(&[with_signature(other)]), Stage::Authentication);

    let kept = accepted(&Manifest::good().file()).kept;
    let me = Identity { revoked: KeySet::NONE.with(KeyId(0)), ..ME };
    let verdict = read_kept(&kept, COMPONENT, Some(&trust(None)), &me);
    assert_eq!(verdict.unwrap_err().stage, Stage::Authentication);
}

#[test]
fn s23_the_algorithm_comes_from_the_protected_header_alone() {
    accepted(&blocks(&[protected(&[0xa1, 0x01, 0x27])]));
    accepted(&blocks(&[protected(&[0xa1, 0x01, 0x32])]));
    // ES256, ESP256, HMAC, -8 as text, key 3, a longer head, and none.
    for header in [
        &[0xa1, 0x01, 0x26][..],
        &[0xa1, 1, 0x28],
        &[0xa1, 1, 5],
        &[0xa1, 1, 0x62, b'-', b'8'],
        &[0xa1, 3, 0x27],
    ] {
        refused(&blocks(&[protected(header)]), Stage::Authentication);
    }
    for header in [&[0xa1, 0x01, 0x38, 0x07][..], &[0xb8, 1, 1, 0x27], &[0xa0], &[]] {
        refused(&blocks(&[protected(header)]), Stage::Authentication);
    }
    for header in [&[][..], &[0xa0]] {
        let signature = signature(&to_be_signed("Signature1", header, &[], &good()));
        let unprotected = map([(1, v(-8))]);
        let block = sign1(bytes(header), unprotected, Value::Null, bytes(signature));
        refused(&blocks(&[block]), Stage::Authentication);
    }
    // Changed after signing.
    let block = sign1(bytes([0xa1, 0x01, 0x32]), map([]), Value::Null, bytes(good_signature()));
    refused(&blocks(&[block]), Stage::Authentication);
}

#[test]
fn s24_an_attached_payload_is_refused() {
    let old = described(&Manifest::good().with(2, v(4)).encoded());
    for payload in [good(), old, vec![]] {
        let signature = signature(&to_be_signed("Signature1", EDDSA, &[], &payload));
        let attached = sign1(bytes(EDDSA), map([]), bytes(&payload), bytes(signature));
        refused(&blocks(std::slice::from_ref(&attached)), Stage::Authentication);
        refused(&blocks(&[protected(EDDSA), attached]), Stage::Authentication);
    }
    for payload in [v(false), v(0), Value::Tag(1, Box::new(Value::Null))] {
        let block = sign1(bytes(EDDSA), map([]), payload, bytes(good_signature()));
        refused(&blocks(&[block]), Stage::Authentication);
    }
}

#[test]
fn s24_an_old_signed_manifest_attached_to_a_new_one_is_refused() {
    let old = Manifest::good().encoded();
    let new = Manifest::good().with(2, v(6)).encoded();
    refused(&envelope(&members(&usual_wrapper(&old), &new)), Stage::Authentication);
    // The new digest, the old signature.
    let wrapper = wrapper(&described(&new), &[protected(EDDSA)]);
    refused(&envelope(&members(&wrapper, &new)), Stage::Authentication);
}

#[test]
fn s25_a_wrapper_without_a_signature_or_of_another_form_is_refused() {
    let digest = enc_bytes(good());
    let good_block = wrap(&protected(EDDSA));
    let Ok(bare) = ciborium::from_reader::<Value, _>(&good()[..]) else { unreachable!() };
    for bad in [
        wrapper(&good(), &[]),
        enc(&arr([])),
        enc(&map([])),
        vec![],
        digest,
        good(),
        vec![0x80],
        vec![0xf6],
        enc(&arr([bare, good_block.clone()])),
        enc(&arr([bytes(good()), protected(EDDSA)])),
        enc(&arr([bytes(good()), Value::Null])),
        enc(&map([(0, bytes(good())), (1, good_block.clone())])),
        enc(&arr([good_block, bytes(good())])),
    ] {
        refused(&wrapped_by(&bad), Stage::Authentication);
    }
}

#[test]
fn s26_a_manifest_or_a_digest_that_is_not_the_signed_one_is_refused() {
    let manifest = Manifest::good().encoded();
    let wrapper = usual_wrapper(&manifest);
    for at in 0..manifest.len() {
        let mut bad = manifest.clone();
        bad[at] ^= 1;
        refused(&envelope(&members(&wrapper, &bad)), Stage::Authentication);
    }
    let mut digest = good();
    digest[20] ^= 1;
    refused(&wrapped_by(&super::maker::wrapper(&digest, &[protected(EDDSA)])), Stage::Authentication);
    refused(&described_by(&digest), Stage::Authentication);
}

#[test]
fn s27_another_digest_than_sha_256_is_refused() {
    let digest = sha(enc_bytes(Manifest::good().encoded()));
    for algorithm in [-43, -44, -18, -45, -15, -17, 0, 1, 15] {
        refused(&described_by(&enc(&arr([v(algorithm), bytes(digest)]))), Stage::Authentication);
    }
    refused(&described_by(&enc(&arr([v("-16"), bytes(digest)]))), Stage::Authentication);
    for bad in [&digest[..31], &[&digest[..], &[0]].concat(), &[]] {
        refused(&described_by(&enc(&suit_digest(bad))), Stage::Authentication);
    }
}

#[test]
fn s28_a_digest_over_the_manifest_without_its_head_is_refused() {
    let digest = enc(&suit_digest(sha(Manifest::good().encoded())));
    refused(&described_by(&digest), Stage::Authentication);
}

#[test]
fn s29_a_digest_with_another_number_of_items_is_refused() {
    let digest = sha(enc_bytes(Manifest::good().encoded()));
    for bad in [
        enc(&arr([v(-16), bytes(digest), v(0)])),
        enc(&arr([v(-16)])),
        enc(&arr([])),
        [&good()[..], &[0]].concat(),
        [&[0x83][..], &good()[1..]].concat(),
        enc_bytes(good()),
    ] {
        refused(&described_by(&bad), Stage::Authentication);
    }
}

#[test]
fn s30_another_structure_than_a_tagged_sign1_is_refused() {
    let Value::Tag(_, items) = protected(EDDSA) else { unreachable!() };
    refused(&blocks(&[(*items).clone()]), Stage::Authentication);
    for tag in [98, 17, 97, 19, 61] {
        refused(&blocks(&[Value::Tag(tag, items.clone())]), Stage::Authentication);
    }
    refused(&blocks(&[Value::Tag(18, Box::new(protected(EDDSA)))]), Stage::Authentication);
    refused(&blocks(&[protected(EDDSA), *items]), Stage::Authentication);
}

#[test]
fn s31_one_trusted_block_is_enough_wherever_it_stands() {
    let mut flipped = good_signature();
    flipped[0] ^= 1;
    let es256 = sign1(bytes([0xa1, 0x01, 0x26]), map([]), Value::Null, bytes([7; 64]));
    let es384 = sign1(bytes([0xa1, 0x01, 0x38, 0x22]), map([]), Value::Null, bytes([7; 96]));
    for other in [with_signature(flipped), es256, es384] {
        accepted(&blocks(&[other.clone(), protected(EDDSA)]));
        accepted(&blocks(&[protected(EDDSA), other.clone()]));
        refused(&blocks(&[other.clone(), other]), Stage::Authentication);
    }
}

#[test]
fn s32_more_than_four_blocks_are_refused() {
    accepted(&blocks(&vec![protected(EDDSA); 4]));
    let many = wrapper(&good(), &vec![protected(EDDSA); 5]);
    assert!(many.len() <= 512, "else it would be refused by its length");
    refused(&wrapped_by(&many), Stage::Authentication);
    let forty = wrapper(&good(), &vec![protected(EDDSA); 40]);
    refused(&wrapped_by(&forty), Stage::Framing);
}

#[test]
fn s33_a_signature_over_something_else_is_refused() {
    for message in [
        to_be_signed("Signature", EDDSA, &[], &good()),
        to_be_signed("Signature1", EDDSA, b"x", &good()),
        to_be_signed("Signature1", EDDSA, &[], &enc_bytes(good())),
        to_be_signed("Signature1", &[], &[], &good()),
        enc(&arr([v("Signature"), bytes(EDDSA), bytes([]), bytes([]), bytes(good())])),
        good(),
        Manifest::good().encoded(),
    ] {
        refused(&blocks(&[with_signature(signature(&message))]), Stage::Authentication);
    }
}

#[test]
fn s34_a_protected_header_with_anything_but_the_algorithm_is_refused() {
    for header in [
        enc(&map([(1, v(-8)), (2, arr([v(1)]))])),
        enc(&map([(1, v(-8)), (1, v(-8))])),
        enc(&map([(1, v(-8)), (4, bytes("k"))])),
        enc(&arr([v(1), v(-8)])),
        [EDDSA, &[0]].concat(),
        enc_bytes(EDDSA),
        EDDSA[..2].to_vec(),
    ] {
        refused(&blocks(&[protected(&header)]), Stage::Authentication);
    }
    // Not in a byte string.
    let block = sign1(map([(1, v(-8))]), map([]), Value::Null, bytes(good_signature()));
    refused(&blocks(&[block]), Stage::Authentication);
}

#[test]
fn s35_another_number_of_items_or_a_trailing_byte_is_refused() {
    let Value::Tag(_, items) = protected(EDDSA) else { unreachable!() };
    let Ok(mut items) = items.into_array() else { unreachable!() };
    items.push(v(0));
    let five = Value::Tag(18, Box::new(Value::Array(items.clone())));
    items.truncate(3);
    let three = Value::Tag(18, Box::new(Value::Array(items)));
    refused(&blocks(&[five]), Stage::Authentication);
    refused(&blocks(&[three]), Stage::Authentication);
    let trailing = [&enc(&protected(EDDSA))[..], &[0]].concat();
    refused(&wrapped_by(&enc(&arr([bytes(good()), bytes(trailing)]))), Stage::Authentication);
    // More blocks than are counted, and fewer.
    let mut wrapper = wrapper(&good(), &[protected(EDDSA), protected(EDDSA)]);
    for count in [0x82, 0x84] {
        wrapper[0] = count;
        refused(&wrapped_by(&wrapper), Stage::Authentication);
    }
}

#[test]
fn s35_labels_outside_of_the_protected_header_may_be_there_and_prove_nothing() {
    let with = |unprotected| sign1(bytes(EDDSA), unprotected, Value::Null, bytes(good_signature()));
    for good in [
        map([(4, bytes("k1"))]),
        map([(4, bytes([]))]),
        map([(1, v(-7))]),
        map([(3, v("text/plain")), (4, bytes("k1")), (33, bytes([0; 8])), (1000, v(-1000))]),
    ] {
        accepted(&blocks(&[with(good)]));
    }
    let twice = map([(4, bytes("k1")), (4, bytes("k1"))]);
    let unsorted = map([(33, v(0)), (4, bytes("k1"))]);
    for bad in [twice, unsorted, map([(4, v("k1"))]), map([(9, arr([]))]), arr([]), Value::Null] {
        refused(&blocks(&[with(bad)]), Stage::Authentication);
    }
}

#[test]
fn a_key_identifier_narrows_the_search_where_the_store_has_one() {
    let file = crate::vector!("one-uri.kid");
    let kept = accepted(file).kept;
    let read = |identifier| read_kept(&kept, COMPONENT, Some(&trust(identifier)), &ME);
    assert!(read(None).is_ok());
    assert!(read(Some(b"test-key-1")).is_ok());
    assert_eq!(read(Some(b"test-key-2")).unwrap_err().stage, Stage::Authentication);
}

#[test]
fn the_signature_is_checked_before_the_manifest_has_come() {
    let mut bad = good_signature();
    bad[0] ^= 1;
    let file = blocks(&[with_signature(bad)]);
    let behind_the_wrapper = 3 + 3 + 115;
    assert_eq!(judge(&file[..behind_the_wrapper - 1]), Ok(None));
    refused(&file[..behind_the_wrapper], Stage::Authentication);
}
