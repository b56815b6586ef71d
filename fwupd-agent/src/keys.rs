//! Ed25519 keys in files: PKCS#8 PEM for the private one, SPKI PEM or hex for the public one (RFC 8410).

use std::fmt;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use fwupd_core::trust::{BadKey, Ed25519Key, Ed25519Keys};

use crate::error::Error;
use crate::files;
use crate::hex;

/// No key file is longer than this, bytes.
const LONGEST: u64 = 16 * 1024;

/// A private key. It is wiped from memory when dropped, and its `Debug` shows only the public half.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new key from the randomness of the operating system.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn generate() -> Result<Self, Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|e| Error::failed(format_args!("no randomness: {e}")))?;
        Ok(Self::from_seed(&seed))
    }

    /// The key of this seed (RFC 8032, section 5.1.5).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM file.
    ///
    /// # Errors
    /// When it cannot be read or holds anything else; a public key is named as such.
    pub fn read(path: &Path) -> Result<Self, Error> {
        match AnyKey::read(path)? {
            AnyKey::Private(key) => Ok(key),
            AnyKey::Public(_) => {
                Err(Error::failed(format_args!("{} is not a private key in PEM", path.display())))
            }
        }
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// PKCS#8 version 1 in PEM: the form that every tool reads, without the optional public half.
    ///
    /// # Errors
    /// None that can be met; the encoder's own are passed on.
    pub fn to_pem(&self) -> Result<impl std::ops::Deref<Target = String> + use<>, Error> {
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        bytes
            .to_pkcs8_pem(LineEnding::LF)
            .map_err(|e| Error::failed(format_args!("cannot write the key as PEM: {e}")))
    }

    /// The signature over `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public())
    }
}

/// A public key. Shown as its 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key of these 32 bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// Bytes that are no key, and a key that anyone could sign for.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, BadKey> {
        Ed25519Key::new(bytes, None)?;
        VerifyingKey::from_bytes(bytes).map(Self).map_err(|_| BadKey::Malformed)
    }

    /// A key named in a configuration or on the command line: 64 hex digits, or the path of a key file,
    /// taken from `base` when it is relative.
    ///
    /// # Errors
    /// When the file cannot be read, or is no key.
    pub fn named(name: &str, base: &Path) -> Result<Self, Error> {
        if let Some(bytes) = hex::array::<32>(name) {
            return Self::from_bytes(&bytes).map_err(|e| Error::failed(format_args!("key {name}: {e}")));
        }
        AnyKey::read(&base.join(name)).map(|key| key.public())
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// SPKI in PEM.
    ///
    /// # Errors
    /// None that can be met; the encoder's own are passed on.
    pub fn to_pem(&self) -> Result<String, Error> {
        self.0
            .to_public_key_pem(LineEnding::LF)
            .map_err(|e| Error::failed(format_args!("cannot write the key as PEM: {e}")))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(self.as_bytes()))
    }
}

/// What a key file may hold.
#[derive(Debug)]
pub enum AnyKey {
    /// A private key (PKCS#8 PEM).
    Private(PrivateKey),
    /// A public key (SPKI PEM, or 64 hex digits).
    Public(PublicKey),
}

impl AnyKey {
    /// Reads a key file: PEM of either kind, or the 64 hex digits of a public key.
    ///
    /// # Errors
    /// When it cannot be read or holds anything else.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = files::read(path, LONGEST)?;
        Self::parse(&bytes)
            .map_err(|why| Error::failed(format_args!("{} is not a key file: {why}", path.display())))
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(bytes).map_err(|_| "neither PEM nor hex digits")?.trim();
        let weak = |e| if e == BadKey::Weak { "a weak key" } else { "not an Ed25519 public key" };
        if let Some(bytes) = hex::array::<32>(text) {
            return PublicKey::from_bytes(&bytes).map(Self::Public).map_err(weak);
        }
        // The PEM decoder insists on the end of the last line.
        let text = format!("{text}\n");
        if text.starts_with("-----BEGIN PRIVATE KEY-----") {
            let key = SigningKey::from_pkcs8_pem(&text).map_err(|_| "not an Ed25519 private key")?;
            return Ok(Self::Private(PrivateKey(key)));
        }
        if text.starts_with("-----BEGIN PUBLIC KEY-----") {
            let key = VerifyingKey::from_public_key_pem(&text).map_err(|_| "not an Ed25519 public key")?;
            return PublicKey::from_bytes(key.as_bytes()).map(Self::Public).map_err(weak);
        }
        Err("neither a PEM key (PKCS#8 or SPKI) nor 64 hex digits")
    }

    /// The public key, or the public half of the private one.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Private(key) => key.public(),
            Self::Public(key) => *key,
        }
    }
}

