//! A download goes on after a reset only from what is still in flash, and only if it is the same image.
//!
//! `fwupd-testkit/tests/device/transfers.rs` has one case of each of these: going on from the last checkpoint, a file
//! without a tag, another file under the same name, a source that begins anew, a later request for the same image,
//! attempts of later requests, resets without progress. Here: every byte of the prefix is changed while the power is
//! off, every answer of the source is tried after every amount of bytes, files that only pretend to be the same,
//! attempts with progress between them, and every way to tear the last word before a checkpoint.

use fwupd_core::flash::{Layout, OpKind, Part, Region, Sectors};
use fwupd_core::image::SlotId;
use fwupd_core::lifecycle::{AfterReset, State};
use fwupd_core::outcome::{Failure, Initiator, Reach, Refused, What};
use fwupd_core::slot::Slot;
use fwupd_core::updater::{Command, Job, Need, Updater};
use fwupd_testkit::clock::WallAfterReset;
use fwupd_testkit::device::{Device, Rest, Sim, sha256};
use fwupd_testkit::flash::{CutPlace, Fill, LogEntry, OpIndex, TornModel};
use fwupd_testkit::maker::{Flaw, Package};
use fwupd_testkit::reference::{IDS, K1};

/// Bytes of a slot and of one of its sectors.
const SLOT: u32 = 2048;
const SECTOR: u32 = 256;
/// Bytes of an image: three checkpoints.
const SIZE: usize = 1000;
const POINTS: [usize; 3] = [256, 512, 768];
const NEW: usize = SLOT as usize;

fn layout(write: u16) -> Layout {
    let sectors = vec![Sectors { count: 16, size: SECTOR }, Sectors { count: 2, size: 4096 }].leak();
    let region = |from, to| Region { part: 0, from, to };
    Layout {
        parts: vec![Part { read: 1, write, erased: 0xFF, sectors }].leak(),
        slots: vec![region(0, SLOT), region(SLOT, 2 * SLOT)].leak(),
        journal: vec![region(2 * SLOT, 2 * SLOT + 4096), region(2 * SLOT + 4096, 2 * SLOT + 8192)].leak(),
        factory_slot: SlotId(0),
    }
}

/// An image whose bytes follow from a seed.
fn payload(seed: u8) -> Vec<u8> {
    (0..SIZE).map(|n| (n as u8).wrapping_mul(29).wrapping_add((n / 256) as u8) ^ seed).collect()
}

fn file(sequence: u64, payload: Vec<u8>) -> Vec<u8> {
    Package { sequence, minor: 1, payload, flaw: Flaw::None }.file()
}

fn first() -> Vec<u8> {
    file(5, payload(0))
}

/// Bytes of a file before its payload.
fn head(file: &[u8]) -> usize {
    file.len() - SIZE
}

const JOB: Job<'static> =
    Job { uri: Some("file"), reach: Reach::Stage, target: None, after: AfterReset::Resume, file_check: None };

/// One boot of a device, driven by hand.
struct Bench {
    device: Device<2>,
    updater: Updater<Sim<2>>,
}

impl Bench {
    /// A device of the factory that has been asked to stage the file.
    fn asked(write: u16) -> Self {
        let mut device = Device::new(layout(write), vec![K1], IDS);
        device.provision(&file(4, payload(0x44)));
        assert_eq!(device.power_on(), Rest::Still);
        let mut bench = Self::boot(device);
        bench.fetch();
        bench
    }

    /// The same, and this many bytes of the first image have come.
    fn begun(write: u16, bytes: usize) -> Self {
        let mut bench = Self::asked(write);
        bench.give(&first(), head(&first()) + bytes, b"v1");
        bench
    }

    fn boot(mut device: Device<2>) -> Self {
        device.clock.reset(WallAfterReset::Lost);
        device.bootloader().expect("it boots");
        let updater = device.updater();
        let mut bench = Self { device, updater };
        bench.drain();
        bench
    }

