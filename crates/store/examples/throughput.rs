//! Prints how many durable edits a second the SQLite store takes, by the number of rooms that write at once.
//! `cargo run --release -p store --example throughput [folder]`. Measures the store alone: no rooms, no network.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use engine::{
    document::{Document, DocumentId, Kind, Visibility},
    log::{Cursor, Edit, Entry},
    person::PersonId,
    store::{Store, StoreError},
};
use tokio::task::JoinSet;

const SECONDS: f64 = 4.0;
const UPDATE_BYTES: usize = 30;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "target/throughput".to_owned());
    let data = Path::new(&folder);
    let store = store::open(&store::StoreUrl::Sqlite, data, Default::default())?;
    say("rooms   edits/s     p50     p99     max");
    for rooms in [1, 20, 64, 200] {
        let mut delays = measure(&store, rooms).await?;
        delays.sort();
        let at = |part: f64| delays.get((delays.len() as f64 * part) as usize).copied().unwrap_or_default();
        let rate = delays.len() as f64 / SECONDS;
        let [p50, p99, max] = [at(0.5), at(0.99), at(0.999_999)].map(|delay| delay.as_secs_f64() * 1e3);
        say(&format!("{rooms:5} {rate:9.0} {p50:6.2}ms {p99:6.2}ms {max:6.2}ms"));
    }
    Ok(store.close().await?)
}

async fn measure(store: &Arc<dyn Store>, rooms: usize) -> Result<Vec<Duration>, StoreError> {
    let end = Instant::now() + Duration::from_secs_f64(SECONDS);
    let mut writing = JoinSet::new();
    for _ in 0..rooms {
        let store = Arc::clone(store);
        writing.spawn(async move {
            let document = blank();
            let id = document.id;
            store.create_document(document, None).await?;
            let mut last = Cursor::start(id);
            let mut delays = Vec::new();
            while Instant::now() < end {
                let entry = entry(last);
                last = entry.cursor();
                let begun = Instant::now();
                store.append(id, entry).await?;
                delays.push(begun.elapsed());
            }
            Ok(delays)
        });
    }
    let delays: Result<Vec<_>, _> = writing.join_all().await.into_iter().collect();
    Ok(delays?.concat())
}

fn entry(last: Cursor) -> Arc<Entry> {
    let n = last.seq + 1;
    let edit = Edit { person: PersonId(1), writer: 7, n, clock: 0, update: vec![n as u8; UPDATE_BYTES].into() };
    Arc::new(Entry::after(last, 1_700_000_000_000 + n as i64, vec![edit]))
}

fn blank() -> Document {
    Document {
        id: DocumentId::random(),
        title: "throughput".to_owned(),
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

#[allow(clippy::print_stdout, reason = "a program that prints figures")]
fn say(line: &str) {
    println!("{line}");
}
