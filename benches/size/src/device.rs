//! A microcontroller of which nothing is known: what it says and what its flash holds come out of a black
//! box.

use core::hint::black_box;
use core::sync::atomic::AtomicU8;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash};
use fwupd_core::flash::One;
use fwupd_core::outcome::Ask;
use fwupd_core::status::Status;
use fwupd_core::time::Now;
use fwupd_core::updater::{Config, Platform, Updater};

use crate::driver::{Code, End, Turn, World, run};
use crate::platform::Device;

/// Runs the driver with this configuration.
pub fn main<P: Platform>(config: Config<P>) -> Option<End> {
    let mut updater = Updater::<P>::new(black_box(config)).ok()?;
    Some(run(&mut updater, &mut One(&mut Nor), black_box(&mut Opaque as &mut dyn World)))
}

/// The same outside without an updater.
pub fn base() {
    let mut world = Opaque;
    let world = black_box(&mut world as &mut dyn World);
    let mut bytes = [0; 256];
    world.now();
    world.permits(black_box(Ask::User));
    world.fetch("", 0, &mut bytes);
    let _ = (Nor.read(0, &mut bytes), Nor.write(0, &bytes), Nor.erase(0, 4096), Nor.capacity());
}

/// A device's identifiers.
pub fn device() -> Device {
    black_box(Device { vendor: [1; 16], class: [2; 16], sequence: 5 })
}

/// As many zero bytes of static memory as an updater takes: what it costs as a static of its own.
pub type Reserved<const N: usize> = [AtomicU8; N];

/// The value of a [`Reserved`].
pub const fn reserved<const N: usize>() -> Reserved<N> {
    [const { AtomicU8::new(0) }; N]
}

struct Opaque;

impl World for Opaque {
    fn now(&mut self) -> Now {
        black_box(Now { mono: 0, wall: None })
    }

    fn turn(&mut self, status: &Status<'_>) -> Turn {
        black_box(status);
        black_box(Turn::Command(Code::Fetch, 0))
    }

    fn fetch(&mut self, uri: &str, offset: u32, into: &mut [u8]) -> Option<usize> {
        black_box((uri, offset, into));
        black_box(Some(1))
    }

    fn permits(&mut self, ask: Ask) -> bool {
        black_box(ask) == Ask::User
    }
}

struct Nor;

/// A fault of the flash.
#[derive(Clone, Copy, Debug)]
struct Fault(NorFlashErrorKind);

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl ErrorType for Nor {
    type Error = Fault;
}

fn result() -> Result<(), Fault> {
    black_box(Err(Fault(NorFlashErrorKind::Other)))
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        black_box((offset, bytes));
        result()
    }

    fn capacity(&self) -> usize {
        black_box(0xA000)
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        black_box((from, to));
        result()
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        black_box((offset, bytes));
        result()
    }
}
