//! One person's connection that has joined: takes its requests in the order of their arrival, and hands each to where it belongs.
//! No handler waits or is spawned, but for reading a list: so events keep their order.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    time::Instant,
};

use engine::{
    person::{PersonId, SessionId},
    refusal::Refusal,
};
use socketioxide::{
    adapter::LocalAdapter,
    extract::AckSender,
    handler::{FromMessageParts, MessageHandler},
    socket::Socket,
};
use socketioxide_core::Value;
use tokio::sync::Semaphore;

use super::{
    board::Member,
    document::{Documents, Shared},
    limits::{Budget, Place},
    line::Line,
    outlet::{Peer, Reply},
    wire::{ErrorOut, Request},
};
use crate::{
    auth::sessions::{Held, Signed},
    row::ListRequest,
};

/// A connection. Knows its line, but not its socket, which knows it.
pub(super) struct Connection {
    /// Presence is keyed by it (W7).
    number: u64,
    session: SessionId,
    person: PersonId,
    line: Arc<Line>,
    documents: Arc<Documents>,
    shared: Arc<Shared>,
    /// How many lists may be read for it at once.
    listing: Arc<Semaphore>,
    /// It left, or was made to: whatever still comes is refused.
    has_left: AtomicBool,
    /// The session is watched, and the person's place taken, as long as this lives.
    _kept: (Held, Place),
}

impl Connection {
    pub(super) fn new(
        number: u64,
        signed: &Signed,
        line: Arc<Line>,
        budget: Arc<Budget>,
        shared: Arc<Shared>,
        kept: (Held, Place),
    ) -> Arc<Self> {
        let (person, session) = (signed.person.id, signed.session.id);
        let listing = Arc::new(Semaphore::new(shared.limits.lists_at_once));
        let documents = Documents::new(Arc::clone(&shared), number, person, signed.person.name.as_str().into(), budget);
        Arc::new(Self {
            number,
            session,
            person,
            line,
            documents,
            listing,
            shared,
            has_left: AtomicBool::new(false),
            _kept: kept,
        })
    }

    /// Does what was asked, or hands it on; the answer may come later.
    fn serve(&self, request: Request, peer: Peer, reply: Reply) {
        if self.has_left.load(Acquire) {
            return reply.send(&ErrorOut::from(Refusal::Unauthenticated));
        }
        let documents = &self.documents;
        match request {
            Request::List(request) => self.list(request, peer, reply),
            Request::Open { document, cursor, schema } => documents.open(document, cursor, schema, &peer, reply),
            Request::Edit { document, writer, n, part, update } => {
                documents.edit(document, writer, n, part, update, reply);
            }
            Request::Confirm { document, seq, part } => documents.confirm(document, seq, part),
            Request::Presence { document, state } => documents.present(document, state),
            Request::Close { document } => documents.close(document),
        }
    }

    fn list(&self, request: ListRequest, peer: Peer, reply: Reply) {
        let Ok(reading) = Arc::clone(&self.listing).try_acquire_owned() else {
            return reply.send(&ErrorOut::from(Refusal::Busy));
        };
        let (number, person, lists) = (self.number, self.person, Arc::clone(&self.shared.lists));
        tokio::spawn(async move {
            let _reading = reading;
            match lists.show(number, person, peer, &request).await {
                Ok(page) => reply.send(&page),
                Err(refusal) => reply.send(&ErrorOut::from(refusal)),
            }
        });
    }
}

impl Member for Connection {
    fn number(&self) -> u64 {
        self.number
    }

    fn session(&self) -> Option<SessionId> {
        Some(self.session)
    }

    fn line(&self) -> &Arc<Line> {
        &self.line
    }

    fn revoke(&self) {
        self.documents.revoke();
    }

    fn leave(&self) {
        self.has_left.store(true, Release);
        self.documents.close_all();
        self.shared.lists.leave(self.number);
    }

    fn tidy(&self, now: Instant) {
        self.documents.tidy(now);
    }
}

/// Takes all events of a socket. Socket.IO's own handlers are futures that it spawns one by one, which turns their order around.
pub(super) struct Handler(pub(super) Arc<Connection>);

/// Tells the library's way to implement its trait from ours.
pub(super) struct InOrder;

impl MessageHandler<LocalAdapter, InOrder> for Handler {
    fn call(&self, socket: Arc<Socket>, mut value: Value, ack: Option<i64>) {
        let Self(connection) = self;
        let Ok(sender) = AckSender::from_message_parts(&socket, &mut value, &ack);
        let reply = Reply::new(sender, Arc::clone(connection.line()));
        let Value::Str(text, attachments) = value else { return };
        match Request::read(&text, attachments.unwrap_or_default().make_contiguous()) {
            Ok(request) => connection.serve(request, Peer::new(socket.into(), Arc::clone(connection.line())), reply),
            Err(refusal) => {
                connection.shared.refusals.refused(refusal.code());
                reply.send(&ErrorOut::from(refusal));
            }
        }
    }
}
