//! Random changes of good packages, and random bytes.

use fwupd_core::package::suit::{COMPONENT, LONGEST_HEAD, Suit};
use proptest::prelude::*;

use super::device::{ME, Verdict, take, take_cut};

/// Packages whose whole head is signed: a wrapper with one block and no key identifier.
const GOOD: [&[u8]; 4] = [
    crate::vector!("one-integrated"),
    crate::vector!("one-version"),
    crate::vector!("one-uri"),
    crate::vector!("one-prefetched"),
];

/// One change of a file, at a place that is taken modulo its length.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Cut(usize),
    Copy(usize, usize, usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        // Most of a package is payload: stay in its first bytes mostly, where the head is.
        let place = |at: usize, len: usize| if at.is_multiple_of(4) { at % len } else { at % len.min(300) };
        let len = file.len().max(1);
        match self {
            _ if file.is_empty() => {}
            Self::Flip(at, bit) => file[place(*at, len)] ^= 1 << (bit % 8),
            Self::Set(at, byte) => file[place(*at, len)] = *byte,
            Self::Insert(at, bytes) => {
                let at = place(*at, len);
                file.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = place(*at, len);
                file.drain(at..(at + count).min(len));
            }
            Self::Cut(at) => file.truncate(place(*at, len)),
            Self::Copy(from, to, count) => {
                let (from, to) = (place(*from, len), place(*to, len));
                let count = (*count).min(len - from).min(len - to);
                file.copy_within(from..from + count, to);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, bit)| Change::Flip(at, bit)),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (any::<usize>(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        2 => (any::<usize>(), 1..9usize).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => any::<usize>().prop_map(Change::Cut),
        2 => (any::<usize>(), any::<usize>(), 1..40usize).prop_map(|(a, b, n)| Change::Copy(a, b, n)),
    ]
}

/// The verdict in chunks of these lengths, which are repeated; empty ones too.
fn in_chunks(file: &[u8], chunks: &[usize]) -> Verdict {
    let chunks = chunks.iter().copied().chain([1]).cycle();
    take_cut(file, chunks, &ME, &mut Suit::<LONGEST_HEAD>::new(COMPONENT))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_package_is_never_accepted_however_it_is_cut(
        which in 0..GOOD.len(),
        changes in prop::collection::vec(change(), 1..4),
        chunks in prop::collection::vec(0..80usize, 1..12),
    ) {
        let good = GOOD[which];
        let mut file = good.to_vec();
        for change in &changes {
            change.apply(&mut file);
        }
        let verdict = take(&file, usize::MAX);
        prop_assert_eq!(&in_chunks(&file, &chunks), &verdict);
        // Any of them may have turned into another, such as by a lost payload.
        let same = GOOD.contains(&&file[..]);
        prop_assert_eq!(matches!(verdict, Ok(Some(_))), same);
    }

    #[test]
    fn a_good_package_is_accepted_however_it_is_cut(
        which in 0..GOOD.len(),
        chunks in prop::collection::vec(0..80usize, 1..12),
    ) {
        let verdict = take(GOOD[which], usize::MAX);
        prop_assert!(matches!(verdict, Ok(Some(_))));
        prop_assert_eq!(in_chunks(GOOD[which], &chunks), verdict);
    }

    #[test]
    fn random_bytes_are_never_accepted_and_never_panic(
        start in prop_oneof![
            Just(&[][..]),
            Just(&[0xd8, 0x6b][..]),
            Just(&[0xd8, 0x6b, 0xa2, 0x02][..]),
            Just(&[0xd8, 0x6b, 0xa3, 0x02, 0x58][..]),
        ],
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        chunks in prop::collection::vec(0..80usize, 1..12),
    ) {
        let file = [start, &bytes].concat();
        let verdict = take(&file, usize::MAX);
        prop_assert!(!matches!(verdict, Ok(Some(_))));
        prop_assert_eq!(in_chunks(&file, &chunks), verdict);
    }

    /// Signed anew, so that the manifest's reader and the compiler see it.
    #[test]
    fn a_changed_manifest_that_is_signed_gets_one_verdict_and_never_panics(
        changes in prop::collection::vec(change(), 1..4),
        chunks in prop::collection::vec(0..80usize, 1..12),
    ) {
        let good = super::maker::Manifest::good().encoded();
        let mut manifest = good.clone();
        for change in &changes {
            change.apply(&mut manifest);
        }
        let file = super::maker::signed(&manifest);
        let verdict = take(&file, usize::MAX);
        prop_assert_eq!(&in_chunks(&file, &chunks), &verdict);
        if let Ok(Some(taken)) = verdict {
            // What is accepted is what its signer wrote: the same image, of no lower sequence number.
            prop_assert_eq!(taken.image.digest, super::maker::sha(super::maker::FW));
            prop_assert!(taken.image.sequence >= ME.sequence);
        }
    }

    #[test]
    fn a_changed_wrapper_is_never_accepted(
        changes in prop::collection::vec(change(), 1..4),
        chunks in prop::collection::vec(0..80usize, 1..12),
    ) {
        let good = super::maker::usual_wrapper(&super::maker::Manifest::good().encoded());
        let mut wrapper = good.clone();
        for change in &changes {
            change.apply(&mut wrapper);
        }
        let file = super::maker::wrapped_by(&wrapper);
        let verdict = take(&file, usize::MAX);
        prop_assert_eq!(&in_chunks(&file, &chunks), &verdict);
        prop_assert_eq!(matches!(verdict, Ok(Some(_))), wrapper == good);
    }
}
