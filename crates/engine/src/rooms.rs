//! All rooms of a process: one for each open document, never two. And the ends by which the outside holds a room.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::{
    access::Role,
    document::{Document, DocumentId},
    log::{Cursor, Seq},
    metrics::Metrics,
    person::PersonId,
    refusal::Refusal,
    room::{self, Bell, Held, Joining, Link, ToRoom},
    store::Store,
};

pub use crate::{presence::Present, room::Incoming};

/// The time now, in ms since 1970. The engine has no clock of its own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Told once what became of an edit. Called from the room's task: it must not block.
pub type Answer = Box<dyn FnOnce(Result<Receipt, Refusal>) + Send>;

/// Told once what became of an opening. Called from the room's task before the client is offered anything: it must not block.
pub type OpenAnswer = Box<dyn FnOnce(Result<Opened, Refusal>) + Send>;

/// How a room reaches one client's connection.
pub trait Outlet: Send + Sync + 'static {
    /// Queues a message without waiting. `false` if the connection's buffer is full or it is gone: then nothing was queued.
    fn offer(&self, document: DocumentId, message: &Message) -> bool;

    /// Closes the connection: the room cannot go on, and the client must come back.
    fn disconnect(&self);
}

/// What a room tells a client.
#[derive(Debug, Clone)]
pub enum Message {
    /// Whole entries, to a client whose cursor is at `from` (D2).
    Edits {
        /// The cursor before them.
        from: Seq,
        /// The cursor behind them.
        to: Cursor,
        /// The updates, each with its length before it, as lib0's `writeVarUint8Array` writes it.
        updates: Bytes,
    },
    /// A piece of a snapshot that is larger than the window, or of one for a client that fell far behind.
    Snapshot {
        /// 0, 1, 2 ...
        part: u32,
        /// How many there are.
        parts: u32,
        /// The cursor behind the last part.
        through: Cursor,
        /// A piece of a Yjs v1 update.
        bytes: Bytes,
    },
    /// Who came, moved or left; it may name the receiver's own connection.
    Presence(Vec<Present>),
    /// The document's row, and the receiver's role, changed. Without a role the receiver has left.
    Changed {
        /// As it is now.
        document: Arc<Document>,
        /// The receiver's.
        role: Option<Role>,
    },
    /// The document was deleted for ever; the receiver has left.
    Purged,
}

/// What became of an accepted edit: it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The entry that holds it, or one behind that. Until its cursor is there, the sender keeps the edit: should an
    /// older backup be restored meanwhile, the log lacks it, and it must be sent again.
    pub seq: Seq,
    /// The sender's cursor moves from `.0` to `.1`, or stays (D2).
    pub moved: Option<(Seq, Cursor)>,
}

/// Who opens what, from where.
pub struct Opening {
    /// The document.
    pub document: DocumentId,
    /// The number that the server gave to the connection; presence is keyed by it (W7).
    pub connection: u64,
    /// Who it is.
    pub person: PersonId,
    /// The person's name.
    pub name: Arc<str>,
    /// What the client has; `None`: nothing.
    pub cursor: Option<Cursor>,
    /// The version of the rich-text schema that the client knows.
    pub schema: u32,
    /// How to reach it.
    pub outlet: Arc<dyn Outlet>,
}

/// The answer to an opening. It brings the client to `start.cursor`; what lies between that and `head` follows.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The document's row.
    pub document: Arc<Document>,
    /// The person's role in it, with this page.
    pub role: Role,
    /// What may be unconfirmed (D6).
    pub window_bytes: usize,
    /// The client's cursor was not on this log, and the answer starts from nothing (L7).
    pub history_changed: bool,
    /// The log's last entry.
    pub head: Seq,
    /// The content.
    pub start: Start,
    /// Who else is here.
    pub present: Vec<Present>,
}

/// What of the content comes within the answer to an opening.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where it brings the client. With `parts`: where the last part will.
    pub cursor: Cursor,
    /// A Yjs v1 update that stands for the beginning of the log.
    pub snapshot: Option<Bytes>,
    /// So many messages with pieces of the snapshot follow; 0 if it is here or not needed.
    pub parts: u32,
    /// The updates behind the snapshot, or behind the client's cursor.
    pub updates: Bytes,
}

