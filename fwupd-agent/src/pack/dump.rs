//! Reads a package for people. It judges nothing: what the device takes is [`verify`](super::verify)'s.

use std::fmt;

use ciborium::Value;
use serde::Serialize;
use uuid::Uuid;

use super::spec::{
    ENVELOPE, SHA_256, SIGN1, algorithm, command, common, envelope, header, manifest, parameter,
};
use super::version;
use crate::error::printable;
use crate::hex;

/// Deepest nesting of alternatives that is followed.
const DEEPEST: u8 = 8;

/// The longest part that is opened, bytes: far more than the device takes, and short enough to be shown.
const LONGEST: usize = 64 * 1024;

/// What a package says of itself. Nothing in it has been checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Sequence number of the manifest.
    pub sequence: u64,
    /// Version for people, where one is named.
    pub version: Option<String>,
    /// The signatures, in their order.
    pub signatures: Vec<Signature>,
    /// The components that it describes.
    pub components: Vec<Component>,
    /// The payloads that it carries.
    pub payloads: Vec<Payload>,
}

/// One signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Name or number of its algorithm.
    pub algorithm: String,
    /// The key identifier, as hex digits, where one is given.
    pub key_identifier: Option<String>,
}

/// What is said of one component. Alternatives give more than one value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its identifier: the parts as hex digits, joined by `/`.
    pub id: String,
    /// Vendor identifiers.
    pub vendor: Vec<String>,
    /// Class identifiers.
    pub class: Vec<String>,
    /// Digests of the image, as hex digits; other algorithms than SHA-256 with their number.
    pub digest: Vec<String>,
    /// Sizes of the image, bytes.
    pub size: Vec<u64>,
    /// Where the image is to be had.
    pub uri: Vec<String>,
}

/// One payload in the envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Payload {
    /// Its name there.
    pub name: String,
    /// Its length, bytes.
    pub size: u64,
}

/// Why a file cannot be shown as a package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadPackage {
    /// The bytes are no CBOR item.
    #[error("not a package: no CBOR, or cut short")]
    NotCbor,
    /// There are bytes behind the item.
    #[error("not a package: {0} bytes behind its end")]
    Trailing(usize),
    /// The item is no envelope.
    #[error("not a package: no SUIT envelope")]
    NotEnvelope,
    /// A part of the envelope is missing or has another form.
    #[error("the package's {0} cannot be read")]
    Part(&'static str),
}

/// The file as one CBOR item.
///
/// # Errors
/// [`BadPackage::NotCbor`] and [`BadPackage::Trailing`].
pub fn item(file: &[u8]) -> Result<Value, BadPackage> {
    let mut rest = file;
    let item = ciborium::from_reader(&mut rest).map_err(|_| BadPackage::NotCbor)?;
    if rest.is_empty() { Ok(item) } else { Err(BadPackage::Trailing(rest.len())) }
}

/// What the package says of itself.
///
/// # Errors
/// [`BadPackage::NotEnvelope`], and [`BadPackage::Part`] for its first part that has another form.
pub fn summary(item: &Value) -> Result<Summary, BadPackage> {
    let Value::Tag(ENVELOPE, members) = item else { return Err(BadPackage::NotEnvelope) };
    let members = members.as_map().ok_or(BadPackage::NotEnvelope)?;
    let authentication =
        get(members, envelope::AUTHENTICATION).and_then(wrapped).ok_or(BadPackage::Part("signature"))?;
    let manifest = get(members, envelope::MANIFEST).and_then(wrapped).ok_or(BadPackage::Part("manifest"))?;
    let manifest = manifest.as_map().ok_or(BadPackage::Part("manifest"))?;

    let sequence = get(manifest, manifest::SEQUENCE).and_then(unsigned);
    Ok(Summary {
        sequence: sequence.ok_or(BadPackage::Part("sequence number"))?,
        version: set_version(manifest)?,
        signatures: signatures(&authentication).ok_or(BadPackage::Part("signature"))?,
        components: components(manifest, members)?,
        payloads: members.iter().filter_map(payload).collect(),
    })
}

fn set_version(manifest: &[(Value, Value)]) -> Result<Option<String>, BadPackage> {
    let Some(element) = get(manifest, manifest::SET_VERSION) else { return Ok(None) };
    let parts = wrapped(element).and_then(|v| v.as_array()?.iter().map(signed).collect::<Option<Vec<_>>>());
    parts.map(|parts| Some(version::text(&parts))).ok_or(BadPackage::Part("version"))
}

