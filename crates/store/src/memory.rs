//! The store that keeps everything in memory: the reference for what each method means, and the store of the simulation.
//! No threads, no timers, nothing by chance: the same calls give the same answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use engine::{
    document::{Document, DocumentId, Kind, Visibility},
    log::{Cursor, Entry, Seq, Snapshot},
    person::{Person, PersonId, Session, SessionId},
    store::{
        DocumentChange, Health, Invitation, ListQuery, Listed, Loaded, Named, Page, PersonChange, Place, Since, Sort,
        Store, StoreError,
    },
};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{fold, update_bytes};

/// A store in memory. Clones are the same store.
#[derive(Clone)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    health: watch::Sender<Health>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::with(State::default())
    }

    /// A second store that holds what this one holds now, open even if this one is closed: what a backup is to a disk.
    pub fn fork(&self) -> Self {
        Self::with(State { closed: false, ..self.state.lock().clone() })
    }

    fn with(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)), health: watch::Sender::new(Health::Ready) }
    }

    fn open<T>(&self, act: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Answer<T> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(StoreError::Unavailable("the store is closed".to_owned()));
        }
        act(&mut state)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

type Answer<T> = Result<T, StoreError>;

#[derive(Clone, Default)]
struct State {
    documents: BTreeMap<DocumentId, Kept>,
    classic_names: BTreeMap<String, DocumentId>,
    /// Ids of purged documents (L8).
    purged: BTreeSet<DocumentId>,
    people: BTreeMap<PersonId, Person>,
    sessions: BTreeMap<SessionId, Session>,
    invitations: BTreeMap<[u8; 32], Invited>,
    sessions_version: u64,
    closed: bool,
}

#[derive(Clone)]
struct Kept {
    row: Document,
    snapshot: Option<Snapshot>,
    /// The whole log: what the snapshot covers is history (H1).
    entries: Vec<Arc<Entry>>,
}

#[derive(Clone)]
struct Invited {
    expires_ms: i64,
    used: bool,
}

impl Kept {
    /// The cursor behind entry `seq`; `None` beyond the head.
    fn cursor_at(&self, seq: Seq) -> Option<Cursor> {
        match seq {
            0 => Some(Cursor::start(self.row.id)),
            _ => self.after(seq - 1).first().map(|entry| entry.cursor()),
        }
    }

    fn after(&self, seq: Seq) -> &[Arc<Entry>] {
        usize::try_from(seq).ok().and_then(|seq| self.entries.get(seq..)).unwrap_or_default()
    }

    fn head(&self) -> Cursor {
        self.entries.last().map_or_else(|| Cursor::start(self.row.id), |entry| entry.cursor())
    }

    fn covered(&self) -> Seq {
        self.snapshot.as_ref().map_or(0, |s| s.through.seq)
    }
}

impl State {
    fn kept(&mut self, id: DocumentId) -> Answer<&mut Kept> {
        self.documents.get_mut(&id).ok_or(StoreError::NotFound)
    }

    fn has_owner(&self) -> bool {
        self.people.values().any(|person| person.owner)
    }

    fn name_of(&self, id: PersonId) -> String {
        self.people.get(&id).map_or_else(String::new, |person| person.name.to_string())
    }

    fn create_person(&mut self, person: Person, invitation: Option<Invitation>) -> Answer<Person> {
        if let Some(invitation) = invitation {
            self.invitations
                .get(&invitation.code_hash)
                .filter(|invited| !invited.used && invited.expires_ms > invitation.now_ms)
                .ok_or(StoreError::NotFound)?;
        }
        let taken = |other: &Person| other.name.folded() == person.name.folded();
        if self.people.contains_key(&person.id) || self.people.values().any(taken) {
            return Err(StoreError::Conflict);
        }
        if let Some(invited) = invitation.and_then(|invitation| self.invitations.get_mut(&invitation.code_hash)) {
            invited.used = true;
        }
        let owner = !person.disabled && !self.has_owner();
        let person = Person { owner, ..person };
        self.people.insert(person.id, person.clone());
        Ok(person)
    }

    fn create_document(&mut self, mut document: Document, classic_name: Option<String>) -> Answer<()> {
        let id = document.id;
        let holder = classic_name.as_ref().and_then(|name| self.documents.get(self.classic_names.get(name)?));
        let is_taken = holder.is_some_and(|holder| holder.row.trashed_ms.is_none());
        if is_taken || self.purged.contains(&id) || self.documents.contains_key(&id) {
            return Err(StoreError::Conflict);
        }
        document.members.sort();
        self.documents.insert(id, Kept { row: document, snapshot: None, entries: Vec::new() });
        self.classic_names.extend(classic_name.map(|name| (name, id)));
        Ok(())
    }

