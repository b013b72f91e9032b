//! R2 in code: what our reader accepts, yrs reads with the same clocks, and its own update of the
//! document is one that we accept. Shared with the fuzzers. It must not decide what to accept.

pub(crate) mod invent;

use std::collections::BTreeMap;

use engine::update::{Shape, read};
use yrs::updates::decoder::Decode;
use yrs::{
    Doc, GetString, OffsetKind, Options, Out, ReadTxn, StateVector, Text, Transact, Update, XmlFragment, XmlOut,
};

/// Logs of real updates, as `update-corpus.mjs` writes them: one entry a line.
pub(crate) const CORPUS: &str = include_str!("../update-corpus.json");

/// One update of a corpus log, and the Yjs client id of who made it.
pub(crate) struct Entry {
    pub(crate) client: u32,
    pub(crate) update: Vec<u8>,
}

/// Reads the logs of a corpus.
pub(crate) fn corpus(json: &str) -> Vec<Vec<Entry>> {
    let mut logs = Vec::new();
    for line in json.lines() {
        let line = line.trim_end_matches(',');
        if line == "[" {
            logs.push(Vec::new());
        } else if let Some(entry) = line.strip_prefix("{\"client\":") {
            let (client, update) = entry.split_once(",\"update\":\"").unwrap();
            let update = data_encoding::BASE64.decode(update.trim_end_matches("\"}").as_bytes()).unwrap();
            logs.last_mut().unwrap().push(Entry { client: client.parse().unwrap(), update });
        }
    }
    logs.remove(0);
    logs
}

/// What yrs makes of a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The clock of each client.
    pub(crate) clocks: BTreeMap<u64, u32>,
    /// The words in the rich text `content`.
    pub(crate) plain: String,
    /// The text `text`.
    pub(crate) text: String,
}

/// Applies a log in yrs, each update in a transaction of its own. Gives what it reads, and the
/// document as one update.
pub(crate) fn yrs_reads<B: AsRef<[u8]>>(log: &[B]) -> Result<(Reading, Vec<u8>), String> {
    yrs_reads_in_steps(log.chunks(1))
}

fn yrs_reads_in_steps<'a, B: AsRef<[u8]> + 'a>(
    steps: impl Iterator<Item = &'a [B]>,
) -> Result<(Reading, Vec<u8>), String> {
    let doc = Doc::with_options(Options { offset_kind: OffsetKind::Utf16, ..Options::default() });
    let content = doc.get_or_insert_xml_fragment("content");
    let text = doc.get_or_insert_text("text");
    for step in steps {
        let mut txn = doc.transact_mut();
        for update in step {
            let update = Update::decode_v1(update.as_ref()).map_err(|error| format!("decode: {error}"))?;
            txn.apply_update(update).map_err(|error| format!("apply: {error}"))?;
        }
    }
    let txn = doc.transact();
    if txn.has_missing_updates() {
        return Err("yrs waits for more".into());
    }
    let clocks = txn.state_vector().iter().map(|(client, &clock)| (client.get(), clock)).collect();
    let mut plain = String::new();
    content.children(&txn).for_each(|node| push_words(&node, &txn, &mut plain));
    let reading = Reading { clocks, plain, text: text.get_string(&txn) };
    Ok((reading, txn.encode_state_as_update_v1(&StateVector::default())))
}

fn push_words(node: &XmlOut, txn: &impl ReadTxn, words: &mut String) {
    match node {
        XmlOut::Element(node) => node.children(txn).for_each(|node| push_words(&node, txn, words)),
        XmlOut::Fragment(node) => node.children(txn).for_each(|node| push_words(&node, txn, words)),
        XmlOut::Text(text) => {
            for piece in text.diff(txn, yrs::types::text::YChange::identity) {
                if let Out::Any(yrs::Any::String(piece)) = piece.insert {
                    words.push_str(&piece);
                }
            }
        }
    }
}

/// The clocks that we read from a log, or why we refuse it.
pub(crate) fn our_clocks<B: AsRef<[u8]>>(log: &[B]) -> Result<BTreeMap<u64, u32>, String> {
    let mut shape = Shape::default();
    let mut clocks = BTreeMap::new();
    for update in log {
        let update = shape.add(update.as_ref()).map_err(|error| format!("{error:?}"))?;
        for run in &update.brings {
            clocks.insert(u64::from(run.client), run.clocks.end);
        }
    }
    Ok(clocks)
}

/// Checks that yrs agrees with us on a log that we accept, and that we accept what yrs writes of it.
/// Gives yrs's reading, and its own update.
///
/// Its own update may read otherwise than the log if somebody made up neighbours that no editor
/// would name: then the order of two items depends on which comes first, in Yjs too (L5 covers that).
pub(crate) fn agree<B: AsRef<[u8]>>(log: &[B]) -> Result<(Reading, Vec<u8>), String> {
    let ours = our_clocks(log)?;
    let (reading, snapshot) = yrs_reads(log)?;
    if reading.clocks != ours {
        return Err(format!("clocks differ: ours {ours:?}, yrs {:?}", reading.clocks));
    }
    let (at_once, _) = yrs_reads_in_steps(std::iter::once(log))?;
    if at_once != reading {
        return Err(format!("yrs reads otherwise in one transaction: {at_once:?} instead of {reading:?}"));
    }
    read(&snapshot).map_err(|error| format!("we refuse what yrs writes: {error:?}"))?;
    let again = our_clocks(&[&snapshot]).map_err(|error| format!("we refuse yrs's document: {error}"))?;
    let (second, _) = yrs_reads(&[&snapshot])?;
    if again != ours || second.clocks != ours {
        return Err(format!("clocks differ in yrs's own update: {again:?} instead of {ours:?}"));
    }
    Ok((reading, snapshot))
}
