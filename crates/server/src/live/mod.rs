//! Live connections: Socket.IO under `/live`, with guards around it. Only this folder knows socketioxide.
//! Rooms decide about edits, sessions about people; here is only the way to them.

mod connection;
mod document;
mod frames;
mod gate;
mod limits;
mod line;
mod list;
mod metrics;
mod newcomers;
mod outlet;
mod parts;
mod stream;
mod wire;

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{Request, State},
    middleware::{FromFnLayer, Next, from_fn_with_state},
    response::Response,
};
use engine::{
    document::{Document, DocumentId},
    person::SessionId,
    refusal::Refusal,
};
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use socketioxide::{
    ParserConfig, SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
};

pub(crate) use self::metrics::Metrics;
use self::{
    connection::{Connection, Handler},
    document::Shared,
    gate::Gate,
    limits::{Budgets, Limits},
    line::Line,
    list::Lists,
    outlet::Peer,
    wire::{Auth, Ended, Fault},
};
use crate::{app::App, auth::sessions::Sessions};

/// The one namespace. There are no dynamic ones: they are made before anybody is asked who it is, and never freed.
const NAMESPACE: &str = "/live";

/// How often connections are looked at: whether they stay too long, are silent, or owe something.
const INSPECTED_EVERY: Duration = Duration::from_secs(1);

/// A layer that answers everything for Socket.IO.
pub(crate) type LiveLayer = FromFnLayer<
    fn(State<Arc<Gate>>, Request, Next) -> BoxFuture<'static, Response>,
    Arc<Gate>,
    (State<Arc<Gate>>, Request),
>;

/// All live connections, as the rest of the server sees them.
pub(crate) struct Live {
    board: Arc<Board>,
    io: SocketIo,
}

/// Everybody who has joined.
struct Board {
    sessions: Arc<Sessions>,
    shared: Arc<Shared>,
    budgets: Budgets,
    metrics: Metrics,
    next: AtomicU64,
    joined: Mutex<HashMap<u64, Joined>>,
}

/// A connection, and how to reach it.
#[derive(Clone)]
struct Joined {
    connection: Arc<Connection>,
    peer: Peer,
}

/// The layer that speaks Socket.IO, and what can be told to those who speak it.
pub(crate) fn layer(app: Arc<App>) -> (LiveLayer, Live) {
    let limits = Arc::new(Limits::from(&app.config.limits));
    let (service, io) = SocketIo::builder()
        .req_path(gate::PATH)
        .ping_interval(limits.ping_every)
        .ping_timeout(limits.pong_within)
        .connect_timeout(limits.join_within)
        .max_buffer_size(limits.waiting_messages)
        .max_payload(limits.message_bytes as u64)
        .ws_max_message_size(limits.message_bytes)
        .ws_max_frame_size(limits.message_bytes)
        .with_parser(
            ParserConfig::common()
                .max_incoming_binaries(1)
                .max_incoming_binary_buf_size(limits.message_bytes)
                .packet_completion_timeout(limits.message_within),
        )
        .build_svc();
    let board = Board::new(&app, &limits);
    let joining = Arc::clone(&board);
    // Everything happens before the client hears that it has joined: what it sends then must find its handler.
    let join = async move |socket: SocketRef, auth: TryData<Auth>| joining.join(&socket, auth.0.ok()).await;
    io.ns(NAMESPACE, (async || {}).with(join));

    let gate = Gate::new(service, Arc::clone(&app.sessions), limits, app.config.trusted_proxy.clone());
    let pass: fn(State<Arc<Gate>>, Request, Next) -> BoxFuture<'static, Response> = Gate::pass;
    tokio::spawn(inspect(Arc::downgrade(&board)));
    (from_fn_with_state(gate, pass), Live { board, io })
}

impl Live {
    /// These sessions ended: their connections are told so, nothing of theirs that still waits is appended, and they are closed.
    pub(crate) fn end_sessions(&self, sessions: &[SessionId]) {
        let mut ended = self.board.everybody();
        ended.retain(|joined| sessions.contains(&joined.connection.session()));
        for Joined { connection, peer } in ended {
            connection.revoke();
            // Told once, also if two hear of the end at the same time.
            if self.board.leave(connection.number()) {
                peer.tell("session:ended", &Ended { code: Refusal::Unauthenticated.code() });
                peer.dismiss();
            }
        }
    }

    /// A document's row changed, or it is new: pages that list it are told. Its room is told by whoever calls this.
    pub(crate) fn document_changed(&self, document: Arc<Document>) {
        self.board.shared.lists.changed(document);
    }

