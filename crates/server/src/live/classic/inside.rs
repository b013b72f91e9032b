//! Who is in a document, as the course's pages are told: those who came by them, in the order of joining, then those who have it
//! open in our own application. Tells everybody at once, so that all hear the same in the same order.

use std::{collections::HashMap, sync::Arc};

use engine::document::DocumentId;
use parking_lot::Mutex;

use crate::live::outlet::Peer;

/// All documents in which somebody is.
#[derive(Default)]
pub(super) struct Inside {
    rooms: Mutex<HashMap<DocumentId, Room>>,
}

#[derive(Default)]
struct Room {
    here: Vec<Here>,
    /// Who has it open in our own application.
    elsewhere: Vec<Arc<str>>,
}

/// One page.
struct Here {
    socket: u64,
    name: Arc<str>,
    peer: Peer,
}

impl Inside {
    /// A socket joins, in the place of another of the same person if there is one. The newcomer hears of it, too.
    pub(super) fn enter(
        &self,
        document: DocumentId,
        socket: u64,
        (name, peer): (Arc<str>, Peer),
        instead_of: Option<u64>,
        elsewhere: Vec<Arc<str>>,
    ) {
        let mut rooms = self.rooms.lock();
        let room = rooms.entry(document).or_default();
        room.here.retain(|here| Some(here.socket) != instead_of);
        room.here.push(Here { socket, name, peer });
        room.elsewhere = elsewhere;
        room.tell();
    }

    /// A socket left.
    pub(super) fn leave(&self, document: DocumentId, socket: u64) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(&document) else { return };
        room.here.retain(|here| here.socket != socket);
        room.tell();
        if room.here.is_empty() {
            rooms.remove(&document);
        }
    }

    /// These have it open in our own application.
    pub(super) fn elsewhere(&self, document: DocumentId, elsewhere: Vec<Arc<str>>) {
        if let Some(room) = self.rooms.lock().get_mut(&document)
            && room.elsewhere != elsewhere
        {
            room.elsewhere = elsewhere;
            room.tell();
        }
    }
}

impl Room {
    /// `usuarios_no_documento`: each name once.
    fn tell(&self) {
        let mut names: Vec<&str> = Vec::new();
        for name in self.here.iter().map(|here| &here.name).chain(&self.elsewhere) {
            // Everybody without an account is one person, and each page one of them.
            if !names.contains(&&**name) {
                names.push(name);
            }
        }
        self.here.iter().for_each(|here| here.peer.tell_or_cut("usuarios_no_documento", &names));
    }
}
