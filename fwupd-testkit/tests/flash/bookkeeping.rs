use fwupd_core::flash::{OpKind, Part, Sectors};
use fwupd_testkit::flash::{Counts, CutPlace, End, LogEntry, OpIndex, SimError, SimFlash, TornModel};

use super::{PARTS, flash, read};

#[test]
fn operations_and_bytes_are_counted_exactly_by_part_and_in_total() {
    let mut flash = flash();
    flash.write(0, 0, &[0; 12]).unwrap();
    flash.read(0, 0, &mut [0; 7]).unwrap();
    flash.read(0, 9, &mut [0; 1]).unwrap();
    flash.erase(0, 0, 64).unwrap();
    flash.erase(1, 192, 320).unwrap();
    flash.write(1, 192, &[0; 128]).unwrap();
    let first = Counts { reads: 2, writes: 1, erases: 1, bytes_read: 8, bytes_written: 12, bytes_erased: 64 };
    let second = Counts { writes: 1, erases: 1, bytes_written: 128, bytes_erased: 128, ..Counts::default() };
    assert_eq!((flash.counts(0), flash.counts(1)), (first, second));
    let total = flash.total();
    assert_eq!((total.ops(), total.mutating()), (6, 4));
    assert_eq!((total.bytes_read, total.bytes_written, total.bytes_erased), (8, 140, 192));
    flash.fill(0, 3, &[1; 50]).unwrap();
    flash.erase_all();
    assert_eq!(flash.total(), total, "provisioning is not counted");
    flash.reset_counts();
    assert_eq!(flash.total(), Counts::default());
}

#[test]
fn wear_counts_each_erase_that_reached_the_sector() {
    let mut flash = flash();
    for _ in 0..3 {
        flash.erase(1, 32, 64).unwrap();
    }
    flash.erase(1, 192, 320).unwrap();
    flash.cut_at(OpIndex::Any(0), CutPlace::From(5), TornModel::Nothing);
    assert_eq!(flash.erase(1, 64, 192), Err(SimError::PowerLost));
    assert_eq!(flash.erase(1, 64, 192), Err(SimError::PowerLost), "no power: no wear");
    flash.power_on();
    flash.fail_at(OpIndex::Any(0), 1, CutPlace::From(0), TornModel::Nothing);
    flash.fail_at(OpIndex::Any(1), 1, CutPlace::Before, TornModel::Nothing);
    assert_eq!(flash.erase(1, 0, 32), Err(SimError::Fault));
    assert_eq!(flash.erase(1, 0, 32), Err(SimError::Fault));
    assert_eq!(flash.wear(1), [1, 3, 1, 1]);
    assert_eq!(flash.wear(0), [0; 4]);
    flash.reset_counts();
    assert_eq!(flash.wear(1), [0; 4]);
}

#[test]
fn the_log_holds_every_operation_with_its_places_and_its_end() {
    let mut flash = flash();
    flash.write(0, 0, &[0; 4]).unwrap();
    assert_eq!(flash.log(), [], "no log unless asked for");
    flash.keep_log(true);
    flash.fail_at(OpIndex::Any(1), 1, CutPlace::Before, TornModel::Nothing);
    flash.cut_at(OpIndex::Any(2), CutPlace::Unit(0), TornModel::Prefix);
    flash.read(0, 1, &mut [0; 3]).unwrap();
    flash.write(1, 8, &[0; 24]).unwrap_err();
    flash.erase(1, 64, 192).unwrap_err();
    flash.read(0, 0, &mut [0; 4]).unwrap_err();
    let entry = |op, part, at, len, places, end| LogEntry { op, part, at, len, places, end };
    assert_eq!(
        flash.log(),
        [
            entry(OpKind::Read, 0, 1, 3, 0, End::Done),
            entry(OpKind::Write, 1, 8, 24, 3, End::Failed),
            entry(OpKind::Erase, 1, 64, 128, 128, End::Cut),
        ],
        "without power there is no operation"
    );
    flash.keep_log(false);
    assert_eq!(flash.log(), []);
}

