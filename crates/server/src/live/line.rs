//! One Engine.IO session as a line to a peer: who may be at the other end, what came from there, and how to cut it.
//! Knows nothing of Socket.IO.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
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
use tokio_util::sync::CancellationToken;

use super::limits::{Budget, Limits};
use crate::address::Address;

/// A line. It lives as long as its session, its streams, or the connection that joined over it.
#[derive(Debug)]
pub(super) struct Line {
    limits: Arc<Limits>,
    cut: CancellationToken,
    /// What came before anybody joined, in bytes.
    received: AtomicUsize,
    /// The budget of the person who joined.
    joined: OnceLock<Arc<Budget>>,
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
    /// Since when the peer has been told to go.
    leaving_since: Option<Instant>,
    /// When the last polling request ended, if that is how the peer speaks.
    polled: Option<Instant>,
}

/// The peer sent more than a stranger may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

impl Line {
    /// A line on which nobody has joined yet.
    pub(super) fn new(headers: &HeaderMap, cut: CancellationToken, newcomer: Newcomer, limits: Arc<Limits>) -> Self {
        let mut credentials = HeaderMap::new();
        for name in [COOKIE, AUTHORIZATION] {
            for value in headers.get_all(&name) {
                credentials.append(&name, value.clone());
            }
        }
        let state =
            State { credentials, newcomer: Some(newcomer), owed_since: None, leaving_since: None, polled: None };
        Self { limits, cut, received: AtomicUsize::new(0), joined: OnceLock::new(), state: Mutex::new(state) }
    }

    /// The credentials, once: nothing else of the request is kept, and these not for long.
    pub(super) fn take_credentials(&self) -> HeaderMap {
        std::mem::take(&mut self.state.lock().credentials)
    }

    /// Somebody joined: from now on their budget counts. `false` if somebody did before.
    pub(super) fn join(&self, budget: Arc<Budget>) -> bool {
        let first = self.joined.set(budget).is_ok();
        if first {
            self.state.lock().newcomer = None;
        }
        first
    }

    /// Takes note of received bytes, and says how long to wait before reading on.
    ///
    /// # Errors
    /// When nobody has joined, and it is too much for that.
    pub(super) fn receive(&self, bytes: usize) -> Result<Option<Duration>, TooMuch> {
        if let Some(budget) = self.joined.get() {
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
        self.state.lock().polled = Some(Instant::now());
    }

    /// The peer speaks through a WebSocket from now on.
    pub(super) fn upgraded(&self) {
        self.state.lock().polled = None;
    }

    /// The peer was told to go: it has a moment to hear of it.
    pub(super) fn leave(&self) {
        self.state.lock().leaving_since.get_or_insert_with(Instant::now);
    }

    /// Ends it now.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Cancelled when the line is cut, or its stream has ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.cut
    }

    /// Cuts it if the peer stays too long, is silent, or keeps us waiting for the rest of a message.
    pub(super) fn inspect(&self, now: Instant) {
        let limits = &self.limits;
        let state = self.state.lock();
        let over = |since: Option<Instant>, within: Duration| {
            since.is_some_and(|since| now.saturating_duration_since(since) > within)
        };
        if over(state.owed_since, limits.message_within)
            || over(state.leaving_since, limits.farewell)
            || over(state.polled, limits.silent_after)
        {
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

/// Lines on which nobody has joined, by address. When there are too many, the oldest is cut:
/// so strangers can never keep out who is about to join.
#[derive(Debug)]
pub(super) struct Newcomers {
    limits: Arc<Limits>,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    /// In the order of their arrival.
    all: BTreeMap<u64, (Address, CancellationToken)>,
    by_address: HashMap<Address, BTreeSet<u64>>,
}

/// A newcomer's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Newcomer {
    newcomers: Arc<Newcomers>,
    number: u64,
}

impl Newcomers {
    pub(super) fn new(limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self { limits, book: Mutex::default() })
    }

    /// Lets somebody in, whose line is cut by this token.
    pub(super) fn admit(self: &Arc<Self>, from: Address, cut: &CancellationToken) -> Newcomer {
        let mut book = self.book.lock();
        let here = book.by_address.get(&from).map_or(0, BTreeSet::len);
        if here >= self.limits.newcomers_per_address {
            let oldest = book.by_address.get(&from).and_then(|numbers| numbers.first().copied());
            book.turn_out(oldest);
        }
        if book.all.len() >= self.limits.newcomers {
            let oldest = book.all.first_key_value().map(|(number, _)| *number);
            book.turn_out(oldest);
        }
        let number = book.next;
        book.next += 1;
        book.all.insert(number, (from, cut.clone()));
        book.by_address.entry(from).or_default().insert(number);
        Newcomer { newcomers: Arc::clone(self), number }
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.book.lock().all.len()
    }
}

impl Book {
    fn turn_out(&mut self, number: Option<u64>) {
        if let Some(cut) = number.and_then(|number| self.forget(number)) {
            cut.cancel();
        }
    }

    fn forget(&mut self, number: u64) -> Option<CancellationToken> {
        let (address, cut) = self.all.remove(&number)?;
        if let Some(numbers) = self.by_address.get_mut(&address) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(cut)
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.newcomers.book.lock().forget(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn address(last: u8) -> Address {
        IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)).into()
    }

    fn newcomers() -> Arc<Newcomers> {
        Newcomers::new(Arc::new(Limits { newcomers_per_address: 2, newcomers: 3, ..Limits::for_tests() }))
    }

    fn line(newcomers: &Arc<Newcomers>, headers: &HeaderMap) -> Line {
        let cut = CancellationToken::new();
        let newcomer = newcomers.admit(address(1), &cut);
        Line::new(headers, cut, newcomer, Arc::clone(&newcomers.limits))
    }

    #[test]
    fn b3_too_many_newcomers_cost_the_oldest_its_place() {
        let newcomers = newcomers();
        let tokens: Vec<_> = (0..4).map(|_| CancellationToken::new()).collect();
        let cut = || tokens.iter().map(CancellationToken::is_cancelled).collect::<Vec<_>>();
        let _one = newcomers.admit(address(1), &tokens[0]);
        let _two = newcomers.admit(address(1), &tokens[1]);
        let _three = newcomers.admit(address(1), &tokens[2]);
        assert_eq!(cut(), [true, false, false, false], "two from one address");
        let _four = newcomers.admit(address(2), &tokens[3]);
        let _five = newcomers.admit(address(3), &CancellationToken::new());
        assert_eq!(cut(), [true, true, false, false], "three in all");
    }

    #[test]
    fn b3_who_joins_is_no_newcomer_any_more() {
        let newcomers = newcomers();
        let line = line(&newcomers, &HeaderMap::new());
        assert_eq!(newcomers.count(), 1);
        let limits = Limits { bytes_per_second: 1 << 20, ..Limits::for_tests() };
        let budget = super::super::limits::Budgets::default().of(engine::person::PersonId(1), &limits);
        assert_eq!(line.receive(64 << 10), Ok(None));
        assert_eq!(line.receive(1), Err(TooMuch));
        assert!(line.join(Arc::clone(&budget)));
        assert!(!line.join(budget), "only once");
        assert_eq!(newcomers.count(), 0);
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
    fn a_peer_that_owes_or_will_not_go_is_cut() {
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

        let told = line(&newcomers, &HeaderMap::new());
        told.leave();
        told.inspect(later(3));
        assert!(told.ended().is_cancelled());

        let silent = line(&newcomers, &HeaderMap::new());
        silent.polled();
        silent.inspect(later(31));
        assert!(silent.ended().is_cancelled());
    }
}
