//! A board that keeps what is written to its flash, and what its journal was written with.

use std::collections::BTreeMap;

use ciborium::Value;
use embedded_storage::nor_flash::NorFlashErrorKind;
use fwupd_core::boot::{Choice, Selector, Verdict};
use fwupd_core::digest::Sha256;
use fwupd_core::flash::{Layout, Op, Part, Parts, Planner, Region, Sectors, run};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::AfterReset;
use fwupd_core::outcome::{Ask, Initiator, Reach, What};
use fwupd_core::updater::{Command, Job, Need, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Checks, Device, HEAD, Rest, Sim};
use fwupd_testkit::flash::SimError;
use fwupd_testkit::maker::{Flaw, Package};
use fwupd_testkit::reference::{IDS, K1};

use super::{LONGEST_READ, PAGE};

/// Sectors of a slot, in order.
pub(super) type Slot = &'static [Sectors];
pub(super) const EVEN: Slot = &[Sectors { count: 16, size: 512 }];
pub(super) const UNEVEN: Slot =
    &[Sectors { count: 4, size: 256 }, Sectors { count: 1, size: 4096 }, Sectors { count: 3, size: 1024 }];
pub(super) const MANY: Slot = &[Sectors { count: 64, size: 256 }];
pub(super) const TINY: Slot = &[Sectors { count: 1024, size: 64 }];
pub(super) const LARGE: Slot = &[Sectors { count: 260, size: 4096 }];

pub(super) fn length(slot: Slot) -> u32 {
    slot.iter().map(|run| run.count * run.size).sum()
}

/// Two slots of these sectors, then pages of the journal.
pub(super) fn layout(read: u16, write: u16, slot: Slot, pages: u32) -> Layout {
    layout_of(read, write, slot, pages, PAGE)
}

pub(super) fn layout_of(read: u16, write: u16, slot: Slot, pages: u32, page: u32) -> Layout {
    let journal = [Sectors { count: pages, size: page }];
    let sectors = [slot, slot, &journal].concat().leak();
    let parts = vec![Part { read, write, erased: 0xFF, sectors }].leak();
    let len = length(slot);
    let region = |from, len| Region { part: 0, from, to: from + len };
    let layout = Layout {
        parts,
        slots: vec![region(0, len), region(len, len)].leak(),
        journal: (0..pages).map(|n| region(2 * len + n * page, page)).collect::<Vec<_>>().leak(),
        factory_slot: SlotId(0),
    };
    assert_eq!(layout.check(), Ok(()));
    layout
}

pub(super) fn package(sequence: u64, size: usize) -> Vec<u8> {
    let payload = (0..size).map(|n| (n as u8).wrapping_mul(31) ^ sequence as u8).collect();
    // As long a version as this maker makes, and a security counter that rises.
    Package { sequence: sequence << 32, minor: u32::MAX, payload, flaw: Flaw::None }.file()
}

pub(super) fn factory(layout: Layout) -> Device<2> {
    let mut device = Device::new(layout, vec![K1], IDS);
    device.checks = Checks::None;
    device.provision(&package(4, 100));
    assert_eq!(device.power_on(), Rest::Still);
    device
}

pub(super) fn job() -> Job<'static> {
    Job {
        uri: Some("file"),
        reach: Reach::Activate(Ask::No),
        target: None,
        after: AfterReset::Resume,
        file_check: None,
    }
}

/// A write or an erase.
pub(super) enum Deed {
    Write { at: u32, bytes: Vec<u8> },
    Erase { from: u32 },
}

/// A device whose writes are kept as they are.
pub(super) struct Board {
    pub(super) device: Device<2>,
    pub(super) deeds: Vec<Deed>,
    /// Where its packages are, and their entity tag.
    pub(super) uri: String,
    pub(super) tag: Vec<u8>,
}

impl Parts for Board {
    type Error = SimError;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, SimError)> {
        match op {
            Op::Read { into, .. } => assert!(into.len() as u32 <= LONGEST_READ),
            Op::Write { at, bytes, .. } => self.deeds.push(Deed::Write { at: *at, bytes: bytes.to_vec() }),
            Op::Erase { from, .. } => self.deeds.push(Deed::Erase { from: *from }),
        }
        self.device.flash.apply(op)
    }
}

impl Board {
    pub(super) fn new(layout: Layout) -> Self {
        Self { device: factory(layout), deeds: Vec::new(), uri: "file".into(), tag: b"v1".to_vec() }
    }

    pub(super) fn drain(&mut self, planner: &mut impl Planner) {
        while run(planner, self, self.device.clock.now()).expect("the flash works") {}
    }

    pub(super) fn boot(&mut self) -> Updater<Sim<2>> {
        self.device.clock.reset(WallAfterReset::Lost);
        let skip = |_: SlotId, _: &[u8]| Verdict::Skip;
        let mut selector = Selector::<_, Sha256, HEAD>::new(*self.device.layout(), skip);
        self.drain(&mut selector);
        let Some(Choice::Boot { slot, .. }) = selector.choice() else { panic!("nothing boots") };
        self.device.jumped = Some(slot);
        self.device.updater()
    }

    /// Installs a package without a cut.
    pub(super) fn install(&mut self, file: &[u8]) {
        let uri = self.uri.clone();
        let mut command = Some(Command::Fetch(Job { uri: Some(&uri), ..job() }));
        while !self.session(file, &mut command) {}
    }

