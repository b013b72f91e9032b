//! Whole texts as edits: what changed from one text to another, and the same change made to a third that grew from the first.
//! Pure, and about characters only: it knows neither replicas nor who wrote what.

use imara_diff::{Algorithm, Diff, InternedInput};

/// A replacement in a text. Places and lengths are in characters, not in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it begins.
    pub at: usize,
    /// How many characters it takes away.
    pub delete: usize,
    /// What it puts there.
    pub insert: String,
}

/// Up to this product of their lengths two pieces are compared character by character, which costs that much at worst: some
/// milliseconds. Larger ones are compared by lines first.
const THOROUGH: usize = 4_000_000;

/// The smallest edit that makes `text` of `base`, in order of place; for large differences a small one.
pub fn changes(base: &str, text: &str) -> Vec<Change> {
    let (base, text) = (chars(base), chars(text));
    let mut changes = Vec::new();
    compare(&base, &text, 0, &mut changes);
    changes
}

/// The same intent on `current`, which grew from `base`: what was meant to be inserted is inserted, what was meant to be
/// deleted is deleted if it is still there, and nothing that came since is touched.
pub fn rebase(mine: Vec<Change>, base: &str, current: &str) -> Vec<Change> {
    carry(mine, base, current, Tie::First)
}

/// The same where what `current` has beside is the same person's: what was inserted at the same place was typed before.
pub fn rebase_on_own(mine: Vec<Change>, base: &str, current: &str) -> Vec<Change> {
    carry(mine, base, current, Tie::Last)
}

/// Where an insertion comes to stand when another was made at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    /// Before it, so that who types on stays with what was typed before.
    First,
    Last,
}

fn carry(mine: Vec<Change>, base: &str, current: &str, tie: Tie) -> Vec<Change> {
    if base == current {
        return mine;
    }
    let carrier = Carrier { theirs: changes(base, current), tie };
    mine.into_iter().flat_map(|change| carrier.carry(change)).collect()
}

/// `text` after the changes, which are in order of place.
pub fn apply(text: &str, changes: &[Change]) -> String {
    let mut rest = text.chars();
    let (mut applied, mut at) = (String::with_capacity(text.len()), 0);
    for change in changes {
        applied.extend(rest.by_ref().take(change.at - at));
        applied.push_str(&change.insert);
        at = change.at;
        if change.delete > 0 {
            rest.nth(change.delete - 1);
            at += change.delete;
        }
    }
    applied.push_str(rest.as_str());
    applied
}

/// `current` with what `text` has beside it, and without losing anything: for a text whose base nobody knows.
pub fn with_additions(current: &str, text: &str) -> String {
    let mut additions = changes(current, text);
    additions.iter_mut().for_each(|change| change.delete = 0);
    apply(current, &additions)
}

/// How unlikely it is that `text` was written on `base`: 0 if they are the same. What is missing weighs more than what is new,
/// because a key adds one character, and rarely takes away what somebody else has just written.
pub fn distance(base: &str, text: &str) -> usize {
    let (base, text) = (base.as_bytes(), text.as_bytes());
    let (start, end) = common(base, text);
    2 * (base.len() - start - end) + (text.len() - start - end)
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// How much two slices share at their beginnings, and behind that at their ends.
fn common<T: PartialEq>(one: &[T], other: &[T]) -> (usize, usize) {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[start..], &other[start..]);
    let end = one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
    (start, end)
}

