//! What one address, one person and one connection may use (B3), and the counting of it. Decides nothing about documents.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use engine::person::PersonId;
use parking_lot::Mutex;

use crate::config;

/// Every bound of the live connections; what operators set comes from the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections of one person, all tabs and programs together.
    pub(crate) connections_per_person: usize,
    /// Documents that one person has open, in all connections together.
    pub(crate) documents_per_person: usize,
    /// Connections from one address that have not joined; beyond it the oldest is closed.
    pub(crate) newcomers_per_address: usize,
    /// Connections in all that have not joined; beyond it the oldest is closed.
    pub(crate) newcomers: usize,
    /// Bytes that a person sends per second, on average; what is more is read later, not refused.
    pub(crate) bytes_per_second: usize,
    /// How long a connection may stay without joining.
    pub(crate) join_within: Duration,
    /// What a connection may send before it has joined.
    pub(crate) bytes_before_joining: usize,
    /// The largest message, text or attachment, and the largest body of a polling request.
    pub(crate) message_bytes: usize,
    /// How long a message that has begun may take to arrive, with the attachments that it announced.
    pub(crate) message_within: Duration,
    /// How long a peer may take nothing at all of what is written to it.
    pub(crate) stalled_after: Duration,
    /// How long a connection lasts whose last polling request is over.
    pub(crate) silent_after: Duration,
    /// How long a connection lasts that was told to go, so that it can hear why.
    pub(crate) farewell: Duration,
    /// With so much waiting to be written, a connection is given nothing large that it asks for.
    pub(crate) behind_bytes: usize,
    /// Lists that are read for one connection at a time.
    pub(crate) lists_at_once: usize,
    /// Messages that wait for one connection.
    pub(crate) waiting_messages: usize,
    /// The largest edit, assembled.
    pub(crate) edit_bytes: usize,
    /// What all unfinished edits of the instance may hold.
    pub(crate) unfinished_bytes: usize,
    /// How long an unfinished edit waits for its next part.
    pub(crate) part_within: Duration,
    /// The heartbeat: a silent loss shows within the sum of both.
    pub(crate) ping_every: Duration,
    /// How long a client may take to answer a ping.
    pub(crate) pong_within: Duration,
    /// How long a stopping server waits for its connections.
    pub(crate) close_within: Duration,
    /// The shortest time between two `list:changed` to one page (B5).
    pub(crate) list_every: Duration,
}

