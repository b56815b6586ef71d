//! Observing, RFC 7641.

use fwupd_coap::endpoint::{Endpoint, Flight, Params};
use fwupd_coap::message::{Kind, Token};
use fwupd_coap::observe::{Observers, Seen};
use fwupd_coap::spec::Code;

type List = Observers<u8, &'static str, (), 3>;

fn token(bytes: &[u8]) -> Token {
    Token::new(bytes).unwrap()
}

fn keys(list: &List) -> Vec<&'static str> {
    list.iter().map(|observer| observer.key).collect()
}

/// Two messages that were sent.
fn flights() -> (Flight, Flight) {
    let mut node = Endpoint::<u8, 2, 64>::new(Params::default(), 1);
    let mut notify = || node.notify(1, token(b"a"), Kind::Confirmable, Code::CONTENT, 0, |_| ()).unwrap();
    (notify(), notify())
}

#[test]
fn the_same_token_or_the_same_key_of_a_peer_replaces_and_does_not_add() {
    let mut list = List::new();
    list.register(1, token(b"a"), "/3", ()).unwrap();
    list.register(1, token(b"a"), "/5", ()).unwrap();
    assert_eq!(keys(&list), ["/5"], "the token stands for one observation");
    list.register(1, token(b"b"), "/5", ()).unwrap();
    assert_eq!(list.iter().map(|observer| observer.token).collect::<Vec<_>>(), [token(b"b")]);
    list.register(2, token(b"b"), "/5", ()).unwrap();
    assert_eq!(keys(&list).len(), 2, "of another peer");
    list.register(1, token(b"c"), "/3", ()).unwrap();
    assert!(list.register(1, token(b"d"), "/1", ()).is_none(), "the list is full");
    assert!(list.register(1, token(b"c"), "/3", ()).is_some(), "but has room for what is there already");
}

#[test]
fn an_observation_ends_by_its_token_or_by_a_reset_of_its_last_notification() {
    let mut list = List::new();
    let (first, second) = flights();
    list.register(1, token(b"a"), "/3", ()).unwrap().flight = Some(first);
    list.register(1, token(b"b"), "/5", ()).unwrap().flight = Some(second);
    assert!(!list.cancel(2, token(b"a")), "of another peer");
    assert!(!list.reset(2, first), "of another peer");
    assert!(list.reset(1, first));
    assert_eq!(keys(&list), ["/5"]);
    assert!(!list.reset(1, first));
    assert!(list.cancel(1, token(b"b")));
    assert!(keys(&list).is_empty());
    list.register(1, token(b"b"), "/5", ()).unwrap().flight = Some(second);
    assert!(!list.gave_up(first));
    assert!(list.gave_up(second));
}

#[test]
fn the_sequence_ascends_over_its_end_by_the_rule_of_the_client() {
    let mut list = List::new();
    let mut last = Seen { sequence: list.sequence(), at: 0 };
    let mut wrapped = false;
    for _ in 0..(1 << 24) + 10 {
        let next = Seen { sequence: list.sequence(), at: 0 };
        wrapped |= next.sequence < last.sequence;
        assert!(next.sequence < 1 << 24);
        assert!(last.is_older_than(&next) && !next.is_older_than(&last));
        last = next;
    }
    assert!(wrapped);
}

#[test]
fn a_notification_is_newer_by_half_the_numbers_or_by_128_seconds() {
    let newer = |v1, v2, after: u64| {
        Seen { sequence: v1, at: 5 }.is_older_than(&Seen { sequence: v2, at: 5 + after })
    };
    // RFC 7641 section 3.4: (V1 < V2 and V2 - V1 < 2^23) or (V1 > V2 and V1 - V2 > 2^23) or T2 > T1 + 128 s.
    assert!(newer(1, 2, 0));
    assert!(!newer(2, 1, 0));
    assert!(!newer(2, 2, 0));
    assert!(newer(0, (1 << 23) - 1, 0));
    assert!(!newer(0, 1 << 23, 0));
    assert!(!newer(1 << 23, 0, 0));
    assert!(newer((1 << 23) + 1, 0, 0));
    assert!(!newer(2, 1, 128_000));
    assert!(newer(2, 1, 128_001));
}
