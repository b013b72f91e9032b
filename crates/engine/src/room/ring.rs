//! The newest entries of a room's log, already encoded for the wire, so that most clients are served from memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::log::{Cursor, Entry, Seq};

/// What one frame holds at most, unless one entry alone is larger (D6).
pub(super) const FRAME_BYTES: usize = 128 * 1024;

/// What the ring keeps at most, but for its newest entry.
const RING_BYTES: usize = 64 * 1024;

/// One or more whole entries, as a client receives them.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) from: Seq,
    pub(super) to: Cursor,
    pub(super) updates: Bytes,
}

impl Frame {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            from: entry.seq - 1,
            to: entry.cursor(),
            updates: entry.updates(),
        }
    }

    /// One frame of as many whole entries as fit, but at least one. `None` if there are none.
    pub(super) fn join<'a>(frames: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut frames = frames.into_iter();
        let first = frames.next()?.clone();
        let mut to = first.to;
        let mut updates = BytesMut::new();
        for frame in frames {
            let so_far = updates.len().max(first.updates.len());
            if so_far + frame.updates.len() > FRAME_BYTES {
                break;
            }
            if updates.is_empty() {
                updates.extend_from_slice(&first.updates);
            }
            updates.extend_from_slice(&frame.updates);
            to = frame.to;
        }
        let updates = if updates.is_empty() {
            first.updates
        } else {
            updates.freeze()
        };
        Some(Self {
            from: first.from,
            to,
            updates,
        })
    }
}

/// Bounded in bytes; it always ends with the room's head.
#[derive(Debug, Default)]
pub(super) struct Ring {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Ring {
    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += frame.updates.len();
        self.frames.push_back(frame);
        while self.bytes > RING_BYTES && self.frames.len() > 1 {
            if let Some(oldest) = self.frames.pop_front() {
                self.bytes -= oldest.updates.len();
            }
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The frame that follows `seq`, if the ring reaches back that far.
    pub(super) fn after(&self, seq: Seq) -> Option<Frame> {
        let oldest = self.frames.front()?.from;
        let skip = usize::try_from(seq.checked_sub(oldest)?).ok()?;
        Frame::join(self.frames.range(skip.min(self.frames.len())..))
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

    fn frame(to: Seq, bytes: usize) -> Frame {
        Frame {
            from: to - 1,
            to: Cursor {
                seq: to,
                tag: Tag::default(),
            },
            updates: vec![0; bytes].into(),
        }
    }

    #[test]
    fn d6_a_frame_has_whole_entries_up_to_its_bound_and_at_least_one() {
        let frames = [frame(1, 100_000), frame(2, 20_000), frame(3, 20_000)];
        let joined = Frame::join(&frames).unwrap();
        assert_eq!(
            (joined.from, joined.to.seq, joined.updates.len()),
            (0, 2, 120_000)
        );
        let joined = Frame::join(&[frame(1, FRAME_BYTES + 1), frame(2, 1)]).unwrap();
        assert_eq!((joined.to.seq, joined.updates.len()), (1, FRAME_BYTES + 1));
    }

    #[test]
    fn the_ring_is_bounded_and_says_what_it_no_longer_has() {
        let mut ring = Ring::default();
        for seq in 1..=100 {
            ring.push(frame(seq, 1_000));
        }
        assert!(ring.bytes <= RING_BYTES);
        assert!(ring.after(10).is_none());
        assert_eq!(ring.after(98).unwrap().to.seq, 100);
        assert!(ring.after(100).is_none());
    }
}
