//! A document's plain text, for export and for programs.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header::{CONTENT_TYPE, ETAG},
    response::{IntoResponse, Response},
};
use engine::{access::Action, replica};

use super::{documents::allowed, error::Error, extract::Path};
use crate::{app::App, auth::sessions::Signed};

/// The text as it is durable now; the tag is the number of the log's last entry.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let document = allowed(&app, &signed, &id, Action::Read).await?;
    let (seq, text) = replica::text(&*app.store, &document).await?;
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (ETAG, format!("\"{seq}\""))];
    Ok((headers, text).into_response())
}
