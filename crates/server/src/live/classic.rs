//! The course's pages: their contract, on the two namespaces that they know. Events are in `wire.rs`, and each socket's are done
//! one by one by its `caller.rs`. Decides nothing about accounts and rights: those are everybody's.

mod accounts;
mod bases;
mod caller;
mod documents;
mod inside;
mod names;
mod news;
mod page;
mod pages;
mod seat;
mod unbased;
mod wire;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use engine::{document::Document, refusal::Refusal};
use parking_lot::Mutex;
use socketioxide::{
    SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
};
use tokio::sync::OnceCell;

use self::{
    caller::{Caller, Ear, Who},
    inside::Inside,
    news::News,
    page::ToPage,
    pages::Pages,
    wire::{AuthorisedOut, words},
};
use super::{
    board::{Board, Joined},
    limits::{Budget, Limits},
    list::Lists,
    outlet::{Peer, line_of},
    wire::Auth,
};
use crate::{app::App, auth::sessions::NotJoined};

/// Where one signs up and in, and where the first part of the course does all the rest.
const DOOR: &str = "/";

/// Where one must be signed in.
const PEOPLE: &str = "/usuarios";

/// Scribes have numbers of their own among the connections of a room: from here on. A number in JSON is exact up to twice that.
const FIRST_SCRIBE: u64 = 1 << 52;

/// All of the course's pages that are connected.
pub(super) struct Classic {
    app: Arc<App>,
    board: Arc<Board>,
    lists: Arc<Lists>,
    limits: Arc<Limits>,
    news: News,
    callers: Mutex<HashMap<u64, Guest>>,
    pages: Pages,
    inside: Inside,
    scribes: AtomicU64,
    /// In whose name anybody writes, if the operator allows that.
    anybody: OnceCell<Who>,
}

/// A connected page, and how to reach it.
#[derive(Clone)]
struct Guest {
    caller: Arc<Caller>,
    peer: Peer,
}

impl Classic {
    /// Opens the two namespaces.
    pub(super) fn open(app: &Arc<App>, io: &SocketIo, board: &Arc<Board>, lists: &Arc<Lists>) -> Arc<Self> {
        let (news, changes) = News::new();
        let classic = Arc::new(Self {
            app: Arc::clone(app),
            board: Arc::clone(board),
            lists: Arc::clone(lists),
            limits: Arc::clone(board.limits()),
            news,
            callers: Mutex::default(),
            pages: Pages::default(),
            inside: Inside::default(),
            scribes: AtomicU64::new(FIRST_SCRIBE),
            anybody: OnceCell::new(),
        });
        tokio::spawn(news::run(Arc::downgrade(&classic), changes));
        // As everywhere, everything happens before the client hears that it has joined.
        let door = Arc::clone(&classic);
        let join = async move |socket: SocketRef| door.come_to_the_door(&socket).await;
        io.ns(DOOR, (async || {}).with(join));
        let people = Arc::clone(&classic);
        let join = async move |socket: SocketRef, auth: TryData<Auth>| people.come_in(&socket, auth.0.ok()).await;
        io.ns(PEOPLE, greet.with(join));
        classic
    }

    /// Lets anybody in. The line stays a newcomer's.
    async fn come_to_the_door(self: &Arc<Self>, socket: &SocketRef) -> Result<(), &'static str> {
        let who = if self.app.config.classic.anonymous { Some(self.anybody().await.map_err(words)?) } else { None };
        let line = line_of(socket).ok_or(words(Refusal::Unavailable))?;
        if who.is_some() {
            line.welcome();
        }
        let peer = Peer::new(socket.clone(), line);
        let budget = Arc::new(Budget::new(self.limits.bytes_per_second));
        let caller = Caller::start(self, self.board.number(), who, true, peer.clone(), (budget, None));
        self.keep(socket, caller, peer);
        Ok(())
    }

    /// Lets in who has a token of [`Classic::sign_in`].
    async fn come_in(self: &Arc<Self>, socket: &SocketRef, auth: Option<Auth>) -> Result<(), String> {
        let auth = auth.ok_or_else(|| NotJoined::Malformed.to_string())?;
        let joined = self.app.sessions.join_classic(auth.token.as_deref()).await;
        let (signed, held, claims) = joined.map_err(|why| why.to_string())?;
        let admitted = line_of(socket).ok_or(Refusal::Unavailable).and_then(|line| {
            // Whatever cookie came with it is nobody's business here.
            line.take_credentials();
            let (budget, place) = self.board.admit(signed.person.id, &line)?;
            Ok((line, budget, place))
        });
        let (line, budget, place) = admitted.map_err(|refusal| {
            self.refused(refusal);
            words(refusal).to_owned()
        })?;
        let name = claims.name.as_str().into();
        let who = Who { person: signed.person.id, name, session: Some(signed.session.id) };
        let peer = Peer::new(socket.clone(), line);
        let kept = (budget, Some((held, place)));
        let caller = Caller::start(self, self.board.number(), Some(who), false, peer.clone(), kept);
        let out = AuthorisedOut { name: claims.name, issued_s: claims.iat_s, expires_s: claims.exp_s };
        socket.extensions.insert(Arc::new(out));
        self.keep(socket, caller, peer);
        Ok(())
    }

    /// From here on it is heard, and hears.
    fn keep(self: &Arc<Self>, socket: &SocketRef, caller: Arc<Caller>, peer: Peer) {
        let number = caller.number;
        socket.on_fallback(Ear { caller: Arc::clone(&caller), classic: Arc::clone(self) });
        let board = Arc::clone(&self.board);
        socket.on_disconnect(async move || {
            board.leave(number);
        });
        self.callers.lock().insert(number, Guest { caller: Arc::clone(&caller), peer: peer.clone() });
        self.board.keep(Joined { member: caller, peer });
    }

    /// A socket has left, and what it asked before is done.
    fn forget(&self, caller: &Caller) {
        let gone = self.callers.lock().remove(&caller.number);
        drop(gone);
        for key in caller.open_pages() {
            self.pages.tell(key, ToPage::Leave(caller.number));
        }
    }

    /// A document's row changed, or, without one before, it is new.
    pub(super) fn document_changed(&self, before: Option<Arc<Document>>, document: Arc<Document>) {
        self.news.hear(before, document);
    }

    fn next_scribe(&self) -> u64 {
        self.scribes.fetch_add(1, Relaxed)
    }

    fn guests(&self) -> Vec<Guest> {
        self.callers.lock().values().cloned().collect()
    }

    fn refused(&self, refusal: Refusal) {
        self.app.metrics.refused(refusal.code());
    }
}

/// `autorizacao_sucesso`. The original sends it before it says that the socket has joined; here nothing can be sent so soon.
async fn greet(socket: SocketRef) {
    if let (Some(authorised), Some(line)) = (socket.extensions.remove::<Arc<AuthorisedOut>>(), line_of(&socket)) {
        Peer::new(socket, line).tell_or_cut("autorizacao_sucesso", &*authorised);
    }
}
