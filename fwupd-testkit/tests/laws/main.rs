//! The mapping laws: what the adapters make of every situation that the lifecycle can reach, of every step between
//! two of them, and of every input.

mod search;
mod sheet;
mod steps;
mod tables;

use std::sync::OnceLock;

use search::{Reached, search};

/// The search is made once.
fn reached() -> &'static Reached {
    static REACHED: OnceLock<Reached> = OnceLock::new();
    REACHED.get_or_init(search)
}

#[test]
fn every_situation_shows_what_the_tables_of_the_specifications_say() {
    steps::every_situation_shows_what_the_tables_say(reached());
}

#[test]
fn every_step_that_is_shown_is_allowed_by_the_specification() {
    steps::every_step_is_allowed(reached());
}

#[test]
fn every_failure_in_every_phase_and_every_refusal_of_every_message_has_its_one_code() {
    tables::every_code_is_that_of_the_sheet();
}

#[test]
fn the_document_has_the_tables_as_they_are() {
    tables::the_document_has_the_tables_as_they_are(reached());
}
