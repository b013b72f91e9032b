//! Updates made by hand, piece by piece: also those that no Yjs would ever make.

const ROOT: u8 = 1;
const ID: u8 = 0;
pub(crate) const KEYED: u8 = 0x20;
pub(crate) const RIGHT: u8 = 0x40;
pub(crate) const LEFT: u8 = 0x80;

/// A number as lib0 writes it.
pub(crate) fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [number(text.len() as u64), text.into()].concat()
}

pub(crate) fn id(client: u64, clock: u64) -> Vec<u8> {
    [number(client), number(clock)].concat()
}

/// An item that is the first in a root.
pub(crate) fn in_root(kind: u8, root: &str, content: &[u8]) -> Vec<u8> {
    [&[kind, ROOT], &*text(root), content].concat()
}

/// An item that is the first in what `parent` brought.
pub(crate) fn inside(kind: u8, parent: (u64, u64), content: &[u8]) -> Vec<u8> {
    [&[kind, ID], &*id(parent.0, parent.1), content].concat()
}

/// An item beside others. `kind` says which neighbours there are.
pub(crate) fn beside(kind: u8, neighbours: &[(u64, u64)], content: &[u8]) -> Vec<u8> {
    let ids: Vec<_> = neighbours.iter().flat_map(|&(client, clock)| id(client, clock)).collect();
    [&[kind], &*ids, content].concat()
}

pub(crate) fn section(client: u64, clock: u64, blocks: &[Vec<u8>]) -> Vec<u8> {
    [number(blocks.len() as u64), id(client, clock), blocks.concat()].concat()
}

pub(crate) fn update(sections: &[Vec<u8>], deletes: &[(u64, u64, u64)]) -> Vec<u8> {
    let deletes: Vec<_> =
        deletes.iter().map(|&(client, clock, len)| [number(client), vec![1], id(clock, len)].concat()).collect();
    let counts = [number(sections.len() as u64), number(deletes.len() as u64)];
    [&*counts[0], &sections.concat(), &counts[1], &deletes.concat()].concat()
}

/// One client's update without deletions.
pub(crate) fn brings(client: u64, clock: u64, blocks: &[Vec<u8>]) -> Vec<u8> {
    update(&[section(client, clock, blocks)], &[])
}

/// An update that brings one item of this content into a list.
pub(crate) fn content(kind: u8, content: &[u8]) -> Vec<u8> {
    brings(1, 0, &[in_root(kind, "list", content)])
}
