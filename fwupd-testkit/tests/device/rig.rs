//! A device of two slots, its geometries, and the packages that it is given.

use fwupd_core::flash::{Layout, Part, Sectors};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Ask, Initiator, Outcome, Reach, Refused, Run, What};
use fwupd_core::slot::Slot;
use fwupd_core::time::Now;
use fwupd_core::updater::{Command, Job, Need, Settled, Updater};
use fwupd_testkit::device::{Device, Rest, Sim};
pub(crate) use fwupd_testkit::reference::{IDS, K1, factory as factory_of, layout, package};

/// The slot of the factory image, and the other one.
pub(crate) const OLD: SlotId = SlotId(0);
pub(crate) const NEW: SlotId = SlotId(1);

/// Read size, write size and erase value.
pub(crate) type Geometry = (u16, u16, u8);

pub(crate) const GEOMETRIES: [Geometry; 3] = [(1, 4, 0xFF), (4, 8, 0xFF), (1, 32, 0x00)];

/// The same with a sector as large as a slot: an image and its head share it.
pub(crate) fn one_sector_slots() -> Layout {
    let sectors = &[Sectors { count: 4, size: 4096 }];
    Layout { parts: vec![Part { read: 1, write: 4, erased: 0xFF, sectors }].leak(), ..layout(GEOMETRIES[0]) }
}

/// A device as it leaves the factory, with sequence number 4, after its first boot.
pub(crate) fn factory(geometry: Geometry) -> Device<2> {
    factory_of(layout(geometry))
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
        assert_eq!(self.updater.settled(Initiator(by)), Settled::Pending);
        self.drain();
        assert_eq!(self.updater.settled(Initiator(by)), Settled::Written);
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

/// The public key of RFC 8032, section 7.1, test 2.
pub(crate) fn k2() -> [u8; 32] {
    let text = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    core::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
}
