//! A bootloader: the selector, and a check that believes the head that a slot keeps.

use core::hint::black_box;

use fwupd_core::boot::{Check, Choice, Selector, Verdict};
use fwupd_core::digest::Digest;
use fwupd_core::flash::{self, Parts};
use fwupd_core::image::SlotId;
use fwupd_core::time::Now;

use crate::platform::{LAYOUT, PLAIN_HEAD, Plain};

/// The selector of this bootloader.
pub type Chooser<D> = Selector<Believing, D, PLAIN_HEAD>;

/// Checks the digest that a head tells, and no signature.
#[derive(Clone, Copy, Debug)]
pub struct Believing;

impl Check for Believing {
    fn check(&mut self, slot: SlotId, head: &[u8]) -> Verdict {
        match Plain::parse(head) {
            Some(image) => Verdict::Digest(image.into()),
            // Any verdict might have come from here.
            None if black_box(slot) == LAYOUT.factory_slot => black_box(Verdict::Skip),
            None => Verdict::Refuse,
        }
    }
}

/// Chooses what to boot.
pub fn choose<D: Digest>(flash: &mut impl Parts) -> Option<Choice> {
    let mut selector = Chooser::<D>::new(LAYOUT, Believing);
    // A fault is for a log; the selector knows of it.
    while !matches!(flash::run(&mut selector, flash, Now::default()), Ok(false)) {}
    selector.choice()
}
