//! One simulated person at a page: types, waits, resends, reconnects, exactly as the rules tell a client to.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use engine::{
    document::DocumentId,
    log::{Cursor, Seq},
    person::PersonId,
    refusal::{Refusal, Retry},
    rooms::{Client, Incoming, Message, Opened, Opening, Outlet, Receipt, Rooms},
};
use parking_lot::Mutex;
use rand::{RngExt, rngs::StdRng};
use yrs::{
    Doc, GetString, OffsetKind, Options, Text, TextRef, Transact, Update, merge_updates_v1, updates::decoder::Decode,
};

use crate::faulty::Weather;

/// Edits in flight, at most (W8).
const IN_FLIGHT: usize = 16;

/// An edit that was acknowledged: what must be in the log for ever.
pub(crate) type Acknowledged = BTreeMap<(u32, u64), Bytes>;

/// What one connection has received and the page has not looked at yet.
struct Pipe {
    heard: Mutex<VecDeque<Heard>>,
    capacity: usize,
    broken: AtomicBool,
    weather: Arc<Weather>,
    violations: Arc<Mutex<Vec<String>>>,
}

enum Heard {
    Opened(Result<Opened, Refusal>),
    Answer { writer: u32, n: u64, result: Result<Receipt, Refusal> },
    Told(Message),
}

impl Outlet for Pipe {
    fn offer(&self, document: DocumentId, message: &Message) -> bool {
        let mut heard = self.heard.lock();
        if self.broken.load(Ordering::Relaxed) || heard.len() >= self.capacity {
            return false;
        }
        if let Message::Edits { to, .. } = message
            && self.weather.durable.lock().get(&document).is_none_or(|durable| *durable < to.seq)
        {
            self.violations.lock().push(format!("D1: shown before it is durable: {}", to.seq));
        }
        heard.push_back(Heard::Told(message.clone()));
        true
    }

    fn disconnect(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }
}

/// An edit of this page that the log, up to the page's cursor, does not hold for sure.
#[derive(Debug)]
struct Mine {
    writer: u32,
    n: u64,
    update: Bytes,
    sent: bool,
    /// Once sent it is never changed again (W8).
    ever_sent: bool,
    /// Acknowledged as part of this entry, which the cursor has not reached.
    saved_in: Option<Seq>,
}

struct Line {
    client: Client,
    pipe: Arc<Pipe>,
    opened: bool,
}

pub(crate) struct Page {
    number: u64,
    person: PersonId,
    document: DocumentId,
    doc: Doc,
    text: TextRef,
    next_n: u64,
    mine: VecDeque<Mine>,
    cursor: Option<Cursor>,
    parts: Vec<Bytes>,
    line: Option<Line>,
    outbox: VecDeque<Incoming>,
    /// How often the old copy was set aside because the history changed (L7).
    pub(crate) set_aside: u32,
}

impl Page {
    pub(crate) fn new(number: u64, document: DocumentId, dice: &mut StdRng) -> Self {
        let (doc, text) = fresh(dice);
        Self {
            number,
            // Two pages in three belong to people of their own.
            person: PersonId(1 + number % 3),
            document,
            doc,
            text,
            next_n: 1,
            mine: VecDeque::new(),
            cursor: None,
            parts: Vec::new(),
            line: None,
            outbox: VecDeque::new(),
            set_aside: 0,
        }
    }

    pub(crate) fn text(&self) -> String {
        self.text.get_string(&self.doc.transact())
    }

    pub(crate) fn is_settled(&self) -> bool {
        let quiet = self.line.as_ref().is_some_and(|line| line.opened && line.pipe.heard.lock().is_empty());
        quiet && self.mine.is_empty() && self.parts.is_empty()
    }

    /// For a person who looks into a failed run.
    pub(crate) fn describe(&self) -> String {
        let heard = self.line.as_ref().map(|line| (line.opened, line.pipe.heard.lock().len()));
        let mine: Vec<_> = self.mine.iter().map(|mine| (mine.writer, mine.n, mine.sent, mine.saved_in)).collect();
        format!("page {} at {:?}, {heard:?}, {} to send, {mine:?}", self.number, self.cursor, self.outbox.len())
    }

    pub(crate) fn cursor_seq(&self) -> Seq {
        self.cursor.map_or(0, |cursor| cursor.seq)
    }

