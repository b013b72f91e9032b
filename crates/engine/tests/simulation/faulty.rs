//! A store that fails on purpose: before, during and after a commit, and for good when its server dies.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use engine::{
    document::{Document, DocumentId},
    log::{Cursor, Entry, Seq, Snapshot},
    person::{Person, PersonId, Session, SessionId},
    store::{
        DocumentChange, Health, Invitation, ListQuery, Loaded, Named, Page, PersonChange, Since, Store, StoreError,
    },
};
use parking_lot::Mutex;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use store::memory::Memory;
use tokio::{sync::watch, time::sleep};

/// What all lives of the server share.
pub(crate) struct Weather {
    dice: Mutex<StdRng>,
    /// The life of the server that is not over.
    pub(crate) life: AtomicU64,
    /// How many of 100 calls fail.
    pub(crate) failures: AtomicU64,
    /// The head of each log, as the disk has it.
    pub(crate) durable: Mutex<BTreeMap<DocumentId, Seq>>,
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            dice: Mutex::new(StdRng::seed_from_u64(seed ^ 0xfa17)),
            life: AtomicU64::new(0),
            failures: AtomicU64::new(8),
            durable: Mutex::default(),
        })
    }

    fn roll(&self, below: u64) -> u64 {
        self.dice.lock().random_range(0..below)
    }

    fn is_bad(&self) -> bool {
        self.roll(100) < self.failures.load(Ordering::Relaxed)
    }
}

/// The store of one life of the server.
pub(crate) struct Faulty {
    pub(crate) disk: Memory,
    pub(crate) weather: Arc<Weather>,
    pub(crate) life: u64,
}

impl Faulty {
    /// Takes a while; never comes back if the server died meanwhile.
    async fn pause(&self) {
        let pause_ms = self.weather.roll(12);
        sleep(Duration::from_millis(pause_ms)).await;
        if self.weather.life.load(Ordering::Relaxed) != self.life {
            pending::<()>().await;
        }
    }

    async fn may_fail(&self) -> Result<(), StoreError> {
        self.pause().await;
        if self.weather.is_bad() { Err(StoreError::Unavailable("on purpose".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for Faulty {
    async fn append(&self, document: DocumentId, entry: Arc<Entry>) -> Result<(), StoreError> {
        self.may_fail().await?;
        let seq = entry.seq;
        self.disk.append(document, entry).await?;
        self.weather.durable.lock().insert(document, seq);
        self.may_fail().await
    }

    async fn load(&self, document: DocumentId) -> Result<Loaded, StoreError> {
        self.may_fail().await?;
        self.disk.load(document).await
    }

    async fn since(&self, document: DocumentId, cursor: Cursor, limit_bytes: usize) -> Result<Since, StoreError> {
        self.may_fail().await?;
        self.disk.since(document, cursor, limit_bytes).await
    }

    async fn compact(&self, document: DocumentId, snapshot: Snapshot) -> Result<(), StoreError> {
        self.may_fail().await?;
        self.disk.compact(document, snapshot).await?;
        self.may_fail().await
    }

    async fn document(&self, id: DocumentId) -> Result<Document, StoreError> {
        self.may_fail().await?;
        self.disk.document(id).await
    }

    // What rooms never call goes straight through.

    async fn history(&self, document: DocumentId, after: Seq, limit_bytes: usize) -> Result<Vec<Entry>, StoreError> {
        self.disk.history(document, after, limit_bytes).await
    }
    async fn create_document(&self, document: Document, classic_name: Option<String>) -> Result<(), StoreError> {
        self.disk.create_document(document, classic_name).await
    }
    async fn change_document(&self, id: DocumentId, change: DocumentChange) -> Result<Document, StoreError> {
        self.disk.change_document(id, change).await
    }
    async fn purge_document(&self, id: DocumentId) -> Result<(), StoreError> {
        self.disk.purge_document(id).await
    }
    async fn list_documents(&self, query: ListQuery) -> Result<Page, StoreError> {
        self.disk.list_documents(query).await
    }
    async fn text_documents(&self, person: PersonId) -> Result<Vec<Named>, StoreError> {
        self.disk.text_documents(person).await
    }
    async fn trashed_before(&self, before_ms: i64) -> Result<Vec<DocumentId>, StoreError> {
        self.disk.trashed_before(before_ms).await
    }
    async fn create_person(&self, person: Person, invitation: Option<Invitation>) -> Result<Person, StoreError> {
        self.disk.create_person(person, invitation).await
    }
    async fn person(&self, id: PersonId) -> Result<Person, StoreError> {
        self.disk.person(id).await
    }
    async fn person_named(&self, folded: &str) -> Result<Person, StoreError> {
        self.disk.person_named(folded).await
    }
    async fn has_owner(&self) -> Result<bool, StoreError> {
        self.disk.has_owner().await
    }
    async fn change_person(&self, id: PersonId, change: PersonChange) -> Result<(), StoreError> {
        self.disk.change_person(id, change).await
    }
    async fn create_invitation(&self, code_hash: [u8; 32], expires_ms: i64) -> Result<(), StoreError> {
        self.disk.create_invitation(code_hash, expires_ms).await
    }
    async fn create_session(&self, session: Session) -> Result<(), StoreError> {
        self.disk.create_session(session).await
    }
    async fn session(&self, id: SessionId) -> Result<(Session, Person), StoreError> {
        self.disk.session(id).await
    }
    async fn extend_session(&self, id: SessionId, expires_ms: i64) -> Result<(), StoreError> {
        self.disk.extend_session(id, expires_ms).await
    }
    async fn end_session(&self, id: SessionId) -> Result<(), StoreError> {
        self.disk.end_session(id).await
    }
    async fn sessions_version(&self) -> Result<u64, StoreError> {
        self.disk.sessions_version().await
    }
    fn health(&self) -> watch::Receiver<Health> {
        self.disk.health()
    }
    async fn close(&self) -> Result<(), StoreError> {
        self.disk.close().await
    }
}
