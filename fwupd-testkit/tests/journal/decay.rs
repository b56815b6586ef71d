//! What the journal does where it cannot do what it should: too little room, flash that reads no more.

use fwupd_core::flash::{Layout, OpKind, Sectors};
use fwupd_core::fuzzing::{Fault, Found, JournalRig};
use fwupd_testkit::flash::{CutPlace, OpIndex, SimFlash, TornModel};

use crate::rig::{Frame, Journal, Map, boot, commit, contents, layout, with};

fn frame(kind: u8, len: usize, byte: u8) -> Frame {
    vec![(kind, vec![byte; len])]
}

fn uneven() -> Layout {
    let page = |count| vec![Sectors { count, size: 256 }];
    layout(&[(1, 4, 0xFF), (1, 64, 0xFF)], &[(1, page(4)), (2, page(2)), (1, page(3))])
}

#[test]
fn what_the_smallest_page_has_no_room_for_is_refused_on_every_page() {
    // The smallest page has 512 bytes, of which 64 each are the header and three marks, and 16 go to the frame.
    let most = 512 - 256 - 16;
    for turns in 0..3 {
        let layout = uneven();
        let mut flash = SimFlash::new(layout.parts);
        let mut journal: Journal = boot(layout, &mut flash).unwrap();
        let mut map = Map::new();
        for n in 0..turns {
            // The first frame after a reset turns the page.
            journal = boot(layout, &mut flash).unwrap();
            assert_eq!(commit(&mut journal, &mut flash, &frame(9, 1, n)), Ok(Ok(())));
            map = with(&map, &frame(9, 1, n));
        }
        let left = most - if turns > 0 { 4 } else { 0 };
        let mut all = frame(0, 100, 1);
        all.extend(frame(1, left - 103 - 3, 2));
        assert_eq!(commit(&mut journal, &mut flash, &all), Ok(Ok(())), "{turns}");
        map = with(&map, &all);
        let writes = flash.total().mutating();
        assert_eq!(commit(&mut journal, &mut flash, &frame(2, 0, 0)), Ok(Err(Fault::Full)), "{turns}");
        assert_eq!(flash.total().mutating(), writes, "a refusal writes nothing");
        for n in 0..6 {
            // There is still room for what takes the place of something.
            assert_eq!(commit(&mut journal, &mut flash, &frame(0, 100, n)), Ok(Ok(())), "{turns}");
            map = with(&map, &frame(0, 100, n));
            journal = boot(layout, &mut flash).unwrap();
            assert_eq!(contents(&mut journal, &mut flash), Ok(map.clone()));
        }
        flash.assert_lawful();
    }
}

#[test]
fn a_record_longer_than_the_buffer_is_refused_and_one_of_another_journal_survives_it() {
    let page = vec![Sectors { count: 1, size: 2048 }];
    let layout = layout(&[(1, 256, 0xFF)], &[(1, page.clone()), (1, page)]);
    let mut flash = SimFlash::new(layout.parts);
    let mut large: Journal = boot(layout, &mut flash).unwrap();
    let mut map = with(&frame(1, 400, 7).into_iter().collect(), &frame(0, 20, 1));
    for record in &map {
        assert_eq!(commit(&mut large, &mut flash, &vec![(*record.0, record.1.clone())]), Ok(Ok(())));
    }
    // As a bootloader does it: it has no room for the large record, and copies it.
    let mut small: JournalRig<64> = boot(layout, &mut flash).unwrap();
    assert_eq!(commit(&mut small, &mut flash, &frame(0, 64 - 16 - 3 + 1, 2)), Ok(Err(Fault::Full)));
    small.read(1).unwrap();
    assert_eq!((small.busy(), small.result(), small.has(1)), (false, Err(Fault::Absent), true));
    for n in 2..9 {
        let new = frame(0, 64 - 16 - 3, n);
        assert_eq!(commit(&mut small, &mut flash, &new), Ok(Ok(())));
        map = with(&map, &new);
        let mut large: Journal = boot(layout, &mut flash.clone()).unwrap();
        assert_eq!(contents(&mut large, &mut flash), Ok(map.clone()));
    }
    flash.assert_lawful();
}

