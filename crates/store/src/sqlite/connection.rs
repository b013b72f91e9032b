//! Opening the database with every setting that durability needs, transactions, checkpoints, and what an error means.
//! No statement about documents or people is here.

use std::{cell::Cell, path::Path, time::Duration};

use engine::store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row, config::DbConfig, ffi, types::FromSqlError};
use rusqlite_migration::{M, Migrations, SchemaVersion};

/// How long a statement waits for another process's commit: the command line beside a running server.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const STEPS: &[M<'static>] =
    &[M::up(include_str!("../migrations/0001_first.sql")), M::up(include_str!("../migrations/0002_classic_names.sql"))];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// What marks a database file as ours; the first migration writes it.
const APPLICATION_ID: i64 = 0x5e50_d0c5;

thread_local! {
    /// Pages in the write-ahead log after the last commit on this thread.
    static WAL_PAGES: Cell<u32> = const { Cell::new(0) };
}

/// Opens a database that exists, for reading and writing.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    configured(Connection::open_with_flags(path, FLAGS)?)
}

/// Makes a new, empty database in WAL mode.
pub(super) fn create(path: &Path) -> rusqlite::Result<Connection> {
    let flags = FLAGS | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = configured(Connection::open_with_flags(path, flags)?)?;
    use_wal(&connection)?;
    Ok(connection)
}

/// Opens a database for reading only.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Turns a database to WAL mode, if it is not in it.
pub(super) fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")
}

// No mutex: a connection is used by one thread at a time.
const FLAGS: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

fn configured(connection: Connection) -> rusqlite::Result<Connection> {
    // First of all: whatever fails later, closing must not checkpoint (F1).
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Each commit is synced before it returns (D1); macOS lies without `fullfsync`.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Pages are checked as they are read, so that damage is an error and not a strange row.
    connection.pragma_update(None, "cell_size_check", true)?;
    // What savepoints remember stays in memory; a file for it costs more than the rows.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    // After a long reader (a backup) the log shrinks again at its next start from the front.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

/// How a checkpoint went that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// All that could be moved into the database file was, and is synced.
    Done,
    /// Another connection was in the way.
    Busy,
}

/// How far a checkpoint goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach {
    /// Whatever no reader needs, without waiting.
    Passive,
    /// Everything, waiting for readers, and the log is empty then.
    Truncate,
}

/// Moves the log into the database file and syncs both. Every error is to be taken for a failed fsync (F1).
pub(super) fn checkpoint(connection: &Connection, reach: Reach) -> rusqlite::Result<Checkpoint> {
    let sql = match reach {
        Reach::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Reach::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    match connection.query_row(sql, [], |row| row.get(0)) {
        Ok(0) => Ok(Checkpoint::Done),
        Ok(_) => Ok(Checkpoint::Busy),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(Checkpoint::Busy),
        Err(error) => Err(error),
    }
}

/// Counts, from now on, the pages that commits on this thread leave in the log.
pub(super) fn count_wal_pages(connection: &Connection) {
    connection.wal_hook(Some(|_, pages| {
        WAL_PAGES.set(pages.unsigned_abs());
        Ok(())
    }));
}

/// Pages in the log after this thread's last commit.
pub(super) fn wal_pages() -> u32 {
    WAL_PAGES.get()
}

/// Why a database is not one that this program can use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("it is not a SeSoDocs database")]
    Foreign,
    #[error("a newer version of SeSoDocs wrote it")]
    Newer,
    #[error("it has an older form, which this program cannot change now")]
    Older,
    #[error("another program is reading it")]
    Busy,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Migration(#[from] rusqlite_migration::Error),
}

/// Brings a database, new or old, to the form of this version.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Unusable> {
    match MIGRATIONS.current_version(connection)? {
        SchemaVersion::Outside(_) => return Err(Unusable::Newer),
        SchemaVersion::Inside(_) => check_ours(connection)?,
        SchemaVersion::NoneSet => {}
    }
    Ok(MIGRATIONS.to_latest(connection)?)
}

