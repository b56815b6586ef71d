//! The lifecycle: one pure table, [`step`], from a state and an event to the next state.
//!
//! `admit` refuses what is busy with another's work; then an outer match on the state (here) and an inner
//! one on the event (one file per part of the life: `idle`, `download`, `staged`, `boot`) hold one
//! arm per arrow. Nothing here reads flash, a clock or a link, and nothing else changes a state.
//!
//! Two things follow from a step. Its [`Effect`] is what changes once beside the state (what a slot holds,
//! what is known). What the *state* owes, [`State::owed`], is derived from the state alone, so that after a
//! reset it is owed again and doing it twice is harmless.

mod boot;
mod download;
mod idle;
mod staged;
#[cfg(test)]
mod tests;

use crate::image::{Image, SlotId, Verified};
use crate::outcome::{Ask, Failure, Initiator, Phase, Reach, Refused, Run, What};
use crate::time::{Deadline, Now};

/// What happens to a request over a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AfterReset {
    /// It goes on from its last checkpoint; an activation stays wanted.
    Resume,
    /// It ends with [`Failure::PowerLost`].
    Fail,
}

/// Which way the bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Via {
    /// The device fetches them.
    Pull,
    /// A manager delivers them.
    Push,
}

/// A request for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request {
    /// Its number.
    pub run: Run,
    /// Whose it is.
    pub by: Initiator,
    /// How far it goes.
    pub reach: Reach,
    /// The slot it is for, chosen before the first byte comes.
    pub target: SlotId,
    /// What happens to it over a reset.
    pub after: AfterReset,
    /// Which way the bytes come.
    pub via: Via,
}

/// Whose activation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Owner {
    /// Number of the run.
    pub run: Run,
    /// Whose it is.
    pub by: Initiator,
    /// Whether the application is, or was, asked first.
    pub ask: Ask,
    /// What happens over a reset to the activation while it is only wanted, in [`State::Staged`]: that of
    /// the request that goes on to it; [`AfterReset::Resume`] where it was commanded by itself, is a
    /// preset's, or the application's own boot.
    pub after: AfterReset,
}

/// How far a trial has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Watch {
    /// The application is testing the image.
    Testing,
    /// It has confirmed it; the boot control is being told.
    Confirming,
}

/// Where the device stands. A state owns what it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case", tag = "state"))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Nothing under way.
    #[default]
    Idle,
    /// The signed description of a package is being read, and no more.
    Checking {
        /// The request.
        request: Request,
    },
    /// A package is being downloaded (pull) or delivered (push).
    Receiving {
        /// The request.
        request: Request,
        /// Payload bytes taken so far.
        offset: u32,
        /// What is coming, once its description is verified.
        image: Option<Image>,
    },
    /// All bytes are in; digest and read-back are being compared.
    Validating {
        /// The request.
        request: Request,
        /// What came.
        image: Image,
    },
    /// A verified image may be activated.
    Staged {
        /// The image.
        image: Verified,
        /// The activation that is wanted, while its permit is owed.
        wanted: Option<Owner>,
    },
    /// The boot control is armed, or being armed, and a reset is owed.
    Activating {
        /// Whose activation.
        owner: Owner,
        /// The image.
        image: Verified,
    },
    /// The new image runs and is not confirmed.
    Trial {
        /// Whose activation.
        owner: Owner,
        /// The image that runs.
        image: Verified,
        /// Boots left before the bootloader gives it up.
        left: u8,
        /// When it is given up by itself.
        deadline: Deadline,
        /// How far the trial has come.
        watch: Watch,
    },
    /// The old image is owed, and a reset.
    Reverting {
        /// Whose activation.
        owner: Owner,
        /// The image that is given up.
        image: Verified,
        /// Why.
        why: Failure,
    },
}

/// What a state owes, derived from it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Owed {
    /// Nothing, but time may pass.
    Nothing,
    /// Bytes of the package.
    Bytes(Request),
    /// The comparison of what was written.
    Validation(Image),
    /// The application's permit.
    Permit(Owner),
    /// Going on, without a permit.
    GoOn,
    /// Arming the boot control, then a reset. Once it is armed the updater remembers in RAM alone that only the
    /// reset is left (see [`Effect::Reset`]): the state stays the same until a boot tells what came of it.
    Arming(Verified),
    /// Watching the deadline.
    Watching(Deadline),
    /// Confirming the image to the boot control.
    Confirming(Verified),
    /// Telling the boot control to go back, then a reset, which is kept as for [`Owed::Arming`].
    Reverting(Verified),
}

/// A command, with its slots and its run resolved by the updater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Order {
    /// Read the description of a package.
    Check(Request),
    /// Download a package.
    Fetch(Request),
    /// Take the delivery of a package.
    Receive(Request),
    /// Activate a verified and enabled image.
    Activate {
        /// Whose activation.
        owner: Owner,
        /// Which image.
        image: Verified,
    },
    /// The activation is no longer wanted.
    Withdraw,
    /// End what is being checked, received or validated.
    Cancel,
    /// Give up what is staged.
    Discard {
        /// Whether the slot keeps its image.
        keep_slot: bool,
    },
    /// Let a verified image be activated, or not.
    Enable {
        /// Its slot.
        slot: SlotId,
        /// Whether it may.
        on: bool,
    },
    /// Name the slot of the next boot, whoever causes it.
    Preset {
        /// Who asked.
        owner: Owner,
        /// The slot.
        slot: SlotId,
    },
    /// The running image is good.
    Confirm,
    /// The image is not wanted.
    Reject {
        /// Why.
        why: Failure,
    },
    /// Clear notes and staged images.
    FactoryReset,
}

