//! The reference device: takes a file in chunks, and judges it as the updater does.

use ed25519_dalek::SigningKey;
use fwupd_core::digest::{Digest, Sha256};
use fwupd_core::image::Image;
use fwupd_core::package::suit::{COMPONENT, LONGEST_HEAD, Suit, read_kept};
use fwupd_core::package::{Head, Identity, PackageFormat, Payload, Rejected, Stage};
use fwupd_core::trust::{Ed25519Key, Ed25519Keys, KeySet};

/// Ways of cutting the input, bytes; the first takes it whole.
pub(crate) const CHUNKS: [usize; 8] = [usize::MAX, 1, 2, 3, 7, 16, 64, 512];

/// Seeds of the two test keys, of RFC 8032, section 7.1; the device trusts the first.
pub(crate) const K1: &str = include_str!("../vectors/suit/keys/k1.seed.hex");
pub(crate) const K2: &str = include_str!("../vectors/suit/keys/k2.seed.hex");

/// UUID 5 of the DNS name example.com.
pub(crate) const VENDOR: [u8; 16] =
    [0xcf, 0xbf, 0xf0, 0xd1, 0x93, 0x75, 0x56, 0x85, 0x96, 0x8c, 0x48, 0xce, 0x8b, 0x15, 0xae, 0x17];
/// UUID 5 of the vendor and "demo-board-1".
pub(crate) const CLASS: [u8; 16] =
    [0x7d, 0x07, 0x89, 0xe9, 0x05, 0x09, 0x59, 0x40, 0x92, 0x65, 0x5b, 0x7d, 0x4b, 0xb9, 0x99, 0x55];

/// What the device is: sequence number 5.
pub(crate) const ME: Identity =
    Identity { vendor: VENDOR, class: CLASS, sequence: 5, slot: 0, revoked: KeySet::NONE };

/// Bytes of a hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let text = text.trim();
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// A signing key from its seed.
pub(crate) fn signing_key(seed: &str) -> SigningKey {
    SigningKey::from_bytes(&hex(seed).try_into().unwrap())
}

/// A store of one key.
pub(crate) type Store = Ed25519Keys<[Ed25519Key<'static>; 1]>;

/// The device's store: the first key, with this identifier.
pub(crate) fn trust(identifier: Option<&'static [u8]>) -> Store {
    let public = signing_key(K1).verifying_key();
    Ed25519Keys::new([Ed25519Key::new(public.as_bytes(), identifier).unwrap()]).unwrap()
}

/// A package that was taken to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    pub(crate) image: Image,
    pub(crate) kept: Vec<u8>,
    /// The URI, where the payload is elsewhere.
    pub(crate) uri: Option<String>,
}

/// The verdict on a file; `None` when it ends too early.
pub(crate) type Verdict = Result<Option<Taken>, Rejected>;

/// Takes a file in chunks of at most `chunk` bytes.
pub(crate) fn take(file: &[u8], chunk: usize) -> Verdict {
    take_cut(file, std::iter::repeat(chunk), &ME, &mut Suit::<LONGEST_HEAD>::new(COMPONENT))
}

/// Takes a file in chunks of these lengths.
pub(crate) fn take_cut<const HEAD: usize>(
    mut file: &[u8],
    chunks: impl IntoIterator<Item = usize>,
    me: &Identity,
    suit: &mut Suit<HEAD>,
) -> Verdict {
    let trust = trust(None);
    let mut chunks = chunks.into_iter();
    let format: &mut dyn PackageFormat<_> = suit;
    let (image, payload) = loop {
        let chunk = &file[..chunks.next().unwrap_or(1).min(file.len())];
        match format.head(chunk, &trust, me)? {
            Head::Done { taken, image, payload } => {
                file = &file[taken..];
                break (image, payload);
            }
            Head::More { taken } => {
                assert_eq!(taken, chunk.len(), "all that is offered is taken");
                file = &file[taken..];
                if file.is_empty() {
                    return Ok(None);
                }
            }
        }
    };
    let (kept, uri) = (format.kept().to_vec(), format.uri().map(str::to_owned));
    assert_eq!(read_kept(&kept, COMPONENT, Some(&trust), me), Ok(image), "what was kept says the same");
    match payload {
        Payload::Elsewhere if file.is_empty() => assert!(uri.is_some()),
        Payload::Here if file.len() < image.size as usize => return Ok(None),
        Payload::Here if file.len() == image.size as usize => {
            assert_eq!(uri, None);
            let mut hash = Sha256::new();
            hash.update(file);
            if hash.finish() != image.digest {
                return Err(Rejected { stage: Stage::Match, reason: "digest" });
            }
        }
        Payload::Here | Payload::Elsewhere => {
            return Err(Rejected { stage: Stage::Framing, reason: "trailing bytes" });
        }
    }
    Ok(Some(Taken { image, kept, uri }))
}

/// The verdict on a file, which must be the same for all ways of cutting it.
pub(crate) fn judge(file: &[u8]) -> Verdict {
    let whole = take(file, usize::MAX);
    for chunk in CHUNKS {
        assert_eq!(take(file, chunk), whole, "in chunks of {chunk}");
    }
    whole
}

/// Asserts that a file is accepted, however it is cut, and gives what was taken.
#[track_caller]
pub(crate) fn accepted(file: &[u8]) -> Taken {
    judge(file).expect("refused").expect("incomplete")
}

/// Asserts that a file is refused at this stage, however it is cut.
#[track_caller]
pub(crate) fn refused(file: &[u8], stage: Stage) {
    match judge(file) {
        Err(rejected) => assert_eq!(rejected.stage, stage, "{}", rejected.reason),
        Ok(taken) => panic!("not refused: {taken:?}"),
    }
}
