//! L6: a flipped bit in what is stored makes its document corrupt, and no other; never is anything read shorter or different.

use std::{fs, path::Path};

use engine::{
    document::DocumentId,
    log::{Cursor, Entry},
    store::StoreError,
};

use crate::{build::*, database, open};

/// One document with history, a snapshot and a tail, of bytes that are found nowhere else in the file.
struct Marked {
    id: DocumentId,
    entries: Vec<Entry>,
}

async fn marked(store: &Any, mark: u8) -> Marked {
    let id = created(store).await;
    let mut last = Cursor::start(id);
    let mut entries = Vec::new();
    for n in 1..=8 {
        let mut entry = Entry::clone(&entry_of(last, 0));
        let update = [[mark, n].repeat(20), id.0.to_be_bytes().to_vec()].concat();
        entry.edits[0].update = update.into();
        let entry = Entry::after(last, entry.time_ms, entry.edits);
        last = entry.cursor();
        store.append(id, entry.clone().into()).await.unwrap();
        entries.push(entry);
    }
    let mut covering = snapshot(&entries[..4]);
    covering.update = [mark, mark, 0xEE].repeat(20).into();
    store.compact(id, covering).await.unwrap();
    Marked { id, entries }
}

/// Everything that is read of a document, or the first error.
async fn read_all(store: &Any, document: &Marked) -> Result<(), StoreError> {
    let loaded = store.load(document.id).await?;
    let history = store.history(document.id, 0, usize::MAX).await?;
    assert_eq!(loaded.tail, document.entries[4..]);
    assert_eq!(loaded.snapshot.map(|s| s.through), Some(document.entries[3].cursor()));
    assert_eq!(history, document.entries);
    for entry in &document.entries {
        store.since(document.id, entry.cursor(), usize::MAX).await?;
    }
    Ok(())
}

/// Where the bytes lie in the file; they must lie in one place.
fn find(file: &[u8], bytes: &[u8]) -> usize {
    let mut places = file.windows(bytes.len()).enumerate().filter(|(_, window)| *window == bytes);
    let (place, _) = places.next().expect("the bytes are in the file");
    assert!(places.next().is_none(), "the bytes are in the file twice");
    place
}

#[tokio::test]
async fn l6_a_flipped_bit_harms_its_document_alone() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let hurt = marked(&store, 0xA1).await;
    let whole = marked(&store, 0xB2).await;
    store.close().await.unwrap();
    let segment = segment(data.path(), &hurt);
    let file = fs::read(database(data.path())).unwrap();
    let tag = |entry: &Entry| entry.tag.0.to_vec();
    // A tag of eight bytes that stands in two tables or in an index is found by what stands beside it.
    let entry = hurt.entries[6].body().to_vec();
    let snapshot = [0xA1, 0xA1, 0xEE].repeat(20);
    let places = [
        ("an entry's first byte", find(&file, &entry), entry.len()),
        ("an entry's tag", find(&file, &tag(&hurt.entries[5])), 8),
        ("a snapshot's update", find(&file, &snapshot), snapshot.len()),
        ("a snapshot's writers", find(&file, &snapshot) - 12, 12),
        ("a segment", find(&file, &segment), segment.len()),
        ("a segment's last tag", find(&file, &segment) - 8, 8),
        ("the head's tag", find_head(&file, &hurt), 8),
    ];
    for (what, place, length) in places {
        for at in [place, place + length / 2, place + length - 1] {
            let bit = at % 8;
            let mut damaged = file.clone();
            damaged[at] ^= 1 << bit;
            fs::write(database(data.path()), &damaged).unwrap();
            let store = open(data.path());
            let read = read_all(&store, &hurt).await;
            let error = read.expect_err(&format!("{what}, byte {at} of {place}, {length}"));
            assert!(matches!(error, StoreError::Corrupt(_)), "{what}, byte {at}: {error}");
            assert_eq!(read_all(&store, &whole).await, Ok(()), "{what}, byte {at}");
            store.close().await.unwrap();
        }
    }
}

/// What SQLite says is the document's segment.
fn segment(data: &Path, document: &Marked) -> Vec<u8> {
    let database = rusqlite::Connection::open(database(data)).unwrap();
    let sql = "SELECT body FROM log WHERE first = 1 AND document = (SELECT key FROM documents WHERE id = ?)";
    database.query_row(sql, [document.id.0.to_be_bytes()], |row| row.get(0)).unwrap()
}

/// The document's row is the only one that holds the tag of its last entry behind its id.
fn find_head(file: &[u8], document: &Marked) -> usize {
    let id = document.id.0.to_be_bytes();
    let tag = document.entries[7].tag.0;
    let row = file
        .windows(26)
        .position(|window| window[..16] == id && window[16..] == *b"a document")
        .expect("the row is in the file");
    row + find(&file[row..row + 100], &tag)
}

#[tokio::test]
async fn l6_a_log_that_ends_before_its_head_is_corrupt() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let hurt = marked(&store, 0xA1).await;
    let whole = marked(&store, 0xB2).await;
    store.close().await.unwrap();
    // By SQLite, as a person with a shell would.
    for seq in [8, 6, 4] {
        let lost = rusqlite::Connection::open(database(data.path())).unwrap();
        let sql = "DELETE FROM log WHERE seq = ? AND document = (SELECT key FROM documents WHERE id = ?)";
        assert_eq!(lost.execute(sql, (seq, hurt.id.0.to_be_bytes())), Ok(1));
        drop(lost);
        let store = open(data.path());
        let error = read_all(&store, &hurt).await.expect_err("shorter");
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        assert_eq!(read_all(&store, &whole).await, Ok(()));
        store.close().await.unwrap();
    }
}
