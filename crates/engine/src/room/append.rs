//! From an edit to an entry: judge it, let it wait, append what waits in one commit, answer. Nobody learns of an edit
//! here before the store says that it is durable (D1).

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;
use tracing::{error, warn};

use super::{
    Done, Room,
    allowance::Held,
    ledger::{Claim, Incoming, Ledger, Verdict},
    ring::Frame,
    seat::{Link, Position, SeatKey},
};
use crate::{
    access::{Action, may},
    client::{Answer, Receipt},
    document::{DocumentId, Kind},
    log::{Cursor, Edit, Entry, Seq},
    refusal::Refusal,
    store::{Loaded, Since, Store, StoreError},
};

/// Edits in one entry, at most.
const ENTRY_EDITS: usize = 1_024;

/// How long to wait before a store that failed is read again; it doubles up to the longest.
const REREAD_PAUSE: Duration = Duration::from_millis(50);
const REREAD_PAUSE_LONGEST: Duration = Duration::from_secs(2);

/// What lies on a room's desk: edits that wait, and the one piece of work with the store that is under way.
#[derive(Default)]
pub(super) struct Desk {
    waiting: VecDeque<Waiting>,
    /// Edits that are judged anew once the log was read again: what they depend on is not here (D4), or not any more.
    lacking: Vec<Received>,
    work: Work,
}

impl Desk {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.lacking.is_empty() && matches!(self.work, Work::None)
    }
}

/// A room has at most one append in flight (L1), and none while it reads the log again.
#[derive(Default)]
enum Work {
    #[default]
    None,
    Appending {
        batch: Vec<Waiting>,
        entry: Arc<Entry>,
    },
    Rereading {
        /// An append failed: nothing is accepted before the log was read (W4).
        failed: bool,
    },
}

/// An edit as it came, and who wants to know what becomes of it.
struct Received {
    link: Arc<Link>,
    claim: Claim,
    _held: Held,
    arrived: Instant,
    /// The sender's, then those of retries.
    answers: Vec<Answer>,
}

/// An accepted edit.
struct Waiting {
    edit: Edit,
    received: Received,
}

/// What reading the log again brought.
pub(super) enum Reread {
    /// The entries behind our head.
    More(Vec<Entry>),
    /// Everything, and the ledger of it.
    Whole(Box<Loaded>, Ledger),
    /// Our head is not on the log any more.
    OtherHistory,
}

impl Room {
    /// An edit arrives.
    pub(super) fn receive(&mut self, link: Arc<Link>, incoming: Incoming, held: Held, answer: Answer) {
        if self.closing || matches!(self.desk.work, Work::Rereading { failed: true }) {
            return self.refuse(vec![answer], Refusal::Unavailable);
        }
        let claim = self.permit(&link).and_then(|()| Claim::read(link.person, incoming));
        match claim {
            Ok(claim) => {
                let received = Received { link, claim, _held: held, arrived: Instant::now(), answers: vec![answer] };
                self.consider(received, false);
            }
            Err(refusal) => self.refuse(vec![answer], refusal),
        }
    }

    /// Whether this client may edit now. Asked when an edit arrives, and again right before it is appended.
    fn permit(&self, link: &Link) -> Result<(), Refusal> {
        if link.is_revoked() {
            return Err(Refusal::Unauthenticated);
        }
        if self.purged {
            return Err(Refusal::Gone);
        }
        may(link.person, Action::Edit, &self.document)?;
        let old = self.document.kind == Kind::Rich && link.schema < self.document.schema;
        if old { Err(Refusal::Forbidden) } else { Ok(()) }
    }

    fn consider(&mut self, mut received: Received, log_was_reread: bool) {
        match self.ledger.judge(&received.claim, self.rooms.now_ms()) {
            Verdict::Accept(edit) => self.desk.waiting.push_back(Waiting { edit, received }),
            Verdict::Stored => answer_all(received.answers, self.head.seq),
            Verdict::Waits => {
                let (writer, n) = (received.claim.incoming.writer, received.claim.incoming.n);
                match self.desk.find(writer, n) {
                    Some(first) => first.received.answers.append(&mut received.answers),
                    None => self.refuse(received.answers, Refusal::Unavailable),
                }
            }
            Verdict::Lacks if log_was_reread => {
                self.refuse(received.answers, Refusal::Invalid("it depends on what nobody has"));
            }
            Verdict::Lacks => self.desk.lacking.push(received),
            Verdict::Refuse(refusal) => self.refuse(received.answers, refusal),
        }
    }

    fn refuse(&self, answers: Vec<Answer>, refusal: Refusal) {
        self.rooms.metrics.refused(refusal.code());
        for answer in answers {
            answer(Err(refusal));
        }
    }

