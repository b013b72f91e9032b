//! A client of a room that lives in the server: it holds a text document's content, and writes on a person's behalf (W6).
//! For the room it is a client like any other, and what it writes is judged, appended and shown like everybody's.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use crate::{
    document::{DocumentId, Kind, SCHEMA},
    log::{Cursor, Seq, each_update},
    merge,
    person::PersonId,
    refusal::Refusal,
    replica::{self, Draft, Unreadable},
    rooms::{Client, Incoming, Message, Opened, Opening, Outlet, Present, Receipt, Rooms},
};

/// What may wait for a scribe. When it does not listen for a while, the room serves it later, from the log.
const MESSAGES: usize = 64;

/// How long to wait before an edit goes to the room again; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// On whose behalf a scribe writes, where, and how it is known to the room.
#[derive(Clone)]
pub struct Author {
    /// A document of kind `text`.
    pub document: DocumentId,
    /// Whose the edits are; judged by this person's rights.
    pub person: PersonId,
    /// The person's name.
    pub name: Arc<str>,
    /// A number of its own among all connections of the process (W7), if the others are to see that the person is here.
    pub connection: Option<u64>,
    /// How to end this from outside.
    pub revocation: Arc<Revocation>,
}

/// Ends what is done in the name of a session, from outside the task that does it (A3).
#[derive(Default)]
pub struct Revocation {
    is_over: AtomicBool,
    client: Mutex<Weak<Client>>,
}

impl Revocation {
    /// The session ended: nothing of its scribe that still waits is appended, and it never writes again.
    pub fn revoke(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(client) = self.client.lock().upgrade() {
            client.revoke();
        }
    }

