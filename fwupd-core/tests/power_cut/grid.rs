//! The longer grid: more geometries, and pairs under all models. It takes too long for every change.

use fwupd_testkit::tables;

use crate::board::{GEOMETRIES, LONGER};
use crate::pairs::{MODELS, all_pairs, table};
use crate::phases::{PHASES, Phase};
use crate::points::{Density, Model};
use crate::singles::{all_cuts, by_end, by_model};
use crate::tally::Tally;

const FIRST: Density = Density { words: 2, erase: 1 };
const SECOND: Density = Density { words: 1, erase: 1 };

/// On geometries of every kind.
fn singles() {
    let cut = |phase| LONGER.iter().map(|geometry| all_cuts(geometry, phase)).collect();
    let tallies: Vec<(&Phase, Vec<Tally>)> = PHASES.iter().map(|phase| (phase, cut(phase))).collect();
    tables::keep("longer grid, single cuts", &by_model(&tallies));
    tables::keep("longer grid, ends of single cuts", &by_end(&LONGER, &tallies));
}

/// On each of these geometries, under the models of every day.
fn pairs() {
    let of = |phase| {
        let mut sum = Tally::default();
        LONGER.iter().for_each(|geometry| sum.add(&all_pairs(geometry, phase, &MODELS, (FIRST, SECOND))));
        sum
    };
    let tallies: Vec<(&Phase, Tally)> = PHASES.iter().map(|phase| (phase, of(phase))).collect();
    tables::keep("longer grid, pairs of cuts", &table(&tallies, &MODELS));
}

/// On one geometry, under all models.
fn pairs_of_all_models() {
    let geometry = GEOMETRIES.iter().find(|geometry| geometry.write == 4).unwrap();
    let of = |phase| all_pairs(geometry, phase, &Model::ALL, (FIRST, SECOND));
    let tallies: Vec<(&Phase, Tally)> = PHASES.iter().map(|phase| (phase, of(phase))).collect();
    tables::keep("longer grid, pairs of cuts under all models", &table(&tallies, &Model::ALL));
}

#[test]
#[ignore = "many minutes: cargo xtask power-cuts"]
fn the_longer_grid() {
    singles();
    pairs();
    pairs_of_all_models();
}