    /// One boot: to rest (true), or to a reset.
    pub(super) fn session(&mut self, file: &[u8], command: &mut Option<Command<'_>>) -> bool {
        let mut updater = self.boot();
        let mut asked = 0;
        loop {
            self.drain(&mut updater);
            let now = self.device.clock.now();
            if let Some(command) = command.take() {
                updater.command(Initiator(1), command, None, now).expect("taken");
                continue;
            }
            match updater.need(now) {
                Need::Fetch { ticket, offset, .. } => {
                    asked += 1;
                    assert_eq!((offset, asked), (0, 1), "nothing interrupts it");
                    updater.answered(ticket, 0, None, &self.tag).expect("asked for");
                    let mut at = 0;
                    while at < file.len() {
                        self.drain(&mut updater);
                        let taken = updater.chunk(ticket, at as u32, &file[at..], now);
                        at += taken.expect("taken");
                    }
                    self.drain(&mut updater);
                    updater.complete(ticket, now).expect("asked for");
                }
                Need::Wait(_) => {
                    updater.command(Initiator::APPLICATION, Command::Confirm, None, now).expect("on trial");
                }
                Need::Again => {}
                Need::Reset => return false,
                Need::Nothing => break,
                need @ (Need::Permit { .. } | Need::Boot(_)) => panic!("{need:?}"),
            }
        }
        let status = updater.status().expect("it has loaded");
        assert_eq!(status.last.map(|last| last.what), Some(What::Done));
        true
    }
}

/// What was written to the journal.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Appended frames: which records each has, and its bytes.
    pub(super) frames: Vec<(Vec<u8>, u64)>,
    /// Page turns, and their bytes: snapshots, headers and marks.
    pub(super) turns: usize,
    pub(super) turned: u64,
    /// Offsets of the checkpoints that were recorded.
    pub(super) checkpoints: Vec<u64>,
}

impl Written {
    pub(super) fn bytes(&self) -> u64 {
        self.frames.iter().map(|(_, bytes)| bytes).sum()
    }

    /// How many frames of each composition there are, and their bytes.
    pub(super) fn by_contents(&self) -> BTreeMap<String, (usize, u64)> {
        let mut table = BTreeMap::new();
        for (kinds, bytes) in &self.frames {
            let names = kinds.iter().map(|kind| {
                ["boot", "state", "slots", "source", "progress", "trust", "tried"]
                    .get(usize::from(*kind))
                    .unwrap_or(&"note")
            });
            let entry: &mut (usize, u64) =
                table.entry(names.copied().collect::<Vec<_>>().join("+")).or_default();
            entry.0 += 1;
            entry.1 += bytes;
        }
        table
    }
}

/// The records of a frame.
pub(super) fn records(frame: &[u8]) -> Vec<(u8, &[u8])> {
    assert_eq!(frame[..2], *b"wf");
    let len = usize::from(u16::from_le_bytes([frame[2], frame[3]]));
    let mut rest = &frame[12..12 + len];
    let mut records = Vec::new();
    while let [kind, low, high, tail @ ..] = rest {
        let (record, behind) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        records.push((*kind, record));
        rest = behind;
    }
    records
}

/// The offset of the checkpoint in a record of progress; 0 if there is none.
pub(super) fn checkpoint(record: &[u8]) -> u64 {
    let mut rest = record;
    let mut items = Vec::new();
    while !rest.is_empty() {
        items.push(ciborium::from_reader::<Value, _>(&mut rest).expect("an item"));
    }
    // Slot, offset, length and checksum of the head come last.
    match items.len().checked_sub(3).map(|at| &items[at]) {
        Some(offset) if items.len() >= 8 => {
            offset.as_integer().expect("an offset").try_into().expect("a length")
        }
        _ => 0,
    }
}

pub(super) fn journal(board: &Board) -> Written {
    let layout = board.device.layout();
    let page = |at: u32| layout.journal.iter().find(|page| (page.from..page.to).contains(&at));
    let unit = layout.parts[0].unit();
    // Header and three marks, of which the second ends a turn and the third comes before the first frame.
    let [stands, open, body] =
        [1, 2, 3].map(|n| 16u32.next_multiple_of(unit) + n * 8u32.next_multiple_of(unit));
    let mut written = Written::default();
    let (mut turning, mut snapshot) = (false, Vec::new());
    for deed in &board.deeds {
        match deed {
            Deed::Erase { from } if page(*from).is_some() => {
                assert!(!turning, "a page is one sector");
                turning = true;
                written.turns += 1;
            }
            Deed::Write { at, bytes } => {
                let Some(page) = page(*at) else { continue };
                if turning {
                    written.turned += bytes.len() as u64;
                    if at - page.from >= body {
                        snapshot.extend_from_slice(bytes);
                    }
                    turning = at - page.from != stands;
                    if turning {
                        continue;
                    }
                } else if at - page.from == open {
                    written.turned += bytes.len() as u64;
                    continue;
                }
                let frame = if snapshot.is_empty() { bytes } else { &snapshot };
                let records = records(frame);
                let kinds: Vec<u8> = records.iter().map(|(kind, _)| *kind).collect();
                let progress = records.iter().find(|(kind, _)| *kind == 4);
                let reached = progress.map_or(0, |(_, progress)| checkpoint(progress));
                if reached > written.checkpoints.last().copied().unwrap_or(0) {
                    written.checkpoints.push(reached);
                }
                if snapshot.is_empty() {
                    written.frames.push((kinds, bytes.len() as u64));
                }
                snapshot.clear();
            }
            Deed::Erase { .. } => {}
        }
    }
    assert!(!turning);
    written
}
