//! The flash image in its file, and the lock that makes one process its owner.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use embedded_storage::nor_flash::NorFlashErrorKind;
use fwupd_core::flash::{Layout, Op, Part, Parts};

use super::{FILE, Misuse, PowerCut, WEAR, Wear, place, programmed, sector};
use crate::error::Error;
use crate::files::{self, Access, Existing};

/// Name of the file that is locked.
const LOCK: &str = "lock";

/// Why the file does not take an operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlashError {
    /// Flash would not take it either.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The host failed: to the device this is as if its power were cut.
    #[error("{0}")]
    Host(#[from] io::Error),
}

/// How to come by the lock of a state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// At once, or not at all.
    Try,
    /// Waiting: this process goes on where it was itself the owner.
    Wait,
}

/// A lock on a state directory, held as long as this lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it.
    ///
    /// # Errors
    /// Another process has it, or it cannot be had.
    pub fn take(state: &Path, how: Locking) -> Result<Self, Error> {
        let path = state.join(LOCK);
        let failed = |e: &io::Error| Error::file("lock", &path, e);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|e| failed(&e))?;
        match how {
            Locking::Wait => file.lock().map_err(|e| failed(&e))?,
            Locking::Try => file.try_lock().map_err(|e| match e {
                TryLockError::WouldBlock => {
                    Error::failed(format_args!("{} is in use by another fwagent", state.display()))
                }
                TryLockError::Error(e) => failed(&e),
            })?,
        }
        Ok(Self { _file: file })
    }
}

/// The flash image of a state directory. Part 0 is all there is.
#[derive(Debug)]
pub struct FlashFile {
    file: File,
    path: PathBuf,
    part: Part,
    size: u64,
    /// From here on, what is written is synchronised: where the journal begins, if at all.
    synced: u32,
    wear: Wear,
    cut: Option<PowerCut>,
}

impl FlashFile {
    /// Makes the file, whole: nothing that is written to it later needs room on the disk. `bytes` is what
    /// the flash holds.
    ///
    /// # Errors
    /// When it cannot be written; then a device that was there stays.
    pub fn create(state: &Path, layout: &Layout, bytes: &[u8]) -> Result<(), Error> {
        let sectors = sectors(&part(layout)?);
        files::write(&state.join(FILE), bytes, Access::Everyone, Existing::Replace)?;
        Wear::create(&state.join(WEAR), sectors)
    }

    /// Opens it for a device that is powered on; `sync` as in [`Flash`](crate::config::Flash).
    ///
    /// # Errors
    /// When there is no device, or the file has another size than the configuration says.
    pub fn open(state: &Path, layout: &Layout, sync: bool, cut: Option<PowerCut>) -> Result<Self, Error> {
        let path = state.join(FILE);
        let part = part(layout)?;
        let size = size(&part);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(|e| unopened(&path, &e))?;
        let found = file.metadata().map_err(|e| Error::file("read", &path, &e))?.len();
        if found != size {
            return Err(wrong_size(&path, found, size));
        }
        let wear = Wear::open(&state.join(WEAR), sectors(&part), true);
        let journal = layout.journal.iter().map(|page| page.from).min();
        let synced = journal.filter(|_| sync).unwrap_or(u32::MAX);
        Ok(Self { file, path, part, size, synced, wear, cut })
    }

