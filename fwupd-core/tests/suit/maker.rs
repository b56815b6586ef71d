//! Makes envelopes, good and bad, with `ciborium` and with bytes by hand where no encoder would.

use ciborium::Value;
use ed25519_dalek::Signer;
use fwupd_core::digest::{Digest, Sha256};

use super::device::{CLASS, K1, VENDOR, signing_key};

/// Protected headers: EdDSA (-8), and Ed25519 (-19).
pub(crate) const EDDSA: &[u8] = &[0xa1, 0x01, 0x27];

/// A member of an envelope: its key and its value, encoded.
pub(crate) type Member = (Vec<u8>, Vec<u8>);

/// The payload of the packages made here.
pub(crate) const FW: &[u8] = include_bytes!("../vectors/suit/payload/fw.bin");

/// An item of any kind.
pub(crate) fn v(item: impl Into<Value>) -> Value {
    item.into()
}

/// A byte string.
pub(crate) fn bytes(content: impl AsRef<[u8]>) -> Value {
    Value::Bytes(content.as_ref().to_vec())
}

/// An item, encoded.
pub(crate) fn enc(item: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(item, &mut out).unwrap();
    out
}

/// A byte string, encoded.
pub(crate) fn enc_bytes(content: impl AsRef<[u8]>) -> Vec<u8> {
    enc(&bytes(content))
}

/// An item in a byte string.
pub(crate) fn wrap(item: &Value) -> Value {
    bytes(enc(item))
}

/// An array.
pub(crate) fn arr<const N: usize>(items: [Value; N]) -> Value {
    Value::Array(items.into())
}

/// A map with integer keys, in this order.
pub(crate) fn map<const N: usize>(pairs: [(i64, Value); N]) -> Value {
    Value::Map(pairs.into_iter().map(|(key, value)| (v(key), value)).collect())
}

/// A sequence in a byte string, whose commands have integer arguments or whatever else is given.
pub(crate) fn seq<const N: usize>(commands: [(i64, Value); N]) -> Value {
    wrap(&Value::Array(commands.into_iter().flat_map(|(command, argument)| [v(command), argument]).collect()))
}

