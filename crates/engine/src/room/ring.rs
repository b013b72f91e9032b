//! The newest entries of a room's log, already encoded for the wire, so that most clients are served from memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::log::{Cursor, Entry, Seq};

/// One or more whole entries, as a client receives them.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) from: Seq,
    pub(super) to: Cursor,
    pub(super) updates: Bytes,
}

impl Frame {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { from: entry.seq - 1, to: entry.cursor(), updates: entry.updates() }
    }

    /// One frame of as many whole entries as fit into `limit_bytes`, but at least one (D6). `None` if there are none.
    pub(super) fn join<'a>(frames: impl IntoIterator<Item = &'a Self>, limit_bytes: usize) -> Option<Self> {
        let mut frames = frames.into_iter();
        let first = frames.next()?.clone();
        let mut to = first.to;
        let mut updates = BytesMut::new();
        for frame in frames {
            let so_far = updates.len().max(first.updates.len());
            if so_far + frame.updates.len() > limit_bytes {
                break;
            }
            if updates.is_empty() {
                updates.extend_from_slice(&first.updates);
            }
            updates.extend_from_slice(&frame.updates);
            to = frame.to;
        }
        let updates = if updates.is_empty() { first.updates } else { updates.freeze() };
        Some(Self { from: first.from, to, updates })
    }
}

/// Bounded in bytes, but for its newest entry; it always ends with the room's head.
#[derive(Debug)]
pub(super) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
    limit_bytes: usize,
}

impl Ring {
    pub(super) fn new(limit_bytes: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, limit_bytes }
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += frame.updates.len();
        self.frames.push_back(frame);
        while self.bytes > self.limit_bytes && self.frames.len() > 1 {
            if let Some(oldest) = self.frames.pop_front() {
                self.bytes -= oldest.updates.len();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.limit_bytes);
    }

    /// The frame that follows `seq`, if the ring reaches back that far.
    pub(super) fn after(&self, seq: Seq, limit_bytes: usize) -> Option<Frame> {
        let oldest = self.frames.front()?.from;
        let skip = usize::try_from(seq.checked_sub(oldest)?).ok()?;
        Frame::join(self.frames.range(skip.min(self.frames.len())..), limit_bytes)
    }

    /// Whether this very cursor is one that the ring knows.
    pub(super) fn knows(&self, cursor: Cursor) -> bool {
        self.frames.iter().rev().any(|frame| frame.to == cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Tag;

    const LIMIT: usize = 100_000;

    fn frame(to: Seq, bytes: usize) -> Frame {
        Frame { from: to - 1, to: Cursor { seq: to, tag: Tag::default() }, updates: vec![0; bytes].into() }
    }

    #[test]
    fn d6_a_frame_has_whole_entries_up_to_its_bound_and_at_least_one() {
        let frames = [frame(1, 80_000), frame(2, 20_000), frame(3, 20_000)];
        let joined = Frame::join(&frames, LIMIT).unwrap();
        assert_eq!((joined.from, joined.to.seq, joined.updates.len()), (0, 2, LIMIT));
        let joined = Frame::join(&[frame(1, LIMIT + 1), frame(2, 1)], LIMIT).unwrap();
        assert_eq!((joined.to.seq, joined.updates.len()), (1, LIMIT + 1));
    }

    #[test]
    fn the_ring_is_bounded_and_says_what_it_no_longer_has() {
        let mut ring = Ring::new(64_000);
        for seq in 1..=100 {
            ring.push(frame(seq, 1_000));
        }
        assert_eq!(ring.bytes, 64_000);
        assert!(ring.after(10, LIMIT).is_none());
        assert_eq!(ring.after(98, LIMIT).unwrap().to.seq, 100);
        assert!(ring.after(100, LIMIT).is_none());
    }
}
