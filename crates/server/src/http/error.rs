//! The one error that HTTP answers with: `{error: {code, message}}`. Operators get the detail, others never.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    http::{StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use engine::{access::Denied, refusal::Refusal, store::StoreError};
use serde_json::json;

/// Why a request was not done.
#[derive(Debug)]
pub(crate) struct Error {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    /// For the log only.
    cause: Option<String>,
    retry_after: Option<Duration>,
}

impl Error {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), cause: None, retry_after: None }
    }

    /// The request breaks a rule; the text says which.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    /// There is nothing here for this person.
    pub(crate) fn not_found() -> Self {
        Refusal::NotFound.into()
    }

    /// Too much in a short time: come back after this.
    pub(crate) fn too_many(wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..Refusal::TooMany.into() }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::Busy | Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::OutOfOrder | Refusal::WriterTaken | Refusal::Trashed => StatusCode::CONFLICT,
            Refusal::Unauthenticated => StatusCode::UNAUTHORIZED,
            Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Forbidden => StatusCode::FORBIDDEN,
            Refusal::NotFound => StatusCode::NOT_FOUND,
            Refusal::Gone => StatusCode::GONE,
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Corrupt => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, refusal.code(), refusal.message())
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Refusal::from(denied).into()
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self { cause: Some(error.to_string()), ..Refusal::from(&error).into() }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code, "message": self.message });
        if self.status.is_server_error() {
            // Somebody who reports it can name it; the log says what it was.
            let request = format!("{:016x}", rand::random::<u64>());
            let cause = self.cause.as_deref().unwrap_or(self.code);
            tracing::error!(request, "answered {}: {cause}", self.status);
            body["request"] = request.into();
        }
        let mut response = (self.status, Json(json!({ "error": body }))).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + 1;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}
