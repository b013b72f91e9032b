//! A page: what the course's pages of one person are to one document. One task owns it. It merges the whole texts that arrive into
//! the live document, shows them what others write, and lasts until all of that is saved. On what a text was written is
//! `bases.rs`'s, and which page there is `pages.rs`'s affair.

use std::{collections::VecDeque, future::pending, pin::Pin, sync::Arc, time::Duration};

use engine::{
    refusal::{Refusal, Retry},
    scribe::{Author, Heard, Scribe},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    Classic, FIRST_SCRIBE,
    bases::{Base, Bases},
    caller::{Answer, complain},
    pages::Key,
    seat::{Place, Reader, Seat},
    unbased::added,
    wire::{NOTHING, words},
};

/// How long a text waits for a store that fails.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long somebody waits for the answer to `selecionar_documento` while the document cannot be opened.
const PATIENCE_TO_ENTER: Duration = Duration::from_secs(10);

/// How long to wait before the document is opened again; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

/// From so many waiting texts on, one is left out whose next was written on it ...
const CROWDED: usize = 8;

/// ... and so many may wait.
const WAITING: usize = 64;

/// What reaches a page.
pub(super) enum ToPage {
    /// `selecionar_documento`
    Select(Reader, Answer),
    /// `texto_editor`; without a text if it was too large.
    Text { reader: Reader, text: Option<Arc<str>>, arrived: Instant },
    /// Something of this socket was not taken: it needs the text that there is.
    Refresh(u64),
    /// This socket has left.
    Leave(u64),
    /// The document is out of the person's sight.
    Close,
}

/// What is to be done, in order.
enum Task {
    Enter { reader: Reader, answer: Answer, since: Instant },
    Write { reader: Reader, text: Arc<str>, arrived: Instant },
    GiveBack { reader: Reader, refusal: Refusal, since: Instant },
}

/// What the scribe is busy with. It is done to the end, also when nobody waits for it.
type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

enum Done {
    Opened(Result<Scribe, Refusal>),
    TookIn(Scribe, Result<(), Refusal>),
    Wrote(Scribe, Reader, Result<(), Refusal>),
}

struct Page {
    classic: Arc<Classic>,
    key: Key,
    seats: Vec<Seat>,
    /// Of the socket that was here last.
    bases: Bases,
    tasks: VecDeque<Task>,
    /// While somebody is here, or something waits; and not while it works.
    scribe: Option<Scribe>,
    /// For which socket, and whether the others see it.
    scribe_of: (u64, bool),
    work: Option<Work>,
    /// The document is not opened before, and the time after that.
    not_before: Instant,
    pause: Duration,
}

/// The life of a page: from the first that it is asked until nothing is left to do.
pub(super) async fn live(classic: Arc<Classic>, key: Key, bases: Bases, mut inbox: mpsc::UnboundedReceiver<ToPage>) {
    let mut page = Page {
        classic: Arc::clone(&classic),
        key,
        seats: Vec::new(),
        bases,
        tasks: VecDeque::new(),
        scribe: None,
        scribe_of: (0, false),
        work: None,
        not_before: Instant::now(),
        pause: PAUSE,
    };
    loop {
        let due = page.proceed();
        if page.is_idle() && classic.pages.close(key, &mut inbox, &mut page.bases) {
            return;
        }
        tokio::select! {
            biased;
            Some(message) = inbox.recv() => page.hear(message),
            done = finished(&mut page.work) => page.done(done),
            heard = overheard(&mut page.scribe) => page.take_in(heard),
            () = sleep_until(due.unwrap_or(page.not_before)), if due.is_some() => {}
        }
    }
}

async fn finished(work: &mut Option<Work>) -> Done {
    match work {
        Some(working) => {
            let done = working.await;
            *work = None;
            done
        }
        None => pending().await,
    }
}

async fn overheard(scribe: &mut Option<Scribe>) -> Heard {
    match scribe {
        Some(scribe) => scribe.hear().await,
        None => pending().await,
    }
}

