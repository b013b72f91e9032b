//! Edits that are too large for one message, put together from their parts. Bounded for the connection, the edit and the instance.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use engine::{document::DocumentId, log::WriterId, refusal::Refusal};

use super::limits::Limits;

/// Which edit a part belongs to.
pub(super) type Whole = (DocumentId, WriterId, u64);

/// The smallest part worth sending alone would need no more of them than this for the largest edit.
const PARTS: u32 = 1024;

/// A connection's one unfinished edit.
#[derive(Debug, Default)]
pub(super) struct Assembly(Option<Unfinished>);

#[derive(Debug)]
struct Unfinished {
    whole: Whole,
    parts: u32,
    next: u32,
    bytes: BytesMut,
    held: Vec<Held>,
    heard: Instant,
}

/// Bytes taken from the instance's budget, given back when this is dropped.
#[derive(Debug)]
struct Held(Arc<AtomicUsize>, usize);

impl Held {
    fn take(all: &Arc<AtomicUsize>, bytes: usize, limit: usize) -> Option<Self> {
        let held = Self(Arc::clone(all), bytes);
        (all.fetch_add(bytes, Relaxed) + bytes <= limit).then_some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Relaxed);
    }
}

/// What became of a part.
#[derive(Debug, PartialEq)]
pub(super) enum Added {
    /// More must follow.
    Waiting,
    /// That was the last one: here is the edit.
    Complete(Bytes),
}

impl Assembly {
    /// Adds a part. The first part of an edit begins anew, whatever was there.
    ///
    /// # Errors
    /// `OutOfOrder` if it is not the next part, `TooLarge` for the edit, `Busy` for the instance. What came before is dropped then.
    pub(super) fn add(
        &mut self,
        whole: Whole,
        (part, parts): (u32, u32),
        bytes: &Bytes,
        all: &Arc<AtomicUsize>,
        limits: &Limits,
    ) -> Result<Added, Refusal> {
        let mut unfinished = match self.0.take() {
            Some(it) if part > 0 && (it.whole, it.parts, it.next) == (whole, parts, part) => it,
            _ if part == 0 && parts <= PARTS => Unfinished::new(whole, parts),
            _ if part == 0 => return Err(Refusal::Invalid("an edit has too many parts")),
            _ => return Err(Refusal::OutOfOrder),
        };
        if unfinished.bytes.len() + bytes.len() > limits.edit_bytes {
            return Err(Refusal::TooLarge);
        }
        let held = Held::take(all, bytes.len(), limits.unfinished_bytes).ok_or(Refusal::Busy)?;
        unfinished.held.push(held);
        unfinished.bytes.extend_from_slice(bytes);
        unfinished.next += 1;
        unfinished.heard = Instant::now();
        if unfinished.next == parts {
            return Ok(Added::Complete(unfinished.bytes.freeze()));
        }
        self.0 = Some(unfinished);
        Ok(Added::Waiting)
    }

    /// Drops what waited too long for its next part.
    pub(super) fn tidy(&mut self, now: Instant, limits: &Limits) {
        self.0.take_if(|it| now.saturating_duration_since(it.heard) > limits.part_within);
    }
}

impl Unfinished {
    fn new(whole: Whole, parts: u32) -> Self {
        Self { whole, parts, next: 0, bytes: BytesMut::new(), held: Vec::new(), heard: Instant::now() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ONE: Whole = (DocumentId(1), 5, 1);

    struct Bench {
        assembly: Assembly,
        all: Arc<AtomicUsize>,
        limits: Limits,
    }

    impl Bench {
        fn new() -> Self {
            let limits = Limits { edit_bytes: 10, unfinished_bytes: 25, ..Limits::for_tests() };
            Self { assembly: Assembly::default(), all: Arc::default(), limits }
        }

        fn add(&mut self, whole: Whole, part: u32, parts: u32, bytes: &'static str) -> Result<Added, Refusal> {
            self.assembly.add(whole, (part, parts), &Bytes::from_static(bytes.as_bytes()), &self.all, &self.limits)
        }

        fn held(&self) -> usize {
            self.all.load(Relaxed)
        }
    }

    #[test]
    fn parts_become_the_edit_and_hold_nothing_afterwards() {
        let mut bench = Bench::new();
        assert_eq!(bench.add(ONE, 0, 3, "ab"), Ok(Added::Waiting));
        assert_eq!(bench.add(ONE, 1, 3, "cd"), Ok(Added::Waiting));
        assert_eq!(bench.held(), 4);
        assert_eq!(bench.add(ONE, 2, 3, "e"), Ok(Added::Complete("abcde".into())));
        assert_eq!(bench.held(), 0);
        assert_eq!(bench.add(ONE, 0, 1, "x"), Ok(Added::Complete("x".into())));
    }

    #[test]
    fn a_part_out_of_turn_drops_what_was_there() {
        for (whole, part, parts) in
            [(ONE, 2, 3), (ONE, 1, 4), ((DocumentId(2), 5, 1), 1, 3), ((DocumentId(1), 5, 2), 1, 3)]
        {
            let mut bench = Bench::new();
            assert_eq!(bench.add(ONE, 0, 3, "ab"), Ok(Added::Waiting));
            assert_eq!(bench.add(whole, part, parts, "cd"), Err(Refusal::OutOfOrder));
            assert_eq!(bench.held(), 0);
            assert_eq!(bench.add(ONE, 1, 3, "cd"), Err(Refusal::OutOfOrder));
        }
    }

    #[test]
    fn the_first_part_begins_anew() {
        let mut bench = Bench::new();
        assert_eq!(bench.add(ONE, 0, 2, "ab"), Ok(Added::Waiting));
        assert_eq!(bench.add(ONE, 0, 2, "cd"), Ok(Added::Waiting));
        assert_eq!(bench.held(), 2);
        assert_eq!(bench.add(ONE, 1, 2, "e"), Ok(Added::Complete("cde".into())));
    }

    #[test]
    fn b3_edit_and_instance_are_bounded() {
        let mut bench = Bench::new();
        assert_eq!(bench.add(ONE, 0, 2, "12345678"), Ok(Added::Waiting));
        assert_eq!(bench.add(ONE, 1, 2, "123"), Err(Refusal::TooLarge));
        assert_eq!(bench.held(), 0);
        assert!(matches!(bench.add(ONE, 0, 5000, "1"), Err(Refusal::Invalid(_))));
        bench.all.store(20, Relaxed);
        assert_eq!(bench.add(ONE, 0, 2, "123456"), Err(Refusal::Busy));
        assert_eq!(bench.held(), 20);
    }

    #[test]
    fn what_waits_too_long_is_dropped() {
        let mut bench = Bench::new();
        assert_eq!(bench.add(ONE, 0, 2, "ab"), Ok(Added::Waiting));
        bench.assembly.tidy(Instant::now() + Duration::from_secs(29), &bench.limits);
        assert_eq!(bench.held(), 2);
        bench.assembly.tidy(Instant::now() + Duration::from_secs(31), &bench.limits);
        assert_eq!(bench.held(), 0);
    }
}
