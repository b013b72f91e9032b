//! What a document's items hang on: enough to tell whether yrs and Yjs would read an update alike
//! (R2), and how deeply the shared types nest. It must not keep any content.

use std::collections::HashMap;

use super::{Block, Content, Hangs, Id, Kind, MAX_DEPTH, Malformed, Update, read_with};

/// Why an update does not fit the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// It is not an update at all.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It depends on, or deletes, what the document lacks, or it waits for itself.
    #[error("the update depends on what is not there")]
    Missing,
    /// It does not go on where its client's items end.
    #[error("the update does not follow what is there")]
    Clock,
    /// Its neighbours hang on different parents, or its parent is not a shared type.
    #[error("the update hangs on nothing")]
    Place,
    /// Its parent cannot hold such content.
    #[error("the update puts content where it cannot be")]
    Content,
    /// Shared types would nest deeper than [`MAX_DEPTH`].
    #[error("the document would nest too deeply")]
    TooDeep,
}

/// The skeleton of a document, grown update by update. 16 bytes for each time that a writer moves the
/// cursor, and some more for each shared type.
#[derive(Debug, Default)]
pub struct Shape {
    clients: HashMap<u32, Client>,
    branches: Vec<Branch>,
    roots: HashMap<Box<str>, u32>,
    /// Whether this is one update out of a document that we do not have.
    apart: bool,
}

/// One client's items, by clock.
#[derive(Debug, Default)]
struct Client {
    segments: Vec<Segment>,
    /// The items that brought a shared type, and which.
    types: Vec<(u32, u32)>,
}

/// Successive items in one place. They begin where the segment before ends.
#[derive(Debug, Clone, Copy)]
struct Segment {
    end: u32,
    /// The clock from which on each item was put right after the one before: in their list, too,
    /// they come in this order.
    chain: u32,
    place: Place,
    deleted: bool,
}

/// Where an item hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nowhere any more: it, or what it hung on, was collected.
    Gone,
    /// Outside the update that is read apart.
    Elsewhere,
    /// Among the children of a branch, or (keyed) the values of one of its keys.
    On { branch: u32, keyed: bool },
}

/// A shared type.
#[derive(Debug, Clone, Copy)]
struct Branch {
    kind: Kind,
    depth: u32,
}

/// The blocks of one client in the update that is being added.
struct Section<'a> {
    client: u32,
    blocks: Vec<Block<'a>>,
    /// How many of them have their place.
    placed: usize,
    /// Whether its next block waits for one of another section, or is waited for.
    waiting: bool,
}

/// What came of looking at a section's next block.
enum Step {
    Placed,
    Needs(u32),
    AtEnd,
}

/// A client's entry before an update, to go back to.
struct Mark {
    client: u32,
    segments: usize,
    last: Option<Segment>,
    types: usize,
}

/// How deeply the shared types of one update nest, as far as the update itself tells.
pub(super) fn levels(bytes: &[u8]) -> Result<u32, Malformed> {
    let mut shape = Shape { apart: true, ..Shape::default() };
    match shape.add(bytes) {
        Ok(_) => Ok(shape.branches.iter().map(|branch| branch.depth).max().unwrap_or(0)),
        Err(Misfit::Malformed(error)) => Err(error),
        Err(Misfit::TooDeep) => Err(Malformed::TooDeep),
        Err(Misfit::Missing | Misfit::Clock) => Err(Malformed::Order),
        Err(Misfit::Place | Misfit::Content) => Err(Malformed::Place),
    }
}

impl Shape {
    /// Adds the next update of the document's log. One that does not fit changes nothing.
    ///
    /// # Errors
    /// What must never come into a log: yrs and Yjs would wait, fail, or differ.
    pub fn add(&mut self, bytes: &[u8]) -> Result<Update, Misfit> {
        let mut sections: Vec<Section<'_>> = Vec::new();
        let update = read_with(bytes, |block| match sections.last_mut() {
            Some(section) if section.client == block.id.client => section.blocks.push(block),
            _ => sections.push(Section { client: block.id.client, blocks: vec![block], placed: 0, waiting: false }),
        })?;
        sections.reverse(); // By rising client id.
        self.check_clocks(&update)?;
        let branches = self.branches.len();
        let marks: Vec<Mark> = update.brings.iter().map(|run| self.mark(run.client)).collect();
        match self.place_all(&mut sections, &update) {
            Ok(()) => Ok(update),
            Err(error) => {
                self.restore(branches, &marks);
                Err(error)
            }
        }
    }

    /// The clock at which `client`'s items end.
    #[must_use]
    pub fn end(&self, client: u32) -> u32 {
        self.clients.get(&client).map_or(0, Client::end)
    }

    fn check_clocks(&mut self, update: &Update) -> Result<(), Misfit> {
        for run in &update.brings {
            if self.apart {
                let before = Segment { end: run.clocks.start, chain: 0, place: Place::Elsewhere, deleted: false };
                self.clients.entry(run.client).or_default().segments.push(before);
            } else if self.end(run.client) != run.clocks.start {
                return Err(Misfit::Clock);
            }
        }
        let missing = !self.apart && update.needs.iter().any(|need| need.end > self.end(need.client));
        if missing { Err(Misfit::Missing) } else { Ok(()) }
    }

