//! The real bootloader is in the tests of `fwupd-testkit`; these are the cases that it cannot bring about.

use super::*;
use crate::flash::{NorFlashErrorKind, OpKind, Sectors};

const fn region(from: u32, to: u32) -> Region {
    Region { part: 0, from, to }
}

const LAYOUT: Layout = Layout {
    parts: &[Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 32, size: 1024 }] }],
    slots: &[region(0, 4096), region(4096, 8192)],
    journal: &[region(9216, 13312), region(13312, 17408)],
    factory_slot: ACTIVE,
};
const STATE: Region = region(20480, 22528);

const fn record(target: Option<SlotId>) -> BootRecord {
    BootRecord {
        running: ACTIVE,
        confirmed: ACTIVE,
        previous: None,
        target,
        left: 0,
        preset: None,
        event: None,
        bootable: 0,
        trials: 1,
        counter: 0,
        spare: [0; 16],
    }
}

#[test]
fn each_layout_that_the_bootloader_could_not_work_with_has_its_error() {
    let new = |layout: &Layout, state, page| Embassy::new(layout, state, page).err();
    assert_eq!(new(&LAYOUT, STATE, 1024), None);
    let slots = |slots: &'static [Region]| new(&Layout { slots, ..LAYOUT }, STATE, 1024);
    assert_eq!(slots(const { &[region(0, 4096)] }), Some(BadSwap::Slots));
    assert_eq!(slots(const { &[region(0, 4096), region(4096, 7168)] }), Some(BadSwap::Slots));
    assert_eq!(new(&Layout { factory_slot: DFU, ..LAYOUT }, STATE, 1024), Some(BadSwap::Slots));
    for page in [0, 3000, 8192] {
        assert_eq!(new(&LAYOUT, STATE, page), Some(BadSwap::Slots), "{page}");
    }
    // The page behind the second slot is the journal's.
    assert_eq!(new(&LAYOUT, STATE, 2048), Some(BadSwap::Overlap));
    assert_eq!(new(&LAYOUT, region(8192, 9216), 1024), Some(BadSwap::Overlap));
    assert_eq!(new(&LAYOUT, region(3072, 4096), 1024), Some(BadSwap::Overlap));
    for state in [region(20480, 22000), region(20000, 22528), region(20480, 20480), region(32768, 33792)] {
        assert_eq!(new(&LAYOUT, state, 1024), Some(BadSwap::Sectors), "{state:?}");
    }
    assert_eq!(new(&LAYOUT, Region { part: 1, ..STATE }, 1024), Some(BadSwap::Sectors));
    let parts = Box::leak(Box::new([LAYOUT.parts[0], Part { read: 8, ..LAYOUT.parts[0] }]));
    let slots = const { &[region(0, 4096), Region { part: 1, from: 4096, to: 8192 }] };
    assert_eq!(new(&Layout { parts, slots, ..LAYOUT }, STATE, 1024), Some(BadSwap::Units));
    // 2 + 4 * 4 words, so that those of 64 bytes do not go into a sector.
    let part = Part { write: 64, ..LAYOUT.parts[0] };
    let wide = Layout { parts: Box::leak(Box::new([part])), ..LAYOUT };
    assert_eq!(new(&wide, region(20480, 21504), 1024), Some(BadSwap::TooSmall));
    assert_eq!(new(&wide, STATE, 1024), None);
}

/// Words of a state partition, and an end of each run of the plan over it.
struct Bench {
    boot: Embassy,
    flash: Vec<u8>,
    /// What was done, one letter each.
    log: String,
    /// The operations that fail, counted from the first.
    fails: Vec<usize>,
}

impl Bench {
    fn new(words: &[u8]) -> Self {
        let mut flash = vec![0xFF; 2048];
        for (at, byte) in words.iter().enumerate() {
            flash[at * 4..at * 4 + 4].fill(*byte);
        }
        let boot = Embassy::new(&LAYOUT, STATE, 1024).unwrap();
        Self { boot, flash, log: String::new(), fails: Vec::new() }
    }

