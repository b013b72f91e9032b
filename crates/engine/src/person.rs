//! People, their names and their sessions: plain values. Passwords are only ever seen here as hashes.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

pub use crate::id::{PersonId, SessionId};

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Given once, for ever.
    pub id: PersonId,
    /// What everybody sees.
    pub name: Name,
    /// The Argon2id hash, in PHC notation.
    pub password_hash: String,
    /// Whether this person owns the instance (A5).
    pub owner: bool,
    /// A disabled person cannot sign in and has no sessions.
    pub disabled: bool,
    /// When the account was made, in ms since 1970.
    pub created_ms: i64,
}

/// A person's name (A5): NFKC, 1 to 64 characters, none of them a control, bidi or invisible character.
/// Two names are the same if their folded forms are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    shown: String,
    folded: String,
}

/// The text cannot be a person's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 characters, none of them a control character")]
pub struct NotAName;

impl Name {
    /// The name that a person typed.
    ///
    /// # Errors
    /// When nothing is left after trimming, it is too long, or a character hides or turns the text.
    pub fn new(typed: &str) -> Result<Self, NotAName> {
        // A compatibility form is at most 18 times as long: bound the work before doing it.
        if typed.len() > 4 * 64 {
            return Err(NotAName);
        }
        let shown: String = typed.trim().nfkc().collect();
        let shown = shown.trim().to_owned();
        let length = shown.chars().count();
        if !(1..=64).contains(&length) || shown.chars().any(is_hidden) {
            return Err(NotAName);
        }
        let folded = caseless::default_case_fold_str(&shown).nfkc().collect();
        Ok(Self { shown, folded })
    }

    /// A name as a store kept it: judged when it was given, and not anew by the rules of a later version.
    pub fn kept(shown: String, folded: String) -> Self {
        Self { shown, folded }
    }

    /// As it is shown.
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The form that is unique in the instance.
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Characters that a name must not hold: they make one name look like another, or like nothing.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFF}' | '\u{E000}'..='\u{F8FF}'
            | '\u{E0000}'..='\u{10FFFF}')
}

/// One place where a person is signed in. The row is what counts, not the token (A3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Given once, for ever.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonId,
    /// When it began, in ms since 1970.
    pub created_ms: i64,
    /// When it ends by itself, in ms since 1970; pushed on by use.
    pub expires_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_one_name_has_one_folded_form() {
        let same = [
            ("Ana", "aNA"),
            ("Straße", "STRASSE"),
            ("ﬁona", "FIONA"),
            ("Å", "A\u{30A}"),
            (" Ana ", "ana"),
            ("Ａｎａ", "ana"),
        ];
        for (one, other) in same {
            assert_eq!(Name::new(one).unwrap().folded(), Name::new(other).unwrap().folded());
        }
    }

    #[test]
    fn a5_names_that_hide_are_refused() {
        let long = "a".repeat(65);
        for bad in ["", "  ", "a\0b", "a\u{202E}b", "\u{200B}", "a\u{FEFF}", "a\nb", "\u{3164}", "\u{E0041}", &long] {
            assert_eq!(Name::new(bad), Err(NotAName), "{bad:?}");
        }
        assert_eq!(Name::new("João d’Água 李").unwrap().as_str(), "João d’Água 李");
    }
}
