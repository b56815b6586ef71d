//! Stories of updates, told in neutral words and played over every protocol, on encoded bytes both ways.
//!
//! A [`Rig`] is what one protocol brings: its adapter, and a manager that speaks to it. Whatever is common stands in
//! the [`Bench`]: the device with its updater, clock and bootloader, and the application's loop. What the device
//! shows is read from bytes that it sent, at every rest between two steps, and compared with what the core says.
//!
//! What a specification has no words for is declared as an [`Entry`]; the stories that need it are not played, and a
//! table of what each protocol supports stands in the README ([`table`]).

mod bench;
pub mod coap;
mod stories;
pub mod table;

use core::fmt::{Debug, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};

use fwupd_core::outcome::{Ask, Failure, Phase, What};
use fwupd_core::status::Coarse;
use fwupd_core::time::Now;
use fwupd_core::updater::Updater;

use crate::device::Sim;
pub use bench::{Bench, PowerLost};
pub use stories::Story;

/// The updater of the device that the stories are about: two slots, under the native boot control.
pub type Up = Updater<Sim<2>>;

/// A message, as the transport carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it goes; empty for a transport that has one place only.
    pub topic: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self { topic: String::new(), bytes }
    }
}

/// What a message came to at the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is dealt with; this goes back.
    Done(Option<Message>),
    /// The updater has something to do first; then the same message is handed in again.
    Again,
}

impl Handled {
    /// It is dealt with, and these bytes go back, if there are any.
    pub fn back(bytes: &[u8]) -> Self {
        Self::Done(Some(bytes.to_vec().into()).filter(|_| !bytes.is_empty()))
    }
}

/// What a message came to at the manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived<A> {
    /// The answer that it is, if it is one.
    pub answer: Option<A>,
    /// What the manager sends back by itself.
    pub back: Option<Message>,
}

/// What a manager asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// Look whether the package at this address is newer.
    Check(&'a str),
    /// Download it, and verify it.
    Fetch(&'a str),
    /// Download it, verify it, and go on to install it.
    Install(&'a str),
    /// Take this package, in pieces.
    Deliver(&'a [u8]),
    /// Install what is there.
    Activate,
    /// Install what is there, so many seconds from now.
    Schedule(u32),
    /// Go back to the image from before.
    GoBack,
    /// End the download.
    Cancel,
    /// The installation that has not begun is not to be.
    Withdraw,
    /// What is there is not to be installed any more.
    Discard,
}

/// What some specifications have no words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ability {
    /// [`Order::Check`].
    Check,
    /// [`Order::Deliver`].
    Deliver,
    /// A download that goes on over a reset.
    Resume,
    /// [`Order::Install`].
    Install,
    /// [`Order::Schedule`].
    Schedule,
    /// [`Order::Cancel`].
    Cancel,
    /// [`Order::Withdraw`].
    Withdraw,
    /// [`Order::GoBack`].
    GoBack,
}

impl Ability {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Check,
        Self::Deliver,
        Self::Resume,
        Self::Install,
        Self::Schedule,
        Self::Cancel,
        Self::Withdraw,
        Self::GoBack,
    ];

    /// What the table calls it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Check => "look for a newer version, no more",
            Self::Deliver => "take a package that the manager delivers",
            Self::Resume => "go on with a download after a reset",
            Self::Install => "download and install by one request",
            Self::Schedule => "install at a given time",
            Self::Cancel => "end a download",
            Self::Withdraw => "take back an installation that has not begun",
            Self::GoBack => "go back to the image from before",
        }
    }

    /// What asks for it; none where it is not asked for.
    const fn order(self) -> Option<Order<'static>> {
        match self {
            Self::Check => Some(Order::Check("")),
            Self::Deliver => Some(Order::Deliver(&[])),
            Self::Resume => None,
            Self::Install => Some(Order::Install("")),
            Self::Schedule => Some(Order::Schedule(0)),
            Self::Cancel => Some(Order::Cancel),
            Self::Withdraw => Some(Order::Withdraw),
            Self::GoBack => Some(Order::GoBack),
        }
    }
}

/// What a specification has no words for, and by which of its sections or of the rows of its sheet.
pub type Entry = (Ability, &'static str);

/// Why a request is answered as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// It is taken.
    Taken,
    /// Another initiator is at work.
    Busy,
    /// A download of its own is under way.
    Downloading,
    /// The installation that it asks for is under way.
    Installing,
    /// There is nothing to install.
    Nothing,
    /// The address is no URI.
    NoUri,
    /// The scheme of the address is not supported.
    NoScheme,
}

/// How it ends, or stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing has happened yet.
    Fresh,
    /// A newer version is known.
    Newer,
    /// There is none.
    NothingNewer,
    /// A good image is there.
    Staged,
    /// The image that was there was given up.
    Discarded,
    /// The installation was taken back.
    Withdrawn,
    /// It was put off by the application.
    Deferred,
    /// The image runs, and is confirmed.
    Installed,
    /// Nothing could be installed, and nothing was.
    Nothing,
    /// The address is no URI.
    NoUri,
    /// Its scheme is not supported.
    NoScheme,
    /// The download, or the delivery, failed.
    Received(Failure),
    /// The download was ended before anything was known of what would come.
    CancelledEarly,
    /// The installation failed, and the old image runs.
    Given(Failure),
    /// The installation failed before the image ran, and it is still there.
    Kept(Failure),
}

