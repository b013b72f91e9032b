//! Where documents, logs, people and sessions are kept, as a contract: what every store promises, in the words of `docs/spec.md`.
//! The suite in `crates/store` holds each implementation to it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::{
    access::Role,
    document::{Document, DocumentId, Visibility},
    log::{Cursor, Entry, Seq, Snapshot},
    person::{Person, PersonId, Session, SessionId},
};

/// A store. Every method that changes something is durable when it returns `Ok` (D1).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // The log.

    /// Adds an entry, whole or not at all (L1). Concurrent calls share a commit.
    ///
    /// # Errors
    /// `Conflict` if `entry.seq` is not the next one of this document (L2): nothing was stored.
    /// `Unavailable`: it may or may not have been stored, and the log must be read again (W4).
    /// `NotFound` if there is no such document.
    async fn append(&self, document: DocumentId, entry: Arc<Entry>) -> Result<(), StoreError>;

    /// The newest snapshot and every entry after it, from one read snapshot, each tag verified (L3, L6).
    ///
    /// # Errors
    /// `NotFound` only if the store knows that there is no such document (L8); `Corrupt` if a tag fails.
    async fn load(&self, document: DocumentId) -> Result<Loaded, StoreError>;

    /// Whole entries after the cursor, at least one if there is one, then no more than about `limit_bytes`.
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn since(&self, document: DocumentId, cursor: Cursor, limit_bytes: usize) -> Result<Since, StoreError>;

    /// Puts a snapshot in the place of the entries that it covers and turns those into history, atomically (L2, L4, H1).
    /// Entries behind `snapshot.through` stay.
    ///
    /// # Errors
    /// `Conflict` if a snapshot at or behind that point exists, or the log has another tag there.
    async fn compact(&self, document: DocumentId, snapshot: Snapshot) -> Result<(), StoreError>;

    /// Original entries after `after`, compacted or not, in order, about `limit_bytes` of them (H1).
    ///
    /// # Errors
    /// As [`Store::load`].
    async fn history(&self, document: DocumentId, after: Seq, limit_bytes: usize) -> Result<Vec<Entry>, StoreError>;

    // Documents.

    /// Adds a document with an empty log. With a `classic_name` it claims that name in the same transaction: exact bytes, 1 to
    /// 200 characters by the caller's care. A document in the trash loses the name to it, until then it keeps it; a purge frees it.
    ///
    /// # Errors
    /// `Conflict` if the id was ever used (L8), or a document that is not in the trash has the name: nothing was stored.
    async fn create_document(&self, document: Document, classic_name: Option<String>) -> Result<(), StoreError>;

    /// A document's row, trashed or not.
    ///
    /// # Errors
    /// `NotFound` if it never existed or was purged.
    async fn document(&self, id: DocumentId) -> Result<Document, StoreError>;

    /// Changes a row and returns it as it is then.
    ///
    /// # Errors
    /// As [`Store::document`].
    async fn change_document(&self, id: DocumentId, change: DocumentChange) -> Result<Document, StoreError>;

    /// Deletes a trashed document with its log and its history, for ever. Its id stays used (L8).
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if it is not in the trash.
    async fn purge_document(&self, id: DocumentId) -> Result<(), StoreError>;

    /// One page of the documents that a person may see (B5).
    ///
    /// # Errors
    /// `Unavailable`.
    async fn list_documents(&self, query: ListQuery) -> Result<Page, StoreError>;

    /// Every text document that a person may see and that is not in the trash, in the order of creation, then of ids.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn text_documents(&self, person: PersonId) -> Result<Vec<Named>, StoreError>;

    /// The documents that have been in the trash since before `before_ms`, at most 100 (A4).
    ///
    /// # Errors
    /// `Unavailable`.
    async fn trashed_before(&self, before_ms: i64) -> Result<Vec<DocumentId>, StoreError>;

    // People.

    /// Adds a person, who owns the instance if nobody did before: decided in the same transaction (A5). Somebody who is
    /// disabled from the start never does. Uses up the invitation, if one is given.
    ///
    /// # Errors
    /// `Conflict` if the folded name is taken; `NotFound` if the invitation is unknown, used or over.
    async fn create_person(&self, person: Person, invitation: Option<Invitation>) -> Result<Person, StoreError>;

    /// A person by id.
    ///
    /// # Errors
    /// `NotFound`.
    async fn person(&self, id: PersonId) -> Result<Person, StoreError>;

    /// A person by the folded form of a name.
    ///
    /// # Errors
    /// `NotFound`.
    async fn person_named(&self, folded: &str) -> Result<Person, StoreError>;

    /// Whether the instance has its owner already: if not, the next to sign up will be (A5).
    ///
    /// # Errors
    /// `Unavailable`.
    async fn has_owner(&self) -> Result<bool, StoreError>;

    /// Sets a new password hash, or enables or disables; either way all sessions of the person end (A3).
    ///
    /// # Errors
    /// `NotFound`.
    async fn change_person(&self, id: PersonId, change: PersonChange) -> Result<(), StoreError>;

    /// Keeps an invitation that one person may use, by the hash of its code.
    ///
    /// # Errors
    /// `Conflict` if the code was given before.
    async fn create_invitation(&self, code_hash: [u8; 32], expires_ms: i64) -> Result<(), StoreError>;

    // Sessions.

    /// Adds a session.
    ///
    /// # Errors
    /// `NotFound` if the person does not exist or is disabled.
    async fn create_session(&self, session: Session) -> Result<(), StoreError>;

    /// A session and its person. Whether it is over is the caller's to judge, by `expires_ms`.
    ///
    /// # Errors
    /// `NotFound` once it has ended.
    async fn session(&self, id: SessionId) -> Result<(Session, Person), StoreError>;

    /// Pushes a session's end on.
    ///
    /// # Errors
    /// `NotFound` once it has ended.
    async fn extend_session(&self, id: SessionId, expires_ms: i64) -> Result<(), StoreError>;

    /// Ends a session; one that has ended already is fine.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn end_session(&self, id: SessionId) -> Result<(), StoreError>;

    /// A number that changes whenever a session ends or a person changes, whichever process did it:
    /// cheap to read every second, so that open connections end with their sessions (A3).
    ///
    /// # Errors
    /// `Unavailable`.
    async fn sessions_version(&self) -> Result<u64, StoreError>;

    // The whole.

    /// How it is, from now on.
    fn health(&self) -> watch::Receiver<Health>;

    /// Finishes what was promised, saves all and stops; every later call is `Unavailable`.
    ///
    /// # Errors
    /// `Unavailable` if something could not be written.
    async fn close(&self) -> Result<(), StoreError>;
}

