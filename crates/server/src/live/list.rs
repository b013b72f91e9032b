//! Pages that show a list, and what they are told of changes: the first at once, then at most every 2 s each (B5).
//! Reads the store; rooms and HTTP only say which document changed.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use engine::{
    document::{Document, DocumentId},
    person::PersonId,
    refusal::Refusal,
    store::{ListQuery, Listed, Store, StoreError},
};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{metrics::Metrics, outlet::Peer, wire::ListChangedOut};
use crate::row::{self, ListRequest, Page, Row};

/// The most documents that one page is kept current for.
const SHOWN: usize = 2_000;

/// All pages that show a list.
pub(super) struct Lists {
    store: Arc<dyn Store>,
    every: Duration,
    metrics: Metrics,
    pages: Mutex<HashMap<u64, Shown>>,
    /// How many pages there are: without any, changes cost nothing.
    count: AtomicUsize,
    news: Mutex<HashMap<DocumentId, News>>,
    bell: Notify,
}

/// A page.
struct Shown {
    peer: Peer,
    person: PersonId,
    /// What it asked for last, without the place.
    query: ListQuery,
    /// What it shows; `None` until its first page was read.
    ids: Option<HashSet<DocumentId>>,
    /// What it has not been told, and `None` for what is gone.
    pending: HashMap<DocumentId, Option<Row>>,
    told: Option<Instant>,
}

/// What is known of a change.
enum News {
    /// The row must be read.
    Touched,
    Changed(Arc<Document>),
    Purged,
}

impl Lists {
    pub(super) fn new(store: Arc<dyn Store>, every: Duration, metrics: Metrics) -> Arc<Self> {
        let lists = Arc::new(Self {
            store,
            every,
            metrics,
            pages: Mutex::default(),
            count: AtomicUsize::new(0),
            news: Mutex::default(),
            bell: Notify::new(),
        });
        tokio::spawn(run(Arc::downgrade(&lists)));
        lists
    }

    /// Reads a page, and keeps it current from now on.
    ///
    /// # Errors
    /// What [`ListRequest::query`] and the store refuse.
    pub(super) async fn show(
        &self,
        connection: u64,
        person: PersonId,
        peer: Peer,
        request: &ListRequest,
    ) -> Result<Page, Refusal> {
        let query = request.query(person)?;
        let is_next = query.after.is_some();
        // Before it is read: what changes meanwhile is told, rather twice than never.
        let was_new = self.begin(connection, peer, &query, is_next);
        let page = row::page(&*self.store, query).await;
        match &page {
            Ok(page) => self.note(connection, page),
            Err(_) if was_new => self.leave(connection),
            Err(_) => {}
        }
        page
    }

    fn begin(&self, connection: u64, peer: Peer, query: &ListQuery, is_next: bool) -> bool {
        let mut pages = self.pages.lock();
        if is_next && pages.contains_key(&connection) {
            return false;
        }
        let query = ListQuery { after: None, ..query.clone() };
        let (person, told) = (query.person, pages.get(&connection).and_then(|shown| shown.told));
        let shown = Shown { peer, person, query, ids: None, pending: HashMap::new(), told };
        let was_new = pages.insert(connection, shown).is_none();
        self.count(pages.len());
        was_new
    }

    fn note(&self, connection: u64, page: &Page) {
        if let Some(shown) = self.pages.lock().get_mut(&connection) {
            let ids = shown.ids.get_or_insert_default();
            let room = SHOWN.saturating_sub(ids.len());
            ids.extend(page.documents.iter().filter_map(Row::id).take(room));
            shown.pending.retain(|id, row| row.is_some() || ids.contains(id));
            self.bell.notify_one();
        }
    }

    /// The connection ended.
    pub(super) fn leave(&self, connection: u64) {
        let mut pages = self.pages.lock();
        let shown = pages.remove(&connection);
        self.count(pages.len());
        drop(pages);
        drop(shown);
    }

    fn count(&self, pages: usize) {
        self.count.store(pages, Relaxed);
        self.metrics.listers.set(pages as i64);
    }

    fn is_anybody_there(&self) -> bool {
        self.count.load(Relaxed) > 0
    }

    /// A document's content changed.
    pub(super) fn touched(&self, document: DocumentId) {
        if self.is_anybody_there() {
            self.news.lock().entry(document).or_insert(News::Touched);
            self.bell.notify_one();
        }
    }

    /// A document's row changed, or it is new.
    pub(super) fn changed(&self, document: Arc<Document>) {
        self.hear(document.id, News::Changed(document));
    }