    fn mark(&self, client: u32) -> Mark {
        let known = self.clients.get(&client);
        Mark {
            client,
            segments: known.map_or(0, |known| known.segments.len()),
            last: known.and_then(|known| known.segments.last().copied()),
            types: known.map_or(0, |known| known.types.len()),
        }
    }

    fn restore(&mut self, branches: usize, marks: &[Mark]) {
        self.branches.truncate(branches);
        self.roots.retain(|_, &mut root| (root as usize) < branches);
        for mark in marks {
            let Some(last) = mark.last else {
                self.clients.remove(&mark.client);
                continue;
            };
            if let Some(client) = self.clients.get_mut(&mark.client) {
                client.segments.truncate(mark.segments - 1);
                client.segments.push(last);
                client.types.truncate(mark.types);
            }
        }
    }

    /// Gives each block its place. A block may depend on one of another section, which then goes
    /// first, up to there; `stack` holds the sections that wait so, in the place of recursion.
    fn place_all(&mut self, sections: &mut [Section<'_>], update: &Update) -> Result<(), Misfit> {
        let mut stack = Vec::new();
        for first in 0..sections.len() {
            stack.push(first);
            while let Some(&at) = stack.last() {
                match self.step(&mut sections[at], update)? {
                    Step::Placed if stack.len() == 1 => {}
                    Step::Placed | Step::AtEnd => {
                        sections[at].waiting = false;
                        stack.pop();
                    }
                    Step::Needs(client) => {
                        sections[at].waiting = true;
                        let next = sections.binary_search_by_key(&client, |section| section.client);
                        let next = next.map_err(|_| Misfit::Missing)?;
                        let section = &sections[next];
                        if section.waiting || section.placed == section.blocks.len() {
                            return Err(Misfit::Missing);
                        }
                        stack.push(next);
                    }
                }
            }
        }
        Ok(())
    }

    /// Places the next block of a section, if what it depends on is there.
    fn step(&mut self, section: &mut Section<'_>, update: &Update) -> Result<Step, Misfit> {
        let Some(block) = section.blocks.get(section.placed) else {
            return Ok(Step::AtEnd);
        };
        if let Some(client) = self.absent_dependency(block) {
            return Ok(Step::Needs(client));
        }
        let place = self.find_place(block)?;
        // Of several values under one key only the last counts. Were it deleted and the others not,
        // yrs would keep them, and with them a pointer to their parent, when that is long gone.
        let several = matches!(place, Place::On { keyed: true, .. }) && block.len > 1;
        if several && block.content != Content::Deleted && !update.deletes(block.id, block.len) {
            return Err(Misfit::Content);
        }
        self.put(block, place)?;
        section.placed += 1;
        Ok(Step::Placed)
    }

    /// The client of an item that `block` depends on and that is not placed yet. (Those of its own
    /// client come before it: the reader saw to that.)
    fn absent_dependency(&self, block: &Block<'_>) -> Option<u32> {
        let (first, second) = match block.hangs {
            Hangs::Nowhere | Hangs::Root { .. } => (None, None),
            Hangs::In { item, .. } => (Some(item), None),
            Hangs::Beside { left, right } => (left, right),
        };
        let absent = |id: &Id| match self.clients.get(&id.client) {
            Some(client) => id.clock >= client.end(),
            None => !self.apart,
        };
        let other = |id: &Id| id.client != block.id.client;
        [first, second].into_iter().flatten().filter(other).find(absent).map(|id| id.client)
    }

    fn find_place(&mut self, block: &Block<'_>) -> Result<Place, Misfit> {
        match block.hangs {
            Hangs::Nowhere => Ok(Place::Gone),
            Hangs::Root { name, keyed } => Ok(Place::On { branch: self.root(name), keyed }),
            Hangs::In { item, keyed } => self.inside(item, keyed),
            Hangs::Beside { left: Some(left), right: Some(right) } => self.between(left, right),
            Hangs::Beside { left: Some(left), .. } => Ok(self.segment(left)?.place),
            Hangs::Beside { right: Some(right), .. } => self.before(right),
            Hangs::Beside { .. } => Err(Misfit::Place),
        }
    }

    /// The branch of a root. Those of our own documents have a kind.
    fn root(&mut self, name: &str) -> u32 {
        if let Some(&branch) = self.roots.get(name) {
            return branch;
        }
        let kind = match name {
            "content" => Kind::Fragment,
            "text" => Kind::Text,
            _ => Kind::Open,
        };
        let branch = self.add_branch(Branch { kind, depth: 0 });
        self.roots.insert(name.into(), branch);
        branch
    }

    fn add_branch(&mut self, branch: Branch) -> u32 {
        let index = self.branches.len() as u32; // Fewer than there are bytes in all updates.
        self.branches.push(branch);
        index
    }

    /// The place inside the shared type that `item` brought: nowhere if it was collected.
    fn inside(&self, item: Id, keyed: bool) -> Result<Place, Misfit> {
        if let Some(branch) = self.clients.get(&item.client).and_then(|client| client.branch(item.clock)) {
            return Ok(Place::On { branch, keyed });
        }
        match self.segment(item)? {
            Segment { chain: 0, place: Place::Elsewhere, .. } => Ok(Place::Elsewhere),
            Segment { deleted: true, .. } => Ok(Place::Gone),
            _ => Err(Misfit::Place),
        }
    }

    /// The place between two neighbours. Where they are not in one place, yrs and Yjs choose
    /// differently; where the right one was written before the left one in one go, too.
    fn between(&self, left: Id, right: Id) -> Result<Place, Misfit> {
        let (of_left, of_right) = (self.segment(left)?, self.segment(right)?);
        let swapped = left.client == right.client && of_left.chain == of_right.chain && left.clock >= right.clock;
        match (of_left.place, of_right.place) {
            (Place::Gone, Place::Gone) => Ok(Place::Gone),
            (Place::Elsewhere, _) => self.before(right),
            (place, Place::Elsewhere) => Ok(place),
            _ if swapped => Err(Misfit::Place),
            (place, other) if place == other => self.before(right),
            _ => Err(Misfit::Place),
        }
    }

    /// The place before an item. It is not among the values of a key: a new one comes last.
    fn before(&self, right: Id) -> Result<Place, Misfit> {
        match self.segment(right)?.place {
            Place::On { keyed: true, .. } => Err(Misfit::Place),
            place => Ok(place),
        }
    }

    fn segment(&self, id: Id) -> Result<Segment, Misfit> {
        match self.clients.get(&id.client).and_then(|client| client.segment(id.clock)) {
            Some(segment) => Ok(segment),
            None if self.apart => Ok(Segment { end: 0, chain: 0, place: Place::Elsewhere, deleted: false }),
            None => Err(Misfit::Missing),
        }
    }

    /// Records a block at its place.
    fn put(&mut self, block: &Block<'_>, place: Place) -> Result<(), Misfit> {
        let depth = match place {
            Place::Gone => None,
            Place::Elsewhere => Some(0),
            Place::On { branch, keyed } => {
                let Branch { kind, depth } = self.branches[branch as usize];
                if !holds(kind, keyed, block.content) {
                    return Err(Misfit::Content);
                }
                Some(depth)
            }
        };
        let deleted = depth.is_none() || block.content == Content::Deleted;
        let branch = match (block.content, depth) {
            (Content::Type(_), Some(MAX_DEPTH..)) => return Err(Misfit::TooDeep),
            (Content::Type(kind), Some(depth)) => Some(self.add_branch(Branch { kind, depth: depth + 1 })),
            _ => None,
        };
        let Id { client, clock } = block.id;
        let follows = match block.hangs {
            Hangs::Beside { left: Some(left), .. } => left.client == client && left.clock + 1 == clock,
            _ => place == Place::Gone,
        };
        let client = self.clients.entry(client).or_default();
        let end = clock + block.len;
        match client.segments.last_mut() {
            Some(last) if follows && last.place == place && last.deleted == deleted => last.end = end,
            last => {
                let chain = last.filter(|_| follows).map_or(clock, |last| last.chain);
                client.segments.push(Segment { end, chain, place, deleted });
            }
        }
        client.types.extend(branch.map(|branch| (clock, branch)));
        Ok(())
    }
}

impl Client {
    fn end(&self) -> u32 {
        self.segments.last().map_or(0, |last| last.end)
    }

