//! Signing up.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use engine::{
    person::{Name, Person, PersonId},
    store::{Invitation, StoreError},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    error::Error,
    extract::Json,
    session::{PersonOut, cookie},
};
use crate::{
    address::Address,
    app::App,
    auth::{invitation, password::Password},
    config::Signup,
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
    let invitation = invited(&app, body.invite.as_deref())?;
    let invalid = |code, message: String| Error::new(StatusCode::BAD_REQUEST, code, message);
    let name =
        Name::new(&body.name).map_err(|e| invalid("invalid_name", format!("Please choose another name: {e}.")))?;
    let password = Password::new(&body.password)
        .map_err(|e| invalid("invalid_password", format!("Please choose another password: {e}.")))?;
    app.throttle.attempt(from, &name).map_err(Error::too_many)?;

    let person = Person {
        id: PersonId::random(),
        name,
        password_hash: app.passwords.hash(from, password).await?,
        owner: false,
        disabled: false,
        created_ms: (app.clock)(),
    };
    let person = match app.store.create_person(person, invitation).await {
        Err(StoreError::Conflict) => {
            return Err(Error::new(StatusCode::CONFLICT, "name_taken", "Somebody else has this name."));
        }
        Err(StoreError::NotFound) => return Err(closed("This invitation was used already, or it is too old.")),
        created => created?,
    };
    let token = app.sessions.begin(person.id).await?;
    let body = Answer(json!({ "person": PersonOut::from(&person) }));
    Ok((StatusCode::CREATED, cookie(app.sessions.cookie(&token)), body).into_response())
}

/// Whether one may sign up at all, and with what.
fn invited(app: &App, code: Option<&str>) -> Result<Option<Invitation>, Error> {
    match (app.config.signup, code) {
        (Signup::Open, _) => Ok(None),
        (Signup::Invite, Some(code)) => {
            Ok(Some(Invitation { code_hash: invitation::hash(code), now_ms: (app.clock)() }))
        }
        (Signup::Invite, None) => Err(closed("One needs an invitation to sign up here.")),
        (Signup::Closed, _) => Err(closed("Accounts are made by the operator here.")),
    }
}

fn closed(message: &'static str) -> Error {
    Error::new(StatusCode::FORBIDDEN, "signup_closed", message)
}
