//! The course's events, in and out: the only place that knows their shapes and their words (the table in docs/wire.md).
//! Reads and writes; decides nothing. Names and texts are strings; what a message holds besides is not looked at.

use std::{borrow::Cow, fmt};

use engine::refusal::Refusal;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::accounts::{SignInError, SignUpError};

/// The longest name of a document, in characters.
const NAME_CHARS: usize = 200;

/// The longest text of a document, in bytes.
const TEXT_BYTES: usize = 1_000_000;

/// What a page asks for.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// `cadastrar_usuario`
    SignUp(Credentials),
    /// `autenticar_usuario`
    SignIn(Credentials),
    /// `obter_documentos`
    List,
    /// `adicionar_documento`
    Add(String),
    /// `selecionar_documento`
    Select(String),
    /// `texto_editor`
    Text {
        /// In which document.
        name: String,
        /// All of it. `None`: more than a document may hold.
        text: Option<String>,
    },
    /// `excluir_documento`
    Delete(String),
}

/// A name and a password.
#[derive(PartialEq, Deserialize)]
pub(super) struct Credentials {
    #[serde(rename = "nome")]
    pub(super) name: String,
    #[serde(rename = "senha")]
    pub(super) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Selection {
    #[serde(rename = "nomeDocumento")]
    name: String,
}

#[derive(Deserialize)]
struct Writing {
    #[serde(rename = "nomeDocumento")]
    name: String,
    #[serde(rename = "texto")]
    text: String,
}

impl Request {
    /// Reads `["event", …]`.
    ///
    /// # Errors
    /// `Invalid`, with words for the page.
    pub(super) fn read(message: &str) -> Result<Self, Refusal> {
        let Event { name, argument } = serde_json::from_str(message).map_err(|_| Refusal::Invalid(UNREADABLE))?;
        match name.as_ref() {
            "cadastrar_usuario" => Ok(Self::SignUp(object(argument)?)),
            "autenticar_usuario" => Ok(Self::SignIn(object(argument)?)),
            "obter_documentos" => Ok(Self::List),
            "adicionar_documento" => Ok(Self::Add(document_name(text(argument)?)?)),
            "selecionar_documento" => Ok(Self::Select(document_name(selected(argument)?)?)),
            "texto_editor" => {
                let Writing { name, text } = object(argument)?;
                let text = (text.len() <= TEXT_BYTES).then_some(text);
                Ok(Self::Text { name: document_name(name)?, text })
            }
            "excluir_documento" => Ok(Self::Delete(document_name(text(argument)?)?)),
            _ => Err(Refusal::Invalid("Este evento não existe.")),
        }
    }
}

const UNREADABLE: &str = "A mensagem não pôde ser lida.";

/// An event's name and its first argument; others are skipped.
struct Event<'a> {
    name: Cow<'a, str>,
    argument: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Event<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Event<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event and its arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Event<'de>, A::Error> {
                let name = elements.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let argument = elements.next_element()?;
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Event { name, argument })
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

fn object<'a, T: Deserialize<'a>>(argument: Option<&'a RawValue>) -> Result<T, Refusal> {
    const WRONG: Refusal = Refusal::Invalid("Um campo da mensagem falta ou não é um texto.");
    // A list of values in their order would be read just as well.
    let json = argument.map(RawValue::get).filter(|json| json.starts_with('{')).ok_or(WRONG)?;
    serde_json::from_str(json).map_err(|_| WRONG)
}

fn text(argument: Option<&RawValue>) -> Result<String, Refusal> {
    const WRONG: Refusal = Refusal::Invalid("O nome de um documento é um texto.");
    serde_json::from_str(argument.ok_or(WRONG)?.get()).map_err(|_| WRONG)
}

/// In the first part of the course it is the bare name, in the second an object. Whose name that object bears does not
/// matter: the session decides who somebody is.
fn selected(argument: Option<&RawValue>) -> Result<String, Refusal> {
    if argument.is_some_and(|json| json.get().starts_with('"')) {
        return text(argument);
    }
    object(argument).map(|Selection { name }| name)
}

fn document_name(name: String) -> Result<String, Refusal> {
    // No need to count all of what is far too long.
    match name.chars().take(NAME_CHARS + 1).count() {
        1..=NAME_CHARS => Ok(name),
        _ => Err(Refusal::Invalid("O nome de um documento tem de 1 a 200 caracteres.")),
    }
}

/// The acknowledgement of `obter_documentos`: one document.
#[derive(Debug, Serialize)]
pub(super) struct DocumentOut {
    #[serde(rename = "_id")]
    pub(super) id: String,
    #[serde(rename = "nome")]
    pub(super) name: String,
    /// Left out where the answer would grow too large.
    #[serde(rename = "texto", skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
}

/// `autorizacao_sucesso`.
#[derive(Debug, Serialize)]
pub(super) struct AuthorisedOut {
    #[serde(rename = "nomeUsuario")]
    pub(super) name: String,
    #[serde(rename = "iat")]
    pub(super) issued_s: i64,
    #[serde(rename = "exp")]
    pub(super) expires_s: i64,
}

/// `erro`.
#[derive(Debug, Serialize)]
pub(super) struct ErrorOut {
    #[serde(rename = "mensagem")]
    pub(super) message: &'static str,
}

/// The acknowledgement of what was not done.
#[derive(Debug, Serialize)]
pub(super) struct NotDoneOut {
    #[serde(rename = "erro")]
    pub(super) message: &'static str,
}

/// An event without arguments.
pub(super) const NOTHING: [(); 0] = [];

