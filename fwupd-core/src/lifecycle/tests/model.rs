//! A second machine, written from the prose of the lifecycle and not from the table: it goes from the event
//! to the place, where the table goes from the state to the event. Both must agree.

use super::samples::every_event;
use crate::image::SlotId;
use crate::lifecycle::{
    AfterReset, Answer, Booted, Event, Order, Owner, Request, State, Step, Watch, World, step,
};
use crate::outcome::{Ask, Failure, Initiator, Reach, Refused, Run, What};

/// Where the model stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Rest,
    Looking,
    Taking,
    Proving,
    Ready,
    Waiting,
    Switching,
    Testing,
    Sealing,
    Returning,
}
use Place::{Looking, Proving, Ready, Rest, Returning, Sealing, Switching, Taking, Testing, Waiting};

/// Whose work, how far it goes, and whether it outlives a reset until it begins to switch images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Work {
    run: Run,
    by: Initiator,
    goal: Reach,
    outlives: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Model {
    place: Place,
    work: Option<Work>,
    /// Bytes taken, and bytes of the payload, once it is known what comes.
    payload: Option<(u32, u32)>,
    /// The slot of the image that is to be switched to.
    slot: Option<SlotId>,
    /// When the trial is over, monotonic milliseconds.
    over: u64,
    /// Why it goes back.
    why: Failure,
}

pub(super) type End = (Run, Initiator, What);
pub(super) type Answered = Result<(Model, Option<End>), Refused>;

/// A model with nothing under way.
pub(super) const NEW: Model =
    Model { place: Rest, work: None, payload: None, slot: None, over: 0, why: Failure::Internal };

impl Work {
    fn of(request: &Request) -> Self {
        let outlives = request.after == AfterReset::Resume;
        Self { run: request.run, by: request.by, goal: request.reach, outlives }
    }

    fn activation(owner: &Owner) -> Self {
        let outlives = owner.after == AfterReset::Resume;
        Self { run: owner.run, by: owner.by, goal: Reach::Activate(owner.ask), outlives }
    }
}

impl Model {
    pub(super) fn answer(self, event: &Event) -> Answered {
        match event {
            Event::Command { by, order } => self.ordered(*by, order),
            Event::World(World::Booted(boot)) => Ok(self.booted(boot)),
            Event::World(world) => self.told(world),
        }
    }

    fn ordered(self, by: Initiator, order: &Order) -> Answered {
        let from_zero_alone = matches!(order, Order::Confirm | Order::Reject { .. });
        let ends_work =
            from_zero_alone || matches!(order, Order::Cancel | Order::Withdraw | Order::Discard { .. });
        if from_zero_alone && by != Initiator(0) {
            return Err(Refused::Unsupported);
        }
        let zero_ends_work = by == Initiator(0) && ends_work;
        if let Some(work) = self.work.filter(|work| work.by != by && !zero_ends_work) {
            return Err(Refused::Busy(work.by));
        }
        let cancelled = What::Failed(Failure::Cancelled);
        match order {
            Order::Check(request) => self.only_in(&[Rest])?.begins(Looking, Work::of(request)),
            Order::Fetch(request) | Order::Receive(request) => {
                self.only_in(&[Rest])?.begins(Taking, Work::of(request))
            }
            Order::Activate { owner, image } => {
                let (model, end) = self.only_in(&[Rest, Ready])?.begins(Waiting, Work::activation(owner))?;
                Ok((Self { slot: Some(image.slot()), ..model }, end))
            }
            Order::Withdraw => Ok(self.only_in(&[Waiting])?.ends(Ready, cancelled)),
            Order::Cancel => Ok(self.only_in(&[Looking, Taking, Proving])?.ends(Rest, cancelled)),
            Order::Discard { .. } => Ok(self.only_in(&[Ready, Waiting])?.ends(Rest, cancelled)),
            Order::Enable { .. } | Order::Preset { .. } => self.only_in(&[Rest, Ready])?.stays(),
            Order::FactoryReset => self.only_in(&[Rest, Ready])?.goes(Rest),
            Order::Confirm => self.only_in(&[Testing])?.goes(Sealing),
            Order::Reject { why } => {
                let model = self.only_in(&[Looking, Taking, Proving, Waiting, Testing])?;
                if self.place == Testing { model.returns(*why) } else { Ok(model.fails(*why)) }
            }
        }
    }

