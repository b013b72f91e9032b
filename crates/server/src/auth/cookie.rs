//! The one cookie that carries a session's token to browsers.

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

use crate::config::PublicUrl;

/// How the cookie is named and guarded: the scheme of the public address decides, and no other name is accepted (A2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Jar {
    name: &'static str,
    attributes: &'static str,
}

impl Jar {
    pub(crate) fn new(public_url: Option<&PublicUrl>) -> Self {
        match public_url {
            Some(url) if url.is_secure() => {
                Self { name: "__Host-sesodocs", attributes: "Path=/; HttpOnly; SameSite=Lax; Secure" }
            }
            _ => Self { name: "sesodocs", attributes: "Path=/; HttpOnly; SameSite=Lax" },
        }
    }

    /// The token in a request's cookies.
    pub(crate) fn token<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, token)| (name == self.name).then_some(token))
    }

    /// The `set-cookie` that hands a token out for so many seconds; 0 takes it back.
    pub(crate) fn set(&self, token: &str, seconds: i64) -> Option<HeaderValue> {
        let Self { name, attributes } = self;
        HeaderValue::from_str(&format!("{name}={token}; Max-Age={seconds}; {attributes}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a2_the_scheme_decides_the_one_name_that_is_accepted() {
        let plain = Jar::new(None);
        let secure = Jar::new(Some(&"https://a.b".parse().unwrap()));
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "x=1; sesodocs=plain".parse().unwrap());
        headers.append(COOKIE, "__Host-sesodocs=secure".parse().unwrap());
        assert_eq!(plain.token(&headers), Some("plain"));
        assert_eq!(secure.token(&headers), Some("secure"));
        headers.remove(COOKIE);
        assert_eq!(plain.token(&headers), None);

        let set = secure.set("t", 5).unwrap();
        assert_eq!(set, "__Host-sesodocs=t; Max-Age=5; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(plain.set("a\nb", 5).is_none());
    }
}
