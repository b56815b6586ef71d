//! Files that are either written whole or not at all.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use crate::error::Error;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: mode 0600.
    Owner,
    /// Everyone: mode 0644.
    Everyone,
}

/// What happens to a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the write is refused.
    Keep,
    /// It is replaced.
    Replace,
}

/// Writes a file under a temporary name and moves it into place, so that neither a full disk nor a kill
/// leaves half of it.
///
/// # Errors
/// With the path and the cause; a file that exists is named as such.
pub fn write(path: &Path, bytes: &[u8], access: Access, existing: Existing) -> Result<(), Error> {
    let failed = |why: &io::Error| {
        if why.kind() == io::ErrorKind::AlreadyExists {
            exists(path)
        } else {
            Error::file("write", path, why)
        }
    };
    // A rename onto a device such as /dev/null or /dev/stdout would replace the device.
    if existing == Existing::Replace && fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut f| f.write_all(bytes))
            .map_err(|e| failed(&e));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fwagent-");
    let permissions = permissions(access);
    if let Some(permissions) = permissions {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(folder).map_err(|e| {
        // The crate adds the temporary name, which says nothing to anyone.
        let text = e.to_string();
        failed(&io::Error::other(text.split(" at path ").next().unwrap_or(&text)))
    })?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(|e| failed(&e))?;
    match existing {
        Existing::Keep => file.persist_noclobber(path),
        Existing::Replace => file.persist(path),
    }
    .map_err(|e| failed(&e.error))?;
    // The name is kept only once its folder is.
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| failed(&e))
}

/// The refusal to overwrite `path`.
pub fn exists(path: &Path) -> Error {
    Error::failed(format_args!("{} exists; --force replaces it", path.display()))
}

/// The whole of a file of at most `limit` bytes.
///
/// # Errors
/// With the path and the cause; a longer file is an error too.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| Error::file("read", path, &e))?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| Error::file("read", path, &e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::failed(format_args!("{} is longer than {limit} bytes", path.display())));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn permissions(access: Access) -> Option<fs::Permissions> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(fs::Permissions::from_mode(match access {
        Access::Owner => 0o600,
        Access::Everyone => 0o644,
    }))
}

#[cfg(not(unix))]
fn permissions(_: Access) -> Option<fs::Permissions> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_exists_stays_unless_it_may_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"one", Access::Owner, Existing::Keep).unwrap();
        let refused = write(&path, b"two", Access::Owner, Existing::Keep).unwrap_err();
        assert!(refused.to_string().ends_with("a exists; --force replaces it"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"two", Access::Owner, Existing::Replace).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_folder_that_is_missing_is_told_without_the_temporary_name() {
        let told = write(Path::new("no/such/a"), b"", Access::Everyone, Existing::Replace).unwrap_err();
        assert!(told.to_string().starts_with("cannot write no/such/a: No such file"), "{told}");
        assert!(!told.to_string().contains(".fwagent"), "{told}");
    }

    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let null = Path::new("/dev/null");
        if null.exists() {
            write(null, b"bytes", Access::Everyone, Existing::Replace).unwrap();
            assert!(!fs::metadata(null).unwrap().is_file());
        }
    }

    #[test]
    fn a_file_longer_than_the_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, [0; 10]).unwrap();
        assert_eq!(read(&path, 10).unwrap().len(), 10);
        assert!(read(&path, 9).unwrap_err().to_string().ends_with("is longer than 9 bytes"));
    }
}
