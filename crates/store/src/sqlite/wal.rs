//! Walks a write-ahead log that a kill left, before SQLite opens it (F6): SQLite itself takes the first bad frame for the end
//! and forgets every commit behind it without a word. Reads only, and only here are database files read without SQLite.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// SQLite's default, which every database of ours has.
const PAGE_BYTES: usize = 4096;

/// Where a log is damaged, and what lies behind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// The first bad frame, counted from 1; 0 is the header.
    pub(super) frame: u64,
    /// How many commits of the same log follow it.
    pub(super) commits_behind: u64,
}

/// Looks for a bad frame with commits behind it. `None`: the log is whole, absent, or torn at its end as a kill leaves it.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn damage(path: &Path) -> io::Result<Option<Damage>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut file, &mut header)? {
        return Ok(None);
    }
    // Checksums are big-endian or little-endian by the last bit of the magic number.
    let sum: fn(&[u8], Sum) -> Sum = if word(&header, 0) & 1 == 1 {
        |bytes, sum| checksum(bytes, sum, u32::from_be_bytes)
    } else {
        |bytes, sum| checksum(bytes, sum, u32::from_le_bytes)
    };
    let mut running = sum(&header[..24], (0, 0));
    let mut bad = (running != sum_at(&header, 24)).then_some(0);
    let salts = salts_at(&header, 16);
    let mut frame = vec![0; FRAME_HEADER_BYTES + PAGE_BYTES];
    let mut number = 0;
    // By salts: those of older logs, which lie behind the end of this one, do not count.
    let mut commits_behind = BTreeMap::<_, u64>::new();
    while fill(&mut file, &mut frame)? {
        number += 1;
        let frame_salts = salts_at(&frame, 8);
        if bad.is_none() {
            running = sum(&frame[FRAME_HEADER_BYTES..], sum(&frame[..8], running));
            if frame_salts != salts || running != sum_at(&frame, 16) {
                bad = Some(number);
            }
        } else if word(&frame, 4) != 0 {
            *commits_behind.entry(frame_salts).or_default() += 1;
        }
    }
    let commits_behind = match bad {
        // A bad header does not say which salts are the current ones.
        Some(0) => commits_behind.into_values().max(),
        _ => commits_behind.remove(&salts),
    };
    // A kill or a power cut tears at most the last commit: the one before was synced before that one began.
    Ok(bad
        .zip(commits_behind.filter(|commits| *commits >= 2))
        .map(|(frame, commits_behind)| Damage { frame, commits_behind }))
}

type Sum = (u32, u32);

/// SQLite's checksum, continued from `sum`.
fn checksum(bytes: &[u8], (mut a, mut b): Sum, read: fn([u8; 4]) -> u32) -> Sum {
    let (words, _) = bytes.as_chunks::<4>();
    let (pairs, _) = words.as_chunks::<2>();
    for [x, y] in pairs {
        a = a.wrapping_add(read(*x)).wrapping_add(b);
        b = b.wrapping_add(read(*y)).wrapping_add(a);
    }
    (a, b)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let (words, _) = bytes.as_chunks::<4>();
    words.get(at / 4).map_or(0, |word| u32::from_be_bytes(*word))
}

fn salts_at(bytes: &[u8], at: usize) -> (u32, u32) {
    (word(bytes, at), word(bytes, at + 4))
}

fn sum_at(bytes: &[u8], at: usize) -> Sum {
    (word(bytes, at), word(bytes, at + 4))
}

/// Fills the buffer; false at the end of the file, also in the middle of the buffer.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