    fn ends(&mut self, want: Want, record: BootRecord) -> Plan {
        self.boot.begin(want, record);
        for n in 0..100 {
            match self.boot.plan() {
                Plan::Op => {}
                Plan::Record(_) => {
                    self.log.push('j');
                    self.boot.done(Ok(()));
                    continue;
                }
                end @ (Plan::Ask(_) | Plan::Done(_) | Plan::Failed) => return end,
            }
            let offset = |at: u32| (at - STATE.from) as usize;
            let (kind, at) = match self.boot.op().unwrap() {
                Op::Read { at, into, .. } => {
                    into.copy_from_slice(&self.flash[offset(at)..][..into.len()]);
                    (OpKind::Read, at)
                }
                Op::Write { at, bytes, .. } => {
                    let cells = &mut self.flash[offset(at)..][..bytes.len()];
                    cells.iter_mut().zip(bytes).for_each(|(cell, byte)| *cell &= byte);
                    self.log.push('w');
                    (OpKind::Write, at)
                }
                Op::Erase { from, to, .. } => {
                    self.flash[offset(from)..offset(to)].fill(0xFF);
                    self.log.push('e');
                    (OpKind::Erase, from)
                }
            };
            let fault = FlashFault { op: kind, part: 0, at, kind: NorFlashErrorKind::Other };
            self.boot.done(if self.fails.contains(&n) { Err(fault) } else { Ok(()) });
        }
        panic!("no end: {}", self.log)
    }
}