    fn reset(self) -> Self {
        Self::boot(self.device)
    }

    fn drain(&mut self) {
        self.device.drain(&mut self.updater, "the updater").expect("power");
    }

    fn fetch(&mut self) {
        let now = self.device.clock.now();
        self.updater.command(Initiator(1), Command::Fetch(JOB), None, now).expect("taken");
        self.drain();
    }

    /// Leads on until bytes are wanted, and says from where; `None` once it is idle or has staged.
    fn wanted(&mut self) -> Option<u32> {
        for _ in 0..1000 {
            self.drain();
            let now = self.device.clock.now();
            match self.updater.need(now) {
                Need::Fetch { offset, .. } => return Some(offset),
                Need::Again => {}
                Need::Nothing => return None,
                Need::Wait(until) => self.device.clock.advance(until - now.mono),
                need @ (Need::Permit { .. } | Need::Boot(_) | Need::Reset) => panic!("{need:?}"),
            }
        }
        panic!("it needs itself for ever");
    }

    /// The source answers, and gives the bytes up to `end` of its file, or until they are not wanted.
    fn answer(&mut self, file: &[u8], from: u32, end: usize, tag: &[u8]) -> Result<(), Refused> {
        let ticket = self.updater.ticket();
        self.updater.answered(ticket, from, Some(file.len() as u32), tag)?;
        self.drain();
        let mut at = from as usize;
        while at < end {
            self.drain();
            let now = self.device.clock.now();
            at += self.updater.chunk(ticket, at as u32, &file[at..end], now)?;
        }
        self.drain();
        if end == file.len() {
            self.updater.complete(ticket, self.device.clock.now())?;
        }
        Ok(())
    }

    /// Gives the bytes up to `end`, from wherever they are wanted.
    fn give(&mut self, file: &[u8], end: usize, tag: &[u8]) {
        let from = self.wanted().expect("bytes are owed");
        self.answer(file, from, end, tag).expect("they are wanted");
    }

    /// Serves a file as often as it is asked for, to the end; how many requests there were.
    fn serve(&mut self, file: &[u8], tag: &[u8]) -> usize {
        let mut requests = 0;
        while let Some(from) = self.wanted() {
            requests += 1;
            assert!(requests < 10, "it asks for ever");
            let _ = self.answer(file, from, file.len(), tag);
        }
        requests
    }

    fn what(&self) -> What {
        self.updater.status().expect("it has loaded").last.expect("a run has ended").what
    }

    /// What is in the new slot is this image, whole, and known to be it; or it is nothing that could be activated.
    fn ends(&self, image: &[u8]) -> What {
        self.device.flash.assert_lawful();
        let status = self.updater.status().expect("it has loaded");
        let held = status.slots[1].verified().map(|verified| verified.image().digest);
        let bytes = &self.device.flash.contents(0)[NEW..NEW + SIZE];
        match self.what() {
            What::Done => {
                assert!(matches!(status.state, State::Staged { .. }), "{status:?}");
                assert_eq!((held, bytes), (Some(sha256(image)), image));
            }
            What::Failed(_) => {
                assert_eq!((status.state, held), (&State::Idle, None));
            }
        }
        self.what()
    }
}

