//! The door: `cadastrar_usuario` and `autenticar_usuario`, in the course's words. Who may is for `accounts.rs` of the server.

use engine::{
    person::{Name, Person, PersonId},
    refusal::Refusal,
    store::StoreError,
};

use super::{
    Classic,
    caller::{Caller, Who, complain},
    wire::{Credentials, NOTHING, words, words_of_sign_in, words_of_sign_up},
};
use crate::{
    accounts::{self, SignInError, SignUpError},
    live::outlet::Peer,
};

impl Classic {
    pub(super) async fn sign_up(&self, caller: &Caller, peer: &Peer, Credentials { name, password }: Credentials) {
        match accounts::sign_up(&self.app, caller.line.from(), &name, &password, None).await {
            Ok(_) => peer.tell_or_cut("cadastro_sucesso", &NOTHING),
            Err(SignUpError::NameTaken) => peer.tell_or_cut("usuario_ja_existente", &NOTHING),
            Err(error) => {
                if let SignUpError::Store(cause) = &error {
                    tracing::error!("somebody could not sign up: {cause}");
                }
                peer.tell_or_cut("cadastro_erro", &NOTHING);
                complain(peer, words_of_sign_up(&error));
            }
        }
    }

    pub(super) async fn sign_in(&self, caller: &Caller, peer: &Peer, Credentials { name, password }: Credentials) {
        let refused = match accounts::sign_in(&self.app, caller.line.from(), &name, &password).await {
            Ok(person) => match self.app.sessions.begin_classic(&person).await {
                Ok(token) => return peer.tell_or_cut("autenticacao_sucesso", &token),
                Err(cause) => {
                    tracing::error!("a session could not begin: {cause}");
                    Some(words(Refusal::Unavailable))
                }
            },
            // It tells strangers who exists.
            Err(SignInError::UnknownPerson) if self.app.config.classic.strict => {
                return peer.tell_or_cut("usuario_nao_encontrado", &NOTHING);
            }
            Err(error) => words_of_sign_in(&error),
        };
        peer.tell_or_cut("autenticacao_erro", &NOTHING);
        if let Some(words) = refused {
            complain(peer, words);
        }
    }
}

/// In whose name anybody writes who may without an account; if somebody has it, a number is added.
const ANYBODY: &str = "Anônimo";

/// The hash of no password: nobody signs in as this person.
const NO_PASSWORD: &str = "!";

impl Classic {
    /// The person in whose name everybody acts who has none, made if need be.
    pub(super) async fn anybody(&self) -> Result<Who, Refusal> {
        let find = async || {
            for number in 1.. {
                let name = if number == 1 { ANYBODY.to_owned() } else { format!("{ANYBODY} {number}") };
                let name = Name::new(&name).map_err(|_| Refusal::Unavailable)?;
                if let Some(person) = self.person_without_password(name).await? {
                    let name = person.name.as_str().into();
                    return Ok(Who { person: person.id, name, session: None });
                }
            }
            Err(Refusal::Unavailable)
        };
        self.anybody.get_or_try_init(find).await.cloned()
    }

    /// Who has this name and nothing to sign in with; `None` if it is somebody's.
    async fn person_without_password(&self, name: Name) -> Result<Option<Person>, Refusal> {
        let store = &self.app.store;
        let person = match store.person_named(name.folded()).await {
            Err(StoreError::NotFound) => {
                let (id, created_ms) = (PersonId::random(), (self.app.clock)());
                let password_hash = NO_PASSWORD.to_owned();
                let person = Person { id, name, password_hash, owner: false, disabled: true, created_ms };
                store.create_person(person, None).await
            }
            found => found,
        };
        let person = person.map_err(|error| Refusal::from(&error))?;
        Ok((person.password_hash == NO_PASSWORD).then_some(person))
    }
}