fn signatures(authentication: &Value) -> Option<Vec<Signature>> {
    let mut blocks = authentication.as_array()?.iter();
    blocks.next()?;
    blocks.map(|block| signature(&wrapped(block)?)).collect()
}

fn signature(block: &Value) -> Option<Signature> {
    let Value::Tag(tag, inner) = block else { return None };
    let [protected, unprotected, _, _] = inner.as_array()?.as_slice() else { return None };
    if *tag != SIGN1 {
        return Some(Signature { algorithm: format!("not a COSE_Sign1 (tag {tag})"), key_identifier: None });
    }
    let protected = wrapped(protected);
    let header = |label| {
        let protected = protected.as_ref().and_then(|p| get(p.as_map()?, label));
        protected.or_else(|| get(unprotected.as_map()?, label))
    };
    let algorithm = match header(header::ALGORITHM).and_then(signed) {
        Some(algorithm::ED25519) => "Ed25519".to_owned(),
        Some(algorithm::EDDSA) => "EdDSA".to_owned(),
        Some(other) => format!("algorithm {other}"),
        None => "no algorithm".to_owned(),
    };
    let key_identifier = header(header::KEY_IDENTIFIER).and_then(Value::as_bytes).map(|b| hex::text(b));
    Some(Signature { algorithm, key_identifier })
}

fn components(manifest: &[(Value, Value)], members: &[(Value, Value)]) -> Result<Vec<Component>, BadPackage> {
    let common = get(manifest, manifest::COMMON).and_then(wrapped).ok_or(BadPackage::Part("common part"))?;
    let common = common.as_map().ok_or(BadPackage::Part("common part"))?;
    let ids = get(common, common::COMPONENTS).and_then(Value::as_array);
    let named = ids.and_then(|ids| ids.iter().map(component).collect::<Option<Vec<_>>>());
    let mut all = named.ok_or(BadPackage::Part("components"))?;

    // A severed install sequence is a member of the envelope, and the manifest has its digest.
    let install = get(manifest, manifest::INSTALL);
    let severed = install.is_some_and(|i| i.as_array().is_some());
    let install = if severed { get(members, envelope::INSTALL) } else { install };
    for sequence in [get(common, common::SHARED), install].into_iter().flatten() {
        let mut current = Some(0);
        follow(sequence, &mut current, &mut all, 0).ok_or(BadPackage::Part("command sequence"))?;
    }
    Ok(all)
}

fn component(id: &Value) -> Option<Component> {
    let parts = id.as_array()?.iter().map(|part| part.as_bytes().map(|b| hex::text(b)));
    Some(Component { id: parts.collect::<Option<Vec<_>>>()?.join("/"), ..Component::default() })
}

/// Collects the parameters of a sequence and of all its alternatives. `current` is the component that is
/// meant, or all of them for `None`.
fn follow(sequence: &Value, current: &mut Option<usize>, all: &mut [Component], depth: u8) -> Option<()> {
    let sequence = wrapped(sequence)?;
    let (commands, rest) = sequence.as_array()?.as_chunks::<2>();
    for [command, argument] in commands {
        match signed(command)? {
            command::SET_COMPONENT_INDEX => *current = unsigned(argument).and_then(|i| i.try_into().ok()),
            command::OVERRIDE => {
                for (n, component) in all.iter_mut().enumerate() {
                    if current.is_none_or(|c| c == n) {
                        argument.as_map()?.iter().try_for_each(|(k, v)| set(component, k, v))?;
                    }
                }
            }
            command::TRY_EACH if depth < DEEPEST => {
                for branch in argument.as_array()?.iter().filter(|b| !b.is_null()) {
                    follow(branch, current, all, depth.saturating_add(1))?;
                }
            }
            _ => {}
        }
    }
    rest.is_empty().then_some(())
}

fn set(component: &mut Component, key: &Value, value: &Value) -> Option<()> {
    let uuid = |v: &Value| Some(Uuid::from_slice(v.as_bytes()?).ok()?.to_string());
    match signed(key)? {
        parameter::VENDOR => add(&mut component.vendor, uuid(value)?),
        parameter::CLASS => add(&mut component.class, uuid(value)?),
        parameter::DIGEST => add(&mut component.digest, digest(&wrapped(value)?)?),
        parameter::SIZE => add(&mut component.size, unsigned(value)?),
        parameter::URI => add(&mut component.uri, printable(value.as_text()?)),
        _ => {}
    }
    Some(())
}

