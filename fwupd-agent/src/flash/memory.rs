//! A copy of the flash in memory, for looking at a device without changing it.

use embedded_storage::nor_flash::NorFlashErrorKind;
use fwupd_core::flash::{Op, Part, Parts};

use super::{Misuse, place, programmed, sector};

/// Flash of one part in memory.
#[derive(Clone, Debug)]
pub struct Memory {
    part: Part,
    bytes: Vec<u8>,
}

impl Memory {
    /// Flash that holds these bytes.
    pub fn new(part: Part, bytes: Vec<u8>) -> Self {
        Self { part, bytes }
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn at(&mut self, at: u32, len: usize) -> Result<&mut [u8], Misuse> {
        let from = usize::try_from(at).map_err(|_| Misuse::OutOfBounds)?;
        let to = from.checked_add(len).ok_or(Misuse::OutOfBounds)?;
        self.bytes.get_mut(from..to).ok_or(Misuse::OutOfBounds)
    }

    fn act(&mut self, op: &mut Op<'_>) -> Result<(), Misuse> {
        let (part, size) = (self.part, self.bytes.len() as u64);
        match op {
            Op::Read { at, into, .. } => {
                place(*at, into.len(), part.read, size)?;
                let from = self.at(*at, into.len())?;
                into.copy_from_slice(from);
            }
            Op::Write { at, bytes, .. } => {
                place(*at, bytes.len(), part.write, size)?;
                let old = self.at(*at, bytes.len())?;
                let new = programmed(&part, old, bytes)?;
                old.copy_from_slice(&new);
            }
            Op::Erase { from, to, .. } => {
                sector(&part, *from, *to)?;
                let len = to.saturating_sub(*from) as usize;
                self.at(*from, len)?.fill(part.erased);
            }
        }
        Ok(())
    }
}

impl Parts for Memory {
    type Error = Misuse;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, Misuse)> {
        self.act(op).map_err(|why| (why.kind(), why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fwupd_core::flash::Sectors;

    const PART: Part = Part { read: 1, write: 4, erased: 0xFF, sectors: &[Sectors { count: 2, size: 16 }] };

    #[test]
    fn a_word_is_written_once_between_two_erases() {
        let mut flash = Memory::new(PART, vec![0xFF; 32]);
        let write = |flash: &mut Memory, at, bytes: &[u8]| flash.act(&mut Op::Write { part: 0, at, bytes });
        assert_eq!(write(&mut flash, 4, &[1, 2, 3, 4]), Ok(()));
        assert_eq!(write(&mut flash, 4, &[0, 0, 0, 0]), Err(Misuse::NotErased));
        assert_eq!(write(&mut flash, 2, &[1, 2, 3, 4]), Err(Misuse::NotAligned));
        assert_eq!(write(&mut flash, 32, &[1, 2, 3, 4]), Err(Misuse::OutOfBounds));
        assert_eq!(flash.bytes()[..8], [0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3, 4]);
        assert_eq!(flash.act(&mut Op::Erase { part: 0, from: 0, to: 8 }), Err(Misuse::NotAligned));
        assert_eq!(flash.act(&mut Op::Erase { part: 0, from: 0, to: 16 }), Ok(()));
        assert_eq!(write(&mut flash, 4, &[0, 0, 0, 0]), Ok(()));
    }
}
