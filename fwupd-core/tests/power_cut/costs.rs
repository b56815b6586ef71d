//! What an update costs, in operations and bytes: asserted as equalities where they can be, else as bounds.

mod board;

use std::collections::BTreeMap;

use fwupd_core::boot::{Selector, Verdict};
use fwupd_core::digest::Sha256;
use fwupd_core::flash::{Layout, OpKind, Planner};
use fwupd_core::image::SlotId;
use fwupd_core::outcome::Initiator;
use fwupd_core::updater::{Command, Job, Need, Updater};
use fwupd_testkit::device::{Device, HEAD, Rest, Sim};
use fwupd_testkit::flash::{CutPlace, Fill, OpIndex, TornModel};

use board::{
    Board, Deed, EVEN, LARGE, MANY, Slot, TINY, UNEVEN, Written, factory, job, journal, layout, layout_of,
    length, package,
};

/// Most reads, of at most 256 bytes each, until it is known what to boot, the head and the hash of a slot apart;
/// until the status is known, once a bootloader has settled the journal; and until it is known where there is no
/// such bootloader.
///
/// Each as the journal is, with its last frame torn, and with a word of that unreadable; with pages of 4 KiB, the
/// least that there may be, and of 16.
const MOST_READS: [[u64; 3]; 3] = [[27, 23, 31], [27, 23, 31], [50, 23, 54]];
const MOST_READS_16K: [[u64; 3]; 3] = [[29, 3, 29], [29, 3, 29], [53, 7, 53]];
/// Longest read, bytes.
const LONGEST_READ: u32 = 256;
/// Most bytes of frames that an update appends: for words of up to 32 bytes, and in words above.
const FRAMES: u64 = 4096;
const FRAME_WORDS: u64 = 64;
/// Most checkpoints an image.
const CHECKPOINTS: usize = 32;
/// Most page turns that an update takes, one for each boot that writes; with words of 256 bytes, of which a page of
/// 4 KiB has 16; and those that a cut adds.
const TURNS: usize = 4;
const FULL_TURNS: usize = 8;
const TURNS_BY_CUT: usize = 3;

const WORDS: [u16; 7] = [1, 2, 4, 8, 16, 32, 256];
const PAGE: u32 = Layout::JOURNAL_PAGE;

/// The head that a slot keeps: where it begins, and its length.
fn head(board: &Board, slot: Slot) -> (u32, u32) {
    let (len, unit) = (length(slot), board.device.layout().parts[0].unit());
    let trailer = len - 16u32.next_multiple_of(unit);
    let trailer = (trailer - trailer % unit) as usize;
    let contents = board.device.flash.contents(0);
    let bytes = &contents[len as usize + trailer..];
    assert_eq!(bytes[..4], *b"fwhd");
    let head = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
    (trailer as u32 - head.next_multiple_of(unit), head)
}

/// The sectors of the second slot that its image and its head cover, each once.
fn covered(slot: Slot, size: u32, head_at: u32) -> Vec<u32> {
    let mut sectors = Vec::new();
    let mut from = 0;
    for size_of in slot.iter().flat_map(|run| (0..run.count).map(|_| run.size)) {
        let to = from + size_of;
        if from < size || head_at < to {
            sectors.push(length(slot) + from);
        }
        from = to;
    }
    sectors
}

#[test]
fn an_uncut_update_writes_image_and_head_once_and_erases_what_they_cover_once() {
    let mut updates = 0;
    for word in WORDS {
        for (read, slot) in [(1, EVEN), (1, UNEVEN), (word, UNEVEN), (256, EVEN), (1, MANY)] {
            // The last of these ends in the sector of the head.
            for size in [1, 512, 5003, length(slot) as usize - 800] {
                let file = package(5, size);
                let mut board = Board::new(layout(read, word, slot, 2));
                board.install(&file);
                let (head_at, head) = head(&board, slot);
                assert!(size as u32 <= head_at);
                let in_slot = |at: u32| (length(slot)..2 * length(slot)).contains(&at);
                let (mut erased, mut bytes) = (Vec::new(), 0);
                for deed in &board.deeds {
                    match deed {
                        Deed::Erase { from } if *from < 2 * length(slot) => erased.push(*from),
                        Deed::Write { at, bytes: b } if in_slot(*at) => bytes += b.len() as u32,
                        Deed::Write { at, .. } => assert!(*at >= 2 * length(slot), "the other slot is left"),
                        Deed::Erase { .. } => {}
                    }
                }
                let up = |len: u32| len.next_multiple_of(u32::from(word));
                let context = format!("word {word}, read {read}, {slot:?}, image of {size}");
                assert_eq!(bytes, up(size as u32) + up(head) + up(16), "{context}");
                erased.sort_unstable();
                assert_eq!(erased, covered(slot, size as u32, head_at), "{context}");
                board.device.flash.assert_lawful();
                updates += 1;
            }
        }
    }
    fwupd_testkit::tell(format_args!("costs: {updates} uncut updates write and erase what they must, once"));
}

