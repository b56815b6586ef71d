//! Downloads that fail, wait, or are no longer wanted.

use fwupd_coap::block::{Block, Szx};
use fwupd_coap::message::Message;
use fwupd_coap::pull::Handled;
use fwupd_coap::spec::Code;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::{Failure, Initiator, What};
use fwupd_core::updater::{Command, Need};

use crate::rig::{Answer, Rig, SERVER, URI};

#[test]
fn a_refusal_is_told_with_its_code() {
    for (code, status) in [(Code::NOT_FOUND, 404), (Code::FORBIDDEN, 403), (Code::VALID, 203)] {
        let mut rig = Rig::new();
        rig.fetch(URI);
        rig.run(|_, _| Answer::Code(code));
        assert_eq!(rig.what(), What::Failed(Failure::TransportStatus(status)));
        assert_eq!(rig.asked.len(), 1);
    }
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run(|_, _| Answer::Code(Code::BAD_REQUEST));
    assert_eq!(rig.what(), What::Failed(Failure::TransportStatus(400)), "of the first block");
}

#[test]
fn a_server_that_is_unavailable_is_asked_again_by_the_updaters_policy() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run(|_, _| Answer::Code(Code::SERVICE_UNAVAILABLE));
    assert_eq!(rig.what(), What::Failed(Failure::TransportStatus(503)));
    let times: Vec<u64> = rig.sent.iter().map(|(time, _)| time - rig.sent[0].0).collect();
    assert_eq!(times, [0, 1_000, 3_000, 7_000, 15_000]);
}

#[test]
fn silence_is_a_lost_connection_after_five_requests() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    let mut tries = vec![];
    rig.run_while(|rig, n| {
        tries.push(rig.wanted.unwrap().0);
        (n < 5).then_some(Answer::Silence)
    });
    assert!(tries[..5].iter().all(|ticket| *ticket == tries[0]));
    assert_ne!(tries[5], tries[0], "the updater tries again under a new ticket");
    let times: Vec<u64> = rig.sent.iter().map(|(time, _)| time - rig.sent[0].0).collect();
    // 62 s until it is given up, and a second of the updater's.
    assert_eq!(times, [0, 2_000, 6_000, 14_000, 30_000, 63_000]);
    rig.run(|_, _| Answer::Silence);
    assert_eq!(rig.what(), What::Failed(Failure::ConnectionLost));
}

#[test]
fn a_skipped_block_is_a_lost_connection_and_what_was_taken_is_kept() {
    let mut rig = Rig::new().blocks(64);
    rig.fetch(URI);
    let skipped = Block { number: 7, more: false, szx: Szx::fitting(64) };
    rig.run(|n, _| if n == 6 { Answer::Block(skipped) } else { Answer::Good });
    assert_eq!(rig.what(), What::Done);
    assert_eq!(rig.numbers()[5..9], [5, 6, 6, 7]);
    assert_eq!(rig.sent[7].0 - rig.sent[6].0, 1_000, "the updater's wait");
}

#[test]
fn a_server_that_repeats_itself_for_ever_is_given_up() {
    let mut rig = Rig::new().blocks(64);
    rig.fetch(URI);
    let first = Block { number: 0, more: false, szx: Szx::fitting(64) };
    rig.run(|_, _| Answer::Block(first));
    assert_eq!(rig.what(), What::Failed(Failure::ConnectionLost));
}

#[test]
fn a_file_that_changes_all_the_time_is_given_up() {
    let mut rig = Rig::new().blocks(64);
    rig.fetch(URI);
    rig.run(|n, server| {
        server.tag = vec![n as u8 + 1];
        Answer::Good
    });
    assert_eq!(rig.what(), What::Failed(Failure::ConnectionLost));
}

#[test]
fn a_reset_by_the_server_is_a_lost_connection() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run(|n, _| if n == 1 { Answer::Reset } else { Answer::Good });
    assert_eq!(rig.what(), What::Done);
    assert_eq!(rig.numbers(), [0, 1, 1]);
}

