//! The staging writer over random slots, images and heads.

use std::cell::RefCell;

use fwupd_core::flash::{FactoryHead, Layout, OpKind, Part, Region, Sectors, run};
use fwupd_core::fuzzing::StageRig;
use fwupd_core::image::SlotId;
use fwupd_core::time::Now;
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, SimFlash, TornModel};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const SLOT: SlotId = SlotId(0);
const TRAILER: u32 = 16;

/// How large the image is.
#[derive(Clone, Copy, Debug)]
enum Size {
    /// As large as there is room for, less this.
    Full(u32),
    /// A share of the room, of 65536.
    Share(u16),
}

#[derive(Clone, Debug)]
struct Case {
    read: u16,
    write: u16,
    erased: u8,
    /// Sectors before the slot, of the slot, and behind it.
    sectors: [Vec<Sectors>; 3],
    size: Size,
    head: u16,
    pushes: Vec<usize>,
    /// A fault at this operation.
    fault: Option<u64>,
}

fn case() -> impl Strategy<Value = Case> {
    let run = || {
        (1u32..5, prop::sample::select(vec![256u32, 512, 1024, 4096, 768]))
            .prop_map(|(count, size)| Sectors { count, size })
    };
    let sectors = [
        prop::collection::vec(run(), 0..2),
        prop::collection::vec(run(), 1..6),
        prop::collection::vec(run(), 1..2),
    ];
    let size = prop_oneof![
        2 => prop_oneof![3 => Just(0u32), 1 => 0u32..300].prop_map(Size::Full),
        3 => any::<u16>().prop_map(Size::Share),
    ];
    let head = prop_oneof![2 => Just(0u16), 3 => 1u16..300, 1 => 1u16..2000];
    let pushes = prop::collection::vec(prop_oneof![1usize..20, 1usize..600, Just(100_000usize)], 1..12);
    let units = prop::sample::select(vec![1u16, 2, 4, 8, 16, 32, 256]);
    (units.clone(), units, any::<bool>(), sectors, size, head, pushes, prop::option::of(0u64..30)).prop_map(
        |(read, write, ones, sectors, size, head, pushes, fault)| {
            let erased = if ones { 0xFF } else { 0x00 };
            Case { read, write, erased, sectors, size, head, pushes, fault }
        },
    )
}

#[derive(Debug, Default)]
struct Seen {
    images: u64,
    refused: u64,
    exactly_full: u64,
    shared_sector: u64,
    checkpoints: u64,
    most_checkpoints: usize,
    resumed: u64,
    faults: u64,
}

fn layout(case: &Case) -> Layout {
    let len = |runs: &[Sectors]| runs.iter().map(|run| run.count * run.size).sum::<u32>();
    let [before, slot, _] = &case.sectors;
    let region = Region { part: 0, from: len(before), to: len(before) + len(slot) };
    let part = Part {
        read: case.read,
        write: case.write,
        erased: case.erased,
        sectors: case.sectors.concat().leak(),
    };
    let journal = Part { read: 1, write: 1, erased: 0xFF, sectors: &[Sectors { count: 2, size: 4096 }] };
    let layout = Layout {
        parts: vec![part, journal].leak(),
        slots: vec![region].leak(),
        journal: const { &[Region { part: 1, from: 0, to: 4096 }, Region { part: 1, from: 4096, to: 8192 }] },
        factory_slot: SLOT,
    };
    assert_eq!(layout.check(), Ok(()));
    layout
}

fn bytes(len: u32, seed: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_add(seed).wrapping_mul(0x9E37_79B1) >> 24) as u8).collect()
}

/// Runs until nothing is owed, and collects checkpoints with what the flash held then.
fn drain(stage: &mut StageRig<'_>, flash: &mut SimFlash, checkpoints: &mut Vec<(u32, SimFlash)>) {
    // An operation that failed stays owed.
    while !matches!(run(stage, flash, Now::mono(0)), Ok(false)) {
        if let Some(at) = stage.take_checkpoint() {
            checkpoints.push((at, flash.clone()));
        }
    }
    assert!(!stage.busy());
}

