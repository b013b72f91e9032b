//! Sessions: begun, recognised by cookie or bearer token, prolonged by use, and ended everywhere at once (A3).
//! The store's row is what counts; a token only names it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use engine::{
    person::{Person, PersonId, Session, SessionId},
    refusal::Refusal,
    rooms::Clock,
    store::{Store, StoreError},
};
use parking_lot::Mutex;

use super::{
    cookie::Jar,
    token::{Claims, Signer},
};

/// A session lasts so long from its last use.
const LASTS_MS: i64 = 30 * DAY_MS;
/// Use is written down, and the cookie renewed, once a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often open connections are compared with the store: half of what A3 allows.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// All that a server knows of sessions. It caches none: a read costs microseconds, and an ended one must not linger.
pub(crate) struct Sessions {
    store: Arc<dyn Store>,
    signer: Signer,
    jar: Jar,
    clock: Clock,
    /// Sessions with open connections: how many, and when they end by themselves.
    held: Mutex<HashMap<SessionId, Hold>>,
}

#[derive(Clone, Copy)]
struct Hold {
    connections: usize,
    expires_ms: i64,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// Who.
    pub(crate) person: Person,
    /// Where.
    pub(crate) session: Session,
    /// When the token ends that proved it, in ms since 1970: before the session, once that was prolonged.
    token_expires_ms: i64,
}

/// An open connection of a session: as long as this lives, [`Sessions::watch`] tells when the session ends.
pub(crate) struct Held {
    sessions: Arc<Sessions>,
    session: SessionId,
}

impl Sessions {
    pub(crate) fn new(store: Arc<dyn Store>, secret: &[u8], jar: Jar, clock: Clock) -> Self {
        Self { store, signer: Signer::new(secret), jar, clock, held: Mutex::default() }
    }

    /// Begins a session of somebody who has proved who it is; returns its token.
    ///
    /// # Errors
    /// `NotFound` if the person was disabled in the meantime.
    pub(crate) async fn begin(&self, person: PersonId) -> Result<String, StoreError> {
        let now = (self.clock)();
        let session = Session { id: SessionId::random(), person, created_ms: now, expires_ms: now + LASTS_MS };
        let token = self.token(&session);
        self.store.create_session(session).await?;
        Ok(token)
    }

    /// The `set-cookie` that hands a token to a browser.
    pub(crate) fn cookie(&self, token: &str) -> Option<HeaderValue> {
        self.jar.set(token, LASTS_MS / 1000)
    }

    /// The `set-cookie` that takes it back.
    pub(crate) fn no_cookie(&self) -> Option<HeaderValue> {
        self.jar.set("", 0)
    }

    /// A new cookie, once a day, for whoever came with an older one.
    pub(crate) fn renewed_cookie(&self, signed: &Signed, headers: &HeaderMap) -> Option<HeaderValue> {
        let is_old = signed.session.expires_ms - signed.token_expires_ms >= DAY_MS;
        let came_by_cookie = bearer(headers).is_none();
        (is_old && came_by_cookie).then(|| self.cookie(&self.token(&signed.session)))?
    }