    fn text_documents(&self, person: PersonId) -> Vec<Named> {
        let names: BTreeMap<_, _> = self.classic_names.iter().map(|(name, id)| (id, name)).collect();
        let rows = self.documents.values().map(|kept| &kept.row);
        let mut found: Vec<Named> = rows
            .filter(|row| row.kind == Kind::Text && row.trashed_ms.is_none() && is_visible(row, person))
            .map(|row| Named { document: row.clone(), name: names.get(&row.id).map(|name| String::clone(name)) })
            .collect();
        found.sort_by_key(|named| (named.document.created_ms, named.document.id));
        found
    }

    fn list(&self, query: &ListQuery) -> Page {
        let wanted = query.title.as_deref().map(fold).unwrap_or_default();
        let mut rows: Vec<&Document> = self
            .documents
            .values()
            .map(|kept| &kept.row)
            .filter(|row| is_visible(row, query.person))
            .filter(|row| row.trashed_ms.is_some() == query.trash)
            .filter(|row| fold(&row.title).contains(&wanted))
            .collect();
        let place = |row: &Document| Place { changed_ms: row.changed_ms, title: row.title.clone(), id: row.id };
        rows.sort_by_cached_key(|row| key(query.sort, &place(row)));
        if let Some(after) = &query.after {
            let after = key(query.sort, after);
            rows.retain(|row| key(query.sort, &place(row)) > after);
        }
        let more = rows.len() > query.limit;
        let documents = rows.into_iter().take(query.limit);
        Page {
            documents: documents
                .map(|row| Listed {
                    document: row.clone(),
                    owner: self.name_of(row.owner),
                    changed_by: self.name_of(row.changed_by),
                })
                .collect(),
            more,
        }
    }
}

/// Whether the list of a person shows the document (A4). What may be done with it is `engine::access`'s to say.
fn is_visible(row: &Document, person: PersonId) -> bool {
    row.visibility == Visibility::Instance || row.owner == person || row.members.iter().any(|(id, _)| *id == person)
}

/// A place as a key that sorts as the list does: ids make it unique, and turn with the order.
fn key(sort: Sort, place: &Place) -> (i64, String, u128) {
    match sort {
        // `!` turns the order of every integer, the smallest included.
        Sort::Changed => (!place.changed_ms, String::new(), !place.id.0),
        Sort::Title => (0, fold(&place.title), place.id.0),
    }
}

fn change(row: &mut Document, change: DocumentChange) -> Answer<()> {
    if let Some((person, role)) = change.member {
        if person == row.owner {
            return Err(StoreError::Conflict);
        }
        row.members.retain(|(id, _)| *id != person);
        row.members.extend(role.map(|role| (person, role)));
        row.members.sort();
    }
    if let Some(title) = change.title {
        row.title = title;
    }
    if let Some(visibility) = change.visibility {
        row.visibility = visibility;
    }
    if let Some(trashed_ms) = change.trashed_ms {
        row.trashed_ms = trashed_ms;
    }
    if let Some(schema) = change.schema {
        row.schema = row.schema.max(schema);
    }
    if let Some((person, time_ms)) = change.by {
        row.changed_by = person;
        row.changed_ms = time_ms;
    }
    Ok(())
}

/// Entries from the front, at least one if there is one, until `limit_bytes` are reached.
fn take(entries: &[Arc<Entry>], limit_bytes: usize) -> Vec<Entry> {
    let mut bytes = 0;
    let mut taken = Vec::new();
    for entry in entries {
        bytes += update_bytes(entry);
        if !taken.is_empty() && bytes > limit_bytes {
            break;
        }
        taken.push(Entry::clone(entry));
    }
    taken
}

#[async_trait]
impl Store for Memory {
    async fn append(&self, document: DocumentId, entry: Arc<Entry>) -> Answer<()> {
        self.open(|state| {
            let kept = state.kept(document)?;
            // Reading it back proves at once that it is the next one and bears the right tag (L2, L6).
            let body = entry.body();
            Entry::read(kept.head(), entry.seq, entry.time_ms, entry.tag, &body).map_err(|_| StoreError::Conflict)?;
            kept.row.changed_ms = entry.time_ms;
            if let Some(edit) = entry.edits.last() {
                kept.row.changed_by = edit.person;
            }
            kept.entries.push(entry);
            Ok(())
        })
    }

    async fn load(&self, document: DocumentId) -> Answer<Loaded> {
        self.open(|state| {
            let kept = state.kept(document)?;
            Ok(Loaded { tail: take(kept.after(kept.covered()), usize::MAX), snapshot: kept.snapshot.clone() })
        })
    }

    async fn since(&self, document: DocumentId, cursor: Cursor, limit_bytes: usize) -> Answer<Since> {
        self.open(|state| {
            let kept = state.kept(document)?;
            Ok(if kept.cursor_at(cursor.seq) != Some(cursor) {
                Since::OtherHistory
            } else if cursor.seq < kept.covered() {
                Since::Covered
            } else {
                Since::Entries(take(kept.after(cursor.seq), limit_bytes))
            })
        })
    }

