//! Rooms, rule by rule, where the simulation's chance would say less: rights in mid-append, full inboxes, slow readers.
#![allow(clippy::unwrap_used)]

#[path = "simulation/faulty.rs"]
mod faulty;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use engine::{
    access::Role,
    document::{Document, DocumentId, Kind, Visibility},
    log::Cursor,
    metrics::Metrics,
    person::PersonId,
    refusal::Refusal,
    replica,
    rooms::{Client, Incoming, Message, Opened, Opening, Outlet, Receipt, RoomSettings, Rooms},
    store::Store,
};
use faulty::{Faulty, Weather};
use parking_lot::Mutex;
use store::memory::Memory;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use yrs::{
    Doc, ReadTxn, Text, Transact, Update, Xml, XmlElementPrelim, XmlFragment, XmlTextPrelim, updates::decoder::Decode,
};

const DOCUMENT: DocumentId = DocumentId(7);
const ANA: PersonId = PersonId(1);
const BIA: PersonId = PersonId(2);

/// A place with one document, whose store takes some time for everything.
struct Place {
    disk: Memory,
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
        let store = Arc::new(Faulty { disk: disk.clone(), weather, life: 0 });
        let rooms = Rooms::new(store, settings, Arc::new(|| 1_000), Metrics::default());
        Self { disk, rooms, document }
    }

    async fn open(
        &self,
        person: PersonId,
        connection: u64,
        cursor: Option<Cursor>,
    ) -> Result<(Client, Opened, Arc<Ear>), Refusal> {
        let (ear, (tell, told)) = (Arc::new(Ear::default()), oneshot::channel());
        let opening = Opening {
            document: DOCUMENT,
            connection: Some(connection),
            person,
            name: "n".into(),
            cursor,
            schema: 1,
            outlet: ear.clone(),
        };
        let client = self.rooms.open(opening, Box::new(move |result| _ = tell.send(result)));
        told.await.unwrap().map(|opened| (client, opened, ear))
    }

    fn change(&mut self, change: impl FnOnce(&mut Document)) {
        change(&mut self.document);
        self.rooms.changed(Arc::new(self.document.clone()));
    }
}

/// Hears everything, or nothing while it is stopped.
#[derive(Default)]
struct Ear {
    heard: Mutex<Vec<Message>>,
}

impl Ear {
    fn edits(&self) -> Vec<(u64, u64)> {
        let heard = self.heard.lock();
        let edits = heard.iter().filter_map(|message| match message {
            Message::Edits { from, to, .. } => Some((*from, to.seq)),
            _ => None,
        });
        edits.collect()
    }

    fn roles(&self) -> Vec<Option<Role>> {
        let heard = self.heard.lock();
        let roles = heard.iter().filter_map(|message| match message {
            Message::Changed { role, .. } => Some(*role),
            _ => None,
        });
        roles.collect()
    }
}

impl Outlet for Ear {
    fn offer(&self, _: DocumentId, message: &Message) -> bool {
        self.heard.lock().push(message.clone());
        true
    }

    fn disconnect(&self) {}
}

/// A writer that types into `text`.
struct Typist {
    doc: Doc,
    n: u64,
}

impl Typist {
    fn new(writer: u32) -> Self {
        Self { doc: Doc::with_client_id(u64::from(writer)), n: 0 }
    }

    fn key(&mut self, text: &str) -> Incoming {
        let shared = self.doc.get_or_insert_text("text");
        let mut transaction = self.doc.transact_mut();
        shared.push(&mut transaction, text);
        let update = transaction.encode_update_v1().into();
        drop(transaction);
        self.edit(update)
    }

    fn edit(&mut self, update: Bytes) -> Incoming {
        self.n += 1;
        Incoming { writer: u32::try_from(self.doc.client_id().get()).unwrap(), n: self.n, update }
    }
}

type Answered = oneshot::Receiver<Result<Receipt, Refusal>>;

fn send(client: &Client, edit: Incoming) -> Answered {
    let (tell, told) = oneshot::channel();
    client.edit(edit, Box::new(move |result| _ = tell.send(result)));
    told
}

