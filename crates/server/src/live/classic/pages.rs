//! All pages: one for each person and document, and what is remembered of those that are closed, so that what a page wrote while
//! it was offline finds the text on which it was written.

use std::{collections::HashMap, sync::Arc, time::Duration};

use engine::{document::DocumentId, person::PersonId};
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Classic,
    bases::Bases,
    page::{self, ToPage},
};

/// A closed page is remembered for so long ...
const KEPT_FOR: Duration = Duration::from_secs(60 * 60);

/// ... if it is among so many that were closed last ...
const KEPT: usize = 4_096;

/// ... with so many bytes.
const KEPT_BYTES: usize = 64 << 20;

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) person: PersonId,
    pub(super) document: DocumentId,
    /// A socket on which nobody has signed in is a page of its own.
    pub(super) alone: Option<u64>,
}

/// All pages.
#[derive(Default)]
pub(super) struct Pages(Mutex<HashMap<Key, Slot>>);

/// A page, and by which name it was opened last.
struct Slot {
    name: Arc<str>,
    state: State,
}

enum State {
    Open(mpsc::UnboundedSender<ToPage>),
    Closed(Bases, Instant),
}

impl Pages {
    /// Hands something to a page, and opens it if need be.
    pub(super) fn send(&self, classic: &Arc<Classic>, key: Key, name: &Arc<str>, message: ToPage) {
        let mut pages = self.0.lock();
        let mut message = message;
        let mut bases = Bases::default();
        if let Some(slot) = pages.get_mut(&key) {
            slot.name = Arc::clone(name);
            match &mut slot.state {
                State::Open(inbox) => match inbox.send(message) {
                    Ok(()) => return,
                    Err(mpsc::error::SendError(unsent)) => message = unsent,
                },
                State::Closed(kept, _) => bases = std::mem::take(kept),
            }
        }
        let (inbox, messages) = mpsc::unbounded_channel();
        // Its other end is right here.
        let _ = inbox.send(message);
        tokio::spawn(page::live(Arc::clone(classic), key, bases, messages));
        pages.insert(key, Slot { name: Arc::clone(name), state: State::Open(inbox) });
    }

    /// As [`Pages::send`], if the page is open.
    pub(super) fn tell(&self, key: Key, message: ToPage) {
        if let Some(Slot { state: State::Open(inbox), .. }) = self.0.lock().get(&key) {
            // If it has ended, nobody is there to be told.
            let _ = inbox.send(message);
        }
    }

    /// Closes a page that has nothing to do, unless something is on its way to it.
    pub(super) fn close(&self, key: Key, inbox: &mut mpsc::UnboundedReceiver<ToPage>, bases: &mut Bases) -> bool {
        let mut pages = self.0.lock();
        if !inbox.is_empty() {
            return false;
        }
        inbox.close();
        if key.alone.is_some() {
            pages.remove(&key);
        } else if let Some(slot) = pages.get_mut(&key) {
            slot.state = State::Closed(std::mem::take(bases), Instant::now());
            forget(&mut pages);
        }
        true
    }

    /// Which document a person's page had open under this name: it may be called otherwise by now.
    pub(super) fn named(&self, person: PersonId, name: &str) -> Option<DocumentId> {
        let pages = self.0.lock();
        let mut found = pages.iter().filter(|(key, slot)| key.person == person && *slot.name == *name);
        found.next().map(|(key, _)| key.document)
    }
}

/// Forgets what has been closed for too long, or is too much.
fn forget(pages: &mut HashMap<Key, Slot>) {
    let now = Instant::now();
    let mut closed: Vec<(Instant, Key, usize)> = Vec::new();
    for (key, slot) in pages.iter() {
        if let State::Closed(bases, since) = &slot.state {
            closed.push((*since, *key, bases.bytes()));
        }
    }
    closed.sort_unstable_by_key(|(since, ..)| std::cmp::Reverse(*since));
    let mut bytes = 0;
    for (at, (since, key, size)) in closed.into_iter().enumerate() {
        bytes += size;
        if at >= KEPT || bytes > KEPT_BYTES || now.duration_since(since) > KEPT_FOR {
            pages.remove(&key);
        }
    }
}
