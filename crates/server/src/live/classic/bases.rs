//! On which text a page wrote what it sent: pages send whole texts and do not say. Pure: keeps texts, knows no clock and no document.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use engine::merge::{Change, apply, changes, distance, rebase, rebase_on_own};
use tokio::time::Instant;

/// After so long on a living connection a text that was sent has arrived: the ping behind it was answered (5 s and 4 s).
const PROVEN_AFTER: Duration = Duration::from_secs(10);

/// A text may be so much longer on its way than usual.
const JITTER: Duration = Duration::from_secs(1);

/// So many texts are kept at most ...
const MOST: usize = 256;

/// ... and so many bytes, but always two texts.
const MOST_BYTES: usize = 8 << 20;

/// The texts that a page may be showing, and in which order it came to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Bases {
    /// Oldest first. Its own last text stands before those that were on their way to it then.
    texts: VecDeque<Shown>,
    /// What it shows when all that was sent has arrived; `None`: nobody knows.
    shows: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
struct Shown {
    text: Arc<str>,
    /// The same with what the page had written before, and this lacks: it was on its way here when this was sent.
    whole: Arc<str>,
    /// When it was sent to the page; `None`: it is the page's own.
    sent: Option<Instant>,
}

impl Shown {
    /// What the page means by `text`, written on this: what of its own it did not see any more is there, and before that.
    fn meant(&self, text: &Arc<str>) -> Arc<str> {
        if Arc::ptr_eq(&self.text, &self.whole) {
            return Arc::clone(text);
        }
        apply(&self.whole, &rebase_on_own(changes(&self.text, text), &self.text, &self.whole)).into()
    }

    /// The page made these changes to `base` and had not seen this.
    fn lacks(&mut self, base: &str, own: Vec<Change>) {
        self.whole = apply(&self.whole, &rebase(own, base, &self.whole)).into();
    }

    fn bytes(&self) -> usize {
        let whole = if Arc::ptr_eq(&self.text, &self.whole) { 0 } else { self.whole.len() };
        self.text.len() + whole
    }
}

/// How a text came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    /// How long a text needs at least to go to the page and an answer to come back.
    pub(super) way: Duration,
    /// Nothing had been sent to this page, so it may have been empty.
    pub(super) was_blank: bool,
}

/// What a page wrote on.
#[derive(Debug, PartialEq)]
pub(super) enum Base {
    /// On `base` it wrote `text`: both hold what it had written before and did not see any more.
    Known { base: Arc<str>, text: Arc<str> },
    /// None that is known here, or an empty page into which somebody typed too soon.
    Unknown,
}

impl Bases {
    /// The page sent a text: on which it was written.
    pub(super) fn take(&mut self, text: &Arc<str>, arrival: Arrival) -> Base {
        let found = self.nearest(text, arrival);
        let found = found.map(|(at, is_sure)| (self.earliest(at, arrival), is_sure));
        let Some((mut later, is_sure)) = found.map(|(at, is_sure)| (self.texts.split_off(at), is_sure)) else {
            self.push(Shown { text: Arc::clone(text), whole: Arc::clone(text), sent: None });
            self.shows = Some(Arc::clone(text));
            return Base::Unknown;
        };
        let Some(base) = later.pop_front() else { return Base::Unknown };
        let meant = base.meant(text);
        // What came after the base was on its way when the page sent this, and takes its place there.
        later.retain(|shown| shown.sent.is_some());
        let own = changes(&base.whole, &meant);
        later.iter_mut().for_each(|shown| shown.lacks(&base.whole, own.clone()));
        self.shows = match later.back() {
            Some(last) => Some(Arc::clone(&last.text)),
            None if is_sure => Some(Arc::clone(text)),
            None => None,
        };
        later.push_front(Shown { text: Arc::clone(text), whole: Arc::clone(&meant), sent: None });
        self.texts = later;
        Base::Known { base: base.whole, text: meant }
    }

    /// Whether the page wrote `later` on `earlier`, which it sent right before: then nobody needs to see the earlier one.
    pub(super) fn follows(&self, earlier: &str, later: &str, arrived: Instant) -> bool {
        let step = distance(earlier, later);
        self.candidates(arrived).all(|(_, shown)| step <= distance(&shown.text, later))
    }

    /// The page was sent a text.
    pub(super) fn sent(&mut self, text: &Arc<str>, now: Instant) {
        self.push(Shown { text: Arc::clone(text), whole: Arc::clone(text), sent: Some(now) });
        self.shows = Some(Arc::clone(text));
    }

    /// What the page shows when all that was sent has arrived.
    pub(super) fn shows(&self) -> Option<&Arc<str>> {
        self.shows.as_ref()
    }

    /// Nobody knows what the page shows: a text was not taken from it, or it is another page.
    pub(super) fn doubt(&mut self) {
        self.shows = None;
    }

    /// Forgets what is older than a text that has arrived, on a connection that has lived since then.
    pub(super) fn prove(&mut self, connected: Instant, now: Instant) {
        let has_arrived =
            |shown: &Shown| shown.sent.is_some_and(|sent| sent >= connected && sent + PROVEN_AFTER <= now);
        if let Some(at) = self.texts.iter().rposition(has_arrived) {
            self.texts.drain(..at);
        }
    }

