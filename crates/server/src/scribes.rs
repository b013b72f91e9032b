//! Programs' writes of whole texts: one hidden scribe for each person and document, kept for as long as it is used.
//! Knows no protocol; what a write means is the scribe's to say.

use std::{collections::HashMap, sync::Arc, time::Duration};

use engine::{
    document::{Document, DocumentId},
    log::Seq,
    person::{Person, PersonId},
    refusal::Refusal,
    replica,
    rooms::Rooms,
    scribe::{Author, Revocation, Scribe},
    store::Store,
};
use parking_lot::Mutex;
use tokio::{sync::Mutex as Turns, time::Instant};

/// Each holds a whole document.
const AT_ONCE: usize = 64;
/// How many writes may wait at one desk: each holds its text, also when whoever asked has gone.
const WAITING: usize = 16;
/// After so long without use a scribe goes. So one person's draw at most 720 writers a day in a document, of R3's 1,000.
const KEPT_FOR: Duration = Duration::from_secs(120);
/// How long a write is tried again when the room or the store cannot take it.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// All scribes of programs.
pub(crate) struct Scribes {
    rooms: Arc<Rooms>,
    store: Arc<dyn Store>,
    /// `None` once the server stops.
    desks: Mutex<Option<HashMap<Place, Desk>>>,
}

type Place = (PersonId, DocumentId);

/// A scribe, for whose turn it is; `None` until it is needed, and once one is over.
type Turn = Arc<Turns<Option<Scribe>>>;

/// Where one person's writes to one document are done, one after the other.
struct Desk {
    used: Instant,
    revocation: Arc<Revocation>,
    scribe: Turn,
}

/// A whole text that somebody writes.
pub(crate) struct Writing {
    pub(crate) person: Person,
    /// As it was when the person's rights were looked at; the room looks again.
    pub(crate) document: Document,
    /// The last entry in the text that the person had read; `None` for the one that is there now.
    pub(crate) read: Option<Seq>,
    pub(crate) text: String,
}

/// A document's text once a write is durable, with the last entry that it holds.
pub(crate) struct Written {
    pub(crate) seq: Seq,
    pub(crate) text: Arc<str>,
}

/// Why a text was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotWritten {
    /// The log has no such entry: nobody can have read that text.
    NeverRead,
    /// `Unavailable`: it is not known whether it was. Anything else: it was not.
    Refused(Refusal),
}

impl From<Refusal> for NotWritten {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Scribes {
    pub(crate) fn new(rooms: Arc<Rooms>, store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { rooms, store, desks: Mutex::new(Some(HashMap::new())) })
    }

    /// Merges what a person changed in the text that they had read into the document as it is now. To the end, even if
    /// whoever asked has gone.
    ///
    /// # Errors
    /// [`NotWritten`].
    pub(crate) async fn write(self: &Arc<Self>, writing: Writing) -> Result<Written, NotWritten> {
        let scribes = Arc::clone(self);
        let done = tokio::spawn(async move { scribes.take_turn(writing).await }).await;
        done.unwrap_or(Err(NotWritten::Refused(Refusal::Unavailable)))
    }

    async fn take_turn(&self, writing: Writing) -> Result<Written, NotWritten> {
        let (desk, revocation) = self.desk((writing.person.id, writing.document.id))?;
        let mut place = desk.lock().await;
        loop {
            let kept = place.take();
            let is_kept = kept.is_some();
            let scribe = place.insert(match kept {
                Some(kept) => kept,
                None => self.open(&writing, &revocation).await?,
            });
            let base = self.base(scribe, &writing).await?;
            let Err(refusal) = scribe.write(&base, &writing.text, PATIENCE).await else {
                return Ok(Written { seq: scribe.seq(), text: Arc::clone(scribe.text()) });
            };
            *place = None;
            match refusal {
                // Nothing was stored, and a new one draws another writer.
                Refusal::WriterTaken => {}
                Refusal::Unavailable => return Err(Refusal::Unavailable.into()),
                // Nothing was stored; and one that was kept may have ended by what it was told meanwhile.
                _ if is_kept => {}
                refusal => return Err(self.unless_stopping(refusal).into()),
            }
        }
    }

