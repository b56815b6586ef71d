//! The packager and the judge against packages that other tools have made.

use fwupd_agent::hex;
use fwupd_agent::identity::Identity;
use fwupd_agent::keys::{PrivateKey, PublicKey, trust};
use fwupd_agent::pack::build::{Algorithm, Place, Recipe, build};
use fwupd_agent::pack::dump::{self, Summary};
use fwupd_agent::pack::verify::{Accepted, verify};
use fwupd_agent::pack::{diag, version};
use fwupd_core::package::suit::Suit;
use fwupd_core::package::{Rejected, Stage};
use fwupd_core::trust::KeySet;

const IMAGE: &[u8] = include_bytes!("vectors/fw.bin");

fn built(place: Place<'_>, algorithm: Algorithm, text: Option<&str>) -> Vec<u8> {
    let seed = include_str!("vectors/k1.seed.hex").trim();
    let version = text.map(|t| version::parse(t).unwrap());
    build(&Recipe {
        image: IMAGE,
        identity: &Identity::named("example.com", "demo-board-1").unwrap(),
        sequence: 5,
        version: version.as_deref(),
        component: &[0],
        place,
        algorithm,
        key: &PrivateKey::from_seed(&hex::array(seed).unwrap()),
    })
    .unwrap()
}

#[test]
fn packages_equal_those_of_other_tools_byte_for_byte() {
    let uri = "coap://example.com/fw.bin";
    let (old, new) = (Algorithm::EdDsa, Algorithm::Ed25519);
    for (name, is, be) in [
        ("integrated", built(Place::Inside, old, None), &include_bytes!("vectors/one-integrated.suit")[..]),
        (
            "integrated, -19",
            built(Place::Inside, new, None),
            include_bytes!("vectors/one-integrated.alg19.suit"),
        ),
        ("version", built(Place::Inside, old, Some("1.2.3")), include_bytes!("vectors/one-version.suit")),
        ("uri", built(Place::At(uri), old, None), include_bytes!("vectors/one-uri.suit")),
        ("uri, -19", built(Place::At(uri), new, None), include_bytes!("vectors/one-uri.alg19.suit")),
        ("both", built(Place::Both(uri), old, None), include_bytes!("vectors/one-prefetched.suit")),
    ] {
        assert_eq!(hex::text(&is), hex::text(be), "{name}");
    }
}

fn summary(package: &[u8]) -> Summary {
    dump::summary(&dump::item(package).unwrap()).unwrap()
}

#[test]
fn a_summary_tells_what_the_package_says() {
    let shown = summary(include_bytes!("vectors/one-version.suit")).to_string();
    assert_eq!(
        shown,
        "sequence   5\n\
         version    1.2.3\n\
         signature  EdDSA\n\
         component  00\n  \
           vendor   cfbff0d1-9375-5685-968c-48ce8b15ae17\n  \
           class    7d0789e9-0509-5940-9265-5b7d4bb99955\n  \
           digest   7f5e05a30e849433b69ab20f2698c1d13bbbd0d0b1c63ccb3824d2844536909c\n  \
           size     1536 bytes\n  \
           payload  #fw, in this file (1536 bytes)"
    );
    let uri = summary(include_bytes!("vectors/one-uri.kid.suit"));
    assert_eq!(uri.version, None);
    assert_eq!(uri.signatures[0].key_identifier.as_deref(), Some(&*hex::text(b"test-key-1")));
    assert!(uri.to_string().ends_with("coap://example.com/fw.bin, to be fetched from there"));
}

#[test]
fn a_summary_tells_all_alternatives_and_severed_parts() {
    let ab = summary(include_bytes!("vectors/ab-uri.suit"));
    assert_eq!(ab.components.len(), 1);
    assert_eq!((ab.components[0].digest.len(), ab.components[0].uri.len()), (2, 2));
    let severed = summary(include_bytes!("vectors/severable-full.suit"));
    assert_eq!(severed.components[0].uri, ["#fw"]);
}