fn push_all(
    stage: &mut StageRig<'_>,
    flash: &mut SimFlash,
    image: &[u8],
    pushes: &[usize],
) -> Vec<(u32, SimFlash)> {
    let mut checkpoints = Vec::new();
    drain(stage, flash, &mut checkpoints);
    let mut sizes = pushes.iter().cycle();
    while (stage.offset() as usize) < image.len() {
        let rest = &image[stage.offset() as usize..];
        let offered = &rest[..rest.len().min(*sizes.next().unwrap())];
        let (room, before) = (stage.room() as usize, stage.offset());
        assert!(room > 0, "there is room when no operation is owed");
        assert_eq!(stage.push(offered), offered.len().min(room));
        assert_eq!((stage.offset() - before) as usize, offered.len().min(room));
        if stage.busy() {
            assert_eq!((stage.room(), stage.push(rest)), (0, 0));
        }
        drain(stage, flash, &mut checkpoints);
    }
    assert_eq!((stage.room(), stage.push(b"more")), (0, 0), "it is full");
    checkpoints
}

fn check(case: &Case, seen: &mut Seen) {
    let layout = layout(case);
    let (region, part) = (layout.slots[0], layout.parts[0]);
    let unit = u32::from(case.read.max(case.write));
    // Where the head goes, worked out anew: head and trailer end the slot, each whole units.
    let head = bytes(u32::from(case.head), 7);
    let trailer_at = region.len().checked_sub(TRAILER.next_multiple_of(unit)).map(|at| at / unit * unit);
    let head_at = trailer_at.and_then(|at| at.checked_sub((head.len() as u32).next_multiple_of(unit)));
    let room = if head.is_empty() { Some(region.len()) } else { head_at };
    let Some(room) = room else {
        assert!(StageRig::new(&layout, SLOT, 0, &head).is_none(), "the head alone is too large");
        seen.refused += 1;
        return;
    };
    for large in [room + 1, region.len() + 1, u32::MAX] {
        assert!(StageRig::new(&layout, SLOT, large, &head).is_none(), "{large} bytes are too many");
        seen.refused += 1;
    }
    let size = match case.size {
        Size::Full(less) => room.saturating_sub(less),
        Size::Share(share) => ((u64::from(room) * u64::from(share)) >> 16) as u32,
    };
    let image = bytes(size, 1);
    let mut flash = SimFlash::new(layout.parts);
    let before = bytes(flash.capacity(0), 3);
    flash.fill(0, 0, &before).unwrap();
    flash.require_aligned_buffers(4);
    flash.keep_log(true);
    let retried =
        case.fault.inspect(|n| flash.fail_at(OpIndex::Any(*n), 1, CutPlace::Before, TornModel::Nothing));
    let mut stage = StageRig::new(&layout, SLOT, size, &head).expect("it fits");
    let checkpoints = push_all(&mut stage, &mut flash, &image, &case.pushes);
    assert_eq!(stage.head_kept(), !head.is_empty());
    seen.faults += u64::from(retried.is_some() && !flash.is_armed());
    if retried.is_some() && !flash.is_armed() {
        // The writer writes a word again that failed: whether it may is for its user to decide.
        return;
    }
    flash.disarm();
    flash.assert_lawful();

    // What the slot holds.
    let mut expected = before.clone();
    let slot = &mut expected[region.from as usize..region.to as usize];
    let padded = size.next_multiple_of(u32::from(case.write));
    let mut touched = Vec::new();
    let head_sector = (!head.is_empty()).then(|| part.sector(region.from + room).unwrap().0 - region.from);
    let mut at = 0;
    while at < region.len() {
        let (_, end) = part.sector(region.from + at).unwrap();
        let end = end - region.from;
        let is_touched = at < size || head_sector.is_some_and(|head| at >= head);
        if is_touched {
            slot[at as usize..end as usize].fill(case.erased);
            touched.push(region.from + at);
        }
        at = end;
    }
    slot[..size as usize].copy_from_slice(&image);
    assert!(slot[size as usize..padded as usize].iter().all(|byte| *byte == case.erased) || size == 0);
    if let Some(head_at) = head_at.filter(|_| !head.is_empty()) {
        let trailer_at = trailer_at.unwrap();
        let mut trailer = [&b"fwhd"[..], &u32::from(case.head).to_le_bytes()].concat();
        trailer.extend(crc32fast::hash(&head).to_le_bytes());
        trailer.extend(crc32fast::hash(&trailer).to_le_bytes());
        slot[head_at as usize..][..head.len()].copy_from_slice(&head);
        slot[trailer_at as usize..][..trailer.len()].copy_from_slice(&trailer);
        let tool = FactoryHead::new(&layout, SLOT, &head).unwrap();
        let places = (tool.head_at - region.from, tool.trailer_at - region.from);
        assert_eq!((places, &tool.trailer[..]), ((head_at, trailer_at), &trailer[..]));
    }
    assert!(
        flash.contents(0) == expected,
        "the slot holds image, padding, head and trailer, and no more changed"
    );

    // In which order that went.
    let log: Vec<LogEntry> = flash.log().to_vec();
    let mut erased: Vec<u32> =
        log.iter().filter(|entry| entry.op == OpKind::Erase).map(|entry| entry.at).collect();
    erased.sort_unstable();
    assert_eq!(erased, touched, "each sector that is needed is erased once, and no other");
    assert!(log.iter().all(|entry| entry.op != OpKind::Write || entry.len <= 256));
    let of_image = |entry: &&LogEntry| entry.at < region.from + head_sector.unwrap_or(region.len()).min(room);
    for kind in [OpKind::Erase, OpKind::Write] {
        let of_kind: Vec<u32> =
            log.iter().filter(of_image).filter(|entry| entry.op == kind).map(|entry| entry.at).collect();
        assert!(of_kind.is_sorted_by(|a, b| a < b), "{kind:?}s of the image ascend: {of_kind:?}");
    }
    if !head.is_empty() {
        let trailer = log.iter().position(|entry| entry.at == region.from + trailer_at.unwrap()).unwrap();
        let first = log.iter().position(|entry| entry.op == OpKind::Write && entry.at == region.from);
        assert!(
            size == 0 || first.is_some_and(|first| trailer < first),
            "the head stands before the image is begun"
        );
    }

    // Checkpoints, and going on from each; from the start too, if the head can stay where it is.
    let shared = head_sector.is_some_and(|head| size > head);
    let anew = StageRig::new(&layout, SLOT, size, &head).unwrap().resumed(0);
    assert_eq!(anew.is_none(), shared, "what lies in one sector with the head cannot be erased without it");
    assert!(!shared || checkpoints.is_empty());
    assert!(checkpoints.len() <= 32, "{} checkpoints", checkpoints.len());
    assert!(checkpoints.is_sorted_by(|a, b| a.0 < b.0));
    for (at, flash) in &checkpoints {
        let at = *at;
        assert!(at > 0 && at < size && part.sector(region.from + at).unwrap().0 == region.from + at);
        let mut flash = flash.clone();
        let behind = (head_sector.unwrap_or(region.len()) - at).min(size - at);
        let (_, end) = part.sector(region.from + at + behind - 1).unwrap();
        let garbage = bytes(end - region.from - at, 9);
        flash.fill(0, region.from + at, &garbage).unwrap();
        let stage = StageRig::new(&layout, SLOT, size, &head).unwrap();
        let mut stage = stage.resumed(at).expect("a checkpoint");
        assert_eq!(stage.offset(), at);
        push_all(&mut stage, &mut flash, &image, &case.pushes);
        assert!(flash.contents(0) == expected, "as if there had been no reset at {at}");
        flash.assert_lawful();
        seen.resumed += 1;
    }

    seen.images += 1;
    seen.exactly_full += u64::from(size == room);
    seen.shared_sector += u64::from(shared);
    seen.checkpoints += checkpoints.len() as u64;
    seen.most_checkpoints = seen.most_checkpoints.max(checkpoints.len());
}

#[test]
fn a_slot_holds_its_image_and_its_head_and_every_checkpoint_leads_there_too() {
    let seen = RefCell::new(Seen::default());
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&case(), |case| {
            prop_assume!(
                case.sectors.iter().flatten().all(|run| run.size % u32::from(case.read.max(case.write)) == 0)
            );
            check(&case, &mut seen.borrow_mut());
            Ok(())
        })
        .unwrap_or_else(|why| panic!("{why}"));
    let seen = seen.into_inner();
    fwupd_testkit::tell(format_args!("staged images: {seen:?}"));
    assert!(seen.images > 500 && seen.refused > 1000 && seen.exactly_full > 100, "{seen:?}");
    assert!(seen.shared_sector > 50 && seen.resumed > 500, "{seen:?}");
}
