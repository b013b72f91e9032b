//! What stands before Socket.IO: it admits newcomers, bounds what they send, takes requests apart so that no cookie is kept,
//! and opens WebSockets itself, so that every byte goes through a [`Stream`]. Knows no person and no document.

use std::{
    collections::HashMap,
    net::Ipv6Addr,
    sync::{Arc, Weak},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode, Uri,
        header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use engineioxide::service::NotFoundService;
use futures_util::future::BoxFuture;
use hyper::{service::Service, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use parking_lot::Mutex;
use socketioxide::service::SocketIoService;
use tokio_util::sync::CancellationToken;
use tungstenite::handshake::derive_accept_key;

use super::{frames::Frames, limits::Limits, line::Line, newcomers::Newcomers, stream::Stream};
use crate::{
    address::{self, Peer},
    auth::sessions::Sessions,
};

/// Where Socket.IO is reached.
pub(super) const PATH: &str = "/socket.io";

/// Larger than the answer that opens a polling session.
const OPENING_BYTES: usize = 4096;

/// The way to Socket.IO.
pub(crate) struct Gate {
    socket_io: SocketIoService<NotFoundService>,
    newcomers: Arc<Newcomers>,
    sessions: Arc<Sessions>,
    limits: Arc<Limits>,
    trusted_proxies: Vec<IpNet>,
    /// Sessions that began by polling, by their ids: each may go on as a WebSocket.
    polled: Mutex<HashMap<String, Polled>>,
}

struct Polled {
    line: Weak<Line>,
    frames: Arc<Mutex<Frames>>,
}

impl Gate {
    pub(super) fn new(
        socket_io: SocketIoService<NotFoundService>,
        sessions: Arc<Sessions>,
        limits: Arc<Limits>,
        trusted_proxies: Vec<IpNet>,
    ) -> Arc<Self> {
        let newcomers = Newcomers::new(Arc::clone(&limits));
        Arc::new(Self { socket_io, newcomers, sessions, limits, trusted_proxies, polled: Mutex::default() })
    }

    /// A middleware: what is not for Socket.IO goes on to `next`.
    pub(super) fn pass(State(gate): State<Arc<Self>>, request: Request, next: Next) -> BoxFuture<'static, Response> {
        Box::pin(async move {
            let path = request.uri().path();
            if path == PATH || path.strip_prefix(PATH).is_some_and(|rest| rest == "/") {
                gate.answer(request).await
            } else {
                next.run(request).await
            }
        })
    }

    async fn answer(self: Arc<Self>, request: Request) -> Response {
        let Some(asked) = Asked::read(request.uri()) else {
            return fault(StatusCode::BAD_REQUEST, 0, "Transport unknown");
        };
        let known = match &asked.session {
            None => None,
            Some(id) => match self.known(id) {
                Some(known) => Some(known),
                None => return fault(StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
            },
        };
        match (asked.transport, request.method(), known) {
            (Transport::Polling, &Method::GET, None) => self.begin_polling(request).await,
            (Transport::Polling, &Method::GET, Some((line, _))) => self.poll(&line, request.uri()).await,
            (Transport::Polling, &Method::POST, Some((line, frames))) => self.post(&line, &frames, request).await,
            (Transport::WebSocket, &Method::GET, known) => self.upgrade(known.map(|(line, _)| line), request),
            _ => fault(StatusCode::BAD_REQUEST, 2, "Bad handshake method"),
        }
    }

    fn known(&self, session: &str) -> Option<(Arc<Line>, Arc<Mutex<Frames>>)> {
        let polled = self.polled.lock();
        let known = polled.get(session)?;
        let line = known.line.upgrade().filter(|line| !line.ended().is_cancelled())?;
        Some((line, Arc::clone(&known.frames)))
    }

    fn admit(&self, request: &Request) -> Option<Arc<Line>> {
        let Peer(peer) = request.extensions().get().copied().unwrap_or(Peer(Ipv6Addr::UNSPECIFIED.into()));
        let from = address::sender(peer, request.headers(), &self.trusted_proxies);
        let cut = CancellationToken::new();
        let is_known = self.sessions.is_known(request.headers());
        let newcomer = self.newcomers.admit(from, is_known, &cut)?;
        Some(Arc::new(Line::new(request.headers(), cut, newcomer, Arc::clone(&self.limits))))
    }

    /// Opens a session whose peer polls, and learns its id from the answer.
    async fn begin_polling(self: Arc<Self>, request: Request) -> Response {
        let Some(line) = self.admit(&request) else { return too_many() };
        line.polled();
        let response = self.call(bare(Method::GET, request.uri(), Some(&line), Body::empty())).await;
        let (parts, body) = response.into_parts();
        let Ok(body) = to_bytes(body, OPENING_BYTES).await else {
            return fault(StatusCode::INTERNAL_SERVER_ERROR, 3, "Bad request");
        };
        if let Some(session) = session_of(&body) {
            let polled = Polled { line: Arc::downgrade(&line), frames: Arc::default() };
            self.polled.lock().insert(session.clone(), polled);
            tokio::spawn(self.end_with(line.ended().clone(), session));
        }
        Response::from_parts(parts, Body::from(body))
    }

    /// Closes the session as its peer would, once its line is cut: there is no other way in from here.
    /// Nothing happens if it speaks through a WebSocket by now, which ends by itself.
    async fn end_with(self: Arc<Self>, cut: CancellationToken, session: String) {
        cut.cancelled().await;
        self.polled.lock().remove(&session);
        let uri = format!("{PATH}/?EIO=4&transport=polling&sid={session}");
        if let Ok(uri) = uri.parse() {
            self.call(bare(Method::POST, &uri, None, Body::from("1"))).await;
        }
    }

    async fn poll(&self, line: &Line, uri: &Uri) -> Response {
        line.polled();
        let ended = line.ended();
        let response = tokio::select! {
            biased;
            response = self.call(bare(Method::GET, uri, None, Body::empty())) => response,
            () = ended.cancelled() => fault(StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
        };
        line.polled();
        line.wrote(usize::try_from(response.body().size_hint().lower()).unwrap_or(usize::MAX));
        response
    }

    async fn post(&self, line: &Line, frames: &Mutex<Frames>, request: Request) -> Response {
        line.polled();
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, self.limits.message_bytes).await else {
            line.cut();
            return fault(StatusCode::PAYLOAD_TOO_LARGE, 3, "Bad request");
        };
        match line.receive(body.len()) {
            Ok(Some(pause)) => tokio::time::sleep(pause).await,
            Ok(None) => {}
            Err(_) => {
                line.cut();
                return fault(StatusCode::PAYLOAD_TOO_LARGE, 3, "Bad request");
            }
        }
        line.owes(frames.lock().read_packets(&body, Instant::now()));
        self.call(bare(Method::POST, &parts.uri, None, Body::from(body))).await
    }

    /// Opens a WebSocket, for a new session or for one that polled until now.
    fn upgrade(self: Arc<Self>, known: Option<Arc<Line>>, mut request: Request) -> Response {
        let Some(accept) = accepted(request.headers()) else {
            return fault(StatusCode::BAD_REQUEST, 3, "Bad request");
        };
        let is_new = known.is_none();
        let Some(line) = known.or_else(|| self.admit(&request)) else { return too_many() };
        line.upgraded();
        let on_upgrade = hyper::upgrade::on(&mut request);
        let uri = request.uri().clone();
        tokio::spawn(self.connect(on_upgrade, line, uri, is_new));
        let headers = [(UPGRADE, "websocket"), (CONNECTION, "Upgrade"), (SEC_WEBSOCKET_ACCEPT, accept.as_str())];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }

    async fn connect(self: Arc<Self>, on_upgrade: OnUpgrade, line: Arc<Line>, uri: Uri, is_new: bool) {
        let Ok(upgraded) = on_upgrade.await else {
            line.cut();
            return;
        };
        let request = bare(Method::GET, &uri, is_new.then_some(&line), ());
        let stream = Stream::new(TokioIo::new(upgraded), line, self.limits.stalled_after);
        // The only errors are of the address, which was read before.
        let _ = self.socket_io.call((stream, request)).await;
    }

    async fn call(&self, request: Request) -> Response {
        match self.socket_io.call(request).await {
            Ok(response) => response.map(Body::new),
            Err(never) => match never {},
        }
    }
}

/// A request without anything that a session would keep for its whole life, but for its line.
fn bare<B>(method: Method, uri: &Uri, line: Option<&Arc<Line>>, body: B) -> axum::http::Request<B> {
    let mut request = axum::http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    if let Some(line) = line {
        request.extensions_mut().insert(Arc::clone(line));
    }
    request
}

/// What a request's address says.
struct Asked {
    transport: Transport,
    session: Option<String>,
}

#[derive(Clone, Copy)]
enum Transport {
    Polling,
    WebSocket,
}

impl Asked {
    fn read(uri: &Uri) -> Option<Self> {
        let query = uri.query()?;
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(key, value)| (key == name).then_some(value))
        };
        let transport = match (value("EIO"), value("transport")) {
            (Some("4"), Some("polling")) => Transport::Polling,
            (Some("4"), Some("websocket")) => Transport::WebSocket,
            _ => return None,
        };
        Some(Self { transport, session: value("sid").map(str::to_owned) })
    }
}

/// The id in `0{"sid":"…",…}`.
fn session_of(opening: &Bytes) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Opening {
        sid: String,
    }
    let opening: Opening = serde_json::from_slice(opening.strip_prefix(b"0")?).ok()?;
    Some(opening.sid)
}

/// The answer to a WebSocket's key, if this is the handshake of one (RFC 6455, section 4.2.1).
fn accepted(headers: &HeaderMap) -> Option<String> {
    let has = |name, token: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let is_handshake = has(UPGRADE, "websocket") && has(CONNECTION, "upgrade") && has(SEC_WEBSOCKET_VERSION, "13");
    is_handshake.then(|| derive_accept_key(key.as_bytes()))
}

/// Too many sessions were opened from there and not used.
fn too_many() -> Response {
    fault(StatusCode::TOO_MANY_REQUESTS, 3, "Bad request")
}

/// As Engine.IO says what is wrong.
fn fault(status: StatusCode, code: u8, message: &'static str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message });
    (status, axum::Json(body)).into_response()
}
