//! What a device is to do, said once more and shorter: worlds, and what a boot, an order and the device itself
//! make of them. Each step is one that flash makes atomic. Nothing here is taken from the library.

use crate::board::counter_of;

/// Trial boots of a new image.
pub(crate) const TRIALS: u8 = 3;

/// Why something ended badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    PowerLost,
    BootFailed,
    Rejected,
    NotConfirmed,
    Cancelled,
    Integrity,
    InstallFailed,
    RecordLost,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    Done,
    Failed(Why),
}

/// What a slot holds. An image is told by its sequence number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holds {
    Empty,
    Partial,
    Good { image: u64, on: bool },
    Failed(Why),
}

/// A download.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Load {
    pub(crate) image: u64,
    pub(crate) slot: u8,
    /// Whether it goes on to activate what it brought.
    pub(crate) activates: bool,
    /// Whether the application is asked before that.
    pub(crate) asks: bool,
    /// Whether it goes on over a reset.
    pub(crate) resumes: bool,
    /// Whether a manager delivers it; it never goes on over a reset then.
    pub(crate) pushed: bool,
}

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Fetch(Load),
    Activate { asks: bool },
    Cancel,
    Discard { keep: bool },
    Enable { slot: u8, on: bool },
    Preset { slot: u8 },
    FactoryReset,
    Revoke,
    Note,
}

impl Order {
    /// The image that is delivered with it.
    pub(crate) fn pushed(&self) -> Option<u64> {
        match self {
            Self::Fetch(load) if load.pushed => Some(load.image),
            Self::Fetch(_) | Self::Activate { .. } | Self::Cancel | Self::Discard { .. } => None,
            Self::Enable { .. } | Self::Preset { .. } | Self::FactoryReset | Self::Revoke | Self::Note => {
                None
            }
        }
    }
}

/// What the firmware does on trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Trial {
    Passes,
    Fails,
    Hangs,
    Crashes,
}

/// Where the device stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    Rest,
    /// Receiving; whether its description is known.
    Receive(Load, bool),
    Validate(Load),
    /// Whether it is wanted, and if so, whether over a reset.
    Staged {
        slot: u8,
        wanted: Option<bool>,
    },
    Armed {
        slot: u8,
        left: u8,
    },
    /// The bootloader has counted the boot and jumped.
    Counted {
        slot: u8,
        left: u8,
    },
    OnTrial {
        slot: u8,
        left: u8,
    },
    /// The confirmation stands, and is not told yet.
    Settling {
        slot: u8,
        left: u8,
    },
    Back {
        slot: u8,
        why: Why,
    },
    /// The bootloader has given the slot up, or fallen back from it, and it is not told yet.
    Given {
        slot: u8,
        why: Why,
    },
}

/// What a failing flash can do to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spoilt {
    Taking,
    Counting,
    Reading,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) runs: u8,
    pub(crate) confirmed: u8,
    pub(crate) previous: Option<u8>,
    pub(crate) preset: Option<u8>,
    pub(crate) counter: u32,
    pub(crate) installed: u64,
    pub(crate) slots: Vec<Holds>,
    pub(crate) doing: Doing,
    pub(crate) last: Option<End>,
    pub(crate) revoked: bool,
    pub(crate) note: bool,
    /// A confirmed slot whose bytes have decayed.
    pub(crate) decayed: Option<u8>,
}

/// Where the device stands, as its status tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    Rest,
    Receiving,
    Validating,
    Staged { slot: u8, wanted: bool },
    Armed,
    Trial { left: u8 },
    Reverting,
}

/// All that can be seen of a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    pub(crate) runs: u8,
    pub(crate) next: u8,
    pub(crate) previous: Option<u8>,
    pub(crate) counter: u32,
    pub(crate) installed: u64,
    pub(crate) slots: Vec<Holds>,
    pub(crate) stage: Stage,
    pub(crate) last: Option<End>,
    pub(crate) revoked: bool,
    pub(crate) note: bool,
}

impl World {
    /// A device of so many slots with this image in the first, as it leaves the factory.
    pub(crate) fn factory(slots: usize, image: u64) -> Self {
        let mut holds = vec![Holds::Empty; slots];
        holds[0] = Holds::Good { image, on: true };
        Self {
            runs: 0,
            confirmed: 0,
            previous: None,
            preset: None,
            counter: 0,
            installed: image,
            slots: holds,
            doing: Doing::Rest,
            last: None,
            revoked: false,
            note: false,
            decayed: None,
        }
    }

