//! Scribes: whole texts that the server writes for several people into one document, also while the store fails.
#![allow(clippy::unwrap_used)]

#[path = "simulation/faulty.rs"]
mod faulty;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{
    access::Role,
    document::{Document, DocumentId, Kind, Visibility},
    metrics::Metrics,
    person::PersonId,
    refusal::Refusal,
    replica,
    rooms::{RoomSettings, Rooms},
    scribe::{Author, Revocation, Scribe},
    store::Store,
};
use faulty::{Faulty, Weather};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use store::memory::Memory;

const DOCUMENT: DocumentId = DocumentId(7);
const ANA: PersonId = PersonId(1);
const BIA: PersonId = PersonId(2);
const PATIENCE: Duration = Duration::from_secs(60);

struct Place {
    disk: Memory,
    weather: Arc<Weather>,
    rooms: Arc<Rooms>,
    document: Document,
}

impl Place {
    async fn new(kind: Kind, settings: RoomSettings) -> Self {
        let document = Document {
            id: DOCUMENT,
            title: "t".into(),
            kind,
            schema: 1,
            owner: ANA,
            visibility: Visibility::Instance,
            members: Vec::new(),
            created_ms: 0,
            changed_ms: 0,
            changed_by: ANA,
            trashed_ms: None,
        };
        let (disk, weather) = (Memory::new(), Weather::new(1));
        weather.failures.store(0, Ordering::Relaxed);
        disk.create_document(document.clone(), None).await.unwrap();
        let store = Arc::new(Faulty { disk: disk.clone(), weather: Arc::clone(&weather), life: 0 });
        let rooms = Rooms::new(store, settings, Arc::new(|| 1_000), Metrics::default());
        Self { disk, weather, rooms, document }
    }

    async fn enter(&self, person: PersonId, connection: Option<u64>) -> Result<Scribe, Refusal> {
        self.enter_with(person, connection, &Arc::default()).await
    }

    async fn enter_with(
        &self,
        person: PersonId,
        connection: Option<u64>,
        revocation: &Arc<Revocation>,
    ) -> Result<Scribe, Refusal> {
        let (name, revocation) = (format!("p{}", person.0).into(), Arc::clone(revocation));
        let author = Author { document: DOCUMENT, person, name, connection, revocation };
        Scribe::open(&self.rooms, &author).await
    }

    fn change(&mut self, change: impl FnOnce(&mut Document)) {
        change(&mut self.document);
        self.rooms.changed(Arc::new(self.document.clone()));
    }

    async fn stored(&self) -> String {
        replica::text(&self.disk, &self.document).await.unwrap().1
    }
}

/// Takes in all that was told until the scribe has this entry.
async fn reach(scribe: &mut Scribe, seq: u64) {
    while scribe.seq() < seq {
        let heard = scribe.hear().await;
        scribe.take_in(heard).await.unwrap();
    }
}

#[tokio::test]
async fn two_who_write_whole_texts_at_once_keep_every_letter() {
    let place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (mut ana, mut bia) = (place.enter(ANA, Some(1)).await.unwrap(), place.enter(BIA, Some(2)).await.unwrap());
    ana.write("", "um texto", PATIENCE).await.unwrap();
    reach(&mut bia, 1).await;
    assert_eq!(&**bia.text(), "um texto");

    let base = Arc::clone(bia.text());
    let (one, other) =
        tokio::join!(ana.write(&base, "só um texto", PATIENCE), bia.write(&base, "um texto novo", PATIENCE));
    assert_eq!((one, other), (Ok(()), Ok(())));
    let head = ana.seq().max(bia.seq());
    reach(&mut ana, head).await;
    reach(&mut bia, head).await;
    assert_eq!(
        (&**ana.text(), &**bia.text(), &*place.stored().await),
        ("só um texto novo", "só um texto novo", "só um texto novo")
    );

    // Long after, somebody still had the first text.
    ana.write(&base, "um bom texto", PATIENCE).await.unwrap();
    assert_eq!(place.stored().await, "só um bom texto novo");
    let writers: Vec<_> = place.disk.history(DOCUMENT, 0, usize::MAX).await.unwrap();
    let writers: Vec<_> =
        writers.iter().flat_map(|entry| &entry.edits).map(|edit| (edit.person, edit.writer)).collect();
    assert!(writers.iter().all(|(person, writer)| (*person == ANA) == (*writer == writers[0].1)), "{writers:?}");
}

/// Each edit is stored once, whatever the store said about it (W3, W4, W6).
#[tokio::test]
async fn w6_while_the_store_fails_every_word_is_stored_exactly_once() {
    let place = Place::new(Kind::Text, RoomSettings { compact_entries: 20, ..RoomSettings::default() }).await;
    let (mut ana, mut bia) = (place.enter(ANA, Some(1)).await.unwrap(), place.enter(BIA, Some(2)).await.unwrap());
    place.weather.failures.store(15, Ordering::Relaxed);
    let write = async |scribe: &mut Scribe, name: &str| {
        for n in 0..25 {
            let base = Arc::clone(scribe.text());
            let word = format!("{name}{n} ");
            let at = base.char_indices().map(|(at, _)| at).nth(base.chars().count() / 2).unwrap_or(0);
            let text = format!("{}{word}{}", &base[..at], &base[at..]);
            scribe.write(&base, &text, PATIENCE).await.unwrap();
        }
    };
    tokio::join!(write(&mut ana, "A"), write(&mut bia, "B"));
    place.weather.failures.store(0, Ordering::Relaxed);
    let stored = place.stored().await;
    // Words may stand within one another: what counts is each letter, digit and space.
    let count = |text: &str, c: char| text.chars().filter(|other| *other == c).count();
    let all: String = ["A", "B"].iter().flat_map(|name| (0..25).map(move |n| format!("{name}{n} "))).collect();
    for c in "AB 0123456789".chars() {
        assert_eq!(count(&stored, c), count(&all, c), "{c:?} in {stored}");
    }
    assert_eq!(stored.len(), all.len());
}

