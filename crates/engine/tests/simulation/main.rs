//! The simulation: seeded people at pages, a network that delays, repeats and swaps, a store that fails on purpose, a
//! server that dies and comes back, sometimes with an older backup. Time is paused and the seed decides everything.
//! `SESODOCS_SEEDS=17` or `=0..5000` runs others than the usual seeds.
#![allow(clippy::unwrap_used)]

mod faulty;
mod person;

use std::{
    ops::Range,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine::{
    document::{Document, DocumentId, Kind, Visibility},
    metrics::Metrics,
    person::PersonId,
    replica,
    rooms::{RoomSettings, Rooms},
    store::Store,
};
use faulty::{Faulty, Weather};
use parking_lot::Mutex;
use person::{Acknowledged, Page};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use store::memory::Memory;
use tokio::time::sleep;

const DOCUMENT: DocumentId = DocumentId(42);
const STEPS: usize = 400;

/// W1 to W4, D1, D2, D4, L1 to L5, L7: whatever happens, everybody ends with the same text, every acknowledged edit is in
/// the log once, and nobody was ever shown an edit that was not durable.
#[test]
fn nobody_ever_sees_an_edit_that_could_be_lost() {
    let mut seen = Seen::default();
    for seed in seeds() {
        let run = std::panic::catch_unwind(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(World::new(seed).run())
        });
        match run {
            Ok(run) => seen.add(&run),
            Err(cause) => {
                eprintln!("seed {seed} failed; run it alone with SESODOCS_SEEDS={seed}");
                std::panic::resume_unwind(cause);
            }
        }
    }
    eprintln!("{seen:?}");
    // A simulation in which nothing happens proves nothing.
    if seen.seeds >= 100 {
        assert!(seen.acknowledged > 10_000 && seen.failed_appends > 500 && seen.compactions > 100, "{seen:?}");
        assert!(seen.deaths > 100 && seen.restores > 20 && seen.set_aside > 20, "{seen:?}");
    }
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("SESODOCS_SEEDS") else { return 0..200 };
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => asked.parse().map(|seed| seed..seed + 1).unwrap(),
    }
}

/// What happened in a run, or in all of them.
#[derive(Debug, Default)]
struct Seen {
    seeds: u64,
    acknowledged: usize,
    failed_appends: u64,
    compactions: u64,
    deaths: u32,
    restores: u32,
    set_aside: u32,
}

impl Seen {
    fn add(&mut self, run: &Seen) {
        self.seeds += 1;
        self.acknowledged += run.acknowledged;
        self.failed_appends += run.failed_appends;
        self.compactions += run.compactions;
        self.deaths += run.deaths;
        self.restores += run.restores;
        self.set_aside += run.set_aside;
    }
}

