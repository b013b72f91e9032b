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

/// The skeleton of a document, grown update by update. A few bytes for each time that a writer
/// moves from one parent to another, and for each shared type.
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
            _ => sections.push(Section { client: block.id.client, blocks: vec![block], placed: 0 }),
        })?;
        sections.reverse(); // By rising client id.
        self.check_clocks(&update)?;
        let before = self.mark(&update);
        match self.place_all(&mut sections) {
            Ok(()) => Ok(update),
            Err(error) => {
                self.restore(before);
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
                let before = Segment { end: run.clocks.start, place: Place::Elsewhere, deleted: false };
                self.clients.entry(run.client).or_default().segments.push(before);
            } else if self.end(run.client) != run.clocks.start {
                return Err(Misfit::Clock);
            }
        }
        let missing = !self.apart && update.needs.iter().any(|need| need.end > self.end(need.client));
        if missing { Err(Misfit::Missing) } else { Ok(()) }
    }

    /// Gives each block its place. A block may depend on one of a later section: then that section
    /// goes first, up to there. `waiting` takes the place of recursion.
    fn place_all(&mut self, sections: &mut [Section<'_>]) -> Result<(), Misfit> {
        for first in 0..sections.len() {
            let mut waiting = vec![first];
            let mut on_stack = None;
            while let Some(&at) = waiting.last() {
                let section = &sections[at];
                let Some(block) = section.blocks.get(section.placed) else {
                    waiting.pop();
                    continue;
                };
                match self.unplaced_dependency(block) {
                    Some(client) => {
                        let next = sections.binary_search_by_key(&client, |section| section.client);
                        let next = next.map_err(|_| Misfit::Missing)?;
                        let on_stack = on_stack.get_or_insert_with(|| vec![false; sections.len()]);
                        on_stack[at] = true;
                        if on_stack[next] {
                            return Err(Misfit::Missing);
                        }
                        waiting.push(next);
                    }
                    None => {
                        self.place(block)?;
                        sections[at].placed += 1;
                        if waiting.len() > 1 {
                            waiting.pop();
                            if let (Some(on_stack), Some(&below)) = (&mut on_stack, waiting.last()) {
                                on_stack[below] = false;
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
