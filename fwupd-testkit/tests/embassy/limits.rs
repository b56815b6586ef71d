//! What embassy-boot 0.7 cannot bear, shown: this is why it is left out of the cuts. When one of these fails, the
//! bootloader has become better, and what it shows belongs among the cuts.

use fwupd_core::flash::OpKind;
use fwupd_testkit::device::Rest;
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, OpIndex, TornModel};

use crate::board::{BYTES, Board, ERASED, GEOMETRIES, Geometry, Mark};
use crate::phases::{Phase, all};
use crate::points::in_state;

/// The confirmation, and its operations on the state partition.
fn confirmation(geometry: Geometry) -> (Phase, Vec<(u64, LogEntry)>) {
    let phase = all(geometry).into_iter().find(|phase| phase.name == "confirm").unwrap();
    let ours = phase.ours.iter().map(|n| (*n, phase.log[*n as usize]));
    let ours = ours.filter(|(_, entry)| in_state(&geometry, entry)).collect();
    (phase, ours)
}

/// The device after a cut, with its power on.
fn cut(phase: &Phase, n: u64, place: CutPlace, model: TornModel) -> Board {
    let mut board = phase.base.clone();
    board.device.flash.cut_at(OpIndex::Mutating(n), place, model);
    assert_eq!(phase.run(&mut board), Rest::PowerLost);
    assert_eq!(board.holds(), Some(5), "the new image was swapped in");
    board.device.flash.power_on();
    board
}

fn word(geometry: &Geometry) -> usize {
    usize::from(geometry.layout.parts[0].write)
}

#[test]
fn a_word_of_the_state_partition_that_cannot_be_read_stops_the_device() {
    for geometry in GEOMETRIES {
        let (phase, ours) = confirmation(geometry);
        let (mut stops, mut blind) = (0, 0);
        for (n, _) in &ours {
            let mut board = cut(&phase, *n, CutPlace::Unit(0), TornModel::Unreadable);
            for _ in 0..3 {
                if board.prepare().is_err() {
                    stops += 1;
                    continue;
                }
                // It boots, without looking at that word, and the updater may not be able to tell anything.
                let mut updater = board.updater();
                board.device.drain(&mut updater, "the updater").unwrap();
                blind += usize::from(updater.status().is_none());
            }
            assert_eq!(board.holds(), Some(5), "the image is whole");
        }
        // The first word, the second one while the first is the magic of a swap, and the first sector.
        assert_eq!(stops, 3 * 3, "{}", geometry.name);
        assert!(blind > 0);
    }
}

/// Its way back looks at the second word before each page: what reads as programmed now and as erased then makes it
/// copy some pages and others not.
#[test]
fn a_progress_word_that_reads_differently_each_time_can_leave_a_mixture() {
    let (phase, ours) = confirmation(BYTES);
    let (n, entry) = ours[0];
    assert_eq!((entry.op, entry.at), (OpKind::Write, BYTES.state.from + 1));
    let mut mixtures = 0;
    for reads in 0..200 {
        let mut board = cut(&phase, n, CutPlace::From(0), TornModel::Unstable(0));
        for _ in 0..reads {
            board.device.flash.read(entry.part, entry.at, &mut [0]).unwrap();
        }
        board.prepare().unwrap();
        mixtures += usize::from(board.holds().is_none());
    }
    assert!(mixtures > 0);
}

#[test]
fn an_erase_that_takes_the_second_word_before_the_first_leaves_a_mixture() {
    for geometry in GEOMETRIES {
        let (phase, ours) = confirmation(geometry);
        let (n, _) = *ours.iter().find(|(_, entry)| entry.op == OpKind::Erase).unwrap();
        let mut board = cut(&phase, n, CutPlace::From(word(&geometry) as u32), TornModel::Suffix);
        board.prepare().unwrap();
        assert_eq!(board.holds(), None, "{}: swapped once more", geometry.name);
    }
}

#[test]
fn an_erase_that_leaves_what_looks_like_a_swap_half_done_leaves_a_mixture() {
    for geometry in GEOMETRIES {
        let (phase, ours) = confirmation(geometry);
        let (n, entry) = *ours.iter().find(|(_, entry)| entry.op == OpKind::Erase).unwrap();
        let mut words = vec![ERASED; entry.len as usize];
        words[..word(&geometry)].fill(0xF0);
        words[2 * word(&geometry)..7 * word(&geometry)].fill(!ERASED);
        let model = TornModel::Undefined(Fill::Bytes(words));
        let mut board = cut(&phase, n, CutPlace::From(0), model);
        board.prepare().unwrap();
        assert_eq!(board.holds(), None, "{}: the rest was swapped once more", geometry.name);
    }
}

/// The magic of a confirmation is that of a swap with one more bit programmed.
#[test]
fn a_confirmation_that_reads_as_a_swap_leaves_a_mixture_with_embassy_boots_own_means_and_not_with_ours() {
    for geometry in GEOMETRIES {
        let (phase, _) = confirmation(geometry);
        let mut theirs = phase.base.clone();
        theirs.bootloader().unwrap();
        let mut ours = theirs.clone();
        assert_eq!(theirs.mark(Mark::Booted), "boot");
        let mut updater = ours.updater();
        assert_eq!(ours.device.session(&mut updater, &mut None), Ok(true));
        for (board, holds) in [(&mut theirs, None), (&mut ours, Some(5))] {
            let swap = vec![0xF0; word(&geometry)];
            board.device.flash.fill(geometry.state.part, geometry.state.from, &swap).unwrap();
            board.prepare().unwrap();
            assert_eq!(board.holds(), holds, "{}", geometry.name);
        }
    }
}
