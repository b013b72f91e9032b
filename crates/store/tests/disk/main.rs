//! The SQLite store and its folder: what lasts, what is noticed, what is refused (rules F4 to F6, L6). Damage is done to the
//! files' own bytes. Faults of the disk are in `faults/`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests end where they cannot go on")]

#[path = "../contract/build.rs"]
#[allow(dead_code, reason = "shared with the contract, which uses all of it")]
mod build;
mod damage;
mod fixture;
mod transfer;
mod walk;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::store::{Health, StoreError};
use store::{StoreUrl, sqlite::Sqlite};

use build::*;

fn open(data: &Path) -> Any {
    store::open(&StoreUrl::Sqlite, data, Default::default()).unwrap()
}

fn refused(data: &Path) -> String {
    store::open(&StoreUrl::Sqlite, data, Default::default()).err().unwrap().to_string()
}

/// The file with all pages, once the log is in it.
fn database(data: &Path) -> PathBuf {
    data.join("generations/1/sesodocs.db")
}

fn log_file(data: &Path) -> PathBuf {
    data.join("generations/1/sesodocs.db-wal")
}

/// A copy of the folder as a kill at this moment would leave it.
fn killed(data: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let from = data.join("generations/1");
    let to = copy.path().join("generations/1");
    fs::create_dir_all(&to).unwrap();
    // The shared memory beside them is made anew from the log.
    for name in ["sesodocs.db", "sesodocs.db-wal"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn d1_what_was_acknowledged_is_there_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = created(&store).await;
    let entries = filled(&store, id, 50).await;
    let later = killed(data.path());
    let store = open(later.path());
    assert_eq!(*store.health().borrow(), Health::Ready);
    assert_eq!(store.load(id).await.unwrap().tail, entries);
}

#[tokio::test]
async fn f1_a_close_leaves_an_empty_log_and_a_whole_database() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = created(&store).await;
    let entries = filled(&store, id, 50).await;
    assert_ne!(fs::metadata(log_file(data.path())).unwrap().len(), 0);
    store.close().await.unwrap();
    assert_eq!(fs::metadata(log_file(data.path())).unwrap().len(), 0);
    assert_eq!(open(data.path()).load(id).await.unwrap().tail, entries);
}

#[tokio::test]
async fn f1_the_log_does_not_grow_for_ever() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let id = created(&store).await;
    let mut last = engine::log::Cursor::start(id);
    for _ in 0..60 {
        let entry = entry_of(last, 1 << 20);
        last = entry.cursor();
        store.append(id, entry).await.unwrap();
    }
    let log_bytes = fs::metadata(log_file(data.path())).unwrap().len();
    assert!(log_bytes < 20 << 20, "{log_bytes} bytes after 60 MB of entries");
}

#[tokio::test]
async fn f2_a_start_while_somebody_reads_waits_for_the_end_of_it() {
    let running = tempfile::tempdir().unwrap();
    let id = {
        let store = open(running.path());
        let id = created(&store).await;
        filled(&store, id, 3).await;
        id
    };
    let data = killed(running.path());
    // As a backup does that was begun before.
    let reader = rusqlite::Connection::open(database(data.path())).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM log").unwrap();
    let store = open(data.path());
    assert!(matches!(&*store.health().borrow(), Health::Full(why) if why.contains("reading")));
    let entries = store.load(id).await.unwrap().tail;
    let next = entry(entries[2].cursor());
    let refused = store.append(id, Arc::clone(&next)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    reader.execute_batch("ROLLBACK").unwrap();
    store.health().wait_for(|health| *health == Health::Ready).await.unwrap();
    store.append(id, next).await.unwrap();
}

#[tokio::test]
async fn a_folder_and_a_backup_are_for_their_owner_alone() {
    let above = tempfile::tempdir().unwrap();
    let (data, file) = (above.path().join("data"), above.path().join("backup"));
    let _store = open(&data);
    store::backup(&data, &file).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&file)), (0o700, 0o600));
}

#[tokio::test]
async fn f4_a_folder_has_one_server() {
    let data = tempfile::tempdir().unwrap();
    let store = open(data.path());
    let why = refused(data.path());
    assert!(why.contains("another SeSoDocs process uses"), "{why}");
    store.close().await.unwrap();
    open(data.path());
}

#[tokio::test]
async fn f4_the_command_line_works_beside_a_server_and_the_server_notices() {
    let data = tempfile::tempdir().unwrap();
    let server = open(data.path());
    let ana = signed_up(&server, "Ana").await;
    let open_session = session(ana.id);
    server.create_session(open_session.clone()).await.unwrap();
    let before = server.sessions_version().await.unwrap();
    let beside: Any = Arc::new(Sqlite::open_beside(data.path(), Default::default()).unwrap());
    let rui = signed_up(&beside, "Rui").await;
    assert!(!rui.owner);
    let disable = engine::store::PersonChange::Disable;
    beside.change_person(ana.id, disable).await.unwrap();
    beside.close().await.unwrap();
    assert_ne!(server.sessions_version().await.unwrap(), before);
    is(server.session(open_session.id).await, StoreError::NotFound);
    assert_eq!(server.person_named("rui").await.unwrap().id, rui.id);
    let id = created(&server).await;
    filled(&server, id, 3).await;
}

#[tokio::test]
async fn f4_the_command_line_works_without_a_server_and_before_its_first_start() {
    let data = tempfile::tempdir().unwrap();
    let data = data.path().join("not/made/yet");
    let alone: Any = Arc::new(Sqlite::open_beside(&data, Default::default()).unwrap());
    assert!(signed_up(&alone, "Ana").await.owner);
    assert!(refused(&data).contains("another SeSoDocs process uses"));
    alone.close().await.unwrap();
    assert_eq!(open(&data).has_owner().await, Ok(true));
}

#[tokio::test]
async fn l8_a_generation_without_its_database_is_not_taken_for_a_new_one() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).close().await.unwrap();
    fs::remove_file(database(data.path())).unwrap();
    let why = refused(data.path());
    assert!(why.contains("cannot be used"), "{why}");
    assert!(!database(data.path()).exists());
}

#[tokio::test]
async fn d1_a_database_that_another_tool_took_out_of_wal_mode_is_put_back() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).close().await.unwrap();
    let tool = rusqlite::Connection::open(database(data.path())).unwrap();
    tool.pragma_update(None, "journal_mode", "delete").unwrap();
    drop(tool);
    let mode = || fs::read(database(data.path())).unwrap()[18..20].to_vec();
    assert_eq!(mode(), [1, 1]);
    open(data.path()).close().await.unwrap();
    assert_eq!(mode(), [2, 2]);
}

#[tokio::test]
async fn a_database_of_a_later_version_or_of_another_program_is_refused() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).close().await.unwrap();
    let path = database(data.path());
    let own = fs::read(&path).unwrap();
    // The form's number and the program's mark, in SQLite's header.
    for (at, expected) in [(63, "newer version"), (71, "not a SeSoDocs database")] {
        let mut changed = own.clone();
        changed[at] = changed[at].wrapping_add(1);
        fs::write(&path, changed).unwrap();
        let why = refused(data.path());
        assert!(why.contains(expected), "{why}");
    }
    fs::write(&path, own).unwrap();
    open(data.path());
}
