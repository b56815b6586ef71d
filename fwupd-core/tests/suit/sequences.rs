//! Bad command sequences, in manifests that are well signed and otherwise good.

use ciborium::Value;
use fwupd_core::package::Stage;

use super::device::{accepted, refused};
use super::maker::{FW, Manifest, arr, bytes, enc, install, map, parameters, seq, sha, suit_digest, v, wrap};

/// Elements of the manifest that are sequences.
const VALIDATE: i64 = 7;
const INVOKE: i64 = 9;
const INSTALL: i64 = 20;

/// The good manifest with this shared sequence behind the parameters and the conditions.
fn shared_and(command: i64, argument: Value) -> Vec<u8> {
    let set = (20, Value::Map(parameters()));
    Manifest::good().shared(seq([set, (1, v(15)), (2, v(15)), (command, argument)])).file()
}

/// The good manifest with one more command in this sequence, at its end.
fn and(sequence: i64, command: i64, argument: Value) -> Vec<u8> {
    let changed = match sequence {
        VALIDATE => seq([(3, v(15)), (command, argument)]),
        INVOKE => seq([(23, v(2)), (command, argument)]),
        _ => seq([(20, map([(21, v("#fw"))])), (21, v(2)), (3, v(15)), (command, argument)]),
    };
    Manifest::good().with(sequence, changed).file()
}

#[test]
fn s46_s47_a_command_that_is_not_known_is_refused_in_every_sequence() {
    // Of the draft and its extensions, unassigned, and beyond.
    for command in [
        0, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 18, 19, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34,
        35, 63, 64, 255, 256, 1000,
    ] {
        for argument in [v(0), v(15), map([(21, v("#fw"))]), arr([bytes([]), bytes([])])] {
            refused(&shared_and(command, argument.clone()), Stage::Plan);
            for sequence in [VALIDATE, INVOKE, INSTALL] {
                refused(&and(sequence, command, argument.clone()), Stage::Plan);
            }
        }
    }
    for command in [-1, -257, -1000] {
        refused(&shared_and(command, v(0)), Stage::Manifest);
        for sequence in [VALIDATE, INVOKE, INSTALL] {
            refused(&and(sequence, command, v(0)), Stage::Manifest);
        }
    }
}

#[test]
fn s47_the_shared_sequence_has_no_side_effects() {
    for command in [3, 21, 23] {
        refused(&shared_and(command, v(2)), Stage::Plan);
    }
    refused(&shared_and(20, map([(21, v("#fw"))])), Stage::Plan);
}

#[test]
fn s49_a_sequence_of_another_form_is_refused() {
    const SHARED: i64 = 0;
    let put = |sequence, bytes| match sequence {
        SHARED => Manifest::good().shared(bytes).file(),
        _ => Manifest::good().with(sequence, bytes).file(),
    };
    for (sequence, good) in [
        (SHARED, seq([(20, Value::Map(parameters())), (1, v(15)), (2, v(15))])),
        (INSTALL, install("#fw")),
        (VALIDATE, seq([(3, v(15)), (12, v(0)), (3, v(15))])),
        (INVOKE, seq([(23, v(2)), (12, v(0)), (23, v(2))])),
    ] {
        accepted(&put(sequence, good.clone()));
        let good = good.into_bytes().unwrap();
        assert_eq!(good[0], 0x86);
        let commands = &good[1..];
        for bad in [
            vec![],
            vec![0x80],
            vec![0xa0],
            vec![0x05],
            enc(&arr([v(21)])),
            enc(&map([(21, v(2))])),
            enc(&arr([arr([v(21), v(2)])])),
            enc(&bytes(&good)),
            [&good[..], &[0]].concat(),
            [&[0x84][..], commands].concat(),
            [&[0x85][..], commands].concat(),
            [&[0x88][..], commands].concat(),
            [&[0x98, 6][..], commands].concat(),
            [&[0x9f][..], commands, &[0xff]].concat(),
            [&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255][..], commands].concat(),
            [&[0x9b, 255, 255, 255, 255, 255, 255, 255, 254][..], commands].concat(),
        ] {
            refused(&put(sequence, bytes(&bad)), Stage::Manifest);
        }
        for len in 0..good.len() {
            refused(&put(sequence, bytes(&good[..len])), Stage::Manifest);
        }
        for unwrapped in [arr([v(3), v(15)]), v(0), Value::Null, map([])] {
            refused(&put(sequence, unwrapped), Stage::Manifest);
        }
    }
}

