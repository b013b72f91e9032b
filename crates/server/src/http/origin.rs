//! Who may call from a browser (A1): guards `/api` and `/socket.io`, from outside Socket.IO, which checks nothing itself.
//! Says who may ask, not who is signed in.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, Method, StatusCode,
        header::{CONTENT_TYPE, HOST, ORIGIN, UPGRADE},
    },
    middleware::Next,
    response::Response,
};

use super::error::Error;
use crate::app::App;

/// Lets through what A1 and A2 allow.
pub(super) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Result<Response, Error> {
    let path = request.uri().path();
    let is_api = path.starts_with("/api");
    if is_api || path.starts_with("/socket.io") {
        let public = app.config.public_url.as_ref().map(|url| url.origin());
        let caller = Caller {
            method: request.method(),
            headers: request.headers(),
            has_cookie: app.sessions.has_cookie(request.headers()),
        };
        caller.check(public)?;
        if is_api {
            caller.check_media_type()?;
        }
    }
    Ok(next.run(request).await)
}

struct Caller<'r> {
    method: &'r Method,
    headers: &'r HeaderMap,
    /// A cookie that may open a session: what a foreign page would misuse.
    has_cookie: bool,
}

impl Caller<'_> {
    fn check(&self, public: Option<&str>) -> Result<(), Error> {
        if let Some(origin) = self.headers.get(ORIGIN) {
            let allowed = match public {
                Some(public) => origin.as_bytes().eq_ignore_ascii_case(public.as_bytes()),
                None => self.is_own_plain_origin(origin.as_bytes()),
            };
            return if allowed { Ok(()) } else { Err(refused(public)) };
        }
        let acts = self.is_write() || self.headers.contains_key(UPGRADE);
        if acts && self.has_cookie {
            return Err(refused(public));
        }
        let from_elsewhere =
            self.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site");
        if from_elsewhere { Err(refused(public)) } else { Ok(()) }
    }

    /// Writes carry a media type that no form can send (A2).
    fn check_media_type(&self) -> Result<(), Error> {
        if !self.is_write() || self.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
            return Ok(());
        }
        Err(Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "A write needs the header content-type: application/json, exactly.",
        ))
    }

    fn is_write(&self) -> bool {
        !matches!(*self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Without a public URL: `http://` and the request's own host, if no name server could have made it up.
    fn is_own_plain_origin(&self, origin: &[u8]) -> bool {
        let Some(host) = self.headers.get(HOST).and_then(|host| host.to_str().ok()) else {
            return false;
        };
        let expected = format!("http://{}", host.strip_suffix(":80").unwrap_or(host));
        is_literal(host) && origin.eq_ignore_ascii_case(expected.as_bytes())
    }
}

/// Whether a `Host` is an IP address or `localhost`, with or without a port.
fn is_literal(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let unbracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    match unbracketed {
        Some(v6) => v6.parse().is_ok_and(|ip: IpAddr| ip.is_ipv6()),
        None => name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_ipv4()),
    }
}

fn refused(public: Option<&str>) -> Error {
    let message = match public {
        Some(public) => format!("This server is used from {public} only (its --public-url)."),
        None => "This server is used from its own pages, by IP address or localhost. \
                 To reach it by a name or through a proxy, start it with --public-url."
            .to_owned(),
    };
    Error::new(StatusCode::FORBIDDEN, "bad_origin", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether A1 lets it through; headers as `name: value`.
    fn passes(method: &str, has_cookie: bool, public: Option<&str>, lines: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let name: axum::http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let method = method.parse().unwrap();
        let caller = Caller { method: &method, headers: &headers, has_cookie };
        caller.check(public).is_ok()
    }

    #[test]
    fn a1_without_a_public_url_only_plain_addresses_are_their_own_origin() {
        for host in ["127.0.0.1:3000", "localhost:3000", "LOCALHOST", "192.168.1.5", "[::1]:3000", "[fe80::1]"] {
            let lines = [&*format!("host: {host}"), &*format!("origin: http://{host}").to_lowercase()];
            assert!(passes("POST", true, None, &lines), "{host}");
        }
        for host in ["evil.example:3000", "127.0.0.1.evil.example", "::1", "[127.0.0.1]", "localhost:x", ""] {
            let lines = [&*format!("host: {host}"), &*format!("origin: http://{host}")];
            assert!(!passes("POST", true, None, &lines), "{host}");
        }
        assert!(passes("GET", true, None, &["host: 10.0.0.1:80", "origin: http://10.0.0.1"]));
        assert!(!passes("GET", true, None, &["host: 10.0.0.1", "origin: https://10.0.0.1"]));
        assert!(!passes("GET", false, None, &["origin: http://10.0.0.1"]));
    }

    #[test]
    fn a1_a_public_url_is_the_one_origin() {
        let public = Some("https://docs.example.org");
        let host = "host: docs.example.org";
        assert!(passes("POST", true, public, &[host, "origin: https://docs.example.org"]));
        for origin in ["http://docs.example.org", "https://example.org", "null", "https://docs.example.org.evil"] {
            for method in ["GET", "POST"] {
                assert!(!passes(method, false, public, &[host, &format!("origin: {origin}")]), "{origin}");
            }
        }
        assert!(!passes("POST", true, public, &["host: 127.0.0.1", "origin: http://127.0.0.1"]));
    }

    #[test]
    fn a1_what_acts_with_a_cookie_needs_an_origin() {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            assert!(!passes(method, true, None, &[]), "{method}");
            assert!(passes(method, false, None, &[]), "{method}");
        }
        assert!(!passes("GET", true, None, &["upgrade: websocket"]));
        assert!(passes("GET", false, None, &["upgrade: websocket"]));
    }

    #[test]
    fn a1_browsers_reads_pass_unless_they_come_from_elsewhere() {
        for (site, expected) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)] {
            let lines = [&*format!("sec-fetch-site: {site}")];
            assert_eq!(passes("GET", true, None, &lines), expected, "{site}");
        }
        assert!(passes("GET", true, None, &[]));
    }
}
