//! A folder's files at `/`: a front end of the course (`--classic-site`). Our own pages are below `/app` then.
//! Nothing outside of the folder is served, whatever an address or a symbolic link says, and nothing hidden in it.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    pin::Pin,
};

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::{IntoResponse, Response},
};
use tower::ServiceExt;
use tower_http::services::{
    ServeDir,
    fs::{Backend, DefaultServeDirFallback, TokioBackend, TokioFile},
};

use super::{headers::WithoutPolicy, pages};

/// Where our own pages are beside such a folder.
const APP: &str = "/app";

/// The folder, and our pages below [`APP`].
#[derive(Clone)]
pub(super) struct Site {
    files: ServeDir<DefaultServeDirFallback, Fence>,
}

impl Site {
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn open(folder: &Path) -> Result<Self, String> {
        let cannot =
            |why: String| format!("The folder {} of --classic-site cannot be served: {why}.", folder.display());
        let root = folder.canonicalize().map_err(|error| cannot(error.to_string()))?;
        std::fs::read_dir(&root).map_err(|error| cannot(error.to_string()))?;
        Ok(Self { files: ServeDir::with_backend(&root, Fence { root: root.clone() }) })
    }

    /// Answers what no other route does.
    pub(super) async fn serve(self, request: Request) -> Response {
        let path = request.uri().path();
        match path.strip_prefix(APP) {
            Some("") => moved(HeaderValue::from_static("/app/")),
            Some(below) if below.starts_with('/') => {
                pages::answer(&pages::BELOW_APP, request.method(), below, request.headers())
            }
            // The library would answer with an address of another host.
            _ if path.starts_with("//") => StatusCode::NOT_FOUND.into_response(),
            _ => self.file(request).await,
        }
    }

    async fn file(self, request: Request) -> Response {
        let answered = match self.files.oneshot(request).await {
            Ok(answered) => answered,
            Err(never) => match never {},
        };
        let mut response = match answered.headers().get(LOCATION) {
            Some(folder) => moved(folder.clone()),
            None => answered.map(Body::new),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Some(utf_8) = headers.get(CONTENT_TYPE).and_then(in_utf_8) {
            headers.insert(CONTENT_TYPE, utf_8);
        }
        response.extensions_mut().insert(WithoutPolicy);
        response
    }
}

fn moved(to: HeaderValue) -> Response {
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, to)]).into_response()
}

/// The course's own server says so of its pages, which need not say it themselves.
fn in_utf_8(content_type: &HeaderValue) -> Option<HeaderValue> {
    let content_type = content_type.to_str().ok().filter(|name| name.starts_with("text/"))?;
    HeaderValue::from_str(&format!("{content_type}; charset=utf-8")).ok()
}

/// Lets through what is really in the folder, and not hidden there.
#[derive(Clone)]
struct Fence {
    root: PathBuf,
}

type Opening<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

impl Fence {
    async fn inside(self, path: PathBuf) -> io::Result<PathBuf> {
        // What cannot be found, for whatever reason, is not there.
        let found = tokio::fs::canonicalize(path).await.map_err(|_| io::ErrorKind::NotFound)?;
        let below = found.strip_prefix(&self.root).map_err(|_| io::ErrorKind::NotFound)?;
        let is_hidden = below.iter().any(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden { Err(io::ErrorKind::NotFound.into()) } else { Ok(found) }
    }
}

impl Backend for Fence {
    type File = TokioFile;
    type Metadata = Metadata;
    type OpenFuture = Opening<TokioFile>;
    type MetadataFuture = Opening<Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let inside = self.clone().inside(path);
        Box::pin(async { TokioBackend.open(inside.await?).await })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let inside = self.clone().inside(path);
        Box::pin(async { TokioBackend.metadata(inside.await?).await })
    }
}
