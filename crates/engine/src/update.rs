//! Reads the Yjs v1 update format: safely, without recursion, and strictly (R1, R2).
//! It must not apply updates, and must not accept what yrs or Yjs would read differently.
//!
//! An update is a list of client sections, each a run of blocks, and a delete set:
//!
//! ```text
//! update  = n  section*n  n  deleted*n              (n: variable length, 7 bits a byte)
//! section = blocks client clock  block*blocks
//! block   = 0 length                                 a collected run: only its length is left
//!         | info [left id] [right id] [parent [key]] content
//! deleted = client ranges  (clock length)*ranges
//! ```
//!
//! What one update says is checked here. What it says *about a document* (do its neighbours hang
//! on one parent? is its parent a type?) is checked by [`Shape`].

mod cursor;
mod shape;
mod value;

use std::ops::Range;

use smallvec::SmallVec;

use cursor::Cursor;
pub use shape::{Misfit, Shape};

/// The longest update, in bytes (R1).
pub const MAX_BYTES: usize = 8 << 20;
/// Levels of values inside values, and of shared types inside shared types that one edit makes (R1).
pub const MAX_LEVELS: usize = 64;
/// Levels of shared types inside shared types in a whole document: yrs walks them recursively.
pub const MAX_DEPTH: u32 = 1_000;
/// The highest clock at which a run may end (R1).
const MAX_CLOCK: u32 = i32::MAX as u32;
/// The longest run of a block that brings no content (R1).
const MAX_EMPTY_RUN: u32 = 1 << 24;

/// Why bytes are not an update that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end before what they announce.
    #[error("the update ends too early")]
    Truncated,
    /// More bytes than [`MAX_BYTES`].
    #[error("the update is too large")]
    TooLarge,
    /// Values or shared types nest too deeply.
    #[error("the update nests too deeply")]
    TooDeep,
    /// A number that is not written in the shortest way, or is too large for its place.
    #[error("the update holds a number that is out of range")]
    Number,
    /// A client id above 2^32-1, twice the same section, or sections out of order.
    #[error("the update's client ids are out of range or out of order")]
    Client,
    /// A clock above 2^31-1, an empty or too long run, or delete ranges that are empty or overlap.
    #[error("the update's clocks are out of range or out of order")]
    Clock,
    /// A block that depends on a later one.
    #[error("the update depends on what comes after it")]
    Order,
    /// A kind of block, content or type that we do not accept (skips and sub-documents among them).
    #[error("the update holds content of an unknown kind")]
    Kind,
    /// A string that is not UTF-8.
    #[error("the update holds a text that is not UTF-8")]
    Utf8,
    /// A value that not every reader reads as the same.
    #[error("the update holds a value that cannot be stored")]
    Value,
    /// An embed or a format that is not JSON, or not the same JSON to every reader.
    #[error("the update holds a value that is not JSON")]
    Json,
    /// A key that JavaScript objects cannot hold.
    #[error("the update uses a reserved key")]
    Key,
    /// A block that does not fit where it hangs.
    #[error("the update puts content where it cannot be")]
    Place,
    /// Bytes after the end.
    #[error("the update goes on after its end")]
    Trailing,
}

/// Why an update is not one person's edit (W1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEdit {
    /// It brings items of another client than its writer.
    #[error("the edit brings items of another writer")]
    Foreign,
    /// It nests more than [`MAX_LEVELS`] shared types at once.
    #[error("the edit nests too deeply")]
    TooDeep,
}

/// Successive clocks of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The Yjs client id.
    pub client: u32,
    /// Its clocks. Never empty.
    pub clocks: Range<u32>,
}

