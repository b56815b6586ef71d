//! Geometries, images, and a device as it leaves the factory.

use std::sync::OnceLock;

use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::image::SlotId;
use fwupd_core::slot::Slot;
use fwupd_testkit::device::{Checks, Device};
use fwupd_testkit::maker::{Flaw, Package};
use fwupd_testkit::random::Random;
use fwupd_testkit::reference::{IDS, K1};

/// A key that is there to be revoked: RFC 8032, section 7.1, test 2.
const K2: &str = include_str!("../vectors/suit/keys/k2.pub.hex");

/// How the flash is made, and what the bootloader checks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    pub(crate) name: &'static str,
    pub(crate) read: u16,
    pub(crate) write: u16,
    pub(crate) erased: u8,
    /// The sectors of a slot.
    pub(crate) slot: &'static [Sectors],
    /// Read size, write size and erase value of the journal, where it lies on a part of its own.
    pub(crate) journal: Option<Units>,
    /// Whether every other slot lies on another part.
    pub(crate) apart: bool,
    pub(crate) checks: Checks,
}

/// Read size, write size and erase value.
pub(crate) type Units = (u16, u16, u8);

const SMALL: &[Sectors] = &[Sectors { count: 4, size: 512 }];

/// Sectors of three sizes.
const UNEVEN: &[Sectors] =
    &[Sectors { count: 2, size: 256 }, Sectors { count: 1, size: 1024 }, Sectors { count: 1, size: 512 }];
/// An image and its head share a sector.
const LARGE: &[Sectors] = &[Sectors { count: 1, size: 2048 }];

const fn plain(
    name: &'static str,
    (read, write, erased): Units,
    slot: &'static [Sectors],
    checks: Checks,
) -> Geometry {
    Geometry { name, read, write, erased, slot, journal: None, apart: false, checks }
}

/// Those of every day.
pub(crate) const GEOMETRIES: [Geometry; 4] = [
    plain("write 1, read 4, erased 0xFF", (4, 1, 0xFF), SMALL, Checks::None),
    plain("write 4, read 1, erased 0xFF", (1, 4, 0xFF), SMALL, Checks::Digest),
    plain("write 32, read 1, erased 0x00", (1, 32, 0x00), SMALL, Checks::None),
    plain("write 256, read 1, erased 0xFF", (1, 256, 0xFF), SMALL, Checks::Digest),
];

/// Those of the longer grid.
pub(crate) const LONGER: [Geometry; 6] = [
    plain("write 2, read 1, erased 0xFF", (1, 2, 0xFF), SMALL, Checks::None),
    plain("write 4, read 1, sectors of three sizes", (1, 4, 0xFF), UNEVEN, Checks::Signature),
    plain("write 8, read 64, erased 0x00", (64, 8, 0x00), SMALL, Checks::Digest),
    plain("write 16, read 1, one sector a slot", (1, 16, 0xFF), LARGE, Checks::None),
    Geometry {
        journal: Some((1, 4, 0xFF)),
        ..plain(
            "write 16, read 16, erased 0x00, journal apart with write 4",
            (16, 16, 0x00),
            UNEVEN,
            Checks::None,
        )
    },
    Geometry {
        journal: Some((8, 8, 0xFF)),
        apart: true,
        ..plain(
            "write 2, read 2, slots on two parts, journal apart with write 8",
            (2, 2, 0xFF),
            SMALL,
            Checks::Digest,
        )
    },
];

/// Sequence numbers of the images; the security counter is their upper half.
pub(crate) const FACTORY: u64 = 1 << 32 | 1;
/// Of the factory's counter.
pub(crate) const SAME: u64 = 1 << 32 | 2;
pub(crate) const NEWER: u64 = 2 << 32 | 3;
pub(crate) const NEXT: u64 = 9 << 32 | 9;

/// The security counter of an image.
pub(crate) fn counter_of(image: u64) -> u32 {
    (image >> 32) as u32
}

/// An image with its package.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) image: u64,
    pub(crate) payload: Vec<u8>,
    pub(crate) file: Vec<u8>,
}

