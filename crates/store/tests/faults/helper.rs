//! The process that the faults happen to: this test binary, started again, with a store and a few commands on its standard input.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use engine::{
    document::{Document, DocumentId},
    log::Cursor,
    store::{Health, StoreError},
};
use store::StoreUrl;
use tokio::task::JoinSet;

use crate::build::*;

/// The document that `append` writes to.
pub(crate) const ONE: DocumentId = DocumentId(1);

const DATA: &str = "SESODOCS_FAULTS_DATA";
const RESTORE: &str = "SESODOCS_FAULTS_RESTORE";

/// A helper process and the conversation with it. It is dead, and the folder free, once this is dropped.
pub(crate) struct Helper {
    child: Child,
    /// Taken to end it.
    input: Option<ChildStdin>,
    /// Whether another program, which is our child, started it.
    is_wrapped: bool,
    output: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts one on a data folder.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_under(data, &[])
    }

    /// Starts one under another program, as `strace -e ...`.
    pub(crate) fn start_under(data: &Path, wrapper: &[&str]) -> Self {
        Self::spawn(data, wrapper, "")
    }

    /// Starts one that only restores this file, and says how that went.
    pub(crate) fn restore_under(data: &Path, wrapper: &[&str], file: &Path) -> Self {
        Self::spawn(data, wrapper, file.to_str().unwrap())
    }

    fn spawn(data: &Path, wrapper: &[&str], restore: &str) -> Self {
        let this = std::env::current_exe().unwrap().into_os_string().into_string().unwrap();
        let own = [&this, "--exact", "helper::run", "--ignored", "--nocapture"];
        let words = [wrapper, &own].concat();
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .env(DATA, data)
            .env(RESTORE, restore)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}, which this test needs: {error}", words[0]));
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, is_wrapped: !wrapper.is_empty(), output }
    }

    /// The next thing that it says; `None` if it is dead.
    pub(crate) fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap_or(0) > 0 {
            // The test harness speaks too, and does not always end its lines.
            if let Some((_, said)) = line.split_once("> ") {
                return Some(said.trim_end().to_owned());
            }
            line.clear();
        }
        None
    }

    /// Tells it something without waiting for what it says to that.
    pub(crate) fn tell(&mut self, words: &str) {
        // A dead helper shows when it is heard.
        let _ = self.input.as_ref().map(|mut input| writeln!(input, "{words}"));
    }

    /// Tells it something and waits for the answer.
    pub(crate) fn ask(&mut self, words: &str) -> String {
        self.tell(words);
        self.hear().unwrap_or_else(|| panic!("the helper died of `{words}`"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends its input, and says whether it came to a good end.
    pub(crate) fn end(mut self) -> bool {
        drop(self.input.take());
        self.child.wait().unwrap().success()
    }

    /// `kill -9`.
    pub(crate) fn kill(self) {
        assert!(!self.is_wrapped, "the wrapper would be killed");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // A wrapper's end is not the helper's: that one ends by itself when its input does.
        drop(self.input.take());
        if !self.is_wrapped {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// What the helper does: each line that it reads is a command, each line that it writes begins with `> `.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is the helper's own program"]
async fn run() {
    let Some(data) = std::env::var_os(DATA) else { return };
    let data = Path::new(&data);
    if let Some(file) = std::env::var_os(RESTORE).filter(|file| !file.is_empty()) {
        let restored = store::restore(Path::new(&file), data).map(|_| ());
        return say(&format!("restored {restored:?}"));
    }
    let store = match store::open(&StoreUrl::Sqlite, data, Default::default()) {
        Ok(store) => store,
        Err(why) => return say(&format!("refused: {why}")),
    };
    say(&format!("opened {}", described(&store.health().borrow())));
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words.get(at).and_then(|word: &&str| word.parse().ok()).unwrap_or(1);
        match words[0] {
            "append" => say(&append(&store, number(1), number(2)).await),
            "burst" => say(&burst(&store, number(1), number(2)).await),
            "stream" => stream(&store).await,
            "read" => say(&match store.load(ONE).await {
                Ok(loaded) => format!("read {}", loaded.tail.len()),
                Err(error) => format!("error: {error}"),
            }),
            "health" => say(&described(&store.health().borrow())),
            "await" => {
                let mut health = store.health();
                let arrived = health.wait_for(|health| described(health).starts_with(words[1]));
                // Long past any good reason: then it says how it is, and the test fails.
                let _ = tokio::time::timeout(Duration::from_secs(20), arrived).await;
                say(&described(&store.health().borrow()));
            }
            "close" => say(&format!("closed {:?}", store.close().await)),
            _ => say("what?"),
        }
    }
}

/// Appends entries to the one document until one fails.
async fn append(store: &Any, count: usize, bytes: usize) -> String {
    let mut last = match start(store).await {
        Ok(last) => last,
        Err(error) => return format!("appended 0, {error}"),
    };
    for done in 0..count {
        let entry = entry_of(last, bytes);
        last = entry.cursor();
        if let Err(error) = store.append(ONE, entry).await {
            return format!("appended {done}, {error}");
        }
    }
    format!("appended {count}")
}

/// Adds so many documents with one entry each, all at once, and names those that were acknowledged.
async fn burst(store: &Any, count: usize, bytes: usize) -> String {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let store = Arc::clone(store);
        all.spawn(async move {
            let document = document("burst");
            let id = document.id;
            store.create_document(document, None).await?;
            store.append(id, entry_of(Cursor::start(id), bytes)).await.map(|()| id.to_string())
        });
    }
    let acknowledged: Vec<String> = all.join_all().await.into_iter().flatten().collect();
    format!("burst {}", acknowledged.join(" "))
}

/// Appends for ever and says each number once it is durable.
async fn stream(store: &Any) {
    let mut last = start(store).await.unwrap();
    loop {
        let entry = entry_of(last, 500);
        last = entry.cursor();
        store.append(ONE, entry).await.unwrap();
        say(&last.seq.to_string());
    }
}

/// The one document's head; made if it is not there.
async fn start(store: &Any) -> Result<Cursor, StoreError> {
    let one = Document { id: ONE, ..document("the one") };
    match store.create_document(one, None).await {
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => return Err(error),
    }
    let tail = store.load(ONE).await?.tail;
    Ok(tail.last().map_or(Cursor::start(ONE), |entry| entry.cursor()))
}

fn described(health: &Health) -> String {
    match health {
        Health::Ready => "ready".to_owned(),
        Health::Full(why) => format!("full: {why}"),
        Health::Failed(why) => format!("failed: {why}"),
    }
}

fn say(words: &str) {
    println!("> {words}");
    std::io::stdout().flush().unwrap();
}
