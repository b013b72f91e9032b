//! F5: backup and restore.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use engine::{
    log::{Cursor, Entry},
    person::PersonId,
    store::{Since, StoreError},
};
use tokio::task::{JoinSet, spawn_blocking};

use crate::{build::*, database, fixture::folder, killed, open};

fn restore(file: &Path, data: &Path) -> Result<(), String> {
    let restored = store::restore(file, data).map_err(|why| why.to_string())?;
    assert!(restored.starts_with(data), "{restored:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_backup_under_load_is_one_moment() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let pair = [created(&store).await, created(&store).await];
    let mut last = pair.map(Cursor::start);
    let ended = Arc::new(AtomicBool::new(false));
    let (writing, writer) = (Arc::clone(&ended), Arc::clone(&store));
    let load = tokio::spawn(async move {
        // The second document is always at, or one behind, the first: in one moment, and only in one moment.
        while !writing.load(Ordering::Relaxed) {
            for (id, last) in pair.into_iter().zip(&mut last) {
                let entry = entry_of(*last, 3_000);
                *last = entry.cursor();
                writer.append(id, entry).await.unwrap();
            }
        }
    });
    let mut heads = Vec::new();
    for n in 0..8 {
        let file = data.path().join("backup.sesodocs");
        let (from, to) = (data.path().to_owned(), file.clone());
        let backup = spawn_blocking(move || store::backup(&from, &to));
        backup.await.unwrap().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        restore(&file, elsewhere.path()).unwrap();
        let copy = open(elsewhere.path());
        let ahead = copy.load(pair[0]).await.unwrap().tail.len();
        let behind = copy.load(pair[1]).await.unwrap().tail.len();
        assert!(ahead == behind || ahead == behind + 1, "backup {n}: {ahead} and {behind}");
        heads.push(ahead);
    }
    ended.store(true, Ordering::Relaxed);
    load.await.unwrap();
    assert!(heads.is_sorted() && heads[0] < heads[7], "written meanwhile: {heads:?}");
}

#[tokio::test]
async fn f5_a_restore_brings_back_the_moment_and_ends_all_sessions() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("backup");
    let store = open(data.path());
    let ana = signed_up(&store, "Ana").await;
    let before = session(ana.id);
    store.create_session(before.clone()).await.unwrap();
    let id = created(&store).await;
    let entries = filled(&store, id, 5).await;
    store.compact(id, snapshot(&entries[..3])).await.unwrap();
    let claim = async |store: &Any, name: &str| store.create_document(text("t"), Some(name.to_owned())).await;
    claim(&store, "kept\0").await.unwrap();
    store::backup(data.path(), &file).unwrap();
    claim(&store, "lost").await.unwrap();
    let lost = appended(&store, id, entries[4].cursor(), 3).await;
    let why = restore(&file, data.path()).unwrap_err();
    assert!(why.contains("stop it first"), "{why}");
    store.close().await.unwrap();
    restore(&file, data.path()).unwrap();

    let store = open(data.path());
    assert_eq!(store.history(id, 0, usize::MAX).await.unwrap(), entries);
    assert_eq!(store.load(id).await.unwrap().tail, entries[3..]);
    is(store.session(before.id).await, StoreError::NotFound);
    assert_eq!(names(&store, ana.id).await, [Some("kept\0".to_owned())]);
    is(claim(&store, "kept\0").await, StoreError::Conflict);
    claim(&store, "lost").await.unwrap();
    assert_eq!(store.person(ana.id).await, Ok(ana));
    // L7: the numbers are used again, and old cursors are known as those of another history.
    let head = entries[4].cursor();
    let other = Entry::after(head, 9_999, lost[0].edits.clone());
    store.append(id, other.into()).await.unwrap();
    for entry in &lost {
        let since = store.since(id, entry.cursor(), 1).await;
        assert_eq!(since, Ok(Since::OtherHistory));
    }
}

