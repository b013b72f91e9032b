//! Documents as lists show them, and pages of them (B5): the same JSON over HTTP and over live connections.
//! Knows neither.

use data_encoding::BASE64URL_NOPAD as BASE64URL;
use engine::{
    access::{Role, role_of},
    document::{DocumentId, Kind, Visibility},
    person::PersonId,
    refusal::Refusal,
    store::{ListQuery, Listed, Place, Sort, Store},
};
use serde::{Deserialize, Serialize};

/// How many documents a page holds.
const PAGE: usize = 100;

/// The longest text that titles are searched for, in bytes.
const QUERY_BYTES: usize = 800;

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    id: String,
    title: String,
    kind: &'static str,
    role: &'static str,
    visibility: &'static str,
    owner: String,
    changed: i64,
    changed_by: Option<String>,
    trashed: bool,
}

impl Row {
    /// The row as this person may see it; `None` if the person may not.
    pub(crate) fn new(listed: &Listed, person: PersonId) -> Option<Self> {
        let Listed { document, owner, changed_by } = listed;
        Some(Self {
            id: document.id.to_string(),
            title: document.title.clone(),
            kind: match document.kind {
                Kind::Rich => "rich",
                Kind::Text => "text",
            },
            role: role_name(role_of(person, document)?),
            visibility: match document.visibility {
                Visibility::Instance => "instance",
                Visibility::Private => "private",
            },
            owner: owner.clone(),
            changed: document.changed_ms,
            changed_by: (!changed_by.is_empty()).then(|| changed_by.clone()),
            trashed: document.trashed_ms.is_some(),
        })
    }
}

/// A role's name on the wire.
pub(crate) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Commenter => "commenter",
        Role::Editor => "editor",
        Role::Owner => "owner",
    }
}

/// Which page somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ListRequest {
    /// What `next` of the page before said.
    pub(crate) after: Option<String>,
    /// Only titles that hold this.
    pub(crate) query: Option<String>,
    /// The order.
    pub(crate) sort: SortBy,
    /// The trash instead of the documents.
    pub(crate) trash: bool,
}

/// The order of a list, as it is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SortBy {
    /// The last changed first.
    #[default]
    Changed,
    /// By title.
    Title,
}

impl ListRequest {
    /// The question to the store.
    ///
    /// # Errors
    /// `Invalid` if `after` is not something that we gave, `TooLarge` for a query that no title could hold.
    pub(crate) fn for_person(&self, person: PersonId) -> Result<ListQuery, Refusal> {
        let title = self.query.clone().filter(|text| !text.trim().is_empty());
        if title.as_ref().is_some_and(|text| text.len() > QUERY_BYTES) {
            return Err(Refusal::TooLarge);
        }
        let after = match &self.after {
            Some(text) => Some(read_place(text).ok_or(Refusal::Invalid("`after` is not what a page gave as `next`"))?),
            None => None,
        };
        let sort = match self.sort {
            SortBy::Changed => Sort::Changed,
            SortBy::Title => Sort::Title,
        };
        Ok(ListQuery { person, title, sort, trash: self.trash, after, limit: PAGE })
    }
}

/// One page, as it is answered.
#[derive(Debug, Serialize)]
pub(crate) struct PageOut {
    /// In order.
    pub(crate) documents: Vec<Row>,
    /// What to ask for as `after` to go on, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A page and the ids on it.
///
/// # Errors
/// What [`ListRequest::for_person`] and the store refuse.
pub(crate) async fn page(
    store: &dyn Store,
    person: PersonId,
    request: &ListRequest,
) -> Result<(PageOut, Vec<DocumentId>), Refusal> {
    let page = store
        .list_documents(request.for_person(person)?)
        .await
        .map_err(|error| Refusal::from(&error))?;
    let next = page.documents.last().filter(|_| page.more).map(|last| write_place(last));
    let ids = page.documents.iter().map(|listed| listed.document.id).collect();
    let documents = page.documents.iter().filter_map(|listed| Row::new(listed, person)).collect();
    Ok((PageOut { documents, next }, ids))
}

/// A place in a list as a short text that clients hand back unread.
fn write_place(last: &Listed) -> String {
    let document = &last.document;
    let title = BASE64URL.encode(document.title.as_bytes());
    format!("{}.{}.{title}", document.changed_ms, document.id)
}

fn read_place(text: &str) -> Option<Place> {
    let mut parts = text.splitn(3, '.');
    let changed_ms = parts.next()?.parse().ok()?;
    let id = parts.next()?.parse().ok()?;
    let title = BASE64URL.decode(parts.next()?.as_bytes()).ok()?;
    Some(Place { changed_ms, title: String::from_utf8(title).ok()?, id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::document::Document;

    fn listed() -> Listed {
        let document = Document {
            id: DocumentId(7),
            title: "Água & pão".into(),
            kind: Kind::Text,
            schema: 1,
            owner: PersonId(1),
            visibility: Visibility::Private,
            members: vec![(PersonId(2), Role::Viewer)],
            created_ms: 1,
            changed_ms: -5,
            changed_by: PersonId(1),
            trashed_ms: None,
        };
        Listed { document, owner: "Ana".into(), changed_by: String::new() }
    }

    #[test]
    fn a4_a_row_is_written_for_one_person_and_not_for_strangers() {
        let json = serde_json::to_value(Row::new(&listed(), PersonId(2)).unwrap()).unwrap();
        let id = DocumentId(7).to_string();
        let expected = serde_json::json!({
            "id": id, "title": "Água & pão", "kind": "text", "role": "viewer", "visibility": "private",
            "owner": "Ana", "changed": -5, "changedBy": null, "trashed": false,
        });
        assert_eq!(json, expected);
        assert_eq!(Row::new(&listed(), PersonId(3)), None);
    }

    #[test]
    fn b5_a_place_survives_its_text_and_nothing_else_is_one() {
        let after = Some(write_place(&listed()));
        let query = ListRequest { after, ..ListRequest::default() }.for_person(PersonId(1)).unwrap();
        let place = Place { changed_ms: -5, title: "Água & pão".into(), id: DocumentId(7) };
        assert_eq!(query.after, Some(place));
        for bad in ["", "1", "1.2", "1.2.3", "x.y.z", "1..", "9999999999999999999999.a.b"] {
            let request = ListRequest { after: Some(bad.into()), ..ListRequest::default() };
            assert!(matches!(request.for_person(PersonId(1)), Err(Refusal::Invalid(_))), "{bad}");
        }
    }
}
