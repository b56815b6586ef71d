//! Bodies in blocks. A name of digits is a figure of RFC 7959, section 3; "1:2/0/128" there is Block1, number 2,
//! no more blocks, 128 bytes.

use fwupd_coap::block::{BadBlock, Block, Szx};
use fwupd_coap::body::{Cut, NoBlock, etag};
use fwupd_coap::endpoint::{Endpoint, Params, Received};
use fwupd_coap::fetch::{Answer, Fetch, Piece};
use fwupd_coap::message::{Kind, Message, Token, Writer};
use fwupd_coap::spec::{Code, option};
use fwupd_coap::upload::{Send, Sent, Upload, Verdict};

fn block(number: u32, more: u8, size: usize) -> Block {
    assert_eq!(Szx::fitting(size).size(), size);
    Block { number, more: more == 1, szx: Szx::fitting(size) }
}

type Asked = Result<Option<Block>, BadBlock>;

fn asked(number: u32, size: usize) -> Asked {
    Ok(Some(block(number, 0, size)))
}

/// What a body of 300 bytes is cut into, with blocks of 128 bytes if nobody asks for smaller ones.
fn cut(of: Asked) -> Option<Block> {
    Cut::of(300, of, Szx::fitting(128)).unwrap().block
}

#[test]
fn figure_2_a_body_is_cut_without_being_asked() {
    assert_eq!(cut(Ok(None)), Some(block(0, 1, 128)));
    assert_eq!(cut(asked(1, 128)), Some(block(1, 1, 128)));
    assert_eq!(cut(asked(2, 128)), Some(block(2, 0, 128)));
}

#[test]
fn figure_3_the_first_request_asks_for_a_smaller_size() {
    for number in 0..4 {
        assert_eq!(cut(asked(number, 64)), Some(block(number, 1, 64)));
    }
    assert_eq!(cut(asked(4, 64)), Some(block(4, 0, 64)));
}

#[test]
fn figure_4_a_later_request_asks_for_a_smaller_size() {
    assert_eq!(cut(Ok(None)), Some(block(0, 1, 128)));
    assert_eq!(cut(asked(2, 64)), Some(block(2, 1, 64)));
    assert_eq!(Cut::of(300, asked(4, 64), Szx::MAX).unwrap().length, 300 - 256);
}

#[test]
fn a_larger_block_than_is_given_keeps_its_offset() {
    let cut = Cut::of(5_000, asked(3, 1024), Szx::fitting(256)).unwrap();
    assert_eq!((cut.offset, cut.length, cut.block), (3_072, 256, Some(block(12, 1, 256))));
}

#[test]
fn there_is_no_block_past_the_end_and_an_empty_body_has_one() {
    assert_eq!(Cut::of(300, asked(3, 128), Szx::MAX), Err(NoBlock));
    assert_eq!(Cut::of(256, asked(2, 128), Szx::MAX), Err(NoBlock), "the end is no block");
    assert_eq!(Cut::of(300, asked(Block::NUMBER_MAX, 1024), Szx::MAX), Err(NoBlock));
    assert_eq!(Cut::of(300, Err(BadBlock::Reserved), Szx::MAX), Err(NoBlock));
    assert_eq!(Cut::of(0, asked(0, 64), Szx::MAX).unwrap().block, Some(block(0, 0, 64)));
    assert_eq!(Cut::of(0, asked(1, 64), Szx::MAX), Err(NoBlock));
    let whole = Cut::of(128, Ok(None), Szx::fitting(128)).unwrap();
    assert_eq!((whole.block, whole.length), (None, 128), "what fits one block is not cut");
}

