//! What is counted, for operators. The names live in `crates/server`, which publishes them.

use prometheus_client::metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram};

/// Counters that rooms and stores move. Cheap to clone: all clones are the same counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Rooms in memory.
    pub rooms: Gauge,
    /// Clients in all rooms.
    pub clients: Gauge,
    /// Edits stored.
    pub edits: Counter,
    /// Entries appended.
    pub appends: Counter,
    /// Appends that failed, or whose outcome was unknown.
    pub append_failures: Counter,
    /// Entries in one commit of the store.
    pub commit_entries: Histogram,
    /// Seconds that one commit of the store took.
    pub commit_seconds: Histogram,
    /// Seconds from an edit's arrival in its room to its acknowledgement.
    pub edit_seconds: Histogram,
    /// Refused edits, by the code of the refusal.
    pub refusals: Family<[(&'static str, &'static str); 1], Counter>,
    /// Snapshots made.
    pub compactions: Counter,
    /// Snapshots that were dropped because they did not agree with the log (L5), or could not be made.
    pub compaction_failures: Counter,
}

impl Metrics {
    /// Counts a refusal.
    pub fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&[("code", code)]).inc();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0]);
        Self {
            rooms: Gauge::default(),
            clients: Gauge::default(),
            edits: Counter::default(),
            appends: Counter::default(),
            append_failures: Counter::default(),
            commit_entries: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0]),
            commit_seconds: seconds(),
            edit_seconds: seconds(),
            refusals: Family::default(),
            compactions: Counter::default(),
            compaction_failures: Counter::default(),
        }
    }
}
