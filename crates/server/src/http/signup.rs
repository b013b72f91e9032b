//! Signing up.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    error::Error,
    extract::Json,
    session::{PersonOut, cookie},
};
use crate::{
    accounts::{self, SignUpError},
    address::Address,
    app::App,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignUp {
    name: String,
    password: String,
    invite: Option<String>,
}

/// Makes an account and signs in. The first account owns the instance (A5).
pub(super) async fn post(
    State(app): State<Arc<App>>,
    from: Address,
    Json(body): Json<SignUp>,
) -> Result<Response, Error> {
    let person = accounts::sign_up(&app, from, &body.name, &body.password, body.invite.as_deref()).await?;
    let token = app.sessions.begin(person.id).await?;
    let body = Answer(json!({ "person": PersonOut::from(&person) }));
    Ok((StatusCode::CREATED, cookie(app.sessions.cookie(&token)), body).into_response())
}

impl From<SignUpError> for Error {
    fn from(error: SignUpError) -> Self {
        let invalid = |code, message: String| Self::new(StatusCode::BAD_REQUEST, code, message);
        match error {
            SignUpError::Closed(why) => Self::new(StatusCode::FORBIDDEN, "signup_closed", why),
            SignUpError::InvalidName(why) => invalid("invalid_name", format!("Please choose another name: {why}.")),
            SignUpError::InvalidPassword(why) => {
                invalid("invalid_password", format!("Please choose another password: {why}."))
            }
            SignUpError::NameTaken => Self::new(StatusCode::CONFLICT, "name_taken", "Somebody else has this name."),
            SignUpError::TooMany(wait) => Self::too_many(wait),
            SignUpError::Refused(refusal) => refusal.into(),
            SignUpError::Store(error) => error.into(),
        }
    }
}