    /// The text that the person had read.
    async fn base(&self, scribe: &Scribe, writing: &Writing) -> Result<Arc<str>, NotWritten> {
        match writing.read {
            None => Ok(replica::text(&*self.store, &writing.document).await?.1.into()),
            Some(seq) if seq == scribe.seq() => Ok(Arc::clone(scribe.text())),
            Some(seq) => {
                let text = replica::text_at(&*self.store, &writing.document, seq).await?;
                text.map(Arc::from).ok_or(NotWritten::NeverRead)
            }
        }
    }

    async fn open(&self, writing: &Writing, revocation: &Arc<Revocation>) -> Result<Scribe, Refusal> {
        let author = Author {
            document: writing.document.id,
            person: writing.person.id,
            name: writing.person.name.as_str().into(),
            connection: None,
            revocation: Arc::clone(revocation),
        };
        let until = Instant::now() + PATIENCE;
        loop {
            let opened = Scribe::open(&self.rooms, &author).await;
            let is_patient = self.is_open() && Instant::now() < until;
            match opened {
                Err(Refusal::Busy | Refusal::Unavailable) if is_patient => tokio::time::sleep(PAUSE).await,
                opened => return opened.map_err(|refusal| self.unless_stopping(refusal)),
            }
        }
    }

    fn desk(&self, at: Place) -> Result<(Turn, Arc<Revocation>), Refusal> {
        let mut desks = self.desks.lock();
        let desks = desks.as_mut().ok_or(Refusal::Unavailable)?;
        if desks.len() >= AT_ONCE && !desks.contains_key(&at) {
            let freed = least_missed(desks).ok_or(Refusal::Busy)?;
            desks.remove(&freed);
        }
        let desk = desks.entry(at).or_insert_with(Desk::new);
        if Arc::strong_count(&desk.scribe) > WAITING {
            return Err(Refusal::Busy);
        }
        desk.used = Instant::now();
        Ok((Arc::clone(&desk.scribe), Arc::clone(&desk.revocation)))
    }

    /// Lets the scribes go that nobody used for a while. Call it now and then.
    pub(crate) fn tidy(&self) {
        if let Some(desks) = self.desks.lock().as_mut() {
            desks.retain(|_, desk| desk.is_busy() || desk.used.elapsed() < KEPT_FOR);
        }
    }

    /// The server stops: nothing more is written, and nothing is tried any longer.
    pub(crate) fn close(&self) {
        for desk in self.desks.lock().take().into_iter().flat_map(HashMap::into_values) {
            desk.revocation.revoke();
        }
    }

    /// To be revoked when the server stops says nothing about the person.
    fn unless_stopping(&self, refusal: Refusal) -> Refusal {
        if self.is_open() { refusal } else { Refusal::Unavailable }
    }

    fn is_open(&self) -> bool {
        self.desks.lock().is_some()
    }
}

impl Desk {
    fn new() -> Self {
        Self { used: Instant::now(), revocation: Arc::default(), scribe: Arc::default() }
    }

    /// Somebody writes here, or waits to.
    fn is_busy(&self) -> bool {
        Arc::strong_count(&self.scribe) > 1
    }
}

/// Of whoever has most, the one that was not used for longest: so nobody takes the place of others.
fn least_missed(desks: &HashMap<Place, Desk>) -> Option<Place> {
    let mut counts: HashMap<PersonId, usize> = HashMap::new();
    desks.keys().for_each(|(person, _)| *counts.entry(*person).or_default() += 1);
    let idle = desks.iter().filter(|(_, desk)| !desk.is_busy());
    let missed = idle.max_by_key(|((person, _), desk)| (counts.get(person), desk.used.elapsed()));
    missed.map(|(place, _)| *place)
}

#[cfg(test)]
mod tests {
    use engine::{
        document::{Kind, Visibility},
        metrics::Metrics,
        person::Name,
        rooms::RoomSettings,
    };
    use store::memory::Memory;

    use super::*;

