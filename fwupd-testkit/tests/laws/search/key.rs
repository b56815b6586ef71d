//! A situation in few bytes.

use fwupd_core::image::{Image, SlotId, Verified};
use fwupd_core::lifecycle::{Owner, Request, State, Watch};
use fwupd_core::outcome::{Failure, Outcome, Reach, What};
use fwupd_core::slot::Slot;

use super::{At, FAILURES};

/// A canonical situation in few bytes: what tells it from every other.
pub(super) type Key = [u8; 64];

struct Writer(Key, usize);

impl Writer {
    fn put(&mut self, byte: impl Into<u32>) {
        self.0[self.1] = u8::try_from(byte.into()).unwrap();
        self.1 += 1;
    }

    fn slot(&mut self, slot: Option<SlotId>) {
        self.put(slot.map_or(9, |slot| slot.0));
    }

    fn image(&mut self, image: Option<&Image>) {
        self.put(image.map_or(0, |image| 1 + image.digest[0]));
    }

    fn failure(&mut self, why: Failure) {
        self.put(FAILURES.iter().position(|one| *one == why).unwrap() as u32);
    }

    fn reach(&mut self, reach: Reach) {
        self.put(match reach {
            Reach::Check => 0u8,
            Reach::Stage => 1,
            Reach::Activate(ask) => 2 + ask as u8,
        });
    }

    fn request(&mut self, request: &Request) {
        let Request { run, by, reach, target, after, via } = request;
        self.put(run.0);
        self.put(by.0);
        self.reach(*reach);
        self.put(target.0);
        self.put(*after as u8);
        self.put(*via as u8);
    }

    fn owner(&mut self, owner: &Owner) {
        let Owner { run, by, ask, after } = owner;
        self.put(run.0);
        self.put(by.0);
        self.put(*ask as u8);
        self.put(*after as u8);
    }

    fn verified(&mut self, image: &Verified) {
        self.image(Some(image.image()));
        self.put(image.slot().0);
    }

    fn state(&mut self, state: &State) {
        match state {
            State::Idle => self.put(0u8),
            State::Checking { request } => {
                self.put(1u8);
                self.request(request);
            }
            State::Receiving { request, offset, image } => {
                self.put(2u8);
                self.request(request);
                self.put(*offset);
                self.image(image.as_ref());
            }
            State::Validating { request, image } => {
                self.put(3u8);
                self.request(request);
                self.image(Some(image));
            }
            State::Staged { image, wanted } => {
                self.put(if wanted.is_some() { 5u8 } else { 4 });
                self.verified(image);
                wanted.iter().for_each(|owner| self.owner(owner));
            }
            State::Activating { owner, image } => {
                self.put(6u8);
                self.owner(owner);
                self.verified(image);
            }
            State::Trial { owner, image, left, watch, .. } => {
                self.put(match watch {
                    Watch::Testing => 7u8,
                    Watch::Confirming => 8,
                });
                self.owner(owner);
                self.verified(image);
                self.put(*left);
            }
            State::Reverting { owner, image, why } => {
                self.put(9u8);
                self.owner(owner);
                self.verified(image);
                self.failure(*why);
            }
        }
    }

    fn held(&mut self, held: &Slot) {
        match held {
            Slot::Empty => self.put(0u8),
            Slot::Partial => self.put(1u8),
            Slot::Verified(image, enabled) => {
                self.put(2 + *enabled as u8);
                self.image(Some(image.image()));
            }
            Slot::Failed { at, why, image, .. } => {
                self.put(4 + *at as u8);
                self.failure(*why);
                self.image(image.as_ref());
            }
        }
    }

    fn outcome(&mut self, last: &Outcome) {
        let Outcome { run, by, reach, slot, at, what, .. } = last;
        self.put(run.0);
        self.put(by.0);
        self.reach(*reach);
        self.slot(*slot);
        self.put(*at as u8);
        match what {
            What::Done => self.put(99u8),
            What::Failed(why) => self.failure(*why),
        }
    }
}

/// Its key.
pub(super) fn key(at: &At) -> Key {
    let mut out = Writer([0; 64], 0);
    out.state(&at.state);
    out.put(at.run.0);
    out.put(at.newer.map_or(0, |newer| newer.as_str().as_bytes()[0]));
    out.put(u8::from(at.last.is_some()));
    at.last.iter().for_each(|last| out.outcome(last));
    out.put(u8::from(at.preset.is_some()));
    at.preset.iter().for_each(|owner| out.owner(owner));
    out.0[63] = at.installed.version.as_str().as_bytes()[0];
    at.slots.iter().for_each(|held| out.held(held));
    let boot = &at.boot;
    [Some(boot.running), Some(boot.confirmed), boot.previous, boot.target, boot.preset]
        .into_iter()
        .for_each(|slot| out.slot(slot));
    out.put(boot.left);
    out.0
}