    /// A key, or a selection deleted; sometimes gathered with what was not sent yet (W8).
    pub(crate) fn type_something(&mut self, dice: &mut StdRng) {
        let chars: Vec<char> = self.text().chars().collect();
        let units = |chars: &[char]| chars.iter().map(|c| c.len_utf16() as u32).sum::<u32>();
        let at = dice.random_range(0..=chars.len());
        let mut transaction = self.doc.transact_mut();
        if at < chars.len() && dice.random_bool(0.4) {
            let end = chars.len().min(at + dice.random_range(1..6));
            self.text.remove_range(&mut transaction, units(&chars[..at]), units(&chars[at..end]));
        } else {
            let word = format!("{}{}", self.number, ["a", "é", "👍", "lorem ipsum"][dice.random_range(0..4)]);
            self.text.insert(&mut transaction, units(&chars[..at]), &word);
        }
        let update = transaction.encode_update_v1();
        drop(transaction);
        let writer = u32::try_from(self.doc.client_id().get()).unwrap();
        match self.mine.back_mut() {
            Some(last) if !last.ever_sent && last.writer == writer && dice.random_bool(0.4) => {
                last.update = merge_updates_v1([&last.update[..], &update[..]]).unwrap().into();
            }
            _ => {
                let update = update.into();
                self.mine.push_back(Mine {
                    writer,
                    n: self.next_n,
                    update,
                    sent: false,
                    ever_sent: false,
                    saved_in: None,
                });
                self.next_n += 1;
            }
        }
    }

    pub(crate) fn connect(
        &mut self,
        rooms: &Arc<Rooms>,
        weather: &Arc<Weather>,
        violations: &Arc<Mutex<Vec<String>>>,
        dice: &mut StdRng,
    ) {
        let pipe = Arc::new(Pipe {
            heard: Mutex::default(),
            capacity: dice.random_range(2..40),
            broken: AtomicBool::new(false),
            weather: weather.clone(),
            violations: violations.clone(),
        });
        self.disconnect();
        let answer = pipe.clone();
        let opening = Opening {
            document: self.document,
            connection: Some(dice.random()),
            person: self.person,
            name: "someone".into(),
            cursor: self.cursor,
            schema: 1,
            outlet: pipe.clone(),
        };
        let client = rooms.open(opening, Box::new(move |result| answer.heard.lock().push_back(Heard::Opened(result))));
        self.line = Some(Line { client, pipe, opened: false });
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.line.as_ref().is_some_and(|line| !line.pipe.broken.load(Ordering::Relaxed))
    }

    /// The connection is gone, with everything that was on its way.
    pub(crate) fn disconnect(&mut self) {
        self.line = None;
        self.outbox.clear();
        self.parts.clear();
        for mine in &mut self.mine {
            mine.sent = false;
            mine.saved_in = None;
        }
    }

    /// Sends what may be sent, over a network that sometimes repeats and swaps.
    pub(crate) fn send(&mut self, dice: &mut StdRng) {
        let Some(line) = self.line.as_ref().filter(|line| line.opened) else { return };
        let in_flight = self.mine.iter().filter(|mine| mine.sent && mine.saved_in.is_none()).count();
        for mine in self.mine.iter_mut().filter(|mine| !mine.sent).take(IN_FLIGHT.saturating_sub(in_flight)) {
            mine.sent = true;
            mine.ever_sent = true;
            self.outbox.push_back(Incoming { writer: mine.writer, n: mine.n, update: mine.update.clone() });
        }
        if self.outbox.len() > 1 && dice.random_bool(0.1) {
            self.outbox.swap(0, 1);
        }
        let count = dice.random_range(0..=self.outbox.len());
        for edit in self.outbox.drain(..count) {
            let copies = if dice.random_bool(0.1) { 2 } else { 1 };
            for _ in 0..copies {
                let (pipe, writer, n) = (line.pipe.clone(), edit.writer, edit.n);
                let answer = move |result| pipe.heard.lock().push_back(Heard::Answer { writer, n, result });
                line.client.edit(edit.clone(), Box::new(answer));
            }
        }
    }

    /// Looks at some of what arrived. `false`: the page must connect anew.
    pub(crate) fn listen(&mut self, count: usize, acknowledged: &mut Acknowledged, dice: &mut StdRng) -> bool {
        for _ in 0..count {
            let Some(pipe) = self.line.as_ref().map(|line| line.pipe.clone()) else { return false };
            let Some(heard) = pipe.heard.lock().pop_front() else { break };
            let goes_on = match heard {
                Heard::Opened(Ok(opened)) => self.opened(opened, dice),
                Heard::Opened(Err(refusal)) => {
                    assert_eq!(refusal.retry(), Retry::Again, "opening was refused: {refusal:?}");
                    false
                }
                Heard::Answer { writer, n, result } => self.answered(writer, n, result, acknowledged, dice),
                Heard::Told(message) => self.told(message),
            };
            if !goes_on {
                return false;
            }
        }
        if let (Some(line), true) = (&self.line, dice.random_bool(0.7)) {
            line.client.confirm(self.cursor_seq(), u32::try_from(self.parts.len()).unwrap());
        }
        true
    }

