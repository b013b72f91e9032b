//! The one place where a document's content is read with `yrs`: to compact a log, to export text, and to write text on
//! somebody's behalf (`draft.rs`). Never on the path of an edit; always on a thread with a deep stack (`stack.rs`).

mod draft;
mod stack;

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use yrs::{
    Any, Doc, GetString, OffsetKind, Options, Out, ReadTxn, StateVector, Text, Transact, Xml, XmlFragment, XmlOut,
    XmlTextRef,
    types::{Attrs, text::YChange},
    updates::decoder::Decode,
};

pub(crate) use self::{draft::Draft, stack::briefly};
use crate::{
    document::{Document, DocumentId, Kind},
    log::{Cursor, Seq, Snapshot, Writers},
    refusal::Refusal,
    store::{Loaded, Store, StoreError},
    update::{self, Run, Shape},
};

/// What is read of a history at once.
const HISTORY_BYTES: usize = 1 << 20;

/// Why a log was not compacted. It stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum CompactError {
    /// The store could not read it, or did not take the snapshot.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The content could not be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The snapshot is not the log (L5).
    #[error("the snapshot differs from the log in its {0}")]
    Differs(&'static str),
}

/// Why a log cannot be read with yrs.
#[derive(Debug, thiserror::Error)]
#[error("the content cannot be read: {0}")]
pub struct Unreadable(String);

/// Makes a snapshot of a document's whole log, proves it (L5), and puts it in the place of the entries that it covers.
///
/// # Errors
/// Whatever the reason, nothing was changed.
pub async fn compact(store: &dyn Store, document: DocumentId) -> Result<Arc<Snapshot>, CompactError> {
    let loaded = store.load(document).await?;
    let snapshot = stack::at_length(move || snapshot_of(document, &loaded)).await??;
    store.compact(document, snapshot.clone()).await?;
    Ok(Arc::new(snapshot))
}

/// The document as plain text, with the last entry that it holds. Blocks of rich text become lines.
///
/// # Errors
/// As the store has them; [`Refusal::Corrupt`] if the content cannot be read.
pub async fn text(store: &dyn Store, document: &Document) -> Result<(Seq, String), Refusal> {
    let loaded = store.load(document.id).await.map_err(|cause| Refusal::from(&cause))?;
    let (id, kind) = (document.id, document.kind);
    let text = stack::at_length(move || {
        let replica = Replica::of(&loaded)?;
        Ok::<_, Unreadable>((end_of(id, &loaded).seq, replica.text(kind)))
    });
    let unreadable = |cause| unreadable(id, &cause);
    text.await.map_err(unreadable)?.map_err(unreadable)
}

/// The text of a document of kind `text` as it was when entry `seq` was its last; `None` if there is no such entry.
///
/// # Errors
/// As [`text`].
pub async fn text_at(store: &dyn Store, document: &Document, seq: Seq) -> Result<Option<String>, Refusal> {
    let id = document.id;
    let Some(updates) = updates_until(store, id, seq).await.map_err(|cause| Refusal::from(&cause))? else {
        return Ok(None);
    };
    let text = stack::at_length(move || {
        let mut draft = Draft::new();
        draft.take_in(updates).map(|()| draft.text())
    });
    let unreadable = |cause| unreadable(id, &cause);
    text.await.map_err(unreadable)?.map_err(unreadable).map(Some)
}

/// Every update up to an entry, from the snapshot if that is not too new, else from history.
async fn updates_until(store: &dyn Store, id: DocumentId, seq: Seq) -> Result<Option<Vec<Bytes>>, StoreError> {
    let loaded = store.load(id).await?;
    if end_of(id, &loaded).seq < seq {
        return Ok(None);
    }
    let (mut last, mut updates) = (0, Vec::new());
    if let Some(snapshot) = loaded.snapshot.filter(|snapshot| snapshot.through.seq <= seq) {
        last = snapshot.through.seq;
        updates.push(snapshot.update);
    }
    while last < seq {
        let entries = store.history(id, last, HISTORY_BYTES).await?;
        let Some(read) = entries.last() else {
            return Err(StoreError::Corrupt(format!("history ends at {last}, before {seq}")));
        };
        last = read.seq;
        let wanted = entries.into_iter().filter(|entry| entry.seq <= seq);
        updates.extend(wanted.flat_map(|entry| entry.edits).map(|edit| edit.update));
    }
    Ok(Some(updates))
}

