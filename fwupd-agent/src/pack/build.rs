//! Writes a package: the envelope of the profile, with the payload inside or at a URI.

use ciborium::Value;
use sha2::{Digest as _, Sha256};

use super::spec::{
    self, ENVELOPE, SHA_256, SIGN1, algorithm, command, common, envelope, header, manifest, parameter, policy,
};
use crate::identity::Identity;
use crate::keys::PrivateKey;

/// Longest URI of the device's profile, bytes.
const LONGEST_URI: usize = 255;
/// The name under which a payload lies in its envelope.
pub const INTEGRATED: &str = "#fw";

/// By which number the signature names its algorithm; the signature is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Algorithm {
    /// -19 (RFC 9864).
    #[default]
    Ed25519,
    /// -8 (RFC 9053), for readers that do not know the newer number.
    #[value(name = "eddsa")]
    EdDsa,
}

impl Algorithm {
    fn number(self) -> i64 {
        match self {
            Self::Ed25519 => algorithm::ED25519,
            Self::EdDsa => algorithm::EDDSA,
        }
    }
}

/// Where the payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In the envelope, as [`INTEGRATED`].
    Inside,
    /// At this URI.
    At(&'a str),
    /// At this URI, and a copy of it in the envelope under that name. The same signed manifest serves both.
    Both(&'a str),
}

/// What a package is made of.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The image.
    pub image: &'a [u8],
    /// For which device.
    pub identity: &'a Identity,
    /// Sequence number.
    pub sequence: u64,
    /// Version for people, as the integers of [`version::parse`](super::version::parse).
    pub version: Option<&'a [i64]>,
    /// The component identifier, one byte string.
    pub component: &'a [u8],
    /// Where the payload is.
    pub place: Place<'a>,
    /// How the signature names its algorithm.
    pub algorithm: Algorithm,
    /// Who signs.
    pub key: &'a PrivateKey,
}

/// Why a package cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRecipe {
    /// The image has no bytes.
    #[error("the image is empty")]
    Empty,
    /// The image is longer than a device can hold.
    #[error("the image is longer than 4 GiB")]
    TooLong,
    /// The URI is empty, too long or has other characters than a URI's.
    #[error("a URI has 1 to {LONGEST_URI} printable ASCII characters and begins with its scheme")]
    Uri,
    /// The component identifier is empty.
    #[error("the component identifier is empty")]
    Component,
}

/// The package's bytes: the same for the same recipe.
///
/// # Errors
/// What the device would refuse whoever signed it.
pub fn build(recipe: &Recipe<'_>) -> Result<Vec<u8>, BadRecipe> {
    if recipe.image.is_empty() {
        return Err(BadRecipe::Empty);
    }
    let size = u32::try_from(recipe.image.len()).map_err(|_| BadRecipe::TooLong)?;
    if recipe.component.is_empty() {
        return Err(BadRecipe::Component);
    }
    let (uri, inside) = match recipe.place {
        Place::Inside => (INTEGRATED, true),
        Place::At(uri) => (checked(uri)?, false),
        Place::Both(uri) => (checked(uri)?, true),
    };

    // In its envelope the manifest is a byte string, and it is signed with that string's head.
    let manifest = wrap(&manifest(recipe, size, uri));
    let digest = digest(&encode(&manifest));
    let block = signature(recipe, &digest);
    let authentication = Value::Array(vec![wrap(&digest), wrap(&block)]);
    let mut members =
        vec![(int(envelope::AUTHENTICATION), wrap(&authentication)), (int(envelope::MANIFEST), manifest)];
    if inside {
        members.push((uri.into(), bytes(recipe.image)));
    }
    Ok(encode(&Value::Tag(ENVELOPE, Box::new(Value::Map(members)))))
}

fn checked(uri: &str) -> Result<&str, BadRecipe> {
    let scheme = uri.split_once(':').map(|(scheme, rest)| {
        let letters = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        letters && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.is_empty()
    });
    let plain = uri.len() <= LONGEST_URI && uri.bytes().all(|b| b.is_ascii_graphic());
    if plain && scheme == Some(true) { Ok(uri) } else { Err(BadRecipe::Uri) }
}