impl Page {
    fn hear(&mut self, message: ToPage) {
        match message {
            ToPage::Select(reader, answer) if self.tasks.len() >= WAITING => {
                self.classic.refused(Refusal::Busy);
                answer.refuse(&reader.peer, Refusal::Busy);
            }
            ToPage::Select(reader, answer) => {
                self.tasks.push_back(Task::Enter { reader, answer, since: Instant::now() });
            }
            ToPage::Text { reader, text, arrived } => self.hear_text(reader, text, arrived),
            ToPage::Refresh(socket) => {
                self.seats.iter_mut().filter(|seat| seat.reader.socket() == socket).for_each(|seat| seat.bases.doubt());
            }
            ToPage::Leave(socket) => {
                self.tasks.retain(|task| !matches!(task, Task::Enter { reader, .. } if reader.socket() == socket));
                if let Some(at) = self.seat(socket) {
                    self.go(at, Place::Gone);
                }
            }
            ToPage::Close => self.end(None),
        }
    }

    fn hear_text(&mut self, reader: Reader, text: Option<Arc<str>>, arrived: Instant) {
        let seat = self.seat_of(&reader);
        let Some(text) = text else {
            return self.tasks.push_back(Task::GiveBack { reader, refusal: Refusal::TooLarge, since: arrived });
        };
        let socket = reader.socket();
        let waiting = self.tasks.len();
        if waiting >= CROWDED
            && let Some(Task::Write { reader, text: last, .. }) = self.tasks.back()
            && reader.socket() == socket
            && self.seats[seat].bases.follows(last, &text, arrived)
        {
            self.tasks.pop_back();
        } else if waiting >= WAITING {
            self.seats[seat].bases.doubt();
            self.classic.refused(Refusal::Busy);
            return complain(&reader.peer, words(Refusal::Busy));
        }
        self.tasks.push_back(Task::Write { reader, text, arrived });
    }

    /// Begins what is to be done next; says when to look again, if nothing happens until then.
    fn proceed(&mut self) -> Option<Instant> {
        self.tidy();
        loop {
            if self.work.is_some() {
                return None;
            }
            let Some((reader, is_shown)) = self.author() else {
                self.scribe = None;
                return None;
            };
            let wanted = (reader.socket(), is_shown);
            let Some(scribe) = self.scribe.take_if(|_| self.scribe_of == wanted) else {
                self.scribe = None;
                return self.open(&reader, is_shown);
            };
            let Some(task) = self.tasks.pop_front() else {
                let due = self.seats.iter_mut().filter_map(|seat| seat.show(scribe.text())).min();
                self.scribe = Some(scribe);
                return due;
            };
            self.begin(task, scribe);
        }
    }

    /// Forgets sockets that have left and for which nothing waits, and all that was asked by sessions that ended.
    fn tidy(&mut self) {
        self.tasks.retain(|task| !task.reader().is_over());
        for at in (0..self.seats.len()).rev() {
            let seat = &self.seats[at];
            let socket = seat.reader.socket();
            let waits = || self.tasks.iter().any(|task| task.reader().socket() == socket);
            if !seat.reader.is_over() && (seat.place != Place::Gone || waits()) {
                continue;
            }
            let was_out = seat.place == Place::Out;
            self.go(at, Place::Gone);
            let seat = self.seats.remove(at);
            if !was_out {
                self.bases = seat.bases;
            }
        }
    }

    /// In whose name the scribe works, and whether the others see it.
    fn author(&self) -> Option<(Reader, bool)> {
        if let Some(Task::Enter { reader, .. }) = self.tasks.front()
            && !self.locks_out(reader)
        {
            return Some((reader.clone(), true));
        }
        let inside = self.seats.iter().find(|seat| seat.place == Place::Inside);
        let any = || self.seats.iter().find(|seat| seat.place != Place::Out);
        let seat = inside.or_else(any).map(|seat| (&seat.reader, seat.place == Place::Inside));
        let (reader, is_shown) = seat.or(self.tasks.front().map(|task| (task.reader(), false)))?;
        Some((reader.clone(), is_shown))
    }