    fn told(self, world: &World) -> Answered {
        let asked = matches!(self.work, Some(Work { goal: Reach::Activate(Ask::Idle | Ask::User), .. }));
        match *world {
            World::Answered(_) if self.place == Looking => self.stays(),
            World::Answered(answer) => {
                let model = self.only_in(&[Taking])?;
                let payload = match answer {
                    Answer::Continues => self.payload,
                    Answer::FromStart => None,
                    // The payload alone: its description holds, so there must be one.
                    Answer::PayloadAgain => {
                        let (_, size) = self.payload.ok_or(Refused::WrongState)?;
                        Some((0, size))
                    }
                };
                Ok((Self { payload, ..model }, None))
            }
            World::Described(_) if self.place == Looking => Ok(self.ends(Rest, What::Done)),
            World::Described(image) => match self.only_in(&[Taking])?.payload {
                Some(_) => Err(Refused::WrongState),
                None => Ok((Self { payload: Some((0, image.size)), ..self }, None)),
            },
            World::NothingNewer => Ok(self.only_in(&[Looking])?.ends(Rest, What::Done)),
            World::Chunk(_) if self.place == Looking => self.stays(),
            World::Chunk(more) => {
                let (taken, size) = self.only_in(&[Taking])?.payload.ok_or(Refused::WrongState)?;
                let taken = u64::from(taken) + u64::from(more);
                let taken = u32::try_from(taken).ok().filter(|t| *t <= size).ok_or(Refused::Invalid)?;
                Ok((Self { payload: Some((taken, size)), ..self }, None))
            }
            World::Complete => {
                let model = self.only_in(&[Looking, Taking])?;
                let whole = self.payload.is_some_and(|(taken, size)| taken == size);
                if whole { model.goes(Proving) } else { Ok(model.fails(Failure::Integrity)) }
            }
            World::Passed(image) => {
                let model = self.only_in(&[Proving])?;
                match self.work.map(|work| work.goal) {
                    Some(Reach::Activate(_)) => Self { slot: Some(image.slot()), ..model }.goes(Waiting),
                    Some(Reach::Check | Reach::Stage) | None => Ok(model.ends(Ready, What::Done)),
                }
            }
            World::Failed(_) if self.place == Returning => self.stays(),
            World::Failed(_) if self.place == Sealing => self.goes(Testing),
            World::Failed(why) => {
                Ok(self.only_in(&[Looking, Taking, Proving, Waiting, Switching])?.fails(why))
            }
            World::Permit if asked => self.only_in(&[Waiting])?.goes(Switching),
            World::Defer if asked => Ok(self.only_in(&[Waiting])?.fails(Failure::Deferred)),
            World::GoOn if !asked => self.only_in(&[Waiting])?.goes(Switching),
            World::Permit | World::Defer | World::GoOn => Err(Refused::WrongState),
            World::Armed => self.only_in(&[Switching, Returning])?.stays(),
            World::Confirmed => Ok(self.only_in(&[Sealing])?.ends(Rest, What::Done)),
            World::Moved(slot) => {
                let model = self.only_in(&[Switching, Testing, Sealing, Returning])?;
                Ok((Self { slot: Some(slot), ..model }, None))
            }
            World::Tick(now) if self.place == Testing && now.mono >= self.over => {
                self.returns(Failure::NotConfirmed)
            }
            World::Tick(_) | World::Booted(_) => self.stays(),
        }
    }

    fn booted(self, boot: &Booted) -> (Self, Option<End>) {
        let activation_at_work = [Switching, Testing, Sealing, Returning].contains(&self.place);
        // What becomes of an activation under way, or else of the run that the boot names.
        let outcome = |owner: &Owner, what| {
            if self.place == Returning {
                self.ends(Rest, What::Failed(self.why))
            } else if activation_at_work {
                self.ends(Rest, what)
            } else {
                (NEW, Some((owner.run, owner.by, what)))
            }
        };
        let boot_failed = What::Failed(Failure::BootFailed);
        match boot {
            Booted::Usual => match self.place {
                Rest | Ready => (self, None),
                Looking | Taking | Proving | Waiting if self.work.is_some_and(|work| work.outlives) => {
                    (self, None)
                }
                Looking | Taking | Proving | Waiting | Switching => self.fails(Failure::PowerLost),
                Testing | Sealing => self.ends(Rest, boot_failed),
                Returning => self.ends(Rest, What::Failed(self.why)),
            },
            Booted::Trial { .. } if self.place == Returning => (self, None),
            Booted::Trial { deadline, .. } if activation_at_work => {
                let place = if self.place == Sealing { Sealing } else { Testing };
                (Self { place, over: deadline.at, ..self }, None)
            }
            Booted::Trial { owner, image, deadline, .. } => {
                let (_, end) = self.ends(Rest, What::Failed(Failure::PowerLost));
                let work = Some(Work::activation(owner));
                let slot = Some(image.slot());
                (Self { place: Testing, work, slot, over: deadline.at, ..NEW }, end)
            }
            Booted::Settled { owner, slot } if activation_at_work && self.slot != Some(*slot) => {
                outcome(owner, boot_failed)
            }
            Booted::Settled { owner, .. } => outcome(owner, What::Done),
            Booted::Reverted { owner, why, .. } => outcome(owner, What::Failed(*why)),
            Booted::FellBack { owner, .. } => outcome(owner, boot_failed),
        }
    }