/// SHA-256.
pub(crate) fn sha(content: impl AsRef<[u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(content.as_ref());
    hash.finish()
}

/// A SUIT_Digest with SHA-256.
pub(crate) fn suit_digest(digest: impl AsRef<[u8]>) -> Value {
    arr([v(-16), bytes(digest)])
}

/// The parameters of the shared sequence of a good package.
pub(crate) fn parameters() -> Vec<(Value, Value)> {
    vec![
        (v(1), bytes(VENDOR)),
        (v(2), bytes(CLASS)),
        (v(3), wrap(&suit_digest(sha(FW)))),
        (v(14), v(FW.len() as u64)),
    ]
}

/// suit-common with the usual component and this shared sequence.
pub(crate) fn common(shared: Value) -> Value {
    wrap(&map([(2, arr([arr([bytes([0])])])), (4, shared)]))
}

/// A manifest: its elements in the order in which they are encoded.
#[derive(Clone)]
pub(crate) struct Manifest(pub(crate) Vec<(Value, Value)>);

impl Manifest {
    /// A good one: what `one-integrated.suit` has.
    pub(crate) fn good() -> Self {
        Self::of(parameters())
    }

    /// A good one but for the parameters of its shared sequence.
    pub(crate) fn of(parameters: Vec<(Value, Value)>) -> Self {
        let shared = seq([(20, Value::Map(parameters)), (1, v(15)), (2, v(15))]);
        let Value::Map(elements) = map([
            (1, v(1)),
            (2, v(5)),
            (3, common(shared)),
            (7, seq([(3, v(15))])),
            (9, seq([(23, v(2))])),
            (20, install("#fw")),
        ]) else {
            unreachable!()
        };
        Self(elements)
    }

    /// With this element, in its place.
    pub(crate) fn with(mut self, key: i64, value: Value) -> Self {
        self.0.retain(|(k, _)| *k != v(key));
        let place = self.0.iter().filter(|(k, _)| k.as_integer() < Some(key.into())).count();
        self.0.insert(place, (v(key), value));
        self
    }

    /// With this shared sequence.
    pub(crate) fn shared(self, shared: Value) -> Self {
        self.with(3, common(shared))
    }

    /// Without this element.
    pub(crate) fn without(mut self, key: i64) -> Self {
        self.0.retain(|(k, _)| *k != v(key));
        self
    }

    /// Encoded.
    pub(crate) fn encoded(&self) -> Vec<u8> {
        enc(&Value::Map(self.0.clone()))
    }

    /// In a signed envelope, with the payload.
    pub(crate) fn file(&self) -> Vec<u8> {
        signed(&self.encoded())
    }
}

/// The usual install sequence for this URI.
pub(crate) fn install(uri: &str) -> Value {
    seq([(20, map([(21, v(uri))])), (21, v(2)), (3, v(15))])
}

/// What COSE signs (RFC 9052, section 4.4).
pub(crate) fn to_be_signed(context: &str, protected: &[u8], external: &[u8], payload: &[u8]) -> Vec<u8> {
    enc(&arr([v(context), bytes(protected), bytes(external), bytes(payload)]))
}

/// A COSE_Sign1 of the first key over a digest.
pub(crate) fn block(protected: &[u8], described: &[u8]) -> Value {
    let signature = signing_key(K1).sign(&to_be_signed("Signature1", protected, &[], described));
    sign1(bytes(protected), map([]), Value::Null, bytes(signature.to_bytes()))
}

/// A COSE_Sign1 of these parts.
pub(crate) fn sign1(protected: Value, unprotected: Value, payload: Value, signature: Value) -> Value {
    Value::Tag(18, Box::new(arr([protected, unprotected, payload, signature])))
}

/// The SUIT_Digest of an encoded manifest, encoded.
pub(crate) fn described(manifest: &[u8]) -> Vec<u8> {
    enc(&suit_digest(sha(enc_bytes(manifest))))
}

/// A wrapper with these blocks, encoded.
pub(crate) fn wrapper(described: &[u8], blocks: &[Value]) -> Vec<u8> {
    let mut items = vec![bytes(described)];
    items.extend(blocks.iter().map(wrap));
    enc(&Value::Array(items))
}

/// The usual wrapper of an encoded manifest.
pub(crate) fn usual_wrapper(manifest: &[u8]) -> Vec<u8> {
    let described = described(manifest);
    wrapper(&described, &[block(EDDSA, &described)])
}

/// An envelope with these members.
pub(crate) fn envelope(members: &[Member]) -> Vec<u8> {
    let mut file = vec![0xd8, 107, 0xa0 + u8::try_from(members.len()).unwrap()];
    for (key, value) in members {
        file.extend_from_slice(key);
        file.extend_from_slice(value);
    }
    file
}

/// The three members of the usual envelope.
pub(crate) fn members(wrapper: &[u8], manifest: &[u8]) -> Vec<Member> {
    vec![(vec![2], enc_bytes(wrapper)), (vec![3], enc_bytes(manifest)), (enc(&v("#fw")), enc_bytes(FW))]
}

/// An envelope of this manifest, well signed, with the payload.
pub(crate) fn signed(manifest: &[u8]) -> Vec<u8> {
    envelope(&members(&usual_wrapper(manifest), manifest))
}

/// An envelope of the good manifest with this wrapper.
pub(crate) fn wrapped_by(wrapper: &[u8]) -> Vec<u8> {
    envelope(&members(wrapper, &Manifest::good().encoded()))
}

#[test]
fn what_is_made_here_is_what_other_tools_make() {
    assert_eq!(Manifest::good().file(), crate::vector!("one-integrated"));
}
