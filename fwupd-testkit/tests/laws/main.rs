//! The mapping laws: what the adapters make of every situation that the lifecycle can reach, of every step between
//! two of them, and of every input.

mod boots;
mod four;
mod pairs;
mod peers;
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
fn every_boot_leads_to_a_situation_that_the_search_has_found() {
    boots::every_boot_leads_to_what_the_search_has_found(reached());
}

#[test]
fn every_failure_in_every_phase_and_every_refusal_of_every_message_has_its_one_code() {
    tables::every_code_is_that_of_the_sheet();
}

#[test]
fn the_document_has_the_tables_as_they_are() {
    tables::the_document_has_the_tables_as_they_are(reached());
}

#[test]
fn every_input_of_lwm2m_in_every_situation_is_answered_by_the_tables() {
    pairs::lwm2m(reached());
}

#[test]
fn every_input_of_iotf_in_every_situation_is_answered_by_the_tables() {
    pairs::iotf(reached());
}

#[test]
fn every_input_of_ocf_in_every_situation_is_answered_by_the_tables() {
    pairs::ocf(reached());
}

#[test]
fn every_input_of_usp_in_every_situation_is_answered_by_the_tables() {
    pairs::usp(reached());
}

#[test]
fn what_ends_an_update_is_told_by_all_four_adapters_of_a_device_whoever_has_started_it() {
    four::an_outcome_is_told_by_all();
}

#[test]
fn a_cancellation_is_told_by_all_four_adapters_of_a_device() {
    four::a_cancellation_is_told_by_all();
}

#[test]
fn a_boot_into_a_named_slot_is_told_by_all_four_adapters_whatever_they_told_before() {
    four::a_boot_into_a_named_slot_is_told_by_all();
}

#[test]
fn while_one_adapter_is_at_work_the_others_are_refused_as_busy() {
    four::another_is_busy();
}

#[test]
fn two_requests_in_one_turn_of_the_loop_are_each_answered_and_kept() {
    four::two_in_one_turn();
}

#[test]
fn a_run_that_has_ended_is_told_by_its_own_adapter_though_another_begins_one_in_the_same_turn() {
    four::an_end_is_told_though_another_begins_in_that_turn();
}
