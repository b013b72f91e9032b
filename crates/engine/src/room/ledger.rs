//! Judges edits: what is a retry, whose writer it is, whether it follows on and fits. Pure; it stores nothing.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    log::{Edit, Entry, Writer, WriterId, Writers},
    person::PersonId,
    refusal::Refusal,
    store::Loaded,
    update::{self, Misfit, NotAnEdit, Shape, Update},
};

/// New writers that one person may begin in one document within a day (R3).
const NEW_WRITERS_PER_DAY: usize = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// An edit as its sender claims it to be.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The Yjs client id that made it.
    pub writer: WriterId,
    /// 1, 2, 3 ... for each writer.
    pub n: u64,
    /// Bytes in the Yjs v1 update format, not yet checked.
    pub update: Bytes,
}

/// An edit whose update was read: it can be judged as often as needed.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) person: PersonId,
    pub(super) incoming: Incoming,
    update: Update,
}

impl Claim {
    pub(super) fn read(person: PersonId, incoming: Incoming) -> Result<Self, Refusal> {
        let update =
            update::read(&incoming.update).map_err(|_| Refusal::Invalid("this is not a Yjs update that we accept"))?;
        Ok(Self { person, incoming, update })
    }
}

/// What becomes of an edit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes into the next entry.
    Accept(Edit),
    /// The log holds it already (W3).
    Stored,
    /// The same edit waits already: one commit acknowledges both (W4).
    Waits,
    /// It depends on something that is not here. The log may know more (D4).
    Lacks,
    /// It is refused and changes nothing.
    Refuse(Refusal),
}

/// A document's writers, kept twice (W4): what the log holds, and what waits on top of it.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    durable: Writers,
    accepted: BTreeMap<WriterId, Writer>,
    /// The document's skeleton, with what waits: what does not fit it, yrs and Yjs would read differently (R2).
    shape: Shape,
}

impl Ledger {
    /// The ledger of a whole log. Work that grows with the document: not for a task that others wait for.
    pub(super) fn of(loaded: &Loaded) -> Self {
        let mut ledger = Self::default();
        if let Some(snapshot) = &loaded.snapshot {
            ledger.durable = snapshot.writers.clone();
            ledger.fit(&snapshot.update);
        }
        for entry in &loaded.tail {
            ledger.adopt(entry);
        }
        ledger
    }

    /// Takes note of an entry that somebody else put into the log.
    pub(super) fn adopt(&mut self, entry: &Entry) {
        for edit in &entry.edits {
            self.fit(&edit.update);
        }
        self.note(entry);
    }

    fn fit(&mut self, update: &[u8]) {
        if let Err(misfit) = self.shape.add(update) {
            tracing::error!(%misfit, "the log holds an update that does not fit it");
        }
    }

    /// Judges an edit against everything before it, and takes note of it if it is accepted.
    pub(super) fn judge(&mut self, claim: &Claim, now_ms: i64) -> Verdict {
        let Incoming { writer: id, n, ref update } = claim.incoming;
        let known = self.writer(id).copied();
        if known.is_some_and(|writer| writer.person != claim.person) {
            return Verdict::Refuse(Refusal::WriterTaken);
        }
        if self.durable.get(id).is_some_and(|writer| n <= writer.n) {
            return Verdict::Stored;
        }
        let mut writer = known.unwrap_or(Writer { person: claim.person, clock: 0, n: 0, since_ms: now_ms });
        if n <= writer.n {
            return if n == 0 { Verdict::Refuse(Refusal::Invalid("n begins at 1")) } else { Verdict::Waits };
        }
        if n != writer.n + 1 {
            return Verdict::Refuse(Refusal::OutOfOrder);
        }
        let clocks = match claim.update.as_edit(id) {
            Ok(clocks) => clocks,
            Err(NotAnEdit::Foreign) => {
                return Verdict::Refuse(Refusal::Invalid("it brings items of another writer"));
            }
            Err(NotAnEdit::TooDeep) => {
                return Verdict::Refuse(Refusal::Invalid("it nests too deeply"));
            }
        };
        if !clocks.is_empty() {
            if clocks.start != writer.clock {
                return Verdict::Refuse(Refusal::Invalid("its first clock is not the writer's next"));
            }
            writer.clock = clocks.end;
        }
        if claim.update.needs.iter().any(|need| self.clock(need.client) < need.end) {
            return Verdict::Lacks;
        }
        if known.is_none() && self.begun_today(claim.person, now_ms) >= NEW_WRITERS_PER_DAY {
            return Verdict::Refuse(Refusal::TooMany);
        }
        match self.shape.add(update) {
            Ok(_) => {}
            Err(Misfit::Missing) => return Verdict::Lacks,
            Err(_) => return Verdict::Refuse(Refusal::Invalid("it does not fit the document")),
        }
        writer.n = n;
        self.accepted.insert(id, writer);
        Verdict::Accept(Edit { person: claim.person, writer: id, n, clock: writer.clock, update: update.clone() })
    }

    /// Takes note that the log holds an entry of edits that were accepted here.
    pub(super) fn note(&mut self, entry: &Entry) {
        self.durable.note(entry);
        let durable = &self.durable;
        self.accepted.retain(|id, waiting| durable.get(*id).is_none_or(|writer| writer.n < waiting.n));
    }

    fn writer(&self, id: WriterId) -> Option<&Writer> {
        self.accepted.get(&id).or_else(|| self.durable.get(id))
    }

    fn clock(&self, id: WriterId) -> u32 {
        self.writer(id).map_or(0, |writer| writer.clock)
    }

