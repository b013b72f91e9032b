//! Rules L, and H1: the log.

use std::sync::Arc;

use engine::{
    document::DocumentId,
    log::{Cursor, Entry, Tag},
    store::{Loaded, Since, StoreError},
};
use tokio::task::JoinSet;

use crate::build::*;

pub(crate) async fn l1_an_entry_is_read_back_as_it_was_appended(store: Any) {
    let document = created(&store).await;
    let edits = [(RUI, 1), (ANA, u64::MAX)].map(|(person, n)| engine::log::Edit {
        person,
        writer: u32::MAX,
        n,
        clock: 0,
        update: bytes::Bytes::from_static(b"\0\xff"),
    });
    let first = Entry::after(Cursor::start(document), -7, edits.to_vec());
    let second = entry(first.cursor());
    store.append(document, Arc::new(first.clone())).await.unwrap();
    store.append(document, Arc::clone(&second)).await.unwrap();
    let loaded = store.load(document).await.unwrap();
    let tail = vec![first, Entry::clone(&second)];
    assert_eq!(loaded, Loaded { snapshot: None, tail });
}

pub(crate) async fn l1_many_rooms_append_at_once(store: Any) {
    let mut rooms = JoinSet::new();
    for _ in 0..40 {
        let store = Arc::clone(&store);
        rooms.spawn(async move {
            let document = created(&store).await;
            let entries = filled(&store, document, 20).await;
            (document, entries)
        });
    }
    while let Some(room) = rooms.join_next().await {
        let (document, entries) = room.unwrap();
        assert_eq!(store.load(document).await.unwrap().tail, entries);
    }
}

pub(crate) async fn l2_a_number_is_used_once(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 3).await;
    let start = Cursor::start(document);
    let after_head = entry(entries[2].cursor());
    let beyond = entry(after_head.cursor());
    for wrong in [entry(start), entry(entries[0].cursor()), entry(entries[1].cursor()), beyond] {
        is(store.append(document, wrong).await, StoreError::Conflict);
    }
    assert_eq!(store.load(document).await.unwrap().tail, entries);
    store.append(document, after_head).await.unwrap();
}

pub(crate) async fn l2_an_entry_that_follows_another_tag_is_refused(store: Any) {
    let document = created(&store).await;
    filled(&store, document, 1).await;
    let elsewhere = Cursor { seq: 1, tag: Tag([9; 8]) };
    is(store.append(document, entry(elsewhere)).await, StoreError::Conflict);
}

pub(crate) async fn l2_of_many_at_one_number_one_is_kept(store: Any) {
    let document = created(&store).await;
    let mut rivals = JoinSet::new();
    for size in 1..=30 {
        let store = Arc::clone(&store);
        rivals.spawn(async move {
            let entry = entry_of(Cursor::start(document), size);
            store.append(document, Arc::clone(&entry)).await.map(|()| entry)
        });
    }
    let mut kept = Vec::new();
    for result in rivals.join_all().await {
        match result {
            Ok(entry) => kept.push(Entry::clone(&entry)),
            Err(error) => assert_eq!(error, StoreError::Conflict),
        }
    }
    assert_eq!(kept.len(), 1);
    assert_eq!(store.load(document).await.unwrap().tail, kept);
}

pub(crate) async fn l2_a_conflict_harms_nobody_in_the_same_commit(store: Any) {
    let mut rooms = JoinSet::new();
    let refused = created(&store).await;
    filled(&store, refused, 2).await;
    for _ in 0..30 {
        let good = created(&store).await;
        let (one, other) = (Arc::clone(&store), Arc::clone(&store));
        rooms.spawn(async move {
            let entry = entry(Cursor::start(good));
            assert_eq!(one.append(good, entry).await, Ok(()));
            good
        });
        rooms.spawn(async move {
            let entry = entry(Cursor::start(refused));
            assert_eq!(other.append(refused, entry).await, Err(StoreError::Conflict));
            refused
        });
    }
    for document in rooms.join_all().await {
        let expected = if document == refused { 2 } else { 1 };
        assert_eq!(store.load(document).await.unwrap().tail.len(), expected);
    }
}

pub(crate) async fn l2_a_number_below_a_snapshot_stays_used(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 5).await;
    store.compact(document, snapshot(&entries)).await.unwrap();
    // A room that slept through the compaction.
    is(store.append(document, entry(entries[2].cursor())).await, StoreError::Conflict);
    store.append(document, entry(entries[4].cursor())).await.unwrap();
}

