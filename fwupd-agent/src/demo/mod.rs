//! The demonstration: a device made in a temporary directory is run, as child processes of this very
//! program, through updates that go well and updates that do not. Each story is told beforehand.

mod bench;
mod boots;
mod cuts;
mod four;
mod installs;
mod network;
mod refusals;
mod server;

use bench::Bench;

use crate::error::Error;
use crate::ui::Ui;

/// How a story went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub story: &'static str,
    /// What was to happen.
    pub told: String,
    /// What happened, in the same words if it is the same.
    pub happened: String,
    /// What else there is to say of it.
    pub detail: String,
    /// What four protocols showed at each step, if it is about that.
    pub views: Views,
}

/// Steps, and what LwM2M, OCF, IoTF and USP showed at each.
pub type Views = Vec<(&'static str, [String; 4])>;

impl Row {
    /// Whether it went as told.
    pub fn ok(&self) -> bool {
        self.told == self.happened
    }

    /// What happened, with its detail; not twice what was told.
    pub fn shown(&self) -> String {
        let happened = if self.ok() { "as told" } else { &self.happened };
        match self.detail.as_str() {
            "" => happened.to_owned(),
            detail => format!("{happened}: {detail}"),
        }
    }
}

/// What a story comes to: what was told, what happened, and a detail.
struct Story {
    told: String,
    happened: String,
    detail: String,
    views: Views,
}

type Tale = fn(&Bench) -> Result<Story, Error>;

const TALES: [(&str, Tale); 16] = [
    ("install", installs::succeeds),
    ("killed", installs::killed_in_the_middle),
    ("wrong-signature", refusals::wrong_signature),
    ("lower-sequence", refusals::lower_sequence),
    ("damaged", boots::damaged),
    ("self-test-fails", boots::self_test_fails),
    ("hangs", boots::hangs),
    ("hangs-killed", boots::hangs_and_is_killed),
    ("push", network::push),
    ("pull-killed", network::pull_cut),
    ("push-forged", network::refused),
    ("push-failing", network::rolled_back),
    ("seen-by-four", four::success),
    ("rejected-by-four", four::rejected),
    ("forged-for-four", four::forged),
    ("power-cuts", cuts::at_random),
];

/// The names of the stories.
pub fn names() -> impl Iterator<Item = &'static str> {
    TALES.into_iter().map(|(name, _)| name)
}

/// Runs all stories. `falsify` names one that is told wrongly.
///
/// # Errors
/// When the demonstration itself cannot go on.
pub fn run(ui: Ui, cuts: u32, seed: u64, falsify: Option<&str>) -> Result<Vec<Row>, Error> {
    let bench = Bench::new(cuts, seed)?;
    let mut rows = Vec::new();
    for (story, tale) in TALES {
        let Story { told, happened, detail, views } = tale(&bench).map_err(|e| e.within(&story))?;
        let told = if falsify == Some(story) { format!("not so: {told}") } else { told };
        let row = Row { story, told, happened, detail, views };
        ui.note(format_args!("{story}: {}", if row.ok() { "as told" } else { "NOT as told" }));
        rows.push(row);
    }
    Ok(rows)
}
