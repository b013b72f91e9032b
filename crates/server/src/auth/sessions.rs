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
    token::{Audience, Claims, NotAToken, Shown, Signer},
};

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How often open connections are compared with the store: half of what A3 allows.
const WATCH_EVERY: Duration = Duration::from_secs(1);

impl Audience {
    /// A session lasts so long from its last use.
    fn lasts_ms(self) -> i64 {
        match self {
            Self::Pages => 30 * DAY_MS,
            Self::Classic => 60 * MINUTE_MS,
        }
    }

    /// Use is written down so often; the pages' cookie is renewed as often.
    fn renewed_every_ms(self) -> i64 {
        match self {
            Self::Pages => DAY_MS,
            Self::Classic => 5 * MINUTE_MS,
        }
    }
}

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
    audience: Audience,
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

/// What the course's page is told of its token, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClassicClaims {
    /// Whose it is.
    pub(crate) name: String,
    /// When it was handed out, in seconds since 1970.
    pub(crate) iat_s: i64,
    /// When it ends, in seconds since 1970.
    pub(crate) exp_s: i64,
}

/// Why the course's page was not let in, with the words that it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJoined {
    #[error("jwt must be provided")]
    Missing,
    #[error("jwt malformed")]
    Malformed,
    #[error("invalid signature")]
    BadSignature,
    /// It opens other doors.
    #[error("jwt audience invalid")]
    OtherAudience,
    /// The token or its session has ended.
    #[error("jwt expired")]
    Expired,
    /// The store could not say.
    #[error("{}", .0.message())]
    Unavailable(Refusal),
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
        let session = self.new_session(Audience::Pages, person);
        let token = self.token(&session);
        self.store.create_session(session).await?;
        Ok(token)
    }

    /// As [`Sessions::begin`], with a token for the course's page: it opens `/usuarios` only (A3).
    ///
    /// # Errors
    /// As [`Sessions::begin`].
    pub(crate) async fn begin_classic(&self, person: &Person) -> Result<String, StoreError> {
        let session = self.new_session(Audience::Classic, person.id);
        let shown = Shown { name: person.name.as_str(), issued_s: session.created_ms / 1000 };
        let token = self.signer.sign_classic(claims(&session), shown);
        self.store.create_session(session).await?;
        Ok(token)
    }

    /// The `set-cookie` that hands a token to a browser.
    pub(crate) fn cookie(&self, token: &str) -> Option<HeaderValue> {
        self.jar.set(token, Audience::Pages.lasts_ms() / 1000)
    }

    /// The `set-cookie` that takes it back.
    pub(crate) fn no_cookie(&self) -> Option<HeaderValue> {
        self.jar.set("", 0)
    }

    /// A new cookie, once a day, for whoever came with an older one.
    pub(crate) fn renewed_cookie(&self, signed: &Signed, headers: &HeaderMap) -> Option<HeaderValue> {
        let is_old = signed.session.expires_ms - signed.token_expires_ms >= Audience::Pages.renewed_every_ms();
        let came_by_cookie = bearer(headers).is_none();
        (is_old && came_by_cookie).then(|| self.cookie(&self.token(&signed.session)))?
    }

    /// Whether a request comes with our cookie, good or bad (A1).
    pub(crate) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        self.jar.token(headers).is_some()
    }

    /// Whether a request comes with a token that we signed. Its session may have ended: good for budgets only.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        self.presented(headers).is_some_and(|token| self.verify(token).is_ok())
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
        let claims = self.verify(token)?;
        let (session, person) = self.use_session(Audience::Pages, claims.session).await?;
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
        self.use_and_hold(Audience::Pages, self.verify(token)?).await
    }

    /// As [`Sessions::join`], for the course's page: only with a token of [`Sessions::begin_classic`], never with a cookie.
    ///
    /// # Errors
    /// [`NotJoined`] has the words that the page knows.
    pub(crate) async fn join_classic(
        self: &Arc<Self>,
        token: Option<&str>,
    ) -> Result<(Signed, Held, ClassicClaims), NotJoined> {
        let token = token.filter(|token| !token.is_empty()).ok_or(NotJoined::Missing)?;
        let claims = self.signer.verify(Audience::Classic, token, (self.clock)())?;
        let joined = self.use_and_hold(Audience::Classic, claims).await;
        let (signed, held) = joined.map_err(|refusal| match refusal {
            Refusal::Unauthenticated => NotJoined::Expired,
            refusal => NotJoined::Unavailable(refusal),
        })?;
        let told = ClassicClaims {
            name: signed.person.name.as_str().to_owned(),
            iat_s: signed.session.created_ms / 1000,
            exp_s: claims.expires_s,
        };
        Ok((signed, held, told))
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
            // As long as something that ended is held, it is told again: who was just joining was not there to hear it.
            if is_complete && ended.is_empty() && version.is_some() {
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
        let due =
            |hold: &Hold| all || hold.expires_ms <= now || self.is_to_be_prolonged(hold.audience, hold.expires_ms);
        let held: Vec<_> = {
            let held = self.held.lock();
            held.iter().filter(|(_, hold)| due(hold)).map(|(id, hold)| (*id, hold.audience)).collect()
        };
        let mut ended = Vec::new();
        let mut is_complete = true;
        for (id, audience) in held {
            // An open connection is use.
            match self.use_session(audience, id).await {
                Ok((session, _)) => self.note(id, session.expires_ms),
                Err(Refusal::Unauthenticated) => ended.push(id),
                Err(_) => is_complete = false,
            }
        }
        (ended, is_complete)
    }

    fn new_session(&self, audience: Audience, person: PersonId) -> Session {
        let now_ms = (self.clock)();
        Session { id: SessionId::random(), person, created_ms: now_ms, expires_ms: now_ms + audience.lasts_ms() }
    }

    /// The session and its person, unless it has ended; prolonged by this, if it is time.
    async fn use_session(&self, audience: Audience, id: SessionId) -> Result<(Session, Person), Refusal> {
        let (mut session, person) = self.store.session(id).await.map_err(ended_or)?;
        if session.expires_ms <= (self.clock)() || person.disabled {
            return Err(Refusal::Unauthenticated);
        }
        if self.is_to_be_prolonged(audience, session.expires_ms) {
            session.expires_ms = (self.clock)() + audience.lasts_ms();
            self.store.extend_session(id, session.expires_ms).await.map_err(ended_or)?;
        }
        Ok((session, person))
    }

    async fn use_and_hold(self: &Arc<Self>, audience: Audience, claims: Claims) -> Result<(Signed, Held), Refusal> {
        let token_expires_ms = claims.expires_s * 1000;
        // Held before it is read: if it ends in between, one of the two notices.
        let held = self.hold(audience, claims.session, token_expires_ms);
        let (session, person) = self.use_session(audience, claims.session).await?;
        self.note(session.id, session.expires_ms);
        Ok((Signed { person, session, token_expires_ms }, held))
    }

    fn is_to_be_prolonged(&self, audience: Audience, expires_ms: i64) -> bool {
        expires_ms - (self.clock)() < audience.lasts_ms() - audience.renewed_every_ms()
    }

    fn token(&self, session: &Session) -> String {
        self.signer.sign(claims(session))
    }

    fn verify(&self, token: &str) -> Result<Claims, Refusal> {
        let verified = self.signer.verify(Audience::Pages, token, (self.clock)());
        verified.map_err(|_| Refusal::Unauthenticated)
    }

    fn presented<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        bearer(headers).or_else(|| self.jar.token(headers))
    }

    fn hold(self: &Arc<Self>, audience: Audience, session: SessionId, expires_ms: i64) -> Held {
        let mut held = self.held.lock();
        let hold = held.entry(session).or_insert(Hold { audience, connections: 0, expires_ms });
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

impl From<NotAToken> for NotJoined {
    fn from(why: NotAToken) -> Self {
        match why {
            NotAToken::Malformed => Self::Malformed,
            NotAToken::BadSignature => Self::BadSignature,
            NotAToken::OtherAudience => Self::OtherAudience,
            NotAToken::Expired => Self::Expired,
        }
    }
}

/// What a token says that is signed when the session begins or is prolonged.
fn claims(session: &Session) -> Claims {
    Claims { session: session.id, expires_s: session.expires_ms / 1000 }
}

/// A session that is not there has ended.
fn ended_or(error: StoreError) -> Refusal {
    match error {
        StoreError::NotFound => Refusal::Unauthenticated,
        error => Refusal::from(&error),
    }
}

/// What programs send instead of a cookie.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests;