#[test]
fn s49_a_reporting_policy_is_an_integer_of_four_bits() {
    for policy in [v(16), v(255), v(u64::MAX), v(-1), v("2"), v(true), Value::Null, bytes([2]), arr([v(2)])] {
        refused(&Manifest::good().with(VALIDATE, seq([(3, policy.clone())])).file(), Stage::Manifest);
        refused(&Manifest::good().with(INVOKE, seq([(23, policy.clone())])).file(), Stage::Manifest);
        refused(&shared_and(1, policy.clone()), Stage::Manifest);
        let install = seq([(20, map([(21, v("#fw"))])), (21, policy)]);
        refused(&Manifest::good().with(INSTALL, install).file(), Stage::Manifest);
    }
}

#[test]
fn s49_parameters_of_another_form_are_refused() {
    for bad in [map([]), arr([]), v(2), Value::Null, bytes([]), wrap(&map([(21, v("#fw"))]))] {
        refused(&and(INSTALL, 20, bad.clone()), Stage::Manifest);
        refused(&shared_and(20, bad), Stage::Manifest);
    }
}

#[test]
fn s49_more_than_64_commands_are_refused() {
    let many = |count: usize| {
        let mut items = vec![v(3), v(15)];
        items.extend([v(12), v(0)].into_iter().cycle().take(2 * count - 2));
        Manifest::good().with(VALIDATE, wrap(&Value::Array(items))).file()
    };
    accepted(&many(64));
    refused(&many(65), Stage::Plan);
}

#[test]
fn s50_policy_0_and_the_component_index_0_are_accepted() {
    for policy in 0..=15 {
        let manifest = Manifest::good()
            .shared(seq([(20, Value::Map(parameters())), (1, v(policy)), (2, v(policy))]))
            .with(VALIDATE, seq([(3, v(policy))]))
            .with(INVOKE, seq([(23, v(policy))]))
            .with(INSTALL, seq([(20, map([(21, v("#fw"))])), (21, v(policy)), (3, v(policy))]));
        accepted(&manifest.file());
    }
    let set = (20, Value::Map(parameters()));
    let manifest = Manifest::good()
        .shared(seq([(12, v(0)), set, (1, v(15)), (2, v(15))]))
        .with(VALIDATE, seq([(12, v(0)), (3, v(15))]))
        .with(INVOKE, seq([(12, v(0)), (23, v(2))]))
        .with(INSTALL, seq([(12, v(0)), (20, map([(21, v("#fw"))])), (21, v(2))]));
    accepted(&manifest.file());
}

#[test]
fn s51_another_component_index_is_refused() {
    for index in [v(1), v(1u64 << 32), v(u64::MAX)] {
        for sequence in [VALIDATE, INVOKE, INSTALL] {
            refused(&and(sequence, 12, index.clone()), Stage::Plan);
        }
        refused(&shared_and(12, index), Stage::Plan);
    }
    for index in [v(-1), v(false), v(true), arr([v(0)]), Value::Null, bytes([0])] {
        refused(&shared_and(12, index), Stage::Manifest);
    }
}

#[test]
fn s57_deep_nesting_of_sequences_is_refused_with_a_bounded_stack() {
    // Branches of a try-each, one in the other, and sequences that are run, one in the other.
    let tried = (0..64).fold(seq([(3, v(15))]), |inner, _| seq([(15, arr([inner, seq([(3, v(15))])]))]));
    let run = (0..200).fold(seq([(3, v(15))]), |inner, _| seq([(32, inner)]));
    for deep in [tried, run] {
        for sequence in [VALIDATE, INVOKE, INSTALL] {
            refused(&Manifest::good().with(sequence, deep.clone()).file(), Stage::Plan);
        }
        refused(&Manifest::good().shared(deep).file(), Stage::Plan);
    }
}

