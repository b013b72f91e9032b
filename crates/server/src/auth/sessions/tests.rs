//! A3 and A2 with a clock of our own: how long sessions last, who prolongs them, and which token opens which door.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use axum::http::header::COOKIE;
use engine::person::Name;

use super::*;

/// Sessions on a store in memory, at a time of one's own choice, and one person.
struct Bench {
    sessions: Arc<Sessions>,
    store: Arc<dyn Store>,
    now_ms: Arc<AtomicI64>,
    person: PersonId,
}

impl Bench {
    async fn classic_token(&self) -> String {
        let person = self.store.person(self.person).await.unwrap();
        self.sessions.begin_classic(&person).await.unwrap()
    }

    fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Relaxed);
    }
}

async fn bench() -> Bench {
    let store: Arc<dyn Store> = Arc::new(store::memory::Memory::new());
    let person = Person {
        id: PersonId::random(),
        name: Name::new("ana").unwrap(),
        password_hash: String::new(),
        owner: false,
        disabled: false,
        created_ms: 0,
    };
    let person = store.create_person(person, None).await.unwrap().id;
    let now_ms = Arc::new(AtomicI64::new(1_800_000_000_000));
    let time = Arc::clone(&now_ms);
    let clock: Clock = Arc::new(move || time.load(Relaxed));
    let sessions = Sessions::new(Arc::clone(&store), b"secret", Jar::new(None), clock);
    Bench { sessions: Arc::new(sessions), store, now_ms, person }
}

fn with_cookie(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, format!("sesodocs={token}").parse().unwrap())])
}

#[tokio::test]
async fn a3_use_prolongs_a_session_and_the_cookie_is_renewed_daily() {
    let Bench { sessions, now_ms, person, .. } = bench().await;
    let mut headers = with_cookie(&sessions.begin(person).await.unwrap());
    for day in 1..100 {
        let signed = sessions.authenticate(&headers).await.unwrap();
        let renewed = sessions.renewed_cookie(&signed, &headers);
        assert_eq!(renewed.is_some(), day > 1, "on day {day}");
        if let Some(cookie) = renewed {
            let token = cookie.to_str().unwrap().split(['=', ';']).nth(1).unwrap();
            headers = with_cookie(token);
            let again = sessions.authenticate(&headers).await.unwrap();
            assert_eq!(sessions.renewed_cookie(&again, &headers), None);
        }
        now_ms.fetch_add(DAY_MS + 1, Relaxed);
    }
    now_ms.fetch_add(Audience::Pages.lasts_ms(), Relaxed);
    assert_eq!(sessions.authenticate(&headers).await.unwrap_err(), Refusal::Unauthenticated);
}

#[tokio::test]
async fn a3_the_row_counts_not_the_token() {
    let Bench { sessions, store, person, .. } = bench().await;
    let token = sessions.begin(person).await.unwrap();
    let signed = sessions.authenticate_token(&token).await.unwrap();
    store.end_session(signed.session.id).await.unwrap();
    assert_eq!(sessions.authenticate_token(&token).await.unwrap_err(), Refusal::Unauthenticated);
    assert!(sessions.is_known(&with_cookie(&token)));
}

#[tokio::test]
async fn a3_a_classic_token_opens_the_courses_door_and_no_other() {
    let bench = bench().await;
    let Bench { sessions, now_ms, person, .. } = &bench;
    let token = bench.classic_token().await;
    let (signed, _held, told) = sessions.join_classic(Some(&token)).await.unwrap();
    let issued_s = now_ms.load(Relaxed) / 1000;
    assert_eq!(signed.person.id, *person);
    assert_eq!(told, ClassicClaims { name: "ana".to_owned(), iat_s: issued_s, exp_s: issued_s + 3600 });

    let bearer = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
    for headers in [&with_cookie(&token), &bearer] {
        assert_eq!(sessions.authenticate(headers).await.unwrap_err(), Refusal::Unauthenticated);
        assert_eq!(sessions.join(None, headers).await.err(), Some(Refusal::Unauthenticated));
        assert!(!sessions.is_known(headers));
    }
    let joined = sessions.join(Some(&token), &HeaderMap::new()).await;
    assert_eq!(joined.err(), Some(Refusal::Unauthenticated));
    let for_pages = sessions.begin(*person).await.unwrap();
    assert_eq!(sessions.join_classic(Some(&for_pages)).await.err(), Some(NotJoined::OtherAudience));
}

