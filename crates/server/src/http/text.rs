//! A document's plain text: for export, and for programs that write.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_TYPE, ETAG, IF_MATCH},
        request::Parts,
    },
    response::{IntoResponse, Response},
};
use engine::{access::Action, document::Kind, log::Seq, refusal::Refusal, replica};
use serde::Deserialize;

use super::{
    documents::allowed,
    error::Error,
    extract::{Json, Path, has_already},
};
use crate::{
    app::App,
    auth::sessions::Signed,
    scribes::{NotWritten, Writing},
};

/// The longest text that is written at once, in bytes.
const TEXT_BYTES: usize = 1_000_000;

/// The text as it is durable now; the tag is the number of the log's last entry.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let document = allowed(&app, &signed, &id, Action::Read).await?;
    let (seq, text) = replica::text(&*app.store, &document).await?;
    let etag = tag(seq);
    if has_already(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(answer(seq, text))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Put {
    text: String,
}

/// Writes the text: what the program changed in the text that it had read is merged into what is there now. The answer is
/// the text that came of it.
pub(super) async fn put(
    State(app): State<Arc<App>>,
    signed: Signed,
    Path(id): Path<String>,
    read: Result<Read, Error>,
    Json(body): Json<Put>,
) -> Result<Response, Error> {
    let document = allowed(&app, &signed, &id, Action::Edit).await?;
    if document.kind != Kind::Text {
        return Err(Error::invalid("Only a plain-text document is written as text; this one is rich text."));
    }
    let Read(read) = read?;
    if body.text.len() > TEXT_BYTES {
        return Err(Refusal::TooLarge.into());
    }
    let writing = Writing { person: signed.person, document, read, text: body.text };
    let written = app.scribes.write(writing).await.map_err(|why| match why {
        NotWritten::NeverRead => never_read(),
        NotWritten::Refused(Refusal::Unavailable) => Error::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unavailable.code(),
            "The server cannot save for now, and whether it did is not known. Read the text again before you write.",
        ),
        NotWritten::Refused(refusal) => refusal.into(),
    })?;
    Ok(answer(written.seq, written.text.to_string()))
}

/// `If-Match`: the number of the last entry in the text that the program had read; `None` for `*`, whatever is there.
pub(super) struct Read(Option<Seq>);

impl<S: Sync> FromRequestParts<S> for Read {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let mut said = parts.headers.get_all(IF_MATCH).iter();
        match (said.next(), said.next()) {
            (None, _) => Err(Error::new(
                StatusCode::PRECONDITION_REQUIRED,
                "precondition_required",
                "A write says which text it was made from: If-Match with the etag of that text, or * for the one that is there.",
            )),
            (Some(said), None) => read(said.as_bytes()).map(Self).ok_or_else(never_read),
            (Some(_), Some(_)) => Err(never_read()),
        }
    }
}

/// What one `If-Match` names: a number of ours with or without quotes, also after a proxy made it weak; or anything.
fn read(said: &[u8]) -> Option<Option<Seq>> {
    let said = std::str::from_utf8(said).ok()?.trim();
    if said == "*" {
        return Some(None);
    }
    let said = said.strip_prefix("W/").unwrap_or(said);
    let number = said.strip_prefix('"').and_then(|said| said.strip_suffix('"')).unwrap_or(said);
    let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| number.parse().ok())?.map(Some)
}

fn never_read() -> Error {
    Error::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition_failed",
        "The number in If-Match is not one that this document has had. Read the text again, and write with its etag.",
    )
}

fn tag(seq: Seq) -> String {
    format!("\"{seq}\"")
}

fn answer(seq: Seq, text: String) -> Response {
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (ETAG, tag(seq))];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_if_match_is_one_number_or_anything() {
        for (said, expected) in
            [("\"7\"", 7), ("7", 7), ("W/\"7\"", 7), (" \"0\" ", 0), ("18446744073709551615", u64::MAX)]
        {
            assert_eq!(read(said.as_bytes()), Some(Some(expected)), "{said}");
        }
        assert_eq!(read(b"*"), Some(None));
        for bad in ["", "\"\"", "\"*\"", "-1", "+1", "1.0", "\"7", "7\"x", "\"1\", \"2\"", "18446744073709551616", "x"]
        {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(read(b"\xff"), None);
    }
}
