//! Who else may do what in a document.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use engine::{
    access::{Action, Role},
    document::Document,
    person::{Name, Person},
    store::DocumentChange,
};
use serde::Deserialize;

use super::{
    documents::allowed,
    error::Error,
    extract::{Json, Path},
};
use crate::{app::App, auth::sessions::Signed};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    role: RoleIn,
}

/// There is one owner: whoever made the document.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleIn {
    Viewer,
    Commenter,
    Editor,
}

/// Gives somebody a role.
pub(super) async fn put(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path((id, name)): Path<(String, String)>,
    Json(body): Json<Put>,
) -> Result<StatusCode, Error> {
    let document = allowed(&app, &signed, &id, Action::Share).await?;
    let role = match body.role {
        RoleIn::Viewer => Role::Viewer,
        RoleIn::Commenter => Role::Commenter,
        RoleIn::Editor => Role::Editor,
    };
    set(&app, document, &name, Some(role)).await
}

/// Takes somebody's own role away; what the document's visibility gives, stays.
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path((id, name)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    let document = allowed(&app, &signed, &id, Action::Share).await?;
    set(&app, document, &name, None).await
}

async fn set(app: &Arc<App>, document: Document, name: &str, role: Option<Role>) -> Result<StatusCode, Error> {
    let name = Name::new(name).map_err(|_| Error::not_found())?;
    let Person { id: member, .. } = app.store.person_named(name.folded()).await?;
    if member == document.owner {
        return Err(Error::invalid("The owner of a document keeps that role."));
    }
    let change = DocumentChange { member: Some((member, role)), ..DocumentChange::default() };
    app.change_document(document.id, change).await?;
    Ok(StatusCode::NO_CONTENT)
}
