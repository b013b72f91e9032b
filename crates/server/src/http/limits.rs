//! Request bodies: bounded in size and time, and read whole before anybody looks at them. So who sends too much still hears why.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};
use engine::refusal::Refusal;
use futures_util::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::Error;
use crate::app::App;

/// The largest body: titles, names and passwords are far smaller.
const BODY_BYTES: usize = 64 << 10;
/// The largest body that holds a document's text: JSON may take three bytes for one.
const LONG_BODY_BYTES: usize = 4 << 20;
/// How many of those are in memory at the same time.
static LONG_BODIES: Semaphore = Semaphore::const_new(32);
/// What is read and thrown away of a larger one: a connection that is closed on its sender takes the answer with it.
const DISCARDED_BYTES: usize = 16 << 20;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Reads the body.
pub(super) async fn read_body(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Error> {
    let most = Most::of(&app, &request);
    let (parts, body) = request.into_parts();
    let too_slow = |_| Error::new(StatusCode::REQUEST_TIMEOUT, "invalid", "The body took too long.");
    let (body, _held) = tokio::time::timeout(BODY_WITHIN, whole(body, most)).await.map_err(too_slow)??;
    Ok(next.run(Request::from_parts(parts, body.into())).await)
}

/// The most that is read of a body, and why not more.
struct Most {
    bytes: usize,
    refusal: Refusal,
}

impl Most {
    /// Only whoever has signed in sends long bodies, and only where a text is written.
    fn of(app: &App, request: &Request) -> Self {
        let is_text = request.method() == Method::PUT && request.uri().path().ends_with("/text");
        match is_text {
            true if app.sessions.is_known(request.headers()) => {
                Self { bytes: LONG_BODY_BYTES, refusal: Refusal::TooLarge }
            }
            true => Self { bytes: BODY_BYTES, refusal: Refusal::Unauthenticated },
            false => Self { bytes: BODY_BYTES, refusal: Refusal::TooLarge },
        }
    }
}

/// All of it, and if it is long, its place among those.
async fn whole(body: Body, most: Most) -> Result<(Vec<u8>, Option<SemaphorePermit<'static>>), Error> {
    let mut chunks = body.into_data_stream();
    let (mut kept, mut place) = (Vec::new(), None);
    let mut length = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Error::invalid("The body did not arrive whole."))?;
        length += chunk.len();
        if length > BODY_BYTES && length <= most.bytes && place.is_none() {
            place = LONG_BODIES.acquire().await.ok();
        }
        if length <= most.bytes {
            kept.extend_from_slice(&chunk);
        } else if length > DISCARDED_BYTES {
            break;
        }
    }
    if length > most.bytes { Err(most.refusal.into()) } else { Ok((kept, place)) }
}
