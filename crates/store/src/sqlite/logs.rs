//! Logs in SQL: entries, snapshots, and history. Whatever is read is proved to be what was written (L6).

use engine::{
    document::DocumentId,
    log::{Cursor, Entry, Seq, Snapshot, Tag, Writers},
    store::{Loaded, Since, StoreError},
};
use rusqlite::Row;

use super::connection::{Fault, Tx};
use crate::{segment, update_bytes};

/// What a document's row says about its log.
pub(super) struct Head {
    pub(super) key: i64,
    id: DocumentId,
    cursor: Cursor,
    covered: Seq,
}

impl Head {
    pub(super) fn of(tx: &Tx<'_>, id: DocumentId) -> Result<Self, Fault> {
        let sql = "SELECT key, head, head_tag, covered FROM documents WHERE id = ?";
        let head = tx.row(sql, [id.0.to_be_bytes()], |row| {
            Ok(Self {
                key: row.get(0)?,
                id,
                cursor: Cursor { seq: row.get(1)?, tag: tag(row, 2)? },
                covered: row.get(3)?,
            })
        })?;
        head.ok_or(Fault::Refused(StoreError::NotFound))
    }

    fn corrupt(&self, what: &str) -> Fault {
        let id = self.id;
        Fault::Refused(StoreError::Corrupt(format!("document {id}: {what}")))
    }
}

/// Adds an entry behind the head (L1, L2).
pub(super) fn append(tx: &Tx<'_>, id: DocumentId, entry: &Entry) -> Result<(), Fault> {
    let head = Head::of(tx, id)?;
    let body = entry.body();
    // Reading it back proves at once that it is the next one and bears the right tag.
    Entry::read(head.cursor, entry.seq, entry.time_ms, entry.tag, &body).map_err(|_| StoreError::Conflict)?;
    let changed_by = entry.edits.last().map(|edit| edit.person.0.cast_signed());
    let moved = tx.execute(
        "UPDATE documents SET head = ?1, head_tag = ?2, changed_ms = ?3, changed_by = coalesce(?4, changed_by)
         WHERE key = ?5 AND head = ?1 - 1",
        (entry.seq, number(entry.tag), entry.time_ms, changed_by, head.key),
    )?;
    if moved != 1 {
        return Err(StoreError::Conflict.into());
    }
    tx.execute(
        "INSERT INTO log (document, seq, time_ms, tag, body) VALUES (?, ?, ?, ?, ?)",
        (head.key, entry.seq, entry.time_ms, number(entry.tag), &body[..]),
    )?;
    Ok(())
}

/// The newest snapshot and the entries behind it (L3).
pub(super) fn load(tx: &Tx<'_>, id: DocumentId) -> Result<Loaded, Fault> {
    let head = Head::of(tx, id)?;
    let snapshot = snapshot(tx, &head)?;
    let start = snapshot.as_ref().map_or(Cursor::start(id), |s| s.through);
    let tail = entries(tx, &head, start, usize::MAX)?;
    Ok(Loaded { snapshot, tail })
}

/// What there is after a cursor (L7).
pub(super) fn since(tx: &Tx<'_>, id: DocumentId, cursor: Cursor, limit_bytes: usize) -> Result<Since, Fault> {
    let head = Head::of(tx, id)?;
    if tag_at(tx, &head, cursor.seq)? != Some(cursor.tag) {
        return Ok(Since::OtherHistory);
    }
    if cursor.seq < head.covered {
        return Ok(Since::Covered);
    }
    Ok(Since::Entries(entries(tx, &head, cursor, limit_bytes)?))
}

