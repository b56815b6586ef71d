//! The bytes of a page, put together by hand from the diagram in `fwupd-core/src/flash/journal/mod.rs`.
//!
//! **Do not change this test.** These bytes lie in devices in the field, where bootloaders are never updated and
//! older firmware is gone back to. A page of another magic is none to them. What can be added is a kind of record.

use fwupd_core::flash::Sectors;
use fwupd_core::fuzzing::Found;
use fwupd_testkit::flash::SimFlash;

use crate::rig::{Journal, Map, boot, commit, contents, layout};

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// A header of the page of this index.
fn header(number: u32, end: u32, index: u8) -> Vec<u8> {
    let mut bytes = [&b"fwj1"[..], &number.to_le_bytes(), &end.to_le_bytes()].concat();
    let sum = crc32fast::hash(&[&bytes[..], &[index]].concat());
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn padded(mut bytes: Vec<u8>, unit: usize, erased: u8) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(unit), erased);
    bytes
}

/// A page of number 1: header, marks, a snapshot of two records, and one frame of one record.
fn page_by_hand(unit: usize, erased: u8) -> Vec<u8> {
    let snapshot = sealed(
        [
            &b"wf"[..],
            &[12, 0],            // bytes of records
            &[0x02, 0x02, 0, 0], // kinds 1 and 9
            &[1, 0, 0, 0],       // sequence number
            &[1, 4, 0],          // kind 1, 4 bytes
            b"\x11\x22\x33\x44",
            &[9, 2, 0], // kind 9, 2 bytes
            b"no",
        ]
        .concat(),
    );
    let frame = sealed([&b"wf"[..], &[3, 0], &[0x02, 0, 0, 0], &[2, 0, 0, 0], &[1, 0, 0]].concat());
    let snapshot = padded(snapshot, unit, erased);
    let body = 16usize.next_multiple_of(unit) + 3 * 8usize.next_multiple_of(unit);
    let end = (body + snapshot.len()) as u32;
    let header = header(1, end, 0);
    [
        padded(header, unit, erased),
        padded(vec![!erased; 8], unit, erased), // the seal
        padded(vec![!erased; 8], unit, erased), // it stands
        padded(vec![!erased; 8], unit, erased), // a frame lies behind the snapshot
        snapshot,
        padded(frame, unit, erased),
    ]
    .concat()
}

#[test]
fn a_page_has_the_bytes_of_the_diagram() {
    for (read, write, erased) in [(1, 8, 0xFF), (4, 1, 0xFF), (1, 4, 0x00), (1, 32, 0x00), (16, 256, 0xFF)] {
        let page = vec![Sectors { count: 2, size: 2048 }];
        let layout = layout(&[(read, write, erased)], &[(1, page.clone()), (1, page)]);
        let by_hand = page_by_hand(usize::from(read.max(write)), erased);

        let mut flash = SimFlash::new(layout.parts);
        let mut journal: Journal = boot(layout, &mut flash).unwrap();
        assert_eq!(journal.found(), Found::Blank);
        // Kind 9 of the format is the second note: 7 of those that the rig counts.
        let both = vec![(1, vec![0x11, 0x22, 0x33, 0x44]), (7, b"no".to_vec())];
        assert_eq!(commit(&mut journal, &mut flash, &both), Ok(Ok(())));
        assert_eq!(commit(&mut journal, &mut flash, &vec![(1, vec![])]), Ok(Ok(())));
        let found = &flash.contents(1)[..4096];
        let (written, rest) = found.split_at(by_hand.len());
        assert_eq!(written, by_hand, "write {write}");
        assert!(rest.iter().all(|byte| *byte == erased));

        let mut flash = SimFlash::new(layout.parts);
        flash.fill(1, 0, &by_hand).unwrap();
        let mut journal: Journal = boot(layout, &mut flash).unwrap();
        let expected: Map = [(1, vec![]), (7, b"no".to_vec())].into();
        assert_eq!(contents(&mut journal, &mut flash), Ok(expected), "write {write}");
    }
}

#[test]
fn a_record_of_a_kind_that_there_is_none_of_yet_outlives_a_page_turn() {
    let page = vec![Sectors { count: 2, size: 2048 }];
    let layout = layout(&[(1, 4, 0xFF)], &[(1, page.clone()), (1, page)]);
    let future = [15, 3, 0, b'n', b'e', b'w'];
    let snapshot = [&b"wf"[..], &[6, 0], &[0, 0x80, 0, 0], &[1, 0, 0, 0], &future].concat();
    let snapshot = padded(sealed(snapshot), 4, 0xFF);
    let end = 40 + snapshot.len() as u32;
    let first = header(1, end, 0);
    let mut flash = SimFlash::new(layout.parts);
    flash.fill(1, 0, &[first, vec![0; 16], vec![0xFF; 8], snapshot].concat()).unwrap();
    for n in 0..3u32 {
        let mut journal: Journal = boot(layout, &mut flash).unwrap();
        assert_eq!(journal.found(), Found::Whole);
        assert_eq!(commit(&mut journal, &mut flash, &vec![(0, vec![1])]), Ok(Ok(())));
        let page = &flash.contents(1)[(1 - n as usize % 2) * 4096..][..4096];
        assert!(page.windows(6).any(|bytes| bytes == future), "turn {n}");
        let end = u32::from_le_bytes(page[8..12].try_into().unwrap());
        assert_eq!(page[..16], header(2 + n, end, (1 - n % 2) as u8), "turn {n}");
    }
    flash.assert_lawful();
}

/// A bootloader that is never updated reads no further.
#[test]
fn no_more_than_6144_bytes_of_a_page_are_used() {
    for (write, sectors) in [(4, (4, 4096)), (256, (1, 16_384)), (32, (16, 1024))] {
        let page = vec![Sectors { count: sectors.0, size: sectors.1 }];
        let layout = layout(&[(1, write, 0xFF)], &[(1, page.clone()), (1, page)]);
        let mut flash = SimFlash::new(layout.parts);
        let mut journal: Journal = boot(layout, &mut flash).unwrap();
        for n in 0..60 {
            assert_eq!(commit(&mut journal, &mut flash, &vec![(0, vec![n; 200])]), Ok(Ok(())));
        }
        let pages = flash.contents(1);
        let used = |page: &[u8]| page.iter().rposition(|byte| *byte != 0xFF).unwrap() + 1;
        let used = pages[..2 * 16_384].chunks_exact(16_384).map(used).max().unwrap();
        assert!((5632..=6144).contains(&used), "words of {write}: {used}");
        let mut journal: Journal = boot(layout, &mut flash).unwrap();
        assert_eq!(contents(&mut journal, &mut flash), Ok([(0, vec![59; 200])].into()));
        flash.assert_lawful();
    }
}
