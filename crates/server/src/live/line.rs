//! One Engine.IO session as a line to a peer: who may be at the other end, what came from there, and how to cut it.
//! Knows nothing of Socket.IO.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::http::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE},
};
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    limits::{Budget, Limits},
    newcomers::Newcomer,
};
use crate::address::Address;

/// A line. It lives as long as its session, its streams, or the connection that joined over it.
#[derive(Debug)]
pub(super) struct Line {
    from: Address,
    begun: Instant,
    limits: Arc<Limits>,
    cut: CancellationToken,
    /// What came before anybody joined, in bytes.
    received: AtomicUsize,
    /// What was queued and has not been written, about, in bytes.
    queued: AtomicUsize,
    /// The budget of the person who joined.
    joined: OnceLock<Arc<Budget>>,
    /// The budget of a newcomer who may write without joining.
    guest: OnceLock<Budget>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Cookies and bearer token of the first request; gone once they were used.
    credentials: HeaderMap,
    /// A newcomer's place, until somebody joins.
    newcomer: Option<Newcomer>,
    /// Since when a message is incomplete, or an attachment missing.
    owed_since: Option<Instant>,
    /// When the peer last polled, if that is how it speaks.
    polled: Option<Instant>,
    /// It speaks through a WebSocket.
    is_upgraded: bool,
}

/// The peer sent more than a stranger may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

impl Line {
    /// A line on which nobody has joined yet.
    pub(super) fn new(headers: &HeaderMap, cut: CancellationToken, newcomer: Newcomer, limits: Arc<Limits>) -> Self {
        let from = newcomer.from();
        let mut credentials = HeaderMap::new();
        for name in [COOKIE, AUTHORIZATION] {
            for value in headers.get_all(&name) {
                credentials.append(&name, value.clone());
            }
        }
        let state = State { credentials, newcomer: Some(newcomer), owed_since: None, polled: None, is_upgraded: false };
        Self {
            from,
            begun: Instant::now(),
            limits,
            cut,
            received: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            joined: OnceLock::new(),
            guest: OnceLock::new(),
            state: Mutex::new(state),
        }
    }

    /// The credentials, once: nothing else of the request is kept, and these not for long.
    pub(super) fn take_credentials(&self) -> HeaderMap {
        std::mem::take(&mut self.state.lock().credentials)
    }

    /// Where the peer is, as budgets count it.
    pub(super) fn from(&self) -> Address {
        self.from
    }

    /// How long ago its first request came.
    pub(super) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Somebody joined: from now on their budget counts. `false` if somebody else did before.
    pub(super) fn join(&self, budget: Arc<Budget>) -> bool {
        let joined = self.joined.get_or_init(|| Arc::clone(&budget));
        self.state.lock().newcomer = None;
        Arc::ptr_eq(joined, &budget)
    }

    /// Somebody may write here without joining: a newcomer still, whose bytes are counted by the second.
    pub(super) fn welcome(&self) {
        self.guest.get_or_init(|| Budget::new(self.limits.bytes_per_second));
    }

    /// Takes note of received bytes, and says how long to wait before reading on.
    ///
    /// # Errors
    /// When nobody has joined, and it is too much for that.
    pub(super) fn receive(&self, bytes: usize) -> Result<Option<Duration>, TooMuch> {
        if let Some(budget) = self.joined.get().map(Arc::as_ref).or(self.guest.get()) {
            return Ok(budget.charge(bytes));
        }
        let all = self.received.fetch_add(bytes, Relaxed) + bytes;
        if all > self.limits.bytes_before_joining { Err(TooMuch) } else { Ok(None) }
    }

    /// Since when the rest of a message is missing; `None`: all is here.
    pub(super) fn owes(&self, since: Option<Instant>) {
        self.state.lock().owed_since = since;
    }

    /// A polling request came or was answered.
    pub(super) fn polled(&self) {
        let mut state = self.state.lock();
        state.polled = (!state.is_upgraded).then(Instant::now);
    }

    /// The peer speaks through a WebSocket from now on; its last polling request may still be answered.
    pub(super) fn upgraded(&self) {
        let mut state = self.state.lock();
        state.is_upgraded = true;
        state.polled = None;
    }

    /// So many bytes are to be written.
    pub(super) fn queue(&self, bytes: usize) {
        self.queued.fetch_add(bytes, Relaxed);
    }

    /// So many bytes were written.
    pub(super) fn wrote(&self, bytes: usize) {
        // What is written is more than what was queued, by its wrapping: there is nothing below zero.
        let _ = self.queued.fetch_update(Relaxed, Relaxed, |queued| Some(queued.saturating_sub(bytes)));
    }