/// A trust store of these keys, numbered in their order.
///
/// # Errors
/// More than 32 keys.
pub fn trust(keys: &[PublicKey]) -> Result<Ed25519Keys<Vec<Ed25519Key<'static>>>, Error> {
    let bad = |e| Error::failed(format_args!("trusted keys: {e}"));
    let parsed = keys.iter().map(|key| Ed25519Key::new(key.as_bytes(), None));
    Ed25519Keys::new(parsed.collect::<Result<Vec<_>, _>>().map_err(bad)?).map_err(bad)
}

/// Where the public half of a private key file is written: `device.pem` gives `device.pub.pem`.
pub fn public_path(private: &Path) -> PathBuf {
    let name = private.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.strip_suffix(".pem").unwrap_or(&name);
    private.with_file_name(format!("{stem}.pub.pem"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 1, and its SPKI form.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const PUBLIC_PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn the_key_of_rfc_8032_has_its_public_half_in_hex_and_pem() {
        let key = PrivateKey::from_seed(&hex::array(SEED).unwrap());
        assert_eq!(key.public().to_string(), PUBLIC);
        assert_eq!(key.public().to_pem().unwrap(), PUBLIC_PEM);
        assert_eq!(format!("{key:?}"), format!("PrivateKey(of {PUBLIC})"));
    }

    #[test]
    fn every_form_of_a_key_file_reads_back_to_the_same_public_key() {
        let key = PrivateKey::from_seed(&hex::array(SEED).unwrap());
        let pem = key.to_pem().unwrap();
        let crlf = pem.replace('\n', "\r\n");
        for text in [&**pem, &crlf, PUBLIC_PEM, PUBLIC_PEM.trim(), PUBLIC, &format!("{PUBLIC}\n")] {
            let read = AnyKey::parse(text.as_bytes()).unwrap();
            assert_eq!(read.public().to_string(), PUBLIC, "{text}");
            assert_eq!(matches!(read, AnyKey::Private(_)), text.contains("PRIVATE"));
        }
    }

    #[test]
    fn what_is_not_a_key_says_so() {
        let weak = "0100000000000000000000000000000000000000000000000000000000000000";
        let ec = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
            -----END PUBLIC KEY-----\n";
        for (bytes, why) in [
            (&b""[..], "neither a PEM key (PKCS#8 or SPKI) nor 64 hex digits"),
            (b"<html>", "neither a PEM key (PKCS#8 or SPKI) nor 64 hex digits"),
            (b"\xff\xfe", "neither PEM nor hex digits"),
            (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "not an Ed25519 private key"),
            (ec.as_bytes(), "not an Ed25519 public key"),
            (weak.as_bytes(), "a weak key"),
        ] {
            assert_eq!(AnyKey::parse(bytes).unwrap_err(), why, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn two_generated_keys_differ() {
        let (a, b) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        assert_ne!(a.public(), b.public());
    }

    #[test]
    fn the_public_file_lies_beside_the_private_one() {
        assert_eq!(public_path(Path::new("a/k.pem")), Path::new("a/k.pub.pem"));
        assert_eq!(public_path(Path::new("k")), Path::new("k.pub.pem"));
    }
}