    fn opened(&mut self, opened: Opened, dice: &mut StdRng) -> bool {
        if opened.history_changed {
            self.start_afresh(dice);
        }
        let start = opened.start;
        if start.parts == 0 {
            self.apply(start.snapshot.iter());
            self.apply(unpack(&start.updates).iter());
            self.move_to(start.cursor);
        }
        if let Some(line) = &mut self.line {
            line.opened = true;
        }
        true
    }

    fn answered(
        &mut self,
        writer: u32,
        n: u64,
        result: Result<Receipt, Refusal>,
        acknowledged: &mut Acknowledged,
        dice: &mut StdRng,
    ) -> bool {
        let oldest = self.mine.iter().find(|mine| mine.saved_in.is_none()).map(|mine| (mine.writer, mine.n));
        let Some(index) = self.mine.iter().position(|mine| (mine.writer, mine.n) == (writer, n)) else {
            if let Ok(Receipt { moved: Some((from, to)), .. }) = result {
                self.advance(from, to);
            }
            return true;
        };
        match result {
            Ok(receipt) => {
                acknowledged.insert((writer, n), self.mine[index].update.clone());
                self.mine[index].saved_in = Some(receipt.seq);
                let goes_on = receipt.moved.is_none_or(|(from, to)| self.advance(from, to));
                self.forget_what_is_behind();
                goes_on
            }
            // The log lacks an edit before this one, and all of those were acknowledged: it is an older log.
            Err(Refusal::OutOfOrder) if oldest == Some((writer, n)) && self.mine[index].sent => {
                self.start_afresh(dice);
                false
            }
            Err(refusal) => {
                assert_eq!(refusal.retry(), Retry::Again, "a faithful client was refused: {refusal:?}");
                self.outbox.clear();
                for mine in self.mine.iter_mut().filter(|mine| mine.saved_in.is_none()) {
                    mine.sent = false;
                }
                true
            }
        }
    }

    fn told(&mut self, message: Message) -> bool {
        match message {
            Message::Edits { from, to, updates } => {
                let here = self.cursor_seq();
                if from > here {
                    return false;
                }
                if here < to.seq {
                    self.apply(unpack(&updates).iter());
                    self.move_to(to);
                }
            }
            Message::Snapshot { part, parts, through, bytes } => {
                assert_eq!(part as usize, self.parts.len(), "parts come in order");
                self.parts.push(bytes);
                if self.parts.len() == parts as usize {
                    let whole = Bytes::from(std::mem::take(&mut self.parts).concat());
                    self.apply([&whole]);
                    self.move_to(through);
                }
            }
            Message::Presence(_) | Message::Changed { .. } => {}
            Message::Purged => unreachable!("nobody purges"),
        }
        true
    }

    /// Moves over a part of the log that is wholly this page's own (D2). `false`: there is a gap.
    fn advance(&mut self, from: Seq, to: Cursor) -> bool {
        if from <= self.cursor_seq() && self.cursor_seq() < to.seq {
            self.move_to(to);
        }
        from <= self.cursor_seq()
    }

    fn move_to(&mut self, cursor: Cursor) {
        self.cursor = Some(cursor);
        self.forget_what_is_behind();
    }

    fn forget_what_is_behind(&mut self) {
        let seq = self.cursor_seq();
        self.mine.retain(|mine| mine.saved_in.is_none_or(|saved_in| saved_in > seq));
    }

    fn apply<'a>(&mut self, updates: impl IntoIterator<Item = &'a Bytes>) {
        let mut transaction = self.doc.transact_mut();
        for update in updates {
            transaction.apply_update(Update::decode_v1(update).unwrap()).unwrap();
        }
    }

    /// The old copy is set aside and never merged (L7).
    fn start_afresh(&mut self, dice: &mut StdRng) {
        (self.doc, self.text) = fresh(dice);
        self.next_n = 1;
        self.mine.clear();
        self.cursor = None;
        self.outbox.clear();
        self.set_aside += 1;
    }
}

fn fresh(dice: &mut StdRng) -> (Doc, TextRef) {
    let client_id = u64::from(dice.random::<u32>());
    let doc = Doc::with_options(Options {
        offset_kind: OffsetKind::Utf16,
        ..Options::with_client_id(yrs::block::ClientID::new(client_id))
    });
    let text = doc.get_or_insert_text("text");
    (doc, text)
}

/// Takes apart what `writeVarUint8Array` wrote.
fn unpack(bytes: &Bytes) -> Vec<Bytes> {
    let (mut updates, mut rest) = (Vec::new(), bytes.clone());
    while !rest.is_empty() {
        let (mut length, mut shift) = (0usize, 0);
        loop {
            let byte = rest.split_to(1)[0];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
        }
        updates.push(rest.split_to(length));
    }
    updates
}
