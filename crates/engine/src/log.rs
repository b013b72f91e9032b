//! The log: edits, entries, cursors, snapshots and writers, and the canonical bytes that their tags cover.
//! Nothing here knows where a log is kept.

use std::{collections::BTreeMap, fmt};

use bytes::{BufMut, Bytes, BytesMut};

use crate::{document::DocumentId, person::PersonId};

/// An entry's place in its document's log: 1, 2, 3 ... without gaps. 0 is before the first.
pub type Seq = u64;

/// A Yjs client id, as a writer in one document.
pub type WriterId = u32;

/// Eight bytes of BLAKE3 over the previous tag and an entry (L6): the same `seq` with another tag is another history.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tag(pub [u8; 8]);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in a log, and the proof of which log is meant (L7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// The last entry that is behind the cursor.
    pub seq: Seq,
    /// That entry's tag.
    pub tag: Tag,
}

impl Cursor {
    /// Before the first entry. Each document begins with a tag of its own, so that no two logs can be mistaken for each other.
    pub fn start(document: DocumentId) -> Self {
        let tag = tag_of(&[b"sesodocs log", &document.0.to_be_bytes()]);
        Self { seq: 0, tag }
    }
}

/// One update with its person, writer and `n`: what a person sends and what is acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Who made it.
    pub person: PersonId,
    /// The one Yjs client whose items it brings (W1).
    pub writer: WriterId,
    /// The writer's edits are numbered 1, 2, 3 ...
    pub n: u64,
    /// The writer's clock once the edit is applied.
    pub clock: u32,
    /// A Yjs v1 update, checked.
    pub update: Bytes,
}

/// What one commit added to one document (L1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// When it was made, in ms since 1970.
    pub time_ms: i64,
    /// Binds it to all that came before (L6).
    pub tag: Tag,
    /// In the order in which they were judged; never empty.
    pub edits: Vec<Edit>,
}

impl Entry {
    /// The entry that follows `last`.
    pub fn after(last: Cursor, time_ms: i64, edits: Vec<Edit>) -> Self {
        let seq = last.seq + 1;
        let tag = entry_tag(last.tag, seq, time_ms, &encode_edits(&edits));
        Self { seq, time_ms, tag, edits }
    }

    /// The cursor behind this entry.
    pub fn cursor(&self) -> Cursor {
        Cursor { seq: self.seq, tag: self.tag }
    }

    /// The canonical bytes of its edits: what a store keeps and what the tag covers.
    pub fn body(&self) -> Bytes {
        encode_edits(&self.edits)
    }

    /// Reads an entry back and proves that it follows `last`, bit for bit (L3, L6).
    ///
    /// # Errors
    /// [`Damaged`] if anything differs from what was written.
    pub fn read(last: Cursor, seq: Seq, time_ms: i64, tag: Tag, body: &Bytes) -> Result<Self, Damaged> {
        if seq != last.seq + 1 || entry_tag(last.tag, seq, time_ms, body) != tag {
            return Err(Damaged);
        }
        Self::follow(last, time_ms, body)
    }

    /// The entry with this body behind `last`, its tag computed. Proves nothing by itself: only that the last of many
    /// bears the tag that was written proves them all (L6).
    ///
    /// # Errors
    /// [`Damaged`] if the body is not one.
    pub fn follow(last: Cursor, time_ms: i64, body: &Bytes) -> Result<Self, Damaged> {
        let seq = last.seq + 1;
        let tag = entry_tag(last.tag, seq, time_ms, body);
        let edits = decode_edits(body).ok_or(Damaged)?;
        Ok(Self { seq, time_ms, tag, edits })
    }

    /// The updates of its edits, one after the other, each with its length before it, as lib0's `writeVarUint8Array` writes it.
    pub fn updates(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.edits.iter().map(|e| e.update.len() + 5).sum());
        for edit in &self.edits {
            put_bytes(&mut out, &edit.update);
        }
        out.freeze()
    }
}

/// Bytes that are not what was once written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored bytes do not bear their tag")]
pub struct Damaged;