#[test]
fn a_block_whose_size_is_not_what_it_carries_is_a_lost_connection() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run_while(|_, _| None);
    let request = rig.sent[0].1.clone();
    let mut answer = rig.server.answer(&Message::parse(&request).unwrap(), Answer::Good).remove(0);
    answer.pop();
    assert_eq!(rig.give(&answer), b"");
    assert_eq!(rig.poll(), None);
    assert!(matches!(rig.updater.need(rig.device.clock.now()), Need::Wait(_) | Need::Again));
}

#[test]
fn a_cancelled_download_is_not_fetched_any_more() {
    for answered in [0, 1, 5] {
        let mut rig = Rig::new().blocks(64);
        rig.fetch(URI);
        rig.run_while(|_, n| (n < answered).then_some(Answer::Good));
        assert!(rig.pull.poll_timeout().is_some(), "a request is under way");
        rig.command(Command::Cancel);
        assert_eq!(rig.poll(), None);
        assert_eq!(rig.pull.poll_timeout(), None);
        let request = rig.sent.last().unwrap().1.clone();
        let answer = rig.server.answer(&Message::parse(&request).unwrap(), Answer::Good).remove(0);
        assert_eq!(rig.give(&answer), b"", "its answer comes late");
        assert!(!rig.need());
        assert_eq!(rig.what(), What::Failed(Failure::Cancelled));
        assert_eq!(rig.state(), State::Idle);
        // And the next one is as good as the first.
        rig.fetch(URI);
        rig.run(|_, _| Answer::Good);
        assert_eq!(rig.what(), What::Done);
    }
}

#[test]
fn a_datagram_that_is_given_again_changes_nothing_while_the_flash_is_busy() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run_while(|_, _| None);
    let request = rig.sent[0].1.clone();
    let answer = rig.server.answer(&Message::parse(&request).unwrap(), Answer::Good).remove(0);
    let now = rig.device.clock.now();
    let mut out = [0; 64];
    for _ in 0..100 {
        let again = rig.pull.handle(SERVER, &answer, now, &mut rig.updater, &mut out);
        assert_eq!(again, Handled::Again);
        assert_eq!(rig.pull.poll(now, &mut rig.updater, &mut out), None);
        let ping = rig.pull.handle(SERVER, b"\x40\x00\x12\x34", now, &mut rig.updater, &mut out);
        assert_eq!(ping, Handled::Done(4), "others are served meanwhile");
    }
    assert_eq!(rig.give(&answer), b"");
    rig.run(|_, _| Answer::Good);
    assert_eq!(rig.what(), What::Done);
}

#[test]
fn a_failure_is_told_again_while_the_updater_writes_a_frame() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run_while(|_, _| None);
    let request = rig.sent[0].1.clone();
    let refusal = Answer::Code(Code::NOT_FOUND);
    let answer = rig.server.answer(&Message::parse(&request).unwrap(), refusal).remove(0);
    rig.updater.remember(Initiator(1), b"a note").unwrap();
    assert_eq!(rig.give(&answer), b"");
    assert_eq!(rig.poll(), None);
    assert_eq!(rig.pull.poll_timeout(), Some(0), "it is still to be told");
    assert!(matches!(rig.state(), State::Checking { .. } | State::Receiving { .. }));
    rig.drain();
    assert_eq!(rig.poll(), None);
    assert_eq!(rig.pull.poll_timeout(), None);
    rig.run(|_, _| Answer::Good);
    assert_eq!(rig.what(), What::Failed(Failure::TransportStatus(404)));
}

#[test]
fn a_uri_that_is_none_or_has_another_scheme_fails_without_a_request() {
    for (uri, why) in [
        ("coap://", Failure::InvalidUri),
        ("coap://[::1]/a b", Failure::InvalidUri),
        ("http://example.com/", Failure::UnsupportedProtocol),
    ] {
        let mut rig = Rig::new();
        rig.fetch(uri);
        rig.run(|_, _| Answer::Good);
        assert_eq!(rig.what(), What::Failed(why), "{uri}");
        assert!(rig.sent.is_empty());
    }
}

#[test]
fn requests_and_notifications_of_others_are_reset() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    assert_eq!(rig.give(b"\x40\x01\x00\x01"), b"\x70\x00\x00\x01");
    assert_eq!(rig.give(b"\x41\x45\x00\x02x"), b"\x70\x00\x00\x02");
}
