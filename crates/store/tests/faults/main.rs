//! Faults of the disk, made by `strace` and by a small tmpfs, and kills between any two steps: rules F1 to F5.
//! Each happens to a process of its own; what it leaves is then opened and judged here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests end where they cannot go on")]

#[path = "../contract/build.rs"]
#[allow(dead_code, reason = "shared with the contract, which uses all of it")]
mod build;
mod disk_full;
mod first_start;
mod helper;
mod strace;

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine::{
    log::Entry,
    store::{Health, StoreError},
};
use tempfile::TempDir;

use build::*;
use helper::{Helper, ONE};
use strace::{Strace, failing, killing, words};

const SYNCS: &str = "fsync,fdatasync";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn database(data: &Path) -> PathBuf {
    data.join("generations/1/sesodocs.db")
}

fn log_file(data: &Path) -> PathBuf {
    data.join("generations/1/sesodocs.db-wal")
}

fn open(data: &Path) -> Any {
    store::open(&store::StoreUrl::Sqlite, data, Default::default()).unwrap()
}

/// How many entries of the one document are there, each of them right.
async fn stored(data: &Path) -> usize {
    let store = open(data);
    assert_eq!(*store.health().borrow(), Health::Ready);
    let tail = match store.load(ONE).await {
        Err(StoreError::NotFound) => Vec::new(),
        loaded => loaded.unwrap().tail,
    };
    let mut last = engine::log::Cursor::start(ONE);
    for entry in &tail {
        let update = &entry.edits[0].update;
        assert_eq!(*entry, Entry::clone(&entry_of(last, update.len())));
        last = entry.cursor();
    }
    store.close().await.unwrap();
    tail.len()
}

#[tokio::test]
async fn f2_a_failed_sync_is_final() {
    for error in ["EIO", "ENOSPC"] {
        let data = folder();
        let mut helper = Helper::start(data.path());
        assert_eq!(helper.hear().unwrap(), "opened ready");
        assert_eq!(helper.ask("append 5"), "appended 5");
        let faults = Strace::fail(&helper, SYNCS, error, None);
        let answer = helper.ask("append 5");
        assert!(answer.starts_with("appended 0, unavailable"), "{error}: {answer}");
        // At once, and not within some time.
        let health = helper.ask("health");
        assert!(health.starts_with("failed: ") && health.contains("SQLite 1034"), "{error}: {health}");
        // The disk is well again, as it seems: that proves nothing about what was written before.
        drop(faults);
        let answer = helper.ask("append 1");
        assert!(answer.starts_with("appended 0, unavailable"), "{error}: {answer}");
        assert_eq!(helper.ask("read"), "read 5");
        let closed = helper.ask("close");
        assert!(closed.starts_with("closed Err"), "{error}: {closed}");
        helper.kill();
        // The failed one may be there: it was in the kernel's memory, and was never acknowledged.
        assert!(matches!(stored(data.path()).await, 5 | 6), "{error}");
    }
}

