//! What decides all that a toy device at rest will ever do, as a text: two devices of one text are one state.
//!
//! It is read from the flash alone, for every event begins with a boot: what each slot holds, the newest record
//! of each kind, and whether the next boot has to turn the journal's page. Numbers that only rise are told as
//! distances: runs from the latest run, sequence numbers from the installed one. A payload follows from its
//! sequence number, and is told as the one that is installed, or the other one. Left out is what decides nothing:
//! which of the two pages is the current one (they are alike), its number, and what is left in the one before it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use ciborium::Value;
use fwupd_testkit::device::{Device, sha256};
use fwupd_testkit::flash::SimFlash;
use fwupd_testkit::maker::{Flaw, Package};
use fwupd_testkit::reference::IDS;

use super::{FACTORY, KEYS, LAYOUT, SLOT};

/// Bytes of an image: two sectors of a slot.
pub(super) const PAYLOAD: usize = 64;
/// Sequence numbers begin here, so that no other number of a record is as high.
const SEQUENCES: u64 = 1 << 32;
/// Length of a page, and where its first frame begins.
const PAGE: usize = 4096;
const BODY: usize = 40;

/// A package of the toy.
pub(super) struct Pack {
    /// The file.
    pub(super) file: Vec<u8>,
    /// A slot that holds it.
    pub(super) slot: Vec<u8>,
    /// The checksum of its head, as the trailer in the slot has it.
    sum: u32,
}

static PACKS: Mutex<BTreeMap<u64, Arc<Pack>>> = Mutex::new(BTreeMap::new());

/// Which of the two payloads a package of this sequence number has. The next one has the other.
fn kind(sequence: u64) -> usize {
    ((sequence ^ sequence >> 32) & 1) as usize
}

fn payload(kind: usize) -> Vec<u8> {
    (0..PAYLOAD as u8).map(|n| n.wrapping_mul(7) ^ [0x5A, 0xC3][kind]).collect()
}

/// The package of this sequence number.
pub(super) fn pack(sequence: u64) -> Arc<Pack> {
    if let Some(pack) = PACKS.lock().unwrap().get(&sequence) {
        return Arc::clone(pack);
    }
    let file = Package { sequence, minor: 0, payload: payload(kind(sequence)), flaw: Flaw::None }.file();
    let mut scratch = Device::<2>::new(LAYOUT, KEYS.to_vec(), IDS);
    scratch.provision(&file);
    let slot = scratch.flash.contents(0)[..SLOT as usize].to_vec();
    let trailer = &slot[slot.len() - 16..];
    let sum = u32::from_le_bytes(trailer[8..12].try_into().unwrap());
    let pack = Arc::new(Pack { file, slot, sum });
    PACKS.lock().unwrap().insert(sequence, Arc::clone(&pack));
    pack
}

/// The same bytes, with a bit of the image flipped that they end with.
pub(super) fn damaged(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let middle = file.len() - PAYLOAD / 2;
    file[middle] ^= 1;
    file
}

/// What is read of a stretch, and which words of it cannot be.
fn look(flash: &mut SimFlash, from: u32, len: usize) -> (Vec<u8>, Vec<u32>) {
    let mut bytes = vec![0; len];
    let mut broken = Vec::new();
    if flash.read(0, from, &mut bytes).is_err() {
        for (at, word) in (from..).step_by(4).zip(bytes.chunks_exact_mut(4)) {
            if flash.read(0, at, word).is_err() {
                broken.push(at - from);
            }
        }
    }
    (bytes, broken)
}

/// A page of the journal.
struct Page {
    number: u32,
    /// Whether the page counts, and its marks: seal, stands, open.
    counts: bool,
    marks: [&'static str; 3],
    records: BTreeMap<u8, Vec<u8>>,
}

impl Page {
    fn parse(index: u8, bytes: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        if bytes[..4] != *b"fwj1" || crc32fast::hash(&[&bytes[..12], &[index]].concat()) != u32_at(12) {
            return None;
        }
        let marks = [16, 24, 32].map(|at| match &bytes[at..at + 8] {
            mark if mark.iter().all(|b| *b == 0x00) => "whole",
            mark if mark.iter().all(|b| *b == 0xFF) => "missing",
            _ => "begun",
        });
        let counts = marks != ["missing"; 3];
        let mut records = BTreeMap::new();
        let mut at = BODY;
        while at + 16 <= bytes.len() && bytes[at..at + 2] == *b"wf" {
            let len = usize::from(u16::from_le_bytes([bytes[at + 2], bytes[at + 3]]));
            let (from, to) = (at + 12, at + 12 + len);
            if to + 4 > bytes.len() || crc32fast::hash(&bytes[at..to]) != u32_at(to) {
                break;
            }
            let mut rest = &bytes[from..to];
            while let [kind, low, high, tail @ ..] = rest {
                let (record, behind) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])));
                records.insert(*kind, record.to_vec());
                rest = behind;
            }
            at = (to + 4).next_multiple_of(4);
        }
        Some(Self { number: u32_at(4), counts, marks, records })
    }
}

