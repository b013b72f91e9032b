//! Data folders that each form of the database left, kept for ever: every later version must read them, and go on in them.
//! They were made by `write_the_fixture` below, as it was then, and are never made anew.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use engine::{
    access::Role,
    document::{Document, DocumentId, Kind, Visibility},
    log::{Cursor, Edit, Entry, Snapshot, Writers},
    person::{Name, Person, PersonId, Session, SessionId},
    store::{DocumentChange, Invitation, Named, Since, StoreError},
};

use crate::{build::*, killed, open};

const RICH: DocumentId = DocumentId(1 << 100);
const TEXT: DocumentId = DocumentId(2);
const NAMED: DocumentId = DocumentId(3);
const GONE: DocumentId = DocumentId(u128::MAX);
const OWNER: PersonId = PersonId(1);
const MEMBER: PersonId = PersonId(i64::MAX as u64);
const SESSION: SessionId = SessionId(77);

/// The names that `NAMED` and `TEXT` have claimed, which is in the trash.
const NAME: &str = "Notas\0 da aula 😀 ";
const TRASHED_NAME: &str = "notes.md";

pub(crate) fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

fn log() -> Vec<Entry> {
    let mut last = Cursor::start(RICH);
    let mut entries = Vec::new();
    for n in 1..=40u32 {
        let edit = |person, writer, n: u32| Edit {
            person,
            writer,
            n: u64::from(n),
            clock: n * 3,
            update: Bytes::from(format!("update {n} of {writer}").repeat(n as usize)),
        };
        let mut edits = vec![edit(OWNER, 7, n)];
        if n % 3 == 0 {
            edits.push(edit(MEMBER, u32::MAX, n / 3));
        }
        let entry = Entry::after(last, 1_700_000_000_000 + i64::from(n), edits);
        last = entry.cursor();
        entries.push(entry);
    }
    entries
}

fn covering() -> Snapshot {
    let entries = log();
    let mut writers = Writers::default();
    entries[..30].iter().for_each(|entry| writers.note(entry));
    Snapshot { through: entries[29].cursor(), update: Bytes::from_static(b"a snapshot through 30"), writers }
}

fn people() -> [Person; 2] {
    [(OWNER, "Ana Flávia"), (MEMBER, "Straße")].map(|(id, name)| Person {
        id,
        name: Name::new(name).unwrap(),
        password_hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned(),
        owner: id == OWNER,
        disabled: false,
        created_ms: 1_700_000_000_000,
    })
}

fn rows() -> [Document; 2] {
    let head = log()[39].clone();
    let rich = Document {
        id: RICH,
        title: "Árvore".to_owned(),
        kind: Kind::Rich,
        schema: 1,
        owner: OWNER,
        visibility: Visibility::Private,
        members: vec![(MEMBER, Role::Commenter)],
        created_ms: 1_700_000_000_000,
        changed_ms: head.time_ms,
        changed_by: head.edits[0].person,
        trashed_ms: None,
    };
    let text = Document {
        id: TEXT,
        title: "notes.md".to_owned(),
        kind: Kind::Text,
        visibility: Visibility::Instance,
        members: Vec::new(),
        changed_ms: 1_700_000_000_000,
        trashed_ms: Some(1_700_000_000_999),
        ..rich.clone()
    };
    [rich, text]
}

fn named() -> Document {
    let [_, text] = rows();
    Document { id: NAMED, title: "Notas da aula".to_owned(), trashed_ms: None, ..text }
}

fn kept_session() -> Session {
    Session { id: SESSION, person: MEMBER, created_ms: 1_700_000_000_000, expires_ms: 1_800_000_000_000 }
}

#[tokio::test]
async fn a_folder_of_version_1_is_read_and_used() {
    let data = killed(&folder("v1"));
    let store = open(data.path());
    reads_what_version_1_wrote(&store).await;
    assert_eq!(store.text_documents(MEMBER).await, Ok(Vec::new()));
    store.create_document(named(), Some(NAME.to_owned())).await.unwrap();
    goes_on_with_names(&store).await;
}

