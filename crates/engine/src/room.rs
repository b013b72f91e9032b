//! A room: a document while somebody has it open. One task owns everything here; others reach it through its inbox and its bell.
//! How an edit becomes an entry is in `append.rs`, how entries reach clients is in `deliver.rs`.

mod allowance;
mod append;
mod deliver;
mod ledger;
mod ring;
mod seat;

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
    time::Instant,
};
use tracing::{error, warn};

pub use self::ledger::Incoming;
pub(crate) use self::{
    allowance::{Allowance, Held},
    seat::{Link, SeatKey},
};
use self::{append::Desk, deliver::Fetched, ledger::Ledger, ring::Ring, seat::Seat};
use crate::{
    access::{self, Role},
    client::{Answer, Message, OpenAnswer, Opening},
    document::{Document, DocumentId, Kind},
    log::{Cursor, Snapshot},
    presence::{Board, Present},
    refusal::Refusal,
    replica,
    rooms::Rooms,
    store::StoreError,
};

/// Messages taken from the inbox before the room looks at anything else.
const MESSAGES_AT_ONCE: usize = 512;

/// What reaches a room through its bounded inbox.
pub(crate) enum ToRoom {
    Open(Box<Joining>),
    Edit { link: Arc<Link>, incoming: Incoming, held: Held, answer: Answer },
}

/// Somebody who is about to join.
pub(crate) struct Joining {
    pub(crate) opening: Opening,
    pub(crate) link: Arc<Link>,
    pub(crate) answer: OpenAnswer,
}

/// What reaches a room beside its inbox: it is never full, because each thing in it is there once.
#[derive(Default)]
pub(crate) struct Bell {
    notify: Notify,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    seats: Vec<SeatKey>,
    document: Option<Arc<Document>>,
    purged: bool,
    closing: bool,
}

impl Bell {
    pub(crate) fn ring(&self, key: SeatKey) {
        self.slots.lock().seats.push(key);
        self.notify.notify_one();
    }

    pub(crate) fn document_changed(&self, document: Arc<Document>) {
        self.slots.lock().document = Some(document);
        self.notify.notify_one();
    }

    pub(crate) fn purged(&self) {
        self.slots.lock().purged = true;
        self.notify.notify_one();
    }

    pub(crate) fn close(&self) {
        self.slots.lock().closing = true;
        self.notify.notify_one();
    }
}

/// What a task of the room brought back.
enum Done {
    Appended(Result<(), StoreError>),
    Reread(Result<append::Reread, StoreError>),
    Fetched { key: SeatKey, result: Result<Fetched, StoreError> },
    Compacted(Result<Arc<Snapshot>, replica::CompactError>),
}

/// The state of a room.
pub(crate) struct Room {
    id: DocumentId,
    rooms: Arc<Rooms>,
    inbox: mpsc::Receiver<ToRoom>,
    bell: Arc<Bell>,
    document: Arc<Document>,
    head: Cursor,
    ledger: Ledger,
    ring: Ring,
    seats: BTreeMap<SeatKey, Seat>,
    joining: BTreeMap<SeatKey, Box<Joining>>,
    board: Board,
    desk: Desk,
    tail: Tail,
    /// The newest snapshot while somebody is being sent it, so that many share one copy.
    snapshot: Weak<Snapshot>,
    tasks: JoinSet<Done>,
    purged: bool,
    closing: bool,
    /// When the last client left.
    empty_since: Instant,
}

/// How much of the log lies behind the newest snapshot.
#[derive(Debug, Default)]
struct Tail {
    entries: usize,
    bytes: usize,
    snapshot_bytes: usize,
    compacting: bool,
    /// Grows when compaction fails, so that it is not tried at every entry.
    patience: usize,
}

/// Loads a room and lives its life. Whoever asked to join before it was loaded waits in the inbox.
pub(crate) async fn live(id: DocumentId, rooms: Arc<Rooms>, mut inbox: mpsc::Receiver<ToRoom>, bell: Arc<Bell>) {
    match load(id, &rooms).await {
        Ok((document, loaded)) => {
            let room = Room::new(id, rooms, inbox, bell, document, loaded);
            room.run().await;
        }
        Err(cause) => {
            if !matches!(cause, StoreError::NotFound) {
                error!(document = %id, %cause, "a document could not be loaded");
            }
            let refusal = Refusal::from(&cause);
            loop {
                while let Ok(message) = inbox.try_recv() {
                    match message {
                        ToRoom::Open(joining) => (joining.answer)(Err(refusal)),
                        ToRoom::Edit { answer, .. } => answer(Err(refusal)),
                    }
                }
                if rooms.retire(id, &bell, &mut inbox) {
                    return;
                }
            }
        }
    }
}