/// What an update brings, deletes and depends on. Each list is sorted by client, then by clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The items it brings: at most one run per client.
    pub brings: SmallVec<[Run; 1]>,
    /// The items it deletes. Runs of one client do not touch.
    pub deletes: SmallVec<[Run; 1]>,
    /// The items it depends on and neither brings nor follows directly: each client once, with the
    /// first clock that it does *not* need.
    pub needs: SmallVec<[Need; 2]>,
    /// Shared types inside shared types, counted within the update; never less than there are.
    levels: u32,
}

/// The items of `client` before clock `end` are depended on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The Yjs client id.
    pub client: u32,
    /// The first clock that is not needed.
    pub end: u32,
}

impl Update {
    /// The clocks that this brings as an edit of `writer`: empty if it only deletes (W1).
    pub fn as_edit(&self, writer: u32) -> Result<Range<u32>, NotAnEdit> {
        if self.levels as usize > MAX_LEVELS {
            return Err(NotAnEdit::TooDeep);
        }
        match self.brings.as_slice() {
            [] => Ok(0..0),
            [run] if run.client == writer => Ok(run.clocks.clone()),
            _ => Err(NotAnEdit::Foreign),
        }
    }

    /// The clock at which `client`'s run in this update ends; 0 if it brings nothing of that client.
    fn end(&self, client: u32) -> u32 {
        let found = self.brings.binary_search_by_key(&client, |run| run.client);
        found.map_or(0, |at| self.brings[at].clocks.end)
    }

    /// Whether this deletes all of the `len` items from `first` on.
    fn deletes(&self, first: Id, len: u32) -> bool {
        let Id { client, clock } = first;
        let at = self.deletes.partition_point(|run| (run.client, run.clocks.end) <= (client, clock));
        let covers = |run: &Run| run.client == client && run.clocks.start <= clock && run.clocks.end - clock >= len;
        self.deletes.get(at).is_some_and(covers)
    }
}

/// The name of one item: the client that made it, and that client's clock then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    client: u32,
    clock: u32,
}

/// One block of a section, as far as others depend on it.
#[derive(Debug, Clone, Copy)]
struct Block<'a> {
    id: Id,
    len: u32,
    hangs: Hangs<'a>,
    content: Content,
}

/// Where a block hangs in the document.
#[derive(Debug, Clone, Copy)]
enum Hangs<'a> {
    /// Nowhere: it was collected.
    Nowhere,
    /// First of the children, or of the values of one key, of a type that the document names.
    Root { name: &'a str, keyed: bool },
    /// First of the children, or of the values of one key, of the type that `item` brought.
    In { item: Id, keyed: bool },
    /// Beside other items, with their parent and key.
    Beside { left: Option<Id>, right: Option<Id> },
}

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Deleted,
    Binary,
    Text,
    Embed,
    Format,
    Type(Kind),
    Any,
}

/// The kind of a shared type. `Open` is that of a root whose kind we do not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Map,
    Text,
    Element,
    Fragment,
    XmlText,
    Open,
}

/// Reads one update that somebody sent. Linear in its bytes; allocates nothing for a plain edit.
///
/// # Errors
/// Anything that is not an update, or that yrs and Yjs would not read alike.
pub fn read(bytes: &[u8]) -> Result<Update, Malformed> {
    if bytes.len() > MAX_BYTES {
        return Err(Malformed::TooLarge);
    }
    read_whole(bytes)
}

/// As [`read`], for a whole document's update that we made ourselves: it may be of any size.
pub(crate) fn read_whole(bytes: &[u8]) -> Result<Update, Malformed> {
    let mut types = 0;
    let mut update = read_with(bytes, |block| types += u32::from(matches!(block.content, Content::Type(_))))?;
    update.levels = types;
    if types as usize > MAX_LEVELS || update.brings.len() > 1 {
        update.levels = shape::levels(bytes)?;
    }
    Ok(update)
}

