//! A device with embassy-boot's bootloader, its geometries, and the packages that it is given.

use std::cell::RefCell;
use std::ops::Range;

use embassy_boot::{BlockingFirmwareState, BootError, BootLoader, BootLoaderConfig, State as Said};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use fwupd_core::boot::Embassy;
use fwupd_core::digest::Sha256;
use fwupd_core::flash::{Layout, Part, Region, Sectors};
use fwupd_core::image::{SlotId, Version};
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Initiator, Reach};
use fwupd_core::package::suit::{COMPONENT, Suit};
use fwupd_core::slot::Slot;
use fwupd_core::trust::{Ed25519Key, Ed25519Keys};
use fwupd_core::updater::{Command, Config, Installed, Job, Platform, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, HEAD, Rest, Seen, Sum, sha256, trust};
use fwupd_testkit::flash::{Rule, SimError, SimFlash};
use fwupd_testkit::maker::{Flaw, Package};
use fwupd_testkit::random::Random;
use fwupd_testkit::reference::{IDS, K1};

/// The active partition, and the DFU partition.
pub(crate) const ACTIVE: SlotId = SlotId(0);
pub(crate) const DFU: SlotId = SlotId(1);

/// Length of the payloads, bytes: more than one page.
const PAYLOAD: usize = 1400;

/// What the factory installs, sequence number 4.
const FACTORY: &str = "factory";
/// The package that the tests install, sequence number 5.
pub(crate) const NEW: &str = "new";
/// Another, sequence number 6.
pub(crate) const OTHER: &str = "other";
/// The latest that there can be.
pub(crate) const NEXT: &str = "next";

/// What a byte of erased flash reads as: embassy-boot is built for one or the other.
pub(crate) const ERASED: u8 = if cfg!(feature = "flash-erase-zero") { 0x00 } else { 0xFF };

/// A partition of a simulated flash device, as embassy-boot wants it.
pub(crate) struct Partition<'a, 'f, const READ: usize, const WRITE: usize, const ERASE: usize> {
    flash: &'a RefCell<&'f mut SimFlash>,
    region: Region,
}

impl<const R: usize, const W: usize, const E: usize> ErrorType for Partition<'_, '_, R, W, E> {
    type Error = SimError;
}

impl<const R: usize, const W: usize, const E: usize> ReadNorFlash for Partition<'_, '_, R, W, E> {
    const READ_SIZE: usize = R;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimError> {
        self.flash.borrow_mut().read(self.region.part, self.region.from + offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.region.len() as usize
    }
}

impl<const R: usize, const W: usize, const E: usize> NorFlash for Partition<'_, '_, R, W, E> {
    const WRITE_SIZE: usize = W;
    const ERASE_SIZE: usize = E;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), SimError> {
        for at in (from..to).step_by(E) {
            let at = self.region.from + at;
            self.flash.borrow_mut().erase(self.region.part, at, at + E as u32)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimError> {
        self.flash.borrow_mut().write(self.region.part, self.region.from + offset, bytes)
    }
}

/// A mark that an application sets with embassy-boot's own means.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    Updated,
    Booted,
}

/// How a device's flash is divided, and the bootloader that is built for it.
#[derive(Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) name: &'static str,
    pub(crate) layout: Layout,
    pub(crate) state: Region,
    page: u32,
    prepare: fn(&mut SimFlash, &Geometry) -> Result<Said, BootError>,
    mark: fn(&mut SimFlash, &Geometry, Mark) -> Said,
}

impl Geometry {
    /// The DFU partition: one page longer than its slot.
    fn dfu(&self) -> Region {
        let slot = self.layout.slots[1];
        Region { to: slot.to + self.page, ..slot }
    }
}

fn prepare<const R: usize, const W: usize, const E: usize, const DW: usize, const DE: usize>(
    flash: &mut SimFlash,
    of: &Geometry,
) -> Result<Said, BootError> {
    let flash = RefCell::new(flash);
    let mut bootloader = BootLoader::new(BootLoaderConfig {
        active: Partition::<R, W, E> { flash: &flash, region: of.layout.slots[0] },
        dfu: Partition::<R, DW, DE> { flash: &flash, region: of.dfu() },
        state: Partition::<R, W, E> { flash: &flash, region: of.state },
    });
    bootloader.prepare_boot(&mut [0; 256])
}

fn mark<const R: usize, const W: usize, const E: usize>(
    flash: &mut SimFlash,
    of: &Geometry,
    mark: Mark,
) -> Said {
    let flash = RefCell::new(flash);
    let mut word = [0; W];
    let state = Partition::<R, W, E> { flash: &flash, region: of.state };
    let mut state = BlockingFirmwareState::new(state, &mut word);
    match mark {
        Mark::Updated => state.mark_updated().unwrap(),
        Mark::Booted => state.mark_booted().unwrap(),
    }
    state.get_state().unwrap()
}

const fn region(part: u8, from: u32, to: u32) -> Region {
    Region { part, from, to }
}

