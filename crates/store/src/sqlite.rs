//! The store in one SQLite database: who comes in, and which statement serves which promise. Rules F1 to F6.
//!
//! One thread writes (`writer`), a few connections read (`readers`); `folder` keeps the place, `wal` looks a log over
//! before SQLite may, `transfer` backs up and restores. The statements are in `logs`, `documents` and `people`.

mod connection;
mod documents;
mod folder;
mod logs;
mod people;
mod readers;
mod transfer;
mod wal;
mod writer;

use std::{
    path::Path,
    sync::{Arc, mpsc},
};

use async_trait::async_trait;
use engine::{
    document::{Document, DocumentId},
    log::{Cursor, Entry, Seq, Snapshot},
    metrics::Metrics,
    person::{Person, PersonId, Session, SessionId},
    store::{
        DocumentChange, Health, Invitation, ListQuery, Loaded, Named, Page, PersonChange, Since, Store, StoreError,
    },
};
use tokio::sync::{oneshot, watch};

pub use self::transfer::{backup, restore};
use self::{
    connection::{Checkpoint, Fault, Reach, Tx, Unusable},
    folder::{Folder, Lock},
    readers::Readers,
    writer::{Checkpoints, Message, Write, Writer},
};
use crate::OpenError;

/// A store in a data folder.
pub struct Sqlite {
    writer: mpsc::Sender<Message>,
    readers: Arc<Readers>,
    health: watch::Receiver<Health>,
}

impl Sqlite {
    /// Opens the data folder for a server, which has it alone (F4); makes it if there is none.
    ///
    /// # Errors
    /// [`OpenError`] if another process has it, or it cannot be read. If it can be read but not written, it opens and its health says why (F2).
    pub fn open(data: &Path, metrics: Metrics) -> Result<Self, OpenError> {
        let lock = Lock::take(data)?.ok_or_else(|| in_use(data))?;
        Self::start(ready(lock.newest(build)?)?, metrics)
    }

    /// Opens the data folder for the command line: as [`Sqlite::open`], or, where a server runs, beside it.
    /// For people and sessions only: rooms do not expect others to write logs.
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub fn open_beside(data: &Path, metrics: Metrics) -> Result<Self, OpenError> {
        Self::start(enter(data, Missing::Make)?, metrics)
    }

    fn start(folder: Folder, metrics: Metrics) -> Result<Self, OpenError> {
        let path = folder.database.clone();
        let unusable = |why: Unusable| OpenError(format!("{} cannot be used: {why}", path.display()));
        let mut connection = connection::open(&path).map_err(|error| unusable(error.into()))?;
        connection::check_ours(&connection).map_err(unusable)?;
        let (checkpoints, health) = if folder.is_ours() {
            // Another tool may have left another mode.
            connection::use_wal(&connection).map_err(|error| unusable(error.into()))?;
            writer::begin(&connection, &folder)
        } else {
            (Checkpoints::Theirs, Health::Ready)
        };
        match (checkpoints, &health) {
            (Checkpoints::Ours, Health::Ready) => connection::migrate(&mut connection),
            _ => connection::check_form(&connection),
        }
        .map_err(unusable)?;
        let (messages, inbox) = mpsc::channel();
        let (health, healthy) = watch::channel(health);
        let writer = Writer { connection, folder, messages: inbox, health, metrics, checkpoints };
        writer.spawn().map_err(|error| OpenError(format!("cannot start a thread: {error}")))?;
        Ok(Self { writer: messages, readers: Readers::new(path), health: healthy })
    }

    /// Has the writer thread run this in its next commit.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.send(0, work).await
    }

    async fn send<T: Send + 'static>(
        &self,
        entries: u32,
        work: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (write, answer) = Write::new(entries, work);
        // A thread that is gone drops what it was sent, and that ends the wait.
        let _ = self.writer.send(Message::Write(Box::new(write)));
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

/// What to do where there is no database yet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

/// The newest generation, with its lock unless a running server has it.
fn enter(data: &Path, missing: Missing) -> Result<Folder, OpenError> {
    if missing == Missing::Refuse && !data.is_dir() {
        return Err(OpenError(format!("there is no data folder {}", data.display())));
    }
    match Lock::take(data)? {
        None => folder::beside(data),
        Some(lock) => ready(lock.newest(|path| match missing {
            Missing::Make => build(path),
            Missing::Refuse => Err(OpenError(format!("there is no database in {}", data.display()))),
        })?),
    }
}

