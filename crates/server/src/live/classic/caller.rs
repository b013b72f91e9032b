//! One socket of the course's pages: what it asks is put into its inbox, and its one task does it or hands it on, in the order of
//! arrival. Decides nothing about accounts, documents or texts.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

use engine::{
    document::DocumentId,
    person::{PersonId, SessionId},
    refusal::Refusal,
    scribe::Revocation,
};
use parking_lot::Mutex;
use socketioxide::{
    adapter::LocalAdapter,
    extract::AckSender,
    handler::{FromMessageParts, MessageHandler},
    socket::Socket,
};
use socketioxide_core::Value;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Classic,
    page::ToPage,
    pages::Key,
    seat::Reader,
    wire::{ErrorOut, NotDoneOut, Request, words},
};
use crate::{
    auth::sessions::Held,
    live::{
        board::Member,
        connection::InOrder,
        limits::{Budget, Place},
        line::Line,
        outlet::{Peer, Reply},
    },
};

/// Requests that wait for one socket.
const WAITING: usize = 256;

/// What these may hold, in bytes.
const WAITING_BYTES: usize = 8 << 20;

/// Somebody in whose name documents are read and written.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) person: PersonId,
    pub(super) name: Arc<str>,
    /// `None`: anybody may come in that name, and none of them knows of the others' pages.
    pub(super) session: Option<SessionId>,
}

/// A socket. It knows its line, but not the library's socket, which knows it.
pub(super) struct Caller {
    pub(super) number: u64,
    pub(super) line: Arc<Line>,
    /// How long a text needs at least to go there and an answer to come back, about.
    pub(super) way: Duration,
    /// `None`: it may only sign up and in.
    pub(super) who: Option<Who>,
    budget: Arc<Budget>,
    /// Whether it came to where one signs up and in.
    is_at_the_door: bool,
    /// `None` once it has left: what was asked before is done still.
    inbox: Mutex<Option<mpsc::Sender<Asked>>>,
    waiting_bytes: AtomicUsize,
    /// A text came that could not wait.
    has_missed: AtomicBool,
    /// Its session ended: what waits is not done.
    is_revoked: AtomicBool,
    desks: Mutex<HashMap<DocumentId, Desk>>,
    /// The session is watched, and the person's place taken, as long as this lives.
    _kept: Option<(Held, Place)>,
}

/// What of the time between a line's first request and its joining is not the way.
const WORK: Duration = Duration::from_millis(20);

/// Who takes longer to join had something else to do first: then this is assumed.
const WAY_LONGEST: Duration = Duration::from_secs(2);
const WAY_USUAL: Duration = Duration::from_millis(100);

/// Clients join at once when the line is open: from that the way is known.
fn way_of(line: &Line) -> Duration {
    let age = line.age();
    if age > WAY_LONGEST { WAY_USUAL } else { age.saturating_sub(WORK) }
}

/// A document that a socket has to do with.
struct Desk {
    /// As the socket's page calls it, whatever it is called by now.
    name: Arc<str>,
    revocation: Arc<Revocation>,
    _place: Place,
}

/// A request on its way.
struct Asked {
    request: Request,
    answer: Answer,
    bytes: usize,
    arrived: Instant,
}

/// The one answer to a request.
pub(super) struct Answer {
    reply: Reply,
    /// Whether the page waits for an acknowledgement.
    pub(super) is_awaited: bool,
}

impl Answer {
    /// Acknowledges, if that was asked for.
    pub(super) fn send(self, data: &(impl serde::Serialize + ?Sized), bytes: usize) {
        self.reply.send_large(data, bytes);
    }

    /// Says why it was not done: by an event, and by the acknowledgement.
    pub(super) fn refuse(self, peer: &Peer, refusal: Refusal) {
        complain(peer, words(refusal));
        self.reply.send(&NotDoneOut { message: words(refusal) });
    }
}

/// `erro`. Who does not even take that is hung up on.
pub(super) fn complain(peer: &Peer, message: &'static str) {
    peer.tell_or_cut("erro", &ErrorOut { message });
}