fn manifest(recipe: &Recipe<'_>, size: u32, uri: &str) -> Value {
    let identity = recipe.identity;
    let shared = sequence([
        (
            command::OVERRIDE,
            Value::Map(vec![
                (int(parameter::VENDOR), bytes(identity.vendor.as_bytes())),
                (int(parameter::CLASS), bytes(identity.class.as_bytes())),
                (int(parameter::DIGEST), wrap(&digest(recipe.image))),
                (int(parameter::SIZE), size.into()),
            ]),
        ),
        (command::VENDOR, int(policy::CONDITION)),
        (command::CLASS, int(policy::CONDITION)),
    ]);
    let component = Value::Array(vec![bytes(recipe.component)]);
    let common = Value::Map(vec![
        (int(common::COMPONENTS), Value::Array(vec![component])),
        (int(common::SHARED), wrap(&shared)),
    ]);
    let matches = (command::IMAGE_MATCH, int(policy::CONDITION));
    let install = sequence([
        (command::OVERRIDE, Value::Map(vec![(int(parameter::URI), uri.into())])),
        (command::FETCH, int(policy::DIRECTIVE)),
        matches.clone(),
    ]);
    let invoke = sequence([(command::INVOKE, int(policy::DIRECTIVE))]);

    // In the order of the encoded keys (RFC 8949, section 4.2.1).
    let mut elements = vec![
        (int(manifest::VERSION), int(spec::VERSION)),
        (int(manifest::SEQUENCE), recipe.sequence.into()),
        (int(manifest::COMMON), wrap(&common)),
    ];
    if let Some(version) = recipe.version {
        let parts = version.iter().map(|part| int(*part)).collect();
        elements.push((int(manifest::SET_VERSION), wrap(&Value::Array(parts))));
    }
    elements.push((int(manifest::VALIDATE), wrap(&sequence([matches]))));
    elements.push((int(manifest::INVOKE), wrap(&invoke)));
    elements.push((int(manifest::INSTALL), wrap(&install)));
    Value::Map(elements)
}

/// A COSE_Sign1 over the digest, which it does not carry (RFC 9052, sections 4.2 and 4.4).
fn signature(recipe: &Recipe<'_>, digest: &Value) -> Value {
    let protected = wrap(&Value::Map(vec![(int(header::ALGORITHM), int(recipe.algorithm.number()))]));
    let signed = Value::Array(vec![spec::CONTEXT.into(), protected.clone(), bytes(&[]), wrap(digest)]);
    let signature = recipe.key.sign(&encode(&signed));
    let block = Value::Array(vec![protected, Value::Map(Vec::new()), Value::Null, bytes(&signature)]);
    Value::Tag(SIGN1, Box::new(block))
}

/// A SUIT_Digest (M, section 8.4.11).
fn digest(of: &[u8]) -> Value {
    Value::Array(vec![int(SHA_256), bytes(&Sha256::digest(of))])
}

/// Commands and their arguments, flat (M, section 8.4.5 on SUIT_Command_Sequence).
fn sequence<const N: usize>(commands: [(i64, Value); N]) -> Value {
    Value::Array(commands.into_iter().flat_map(|(command, argument)| [int(command), argument]).collect())
}

fn int(number: i64) -> Value {
    Value::Integer(number.into())
}

fn bytes(of: &[u8]) -> Value {
    Value::Bytes(of.to_vec())
}

/// A value as a byte string of its encoding.
fn wrap(value: &Value) -> Value {
    Value::Bytes(encode(value))
}

/// Deterministic for what is built here: ciborium writes the shortest heads and definite lengths, and keeps
/// the order of a map's entries.
fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing a tree of these values to memory does not fail.
    let _ = ciborium::into_writer(value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_device_would_take_is_not_built() {
        let identity = Identity::named("example.com", "demo-board-1").unwrap();
        let key = PrivateKey::from_seed(&[7; 32]);
        let good = Recipe {
            image: b"image",
            identity: &identity,
            sequence: 1,
            version: None,
            component: &[0],
            place: Place::Inside,
            algorithm: Algorithm::default(),
            key: &key,
        };
        assert!(build(&good).is_ok());
        assert_eq!(build(&Recipe { image: b"", ..good }), Err(BadRecipe::Empty));
        assert_eq!(build(&Recipe { component: b"", ..good }), Err(BadRecipe::Component));
        let long = format!("coap://{}", "x".repeat(249));
        for uri in ["", "#fw", "fw.bin", ":x", "1a:x", "coap:", "coap://a b", "coap://ä", &long] {
            assert_eq!(build(&Recipe { place: Place::At(uri), ..good }), Err(BadRecipe::Uri), "{uri}");
        }
        let longest = &long[..LONGEST_URI];
        assert!(build(&Recipe { place: Place::Both(longest), ..good }).is_ok());
    }
}