/// Adds what changes `base`, which begins at `at`, into `text`.
fn compare(base: &[char], text: &[char], at: usize, changes: &mut Vec<Change>) {
    let (start, end) = common(base, text);
    let (base, text, at) = (&base[start..base.len() - end], &text[start..text.len() - end], at + start);
    if base.is_empty() && text.is_empty() {
        return;
    }
    let whole = || Change { at, delete: base.len(), insert: text.iter().collect() };
    if base.is_empty() || text.is_empty() {
        return changes.push(whole());
    }
    if base.len().saturating_mul(text.len()) <= THOROUGH {
        let mut input = InternedInput::default();
        input.update_before(base.iter().copied());
        input.update_after(text.iter().copied());
        for hunk in Diff::compute(Algorithm::MyersMinimal, &input).hunks() {
            let (before, after) = (&hunk.before, &text[hunk.after.start as usize..hunk.after.end as usize]);
            let (start, end) = (before.start as usize, before.end as usize);
            changes.push(Change { at: at + start, delete: end - start, insert: after.iter().collect() });
        }
        return;
    }
    let (base_lines, text_lines) = (lines(base), lines(text));
    if base_lines.len() == 1 || text_lines.len() == 1 {
        return changes.push(whole());
    }
    let mut input = InternedInput::default();
    input.update_before(base_lines.iter().copied());
    input.update_after(text_lines.iter().copied());
    let (base_starts, text_starts) = (starts(&base_lines), starts(&text_lines));
    for hunk in Diff::compute(Algorithm::Histogram, &input).hunks() {
        let before = base_starts[hunk.before.start as usize]..base_starts[hunk.before.end as usize];
        let after = text_starts[hunk.after.start as usize]..text_starts[hunk.after.end as usize];
        let at = at + before.start;
        match (&base[before], &text[after]) {
            // Nothing in common, by lines: going on would go round in circles.
            (before, after) if before.len() == base.len() && after.len() == text.len() => changes.push(whole()),
            (before, after) => compare(before, after, at, changes),
        }
    }
}

fn lines(text: &[char]) -> Vec<&[char]> {
    text.split_inclusive(|c| *c == '\n').collect()
}

/// Where each line begins, and the end.
fn starts(lines: &[&[char]]) -> Vec<usize> {
    let mut end = 0;
    let ends = lines.iter().map(|line| {
        end += line.len();
        end
    });
    std::iter::once(0).chain(ends).collect()
}

/// Carries changes over what others changed meanwhile.
struct Carrier {
    theirs: Vec<Change>,
    tie: Tie,
}

impl Carrier {
    /// One change may become several: what others inserted within it stays. Changes are carried one by one and stay in order.
    fn carry(&self, change: Change) -> Vec<Change> {
        let mut carried = vec![Change { at: self.place(change.at), delete: 0, insert: change.insert }];
        for (at, delete) in self.left_of(change.at, change.at + change.delete) {
            match carried.last_mut() {
                Some(last) if last.at + last.delete == at => last.delete += delete,
                _ => carried.push(Change { at, delete, insert: String::new() }),
            }
        }
        carried.retain(|change| change.delete > 0 || !change.insert.is_empty());
        carried
    }

    /// Where a place of the base is now.
    fn place(&self, at: usize) -> usize {
        let mut shifted = at;
        let is_before = |theirs: &&Change| theirs.at < at || (theirs.at == at && self.tie == Tie::Last);
        for theirs in self.theirs.iter().take_while(is_before) {
            let swallowed = theirs.delete.min(at - theirs.at);
            shifted = shifted - swallowed + theirs.insert.chars().count();
        }
        shifted
    }