#[tokio::test]
async fn f1_only_the_writers_own_checkpoints_touch_the_database_file() {
    let data = folder();
    let mut helper = Helper::start(data.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    // More than the 1,000 pages at which SQLite would checkpoint by itself, less than those at which we do.
    let faults = Strace::forbid(&helper, "pwrite64,fsync,fdatasync,ftruncate", &database(data.path()));
    assert_eq!(helper.ask("append 6 1000000"), "appended 6");
    // It ends without closing the store: SQLite would checkpoint then too.
    assert!(helper.end());
    drop(faults);
    assert_eq!(stored(data.path()).await, 6);
}

#[tokio::test]
async fn f1_a_checkpoint_that_fails_is_a_failed_sync() {
    for (calls, error) in [(SYNCS, "EIO"), (SYNCS, "ENOSPC"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC")] {
        let data = folder();
        let mut helper = Helper::start(data.path());
        assert_eq!(helper.hear().unwrap(), "opened ready");
        let faults = Strace::fail(&helper, calls, error, Some(&database(data.path())));
        // Commits go to the log, which is well: until it is time to move them into the database file.
        let answer = helper.ask("append 40 1000000");
        let acknowledged: usize = answer[9..].split(',').next().unwrap().parse().unwrap();
        assert!((5..20).contains(&acknowledged), "{calls} {error}: {answer}");
        let health = helper.ask("health");
        assert!(health.starts_with("failed"), "{calls} {error}: {health}");
        drop(faults);
        let answer = helper.ask("append 1");
        assert!(answer.starts_with("appended 0, unavailable"), "{calls} {error}: {answer}");
        helper.kill();
        assert_eq!(stored(data.path()).await, acknowledged, "{calls} {error}");
    }
}

#[tokio::test]
async fn f1_a_last_checkpoint_that_fails_is_told() {
    let data = folder();
    let mut helper = Helper::start(data.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 3"), "appended 3");
    let faults = Strace::fail(&helper, "ftruncate", "EIO", Some(&log_file(data.path())));
    let closed = helper.ask("close");
    assert!(closed.starts_with("closed Err"), "{closed}");
    drop(faults);
    helper.kill();
    assert_eq!(stored(data.path()).await, 3);
}

#[tokio::test]
async fn f2_a_start_whose_checkpoint_fails_serves_reads_only() {
    let database_faults = [(SYNCS, "EIO"), (SYNCS, "ENOSPC"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC")];
    let log_faults = [("ftruncate", "EIO"), (SYNCS, "EIO")];
    let on_database = database_faults.map(|(calls, error)| (calls, error, database as fn(&Path) -> PathBuf));
    let on_log = log_faults.map(|(calls, error)| (calls, error, log_file as fn(&Path) -> PathBuf));
    let data = folder();
    let mut helper = Helper::start(data.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 20"), "appended 20");
    helper.kill();
    for (calls, error, file) in on_database.into_iter().chain(on_log) {
        let faults = failing(calls, error, &file(data.path()));
        let mut helper = Helper::start_under(data.path(), &words(&faults));
        let opened = helper.hear().unwrap();
        assert!(opened.starts_with("opened failed"), "{calls} {error}: {opened}");
        assert_eq!(helper.ask("read"), "read 20");
        let answer = helper.ask("append 1");
        assert!(answer.starts_with("appended 0, unavailable"), "{calls} {error}: {answer}");
    }
    assert_eq!(stored(data.path()).await, 20);
}

#[tokio::test]
async fn f3_a_disk_that_is_full_for_a_while_is_waited_out() {
    let data = folder();
    let mut helper = Helper::start(data.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 3"), "appended 3");
    let faults = Strace::fail(&helper, "pwrite64", "ENOSPC", Some(&log_file(data.path())));
    let answer = helper.ask("append 1");
    assert!(answer.starts_with("appended 0, unavailable"), "{answer}");
    let health = helper.ask("health");
    assert!(health.starts_with("full"), "{health}");
    assert_eq!(helper.ask("read"), "read 3");
    drop(faults);
    assert_eq!(helper.ask("await ready"), "ready");
    assert_eq!(helper.ask("append 2"), "appended 2");
    helper.kill();
    assert_eq!(stored(data.path()).await, 5);
}

#[tokio::test]
async fn f3_a_group_that_meets_a_full_disk_is_stored_whole_or_not_at_all() {
    // Larger than SQLite's cache, so that it is written, and fails, in the middle of the transaction.
    for when in [1, 50, 2_000] {
        let data = folder();
        let mut helper = Helper::start(data.path());
        assert_eq!(helper.hear().unwrap(), "opened ready");
        let error = format!("ENOSPC:when={when}..{}", when + 10_000);
        let faults = Strace::fail(&helper, "pwrite64", &error, Some(&log_file(data.path())));
        let acknowledged = helper.ask("burst 40 600000");
        drop(faults);
        helper.ask("await ready");
        assert_eq!(helper.ask("append 1"), "appended 1");
        helper.kill();
        let store = open(data.path());
        let all = engine::store::ListQuery {
            person: ANA,
            title: Some("burst".to_owned()),
            sort: Default::default(),
            trash: false,
            after: None,
            limit: 1_000,
        };
        let mut whole = 0;
        for listed in store.list_documents(all).await.unwrap().documents {
            let id = listed.document.id;
            let tail = store.load(id).await.unwrap().tail;
            assert_eq!(acknowledged.contains(&id.to_string()), tail.len() == 1, "when {when}: {id}");
            whole += tail.len();
        }
        assert_eq!(whole, acknowledged.split(' ').skip(1).filter(|id| !id.is_empty()).count());
        assert!(whole < 40, "when {when}: the fault came");
    }
}

#[tokio::test]
async fn l6_an_error_in_reading_is_an_error_and_nothing_shorter() {
    let data = folder();
    let mut helper = Helper::start(data.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 50 4000"), "appended 50");
    // From where nothing is in memory.
    assert_eq!(helper.ask("close"), "closed Ok(())");
    helper.kill();
    // SQLite calls a sector that cannot be read (EIO) damage, and every other failure what it is.
    for (errno, expected) in [("ETIMEDOUT", "unavailable"), ("EIO", "corrupt")] {
        let mut helper = Helper::start(data.path());
        assert_eq!(helper.hear().unwrap(), "opened ready");
        let error = format!("{errno}:when=4+");
        let faults = Strace::fail(&helper, "pread64", &error, Some(&database(data.path())));
        let answer = helper.ask("read");
        assert!(answer.starts_with(&format!("error: {expected}")), "{errno}: {answer}");
        drop(faults);
        assert_eq!(helper.ask("read"), "read 50");
    }
}

#[tokio::test]
async fn d1_what_was_acknowledged_survives_kills_at_any_moment() {
    let data = folder();
    let mut acknowledged = 0;
    for round in 0..15u64 {
        let mut helper = Helper::start(data.path());
        assert_eq!(helper.hear().unwrap(), "opened ready");
        helper.tell("stream");
        for _ in 0..round * 7 {
            acknowledged = helper.hear().unwrap().parse().unwrap();
        }
        helper.kill();
        let stored = stored(data.path()).await;
        assert!(stored >= acknowledged, "{stored} stored, {acknowledged} acknowledged");
        acknowledged = stored;
    }
}

#[tokio::test]
async fn f5_a_restore_that_is_killed_leaves_the_old_or_the_new() {
    let origin = folder();
    let file = origin.path().join("backup");
    let mut helper = Helper::start(origin.path());
    assert_eq!(helper.hear().unwrap(), "opened ready");
    assert_eq!(helper.ask("append 2"), "appended 2");
    store::backup(origin.path(), &file).unwrap();
    assert_eq!(helper.ask("append 3"), "appended 3");
    assert_eq!(helper.ask("close"), "closed Ok(())");
    helper.kill();
    let mut outcomes = Vec::new();
    for at in 1.. {
        // A folder whose newest generation cannot be opened: that is when one restores.
        let data = folder();
        let generation = data.path().join("generations/1");
        fs::create_dir_all(&generation).unwrap();
        fs::copy(database(origin.path()), database(data.path())).unwrap();
        fs::write(log_file(data.path()), [7; 3]).unwrap();
        let kill = killing("mkdir,rename,fsync,fdatasync,ftruncate,unlink,unlinkat,rmdir", at);
        let outcome = Helper::restore_under(data.path(), &words(&kill), &file).hear();
        let stored = stored(data.path()).await;
        assert!(stored == 5 || stored == 2, "killed at {at}: {stored}");
        if outcome == Some("restored Ok(())".to_owned()) {
            assert_eq!(stored, 2);
            break;
        }
        assert_eq!(outcome, None, "killed at {at}");
        outcomes.push(stored);
    }
    // Killed before the rename the old one counts, behind it the new one.
    assert!(outcomes.is_sorted_by(|one, next| one >= next), "{outcomes:?}");
    assert!(outcomes.contains(&5) && outcomes.contains(&2), "{outcomes:?}");
}