async fn load(id: DocumentId, rooms: &Rooms) -> Result<(Document, append::Reread), StoreError> {
    let document = rooms.store.document(id).await?;
    Ok((document, append::read_whole(&*rooms.store, id).await?))
}

impl Room {
    fn new(
        id: DocumentId,
        rooms: Arc<Rooms>,
        inbox: mpsc::Receiver<ToRoom>,
        bell: Arc<Bell>,
        document: Document,
        loaded: append::Reread,
    ) -> Self {
        rooms.metrics.rooms.inc();
        let mut room = Self {
            id,
            inbox,
            bell,
            document: Arc::new(document),
            head: Cursor::start(id),
            ledger: Ledger::default(),
            ring: Ring::new(rooms.settings.ring_bytes),
            seats: BTreeMap::new(),
            joining: BTreeMap::new(),
            board: Board::default(),
            desk: Desk::default(),
            tail: Tail { patience: 1, ..Tail::default() },
            snapshot: Weak::new(),
            tasks: JoinSet::new(),
            purged: false,
            closing: false,
            empty_since: Instant::now(),
            rooms,
        };
        room.adopt(loaded);
        room
    }

    async fn run(mut self) {
        loop {
            let round = self.board.due();
            let leave = self.may_end().then(|| self.end_at());
            tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => match done {
                    Ok(done) => self.finish(done).await,
                    // A task of ours panicked: what it was doing is unknown, so everybody starts again from the store.
                    Err(cause) => return error!(document = %self.id, %cause, "a room ends"),
                },
                () = self.bell.notify.notified() => self.hear(),
                Some(message) = self.inbox.recv() => self.take(message),
                () = at(round) => self.presence_round(),
                () = at(leave) => if self.rooms.retire(self.id, &self.bell, &mut self.inbox) { return },
            }
            for _ in 0..MESSAGES_AT_ONCE {
                let Ok(message) = self.inbox.try_recv() else {
                    break;
                };
                self.take(message);
            }
            self.append_next();
        }
    }

    async fn finish(&mut self, done: Done) {
        match done {
            Done::Appended(result) => self.appended(result).await,
            Done::Reread(result) => self.reread_done(result),
            Done::Fetched { key, result } => self.fetched(key, result),
            Done::Compacted(result) => self.compacted(result),
        }
    }

    fn take(&mut self, message: ToRoom) {
        match message {
            ToRoom::Open(joining) => self.join(joining),
            ToRoom::Edit { link, incoming, held, answer } => self.receive(link, incoming, held, answer),
        }
    }

    /// Looks at what was told beside the inbox.
    fn hear(&mut self) {
        let Slots { seats, document, purged, closing } = {
            let mut slots = self.bell.slots.lock();
            let (purged, closing) = (slots.purged, slots.closing);
            Slots { seats: std::mem::take(&mut slots.seats), document: slots.document.take(), purged, closing }
        };
        self.closing |= closing;
        if let Some(document) = document {
            self.document = document;
            self.tell_change();
        }
        if purged && !self.purged {
            self.purged = true;
            self.tell_purge();
        }
        for key in seats {
            self.attend(key);
        }
    }

    /// Looks at one seat that rang.
    fn attend(&mut self, key: SeatKey) {
        let Some(seat) = self.seats.get_mut(&key) else {
            return;
        };
        seat.link.heard();
        if seat.link.is_gone() {
            return self.leave(key);
        }
        if let Some(state) = seat.link.take_presence()
            && let Some(connection) = seat.connection
        {
            self.board.tell(connection, state);
        }
        if seat.change_behind {
            self.tell_change_to(key);
        }
        self.serve(key);
        self.catch_up_presence(key);
    }

    fn leave(&mut self, key: SeatKey) {
        if let Some(seat) = self.seats.remove(&key) {
            self.rooms.metrics.clients.dec();
            if let Some(connection) = seat.connection {
                self.board.leave(connection);
            }
            self.empty_since = Instant::now();
        }
    }

    /// The role that this client has now: a page that does not know the document's schema only reads, since it would
    /// delete what it does not know.
    fn role(&self, link: &Link) -> Option<Role> {
        let role = access::role_of(link.person, &self.document)?;
        let old = self.document.kind == Kind::Rich && link.schema < self.document.schema;
        Some(if old { Role::Viewer } else { role })
    }

    /// Tells everybody the document's row as it is now.
    fn tell_change(&mut self) {
        let keys: Vec<_> = self.seats.keys().copied().collect();
        for key in keys {
            self.tell_change_to(key);
        }
    }

    fn tell_change_to(&mut self, key: SeatKey) {
        let Some(role) = self.seats.get(&key).map(|seat| self.role(&seat.link)) else {
            return;
        };
        let Some(seat) = self.seats.get_mut(&key) else {
            return;
        };
        let message = Message::Changed { document: self.document.clone(), role };
        let told = seat.outlet.offer(self.id, &message);
        seat.change_behind = !told;
        if role.is_none() {
            if !told {
                seat.outlet.disconnect();
            }
            self.leave(key);
        }
    }

    fn tell_purge(&mut self) {
        while let Some((key, seat)) = self.seats.first_key_value() {
            let key = *key;
            if !seat.outlet.offer(self.id, &Message::Purged) {
                seat.outlet.disconnect();
            }
            self.leave(key);
        }
    }

    /// One round of presence, to all who can take it (B4).
    fn presence_round(&mut self) {
        let changed = self.board.take_round();
        let only = (changed.len() == 1).then(|| changed[0].connection);
        let message = Message::Presence(changed);
        for seat in self.seats.values_mut().filter(|seat| only.is_none() || only != seat.connection) {
            if !(seat.may_take(0) && seat.outlet.offer(self.id, &message)) {
                seat.presence_behind = true;
            }
        }
    }

    /// Who missed a round is told everything, as soon as the window has room.
    fn catch_up_presence(&mut self, key: SeatKey) {
        let Some(seat) = self.seats.get_mut(&key) else {
            return;
        };
        if seat.presence_behind && seat.may_take(0) {
            let all: Vec<Present> = self.board.all_but(seat.connection);
            seat.presence_behind = !seat.outlet.offer(self.id, &Message::Presence(all));
        }
    }

    fn compact_if_due(&mut self) {
        let (tail, settings) = (&mut self.tail, &self.rooms.settings);
        let many = tail.entries >= settings.compact_entries * tail.patience;
        let large = tail.bytes >= settings.compact_bytes.max(tail.snapshot_bytes) * tail.patience;
        if tail.compacting || self.purged || !(many || large) {
            return;
        }
        tail.compacting = true;
        let (store, id) = (self.rooms.store.clone(), self.id);
        self.tasks.spawn(async move { Done::Compacted(replica::compact(&*store, id).await) });
    }

    fn compacted(&mut self, result: Result<Arc<Snapshot>, replica::CompactError>) {
        self.tail.compacting = false;
        match result {
            Ok(snapshot) => {
                self.rooms.metrics.compactions.inc();
                let behind = self.head.seq.saturating_sub(snapshot.through.seq);
                let entries = usize::try_from(behind).unwrap_or(usize::MAX);
                self.tail.bytes = self.tail.bytes / self.tail.entries.max(1) * entries;
                self.tail.entries = entries;
                self.tail.snapshot_bytes = snapshot.update.len();
                self.tail.patience = 1;
                self.snapshot = Arc::downgrade(&snapshot);
            }
            Err(cause) => {
                self.rooms.metrics.compaction_failures.inc();
                self.tail.patience = self.tail.patience.saturating_mul(2);
                warn!(document = %self.id, %cause, "a document could not be compacted; its log stays as it is");
            }
        }
    }

    /// Nobody is here and nothing is under way.
    fn may_end(&self) -> bool {
        let nobody = self.seats.is_empty() && self.joining.is_empty();
        (nobody || self.closing) && self.desk.is_idle() && self.tasks.is_empty()
    }

    fn end_at(&self) -> Instant {
        let linger = if self.closing || self.purged { Duration::ZERO } else { self.rooms.settings.linger };
        self.empty_since + linger
    }
}

impl Drop for Room {
    /// However the room ends, nobody is left behind believing that it goes on.
    fn drop(&mut self) {
        for seat in self.seats.values() {
            seat.outlet.disconnect();
        }
        self.rooms.metrics.clients.dec_by(i64::try_from(self.seats.len()).unwrap_or(i64::MAX));
        self.rooms.metrics.rooms.dec();
    }
}

/// Waits until then; for ever, if there is no then.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