    fn begun_today(&self, person: PersonId, now_ms: i64) -> usize {
        let waiting =
            self.accepted.iter().filter(|(id, writer)| writer.person == person && self.durable.get(**id).is_none());
        waiting.count() + self.durable.begun_by(person, now_ms - DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document::DocumentId, log::Cursor};

    const ANA: PersonId = PersonId(1);
    const BIA: PersonId = PersonId(2);

    /// One item "x" at `clock` of `writer`, first in `text`.
    fn insert(writer: u8, clock: u8) -> Vec<u8> {
        vec![1, 1, writer, clock, 4, 1, 4, b't', b'e', b'x', b't', 1, b'x', 0]
    }

    /// Deletes one item at `clock` of `writer`.
    fn delete(writer: u8, clock: u8) -> Vec<u8> {
        vec![0, 1, writer, 1, clock, 1]
    }

    fn judge(ledger: &mut Ledger, person: PersonId, writer: u32, n: u64, update: Vec<u8>) -> Verdict {
        let incoming = Incoming { writer, n, update: update.into() };
        match Claim::read(person, incoming) {
            Ok(claim) => ledger.judge(&claim, 1_000),
            Err(refusal) => Verdict::Refuse(refusal),
        }
    }

    fn accepted(verdict: Verdict) -> Edit {
        match verdict {
            Verdict::Accept(edit) => edit,
            other => panic!("{other:?}"),
        }
    }

    fn commit(ledger: &mut Ledger, edits: Vec<Edit>) {
        ledger.note(&Entry::after(Cursor::start(DocumentId(1)), 1_000, edits));
    }

    #[test]
    fn w1_clocks_and_numbers_follow_on() {
        let mut ledger = Ledger::default();
        assert_eq!(accepted(judge(&mut ledger, ANA, 7, 1, insert(7, 0))).clock, 1);
        assert_eq!(accepted(judge(&mut ledger, ANA, 7, 2, insert(7, 1))).clock, 2);
        assert_eq!(judge(&mut ledger, ANA, 7, 4, insert(7, 2)), Verdict::Refuse(Refusal::OutOfOrder));
        assert!(matches!(judge(&mut ledger, ANA, 7, 3, insert(7, 3)), Verdict::Refuse(Refusal::Invalid(_))));
        assert!(matches!(judge(&mut ledger, ANA, 7, 3, insert(8, 0)), Verdict::Refuse(Refusal::Invalid(_))));
        assert!(matches!(judge(&mut ledger, ANA, 9, 0, insert(9, 0)), Verdict::Refuse(Refusal::Invalid(_))));
    }

    #[test]
    fn w2_a_foreign_writer_is_refused_before_it_can_look_like_a_retry() {
        let mut ledger = Ledger::default();
        let edit = accepted(judge(&mut ledger, ANA, 7, 1, insert(7, 0)));
        assert_eq!(judge(&mut ledger, BIA, 7, 1, insert(7, 0)), Verdict::Refuse(Refusal::WriterTaken));
        commit(&mut ledger, vec![edit]);
        assert_eq!(judge(&mut ledger, BIA, 7, 1, insert(7, 0)), Verdict::Refuse(Refusal::WriterTaken));
    }

    #[test]
    fn w3_w4_a_retry_is_stored_only_once_the_log_holds_it() {
        let mut ledger = Ledger::default();
        let edit = accepted(judge(&mut ledger, ANA, 7, 1, insert(7, 0)));
        assert_eq!(judge(&mut ledger, ANA, 7, 1, insert(7, 0)), Verdict::Waits);
        commit(&mut ledger, vec![edit]);
        assert_eq!(judge(&mut ledger, ANA, 7, 1, insert(7, 0)), Verdict::Stored);
    }

    #[test]
    fn w3_deletions_have_no_clocks_and_are_told_apart_by_n() {
        let mut ledger = Ledger::default();
        let first = accepted(judge(&mut ledger, ANA, 7, 1, insert(7, 0)));
        commit(&mut ledger, vec![first]);
        let deletion = accepted(judge(&mut ledger, BIA, 8, 1, delete(7, 0)));
        assert_eq!((deletion.clock, deletion.n), (0, 1));
        assert_eq!(judge(&mut ledger, BIA, 8, 1, delete(7, 0)), Verdict::Waits);
    }

    #[test]
    fn r2_what_fits_no_document_is_refused() {
        let mut ledger = Ledger::default();
        accepted(judge(&mut ledger, ANA, 7, 1, insert(7, 0)));
        // An item whose parent is the letter before it.
        let inside_a_letter = vec![1, 1, 7, 1, 4, 0, 7, 0, 1, b'y', 0];
        assert!(matches!(judge(&mut ledger, ANA, 7, 2, inside_a_letter), Verdict::Refuse(Refusal::Invalid(_))));
        accepted(judge(&mut ledger, ANA, 7, 2, insert(7, 1)));
    }

    #[test]
    fn d4_what_it_depends_on_must_be_here() {
        let mut ledger = Ledger::default();
        assert_eq!(judge(&mut ledger, ANA, 8, 1, delete(7, 0)), Verdict::Lacks);
        accepted(judge(&mut ledger, ANA, 7, 1, insert(7, 0)));
        accepted(judge(&mut ledger, ANA, 8, 1, delete(7, 0)));
    }

    #[test]
    fn r3_a_person_begins_only_so_many_writers_a_day() {
        let mut ledger = Ledger::default();
        for writer in 0..NEW_WRITERS_PER_DAY as u32 {
            accepted(judge(&mut ledger, ANA, writer, 1, delete_nothing()));
        }
        assert_eq!(judge(&mut ledger, ANA, 5_000, 1, delete_nothing()), Verdict::Refuse(Refusal::TooMany));
        accepted(judge(&mut ledger, BIA, 5_000, 1, delete_nothing()));
    }

    fn delete_nothing() -> Vec<u8> {
        vec![0, 0]
    }
}