const SECTORS: &[Sectors] = &[Sectors { count: 20, size: 512 }, Sectors { count: 2, size: 4096 }];

const fn one_part(parts: &'static [Part]) -> Layout {
    Layout {
        parts,
        slots: const { &[region(0, 0, 4096), region(0, 4096, 8192)] },
        journal: const { &[region(0, 10240, 14336), region(0, 14336, 18432)] },
        factory_slot: ACTIVE,
    }
}

pub(crate) const GEOMETRIES: [Geometry; 3] = [
    Geometry {
        name: "words of 4 bytes",
        layout: one_part(&[Part { read: 1, write: 4, erased: ERASED, sectors: SECTORS }]),
        state: region(0, 8704, 9216),
        page: 512,
        prepare: prepare::<1, 4, 512, 4, 512>,
        mark: mark::<1, 4, 512>,
    },
    Geometry {
        name: "words of 32 bytes, a state of three sectors",
        layout: one_part(&[Part { read: 4, write: 32, erased: ERASED, sectors: SECTORS }]),
        state: region(0, 8704, 10240),
        page: 512,
        prepare: prepare::<4, 32, 512, 32, 512>,
        mark: mark::<4, 32, 512>,
    },
    Geometry {
        name: "two devices with pages of two sizes",
        layout: Layout {
            parts: &[
                Part { read: 1, write: 8, erased: ERASED, sectors: SECTORS },
                Part { read: 1, write: 8, erased: ERASED, sectors: &[Sectors { count: 5, size: 1024 }] },
            ],
            slots: &[region(0, 0, 4096), region(1, 0, 4096)],
            journal: &[region(0, 10240, 14336), region(0, 14336, 18432)],
            factory_slot: ACTIVE,
        },
        state: region(0, 4096, 4608),
        page: 1024,
        prepare: prepare::<1, 8, 512, 8, 1024>,
        mark: mark::<1, 8, 512>,
    },
];

/// Words of one byte, of which few bits have to read differently to make another word.
pub(crate) const BYTES: Geometry = Geometry {
    name: "words of 1 byte",
    layout: one_part(&[Part { read: 1, write: 1, erased: ERASED, sectors: SECTORS }]),
    state: region(0, 8704, 9216),
    page: 512,
    prepare: prepare::<1, 1, 512, 1, 512>,
    mark: mark::<1, 1, 512>,
};

/// The platform of these devices.
#[derive(Debug)]
pub(crate) struct Sim;

impl Platform for Sim {
    type Trust = Ed25519Keys<Vec<Ed25519Key<'static>>>;
    type Package = Suit<HEAD>;
    type Boot = Embassy;
    type FileCheck = Sum;
    type Digest = Sha256;
    type Slots = [Slot; 2];
}

/// A simulated device, and what its bootloader did.
#[derive(Clone)]
pub(crate) struct Board {
    pub(crate) device: Device<2>,
    pub(crate) geometry: Geometry,
    /// What `prepare_boot` said at each boot.
    pub(crate) said: Vec<&'static str>,
    /// Which operations were the bootloader's: writes and erases as the flash counts them, and all as it does.
    pub(crate) foreign_ops: Vec<(Range<u64>, Range<u64>)>,
    /// How many of the violations so far were the bootloader's.
    pub(crate) foreign: usize,
}

impl Board {
    /// As it leaves the factory, with sequence number 4, after its first boot.
    pub(crate) fn factory(geometry: Geometry) -> Self {
        let mut device = Device::new(geometry.layout, vec![K1], IDS);
        device.provision(&package(4));
        device.block = 512;
        // A download that is cut again and again does not end for that here.
        device.policy.attempts = 20;
        for (name, sequence) in PACKAGES {
            device.files.insert(name.into(), package(sequence));
        }
        let mut board = Self { device, geometry, said: Vec::new(), foreign_ops: Vec::new(), foreign: 0 };
        assert_eq!(board.power_on(), Rest::Still);
        board.check("at the factory");
        board
    }

    pub(crate) fn updater(&self) -> Updater<Sim> {
        let Geometry { layout, state, page, .. } = self.geometry;
        let config = Config::<Sim> {
            layout,
            vendor: IDS.0,
            class: IDS.1,
            trust: trust(&self.device.keys),
            package: Suit::new(COMPONENT),
            boot: Embassy::new(&layout, state, page).unwrap(),
            policy: self.device.policy,
            factory: Installed { sequence: 0, version: Version::new("factory").unwrap() },
        };
        Updater::new(config).unwrap()
    }