#[tokio::test]
async fn a_folder_of_version_2_is_read_and_used() {
    let data = killed(&folder("v2"));
    let store = open(data.path());
    reads_what_version_1_wrote(&store).await;
    goes_on_with_names(&store).await;
    store.change_document(TEXT, trash(None)).await.unwrap();
    let both = [TRASHED_NAME, NAME].map(|name| Some(name.to_owned()));
    assert_eq!(names(&store, MEMBER).await, both);
}

async fn goes_on_with_names(store: &Any) {
    let found = Named { document: named(), name: Some(NAME.to_owned()) };
    assert_eq!(store.text_documents(MEMBER).await, Ok(vec![found]));
    let again = store.create_document(text("again"), Some(NAME.to_owned()));
    is(again.await, StoreError::Conflict);
}

async fn reads_what_version_1_wrote(store: &Any) {
    let loaded = store.load(RICH).await.unwrap();
    assert_eq!(loaded.snapshot, Some(covering()));
    assert_eq!(loaded.tail, log()[30..]);
    assert_eq!(store.history(RICH, 0, usize::MAX).await.unwrap(), log());
    let within = store.since(RICH, log()[10].cursor(), 1).await;
    assert_eq!(within, Ok(Since::Covered));
    for row in rows() {
        assert_eq!(store.document(row.id).await, Ok(row));
    }
    for person in people() {
        assert_eq!(store.person(person.id).await.as_ref(), Ok(&person));
        let found = store.person_named(person.name.folded()).await;
        assert_eq!(found.as_ref(), Ok(&person));
    }
    let expected = (kept_session(), people()[1].clone());
    assert_eq!(store.session(SESSION).await, Ok(expected));
    is(store.document(GONE).await, StoreError::NotFound);
    let again = Document { id: GONE, ..document("again") };
    is(store.create_document(again, None).await, StoreError::Conflict);
    let shown = |byte| Some(Invitation { code_hash: [byte; 32], now_ms: 5 });
    is(store.create_person(person("used"), shown(1)).await, StoreError::NotFound);
    let third = store.create_person(person("third"), shown(2)).await.unwrap();
    assert!(!third.owner);
    assert_eq!(store.sessions_version().await, Ok(1));
    appended(store, RICH, log()[39].cursor(), 2).await;
    assert_eq!(store.load(RICH).await.unwrap().tail.len(), 12);
}

#[tokio::test]
#[ignore = "writes the fixture, which was done once"]
async fn write_the_fixture() {
    let folder = folder("v2");
    assert!(!folder.exists(), "a fixture is never changed");
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let [ana, member] = people();
    store.create_person(ana, None).await.unwrap();
    for byte in [1, 2] {
        store.create_invitation([byte; 32], 10).await.unwrap();
    }
    let invitation = Invitation { code_hash: [1; 32], now_ms: 5 };
    store.create_person(member, Some(invitation)).await.unwrap();
    let ended = session(OWNER);
    store.create_session(ended.clone()).await.unwrap();
    store.end_session(ended.id).await.unwrap();
    store.create_session(kept_session()).await.unwrap();
    for (row, name) in rows().into_iter().zip([None, Some(TRASHED_NAME.to_owned())]) {
        store.create_document(row, name).await.unwrap();
    }
    let gone = Document { id: GONE, trashed_ms: Some(1), ..document("gone") };
    store.create_document(gone, None).await.unwrap();
    store.change_document(GONE, DocumentChange::default()).await.unwrap();
    store.purge_document(GONE).await.unwrap();
    for entry in &log()[..35] {
        store.append(RICH, Arc::new(entry.clone())).await.unwrap();
    }
    store.compact(RICH, covering()).await.unwrap();
    store.close().await.unwrap();
    // The last ones only in the log, as a kill leaves them.
    let store = open(data.path());
    store.create_document(named(), Some(NAME.to_owned())).await.unwrap();
    for entry in &log()[35..] {
        store.append(RICH, Arc::new(entry.clone())).await.unwrap();
    }
    let left = killed(data.path());
    let target = folder.join("generations/1");
    fs::create_dir_all(&target).unwrap();
    for name in ["sesodocs.db", "sesodocs.db-wal"] {
        fs::copy(left.path().join("generations/1").join(name), target.join(name)).unwrap();
    }
}
