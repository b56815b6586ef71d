use fwupd_core::flash::{NorFlashErrorKind, Op, OpKind, Parts};
use fwupd_testkit::flash::{CutPlace, OpIndex, Rule, SimError, SimFlash, TornModel, Violation};

use super::{PARTS, flash};

/// The rules broken so far, with the addresses.
fn broken(flash: &SimFlash) -> Vec<(Rule, u8, u32)> {
    flash.violations().iter().map(|v| (v.rule, v.part, v.at)).collect()
}

fn cut(flash: &mut SimFlash, place: CutPlace, model: TornModel) {
    flash.cut_at(OpIndex::Any(0), place, model);
}

#[test]
fn a_lawful_run_breaks_nothing() {
    let mut flash = flash();
    flash.write(0, 0, &[1; 64]).unwrap();
    flash.write(0, 64, &[2; 4]).unwrap();
    flash.write(0, 68, &[3; 4]).unwrap();
    flash.erase(0, 64, 128).unwrap();
    flash.write(0, 64, &[2; 64]).unwrap();
    flash.write(1, 24, &[2; 16]).unwrap();
    flash.erase(1, 64, 192).unwrap();
    flash.read(1, 30, &mut [0; 6]).unwrap();
    flash.read(0, 255, &mut [0]).unwrap();
    flash.assert_lawful();
}

#[test]
fn a_word_written_twice_is_reported_once_and_programmed_all_the_same() {
    let mut flash = flash();
    flash.write(0, 4, &[0xF0; 4]).unwrap();
    flash.write(0, 0, &[0x3F; 16]).unwrap();
    assert_eq!(
        flash.violations(),
        [Violation { before: 1, op: OpKind::Write, part: 0, at: 4, len: 16, rule: Rule::WrittenTwice }]
    );
    assert_eq!(flash.contents(0)[..12], [[0x3F; 4], [0x30; 4], [0x3F; 4]].concat());

    flash.write(1, 32, &[0x0F; 8]).unwrap();
    flash.write(1, 32, &[0x30; 8]).unwrap();
    assert_eq!(flash.contents(1)[32..40], [0x3F; 8], "erased is 0x00: bits can only be set");
    assert_eq!(broken(&flash)[1..], [(Rule::WrittenTwice, 1, 32)]);
}

#[test]
fn writing_the_erased_value_counts_as_a_write() {
    let mut flash = flash();
    flash.write(0, 0, &[0xFF; 4]).unwrap();
    flash.write(0, 0, &[0xFF; 4]).unwrap();
    assert_eq!(broken(&flash), [(Rule::WrittenTwice, 0, 0)]);
}

#[test]
fn a_cut_write_uses_up_every_word_that_it_covered_even_those_it_never_reached() {
    for model in [TornModel::Nothing, TornModel::Prefix, TornModel::AllNew, TornModel::Unreadable] {
        for word in [0, 1, 2] {
            let mut flash = flash();
            cut(&mut flash, CutPlace::Unit(0), model.clone());
            assert_eq!(flash.write(0, 8, &[0; 12]), Err(SimError::PowerLost));
            flash.power_on();
            flash.write(0, 20, &[0; 4]).unwrap();
            flash.assert_lawful();
            flash.write(0, 8 + 4 * word, &[0; 4]).unwrap();
            assert_eq!(broken(&flash), [(Rule::WrittenTwice, 0, 8 + 4 * word)], "{model:?}");
        }
    }
}

#[test]
fn a_cut_before_an_operation_reaches_the_flash_uses_nothing_up() {
    let mut flash = flash();
    cut(&mut flash, CutPlace::Before, TornModel::AllNew);
    assert_eq!(flash.write(0, 0, &[0; 4]), Err(SimError::PowerLost));
    flash.power_on();
    cut(&mut flash, CutPlace::Before, TornModel::AllNew);
    assert_eq!(flash.erase(0, 0, 64), Err(SimError::PowerLost));
    flash.power_on();
    flash.write(0, 0, &[0; 4]).unwrap();
    flash.assert_lawful();
    assert_eq!(flash.wear(0), [0; 4]);
}

#[test]
fn a_failed_write_uses_its_words_up_even_if_it_did_nothing() {
    let mut flash = flash();
    flash.fail_at(OpIndex::Any(0), 1, CutPlace::Before, TornModel::Nothing);
    assert_eq!(flash.write(0, 0, &[0; 8]), Err(SimError::Fault));
    flash.write(0, 4, &[0; 4]).unwrap();
    assert_eq!(broken(&flash), [(Rule::WrittenTwice, 0, 4)]);
}

#[test]
fn a_sector_whose_erase_was_cut_or_failed_must_be_erased_before_it_is_written() {
    for fails in [false, true] {
        for model in [TornModel::Nothing, TornModel::Prefix, TornModel::AllNew] {
            let mut flash = flash();
            match fails {
                true => flash.fail_at(OpIndex::Any(0), 1, CutPlace::From(0), model.clone()),
                false => cut(&mut flash, CutPlace::From(0), model.clone()),
            }
            assert!(flash.erase(0, 64, 128).is_err());
            flash.power_on();
            let mut tried = flash.clone();
            tried.write(0, 60, &[0; 8]).unwrap();
            assert_eq!(broken(&tried), [(Rule::NotErased, 0, 64)], "{model:?}");
            flash.erase(0, 64, 128).unwrap();
            flash.write(0, 64, &[0; 4]).unwrap();
            flash.assert_lawful();
        }
    }
}

