//! Everybody who has joined, in whichever namespace: counted, looked after, and reached when their sessions end.
//! Knows nothing of what they do here.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use engine::{
    person::{PersonId, SessionId},
    refusal::Refusal,
};
use parking_lot::Mutex;

use super::{
    limits::{Budget, Budgets, Limits, Place},
    line::Line,
    metrics::Metrics,
    outlet::Peer,
    wire::Ended,
};

/// How often connections are looked at: whether they stay too long, are silent, or owe something.
const INSPECTED_EVERY: Duration = Duration::from_secs(1);

/// A connection that has joined. It knows its line, but not its socket, which knows it.
pub(super) trait Member: Send + Sync + 'static {
    /// Unique among all connections of the process.
    fn number(&self) -> u64;

    /// Whose it is, if anybody's.
    fn session(&self) -> Option<SessionId>;

    fn line(&self) -> &Arc<Line>;

    /// The session ended: nothing that still waits is appended (A3).
    fn revoke(&self);

    /// Leaves everything.
    fn leave(&self);

    /// Looks after what must not last.
    fn tidy(&self, now: Instant);
}

/// All members.
pub(super) struct Board {
    limits: Arc<Limits>,
    budgets: Budgets,
    metrics: Metrics,
    next: AtomicU64,
    joined: Mutex<HashMap<u64, Joined>>,
}

/// A member, and how to reach it.
#[derive(Clone)]
pub(super) struct Joined {
    pub(super) member: Arc<dyn Member>,
    pub(super) peer: Peer,
}

impl Board {
    pub(super) fn new(limits: Arc<Limits>, metrics: Metrics) -> Arc<Self> {
        let board = Arc::new(Self {
            limits,
            metrics,
            budgets: Budgets::default(),
            next: AtomicU64::new(1),
            joined: Mutex::default(),
        });
        tokio::spawn(inspect(Arc::downgrade(&board)));
        board
    }

    pub(super) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// A number for one more connection.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// Gives a line to somebody who is signed in, if a place is left and it is nobody else's.
    pub(super) fn admit(&self, person: PersonId, line: &Line) -> Result<(Arc<Budget>, Place), Refusal> {
        let budget = self.budgets.of(person, &self.limits);
        let place = budget.connection(&self.limits).ok_or(Refusal::TooMany)?;
        if !line.join(Arc::clone(&budget)) {
            return Err(Refusal::Unauthenticated);
        }
        Ok((budget, place))
    }

    /// From here on it hears when its session ends.
    pub(super) fn keep(&self, joined: Joined) {
        let mut all = self.joined.lock();
        all.insert(joined.member.number(), joined);
        self.metrics.connections.set(all.len() as i64);
    }

    /// Takes a member out; `false` if it had left already. The peer has a moment to hang up.
    pub(super) fn leave(&self, number: u64) -> bool {
        let mut all = self.joined.lock();
        let gone = all.remove(&number);
        self.metrics.connections.set(all.len() as i64);
        drop(all);
        if let Some(Joined { member, .. }) = &gone {
            member.leave();
            member.line().leave();
        }
        gone.is_some()
    }

    pub(super) fn everybody(&self) -> Vec<Joined> {
        self.joined.lock().values().cloned().collect()
    }

    /// These sessions ended: their connections are told so, nothing of theirs that still waits is appended, and they are closed.
    pub(super) fn end_sessions(&self, sessions: &[SessionId]) {
        let mut ended = self.everybody();
        ended.retain(|joined| joined.member.session().is_some_and(|session| sessions.contains(&session)));
        for Joined { member, peer } in ended {
            member.revoke();
            // Told once, also if two hear of the end at the same time.
            if self.leave(member.number()) {
                peer.tell("session:ended", &Ended { code: Refusal::Unauthenticated.code() });
                peer.dismiss();
            }
        }
    }

    /// Looks at every connection once.
    fn inspect(&self) {
        let now = Instant::now();
        for Joined { member, .. } in self.everybody() {
            member.tidy(now);
            member.line().inspect(now);
            // It may have ended without the library's word for it: that must not keep anything open.
            if member.line().ended().is_cancelled() {
                self.leave(member.number());
            }
        }
    }
}

async fn inspect(board: Weak<Board>) {
    let mut every = tokio::time::interval(INSPECTED_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while let Some(board) = board.upgrade() {
        board.inspect();
        drop(board);
        every.tick().await;
    }
}