impl Caller {
    /// Begins to take requests for a socket.
    pub(super) fn start(
        classic: &Arc<Classic>,
        number: u64,
        who: Option<Who>,
        is_at_the_door: bool,
        peer: Peer,
        (budget, kept): (Arc<Budget>, Option<(Held, Place)>),
    ) -> Arc<Self> {
        let (inbox, requests) = mpsc::channel(WAITING);
        let caller = Arc::new(Self {
            number,
            line: Arc::clone(peer.line()),
            way: way_of(peer.line()),
            who,
            budget,
            is_at_the_door,
            inbox: Mutex::new(Some(inbox)),
            waiting_bytes: AtomicUsize::new(0),
            has_missed: AtomicBool::new(false),
            is_revoked: AtomicBool::new(false),
            desks: Mutex::default(),
            _kept: kept,
        });
        tokio::spawn(Arc::clone(&caller).run(Arc::clone(classic), peer, requests));
        caller
    }

    /// Whether its session ended.
    pub(super) fn is_revoked(&self) -> bool {
        self.is_revoked.load(Acquire)
    }

    pub(super) fn has_left(&self) -> bool {
        self.inbox.lock().is_none()
    }

    /// Under which name its page knows this document, if it has to do with it.
    pub(super) fn knows(&self, document: DocumentId) -> Option<Arc<str>> {
        self.desks.lock().get(&document).map(|desk| Arc::clone(&desk.name))
    }

    /// Whether its page knows some document by this name.
    pub(super) fn has_named(&self, name: &str) -> bool {
        self.desk(name).is_some()
    }

    /// The document is out of sight.
    pub(super) fn put_away(&self, document: DocumentId) {
        let desk = self.desks.lock().remove(&document);
        drop(desk);
    }

    /// The pages that it has to do with.
    pub(super) fn open_pages(&self) -> Vec<Key> {
        self.desks.lock().keys().filter_map(|document| self.key(*document)).collect()
    }

    /// The page of a document. Who has not signed in has one of its own.
    pub(super) fn key(&self, document: DocumentId) -> Option<Key> {
        let Who { person, session, .. } = self.who.as_ref()?;
        Some(Key { person: *person, document, alone: session.is_none().then_some(self.number) })
    }

    fn desk(&self, name: &str) -> Option<DocumentId> {
        let desks = self.desks.lock();
        let mut found = desks.iter().filter(|(_, desk)| *desk.name == *name);
        found.next().map(|(document, _)| *document)
    }

    fn take(&self, asked: Asked) -> Result<(), Asked> {
        let bytes = asked.bytes;
        let waiting = self.waiting_bytes.fetch_add(bytes, Relaxed) + bytes;
        let inbox = self.inbox.lock();
        let taken = match &*inbox {
            Some(inbox) if waiting <= WAITING_BYTES => inbox.try_send(asked).map_err(|refused| refused.into_inner()),
            _ => Err(asked),
        };
        if taken.is_err() {
            self.waiting_bytes.fetch_sub(bytes, Relaxed);
        }
        taken
    }

    async fn run(self: Arc<Self>, classic: Arc<Classic>, peer: Peer, mut requests: mpsc::Receiver<Asked>) {
        while let Some(asked) = requests.recv().await {
            self.waiting_bytes.fetch_sub(asked.bytes, Relaxed);
            if !self.is_revoked() {
                self.serve(&classic, &peer, asked).await;
            }
            if requests.is_empty() && self.has_missed.swap(false, AcqRel) {
                let refresh = |key| classic.pages.tell(key, ToPage::Refresh(self.number));
                self.open_pages().into_iter().for_each(refresh);
            }
        }
        classic.forget(&self);
    }