/// The items of a record.
fn items(record: &[u8]) -> Vec<Value> {
    let mut rest = record;
    let mut items = Vec::new();
    while !rest.is_empty() {
        items.push(ciborium::from_reader(&mut rest).expect("a record is a sequence of items"));
    }
    items
}

/// Walks over the items of the state's record.
struct Walk<'a>(&'a [Value], usize);

impl Walk<'_> {
    fn number(&mut self) -> u64 {
        self.1 += 1;
        let number = self.0[self.1 - 1].as_integer().expect("a number");
        number.try_into().expect("not negative")
    }

    fn flag(&mut self) -> bool {
        self.1 += 1;
        self.0[self.1 - 1].as_bool().expect("a flag")
    }

    fn skip(&mut self, count: usize) {
        self.1 += count;
    }
}

/// Where the runs are in the state's record of a device at rest, and which sequence number is installed.
fn runs(items: &[Value]) -> (Vec<usize>, u64) {
    let mut walk = Walk(items, 0);
    match walk.number() {
        0 => {}
        // The image, its slot, and that nobody wants its activation.
        4 => {
            walk.skip(5);
            assert!(!walk.flag(), "it does not rest: {items:?}");
        }
        state => panic!("state {state} is none of rest"),
    }
    let mut runs = vec![walk.1];
    walk.skip(1);
    let newer = walk.flag();
    walk.skip(usize::from(newer));
    if walk.flag() {
        runs.push(walk.1);
        walk.skip(2);
        let asks = walk.number() == 2;
        walk.skip(usize::from(asks));
        let slot = walk.flag();
        walk.skip(usize::from(slot) + 1);
        if walk.number() == 1 && walk.number() == 11 {
            walk.skip(1);
        }
        for _ in ["wall", "until"] {
            let there = walk.flag();
            walk.skip(usize::from(there));
        }
    }
    if walk.flag() {
        runs.push(walk.1);
        walk.skip(4);
    }
    (runs, walk.number())
}

/// An item, with what rises told as a distance.
fn relative(item: &Value, installed: u64, out: &mut String) {
    let above = |sequence: u64| sequence as i64 - installed as i64;
    if let Some(number) = item.as_integer() {
        let number: u64 = number.try_into().expect("not negative");
        let head = PACKS.lock().unwrap().iter().find(|(_, p)| u64::from(p.sum) == number).map(|(s, _)| *s);
        let _ = match head {
            Some(sequence) => write!(out, "head{:+} ", above(sequence)),
            None if number >= SEQUENCES => write!(out, "sequence{:+} ", above(number)),
            None => write!(out, "{number} "),
        };
    } else if let Some(digest) = item.as_bytes().filter(|bytes| bytes.len() == 32) {
        let known = (0..2).find(|n| sha256(&payload(*n))[..] == digest[..]).expect("one of two payloads");
        out.push_str(if known == kind(installed) { "installed " } else { "other " });
    } else {
        let _ = write!(out, "{item:?} ");
    }
}

/// Which slots hold nothing, or part of an image, as their record has it.
fn unused(items: &[Value]) -> [bool; 2] {
    let mut walk = Walk(items, 0);
    [(); 2].map(|()| {
        let holds = walk.number();
        match holds {
            0 | 1 => {}
            2 => walk.skip(6),
            3 => {
                walk.skip(1);
                assert!(walk.number() != 11, "no status of a transport is told");
                walk.skip(1);
                let image = walk.flag();
                walk.skip(if image { 4 } else { 0 });
            }
            _ => panic!("no such slot: {items:?}"),
        }
        holds < 2
    })
}

/// The slot and the offset of the last checkpoint.
fn point(items: &[Value]) -> Option<(u64, u64)> {
    let mut walk = Walk(items, 0);
    walk.skip(3);
    walk.flag().then(|| (walk.number(), walk.number()))
}

