//! The JSON of every live message, in and out: the only place that knows its shapes (the table of `/live` in docs/spec.md).
//! Reads and writes; decides nothing, and knows no socket.

use std::borrow::Cow;

use bytes::Bytes;
use engine::{
    access::Role,
    document::{Document, DocumentId},
    log::{Cursor, Seq, Tag, WriterId},
    refusal::{Refusal, Retry},
    rooms::{Opened, Present, Receipt},
};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::row::{ListRequest, Row, kind_name, role_name};

/// The largest presence state, in bytes of JSON (B4).
const STATE_BYTES: usize = 1024;

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// A page of the list, and to be told of changes from then on.
    List(ListRequest),
    /// To enter a document.
    Open {
        /// Which.
        document: DocumentId,
        /// What the client has of it already.
        cursor: Option<Cursor>,
        /// The schema of rich text that the client knows; 0 if it does not say.
        schema: u32,
    },
    /// To add an edit, or a part of one.
    Edit {
        /// To which document.
        document: DocumentId,
        /// The Yjs client that wrote it.
        writer: WriterId,
        /// The number of the edit among its writer's.
        n: u64,
        /// If this is only a part: which, of how many.
        part: Option<(u32, u32)>,
        /// The bytes.
        update: Bytes,
    },
    /// To move the window on (D6).
    Confirm {
        /// In which document.
        document: DocumentId,
        /// The cursor.
        seq: Seq,
        /// How many parts of a snapshot came so far, while one arrives.
        part: u32,
    },
    /// To show the others where one is.
    Presence {
        /// In which document.
        document: DocumentId,
        /// A JSON object of at most 1 KiB, written anew by us; none to be seen no more.
        state: Option<Bytes>,
    },
    /// To leave a document.
    Close {
        /// Which.
        document: DocumentId,
    },
}

impl Request {
    /// Reads `["event", {…}]` and its attachments.
    ///
    /// # Errors
    /// `Invalid` says what is wrong with it; `TooLarge` for a presence state.
    pub(crate) fn read(text: &str, attachments: &[Bytes]) -> Result<Self, Refusal> {
        let (event, payload): (Cow<'_, str>, &RawValue) =
            serde_json::from_str(text).map_err(|_| Refusal::Invalid("an event carries one object"))?;
        match event.as_ref() {
            "list" => Ok(Self::List(object(payload)?)),
            "open" => open(object(payload)?),
            "edit" => edit(object(payload)?, attachments),
            "confirm" => {
                let Confirm { doc, seq, part } = object(payload)?;
                Ok(Self::Confirm { document: id(&doc)?, seq, part })
            }
            "presence" => {
                let PresenceIn { doc, state } = object(payload)?;
                Ok(Self::Presence { document: id(&doc)?, state: state.map(clean_state).transpose()? })
            }
            "close" => {
                let Close { doc } = object(payload)?;
                Ok(Self::Close { document: id(&doc)? })
            }
            _ => Err(Refusal::Invalid("there is no such event")),
        }
    }
}

#[derive(Deserialize)]
struct OpenIn<'a> {
    #[serde(borrow)]
    doc: Cow<'a, str>,
    cursor: Option<CursorIn>,
    #[serde(default)]
    schema: u32,
}

#[derive(Deserialize)]
struct CursorIn {
    seq: Seq,
    tag: String,
}

#[derive(Deserialize)]
struct EditIn<'a> {
    #[serde(borrow)]
    doc: Cow<'a, str>,
    client: WriterId,
    n: u64,
    part: Option<u32>,
    parts: Option<u32>,
    update: Placeholder,
}

/// What Socket.IO puts in the place of an attachment.
#[derive(Deserialize)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    is: bool,
    num: usize,
}

#[derive(Deserialize)]
struct Confirm<'a> {
    #[serde(borrow)]
    doc: Cow<'a, str>,
    seq: Seq,
    #[serde(default)]
    part: u32,
}

#[derive(Deserialize)]
struct PresenceIn<'a> {
    #[serde(borrow)]
    doc: Cow<'a, str>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Close<'a> {
    #[serde(borrow)]
    doc: Cow<'a, str>,
}

fn object<'a, T: Deserialize<'a>>(payload: &'a RawValue) -> Result<T, Refusal> {
    // A list of values in their order would be read just as well.
    if !payload.get().starts_with('{') {
        return Err(Refusal::Invalid("an event carries one object"));
    }
    serde_json::from_str(payload.get())
        .map_err(|_| Refusal::Invalid("a field of the event is missing or of the wrong kind"))
}

