//! The reference device of the packages in `fwupd-core/tests/vectors/suit/ed25519`.

use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::image::SlotId;

use crate::device::{Device, Rest};

/// Its vendor and class: UUID 5 of the DNS name example.com, and UUID 5 of that and "demo-board-1".
pub const IDS: ([u8; 16], [u8; 16]) = (
    [0xcf, 0xbf, 0xf0, 0xd1, 0x93, 0x75, 0x56, 0x85, 0x96, 0x8c, 0x48, 0xce, 0x8b, 0x15, 0xae, 0x17],
    [0x7d, 0x07, 0x89, 0xe9, 0x05, 0x09, 0x59, 0x40, 0x92, 0x65, 0x5b, 0x7d, 0x4b, 0xb9, 0x99, 0x55],
);

/// The public key of RFC 8032, section 7.1, test 1.
pub const K1: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// Two slots of 4096 bytes in small sectors, then two journal pages. Read size, write size and erase value are
/// given.
pub fn layout((read, write, erased): (u16, u16, u8)) -> Layout {
    let sectors = vec![Sectors { count: 16, size: 512 }, Sectors { count: 2, size: 4096 }].leak();
    let parts = vec![Part { read, write, erased, sectors }].leak();
    let region = |from, to| Region { part: 0, from, to };
    Layout {
        parts,
        slots: vec![region(0, 4096), region(4096, 8192)].leak(),
        journal: vec![region(8192, 12288), region(12288, 16384)].leak(),
        factory_slot: SlotId(0),
    }
}

/// A package of the vectors.
///
/// # Panics
/// For one that is not there.
pub fn package(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fwupd-core/tests/vectors/suit/ed25519/");
    std::fs::read(format!("{path}{name}")).expect("a package of the vectors")
}

/// A device as it leaves the factory, with sequence number 4, after its first boot.
///
/// # Panics
/// If it does not come to rest.
pub fn factory(layout: Layout) -> Device<2> {
    let mut device = Device::new(layout, vec![K1], IDS);
    device.provision(&package("one-seq4.suit"));
    assert_eq!(device.power_on(), Rest::Still);
    device
}