    fn only_in(self, places: &[Place]) -> Result<Self, Refused> {
        if places.contains(&self.place) { Ok(self) } else { Err(Refused::WrongState) }
    }

    fn stays(self) -> Answered {
        Ok((self, None))
    }

    fn goes(self, place: Place) -> Answered {
        Ok((Self { place, payload: None, ..self }, None))
    }

    fn begins(self, place: Place, work: Work) -> Answered {
        Ok((Self { place, work: Some(work), ..NEW }, None))
    }

    fn returns(self, why: Failure) -> Answered {
        Ok((Self { place: Returning, why, ..self }, None))
    }

    fn ends(self, place: Place, what: What) -> (Self, Option<End>) {
        (Self { place, ..NEW }, self.work.map(|work| (work.run, work.by, what)))
    }

    /// The first failure ends a run. What was verified before it stays so.
    fn fails(self, why: Failure) -> (Self, Option<End>) {
        let verified = [Waiting, Switching].contains(&self.place);
        self.ends(if verified { Ready } else { Rest }, What::Failed(why))
    }
}

fn place_of(state: &State) -> Place {
    match state {
        State::Idle => Rest,
        State::Checking { .. } => Looking,
        State::Receiving { .. } => Taking,
        State::Validating { .. } => Proving,
        State::Staged { wanted: None, .. } => Ready,
        State::Staged { wanted: Some(_), .. } => Waiting,
        State::Activating { .. } => Switching,
        State::Trial { watch: Watch::Testing, .. } => Testing,
        State::Trial { watch: Watch::Confirming, .. } => Sealing,
        State::Reverting { .. } => Returning,
    }
}

/// Puts one event to both. `None` where both refuse it.
pub(super) fn both(state: &State, model: Model, event: &Event) -> Option<(Step, Model)> {
    let (taken, expected) = match (step(state, event), model.answer(event)) {
        (Err(refused), Err(expected)) => {
            assert_eq!(refused, expected, "{event:?} in {state:?}");
            return None;
        }
        (Ok(taken), Ok(expected)) => (taken, expected),
        (got, expected) => panic!("{event:?} in {state:?}: {got:?}, expected {expected:?}"),
    };
    let (after, end) = expected;
    let at = format!("{event:?} in {state:?}");
    assert_eq!(place_of(&taken.next), after.place, "{at}");
    assert_eq!(taken.next.owner(), after.work.map(|work| work.by), "{at}");
    assert_eq!(taken.next.run(), after.work.map(|work| work.run), "{at}");
    assert_eq!(taken.ends.map(|ends| (ends.run, ends.by, ends.what)), end, "{at}");
    Some((taken, after))
}

#[test]
fn the_table_and_the_model_agree_wherever_the_samples_lead() {
    let events = every_event();
    let mut reached = vec![(State::Idle, NEW)];
    let mut at = 0;
    while let Some((state, model)) = reached.get(at).copied() {
        for event in &events {
            if let Some((taken, after)) = both(&state, model, event)
                && !reached.contains(&(taken.next, after))
            {
                reached.push((taken.next, after));
            }
        }
        at += 1;
    }
    let places: Vec<Place> = reached.iter().map(|(_, model)| model.place).collect();
    for place in [Rest, Looking, Taking, Proving, Ready, Waiting, Switching, Testing, Sealing, Returning] {
        assert!(places.contains(&place), "{place:?} is reached");
    }
}
