//! A replica of a text document that the server writes into: it turns changes of the text into updates of its own writer (W6).
//! It stores nothing; until its updates are in the log, what it holds is a draft.

use bytes::Bytes;
use yrs::{
    Any, ClientID, Doc, GetString, OffsetKind, Options, Out, ReadTxn, Text, TextRef, Transact, types::text::YChange,
};

use super::{Unreadable, apply_to};
use crate::{
    log::WriterId,
    merge::{self, Change},
    update::Shape,
};

/// A replica and its writer, which is drawn anew for each.
pub(crate) struct Draft {
    doc: Doc,
    shape: Shape,
    writer: WriterId,
    /// The update that was made last: it comes back with the log.
    own: Option<Bytes>,
}

impl Draft {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let writer = rand::random();
        let client_id = ClientID::new(u64::from(writer));
        let doc = Doc::with_options(Options { client_id, offset_kind: OffsetKind::Utf16, ..Options::default() });
        Self { doc, shape: Shape::default(), writer, own: None }
    }

    pub(crate) fn writer(&self) -> WriterId {
        self.writer
    }

    /// Takes in what the log holds, in its order. The update that was made here last is here already.
    pub(crate) fn take_in(&mut self, updates: impl IntoIterator<Item = Bytes>) -> Result<(), Unreadable> {
        let others = updates.into_iter().filter(|update| self.own.as_ref() != Some(update));
        apply_to(&self.doc, &mut self.shape, others)
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        self.doc.get_or_insert_text("text").get_string(&self.doc.transact())
    }

    /// Makes these changes, which are in order of place, and returns the update that brings them to others.
    pub(crate) fn change(&mut self, changes: &[Change]) -> Result<Bytes, Unreadable> {
        let text = self.doc.get_or_insert_text("text");
        let places = places(&text, &self.doc.transact());
        let update = match places {
            Some(places) => self.edit(&text, &places, changes),
            None => self.replace(&text, &merge::apply(&self.text(), changes)),
        };
        self.shape.add(&update).map_err(|cause| Unreadable(cause.to_string()))?;
        self.own = Some(update.clone());
        Ok(update)
    }

    fn edit(&self, text: &TextRef, places: &[u32], changes: &[Change]) -> Bytes {
        let mut transaction = self.doc.transact_mut();
        // From the end on, so that places stay what they are.
        for change in changes.iter().rev() {
            let (start, end) = (places[change.at], places[change.at + change.delete]);
            if start < end {
                text.remove_range(&mut transaction, start, end - start);
            }
            if !change.insert.is_empty() {
                text.insert(&mut transaction, start, &change.insert);
            }
        }
        transaction.encode_update_v1().into()
    }

    fn replace(&self, text: &TextRef, whole: &str) -> Bytes {
        let mut transaction = self.doc.transact_mut();
        let length = text.len(&transaction);
        text.remove_range(&mut transaction, 0, length);
        text.insert(&mut transaction, 0, whole);
        transaction.encode_update_v1().into()
    }
}

/// Where each character is for yrs, which counts UTF-16 units, and one for a thing that is no text; then the end.
/// `None` if it cannot be told: such a thing may itself look like text.
fn places(text: &TextRef, transaction: &impl ReadTxn) -> Option<Vec<u32>> {
    let (mut places, mut at) = (Vec::new(), 0);
    for piece in text.diff(transaction, YChange::identity) {
        let Out::Any(Any::String(piece)) = piece.insert else {
            at += 1;
            continue;
        };
        for c in piece.chars() {
            places.push(at);
            at += c.len_utf16() as u32;
        }
    }
    places.push(at);
    (at == text.len(transaction)).then_some(places)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use yrs::{StateVector, Update, updates::decoder::Decode};

    use super::*;
    use crate::{merge::changes, update};

    fn write(draft: &mut Draft, text: &str) -> Bytes {
        draft.change(&changes(&draft.text(), text)).unwrap()
    }

    #[test]
    fn w1_its_updates_bring_only_its_own_items_and_follow_on() {
        let mut ana = Draft::new();
        let mut bia = Draft::new();
        let first = write(&mut ana, "olá 👩🏽‍💻 mundo");
        bia.take_in([first.clone()]).unwrap();
        let second = write(&mut bia, "olá 👩🏽‍💻, mundo novo");
        ana.take_in([second.clone()]).unwrap();
        let third = write(&mut ana, "Olá mundo novo!");
        let mut clock = 0;
        for (bytes, writer) in [(&first, ana.writer), (&second, bia.writer), (&third, ana.writer)] {
            let clocks = update::read(bytes).unwrap().as_edit(writer).unwrap();
            if writer == ana.writer {
                assert_eq!(clocks.start, clock);
                clock = clocks.end;
            }
        }
        bia.take_in([third.clone()]).unwrap();
        assert_eq!((ana.text(), bia.text()), ("Olá mundo novo!".to_owned(), "Olá mundo novo!".to_owned()));

        let other = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        let text = other.get_or_insert_text("text");
        for bytes in [&first, &second, &third] {
            other.transact_mut().apply_update(Update::decode_v1(bytes).unwrap()).unwrap();
        }
        assert_eq!(text.get_string(&other.transact()), "Olá mundo novo!");
    }

    #[test]
    fn w6_each_draws_its_own_writer() {
        assert_ne!(Draft::new().writer(), Draft::new().writer());
    }

    #[test]
    fn what_is_no_text_moves_nothing() {
        for (embedded, left) in [(Any::from(7), 1), (Any::String(Arc::from("text?")), 0)] {
            let (client_id, offset_kind) = (ClientID::new(1), OffsetKind::Utf16);
            let other = Doc::with_options(Options { client_id, offset_kind, ..Options::default() });
            let text = other.get_or_insert_text("text");
            text.insert(&mut other.transact_mut(), 0, "👍b");
            text.insert_embed(&mut other.transact_mut(), 2, embedded);
            let state = other.transact().encode_state_as_update_v1(&StateVector::default());
            let mut draft = Draft::new();
            draft.take_in([Bytes::from(state)]).unwrap();
            let update = write(&mut draft, "a👍bc");
            other.transact_mut().apply_update(Update::decode_v1(&update).unwrap()).unwrap();
            assert_eq!((draft.text(), text.get_string(&other.transact())), ("a👍bc".to_owned(), "a👍bc".to_owned()));
            assert_eq!(text.len(&other.transact()), 5 + left);
        }
    }
}
