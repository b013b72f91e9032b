//! Backup and restore (F5): a database leaves and enters the data folder as one file, whole or not at all.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, backup::Backup};

use super::{
    connection::{self, Checkpoint, Reach, Unusable},
    folder::{Lock, cannot, parent, sync_folder},
};
use crate::OpenError;

/// Writes the state of this moment into a file, also while a server runs. A file of that name is replaced.
///
/// # Errors
/// [`OpenError`]; the file is then as it was before.
pub fn backup(data: &Path, file: &Path) -> Result<(), OpenError> {
    let folder = super::enter(data, super::Missing::Refuse)?;
    let partial = beside(file, ".partial");
    remove_if_there(&partial)?;
    // It holds everybody's password hash: for its owner alone.
    let own = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
    own.map_err(cannot("make", &partial))?;
    let failed = |error: rusqlite::Error| OpenError(format!("the backup failed: {}", connection::described(&error)));
    let source = connection::open_reader(&folder.database).map_err(failed)?;
    copy_all(&source, &partial).map_err(failed)?;
    drop(source);
    // SQLite has closed it: from here on it is a file like any other.
    File::open(&partial).and_then(|partial| partial.sync_all()).map_err(cannot("sync", &partial))?;
    fs::rename(&partial, file).map_err(cannot("name", file))?;
    sync_folder(parent(file))
}

/// Puts a backup in the place of the database, as a new generation, and ends all sessions. The one before is kept.
/// Returns the folder of the new generation.
///
/// # Errors
/// [`OpenError`] if a server runs, or the file is not a whole backup: the data folder is then as it was before.
pub fn restore(file: &Path, data: &Path) -> Result<PathBuf, OpenError> {
    let log = beside(file, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(OpenError(format!(
            "{} has a write-ahead log beside it, so it is not a whole backup: make one with `sesodocs backup`",
            file.display()
        )));
    }
    let lock = Lock::take(data)?.ok_or_else(|| super::in_use(data))?;
    let mut source = File::open(file).map_err(cannot("read", file))?;
    let folder = lock.next(|path| {
        copy_synced(&mut source, path).map_err(cannot("copy the backup to", path))?;
        admit(path).map_err(|why| OpenError(format!("{} cannot be restored: {why}", file.display())))
    })?;
    Ok(parent(&folder.database).to_owned())
}

/// Makes the copy of a backup a database to serve from.
fn admit(path: &Path) -> Result<(), Unusable> {
    let mut database = connection::open(path)?;
    connection::check_ours(&database)?;
    let verdict: String = database.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Unusable::Damaged(verdict));
    }
    connection::use_wal(&database)?;
    connection::migrate(&mut database)?;
    database.execute_batch(
        "BEGIN; DELETE FROM sessions; UPDATE counters SET value = value + 1 WHERE name = 'sessions'; COMMIT",
    )?;
    match connection::checkpoint(&database, Reach::Truncate)? {
        Checkpoint::Done => Ok(()),
        Checkpoint::Busy => Err(Unusable::Busy),
    }
}

/// Every page in one step: all of one moment, whatever is written meanwhile.
fn copy_all(source: &Connection, target: &Path) -> rusqlite::Result<()> {
    let mut target = Connection::open(target)?;
    Backup::new(source, &mut target)?.step(-1)?;
    Ok(())
}

fn copy_synced(source: &mut File, to: &Path) -> io::Result<()> {
    let mut target = File::create_new(to)?;
    io::copy(source, &mut target)?;
    target.sync_all()
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(suffix);
    name.into()
}

fn remove_if_there(path: &Path) -> Result<(), OpenError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path)(error)),
        _ => Ok(()),
    }
}