const OBSERVE: Want = Want::Observe;
const ARM: Want = Want::Arm { slot: DFU, trials: 1 };
const CONFIRM: Want = Want::Confirm { counter: 7 };
/// What a confirmation leaves.
const CONFIRMED: [u8; 2] = [BOOT, 0];
/// All four pages swapped.
const SWAPPED: [u8; 10] = [SWAP, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn a_swap_that_is_armed_is_no_trial_and_one_that_was_carried_out_is() {
    for done in 0..8 {
        let mut bench = Bench::new(&SWAPPED[..2 + done]);
        let end = bench.ends(OBSERVE, record(Some(DFU)));
        assert_eq!(end, Plan::Done(Seen { running: ACTIVE, trial: None, event: None }), "{done}");
        assert_eq!((bench.log.as_str(), bench.flash[0]), ("eeww", BOOT), "it must not come about later");
    }
    let mut bench = Bench::new(&SWAPPED);
    assert_eq!(
        bench.ends(OBSERVE, record(Some(DFU))),
        Plan::Done(Seen { running: ACTIVE, trial: Some(0), event: None })
    );
    assert_eq!(bench.log, "");
    // The bootloader takes a word whose bytes are not all programmed for one that is not.
    bench.flash[9 * 4 + 3] = 0xFF;
    assert_eq!(
        bench.ends(OBSERVE, record(Some(DFU))),
        Plan::Done(Seen { running: ACTIVE, trial: None, event: None })
    );
}

#[test]
fn that_the_bootloader_went_back_is_told_of_an_activation_alone() {
    let event = |target| {
        let end = Bench::new(&[REVERT]).ends(OBSERVE, record(target));
        let Plan::Done(seen) = end else { panic!("{end:?}") };
        seen.event
    };
    assert_eq!(event(Some(DFU)), Some(BootEvent::Reverted(DFU, BootReason::TrialsSpent)));
    assert_eq!(event(None), None);
}

#[test]
fn what_embassy_boot_cannot_do_fails_and_touches_nothing() {
    for (words, want) in [
        (SWAPPED.as_slice(), ARM),
        (&[BOOT], Want::Arm { slot: ACTIVE, trials: 1 }),
        (&[BOOT], Want::Revert),
        (&[REVERT], Want::Revert),
        (&[BOOT], Want::Preset { slot: DFU, trials: 1 }),
    ] {
        let mut bench = Bench::new(words);
        assert_eq!(bench.ends(want, record(None)), Plan::Failed, "{want:?}");
        assert_eq!(bench.flash, Bench::new(words).flash, "{want:?}");
    }
}

#[test]
fn to_give_up_what_is_armed_disarms_it_and_a_trial_is_left_to_the_next_boot() {
    let mut bench = Bench::new(&[SWAP]);
    assert!(matches!(bench.ends(Want::Revert, record(Some(DFU))), Plan::Done(_)));
    assert_eq!((bench.log.as_str(), bench.flash[0]), ("eeww", BOOT));
    let mut bench = Bench::new(&SWAPPED);
    assert!(matches!(bench.ends(Want::Revert, record(Some(DFU))), Plan::Done(Seen { trial: Some(0), .. })));
    assert_eq!(bench.log, "");
}

#[test]
fn a_confirmation_declares_the_progress_void_before_it_erases_and_tells_the_journal_last() {
    let mut bench = Bench::new(&SWAPPED);
    assert!(matches!(bench.ends(CONFIRM, record(Some(DFU))), Plan::Done(_)));
    assert_eq!(bench.log, "weewwj");
    assert_eq!(bench.flash, Bench::new(&CONFIRMED).flash);
    // What is confirmed already is not written again.
    let mut bench = Bench::new(&[BOOT]);
    assert!(matches!(bench.ends(CONFIRM, record(Some(DFU))), Plan::Done(_)));
    assert_eq!(bench.log, "j");
}

#[test]
fn an_operation_that_fails_once_is_done_again_and_no_word_is_written_twice() {
    // Of an arming: one read, two erases, one write.
    for n in 1..5 {
        let mut bench = Bench { fails: vec![n], ..Bench::new(&[BOOT]) };
        assert!(matches!(bench.ends(ARM, record(None)), Plan::Done(_)), "{n}");
        assert_eq!(bench.flash, Bench::new(&[SWAP]).flash, "{n}");
    }
    // Of a confirmation: one read, a write, two erases, two writes.
    for n in 0..6 {
        let mut bench = Bench { fails: vec![n], ..Bench::new(&SWAPPED) };
        assert!(matches!(bench.ends(CONFIRM, record(Some(DFU))), Plan::Done(_)), "{n}");
        assert_eq!(bench.flash, Bench::new(&CONFIRMED).flash, "{n}");
        assert!(!bench.log.contains("www"), "{n}: {}", bench.log);
    }
}

#[test]
fn an_arming_that_fails_leaves_nothing_armed() {
    let mut bench = Bench { fails: vec![4, 7], ..Bench::new(&[BOOT]) };
    assert_eq!(bench.ends(ARM, record(None)), Plan::Failed);
    assert_eq!((bench.log.as_str(), bench.flash[0]), ("jeeweewee", 0xFF));
}

#[test]
fn a_confirmation_that_was_not_told_to_an_end_does_not_void_the_progress_twice() {
    let mut bench = Bench::new(&SWAPPED);
    bench.boot.begin(CONFIRM, record(Some(DFU)));
    let mut erases = 0;
    while erases == 0 {
        // The word is lent, and never written.
        match bench.boot.op().unwrap() {
            Op::Read { at, into, .. } => {
                let at = (at - STATE.from) as usize;
                into.copy_from_slice(&bench.flash[at..at + into.len()]);
                bench.boot.done(Ok(()));
            }
            Op::Write { .. } => bench.boot.begin(CONFIRM, record(Some(DFU))),
            Op::Erase { .. } => erases += 1,
        }
    }
}

/// As after a cut in an arming or a confirmation.
#[test]
fn a_magic_that_is_none_is_written_anew_while_an_activation_is_not_told() {
    for words in [[0xFF, 0xFF], [0xFF, 0], [0x50, 0], [0xE0, 0xFF]] {
        let mut bench = Bench::new(&words);
        assert!(matches!(
            bench.ends(OBSERVE, record(None)),
            Plan::Done(Seen { trial: None, event: None, .. })
        ));
        assert_eq!(bench.log, "");
        assert!(matches!(
            bench.ends(OBSERVE, record(Some(DFU))),
            Plan::Done(Seen { trial: None, event: None, .. })
        ));
        assert_eq!((bench.log.as_str(), bench.flash), ("eeww", Bench::new(&CONFIRMED).flash));
    }
}

/// A torn magic may read as that of a swap: the bootloader must find that there is nothing to swap.
#[test]
fn the_progress_is_void_whenever_the_magic_of_a_confirmation_is_written() {
    for (want, words) in [(CONFIRM, SWAPPED.as_slice()), (Want::Revert, &[SWAP]), (OBSERVE, &[SWAP])] {
        let mut bench = Bench::new(words);
        assert!(matches!(bench.ends(want, record(Some(DFU))), Plan::Done(_)), "{want:?}");
        bench.flash[..4].fill(SWAP);
        let end = bench.ends(OBSERVE, record(Some(DFU)));
        let Plan::Done(seen) = end else { panic!("{want:?}: {end:?}") };
        assert_eq!(seen.trial, Some(0), "{want:?}: void progress counts as a whole one");
    }
}
