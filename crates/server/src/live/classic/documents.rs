//! The list of documents, and what is added to it and taken from it. What is in a document is `page.rs`'s.

use std::time::{Duration, Instant};

use engine::{
    access::{Action, may},
    document::{Document, DocumentId, Kind, SCHEMA, Visibility, clean_title},
    person::PersonId,
    refusal::Refusal,
    replica,
    store::{DocumentChange, StoreError},
};

use super::{
    Classic,
    names::{self, Known},
    wire::DocumentOut,
};

/// The most documents in one answer: the newest.
const LISTED: usize = 1_000;

/// Texts are left out once the answer holds so many bytes ...
const LIST_BYTES: usize = 4 << 20;

/// ... or it took so long to read them.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// What a document is called whose name holds nothing that a title may hold.
const UNTITLED: &str = "Untitled";

impl Classic {
    /// The documents that a person may see, by the names under which that person knows them.
    pub(super) async fn known_to(&self, person: PersonId) -> Result<Vec<Known>, Refusal> {
        let documents = self.app.store.text_documents(person).await.map_err(|error| Refusal::from(&error))?;
        self.news.remember(&documents);
        Ok(names::list(documents))
    }

    /// The document that a person knows by this name, or had open under it before it was called otherwise.
    pub(super) async fn named(&self, person: PersonId, name: &str) -> Result<DocumentId, Refusal> {
        let known = self.known_to(person).await?;
        let is_seen = |id: DocumentId| known.iter().any(|known| known.document.id == id);
        let called = known.iter().find(|known| *known.name == *name).map(|known| known.document.id);
        called.or_else(|| self.pages.named(person, name).filter(|id| is_seen(*id))).ok_or(Refusal::NotFound)
    }

    /// The answer to `obter_documentos`, and about how many bytes it has.
    pub(super) async fn documents(&self, person: PersonId) -> Result<(Vec<DocumentOut>, usize), Refusal> {
        let known = self.known_to(person).await?;
        let until = Instant::now() + READ_WITHIN;
        let (mut left, mut out) = (LIST_BYTES, Vec::new());
        for Known { name, document } in &known[known.len().saturating_sub(LISTED)..] {
            let mut text = None;
            if left > 0 && Instant::now() < until {
                // One that cannot be read must not hide the others.
                text = replica::text(&*self.app.store, document).await.ok().map(|(_, text)| text);
                let remaining = left.checked_sub(text.as_ref().map_or(0, String::len));
                text = text.filter(|_| remaining.is_some());
                left = remaining.unwrap_or(0);
            }
            out.push(DocumentOut { id: document.id.to_string(), name: name.to_string(), text });
        }
        let bytes = LIST_BYTES - left + 64 * out.len();
        Ok((out, bytes))
    }

    /// Adds a document; `false` if there is one of this name. Everybody who may see it hears of it as of any new document.
    pub(super) async fn add(&self, person: PersonId, name: &str) -> Result<bool, Refusal> {
        if self.known_to(person).await?.iter().any(|known| *known.name == *name) {
            return Ok(false);
        }
        let now_ms = (self.app.clock)();
        let document = Document {
            id: DocumentId::random(),
            title: clean_title(name).unwrap_or_else(|| UNTITLED.to_owned()),
            kind: Kind::Text,
            schema: SCHEMA,
            owner: person,
            visibility: Visibility::Instance,
            members: Vec::new(),
            created_ms: now_ms,
            changed_ms: now_ms,
            changed_by: person,
            trashed_ms: None,
        };
        let id = document.id;
        self.news.claimed(id, name);
        let created = self.app.create_document(document, Some(name.to_owned())).await;
        if created.is_err() {
            self.news.unclaimed(id);
        }
        match created {
            Ok(_) => Ok(true),
            // Of two who are first at once, one is; and a document that this person may not see has its name, too.
            Err(StoreError::Conflict) => Ok(false),
            Err(error) => Err(Refusal::from(&error)),
        }
    }

    /// Moves a document to the trash. Everybody who may see it hears of it, and who is inside is sent home.
    pub(super) async fn delete(&self, person: PersonId, id: DocumentId) -> Result<(), Refusal> {
        let document = self.app.store.document(id).await.map_err(|error| Refusal::from(&error))?;
        may(person, Action::Trash, &document)?;
        if document.trashed_ms.is_none() {
            let change = DocumentChange { trashed_ms: Some(Some((self.app.clock)())), ..DocumentChange::default() };
            self.app.change_document(id, change).await.map_err(|error| Refusal::from(&error))?;
        }
        Ok(())
    }
}
