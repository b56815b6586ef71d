//! Judges a package as the device would, with the device's own reader.

use std::io::{self, Read};

use fwupd_core::image::Image;
use fwupd_core::package::{Head, Identity, PackageFormat, Payload, Rejected, Stage};
use fwupd_core::trust::TrustStore;
use sha2::{Digest as _, Sha256};

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// A package that the device would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What it describes.
    pub image: Image,
    /// The signed URI of the payload, where this file does not carry it.
    pub uri: Option<String>,
}

/// Reads the package to its end. `progress` is told how many bytes have been read.
///
/// # Errors
/// When it cannot be read. Otherwise the inner result is the verdict.
pub fn verify<T: TrustStore, F: PackageFormat<T>>(
    package: &mut impl Read,
    format: &mut F,
    trust: &T,
    me: &Identity,
    mut progress: impl FnMut(u64),
) -> io::Result<Result<Accepted, Rejected>> {
    let mut buffer = vec![0; CHUNK];
    let mut stage = Progress::Head;
    let mut total = 0u64;
    format.restart();
    loop {
        let bytes = match package.read(&mut buffer) {
            Ok(count) => buffer.get(..count).unwrap_or_default(),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if bytes.is_empty() {
            return Ok(stage.end(format.uri()));
        }
        total = total.saturating_add(bytes.len() as u64);
        match stage.take(bytes, format, trust, me) {
            Ok(next) => stage = next,
            Err(rejected) => return Ok(Err(rejected)),
        }
        progress(total);
    }
}

/// How far the reading has come.
enum Progress {
    /// In the head.
    Head,
    /// The head is read, and so many bytes of the payload are missing.
    Payload { image: Image, missing: u64, hash: Sha256 },
    /// The head is read, and the file carries no payload.
    Elsewhere { image: Image },
}

impl Progress {
    fn take<T: TrustStore, F: PackageFormat<T>>(
        self,
        bytes: &[u8],
        format: &mut F,
        trust: &T,
        me: &Identity,
    ) -> Result<Self, Rejected> {
        let behind = Rejected { stage: Stage::Framing, reason: "bytes behind the end of the package" };
        match self {
            Self::Head => match format.head(bytes, trust, me)? {
                Head::More { .. } => Ok(Self::Head),
                Head::Done { taken, image, payload } => {
                    let next = match payload {
                        Payload::Here => {
                            Self::Payload { image, missing: image.size.into(), hash: Sha256::new() }
                        }
                        Payload::Elsewhere => Self::Elsewhere { image },
                    };
                    match bytes.get(taken..) {
                        Some(rest) if !rest.is_empty() => next.take(rest, format, trust, me),
                        Some(_) | None => Ok(next),
                    }
                }
            },
            Self::Payload { image, missing, hash } => {
                let missing = missing.checked_sub(bytes.len() as u64).ok_or(behind)?;
                Ok(Self::Payload { image, missing, hash: hash.chain_update(bytes) })
            }
            Self::Elsewhere { .. } => Err(behind),
        }
    }

    fn end(self, uri: Option<&str>) -> Result<Accepted, Rejected> {
        let short = Rejected { stage: Stage::Framing, reason: "the package is cut short" };
        match self {
            Self::Head => Err(short),
            Self::Payload { image, missing: 0, hash } => {
                if <[u8; 32]>::from(hash.finalize()) == image.digest {
                    Ok(Accepted { image, uri: None })
                } else {
                    Err(Rejected {
                        stage: Stage::Match,
                        reason: "the payload is not the one that is described",
                    })
                }
            }
            Self::Payload { .. } => Err(short),
            Self::Elsewhere { image } => Ok(Accepted { image, uri: uri.map(str::to_owned) }),
        }
    }
}

/// The name of a stage in a verdict.
pub fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Framing => "framing",
        Stage::Authentication => "authentication",
        Stage::Manifest => "manifest",
        Stage::Identity => "identity",
        Stage::Rollback => "rollback",
        Stage::Plan => "plan",
        Stage::Payload => "payload",
        Stage::Match => "match",
    }
}
