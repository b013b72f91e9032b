//! Signing up and signing in, for every way in: who may, how often, and with what. Knows no protocol and begins no session.

use std::time::Duration;

use engine::{
    person::{Name, NotAName, Person, PersonId},
    refusal::Refusal,
    store::{Invitation, StoreError},
};

use crate::{
    address::Address,
    app::App,
    auth::{
        invitation,
        password::{NotAPassword, Password},
    },
    config::Signup,
};

/// Why there is no new account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignUpError {
    /// Not here, or not with this invitation; the sentence says which.
    #[error("{0}")]
    Closed(&'static str),
    #[error(transparent)]
    InvalidName(#[from] NotAName),
    #[error(transparent)]
    InvalidPassword(#[from] NotAPassword),
    /// Somebody has a name that folds to the same.
    #[error("the name is taken")]
    NameTaken,
    /// Come back after this.
    #[error("too many attempts")]
    TooMany(Duration),
    /// Too much waits to be hashed, or it cannot be.
    #[error("{}", .0.message())]
    Refused(Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody is signed in. Who tells an unknown person from a wrong password tells strangers who has an account.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("nobody has this name")]
    UnknownPerson,
    /// Or the person is disabled.
    #[error("the password is wrong")]
    WrongPassword,
    /// Come back after this.
    #[error("too many attempts")]
    TooMany(Duration),
    /// Too much waits to be checked.
    #[error("{}", .0.message())]
    Refused(Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes an account. The first one owns the instance (A5).
///
/// # Errors
/// Nothing was made.
pub(crate) async fn sign_up(
    app: &App,
    from: Address,
    name: &str,
    password: &str,
    invite: Option<&str>,
) -> Result<Person, SignUpError> {
    let invitation = invited(app, invite)?;
    let name = Name::new(name)?;
    let password = Password::new(password)?;
    app.throttle.attempt(from, &name).map_err(SignUpError::TooMany)?;
    let person = Person {
        id: PersonId::random(),
        name,
        password_hash: app.passwords.hash(from, password).await.map_err(SignUpError::Refused)?,
        owner: false,
        disabled: false,
        created_ms: (app.clock)(),
    };
    app.store.create_person(person, invitation).await.map_err(|error| match error {
        StoreError::Conflict => SignUpError::NameTaken,
        StoreError::NotFound => SignUpError::Closed("This invitation was used already, or it is too old."),
        error => error.into(),
    })
}

/// Whether one may sign up at all, and with what.
fn invited(app: &App, code: Option<&str>) -> Result<Option<Invitation>, SignUpError> {
    match (app.config.signup, code) {
        (Signup::Open, _) => Ok(None),
        (Signup::Invite, Some(code)) => {
            Ok(Some(Invitation { code_hash: invitation::hash(code), now_ms: (app.clock)() }))
        }
        (Signup::Invite, None) => Err(SignUpError::Closed("One needs an invitation to sign up here.")),
        (Signup::Closed, _) => Err(SignUpError::Closed("Accounts are made by the operator here.")),
    }
}

/// Who has this name and this password. Takes as long for a person who is unknown or disabled (B1).
///
/// # Errors
/// Nobody is signed in.
pub(crate) async fn sign_in(app: &App, from: Address, name: &str, password: &str) -> Result<Person, SignInError> {
    let name = Name::new(name).map_err(|_| SignInError::UnknownPerson)?;
    app.throttle.attempt(from, &name).map_err(SignInError::TooMany)?;
    let person = match app.store.person_named(name.folded()).await {
        Ok(person) => Some(person),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let is_right = match Password::new(password) {
        Ok(password) => {
            let hash = person.as_ref().map(|person| person.password_hash.clone());
            app.passwords.verify(from, password, hash).await.map_err(SignInError::Refused)?
        }
        // It can be nobody's, whoever it is.
        Err(NotAPassword) => false,
    };
    let person = person.ok_or(SignInError::UnknownPerson)?;
    if is_right && !person.disabled { Ok(person) } else { Err(SignInError::WrongPassword) }
}
