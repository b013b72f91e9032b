//! How many bytes may wait (B3): counted from the call that brings them until whatever holds them is dropped.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes that wait somewhere, and how many may. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    pub(crate) waiting_bytes: Arc<AtomicUsize>,
    pub(crate) most_bytes: usize,
}

impl Allowance {
    fn has_room_for(&self, bytes: usize) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed).saturating_add(bytes) <= self.most_bytes
    }
}

/// Bytes that wait, counted in each of the allowances they need.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: usize,
    counters: [Arc<AtomicUsize>; 2],
}

impl Held {
    /// `None` if one of the allowances has no room.
    pub(crate) fn take(bytes: usize, allowances: &[Allowance; 2]) -> Option<Self> {
        allowances.iter().all(|allowance| allowance.has_room_for(bytes)).then(|| {
            let counters = allowances.each_ref().map(|allowance| allowance.waiting_bytes.clone());
            counters.iter().for_each(|counter| _ = counter.fetch_add(bytes, Ordering::Relaxed));
            Self { bytes, counters }
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for counter in &self.counters {
            counter.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}
