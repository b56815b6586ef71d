//! What a boot means where the bootloader exchanges two slots: which image lies where.
//!
//! The running slot is always the same one, so that its number says nothing. While an image is being
//! activated, or runs on trial, the running slot is read and hashed at each boot, and the head that it keeps
//! tells what runs. The other slot holds what was exchanged for it, but not as an image: it may lie elsewhere
//! in the slot, and whoever wants it back asks the bootloader.

use super::{Dirty, Platform, Updater};
use crate::boot::{BootControl, BootEvent, BootReason, Model, Seen};
use crate::image::{SlotId, Verified};
use crate::lifecycle::{Booted, Event, State, Watch, World};
use crate::slot::{Enabled, Slot};

/// The image that is being activated, is on trial, or is being given up.
pub(super) fn activated(state: &State) -> Option<Verified> {
    match state {
        State::Activating { image, .. } | State::Trial { image, .. } => Some(*image),
        State::Reverting { image, .. } => Some(*image),
        State::Idle | State::Checking { .. } | State::Receiving { .. } => None,
        State::Validating { .. } | State::Staged { .. } => None,
    }
}

impl<P: Platform> Updater<P> {
    /// Whether slots may have been exchanged since the records were written.
    pub(super) fn exchanges(&self, seen: Seen) -> bool {
        P::Boot::MODEL == Model::Swap && (seen.trial.is_some() || activated(&self.record.state).is_some())
    }

    /// What this boot is to the lifecycle, after the running slot was hashed. Slots and state follow what was
    /// found.
    pub(super) fn exchanged(&mut self, seen: Seen, dirty: &mut Dirty) -> Booted {
        let running = seen.running;
        let found = self.running_image.take().map(|image| Verified::vouch(image, running));
        let Some(image) = activated(&self.record.state) else {
            self.holds(running, found, dirty);
            return self.booted(seen);
        };
        let arming = matches!(self.record.state, State::Activating { .. });
        if found.is_some_and(|found| self.is_new(&image, &found, seen)) {
            if image.slot() != running {
                self.holds(image.slot(), None, dirty);
            }
            self.holds(running, found, dirty);
            self.moves(running, dirty);
            // An image that has not been on trial yet gets its trial, though its bootloader has lost the way back.
            let trial = seen.trial.or(arming.then_some(0));
            return self.booted(Seen { trial, event: None, ..seen });
        }
        if arming && seen.event.is_none() && seen.trial.is_none() {
            return Booted::Usual;
        }
        let given_up = self.other(running);
        // What is said to be on trial and is not the image that was armed goes with the next boot.
        self.holds(running, found.filter(|_| seen.trial.is_none()), dirty);
        self.holds(given_up, Some(image.moved(given_up)), dirty);
        self.moves(given_up, dirty);
        let reason = if seen.trial.is_some() { BootReason::Mismatch } else { BootReason::TrialsSpent };
        let event = seen.event.unwrap_or(BootEvent::Reverted(given_up, reason));
        self.boot_record.event = Some(event);
        self.booted(Seen { running, trial: None, event: Some(event) })
    }

    /// Whether what was found to run is the new image, and not the same one from before.
    fn is_new(&self, image: &Verified, found: &Verified, seen: Seen) -> bool {
        let old = self.slot(seen.running).and_then(Slot::verified);
        let new = image.image();
        found.image() == new
            && match self.record.state {
                State::Activating { .. } => {
                    seen.trial.is_some() || (seen.event.is_none() && old.is_none_or(|old| old.image() != new))
                }
                // A confirmation that was cut can make a bootloader say that it went back when it did not.
                State::Trial { watch: Watch::Confirming, .. } => true,
                State::Trial { watch: Watch::Testing, .. } | State::Reverting { .. } => seen.event.is_none(),
                State::Idle | State::Checking { .. } | State::Receiving { .. } => false,
                State::Validating { .. } | State::Staged { .. } => false,
            }
    }

    fn holds(&mut self, slot: SlotId, verified: Option<Verified>, dirty: &mut Dirty) {
        let holds = verified.map_or(Slot::Empty, |verified| Slot::Verified(verified, Enabled::Yes));
        if self.slot(slot) != Some(&holds) {
            self.put_slot(slot, holds, dirty);
        }
    }

    fn moves(&mut self, slot: SlotId, dirty: &mut Dirty) {
        if activated(&self.record.state).is_some_and(|image| image.slot() != slot) {
            // Every activation has an arrow for it; were there none, the image would stay where it was.
            let _ = self.change(&Event::World(World::Moved(slot)), dirty);
        }
    }

    /// The slot that does not run.
    fn other(&self, running: SlotId) -> SlotId {
        let mut slots = (0u8..).map(SlotId).zip(self.slots.as_ref()).map(|(slot, _)| slot);
        slots.find(|slot| *slot != running).unwrap_or(running)
    }
}
