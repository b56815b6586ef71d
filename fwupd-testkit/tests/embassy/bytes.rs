//! The bytes that the boot control leaves are those that embassy-boot's own `BlockingFirmwareState` leaves.

use fwupd_core::outcome::Initiator;

use crate::board::{Board, GEOMETRIES, Mark, NEW, NEXT, fetch};

/// Both devices' state partitions, which must be the same.
fn same(ours: &Board, theirs: &Board, what: &str) {
    assert_eq!(ours.region(ours.geometry.state), theirs.region(theirs.geometry.state), "{what}");
}

#[test]
fn arming_and_confirming_leave_the_bytes_of_mark_updated_and_mark_booted() {
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
            same(&ours, &theirs, &what);
            ours.check(&what);
            ours.device.flash.assert_lawful();
            theirs.device.flash.assert_lawful();
        }
    }
}
