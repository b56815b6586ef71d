//! Where the bytes of a package come from: a file, named by a `file:` URI, or standard input.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use fwupd_core::outcome::Failure;
use fwupd_core::updater::URI_MAX;

use crate::error::Error;

const SCHEME: &str = "file://";

/// A file as a source.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    /// Its length, bytes.
    pub size: u32,
    /// Its entity tag: another one for another content, as far as the file system tells.
    pub tag: Vec<u8>,
}

impl FileSource {
    /// The file that a URI names.
    ///
    /// # Errors
    /// As a transfer fails: another scheme, or nothing there that could be read.
    pub fn open(uri: &str) -> Result<Self, Failure> {
        let path = path(uri).ok_or(Failure::UnsupportedProtocol)?;
        Self::at(&path).map_err(|_| Failure::InvalidUri)
    }

    fn at(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let size = u32::try_from(found.len()).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let tag = format!("{:x}-{:x}-{:x}", found.ino(), found.mtime_nsec(), found.mtime()).into_bytes();
        Ok(Self { file, size, tag })
    }

    /// Bytes from `offset` on, as many as there are.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, offset: u32, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(into, offset.into())
    }
}

/// Standard input, in blocks.
///
/// # Errors
/// When it cannot be read.
pub fn next_of_stdin(into: &mut [u8]) -> io::Result<usize> {
    let mut have = 0;
    let mut input = io::stdin().lock();
    while let Some(rest) = into.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(have)
}

/// A file that is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its URI.
    pub uri: String,
    /// What tells it from other files and other contents, for a note beside the command.
    pub note: Vec<u8>,
}

impl Origin {
    /// Of a file that can be read.
    ///
    /// # Errors
    /// When it cannot be, is not a file, or its path is too long for the updater's record.
    pub fn of(path: &Path) -> Result<Self, Error> {
        use sha2::Digest as _;
        let failed = |e: io::Error| Error::file("read", path, &e);
        let whole = path.canonicalize().map_err(failed)?;
        if whole.is_dir() {
            return Err(Error::failed(format_args!("{} is a folder", path.display())));
        }
        let source = FileSource::at(&whole).map_err(failed)?;
        let uri = uri(&whole);
        if uri.len() > URI_MAX {
            return Err(Error::failed(format_args!(
                "the path of {} is too long: {} bytes as a URI, at most {URI_MAX}",
                path.display(),
                uri.len()
            )));
        }
        let digest = sha2::Sha256::new_with_prefix(&uri).chain_update(&source.tag).finalize();
        Ok(Self { uri, note: digest.to_vec() })
    }
}

/// The URI of an absolute path (RFC 8089), all but unreserved characters and `/` escaped.
fn uri(path: &Path) -> String {
    let mut uri = SCHEME.to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(*byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

/// The path of such a URI.
fn path(uri: &str) -> Option<PathBuf> {
    let mut rest = uri.strip_prefix(SCHEME)?.bytes();
    let mut path = Vec::new();
    while let Some(byte) = rest.next() {
        path.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            other => other,
        });
    }
    path.starts_with(b"/").then(|| std::ffi::OsString::from_vec(path).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_comes_back_from_its_uri() {
        for name in ["/a/b.suit", "/a b/%41/ä.suit", "/x\n?#"] {
            let uri = uri(Path::new(name));
            assert!(uri.is_ascii() && !uri.contains([' ', '\n', '#', '?']), "{uri}");
            assert_eq!(path(&uri).as_deref(), Some(Path::new(name)));
        }
        for bad in ["/a", "coap://a/b", "file://", "file://a", "file:///%4", "file:///%zz"] {
            assert_eq!(path(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_with_another_content_is_another_origin() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "one").unwrap();
        let first = Origin::of(&file).unwrap();
        assert_eq!(Origin::of(&file).unwrap(), first);
        std::fs::remove_file(&file).unwrap();
        std::fs::write(dir.path().join("b"), "").unwrap();
        std::fs::write(&file, "two").unwrap();
        assert_ne!(Origin::of(&file).unwrap().note, first.note);
        assert!(Origin::of(dir.path()).unwrap_err().to_string().ends_with("is a folder"));
        assert!(Origin::of(&dir.path().join("no")).is_err());
    }
}