    /// What is left of a stretch of the base, as (place, length) in the current text.
    fn left_of(&self, start: usize, end: usize) -> Vec<(usize, usize)> {
        let (mut left, mut from, mut shift) = (Vec::new(), start, 0isize);
        for theirs in &self.theirs {
            if theirs.at >= end {
                break;
            }
            if theirs.at > from {
                left.push((from.saturating_add_signed(shift), theirs.at - from));
            }
            from = from.max(theirs.at + theirs.delete);
            shift += theirs.insert.chars().count() as isize - theirs.delete as isize;
        }
        if from < end {
            left.push((from.saturating_add_signed(shift), end - from));
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::SmallRng};

    use super::*;

    /// What becomes of `current` when somebody who saw `base` writes `text`.
    fn merged(base: &str, text: &str, current: &str) -> String {
        apply(current, &rebase(changes(base, text), base, current))
    }

    #[test]
    fn only_what_differs_is_changed() {
        let change = |at, delete, insert: &str| Change { at, delete, insert: insert.to_owned() };
        assert_eq!(changes("olá mundo", "olá mundo"), []);
        assert_eq!(changes("olá mundo", "olá, mundo!"), [change(3, 0, ","), change(9, 0, "!")]);
        assert_eq!(changes("👩🏽‍💻 a", "👩🏽‍💻 b"), [change(5, 1, "b")]);
        assert_eq!(changes("", "x"), [change(0, 0, "x")]);
        assert_eq!(changes("x", ""), [change(0, 1, "")]);
    }

    #[test]
    fn two_who_write_on_one_text_keep_both() {
        assert_eq!(merged("ab", "aXb", "abY"), "aXbY");
        assert_eq!(merged("ab", "b", "aYb"), "Yb");
        assert_eq!(merged("abcd", "ad", "abYcd"), "aYd", "what came into a deleted stretch stays");
        assert_eq!(merged("abcd", "ad", "acd"), "ad", "what is gone is not deleted again");
        assert_eq!(merged("abcd", "aXd", "d"), "Xd");
        assert_eq!(merged("eu", "eu1", "eu2"), "eu12", "who types on stays with the own letters");
        let own = apply("eu1", &rebase_on_own(changes("eu", "eu2"), "eu", "eu1"));
        assert_eq!(own, "eu12", "one's own letters stay as they were typed");
        assert_eq!(merged("um\ndois\n", "um\n2\n", "um\ndois\ntrês\n"), "um\n2\ntrês\n");
    }

    #[test]
    fn without_a_base_nothing_is_lost() {
        assert_eq!(with_additions("abc", "aXc"), "aXbc");
        assert_eq!(with_additions("abc", ""), "abc");
        assert_eq!(with_additions("", "abc"), "abc");
    }

    #[test]
    fn the_nearest_base_is_the_one_that_the_key_was_pressed_on() {
        assert!(distance("aaa\nb", "aaa\nba") < distance("aaaa\n", "aaa\nba"));
        assert_eq!(distance("x", "x"), 0);
        assert!(distance("abcX", "abc") > distance("abc", "abc"));
    }

    #[test]
    fn random_texts_arrive_and_no_letter_of_anybody_is_lost() {
        let mut dice = SmallRng::seed_from_u64(20_261_122);
        for _ in 0..2_000 {
            let base: String = (0..dice.random_range(0..40)).map(|_| dice.random_range('a'..='d')).collect();
            let mut edited = |letters: [char; 2]| {
                let mut text: Vec<char> = base.chars().collect();
                for letter in letters.into_iter().cycle().take(dice.random_range(0..6)) {
                    match dice.random_range(0..=text.len()) {
                        at if at < text.len() && dice.random_bool(0.3) => _ = text.remove(at),
                        at => text.insert(at, letter),
                    }
                }
                String::from_iter(text)
            };
            let (mine, theirs) = (edited(['X', 'Y']), edited(['é', '👍']));
            assert_eq!(apply(&base, &changes(&base, &mine)), mine);
            assert_eq!(merged(&base, &mine, &base), mine);
            assert_eq!(merged(&base, &base, &theirs), theirs);
            let both = merged(&base, &mine, &theirs);
            let count = |text: &str, letters: &str| text.chars().filter(|c| letters.contains(*c)).count();
            assert_eq!(count(&both, "XY"), count(&mine, "XY"), "{base:?} {mine:?} {theirs:?}");
            assert_eq!(count(&both, "é👍"), count(&theirs, "é👍"), "{base:?} {mine:?} {theirs:?}");
        }
    }

    #[test]
    fn large_texts_are_compared_by_lines() {
        let line = |n: usize| format!("linha {n}\n");
        let base: String = (0..20_000).map(line).collect();
        let text: String = (0..20_000).map(|n| if n % 9_999 == 3 { format!("Linha {n}\n") } else { line(n) }).collect();
        let changed = changes(&base, &text);
        assert_eq!(apply(&base, &changed), text);
        let capital = |change: &Change| (change.delete, change.insert.as_str()) == (1, "L");
        assert!(changed.len() == 2 && changed.iter().all(capital), "{changed:?}");
    }
}