pub(crate) async fn l3_the_tail_starts_right_after_the_snapshot(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 10).await;
    store.compact(document, snapshot(&entries[..6])).await.unwrap();
    let loaded = store.load(document).await.unwrap();
    assert_eq!(loaded.snapshot, Some(snapshot(&entries[..6])));
    assert_eq!(loaded.tail, entries[6..]);
    store.compact(document, snapshot(&entries)).await.unwrap();
    let loaded = store.load(document).await.unwrap();
    assert_eq!(loaded.snapshot, Some(snapshot(&entries)));
    assert_eq!(loaded.tail, []);
    let more = appended(&store, document, entries[9].cursor(), 2).await;
    assert_eq!(store.load(document).await.unwrap().tail, more);
}

pub(crate) async fn l3_reads_during_compactions_see_one_moment(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 40).await;
    let (compactor, log) = (Arc::clone(&store), entries.clone());
    let compacting = tokio::spawn(async move {
        for through in 1..=40 {
            compactor.compact(document, snapshot(&log[..through])).await.unwrap();
        }
    });
    loop {
        let is_last = compacting.is_finished();
        let loaded = store.load(document).await.unwrap();
        let covered = loaded.snapshot.map_or(0, |s| s.through.seq as usize);
        assert_eq!(loaded.tail, entries[covered..]);
        if is_last {
            return compacting.await.unwrap();
        }
    }
}

pub(crate) async fn l4_two_compactors_finish_in_reverse(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 9).await;
    let (early, late) = (snapshot(&entries[..4]), snapshot(&entries[..8]));
    store.compact(document, late.clone()).await.unwrap();
    is(store.compact(document, early).await, StoreError::Conflict);
    is(store.compact(document, late.clone()).await, StoreError::Conflict);
    let loaded = store.load(document).await.unwrap();
    assert_eq!(loaded.snapshot, Some(late));
    assert_eq!(loaded.tail, entries[8..]);
    assert_eq!(store.history(document, 0, usize::MAX).await.unwrap(), entries);
}

pub(crate) async fn l4_a_snapshot_of_another_history_is_refused(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 4).await;
    let mut foreign = snapshot(&entries[..2]);
    foreign.through.tag = Tag([1; 8]);
    is(store.compact(document, foreign).await, StoreError::Conflict);
    let mut beyond = snapshot(&entries);
    beyond.through.seq = 5;
    is(store.compact(document, beyond).await, StoreError::Conflict);
    assert_eq!(store.load(document).await.unwrap().snapshot, None);
}

pub(crate) async fn l4_many_compactors_at_once(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 30).await;
    let mut compactors = JoinSet::new();
    for through in 1..=30 {
        let (store, snapshot) = (Arc::clone(&store), snapshot(&entries[..through]));
        compactors.spawn(async move { store.compact(document, snapshot).await });
    }
    for result in compactors.join_all().await {
        assert!(matches!(result, Ok(()) | Err(StoreError::Conflict)), "{result:?}");
    }
    let loaded = store.load(document).await.unwrap();
    assert_eq!(loaded.snapshot, Some(snapshot(&entries)));
    assert_eq!(loaded.tail, []);
    assert_eq!(store.history(document, 0, usize::MAX).await.unwrap(), entries);
}

pub(crate) async fn l7_a_cursor_is_on_this_log_or_not(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 5).await;
    let since = async |cursor| store.since(document, cursor, usize::MAX).await.unwrap();
    assert_eq!(since(Cursor::start(document)).await, Since::Entries(entries.clone()));
    for (at, entry) in entries.iter().enumerate() {
        let rest = entries[at + 1..].to_vec();
        assert_eq!(since(entry.cursor()).await, Since::Entries(rest));
        let foreign = Cursor { tag: Tag([3; 8]), ..entry.cursor() };
        assert_eq!(since(foreign).await, Since::OtherHistory);
    }
    for seq in [6, i64::MAX as u64, u64::MAX] {
        let beyond = Cursor { seq, tag: entries[4].tag };
        assert_eq!(since(beyond).await, Since::OtherHistory);
    }
    let elsewhere = Cursor::start(DocumentId::random());
    assert_eq!(since(elsewhere).await, Since::OtherHistory);
}

