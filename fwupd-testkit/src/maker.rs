//! Makes packages, good and bad: envelopes as `docs/package-format.md` says, by another implementation of CBOR.

use ciborium::Value;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::device::sha256;
use crate::reference::IDS;

/// Seeds of the keys of RFC 8032, section 7.1, tests 1 and 2. The reference device trusts the first.
const K1: &str = include_str!("../../fwupd-core/tests/vectors/suit/keys/k1.seed.hex");
const K2: &str = include_str!("../../fwupd-core/tests/vectors/suit/keys/k2.seed.hex");

/// What is wrong with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It is signed by somebody else.
    Forged,
    /// It is for another class of device.
    Foreign,
    /// One byte of its payload is another one.
    Damaged,
}

/// A package for the reference device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its sequence number.
    pub sequence: u64,
    /// The second part of its version, which begins with 1.
    pub minor: u32,
    /// Its image.
    pub payload: Vec<u8>,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl Package {
    /// The file.
    ///
    /// # Panics
    /// For a payload without a byte that is to be damaged.
    pub fn file(&self) -> Vec<u8> {
        let (vendor, mut class) = IDS;
        if self.flaw == Flaw::Foreign {
            class[15] ^= 1;
        }
        let mut payload = self.payload.clone();
        let parameters = map(vec![
            (1, bytes(&vendor)),
            (2, bytes(&class)),
            (3, wrap(&digest(&payload))),
            (14, Value::from(payload.len() as u64)),
        ]);
        let common = map(vec![
            (2, array(vec![array(vec![bytes(&[0])])])),
            (4, sequence(vec![(20, parameters), (1, Value::from(15)), (2, Value::from(15))])),
        ]);
        let version = array(vec![Value::from(1), Value::from(self.minor)]);
        let uri = map(vec![(21, Value::from("#fw"))]);
        let manifest = encode(&map(vec![
            (1, Value::from(1)),
            (2, Value::from(self.sequence)),
            (3, wrap(&common)),
            (6, wrap(&version)),
            (7, sequence(vec![(3, Value::from(15))])),
            (9, sequence(vec![(23, Value::from(2))])),
            (20, sequence(vec![(20, uri), (21, Value::from(2)), (3, Value::from(15))])),
        ]));
        let described = encode(&digest(&encode(&bytes(&manifest))));
        let protected = [0xa1, 0x01, 0x27];
        let signed = array(vec![Value::from("Signature1"), bytes(&protected), bytes(&[]), bytes(&described)]);
        let signature = self.key().sign(&encode(&signed)).to_bytes();
        let sign1 = array(vec![bytes(&protected), map(vec![]), Value::Null, bytes(&signature)]);
        let wrapper = array(vec![bytes(&described), wrap(&Value::Tag(18, Box::new(sign1)))]);
        if self.flaw == Flaw::Damaged {
            let middle = payload.len() / 2;
            payload[middle] ^= 1;
        }
        let envelope = Value::Map(vec![
            (Value::from(2), wrap(&wrapper)),
            (Value::from(3), bytes(&manifest)),
            (Value::from("#fw"), bytes(&payload)),
        ]);
        encode(&Value::Tag(107, Box::new(envelope)))
    }

    fn key(&self) -> SigningKey {
        let text = if self.flaw == Flaw::Forged { K2 } else { K1 }.trim();
        let seed = core::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).expect("hex"));
        SigningKey::from_bytes(&seed)
    }
}

fn encode(item: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(item, &mut out).expect("a vector takes it");
    out
}

fn bytes(content: &[u8]) -> Value {
    Value::Bytes(content.to_vec())
}

/// An item in a byte string.
fn wrap(item: &Value) -> Value {
    Value::Bytes(encode(item))
}

fn array(items: Vec<Value>) -> Value {
    Value::Array(items)
}

fn map(pairs: Vec<(i64, Value)>) -> Value {
    Value::Map(pairs.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

/// A sequence of commands with their arguments, in a byte string.
fn sequence(commands: Vec<(i64, Value)>) -> Value {
    wrap(&array(commands.into_iter().flat_map(|(command, value)| [Value::from(command), value]).collect()))
}

/// A SUIT_Digest with SHA-256.
fn digest(content: &[u8]) -> Value {
    array(vec![Value::from(-16), bytes(&sha256(content))])
}