#[tokio::test]
async fn random_whole_texts_on_old_bases_arrive_in_all_replicas() {
    let settings =
        RoomSettings { window_bytes: 4_096, ring_bytes: 512, compact_entries: 15, ..RoomSettings::default() };
    let place = Place::new(Kind::Text, settings).await;
    let mut scribes = [
        place.enter(ANA, Some(1)).await.unwrap(),
        place.enter(BIA, Some(2)).await.unwrap(),
        place.enter(ANA, None).await.unwrap(),
    ];
    let mut dice = SmallRng::seed_from_u64(7);
    let (mut bases, mut letters) = ([vec!["".into()], vec!["".into()], vec!["".into()]], 0);
    for _ in 0..150 {
        let who = dice.random_range(0..3);
        let (scribe, bases): (_, &mut Vec<Arc<str>>) = (&mut scribes[who], &mut bases[who]);
        let base = Arc::clone(&bases[dice.random_range(bases.len().saturating_sub(3)..bases.len())]);
        let mut text: Vec<char> = base.chars().collect();
        let word = dice.random_range(1..60);
        let at = dice.random_range(0..=text.len());
        text.splice(at..at, std::iter::repeat_n('ü', word));
        letters += word;
        scribe.write(&base, &String::from_iter(text), PATIENCE).await.unwrap();
        bases.push(Arc::clone(scribe.text()));
    }
    let head = scribes.iter().map(Scribe::seq).max().unwrap();
    for scribe in &mut scribes {
        reach(scribe, head).await;
        assert_eq!(scribe.text().chars().count(), letters);
    }
    // A document larger than the window comes in parts to who enters now.
    let late = place.enter(BIA, Some(4)).await.unwrap();
    assert_eq!((late.text(), late.seq()), (scribes[0].text(), head));
    assert!(late.text().len() > 4_096);
}

#[tokio::test]
async fn the_text_as_it_was_can_be_read_at_every_entry() {
    let place = Place::new(Kind::Text, RoomSettings { compact_entries: 10, ..RoomSettings::default() }).await;
    let mut ana = place.enter(ANA, Some(1)).await.unwrap();
    let mut texts = vec![String::new()];
    for n in 0..25 {
        let text = format!("{}{n},", texts[n]);
        ana.write(&texts[n], &text, PATIENCE).await.unwrap();
        texts.push(text);
    }
    assert!(place.disk.load(DOCUMENT).await.unwrap().snapshot.is_some(), "a part of it is history");
    for (seq, text) in texts.iter().enumerate() {
        assert_eq!(replica::text_at(&place.disk, &place.document, seq as u64).await.as_ref(), Ok(&Some(text.clone())));
    }
    assert_eq!(replica::text_at(&place.disk, &place.document, 26).await, Ok(None));
}

#[tokio::test]
async fn a3_a4_a_scribe_has_the_rights_of_its_person_and_session() {
    let mut place = Place::new(Kind::Text, RoomSettings::default()).await;
    let mut bia = place.enter(BIA, Some(1)).await.unwrap();
    bia.write("", "a", PATIENCE).await.unwrap();
    place.change(|document| document.members = vec![(BIA, Role::Viewer)]);
    assert_eq!(bia.write("a", "ab", PATIENCE).await, Err(Refusal::Forbidden));
    let mut ana = place.enter(ANA, Some(2)).await.unwrap();
    place.change(|document| document.trashed_ms = Some(5));
    assert_eq!(ana.write("a", "ac", PATIENCE).await, Err(Refusal::Trashed));
    place.change(|document| document.trashed_ms = None);
    let revocation = Arc::default();
    let mut ana = place.enter_with(ANA, Some(3), &revocation).await.unwrap();
    let (written, ()) = tokio::join!(biased; ana.write("a", "ad", PATIENCE), async { revocation.revoke() });
    assert_eq!(written, Err(Refusal::Unauthenticated));
    assert_eq!(place.enter_with(ANA, Some(4), &revocation).await.err(), Some(Refusal::Unauthenticated));
    assert_eq!(place.stored().await, "a");
}

#[tokio::test]
async fn w7_a_hidden_scribe_is_not_among_the_others() {
    let place = Place::new(Kind::Text, RoomSettings::default()).await;
    let _hidden = place.enter(ANA, None).await.unwrap();
    let shown = place.enter(ANA, Some(2)).await.unwrap();
    let mut bia = place.enter(BIA, Some(3)).await.unwrap();
    let others =
        |scribe: &Scribe| scribe.others().map(|(connection, name)| (connection, name.to_string())).collect::<Vec<_>>();
    assert_eq!(others(&bia), [(2, "p1".to_owned())]);
    drop(shown);
    while !others(&bia).is_empty() {
        let heard = bia.hear().await;
        bia.take_in(heard).await.unwrap();
    }
}

#[tokio::test]
async fn rich_text_is_not_written_as_text() {
    let place = Place::new(Kind::Rich, RoomSettings::default()).await;
    assert!(matches!(place.enter(ANA, Some(1)).await, Err(Refusal::Invalid(_))));
}