/// One writer's state in one document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Writer {
    /// Whose it is, for ever (W2). [`PersonId::NOBODY`] once it is closed (W6).
    pub person: PersonId,
    /// The clock that its next item must have.
    pub clock: u32,
    /// The `n` of its last edit.
    pub n: u64,
    /// When it first wrote, in ms since 1970 (R3).
    pub since_ms: i64,
}

/// All writers of a document: a function of its log (W5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Writers(BTreeMap<WriterId, Writer>);

impl Writers {
    /// The writer's state, if it ever wrote.
    pub fn get(&self, id: WriterId) -> Option<&Writer> {
        self.0.get(&id)
    }

    /// Every writer, by id.
    pub fn iter(&self) -> impl Iterator<Item = (WriterId, &Writer)> {
        self.0.iter().map(|(id, writer)| (*id, writer))
    }

    /// Takes note of an entry.
    pub fn note(&mut self, entry: &Entry) {
        for edit in &entry.edits {
            let fresh = Writer { person: edit.person, clock: 0, n: 0, since_ms: entry.time_ms };
            let writer = self.0.entry(edit.writer).or_insert(fresh);
            writer.clock = edit.clock;
            writer.n = edit.n;
        }
    }

    /// How many writers this person has begun since `since_ms`.
    pub fn begun_by(&self, person: PersonId, since_ms: i64) -> usize {
        self.0.values().filter(|w| w.person == person && w.since_ms >= since_ms).count()
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(8 + self.0.len() * 24);
        out.put_u8(FORMAT);
        put_varint(&mut out, self.0.len() as u64);
        for (id, writer) in &self.0 {
            put_varint(&mut out, u64::from(*id));
            out.put_u64(writer.person.0);
            put_varint(&mut out, u64::from(writer.clock));
            put_varint(&mut out, writer.n);
            out.put_i64(writer.since_ms);
        }
        out.freeze()
    }

    /// Reads what [`Writers::encode`] wrote.
    ///
    /// # Errors
    /// [`Damaged`] if it is anything else.
    pub fn decode(bytes: &Bytes) -> Result<Self, Damaged> {
        let mut reader = Reader(bytes.clone());
        let read = |reader: &mut Reader| {
            if reader.u8()? != FORMAT {
                return None;
            }
            let mut writers = BTreeMap::new();
            for _ in 0..reader.varint()? {
                let id = u32::try_from(reader.varint()?).ok()?;
                let person = PersonId(reader.u64()?);
                let clock = u32::try_from(reader.varint()?).ok()?;
                let n = reader.varint()?;
                let since_ms = reader.u64()?.cast_signed();
                writers.insert(id, Writer { person, clock, n, since_ms });
            }
            reader.0.is_empty().then_some(Self(writers))
        };
        read(&mut reader).ok_or(Damaged)
    }
}

/// One update that stands for the log up to and including its cursor, with the writers at that point. Never changed (L4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The last entry that it covers.
    pub through: Cursor,
    /// A Yjs v1 update.
    pub update: Bytes,
    /// The writers at that point (W5).
    pub writers: Writers,
}

impl Snapshot {
    /// What a store keeps beside it and compares when it reads it (L6).
    pub fn tag(&self) -> Tag {
        let writers = self.writers.encode();
        tag_of(&[
            b"sesodocs snapshot",
            &self.through.seq.to_be_bytes(),
            &self.through.tag.0,
            &(writers.len() as u64).to_be_bytes(),
            &writers,
            &self.update,
        ])
    }
}

/// Eight bytes of BLAKE3 over the parts.
pub fn tag_of(parts: &[&[u8]]) -> Tag {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut tag = [0; 8];
    hasher.finalize_xof().fill(&mut tag);
    Tag(tag)
}

fn entry_tag(before: Tag, seq: Seq, time_ms: i64, body: &[u8]) -> Tag {
    tag_of(&[&before.0, &seq.to_be_bytes(), &time_ms.to_be_bytes(), body])
}

/// The first byte of each canonical form: a later version of SeSoDocs adds forms and keeps reading this one.
const FORMAT: u8 = 1;