/// Original entries, compacted or not (H1).
pub(super) fn history(tx: &Tx<'_>, id: DocumentId, after: Seq, limit_bytes: usize) -> Result<Vec<Entry>, Fault> {
    let head = Head::of(tx, id)?;
    if after >= head.cursor.seq {
        return Ok(Vec::new());
    }
    let mut last = row_before(tx, &head, after + 1)?;
    let mut taken = Taken::new(limit_bytes);
    let sql = "SELECT first, seq, time_ms, tag, body FROM log WHERE document = ? AND seq > ? ORDER BY seq";
    tx.each(sql, (head.key, last.seq), |row| {
        for entry in stored(row, &head, last)? {
            last = entry.cursor();
            if entry.seq > after && !taken.add(entry) {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    taken.finish(&head, last)
}

/// Segments that are ready to take the place of the entries they hold.
pub(super) struct Compaction {
    key: i64,
    covered: Seq,
    segments: Vec<Segment>,
}

struct Segment {
    first: Seq,
    last: Cursor,
    time_ms: i64,
    body: Vec<u8>,
}

/// Reads and packs what a snapshot up to `through` covers: the long part of a compaction, which needs no writer.
pub(super) fn prepare(tx: &Tx<'_>, id: DocumentId, through: Cursor) -> Result<Compaction, Fault> {
    let head = Head::of(tx, id)?;
    let is_on_this_log = tag_at(tx, &head, through.seq)? == Some(through.tag);
    if through.seq <= head.covered || !is_on_this_log {
        return Err(StoreError::Conflict.into());
    }
    let mut last = row_before(tx, &head, head.covered + 1)?;
    let mut packer = Packer::after(last);
    let sql = "SELECT first, seq, time_ms, tag, body FROM log
               WHERE document = ? AND seq BETWEEN ? AND ? ORDER BY seq";
    tx.each(sql, (head.key, last.seq + 1, through.seq), |row| {
        for entry in stored(row, &head, last)? {
            last = entry.cursor();
            packer.add(entry)?;
        }
        Ok(true)
    })?;
    if last != through {
        return Err(head.corrupt("the log has a gap"));
    }
    Ok(Compaction { key: head.key, covered: head.covered, segments: packer.finish()? })
}

/// Puts the snapshot and the segments in their places (L2, L4). False if another compaction came between: prepare anew.
pub(super) fn compact(tx: &Tx<'_>, compaction: &Compaction, snapshot: &Snapshot) -> Result<bool, Fault> {
    let key = compaction.key;
    let through = snapshot.through;
    let moved = tx.execute(
        "UPDATE documents SET covered = ? WHERE key = ? AND covered = ?",
        (through.seq, key, compaction.covered),
    )?;
    if moved != 1 {
        return Ok(false);
    }
    tx.execute("DELETE FROM snapshots WHERE document = ?", [key])?;
    let writers = snapshot.writers.encode();
    tx.execute(
        "INSERT INTO snapshots (document, seq, log_tag, tag, writers, body) VALUES (?, ?, ?, ?, ?, ?)",
        (key, through.seq, number(through.tag), number(snapshot.tag()), &writers[..], &snapshot.update[..]),
    )?;
    tx.execute("DELETE FROM log WHERE document = ? AND seq > ? AND seq <= ?", (key, compaction.covered, through.seq))?;
    for segment in &compaction.segments {
        tx.execute(
            "INSERT INTO log (document, seq, first, time_ms, tag, body) VALUES (?, ?, ?, ?, ?, ?)",
            (key, segment.last.seq, segment.first, segment.time_ms, number(segment.last.tag), &segment.body),
        )?;
    }
    Ok(true)
}

/// Deletes a document's log, snapshots and history.
pub(super) fn purge(tx: &Tx<'_>, key: i64) -> Result<(), Fault> {
    tx.execute("DELETE FROM log WHERE document = ?", [key])?;
    tx.execute("DELETE FROM snapshots WHERE document = ?", [key])?;
    Ok(())
}

/// The tag of the entry at `seq`, wherever it is kept; `None` beyond the head.
fn tag_at(tx: &Tx<'_>, head: &Head, seq: Seq) -> Result<Option<Tag>, Fault> {
    if seq == 0 {
        return Ok(Some(Cursor::start(head.id).tag));
    }
    if seq >= head.cursor.seq {
        return Ok((seq == head.cursor.seq).then_some(head.cursor.tag));
    }
    let before = row_before(tx, head, seq)?;
    let sql = "SELECT first, seq, time_ms, tag, body FROM log WHERE document = ? AND seq >= ? ORDER BY seq LIMIT 1";
    let entries = tx.row(sql, (head.key, seq), |row| stored(row, head, before))?;
    let entry = entries.into_iter().flatten().find(|entry| entry.seq == seq);
    match entry {
        Some(entry) => Ok(Some(entry.tag)),
        None => Err(head.corrupt("the log has a gap")),
    }
}

/// The cursor behind the last row that ends before `seq`.
fn row_before(tx: &Tx<'_>, head: &Head, seq: Seq) -> Result<Cursor, Fault> {
    let sql = "SELECT seq, tag FROM log WHERE document = ? AND seq < ? ORDER BY seq DESC LIMIT 1";
    let before = tx.row(sql, (head.key, seq), |row| Ok(Cursor { seq: row.get(0)?, tag: tag(row, 1)? }))?;
    Ok(before.unwrap_or(Cursor::start(head.id)))
}

/// The entries in a row of the log, proved to follow `last`.
fn stored(row: &Row<'_>, head: &Head, last: Cursor) -> Result<Vec<Entry>, Fault> {
    let first: Option<Seq> = row.get(0)?;
    let seq: Seq = row.get(1)?;
    let tag = tag(row, 3)?;
    let body: Vec<u8> = row.get(4)?;
    let entries = match first {
        None => Entry::follow(last, row.get(2)?, &body.into()).map(|entry| vec![entry]),
        Some(_) => segment::unpack(last, &body),
    };
    // The tag of the last one proves them all.
    entries
        .ok()
        .filter(|entries| entries.last().map(Entry::cursor) == Some(Cursor { seq, tag }))
        .ok_or_else(|| head.corrupt(&format!("the tag of entry {seq} fails")))
}

/// Entries after a cursor that is on the log and not behind what is covered.
fn entries(tx: &Tx<'_>, head: &Head, after: Cursor, limit_bytes: usize) -> Result<Vec<Entry>, Fault> {
    let mut last = after;
    let mut taken = Taken::new(limit_bytes);
    let sql = "SELECT first, seq, time_ms, tag, body FROM log WHERE document = ? AND seq > ? ORDER BY seq";
    tx.each(sql, (head.key, after.seq), |row| {
        for entry in stored(row, head, last)? {
            last = entry.cursor();
            if !taken.add(entry) {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    taken.finish(head, last)
}

/// Whole entries, at least one if there is one, then as many as the limit allows.
struct Taken {
    entries: Vec<Entry>,
    bytes: usize,
    limit_bytes: usize,
    is_full: bool,
}

impl Taken {
    fn new(limit_bytes: usize) -> Self {
        Self { entries: Vec::new(), bytes: 0, limit_bytes, is_full: false }
    }

    /// False once there is no more room: the entry is left out then.
    fn add(&mut self, entry: Entry) -> bool {
        self.bytes += update_bytes(&entry);
        self.is_full = !self.entries.is_empty() && self.bytes > self.limit_bytes;
        if !self.is_full {
            self.entries.push(entry);
        }
        !self.is_full
    }

    /// What was taken, if the log did not end before its head.
    fn finish(self, head: &Head, last: Cursor) -> Result<Vec<Entry>, Fault> {
        if self.is_full || last == head.cursor {
            Ok(self.entries)
        } else {
            Err(head.corrupt("the log ends before its head"))
        }
    }
}

/// Gathers entries into segments of bounded size.
struct Packer {
    before: Cursor,
    entries: Vec<Entry>,
    bytes: usize,
    segments: Vec<Segment>,
}

impl Packer {
    fn after(before: Cursor) -> Self {
        Self { before, entries: Vec::new(), bytes: 0, segments: Vec::new() }
    }

    fn add(&mut self, entry: Entry) -> Result<(), Fault> {
        self.bytes += update_bytes(&entry);
        self.entries.push(entry);
        if self.bytes >= segment::SEGMENT_BYTES {
            self.pack()?;
        }
        Ok(())
    }

    fn pack(&mut self) -> Result<(), Fault> {
        let Some(last) = self.entries.last() else {
            return Ok(());
        };
        let body =
            segment::pack(self.before, &self.entries).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let last_cursor = last.cursor();
        self.segments.push(Segment { first: self.before.seq + 1, last: last_cursor, time_ms: last.time_ms, body });
        self.before = last_cursor;
        self.entries.clear();
        self.bytes = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Segment>, Fault> {
        self.pack()?;
        Ok(self.segments)
    }
}

fn snapshot(tx: &Tx<'_>, head: &Head) -> Result<Option<Snapshot>, Fault> {
    if head.covered == 0 {
        return Ok(None);
    }
    let sql = "SELECT log_tag, tag, writers, body FROM snapshots WHERE document = ? AND seq = ?";
    let snapshot = tx.row(sql, (head.key, head.covered), |row| {
        let writers: Vec<u8> = row.get(2)?;
        let body: Vec<u8> = row.get(3)?;
        let writers =
            Writers::decode(&writers.into()).map_err(|_| head.corrupt("the writers of its snapshot are damaged"))?;
        let snapshot =
            Snapshot { through: Cursor { seq: head.covered, tag: tag(row, 0)? }, update: body.into(), writers };
        if snapshot.tag() != tag(row, 1)? {
            return Err(head.corrupt("the tag of its snapshot fails"));
        }
        Ok(snapshot)
    })?;
    let snapshot = snapshot.ok_or_else(|| head.corrupt("its snapshot is missing"))?;
    Ok(Some(snapshot))
}

fn tag(row: &Row<'_>, column: usize) -> rusqlite::Result<Tag> {
    let number: i64 = row.get(column)?;
    Ok(Tag(number.to_be_bytes()))
}

/// A tag as SQLite keeps it.
pub(super) fn number(tag: Tag) -> i64 {
    i64::from_be_bytes(tag.0)
}