impl End {
    /// What the core says then: the part of the lifecycle, and of its last outcome the phase and what it was. `None`
    /// where a protocol tells by its own what the core has no part in.
    const fn core(self) -> Option<(Coarse, Phase, What)> {
        let (coarse, phase, what) = match self {
            Self::Fresh | Self::Nothing | Self::NoUri | Self::NoScheme => return None,
            Self::Discarded | Self::Withdrawn => return None,
            Self::Newer | Self::NothingNewer => (Coarse::NOTHING, Phase::Download, What::Done),
            Self::Staged => (Coarse::STAGED, Phase::Download, What::Done),
            Self::Deferred => (Coarse::STAGED, Phase::Staged, What::Failed(Failure::Deferred)),
            Self::Installed => (Coarse::NOTHING, Phase::Activation, What::Done),
            Self::Received(why) => (Coarse::NOTHING, Phase::Download, What::Failed(why)),
            Self::CancelledEarly => (Coarse::NOTHING, Phase::Download, What::Failed(Failure::Cancelled)),
            Self::Given(why) => (Coarse::NOTHING, Phase::Activation, What::Failed(why)),
            Self::Kept(why) => (Coarse::STAGED, Phase::Activation, What::Failed(why)),
        };
        Some((coarse, phase, what))
    }
}

/// What is shown, read over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What the specification shows, in short.
    pub text: String,
    /// What that may stand for.
    pub coarse: Coarse,
}

/// One protocol: its adapter, and a manager.
pub trait Rig: Sized {
    /// Its name, as in the table.
    const NAME: &'static str;
    /// What an address begins with that the device can fetch from.
    const BASE: &'static str;
    /// What it has no words for.
    const CANNOT: &'static [Entry];
    /// What the manager reads of an answer.
    type Answer: Debug;

    /// A rig of a device that asks its application before an installation, or not.
    fn new(ask: Ask) -> Self;
    /// The device has booted, so often: what was in RAM is gone.
    fn boot(&mut self, boots: u32, now: Now);
    /// The device takes a message.
    fn handle(&mut self, message: &Message, now: Now, up: &mut Up) -> Handled;
    /// The device sends what is due.
    fn poll(&mut self, now: Now, up: &mut Up) -> Option<Message>;
    /// When it may have something due again, monotonic milliseconds.
    fn timeout(&self, now: Now) -> Option<u64>;
    /// Whether the device has said all before a reset.
    fn drained(&self) -> bool;
    /// Whether the device has reached its manager, so that its image counts as good.
    fn reached(&self) -> bool {
        true
    }
    /// The manager meets the device.
    ///
    /// # Errors
    /// [`PowerLost`].
    fn meets(_: &mut Bench<Self>) -> Result<(), PowerLost> {
        Ok(())
    }
    /// The manager takes a message.
    fn arrives(&mut self, message: &Message) -> Arrived<Self::Answer>;
    /// The manager asks for something: the answers to its messages, in short; `None` where it has no words.
    ///
    /// # Errors
    /// [`PowerLost`].
    fn say(bench: &mut Bench<Self>, order: Order<'_>) -> Result<Option<String>, PowerLost>;
    /// The manager reads what is shown.
    ///
    /// # Errors
    /// [`PowerLost`].
    fn read(bench: &mut Bench<Self>) -> Result<Shown, PowerLost>;
    /// The answers that the specification has for a request.
    fn answers(order: Order<'_>, case: Case) -> &'static str;
    /// What the specification shows at this end: as [`Shown::text`].
    fn shows(end: End) -> &'static str;
}

/// What came of playing all stories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Stories that were played.
    pub runs: usize,
    /// Entries of what the specification has no words for.
    pub entries: usize,
}

impl Display for Played {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} runs, {} entries", self.runs, self.entries)
    }
}

/// Plays all stories over a protocol, but for those that need what it has declared to have no words for.
///
/// # Panics
/// For every story that fails, once all have been played; for an entry that is there twice, that no story needs, or
/// of what the manager does have words for.
pub fn play<R: Rig>() -> Played {
    let stories = stories::all::<R>();
    for (n, (ability, _)) in R::CANNOT.iter().enumerate() {
        assert!(
            R::CANNOT.iter().skip(n + 1).all(|(other, _)| other != ability),
            "{ability:?} is there twice"
        );
        assert!(stories.iter().any(|story| story.needs == Some(*ability)), "no story needs {ability:?}");
        if let Some(order) = ability.order() {
            let said = R::say(&mut Bench::new(Ask::No), order).expect("power is on");
            assert_eq!(said, None, "{} has words for {ability:?}, and declares that it has none", R::NAME);
        }
    }
    let (mut runs, mut failed) = (0, Vec::new());
    for story in stories.iter().filter(|story| story.needs.is_none_or(Bench::<R>::can)) {
        runs += 1;
        if !matches!(catch_unwind(AssertUnwindSafe(story.play)), Ok(Ok(()))) {
            failed.push(story.name);
        }
    }
    assert!(failed.is_empty(), "{}: {} of {runs} stories failed: {failed:#?}", R::NAME, failed.len());
    Played { runs, entries: R::CANNOT.len() }
}