    fn follow(&self, client: &Arc<Client>) {
        *self.client.lock() = Arc::downgrade(client);
        if self.is_over() {
            client.revoke();
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// A client that lives in the server. It belongs to one task; when it is dropped, it leaves the room.
pub struct Scribe {
    rooms: Arc<Rooms>,
    author: Author,
    client: Arc<Client>,
    messages: mpsc::Receiver<Message>,
    /// Lent to the thread that works on it; lost if that fails.
    draft: Option<Draft>,
    /// The `n` of its last edit.
    n: u64,
    cursor: Cursor,
    text: Arc<str>,
    others: BTreeMap<u64, Arc<str>>,
    /// The pieces of a snapshot that is arriving, and how many came.
    arriving: (BytesMut, u32),
}

/// Something that a scribe heard and has not taken in yet.
#[derive(Debug)]
pub struct Heard(Option<Message>);

impl Scribe {
    /// Enters the document's room and takes in all that its log holds.
    ///
    /// # Errors
    /// As the room has them; `Invalid` if the document is not of kind `text`.
    pub async fn open(rooms: &Arc<Rooms>, author: &Author) -> Result<Self, Refusal> {
        let (tell, messages) = mpsc::channel(MESSAGES);
        let (answer, opened) = oneshot::channel();
        let opening = Opening {
            document: author.document,
            connection: author.connection,
            person: author.person,
            name: Arc::clone(&author.name),
            cursor: None,
            schema: SCHEMA,
            outlet: Arc::new(Ear(Mutex::new(Some(tell)))),
        };
        let client = Arc::new(rooms.open(opening, Box::new(move |result| _ = answer.send(result))));
        author.revocation.follow(&client);
        let unanswered = |_| if author.revocation.is_over() { Refusal::Unauthenticated } else { Refusal::Unavailable };
        let Opened { document, head, start, present, .. } = opened.await.map_err(unanswered)??;
        if document.kind != Kind::Text {
            return Err(Refusal::Invalid("only a plain-text document is written as text"));
        }
        let mut scribe = Self {
            rooms: Arc::clone(rooms),
            author: author.clone(),
            client,
            messages,
            draft: Some(Draft::new()),
            n: 0,
            cursor: start.cursor,
            text: "".into(),
            others: BTreeMap::new(),
            arriving: (BytesMut::new(), 0),
        };
        scribe.note(present);
        let updates = start.snapshot.into_iter().chain(each_update(start.updates)).collect();
        scribe.apply(updates).await?;
        // With parts, the cursor is where the last of them will bring us: so far there is nothing.
        let mut lacks_parts = start.parts > 0;
        while lacks_parts || scribe.cursor.seq < head {
            let heard = scribe.hear().await;
            lacks_parts &= !heard.ends_a_snapshot();
            scribe.take_in(heard).await?;
        }
        scribe.confirm();
        Ok(scribe)
    }

    /// The text: everything that is durable up to [`Scribe::seq`], and nothing else.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The last entry of the log that [`Scribe::text`] holds.
    pub fn seq(&self) -> Seq {
        self.cursor.seq
    }

    /// Who else is in the room: the number of the connection, and the person's name.
    pub fn others(&self) -> impl Iterator<Item = (u64, &Arc<str>)> {
        self.others.iter().map(|(connection, name)| (*connection, name))
    }

    /// Waits for what the room tells next. Nothing is lost if this is not waited for to its end.
    pub async fn hear(&mut self) -> Heard {
        Heard(self.messages.recv().await)
    }

    /// What was told already, if anything was.
    pub fn heard(&mut self) -> Option<Heard> {
        self.messages.try_recv().ok().map(|message| Heard(Some(message)))
    }

    /// Takes in what was heard. To be waited for to its end.
    ///
    /// # Errors
    /// This scribe is over: drop it, and open a new one if the refusal allows that.
    pub async fn take_in(&mut self, heard: Heard) -> Result<(), Refusal> {
        match heard.0.ok_or(Refusal::Unavailable)? {
            Message::Edits { to, .. } if to.seq <= self.cursor.seq => {}
            Message::Edits { from, .. } if from > self.cursor.seq => return Err(Refusal::Unavailable),
            Message::Edits { to, updates, .. } => {
                self.apply(each_update(updates).collect()).await?;
                self.cursor = to;
            }
            Message::Snapshot { part, parts, through, bytes } => self.piece(part, parts, through, &bytes).await?,
            Message::Presence(people) => self.note(people),
            Message::Changed { role: Some(_), .. } => {}
            Message::Changed { role: None, .. } => return Err(Refusal::NotFound),
            Message::Purged => return Err(Refusal::Gone),
        }
        self.confirm();
        Ok(())
    }

    /// Merges what was changed from `base` to `text` into the document: durable, and in [`Scribe::text`], when it is `Ok`.
    /// Whatever came since `base` stays. To be waited for to its end.
    ///
    /// When the room cannot tell what became of the edit, the replica is thrown away (W6), and the edit itself, the same bytes
    /// under the same number, goes to the room again until `patience` is over: so it is stored once, whatever happened (W3).
    ///
    /// # Errors
    /// This scribe is over: drop it. `Unavailable` when patience is: the edit may have been stored. Else it was refused.
    pub async fn write(&mut self, base: &str, text: &str, patience: Duration) -> Result<(), Refusal> {
        let until = Instant::now() + patience;
        let mut pause = PAUSE;
        while let Err(refusal) = self.catch_up().await {
            self.begin_again(refusal, &mut pause, until).await?;
        }
        let Some(edit) = self.compute(base.into(), text.into()).await? else { return Ok(()) };
        while let Err(refusal) = self.send(edit.clone()).await {
            self.begin_again(refusal, &mut pause, until).await?;
        }
        Ok(())
    }

    async fn catch_up(&mut self) -> Result<(), Refusal> {
        while let Some(heard) = self.heard() {
            self.take_in(heard).await?;
        }
        Ok(())
    }

    /// The edit that makes the difference; `None` if there is none.
    async fn compute(&mut self, base: Arc<str>, text: Arc<str>) -> Result<Option<Incoming>, Refusal> {
        let current = Arc::clone(&self.text);
        let work = move |draft: &mut Draft| {
            let changes = merge::rebase(merge::changes(&base, &text), &base, &current);
            let update = (!changes.is_empty()).then(|| draft.change(&changes)).transpose()?;
            Ok((draft.writer(), update))
        };
        let (writer, update) = self.work(work).await?;
        self.n += u64::from(update.is_some());
        Ok(update.map(|update| Incoming { writer, n: self.n, update }))
    }

    /// Hands an edit to the room and waits until it is durable, and all before it here.
    async fn send(&mut self, edit: Incoming) -> Result<(), Refusal> {
        let update = edit.update.clone();
        let (answer, mut answered) = oneshot::channel();
        self.client.edit(edit, Box::new(move |result| _ = answer.send(result)));
        let receipt = loop {
            tokio::select! {
                biased;
                result = &mut answered => break result.map_err(|_| Refusal::Unavailable)??,
                message = self.messages.recv() => self.take_in(Heard(message)).await?,
            }
        };
        self.reach(receipt, update).await
    }

    /// Enters the room anew, with a new replica, unless the refusal is for good or patience is over.
    async fn begin_again(&mut self, refusal: Refusal, pause: &mut Duration, until: Instant) -> Result<(), Refusal> {
        let mut refusal = refusal;
        loop {
            if self.author.revocation.is_over() {
                return Err(Refusal::Unauthenticated);
            }
            if !matches!(refusal, Refusal::Busy | Refusal::Unavailable) {
                return Err(refusal);
            }
            if Instant::now() + *pause > until {
                return Err(Refusal::Unavailable);
            }
            tokio::time::sleep(*pause).await;
            *pause = (*pause * 2).min(PAUSE_LONGEST);
            match Self::open(&self.rooms, &self.author).await {
                Ok(scribe) => {
                    *self = scribe;
                    return Ok(());
                }
                Err(again) => refusal = again,
            }
        }
    }

    /// Goes on to where its edit is in the log.
    async fn reach(&mut self, Receipt { seq, moved }: Receipt, update: Bytes) -> Result<(), Refusal> {
        if let Some((from, to)) = moved
            && from <= self.cursor.seq
            && self.cursor.seq < to.seq
        {
            // No frame brings it; and if a snapshot replaced the replica meanwhile, it is not there yet.
            self.apply(vec![update]).await?;
            self.cursor = to;
            self.confirm();
        }
        while self.cursor.seq < seq {
            let heard = self.hear().await;
            self.take_in(heard).await?;
        }
        Ok(())
    }

    /// A snapshot stands for the whole log up to its end, so it is taken into a new replica, with a new writer.
    async fn piece(&mut self, part: u32, parts: u32, through: Cursor, bytes: &Bytes) -> Result<(), Refusal> {
        if part == 0 {
            self.arriving = (BytesMut::new(), 0);
        }
        self.arriving.0.extend_from_slice(bytes);
        self.arriving.1 = part + 1;
        if part + 1 < parts {
            return Ok(());
        }
        let snapshot = std::mem::take(&mut self.arriving.0).freeze();
        self.draft = Some(Draft::new());
        self.n = 0;
        self.apply(vec![snapshot]).await?;
        self.cursor = through;
        Ok(())
    }

    async fn apply(&mut self, updates: Vec<Bytes>) -> Result<(), Refusal> {
        let text = self.work(|draft| draft.take_in(updates).map(|()| draft.text())).await?;
        if *text != *self.text {
            self.text = text.into();
        }
        Ok(())
    }

    /// Works on the replica where yrs may recurse.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Draft) -> Result<T, Unreadable> + Send + 'static,
    ) -> Result<T, Refusal> {
        let unreadable = |cause| replica::unreadable(self.author.document, &cause);
        let mut draft = self.draft.take().ok_or(Refusal::Unavailable)?;
        let (draft, done) = replica::briefly(move || {
            let done = work(&mut draft);
            (draft, done)
        })
        .await
        .map_err(unreadable)?;
        let done = done.map_err(unreadable)?;
        self.draft = Some(draft);
        Ok(done)
    }

    fn note(&mut self, people: Vec<Present>) {
        for present in people.into_iter().filter(|present| Some(present.connection) != self.author.connection) {
            match present.state {
                Some(_) => _ = self.others.insert(present.connection, present.name),
                None => _ = self.others.remove(&present.connection),
            }
        }
    }

    fn confirm(&self) {
        self.client.confirm(self.cursor.seq, self.arriving.1);
    }
}

impl Heard {
    fn ends_a_snapshot(&self) -> bool {
        matches!(&self.0, Some(Message::Snapshot { part, parts, .. }) if part + 1 == *parts)
    }
}

/// How the room reaches a scribe.
struct Ear(Mutex<Option<mpsc::Sender<Message>>>);

impl Outlet for Ear {
    fn offer(&self, _: DocumentId, message: &Message) -> bool {
        self.0.lock().as_ref().is_some_and(|tell| tell.try_send(message.clone()).is_ok())
    }

    fn disconnect(&self) {
        self.0.lock().take();
    }
}