    /// Begins the next append, if something waits and the store is free. There is no timer: the commit is the tick.
    pub(super) fn append_next(&mut self) {
        if !matches!(self.desk.work, Work::None) {
            return;
        }
        if !self.desk.lacking.is_empty() {
            return self.reread(false, Extent::Behind);
        }
        if self.withdraw_unpermitted() {
            return self.reread(false, Extent::Whole);
        }
        let batch = self.desk.next_batch(self.rooms.settings.frame_bytes());
        if batch.is_empty() {
            return;
        }
        let edits = batch.iter().map(|waiting| waiting.edit.clone()).collect();
        let entry = Arc::new(Entry::after(self.head, self.rooms.now_ms(), edits));
        let (store, id, appended) = (self.rooms.store.clone(), self.id, entry.clone());
        self.tasks.spawn(async move { Done::Appended(store.append(id, appended).await) });
        self.desk.work = Work::Appending { batch, entry };
    }

    /// If somebody lost the right to edit meanwhile, what they sent is refused, and all else that waits must be judged
    /// anew: it was accepted on top of that. Whether it is so.
    fn withdraw_unpermitted(&mut self) -> bool {
        if self.desk.waiting.iter().all(|waiting| self.permit(&waiting.received.link).is_ok()) {
            return false;
        }
        for Waiting { received, .. } in std::mem::take(&mut self.desk.waiting) {
            match self.permit(&received.link) {
                Ok(()) => self.desk.lacking.push(received),
                Err(refusal) => self.refuse(received.answers, refusal),
            }
        }
        true
    }

    pub(super) async fn appended(&mut self, result: Result<(), StoreError>) {
        let Work::Appending { batch, entry } = std::mem::take(&mut self.desk.work) else {
            return;
        };
        match result {
            Ok(()) => self.committed(batch, &entry).await,
            Err(cause) => self.append_failed(batch, &cause),
        }
    }

    /// The entry is durable: now, and not before, people learn of it.
    async fn committed(&mut self, batch: Vec<Waiting>, entry: &Entry) {
        self.ledger.note(entry);
        let frame = self.advance(entry);
        let metrics = &self.rooms.metrics;
        metrics.appends.inc();
        metrics.edits.inc_by(batch.len() as u64);
        // The disk works on the next entry while this one is handed out.
        self.append_next();
        let moved = self.move_sole_author(&batch, &frame);
        let last = batch.len().saturating_sub(1);
        for (index, Waiting { received, .. }) in batch.into_iter().enumerate() {
            self.rooms.metrics.edit_seconds.observe(received.arrived.elapsed().as_secs_f64());
            let mut answers = received.answers.into_iter();
            if index == last
                && let Some(answer) = answers.next()
            {
                answer(Ok(Receipt { seq: entry.seq, moved }));
            }
            answer_all(answers, entry.seq);
        }
        self.fan_out(&frame).await;
        self.compact_if_due();
    }

    /// Moves the room's head over an entry that is in the log.
    pub(super) fn advance(&mut self, entry: &Entry) -> Frame {
        let frame = Frame::of(entry);
        self.head = entry.cursor();
        self.tail.entries += 1;
        self.tail.bytes += frame.updates.len();
        self.ring.push(frame.clone());
        frame
    }

    /// If the entry is wholly one client's own, and that client has all before it, the acknowledgement moves its cursor (D2).
    fn move_sole_author(&mut self, batch: &[Waiting], frame: &Frame) -> Option<(u64, Cursor)> {
        let key = batch.first()?.received.link.key;
        if batch.iter().any(|waiting| waiting.received.link.key != key) {
            return None;
        }
        let seat = self.seats.get_mut(&key)?;
        if !matches!(seat.position, Position::At(cursor) if cursor.seq == frame.from) {
            return None;
        }
        seat.position = Position::At(frame.to);
        Some((frame.from, frame.to))
    }

    /// The entry may or may not be in the log: nothing more is accepted before that is known (W4).
    fn append_failed(&mut self, batch: Vec<Waiting>, cause: &StoreError) {
        self.rooms.metrics.append_failures.inc();
        error!(document = %self.id, %cause, "an append failed");
        let refusal = Refusal::from(cause);
        let waiting = std::mem::take(&mut self.desk.waiting).into_iter().map(|waiting| waiting.received);
        let lacking = std::mem::take(&mut self.desk.lacking);
        for received in batch.into_iter().map(|waiting| waiting.received).chain(waiting).chain(lacking) {
            self.refuse(received.answers, refusal);
        }
        self.reread(true, Extent::Whole);
    }