impl From<&config::Limits> for Limits {
    fn from(set: &config::Limits) -> Self {
        let count = |n: NonZeroU32| n.get() as usize;
        Self {
            connections_per_person: count(set.max_connections_per_person),
            documents_per_person: count(set.max_documents_per_person),
            newcomers_per_address: count(set.max_visitors_per_address),
            newcomers: count(set.max_visitors),
            bytes_per_second: count(set.max_bytes_per_second),
            join_within: Duration::from_secs(10),
            bytes_before_joining: 64 << 10,
            message_bytes: 4 << 20,
            message_within: Duration::from_secs(30),
            stalled_after: Duration::from_secs(10),
            silent_after: Duration::from_secs(30),
            farewell: Duration::from_secs(2),
            behind_bytes: 1 << 20,
            lists_at_once: 4,
            waiting_messages: 1024,
            edit_bytes: 8 << 20,
            unfinished_bytes: 256 << 20,
            part_within: Duration::from_secs(30),
            ping_every: Duration::from_secs(5),
            pong_within: Duration::from_secs(4),
            close_within: Duration::from_secs(2),
            list_every: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
impl Limits {
    /// As without any option.
    pub(super) fn for_tests() -> Self {
        use clap::{Args, FromArgMatches};
        let command = config::Limits::augment_args(clap::Command::new("test"));
        let set = config::Limits::from_arg_matches(&command.get_matches_from(["test"])).unwrap();
        Self::from(&set)
    }
}

/// What one person uses, in all connections together.
#[derive(Debug)]
pub(super) struct Budget {
    connections: AtomicUsize,
    documents: AtomicUsize,
    bytes_per_second: f64,
    /// How many bytes may still come, as of when.
    allowance: Mutex<(f64, Instant)>,
}

/// An allowance holds the worth of so many seconds: enough for the largest edit at once.
const SAVED_S: f64 = 16.0;

impl Budget {
    /// A budget of which nothing is used.
    pub(super) fn new(bytes_per_second: usize) -> Self {
        let bytes_per_second = bytes_per_second as f64;
        Self {
            connections: AtomicUsize::new(0),
            documents: AtomicUsize::new(0),
            bytes_per_second,
            allowance: Mutex::new((SAVED_S * bytes_per_second, Instant::now())),
        }
    }

    /// Takes note of received bytes, and says how long to wait before reading on.
    pub(super) fn charge(&self, bytes: usize) -> Option<Duration> {
        let mut allowance = self.allowance.lock();
        let (left, then) = *allowance;
        let now = Instant::now();
        let gained = now.duration_since(then).as_secs_f64() * self.bytes_per_second;
        let left = (left + gained).min(SAVED_S * self.bytes_per_second) - bytes as f64;
        *allowance = (left, now);
        (left < 0.0).then(|| Duration::from_secs_f64(-left / self.bytes_per_second))
    }

    /// A place for one more connection, if one is left.
    pub(super) fn connection(self: &Arc<Self>, limits: &Limits) -> Option<Place> {
        Place::take(self, |budget| &budget.connections, limits.connections_per_person)
    }

    /// A place for one more open document, if one is left.
    pub(super) fn document(self: &Arc<Self>, limits: &Limits) -> Option<Place> {
        Place::take(self, |budget| &budget.documents, limits.documents_per_person)
    }
}

/// A place in a budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    budget: Arc<Budget>,
    counter: fn(&Budget) -> &AtomicUsize,
}

impl Place {
    fn take(budget: &Arc<Budget>, counter: fn(&Budget) -> &AtomicUsize, limit: usize) -> Option<Self> {
        let place = Self { budget: Arc::clone(budget), counter };
        let taken = counter(budget).fetch_add(1, Relaxed);
        (taken < limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        (self.counter)(&self.budget).fetch_sub(1, Relaxed);
    }
}

/// The budgets of all who are connected.
#[derive(Debug, Default)]
pub(super) struct Budgets(Mutex<HashMap<PersonId, Weak<Budget>>>);

impl Budgets {
    /// The person's one budget.
    pub(super) fn of(&self, person: PersonId, limits: &Limits) -> Arc<Budget> {
        let mut all = self.0.lock();
        if let Some(budget) = all.get(&person).and_then(Weak::upgrade) {
            return budget;
        }
        all.retain(|_, budget| budget.strong_count() > 0);
        let budget = Arc::new(Budget::new(limits.bytes_per_second));
        all.insert(person, Arc::downgrade(&budget));
        budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_places_are_limited_and_come_back() {
        let budget = Arc::new(Budget::new(1));
        let take = || Place::take(&budget, |budget| &budget.connections, 2);
        let (one, _two) = (take().unwrap(), take().unwrap());
        assert!(take().is_none());
        assert!(take().is_none());
        drop(one);
        assert!(take().is_some());
    }

    #[test]
    fn b3_who_sends_too_fast_is_read_later() {
        let budget = Budget::new(1000);
        assert_eq!(budget.charge(15_900), None);
        let pause = budget.charge(1000).unwrap();
        assert!(pause > Duration::from_millis(600) && pause < Duration::from_secs(1), "{pause:?}");
    }

    #[test]
    fn b3_a_persons_connections_share_one_budget() {
        let budgets = Budgets::default();
        let limits = Limits::for_tests();
        let one = budgets.of(PersonId(1), &limits);
        assert!(Arc::ptr_eq(&one, &budgets.of(PersonId(1), &limits)));
        assert!(!Arc::ptr_eq(&one, &budgets.of(PersonId(2), &limits)));
    }
}
