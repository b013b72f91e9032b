//! Rules A3 and A5: people, invitations and sessions.

use std::sync::Arc;

use engine::{
    person::{Name, Person, PersonId, SessionId},
    store::{Health, Invitation, PersonChange, StoreError},
};
use tokio::task::JoinSet;

use crate::build::*;

pub(crate) async fn a5_fifty_first_sign_ups_give_one_owner(store: Any) {
    assert_eq!(store.has_owner().await, Ok(false));
    let mut signing_up = JoinSet::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        signing_up.spawn(async move { signed_up(&store, &format!("p{number}")).await });
    }
    let people = signing_up.join_all().await;
    assert_eq!(people.iter().filter(|person| person.owner).count(), 1);
    for person in people {
        assert_eq!(store.person(person.id).await.as_ref(), Ok(&person));
    }
    assert_eq!(store.has_owner().await, Ok(true));
}

pub(crate) async fn a5_who_is_disabled_from_the_start_never_owns_the_instance(store: Any) {
    let disabled = Person { disabled: true, ..person("nobody") };
    let nobody = store.create_person(disabled.clone(), None).await;
    assert_eq!(nobody, Ok(disabled.clone()));
    assert_eq!(store.has_owner().await, Ok(false));
    store.change_person(disabled.id, PersonChange::Enable).await.unwrap();
    let first = signed_up(&store, "first").await;
    assert!(first.owner && store.person(first.id).await.unwrap().owner);
    assert!(!signed_up(&store, "second").await.owner);
    assert!(!store.person(disabled.id).await.unwrap().owner);
    assert_eq!(store.has_owner().await, Ok(true));
}

pub(crate) async fn a5_names_are_unique_after_folding(store: Any) {
    let strasse = signed_up(&store, "Straße").await;
    is(store.create_person(person("STRASSE"), None).await, StoreError::Conflict);
    let folded = Name::new("strasse").unwrap();
    assert_eq!(store.person_named(folded.folded()).await, Ok(strasse.clone()));
    is(store.person_named("Straße").await, StoreError::NotFound);
    is(store.person(PersonId::random()).await, StoreError::NotFound);
    let mut rivals = JoinSet::new();
    for _ in 0..20 {
        let store = Arc::clone(&store);
        rivals.spawn(async move { store.create_person(person("Ana"), None).await });
    }
    let kept: Vec<Person> = rivals.join_all().await.into_iter().flatten().collect();
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].owner && strasse.owner);
}

pub(crate) async fn an_invitation_lets_one_person_in(store: Any) {
    let code_hash = [7; 32];
    let shown = move |now_ms| Some(Invitation { code_hash, now_ms });
    is(store.create_person(person("early"), shown(1)).await, StoreError::NotFound);
    store.create_invitation(code_hash, 100).await.unwrap();
    is(store.create_invitation(code_hash, 200).await, StoreError::Conflict);
    is(store.create_person(person("late"), shown(100)).await, StoreError::NotFound);
    signed_up(&store, "taken").await;
    is(store.create_person(person("Taken"), shown(1)).await, StoreError::Conflict);
    let mut rivals = JoinSet::new();
    for number in 0..20 {
        let (store, person) = (Arc::clone(&store), person(&format!("p{number}")));
        rivals.spawn(async move { store.create_person(person, shown(99)).await });
    }
    let results = rivals.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for refused in results.into_iter().filter(Result::is_err) {
        is(refused, StoreError::NotFound);
    }
    is(store.create_invitation(code_hash, 200).await, StoreError::Conflict);
}

pub(crate) async fn a3_a_session_lasts_until_it_is_ended(store: Any) {
    let ana = signed_up(&store, "Ana").await;
    let mut one = session(ana.id);
    let other = session(ana.id);
    store.create_session(one.clone()).await.unwrap();
    store.create_session(other.clone()).await.unwrap();
    assert_eq!(store.session(one.id).await, Ok((one.clone(), ana.clone())));
    store.extend_session(one.id, 12_000).await.unwrap();
    one.expires_ms = 12_000;
    assert_eq!(store.session(one.id).await, Ok((one.clone(), ana.clone())));
    let before = store.sessions_version().await.unwrap();
    store.end_session(one.id).await.unwrap();
    assert_ne!(store.sessions_version().await.unwrap(), before);
    is(store.session(one.id).await, StoreError::NotFound);
    is(store.extend_session(one.id, 13_000).await, StoreError::NotFound);
    store.end_session(one.id).await.unwrap();
    store.end_session(SessionId::random()).await.unwrap();
    assert_eq!(store.session(other.id).await, Ok((other, ana)));
    is(store.create_session(session(PersonId::random())).await, StoreError::NotFound);
}

pub(crate) async fn a3_a_new_password_ends_all_sessions_of_that_person(store: Any) {
    let ana = signed_up(&store, "Ana").await;
    let rui = signed_up(&store, "Rui").await;
    let (of_ana, of_rui) = (session(ana.id), session(rui.id));
    store.create_session(of_ana.clone()).await.unwrap();
    store.create_session(of_rui.clone()).await.unwrap();
    let before = store.sessions_version().await.unwrap();
    let change = PersonChange::Password("$argon2id$new".to_owned());
    store.change_person(ana.id, change.clone()).await.unwrap();
    assert_ne!(store.sessions_version().await.unwrap(), before);
    is(store.session(of_ana.id).await, StoreError::NotFound);
    assert_eq!(store.session(of_rui.id).await, Ok((of_rui, rui)));
    let changed = store.person(ana.id).await.unwrap();
    assert_eq!(changed.password_hash, "$argon2id$new");
    assert!(changed.owner);
    is(store.change_person(PersonId::random(), change).await, StoreError::NotFound);
}

pub(crate) async fn a3_a_disabled_person_is_out_and_stays_out(store: Any) {
    let ana = signed_up(&store, "Ana").await;
    let first = session(ana.id);
    store.create_session(first.clone()).await.unwrap();
    store.change_person(ana.id, PersonChange::Disable).await.unwrap();
    is(store.session(first.id).await, StoreError::NotFound);
    is(store.create_session(session(ana.id)).await, StoreError::NotFound);
    assert!(store.person(ana.id).await.unwrap().disabled);
    store.change_person(ana.id, PersonChange::Enable).await.unwrap();
    store.create_session(session(ana.id)).await.unwrap();
    assert!(!store.person(ana.id).await.unwrap().disabled);
}

pub(crate) async fn a_closed_store_says_so(store: Any) {
    let id = created(&store).await;
    assert_eq!(*store.health().borrow(), Health::Ready);
    store.close().await.unwrap();
    let unavailable = |error| matches!(error, StoreError::Unavailable(_));
    assert!(store.document(id).await.is_err_and(unavailable));
    assert!(store.create_document(document("late"), None).await.is_err_and(unavailable));
}
