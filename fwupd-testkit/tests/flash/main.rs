//! Tests of the simulated flash.

mod bookkeeping;
mod lawyer;
mod model;
mod torn;
mod view;

use fwupd_core::flash::{Part, Sectors};
use fwupd_testkit::flash::SimFlash;

/// Part 0: words of 4, sectors of 64, erased 0xFF. Part 1: words of 8 read by 2, uneven sectors, erased 0x00.
const PARTS: &[Part] = &[
    Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 4, size: 64 }] },
    Part {
        read: 2,
        write: 8,
        erased: 0x00,
        sectors: &[Sectors { count: 2, size: 32 }, Sectors { count: 2, size: 128 }],
    },
];

fn flash() -> SimFlash {
    SimFlash::new(PARTS)
}

fn read<const N: usize>(flash: &mut SimFlash, part: u8, at: u32) -> [u8; N] {
    let mut bytes = [0; N];
    flash.read(part, at, &mut bytes).unwrap();
    bytes
}