#[tokio::test]
async fn f5_a_backup_of_version_1_is_restored_in_the_form_of_this_one() {
    let old = killed(&folder("v1"));
    let file = database(old.path());
    let whole = rusqlite::Connection::open(&file).unwrap();
    whole.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(whole);
    let data = tempfile::tempdir().unwrap();
    restore(&file, data.path()).unwrap();
    let store = open(data.path());
    let ana = store.person(PersonId(1)).await.unwrap();
    assert!(ana.owner);
    store.create_document(text("t"), Some("new".to_owned())).await.unwrap();
    assert_eq!(names(&store, ana.id).await, [Some("new".to_owned())]);
}

#[tokio::test]
async fn f5_the_generation_before_a_restore_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("backup");
    let store = open(data.path());
    store::backup(data.path(), &file).unwrap();
    let id = created(&store).await;
    store.close().await.unwrap();
    restore(&file, data.path()).unwrap();
    let store = open(data.path());
    is(store.document(id).await, StoreError::NotFound);
    store.close().await.unwrap();
    // An operator who regrets it removes the new folder.
    fs::remove_dir_all(data.path().join("generations/2")).unwrap();
    assert!(open(data.path()).document(id).await.is_ok());
}

#[tokio::test]
async fn f5_only_a_whole_backup_is_restored() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("backup");
    let store = open(data.path());
    let id = created(&store).await;
    let entries = filled(&store, id, 200).await;
    store::backup(data.path(), &file).unwrap();
    let whole = fs::read(&file).unwrap();
    store.close().await.unwrap();

    let log = data.path().join("backup-wal");
    fs::write(&log, "left over").unwrap();
    let why = restore(&file, data.path()).unwrap_err();
    assert!(why.contains("write-ahead log beside it"), "{why}");
    fs::remove_file(&log).unwrap();

    let torn = &whole[..whole.len() - 4096];
    let flipped = {
        let mut flipped = whole.clone();
        // The number of cells in the root of the log's table or of whatever lies there: structure, not content.
        flipped[4096 * 3 + 4] ^= 0x40;
        flipped
    };
    let foreign = b"SQLite format 3\0 it is not".as_slice();
    for bad in [torn, &flipped, foreign, b""] {
        fs::write(&file, bad).unwrap();
        let why = restore(&file, data.path()).unwrap_err();
        assert!(why.contains("cannot be restored"), "{why}");
    }
    let why = restore(&data.path().join("nothing"), data.path()).unwrap_err();
    assert!(why.contains("nothing"), "{why}");
    assert_eq!(open(data.path()).load(id).await.unwrap().tail, entries);
}

#[tokio::test]
async fn f5_a_backup_replaces_the_one_before_and_leaves_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("backup");
    let store = open(data.path());
    for _ in 0..3 {
        created(&store).await;
        // What a kill left of an earlier attempt.
        fs::write(target.path().join("backup.partial"), "torn").unwrap();
        store::backup(data.path(), &file).unwrap();
    }
    let names: Vec<_> = fs::read_dir(target.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["backup"]);
    store.close().await.unwrap();
    store::backup(data.path(), &file).unwrap();
    let nowhere = target.path().join("no/such/folder");
    let why = store::backup(&nowhere, &file).unwrap_err().to_string();
    assert!(why.contains("there is no data folder"), "{why}");
    let why = store::backup(target.path(), &file).unwrap_err().to_string();
    assert!(why.contains("there is no database"), "{why}");
    assert!(!nowhere.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f5_a_backup_holds_nobody_up() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let mut all = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        all.spawn(async move {
            let id = created(&store).await;
            filled(&store, id, 10).await;
        });
    }
    for n in 0..3 {
        let (from, to) = (data.path().to_owned(), data.path().join(format!("backup {n}")));
        all.spawn_blocking(move || store::backup(&from, &to).unwrap());
    }
    all.join_all().await;
}
