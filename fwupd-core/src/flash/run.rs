//! The executor for blocking flash. It holds no logic.

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};

use super::{FlashFault, Op, OpKind, Planner};
use crate::time::Now;

/// The flash devices of a board, by part number.
pub trait Parts {
    /// What the drivers' errors are.
    type Error;

    /// Carries out one operation.
    ///
    /// # Errors
    /// The driver's error, with its kind.
    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, Self::Error)>;
}

/// A board with one flash device, part 0.
#[derive(Debug)]
pub struct One<'a, F>(pub &'a mut F);

/// A board with two flash devices, parts 0 and 1.
#[derive(Debug)]
pub struct Two<'a, A, B>(pub &'a mut A, pub &'a mut B);

fn apply<F: NorFlash>(flash: &mut F, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, F::Error)> {
    match op {
        Op::Read { at, into, .. } => flash.read(*at, into),
        Op::Write { at, bytes, .. } => flash.write(*at, bytes),
        Op::Erase { from, to, .. } => flash.erase(*from, *to),
    }
    .map_err(|e| (e.kind(), e))
}

fn part(op: &Op<'_>) -> u8 {
    match op {
        Op::Read { part, .. } | Op::Write { part, .. } | Op::Erase { part, .. } => *part,
    }
}

/// An error of one of two devices, or `None` for a part number that the board does not have.
#[derive(Debug)]
pub enum Either<A, B> {
    /// Of part 0.
    First(A),
    /// Of part 1.
    Second(B),
    /// The layout names a part that is not there.
    NoSuchPart,
}

impl<F: NorFlash> Parts for One<'_, F> {
    type Error = Option<F::Error>;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, Self::Error)> {
        match part(op) {
            0 => apply(self.0, op).map_err(|(kind, e)| (kind, Some(e))),
            _ => Err((NorFlashErrorKind::OutOfBounds, None)),
        }
    }
}

impl<A: NorFlash, B: NorFlash> Parts for Two<'_, A, B> {
    type Error = Either<A::Error, B::Error>;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, Self::Error)> {
        match part(op) {
            0 => apply(self.0, op).map_err(|(kind, e)| (kind, Either::First(e))),
            1 => apply(self.1, op).map_err(|(kind, e)| (kind, Either::Second(e))),
            _ => Err((NorFlashErrorKind::OutOfBounds, Either::NoSuchPart)),
        }
    }
}

/// Carries out the planner's next operation, if it has one, and says whether it had.
///
/// # Errors
/// The fault, which the planner has been told of already, with the driver's own error. It is for a log: the
/// planner retries, or fails the work, by itself.
pub fn run<S: Parts>(
    planner: &mut impl Planner,
    parts: &mut S,
    now: Now,
) -> Result<bool, (FlashFault, S::Error)> {
    let Some(mut op) = planner.next_op() else { return Ok(false) };
    let (kind, at) = match &op {
        Op::Read { at, .. } => (OpKind::Read, *at),
        Op::Write { at, .. } => (OpKind::Write, *at),
        Op::Erase { from, .. } => (OpKind::Erase, *from),
    };
    let part = part(&op);
    match parts.apply(&mut op) {
        Ok(()) => {
            planner.done(Ok(()), now);
            Ok(true)
        }
        Err((error, source)) => {
            let fault = FlashFault { op: kind, part, at, kind: error };
            planner.done(Err(fault), now);
            Err((fault, source))
        }
    }
}