    /// Whether a request comes with our cookie, good or bad (A1).
    pub(crate) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        self.jar.token(headers).is_some()
    }

    /// Whether a request comes with a token that we signed. Its session may have ended: good for budgets only.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        self.presented(headers).is_some_and(|token| self.signer.verify(token, (self.clock)()).is_some())
    }

    /// Who sends a request: by bearer token, or else by cookie.
    ///
    /// # Errors
    /// `Unauthenticated`, or why the store could not say.
    pub(crate) async fn authenticate(&self, headers: &HeaderMap) -> Result<Signed, Refusal> {
        let token = self.presented(headers).ok_or(Refusal::Unauthenticated)?;
        self.authenticate_token(token).await
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// As [`Sessions::authenticate`].
    pub(crate) async fn authenticate_token(&self, token: &str) -> Result<Signed, Refusal> {
        let now = (self.clock)();
        let claims = self.signer.verify(token, now).ok_or(Refusal::Unauthenticated)?;
        let (mut session, person) = self.read(claims.session).await?.ok_or(Refusal::Unauthenticated)?;
        if self.is_to_be_prolonged(session.expires_ms) {
            session.expires_ms = self.prolong(session.id).await?;
        }
        Ok(Signed { person, session, token_expires_ms: claims.expires_s * 1000 })
    }

    /// As [`Sessions::authenticate`], for a connection that stays open. `token` is what a program sent instead of a cookie,
    /// which is ignored then (A2).
    ///
    /// # Errors
    /// As [`Sessions::authenticate`].
    pub(crate) async fn join(
        self: &Arc<Self>,
        token: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<(Signed, Held), Refusal> {
        let token = token.or_else(|| self.presented(headers)).ok_or(Refusal::Unauthenticated)?;
        let claims = self.signer.verify(token, (self.clock)()).ok_or(Refusal::Unauthenticated)?;
        // Held before it is read: if it ends in between, one of the two notices.
        let held = self.hold(claims.session, claims.expires_s * 1000);
        let signed = self.authenticate_token(token).await?;
        self.note(claims.session, signed.session.expires_ms);
        Ok((signed, held))
    }

    /// Ends a session. Its connections hear of it through [`Sessions::watch`], or at once from whoever calls this.
    ///
    /// # Errors
    /// `Unavailable` if it could not be written.
    pub(crate) async fn end(&self, session: SessionId) -> Result<(), StoreError> {
        self.store.end_session(session).await
    }

    /// Tells which sessions with open connections ended, whoever ended them: this server, another, or the command line.
    /// Runs until it is dropped.
    pub(crate) async fn watch(&self, tell: impl Fn(&[SessionId])) {
        let mut every = tokio::time::interval(WATCH_EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut seen = None;
        loop {
            every.tick().await;
            let version = self.store.sessions_version().await.ok();
            let all = version.is_some() && version != seen;
            let (ended, is_complete) = self.compare(all).await;
            if is_complete && version.is_some() {
                seen = version;
            }
            if !ended.is_empty() {
                tell(&ended);
            }
        }
    }

    /// Reads the sessions that are held: all of them, or those whose time has come. Tells which have ended, and whether the
    /// store answered for each.
    async fn compare(&self, all: bool) -> (Vec<SessionId>, bool) {
        let now = (self.clock)();
        let due = |hold: &Hold| all || hold.expires_ms <= now || self.is_to_be_prolonged(hold.expires_ms);
        let held: Vec<_> = {
            let held = self.held.lock();
            held.iter().filter(|(_, hold)| due(hold)).map(|(id, _)| *id).collect()
        };
        let mut ended = Vec::new();
        let mut is_complete = true;
        for id in held {
            match self.read(id).await {
                Ok(None) => ended.push(id),
                Ok(Some((session, _))) if self.is_to_be_prolonged(session.expires_ms) => {
                    // An open connection is use.
                    match self.prolong(id).await {
                        Ok(expires_ms) => self.note(id, expires_ms),
                        Err(_) => is_complete = false,
                    }
                }
                Ok(Some((session, _))) => self.note(id, session.expires_ms),
                Err(_) => is_complete = false,
            }
        }
        (ended, is_complete)
    }

    /// The session and its person, unless it has ended.
    async fn read(&self, id: SessionId) -> Result<Option<(Session, Person)>, Refusal> {
        match self.store.session(id).await {
            Ok((session, person)) => {
                let is_over = session.expires_ms <= (self.clock)() || person.disabled;
                Ok((!is_over).then_some((session, person)))
            }
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(Refusal::from(&error)),
        }
    }

    fn is_to_be_prolonged(&self, expires_ms: i64) -> bool {
        expires_ms - (self.clock)() < LASTS_MS - DAY_MS
    }

    async fn prolong(&self, id: SessionId) -> Result<i64, Refusal> {
        let expires_ms = (self.clock)() + LASTS_MS;
        match self.store.extend_session(id, expires_ms).await {
            Ok(()) => Ok(expires_ms),
            Err(StoreError::NotFound) => Err(Refusal::Unauthenticated),
            Err(error) => Err(Refusal::from(&error)),
        }
    }

    fn token(&self, session: &Session) -> String {
        self.signer.sign(Claims { session: session.id, expires_s: session.expires_ms / 1000 })
    }

    fn presented<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        bearer(headers).or_else(|| self.jar.token(headers))
    }

    fn hold(self: &Arc<Self>, session: SessionId, expires_ms: i64) -> Held {
        let mut held = self.held.lock();
        let hold = held.entry(session).or_insert(Hold { connections: 0, expires_ms });
        hold.connections += 1;
        Held { sessions: Arc::clone(self), session }
    }

    fn note(&self, session: SessionId, expires_ms: i64) {
        if let Some(hold) = self.held.lock().get_mut(&session) {
            hold.expires_ms = expires_ms;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.sessions.held.lock();
        if let Some(hold) = held.get_mut(&self.session) {
            hold.connections -= 1;
            if hold.connections == 0 {
                held.remove(&self.session);
            }
        }
    }
}

/// What programs send instead of a cookie.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
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
        now_ms.fetch_add(LASTS_MS, Relaxed);
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
        assert_eq!(store.session(id).await.unwrap().0.expires_ms, now_ms.load(Relaxed) + LASTS_MS);

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
}
