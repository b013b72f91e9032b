//! The data folder: its lock, and the generations of the database in it. Knows nothing of what is inside a database.
//!
//! `data/lock` is held by the one process that serves or restores (F4). `data/generations/N/sesodocs.db` with the largest `N`
//! is the database; a generation comes into being whole, by a rename (F5), so that a kill at any moment leaves the one before.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock, statvfs};

use crate::OpenError;

/// A generation of the database, and the right to use it.
pub(super) struct Folder {
    /// The database file.
    pub(super) database: PathBuf,
    /// `None` beside a running server.
    lock: Option<Lock>,
}

impl Folder {
    /// Whether this process alone uses the database.
    pub(super) fn is_ours(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether the disk has room for so many bytes more. A checkpoint is not begun without: it would fail for good (F1),
    /// while a commit that finds the disk full only waits (F3). A hint, since others write to the same disk.
    pub(super) fn has_room_for(&self, bytes: u64) -> bool {
        let folder = self.database.parent().unwrap_or(&self.database);
        statvfs(folder).map_or(true, |disk| disk.f_bavail * disk.f_frsize > bytes + SPARE_BYTES)
    }

    /// How long the write-ahead log is now.
    pub(super) fn wal_bytes(&self) -> u64 {
        fs::metadata(self.wal()).map_or(0, |log| log.len())
    }

    /// The write-ahead log's path.
    pub(super) fn wal(&self) -> PathBuf {
        let mut path = self.database.clone().into_os_string();
        path.push("-wal");
        path.into()
    }
}

/// What [`Folder::has_room_for`] leaves over, for the folders' and files' own needs.
const SPARE_BYTES: u64 = 64 << 10;

/// The exclusive lock on a data folder, held until it is dropped (F4).
pub(super) struct Lock {
    data: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` if another process has it. Makes the folder if there is none.
    pub(super) fn take(data: &Path) -> Result<Option<Self>, OpenError> {
        make_folder(data).map_err(cannot("make the data folder", data))?;
        let path = data.join("lock");
        let file = File::create(&path).map_err(cannot("open", &path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { data: data.to_owned(), _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(cannot("lock", &path)(error.into())),
        }
    }

    /// The newest generation; if there is none yet, the first one, made by `build`.
    pub(super) fn newest(self, build: impl FnOnce(&Path) -> Result<(), OpenError>) -> Result<Folder, OpenError> {
        match newest(&self.data)? {
            Some(number) => Ok(Folder { database: database(&self.data, number), lock: Some(self) }),
            None => self.next(build),
        }
    }

    /// A new generation, which is the newest from then on. `build` makes the database at the path that it is given,
    /// synced and without a log beside it.
    pub(super) fn next(self, build: impl FnOnce(&Path) -> Result<(), OpenError>) -> Result<Folder, OpenError> {
        let number = newest(&self.data)?.unwrap_or(0) + 1;
        let generations = self.data.join(GENERATIONS);
        make_folder(&generations).map_err(cannot("make", &generations))?;
        let unfinished = generations.join(UNFINISHED);
        // What a kill left of an earlier attempt.
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(cannot("remove", &unfinished))?;
        }
        fs::create_dir(&unfinished).map_err(cannot("make", &unfinished))?;
        build(&unfinished.join(DATABASE))?;
        sync_folder(&unfinished)?;
        let finished = generations.join(number.to_string());
        fs::rename(&unfinished, &finished).map_err(cannot("name", &finished))?;
        sync_folder(&generations)?;
        // The folders above may have been made a moment ago, by us or by whoever started us (F4).
        sync_folder(&self.data)?;
        sync_folder(parent(&self.data))?;
        Ok(Folder { database: database(&self.data, number), lock: Some(self) })
    }
}

/// The newest generation in a folder that a running server has locked.
pub(super) fn beside(data: &Path) -> Result<Folder, OpenError> {
    let number = newest(data)?.ok_or_else(|| {
        OpenError(format!("the server that uses {} is only just starting; try again in a moment", data.display()))
    })?;
    Ok(Folder { database: database(data, number), lock: None })
}

/// Syncs a folder, so that the names in it last.
pub(super) fn sync_folder(path: &Path) -> Result<(), OpenError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(cannot("sync", path))
}

/// The folder that holds a path's name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// The sentence for a file operation that failed.
pub(super) fn cannot(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |error| OpenError(format!("cannot {what} {}: {error}", path.display()))
}

const GENERATIONS: &str = "generations";
const UNFINISHED: &str = "unfinished";
const DATABASE: &str = "sesodocs.db";

fn database(data: &Path, generation: u64) -> PathBuf {
    let generation = generation.to_string();
    data.join(GENERATIONS).join(generation).join(DATABASE)
}

fn newest(data: &Path) -> Result<Option<u64>, OpenError> {
    let generations = data.join(GENERATIONS);
    let names = match fs::read_dir(&generations) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot("read", &generations)(error)),
    };
    let mut newest = None;
    for name in names {
        let name = name.map_err(cannot("read", &generations))?.file_name();
        let number = name.to_str().and_then(|name| name.parse::<u64>().ok());
        newest = newest.max(number);
    }
    Ok(newest)
}

/// Makes a folder and those above it, for their owner alone, syncing the folder above each one that is made.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    make_folder(above)?;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above)?.sync_all(),
    }
}