#[tokio::test]
async fn a3_the_courses_page_is_refused_in_its_own_words() {
    let bench = bench().await;
    let token = bench.classic_token().await;
    let foreign = Sessions::new(Arc::clone(&bench.store), b"other", Jar::new(None), Arc::clone(&bench.sessions.clock));
    let person = bench.store.person(bench.person).await.unwrap();
    let foreign = foreign.begin_classic(&person).await.unwrap();
    let said = async |token: Option<&str>| bench.sessions.join_classic(token).await.err().map(|why| why.to_string());
    for (token, words) in [
        (None, "jwt must be provided"),
        (Some(""), "jwt must be provided"),
        (Some("nonsense"), "jwt malformed"),
        (Some("a.b.c"), "jwt malformed"),
        (Some(&*foreign), "invalid signature"),
        (Some(&token[..token.len() - 1]), "invalid signature"),
    ] {
        assert_eq!(said(token).await.as_deref(), Some(words), "{token:?}");
    }
    assert_eq!(said(Some(&token)).await, None);
    bench.pass(3600 * 1000);
    assert_eq!(said(Some(&token)).await.as_deref(), Some("jwt expired"));

    let token = bench.classic_token().await;
    let (signed, ..) = bench.sessions.join_classic(Some(&token)).await.unwrap();
    bench.sessions.end(signed.session.id).await.unwrap();
    assert_eq!(said(Some(&token)).await.as_deref(), Some("jwt expired"), "its session has ended");
    bench.store.close().await.unwrap();
    let refused = bench.sessions.join_classic(Some(&token)).await.err();
    assert_eq!(refused, Some(NotJoined::Unavailable(Refusal::Unavailable)));
    assert!(bench.sessions.held.lock().is_empty());
}

#[tokio::test]
async fn a3_a_classic_session_lasts_an_hour_from_its_last_use_and_an_open_connection_is_use() {
    let bench = bench().await;
    let Bench { sessions, store, now_ms, .. } = &bench;
    let token = bench.classic_token().await;
    let (signed, held, _) = sessions.join_classic(Some(&token)).await.unwrap();
    let id = signed.session.id;
    let ends_ms = async || store.session(id).await.unwrap().0.expires_ms;
    let hour_ms = 60 * MINUTE_MS;
    for minute in 1..=180 {
        bench.pass(MINUTE_MS);
        assert_eq!(sessions.compare(false).await, (vec![], true), "in minute {minute}");
        let left_ms = ends_ms().await - now_ms.load(Relaxed);
        assert!((55 * MINUTE_MS..=hour_ms).contains(&left_ms), "{left_ms} in minute {minute}");
    }
    let refused = sessions.join_classic(Some(&token)).await.err();
    assert_eq!(refused, Some(NotJoined::Expired), "the token itself ends an hour after its issue");

    drop(held);
    let ends_ms = ends_ms().await;
    bench.pass(hour_ms);
    assert_eq!(sessions.compare(true).await, (vec![], true));
    assert_eq!(store.session(id).await.unwrap().0.expires_ms, ends_ms, "nobody uses it any more");
}

#[tokio::test]
async fn a2_with_a_token_the_cookie_is_ignored() {
    let Bench { sessions, person, .. } = bench().await;
    let cookie = with_cookie(&sessions.begin(person).await.unwrap());
    assert!(sessions.join(None, &cookie).await.is_ok());
    let refused = sessions.join(Some("nonsense"), &cookie).await;
    assert_eq!(refused.err(), Some(Refusal::Unauthenticated));
    assert!(sessions.held.lock().is_empty());
}

#[tokio::test]
async fn a3_open_connections_prolong_their_session_and_end_with_it() {
    let Bench { sessions, store, now_ms, person } = bench().await;
    let token = sessions.begin(person).await.unwrap();
    let (signed, held) = sessions.join(Some(&token), &HeaderMap::new()).await.unwrap();
    let id = signed.session.id;

    now_ms.fetch_add(DAY_MS + 1, Relaxed);
    assert_eq!(sessions.compare(false).await, (vec![], true));
    assert_eq!(store.session(id).await.unwrap().0.expires_ms, now_ms.load(Relaxed) + Audience::Pages.lasts_ms());

    store.end_session(id).await.unwrap();
    assert_eq!(sessions.compare(false).await, (vec![], true));
    assert_eq!(sessions.compare(true).await, (vec![id], true));
    drop(held);
    assert_eq!(sessions.compare(true).await, (vec![], true));
}

#[tokio::test(start_paused = true)]
async fn a3_the_watch_tells_within_a_second_whoever_ended_the_session() {
    let Bench { sessions, store, person, .. } = bench().await;
    let token = sessions.begin(person).await.unwrap();
    let (signed, _held) = sessions.join(Some(&token), &HeaderMap::new()).await.unwrap();
    let (told, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let watching = Arc::clone(&sessions);
    tokio::spawn(async move {
        let tell = |ended: &[SessionId]| ended.iter().for_each(|id| told.send(*id).unwrap());
        watching.watch(tell).await;
    });
    store.end_session(signed.session.id).await.unwrap();
    let told = tokio::time::timeout(2 * WATCH_EVERY, ended.recv()).await;
    assert_eq!(told, Ok(Some(signed.session.id)));
}