/// What an update with as many checkpoints as there can be writes to the journal.
fn written(word: u16, uri: usize, tag: usize, page: u32) -> Written {
    let mut board = Board::new(layout_of(1, word, LARGE, 2, page));
    (board.uri, board.tag) = ("u".repeat(uri), vec![7; tag]);
    board.install(&package(5, 1 << 20));
    let written = journal(&board);
    assert_eq!(written.checkpoints.len(), CHECKPOINTS - 1);
    written
}

#[test]
fn an_uncut_update_appends_so_many_bytes_of_frames() {
    for word in WORDS {
        for (uri, tag) in [(30, 8), (255, 64)] {
            // In a page that has room for all of them, but with the longest words. One that is full is turned, and
            // that takes a frame.
            let all = written(word, uri, tag, 4 * PAGE);
            let small = written(word, uri, tag, PAGE);
            let bound = if word <= 32 { FRAMES } else { FRAME_WORDS * u64::from(word) };
            fwupd_testkit::tell(format_args!(
                "costs: word {word:3}, URI of {uri:3}: {} frames of {} bytes (at most {bound}), {} \
                 page turns of {} bytes, {} of {} in pages of 4 KiB; {:?}",
                all.frames.len(),
                all.bytes(),
                all.turns,
                all.turned,
                small.turns,
                small.turned,
                all.by_contents()
            ));
            let turns = if word <= 32 { TURNS } else { FULL_TURNS };
            assert!(all.bytes() <= bound && small.bytes() <= bound, "word {word}");
            assert!(all.turns <= turns && small.turns <= turns, "word {word}: {} {}", all.turns, small.turns);
        }
    }
}

#[test]
fn an_image_has_at_most_32_checkpoints_however_large_it_is() {
    for (slot, size) in
        [(LARGE, 1 << 20), (LARGE, (1 << 20) - 4097), (TINY, 60_000), (MANY, 33 * 256), (MANY, 8192)]
    {
        let mut board = Board::new(layout(1, 4, slot, 2));
        board.install(&package(5, size));
        let checkpoints = journal(&board).checkpoints;
        fwupd_testkit::tell(format_args!(
            "costs: {} checkpoints in an image of {size} bytes",
            checkpoints.len()
        ));
        assert!((16..=CHECKPOINTS).contains(&checkpoints.len()), "{size}: {checkpoints:?}");
        assert!(checkpoints.is_sorted_by(|a, b| a < b), "{checkpoints:?}");
    }
}

/// How often each sector of the flash is erased in a command and what follows it, a cut included.
fn erases(mut device: Device<2>, cut: Option<(u64, CutPlace, TornModel)>) -> BTreeMap<u32, usize> {
    device.flash.keep_log(true);
    let rest = match &cut {
        Some((n, place, model)) => {
            device.flash.cut_at(OpIndex::Mutating(*n), *place, model.clone());
            Rest::PowerLost
        }
        None => Rest::Still,
    };
    assert_eq!(device.command(Initiator(1), Command::Fetch(job())), rest);
    if rest == Rest::PowerLost {
        assert_eq!(device.power_on(), Rest::Still, "{cut:?}");
    }
    device.flash.assert_lawful();
    let mut erases = BTreeMap::new();
    for entry in device.flash.log().iter().filter(|entry| entry.op == OpKind::Erase) {
        *erases.entry(entry.at).or_default() += 1;
    }
    erases
}

