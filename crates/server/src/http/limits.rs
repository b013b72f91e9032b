//! Request bodies: bounded in size and time, and read whole before anybody looks at them. So who sends too much still hears why.

use std::time::Duration;

use axum::{body::Body, extract::Request, http::StatusCode, middleware::Next, response::Response};
use engine::refusal::Refusal;
use futures_util::StreamExt;

use super::error::Error;

/// The largest body: titles, names and passwords are far smaller.
const BODY_BYTES: usize = 64 << 10;
/// What is read and thrown away of a larger one: a connection that is closed on its sender takes the answer with it.
const DISCARDED_BYTES: usize = 16 << 20;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Reads the body.
pub(super) async fn read_body(request: Request, next: Next) -> Result<Response, Error> {
    let (parts, body) = request.into_parts();
    let too_slow = |_| Error::new(StatusCode::REQUEST_TIMEOUT, "invalid", "The body took too long.");
    let body = tokio::time::timeout(BODY_WITHIN, whole(body)).await.map_err(too_slow)??;
    Ok(next.run(Request::from_parts(parts, body.into())).await)
}

async fn whole(body: Body) -> Result<Vec<u8>, Error> {
    let mut chunks = body.into_data_stream();
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Error::invalid("The body did not arrive whole."))?;
        length += chunk.len();
        if length <= BODY_BYTES {
            kept.extend_from_slice(&chunk);
        } else if length > DISCARDED_BYTES {
            break;
        }
    }
    if length > BODY_BYTES { Err(Refusal::TooLarge.into()) } else { Ok(kept) }
}