#[test]
fn a_record_that_reads_no_more_is_lost_alone_and_the_journal_says_so() {
    let page = vec![Sectors { count: 1, size: 1024 }];
    let layout = layout(&[(1, 8, 0xFF)], &[(1, page.clone()), (1, page)]);
    let mut flash = SimFlash::new(layout.parts);
    let mut journal: Journal = boot(layout, &mut flash).unwrap();
    let old: Frame = (0..5).map(|kind| (kind, vec![kind; 150])).collect();
    assert_eq!(commit(&mut journal, &mut flash, &old), Ok(Ok(())));
    let mut journal: Journal = boot(layout, &mut flash).unwrap();
    // The copy of the first record begins the turn: its read fails with what lies beside it, then twice alone.
    flash.keep_log(true);
    flash.fail_at(OpIndex::Any(1), 3, CutPlace::Before, TornModel::Nothing);
    assert_eq!(commit(&mut journal, &mut flash, &frame(4, 1, 9)), Ok(Ok(())));
    let failed: Vec<_> = flash.log().iter().take(4).map(|entry| entry.op).collect();
    assert_eq!(failed, [OpKind::Erase, OpKind::Read, OpKind::Read, OpKind::Read]);
    assert_eq!(journal.found(), Found::Lost);
    let mut expected = with(&old.into_iter().collect(), &frame(4, 1, 9));
    expected.insert(0, Vec::new());
    let mut journal: Journal = boot(layout, &mut flash).unwrap();
    assert_eq!(contents(&mut journal, &mut flash), Ok(expected));
    flash.assert_lawful();
}

#[test]
fn a_broken_snapshot_is_told_as_lost_leaves_no_older_slots_and_then_the_journal_goes_on() {
    let page = vec![Sectors { count: 1, size: 1024 }];
    for count in [2, 3] {
        let layout = layout(&[(1, 8, 0xFF)], &vec![(1, page.clone()); count]);
        let mut flash = SimFlash::new(layout.parts);
        let mut maps = Vec::new();
        for n in 0..5 {
            let mut journal: Journal = boot(layout, &mut flash).unwrap();
            assert_eq!(commit(&mut journal, &mut flash, &frame(n, 9, n)), Ok(Ok(())));
            maps.push(contents(&mut journal, &mut flash).unwrap());
        }
        // The fifth page turn went here; a bit of its snapshot flips.
        let at = (4 % count as u32) * 1024 + 40;
        let bit = flash.contents(1)[at as usize] ^ 1;
        flash.fill(1, at, &[bit]).unwrap();
        let journal: Journal = boot(layout, &mut flash).unwrap();
        assert_eq!(journal.found(), Found::Lost);
        for (kind, there) in [(3, true), (4, false)] {
            assert_eq!(journal.has(kind), there, "an older page is better than none");
        }
        // Kind 2 is what the slots hold: by its absence an updater knows, though a bootloader has settled the page.
        maps[3].remove(&2);
        for n in 0..5 {
            let mut journal: Journal = boot(layout, &mut flash).unwrap();
            assert_eq!(contents(&mut journal, &mut flash), Ok(maps[3].clone()));
            assert_eq!(journal.found(), Found::Whole);
            maps[3] = with(&maps[3], &frame(n % 4, 5, n));
            assert_eq!(commit(&mut journal, &mut flash, &frame(n % 4, 5, n)), Ok(Ok(())));
        }
        flash.assert_lawful();
    }
}

#[test]
fn a_commit_that_was_interrupted_without_an_answer_leaves_no_appending_behind_it() {
    let page = vec![Sectors { count: 1, size: 1024 }];
    let layout = layout(&[(1, 8, 0xFF)], &[(1, page.clone()), (1, page)]);
    let mut flash = SimFlash::new(layout.parts);
    let mut journal: Journal = boot(layout, &mut flash).unwrap();
    assert_eq!(commit(&mut journal, &mut flash, &frame(0, 9, 1)), Ok(Ok(())));
    // Nothing of the second frame is done, and nobody is told: the journal is read back instead.
    journal.commit([(0, &[2; 9][..])]).unwrap();
    journal.start();
    crate::rig::drive(&mut journal, &mut flash).unwrap();
    assert_eq!(contents(&mut journal, &mut flash), Ok(frame(0, 9, 1).into_iter().collect()));
    flash.keep_log(true);
    assert_eq!(commit(&mut journal, &mut flash, &frame(0, 9, 3)), Ok(Ok(())));
    assert_eq!(flash.log().first().map(|entry| entry.op), Some(OpKind::Erase), "to a fresh page");
    flash.assert_lawful();
}
