//! From the log to the clients: opening, fan-out, and catching up from wherever a client's cursor is. All of it is the
//! same movement along the log; there is no queue per client.

use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::{
    Done, Joining, Room,
    ring::Frame,
    seat::{Position, Seat, SeatKey},
};
use crate::{
    client::{Message, Opened, Start},
    document::DocumentId,
    log::{Cursor, Snapshot},
    presence::Present,
    refusal::Refusal,
    rooms::RoomSettings,
    store::{Loaded, Since, Store, StoreError},
};

/// Clients that are offered a frame before other tasks of the process have their turn.
const OFFERS_AT_ONCE: usize = 64;

/// What a read of the store brought for one client.
pub(super) struct Fetched {
    /// Where it begins.
    from: Cursor,
    /// The client's cursor is not on this log (L7).
    other_history: bool,
    /// What stands for everything up to `from`, if the client needs it.
    snapshot: Option<Arc<Snapshot>>,
    /// The entries behind `from`, as many as one frame holds.
    frame: Option<Frame>,
}

impl Room {
    /// Somebody opens the document.
    pub(super) fn join(&mut self, joining: Box<Joining>) {
        let refusal = match () {
            () if self.closing => Some(Refusal::Unavailable),
            () if self.purged || self.role(&joining.link).is_none() => Some(Refusal::NotFound),
            () => None,
        };
        if let Some(refusal) = refusal {
            return (joining.answer)(Err(refusal));
        }
        let (key, cursor) = (joining.link.key, joining.opening.cursor);
        if let Some(cursor) = cursor.filter(|cursor| *cursor == self.head || self.ring.knows(*cursor)) {
            let frame = self.ring.after(cursor.seq, self.rooms.settings.frame_bytes());
            let fetched = Fetched { from: cursor, other_history: false, snapshot: None, frame };
            return self.seat(*joining, fetched);
        }
        self.joining.insert(key, joining);
        self.fetch(key, cursor);
    }

    /// Reads what a client needs from the store, in a task of its own.
    fn fetch(&mut self, key: SeatKey, cursor: Option<Cursor>) {
        let (store, id, known) = (self.rooms.store.clone(), self.id, self.snapshot.clone());
        let limit_bytes = self.rooms.settings.frame_bytes();
        self.tasks.spawn(async move {
            let result = fetch(&*store, id, cursor, &known, limit_bytes).await;
            Done::Fetched { key, result }
        });
    }

    pub(super) fn fetched(&mut self, key: SeatKey, result: Result<Fetched, StoreError>) {
        if let Ok(Fetched { snapshot: Some(snapshot), .. }) = &result {
            self.snapshot = Arc::downgrade(snapshot);
        }
        if let Some(joining) = self.joining.remove(&key) {
            return match result {
                Ok(fetched) => self.seat(*joining, fetched),
                Err(cause) => {
                    tracing::error!(document = %self.id, %cause, "a document could not be opened");
                    (joining.answer)(Err(Refusal::from(&cause)));
                }
            };
        }
        let Some(seat) = self.seats.get_mut(&key) else {
            return;
        };
        match result {
            Ok(fetched) if !fetched.other_history => {
                let frame = fetched.frame.filter(|_| fetched.snapshot.is_none());
                begin(seat, fetched.from, fetched.snapshot);
                // If it cannot be sent now, it is read again once the client confirms.
                if frame.is_none_or(|frame| offer_frame(self.id, seat, frame)) {
                    self.serve(key);
                }
            }
            // The client comes back with its cursor, and then hears what is the matter.
            _ => {
                seat.outlet.disconnect();
                self.leave(key);
            }
        }
    }

    /// Gives somebody a seat, and the answer to `open`.
    fn seat(&mut self, joining: Joining, fetched: Fetched) {
        let Joining { opening, link, answer } = joining;
        if link.is_gone() {
            return;
        }
        let Some(role) = self.role(&link).filter(|_| !self.purged) else {
            return answer(Err(Refusal::NotFound));
        };
        let settings = &self.rooms.settings;
        let key = link.key;
        let mut seat =
            Seat::new(link, opening.outlet, opening.connection, Position::At(fetched.from), settings.window_bytes);
        let opened = Opened {
            document: self.document.clone(),
            role,
            window_bytes: settings.window_bytes,
            history_changed: fetched.other_history,
            head: self.head.seq.max(fetched.from.seq),
            start: start(&mut seat, fetched, settings),
            present: self.board.all_but(opening.connection),
        };
        if let Some(connection) = opening.connection {
            self.board.join(Present {
                connection,
                person: opening.person,
                name: opening.name,
                state: Some(Bytes::from_static(b"{}")),
            });
        }
        self.seats.insert(key, seat);
        self.rooms.metrics.clients.inc();
        answer(Ok(opened));
        // It may have rung before it had a seat.
        self.attend(key);
    }

