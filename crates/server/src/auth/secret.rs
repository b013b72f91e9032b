//! The secret that signs tokens: read from where the operator keeps it, or made once and kept beside the data.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The fewest bytes that are accepted from an operator.
const LEAST_BYTES: usize = 32;

/// Why there is no secret, as a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("The secret in {0} is shorter than {LEAST_BYTES} bytes. Write some with: head -c 32 /dev/urandom > FILE")]
    TooShort(PathBuf),
    #[error("The secret in {0} cannot be read or made: {1}")]
    Io(PathBuf, io::Error),
}

/// The secret in a file that the operator names.
pub(crate) fn configured(file: &Path) -> Result<Vec<u8>, SecretError> {
    let bytes = fs::read(file).map_err(|error| SecretError::Io(file.to_owned(), error))?;
    if bytes.len() < LEAST_BYTES {
        return Err(SecretError::TooShort(file.to_owned()));
    }
    Ok(bytes)
}

/// The secret in the data folder, made if it is not there. Call it while the folder is locked.
pub(crate) fn kept(data: &Path) -> Result<Vec<u8>, SecretError> {
    let file = data.join("secret");
    let at_file = |error| SecretError::Io(file.clone(), error);
    match fs::metadata(&file) {
        Ok(found) => {
            if found.permissions().mode() & 0o077 != 0 {
                tracing::warn!("{} can be read by others: chmod 600 it", file.display());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(data, &file).map_err(at_file)?,
        Err(error) => return Err(at_file(error)),
    }
    configured(&file)
}

/// A draw of the operating system's random numbers: for a server that keeps nothing.
pub(crate) fn random() -> [u8; LEAST_BYTES] {
    rand::random()
}

/// Under its name only once it is whole and on the disk: a crash leaves no half secret.
fn make(data: &Path, file: &Path) -> io::Result<()> {
    let unfinished = data.join("secret.new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut new = options.open(&unfinished)?;
    new.write_all(&random())?;
    new.sync_all()?;
    fs::rename(&unfinished, file)?;
    File::open(data)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_reads_it() {
        let data = tempfile::tempdir().unwrap();
        let first = kept(data.path()).unwrap();
        assert_eq!(first.len(), 32);
        assert_eq!(kept(data.path()).unwrap(), first);
        let file = data.path().join("secret");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);

        fs::write(&file, "short").unwrap();
        assert!(matches!(kept(data.path()), Err(SecretError::TooShort(_))));
    }
}
