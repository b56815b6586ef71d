//! The stories.

mod downloads;
mod failures;
mod installations;
mod requests;

use fwupd_core::outcome::Ask;

use super::{Ability, Bench, End, Order, PowerLost, Rig};

/// A story.
#[derive(Clone, Copy, Debug)]
pub struct Story {
    /// What it tells.
    pub name: &'static str,
    /// What its manager must have words for.
    pub needs: Option<Ability>,
    /// Plays it, and panics where it does not go as it should.
    pub play: fn() -> Result<(), PowerLost>,
}

/// What a story comes to. Power is lost in those alone that cut it, and they bring it back.
type Told = Result<(), PowerLost>;

/// All of them, for one protocol.
pub(super) fn all<R: Rig>() -> Vec<Story> {
    let mut all = downloads::all::<R>();
    all.extend(failures::all::<R>());
    all.extend(installations::all::<R>());
    all.extend(requests::all::<R>());
    all
}

const fn story(name: &'static str, play: fn() -> Told) -> Story {
    Story { name, needs: None, play }
}

impl Story {
    const fn needing(self, ability: Ability) -> Self {
        Self { needs: Some(ability), ..self }
    }
}

/// A device that has a good image, not installed yet.
fn staged<R: Rig>(ask: Ask) -> Result<Bench<R>, PowerLost> {
    let mut bench = Bench::new(ask);
    fetch(&mut bench, "new")?;
    bench.ends(End::Staged, super::bench::OLD)?;
    Ok(bench)
}

/// The manager has a file downloaded.
fn fetch<R: Rig>(bench: &mut Bench<R>, name: &str) -> Told {
    bench.does(Order::Fetch(&Bench::<R>::at(name)))
}

/// And, from a device whose last update ended in whatever way, the newest of them installed.
fn next_update<R: Rig>(bench: &mut Bench<R>) -> Told {
    let (source, target) = match bench.device.jumped {
        Some(super::bench::OLD) => (super::bench::OLD, super::bench::NEW),
        Some(_) | None => (super::bench::NEW, super::bench::OLD),
    };
    fetch(bench, "newer")?;
    bench.ends(End::Staged, source)?;
    bench.does(Order::Activate)?;
    bench.ends(End::Installed, target)?;
    assert_eq!(bench.sequence(), u64::MAX);
    Ok(())
}
