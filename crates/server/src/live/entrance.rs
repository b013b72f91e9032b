//! How our own pages, and programs, come into `/live`: with a session, and only there. What they do then is `connection.rs`'s.

use std::sync::Arc;

use engine::refusal::Refusal;
use socketioxide::extract::SocketRef;

use super::{
    board::{Board, Joined},
    connection::{Connection, Handler},
    document::Shared,
    outlet::{Peer, line_of},
    wire::{Auth, Fault},
};
use crate::auth::sessions::Sessions;

/// The way in.
pub(super) struct Entrance {
    pub(super) sessions: Arc<Sessions>,
    pub(super) shared: Arc<Shared>,
    pub(super) board: Arc<Board>,
}

impl Entrance {
    /// Lets a socket into the namespace, if it has a session and its person has a place left.
    pub(super) async fn join(&self, socket: &SocketRef, auth: Option<Auth>) -> Result<(), Fault> {
        self.admit(socket, auth).await.map_err(|refusal| {
            self.shared.refusals.refused(refusal.code());
            Fault::from(refusal)
        })
    }

    async fn admit(&self, socket: &SocketRef, auth: Option<Auth>) -> Result<(), Refusal> {
        let auth = auth.ok_or(Refusal::Invalid("`auth` is an object, and its `token` a text"))?;
        let line = line_of(socket).ok_or(Refusal::Unauthenticated)?;
        let credentials = line.take_credentials();
        let (signed, held) = self.sessions.join(auth.token.as_deref(), &credentials).await?;
        let (budget, place) = self.board.admit(signed.person.id, &line)?;
        let number = self.board.number();
        let shared = Arc::clone(&self.shared);
        let connection = Connection::new(number, &signed, Arc::clone(&line), budget, shared, (held, place));
        socket.on_fallback(Handler(Arc::clone(&connection)));
        let board = Arc::clone(&self.board);
        socket.on_disconnect(async move || {
            board.leave(number);
        });
        self.board.keep(Joined { member: connection, peer: Peer::new(socket.clone(), line) });
        Ok(())
    }
}
