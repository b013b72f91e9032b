//! Documents: listed, made, renamed, shared, thrown away, brought back. Their content is not changed here.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use engine::{
    access::{Action, may},
    document::{Document, DocumentId, Kind, SCHEMA, TITLE_CHARS, Visibility, clean_title},
    store::{DocumentChange, Listed, StoreError},
};
use serde::Deserialize;

use super::{
    error::Error,
    extract::{Json, Path, Query},
};
use crate::{
    app::App,
    auth::sessions::Signed,
    row::{self, ListRequest, Page, Row},
};

/// What a document is called before anybody names it.
const UNTITLED: &str = "Untitled";

/// One page of what one may see (B5).
pub(super) async fn list(
    State(app): State<Arc<App>>,
    signed: Signed,
    Query(request): Query<ListRequest>,
) -> Result<Answer<Page>, Error> {
    let query = request.query(signed.person.id)?;
    Ok(Answer(row::page(&*app.store, query).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    title: Option<String>,
    kind: KindIn,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindIn {
    Rich,
    Text,
}

/// Makes an empty document that belongs to its maker and is open to the instance (A4).
pub(super) async fn create(
    State(app): State<Arc<App>>,
    signed: Signed,
    Json(body): Json<Create>,
) -> Result<(StatusCode, Answer<Row>), Error> {
    let now = (app.clock)();
    let person = signed.person.id;
    let document = Document {
        id: DocumentId::random(),
        title: body.title.as_deref().and_then(clean_title).unwrap_or_else(|| UNTITLED.to_owned()),
        kind: match body.kind {
            KindIn::Rich => Kind::Rich,
            KindIn::Text => Kind::Text,
        },
        schema: SCHEMA,
        owner: person,
        visibility: Visibility::Instance,
        members: Vec::new(),
        created_ms: now,
        changed_ms: now,
        changed_by: person,
        trashed_ms: None,
    };
    let document = app.create_document(document, None).await?;
    Ok((StatusCode::CREATED, row(&app, &signed, document).await?))
}

/// One document's row.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Answer<Row>, Error> {
    let document = allowed(&app, &signed, &id, Action::Read).await?;
    row(&app, &signed, document).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    title: Option<String>,
    visibility: Option<VisibilityIn>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VisibilityIn {
    Instance,
    Private,
}

/// Renames, or says who sees it.
pub(super) async fn patch(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
    Json(body): Json<Patch>,
) -> Result<Answer<Row>, Error> {
    let document = allowed(&app, &signed, &id, Action::Read).await?;
    let mut change = DocumentChange::default();
    if let Some(title) = &body.title {
        may(signed.person.id, Action::Rename, &document)?;
        let expected = || Error::invalid(format!("A title has 1 to {TITLE_CHARS} characters."));
        change.title = Some(clean_title(title).ok_or_else(expected)?);
        change.by = Some((signed.person.id, (app.clock)()));
    }
    if let Some(visibility) = body.visibility {
        may(signed.person.id, Action::Share, &document)?;
        change.visibility = Some(match visibility {
            VisibilityIn::Instance => Visibility::Instance,
            VisibilityIn::Private => Visibility::Private,
        });
    }
    let document = app.change_document(document.id, change).await?;
    row(&app, &signed, document).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    forever: Option<u8>,
}

/// Moves to the trash; with `?forever=1` out of it, for ever.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
    Query(asked): Query<Delete>,
) -> Result<StatusCode, Error> {
    if asked.forever == Some(1) {
        let document = allowed(&app, &signed, &id, Action::Purge).await?;
        match app.purge_document(document.id).await {
            Err(StoreError::Conflict) => return Err(engine::access::Denied::NotTrashed.into()),
            purged => purged?,
        }
        return Ok(StatusCode::NO_CONTENT);
    }
    let document = allowed(&app, &signed, &id, Action::Trash).await?;
    if document.trashed_ms.is_none() {
        let change = DocumentChange { trashed_ms: Some(Some((app.clock)())), ..DocumentChange::default() };
        app.change_document(document.id, change).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Takes out of the trash.
pub(super) async fn restore(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Answer<Row>, Error> {
    let document = allowed(&app, &signed, &id, Action::Restore).await?;
    let change = DocumentChange { trashed_ms: Some(None), ..DocumentChange::default() };
    let document = app.change_document(document.id, change).await?;
    row(&app, &signed, document).await
}

/// The document with this id, if the person may do this to it. What is hidden is not there.
pub(super) async fn allowed(app: &App, signed: &Signed, id: &str, action: Action) -> Result<Document, Error> {
    let id = id.parse().map_err(|_| Error::not_found())?;
    let document = app.store.document(id).await?;
    may(signed.person.id, action, &document)?;
    Ok(document)
}

async fn row(app: &App, signed: &Signed, document: Document) -> Result<Answer<Row>, Error> {
    let listed: Listed = row::with_names(&*app.store, &document).await?;
    Row::of(listed, signed.person.id).map(Answer).ok_or_else(Error::not_found)
}