    /// What is kept, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.texts.iter().map(Shown::bytes).sum()
    }

    fn candidates(&self, arrived: Instant) -> impl Iterator<Item = (usize, &Shown)> {
        // What was sent later it cannot have been written on.
        let possible = move |shown: &Shown| shown.sent.is_none_or(|sent| sent <= arrived);
        self.texts.iter().enumerate().filter(move |(_, shown)| possible(shown))
    }

    /// The nearest text, the newest of several; and whether there is no other as near. One that shares little says nothing:
    /// then it was the newest that can have been there.
    fn nearest(&self, text: &str, Arrival { at: arrived, way, was_blank }: Arrival) -> Option<(usize, bool)> {
        let can_be_answered = |shown: &Shown| shown.sent.is_none_or(|sent| sent + way <= arrived);
        let mut nearest: Option<(usize, usize, bool)> = None;
        for (at, shown) in self.candidates(arrived) {
            let far = match distance(&shown.text, text) {
                // A page sends what it shows when a key changed nothing. But it had not seen this one: it typed the same.
                0 if !can_be_answered(shown) => 2,
                far => far,
            };
            let is_telling = is_telling(&shown.text, text, far) && (!was_blank || far <= distance("", text));
            nearest = match nearest {
                _ if !is_telling => nearest,
                Some((_, best, _)) if far > best => nearest,
                Some((_, best, _)) => Some((at, far, far < best)),
                None => Some((at, far, true)),
            };
        }
        if nearest.is_some() || was_blank {
            return nearest.map(|(at, _, is_sure)| (at, is_sure));
        }
        let possible = self.candidates(arrived).filter(|(_, shown)| can_be_answered(shown)).last();
        possible.or_else(|| self.candidates(arrived).next()).map(|(at, _)| (at, true))
    }

    /// Of equal texts the first, if the last may still have been on its way: then the page wrote before it saw that, and what it
    /// writes next may be written on that.
    fn earliest(&self, at: usize, Arrival { at: arrived, way, .. }: Arrival) -> usize {
        let last = &self.texts[at];
        let may_be_on_its_way = last.sent.is_some_and(|sent| arrived < sent + way + JITTER);
        let first = self.texts.iter().position(|shown| shown.text == last.text);
        first.filter(|_| may_be_on_its_way).unwrap_or(at)
    }

    fn push(&mut self, shown: Shown) {
        self.texts.push_back(shown);
        while self.texts.len() > MOST || (self.texts.len() > 2 && self.bytes() > MOST_BYTES) {
            self.texts.pop_front();
        }
    }
}