#[tokio::test(start_paused = true)]
async fn b2_a_full_inbox_answers_busy_at_once() {
    let settings = RoomSettings { inbox: 2, ..RoomSettings::default() };
    let place = Place::new(Kind::Text, settings).await;
    let (client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let mut ana = Typist::new(7);
    let answers: Vec<_> = (0..3).map(|_| send(&client, ana.key("a"))).collect();
    let [first, second, mut third] = <[Answered; 3]>::try_from(answers).unwrap();
    assert_eq!(third.try_recv(), Ok(Err(Refusal::Busy)));
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn b3_what_a_person_may_have_waiting_is_bounded() {
    let settings = RoomSettings { waiting_bytes_per_person: 1_000, ..RoomSettings::default() };
    let place = Place::new(Kind::Text, settings).await;
    let (client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let (other, _, _) = place.open(BIA, 2, None).await.unwrap();
    let (mut ana, mut bia) = (Typist::new(7), Typist::new(8));
    let first = send(&client, ana.key(&"a".repeat(900)));
    let (key, retry) = (ana.key(&"b".repeat(200)), ana.n);
    assert_eq!(send(&client, key.clone()).await.unwrap(), Err(Refusal::Busy));
    assert!(send(&other, bia.key("c")).await.unwrap().is_ok());
    assert!(first.await.unwrap().is_ok());
    assert!(send(&client, Incoming { n: retry, ..key }).await.unwrap().is_ok(), "once there is room it is taken");
}

#[tokio::test(start_paused = true)]
async fn d2_a_sole_author_gets_the_cursor_and_a_mixed_entry_goes_to_all_as_a_frame() {
    let place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (ana_client, _, ana_ear) = place.open(ANA, 1, None).await.unwrap();
    let (bia_client, _, bia_ear) = place.open(BIA, 2, None).await.unwrap();
    let (mut ana, mut bia) = (Typist::new(7), Typist::new(8));
    let alone = send(&ana_client, ana.key("a")).await.unwrap().unwrap();
    assert_eq!(alone.moved.map(|(from, to)| (from, to.seq)), Some((0, 1)));
    let (one, other) = (send(&ana_client, ana.key("b")), send(&bia_client, bia.key("c")));
    let (one, other) = (one.await.unwrap().unwrap(), other.await.unwrap().unwrap());
    assert_eq!((one.seq, one.moved, other.seq, other.moved), (2, None, 2, None));
    sleep(Duration::from_millis(1)).await;
    assert_eq!((ana_ear.edits(), bia_ear.edits()), (vec![(1, 2)], vec![(0, 1), (1, 2)]));
}

#[tokio::test(start_paused = true)]
async fn a4_rights_are_asked_again_right_before_the_append() {
    let mut place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (client, _, ear) = place.open(BIA, 1, None).await.unwrap();
    let mut bia = Typist::new(8);
    let under_way = send(&client, bia.key("a"));
    tokio::task::yield_now().await;
    let waits = send(&client, bia.key("b"));
    tokio::task::yield_now().await;
    place.change(|document| document.members = vec![(BIA, Role::Viewer)]);
    assert!(under_way.await.unwrap().is_ok());
    assert_eq!(waits.await.unwrap(), Err(Refusal::Forbidden));
    assert_eq!(ear.roles(), [Some(Role::Viewer)]);
    assert_eq!(send(&client, bia.key("c")).await.unwrap(), Err(Refusal::Forbidden));
    assert_eq!(place.disk.history(DOCUMENT, 0, usize::MAX).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a3_nothing_of_an_ended_session_is_appended() {
    let place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (client, _, _) = place.open(BIA, 1, None).await.unwrap();
    let mut bia = Typist::new(8);
    let under_way = send(&client, bia.key("a"));
    tokio::task::yield_now().await;
    let waits = send(&client, bia.key("b"));
    tokio::task::yield_now().await;
    client.revoke();
    assert!(under_way.await.unwrap().is_ok());
    assert_eq!(waits.await.unwrap(), Err(Refusal::Unauthenticated));
}

#[tokio::test(start_paused = true)]
async fn a4_a_hidden_document_is_left_at_once_and_not_entered() {
    let mut place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (ana_client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let (_bia_client, _, bia_ear) = place.open(BIA, 2, None).await.unwrap();
    place.change(|document| document.visibility = Visibility::Private);
    assert!(send(&ana_client, Typist::new(7).key("secret")).await.unwrap().is_ok());
    assert_eq!((bia_ear.roles(), bia_ear.edits()), (vec![None], vec![]));
    assert_eq!(place.open(BIA, 3, None).await.err(), Some(Refusal::NotFound));
}

#[tokio::test(start_paused = true)]
async fn d3_the_trash_refuses_for_later_and_a_restored_document_goes_on() {
    let mut place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let mut ana = Typist::new(7);
    place.change(|document| document.trashed_ms = Some(5));
    let edit = ana.key("a");
    assert_eq!(send(&client, edit.clone()).await.unwrap(), Err(Refusal::Trashed));
    place.change(|document| document.trashed_ms = None);
    assert!(send(&client, edit).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn d6_a_reader_that_confirms_nothing_gets_one_window_and_later_all() {
    let settings = RoomSettings { window_bytes: 4_096, ring_bytes: 1_024, ..RoomSettings::default() };
    let place = Place::new(Kind::Text, settings).await;
    let (writer, _, _) = place.open(ANA, 1, None).await.unwrap();
    let (reader, _, ear) = place.open(BIA, 2, None).await.unwrap();
    let mut ana = Typist::new(7);
    for _ in 0..100 {
        send(&writer, ana.key(&"x".repeat(500))).await.unwrap().unwrap();
    }
    let sent: usize = ear
        .heard
        .lock()
        .iter()
        .map(|message| if let Message::Edits { updates, .. } = message { updates.len() } else { 0 })
        .sum();
    assert!((2_048..=4_096).contains(&sent), "{sent}");
    let catch_up = async {
        let mut seq = 0;
        while seq < 100 {
            reader.confirm(seq, 0);
            sleep(Duration::from_millis(1)).await;
            seq = ear.edits().last().map_or(0, |(_, to)| *to);
        }
    };
    timeout(Duration::from_secs(60), catch_up).await.unwrap();
    let edits = ear.edits();
    assert!(edits.windows(2).all(|pair| pair[0].1 == pair[1].0), "in order and without gaps: {edits:?}");
}

/// The words stay in history, with their author, although they are nowhere to be seen.
#[tokio::test(start_paused = true)]
async fn h1_h2_what_somebody_wrote_into_a_deleted_paragraph_is_invisible_and_in_history() {
    let place = Place::new(Kind::Rich, RoomSettings::default()).await;
    let (ana_client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let (bia_client, _, _) = place.open(BIA, 2, None).await.unwrap();
    let (mut ana, mut bia) = (Typist::new(7), Typist::new(8));
    let paragraph = with_content(&ana.doc, |content, transaction| {
        let paragraph = content.push_back(transaction, XmlElementPrelim::empty("paragraph"));
        paragraph.push_back(transaction, XmlTextPrelim::new("first"));
    });
    bia.doc.transact_mut().apply_update(Update::decode_v1(&paragraph).unwrap()).unwrap();
    let late = with_content(&bia.doc, |content, transaction| {
        let paragraph = content.get(transaction, 0).unwrap().into_xml_element().unwrap();
        paragraph.push_back(transaction, XmlTextPrelim::new("late words"));
    });
    let deletion = with_content(&ana.doc, |content, transaction| content.remove_range(transaction, 0, 1));
    let (paragraph, deletion, late) = (ana.edit(paragraph), ana.edit(deletion), bia.edit(late.clone()));
    send(&ana_client, paragraph).await.unwrap().unwrap();
    send(&ana_client, deletion).await.unwrap().unwrap();
    send(&bia_client, late.clone()).await.unwrap().unwrap();
    replica::compact(&place.disk, DOCUMENT).await.unwrap();
    assert_eq!(replica::text(&place.disk, &place.document).await, Ok((3, String::new())));
    let history = place.disk.history(DOCUMENT, 0, usize::MAX).await.unwrap();
    let kept = &history[2].edits[0];
    assert_eq!((kept.person, kept.writer, kept.n, &kept.update), (BIA, 8, 1, &late.update));
}

fn with_content(doc: &Doc, act: impl FnOnce(&yrs::XmlFragmentRef, &mut yrs::TransactionMut)) -> Bytes {
    let content = doc.get_or_insert_xml_fragment("content");
    let mut transaction = doc.transact_mut();
    act(&content, &mut transaction);
    transaction.encode_update_v1().into()
}

#[tokio::test(start_paused = true)]
async fn l5_a_snapshot_says_what_the_log_says() {
    let settings = RoomSettings { compact_entries: 10, ..RoomSettings::default() };
    let place = Place::new(Kind::Text, settings).await;
    let (client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let mut ana = Typist::new(7);
    for _ in 0..35 {
        send(&client, ana.key("x")).await.unwrap().unwrap();
    }
    drop(client);
    sleep(Duration::from_secs(60)).await;
    let loaded = place.disk.load(DOCUMENT).await.unwrap();
    let snapshot = loaded.snapshot.unwrap();
    assert!(snapshot.through.seq >= 10, "{:?}", snapshot.through);
    let doc = Doc::new();
    doc.transact_mut().apply_update(Update::decode_v1(&snapshot.update).unwrap()).unwrap();
    assert_eq!(u64::from(doc.transact().state_vector().get(&ana.doc.client_id())), snapshot.through.seq);
    assert_eq!(replica::text(&place.disk, &place.document).await, Ok((35, "x".repeat(35))));
}

#[tokio::test(start_paused = true)]
async fn l5_the_order_in_which_yrs_lists_attributes_is_no_difference() {
    let place = Place::new(Kind::Rich, RoomSettings::default()).await;
    let (client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let mut ana = Typist::new(7);
    let heading = with_content(&ana.doc, |content, transaction| {
        let heading = content.push_back(transaction, XmlElementPrelim::empty("heading"));
        for name in ["a", "b", "c", "d", "e", "f", "g"] {
            heading.insert_attribute(transaction, name, "1");
        }
    });
    let heading = ana.edit(heading);
    send(&client, heading).await.unwrap().unwrap();
    replica::compact(&place.disk, DOCUMENT).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_saves_what_waits_and_answers_everybody() {
    let place = Place::new(Kind::Text, RoomSettings::default()).await;
    let (client, _, _) = place.open(ANA, 1, None).await.unwrap();
    let mut ana = Typist::new(7);
    let answers: Vec<_> = (0..5).map(|_| send(&client, ana.key("a"))).collect();
    tokio::task::yield_now().await;
    place.rooms.close().await;
    let mut stored = 0;
    for answer in answers {
        stored += usize::from(answer.await.unwrap().is_ok());
    }
    let history = place.disk.history(DOCUMENT, 0, usize::MAX).await.unwrap();
    assert_eq!(history.iter().map(|entry| entry.edits.len()).sum::<usize>(), stored);
    assert_eq!(stored, 5);
    assert_eq!(send(&client, ana.key("b")).await.unwrap(), Err(Refusal::Busy));
}