/// Reads one update and shows each of its blocks to `visit`, in the order of the bytes.
fn read_with<'a>(bytes: &'a [u8], mut visit: impl FnMut(Block<'a>)) -> Result<Update, Malformed> {
    let mut cursor = Cursor::new(bytes);
    let mut update = Update::default();
    for _ in 0..cursor.count(5)? {
        read_section(&mut cursor, &mut update, &mut visit)?;
    }
    update.brings.reverse();
    read_deletes(&mut cursor, &mut update)?;
    if !cursor.at_end() {
        return Err(Malformed::Trailing);
    }
    keep_open_needs(&mut update);
    Ok(update)
}

/// Reads the blocks of one client. Sections come by falling client id, as Yjs and yrs write them.
fn read_section<'a>(
    cursor: &mut Cursor<'a>,
    update: &mut Update,
    visit: &mut impl FnMut(Block<'a>),
) -> Result<(), Malformed> {
    let blocks = cursor.count(2)?;
    let client = cursor.client()?;
    let start = cursor.clock()?;
    if blocks == 0 || update.brings.last().is_some_and(|last| last.client <= client) {
        return Err(Malformed::Client);
    }
    let mut clock = start;
    for _ in 0..blocks {
        let block = read_block(cursor, Id { client, clock }, update)?;
        clock = run_end(clock, block.len)?;
        visit(block);
    }
    update.brings.push(Run { client, clocks: start..clock });
    Ok(())
}

const LOW_BITS: u8 = 0b0001_1111;
const HAS_KEY: u8 = 0b0010_0000;
const HAS_RIGHT: u8 = 0b0100_0000;
const HAS_LEFT: u8 = 0b1000_0000;

fn read_block<'a>(cursor: &mut Cursor<'a>, id: Id, update: &mut Update) -> Result<Block<'a>, Malformed> {
    let info = cursor.byte()?;
    if info == 0 {
        let len = cursor.empty_run()?;
        return Ok(Block { id, len, hangs: Hangs::Nowhere, content: Content::Deleted });
    }
    let mut neighbour = |cursor: &mut Cursor<'a>, flag: u8| match info & flag {
        0 => Ok(None),
        _ => read_dependency(cursor, id, update).map(Some),
    };
    let left = neighbour(cursor, HAS_LEFT)?;
    let right = neighbour(cursor, HAS_RIGHT)?;
    let hangs = if left.is_some() || right.is_some() {
        Hangs::Beside { left, right } // A key, if there is one, is that of the neighbour.
    } else {
        read_parent(cursor, id, info & HAS_KEY != 0, update)?
    };
    let (content, len) = read_content(cursor, info & LOW_BITS)?;
    Ok(Block { id, len, hangs, content })
}

fn read_parent<'a>(cursor: &mut Cursor<'a>, id: Id, keyed: bool, update: &mut Update) -> Result<Hangs<'a>, Malformed> {
    let hangs = match cursor.number()? {
        1 => Hangs::Root { name: cursor.text()?, keyed },
        0 => Hangs::In { item: read_dependency(cursor, id, update)?, keyed },
        _ => return Err(Malformed::Kind),
    };
    if keyed {
        cursor.key()?;
    }
    Ok(hangs)
}

/// Reads the content of a block and tells what it is and how many clocks it takes.
fn read_content(cursor: &mut Cursor<'_>, kind: u8) -> Result<(Content, u32), Malformed> {
    Ok(match kind {
        1 => (Content::Deleted, cursor.empty_run()?),
        3 => {
            cursor.blob()?;
            (Content::Binary, 1)
        }
        4 => (Content::Text, utf16_len(cursor.text()?)?),
        5 => {
            value::check_json(cursor.text()?)?;
            (Content::Embed, 1)
        }
        6 => {
            cursor.key()?;
            value::check_json(cursor.text()?)?;
            (Content::Format, 1)
        }
        7 => (Content::Type(read_type(cursor)?), 1),
        8 => {
            let values = cursor.count(1)?;
            for _ in 0..values {
                value::skip(cursor)?;
            }
            (Content::Any, values)
        }
        // 2, the JSON of old: yrs reads one value too many. 9: documents in documents.
        // 10, skips: our logs have no gaps.
        _ => return Err(Malformed::Kind),
    })
}

