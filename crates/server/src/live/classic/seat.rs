//! One socket at a page: what it was sent, what it may be showing, and when it may be sent more. Writes nothing.

use std::{sync::Arc, time::Duration};

use engine::scribe::Revocation;
use tokio::time::Instant;

use super::{
    bases::{Arrival, Base, Bases},
    caller::{Caller, Who},
};
use crate::live::outlet::Peer;

/// The shortest time between two texts to one socket ...
const PAUSE: Duration = Duration::from_millis(25);

/// ... and so much more for what they hold: some megabytes a second.
const BYTES_PER_MS: usize = 4_000;

/// When a socket is asked again that does not read what it was sent.
const BEHIND: Duration = Duration::from_millis(100);

/// A socket that asks something of a page.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) caller: Arc<Caller>,
    pub(super) who: Who,
    pub(super) peer: Peer,
    /// Ends what is written for it when its session ends.
    pub(super) revocation: Arc<Revocation>,
}

impl Reader {
    pub(super) fn socket(&self) -> u64 {
        self.caller.number
    }

    /// Nothing of it is to be done any more.
    pub(super) fn is_over(&self) -> bool {
        self.caller.is_revoked()
    }

    /// It left, or its line has ended without a word.
    pub(super) fn is_gone(&self) -> bool {
        self.is_over() || self.caller.has_left() || self.caller.line.ended().is_cancelled()
    }
}

/// A socket at a page.
pub(super) struct Seat {
    pub(super) reader: Reader,
    pub(super) bases: Bases,
    /// Since when it is here.
    since: Instant,
    /// When it was sent the first text.
    first_sent: Option<Instant>,
    /// Nothing is sent before.
    not_before: Instant,
    pub(super) place: Place,
}

/// Where a socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It wrote without having selected the document: early, or the first part's page after a break.
    Door,
    /// It has the document open.
    Inside,
    /// It was told that the person is inside elsewhere.
    Out,
    /// It has left, and something of it waits still.
    Gone,
}

impl Seat {
    /// A socket that comes to a page which may be showing these texts.
    pub(super) fn new(reader: Reader, mut bases: Bases) -> Self {
        let now = Instant::now();
        bases.doubt();
        Self { reader, bases, since: now, first_sent: None, not_before: now, place: Place::Door }
    }

    /// It sent a text: on which it was written.
    pub(super) fn wrote(&mut self, text: &Arc<str>, arrived: Instant) -> Base {
        if self.place != Place::Gone {
            self.bases.prove(self.since, Instant::now());
        }
        let was_blank = self.first_sent.is_none_or(|sent| arrived < sent);
        self.bases.take(text, Arrival { at: arrived, way: self.reader.caller.way, was_blank })
    }

    /// It is being sent a text.
    pub(super) fn is_sent(&mut self, text: &Arc<str>) {
        let now = Instant::now();
        self.bases.prove(self.since, now);
        self.bases.sent(text, now);
        self.first_sent.get_or_insert(now);
        self.not_before = now + PAUSE + Duration::from_millis((text.len() / BYTES_PER_MS) as u64);
    }

    /// Sends the text if it is another than the socket shows; says when to try again.
    pub(super) fn show(&mut self, text: &Arc<str>) -> Option<Instant> {
        let is_shown = |shown: &Arc<str>| Arc::ptr_eq(shown, text) || shown == text;
        if matches!(self.place, Place::Out | Place::Gone) || self.bases.shows().is_some_and(is_shown) {
            return None;
        }
        let now = Instant::now();
        if now < self.not_before {
            return Some(self.not_before);
        }
        if self.reader.peer.is_behind() || !self.send(text) {
            return Some(now + BEHIND);
        }
        None
    }

    /// Sends the text; `false` if the buffer is full.
    pub(super) fn send(&mut self, text: &Arc<str>) -> bool {
        let sent = self.reader.peer.tell_large("texto_editor_clientes", &**text, text.len());
        if sent {
            self.is_sent(text);
        }
        sent
    }
}
