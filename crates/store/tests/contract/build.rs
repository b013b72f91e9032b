//! Values to fill a store with.

use std::sync::Arc;

use bytes::Bytes;
use engine::{
    document::{Document, DocumentId, Kind, Visibility},
    log::{Cursor, Edit, Entry, Snapshot, Writers},
    person::{Name, Person, PersonId, Session, SessionId},
    store::{DocumentChange, Store, StoreError},
};

pub(crate) type Any = Arc<dyn Store>;

pub(crate) const ANA: PersonId = PersonId(101);
pub(crate) const RUI: PersonId = PersonId(102);

pub(crate) fn document(title: &str) -> Document {
    Document {
        id: DocumentId::random(),
        title: title.to_owned(),
        kind: Kind::Rich,
        schema: 1,
        owner: ANA,
        visibility: Visibility::Instance,
        members: Vec::new(),
        created_ms: 10,
        changed_ms: 10,
        changed_by: ANA,
        trashed_ms: None,
    }
}

pub(crate) fn text(title: &str) -> Document {
    Document { kind: Kind::Text, ..document(title) }
}

/// Into the trash at this time, or out of it.
pub(crate) fn trash(at_ms: Option<i64>) -> DocumentChange {
    DocumentChange { trashed_ms: Some(at_ms), ..DocumentChange::default() }
}

/// The names of the text documents that a person sees, in order.
pub(crate) async fn names(store: &Any, person: PersonId) -> Vec<Option<String>> {
    let documents = store.text_documents(person).await.unwrap();
    documents.into_iter().map(|named| named.name).collect()
}

/// A new document in the store.
pub(crate) async fn created(store: &Any) -> DocumentId {
    let document = document("a document");
    store.create_document(document.clone(), None).await.unwrap();
    document.id
}

/// An entry of one edit that follows `last`, with this many bytes.
pub(crate) fn entry_of(last: Cursor, bytes: usize) -> Arc<Entry> {
    let n = last.seq + 1;
    let edit = Edit { person: ANA, writer: 7, n, clock: n as u32, update: Bytes::from(vec![n as u8; bytes]) };
    Arc::new(Entry::after(last, 1_000 + n as i64, vec![edit]))
}

pub(crate) fn entry(last: Cursor) -> Arc<Entry> {
    entry_of(last, 20)
}

/// Appends so many entries behind the start and returns them.
pub(crate) async fn filled(store: &Any, document: DocumentId, count: usize) -> Vec<Entry> {
    appended(store, document, Cursor::start(document), count).await
}

pub(crate) async fn appended(store: &Any, document: DocumentId, mut last: Cursor, count: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    for _ in 0..count {
        let entry = entry(last);
        last = entry.cursor();
        store.append(document, Arc::clone(&entry)).await.unwrap();
        entries.push(Entry::clone(&entry));
    }
    entries
}

/// A snapshot that covers exactly these entries, which are a log from its start.
pub(crate) fn snapshot(entries: &[Entry]) -> Snapshot {
    let mut writers = Writers::default();
    for entry in entries {
        writers.note(entry);
    }
    let last = entries.last().unwrap();
    Snapshot { through: last.cursor(), update: Bytes::from(format!("the text up to {}", last.seq)), writers }
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        id: PersonId::random(),
        name: Name::new(name).unwrap(),
        password_hash: "$argon2id$of$it".to_owned(),
        owner: false,
        disabled: false,
        created_ms: 5,
    }
}

pub(crate) async fn signed_up(store: &Any, name: &str) -> Person {
    store.create_person(person(name), None).await.unwrap()
}

pub(crate) fn session(person: PersonId) -> Session {
    Session { id: SessionId::random(), person, created_ms: 1_000, expires_ms: 9_000 }
}

pub(crate) fn is<T: std::fmt::Debug + PartialEq>(result: Result<T, StoreError>, error: StoreError) {
    assert_eq!(result, Err(error));
}
