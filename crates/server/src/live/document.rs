//! The documents that one connection has open. Everything here only hands over to the room's bounded inbox, in the order in
//! which it was called: rooms decide, and answer.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    time::Instant,
};

use bytes::Bytes;
use engine::{
    document::DocumentId,
    log::{Cursor, Seq, WriterId},
    metrics::Metrics,
    person::PersonId,
    refusal::Refusal,
    rooms::{Answer, Client, Incoming, OpenAnswer, Opening, Rooms},
};
use parking_lot::Mutex;

use super::{
    limits::{Budget, Limits, Place},
    list::Lists,
    outlet::{Peer, Reply},
    parts::{Added, Assembly},
    wire::{EditOut, ErrorOut, OpenOut},
};

/// What all connections share.
pub(super) struct Shared {
    pub(super) rooms: Arc<Rooms>,
    pub(super) lists: Arc<Lists>,
    pub(super) limits: Arc<Limits>,
    /// Bytes of all unfinished edits.
    pub(super) unfinished: Arc<AtomicUsize>,
    /// Where refusals are counted.
    pub(super) refusals: Metrics,
}

/// One connection's open documents.
pub(super) struct Documents {
    shared: Arc<Shared>,
    connection: u64,
    person: PersonId,
    name: Arc<str>,
    budget: Arc<Budget>,
    openings: AtomicU64,
    open: Mutex<HashMap<DocumentId, Desk>>,
    assembly: Mutex<Assembly>,
}

/// An open document.
struct Desk {
    client: Client,
    /// Which opening this is: the refusal of one must not close a later one.
    opening: u64,
    _place: Place,
}

impl Documents {
    pub(super) fn new(
        shared: Arc<Shared>,
        connection: u64,
        person: PersonId,
        name: Arc<str>,
        budget: Arc<Budget>,
    ) -> Arc<Self> {
        let (openings, open, assembly) = (AtomicU64::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { shared, connection, person, name, budget, openings, open, assembly })
    }

    /// Enters a document, or enters it anew from another cursor. The room answers before it sends anything else.
    pub(super) fn open(
        self: &Arc<Self>,
        document: DocumentId,
        cursor: Option<Cursor>,
        schema: u32,
        peer: &Peer,
        reply: Reply,
    ) {
        self.close(document);
        if peer.is_behind() {
            return reply.send(&ErrorOut::from(Refusal::Busy));
        }
        let Some(place) = self.budget.document(&self.shared.limits) else {
            return reply.send(&ErrorOut::from(Refusal::TooMany));
        };
        let (person, name) = (self.person, Arc::clone(&self.name));
        let outlet = Arc::new(peer.clone());
        let connection = Some(self.connection);
        let opening = Opening { document, connection, person, name, cursor, schema, outlet };
        let number = self.openings.fetch_add(1, Relaxed);
        let refused = Arc::new(AtomicBool::new(false));
        let answer = Arc::clone(self).answer_to(document, number, &refused, reply);
        let client = self.shared.rooms.open(opening, answer);
        self.open.lock().insert(document, Desk { client, opening: number, _place: place });
        // It may have been refused before it was put there.
        if refused.load(Acquire) {
            self.forget(document, number);
        }
    }

    fn answer_to(
        self: Arc<Self>,
        document: DocumentId,
        number: u64,
        refused: &Arc<AtomicBool>,
        reply: Reply,
    ) -> OpenAnswer {
        let refused = Arc::clone(refused);
        Box::new(move |result| match result {
            Ok(opened) => {
                let bytes = opened.start.updates.len() + opened.start.snapshot.as_ref().map_or(0, Bytes::len);
                reply.send_large(&OpenOut::new(&opened, self.connection), bytes);
            }
            Err(refusal) => {
                refused.swap(true, AcqRel);
                self.forget(document, number);
                reply.send(&ErrorOut::from(refusal));
            }
        })
    }

    fn forget(&self, document: DocumentId, number: u64) {
        let mut open = self.open.lock();
        let is_this = open.get(&document).is_some_and(|desk| desk.opening == number);
        let desk = if is_this { open.remove(&document) } else { None };
        drop(open);
        drop(desk);
    }

    /// Hands an edit, or what becomes one, to its room.
    pub(super) fn edit(
        &self,
        document: DocumentId,
        writer: WriterId,
        n: u64,
        part: Option<(u32, u32)>,
        update: Bytes,
        reply: Reply,
    ) {
        let update = match self.assembled(document, writer, n, part, update) {
            Ok(Ok(update)) => update,
            Ok(Err(part)) => return reply.send(&EditOut::Part { part }),
            Err(refusal) => return reply.send(&EditOut::from(Err(refusal))),
        };
        let lists = Arc::clone(&self.shared.lists);
        let answer: Answer = Box::new(move |result| {
            if result.is_ok() {
                lists.touched(document);
            }
            reply.send(&EditOut::from(result));
        });
        match self.open.lock().get(&document) {
            Some(desk) => desk.client.edit(Incoming { writer, n, update }, answer),
            // The client asked to enter, was refused, and has not heard of it yet: nothing of it is lost.
            None => answer(Err(Refusal::Busy)),
        }
    }

    /// The whole update, or the number of the part that was put aside.
    fn assembled(
        &self,
        document: DocumentId,
        writer: WriterId,
        n: u64,
        part: Option<(u32, u32)>,
        update: Bytes,
    ) -> Result<Result<Bytes, u32>, Refusal> {
        let Some(part) = part else { return Ok(Ok(update)) };
        let Shared { unfinished, limits, .. } = &*self.shared;
        let added = self.assembly.lock().add((document, writer, n), part, &update, unfinished, limits)?;
        Ok(match added {
            Added::Complete(update) => Ok(update),
            Added::Waiting => Err(part.0),
        })
    }

    /// The client has applied what it was sent up to here.
    pub(super) fn confirm(&self, document: DocumentId, seq: Seq, part: u32) {
        if let Some(desk) = self.open.lock().get(&document) {
            desk.client.confirm(seq, part);
        }
    }

    /// What the client tells of itself.
    pub(super) fn present(&self, document: DocumentId, state: Option<Bytes>) {
        if let Some(desk) = self.open.lock().get(&document) {
            desk.client.present(state);
        }
    }

    /// Leaves a document.
    pub(super) fn close(&self, document: DocumentId) {
        let desk = self.open.lock().remove(&document);
        drop(desk);
    }

    /// Leaves all documents.
    pub(super) fn close_all(&self) {
        let open = std::mem::take(&mut *self.open.lock());
        drop(open);
    }

    /// The session ended: nothing that still waits is appended.
    pub(super) fn revoke(&self) {
        let open = std::mem::take(&mut *self.open.lock());
        open.values().for_each(|desk| desk.client.revoke());
    }

    /// Drops an unfinished edit whose next part does not come.
    pub(super) fn tidy(&self, now: Instant) {
        self.assembly.lock().tidy(now, &self.shared.limits);
    }
}
