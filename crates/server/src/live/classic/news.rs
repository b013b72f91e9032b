//! What changes in the lists of those who are connected, whoever changed it: each hears of it by the names that this person knows.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Weak},
};

use engine::{
    access::role_of,
    document::{Document, DocumentId, Kind},
    person::PersonId,
    store::Named,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::{Classic, Guest, names, page::ToPage};

/// What is waiting to be told.
pub(super) struct News {
    changes: mpsc::UnboundedSender<Change>,
    /// The names that were claimed, as far as anybody who is connected could see: of a document in the trash nobody tells.
    claimed: Mutex<HashMap<DocumentId, Arc<str>>>,
}

/// A document's row, before and after.
pub(super) struct Change {
    before: Option<Arc<Document>>,
    after: Arc<Document>,
}

impl News {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Change>) {
        let (changes, receiver) = mpsc::unbounded_channel();
        (Self { changes, claimed: Mutex::default() }, receiver)
    }

    pub(super) fn hear(&self, before: Option<Arc<Document>>, after: Arc<Document>) {
        if after.kind == Kind::Text {
            // It ends only with the server.
            let _ = self.changes.send(Change { before, after });
        }
    }

    /// Takes note of the names in somebody's list.
    pub(super) fn remember(&self, documents: &[Named]) {
        let mut claimed = self.claimed.lock();
        for Named { document, name } in documents {
            match name {
                Some(name) if claimed.get(&document.id).is_none_or(|known| **known != **name) => {
                    claimed.insert(document.id, name.as_str().into());
                }
                Some(_) => {}
                None => _ = claimed.remove(&document.id),
            }
        }
    }

    /// A document is about to claim a name.
    pub(super) fn claimed(&self, document: DocumentId, name: &str) {
        self.claimed.lock().insert(document, name.into());
    }

    /// It did not.
    pub(super) fn unclaimed(&self, document: DocumentId) {
        self.claimed.lock().remove(&document);
    }

    /// The list with one document as it is here, if it is to be seen.
    fn with(&self, mut documents: Vec<Named>, document: &Document, is_seen: bool) -> Vec<Named> {
        let place = |named: &Named| (named.document.created_ms, named.document.id);
        let known = documents.iter().position(|named| named.document.id == document.id);
        let known = known.and_then(|at| documents.remove(at).name);
        if is_seen {
            let name = known.or_else(|| self.claimed.lock().get(&document.id).map(|name| name.to_string()));
            let named = Named { document: document.clone(), name };
            let at = documents.partition_point(|other| place(other) < place(&named));
            documents.insert(at, named);
        }
        documents
    }
}

/// Tells all changes, one after the other.
pub(super) async fn run(classic: Weak<Classic>, mut changes: mpsc::UnboundedReceiver<Change>) {
    while let Some(change) = changes.recv().await {
        let Some(classic) = classic.upgrade() else { return };
        let mut people: HashMap<PersonId, Vec<Guest>> = HashMap::new();
        for guest in classic.guests() {
            if let Some(who) = &guest.caller.who {
                people.entry(who.person).or_default().push(guest);
            }
        }
        for (person, guests) in people {
            classic.tell(person, &guests, &change).await;
        }
    }
}

impl Classic {
    /// Tells one person's pages what a change makes of the list of that person.
    async fn tell(&self, person: PersonId, guests: &[Guest], change: &Change) {
        let Change { before, after: document } = change;
        let sees = |document: &Document| document.trashed_ms.is_none() && role_of(person, document).is_some();
        let was_seen = before.as_deref().is_some_and(sees);
        let is_seen = sees(document);
        let has_title = before.as_deref().is_some_and(|before| before.title == document.title);
        if was_seen == is_seen && (!is_seen || has_title) {
            return;
        }
        let now = match self.app.store.text_documents(person).await {
            Ok(now) => now,
            Err(cause) => return tracing::warn!("the course's pages were not told of a change: {cause}"),
        };
        self.news.remember(&now);
        let names = |documents| names::list(documents).into_iter().map(|known| known.name).collect::<HashSet<_>>();
        let earlier = before.as_deref().unwrap_or(document);
        let before = names(self.news.with(now.clone(), earlier, was_seen));
        let after = names(self.news.with(now, document, is_seen));
        for Guest { caller, peer } in guests {
            // Who is inside is sent home if the document is gone, by the name of before, and not because it is called otherwise.
            let inside = caller.knows(document.id);
            let gone = if is_seen { None } else { inside };
            for name in before.difference(&after).filter(|name| !caller.has_named(name)).chain(&gone) {
                peer.tell_or_cut("excluir_documento_sucesso", &**name);
            }
            for name in after.difference(&before) {
                peer.tell_or_cut("adicionar_documento_interface", &**name);
            }
            if let (Some(_), Some(key)) = (&gone, caller.key(document.id)) {
                // In this order: what is handed over behind it finds no desk, and opens nothing that is gone.
                caller.put_away(document.id);
                self.pages.tell(key, ToPage::Close);
            }
        }
    }
}
