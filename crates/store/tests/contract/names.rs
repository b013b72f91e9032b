//! The names by which the course's pages know documents, and the text documents that they list.

use std::sync::Arc;

use engine::{
    access::Role,
    document::{Document, DocumentId, Kind, Visibility},
    store::{Named, StoreError},
};
use tokio::task::JoinSet;

use crate::build::*;

/// A new text document that claims the name.
async fn claim(store: &Any, name: &str) -> Result<DocumentId, StoreError> {
    let document = text("a title");
    store.create_document(document.clone(), Some(name.to_owned())).await.map(|()| document.id)
}

fn some<const N: usize>(names: [&str; N]) -> [Option<String>; N] {
    names.map(|name| Some(name.to_owned()))
}

pub(crate) async fn a_name_is_its_exact_bytes(store: Any) {
    let long = "ã".repeat(200);
    let each = [
        "a", "A", "a ", " a", " ", "a\0", "a\0b", "a\0B", "\0", "\0\0", "á", "a\u{301}", "ß", "ss", "😀", "\u{feff}",
        "'", "\"", "\\", "%", "_", "*", "NULL", "1", "01", "{$gt:1}", "a\n", "a=b;c", &long,
    ];
    for (created_ms, name) in each.into_iter().enumerate() {
        let document = Document { created_ms: created_ms as i64, ..text("one title for all") };
        store.create_document(document, Some(name.to_owned())).await.unwrap();
    }
    for name in each {
        is(claim(&store, name).await, StoreError::Conflict);
    }
    assert_eq!(names(&store, RUI).await, each.map(|name| Some(name.to_owned())));
}

pub(crate) async fn of_fifty_claims_of_one_name_one_wins(store: Any) {
    let holder = claim(&store, "notas").await.unwrap();
    store.change_document(holder, trash(Some(5))).await.unwrap();
    for name in ["atas", "notas"] {
        let mut rivals = JoinSet::new();
        for _ in 0..50 {
            let (store, document) = (Arc::clone(&store), text(name));
            rivals.spawn(async move {
                let result = store.create_document(document.clone(), Some(name.to_owned())).await;
                (result, document)
            });
        }
        let (won, lost): (Vec<_>, Vec<_>) = rivals.join_all().await.into_iter().partition(|(result, _)| result.is_ok());
        let [(Ok(()), winner)] = &won[..] else { panic!("{} claims of {name} won", won.len()) };
        let listed = store.text_documents(RUI).await.unwrap();
        let named = |named: &&Named| named.name.as_deref() == Some(name);
        let holders: Vec<_> = listed.iter().filter(named).map(|named| &named.document).collect();
        assert_eq!(holders, [winner]);
        for (result, document) in lost {
            is(result, StoreError::Conflict);
            is(store.document(document.id).await, StoreError::NotFound);
            // Nothing of it was stored, its id neither.
            store.create_document(Document { kind: Kind::Rich, ..document }, None).await.unwrap();
        }
    }
}

pub(crate) async fn a_name_in_the_trash_goes_to_the_next_claim(store: Any) {
    let before = claim(&store, "notas").await.unwrap();
    let bystander = claim(&store, "atas").await.unwrap();
    for id in [before, bystander] {
        store.change_document(id, trash(Some(5))).await.unwrap();
    }
    claim(&store, "notas").await.unwrap();
    is(claim(&store, "notas").await, StoreError::Conflict);
    for id in [before, bystander] {
        store.change_document(id, trash(None)).await.unwrap();
    }
    is(claim(&store, "notas").await, StoreError::Conflict);
    let listed = store.text_documents(RUI).await.unwrap();
    let name_of = |id| listed.iter().find(|named| named.document.id == id).unwrap().name.as_deref();
    assert_eq!((name_of(before), name_of(bystander)), (None, Some("atas")));
    // Without a name it goes its way, and takes nothing from who has the name now.
    store.change_document(before, trash(Some(6))).await.unwrap();
    store.purge_document(before).await.unwrap();
    is(claim(&store, "notas").await, StoreError::Conflict);
}

pub(crate) async fn a_restored_document_still_has_its_name(store: Any) {
    let id = claim(&store, "notas").await.unwrap();
    store.change_document(id, trash(Some(5))).await.unwrap();
    assert_eq!(names(&store, RUI).await, []);
    // A refused claim takes the name from nobody.
    let again = Document { id, ..text("again") };
    is(store.create_document(again, Some("notas".to_owned())).await, StoreError::Conflict);
    store.change_document(id, trash(None)).await.unwrap();
    assert_eq!(names(&store, RUI).await, some(["notas"]));
    is(claim(&store, "notas").await, StoreError::Conflict);
}

pub(crate) async fn a_purge_frees_the_name(store: Any) {
    let id = claim(&store, "notas").await.unwrap();
    claim(&store, "atas").await.unwrap();
    store.change_document(id, trash(Some(5))).await.unwrap();
    store.purge_document(id).await.unwrap();
    assert_eq!(names(&store, RUI).await, some(["atas"]));
    claim(&store, "notas").await.unwrap();
    is(claim(&store, "atas").await, StoreError::Conflict);
}

pub(crate) async fn a4_text_documents_are_those_that_a_person_may_see(store: Any) {
    let private = |title| Document { visibility: Visibility::Private, ..text(title) };
    let shared = Document { members: vec![(RUI, Role::Viewer)], ..private("shared") };
    let ids = [(9, 30), (3, 30), (6, 30), (1, 70), (2, 20)];
    let [open, second, shared, late, early] = [text("open"), private("second"), shared, text("late"), text("early")];
    let mut visible = [open, second, shared, late, early];
    for (document, (id, created_ms)) in visible.iter_mut().zip(ids) {
        (document.id, document.created_ms) = (DocumentId(id), created_ms);
        let name = (id == 3).then(|| "segredo".to_owned());
        store.create_document(document.clone(), name).await.unwrap();
    }
    store.create_document(document("rich"), Some("rica".to_owned())).await.unwrap();
    let trashed = Document { trashed_ms: Some(5), ..text("trashed") };
    store.create_document(trashed, None).await.unwrap();

    let of = async |person| -> Vec<(u128, Option<String>)> {
        let listed = store.text_documents(person).await.unwrap();
        for named in &listed {
            assert!(visible.contains(&named.document), "{named:?}");
        }
        listed.into_iter().map(|named| (named.document.id.0, named.name)).collect()
    };
    let secret = Some("segredo".to_owned());
    assert_eq!(of(ANA).await, [(2, None), (3, secret), (6, None), (9, None), (1, None)]);
    assert_eq!(of(RUI).await, [(2, None), (6, None), (9, None), (1, None)]);
    // What a person may not see keeps its name all the same.
    is(claim(&store, "segredo").await, StoreError::Conflict);
}