/// What lies in a slot.
fn told(bytes: &[u8], installed: u64) -> String {
    if bytes.iter().all(|byte| *byte == 0xFF) {
        return "erased".into();
    }
    let packs = PACKS.lock().unwrap();
    let above = |sequence: u64| sequence as i64 - installed as i64;
    for (sequence, pack) in packs.iter().filter(|(_, pack)| pack.slot[PAYLOAD..] == bytes[PAYLOAD..]) {
        if pack.slot == bytes {
            return format!("{:+}", above(*sequence));
        }
        if damaged(&pack.slot[..PAYLOAD]) == bytes[..PAYLOAD] {
            return format!("{:+} damaged", above(*sequence));
        }
    }
    format!("{:02x?}", &sha256(bytes)[..8])
}

/// The text.
pub(super) fn canon(flash: &SimFlash) -> String {
    let mut flash = flash.clone();
    let pages: Vec<_> = (0..2).map(|n| look(&mut flash, 2 * SLOT + n * PAGE as u32, PAGE)).collect();
    let parsed: Vec<_> = (0..).zip(&pages).map(|(n, (bytes, _))| Page::parse(n, bytes)).collect();
    let number = |n: usize| parsed[n].as_ref().filter(|page| page.counts).map_or(0, |p| p.number);
    let current = usize::from(number(1) > number(0));
    let page = parsed[current].as_ref().expect("a device at rest has a journal");
    let state = items(&page.records[&1]);
    let (runs, installed) = runs(&state);
    let run: u64 = state[runs[0]].as_integer().expect("a number").try_into().expect("not negative");
    // Numbers that grow a byte would move what lies in the page.
    assert!(run < 24 && installed >= FACTORY, "run {run}");

    // Behind a snapshot there is nothing, or something that the next boot turns the page for: then the records
    // alone decide what it writes. The page before it is erased before it is written again.
    let settled = page.marks == ["whole", "whole", "missing"];
    let mut out = format!("page {:?} settled {settled}", page.marks);
    let _ = writeln!(out, ", broken {}", !pages[current].1.is_empty());
    for (kind, record) in &page.records {
        let _ = write!(out, "{kind}: ");
        if *kind == 0 {
            let counter = u32::from_le_bytes(record[12..16].try_into().unwrap());
            let _ = write!(out, "{:?} counter-{} ", &record[..12], (installed >> 32) - u64::from(counter));
        } else {
            for (n, item) in items(record).iter().enumerate() {
                if *kind == 1 && runs.contains(&n) {
                    let other: u64 = item.as_integer().expect("a number").try_into().expect("not negative");
                    let _ = write!(out, "run-{} ", run - other);
                } else {
                    relative(item, installed, &mut out);
                }
            }
        }
        out.push('\n');
    }
    let point = page.records.get(&4).and_then(|progress| point(&items(progress)));
    for (n, unused) in (0..).zip(unused(&items(&page.records[&2]))) {
        let (bytes, broken) = look(&mut flash, n * SLOT, SLOT as usize);
        let _ = match point.filter(|(slot, offset)| *slot == u64::from(n) && *offset > 0) {
            // What a request or an image has left behind is erased before it is written again, but for what serves
            // a later request: the image up to the last checkpoint. And its head, compared by its checksum.
            _ if !unused => write!(out, "slot {n}: {} {broken:?}", told(&bytes, installed)),
            Some((_, offset)) => {
                let (image, _) = look(&mut flash, n * SLOT, offset as usize);
                let known = (0..2).find(|kind| payload(*kind)[..offset as usize] == image);
                write!(out, "slot {n}: partial {:?}", known.map(|known| known == kind(installed)))
            }
            None => write!(out, "slot {n}: unused"),
        };
        out.push('\n');
    }
    out
}

/// The slot that is preset, as the boot record of a device at rest has it.
pub(super) fn preset(flash: &SimFlash) -> Option<u8> {
    record(flash, 0).map(|boot| boot[6]).filter(|slot| *slot != 0xFF)
}

/// The keys that are revoked.
pub(super) fn revoked(flash: &SimFlash) -> u64 {
    let value = record(flash, 5).and_then(|trust| items(&trust)[0].as_integer());
    value.map_or(0, |keys| keys.try_into().expect("not negative"))
}

/// How often the image that was asked for last was tried, since there was progress.
pub(super) fn attempts(flash: &SimFlash) -> u64 {
    record(flash, 4).map_or(0, |progress| {
        let items = items(&progress);
        Walk(&items, 0).number()
    })
}

/// The newest record of a kind.
fn record(flash: &SimFlash, kind: u8) -> Option<Vec<u8>> {
    let contents = flash.contents(0);
    let pages = (0..)
        .zip(contents[2 * SLOT as usize..].chunks_exact(PAGE))
        .filter_map(|(n, page)| Page::parse(n, page));
    let newest = pages.filter(|page| page.counts).max_by_key(|page| page.number);
    newest?.records.get(&kind).cloned()
}
