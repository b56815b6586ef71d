//! Counters of the flash: how often each sector was erased, and how many operations there were. They lie in
//! a file of a fixed size that is written in place, so that a kill loses at most the last count.
//!
//! ```text
//! "fwwear1\n" | writes u64 | bytes written u64 | erases u64 | erases of sector 0 u32 | of sector 1 u32 | ...
//! ```
//!
//! All numbers are little-endian.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::error::Error;
use crate::files::{self, Access, Existing};

const MAGIC: &[u8; 8] = b"fwwear1\n";
const SECTORS: usize = 32;

/// The counters, and their file where they are kept.
#[derive(Debug)]
pub struct Wear {
    file: Option<File>,
    /// Writes so far.
    pub writes: u64,
    /// Bytes written so far.
    pub bytes: u64,
    /// Erases so far.
    pub erases: u64,
    /// Erases of each sector so far.
    pub sectors: Vec<u32>,
}

impl Wear {
    /// Counters of a new device with so many sectors, in their file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(path: &Path, sectors: usize) -> Result<(), Error> {
        let mut bytes = MAGIC.to_vec();
        bytes.resize(SECTORS + sectors * 4, 0);
        files::write(path, &bytes, Access::Everyone, Existing::Replace)
    }

    /// The counters in this file, to be counted on if `write`. A file that is missing or damaged counts
    /// from 0 again and is not written: wear is for people, and no reason to fail.
    pub fn open(path: &Path, sectors: usize, write: bool) -> Self {
        let fresh = Self { file: None, writes: 0, bytes: 0, erases: 0, sectors: vec![0; sectors] };
        let Ok(bytes) = files::read(path, 64 * 1024 * 1024) else { return fresh };
        let Some(mut wear) = Self::parse(&bytes).filter(|wear| wear.sectors.len() == sectors) else {
            return fresh;
        };
        if write {
            wear.file = OpenOptions::new().write(true).open(path).ok();
        }
        wear
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (writes, rest) = rest.split_first_chunk()?;
        let (written, rest) = rest.split_first_chunk()?;
        let (erases, rest) = rest.split_first_chunk()?;
        let sectors = rest.chunks(4).map(|n| n.first_chunk().map(|n| u32::from_le_bytes(*n)));
        Some(Self {
            file: None,
            writes: u64::from_le_bytes(*writes),
            bytes: u64::from_le_bytes(*written),
            erases: u64::from_le_bytes(*erases),
            sectors: sectors.collect::<Option<_>>()?,
        })
    }

    /// Counts a write.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes as u64;
        self.put(8, &[self.writes.to_le_bytes(), self.bytes.to_le_bytes()].concat());
    }

    /// Counts an erase of the nth sector.
    pub(super) fn erased(&mut self, nth: usize) {
        self.erases += 1;
        self.put(24, &self.erases.to_le_bytes());
        if let Some(count) = self.sectors.get_mut(nth) {
            *count += 1;
            let bytes = count.to_le_bytes();
            self.put((SECTORS + nth * 4) as u64, &bytes);
        }
    }

    fn put(&mut self, at: u64, bytes: &[u8]) {
        let written = self.file.as_ref().map_or(Ok(()), |file: &File| file.write_all_at(bytes, at));
        if written.is_err() {
            // A count that cannot be kept is no reason to stop an update.
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_again_without_having_been_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wear.bin");
        Wear::create(&path, 3).unwrap();
        let mut wear = Wear::open(&path, 3, true);
        wear.wrote(16);
        wear.erased(2);
        std::mem::forget(wear);
        let found = Wear::open(&path, 3, false);
        assert_eq!((found.writes, found.bytes, found.erases), (1, 16, 1));
        assert_eq!(found.sectors, [0, 0, 1]);
    }

    #[test]
    fn a_damaged_file_counts_from_zero_and_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wear.bin");
        std::fs::write(&path, "<html>").unwrap();
        let mut wear = Wear::open(&path, 3, true);
        wear.erased(1);
        assert_eq!(wear.sectors, [0, 1, 0]);
        assert_eq!(std::fs::read(&path).unwrap(), b"<html>");
    }
}
