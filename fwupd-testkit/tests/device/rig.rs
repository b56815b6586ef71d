//! A device of two slots, its geometries, and the packages that it is given.

use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Initiator, Outcome, Reach, Refused, Run, What};
use fwupd_core::slot::Slot;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Job, Need, Settled, Updater};
use fwupd_testkit::device::{Device, Rest, Sim};

/// The slot of the factory image, and the other one.
pub(crate) const OLD: SlotId = SlotId(0);
pub(crate) const NEW: SlotId = SlotId(1);

/// Read size, write size and erase value.
pub(crate) type Geometry = (u16, u16, u8);

pub(crate) const GEOMETRIES: [Geometry; 3] = [(1, 4, 0xFF), (4, 8, 0xFF), (1, 32, 0x00)];

/// The reference device of the vectors: its vendor is UUID 5 of the DNS name example.com, its class UUID 5
/// of the vendor and "demo-board-1".
pub(crate) const IDS: ([u8; 16], [u8; 16]) = (
    [0xcf, 0xbf, 0xf0, 0xd1, 0x93, 0x75, 0x56, 0x85, 0x96, 0x8c, 0x48, 0xce, 0x8b, 0x15, 0xae, 0x17],
    [0x7d, 0x07, 0x89, 0xe9, 0x05, 0x09, 0x59, 0x40, 0x92, 0x65, 0x5b, 0x7d, 0x4b, 0xb9, 0x99, 0x55],
);

/// The public key of RFC 8032, section 7.1, test 1.
pub(crate) const K1: [u8; 32] = [
    0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e,
    0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a,
];

/// Two slots of small sectors, then two journal pages.
pub(crate) fn layout((read, write, erased): Geometry) -> Layout {
    let sectors = vec![Sectors { count: 16, size: 512 }, Sectors { count: 2, size: 4096 }].leak();
    let parts = vec![Part { read, write, erased, sectors }].leak();
    let region = |from, to| Region { part: 0, from, to };
    Layout {
        parts,
        slots: vec![region(0, 4096), region(4096, 8192)].leak(),
        journal: vec![region(8192, 12288), region(12288, 16384)].leak(),
        factory_slot: OLD,
    }
}

/// The same with a sector as large as a slot: an image and its head share it.
pub(crate) fn one_sector_slots() -> Layout {
    let sectors = &[Sectors { count: 4, size: 4096 }];
    Layout { parts: vec![Part { read: 1, write: 4, erased: 0xFF, sectors }].leak(), ..layout(GEOMETRIES[0]) }
}

/// A package of the vectors.
pub(crate) fn package(name: &str) -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fwupd-core/tests/vectors/suit/ed25519/");
    std::fs::read(format!("{path}{name}")).unwrap()
}

/// A device as it leaves the factory, with sequence number 4, after its first boot.
pub(crate) fn factory(geometry: Geometry) -> Device<2> {
    factory_of(layout(geometry))
}

/// The same, with another layout.
pub(crate) fn factory_of(layout: Layout) -> Device<2> {
    let mut device = Device::new(layout, vec![K1], IDS);
    device.provision(&package("one-seq4.suit"));
    assert_eq!(device.power_on(), Rest::Still);
    device
}

/// What fetches a file and activates it.
pub(crate) fn job(uri: &str) -> Job<'_> {
    Job {
        uri: Some(uri),
        reach: Reach::Activate(Ask::No),
        target: None,
        after: AfterReset::Resume,
        file_check: None,
    }
}

/// Has the device fetch and install a package of the vectors.
pub(crate) fn install(device: &mut Device<2>, name: &str) -> Rest {
    device.files.insert(name.into(), package(name));
    device.command(Initiator(1), Command::Fetch(job(name)))
}

/// One boot of a device, driven by hand.
pub(crate) struct Bench {
    pub(crate) device: Device<2>,
    pub(crate) updater: Updater<Sim<2>>,
}

impl Bench {
    /// Boots, and loads.
    pub(crate) fn new(mut device: Device<2>) -> Self {
        device.bootloader().unwrap();
        let updater = device.updater();
        let mut bench = Self { device, updater };
        bench.drain();
        bench
    }

    /// The same device after a reset.
    pub(crate) fn reset(self) -> Self {
        Self::new(self.device)
    }

    pub(crate) fn drain(&mut self) {
        self.device.drain(&mut self.updater, "the updater").unwrap();
    }

    pub(crate) fn now(&self) -> Now {
        self.device.clock.now()
    }

    /// Gives a command, and has its frame written.
    pub(crate) fn command(&mut self, by: u8, command: Command<'_>) -> Result<Run, Refused> {
        let now = self.now();
        let run = self.updater.command(Initiator(by), command, None, now)?;
        assert_eq!(self.updater.settled(), Settled::Pending);
        self.drain();
        assert_eq!(self.updater.settled(), Settled::Written);
        Ok(run)
    }

    /// Lets it go on by itself until it needs something.
    pub(crate) fn need(&mut self) -> Need<'_> {
        loop {
            self.drain();
            let now = self.now();
            if self.updater.need(now) != Need::Again {
                break;
            }
        }
        let now = self.now();
        self.updater.need(now)
    }

    /// Fetches a package of the vectors, to where nothing but the outside can help.
    pub(crate) fn fetched(&mut self, by: u8, name: &str, reach: Reach) -> Run {
        self.device.files.insert(name.into(), package(name));
        let run = self.command(by, Command::Fetch(Job { reach, ..job(name) })).unwrap();
        self.serve();
        run
    }

    /// Serves what is asked for.
    pub(crate) fn serve(&mut self) {
        while let Need::Fetch { ticket, uri, offset, .. } = self.need() {
            let uri = uri.to_owned();
            self.device.fetch(&mut self.updater, ticket, &uri, offset).unwrap();
        }
    }

    pub(crate) fn state(&self) -> State {
        *self.updater.status().unwrap().state
    }

    pub(crate) fn last(&self) -> Option<Outcome> {
        self.updater.status().unwrap().last.copied()
    }

    /// What the last run ended with.
    pub(crate) fn what(&self) -> What {
        self.last().unwrap().what
    }

    pub(crate) fn slot(&self, slot: SlotId) -> Slot {
        self.updater.status().unwrap().slots[usize::from(slot.0)]
    }
}