    /// Whether the person is inside already, in another window. Who signs in again takes over.
    fn locks_out(&self, reader: &Reader) -> bool {
        self.seats.iter().filter(|seat| seat.place == Place::Inside).any(|Seat { reader: inside, .. }| {
            inside.socket() == reader.socket() || (inside.who.session == reader.who.session && !inside.is_gone())
        })
    }

    fn open(&mut self, reader: &Reader, is_shown: bool) -> Option<Instant> {
        if Instant::now() < self.not_before {
            return Some(self.not_before);
        }
        self.scribe_of = (reader.socket(), is_shown);
        let author = Author {
            document: self.key.document,
            person: self.key.person,
            name: Arc::clone(&reader.who.name),
            connection: is_shown.then(|| self.classic.next_scribe()),
            revocation: Arc::clone(&reader.revocation),
        };
        let rooms = Arc::clone(&self.classic.app.rooms);
        self.work = Some(Box::pin(async move { Done::Opened(Scribe::open(&rooms, &author).await) }));
        None
    }

    fn begin(&mut self, task: Task, scribe: Scribe) {
        match task {
            Task::Enter { reader, answer, .. } => {
                self.enter(&reader, answer, &scribe);
                self.scribe = Some(scribe);
            }
            Task::GiveBack { reader, refusal, .. } => {
                if let Some(at) = self.seat(reader.socket()) {
                    // Who does not read what came before is shown it later.
                    match reader.peer.is_behind() {
                        true => self.seats[at].bases.doubt(),
                        false => _ = self.seats[at].send(scribe.text()),
                    }
                }
                self.classic.refused(refusal);
                complain(&reader.peer, words(refusal));
                self.scribe = Some(scribe);
            }
            Task::Write { reader, text, arrived } => self.write(reader, text, arrived, scribe),
        }
    }

    /// Lets a socket in: first all inside hear of it, then it gets the text.
    fn enter(&mut self, reader: &Reader, answer: Answer, scribe: &Scribe) {
        let at = self.seat_of(reader);
        if self.locks_out(reader) {
            if self.seats[at].place == Place::Door {
                self.seats[at].place = Place::Out;
            }
            return reader.peer.tell_or_cut("usuario_ja_no_documento", &NOTHING);
        }
        let before = self.seats.iter_mut().find(|seat| seat.place == Place::Inside);
        let instead_of = before.map(|seat| {
            seat.reader.peer.tell_or_cut("usuario_ja_no_documento", &NOTHING);
            seat.place = Place::Out;
            seat.reader.socket()
        });
        self.seats[at].place = Place::Inside;
        let who = (Arc::clone(&reader.who.name), reader.peer.clone());
        self.classic.inside.enter(self.key.document, reader.socket(), who, instead_of, elsewhere(scribe));
        // Who wants no acknowledgement is shown the text as any other.
        if answer.is_awaited {
            let text = scribe.text();
            answer.send(&**text, text.len());
            self.seats[at].is_sent(text);
        }
    }

    fn write(&mut self, reader: Reader, text: Arc<str>, arrived: Instant, mut scribe: Scribe) {
        let at = self.seat_of(&reader);
        let base = self.seats[at].wrote(&text, arrived);
        self.work = Some(Box::pin(async move {
            let (base, text) = match base {
                Base::Known { base, text } => (base, text),
                Base::Unknown => {
                    let current = Arc::clone(scribe.text());
                    let with = Arc::clone(&current);
                    let merged = tokio::task::spawn_blocking(move || added(&with, &text)).await;
                    let merged = merged.map_or_else(|_| Arc::clone(&current), Arc::from);
                    (current, merged)
                }
            };
            let written = if base == text { Ok(()) } else { scribe.write(&base, &text, PATIENCE).await };
            Done::Wrote(scribe, reader, written)
        }));
    }