/// From where a source goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// From where it was asked to.
    Continues,
    /// From its first byte, or it is another file: all that came before is void.
    FromStart,
    /// From the payload's first byte: the payload is void, its description holds.
    PayloadAgain,
}

/// What a boot found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Booted {
    /// The image that ran before runs, and the boot control has nothing to tell. Which image that is, and what
    /// follows, depends on the state:
    ///
    /// - Idle, Checking, Receiving, Validating, Staged: the image that the state was reached under (or one on
    ///   trial that no slot's record vouches for, which is left to its bootloader). Nothing else has happened
    ///   but a reset.
    /// - Activating: the image that was to be replaced. The boot control was not armed yet, or its bootloader
    ///   did not heed it; the new image has not run.
    /// - Trial, Reverting: the image from before the trial, never the one on trial. The boot control went back
    ///   without a word. Where the image on trial runs on, the boot is [`Booted::Trial`] or
    ///   [`Booted::Settled`].
    Usual,
    /// An image runs that is not confirmed.
    Trial {
        /// Who caused it.
        owner: Owner,
        /// The image.
        image: Verified,
        /// Boots left.
        left: u8,
        /// When it must have been confirmed.
        deadline: Deadline,
    },
    /// Another image runs than before, and it counts as confirmed.
    Settled {
        /// Who caused it.
        owner: Owner,
        /// The slot that runs.
        slot: SlotId,
    },
    /// The boot control gave up the image that was armed or on trial.
    Reverted {
        /// Who caused the trial.
        owner: Owner,
        /// The slot that was given up.
        slot: SlotId,
        /// Why: [`Failure::Integrity`] where its bytes were not what its head says, else
        /// [`Failure::BootFailed`].
        why: Failure,
    },
    /// The confirmed image failed its check, and another one runs.
    FellBack {
        /// A new run, of the application, to report it by.
        owner: Owner,
        /// The slot that failed.
        slot: SlotId,
    },
}

/// What the world answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum World {
    /// The source answered, before any byte.
    Answered(Answer),
    /// The signed description was read and verified.
    Described(Image),
    /// What the source has is not newer than what is installed.
    NothingNewer,
    /// So many more bytes of the payload were taken.
    Chunk(u32),
    /// The source has no more bytes.
    Complete,
    /// The slot holds the image, every byte checked.
    Passed(Verified),
    /// The work failed.
    Failed(Failure),
    /// The application permits the activation.
    Permit,
    /// The application puts it off.
    Defer,
    /// The boot control is armed, or has been told to go back.
    Armed,
    /// The boot control knows that the image is confirmed.
    Confirmed,
    /// The bootloader has exchanged two slots: the image that is being activated lies in this one now. Told
    /// before the boot that found it so, and in the same frame.
    Moved(SlotId),
    /// The device has booted.
    Booted(Booted),
    /// Go on without a permit.
    GoOn,
    /// Time has passed.
    Tick(Now),
}

/// What happens to the lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// Somebody asks for something.
    Command {
        /// Who.
        by: Initiator,
        /// What.
        order: Order,
    },
    /// Something has happened.
    World(World),
}

/// What changes once, beside the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// The bytes start anew: what was read of the package is void.
    Restart,
    /// A newer version is known, or none is.
    Know(Option<Image>),
    /// The slot is about to be overwritten with this image.
    Prepare(SlotId, Image),
    /// The slot holds this image.
    Keep(Verified),
    /// Reception ended: what the slot holds follows from why.
    GiveUp(SlotId, Failure),
    /// The slot is emptied.
    Empty(SlotId),
    /// The slot's image may be activated, or not.
    Enable(SlotId, bool),
    /// The slot boots next.
    Preset(Owner, SlotId),
    /// A reset is owed. No record tells so: the updater keeps it in RAM, and after a reset, whoever caused it,
    /// the boot tells where the device stands ([`World::Booted`]). If the records are read back without a
    /// boot, the state owes the arming or the way back once more, and the reset after it.
    Reset,
    /// The slot's image failed in or after its boot. It does not run; what does is what is installed.
    Condemn(SlotId, Failure),
    /// The slot's image runs and is confirmed.
    Adopt(SlotId),
    /// Notes and staged images are cleared.
    Forget,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ends {
    /// The run.
    pub run: Run,
    /// Whose it was.
    pub by: Initiator,
    /// How far it was to go.
    pub reach: Reach,
    /// The slot that it was about.
    pub slot: Option<SlotId>,
    /// Where it ended.
    pub at: Phase,
    /// How.
    pub what: What,
}