fn id(text: &str) -> Result<DocumentId, Refusal> {
    text.parse().map_err(|_| Refusal::Invalid("this is not the id of a document"))
}

fn open(OpenIn { doc, cursor, schema }: OpenIn<'_>) -> Result<Request, Refusal> {
    let cursor = match cursor {
        Some(CursorIn { seq, tag }) => {
            let tag = tag_of(&tag).ok_or(Refusal::Invalid("a tag has 16 hexadecimal digits"))?;
            Some(Cursor { seq, tag })
        }
        None => None,
    };
    Ok(Request::Open { document: id(&doc)?, cursor, schema })
}

fn tag_of(text: &str) -> Option<Tag> {
    let exact = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u64::from_str_radix(text, 16).ok().filter(|_| exact)?;
    Some(Tag(number.to_be_bytes()))
}

fn edit(edit: EditIn<'_>, attachments: &[Bytes]) -> Result<Request, Refusal> {
    let EditIn { doc, client, n, part, parts, update } = edit;
    let update = match attachments.get(update.num) {
        Some(bytes) if update.is => bytes.clone(),
        _ => return Err(Refusal::Invalid("an update is binary")),
    };
    let part = match (part, parts) {
        (None, None) => None,
        (Some(part), Some(parts)) if part < parts => Some((part, parts)),
        _ => return Err(Refusal::Invalid("a part has a number below the number of parts")),
    };
    Ok(Request::Edit { document: id(&doc)?, writer: client, n, part, update })
}

/// A state is written anew, so that what others receive is nothing but plain, small JSON.
fn clean_state(raw: &RawValue) -> Result<Bytes, Refusal> {
    if raw.get().len() > STATE_BYTES {
        return Err(Refusal::TooLarge);
    }
    let state: serde_json::Value = object(raw)?;
    if !state.is_object() || names_placeholder(&state) {
        return Err(Refusal::Invalid("a presence state is an object"));
    }
    serde_json::to_vec(&state).map(Bytes::from).map_err(|_| Refusal::Invalid("a presence state is an object"))
}

/// Whether Socket.IO clients would take a part of this for an attachment: one that is missing ends their connection.
fn names_placeholder(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(fields) => {
            fields.contains_key("_placeholder") || fields.values().any(names_placeholder)
        }
        serde_json::Value::Array(items) => items.iter().any(names_placeholder),
        _ => false,
    }
}

/// `{error: {code, message, retry}}`: how every refusal is told, and inside, the object itself.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorOut {
    error: Fault,
}

/// The object in an error: also the message of a refused connection, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    code: &'static str,
    message: String,
    retry: &'static str,
}

impl From<Refusal> for ErrorOut {
    fn from(refusal: Refusal) -> Self {
        Self { error: refusal.into() }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let retry = match refusal.retry() {
            Retry::Again => "again",
            Retry::Later => "later",
            Retry::Never => "never",
        };
        Self { code: refusal.code(), message: refusal.message(), retry }
    }
}

impl std::fmt::Display for Fault {
    /// JSON: Socket.IO gives a refused client one text and nothing else.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| std::fmt::Error)?)
    }
}

/// What a connecting client may say about itself (A2).
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Auth {
    /// A session's token; with it the cookie is ignored.
    pub(crate) token: Option<String>,
}

/// `session:ended`.
#[derive(Debug, Serialize)]
pub(crate) struct Ended {
    pub(crate) code: &'static str,
}

/// The answer to `open`.
#[derive(Debug, Serialize)]
pub(crate) struct OpenOut<'a> {
    #[serde(serialize_with = "as_text")]
    doc: DocumentId,
    title: &'a str,
    kind: &'static str,
    role: &'static str,
    trashed: bool,
    schema: u32,
    window: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<&'static str>,
    head: Seq,
    seq: Seq,
    #[serde(serialize_with = "as_text")]
    tag: Tag,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'a Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<u32>,
    updates: &'a Bytes,
    connection: u64,
    present: Vec<PersonOut<'a>>,
}

impl<'a> OpenOut<'a> {
    pub(crate) fn new(opened: &'a Opened, connection: u64) -> Self {
        Self {
            doc: opened.document.id,
            title: &opened.document.title,
            kind: kind_name(opened.document.kind),
            role: role_name(opened.role),
            trashed: opened.document.trashed_ms.is_some(),
            schema: opened.document.schema,
            window: opened.window_bytes,
            history: opened.history_changed.then_some("changed"),
            head: opened.head,
            seq: opened.start.cursor.seq,
            tag: opened.start.cursor.tag,
            snapshot: opened.start.snapshot.as_ref(),
            parts: (opened.start.parts > 0).then_some(opened.start.parts),
            updates: &opened.start.updates,
            connection,
            present: opened.present.iter().map(PersonOut::from).collect(),
        }
    }
}

