//! Downloads that come to a good end.

use fwupd_coap::block::{Block, Szx};
use fwupd_coap::message::Message;
use fwupd_core::lifecycle::State;
use fwupd_core::outcome::What;

use crate::rig::{Answer, HEAD, Rig, URI, package};

fn staged(rig: &Rig) {
    assert_eq!(rig.what(), What::Done);
    assert!(matches!(rig.state(), State::Staged { .. }));
    rig.device.flash.assert_lawful();
    // The payload stands in the second slot.
    let flash = rig.device.flash.contents(0);
    assert_eq!(flash[4096..4096 + 1536], package("one-integrated.suit")[HEAD..]);
}

#[test]
fn a_package_is_fetched_in_blocks_of_any_size() {
    for exponent in 0..=6 {
        let size = Szx::new(exponent).unwrap().size();
        let mut rig = Rig::new().blocks(size);
        rig.fetch(URI);
        rig.run(|_, _| Answer::Good);
        staged(&rig);
        assert_eq!(rig.numbers(), (0..(1794u32).div_ceil(size as u32)).collect::<Vec<_>>());
        assert!(rig.asked.iter().all(|block| block.szx.size() == size && !block.more));
        assert!(rig.again > 0, "the flash kept a datagram waiting");
        assert!(rig.pull.poll_timeout().is_none() && rig.poll().is_none(), "nothing more is sent");
    }
}

#[test]
fn the_servers_smaller_size_is_taken_from_the_next_request_on() {
    let mut rig = Rig::new();
    rig.server.most = Szx::fitting(64);
    rig.fetch(URI);
    rig.run(|_, _| Answer::Good);
    staged(&rig);
    assert_eq!(rig.asked[0], Block { number: 0, more: false, szx: Szx::MAX });
    assert_eq!(rig.asked[1], Block { number: 1, more: false, szx: Szx::fitting(64) });
    assert_eq!(rig.asked.len(), 29);
}

#[test]
fn a_size_that_gets_smaller_on_the_way_goes_on_where_it_was() {
    let mut rig = Rig::new().blocks(512);
    rig.fetch(URI);
    rig.run(|n, server| {
        server.most = Szx::fitting(if n < 2 { 512 } else { 128 });
        Answer::Good
    });
    staged(&rig);
    let numbers = [0, 1, 2, 9, 10, 11, 12, 13, 14];
    assert_eq!(rig.numbers(), numbers, "block 2 of 512 bytes came as block 8 of 128");
}

#[test]
fn an_answer_without_blocks_is_the_whole_file() {
    let mut rig = Rig::new();
    rig.fetch(URI);
    rig.run(|_, _| Answer::Whole);
    staged(&rig);
    assert_eq!(rig.asked.len(), 1);
}

#[test]
fn neither_a_tag_nor_a_size_is_needed() {
    let mut rig = Rig::new();
    rig.server.tag = vec![];
    rig.fetch(URI);
    rig.run(|_, _| Answer::Good);
    staged(&rig);
}

#[test]
fn a_separate_response_is_acknowledged_once_it_was_taken_and_each_time_it_comes() {
    let mut rig = Rig::new().blocks(256);
    rig.fetch(URI);
    let mut acknowledged = 0;
    while rig.need() {
        while let Some(request) = rig.poll() {
            let datagrams = rig.server.answer(&Message::parse(&request).unwrap(), Answer::Separate);
            assert_eq!(rig.give(&datagrams[0]), b"");
            for response in &datagrams[1..] {
                assert_eq!(rig.give(response), [0x60, 0, response[2], response[3]]);
                acknowledged += 1;
            }
        }
    }
    staged(&rig);
    assert_eq!(acknowledged, 2 * 8);
}

#[test]
fn a_lost_request_is_sent_again_and_the_download_goes_on() {
    let mut rig = Rig::new().blocks(512);
    rig.fetch(URI);
    rig.run(|n, _| if n % 2 == 0 { Answer::Silence } else { Answer::Good });
    staged(&rig);
    assert_eq!(rig.numbers(), [0, 0, 1, 1, 2, 2, 3, 3]);
    let times: Vec<u64> = rig.sent.iter().map(|(time, _)| time - rig.sent[0].0).collect();
    assert_eq!(times, [0, 2_000, 2_000, 4_000, 4_000, 6_000, 6_000, 8_000]);
}

#[test]
fn a_repeated_block_is_taken_once() {
    let mut rig = Rig::new().blocks(64);
    rig.fetch(URI);
    let late = Block { number: 3, more: false, szx: Szx::fitting(64) };
    rig.run(|n, _| if n == 5 || n == 6 { Answer::Block(late) } else { Answer::Good });
    staged(&rig);
    assert_eq!(rig.numbers()[4..9], [4, 5, 5, 5, 6]);
}

