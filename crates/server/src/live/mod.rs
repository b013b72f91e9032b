//! Live connections: Socket.IO under `/live`, and for the course's pages, with guards around it. Only this folder knows
//! socketioxide. Rooms decide about edits, sessions about people; here is only the way to them.

mod board;
mod classic;
mod connection;
mod document;
mod entrance;
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

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::{FromFnLayer, Next, from_fn_with_state},
    response::Response,
};
use engine::{
    document::{Document, DocumentId},
    person::SessionId,
};
use futures_util::future::BoxFuture;
use socketioxide::{
    ParserConfig, SocketIo, SocketIoBuilder,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
};

pub(crate) use self::metrics::Metrics;
use self::{
    board::Board, classic::Classic, document::Shared, entrance::Entrance, gate::Gate, limits::Limits, list::Lists,
    wire::Auth,
};
use crate::app::App;

/// The namespace of our own pages. There are no dynamic ones: they are made before anybody is asked who it is, and never freed.
const NAMESPACE: &str = "/live";

/// A layer that answers everything for Socket.IO.
pub(crate) type LiveLayer = FromFnLayer<
    fn(State<Arc<Gate>>, Request, Next) -> BoxFuture<'static, Response>,
    Arc<Gate>,
    (State<Arc<Gate>>, Request),
>;

/// All live connections, as the rest of the server sees them.
pub(crate) struct Live {
    board: Arc<Board>,
    lists: Arc<Lists>,
    /// Unless it is switched off.
    classic: Option<Arc<Classic>>,
    limits: Arc<Limits>,
    io: SocketIo,
}

/// The layer that speaks Socket.IO, and what can be told to those who speak it.
pub(crate) fn layer(app: Arc<App>) -> (LiveLayer, Live) {
    let limits = Arc::new(Limits::from(&app.config.limits));
    let (service, io) = guarded(&limits).build_svc();
    let board = Board::new(Arc::clone(&limits), app.telemetry.live.clone());
    let lists = Lists::new(Arc::clone(&app.store), limits.list_every, app.telemetry.live.clone());
    let shared = Arc::new(Shared {
        rooms: Arc::clone(&app.rooms),
        lists: Arc::clone(&lists),
        limits: Arc::clone(&limits),
        unfinished: Arc::default(),
        refusals: app.metrics.clone(),
    });
    let entrance = Arc::new(Entrance { sessions: Arc::clone(&app.sessions), shared, board: Arc::clone(&board) });
    // Everything happens before the client hears that it has joined: what it sends then must find its handler.
    let join = async move |socket: SocketRef, auth: TryData<Auth>| entrance.join(&socket, auth.0.ok()).await;
    io.ns(NAMESPACE, (async || {}).with(join));
    let classic = (!app.config.classic.off).then(|| Classic::open(&app, &io, &board, &lists));

    let gate = Gate::new(service, Arc::clone(&app.sessions), Arc::clone(&limits), app.config.trusted_proxy.clone());
    let pass: fn(State<Arc<Gate>>, Request, Next) -> BoxFuture<'static, Response> = Gate::pass;
    (from_fn_with_state(gate, pass), Live { board, lists, classic, limits, io })
}

/// Socket.IO with every limit set.
fn guarded(limits: &Limits) -> SocketIoBuilder {
    SocketIo::builder()
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
}

impl Live {
    /// These sessions ended: their connections are told so, nothing of theirs that still waits is appended, and they are closed.
    pub(crate) fn end_sessions(&self, sessions: &[SessionId]) {
        self.board.end_sessions(sessions);
    }

    /// A document's row changed, or, without one before, it is new: pages that list it are told. Its room is told by whoever
    /// calls this.
    pub(crate) fn document_changed(&self, before: Option<Arc<Document>>, document: Arc<Document>) {
        self.lists.changed(Arc::clone(&document));
        if let Some(classic) = &self.classic {
            classic.document_changed(before, document);
        }
    }

    /// A document was deleted for ever: pages that list it are told. The course's pages know nothing of the trash.
    pub(crate) fn document_purged(&self, document: DocumentId) {
        self.lists.purged(document);
    }

    /// Tells everybody that the server stops, and closes all connections; those that do not let go are cut.
    pub(crate) async fn close(&self) {
        let everybody = self.board.everybody();
        for joined in &everybody {
            joined.peer.tell("restarting", &serde_json::json!({}));
        }
        // It would wait for ever for a peer that does not read.
        let closing = tokio::time::timeout(self.limits.close_within, self.io.close()).await;
        if closing.is_err() {
            tracing::info!("some connections did not let go and are cut");
        }
        everybody.iter().for_each(|joined| joined.member.line().cut());
    }
}