#[test]
fn a_block_is_written_with_its_etag_its_size_and_its_format() {
    let body: Vec<u8> = (0..300u32).map(|n| n as u8).collect();
    let mut out = [0; 256];
    let mut writer = Writer::new(&mut out, Kind::Acknowledgement, Code::CONTENT, 1, Token::EMPTY);
    Cut::of(300, asked(2, 128), Szx::MAX).unwrap().write(&body, Some(42), &mut writer);
    let length = writer.finish().unwrap();
    let message = Message::parse(&out[..length]).unwrap();
    assert_eq!(message.etag(), Some(&etag(&body)[..]));
    assert_eq!((message.content_format(), message.size2()), (Some(42), Some(300)));
    assert_eq!(message.block2(), Ok(Some(block(2, 0, 128))));
    assert_eq!(message.payload, &body[256..]);
    assert_ne!(etag(&body), etag(&body[1..]));
    // http://www.isthe.com/chongo/src/fnv/test_fnv.c: FNV-1a of "foobar".
    assert_eq!(etag(b"foobar"), [0xbf, 0x9c, 0xf9, 0x68]);
}

/// Gives a block of that number and size to a receiver that takes all it may.
fn give(upload: &mut Upload<u8>, block: Block, length: usize) -> Verdict {
    let verdict = upload.judge(&1, Ok(Some(block)), length);
    if verdict.code().is_none() {
        upload.taken(1, Some(block), length, 0);
    }
    verdict
}

#[test]
fn figures_7_and_9_blocks_are_taken_in_order_also_when_they_get_smaller() {
    let mut upload = Upload::new();
    assert_eq!(give(&mut upload, block(0, 1, 128), 128), Verdict::Start { last: false });
    assert_eq!(give(&mut upload, block(1, 1, 128), 128), Verdict::Next { offset: 128, last: false });
    assert_eq!(give(&mut upload, block(2, 0, 128), 44), Verdict::Next { offset: 256, last: true });
    assert_eq!(upload.under_way(), None);
    assert_eq!(give(&mut upload, block(0, 1, 128), 128), Verdict::Start { last: false });
    assert_eq!(give(&mut upload, block(4, 1, 32), 32), Verdict::Next { offset: 128, last: false });
    assert_eq!(give(&mut upload, block(5, 1, 32), 32), Verdict::Next { offset: 160, last: false });
    assert_eq!(give(&mut upload, block(3, 1, 64), 64), Verdict::Next { offset: 192, last: false });
    assert_eq!(give(&mut upload, block(16, 0, 16), 3), Verdict::Next { offset: 256, last: true });
}

#[test]
fn a_new_first_block_begins_anew() {
    let mut upload = Upload::new();
    give(&mut upload, block(0, 1, 64), 64);
    give(&mut upload, block(1, 1, 64), 64);
    assert_eq!(give(&mut upload, block(0, 1, 32), 32), Verdict::Start { last: false });
    assert_eq!(upload.under_way(), Some((&1, 32)));
    assert_eq!(give(&mut upload, block(1, 1, 32), 32), Verdict::Next { offset: 32, last: false });
}

#[test]
fn a_repeated_block_is_taken_once_and_a_late_old_one_does_not_abort() {
    let mut upload = Upload::new();
    for number in 0..4 {
        give(&mut upload, block(number, 1, 64), 64);
    }
    assert_eq!(give(&mut upload, block(3, 1, 64), 64), Verdict::Repeated);
    assert_eq!(give(&mut upload, block(1, 1, 64), 64), Verdict::Repeated);
    assert_eq!(give(&mut upload, block(1, 1, 128), 128), Verdict::Repeated, "the same bytes in other blocks");
    assert_eq!(Verdict::Repeated.code(), Some(Code::CONTINUE));
    assert_eq!(give(&mut upload, block(1, 1, 256), 256), Verdict::Next { offset: 256, last: false });
    assert_eq!(give(&mut upload, block(9, 0, 64), 1), Verdict::Incomplete);
    assert_eq!(give(&mut upload, block(8, 0, 64), 1), Verdict::Next { offset: 512, last: true });
}