/// The most that one cut adds: to one sector of a slot, to all of them, and to the pages of the journal.
fn most_erases(word: u16, slot: Slot, size: usize) -> (usize, usize, usize, u64) {
    let mut base = factory(layout(1, word, slot, 2));
    base.files.insert("file".into(), package(5, size));
    base.block = 512;
    let mut whole = base.clone();
    whole.flash.reset_counts();
    whole.command(Initiator(1), Command::Fetch(job()));
    let operations = whole.flash.total().mutating();
    let uncut = erases(base.clone(), None);
    let slots =
        |erases: &BTreeMap<u32, usize>| -> usize { erases.range(..2 * length(slot)).map(|(_, n)| n).sum() };
    let pages =
        |erases: &BTreeMap<u32, usize>| -> usize { erases.range(2 * length(slot)..).map(|(_, n)| n).sum() };
    let mut most = (0, 0, 0, 0);
    for n in 0..operations {
        for (place, model) in [
            (CutPlace::From(0), TornModel::Nothing),
            (CutPlace::From(1), TornModel::Prefix),
            (CutPlace::From(0), TornModel::Undefined(Fill::Random(n))),
            (CutPlace::From(0), TornModel::Unreadable),
            (CutPlace::From(0), TornModel::AllNew),
        ] {
            let cut = erases(base.clone(), Some((n, place, model)));
            let one =
                cut.range(..2 * length(slot)).map(|(at, n)| n - uncut.get(at).copied().unwrap_or(0)).max();
            most.0 = most.0.max(one.unwrap_or(0));
            // A command that was lost with its frame has not touched a slot.
            most.1 = most.1.max(slots(&cut).saturating_sub(slots(&uncut)));
            most.2 = most.2.max(pages(&cut).saturating_sub(pages(&uncut)));
            most.3 += 1;
        }
    }
    most
}

#[test]
fn a_cut_adds_at_most_one_erase_of_a_sector() {
    for word in [4, 32, 256] {
        // Up to 32 sectors, there is a checkpoint before each. With more of them, those between two checkpoints are
        // erased once more each; and so are those of the head, where it lies in more than one.
        let (head, of_many) = if word == 256 { (2, 3) } else { (1, 2) };
        for (slot, size, apart) in [(EVEN, 5003, head), (UNEVEN, 5003, 1), (MANY, 40 * 256, of_many)] {
            let (one, slots, pages, cuts) = most_erases(word, slot, size);
            fwupd_testkit::tell(format_args!(
                "costs: word {word:3}, image of {size:5}: {cuts} cuts, each adds at most {one} erase of a sector, \
                 {slots} of the slots, {pages} of the journal"
            ));
            assert_eq!((one, slots, pages), (1, apart, TURNS_BY_CUT));
        }
    }
}

#[test]
fn the_pages_of_the_journal_wear_alike() {
    for pages in [2, 3] {
        let mut board = Board::new(layout(1, 4, EVEN, pages));
        board.device.flash.reset_counts();
        for update in 0..50 {
            board.deeds.clear();
            board.install(&package(5 + update, 1500));
            let turns = journal(&board).turns;
            assert!(turns <= TURNS, "update {update}: {turns}");
        }
        let wear = board.device.flash.wear(0);
        let wear = &wear[wear.len() - pages as usize..];
        let (least, most) = (wear.iter().min().unwrap(), wear.iter().max().unwrap());
        fwupd_testkit::tell(format_args!(
            "costs: 50 updates erase {pages} pages of the journal {wear:?} times"
        ));
        assert!(most - least <= 1, "{wear:?}");
    }
}

/// Reads of the journal that a planner takes until it is done.
fn reads(device: &mut Device<2>, planner: &mut impl Planner) -> u64 {
    device.flash.keep_log(true);
    device.drain(planner, "it").unwrap();
    let journal = device.layout().journal[0].from;
    let reads = device.flash.log().iter().filter(|entry| entry.op == OpKind::Read && entry.at >= journal);
    let lengths: Vec<u32> = reads.map(|entry| entry.len).collect();
    device.flash.keep_log(false);
    assert!(lengths.iter().all(|len| *len <= LONGEST_READ));
    lengths.len() as u64
}