    /// Whether so much waits to be written that nothing large should be added.
    pub(super) fn is_behind(&self) -> bool {
        self.queued.load(Relaxed) > self.limits.behind_bytes
    }

    /// The peer was told to go: it has a moment to hear of it.
    pub(super) fn leave(&self) {
        let (cut, farewell) = (self.cut.clone(), self.limits.farewell);
        tokio::spawn(async move {
            // Without waiting any longer than the line is there.
            let _ = timeout(farewell, cut.cancelled()).await;
            cut.cancel();
        });
    }

    /// Ends it now.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Cancelled when the line is cut, or its stream has ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.cut
    }

    /// Cuts it if the peer is silent, or keeps us waiting for the rest of a message.
    pub(super) fn inspect(&self, now: Instant) {
        let limits = &self.limits;
        let state = self.state.lock();
        let over = |since: Option<Instant>, within: Duration| {
            since.is_some_and(|since| now.saturating_duration_since(since) > within)
        };
        if over(state.owed_since, limits.message_within) || over(state.polled, limits.silent_after) {
            drop(state);
            self.cut();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{super::newcomers::Newcomers, *};

    fn newcomers() -> Arc<Newcomers> {
        Newcomers::new(Arc::new(Limits::for_tests()))
    }

    fn line(newcomers: &Arc<Newcomers>, headers: &HeaderMap) -> Line {
        let cut = CancellationToken::new();
        let newcomer = newcomers.admit(IpAddr::V4(Ipv4Addr::LOCALHOST).into(), false, &cut).unwrap();
        Line::new(headers, cut, newcomer, Arc::new(Limits::for_tests()))
    }

    #[test]
    fn b3_who_joins_is_no_newcomer_any_more() {
        let newcomers = newcomers();
        let line = line(&newcomers, &HeaderMap::new());
        let limits = Limits { bytes_per_second: 1 << 20, ..Limits::for_tests() };
        let budget = super::super::limits::Budgets::default().of(engine::person::PersonId(1), &limits);
        assert_eq!(line.receive(64 << 10), Ok(None));
        assert_eq!(line.receive(1), Err(TooMuch));
        assert!(line.join(Arc::clone(&budget)));
        assert!(line.join(budget), "in another namespace, the same person");
        assert!(!line.join(Arc::new(Budget::new(1))), "nobody else");
        assert_eq!(line.receive(1 << 20), Ok(None));
    }

    #[test]
    fn of_a_request_only_credentials_are_kept_and_only_once() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=b".parse().unwrap());
        headers.insert("user-agent", "x".parse().unwrap());
        let line = line(&newcomers(), &headers);
        let kept = line.take_credentials();
        assert_eq!((kept.len(), kept[COOKIE].to_str().unwrap()), (1, "a=b"));
        assert!(line.take_credentials().is_empty());
    }

    #[test]
    fn a_peer_that_owes_or_is_silent_is_cut() {
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        let newcomers = newcomers();
        let idle = line(&newcomers, &HeaderMap::new());
        idle.inspect(later(3600));
        assert!(!idle.ended().is_cancelled());

        idle.owes(Some(Instant::now()));
        idle.inspect(later(29));
        assert!(!idle.ended().is_cancelled());
        idle.inspect(later(31));
        assert!(idle.ended().is_cancelled());

        let upgraded = line(&newcomers, &HeaderMap::new());
        upgraded.polled();
        upgraded.upgraded();
        upgraded.polled();
        upgraded.inspect(later(3600));
        assert!(!upgraded.ended().is_cancelled());

        let silent = line(&newcomers, &HeaderMap::new());
        silent.polled();
        silent.inspect(later(31));
        assert!(silent.ended().is_cancelled());
    }

    #[test]
    fn who_does_not_read_is_behind_until_it_does() {
        let line = line(&newcomers(), &HeaderMap::new());
        let limit = Limits::for_tests().behind_bytes;
        line.wrote(1000);
        line.queue(limit);
        assert!(!line.is_behind());
        line.queue(1);
        assert!(line.is_behind());
        line.wrote(500);
        assert!(!line.is_behind());
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_told_to_go_has_a_moment_and_is_cut() {
        let line = line(&newcomers(), &HeaderMap::new());
        line.leave();
        let waited = tokio::time::Instant::now();
        line.ended().cancelled().await;
        assert_eq!(waited.elapsed(), Limits::for_tests().farewell);
    }
}
