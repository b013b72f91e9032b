//! What people edit, and the ids of everything: plain values, nothing that acts.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, DecodePartial};

use crate::{access::Role, person::PersonId};

/// A document's id: 128 random bits, never used again once given (L8).
/// Written as 26 characters of lower-case base32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(pub u128);

impl DocumentId {
    /// Draws a new id from the operating system's random numbers.
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32(&self.0.to_be_bytes()))
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DocumentId {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        from_base32(text).map(|bytes| Self(u128::from_be_bytes(bytes)))
    }
}

/// The text is not an id in our notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id")]
pub struct NotAnId;

/// Lower-case base32 without padding: safe in URLs, file names and on the telephone.
pub(crate) fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// Reads exactly what [`base32`] writes for `N` bytes, and nothing else.
pub(crate) fn from_base32<const N: usize>(text: &str) -> Result<[u8; N], NotAnId> {
    if text.len() != (N * 8).div_ceil(5) || text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(NotAnId);
    }
    let mut bytes = [0; N];
    BASE32_NOPAD
        .decode_mut(text.to_ascii_uppercase().as_bytes(), &mut bytes)
        .map_err(|DecodePartial { .. }| NotAnId)?;
    Ok(bytes)
}

/// What a document is made of; fixed at its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Rich text: the shared type `content`, an XmlFragment.
    Rich,
    /// Plain text or Markdown: the shared type `text`, a Text.
    Text,
}

/// Who may see a document that is not a member of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everybody who is signed in edits it (A4).
    Instance,
    /// Only its owner and members.
    Private,
}

/// A document's row: all but its content, which is its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Given once, for ever.
    pub id: DocumentId,
    /// 1 to 200 characters, as people typed it.
    pub title: String,
    /// Rich or plain.
    pub kind: Kind,
    /// The version of the editor's schema that its content may use; it only grows.
    pub schema: u32,
    /// Who created it.
    pub owner: PersonId,
    /// Who sees it besides.
    pub visibility: Visibility,
    /// Everybody with a role of their own; the owner is not among them.
    pub members: Vec<(PersonId, Role)>,
    /// When it was created, in ms since 1970.
    pub created_ms: i64,
    /// When its content or title last changed, in ms since 1970.
    pub changed_ms: i64,
    /// Who changed it last.
    pub changed_by: PersonId,
    /// When it went to the trash, if it is there.
    pub trashed_ms: Option<i64>,
}

/// The version of the rich-text schema that this build's pages know. A schema never narrows.
pub const SCHEMA: u32 = 1;

/// The longest title, in characters.
pub const TITLE_CHARS: usize = 200;

/// A title as it is kept: trimmed, control characters made spaces, cut to [`TITLE_CHARS`]; `None` if nothing is left.
pub fn clean_title(text: &str) -> Option<String> {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let title: String = spaced.trim().chars().take(TITLE_CHARS).collect();
    let title = title.trim_end();
    (!title.is_empty()).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_notation() {
        let id = DocumentId(u128::MAX - 5);
        assert_eq!(id.to_string().len(), 26);
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn foreign_notations_are_not_ids() {
        let id = DocumentId(7).to_string();
        for bad in ["", "a", &id[1..], &id.to_uppercase(), &"1".repeat(26), &"7".repeat(26), "ä"] {
            assert_eq!(bad.parse::<DocumentId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn titles_are_cleaned() {
        assert_eq!(clean_title("  a\nb\0 "), Some("a b".to_owned()));
        assert_eq!(clean_title(" \t "), None);
        assert_eq!(clean_title(&"é".repeat(300)), Some("é".repeat(200)));
    }
}
