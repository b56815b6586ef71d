//! Checksums over transferred files, as some protocols ask for: beside the signature, and never instead of it.

/// What a checksum is made by. Protocols name it in words of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Algorithm {
    /// MD5 (RFC 1321), 16 bytes: finds what has changed by accident, and no more.
    Md5,
    /// SHA-1 (FIPS 180-4), 20 bytes: the same.
    Sha1,
    /// SHA-224 (FIPS 180-4), 28 bytes.
    Sha224,
    /// SHA-256 (FIPS 180-4), 32 bytes.
    Sha256,
    /// SHA-384 (FIPS 180-4), 48 bytes.
    Sha384,
    /// SHA-512 (FIPS 180-4), 64 bytes.
    Sha512,
    /// A text, of which the application and whoever sends it know how it is to be compared.
    Text,
}

/// A checksum over a transferred file, of which every byte is seen once.
pub trait FileCheck: Sized {
    /// Begins one; `None` if the algorithm is not known.
    fn start(algorithm: Algorithm) -> Option<Self>;
    /// Takes in more of the file.
    fn update(&mut self, bytes: &[u8]);
    /// Whether the file has the expected checksum.
    fn finish(self, expected: &[u8]) -> bool;
}

/// No checksum is known: a request with one is refused as unsupported.
#[derive(Clone, Copy, Debug)]
pub enum NoCheck {}

impl FileCheck for NoCheck {
    fn start(_: Algorithm) -> Option<Self> {
        None
    }

    fn update(&mut self, _: &[u8]) {
        match *self {}
    }

    fn finish(self, _: &[u8]) -> bool {
        match self {}
    }
}

/// Every algorithm in software, but for [`Algorithm::Text`].
#[cfg(feature = "checksums")]
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the algorithm of its name")]
#[non_exhaustive]
pub enum Checksums {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha224(sha2::Sha224),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

#[cfg(feature = "checksums")]
impl FileCheck for Checksums {
    fn start(algorithm: Algorithm) -> Option<Self> {
        use sha2::Digest as _;
        Some(match algorithm {
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Sha224 => Self::Sha224(sha2::Sha224::new()),
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
            Algorithm::Text => return None,
        })
    }

    fn update(&mut self, bytes: &[u8]) {
        use sha2::Digest as _;
        match self {
            Self::Md5(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Sha224(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Sha384(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    fn finish(self, expected: &[u8]) -> bool {
        use sha2::Digest as _;
        match self {
            Self::Md5(state) => *state.finalize() == *expected,
            Self::Sha1(state) => *state.finalize() == *expected,
            Self::Sha224(state) => *state.finalize() == *expected,
            Self::Sha256(state) => *state.finalize() == *expected,
            Self::Sha384(state) => *state.finalize() == *expected,
            Self::Sha512(state) => *state.finalize() == *expected,
        }
    }
}

#[cfg(all(test, feature = "checksums"))]
mod tests {
    use super::*;

    /// The digests of "abc": RFC 1321, appendix A.5; FIPS 180-4's examples.
    const ABC: [(Algorithm, &str); 6] = [
        (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Algorithm::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Algorithm::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Algorithm::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd\
             454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ];

    #[test]
    fn every_checksum_is_that_of_its_standard_and_no_other_passes() {
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        for (algorithm, digest) in ABC {
            let passes = |expected: &[u8]| {
                let mut check = Checksums::start(algorithm).unwrap();
                check.update(b"a");
                check.update(b"bc");
                check.finish(expected)
            };
            let right = bytes(digest);
            assert!(passes(&right), "{algorithm:?}");
            let mut wrong = right.clone();
            *wrong.last_mut().unwrap() ^= 1;
            assert!(!passes(&wrong) && !passes(&right[1..]) && !passes(b""), "{algorithm:?}");
        }
        assert!(Checksums::start(Algorithm::Text).is_none());
    }
}
