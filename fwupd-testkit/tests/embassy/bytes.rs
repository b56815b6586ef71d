//! The bytes that the boot control leaves are those that embassy-boot's own `BlockingFirmwareState` leaves, but for
//! the progress beside a confirmation, which is void.

use fwupd_core::outcome::Initiator;

use crate::board::{Board, ERASED, GEOMETRIES, Mark, NEW, NEXT, fetch};

/// Both devices' state partitions, which must be the same.
fn same(ours: &Board, theirs: &Board, what: &str) {
    assert_eq!(ours.region(ours.geometry.state), theirs.region(theirs.geometry.state), "{what}");
}

#[test]
fn arming_leaves_the_bytes_of_mark_updated_and_confirming_those_of_mark_booted_and_no_progress() {
    for geometry in GEOMETRIES {
        let mut ours = Board::factory(geometry);
        // From an erased partition, and from one that was confirmed before.
        for name in [NEW, NEXT] {
            let what = format!("{}, {name}", geometry.name);
            let mut theirs = ours.clone();
            assert_eq!(theirs.mark(Mark::Updated), "swap");
            assert_eq!(ours.once(&mut Some((Initiator(1), fetch(name)))), Ok(false));
            same(&ours, &theirs, &what);
            ours.bootloader().unwrap();
            let mut theirs = ours.clone();
            assert_eq!(theirs.mark(Mark::Booted), "boot");
            let mut updater = ours.updater();
            assert_eq!(ours.device.session(&mut updater, &mut None), Ok(true));
            // Ours is left so that a torn magic swaps nothing.
            let void = usize::from(geometry.layout.parts[0].write);
            let mut theirs_void = theirs.region(geometry.state);
            theirs_void[void..2 * void].fill(!ERASED);
            assert_eq!(ours.region(geometry.state), theirs_void, "{what}");
            ours.check(&what);
            ours.device.flash.assert_lawful();
            theirs.device.flash.assert_lawful();
        }
    }
}
