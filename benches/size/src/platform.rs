//! The two platforms that are measured, and the flash of both.

use fwupd_core::boot::Native;
use fwupd_core::checksum::NoCheck;
use fwupd_core::digest::{Digest, Sha256};
use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::image::{Image, SlotId, Version};
use fwupd_core::package::suit::Suit;
use fwupd_core::package::{Head, Identity, PackageFormat, Payload, Rejected, Stage};
use fwupd_core::slot::Slot;
use fwupd_core::trust::{Algorithm, Ed25519Key, Ed25519Keys, KeyId, KeySet, TrustStore};
use fwupd_core::updater::{Config, Installed, Platform, Policy};

/// Two slots of 16 KiB and a journal of two pages.
pub const LAYOUT: Layout = Layout {
    parts: &[Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 10, size: 4096 }] }],
    slots: &[Region { part: 0, from: 0, to: 0x4000 }, Region { part: 0, from: 0x4000, to: 0x8000 }],
    journal: &[Region { part: 0, from: 0x8000, to: 0x9000 }, Region { part: 0, from: 0x9000, to: 0xA000 }],
    factory_slot: SlotId(0),
};

/// A device's identifiers, and what it runs before the update.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Vendor identifier.
    pub vendor: [u8; 16],
    /// Class identifier.
    pub class: [u8; 16],
    /// Sequence number of the factory image.
    pub sequence: u64,
}

fn config<P: Platform>(device: Device, trust: P::Trust, package: P::Package, boot: P::Boot) -> Config<P> {
    Config {
        layout: LAYOUT,
        vendor: device.vendor,
        class: device.class,
        trust,
        package,
        boot,
        policy: Policy::default(),
        factory: Installed { sequence: device.sequence, version: Version::default() },
    }
}

/// The core with as little as possible of what is replaceable: no cryptography, no SUIT.
#[derive(Debug)]
pub struct Core;

impl Platform for Core {
    type Trust = NoTrust;
    type Package = Plain;
    type Boot = Native<3>;
    type FileCheck = NoCheck;
    type Digest = Sum;
    type Slots = [Slot; 2];
}

/// The configuration of [`Core`].
pub fn core(device: Device) -> Config<Core> {
    config(device, NoTrust, Plain::default(), Native::new())
}

/// The core with SUIT, Ed25519 and SHA-256.
#[derive(Debug)]
pub struct Signed;

impl Platform for Signed {
    type Trust = Ed25519Keys<[Ed25519Key<'static>; 1]>;
    type Package = Suit<512>;
    type Boot = Native<3>;
    type FileCheck = NoCheck;
    type Digest = Sha256;
    type Slots = [Slot; 2];
}

/// The configuration of [`Signed`]; `None` for a key that is none.
pub fn signed(device: Device, key: &[u8; 32]) -> Option<Config<Signed>> {
    let trust = Ed25519Keys::new([Ed25519Key::new(key, None).ok()?]).ok()?;
    Some(config(device, trust, Suit::default(), Native::new()))
}

/// A store of one key under which no signature is good. [`Plain`] has none.
#[derive(Clone, Copy, Debug)]
pub struct NoTrust;

impl TrustStore for NoTrust {
    fn keys(&self) -> u8 {
        1
    }

    fn verify(&self, _: Algorithm, _: Option<&[u8]>, _: &[u8], _: &[u8; 64], _: KeySet) -> Option<KeyId> {
        None
    }
}

/// Length of the head of a [`Plain`] package, bytes.
pub const PLAIN_HEAD: usize = 64;

/// An unsigned format, to measure the core without one. Of no other use.
///
/// ```text
/// "plainfw1" | size u32 | sequence u64 | zero, 12 bytes | digest, 32 bytes | payload
/// ```
#[derive(Clone, Debug)]
pub struct Plain {
    head: [u8; PLAIN_HEAD],
    have: usize,
}

impl Default for Plain {
    fn default() -> Self {
        Self { head: [0; PLAIN_HEAD], have: 0 }
    }
}

impl Plain {
    /// The head of a package.
    pub fn emit(payload: &[u8], sequence: u64) -> [u8; PLAIN_HEAD] {
        let mut sum = Sum::new();
        sum.update(payload);
        let mut head = [0; PLAIN_HEAD];
        let size = (payload.len() as u32).to_le_bytes();
        let sequence = sequence.to_le_bytes();
        let bytes = b"plainfw1".iter().chain(&size).chain(&sequence).chain(&[0; 12]);
        let digest = sum.finish();
        head.iter_mut().zip(bytes.chain(&digest)).for_each(|(to, from)| *to = *from);
        head
    }

    /// What the head that a slot keeps describes.
    pub fn parse(head: &[u8]) -> Option<Image> {
        let rest = head.strip_prefix(b"plainfw1")?;
        let (size, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let digest = rest.last_chunk::<32>()?;
        Some(Image {
            digest: *digest,
            size: u32::from_le_bytes(*size),
            sequence: u64::from_le_bytes(*sequence),
            version: Version::default(),
        })
    }
}

impl PackageFormat<NoTrust> for Plain {
    fn restart(&mut self) {
        self.have = 0;
    }

    fn head(&mut self, bytes: &[u8], _: &NoTrust, me: &Identity) -> Result<Head, Rejected> {
        let mut taken = 0;
        let room = self.head.iter_mut().skip(self.have);
        for (to, from) in room.zip(bytes) {
            *to = *from;
            taken += 1;
        }
        self.have += taken;
        if self.have < PLAIN_HEAD {
            return Ok(Head::More { taken });
        }
        let image = Self::parse(&self.head)
            .ok_or(Rejected { stage: Stage::Framing, reason: "not a plain package" })?;
        if image.sequence < me.sequence {
            return Err(Rejected { stage: Stage::Rollback, reason: "older" });
        }
        Ok(Head::Done { taken, image, payload: Payload::Here })
    }

    fn described(&self) -> Option<Image> {
        Self::parse(&self.head).filter(|_| self.have == PLAIN_HEAD)
    }

    fn kept(&self) -> &[u8] {
        &self.head
    }

    fn uri(&self) -> Option<&str> {
        None
    }
}

/// A sum in the place of a digest. Of no other use.
#[derive(Clone, Copy, Debug)]
pub struct Sum(u32);

impl Digest for Sum {
    fn new() -> Self {
        Self(1)
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.rotate_left(5) ^ u32::from(*byte));
    }

    fn finish(self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.iter_mut().zip(self.0.to_le_bytes()).for_each(|(to, from)| *to = from);
        digest
    }
}
