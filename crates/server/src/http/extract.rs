//! What handlers take from a request, with our own errors when it is not there. Decides nothing.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header::IF_NONE_MATCH, request::Parts},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::error::Error;
use crate::{
    address::{self, Address, Peer},
    app::App,
    auth::sessions::Signed,
};

/// A JSON body. Its media type (A2) and its size were checked before.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Error> {
        let body = Bytes::from_request(request, app).await;
        let body = body.map_err(|_| Error::invalid("The body did not arrive whole."))?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Error::invalid(format!("The body is not what is expected here: {error}.")))
    }
}

/// Values from the address.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let path = axum::extract::Path::from_request_parts(parts, app).await;
        path.map(|axum::extract::Path(values)| Self(values)).map_err(|_| Error::not_found())
    }
}

/// Values from behind the question mark.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Error> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(values)| Self(values))
            .map_err(|error| Error::invalid(error.body_text()))
    }
}

/// Whether whoever asks has what bears this tag already.
pub(super) fn has_already(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
    let mut tags = tags.flat_map(|tags| tags.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Only for people who are signed in.
impl FromRequestParts<Arc<App>> for Signed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        Ok(app.sessions.authenticate(&parts.headers).await?)
    }
}

/// Who sent the request, for budgets.
impl FromRequestParts<Arc<App>> for Address {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Error> {
        let Some(Peer(ip)) = parts.extensions.get() else {
            return Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The request has no sender."));
        };
        Ok(address::sender(*ip, &parts.headers, &app.config.trusted_proxy))
    }
}
