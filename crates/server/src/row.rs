//! Documents as they are told to people: rows and pages of the list, the same over HTTP and live. Changes nothing.

use data_encoding::BASE64URL_NOPAD as BASE64URL;
use engine::{
    access::{self, Role},
    document::{Document, DocumentId, Kind, Visibility},
    person::PersonId,
    refusal::Refusal,
    store::{ListQuery, Listed, Place, Sort, Store},
};
use serde::{Deserialize, Serialize};

/// Rows on one page (B5).
const PAGE: usize = 100;
/// The longest text that is searched for, in bytes.
const QUERY_BYTES: usize = 256;

/// One document, as one person sees it.
#[derive(Debug, Clone, Serialize)]
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
    /// Which document it shows.
    pub(crate) fn id(&self) -> Option<DocumentId> {
        self.id.parse().ok()
    }

    /// The row that this person sees; `None` if it is none of that person's business.
    pub(crate) fn of(listed: Listed, person: PersonId) -> Option<Self> {
        let Listed { document, owner, changed_by } = listed;
        let role = access::role_of(person, &document)?;
        Some(Self {
            id: document.id.to_string(),
            title: document.title,
            kind: kind_name(document.kind),
            role: role_name(role),
            visibility: visibility_name(document.visibility),
            owner,
            changed: document.changed_ms,
            changed_by: (!changed_by.is_empty()).then_some(changed_by),
            trashed: document.trashed_ms.is_some(),
        })
    }
}

/// A document with the names that its row shows.
///
/// # Errors
/// If the store cannot tell them.
pub(crate) async fn with_names(store: &dyn Store, document: &Document) -> Result<Listed, Refusal> {
    let owner = name_of(store, document.owner).await?;
    let changed_by = match document.changed_by {
        person if person == document.owner => owner.clone(),
        PersonId::NOBODY => String::new(),
        person => name_of(store, person).await?,
    };
    Ok(Listed { document: document.clone(), owner, changed_by })
}

async fn name_of(store: &dyn Store, person: PersonId) -> Result<String, Refusal> {
    let person = store.person(person).await.map_err(|error| Refusal::from(&error))?;
    Ok(person.name.as_str().to_owned())
}

/// Which page somebody asks for.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ListRequest {
    after: Option<String>,
    query: Option<String>,
    sort: Option<String>,
    trash: Option<Flag>,
}

/// `true` in JSON, `1` or `true` in an address.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(u8),
    Text(FlagText),
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
enum FlagText {
    #[serde(rename = "1", alias = "true")]
    Yes,
    #[serde(rename = "0", alias = "false", alias = "")]
    No,
}

impl Flag {
    fn is_set(self) -> bool {
        matches!(self, Self::Bool(true) | Self::Number(1..) | Self::Text(FlagText::Yes))
    }
}

impl ListRequest {
    /// The store's query for it.
    ///
    /// # Errors
    /// `Invalid` if it asks for what there is not.
    pub(crate) fn query(&self, person: PersonId) -> Result<ListQuery, Refusal> {
        let sort = match self.sort.as_deref() {
            None | Some("changed") => Sort::Changed,
            Some("title") => Sort::Title,
            Some(_) => return Err(Refusal::Invalid("sort is changed or title")),
        };
        let title = self.query.as_deref().map(str::trim).filter(|text| !text.is_empty());
        if title.is_some_and(|text| text.len() > QUERY_BYTES) {
            return Err(Refusal::Invalid("the text to search for is too long"));
        }
        let after = match self.after.as_deref() {
            None => None,
            Some(text) => Some(read_place(text).ok_or(Refusal::Invalid("after is not from a page's next"))?),
        };
        Ok(ListQuery {
            person,
            title: title.map(str::to_owned),
            sort,
            trash: self.trash.is_some_and(Flag::is_set),
            after,
            limit: PAGE,
        })
    }
}

/// One page of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// Its rows, in order.
    pub(crate) documents: Vec<Row>,
    /// What to ask with `after` for the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Reads one page.
///
/// # Errors
/// If the store cannot.
pub(crate) async fn page(store: &dyn Store, query: ListQuery) -> Result<Page, Refusal> {
    let person = query.person;
    let page = store.list_documents(query).await;
    let page = page.map_err(|error| Refusal::from(&error))?;
    let last = page.documents.last().filter(|_| page.more);
    Ok(Page {
        next: last.map(|listed| write_place(&listed.document)),
        documents: page.documents.into_iter().filter_map(|listed| Row::of(listed, person)).collect(),
    })
}

fn write_place(document: &Document) -> String {
    let text = format!("{} {} {}", document.changed_ms, document.id, document.title);
    BASE64URL.encode(text.as_bytes())
}

fn read_place(text: &str) -> Option<Place> {
    let text = String::from_utf8(BASE64URL.decode(text.as_bytes()).ok()?).ok()?;
    let mut parts = text.splitn(3, ' ');
    Some(Place {
        changed_ms: parts.next()?.parse().ok()?,
        id: parts.next()?.parse().ok()?,
        title: parts.next()?.to_owned(),
    })
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

/// A kind's name on the wire.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Rich => "rich",
        Kind::Text => "text",
    }
}

/// A visibility's name on the wire.
pub(crate) fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Instance => "instance",
        Visibility::Private => "private",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        Document {
            id: DocumentId(9),
            title: "Über  a b".to_owned(),
            kind: Kind::Rich,
            schema: 1,
            owner: PersonId(1),
            visibility: Visibility::Private,
            members: Vec::new(),
            created_ms: 0,
            changed_ms: -5,
            changed_by: PersonId(1),
            trashed_ms: None,
        }
    }

    #[test]
    fn b5_a_place_survives_its_notation() {
        let place = read_place(&write_place(&document())).unwrap();
        assert_eq!(place.changed_ms, -5);
        assert_eq!(place.id, DocumentId(9));
        assert_eq!(place.title, "Über  a b");
        for bad in ["", "!", "YQ", "MSAyIDM"] {
            assert!(read_place(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a4_a_row_is_only_made_for_who_may_see_it() {
        let listed = Listed { document: document(), owner: "ana".to_owned(), changed_by: String::new() };
        assert!(Row::of(listed.clone(), PersonId(2)).is_none());
        let row = Row::of(listed, PersonId(1)).unwrap();
        assert_eq!((row.role, row.visibility, row.changed_by), ("owner", "private", None));
    }
}
