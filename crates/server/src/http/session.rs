//! Signing in and out, and who one is.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::SET_COOKIE},
    response::{AppendHeaders, IntoResponse, Response},
};
use engine::{person::Person, refusal::Refusal, store::StoreError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{error::Error, extract::Json};
use crate::{
    accounts::{self, SignInError},
    address::Address,
    app::App,
    auth::sessions::Signed,
};

/// A person, as told to pages and programs.
#[derive(Serialize)]
pub(super) struct PersonOut {
    id: String,
    name: String,
    owner: bool,
}

impl From<&Person> for PersonOut {
    fn from(person: &Person) -> Self {
        Self { id: person.id.to_string(), name: person.name.as_str().to_owned(), owner: person.owner }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    name: String,
    password: String,
    /// Programs ask for the token itself; no cookie is set then.
    #[serde(default)]
    token: bool,
}

/// Signs in. Whoever is unknown, disabled or mistaken gets the same answer, after the same time (B1).
pub(super) async fn sign_in(
    State(app): State<Arc<App>>,
    from: Address,
    Json(body): Json<SignIn>,
) -> Result<Response, Error> {
    let person = accounts::sign_in(&app, from, &body.name, &body.password).await?;
    let token = match app.sessions.begin(person.id).await {
        Err(StoreError::NotFound) => return Err(wrong()),
        begun => begun?,
    };
    let person = PersonOut::from(&person);
    if body.token {
        return Ok(Answer(json!({ "person": person, "token": token })).into_response());
    }
    let cookie = cookie(app.sessions.cookie(&token));
    Ok((cookie, Answer(json!({ "person": person }))).into_response())
}

/// Who one is, and if nobody, how to become somebody.
pub(super) async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Error> {
    let signup = app.config.signup.as_str();
    match app.sessions.authenticate(&headers).await {
        Ok(signed) => {
            let cookie = cookie(app.sessions.renewed_cookie(&signed, &headers));
            let person = PersonOut::from(&signed.person);
            Ok((cookie, Answer(json!({ "person": person, "signup": signup }))).into_response())
        }
        Err(Refusal::Unauthenticated) => {
            let first = !app.store.has_owner().await?;
            let error = json!({ "code": "unauthenticated", "message": Refusal::Unauthenticated.message() });
            let body = json!({ "error": error, "signup": signup, "first": first });
            Ok((StatusCode::UNAUTHORIZED, Answer(body)).into_response())
        }
        Err(refusal) => Err(refusal.into()),
    }
}

/// Signs out, everywhere where this session is open (A3). Without a session there is only the cookie to remove.
pub(super) async fn sign_out(State(app): State<Arc<App>>, signed: Result<Signed, Error>) -> Result<Response, Error> {
    if let Ok(signed) = signed {
        app.sessions.end(signed.session.id).await?;
        // Who hears that they are signed out may rely on it: not even the next edit is taken.
        app.sessions_ended(&[signed.session.id]);
    }
    Ok((StatusCode::NO_CONTENT, cookie(app.sessions.no_cookie())).into_response())
}

/// At most one `set-cookie`.
pub(super) fn cookie(value: Option<HeaderValue>) -> AppendHeaders<Option<(HeaderName, HeaderValue)>> {
    AppendHeaders(value.map(|value| (SET_COOKIE, value)))
}

fn wrong() -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "wrong_credentials", "The name or the password is wrong.")
}

impl From<SignInError> for Error {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::UnknownPerson | SignInError::WrongPassword => wrong(),
            SignInError::TooMany(wait) => Self::too_many(wait),
            SignInError::Refused(refusal) => refusal.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}