    /// Offers a new frame to everybody who has all before it. Paced by itself: the next one is not begun before.
    pub(super) async fn fan_out(&mut self, frame: &Frame) {
        let message = Message::Edits { from: frame.from, to: frame.to, updates: frame.updates.clone() };
        for (index, seat) in self.seats.values_mut().enumerate() {
            if matches!(seat.position, Position::At(cursor) if cursor.seq == frame.from)
                && seat.may_take(frame.updates.len())
                && seat.outlet.offer(self.id, &message)
            {
                seat.position = Position::At(frame.to);
                seat.sent(frame.to.seq, 0, frame.updates.len());
            }
            if index % OFFERS_AT_ONCE == OFFERS_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends a client what comes next for it, until it has everything or its window is full.
    pub(super) fn serve(&mut self, key: SeatKey) {
        let (frame_bytes, part_bytes) = (self.rooms.settings.frame_bytes(), self.rooms.settings.part_bytes());
        while let Some(seat) = self.seats.get_mut(&key) {
            match &seat.position {
                Position::Reading => return,
                Position::At(cursor) if cursor.seq >= self.head.seq => return,
                Position::At(cursor) => {
                    let cursor = *cursor;
                    let Some(frame) = self.ring.after(cursor.seq, frame_bytes) else {
                        if seat.may_take(frame_bytes) {
                            seat.position = Position::Reading;
                            self.fetch(key, Some(cursor));
                        }
                        return;
                    };
                    if !offer_frame(self.id, seat, frame) {
                        return;
                    }
                }
                Position::Snapshot { snapshot, part } => {
                    let (snapshot, part) = (snapshot.clone(), *part);
                    if !offer_part(self.id, seat, &snapshot, part, part_bytes) {
                        return;
                    }
                }
            }
        }
    }
}

/// What of the content comes within the answer; it moves the seat to where the answer brings the client.
fn start(seat: &mut Seat, fetched: Fetched, settings: &RoomSettings) -> Start {
    let Fetched { from, snapshot, frame, .. } = fetched;
    if let Some(snapshot) = snapshot.as_ref().filter(|snapshot| snapshot.update.len() > settings.inline_bytes()) {
        begin(seat, from, Some(snapshot.clone()));
        return Start {
            cursor: from,
            snapshot: None,
            parts: parts_of(snapshot, settings.part_bytes()),
            updates: Bytes::new(),
        };
    }
    let (cursor, updates) = frame.map_or((from, Bytes::new()), |frame| (frame.to, frame.updates));
    let snapshot = snapshot.map(|snapshot| snapshot.update.clone());
    let bytes = updates.len() + snapshot.as_ref().map_or(0, Bytes::len);
    seat.position = Position::At(cursor);
    if bytes > 0 {
        seat.sent(cursor.seq, 0, bytes);
    }
    Start { cursor, snapshot, parts: 0, updates }
}

/// Sets a seat to where a fetch begins.
fn begin(seat: &mut Seat, from: Cursor, snapshot: Option<Arc<Snapshot>>) {
    seat.position = match snapshot {
        Some(snapshot) => {
            seat.begin_parts();
            Position::Snapshot { snapshot, part: 0 }
        }
        None => Position::At(from),
    };
}

fn offer_frame(document: DocumentId, seat: &mut Seat, frame: Frame) -> bool {
    let (to, bytes) = (frame.to, frame.updates.len());
    let message = Message::Edits { from: frame.from, to, updates: frame.updates };
    let sent = seat.may_take(bytes) && seat.outlet.offer(document, &message);
    if sent {
        seat.position = Position::At(to);
        seat.sent(to.seq, 0, bytes);
    }
    sent
}

fn offer_part(document: DocumentId, seat: &mut Seat, snapshot: &Arc<Snapshot>, part: u32, part_bytes: usize) -> bool {
    let parts = parts_of(snapshot, part_bytes);
    let start = part as usize * part_bytes;
    let bytes = snapshot.update.slice(start..(start + part_bytes).min(snapshot.update.len()));
    let length = bytes.len();
    let message = Message::Snapshot { part, parts, through: snapshot.through, bytes };
    let sent = seat.may_take(length) && seat.outlet.offer(document, &message);
    if sent {
        seat.sent(snapshot.through.seq, part + 1, length);
        seat.position = match part + 1 {
            next if next < parts => Position::Snapshot { snapshot: snapshot.clone(), part: next },
            _ => Position::At(snapshot.through),
        };
    }
    sent
}

fn parts_of(snapshot: &Snapshot, part_bytes: usize) -> u32 {
    u32::try_from(snapshot.update.len().div_ceil(part_bytes)).unwrap_or(u32::MAX)
}

/// Reads what a client with this cursor needs next.
async fn fetch(
    store: &dyn Store,
    document: DocumentId,
    cursor: Option<Cursor>,
    known: &Weak<Snapshot>,
    limit_bytes: usize,
) -> Result<Fetched, StoreError> {
    let mut other_history = false;
    if let Some(from) = cursor {
        match store.since(document, from, limit_bytes).await? {
            Since::Entries(entries) => {
                let frames: Vec<Frame> = entries.iter().map(Frame::of).collect();
                return Ok(Fetched { from, other_history, snapshot: None, frame: Frame::join(&frames, limit_bytes) });
            }
            Since::Covered => {}
            Since::OtherHistory => other_history = true,
        }
    }
    let Loaded { snapshot, tail } = store.load(document).await?;
    let snapshot = snapshot
        .map(|read| known.upgrade().filter(|known| known.through == read.through).unwrap_or_else(|| Arc::new(read)));
    let from = snapshot.as_ref().map_or_else(|| Cursor::start(document), |snapshot| snapshot.through);
    let frames: Vec<Frame> = tail.iter().map(Frame::of).collect();
    Ok(Fetched { from, other_history, snapshot, frame: Frame::join(&frames, limit_bytes) })
}