/// What the operator is told, and what whoever asked is.
pub(crate) fn unreadable(document: DocumentId, cause: &Unreadable) -> Refusal {
    tracing::error!(%document, %cause, "a document cannot be read");
    Refusal::Corrupt
}

fn snapshot_of(document: DocumentId, loaded: &Loaded) -> Result<Snapshot, CompactError> {
    let replica = Replica::of(loaded)?;
    let snapshot =
        Snapshot { through: end_of(document, loaded), update: replica.encode(), writers: writers_of(loaded) };
    let fresh = Replica::of(&Loaded { snapshot: Some(snapshot.clone()), tail: Vec::new() })?;
    if fresh.reading() != replica.reading() {
        return Err(CompactError::Differs("text"));
    }
    let read = |bytes: &[u8]| update::read_whole(bytes).map_err(|cause| Unreadable(cause.to_string()));
    let made = read(&snapshot.update)?;
    let clocks = made.brings.iter().map(|run| (run.client, 0..run.clocks.end));
    let wanted =
        snapshot.writers.iter().filter(|(_, writer)| writer.clock > 0).map(|(id, writer)| (id, 0..writer.clock));
    if !clocks.eq(wanted) {
        return Err(CompactError::Differs("clocks"));
    }
    let before = loaded.snapshot.iter().map(|snapshot| &snapshot.update);
    for bytes in before.chain(loaded.tail.iter().flat_map(|entry| &entry.edits).map(|edit| &edit.update)) {
        if !read(bytes)?.deletes.iter().all(|run| is_within(run, &made.deletes)) {
            return Err(CompactError::Differs("deletions"));
        }
    }
    Ok(snapshot)
}

/// Whether one of the runs holds the whole of this one. They are sorted, and those of one client do not touch.
fn is_within(run: &Run, runs: &[Run]) -> bool {
    let behind = runs.partition_point(|other| (other.client, other.clocks.start) <= (run.client, run.clocks.start));
    let holder = behind.checked_sub(1).and_then(|index| runs.get(index));
    holder.is_some_and(|holder| holder.client == run.client && run.clocks.end <= holder.clocks.end)
}

fn end_of(document: DocumentId, loaded: &Loaded) -> Cursor {
    let through = loaded.snapshot.as_ref().map_or_else(|| Cursor::start(document), |snapshot| snapshot.through);
    loaded.tail.last().map_or(through, |entry| entry.cursor())
}

fn writers_of(loaded: &Loaded) -> Writers {
    let mut writers = loaded.snapshot.as_ref().map(|snapshot| snapshot.writers.clone()).unwrap_or_default();
    loaded.tail.iter().for_each(|entry| writers.note(entry));
    writers
}

/// Puts updates into a replica, one behind the other, each behind the guard of its shape.
fn apply_to(doc: &Doc, shape: &mut Shape, updates: impl IntoIterator<Item = Bytes>) -> Result<(), Unreadable> {
    let mut transaction = doc.transact_mut();
    for bytes in updates {
        shape.add(&bytes).map_err(|cause| Unreadable(cause.to_string()))?;
        let update = yrs::Update::decode_v1(&bytes).map_err(|cause| Unreadable(cause.to_string()))?;
        transaction.apply_update(update).map_err(|cause| Unreadable(cause.to_string()))?;
    }
    Ok(())
}

/// A document's content, as yrs holds it.
struct Replica {
    doc: Doc,
}

impl Replica {
    fn of(loaded: &Loaded) -> Result<Self, Unreadable> {
        let doc = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
        let snapshot = loaded.snapshot.iter().map(|snapshot| &snapshot.update);
        let tail = loaded.tail.iter().flat_map(|entry| &entry.edits).map(|edit| &edit.update);
        apply_to(&doc, &mut Shape::default(), snapshot.chain(tail).cloned())?;
        Ok(Self { doc })
    }

    fn encode(&self) -> Bytes {
        self.doc.transact().encode_state_as_update_v1(&StateVector::default()).into()
    }

