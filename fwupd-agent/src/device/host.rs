//! What this device brings to the updater.

use std::cell::Cell;
use std::rc::Rc;

use fwupd_core::boot::{BootControl, BootRecord, Model, Native, Plan, Seen, Want};
use fwupd_core::checksum::Checksums;
use fwupd_core::digest::Sha256;
use fwupd_core::flash::{FlashFault, Op};
use fwupd_core::image::{Image, SlotId, Version};
use fwupd_core::package::suit::{COMPONENT, Suit};
use fwupd_core::package::{Head, Identity, PackageFormat, Rejected};
use fwupd_core::slot::Slot;
use fwupd_core::trust::{Ed25519Key, Ed25519Keys};
use fwupd_core::updater::{self, BadConfig, Installed, Platform, Policy, Updater};

use crate::config::Config;
use crate::error::Error;
use crate::firmware;
use crate::keys;

/// Room for the signed part of the largest package that the profile allows, bytes.
pub const HEAD: usize = 2600;

/// The trusted keys.
pub type Keys = Ed25519Keys<Vec<Ed25519Key<'static>>>;

/// The platform of a device with `N` slots.
#[derive(Debug)]
pub struct Host<const N: usize>;

impl<const N: usize> Platform for Host<N> {
    type Trust = Keys;
    type Package = Package;
    type Boot = Trials;
    type FileCheck = Checksums;
    type Digest = Sha256;
    type Slots = Table<N>;
}

/// The slot table.
#[derive(Clone, Copy, Debug)]
pub struct Table<const N: usize>([Slot; N]);

impl<const N: usize> Default for Table<N> {
    fn default() -> Self {
        Self([Slot::Empty; N])
    }
}

impl<const N: usize> AsRef<[Slot]> for Table<N> {
    fn as_ref(&self) -> &[Slot] {
        &self.0
    }
}

impl<const N: usize> AsMut<[Slot]> for Table<N> {
    fn as_mut(&mut self) -> &mut [Slot] {
        &mut self.0
    }
}

/// Why the last package was rejected, in more words than an outcome keeps.
pub type Why = Rc<Cell<Option<Rejected>>>;

/// SUIT packages, with the words of the last rejection.
#[derive(Clone, Debug)]
pub struct Package {
    suit: Suit<HEAD>,
    why: Why,
}

impl PackageFormat<Keys> for Package {
    fn restart(&mut self) {
        PackageFormat::<Keys>::restart(&mut self.suit);
    }

    fn head(&mut self, bytes: &[u8], trust: &Keys, me: &Identity) -> Result<Head, Rejected> {
        self.suit.head(bytes, trust, me).inspect_err(|rejected| self.why.set(Some(*rejected)))
    }

    fn described(&self) -> Option<Image> {
        PackageFormat::<Keys>::described(&self.suit)
    }

    fn kept(&self) -> &[u8] {
        PackageFormat::<Keys>::kept(&self.suit)
    }

    fn uri(&self) -> Option<&str> {
        PackageFormat::<Keys>::uri(&self.suit)
    }
}

/// The native boot control, with as many trial boots as are configured.
#[derive(Clone, Debug)]
pub struct Trials {
    native: Native<{ u8::MAX }>,
    trials: u8,
}

impl BootControl for Trials {
    const MODEL: Model = Model::Select;
    const TRIALS: u8 = u8::MAX;
    const KEEPS_OLD: bool = true;

    fn begin(&mut self, want: Want, record: BootRecord) {
        let trials = self.trials;
        let want = match want {
            Want::Arm { slot, .. } => Want::Arm { slot, trials },
            Want::Preset { slot, .. } => Want::Preset { slot, trials },
            Want::Observe | Want::Confirm { .. } | Want::Revert => want,
        };
        self.native.begin(want, record);
    }

    fn plan(&mut self) -> Plan {
        self.native.plan()
    }

    fn op(&mut self) -> Option<Op<'_>> {
        self.native.op()
    }

    fn done(&mut self, result: Result<(), FlashFault>) {
        self.native.done(result);
    }

    fn answered(&mut self, seen: Option<Seen>) {
        self.native.answered(seen);
    }
}

/// The trusted keys of the configuration.
///
/// # Errors
/// A key that cannot be read; none at all.
pub fn trust(config: &Config) -> Result<Keys, Error> {
    let keys = config.keys()?;
    if keys.is_empty() {
        return Err(Error::failed("no trusted key: `keys` in the configuration names them"));
    }
    keys::trust(&keys)
}

/// The updater of this device. `jumped` is the slot that its bootloader jumped to, if it is on; `factory` is the
/// start of the factory slot: its firmware tells the version where no signed head does.
///
/// # Errors
/// What is wrong with the configuration.
pub fn updater<const N: usize>(
    config: &Config,
    trust: Keys,
    jumped: Option<SlotId>,
    factory: &[u8],
    why: &Why,
    make: fn(updater::Config<Host<N>>) -> Result<Updater<Host<N>>, BadConfig>,
) -> Result<Updater<Host<N>>, Error> {
    let native = jumped.map_or(Native::new(), Native::booted);
    let version = firmware::parse(factory).map_or(Version::default(), |firmware| firmware.version);
    make(updater::Config {
        layout: config.layout,
        vendor: config.identity.vendor.into_bytes(),
        class: config.identity.class.into_bytes(),
        trust,
        package: Package { suit: Suit::new(COMPONENT), why: why.clone() },
        boot: Trials { native, trials: config.boot.trials },
        policy: Policy { trial_period: u64::from(config.boot.period) * 1000, ..Policy::default() },
        factory: Installed { sequence: 0, version },
    })
    .map_err(|e: BadConfig| Error::failed(e))
}