    pub(crate) fn view(&self) -> View {
        let stage = match self.doing {
            Doing::Rest | Doing::Given { .. } => Stage::Rest,
            Doing::Receive(..) => Stage::Receiving,
            Doing::Validate(_) => Stage::Validating,
            Doing::Staged { slot, wanted } => Stage::Staged { slot, wanted: wanted.is_some() },
            Doing::Armed { .. } | Doing::Counted { .. } => Stage::Armed,
            Doing::OnTrial { left, .. } | Doing::Settling { left, .. } => Stage::Trial { left },
            Doing::Back { .. } => Stage::Reverting,
        };
        let next = match self.doing {
            Doing::Armed { slot, left } | Doing::Counted { slot, left } | Doing::OnTrial { slot, left } => {
                Some(slot).filter(|_| left > 0)
            }
            Doing::Rest | Doing::Receive(..) | Doing::Validate(_) | Doing::Staged { .. } => None,
            Doing::Settling { .. } | Doing::Back { .. } | Doing::Given { .. } => None,
        };
        View {
            runs: self.runs,
            next: next.or(self.preset).unwrap_or(self.confirmed),
            previous: self.previous,
            counter: self.counter,
            installed: self.installed,
            slots: self.slots.clone(),
            stage,
            last: self.last,
            revoked: self.revoked,
            note: self.note,
        }
    }

    fn image(&self, slot: u8) -> u64 {
        match self.slots[usize::from(slot)] {
            Holds::Good { image, .. } => image,
            Holds::Empty | Holds::Partial | Holds::Failed(_) => panic!("no image in slot {slot}: {self:?}"),
        }
    }

    fn hold(&mut self, slot: u8, holds: Holds) {
        self.slots[usize::from(slot)] = holds;
        if !matches!(holds, Holds::Good { .. }) && self.previous == Some(slot) {
            self.previous = None;
        }
        if !matches!(holds, Holds::Good { on: true, .. }) && self.preset == Some(slot) {
            self.preset = None;
        }
    }

    fn ends(&mut self, doing: Doing, end: End) {
        self.doing = doing;
        self.last = Some(end);
    }

    /// What an order makes of it, in one frame.
    pub(crate) fn ordered(&self, order: &Order) -> Self {
        let mut to = self.clone();
        match *order {
            Order::Fetch(load) => {
                to.doing = Doing::Receive(load, false);
                to.last = None;
            }
            Order::Activate { .. } => {
                let Doing::Staged { slot, wanted: None } = self.doing else { panic!("{self:?}") };
                to.doing = Doing::Staged { slot, wanted: Some(true) };
                to.last = None;
            }
            Order::Cancel => to.ends(Doing::Rest, End::Failed(Why::Cancelled)),
            Order::Discard { keep } => {
                let Doing::Staged { slot, .. } = self.doing else { panic!("{self:?}") };
                to.doing = Doing::Rest;
                if !keep {
                    to.hold(slot, Holds::Empty);
                }
            }
            Order::Enable { slot, on } => to.hold(slot, Holds::Good { image: self.image(slot), on }),
            Order::Preset { slot } => to.preset = Some(slot),
            Order::FactoryReset => {
                to.doing = Doing::Rest;
                to.last = None;
                to.note = false;
                to.preset = None;
                for slot in 0..self.slots.len() as u8 {
                    if slot != self.runs && slot != self.confirmed {
                        to.hold(slot, Holds::Empty);
                    }
                }
            }
            Order::Revoke => to.revoked = true,
            Order::Note => to.note = true,
        }
        to
    }

    /// What a boot makes of it.
    pub(crate) fn boot(&self) -> Self {
        let mut to = self.clone();
        let target = match self.doing {
            Doing::Armed { slot, left } | Doing::Counted { slot, left } | Doing::OnTrial { slot, left } => {
                Some((slot, left))
            }
            Doing::Rest | Doing::Receive(..) | Doing::Validate(_) | Doing::Staged { .. } => {
                self.preset.map(|slot| (slot, TRIALS))
            }
            Doing::Settling { .. } | Doing::Back { .. } | Doing::Given { .. } => None,
        };
        if let Some((slot, left)) = target {
            to.preset = None;
            if let Some(left) = left.checked_sub(1) {
                to.runs = slot;
                to.doing = Doing::Counted { slot, left };
            } else {
                to.runs = self.confirmed;
                to.doing = Doing::Given { slot, why: Why::BootFailed };
            }
            return to;
        }
        to.runs = self.confirmed;
        match self.doing {
            Doing::Back { slot, why } => to.doing = Doing::Given { slot, why },
            Doing::Receive(load, _) | Doing::Validate(load) if !load.resumes => {
                to.ends(Doing::Rest, End::Failed(Why::PowerLost));
            }
            Doing::Staged { slot, wanted: Some(false) } => {
                to.ends(Doing::Staged { slot, wanted: None }, End::Failed(Why::PowerLost));
            }
            // What came after the description is found in the slot again, and the rest follows.
            Doing::Validate(_) | Doing::Receive(..) | Doing::Staged { .. } => {}
            Doing::Rest | Doing::Given { .. } | Doing::Settling { .. } => {}
            Doing::Armed { .. } | Doing::Counted { .. } | Doing::OnTrial { .. } => {}
        }
        if self.decayed == Some(self.confirmed) {
            let broken = self.confirmed;
            let other = self.previous.expect("there is one to fall back to");
            (to.runs, to.confirmed, to.previous) = (other, other, None);
            to.doing = Doing::Given { slot: broken, why: Why::BootFailed };
        }
        to
    }

