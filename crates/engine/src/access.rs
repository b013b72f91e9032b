//! Who may do what with a document: one function decides, and every route and event goes through it.

pub use crate::document::Role;
use crate::{
    document::{Document, Visibility},
    id::PersonId,
};

/// What a person wants to do with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See its title, its content and who is in it.
    Read,
    /// Change its content.
    Edit,
    /// Change its title.
    Rename,
    /// Move it to the trash.
    Trash,
    /// Take it out of the trash.
    Restore,
    /// Delete it for ever, from the trash.
    Purge,
    /// Set its visibility and its members.
    Share,
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The person may not know that it exists.
    Hidden,
    /// The person sees it, but has too small a role.
    Forbidden,
    /// It is in the trash: restored, it could be done.
    Trashed,
    /// It is not in the trash, from where alone this is done.
    NotTrashed,
}

/// The person's role in the document, if any (A4).
pub fn role_of(person: PersonId, document: &Document) -> Option<Role> {
    if document.owner == person {
        return Some(Role::Owner);
    }
    let member = document.members.iter().find(|(id, _)| *id == person);
    match (member, document.visibility) {
        (Some((_, role)), _) => Some(*role),
        (None, Visibility::Instance) => Some(Role::Editor),
        (None, Visibility::Private) => None,
    }
}

/// Whether the person may do this to the document now, and with which role.
///
/// # Errors
/// [`Denied`] says why not; `Hidden` must be answered like a document that does not exist.
pub fn may(person: PersonId, action: Action, document: &Document) -> Result<Role, Denied> {
    let role = role_of(person, document).ok_or(Denied::Hidden)?;
    let least = match action {
        Action::Read => Role::Viewer,
        Action::Edit | Action::Rename | Action::Trash => Role::Editor,
        Action::Restore | Action::Purge | Action::Share => Role::Owner,
    };
    if role < least {
        return Err(Denied::Forbidden);
    }
    match (action, document.trashed_ms.is_some()) {
        (Action::Edit | Action::Rename | Action::Share, true) => Err(Denied::Trashed),
        (Action::Purge, false) => Err(Denied::NotTrashed),
        _ => Ok(role),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{DocumentId, Kind};

    const OWNER: PersonId = PersonId(1);
    const OTHER: PersonId = PersonId(2);

    fn document(visibility: Visibility, role: Option<Role>, trashed: bool) -> Document {
        Document {
            id: DocumentId(1),
            title: "t".into(),
            kind: Kind::Rich,
            schema: 1,
            owner: OWNER,
            visibility,
            members: role.map(|role| (OTHER, role)).into_iter().collect(),
            created_ms: 0,
            changed_ms: 0,
            changed_by: OWNER,
            trashed_ms: trashed.then_some(5),
        }
    }

    #[test]
    fn a4_instance_visibility_makes_everybody_an_editor() {
        let open = document(Visibility::Instance, None, false);
        assert_eq!(may(OTHER, Action::Edit, &open), Ok(Role::Editor));
        assert_eq!(may(OTHER, Action::Trash, &open), Ok(Role::Editor));
        assert_eq!(may(OTHER, Action::Share, &open), Err(Denied::Forbidden));
    }

    #[test]
    fn a4_a_members_role_counts_before_visibility() {
        let open = document(Visibility::Instance, Some(Role::Viewer), false);
        assert_eq!(may(OTHER, Action::Read, &open), Ok(Role::Viewer));
        assert_eq!(may(OTHER, Action::Edit, &open), Err(Denied::Forbidden));
    }

    #[test]
    fn a4_a_private_document_is_hidden_from_strangers() {
        let private = document(Visibility::Private, None, false);
        assert_eq!(may(OTHER, Action::Read, &private), Err(Denied::Hidden));
        assert_eq!(may(OWNER, Action::Share, &private), Ok(Role::Owner));
    }

    #[test]
    fn a4_only_owners_restore_and_purge_and_only_from_the_trash() {
        let trashed = document(Visibility::Instance, None, true);
        assert_eq!(may(OTHER, Action::Edit, &trashed), Err(Denied::Trashed));
        assert_eq!(may(OTHER, Action::Restore, &trashed), Err(Denied::Forbidden));
        assert_eq!(may(OWNER, Action::Restore, &trashed), Ok(Role::Owner));
        assert_eq!(may(OWNER, Action::Purge, &trashed), Ok(Role::Owner));
        let kept = document(Visibility::Instance, None, false);
        assert_eq!(may(OWNER, Action::Purge, &kept), Err(Denied::NotTrashed));
    }
}
