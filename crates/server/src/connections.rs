//! TCP connections: accepted, spoken HTTP with, and ended when the server stops. Knows nothing of what is asked.

use std::{io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, http};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::{
    address::Peer,
    visitors::{Connection, Visitors},
};

/// A peer that takes nothing of what was sent to it is gone after this.
const UNACKNOWLEDGED_FOR: Duration = Duration::from_secs(10);
/// How long a request's head may take, and how long a connection may be idle between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// The longest head of a request, in bytes, and its most headers.
const HEAD_BYTES: usize = 32 << 10;
const HEADERS: usize = 64;
/// A pause when the system has no more connections to give.
const EXHAUSTED_FOR: Duration = Duration::from_millis(100);

/// What new connections are served with.
pub(crate) struct Reception {
    pub(crate) router: Router,
    pub(crate) visitors: Arc<Visitors>,
    pub(crate) trusted_proxies: Vec<IpNet>,
}

impl Reception {
    /// Accepts connections until `stopping` says so; then lets each finish the request that it is at.
    /// Who is too slow for that is cut off by dropping this.
    pub(crate) async fn run(self, listener: TcpListener, stopping: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                () = stopping.cancelled() => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let stopping = stopping.clone();
                    match self.receive(stream, peer.ip()) {
                        Ok(connection) => {
                            let served = serve(connection, peer.ip(), self.router.clone(), stopping);
                            connections.spawn(served);
                        }
                        Err(error) => tracing::debug!("a connection ended at once: {error}"),
                    }
                }
                Err(error) => {
                    tracing::warn!("no connection can be accepted: {error}");
                    tokio::time::sleep(EXHAUSTED_FOR).await;
                }
            }
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    }

    fn receive(&self, stream: TcpStream, peer: IpAddr) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_FOR))?;
        let is_proxy = self.trusted_proxies.iter().any(|network| network.contains(&peer.to_canonical()));
        Ok(if is_proxy { Connection::uncounted(stream) } else { self.visitors.arrive(peer.into(), stream) })
    }
}

/// Speaks HTTP until the peer leaves, or has become a WebSocket.
async fn serve(connection: Connection, peer: IpAddr, router: Router, stopping: CancellationToken) {
    let visitor = connection.visitor();
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        if let Some(visitor) = &visitor {
            request.extensions_mut().insert(visitor.clone());
        }
        router.clone().oneshot(request)
    });
    let speaking = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    let mut speaking = pin!(speaking);
    let ended = tokio::select! {
        ended = speaking.as_mut() => ended,
        () = stopping.cancelled() => {
            speaking.as_mut().graceful_shutdown();
            speaking.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}
