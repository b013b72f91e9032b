//! What everything in a running server shares, and what must happen together. Knows no protocol.

use std::sync::{Arc, OnceLock};

use engine::{
    document::{Document, DocumentId},
    metrics::Metrics,
    person::SessionId,
    rooms::{Clock, Rooms},
    store::{DocumentChange, Store, StoreError},
};
use tokio::sync::Mutex;

use crate::{
    auth::{password::Passwords, sessions::Sessions, throttle::Throttle},
    config::Config,
    live::Live,
    scribes::Scribes,
    telemetry::Telemetry,
};

/// A running server's parts.
pub(crate) struct App {
    /// What the operator set.
    pub(crate) config: Config,
    /// Where everything is kept.
    pub(crate) store: Arc<dyn Store>,
    /// The documents that are open.
    pub(crate) rooms: Arc<Rooms>,
    /// Who writes into them for programs.
    pub(crate) scribes: Arc<Scribes>,
    /// Who is signed in.
    pub(crate) sessions: Arc<Sessions>,
    /// Where passwords are checked.
    pub(crate) passwords: Passwords,
    /// How often somebody may try.
    pub(crate) throttle: Throttle,
    /// The time, in ms since 1970.
    pub(crate) clock: Clock,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// How the counters are published.
    pub(crate) telemetry: Telemetry,
    /// The open connections; set once, before the first request.
    pub(crate) live: OnceLock<Live>,
    /// Held from a change of a document's row until everybody has been told.
    pub(crate) changing: Mutex<()>,
}

impl App {
    /// Adds a document, which claims a name for the course's pages if one is given, and tells everybody whom it concerns.
    pub(crate) async fn create_document(
        self: &Arc<Self>,
        document: Document,
        classic_name: Option<String>,
    ) -> Result<Document, StoreError> {
        let app = Arc::clone(self);
        to_the_end(async move {
            let _alone = app.changing.lock().await;
            app.store.create_document(document.clone(), classic_name).await?;
            app.document_changed(None, Arc::new(document.clone()));
            Ok(document)
        })
        .await
    }

    /// Changes a document's row and tells everybody whom it concerns. One change after the other: rooms must not hear of
    /// rights that were narrowed before they hear of those from before. And to the end, even if whoever asked has gone.
    pub(crate) async fn change_document(
        self: &Arc<Self>,
        id: DocumentId,
        change: DocumentChange,
    ) -> Result<Document, StoreError> {
        let app = Arc::clone(self);
        to_the_end(async move {
            let _alone = app.changing.lock().await;
            let before = Arc::new(app.store.document(id).await?);
            let document = app.store.change_document(id, change).await?;
            app.document_changed(Some(before), Arc::new(document.clone()));
            Ok(document)
        })
        .await
    }

    /// Deletes a trashed document for ever and tells everybody whom it concerns, in the same way.
    pub(crate) async fn purge_document(self: &Arc<Self>, id: DocumentId) -> Result<(), StoreError> {
        let app = Arc::clone(self);
        to_the_end(async move {
            let _alone = app.changing.lock().await;
            app.store.purge_document(id).await?;
            app.rooms.purged(id);
            if let Some(live) = app.live.get() {
                live.document_purged(id);
            }
            Ok(())
        })
        .await
    }

    /// A document's row was changed in the store, or, without one before, it is new: whoever has it open or in a list hears
    /// of it.
    fn document_changed(&self, before: Option<Arc<Document>>, document: Arc<Document>) {
        self.rooms.changed(Arc::clone(&document));
        if let Some(live) = self.live.get() {
            live.document_changed(before, document);
        }
    }

    /// These sessions ended, here or elsewhere: nothing more is taken from their connections, which are told so.
    pub(crate) fn sessions_ended(&self, sessions: &[SessionId]) {
        if let Some(live) = self.live.get() {
            live.end_sessions(sessions);
        }
    }
}

/// Does the work in a task of its own: a request that is given up must not leave it half done.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|cause| Err(StoreError::Unavailable(cause.to_string())))
}
