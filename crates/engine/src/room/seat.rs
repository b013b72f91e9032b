//! A client's place in a room: a cursor on the log, a window of what it has not confirmed, and nothing that grows.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::Bell;
use crate::{
    client::Outlet,
    log::{Cursor, Seq, Snapshot},
    person::PersonId,
};

/// What is sent closely together is one mark: so a window holds not many more than these.
const MARKS: usize = 64;

/// The key of a seat; never used twice in one process.
pub(crate) type SeatKey = u64;

/// What the two ends of a client share beside the room's inbox: nothing here is ever refused, or waits.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) key: SeatKey,
    pub(crate) person: PersonId,
    /// The version of the rich-text schema that the client knows.
    pub(crate) schema: u32,
    confirmed_seq: AtomicU64,
    confirmed_part: AtomicU32,
    /// The client left.
    gone: AtomicBool,
    /// Its session ended: nothing of it is appended any more.
    revoked: AtomicBool,
    /// The presence that it told last, until the room takes it.
    presence: Mutex<Option<Option<Bytes>>>,
    /// Whether the bell holds this seat's key already.
    ringing: AtomicBool,
}

impl Link {
    pub(crate) fn new(key: SeatKey, person: PersonId, schema: u32) -> Self {
        Self {
            key,
            person,
            schema,
            confirmed_seq: AtomicU64::new(0),
            confirmed_part: AtomicU32::new(0),
            gone: AtomicBool::new(false),
            revoked: AtomicBool::new(false),
            presence: Mutex::new(None),
            ringing: AtomicBool::new(false),
        }
    }

    pub(crate) fn confirm(&self, seq: Seq, part: u32, bell: &Bell) {
        self.confirmed_seq.fetch_max(seq, Ordering::Relaxed);
        self.confirmed_part.fetch_max(part, Ordering::Relaxed);
        self.ring(bell);
    }

    pub(crate) fn present(&self, state: Option<Bytes>, bell: &Bell) {
        *self.presence.lock() = Some(state);
        self.ring(bell);
    }

    pub(crate) fn leave(&self, bell: &Bell) {
        self.gone.store(true, Ordering::Release);
        self.ring(bell);
    }

    pub(crate) fn revoke(&self, bell: &Bell) {
        self.revoked.store(true, Ordering::Release);
        self.leave(bell);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    pub(super) fn take_presence(&self) -> Option<Option<Bytes>> {
        self.presence.lock().take()
    }

    /// Tells the room to look at this seat: once, however often it is called before the room looks.
    fn ring(&self, bell: &Bell) {
        if !self.ringing.swap(true, Ordering::AcqRel) {
            bell.ring(self.key);
        }
    }

    /// The room looks now: what is told from here on rings again.
    pub(super) fn heard(&self) {
        self.ringing.store(false, Ordering::Release);
    }
}

/// Where a client is on the log.
#[derive(Debug, Clone)]
pub(super) enum Position {
    /// It was sent everything up to here.
    At(Cursor),
    /// A read of the store for it is under way.
    Reading,
    /// It is being sent a snapshot, and this part is next.
    Snapshot { snapshot: Arc<Snapshot>, part: u32 },
}

/// One client in a room.
pub(super) struct Seat {
    pub(super) link: Arc<Link>,
    pub(super) outlet: Arc<dyn Outlet>,
    /// By which the others see it, if they do.
    pub(super) connection: Option<u64>,
    pub(super) position: Position,
    /// It missed a presence round and needs all of it.
    pub(super) presence_behind: bool,
    /// It could not be told of a change of the document yet.
    pub(super) change_behind: bool,
    flight: Flight,
}

impl Seat {
    pub(super) fn new(
        link: Arc<Link>,
        outlet: Arc<dyn Outlet>,
        connection: Option<u64>,
        position: Position,
        window_bytes: usize,
    ) -> Self {
        let flight = Flight { window_bytes, ..Flight::default() };
        Self { link, outlet, connection, position, presence_behind: false, change_behind: false, flight }
    }

    /// Whether so many bytes may be sent now: always, if nothing is unconfirmed.
    pub(super) fn may_take(&mut self, bytes: usize) -> bool {
        let seq = self.link.confirmed_seq.load(Ordering::Relaxed);
        let part = self.link.confirmed_part.load(Ordering::Relaxed);
        self.flight.confirm(seq, part);
        self.flight.bytes == 0 || self.flight.bytes + bytes <= self.flight.window_bytes
    }

    /// Takes note of bytes that were sent and that a confirmation of `seq`, or of so many parts of a snapshot, covers.
    pub(super) fn sent(&mut self, seq: Seq, part: u32, bytes: usize) {
        self.flight.push(Mark { seq, part, bytes });
    }

    /// A snapshot begins: parts are counted anew.
    pub(super) fn begin_parts(&self) {
        self.link.confirmed_part.store(0, Ordering::Relaxed);
    }
}

/// What is sent and not confirmed.
#[derive(Debug, Default)]
struct Flight {
    marks: VecDeque<Mark>,
    bytes: usize,
    window_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    seq: Seq,
    /// So many parts of the snapshot through `seq`; 0 for edits.
    part: u32,
    bytes: usize,
}

impl Flight {
    fn push(&mut self, mark: Mark) {
        self.bytes += mark.bytes;
        match self.marks.back_mut() {
            Some(last) if last.bytes < self.window_bytes / MARKS && last.part == 0 && mark.part == 0 => {
                last.seq = mark.seq;
                last.bytes += mark.bytes;
            }
            _ => self.marks.push_back(mark),
        }
    }

    fn confirm(&mut self, seq: Seq, part: u32) {
        while let Some(first) = self.marks.front() {
            if first.seq > seq && (first.part == 0 || first.part > part) {
                break;
            }
            self.bytes -= first.bytes;
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d6_marks_are_bounded_and_confirmed_in_order() {
        let mut flight = Flight { window_bytes: 256 * 1024, ..Flight::default() };
        for seq in 1..=10_000 {
            flight.push(Mark { seq, part: 0, bytes: 26 });
        }
        assert!(flight.marks.len() <= MARKS, "{}", flight.marks.len());
        flight.confirm(5_000, 0);
        assert!(flight.bytes > 0 && flight.bytes <= 5_200 * 26);
        flight.confirm(10_000, 0);
        assert_eq!((flight.bytes, flight.marks.len()), (0, 0));
    }

    #[test]
    fn d6_parts_of_a_snapshot_are_confirmed_by_their_number_or_by_its_end() {
        let mut flight = Flight::default();
        for part in 1..=3 {
            flight.push(Mark { seq: 70, part, bytes: 10 });
        }
        flight.push(Mark { seq: 71, part: 0, bytes: 1 });
        flight.confirm(0, 2);
        assert_eq!(flight.bytes, 11);
        flight.confirm(70, 2);
        assert_eq!(flight.bytes, 1);
    }
}