/// The answer to `edit`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum EditOut {
    /// Stored: the sender's cursor moves.
    Moved {
        /// From this entry.
        from: Seq,
        /// To this one.
        seq: Seq,
        /// With this tag.
        #[serde(serialize_with = "as_text")]
        tag: Tag,
    },
    /// Stored: the cursor moves by another message, and the edit is safe from then on.
    Stored {
        /// In this entry, or in one before it.
        seq: Seq,
    },
    /// A part arrived.
    Part {
        /// Which.
        part: u32,
    },
    /// Not stored.
    Refused(ErrorOut),
}

impl From<Result<Receipt, Refusal>> for EditOut {
    fn from(result: Result<Receipt, Refusal>) -> Self {
        match result {
            Ok(Receipt { moved: Some((from, Cursor { seq, tag })), .. }) => Self::Moved { from, seq, tag },
            Ok(Receipt { seq, moved: None }) => Self::Stored { seq },
            Err(refusal) => Self::Refused(refusal.into()),
        }
    }
}

/// `edits`, with the updates as its one attachment.
#[derive(Debug, Serialize)]
pub(crate) struct EditsOut {
    #[serde(serialize_with = "as_text")]
    pub(crate) doc: DocumentId,
    pub(crate) from: Seq,
    pub(crate) seq: Seq,
    #[serde(serialize_with = "as_text")]
    pub(crate) tag: Tag,
}

/// `snapshot`, with a piece of the bytes as its one attachment.
#[derive(Debug, Serialize)]
pub(crate) struct SnapshotOut {
    #[serde(serialize_with = "as_text")]
    pub(crate) doc: DocumentId,
    pub(crate) part: u32,
    pub(crate) parts: u32,
    pub(crate) seq: Seq,
    #[serde(serialize_with = "as_text")]
    pub(crate) tag: Tag,
}

/// `presence`: what changed since the last round.
#[derive(Debug, Serialize)]
pub(crate) struct PresenceOut<'a> {
    #[serde(serialize_with = "as_text")]
    doc: DocumentId,
    people: Vec<PersonOut<'a>>,
}

impl<'a> PresenceOut<'a> {
    pub(crate) fn new(doc: DocumentId, people: &'a [Present]) -> Self {
        Self { doc, people: people.iter().map(PersonOut::from).collect() }
    }
}

#[derive(Debug, Serialize)]
struct PersonOut<'a> {
    connection: u64,
    person: Whose<'a>,
    state: Option<&'a RawValue>,
}

#[derive(Debug, Serialize)]
struct Whose<'a> {
    id: String,
    name: &'a str,
}

impl<'a> From<&'a Present> for PersonOut<'a> {
    fn from(present: &'a Present) -> Self {
        let state = present.state.as_deref().and_then(|json| serde_json::from_slice(json).ok());
        let person = Whose { id: present.person.to_string(), name: &present.name };
        Self { connection: present.connection, person, state }
    }
}

/// `doc:changed`: the whole truth about a document, for its receiver.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum ChangedOut<'a> {
    /// As it is now.
    Now {
        /// Which.
        #[serde(serialize_with = "as_text")]
        doc: DocumentId,
        /// Its title.
        title: &'a str,
        /// What the receiver is in it.
        role: Option<&'static str>,
        /// Whether it is in the trash.
        trashed: bool,
        /// The schema that its content may use.
        schema: u32,
    },
    /// It is gone for ever.
    Gone {
        /// Which.
        #[serde(serialize_with = "as_text")]
        doc: DocumentId,
        /// Nobody may see it any more.
        role: Option<&'static str>,
        /// Always true.
        gone: bool,
    },
}

impl<'a> ChangedOut<'a> {
    pub(crate) fn now(document: &'a Document, is: Option<Role>) -> Self {
        Self::Now {
            doc: document.id,
            // Who may not see it any more does not learn what it is called now.
            title: if is.is_some() { &document.title } else { "" },
            role: is.map(role_name),
            trashed: document.trashed_ms.is_some(),
            schema: document.schema,
        }
    }

    pub(crate) fn gone(doc: DocumentId) -> Self {
        Self::Gone { doc, role: None, gone: true }
    }
}

/// `list:changed`.
#[derive(Debug, Serialize)]
pub(crate) struct ListChangedOut {
    pub(crate) documents: Vec<Row>,
    pub(crate) gone: Vec<String>,
}

fn as_text<S: Serializer>(value: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
#[path = "wire/tests.rs"]
mod tests;