struct World {
    dice: StdRng,
    weather: Arc<Weather>,
    disk: Memory,
    backup: Option<(Memory, Acknowledged)>,
    rooms: Arc<Rooms>,
    metrics: Metrics,
    pages: Vec<Page>,
    acknowledged: Acknowledged,
    violations: Arc<Mutex<Vec<String>>>,
    seen: Seen,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let (weather, disk, metrics) = (Weather::new(seed), Memory::new(), Metrics::default());
        let pages = (0..dice.random_range(2..6)).map(|number| Page::new(number, DOCUMENT, &mut dice)).collect();
        let rooms = serve(&disk, &weather, &metrics);
        Self {
            dice,
            weather,
            disk,
            backup: None,
            rooms,
            metrics,
            pages,
            acknowledged: Acknowledged::new(),
            violations: Arc::default(),
            seen: Seen::default(),
        }
    }

    async fn run(mut self) -> Seen {
        self.disk.create_document(document(), None).await.unwrap();
        for _ in 0..STEPS {
            self.step().await;
        }
        self.calm_down().await;
        self.check().await;
        self.seen.acknowledged = self.acknowledged.len();
        self.seen.failed_appends = self.metrics.append_failures.get();
        self.seen.compactions = self.metrics.compactions.get();
        self.seen.set_aside = self.pages.iter().map(|page| page.set_aside).sum();
        self.seen
    }

    async fn step(&mut self) {
        let index = self.dice.random_range(0..self.pages.len());
        match self.dice.random_range(0..1000) {
            0..400 => self.pages[index].type_something(&mut self.dice),
            400..650 => self.pages[index].send(&mut self.dice),
            650..950 => self.listen(index),
            950..970 => self.pages[index].disconnect(),
            // Everybody goes away for longer than a room lingers.
            970..973 => {
                self.pages.iter_mut().for_each(Page::disconnect);
                sleep(Duration::from_secs(1)).await;
            }
            973..980 => self.die(self.disk.clone()),
            980..984 => self.backup = Some((self.disk.fork(), self.acknowledged.clone())),
            984..987 => self.restore().await,
            _ => sleep(Duration::from_millis(self.dice.random_range(0..200))).await,
        }
        if !self.pages[index].is_connected() && self.dice.random_bool(0.5) {
            self.connect(index);
        }
        sleep(Duration::from_millis(self.dice.random_range(0..4))).await;
        assert_eq!(*self.violations.lock(), Vec::<String>::new());
    }

    fn listen(&mut self, index: usize) {
        let count = self.dice.random_range(0..30);
        if !self.pages[index].listen(count, &mut self.acknowledged, &mut self.dice) {
            self.connect(index);
        }
    }

    fn connect(&mut self, index: usize) {
        self.pages[index].connect(&self.rooms, &self.weather, &self.violations, &mut self.dice);
    }

    /// The process dies; another one starts with this disk.
    fn die(&mut self, disk: Memory) {
        self.seen.deaths += 1;
        self.weather.life.fetch_add(1, Ordering::Relaxed);
        self.pages.iter_mut().for_each(Page::disconnect);
        self.disk = disk;
        self.rooms = serve(&self.disk, &self.weather, &self.metrics);
    }

    /// An older backup is restored: what was acknowledged since then is gone from the log, and pages find out (L7).
    async fn restore(&mut self) {
        let Some((disk, acknowledged)) = self.backup.clone() else { return };
        self.seen.restores += 1;
        self.die(disk.fork());
        self.acknowledged = acknowledged;
        let head = self.log().await.last().map_or(0, |entry| entry.seq);
        self.weather.durable.lock().insert(DOCUMENT, head);
    }

    async fn log(&self) -> Vec<engine::log::Entry> {
        self.disk.history(DOCUMENT, 0, usize::MAX).await.unwrap()
    }

    /// Nothing fails any more, and everybody comes back.
    async fn calm_down(&mut self) {
        self.weather.failures.store(0, Ordering::Relaxed);
        for round in 0.. {
            let state = || self.pages.iter().map(Page::describe).collect::<Vec<_>>().join("\n");
            assert!(round < 500, "it never becomes quiet:\n{}", state());
            for index in 0..self.pages.len() {
                if !self.pages[index].is_connected() {
                    self.connect(index);
                }
                self.pages[index].send(&mut self.dice);
                self.listen(index);
            }
            sleep(Duration::from_millis(20)).await;
            let head = self.log().await.last().map_or(0, |entry| entry.seq);
            if self.pages.iter().all(|page| page.is_settled() && page.cursor_seq() == head) {
                return;
            }
        }
    }

    async fn check(&self) {
        let log = self.log().await;
        let mut in_log = Acknowledged::new();
        for (index, entry) in log.iter().enumerate() {
            assert_eq!(entry.seq, index as u64 + 1, "L1: the log has no gaps");
            for edit in &entry.edits {
                let before = in_log.insert((edit.writer, edit.n), edit.update.clone());
                assert!(before.is_none(), "W3: {} {} is in the log twice", edit.writer, edit.n);
            }
        }
        for (edit, update) in &self.acknowledged {
            assert_eq!(in_log.get(edit), Some(update), "acknowledged and lost: {edit:?}");
        }
        let (_, text) = replica::text(&self.disk, &document()).await.unwrap();
        for page in &self.pages {
            assert_eq!(page.text(), text, "everybody has the same text");
        }
    }
}

/// A server with this disk: everything small, so that everything happens.
fn serve(disk: &Memory, weather: &Arc<Weather>, metrics: &Metrics) -> Arc<Rooms> {
    let life = weather.life.load(Ordering::Relaxed);
    let store = Arc::new(Faulty { disk: disk.clone(), weather: weather.clone(), life });
    let settings = RoomSettings {
        window_bytes: 1_024,
        ring_bytes: 256,
        compact_entries: 12,
        compact_bytes: 2_048,
        linger: Duration::from_millis(100),
        ..RoomSettings::default()
    };
    Rooms::new(store, settings, Arc::new(|| 1_000), metrics.clone())
}

fn document() -> Document {
    Document {
        id: DOCUMENT,
        title: "simulated".into(),
        kind: Kind::Text,
        schema: 1,
        owner: PersonId(1),
        visibility: Visibility::Instance,
        members: Vec::new(),
        created_ms: 0,
        changed_ms: 0,
        changed_by: PersonId(1),
        trashed_ms: None,
    }
}