#[test]
fn a_missing_block_is_told_and_what_was_begun_goes_on() {
    let mut upload = Upload::new();
    assert_eq!(give(&mut upload, block(3, 1, 64), 64), Verdict::Incomplete, "nothing was begun");
    assert_eq!(upload.under_way(), None);
    give(&mut upload, block(0, 1, 64), 64);
    assert_eq!(give(&mut upload, block(2, 1, 64), 64), Verdict::Incomplete);
    assert_eq!(give(&mut upload, block(0, 1, 16), 15), Verdict::Bad);
    assert_eq!(give(&mut upload, block(1, 1, 64), 65), Verdict::Bad);
    assert_eq!(give(&mut upload, block(1, 0, 64), 65), Verdict::Bad);
    assert_eq!(upload.judge(&1, Err(BadBlock::Reserved), 64), Verdict::Bad);
    assert_eq!(upload.judge(&2, Ok(Some(block(1, 1, 64))), 64), Verdict::Incomplete, "of another peer");
    assert_eq!(give(&mut upload, block(1, 1, 64), 64), Verdict::Next { offset: 64, last: false });
    assert_eq!(Verdict::Incomplete.code(), Some(Code::of(4, 8)));
    assert_eq!(Verdict::Bad.code(), Some(Code::of(4, 0)));
}

#[test]
fn a_body_without_blocks_is_whole_and_ends_what_was_begun() {
    let mut upload = Upload::new();
    upload.taken(1, Some(block(0, 1, 64)), 64, 500);
    assert_eq!(upload.last(), Some(500));
    assert_eq!(upload.judge(&1, Ok(None), 2_000), Verdict::Start { last: true });
    upload.taken(1, None, 2_000, 600);
    assert_eq!(upload.last(), None);
}

/// A body is sent to a receiver that answers each block so; says which blocks it has got, and the end.
fn exchange(
    size: u32,
    with: Szx,
    answer: impl Fn(Block, usize) -> (Code, Option<Block>),
) -> (Vec<Block>, Code) {
    let body: Vec<u8> = (0..size).map(|n| (n * 7) as u8).collect();
    let (mut send, mut got, mut blocks) = (Send::new(size, with), Vec::<u8>::new(), vec![]);
    loop {
        let mut out = [0; 1100];
        let mut writer = Writer::new(&mut out, Kind::Confirmable, Code::PUT, 0, Token::EMPTY);
        send.write(&body, &mut writer);
        let length = writer.finish().unwrap();
        let message = Message::parse(&out[..length]).unwrap();
        let block = message.block1().unwrap().unwrap();
        assert_eq!(message.size1(), (block.number == 0).then_some(size));
        blocks.push(block);
        let (code, answer) = answer(block, blocks.len());
        if code.is_success() {
            got.truncate(block.offset() as usize);
            assert_eq!(got.len(), block.offset() as usize);
            got.extend(message.payload);
        }
        if let Sent::Done(code) = send.answered(code, answer) {
            if code.is_success() {
                assert_eq!(got, body);
            }
            return (blocks, code);
        }
    }
}

#[test]
fn figures_7_and_8_a_body_is_sent_to_a_receiver_of_the_whole_or_of_each_block() {
    let want = vec![block(0, 1, 128), block(1, 1, 128), block(2, 0, 128)];
    let whole = |got: Block, _| (if got.more { Code::CONTINUE } else { Code::CHANGED }, Some(got));
    assert_eq!(exchange(300, Szx::fitting(128), whole), (want.clone(), Code::CHANGED));
    let each = |got: Block, _| (Code::CHANGED, Some(Block { more: false, ..got }));
    assert_eq!(exchange(300, Szx::fitting(128), each), (want, Code::CHANGED));
}

#[test]
fn figure_9_the_receiver_asks_for_a_smaller_size() {
    let smaller = |got: Block, _| {
        let code = if got.more { Code::CONTINUE } else { Code::CHANGED };
        (code, Some(Block { szx: Szx::fitting(32), ..got }))
    };
    let want = vec![block(0, 1, 128), block(4, 1, 32), block(5, 1, 32), block(6, 0, 32)];
    assert_eq!(exchange(220, Szx::fitting(128), smaller), (want, Code::CHANGED));
}

