use std::cell::RefCell;
use std::rc::Rc;

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use fwupd_core::flash::{Either, FlashFault, One, Op, OpKind, Part, Parts, Planner, Sectors, Two, run};
use fwupd_core::time::Now;
use fwupd_testkit::flash::{BadView, CutPlace, OpIndex, SimError, SimFlash, SimPart, TornModel};

use super::PARTS;

const EVEN: &[Part] =
    &[PARTS[0], Part { read: 8, write: 8, erased: 0x00, sectors: &[Sectors { count: 2, size: 128 }] }];
type First = SimPart<1, 4, 64>;
type Second = SimPart<8, 8, 128>;

fn views() -> (Rc<RefCell<SimFlash>>, First, Second) {
    let flash = Rc::new(RefCell::new(SimFlash::new(EVEN)));
    let (first, second) = (First::new(&flash, 0).unwrap(), Second::new(&flash, 1).unwrap());
    (flash, first, second)
}

#[test]
fn a_view_shows_the_geometry_of_its_part() {
    let (_, first, second) = views();
    assert_eq!((First::READ_SIZE, First::WRITE_SIZE, First::ERASE_SIZE, first.capacity()), (1, 4, 64, 256));
    assert_eq!(
        (Second::READ_SIZE, Second::WRITE_SIZE, Second::ERASE_SIZE, second.capacity()),
        (8, 8, 128, 256)
    );
}

#[test]
fn a_view_with_other_constants_than_the_part_is_refused() {
    let even = Rc::new(RefCell::new(SimFlash::new(EVEN)));
    assert_eq!(SimPart::<1, 8, 64>::new(&even, 0).err(), Some(BadView::Units));
    assert_eq!(SimPart::<2, 4, 64>::new(&even, 0).err(), Some(BadView::Units));
    assert_eq!(SimPart::<1, 4, 32>::new(&even, 0).err(), Some(BadView::Sectors));
    assert_eq!(SimPart::<1, 4, 64>::new(&even, 2).err(), Some(BadView::NoSuchPart));
    let uneven = Rc::new(RefCell::new(SimFlash::new(PARTS)));
    assert_eq!(SimPart::<2, 8, 32>::new(&uneven, 1).err(), Some(BadView::Sectors));
}

#[test]
fn the_executors_of_core_reach_the_right_part_with_one_device_and_with_two() {
    let (flash, mut first, mut second) = views();
    let mut bytes = [0; 8];
    let mut one = One(&mut first);
    one.apply(&mut Op::Write { part: 0, at: 0, bytes: &[0x12; 4] }).unwrap();
    let (kind, error) = one.apply(&mut Op::Erase { part: 1, from: 0, to: 128 }).unwrap_err();
    assert_eq!((kind, error), (NorFlashErrorKind::OutOfBounds, None));

    let mut two = Two(&mut first, &mut second);
    two.apply(&mut Op::Read { part: 0, at: 0, into: &mut bytes }).unwrap();
    assert_eq!(bytes, [0x12, 0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF, 0xFF]);
    two.apply(&mut Op::Write { part: 1, at: 128, bytes: &[0x34; 8] }).unwrap();
    two.apply(&mut Op::Read { part: 1, at: 128, into: &mut bytes }).unwrap();
    assert_eq!(bytes, [0x34; 8]);
    two.apply(&mut Op::Erase { part: 1, from: 128, to: 256 }).unwrap();
    flash.borrow_mut().cut_at(OpIndex::Any(0), CutPlace::Before, TornModel::Nothing);
    let (kind, error) = two.apply(&mut Op::Read { part: 1, at: 0, into: &mut bytes }).unwrap_err();
    assert!(matches!((kind, error), (NorFlashErrorKind::Other, Either::Second(SimError::PowerLost))));
    let (_, error) = two.apply(&mut Op::Erase { part: 0, from: 0, to: 64 }).unwrap_err();
    assert!(matches!(error, Either::First(SimError::PowerLost)), "one power supply for both");

    let flash = flash.borrow();
    flash.assert_lawful();
    assert_eq!((flash.counts(0).ops(), flash.counts(1).ops()), (2, 4));
    assert_eq!((flash.contents(0)[0], flash.wear(1)), (0x12, &[0, 1][..]));
}

#[test]
fn every_error_has_the_kind_that_core_is_told() {
    for (error, kind) in [
        (SimError::PowerLost, NorFlashErrorKind::Other),
        (SimError::Fault, NorFlashErrorKind::Other),
        (SimError::Unreadable { part: 0, at: 4 }, NorFlashErrorKind::Other),
        (SimError::NotAligned, NorFlashErrorKind::NotAligned),
        (SimError::OutOfBounds, NorFlashErrorKind::OutOfBounds),
    ] {
        assert_eq!(error.kind(), kind);
    }
}

/// Plans one write, again and again, and remembers the results.
struct Writer(Vec<Result<(), FlashFault>>);

impl Planner for Writer {
    fn next_op(&mut self) -> Option<Op<'_>> {
        let at = 4 * self.0.len() as u32;
        (at < 12).then_some(Op::Write { part: 0, at, bytes: &[0; 4] })
    }

    fn done(&mut self, result: Result<(), FlashFault>, _: Now) {
        self.0.push(result);
    }
}

#[test]
fn a_planner_is_told_of_the_fault_that_was_armed() {
    let mut flash = SimFlash::new(PARTS);
    flash.fail_at(OpIndex::Mutating(1), 1, CutPlace::Before, TornModel::Nothing);
    let mut writer = Writer(Vec::new());
    let mut step = || run(&mut writer, &mut flash, Now::mono(0));
    let fault = FlashFault { op: OpKind::Write, part: 0, at: 4, kind: NorFlashErrorKind::Other };
    assert_eq!(step(), Ok(true));
    assert_eq!(step(), Err((fault, SimError::Fault)));
    assert_eq!(step(), Ok(true));
    assert_eq!(step(), Ok(false));
    assert_eq!(writer.0, [Ok(()), Err(fault), Ok(())]);
}