#[test]
fn s58_a_command_in_a_sequence_where_it_has_no_place_is_refused() {
    refused(&and(INSTALL, 23, v(2)), Stage::Plan);
    refused(&and(VALIDATE, 21, v(2)), Stage::Plan);
    refused(&and(VALIDATE, 23, v(2)), Stage::Plan);
    refused(&and(INVOKE, 21, v(2)), Stage::Plan);
    refused(&and(INVOKE, 3, v(15)), Stage::Plan);
    let other = map([(3, wrap(&suit_digest(sha("another image"))))]);
    let same = map([(3, wrap(&suit_digest(sha(FW))))]);
    for digest in [other, same, map([(14, v(7))]), map([(21, v("#fw"))])] {
        refused(&and(VALIDATE, 20, digest.clone()), Stage::Plan);
        refused(&and(INVOKE, 20, digest), Stage::Plan);
    }
    for identity in [map([(1, bytes([0; 16]))]), map([(2, bytes([0; 16]))]), map([(14, v(7))])] {
        refused(&and(INSTALL, 20, identity), Stage::Plan);
    }
}

#[test]
fn s59_a_sequence_that_does_not_do_its_work_is_refused() {
    let uri = || (20, map([(21, v("#fw"))]));
    refused(&Manifest::good().without(VALIDATE).file(), Stage::Plan);
    refused(&Manifest::good().without(INSTALL).file(), Stage::Plan);
    refused(&Manifest::good().with(VALIDATE, seq([(1, v(15)), (2, v(15))])).file(), Stage::Plan);
    refused(&Manifest::good().with(INVOKE, seq([(1, v(15)), (2, v(15))])).file(), Stage::Plan);
    for install in [
        seq([uri()]),
        seq([(3, v(15))]),
        seq([uri(), (3, v(15))]),
        seq([(21, v(2))]),
        seq([(21, v(2)), uri()]),
        seq([uri(), (21, v(2)), (21, v(2))]),
        seq([uri(), (21, v(2)), (3, v(15)), (21, v(2))]),
        seq([uri(), (21, v(2)), (20, map([(21, v("#b"))])), (21, v(2))]),
        seq([uri(), (3, v(15)), (21, v(2))]),
    ] {
        refused(&Manifest::good().with(INSTALL, install).file(), Stage::Plan);
    }
}

#[test]
fn s60_without_invoke_or_without_a_match_in_install_it_is_accepted() {
    accepted(&Manifest::good().without(INVOKE).file());
    accepted(&Manifest::good().with(INSTALL, seq([(20, map([(21, v("#fw"))])), (21, v(2))])).file());
}

#[test]
fn a_fetch_takes_the_uri_that_is_set_when_it_runs() {
    let uri = |uri: &str| (20, map([(21, v(uri))]));
    accepted(&Manifest::good().with(INSTALL, seq([uri("#a"), uri("#fw"), (21, v(2))])).file());
    accepted(&Manifest::good().with(INSTALL, seq([uri("#fw"), (21, v(2)), uri("#b")])).file());
    refused(&Manifest::good().with(INSTALL, seq([uri("#a"), (21, v(2)), uri("#fw")])).file(), Stage::Payload);
}

#[test]
fn conditions_may_be_asked_again_in_every_sequence() {
    let again = |command, argument| seq([(1, v(15)), (2, v(15)), (command, argument)]);
    let manifest = Manifest::good()
        .with(VALIDATE, again(3, v(15)))
        .with(INVOKE, again(23, v(2)))
        .with(INSTALL, seq([(1, v(15)), (20, map([(21, v("#fw"))])), (2, v(15)), (21, v(2))]));
    accepted(&manifest.file());
}

#[test]
fn the_form_of_every_sequence_is_told_before_any_of_them_runs() {
    let mut other = parameters();
    other[0].1 = bytes([0; 16]);
    let other = Manifest::of(other);
    refused(&other.file(), Stage::Identity);
    for sequence in [VALIDATE, INVOKE, INSTALL] {
        refused(&other.clone().with(sequence, seq([(99, v(0))])).file(), Stage::Plan);
        refused(&other.clone().with(sequence, bytes([])).file(), Stage::Manifest);
    }
}