#[test]
fn diagnostic_notation_opens_the_wrapped_parts_and_cuts_the_payload() {
    let item = dump::item(include_bytes!("vectors/one-integrated.suit")).unwrap();
    let shown = diag::text(&item);
    assert!(shown.starts_with("107({"), "{shown}");
    for part in [
        "18([",
        "<<{1: -8}>>",
        "1: 1,",
        "2: 5,",
        "14: 1536",
        "7: <<[3, 15]>>",
        "9: <<[23, 2]>>",
        "20: <<[20, {21: \"#fw\"}, 21, 2, 3, 15]>>",
        "\"#fw\": h'75f54dacf1c18aaeb08b1556d7250836...' / 1536 bytes /",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
}

#[test]
fn every_truncation_of_a_package_is_shown_as_an_error() {
    let package = include_bytes!("vectors/one-version.suit");
    for length in 0..package.len() {
        assert_eq!(dump::item(&package[..length]), Err(dump::BadPackage::NotCbor), "{length}");
    }
}

/// Gives at most `chunk` bytes at a read, and is interrupted before each.
struct Slow<'a> {
    bytes: &'a [u8],
    chunk: usize,
    interrupted: bool,
}

impl std::io::Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        let room = into.len().min(self.chunk);
        self.bytes.read(&mut into[..room])
    }
}

fn judged(bytes: &[u8], chunk: usize) -> Result<Accepted, Rejected> {
    let key = PublicKey::from_bytes(&hex::array(include_str!("vectors/k1.pub.hex").trim()).unwrap()).unwrap();
    let identity = Identity::named("example.com", "demo-board-1").unwrap();
    let me = fwupd_core::package::Identity {
        vendor: identity.vendor.into_bytes(),
        class: identity.class.into_bytes(),
        sequence: 5,
        slot: 0,
        revoked: KeySet::NONE,
    };
    let mut read = 0;
    let mut package = Slow { bytes, chunk, interrupted: false };
    let trust = trust(&[key]).unwrap();
    let verdict = verify(&mut package, &mut Suit::<2600>::default(), &trust, &me, |done| read = done);
    let verdict = verdict.unwrap();
    assert!(verdict.is_err() || read == bytes.len() as u64);
    verdict
}

#[test]
fn a_verdict_does_not_depend_on_how_the_file_is_read() {
    let good = include_bytes!("vectors/one-version.suit");
    let mut flipped = *good;
    flipped[good.len() - 1] ^= 1;
    for chunk in [1, 2, 7, 64, 512, usize::MAX] {
        let accepted = judged(good, chunk).unwrap();
        assert_eq!((accepted.image.size, accepted.image.version.as_str()), (1536, "1.2.3"));
        assert_eq!(accepted.uri, None);
        let uri = judged(include_bytes!("vectors/one-uri.suit"), chunk).unwrap().uri;
        assert_eq!(uri.as_deref(), Some("coap://example.com/fw.bin"));
        assert_eq!(judged(&flipped, chunk).unwrap_err().stage, Stage::Match);
        let longer = [&good[..], &[0]].concat();
        assert_eq!(judged(&longer, chunk).unwrap_err().stage, Stage::Framing);
    }
}

#[test]
fn every_truncation_is_rejected_as_cut_short() {
    for package in [
        &include_bytes!("vectors/one-version.suit")[..],
        include_bytes!("vectors/one-uri.suit"),
        include_bytes!("vectors/one-prefetched.suit"),
    ] {
        for length in 0..package.len() {
            let rejected = judged(&package[..length], usize::MAX).unwrap_err();
            assert_eq!(rejected.stage, Stage::Framing, "{length}: {}", rejected.reason);
        }
    }
}

#[test]
fn a_package_of_ours_is_accepted_by_the_device() {
    let uri = "https://example.com/firmware/1.2.3?board=demo";
    for place in [Place::Inside, Place::At(uri), Place::Both(uri)] {
        let package = built(place, Algorithm::Ed25519, Some("1.2.3-rc.4"));
        let accepted = judged(&package, 100).unwrap();
        assert_eq!(accepted.image.version.as_str(), "1.2.3-rc.4");
        assert_eq!(accepted.uri.is_some(), matches!(place, Place::At(_)));
    }
}
