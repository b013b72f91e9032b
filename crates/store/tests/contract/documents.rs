//! Rows and lists: what is kept of a document besides its log.

use std::sync::Arc;

use engine::{
    access::Role,
    document::{Document, DocumentId, Visibility},
    log::Cursor,
    person::PersonId,
    store::{DocumentChange, ListQuery, Place, Sort, StoreError},
};
use tokio::task::JoinSet;

use crate::build::*;

fn query(person: PersonId) -> ListQuery {
    ListQuery { person, title: None, sort: Sort::Changed, trash: false, after: None, limit: 100 }
}

async fn titles(store: &Any, query: ListQuery) -> Vec<String> {
    let page = store.list_documents(query).await.unwrap();
    assert!(!page.more);
    page.documents.into_iter().map(|listed| listed.document.title).collect()
}

pub(crate) async fn l8_an_id_is_never_used_again(store: Any) {
    let document = document("once");
    store.create_document(document.clone(), None).await.unwrap();
    is(store.create_document(document.clone(), None).await, StoreError::Conflict);
    let entries = filled(&store, document.id, 3).await;
    store.compact(document.id, snapshot(&entries)).await.unwrap();
    store.change_document(document.id, trash(Some(5))).await.unwrap();
    store.purge_document(document.id).await.unwrap();
    is(store.create_document(document.clone(), None).await, StoreError::Conflict);
    is(store.document(document.id).await, StoreError::NotFound);
    is(store.load(document.id).await, StoreError::NotFound);
    is(store.history(document.id, 0, 1).await, StoreError::NotFound);
    let start = Cursor::start(document.id);
    is(store.append(document.id, entry(start)).await, StoreError::NotFound);
    is(store.purge_document(document.id).await, StoreError::NotFound);
}

pub(crate) async fn only_the_trash_is_purged(store: Any) {
    let id = created(&store).await;
    is(store.purge_document(id).await, StoreError::Conflict);
    store.change_document(id, trash(Some(5))).await.unwrap();
    store.change_document(id, trash(None)).await.unwrap();
    is(store.purge_document(id).await, StoreError::Conflict);
    assert_eq!(store.document(id).await.unwrap().trashed_ms, None);
}

pub(crate) async fn changes_touch_only_what_they_name(store: Any) {
    let mut expected = document("before");
    expected.members = vec![(PersonId(u64::MAX), Role::Viewer), (RUI, Role::Commenter)];
    store.create_document(expected.clone(), None).await.unwrap();
    expected.members.sort();
    assert_eq!(store.document(expected.id).await.as_ref(), Ok(&expected));
    let id = expected.id;
    let nothing = DocumentChange::default();
    let mut step = async |change: DocumentChange, apply: fn(&mut Document)| {
        apply(&mut expected);
        assert_eq!(store.change_document(id, change).await.as_ref(), Ok(&expected));
        assert_eq!(store.document(id).await.as_ref(), Ok(&expected));
    };
    step(nothing.clone(), |_| {}).await;
    let change = DocumentChange { title: Some("after".to_owned()), ..nothing.clone() };
    step(change, |row| row.title = "after".to_owned()).await;
    let change = DocumentChange { visibility: Some(Visibility::Private), ..nothing.clone() };
    step(change, |row| row.visibility = Visibility::Private).await;
    step(trash(Some(77)), |row| row.trashed_ms = Some(77)).await;
    step(trash(None), |row| row.trashed_ms = None).await;
    let change = DocumentChange { by: Some((RUI, 88)), ..nothing.clone() };
    step(change, |row| (row.changed_by, row.changed_ms) = (RUI, 88)).await;
    let change = DocumentChange { schema: Some(3), ..nothing.clone() };
    step(change, |row| row.schema = 3).await;
    let change = DocumentChange { schema: Some(2), ..nothing.clone() };
    step(change, |_| {}).await;
    let change = DocumentChange { member: Some((RUI, Some(Role::Owner))), ..nothing.clone() };
    step(change, |row| row.members[0].1 = Role::Owner).await;
    let change = DocumentChange { member: Some((RUI, None)), ..nothing.clone() };
    step(change, |row| row.members.retain(|(person, _)| *person != RUI)).await;
    let owner = DocumentChange { member: Some((ANA, None)), ..nothing.clone() };
    is(store.change_document(id, owner).await, StoreError::Conflict);
    is(store.change_document(DocumentId::random(), nothing).await, StoreError::NotFound);
}

pub(crate) async fn an_entry_moves_changed(store: Any) {
    let id = created(&store).await;
    let entries = filled(&store, id, 2).await;
    let row = store.document(id).await.unwrap();
    assert_eq!((row.changed_ms, row.changed_by), (entries[1].time_ms, ANA));
    assert_eq!(row.created_ms, 10);
}