/// Why a store did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not exist: the store knows so.
    #[error("not found")]
    NotFound,
    /// Somebody was first, or a condition does not hold; nothing was changed.
    #[error("conflict")]
    Conflict,
    /// Not now: full, failing, stopping. For an append it is unknown whether it happened. The text is for operators.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// What is stored is not what was written. The text is for operators.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

/// How a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It reads and writes.
    Ready,
    /// It reads but cannot write for now (a full disk); it tries by itself.
    Full(String),
    /// It never writes again before a restart (F2).
    Failed(String),
}

/// A document's content, from one read snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The newest snapshot, if the log was ever compacted.
    pub snapshot: Option<Snapshot>,
    /// Every entry after it.
    pub tail: Vec<Entry>,
}

/// What there is after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// The next entries; none if the cursor is the head.
    Entries(Vec<Entry>),
    /// The cursor is on this log, and the entries after it are covered by the snapshot.
    Covered,
    /// The cursor is not on this log (L7).
    OtherHistory,
}

/// What to change in a document's row; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentChange {
    /// A new title.
    pub title: Option<String>,
    /// A new visibility.
    pub visibility: Option<Visibility>,
    /// Into the trash at this time, or out of it.
    pub trashed_ms: Option<Option<i64>>,
    /// A member's new role, or none.
    pub member: Option<(PersonId, Option<Role>)>,
    /// Raises the schema; a lower one changes nothing.
    pub schema: Option<u32>,
    /// Who did it and when; moves `changed_ms` and `changed_by`.
    pub by: Option<(PersonId, i64)>,
}

/// What to change in a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PersonChange {
    /// A new Argon2id hash, in PHC notation.
    Password(String),
    /// Signs out and keeps out.
    Disable,
    /// Lets in again.
    Enable,
}

/// An invitation to sign up, as presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// BLAKE3 of the code.
    pub code_hash: [u8; 32],
    /// The time now, in ms since 1970: an expired one is unknown.
    pub now_ms: i64,
}

/// Which page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Who asks: only what this person may see is listed.
    pub person: PersonId,
    /// Only titles that hold this text, whatever the case.
    pub title: Option<String>,
    /// The order.
    pub sort: Sort,
    /// The trash instead of the documents.
    pub trash: bool,
    /// After this row of the page before.
    pub after: Option<Place>,
    /// At most so many rows.
    pub limit: usize,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The last changed first.
    #[default]
    Changed,
    /// By title, whatever the case.
    Title,
}

/// A row's place in a list's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// For [`Sort::Changed`].
    pub changed_ms: i64,
    /// For [`Sort::Title`].
    pub title: String,
    /// Makes the place unique.
    pub id: DocumentId,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// In order.
    pub documents: Vec<Listed>,
    /// Whether there are more behind.
    pub more: bool,
}

/// A text document as the course's pages know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its row.
    pub document: Document,
    /// The name that it claimed and has not lost.
    pub name: Option<String>,
}

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its row.
    pub document: Document,
    /// Its owner's name.
    pub owner: String,
    /// The name of who changed it last.
    pub changed_by: String,
}