/// A refusal, in the page's language.
pub(super) fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Invalid(why) => why,
        Refusal::Busy => "O servidor está ocupado. Tente de novo em um momento.",
        Refusal::Unavailable | Refusal::OutOfOrder | Refusal::WriterTaken => {
            "O servidor não consegue responder agora. Tente de novo em um momento."
        }
        Refusal::Trashed => "Este documento está na lixeira.",
        Refusal::Unauthenticated => "É preciso entrar com um usuário.",
        Refusal::TooMany => "Foi demais em pouco tempo. Espere um momento.",
        Refusal::Forbidden => "Você não pode fazer isso neste documento.",
        Refusal::NotFound => "Este documento não existe.",
        Refusal::Gone => "Este documento foi excluído para sempre.",
        Refusal::TooLarge => "Um documento tem no máximo 1.000.000 bytes. O texto salvo não mudou.",
        Refusal::Corrupt => "Este documento está danificado no servidor.",
    }
}

/// Why there is no new account, in the page's language.
pub(super) fn words_of_sign_up(error: &SignUpError) -> &'static str {
    match error {
        SignUpError::Closed(_) => "O cadastro não está aberto neste servidor.",
        SignUpError::InvalidName(_) => "Escolha outro nome: de 1 a 64 caracteres, todos visíveis.",
        SignUpError::InvalidPassword(_) => "Escolha outra senha: de 8 a 256 caracteres.",
        SignUpError::NameTaken => "Alguém já tem este nome.",
        SignUpError::TooMany(_) => words(Refusal::TooMany),
        SignUpError::Refused(refusal) => words(*refusal),
        SignUpError::Store(_) => words(Refusal::Unavailable),
    }
}

/// Why nobody is signed in, if it is neither the name nor the password.
pub(super) fn words_of_sign_in(error: &SignInError) -> Option<&'static str> {
    match error {
        SignInError::UnknownPerson | SignInError::WrongPassword => None,
        SignInError::TooMany(_) => Some(words(Refusal::TooMany)),
        SignInError::Refused(refusal) => Some(words(*refusal)),
        SignInError::Store(_) => Some(words(Refusal::Unavailable)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(message: &Value) -> Result<Request, Refusal> {
        Request::read(&message.to_string())
    }

    #[test]
    fn the_courses_events_are_read() {
        let credentials = || Credentials { name: "ana".into(), password: "segredo".into() };
        let both = json!({ "nome": "ana", "senha": "segredo", "mais": [1] });
        let writing = json!({ "texto": "olá", "nomeDocumento": "Node" });
        for (message, expected) in [
            (json!(["cadastrar_usuario", both]), Request::SignUp(credentials())),
            (json!(["autenticar_usuario", both, 7]), Request::SignIn(credentials())),
            (json!(["obter_documentos"]), Request::List),
            (json!(["adicionar_documento", " a\0\"'%👍 "]), Request::Add(" a\0\"'%👍 ".into())),
            (json!(["selecionar_documento", "Node"]), Request::Select("Node".into())),
            (
                json!(["selecionar_documento", { "nomeDocumento": "Node", "nomeUsuario": {} }]),
                Request::Select("Node".into()),
            ),
            (json!(["texto_editor", writing]), Request::Text { name: "Node".into(), text: Some("olá".into()) }),
            (json!(["excluir_documento", "Node"]), Request::Delete("Node".into())),
        ] {
            assert_eq!(read(&message), Ok(expected), "{message}");
        }
    }

    #[test]
    fn names_and_texts_are_strings_and_nothing_else() {
        let hostile = json!({ "$regex": ".*" });
        for argument in [json!(null), json!(7), json!(true), json!([]), json!(["Node"]), json!({}), hostile.clone()] {
            for event in ["adicionar_documento", "selecionar_documento", "excluir_documento", "texto_editor"] {
                assert!(matches!(read(&json!([event, argument])), Err(Refusal::Invalid(_))), "{event} {argument}");
            }
            for message in [
                json!(["selecionar_documento", { "nomeDocumento": argument }]),
                json!(["texto_editor", { "texto": argument, "nomeDocumento": "Node" }]),
                json!(["texto_editor", { "texto": "", "nomeDocumento": argument }]),
                json!(["cadastrar_usuario", { "nome": argument, "senha": "segredo" }]),
                json!(["autenticar_usuario", { "nome": "ana", "senha": argument }]),
                json!([argument, "Node"]),
            ] {
                assert!(matches!(read(&message), Err(Refusal::Invalid(_))), "{message}");
            }
        }
        for message in ["", "[]", "{}", "[\"texto_editor\"]", "[\"obter_documentos\"", "[\"x\\ud800\"]"] {
            assert!(matches!(Request::read(message), Err(Refusal::Invalid(_))), "{message}");
        }
    }

    #[test]
    fn names_and_texts_have_their_bounds() {
        let add = |length| read(&json!(["adicionar_documento", "é".repeat(length)]));
        assert!(add(0).is_err() && add(201).is_err() && add(1).is_ok() && add(200).is_ok());
        let text = |length| read(&json!(["texto_editor", { "nomeDocumento": "a", "texto": "é".repeat(length) }]));
        assert!(matches!(text(500_000), Ok(Request::Text { text: Some(_), .. })));
        assert!(matches!(text(500_001), Ok(Request::Text { text: None, .. })));
    }

    #[test]
    fn deep_and_long_messages_cost_nothing() {
        let deep = format!("[\"obter_documentos\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Request::read(&deep), Ok(Request::List));
        let deep = deep.replace("obter_documentos", "texto_editor");
        assert!(Request::read(&deep).is_err());
        let long = format!("[\"obter_documentos\"{}]", ",0".repeat(1 << 20));
        assert_eq!(Request::read(&long), Ok(Request::List));
    }
}