fn add<T: PartialEq>(to: &mut Vec<T>, value: T) {
    if !to.contains(&value) {
        to.push(value);
    }
}

fn digest(item: &Value) -> Option<String> {
    let [algorithm, bytes] = item.as_array()?.as_slice() else { return None };
    let bytes = hex::text(bytes.as_bytes()?);
    match signed(algorithm)? {
        SHA_256 => Some(bytes),
        other => Some(format!("{bytes} (algorithm {other})")),
    }
}

fn payload((key, value): &(Value, Value)) -> Option<Payload> {
    Some(Payload { name: printable(key.as_text()?), size: value.as_bytes()?.len() as u64 })
}

fn get(map: &[(Value, Value)], key: i64) -> Option<&Value> {
    map.iter().find_map(|(k, v)| (signed(k) == Some(key)).then_some(v))
}

/// The item in a byte string of at most [`LONGEST`] bytes.
fn wrapped(value: &Value) -> Option<Value> {
    let bytes = value.as_bytes().filter(|b| b.len() <= LONGEST)?;
    item(bytes).ok()
}

fn signed(value: &Value) -> Option<i64> {
    value.as_integer()?.try_into().ok()
}

fn unsigned(value: &Value) -> Option<u64> {
    value.as_integer()?.try_into().ok()
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sequence   {}", self.sequence)?;
        write!(f, "\nversion    {}", self.version.as_deref().unwrap_or("not named"))?;
        for signature in &self.signatures {
            write!(f, "\nsignature  {}", signature.algorithm)?;
            if let Some(key) = &signature.key_identifier {
                write!(f, ", key identifier {key}")?;
            }
        }
        for component in &self.components {
            write!(f, "\ncomponent  {}", component.id)?;
            for vendor in &component.vendor {
                write!(f, "\n  vendor   {vendor}")?;
            }
            for class in &component.class {
                write!(f, "\n  class    {class}")?;
            }
            for digest in &component.digest {
                write!(f, "\n  digest   {digest}")?;
            }
            for size in &component.size {
                write!(f, "\n  size     {size} bytes")?;
            }
            for uri in &component.uri {
                write!(f, "\n  payload  {uri}, {}", self.place(uri))?;
            }
        }
        Ok(())
    }
}

impl Summary {
    fn place(&self, uri: &str) -> String {
        match self.payloads.iter().find(|p| p.name == uri) {
            Some(payload) => format!("in this file ({} bytes)", payload.size),
            None if uri.starts_with('#') => "which is missing from this file".into(),
            None => "to be fetched from there".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_be_no_package_has_its_error() {
        assert_eq!(item(b""), Err(BadPackage::NotCbor));
        assert_eq!(item(&[0xd8, 107, 0xa2, 0x02]), Err(BadPackage::NotCbor));
        assert_eq!(item(&[0x00, 0x00, 0x00]), Err(BadPackage::Trailing(2)));
        // Lengths that no memory has must not be allocated.
        for huge in ["5b7fffffffffffffff00", "9b7fffffffffffffff00", "bb7fffffffffffffff00"] {
            assert_eq!(item(&hex::bytes(huge).unwrap()), Err(BadPackage::NotCbor), "{huge}");
        }
        let of = |hex: &str| summary(&item(&hex::bytes(hex).unwrap()).unwrap());
        assert_eq!(of("00"), Err(BadPackage::NotEnvelope));
        assert_eq!(of("d86b00"), Err(BadPackage::NotEnvelope));
        assert_eq!(of("d86ba0"), Err(BadPackage::Part("signature")));
        assert_eq!(of("d86ba1024180"), Err(BadPackage::Part("manifest")));
        assert_eq!(of("d86ba20241800341a0"), Err(BadPackage::Part("sequence number")));
        let long = [&b"\xd8\x6b\xa2\x02\x41\x80\x03\x5a\x00\x01\x00\x01"[..], &[0; LONGEST + 1]].concat();
        assert_eq!(summary(&item(&long).unwrap()), Err(BadPackage::Part("manifest")));
        assert_eq!(of("d86ba20241800343a10205"), Err(BadPackage::Part("signature")));
    }

    #[test]
    fn five_thousand_nested_arrays_are_refused_without_a_deep_stack() {
        assert_eq!(item(&[0x81; 5000]), Err(BadPackage::NotCbor));
    }
}