    async fn serve(self: &Arc<Self>, classic: &Arc<Classic>, peer: &Peer, asked: Asked) {
        let Asked { request, answer, arrived, .. } = asked;
        let done = match (request, &self.who) {
            (Request::SignUp(who), _) if self.is_at_the_door => return classic.sign_up(self, peer, who).await,
            (Request::SignIn(who), _) if self.is_at_the_door => return classic.sign_in(self, peer, who).await,
            (Request::SignUp(_) | Request::SignIn(_), _) => Err(Refusal::Invalid("Este evento não existe aqui.")),
            (_, None) => Err(Refusal::Unauthenticated),
            (Request::List, Some(_)) if !answer.is_awaited => Err(Refusal::Invalid("A lista vem como confirmação.")),
            // Each answer may hold megabytes: who does not read what came before gets no more of them.
            (Request::List, Some(_)) if peer.is_behind() => Err(Refusal::Busy),
            (Request::List, Some(who)) => match classic.documents(who.person).await {
                Ok((documents, bytes)) => return answer.send(&documents, bytes),
                Err(refusal) => Err(refusal),
            },
            (Request::Add(name), Some(who)) => match classic.add(who.person, &name).await {
                Ok(true) => Ok(()),
                Ok(false) => {
                    peer.tell_or_cut("documento_existente", &name);
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            },
            (Request::Select(name), Some(who)) => match self.select(classic, who, &name).await {
                Ok(document) => {
                    return self.hand_over(classic, who, peer, document, |reader| ToPage::Select(reader, answer));
                }
                Err(refusal) => Err(refusal),
            },
            (Request::Text { name, text }, Some(who)) => match self.find(classic, who, &name).await {
                Ok(document) => {
                    let text = text.map(Arc::from);
                    let message = |reader| ToPage::Text { reader, text, arrived };
                    return self.hand_over(classic, who, peer, document, message);
                }
                Err(refusal) => Err(refusal),
            },
            (Request::Delete(name), Some(who)) => match self.desk(&name) {
                Some(document) => classic.delete(who.person, document).await,
                None => match classic.named(who.person, &name).await {
                    Ok(document) => classic.delete(who.person, document).await,
                    Err(refusal) => Err(refusal),
                },
            },
        };
        if let Err(refusal) = done {
            classic.refused(refusal);
            answer.refuse(peer, refusal);
        }
    }

    /// The document that its page means by a name.
    async fn find(&self, classic: &Classic, who: &Who, name: &str) -> Result<DocumentId, Refusal> {
        match self.desk(name) {
            Some(document) => Ok(document),
            None => self.select(classic, who, name).await,
        }
    }

    /// The document that is called so now, with a desk for it.
    async fn select(&self, classic: &Classic, who: &Who, name: &str) -> Result<DocumentId, Refusal> {
        let document = classic.named(who.person, name).await?;
        let mut desks = self.desks.lock();
        if let Entry::Vacant(desk) = desks.entry(document) {
            let place = self.budget.document(&classic.limits).ok_or(Refusal::TooMany)?;
            let revocation: Arc<Revocation> = Arc::default();
            // It may have ended while the name was looked up.
            if self.is_revoked() {
                revocation.revoke();
            }
            desk.insert(Desk { name: name.into(), revocation, _place: place });
        }
        Ok(document)
    }

    fn hand_over(
        self: &Arc<Self>,
        classic: &Arc<Classic>,
        who: &Who,
        peer: &Peer,
        document: DocumentId,
        message: impl FnOnce(Reader) -> ToPage,
    ) {
        let desks = self.desks.lock();
        if let (Some(key), Some(desk)) = (self.key(document), desks.get(&document)) {
            let revocation = Arc::clone(&desk.revocation);
            let reader = Reader { caller: Arc::clone(self), who: who.clone(), peer: peer.clone(), revocation };
            classic.pages.send(classic, key, &desk.name, message(reader));
        }
    }
}

impl Member for Caller {
    fn number(&self) -> u64 {
        self.number
    }

    fn session(&self) -> Option<SessionId> {
        self.who.as_ref().and_then(|who| who.session)
    }

    fn line(&self) -> &Arc<Line> {
        &self.line
    }

    fn revoke(&self) {
        self.is_revoked.store(true, Release);
        self.desks.lock().values().for_each(|desk| desk.revocation.revoke());
    }

    fn leave(&self) {
        *self.inbox.lock() = None;
    }

    fn tidy(&self, _: std::time::Instant) {}
}

/// Takes all events of a socket.
pub(super) struct Ear {
    pub(super) caller: Arc<Caller>,
    pub(super) classic: Arc<Classic>,
}

impl MessageHandler<LocalAdapter, InOrder> for Ear {
    fn call(&self, socket: Arc<Socket>, mut value: Value, ack: Option<i64>) {
        let arrived = Instant::now();
        let Self { caller, classic } = self;
        let Ok(sender) = AckSender::from_message_parts(&socket, &mut value, &ack);
        let answer = Answer { reply: Reply::new(sender, Arc::clone(&caller.line)), is_awaited: ack.is_some() };
        let Value::Str(text, _) = value else { return };
        let (refusal, answer) = match Request::read(&text) {
            Ok(request) => match caller.take(Asked { request, answer, bytes: text.len(), arrived }) {
                Ok(()) => return,
                Err(asked) => {
                    caller.has_missed.store(true, Release);
                    (Refusal::Busy, asked.answer)
                }
            },
            Err(refusal) => (refusal, answer),
        };
        classic.refused(refusal);
        answer.refuse(&Peer::new(socket.into(), Arc::clone(&caller.line)), refusal);
    }
}