/// Whether a text shares at least half of what it holds with a base that is so far away.
fn is_telling(base: &str, text: &str, far: usize) -> bool {
    // Twice what is missing and once what is new: the rest of both is shared.
    let shared = (2 * base.len() + text.len() - far) / 3;
    !text.is_empty() && 2 * shared >= text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Arc<str> {
        text.into()
    }

    fn at(at: Instant) -> Arrival {
        Arrival { at, way: Duration::ZERO, was_blank: false }
    }

    fn blank(at: Instant) -> Arrival {
        Arrival { was_blank: true, ..self::at(at) }
    }

    /// The page wrote `next` on `base`, and had seen all of its own.
    fn known(base: &str, next: &str) -> Base {
        Base::Known { base: text(base), text: text(next) }
    }

    /// A page that was sent this text a moment ago.
    fn page(first: &str) -> (Bases, Instant) {
        let (mut bases, now) = (Bases::default(), Instant::now());
        bases.sent(&text(first), now);
        (bases, now)
    }

    fn second(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    #[test]
    fn who_types_writes_on_the_own_last_text() {
        let (mut bases, now) = page("a");
        for (base, next) in [("a", "ab"), ("ab", "abc"), ("abc", "ab"), ("ab", "ab"), ("ab", "x")] {
            assert_eq!(bases.take(&text(next), at(now)), known(base, next), "{next}");
            assert_eq!(bases.shows(), Some(&text(next)));
        }
    }

    #[test]
    fn a_text_that_crossed_another_was_written_on_the_one_before() {
        let (mut bases, now) = page("");
        bases.take(&text("eu"), at(now));
        bases.sent(&text("eu e tu"), now);
        assert_eq!(bases.take(&text("eu!"), at(now)), known("eu", "eu!"));
        assert_eq!(bases.shows(), Some(&text("eu e tu")), "which arrives behind it");
        bases.sent(&text("eu! e tu"), now);
        assert_eq!(bases.take(&text("eu e tu?"), at(now)), known("eu! e tu", "eu! e tu?"), "its own is not lost");
        assert_eq!(bases.take(&text("eu! e tu;"), at(now)), known("eu! e tu?", "eu! e tu?;"));
        assert_eq!(bases.shows(), Some(&text("eu! e tu;")));
    }

    #[test]
    fn a_key_that_a_text_swallowed_stays_before_the_next() {
        let (mut bases, now) = page("eu");
        bases.sent(&text("e eu"), now);
        assert_eq!(bases.take(&text("eu1"), at(now)), known("eu", "eu1"));
        assert_eq!(bases.take(&text("e eu2"), at(now)), known("e eu1", "e eu12"));
    }

    #[test]
    fn who_types_the_same_letter_again_before_seeing_the_first_has_typed_two() {
        let (mut bases, now) = page("m");
        bases.sent(&text("um"), now);
        bases.take(&text("ma"), at(now));
        bases.sent(&text("uma"), second(now, 1));
        let soon = Arrival { way: Duration::from_secs(2), ..at(second(now, 2)) };
        let mut late = bases.clone();
        assert_eq!(bases.take(&text("uma"), soon), known("uma", "umaa"));
        assert_eq!(late.take(&text("uma"), at(second(now, 2))), known("uma", "uma"), "a key that changes nothing");
    }

    #[test]
    fn a_text_that_shares_nothing_was_written_on_what_was_there() {
        let (mut bases, now) = page("");
        bases.sent(&text("tree"), second(now, 1));
        bases.sent(&text(""), second(now, 2));
        bases.sent(&text("another text"), second(now, 3));
        let mut other = bases.clone();
        assert_eq!(bases.take(&text("mine"), at(second(now, 4))), known("another text", "mine"));
        let slow = Arrival { way: Duration::from_secs(2), ..at(second(now, 4)) };
        assert_eq!(other.take(&text("mine"), slow), known("", "mine"), "the newest cannot have been there");
        let mut third = other.clone();
        third.sent(&text("mine and another text"), second(now, 5));
        assert_eq!(
            third.take(&text(""), at(second(now, 9))),
            known("mine and another text", ""),
            "who emptied it meant it"
        );
    }

    #[test]
    fn what_was_sent_later_is_no_base() {
        let (mut bases, now) = page("a");
        bases.take(&text("ab"), at(now));
        bases.sent(&text("abc"), second(now, 2));
        assert_eq!(bases.take(&text("abc"), at(second(now, 1))), known("ab", "abc"));
    }

    #[test]
    fn of_two_that_are_equal_the_newer_may_still_be_on_its_way() {
        let (mut bases, now) = page("a");
        bases.take(&text("ab"), at(now));
        bases.sent(&text("ab"), now);
        let mut late = bases.clone();
        assert_eq!(bases.take(&text("abc"), at(now)), known("ab", "abc"));
        assert_eq!(bases.shows(), Some(&text("ab")), "so the page is sent what there is");
        assert_eq!(bases.take(&text("abd"), at(now)), known("abc", "abcd"), "and loses nothing if it was");
        assert_eq!(late.take(&text("abc"), at(second(now, 2))), known("ab", "abc"));
        assert_eq!(late.take(&text("ab"), at(second(now, 2))), known("abc", "ab"), "else a letter can be taken back");
        assert_eq!(late.texts.len(), 1);
    }

    #[test]
    fn what_was_typed_into_an_empty_page_takes_nothing_away() {
        let (mut bases, now) = page("a long text");
        assert_eq!(bases.take(&text("x"), blank(now)), Base::Unknown);
        assert_eq!(bases.take(&text("xy"), blank(now)), known("x", "xy"));
        let (mut bases, now) = page("a long text");
        assert_eq!(
            bases.take(&text("a long text!"), blank(now)),
            known("a long text", "a long text!"),
            "a page that was offline"
        );
        let (mut bases, now) = page("a long text");
        assert_eq!(bases.take(&text(""), at(now)), known("a long text", ""), "who emptied it meant it");
        assert_eq!(Bases::default().take(&text("x"), blank(now)), Base::Unknown);
    }

    #[test]
    fn a_text_is_forgotten_once_a_newer_one_must_have_arrived() {
        let (mut bases, now) = page("one");
        bases.sent(&text("one two"), second(now, 1));
        bases.sent(&text("one two three"), second(now, 5));
        bases.prove(now, second(now, 10));
        assert_eq!(bases.texts.len(), 3);
        bases.prove(second(now, 2), second(now, 12));
        assert_eq!(bases.texts.len(), 3, "sent over another connection");
        bases.prove(now, second(now, 11));
        assert_eq!(bases.take(&text("one!"), at(second(now, 11))), known("one two", "one!"));
    }

    #[test]
    fn a_waiting_text_is_left_out_only_if_the_next_was_written_on_it() {
        let (mut bases, now) = page("a");
        bases.sent(&text("a from others"), now);
        assert!(bases.follows("ab", "abc", now));
        assert!(!bases.follows("ab", "a from others!", now));
    }

    #[test]
    fn memory_is_bounded() {
        let (mut bases, now) = page("");
        (0..1_000).for_each(|i| bases.sent(&text(&i.to_string()), now));
        assert_eq!(bases.texts.len(), MOST);
        (0..20).for_each(|_| bases.sent(&text(&"x".repeat(1 << 20)), now));
        assert!(bases.bytes() <= MOST_BYTES);
    }
}