#[test]
fn a_block_that_is_too_large_is_sent_again_in_a_smaller_size() {
    let small = |got: Block, _| match (got.szx.size() > 64, got.more) {
        (true, _) => (Code::REQUEST_ENTITY_TOO_LARGE, Some(block(0, 0, 64))),
        (false, true) => (Code::CONTINUE, Some(got)),
        (false, false) => (Code::CHANGED, Some(got)),
    };
    let want = [block(0, 1, 1024), block(0, 1, 64), block(1, 1, 64), block(2, 0, 64)];
    assert_eq!(exchange(1_100, Szx::MAX, small).0[..3], want[..3]);
    assert_eq!(exchange(150, Szx::fitting(128), small).0[1..], want[1..]);
    let never = |_, _| (Code::REQUEST_ENTITY_TOO_LARGE, None);
    assert_eq!(exchange(150, Szx::fitting(128), never).1, Code::of(4, 13), "without a size it is the answer");
}

#[test]
fn a_receiver_that_has_lost_the_body_gets_it_from_the_start_but_not_for_ever() {
    let once = |got: Block, count| match (count, got.more) {
        (3, _) => (Code::REQUEST_ENTITY_INCOMPLETE, None),
        (_, true) => (Code::CONTINUE, Some(got)),
        (_, false) => (Code::CHANGED, Some(got)),
    };
    let (blocks, code) = exchange(200, Szx::fitting(64), once);
    let numbers: Vec<u32> = blocks.iter().map(|block| block.number).collect();
    assert_eq!((numbers, code), (vec![0, 1, 2, 0, 1, 2, 3], Code::CHANGED));
    let always = |got: Block, _| match got.number {
        0 => (Code::CONTINUE, Some(got)),
        _ => (Code::REQUEST_ENTITY_INCOMPLETE, None),
    };
    let (blocks, code) = exchange(200, Szx::fitting(64), always);
    assert_eq!((blocks.len(), code), (8, Code::REQUEST_ENTITY_INCOMPLETE));
}

#[test]
fn a_body_longer_than_its_blocks_can_be_numbered_is_not_written() {
    assert!(Send::new(u32::MAX, Szx::MIN).next().is_some());
    let mut send = Send::new(u32::MAX, Szx::MIN);
    for number in 0..=Block::NUMBER_MAX {
        let (block, _) = send.next().unwrap();
        assert_eq!(block.number, number);
        assert_eq!(send.answered(Code::CONTINUE, Some(block)), Sent::More);
    }
    assert_eq!(send.next(), None);
}

/// What a client that wants the byte at `at` makes of a block with so many bytes.
fn answered(fetch: &mut Fetch, block: Option<Block>, length: usize) -> Answer {
    let mut out = [0; 1100];
    let mut writer = Writer::new(&mut out, Kind::Acknowledgement, Code::CONTENT, 1, Token::EMPTY);
    if let Some(block) = block {
        writer.block(option::BLOCK2, block);
    }
    writer.payload(&vec![7; length]);
    let length = writer.finish().unwrap();
    fetch.answer(&Message::parse(&out[..length]).unwrap())
}

#[test]
fn a_body_that_has_become_shorter_is_asked_for_anew_and_then_is_lost() {
    let mut fetch = Fetch::new(1_282, Szx::fitting(64));
    assert_eq!(fetch.ask(), Some(block(20, 0, 64)));
    assert_eq!(answered(&mut fetch, Some(block(20, 0, 64)), 1), Answer::AskAgain, "it ends at 1281");
    assert_eq!((fetch.at(), fetch.ask()), (0, Some(block(0, 0, 64))));
    let mut fetch = Fetch::new(1_282, Szx::fitting(64));
    let end = Answer::Piece(Piece { offset: 1_280, first: true, last: true });
    assert_eq!(answered(&mut fetch, Some(block(20, 0, 64)), 2), end, "nothing is missing");
    let mut fetch = Fetch::new(0, Szx::MAX);
    fetch.taken(640);
    assert_eq!(answered(&mut fetch, Some(block(1, 0, 64)), 10), Answer::AskAgain);
    fetch.taken(640);
    assert_eq!(answered(&mut fetch, Some(block(1, 0, 64)), 10), Answer::Lost, "once");
}

