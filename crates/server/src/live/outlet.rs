//! How a connection is reached: rooms offer messages, requests are answered. Nothing here waits, and nothing is lost without a word:
//! what cannot be queued is told to the room, or ends the connection so that the client comes back.

use std::{sync::Arc, time::Duration};

use engine::{
    document::DocumentId,
    rooms::{Message, Outlet},
};
use serde::Serialize;
use socketioxide::{
    SendError, SocketError,
    extract::{AckSender, SocketRef},
};

use super::{
    line::Line,
    wire::{ChangedOut, EditsOut, PresenceOut, SnapshotOut},
};

/// What is queued for a connection when its room gives it up is on its way after this.
const FLUSHED_WITHIN: Duration = Duration::from_millis(100);

/// The line that a socket came over: the gate put it there.
pub(super) fn line_of(socket: &SocketRef) -> Option<Arc<Line>> {
    socket.req_parts().extensions.get().cloned()
}

/// A socket that has joined, and its line.
#[derive(Clone)]
pub(super) struct Peer {
    socket: SocketRef,
    line: Arc<Line>,
}

impl Peer {
    pub(super) fn new(socket: SocketRef, line: Arc<Line>) -> Self {
        Self { socket, line }
    }

    /// Queues an event; `false` if the buffer is full or the connection is gone.
    pub(super) fn tell(&self, event: &'static str, data: &(impl Serialize + ?Sized)) -> bool {
        self.socket.emit(event, data).is_ok()
    }

    /// As [`Peer::tell`]; if the buffer is full, the connection ends: what is missing would not be noticed.
    pub(super) fn tell_or_cut(&self, event: &'static str, data: &(impl Serialize + ?Sized)) {
        if is_full(&self.socket.emit(event, data)) {
            self.line.cut();
        }
    }

    pub(super) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// As [`Peer::tell`], with so many bytes.
    pub(super) fn tell_large(&self, event: &'static str, data: &(impl Serialize + ?Sized), bytes: usize) -> bool {
        let told = self.tell(event, data);
        if told {
            self.line.queue(bytes);
        }
        told
    }

    /// Whether it should be given nothing large for now: it does not read what it was given.
    pub(super) fn is_behind(&self) -> bool {
        self.line.is_behind()
    }

    /// Leaves the namespace, with the client's knowledge, and gives it a moment to hang up.
    pub(super) fn dismiss(&self) {
        // If even this cannot be queued, the client hears of nothing: then it ends at once.
        if self.socket.clone().disconnect().is_err() {
            self.line.cut();
        }
        self.line.leave();
    }
}

impl Outlet for Peer {
    fn offer(&self, document: DocumentId, message: &Message) -> bool {
        match message {
            Message::Edits { from, to, updates } => {
                let head = EditsOut { doc: document, from: *from, seq: to.seq, tag: to.tag };
                self.tell_large("edits", &(head, updates), updates.len())
            }
            Message::Snapshot { part, parts, through, bytes } => {
                let (part, parts) = (*part, *parts);
                let head = SnapshotOut { doc: document, part, parts, seq: through.seq, tag: through.tag };
                self.tell_large("snapshot", &(head, bytes), bytes.len())
            }
            Message::Presence(people) => self.tell("presence", &PresenceOut::new(document, people)),
            Message::Changed { document, role } => self.tell("doc:changed", &ChangedOut::now(document, *role)),
            Message::Purged => self.tell("doc:changed", &ChangedOut::gone(document)),
        }
    }

    fn disconnect(&self) {
        let line = Arc::clone(&self.line);
        tokio::spawn(async move {
            tokio::time::sleep(FLUSHED_WITHIN).await;
            line.cut();
        });
    }
}

/// The one answer to a request, if its sender asked for one.
pub(super) struct Reply {
    ack: AckSender,
    line: Arc<Line>,
}

impl Reply {
    pub(super) fn new(ack: AckSender, line: Arc<Line>) -> Self {
        Self { ack, line }
    }

    /// As [`Reply::send`], with so many bytes.
    pub(super) fn send_large(self, answer: &(impl Serialize + ?Sized), bytes: usize) {
        self.line.queue(bytes);
        self.send(answer);
    }

    /// Answers. If there is no room for the answer, the connection ends: an answer that is missing would be waited for.
    pub(super) fn send(self, answer: &(impl Serialize + ?Sized)) {
        if is_full(&self.ack.send(answer)) {
            self.line.cut();
        }
    }
}

fn is_full(sent: &Result<(), SendError>) -> bool {
    matches!(sent, Err(SendError::Socket(SocketError::InternalChannelFull)))
}