    /// What it does next by itself, while power stays.
    pub(crate) fn step(&self, trial: Trial) -> Option<Self> {
        let mut to = self.clone();
        match self.doing {
            Doing::Rest | Doing::Staged { wanted: None, .. } => return None,
            Doing::Receive(load, false) => {
                to.hold(load.slot, Holds::Partial);
                to.doing = Doing::Receive(load, true);
            }
            Doing::Receive(load, true) => to.doing = Doing::Validate(load),
            Doing::Validate(load) => {
                let Load { image, slot, activates, resumes, .. } = load;
                to.hold(slot, Holds::Good { image, on: true });
                match activates {
                    true => to.doing = Doing::Staged { slot, wanted: Some(resumes) },
                    false => to.ends(Doing::Staged { slot, wanted: None }, End::Done),
                }
            }
            Doing::Staged { slot, wanted: Some(_) } => to.doing = Doing::Armed { slot, left: TRIALS },
            Doing::Armed { .. } | Doing::Back { .. } => return Some(self.boot()),
            Doing::Counted { slot, left } => {
                to.doing = Doing::OnTrial { slot, left };
                to.last = None;
            }
            Doing::OnTrial { slot, left } => match trial {
                Trial::Passes => {
                    to.doing = Doing::Settling { slot, left };
                    to.previous = Some(self.confirmed);
                    to.confirmed = slot;
                    to.counter = self.counter.max(counter_of(self.image(slot)));
                }
                Trial::Fails => to.doing = Doing::Back { slot, why: Why::Rejected },
                Trial::Hangs => to.doing = Doing::Back { slot, why: Why::NotConfirmed },
                Trial::Crashes => return Some(self.boot()),
            },
            Doing::Settling { slot, .. } => {
                to.installed = self.image(slot);
                to.ends(Doing::Rest, End::Done);
            }
            Doing::Given { slot, why } => {
                to.hold(slot, Holds::Failed(why));
                to.installed = self.image(self.runs);
                to.ends(Doing::Rest, End::Failed(why));
            }
        }
        Some(to)
    }

    /// Every world from here to rest: after a boot, and an order if there is one.
    pub(crate) fn path(&self, order: Option<&Order>, trial: Trial) -> Vec<Self> {
        let mut path = vec![self.clone()];
        let mut push = |world: Self| {
            if path.last() != Some(&world) {
                path.push(world);
            }
        };
        let mut now = self.boot();
        push(now.clone());
        if let Some(order) = order {
            now = now.ordered(order);
            push(now.clone());
        }
        while let Some(next) = now.step(trial) {
            now = next;
            push(now.clone());
        }
        path
    }

    /// Where it comes to rest after its power was lost here.
    pub(crate) fn recovered(&self, trial: Trial) -> View {
        self.path(None, trial).last().unwrap_or(self).view()
    }

    /// Where it may come to rest if the flash fails here, and goes on failing when it is tried again: the image was
    /// not taken, the trial boot could not be counted, or the image to go back to could not be read.
    pub(crate) fn spoilt(&self, trial: Trial) -> Option<(Spoilt, View)> {
        let mut to = self.clone();
        let spoilt = match self.doing {
            Doing::Receive(load, true) | Doing::Validate(load) => {
                to.hold(load.slot, Holds::Failed(Why::InstallFailed));
                to.ends(Doing::Rest, End::Failed(Why::InstallFailed));
                Spoilt::Taking
            }
            Doing::Armed { slot, .. } | Doing::Counted { slot, .. } | Doing::OnTrial { slot, .. } => {
                to.runs = self.confirmed;
                to.doing = Doing::Given { slot, why: Why::BootFailed };
                Spoilt::Counting
            }
            Doing::Back { slot, why } | Doing::Given { slot, why }
                if slot != self.confirmed && self.decayed.is_none() =>
            {
                to.hold(self.confirmed, Holds::Failed(Why::BootFailed));
                (to.runs, to.confirmed, to.installed) = (slot, slot, self.image(slot));
                to.ends(Doing::Rest, End::Failed(why));
                Spoilt::Reading
            }
            Doing::Back { .. } | Doing::Given { .. } | Doing::Settling { .. } => return None,
            Doing::Rest | Doing::Receive(..) | Doing::Staged { .. } => return None,
        };
        Some((spoilt, to.recovered(trial)))
    }

    /// Where it may come to rest after so many cuts, the first one here.
    pub(crate) fn reached(worlds: &[Self], cuts: usize, trial: Trial) -> Vec<View> {
        let mut worlds = worlds.to_vec();
        for _ in 1..cuts {
            let mut next: Vec<Self> = Vec::new();
            for world in worlds.iter().flat_map(|world| world.path(None, trial)) {
                if !next.contains(&world) {
                    next.push(world);
                }
            }
            worlds = next;
        }
        let mut views: Vec<View> = Vec::new();
        for view in worlds.iter().map(|world| world.recovered(trial)) {
            if !views.contains(&view) {
                views.push(view);
            }
        }
        views
    }
}
