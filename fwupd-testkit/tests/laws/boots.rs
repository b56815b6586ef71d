//! A reset in every situation, by the bootloader and the updater themselves: what the search takes a boot for is what
//! it is.

use fwupd_core::image::SlotId;
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::Checks;
use fwupd_testkit::tell;

use crate::peers::Board;
use crate::search::{At, Reached, name};

/// A boot of a device in this situation, and then what it does by itself.
fn boot(reached: &Reached, board: &mut Board, at: &At) {
    board.place(at);
    board.device.clock.reset(WallAfterReset::Lost);
    let jumped = board.device.bootloader().unwrap();
    board.up = board.device.updater();
    for _ in 0..4 {
        board.drain();
        let now = board.up.situation().unwrap();
        assert!(reached.has(&now), "the search has not found {}\nafter a boot of {}", name(&now), name(at));
        assert_eq!(now.boot.running, jumped, "law 4: {}\nafter a boot of {}", name(&now), name(at));
        let time = board.now();
        let _ = board.up.need(time);
    }
}

pub(crate) fn every_boot_leads_to_what_the_search_has_found(reached: &Reached) {
    let mut board = Board::new();
    // No slot holds what is said of it here.
    board.device.checks = Checks::None;
    let mut runs = [0; 2];
    for at in &reached.all {
        boot(reached, &mut board, at);
        runs[usize::from(board.device.jumped.map_or(0, |SlotId(slot)| slot))] += 1;
    }
    tell(format_args!(
        "laws: {} resets, each in another situation, led to {} and {} boots of either slot",
        reached.all.len(),
        runs[0],
        runs[1],
    ));
}