    /// A document was deleted for ever.
    pub(super) fn purged(&self, document: DocumentId) {
        self.hear(document, News::Purged);
    }

    fn hear(&self, document: DocumentId, news: News) {
        if self.is_anybody_there() {
            self.news.lock().insert(document, news);
            self.bell.notify_one();
        }
    }

    /// Takes in the news that are due: content is read at most every so often for each document.
    async fn take_in(&self, read: &mut HashMap<DocumentId, Instant>) {
        let now = Instant::now();
        read.retain(|_, then| now.duration_since(*then) < self.every);
        let due: Vec<_> = {
            let is_due = |id: &DocumentId, news: &mut News| !matches!(news, News::Touched) || !read.contains_key(id);
            self.news.lock().extract_if(is_due).collect()
        };
        for (id, news) in due {
            let listed = match self.read(id, &news).await {
                Ok(listed) => listed,
                Err(_) => {
                    // The store cannot say for now: ask again in the next round.
                    self.news.lock().entry(id).or_insert(news);
                    read.insert(id, now);
                    continue;
                }
            };
            read.insert(id, now);
            for shown in self.pages.lock().values_mut() {
                shown.hear(id, listed.as_ref());
            }
        }
    }

    async fn read(&self, id: DocumentId, news: &News) -> Result<Option<Listed>, Refusal> {
        let document = match news {
            News::Purged => return Ok(None),
            News::Changed(document) => Arc::clone(document),
            News::Touched => match self.store.document(id).await {
                Ok(document) => Arc::new(document),
                Err(StoreError::NotFound) => return Ok(None),
                Err(error) => return Err(Refusal::from(&error)),
            },
        };
        row::with_names(&*self.store, &document).await.map(Some)
    }

    /// Tells what is due, and when something is due next.
    fn tell(&self, read: &HashMap<DocumentId, Instant>) -> Option<Instant> {
        let now = Instant::now();
        let mut pages = self.pages.lock();
        let waiting = pages.values_mut().filter_map(|shown| shown.tell(now, self.every)).min();
        drop(pages);
        let news = self.news.lock();
        let unread = news.keys().map(|id| read.get(id).map_or(now, |then| *then + self.every)).min();
        waiting.into_iter().chain(unread).min()
    }
}

/// Keeps all pages current until there is nobody left to ask.
async fn run(lists: Weak<Lists>) {
    let mut read = HashMap::new();
    let mut next: Option<Instant> = None;
    loop {
        let Some(all) = lists.upgrade() else { return };
        let later = Instant::now() + all.every;
        tokio::select! {
            () = all.bell.notified() => {}
            () = sleep_until(next.unwrap_or(later)) => {}
        }
        all.take_in(&mut read).await;
        next = all.tell(&read);
    }
}

impl Shown {
    fn hear(&mut self, id: DocumentId, listed: Option<&Listed>) {
        let fits = listed.filter(|listed| self.asks_for(&listed.document));
        let row = fits.and_then(|listed| Row::of(listed.clone(), self.person));
        let was_there = self.ids.as_ref().is_none_or(|ids| ids.contains(&id));
        match row {
            Some(row) => {
                if let Some(ids) = self.ids.as_mut().filter(|ids| ids.len() < SHOWN) {
                    ids.insert(id);
                }
                self.pending.insert(id, Some(row));
            }
            None if was_there => {
                if let Some(ids) = &mut self.ids {
                    ids.remove(&id);
                }
                self.pending.insert(id, None);
            }
            None => {}
        }
    }

    fn asks_for(&self, document: &Document) -> bool {
        let holds = |text: &String| document.title.to_lowercase().contains(&text.to_lowercase());
        document.trashed_ms.is_some() == self.query.trash && self.query.title.as_ref().is_none_or(holds)
    }

    /// Tells what is pending, if it is time; says when it will be.
    fn tell(&mut self, now: Instant, every: Duration) -> Option<Instant> {
        if self.pending.is_empty() || self.ids.is_none() {
            return None;
        }
        if let Some(due) = self.told.map(|told| told + every).filter(|due| *due > now) {
            return Some(due);
        }
        self.told = Some(now);
        let mut out = ListChangedOut { documents: Vec::new(), gone: Vec::new() };
        for (id, row) in &self.pending {
            match row {
                Some(row) => out.documents.push(row.clone()),
                None => out.gone.push(id.to_string()),
            }
        }
        if self.peer.tell("list:changed", &out) {
            self.pending.clear();
            return None;
        }
        Some(now + every)
    }
}