pub(crate) async fn l7_a_cursor_within_covered_entries_is_proved_by_its_segment(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 12).await;
    store.compact(document, snapshot(&entries[..4])).await.unwrap();
    store.compact(document, snapshot(&entries[..9])).await.unwrap();
    let since = async |cursor| store.since(document, cursor, usize::MAX).await.unwrap();
    assert_eq!(since(Cursor::start(document)).await, Since::Covered);
    for entry in &entries[..8] {
        assert_eq!(since(entry.cursor()).await, Since::Covered, "{}", entry.seq);
        let foreign = Cursor { tag: Tag([3; 8]), ..entry.cursor() };
        assert_eq!(since(foreign).await, Since::OtherHistory, "{}", entry.seq);
    }
    let at_the_snapshot = since(entries[8].cursor()).await;
    assert_eq!(at_the_snapshot, Since::Entries(entries[9..].to_vec()));
}

pub(crate) async fn l8_absent_is_said_only_of_what_is_absent(store: Any) {
    let nowhere = DocumentId::random();
    let start = Cursor::start(nowhere);
    is(store.load(nowhere).await, StoreError::NotFound);
    is(store.since(nowhere, start, 1).await, StoreError::NotFound);
    is(store.history(nowhere, 0, 1).await, StoreError::NotFound);
    is(store.append(nowhere, entry(start)).await, StoreError::NotFound);
    let snapshot = snapshot(&[Entry::clone(&entry(start))]);
    is(store.compact(nowhere, snapshot).await, StoreError::NotFound);
    is(store.document(nowhere).await, StoreError::NotFound);
    let empty = created(&store).await;
    let nothing = Loaded { snapshot: None, tail: Vec::new() };
    assert_eq!(store.load(empty).await, Ok(nothing));
}

pub(crate) async fn h1_history_keeps_every_entry_through_compactions(store: Any) {
    let document = created(&store).await;
    // Large enough for several segments.
    let mut last = Cursor::start(document);
    let mut entries = Vec::new();
    for size in [200_000, 90_000, 10, 300_000, 1, 1, 5, 7] {
        let entry = entry_of(last, size);
        last = entry.cursor();
        entries.push(Entry::clone(&entry));
        store.append(document, entry).await.unwrap();
    }
    for through in [1, 5, 6] {
        store.compact(document, snapshot(&entries[..through])).await.unwrap();
    }
    for after in 0..=8 {
        let history = store.history(document, after, usize::MAX).await.unwrap();
        assert_eq!(history, entries[after as usize..], "after {after}");
    }
    assert_eq!(store.history(document, 99, 1).await, Ok(Vec::new()));
    assert_eq!(store.history(document, u64::MAX, 1).await, Ok(Vec::new()));
    // A page at a time, as a reader of history does.
    let mut read = Vec::<Entry>::new();
    loop {
        let after = read.last().map_or(0, |entry| entry.seq);
        let page = store.history(document, after, 100_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, entries);
}

pub(crate) async fn pages_of_entries_are_bounded_and_never_empty(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 10).await;
    for limit in [0, 1, 20, 50, 100, 1_000] {
        let expected = (limit / 20).clamp(1, 10);
        let page = store.since(document, Cursor::start(document), limit).await;
        assert_eq!(page, Ok(Since::Entries(entries[..expected].to_vec())), "{limit}");
        let page = store.history(document, 0, limit).await;
        assert_eq!(page, Ok(entries[..expected].to_vec()), "{limit}");
    }
}

pub(crate) async fn w5_writers_survive_a_compaction(store: Any) {
    let document = created(&store).await;
    let entries = filled(&store, document, 3).await;
    let expected = snapshot(&entries);
    store.compact(document, expected.clone()).await.unwrap();
    let loaded = store.load(document).await.unwrap().snapshot.unwrap();
    assert_eq!(loaded.writers, expected.writers);
    assert_eq!(loaded.writers.get(7).map(|writer| writer.n), Some(3));
}

pub(crate) async fn large_entries_and_snapshots_are_kept(store: Any) {
    let document = created(&store).await;
    let entry = entry_of(Cursor::start(document), 8 << 20);
    store.append(document, Arc::clone(&entry)).await.unwrap();
    assert_eq!(store.load(document).await.unwrap().tail, [Entry::clone(&entry)]);
    let mut large = snapshot(&[Entry::clone(&entry)]);
    large.update = vec![5; 20 << 20].into();
    store.compact(document, large.clone()).await.unwrap();
    assert_eq!(store.load(document).await.unwrap().snapshot, Some(large));
}