fn encode_edits(edits: &[Edit]) -> Bytes {
    let length = edits.iter().map(|e| e.update.len() + 32).sum::<usize>() + 8;
    let mut out = BytesMut::with_capacity(length);
    out.put_u8(FORMAT);
    put_varint(&mut out, edits.len() as u64);
    for edit in edits {
        out.put_u64(edit.person.0);
        put_varint(&mut out, u64::from(edit.writer));
        put_varint(&mut out, edit.n);
        put_varint(&mut out, u64::from(edit.clock));
        put_bytes(&mut out, &edit.update);
    }
    out.freeze()
}

fn decode_edits(body: &Bytes) -> Option<Vec<Edit>> {
    let mut reader = Reader(body.clone());
    if reader.u8()? != FORMAT {
        return None;
    }
    let mut edits = Vec::new();
    for _ in 0..reader.varint()? {
        edits.push(Edit {
            person: PersonId(reader.u64()?),
            writer: u32::try_from(reader.varint()?).ok()?,
            n: reader.varint()?,
            clock: u32::try_from(reader.varint()?).ok()?,
            update: reader.bytes()?,
        });
    }
    (reader.0.is_empty() && !edits.is_empty()).then_some(edits)
}

/// Writes a number as LEB128, as lib0's `writeVarUint` does.
pub fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value as u8) | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.put_slice(bytes);
}

/// Takes apart what [`Entry::updates`] put together, as far as it was.
pub(crate) fn each_update(updates: Bytes) -> impl Iterator<Item = Bytes> {
    let mut reader = Reader(updates);
    std::iter::from_fn(move || reader.bytes())
}

/// Takes canonical forms apart without copying the updates.
struct Reader(Bytes);

impl Reader {
    fn u8(&mut self) -> Option<u8> {
        let first = *self.0.first()?;
        let _ = self.0.split_to(1);
        Some(first)
    }

    fn u64(&mut self) -> Option<u64> {
        let bytes = self.0.get(..8)?.try_into().ok()?;
        let _ = self.0.split_to(8);
        Some(u64::from_be_bytes(bytes))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.varint()?).ok()?;
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(last: Cursor) -> Entry {
        let edit = |writer, n| Edit {
            person: PersonId(u64::MAX),
            writer,
            n,
            clock: 300,
            update: Bytes::from_static(b"\x00\x01\x02"),
        };
        Entry::after(last, -5, vec![edit(u32::MAX, 1), edit(7, u64::MAX)])
    }

    #[test]
    fn l6_an_entry_is_read_back_as_it_was_written() {
        let start = Cursor::start(DocumentId(1));
        let entry = entry(start);
        let read = Entry::read(start, entry.seq, entry.time_ms, entry.tag, &entry.body());
        assert_eq!(read.as_ref(), Ok(&entry));
    }

    #[test]
    fn l6_every_flipped_bit_and_every_cut_is_noticed() {
        let start = Cursor::start(DocumentId(1));
        let entry = entry(start);
        let body = entry.body();
        for bit in 0..body.len() * 8 {
            let mut damaged = body.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let read = Entry::read(start, entry.seq, entry.time_ms, entry.tag, &damaged.into());
            assert_eq!(read, Err(Damaged), "bit {bit}");
        }
        for length in 0..body.len() {
            let read = Entry::read(start, entry.seq, entry.time_ms, entry.tag, &body.slice(..length));
            assert_eq!(read, Err(Damaged), "cut to {length}");
        }
        let elsewhere = Cursor::start(DocumentId(2));
        assert_eq!(Entry::read(elsewhere, 1, -5, entry.tag, &body), Err(Damaged));
        assert_eq!(Entry::read(start, 1, -4, entry.tag, &body), Err(Damaged));
    }

    #[test]
    fn w5_writers_are_a_function_of_the_log_and_survive_their_encoding() {
        let mut writers = Writers::default();
        let first = entry(Cursor::start(DocumentId(1)));
        writers.note(&first);
        writers.note(&entry(first.cursor()));
        assert_eq!(Writers::decode(&writers.encode()), Ok(writers.clone()));
        let expected = Writer { person: PersonId(u64::MAX), clock: 300, n: 1, since_ms: -5 };
        assert_eq!(writers.get(u32::MAX), Some(&expected));
        assert_eq!(writers.begun_by(PersonId(u64::MAX), -5), 2);
        assert_eq!(writers.begun_by(PersonId(u64::MAX), -4), 0);
    }
}
