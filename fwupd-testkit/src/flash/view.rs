//! One flash device of a [`SimFlash`] behind the `embedded-storage` traits.

use std::cell::RefCell;
use std::rc::Rc;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use super::{SimError, SimFlash};

/// A flash device as drivers show it. Views of several devices share one [`SimFlash`], so that a cut and a
/// count go over all of them.
///
/// The constants are the device's units in bytes; all its sectors are of `ERASE` bytes.
#[derive(Clone, Debug)]
pub struct SimPart<const READ: usize, const WRITE: usize, const ERASE: usize> {
    flash: Rc<RefCell<SimFlash>>,
    part: u8,
    capacity: usize,
}

/// Why a flash device cannot be shown with these constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadView {
    /// There is no device of this number.
    NoSuchPart,
    /// Its read or write unit is another one.
    Units,
    /// It has a sector of another size.
    Sectors,
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> SimPart<READ, WRITE, ERASE> {
    /// A view of one flash device. The flash must not be borrowed while the view is used.
    ///
    /// # Errors
    /// If the constants are not those of the device.
    pub fn new(flash: &Rc<RefCell<SimFlash>>, part: u8) -> Result<Self, BadView> {
        let shared = flash.borrow();
        let store = shared.stores.get(usize::from(part)).ok_or(BadView::NoSuchPart)?;
        let geometry = store.part();
        if (usize::from(geometry.read), usize::from(geometry.write)) != (READ, WRITE) {
            return Err(BadView::Units);
        }
        if geometry.sectors.iter().any(|run| run.size as usize != ERASE) {
            return Err(BadView::Sectors);
        }
        Ok(Self { flash: Rc::clone(flash), part, capacity: store.len() as usize })
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ErrorType for SimPart<READ, WRITE, ERASE> {
    type Error = SimError;
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> ReadNorFlash for SimPart<READ, WRITE, ERASE> {
    const READ_SIZE: usize = READ;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimError> {
        self.flash.borrow_mut().read(self.part, offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}

impl<const READ: usize, const WRITE: usize, const ERASE: usize> NorFlash for SimPart<READ, WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), SimError> {
        self.flash.borrow_mut().erase(self.part, from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimError> {
        self.flash.borrow_mut().write(self.part, offset, bytes)
    }
}
