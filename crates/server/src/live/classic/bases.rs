//! On which text a page wrote what it sent: pages send whole texts and do not say. Pure: keeps texts, knows no clock and no merging.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use engine::merge::distance;
use tokio::time::Instant;

/// After so long on a living connection a text that was sent has arrived: the ping behind it was answered (5 s and 4 s).
const PROVEN_AFTER: Duration = Duration::from_secs(10);

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
    /// When it was sent to the page; `None`: it is the page's own.
    sent: Option<Instant>,
}

/// What a page wrote on.
#[derive(Debug, PartialEq)]
pub(super) enum Base {
    /// This text.
    Known(Arc<str>),
    /// None that is known here, or an empty page into which somebody typed too soon.
    Unknown,
}

impl Bases {
    /// The page sent a text, which arrived then: on which it was written. `was_blank`: nothing had been sent to this page, so it
    /// may have been empty.
    pub(super) fn take(&mut self, text: &Arc<str>, arrived: Instant, was_blank: bool) -> Base {
        let own = Shown { text: Arc::clone(text), sent: None };
        let Some((at, is_sure)) = self.nearest(text, arrived, was_blank) else {
            self.push(own);
            self.shows = Some(Arc::clone(text));
            return Base::Unknown;
        };
        let mut later = self.texts.split_off(at);
        let base = later.pop_front().map(|shown| shown.text);
        // What came after the base was on its way when the page sent this, and takes its place there.
        later.retain(|shown| shown.sent.is_some());
        self.shows = match later.back() {
            Some(last) => Some(Arc::clone(&last.text)),
            None if is_sure => Some(Arc::clone(text)),
            None => None,
        };
        later.push_front(own);
        self.texts = later;
        base.map_or(Base::Unknown, Base::Known)
    }

    /// Whether the page wrote `later` on `earlier`, which it sent right before: then nobody needs to see the earlier one.
    pub(super) fn follows(&self, earlier: &str, later: &str, arrived: Instant) -> bool {
        let step = distance(earlier, later);
        self.candidates(arrived).all(|(_, shown)| step <= distance(&shown.text, later))
    }

    /// The page was sent a text.
    pub(super) fn sent(&mut self, text: &Arc<str>, now: Instant) {
        self.push(Shown { text: Arc::clone(text), sent: Some(now) });
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
        self.texts.iter().map(|shown| shown.text.len()).sum()
    }

    fn candidates(&self, arrived: Instant) -> impl Iterator<Item = (usize, &Shown)> {
        // What was sent later it cannot have been written on.
        let possible = move |shown: &Shown| shown.sent.is_none_or(|sent| sent <= arrived);
        self.texts.iter().enumerate().filter(move |(_, shown)| possible(shown))
    }

    /// The nearest text, the newest of several; and whether there is no other as near.
    fn nearest(&self, text: &str, arrived: Instant, was_blank: bool) -> Option<(usize, bool)> {
        let mut nearest: Option<(usize, usize, bool)> = None;
        for (at, shown) in self.candidates(arrived) {
            let far = distance(&shown.text, text);
            nearest = match nearest {
                Some((_, best, _)) if far > best => nearest,
                Some((_, best, _)) => Some((at, far, far < best)),
                None => Some((at, far, true)),
            };
        }
        let is_nearer_than_nothing = |far: usize| !was_blank || far <= distance("", text);
        nearest.filter(|(_, far, _)| is_nearer_than_nothing(*far)).map(|(at, _, is_sure)| (at, is_sure))
    }

    fn push(&mut self, shown: Shown) {
        self.texts.push_back(shown);
        while self.texts.len() > MOST || (self.texts.len() > 2 && self.bytes() > MOST_BYTES) {
            self.texts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Arc<str> {
        text.into()
    }

    fn known(base: &str) -> Base {
        Base::Known(text(base))
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
            assert_eq!(bases.take(&text(next), now, false), known(base), "{next}");
            assert_eq!(bases.shows(), Some(&text(next)));
        }
    }

    #[test]
    fn a_text_that_crossed_another_was_written_on_the_one_before() {
        let (mut bases, now) = page("");
        bases.take(&text("eu"), now, false);
        bases.sent(&text("eu e tu"), now);
        assert_eq!(bases.take(&text("eu!"), now, false), known("eu"));
        assert_eq!(bases.shows(), Some(&text("eu e tu")), "which arrives behind it");
        bases.sent(&text("eu! e tu"), now);
        assert_eq!(bases.take(&text("eu e tu?"), now, false), known("eu e tu"));
        assert_eq!(bases.take(&text("eu! e tu;"), now, false), known("eu! e tu"));
        assert_eq!(bases.shows(), Some(&text("eu! e tu;")));
    }

    #[test]
    fn what_was_sent_later_is_no_base() {
        let (mut bases, now) = page("a");
        bases.take(&text("ab"), now, false);
        bases.sent(&text("abc"), second(now, 2));
        assert_eq!(bases.take(&text("abc"), second(now, 1), false), known("ab"));
    }

    #[test]
    fn of_two_that_are_equal_nobody_knows_which_the_page_shows() {
        let (mut bases, now) = page("a");
        bases.take(&text("ab"), now, false);
        bases.sent(&text("ab"), now);
        assert_eq!(bases.take(&text("abc"), now, false), known("ab"));
        assert_eq!(bases.shows(), None);
    }

    #[test]
    fn what_was_typed_into_an_empty_page_takes_nothing_away() {
        let (mut bases, now) = page("a long text");
        assert_eq!(bases.take(&text("x"), now, true), Base::Unknown);
        assert_eq!(bases.take(&text("xy"), now, true), known("x"));
        let (mut bases, now) = page("a long text");
        assert_eq!(bases.take(&text("a long text!"), now, true), known("a long text"), "a page that was offline");
        let (mut bases, now) = page("a long text");
        assert_eq!(bases.take(&text(""), now, false), known("a long text"), "who emptied it meant it");
        assert_eq!(Bases::default().take(&text("x"), now, true), Base::Unknown);
    }

    #[test]
    fn a_text_is_forgotten_once_a_newer_one_must_have_arrived() {
        let (mut bases, now) = page("one");
        bases.sent(&text("two"), second(now, 1));
        bases.sent(&text("three"), second(now, 5));
        bases.prove(now, second(now, 10));
        assert_eq!(bases.texts.len(), 3);
        bases.prove(second(now, 2), second(now, 12));
        assert_eq!(bases.texts.len(), 3, "sent over another connection");
        bases.prove(now, second(now, 11));
        assert_eq!(bases.take(&text("one"), second(now, 11), false), known("two"));
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