pub(crate) async fn a4_lists_show_what_a_person_may_see(store: Any) {
    let ana = signed_up(&store, "Ana").await.id;
    let rui = signed_up(&store, "Rui").await.id;
    let stranger = PersonId::random();
    let add = async |title: &str, visibility, members| {
        let document = Document { owner: ana, changed_by: rui, visibility, members, ..document(title) };
        store.create_document(document, None).await.unwrap();
    };
    add("all", Visibility::Instance, vec![]).await;
    add("mine", Visibility::Private, vec![]).await;
    add("shared", Visibility::Private, vec![(rui, Role::Viewer)]).await;
    let by_title = |person| ListQuery { sort: Sort::Title, ..query(person) };
    assert_eq!(titles(&store, by_title(ana)).await, ["all", "mine", "shared"]);
    assert_eq!(titles(&store, by_title(rui)).await, ["all", "shared"]);
    assert_eq!(titles(&store, by_title(stranger)).await, ["all"]);
    let page = store.list_documents(query(rui)).await.unwrap();
    assert_eq!(page.documents[0].owner, "Ana");
    assert_eq!(page.documents[0].changed_by, "Rui");
}

pub(crate) async fn b5_ten_thousand_documents_in_pages(store: Any) {
    let mut creating = JoinSet::new();
    for number in 0..10_000i64 {
        let store = Arc::clone(&store);
        // Many of one time and of one title, so that only the ids tell them apart.
        let document = Document {
            changed_ms: number / 300,
            visibility: [Visibility::Instance, Visibility::Private][usize::from(number % 10 == 0)],
            ..document(["note", "Note", "NOTE", "été", "Été"][number as usize % 5])
        };
        creating.spawn(async move { store.create_document(document, None).await });
    }
    creating.join_all().await.into_iter().for_each(Result::unwrap);
    for (person, expected) in [(ANA, 10_000), (RUI, 9_000)] {
        for sort in [Sort::Changed, Sort::Title] {
            let rows = all_pages(&store, ListQuery { sort, ..query(person) }).await;
            assert_eq!(rows.len(), expected);
            let order = |row: &Document| match sort {
                Sort::Changed => (-row.changed_ms, String::new(), !row.id.0),
                Sort::Title => (0, row.title.to_lowercase(), row.id.0),
            };
            assert!(rows.is_sorted_by(|one, next| order(one) < order(next)), "{sort:?}");
        }
    }
}

async fn all_pages(store: &Any, mut query: ListQuery) -> Vec<Document> {
    let mut rows = Vec::<Document>::new();
    loop {
        let page = store.list_documents(query.clone()).await.unwrap();
        assert!(page.documents.len() <= 100);
        rows.extend(page.documents.into_iter().map(|listed| listed.document));
        if !page.more {
            return rows;
        }
        query.after = rows.last().map(|row| Place { changed_ms: row.changed_ms, title: row.title.clone(), id: row.id });
    }
}

pub(crate) async fn lists_search_literally_and_whatever_the_case(store: Any) {
    for title in ["100% sure", "100 sure", "a_b", "axb", "Ünï", "back\\slash", "it's"] {
        store.create_document(document(title), None).await.unwrap();
    }
    let found = async |text: &str| {
        let title = Some(text.to_owned());
        titles(&store, ListQuery { title, sort: Sort::Title, ..query(RUI) }).await
    };
    assert_eq!(found("0%").await, ["100% sure"]);
    assert_eq!(found("_").await, ["a_b"]);
    assert_eq!(found("A_B").await, ["a_b"]);
    assert_eq!(found("üNÏ").await, ["Ünï"]);
    assert_eq!(found("\\").await, ["back\\slash"]);
    assert_eq!(found("'").await, ["it's"]);
    assert_eq!(found("SURE").await, ["100 sure", "100% sure"]);
    assert_eq!(found("*").await, [""; 0]);
    assert_eq!(found("").await.len(), 7);
}

pub(crate) async fn the_trash_is_a_list_of_its_own(store: Any) {
    let id = created(&store).await;
    store.create_document(document("kept"), None).await.unwrap();
    store.change_document(id, trash(Some(5))).await.unwrap();
    let in_trash = ListQuery { trash: true, ..query(RUI) };
    assert_eq!(titles(&store, query(RUI)).await, ["kept"]);
    assert_eq!(titles(&store, in_trash.clone()).await, ["a document"]);
    store.change_document(id, trash(None)).await.unwrap();
    assert_eq!(titles(&store, in_trash).await, [""; 0]);
}

pub(crate) async fn a4_what_has_long_been_in_the_trash_is_found(store: Any) {
    let mut old = Vec::new();
    for ms in 0..130 {
        let id = created(&store).await;
        store.change_document(id, trash(Some(ms))).await.unwrap();
        old.push(id);
    }
    created(&store).await;
    let found = store.trashed_before(60).await.unwrap();
    assert_eq!(found.len(), 60);
    assert!(found.iter().all(|id| old[..60].contains(id)));
    assert_eq!(store.trashed_before(i64::MAX).await.unwrap().len(), 100);
    assert_eq!(store.trashed_before(0).await, Ok(Vec::new()));
}