/// One arrow of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Step {
    /// The next state.
    pub next: State,
    /// What changes beside it.
    pub effect: Effect,
    /// The run that ends with it.
    pub ends: Option<Ends>,
}

/// The table.
///
/// # Errors
/// Why the event has no arrow from this state; the state stays then. [`Refused::Busy`] for a command while
/// somebody else's work is under way, [`Refused::Unsupported`] for a confirmation or a rejection that does
/// not come from the application, [`Refused::Invalid`] for more bytes than the image has, and
/// [`Refused::WrongState`] otherwise.
pub fn step(state: &State, event: &Event) -> Result<Step, Refused> {
    if let Event::Command { by, order } = event {
        admit(state, *by, order)?;
    }
    match *state {
        State::Idle => idle::idle(event),
        State::Checking { request } => download::checking(request, event),
        State::Receiving { request, offset, image } => download::receiving(request, offset, image, event),
        State::Validating { request, image } => download::validating(request, image, event),
        State::Staged { image, wanted } => staged::staged(image, wanted, event),
        State::Activating { owner, image } => boot::activating(owner, image, event),
        State::Trial { owner, image, left, deadline, watch } => {
            boot::trial(boot::OnTrial { owner, image, left, deadline, watch }, event)
        }
        State::Reverting { owner, image, why } => boot::reverting(owner, image, why, event),
    }
}

/// Refuses what only the application may do, and whoever meets the work of another.
fn admit(state: &State, by: Initiator, order: &Order) -> Result<(), Refused> {
    let application = by == Initiator::APPLICATION;
    let over_others = match order {
        Order::Confirm | Order::Reject { .. } if !application => return Err(Refused::Unsupported),
        Order::Confirm | Order::Reject { .. } => true,
        Order::Cancel | Order::Withdraw | Order::Discard { .. } => application,
        Order::Check(_) | Order::Fetch(_) | Order::Receive(_) | Order::Activate { .. } => false,
        Order::Enable { .. } | Order::Preset { .. } | Order::FactoryReset => false,
    };
    match state.owner() {
        Some(owner) if owner != by && !over_others => Err(Refused::Busy(owner)),
        Some(_) | None => Ok(()),
    }
}

impl State {
    /// Whose work is under way, if any is.
    pub fn owner(&self) -> Option<Initiator> {
        match self {
            Self::Idle => None,
            Self::Checking { request } => Some(request.by),
            Self::Receiving { request, .. } | Self::Validating { request, .. } => Some(request.by),
            Self::Staged { wanted, .. } => wanted.map(|owner| owner.by),
            Self::Activating { owner, .. } | Self::Trial { owner, .. } => Some(owner.by),
            Self::Reverting { owner, .. } => Some(owner.by),
        }
    }

    /// The run that is at work, if one is.
    pub fn run(&self) -> Option<Run> {
        match self {
            Self::Idle => None,
            Self::Checking { request } => Some(request.run),
            Self::Receiving { request, .. } | Self::Validating { request, .. } => Some(request.run),
            Self::Staged { wanted, .. } => wanted.map(|owner| owner.run),
            Self::Activating { owner, .. } | Self::Trial { owner, .. } => Some(owner.run),
            Self::Reverting { owner, .. } => Some(owner.run),
        }
    }

    /// What the state owes.
    pub fn owed(&self) -> Owed {
        match *self {
            Self::Idle => Owed::Nothing,
            Self::Checking { request } | Self::Receiving { request, .. } => Owed::Bytes(request),
            Self::Validating { image, .. } => Owed::Validation(image),
            Self::Staged { wanted: None, .. } => Owed::Nothing,
            Self::Staged { wanted: Some(owner), .. } => match owner.ask {
                Ask::No => Owed::GoOn,
                Ask::Idle | Ask::User => Owed::Permit(owner),
            },
            Self::Activating { image, .. } => Owed::Arming(image),
            Self::Trial { deadline, watch: Watch::Testing, .. } => Owed::Watching(deadline),
            Self::Trial { image, watch: Watch::Confirming, .. } => Owed::Confirming(image),
            Self::Reverting { image, .. } => Owed::Reverting(image),
        }
    }
}

/// A step to `next` that changes nothing else.
fn to(next: State) -> Result<Step, Refused> {
    Ok(Step { next, effect: Effect::Nothing, ends: None })
}

impl Step {
    fn with(next: State, effect: Effect) -> Self {
        Self { next, effect, ends: None }
    }

    fn ending(self, ends: Ends) -> Self {
        Self { ends: Some(ends), ..self }
    }
}

impl Request {
    fn ends(&self, what: What) -> Ends {
        let slot = match self.reach {
            Reach::Check => None,
            Reach::Stage | Reach::Activate(_) => Some(self.target),
        };
        Ends { run: self.run, by: self.by, reach: self.reach, slot, at: Phase::Download, what }
    }
}

impl Owner {
    fn ends(&self, slot: SlotId, at: Phase, what: What) -> Ends {
        Ends { run: self.run, by: self.by, reach: Reach::Activate(self.ask), slot: Some(slot), at, what }
    }
}
