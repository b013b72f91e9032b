//! A client and its room: what one asks, what the other tells, and the end by which a connection holds its seat.
//! Who serves it is in `room.rs`; how it is reached is the caller's.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::{
    document::{Document, DocumentId, Role},
    log::{Cursor, Seq},
    person::PersonId,
    refusal::Refusal,
    room::{Allowance, Bell, Held, Link, ToRoom},
};

pub use crate::{presence::Present, room::Incoming};

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
    /// The number that the server gave to the connection; presence is keyed by it (W7). Without one nobody sees that
    /// somebody is here: so it is with a program that only writes.
    pub connection: Option<u64>,
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

/// One connection's hold on one room. Nothing here blocks or waits.
pub struct Client {
    pub(crate) link: Arc<Link>,
    pub(crate) bell: Arc<Bell>,
    pub(crate) inbox: mpsc::Sender<ToRoom>,
    /// For this person in this room, and for everybody in all rooms.
    pub(crate) allowances: [Allowance; 2],
}

impl Client {
    /// Hands an edit to the room. `answer` is called once: at once if the room is too busy (B2), else when the edit is
    /// durable or refused. Edits of one client are judged in the order of the calls.
    pub fn edit(&self, edit: Incoming, answer: Answer) {
        let Some(held) = Held::take(edit.update.len(), &self.allowances) else {
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
