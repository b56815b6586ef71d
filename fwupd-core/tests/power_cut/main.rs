//! Power cuts: every phase of a device's life, cut at every operation, under every model of what a cut leaves.
#![expect(clippy::wildcard_enum_match_arm, reason = "all cases that a test does not expect fail alike")]

mod board;
mod checks;
mod costs;
mod errors;
mod grid;
mod life;
mod model;
mod pairs;
mod phases;
mod points;
mod resume;
mod singles;
mod tally;
mod toy;