/// Makes sure that SQLite may open the database (F6).
fn ready(folder: Folder) -> Result<Folder, OpenError> {
    let log = folder.wal();
    let damage = wal::damage(&log).map_err(folder::cannot("read", &log))?;
    match damage {
        None => Ok(folder),
        Some(damage) => Err(OpenError(format!(
            "{} is damaged at frame {}, with {} commits behind it that would be lost. It is left as it is: \
             keep a copy of the folder, and put the newest backup in its place with `sesodocs restore`",
            log.display(),
            damage.frame,
            damage.commits_behind,
        ))),
    }
}

/// Makes a new database, whole and synced.
fn build(path: &Path) -> Result<(), OpenError> {
    let made = || -> Result<(), Unusable> {
        let mut database = connection::create(path)?;
        connection::migrate(&mut database)?;
        match connection::checkpoint(&database, Reach::Truncate)? {
            Checkpoint::Done => Ok(()),
            Checkpoint::Busy => Err(Unusable::Busy),
        }
    };
    made().map_err(|why| OpenError(format!("cannot make {}: {why}", path.display())))
}

fn in_use(data: &Path) -> OpenError {
    OpenError(format!("another SeSoDocs process uses {}: stop it first", data.display()))
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[async_trait]
impl Store for Sqlite {
    async fn append(&self, document: DocumentId, entry: Arc<Entry>) -> Result<(), StoreError> {
        self.send(1, move |tx| logs::append(tx, document, &entry)).await
    }

    async fn load(&self, document: DocumentId) -> Result<Loaded, StoreError> {
        self.readers.read(move |tx| logs::load(tx, document)).await
    }

    async fn since(&self, document: DocumentId, cursor: Cursor, limit_bytes: usize) -> Result<Since, StoreError> {
        let read = move |tx: &Tx<'_>| logs::since(tx, document, cursor, limit_bytes);
        self.readers.read(read).await
    }

    async fn compact(&self, document: DocumentId, snapshot: Snapshot) -> Result<(), StoreError> {
        let snapshot = Arc::new(snapshot);
        // Ends: each time that another compaction came between, it has moved the pointer forward, and at last past ours.
        loop {
            let through = snapshot.through;
            let prepare = move |tx: &Tx<'_>| logs::prepare(tx, document, through);
            let compaction = self.readers.read(prepare).await?;
            let snapshot = Arc::clone(&snapshot);
            let compact = move |tx: &Tx<'_>| logs::compact(tx, &compaction, &snapshot);
            if self.write(compact).await? {
                return Ok(());
            }
        }
    }

    async fn history(&self, document: DocumentId, after: Seq, limit_bytes: usize) -> Result<Vec<Entry>, StoreError> {
        let read = move |tx: &Tx<'_>| logs::history(tx, document, after, limit_bytes);
        self.readers.read(read).await
    }

    async fn create_document(&self, document: Document, classic_name: Option<String>) -> Result<(), StoreError> {
        self.write(move |tx| documents::create(tx, &document, classic_name.as_deref())).await
    }

    async fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        self.readers.read(move |tx| documents::get(tx, id)).await
    }

    async fn change_document(&self, id: DocumentId, change: DocumentChange) -> Result<Document, StoreError> {
        self.write(move |tx| documents::change(tx, id, &change)).await
    }

    async fn purge_document(&self, id: DocumentId) -> Result<(), StoreError> {
        self.write(move |tx| documents::purge(tx, id)).await
    }

    async fn list_documents(&self, query: ListQuery) -> Result<Page, StoreError> {
        self.readers.read(move |tx| documents::list(tx, &query)).await
    }

    async fn text_documents(&self, person: PersonId) -> Result<Vec<Named>, StoreError> {
        self.readers.read(move |tx| documents::texts(tx, person)).await
    }

    async fn trashed_before(&self, before_ms: i64) -> Result<Vec<DocumentId>, StoreError> {
        let read = move |tx: &Tx<'_>| documents::trashed_before(tx, before_ms);
        self.readers.read(read).await
    }

    async fn create_person(&self, person: Person, invitation: Option<Invitation>) -> Result<Person, StoreError> {
        self.write(move |tx| people::create(tx, person, invitation)).await
    }

    async fn person(&self, id: PersonId) -> Result<Person, StoreError> {
        self.readers.read(move |tx| people::get(tx, id)).await
    }

    async fn person_named(&self, folded: &str) -> Result<Person, StoreError> {
        let folded = folded.to_owned();
        self.readers.read(move |tx| people::named(tx, &folded)).await
    }

    async fn has_owner(&self) -> Result<bool, StoreError> {
        self.readers.read(people::has_owner).await
    }

    async fn change_person(&self, id: PersonId, change: PersonChange) -> Result<(), StoreError> {
        self.write(move |tx| people::change(tx, id, &change)).await
    }

    async fn create_invitation(&self, code_hash: [u8; 32], expires_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| people::invite(tx, code_hash, expires_ms)).await
    }

    async fn create_session(&self, session: Session) -> Result<(), StoreError> {
        self.write(move |tx| people::create_session(tx, &session)).await
    }

    async fn session(&self, id: SessionId) -> Result<(Session, Person), StoreError> {
        self.readers.read(move |tx| people::session(tx, id)).await
    }

    async fn extend_session(&self, id: SessionId, expires_ms: i64) -> Result<(), StoreError> {
        self.write(move |tx| people::extend_session(tx, id, expires_ms)).await
    }

    async fn end_session(&self, id: SessionId) -> Result<(), StoreError> {
        self.write(move |tx| people::end_session(tx, id)).await
    }

    async fn sessions_version(&self) -> Result<u64, StoreError> {
        self.readers.read(people::sessions_version).await
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close().await;
        let (reply, answer) = oneshot::channel();
        let _ = self.writer.send(Message::Close(reply));
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

#[cfg(test)]
mod tests {
    use engine::person::Name;

    use super::*;

    fn person(name: &str) -> Person {
        Person {
            id: PersonId::random(),
            name: Name::new(name).unwrap(),
            password_hash: String::new(),
            owner: false,
            disabled: false,
            created_ms: 0,
        }
    }

    /// What the three commands are answered when they share a commit: made while the one before them is held up.
    async fn in_one_group<T: Send + 'static>(
        store: &Arc<Sqlite>,
        between: impl FnOnce(&Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> [Result<(), StoreError>; 3] {
        let (release, held) = mpsc::channel::<()>();
        let (write, _) = Write::new(0, move |_: &Tx<'_>| Ok(held.recv().is_ok()));
        store.writer.send(Message::Write(Box::new(write))).unwrap();
        let (one, first) = Write::new(0, |tx: &Tx<'_>| people::create(tx, person("Ana"), None));
        let (two, second) = Write::new(0, between);
        let (three, third) = Write::new(0, |tx: &Tx<'_>| people::create(tx, person("Rui"), None));
        store.writer.send(Message::Write(Box::new(one))).unwrap();
        store.writer.send(Message::Write(Box::new(two))).unwrap();
        store.writer.send(Message::Write(Box::new(three))).unwrap();
        release.send(()).unwrap();
        let gone = |_| Err(stopped());
        [
            first.await.unwrap_or_else(gone).map(|_| ()),
            second.await.unwrap_or_else(|_| Err(stopped())).map(|_| ()),
            third.await.unwrap_or_else(gone).map(|_| ()),
        ]
    }

    #[tokio::test]
    async fn f3_a_transaction_that_sqlite_ended_stores_nothing_more() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(data.path(), Metrics::default()).unwrap());
        // As SQLITE_FULL does, behind the code's back: what follows would be stored at once, and alone.
        let half = |tx: &Tx<'_>| {
            tx.execute("ROLLBACK", [])?;
            people::create(tx, person("half"), None)
        };
        let answers = in_one_group(&store, half).await;
        for answer in answers {
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        assert_eq!(store.has_owner().await, Ok(false));
        assert_eq!(*store.health().borrow(), Health::Ready);
    }

    #[tokio::test]
    async fn f3_a_refusal_undoes_its_own_command_alone() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(data.path(), Metrics::default()).unwrap());
        let half = |tx: &Tx<'_>| -> Result<(), Fault> {
            people::create(tx, person("half"), None)?;
            Err(StoreError::Conflict.into())
        };
        let answers = in_one_group(&store, half).await;
        assert_eq!(answers, [Ok(()), Err(StoreError::Conflict), Ok(())]);
        assert_eq!(store.person_named("half").await, Err(StoreError::NotFound));
        assert!(store.person_named("ana").await.is_ok() && store.person_named("rui").await.is_ok());
    }

    #[tokio::test]
    async fn a_writer_that_dies_leaves_nobody_waiting() {
        let data = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(data.path(), Metrics::default()).unwrap());
        let answers = in_one_group(&store, |_| -> Result<(), Fault> { panic!("on purpose") }).await;
        for answer in answers {
            assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
        }
        let mut health = store.health();
        health.wait_for(|health| matches!(health, Health::Failed(_))).await.unwrap();
        assert_eq!(store.end_session(SessionId(1)).await, Err(stopped()));
        assert_eq!(store.has_owner().await, Ok(false));
    }
}