    /// Everything that a person could see, for comparing replicas.
    fn reading(&self) -> Vec<Seen> {
        let content = self.doc.get_or_insert_xml_fragment("content");
        let text = self.doc.get_or_insert_text("text");
        let transaction = self.doc.transact();
        let mut reading: Vec<Seen> = pieces(&text, &transaction).collect();
        let mut left: Vec<XmlOut> = content.children(&transaction).collect();
        while let Some(node) = left.pop() {
            let children: Vec<XmlOut> = match &node {
                XmlOut::Text(text) => {
                    reading.push(Seen::Node(None, attributes(text, &transaction)));
                    reading.extend(pieces(text, &transaction));
                    Vec::new()
                }
                XmlOut::Fragment(fragment) => fragment.children(&transaction).collect(),
                XmlOut::Element(element) => {
                    reading.push(Seen::Node(element.try_tag().cloned(), attributes(element, &transaction)));
                    element.children(&transaction).collect()
                }
            };
            reading.push(Seen::Children(children.len()));
            left.extend(children);
        }
        reading
    }

    fn text(&self, kind: Kind) -> String {
        match kind {
            Kind::Text => {
                let text = self.doc.get_or_insert_text("text");
                text.get_string(&self.doc.transact())
            }
            Kind::Rich => {
                let content = self.doc.get_or_insert_xml_fragment("content");
                lines(&content, &self.doc.transact())
            }
        }
    }
}

/// Rich text as lines: one for each block that holds no other block.
fn lines(content: &impl XmlFragment, transaction: &impl ReadTxn) -> String {
    enum Step {
        Visit(XmlOut),
        EndLine,
    }
    let children = |parent: &dyn Fn() -> Vec<XmlOut>| parent().into_iter().rev().map(Step::Visit).collect::<Vec<_>>();
    let mut out = String::new();
    let mut steps = children(&|| content.children(transaction).collect());
    while let Some(step) = steps.pop() {
        match step {
            Step::EndLine => out.push('\n'),
            Step::Visit(XmlOut::Text(text)) => out.push_str(&plain(&text, transaction)),
            Step::Visit(XmlOut::Fragment(fragment)) => {
                steps.extend(children(&|| fragment.children(transaction).collect()))
            }
            Step::Visit(XmlOut::Element(element)) => {
                let inner: Vec<_> = element.children(transaction).collect();
                let is_break = element.try_tag().is_some_and(|tag| &**tag == "hardBreak");
                let holds_blocks = inner.iter().any(|child| match child {
                    XmlOut::Element(child) => child.try_tag().is_none_or(|tag| &**tag != "hardBreak"),
                    _ => false,
                });
                if is_break || !holds_blocks {
                    steps.push(Step::EndLine);
                }
                steps.extend(children(&|| inner.clone()));
            }
        }
    }
    out.truncate(out.strip_suffix('\n').map_or(out.len(), str::len));
    out
}

/// One thing that a person could see. Two replicas of one document see the same things in the same order.
#[derive(PartialEq)]
enum Seen {
    /// An element or a text, with its attributes.
    Node(Option<Arc<str>>, HashMap<String, Option<Any>>),
    /// How many nodes are inside.
    Children(usize),
    /// A piece of a text with its formats; without a value it is a shared type.
    Piece(Option<Any>, Option<Box<Attrs>>),
}

fn attributes(node: &impl Xml, transaction: &impl ReadTxn) -> HashMap<String, Option<Any>> {
    node.attributes(transaction).map(|(key, value)| (key.to_owned(), any(value))).collect()
}

fn pieces(text: &impl Text, transaction: &impl ReadTxn) -> impl Iterator<Item = Seen> {
    let pieces = text.diff(transaction, YChange::identity).into_iter();
    pieces.map(|piece| Seen::Piece(any(piece.insert), piece.attributes))
}

fn any(value: Out) -> Option<Any> {
    if let Out::Any(any) = value { Some(any) } else { None }
}

fn plain(text: &XmlTextRef, transaction: &impl ReadTxn) -> String {
    let pieces = text.diff(transaction, YChange::identity).into_iter();
    pieces
        .filter_map(|piece| if let Out::Any(Any::String(text)) = piece.insert { Some(text) } else { None })
        .map(|text| text.to_string())
        .collect()
}
