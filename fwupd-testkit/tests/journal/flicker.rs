//! Torn words that read as written until some read, and as not written from then on, or the other way round.
//! Harder than noise: the words change their minds together, at the worst moment.
//!
//! What holds, for one such cut: what the first boot answers, all later ones do, whatever the words do then.

use embedded_storage::nor_flash::NorFlashErrorKind;
use fwupd_core::flash::{Op, OpKind, Parts};
use fwupd_testkit::flash::{CutPlace, LogEntry, OpIndex, SimError, SimFlash, TornModel};

use crate::rig::{PowerLost, boot, contents};
use crate::toy::{maps, starts, toy, work};

/// A byte that cannot make up its mind.
#[derive(Clone, Debug)]
struct Byte {
    at: u32,
    early: u8,
    late: u8,
}

#[derive(Clone)]
struct Flicker {
    flash: SimFlash,
    bytes: Vec<Byte>,
    /// Reads left until they are late ones.
    early: usize,
    reads: usize,
}

impl Parts for Flicker {
    type Error = SimError;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, SimError)> {
        self.flash.apply(op)?;
        match op {
            Op::Read { at, into, .. } => {
                for byte in &self.bytes {
                    let offset = byte.at.checked_sub(*at).and_then(|offset| into.get_mut(offset as usize));
                    if let Some(place) = offset {
                        *place = if self.reads < self.early { byte.early } else { byte.late };
                    }
                }
                self.reads += 1;
            }
            Op::Write { .. } => {}
            Op::Erase { from, to, .. } => self.bytes.retain(|byte| !(*from..*to).contains(&byte.at)),
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Points {
    points: u64,
    settled: u64,
}

fn flickers(write: u16, entry: &LogEntry, n: u64, life: usize, points: &mut Points) {
    let layout = toy(write, 0xFF);
    let (start, map) = starts(layout)[life].clone();
    let maps = maps(map);
    let step = if entry.op == OpKind::Erase { 16 } else { 1 };
    for place in (0..entry.places).step_by(step).flat_map(|at| [CutPlace::From(at), CutPlace::Unit(at)]) {
        let cut = |model| {
            let mut flash = start.clone();
            flash.cut_at(OpIndex::Mutating(n), place, model);
            let mut done = 0;
            assert_eq!(work(layout, &mut flash, &mut done), Err(PowerLost));
            flash.power_on();
            (flash, done)
        };
        let (flash, done) = cut(TornModel::Prefix);
        let between = [&maps[done], &maps[done + 1]];
        let new = match (entry.op, place) {
            (OpKind::Write, CutPlace::Unit(at)) => cut(TornModel::AllNew).0.contents(1)
                [..(entry.at + (at + 1) * u32::from(write)) as usize]
                .to_vec(),
            _ => cut(TornModel::AllNew).0.contents(1),
        };
        let old = flash.contents(1);
        let differ = || (0u32..).zip(old.iter().zip(&new)).filter(|(_, (old, new))| old != new);
        for swap in [false, true] {
            let bytes: Vec<Byte> = differ()
                .map(|(at, (&old, &new))| match swap {
                    false => Byte { at, early: old, late: new },
                    true => Byte { at, early: new, late: old },
                })
                .collect();
            for early in 0.. {
                let mut board = Flicker { flash: flash.clone(), bytes: bytes.clone(), early, reads: 0 };
                let mut journal = boot::<1536>(layout, &mut board).expect("power");
                let found = contents(&mut journal, &mut board).expect("power");
                let context = || {
                    format!("write {write}, life {life}, operation {n} {entry:?}, {place:?}, {swap}, {early}")
                };
                assert!(between.contains(&&found), "{}: {found:?}", context());
                let reads = board.reads;
                points.settled += u64::from(board.bytes.is_empty() && !bytes.is_empty());
                for early in [0, usize::MAX] {
                    let mut later = Flicker { early, reads: 0, ..board.clone() };
                    let mut journal = boot::<1536>(layout, &mut later).expect("power");
                    let again = contents(&mut journal, &mut later).expect("power");
                    assert_eq!(again, found, "{}", context());
                    later.flash.assert_lawful();
                }
                points.points += 1;
                if early > reads {
                    break;
                }
            }
        }
    }
}

#[test]
fn words_that_change_their_minds_after_one_cut_change_no_answer() {
    let mut points = Points::default();
    for write in [8, 1, 32] {
        let layout = toy(write, 0xFF);
        for (life, (start, _)) in starts(layout).iter().enumerate() {
            let mut whole = start.clone();
            whole.keep_log(true);
            work(layout, &mut whole, &mut 0).expect("power");
            let mutating: Vec<LogEntry> =
                whole.log().iter().filter(|entry| entry.op != OpKind::Read).copied().collect();
            for (n, entry) in (0..).zip(&mutating) {
                flickers(write, entry, n, life, &mut points);
            }
        }
    }
    fwupd_testkit::tell(format_args!("flickering journal: {points:?}"));
    assert!(points.points > 10_000 && points.settled > 1000, "{points:?}");
}