/// Writes every record there is, as long as it can be.
fn every_record(board: &mut Board, updater: &mut Updater<Sim<2>>) {
    let (uri, tag, now) = ("u".repeat(255), [7; 64], board.device.clock.now());
    updater.command(Initiator(1), Command::Fetch(Job { uri: Some(&uri), ..job() }), None, now).unwrap();
    board.drain(updater);
    let Need::Fetch { ticket, .. } = updater.need(now) else { panic!("bytes are owed") };
    updater.answered(ticket, 0, None, &tag).unwrap();
    let file = package(5, 2000);
    let mut at = 0;
    while at < 1500 {
        at += updater.chunk(ticket, at as u32, &file[at..1500], now).unwrap();
        board.drain(updater);
    }
    for by in 0..6 {
        updater.remember(Initiator(by), &[by; 96]).unwrap();
        board.drain(updater);
    }
}

/// Reads of the journal until the bootloader has chosen, until the status is known after that, and until it is known
/// by itself.
fn boot_reads(device: &Device<2>) -> [u64; 3] {
    let (mut alone, mut device) = (device.clone(), device.clone());
    let skip = |_: SlotId, _: &[u8]| Verdict::Skip;
    let mut selector = Selector::<_, Sha256, HEAD>::new(*device.layout(), skip);
    let choice = reads(&mut device, &mut selector);
    let [status, without] = [&mut device, &mut alone].map(|device| {
        let mut updater = device.updater();
        let reads = reads(device, &mut updater);
        assert!(updater.status().is_some());
        reads
    });
    [choice, status, without]
}

/// The most reads over all fills of a page by notes of this length: as they are, with the last frame torn, and with
/// its last word unreadable, so that no chunk that it lies in can be read.
fn most_reads(layout: Layout, note: usize, full: bool) -> [[u64; 3]; 3] {
    let word = layout.parts[0].write;
    let mut board = Board::new(layout);
    let mut updater = board.boot();
    board.drain(&mut updater);
    if full {
        every_record(&mut board, &mut updater);
    }
    let mut most = [[0; 3]; 3];
    let mut turns = 0;
    while turns < 2 {
        updater.remember(Initiator(5), &vec![7; note]).unwrap();
        board.drain(&mut updater);
        let mut boots = vec![boot_reads(&board.device)];
        match board.deeds.last() {
            Some(Deed::Write { at, bytes }) if bytes.starts_with(b"wf") => {
                let mut torn = board.device.clone();
                torn.flash.fill(0, at + 12, &[!bytes[12]]).unwrap();
                boots.push(boot_reads(&torn));
                let mut torn = board.device.clone();
                torn.flash.fail_at(OpIndex::Mutating(0), 1, CutPlace::Unit(0), TornModel::Unreadable);
                let last = at + bytes.len() as u32 - u32::from(word);
                torn.flash.write(0, last, &vec![0xFF; word.into()]).unwrap_err();
                boots.push(boot_reads(&torn));
            }
            _ => turns += 1,
        }
        for (most, got) in most.iter_mut().zip(boots) {
            most.iter_mut().zip(got).for_each(|(most, got)| *most = got.max(*most));
        }
    }
    most
}

#[test]
fn the_status_is_known_after_a_bounded_number_of_reads() {
    let all: &[(u16, u16)] = &[(1, 1), (1, 4), (4, 8), (32, 4), (1, 32), (256, 256)];
    let notes: &[(usize, bool)] = &[(1, false), (1, true), (96, true)];
    // A large page with the smallest frames is enough.
    for (page, bound, units, notes) in
        [(PAGE, MOST_READS, all, notes), (4 * PAGE, MOST_READS_16K, &all[..1], &notes[..1])]
    {
        let mut most = [[0; 3]; 3];
        for (read, write) in units.iter().copied() {
            for (note, full) in notes.iter().copied() {
                let got = most_reads(layout_of(read, write, EVEN, 2, page), note, full);
                fwupd_testkit::tell(format_args!(
                    "costs: page of {page}, read {read}, write {write}, notes of {note}, all records {full}: at \
                     most {:?} reads until the choice, the status, and without a bootloader; {:?} after a torn frame, \
                     {:?} after an unreadable word",
                    got[0], got[1], got[2]
                ));
                for (most, got) in most.iter_mut().flatten().zip(got.into_iter().flatten()) {
                    *most = got.max(*most);
                }
            }
        }
        assert_eq!(most, bound, "page of {page}");
    }
}