/// Limits of the rooms of a process.
#[derive(Debug, Clone)]
pub struct RoomSettings {
    /// What a client may have unconfirmed, in encoded bytes (D6).
    pub window_bytes: usize,
    /// What a room keeps of its newest entries in memory.
    pub ring_bytes: usize,
    /// A log is compacted once it has so many entries behind its snapshot ...
    pub compact_entries: usize,
    /// ... or so many bytes, if its snapshot is not larger.
    pub compact_bytes: usize,
    /// How long a room stays after its last client left.
    pub linger: Duration,
    /// Messages in a room's inbox (B2).
    pub inbox: usize,
    /// Bytes of one person's edits that may wait in one room (B3).
    pub waiting_bytes_per_person: usize,
    /// Bytes of edits that may wait in all rooms (B3).
    pub waiting_bytes: usize,
}

impl RoomSettings {
    /// What one frame holds at most, unless one entry alone is larger (D6).
    pub(crate) fn frame_bytes(&self) -> usize {
        self.window_bytes / 2
    }

    /// The largest snapshot that comes within the answer to an opening: with a full frame behind it, it fills the window.
    pub(crate) fn inline_bytes(&self) -> usize {
        self.window_bytes - self.frame_bytes()
    }

    /// A piece of a larger snapshot.
    pub(crate) fn part_bytes(&self) -> usize {
        self.window_bytes / 4
    }
}

impl Default for RoomSettings {
    fn default() -> Self {
        Self {
            window_bytes: 256 * 1024,
            ring_bytes: 64 * 1024,
            compact_entries: 2_000,
            compact_bytes: 256 * 1024,
            linger: Duration::from_secs(5),
            inbox: 4_096,
            waiting_bytes_per_person: 16 * 1024 * 1024,
            waiting_bytes: 256 * 1024 * 1024,
        }
    }
}

/// All rooms of a process.
pub struct Rooms {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: RoomSettings,
    pub(crate) metrics: Metrics,
    clock: Clock,
    open: Mutex<HashMap<DocumentId, Door>>,
    /// Rung when a room has ended.
    ended: Notify,
    next_seat: AtomicU64,
    waiting_bytes: Arc<AtomicUsize>,
}

/// The way into one room.
struct Door {
    inbox: mpsc::Sender<ToRoom>,
    bell: Arc<Bell>,
    /// Bytes that wait in this room, by person.
    waiting: HashMap<PersonId, Weak<AtomicUsize>>,
}

impl Rooms {
    /// No room yet.
    pub fn new(store: Arc<dyn Store>, settings: RoomSettings, clock: Clock, metrics: Metrics) -> Arc<Self> {
        Arc::new(Self {
            store,
            settings,
            metrics,
            clock,
            open: Mutex::default(),
            ended: Notify::new(),
            next_seat: AtomicU64::new(1),
            waiting_bytes: Arc::default(),
        })
    }

    /// Joins a document's room, loading it if need be. The client leaves when it is dropped, also if that is before the answer.
    pub fn open(self: &Arc<Self>, opening: Opening, answer: OpenAnswer) -> Client {
        let key = self.next_seat.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.lock();
        let door = open.entry(opening.document).or_insert_with(|| self.build(opening.document));
        if door.inbox.is_closed() {
            // The room before failed and left its door behind.
            *door = self.build(opening.document);
        }
        let waiting = door.waiting_of(opening.person);
        let link = Arc::new(Link::new(key, opening.person, opening.schema, waiting));
        let client = Client {
            link: link.clone(),
            bell: door.bell.clone(),
            inbox: door.inbox.clone(),
            waiting: self.waiting_bytes.clone(),
            caps: (self.settings.waiting_bytes_per_person, self.settings.waiting_bytes),
        };
        // Sent under the lock: a room that ends looks at its inbox under the same lock.
        let joining = ToRoom::Open(Box::new(Joining { opening, link, answer }));
        let refused = door.inbox.try_send(joining).err();
        drop(open);
        if let Some(ToRoom::Open(joining)) = refused.map(mpsc::error::TrySendError::into_inner) {
            (joining.answer)(Err(Refusal::Busy));
        }
        client
    }

