//! A text of which nobody knows on what it was written is only added: nothing that is there is taken away for it. Pure.

use std::collections::HashSet;

use engine::merge::{Change, changes, with_additions};

/// A stretch of so many letters that two texts share is no coincidence.
const TELLING: usize = 4;

/// The current text with all that the other has beside it: letter by letter where the other is a version of it, as when a page
/// was offline while the server began anew; else behind it, as when somebody typed before the page was filled.
pub(super) fn added(current: &str, text: &str) -> String {
    if text.trim().is_empty() {
        return current.to_owned();
    }
    if current.is_empty() || is_version_of(current, text) {
        return with_additions(current, text);
    }
    let between = if current.ends_with('\n') { "" } else { "\n" };
    format!("{current}{between}{text}")
}

/// Whether at least half of one is in the other, in words or in stretches that mean something.
fn is_version_of(current: &str, text: &str) -> bool {
    let words: HashSet<&str> = current.split_whitespace().collect();
    let (before, after) = (words.len(), text.split_whitespace().count());
    let shared = text.split_whitespace().filter(|word| words.contains(word)).count();
    2 * shared >= before.min(after).max(1) || shares_stretches(current, text)
}

fn shares_stretches(current: &str, text: &str) -> bool {
    let (before, after) = (current.chars().count(), text.chars().count());
    let mut end = 0;
    let mut stretches: Vec<usize> = Vec::new();
    for Change { at, delete, .. } in &changes(current, text) {
        stretches.push(at - end);
        end = at + delete;
    }
    stretches.push(before - end);
    let telling: usize = stretches.iter().filter(|length| **length >= TELLING || **length == before).sum();
    2 * telling >= before.min(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_merged_and_loses_nothing() {
        assert_eq!(added("abc", "abcd"), "abcd");
        assert_eq!(added("", "abc"), "abc");
        assert_eq!(added("dela: um\nnosso: dois\n", "dela:\nnosso: dois e meio\n"), "dela: um\nnosso: dois e meio\n");
        assert_eq!(added("o que já estava", ""), "o que já estava");
        assert_eq!(added("um!\ndois\n", "um\ndois\ntrês\n"), "um!\ndois\ntrês\n");
    }

    #[test]
    fn something_else_comes_behind() {
        assert_eq!(added("o que já estava.", "cedo demais"), "o que já estava.\ncedo demais");
        assert_eq!(added("uma linha\n", "e"), "uma linha\ne");
    }
}