fn read_type(cursor: &mut Cursor<'_>) -> Result<Kind, Malformed> {
    Ok(match cursor.number()? {
        0 => Kind::Array,
        1 => Kind::Map,
        2 => Kind::Text,
        3 => {
            cursor.text()?; // The element's name.
            Kind::Element
        }
        4 => Kind::Fragment,
        6 => Kind::XmlText,
        // 5, hooks: Yjs reads a name after it, yrs does not.
        _ => return Err(Malformed::Kind),
    })
}

/// Reads the id of an item that the block `by` depends on, and notes it.
fn read_dependency(cursor: &mut Cursor<'_>, by: Id, update: &mut Update) -> Result<Id, Malformed> {
    let id = Id { client: cursor.client()?, clock: cursor.clock()? };
    if id.client != by.client {
        note_need(update, id.client, run_end(id.clock, 1)?);
    } else if id.clock >= by.clock {
        return Err(Malformed::Order); // yrs waits for it for ever, Yjs throws.
    }
    Ok(id)
}

/// Notes a need. Looks only at the latest few, so that hostile input costs no more than its bytes;
/// [`keep_open_needs`] brings the rest together.
fn note_need(update: &mut Update, client: u32, end: u32) {
    match update.needs.iter_mut().rev().take(4).find(|need| need.client == client) {
        Some(need) => need.end = need.end.max(end),
        None => update.needs.push(Need { client, end }),
    }
}

/// Sorts the needs, one per client, without those that the update's own runs meet.
fn keep_open_needs(update: &mut Update) {
    let mut needs = std::mem::take(&mut update.needs);
    if needs.len() > 1 {
        needs.sort_unstable_by_key(|need| (need.client, std::cmp::Reverse(need.end)));
        needs.dedup_by_key(|need| need.client);
    }
    needs.retain(|need| need.end > update.end(need.client));
    update.needs = needs;
}

fn read_deletes(cursor: &mut Cursor<'_>, update: &mut Update) -> Result<(), Malformed> {
    let mut clients = SmallVec::<[u32; 8]>::new();
    for _ in 0..cursor.count(4)? {
        let client = cursor.client()?;
        clients.push(client);
        let ranges = cursor.count(2)?;
        if ranges == 0 {
            return Err(Malformed::Clock);
        }
        let mut last_end = 0;
        for at in 0..ranges {
            let start = cursor.clock()?;
            let end = run_end(start, cursor.number()?)?;
            match update.deletes.last_mut() {
                _ if start < last_end => return Err(Malformed::Clock),
                Some(run) if at > 0 && start == last_end => run.clocks.end = end,
                _ => update.deletes.push(Run { client, clocks: start..end }),
            }
            last_end = end;
        }
        note_need(update, client, last_end);
    }
    // Yjs writes the sections by falling client id, yrs by rising id, older releases in any order.
    // Twice the same is refused: yrs forgets the first.
    if !clients.is_sorted_by(|a, b| a < b) {
        clients.sort_unstable();
        if clients.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Malformed::Client);
        }
        update.deletes.sort_by_key(|run| run.client);
    }
    Ok(())
}

/// The end of a run of `len` clocks that begins at `start`.
fn run_end(start: u32, len: u32) -> Result<u32, Malformed> {
    match start.checked_add(len) {
        Some(end) if end <= MAX_CLOCK && len > 0 => Ok(end),
        _ => Err(Malformed::Clock),
    }
}

/// The clocks that a text takes: its UTF-16 units.
fn utf16_len(text: &str) -> Result<u32, Malformed> {
    let units = if text.is_ascii() { text.len() } else { text.encode_utf16().count() };
    u32::try_from(units).map_err(|_| Malformed::TooLarge)
}