    fn segment(&self, clock: u32) -> Option<Segment> {
        let at = self.segments.partition_point(|segment| segment.end <= clock);
        self.segments.get(at).copied()
    }

    fn branch(&self, clock: u32) -> Option<u32> {
        let at = self.types.binary_search_by_key(&clock, |&(clock, _)| clock).ok()?;
        Some(self.types[at].1)
    }
}

/// Whether a type of this kind can hold such content, among its children or under a key. What no
/// editor writes is refused: yrs leaves it out of the text, Yjs prints it or throws.
fn holds(kind: Kind, keyed: bool, content: Content) -> bool {
    match (content, kind) {
        (Content::Deleted, _) | (_, Kind::Open) => true,
        (_, Kind::Array | Kind::Fragment) if keyed => false,
        (Content::Any | Content::Binary | Content::Type(_), _) if keyed => true,
        (_, Kind::Map) => false,
        _ if keyed => false,
        (Content::Any | Content::Binary | Content::Type(_), Kind::Array) => true,
        (Content::Text | Content::Embed | Content::Format | Content::Type(_), Kind::Text | Kind::XmlText) => true,
        (Content::Type(Kind::Element | Kind::Fragment | Kind::XmlText), Kind::Element | Kind::Fragment) => true,
        _ => false,
    }
}
