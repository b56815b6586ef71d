use fwupd_testkit::flash::{CutPlace, Fill, OpIndex, SimError, SimFlash, TornModel};

use super::{flash, read};

/// A write of four words, 1 to 4, to part 0, cut at `place`; the power is on again.
fn cut_write(place: CutPlace, model: TornModel) -> SimFlash {
    let mut flash = flash();
    flash.cut_at(OpIndex::Mutating(0), place, model);
    let words = [[1; 4], [2; 4], [3; 4], [4; 4]].concat();
    assert_eq!(flash.write(0, 16, &words), Err(SimError::PowerLost));
    flash.power_on();
    assert_eq!(flash.contents(0)[..16], [0xFF; 16], "what lies before the write is untouched");
    assert_eq!(flash.contents(0)[32..], [0xFF; 224], "and what lies behind it");
    flash
}

/// An erase of sector 1 of part 0, full of 0x5A, cut at `place`; the power is on again.
fn cut_erase(place: CutPlace, model: TornModel) -> SimFlash {
    let mut flash = flash();
    flash.fill(0, 0, &[0x5A; 256]).unwrap();
    flash.cut_at(OpIndex::Mutating(0), place, model);
    assert_eq!(flash.erase(0, 64, 128), Err(SimError::PowerLost));
    flash.power_on();
    assert_eq!(flash.contents(0)[..64], [0x5A; 64], "other sectors are untouched");
    assert_eq!(flash.contents(0)[128..], [0x5A; 128], "other sectors are untouched");
    flash
}

fn written(flash: &SimFlash) -> [u8; 16] {
    flash.contents(0)[16..32].try_into().unwrap()
}

/// Sector 1 as runs of equal bytes.
fn erased(flash: &SimFlash) -> Vec<(u8, usize)> {
    flash.contents(0)[64..128].chunk_by(u8::eq).map(|run| (run[0], run.len())).collect()
}

/// The first byte of each written word, if all words are of one byte.
fn words(flash: &SimFlash) -> [u8; 4] {
    let bytes = written(flash);
    assert!(bytes.chunks(4).all(|word| word.iter().all(|b| *b == word[0])), "{bytes:?}");
    [bytes[0], bytes[4], bytes[8], bytes[12]]
}

#[test]
fn models_without_chance_leave_exactly_what_they_say() {
    use CutPlace::{Before, From, Unit};
    let fill = |fill| TornModel::Undefined(fill);
    for (place, model, expected) in [
        (Before, TornModel::AllNew, [255, 255, 255, 255]),
        (Unit(2), TornModel::Nothing, [255, 255, 255, 255]),
        (Unit(2), TornModel::Prefix, [1, 2, 255, 255]),
        (From(2), TornModel::Prefix, [1, 2, 255, 255]),
        (From(4), TornModel::Prefix, [1, 2, 3, 4]),
        (From(2), TornModel::Suffix, [255, 255, 3, 4]),
        (Unit(2), TornModel::Suffix, [255, 255, 3, 4]),
        (Unit(0), TornModel::AllNew, [1, 2, 3, 4]),
        (Unit(1), fill(Fill::AllZero), [1, 0, 255, 255]),
        (From(1), fill(Fill::AllZero), [1, 0, 0, 0]),
        (Unit(3), fill(Fill::AllOne), [1, 2, 3, 255]),
        (From(0), fill(Fill::AllOne), [255, 255, 255, 255]),
        (From(1), fill(Fill::Bytes(vec![9])), [1, 9, 9, 9]),
        (From(1), fill(Fill::Bytes(Vec::new())), [1, 255, 255, 255]),
        (From(u32::MAX), fill(Fill::AllZero), [1, 2, 3, 4]),
    ] {
        assert_eq!(words(&cut_write(place, model.clone())), expected, "{place:?} {model:?}");
    }
}

#[test]
fn a_cut_erase_has_its_places_in_bytes() {
    use CutPlace::{Before, From, Unit};
    for (place, model, expected) in [
        (Before, TornModel::AllNew, vec![(0x5A, 64)]),
        (From(10), TornModel::Nothing, vec![(0x5A, 64)]),
        (From(10), TornModel::Prefix, vec![(0xFF, 10), (0x5A, 54)]),
        (From(10), TornModel::Suffix, vec![(0x5A, 10), (0xFF, 54)]),
        (From(10), TornModel::AllNew, vec![(0xFF, 64)]),
        (From(64), TornModel::Prefix, vec![(0xFF, 64)]),
        (Unit(10), TornModel::Undefined(Fill::AllZero), vec![(0xFF, 10), (0, 1), (0x5A, 53)]),
        (From(10), TornModel::Undefined(Fill::AllZero), vec![(0xFF, 10), (0, 54)]),
    ] {
        assert_eq!(erased(&cut_erase(place, model.clone())), expected, "{place:?} {model:?}");
    }
}

#[test]
fn adversarial_bytes_are_laid_verbatim_and_repeated() {
    let model = TornModel::Undefined(Fill::Bytes(vec![10, 11, 12, 13, 14]));
    let flash = cut_write(CutPlace::From(1), model);
    assert_eq!(written(&flash), [1, 1, 1, 1, 10, 11, 12, 13, 14, 10, 11, 12, 13, 14, 10, 11]);
}