    /// Power comes on: embassy-boot prepares the boot, and jumps to the active partition.
    pub(crate) fn bootloader(&mut self) -> Result<(), Rest> {
        let before = self.device.flash.total();
        let violations = self.device.flash.violations().len();
        let said = self.prepare();
        let after = self.device.flash.total();
        self.foreign_ops.push((before.mutating()..after.mutating(), before.ops()..after.ops()));
        let word = u32::from(self.geometry.layout.parts[0].write);
        for violation in &self.device.flash.violations()[violations..] {
            // After a cut in a confirmation embassy-boot voids the progress once more, whatever the flash needs.
            let again = matches!(violation.rule, Rule::WrittenTwice | Rule::NotErased);
            assert!(again && violation.at == self.geometry.state.from + word, "the bootloader: {violation}");
            self.foreign += 1;
        }
        match said {
            Ok(said) => {
                self.said.push(name(&said));
                self.device.jumped = Some(ACTIVE);
                Ok(())
            }
            Err(_) if !self.device.flash.is_on() => Err(Rest::PowerLost),
            // Its flash has failed: it boots nothing.
            Err(_) => Err(Rest::Bricked),
        }
    }

    /// embassy-boot prepares a boot, and says what it did.
    pub(crate) fn prepare(&mut self) -> Result<Said, BootError> {
        (self.geometry.prepare)(&mut self.device.flash, &self.geometry)
    }

    /// Sets a mark with embassy-boot's own means, and tells the state that it has then.
    pub(crate) fn mark(&mut self, what: Mark) -> &'static str {
        name(&(self.geometry.mark)(&mut self.device.flash, &self.geometry, what))
    }

    pub(crate) fn power_on(&mut self) -> Rest {
        self.live(None)
    }

    pub(crate) fn install(&mut self, by: u8, name: &str) -> Rest {
        self.command(by, fetch(name))
    }

    pub(crate) fn command(&mut self, by: u8, command: Command<'_>) -> Rest {
        self.live(Some((Initiator(by), command)))
    }

    pub(crate) fn live(&mut self, mut command: Option<(Initiator, Command<'_>)>) -> Rest {
        self.device.states.clear();
        if !self.device.flash.is_on() {
            self.device.flash.power_on();
        }
        for _ in 0..20 {
            match self.once(&mut command) {
                Ok(true) => return Rest::Still,
                Ok(false) => {}
                Err(rest) => return rest,
            }
        }
        panic!("the device resets for ever");
    }

    /// One boot: to rest (true), or to a reset (false).
    pub(crate) fn once(&mut self, command: &mut Option<(Initiator, Command<'_>)>) -> Result<bool, Rest> {
        self.device.clock.reset(WallAfterReset::Lost);
        let mut updater = self.updater();
        self.bootloader()?;
        self.device.session(&mut updater, command)
    }

    /// What a slot's region holds.
    pub(crate) fn region(&self, region: Region) -> Vec<u8> {
        self.device.flash.contents(region.part)[region.from as usize..region.to as usize].to_vec()
    }

    /// The sequence number of the image that the active partition holds, by its bytes alone. `None` is a mixture.
    pub(crate) fn holds(&self) -> Option<u64> {
        let active = self.region(self.geometry.layout.slots[0]);
        let is = |sequence: &u64| active[..PAYLOAD] == payload(*sequence);
        PACKAGES.into_iter().map(|(_, sequence)| sequence).find(is)
    }

    /// Whether that is not what the factory has installed.
    pub(crate) fn runs_new(&self) -> bool {
        self.holds() != Some(4)
    }

    pub(crate) fn seen(&self) -> &Seen {
        self.device.seen.as_ref().unwrap()
    }

    /// A device at rest tells what runs, and vouches for no slot that is not whole.
    pub(crate) fn check(&self, what: &str) {
        let seen = self.device.seen.as_ref().unwrap();
        assert_eq!(seen.running, ACTIVE, "{what}");
        assert_eq!(Some(seen.sequence), self.holds(), "{what}: the status is not what runs: {seen:?}");
        let running = seen.slots[0].verified().map(|verified| verified.image().sequence);
        assert_eq!(running, Some(seen.sequence), "{what}: {seen:?}");
        for verified in seen.slots.iter().filter_map(Slot::verified) {
            let bytes = self.region(self.geometry.layout.slots[usize::from(verified.slot().0)]);
            let size = verified.image().size as usize;
            assert_eq!(sha256(&bytes[..size]), verified.image().digest, "{what}: {verified:?} is not whole");
        }
    }
}

fn name(said: &Said) -> &'static str {
    match said {
        Said::Boot => "boot",
        Said::Swap => "swap",
        Said::Revert => "revert",
        Said::DfuDetach => "detach",
    }
}

/// What fetches a package and activates it.
pub(crate) fn fetch(name: &str) -> Command<'_> {
    Command::Fetch(Job {
        uri: Some(name),
        reach: Reach::Activate(Ask::No),
        target: None,
        after: AfterReset::Resume,
        file_check: None,
    })
}

/// The packages that a device can be given, by name: each has a payload of its own, so that the bytes tell what
/// runs.
const PACKAGES: [(&str, u64); 4] = [(FACTORY, 4), (NEW, 5), (OTHER, 6), (NEXT, u64::MAX)];

fn payload(sequence: u64) -> Vec<u8> {
    let mut random = Random(sequence);
    (0..PAYLOAD).map(|_| random.byte()).collect()
}

fn package(sequence: u64) -> Vec<u8> {
    Package { sequence, minor: 0, payload: payload(sequence), flaw: Flaw::None }.file()
}