    async fn compact(&self, document: DocumentId, snapshot: Snapshot) -> Answer<()> {
        self.open(|state| {
            let kept = state.kept(document)?;
            let through = snapshot.through;
            if through.seq <= kept.covered() || kept.cursor_at(through.seq) != Some(through) {
                return Err(StoreError::Conflict);
            }
            kept.snapshot = Some(snapshot);
            Ok(())
        })
    }

    async fn history(&self, document: DocumentId, after: Seq, limit_bytes: usize) -> Answer<Vec<Entry>> {
        self.open(|state| Ok(take(state.kept(document)?.after(after), limit_bytes)))
    }

    async fn create_document(&self, document: Document, classic_name: Option<String>) -> Answer<()> {
        self.open(|state| state.create_document(document, classic_name))
    }

    async fn document(&self, id: DocumentId) -> Answer<Document> {
        self.open(|state| Ok(state.kept(id)?.row.clone()))
    }

    async fn change_document(&self, id: DocumentId, document_change: DocumentChange) -> Answer<Document> {
        self.open(|state| {
            let row = &mut state.kept(id)?.row;
            change(row, document_change)?;
            Ok(row.clone())
        })
    }

    async fn purge_document(&self, id: DocumentId) -> Answer<()> {
        self.open(|state| {
            if state.kept(id)?.row.trashed_ms.is_none() {
                return Err(StoreError::Conflict);
            }
            state.documents.remove(&id);
            state.classic_names.retain(|_, document| *document != id);
            state.purged.insert(id);
            Ok(())
        })
    }

    async fn list_documents(&self, query: ListQuery) -> Answer<Page> {
        self.open(|state| Ok(state.list(&query)))
    }

    async fn text_documents(&self, person: PersonId) -> Answer<Vec<Named>> {
        self.open(|state| Ok(state.text_documents(person)))
    }

    async fn trashed_before(&self, before_ms: i64) -> Answer<Vec<DocumentId>> {
        self.open(|state| {
            let rows = state.documents.values().map(|kept| &kept.row);
            Ok(rows.filter(|row| row.trashed_ms.is_some_and(|ms| ms < before_ms)).map(|row| row.id).take(100).collect())
        })
    }

    async fn create_person(&self, person: Person, invitation: Option<Invitation>) -> Answer<Person> {
        self.open(|state| state.create_person(person, invitation))
    }

    async fn person(&self, id: PersonId) -> Answer<Person> {
        self.open(|state| state.people.get(&id).cloned().ok_or(StoreError::NotFound))
    }

    async fn person_named(&self, folded: &str) -> Answer<Person> {
        self.open(|state| {
            let mut people = state.people.values();
            people.find(|person| person.name.folded() == folded).cloned().ok_or(StoreError::NotFound)
        })
    }

    async fn has_owner(&self) -> Answer<bool> {
        self.open(|state| Ok(state.has_owner()))
    }

    async fn change_person(&self, id: PersonId, change: PersonChange) -> Answer<()> {
        self.open(|state| {
            let person = state.people.get_mut(&id).ok_or(StoreError::NotFound)?;
            match change {
                PersonChange::Password(hash) => person.password_hash = hash,
                PersonChange::Disable => person.disabled = true,
                PersonChange::Enable => person.disabled = false,
            }
            state.sessions.retain(|_, session| session.person != id);
            state.sessions_version += 1;
            Ok(())
        })
    }

    async fn create_invitation(&self, code_hash: [u8; 32], expires_ms: i64) -> Answer<()> {
        self.open(|state| {
            if state.invitations.contains_key(&code_hash) {
                return Err(StoreError::Conflict);
            }
            let used = false;
            state.invitations.insert(code_hash, Invited { expires_ms, used });
            Ok(())
        })
    }

    async fn create_session(&self, session: Session) -> Answer<()> {
        self.open(|state| {
            let person = state.people.get(&session.person);
            if person.is_none_or(|person| person.disabled) {
                return Err(StoreError::NotFound);
            }
            state.sessions.insert(session.id, session);
            Ok(())
        })
    }

    async fn session(&self, id: SessionId) -> Answer<(Session, Person)> {
        self.open(|state| {
            let session = state.sessions.get(&id).ok_or(StoreError::NotFound)?;
            let person = state.people.get(&session.person);
            let person = person.ok_or(StoreError::NotFound)?;
            Ok((session.clone(), person.clone()))
        })
    }

    async fn extend_session(&self, id: SessionId, expires_ms: i64) -> Answer<()> {
        self.open(|state| {
            let session = state.sessions.get_mut(&id).ok_or(StoreError::NotFound)?;
            session.expires_ms = expires_ms;
            Ok(())
        })
    }

    async fn end_session(&self, id: SessionId) -> Answer<()> {
        self.open(|state| {
            if state.sessions.remove(&id).is_some() {
                state.sessions_version += 1;
            }
            Ok(())
        })
    }

    async fn sessions_version(&self) -> Answer<u64> {
        self.open(|state| Ok(state.sessions_version))
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    async fn close(&self) -> Answer<()> {
        self.state.lock().closed = true;
        Ok(())
    }
}