    /// What a state directory's flash holds, and its counters; nothing is locked or written.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn peek(state: &Path, layout: &Layout) -> Result<(Vec<u8>, Wear), Error> {
        let path = state.join(FILE);
        let part = part(layout)?;
        let size = size(&part);
        let mut file = File::open(&path).map_err(|e| unopened(&path, &e))?;
        let found = file.metadata().map_err(|e| Error::file("read", &path, &e))?.len();
        if found != size {
            return Err(wrong_size(&path, found, size));
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).map_err(|e| Error::file("read", &path, &e))?;
        Ok((bytes, Wear::open(&state.join(WEAR), sectors(&part), false)))
    }

    /// The power cut that is still to come.
    pub fn cut(&self) -> Option<&PowerCut> {
        self.cut.as_ref()
    }

    /// Bytes of the image, for the firmware that runs from it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, at: u32, into: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(into, at.into()).map_err(|e| self.host(&e))
    }

    /// The line of a failure of the host.
    pub fn host(&self, why: &io::Error) -> Error {
        Error::file("use", &self.path, why)
    }

    fn old(&self, at: u32, len: usize) -> io::Result<Vec<u8>> {
        let mut old = vec![0; len];
        self.file.read_exact_at(&mut old, at.into())?;
        Ok(old)
    }

    /// Puts `new` in place of `old`, or tears it if the power is cut now.
    fn put(&mut self, at: u32, old: &[u8], new: &[u8]) -> io::Result<()> {
        if let Some(cut) = &mut self.cut
            && cut.comes()
        {
            let torn = cut.torn(&self.part, old, new);
            self.file.write_all_at(&torn, at.into())?;
            cut.strike();
        }
        self.file.write_all_at(new, at.into())?;
        if at >= self.synced {
            // What a frame tells of lies before it in time, and so is on the disk with it.
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn act(&mut self, op: &mut Op<'_>) -> Result<(), FlashError> {
        match op {
            Op::Read { at, into, .. } => {
                place(*at, into.len(), self.part.read, self.size)?;
                self.file.read_exact_at(into, (*at).into())?;
            }
            Op::Write { at, bytes, .. } => {
                place(*at, bytes.len(), self.part.write, self.size)?;
                let old = self.old(*at, bytes.len())?;
                let new = programmed(&self.part, &old, bytes)?;
                self.wear.wrote(new.len());
                self.put(*at, &old, &new)?;
            }
            Op::Erase { from, to, .. } => {
                sector(&self.part, *from, *to)?;
                let len = to.saturating_sub(*from) as usize;
                let nth = sectors_before(&self.part, *from);
                let old = self.old(*from, len)?;
                self.wear.erased(nth);
                self.put(*from, &old, &vec![self.part.erased; len])?;
            }
        }
        Ok(())
    }
}

impl Parts for FlashFile {
    type Error = FlashError;

    fn apply(&mut self, op: &mut Op<'_>) -> Result<(), (NorFlashErrorKind, FlashError)> {
        self.act(op).map_err(|why| match why {
            FlashError::Misuse(misuse) => (misuse.kind(), why),
            FlashError::Host(_) => (NorFlashErrorKind::Other, why),
        })
    }
}

fn part(layout: &Layout) -> Result<Part, Error> {
    layout.part(0).copied().ok_or_else(|| Error::failed("the flash has no part"))
}

fn size(part: &Part) -> u64 {
    part.sectors.iter().map(|run| u64::from(run.count) * u64::from(run.size)).sum()
}

fn sectors(part: &Part) -> usize {
    part.sectors.iter().map(|run| run.count as usize).sum()
}

/// The number of the sector that begins at `from`.
fn sectors_before(part: &Part, from: u32) -> usize {
    let (mut base, mut nth) = (0u32, 0usize);
    for run in part.sectors {
        let within = from.saturating_sub(base).checked_div(run.size).unwrap_or(0).min(run.count);
        nth += within as usize;
        base = base.saturating_add(run.count.saturating_mul(run.size));
    }
    nth
}

fn unopened(path: &Path, why: &io::Error) -> Error {
    if why.kind() == io::ErrorKind::NotFound {
        let path = path.display();
        return Error::failed(format_args!(
            "there is no device: {path} does not exist (fwagent provision makes one)"
        ));
    }
    Error::file("open", path, why)
}

fn wrong_size(path: &Path, found: u64, size: u64) -> Error {
    Error::failed(format_args!(
        "{} has {found} bytes, but the configuration describes a flash of {size}",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flash;

    fn device() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let flash = Flash { slot: 16 * 1024, ..Flash::default() };
        let layout = flash.layout().unwrap();
        FlashFile::create(dir.path(), &layout, &vec![0xFF; flash.size().unwrap() as usize]).unwrap();
        (dir, layout)
    }

    #[test]
    fn what_is_written_is_found_by_the_next_process_with_its_wear() {
        let (dir, layout) = device();
        let mut flash = FlashFile::open(dir.path(), &layout, true, None).unwrap();
        flash.act(&mut Op::Write { part: 0, at: 8192, bytes: &[1; 8] }).unwrap();
        flash.act(&mut Op::Erase { part: 0, from: 4096, to: 8192 }).unwrap();
        let again = flash.act(&mut Op::Write { part: 0, at: 8192, bytes: &[0; 8] });
        assert!(matches!(again, Err(FlashError::Misuse(Misuse::NotErased))), "{again:?}");
        drop(flash);
        let (bytes, wear) = FlashFile::peek(dir.path(), &layout).unwrap();
        assert_eq!(bytes[8192..8200], [1; 8]);
        assert_eq!((wear.writes, wear.bytes, wear.erases), (1, 8, 1));
        assert_eq!(wear.sectors[..3], [0, 1, 0]);
    }

    #[test]
    fn a_second_owner_is_told_so() {
        let (dir, _) = device();
        let held = Lock::take(dir.path(), Locking::Try).unwrap();
        let refused = Lock::take(dir.path(), Locking::Try).unwrap_err();
        assert!(refused.to_string().ends_with("is in use by another fwagent"), "{refused}");
        drop(held);
        Lock::take(dir.path(), Locking::Try).unwrap();
    }

    #[test]
    fn a_file_of_another_size_is_no_device() {
        let (dir, layout) = device();
        std::fs::write(dir.path().join(FILE), [0; 100]).unwrap();
        let told = FlashFile::open(dir.path(), &layout, true, None).unwrap_err().to_string();
        assert!(told.contains("has 100 bytes, but the configuration describes a flash of 40960"), "{told}");
        assert_eq!(FlashFile::peek(dir.path(), &layout).unwrap_err().to_string(), told);
    }
}