/// Makes sure that a database is ours and has the form of this version, without changing it.
pub(super) fn check_form(connection: &Connection) -> Result<(), Unusable> {
    check_ours(connection)?;
    match MIGRATIONS.pending_migrations(connection)? {
        0 => Ok(()),
        pending if pending < 0 => Err(Unusable::Newer),
        _ => Err(Unusable::Older),
    }
}

/// Makes sure that a database is ours.
pub(super) fn check_ours(connection: &Connection) -> Result<(), Unusable> {
    let id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if id == APPLICATION_ID { Ok(()) } else { Err(Unusable::Foreign) }
}

/// Why a statement, and with it perhaps a transaction, came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// A condition does not hold, or a row is damaged: the affair of this one command.
    Refused(StoreError),
    /// SQLite failed: nothing of the transaction counts.
    Broken(rusqlite::Error),
    /// SQLite has ended the transaction by itself (F3).
    Ended,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match error {
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::Refused(StoreError::Corrupt(error.to_string())),
            _ if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Self::Refused(StoreError::Conflict)
            }
            _ => Self::Broken(error),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Fault {
    /// What to tell the caller of a read.
    pub(super) fn of_read(self) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Broken(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
                _ => StoreError::Unavailable(described(&error)),
            },
            Self::Ended => StoreError::Unavailable(self.text()),
        }
    }

    /// For the operator.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Refused(error) => error.to_string(),
            Self::Broken(error) => described(error),
            Self::Ended => "SQLite ended the transaction".to_owned(),
        }
    }

    /// Whether a sync failed: what was written may be on the disk or not, and nobody can find out (F2).
    pub(super) fn is_failed_sync(&self) -> bool {
        let code = match self {
            Self::Broken(error) => error.sqlite_error().map(|error| error.extended_code),
            _ => None,
        };
        matches!(code, Some(ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC))
    }

    /// Whether SQLite says that it failed for this reason.
    pub(super) fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Broken(error) if error.sqlite_error_code() == Some(code))
    }
}

/// An error of SQLite with its number, which says more than its text.
pub(super) fn described(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(code) => format!("{error} (SQLite {})", code.extended_code),
        None => error.to_string(),
    }
}

/// A transaction that is open. Looks before each statement whether SQLite has not ended it: a statement after that
/// would be stored alone (F3).
pub(super) struct Tx<'c>(&'c Connection);

impl<'c> Tx<'c> {
    /// Begins a transaction that sees one state of the database and writes nothing.
    pub(super) fn reading(connection: &'c Connection) -> Result<Self, Fault> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }

    /// Begins a transaction that no other process can come between.
    pub(super) fn writing(connection: &'c Connection) -> Result<Self, Fault> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    /// Ends it; what it wrote is durable then.
    pub(super) fn commit(self) -> Result<(), Fault> {
        self.execute("COMMIT", [])?;
        Ok(())
    }

    /// Runs a statement and says how many rows it changed.
    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize, Fault> {
        self.check()?;
        Ok(self.0.prepare_cached(sql)?.execute(params)?)
    }

    /// The first row, if there is one.
    pub(super) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        self.check()?;
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    /// Hands over row after row, until one is answered with false.
    pub(super) fn each(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        self.check()?;
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if !read(row)? {
                break;
            }
        }
        Ok(())
    }

    /// All rows.
    pub(super) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        self.each(sql, params, |row| {
            all.push(read(row)?);
            Ok(true)
        })?;
        Ok(all)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.0.is_autocommit() { Err(Fault::Ended) } else { Ok(()) }
    }
}

/// Ends whatever transaction is still open without keeping it. False if that failed too.
pub(super) fn roll_back(connection: &Connection) -> bool {
    connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok()
}

/// A stored number that means nothing: damage.
pub(super) fn meaningless(what: &'static str) -> Fault {
    Fault::Refused(StoreError::Corrupt(format!("a stored {what} means nothing")))
}

impl From<FromSqlError> for Fault {
    fn from(error: FromSqlError) -> Self {
        Self::Refused(StoreError::Corrupt(error.to_string()))
    }
}
