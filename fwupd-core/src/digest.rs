//! The hash over an image.

use sha2::Digest as _;

/// SHA-256, in software or by a hash engine of the device.
pub trait Digest {
    /// A fresh state.
    fn new() -> Self;
    /// Takes in more bytes.
    fn update(&mut self, bytes: &[u8]);
    /// The digest of all of them.
    fn finish(self) -> [u8; 32];
}

/// SHA-256 in software.
#[derive(Clone, Debug)]
pub struct Sha256(sha2::Sha256);

impl Digest for Sha256 {
    fn new() -> Self {
        Self(sha2::Sha256::new())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