#[test]
fn misaligned_requests_are_refused() {
    let mut flash = flash();
    assert_eq!(flash.write(0, 2, &[0; 4]), Err(SimError::NotAligned));
    assert_eq!(flash.write(0, 0, &[0; 5]), Err(SimError::NotAligned));
    assert_eq!(flash.read(1, 1, &mut [0; 2]), Err(SimError::NotAligned));
    assert_eq!(flash.read(1, 0, &mut [0; 3]), Err(SimError::NotAligned));
    assert_eq!(flash.erase(0, 4, 64), Err(SimError::NotAligned));
    assert_eq!(flash.erase(1, 64, 96), Err(SimError::NotAligned), "not the sector size of this place");
    let rule = Rule::Misaligned;
    assert_eq!(
        broken(&flash),
        [(rule, 0, 2), (rule, 0, 0), (rule, 1, 1), (rule, 1, 0), (rule, 0, 4), (rule, 1, 64)]
    );
    assert_eq!(flash.contents(0), [0xFF; 256]);
    assert_eq!(flash.total().ops(), 0, "what is refused is not counted");
}

#[test]
fn requests_outside_the_device_are_refused() {
    let mut flash = flash();
    assert_eq!(flash.write(0, 252, &[0; 8]), Err(SimError::OutOfBounds));
    assert_eq!(flash.write(0, u32::MAX - 3, &[0; 8]), Err(SimError::OutOfBounds));
    assert_eq!(flash.read(1, 320, &mut [0; 2]), Err(SimError::OutOfBounds));
    assert_eq!(flash.erase(0, 256, 320), Err(SimError::OutOfBounds));
    assert_eq!(flash.erase(0, 128, 64), Err(SimError::OutOfBounds), "it ends before it begins");
    let rules: Vec<Rule> = flash.violations().iter().map(|v| v.rule).collect();
    assert_eq!(rules, [Rule::OutOfRange; 5]);
    assert_eq!(flash.violations()[4].len, 0);
}

#[test]
fn an_erase_of_more_than_one_sector_or_of_nothing_is_refused() {
    let mut flash = flash();
    assert_eq!(flash.erase(0, 0, 128), Err(SimError::NotAligned));
    assert_eq!(flash.erase(1, 32, 192), Err(SimError::NotAligned));
    assert_eq!(flash.erase(0, 64, 64), Err(SimError::NotAligned));
    assert_eq!(flash.erase(0, 256, 256), Err(SimError::NotAligned));
    assert_eq!(
        broken(&flash),
        [
            (Rule::NotOneSector, 0, 0),
            (Rule::NotOneSector, 1, 32),
            (Rule::EmptyErase, 0, 64),
            (Rule::EmptyErase, 0, 256)
        ]
    );
}

#[test]
fn a_device_that_is_not_there_is_refused_with_the_kind_of_the_trait() {
    let mut flash = flash();
    let result = flash.apply(&mut Op::Erase { part: 2, from: 0, to: 64 });
    assert_eq!(result, Err((NorFlashErrorKind::OutOfBounds, SimError::OutOfBounds)));
    let result = flash.apply(&mut Op::Write { part: 0, at: 1, bytes: &[0; 4] });
    assert_eq!(result, Err((NorFlashErrorKind::NotAligned, SimError::NotAligned)));
    assert_eq!(broken(&flash), [(Rule::NoSuchPart, 2, 0), (Rule::Misaligned, 0, 1)]);
}

#[test]
fn unaligned_buffers_are_violations_only_if_asked_for() {
    #[repr(align(8))]
    struct Aligned([u8; 16]);
    let mut buffer = Aligned([0; 16]);
    let mut flash = SimFlash::new(PARTS);
    flash.write(0, 0, &buffer.0[1..5]).unwrap();
    flash.require_aligned_buffers(4);
    flash.write(0, 4, &buffer.0[4..8]).unwrap();
    flash.read(0, 0, &mut buffer.0[8..9]).unwrap();
    flash.assert_lawful();
    flash.write(0, 8, &buffer.0[2..6]).unwrap();
    flash.read(0, 12, &mut buffer.0[3..4]).unwrap();
    assert_eq!(broken(&flash), [(Rule::UnalignedBuffer, 0, 8), (Rule::UnalignedBuffer, 0, 12)]);
}

#[test]
#[should_panic(expected = "WrittenTwice: Write of 4 bytes, at 0x8 of part 0, after 2 operations")]
fn asserting_lawfulness_tells_what_was_broken() {
    let mut flash = flash();
    flash.write(0, 8, &[0; 4]).unwrap();
    flash.read(0, 8, &mut [0; 4]).unwrap();
    flash.write(0, 8, &[0; 4]).unwrap();
    flash.assert_lawful();
}
