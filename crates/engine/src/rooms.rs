//! All rooms of a process: one for each open document, never two.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

use crate::{
    document::{Document, DocumentId},
    metrics::Metrics,
    person::PersonId,
    refusal::Refusal,
    room::{self, Allowance, Bell, Joining, Link, ToRoom},
    store::Store,
};

pub use crate::client::*;

/// The time now, in ms since 1970. The engine has no clock of its own.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

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
    /// Bytes that wait in all rooms.
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
        let link = Arc::new(Link::new(key, opening.person, opening.schema));
        let client = Client {
            link: link.clone(),
            bell: door.bell.clone(),
            inbox: door.inbox.clone(),
            allowances: self.allowances(door, opening.person),
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

    fn allowances(&self, door: &mut Door, person: PersonId) -> [Allowance; 2] {
        let settings = &self.settings;
        [
            Allowance { waiting_bytes: door.waiting_of(person), most_bytes: settings.waiting_bytes_per_person },
            Allowance { waiting_bytes: self.waiting_bytes.clone(), most_bytes: settings.waiting_bytes },
        ]
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
