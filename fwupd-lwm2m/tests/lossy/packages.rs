//! The updates, and their packages.

use ciborium::Value;
use ed25519_dalek::{Signer as _, SigningKey};
use fwupd_testkit::device::sha256;
use fwupd_testkit::random::Random;
use fwupd_testkit::reference::IDS;

/// Seeds of the keys: the device trusts the first. RFC 8032, section 7.1, tests 1 and 2.
const K1: &str = include_str!("../../../fwupd-core/tests/vectors/suit/keys/k1.seed.hex");
const K2: &str = include_str!("../../../fwupd-core/tests/vectors/suit/keys/k2.seed.hex");

/// What is wrong with a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Good,
    /// It is signed by somebody else.
    Forged,
    /// It is for another device.
    Foreign,
    /// One byte of its payload is another one.
    Damaged,
    /// It rejects itself on trial.
    Faulty,
}

/// How a package comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Written to /5/0/0, in blocks of this exponent.
    Push(u8),
    /// Fetched from the URI in /5/0/1, in blocks of this exponent.
    Pull(u8),
}

/// One update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) n: u32,
    pub(crate) kind: Kind,
    pub(crate) way: Way,
    size: usize,
    /// How long an operation on the flash takes, milliseconds.
    pub(crate) flash: u64,
}

/// After so many updates their kinds, ways and sizes come again.
pub(crate) const PERIOD: u32 = 20;

impl Plan {
    /// The plan of the `n`th update, from 1 on.
    pub(crate) fn of(n: u32) -> Self {
        let place = n % PERIOD;
        let kind = match place {
            3 | 8 => Kind::Forged,
            5 | 14 => Kind::Foreign,
            11 | 16 => Kind::Damaged,
            9 | 18 => Kind::Faulty,
            _ => Kind::Good,
        };
        // Blocks of 64, 128, 256 and 512 bytes.
        let exponent = 2 + (place / 2 % 4) as u8;
        let way = if n.is_multiple_of(2) { Way::Pull(exponent) } else { Way::Push(exponent) };
        let size = 1_000 + 97 * place as usize;
        // So slow that the answer to a block comes after its acknowledgement.
        let flash = if matches!(place, 6 | 13) { 300 } else { 0 };
        Self { n, kind, way, size, flash }
    }

    /// Its sequence number. The factory image has 4.
    pub(crate) fn sequence(&self) -> u64 {
        u64::from(self.n) + 4
    }

    /// Its version.
    pub(crate) fn version(&self) -> String {
        format!("1.{}", self.n)
    }

    /// Its package: an envelope as `docs/package-format.md` says.
    pub(crate) fn package(&self) -> Vec<u8> {
        let mut random = Random(u64::from(self.n));
        let mut payload: Vec<u8> = (0..self.size).map(|_| random.byte()).collect();
        let (vendor, mut class) = IDS;
        if self.kind == Kind::Foreign {
            class[15] ^= 1;
        }
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
        let version = array(vec![Value::from(1), Value::from(self.n)]);
        let uri = map(vec![(21, Value::from("#fw"))]);
        let manifest = encode(&map(vec![
            (1, Value::from(1)),
            (2, Value::from(self.sequence())),
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
        if self.kind == Kind::Damaged {
            payload[self.size / 2] ^= 1;
        }
        let envelope = Value::Map(vec![
            (Value::from(2), wrap(&wrapper)),
            (Value::from(3), bytes(&manifest)),
            (Value::from("#fw"), bytes(&payload)),
        ]);
        encode(&Value::Tag(107, Box::new(envelope)))
    }

    fn key(&self) -> SigningKey {
        let text = if self.kind == Kind::Forged { K2 } else { K1 }.trim();
        let seed = core::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap());
        SigningKey::from_bytes(&seed)
    }
}

fn encode(item: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(item, &mut out).unwrap();
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