#[test]
fn random_bits_are_old_or_new_ones_and_depend_on_the_seed_alone() {
    // A write of zeros: each bit is still erased or already programmed, and both occur in 256 bits.
    let torn = |seed| {
        let mut flash = flash();
        flash.fill(0, 0, &[0xF0; 32]).unwrap();
        flash.cut_at(OpIndex::Any(0), CutPlace::From(1), TornModel::RandomBits(seed));
        assert_eq!(flash.write(0, 0, &[0x50; 32]), Err(SimError::PowerLost));
        flash.contents(0)[..32].to_vec()
    };
    let bytes = torn(1);
    assert_eq!(bytes[..4], [0x50; 4], "words before the place are done");
    assert!(bytes[4..].iter().all(|b| b & 0x5F == 0x50), "bits that are the same in both stay: {bytes:x?}");
    assert!(bytes[4..].iter().any(|b| b & 0xA0 != 0) && bytes[4..].iter().any(|b| b & 0xA0 != 0xA0));
    assert_eq!(bytes, torn(1));
    assert_ne!(bytes, torn(2));

    let flash = cut_erase(CutPlace::From(8), TornModel::RandomBits(3));
    let sector = &flash.contents(0)[64..128];
    assert_eq!(sector[..8], [0xFF; 8]);
    assert!(sector[8..].iter().all(|b| b & 0x5A == 0x5A), "a bit that is erased already stays erased");
    assert!(sector[8..].iter().any(|b| *b != 0x5A) && sector[8..].iter().any(|b| *b != 0xFF));
}

#[test]
fn random_contents_may_hold_bits_that_no_programming_could_make() {
    let model = |seed| TornModel::Undefined(Fill::Random(seed));
    let flash = cut_write(CutPlace::From(2), model(5));
    let bytes = written(&flash);
    assert_eq!(bytes[..8], [1, 1, 1, 1, 2, 2, 2, 2]);
    assert!(bytes[8..].iter().any(|b| b & 3 != 3), "{bytes:?}");
    assert_eq!(bytes, written(&cut_write(CutPlace::From(2), model(5))));
    assert_ne!(bytes, written(&cut_write(CutPlace::From(2), model(6))));
}

#[test]
fn an_unreadable_word_stays_so_until_its_sector_is_erased() {
    let mut flash = cut_write(CutPlace::Unit(1), TornModel::Unreadable);
    let unreadable = Err(SimError::Unreadable { part: 0, at: 20 });
    assert_eq!(read(&mut flash, 0, 16), [1; 4], "the word before it was done");
    assert_eq!(read(&mut flash, 0, 24), [0xFF; 8], "the words behind it are untouched");
    let mut buffer = [0; 12];
    assert_eq!(flash.read(0, 16, &mut buffer), unreadable);
    assert_eq!(buffer, [0xA5; 12], "a failed read leaves junk");
    assert_eq!(flash.read(0, 23, &mut [0]), unreadable, "every byte of the word is spoilt");
    flash.write(0, 20, &[0; 4]).unwrap();
    assert_eq!(flash.read(0, 20, &mut [0; 4]), unreadable, "writing does not heal it");
    flash.erase(0, 64, 128).unwrap();
    assert_eq!(flash.read(0, 20, &mut [0; 4]), unreadable, "nor does erasing another sector");
    flash.erase(0, 0, 64).unwrap();
    assert_eq!(read(&mut flash, 0, 0), [0xFF; 64]);
}

#[test]
fn from_the_place_on_every_word_of_the_write_is_unreadable() {
    let mut flash = cut_write(CutPlace::From(2), TornModel::Unreadable);
    for (at, readable) in [(16, true), (20, true), (24, false), (28, false), (32, true)] {
        assert_eq!(flash.read(0, at, &mut [0; 4]).is_ok(), readable, "{at}");
    }
}

#[test]
fn a_cut_erase_makes_the_whole_sector_unreadable() {
    for place in [CutPlace::Unit(0), CutPlace::Unit(40), CutPlace::From(63)] {
        let mut flash = cut_erase(place, TornModel::Unreadable);
        for at in 64..128 {
            let word = at / 4 * 4;
            let error = SimError::Unreadable { part: 0, at: word };
            assert_eq!(flash.read(0, at, &mut [0]), Err(error), "{place:?}");
        }
        assert_eq!(read(&mut flash, 0, 60), [0x5A; 4]);
        assert_eq!(read(&mut flash, 0, 128), [0x5A; 4]);
        flash.erase(0, 64, 128).unwrap();
        assert_eq!(read(&mut flash, 0, 64), [0xFF; 64]);
    }
}