    fn scribes() -> (Arc<Scribes>, Arc<Memory>) {
        let store = Arc::new(Memory::new());
        let rooms = Rooms::new(store.clone(), RoomSettings::default(), Arc::new(|| 0), Metrics::default());
        (Scribes::new(rooms, store.clone()), store)
    }

    fn place(person: u64, document: u128) -> Place {
        (PersonId(person), DocumentId(document))
    }

    fn places(scribes: &Scribes) -> Vec<Place> {
        let mut places: Vec<_> = scribes.desks.lock().iter().flat_map(HashMap::keys).copied().collect();
        places.sort();
        places
    }

    #[tokio::test(start_paused = true)]
    async fn r3_a_scribe_is_kept_for_two_minutes_after_its_last_use() {
        let (scribes, _) = scribes();
        let busy = scribes.desk(place(1, 1)).unwrap();
        drop(scribes.desk(place(1, 2)).unwrap());
        tokio::time::advance(KEPT_FOR / 2).await;
        drop(scribes.desk(place(1, 3)).unwrap());
        tokio::time::advance(KEPT_FOR / 2).await;
        scribes.tidy();
        assert_eq!(places(&scribes), [place(1, 1), place(1, 3)], "one is busy, one was used a minute ago");
        drop(busy);
        tokio::time::advance(KEPT_FOR / 2).await;
        scribes.tidy();
        assert_eq!(places(&scribes), []);
    }

    #[tokio::test(start_paused = true)]
    async fn b3_whoever_writes_in_many_documents_takes_nobody_elses_place() {
        let (scribes, _) = scribes();
        drop(scribes.desk(place(1, 0)).unwrap());
        for document in 0..2 * AT_ONCE as u128 {
            tokio::time::advance(Duration::from_millis(1)).await;
            drop(scribes.desk(place(2, document)).unwrap());
        }
        let kept = places(&scribes);
        assert_eq!(kept.len(), AT_ONCE);
        assert_eq!(kept[..2], [place(1, 0), place(2, AT_ONCE as u128 + 1)], "the oldest of theirs went");
        let busy: Vec<_> = kept.iter().map(|at| scribes.desk(*at).unwrap()).collect();
        assert_eq!(scribes.desk(place(3, 0)).err(), Some(Refusal::Busy));
        drop(busy);
        assert!(scribes.desk(place(3, 0)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_cannot_be_read_is_tried_for_some_seconds() {
        let (scribes, store) = scribes();
        store.close().await.unwrap();
        let person = Person {
            id: PersonId(1),
            name: Name::new("ana").unwrap(),
            password_hash: String::new(),
            owner: false,
            disabled: false,
            created_ms: 0,
        };
        let document = Document {
            id: DocumentId(1),
            title: "x".to_owned(),
            kind: Kind::Text,
            schema: 1,
            owner: person.id,
            visibility: Visibility::Instance,
            members: Vec::new(),
            created_ms: 0,
            changed_ms: 0,
            changed_by: person.id,
            trashed_ms: None,
        };
        let writing =
            || Writing { person: person.clone(), document: document.clone(), read: None, text: "x".to_owned() };
        let begun = Instant::now();
        let refused = scribes.write(writing()).await.err();
        assert_eq!(refused, Some(NotWritten::Refused(Refusal::Unavailable)));
        assert!((PATIENCE..2 * PATIENCE).contains(&begun.elapsed()), "{:?}", begun.elapsed());

        let begun = Instant::now();
        let waiting = tokio::spawn({
            let (scribes, writing) = (Arc::clone(&scribes), writing());
            async move { scribes.write(writing).await.err() }
        });
        tokio::time::sleep(PAUSE).await;
        scribes.close();
        assert_eq!(waiting.await.unwrap(), Some(NotWritten::Refused(Refusal::Unavailable)));
        assert!(begun.elapsed() < PATIENCE / 2, "the server stops: {:?}", begun.elapsed());
        assert_eq!(scribes.write(writing()).await.err(), Some(NotWritten::Refused(Refusal::Unavailable)));
    }
}
