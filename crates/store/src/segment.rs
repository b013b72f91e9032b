//! Segments of history: many entries in few bytes, each as it was written (H1). Only the codec; where they lie is the store's affair.
//! Entries' tags are not in them, since deflate cannot shrink them: they are computed, and the last one proves them all.

use std::io::{Read, Write};

use bytes::{Buf, BufMut, Bytes};
use engine::log::{Cursor, Damaged, Entry, Tag, tag_of};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

/// The first byte: later versions add forms and keep reading this one.
const FORMAT: u8 = 1;

/// How many bytes of bodies a segment holds before the next one begins: history is read a segment at a time.
pub(crate) const SEGMENT_BYTES: usize = 256 * 1024;

/// Packs the entries that follow `before`: a form, the segment's own tag, and the deflated entries.
pub(crate) fn pack(before: Cursor, entries: &[Entry]) -> std::io::Result<Vec<u8>> {
    let mut deflater = DeflateEncoder::new(Vec::new(), Compression::default());
    let mut last_ms = 0;
    for entry in entries {
        let body = entry.body();
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.put_i64(entry.time_ms.wrapping_sub(last_ms));
        head.put_u32(u32::try_from(body.len()).map_err(std::io::Error::other)?);
        deflater.write_all(&head)?;
        deflater.write_all(&body)?;
        last_ms = entry.time_ms;
    }
    let deflated = deflater.finish()?;
    let tag = tag(before, &deflated);
    Ok([&[FORMAT], tag.0.as_slice(), &deflated].concat())
}

/// Reads back what [`pack`] wrote behind `before`, bit for bit. The caller compares the last entry's tag (L6).
///
/// # Errors
/// [`Damaged`] if anything differs.
pub(crate) fn unpack(before: Cursor, bytes: &[u8]) -> Result<Vec<Entry>, Damaged> {
    let (form, rest) = bytes.split_first().ok_or(Damaged)?;
    let (own_tag, deflated) = rest.split_at_checked(8).ok_or(Damaged)?;
    if *form != FORMAT || own_tag != tag(before, deflated).0 {
        return Err(Damaged);
    }
    let mut inflated = Vec::new();
    DeflateDecoder::new(deflated).read_to_end(&mut inflated).map_err(|_| Damaged)?;
    let mut rest = Bytes::from(inflated);
    let mut last = before;
    let mut last_ms = 0;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let entry = next(last, last_ms, &mut rest)?;
        (last, last_ms) = (entry.cursor(), entry.time_ms);
        entries.push(entry);
    }
    Ok(entries)
}

/// The time since the entry before, and the body's length: of fixed width, since deflate makes the zeros disappear.
const HEAD_BYTES: usize = 12;

fn next(last: Cursor, last_ms: i64, rest: &mut Bytes) -> Result<Entry, Damaged> {
    if rest.len() < HEAD_BYTES {
        return Err(Damaged);
    }
    let time_ms = last_ms.wrapping_add(rest.get_i64());
    let length = usize::try_from(rest.get_u32()).map_err(|_| Damaged)?;
    if length > rest.len() {
        return Err(Damaged);
    }
    Entry::follow(last, time_ms, &rest.split_to(length))
}

fn tag(before: Cursor, deflated: &[u8]) -> Tag {
    let seq = before.seq.to_be_bytes();
    tag_of(&[b"sesodocs segment", &before.tag.0, &seq, deflated])
}

#[cfg(test)]
mod tests {
    use engine::{document::DocumentId, log::Edit, person::PersonId};

    use super::*;

    fn entries(start: Cursor, count: u64) -> Vec<Entry> {
        let mut last = start;
        let mut entries = Vec::new();
        for n in 1..=count {
            let edit =
                Edit { person: PersonId(9), writer: 7, n, clock: n as u32, update: Bytes::from(vec![n as u8; 30]) };
            let entry = Entry::after(last, [i64::MIN, i64::MAX, -1, 1_000][n as usize % 4], vec![edit]);
            last = entry.cursor();
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn h1_a_segment_keeps_every_entry_as_it_was() {
        let start = Cursor::start(DocumentId(1));
        let entries = entries(start, 200);
        let packed = pack(start, &entries).unwrap();
        assert_eq!(unpack(start, &packed), Ok(entries));
    }

    #[test]
    fn l6_every_flipped_bit_and_every_cut_of_a_segment_is_noticed() {
        let start = Cursor::start(DocumentId(1));
        let packed = pack(start, &entries(start, 5)).unwrap();
        for bit in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unpack(start, &damaged), Err(Damaged), "bit {bit}");
        }
        for length in 0..packed.len() {
            assert_eq!(unpack(start, &packed[..length]), Err(Damaged), "cut to {length}");
        }
        let elsewhere = Cursor::start(DocumentId(2));
        assert_eq!(unpack(elsewhere, &packed), Err(Damaged));
    }
}