/// All images that were ever signed.
pub(crate) fn images() -> &'static [Made] {
    static IMAGES: OnceLock<Vec<Made>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        [(FACTORY, 520), (SAME, 700), (NEWER, 641), (NEXT, 530)].map(|(image, len)| made(image, len)).into()
    })
}

fn made(image: u64, len: usize) -> Made {
    let mut random = Random(image);
    let payload: Vec<u8> = (0..len).map(|_| random.byte()).collect();
    let package =
        Package { sequence: image, minor: image as u32, payload: payload.clone(), flaw: Flaw::None };
    Made { image, payload, file: package.file() }
}

/// The name of the file of an image.
pub(crate) fn uri(image: u64) -> &'static str {
    match image {
        SAME => "same",
        NEWER => "newer",
        NEXT => "next",
        _ => panic!("no file of {image:#x}"),
    }
}

/// Slots, and the journal's two pages.
pub(crate) fn layout(geometry: &Geometry, slots: usize) -> Layout {
    let size: u32 = geometry.slot.iter().map(|run| run.count * run.size).sum();
    let pages = Sectors { count: 2, size: 4096 };
    let part =
        |(read, write, erased), sectors: Vec<Sectors>| Part { read, write, erased, sectors: sectors.leak() };
    let units = (geometry.read, geometry.write, geometry.erased);
    // Slots lie on one part, or on two in turn; then the journal, behind the slots of the first, or by itself.
    let (of_slots, each) = if geometry.apart { (2, slots.div_ceil(2)) } else { (1, slots) };
    let mut sectors = vec![geometry.slot.repeat(each); of_slots];
    let regions = (0..slots).map(|n| (n % of_slots, (n / of_slots) as u32 * size, size));
    let (journal, base) = match geometry.journal {
        Some(_) => (of_slots, 0),
        None => {
            sectors[0].push(pages);
            (0, each as u32 * size)
        }
    };
    let mut parts: Vec<Part> = sectors.into_iter().map(|sectors| part(units, sectors)).collect();
    parts.extend(geometry.journal.map(|units| part(units, vec![pages])));
    let region = |(part, from, size)| Region { part: part as u8, from, to: from + size };
    let pages = [base, base + 4096].map(|from| region((journal, from, 4096)));
    Layout {
        parts: parts.leak(),
        slots: regions.map(region).collect::<Vec<_>>().leak(),
        journal: pages.to_vec().leak(),
        factory_slot: SlotId(0),
    }
}

/// A device that has never booted, with the factory image in its first slot.
pub(crate) fn provisioned<const N: usize>(geometry: &Geometry) -> Device<N>
where
    [Slot; N]: Default,
{
    let text = K2.trim();
    let second = core::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap());
    let mut device = Device::new(layout(geometry, N), vec![K1, second], IDS);
    device.checks = geometry.checks;
    device.block = 256;
    // That attempts end is another test's matter.
    device.policy.attempts = 30;
    device.provision(&images()[0].file);
    device.files = images()[1..].iter().map(|made| (uri(made.image).to_owned(), made.file.clone())).collect();
    device
}

/// The signed image whose bytes a slot holds.
pub(crate) fn held<const N: usize>(device: &Device<N>, slot: u8) -> Option<u64>
where
    [Slot; N]: Default,
{
    let region = device.layout().slots[usize::from(slot)];
    let part = device.flash.contents(region.part);
    let bytes = &part[region.from as usize..region.to as usize];
    images().iter().find(|made| bytes.starts_with(&made.payload)).map(|made| made.image)
}

/// Whether a slot keeps the signed head of an image.
pub(crate) fn keeps_head<const N: usize>(device: &Device<N>, slot: u8, image: u64) -> bool
where
    [Slot; N]: Default,
{
    let region = device.layout().slots[usize::from(slot)];
    let part = device.flash.contents(region.part);
    let made = images().iter().find(|made| made.image == image).unwrap();
    // What comes between head and payload is the payload's key, of 4 bytes, and its length, of 3.
    let head = &made.file[..made.file.len() - made.payload.len() - 7];
    let bytes = &part[region.from as usize + made.payload.len()..region.to as usize];
    bytes.windows(head.len()).any(|window| window == head)
}