#[test]
fn an_unstable_word_reads_differently_each_time_but_only_in_the_bits_that_differ() {
    let mut flash = cut_write(CutPlace::Unit(2), TornModel::Unstable(7));
    let reads: Vec<[u8; 16]> = (0..8).map(|_| read(&mut flash, 0, 16)).collect();
    for bytes in &reads {
        assert_eq!(bytes[..8], [1, 1, 1, 1, 2, 2, 2, 2]);
        assert!(bytes[8..12].iter().all(|b| b & 3 == 3), "the bits of 3 are the same in 0xFF");
        assert_eq!(bytes[12..], [0xFF; 4]);
    }
    let distinct = reads.iter().enumerate().filter(|(n, r)| !reads[..*n].contains(r)).count();
    assert_eq!(distinct, 8, "24 random bits each time: {reads:?}");

    let mut again = cut_write(CutPlace::Unit(2), TornModel::Unstable(7));
    assert_eq!(read::<16>(&mut again, 0, 16), reads[0], "the same history reads the same");
    let mut other = cut_write(CutPlace::Unit(2), TornModel::Unstable(8));
    assert_ne!(read::<16>(&mut other, 0, 16), reads[0], "another seed reads differently");

    flash.erase(0, 0, 64).unwrap();
    assert_eq!(read(&mut flash, 0, 16), [0xFF; 16], "an erase settles it");
}

#[test]
fn an_unstable_erase_reads_between_the_old_and_the_erased_bits() {
    let mut flash = cut_erase(CutPlace::From(32), TornModel::Unstable(1));
    assert_eq!(read(&mut flash, 0, 64), [0xFF; 32]);
    let (first, second): ([u8; 32], [u8; 32]) = (read(&mut flash, 0, 96), read(&mut flash, 0, 96));
    assert_ne!(first, second);
    assert!(first.iter().chain(&second).all(|b| b & 0x5A == 0x5A), "{first:x?} {second:x?}");
    flash.write(0, 96, &[0x00; 4]).unwrap();
    assert_eq!(read(&mut flash, 0, 96), [0; 4], "programming drives every bit of the word that it clears");
}

#[test]
fn on_flash_that_is_erased_to_zero_programming_sets_bits_and_erasing_clears_them() {
    let mut flash = flash();
    assert_eq!(read(&mut flash, 1, 0), [0; 32]);
    flash.cut_at(OpIndex::Any(0), CutPlace::Unit(1), TornModel::RandomBits(1));
    assert_eq!(flash.write(1, 56, &[0xC3; 24]), Err(SimError::PowerLost));
    flash.power_on();
    let bytes: [u8; 24] = read(&mut flash, 1, 56);
    assert_eq!((&bytes[..8], &bytes[16..]), (&[0xC3; 8][..], &[0; 8][..]));
    assert!(bytes[8..16].iter().all(|b| b & 0x3C == 0), "no bit is set that was not to be written");
    flash.erase(1, 32, 64).unwrap();
    assert_eq!(flash.contents(1)[56..64], [0; 8]);
    assert_eq!(flash.contents(1)[64..72], bytes[8..16], "a write over a sector boundary is in both");
    flash.erase(1, 64, 192).unwrap();
    assert_eq!(flash.contents(1), [0; 320]);
}

#[test]
fn a_second_cut_in_the_erase_that_should_heal_leaves_the_rest_unreadable() {
    let mut flash = cut_erase(CutPlace::From(0), TornModel::Unreadable);
    flash.cut_at(OpIndex::Any(0), CutPlace::From(10), TornModel::Prefix);
    assert_eq!(flash.erase(0, 64, 128), Err(SimError::PowerLost));
    flash.power_on();
    assert_eq!(read(&mut flash, 0, 64), [0xFF; 8]);
    let error = Err(SimError::Unreadable { part: 0, at: 72 });
    assert_eq!(flash.read(0, 72, &mut [0; 2]), error, "half a word is a spoilt word");
    flash.erase(0, 64, 128).unwrap();
    assert_eq!(read(&mut flash, 0, 64), [0xFF; 64]);
}

#[test]
fn a_cut_in_the_erase_of_a_torn_word_leaves_it_as_the_second_model_says() {
    let again = |first, second| {
        let mut flash = cut_write(CutPlace::From(0), first);
        flash.cut_at(OpIndex::Any(0), CutPlace::From(0), second);
        assert_eq!(flash.erase(0, 0, 64), Err(SimError::PowerLost));
        flash.power_on();
        flash
    };
    let zero = || TornModel::Undefined(Fill::AllZero);
    for first in [TornModel::Unreadable, TornModel::Unstable(1)] {
        assert_eq!(read(&mut again(first.clone(), zero()), 0, 16), [0; 16], "{first:?}");
        let mut settled = again(first.clone(), TornModel::RandomBits(1));
        assert_eq!(read::<64>(&mut settled, 0, 0), read::<64>(&mut settled, 0, 0), "{first:?}");
    }
    for second in [TornModel::Nothing, TornModel::Prefix, TornModel::Unstable(2)] {
        let mut flash = again(TornModel::Unreadable, second.clone());
        assert_eq!(flash.read(0, 16, &mut [0]), Err(SimError::Unreadable { part: 0, at: 16 }), "{second:?}");
        let mut flash = again(TornModel::Unstable(1), second.clone());
        assert_ne!(read::<16>(&mut flash, 0, 16), read::<16>(&mut flash, 0, 16), "{second:?}");
    }
}
