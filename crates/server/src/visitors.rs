//! Connections on which nobody has signed in (B3): counted by address, and closed, oldest first, when they are too many.
//! So a flood costs its address the connections that it does not use, and nobody else anything.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use axum::http::{Request, header::UPGRADE};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
};

use crate::{address::Address, auth::sessions::Sessions, config::Limits};

/// After so long a WebSocket that did not join was closed by Socket.IO itself, and is none of ours any more.
const UPGRADED_FOR: Duration = Duration::from_secs(15);

/// All visits.
pub(crate) struct Visitors {
    per_address: usize,
    in_all: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: u64,
    /// In the order of arrival.
    visits: BTreeMap<u64, Visit>,
    by_address: HashMap<Address, BTreeSet<u64>>,
}

struct Visit {
    address: Address,
    requests: usize,
    /// Sending, not dropping, closes the connection.
    close: oneshot::Sender<()>,
}

impl Visitors {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            per_address: limits.max_visitors_per_address.get() as usize,
            in_all: limits.max_visitors.get() as usize,
            state: Mutex::default(),
        })
    }

    /// A connection arrived. If that is one too many, another one is closed.
    pub(crate) fn arrive(self: &Arc<Self>, address: Address, stream: TcpStream) -> Connection {
        let (close, closed) = oneshot::channel();
        let number = self.state.lock().arrive(address, close, self.per_address, self.in_all);
        let guest = Guest { visitors: Arc::clone(self), number };
        Connection { stream, closed: Some(closed), guest: Some(Arc::new(guest)) }
    }
}

impl State {
    fn arrive(&mut self, address: Address, close: oneshot::Sender<()>, per_address: usize, in_all: usize) -> u64 {
        self.last += 1;
        let number = self.last;
        self.visits.insert(number, Visit { address, requests: 0, close });
        self.by_address.entry(address).or_default().insert(number);
        let same = &self.by_address[&address];
        let one_too_many = if same.len() > per_address {
            self.to_close(same.iter().copied())
        } else if self.visits.len() > in_all {
            self.to_close(self.visits.keys().copied())
        } else {
            None
        };
        if let Some(visit) = one_too_many.and_then(|oldest| self.leave(oldest)) {
            let _ = visit.close.send(());
        }
        number
    }

    /// The oldest that does nothing, or else the oldest.
    fn to_close(&self, mut numbers: impl Iterator<Item = u64> + Clone) -> Option<u64> {
        let is_idle = |number: &u64| self.visits.get(number).is_some_and(|visit| visit.requests == 0);
        numbers.clone().find(is_idle).or_else(|| numbers.next())
    }

    fn leave(&mut self, number: u64) -> Option<Visit> {
        let visit = self.visits.remove(&number)?;
        if let Some(same) = self.by_address.get_mut(&visit.address) {
            same.remove(&number);
            if same.is_empty() {
                self.by_address.remove(&visit.address);
            }
        }
        Some(visit)
    }
}

/// A visit as long as its connection lives.
struct Guest {
    visitors: Arc<Visitors>,
    number: u64,
}

impl Guest {
    /// Somebody signed in: the connection no longer counts.
    fn is_known(&self) {
        self.visitors.state.lock().leave(self.number);
    }

    fn count_request(&self, more: bool) {
        if let Some(visit) = self.visitors.state.lock().visits.get_mut(&self.number) {
            visit.requests = if more { visit.requests + 1 } else { visit.requests.saturating_sub(1) };
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.is_known();
    }
}

/// What each request carries of its connection's visit. Does not keep it alive.
#[derive(Clone)]
pub(crate) struct Visitor(Weak<Guest>);

impl Visitor {
    /// A request has come on this connection; it is being answered until what is returned is dropped.
    pub(crate) fn request<B>(&self, request: &Request<B>, sessions: &Sessions) -> Working {
        if let Some(guest) = self.0.upgrade() {
            if sessions.is_known(request.headers()) {
                guest.is_known();
            } else if request.headers().contains_key(UPGRADE) {
                // Programs send their token only inside the WebSocket.
                let guest = Weak::clone(&self.0);
                tokio::spawn(async move {
                    tokio::time::sleep(UPGRADED_FOR).await;
                    if let Some(guest) = guest.upgrade() {
                        guest.is_known();
                    }
                });
            }
            guest.count_request(true);
        }
        Working(Weak::clone(&self.0))
    }
}

/// A request that is being answered: its connection is closed last.
pub(crate) struct Working(Weak<Guest>);

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(guest) = self.0.upgrade() {
            guest.count_request(false);
        }
    }
}

/// A connection that can be closed from outside, also after it became a WebSocket.
pub(crate) struct Connection {
    stream: TcpStream,
    closed: Option<oneshot::Receiver<()>>,
    guest: Option<Arc<Guest>>,
}

impl Connection {
    /// A connection that is not counted: a proxy's, which carries many people.
    pub(crate) fn uncounted(stream: TcpStream) -> Self {
        Self { stream, closed: None, guest: None }
    }

    /// What to put into its requests.
    pub(crate) fn visitor(&self) -> Option<Visitor> {
        self.guest.as_ref().map(|guest| Visitor(Arc::downgrade(guest)))
    }

    fn is_closed(&mut self, context: &mut Context<'_>) -> bool {
        let Some(closed) = &mut self.closed else {
            return false;
        };
        match Pin::new(closed).poll(context) {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
            // Somebody signed in: from now on nobody closes it.
            Poll::Ready(Err(_)) => {
                self.closed = None;
                false
            }
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_closed(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn b3_a_flood_closes_its_own_oldest_idle_connections() {
        let mut state = State::default();
        let mut arrive = |from: &str| {
            let (close, closed) = oneshot::channel();
            (state.arrive(address(from), close, 2, 4), closed)
        };
        let (_, mut other) = arrive("1.1.1.1");
        let (first, mut closed_first) = arrive("2.2.2.2");
        let (_, mut closed_second) = arrive("2.2.2.2");
        state.visits.get_mut(&first).unwrap().requests = 1;

        let (close, mut closed_third) = oneshot::channel();
        state.arrive(address("2.2.2.2"), close, 2, 4);
        assert!(closed_second.try_recv().is_ok(), "the oldest idle one");
        assert!(closed_first.try_recv().is_err() && closed_third.try_recv().is_err() && other.try_recv().is_err());

        for from in ["3.3.3.3", "4.4.4.4"] {
            let (close, closed) = oneshot::channel();
            state.arrive(address(from), close, 2, 4);
            drop(closed);
        }
        assert!(other.try_recv().is_ok(), "the oldest of all");
        assert_eq!(state.visits.len(), 4);
    }

    #[test]
    fn b3_who_leaves_is_counted_no_more() {
        let mut state = State::default();
        let (close, _closed) = oneshot::channel();
        let number = state.arrive(address("::1"), close, 1, 1);
        assert!(state.leave(number).is_some() && state.leave(number).is_none());
        assert!(state.visits.is_empty() && state.by_address.is_empty());
    }
}