    fn reread(&mut self, failed: bool, extent: Extent) {
        self.desk.work = Work::Rereading { failed };
        let (store, id, head) = (self.rooms.store.clone(), self.id, self.head);
        self.tasks.spawn(async move {
            let mut pause = REREAD_PAUSE;
            loop {
                let result = match extent {
                    Extent::Behind => read_behind(&*store, id, head).await,
                    Extent::Whole => read_whole(&*store, id).await,
                };
                if !matches!((extent, &result), (Extent::Whole, Err(StoreError::Unavailable(_)))) {
                    return Done::Reread(result);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(REREAD_PAUSE_LONGEST);
            }
        });
    }

    pub(super) fn reread_done(&mut self, result: Result<Reread, StoreError>) {
        self.desk.work = Work::None;
        let mut again = std::mem::take(&mut self.desk.lacking);
        match result {
            Ok(reread) => {
                if matches!(reread, Reread::Whole(..)) {
                    again.extend(self.desk.waiting.drain(..).map(|waiting| waiting.received));
                }
                self.adopt(reread);
            }
            Err(cause) => {
                warn!(document = %self.id, %cause, "the log could not be read again");
                return again.into_iter().for_each(|received| self.refuse(received.answers, Refusal::from(&cause)));
            }
        }
        for received in again {
            self.consider(received, true);
        }
        let keys: Vec<SeatKey> = self.seats.keys().copied().collect();
        for key in keys {
            self.serve(key);
        }
    }

    /// Takes over what the log holds.
    pub(super) fn adopt(&mut self, reread: Reread) {
        match reread {
            Reread::More(entries) => {
                for entry in &entries {
                    self.ledger.adopt(entry);
                    self.advance(entry);
                }
            }
            Reread::Whole(loaded, ledger) => {
                self.ledger = ledger;
                self.ring.clear();
                self.head = Cursor::start(self.id);
                self.tail.entries = 0;
                self.tail.bytes = 0;
                if let Some(snapshot) = &loaded.snapshot {
                    self.head = snapshot.through;
                    self.tail.snapshot_bytes = snapshot.update.len();
                }
                for entry in &loaded.tail {
                    self.advance(entry);
                }
            }
            Reread::OtherHistory => {
                error!(document = %self.id, "the log was replaced under a room; everybody starts again");
                self.start_over();
            }
        }
    }

    /// Everybody must come back; the room ends when they have left.
    fn start_over(&mut self) {
        self.closing = true;
        while let Some((key, seat)) = self.seats.first_key_value() {
            let key = *key;
            seat.outlet.disconnect();
            self.leave(key);
        }
    }
}

impl Desk {
    fn find(&mut self, writer: u32, n: u64) -> Option<&mut Waiting> {
        let appending = match &mut self.work {
            Work::Appending { batch, .. } => batch.as_mut_slice(),
            _ => &mut [],
        };
        let mut all = appending.iter_mut().chain(&mut self.waiting);
        all.find(|waiting| waiting.edit.writer == writer && waiting.edit.n == n)
    }

    /// What goes into one entry: so much that one frame carries it, unless one edit alone is larger (D6).
    fn next_batch(&mut self, limit_bytes: usize) -> Vec<Waiting> {
        let mut bytes = 0;
        let fits = |waiting: &&Waiting| {
            bytes += waiting.edit.update.len() + 5;
            bytes <= limit_bytes
        };
        let count = self.waiting.iter().take(ENTRY_EDITS).take_while(fits).count();
        let count = count.max(1).min(self.waiting.len());
        self.waiting.drain(..count).collect()
    }
}

/// Acknowledges without moving anybody's cursor.
fn answer_all(answers: impl IntoIterator<Item = Answer>, seq: Seq) {
    for answer in answers {
        answer(Ok(Receipt { seq, moved: None }));
    }
}

/// How much of the log is read again.
#[derive(Clone, Copy)]
enum Extent {
    /// What lies behind the room's head.
    Behind,
    /// Everything: what was accepted and not appended must be forgotten.
    Whole,
}

async fn read_behind(store: &dyn Store, id: DocumentId, head: Cursor) -> Result<Reread, StoreError> {
    match store.since(id, head, usize::MAX).await? {
        Since::Entries(entries) => Ok(Reread::More(entries)),
        Since::Covered => read_whole(store, id).await,
        Since::OtherHistory => Ok(Reread::OtherHistory),
    }
}

/// A larger log is taken in on a thread where nobody else waits.
const LARGE_BYTES: usize = 64 * 1024;

pub(super) async fn read_whole(store: &dyn Store, id: DocumentId) -> Result<Reread, StoreError> {
    let loaded = store.load(id).await?;
    let edits = loaded.tail.iter().flat_map(|entry| &entry.edits).map(|edit| &edit.update);
    let bytes: usize = loaded.snapshot.iter().map(|snapshot| &snapshot.update).chain(edits).map(Bytes::len).sum();
    let take_in = move || {
        let ledger = Ledger::of(&loaded);
        Reread::Whole(Box::new(loaded), ledger)
    };
    if bytes < LARGE_BYTES {
        return Ok(take_in());
    }
    let taken_in = tokio::task::spawn_blocking(take_in).await;
    taken_in.map_err(|cause| StoreError::Unavailable(cause.to_string()))
}