#[test]
fn a_mutating_index_passes_over_reads_and_any_index_counts_them() {
    for (index, done) in [
        (OpIndex::Any(0), 0),
        (OpIndex::Any(1), 1),
        (OpIndex::Any(2), 2),
        (OpIndex::Any(3), 3),
        (OpIndex::Mutating(0), 1),
        (OpIndex::Mutating(1), 3),
    ] {
        let mut flash = flash();
        flash.read(0, 0, &mut [0; 4]).unwrap();
        flash.write(0, 64, &[0; 4]).unwrap();
        flash.cut_at(index, CutPlace::Before, TornModel::Nothing);
        assert!(flash.is_armed());
        let results = [
            flash.read(0, 0, &mut [0; 4]),
            flash.erase(0, 0, 64),
            flash.read(0, 0, &mut [0; 4]),
            flash.write(0, 0, &[0; 4]),
        ];
        let expected: Vec<_> =
            (0..4).map(|n| if n < done { Ok(()) } else { Err(SimError::PowerLost) }).collect();
        assert_eq!(results[..], expected, "{index:?}: the index counts from the call that took it");
        assert!(!flash.is_on() && !flash.is_armed());
    }
}

#[test]
fn after_a_cut_nothing_works_until_the_power_is_on_again_and_nothing_is_counted() {
    let mut flash = flash();
    flash.cut_at(OpIndex::Any(0), CutPlace::From(0), TornModel::Prefix);
    assert_eq!(flash.write(0, 0, &[0; 4]), Err(SimError::PowerLost));
    let (counts, contents) = (flash.total(), flash.contents(0));
    assert_eq!(flash.read(0, 0, &mut [0; 4]), Err(SimError::PowerLost));
    assert_eq!(flash.write(0, 3, &[0; 5]), Err(SimError::PowerLost));
    assert_eq!(flash.erase(9, 0, 64), Err(SimError::PowerLost));
    assert_eq!((flash.total(), flash.contents(0)), (counts, contents));
    flash.assert_lawful();
    flash.power_on();
    flash.erase(0, 0, 64).unwrap();
    flash.power_off();
    assert_eq!(flash.erase(0, 0, 64), Err(SimError::PowerLost));
}

#[test]
fn a_failing_operation_leaves_the_power_on_and_fails_as_often_as_asked() {
    let mut flash = flash();
    flash.fail_at(OpIndex::Mutating(1), 2, CutPlace::Unit(1), TornModel::Prefix);
    flash.write(0, 0, &[0; 8]).unwrap();
    flash.read(0, 0, &mut [0; 8]).unwrap();
    assert_eq!(flash.write(0, 8, &[0; 8]), Err(SimError::Fault));
    assert!(flash.is_on() && flash.is_armed());
    assert_eq!(flash.contents(0)[8..16], [0, 0, 0, 0, 255, 255, 255, 255], "partly done");
    flash.read(0, 0, &mut [0; 8]).unwrap();
    assert_eq!(flash.erase(0, 64, 128), Err(SimError::Fault));
    assert!(!flash.is_armed());
    flash.erase(0, 64, 128).unwrap();
    flash.assert_lawful();
    assert_eq!(flash.total().mutating(), 4, "failed operations count");
}

#[test]
fn a_failing_read_leaves_junk_in_the_buffer() {
    let mut flash = flash();
    flash.fail_at(OpIndex::Any(0), 1, CutPlace::Before, TornModel::Nothing);
    let mut buffer = [7; 4];
    assert_eq!(flash.read(0, 0, &mut buffer), Err(SimError::Fault));
    assert_eq!(buffer, [0xA5; 4]);
    assert_eq!(read(&mut flash, 0, 0), [0xFF; 4]);
}

