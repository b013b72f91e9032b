//! What everything in a running server shares, and what must happen together. Knows no protocol.

use std::sync::{Arc, OnceLock};

use engine::{
    document::{Document, DocumentId},
    metrics::Metrics,
    person::SessionId,
    rooms::{Clock, Rooms},
    store::Store,
};

use crate::{
    auth::{password::Passwords, sessions::Sessions, throttle::Throttle},
    config::Config,
    live::Live,
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
}

impl App {
    /// A document's row was changed in the store, or it is new: whoever has it open or in a list hears of it.
    pub(crate) fn document_changed(&self, document: Arc<Document>) {
        self.rooms.changed(Arc::clone(&document));
        if let Some(live) = self.live.get() {
            live.document_changed(document);
        }
    }

    /// These sessions ended, here or elsewhere: nothing more is taken from their connections, which are told so.
    pub(crate) fn sessions_ended(&self, sessions: &[SessionId]) {
        if let Some(live) = self.live.get() {
            live.end_sessions(sessions);
        }
    }

    /// A document was deleted for ever.
    pub(crate) fn document_purged(&self, document: DocumentId) {
        self.rooms.purged(document);
        if let Some(live) = self.live.get() {
            live.document_purged(document);
        }
    }
}