    /// A document was deleted for ever: pages that list it are told.
    pub(crate) fn document_purged(&self, document: DocumentId) {
        self.board.shared.lists.purged(document);
    }

    /// Tells everybody that the server stops, and closes all connections; those that do not let go are cut.
    pub(crate) async fn close(&self) {
        let everybody = self.board.everybody();
        for joined in &everybody {
            joined.peer.tell("restarting", &serde_json::json!({}));
        }
        // It would wait for ever for a peer that does not read.
        let closing = tokio::time::timeout(self.board.shared.limits.close_within, self.io.close()).await;
        if closing.is_err() {
            tracing::info!("some connections did not let go and are cut");
        }
        everybody.iter().for_each(|joined| joined.connection.line().cut());
    }
}

impl Board {
    fn new(app: &App, limits: &Arc<Limits>) -> Arc<Self> {
        let metrics = app.telemetry.live.clone();
        let shared = Shared {
            rooms: Arc::clone(&app.rooms),
            lists: Lists::new(Arc::clone(&app.store), limits.list_every),
            limits: Arc::clone(limits),
            unfinished: Arc::default(),
            refusals: app.metrics.clone(),
        };
        Arc::new(Self {
            sessions: Arc::clone(&app.sessions),
            shared: Arc::new(shared),
            budgets: Budgets::default(),
            metrics,
            next: AtomicU64::new(1),
            joined: Mutex::default(),
        })
    }

    /// Lets a socket into the namespace, if it has a session and its person has a place left.
    async fn join(self: &Arc<Self>, socket: &SocketRef, auth: Option<Auth>) -> Result<(), Fault> {
        self.admit(socket, auth).await.map_err(|refusal| {
            self.shared.refusals.refused(refusal.code());
            Fault::from(refusal)
        })
    }

    async fn admit(self: &Arc<Self>, socket: &SocketRef, auth: Option<Auth>) -> Result<(), Refusal> {
        let auth = auth.ok_or(Refusal::Invalid("`auth` is an object, and its `token` a text"))?;
        let line = socket.req_parts().extensions.get::<Arc<Line>>().cloned();
        let line = line.ok_or(Refusal::Unauthenticated)?;
        let credentials = line.take_credentials();
        let (signed, held) = self.sessions.join(auth.token.as_deref(), &credentials).await?;
        let limits = &self.shared.limits;
        let budget = self.budgets.of(signed.person.id, limits);
        let place = budget.connection(limits).ok_or(Refusal::TooMany)?;
        // A line is joined once: whoever left the namespace comes back over a new one.
        if !line.join(Arc::clone(&budget)) {
            return Err(Refusal::Unauthenticated);
        }
        let number = self.next.fetch_add(1, Relaxed);
        let shared = Arc::clone(&self.shared);
        let connection = Connection::new(number, &signed, Arc::clone(&line), budget, shared, (held, place));
        socket.on_fallback(Handler(Arc::clone(&connection)));
        let board = Arc::clone(self);
        socket.on_disconnect(async move || {
            board.leave(number);
        });
        // From here on it hears when its session ends.
        self.keep(Joined { connection, peer: Peer::new(socket.clone(), line) });
        Ok(())
    }

    fn keep(&self, joined: Joined) {
        let mut all = self.joined.lock();
        all.insert(joined.connection.number(), joined);
        self.metrics.connections.set(all.len() as i64);
    }

    /// Takes a connection out; `false` if it had left already.
    fn leave(&self, number: u64) -> bool {
        let mut all = self.joined.lock();
        let gone = all.remove(&number);
        self.metrics.connections.set(all.len() as i64);
        drop(all);
        if let Some(Joined { connection, .. }) = &gone {
            connection.leave();
        }
        gone.is_some()
    }

    fn everybody(&self) -> Vec<Joined> {
        self.joined.lock().values().cloned().collect()
    }

    /// Looks at every connection once.
    fn inspect(&self) {
        let now = Instant::now();
        for Joined { connection, .. } in self.everybody() {
            // It may have ended without the library's word for it: that must not keep anything open.
            if !connection.inspect(now) {
                self.leave(connection.number());
            }
        }
        self.metrics.listers.set(self.shared.lists.count() as i64);
    }
}

async fn inspect(board: Weak<Board>) {
    let mut every = tokio::time::interval(INSPECTED_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while let Some(board) = board.upgrade() {
        board.inspect();
        drop(board);
        every.tick().await;
    }
}