#[test]
fn an_empty_body_is_one_piece() {
    let end = Answer::Piece(Piece { offset: 0, first: true, last: true });
    assert_eq!(answered(&mut Fetch::new(0, Szx::MAX), None, 0), end);
    assert_eq!(answered(&mut Fetch::new(0, Szx::MAX), Some(block(0, 0, 16)), 0), end);
}

#[test]
fn a_block_that_is_not_as_its_option_says_is_of_no_use() {
    for (of, length) in
        [(block(0, 1, 64), 63), (block(0, 1, 64), 65), (block(0, 0, 64), 65), (block(0, 1, 64), 0)]
    {
        assert_eq!(answered(&mut Fetch::new(0, Szx::MAX), Some(of), length), Answer::Lost, "{of}");
    }
    assert_eq!(
        answered(&mut Fetch::new(0, Szx::MAX), Some(block(1, 1, 64)), 64),
        Answer::Lost,
        "it was skipped"
    );
}

/// A receiver of blocks behind the message layer: what it delivers, and what goes back.
struct Receiver {
    node: Endpoint<u8, 1, 64>,
    upload: Upload<u8>,
    delivered: Vec<u32>,
}

impl Receiver {
    fn give(&mut self, datagram: &[u8]) -> Vec<u8> {
        let mut out = [0; 64];
        let length = match self.node.receive(1, datagram, 0, &mut out) {
            Received::Send(length) => length,
            Received::Request(exchange, message) => {
                let (block, length) = (message.block1(), message.payload.len());
                let verdict = self.upload.judge(&1, block, length);
                let of = block.unwrap().unwrap();
                let code = verdict.code().unwrap_or_else(|| {
                    self.delivered.push(of.number);
                    self.upload.taken(1, Some(of), length, 0);
                    if of.more { Code::CONTINUE } else { Code::CHANGED }
                });
                let write = |to: &mut Writer<'_>| _ = to.block(option::BLOCK1, of);
                self.node.respond(exchange, code, 0, &mut out, write).unwrap()
            }
            other @ (Received::Nothing | Received::Response { .. } | Received::Stray { .. }) => {
                panic!("{other:?}")
            }
            other @ (Received::Acknowledged(_) | Received::Reset(_)) => panic!("{other:?}"),
        };
        out[..length].to_vec()
    }
}

#[test]
fn each_block_is_answered_with_its_token_and_its_block_and_delivered_once() {
    let mut receiver =
        Receiver { node: Endpoint::new(Params::default(), 1), upload: Upload::new(), delivered: vec![] };
    // CON PUT /5/0/0, Block1 0/1/16.
    let first = b"\x41\x03\x00\x01\xa1\xb15\x010\x010\xd1\x03\x08\xff0123456789abcdef";
    assert_eq!(receiver.give(first), b"\x61\x5f\x00\x01\xa1\xd1\x0e\x08");
    assert_eq!(receiver.give(first), b"\x61\x5f\x00\x01\xa1\xd1\x0e\x08", "a duplicate");
    let third = b"\x41\x03\x00\x02\xa2\xb15\x010\x010\xd1\x03\x28\xff0123456789abcdef";
    assert_eq!(receiver.give(third), b"\x61\x88\x00\x02\xa2\xd1\x0e\x28", "the second is missing");
    let second = b"\x41\x03\x00\x03\xa3\xb15\x010\x010\xd1\x03\x18\xff0123456789abcdef";
    assert_eq!(receiver.give(second), b"\x61\x5f\x00\x03\xa3\xd1\x0e\x18");
    let again = b"\x41\x03\x00\x04\xa3\xb15\x010\x010\xd1\x03\x18\xff0123456789abcdef";
    assert_eq!(receiver.give(again), b"\x61\x5f\x00\x04\xa3\xd1\x0e\x18", "under another identifier");
    assert_eq!(receiver.give(first), b"\x61\x5f\x00\x01\xa1\xd1\x0e\x08", "a late duplicate");
    let last = b"\x41\x03\x00\x05\xa4\xb15\x010\x010\xd1\x03\x20\xff0123";
    assert_eq!(receiver.give(last), b"\x61\x44\x00\x05\xa4\xd1\x0e\x20");
    assert_eq!(receiver.delivered, [0, 1, 2]);
}
