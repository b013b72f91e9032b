//! What people edit, and what somebody is in it: plain values, nothing that acts.

pub use crate::id::DocumentId;
use crate::id::PersonId;

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

/// What a person is in a document. Each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads and comments.
    Commenter,
    /// Writes, renames, moves to the trash.
    Editor,
    /// Everything, also who else may.
    Owner,
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
    fn titles_are_cleaned() {
        assert_eq!(clean_title("  a\nb\0 "), Some("a b".to_owned()));
        assert_eq!(clean_title(" \t "), None);
        assert_eq!(clean_title(&"é".repeat(300)), Some("é".repeat(200)));
    }
}