/// Fetches until so many requests were answered, then resets the device.
fn interrupted(size: usize, answered: usize) -> Rig {
    let mut rig = Rig::new().blocks(size);
    rig.fetch(URI);
    rig.run_while(|_, n| (n < answered).then_some(Answer::Good));
    rig.reset()
}

#[test]
fn a_reset_goes_on_inside_of_a_block() {
    // The checkpoint is two sectors into the payload: byte 1282, which is in no block's first place.
    for (size, first) in [(16, 80), (64, 20), (256, 5), (512, 2), (1024, 1)] {
        let mut rig = interrupted(64, 27).blocks(size);
        rig.run(|_, _| Answer::Good);
        staged(&rig);
        assert!(rig.wanted.is_some_and(|(_, offset)| offset >= 1282));
        assert_eq!(rig.asked[0].number, first, "{size}");
        assert_eq!(rig.asked.len(), 1794usize.div_ceil(size) - first as usize);
    }
}

/// Block 1 of 1024 bytes is cut to the 64 bytes from 1024 on, which come before the offset.
#[test]
fn a_reset_goes_on_where_a_server_cuts_smaller_than_it_is_asked() {
    let mut rig = interrupted(64, 27).blocks(1024);
    rig.server.most = Szx::fitting(64);
    rig.run(|_, _| Answer::Good);
    staged(&rig);
    assert_eq!(rig.numbers()[..2], [1, 20]);
    assert_eq!(rig.asked.len(), 1 + 29 - 20);
}

#[test]
fn a_whole_file_instead_of_the_rest_begins_anew() {
    let mut rig = interrupted(64, 27);
    rig.run(|_, _| Answer::Whole);
    staged(&rig);
    assert_eq!(rig.numbers(), [20]);
}

#[test]
fn a_whole_file_without_a_tag_is_not_joined_to_what_was_there() {
    for reset in [false, true] {
        let mut rig = Rig::new().blocks(64);
        rig.server.tag = vec![];
        rig.fetch(URI);
        rig.run_while(|_, n| (n < 27).then_some(Answer::Good));
        if reset {
            rig = rig.reset();
        }
        rig.server.file = package("one-version.suit");
        rig.run(|_, _| Answer::Whole);
        assert_eq!(rig.what(), What::Done);
        // Over a reset the updater does not go on with a file that has no tag.
        assert_eq!(rig.numbers().last(), Some(if reset { &0 } else { &27 }));
    }
}

#[test]
fn a_server_may_leave_the_tag_out_of_later_blocks() {
    let mut rig = Rig::new().blocks(64);
    rig.fetch(URI);
    rig.run(|n, server| {
        server.tag = if n % 7 == 0 { b"v1".to_vec() } else { vec![] };
        Answer::Good
    });
    staged(&rig);
    assert_eq!(rig.asked.len(), 29);
}

#[test]
fn a_whole_file_in_the_middle_of_blocks_begins_anew() {
    let mut rig = Rig::new().blocks(64);
    rig.fetch(URI);
    rig.run(|n, _| if n == 20 { Answer::Whole } else { Answer::Good });
    staged(&rig);
    assert_eq!(rig.asked.len(), 21);
}

#[test]
fn another_file_by_the_time_of_the_resume_begins_anew() {
    let mut rig = interrupted(64, 27);
    rig.server.tag = b"v2".to_vec();
    rig.run(|_, _| Answer::Good);
    staged(&rig);
    assert_eq!(rig.numbers()[..3], [20, 0, 1]);
    assert_eq!(rig.asked.len(), 1 + 29);
}

#[test]
fn a_tag_that_changes_on_the_way_begins_anew_once() {
    for at in [1, 3, 10, 28] {
        let mut rig = Rig::new().blocks(64);
        rig.fetch(URI);
        rig.run(|n, server| {
            if n == at {
                server.tag = b"v2".to_vec();
            }
            Answer::Good
        });
        staged(&rig);
        assert_eq!(rig.asked.len(), at + 1 + 29);
        assert_eq!(rig.numbers()[at + 1], 0);
    }
}

#[test]
fn a_block_that_is_no_longer_there_at_the_resume_begins_anew() {
    let mut rig = interrupted(64, 27);
    rig.run(|n, _| if n == 0 { Answer::Code(fwupd_coap::spec::Code::BAD_REQUEST) } else { Answer::Good });
    staged(&rig);
    assert_eq!(rig.numbers()[..3], [20, 0, 1]);
}