#[test]
fn a_prefix_that_changed_while_the_power_was_off_is_never_installed() {
    let (mut changed, mut unreadable) = (0, 0);
    for write in [4, 32] {
        let begun = Bench::begun(write, 600).device;
        for at in 0..POINTS[1] {
            let mut device = begun.clone();
            let byte = device.flash.contents(0)[NEW + at];
            device.flash.fill(0, (NEW + at) as u32, &[byte ^ 1 << (at % 8)]).unwrap();
            let mut bench = Bench::boot(device);
            assert_eq!(bench.wanted(), Some((head(&first()) + POINTS[1]) as u32), "byte {at}");
            assert_eq!(bench.serve(&first(), b"v1"), 1, "byte {at}");
            assert_eq!(bench.ends(&payload(0)), What::Failed(Failure::Integrity), "byte {at}");
            let slot = bench.updater.status().unwrap().slots[1];
            assert!(matches!(slot, Slot::Failed { why: Failure::Integrity, .. }), "byte {at}: {slot:?}");
            changed += 1;
            if at % 32 == 0 {
                // Nothing of it is used for the next request.
                let mut bench = bench.reset();
                bench.fetch();
                assert_eq!(bench.wanted(), Some(0));
                assert_eq!((bench.serve(&first(), b"v1"), bench.ends(&payload(0))), (1, What::Done));
            }
        }
        // Neither is what cannot be read any more: the words of a sector whose erase was cut by somebody else.
        for sector in 0..2 {
            let mut device = begun.clone();
            device.flash.cut_at(OpIndex::Mutating(0), CutPlace::From(0), TornModel::Unreadable);
            let from = SLOT + sector * SECTOR;
            assert!(device.flash.erase(0, from, from + SECTOR).is_err());
            device.flash.power_on();
            let mut bench = Bench::boot(device);
            bench.serve(&first(), b"v1");
            assert!(
                matches!(bench.ends(&payload(0)), What::Failed(_)),
                "sector {sector}: {:?}",
                bench.what()
            );
            bench.fetch();
            assert_eq!((bench.serve(&first(), b"v1"), bench.ends(&payload(0))), (1, What::Done));
            unreadable += 1;
        }
    }
    fwupd_testkit::tell(format_args!(
        "resume: {changed} bytes of a prefix changed, {unreadable} sectors unreadable: none is installed"
    ));
}