    fn take_in(&mut self, heard: Heard) {
        if let Some(mut scribe) = self.scribe.take() {
            self.work = Some(Box::pin(async move {
                let taken = scribe.take_in(heard).await;
                Done::TookIn(scribe, taken)
            }));
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Opened(Ok(scribe)) => {
                self.pause = PAUSE;
                self.scribe = Some(scribe);
            }
            Done::Opened(Err(refusal)) => self.not_opened(refusal),
            Done::TookIn(scribe, Ok(())) => {
                self.classic.inside.elsewhere(self.key.document, elsewhere(&scribe));
                self.scribe = Some(scribe);
            }
            // It is opened anew, and that says what is the matter.
            Done::TookIn(_, Err(_)) => {}
            Done::Wrote(scribe, _, Ok(())) => {
                self.classic.lists.touched(self.key.document);
                self.scribe = Some(scribe);
            }
            Done::Wrote(_, reader, Err(refusal)) => {
                self.tasks.push_front(Task::GiveBack { reader, refusal, since: Instant::now() });
            }
        }
    }

    /// The document cannot be opened: not now, or not at all.
    fn not_opened(&mut self, refusal: Refusal) {
        if refusal.retry() != Retry::Again {
            return self.end(Some(refusal));
        }
        let now = Instant::now();
        self.not_before = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSE_LONGEST);
        for at in (0..self.tasks.len()).rev() {
            if self.tasks[at].is_too_late(now)
                && let Some(task) = self.tasks.remove(at)
            {
                self.refuse(task, refusal);
            }
        }
    }

    /// Nobody stays, and nothing more is done.
    fn end(&mut self, refusal: Option<Refusal>) {
        for task in std::mem::take(&mut self.tasks) {
            match refusal {
                Some(refusal) if !task.reader().is_over() => self.refuse(task, refusal),
                _ => {}
            }
        }
        (0..self.seats.len()).for_each(|at| self.go(at, Place::Gone));
        self.scribe = None;
    }

    fn refuse(&self, task: Task, refusal: Refusal) {
        self.classic.refused(refusal);
        match task {
            Task::Enter { reader, answer, .. } => answer.refuse(&reader.peer, refusal),
            Task::Write { reader, .. } => complain(&reader.peer, words(refusal)),
            Task::GiveBack { reader, refusal, .. } => complain(&reader.peer, words(refusal)),
        }
    }

    /// A socket is in another place from now on.
    fn go(&mut self, at: usize, place: Place) {
        let seat = &mut self.seats[at];
        if seat.place == Place::Inside {
            self.classic.inside.leave(self.key.document, seat.reader.socket());
        }
        seat.place = place;
    }

    fn seat(&self, socket: u64) -> Option<usize> {
        self.seats.iter().position(|seat| seat.reader.socket() == socket)
    }

    /// The socket's seat. A new one may show whatever the person's page showed before.
    fn seat_of(&mut self, reader: &Reader) -> usize {
        self.seat(reader.socket()).unwrap_or_else(|| {
            let inside = self.seats.iter().find(|seat| seat.place == Place::Inside);
            let bases = inside.map_or(&self.bases, |seat| &seat.bases).clone();
            self.seats.push(Seat::new(reader.clone(), bases));
            self.seats.len() - 1
        })
    }

    fn is_idle(&self) -> bool {
        self.seats.is_empty() && self.tasks.is_empty() && self.work.is_none()
    }
}

impl Task {
    fn reader(&self) -> &Reader {
        match self {
            Self::Enter { reader, .. } | Self::Write { reader, .. } | Self::GiveBack { reader, .. } => reader,
        }
    }

    fn is_too_late(&self, now: Instant) -> bool {
        match self {
            Self::Enter { since, .. } => *since + PATIENCE_TO_ENTER < now,
            Self::Write { arrived: since, .. } | Self::GiveBack { since, .. } => *since + PATIENCE < now,
        }
    }
}

/// Who has the document open in our own application.
fn elsewhere(scribe: &Scribe) -> Vec<Arc<str>> {
    let others = scribe.others().filter(|(connection, _)| *connection < FIRST_SCRIBE);
    others.map(|(_, name)| Arc::clone(name)).collect()
}
