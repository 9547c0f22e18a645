//! Files of secrets, which their owner alone may read.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::{SignerError, io_error};

/// Access for the owner alone.
const PRIVATE_FILE: u32 = 0o600;

/// Writes a secret to a new file that its owner alone may read.
pub(super) fn create_private(path: &Path, secret: &str) -> Result<(), SignerError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(|source| io_error("create", path, source))?;
    let line = Zeroizing::new([secret, "\n"].concat());
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|source| io_error("write", path, source))
}

/// Reads a secret from a file that its owner alone may read.
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<String>, SignerError> {
    let metadata = fs::metadata(path).map_err(|source| io_error("read", path, source))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SignerError::Exposed { path: path.to_owned(), mode });
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(|source| io_error("read", path, source))
}