#[test]
fn faults_can_be_armed_side_by_side_and_taken_back_and_a_cut_goes_first() {
    let mut flash = flash();
    flash.fail_at(OpIndex::Any(0), 1, CutPlace::Before, TornModel::Nothing);
    flash.fail_at(OpIndex::Any(2), 1, CutPlace::Before, TornModel::Nothing);
    flash.fail_at(OpIndex::Any(4), 0, CutPlace::Before, TornModel::Nothing);
    flash.cut_at(OpIndex::Any(2), CutPlace::Before, TornModel::Nothing);
    let results: Vec<_> = (0..3).map(|_| flash.read(0, 0, &mut [0])).collect();
    assert_eq!(results, [Err(SimError::Fault), Ok(()), Err(SimError::PowerLost)]);
    assert!(!flash.is_armed(), "a fault for no operation is not armed");
    flash.power_on();
    flash.cut_at(OpIndex::Any(0), CutPlace::Before, TornModel::Nothing);
    flash.fail_at(OpIndex::Any(0), 9, CutPlace::Before, TornModel::Nothing);
    flash.disarm();
    flash.read(0, 0, &mut [0]).unwrap();
}

#[test]
fn clones_and_images_are_independent_of_the_flash_that_goes_on() {
    let mut flash = flash();
    flash.write(0, 0, &[1; 4]).unwrap();
    flash.cut_at(OpIndex::Any(0), CutPlace::Unit(0), TornModel::Unreadable);
    flash.write(0, 8, &[1; 4]).unwrap_err();
    flash.power_on();
    let (mut clone, image) = (flash.clone(), flash.image());
    let (before, counts) = (flash.contents(0), flash.total());

    flash.write(0, 4, &[2; 4]).unwrap();
    flash.erase(0, 0, 64).unwrap();
    flash.write(0, 0, &[3; 64]).unwrap();
    assert_eq!(clone.contents(0), before);
    assert_eq!(clone.total(), counts);
    clone.write(0, 64, &[4; 4]).unwrap();
    assert_eq!(flash.contents(0)[64..68], [0xFF; 4]);

    let counts = flash.total();
    flash.restore(&image);
    assert_eq!(flash.contents(0), before);
    assert_eq!(flash.total(), counts, "counters go on");
    assert_eq!(flash.read(0, 8, &mut [0; 4]), Err(SimError::Unreadable { part: 0, at: 8 }));
    flash.write(0, 4, &[5; 4]).unwrap();
    flash.assert_lawful();
    flash.write(0, 0, &[5; 4]).unwrap();
    assert_eq!(flash.violations().len(), 1, "the marks of the words came back too");
}

#[test]
fn filling_replaces_contents_marks_the_words_and_checks_its_range() {
    let mut flash = flash();
    flash.fill(0, 62, &[1; 4]).unwrap();
    flash.fill(0, 62, &[0xF0; 3]).unwrap();
    assert_eq!(flash.contents(0)[60..68], [0xFF, 0xFF, 0xF0, 0xF0, 0xF0, 1, 0xFF, 0xFF]);
    flash.write(0, 68, &[0; 4]).unwrap();
    flash.assert_lawful();
    flash.write(0, 64, &[0; 4]).unwrap();
    assert_eq!(flash.violations().len(), 1);
    assert_eq!(flash.fill(0, 254, &[0; 3]), Err(SimError::OutOfBounds));
    assert_eq!(flash.fill(0, u32::MAX, &[0; 3]), Err(SimError::OutOfBounds));
    assert_eq!(flash.fill(2, 0, &[0]), Err(SimError::OutOfBounds));
    flash.erase_all();
    assert_eq!((flash.contents(0), flash.contents(1)), (vec![0xFF; 256], vec![0; 320]));
    assert_eq!((flash.capacity(0), flash.capacity(1), flash.part(1)), (256, 320, &PARTS[1]));
}

#[test]
fn a_geometry_that_cannot_exist_is_refused() {
    let good = PARTS[0];
    for bad in [
        Part { read: 0, ..good },
        Part { write: 0, ..good },
        Part { write: 512, ..good },
        Part { erased: 0x5A, ..good },
        Part { write: 128, ..good },
        Part { sectors: &[Sectors { count: 1, size: 0 }], ..good },
        Part { sectors: &[Sectors { count: 2, size: 1 << 31 }], ..good },
    ] {
        let result = std::panic::catch_unwind(|| SimFlash::new(&[bad]));
        assert!(result.is_err(), "{bad:?}");
    }
}

#[test]
#[should_panic(expected = "the image is of another board")]
fn an_image_of_another_board_is_not_restored() {
    flash().restore(&SimFlash::new(&PARTS[..1]).image());
}