/// What a source does when it is asked to go on.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// It goes on.
    Same,
    /// It has the same file under another tag, or without one.
    Retagged(&'static [u8]),
    /// It gives the whole file, under the tag that it had, or another.
    Whole(&'static [u8]),
    /// It answers from so many bytes before or behind where it was asked to.
    Shifted(i32),
}

const SOURCES: [Source; 10] = [
    Source::Same,
    Source::Retagged(b"v2"),
    Source::Retagged(b""),
    Source::Retagged(b"v1 "),
    Source::Whole(b"v1"),
    Source::Whole(b"v2"),
    Source::Shifted(1),
    Source::Shifted(-1),
    Source::Shifted(256),
    Source::Shifted(-256),
];

#[test]
fn an_answer_that_does_not_go_on_restarts_cleanly_and_nothing_is_put_together_of_two() {
    let (mut went_on, mut restarted) = (0, 0);
    // The file that the source has by now: the same, and a newer one of the same length.
    let newer = file(6, payload(0x66));
    for (now_has, image) in [(first(), payload(0)), (newer, payload(0x66))] {
        for bytes in [1, 255, 256, 257, 511, 512, 600, 767, 768, 999, 1000] {
            for source in SOURCES {
                let context =
                    format!("{bytes} bytes, {source:?}, sequence of the source {}", now_has == first());
                let mut bench = Bench::begun(4, bytes).reset();
                let from = bench.wanted().expect("bytes are owed");
                let reached = POINTS.into_iter().rfind(|point| *point <= bytes);
                // Before the first checkpoint there is the head, and nothing to ask anew.
                assert_eq!(from as usize, head(&first()) + reached.unwrap_or(0), "{context}");
                let end = now_has.len();
                let (answer, tag): (_, &[u8]) = match source {
                    Source::Same => (bench.answer(&now_has, from, end, b"v1"), b"v1"),
                    Source::Retagged(tag) => (bench.answer(&now_has, from, end, tag), tag),
                    Source::Whole(tag) => (bench.answer(&now_has, 0, end, tag), tag),
                    Source::Shifted(by) => {
                        (bench.answer(&now_has, from.saturating_add_signed(by), end, b"v1"), b"v1")
                    }
                };
                let what = match source {
                    Source::Same => {
                        assert_eq!((answer, bench.wanted()), (Ok(()), None), "{context}");
                        went_on += 1;
                        bench.ends(&image)
                    }
                    Source::Whole(_) => {
                        assert_eq!((answer, bench.wanted()), (Ok(()), None), "{context}");
                        restarted += 1;
                        bench.ends(&image)
                    }
                    Source::Retagged(_) | Source::Shifted(_) => {
                        assert_eq!(answer, Err(Refused::Invalid), "{context}");
                        assert_eq!(bench.wanted(), Some(0), "{context}: it begins anew");
                        assert_eq!(bench.serve(&now_has, tag), 1, "{context}");
                        restarted += 1;
                        bench.ends(&image)
                    }
                };
                // Another file under the tag of the first one is found out by the digest.
                let pretends = matches!(source, Source::Same) && now_has != first();
                let expected = if pretends { What::Failed(Failure::Integrity) } else { What::Done };
                assert_eq!(what, expected, "{context}");
            }
        }
    }
    fwupd_testkit::tell(format_args!("resume: {went_on} downloads went on, {restarted} began anew"));
    assert_eq!(went_on + restarted, 2 * 11 * SOURCES.len());
}

#[test]
fn a_prefix_serves_no_other_package_than_its_own() {
    // Of another digest, of the same length and the same first bytes; of the same image under another head; and
    // the same package again.
    let mut alike = payload(0);
    alike[SIZE - 1] ^= 1;
    for (other, image, reuses) in [
        (file(5, alike.clone()), alike, false),
        (file(6, payload(0)), payload(0), false),
        (first(), payload(0), true),
    ] {
        for over_reset in [false, true] {
            let mut bench = Bench::begun(4, 600);
            let now = bench.device.clock.now();
            bench.updater.command(Initiator(1), Command::Cancel, None, now).unwrap();
            bench.drain();
            if over_reset {
                bench = bench.reset();
            }
            bench.fetch();
            // The head is asked for in any case; then what is in flash already is skipped.
            assert_eq!(bench.wanted(), Some(0));
            let _ = bench.answer(&other, 0, head(&other), b"v1");
            let from = bench.wanted();
            let expected = head(&other) + if reuses { POINTS[1] } else { 0 };
            assert_eq!(from, Some(expected as u32), "reuses {reuses}, over a reset {over_reset}");
            assert_eq!(bench.serve(&other, b"v1"), 1);
            assert_eq!(bench.ends(&image), What::Done);
            let slot = bench.updater.status().unwrap().slots[1];
            let sequence = slot.verified().map(|verified| verified.image().sequence);
            assert_eq!(sequence, Some(if other == file(6, payload(0)) { 6 } else { 5 }));
        }
    }
}

#[test]
fn attempts_are_counted_over_resets_and_progress_begins_them_anew() {
    // Four resets in a row at each checkpoint, one short of the end.
    let mut bench = Bench::asked(4);
    let mut resets = 0;
    for bytes in [100, 300, 600, 900] {
        bench.give(&first(), head(&first()) + bytes, b"v1");
        for _ in 0..4 {
            bench = bench.reset();
            resets += 1;
            assert!(bench.wanted().is_some(), "after {resets} resets");
        }
    }
    assert_eq!((bench.serve(&first(), b"v1"), bench.ends(&payload(0))), (1, What::Done));
    // Five in a row are one too many, wherever that is.
    for bytes in [100, 300, 600, 900] {
        let mut bench = Bench::begun(4, bytes);
        for _ in 0..4 {
            bench = bench.reset();
            assert!(bench.wanted().is_some(), "{bytes} bytes");
        }
        let mut bench = bench.reset();
        assert_eq!((bench.wanted(), bench.ends(&payload(0))), (None, What::Failed(Failure::PowerLost)));
        // The count outlives the run and another reset, and is this image's alone.
        let mut bench = bench.reset();
        bench.fetch();
        bench.serve(&first(), b"v1");
        assert_eq!(bench.ends(&payload(0)), What::Failed(Failure::Rejected), "{bytes} bytes");
        bench.fetch();
        let other = file(6, payload(0x66));
        assert_eq!((bench.serve(&other, b"v1"), bench.ends(&payload(0x66))), (1, What::Done));
    }
    fwupd_testkit::tell(format_args!(
        "resume: {resets} resets with progress between them are borne, 5 in a row not"
    ));
}

#[test]
fn bytes_that_were_there_before_are_no_progress() {
    // The source has another tag each time, so that the same bytes come again and again.
    let mut bench = Bench::begun(4, 700);
    let mut rounds = 0;
    loop {
        rounds += 1;
        assert!(rounds < 20, "it goes on for ever");
        bench = bench.reset();
        let Some(from) = bench.wanted() else { break };
        let tag = [b'a' + rounds];
        let again = bench.answer(&first(), from, first().len(), &tag);
        assert_eq!((again, bench.wanted()), (Err(Refused::Invalid), Some(0)));
        let _ = bench.answer(&first(), 0, head(&first()) + 700, &tag);
        if bench.wanted().is_none() {
            break;
        }
    }
    fwupd_testkit::tell(format_args!("resume: {rounds} rounds over the same bytes are borne"));
    assert!(matches!(bench.ends(&payload(0)), What::Failed(_)));
    assert_eq!(rounds, 5, "an attempt that begins anew is one");
}

/// Every model of what an interrupted write leaves. `old` is what was there before in such a place.
fn models(old: &[u8]) -> [TornModel; 13] {
    [
        TornModel::Nothing,
        TornModel::Prefix,
        TornModel::Suffix,
        TornModel::RandomBits(1),
        TornModel::RandomBits(2),
        TornModel::Undefined(Fill::Random(3)),
        TornModel::Undefined(Fill::AllZero),
        TornModel::Undefined(Fill::AllOne),
        TornModel::Undefined(Fill::Bytes(old.to_vec())),
        TornModel::AllNew,
        TornModel::Unreadable,
        TornModel::Unstable(4),
        TornModel::Unstable(5),
    ]
}

/// A cut in this operation of a download, and the download's end after it: from which byte of the image it went on.
fn torn(base: &Device<2>, n: u64, place: CutPlace, model: &TornModel) -> usize {
    let context = format!("operation {n}, {place:?}, {model:?}");
    let mut device = base.clone();
    device.flash.cut_at(OpIndex::Mutating(n), place, model.clone());
    assert_eq!(device.command(Initiator(1), Command::Fetch(JOB)), Rest::PowerLost, "{context}");
    device.flash.power_on();
    let mut bench = Bench::boot(device);
    let from = bench.wanted().unwrap_or_else(|| panic!("{context}: {:?}", bench.what()));
    assert_eq!(bench.serve(&first(), b"v1"), 1, "{context}");
    assert_eq!(bench.ends(&payload(0)), What::Done, "{context}");
    from as usize - head(&first())
}

#[test]
fn a_download_goes_on_whatever_the_last_word_before_a_checkpoint_became() {
    let (mut words, mut frames, mut counted) = (0, 0, 0);
    for write in [1, 4, 32, 256] {
        let mut base = Device::new(layout(write), vec![K1], IDS);
        base.provision(&file(4, payload(0x44)));
        assert_eq!(base.power_on(), Rest::Still);
        base.files.insert("file".into(), first());
        let mut whole = base.clone();
        whole.flash.keep_log(true);
        assert_eq!(whole.command(Initiator(1), Command::Fetch(JOB)), Rest::Still);
        let log: Vec<LogEntry> =
            whole.flash.log().iter().filter(|entry| entry.op != OpKind::Read).copied().collect();
        let mut points = 0;
        for (n, pair) in (0..).zip(log.windows(2)) {
            let [word, frame] = pair else { continue };
            let (from, to) = (word.at as usize, (word.at + word.len) as usize);
            let Some(nth) = POINTS.iter().position(|at| NEW + at == to && (NEW..to).contains(&from)) else {
                continue;
            };
            if word.op != OpKind::Write {
                continue;
            }
            points += 1;
            let before = if nth == 0 { 0 } else { POINTS[nth - 1] };
            // The frame of the checkpoint comes next, and only then is there one.
            assert!(frame.op == OpKind::Write && frame.at >= 2 * SLOT);
            let old = whole.flash.contents(0)[2 * SLOT as usize + 24..][..64].to_vec();
            for model in models(&old) {
                let last = word.places - 1;
                for place in [CutPlace::Unit(last), CutPlace::From(last), CutPlace::From(last + 1)] {
                    assert_eq!(torn(&base, n, place, &model), before, "{n} {place:?} {model:?}");
                    words += 1;
                }
                for at in 0..=frame.places {
                    let place = CutPlace::From(at);
                    let reached = torn(&base, n + 1, place, &model);
                    assert!([before, POINTS[nth]].contains(&reached), "{n} {place:?} {model:?}: {reached}");
                    frames += 1;
                    counted += usize::from(reached == POINTS[nth]);
                }
            }
        }
        assert_eq!(points, POINTS.len(), "write {write}");
    }
    fwupd_testkit::tell(format_args!(
        "resume: {words} cuts in the last word before a checkpoint, {frames} in its frame, {counted} of which count"
    ));
    assert!(counted > 0 && counted < frames);
}

/// Cuts in the first erase of the slot that the request's head causes, again and again, until that is no more.
fn cuts_before_the_head_stands() -> usize {
    let mut device = Bench::asked(4).device;
    device.files.insert("file".into(), first());
    for cuts in 0..20 {
        let mut whole = device.clone();
        whole.flash.keep_log(true);
        assert_eq!(whole.power_on(), Rest::Still);
        let log = whole.flash.log().iter().filter(|entry| entry.op != OpKind::Read);
        let erase = |entry: &LogEntry| entry.op == OpKind::Erase && (SLOT..2 * SLOT).contains(&entry.at);
        let Some((n, _)) = (0..).zip(log).find(|(_, entry)| erase(entry)) else { return cuts };
        device.flash.cut_at(OpIndex::Mutating(n), CutPlace::From(0), TornModel::Nothing);
        assert_eq!(device.power_on(), Rest::PowerLost);
    }
    panic!("there is no end of it");
}

/// Before an image is known its attempts cannot be counted: those of the request are, and no other's.
#[test]
fn five_resets_are_borne_before_the_head_stands_and_five_before_an_image_is_known() {
    assert_eq!(cuts_before_the_head_stands(), 5);
    let mut bench = Bench::begun(4, 100);
    for _ in 0..5 {
        bench = bench.reset();
        bench.wanted();
    }
    assert_eq!(bench.what(), What::Failed(Failure::PowerLost), "the attempts at the first image are spent");
    let other = file(6, payload(0x66));
    for resets in [6, 5] {
        bench.fetch();
        for reset in 1..=resets {
            assert_eq!(bench.wanted(), Some(0), "reset {reset}");
            bench.give(&other, 10, b"v2");
            bench = bench.reset();
        }
        if resets > 5 {
            assert_eq!((bench.wanted(), bench.what()), (None, What::Failed(Failure::PowerLost)));
        }
    }
    // The last of them is served, and the image has its five attempts.
    for _ in 0..4 {
        bench.give(&other, head(&other) + 100, b"v2");
        bench = bench.reset();
        assert!(bench.wanted().is_some());
    }
    assert_eq!((bench.serve(&other, b"v2"), bench.ends(&payload(0x66))), (1, What::Done));
}
