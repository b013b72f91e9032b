//! The built pages: every address of the application answers with the one page, which looks at the address itself.

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY},
    },
    response::{IntoResponse, Response},
};
use engine::document::DocumentId;
use web::Asset;

use super::extract::has_already;

/// Where the application's addresses begin, which its page knows: files and other pages are named from there.
pub(super) struct Base {
    page: fn() -> &'static Asset,
}

/// At `/`.
pub(super) const ROOT: Base = Base { page: web::index };

/// At `/app/`.
pub(super) const BELOW_APP: Base = Base { page: || web::find(PAGE_BELOW_APP).unwrap_or_else(web::index) };

const PAGE_BELOW_APP: &str = "/app/index.html";

/// Answers what no other route does.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    answer(&ROOT, &method, uri.path(), &headers)
}

/// The browser client of Socket.IO that other people's pages load by name.
pub(super) async fn client(uri: Uri, headers: HeaderMap) -> Response {
    match web::find(uri.path()) {
        Some(asset) => file(asset, StatusCode::OK, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What is at `path` behind the base.
pub(super) fn answer(base: &Base, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
    }
    if is_page(path) {
        return file((base.page)(), StatusCode::OK, headers);
    }
    match web::find(path).filter(|asset| asset.path != PAGE_BELOW_APP) {
        Some(asset) => file(asset, StatusCode::OK, headers),
        // A missing script must not be answered with a page.
        None if path.starts_with("/assets/") => StatusCode::NOT_FOUND.into_response(),
        None => file((base.page)(), StatusCode::NOT_FOUND, headers),
    }
}

/// Whether the application has a page at this address.
fn is_page(path: &str) -> bool {
    match path.strip_prefix("/d/") {
        Some(id) => id.parse::<DocumentId>().is_ok(),
        None => matches!(path, "/" | "/trash" | "/signin" | "/signup"),
    }
}

fn file(asset: &'static Asset, status: StatusCode, headers: &HeaderMap) -> Response {
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    // The forms of a file share a tag: it names the content, not the bytes.
    if let Ok(etag) = HeaderValue::from_str(&format!("W/{}", asset.etag)) {
        out.insert(ETAG, etag);
    }
    out.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let caching = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    out.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if status == StatusCode::OK && has_already(headers, asset.etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    out.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    let (encoding, bytes) = match (asset.brotli, asset.gzip) {
        (Some(brotli), _) if accepts(headers, "br") => (Some("br"), brotli),
        (_, Some(gzip)) if accepts(headers, "gzip") => (Some("gzip"), gzip),
        _ => (None, asset.bytes),
    };
    if let Some(encoding) = encoding {
        out.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    *response.status_mut() = status;
    *response.body_mut() = Body::from(bytes);
    response
}

/// Whether a form is accepted: named, and not with a weight of zero.
fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|part| {
        let (name, weight) = part.split_once(';').unwrap_or((part, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case(encoding) && weight != Some(0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_forms_are_sent_to_who_accepts_them() {
        let accepts = |value: &'static str, encoding| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            accepts(&headers, encoding)
        };
        assert!(accepts("gzip, deflate, br", "br") && accepts("GZIP;q=0.5", "gzip"));
        assert!(!accepts("gzip;q=0, br", "gzip") && !accepts("", "br") && !accepts("*", "br"));
    }

    #[test]
    fn only_the_applications_addresses_are_pages() {
        assert!(is_page("/") && is_page("/trash") && is_page(&format!("/d/{}", DocumentId(3))));
        assert!(!is_page("/d/") && !is_page("/d/x") && !is_page("/index.html") && !is_page("/admin"));
    }
}