    fn build(self: &Arc<Self>, id: DocumentId) -> Door {
        let (inbox, receiver) = mpsc::channel(self.settings.inbox);
        let bell = Arc::new(Bell::default());
        tokio::spawn(room::live(id, self.clone(), receiver, bell.clone()));
        Door { inbox, bell, waiting: HashMap::new() }
    }

    /// Takes note that a document's row changed: everybody in its room is told, and judged by it from now on.
    /// Call it after the store changed.
    pub fn changed(&self, document: Arc<Document>) {
        if let Some(door) = self.open.lock().get(&document.id) {
            door.bell.document_changed(document);
        }
    }

    /// Takes note that a document was deleted for ever.
    pub fn purged(&self, document: DocumentId) {
        if let Some(door) = self.open.lock().get(&document) {
            door.bell.purged();
        }
    }

    /// Saves what waits, answers everybody, and ends all rooms.
    pub async fn close(&self) {
        loop {
            let ended = self.ended.notified();
            {
                let open = self.open.lock();
                let living = open.values().filter(|door| !door.inbox.is_closed());
                if living.map(|door| door.bell.close()).count() == 0 {
                    return;
                }
            }
            ended.await;
        }
    }

    /// Ends a room, unless somebody is on the way in: then it lives on.
    pub(crate) fn retire(&self, id: DocumentId, bell: &Arc<Bell>, inbox: &mut mpsc::Receiver<ToRoom>) -> bool {
        let mut open = self.open.lock();
        if !inbox.is_empty() {
            return false;
        }
        inbox.close();
        if open.get(&id).is_some_and(|door| Arc::ptr_eq(&door.bell, bell)) {
            open.remove(&id);
        }
        drop(open);
        self.ended.notify_waiters();
        true
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)()
    }
}

impl Door {
    fn waiting_of(&mut self, person: PersonId) -> Arc<AtomicUsize> {
        if let Some(counter) = self.waiting.get(&person).and_then(Weak::upgrade) {
            return counter;
        }
        self.waiting.retain(|_, counter| counter.strong_count() > 0);
        let counter = Arc::default();
        self.waiting.insert(person, Arc::downgrade(&counter));
        counter
    }
}

/// One connection's hold on one room. Nothing here blocks or waits.
pub struct Client {
    link: Arc<Link>,
    bell: Arc<Bell>,
    inbox: mpsc::Sender<ToRoom>,
    waiting: Arc<AtomicUsize>,
    caps: (usize, usize),
}

impl Client {
    /// Hands an edit to the room. `answer` is called once: at once if the room is too busy (B2), else when the edit is
    /// durable or refused. Edits of one client are judged in the order of the calls.
    pub fn edit(&self, edit: Incoming, answer: Answer) {
        let counters = [(self.link.waiting_bytes.clone(), self.caps.0), (self.waiting.clone(), self.caps.1)];
        let Some(held) = Held::take(edit.update.len(), counters) else {
            return answer(Err(Refusal::Busy));
        };
        let message = ToRoom::Edit { link: self.link.clone(), incoming: edit, held, answer };
        if let Err(refused) = self.inbox.try_send(message)
            && let ToRoom::Edit { answer, .. } = refused.into_inner()
        {
            answer(Err(Refusal::Busy));
        }
    }

    /// The client has applied everything up to `seq`, and `part` parts of the snapshot that is being sent (D6).
    pub fn confirm(&self, seq: Seq, part: u32) {
        self.link.confirm(seq, part, &self.bell);
    }

    /// What the client tells of itself: JSON of at most 1 KiB, which the caller has checked (B4).
    pub fn present(&self, state: Option<Bytes>) {
        self.link.present(state, &self.bell);
    }

    /// The session ended: nothing of this client that still waits is appended, and it leaves (A3).
    pub fn revoke(&self) {
        self.link.revoke(&self.bell);
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.link.leave(&self.bell);
    }
}
