//! The device's bootloader: the native one, with the check that is configured.

use fwupd_core::boot::{Choice, Selector, Verdict};
use fwupd_core::digest::Sha256;
use fwupd_core::flash::Parts;
use fwupd_core::image::SlotId;
use fwupd_core::package::Identity;
use fwupd_core::package::suit::{COMPONENT, read_kept};
use fwupd_core::time::Now;
use fwupd_core::trust::KeySet;

use super::host::{HEAD, Keys};
use super::settle;
use crate::config::{Check, Config};
use crate::error::Error;
use crate::flash::Memory;

/// What the bootloader jumped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The slot.
    pub slot: SlotId,
    /// Whether its image is on trial.
    pub trial: bool,
}

/// Runs the bootloader, which counts trial boots and writes what it did. `None` if no slot may boot.
///
/// # Errors
/// What `fatal` makes of a fault of the flash.
pub fn boot<S: Parts>(
    config: &Config,
    trust: &Keys,
    flash: &mut S,
    fatal: impl Fn(&S, S::Error) -> Option<Error>,
) -> Result<Option<Jump>, Error> {
    let check = |slot: SlotId, head: &[u8]| verdict(config, trust, slot, head);
    let mut selector = Selector::<_, Sha256, HEAD>::new(config.layout, check);
    settle(&mut selector, flash, || Now::mono(0), fatal)?;
    match selector.choice() {
        Some(Choice::Boot { slot, trial }) => Ok(Some(Jump { slot, trial })),
        Some(Choice::Nothing) => Ok(None),
        None => Err(Error::failed("the bootloader has come to no choice")),
    }
}

/// What the bootloader would jump to with this flash, which stays as it is.
///
/// # Errors
/// When it comes to no choice.
pub fn would_boot(config: &Config, trust: &Keys, flash: &Memory) -> Result<Option<Jump>, Error> {
    boot(config, trust, &mut flash.clone(), |_, _| None)
}

/// The check on the head that a slot keeps.
fn verdict(config: &Config, trust: &Keys, slot: SlotId, head: &[u8]) -> Verdict {
    let trust = match config.boot.check {
        Check::None => return Verdict::Skip,
        Check::Digest => None,
        Check::Signature => Some(trust),
    };
    // The selector itself compares the security counter; no sequence number is too low to boot.
    let me = Identity {
        vendor: config.identity.vendor.into_bytes(),
        class: config.identity.class.into_bytes(),
        sequence: 0,
        slot: slot.0,
        revoked: KeySet::NONE,
    };
    match read_kept(head, COMPONENT, trust, &me) {
        Ok(image) => Verdict::Digest(image.into()),
        Err(_) => Verdict::Refuse,
    }
}
